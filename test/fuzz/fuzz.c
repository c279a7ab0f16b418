/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the fuzz targets share; see fuzz.h.
 */
#include "fuzz.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_log.h>

#include "expect.h"

static void
stop_eal(void)
{
	char folder[256];

	snprintf(folder, sizeof(folder), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	rmdir(folder);
}

static int
first_cpu(const cpu_set_t *cpus)
{
	int cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, cpus))
		cpu++;
	return cpu;
}

void
fuzz_start_eal(void)
{
	char prefix[48], cpu[16];
	char *args[] = {
		strdup("fuzz"), strdup("--no-huge"), strdup("--no-shconf"), strdup("--no-pci"),
		strdup("--no-telemetry"), strdup("-m"), strdup("128"),
		strdup("--log-level=lib.eal:error"), strdup("-l"), cpu, prefix, NULL,
	};
	char *argv[RTE_DIM(args)];
	cpu_set_t cpus;

	CHECK(sched_getaffinity(0, sizeof(cpus), &cpus) == 0);
	snprintf(cpu, sizeof(cpu), "%d", first_cpu(&cpus));
	snprintf(prefix, sizeof(prefix), "--file-prefix=vu-fuzz-%d", getpid());
	/* EAL reorders its array: what is freed is ours. */
	memcpy(argv, args, sizeof(args));
	CHECK(rte_eal_init(RTE_DIM(args) - 1, argv) >= 0);
	for (unsigned int i = 0; args[i] != cpu; i++)
		free(args[i]);
	/* Several targets may run at once: EAL's choice of a CPU would put them all on one. */
	sched_setaffinity(0, sizeof(cpus), &cpus);
	rte_log_set_level_pattern("vu.*", RTE_LOG_CRIT);
	atexit(stop_eal);
}

void
fuzz_take(struct fuzz_input *input, void *to, size_t len)
{
	size_t nb = RTE_MIN(len, input->len);

	if (nb != 0)
		memcpy(to, input->bytes, nb);
	memset((uint8_t *)to + nb, 0, len - nb);
	input->bytes += nb;
	input->len -= nb;
}

uint8_t
fuzz_take_u8(struct fuzz_input *input)
{
	uint8_t value;

	fuzz_take(input, &value, sizeof(value));
	return value;
}

uint16_t
fuzz_take_u16(struct fuzz_input *input)
{
	uint16_t value;

	fuzz_take(input, &value, sizeof(value));
	return value;
}
