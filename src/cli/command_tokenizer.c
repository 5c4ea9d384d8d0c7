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

enum { IDS_AT_ONCE = 1 << 16, NUMBER_MOST = 24 };

static const char usage[] =
    "usage: ltm tokenizer train -o TOK.model --vocab-size N [option …] INPUT…\n"
    "       ltm tokenizer encode TOK.model < TEXT > IDS\n"
    "       ltm tokenizer decode TOK.model < IDS > TEXT\n"
    "\n"
    "train learns a SentencePiece model. INPUT: .txt, .txt.gz, .jsonl, .jsonl.gz files, or folders of them.\n"
    "  -o, --output FILE      the model to write\n"
    "  --vocab-size N         pieces in all, special ones and bytes included (8192)\n"
    "  --type unigram|bpe     (unigram)\n"
    "  --no-byte-fallback     what no piece covers becomes the unknown piece; by default it is spelled in bytes,\n"
    "                         so that any UTF-8 text comes back to the byte\n"
    "  --sample-mb N          learn from about N MB of the text, drawn evenly; 0 = all of it (64)\n"
    "  --seed N               which part that is (1)\n"
    "  --field NAME           JSON key of a line's text (text)\n"
    "  --separator LINE       in .txt: a line equal to this ends a document\n"
    "  --threads N            processors to use; the model does not depend on it (all)\n"
    "\n"
    "encode turns text into token numbers, a line of numbers for a line of text; decode turns numbers back.\n";

static const struct option long_options[] = {{"output", required_argument, NULL, 'o'},
                                             {"vocab-size", required_argument, NULL, 'v'},
                                             {"type", required_argument, NULL, 't'},
                                             {"byte-fallback", no_argument, NULL, 'b'},
                                             {"no-byte-fallback", no_argument, NULL, 'B'},
                                             {"sample-mb", required_argument, NULL, 'm'},
                                             {"seed", required_argument, NULL, 's'},
                                             {"field", required_argument, NULL, 'f'},
                                             {"separator", required_argument, NULL, 'p'},
                                             {"threads", required_argument, NULL, 'n'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static int set_kind(struct ltm_tokenizer_train_options *options, const char *name) {
    if (strcmp(name, "unigram") == 0)
        options->kind = LTM_TOKENIZER_UNIGRAM;
    else if (strcmp(name, "bpe") == 0)
        options->kind = LTM_TOKENIZER_BPE;
    else
        return cli_usage("tokenizer train", "--type is unigram or bpe, not \"%s\"", name);
    return CLI_OK;
}

static int set_option(struct ltm_tokenizer_train_options *options, int letter, char **argv) {
    const char *value = optarg;
    const char *command = "tokenizer train";
    long long number = 0;
    int code = CLI_OK;
    switch (letter) {
    case 'o':
        options->output = value;
        break;
    case 'v':
        code = option_number(command, "--vocab-size", value, 1, INT32_MAX, &number);
        options->vocab = (int)number;
        break;
    case 't':
        code = set_kind(options, value);
        break;
    case 'b':
        options->byte_fallback = true;
        break;
    case 'B':
        options->byte_fallback = false;
        break;
    case 'm':
        code = option_number(command, "--sample-mb", value, 0, 1 << 20, &number);
        options->sample_bytes = number * 1000000;
        break;
    case 's':
        code = option_seed(command, value, &options->seed);
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

static int train(int argc, char **argv) {
    struct ltm_tokenizer_train_options options = ltm_tokenizer_train_defaults();
    struct ltm_error error = {0};
    int letter;
    while ((letter = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1) {
        if (letter == 'h') {
            fputs(usage, stdout);
            return CLI_OK;
        }
        if (letter == ':') return cli_usage("tokenizer train", "%s needs a value", argv[optind - 1]);
        int code = set_option(&options, letter, argv);
        if (code != CLI_OK) return code;
    }
    if (!options.output) return cli_usage("tokenizer train", "name the model to write with -o FILE");
    if (optind == argc) return cli_usage("tokenizer train", "name the text to learn from");
    options.input.paths = (const char *const *)argv + optind;
    options.input.count = (size_t)(argc - optind);
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    ltm_status status = ltm_tokenizer_train(&options, &watch, &error);
    cli_bar_end(&bar);
    if (status != LTM_OK) return cli_fail(&error);
    cli_print_line(stdout, "%s: %d pieces", options.output, options.vocab);
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

/* Lines from stdin, one by one; white space between numbers means nothing, so the line's own newline is among them. */
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

/* Numbers from stdin. 1 = one was read, 0 = the end, -1 = something else stands there, in `word`. */
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
        cli_complain("cannot read the numbers");
    else
        cli_complain("\"%s\" is no token number", word);
    return CLI_FAILED;
}

static int convert(int argc, char **argv, int (*body)(const struct ltm_tokenizer *tokenizer)) {
    struct ltm_error error = {0};
    struct ltm_tokenizer *tokenizer = NULL;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return CLI_OK;
    }
    if (argc != 2) return cli_usage("tokenizer", "%s takes one tokenizer and works from stdin to stdout", argv[0]);
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
    return *verb ? cli_usage("tokenizer", "it can train, encode and decode, not \"%s\"", verb)
                 : cli_usage("tokenizer", "say what to do: train, encode or decode");
}
