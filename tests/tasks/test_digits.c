/* addition, multiplication: results are those of integers of 128 bits, of longer numbers those of remainders. */
#include "tasks/synth_unit.h"

/* The number that begins at `text`, as written; its digits with the first one first. */
static const char *read_number(const char *text, char *digits, bool reverse) {
    int count = 0;
    for (; *text == ' ' || (*text >= '0' && *text <= '9'); text++)
        if (*text != ' ') digits[count++] = *text;
    digits[count] = 0;
    for (int i = 0; reverse && i < count / 2; i++) {
        const char keep = digits[i];
        digits[i] = digits[count - 1 - i];
        digits[count - 1 - i] = keep;
    }
    assert_true(count > 0 && (digits[0] != '0' || count == 1));
    return text;
}

/* Of a number of any length: modulo a prime below 2^63, or whole where it is below 10^37. */
static unsigned __int128 value_of(const char *digits) {
    static const uint64_t prime = 9223372036854775783u;
    unsigned __int128 value = 0;
    for (; *digits; digits++) value = (value * 10 + (unsigned)(*digits - '0')) % prime;
    return value;
}

/* For every place that makes a carry, how far nines take it. */
static int longest_carry(const char *a, const char *b) {
    int longest = 0;
    const int n = (int)strlen(a);
    for (int i = n - 1; i >= 0; i--) {
        int k = i - 1;
        if (a[i] + b[i] - 2 * '0' < 10) continue;
        while (k >= 0 && a[k] + b[k] - 2 * '0' == 9) k--;
        if (i - k > longest) longest = i - k;
    }
    return longest;
}

static int check_result(const char *context, const char *answer, bool reverse, int *depth) {
    static const uint64_t prime = 9223372036854775783u;
    char a[160];
    char b[160];
    char c[160];
    const char *sign = read_number(context, a, reverse);
    read_number(sign + 1, b, reverse);
    read_number(answer, c, reverse);
    const unsigned __int128 right = *sign == '+' ? value_of(a) + value_of(b) : value_of(a) * value_of(b);
    assert_true(right % prime == value_of(c));
    *depth = *sign == '+' ? longest_carry(a, b) : (int)strlen(b);
    assert_true(strlen(a) >= strlen(b) && (*sign == '*' || strlen(a) == strlen(b)));
    const size_t digits = *sign == '+' ? strlen(a) : strlen(a) + strlen(b) - 1;
    assert_true(strlen(c) == digits || strlen(c) == digits + 1); /* so that remainders say all */
    return (int)strlen(a);
}

struct looking {
    bool reverse;
    int problems, longest;
};

static void check(const char *problem, void *user) {
    struct looking *looking = user;
    int depth;
    const int length = check_result(problem, strchr(problem, '=') + 1, looking->reverse, &depth);
    if (length > looking->longest) looking->longest = length;
    looking->problems++;
}

static const char *const names[] = {"addition", "multiplication"};

static void results_are_right(void **state) {
    (void)state;
    for (int f = 0; f < 2; f++)
        for (int reverse = 0; reverse < 2; reverse++) {
            struct looking looking = {.reverse = reverse};
            struct synth synth = open_family(
                names[f], 3, 3, (const char *const[]){reverse ? "reverse=1" : "reverse=0", "length=30", NULL});
            each_problem(&synth, 300, check, &looking);
            assert_true(looking.problems > 300 && looking.longest == 30);
            synth_close(&synth);
        }
}

static void items_say_length_and_depth(void **state) {
    (void)state;
    for (int f = 0; f < 2; f++) {
        struct synth synth = open_family(names[f], 3, 3, NULL);
        const int trained = synth_knob(&synth, 1);
        int deep = 0;
        int longer = 0;
        for (int i = 0; i < 300; i++) {
            json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
            char name[40];
            int depth;
            const int length = check_result(string_of(item, "context"), string_of(item, "answer"), false, &depth);
            assert_int_equal(length, integer_of(item, "length"));
            snprintf(name, sizeof name, "acc@%s=%d", f ? "factor" : "carry", depth);
            assert_true(measured(names[f], item, string_of(item, "answer"), name) == 1);
            assert_true(measured(names[f], item, "x", length > trained ? "acc@range=longer" : "acc@range=trained") ==
                        0);
            deep += depth > 4;
            longer += length > trained;
            json_decref(item);
        }
        assert_true(deep > 25 && longer > 100);
        synth_close(&synth);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_right),
        cmocka_unit_test(items_say_length_and_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
