/* ltm corpus synth */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "ltm/synth.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm corpus synth TASK -o DIR [option …] [knob=value …]\n"
    "       ltm corpus synth --list\n"
    "\n"
    "Makes training documents and items of a synthetic task; test items are held out by construction. DIR gets\n"
    "text.jsonl (documents), train.jsonl and test.jsonl (items; shots come from the first) and task.ini, which\n"
    "ltm fewshot and ltm probe take. With --vocab-size or --tokenizer it also gets corpus/, to train a model on.\n"
    "  -o, --output DIR       the folder; what an earlier call made there is replaced\n"
    "  --documents N          training documents (20000)\n"
    "  --items N              test items (500)\n"
    "  --train-items N        items for shots and for fitting probes (2000)\n"
    "  --seed N               (1)\n"
    "  --difficulty 1|2|3     where the task's knobs start from (1)\n"
    "  --vocab-size N         train a tokenizer of N pieces and build the corpus\n"
    "  --tokenizer FILE       build the corpus with this tokenizer\n"
    "  --threads N            of tokenizer and corpus; the files do not depend on it (one a core)\n"
    "  --json                 print the result as JSON\n"
    "  --list                 the tasks, their knobs and what these are at each difficulty\n";

static const struct option long_options[] = {{"output", required_argument, NULL, 'o'},
                                             {"documents", required_argument, NULL, 'd'},
                                             {"items", required_argument, NULL, 'i'},
                                             {"train-items", required_argument, NULL, 'r'},
                                             {"seed", required_argument, NULL, 's'},
                                             {"difficulty", required_argument, NULL, 'y'},
                                             {"vocab-size", required_argument, NULL, 'v'},
                                             {"tokenizer", required_argument, NULL, 't'},
                                             {"threads", required_argument, NULL, 'n'},
                                             {"json", no_argument, NULL, 'j'},
                                             {"list", no_argument, NULL, 'l'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

enum { MOST_ITEMS = 1000000000, MOST_VOCAB = 65536 };

static int set_option(struct ltm_synth_options *options, int letter, char **argv) {
    const char *command = "corpus synth";
    long long number = 0;
    int code = CLI_OK;
    switch (letter) {
    case 'o':
        options->output = optarg;
        break;
    case 'd':
        code = option_number(command, "--documents", optarg, 1, MOST_ITEMS, &number);
        options->documents = number;
        break;
    case 'i':
        code = option_number(command, "--items", optarg, 1, MOST_ITEMS, &number);
        options->items = number;
        break;
    case 'r':
        code = option_number(command, "--train-items", optarg, 1, MOST_ITEMS, &number);
        options->train_items = number;
        break;
    case 's':
        code = option_seed(command, optarg, &options->seed);
        break;
    case 'y':
        code = option_number(command, "--difficulty", optarg, 1, LTM_SYNTH_LEVELS, &number);
        options->difficulty = (int)number;
        break;
    case 'v':
        code = option_number(command, "--vocab-size", optarg, 2, MOST_VOCAB, &number);
        options->vocab = (int)number;
        break;
    case 't':
        options->tokenizer = optarg;
        break;
    case 'n':
        code = option_number(command, "--threads", optarg, 1, OPTION_THREADS_MOST, &number);
        options->threads = (int)number;
        break;
    default:
        code = option_unknown(command, argv);
    }
    return code;
}

static int print_list(void) {
    const struct ltm_synth_family *family;
    for (int i = 0; (family = ltm_synth_family_at(i)); i++) {
        printf("%s%s: %s\n", i ? "\n" : "", family->name, family->help);
        for (int k = 0; k < family->knob_count; k++) {
            const struct ltm_synth_knob *knob = &family->knobs[k];
            char levels[64];
            char range[64];
            snprintf(levels, sizeof levels, "%g, %g, %g", knob->levels[0], knob->levels[1], knob->levels[2]);
            snprintf(range, sizeof range, "%g … %g", knob->least, knob->most);
            printf("  %-12s %-16s %-14s %s\n", knob->name, levels, range, knob->help);
        }
    }
    return CLI_OK;
}

static void print_result(const struct ltm_synth_options *options, const struct ltm_synth_info *info, bool json) {
    const struct ltm_corpus_split_info *train = &info->corpus.train;
    const struct ltm_corpus_split_info *heldout = &info->corpus.heldout;
    if (json) {
        printf("{\"task\": \"%s\", \"documents\": %lld, \"bytes\": %lld, \"items\": %lld, \"train_items\": %lld",
               options->family, (long long)info->documents, (long long)info->bytes, (long long)info->items,
               (long long)info->train_items);
        if (info->has_corpus)
            printf(", \"vocab\": %d, \"tokens\": %lld, \"heldout_tokens\": %lld", info->corpus.vocab,
                   (long long)train->tokens, (long long)heldout->tokens);
        puts("}");
        return;
    }
    printf("documents %lld, %lld bytes\nitems     %lld to test, %lld to train\n", (long long)info->documents,
           (long long)info->bytes, (long long)info->items, (long long)info->train_items);
    if (info->has_corpus)
        cli_print_line(stdout, "corpus    %s/corpus: %lld tokens to train, %lld held out, vocabulary %d",
                       options->output, (long long)train->tokens, (long long)heldout->tokens, info->corpus.vocab);
    cli_print_line(stdout, "task      %s/task.ini", options->output);
}

static int make(struct ltm_synth_options *options, bool json) {
    struct ltm_synth_info info;
    struct ltm_error error = {0};
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    ltm_status status = ltm_synth(options, &watch, &info, &error);
    cli_bar_end(&bar);
    if (status != LTM_OK) return cli_fail(&error);
    print_result(options, &info, json);
    return CLI_OK;
}

int command_synth(int argc, char **argv) {
    struct ltm_synth_options options = ltm_synth_defaults();
    bool json = false;
    int letter;
    int words = 0;
    while ((letter = getopt_long(argc, argv, ":o:h", long_options, NULL)) != -1) {
        if (letter == 'h') {
            fputs(usage, stdout);
            return CLI_OK;
        }
        if (letter == 'l') return print_list();
        if (letter == ':') return cli_usage("corpus synth", "%s needs a value", argv[optind - 1]);
        json = json || letter == 'j';
        int code = letter == 'j' ? CLI_OK : set_option(&options, letter, argv);
        if (code != CLI_OK) return code;
    }
    /* The task to the front, knobs behind it: they may stand in any order. */
    for (int i = optind; i < argc; i++) {
        if (strchr(argv[i], '=')) {
            argv[words++] = argv[i];
            continue;
        }
        if (options.family) return cli_usage("corpus synth", "one task at a time, not \"%s\" too", argv[i]);
        options.family = argv[i];
    }
    if (!options.family) return cli_usage("corpus synth", "name the task; --list shows them");
    if (!options.output) return cli_usage("corpus synth", "name the folder with -o DIR");
    if (options.vocab && options.tokenizer)
        return cli_usage("corpus synth", "either --vocab-size or --tokenizer, not both");
    options.knobs = (const char *const *)argv;
    options.knob_count = (size_t)words;
    return make(&options, json);
}
