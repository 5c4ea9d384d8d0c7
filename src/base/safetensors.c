#include "base/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include "ltm/printable.h"

/* The published library refuses longer headers as well. */
#define HEADER_MOST ((uint64_t)100000000)
enum { NAME_MOST = 1000 };

#define METADATA "__metadata__"

struct safetensors {
    struct file_map map;
    json_t *header; /* owns all names and metadata */
    const unsigned char *data;
    size_t data_bytes;
    struct safetensors_tensor *tensors; /* in order of the data */
    size_t count;
    char path[1024];
};

static const struct dtype {
    const char *name;
    enum safetensors_type type;
    size_t bytes;
} dtypes[] = {
    {"F32", SAFETENSORS_F32, 4},    {"F64", SAFETENSORS_F64, 8},       {"I32", SAFETENSORS_I32, 4},
    {"I64", SAFETENSORS_I64, 8},    {"F16", SAFETENSORS_OTHER, 2},     {"BF16", SAFETENSORS_OTHER, 2},
    {"U8", SAFETENSORS_OTHER, 1},   {"I8", SAFETENSORS_OTHER, 1},      {"U16", SAFETENSORS_OTHER, 2},
    {"I16", SAFETENSORS_OTHER, 2},  {"U32", SAFETENSORS_OTHER, 4},     {"U64", SAFETENSORS_OTHER, 8},
    {"BOOL", SAFETENSORS_OTHER, 1}, {"F8_E4M3", SAFETENSORS_OTHER, 1}, {"F8_E5M2", SAFETENSORS_OTHER, 1},
};

enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

static const struct dtype *dtype_named(const char *name) {
    for (size_t i = 0; i < DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0) return &dtypes[i];
    return NULL;
}

static const struct dtype *dtype_of(enum safetensors_type type) {
    return type < SAFETENSORS_OTHER ? &dtypes[type] : NULL; /* the table begins in the enum's order */
}

/* Names are printed and may be used as paths. */
static bool name_is_clean(const char *name) {
    char shown[NAME_MOST + 1];
    return *name && strlen(name) <= NAME_MOST && strcmp(ltm_printable(shown, sizeof shown, name), name) == 0 &&
           !strstr(name, "../");
}

/* Bytes of `rank` dimensions; false if that is not a valid size. */
static bool size_of_shape(const int64_t *shape, int rank, size_t item, size_t *bytes) {
    *bytes = item;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0) return false;
        if (__builtin_mul_overflow(*bytes, (size_t)shape[i], bytes)) return false;
    }
    return true;
}

static ltm_status damaged(const struct safetensors *file, const char *tensor, const char *what,
                          struct ltm_error *error) {
    return fail(error, LTM_CORRUPT, "%s is damaged or not a safetensors file: tensor \"%.100s\" %s", file->path, tensor,
                what);
}

static ltm_status read_shape(struct safetensors_tensor *tensor, const json_t *shape, const struct safetensors *file,
                             struct ltm_error *error) {
    if (!json_is_array(shape)) return damaged(file, tensor->name, "has no shape", error);
    if (json_array_size(shape) > SAFETENSORS_MAX_RANK)
        return damaged(file, tensor->name, "has more than 8 dimensions", error);
    tensor->rank = (int)json_array_size(shape);
    for (int i = 0; i < tensor->rank; i++) {
        const json_t *dimension = json_array_get(shape, (size_t)i);
        if (!json_is_integer(dimension) || json_integer_value(dimension) < 0)
            return damaged(file, tensor->name, "has an invalid dimension", error);
        tensor->shape[i] = json_integer_value(dimension);
    }
    return LTM_OK;
}

static ltm_status read_tensor(struct safetensors_tensor *tensor, const char *name, const json_t *entry,
                              const struct safetensors *file, struct ltm_error *error) {
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    *tensor = (struct safetensors_tensor){.name = name};
    if (!name_is_clean(name))
        return damaged(file, "",
                       "has an invalid name: it is empty, longer than 1000 bytes, or "
                       "contains control characters or ../",
                       error);
    if (!type) return damaged(file, name, "has no dtype", error);
    const struct dtype *dtype = dtype_named(type);
    if (!dtype)
        return fail(error, LTM_UNSUPPORTED, "%s: tensor \"%.100s\" has the unknown dtype \"%.20s\"", file->path, name,
                    type);
    tensor->type = dtype->type;
    PASS_UP(read_shape(tensor, json_object_get(entry, "shape"), file, error));
    const json_t *from = json_array_get(offsets, 0);
    const json_t *to = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return damaged(file, name, "has no data_offsets pair", error);
    int64_t begin = json_integer_value(from);
    int64_t end = json_integer_value(to);
    if (begin < 0 || end < begin || (uint64_t)end > file->data_bytes)
        return damaged(file, name, "lies outside the file, which may be truncated", error);
    if (!size_of_shape(tensor->shape, tensor->rank, dtype->bytes, &tensor->bytes) ||
        tensor->bytes != (size_t)(end - begin))
        return damaged(file, name, "has a shape that does not match its bytes", error);
    tensor->data = file->data + begin;
    return LTM_OK;
}

static ltm_status check_metadata(json_t *metadata, const struct safetensors *file, struct ltm_error *error) {
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return fail(error, LTM_CORRUPT, "%s is damaged: its " METADATA " is not an object", file->path);
    json_object_foreach(metadata, key, value) if (!json_is_string(value)) return fail(
        error, LTM_CORRUPT, "%s is damaged: the value of \"%.100s\" in " METADATA " is not a string", file->path, key);
    return LTM_OK;
}

/* By place; an empty tensor before the one that begins where it stands. */
static int compare_places(const void *a, const void *b) {
    const struct safetensors_tensor *x = a;
    const struct safetensors_tensor *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* Each byte of the data belongs to one tensor. */
static ltm_status check_cover(const struct safetensors *file, struct ltm_error *error) {
    const unsigned char *at = file->data;
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_tensor *tensor = &file->tensors[i];
        if ((const unsigned char *)tensor->data < at)
            return damaged(file, tensor->name, "overlaps the one before it", error);
        if ((const unsigned char *)tensor->data > at)
            return damaged(file, tensor->name, "does not follow the one before it", error);
        at += tensor->bytes;
    }
    if (at != file->data + file->data_bytes)
        return fail(error, LTM_CORRUPT, "%s is damaged: %zu bytes at its end belong to no tensor", file->path,
                    (size_t)(file->data + file->data_bytes - at));
    return LTM_OK;
}

static ltm_status read_header(struct safetensors *file, struct ltm_error *error) {
    uint64_t length = 0;
    if (file->map.size < 8)
        return fail(error, LTM_CORRUPT, "%s is not a safetensors file: it has only %zu bytes", file->path,
                    file->map.size);
    for (int i = 7; i >= 0; i--) length = length << 8 | file->map.data[i];
    if (length > HEADER_MOST || length > file->map.size - 8)
        return fail(error, LTM_CORRUPT, "%s is damaged or not a safetensors file: a header of %llu bytes does not fit",
                    file->path, (unsigned long long)length);
    const ltm_status status =
        json_read(&file->header, (const char *)file->map.data + 8, (size_t)length, JSON_REJECT_DUPLICATES, error);
    if (status == LTM_CORRUPT)
        return fail_within(error, status, "%s is damaged or not a safetensors file: its header is not a JSON object",
                           file->path);
    if (status != LTM_OK) return status;
    if (!json_is_object(file->header))
        return fail(error, LTM_CORRUPT, "%s is damaged or not a safetensors file: its header is not a JSON object",
                    file->path);
    file->data = file->map.data + 8 + length;
    file->data_bytes = file->map.size - 8 - (size_t)length;
    return LTM_OK;
}

static ltm_status read_entries(struct safetensors *file, struct ltm_error *error) {
    const char *name;
    json_t *entry;
    PASS_UP(NEW_ARRAY(file->tensors, json_object_size(file->header), "the list of tensors", error));
    json_object_foreach(file->header, name, entry) {
        if (strcmp(name, METADATA) == 0)
            PASS_UP(check_metadata(entry, file, error));
        else
            PASS_UP(read_tensor(&file->tensors[file->count++], name, entry, file, error));
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, compare_places);
    return check_cover(file, error);
}

ltm_status safetensors_open(struct safetensors **opened, const char *path, struct ltm_error *error) {
    ltm_status status;
    *opened = NULL;
    struct safetensors *file = calloc(1, sizeof *file);
    if (!file) return fail_memory(error, sizeof *file, path);
    snprintf(file->path, sizeof file->path, "%s", path);
    TRY(file_map(&file->map, path, error));
    TRY(read_header(file, error));
    TRY(read_entries(file, error));
    *opened = file;
    return LTM_OK;
cleanup:
    safetensors_close(file);
    return status;
}

void safetensors_close(struct safetensors *file) {
    if (!file) return;
    free(file->tensors);
    json_decref(file->header);
    file_unmap(&file->map);
    free(file);
}

size_t safetensors_count(const struct safetensors *file) { return file->count; }

const struct safetensors_tensor *safetensors_at(const struct safetensors *file, size_t index) {
    return &file->tensors[index];
}

const char *safetensors_dtype(const struct safetensors *file, size_t index) {
    return json_string_value(json_object_get(json_object_get(file->header, file->tensors[index].name), "dtype"));
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name) {
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

const char *safetensors_metadata(const struct safetensors *file, const char *key) {
    return json_string_value(json_object_get(json_object_get(file->header, METADATA), key));
}

ltm_status safetensors_check_place(const char *path, const char *format, const char *name, const char *kind,
                                   struct ltm_error *error) {
    struct safetensors *old = NULL;
    struct ltm_error reason = {0};
    struct stat info;
    if (stat(path, &info) != 0 || info.st_size == 0 || !S_ISREG(info.st_mode)) return LTM_OK;
    const ltm_status status = safetensors_open(&old, path, &reason);
    if (status == LTM_MEMORY) return fail_with(error, &reason);
    const char *its = status == LTM_OK && old ? safetensors_metadata(old, "format") : NULL;
    const bool ours = its && strcmp(its, format) == 0;
    safetensors_close(old);
    if (ours) return LTM_OK;
    return fail(error, LTM_INVALID,
                "%s = %s exists and is not a %s; it stays as it is: name another file, or remove it", name, path, kind);
}

void safetensors_each_metadata(const struct safetensors *file,
                               void (*visit)(void *user, const char *key, const char *value), void *user) {
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(file->header, METADATA), key, value) visit(user, key, json_string_value(value));
}

static void print_shape(char *text, size_t size, const int64_t *shape, int rank) {
    size_t used = (size_t)snprintf(text, size, "(");
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)shape[i]);
    if (used < size) snprintf(text + used, size - used, ")");
}

ltm_status safetensors_expect(const struct safetensors *file, const char *name, enum safetensors_type type, int rank,
                              const int64_t *shape, const void **data, struct ltm_error *error) {
    const struct safetensors_tensor *tensor = safetensors_find(file, name);
    const struct dtype *dtype = dtype_of(type);
    *data = NULL;
    if (!dtype) return fail(error, LTM_INVALID, "%s: only F32, F64, I32 and I64 can be read", file->path);
    if (!tensor) return fail(error, LTM_CORRUPT, "%s contains no tensor \"%s\"", file->path, name);
    if (tensor->type != type)
        return fail(error, LTM_CORRUPT, "%s: tensor \"%s\" is %s, not %s", file->path, name,
                    safetensors_dtype(file, (size_t)(tensor - file->tensors)), dtype->name);
    if (tensor->rank != rank || (rank && memcmp(tensor->shape, shape, (size_t)rank * sizeof *shape) != 0)) {
        char has[192];
        char wanted[192];
        print_shape(has, sizeof has, tensor->shape, tensor->rank);
        print_shape(wanted, sizeof wanted, shape, rank);
        return fail(error, LTM_CORRUPT, "%s: tensor \"%s\" has the shape %s, not %s", file->path, name, has, wanted);
    }
    /* Legal in the format, but no known library writes it: reading such numbers in place would be undefined
     * behaviour. */
    if ((uintptr_t)tensor->data % dtype->bytes)
        return fail(error, LTM_UNSUPPORTED, "%s: tensor \"%s\" is not aligned to %zu bytes; write the file again",
                    file->path, name, dtype->bytes);
    /* A caller that reads the tensors in order has copied the earlier ones: their pages need not stay in memory, and
     * are read again from the file if needed. */
    madvise((void *)file->map.data, file->map.size, MADV_DONTNEED);
    *data = tensor->data;
    return LTM_OK;
}

/* Add "name": {dtype, shape, data_offsets} to the header; *offset moves to the tensor's end. */
static ltm_status add_entry(json_t *header, const struct safetensors_tensor *tensor, size_t *offset, const char *path,
                            struct ltm_error *error) {
    const struct dtype *dtype = dtype_of(tensor->type);
    size_t bytes;
    if (!dtype)
        return fail(error, LTM_INVALID, "cannot write %s: tensor \"%s\" has an unsupported type", path, tensor->name);
    if (!name_is_clean(tensor->name) || strcmp(tensor->name, METADATA) == 0 || json_object_get(header, tensor->name))
        return fail(error, LTM_INVALID, "cannot write %s: the tensor name \"%s\" is invalid or used twice", path,
                    tensor->name);
    if (tensor->rank < 0 || tensor->rank > SAFETENSORS_MAX_RANK ||
        !size_of_shape(tensor->shape, tensor->rank, dtype->bytes, &bytes) || (tensor->bytes && tensor->bytes != bytes))
        return fail(error, LTM_INVALID, "cannot write %s: the shape of tensor \"%s\" does not match its bytes", path,
                    tensor->name);
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++) json_array_append_new(shape, json_integer(tensor->shape[i]));
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype->name, "shape", shape, "data_offsets",
                              (json_int_t)*offset, (json_int_t)(*offset + bytes));
    *offset += bytes;
    if (json_object_set_new(header, tensor->name, entry) != 0)
        return json_fail_memory("a header, or a name is not UTF-8", error);
    return LTM_OK;
}

static ltm_status write_tensors(struct file_draft *draft, const struct safetensors_tensor *tensors, size_t count,
                                size_t item, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (size_t i = 0; i < count && status == LTM_OK; i++) {
        const struct dtype *dtype = dtype_of(tensors[i].type);
        size_t bytes;
        if (dtype->bytes != item || !size_of_shape(tensors[i].shape, tensors[i].rank, item, &bytes)) continue;
        status = file_write(draft, tensors[i].data, bytes, error);
    }
    return status;
}

/* The length, the header, and spaces up to a multiple of 64 bytes. */
static ltm_status write_header(struct file_draft *draft, const char *text, struct ltm_error *error) {
    static const char spaces[] = "                                                                ";
    unsigned char prefix[8];
    size_t length = strlen(text);
    size_t padding = (64 - (8 + length) % 64) % 64;
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)((uint64_t)(length + padding) >> (8 * i));
    PASS_UP(file_write(draft, prefix, sizeof prefix, error));
    PASS_UP(file_write(draft, text, length, error));
    return file_write(draft, spaces, padding, error);
}

static ltm_status build_header(char **text, const char *path, const struct safetensors_tensor *tensors, size_t count,
                               const struct safetensors_pair *metadata, size_t pairs, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    size_t offset = 0;
    json_t *header = json_object();
    json_t *meta = json_object();
    for (size_t i = 0; i < pairs; i++) {
        if (json_object_set_new(meta, metadata[i].key, json_string(metadata[i].value)) == 0) continue;
        if ((status = json_memory(path, error)) == LTM_OK)
            status =
                fail(error, LTM_INVALID, "cannot write %s: the metadata \"%s\" is not UTF-8", path, metadata[i].key);
        goto cleanup;
    }
    if (pairs) json_object_set(header, METADATA, meta);
    for (size_t item = 8; item >= 4; item -= 4)
        for (size_t i = 0; i < count; i++)
            if (!dtype_of(tensors[i].type) || dtype_of(tensors[i].type)->bytes == item)
                TRY(add_entry(header, &tensors[i], &offset, path, error));
    *text = json_text(header, JSON_COMPACT);
    if (!*text) status = fail(error, LTM_MEMORY, "cannot write %s: out of memory for its header", path);
cleanup:
    json_decref(meta);
    json_decref(header);
    return status;
}

ltm_status safetensors_write_data(const char *path, const struct safetensors_tensor *tensors, size_t count,
                                  const struct safetensors_pair *metadata, size_t pairs, safetensors_data_fn write,
                                  void *user, struct ltm_error *error) {
    struct file_draft draft = {0};
    char *text = NULL;
    ltm_status status = build_header(&text, path, tensors, count, metadata, pairs, error);
    if (status != LTM_OK) return status;
    TRY(file_create(&draft, path, error));
    TRY(write_header(&draft, text, error));
    TRY(write(user, &draft, error));
    free(text);
    return file_commit(&draft, error);
cleanup:
    file_discard(&draft);
    free(text);
    return status;
}

struct tensor_list {
    const struct safetensors_tensor *tensors;
    size_t count;
};

static ltm_status write_list(void *user, struct file_draft *draft, struct ltm_error *error) {
    const struct tensor_list *list = user;
    ltm_status status = write_tensors(draft, list->tensors, list->count, 8, error);
    return status == LTM_OK ? write_tensors(draft, list->tensors, list->count, 4, error) : status;
}

ltm_status safetensors_write(const char *path, const struct safetensors_tensor *tensors, size_t count,
                             const struct safetensors_pair *metadata, size_t pairs, struct ltm_error *error) {
    struct tensor_list list = {tensors, count};
    return safetensors_write_data(path, tensors, count, metadata, pairs, write_list, &list, error);
}
