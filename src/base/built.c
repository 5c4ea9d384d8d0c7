/* The Makefile compiles this file with the header that it writes, $(BUILD)/built, for the command and the library. */
#include "base/built.h"

#ifndef LTM_BUILT_COMMIT
#define LTM_BUILT_COMMIT "unknown"
#define LTM_BUILT_FLAGS "unknown"
#endif

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

const char *built_commit(void) { return LTM_BUILT_COMMIT; }

const char *built_compiler(void) { return COMPILER; }

const char *built_flags(void) { return LTM_BUILT_FLAGS; }
