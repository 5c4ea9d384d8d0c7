#include "generate_stats.h"

#include <math.h>
#include <stdio.h>

#include "eval_print.h"
#include "terminal.h"

enum { NAME = 50 };

static void print_number(const char *name, double value, int digits, const char *unit) {
    if (isfinite(value)) printf("%-*s  %.*f%s\n", NAME, name, digits, value, unit);
}

void generate_stats_print(const struct generate_stats *stats) {
    const struct ltm_text_statistics *t = &stats->texts;
    char name[32];
    printf("%lld samples: %lld tokens, %lld words, %lld bytes\n\n", (long long)t->texts, (long long)stats->tokens,
           (long long)t->words, (long long)t->bytes);
    for (int n = 0; n < 4; n++) {
        snprintf(name, sizeof name, "distinct-%d", n + 1);
        print_number(name, t->distinct[n], 4, "");
    }
    print_number("entropy of the words", t->entropy, 3, " bits a word");
    print_number("4-grams that stood in the same sample before", 100 * t->repeated, 2, " %");
    print_number("longest stretch that stands in a sample twice", (double)t->longest_repeat, 0, " words");
    print_number("log p, the model's own, given z and prompt", stats->log_p / (double)stats->tokens, 4,
                 " nats a token");
    if (stats->judge) {
        const struct ltm_judgement *j = &stats->judgement;
        putchar('\n');
        cli_print_line(stdout, "under %s: %lld tokens, prompts and all", stats->judge, (long long)j->tokens);
        eval_print_measure_heading();
        eval_print_measure("recon", &j->recon, true);
        eval_print_measure("KL to the prior", &j->kl, false);
        eval_print_measure("bound: negative ELBO", &j->bound, true);
    }
    fflush(stdout);
}

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

json_t *generate_stats_json(const struct generate_stats *stats) {
    const struct ltm_text_statistics *t = &stats->texts;
    json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:o}", "samples", (json_int_t)t->texts, "tokens",
                             (json_int_t)stats->tokens, "words", (json_int_t)t->words, "bytes", (json_int_t)t->bytes,
                             "entropy_bits_per_word", number(t->entropy), "repeated_4_grams", number(t->repeated),
                             "longest_repeat_words", (json_int_t)t->longest_repeat, "log_p_per_token",
                             number(stats->log_p / (double)stats->tokens));
    json_t *distinct = json_array();
    for (int n = 0; n < 4; n++) json_array_append_new(distinct, number(t->distinct[n]));
    json_object_set_new(json, "distinct", distinct);
    if (stats->judge) {
        const struct ltm_judgement *j = &stats->judgement;
        json_t *judge = json_pack("{s:s, s:I, s:I}", "checkpoint", stats->judge, "tokens", (json_int_t)j->tokens,
                                  "bytes", (json_int_t)j->bytes);
        eval_add_measure(judge, "recon", &j->recon);
        eval_add_measure(judge, "kl", &j->kl);
        eval_add_measure(judge, "bound", &j->bound);
        json_object_set_new(json, "judge", judge);
    }
    return json;
}
