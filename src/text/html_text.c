#include "text/html_text.h"

#if LTM_XML2

#include <libxml/HTMLparser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

enum { FEED_AT_ONCE = 64 * 1024, SPACE = 1, LINE, EMPTY_LINE };

struct html_text {
    htmlParserCtxtPtr parser;
    const char *name;
    char *text;
    size_t from, bytes, room; /* text + from, bytes: not yet consumed */
    bool begun;               /* there is text before */
    int between;              /* the separator before the next */
    int hidden, verbatim;     /* open elements whose text is dropped, is kept verbatim */
    ltm_status status;
    struct ltm_error cause;
};

const char *html_text_library(void) { return "libxml2 " LIBXML_DOTTED_VERSION; }

static bool is_one_of(const char *name, const char *const *names) {
    for (; *names; names++)
        if (strcasecmp(name, *names) == 0) return true;
    return false;
}

static const char *const hidden[] = {"script", "style", "title", "noscript", "template", NULL};
static const char *const lines[] = {"br", "li", "tr", "dt", "dd", "option", "figcaption", NULL};
static const char *const blocks[] = {"p",    "div",    "h1",       "h2",      "h3",         "h4",      "h5",    "h6",
                                     "ul",   "ol",     "dl",       "table",   "blockquote", "pre",     "hr",    "body",
                                     "nav",  "header", "section",  "footer",  "article",    "address", "aside", "main",
                                     "form", "figure", "fieldset", "details", NULL};
static const char *const cells[] = {"td", "th", NULL};

static void separate(struct html_text *html, const char *name) {
    const int by = is_one_of(name, lines) ? LINE : is_one_of(name, blocks) ? EMPTY_LINE : is_one_of(name, cells);
    if (by > html->between) html->between = by;
}

static void put(struct html_text *html, const char *text, size_t bytes) {
    if (html->status != LTM_OK) return;
    html->status = GROW_ARRAY(html->text, html->room, html->from + html->bytes + bytes, "text", &html->cause);
    if (html->status != LTM_OK) return;
    memcpy(html->text + html->from + html->bytes, text, bytes);
    html->bytes += bytes;
}

/* Writes the separator of two texts, before the second. */
static void put_between(struct html_text *html) {
    static const char *const marks[] = {"", " ", "\n", "\n\n"};
    if (html->begun) put(html, marks[html->between], strlen(marks[html->between]));
    html->begun = true;
    html->between = 0;
}

static void on_text(void *user, const xmlChar *characters, int count) {
    struct html_text *html = user;
    const char *text = (const char *)characters;
    const char *end = text + count;
    if (html->hidden > 0) return;
    while (text < end && html->verbatim == 0) {
        const char *word = text;
        while (word < end && strchr(" \t\r\n\f", *word)) word++;
        if (word > text && html->between == 0) html->between = SPACE;
        for (text = word; text < end && !strchr(" \t\r\n\f", *text);) text++;
        if (text == word) return;
        put_between(html);
        put(html, word, (size_t)(text - word));
    }
    if (text == end) return;
    put_between(html);
    put(html, text, (size_t)(end - text));
}

static void on_begin(void *user, const xmlChar *name, const xmlChar **attributes) {
    struct html_text *html = user;
    (void)attributes;
    separate(html, (const char *)name);
    html->hidden += is_one_of((const char *)name, hidden);
    html->verbatim += strcasecmp((const char *)name, "pre") == 0;
}

static void on_end(void *user, const xmlChar *name) {
    struct html_text *html = user;
    separate(html, (const char *)name);
    html->hidden -= html->hidden > 0 && is_one_of((const char *)name, hidden);
    html->verbatim -= html->verbatim > 0 && strcasecmp((const char *)name, "pre") == 0;
}

/* The text of scripts and styles. */
static void on_code(void *user, const xmlChar *code, int count) {
    (void)user;
    (void)code;
    (void)count;
}

ltm_status html_text_open(struct html_text **html, const char *name, struct ltm_error *error) {
    htmlSAXHandler handler = {.startElement = on_begin,
                              .endElement = on_end,
                              .characters = on_text,
                              .ignorableWhitespace = on_text,
                              .cdataBlock = on_code};
    struct html_text *new = calloc(1, sizeof *new);
    *html = NULL;
    if (!new) return fail_memory(error, sizeof *new, name);
    new->name = name;
    new->parser = htmlCreatePushParserCtxt(&handler, new, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
    if (!new->parser) {
        free(new);
        return fail_memory(error, sizeof *new, name);
    }
    htmlCtxtUseOptions(new->parser, HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
                                        HTML_PARSE_IGNORE_ENC);
    *html = new;
    return LTM_OK;
}

void html_text_close(struct html_text *html) {
    if (!html) return;
    htmlFreeParserCtxt(html->parser);
    free(html->text);
    free(html);
}

/* The parser stops at a NUL, so it is never given one. */
ltm_status html_text_feed(struct html_text *html, const char *page, size_t bytes, bool last, struct ltm_error *error) {
    if (html->from > 0) memmove(html->text, html->text + html->from, html->bytes);
    html->from = 0;
    while (bytes > 0) {
        const size_t most = bytes < FEED_AT_ONCE ? bytes : FEED_AT_ONCE;
        const char *nul = memchr(page, 0, most);
        const size_t now = nul ? (size_t)(nul - page) : most;
        if (now > 0) htmlParseChunk(html->parser, page, (int)now, 0);
        const size_t taken = now + (nul != NULL);
        page += taken;
        bytes -= taken;
    }
    if (last) htmlParseChunk(html->parser, "", 0, 1);
    const xmlError *why = xmlCtxtGetLastError(html->parser);
    if (html->status == LTM_OK && why && why->code == XML_ERR_NO_MEMORY)
        return fail_memory(error, FEED_AT_ONCE, html->name);
    return html->status == LTM_OK ? LTM_OK : fail_with(error, &html->cause);
}

const char *html_text_ready(const struct html_text *html, size_t *bytes) {
    *bytes = html->bytes;
    return html->text ? html->text + html->from : "";
}

void html_text_take(struct html_text *html, size_t bytes) {
    html->from += bytes;
    html->bytes -= bytes;
}

#else

const char *html_text_library(void) { return "none"; }

ltm_status html_text_open(struct html_text **html, const char *name, struct ltm_error *error) {
    *html = NULL;
    return fail(error, LTM_UNSUPPORTED,
                "%s is HTML, which this build cannot read: convert it first, or rebuild with "
                "libxml2 (Debian: libxml2-dev)",
                name);
}

void html_text_close(struct html_text *html) { (void)html; }

ltm_status html_text_feed(struct html_text *html, const char *page, size_t bytes, bool last, struct ltm_error *error) {
    (void)html;
    (void)page;
    (void)bytes;
    (void)last;
    return fail(error, LTM_UNSUPPORTED, "this build has no libxml2");
}

const char *html_text_ready(const struct html_text *html, size_t *bytes) {
    (void)html;
    *bytes = 0;
    return "";
}

void html_text_take(struct html_text *html, size_t bytes) {
    (void)html;
    (void)bytes;
}

#endif
