/* A picture drawn by gnuplot. */
#ifndef LAB_PICTURE_SVG_H
#define LAB_PICTURE_SVG_H

#include "lab/picture.h"

/* An svg element, for a page: its ids begin with the picture's, its colours are classes of html_style. LTM_UNSUPPORTED
 * where there is no gnuplot, LTM_EXTERNAL where it fails; the caller frees. */
ltm_status picture_svg(const struct picture *picture, char **svg, struct ltm_error *error);

#endif
