/* What the server is made with. */
#pragma once

/* libmicrohttpd's version, or "none". Static storage. */
const char *http_library(void);
