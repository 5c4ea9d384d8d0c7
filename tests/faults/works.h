/* Commands that write, for the tests of faults: what each leaves when it is done, and what it may leave when it is not. */
#ifndef TESTS_FAULTS_WORKS_H
#define TESTS_FAULTS_WORKS_H

#include "faults/harness.h"

enum leaves {
    WHOLE_FILES,  /* every name that shows has its whole content */
    WHOLE_LINES,  /* a file may end early, after a whole line */
    WHAT_GOES_ON, /* a journal, a table: what the next run completes */
    ONLY_PRINTS   /* no file but what stdout goes to, which may lack its end where the exit code says so */
};

struct work {
    const char *command, *result; /* a file or a folder that it makes */
    enum leaves leaves;
};

static const struct work works[] = {
    {"tokenizer train -o new.model --vocab-size 280 --separator --- ../text.txt", "new.model", WHOLE_FILES},
    {"corpus build -o corpus --tokenizer ../tok.model --separator --- --heldout 0.1 ../text.txt", "corpus",
     WHOLE_FILES},
    {"corpus synth hops -o synth --documents 20 --items 4 --train-items 4", "synth", WHOLE_FILES},
    {"eval ../whole/run ../corpus eval.sequences=3 eval.dump=posteriors", "posteriors", WHOLE_FILES},
    {"fewshot ../whole/run ../words -o results --shots 1", "results", WHAT_GOES_ON},
    {"generate ../whole/run --count 3 --length 4 --batch 1 -o samples.jsonl", "samples.jsonl", WHOLE_LINES},
    {"report run", "run", WHOLE_FILES},
    {"report run ../whole/run -o page.html", "page.html", WHOLE_FILES},
    {"sweep ../study.ini study.dir=study --jobs 1", "study/results.csv", WHAT_GOES_ON},
    {"eval ../whole/run ../corpus eval.sequences=2 --json", "out", ONLY_PRINTS},
    {"fewshot ../whole/run ../words --shots 0,2 --json", "out", ONLY_PRINTS},
    {"generate ../whole/run --count 2 --length 3 --stats --json", "out", ONLY_PRINTS},
    {"inspect ../whole/run ../whole/run/checkpoints/last ../corpus ../tok.model ../tiny.ini", "out", ONLY_PRINTS},
    {"sweep ../study.ini study.dir=study --dry-run --json", "out", ONLY_PRINTS},
};
enum { WORKS = sizeof works / sizeof *works };

/* What the commands need beside corpus and run. */
static inline int set_up_works(void **state) {
    if (set_up_harness(state) != 0 || folder_create(within("words", ""), NULL) != LTM_OK) return -1;
    FILE *file = fopen(within("words", "test.jsonl"), "w");
    if (!file) return -1;
    for (int i = 0; i < 3; i++)
        fprintf(file, "{\"context\": \"the %d and\", \"choices\": [\"of\", \"that\"], \"gold\": %d}\n", i, i % 2);
    fclose(file);
    static const char task[] = "[task]\nname = words\nkind = choices\nitems = test.jsonl\nshots = test.jsonl\n";
    static const char study[] = "[study]\nbase = tiny.ini\n[budget]\ntokens = 128\n[axes]\nlatent.count = 0 2\n"
                                "[scores]\neval.sequences = 2\neval.iwae = 1\n";
    return file_write_text(within("words", "task.ini"), task, NULL) == LTM_OK &&
                   file_write_text(within("", "study.ini"), study, NULL) == LTM_OK
               ? 0
               : -1;
}

/* An empty folder; of a report, with the run that it is about. */
static inline struct launch begin_work(const struct work *work, const char *folder) {
    struct launch l = {.in = folder, .out = "out"};
    char copy[2 * PATH_MAX];
    start_over(folder);
    snprintf(l.command, sizeof l.command, "%s", work->command);
    snprintf(copy, sizeof copy, "cp -r '%s' '%s'", within("whole", "run"), within(folder, "run"));
    if (strncmp(work->command, "report", 6) == 0) assert_int_equal(system(copy), 0);
    return l;
}

static inline void copy_folder(const char *from, const char *to) {
    char command[3 * PATH_MAX];
    assert_int_equal(folder_remove(within(to, ""), NULL), LTM_OK);
    snprintf(command, sizeof command, "cp -r '%s' '%s'", within(from, ""), within(to, ""));
    assert_int_equal(system(command), 0);
}

/* "begun": a run that was killed after its checkpoint of step 4, before the last. */
static inline void begin_run(void) {
    struct launch cut = {.in = "begun", .command = "train ../tiny.ini", .library = "preload_files"};
    start_over("begun");
    for (long call = count_calls(cut); call > 0; call -= 5) {
        start_over("begun");
        set_fault(&cut, call, "kill", "");
        assert_int_equal(run_ltm(&cut).signal, SIGKILL);
        if (!folder_exists(within("begun", "run/checkpoints/step-00000006"))) return;
    }
}

static inline char *content_of(const char *path, size_t *bytes) {
    char *text = NULL;
    assert_int_equal(file_read_text(&text, bytes, path, 1 << 26, NULL), LTM_OK);
    return text;
}

/* Every file under `is` must be as under `was`; one that is not there is fine. */
static inline void only_whole(const char *is, const char *was, enum leaves leaves) {
    char **names = NULL;
    size_t count = 0;
    size_t bytes;
    size_t whole;
    if (folder_exists(is)) {
        char one[PATH_MAX];
        char other[PATH_MAX];
        assert_int_equal(folder_list(&names, &count, is, NULL), LTM_OK);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(path_join(one, sizeof one, is, names[i], NULL), LTM_OK);
            assert_int_equal(path_join(other, sizeof other, was, names[i], NULL), LTM_OK);
            if (!strstr(names[i], ".tmp")) only_whole(one, other, leaves);
        }
        folder_list_free(names, count);
    } else if (file_exists(is)) {
        char *text = content_of(is, &bytes);
        char *wanted = content_of(was, &whole);
        const bool part = bytes <= whole && memcmp(text, wanted, bytes) == 0;
        const bool lines = part && (bytes == 0 || text[bytes - 1] == '\n');
        if (leaves == WHOLE_FILES ? !part || bytes != whole : leaves == WHOLE_LINES && !lines)
            fail_msg("%s is half written: %zu bytes of %zu", is, bytes, whole);
        free(text);
        free(wanted);
    }
}

/* The same files, but for what a clock wrote. */
static inline void same_result(const struct work *work, const char *is, const char *was) {
    char command[3 * PATH_MAX];
    snprintf(command, sizeof command, "diff -r -I '\"seconds\": ' '%s' '%s' >&2", within(is, work->result),
             within(was, work->result));
    if (system(command) != 0) fail_msg("ltm %s: %s of %s and of %s differ", work->command, work->result, is, was);
}

#endif
