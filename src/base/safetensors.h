/* safetensors (https://github.com/huggingface/safetensors): u64 little-endian header length; JSON header
 * {"name": {"dtype", "shape", "data_offsets"}, …, "__metadata__": {"key": "value"}}; then the data.
 *
 * Reading maps the file and checks every count, shape and offset before use: an inconsistent file is LTM_CORRUPT.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { SAFETENSORS_MAX_RANK = 8 };

enum safetensors_type { SAFETENSORS_F32, SAFETENSORS_F64, SAFETENSORS_I32, SAFETENSORS_I64, SAFETENSORS_OTHER };

struct safetensors_tensor {
    const char *name;
    enum safetensors_type type;
    int rank;
    int64_t shape[SAFETENSORS_MAX_RANK];
    size_t bytes;     /* writing: as the shape says, or 0 */
    const void *data; /* reading: into the map; writing: the caller's */
};

/* Reading. */
struct safetensors;

ltm_status safetensors_open(struct safetensors **file, const char *path, struct ltm_error *error);
void safetensors_close(struct safetensors *file);
size_t safetensors_count(const struct safetensors *file);
const struct safetensors_tensor *safetensors_at(const struct safetensors *file,
                                                size_t index);               /* in order of the data */
const char *safetensors_dtype(const struct safetensors *file, size_t index); /* as written: "F32", "BF16" … */
const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name); /* or NULL */
const char *safetensors_metadata(const struct safetensors *file, const char *key);                   /* or NULL */

/* LTM_INVALID for a file with contents other than of this "format" of ours: a mistaken shell completion may name a shard or a checkpoint.
 * `name` begins the sentence, `kind` says what the format is. */
ltm_status safetensors_check_place(const char *path, const char *format, const char *name, const char *kind,
                                   struct ltm_error *error);

/* Calls visit for each metadata pair in the file's order. */
void safetensors_each_metadata(const struct safetensors *file,
                               void (*visit)(void *user, const char *key, const char *value), void *user);

/* The tensor called name with exactly this type and shape, or LTM_CORRUPT with a sentence that names file and
 * tensor. */
ltm_status safetensors_expect(const struct safetensors *file, const char *name, enum safetensors_type type, int rank,
                              const int64_t *shape, const void **data, struct ltm_error *error);

/* Writing: atomic (see files.h). Data is aligned to 64 bytes in the file by padding the header with spaces; tensors of
 * 8-byte numbers come first, so that every tensor is aligned to its element size. */
struct safetensors_pair {
    const char *key, *value;
};

ltm_status safetensors_write(const char *path, const struct safetensors_tensor *tensors, size_t count,
                             const struct safetensors_pair *metadata, size_t pairs, struct ltm_error *error);

/* The same for data that is not in one place: `write` is called once and writes all data with file_write, in the order
 * of the tensors, which must have one element size. */
struct file_draft;
typedef ltm_status (*safetensors_data_fn)(void *user, struct file_draft *draft, struct ltm_error *error);
ltm_status safetensors_write_data(const char *path, const struct safetensors_tensor *tensors, size_t count,
                                  const struct safetensors_pair *metadata, size_t pairs, safetensors_data_fn write,
                                  void *user, struct ltm_error *error);
