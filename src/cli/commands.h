/* The commands of `ltm`, each in command_NAME.c. A command takes the arguments after `ltm`, its own name first, writes
 * results to stdout and returns the exit code (terminal.h). Each command handles `--help` itself. */
#pragma once

int command_tokenizer(int argc, char **argv);
int command_corpus(int argc, char **argv);
int command_synth(int argc, char **argv); /* ltm corpus synth */
int command_train(int argc, char **argv);
int command_average(int argc, char **argv);
int command_eval(int argc, char **argv);
int command_fewshot(int argc, char **argv);
int command_probe(int argc, char **argv);
int command_generate(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_report(int argc, char **argv);
int command_score(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_fit(int argc, char **argv);
int command_export(int argc, char **argv);
int command_watch(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_doctor(int argc, char **argv);
