/* ltm score */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ltm/scorer.h"
#include "options.h"
#include "terminal.h"
#include "text_io.h"

static const char usage[] =
    "usage: ltm score CHECKPOINT [option …] [key=value …]\n"
    "\n"
    "Reads requests from standard input, one JSON object per line, and answers each with one line, in order, until the input\n"
    "ends; the model stays loaded. z is fitted on the context, never on the continuation.\n"
    "  {\"context\": TEXT, \"continuation\": TEXT}     {\"logprob\": -3.2, \"greedy\": false, \"tokens\": 2, \"cut\": false}\n"
    "  {\"context\": TEXT, \"generate\": true, \"stop\": [TEXT, …], \"length\": N}\n"
    "                                              {\"text\": TEXT, \"ended\": true, \"tokens\": 9, \"cut\": false}\n"
    "  anything else                               {\"error\": TEXT}\n"
    "Both texts may be lists of token ids. \"top\": N adds the \"ids\" of the continuation, their \"logprobs\", and at each place the N\n"
    "most likely tokens, \"top\": [[[ID, logprob], …], …] (up to 20). With streaming latents z stays after the context; with ids and\n"
    "\"moves\": true it keeps moving through the continuation. \"cut\": true says that the beginning of the context did not fit\n"
    "(streaming latents, and model.memory without latents, read all of it). \"id\" is returned unchanged; \"temperature\", \"top_k\",\n"
    "\"top_p\" and \"seed\" apply to generate. Requests that are waiting are answered in parallel. With tests/cli/lm_eval_ltm.py,\n"
    "lm-evaluation-harness can test the model.\n"
    "  --draws K              draws of z behind a score; 0 = z at the posterior's mean (4)\n"
    "\n"
    "Keys that matter here (and their defaults; those of [fast] are the checkpoint's):\n";

static const char *const keys[] = {"fast.", "run.threads", "run.seed", "run.precision", NULL};

enum { READ = 1 << 16 };

/* Input that has been read but not answered. */
struct input {
    char *bytes;
    size_t count, room;
    bool ended;
};

/* Wait for more of it. */
static ltm_status read_more(struct input *in, struct ltm_error *error) {
    if (in->count + READ + 1 > in->room) {
        const size_t room = 2 * in->room + READ + 1;
        char *bytes = room < 2 * (size_t)CLI_LINE_MOST ? realloc(in->bytes, room) : NULL;
        if (!bytes) {
            snprintf(error->message, sizeof error->message, "%s", CLI_LINE_COMPLAINT);
            return error->code = LTM_INVALID;
        }
        in->bytes = bytes;
        in->room = room;
    }
    ssize_t got;
    do got = read(STDIN_FILENO, in->bytes + in->count, READ);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        snprintf(error->message, sizeof error->message, "cannot read requests: %s", strerror(errno));
        return error->code = LTM_IO;
    }
    in->ended = got == 0;
    if (in->ended && in->count && in->bytes[in->count - 1] != '\n') in->bytes[in->count++] = '\n';
    in->count += (size_t)got;
    return LTM_OK;
}

/* Answer the complete lines, at most `most`; *taken: how many bytes they were. */
static ltm_status answer_lines(struct ltm_scorer *scorer, char *bytes, size_t count, int most, size_t *taken,
                               struct ltm_error *error) {
    const char **lines = calloc((size_t)most, sizeof *lines);
    char **replies = calloc((size_t)most, sizeof *replies);
    int n = 0;
    char *newline;
    *taken = 0;
    while (n < most && lines && (newline = memchr(bytes + *taken, '\n', count - *taken))) {
        *newline = 0;
        if (strspn(bytes + *taken, " \t\r") != strlen(bytes + *taken)) lines[n++] = bytes + *taken;
        *taken = (size_t)(newline - bytes) + 1;
    }
    ltm_status status = lines && replies ? LTM_OK : (error->code = LTM_MEMORY);
    if (status == LTM_OK && n > 0) status = ltm_scorer_answer(scorer, lines, replies, n, error);
    for (int i = 0; i < n && status == LTM_OK; i++) {
        puts(replies[i]);
        free(replies[i]);
    }
    free((void *)lines);
    free((void *)replies);
    if (status == LTM_OK && fflush(stdout) != 0) {
        snprintf(error->message, sizeof error->message, "cannot write replies: %s", strerror(errno));
        status = error->code = LTM_IO;
    }
    return status;
}

static ltm_status serve(struct ltm_scorer *scorer, struct ltm_error *error) {
    struct input in = {.count = 0};
    const int most = 64 * ltm_scorer_threads(scorer);
    ltm_status status = LTM_OK;
    while (status == LTM_OK && !(in.ended && in.count == 0)) {
        size_t taken = 0;
        if (!in.count || !memchr(in.bytes, '\n', in.count)) status = read_more(&in, error);
        if (status == LTM_OK) status = answer_lines(scorer, in.bytes, in.count, most, &taken, error);
        in.count -= taken;
        if (taken) memmove(in.bytes, in.bytes + taken, in.count);
    }
    free(in.bytes);
    return status;
}

static int run(const struct cli_arguments *a, struct ltm_scorer_options options) {
    struct ltm_error error = {.code = LTM_MEMORY};
    struct ltm_model *model = NULL;
    struct ltm_scorer *scorer = NULL;
    struct ltm_config config;
    ltm_status status = ltm_model_open(&model, a->paths[0], &error);
    if (status == LTM_OK) {
        config = arguments_checkpoint_config(model);
        config.run.seed = options.seed;
        status = arguments_configure(&config, a->settings, a->setting_count, &error);
    }
    if (status == LTM_OK) {
        options.fast = &config.fast;
        options.seed = config.run.seed;
        options.threads = config.run.threads;
        options.precision = config.run.precision;
        status = ltm_scorer_open(&scorer, model, &options, &error);
    }
    if (status == LTM_OK) status = serve(scorer, &error);
    ltm_scorer_close(scorer);
    ltm_model_close(model);
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}

int command_score(int argc, char **argv) {
    struct ltm_scorer_options o = ltm_scorer_defaults();
    const struct cli_option options[] = {{"draws", .number = &o.draws, .least = 0, .most = INT_MAX}, {0}};
    const struct command_line line = {"score", usage, keys, options};
    struct cli_arguments a;
    const int code = options_read_all(&line, argc, argv, &a);
    if (code != CLI_GO_ON) return code;
    if (a.path_count != 1) return cli_usage("score", "name one checkpoint");
    return run(&a, o);
}
