#include "text/pair_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/random.h"
#include "text/encode_behind.h"
#include "text/json_lines.h"

enum { HELDOUT_EVERY = 20 };

static const struct pair_source *pairs_of(const struct sequence_source *source) {
    return (const struct pair_source *)source;
}

/* ---- Contents of a sequence ---- */

static int64_t sequence_at(const struct sequence_source *source, int64_t i) {
    const struct pair_source *p = pairs_of(source);
    const int each = p->preferences ? 2 : 1;
    const int64_t at = p->order.per_epoch ? sequence_start(&p->order, i / each)
                                          : heldout_spread(i / each, source->count / each, p->sequences / each);
    return at * each + i % each;
}

static bool read_pair(const struct sequence_source *source, int64_t i, int length, int32_t *tokens, int32_t *targets,
                      float *weights) {
    const struct pair_source *p = pairs_of(source);
    const int64_t at = sequence_at(source, i);
    const int32_t *run = p->tokens + p->begins[at];
    const bool *answers = p->answers + p->begins[at];
    const int64_t n = p->begins[at + 1] - p->begins[at];
    for (int t = 0; t < length; t++) {
        targets[t] = t < n ? run[t] : p->end;
        tokens[t] = t > 0 ? targets[t - 1] : p->end;
        weights[t] = t < n && answers[t] ? 1 : 0;
    }
    return true;
}

static void read_fit(const struct sequence_source *source, int64_t i, int length, float *weights) {
    const struct pair_source *p = pairs_of(source);
    const int64_t at = sequence_at(source, i);
    const bool *answers = p->answers + p->begins[at];
    const int64_t n = p->begins[at + 1] - p->begins[at];
    for (int t = 0; t < length; t++) weights[t] = t < n && !answers[t] ? 1 : 0;
}

static int64_t place(const struct sequence_source *source, int64_t i) {
    return pairs_of(source)->begins[sequence_at(source, i)];
}

/* Both answers to a prompt have the same noise, and so the same fit. */
static uint32_t noise(const struct sequence_source *source, int64_t i) {
    return (uint32_t)(sequence_at(source, i) / 2);
}

/* ---- Reading ---- */

struct reading {
    struct pair_source *pairs;
    const struct pair_options *options;
};

static bool is_heldout(const char *prompt) {
    char hex[17];
    checksum_hex(hex, prompt, strlen(prompt));
    const uint32_t sum = (uint32_t)(strtoull(hex, NULL, 16) >> 32);
    return random_bits((struct random_key){.purpose = RANDOM_TEXT, .sequence = sum}, 0) % HELDOUT_EVERY == 0;
}

/* Appends tokens; those of the answer have weight. */
static ltm_status append(struct pair_source *p, const int32_t *ids, size_t count, bool answer,
                         struct ltm_error *error) {
    const size_t at = (size_t)p->begins[p->sequences];
    PASS_UP(GROW_ARRAY(p->tokens, p->token_room, at + count, "pairs", error));
    PASS_UP(GROW_ARRAY(p->answers, p->answer_room, at + count, "pairs", error));
    memcpy(p->tokens + at, ids, count * sizeof *ids);
    for (size_t i = 0; i < count; i++) p->answers[at + i] = answer;
    p->begins[p->sequences] += (int64_t)count;
    return LTM_OK;
}

/* A sequence begins where begins[sequences], the end of all tokens, is. */
static ltm_status new_sequence(struct pair_source *p, struct ltm_error *error) {
    PASS_UP(GROW_ARRAY(p->begins, p->begin_room, (size_t)p->sequences + 2, "pairs", error));
    p->begins[p->sequences + 1] = p->begins[p->sequences];
    p->sequences++;
    return LTM_OK;
}

/* A prompt's and an answer's tokens. */
struct encoded {
    int32_t *prompt, *answer;
    size_t prompt_count, answer_count;
};

static void encoded_free(struct encoded *e) {
    free(e->prompt);
    free(e->answer);
}

static size_t length_of(const struct encoded *e) { return e->prompt_count + e->answer_count + 1; }

static ltm_status encode(struct encoded *e, const struct ltm_tokenizer *tokenizer, const char *prompt,
                         const char *answer, struct ltm_error *error) {
    const size_t bytes = prompt_bytes(prompt);
    char *text = NULL;
    ltm_status status = LTM_OK;
    *e = (struct encoded){0};
    if (asprintf(&text, "%s%s", prompt + bytes, answer) < 0) return fail_memory(error, strlen(answer), "an answer");
    TRY(ltm_tokenizer_encode(tokenizer, prompt, bytes, &e->prompt, &e->prompt_count, error));
    TRY(encode_behind(&e->answer, &e->answer_count, tokenizer, prompt, bytes, e->prompt, e->prompt_count, text, error));
    if (e->prompt_count == 0) status = fail(error, LTM_INVALID, "the prompt contains no text");
cleanup:
    free(text);
    return status;
}

/* Appended to the last sequence if packing allows it and there is room, otherwise to a new one. */
static ltm_status append_pair(const struct reading *r, const struct encoded *e, struct ltm_error *error) {
    struct pair_source *p = r->pairs;
    const struct ltm_model_config *model = r->options->model;
    const bool packs = model->packing == LTM_PACKING_MASKED && !p->preferences && p->sequences > 0;
    const int64_t here = packs ? p->begins[p->sequences] - p->begins[p->sequences - 1] : 0;
    if (!packs || here + (int64_t)length_of(e) > model->sequence) PASS_UP(new_sequence(p, error));
    PASS_UP(append(p, e->prompt, e->prompt_count, false, error));
    PASS_UP(append(p, e->answer, e->answer_count, true, error));
    return append(p, &p->end, 1, true, error);
}

static ltm_status take_pair(struct reading *r, const char *prompt, const char *const answers[2], int64_t line,
                            struct ltm_error *error) {
    struct pair_source *p = r->pairs;
    struct encoded e[2] = {{0}};
    const int count = p->preferences ? 2 : 1;
    const size_t most = (size_t)r->options->model->sequence;
    bool fits = true;
    ltm_status status = LTM_OK;
    for (int i = 0; i < count; i++) {
        if (!*answers[i]) TRY(fail(error, LTM_INVALID, "an answer is empty"));
        TRY(encode(&e[i], r->options->tokenizer, prompt, answers[i], error));
        fits = fits && length_of(&e[i]) <= most;
    }
    if (r->options->part != PAIRS_ALL && is_heldout(prompt) != (r->options->part == PAIRS_HELDOUT)) goto cleanup;
    if (!fits) {
        if (p->too_long++ == 0) p->first_long = line;
        goto cleanup;
    }
    for (int i = 0; i < count; i++) TRY(append_pair(r, &e[i], error));
    p->pairs++;
cleanup:
    for (int i = 0; i < count; i++) encoded_free(&e[i]);
    return status;
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* *prompt, which the caller frees, from all messages but the last; the last one's content is the answer. */
static ltm_status join_messages(char **prompt, const char **answer, const json_t *messages, struct ltm_error *error) {
    const size_t count = json_array_size(messages);
    char *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream) return fail_memory(error, 0, "messages");
    bool good = count > 1;
    for (size_t i = 0; good && i < count; i++) {
        const char *role = text_of(json_array_get(messages, i), "role");
        const char *content = text_of(json_array_get(messages, i), "content");
        good = role && content && (i < count - 1 || strcmp(role, "assistant") == 0);
        if (good && i < count - 1) fprintf(stream, "%s: %s\n", role, content);
        if (good && i == count - 1) *answer = content;
    }
    fputs("assistant:", stream);
    if (fclose(stream) != 0) good = false;
    *prompt = text;
    if (good) return LTM_OK;
    return fail(
        error, LTM_INVALID,
        "expected in \"messages\": two or more of {\"role\": TEXT, \"content\": TEXT}, the last with role assistant");
}

static ltm_status take_messages(struct reading *r, const json_t *messages, int64_t line, struct ltm_error *error) {
    char *prompt = NULL;
    char *answer = NULL;
    const char *content = NULL;
    ltm_status status = join_messages(&prompt, &content, messages, error);
    if (status == LTM_OK && !*content) status = fail(error, LTM_INVALID, "the last message is empty");
    if (status == LTM_OK && asprintf(&answer, " %s", content) < 0) {
        answer = NULL;
        status = fail_memory(error, 0, "messages");
    }
    if (status == LTM_OK) status = take_pair(r, prompt, (const char *const[2]){answer, NULL}, line, error);
    free(prompt);
    free(answer);
    return status;
}

static ltm_status take_line(void *user, json_t *object, int64_t line, struct ltm_error *error) {
    struct reading *r = user;
    const char *prompt = text_of(object, "prompt");
    const char *answer = text_of(object, "answer");
    const char *chosen = text_of(object, "chosen");
    const char *rejected = text_of(object, "rejected");
    const json_t *messages = json_object_get(object, "messages");
    if (r->options->preferences) {
        if (!prompt || !chosen || !rejected)
            return fail(error, LTM_INVALID, "expected {\"prompt\": TEXT, \"chosen\": TEXT, \"rejected\": TEXT}");
        if (strcmp(chosen, rejected) == 0) return fail(error, LTM_INVALID, "chosen and rejected are the same");
        return take_pair(r, prompt, (const char *const[2]){chosen, rejected}, line, error);
    }
    if (!prompt && messages) return take_messages(r, messages, line, error);
    if (!answer) answer = chosen;
    if (!prompt || !answer)
        return fail(error, LTM_INVALID, "expected {\"prompt\": TEXT, \"answer\": TEXT} or {\"messages\": […]}");
    return take_pair(r, prompt, (const char *const[2]){answer, NULL}, line, error);
}

static ltm_status check_any(const struct pair_source *p, const struct pair_options *o, struct ltm_error *error) {
    if (p->pairs > 0 || o->part == PAIRS_HELDOUT) return LTM_OK;
    if (p->too_long)
        return fail(error, LTM_INVALID, "every pair of %s is longer than model.sequence = %d; raise it", o->path,
                    o->model->sequence);
    return fail(error, LTM_INVALID, "%s contains no pair%s", o->path, o->part == PAIRS_ALL ? "" : " to train on");
}

ltm_status pair_source_open(struct pair_source *pairs, const struct pair_options *options, struct ltm_error *error) {
    struct reading reading = {pairs, options};
    ltm_status status = LTM_OK;
    *pairs = (struct pair_source){
        .source = {.read = read_pair, .place = place, .noise = options->preferences ? noise : NULL},
        .preferences = options->preferences,
        .end = options->model->document_end};
    if (options->model->latents) pairs->source.read_fit = read_fit;
    TRY(GROW_ARRAY(pairs->begins, pairs->begin_room, 1, "pairs", error));
    pairs->begins[0] = 0;
    TRY(json_lines_read(options->path, take_line, &reading, error));
    TRY(check_any(pairs, options, error));
    pairs->source.count = pairs->sequences;
    return LTM_OK;
cleanup:
    pair_source_free(pairs);
    return status;
}

void pair_source_train(struct pair_source *pairs, uint64_t seed) {
    const int64_t n = pairs->preferences ? pairs->sequences / 2 : pairs->sequences;
    pairs->source.count = INT64_MAX;
    pairs->order = (struct sequence_order){.tokens = n, .per_epoch = n, .length = 1, .seed = seed};
}

void pair_source_limit(struct pair_source *pairs, int64_t most) {
    if (pairs->preferences) most = most > 1 ? most / 2 * 2 : 2;
    if (most < pairs->sequences) pairs->source.count = most;
}

void pair_source_free(struct pair_source *pairs) {
    free(pairs->tokens);
    free(pairs->answers);
    free(pairs->begins);
    pairs->tokens = NULL;
    pairs->answers = NULL;
    pairs->begins = NULL;
}
