#include "tasks/synth.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "ltm/names.h"

static void text_append(struct text *text, const char *words, size_t bytes) {
    if (text->failed) return;
    text->failed = GROW_ARRAY(text->data, text->room, text->bytes + bytes + 1, "a text", NULL) != LTM_OK;
    if (text->failed) return;
    memcpy(text->data + text->bytes, words, bytes);
    text->bytes += bytes;
    text->data[text->bytes] = 0;
}

void text_add(struct text *text, const char *words) { text_append(text, words, strlen(words)); }

void text_print(struct text *text, const char *format, ...) {
    char words[1024];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof words)
        text->failed = true;
    else
        text_append(text, words, (size_t)length);
}

void text_clear(struct text *text) {
    text->bytes = 0;
    if (text->data) text->data[0] = 0;
}

const char *text_string(const struct text *text) { return text->data ? text->data : ""; }

void text_free(struct text *text) {
    free(text->data);
    *text = (struct text){0};
}

/* What a number is drawn for; part of what a seed means. */
enum { DRAW_WORLD = 1, DRAW_DOCUMENT, DRAW_TRAIN_ITEM, DRAW_TEST_ITEM };

static struct draw draw_for(uint64_t seed, uint32_t what, uint64_t index) {
    return (struct draw){.key = {.seed = seed,
                                 .purpose = RANDOM_SYNTH,
                                 .step = what,
                                 .sequence = (uint32_t)index,
                                 .fast = (uint32_t)(index >> 32) & 0xffffff}};
}

struct draw synth_world_draw(uint64_t seed) {
    return draw_for(seed, DRAW_WORLD, 0);
}

struct draw synth_train_draw(const struct synth *synth, uint64_t index) {
    return draw_for(synth->seed, DRAW_TRAIN_ITEM, index);
}

bool synth_held_out(const struct synth *synth, int part, const void *key, size_t bytes, double share) {
    const uint64_t hash = hash_bytes(key, bytes, synth->seed * 64 + (uint64_t)part);
    return (double)(hash >> 11) * 0x1p-53 < share;
}

static ltm_status set_knob(struct synth *synth, const char *assignment, struct ltm_error *error) {
    const struct ltm_synth_family *family = &synth->family->public;
    const char *names[SYNTH_KNOBS];
    const char *equals = strchr(assignment, '=');
    if (!equals)
        return fail(error, LTM_INVALID,
                    "\"%.100s\" is not of the form name=value; ltm corpus synth --list shows the knobs of %s",
                    assignment, family->name);
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(equals - assignment), assignment);
    int i = 0;
    while (i < family->knob_count && strcmp(family->knobs[i].name, name) != 0) i++;
    if (i == family->knob_count) {
        for (int k = 0; k < family->knob_count; k++) names[k] = family->knobs[k].name;
        const char *nearest = ltm_nearest_name(name, names, (size_t)family->knob_count);
        return fail(error, LTM_INVALID, "%s has no knob %s%s%s; ltm corpus synth --list shows them all", family->name,
                    name, nearest ? "; did you mean " : "", nearest ? nearest : "");
    }
    const struct ltm_synth_knob *knob = &family->knobs[i];
    int64_t whole = 0;
    double value = 0;
    bool good = knob->whole ? number_parse_integer(equals + 1, &whole) : number_parse_real(equals + 1, &value);
    if (knob->whole) value = (double)whole;
    if (!good || value < knob->least || value > knob->most)
        return fail(error, LTM_INVALID, "%s = \"%.60s\" is not a%s number from %g to %g", name, equals + 1,
                    knob->whole ? " whole" : "", knob->least, knob->most);
    synth->knobs[i] = value;
    return LTM_OK;
}

ltm_status synth_open(struct synth *synth, const struct synth_family *family, int difficulty, const char *const *knobs,
                      size_t knob_count, uint64_t seed, struct ltm_error *error) {
    *synth = (struct synth){.family = family, .seed = seed};
    if (difficulty < 1 || difficulty > LTM_SYNTH_LEVELS)
        return fail(error, LTM_INVALID, "difficulty = %d is outside 1 … %d", difficulty, LTM_SYNTH_LEVELS);
    for (int i = 0; i < family->public.knob_count; i++)
        synth->knobs[i] = family->public.knobs[i].levels[difficulty - 1];
    for (size_t i = 0; i < knob_count; i++) PASS_UP(set_knob(synth, knobs[i], error));
    return family->prepare ? family->prepare(synth, error) : LTM_OK;
}

void synth_close(struct synth *synth) {
    free(synth->world);
    *synth = (struct synth){0};
}

ltm_status synth_document(const struct synth *synth, uint64_t index, struct text *document, struct ltm_error *error) {
    struct draw draw = draw_for(synth->seed, DRAW_DOCUMENT, index);
    struct synth_problem problem = {.index = index};
    const int problems = draw_between(&draw, 1, synth_knob(synth, KNOB_PROBLEMS));
    text_clear(document);
    for (int i = 0; i < problems; i++) {
        text_clear(&problem.context);
        text_clear(&problem.answer);
        synth->family->problem(synth, &draw, SYNTH_TRAIN, &problem);
        if (i) text_add(document, "\n\n");
        text_add(document, text_string(&problem.context));
        text_add(document, " ");
        text_add(document, text_string(&problem.answer));
    }
    const bool failed = problem.context.failed || problem.answer.failed || document->failed;
    text_free(&problem.context);
    text_free(&problem.answer);
    return failed ? fail_memory(error, document->room, "a document") : LTM_OK;
}

ltm_status synth_item(const struct synth *synth, enum synth_side side, uint64_t index, json_t **item,
                      struct ltm_error *error) {
    struct draw draw = draw_for(synth->seed, side == SYNTH_TRAIN ? DRAW_TRAIN_ITEM : DRAW_TEST_ITEM, index);
    struct synth_problem problem = {.index = index, .item = true, .facts = json_object()};
    synth->family->problem(synth, &draw, side, &problem);
    json_t *made = json_object();
    bool good = !problem.context.failed && !problem.answer.failed && problem.facts &&
                json_object_set_new(made, "context", json_string(text_string(&problem.context))) == 0 &&
                (synth->family->choices ||
                 json_object_set_new(made, "answer", json_string(text_string(&problem.answer))) == 0) &&
                json_object_update(made, problem.facts) == 0;
    text_free(&problem.context);
    text_free(&problem.answer);
    json_decref(problem.facts);
    if (good) {
        *item = made;
        return LTM_OK;
    }
    json_decref(made);
    return json_fail_memory("an item", error);
}
