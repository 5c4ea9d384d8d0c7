/* What this program was built from and with, for the record of a run's machine. */
#pragma once

/* "4f3c2a1b9d0e", followed by "+" if the tree had other changes; "unknown" if the build had no git. */
const char *built_commit(void);

const char *built_compiler(void); /* "gcc 12.2.0" */
const char *built_flags(void);    /* the command that compiled it, or "unknown" */
