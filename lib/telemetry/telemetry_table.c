/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table that --stats prints: rates per queue and load per lcore since it was last printed.
 * Control lcore.
 */
#include "telemetry.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "vu_limits.h"
#include "vu_sched.h"

/* What one queue had counted at the last print. */
struct table_queue {
	uint32_t device_id;
	uint32_t queue_idx;
	uint64_t nb_packets;
	uint64_t nb_bytes;
};

struct table_lcore {
	uint64_t busy_cycles;
	uint64_t idle_cycles;
	uint64_t sleep_cycles;
	uint64_t nb_sleeps;
};

struct vu_telemetry_table {
	struct vu_sched *sched;
	uint64_t last_tsc;
	struct table_queue *queues;
	uint32_t nb_queues;
	struct table_lcore lcores[RTE_MAX_LCORE];
};

struct vu_telemetry_table *
vu_telemetry_table_create(struct vu_sched *sched)
{
	struct vu_telemetry_table *table = calloc(1, sizeof(*table));

	if (table == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	table->sched = sched;
	table->last_tsc = rte_rdtsc();
	return table;
}

void
vu_telemetry_table_destroy(struct vu_telemetry_table *table)
{
	if (table != NULL)
		free(table->queues);
	free(table);
}

/* Memory of a queue; made on its first appearance. NULL without memory: shown without rates. */
static struct table_queue *
table_queue_find(struct vu_telemetry_table *table, uint32_t device_id, uint32_t queue_idx)
{
	struct table_queue *queues;

	for (uint32_t i = 0; i < table->nb_queues; i++)
		if (table->queues[i].device_id == device_id &&
			table->queues[i].queue_idx == queue_idx)
			return &table->queues[i];
	queues = reallocarray(table->queues, table->nb_queues + 1, sizeof(*queues));
	if (queues == NULL)
		return NULL;
	table->queues = queues;
	queues[table->nb_queues] = (struct table_queue){
		.device_id = device_id, .queue_idx = queue_idx,
	};
	return &queues[table->nb_queues++];
}

static void
table_print_queue(struct vu_telemetry_table *table, const struct vu_device *dev, uint32_t idx,
	double seconds, FILE *out)
{
	struct table_queue *last = table_queue_find(table, vu_device_id(dev), idx);
	struct vu_device_queue_stats stats;
	uint64_t nb_drops = 0;

	vu_device_queue_stats_get(dev, idx, &stats);
	if (last == NULL || !stats.is_running)
		return;
	for (unsigned int i = 0; i < VU_MAX_DROPS; i++)
		nb_drops += stats.nb_drops[i];
	fprintf(out, "%-10s %5u %-10s %5d %12.3f %12.3f %14" PRIu64 " %12" PRIu64 "  %-18s  %s\n",
		vu_device_name(dev), idx,
		stats.direction == VU_DEVICE_QUEUE_TO_GUEST ? "to guest" : "from guest",
		stats.lcore_id, (double)(stats.nb_packets - last->nb_packets) / seconds / 1e6,
		(double)(stats.nb_bytes - last->nb_bytes) * 8 / seconds / 1e9, stats.nb_packets,
		nb_drops, stats.variant,
		stats.fault != VU_VRING_OK ? vu_vring_fault_name(stats.fault)
			: stats.is_enabled ? "ok"
					   : "disabled");
	last->nb_packets = stats.nb_packets;
	last->nb_bytes = stats.nb_bytes;
}

static void
table_print_lcore(struct vu_telemetry_table *table, unsigned int worker_idx, FILE *out)
{
	struct table_lcore *last = &table->lcores[worker_idx];
	struct vu_sched_lcore_stats stats;
	uint64_t busy_cycles, sleep_cycles, all_cycles;
	double percent;

	vu_sched_lcore_stats_get(table->sched, worker_idx, &stats);
	busy_cycles = stats.busy_cycles - last->busy_cycles;
	sleep_cycles = stats.sleep_cycles - last->sleep_cycles;
	all_cycles = busy_cycles + sleep_cycles + stats.idle_cycles - last->idle_cycles;
	percent = all_cycles != 0 ? 100.0 / (double)all_cycles : 0.0;
	fprintf(out, "lcore %u: node %d, %u queues, %.1f %% busy", stats.lcore_id,
		stats.numa_node, stats.nb_tasks, percent * (double)busy_cycles);
	if (stats.policy != VU_IDLE_BUSY)
		fprintf(out, ", %s", vu_idle_policy_name(stats.policy));
	if (stats.policy == VU_IDLE_INTERRUPT)
		fprintf(out, ", %.1f %% asleep, %" PRIu64 " sleeps",
			percent * (double)sleep_cycles, stats.nb_sleeps - last->nb_sleeps);
	fputc('\n', out);
	*last = (struct table_lcore){
		.busy_cycles = stats.busy_cycles, .idle_cycles = stats.idle_cycles,
		.sleep_cycles = stats.sleep_cycles, .nb_sleeps = stats.nb_sleeps,
	};
}

void
vu_telemetry_table_print(struct vu_telemetry_table *table, FILE *out)
{
	uint64_t now_tsc = rte_rdtsc();
	double seconds = (double)(now_tsc - table->last_tsc) / (double)rte_get_tsc_hz();

	table->last_tsc = now_tsc;
	fprintf(out, "%-10s %5s %-10s %5s %12s %12s %14s %12s  %-18s  %s\n", "port", "queue",
		"direction", "lcore", "Mpackets/s", "Gbit/s", "packets", "drops", "variant",
		"state");
	for (struct vu_device *dev = vu_device_first(); dev != NULL; dev = vu_device_next(dev))
		for (uint32_t i = 0; i < vu_device_nb_queues(dev); i++)
			table_print_queue(table, dev, i, seconds, out);
	for (unsigned int i = 0; i < vu_sched_nb_workers(table->sched); i++)
		table_print_lcore(table, i, out);
	fflush(out);
}
