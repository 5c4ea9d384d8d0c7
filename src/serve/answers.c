#include "serve/answers.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "generate/sample_text.h"
#include "serve/completion_request.h"

/* The piece that ends a document, as SentencePiece names it. */
static const char end_piece[] = "</s>";

static ltm_status text_of(char **reply, json_t *json, struct ltm_error *error) {
    *reply = json ? json_text(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return *reply ? LTM_OK : json_fail_memory("a reply", error);
}

char *answer_error(int http_status, const char *message) {
    char *text = NULL;
    const char *type = http_status >= 500 ? "server_error" : "invalid_request_error";
    text_of(&text, json_pack("{s:{s:s, s:s, s:i}}", "error", "message", message, "type", type, "code", http_status),
            NULL);
    return text;
}

int answer_status(ltm_status status) {
    switch (status) {
    case LTM_INVALID:
        return 400;
    case LTM_INTERRUPTED:
    case LTM_MEMORY:
        return 503;
    default:
        return 500;
    }
}

ltm_status answer_models(char **reply, const struct ltm_model *model, const char *name, struct ltm_error *error) {
    return text_of(reply,
                   json_pack("{s:s, s:[{s:s, s:s, s:s, s:i, s:i}]}", "object", "list", "data", "id", name, "object",
                             "model", "owned_by", "ltm", "max_model_len", ltm_model_config(model)->model.sequence,
                             "latents", ltm_model_config(model)->model.latents),
                   error);
}

ltm_status answer_tokenizer_info(char **reply, const struct ltm_model *model, struct ltm_error *error) {
    const struct ltm_tokenizer *tokenizer = ltm_model_tokenizer(model);
    return text_of(reply,
                   json_pack("{s:s, s:s, s:n, s:n, s:i, s:i, s:i}", "tokenizer_class", "SentencePiece", "eos_token",
                             end_piece, "bos_token", "pad_token", "eos_token_id", ltm_tokenizer_end(tokenizer),
                             "vocab_size", ltm_tokenizer_vocab(tokenizer), "model_max_length",
                             ltm_model_config(model)->model.sequence),
                   error);
}

ltm_status answer_tokenize(char **reply, const struct ltm_model *model, const char *body, size_t bytes,
                           struct ltm_error *error) {
    const struct ltm_tokenizer *tokenizer = ltm_model_tokenizer(model);
    json_t *request = NULL;
    json_t *tokens = NULL;
    int32_t *ids = NULL;
    size_t count = 0;
    ltm_status status = LTM_OK;
    TRY(request_object(&request, body, bytes, error));
    const char *prompt = json_string_value(json_object_get(request, "prompt"));
    if (!prompt) {
        status = fail(error, LTM_INVALID, "\"prompt\" is missing, or not a text");
        goto cleanup;
    }
    tokens = json_array();
    if (strcmp(prompt, end_piece) == 0) /* clients learn the id that ends a document so */
        json_array_append_new(tokens, json_integer(ltm_tokenizer_end(tokenizer)));
    else
        TRY(ltm_tokenizer_encode(tokenizer, prompt, strlen(prompt), &ids, &count, error));
    for (size_t i = 0; i < count; i++) json_array_append_new(tokens, json_integer(ids[i]));
    TRY(text_of(reply,
                json_pack("{s:O, s:I, s:i}", "tokens", tokens, "count", (json_int_t)json_array_size(tokens),
                          "max_model_len", ltm_model_config(model)->model.sequence),
                error));
cleanup:
    json_decref(request);
    json_decref(tokens);
    free(ids);
    return status;
}

ltm_status answer_detokenize(char **reply, const struct ltm_model *model, const char *body, size_t bytes,
                             struct ltm_error *error) {
    const struct ltm_tokenizer *tokenizer = ltm_model_tokenizer(model);
    struct sample_text text = {0};
    json_t *request = NULL;
    char *clean = NULL;
    int32_t *ids = NULL;
    size_t count = 0;
    ltm_status status = LTM_OK;
    TRY(request_object(&request, body, bytes, error));
    const json_t *tokens = json_object_get(request, "tokens");
    if (!json_is_array(tokens)) {
        status = fail(error, LTM_INVALID, "\"tokens\" is missing, or not a list of token ids");
        goto cleanup;
    }
    TRY(json_ids(&ids, &count, tokens, "tokens", ltm_tokenizer_vocab(tokenizer), error));
    TRY(ltm_tokenizer_decode(tokenizer, ids, count, &text.text, &text.bytes, error));
    TRY(sample_text_clean(&clean, &text, error));
    TRY(text_of(reply, json_pack("{s:s}", "prompt", clean), error));
cleanup:
    json_decref(request);
    free(text.text);
    free(clean);
    free(ids);
    return status;
}
