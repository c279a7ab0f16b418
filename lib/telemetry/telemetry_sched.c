/* SPDX-License-Identifier: BSD-3-Clause
 *
 * View of the data lcores. Control lcore.
 */
#include "telemetry.h"

#include <errno.h>
#include <stdio.h>

#include <rte_cycles.h>

#include "vu_parse.h"
#include "vu_sched.h"

static int
lcore_add(struct rte_tel_data *data, const struct vu_sched_lcore_stats *stats)
{
	struct rte_tel_data *lcore = rte_tel_data_alloc();

	if (lcore == NULL)
		return -ENOMEM;
	rte_tel_data_start_dict(lcore);
	rte_tel_data_add_dict_int(lcore, "numa_node", stats->numa_node);
	telemetry_add_uint(lcore, "running", stats->is_running);
	telemetry_add_uint(lcore, "tasks", stats->nb_tasks);
	rte_tel_data_add_dict_string(lcore, "idle_policy", vu_idle_policy_name(stats->policy));
	telemetry_add_uint(lcore, "busy_cycles", stats->busy_cycles);
	telemetry_add_uint(lcore, "idle_cycles", stats->idle_cycles);
	telemetry_add_uint(lcore, "sleep_cycles", stats->sleep_cycles);
	telemetry_add_uint(lcore, "sleeps", stats->nb_sleeps);
	telemetry_add_uint(lcore, "sleeps_ended_by_kick", stats->nb_kicks);
	telemetry_add_uint(lcore, "polls", stats->nb_polls);
	telemetry_add_uint(lcore, "items", stats->nb_items);
	return telemetry_add_part(data, lcore, "lcore%u", stats->lcore_id);
}

int
telemetry_lcore(struct vu_sched *sched, const char *params, struct rte_tel_data *data)
{
	const unsigned int nb_workers = sched != NULL ? vu_sched_nb_workers(sched) : 0;
	struct vu_sched_lcore_stats stats;
	int rc = 0;

	(void)params;
	rte_tel_data_start_dict(data);
	telemetry_add_uint(data, "tsc_hz", rte_get_tsc_hz());
	for (unsigned int i = 0; i < nb_workers && rc == 0; i++) {
		vu_sched_lcore_stats_get(sched, i, &stats);
		rc = lcore_add(data, &stats);
	}
	/* What there is room for is an answer. */
	return rc == -ENOMEM ? rc : 0;
}

/* Buckets by the cycles they begin with; empty ones are left out. */
static int
gaps_add(struct rte_tel_data *data, const struct vu_sched_gaps *gaps)
{
	struct rte_tel_data *lcore = rte_tel_data_alloc();
	char name[RTE_TEL_MAX_STRING_LEN];

	if (lcore == NULL)
		return -ENOMEM;
	rte_tel_data_start_dict(lcore);
	telemetry_add_uint(lcore, "measuring", gaps->is_measuring);
	telemetry_add_uint(lcore, "longest_cycles", gaps->longest_cycles);
	for (unsigned int i = 0; i < VU_NB_GAP_BUCKETS; i++) {
		if (gaps->nb_gaps[i] == 0)
			continue;
		snprintf(name, sizeof(name), "from_%" PRIu64, UINT64_C(1) << i);
		telemetry_add_uint(lcore, name, gaps->nb_gaps[i]);
	}
	return telemetry_add_part(data, lcore, "lcore%u", gaps->lcore_id);
}

int
vu_telemetry_gaps(struct vu_sched *sched, const char *params, struct rte_tel_data *data)
{
	bool is_single = params != NULL && *params != '\0';
	struct vu_sched_gaps gaps;
	uint32_t lcore_id = 0;
	bool is_found = false;

	if (is_single && vu_parse_uint(params, 0, UINT32_MAX, &lcore_id) != 0)
		return -EINVAL;
	rte_tel_data_start_dict(data);
	telemetry_add_uint(data, "tsc_hz", rte_get_tsc_hz());
	for (unsigned int i = 0; i < vu_sched_nb_workers(sched); i++) {
		vu_sched_gap_get(sched, i, &gaps);
		if (is_single && gaps.lcore_id != lcore_id)
			continue;
		is_found = true;
		if (gaps_add(data, &gaps) != 0)
			break;
	}
	return is_found ? 0 : -EINVAL;
}
