/* The files behind a list of paths: each path itself, or every text file in the folder it names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "ltm/text_input.h"
#include "text/text_kind.h"

struct text_file {
    char *path;
    int64_t size; /* bytes on disk */
    enum text_kind kind;
    const struct text_packing *packing; /* that its name shows; NULL = none */
    bool heldout;                       /* of input->heldout_paths */
    dev_t device;                       /* with the inode: the identity of the file under any name */
    ino_t inode;
    char *again; /* while the list is made: the path by which the same file is in it already */
};

struct text_files {
    const struct ltm_text_input *input; /* the caller's */
    struct text_file *all;
    size_t count, room;
    int64_t size;         /* of all */
    size_t repeated;      /* files that were named or linked a second time, and left out */
    char *repeat, *first; /* the first of them, and its name in the list; NULL without any */
    size_t left_out;      /* files in folders whose names are not those of text files */
    char *left;           /* the first of them; NULL without any */
};

/* The input stays the caller's, and must live as long as the list. Held-out files come first. Folders are searched to
 * any depth, in order of name; hidden entries (.name) are skipped, other files are counted. A file is taken once,
 * whatever its names: training text must not be held out. LTM_IO for a missing path, LTM_INVALID for one of another
 * kind, a folder without text files, and a link to a folder that contains it. */
ltm_status text_files_find(struct text_files *files, const struct ltm_text_input *input, struct ltm_error *error);
/* LTM_INVALID if `output` would replace one of the input's files. */
ltm_status text_files_keep(const struct ltm_text_input *input, const char *output, struct ltm_error *error);

void text_files_free(struct text_files *files);
