#include "text/corpus_install.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/files.h"
#include "text/shards.h"

/* What may be replaced: nothing, an empty folder, or a corpus. */
static ltm_status check_place(const char *path, struct ltm_error *error) {
    char info[SHARD_PATH_MAX], **names = NULL;
    size_t count = 0;
    if (access(path, F_OK) != 0) return LTM_OK;
    if (!folder_exists(path)) return fail(error, LTM_INVALID, "%s is there and is no folder; choose another", path);
    ltm_status status = path_join(info, sizeof info, path, CORPUS_INFO_NAME, error);
    if (status != LTM_OK || file_exists(info)) return status;
    status = folder_list(&names, &count, path, error);
    if (status != LTM_OK) return status;
    folder_list_free(names, count);
    if (count == 0) return LTM_OK;
    return fail(error, LTM_INVALID, "folder %s is there and holds no corpus; choose another or remove it", path);
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
    size_t length = path ? strlen(path) : 0;
    draft->path[0] = draft->draft[0] = 0;
    draft->lock = -1;
    while (length > 1 && path[length - 1] == '/') length--;
    if (length == 0 || length > CORPUS_PATH_MAX)
        return fail(error, LTM_INVALID, "the corpus folder's name must have 1 to %d bytes", CORPUS_PATH_MAX);
    snprintf(draft->path, sizeof draft->path, "%.*s", (int)length, path);
    ltm_status status = check_place(draft->path, error);
    if (status != LTM_OK) return status;
    snprintf(draft->draft, sizeof draft->draft, "%.*s.building", (int)length, path);
    if (folder_exists(draft->draft)) status = lock_draft(draft, error);
    if (status == LTM_OK && draft->lock >= 0) status = folder_remove(draft->draft, error);
    unlock_draft(draft);
    if (status == LTM_OK) status = folder_create(draft->draft, error);
    if (status == LTM_OK) status = lock_draft(draft, error);
    if (status != LTM_OK) draft->draft[0] = 0; /* it is somebody else's */
    return status;
}

static ltm_status fail_install(const struct corpus_draft *draft, struct ltm_error *error) {
    return fail(error, LTM_IO, "cannot put the new corpus at %s: %s", draft->path, strerror(errno));
}

/* Swaps the two folders in one step where the file system can; else the old one steps aside first. */
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

ltm_status corpus_draft_commit(struct corpus_draft *draft, struct ltm_error *error) {
    ltm_status status = folder_sync(draft->draft, error);
    if (status != LTM_OK) return status;
    if (folder_exists(draft->path)) {
        status = swap(draft, error);
        if (status == LTM_OK) corpus_draft_discard(draft); /* the old one */
    } else if (rename(draft->draft, draft->path) != 0) {
        status = fail_install(draft, error);
    }
    if (status == LTM_OK) unlock_draft(draft);
    return status;
}

void corpus_draft_discard(struct corpus_draft *draft) {
    unlock_draft(draft);
    if (draft->draft[0]) (void)folder_remove(draft->draft, NULL);
    draft->draft[0] = 0;
}
