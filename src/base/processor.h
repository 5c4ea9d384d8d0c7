/* The features of this processor that the speed of matrix products depends on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* True if the processor has the instructions and the operating system saves their registers. */
struct processor {
    bool avx, avx2;   /* avx2: with FMA */
    bool avx512;      /* F, CD, BW, DQ and VL, as a server has had them since Skylake */
    bool avx512_bf16; /* products of bf16 with fp32 sums */
    bool amx_bf16;    /* the same on tiles */
    bool neon, sve, neon_bf16;
};

void processor_read(struct processor *processor);

/* Its name, as the maker writes it; "unknown" if it is not available. */
void processor_name(char *name, size_t size);

/* "avx2 avx512 …", those that it has. */
void processor_instructions(char *text, size_t size, const struct processor *processor);

/* Does it multiply bf16 faster than fp32? */
bool processor_has_bf16(const struct processor *processor);
