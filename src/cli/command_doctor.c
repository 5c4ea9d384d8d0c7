/* ltm doctor */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "commands.h"
#include "doctor_scaling.h"
#include "ltm/doctor.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm doctor [--threads N] [--json]\n"
    "\n"
    "Shows the machine as training meets it: processor, memory, the libraries that multiply matrices and how fast "
    "they\n"
    "do it here, whether their results are right, and what is wrong and how to mend it. Takes about three seconds; "
    "other\n"
    "programs that run meanwhile lower the figures. Exits with 1 when a library computes wrong results.\n"
    "  --threads N            as many as a run would take (default: one a core)\n"
    "  --json                 print all of it as JSON\n"
    "\n"
    "       ltm doctor --scaling CONFIG.ini [section.key=value …] [--machines 8,64,512] [--bandwidth 10G]\n"
    "                  [--latency 20us] [--speed F] [--json]\n"
    "\n"
    "Foretells how long a slow step of that configuration takes on so many machines like this one "
    "(include/ltm/scaling.h\n"
    "says how), and from how many fast steps, or from which batch with slow.parts = machines, 90 % of their time is of "
    "use.\n"
    "  --machines N,…         (1,8,64,512)\n"
    "  --bandwidth B          of the network, bits a second (10G)\n"
    "  --latency T            of the network (20us)\n"
    "  --speed F              operations of useful work a second of one machine (0.7 of its matrix speed, measured)\n";

static void print_bytes(const char *name, int64_t bytes) {
    if (bytes >= 0)
        printf("%s%.2f GB", name, (double)bytes / 1e9);
    else
        printf("%snot known", name);
}

static void print_memory(const struct ltm_machine *m) {
    print_bytes("memory                 ", m->memory_total);
    if (m->memory_limit > 0) print_bytes(", limited to ", m->memory_limit);
    print_bytes(", available ", m->memory_available);
    printf("\nmemory bandwidth       %.1f GB/s with one thread, %.1f with %d\n", m->bandwidth_one / 1e9,
           m->bandwidth_all / 1e9, m->threads);
}

static void print_speed(const char *name, const struct ltm_matrix_speed *speed, int threads) {
    if (!speed->available) {
        printf("%s products          none, because %s\n", name, speed->missing);
        return;
    }
    printf("%s products          %.0f GFLOP/s with one thread, %.0f with %d each on its own; results %s\n", name,
           speed->one / 1e9, speed->all / 1e9, threads, speed->correct ? "right" : "WRONG");
}

static void print_readable(const struct ltm_machine *m) {
    static const char *const kinds[] = {"note", "advice", "FAULT"};
    printf("ltm                    %s, commit %s, built with %s\n", m->version, m->commit, m->compiler);
    printf("system                 %s\n", m->system);
    printf("processor              %s\n", m->processor);
    printf("instructions           %s\n", *m->instructions ? m->instructions : "none that matter here are known");
    printf("cores                  %d", m->cores);
    if (m->quota > 0) printf(", %.2g of them granted", m->quota);
    putchar('\n');
    print_memory(m);
    printf("OpenBLAS               %s\n", m->openblas);
    printf("OpenBLAS's kernel      %s\n", m->openblas_kernel);
    printf("oneDNN                 %s\n", m->onednn);
    printf("MPI                    %s\n", m->mpi);
    print_speed("fp32", &m->fp32, m->threads);
    print_speed("bf16", &m->bf16, m->threads);
    putchar('\n');
    if (m->findings == 0) puts("All is well.");
    for (int i = 0; i < m->findings; i++) printf("%s: %s\n", kinds[m->finding[i].kind], m->finding[i].text);
}

static int exit_code(const struct ltm_machine *m) {
    for (int i = 0; i < m->findings; i++)
        if (m->finding[i].kind == LTM_FINDING_FAULT) return CLI_FAILED;
    return CLI_OK;
}

int command_doctor(int argc, char **argv) {
    struct ltm_doctor_options o = {.measure = true};
    struct ltm_machine machine;
    struct ltm_error error = {0};
    struct scaling_request scaling = {0};
    bool json = false;
    const struct cli_option options[] = {{"threads", .number = &o.threads, .least = 1, .most = OPTION_THREADS_MOST},
                                         {"scaling", .text = &scaling.config},
                                         {"machines", .text = &scaling.machines},
                                         {"bandwidth", .text = &scaling.bandwidth},
                                         {"latency", .text = &scaling.latency},
                                         {"speed", .text = &scaling.speed},
                                         {"json", .on = &json},
                                         {0}};
    const struct command_line line = {"doctor", usage, NULL, options};
    const int code = options_read(&line, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (scaling.config) {
        scaling.json = json;
        scaling.settings = argv + optind;
        scaling.count = argc - optind;
        for (int i = optind; i < argc; i++)
            if (!argument_is_setting(argv[i]))
                return cli_usage("doctor", "\"%s\" is not of the form section.key=value", argv[i]);
        return doctor_scaling(&scaling);
    }
    if (optind < argc) return cli_usage("doctor", "\"%s\" is one argument too many", argv[optind]);
    ltm_doctor(&o, &machine);
    if (json) {
        char *text;
        if (ltm_machine_json(&machine, &text, &error) != LTM_OK) return cli_fail(&error);
        puts(text);
        free(text);
    } else {
        print_readable(&machine);
    }
    return exit_code(&machine);
}
