/* ltm COMMAND …: finds the command and runs it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ltm.h"
#include "signals.h"
#include "terminal.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
    bool divides; /* its work over processes; other commands need only one process */
};

static const struct command commands[] = {
    {"doctor", command_doctor, "check this machine: speed, libraries, what is slow and how to fix it", false},
    {"tokenizer", command_tokenizer, "train a SentencePiece model; convert text to tokens and back", false},
    {"corpus", command_corpus, "build token shards from text, or texts and items of synthetic tasks", false},
    {"train", command_train, "start or resume a run", true},
    {"average", command_average, "average the weights of several checkpoints", false},
    {"eval", command_eval, "score a model on a corpus: bound, recon, KL, bits a byte", true},
    {"fewshot", command_fewshot, "few-shot tasks: choices, last words, answers written and checked", true},
    {"score", command_score, "answer requests of another program's evaluation, line by line", false},
    {"probe", command_probe, "what thoughts hold of a synthetic task's known factors", false},
    {"generate", command_generate, "write text: from the prior, or continuing a prompt", true},
    {"serve", command_serve, "answer over HTTP: completions in the OpenAI form, and a page to try the model", false},
    {"sweep", command_sweep, "train and score a study: all combinations of what you name, to one table", true},
    {"watch", command_watch, "follow a run on the terminal: curve, rates, time left", false},
    {"report", command_report, "write a report on a run or a study: curves, tables, a scaling law", false},
    {"fit", command_fit, "fit a scaling law to any table of runs, with intervals", false},
    {"export", command_export, "write a model for other programs: a PyTorch module or a Llama checkpoint", false},
    {"inspect", command_inspect, "show what a checkpoint, shard, corpus, run or configuration contains", false},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out) {
    fputs("ltm: Latent Thought Models on CPUs\n\n"
          "usage: ltm COMMAND [argument …]\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fputs("\n"
          "See ltm COMMAND --help for each command; ltm --version prints the version.\n"
          "Results go to stdout, progress and errors to stderr. Exit codes: 0 success, 1 failure,\n"
          "2 invalid command line, 130 interrupted.\n",
          out);
}

static const struct command *find(const char *name) {
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int unknown(const char *name) {
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    const char *nearest = ltm_nearest_name(name, names, COMMANDS);
    if (nearest)
        cli_complain("there is no command \"%s\"; did you mean \"%s\"?", name, nearest);
    else
        cli_complain("there is no command \"%s\"; ltm --help lists them", name);
    return CLI_USAGE;
}

static int help(int argc, char **argv) {
    if (argc < 1) {
        print_help(stdout);
        return CLI_OK;
    }
    const struct command *command = find(argv[0]);
    if (!command) return unknown(argv[0]);
    char option[] = "--help";
    char *arguments[] = {argv[0], option, NULL};
    return command->run(2, arguments);
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return help(0, NULL);
    if (strcmp(name, "help") == 0) return help(argc - 2, argv + 2);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("ltm " LTM_VERSION);
        return CLI_OK;
    }
    const struct command *command = find(name);
    if (!command) return unknown(name);
    if (!command->divides && ltm_processes_launched_rank() > 0) return CLI_OK;
    return command->run(argc - 1, argv + 1);
}

/* If a standard stream is closed, the next file opened takes its descriptor, and messages would be written into that file. So open
 * /dev/null in its place, in a mode in which stdin cannot be read and stdout not written: using them is still an error. */
static bool take_closed_streams(void) {
    static const int modes[] = {[STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDWR};
    for (int i = 0; i < (int)(sizeof modes / sizeof *modes); i++)
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", modes[i]) != i) return false;
    return true;
}

int main(int argc, char **argv) {
    if (!take_closed_streams()) return CLI_FAILED;
    /* A file that grows past a limit then fails with an error message, as on a full disk. */
    signal(SIGXFSZ, SIG_IGN);
    cli_explain_fatal_signals();
    int code = run(argc, argv);
    /* A result that could not be written, to a full disk or a closed pipe, is a failure. */
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK) {
        cli_complain("cannot write the result: %s", errno ? strerror(errno) : "an earlier write failed");
        code = CLI_FAILED;
    }
    ltm_processes_end(code);
    return code;
}
