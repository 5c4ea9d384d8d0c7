/* A session: a person and a model write a text in turns, under one z that is kept between turns.
 *
 *     struct ltm_session *session = NULL;
 *     ltm_session_open(&session, model, &options, &error);      z from the prior
 *     ltm_session_say(session, "Once upon a time", &slid, &error);
 *     ltm_session_write(session, on_text, user, &slid, &error);
 *     ltm_session_refit(session, &error);                       z ~ q(z | the text so far)
 *
 * Where a text grows past model.sequence the window slides: the older half is forgotten, the newer half is read again from
 * position 0; a fitted z stays. Streaming latents have moved by all that is said, however long. With a memory and no latents
 * (model.memory) nothing slides: the text continues, at the same cost per token. */
#pragma once

#include "ltm/generate.h"

LTM_C_BEGIN

struct ltm_session;

/* options: length (tokens per turn; 0 = 64), temperature, top_k, top_p, seed, stop_at_end, stops, fast, threads, precision; the rest is
 * ignored. LTM_INVALID, LTM_UNSUPPORTED (no tokenizer). The model must outlive the session. */
ltm_status ltm_session_open(struct ltm_session **session, const struct ltm_model *model,
                            const struct ltm_generate_options *options, struct ltm_error *error);
void ltm_session_close(struct ltm_session *session); /* NULL is fine */

/* Append text; a space at its end is healed as in ltm_generate. *slid: tokens forgotten to make room (0 = none). */
ltm_status ltm_session_say(struct ltm_session *session, const char *text, int *slid, struct ltm_error *error);

/* Once *stop is nonzero, ltm_session_say ends with LTM_INTERRUPTED, its text partly read, if it reads piece by piece: token by token with a
 * memory or for a short text, window by window with streaming latents. NULL, as at first: never. */
void ltm_session_stop(struct ltm_session *session, const volatile sig_atomic_t *stop);

/* The model continues: at most options.length tokens, or until the end of a document or a stop. The stop is forgotten (with all of
 * the token in which it begins), so later turns follow the text before it. on_text is as in ltm_generate_hooks (false: end the turn);
 * its last call is at the end and may bring no new text. */
ltm_status ltm_session_write(struct ltm_session *session, bool (*on_text)(void *, const struct ltm_sample *, size_t),
                             void *user, int *slid, struct ltm_error *error);

/* Fit q(z|x) on the text so far, without what was forgotten, and draw z from it. LTM_INVALID if there is no text. */
ltm_status ltm_session_refit(struct ltm_session *session, struct ltm_error *error);

/* Draw another z: from the posterior of the last refit, or from the prior before the first. */
ltm_status ltm_session_redraw(struct ltm_session *session, struct ltm_error *error);

/* From the next turn on: length (0 = 64), temperature, top_k, top_p, stop_at_end and stops of these options; the stops stay the
 * caller's, until the next call. */
void ltm_session_adjust(struct ltm_session *session, const struct ltm_generate_options *options);

/* Numbers drawn from now on are this seed's. */
void ltm_session_seed(struct ltm_session *session, uint64_t seed);

/* Forget the text, and draw z from the prior. */
void ltm_session_restart(struct ltm_session *session);

/* All that a model with a memory and no latents (model.memory) keeps of the text, into a file of constant size, and back into a session of
 * the same weights, which then continues as that one would have. LTM_UNSUPPORTED for other models; LTM_MISMATCH, LTM_CORRUPT. */
ltm_status ltm_session_save(const struct ltm_session *session, const char *path, struct ltm_error *error);
ltm_status ltm_session_load(struct ltm_session *session, const char *path, struct ltm_error *error);

struct ltm_session_state {
    int tokens, room;        /* tokens of the text, not forgotten; tokens that fit before the window slides */
    int layers, first_layer; /* number of layers that read latents, and the first of them */
    int latents, dim;        /* latents: of all layers */
    bool begun;              /* there is text, be it forgotten or from a file */
    bool fitted;             /* z is from a refit's posterior, not from the prior */
    bool streams;            /* z moves with the text (latent.kind = streaming): the figures say how far it has moved */
    double kl;               /* from that posterior to the prior, nats; 0 for the prior itself */
    double mean_norm, mean_sigma; /* over latents: |μ|, and the mean of σ; of the prior 0 and 1 */
};

void ltm_session_state(const struct ltm_session *session, struct ltm_session_state *state);

/* |z| of each latent of a layer; norms (latents / layers). For a draw from the prior it is about the square root of dim. */
void ltm_session_norms(const struct ltm_session *session, int layer, double *norms);

LTM_C_END
