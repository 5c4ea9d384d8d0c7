#include "text/text_window.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

enum { READ_AT_ONCE = 256 * 1024, CHARACTER_MOST = 4 };

/* Text packs to a third or a tenth of its size, logs of one line again and again to a hundredth; zeros to a thousandth. */
enum { UNPACKED_RATIO = 200, UNPACKED_ANYWAY = 64 * 1024 * 1024 };

ltm_status text_window_open(struct text_window *window, const struct text_file *file, struct ltm_error *error) {
    window->file = file;
    window->from = window->bytes = window->open = 0;
    window->offset = 0;
    window->ended = false;
    PASS_UP(packed_file_open(&window->stream, file->path, error));
    if (file->gzip && !packed_file_is_packed(window->stream))
        return fail(error, LTM_CORRUPT, "%s is not gzip data, though its name ends in .gz", file->path);
    return LTM_OK;
}

void text_window_close(struct text_window *window) {
    packed_file_close(window->stream);
    window->stream = NULL;
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

/* Make place for `bytes` bytes and a few more. */
static ltm_status make_room(struct text_window *window, size_t bytes, struct ltm_error *error) {
    size_t need = bytes + CHARACTER_MOST;
    size_t held = window->bytes + window->open;
    if (window->from > 0) memmove(window->text, window->text + window->from, held);
    window->from = 0;
    return GROW_ARRAY(window->text, window->room, need, "text", error);
}

/* Each byte of the text that is no part of a character becomes U+FFFD. */
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
    return fail(error, LTM_INVALID, "%s is not UTF-8 text: byte %lld%s is 0x%02X%s; convert it first",
                window->file->path, (long long)(window->offset + (int64_t)window->bytes),
                window->file->gzip ? " of what it unpacks to" : "", bad,
                open ? " and the character it begins is cut off" : "");
}

/* A small file that unpacks to more than any disk holds was made to do harm. */
static ltm_status check_ratio(const struct text_window *window, struct ltm_error *error) {
    const int64_t unpacked = window->offset + (int64_t)(window->bytes + window->open);
    if (unpacked <= UNPACKED_ANYWAY || !packed_file_is_packed(window->stream)) return LTM_OK;
    if (unpacked / UNPACKED_RATIO <= packed_file_offset(window->stream)) return LTM_OK;
    return fail(error, LTM_INVALID,
                "%s unpacks to more than %d times its size, as no text does; if it is to be trusted, unpack it first "
                "(gunzip) and name what comes out",
                window->file->path, UNPACKED_RATIO);
}

static void skip_mark(struct text_window *window) {
    if (window->offset == 0 && window->bytes >= 3 && memcmp(window->text + window->from, "\xEF\xBB\xBF", 3) == 0)
        text_window_take(window, 3);
}

ltm_status text_window_fill(struct text_window *window, size_t bytes, struct ltm_error *error) {
    bool first = window->offset == 0 && window->bytes == 0 && window->open == 0;
    if (window->bytes >= bytes || window->ended) return LTM_OK;
    PASS_UP(make_room(window, bytes, error));
    while (window->bytes < bytes && !window->ended) {
        size_t held = window->bytes + window->open;
        size_t want = window->room - held;
        if (want > READ_AT_ONCE) want = READ_AT_ONCE;
        size_t got;
        PASS_UP(packed_file_read(window->stream, window->text + held, want, &got, error));
        window->ended = got < want;
        window->open += got;
        PASS_UP(check_ratio(window, error));
        PASS_UP(check_text(window, error));
    }
    if (first) {
        skip_mark(window);
        return text_window_fill(window, bytes, error);
    }
    return LTM_OK;
}
