#include "generate_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "text_io.h"

static const char *prompt_of(const struct generate_output *output, const struct ltm_sample *sample) {
    return output->options->prompts ? output->options->prompts[sample->prompt] : NULL;
}

/* What the sample's text continues. */
static const char *begin_of(const struct generate_output *output, const struct ltm_sample *sample) {
    return output->options->z_only ? NULL : prompt_of(output, sample);
}

static void print_text(struct generate_output *output, const char *text, size_t bytes) {
    if (bytes == 0) return;
    cli_print_text(text, bytes);
    output->at_line_begin = text[bytes - 1] == '\n';
}

static void begin_sample(struct generate_output *output, const struct ltm_sample *sample) {
    const char *prompt = begin_of(output, sample);
    if (output->begun++ > 0) print_text(output, "----\n", 5);
    if (prompt) print_text(output, prompt, strlen(prompt));
}

/* A model early in training writes bytes that are not valid UTF-8, but JSON and a judge need text: U+FFFD replaces each. */
static char *clean_text(const char *text, size_t bytes, size_t *used) {
    char *clean = malloc(3 * bytes + 1);
    *used = 0;
    if (!clean) return NULL;
    for (size_t i = 0; i < bytes;) {
        uint32_t code;
        size_t length = utf8_character(text + i, bytes - i, &code);
        if (length > bytes - i) length = 0;
        memcpy(clean + *used, length ? text + i : "\xef\xbf\xbd", length ? length : 3);
        *used += length ? length : 3;
        i += length ? length : 1;
    }
    clean[*used] = 0;
    return clean;
}

/* Print the rest of the text, cleaned: all of it, or up to a character that may be incomplete. */
static bool print_fresh(struct generate_output *output, const struct ltm_sample *sample, bool all) {
    const char *fresh = sample->text + output->printed;
    size_t bytes = sample->bytes - output->printed;
    size_t used;
    if (!all) bytes -= utf8_unfinished(fresh, bytes);
    char *clean = clean_text(fresh, bytes, &used);
    if (!clean) return false;
    print_text(output, clean, used);
    free(clean);
    output->printed += bytes;
    return true;
}

static bool fail_output(struct generate_output *output, const char *problem) {
    if (!*output->problem) snprintf(output->problem, sizeof output->problem, "%s", problem);
    return false;
}

static bool fail_file(struct generate_output *output, const char *why) {
    char problem[sizeof output->problem];
    snprintf(problem, sizeof problem, "cannot write %s: %s", output->path ? output->path : "the result", why);
    return fail_output(output, problem);
}

bool generate_on_text(void *user, const struct ltm_sample *sample, size_t fresh) {
    struct generate_output *output = user;
    (void)fresh;
    if (!output->begun) begin_sample(output, sample);
    if (!print_fresh(output, sample, false)) return fail_output(output, "out of memory for a sample");
    fflush(stdout);
    return !ferror(stdout);
}

/* The path may be a device or a pipe, such as /dev/stdout; but a pipe without a reader is refused, not waited for. */
static bool open_file(struct generate_output *output) {
    const int descriptor = open(output->path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno == ENXIO) return fail_file(output, "this pipe has no reader");
    if (descriptor < 0) return fail_file(output, strerror(errno));
    const int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) < 0 || !(output->file = fdopen(descriptor, "w"))) {
        const int number = errno;
        close(descriptor);
        return fail_file(output, strerror(number));
    }
    return true;
}

bool generate_output_try(struct generate_output *output) {
    struct ltm_error error;
    if (!output->path) return true;
    if (access(output->path, F_OK) == 0) return open_file(output);
    return ltm_output_try(output->path, &error) == LTM_OK || fail_output(output, error.message);
}

/* Truncate the file of an earlier call only once there is something to replace its content. */
static bool begin_file(struct generate_output *output) {
    struct stat info;
    if (!output->file && !open_file(output)) return false;
    if (fstat(fileno(output->file), &info) != 0 || (S_ISREG(info.st_mode) && ftruncate(fileno(output->file), 0) != 0))
        return fail_file(output, strerror(errno));
    output->started = true;
    return true;
}

/* Write each line with a single write, so that an interrupted run leaves only complete lines. */
static bool write_line(struct generate_output *output, const struct ltm_sample *sample, const char *text,
                       size_t bytes) {
    static const char *const finishes[] = {"length", "end", "stop"};
    if (output->path && !output->started && !begin_file(output)) return false;
    FILE *to = output->file ? output->file : stdout;
    json_t *string = json_stringn_nocheck(text, bytes);
    json_t *line =
        json_pack("{s:I, s:s?, s:o, s:i, s:f, s:b, s:s, s:f, s:i, s:I}", "sample", (json_int_t)sample->number, "prompt",
                  prompt_of(output, sample), "text", string, "tokens", sample->tokens, "log_p", sample->log_p, "ended",
                  sample->finish == LTM_FINISH_END, "finish", finishes[sample->finish], "depth", sample->depth,
                  "cropped", sample->cropped, "seed", (json_int_t)output->options->seed);
    char *written = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(line);
    if (!written) return fail_output(output, "out of memory for a sample");
    const bool fine = fprintf(to, "%s\n", written) >= 0 && fflush(to) == 0;
    free(written);
    if (!fine) return fail_file(output, strerror(errno));
    if (output->file) output->bytes = ftell(to);
    return true;
}

static bool keep(struct generate_output *output, const struct ltm_sample *sample, char *text, size_t bytes) {
    const size_t at = (size_t)output->written;
    if (at == output->room) {
        const size_t room = at ? 2 * at : 64;
        struct ltm_text *grown = realloc(output->texts, room * sizeof *grown);
        if (!grown) {
            free(text);
            return fail_output(output, "out of memory for the samples; ask for fewer, or drop --stats and --judge");
        }
        output->texts = grown;
        output->room = room;
    }
    output->texts[at] = (struct ltm_text){begin_of(output, sample), text, bytes, sample->finish == LTM_FINISH_END};
    return true;
}

bool generate_on_sample(void *user, const struct ltm_sample *sample) {
    struct generate_output *output = user;
    output->tokens += sample->tokens;
    output->log_p += sample->log_p;
    output->loops += sample->depth * sample->tokens;
    if (!output->path && !output->json) {
        if (!output->streams || !output->begun) begin_sample(output, sample);
        if (!print_fresh(output, sample, true)) return fail_output(output, "out of memory for a sample");
        output->printed = 0;
        if (!output->at_line_begin) print_text(output, "\n", 1);
        fflush(stdout);
        if (ferror(stdout)) return fail_file(output, strerror(errno));
    }
    if (output->path || output->json || output->keeps) {
        size_t bytes;
        char *clean = clean_text(sample->text, sample->bytes, &bytes);
        if (!clean) return fail_output(output, "out of memory for a sample");
        const bool writes = output->path || output->json;
        if (writes && !write_line(output, sample, clean, bytes)) {
            free(clean);
            return false;
        }
        if (!output->keeps)
            free(clean);
        else if (!keep(output, sample, clean, bytes))
            return false;
    }
    output->written++;
    return true;
}

bool generate_output_close(struct generate_output *output) {
    if (!output->file) return !*output->problem;
    if (fclose(output->file) != 0) fail_file(output, strerror(errno));
    output->file = NULL;
    /* Cut off an incomplete last line. If that fails too, the disk's failure has been reported already. */
    if (*output->problem && output->started) (void)!truncate(output->path, output->bytes);
    return !*output->problem;
}

void generate_output_free(struct generate_output *output) {
    for (int64_t i = 0; output->texts && i < output->written; i++) free((char *)output->texts[i].text);
    free(output->texts);
    if (output->file) fclose(output->file);
}
