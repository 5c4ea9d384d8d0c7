#include "config/config_keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/numbers.h"

/* Choices that are no rows of a table. */
#define NAMES(function, ...)                                    \
    static struct choice function(int i) {                      \
        static const char *const names[] = {__VA_ARGS__, NULL}; \
        return (struct choice){names[i], NULL};                 \
    }

NAMES(model_kind_choice, "language", "solver")
NAMES(solver_mix_choice, "attention", "mlp")
NAMES(latent_kind_choice, "fitted", "streaming")
NAMES(latent_read_choice, "cross", "keys")
NAMES(ffn_choice, "swiglu", "relu2")
NAMES(qk_norm_choice, "none", "rms")
NAMES(init_choice, "normal", "zero")
NAMES(memory_choice, "none", "neural", "recurrent")
NAMES(output_choice, "tied", "own")
NAMES(order_choice, "ABAB", "AABB")
NAMES(inject_choice, "none", "add", "concat", "diagonal")
NAMES(gains_choice, "shared", "own")
NAMES(depth_choice, "fixed", "sampled")
NAMES(exit_choice, "fixed", "state", "kl")
NAMES(packing_choice, "packed", "masked", "document")
NAMES(data_kind_choice, "text", "pairs")
NAMES(yes_choice, "no", "yes")
NAMES(encoder_choice, "none", "bag")
NAMES(schedule_choice, "cosine", "constant")
NAMES(noise_choice, "fresh", "fixed")
NAMES(on_nonfinite_choice, "stop", "skip")
NAMES(precision_choice, "auto", "fp32", "bf16")

#define INT(least, most) CONFIG_INT, false, least, most, NULL
#define INT_OR_AUTO(least, most) CONFIG_INT, true, least, most, NULL
#define COUNT(least, most) CONFIG_COUNT, false, least, most, NULL
#define REAL(least, most) CONFIG_REAL, false, least, most, NULL
#define REAL_OR_AUTO(least, most) CONFIG_REAL, true, least, most, NULL
#define CHOICE(choice) CONFIG_CHOICE, false, 0, 0, choice
#define TEXT CONFIG_TEXT, false, 0, 0, NULL

/* X(name, field, kind …, default, help) */
#define CONFIG_KEYS(X)                                                                                                 \
    X("model.kind", model.kind, CHOICE(model_kind_choice), "language",                                                 \
      "a language model, or a solver, which refines an answer to a puzzle ([solver]); then data.corpus is a folder "   \
      "with train.jsonl and test.jsonl of puzzles")                                                                    \
    X("model.dim", model.dim, INT(2, 1 << 16), "128", "width of the decoder")                                          \
    X("model.layers", model.layers, INT(1, 1000), "3", "layers")                                                       \
    X("model.heads", model.heads, INT(1, 1 << 15), "4", "query heads")                                                 \
    X("model.kv_heads", model.kv_heads, INT_OR_AUTO(1, 1 << 15), "auto", "key and value heads; auto = heads")          \
    X("model.ffn_multiple", model.ffn_multiple, INT(1, 1 << 16), "32", "the feed-forward width is a multiple of this") \
    X("model.ffn", model.ffn, CHOICE(ffn_choice), "swiglu",                                                            \
      "feed-forward layers: swiglu (three matrices, width 8/3 d), or relu2 (max(x, 0) squared; two, 4 d)")             \
    X("model.qk_norm", model.qk_norm, CHOICE(qk_norm_choice), "none",                                                  \
      "rms: self-attention's queries and keys are normed, with a learned scale a query head")                          \
    X("model.init_projections", model.init_projections, CHOICE(init_choice), "normal",                                 \
      "zero: output projections of self-attention and feed-forward layers start at 0, so that a layer begins as none") \
    X("model.softcap", model.softcap, REAL(0, 100), "0",                                                               \
      "c: logits are soft-capped to c tanh(x / c), such as 15 to 30; 0 = as they are")                                 \
    X("model.output", model.output, CHOICE(output_choice), "tied",                                                     \
      "the output layer's matrix: tied to the embedding, or its own, which starts as the embedding does")              \
    X("model.mix_input", model.mix_input, CHOICE(yes_choice), "no",                                                    \
      "yes: each layer begins with a h + b h0, h0 the embedding of the token, two learned numbers a layer")            \
    X("model.value_residual", model.value_residual, CHOICE(yes_choice), "no",                                          \
      "yes: self-attention's values are (1 - w) v + w v1, v1 those of the first layer, w learned a layer, from 0.5")   \
    X("model.sequence", model.sequence, INT(2, 1 << 20), "256", "tokens of a sequence")                                \
    X("model.window", model.window, INT(1, 1 << 20), "64", "tokens a position attends to, itself included")            \
    X("model.dropout", model.dropout, REAL(0, 0.9), "0",                                                               \
      "share of what self-attention and feed-forward write that training leaves out, for text read often; 0 = none")   \
    X("model.vocab", model.vocab, INT_OR_AUTO(2, 65536), "auto", "tokens there are; auto = the tokenizer's")           \
    X("model.memory", model.memory, CHOICE(memory_choice), "none",                                                     \
      "what each layer keeps of the past beside the window: none, neural (a map that learns as it reads, Titans), or " \
      "recurrent (vectors written by cross-attention); it has [memory]")                                               \
    X("model.loops", model.loops, INT(0, 1000), "1",                                                                   \
      "times that the core runs, the layers between prelude and coda, its weights counted once; 0 = 1, for which "     \
      "[loop] and model.order do nothing")                                                                             \
    X("model.prelude", model.prelude, INT(0, 999), "0", "of model.layers, those before the core, which run once")      \
    X("model.coda", model.coda, INT(0, 999), "0", "of model.layers, those behind the core, which run once")            \
    X("model.order", model.order, CHOICE(order_choice), "ABAB",                                                        \
      "of a core A B run twice: ABAB (all of it again), or AABB (each layer again at once)")                           \
    X("memory.chunk", model.memory_chunk, INT(0, 1 << 20), "0",                                                        \
      "tokens that a memory is written by at a time, read by those behind them; 0 = model.window")                     \
    X("memory.layers", model.memory_layers, INT(0, 2), "1",                                                            \
      "neural: layers of the map: 1 or 0 (linear), or 2 (four times as wide within)")                                  \
    X("memory.max_rate", model.memory_rate, REAL(0, 100), "1",                                                         \
      "neural: of the way to its values, the most that a chunk of one key moves what it reads; above 2 it may "        \
      "diverge; 0 = nothing is written")                                                                               \
    X("memory.slots", model.memory_slots, INT(0, 1 << 16), "8", "recurrent: state vectors of a layer")                 \
    X("memory.backprop", model.memory_backprop, INT(0, 1 << 20), "4",                                                  \
      "recurrent: writes of the state that a gradient goes through, the last; 0 = all")                                \
    X("loop.inject", model.inject, CHOICE(inject_choice), "none",                                                      \
      "how each loop behind the first begins, e what the prelude left: none (h), add (norm(h) + a e), concat "         \
      "(W [h, e]), diagonal (A h + D B e, 0 < A < 1)")                                                                 \
    X("loop.gains", model.loop_gains, CHOICE(gains_choice), "shared",                                                  \
      "what loop.inject learns: shared by all loops, or each loop's own (fewer loops are the last ones)")              \
    X("loop.backprop", model.backprop, INT(0, 1000), "0",                                                              \
      "loops that a gradient goes through, the last; in training those before keep no state; 0 = all")                 \
    X("loop.depth", loop.depth, CHOICE(depth_choice), "fixed",                                                         \
      "loops of a slow step: fixed (model.loops), or sampled around that, 1 + Poisson of a log-normal rate")           \
    X("loop.start", loop.start, REAL(0, 1), "0", "share of run.tokens behind which loops begin; one runs before")      \
    X("loop.full", loop.full, REAL(0, 1), "0",                                                                         \
      "share of run.tokens behind which all loops run, one after another from loop.start; less than that = at once")   \
    X("latent.count", model.latents, INT(0, 1 << 20), "24",                                                            \
      "latent vectors of a sequence, as many for each layer; 0 = a plain autoregressive model")                        \
    X("latent.kind", model.latent_kind, CHOICE(latent_kind_choice), "fitted",                                          \
      "z is fitted to each sequence, or streaming: a state that moves as text is read, what comes next scored under "  \
      "it; then [fast] does nothing")                                                                                  \
    X("latent.read", model.latent_read, CHOICE(latent_read_choice), "cross",                                           \
      "how a layer reads z: cross (a cross-attention of its own, as published), or keys (further keys and values of "  \
      "its self-attention, for a fraction of the cost)")                                                               \
    X("latent.chunk", model.chunk, INT(0, 1 << 20), "64",                                                              \
      "streaming: tokens behind each of which z moves; 0, or as many as a sequence has: never")                        \
    X("latent.stream_rate", model.stream_rate, REAL(0, 1000), "10",                                                    \
      "streaming: rate of z's steps, which each latent then scales by a learned number; 0 = z stays at its start")     \
    X("latent.stream_keep", model.stream_keep, REAL(0, 1), "0.9",                                                      \
      "streaming: what z's precision keeps of what it has learnt from step to step")                                   \
    X("latent.stream_trust", model.stream_trust, REAL(0, 1000000), "1",                                                \
      "streaming: most standard deviations of a step of z, before its rate; 0 = any")                                  \
    X("latent.stream_noise", model.stream_noise, CHOICE(yes_choice), "no",                                             \
      "streaming: yes: training draws z around its mean")                                                              \
    X("latent.from", model.latent_from, INT(0, 999), "0",                                                              \
      "the lowest layer that reads latents, counted from 0; what lies below is computed once a sequence")              \
    X("latent.init_scale", latent_init_scale, REAL(0, 100), "0",                                                       \
      "initial scale of the cross-attention's output; 1 as published, 0: z is heard only when it has something to "    \
      "say")                                                                                                           \
    X("latent.start", latent_start, REAL(0, 1), "0",                                                                   \
      "share of run.tokens that trains the plain decoder, at its cost; latents begin behind it")                       \
    X("latent.encoder", model.encoder, CHOICE(encoder_choice), "none",                                                 \
      "where a posterior starts: none (fast.init_mu, fast.init_logvar), or bag (learned, of the mean of the text's "   \
      "embeddings; then fast.steps may be 0 or 1)")                                                                    \
    X("solver.inner", model.inner, INT(0, 1000), "6",                                                                  \
      "steps of a solver's latent state, z = f(z + y + x), before one of its answer, y = f(y + z); 0 = no such "       \
      "state, y = f(y + x)")                                                                                           \
    X("solver.cycles", model.cycles, INT(0, 1000), "3", "such cycles a step; a gradient goes through the last alone")  \
    X("solver.supervision", model.supervision, INT(0, 64), "16",                                                       \
      "steps on a puzzle, each with a loss, y and z carried over; training ends where the halting head says so")       \
    X("solver.mix", model.mix, CHOICE(solver_mix_choice), "attention",                                                 \
      "how cells read each other: attention, or mlp (SwiGLU over the cells)")                                          \
    X("fast.method", fast.method, CHOICE(fast_method_choice), "natural", "how a posterior is fitted")                  \
    X("fast.steps", fast.steps, INT(0, 100000), "4", "gradient steps on a posterior")                                  \
    X("fast.loops", fast.loops, INT(0, 1000), "0",                                                                     \
      "loops that the fit runs, the last of model.loops: a looser fit, as valid a bound; 0 = all")                     \
    X("fast.lr", fast.lr, REAL_OR_AUTO(0, 100), "auto", "rate of the fast steps; auto = the method's own")             \
    X("fast.curvature_rate", fast.curvature_rate, REAL(0, 1), "0.3",                                                   \
      "natural: weight of a step's estimate in the running curvature")                                                 \
    X("fast.trust", fast.trust, REAL(0, 1000000), "1",                                                                 \
      "natural: most standard deviations that a mean moves in a step; 0 = any")                                        \
    X("fast.stored", fast.stored, REAL(0, 1), "0",                                                                     \
      "natural: keep each training sequence's posterior over passes, shrunk by this at a visit, such as 0.9; with "    \
      "fast.steps = 0 a visit takes one step by the slow step's own gradient; 0 = none is kept")                       \
    X("fast.schedule", fast.schedule, CHOICE(schedule_choice), "cosine",                                               \
      "of that rate: cosine (to a tenth) or constant")                                                                 \
    X("fast.noise", fast.noise, CHOICE(noise_choice), "fresh",                                                         \
      "fresh: new noise at each step; fixed: one for the fit")                                                         \
    X("fast.init_mu", fast.init_mu, REAL(-1000, 1000), "0", "where the posterior's means start")                       \
    X("fast.init_logvar", fast.init_logvar, REAL(-50, 20), "0", "where its log variances start; 0 is the prior's")     \
    X("fast.weight_decay", fast.weight_decay, REAL(0, 100), "0.01", "weight decay of the fast steps")                  \
    X("slow.batch", slow.batch, INT(1, 1 << 24), "16", "sequences of a slow step")                                     \
    X("slow.batch_start", slow.batch_start, INT(0, 1 << 24), "0",                                                      \
      "sequences of the first slow step, from which the batch grows to slow.batch; 0 = it does not grow")              \
    X("slow.window_start", slow.window_start, INT(0, 1 << 20), "0",                                                    \
      "tokens that a position attends to in the first slow step, growing to model.window; 0 = they do not")            \
    X("slow.growth", slow.growth, REAL(0, 1), "0.5",                                                                   \
      "share of run.tokens behind which batch and window are full; what counts slow steps then counts full batches")   \
    X("slow.group", slow.group, INT_OR_AUTO(1, 1 << 24), "auto",                                                       \
      "sequences that a thread takes together; auto = about 1,000 tokens, but an eighth of a batch at most")           \
    X("slow.parts", slow.parts, INT(0, 1 << 24), "0",                                                                  \
      "parts of a batch that processes send the gradient's sums of: fewer send less; 0 = each group is one")           \
    X("slow.optimizer", slow.optimiser, CHOICE(optimiser_choice), "adamw", "what steps the decoder's weights")         \
    X("slow.lr", slow.lr, REAL(0, 100), "0.001", "highest rate of the decoder's weights")                              \
    X("slow.lr_min", slow.lr_min, REAL_OR_AUTO(0, 100), "auto", "last rate; auto = slow.lr / 10, or 0 if not cosine")  \
    X("slow.schedule", slow.schedule, CHOICE(slow_schedule_choice), "cosine", "of that rate, behind the warm-up")      \
    X("slow.decay", slow.decay, REAL(0, 1), "0.4", "wsd: share of all slow steps in which the rate falls")             \
    X("slow.warmup", slow.warmup, INT(0, 1 << 30), "100", "slow steps of linear warm-up")                              \
    X("slow.weight_decay", slow.weight_decay, REAL(0, 100), "0.1",                                                     \
      "decoupled decay of matrices: a step takes this share, times their rate, with muon too; more for text read "     \
      "often")                                                                                                         \
    X("slow.beta1", slow.beta1, REAL(0, 1), "0.9", "AdamW's first moment")                                             \
    X("slow.beta2", slow.beta2, REAL(0, 1), "0.95", "AdamW's second moment")                                           \
    X("slow.matrix_lr", slow.matrix_lr, REAL(0, 100), "0.02",                                                          \
      "muon: highest rate of matrices, under the schedule of slow.lr; all else has slow.lr")                           \
    X("slow.momentum", slow.momentum, REAL(0, 1), "0.95", "muon: what its mean of gradients keeps from step to step")  \
    X("slow.ema", slow.ema, REAL(0, 1), "0",                                                                           \
      "decay of an average of the weights, scored beside them and served where it is better; such as 0.99; 0 = none")  \
    X("slow.clip", slow.clip, REAL(0, 1e9), "1", "largest norm of the gradient; 0 = any")                              \
    X("slow.latent_lr", slow.latent_lr, REAL(0, 100), "0.3",                                                           \
      "rate of what reads the latents (cross-attention), in units of slow.lr")                                         \
    X("slow.samples", slow.samples, INT(1, 1000), "1", "draws of z for each sequence of a slow step")                  \
    X("slow.objective", slow.objective, CHOICE(objective_choice), "elbo", "what is minimised, of those draws")         \
    X("slow.dpo_beta", slow.dpo_beta, REAL(1e-6, 1000), "0.1",                                                         \
      "dpo: how little log p may leave the weights that the run began with; less lets it go further")                  \
    X("slow.dpo_smoothing", slow.dpo_smoothing, REAL(0, 0.5), "0",                                                     \
      "dpo: share of pairs that are taken to be labelled the wrong way round")                                         \
    X("slow.predict", model.predict, INT(0, 4), "1",                                                                   \
      "tokens that a position predicts in training, by heads that nothing else uses; 1 or 0 = the next alone")         \
    X("slow.predict_weight", model.predict_weight, REAL(0, 100), "0.3",                                                \
      "what those behind the next one count in the slow loss, together; logs and scores are of the next")              \
    X("slow.predict_latents", model.predict_latents, REAL(0, 100), "0",                                                \
      "what predicting the states of a teacher counts in the slow loss, such as 0.1 to 1, by a head nothing else "     \
      "uses; the teacher has the averaged weights (slow.ema, such as 0.999); 0 = none")                                \
    X("slow.predict_distance", model.predict_distance, INT(0, 1 << 20), "4",                                           \
      "predict_latents: how many tokens on the state is that a position predicts")                                     \
    X("slow.predict_layers", model.predict_layers, INT(0, 1000), "1",                                                  \
      "predict_latents: layers whose normed states are averaged to one, the last")                                     \
    X("slow.kl_start", slow.kl_start, REAL(0.001, 1), "1", "weight of the KL in the fast loop at the first slow step") \
    X("slow.kl_warmup", slow.kl_warmup, INT(0, 1 << 30), "0", "slow steps in which that weight rises to 1")            \
    X("data.kind", data.kind, CHOICE(data_kind_choice), "text",                                                        \
      "text, or pairs: prompts with answers, of which the answers' tokens alone count in the loss")                    \
    X("data.corpus", data.corpus, TEXT, "",                                                                            \
      "a folder that ltm corpus build made, or one of llm.c shards; pairs: a .jsonl file")                             \
    X("data.corpora", data.corpora, TEXT, "",                                                                          \
      "several instead: FOLDER:SHARE …, shares of the tokens that count against each other; held-out scores are of " \
      "each, and their mean by share")                                                                                 \
    X("data.heldout", data.heldout, TEXT, "",                                                                          \
      "pairs: a file of held-out ones; empty = a twentieth of data.corpus, by prompt")                                 \
    X("data.tokenizer", data.tokenizer, TEXT, "", "a tokenizer's .model file; empty = the corpus's own")               \
    X("data.packing", model.packing, CHOICE(packing_choice), "packed",                                                 \
      "sequences: packed (cut across documents), masked (the same, no attention across), document (one, or a piece "   \
      "of it, padded)")                                                                                                \
    X("data.document_end", model.document_end, INT_OR_AUTO(0, 65535), "auto",                                          \
      "masked, document: the id that ends a document; auto = the tokenizer's")                                         \
    X("run.dir", run.dir, TEXT, "", "the run's folder; empty = runs/ and the configuration's name")                    \
    X("run.from", run.from, TEXT, "",                                                                                  \
      "a new run begins with the weights of this checkpoint, run or model.safetensors (--from); empty = its own")      \
    X("run.from_digest", run.from_digest, TEXT, "",                                                                    \
      "a digest that those must have, which a run's config.ini tells; empty = any")                                    \
    X("run.seed", run.seed, COUNT(0, 1e18), "1", "what all random numbers follow from")                                \
    X("run.tokens", run.tokens, COUNT(1, RUN_TOKENS_MOST), "1000000", "tokens to train on in all")                     \
    X("run.threads", run.threads, INT_OR_AUTO(1, 4096), "auto",                                                        \
      "threads; auto = one a core that affinity and control groups leave")                                             \
    X("run.precision", run.precision, CHOICE(precision_choice), "auto",                                                \
      "of matrix products: fp32, bf16 (sums in fp32), or auto: bf16 where the processor has it")                       \
    X("run.on_event", run.on_event, TEXT, "",                                                                          \
      "a command, run without a shell at begin, eval, best, checkpoint, end, stop and failure (LTM_EVENT in its "      \
      "environment; ltm train --help); empty = none")                                                                  \
    X("run.on_nonfinite", run.on_nonfinite, CHOICE(on_nonfinite_choice), "stop",                                       \
      "a slow step whose loss or gradient is NaN or infinite: stop, or skip its update (and stop at 10 in a row)")     \
    X("run.eval_every", run.eval_every, INT(0, 1 << 30), "100",                                                        \
      "slow steps between held-out scores; 0 = last only (or none, where nothing is held out)")                        \
    X("run.eval_sequences", run.eval_sequences, INT(1, 1 << 30), "64",                                                 \
      "held-out sequences that are scored then, as many of each of data.corpora")                                      \
    X("run.checkpoint_every", run.checkpoint_every, INT(0, 1 << 30), "100",                                            \
      "slow steps between checkpoints; 0 = last only")                                                                 \
    X("run.keep_every", run.keep_every, INT(0, 1 << 30), "0",                                                          \
      "slow steps between checkpoints that stay; 0 = the two newest and the best only")                                \
    X("eval.sequences", eval.sequences, INT(0, 1 << 30), "0", "sequences that ltm eval scores; 0 = all")               \
    X("eval.samples", eval.samples, INT(1, 1 << 20), "4", "samples of new noise for each sequence")                    \
    X("eval.iwae", eval.iwae, INT(0, 1000), "4", "samples of the importance-weighted bound; 0 = none")                 \
    X("eval.continuation", eval.continuation, REAL(0, 1), "0.5",                                                       \
      "share of a sequence on which z is fitted to score the rest; 0 = none")                                          \
    X("eval.prior", eval.prior, INT(0, 1000), "0", "samples of the score under the prior; 0 = none")                   \
    X("eval.loops", eval.loops, INT(0, 1000), "0", "loops of the core that it runs; 0 = model.loops")                  \
    X("eval.exit", eval.exit.kind, CHOICE(exit_choice), "fixed",                                                       \
      "when a position leaves the loops, each by its own past: fixed (behind all), state (its state rests), kl (what " \
      "it predicts does); the fit of z runs all")                                                                      \
    X("eval.exit_state", eval.exit.state, REAL(0, 1000), "0.03",                                                       \
      "state: it leaves when two loops running change its state by less than this share of it; 0 = never")             \
    X("eval.exit_kl", eval.exit.kl, REAL(0, 1000), "0.001",                                                            \
      "kl: it leaves when a loop moves what it predicts by less than so many nats; 0 = never; costs output layers")    \
    X("eval.split", eval.split, TEXT, "heldout", "which split it scores: heldout or train")                            \
    X("eval.dump", eval.dump, TEXT, "", "a safetensors file for tokens, posteriors and scores; empty = none")          \
    X("eval.states", eval.states, CHOICE(yes_choice), "no",                                                            \
      "yes: eval.dump holds the decoder's last states too, a vector a token, for probes of your own")                  \
    X("eval.fast.steps", eval.fast_steps, INT_OR_AUTO(0, 100000), "auto", "fast.steps in ltm eval; auto = the same")   \
    X("eval.fast.lr", eval.fast_lr, REAL_OR_AUTO(0, 100), "auto", "fast.lr in ltm eval; auto = the same")

#define FIELD(field) offsetof(struct ltm_config, field), sizeof(((struct ltm_config *)0)->field)
#define ROW(name, field, ...) ROW_OF(name, field, __VA_ARGS__)
#define ROW_OF(name, field, kind, automatic, least, most, choice, fallback, help) \
    {name, kind, automatic, FIELD(field), least, most, choice},
static const struct config_key table[] = {CONFIG_KEYS(ROW)};

#define PUBLIC(name, field, ...) PUBLIC_OF(name, field, __VA_ARGS__)
#define PUBLIC_OF(name, field, kind, automatic, least, most, choice, fallback, help) {name, fallback, help},
static const struct ltm_config_key public_table[] = {CONFIG_KEYS(PUBLIC)};

enum { KEYS = sizeof table / sizeof table[0] };

const struct config_key *config_key_table(size_t *count) {
    *count = KEYS;
    return table;
}

const struct ltm_config_key *ltm_config_keys(size_t *count) {
    *count = KEYS;
    return public_table;
}

const char *ltm_config_choice(const char *key, int i, const char **help) {
    const struct config_key *found = config_key_find(key);
    if (!found || found->kind != CONFIG_CHOICE) return NULL;
    const struct choice choice = found->choice(i);
    if (help) *help = choice.help;
    return choice.name;
}

const struct config_key *config_key_find(const char *name) {
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

static int64_t integer_at(const struct config_key *key, const void *field) {
    if (key->kind == CONFIG_COUNT) return *(const int64_t *)field;
    return *(const int *)field;
}

/* "a whole number from 1 to 1000, or auto" */
static void print_range(const struct config_key *key, char *text, size_t size) {
    char least[NUMBER_TEXT];
    char most[NUMBER_TEXT];
    number_print_real(least, key->least);
    number_print_real(most, key->most);
    snprintf(text, size, "a%s number from %s to %s%s", key->kind == CONFIG_REAL ? "" : " whole", least, most,
             key->automatic ? ", or auto" : "");
}

static void print_choices(const struct config_key *key, char *text, size_t size) {
    size_t used = 0;
    for (int i = 0; key->choice(i).name && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " or " : "", key->choice(i).name);
}

/* Text must come back from an INI file as it went in. */
static const char *text_fault(const char *text) {
    size_t length = strlen(text);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f) return "a control character";
    if (length && (text[0] == ' ' || text[length - 1] == ' ')) return "a space at its begin or end";
    if (text[0] == ';' || text[0] == '#' || strstr(text, " ;") || strstr(text, " #"))
        return "what begins a comment in an INI file";
    return NULL;
}

static ltm_status parse_text(char *field, const struct config_key *key, const char *value, struct ltm_error *error) {
    const char *fault = text_fault(value);
    if (fault) return fail(error, LTM_INVALID, "%s = \"%.200s\" holds %s; use another name", key->name, value, fault);
    if (strlen(value) >= key->room)
        return fail(error, LTM_INVALID, "%s = \"%.60s…\" is longer than %zu bytes", key->name, value, key->room - 1);
    strcpy(field, value);
    return LTM_OK;
}

static ltm_status parse_choice(int *field, const struct config_key *key, const char *value, struct ltm_error *error) {
    for (int i = 0; key->choice(i).name; i++) {
        if (strcmp(value, key->choice(i).name) == 0) {
            *field = i;
            return LTM_OK;
        }
    }
    char choices[128];
    print_choices(key, choices, sizeof choices);
    return fail(error, LTM_INVALID, "%s = \"%.100s\" is not known; use %s", key->name, value, choices);
}

static ltm_status parse_number(void *field, const struct config_key *key, const char *value, struct ltm_error *error) {
    double real = LTM_AUTO;
    int64_t integer = LTM_AUTO;
    bool is_auto = key->automatic && strcmp(value, "auto") == 0, good = is_auto;
    if (!is_auto && key->kind == CONFIG_REAL)
        good = number_parse_real(value, &real) && real >= key->least && real <= key->most;
    else if (!is_auto)
        good = number_parse_integer(value, &integer) && (double)integer >= key->least && (double)integer <= key->most;
    if (!good) {
        char range[128];
        print_range(key, range, sizeof range);
        return fail(error, LTM_INVALID, "%s = \"%.100s\" is not %s", key->name, value, range);
    }
    switch (key->kind) {
    case CONFIG_REAL:
        *(double *)field = real;
        break;
    case CONFIG_COUNT:
        *(int64_t *)field = integer;
        break;
    default:
        *(int *)field = (int)integer;
    }
    return LTM_OK;
}

ltm_status config_key_parse(struct ltm_config *config, const struct config_key *key, const char *value,
                            struct ltm_error *error) {
    char *field = (char *)config + key->offset;
    switch (key->kind) {
    case CONFIG_TEXT:
        return parse_text(field, key, value, error);
    case CONFIG_CHOICE:
        return parse_choice((int *)field, key, value, error);
    default:
        return parse_number(field, key, value, error);
    }
}

void config_key_print(const struct ltm_config *config, const struct config_key *key, char text[LTM_PATH_MAX]) {
    const void *field = (const char *)config + key->offset;
    double real = key->kind == CONFIG_REAL ? *(const double *)field : 0;
    switch (key->kind) {
    case CONFIG_TEXT:
        snprintf(text, LTM_PATH_MAX, "%s", (const char *)field);
        break;
    case CONFIG_CHOICE:
        snprintf(text, LTM_PATH_MAX, "%s", key->choice(*(const int *)field).name);
        break;
    case CONFIG_REAL:
        if (key->automatic && real == LTM_AUTO)
            strcpy(text, "auto");
        else
            number_print_real(text, real);
        break;
    default:
        if (key->automatic && integer_at(key, field) == LTM_AUTO)
            strcpy(text, "auto");
        else
            snprintf(text, LTM_PATH_MAX, "%lld", (long long)integer_at(key, field));
    }
}

ltm_status config_key_check(const struct ltm_config *config, const struct config_key *key, struct ltm_error *error) {
    const void *field = (const char *)config + key->offset;
    char text[LTM_PATH_MAX];
    struct ltm_config scratch;
    if (key->kind == CONFIG_TEXT && !memchr(field, 0, key->room))
        return fail(error, LTM_INVALID, "%s does not end within its %zu bytes", key->name, key->room);
    if (key->kind == CONFIG_CHOICE) {
        int choices = 0;
        int choice = *(const int *)field;
        while (key->choice(choices).name) choices++;
        if (choice < 0 || choice >= choices)
            return fail(error, LTM_INVALID, "%s = %d is not one of its %d choices", key->name, choice, choices);
    }
    /* What can be written and read again is in range: one set of rules, not two. */
    config_key_print(config, key, text);
    return config_key_parse(&scratch, key, text, error);
}

bool config_key_is_of_model(const char *name) {
    static const char *const others[] = {
        "run.dir",        "run.threads",      "run.eval_sequences", "run.eval_every", "run.checkpoint_every",
        "run.keep_every", "run.on_nonfinite", "data.corpus",        "data.tokenizer", "data.corpora",
        "run.from",       "run.from_digest",  "run.on_event",       "data.heldout"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name, others[i]) == 0) return false;
    return strncmp(name, "eval.", 5) != 0;
}
