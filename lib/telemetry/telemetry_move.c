/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The one command that changes something: /vu/queue/move. It checks what was asked for and says in
 * one line what is wrong with it; the move itself is a function of the owner. Control lcore.
 */
#include "telemetry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "vu_sched.h"

#define MOVE_USAGE "use PORT,QUEUE,LCORE or PORT,FIRST-LAST,LCORE"

struct move_order {
	struct vu_device *dev;
	unsigned int first;
	unsigned int last;
	unsigned int lcore_id;
};

static int move_refuse(struct rte_tel_data *data, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A line instead of an empty answer. */
static int
move_refuse(struct rte_tel_data *data, const char *format, ...)
{
	char why[RTE_TEL_MAX_STRING_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_string(data, "error", why);
	return -EINVAL;
}

/* A number and the character that ends it; moves the text behind that. */
static bool
take_number(const char **text, const char *ends, unsigned int *number, char *end)
{
	unsigned long value;
	char *rest;

	if (**text < '0' || **text > '9')
		return false;
	value = strtoul(*text, &rest, 10);
	if (strchr(ends, *rest) == NULL || value > UINT16_MAX)
		return false;
	*number = (unsigned int)value;
	*end = *rest;
	*text = rest + (*rest != '\0');
	return *rest != '\0' || strcmp(ends, "") == 0;
}

static int
move_parse(const char *params, struct move_order *order, struct rte_tel_data *data)
{
	const char *text = params != NULL ? params : "";
	unsigned int id;
	char end;
	bool is_good = take_number(&text, ",", &id, &end) &&
		take_number(&text, ",-", &order->first, &end);

	order->last = order->first;
	if (is_good && end == '-')
		is_good = take_number(&text, ",", &order->last, &end);
	if (!is_good || !take_number(&text, "", &order->lcore_id, &end))
		return move_refuse(data, MOVE_USAGE);
	order->dev = telemetry_device(params);
	if (order->dev == NULL)
		return move_refuse(data, "no device %u, see /vu/list", id);
	if (order->first > order->last || order->last >= vu_device_nb_queues(order->dev))
		return move_refuse(data, "%s has queues 0 to %u", vu_device_name(order->dev),
			vu_device_nb_queues(order->dev) - 1);
	return 0;
}

int
telemetry_queue_move(struct vu_sched *sched, const char *params, struct rte_tel_data *data)
{
	struct move_order order = { .first = 0 };

	/* A refusal is an answer too. */
	if (move_parse(params, &order, data) != 0)
		return 0;
	if (vu_sched_lcore_worker(sched, order.lcore_id) < 0) {
		move_refuse(data, "lcore %u is not a data lcore, see /vu/lcore", order.lcore_id);
		return 0;
	}
	for (unsigned int queue_idx = order.first; queue_idx <= order.last; queue_idx++) {
		int rc = telemetry_order_move(order.dev, queue_idx, order.lcore_id);

		if (rc != 0) {
			move_refuse(data, "%s: queue %u stays where it is: %s",
				vu_device_name(order.dev), queue_idx, rte_strerror(-rc));
			return 0;
		}
	}
	rte_tel_data_start_dict(data);
	telemetry_add_uint(data, "first_queue", order.first);
	telemetry_add_uint(data, "last_queue", order.last);
	telemetry_add_uint(data, "lcore", order.lcore_id);
	return 0;
}
