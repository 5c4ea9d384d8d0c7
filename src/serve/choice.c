#include "serve/choice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "generate/sample_text.h"

void choice_begin(struct choice *c, bool logprobs) {
    *c = (struct choice){0};
    if (!logprobs) return;
    c->tokens = json_array(), c->logprobs = json_array(), c->likeliest = json_array(), c->offsets = json_array();
}

void choice_free(struct choice *c) {
    json_decref(c->tokens), json_decref(c->logprobs), json_decref(c->likeliest), json_decref(c->offsets);
    free(c->ends);
    *c = (struct choice){0};
}

/* The last `bytes` of a token's text, as the API shows it: "bytes:\xE2\x80" where it is no whole character. */
static json_t *token_text(const struct ltm_tokenizer *tokenizer, int32_t id, size_t bytes, int64_t *characters) {
    char *text = NULL;
    size_t all = 0;
    bool open;
    json_t *shown = NULL;
    if (id == ltm_tokenizer_end(tokenizer)) return json_string("</s>");
    if (ltm_tokenizer_decode(tokenizer, &id, 1, &text, &all, NULL) != LTM_OK) return json_string("");
    const char *own = text + (all > bytes ? all - bytes : 0);
    const size_t count = all > bytes ? bytes : all;
    for (size_t i = 0; i < count; i++) *characters += ((unsigned char)own[i] & 0xC0) != 0x80;
    if (utf8_valid(own, count, &open) == count)
        shown = json_stringn(own, count);
    else {
        char spelled[6 + 4 * 32 + 1] = "bytes:";
        for (size_t i = 0; i < count && i < 32; i++) sprintf(spelled + 6 + 4 * i, "\\x%02X", (unsigned char)own[i]);
        shown = json_string(spelled);
    }
    free(text);
    return shown;
}

/* The likeliest tokens, and the one that stands there. */
static json_t *likeliest_json(const struct ltm_tokenizer *tokenizer, const int32_t *top, const double *top_log_p, int n,
                              int32_t id, double log_p) {
    json_t *object = json_object();
    for (int i = 0; i <= n; i++) {
        int64_t unused = 0;
        json_t *name = token_text(tokenizer, i < n ? top[i] : id, SIZE_MAX, &unused);
        /* Two tokens may have one text: the likelier one comes first. */
        if (!json_object_get(object, json_string_value(name)))
            json_object_set_new(object, json_string_value(name), json_real(i < n ? top_log_p[i] : log_p));
        json_decref(name);
    }
    return object;
}

ltm_status choice_add(struct choice *c, const struct ltm_tokenizer *tokenizer, int32_t id, double log_p,
                      const int32_t *top, const double *top_log_p, int n, size_t bytes, struct ltm_error *error) {
    const size_t count = json_array_size(c->tokens);
    PASS_UP(GROW_ARRAY(c->ends, c->room, count + 1, "tokens", error));
    c->ends[count] = c->bytes;
    json_array_append_new(c->offsets, json_integer(c->characters));
    json_array_append_new(c->tokens, token_text(tokenizer, id, bytes, &c->characters));
    json_array_append_new(c->logprobs, isfinite(log_p) ? json_real(log_p) : json_null());
    json_array_append_new(c->likeliest,
                          isfinite(log_p) ? likeliest_json(tokenizer, top, top_log_p, n, id, log_p) : json_null());
    return LTM_OK;
}

static json_t *some_of(const json_t *array, size_t from, size_t to) {
    json_t *some = json_array();
    for (size_t i = from; i < to; i++) json_array_append(some, json_array_get(array, i));
    return some;
}

json_t *choice_json(struct choice *c, int64_t index, const char *text, size_t bytes, size_t upto) {
    const struct sample_text raw = {.text = (char *)text, .bytes = bytes};
    const size_t from = c->told;
    char *clean = NULL;
    json_t *logprobs = json_null();
    if (sample_text_clean(&clean, &raw, NULL) != LTM_OK) return NULL;
    while (c->told < json_array_size(c->tokens) && (c->finish || c->ends[c->told] <= upto)) c->told++;
    if (c->tokens)
        logprobs = json_pack("{s:o, s:o, s:o, s:o}", "tokens", some_of(c->tokens, from, c->told), "token_logprobs",
                             some_of(c->logprobs, from, c->told), "top_logprobs", some_of(c->likeliest, from, c->told),
                             "text_offset", some_of(c->offsets, from, c->told));
    json_t *json = json_pack("{s:I, s:s, s:o, s:o}", "index", (json_int_t)index, "text", clean, "logprobs", logprobs,
                             "finish_reason", c->finish ? json_string(c->finish) : json_null());
    free(clean);
    return json;
}
