/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parses the command line; see options.h.
 */
#include "options.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_version.h>

#include "vu_build.h"

#include "eal_options.h"

static const char options_help[] =
"Usage: vu-pmd [EAL options] --socket PATH[,key=value...] [options]\n"
"\n"
"Serves virtio devices over vhost-user: the first lcore handles sockets and memory and sleeps,\n"
"every other lcore polls rings. Both kinds of options may be mixed in any order.\n"
"\n"
"  vu-pmd -l 0-1 --socket /tmp/vu.sock\n"
"  vu-pmd -l 2-5 --socket /tmp/a.sock,queues=2 --socket /tmp/b.sock,queues=2 --stats 1\n"
"\n"
"Ports (each option may be repeated; one port each)\n"
"  --socket PATH[,...]      vhost-user socket\n"
"  --socket-path PATH       the same, spelled as QEMU's back-end convention has it\n"
"  --fd N[,...]             connected socket inherited as descriptor N; vu-pmd ends with it\n"
"Keys of a port\n"
"  mode=server|client       listen on PATH (default), or connect to it again and again\n"
"  queues=N                 queue pairs, default 1\n"
"  queue-size=N             largest ring accepted, default 32768\n"
"  lcores=3-5               data lcores the port may use; separate several with ':'\n"
"  queues-per-thread=2:2:4  virtqueues on the first, second, third of them\n"
"  numa=N                   prefer lcores of this NUMA node\n"
"  reconnect-ms=N           longest pause between attempts of a client, default 1000\n"
"  far=switch               all such ports share one learning switch (default); a port that is\n"
"                           alone echoes frames with MAC addresses swapped\n"
"  far=loopback|macswap|null  back unchanged, back with MAC addresses swapped, discard\n"
"  mac=52:54:00:00:00:01    MAC address offered to the guest\n"
"  mtu=N                    MTU offered to the guest\n"
"  mrg=on|off               offer mergeable receive buffers, default on\n"
"  event-idx=on|off         offer event indices, default on\n"
"\n"
"Placement\n"
"  --queues-per-thread 2,2,4     virtqueues of each port on the 1st, 2nd, 3rd data lcore\n"
"  --queue-map '(0,1)@3,(2-5)@4' virtqueues of each port pinned to lcores\n"
"  What neither names goes round-robin, pairs together, least loaded lcore first.\n"
"\n"
"Information\n"
"  --stats SECONDS          print a table of rates again and again\n"
"  --print-capabilities     JSON for QEMU tooling, then exit\n"
"  --help, --version        this text, the versions\n"
"\n"
"EAL options used most: -l LCORES, -m MEGABYTES, --no-huge, --in-memory,\n"
"--file-prefix NAME (default here: vu-pmd), --log-level=vu.*:debug; --no-pci is the default\n"
"unless -a names a device.\n"
"Without hugepages: vu-pmd --no-huge -m 512 -l 0-1 --socket PATH\n"
"Ends with status 0 on SIGINT or SIGTERM, 1 if it could not start.\n";

struct option_row {
	const char *name;
	int (*apply)(struct vu_daemon_conf *conf, const char *value);
};

static const struct option_row option_rows[] = {
	{ "--socket", vu_daemon_conf_add_socket },
	{ "--socket-path", vu_daemon_conf_add_socket },
	{ "--fd", vu_daemon_conf_add_fd },
	{ "--queues-per-thread", vu_daemon_conf_set_queues_per_thread },
	{ "--queue-map", vu_daemon_conf_set_queue_map },
	{ "--stats", vu_daemon_conf_set_stats },
};

/* Row of an option; *value is what stands behind '=' or NULL. */
static const struct option_row *
option_find(const char *arg, const char **value)
{
	for (unsigned int i = 0; i < RTE_DIM(option_rows); i++) {
		size_t len = strlen(option_rows[i].name);

		if (strncmp(arg, option_rows[i].name, len) != 0 ||
			(arg[len] != '=' && arg[len] != '\0'))
			continue;
		*value = arg[len] == '=' ? arg + len + 1 : NULL;
		return &option_rows[i];
	}
	return NULL;
}

static int
option_apply(struct options *options, const struct option_row *row, const char *value)
{
	if (value == NULL) {
		fprintf(stderr, "vu-pmd: %s needs a value; see vu-pmd --help\n", row->name);
		return EXIT_FAILURE;
	}
	if (row->apply(&options->conf, value) != 0) {
		fprintf(stderr, "vu-pmd: %s %s: %s\n", row->name, value, options->conf.why);
		return EXIT_FAILURE;
	}
	return OPTIONS_RUN;
}

/* Options that print something and end the program. */
static bool
option_is_question(const char *arg)
{
	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
		fputs(options_help, stdout);
	else if (strcmp(arg, "--version") == 0)
		printf("vu-pmd %s, %s\n", VU_VERSION, rte_version());
	else if (strcmp(arg, "--print-capabilities") == 0)
		puts("{\n  \"type\": \"net\"\n}");
	else
		return false;
	return true;
}

/* Put one argument aside for EAL, with its value if that is a word of its own. */
static int
option_keep(struct options *options, int argc, char **argv, int i)
{
	int nb_words = eal_option_words(argv[i]);

	if (strcmp(argv[i], "--") == 0)
		return i;
	if (nb_words == 0) {
		fprintf(stderr, "vu-pmd: %s: unknown option; see vu-pmd --help\n", argv[i]);
		return -1;
	}
	if (i + nb_words > argc) {
		fprintf(stderr, "vu-pmd: %s needs a value; see vu-pmd --help\n", argv[i]);
		return -1;
	}
	for (int word = 0; word < nb_words; word++)
		options->eal_argv[options->eal_argc++] = argv[i + word];
	return i + nb_words - 1;
}

static int
options_take(struct options *options, int argc, char **argv)
{
	int status = OPTIONS_RUN;

	for (int i = 1; i < argc && status == OPTIONS_RUN; i++) {
		const char *value;
		const struct option_row *row = option_find(argv[i], &value);

		if (option_is_question(argv[i]))
			return EXIT_SUCCESS;
		if (row != NULL) {
			if (value == NULL && i + 1 < argc)
				value = argv[++i];
			status = option_apply(options, row, value);
			continue;
		}
		i = option_keep(options, argc, argv, i);
		if (i < 0)
			return EXIT_FAILURE;
	}
	if (status == OPTIONS_RUN && options->conf.nb_ports == 0) {
		fputs("vu-pmd: nothing to serve: use --socket PATH[,key=value...]; see --help\n",
			stderr);
		return EXIT_FAILURE;
	}
	return status;
}

int
options_parse(struct options *options, int argc, char **argv)
{
	int status;

	vu_daemon_conf_init(&options->conf);
	options->eal_argv = calloc((size_t)argc + 5, sizeof(*options->eal_argv));
	if (options->eal_argv == NULL) {
		fputs("vu-pmd: out of memory\n", stderr);
		return EXIT_FAILURE;
	}
	options->eal_argc = 0;
	options->eal_argv[options->eal_argc++] = argv[0];
	status = options_take(options, argc, argv);
	if (status == OPTIONS_RUN)
		options->eal_argc = eal_options_add_defaults(options->eal_argc, options->eal_argv);
	else
		options_free(options);
	return status;
}

void
options_free(struct options *options)
{
	vu_daemon_conf_fini(&options->conf);
	free(options->eal_argv);
	options->eal_argv = NULL;
}
