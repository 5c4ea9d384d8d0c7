#include "text/documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "base/utf8.h"
#include "ltm/names.h"
#include "text/html_text.h"
#include "text/record_text.h"
#include "text/text_files.h"
#include "text/text_window.h"

struct documents {
    struct text_files files;
    size_t next;      /* the file to open next */
    int64_t finished; /* bytes on disk of the files before the open one */
    struct text_window window;
    bool open;                        /* a file is */
    char *field, *column, *separator; /* separator NULL = a file is a document */
    size_t separator_bytes;
    int64_t separators; /* found */
    int64_t document;   /* the current document */
    bool begun;         /* it has text already */
    bool line_start;    /* .txt: the window begins with a line */
    int64_t line;       /* .jsonl, .csv: lines read */
    struct record_text record;
    struct html_text *html; /* of the page that is open */
    bool page_done;         /* it was handed out */
    enum ltm_on_bad on_bad;
    int64_t bad_lines, bad_files; /* left out */
    struct ltm_error first_bad;   /* the problem of the first of them */
};

ltm_status documents_open(struct documents **documents, const struct ltm_text_input *input, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const char *separator = input->separator;
    *documents = NULL;
    if (separator && (strlen(separator) > TEXT_SEPARATOR_MAX || strpbrk(separator, "\r\n")))
        return fail(error, LTM_INVALID, "a separator is one line of at most %d bytes, without its newline",
                    TEXT_SEPARATOR_MAX);
    struct documents *new = calloc(1, sizeof *new);
    if (!new) return fail_memory(error, sizeof *new, "the reader of documents");
    new->field = strdup(input->field ? input->field : "text");
    new->separator = separator ? strdup(separator) : NULL;
    new->column = input->column ? strdup(input->column) : NULL;
    if (!new->field || (separator && !new->separator) || (input->column && !new->column)) {
        status = fail_memory(error, TEXT_SEPARATOR_MAX, "the reader of documents");
        goto cleanup;
    }
    new->on_bad = input->on_bad;
    new->window.replace = input->on_bad == LTM_BAD_REPLACE;
    new->window.input = input;
    if (input->encoding) TRY(text_encoding_check(input->encoding, error));
    new->separator_bytes = separator ? strlen(separator) : 0;
    TRY(text_files_find(&new->files, input, error));
    *documents = new;
    return LTM_OK;
cleanup:
    documents_close(new);
    return status;
}

void documents_close(struct documents *documents) {
    if (!documents) return;
    record_text_free(&documents->record);
    html_text_close(documents->html);
    text_window_free(&documents->window);
    text_files_free(&documents->files);
    free(documents->field);
    free(documents->column);
    free(documents->separator);
    free(documents);
}

void documents_tell_files(const struct documents *documents, const struct ltm_watch *watch) {
    const struct text_files *files = &documents->files;
    char more[48] = "";
    if (files->left_out > 1) snprintf(more, sizeof more, " and %zu more", files->left_out - 1);
    if (files->left_out > 0)
        watch_message(watch,
                      "%s%s %s left out: ltm reads files that end in " TEXT_NAMES ", " TEXT_PACKED_NAMES
                      ", or in the suffixes that --as-text gives",
                      files->left, more, files->left_out == 1 ? "is" : "are");
    more[0] = 0;
    if (files->repeated == 0) return;
    if (files->repeated > 1) snprintf(more, sizeof more, ", and %zu more", files->repeated - 1);
    const bool same = strcmp(files->repeat, files->first) == 0;
    watch_message(watch, "each file is read once: %s is %s%s", files->repeat, same ? "named again" : files->first,
                  more);
}

void documents_tell_separators(const struct documents *documents, const struct ltm_watch *watch) {
    if (!documents->separator || documents->separators > 0) return;
    watch_message(watch, "no line equals the separator \"%s\": each .txt file is one document", documents->separator);
}

void documents_tell_bad(const struct documents *documents, const struct ltm_watch *watch) {
    const int64_t bytes = documents->window.replaced;
    if (documents->bad_files + documents->bad_lines > 0)
        watch_message(watch, "%lld file%s and %lld line%s are left out: %s%s", (long long)documents->bad_files,
                      ltm_plural(documents->bad_files), (long long)documents->bad_lines,
                      ltm_plural(documents->bad_lines), documents->first_bad.message,
                      documents->bad_files + documents->bad_lines > 1 ? "; and more" : "");
    const int64_t members = documents->window.left_out;
    const int64_t marked = documents->window.marked;
    if (members > 0)
        watch_message(watch, "%lld file%s in archives %s left out, by %s no text", (long long)members,
                      ltm_plural(members), members == 1 ? "is" : "are", members == 1 ? "its name" : "their names");
    if (marked > 0)
        watch_message(watch, "%lld file%s converted to UTF-8 from the encoding that %s byte-order mark gives",
                      (long long)marked, marked == 1 ? " is" : "s are", marked == 1 ? "its" : "their");
    if (bytes > 0)
        watch_message(watch, "%lld byte%s that %s not UTF-8 %s replaced by U+FFFD", (long long)bytes, ltm_plural(bytes),
                      bytes == 1 ? "is" : "are", bytes == 1 ? "is" : "are");
}

int64_t documents_size(const struct documents *documents) { return documents->files.size; }

int64_t documents_done(const struct documents *documents) {
    return documents->finished + (documents->open ? packed_file_offset(documents->window.stream) : 0);
}

/* A block of the current document. Empty documents leave no trace: false. */
static bool hand_out(struct documents *documents, struct text_block *block, const char *text, size_t bytes, bool last) {
    bool any = bytes > 0 || (last && documents->begun);
    *block = (struct text_block){text, bytes, documents->document, last, documents->window.file->heldout};
    if (last) {
        documents->document += any;
        documents->begun = false;
    } else if (bytes > 0) {
        documents->begun = true;
    }
    return any;
}

/* The first separator line in text that begins a line (or not): [*from, *to) is its range, including the newline before
 * it and its own. A line that may continue after the text counts only if the text has `ended`. */
static bool find_separator(const struct documents *documents, const char *text, size_t bytes, bool ended, size_t *from,
                           size_t *to) {
    const char *end = text + bytes;
    const char *line = text;
    if (!documents->line_start) {
        line = memchr(text, '\n', bytes);
        if (!line) return false;
        line++;
    }
    for (;;) {
        const char *newline = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
        if (!newline && (!ended || line == end)) return false;
        size_t length = (size_t)((newline ? newline : end) - line);
        if (length > 0 && line[length - 1] == '\r') length--;
        if (length == documents->separator_bytes && memcmp(line, documents->separator, length) == 0) {
            *from = (size_t)(line - text);
            *to = newline ? (size_t)(newline + 1 - text) : bytes;
            return true;
        }
        if (!newline) return false;
        line = newline + 1;
    }
}

/* The length of text without one newline at its end. */
static size_t without_newline(const char *text, size_t bytes) {
    if (bytes > 0 && text[bytes - 1] == '\n') bytes--;
    if (bytes > 0 && text[bytes - 1] == '\r') bytes--;
    return bytes;
}

/* The next block of a .txt file; false when it gave none this time. Its last byte is always returned with `last`. */
static ltm_status next_text(struct documents *documents, struct text_block *block, bool *any, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct text_window *window = &documents->window;
    size_t from = 0;
    size_t to = 0;
    size_t take;
    *any = false;
    bool found = documents->separator && find_separator(documents, text_window_text(window), window->bytes,
                                                        window->ended && window->open == 0, &from, &to);
    if (!found && !window->ended && window->bytes <= TEXT_BLOCK) {
        TRY(text_window_fill(window, TEXT_BLOCK + 1, error));
        return LTM_OK; /* look again */
    }
    const char *text = text_window_text(window);
    if (found && from <= TEXT_BLOCK) {
        *any = hand_out(documents, block, text, without_newline(text, from), true);
        take = to;
        documents->separators++;
        documents->line_start = true;
    } else if (window->bytes > TEXT_BLOCK) {
        take = utf8_cut(text, window->bytes, TEXT_BLOCK);
        *any = hand_out(documents, block, text, take, false);
        documents->line_start = false;
    } else { /* the file's end */
        take = window->bytes;
        *any = hand_out(documents, block, text, documents->separator ? without_newline(text, take) : take, true);
    }
    text_window_take(window, take);
cleanup:
    return status;
}

static bool is_blank(const char *line, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') return false;
    return true;
}

/* True if the text or line is left out, as on_bad allows for this kind of failure. */
static bool leave_out(struct documents *documents, ltm_status status, int64_t *count, const struct ltm_error *error) {
    if (documents->on_bad == LTM_BAD_REFUSE || (status != LTM_INVALID && status != LTM_CORRUPT)) return false;
    if (documents->bad_files + documents->bad_lines == 0) documents->first_bad = *error;
    ++*count;
    return true;
}

static bool is_table(const struct documents *documents) { return documents->window.kind == TEXT_TABLE; }

/* Bytes of the first record with its end, or 0: from `looked` on, lines are new. */
static size_t find_end(const struct documents *documents, size_t looked) {
    const struct text_window *window = &documents->window;
    const char *text = text_window_text(window);
    if (is_table(documents)) return record_text_row_end(&documents->record, text, window->bytes);
    const char *newline = window->bytes > looked ? memchr(text + looked, '\n', window->bytes - looked) : NULL;
    return newline ? (size_t)(newline - text) + 1 : 0;
}

static int64_t count_lines(const char *text, size_t bytes) {
    int64_t lines = 0;
    for (const char *at = text; (at = memchr(at, '\n', (size_t)(text + bytes - at))); at++) lines++;
    return lines;
}

/* Read one record, a line or a row, and parse it; the window grows until it holds one. */
static ltm_status next_record(struct documents *documents, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct text_window *window = &documents->window;
    struct record_text *record = &documents->record;
    size_t taken;
    size_t looked = 0;
    record->line = documents->line + 1;
    while ((taken = find_end(documents, looked)) == 0 && !window->ended) {
        looked = window->bytes;
        if (looked >= TEXT_LINE_MAX)
            return fail(error, LTM_INVALID, "line %lld of %s is longer than %d MiB; split it", (long long)record->line,
                        window->name, TEXT_LINE_MAX >> 20);
        TRY(text_window_fill(window, looked < TEXT_BLOCK ? TEXT_BLOCK : 2 * looked, error));
    }
    const char *line = text_window_text(window);
    if (taken == 0) taken = window->bytes;
    documents->line += is_table(documents) ? count_lines(line, taken) : 1;
    const size_t bytes = taken > 0 && line[taken - 1] == '\n' ? taken - 1 : taken;
    if (is_table(documents))
        status = record_text_row(record, line, taken, documents->column, window->name, error);
    else if (!is_blank(line, bytes))
        status = record_text_json(record, line, bytes, documents->field, window->name, error);
    const bool unnamed = is_table(documents) && record->columns == 0; /* then no row can be read */
    if (!unnamed && leave_out(documents, status, &documents->bad_lines, error)) status = LTM_OK;
    if (status != LTM_OK) return status;
    text_window_take(window, taken);
cleanup:
    return status;
}

static ltm_status next_of_record(struct documents *documents, struct text_block *block, bool *any,
                                 struct ltm_error *error) {
    struct record_text *record = &documents->record;
    *any = false;
    if (!record->text) return next_record(documents, error);
    const char *text = record->text;
    const bool last = record->bytes <= TEXT_BLOCK;
    const size_t bytes = last ? record->bytes : utf8_cut(text, record->bytes, TEXT_BLOCK);
    *any = hand_out(documents, block, text, bytes, last);
    record->text = last ? NULL : text + bytes;
    record->bytes -= bytes;
    return LTM_OK;
}

/* A page is a document. */
static ltm_status next_of_page(struct documents *documents, struct text_block *block, bool *any,
                               struct ltm_error *error) {
    struct text_window *window = &documents->window;
    size_t bytes;
    *any = false;
    if (!documents->html) PASS_UP(html_text_open(&documents->html, window->name, error));
    html_text_ready(documents->html, &bytes);
    while (bytes <= TEXT_BLOCK && !(window->ended && window->bytes == 0)) {
        PASS_UP(text_window_fill(window, TEXT_BLOCK, error));
        PASS_UP(html_text_feed(documents->html, text_window_text(window), window->bytes, window->ended, error));
        text_window_take(window, window->bytes);
        html_text_ready(documents->html, &bytes);
    }
    const char *text = html_text_ready(documents->html, &bytes);
    const bool last = bytes <= TEXT_BLOCK;
    if (!last) bytes = utf8_cut(text, bytes, TEXT_BLOCK);
    *any = hand_out(documents, block, text, bytes, last);
    html_text_take(documents->html, bytes);
    documents->page_done = last;
    return LTM_OK;
}

/* At the beginning of a file, or of a member of one. */
static void begin_text(struct documents *documents) {
    html_text_close(documents->html);
    documents->html = NULL;
    documents->page_done = false;
    documents->line_start = true;
    documents->line = 0;
    record_text_begin(&documents->record);
    const bool records = documents->window.kind == TEXT_JSON || documents->window.kind == TEXT_TABLE;
    documents->window.raw = documents->on_bad == LTM_BAD_SKIP && records; /* a record at a time */
}

/* A document that has been returned cannot be withdrawn. */
static ltm_status read_through(struct documents *documents, struct ltm_error *error) {
    struct text_window *window = &documents->window;
    const int64_t replaced = window->replaced;
    const int64_t left_out = window->left_out;
    const int64_t marked = window->marked;
    bool more = true;
    ltm_status status = text_window_open(window, &documents->files.all[documents->next], error);
    while (status == LTM_OK && more) {
        begin_text(documents);
        while (status == LTM_OK && !(window->ended && window->bytes == 0)) {
            status = text_window_fill(window, TEXT_BLOCK, error);
            text_window_take(window, window->bytes);
        }
        if (status == LTM_OK) status = text_window_next(window, &more, error);
    }
    text_window_close(window);
    window->replaced = replaced;
    window->left_out = left_out;
    window->marked = marked;
    return status;
}

static ltm_status open_next(struct documents *documents, struct ltm_error *error) {
    const struct text_file *file = &documents->files.all[documents->next];
    ltm_status status = LTM_OK;
    if (documents->on_bad != LTM_BAD_REFUSE) status = read_through(documents, error);
    if (leave_out(documents, status, &documents->bad_files, error)) {
        documents->finished += file->size;
        documents->next++;
        return LTM_OK;
    }
    if (status == LTM_OK) status = text_window_open(&documents->window, file, error);
    if (status != LTM_OK) {
        text_window_close(&documents->window);
        return status;
    }
    documents->open = true;
    begin_text(documents);
    documents->next++;
    return LTM_OK;
}

/* Nothing is left of the open file, or the member of it. */
static bool text_is_done(const struct documents *documents) {
    const struct text_window *window = &documents->window;
    if (window->kind == TEXT_HTML) return documents->page_done;
    return window->ended && window->bytes == 0 && !documents->record.text && !documents->begun;
}

ltm_status documents_next(struct documents *documents, struct text_block *block, bool *more, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *more = false;
    while (!*more) {
        if (!documents->open) {
            if (documents->next == documents->files.count) return LTM_OK;
            TRY(open_next(documents, error));
            continue;
        }
        if (text_is_done(documents)) {
            bool member;
            TRY(text_window_next(&documents->window, &member, error));
            begin_text(documents);
            if (member) continue;
            documents->finished += documents->window.file->size;
            text_window_close(&documents->window);
            documents->open = false;
            continue;
        }
        switch (documents->window.kind) {
        case TEXT_JSON:
        case TEXT_TABLE:
            TRY(next_of_record(documents, block, more, error));
            break;
        case TEXT_HTML:
            TRY(next_of_page(documents, block, more, error));
            break;
        default:
            TRY(next_text(documents, block, more, error));
        }
    }
cleanup:
    return status;
}
