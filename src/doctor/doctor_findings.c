#include "doctor/doctor_findings.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ltm/names.h"

static void add(struct ltm_machine *machine, enum ltm_finding_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct ltm_machine *machine, enum ltm_finding_kind kind, const char *format, ...) {
    if (machine->findings == LTM_FINDINGS_MOST) return;
    struct ltm_finding *finding = &machine->finding[machine->findings++];
    va_list arguments;
    finding->kind = (int)kind;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
}

static void find_openblas(struct ltm_machine *m, const struct openblas_state *state) {
    if (!state->correct)
        add(m, LTM_FINDING_FAULT,
            "OpenBLAS's kernel '%s' computes wrong products on this processor, and no other kernel tried is "
            "correct: %s",
            state->kernel,
            *state->setting ? "unset the environment variable OPENBLAS_CORETYPE, which chose it"
                            : "install another version of OpenBLAS");
    else if (state->wrong_first)
        add(m, LTM_FINDING_NOTE,
            "OpenBLAS's own choice, the kernel '%s', computes wrong products here; ltm uses '%s' instead.",
            state->detected, state->kernel);
    else if (strcasecmp(state->detected, state->kernel) != 0)
        add(m, LTM_FINDING_NOTE,
            "OpenBLAS does not recognise this processor and chose '%s'; ltm makes it use '%s', which is several "
            "times faster. Other programs that use OpenBLAS need OPENBLAS_CORETYPE=%s in their environment.",
            state->detected, state->kernel, state->kernel);
    if (*state->setting && strcasecmp(state->setting, state->kernel) != 0)
        add(m, LTM_FINDING_ADVICE,
            "the environment's OPENBLAS_CORETYPE=%s names a kernel that this OpenBLAS lacks; it uses '%s'. Unset it.",
            state->setting, state->kernel);
    else if (*state->setting && *state->better)
        add(m, LTM_FINDING_ADVICE,
            "the environment's OPENBLAS_CORETYPE=%s asks for a slower kernel than '%s', which this processor can run. "
            "Unset it.",
            state->setting, state->better);
    else if (*state->better && !state->wrong_first)
        add(m, LTM_FINDING_ADVICE,
            "OpenBLAS uses its kernel '%s' although the processor can run '%s': this OpenBLAS lacks "
            "that kernel or does not allow choosing it. Try OPENBLAS_CORETYPE=%s, or a newer OpenBLAS.",
            state->kernel, state->better, state->better);
}

static void find_bf16(struct ltm_machine *m, const struct doctor_facts *facts) {
    if (m->bf16.available) {
        if (m->bf16.all < m->fp32.all) /* false if either is NaN */
            add(m, LTM_FINDING_NOTE, "bf16 products are no faster than fp32 ones here; use run.precision = fp32.");
        return;
    }
    if (!processor_has_bf16(&facts->processor)) return;
    if (strcmp(m->onednn, "none") == 0)
        add(m, LTM_FINDING_ADVICE,
            "the processor has instructions for bf16, many times faster than fp32 with AMX, and %s. Install "
            "it (apt-get install libdnnl-dev) and rebuild.",
            m->bf16.missing);
    else if (facts->onednn_limited)
        add(m, LTM_FINDING_ADVICE,
            "bf16 is not possible, because %s; the environment's ONEDNN_MAX_CPU_ISA or DNNL_MAX_CPU_ISA may be the "
            "cause. Unset it.",
            m->bf16.missing);
    else
        add(m, LTM_FINDING_FAULT,
            "the processor has instructions for bf16, but %s. ltm trains in fp32; install another "
            "version of oneDNN and rebuild.",
            m->bf16.missing);
}

static void find_threads(struct ltm_machine *m, const struct doctor_facts *facts) {
    if (m->threads > m->cores)
        add(m, LTM_FINDING_ADVICE,
            "%d threads are requested, but only %d core%s can be used: they would wait for each other. Set run.threads "
            "= "
            "%d.",
            m->threads, m->cores, ltm_plural(m->cores), m->cores);
    if (m->cores < facts->online)
        add(m, LTM_FINDING_NOTE,
            "%d of the machine's %d cores can be used: a CPU set (taskset, container, batch system) excludes "
            "the others.",
            m->cores, facts->online);
    if (m->quota > 0 && m->quota < 0.95 * (m->threads < m->cores ? m->threads : m->cores))
        add(m, LTM_FINDING_ADVICE,
            "a control group grants this process %.2g cores' worth of time: %d thread%s would be throttled. "
            "Set run.threads = %d, or request more.",
            m->quota, m->threads, ltm_plural(m->threads), m->quota < 1 ? 1 : (int)m->quota);
    if (facts->omp_threads > m->cores)
        add(m, LTM_FINDING_ADVICE,
            "the environment's OMP_NUM_THREADS=%d is more than the %d core%s that can be used; ltm follows "
            "run.threads, but other programs would be slow. Set it to %d or unset it.",
            facts->omp_threads, m->cores, ltm_plural(m->cores), m->cores);
    if (facts->omp_limit > 0 && facts->omp_limit < m->threads)
        add(m, LTM_FINDING_ADVICE,
            "the environment's OMP_THREAD_LIMIT=%d allows fewer threads than the %d requested. Unset it.",
            facts->omp_limit, m->threads);
}

static void find_speed(struct ltm_machine *m, const struct doctor_facts *facts) {
    const int threads = m->threads < m->cores ? m->threads : m->cores;
    if (isnan(m->fp32.one)) return;
    if (facts->share < 0.9)
        add(m, LTM_FINDING_ADVICE,
            "other programs took %.0f %% of the processor during the measurement: the figures are too low. Run doctor "
            "again when those programs have ended.",
            100 - 100 * facts->share);
    else if (threads > 1 && m->fp32.all < 0.7 * threads * m->fp32.one)
        add(m, LTM_FINDING_ADVICE,
            "%d threads together are %.1f times as fast as one: some cores share their arithmetic units, or the "
            "machine is shared. Compare run.threads = %d.",
            m->threads, m->fp32.all / m->fp32.one, threads / 2);
}

static void find_build(struct ltm_machine *m, const struct doctor_facts *facts) {
    if ((facts->processor.avx2 && !facts->built_avx2) || (facts->processor.avx512 && !facts->built_avx512))
        add(m, LTM_FINDING_ADVICE,
            "this ltm was built for older processors: everything except matrix products runs slower "
            "than it could. Build it on this machine (make).");
}

static void find_memory(struct ltm_machine *m) {
    static const int64_t little = 1000000000;
    if (m->memory_available >= 0 && m->memory_available < little)
        add(m, LTM_FINDING_ADVICE,
            "%.0f MB of memory are available: enough for small models only. End other programs%s; ltm inspect "
            "CONFIG.ini shows what a run needs.",
            (double)m->memory_available / 1e6, m->memory_limit > 0 ? " or request a higher limit" : "");
}

void doctor_find(struct ltm_machine *machine, const struct doctor_facts *facts) {
    machine->findings = 0;
    find_openblas(machine, &facts->openblas);
    find_bf16(machine, facts);
    find_threads(machine, facts);
    find_memory(machine);
    find_build(machine, facts);
    find_speed(machine, facts);
}
