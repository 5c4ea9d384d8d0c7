/* ltm doctor */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "commands.h"
#include "ltm/corpus.h"
#include "ltm/doctor.h"
#include "ltm/names.h"
#include "ltm/scaling.h"
#include "options.h"
#include "terminal.h"
#include "text_io.h"

static const char usage[] =
    "usage: ltm doctor [--threads N] [--json]\n"
    "\n"
    "Shows the machine as training will use it: processor, memory, the matrix libraries, their speed here and whether their\n"
    "results are correct, and what is wrong and how to fix it. Takes about three seconds; other running programs lower the\n"
    "figures. Exits with 1 if a library computes wrong results.\n"
    "  --threads N            threads that a run would use (default: one per core)\n"
    "  --json                 print everything as JSON\n"
    "\n"
    "       ltm doctor --scaling CONFIG.ini [section.key=value …] [--machines 8,64,512] [--bandwidth 10G]\n"
    "                  [--latency 20us] [--speed F] [--json]\n"
    "\n"
    "Predicts how long a slow step of that configuration takes on several machines like this one (model: include/ltm/scaling.h),\n"
    "and the number of fast steps, or the batch with slow.parts = machines, at which the efficiency reaches 90 %.\n"
    "  --machines N,…         (1,8,64,512)\n"
    "  --bandwidth B          of the network, bits per second (10G)\n"
    "  --latency T            of the network (20us)\n"
    "  --speed F              useful operations per second of one machine (0.7 of its measured matrix speed)\n";

/* ---- --scaling: what the model of ltm/scaling.h predicts for a configuration ---- */

struct scaling_request {
    const char *config; /* a configuration's path, NULL = not asked for */
    char **settings;
    int count;
    bool json;
    const char *machines, *bandwidth, *latency, *speed; /* as written, NULL = default */
};

/* Share of the matrix peak that training's useful work reaches (tests/bench/README.md). */
static const double useful_share = 0.7;
static const double enough = 0.9;

/* "10G", "1.5M", "20us": a number and one of the suffixes; false for anything else. */
static bool read_quantity(const char *text, const char *const *suffixes, const double *factors, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end == text || !(*value > 0)) return false;
    for (; *suffixes; suffixes++, factors++)
        if (strcmp(end, *suffixes) == 0) {
            *value *= *factors;
            return true;
        }
    return false;
}

static ltm_status configure(struct ltm_config *config, const struct scaling_request *r, struct ltm_error *error) {
    ltm_config_defaults(config);
    ltm_status status = ltm_config_load(config, r->config, error);
    if (status == LTM_OK) status = arguments_configure(config, r->settings, r->count, error);
    return status == LTM_OK ? ltm_vocabulary_find(config, error) : status;
}

static void measure(struct ltm_config *config, struct ltm_scaling_options *options) {
    struct ltm_machine machine;
    ltm_doctor(&(struct ltm_doctor_options){.threads = config->run.threads, .measure = true}, &machine);
    const bool bf16 = machine.bf16.available && config->run.precision != LTM_PRECISION_FP32;
    config->run.precision = bf16 ? LTM_PRECISION_BF16 : LTM_PRECISION_FP32;
    options->memory_bandwidth = machine.bandwidth_all;
    if (options->speed > 0) return;
    options->speed = useful_share * (bf16 ? machine.bf16.all : machine.fp32.all);
}

/* The smallest batch (doubled from one group per thread) or number of fast steps with which `processes` are efficient
 * enough; 0 if there is none. One part per process, so that a larger batch does not send more. */
static int batch_for(struct ltm_config config, const struct ltm_scaling_options *options, int processes) {
    struct ltm_scaling s;
    config.slow.parts = processes;
    for (int64_t batch = (int64_t)processes * config.run.threads * config.slow.group; batch < 1 << 24; batch *= 2) {
        config.slow.batch = (int)batch;
        if (ltm_scaling_model(&config, options, processes, &s, NULL) == LTM_OK && s.possible && s.efficiency >= enough)
            return (int)batch;
    }
    return 0;
}

static int steps_for(struct ltm_config config, const struct ltm_scaling_options *options, int processes) {
    struct ltm_scaling s;
    for (int steps = config.fast.steps ? config.fast.steps : 1; config.model.latents && steps <= 4096; steps *= 2) {
        config.fast.steps = steps;
        if (ltm_scaling_model(&config, options, processes, &s, NULL) == LTM_OK && s.possible && s.efficiency >= enough)
            return steps;
    }
    return 0;
}

/* One number of machines. */
struct row {
    int machines;
    struct ltm_scaling model;
    int steps, batch; /* at which they are efficient enough; 0 = none found */
};

enum { ROWS_MOST = 64 };

static ltm_status fill_row(struct row *row, const struct ltm_config *config, const struct ltm_scaling_options *options,
                           int machines, struct ltm_error *error) {
    *row = (struct row){.machines = machines};
    ltm_status status = ltm_scaling_model(config, options, machines, &row->model, error);
    if (status != LTM_OK) return status;
    if (row->model.possible) row->steps = steps_for(*config, options, machines);
    row->batch = batch_for(*config, options, machines);
    return LTM_OK;
}

static ltm_status fill_rows(struct row *rows, int *count, const struct ltm_config *config,
                            const struct ltm_scaling_options *options, const char *machines, struct ltm_error *error) {
    *count = 0;
    for (const char *at = machines; *at;) {
        char *end;
        const long n = strtol(at, &end, 10);
        if (end == at || n < 1 || n > 1 << 20 || (*end && *end != ',') || *count == ROWS_MOST) {
            error->code = LTM_INVALID;
            snprintf(error->message, sizeof error->message,
                     "--machines takes at most %d numbers from 1 to %d, separated by commas, such as 8,64,512",
                     ROWS_MOST, 1 << 20);
            return LTM_INVALID;
        }
        ltm_status status = fill_row(&rows[(*count)++], config, options, (int)n, error);
        if (status != LTM_OK) return status;
        at = *end ? end + 1 : end;
    }
    return LTM_OK;
}

static void print_or_dash(int value, int width) {
    if (value)
        printf(" %*d", width, value);
    else
        printf(" %*s", width, "-");
}

static void print_row(const struct row *row) {
    const struct ltm_scaling *s = &row->model;
    printf("%8d", row->machines);
    if (s->possible)
        printf(" %10.3g %9.3g %9.3g %9.3g %6.0f %% %9.0f %9.0f", s->seconds, s->compute, s->exposed + s->share,
               s->update, 100 * s->efficiency, s->sent / 1e6, s->memory_bytes / 1e6);
    else
        printf(" %10s %9s %9s %9s %8s %9s %9s", "-", "-", "-", "-", "-", "-", "-");
    print_or_dash(row->steps, 7);
    print_or_dash(row->batch, 8);
    putchar('\n');
}

static void print_table(const struct row *rows, int count, const struct ltm_config *config,
                        const struct ltm_scaling_options *options) {
    char speed[32];
    cli_quantity(speed, sizeof speed, options->speed);
    printf(
        "%.1f M parameters, batch %d in groups of %d, %d fast step%s, slow.parts %d; a machine with %d thread%s does "
        "%sFLOP/s of\n"
        "useful work, the network %.3g Gbit/s at %.3g us\n\n",
        (double)ltm_parameter_count(&config->model) / 1e6, config->slow.batch, config->slow.group, config->fast.steps,
        ltm_plural(config->fast.steps), config->slow.parts, config->run.threads, ltm_plural(config->run.threads), speed,
        options->bandwidth * 8e-9, options->latency * 1e6);
    puts("                      seconds per step                                MB            for 90 %");
    puts("machines        all   compute   network    update    share      sent    memory  T_fast    batch");
    for (int i = 0; i < count; i++) print_row(&rows[i]);
}

static json_t *number_or_null(int value) { return value ? json_integer(value) : json_null(); }

static json_t *row_json(const struct row *row) {
    const struct ltm_scaling *s = &row->model;
    json_t *object =
        json_pack("{s:i s:b s:o s:o}", "machines", row->machines, "possible", s->possible, "fast_steps_for_90_percent",
                  number_or_null(row->steps), "batch_for_90_percent", number_or_null(row->batch));
    if (object && s->possible)
        json_object_update_new(object, json_pack("{s:f s:f s:f s:f s:f s:f s:f s:f}", "step_seconds", s->seconds,
                                                 "compute_seconds", s->compute, "gradient_seconds", s->exposed,
                                                 "weights_seconds", s->share, "update_seconds", s->update, "efficiency",
                                                 s->efficiency, "sent_bytes_per_step", s->sent, "memory_bytes",
                                                 s->memory_bytes));
    return object;
}

static ltm_status print_json(const struct row *rows, int count, const struct ltm_config *config,
                             const struct ltm_scaling_options *options) {
    json_t *list = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(list, row_json(&rows[i]));
    json_t *object = json_pack(
        "{s:I s:i s:i s:i s:i s:i s:f s:f s:f s:o}", "parameters", (json_int_t)ltm_parameter_count(&config->model),
        "batch", config->slow.batch, "group", config->slow.group, "parts", config->slow.parts, "fast_steps",
        config->fast.steps, "threads", config->run.threads, "speed_flops", options->speed, "network_bytes_per_second",
        options->bandwidth, "latency_seconds", options->latency, "rows", list);
    return cli_print_json(object, 6);
}

static int doctor_scaling(const struct scaling_request *r) {
    static const char *const bits[] = {"", "k", "M", "G", NULL};
    static const char *const times[] = {"s", "ms", "us", "ns", NULL};
    static const double bit_factors[] = {0.125, 125, 125e3, 125e6};
    static const double time_factors[] = {1, 1e-3, 1e-6, 1e-9};
    static const char *const flops[] = {"", "M", "G", "T", NULL};
    static const double flop_factors[] = {1, 1e6, 1e9, 1e12};
    struct ltm_scaling_options options = {0};
    struct ltm_config config;
    struct ltm_error error = {0};
    if (!read_quantity(r->bandwidth ? r->bandwidth : "10G", bits, bit_factors, &options.bandwidth))
        return cli_usage("doctor", "--bandwidth takes bits per second, such as 10G, not \"%s\"", r->bandwidth);
    if (!read_quantity(r->latency ? r->latency : "20us", times, time_factors, &options.latency))
        return cli_usage("doctor", "--latency takes a time, such as 20us, not \"%s\"", r->latency);
    if (r->speed && !read_quantity(r->speed, flops, flop_factors, &options.speed))
        return cli_usage("doctor", "--speed takes operations per second, such as 1.5T, not \"%s\"", r->speed);
    ltm_status status = configure(&config, r, &error);
    if (status == LTM_OK) {
        struct row rows[ROWS_MOST];
        int count;
        measure(&config, &options);
        status = fill_rows(rows, &count, &config, &options, r->machines ? r->machines : "1,8,64,512", &error);
        if (status == LTM_OK && r->json)
            status = print_json(rows, count, &config, &options);
        else if (status == LTM_OK)
            print_table(rows, count, &config, &options);
    }
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}

/* ---- The machine ---- */

static void print_bytes(const char *name, int64_t bytes) {
    if (bytes >= 0)
        printf("%s%.2f GB", name, (double)bytes / 1e9);
    else
        printf("%sunknown", name);
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
    printf("instructions           %s\n", *m->instructions ? m->instructions : "none known that matter here");
    printf("cores                  %d", m->cores);
    if (m->quota > 0) printf(", %.2g of them granted", m->quota);
    putchar('\n');
    print_memory(m);
    printf("OpenBLAS               %s\n", m->openblas);
    printf("OpenBLAS's kernel      %s\n", m->openblas_kernel);
    printf("oneDNN                 %s\n", m->onednn);
    printf("libarchive             %s\n", m->libarchive);
    printf("libxml2                %s\n", m->libxml2);
    printf("libmicrohttpd          %s\n", m->libmicrohttpd);
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
    if (optind < argc) return cli_usage("doctor", "unexpected argument \"%s\"", argv[optind]);
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
