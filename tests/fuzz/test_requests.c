/* Fuzz target: bodies of requests to ltm serve. */
#define FUZZ_NAME "requests"
#include "fuzz/fuzz.h"

#include "serve/completion_request.h"

enum { VOCAB = 320 };

static void look_at(const struct completion_request *r) {
    FUZZ_CHECK(r->count >= 0 && r->n >= 1 && (int64_t)r->count * r->n <= COMPLETION_PROMPTS_MOST);
    FUZZ_CHECK(!r->texts != !r->tokens);
    for (int i = 0; i < r->count; i++) {
        FUZZ_CHECK(r->texts ? r->texts[i] != NULL : r->tokens[i].ids != NULL);
        for (size_t t = 0; r->tokens && t < r->tokens[i].count; t++)
            FUZZ_CHECK(r->tokens[i].ids[t] >= 0 && r->tokens[i].ids[t] < VOCAB);
        if (r->context_tokens) FUZZ_CHECK(r->context_tokens[i] >= 0);
    }
    for (int i = 0; i < r->stop_count; i++) FUZZ_CHECK(*r->stops[i]);
    FUZZ_CHECK(r->temperature >= 0 && r->top_p > 0 && r->top_p <= 1 && r->top_k >= 0 && r->max_tokens >= 0);
    FUZZ_CHECK(r->logprobs >= -1 && r->logprobs <= LTM_TOP_MOST && r->stop_count <= COMPLETION_STOPS_MOST);
    if (r->session) FUZZ_CHECK(*r->session && r->texts && r->count == 1);
    FUZZ_CHECK(r->turn >= -1 && (r->session || r->turn == -1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct completion_request request;
    struct ltm_error error = {0};
    if (fuzz_ok(completion_request_read(&request, (const char *)data, size, VOCAB, &error), &error)) look_at(&request);
    completion_request_free(&request);
    return 0;
}
