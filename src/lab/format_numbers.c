#include "lab/format_numbers.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

const char *format_quantity(char text[FORMAT_NUMBER], double value) {
    static const char *const unit[] = {"", " k", " M", " G", " T"};
    int power = 0;
    double scaled = value;
    if (!isfinite(value)) {
        snprintf(text, FORMAT_NUMBER, "—");
        return text;
    }
    /* 999.6 would be printed as 1000. */
    while (power < 4 && fabs(scaled) >= 999.5) {
        scaled /= 1000;
        power++;
    }
    if (fabs(scaled) >= 999.5)
        snprintf(text, FORMAT_NUMBER, "%.3g", value);
    else
        snprintf(text, FORMAT_NUMBER, "%.3g%s", scaled, unit[power]);
    return text;
}

const char *format_score(char text[FORMAT_NUMBER], double value) {
    if (!isfinite(value))
        snprintf(text, FORMAT_NUMBER, "—");
    else
        snprintf(text, FORMAT_NUMBER, fabs(value) < 1e9 ? "%.4f" : "%.5g", value);
    return text;
}

const char *format_with_error(char text[FORMAT_WITH_ERROR], double value, double error) {
    char score[FORMAT_NUMBER];
    char of_it[FORMAT_NUMBER];
    const bool known = isfinite(value) && isfinite(error);
    snprintf(text, FORMAT_WITH_ERROR, "%s%s%s", format_score(score, value), known ? " ± " : "",
             known ? format_score(of_it, error) : "");
    return text;
}
