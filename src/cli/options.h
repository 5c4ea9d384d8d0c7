/* Reading a command line with getopt_long, and saying what is wrong with it.
 *
 *     opterr = 0;
 *     while ((option = getopt_long(argc, argv, ":hs:", long_options, NULL)) != -1)
 *         switch (option) {
 *         case 's': if (!cli_integer("generate", "--seed", optarg, 0, INT64_MAX, &seed)) return CLI_USAGE; break;
 *         default: return cli_bad_option("generate", argv, option);
 *         } */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* A number in least … most. False after a usage error was printed. Integers may end in k, M or G (thousands). */
bool cli_integer(const char *command, const char *option, const char *text, int64_t least, int64_t most,
                 int64_t *value);
bool cli_real(const char *command, const char *option, const char *text, double least, double most, double *value);

/* For what getopt_long answers with '?' or ':' (the short options must begin with ':'): print which option is
 * unknown or lacks its value; returns CLI_USAGE. */
int cli_bad_option(const char *command, char **argv, int answer);

#endif
