/* What the fuzz targets share.
 *
 * A target is a test, test_NAME.c, that hands bytes to the real readers and looks at what they give. It defines
 * LLVMFuzzerTestOneInput, libFuzzer's entry. `make fuzz` links it with libFuzzer; any other build has a main (replay.h) that
 * replays seeds/NAME/ — seeds and every input that once found a fault — and then mutations of them, the same ones every
 * time.
 *
 * Readers take paths: files lie in a folder of the process's own, in memory where there is /dev/shm. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "ltm/printable.h"
#include "ltm/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold; a fault is a crash, which a fuzzer keeps the input of. */
#define FUZZ_CHECK(holds)                                                                   \
    do {                                                                                    \
        if (!(holds)) {                                                                     \
            fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #holds); \
            abort();                                                                        \
        }                                                                                   \
    } while (0)

static char fuzz_folder_path[256];

static inline void fuzz_folder_remove(void) { folder_remove(fuzz_folder_path, NULL); }

static inline const char *fuzz_folder(void) {
    if (!fuzz_folder_path[0]) {
        const char *scratch = getenv("TMPDIR");
        const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : scratch ? scratch : "/tmp";
        snprintf(fuzz_folder_path, sizeof fuzz_folder_path, "%.200s/ltm-fuzz-XXXXXX", root);
        FUZZ_CHECK(mkdtemp(fuzz_folder_path));
        atexit(fuzz_folder_remove);
    }
    return fuzz_folder_path;
}

/* FOLDER/name; eight of them live at a time. */
static inline const char *fuzz_path(const char *name) {
    static char paths[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", fuzz_folder(), name);
    return paths[turn];
}

static inline const char *fuzz_put(const char *name, const void *data, size_t bytes) {
    const char *path = fuzz_path(name);
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file && fwrite(data, 1, bytes, file) == bytes);
    FUZZ_CHECK(fclose(file) == 0);
    return path;
}

/* An input of several files: each but the last ends at the first record separator (0x1E). */
struct fuzz_part {
    const uint8_t *data;
    size_t size;
};

static inline struct fuzz_part fuzz_part(const uint8_t **data, size_t *size) {
    const uint8_t *end = *size ? memchr(*data, 0x1E, *size) : NULL;
    const struct fuzz_part part = {*data, end ? (size_t)(end - *data) : *size};
    const size_t taken = part.size + (end ? 1 : 0);
    *data += taken;
    *size -= taken;
    return part;
}

/* A failure says what is wrong, in one line that a terminal can be shown; success says nothing. */
static inline bool fuzz_ok(ltm_status status, const struct ltm_error *error) {
    if (status == LTM_OK) return true;
    FUZZ_CHECK(error->message[0]);
    FUZZ_CHECK(strlen(error->message) < sizeof error->message);
    char shown[sizeof error->message];
    FUZZ_CHECK(strcmp(ltm_printable(shown, sizeof shown, error->message), error->message) == 0);
    FUZZ_CHECK(status != LTM_MEMORY); /* no small file asks for more memory than there is */
    return false;
}

#ifndef LTM_LIBFUZZER
#include "fuzz/replay.h"
#endif

#endif
