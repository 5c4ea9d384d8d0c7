#include "text/text_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/memory.h"

enum { FOLDERS_DEEP = 64 };

/* A folder, and the one that it was found in. */
struct place {
    const char *path;
    dev_t device;
    ino_t inode;
    const struct place *parent;
    int depth;
};

/* `name` says what is in it. */
static ltm_status add_file(struct text_files *files, const char *path, const char *name, const struct stat *info,
                           struct ltm_error *error) {
    PASS_UP(GROW_ARRAY(files->all, files->room, files->count + 1, "the list of text files", error));
    struct text_file *file = &files->all[files->count];
    *file =
        (struct text_file){.path = strdup(path), .size = info->st_size, .device = info->st_dev, .inode = info->st_ino};
    if (!file->path) return fail_memory(error, strlen(path), "a path");
    file->kind = text_kind_of(name, files->input, &file->packing);
    files->count++;
    files->size += info->st_size;
    return LTM_OK;
}

/* In a folder: counts the files that are not read and names the first. */
static ltm_status leave_out(struct text_files *files, const char *path, struct ltm_error *error) {
    if (files->left_out++ > 0) return LTM_OK;
    files->left = strdup(path);
    return files->left ? LTM_OK : fail_memory(error, strlen(path), "a path");
}

/* The contents of a folder and its subfolders. Hidden files belong to programs: backup copies of editors, file
 * metadata. */
static ltm_status add_folder(struct text_files *files, const char *folder, const struct stat *seen,
                             const struct place *parent, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char **names = NULL;
    size_t count = 0;
    const struct place here = {folder, seen->st_dev, seen->st_ino, parent, parent ? parent->depth + 1 : 0};
    if (here.depth > FOLDERS_DEEP)
        return fail(error, LTM_INVALID, "folder %s is more than %d folders deep", folder, FOLDERS_DEEP);
    for (const struct place *above = parent; above; above = above->parent)
        if (above->device == here.device && above->inode == here.inode)
            return fail(error, LTM_INVALID,
                        "%s links back to %s, the folder that contains it; remove that link, or name the files to read",
                        folder, above->path);
    TRY(folder_list(&names, &count, folder, error));
    for (size_t i = 0; i < count; i++) {
        char path[4096];
        const struct text_packing *packing;
        struct stat info;
        if (names[i][0] == '.') continue;
        TRY(path_join(path, sizeof path, folder, names[i], error));
        if (stat(path, &info) != 0) {
            if (text_kind_of(path, files->input, &packing) == TEXT_NONE) continue; /* a dead link to something else */
            TRY(fail(error, LTM_IO, "cannot read %s: %s", path, strerror(errno)));
        }
        if (S_ISDIR(info.st_mode))
            TRY(add_folder(files, path, &info, &here, error));
        else if (S_ISREG(info.st_mode) && text_kind_of(path, files->input, &packing) != TEXT_NONE)
            TRY(add_file(files, path, path, &info, error));
        else
            TRY(leave_out(files, path, error));
    }
cleanup:
    folder_list_free(names, count);
    return status;
}

static ltm_status refuse_kind(const char *path, struct ltm_error *error) {
    if (text_is_parquet(path))
        return fail(error, LTM_INVALID,
                    "%s is Parquet, which ltm does not read; convert it: python3 -c 'import pandas, sys; "
                    "pandas.read_parquet(sys.argv[1]).to_json(sys.argv[2], orient=\"records\", lines=True)' IN.parquet "
                    "OUT.jsonl",
                    path);
    return fail(error, LTM_INVALID,
                "%s does not have the name of a text file: it must end in " TEXT_NAMES ", " TEXT_PACKED_NAMES
                ", or in a suffix that --as-text gives",
                path);
}

static ltm_status add_path(struct text_files *files, const char *path, struct ltm_error *error) {
    const struct ltm_text_input *input = files->input;
    const struct text_packing *packing;
    struct stat info;
    const bool stream = strcmp(path, "-") == 0 && input->stdin_path;
    const char *name = stream ? input->stdin_name : path;
    if (stream) path = input->stdin_path;
    if (stat(path, &info) != 0) return fail(error, LTM_IO, "cannot read %s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        size_t before = files->count;
        ltm_status status = add_folder(files, path, &info, NULL, error);
        if (status == LTM_OK && files->count == before)
            status = fail(error, LTM_INVALID,
                          "folder %s contains no file that ends in " TEXT_NAMES ", " TEXT_PACKED_NAMES
                          " (hidden files are skipped; --as-text adds suffixes)",
                          path);
        return status;
    }
    if (!S_ISREG(info.st_mode))
        return fail(error, LTM_INVALID, "%s is not a regular file, but must be read twice; use - for standard input",
                    path);
    if (text_kind_of(name, input, &packing) == TEXT_NONE) return refuse_kind(name, error);
    return add_file(files, path, name, &info, error);
}

/* The identity of a file of the list. */
struct identity {
    dev_t device;
    ino_t inode;
    size_t at;
};

static int compare_identities(const void *a, const void *b) {
    const struct identity *x = a;
    const struct identity *y = b;
    if (x->device != y->device) return x->device < y->device ? -1 : 1;
    if (x->inode != y->inode) return x->inode < y->inode ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Leave out duplicates. */
static ltm_status take_once(struct text_files *files, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct identity *order = NULL;
    TRY(NEW_ARRAY(order, files->count, "the list of text files", error));
    for (size_t i = 0; i < files->count; i++)
        order[i] = (struct identity){files->all[i].device, files->all[i].inode, i};
    qsort(order, files->count, sizeof *order, compare_identities);
    for (size_t i = 1; i < files->count; i++) {
        const struct text_file *before = &files->all[order[i - 1].at];
        if (order[i].device != order[i - 1].device || order[i].inode != order[i - 1].inode) continue;
        files->all[order[i].at].again = before->again ? before->again : before->path;
    }
    size_t kept = 0;
    for (size_t i = 0; i < files->count; i++) {
        struct text_file *file = &files->all[i];
        if (!file->again) {
            files->all[kept++] = *file;
            continue;
        }
        files->size -= file->size;
        if (files->repeated++ == 0) {
            files->repeat = file->path;
            files->first = file->again;
        } else {
            free(file->path);
        }
    }
    files->count = kept;
cleanup:
    free(order);
    return status;
}

ltm_status text_files_find(struct text_files *files, const struct ltm_text_input *input, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *files = (struct text_files){.input = input};
    if (input->count == 0) return fail(error, LTM_INVALID, "no input: name text files or folders of them");
    for (size_t i = 0; i < input->heldout_count; i++) TRY(add_path(files, input->heldout_paths[i], error));
    for (size_t i = 0; i < files->count; i++) files->all[i].heldout = true;
    for (size_t i = 0; i < input->count; i++) TRY(add_path(files, input->paths[i], error));
    TRY(take_once(files, error));
    return LTM_OK;
cleanup:
    text_files_free(files);
    return status;
}

ltm_status text_files_keep(const struct ltm_text_input *input, const char *output, struct ltm_error *error) {
    struct text_files files;
    struct stat info;
    if (stat(output, &info) != 0) return LTM_OK; /* nothing is replaced */
    ltm_status status = text_files_find(&files, input, error);
    if (status != LTM_OK) return status;
    for (size_t i = 0; i < files.count && status == LTM_OK; i++)
        if (files.all[i].device == info.st_dev && files.all[i].inode == info.st_ino)
            status = fail(error, LTM_INVALID, "%s is both input and output; name another file for the result",
                          files.all[i].path);
    text_files_free(&files);
    return status;
}

void text_files_free(struct text_files *files) {
    for (size_t i = 0; i < files->count; i++) free(files->all[i].path);
    free(files->repeat);
    free(files->left);
    free(files->all);
    *files = (struct text_files){0};
}
