/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What we know of EAL's own command line: enough to report in one line what is wrong with it, where
 * EAL would print a page, and to give it the defaults that suit a daemon.
 */
#ifndef EAL_OPTIONS_H
#define EAL_OPTIONS_H

#include <stdbool.h>

/** Words that eal_options_add_defaults() adds at most. */
#define EAL_MAX_DEFAULTS 4

/**
 * Add "--no-pci" and "--file-prefix PROGRAM" unless the user chose, so that it runs beside other
 * DPDK programs and leaves the machine's cards alone, and log levels that keep EAL quiet unless
 * something is wrong.
 *
 * @param program       its name
 * @param is_in_memory  leave nothing in files instead, so that several of it run at a time, unless
 *                      the user names a prefix
 * @param argc          words in argv
 * @param argv          has room for EAL_MAX_DEFAULTS more words and the final NULL
 * @return words in argv
 */
int eal_options_add_defaults(const char *program, bool is_in_memory, int argc, char **argv);

/**
 * Check what EAL would only complain about at length: its options, and memory.
 * @return false after one line on stderr
 */
bool eal_options_check(const char *program, int argc, char **argv);

/**
 * Start EAL with nothing of its own on stdout, and allow the widest vectors unless the user chose
 * otherwise.
 * @return false after one line on stderr: why it did not start and what helps
 */
bool eal_options_start(const char *program, int argc, char **argv);

#endif /* EAL_OPTIONS_H */
