#include "base/numbers.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* strtod and printf take the decimal point from the thread's locale, which belongs to the program that calls
 * us. Without memory for another locale, the thread's own is used. */
struct plain_locale {
    locale_t plain, before;
};

static struct plain_locale plain_locale_begin(void) {
    struct plain_locale l = {newlocale(LC_NUMERIC_MASK, "C", (locale_t)0), (locale_t)0};
    if (l.plain) l.before = uselocale(l.plain);
    return l;
}

static void plain_locale_end(struct plain_locale l) {
    if (!l.plain) return;
    uselocale(l.before);
    freelocale(l.plain);
}

/* Digits, an underscore between digits, one point: the value of the digits and how many follow the point. */
static bool parse_digits(const char **at, uint64_t *value, int *behind) {
    const char *c = *at;
    bool any = false, point = false;
    *value = 0;
    *behind = 0;
    for (;; c++) {
        if (isdigit((unsigned char)*c)) {
            if (__builtin_mul_overflow(*value, 10u, value)) return false;
            if (__builtin_add_overflow(*value, (uint64_t)(*c - '0'), value)) return false;
            if (point) ++*behind;
            any = true;
        } else if (*c == '.' && !point) {
            point = true;
        } else if (!(*c == '_' && any && isdigit((unsigned char)c[-1]) && isdigit((unsigned char)c[1]))) {
            break;
        }
    }
    *at = c;
    return any;
}

/* The power of ten of "e6", "k", "M", "G" or nothing; false for anything else. */
static bool parse_power(const char *c, int *power) {
    *power = 0;
    if (*c == 'e' || *c == 'E') {
        c++;
        if (*c == '+') c++;
        if (!isdigit((unsigned char)*c)) return false;
        while (isdigit((unsigned char)*c) && *power < 100) *power = 10 * *power + (*c++ - '0');
    } else if (*c) {
        *power = *c == 'k' || *c == 'K' ? 3 : *c == 'M' ? 6 : *c == 'G' ? 9 : 0;
        if (*power == 0) return false;
        c++;
    }
    return *c == 0;
}

bool number_parse_integer(const char *text, int64_t *value) {
    uint64_t digits;
    int behind;
    int power;
    bool negative = *text == '-';
    if (negative || *text == '+') text++;
    if (!parse_digits(&text, &digits, &behind) || !parse_power(text, &power)) return false;
    for (power -= behind; power < 0; power++) {
        if (digits % 10) return false;
        digits /= 10;
    }
    for (; power > 0 && digits; power--)
        if (__builtin_mul_overflow(digits, 10u, &digits)) return false;
    if (digits > INT64_MAX) return false;
    *value = negative ? -(int64_t)digits : (int64_t)digits;
    return true;
}

bool number_parse_real(const char *text, double *value) {
    char *end;
    if (!*text || isspace((unsigned char)*text) || strpbrk(text, "xXpP")) return false; /* no hexadecimals */
    struct plain_locale l = plain_locale_begin();
    *value = strtod(text, &end);
    plain_locale_end(l);
    return *end == 0 && isfinite(*value);
}

void number_print_real(char text[NUMBER_TEXT], double value) {
    struct plain_locale l = plain_locale_begin();
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    plain_locale_end(l);
}
