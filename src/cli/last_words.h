/* What is said where nothing can go on, in place of a bare signal:
 *
 * - Files that are read as memory (corpora, checkpoints) and that another program cuts short, or whose disk fails, are a SIGBUS:
 *   the user learns which file it was.
 * - SentencePiece's threads end the program when they get no memory. */
#ifndef CLI_LAST_WORDS_H
#define CLI_LAST_WORDS_H

/* From now on such an end is `ltm: SENTENCE`, and exit code 1. */
void cli_have_last_words(void);

#endif
