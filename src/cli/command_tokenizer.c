/* ltm tokenizer train | encode | decode */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ltm/tokenizer.h"
#include "options.h"
#include "terminal.h"
#include "text_io.h"
#include "text_options.h"

enum { IDS_AT_ONCE = 1 << 16, NUMBER_MOST = 24 };

static const char usage[] =
    "usage: ltm tokenizer train -o TOK.model --vocab-size N [option …] INPUT…\n"
    "       ltm tokenizer encode TOK.model < TEXT > IDS\n"
    "       ltm tokenizer decode TOK.model < IDS > TEXT\n"
    "\n"
    "train learns a SentencePiece model. INPUT: .txt, .md, .jsonl, .html, .csv and .tsv files, plain, compressed (.gz,\n"
    ".zst, .xz, .bz2) or in a .tar or .zip, folders of them, quoted patterns (\"*.txt\") or - for standard input.\n"
    "  -o, --output FILE      the model to write\n"
    "  --vocab-size N         total number of pieces, including special ones and bytes (8192)\n"
    "  --type unigram|bpe     (unigram)\n"
    "  --no-byte-fallback     map text that no piece covers to the unknown piece; by default it is spelled in bytes,\n"
    "                         so that any UTF-8 text survives a round trip unchanged\n"
    "  --character-coverage X share of the text's characters that get their own pieces; the others are spelled in bytes\n"
    "                         (0.9995; 0.99999 without byte fallback; 1 = all, which may suit Chinese or Japanese)\n"
    "  --sample-mb N          learn from about N MB of the text, sampled evenly; 0 = all of it (16, or 4 for text with\n"
    "                         few or no spaces, such as Chinese)\n"
    "  --seed N               selects the sample (1)\n" TEXT_OPTIONS_HELP
    "  --threads N            processors to use; the model does not depend on it (all)\n"
    "\n"
    "encode turns text into token ids, one line of ids per line of text; decode turns ids back into text.\n";

static int take_kind(void *user, const char *name) {
    struct ltm_tokenizer_train_options *options = user;
    if (strcmp(name, "unigram") == 0)
        options->kind = LTM_TOKENIZER_UNIGRAM;
    else if (strcmp(name, "bpe") == 0)
        options->kind = LTM_TOKENIZER_BPE;
    else
        return cli_usage("tokenizer train", "--type takes unigram or bpe, not \"%s\"", name);
    return CLI_OK;
}

static int train(int argc, char **argv) {
    struct ltm_tokenizer_train_options o = ltm_tokenizer_train_defaults();
    struct ltm_error error = {0};
    int64_t megabytes = LTM_SAMPLE_AUTO;
    const char *list = NULL;
    struct text_inputs inputs;
    const struct cli_option options[] = {
        {"output", .letter = 'o', .text = &o.output},
        {"vocab-size", .number = &o.vocab, .least = 1, .most = INT32_MAX},
        {"type", .take = take_kind, .user = &o},
        {"byte-fallback", .on = &o.byte_fallback},
        {"no-byte-fallback", .off = &o.byte_fallback},
        {"character-coverage", .real = &o.character_coverage, .least = 0.98, .most = 1},
        {"sample-mb", .large = &megabytes, .least = 0, .most = 1 << 20},
        {"seed", .seed = &o.seed},
        TEXT_OPTIONS(o.input),
        {"list", .text = &list},
        {"threads", .number = &o.threads, .least = 1, .most = OPTION_THREADS_MOST},
        {0}};
    const struct command_line line = {"tokenizer train", usage, NULL, options};
    int code = options_read(&line, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (megabytes != LTM_SAMPLE_AUTO) o.sample_bytes = megabytes * 1000000;
    if (!o.output) return cli_usage("tokenizer train", "name the model to write with -o FILE");
    if (optind == argc && !list) return cli_usage("tokenizer train", "name the text to learn from");
    code = text_inputs_gather(&inputs, &o.input, argv + optind, argc - optind, list, "tokenizer train");
    if (code != CLI_GO_ON) return code;
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    ltm_status status = ltm_tokenizer_train(&o, &watch, &error);
    cli_bar_end(&bar);
    text_inputs_free(&inputs);
    if (status != LTM_OK) return cli_fail(&error);
    cli_print_line(stdout, "%s: %d pieces", o.output, o.vocab);
    return CLI_OK;
}

static ltm_status print_ids(const struct ltm_tokenizer *tokenizer, const char *text, size_t bytes,
                            struct ltm_error *error) {
    int32_t *ids = NULL;
    size_t count = 0;
    ltm_status status = ltm_tokenizer_encode(tokenizer, text, bytes, &ids, &count, error);
    for (size_t i = 0; i < count; i++) printf("%d%c", ids[i], i + 1 < count ? ' ' : '\n');
    free(ids);
    return status;
}

/* Lines from stdin, one by one. White space between ids has no meaning, so the line's own newline is one of the ids. */
static int encode(const struct ltm_tokenizer *tokenizer) {
    struct ltm_error error = {0};
    char *line = NULL;
    size_t room = 0;
    long long number = 0;
    ltm_status status = LTM_OK;
    ssize_t length = 0;
    errno = 0;
    while (status == LTM_OK && !ferror(stdout) && (length = cli_read_line(&line, &room, stdin)) > 0) {
        number++;
        status = print_ids(tokenizer, line, (size_t)length, &error);
    }
    if (length == CLI_LINE_LONG) {
        fflush(stdout);
        cli_complain(CLI_LINE_COMPLAINT " (line %lld)", number + 1);
        free(line);
        return CLI_FAILED;
    }
    int failed = ferror(stdin) || (!feof(stdin) && status == LTM_OK && !ferror(stdout)) ? errno : 0;
    free(line);
    if (status != LTM_OK) {
        fflush(stdout);
        cli_complain("line %lld: %s", number, error.message);
        return CLI_FAILED;
    }
    if (failed) {
        cli_complain("cannot read the text: %s", strerror(failed));
        return CLI_FAILED;
    }
    return CLI_OK;
}

static ltm_status print_text(const struct ltm_tokenizer *tokenizer, const int32_t *ids, size_t count,
                             struct ltm_error *error) {
    char *text = NULL;
    size_t bytes = 0;
    ltm_status status = ltm_tokenizer_decode(tokenizer, ids, count, &text, &bytes, error);
    if (bytes) fwrite(text, 1, bytes, stdout);
    free(text);
    return status;
}

/* Ids from stdin. 1 = read one, 0 = the end, -1 = not an id; `word` has its text. */
static int next_id(int32_t *id, char word[NUMBER_MOST]) {
    long long value;
    char *end;
    int got = scanf("%23s", word);
    if (got != 1) return 0;
    errno = 0;
    value = strtoll(word, &end, 10);
    if (*end || errno || value < INT32_MIN || value > INT32_MAX) return -1;
    *id = (int32_t)value;
    return 1;
}

static int decode(const struct ltm_tokenizer *tokenizer) {
    static int32_t ids[IDS_AT_ONCE];
    struct ltm_error error = {0};
    char word[NUMBER_MOST];
    int more = 1;
    while (more == 1 && !ferror(stdout)) {
        size_t count = 0;
        while (count < IDS_AT_ONCE && (more = next_id(&ids[count], word)) == 1) count++;
        if (print_text(tokenizer, ids, count, &error) != LTM_OK) return cli_fail(&error);
    }
    if (more == 1 || (more == 0 && !ferror(stdin))) return CLI_OK;
    fflush(stdout);
    if (more == 0)
        cli_complain("cannot read the token ids");
    else
        cli_complain("\"%s\" is not a token id", word);
    return CLI_FAILED;
}

static int convert(int argc, char **argv, int (*body)(const struct ltm_tokenizer *tokenizer)) {
    struct ltm_error error = {0};
    struct ltm_tokenizer *tokenizer = NULL;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return CLI_OK;
    }
    if (argc != 2) return cli_usage("tokenizer", "%s takes one tokenizer, reads stdin and writes stdout", argv[0]);
    if (ltm_tokenizer_open(&tokenizer, argv[1], &error) != LTM_OK) return cli_fail(&error);
    int code = body(tokenizer);
    ltm_tokenizer_close(tokenizer);
    return code;
}

int command_tokenizer(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "train") == 0) return train(argc - 1, argv + 1);
    if (strcmp(verb, "encode") == 0) return convert(argc - 1, argv + 1, encode);
    if (strcmp(verb, "decode") == 0) return convert(argc - 1, argv + 1, decode);
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
        fputs(usage, stdout);
        return CLI_OK;
    }
    return *verb ? cli_usage("tokenizer", "use train, encode or decode, not \"%s\"", verb)
                 : cli_usage("tokenizer", "say what to do: train, encode or decode");
}
