#include "text/corpus_install.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "text/corpus_info.h"

/* Files that builds write. Anything else in a folder is the user's, and may be the only copy. */
#define OWN_NAMES "^(corpus\\.json|tokenizer\\.model|(train|heldout)-[0-9]{5,}\\.bin)(\\.[0-9]+-[0-9]+\\.tmp)?$"

static bool is_folder(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The path of something in the folder that was not written by a build, or "". */
static ltm_status find_foreign(char *path, size_t size, size_t *count, const char *folder, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char **names = NULL;
    regex_t own;
    *path = 0;
    *count = 0;
    if (regcomp(&own, OWN_NAMES, REG_EXTENDED | REG_NOSUB) != 0) return fail_memory(error, 0, "a pattern of names");
    TRY(folder_list(&names, count, folder, error));
    for (size_t i = 0; i < *count; i++) {
        TRY(path_join(path, size, folder, names[i], error));
        if (is_folder(path) || regexec(&own, names[i], 0, NULL, 0) != 0) break;
        *path = 0;
    }
cleanup:
    folder_list_free(names, names ? *count : 0);
    regfree(&own);
    return status;
}

/* These may be replaced: nothing, an empty folder, or a corpus and nothing else. */
static ltm_status check_place(const char *path, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct ltm_corpus_info info;
    struct ltm_error reason = {0};
    char foreign[SHARD_PATH_MAX];
    size_t count;
    bool known;
    if (access(path, F_OK) != 0) return LTM_OK;
    if (!folder_exists(path)) return fail(error, LTM_INVALID, "%s exists and is not a folder; choose another", path);
    TRY(find_foreign(foreign, sizeof foreign, &count, path, error));
    if (count == 0) return LTM_OK;
    status = corpus_info_find(&info, &known, path, &reason);
    if (status == LTM_MEMORY) return fail_with(error, &reason);
    if (status != LTM_OK || !known)
        return fail(error, LTM_INVALID, "folder %s exists and contains no corpus%s%s; choose another or remove it",
                    path, status != LTM_OK ? ": " : "", reason.message);
    if (*foreign)
        return fail(error, LTM_INVALID,
                    "%s is not part of the corpus in that folder, which the new corpus replaces; move "
                    "it elsewhere, or choose another folder",
                    foreign);
cleanup:
    return status;
}

/* The same for the folder beside it, which is emptied before a build. */
static ltm_status check_leftovers(const char *path, struct ltm_error *error) {
    char foreign[SHARD_PATH_MAX];
    size_t count;
    if (!folder_exists(path)) return LTM_OK;
    ltm_status status = find_foreign(foreign, sizeof foreign, &count, path, error);
    if (status != LTM_OK || !*foreign) return status;
    return fail(error, LTM_INVALID, "%s is in a folder that the build would empty; move it elsewhere", foreign);
}

static ltm_status name_draft(struct corpus_draft *draft, const char *path, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    size_t length = path ? strlen(path) : 0;
    *draft = (struct corpus_draft){.lock = -1};
    while (length > 1 && path[length - 1] == '/') length--;
    if (length == 0 || length > CORPUS_PATH_MAX)
        return fail(error, LTM_INVALID, "the corpus folder's name must have 1 to %d bytes", CORPUS_PATH_MAX);
    snprintf(draft->path, sizeof draft->path, "%.*s", (int)length, path);
    snprintf(draft->draft, sizeof draft->draft, "%.*s.building", (int)length, path);
    TRY(check_place(draft->path, error));
    TRY(check_leftovers(draft->draft, error));
    return LTM_OK;
cleanup:
    draft->draft[0] = 0;
    return status;
}

ltm_status corpus_place_check(const char *path, struct ltm_error *error) {
    struct corpus_draft draft;
    return name_draft(&draft, path, error);
}

static void unlock_draft(struct corpus_draft *draft) {
    if (draft->lock >= 0) close(draft->lock);
    draft->lock = -1;
}

static ltm_status lock_draft(struct corpus_draft *draft, struct ltm_error *error) {
    draft->lock = open(draft->draft, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (draft->lock < 0) return fail(error, LTM_IO, "cannot open %s: %s", draft->draft, strerror(errno));
    if (flock(draft->lock, LOCK_EX | LOCK_NB) == 0) return LTM_OK;
    unlock_draft(draft);
    return fail(error, LTM_INVALID, "another process is building in %s; wait for it, or choose another folder",
                draft->draft);
}

ltm_status corpus_draft_create(struct corpus_draft *draft, const char *path, struct ltm_error *error) {
    ltm_status status = name_draft(draft, path, error);
    if (status != LTM_OK) return status;
    if (folder_exists(draft->draft)) status = lock_draft(draft, error);
    if (status == LTM_OK && draft->lock >= 0) status = folder_remove(draft->draft, error);
    unlock_draft(draft);
    if (status == LTM_OK) status = folder_create(draft->draft, error);
    if (status == LTM_OK) status = lock_draft(draft, error);
    if (status != LTM_OK) draft->draft[0] = 0; /* it belongs to another build */
    return status;
}

static ltm_status fail_install(const struct corpus_draft *draft, struct ltm_error *error) {
    return fail(error, LTM_IO, "cannot put the new corpus at %s: %s", draft->path, strerror(errno));
}

/* Swaps the two folders atomically if the file system can; otherwise moves the old one aside first. */
static ltm_status swap(struct corpus_draft *draft, struct ltm_error *error) {
    if (renameat2(AT_FDCWD, draft->draft, AT_FDCWD, draft->path, RENAME_EXCHANGE) == 0) return LTM_OK;
    char aside[sizeof draft->path + 8];
    snprintf(aside, sizeof aside, "%s.old", draft->path);
    if (rename(draft->path, aside) != 0) return fail_install(draft, error);
    if (rename(draft->draft, draft->path) != 0) {
        ltm_status status = fail_install(draft, error);
        (void)!rename(aside, draft->path);
        return status;
    }
    (void)!rename(aside, draft->draft); /* where the caller removes it */
    return LTM_OK;
}

/* Removes the draft's folder, unless it contains other files. */
static ltm_status remove_draft(struct corpus_draft *draft, char *foreign, size_t size) {
    size_t count;
    *foreign = 0;
    if (!folder_exists(draft->draft)) return LTM_OK;
    ltm_status status = find_foreign(foreign, size, &count, draft->draft, NULL);
    return status != LTM_OK || *foreign ? status : folder_remove(draft->draft, NULL);
}

ltm_status corpus_draft_commit(struct corpus_draft *draft, struct ltm_error *error) {
    ltm_status status = folder_sync(draft->draft, error);
    char foreign[SHARD_PATH_MAX];
    if (status != LTM_OK) return status;
    if (!folder_exists(draft->path)) {
        if (rename(draft->draft, draft->path) != 0) return fail_install(draft, error);
        unlock_draft(draft);
        return LTM_OK;
    }
    PASS_UP(swap(draft, error));
    unlock_draft(draft);
    (void)remove_draft(draft, foreign, sizeof foreign); /* the old one */
    draft->draft[0] = 0;
    if (!*foreign) return LTM_OK;
    return fail(error, LTM_INVALID,
                "the new corpus is at %s, but %s was added to the old one meanwhile; move it elsewhere", draft->path,
                foreign);
}

void corpus_draft_discard(struct corpus_draft *draft) {
    char foreign[SHARD_PATH_MAX];
    unlock_draft(draft);
    if (draft->draft[0]) (void)remove_draft(draft, foreign, sizeof foreign);
    draft->draft[0] = 0;
}
