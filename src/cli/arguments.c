#include "arguments.h"

#include <stdio.h>
#include <string.h>

bool argument_is_setting(const char *argument) {
    size_t name = strspn(argument, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return name > 0 && argument[0] != '-' && argument[name] == '=';
}

int arguments_paths_first(char **arguments, int count) {
    int paths = 0;
    for (int i = 0; i < count; i++) {
        char *path = arguments[i];
        if (argument_is_setting(path)) continue;
        memmove(arguments + paths + 1, arguments + paths, (size_t)(i - paths) * sizeof *arguments);
        arguments[paths++] = path;
    }
    return paths;
}

ltm_status arguments_override(struct ltm_config *config, char **settings, int count, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (int i = 0; i < count && status == LTM_OK; i++) status = ltm_config_override(config, settings[i], error);
    return status;
}

ltm_status arguments_configure(struct ltm_config *config, char **settings, int count, struct ltm_error *error) {
    ltm_status status = arguments_override(config, settings, count, error);
    if (status == LTM_OK) status = ltm_config_check(config, error);
    if (status == LTM_OK) ltm_config_resolve(config);
    return status;
}

struct ltm_config arguments_checkpoint_config(const struct ltm_model *model) {
    struct ltm_config config = *ltm_model_config(model);
    config.run.threads = LTM_AUTO;
    config.run.precision = LTM_PRECISION_AUTO;
    config.eval.dump[0] = 0;
    /* A resolved auto has become a number: make it follow fast.method, and fast.*, again. */
    struct ltm_config probe = config;
    probe.fast.lr = LTM_AUTO;
    ltm_config_resolve(&probe);
    if (config.eval.fast_steps == config.fast.steps) config.eval.fast_steps = LTM_AUTO;
    if (config.eval.fast_lr == config.fast.lr) config.eval.fast_lr = LTM_AUTO;
    if (config.fast.lr == probe.fast.lr) config.fast.lr = LTM_AUTO;
    return config;
}

bool arguments_key_wanted(const char *name, const char *const *prefixes) {
    for (; *prefixes; prefixes++)
        if (strncmp(name, *prefixes, strlen(*prefixes)) == 0) return true;
    return false;
}

/* Those that the key's own help does not explain. */
static void print_choices(const char *key) {
    const char *help = NULL;
    const char *name;
    for (int i = 0; (name = ltm_config_choice(key, i, &help)); i++)
        if (help) printf("  %-22s   %s: %s\n", "", name, help);
}

void arguments_print_keys(const char *const *prefixes) {
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (!arguments_key_wanted(keys[i].name, prefixes)) continue;
        printf("  %-22s %s (%s)\n", keys[i].name, keys[i].help, *keys[i].fallback ? keys[i].fallback : "empty");
        print_choices(keys[i].name);
    }
}
