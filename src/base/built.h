/* What this program was built from and with, for accounts of a run's machine. */
#pragma once

/* "4f3c2a1b9d0e", with "+" behind it where the tree held other changes; "unknown" where the build had no git. */
const char *built_commit(void);

const char *built_compiler(void); /* "gcc 12.2.0" */
const char *built_flags(void);    /* the command that compiled it, or "unknown" */
