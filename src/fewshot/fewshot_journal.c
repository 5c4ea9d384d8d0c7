#include "fewshot/fewshot_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include "fewshot/fewshot_lines.h"
#include "fewshot/fewshot_settings.h"

enum { SETTINGS_MOST = 1 << 20 };

static ltm_status fail_file(struct ltm_error *error, const char *doing, const char *path) {
    return fail(error, LTM_IO, "cannot %s %s: %s", doing, path, strerror(errno));
}

static ltm_status open_locked(struct journal *journal, struct ltm_error *error) {
    journal->descriptor = open(journal->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (journal->descriptor < 0) return fail_file(error, "write", journal->path);
    if (flock(journal->descriptor, LOCK_EX | LOCK_NB) == 0) return LTM_OK;
    if (errno != EWOULDBLOCK) return fail_file(error, "lock", journal->path);
    return fail(error, LTM_IO, "another run is writing %s; wait for it, or name another folder", journal->path);
}

static ltm_status fail_setting(const char *path, const char *key, const json_t *before, const json_t *now,
                               struct ltm_error *error) {
    char *old = before ? json_text(before, JSON_ENCODE_ANY) : strdup("nothing");
    char *new = now ? json_text(now, JSON_ENCODE_ANY) : strdup("nothing");
    const ltm_status status = old && new ? fail(error, LTM_MISMATCH,
                                                "%s was started with %s = %.200s, now it is %.200s; restore "
                                                "it to resume, or name another folder to start over",
                                                path, key, old, new)
                                         : fail_memory(error, 0, "settings");
    free(old);
    free(new);
    return status;
}

/* The first setting in which two objects differ, with both values as text. What only an older version wrote is no difference, but
 * a rule of depth or a control is, since settings hold it only where it is used. */
static ltm_status compare(const char *path, const json_t *was, const json_t *is, struct ltm_error *error) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)is, key, value) {
        const json_t *before = json_object_get(was, key);
        if (!before || !json_equal(before, value)) return fail_setting(path, key, before, value, error);
    }
    json_object_foreach((json_t *)was, key, value) {
        if (fewshot_is_control_setting(key) && !json_object_get(is, key))
            return fail_setting(path, key, value, NULL, error);
    }
    return LTM_OK;
}

/* The settings of a file with items must match; those of an empty file are written. */
static ltm_status settle(const struct journal *journal, const json_t *settings, bool empty, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    char *text = NULL;
    const char *is_jsonl = strrchr(journal->path, '.');
    size_t bytes;
    json_t *was = NULL;
    ltm_status status = LTM_OK;
    const int length =
        snprintf(path, sizeof path, "%.*s.settings.json", (int)(is_jsonl - journal->path), journal->path);
    if (length >= (int)sizeof path) return fail(error, LTM_INVALID, "the path %.60s… is too long", path);
    if (empty) {
        text = json_text(settings, JSON_INDENT(2));
        if (!text) return fail_memory(error, 0, "settings");
        TRY(file_write_text(path, text, error));
    } else {
        TRY(file_read_text(&text, &bytes, path, SETTINGS_MOST, error));
        status = json_read(&was, text, bytes, 0, error);
        if (status == LTM_MEMORY) goto cleanup;
        if (!json_is_object(was)) {
            status = fail(error, LTM_CORRUPT, "%s is damaged; remove it and %s to start over", path, journal->path);
            goto cleanup;
        }
        TRY(compare(journal->path, was, settings, error));
    }
cleanup:
    json_decref(was);
    free(text);
    return status;
}

/* The lines read of an item that is not complete yet. */
struct open_item {
    int64_t number, at; /* number -1 = none */
    int lines;          /* that are still to come */
};

static ltm_status take_line(struct journal *journal, struct open_item *open, struct item_outcome *outcomes,
                            const char *text, int64_t at, size_t bytes, struct ltm_error *error) {
    int64_t number = 0;
    int filters = 0;
    ltm_status status = line_read(outcomes, journal->items, text + at, bytes, &number, &filters, error);
    if (status != LTM_OK) return status;
    if (outcomes[number].done || (open->number >= 0 && open->number != number))
        return fail(error, LTM_CORRUPT, "item %lld appears twice or is incomplete", (long long)number);
    if (open->number < 0) *open = (struct open_item){number, at, filters};
    if (--open->lines > 0) return LTM_OK;
    outcomes[number].done = true;
    journal->blocks[number] = (struct journal_block){open->at, (size_t)(at + (int64_t)bytes + 1 - open->at)};
    journal->end = at + (int64_t)bytes + 1;
    open->number = -1;
    return LTM_OK;
}

static ltm_status read_items(struct journal *journal, struct item_outcome *outcomes, const char *text, size_t size,
                             struct ltm_error *error) {
    struct open_item open = {.number = -1};
    const char *newline;
    size_t at = 0;
    for (int64_t line = 1; at < size && (newline = memchr(text + at, '\n', size - at)); line++) {
        const size_t bytes = (size_t)(newline - text) - at;
        struct ltm_error inner = {0};
        ltm_status status = take_line(journal, &open, outcomes, text, (int64_t)at, bytes, &inner);
        if (status != LTM_OK)
            return fail(error, status, "line %lld of %s: %s; remove the file to start over", (long long)line,
                        journal->path, inner.message);
        at += bytes + 1;
    }
    if (open.number >= 0) outcome_free(&outcomes[open.number]);
    return LTM_OK;
}

ltm_status journal_open(struct journal *journal, const char *folder, const char *name, const json_t *settings,
                        struct item_outcome *outcomes, int64_t items, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct file_map map = {NULL, 0};
    char file[200];
    static const char *const marks[] = {"samples_*.jsonl", "results_*.json", NULL};
    *journal = (struct journal){.descriptor = -1, .items = items};
    snprintf(file, sizeof file, "samples_%s.jsonl", name);
    TRY(path_join(journal->path, sizeof journal->path, folder, file, error));
    TRY(folder_check_own(folder, marks, "a folder of few-shot results", error));
    TRY(folder_create(folder, error));
    TRY(NEW_ARRAY(journal->blocks, (size_t)items, "items", error));
    for (int64_t i = 0; i < items; i++) journal->blocks[i].at = -1;
    TRY(open_locked(journal, error));
    TRY(file_map(&map, journal->path, error));
    TRY(settle(journal, settings, map.size == 0, error));
    TRY(read_items(journal, outcomes, (const char *)map.data, map.size, error));
    if (journal->end < (int64_t)map.size && ftruncate(journal->descriptor, journal->end) != 0)
        status = fail_file(error, "shorten", journal->path);
cleanup:
    file_unmap(&map);
    if (status != LTM_OK) journal_close(journal);
    return status;
}

ltm_status journal_append(struct journal *journal, int64_t item, const char *lines, struct ltm_error *error) {
    const size_t bytes = strlen(lines);
    for (size_t written = 0; written < bytes;) {
        const ssize_t now = write(journal->descriptor, lines + written, bytes - written);
        if (now < 0 && errno == EINTR) continue;
        if (now < 0) return fail_file(error, "write", journal->path);
        written += (size_t)now;
    }
    journal->blocks[item] = (struct journal_block){journal->end, bytes};
    journal->end += (int64_t)bytes;
    return LTM_OK;
}

ltm_status journal_finish(struct journal *journal, struct ltm_error *error) {
    struct file_map map;
    struct file_draft draft;
    ltm_status status = file_map(&map, journal->path, error);
    if (status != LTM_OK) return status;
    status = file_create(&draft, journal->path, error);
    if (status == LTM_OK) {
        for (int64_t i = 0; status == LTM_OK && i < journal->items; i++) {
            const struct journal_block *block = &journal->blocks[i];
            if (block->at >= 0) status = file_write(&draft, map.data + block->at, block->bytes, error);
        }
        if (status == LTM_OK)
            status = file_commit(&draft, error);
        else
            file_discard(&draft);
    }
    file_unmap(&map);
    return status;
}

void journal_close(struct journal *journal) {
    if (journal->descriptor >= 0) close(journal->descriptor);
    journal->descriptor = -1;
    free(journal->blocks);
    journal->blocks = NULL;
}
