/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Views of devices and their queues. Control lcore.
 */
#include "telemetry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vu_peer.h"
#include "vu_mem.h"
#include "vu_parse.h"
#include "vu_sched_account.h"
#include "vu_virtio.h"

/* DPDK's answers have room for 16 KiB of text. */
#define QUEUES_PER_ANSWER 16

int
telemetry_list(struct vu_sched *sched, const char *params, struct rte_tel_data *data)
{
	(void)sched;
	(void)params;
	rte_tel_data_start_array(data, RTE_TEL_INT_VAL);
	for (struct vu_device *dev = vu_device_first(); dev != NULL; dev = vu_device_next(dev))
		rte_tel_data_add_array_int(data, (int)vu_device_id(dev));
	return 0;
}

static void
info_add_figure(void *data, const char *name, uint64_t value)
{
	telemetry_add_uint(data, name, value);
}

/* Time of data lcores: what its queues paid for, and what became of its accounts. */
static void
info_add_time(struct rte_tel_data *data, const struct vu_device *dev)
{
	struct vu_device_queue_stats queue;
	struct vu_account_stats account;
	uint64_t nb_cycles = 0;

	for (uint32_t i = 0; i < vu_device_nb_queues(dev); i++) {
		vu_device_queue_stats_get(dev, i, &queue);
		nb_cycles += queue.nb_cycles;
	}
	vu_device_account_get(dev, &account);
	telemetry_add_uint(data, "cycles", nb_cycles);
	telemetry_add_uint(data, "holds", account.nb_holds);
	telemetry_add_uint(data, "overdrafts", account.nb_overdrafts);
	telemetry_add_uint(data, "quarantines", account.nb_quarantines);
	telemetry_add_uint(data, "quarantine", account.quarantine);
}

int
telemetry_info(struct vu_sched *sched, const char *params, struct rte_tel_data *data)
{
	const struct vu_device *dev = telemetry_device(params);
	const struct vu_mem_table *mem;

	(void)sched;
	if (dev == NULL)
		return -EINVAL;
	mem = vu_device_mem(dev);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "name", vu_device_name(dev));
	rte_tel_data_add_dict_string(data, "driver", vu_device_driver_name(dev));
	rte_tel_data_add_dict_string(data, "state", vu_device_state_name(vu_device_state(dev)));
	telemetry_add_uint(data, "nb_queues", vu_device_nb_queues(dev));
	telemetry_add_uint(data, "status", vu_device_status(dev));
	telemetry_add_uint(data, "features", vu_device_acked_features(dev));
	telemetry_add_uint(data, "nb_mem_regions", mem != NULL ? vu_mem_table_nb_regions(mem) : 0);
	telemetry_add_uint(data, "max_mem_bytes", vu_device_mem_policy(dev)->max_bytes);
	telemetry_add_uint(data, "mem_bytes_of_all_ports", vu_mem_mapped_bytes());
	telemetry_add_uint(data, "page_table_bytes",
		mem != NULL ? vu_mem_table_page_table_bytes(mem) : 0);
	telemetry_add_uint(data, "page_table_bytes_of_all_ports", vu_mem_page_table_bytes());
	telemetry_add_uint(data, "log_misses", vu_device_nb_log_misses(dev));
	telemetry_add_uint(data, "peers",
		vu_peer_group_nb(vu_device_peers(dev)));
	vu_device_figures(dev, info_add_figure, data);
	info_add_time(data, dev);
	return 0;
}

/* A list: DPDK cuts strings off at 128 bytes. */
static int
features_add(struct rte_tel_data *data, const char *key, uint32_t virtio_id, uint64_t features)
{
	struct rte_tel_data *names = rte_tel_data_alloc();
	char unknown[sizeof("BIT_63")];

	if (names == NULL)
		return -ENOMEM;
	rte_tel_data_start_array(names, RTE_TEL_STRING_VAL);
	for (unsigned int bit = 0; bit < 64; bit++) {
		const char *name = vu_virtio_feature_name(virtio_id, bit);

		snprintf(unknown, sizeof(unknown), "BIT_%u", bit);
		if ((features & RTE_BIT64(bit)) != 0)
			rte_tel_data_add_array_string(names, name != NULL ? name : unknown);
	}
	return telemetry_add_part(data, names, "%s", key);
}

int
telemetry_features(struct vu_sched *sched, const char *params, struct rte_tel_data *data)
{
	const struct vu_device *dev = telemetry_device(params);
	uint32_t virtio_id;
	int rc;

	(void)sched;
	if (dev == NULL)
		return -EINVAL;
	virtio_id = vu_device_virtio_id(dev);
	rte_tel_data_start_dict(data);
	rc = features_add(data, "offered", virtio_id, vu_device_features(dev));
	if (rc == 0)
		rc = features_add(data, "negotiated", virtio_id, vu_device_acked_features(dev));
	return rc;
}

static const char *
direction_name(enum vu_device_queue_direction direction)
{
	switch (direction) {
	case VU_DEVICE_QUEUE_TO_GUEST:
		return "to_guest";
	case VU_DEVICE_QUEUE_FROM_GUEST:
		return "from_guest";
	default:
		return "both";
	}
}

static void
queue_add_drops(struct rte_tel_data *queue, const struct vu_device_queue_stats *stats)
{
	char name[RTE_TEL_MAX_STRING_LEN];

	for (unsigned int i = 0; i < VU_MAX_DROPS; i++) {
		if (stats->drop_names[i] == NULL)
			continue;
		snprintf(name, sizeof(name), "drop_%s", stats->drop_names[i]);
		telemetry_add_uint(queue, name, stats->nb_drops[i]);
	}
}

static void
queue_add(struct rte_tel_data *queue, const struct vu_device_queue_stats *stats)
{
	rte_tel_data_start_dict(queue);
	rte_tel_data_add_dict_string(queue, "direction", direction_name(stats->direction));
	rte_tel_data_add_dict_int(queue, "lcore", stats->lcore_id);
	rte_tel_data_add_dict_int(queue, "lcore_numa_node", stats->lcore_node);
	rte_tel_data_add_dict_int(queue, "state_numa_node", stats->state_node);
	telemetry_add_uint(queue, "size", stats->size);
	telemetry_add_uint(queue, "started", stats->is_started);
	telemetry_add_uint(queue, "enabled", stats->is_enabled);
	telemetry_add_uint(queue, "live", stats->is_running);
	rte_tel_data_add_dict_string(queue, "variant", stats->variant);
	rte_tel_data_add_dict_string(queue, "fault", vu_vring_fault_name(stats->fault));
	telemetry_add_uint(queue, "faults", stats->nb_faults);
	telemetry_add_uint(queue, "packets", stats->nb_packets);
	telemetry_add_uint(queue, "bytes", stats->nb_bytes);
	telemetry_add_uint(queue, "cycles", stats->nb_cycles);
	telemetry_add_uint(queue, "direct", stats->nb_direct);
	telemetry_add_uint(queue, "chains", stats->vring.nb_chains);
	telemetry_add_uint(queue, "guest_notifications", stats->vring.nb_notifications);
	telemetry_add_uint(queue, "guest_notifications_suppressed",
		stats->vring.nb_notifications_suppressed);
	telemetry_add_uint(queue, "guest_notifications_delayed",
		stats->vring.nb_notifications_delayed);
	telemetry_add_uint(queue, "guest_notifications_error", stats->vring.nb_notification_errors);
	queue_add_drops(queue, stats);
}

/* Queues that an answer may show: "DEVICE" or "DEVICE,FIRST-" all that were ever used. */
struct queue_range {
	uint32_t first, last;
	bool is_single; /* "DEVICE,QUEUE": shown whatever its state */
};

/* What stands behind the comma, or NULL; false if it is no queue of the device's. */
static bool
queue_range_parse(const struct vu_device *dev, const char *comma, struct queue_range *range)
{
	const char *end;

	*range = (struct queue_range){ .last = vu_device_nb_queues(dev) - 1 };
	if (comma == NULL)
		return true;
	end = vu_parse_number(comma + 1, range->last, &range->first);
	if (end == NULL)
		return false;
	if (strcmp(end, "-") == 0)
		return true;
	range->last = range->first;
	range->is_single = true;
	return *end == '\0';
}

static int
queue_add_named(
	struct rte_tel_data *data, uint32_t queue_idx, const struct vu_device_queue_stats *stats)
{
	struct rte_tel_data *queue = rte_tel_data_alloc();

	if (queue == NULL)
		return -ENOMEM;
	queue_add(queue, stats);
	return telemetry_add_part(data, queue, "q%u", queue_idx);
}

int
telemetry_queue_stats(struct vu_sched *sched, const char *params, struct rte_tel_data *data)
{
	const struct vu_device *dev = telemetry_device(params);
	unsigned int nb_shown = 0;
	struct queue_range range;
	struct vu_device_queue_stats stats;
	int rc = 0;

	(void)sched;
	if (dev == NULL || !queue_range_parse(dev, params != NULL ? strchr(params, ',') : NULL,
			&range))
		return -EINVAL;
	rte_tel_data_start_dict(data);
	for (uint32_t i = range.first; i <= range.last && rc == 0; i++) {
		vu_device_queue_stats_get(dev, i, &stats);
		if (!range.is_single && stats.size == 0 && stats.vring.nb_chains == 0)
			continue;
		if (nb_shown++ == QUEUES_PER_ANSWER) {
			telemetry_add_uint(data, "next", i);
			break;
		}
		rc = queue_add_named(data, i, &stats);
	}
	return rc;
}
