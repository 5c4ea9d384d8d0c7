#include "lab/gnuplot.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

bool gnuplot_available(void) {
    const char *folders = getenv("PATH");
    char path[4096];
    if (!folders) return false;
    for (size_t length; *folders; folders += length + (folders[length] == ':')) {
        length = strcspn(folders, ":");
        const int used = snprintf(path, sizeof path, "%.*s/gnuplot", (int)length, length ? folders : ".");
        if (used > 0 && (size_t)used < sizeof path && access(path, X_OK) == 0) return true;
    }
    return false;
}

/* -d: user settings do not change a report. Unnamed files are its three streams: no pipe can fill up. */
static int spawn_and_wait(FILE *in, FILE *out, FILE *complaints, int *code) {
    char name[] = "gnuplot";
    char settings[] = "-d";
    char *const arguments[] = {name, settings, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed) return failed;
    FILE *const streams[] = {in, out, complaints};
    for (int i = 0; i < 3 && !failed; i++) failed = posix_spawn_file_actions_adddup2(&actions, fileno(streams[i]), i);
    if (!failed) failed = posix_spawnp(&child, name, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed) return failed;
    while (waitpid(child, code, 0) < 0)
        if (errno != EINTR) return errno;
    return 0;
}

static char *read_all(FILE *file) {
    long bytes;
    if (fseek(file, 0, SEEK_END) != 0 || (bytes = ftell(file)) < 0) return NULL;
    char *text = malloc((size_t)bytes + 1);
    if (!text) return NULL;
    rewind(file);
    text[fread(text, 1, (size_t)bytes, file)] = 0;
    return text;
}

static ltm_status run(FILE *files[3], const char *script, char **output, struct ltm_error *error) {
    char complaint[200] = "";
    int code = 0;
    for (int i = 0; i < 3; i++)
        if (!(files[i] = tmpfile())) return fail(error, LTM_IO, "cannot write a file for gnuplot: %s", strerror(errno));
    if (fputs(script, files[0]) < 0 || fflush(files[0]) != 0)
        return fail(error, LTM_IO, "cannot write a file for gnuplot: %s", strerror(errno));
    rewind(files[0]);
    const int failed = spawn_and_wait(files[0], files[1], files[2], &code);
    if (failed == ENOENT) return fail(error, LTM_UNSUPPORTED, "there is no gnuplot on the PATH; install gnuplot-nox");
    if (failed) return fail(error, LTM_EXTERNAL, "gnuplot could not be run: %s", strerror(failed));
    *output = read_all(files[1]);
    if (!*output) return fail(error, LTM_MEMORY, "out of memory for what gnuplot drew");
    if (WIFEXITED(code) && WEXITSTATUS(code) == 0 && strstr(*output, "</svg>")) return LTM_OK;
    rewind(files[2]);
    while (fgets(complaint, sizeof complaint, files[2]) && strspn(complaint, " \t\n^") == strlen(complaint)) {
    }
    complaint[strcspn(complaint, "\n")] = 0;
    return fail(error, LTM_EXTERNAL, "gnuplot could not draw a picture%s%s", *complaint ? ": " : "", complaint);
}

ltm_status gnuplot_run(const char *script, char **output, struct ltm_error *error) {
    FILE *files[3] = {NULL};
    *output = NULL;
    ltm_status status = run(files, script, output, error);
    for (int i = 0; i < 3; i++)
        if (files[i]) fclose(files[i]);
    if (status != LTM_OK) {
        free(*output);
        *output = NULL;
    }
    return status;
}
