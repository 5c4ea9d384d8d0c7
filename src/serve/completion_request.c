#include "serve/completion_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "ltm/names.h"

ltm_status request_object(json_t **object, const char *text, size_t bytes, struct ltm_error *error) {
    struct ltm_error why;
    *object = NULL;
    const ltm_status status = json_read(object, text, bytes, JSON_REJECT_DUPLICATES, &why);
    if (status == LTM_MEMORY) return fail_with(error, &why);
    if (status != LTM_OK) return fail(error, LTM_INVALID, "the request's body is not JSON: %s", why.message);
    if (json_is_object(*object)) return LTM_OK;
    json_decref(*object);
    *object = NULL;
    return fail(error, LTM_INVALID, "the request's body is JSON, but not an object");
}

/* ---- Single fields; one that is missing or null stays as it was ---- */

static ltm_status take_number(double *value, const json_t *field, const char *name, double least, double most,
                              bool whole, struct ltm_error *error) {
    if (!field || json_is_null(field)) return LTM_OK;
    const double number = json_number_value(field);
    if (whole ? !json_is_integer(field) : !json_is_number(field))
        return fail(error, LTM_INVALID, "\"%s\" is not a %snumber", name, whole ? "whole " : "");
    if (!(number >= least && number <= most))
        return fail(error, LTM_INVALID, "\"%s\" is outside %.16g … %.16g", name, least, most);
    *value = number;
    return LTM_OK;
}

static ltm_status take_whole(int *value, const json_t *object, const char *name, double least, double most,
                             struct ltm_error *error) {
    double number = *value;
    PASS_UP(take_number(&number, json_object_get(object, name), name, least, most, true, error));
    *value = (int)number;
    return LTM_OK;
}

static ltm_status take_flag(bool *value, const json_t *object, const char *name, struct ltm_error *error) {
    const json_t *field = json_object_get(object, name);
    if (!field || json_is_null(field)) return LTM_OK;
    if (!json_is_boolean(field)) return fail(error, LTM_INVALID, "\"%s\" is neither true nor false", name);
    *value = json_is_true(field);
    return LTM_OK;
}

static ltm_status take_stops(struct completion_request *r, const json_t *field, struct ltm_error *error) {
    const size_t count = json_is_array(field) ? json_array_size(field) : field && !json_is_null(field);
    if (count > COMPLETION_STOPS_MOST)
        return fail(error, LTM_INVALID, "\"stop\" has more than %d texts", COMPLETION_STOPS_MOST);
    for (size_t i = 0; i < count; i++) {
        const char *stop = json_string_value(json_is_array(field) ? json_array_get(field, i) : field);
        if (!stop) return fail(error, LTM_INVALID, "\"stop\" is neither a text nor a list of texts");
        if (*stop) r->stops[r->stop_count++] = stop; /* clients send an empty one for none */
    }
    return LTM_OK;
}

static ltm_status take_prompts(struct completion_request *r, const json_t *prompt, int vocab, struct ltm_error *error) {
    const json_t *first = json_array_get(prompt, 0);
    const bool many = json_is_array(prompt) && (json_is_string(first) || json_is_array(first));
    const bool ids = many ? json_is_array(first) : json_is_array(prompt);
    const size_t count = many ? json_array_size(prompt) : 1;
    size_t all = 0;
    if (!prompt || !(ids || many || json_is_string(prompt)))
        return fail(error, LTM_INVALID,
                    "\"prompt\" is missing, or not a text, a list of texts, token ids or a list of lists of ids");
    if (count > COMPLETION_PROMPTS_MOST)
        return fail(error, LTM_INVALID, "\"prompt\" has more than %d prompts", COMPLETION_PROMPTS_MOST);
    r->count = (int)count;
    if (ids)
        PASS_UP(NEW_ARRAY(r->tokens, count, "prompts", error));
    else
        PASS_UP(NEW_ARRAY(r->texts, count, "prompts", error));
    for (size_t i = 0; i < count; i++) {
        const json_t *one = many ? json_array_get(prompt, i) : prompt;
        if (ids != json_is_array(one) || (!ids && !json_is_string(one)))
            return fail(error, LTM_INVALID, "\"prompt\" mixes texts, ids and lists of them");
        if (!ids) {
            r->texts[i] = json_string_value(one);
            continue;
        }
        int32_t *list = NULL;
        const ltm_status status = json_ids(&list, &r->tokens[i].count, one, "prompt", vocab, error);
        r->tokens[i].ids = list;
        if (status != LTM_OK) return status;
        all += r->tokens[i].count;
    }
    return all <= COMPLETION_TOKENS_MOST ? LTM_OK : fail(error, LTM_INVALID, "\"prompt\" has too many tokens");
}

static ltm_status take_context(struct completion_request *r, const json_t *field, struct ltm_error *error) {
    if (!field || json_is_null(field)) return LTM_OK;
    if (json_is_array(field) && json_array_size(field) != (size_t)r->count)
        return fail(error, LTM_INVALID, "\"context_tokens\" has %zu entries for %d prompts", json_array_size(field),
                    r->count);
    PASS_UP(NEW_ARRAY(r->context_tokens, (size_t)r->count, "prompts", error));
    for (int i = 0; i < r->count; i++) {
        const json_t *one = json_is_array(field) ? json_array_get(field, (size_t)i) : field;
        double number = 0;
        if (json_is_null(one)) return fail(error, LTM_INVALID, "\"context_tokens\" is not a whole number");
        PASS_UP(take_number(&number, one, "context_tokens", 0, COMPLETION_TOKENS_MOST, true, error));
        r->context_tokens[i] = (int)number;
    }
    return LTM_OK;
}

/* ---- Fields that are not ours to heed ---- */

/* What asks for nothing: null, 0, "", {}, []. */
static bool is_nothing(const json_t *value) {
    return json_is_null(value) || (json_is_number(value) && json_number_value(value) == 0) ||
           (json_is_string(value) && !*json_string_value(value)) ||
           ((json_is_object(value) || json_is_array(value)) && json_object_size(value) + json_array_size(value) == 0);
}

static ltm_status check_names(const json_t *object, struct ltm_error *error) {
    static const char *const known[] = {"prompt", "max_tokens",     "temperature", "top_p",   "top_k",          "n",
                                        "seed",   "stop",           "logprobs",    "echo",    "stream",         "model",
                                        "user",   "stream_options", "best_of",     "session", "context_tokens", "refit",
                                        "turn"};
    static const char *const refused[] = {"suffix", "logit_bias", "frequency_penalty", "presence_penalty"};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) found = found || strcmp(name, known[i]) == 0;
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
            if (strcmp(name, refused[i]) == 0) {
                if (!is_nothing(value)) return fail(error, LTM_INVALID, "\"%s\" is not supported here", name);
                found = true;
            }
        if (found) continue;
        const char *nearest = ltm_nearest_name(name, known, sizeof known / sizeof *known);
        if (nearest) return fail(error, LTM_INVALID, "there is no field \"%s\"; did you mean \"%s\"?", name, nearest);
        return fail(error, LTM_INVALID, "there is no field \"%s\"", name);
    }
    return LTM_OK;
}

static ltm_status check_together(const struct completion_request *r, struct ltm_error *error) {
    if ((int64_t)r->n * r->count > COMPLETION_PROMPTS_MOST)
        return fail(error, LTM_INVALID, "\"n\" times the prompts is more than %d", COMPLETION_PROMPTS_MOST);
    if ((int64_t)r->n * r->count * r->max_tokens > COMPLETION_TOKENS_MOST / (r->logprobs < 0 ? 1 : 1 + r->logprobs))
        return fail(error, LTM_INVALID,
                    "\"max_tokens\" times \"n\" times the prompts%s is more than %d; ask for less at a time",
                    r->logprobs < 0 ? "" : ", times 1 + \"logprobs\",", COMPLETION_TOKENS_MOST);
    if (!r->session && (r->refit || r->turn >= 0))
        return fail(error, LTM_INVALID, "\"%s\" requires a \"session\"", r->refit ? "refit" : "turn");
    if (!r->session) return LTM_OK;
    if (!*r->session || strlen(r->session) >= COMPLETION_SESSION_NAME)
        return fail(error, LTM_INVALID, "\"session\" is not a name of 1 to %d bytes", COMPLETION_SESSION_NAME - 1);
    if (!r->texts || r->count != 1 || r->n != 1 || r->echo || r->logprobs >= 0 || r->context_tokens)
        return fail(error, LTM_INVALID,
                    "a \"session\" takes one prompt, as text, and neither n, echo, logprobs nor context_tokens");
    return LTM_OK;
}

ltm_status completion_request_read(struct completion_request *r, const char *text, size_t bytes, int vocab,
                                   struct ltm_error *error) {
    double seed = 1;
    double turn = -1;
    *r =
        (struct completion_request){.max_tokens = 16, .n = 1, .temperature = 1, .top_p = 1, .logprobs = -1, .turn = -1};
    PASS_UP(request_object(&r->object, text, bytes, error));
    const json_t *object = r->object;
    int best_of = 1;
    PASS_UP(check_names(object, error));
    PASS_UP(take_prompts(r, json_object_get(object, "prompt"), vocab, error));
    PASS_UP(take_whole(&r->max_tokens, object, "max_tokens", 0, COMPLETION_TOKENS_MOST, error));
    PASS_UP(take_whole(&r->n, object, "n", 1, COMPLETION_PROMPTS_MOST, error));
    PASS_UP(take_whole(&best_of, object, "best_of", 1, COMPLETION_PROMPTS_MOST, error));
    if (best_of != 1 && best_of != r->n) return fail(error, LTM_INVALID, "\"best_of\" is not supported here");
    PASS_UP(take_whole(&r->top_k, object, "top_k", 0, 1e9, error));
    if (!json_is_boolean(json_object_get(object, "logprobs")))
        PASS_UP(take_whole(&r->logprobs, object, "logprobs", 0, LTM_TOP_MOST, error));
    else if (json_is_true(json_object_get(object, "logprobs")))
        return fail(error, LTM_INVALID, "\"logprobs\" is not a whole number");
    PASS_UP(take_number(&r->temperature, json_object_get(object, "temperature"), "temperature", 0, 100, false, error));
    PASS_UP(take_number(&r->top_p, json_object_get(object, "top_p"), "top_p", 1e-9, 1, false, error));
    PASS_UP(take_number(&seed, json_object_get(object, "seed"), "seed", 0, 9007199254740991.0, true, error));
    PASS_UP(take_number(&turn, json_object_get(object, "turn"), "turn", 0, 9007199254740991.0, true, error));
    r->seed = (uint64_t)seed;
    r->turn = (int64_t)turn;
    r->seeded = json_is_integer(json_object_get(object, "seed"));
    PASS_UP(take_stops(r, json_object_get(object, "stop"), error));
    PASS_UP(take_flag(&r->echo, object, "echo", error));
    PASS_UP(take_flag(&r->stream, object, "stream", error));
    PASS_UP(take_flag(&r->refit, object, "refit", error));
    const json_t *session = json_object_get(object, "session");
    if (session && !json_is_null(session) && !(r->session = json_string_value(session)))
        return fail(error, LTM_INVALID, "\"session\" is not a text");
    PASS_UP(take_context(r, json_object_get(object, "context_tokens"), error));
    return check_together(r, error);
}

void completion_request_free(struct completion_request *r) {
    for (int i = 0; r->tokens && i < r->count; i++) free((void *)r->tokens[i].ids);
    free(r->tokens);
    free(r->texts);
    free(r->context_tokens);
    json_decref(r->object);
    *r = (struct completion_request){0};
}
