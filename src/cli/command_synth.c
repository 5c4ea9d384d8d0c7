/* ltm corpus synth */
#include <stdio.h>

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
    "Items of puzzles (sudoku4, sudoku6, sudoku9, latin, maze, life) also have the grid: \"puzzle\", \"solution\",\n"
    "\"difficulty\", \"kind\", \"rows\", \"columns\"; documents are symmetric images of the training items, and no test\n"
    "puzzle is an image of a training puzzle. ltm inspect DIR/train.jsonl solves and counts them.\n"
    "  -o, --output DIR       the folder; what an earlier call made there is replaced\n"
    "  --documents N          training documents (20000)\n"
    "  --items N              test items, all different (500, or as many as there are)\n"
    "  --train-items N        items for shots and for fitting probes (2000)\n"
    "  --seed N               (1)\n"
    "  --difficulty 1|2|3     sets the defaults of the task's knobs (1)\n"
    "  --vocab-size N         train a tokenizer of N pieces and build the corpus\n"
    "  --bpe                  train it by byte-pair merges, not as a unigram model: each one-letter word is then one token\n"
    "                         (for puzzles always)\n"
    "  --tokenizer FILE       build the corpus with this tokenizer\n"
    "  --threads N            for tokenizer and corpus; the files do not depend on it (one per core)\n"
    "  --json                 print the result as JSON\n"
    "  --list                 list the tasks, their knobs and the knobs' values at each difficulty\n";

enum { MOST_ITEMS = 1000000000, MOST_VOCAB = 65536 };

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
    printf("documents %lld, %lld bytes\nitems     %lld to test%s, %lld to train\n", (long long)info->documents,
           (long long)info->bytes, (long long)info->items,
           info->items < options->items ? " (all different ones there are)" : "", (long long)info->train_items);
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
    struct ltm_synth_options o = ltm_synth_defaults();
    bool json = false;
    bool list = false;
    bool bpe = false;
    const struct cli_option options[] = {{"output", .letter = 'o', .text = &o.output},
                                         {"documents", .large = &o.documents, .least = 1, .most = MOST_ITEMS},
                                         {"items", .large = &o.items, .least = 1, .most = MOST_ITEMS},
                                         {"train-items", .large = &o.train_items, .least = 1, .most = MOST_ITEMS},
                                         {"seed", .seed = &o.seed},
                                         {"difficulty", .number = &o.difficulty, .least = 1, .most = LTM_SYNTH_LEVELS},
                                         {"vocab-size", .number = &o.vocab, .least = 2, .most = MOST_VOCAB},
                                         {"bpe", .on = &bpe},
                                         {"tokenizer", .text = &o.tokenizer},
                                         {"threads", .number = &o.threads, .least = 1, .most = OPTION_THREADS_MOST},
                                         {"json", .on = &json},
                                         {"list", .on = &list},
                                         {0}};
    const struct command_line line = {"corpus synth", usage, NULL, options};
    struct cli_arguments a;
    const int code = options_read_all(&line, argc, argv, &a);
    if (code != CLI_GO_ON) return code;
    if (list) return print_list();
    if (a.path_count > 1) return cli_usage("corpus synth", "one task at a time, not also \"%s\"", a.paths[1]);
    if (a.path_count == 0) return cli_usage("corpus synth", "name the task; --list shows them");
    if (!o.output) return cli_usage("corpus synth", "name the folder with -o DIR");
    if (o.vocab && o.tokenizer) return cli_usage("corpus synth", "either --vocab-size or --tokenizer, not both");
    if (bpe && !o.vocab) return cli_usage("corpus synth", "--bpe goes with --vocab-size: it says how pieces are found");
    o.bpe = bpe;
    o.family = a.paths[0];
    o.knobs = (const char *const *)a.settings;
    o.knob_count = (size_t)a.setting_count;
    return make(&o, json);
}
