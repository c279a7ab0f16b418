/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The few of EAL's options that matter to us, and how EAL starts; see eal_options.h.
 */
#include "eal_options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_vect.h>

#include "vu_fd.h"

#define EAL_REFUSED 99 /* exit status of a child that no library uses */

/* An option by its name, with or without a value in the same word. */
static bool
eal_has(int argc, char **argv, const char *name)
{
	const size_t len = strlen(name);

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], name, len) == 0 &&
				(len == 2 || argv[i][len] == '\0' || argv[i][len] == '='))
			return true;
	return false;
}

/*
 * DPDK refuses --in-memory beside --no-huge, which keeps nothing in files anyway but the shared
 * configuration: leave that out too, which is what the user means.
 */
static void
eal_resolve_in_memory(int argc, char **argv)
{
	static char no_shconf[] = "--no-shconf";

	if (!eal_has(argc, argv, "--no-huge"))
		return;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--in-memory") == 0)
			argv[i] = no_shconf;
}

int
eal_options_add_defaults(const char *program, bool is_in_memory, int argc, char **argv)
{
	static char in_memory[] = "--in-memory";
	static char no_shconf[] = "--no-shconf";
	static char eal_log_error[] = "--log-level=lib.eal:error";
	static char prefix[64];
	static char eal_log[] = "--log-level=lib.eal:warning";
	static char telemetry_log[] = "--log-level=lib.telemetry:error";
	static char no_pci[] = "--no-pci";
	char *defaults[EAL_MAX_DEFAULTS] = {
		is_in_memory ? eal_log_error : eal_log, telemetry_log,
	};
	int nb_defaults = 2;

	snprintf(prefix, sizeof(prefix), "--file-prefix=%s", program);
	/* DPDK refuses --in-memory beside --no-huge, see above. */
	if (is_in_memory && !eal_has(argc, argv, "--file-prefix"))
		defaults[nb_defaults++] = eal_has(argc, argv, "--no-huge") ? no_shconf : in_memory;
	else if (!eal_has(argc, argv, "--file-prefix"))
		defaults[nb_defaults++] = prefix;
	/* No port uses a PCI device so far; probing them disturbs their present owners. */
	if (!eal_has(argc, argv, "--no-pci") && !eal_has(argc, argv, "--allow") &&
			!eal_has(argc, argv, "-a"))
		defaults[nb_defaults++] = no_pci;

	eal_resolve_in_memory(argc, argv);
	/* In front of the user's: of two log levels the last one counts. */
	memmove(&argv[1 + nb_defaults], &argv[1], (size_t)(argc - 1) * sizeof(*argv));
	memcpy(&argv[1], defaults, (size_t)nb_defaults * sizeof(*argv));
	argc += nb_defaults;
	argv[argc] = NULL;
	return argc;
}

/* Free hugepages of all sizes. */
static unsigned long
eal_free_hugepages(void)
{
	static const char dir_path[] = "/sys/kernel/mm/hugepages";
	DIR *dir = opendir(dir_path);
	unsigned long nb_free = 0;
	struct dirent *entry;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		char path[512];
		unsigned long nb = 0;
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s/free_hugepages", dir_path, entry->d_name);
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fscanf(file, "%lu", &nb) == 1)
			nb_free += nb;
		fclose(file);
	}
	closedir(dir);
	return nb_free;
}

/* Hugepages are files: those of others cannot be made, and EAL calls that a lack of memory. */
static const char *
eal_cure(int error, int argc, char **argv)
{
	const bool is_no_huge = eal_has(argc, argv, "--no-huge");
	const bool has_files = !is_no_huge && !eal_has(argc, argv, "--in-memory");

	if (error == ENOMEM && is_no_huge)
		return "use a smaller -m";
	if ((error == ENOMEM && has_files && geteuid() != 0) || error == EACCES)
		return "no permission for hugepage files? Run as root, or add --in-memory, or "
			"--no-huge -m 512";
	if (error == ENOMEM)
		return "too few free hugepages? Reserve more (/proc/sys/vm/nr_hugepages), use a "
			"smaller -m, or --no-huge -m 512";
	return "see --help";
}

/* EAL answers a bad option with its manual on stdout: what it prints on stderr is enough. */
static int
eal_init(int argc, char **argv)
{
	int saved_stdout = dup(STDOUT_FILENO);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int rc;

	fflush(stdout);
	if (saved_stdout >= 0 && null >= 0)
		dup2(null, STDOUT_FILENO);
	rc = rte_eal_init(argc, argv);
	fflush(stdout);
	if (saved_stdout >= 0)
		dup2(saved_stdout, STDOUT_FILENO);
	vu_fd_close(&saved_stdout);
	vu_fd_close(&null);
	return rc;
}

bool
eal_options_start(const char *program, int argc, char **argv)
{
	int nb_taken = eal_init(argc, argv);

	if (nb_taken < 0 && rte_errno == 0) {
		fprintf(stderr, "%s: DPDK did not start: another DPDK program may use this "
			"--file-prefix; see --help\n", program);
	} else if (nb_taken < 0) {
		fprintf(stderr, "%s: DPDK did not start: %s; %s\n", program,
			rte_strerror(rte_errno), eal_cure(rte_errno, argc, argv));
	} else if (nb_taken + 1 < argc) {
		/* It stood behind an option that has no value, which only EAL can find. */
		fprintf(stderr, "%s: %s: unknown option; see %s --help\n", program,
			argv[nb_taken + 1], program);
		rte_eal_cleanup();
	} else {
		/*
		 * DPDK's own limit spares processors that slow down; our loops use such vectors
		 * all the time or not at all. Refused, and rightly, if the user set a limit.
		 */
		rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_512);
		return true;
	}
	return false;
}

/* Have EAL read the options and end at --help. The last one may take a word of ours for a value. */
static void
eal_read_options(int argc, char **argv, int errors)
{
	static char errors_only[] = "--log-level=lib.eal:error", help[] = "--help";
	char **words = calloc((size_t)argc + 3, sizeof(*words));
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (words == NULL || dup2(null, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0)
		_exit(EXIT_FAILURE);
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	words[argc++] = errors_only;
	words[argc++] = help;
	_exit(rte_eal_init(argc, words) < 0 ? EAL_REFUSED : EXIT_SUCCESS);
}

/*
 * EAL reports in many lines what it refuses, and may have made files by then. A child lets it read
 * the options: the first of those lines names the fault.
 */
static bool
eal_check_options(const char *program, int argc, char **argv)
{
	char line[256] = "", more[256];
	int errors[2], status = 0;
	const char *fault;
	FILE *in;
	pid_t child;

	if (pipe2(errors, O_CLOEXEC) != 0)
		return true;
	child = fork();
	if (child == 0)
		eal_read_options(argc, argv, errors[1]);
	vu_fd_close(&errors[1]);
	in = fdopen(errors[0], "r");
	if (in != NULL && fgets(line, sizeof(line), in) != NULL)
		while (fgets(more, sizeof(more), in) != NULL)
			;
	if (in != NULL)
		fclose(in);
	else
		vu_fd_close(&errors[0]);
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
			WEXITSTATUS(status) != EAL_REFUSED)
		return true;
	/* Behind the name of the program or of EAL. */
	fault = strstr(line, ": ") != NULL ? strstr(line, ": ") + 2 : line;
	fprintf(stderr, "%s: %.*s; see %s --help\n", program, (int)strcspn(fault, "\n"), fault,
		program);
	return false;
}

bool
eal_options_check(const char *program, int argc, char **argv)
{
	if (!eal_check_options(program, argc, argv))
		return false;
	if (eal_has(argc, argv, "--no-huge") || eal_free_hugepages() != 0)
		return true;
	fprintf(stderr, "%s: no free hugepages: reserve some "
		"(echo 512 > /proc/sys/vm/nr_hugepages) or add --no-huge -m 512\n", program);
	return false;
}
