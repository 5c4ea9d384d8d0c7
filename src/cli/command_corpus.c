/* ltm corpus build */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "ltm/corpus.h"
#include "ltm/names.h"
#include "options.h"
#include "terminal.h"
#include "text_options.h"

static const char usage[] =
    "usage: ltm corpus build -o DIR --tokenizer TOK.model [option …] INPUT…\n"
    "       ltm corpus synth TASK -o DIR [option …]       synthetic tasks; ltm corpus synth --help says more\n"
    "\n"
    "Turns text into token shards, split into training and held-out text. INPUT: .txt, .md, .jsonl, .html, .csv and .tsv\n"
    "files, plain, compressed (.gz, .zst, .xz, .bz2) or in a .tar or .zip, folders of them (hidden and other files are\n"
    "skipped), quoted patterns (\"*.txt\") or - for standard input. A document is a .txt or .md file, a page of .html, a line\n"
    "of .jsonl, a row of .csv, or the text between separator lines. Line endings are kept (CR LF too).\n"
    "The corpus does not depend on how training cuts it into sequences: across documents by default (data.packing; see\n"
    "ltm train --help).\n"
    "  -o, --output DIR       the corpus folder; an old corpus there is replaced once the new one is complete;\n"
    "                         a folder that contains anything else is refused\n"
    "  --tokenizer FILE       the SentencePiece model (ltm tokenizer train makes one)\n"
    "  --heldout SHARE        share of the documents to hold out; of a single document, its tail (0.05); 0: hold out\n"
    "                         nothing, so training has no scores\n"
    "  --heldout-files PATH   hold out the documents of this file or folder instead, and train on all of INPUT; may be\n"
    "                         given several times\n"
    "  --seed N               selects the held-out documents (1); exact copies of a document are in one split\n"
    "  --dedupe               drop the copies\n"
    "  --shard-tokens N       maximum tokens per shard (100000000)\n" TEXT_OPTIONS_HELP
    "  --threads N            (one per core); the corpus does not depend on it\n"
    "  --json                 print the result as JSON\n";

enum { HELDOUT_PATHS_MOST = 64 };

struct heldout_paths {
    const char *all[HELDOUT_PATHS_MOST];
    size_t count;
};

static int take_heldout(void *user, const char *path) {
    struct heldout_paths *paths = user;
    if (paths->count == HELDOUT_PATHS_MOST)
        return cli_usage("corpus build", "--heldout-files may be given %d times; name a folder", HELDOUT_PATHS_MOST);
    paths->all[paths->count++] = path;
    return CLI_OK;
}

static void print_split(const char *name, const struct ltm_corpus_split_info *split) {
    double ratio = split->tokens > 0 ? (double)split->bytes / (double)split->tokens : 0;
    printf("%-8s %lld document%s, %lld tokens, %lld bytes (%.2f bytes a token), %d shard%s\n", name,
           (long long)split->documents, ltm_plural(split->documents), (long long)split->tokens, (long long)split->bytes,
           ratio, split->shards, ltm_plural(split->shards));
}

static void print_json_split(const char *name, const struct ltm_corpus_split_info *split) {
    printf("\"%s\": {\"documents\": %lld, \"tokens\": %lld, \"bytes\": %lld, \"shards\": %d}", name,
           (long long)split->documents, (long long)split->tokens, (long long)split->bytes, split->shards);
}

static void print_result(const struct ltm_corpus_info *info, const char *output, bool json) {
    if (!json) {
        print_split("train", &info->train);
        print_split("heldout", &info->heldout);
        cli_print_line(stdout, "corpus   %s", output);
        return;
    }
    printf("{\"vocab\": %d, \"tokenizer_digest\": \"%s\", \"copies\": %lld, ", info->vocab, info->tokenizer_digest,
           (long long)info->copies);
    print_json_split("train", &info->train);
    printf(", ");
    print_json_split("heldout", &info->heldout);
    printf("}\n");
}

static int build(int argc, char **argv) {
    struct ltm_corpus_build_options o = ltm_corpus_build_defaults();
    struct ltm_corpus_info info;
    struct ltm_error error = {0};
    bool json = false;
    struct heldout_paths heldout = {.count = 0};
    double share = -1;
    const char *list = NULL;
    struct text_inputs inputs;
    const struct cli_option options[] = {{"output", .letter = 'o', .text = &o.output},
                                         {"tokenizer", .text = &o.tokenizer},
                                         {"heldout", .real = &share, .least = 0, .most = 1},
                                         {"heldout-files", .take = take_heldout, .user = &heldout},
                                         {"seed", .seed = &o.seed},
                                         {"dedupe", .on = &o.dedupe},
                                         {"shard-tokens", .large = &o.shard_tokens, .least = 1, .most = INT32_MAX},
                                         TEXT_OPTIONS(o.input),
                                         {"list", .text = &list},
                                         {"threads", .number = &o.threads, .least = 1, .most = OPTION_THREADS_MOST},
                                         {"json", .on = &json},
                                         {0}};
    const struct command_line line = {"corpus build", usage, NULL, options};
    int code = options_read(&line, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (!o.output) return cli_usage("corpus build", "name the corpus folder with -o DIR");
    if (!o.tokenizer) return cli_usage("corpus build", "name the tokenizer with --tokenizer FILE");
    if (optind == argc && !list) return cli_usage("corpus build", "name the text to read");
    if (heldout.count > 0 && share > 0)
        return cli_usage("corpus build", "use either --heldout or --heldout-files, not both");
    if (share >= 0) o.heldout = share;
    o.input.heldout_paths = heldout.all;
    o.input.heldout_count = heldout.count;
    code = text_inputs_gather(&inputs, &o.input, argv + optind, argc - optind, list, "corpus build");
    if (code != CLI_GO_ON) return code;
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    ltm_status status = ltm_corpus_build(&o, &watch, &info, &error);
    cli_bar_end(&bar);
    text_inputs_free(&inputs);
    if (status != LTM_OK) return cli_fail(&error);
    print_result(&info, o.output, json);
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
    return *verb ? cli_usage("corpus", "use build or synth, not \"%s\"", verb)
                 : cli_usage("corpus", "say what to do: build or synth");
}
