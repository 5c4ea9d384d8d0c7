#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

int option_number(const char *command, const char *name, const char *text, long long least, long long most,
                  long long *value) {
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (end != text && *end) { /* 10M, 1e6: as configurations write them */
        const double unit = strcmp(end, "k") == 0 ? 1e3 : strcmp(end, "M") == 0 ? 1e6 : strcmp(end, "G") == 0 ? 1e9 : 0;
        const double number = unit > 0 ? (double)*value * unit : strtod(text, &end);
        if (unit > 0) end += 1;
        if (number != floor(number) || fabs(number) > 9e15)
            return cli_usage(command, "%s wants a whole number, not \"%s\"", name, text);
        *value = (long long)number;
    }
    if (end == text || *end) return cli_usage(command, "%s wants a whole number, not \"%s\"", name, text);
    if (errno || *value < least || *value > most)
        return cli_usage(command, "%s %s is out of range: %lld to %lld", name, text, least, most);
    return CLI_OK;
}

int option_real(const char *command, const char *name, const char *text, double least, double most, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end == text || *end) return cli_usage(command, "%s wants a number, not \"%s\"", name, text);
    if (!(*value >= least && *value <= most))
        return cli_usage(command, "%s %s is out of range: %g to %g", name, text, least, most);
    return CLI_OK;
}

int option_share(const char *command, const char *name, const char *text, double *value) {
    return option_real(command, name, text, 0, 1, value);
}

int option_seed(const char *command, const char *text, uint64_t *value) {
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (end == text || *end || errno || *text == '-')
        return cli_usage(command, "--seed wants a whole number from 0 to 18446744073709551615, not \"%s\"", text);
    return CLI_OK;
}

bool option_is_named(const char *option, const char *name, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (option[i] != (name[i] == '_' ? '-' : name[i])) return false;
    return option[length] == 0;
}

int option_unknown(const char *command, char **argv) {
    const char *word = argv[optind - 1];
    if (!optopt) return cli_usage(command, "there is no option %s", word);
    if (word[0] == '-' && word[1] == '-') return cli_usage(command, "%s: this option takes no value", word);
    return cli_usage(command, "there is no option -%c", optopt);
}
