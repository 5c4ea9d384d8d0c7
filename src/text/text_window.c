#include "text/text_window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

enum { READ_AT_ONCE = 256 * 1024, CHARACTER_MOST = 4, ROOM_MORE = 32 /* what a converter may write at once */ };

/* Text compresses to a third or a tenth of its size, logs of one repeated line to a hundredth, zeros to a
 * thousandth. */
enum { UNPACKED_RATIO = 200, UNPACKED_ANYWAY = 64 * 1024 * 1024 };

/* At the beginning of a file or member. */
static void rewind_window(struct text_window *window, const char *name, enum text_kind kind) {
    text_decoder_close(window->decoder);
    window->decoder = NULL;
    window->name = name;
    window->kind = kind;
    window->from = window->bytes = window->open = 0;
    window->offset = 0;
    window->ended = false;
}

static ltm_status read_packed(void *stream, void *bytes, size_t room, size_t *got, struct ltm_error *error) {
    return packed_file_read(stream, bytes, room, got, error);
}

ltm_status text_window_open(struct text_window *window, const struct text_file *file, struct ltm_error *error) {
    static const char stdin_copies[] = "/proc/self/fd/";
    const bool copy = strncmp(file->path, stdin_copies, strlen(stdin_copies)) == 0;
    rewind_window(window, copy ? "standard input" : file->path, file->kind);
    window->file = file;
    window->before = 0;
    PASS_UP(packed_file_open(&window->stream, file->path, error));
    if (file->packing && !packed_file_is_packed(window->stream))
        return fail(error, LTM_CORRUPT, "%s is not %s data, though its name ends in %s", window->name,
                    file->packing->what, file->packing->end);
    if (file->kind != TEXT_ARCHIVE) return LTM_OK;
    window->ended = true; /* until a member begins */
    return archive_stream_open(&window->archive, window->name, true, read_packed, window->stream, error);
}

/* Hidden files belong to programs, as in folders. */
static bool is_hidden(const char *name) {
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (part[0] == '.' && part[1] != '/' && strncmp(part, "../", 3) != 0) return true;
    }
    return false;
}

/* Read to the end after the last member: the compressed file's checksum comes there. */
static ltm_status read_to_end(struct text_window *window, struct ltm_error *error) {
    char rest[4096];
    size_t got;
    do PASS_UP(packed_file_read(window->stream, rest, sizeof rest, &got, error));
    while (got == sizeof rest);
    return LTM_OK;
}

ltm_status text_window_next(struct text_window *window, bool *more, struct ltm_error *error) {
    *more = false;
    if (!window->archive) return LTM_OK;
    for (;;) {
        const char *name;
        const struct text_packing *packing;
        PASS_UP(archive_stream_next(window->archive, &name, more, error));
        if (!*more) return read_to_end(window, error);
        if (is_hidden(name)) continue;
        const enum text_kind kind = text_kind_of(name, window->input, &packing);
        if (kind == TEXT_NONE || kind == TEXT_ARCHIVE || packing) {
            window->left_out++;
            continue;
        }
        free(window->member);
        if (asprintf(&window->member, "%s/%s", window->file->path, name) < 0) {
            window->member = NULL;
            return fail_memory(error, strlen(name), "a path");
        }
        window->before += window->offset;
        rewind_window(window, window->member, kind);
        return LTM_OK;
    }
}

void text_window_close(struct text_window *window) {
    text_decoder_close(window->decoder);
    archive_stream_close(window->archive);
    packed_file_close(window->stream);
    free(window->member);
    window->decoder = NULL;
    window->archive = NULL;
    window->stream = NULL;
    window->member = NULL;
}

void text_window_free(struct text_window *window) {
    text_window_close(window);
    free(window->text);
    window->text = NULL;
    window->room = 0;
}

void text_window_take(struct text_window *window, size_t bytes) {
    window->from += bytes;
    window->bytes -= bytes;
    window->offset += (int64_t)bytes;
}

/* Make room for `bytes` bytes and a few more. */
static ltm_status make_room(struct text_window *window, size_t bytes, struct ltm_error *error) {
    size_t need = bytes + ROOM_MORE;
    size_t held = window->bytes + window->open;
    if (window->from > 0) memmove(window->text, window->text + window->from, held);
    window->from = 0;
    return GROW_ARRAY(window->text, window->room, need, "text", error);
}

/* Each byte of the text that is not part of a character becomes U+FFFD. */
static ltm_status replace_bad(struct text_window *window, struct ltm_error *error) {
    static const char replacement[] = "\xEF\xBF\xBD";
    const size_t room = window->bytes + 3 * window->open + CHARACTER_MOST;
    char *text = malloc(room > window->room ? room : window->room);
    if (!text) return fail_memory(error, room, "text");
    memcpy(text, window->text + window->from, window->bytes);
    const char *from = window->text + window->from + window->bytes;
    char *to = text + window->bytes;
    size_t left = window->open;
    for (;;) {
        bool open;
        const size_t valid = utf8_valid(from, left, &open);
        memcpy(to, from, valid);
        to += valid;
        from += valid;
        left -= valid;
        if (left == 0 || (open && !window->ended)) break;
        memcpy(to, replacement, 3);
        to += 3;
        from++;
        left--;
        window->replaced++;
    }
    memcpy(to, from, left);
    window->bytes = (size_t)(to - text);
    window->open = left;
    window->from = 0;
    window->room = room > window->room ? room : window->room;
    free(window->text);
    window->text = text;
    return LTM_OK;
}

/* Move bytes from `open` to `bytes` as far as they are whole valid characters. */
static ltm_status check_text(struct text_window *window, struct ltm_error *error) {
    bool open;
    size_t valid =
        window->raw ? window->open : utf8_valid(window->text + window->from + window->bytes, window->open, &open);
    window->bytes += valid;
    window->open -= valid;
    if (window->open == 0 || (open && !window->ended)) return LTM_OK;
    if (window->replace) return replace_bad(window, error);
    unsigned char bad = (unsigned char)window->text[window->from + window->bytes];
    return fail(error, LTM_INVALID,
                "%s is not UTF-8 text: byte %lld%s is 0x%02X%s; convert it first, or name its encoding (--encoding)",
                window->name, (long long)(window->offset + (int64_t)window->bytes),
                window->file->packing ? " of its unpacked text" : "", bad,
                open ? " and the character that starts there is cut off" : "");
}

/* A small file that unpacks to more than any disk can hold is malicious. */
static ltm_status check_ratio(const struct text_window *window, struct ltm_error *error) {
    const int64_t unpacked = window->before + window->offset + (int64_t)(window->bytes + window->open);
    const bool packed = window->archive || packed_file_is_packed(window->stream);
    if (unpacked <= UNPACKED_ANYWAY || !packed) return LTM_OK;
    if (unpacked / UNPACKED_RATIO <= packed_file_offset(window->stream)) return LTM_OK;
    return fail(error, LTM_INVALID,
                "%s unpacks to more than %d times its size, unlike any text; if you trust it, unpack "
                "it first (gunzip, unzip) and name the result",
                window->file->path, UNPACKED_RATIO);
}

static void skip_mark(struct text_window *window) {
    if (window->offset == 0 && window->bytes >= 3 && memcmp(window->text + window->from, "\xEF\xBB\xBF", 3) == 0)
        text_window_take(window, 3);
}

/* The bytes of the file or member. */
static ltm_status read_bytes(void *user, void *bytes, size_t room, size_t *got, struct ltm_error *error) {
    struct text_window *window = user;
    return window->archive ? archive_stream_read(window->archive, bytes, room, got, error)
                           : packed_file_read(window->stream, bytes, room, got, error);
}

/* The first bytes show whether conversion is needed. */
static ltm_status begin(struct text_window *window, struct ltm_error *error) {
    char *text = window->text + window->from;
    size_t got;
    PASS_UP(read_bytes(window, text, CHARACTER_MOST, &got, error));
    window->ended = got < CHARACTER_MOST;
    window->open = got;
    const char *encoding = text_encoding_of_mark(text, got);
    window->marked += encoding != NULL;
    const bool utf8 = got >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0;
    if (!encoding && window->input && !utf8) encoding = window->input->encoding;
    if (!encoding) return LTM_OK;
    window->open = 0;
    window->ended = false;
    return text_decoder_open(&window->decoder, encoding, window->name, text, got, error);
}

static ltm_status read_more(struct text_window *window, char *to, size_t room, size_t *got, struct ltm_error *error) {
    if (window->decoder)
        return text_decoder_read(window->decoder, read_bytes, window, to, room, got, &window->ended,
                                 window->replace ? &window->replaced : NULL, error);
    PASS_UP(read_bytes(window, to, room, got, error));
    window->ended = *got < room;
    return LTM_OK;
}

ltm_status text_window_fill(struct text_window *window, size_t bytes, struct ltm_error *error) {
    const bool first = window->offset == 0 && window->bytes == 0 && window->open == 0;
    if (window->bytes >= bytes || window->ended) return LTM_OK;
    PASS_UP(make_room(window, bytes, error));
    if (first) PASS_UP(begin(window, error));
    while (window->bytes < bytes && !window->ended) {
        size_t held = window->bytes + window->open;
        size_t want = window->room - held;
        if (want > READ_AT_ONCE) want = READ_AT_ONCE;
        size_t got;
        PASS_UP(read_more(window, window->text + held, want, &got, error));
        window->open += got;
        PASS_UP(check_ratio(window, error));
        PASS_UP(check_text(window, error));
    }
    if (!first) return LTM_OK;
    PASS_UP(check_text(window, error)); /* of a file that ended in its first bytes */
    skip_mark(window);
    return text_window_fill(window, bytes, error);
}
