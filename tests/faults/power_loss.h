/* What a power cut leaves of files, for preload_files.c: the worst that the promises of fsync allow.
 *
 * Data written to a file since its last fsync are gone (or zeros); a name made, or given by rename, since the last fsync of its
 * folder is gone, and what it replaced is back. Removals stay. */
#ifndef TESTS_FAULTS_POWER_LOSS_H
#define TESTS_FAULTS_POWER_LOSS_H

#include <ftw.h>
#include <limits.h>

enum { POWER_FILES = 4096, POWER_NAMES = 4096 };

struct power_file {
    dev_t device;
    ino_t inode;
    off_t synced; /* bytes of it that are on the disk */
    int own;      /* a descriptor of its own: the file may be closed and renamed by then */
};

struct power_name {
    dev_t device; /* the folder's */
    ino_t inode;
    char *from, *to, *kept; /* renamed, and another name of what `to` was; from NULL: `to` was made */
};

static struct {
    bool watch;
    int files, names;
    struct power_file file[POWER_FILES];
    struct power_name name[POWER_NAMES];
} power_loss;

static int power_find(const struct stat *info) {
    for (int i = 0; i < power_loss.files; i++)
        if (power_loss.file[i].device == info->st_dev && power_loss.file[i].inode == info->st_ino) return i;
    return -1;
}

static void power_folder_of(struct stat *info, const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    if (stat(folder, info) != 0) abort();
}

static struct power_name *power_new_name(const char *path) {
    struct stat info;
    if (power_loss.names == POWER_NAMES) abort();
    struct power_name *name = &power_loss.name[power_loss.names++];
    power_folder_of(&info, path);
    *name = (struct power_name){.device = info.st_dev, .inode = info.st_ino, .to = strdup(path)};
    return name;
}

static void power_watch_new(const char *path) {
    if (power_loss.watch) power_new_name(path);
}

/* A file that becomes shorter has no more than that on the disk. */
static void power_cut(int descriptor, off_t size) {
    struct stat info;
    if (!power_loss.watch || fstat(descriptor, &info) != 0) return;
    const int file = power_find(&info);
    if (file >= 0 && power_loss.file[file].synced > size) power_loss.file[file].synced = size;
}

/* new: its path, where it was not there before. */
static void power_watch_file(int descriptor, const char *new) {
    struct stat info;
    char path[64];
    if (!power_loss.watch) return;
    if (new) power_watch_new(new);
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) return;
    power_cut(descriptor, info.st_size);
    if (power_find(&info) >= 0) return;
    if (power_loss.files == POWER_FILES) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    power_loss.file[power_loss.files++] =
        (struct power_file){info.st_dev, info.st_ino, info.st_size, REAL(open)(path, O_RDWR | O_CLOEXEC)};
}

static void power_watch_rename(const char *from, const char *to) {
    static int count;
    char kept[PATH_MAX];
    if (!power_loss.watch) return;
    struct power_name *name = power_new_name(to);
    name->from = strdup(from);
    snprintf(kept, sizeof kept, "%s.kept-%d-%d", to, (int)getpid(), count++);
    if (link(to, kept) == 0) name->kept = strdup(kept);
}

static void power_forget(int i) {
    struct power_name *name = &power_loss.name[i];
    if (name->kept) REAL(unlink)(name->kept);
    free(name->from), free(name->to), free(name->kept);
    memmove(name, name + 1, (size_t)(--power_loss.names - i) * sizeof *name);
}

static void power_synced(int descriptor) {
    struct stat info;
    if (!power_loss.watch || fstat(descriptor, &info) != 0) return;
    const int file = power_find(&info);
    if (file >= 0) power_loss.file[file].synced = info.st_size;
    for (int i = power_loss.names; S_ISDIR(info.st_mode) && i-- > 0;)
        if (power_loss.name[i].device == info.st_dev && power_loss.name[i].inode == info.st_ino) power_forget(i);
}

static int power_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where) {
    (void)info, (void)kind, (void)where;
    return REAL(remove)(path);
}

static void power_goes(bool zeros) {
    for (int i = 0; i < power_loss.files; i++) {
        const struct power_file *file = &power_loss.file[i];
        struct stat info;
        if (fstat(file->own, &info) != 0 || info.st_size <= file->synced) continue;
        (void)!REAL(ftruncate)(file->own, file->synced);
        if (zeros) (void)!REAL(ftruncate)(file->own, info.st_size);
    }
    for (int i = power_loss.names; i-- > 0;) {
        const struct power_name *name = &power_loss.name[i];
        if (name->from)
            REAL(rename)(name->to, name->from);
        else
            nftw(name->to, power_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        if (name->kept) REAL(rename)(name->kept, name->to);
    }
}

#endif
