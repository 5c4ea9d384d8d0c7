/* Files that are read as memory (corpora, checkpoints) and that another program cuts short, or whose disk fails, end the
 * program with SIGBUS. Nothing can go on then, but the user learns which file it was. */
#ifndef CLI_LOST_FILE_H
#define CLI_LOST_FILE_H

/* From now on: `ltm: FILE can no longer be read: …`, and exit code 1. */
void cli_tell_lost_files(void);

#endif
