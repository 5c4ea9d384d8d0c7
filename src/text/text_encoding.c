#include "text/text_encoding.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { READ_AT_ONCE = 64 * 1024 };

struct text_decoder {
    iconv_t converter;
    const char *name, *encoding;
    size_t from, bytes; /* of `held`: read, not converted */
    int64_t offset;     /* of the first of them, in the file */
    bool ended;         /* the file has no more */
    char held[READ_AT_ONCE];
};

static const iconv_t none = (iconv_t)-1; // NOLINT(performance-no-int-to-ptr): POSIX's failure value

static iconv_t open_converter(const char *encoding) {
    return iconv_open("UTF-8", strcasecmp(encoding, "latin-1") == 0 ? "ISO-8859-1" : encoding);
}

ltm_status text_encoding_check(const char *encoding, struct ltm_error *error) {
    const iconv_t converter = open_converter(encoding);
    if (converter == none)
        return fail(error, LTM_INVALID, "there is no encoding \"%s\"; iconv --list shows the known ones", encoding);
    iconv_close(converter);
    return LTM_OK;
}

const char *text_encoding_of_mark(const void *begin, size_t bytes) {
    if (bytes >= 4 && memcmp(begin, "\xFF\xFE\0\0", 4) == 0) return "UTF-32";
    if (bytes >= 4 && memcmp(begin, "\0\0\xFE\xFF", 4) == 0) return "UTF-32";
    if (bytes >= 2 && (memcmp(begin, "\xFF\xFE", 2) == 0 || memcmp(begin, "\xFE\xFF", 2) == 0)) return "UTF-16";
    return NULL;
}

ltm_status text_decoder_open(struct text_decoder **decoder, const char *encoding, const char *name, const void *begin,
                             size_t bytes, struct ltm_error *error) {
    *decoder = NULL;
    PASS_UP(text_encoding_check(encoding, error));
    struct text_decoder *new = calloc(1, sizeof *new);
    if (!new) return fail_memory(error, sizeof *new, name);
    new->converter = open_converter(encoding);
    if (new->converter == none) {
        free(new);
        return fail_memory(error, sizeof *new, name);
    }
    new->encoding = encoding;
    new->name = name;
    new->bytes = bytes;
    memcpy(new->held, begin, bytes);
    *decoder = new;
    return LTM_OK;
}

void text_decoder_close(struct text_decoder *decoder) {
    if (!decoder) return;
    iconv_close(decoder->converter);
    free(decoder);
}

static ltm_status refill(struct text_decoder *decoder, decoder_source source, void *user, struct ltm_error *error) {
    size_t got;
    memmove(decoder->held, decoder->held + decoder->from, decoder->bytes);
    decoder->from = 0;
    const size_t want = READ_AT_ONCE - decoder->bytes;
    PASS_UP(source(user, decoder->held + decoder->bytes, want, &got, error));
    decoder->bytes += got;
    decoder->ended = got < want;
    return LTM_OK;
}

/* Bytes of the unit that characters are made of. */
static size_t unit(const struct text_decoder *decoder) {
    if (strcasestr(decoder->encoding, "UTF-16") || strcasestr(decoder->encoding, "UCS-2")) return 2;
    return strcasestr(decoder->encoding, "UTF-32") || strcasestr(decoder->encoding, "UCS-4") ? 4 : 1;
}

static void pass_over(struct text_decoder *decoder, size_t bytes) {
    decoder->from += bytes;
    decoder->bytes -= bytes;
    decoder->offset += (int64_t)bytes;
}

ltm_status text_decoder_read(struct text_decoder *decoder, decoder_source source, void *user, char *text, size_t room,
                             size_t *got, bool *ended, int64_t *replaced, struct ltm_error *error) {
    char *to = text;
    char *end = text + room;
    if (decoder->bytes == 0 && !decoder->ended) PASS_UP(refill(decoder, source, user, error));
    for (;;) {
        char *in = decoder->held + decoder->from;
        size_t left = decoder->bytes;
        size_t space = (size_t)(end - to);
        const size_t converted = iconv(decoder->converter, left ? &in : NULL, left ? &left : NULL, &to, &space);
        const int why = errno;
        pass_over(decoder, decoder->bytes - left);
        if (converted == (size_t)-1 && why == E2BIG) break;
        const bool bad = converted == (size_t)-1 && (why == EILSEQ || decoder->ended);
        if (bad && !replaced)
            return fail(error, LTM_INVALID, "%s is not %s text: byte %lld is 0x%02X%s", decoder->name,
                        decoder->encoding, (long long)decoder->offset, (unsigned char)decoder->held[decoder->from],
                        why == EILSEQ ? "" : " and the character that starts there is cut off");
        if (bad) {
            if (end - to < 3) break;
            to = mempcpy(to, "\xEF\xBF\xBD", 3);
            pass_over(decoder, decoder->bytes < unit(decoder) ? decoder->bytes : unit(decoder));
            ++*replaced;
        } else if (decoder->ended) {
            break;
        } else {
            PASS_UP(refill(decoder, source, user, error));
        }
    }
    *got = (size_t)(to - text);
    *ended = decoder->ended && decoder->bytes == 0;
    return LTM_OK;
}
