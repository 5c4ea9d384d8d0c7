#include "generate_interactive.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ltm/names.h"
#include "ltm/session.h"
#include "options.h"
#include "terminal.h"
#include "text_io.h"

static const char help[] =
    "Type text and the model continues it; an empty line lets it continue its own. Each line is appended as typed, after a\n"
    "newline unless it is the first; // begins a line with one slash. z is kept from turn to turn.\n"
    "  /refit    fit z on the text so far, and draw it from that posterior\n"
    "  /z        show z: the norm of each latent, and the KL from its posterior to the prior\n"
    "  /z new    draw another z, from the posterior of the last /refit or else from the prior\n"
    "  /seed N   set the random seed from here on\n"
    "  /new      forget the text so far, and draw z from the prior\n"
    "  /help     show this help\n"
    "  /quit     quit (so does the end of the input)\n"
    "Streaming latents move with the text: z is not fitted or drawn, and /new resets it to its start.\n";

struct conversation {
    struct ltm_session *session;
    volatile sig_atomic_t *stop;
    bool terminal;      /* the input is a terminal: print a prompt */
    bool at_line_begin; /* of the output */
    bool begun;         /* something has been said or written */
};

static bool on_text(void *user, const struct ltm_sample *sample, size_t fresh) {
    struct conversation *c = user;
    cli_print_text(sample->text + sample->bytes - fresh, fresh);
    fflush(stdout);
    if (fresh) c->at_line_begin = sample->text[sample->bytes - 1] == '\n';
    return !*c->stop && !ferror(stdout);
}

static void tell_slid(const struct conversation *c, int slid) {
    struct ltm_session_state state;
    if (slid == 0) return;
    ltm_session_state(c->session, &state);
    fprintf(stderr, "(the text is longer than the model's %d tokens: the oldest %d are forgotten%s)\n", state.room,
            slid,
            state.latents == 0 ? ""
            : state.streams    ? ", z keeps their effect"
                               : ", z stays; /refit fits it on the rest");
}

static ltm_status take_turn(struct conversation *c, const char *line, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    int slid = 0;
    int more = 0;
    if (*line) {
        char *text = malloc(strlen(line) + 2);
        if (!text) return error->code = LTM_MEMORY;
        sprintf(text, "%s%s", c->begun ? "\n" : "", line);
        status = ltm_session_say(c->session, text, &slid, error);
        free(text);
    }
    if (status != LTM_OK) return status;
    c->begun = true;
    c->at_line_begin = true;
    status = ltm_session_write(c->session, on_text, c, &more, error);
    if (!c->at_line_begin) putchar('\n');
    fflush(stdout);
    *c->stop = 0; /* an interrupt has ended this turn */
    tell_slid(c, slid + more);
    return status;
}

static void show_z(const struct conversation *c) {
    struct ltm_session_state s;
    ltm_session_state(c->session, &s);
    if (s.latents == 0) {
        puts("no z: the model has no latents");
        return;
    }
    if (s.streams)
        printf("z has moved after every complete chunk of the text: mean |u| %.3f\n", s.mean_norm);
    else if (s.fitted)
        printf("z from the posterior of the last /refit: KL %.3f nats to the prior, mean |mu| %.3f, mean sigma %.3f\n",
               s.kl, s.mean_norm, s.mean_sigma);
    else
        puts("z from the prior: KL 0 nats");
    printf("|%s| of its %d latents of %d numbers, layer by layer (a draw from the prior has about %.1f):\n",
           s.streams ? "u" : "z", s.latents, s.dim, sqrt(s.dim));
    const int each = s.latents / s.layers;
    double *norms = malloc((size_t)each * sizeof *norms);
    for (int l = s.first_layer; norms && l < s.first_layer + s.layers; l++) {
        ltm_session_norms(c->session, l, norms);
        printf("  %2d:", l);
        for (int i = 0; i < each; i++) printf(" %.2f", norms[i]);
        putchar('\n');
    }
    free(norms);
    printf("%d of %d tokens used\n", s.tokens, s.room);
}

/* A line that begins with a slash. False to end. */
static bool obey(struct conversation *c, const char *line) {
    static const char *const names[] = {"/refit", "/z", "/z new", "/seed", "/new", "/help", "/quit"};
    struct ltm_error error = {0};
    struct ltm_session_state state;
    uint64_t seed;
    ltm_status status = LTM_OK;
    if (strcmp(line, "/quit") == 0) return false;
    if (strcmp(line, "/help") == 0)
        fputs(help, stdout);
    else if (strcmp(line, "/z") == 0)
        show_z(c);
    else if (strcmp(line, "/z new") == 0) {
        status = ltm_session_redraw(c->session, &error);
        if (status == LTM_OK) puts("another z");
    } else if (strcmp(line, "/refit") == 0) {
        status = ltm_session_refit(c->session, &error);
        ltm_session_state(c->session, &state);
        if (status == LTM_OK) printf("z fitted on %d tokens: KL %.3f nats\n", state.tokens, state.kl);
    } else if (strncmp(line, "/seed ", 6) == 0) {
        if (option_seed("generate", line + 6, &seed) == CLI_OK) {
            ltm_session_seed(c->session, seed);
            printf("seed %llu\n", (unsigned long long)seed);
        }
    } else if (strcmp(line, "/new") == 0) {
        ltm_session_restart(c->session);
        c->begun = false;
        puts("text forgotten, z from the prior");
    } else {
        const char *nearest = ltm_nearest_name(line, names, sizeof names / sizeof *names);
        cli_complain("there is no command \"%s\"%s%s; /help lists them", line, nearest ? "; did you mean " : "",
                     nearest ? nearest : "");
    }
    fflush(stdout);
    if (status != LTM_OK) cli_complain("%s", error.message);
    return true;
}

/* The next line without its newline; -1 at the input's end or an interrupt, CLI_LINE_LONG. */
static ssize_t next_line(const struct conversation *c, char **line, size_t *room) {
    if (c->terminal) fputs("> ", stderr);
    ssize_t bytes = cli_read_line(line, room, stdin);
    if (bytes < 0) return bytes;
    while (bytes > 0 && ((*line)[bytes - 1] == '\n' || (*line)[bytes - 1] == '\r')) (*line)[--bytes] = 0;
    return bytes;
}

int generate_interactive(const struct ltm_model *model, const struct ltm_generate_options *options, const char *prompt,
                         const char *state, volatile sig_atomic_t *stop) {
    struct ltm_error error = {0};
    struct conversation c = {.stop = stop, .terminal = isatty(STDIN_FILENO)};
    char *line = NULL;
    size_t room = 0;
    ltm_status status = ltm_session_open(&c.session, model, options, &error);
    if (status == LTM_OK && state && access(state, F_OK) == 0) {
        struct ltm_session_state loaded;
        status = ltm_session_load(c.session, state, &error);
        ltm_session_state(c.session, &loaded);
        c.begun = loaded.begun;
    } else if (status == LTM_OK && state)
        status = ltm_session_save(c.session, state, &error); /* what cannot be kept is refused before a word is said */
    if (status == LTM_OK && c.terminal) fputs(help, stderr);
    if (status == LTM_OK && prompt) status = take_turn(&c, prompt, &error);
    while (status == LTM_OK && !ferror(stdout)) {
        const ssize_t bytes = next_line(&c, &line, &room);
        if (bytes == CLI_LINE_LONG) {
            error.code = status = LTM_INVALID;
            snprintf(error.message, sizeof error.message, CLI_LINE_COMPLAINT);
            break;
        }
        if (bytes < 0) break;
        if (strlen(line) < (size_t)bytes) {
            cli_complain("a line with a zero byte is not text");
            continue;
        }
        if (line[0] == '/' && line[1] != '/') {
            if (!obey(&c, line)) break;
            continue;
        }
        status = take_turn(&c, line + (line[0] == '/'), &error);
        if (status == LTM_INVALID) { /* such as invalid UTF-8: the next line may be valid */
            cli_complain("%s", error.message);
            status = LTM_OK;
        }
    }
    const bool interrupted = *stop;
    if (status == LTM_OK && state) status = ltm_session_save(c.session, state, &error);
    ltm_session_close(c.session);
    free(line);
    if (status != LTM_OK) return cli_fail(&error);
    if (c.terminal) fputc('\n', stderr);
    return interrupted ? CLI_INTERRUPTED : CLI_OK;
}
