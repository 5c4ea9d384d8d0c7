#include "lab/words.h"

#include <math.h>
#include <stdio.h>

const char *words_quantity(char text[WORDS_NUMBER], double value) {
    static const char *const unit[] = {"", " k", " M", " G", " T"};
    int power = 0;
    double scaled = value;
    if (!isfinite(value)) {
        snprintf(text, WORDS_NUMBER, "—");
        return text;
    }
    /* 999.6 would be printed as 1000. */
    while (power < 4 && fabs(scaled) >= 999.5) {
        scaled /= 1000;
        power++;
    }
    if (fabs(scaled) >= 999.5)
        snprintf(text, WORDS_NUMBER, "%.3g", value);
    else
        snprintf(text, WORDS_NUMBER, "%.3g%s", scaled, unit[power]);
    return text;
}

const char *words_score(char text[WORDS_NUMBER], double value) {
    if (!isfinite(value))
        snprintf(text, WORDS_NUMBER, "—");
    else
        snprintf(text, WORDS_NUMBER, fabs(value) < 1e9 ? "%.4f" : "%.5g", value);
    return text;
}
