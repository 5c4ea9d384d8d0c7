#include "lost_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"

/* Only what a signal handler may call, from here on. */

static void say(const char *text, size_t bytes) {
    if (write(STDERR_FILENO, text, bytes) < 0) _exit(CLI_FAILED);
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

/* Hexadecimal digits; `*end` is the character behind them. */
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

/* The path of the file that lies at `address`: /proc/self/maps has lines "begin-end … /path". */
static bool file_at(uintptr_t address, char *path, size_t size) {
    static struct reader r;
    r = (struct reader){.descriptor = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
    if (r.descriptor < 0) return false;
    for (int c = 0; c >= 0;) {
        const uintptr_t begin = next_address(&r, &c), end = next_address(&r, &c);
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

static void tell(int number, siginfo_t *info, void *context) {
    static atomic_flag told = ATOMIC_FLAG_INIT;
    static char path[1024];
    static const char why[] =
        " can no longer be read: it was cut short, or its disk fails; put it back whole, and start again\n";
    (void)context;
    while (atomic_flag_test_and_set(&told)) pause(); /* another thread tells it */
    if (file_at((uintptr_t)info->si_addr, path, sizeof path)) {
        if (isatty(STDERR_FILENO)) say("\r\033[K", 4); /* in place of the bar */
        say("ltm: ", 5);
        say(path, strlen(path));
        say(why, sizeof why - 1);
        _exit(CLI_FAILED);
    }
    signal(number, SIG_DFL); /* not a file's: let it be seen as what it is */
}

void cli_tell_lost_files(void) {
    struct sigaction action = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}
