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

bool text_ends_with(const char *text, const char *end) {
    size_t have = strlen(text);
    size_t want = strlen(end);
    return have > want && strcmp(text + have - want, end) == 0;
}

/* True when the name ends in one of the words of the list, and the .gz of a packed one behind it. */
static bool is_as_text(const char *path, const char *list, bool gzip) {
    static const char between[] = ", ";
    for (const char *word = list; word && *(word += strspn(word, between)); word += strcspn(word, between)) {
        char end[64];
        snprintf(end, sizeof end, "%.*s%s", (int)strcspn(word, between), word, gzip ? ".gz" : "");
        if (text_ends_with(path, end)) return true;
    }
    return false;
}

/* True when the name says that the file is one of the four kinds, or to be taken for text. */
static bool kind_of(const struct text_files *files, const char *path, bool *json, bool *gzip) {
    *gzip = text_ends_with(path, ".gz");
    *json = text_ends_with(path, *gzip ? ".jsonl.gz" : ".jsonl");
    return *json || text_ends_with(path, *gzip ? ".txt.gz" : ".txt") || is_as_text(path, files->as_text, *gzip);
}

static ltm_status add_file(struct text_files *files, const char *path, const struct stat *info,
                           struct ltm_error *error) {
    PASS_UP(GROW_ARRAY(files->all, files->room, files->count + 1, "the list of text files", error));
    struct text_file *file = &files->all[files->count];
    *file =
        (struct text_file){.path = strdup(path), .size = info->st_size, .device = info->st_dev, .inode = info->st_ino};
    if (!file->path) return fail_memory(error, strlen(path), "a path");
    kind_of(files, path, &file->json, &file->gzip);
    files->count++;
    files->size += info->st_size;
    return LTM_OK;
}

/* In a folder: what is not read there is counted, and the first named. */
static ltm_status leave_out(struct text_files *files, const char *path, struct ltm_error *error) {
    if (files->left_out++ > 0) return LTM_OK;
    files->left = strdup(path);
    return files->left ? LTM_OK : fail_memory(error, strlen(path), "a path");
}

/* What lies in a folder, folders in it too. Hidden ones are a program's: copies that an editor keeps, what a system notes of a file. */
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
                        "%s leads back to %s, the folder that it lies in; remove that link, or name what is to be read",
                        folder, above->path);
    TRY(folder_list(&names, &count, folder, error));
    for (size_t i = 0; i < count; i++) {
        char path[4096];
        bool json, gzip;
        struct stat info;
        if (names[i][0] == '.') continue;
        TRY(path_join(path, sizeof path, folder, names[i], error));
        if (stat(path, &info) != 0) {
            if (!kind_of(files, path, &json, &gzip)) continue; /* a dead link to something else */
            TRY(fail(error, LTM_IO, "cannot read %s: %s", path, strerror(errno)));
        }
        if (S_ISDIR(info.st_mode))
            TRY(add_folder(files, path, &info, &here, error));
        else if (S_ISREG(info.st_mode) && kind_of(files, path, &json, &gzip))
            TRY(add_file(files, path, &info, error));
        else
            TRY(leave_out(files, path, error));
    }
cleanup:
    folder_list_free(names, count);
    return status;
}

static ltm_status add_path(struct text_files *files, const char *path, struct ltm_error *error) {
    bool json, gzip;
    struct stat info;
    if (stat(path, &info) != 0) return fail(error, LTM_IO, "cannot read %s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        size_t before = files->count;
        ltm_status status = add_folder(files, path, &info, NULL, error);
        if (status == LTM_OK && files->count == before)
            status =
                fail(error, LTM_INVALID,
                     "folder %s holds no .txt, .txt.gz, .jsonl or .jsonl.gz file (hidden ones are not read; --as-text "
                     "takes other names)",
                     path);
        return status;
    }
    if (!S_ISREG(info.st_mode))
        return fail(error, LTM_INVALID, "%s is not a regular file, and must be read twice", path);
    if (!kind_of(files, path, &json, &gzip))
        return fail(error, LTM_INVALID,
                    "%s is no text file by its name: it must end in .txt, .txt.gz, .jsonl or .jsonl.gz, or in what "
                    "--as-text names",
                    path);
    return add_file(files, path, &info, error);
}

/* Which file one of the list is. */
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

/* Leave out what is there a second time. */
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
    *files = (struct text_files){.as_text = input->as_text};
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
            status = fail(error, LTM_INVALID, "%s is to be read and to be written; name another file for the result",
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
