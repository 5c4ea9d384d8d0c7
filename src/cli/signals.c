#include "signals.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "ltm/tokenizer.h"
#include "terminal.h"

static volatile sig_atomic_t stop;
static const char *volatile said_at_stop;

/* From here on, only functions that a signal handler may call. */

static void say(const char *text, size_t bytes) {
    if (write(STDERR_FILENO, text, bytes) < 0) _exit(CLI_FAILED);
}

/* Only one thread gets past this: others wait until it has ended the process. */
static void begin_sentence(void) {
    static atomic_flag begun = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&begun)) pause();
    if (isatty(STDERR_FILENO)) say("\r\033[K", 4); /* over the bar */
    say("ltm: ", 5);
}

struct reader {
    int descriptor;
    char buffer[4096];
    ssize_t count, at;
};

/* The next character, or -1. */
static int next(struct reader *r) {
    if (r->at == r->count) {
        r->count = read(r->descriptor, r->buffer, sizeof r->buffer);
        r->at = 0;
        if (r->count <= 0) return -1;
    }
    return (unsigned char)r->buffer[r->at++];
}

/* Hexadecimal digits; `*end` is the character after them. */
static uintptr_t next_address(struct reader *r, int *end) {
    static const char digits[] = "0123456789abcdef";
    uintptr_t address = 0;
    for (;;) {
        *end = next(r);
        const char *digit = *end > 0 ? strchr(digits, *end) : NULL;
        if (!digit) return address;
        address = 16 * address + (uintptr_t)(digit - digits);
    }
}

/* The path of the file mapped at `address`: /proc/self/maps has lines "begin-end … /path". */
static bool file_at(uintptr_t address, char *path, size_t size) {
    struct reader r = {.descriptor = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
    if (r.descriptor < 0) return false;
    for (int c = 0; c >= 0;) {
        const uintptr_t begin = next_address(&r, &c);
        const uintptr_t end = next_address(&r, &c);
        const bool here = address >= begin && address < end;
        size_t length = 0;
        while (c != '/' && c != '\n' && c >= 0) c = next(&r);
        for (; c != '\n' && c >= 0; c = next(&r))
            if (here && length < size - 1) path[length++] = (char)(c >= ' ' && c != 127 ? c : '?');
        path[length] = 0;
        if (here) return length > 0;
    }
    return false;
}

static void tell_lost_file(int number, siginfo_t *info, void *context) {
    char path[1024];
    static const char why[] =
        " can no longer be read: it was truncated, or its disk failed; restore the file, and start again\n";
    (void)context;
    if (file_at((uintptr_t)info->si_addr, path, sizeof path)) {
        begin_sentence();
        say(path, strlen(path));
        say(why, sizeof why - 1);
        _exit(CLI_FAILED);
    }
    signal(number, SIG_DFL); /* not from a file: let the signal end the process as usual */
}

static void tell_no_memory(void) {
    static const char what[] = "out of memory in SentencePiece; give it less text, or more memory\n";
    begin_sentence();
    say(what, sizeof what - 1);
    _exit(CLI_FAILED);
}

void cli_explain_fatal_signals(void) {
    struct sigaction action = {.sa_sigaction = tell_lost_file, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
    ltm_tokenizer_before_abort(tell_no_memory);
}

static void on_interrupt(int number) {
    if (stop && number == SIGXCPU) return; /* it is sent every second from the limit on */
    if (stop) _exit(CLI_INTERRUPTED);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED); /* may run on any thread; others read it */
    if (!said_at_stop) return;
    ssize_t written = write(STDERR_FILENO, said_at_stop, strlen(said_at_stop));
    (void)written; /* nothing can be done about it here */
}

volatile sig_atomic_t *cli_catch_interrupts(const char *said, bool restart) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = restart ? SA_RESTART : 0};
    struct sigaction before = {0};
    said_at_stop = said;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGXCPU, &action, NULL);
    sigaction(SIGUSR1, &action, NULL); /* mpirun forwards it, and Slurm sends it before the time limit */
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
    return &stop;
}
