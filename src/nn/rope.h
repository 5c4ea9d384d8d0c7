/* Rotary positions (Su et al., 2021): in each head, the adjacent pair (2i, 2i+1) turns by position · 10000^(-2i/h). */
#pragma once

/* Fill a table (positions, head_dim): cosine and sine of pair i at [2i] and [2i+1], for positions 0, stride, 2 stride … */
void rope_table(float *table, int positions, int stride, int head_dim);

/* One row (head_dim) of it, for any position. */
void rope_row(float *row, double position, int head_dim);

/* Rotate x in place: `rows` rows, `ld` apart, whose first heads · head_dim entries are heads. Row t turns by table row
 * t mod length, forward (rope_forward) or back (rope_backward: the transpose, so a gradient's way). */
void rope_forward(float *x, int ld, int rows, int length, int heads, int head_dim, const float *table);
void rope_backward(float *dx, int ld, int rows, int length, int heads, int head_dim, const float *table);
