/* main of a fuzz target without libFuzzer: seeds, then mutations of them. With arguments: those files alone, as libFuzzer takes
 * them. Included by fuzz.h; FUZZ_NAME is the folder below seeds/, FUZZ_MUTATIONS how many inputs are made of each seed. */
#ifndef TESTS_FUZZ_REPLAY_H
#define TESTS_FUZZ_REPLAY_H

#ifndef FUZZ_MUTATIONS
#define FUZZ_MUTATIONS 60
#endif

static inline uint32_t replay_random(uint64_t *state) { /* Knuth's MMIX */
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* The input, copied to a block of its very size, so that the sanitizers see what reads past it. */
static inline void replay_bytes(const uint8_t *data, size_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    FUZZ_CHECK(exact);
    if (size) memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

/* One small change: a byte, a bit, an extreme number, a piece gone, or a piece said twice. */
static inline size_t replay_change(uint8_t *data, size_t size, size_t room, uint64_t *state) {
    static const uint8_t interesting[] = {0, 1, 0x7f, 0x80, 0xff, '0', '9', '"', '\n', '[', '{', ',', ']', '}', 0x1b};
    if (size == 0) return size;
    const size_t at = replay_random(state) % size;
    const size_t length = 1 + replay_random(state) % (size - at);
    switch (replay_random(state) % 6) {
    case 0:
        data[at] = (uint8_t)replay_random(state);
        return size;
    case 1:
        data[at] ^= (uint8_t)(1u << replay_random(state) % 8);
        return size;
    case 2:
        data[at] = interesting[replay_random(state) % sizeof interesting];
        return size;
    case 3:
        memset(data + at, replay_random(state) % 2 ? 0xff : 0, length < 8 ? length : 8);
        return size;
    case 4:
        memmove(data + at, data + at + length, size - at - length);
        return size - length;
    default:
        if (size + length > room) return size;
        memmove(data + at + length, data + at, size - at);
        return size + length;
    }
}

static inline void replay_mutations(const uint8_t *seed, size_t size, uint64_t *state) {
    const size_t room = 2 * size + 16;
    uint8_t *copy = malloc(room);
    FUZZ_CHECK(copy);
    for (int i = 0; i < FUZZ_MUTATIONS; i++) {
        size_t now = size;
        memcpy(copy, seed, size);
        for (uint32_t changes = 1 + replay_random(state) % 4; changes > 0; changes--)
            now = replay_change(copy, now, room, state);
        replay_bytes(copy, now);
    }
    free(copy);
}

static inline void replay_file(const char *path, bool mutate, uint64_t *state) {
    struct ltm_error error = {0};
    char *data = NULL;
    size_t size = 0;
    if (file_read_text(&data, &size, path, 1 << 24, &error) != LTM_OK) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    if (mutate)
        replay_mutations((const uint8_t *)data, size, state);
    else
        replay_bytes((const uint8_t *)data, size);
    free(data);
}

int main(int argc, char **argv) {
    static const char folder[] = "tests/fuzz/seeds/" FUZZ_NAME;
    struct ltm_error error = {0};
    char **names;
    char path[512];
    size_t count;
    uint64_t state = 20261122;
    if (argc > 1) {
        for (int i = 1; i < argc; i++) replay_file(argv[i], false, &state);
        return 0;
    }
    puts("1..2");
    if (folder_list(&names, &count, folder, &error) != LTM_OK || count == 0) {
        printf("not ok 1 - seeds in %s: %s\n", folder, error.message);
        return 1;
    }
    for (int mutate = 0; mutate < 2; mutate++) {
        for (size_t i = 0; i < count; i++) {
            snprintf(path, sizeof path, "%s/%s", folder, names[i]);
            replay_file(path, mutate, &state);
        }
        printf("ok %d - %zu %s\n", 1 + mutate, mutate ? count * FUZZ_MUTATIONS : count,
               mutate ? "mutations of them" : "seeds and inputs that once found a fault");
        fflush(stdout);
    }
    folder_list_free(names, count);
    return 0;
}

#endif
