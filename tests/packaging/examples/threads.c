/* Two threads that write with one model: what each writes is its own. threads CHECKPOINT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ltm.h>

struct job {
    const struct ltm_model *model;
    uint64_t seed;
    char *text;
};

static bool on_sample(void *user, const struct ltm_sample *sample) {
    struct job *job = user;
    if ((job->text = malloc(sample->bytes + 1))) memcpy(job->text, sample->text, sample->bytes + 1);
    return true;
}

static void *work(void *user) {
    struct job *job = user;
    struct ltm_error error = {LTM_OK, ""};
    struct ltm_generate_options options = ltm_generate_defaults();
    struct ltm_generate_hooks hooks = {0};
    options.length = 20;
    options.seed = job->seed;
    options.threads = 1;
    hooks.user = job;
    hooks.on_sample = on_sample;
    if (ltm_generate(job->model, &options, &hooks, &error) != LTM_OK) fprintf(stderr, "%s\n", error.message);
    return NULL;
}

int main(int argc, char **argv) {
    struct ltm_error error = {LTM_OK, ""};
    struct ltm_model *model = NULL;
    struct job jobs[3] = {{NULL, 1, NULL}, {NULL, 2, NULL}, {NULL, 1, NULL}};
    pthread_t threads[2];
    if (argc != 2 || ltm_model_open(&model, argv[1], &error) != LTM_OK) {
        fprintf(stderr, "%s\n", argc == 2 ? error.message : "name one checkpoint");
        return 1;
    }
    for (int i = 0; i < 3; i++) jobs[i].model = model;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, work, &jobs[i]) != 0) return 1;
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    work(&jobs[2]); /* alone, and the same */
    const bool good = jobs[0].text && jobs[1].text && jobs[2].text && strcmp(jobs[0].text, jobs[2].text) == 0 &&
                      strcmp(jobs[0].text, jobs[1].text) != 0;
    for (int i = 0; i < 3; i++) free(jobs[i].text);
    ltm_model_close(model);
    return !good;
}
