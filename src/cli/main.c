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
    bool divides; /* its work, over processes; of other commands one process is enough */
};

static const struct command commands[] = {
    {"doctor", command_doctor, "look at this machine: speed, libraries, what is slow and how to mend it", false},
    {"tokenizer", command_tokenizer, "train a SentencePiece model; text to tokens and back", false},
    {"corpus", command_corpus, "build token shards from text: a training and a held-out split", false},
    {"train", command_train, "begin a run, or go on with it", true},
    {"average", command_average, "the mean of several checkpoints' weights, as a checkpoint", false},
    {"eval", command_eval, "score a model on a corpus: bound, recon, KL, bits a byte", true},
    {"fewshot", command_fewshot, "few-shot tasks: choices, last words, answers written and checked", true},
    {"score", command_score, "answer requests of another program's evaluation, line by line", false},
    {"probe", command_probe, "what thoughts hold of a synthetic task's known factors", false},
    {"generate", command_generate, "write text: from the prior, or going on from a prompt", true},
    {"serve", command_serve, "answer over HTTP: completions in the OpenAI form, and a page to try the model", false},
    {"sweep", command_sweep, "train and score a study: all combinations of what you name, to one table", true},
    {"watch", command_watch, "follow a run on the terminal: curve, rates, time left", false},
    {"report", command_report, "show a run or a study: curves, tables, a scaling law and what it says", false},
    {"fit", command_fit, "a scaling law fitted to a table of runs that anybody made, with intervals", false},
    {"export", command_export, "write a model for other programs: a PyTorch module, or a Llama", false},
    {"inspect", command_inspect, "show what a checkpoint, shard, corpus, run or configuration holds", false},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out) {
    fputs("ltm: Latent Thought Models on CPUs\n\n"
          "usage: ltm COMMAND [argument …]\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fputs("\n"
          "ltm COMMAND --help says more; ltm --version says which one this is.\n"
          "Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed,\n"
          "2 a command line that cannot be understood, 130 interrupted.\n",
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

/* A standard stream that was closed would be the next file that is opened, and what is said would be written into that one. Its
 * place is taken by what nothing can be read from, or written to, so that using it is an error still; only what is said is lost. */
static bool take_closed_streams(void) {
    static const int modes[] = {[STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDWR};
    for (int i = 0; i < (int)(sizeof modes / sizeof *modes); i++)
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", modes[i]) != i) return false;
    return true;
}

int main(int argc, char **argv) {
    if (!take_closed_streams()) return CLI_FAILED;
    /* A file that grows past a limit is then an error with a sentence, as a full disk is. */
    signal(SIGXFSZ, SIG_IGN);
    cli_explain_fatal_signals();
    int code = run(argc, argv);
    /* A result that did not reach a full disk or a closed pipe is a failure. */
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK) {
        cli_complain("cannot write the result: %s", errno ? strerror(errno) : "an earlier write failed");
        code = CLI_FAILED;
    }
    ltm_processes_end(code);
    return code;
}
