#include "text/json_lines.h"

#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "text/text_files.h"
#include "text/text_window.h"

enum { READ_FIRST = 64 * 1024, LINE_MOST = 16 * 1024 * 1024 };

struct json_lines {
    struct text_window window;
    int64_t line;
    json_line_fn on_line;
    void *user;
};

/* The next line without its newline; more = false after the last. */
static ltm_status next_line(struct json_lines *lines, size_t *bytes, bool *more, struct ltm_error *error) {
    struct text_window *window = &lines->window;
    size_t looked = 0;
    for (;;) {
        const char *text = text_window_text(window);
        const char *newline = memchr(text + looked, '\n', window->bytes - looked);
        if (newline || window->ended) {
            *more = newline || window->bytes > 0;
            *bytes = newline ? (size_t)(newline - text) : window->bytes;
            lines->line++;
            return LTM_OK;
        }
        looked = window->bytes;
        if (looked >= LINE_MOST)
            return fail(error, LTM_INVALID, "line %lld of %s is longer than %d MiB", (long long)lines->line + 1,
                        window->file->path, LINE_MOST >> 20);
        PASS_UP(text_window_fill(window, looked ? 2 * looked : READ_FIRST, error));
    }
}

static bool is_blank(const char *line, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (!strchr(" \t\r", line[i])) return false;
    return true;
}

static ltm_status take_line(const struct json_lines *lines, const char *line, size_t bytes, struct ltm_error *error) {
    const char *path = lines->window.file->path;
    json_t *object;
    if (is_blank(line, bytes)) return LTM_OK;
    ltm_status status = json_read(&object, line, bytes, JSON_REJECT_DUPLICATES, error);
    if (status == LTM_CORRUPT)
        return fail_within(error, LTM_INVALID, "line %lld of %s is not JSON", (long long)lines->line, path);
    if (status != LTM_OK) return status;
    status = json_is_object(object) ? lines->on_line(lines->user, object, lines->line, error)
                                    : fail(error, LTM_INVALID, "expected a JSON object");
    json_decref(object);
    if (status == LTM_OK) return LTM_OK;
    return fail_within(error, status, "line %lld of %s", (long long)lines->line, path);
}

bool json_lines_named(const char *path) { return text_ends_with(path, ".jsonl") || text_ends_with(path, ".jsonl.gz"); }

ltm_status json_lines_read(const char *path, json_line_fn on_line, void *user, struct ltm_error *error) {
    const struct ltm_text_input input = {.paths = &path, .count = 1};
    struct json_lines lines = {.on_line = on_line, .user = user};
    struct text_files files = {0};
    ltm_status status = LTM_OK;
    if (!json_lines_named(path))
        return fail(error, LTM_INVALID,
                    "%s does not have the name of a JSON Lines file: it must end in .jsonl or .jsonl.gz", path);
    if (folder_exists(path)) return fail(error, LTM_IO, "cannot read %s: it is a folder, not a file", path);
    TRY(text_files_find(&files, &input, error));
    TRY(text_window_open(&lines.window, &files.all[0], error));
    for (;;) {
        size_t bytes = 0;
        bool more = false;
        TRY(next_line(&lines, &bytes, &more, error));
        if (!more) break;
        TRY(take_line(&lines, text_window_text(&lines.window), bytes, error));
        text_window_take(&lines.window, bytes < lines.window.bytes ? bytes + 1 : bytes);
    }
cleanup:
    text_window_free(&lines.window);
    text_files_free(&files);
    return status;
}
