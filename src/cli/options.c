#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

/* What a number's suffix multiplies by; 0 for what is no suffix. */
static int64_t suffix_factor(const char *end) {
    if (!*end) return 1;
    if (end[1]) return 0;
    return *end == 'k' || *end == 'K' ? 1000 : *end == 'M' ? 1000000 : *end == 'G' ? 1000000000 : 0;
}

bool cli_integer(const char *command, const char *option, const char *text, int64_t least, int64_t most,
                 int64_t *value) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    int64_t factor = suffix_factor(end), product = 0;
    if (end == text || factor == 0) {
        cli_usage(command, "%s takes a whole number, not \"%s\"", option, text);
        return false;
    }
    if (errno == ERANGE || __builtin_mul_overflow((int64_t)number, factor, &product) || product < least ||
        product > most) {
        if (most == INT64_MAX)
            cli_usage(command, "%s takes a number from %lld, not %s", option, (long long)least, text);
        else
            cli_usage(command, "%s takes a number from %lld to %lld, not %s", option, (long long)least, (long long)most,
                      text);
        return false;
    }
    *value = product;
    return true;
}

bool cli_real(const char *command, const char *option, const char *text, double least, double most, double *value) {
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || !isfinite(number)) {
        cli_usage(command, "%s takes a number, not \"%s\"", option, text);
        return false;
    }
    if (number < least || number > most) {
        cli_usage(command, "%s takes a number from %g to %g, not %s", option, least, most, text);
        return false;
    }
    *value = number;
    return true;
}

int cli_bad_option(const char *command, char **argv, int answer) {
    /* A long option stands whole in the argument just passed; a short one is in optopt alone. */
    char letter[3] = {'-', (char)optopt, 0};
    const char *passed = argv[optind - 1];
    const char *name = optopt && strncmp(passed, "--", 2) != 0 ? letter : passed;
    if (answer == ':') return cli_usage(command, "%s needs a value behind it", name);
    return cli_usage(command, "there is no option %s", name);
}
