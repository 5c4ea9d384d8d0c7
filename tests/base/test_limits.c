/* Memory and time that control groups leave, of either version, read from trees made for the test. */
#include <omp.h>

#include "support/unit.h"

#include <stdarg.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/processor.h"

static char root[512];

static void put(const char *path, const char *text) {
    char whole[1024];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    *strrchr(whole, '/') = 0;
    assert_int_equal(folder_create(whole, NULL), LTM_OK);
    snprintf(whole, sizeof whole, "%s%s", root, path);
    assert_int_equal(file_write_text(whole, text, NULL), LTM_OK);
}

static int fresh_root(void **state) {
    const char *folder = getenv("TMPDIR");
    (void)state;
    snprintf(root, sizeof root, "%s/ltm-limits.XXXXXX", folder ? folder : "/tmp");
    if (!mkdtemp(root)) return -1;
    put("/proc/meminfo", "MemTotal:       24000000 kB\nMemFree:         1 kB\nMemAvailable:   20000000 kB\n");
    return 0;
}

static int remove_root(void **state) {
    (void)state;
    return folder_remove(root, NULL) == LTM_OK ? 0 : -1;
}

static void expect(int64_t limit, int64_t available) {
    struct memory_limits limits;
    memory_limits_read(&limits, root);
    assert_int_equal(limits.total, INT64_C(24576000000));
    assert_int_equal(limits.limit, limit);
    assert_int_equal(limits.available, available);
}

static void without_groups_the_machine_is_the_limit(void **state) {
    (void)state;
    expect(0, INT64_C(20480000000));
    assert_true(processor_quota(root) == 0);
    assert_int_equal(processors_granted(root), omp_get_num_procs());
}

static void version_2_and_its_parents(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/user.slice/job\n");
    put("/sys/fs/cgroup/user.slice/job/memory.max", "max\n");
    put("/sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n");
    expect(0, INT64_C(20480000000));
    put("/sys/fs/cgroup/user.slice/memory.max", "2000000000\n");
    put("/sys/fs/cgroup/user.slice/memory.current", "1500000000\n");
    put("/sys/fs/cgroup/user.slice/memory.stat", "anon 9\ninactive_file 300000000\nactive_file 7\n");
    put("/sys/fs/cgroup/user.slice/cpu.max", "150000 100000\n");
    expect(2000000000, 800000000);
    assert_true(processor_quota(root) == 1.5);
    assert_int_equal(processors_granted(root), omp_get_num_procs() < 2 ? 1 : 2);
    put("/sys/fs/cgroup/user.slice/job/memory.max", "500000000\n");
    put("/sys/fs/cgroup/user.slice/job/memory.current", "600000000\n");
    expect(500000000, 0);
}

static void version_1_of_a_container_that_sees_its_hosts_path(void **state) {
    (void)state;
    put("/proc/self/cgroup", "9:name=systemd:/\n4:memory:/host/abc\n3:cpu,cpuacct:/host/abc\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000000\n");
    put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "400000000\n");
    put("/sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 100000000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    expect(1000000000, 700000000);
    assert_true(processor_quota(root) == 0.5);
    assert_int_equal(processors_granted(root), 1);
}

static void version_1_without_limits(void **state) {
    (void)state;
    put("/proc/self/cgroup", "4:memory:/\n3:cpu:/\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "400000000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    expect(0, INT64_C(20480000000));
    assert_true(processor_quota(root) == 0);
}

static void nothing_known_is_said(void **state) {
    struct memory_limits limits;
    (void)state;
    memory_limits_read(&limits, "/nowhere");
    assert_int_equal(limits.total, 0);
    assert_int_equal(limits.available, -1);
}

static void the_processor_is_told(void **state) {
    struct processor none = {0};
    struct processor server = {.avx = true, .avx2 = true, .avx512 = true, .amx_bf16 = true};
    char text[128];
    char small[8];
    (void)state;
    processor_instructions(text, sizeof text, &none);
    assert_string_equal(text, "");
    processor_instructions(text, sizeof text, &server);
    assert_string_equal(text, "avx avx2 avx512 amx_bf16");
    processor_instructions(small, sizeof small, &server);
    assert_string_equal(small, "avx avx");
    assert_true(processor_has_bf16(&server) && !processor_has_bf16(&none));
    processor_name(text, sizeof text);
    assert_true(*text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_groups_the_machine_is_the_limit, fresh_root, remove_root),
        cmocka_unit_test_setup_teardown(version_2_and_its_parents, fresh_root, remove_root),
        cmocka_unit_test_setup_teardown(version_1_of_a_container_that_sees_its_hosts_path, fresh_root, remove_root),
        cmocka_unit_test_setup_teardown(version_1_without_limits, fresh_root, remove_root),
        cmocka_unit_test(nothing_known_is_said),
        cmocka_unit_test(the_processor_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
