/* SPDX-License-Identifier: BSD-3-Clause
 *
 * View of the data lcores. Control lcore.
 */
#include "telemetry.h"

#include <errno.h>
#include <stdio.h>

#include <rte_cycles.h>

#include "vu_sched.h"

static void
lcore_add(struct rte_tel_data *lcore, const struct vu_sched_lcore_stats *stats)
{
	rte_tel_data_start_dict(lcore);
	rte_tel_data_add_dict_int(lcore, "numa_node", stats->numa_node);
	telemetry_add_uint(lcore, "running", stats->is_running);
	telemetry_add_uint(lcore, "tasks", stats->nb_tasks);
	telemetry_add_uint(lcore, "busy_cycles", stats->busy_cycles);
	telemetry_add_uint(lcore, "idle_cycles", stats->idle_cycles);
	telemetry_add_uint(lcore, "polls", stats->nb_polls);
	telemetry_add_uint(lcore, "items", stats->nb_items);
}

int
telemetry_lcore(struct vu_sched *sched, const char *params, struct rte_tel_data *data)
{
	struct vu_sched_lcore_stats stats;
	char name[RTE_TEL_MAX_STRING_LEN];

	(void)params;
	rte_tel_data_start_dict(data);
	telemetry_add_uint(data, "tsc_hz", rte_get_tsc_hz());
	for (unsigned int i = 0; i < vu_sched_nb_workers(sched); i++) {
		struct rte_tel_data *lcore = rte_tel_data_alloc();

		if (lcore == NULL)
			return -ENOMEM;
		vu_sched_lcore_stats_get(sched, i, &stats);
		lcore_add(lcore, &stats);
		snprintf(name, sizeof(name), "lcore%u", stats.lcore_id);
		if (rte_tel_data_add_dict_container(data, name, lcore, 0) != 0) {
			rte_tel_data_free(lcore);
			break;
		}
	}
	return 0;
}
