/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Options of vu-pmd and its help; see options.h.
 */
#include "options.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vu_parse.h"

#include "args.h"

#define HELP_COLUMNS 95
#define HELP_INDENT 27

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
"  --fd N[,...]             connected socket inherited as fd N; vu-pmd ends with it\n";

static const char options_help_rest[] =
"\n"
"Placement\n"
"  --queues-per-thread 2,2,4     virtqueues of each port on the 1st, 2nd, 3rd data lcore\n"
"  --queue-map '(0,1)@3,(2-5)@4' virtqueues of each port pinned to lcores\n"
"  What neither names goes round-robin, pairs together, least loaded lcore first.\n"
"\n"
"Idle data lcores\n"
"  --idle busy|pause|monitor|interrupt  poll on (default), pause between polls, wait for a store\n"
"                           where the CPU can, or sleep until a guest kicks\n"
"  --idle pause@3,interrupt@4-5  for some lcores\n"
"  --idle-us N              microseconds without work before it sleeps, default 100\n"
"\n"
"Limits\n"
"  --max-memory-total MEGABYTES  address space for guest memory of all ports, default 64 TiB\n"
"  --max-page-tables-total MEGABYTES  page tables for it, default 1/64 of the machine's memory\n"
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

static int
option_set(void *arg, const struct args_row *row, const char *value)
{
	return vu_daemon_conf_set(arg, row->data != NULL ? row->data : row->name + strlen("--"),
		value);
}

static int
option_answer(void *arg, const struct args_row *row, const char *value)
{
	(void)arg;
	(void)row;
	(void)value;
	puts("{\n  \"type\": \"net\"\n}");
	return 1;
}

static const struct args_row option_rows[] = {
	{ "--socket", option_set },
	{ "--socket-path", option_set, .data = "socket" },
	{ "--fd", option_set },
	{ "--queues-per-thread", option_set },
	{ "--queue-map", option_set },
	{ "--idle", option_set },
	{ "--idle-us", option_set },
	{ "--max-memory-total", option_set },
	{ "--max-page-tables-total", option_set },
	{ "--stats", option_set },
	{ "--print-capabilities", option_answer, .is_flag = true },
	{ NULL },
};

/* Words in indented lines, the first of which has `column` columns already. */
static void
help_print_words(const char *text, int column)
{
	while (*text != '\0') {
		const int len = (int)strcspn(text, " ");

		if (column < HELP_INDENT)
			column += printf("%*s", HELP_INDENT - column, "");
		else if (column + 1 + len <= HELP_COLUMNS)
			column += printf(" ");
		else
			column = printf("\n%*s", HELP_INDENT, "") - 1;
		column += printf("%.*s", len, text);
		text += len + (text[len] == ' ');
	}
	puts("");
}

static void
help_print_keys(const struct vu_key *keys)
{
	char text[512];

	for (const struct vu_key *key = keys; key->name != NULL; key++) {
		if (key->help == NULL)
			continue;
		snprintf(text, sizeof(text), "%s; default %s", key->help, key->initial);
		help_print_words(text, printf("  %s=%s", key->name, key->form));
	}
}

static void
options_print_help(void)
{
	fputs(options_help, stdout);
	puts("Keys of a port");
	help_print_keys(vu_daemon_keys(NULL));
	puts("Keys of a port with device=net");
	help_print_keys(vu_daemon_keys("net"));
	fputs(options_help_rest, stdout);
}

struct args
options_args(struct vu_daemon_conf *conf)
{
	return (struct args){
		.program = "vu-pmd", .help = options_print_help, .rows = option_rows,
		.arg = conf, .errmsg = conf->errmsg,
	};
}
