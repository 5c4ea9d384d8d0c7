// From C++: program CHECKPOINT
#include <cstdio>
#include <string>

#include <ltm.h>

int main(int argc, char **argv) {
    ltm_error error{};
    ltm_model *model = nullptr;
    if (argc != 2 || ltm_model_open(&model, argv[1], &error) != LTM_OK) {
        std::fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    auto options = ltm_generate_defaults();
    std::string text;
    ltm_generate_hooks hooks{};
    options.length = 10;
    hooks.user = &text;
    hooks.on_sample = [](void *user, const ltm_sample *sample) {
        static_cast<std::string *>(user)->assign(sample->text, sample->bytes);
        return true;
    };
    const bool good = ltm_generate(model, &options, &hooks, &error) == LTM_OK && !text.empty();
    ltm_model_close(model);
    return !good;
}
