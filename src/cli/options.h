/* Values of command-line options, checked. Each returns CLI_OK, or prints what is wrong and returns CLI_USAGE. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTION_THREADS_MOST = 4096 };

int option_number(const char *command, const char *name, const char *text, long long least, long long most,
                  long long *value);
int option_real(const char *command, const char *name, const char *text, double least, double most, double *value);
int option_share(const char *command, const char *name, const char *text, double *value); /* 0 … 1 */
int option_seed(const char *command, const char *text, uint64_t *value);

/* After getopt_long found an option that it does not know (its short options begin with ':', so that it prints nothing). */
int option_unknown(const char *command, char **argv);

/* Whether `name`, of `length` characters, is that of a long option, with _ where the option has -: top_k and top-k. */
bool option_is_named(const char *option, const char *name, size_t length);

#endif
