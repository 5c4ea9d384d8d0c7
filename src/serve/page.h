/* The page at /, src/serve/page.html, as the linker takes it in. */
#pragma once

#include <stddef.h>

extern const char page_begin[] __asm__("_binary_page_html_start");
extern const char page_end[] __asm__("_binary_page_html_end");

static inline const char *page_text(void) { return page_begin; }
static inline size_t page_bytes(void) { return (size_t)(page_end - page_begin); }
