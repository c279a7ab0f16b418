/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Registers the commands and carries each request to the control lcore. The mutex guards one thing:
 * whether somebody answers at all, so that the owner can go away while DPDK's thread lives on.
 */
#include "telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "vu_parse.h"

static const struct {
	const char *command;
	telemetry_view_fn view;
	const char *help;
} telemetry_views[] = {
	{ "/vu/list", telemetry_list, "Numbers of all vhost-user devices. No parameters" },
	{ "/vu/info", telemetry_info, "State of a device. Parameter: device number" },
	{ "/vu/features", telemetry_features,
		"Offered and negotiated features. Parameter: device number" },
	{ "/vu/queue/stats", telemetry_queue_stats,
		"Counters of a device's queues. Parameters: device number[,queue or first-]" },
	{ "/vu/mem", telemetry_mem, "Memory regions of a device. Parameter: device number" },
	{ "/vu/lcore", telemetry_lcore, "Busy and idle cycles of the data lcores. No parameters" },
};

static struct {
	pthread_mutex_t mutex;
	bool is_registered;
	bool is_answering;
	struct vu_telemetry_conf conf;
} telemetry = { .mutex = PTHREAD_MUTEX_INITIALIZER };

struct telemetry_request {
	const char *name;
	const char *params;
	struct rte_tel_data *data;
	int result;
};

static void
telemetry_answer(void *arg)
{
	const struct vu_telemetry_conf *conf = &telemetry.conf;
	struct telemetry_request *request = arg;

	for (unsigned int i = 0; i < RTE_DIM(telemetry_views); i++)
		if (strcmp(telemetry_views[i].command, request->name) == 0)
			request->result = telemetry_views[i].view(conf->sched, request->params,
				request->data);
	for (unsigned int i = 0; i < conf->nb_commands; i++)
		if (strcmp(conf->commands[i].name, request->name) == 0)
			request->result = conf->commands[i].run(conf->call_arg, request->params,
				request->data);
}

/* Runs on DPDK's telemetry thread. */
static int
telemetry_handle(const char *command, const char *params, struct rte_tel_data *data)
{
	struct telemetry_request request = {
		.name = command, .params = params, .data = data, .result = -EINVAL,
	};
	int rc = -ESHUTDOWN;

	pthread_mutex_lock(&telemetry.mutex);
	if (telemetry.is_answering)
		rc = telemetry.conf.call(telemetry.conf.call_arg, telemetry_answer, &request);
	pthread_mutex_unlock(&telemetry.mutex);
	return rc != 0 ? rc : request.result;
}

static int
telemetry_register(const struct vu_telemetry_conf *conf)
{
	int rc = 0;

	for (unsigned int i = 0; i < RTE_DIM(telemetry_views) && rc == 0; i++)
		rc = rte_telemetry_register_cmd(telemetry_views[i].command, telemetry_handle,
			telemetry_views[i].help);
	for (unsigned int i = 0; i < conf->nb_commands && rc == 0; i++)
		rc = rte_telemetry_register_cmd(conf->commands[i].name, telemetry_handle,
			conf->commands[i].help);
	return rc;
}

int
vu_telemetry_start(const struct vu_telemetry_conf *conf)
{
	int rc = 0;

	pthread_mutex_lock(&telemetry.mutex);
	if (telemetry.is_answering)
		rc = -EBUSY;
	if (rc == 0 && !telemetry.is_registered)
		rc = telemetry_register(conf);
	if (rc == 0) {
		telemetry.is_registered = true;
		telemetry.is_answering = true;
		telemetry.conf = *conf;
	}
	pthread_mutex_unlock(&telemetry.mutex);
	return rc;
}

void
vu_telemetry_stop(void)
{
	pthread_mutex_lock(&telemetry.mutex);
	telemetry.is_answering = false;
	pthread_mutex_unlock(&telemetry.mutex);
}

int
telemetry_add_part(struct rte_tel_data *data, struct rte_tel_data *part, const char *format, ...)
{
	char name[RTE_TEL_MAX_STRING_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	if (rte_tel_data_add_dict_container(data, name, part, 0) == 0)
		return 0;
	rte_tel_data_free(part);
	return -ENOSPC;
}

struct vu_device *
telemetry_device(const char *params)
{
	uint32_t id;
	const char *end = params != NULL ? vu_parse_number(params, UINT32_MAX, &id) : NULL;

	if (end == NULL || (*end != '\0' && *end != ','))
		return NULL;
	for (struct vu_device *dev = vu_device_first(); dev != NULL; dev = vu_device_next(dev))
		if (vu_device_id(dev) == id)
			return dev;
	return NULL;
}
