#include "config/config_keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/numbers.h"

/* Choices that are not rows of a table. */
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
NAMES(encoder_target_choice, "bound", "fit")
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
      "rms: self-attention normalises queries and keys, with one learned scale per query head")                        \
    X("model.init_projections", model.init_projections, CHOICE(init_choice), "normal",                                 \
      "zero: output projections of self-attention and feed-forward layers start at 0, so at first they add nothing")   \
    X("model.softcap", model.softcap, REAL(0, 100), "0",                                                               \
      "c: logits are soft-capped to c tanh(x / c), typically at 15 to 30; 0 = no cap")                                 \
    X("model.output", model.output, CHOICE(output_choice), "tied",                                                     \
      "the output layer's matrix: tied to the embedding, or its own, initialised like the embedding")                  \
    X("model.mix_input", model.mix_input, CHOICE(yes_choice), "no",                                                    \
      "yes: each layer reads a h + b h0 instead of h; h0 is the token's embedding, a and b are learned per layer")     \
    X("model.value_residual", model.value_residual, CHOICE(yes_choice), "no",                                          \
      "yes: self-attention's values are (1 - w) v + w v1; v1 is the first layer's, w is learned per layer, from 0.5")  \
    X("model.sequence", model.sequence, INT(2, 1 << 20), "256", "tokens per sequence")                                 \
    X("model.window", model.window, INT(1, 1 << 20), "64", "tokens that a position attends to, itself included")       \
    X("model.dropout", model.dropout, REAL(0, 0.9), "0",                                                               \
      "dropout rate of the outputs of self-attention and feed-forward layers, for text read often; 0 = none")          \
    X("model.vocab", model.vocab, INT_OR_AUTO(2, 65536), "auto", "vocabulary size; auto = the tokenizer's")            \
    X("model.memory", model.memory, CHOICE(memory_choice), "none",                                                     \
      "what each layer keeps of the past beside the window: none, neural (a map that learns as it reads, Titans), or " \
      "recurrent (vectors written by cross-attention); it has [memory]")                                               \
    X("model.loops", model.loops, INT(0, 1000), "1",                                                                   \
      "times that the core (the layers between prelude and coda) runs; its weights count once; 0 means 1, and at 1 "   \
      "[loop] and model.order have no effect")                                                                         \
    X("model.prelude", model.prelude, INT(0, 999), "0", "layers before the core, out of model.layers; they run once")  \
    X("model.coda", model.coda, INT(0, 999), "0", "layers after the core, out of model.layers; they run once")         \
    X("model.order", model.order, CHOICE(order_choice), "ABAB",                                                        \
      "of a core A B run twice: ABAB (all of it again), or AABB (each layer twice in a row)")                          \
    X("memory.chunk", model.memory_chunk, INT(0, 1 << 20), "0",                                                        \
      "tokens per write to a memory; later tokens read it; 0 = model.window")                                          \
    X("memory.layers", model.memory_layers, INT(0, 2), "1",                                                            \
      "neural: layers of the map: 1 or 0 (linear), or 2 (four times as wide within)")                                  \
    X("memory.max_rate", model.memory_rate, REAL(0, 100), "1",                                                         \
      "neural: largest move of a write, as a share of the way to its values (for a chunk of one key); above 2 it "     \
      "may diverge; 0 = the state stays as it begins: nothing is written or forgotten")                                \
    X("memory.slots", model.memory_slots, INT(0, 1 << 16), "8", "recurrent: state vectors of a layer")                 \
    X("memory.backprop", model.memory_backprop, INT(0, 1 << 20), "4",                                                  \
      "recurrent: number of last writes that a gradient passes through; 0 = all")                                      \
    X("loop.inject", model.inject, CHOICE(inject_choice), "none",                                                      \
      "input of each loop after the first, where e is the prelude's output: none (h), add (norm(h) + a e), concat "    \
      "(W [h, e]), diagonal (A h + D B e, 0 < A < 1)")                                                                 \
    X("loop.gains", model.loop_gains, CHOICE(gains_choice), "shared",                                                  \
      "weights of loop.inject: shared by all loops, or own (one set per loop; fewer loops use the last sets)")         \
    X("loop.backprop", model.backprop, INT(0, 1000), "0",                                                              \
      "number of last loops that receive a gradient; in training the earlier ones keep no state; 0 = all")             \
    X("loop.depth", loop.depth, CHOICE(depth_choice), "fixed",                                                         \
      "loops in a slow step: fixed (model.loops), or sampled around it (1 + Poisson with a log-normal rate)")          \
    X("loop.start", loop.start, REAL(0, 1), "0",                                                                       \
      "share of run.tokens after which looping begins; one loop runs before")                                          \
    X("loop.full", loop.full, REAL(0, 1), "0",                                                                         \
      "share of run.tokens after which all loops run, added one by one from loop.start; below that = all at once")     \
    X("latent.count", model.latents, INT(0, 1 << 20), "24",                                                            \
      "latent vectors per sequence, the same number for each layer; 0 = a plain autoregressive model; of a solver: "   \
      "per puzzle, fitted to its givens and read by every cell")                                                       \
    X("latent.kind", model.latent_kind, CHOICE(latent_kind_choice), "fitted",                                          \
      "fitted: z is fitted to each sequence; streaming: z is updated as text is read, and what follows is scored "     \
      "under it ([fast] then has no effect)")                                                                          \
    X("latent.read", model.latent_read, CHOICE(latent_read_choice), "cross",                                           \
      "how a layer reads z: cross (a cross-attention of its own, as published), or keys (further keys and values of "  \
      "its self-attention, for a fraction of the cost)")                                                               \
    X("latent.chunk", model.chunk, INT(0, 1 << 20), "64",                                                              \
      "streaming: z moves after each chunk of this many tokens; 0, or model.sequence or more = never")                 \
    X("latent.stream_rate", model.stream_rate, REAL(0, 1000), "10",                                                    \
      "streaming: rate of z's steps, scaled by a learned number per latent; 0 = z stays at its start")                 \
    X("latent.stream_keep", model.stream_keep, REAL(0, 1), "0.9",                                                      \
      "streaming: share of its accumulated precision that z keeps from step to step")                                  \
    X("latent.stream_trust", model.stream_trust, REAL(0, 1000000), "1",                                                \
      "streaming: limit on a step of z, in standard deviations, before the rate applies; 0 = no limit")                \
    X("latent.stream_noise", model.stream_noise, CHOICE(yes_choice), "no",                                             \
      "streaming: yes = training samples z around its mean")                                                           \
    X("latent.from", model.latent_from, INT(0, 999), "0",                                                              \
      "the lowest layer that reads latents, counted from 0; layers below it are computed once per sequence")           \
    X("latent.init_scale", latent_init_scale, REAL(0, 100), "0",                                                       \
      "initial scale of the cross-attention's output projection; 1 as published; 0 = the latent path starts at zero")  \
    X("latent.start", latent_start, REAL(0, 1), "0",                                                                   \
      "share of run.tokens that trains the plain decoder, at its cost, before latents begin")                          \
    X("latent.encoder", model.encoder, CHOICE(encoder_choice), "none",                                                 \
      "where a posterior starts: none (fast.init_mu, fast.init_logvar), or bag (learned, of the mean of the text's "   \
      "embeddings; then fast.steps may be 0 or 1)")                                                                    \
    X("latent.encoder_target", encoder_target, CHOICE(encoder_target_choice), "bound",                                 \
      "what the encoder learns: bound (a low bound where it starts), or fit (to predict the fitted posterior)")        \
    X("solver.inner", model.inner, INT(0, 1000), "6",                                                                  \
      "steps of a solver's latent state, z = f(z + y + x), before one of its answer, y = f(y + z); 0 = no such "       \
      "state, y = f(y + x)")                                                                                           \
    X("solver.cycles", model.cycles, INT(0, 1000), "3",                                                                \
      "cycles of these per step; only the last one receives a gradient")                                               \
    X("solver.supervision", model.supervision, INT(0, 64), "16",                                                       \
      "steps per puzzle, each with a loss; y and z carry over; in training the halting head may end them earlier")     \
    X("solver.mix", model.mix, CHOICE(solver_mix_choice), "attention",                                                 \
      "how cells read each other: attention, or mlp (SwiGLU over the cells)")                                          \
    X("solver.stable", model.stable, CHOICE(yes_choice), "no",                                                         \
      "mix the result of each step with the state before it and with noise, z = .05 z + .95 f(...) + .01 noise; "      \
      "eval.restarts then chooses among runs")                                                                         \
    X("solver.augment", data.augment, CHOICE(yes_choice), "no",                                                        \
      "train on symmetric images of the puzzles, a new one each time a puzzle starts")                                 \
    X("fast.method", fast.method, CHOICE(fast_method_choice), "natural", "how a posterior is fitted")                  \
    X("fast.steps", fast.steps, INT(0, 100000), "4", "gradient steps on a posterior")                                  \
    X("fast.loops", fast.loops, INT(0, 1000), "0",                                                                     \
      "the fit runs only this many loops, the last ones: a looser fit, but a valid bound; 0 = all of model.loops")     \
    X("fast.text_parts", fast.text_parts, INT(1, 1 << 20), "1",                                                        \
      "training: a fast step takes the gradient of one of this many parts of the text, in turn, scaled up to the "     \
      "whole; fast.steps is a multiple, so that all count alike; 1 = of all the text")                                 \
    X("fast.lr", fast.lr, REAL_OR_AUTO(0, 100), "auto", "rate of the fast steps; auto = the method's default")         \
    X("fast.curvature_rate", fast.curvature_rate, REAL(0, 1), "0.3",                                                   \
      "natural: weight of a step's estimate in the running curvature")                                                 \
    X("fast.trust", fast.trust, REAL(0, 1000000), "1",                                                                 \
      "natural: limit on a mean's move in one step, in standard deviations; 0 = no limit")                             \
    X("fast.stored", fast.stored, REAL(0, 1), "0",                                                                     \
      "natural: keep each training sequence's posterior between passes, shrunk by this factor at a visit (try 0.9); "  \
      "with fast.steps = 0 a visit takes one step by the slow step's own gradient; 0 = keep none")                     \
    X("fast.schedule", fast.schedule, CHOICE(schedule_choice), "cosine",                                               \
      "schedule of fast.lr: cosine (to a tenth) or constant")                                                          \
    X("fast.noise", fast.noise, CHOICE(noise_choice), "fresh",                                                         \
      "fresh: new noise at each step; fixed: one draw for the whole fit")                                              \
    X("fast.init_mu", fast.init_mu, REAL(-1000, 1000), "0", "where the posterior's means start")                       \
    X("fast.init_logvar", fast.init_logvar, REAL(-50, 20), "0",                                                        \
      "where the posterior's log variances start; 0 is the prior's")                                                   \
    X("fast.weight_decay", fast.weight_decay, REAL(0, 100), "0.01", "weight decay of the fast steps")                  \
    X("slow.batch", slow.batch, INT(1, 1 << 24), "16", "sequences per slow step")                                      \
    X("slow.batch_start", slow.batch_start, INT(0, 1 << 24), "0",                                                      \
      "sequences in the first slow step; the batch grows from there to slow.batch; 0 = it does not grow")              \
    X("slow.window_start", slow.window_start, INT(0, 1 << 20), "0",                                                    \
      "window in the first slow step, in tokens; it grows from there to model.window; 0 = it does not grow")           \
    X("slow.growth", slow.growth, REAL(0, 1), "0.5",                                                                   \
      "share of run.tokens after which batch and window are full; keys in slow steps then count full batches")         \
    X("slow.group", slow.group, INT_OR_AUTO(1, 1 << 24), "auto",                                                       \
      "sequences that a thread processes together; auto = about 1,000 tokens, but at most an eighth of a batch; "      \
      "with latents that stream up to a half")                                                                         \
    X("slow.parts", slow.parts, INT(0, 1 << 24), "0",                                                                  \
      "parts of a batch whose gradient sums processes exchange; fewer parts send less; 0 = one part per group")        \
    X("slow.optimizer", slow.optimiser, CHOICE(optimiser_choice), "adamw", "optimiser of the decoder's weights")       \
    X("slow.lr", slow.lr, REAL(0, 100), "0.001", "peak rate of the decoder's weights")                                 \
    X("slow.lr_min", slow.lr_min, REAL_OR_AUTO(0, 100), "auto", "final rate; auto = slow.lr / 10, or 0 if not cosine") \
    X("slow.schedule", slow.schedule, CHOICE(slow_schedule_choice), "cosine", "schedule of slow.lr after the warm-up") \
    X("slow.decay", slow.decay, REAL(0, 1), "0.4", "wsd: share of all slow steps in which the rate falls")             \
    X("slow.warmup", slow.warmup, INT(0, 1 << 30), "100", "slow steps of linear warm-up")                              \
    X("slow.weight_decay", slow.weight_decay, REAL(0, 100), "0.1",                                                     \
      "decoupled decay of matrices, per step and in units of their rate, with muon too; raise it for text read many "  \
      "times")                                                                                                         \
    X("slow.beta1", slow.beta1, REAL(0, 1), "0.9", "AdamW: decay of the first moment")                                 \
    X("slow.beta2", slow.beta2, REAL(0, 1), "0.95", "AdamW: decay of the second moment")                               \
    X("slow.matrix_lr", slow.matrix_lr, REAL(0, 100), "0.02",                                                          \
      "muon: peak rate of matrices, on the schedule of slow.lr; all other weights use slow.lr")                        \
    X("slow.momentum", slow.momentum, REAL(0, 1), "0.95", "muon: decay of the running mean of gradients")              \
    X("slow.ema", slow.ema, REAL(0, 1), "0",                                                                           \
      "decay of a running average of the weights, scored too, and used where it scores better (try 0.99); 0 = none")   \
    X("slow.clip", slow.clip, REAL(0, 1e9), "1", "largest norm of the gradient; 0 = no limit")                         \
    X("slow.latent_lr", slow.latent_lr, REAL(0, 100), "0.3",                                                           \
      "rate of the weights that read the latents (cross-attention), in units of slow.lr")                              \
    X("slow.samples", slow.samples, INT(1, 1000), "1", "draws of z for each sequence of a slow step")                  \
    X("slow.objective", slow.objective, CHOICE(objective_choice), "elbo",                                              \
      "what a slow step minimises over those draws")                                                                   \
    X("slow.dpo_beta", slow.dpo_beta, REAL(1e-6, 1000), "0.1",                                                         \
      "dpo: how closely log p is held to that of the run's first weights; a smaller value lets it move further")       \
    X("slow.dpo_smoothing", slow.dpo_smoothing, REAL(0, 0.5), "0",                                                     \
      "dpo: share of pairs assumed to have their labels swapped")                                                      \
    X("slow.predict", model.predict, INT(0, 4), "1",                                                                   \
      "number of next tokens that a position predicts in training, with heads used only for this; 1 or 0 = one")       \
    X("slow.predict_weight", model.predict_weight, REAL(0, 100), "0.3",                                                \
      "total weight in the slow loss of the tokens after the next one; logs and scores count only the next one")       \
    X("slow.predict_latents", model.predict_latents, REAL(0, 100), "0",                                                \
      "weight in the slow loss of predicting a teacher's states, such as 0.1 to 1, with a head used only for this; "   \
      "the teacher has the averaged weights (slow.ema, such as 0.999); 0 = none")                                      \
    X("slow.predict_distance", model.predict_distance, INT(0, 1 << 20), "4",                                           \
      "predict_latents: how many tokens ahead the predicted state is")                                                 \
    X("slow.predict_layers", model.predict_layers, INT(0, 1000), "1",                                                  \
      "predict_latents: number of last layers whose normalised states are averaged into the target")                   \
    X("slow.kl_start", slow.kl_start, REAL(0.001, 1), "1", "weight of the KL in the fast loop at the first slow step") \
    X("slow.kl_warmup", slow.kl_warmup, INT(0, 1 << 30), "0", "slow steps over which that weight rises to 1")          \
    X("data.kind", data.kind, CHOICE(data_kind_choice), "text",                                                        \
      "text, or pairs: prompts with answers, where only the answers' tokens count in the loss")                        \
    X("data.corpus", data.corpus, TEXT, "",                                                                            \
      "a folder that ltm corpus build made, or one of llm.c shards; pairs: a .jsonl file")                             \
    X("data.corpora", data.corpora, TEXT, "",                                                                          \
      "several corpora instead: FOLDER:SHARE …, with relative shares of the tokens; held-out scores are given for "  \
      "each corpus, and as their mean weighted by share")                                                              \
    X("data.heldout", data.heldout, TEXT, "",                                                                          \
      "pairs: a file of held-out pairs; empty = a twentieth of data.corpus, by prompt")                                \
    X("data.tokenizer", data.tokenizer, TEXT, "", "a tokenizer's .model file; empty = the corpus's own")               \
    X("data.packing", model.packing, CHOICE(packing_choice), "packed",                                                 \
      "what a sequence is: packed (cut across documents), masked (the same, without attention across them), document " \
      "(one document, or a piece of one, padded)")                                                                     \
    X("data.document_end", model.document_end, INT_OR_AUTO(0, 65535), "auto",                                          \
      "masked, document: the id that ends a document; auto = the tokenizer's")                                         \
    X("run.dir", run.dir, TEXT, "", "the run's folder; empty = runs/ and the configuration's name")                    \
    X("run.from", run.from, TEXT, "",                                                                                  \
      "a new run begins with the weights of this checkpoint, run or model.safetensors (--from); empty = random")       \
    X("run.from_digest", run.from_digest, TEXT, "",                                                                    \
      "the digest that those weights must have, as in a run's config.ini; empty = any")                                \
    X("run.seed", run.seed, COUNT(0, 1e18), "1", "seed of all random numbers")                                         \
    X("run.tokens", run.tokens, COUNT(1, RUN_TOKENS_MOST), "1000000", "tokens to train on in total")                   \
    X("run.threads", run.threads, INT_OR_AUTO(1, 4096), "auto",                                                        \
      "threads; auto = one per core that affinity and control groups allow")                                           \
    X("run.precision", run.precision, CHOICE(precision_choice), "auto",                                                \
      "precision of matrix products: fp32, bf16 (sums in fp32), or auto: bf16 if the processor supports it")           \
    X("run.on_event", run.on_event, TEXT, "",                                                                          \
      "a command to run, without a shell, at begin, eval, best, checkpoint, end, stop and failure (LTM_EVENT in its "  \
      "environment says which; see ltm train --help); empty = none")                                                   \
    X("run.on_nonfinite", run.on_nonfinite, CHOICE(on_nonfinite_choice), "stop",                                       \
      "if a slow step's loss or gradient is NaN or infinite: stop, or skip its update (and stop at 10 in a row)")      \
    X("run.eval_every", run.eval_every, INT(0, 1 << 30), "100",                                                        \
      "slow steps between held-out scores; 0 = at the end only (or never, if nothing is held out)")                    \
    X("run.eval_sequences", run.eval_sequences, INT(1, 1 << 30), "64",                                                 \
      "held-out sequences to score each time, divided evenly over data.corpora")                                       \
    X("run.checkpoint_every", run.checkpoint_every, INT(0, 1 << 30), "100",                                            \
      "slow steps between checkpoints; 0 = at the end only")                                                           \
    X("run.keep_every", run.keep_every, INT(0, 1 << 30), "0",                                                          \
      "slow steps between checkpoints to keep; 0 = keep only the two newest and the best")                             \
    X("eval.sequences", eval.sequences, INT(0, 1 << 30), "0", "sequences that ltm eval scores; 0 = all")               \
    X("eval.samples", eval.samples, INT(1, 1 << 20), "4", "samples of new noise per sequence")                         \
    X("eval.iwae", eval.iwae, INT(0, 1000), "4", "samples of the importance-weighted bound; 0 = none")                 \
    X("eval.continuation", eval.continuation, REAL(0, 1), "0.5",                                                       \
      "share of a sequence on which z is fitted, to score the rest; 0 = none")                                         \
    X("eval.prior", eval.prior, INT(0, 1000), "0", "samples of the score under the prior; 0 = none")                   \
    X("eval.restarts", eval.restarts, INT(1, 10000), "1",                                                              \
      "runs of a solver on a puzzle, each with noise (solver.stable) or else a start of its own; the one whose state " \
      "moves least after all steps answers, also by step and where it halts")                                          \
    X("eval.loops", eval.loops, INT(0, 1000), "0", "loops of the core in ltm eval and fewshot; 0 = model.loops")       \
    X("eval.exit", eval.exit.kind, CHOICE(exit_choice), "fixed",                                                       \
      "when a position leaves the loops, judged by its own past: fixed (after the last), state (its state settles), "  \
      "kl (its prediction settles); the fit of z runs all loops")                                                      \
    X("eval.exit_state", eval.exit.state, REAL(0, 1000), "0.03",                                                       \
      "state: it leaves when two loops in a row change its state by less than this share of it; 0 = never")            \
    X("eval.exit_kl", eval.exit.kl, REAL(0, 1000), "0.001",                                                            \
      "kl: it leaves when a loop changes its prediction by less than this many nats; 0 = never; costs output layers")  \
    X("eval.split", eval.split, TEXT, "heldout", "split that ltm eval scores: heldout or train")                       \
    X("eval.dump", eval.dump, TEXT, "", "safetensors file to write tokens, posteriors and scores to; empty = none")    \
    X("eval.states", eval.states, CHOICE(yes_choice), "no",                                                            \
      "yes: eval.dump also has the decoder's last states, one vector per token, for your own probes")                  \
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

/* Text must survive being written to an INI file and read back. */
static const char *text_fault(const char *text) {
    size_t length = strlen(text);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f) return "a control character";
    if (length && (text[0] == ' ' || text[length - 1] == ' ')) return "a space at its start or end";
    if (text[0] == ';' || text[0] == '#' || strstr(text, " ;") || strstr(text, " #"))
        return "the start of an INI comment";
    return NULL;
}

static ltm_status parse_text(char *field, const struct config_key *key, const char *value, struct ltm_error *error) {
    const char *fault = text_fault(value);
    if (fault)
        return fail(error, LTM_INVALID, "%s = \"%.200s\" contains %s; use another name", key->name, value, fault);
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
    /* A value that can be written and read back is in range: one set of rules, not two. */
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
