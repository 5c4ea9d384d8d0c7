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
    "Answers over HTTP until it is interrupted: POST /v1/completions in the OpenAI form, GET /v1/models, POST /tokenize and\n"
    "/detokenize, GET /tokenizer_info; at / a page to try the model. It knows no passwords and no TLS: whoever reaches the\n"
    "port may ask.\n"
    "  --host NAME            where to listen (127.0.0.1: this machine alone)\n"
    "  --allow-host NAMES     other names of this server that requests may come to, separated by commas. Without it only addresses,\n"
    "                         localhost and the --host name: pages of other sites cannot pass for this server's own\n"
    "  --port N               0 = one that is free; the address is printed (8080)\n"
    "  --name NAME            of the model, in replies (the checkpoint's folder)\n"
    "  --max-body N           bytes of a request (1M)\n"
    "  --max-requests N       that wait or are answered; more are told to come again: 429 (64). One is answered at a time\n"
    "  --timeout N            seconds that a request may take to arrive, and then to be answered (60)\n"
    "  --sessions N           kept at most; the one longest not used makes room (16)\n"
    "  --draws K              draws of z behind a score of a prompt; 0 = z at the posterior's mean (4)\n"
    "A request: prompt (a text, token ids, or a list of either), max_tokens (16), temperature (1), top_p (1), top_k, n, seed (1),\n"
    "stop, logprobs (up to 20), echo, stream. Texts are those of ltm generate with the same seed. Beside the OpenAI form:\n"
    "  \"context_tokens\": N    z is fitted on the prompt's first N tokens (a list: for each prompt); 0 = z from the prior. Without\n"
    "                         it z is fitted on the whole prompt. With fitted latents echo with logprobs needs it: the scores\n"
    "                         are those of ltm score, of what stands behind the context; the context's own are null\n"
    "  \"session\": NAME        the text goes on from what this session has read and written, under the z fitted on its first\n"
    "                         prompt; \"refit\": true fits z anew on all of it. A turn that fails leaves the text as it was\n"
    "  \"turn\": N              which turn of the session this is, from 0, as replies say. If a reply was lost, the same request with\n"
    "                         the same N takes that turn back and makes it again; other numbers are refused\n"
    "\n"
    "lm-evaluation-harness asks a model without latents, or with latents that stream, by its local-completions:\n"
    "  lm_eval --model local-completions --tasks … --model_args \\\n"
    "  model=ltm,base_url=http://127.0.0.1:8080/v1/completions,tokenizer_backend=remote,max_length=SEQUENCE\n"
    "Its requests do not say where a context ends; with fitted latents tests/cli/lm_eval_ltm.py does (ltm score --help).\n"
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
