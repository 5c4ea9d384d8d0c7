/* A picture drawn by gnuplot. Its SVG marks each kind of line by a colour of its own and is then adapted to the page: classes
 * for those colours, ids of its own, a title and a description, without what gnuplot adds for itself. */
#include "lab/picture.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory_stream.h"
#include "base/numbers.h"
#include "lab/gnuplot.h"
#include "lab/html.h"

/* As wide as a phone, so that text stays legible there; the key is below. */
enum { WIDTH = 480, HEIGHT = 380, HEIGHT_SMALL = 280 };

/* ---- The script ---- */

/* Text as gnuplot's: everything except plain ASCII as octal escapes, so that no quote, backquote or backslash can end a
 * string, run a command or be misread (gnuplot takes a doubled quote at the start of a string for its end). It reads as
 * many octal digits as follow, so a digit after an escape is escaped too. */
static void put_quoted(FILE *f, const char *text) {
    bool numbered = false;
    fputc('"', f);
    while (*text) {
        const int bytes = html_character_bytes(text);
        const unsigned char c = (unsigned char)*text;
        const bool plain = bytes > 1 || isalnum(c) || strchr(" .,-_", c);
        const bool number = bytes == 1 && (!plain || (numbered && isdigit(c)));
        if (bytes == 0)
            fputs(c < 0x80 ? " " : "\357\277\275", f); /* U+FFFD */
        else if (number)
            fprintf(f, "\\%03o", isspace(c) ? ' ' : c);
        else
            fwrite(text, 1, (size_t)bytes, f);
        numbered = number;
        text += bytes ? bytes : 1;
    }
    fputc('"', f);
}

static void put_title(FILE *f, const char *name) {
    fputs(*name ? "title " : "notitle", f);
    if (*name) put_quoted(f, name);
}

static void put_number(FILE *f, double value) {
    char text[NUMBER_TEXT];
    number_print_real(text, value);
    fprintf(f, "%s ", text);
}

/* Points of several series at the same x overlap: they are not moved, but error bars are thin. */
static void put_data(FILE *f, const struct picture *picture) {
    for (int i = 0; i < picture->count; i++) {
        const struct picture_series *s = &picture->series[i];
        fprintf(f, "$d%d << END\n", i);
        for (size_t k = 0; k < s->count; k++) {
            const struct picture_point *p = &s->point[k];
            if (!picture_takes(picture, p)) continue;
            put_number(f, p->x);
            put_number(f, p->y);
            put_number(f, isfinite(p->error) ? p->error : 0);
            fputc('\n', f);
        }
        fputs("END\n", f);
    }
}

static size_t drawable(const struct picture *picture, const struct picture_series *s) {
    size_t count = 0;
    for (size_t k = 0; k < s->count; k++) count += picture_takes(picture, &s->point[k]);
    return count;
}

static bool has_errors(const struct picture_series *s) {
    for (size_t k = 0; k < s->count; k++)
        if (s->point[k].error > 0) return true;
    return false;
}

/* Bars, then the line, then markers: circles, squares, triangles … and colour, so that curves do not differ by colour
 * alone. */
static void put_plot(FILE *f, const struct picture *picture) {
    static const int marker[PICTURE_COLOURS] = {7, 5, 9, 13, 11, 15, 4, 6};
    const char *before = "plot ";
    for (int i = 0; i < picture->count; i++) {
        const struct picture_series *s = &picture->series[i];
        if (drawable(picture, s) == 0) continue;
        const int colour = s->colour + (s->faint ? 32 : 0);
        if (has_errors(s) && !s->faint) {
            fprintf(f, "%s$d%d using 1:2:3 with yerrorbars pt -1 lw 1 lc rgb '#0100%02x' notitle", before, i, colour);
            before = ", \\\n     ";
        }
        if (s->style != PICTURE_POINTS) {
            fprintf(f, "%s$d%d using 1:2 with lines lw %s dt %s lc rgb '#0100%02x' ", before, i, s->faint ? "1" : "2",
                    s->style == PICTURE_DASHES ? "2" : "1", colour);
            before = ", \\\n     ";
            put_title(f, s->style == PICTURE_LINES_POINTS ? "" : s->name);
        }
        if (s->style == PICTURE_POINTS || s->style == PICTURE_LINES_POINTS) {
            fprintf(f, "%s$d%d using 1:2 with %s pt %d ps %s lw 2 lc rgb '#0100%02x' ", before, i,
                    s->style == PICTURE_LINES_POINTS ? "linespoints" : "points", marker[s->colour],
                    s->faint ? "0.45" : "0.8", colour);
            before = ", \\\n     ";
            put_title(f, s->name);
        }
    }
    fputc('\n', f);
}

/* "150 k", "0.25": with the decimals that the step between tics needs. */
static void put_tic(FILE *f, int axis, double value, double step, bool first) {
    static const struct {
        double size;
        const char *letter;
    } units[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}, {1, ""}};
    char number[NUMBER_TEXT];
    char text[64];
    size_t u = 0;
    number_print_real(number, value);
    while (u < 4 && fabs(value) < units[u].size * (1 - 1e-9)) u++;
    const double unit = fabs(value) < 1e16 ? units[u].size : 1;
    const int decimals = step > 0 ? (int)fmax(0, fmin(9, ceil(-log10(step / unit) - 1e-9))) : 0;
    if (value != 0 && (fabs(value) < 1e-4 || fabs(value) >= 1e16))
        snprintf(text, sizeof text, "%.*g", 3, value);
    else
        snprintf(text, sizeof text, "%.*f%s", decimals, value / unit,
                 fabs(value) < 1e16 && value != 0 ? units[u].letter : "");
    fprintf(f, "%s", first ? (axis ? "set ytics (" : "set xtics (") : ", ");
    put_quoted(f, text);
    fprintf(f, " %s", number);
}

/* About six, at multiples of 1, 2 or 5 times a power of ten. */
static void put_tics(FILE *f, int axis, double low, double high) {
    const double power = pow(10, floor(log10((high - low) / 6)));
    const double rest = (high - low) / 6 / power;
    const double step = power * (rest > 5 ? 10 : rest > 2 ? 5 : rest > 1 ? 2 : 1);
    bool first = true;
    for (double i = ceil(low / step); i * step <= high && i < ceil(low / step) + 20; i++) {
        put_tic(f, axis, i == 0 ? 0 : i * step, step, first); /* not -0 */
        first = false;
    }
    if (!first) fputs(")\n", f);
}

/* 1, 2 and 5 of each decade; of many decades the powers of ten alone. */
static void put_log_tics(FILE *f, int axis, double low, double high) {
    static const double each[] = {1, 2, 5};
    const double decades = log10(high / low);
    const int stride = decades > 8 ? (int)ceil(decades / 8) : 1;
    bool first = true;
    for (int d = (int)floor(log10(low)); d <= (int)ceil(log10(high)); d++)
        for (int k = 0; k < (decades > 2.5 ? 1 : 3); k++) {
            const double value = each[k] * pow(10, d);
            if (value < low || value > high || d % stride) continue;
            put_tic(f, axis, value, value, first);
            first = false;
        }
    if (!first) fputs(")\n", f);
}

/* The choices at 1, 2, …; slanted if they would overlap. */
static void put_named_tics(FILE *f, const struct picture *picture) {
    size_t letters = 0;
    for (int i = 0; i < picture->x_names; i++) letters += strlen(picture->x_name[i]) + 2;
    fprintf(f, "set xrange [0.5:%d.5]\nset xtics %s(", picture->x_names, letters > 50 ? "rotate by 30 right " : "");
    for (int i = 0; i < picture->x_names; i++) {
        fputs(i ? ", " : "", f);
        put_quoted(f, picture->x_name[i]);
        fprintf(f, " %d", i + 1);
    }
    fputs(")\n", f);
}

/* The range of an axis where all values are nearly one, which gnuplot would refuse or stretch. */
static void put_ranges(FILE *f, const struct picture *picture) {
    double least[2] = {HUGE_VAL, HUGE_VAL};
    double most[2] = {-HUGE_VAL, -HUGE_VAL};
    for (int i = 0; i < picture->count; i++)
        for (size_t k = 0; k < picture->series[i].count; k++) {
            const struct picture_point *p = &picture->series[i].point[k];
            if (!picture_takes(picture, p)) continue;
            const double bar = isfinite(p->error) && !picture->log_y ? p->error : 0;
            least[0] = fmin(least[0], p->x), most[0] = fmax(most[0], p->x);
            least[1] = fmin(least[1], p->y - bar), most[1] = fmax(most[1], p->y + bar);
        }
    if (picture->zero) least[1] = fmin(least[1], 0), most[1] = fmax(most[1], 0);
    if (picture->x_names) put_named_tics(f, picture);
    for (int axis = picture->x_names ? 1 : 0; axis < 2; axis++) {
        const bool log_axis = axis ? picture->log_y : picture->log_x;
        double margin = 0.05 * (most[axis] - least[axis]);
        const double largest = fmax(fabs(least[axis]), fabs(most[axis]));
        if (margin < 1e-9 * largest || margin < 1e-100) margin = largest < 1e-98 ? 1 : 0.05 * largest;
        double low = least[axis] - margin;
        double high = most[axis] + margin;
        if (log_axis) {
            const double factor = fmax(1.02, pow(most[axis] / least[axis], 0.05));
            low = least[axis] / factor, high = most[axis] * factor;
        }
        char text[2][NUMBER_TEXT];
        number_print_real(text[0], low);
        number_print_real(text[1], high);
        fprintf(f, "set %srange [%s:%s]\n", axis ? "y" : "x", text[0], text[1]);
        if (log_axis && high / low >= 5)
            put_log_tics(f, axis, low, high);
        else
            put_tics(f, axis, low, high);
    }
}

static int named(const struct picture *picture) {
    int count = 0;
    for (int i = 0; i < picture->count; i++)
        count += picture->series[i].name[0] && drawable(picture, &picture->series[i]) > 0;
    return count;
}

/* With room for the key's rows: gnuplot lays it out in columns as wide as its longest name. */
static int height(const struct picture *picture) {
    size_t longest = 1;
    for (int i = 0; i < picture->count; i++)
        if (strlen(picture->series[i].name) > longest) longest = strlen(picture->series[i].name);
    const int columns = longest < 40 ? WIDTH / (70 + 9 * (int)longest) : 1;
    const int rows = columns > 1 ? (named(picture) + columns - 1) / columns : named(picture);
    return (picture->small ? HEIGHT_SMALL : HEIGHT) + (rows > 1 ? 26 * (rows - 1) : 0);
}

static void put_script(FILE *f, const struct picture *picture) {
    fprintf(f,
            "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,13'\n"
            "set encoding utf8\n"
            "set border 3 lc rgb '#020000'\n"
            "set tics nomirror out scale 0.6,0.3 textcolor rgb '#020001'\n"
            "set grid ytics lt 1 lw 1 lc rgb '#020002'\n"
            "set key outside bottom center horizontal Left reverse samplen 1.8 spacing 1.35 textcolor rgb '#020000'\n"
            "set bars 0.5\n"
            "%s",
            WIDTH, height(picture), named(picture) > 1 ? "" : "unset key\n");
    fputs("set xlabel ", f);
    put_quoted(f, picture->x_label);
    fputs(" textcolor rgb '#020000'\nset ylabel ", f);
    put_quoted(f, picture->y_label);
    fputs(" textcolor rgb '#020000'\n", f);
    if (picture->log_x) fputs("set logscale x\n", f);
    if (picture->log_y) fputs("set logscale y\n", f);
    put_ranges(f, picture);
    if (picture->zero) fputs("set xzeroaxis lt 1 lw 1 lc rgb '#020001'\n", f);
    put_data(f, picture);
    put_plot(f, picture);
}

/* ---- The returned SVG ---- */

/* "rgb(  1,   0,   3)" → 1, 3; false for other colours. */
static bool read_colour(const char *text, int *kind, int *which) {
    int middle;
    return sscanf(text, "rgb( %d , %d , %d )", kind, &middle, which) == 3 && middle == 0 && (*kind == 1 || *kind == 2);
}

/* "s3": stroke, series 3; "fi": fill, ink; "cm": color, muted … html_style has them all. */
static bool class_of(const char *attribute, const char *value, char name[16]) {
    static const char other[] = "img";
    int kind;
    int which;
    if (strcmp(value, "black") == 0)
        kind = 2, which = 0;
    else if (!read_colour(value, &kind, &which))
        return false;
    const bool faint = kind == 1 && which >= 32;
    if (kind == 2)
        snprintf(name, 16, "%c%c", attribute[0], other[which < 3 ? which : 0]);
    else
        snprintf(name, 16, "%c%d%s", attribute[0], which & 31, faint ? " faint" : "");
    return true;
}

/* One tag, from '<' to '>': colours become classes, fonts and ids go. */
static void put_tag(FILE *f, const char *tag, size_t length, const char *id) {
    char classes[64] = "";
    size_t i = 1;
    fputc('<', f);
    while (i < length && !isspace((unsigned char)tag[i]) && tag[i] != '>') fputc(tag[i++], f);
    for (;;) {
        char name[32];
        char value[64];
        char class_name[16];
        size_t n = 0;
        while (i < length && isspace((unsigned char)tag[i])) i++;
        while (i < length && n < sizeof name - 1 && (isalpha((unsigned char)tag[i]) || tag[i] == '-' || tag[i] == ':'))
            name[n++] = tag[i++];
        name[n] = 0;
        while (i < length && isspace((unsigned char)tag[i])) i++;
        if (n == 0 || tag[i] != '=') break;
        for (i++; i < length && isspace((unsigned char)tag[i]); i++) {
        }
        const char quote = tag[i++];
        const size_t begin = i;
        while (i < length && tag[i] != quote) i++;
        snprintf(value, sizeof value, "%.*s", (int)(i - begin), tag + begin);
        const bool paint = strcmp(name, "color") == 0 || strcmp(name, "stroke") == 0 || strcmp(name, "fill") == 0;
        if (paint && class_of(name, value, class_name)) {
            if (strlen(classes) + strlen(class_name) + 2 < sizeof classes) {
                if (*classes) strcat(classes, " ");
                strcat(classes, class_name);
            }
        } else if (strcmp(name, "xlink:href") == 0 && strncmp(value, "#gp", 3) == 0)
            fprintf(f, " href=\"#%s-%s\"", id, value + 3);
        else if (strcmp(name, "id") != 0 && strcmp(name, "class") != 0 && strcmp(name, "font-family") != 0)
            fprintf(f, " %s=\"%.*s\"", name, (int)(i - begin), tag + begin);
        i++;
    }
    if (*classes) fprintf(f, " class=\"%s\"", classes);
    fputs(length > 1 && tag[length - 2] == '/' ? "/>" : ">", f);
}

/* The markers that are used, of gnuplot's numbers, filled. */
static void put_markers(FILE *f, const char *svg, const char *id) {
    static const struct {
        int number;
        const char *shape;
    } markers[] = {
        {3,
         "<rect x=\"-1\" y=\"-1\" width=\"2\" height=\"2\" fill=\"none\" stroke=\"currentColor\" stroke-width=\".4\""},
        {4, "<rect x=\"-1\" y=\"-1\" width=\"2\" height=\"2\" fill=\"currentColor\" stroke=\"none\""},
        {5, "<circle r=\"1\" fill=\"none\" stroke=\"currentColor\" stroke-width=\".4\""},
        {6, "<circle r=\"1\" fill=\"currentColor\" stroke=\"none\""},
        {8, "<path d=\"M0,-1.33 L-1.33,.9 L1.33,.9 z\" fill=\"currentColor\" stroke=\"none\""},
        {10, "<path d=\"M0,1.33 L-1.33,-.9 L1.33,-.9 z\" fill=\"currentColor\" stroke=\"none\""},
        {12, "<path d=\"M0,-1.4 L1.4,0 L0,1.4 L-1.4,0 z\" fill=\"currentColor\" stroke=\"none\""},
        {14,
         "<path d=\"M0,-1.33 L1.27,-.41 L.78,1.08 L-.78,1.08 L-1.27,-.41 z\" fill=\"currentColor\" stroke=\"none\""}};
    fputs("<defs>", f);
    for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++) {
        char use[24];
        snprintf(use, sizeof use, "#gpPt%d'", markers[i].number);
        const char *body = strstr(svg, "</defs>");
        if (body && strstr(body, use)) fprintf(f, "%s id=\"%s-Pt%d\"/>", markers[i].shape, id, markers[i].number);
    }
    fputs("</defs>", f);
}

/* gnuplot first clears the area of some markers in white, whatever the page's colour. */
static bool paints_background(const char *tag, size_t length) {
    static const char white[] = "color='white'";
    for (size_t i = 0; i + sizeof white - 1 <= length; i++)
        if (strncmp(tag, "<use", 4) == 0 && strncmp(tag + i, white, sizeof white - 1) == 0) return true;
    return false;
}

/* From the end of gnuplot's own definitions on. Empty groups and its names of series are left out. */
static void put_body(FILE *f, const char *at, const char *id) {
    while (*at) {
        if (*at != '<') {
            const size_t length = strcspn(at, "<");
            size_t first = 0;
            size_t last = length;
            while (first < length && isspace((unsigned char)at[first])) first++;
            while (last > first && isspace((unsigned char)at[last - 1])) last--;
            for (size_t i = first; i < last; i++) /* gnuplot does not escape "]]>", which is invalid XML */
                at[i] == '>' ? fputs("&gt;", f) : fputc(at[i], f);
            at += length;
            continue;
        }
        const char *end = strchr(at, '>');
        if (!end) break;
        const size_t length = (size_t)(end - at) + 1;
        if (strncmp(at, "<title>", 7) == 0) {
            const char *close = strstr(at, "</title>");
            if (!close) break;
            at = close + strlen("</title>");
            continue;
        }
        if (strncmp(at, "<g ", 3) == 0) {
            const char *next = end + 1 + strspn(end + 1, " \t\n");
            if (strncmp(next, "</g>", 4) == 0) {
                at = next + 4;
                continue;
            }
        }
        if (at[1] == '/')
            fwrite(at, 1, length, f);
        else if (!paints_background(at, length))
            put_tag(f, at, length, id);
        at = end + 1;
    }
}

static void put_svg(FILE *f, const struct picture *picture, const char *drawn) {
    const char *body = strstr(drawn, "</defs>");
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-t "
            "%s-d\" class=\"picture\" font-family=\"system-ui, sans-serif\">",
            WIDTH, height(picture), picture->id, picture->id);
    html_print(f, "<title id=\"%s-t\">%s</title><desc id=\"%s-d\">%s</desc>", picture->id, picture->title, picture->id,
               picture->caption);
    put_markers(f, drawn, picture->id);
    fputs("<g>", f); /* gnuplot's canvas, whose opening stands before its definitions */
    put_body(f, body ? body + strlen("</defs>") : "</g></svg>", picture->id);
}

static ltm_status write_with(void (*write)(FILE *, const struct picture *, const char *), const struct picture *picture,
                             const char *also, char **text, struct ltm_error *error) {
    struct memory_stream out;
    memory_stream_open(&out);
    if (out.stream) write(out.stream, picture, also);
    *text = memory_stream_close(&out);
    return *text ? LTM_OK : fail(error, LTM_MEMORY, "out of memory for a picture");
}

static void put_script_only(FILE *f, const struct picture *picture, const char *also) {
    (void)also;
    put_script(f, picture);
}

ltm_status picture_svg(const struct picture *picture, char **svg, struct ltm_error *error) {
    char *script = NULL;
    char *drawn = NULL;
    ltm_status status;
    *svg = NULL;
    TRY(picture_whole(picture, error));
    TRY(write_with(put_script_only, picture, NULL, &script, error));
    TRY(gnuplot_run(script, &drawn, error));
    TRY(write_with(put_svg, picture, drawn, svg, error));
cleanup:
    free(script);
    free(drawn);
    return status;
}
