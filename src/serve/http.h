/* The HTTP library of this build. */
#pragma once

/* libmicrohttpd's version, or "none". Static storage. */
const char *http_library(void);
