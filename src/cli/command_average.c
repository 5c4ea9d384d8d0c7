/* ltm average */
#include <getopt.h>
#include <stdio.h>

#include "commands.h"
#include "ltm/average.h"
#include "ltm/names.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm average -o DIR CHECKPOINT CHECKPOINT…\n"
    "\n"
    "Writes the mean of the weights of several checkpoints, or runs (their best), as a checkpoint into the new folder DIR.\n"
    "All commands that read a checkpoint read it, and ltm train --from DIR starts from it. The models and tokenizers must\n"
    "match. Averaging helps for checkpoints of one run, or of runs that started from the same weights (--from); weights of\n"
    "independent runs have little in common.\n"
    "  -o DIR                 a new or empty folder\n";

int command_average(int argc, char **argv) {
    const char *folder = NULL;
    struct ltm_error error = {0};
    struct ltm_average_result result;
    const struct cli_option options[] = {{"output", .letter = 'o', .text = &folder}, {0}};
    const struct command_line line = {"average", usage, NULL, options};
    const int code = options_read(&line, argc, argv);
    if (code != CLI_GO_ON) return code;
    const int count = argc - optind;
    if (!folder) return cli_usage("average", "name a folder for the result, -o DIR");
    if (count < 2) return cli_usage("average", "name at least two checkpoints");
    if (ltm_average((const char *const *)argv + optind, count, folder, &result, &error) != LTM_OK)
        return cli_fail(&error);
    cli_print_line(stdout, "%s: the mean of %d models of %lld weight%s, of slow step %lld", folder, count,
                   (long long)result.weights, ltm_plural(result.weights), (long long)result.step);
    return CLI_OK;
}
