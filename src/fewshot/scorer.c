#include "ltm/scorer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/json.h"
#include "base/memory.h"
#include "config/chunks.h"
#include "fewshot/fewshot_score.h"
#include "generate/sample_text.h"
#include "generate/sampler.h"
#include "ltm/generate.h"
#include "math/matmul.h"
#include "tasks/random_draws.h"
#include "train/trained_model.h"

enum { LENGTH_MOST = 256 };

struct ltm_scorer {
    const struct ltm_model *model;
    struct prompted_options options;
    struct decoder *decoder;
    struct stream_weights *weights;
    struct prompted *prompted; /* [threads] */
    int threads, open;         /* open: those created so far */
};

struct ltm_scorer_options ltm_scorer_defaults(void) {
    return (struct ltm_scorer_options){.draws = 4, .seed = 1, .precision = LTM_PRECISION_AUTO};
}

void ltm_scorer_stop(struct ltm_scorer *scorer, const volatile sig_atomic_t *stop) { scorer->options.stop = stop; }

int ltm_scorer_threads(const struct ltm_scorer *scorer) { return scorer->threads; }

void ltm_scorer_close(struct ltm_scorer *scorer) {
    if (!scorer) return;
    for (int i = 0; i < scorer->open; i++) prompted_free(&scorer->prompted[i]);
    free(scorer->prompted);
    stream_weights_free(scorer->weights);
    decoder_free(scorer->decoder);
    free(scorer);
}

ltm_status ltm_scorer_open(struct ltm_scorer **scorer, const struct ltm_model *model,
                           const struct ltm_scorer_options *options, struct ltm_error *error) {
    struct ltm_scorer *s = NULL;
    struct ltm_config config = model->config;
    ltm_status status = LTM_OK;
    *scorer = NULL;
    if (!model->tokenizer)
        return fail(error, LTM_UNSUPPORTED,
                    "the checkpoint has no tokenizer, so it cannot read text; train on a corpus that has one");
    if (options->draws < 0 || options->draws > 4096)
        return fail(error, LTM_INVALID, "draws = %d is outside 0 … 4096", options->draws);
    config.run.threads = options->threads > 0 ? options->threads : LTM_AUTO;
    if (options->fast) config.fast = *options->fast;
    ltm_config_resolve(&config);
    TRY(matmul_start(error));
    TRY(NEW_ARRAY(s, 1, "a scorer", error));
    s->model = model;
    s->threads = config.run.threads;
    s->options = (struct prompted_options){.fast = config.fast,
                                           .draws = options->draws,
                                           .seed = options->seed,
                                           .begin = ltm_tokenizer_end(model->tokenizer)};
    TRY(trained_model_decoder(&s->decoder, model, options->precision, 0, s->threads, error));
    TRY(stream_weights_create(&s->weights, s->decoder, s->decoder->in_bf16, s->threads, error));
    TRY(NEW_ARRAY(s->prompted, (size_t)s->threads, "threads", error));
    for (; s->open < s->threads; s->open++) TRY(prompted_create(&s->prompted[s->open], s->weights, &s->options, error));
    *scorer = s;
    return LTM_OK;
cleanup:
    ltm_scorer_close(s);
    return status;
}

/* ---- A request ---- */

struct request {
    json_t *object;           /* NULL: it is none, and `error` says why */
    const char *context;      /* text; where ids are given, theirs */
    const char *continuation; /* text, or NULL */
    char *own;                /* the context, where it is its ids' text */
    int32_t *context_ids;     /* or NULL: both are text */
    size_t context_count;
    struct continuation ids; /* of the continuation */
    int top;                 /* -1 = tokens are not told of one by one */
    bool moves;              /* streaming latents keep moving through the continuation */
    struct ltm_error error;
};

static ltm_status number_of(double *value, const json_t *object, const char *key, double least, double most,
                            struct ltm_error *error) {
    const json_t *number = json_object_get(object, key);
    if (!number) return LTM_OK;
    if (!json_is_number(number) || !(json_number_value(number) >= least && json_number_value(number) <= most))
        return fail(error, LTM_INVALID, "\"%s\" is not a number from %g to %g", key, least, most);
    *value = json_number_value(number);
    return LTM_OK;
}

/* A context and a continuation as token ids. */
static ltm_status read_ids(struct request *r, const struct ltm_scorer *s, const json_t *context,
                           const json_t *continuation) {
    const int vocab = ltm_tokenizer_vocab(s->model->tokenizer);
    size_t bytes;
    PASS_UP(json_ids(&r->context_ids, &r->context_count, context, "context", vocab, &r->error));
    PASS_UP(json_ids(&r->ids.ids, &r->ids.count, continuation, "continuation", vocab, &r->error));
    PASS_UP(ltm_tokenizer_decode(s->model->tokenizer, r->context_ids, r->context_count, &r->own, &bytes, &r->error));
    r->context = r->own;
    if (r->ids.count == 0) return fail(&r->error, LTM_INVALID, "\"continuation\" is empty");
    if (!r->moves && r->ids.count > (size_t)prompted_longest(&s->decoder->plan.config))
        return fail(&r->error, LTM_INVALID, "a continuation of %zu tokens is longer than model.sequence = %d",
                    r->ids.count, s->decoder->plan.config.sequence);
    return LTM_OK;
}

static void read_request(struct request *r, const struct ltm_scorer *s, const char *line) {
    double top = -1;
    if (json_read(&r->object, line, strlen(line), JSON_REJECT_DUPLICATES, &r->error) != LTM_OK) return;
    const json_t *context = json_object_get(r->object, "context");
    const json_t *continuation = json_object_get(r->object, "continuation");
    if (number_of(&top, r->object, "top", 0, LTM_TOP_MOST, &r->error) != LTM_OK) return;
    r->top = (int)top;
    r->moves = json_is_true(json_object_get(r->object, "moves"));
    if (r->moves && !(json_is_array(context) && model_streams(&s->decoder->plan.config))) {
        fail(&r->error, LTM_INVALID, "\"moves\" requires token ids and a model with streaming latents");
        return;
    }
    if (json_is_array(context) && json_is_array(continuation)) {
        read_ids(r, s, context, continuation);
        return;
    }
    r->context = json_string_value(context);
    r->continuation = json_string_value(continuation);
    const bool generate = json_is_true(json_object_get(r->object, "generate"));
    if (!r->context || (r->continuation && generate) || (!r->continuation && !generate))
        fail(&r->error, LTM_INVALID,
             "expected {\"context\": TEXT, \"continuation\": TEXT} or {\"context\": TEXT, \"generate\": true}");
    else if (r->continuation && !*r->continuation)
        fail(&r->error, LTM_INVALID, "\"continuation\" is empty");
}

/* The same noise after the same context. */
static uint32_t number_for(const char *context) { return (uint32_t)hash_bytes(context, strlen(context), 0); }

/* What is told of the tokens of a continuation. */
struct told {
    int vocab, draws, top;
    json_t *ids, *logprobs, *likeliest; /* arrays */
};

static void on_gold(void *user, int32_t token, double log_p, const float *mixture) {
    const struct told *told = user;
    int32_t top[LTM_TOP_MOST];
    const int n = sampler_likeliest(top, mixture, told->vocab, told->top);
    json_t *list = json_array();
    for (int i = 0; i < n; i++) /* one number for one token, wherever it stands */
        json_array_append_new(
            list, json_pack("[i, f]", top[i], top[i] == token ? log_p : log((double)mixture[top[i]] / told->draws)));
    json_array_append_new(told->ids, json_integer(token));
    json_array_append_new(told->logprobs, json_real(log_p));
    json_array_append_new(told->likeliest, list);
}

static ltm_status score_ids(double *log_p, bool *greedy, struct prompted *p, const struct request *r, bool fitted,
                            struct ltm_error *error) {
    if (!fitted) PASS_UP(prompted_begin(p, r->context_ids, r->context_count, 1, number_for(r->context), error));
    if (r->moves)
        PASS_UP(prompted_score_moving(p, &r->ids, log_p, greedy, error));
    else
        PASS_UP(prompted_score(p, &r->ids, 1, 0, log_p, greedy, error));
    return isfinite(*log_p) ? LTM_OK : prompted_fail_nonfinite(p, error);
}

static json_t *score(const struct ltm_scorer *s, struct prompted *p, const struct request *r, bool fitted,
                     struct ltm_error *error) {
    double log_p;
    bool greedy;
    size_t tokens = r->ids.count;
    struct told told = {.vocab = s->decoder->plan.config.vocab, .draws = p->draws, .top = r->top};
    ltm_status status = LTM_OK;
    if (r->top >= 0) {
        told.ids = json_array(), told.logprobs = json_array(), told.likeliest = json_array();
        p->on_gold = on_gold, p->on_gold_user = &told;
    }
    if (r->context_ids)
        status = score_ids(&log_p, &greedy, p, r, fitted, error);
    else if ((status = score_tokens(&tokens, s->model->tokenizer, r->context, r->continuation, error)) == LTM_OK)
        status = score_behind(&log_p, &greedy, p, s->model->tokenizer, number_for(r->context), fitted, r->context,
                              &r->continuation, 1, 0, error);
    p->on_gold = NULL;
    json_t *reply = status != LTM_OK ? NULL
                                     : json_pack("{s:f, s:b, s:I, s:b}", "logprob", log_p, "greedy", greedy, "tokens",
                                                 (json_int_t)tokens, "cut", p->cut);
    if (reply && r->top >= 0) {
        json_object_set(reply, "ids", told.ids);
        json_object_set(reply, "logprobs", told.logprobs);
        json_object_set(reply, "top", told.likeliest);
    }
    json_decref(told.ids), json_decref(told.logprobs), json_decref(told.likeliest);
    return reply;
}

struct writing {
    const struct ltm_tokenizer *tokenizer;
    const char **stops;
    int stop_count;
    struct sample_text text;
    int tokens;
};

static ltm_status on_token(void *user, int sample, int32_t token, bool *more, struct ltm_error *error) {
    struct writing *w = user;
    (void)sample;
    ltm_status status = sample_text_append(&w->text, w->tokenizer, token, false, error);
    w->tokens++;
    if (status == LTM_OK) sample_text_stop(&w->text, w->stops, w->stop_count);
    *more = !w->text.ended;
    return status;
}

/* "stop": a list of texts, or one. */
static ltm_status take_stops(struct writing *w, const json_t *stops, struct ltm_error *error) {
    const size_t count = json_is_array(stops) ? json_array_size(stops) : stops != NULL;
    PASS_UP(NEW_ARRAY(w->stops, count, "stops", error));
    for (size_t i = 0; i < count; i++) {
        const char *stop = json_string_value(json_is_array(stops) ? json_array_get(stops, i) : stops);
        if (stop && *stop) w->stops[w->stop_count++] = stop;
    }
    return LTM_OK;
}

static json_t *generate(const struct ltm_scorer *s, struct prompted *p, const struct request *r,
                        struct ltm_error *error) {
    const int sequence = s->decoder->plan.config.sequence;
    struct writing w = {.tokenizer = s->model->tokenizer};
    struct sampler sampler = {.vocab = 0};
    int32_t *ids = NULL;
    size_t count;
    char *clean = NULL;
    json_t *reply = NULL;
    double length = sequence / 4 < LENGTH_MOST ? sequence / 4 : LENGTH_MOST;
    double temperature = 0;
    double top_k = 0;
    double top_p = 1;
    double seed = 0;
    ltm_status status;
    if (length < 1) length = 1;
    TRY(number_of(&length, r->object, "length", 1, prompted_longest(&s->decoder->plan.config) - 1, error));
    TRY(number_of(&temperature, r->object, "temperature", 0, 100, error));
    TRY(number_of(&top_k, r->object, "top_k", 0, 1e9, error));
    TRY(number_of(&top_p, r->object, "top_p", 1e-9, 1, error));
    TRY(number_of(&seed, r->object, "seed", 0, UINT32_MAX, error));
    TRY(take_stops(&w, json_object_get(r->object, "stop"), error));
    TRY(sampler_create(&sampler, s->decoder->plan.config.vocab, temperature, (int)top_k, top_p, error));
    TRY(ltm_tokenizer_encode(w.tokenizer, r->context, strlen(r->context), &ids, &count, error));
    TRY(prompted_begin(p, ids, count, (int)length + 1, number_for(r->context) + (uint32_t)seed, error));
    TRY(prompted_write(p, &sampler, 1, (int)length, on_token, &w, error));
    TRY(sample_text_clean(&clean, &w.text, error));
    reply = json_pack("{s:s, s:b, s:i, s:b}", "text", clean, "ended", w.text.ended, "tokens", w.tokens, "cut", p->cut);
cleanup:
    sampler_free(&sampler);
    free(w.text.text);
    free(w.stops);
    free(clean);
    free(ids);
    return reply;
}

/* The reply as a line; NULL if memory is short. */
static char *answer(const struct ltm_scorer *s, struct prompted *p, struct request *r, bool fitted) {
    json_t *reply = NULL;
    if (r->error.code == LTM_OK)
        reply = r->continuation || r->context_ids ? score(s, p, r, fitted, &r->error) : generate(s, p, r, &r->error);
    if (!reply && r->error.code != LTM_OK) reply = json_pack("{s:s}", "error", r->error.message);
    json_t *id = json_object_get(r->object, "id");
    if (reply && id && json_object_set(reply, "id", id) != 0) {
        json_decref(reply);
        reply = NULL;
    }
    char *line = reply ? json_text(reply, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(reply);
    return line;
}

/* Requests [begin, end) have one context. */
static void answer_some(const struct ltm_scorer *s, struct request *requests, char **replies, int begin, int end) {
    struct prompted *p = &s->prompted[omp_get_thread_num()];
    bool fitted = false;
    for (int i = begin; i < end; i++) {
        replies[i] = answer(s, p, &requests[i], fitted);
        fitted = requests[i].error.code == LTM_OK && (requests[i].continuation || requests[i].context_ids);
    }
}

static bool same_context(const struct request *a, const struct request *b) {
    if (!a->context || !b->context || !a->context_ids != !b->context_ids) return false;
    if (!a->context_ids) return strcmp(a->context, b->context) == 0;
    return a->context_count == b->context_count &&
           memcmp(a->context_ids, b->context_ids, a->context_count * sizeof *a->context_ids) == 0;
}

ltm_status ltm_scorer_answer(struct ltm_scorer *scorer, const char *const *lines, char **replies, int n,
                             struct ltm_error *error) {
    struct request *requests = NULL;
    int *begins = NULL; /* of runs of requests with one context */
    int runs = 0;
    ltm_status status;
    TRY(NEW_ARRAY(requests, (size_t)n, "requests", error));
    TRY(NEW_ARRAY(begins, (size_t)n + 1, "requests", error));
    for (int i = 0; i < n; i++) {
        replies[i] = NULL;
        read_request(&requests[i], scorer, lines[i]);
        if (i == 0 || !same_context(&requests[i - 1], &requests[i])) begins[runs++] = i;
    }
    begins[runs] = n;
#pragma omp parallel for num_threads(scorer->threads) schedule(dynamic, 1)
    for (int k = 0; k < runs; k++) answer_some(scorer, requests, replies, begins[k], begins[k + 1]);
    for (int i = 0; i < n; i++)
        if (!replies[i]) status = fail_memory(error, 0, "replies");
    for (int i = 0; status != LTM_OK && i < n; i++) free(replies[i]);
cleanup:
    for (int i = 0; requests && i < n; i++) {
        json_decref(requests[i].object);
        free(requests[i].own);
        free(requests[i].context_ids);
        free(requests[i].ids.ids);
    }
    free(requests);
    free(begins);
    return status;
}
