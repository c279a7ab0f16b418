/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The telemetry commands that change something: /vu/queue/move moves queues, /vu/lcore/gaps starts
 * and stops a measurement. lib/telemetry brings them here and has all that only reads. Control
 * lcore.
 */
#include "daemon.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_telemetry.h>

#include "vu_device.h"
#include "vu_parse.h"

#define MOVE_MAX_US 500
#define MOVE_USAGE "use PORT,QUEUE,LCORE or PORT,FIRST-LAST,LCORE"

struct move_request {
	struct vu_device *dev;
	uint32_t first;
	uint32_t last;
	uint32_t lcore_id;
};

static int move_refuse(struct rte_tel_data *data, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A line instead of an empty answer. */
static int
move_refuse(struct rte_tel_data *data, const char *format, ...)
{
	char errmsg[RTE_TEL_MAX_STRING_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(errmsg, sizeof(errmsg), format, args);
	va_end(args);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "error", errmsg);
	return -EINVAL;
}

static struct vu_device *
device_find(unsigned int id)
{
	struct vu_device *dev = vu_device_first();

	while (dev != NULL && vu_device_id(dev) != id)
		dev = vu_device_next(dev);
	return dev;
}

static int
move_parse(const char *params, struct move_request *request, struct rte_tel_data *data)
{
	uint32_t id;
	const char *text = vu_parse_number(params != NULL ? params : "", UINT16_MAX, &id);

	if (text != NULL)
		text = *text == ',' ? vu_parse_range(text + 1, &request->first, &request->last) :
			NULL;
	if (text == NULL || *text != ',' ||
			vu_parse_uint(text + 1, 0, UINT16_MAX, &request->lcore_id) != 0)
		return move_refuse(data, MOVE_USAGE);
	request->dev = device_find(id);
	if (request->dev == NULL)
		return move_refuse(data, "no device %u, see /vu/list", id);
	if (request->first > request->last || request->last >= vu_device_nb_queues(request->dev))
		return move_refuse(data, "%s has queues 0 to %u", vu_device_name(request->dev),
			vu_device_nb_queues(request->dev) - 1);
	return 0;
}

/*
 * Nobody polls the queue from when its lcore has quiesced until vu_sched_poll() hands it over: see
 * to that at once instead of after the next sleep, but do not stall on an lcore that is busy.
 */
static int
move_queue(struct vu_sched *sched, const struct move_request *request, uint32_t queue_idx)
{
	const uint64_t start_tsc = rte_rdtsc();
	const uint64_t max_cycles = rte_get_tsc_hz() / US_PER_S * MOVE_MAX_US;
	int rc = vu_device_queue_move(request->dev, queue_idx, request->lcore_id);

	while (rc == 0 && vu_device_queue_is_moving(request->dev, queue_idx) &&
			rte_rdtsc() - start_tsc < max_cycles)
		vu_sched_poll(sched);
	return rc;
}

static int
command_queue_move(void *arg, const char *params, struct rte_tel_data *data)
{
	struct move_request request = { .first = 0 };
	const struct vu_daemon *daemon = arg;

	/* A refusal is an answer too. */
	if (move_parse(params, &request, data) != 0)
		return 0;
	if (vu_sched_lcore_worker(daemon->sched, request.lcore_id) < 0) {
		move_refuse(data, "lcore %u is not a data lcore, see /vu/lcore", request.lcore_id);
		return 0;
	}
	for (unsigned int queue_idx = request.first; queue_idx <= request.last; queue_idx++) {
		int rc = move_queue(daemon->sched, &request, queue_idx);

		if (rc != 0) {
			move_refuse(data, "%s: queue %u stays where it is: %s",
				vu_device_name(request.dev), queue_idx, rte_strerror(-rc));
			return 0;
		}
	}
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_int(data, "first_queue", (int)request.first);
	rte_tel_data_add_dict_int(data, "last_queue", (int)request.last);
	rte_tel_data_add_dict_int(data, "lcore", (int)request.lcore_id);
	return 0;
}

static int
command_lcore_gaps(void *arg, const char *params, struct rte_tel_data *data)
{
	const struct vu_daemon *daemon = arg;
	bool is_start = params != NULL && strcmp(params, "start") == 0;
	bool is_stop = params != NULL && strcmp(params, "stop") == 0;

	if (is_start)
		vu_sched_gap_start(daemon->sched);
	else if (is_stop)
		vu_sched_gap_stop(daemon->sched);
	return vu_telemetry_gaps(daemon->sched, is_start || is_stop ? NULL : params, data);
}

const struct vu_telemetry_command daemon_commands[DAEMON_NB_COMMANDS] = {
	{ "/vu/queue/move", command_queue_move, "Move running queues to another data lcore. "
		"Parameters: device number,queue or first-last,lcore" },
	{ "/vu/lcore/gaps", command_lcore_gaps, "Cycles between the polls of each data lcore, by "
		"powers of two. Parameter: start, stop, an lcore, or none to look at all" },
};
