/* ltm_doctor: inspects and measures the machine. */
#include "doctor/doctor_findings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include <omp.h>

#include "base/built.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/processes.h"
#include "doctor/bandwidth.h"
#include "ltm.h"
#include "math/bf16.h"
#include "math/matmul.h"
#include "serve/http.h"
#include "text/archive_stream.h"
#include "text/html_text.h"

static int number_of(const char *variable) {
    const char *text = getenv(variable);
    const long number = text ? strtol(text, NULL, 10) : 0;
    return number > 0 && number < 1000000 ? (int)number : 0;
}

static void gather_facts(struct doctor_facts *facts) {
    *facts = (struct doctor_facts){.openblas = *matmul_openblas(),
                                   .online = (int)sysconf(_SC_NPROCESSORS_ONLN),
                                   .omp_threads = number_of("OMP_NUM_THREADS"),
                                   .omp_limit = number_of("OMP_THREAD_LIMIT"),
                                   .onednn_limited = getenv("ONEDNN_MAX_CPU_ISA") || getenv("DNNL_MAX_CPU_ISA"),
#ifdef __AVX2__
                                   .built_avx2 = true,
#endif
#ifdef __AVX512F__
                                   .built_avx512 = true,
#endif
                                   .share = NAN};
    processor_read(&facts->processor);
}

static void look_at_build(struct ltm_machine *machine) {
    struct utsname system;
    snprintf(machine->version, sizeof machine->version, "%s", LTM_VERSION);
    snprintf(machine->commit, sizeof machine->commit, "%s", built_commit());
    snprintf(machine->compiler, sizeof machine->compiler, "%s", built_compiler());
    snprintf(machine->flags, sizeof machine->flags, "%s", built_flags());
    snprintf(machine->libarchive, sizeof machine->libarchive, "%s", archive_stream_library());
    snprintf(machine->libmicrohttpd, sizeof machine->libmicrohttpd, "%s", http_library());
    snprintf(machine->libxml2, sizeof machine->libxml2, "%s", html_text_library());
    snprintf(machine->mpi, sizeof machine->mpi, "%s", processes_library());
    if (uname(&system) != 0) return;
#ifdef __GLIBC__
    snprintf(machine->system, sizeof machine->system, "%.60s %.60s, glibc %s", system.sysname, system.release,
             gnu_get_libc_version());
#else
    snprintf(machine->system, sizeof machine->system, "%.60s %.60s", system.sysname, system.release);
#endif
}

static void look(struct ltm_machine *machine, const struct doctor_facts *facts) {
    struct memory_limits memory;
    look_at_build(machine);
    processor_name(machine->processor, sizeof machine->processor);
    processor_instructions(machine->instructions, sizeof machine->instructions, &facts->processor);
    machine->cores = omp_get_num_procs();
    machine->quota = processor_quota("");
    memory_limits_read(&memory, "");
    machine->memory_total = memory.total > 0 ? memory.total : -1;
    machine->memory_limit = memory.limit;
    machine->memory_available = memory.available;
    snprintf(machine->openblas, sizeof machine->openblas, "%s", openblas_config());
    snprintf(machine->openblas_kernel, sizeof machine->openblas_kernel, "%s", facts->openblas.kernel);
    snprintf(machine->openblas_detected, sizeof machine->openblas_detected, "%s", facts->openblas.detected);
    snprintf(machine->onednn, sizeof machine->onednn, "%s", bf16_backend());
    machine->fp32 = (struct ltm_matrix_speed){.available = true, .correct = facts->openblas.correct};
    const char *missing = bf16_missing(); /* compares a product with a plain one */
    machine->bf16 = (struct ltm_matrix_speed){.available = !missing, .correct = !missing};
    snprintf(machine->bf16.missing, sizeof machine->bf16.missing, "%s", missing ? missing : "");
}

/* Arrays far larger than the caches, in at most an eighth of the memory. */
static size_t triad_bytes(const struct ltm_machine *machine, int threads) {
    const double most = machine->memory_available >= 0 ? (double)machine->memory_available / 8 : 192e6;
    const double wanted = threads > 4 ? 48e6 * threads : 192e6;
    return (size_t)(wanted < most ? wanted : most);
}

static void measure(struct ltm_machine *machine, struct doctor_facts *facts) {
    static const double each = 0.3; /* seconds */
    const int threads = machine->threads;
    const int running = threads < machine->cores ? threads : machine->cores;
    machine->fp32.one = matmul_peak(1, each);
    const double began = seconds_of(CLOCK_MONOTONIC);
    const double worked = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    machine->fp32.all = matmul_peak(threads, each);
    facts->share = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - worked) / (running * (seconds_of(CLOCK_MONOTONIC) - began));
    if (machine->bf16.available) {
        machine->bf16.one = bf16_peak(1, each);
        machine->bf16.all = bf16_peak(threads, each);
    }
    machine->bandwidth_one = bandwidth_triad(1, triad_bytes(machine, 1), each);
    machine->bandwidth_all = bandwidth_triad(threads, triad_bytes(machine, threads), each);
}

void ltm_doctor(const struct ltm_doctor_options *options, struct ltm_machine *machine) {
    struct doctor_facts facts;
    gather_facts(&facts);
    *machine = (struct ltm_machine){0};
    look(machine, &facts);
    machine->threads = options->threads > 0 ? options->threads : machine->cores;
    machine->fp32.one = machine->fp32.all = machine->bf16.one = machine->bf16.all = NAN;
    machine->bandwidth_one = machine->bandwidth_all = NAN;
    if (options->measure) measure(machine, &facts);
    doctor_find(machine, &facts);
}
