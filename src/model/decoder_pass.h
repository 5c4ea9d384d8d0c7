/* The inside of a decoder_pass. Only model/ looks in here. */
#pragma once

#include "model/decoder.h"
#include "model/pass_exits.h"

/* An application at work. */
struct applied {
    void *state;   /* the kind's */
    float *in;     /* (R, d): the residual stream on entry; the next one's is what this one leaves */
    uint8_t *kept; /* (R, d): by dropout; NULL where there is none */
    bool first;    /* of its block: then the gradient is whole */
    bool last;     /* of its block: there it begins */
    bool adds_dz;  /* a later application has the same part of dz */
};

struct decoder_pass {
    const struct decoder *decoder;
    void *block; /* all buffers below */
    int gradients;
    struct stage_io io;      /* of the present group */
    struct applied *applied; /* [plan.count] */
    float **gradient;        /* [plan.table.block_count]: a block's, while that is made; NULL without gradients */
    struct decoder_dropout dropout; /* sequences NULL: none */
    float kept_scale;
    int32_t *starts;        /* (G, T): of documents; NULL unless attention is masked */
    float *dfirst;          /* (R, d), of stage_io; NULL where no stage reads `first` */
    float *dentry;          /* (R, d), likewise */
    float *dvalues;         /* (R, K h), likewise */
    int chunk;              /* of the present sequences, from 0 */
    int loops;              /* of the core, that run … */
    int from;               /* … and their first application, behind the prelude's last; it reads what that left */
    int below;              /* the first application in which z has a say; what those before it leave serves many z */
    int ready;              /* the first of them that is not as the forward pass left it … */
    bool begun;             /* … and whether that at `below` has begun */
    int prepared_sequences; /* what products are ready for */
    int prepared_length;
    bool well;               /* the present group could be begun */
    struct ltm_error failed; /* the first that could not; its code is LTM_OK where there was none */
    struct bf16_work *work;  /* for products in bf16; NULL where they are in fp32 */
    struct linear *products; /* the decoder's with backlogs, between chunks that have gradients; else NULL */
    struct pass_exits exits; /* of positions from loops */
};

/* Does the application keep its state in room that others like it write to? */
bool decoder_pass_shares(const struct decoder_pass *pass, int application);

/* Floats of io.values. */
size_t decoder_pass_values(const struct stage_shape *shape);
