/* What a build without libmicrohttpd has in place of http.c. */
#include "serve/http.h"

#include "base/error.h"
#include "ltm/serve.h"

#if !LTM_HTTP

const char *http_library(void) { return "none"; }

ltm_status ltm_serve(const struct ltm_model *model, const struct ltm_serve_options *options,
                     const struct ltm_serve_hooks *hooks, struct ltm_error *error) {
    (void)model, (void)options, (void)hooks;
    return fail(error, LTM_UNSUPPORTED,
                "this build of ltm is without libmicrohttpd; install it (Debian: libmicrohttpd-dev) and build again");
}

#endif
