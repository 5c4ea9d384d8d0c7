/* Train with a callback that ends it: train CONFIG.ini RUN */
#include <stdio.h>

#include <ltm.h>

static volatile sig_atomic_t stop;

static void on_step(void *user, const struct ltm_train_record *record) {
    int *steps = user;
    if (record->heldout) return;
    printf("step %lld of %lld: %.3f nats a token\n", (long long)record->step, (long long)record->steps, record->loss);
    if (++*steps == 3) stop = 1; /* a checkpoint is written, and the run can be resumed */
}

int main(int argc, char **argv) {
    struct ltm_config config;
    struct ltm_error error = {LTM_OK, ""};
    struct ltm_train_result result;
    struct ltm_train_hooks hooks = {0};
    int steps = 0;
    hooks.user = &steps;
    hooks.on_step = on_step;
    hooks.stop = &stop;
    ltm_config_defaults(&config);
    if (argc != 3 || ltm_config_load(&config, argv[1], &error) != LTM_OK ||
        ltm_config_set(&config, "run.dir", argv[2], &error) != LTM_OK || ltm_config_check(&config, &error) != LTM_OK) {
        fprintf(stderr, "%s\n", argc == 3 ? error.message : "name a configuration, and a folder for the run");
        return 1;
    }
    ltm_config_resolve(&config);
    const ltm_status status = ltm_train(&config, &hooks, &result, &error);
    if (status != LTM_INTERRUPTED) fprintf(stderr, "%s\n", error.message);
    return !(status == LTM_INTERRUPTED && steps == 3);
}
