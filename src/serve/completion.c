#include "serve/completion.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/memory.h"
#include "config/chunks.h"
#include "generate/session_mark.h"
#include "ltm/generate.h"
#include "serve/choice.h"

enum { SCORED_AT_A_TIME = 16 };

/* A prompt as tokens and as text. */
struct prompt_view {
    int32_t *ids;
    size_t count, lead; /* lead: 1 where it begins with the id that begins a document, which the model reads anyway */
    const char *text;
    char *own; /* the text, where it is made here */
    size_t bytes;
};

struct completing {
    struct completions *all;
    const struct completion_request *request;
    const struct completion_stream *stream;
    const volatile sig_atomic_t *stop;
    struct prompt_view *prompts; /* [request->count] */
    struct choice *choices;      /* [count · n] */
    json_t *done;                /* of a reply that is not streamed: choices */
    char id[40];
    int64_t prompt_tokens, written;
    int64_t turn;      /* of a session */
    ltm_status status; /* of a hook */
    struct ltm_error error;
};

struct ltm_serve_options ltm_serve_defaults(void) {
    return (struct ltm_serve_options){.host = "127.0.0.1",
                                      .port = 8080,
                                      .name = "ltm",
                                      .max_body = 1 << 20,
                                      .max_requests = 64,
                                      .timeout = 60,
                                      .sessions = 16,
                                      .draws = 4,
                                      .seed = 1,
                                      .threads = LTM_AUTO,
                                      .precision = LTM_PRECISION_AUTO};
}

void completions_close(struct completions *c) {
    ltm_scorer_close(c->scorer);
    sessions_free(&c->sessions);
    *c = (struct completions){0};
}

ltm_status completions_open(struct completions *c, const struct ltm_model *model,
                            const struct ltm_serve_options *options, struct ltm_error *error) {
    struct ltm_scorer_options scoring = ltm_scorer_defaults();
    scoring.draws = options->draws;
    scoring.seed = options->seed;
    scoring.threads = options->threads > 0 ? options->threads : 0;
    scoring.precision = options->precision;
    scoring.fast = options->fast;
    ltm_status status = LTM_OK;
    *c = (struct completions){.model = model, .options = options};
    TRY(ltm_scorer_open(&c->scorer, model, &scoring, error));
    TRY(sessions_create(&c->sessions, model, options->sessions, error));
    return LTM_OK;
cleanup:
    completions_close(c);
    return status;
}

/* ---- Replies ---- */

static ltm_status head(json_t **json, const struct completing *c, json_t *choices, struct ltm_error *error) {
    *json = json_pack("{s:s, s:s, s:I, s:s, s:o}", "id", c->id, "object", "text_completion", "created",
                      (json_int_t)time(NULL), "model", c->all->options->name, "choices", choices);
    if (*json && c->request->session) json_object_set_new(*json, "turn", json_integer(c->turn));
    return *json ? LTM_OK : json_fail_memory("a reply", error);
}

static json_t *usage(const struct completing *c) {
    return json_pack("{s:I, s:I, s:I}", "prompt_tokens", (json_int_t)c->prompt_tokens, "completion_tokens",
                     (json_int_t)c->written, "total_tokens", (json_int_t)(c->prompt_tokens + c->written));
}

static ltm_status send(const struct completing *c, json_t *choices, json_t *more, struct ltm_error *error) {
    json_t *json = NULL;
    PASS_UP(head(&json, c, choices, error));
    if (more) json_object_set_new(json, "usage", more);
    char *text = json_text(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(json);
    if (!text) return json_fail_memory("a reply", error);
    c->stream->event(c->stream->user, text);
    free(text);
    return LTM_OK;
}

/* A piece of a choice to the stream, or a whole one to the reply. */
static ltm_status hand_on(struct completing *c, int64_t index, const char *text, size_t bytes, size_t upto,
                          struct ltm_error *error) {
    json_t *piece = choice_json(&c->choices[index], index, text, bytes, upto);
    if (!piece) return json_fail_memory("a reply", error);
    if (c->stream) return send(c, json_pack("[o]", piece), NULL, error);
    json_array_append_new(c->done, piece);
    return LTM_OK;
}

/* The end of a choice whose written text is given; of a stream, the part that it has not been told of. */
static ltm_status finish(struct completing *c, int64_t index, enum ltm_finish how, const char *text, size_t bytes,
                         struct ltm_error *error) {
    const struct prompt_view *prompt = &c->prompts[index / c->request->n];
    const size_t before = c->request->echo && !c->stream ? prompt->bytes : 0;
    char *whole = NULL;
    PASS_UP(NEW_ARRAY(whole, before + bytes + 1, "a reply", error));
    if (before) memcpy(whole, prompt->text, before);
    if (bytes) memcpy(whole + before, text, bytes);
    c->choices[index].finish = how == LTM_FINISH_LENGTH ? "length" : "stop";
    const ltm_status status = hand_on(c, index, whole, before + bytes, SIZE_MAX, error);
    free(whole);
    return status;
}

/* ---- Prompts ---- */

/* The tokens of a prompt that z is fitted on, or that have no score. */
static size_t context_of(const struct completing *c, int i) {
    const struct prompt_view *p = &c->prompts[i];
    const size_t asked = c->request->context_tokens ? (size_t)c->request->context_tokens[i] : 1;
    const size_t context = asked < p->count ? asked : p->count;
    return context < p->lead ? p->lead : context;
}

/* Prompts of any length are read on, but what is scored under a z that stays must fit. */
static ltm_status check_scored(const struct completing *c, int i, struct ltm_error *error) {
    const struct ltm_model_config *m = &ltm_model_config(c->all->model)->model;
    const size_t scored = c->prompts[i].count - context_of(c, i);
    const bool stays = model_streams(m) && c->request->context_tokens;
    if (!stays || !c->request->echo || c->request->logprobs < 0 || scored <= (size_t)m->sequence) return LTM_OK;
    return fail(error, LTM_INVALID,
                "prompt %d has %zu tokens behind its context, where z stays: over model.sequence = %d; raise "
                "\"context_tokens\", or leave it out and z moves with all of the text",
                i + 1, scored, m->sequence);
}

static ltm_status view(struct completing *c, int i, struct ltm_error *error) {
    const struct completion_request *r = c->request;
    const struct ltm_tokenizer *tokenizer = ltm_model_tokenizer(c->all->model);
    const struct ltm_model_config *m = &ltm_model_config(c->all->model)->model;
    struct prompt_view *p = &c->prompts[i];
    if (r->texts) {
        p->text = r->texts[i];
        p->bytes = strlen(p->text);
        PASS_UP(ltm_tokenizer_encode(tokenizer, p->text, p->bytes, &p->ids, &p->count, error));
    } else {
        p->count = r->tokens[i].count;
        PASS_UP(NEW_ARRAY(p->ids, p->count + 1, "a prompt", error));
        if (p->count) memcpy(p->ids, r->tokens[i].ids, p->count * sizeof *p->ids);
        PASS_UP(ltm_tokenizer_decode(tokenizer, p->ids, p->count, &p->own, &p->bytes, error));
        p->text = p->own;
        p->lead = p->count && p->ids[0] == ltm_tokenizer_end(tokenizer);
    }
    c->prompt_tokens += (int64_t)p->count;
    if (model_reads_on(m)) return check_scored(c, i, error);
    if (!r->session && p->count - p->lead + (r->max_tokens > 0) > (size_t)m->sequence)
        return fail(
            error, LTM_INVALID,
            "prompt %d has %zu tokens; with room for new text that is over model.sequence = %d; send a shorter one",
            i + 1, p->count, m->sequence);
    return LTM_OK;
}

/* ---- Scores of prompts ---- */

static json_t *ids_json(const int32_t *ids, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_integer(ids[i]));
    return list;
}

static ltm_status score_line(char **line, const struct completing *c, int i, struct ltm_error *error) {
    const struct prompt_view *p = &c->prompts[i];
    const size_t context = context_of(c, i);
    const struct ltm_model_config *m = &ltm_model_config(c->all->model)->model;
    json_t *request = json_pack("{s:o, s:o, s:i, s:b}", "context", ids_json(p->ids + p->lead, context - p->lead),
                                "continuation", ids_json(p->ids + context, p->count - context), "top",
                                c->request->logprobs, "moves", model_streams(m) && !c->request->context_tokens);
    *line = request ? json_text(request, JSON_COMPACT) : NULL;
    json_decref(request);
    return *line ? LTM_OK : json_fail_memory("scores", error);
}

/* A prompt's tokens, with their scores, to each of its choices. */
static ltm_status add_scores(struct completing *c, int i, const json_t *reply, struct ltm_error *error) {
    const struct ltm_tokenizer *tokenizer = ltm_model_tokenizer(c->all->model);
    const struct prompt_view *p = &c->prompts[i];
    const size_t context = context_of(c, i);
    const char *wrong = json_string_value(json_object_get(reply, "error"));
    if (wrong) return fail(error, LTM_NUMERIC, "prompt %d: %s", i + 1, wrong);
    for (size_t t = 0; t < p->count; t++) {
        const bool scored = t >= context;
        const json_t *log_p = json_array_get(json_object_get(reply, "logprobs"), t - context);
        const json_t *top = json_array_get(json_object_get(reply, "top"), t - context);
        int32_t ids[LTM_TOP_MOST];
        double logs[LTM_TOP_MOST];
        int n = 0;
        for (; scored && n < (int)json_array_size(top) && n < LTM_TOP_MOST; n++) {
            const json_t *pair = json_array_get(top, (size_t)n);
            ids[n] = (int32_t)json_integer_value(json_array_get(pair, 0));
            logs[n] = json_number_value(json_array_get(pair, 1));
        }
        for (int k = 0; k < c->request->n; k++)
            PASS_UP(choice_add(&c->choices[i * c->request->n + k], tokenizer, p->ids[t],
                               scored && log_p ? json_number_value(log_p) : NAN, ids, logs, n, SIZE_MAX, error));
    }
    return LTM_OK;
}

static bool stopped(const struct completing *c) { return __atomic_load_n(c->stop, __ATOMIC_RELAXED); }

static ltm_status fail_stopped(struct ltm_error *error) { return fail(error, LTM_INTERRUPTED, "the work was stopped"); }

static ltm_status score_some(struct completing *c, int begin, int end, struct ltm_error *error) {
    char *lines[SCORED_AT_A_TIME] = {NULL};
    char *replies[SCORED_AT_A_TIME] = {NULL};
    int asked = 0;
    ltm_status status = LTM_OK;
    if (stopped(c)) return fail_stopped(error);
    for (int i = begin; i < end; i++)
        if (context_of(c, i) < c->prompts[i].count) TRY(score_line(&lines[asked++], c, i, error));
    ltm_scorer_stop(c->all->scorer, c->stop);
    if (asked) TRY(ltm_scorer_answer(c->all->scorer, (const char *const *)lines, replies, asked, error));
    if (stopped(c)) TRY(fail_stopped(error));
    for (int i = begin, at = 0; i < end && status == LTM_OK; i++) {
        json_t *reply = NULL;
        if (context_of(c, i) < c->prompts[i].count) {
            TRY(json_read(&reply, replies[at], strlen(replies[at]), 0, error));
            at++;
        }
        status = add_scores(c, i, reply, error);
        json_decref(reply);
    }
cleanup:
    ltm_scorer_stop(c->all->scorer, NULL); /* the request's flag goes with it */
    for (int i = 0; i < asked; i++) free(lines[i]), free(replies[i]);
    return status;
}

/* The prompts themselves, where they are echoed. */
static ltm_status echo(struct completing *c, struct ltm_error *error) {
    const struct completion_request *r = c->request;
    const struct ltm_model_config *m = &ltm_model_config(c->all->model)->model;
    if (r->logprobs >= 0 && m->latents > 0 && !model_streams(m) && !r->context_tokens)
        return fail(
            error, LTM_INVALID,
            "this model fits latents: without \"context_tokens\" z is fitted on the whole prompt, and scores of a prompt "
            "that z has seen are not predictions; say in \"context_tokens\" how many of its tokens z may see");
    for (int i = 0; r->logprobs >= 0 && i < r->count; i += SCORED_AT_A_TIME)
        PASS_UP(score_some(c, i, r->count < i + SCORED_AT_A_TIME ? r->count : i + SCORED_AT_A_TIME, error));
    for (int64_t k = 0; c->stream && k < (int64_t)r->count * r->n; k++)
        PASS_UP(hand_on(c, k, c->prompts[k / r->n].text, c->prompts[k / r->n].bytes, 0, error));
    return LTM_OK;
}

/* ---- Writing ---- */

static void keep(struct completing *c, ltm_status status, const struct ltm_error *error) {
    if (status == LTM_OK || c->status != LTM_OK) return;
    c->status = status;
    c->error = *error;
}

static void on_token(void *user, const struct ltm_sample *sample, const struct ltm_token *token) {
    struct completing *c = user;
    struct choice *choice = &c->choices[sample->number];
    const size_t own = token->bytes - choice->bytes;
    struct ltm_error error;
    choice->bytes = token->bytes;
    keep(c,
         choice_add(choice, ltm_model_tokenizer(c->all->model), token->id, token->log_p, token->top, token->top_log_p,
                    c->request->logprobs, own, &error),
         &error);
}

static bool on_text(void *user, const struct ltm_sample *sample, size_t fresh) {
    struct completing *c = user;
    struct ltm_error error;
    if (fresh)
        keep(c, hand_on(c, sample->number, sample->text + sample->bytes - fresh, fresh, sample->bytes, &error), &error);
    return c->status == LTM_OK && !stopped(c);
}

static bool on_sample(void *user, const struct ltm_sample *sample) {
    struct completing *c = user;
    struct ltm_error error;
    if (stopped(c)) return false; /* the sample was cut short by that, and is no choice */
    c->written += sample->tokens;
    keep(c, finish(c, sample->number, sample->finish, sample->text, c->stream ? 0 : sample->bytes, &error), &error);
    return c->status == LTM_OK;
}

static struct ltm_generate_options writing(const struct completing *c) {
    const struct completion_request *r = c->request;
    const struct ltm_serve_options *o = c->all->options;
    struct ltm_generate_options g = ltm_generate_defaults();
    g.count = r->n;
    g.length = r->max_tokens;
    g.temperature = r->temperature;
    g.top_k = r->top_k;
    g.top_p = r->top_p;
    g.seed = r->seed;
    g.stops = r->stops;
    g.stop_count = r->stop_count;
    g.fast = o->fast;
    g.exit = o->exit;
    g.threads = o->threads;
    g.precision = o->precision;
    g.top = r->logprobs > 0 ? r->logprobs : 0;
    return g;
}

static ltm_status write_texts(struct completing *c, struct ltm_error *error) {
    const struct completion_request *r = c->request;
    struct ltm_generate_options g = writing(c);
    const struct ltm_generate_hooks hooks = {.user = c,
                                             .on_token = r->logprobs >= 0 ? on_token : NULL,
                                             .on_text = c->stream ? on_text : NULL,
                                             .on_sample = on_sample,
                                             .stop = c->stop};
    struct ltm_prompt_tokens *tokens = NULL;
    int *fit = NULL;
    ltm_status status = LTM_OK;
    TRY(NEW_ARRAY(tokens, (size_t)r->count, "prompts", error));
    TRY(NEW_ARRAY(fit, (size_t)r->count, "prompts", error));
    for (int i = 0; i < r->count; i++) {
        const struct prompt_view *p = &c->prompts[i];
        tokens[i] = (struct ltm_prompt_tokens){p->ids + p->lead, p->count - p->lead};
        fit[i] = (int)(context_of(c, i) - p->lead);
    }
    g.prompt_count = r->count;
    g.prompts = r->texts;
    g.prompt_tokens = r->texts ? NULL : tokens;
    g.fit_tokens = r->context_tokens ? fit : NULL;
    TRY(ltm_generate(c->all->model, &g, &hooks, error));
    if (stopped(c)) status = fail_stopped(error);
cleanup:
    free(tokens);
    free(fit);
    return status;
}

/* Nothing is to be written: each choice is done. */
static ltm_status write_nothing(struct completing *c, struct ltm_error *error) {
    for (int64_t k = 0; k < (int64_t)c->request->count * c->request->n; k++)
        PASS_UP(finish(c, k, LTM_FINISH_LENGTH, "", 0, error));
    return LTM_OK;
}

/* ---- Sessions ---- */

struct turn {
    struct completing *c;
    struct ltm_sample sample; /* as it was last told of */
    struct ltm_error error;
    ltm_status status;
};

static bool on_turn(void *user, const struct ltm_sample *sample, size_t fresh) {
    struct turn *turn = user;
    struct completing *c = turn->c;
    turn->sample = *sample;
    if (c->stream && turn->status == LTM_OK && fresh)
        turn->status = hand_on(c, 0, sample->text + sample->bytes - fresh, fresh, 0, &turn->error);
    if (!c->stream) { /* the text is the session's: the last call has all of it */
        choice_free(&c->choices[0]);
        json_array_clear(c->done);
        turn->status = finish(c, 0, sample->finish, sample->text, sample->bytes, &turn->error);
    }
    return turn->status == LTM_OK && !stopped(c);
}

static ltm_status take_turn(struct completing *c, struct ltm_session *session, const struct ltm_generate_options *g,
                            struct ltm_error *error) {
    const struct completion_request *r = c->request;
    const struct ltm_model_config *m = &ltm_model_config(c->all->model)->model;
    struct turn turn = {.c = c};
    int slid;
    ltm_session_adjust(session, g);
    if (r->seeded) ltm_session_seed(session, r->seed);
    ltm_session_stop(session, c->stop);
    const ltm_status said = ltm_session_say(session, r->texts[0], &slid, error);
    ltm_session_stop(session, NULL); /* the request's flag goes with it */
    if (said != LTM_OK) return said;
    if (m->latents > 0 && !model_streams(m) && (r->refit || (c->turn == 0 && c->prompts[0].count > 0)))
        PASS_UP(ltm_session_refit(session, error));
    if (r->max_tokens == 0) return write_nothing(c, error);
    PASS_UP(ltm_session_write(session, on_turn, &turn, &slid, error));
    if (turn.status != LTM_OK) return fail_with(error, &turn.error);
    if (stopped(c)) return fail_stopped(error);
    c->written = turn.sample.tokens;
    return c->stream ? finish(c, 0, turn.sample.finish, "", 0, error) : LTM_OK;
}

/* A turn that fails leaves the session as it was, and one that is refused opens none: that could close somebody else's. */
static ltm_status go_on(struct completing *c, struct ltm_error *error) {
    const struct completion_request *r = c->request;
    const struct ltm_generate_options g = writing(c);
    struct kept_session *kept = sessions_find(&c->all->sessions, r->session);
    const int64_t turns = kept ? kept->turns : 0;
    const bool again = kept && r->turn >= 0 && r->turn == turns - 1 && session_can_repeat(kept->session);
    if (r->turn >= 0 && r->turn != turns && !again)
        return fail(
            error, LTM_INVALID,
            "the next turn of session \"%s\" is %lld, not %lld; the server drops the least recently used sessions "
            "(--sessions)",
            r->session, (long long)turns, (long long)r->turn);
    if (!kept) PASS_UP(sessions_open(&kept, &c->all->sessions, r->session, &g, error));
    c->turn = turns - again;
    PASS_UP(session_turn_begin(kept->session, again, error));
    const ltm_status status = take_turn(c, kept->session, &g, error);
    session_turn_end(kept->session, again, status == LTM_OK);
    if (status == LTM_OK) kept->turns = c->turn + 1;
    return status;
}

/* ---- All of it ---- */

static ltm_status run(char **reply, struct completing *c, struct ltm_error *error) {
    const struct completion_request *r = c->request;
    for (int i = 0; i < r->count; i++) PASS_UP(view(c, i, error));
    if (r->session)
        PASS_UP(go_on(c, error));
    else {
        if (r->echo) PASS_UP(echo(c, error));
        PASS_UP(r->max_tokens > 0 ? write_texts(c, error) : write_nothing(c, error));
    }
    if (c->status != LTM_OK) return fail_with(error, &c->error);
    if (c->stream) {
        const json_t *options = json_object_get(r->object, "stream_options");
        if (json_is_true(json_object_get(options, "include_usage"))) return send(c, json_array(), usage(c), error);
        return LTM_OK;
    }
    json_t *json = NULL;
    PASS_UP(head(&json, c, json_incref(c->done), error));
    json_object_set_new(json, "usage", usage(c));
    *reply = json_text(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(json);
    return *reply ? LTM_OK : json_fail_memory("a reply", error);
}

ltm_status completion_run(char **reply, struct completions *all, const struct completion_request *request,
                          const struct completion_stream *stream, const volatile sig_atomic_t *stop,
                          struct ltm_error *error) {
    const size_t choices = (size_t)request->count * (size_t)request->n;
    struct completing c = {
        .all = all, .request = request, .stream = request->stream ? stream : NULL, .stop = stop, .done = json_array()};
    ltm_status status;
    *reply = NULL;
    snprintf(c.id, sizeof c.id, "cmpl-%lld", (long long)++all->answered);
    TRY(NEW_ARRAY(c.prompts, (size_t)request->count, "prompts", error));
    TRY(NEW_ARRAY(c.choices, choices, "choices", error));
    for (size_t k = 0; k < choices; k++) choice_begin(&c.choices[k], request->logprobs >= 0);
    status = run(reply, &c, error);
cleanup:
    for (int i = 0; c.prompts && i < request->count; i++) free(c.prompts[i].ids), free(c.prompts[i].own);
    for (size_t k = 0; c.choices && k < choices; k++) choice_free(&c.choices[k]);
    free(c.prompts);
    free(c.choices);
    json_decref(c.done);
    return status;
}
