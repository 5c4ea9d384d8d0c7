/* A trainer on a small corpus, with weights of a size at which everything matters. */
#ifndef TESTS_TRAINER_RIG_H
#define TESTS_TRAINER_RIG_H

#include "support/shards.h"
#include "support/unit.h"

#include "train/trainer.h"

struct rig {
    struct trainer trainer;
    struct decoder *decoder;
    struct token_stream *stream;
    struct stream_windows windows;
};

static inline void open_rig(struct rig *rig, const struct ltm_config *config) {
    char corpus[600];
    snprintf(corpus, sizeof corpus, "%s/corpus", test_folder());
    if (!folder_exists(corpus)) test_write_corpus(corpus, 400, 100, config->model.vocab);
    assert_int_equal(token_stream_open(&rig->stream, corpus, "train", NULL), LTM_OK);
    assert_int_equal(training_windows(&rig->windows, rig->stream, &config->model, config->run.seed, NULL), LTM_OK);
    assert_int_equal(decoder_create(&rig->decoder, &config->model, NULL), LTM_OK);
    random_normal(rig->decoder->weights, rig->decoder->plan.table.size, (struct random_key){.seed = 4, .purpose = 99});
    for (size_t i = 0; i < rig->decoder->plan.table.size; i++) rig->decoder->weights[i] *= 0.4f;
    assert_int_equal(trainer_create(&rig->trainer, config, rig->decoder, &rig->windows.source, NULL), LTM_OK);
}

static inline void close_rig(struct rig *rig) {
    trainer_free(&rig->trainer);
    decoder_free(rig->decoder);
    stream_windows_free(&rig->windows);
    token_stream_close(rig->stream);
}

/* Laid out as the weights. */
static inline void copy_gradient(float *gradient, const struct trainer *trainer) {
    for (int p = 0; p < trainer->state.count; p++) {
        const struct piece *piece = &trainer->state.pieces[p];
        memcpy(gradient + piece->all.begin, trainer->gradient.total + piece->at,
               (piece->all.end - piece->all.begin) * sizeof *gradient);
    }
}

#endif
