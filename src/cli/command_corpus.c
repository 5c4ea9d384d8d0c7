/* ltm corpus build */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "ltm/corpus.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm corpus build -o DIR --tokenizer TOK.model [option …] INPUT…\n"
    "       ltm corpus synth TASK -o DIR [option …]       synthetic tasks; ltm corpus synth --help says more\n"
    "\n"
    "Turns text into token shards, a training and a held-out split. INPUT: .txt, .txt.gz, .jsonl, .jsonl.gz files,\n"
    "or folders of them (what is hidden there, and other files, are left out). A document is a .txt file, a line of\n"
    ".jsonl, or what lies between separator lines.\n"
    "  -o, --output DIR       the corpus folder; an old corpus there is replaced when the new one is whole;\n"
    "                         a folder that holds anything else is refused\n"
    "  --tokenizer FILE       the SentencePiece model (ltm tokenizer train makes one)\n"
    "  --heldout SHARE        share of the documents that are held out; of a single document, its tail (0.05)\n"
    "  --seed N               which documents those are (1)\n"
    "  --shard-tokens N       tokens a shard at most (100000000)\n"
    "  --field NAME           JSON key of a line's text (text)\n"
    "  --separator LINE       in .txt: a line equal to this ends a document\n"
    "  --threads N            (one a core); the corpus does not depend on it\n"
    "  --json                 print the result as JSON\n";

static const struct option long_options[] = {{"output", required_argument, NULL, 'o'},
                                             {"tokenizer", required_argument, NULL, 't'},
                                             {"heldout", required_argument, NULL, 'e'},
                                             {"seed", required_argument, NULL, 's'},
                                             {"shard-tokens", required_argument, NULL, 'k'},
                                             {"field", required_argument, NULL, 'f'},
                                             {"separator", required_argument, NULL, 'p'},
                                             {"threads", required_argument, NULL, 'n'},
                                             {"json", no_argument, NULL, 'j'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static int set_option(struct ltm_corpus_build_options *options, int letter, char **argv) {
    const char *value = optarg;
    const char *command = "corpus build";
    long long number = 0;
    int code = CLI_OK;
    switch (letter) {
    case 'o':
        options->output = value;
        break;
    case 't':
        options->tokenizer = value;
        break;
    case 'e':
        code = option_share(command, "--heldout", value, &options->heldout);
        break;
    case 's':
        code = option_seed(command, value, &options->seed);
        break;
    case 'k':
        code = option_number(command, "--shard-tokens", value, 1, INT32_MAX, &number);
        options->shard_tokens = number;
        break;
    case 'f':
        options->input.field = value;
        break;
    case 'p':
        options->input.separator = value;
        break;
    case 'n':
        code = option_number(command, "--threads", value, 1, OPTION_THREADS_MOST, &number);
        options->threads = (int)number;
        break;
    default:
        code = option_unknown(command, argv);
        break;
    }
    return code;
}

static void print_split(const char *name, const struct ltm_corpus_split_info *split) {
    double ratio = split->tokens > 0 ? (double)split->bytes / (double)split->tokens : 0;
    printf("%-8s %lld documents, %lld tokens, %lld bytes (%.2f bytes a token), %d shard%s\n", name,
           (long long)split->documents, (long long)split->tokens, (long long)split->bytes, ratio, split->shards,
           split->shards == 1 ? "" : "s");
}

static void print_json_split(const char *name, const struct ltm_corpus_split_info *split) {
    printf("\"%s\": {\"documents\": %lld, \"tokens\": %lld, \"bytes\": %lld, \"shards\": %d}", name,
           (long long)split->documents, (long long)split->tokens, (long long)split->bytes, split->shards);
}

static void print_result(const struct ltm_corpus_info *info, const char *output, int json) {
    if (!json) {
        print_split("train", &info->train);
        print_split("heldout", &info->heldout);
        cli_print_line(stdout, "corpus   %s", output);
        return;
    }
    printf("{\"vocab\": %d, \"tokenizer_digest\": \"%s\", ", info->vocab, info->tokenizer_digest);
    print_json_split("train", &info->train);
    printf(", ");
    print_json_split("heldout", &info->heldout);
    printf("}\n");
}

static int build(int argc, char **argv) {
    struct ltm_corpus_build_options options = ltm_corpus_build_defaults();
    struct ltm_corpus_info info;
    struct ltm_error error = {0};
    int letter;
    int json = 0;
    while ((letter = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1) {
        if (letter == 'h') {
            fputs(usage, stdout);
            return CLI_OK;
        }
        if (letter == ':') return cli_usage("corpus build", "%s needs a value", argv[optind - 1]);
        int code = letter == 'j' ? CLI_OK : set_option(&options, letter, argv);
        if (letter == 'j') json = 1;
        if (code != CLI_OK) return code;
    }
    if (!options.output) return cli_usage("corpus build", "name the corpus folder with -o DIR");
    if (!options.tokenizer) return cli_usage("corpus build", "name the tokenizer with --tokenizer FILE");
    if (optind == argc) return cli_usage("corpus build", "name the text to take");
    options.input.paths = (const char *const *)argv + optind;
    options.input.count = (size_t)(argc - optind);
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    ltm_status status = ltm_corpus_build(&options, &watch, &info, &error);
    cli_bar_end(&bar);
    if (status != LTM_OK) return cli_fail(&error);
    print_result(&info, options.output, json);
    return CLI_OK;
}

int command_corpus(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "build") == 0) return build(argc - 1, argv + 1);
    if (strcmp(verb, "synth") == 0) return command_synth(argc - 1, argv + 1);
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
        fputs(usage, stdout);
        return CLI_OK;
    }
    return *verb ? cli_usage("corpus", "it can build and synth, not \"%s\"", verb)
                 : cli_usage("corpus", "say what to do: build or synth");
}
