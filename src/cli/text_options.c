#include "text_options.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"
#include "text_io.h"

int text_options_on_bad(void *input, const char *text) {
    static const char *const names[] = {
        [LTM_BAD_REFUSE] = "refuse", [LTM_BAD_SKIP] = "skip", [LTM_BAD_REPLACE] = "replace"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            ((struct ltm_text_input *)input)->on_bad = (enum ltm_on_bad)i;
            return CLI_OK;
        }
    cli_complain("--on-bad takes refuse, skip or replace, not \"%s\"", text);
    return CLI_USAGE;
}

int text_options_stdin_as(void *input, const char *text) {
    static char name[64] = "-";
    if (text[0] != '.' || strlen(text) > sizeof name - 2) {
        cli_complain("--stdin-as takes a file name extension, such as .jsonl, not \"%s\"", text);
        return CLI_USAGE;
    }
    snprintf(name + 1, sizeof name - 1, "%s", text);
    ((struct ltm_text_input *)input)->stdin_name = name;
    return CLI_OK;
}

static int add(struct text_inputs *inputs, const char *path) {
    if (inputs->count == inputs->room) {
        const size_t room = 2 * inputs->room + 16;
        char **paths = realloc((void *)inputs->paths, room * sizeof *paths);
        if (!paths) return cli_no_memory();
        inputs->paths = paths;
        inputs->room = room;
    }
    inputs->paths[inputs->count] = strdup(path);
    return inputs->paths[inputs->count] && ++inputs->count ? CLI_GO_ON : cli_no_memory();
}

static int add_pattern(struct text_inputs *inputs, const char *pattern) {
    glob_t found;
    int code = CLI_GO_ON;
    if (!strpbrk(pattern, "*?[") || access(pattern, F_OK) == 0) return add(inputs, pattern);
    const int failed = glob(pattern, 0, NULL, &found);
    if (failed == GLOB_NOSPACE) return cli_no_memory();
    if (failed) {
        cli_complain("no file matches %s", pattern);
        return CLI_FAILED;
    }
    for (size_t i = 0; i < found.gl_pathc && code == CLI_GO_ON; i++) code = add(inputs, found.gl_pathv[i]);
    globfree(&found);
    return code;
}

static int add_list(struct text_inputs *inputs, const char *list) {
    FILE *file = strcmp(list, "-") == 0 ? stdin : fopen(list, "r");
    char *line = NULL;
    size_t room = 0;
    int code = CLI_GO_ON;
    if (!file) {
        cli_complain("cannot read %s: %s", list, strerror(errno));
        return CLI_FAILED;
    }
    while (code == CLI_GO_ON && cli_read_line(&line, &room, file) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        if (*line) code = add(inputs, line);
    }
    if (code == CLI_GO_ON && ferror(file)) {
        cli_complain("cannot read %s: %s", list, strerror(errno));
        code = CLI_FAILED;
    }
    free(line);
    if (file != stdin) fclose(file);
    return code;
}

/* Inputs are read twice, so standard input is copied to an unlinked temporary file. */
static int copy_stdin(struct ltm_text_input *input) {
    static char copy[64];
    static char buffer[1 << 16];
    const char *folder = getenv("TMPDIR");
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/ltm-stdin-XXXXXX", folder && *folder ? folder : "/tmp");
    const int to = length < (int)sizeof path ? mkstemp(path) : -1;
    FILE *file = to >= 0 ? fdopen(to, "wb") : NULL;
    size_t got;
    if (to >= 0) unlink(path);
    while (file && (got = fread(buffer, 1, sizeof buffer, stdin)) > 0 && fwrite(buffer, 1, got, file) == got) continue;
    if (!file || ferror(stdin) || ferror(file) || fflush(file) != 0) {
        cli_complain("cannot copy standard input to %s: %s", path, strerror(errno));
        return CLI_FAILED;
    }
    snprintf(copy, sizeof copy, "/proc/self/fd/%d", to); /* stays open until the program ends */
    input->stdin_path = copy;
    if (!input->stdin_name) input->stdin_name = "-.txt";
    return CLI_GO_ON;
}

int text_inputs_gather(struct text_inputs *inputs, struct ltm_text_input *input, char **arguments, int count,
                       const char *list, const char *command) {
    int code = CLI_GO_ON;
    *inputs = (struct text_inputs){0};
    for (int i = 0; i < count && code == CLI_GO_ON; i++) code = add_pattern(inputs, arguments[i]);
    if (list && code == CLI_GO_ON) code = add_list(inputs, list);
    if (code == CLI_GO_ON && inputs->count == 0) code = cli_usage(command, "name the text to read");
    bool copied = false;
    for (size_t i = 0; i < inputs->count && code == CLI_GO_ON && !copied; i++)
        if (strcmp(inputs->paths[i], "-") == 0) {
            code = list && strcmp(list, "-") == 0 ? cli_usage(command, "standard input is the list already")
                                                  : copy_stdin(input);
            copied = true;
        }
    input->paths = (const char *const *)inputs->paths;
    input->count = inputs->count;
    if (code != CLI_GO_ON) text_inputs_free(inputs);
    return code;
}

void text_inputs_free(struct text_inputs *inputs) {
    for (size_t i = 0; i < inputs->count; i++) free(inputs->paths[i]);
    free((void *)inputs->paths);
    *inputs = (struct text_inputs){0};
}
