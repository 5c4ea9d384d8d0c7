#include "base/processor.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#if defined(__x86_64__) || defined(__i386__)

static bool bit(unsigned word, int i) { return word >> i & 1; }

/* XCR0: which registers the operating system saves; read only if CPUID allows it. */
static uint64_t saved_registers(void) {
    uint32_t low;
    uint32_t high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

void processor_read(struct processor *processor) {
    enum { OSXSAVE = 27, YMM = 0x6, ZMM = 0xe6, TILES = 0x60000 }; /* bits of XCR0 that belong together */
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    *processor = (struct processor){0};
    if (!__get_cpuid(1, &a, &b, &c, &d) || !bit(c, OSXSAVE)) return;
    const bool fma = bit(c, 12);
    const uint64_t saved = saved_registers();
    processor->avx = bit(c, 28) && (saved & YMM) == YMM;
    if (!processor->avx || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    processor->avx2 = bit(b, 5) && fma;
    processor->avx512 = bit(b, 16) && bit(b, 17) && bit(b, 28) && bit(b, 30) && bit(b, 31) && (saved & ZMM) == ZMM;
    processor->amx_bf16 = bit(d, 22) && bit(d, 24) && (saved & TILES) == TILES;
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) processor->avx512_bf16 = processor->avx512 && bit(a, 5);
}

#elif defined(__aarch64__)

void processor_read(struct processor *processor) {
    enum { ASIMD = 1, SVE = 22, BF16 = 14 }; /* bits of AT_HWCAP, AT_HWCAP and AT_HWCAP2 */
    const unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
    *processor =
        (struct processor){.neon = first >> ASIMD & 1, .sve = first >> SVE & 1, .neon_bf16 = second >> BF16 & 1};
}

#else

void processor_read(struct processor *processor) { *processor = (struct processor){0}; }

#endif

/* The value in the first line of /proc/cpuinfo that starts with one of the keys. */
void processor_name(char *name, size_t size) {
    static const char *const keys[] = {"model name", "Model", "cpu model", "cpu\t", "uarch"};
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(name, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        bool found = false;
        for (size_t i = 0; colon && i < sizeof keys / sizeof *keys; i++)
            found = found || strncmp(line, keys[i], strlen(keys[i])) == 0;
        if (!found) continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(name, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
        break;
    }
    if (file) fclose(file);
}

void processor_instructions(char *text, size_t size, const struct processor *p) {
    const struct {
        bool there;
        const char *name;
    } all[] = {{p->avx, "avx"},           {p->avx2, "avx2"}, {p->avx512, "avx512"}, {p->avx512_bf16, "avx512_bf16"},
               {p->amx_bf16, "amx_bf16"}, {p->neon, "neon"}, {p->sve, "sve"},       {p->neon_bf16, "neon_bf16"}};
    size_t used = 0;
    if (size) *text = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].there && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", all[i].name);
}

bool processor_has_bf16(const struct processor *p) { return p->avx512_bf16 || p->amx_bf16 || p->neon_bf16; }
