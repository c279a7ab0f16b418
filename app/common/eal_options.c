/* SPDX-License-Identifier: BSD-3-Clause
 *
 * EAL's options of DPDK 22.11 and later; see eal_options.h.
 */
#include "eal_options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_vect.h>

#include "vu_fd.h"

/* Long options by whether a value follows. */
static const char *const eal_with_value[] = {
	"--lcores",
	"--main-lcore",
	"--master-lcore",
	"--service-corelist",
	"--service-coremask",
	"--corelist",
	"--coremask",
	"--socket-mem",
	"--socket-limit",
	"--huge-dir",
	"--file-prefix",
	"--proc-type",
	"--vdev",
	"--allow",
	"--block",
	"--syslog",
	"--log-level",
	"--log-timestamp",
	"--log-color",
	"--trace",
	"--trace-dir",
	"--trace-bufsz",
	"--trace-mode",
	"--base-virtaddr",
	"--iova-mode",
	"--vfio-intr",
	"--vfio-vf-token",
	"--mbuf-pool-ops-name",
	"--force-max-simd-bitwidth",
	"--memory-size",
	"--memory-channels",
	"--memory-ranks",
	"--driver-path",
	"--remap-lcore-ids",
	"--huge-worker-stack",
	"--max-mem-size",
};

static const char *const eal_without_value[] = {
	"--no-huge", "--no-pci", "--no-hpet", "--no-shconf", "--no-telemetry", "--telemetry",
	"--in-memory", "--legacy-mem", "--single-file-segments", "--match-allocations",
	"--huge-unlink", "--create-uio-dev", "--vmware-tsc-map", "--auto-probing",
	"--no-auto-probing",
};

static const char eal_short_with_value[] = "labcdmnrsS";
static const char eal_short_without_value[] = "v";

static bool
eal_is_in(const char *arg, const char *const *names, unsigned int nb_names)
{
	for (unsigned int i = 0; i < nb_names; i++) {
		size_t len = strlen(names[i]);

		if (strncmp(arg, names[i], len) == 0 && (arg[len] == '\0' || arg[len] == '='))
			return true;
	}
	return false;
}

int
eal_option_words(const char *arg)
{
	if (strcmp(arg, "--") == 0)
		return 1;
	if (strncmp(arg, "--", 2) == 0) {
		/* --huge-unlink, --syslog and their like take an optional value behind '='. */
		if (eal_is_in(arg, eal_without_value, RTE_DIM(eal_without_value)))
			return 1;
		if (!eal_is_in(arg, eal_with_value, RTE_DIM(eal_with_value)))
			return 0;
		return strchr(arg, '=') != NULL ? 1 : 2;
	}
	if (arg[0] != '-' || arg[1] == '\0')
		return 0;
	if (strchr(eal_short_with_value, arg[1]) != NULL)
		return arg[2] != '\0' ? 1 : 2;
	return strchr(eal_short_without_value, arg[1]) != NULL && arg[2] == '\0' ? 1 : 0;
}

static bool
eal_has(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (eal_is_in(argv[i], &name, 1))
			return true;
	return false;
}

/* Value of a one-letter option, NULL if it is not there. */
static const char *
eal_short_value(int argc, char **argv, char letter)
{
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-' && argv[i][1] == letter)
			return argv[i][2] != '\0' ? &argv[i][2] : argv[i + 1];
	return NULL;
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
			eal_short_value(argc, argv, 'a') == NULL)
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

/* Every lcore of a plain list such as 0-3,5 is a CPU that this process may use. */
static bool
eal_check_lcores(const char *program, const char *list)
{
	cpu_set_t allowed;
	const char *text = list;

	CPU_ZERO(&allowed);
	if (list == NULL || sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return true;
	while (*text >= '0' && *text <= '9') {
		char *end;
		unsigned long first = strtoul(text, &end, 10);
		unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;

		for (unsigned long cpu = first; cpu <= last; cpu++) {
			if (cpu < CPU_SETSIZE && CPU_ISSET(cpu, &allowed))
				continue;
			fprintf(stderr, "%s: -l %s: no lcore %lu here\n", program, list, cpu);
			return false;
		}
		text = *end == ',' ? end + 1 : "";
	}
	return true;
}

/* EAL answers a bad option with its manual on stdout: what it says on stderr is enough. */
int
eal_options_start(int argc, char **argv)
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
	/*
	 * DPDK's own limit spares processors that slow down; our loops use such vectors all the
	 * time or not at all. Refused, and rightly, if the user set a limit.
	 */
	if (rc >= 0)
		rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_512);
	return rc;
}

/* Hugepages are files: those of others cannot be made, and EAL calls that a lack of memory. */
static const char *
eal_cure(int error, int argc, char **argv)
{
	const bool has_files = !eal_has(argc, argv, "--no-huge") &&
		!eal_has(argc, argv, "--in-memory");

	if (error == ENOMEM && eal_has(argc, argv, "--no-huge"))
		return "use a smaller -m";
	if ((error == ENOMEM && has_files && geteuid() != 0) || error == EACCES)
		return "no permission for hugepage files? Run as root, or add --in-memory, or "
			"--no-huge -m 512";
	if (error == ENOMEM)
		return "too few free hugepages? Reserve more (/proc/sys/vm/nr_hugepages), use a "
			"smaller -m, or --no-huge -m 512";
	return "see --help";
}

void
eal_options_tell(const char *program, int error, int argc, char **argv)
{
	if (error == 0)
		fprintf(stderr, "%s: DPDK did not start: another DPDK program may use this "
			"--file-prefix; see --help\n", program);
	else
		fprintf(stderr, "%s: DPDK did not start: %s; %s\n", program, rte_strerror(error),
			eal_cure(error, argc, argv));
}

bool
eal_options_check(const char *program, int argc, char **argv)
{
	if (!eal_check_lcores(program, eal_short_value(argc, argv, 'l')))
		return false;
	if (eal_has(argc, argv, "--no-huge") || eal_free_hugepages() != 0)
		return true;
	fprintf(stderr, "%s: no free hugepages: reserve some "
		"(echo 512 > /proc/sys/vm/nr_hugepages) or add --no-huge -m 512\n", program);
	return false;
}
