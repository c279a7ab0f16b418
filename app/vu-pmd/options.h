/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The command line: our options become a daemon configuration, all others are left for EAL.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "vu_daemon.h"

#include "args.h"

/** Result of options_parse(): go on. Other values are exit statuses. */
#define OPTIONS_RUN ARGS_RUN

struct options {
	struct vu_daemon_conf conf;
	char **eal_argv;   /**< NULL-terminated; strings belong to argv but for the added ones */
	int eal_argc;
};

/**
 * Take our options out of the command line.
 *
 * @return OPTIONS_RUN, or the status to exit with after something was printed
 */
int options_parse(struct options *options, int argc, char **argv);

/** Free what options_parse() made. */
void options_free(struct options *options);

#endif /* OPTIONS_H */
