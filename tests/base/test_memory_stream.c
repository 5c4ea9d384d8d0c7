/* Text that a stream keeps in memory is whole, or is not given. */
#include "support/unit.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory_stream.h"

static void it_holds_what_was_written(void **state) {
    (void)state;
    enum { LINES = 20000 };
    struct memory_stream out;
    char line[32];
    memory_stream_open(&out);
    assert_non_null(out.stream);
    for (int i = 0; i < LINES; i++) assert_true(fprintf(out.stream, "%d\n", i) > 0);
    char *text = memory_stream_close(&out);
    char *at = text;
    assert_non_null(text);
    for (int i = 0; i < LINES; i++) {
        const int length = snprintf(line, sizeof line, "%d\n", i);
        assert_memory_equal(at, line, (size_t)length);
        at += length;
    }
    assert_int_equal(*at, 0);
    free(text);
}

static void nothing_is_an_empty_text(void **state) {
    (void)state;
    struct memory_stream out;
    memory_stream_open(&out);
    char *text = memory_stream_close(&out);
    assert_string_equal(text, "");
    free(text);
}

/* Memory for the beginning and for the end, none in between. */
static int write_under_a_limit(void) {
    struct memory_stream out;
    struct rlimit limit;
    memory_stream_open(&out);
    if (!out.stream || getrlimit(RLIMIT_AS, &limit) != 0) return 1;
    fputs("begin", out.stream);
    fflush(out.stream);
    limit.rlim_cur = 1 << 20; /* less than there is: no more at all */
    if (setrlimit(RLIMIT_AS, &limit) != 0) return 2;
    static char large[1 << 24];
    memset(large, 'x', sizeof large);
    fwrite(large, 1, sizeof large, out.stream);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_AS, &limit) != 0) return 3;
    fputs("end", out.stream);
    return memory_stream_close(&out) ? 4 : 0;
}

static void a_gap_is_no_text(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* it ends where there is no address space */
#endif
    int how;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(write_under_a_limit());
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_what_was_written),
        cmocka_unit_test(nothing_is_an_empty_text),
        cmocka_unit_test(a_gap_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
