/* The text of HTML, read piece by piece by libxml2: scripts, styles and the title are left out, character references are replaced, white
 * space is collapsed outside <pre>, blocks become lines (table rows, list items, <br>) or paragraphs between empty
 * lines (the others). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct html_text;

const char *html_text_library(void); /* "libxml2 2.9.14", or "none" */

/* LTM_UNSUPPORTED in a build without libxml2. `name` is the file's, for messages. */
ltm_status html_text_open(struct html_text **html, const char *name, struct ltm_error *error);
void html_text_close(struct html_text *html); /* NULL is fine */

/* More of the page, valid UTF-8; `last`: it ends here. */
ltm_status html_text_feed(struct html_text *html, const char *page, size_t bytes, bool last, struct ltm_error *error);

/* The text not yet consumed; valid until the next call. */
const char *html_text_ready(const struct html_text *html, size_t *bytes);
void html_text_take(struct html_text *html, size_t bytes);
