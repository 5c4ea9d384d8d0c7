/* ltm probe --prune: the part of a model that a task needs, by a learned mask (ltm/prune.h). */
#pragma once

int command_probe_prune(int argc, char **argv);
