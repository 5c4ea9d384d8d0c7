/* Approximately the nearest orthogonal matrix: every singular value of X moves close to 1, and the singular vectors
 * stay.
 *
 *     X ← X / ‖X‖;   five times   X ← a X + (b A + c A²) X,   A = X Xᵀ,   (a, b, c) = (3.4445, -4.7750, 2.0315)
 *
 * a quintic Newton–Schulz iteration whose coefficients make small singular values grow fastest: those above about .002 of the norm end
 * between .68 and 1.13 (Jordan et al., "Muon", 2024). A uses the smaller side of X. Single-threaded, by the products of
 * math/matmul.h: the bits depend on X and its shape alone. */
#pragma once

#include <stddef.h>

/* Floats of scratch for a matrix (rows, columns). */
size_t orthogonalise_scratch(int rows, int columns);

/* Operations of these products. */
double orthogonalise_flops(int rows, int columns);

/* x (rows, columns), in place. A matrix of zeros stays one. */
void orthogonalise(float *x, int rows, int columns, float *scratch);
