#include "stream_print.h"

#include <math.h>
#include <stdio.h>

#include "ltm/names.h"
#include "terminal.h"

const char *stream_print_controls(char text[200], const struct ltm_stream_scores *s) {
    char carried[2 * CLI_NUMBER + 8];
    if (s->memory)
        snprintf(text, 200, "memory carries %s; as a sequence begins with it %.4f",
                 cli_with_error(carried, 4, s->carried, s->carried_error), s->frozen);
    else
        snprintf(text, 200, "z carries %s; z frozen %.4f, from another sequence %.4f, 0 %.4f, drawn %.4f",
                 cli_with_error(carried, 4, s->carried, s->carried_error), s->frozen, s->others, s->zero, s->drawn);
    return text;
}

const char *stream_print_moves(char text[80], const struct ltm_model_config *c) {
    if (c->chunk > 0 && c->chunk < c->sequence && c->stream_rate > 0)
        snprintf(text, 80, "z moves every %d token%s at rate %g", c->chunk, ltm_plural(c->chunk), c->stream_rate);
    else
        snprintf(text, 80, "z stays at its start");
    return text;
}

/* A part has no tokens if all sequences are too short for it. */
static void print_part(double nats) {
    if (isfinite(nats))
        printf("  %7.4f", nats);
    else
        printf("  %7s", "-");
}

void stream_print_parts(const struct ltm_stream_scores *s) {
    char carried[2 * CLI_NUMBER + 8];
    const char *what = s->memory ? "the memory" : "z";
    printf("\n%s carries %s nats a token: what the score is better than with %s frozen at its start\n", what,
           cli_with_error(carried, 4, s->carried, s->carried_error), what);
    printf("%-22s", "by place, nats a token");
    for (int p = 0; p < s->parts; p++) printf("  %7d", p + 1);
    printf("\n%-22s", "score");
    for (int p = 0; p < s->parts; p++) print_part(s->part[p]);
    printf("\n%-22s", "frozen");
    for (int p = 0; p < s->parts; p++) print_part(s->frozen_part[p]);
    printf("\n%-22s", "carried");
    for (int p = 0; p < s->parts; p++) print_part(s->frozen_part[p] - s->part[p]);
    printf("\n");
}
