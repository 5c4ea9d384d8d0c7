#include "lab/html.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/numbers.h"
#include "base/utf8.h"
#include "lab/picture.h"

int html_character_bytes(const char *text) {
    uint32_t code;
    const size_t bytes = utf8_character(text, 4, &code); /* a NUL ends every character */
    const bool control = (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7f && code < 0xa0);
    return bytes == 0 || control || code == 0xfffe || code == 0xffff ? 0 : (int)bytes;
}

void html_text(FILE *f, const char *text) {
    for (const char *at = text; *at;) {
        const int bytes = html_character_bytes(at);
        const char *entity = *at == '<'    ? "&lt;"
                             : *at == '>'  ? "&gt;"
                             : *at == '&'  ? "&amp;"
                             : *at == '"'  ? "&quot;"
                             : *at == '\'' ? "&#39;"
                                           : NULL;
        if (entity)
            fputs(entity, f);
        else if (bytes)
            fwrite(at, 1, (size_t)bytes, f);
        else
            fputs("\xef\xbf\xbd", f);
        at += bytes ? bytes : 1;
    }
}

void html_print(FILE *f, const char *format, ...) {
    va_list texts;
    va_start(texts, format);
    for (const char *at; (at = strstr(format, "%s")); format = at + 2) {
        fwrite(format, 1, (size_t)(at - format), f);
        html_text(f, va_arg(texts, const char *));
    }
    fputs(format, f);
    va_end(texts);
}

/* After Okabe and Ito, safe for colour-blind readers: darker on white, lighter on black. The first is neutral. */
static const char *const light[PICTURE_COLOURS] = {"#5b6470", "#0072b2", "#c8500a", "#00805d",
                                                   "#a8437f", "#8a6d00", "#4a4fc4", "#7a1f1f"};
static const char *const dark[PICTURE_COLOURS] = {"#aab3bd", "#56b4e9", "#ff9a52", "#3cc9a0",
                                                  "#eb9ac8", "#e3c53b", "#9fa3ff", "#ff8f8f"};

struct scheme {
    const char *page, *card, *ink, *muted, *grid, *accent;
    const char *const *series;
};

static const struct scheme schemes[] = {{"#fbfbfa", "#ffffff", "#1c2126", "#5b6470", "#e3e6e9", "#0072b2", light},
                                        {"#14171a", "#1b1f23", "#e6e9ec", "#a4adb6", "#2f353b", "#56b4e9", dark}};

/* c: color, inherited by markers; s: stroke; f: fill. i: ink, m: muted, g: grid. */
static void put_picture_rules(FILE *f, const struct scheme *s) {
    const char *const others[] = {s->ink, s->muted, s->grid};
    for (int i = 0; i < PICTURE_COLOURS; i++)
        fprintf(f, ".picture .c%d{color:%s}.picture .s%d{stroke:%s}.picture .f%d{fill:%s}", i, s->series[i], i,
                s->series[i], i, s->series[i]);
    for (int i = 0; i < 3; i++)
        fprintf(f, ".picture .c%c{color:%s}.picture .s%c{stroke:%s}.picture .f%c{fill:%s}", "img"[i], others[i],
                "img"[i], others[i], "img"[i], others[i]);
    fputc('\n', f);
}

static void put_variables(FILE *f, const struct scheme *s) {
    fprintf(f, ":root{--page:%s;--card:%s;--ink:%s;--muted:%s;--grid:%s;--accent:%s}\n", s->page, s->card, s->ink,
            s->muted, s->grid, s->accent);
}

void html_svg_style(FILE *f) {
    fputs("<style>\n.picture .faint{opacity:.4}\n", f);
    put_picture_rules(f, &schemes[0]);
    fputs("@media (prefers-color-scheme: dark) {\n", f);
    put_picture_rules(f, &schemes[1]);
    fprintf(f, "svg.picture{background:%s}\n}\n</style>", schemes[1].card);
}

static const char rules[] =
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',sans-serif}\n"
    "main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 5rem}\n"
    "header{margin-bottom:2rem}\n"
    ".kind{margin:0;color:var(--muted);font-size:.8rem;letter-spacing:.08em;text-transform:uppercase}\n"
    "h1{margin:.1em 0 .3em;font-size:2rem;line-height:1.2;letter-spacing:-.015em;overflow-wrap:anywhere}\n"
    "h2{margin:3.2rem 0 .4rem;font-size:1.35rem;letter-spacing:-.01em}\n"
    "h3{margin:0 0 .3rem;font-size:1.02rem}\n"
    "p{max-width:46rem;margin:.5em 0}\n"
    "a{color:var(--accent)}\n"
    "nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.8rem 0 0;padding:0;list-style:none}\n"
    ".answer{margin:1.2rem 0;padding:1rem 1.3rem;background:var(--card);border-left:4px solid var(--accent);border-radius:0 8px 8px 0}\n"
    ".answer p{max-width:52rem}\n"
    ".figures{display:flex;flex-wrap:wrap;gap:1rem 2.6rem;margin:1.4rem 0}\n"
    ".figures dt{color:var(--muted);font-size:.82rem}\n"
    ".figures dd{margin:0;font-size:1.3rem;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}\n"
    "figure{margin:1.4rem 0;padding:1.1rem 1.3rem .9rem;background:var(--card);border:1px solid var(--grid);border-radius:8px}\n"
    "figcaption{margin:.3rem 0 .2rem;color:var(--muted);font-size:.9rem;max-width:50rem}\n"
    "svg.picture{display:block;width:100%;max-width:36rem;height:auto}\n"
    ".picture .faint{opacity:.4}\n"
    "figure details{grid-column:1/-1}figure h3{grid-column:1/-1}\n"
    "@media(min-width:52rem){figure{display:grid;grid-template-columns:minmax(0,36rem) 1fr;column-gap:1.5rem}}\n"
    "@media(max-width:30rem){main{padding:1.5rem .6rem 3rem}figure{padding:.8rem .5rem .6rem}}\n"
    "details{margin:.4rem 0;min-width:0}\n"
    "summary{cursor:pointer;color:var(--muted);font-size:.9rem}\n"
    "summary:hover,summary:focus-visible{color:var(--accent)}\n"
    ".scroll{overflow-x:auto;max-height:34rem;margin:.8rem 0}\n"
    "table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}\n"
    "caption{text-align:left;color:var(--muted);padding:0 0 .4rem}\n"
    "th,td{padding:.28rem .8rem .28rem 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid)}\n"
    "th{font-weight:600;vertical-align:bottom}\n"
    "thead th{position:sticky;top:0;background:var(--card)}\n"
    ".wide thead th{background:var(--page)}\n"
    "th.text,td.text{text-align:left}\n"
    ".chosen td{font-weight:600}\n"
    ".note{color:var(--muted)}\n"
    "code{font:.9em ui-monospace,SFMono-Regular,Menlo,monospace;overflow-wrap:anywhere}\n"
    "footer{margin-top:4rem;color:var(--muted);font-size:.85rem}\n"
    "@media print{figure,.figures{break-inside:avoid}.scroll{max-height:none;overflow:visible}}\n";

void html_begin(FILE *f, const char *title, const char *kind, int refresh) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n"
          /* The page loads nothing; the policy makes browsers refuse if it ever tried. */
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'\">\n<title>",
          f);
    html_text(f, title);
    fputs("</title>\n", f);
    if (refresh > 0) fprintf(f, "<meta http-equiv=\"refresh\" content=\"%d\">\n", refresh);
    fputs("<style>\n", f);
    put_variables(f, &schemes[0]);
    put_picture_rules(f, &schemes[0]);
    fputs("@media (prefers-color-scheme: dark) {\n", f);
    put_variables(f, &schemes[1]);
    put_picture_rules(f, &schemes[1]);
    fputs("}\n", f);
    fputs(rules, f);
    html_print(f, "</style>\n</head>\n<body>\n<main>\n<header>\n<p class=\"kind\">%s</p>\n<h1>%s</h1>\n</header>\n",
               kind, title);
}

void html_end(FILE *f) { fputs("</main>\n</body>\n</html>\n", f); }

void html_number_cell(FILE *f, double value, int digits) {
    char text[NUMBER_TEXT] = "";
    if (isfinite(value) && value == floor(value) && fabs(value) < 1e15)
        snprintf(text, sizeof text, "%.0f", value);
    else if (isfinite(value))
        snprintf(text, sizeof text, "%.*g", digits, value);
    fprintf(f, "<td>%s</td>", text);
}

void html_text_cell(FILE *f, const char *text) { html_print(f, "<td class=\"text\">%s</td>", text); }
