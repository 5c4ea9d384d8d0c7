/* ltm serve */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "ltm/printable.h"
#include "ltm/serve.h"
#include "options.h"
#include "signals.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm serve CHECKPOINT [option …] [key=value …]\n"
    "\n"
    "Serves a model over HTTP until it is interrupted: POST /v1/completions in the OpenAI form, GET /v1/models, POST /tokenize and\n"
    "/detokenize, GET /tokenizer_info, and a page at / to try the model. There are no passwords and no TLS: anybody who can reach\n"
    "the port can use it. A link can fill in the page: http://127.0.0.1:8080/#prompt=…&temperature=…&top_p=…&length=…&seed=…&z=prior&run\n"
    "A link on another site's page fills it in but does not run.\n"
    "  --host NAME            address to listen at (127.0.0.1: this machine only)\n"
    "  --allow-host NAMES     further names of this server, without ports, separated by commas. Requests must come to an address, to\n"
    "                         localhost, to the --host name or to one of these, so that pages of other sites cannot pass for this\n"
    "                         server's\n"
    "  --port N               0 = any free port; the address is printed (8080)\n"
    "  --name NAME            model name in replies (the checkpoint's folder)\n"
    "  --max-body N           largest request, in bytes (1M)\n"
    "  --max-requests N       most requests that wait or run; further ones get status 429 (64). They run one at a time\n"
    "  --timeout N            seconds for a request to arrive, and then for its answer (60)\n"
    "  --sessions N           most sessions kept; a new one replaces the least recently used (16)\n"
    "  --draws K              draws of z for each score of a prompt; 0 = z at the posterior's mean (4)\n"
    "Fields of a request: prompt (text, token ids, or a list of either), max_tokens (16), temperature (1), top_p (1), top_k, n,\n"
    "seed (1), stop, logprobs (up to 20), echo, stream. ltm generate writes the same text with the same seed. Prompts must fit into\n"
    "model.sequence, unless latents stream or the model has model.memory and no latents. Further fields:\n"
    "  \"context_tokens\": N    fit z on the first N tokens of the prompt (a list: one number per prompt); 0 = z from the prior.\n"
    "                         Default: fit z on the whole prompt. With fitted latents, echo with logprobs requires this field: the\n"
    "                         tokens after the context get the scores of ltm score, those of the context get null\n"
    "  \"session\": NAME        continue the text of this session, under the z fitted on its first prompt; with \"refit\": true fit z\n"
    "                         again on all of the text. If a request fails, the text stays as it was\n"
    "  \"turn\": N              number of this turn in its session, from 0; replies contain it. If a reply was lost, send the same\n"
    "                         request with the same N: it replaces that turn. Any other N is refused\n"
    "\n"
    "lm-evaluation-harness can test a model without latents, or with streaming latents, with its local-completions:\n"
    "  lm_eval --model local-completions --tasks … --model_args \\\n"
    "  model=ltm,base_url=http://127.0.0.1:8080/v1/completions,tokenizer_backend=remote,max_length=SEQUENCE\n"
    "Its requests do not say where a context ends, which fitted latents need; for these use tests/cli/lm_eval_ltm.py (ltm score\n"
    "--help).\n"
    "\n"
    "Keys that matter here (and their defaults; those of [fast] are the checkpoint's):\n";

static const char *const keys[] = {"fast.", "eval.exit", "run.threads", "run.seed", "run.precision", NULL};

static void on_ready(void *user, const char *url) {
    const char *name = user;
    cli_print_line(stdout, "%s answers at %s", name, url);
    fflush(stdout);
}

/* A name out of a checkpoint's path: its last part. */
static const char *last_part(char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') path[--length] = 0;
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static int run(const struct cli_arguments *a, struct ltm_serve_options options) {
    struct ltm_error error = {.code = LTM_MEMORY};
    struct ltm_model *model = NULL;
    struct ltm_config config;
    char name[256]; /* JSON wants UTF-8, which a folder's name need not be */
    ltm_status status = ltm_model_open(&model, a->paths[0], &error);
    if (status == LTM_OK) {
        config = arguments_checkpoint_config(model);
        config.run.seed = options.seed;
        status = arguments_configure(&config, a->settings, a->setting_count, &error);
    }
    if (status == LTM_OK) {
        options.name = ltm_printable(name, sizeof name, options.name ? options.name : last_part(a->paths[0]));
        options.fast = &config.fast;
        options.exit = config.eval.exit;
        options.seed = config.run.seed;
        options.threads = config.run.threads;
        options.precision = config.run.precision;
        const struct ltm_serve_hooks hooks = {
            .user = (void *)options.name, .on_ready = on_ready, .stop = cli_catch_interrupts(NULL, true)};
        status = ltm_serve(model, &options, &hooks, &error);
    }
    ltm_model_close(model);
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}

int command_serve(int argc, char **argv) {
    struct ltm_serve_options o = ltm_serve_defaults();
    o.name = NULL;
    const struct cli_option options[] = {
        {"host", .text = &o.host},
        {"allow-host", .text = &o.allow_host},
        {"port", .number = &o.port, .least = 0, .most = 65535},
        {"name", .text = &o.name},
        {"max-body", .large = &o.max_body, .least = 1, .most = 1 << 30},
        {"max-requests", .number = &o.max_requests, .least = 1, .most = 65536},
        {"timeout", .number = &o.timeout, .least = 1, .most = 86400},
        {"sessions", .number = &o.sessions, .least = 0, .most = 1024},
        {"draws", .number = &o.draws, .least = 0, .most = INT_MAX},
        {0},
    };
    const struct command_line line = {"serve", usage, keys, options};
    struct cli_arguments a;
    const int code = options_read_all(&line, argc, argv, &a);
    if (code != CLI_GO_ON) return code;
    if (a.path_count != 1) return cli_usage("serve", "name one checkpoint");
    return run(&a, o);
}
