#include "text/puzzle_symmetry.h"

#include <string.h>

#include "base/hash.h"

/* An image: cell i is what letter[] makes of cell from[i]. */
struct image {
    int from[PUZZLE_CELLS];
    char letter[128];
};

static void begin(struct image *image) {
    for (int i = 0; i < (int)sizeof image->letter; i++) image->letter[i] = (char)i;
}

static void take(const struct image *image, char *cells, int count) {
    char before[PUZZLE_CELLS];
    memcpy(before, cells, (size_t)count);
    for (int i = 0; i < count; i++) cells[i] = image->letter[before[image->from[i]] & 127];
}

/* ---- Numbers ---- */

struct drawing {
    struct random_key key;
    uint32_t at;
};

static int below(struct drawing *drawing, int n) {
    return (int)((uint64_t)random_bits(drawing->key, drawing->at++) * (uint64_t)n >> 32);
}

static void permute(struct drawing *drawing, int *order, int n) {
    for (int i = 0; i < n; i++) { /* inside out: Knuth, Durstenfeld */
        const int j = below(drawing, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}

/* Lines of a side, `thick` a band: bands permuted, and lines within each. */
static void permute_lines(struct drawing *drawing, int *lines, int side, int thick) {
    int bands[NUMBER_SIDE] = {0};
    int within[NUMBER_SIDE] = {0};
    permute(drawing, bands, side / thick);
    for (int band = 0; band < side / thick; band++) {
        permute(drawing, within, thick);
        for (int k = 0; k < thick; k++) lines[band * thick + k] = bands[band] * thick + within[k];
    }
}

static bool turns(const struct puzzle *puzzle, const struct number_grid *grid) {
    return puzzle->kind == PUZZLE_LATIN || grid->box_rows == grid->box_columns;
}

static void draw_number_image(const struct puzzle *puzzle, struct drawing *drawing, struct image *image) {
    const struct number_grid grid = puzzle_number_grid(puzzle);
    const int side = grid.side;
    int digits[NUMBER_SIDE] = {0};
    int rows[NUMBER_SIDE] = {0};
    int columns[NUMBER_SIDE] = {0};
    permute(drawing, digits, side);
    permute_lines(drawing, rows, side, grid.box_rows);
    permute_lines(drawing, columns, side, grid.box_columns);
    const bool exchange = turns(puzzle, &grid) && below(drawing, 2);
    for (int d = 0; d < side; d++) image->letter['1' + d] = (char)('1' + digits[d]);
    for (int i = 0; i < side * side; i++) {
        const int row = rows[i / side];
        const int column = columns[i % side];
        image->from[i] = exchange ? column * side + row : row * side + column;
    }
}

/* ---- Mazes and boards ---- */

/* Turns and reflections; without the quarter turns where sides differ. Of a maze as many again with S and G exchanged. */
static int plane_ways(const struct puzzle *puzzle) {
    return (puzzle->rows == puzzle->columns ? 8 : 4) * (puzzle->kind == PUZZLE_MAZE ? 2 : 1);
}

/* Way: bits for rows reversed, columns reversed and, where sides are equal, rows and columns exchanged; the next for S and G. */
static void plane_image(const struct puzzle *puzzle, int way, int down, int right, struct image *image) {
    const int rows = puzzle->rows;
    const int columns = puzzle->columns;
    const bool exchange = rows == columns && way & 4;
    if (puzzle->kind == PUZZLE_MAZE && 2 * way >= plane_ways(puzzle))
        image->letter['S'] = 'G', image->letter['G'] = 'S';
    for (int i = 0; i < rows * columns; i++) {
        int row = (i / columns + down) % rows;
        int column = (i % columns + right) % columns;
        if (way & 1) row = rows - 1 - row;
        if (way & 2) column = columns - 1 - column;
        image->from[i] = exchange ? column * columns + row : row * columns + column;
    }
}

static void draw_plane_image(const struct puzzle *puzzle, struct drawing *drawing, struct image *image) {
    const bool shifts = puzzle->kind == PUZZLE_LIFE;
    const int way = below(drawing, plane_ways(puzzle));
    const int down = shifts ? below(drawing, puzzle->rows) : 0;
    const int right = shifts ? below(drawing, puzzle->columns) : 0;
    plane_image(puzzle, way, down, right, image);
}

void puzzle_symmetry(struct puzzle *puzzle, struct random_key key) {
    struct drawing drawing = {.key = key};
    struct image image;
    begin(&image);
    if (puzzle_has_numbers(puzzle))
        draw_number_image(puzzle, &drawing, &image);
    else
        draw_plane_image(puzzle, &drawing, &image);
    take(&image, puzzle->given, puzzle->rows * puzzle->columns);
    take(&image, puzzle->solution, puzzle->rows * puzzle->columns);
}

/* ---- Classes ---- */

/* The finaliser of splitmix64. */
static uint64_t mix(uint64_t hash) {
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
    return hash ^ (hash >> 31);
}

/* Colours refined by those of all that a cell shares a line, a box or a digit with (Weisfeiler and Leman 1968): sums, which know no order.
 * What rows and columns mean is told apart where they cannot be exchanged. */
static uint64_t number_class(const struct puzzle *puzzle) {
    enum { ROUNDS = 4 };
    const struct number_grid grid = puzzle_number_grid(puzzle);
    const int side = grid.side;
    const uint64_t of_column = turns(puzzle, &grid) ? 1 : 2;
    uint64_t cells[NUMBER_CELLS];
    uint64_t sum = 0;
    for (int i = 0; i < side * side; i++) cells[i] = puzzle->given[i] == '0' ? 1 : 2;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t rows[NUMBER_SIDE] = {0};
        uint64_t columns[NUMBER_SIDE] = {0};
        uint64_t boxes[NUMBER_SIDE] = {0};
        uint64_t digits[NUMBER_SIDE + 1] = {0};
        for (int i = 0; i < side * side; i++) {
            const uint64_t colour = mix(cells[i]);
            rows[i / side] += colour;
            columns[i % side] += colour;
            boxes[number_grid_box(&grid, i / side, i % side)] += colour;
            digits[puzzle->given[i] - '0'] += colour;
        }
        sum = 0;
        for (int i = 0; i < side * side; i++) {
            const uint64_t box = puzzle->kind == PUZZLE_LATIN ? 0 : boxes[number_grid_box(&grid, i / side, i % side)];
            const uint64_t digit = puzzle->given[i] == '0' ? 0 : digits[puzzle->given[i] - '0'];
            const uint64_t lines = mix(rows[i / side] + 1) + mix(columns[i % side] + of_column);
            cells[i] = mix(mix(mix(cells[i] + lines) + box) + digit);
            sum += mix(cells[i]);
        }
    }
    return sum;
}

/* The sum over all images: one for all of them. Those of a board are shifts of a few, each row written twice. */
static uint64_t plane_class(const struct puzzle *puzzle) {
    const size_t columns = (size_t)puzzle->columns;
    const int rows = puzzle->rows;
    const int shifts = puzzle->kind == PUZZLE_LIFE ? rows * puzzle->columns : 1;
    char cells[PUZZLE_CELLS];
    char twice[PUZZLE_SIDE][2 * PUZZLE_SIDE] = {{0}};
    struct image image;
    uint64_t sum = 0;
    for (int way = 0; way < plane_ways(puzzle); way++) {
        begin(&image);
        plane_image(puzzle, way, 0, 0, &image);
        memcpy(cells, puzzle->given, (size_t)rows * columns);
        take(&image, cells, rows * puzzle->columns);
        for (int row = 0; row < 2 * rows; row++)
            memcpy(twice[row % rows] + (row < rows ? 0 : columns), cells + (size_t)(row % rows) * columns, columns);
        for (int shift = 0; shift < shifts; shift++) {
            uint64_t hash = HASH_BEGIN;
            for (int row = 0; row < rows; row++) {
                const char *shifted = twice[(row + shift / puzzle->columns) % rows] + shift % puzzle->columns;
                hash = hash_more(hash, shifted, columns);
            }
            sum += mix(hash);
        }
    }
    return sum;
}

uint64_t puzzle_class(const struct puzzle *puzzle) {
    return puzzle_has_numbers(puzzle) ? number_class(puzzle) : plane_class(puzzle);
}
