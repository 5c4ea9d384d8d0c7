#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

bool folder_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* A new name is on the disk once its folder is. */
static ltm_status sync_parent(const char *path, struct ltm_error *error) {
    char parent[1024];
    const char *slash = strrchr(path, '/');
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    return folder_sync(parent, error);
}

ltm_status folder_create(const char *path, struct ltm_error *error) {
    ltm_status status;
    char part[1024];
    size_t length = strlen(path);
    if (length == 0) return fail(error, LTM_INVALID, "cannot make a folder without a name");
    if (length >= sizeof part)
        return fail(error, LTM_INVALID, "the path %.60s… is longer than %zu bytes", path, sizeof part - 1);
    memcpy(part, path, length + 1);
    for (size_t end = 1; end <= length; end++) {
        if (part[end] != '/' && part[end] != 0) continue;
        char kept = part[end];
        part[end] = 0;
        if (mkdir(part, 0777) != 0) {
            /* A parent on a read-only file system answers EROFS or EACCES although it is there. */
            int number = errno;
            if (!folder_exists(part))
                return number == EEXIST ? fail(error, LTM_IO, "cannot make the folder %s: %s is a file", path, part)
                                        : fail(error, LTM_IO, "cannot make the folder %s: %s", path, strerror(number));
        } else if ((status = sync_parent(part, error)) != LTM_OK)
            return status;
        part[end] = kept;
    }
    return LTM_OK;
}

static bool is_among(const char *name, const char *const *names) {
    while (*names && fnmatch(*names, name, 0) != 0) names++;
    return *names != NULL;
}

ltm_status folder_check_own(const char *path, const char *const *marks, const char *what, struct ltm_error *error) {
    char **names = NULL;
    size_t count = 0;
    const char *foreign = NULL;
    bool ours = false;
    if (!folder_exists(path)) return LTM_OK;
    ltm_status status = folder_list(&names, &count, path, error);
    for (size_t i = 0; i < count; i++) {
        ours = ours || is_among(names[i], marks);
        if (names[i][0] != '.' && !foreign) foreign = names[i];
    }
    if (foreign && !ours)
        status =
            fail(error, LTM_INVALID, "%s is not %s: it contains %s; name a new or empty folder", path, what, foreign);
    folder_list_free(names, count);
    return status;
}

/* nftw returns this value. */
static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where) {
    (void)info, (void)kind, (void)where;
    return remove(path) == 0 || errno == ENOENT ? 0 : errno;
}

ltm_status folder_remove(const char *path, struct ltm_error *error) {
    struct stat info;
    int number = 0;
    if (lstat(path, &info) != 0) {
        if (errno == ENOENT) return LTM_OK;
        return fail(error, LTM_IO, "cannot remove %s: %s", path, strerror(errno));
    }
    if (S_ISLNK(info.st_mode)) {
        if (unlink(path) != 0) number = errno;
    } else if (!S_ISDIR(info.st_mode)) {
        number = ENOTDIR;
    } else {
        number = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        if (number < 0) number = errno;
    }
    if (number) return fail(error, LTM_IO, "cannot remove the folder %s: %s", path, strerror(number));
    return LTM_OK;
}

ltm_status folder_sync(const char *path, struct ltm_error *error) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return fail(error, LTM_IO, "cannot open the folder %s: %s", path, strerror(errno));
    /* Some file systems cannot sync a folder and say EINVAL or ENOTSUP: nothing is lost that could be kept.
     */
    int number = fsync(descriptor) != 0 ? errno : 0;
    close(descriptor);
    if (number && number != EINVAL && number != ENOTSUP)
        return fail(error, LTM_IO, "cannot sync the folder %s: %s", path, strerror(number));
    return LTM_OK;
}

/* The process that left NAME.PROCESS-ATTEMPT.tmp (files.c), or 0 where the name is not of that form. */
static long drafter(const char *name) {
    const size_t length = strlen(name);
    const size_t ending = strlen(".tmp");
    long process = 0;
    int end = 0;
    if (length <= ending || strcmp(name + length - ending, ".tmp") != 0) return 0;
    const char *dot = memrchr(name, '.', length - ending);
    return dot && sscanf(dot, ".%ld-%*u.tmp%n", &process, &end) == 1 && end && !dot[end] ? process : 0;
}

ltm_status folder_clear_drafts(const char *path, struct ltm_error *error) {
    char **names;
    char draft[1024];
    size_t count;
    ltm_status status = folder_list(&names, &count, path, error);
    for (size_t i = 0; status == LTM_OK && i < count; i++) {
        const long process = drafter(names[i]);
        if (process <= 0 || kill((pid_t)process, 0) == 0 || errno != ESRCH) continue;
        status = path_join(draft, sizeof draft, path, names[i], error);
        if (status == LTM_OK && unlink(draft) != 0 && errno != ENOENT)
            status = fail(error, LTM_IO, "cannot remove %s: %s", draft, strerror(errno));
    }
    folder_list_free(names, count);
    return status;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Append a copy of name, growing the list by doubling. */
static bool append_name(char ***names, size_t *count, size_t *room, const char *name) {
    char *copy = GROW_ARRAY(*names, *room, *count + 1, "names", NULL) == LTM_OK ? strdup(name) : NULL;
    if (!copy) return false;
    (*names)[(*count)++] = copy;
    return true;
}

ltm_status folder_list(char ***names, size_t *count, const char *path, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    size_t room = 0;
    struct dirent *entry;
    *names = NULL;
    *count = 0;
    DIR *folder = opendir(path);
    if (!folder) return fail(error, LTM_IO, "cannot read the folder %s: %s", path, strerror(errno));
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (!append_name(names, count, &room, entry->d_name)) {
            status = fail_memory(error, (room + 1) * sizeof **names, path);
            break;
        }
    }
    if (status == LTM_OK && errno) status = fail(error, LTM_IO, "cannot read the folder %s: %s", path, strerror(errno));
    closedir(folder);
    if (status != LTM_OK) {
        folder_list_free(*names, *count);
        *names = NULL;
        *count = 0;
        return status;
    }
    if (*count) qsort(*names, *count, sizeof **names, compare_names);
    return LTM_OK;
}

void folder_list_free(char **names, size_t count) {
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

ltm_status path_join(char *out, size_t size, const char *folder, const char *name, struct ltm_error *error) {
    size_t length = strlen(folder);
    const char *between = length == 0 || folder[length - 1] == '/' ? "" : "/";
    int need = snprintf(out, size, "%s%s%s", folder, between, name);
    if (need < 0 || (size_t)need >= size)
        return fail(error, LTM_INVALID, "the path %.60s…/%.60s is longer than %zu bytes", folder, name, size - 1);
    return LTM_OK;
}
