/* One thread that writes samples: a stream with slots, in each a sample under way. A slot whose sample is done takes the next
 * one, so that a step has as many rows as possible. */
#pragma once

#include "generate/history.h"
#include "generate/sample_text.h"
#include "generate/sampler.h"
#include "latent/fast_loop.h"
#include "ltm/generate.h"

/* A prompt in the form that the decoder reads. */
struct prompt {
    int32_t *ids; /* the end-of-sequence id that begins a document, then the prompt's */
    int count;    /* of the prompt's */
    int fit;      /* of these, on which z is fitted */
    int cropped;  /* that stood before them */
    bool heals;   /* a trailing blank is left to the first piece drawn */
};

/* Data shared by all writers. */
struct writing {
    const struct ltm_model *model;
    const struct decoder *decoder;              /* its weights, with the exits asked for */
    const struct ltm_generate_options *options; /* no auto */
    struct ltm_fast_config fast;
    const struct prompt *prompts;
    const bool *blank; /* [vocab]: pieces that begin with a blank, or NULL */
    int longest;       /* tokens read in one pass: of the longest prompt, or those kept when a text slides */
    bool shares;       /* several samples go on from one prompt over model.sequence */
    int64_t next, last;
    /* Called by one thread at a time; whether to go on with the sample. Its text is `sample->text`. */
    bool (*on_text)(void *user, const struct ltm_sample *sample, size_t fresh); /* or NULL */
    void (*on_token)(void *user, const struct ltm_sample *sample,
                     const struct ltm_token *token); /* or NULL; likewise */
    /* The text is now the callee's to free. Whether to go on at all. */
    bool (*on_done)(void *user, struct ltm_sample *sample, char *text);
    void *user;
    bool stopped; /* by a hook, a signal or an error */
    const volatile sig_atomic_t *stop;
    ltm_status status; /* of the first error */
    struct ltm_error error;
};

struct sample_slot {
    struct ltm_sample sample;
    struct sample_text text;
    struct history history;
    float *z;
    bool heals; /* the next piece is the first of a prompt that ends in a blank */
    int left;   /* tokens that may still come */
};

struct sample_writer {
    struct writing *shared;
    struct decoder_stream *stream;
    struct sampler sampler;
    struct decoder_pass *pass; /* over the text to continue; NULL if there is none */
    struct fast_loop loop;     /* the posterior fitted on it, or the prior */
    int64_t fitted;            /* the prompt that this is of; -1 = none */
    struct history reader;     /* of a prompt over model.sequence, which is read once for all of its samples … */
    int64_t read;              /* … and which that is; -1 = none */
    int slots, active;
    struct sample_slot *slot; /* [slots]; those under way first in `order` */
    int *order;               /* [slots] */
    int32_t *tokens;          /* [slots] */
};

ltm_status sample_writer_create(struct sample_writer *writer, struct writing *shared,
                                const struct stream_weights *weights, int slots, int threads, struct ltm_error *error);
void sample_writer_free(struct sample_writer *writer);

/* Write samples until none is left or writing was stopped; an error goes into `shared`. */
void sample_writer_run(struct sample_writer *writer);
