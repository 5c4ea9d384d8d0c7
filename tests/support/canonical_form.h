/* Sudoku of 4 by 4 up to symmetry: one text for all images of a puzzle. */
#ifndef TESTS_SUPPORT_CANONICAL_FORM_H
#define TESTS_SUPPORT_CANONICAL_FORM_H

#include <string.h>

/* The least of all 128 images of a 4 by 4, digits named in the order in which they come. */
static inline void canonical(const char *given, char *least) {
    static const int lines[8][4] = {{0, 1, 2, 3}, {1, 0, 2, 3}, {0, 1, 3, 2}, {1, 0, 3, 2},
                                    {2, 3, 0, 1}, {2, 3, 1, 0}, {3, 2, 0, 1}, {3, 2, 1, 0}};
    for (int n = 0; n < 128; n++) {
        char image[17] = "";
        char name[10] = "0";
        char next = '1';
        for (int i = 0; i < 16; i++) {
            const int row = lines[n & 7][i / 4];
            const int column = lines[n >> 3 & 7][i % 4];
            const char cell = given[n >> 6 ? column * 4 + row : row * 4 + column];
            if (!name[cell - '0']) name[cell - '0'] = next++;
            image[i] = name[cell - '0'];
        }
        if (n == 0 || strcmp(image, least) < 0) memcpy(least, image, sizeof image);
    }
}

#endif
