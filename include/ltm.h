/* libltm: Latent Thought Models (Kong et al., ICML 2025, arXiv 2502.01567) on CPUs.
 *
 *     #include <ltm.h>                                   cc program.c $(pkg-config --cflags --libs ltm)
 *
 *     struct ltm_error error = {0};
 *     struct ltm_model *model = NULL;
 *     if (ltm_model_open(&model, "runs/demo", &error) != LTM_OK) { fprintf(stderr, "%s\n", error.message); … }
 *     struct ltm_eval_result score;
 *     ltm_eval(model, "corpora/kjv/data/corpus", ltm_model_config(model), NULL, &score, &error);
 *     printf("%.3f nats a token\n", score.bound.nats.mean);
 *     ltm_model_close(model);
 */
#pragma once

#define LTM_VERSION "0.1.0"

#include "ltm/average.h"
#include "ltm/config.h"
#include "ltm/corpus.h"
#include "ltm/doctor.h"
#include "ltm/eval.h"
#include "ltm/export.h"
#include "ltm/fewshot.h"
#include "ltm/fit.h"
#include "ltm/follow.h"
#include "ltm/generate.h"
#include "ltm/inspect.h"
#include "ltm/model.h"
#include "ltm/names.h"
#include "ltm/printable.h"
#include "ltm/probe.h"
#include "ltm/processes.h"
#include "ltm/prune.h"
#include "ltm/report.h"
#include "ltm/samples.h"
#include "ltm/scaling.h"
#include "ltm/scorer.h"
#include "ltm/serve.h"
#include "ltm/session.h"
#include "ltm/solve.h"
#include "ltm/status.h"
#include "ltm/stream_scores.h"
#include "ltm/sweep.h"
#include "ltm/synth.h"
#include "ltm/tokenizer.h"
#include "ltm/train.h"
#include "ltm/twin.h"
#include "ltm/watch.h"
