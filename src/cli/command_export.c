/* ltm export */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ltm/export.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm export CHECKPOINT -o DIR [--as torch|llama]\n"
    "\n"
    "Writes a model for other programs. CHECKPOINT is its folder, or a run's folder (its best).\n"
    "  -o, --output DIR       the folder; an old export there is replaced, anything else is refused\n"
    "  --as torch             model.safetensors and model.py, a PyTorch module of this configuration (the default):\n"
    "                         import model; m = model.load(); logits = m(tokens, z)\n"
    "  --as llama             model.safetensors and config.json in the form of transformers for Llama, or for Mistral if\n"
    "                         model.window is below model.sequence; only for models without latents, loops and the like\n"
    "\n"
    "ltm eval CHECKPOINT CORPUS eval.dump=FILE writes fitted posteriors to a safetensors file; ltm inspect RUN --csv writes\n"
    "the log of a run as CSV.\n";

static int take_form(void *user, const char *text) {
    for (int i = 0; ltm_export_name(i); i++)
        if (strcmp(text, ltm_export_name(i)) == 0) {
            *(enum ltm_export_form *)user = (enum ltm_export_form)i;
            return CLI_OK;
        }
    return cli_usage("export", "--as takes torch or llama, not \"%s\"", text);
}

int command_export(int argc, char **argv) {
    const char *folder = NULL;
    enum ltm_export_form form = LTM_EXPORT_TORCH;
    struct ltm_error error = {0};
    const struct cli_option options[] = {
        {"output", .letter = 'o', .text = &folder}, {"as", .take = take_form, .user = &form}, {0}};
    const struct command_line line = {"export", usage, NULL, options};
    const int code = options_read(&line, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (optind + 1 != argc) return cli_usage("export", "name one checkpoint or run");
    if (!folder) return cli_usage("export", "name the folder to write with -o DIR");
    if (ltm_export(argv[optind], folder, form, &error) != LTM_OK) return cli_fail(&error);
    cli_print_line(stdout, "%s: %s", folder, ltm_export_name((int)form));
    return CLI_OK;
}
