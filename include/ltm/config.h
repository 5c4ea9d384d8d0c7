/* The configuration of a run: an INI file, overridden by `section.key=value`.
 *
 *     struct ltm_config config;
 *     ltm_config_defaults(&config);
 *     ltm_config_load(&config, "runs/nano.ini", &error);
 *     ltm_config_set(&config, "fast.steps", "8", &error);
 *     ltm_config_check(&config, &error);
 *
 * A plain value: copy it freely, it owns nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ltm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LTM_PATH_MAX 1024
enum { LTM_CORPORA_MOST = 8 }; /* of data.corpora */

#define LTM_AUTO (-1) /* a number that the program chooses; written `auto` */

enum ltm_model_kind { LTM_MODEL_LANGUAGE, LTM_MODEL_SOLVER };
enum ltm_solver_mix { LTM_SOLVER_ATTENTION, LTM_SOLVER_MLP };
enum ltm_fast_method { LTM_FAST_ADAM, LTM_FAST_NATURAL, LTM_FAST_LANGEVIN };
enum ltm_latent_kind { LTM_LATENT_FITTED, LTM_LATENT_STREAMING };
enum ltm_latent_read { LTM_READ_CROSS, LTM_READ_KEYS };
enum ltm_ffn { LTM_FFN_SWIGLU, LTM_FFN_RELU2 };
enum ltm_qk_norm { LTM_QK_NORM_NONE, LTM_QK_NORM_RMS };
enum ltm_init { LTM_INIT_NORMAL, LTM_INIT_ZERO };
enum ltm_memory { LTM_MEMORY_NONE, LTM_MEMORY_NEURAL, LTM_MEMORY_RECURRENT };
enum ltm_output { LTM_OUTPUT_TIED, LTM_OUTPUT_OWN };
enum ltm_packing { LTM_PACKING_PACKED, LTM_PACKING_MASKED, LTM_PACKING_DOCUMENT };
enum ltm_data_kind { LTM_DATA_TEXT, LTM_DATA_PAIRS };
enum ltm_order { LTM_ORDER_ABAB, LTM_ORDER_AABB };
enum ltm_inject { LTM_INJECT_NONE, LTM_INJECT_ADD, LTM_INJECT_CONCAT, LTM_INJECT_DIAGONAL };
enum ltm_loop_gains { LTM_LOOP_GAINS_SHARED, LTM_LOOP_GAINS_OWN };
enum ltm_loop_depth { LTM_LOOP_DEPTH_FIXED, LTM_LOOP_DEPTH_SAMPLED };
enum ltm_exit { LTM_EXIT_FIXED, LTM_EXIT_STATE, LTM_EXIT_KL };
enum ltm_encoder { LTM_ENCODER_NONE, LTM_ENCODER_BAG };
enum ltm_encoder_target { LTM_ENCODER_TARGET_BOUND, LTM_ENCODER_TARGET_FIT };
enum ltm_schedule { LTM_SCHEDULE_COSINE, LTM_SCHEDULE_CONSTANT };
enum ltm_noise { LTM_NOISE_FRESH, LTM_NOISE_FIXED };
enum ltm_objective { LTM_OBJECTIVE_ELBO, LTM_OBJECTIVE_IWAE, LTM_OBJECTIVE_DPO };
enum ltm_optimiser { LTM_OPTIMISER_ADAMW, LTM_OPTIMISER_MUON };
enum ltm_slow_schedule { LTM_SLOW_COSINE, LTM_SLOW_LINEAR, LTM_SLOW_WSD };
enum ltm_on_nonfinite { LTM_NONFINITE_STOP, LTM_NONFINITE_SKIP };
enum ltm_precision { LTM_PRECISION_AUTO, LTM_PRECISION_FP32, LTM_PRECISION_BF16 };

/* [model] and [latent]: fixed by a checkpoint. */
struct ltm_model_config {
    int kind;         /* enum ltm_model_kind: a decoder of text, or a solver of puzzles ([solver]) */
    int dim;          /* d, width */
    int layers;       /* L */
    int heads;        /* H, query heads; dim / heads is even */
    int kv_heads;     /* K, divides heads; auto = heads */
    int ffn_multiple; /* m: the feed-forward width is m · ceil(floor(8d/3) / m), with relu2 m · ceil(4d / m) */
    int ffn;          /* enum ltm_ffn */
    int qk_norm;      /* enum ltm_qk_norm */
    int sequence;     /* T_max, tokens */
    int window;       /* tokens a position attends to, itself included */
    double dropout;   /* rate on what self-attention and feed-forward add to the stream, in training; 0 = none */
    int vocab;        /* V; auto = the tokenizer's */
    int latents; /* N_z in all, a multiple of the layers that read them; 0 = the plain autoregressive decoder ([latent] count) */
    int packing;           /* enum ltm_packing, of documents into sequences ([data] packing) */
    int document_end;      /* id that ends a document; auto = the tokenizer's ([data] document_end) */
    int predict;           /* tokens that training predicts at each position; 1 = the next ([slow] predict) … */
    double predict_weight; /* … and what those behind the next count, together */
    double
        predict_latents; /* what predicting the teacher's states counts in training; 0 = none ([slow] predict_latents) … */
    int predict_distance; /* … so many tokens on … */
    int predict_layers;   /* … the mean of so many layers' states, the last */
    int latent_from;      /* layers below this one read no latents; 0 = all do, as published ([latent] from) */
    int latent_read;      /* enum ltm_latent_read: by cross-attention, or as keys and values of self-attention */
    int latent_kind;      /* enum ltm_latent_kind: z is fitted to a sequence, or a state that moves as it is read … */
    int chunk;            /* … so many tokens at a time ([latent] chunk) … */
    double stream_rate, stream_keep, stream_trust; /* … by such steps (latent/streaming.h) … */
    int stream_noise;                              /* … 1: and is drawn in training; 0: at its mean */

    int encoder; /* enum ltm_encoder: sets where a posterior starts ([latent] encoder); none = [fast] init_mu, init_logvar */

    double softcap;       /* c: logits are c · tanh(logits / c); 0 = no cap */
    int init_projections; /* enum ltm_init, of wo of self-attention and w2 of feed-forward layers */
    int output;           /* enum ltm_output: the output layer's matrix is the embedding, or one of its own */
    int mix_input;        /* 1: each layer reads a learned mix of the stream and the embedding's output; 0 = no */
    int value_residual;   /* 1: values of self-attention are mixed with those of its first layer; 0 = no */

    /* [model] and [memory]: what each layer keeps of the past beside the window. */
    int memory;          /* enum ltm_memory */
    int memory_chunk;    /* tokens that it is written by at a time; 0 = as many as the window has */
    int memory_layers;   /* neural: 1 or 2, of the map that learns */
    double memory_rate;  /* neural: of the way to its values, the most that a chunk of one key moves it */
    int memory_slots;    /* recurrent: vectors of the state … */
    int memory_backprop; /* … and writes that a gradient goes through; 0 = all */

    /* [model] and [loop]: layers that are applied again. */
    int loops;         /* times that the core runs; 0 or 1 = once */
    int prelude, coda; /* layers before and behind the core, which run once */
    int order;         /* enum ltm_order: the whole core again and again, or each of its layers by itself */
    int inject;        /* enum ltm_inject: how what the prelude left enters each loop behind the first */
    int backprop;      /* of loops, the last so many have a gradient; 0 = all ([loop] backprop) */
    int loop_gains;    /* enum ltm_loop_gains: of the weights of that ([loop] gains) */

    /* [solver]: how a solver thinks (solver/solver_pass.h). */
    int inner;       /* n, steps of its latent state before one of its answer; 0 = there is no such state */
    int cycles;      /* T, of n inner steps and one of the answer, of which the last alone has a gradient */
    int supervision; /* N, such steps on a puzzle at most, each with a loss */
    int mix;         /* enum ltm_solver_mix: how cells read each other */
    int stable;      /* 1: an application of f keeps a share of the state and adds noise */
};

/* [fast]: the variational steps on one sequence's posterior (paper, section 2.3 and algorithm 1). */
struct ltm_fast_config {
    int method;                  /* enum ltm_fast_method */
    int steps;                   /* T_fast */
    int loops;                   /* the fit runs only the last loops, this many; 0 = all of model.loops */
    int text_parts;              /* training: contiguous parts of the text, of which a step reads one; 1 = all of it */
    double lr;                   /* of the method's steps; auto = the method's own */
    double curvature_rate;       /* ρ of natural: how fast its estimate of the curvature follows the last step's */
    double stored;               /* share of a training posterior that the next pass starts with; 0 = none kept */
    double trust;                /* of natural: limit on a mean's step, in standard deviations; 0 = no limit */
    int schedule;                /* enum ltm_schedule */
    int noise;                   /* enum ltm_noise: a new ε at each step, or one ε for a sequence (published) */
    double init_mu, init_logvar; /* where every entry of μ and log σ² starts */
    double weight_decay;
};

/* [slow]: the optimiser on the decoder's weights. */
struct ltm_slow_config {
    int batch;                     /* sequences per slow step */
    int batch_start, window_start; /* from where the batch and model.window grow; 0 = they do not grow … */
    double growth;                 /* … and the share of run.tokens after which they are full */
    int group; /* sequences that a thread takes together; auto = about 1,000 rows, at most batch / 8 (streaming: / 2). Fixes the order of sums */
    int parts; /* into which a batch's groups are cut for sums over processes; 0 = one part per group */
    int optimiser;     /* enum ltm_optimiser ([slow] optimizer) */
    double lr, lr_min; /* peak and final rate; lr_min auto = lr / 10 with cosine, else 0 */
    int schedule;      /* enum ltm_slow_schedule, after the warm-up */
    double decay;      /* wsd: share of all slow steps in which the rate falls */
    int warmup;        /* slow steps of linear warm-up */
    double weight_decay, beta1, beta2;
    double matrix_lr; /* muon: peak rate of the matrices of hidden layers, on the schedule of lr */
    double momentum;  /* … and the decay of its running mean of gradients */
    double ema;       /* decay of a running average of the weights, which is also scored and kept; 0 = none */
    double clip;      /* largest global norm of the gradient; 0 = none */
    double latent_lr; /* rate of the cross-attention's weights, in units of lr */
    int samples;      /* S, draws of z per sequence */
    int objective;    /* enum ltm_objective, over those draws */
    double dpo_beta, dpo_smoothing; /* dpo: β, and the share of pairs assumed to have swapped labels */
    double kl_start; /* weight of the KL in the fast loop at the first slow step; rises linearly to 1 … */
    int kl_warmup;   /* … over this many slow steps; 0 = 1 from the first step */
};

/* [eval] exit: when a position leaves model.loops, in `ltm eval`, `ltm fewshot` and `ltm generate`. */
struct ltm_exit_config {
    int kind;     /* enum ltm_exit */
    double state; /* state: two loops in a row change its state by less than this share of it ([eval] exit_state) */
    double kl;    /* kl: a loop changes its prediction by less than this many nats ([eval] exit_kl) */
};

/* [eval]: how `ltm eval` scores. Numbers that are auto are taken from [fast]. */
struct ltm_eval_config {
    int sequences;           /* held-out sequences scored, spread over the split; 0 = all */
    int samples;             /* S, samples of new noise per sequence */
    char split[16];          /* "heldout" or "train" */
    char dump[LTM_PATH_MAX]; /* safetensors file to write, or empty */
    int states;              /* 1: dump the decoder's states too; 0 = no */
    int iwae;                /* K, samples of the importance-weighted bound; 0 = none */
    int prior;               /* K, samples of z from the prior; 0 = none */
    int loops;               /* of the core; 0 = model.loops */
    int restarts;            /* of a solver: runs on a puzzle, of which the one that has settled best answers */
    struct ltm_exit_config exit;
    double continuation; /* share of a sequence on which z is fitted, to score the rest; 0 = none */
    int fast_steps;      /* eval.fast.steps */
    double fast_lr;      /* eval.fast.lr */
};

/* loop.depth = sampled draws at most this many times model.loops. */
enum { LTM_LOOP_DEPTH_TIMES = 4 };

/* [loop]: how many of model.loops a slow step runs. */
struct ltm_loop_config {
    int depth; /* enum ltm_loop_depth: all that have begun, or a number drawn around that */
    double start,
        full; /* shares of run.tokens after which the second loop, and the last, begin; full <= start: all at once */
};

struct ltm_config {
    struct ltm_model_config model;
    struct ltm_loop_config loop;
    double
        latent_init_scale; /* [latent] init_scale: of the cross-attention's initial output projection; 1 as published */
    int encoder_target;    /* enum ltm_encoder_target */
    double latent_start;   /* [latent] start: share of run.tokens that trains the plain decoder, before latents begin */
    struct ltm_fast_config fast;
    struct ltm_slow_config slow;
    struct ltm_eval_config eval;
    struct {
        int kind;                     /* enum ltm_data_kind */
        int augment;                  /* [solver] augment: train on images of the puzzles by symmetry */
        char corpus[LTM_PATH_MAX];    /* a folder that `ltm corpus build` made, or one of llm.c shards */
        char corpora[LTM_PATH_MAX];   /* or several, FOLDER:SHARE each */
        char heldout[LTM_PATH_MAX];   /* pairs: a file of held-out pairs; empty = a twentieth of data.corpus */
        char tokenizer[LTM_PATH_MAX]; /* empty = the corpus's own */
    } data;
    struct {
        char dir[LTM_PATH_MAX];      /* the run's folder; empty = runs/NAME of the configuration file */
        char on_event[LTM_PATH_MAX]; /* a command to run at each event; empty = none */
        char from[LTM_PATH_MAX];     /* a model whose weights it starts from; empty = random … */
        char from_digest[20];        /* … and the digest of their file; empty = any */
        uint64_t seed;
        int64_t tokens;   /* training tokens in total */
        int threads;      /* auto = one per core */
        int precision;    /* enum ltm_precision, of matrix products; a run's config.ini says what auto chose */
        int on_nonfinite; /* enum ltm_on_nonfinite, if a slow step's loss or gradient is not finite */
        int eval_every, eval_sequences, checkpoint_every, /* slow steps; sequences; slow steps. 0 = only at the end */
            keep_every; /* slow steps between checkpoints to keep; 0 = only the two newest and the best */
    } run;
};

/* One key, for help texts and error messages. Static storage. */
struct ltm_config_key {
    const char *name;     /* "section.key" */
    const char *fallback; /* its default, as written in a file */
    const char *help;     /* one line */
};

void ltm_config_defaults(struct ltm_config *config);

/* Read an INI file over the values in `config`. LTM_IO, or LTM_INVALID for an unknown key (the error names the
 * nearest known one) or a value of the wrong type. */
ltm_status ltm_config_load(struct ltm_config *config, const char *path, struct ltm_error *error);

/* Set one key, "section.key". */
ltm_status ltm_config_set(struct ltm_config *config, const char *name, const char *value, struct ltm_error *error);

/* Set one key from "section.key=value". */
ltm_status ltm_config_override(struct ltm_config *config, const char *assignment, struct ltm_error *error);

/* Check every value against its range and against the others. An error names the key, the value and the rule. */
ltm_status ltm_config_check(const struct ltm_config *config, struct ltm_error *error);

/* Replace auto values: kv_heads = heads, group = about 1,000 tokens but at most batch / 8, lr_min = the schedule's default, threads = the cores this
 * process may use, fast.lr = the method's default, eval.fast.* = fast.*. model.vocab stays, since only the tokenizer knows it. Call after ltm_config_check. */
void ltm_config_resolve(struct ltm_config *config);

/* Write all keys as an INI file that ltm_config_load reads back to the same configuration. The file is
 * replaced atomically. */
ltm_status ltm_config_write(const struct ltm_config *config, const char *path, struct ltm_error *error);

/* The value of one key as text; LTM_INVALID if the key is unknown or `size` is too small. */
ltm_status ltm_config_get(const struct ltm_config *config, const char *name, char *value, size_t size,
                          struct ltm_error *error);

/* All keys in the order in which they are written. */
const struct ltm_config_key *ltm_config_keys(size_t *count);

/* The i-th value (from 0) of a choice key; NULL after the last and for other keys. i may be at most one past the last.
 * *help, unless NULL, = one line on its meaning, or NULL if the key's own help says it. */
const char *ltm_config_choice(const char *key, int i, const char **help);

#ifdef __cplusplus
}
#endif
