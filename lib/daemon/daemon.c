/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Start order, stop order, owned objects. Start: reactor, scheduler, memory guard, ports,
 * telemetry, lcores. Stop: ports leave while the lcores still run, so that every wait for them
 * completes; then the lcores; then in reverse order of creation. Control lcore.
 */
#include "daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "vu_device.h"
#include "vu_fd.h"
#include "vu_log.h"
#include "vu_mem.h"
#include "vu_mem_fault.h"

static uint64_t
daemon_poll_sched(void *arg)
{
	struct vu_daemon *daemon = arg;
	uint64_t delay_us = vu_sched_poll(daemon->sched);

	return delay_us == UINT64_MAX ? VU_REACTOR_POLLER_IDLE : delay_us;
}

static void
daemon_mem_fault(void *arg, uint32_t events)
{
	uint64_t count;

	(void)arg;
	(void)events;
	if (read(vu_mem_fault_eventfd(), &count, sizeof(count)) == sizeof(count))
		vu_endpoint_check_mem();
}

static void
daemon_print_stats(void *arg)
{
	struct vu_daemon *daemon = arg;

	vu_telemetry_table_print(daemon->table, stdout);
}

static int
daemon_call(void *call_arg, vu_telemetry_fn fn, void *arg)
{
	struct vu_daemon *daemon = call_arg;

	return vu_reactor_call_sync(daemon->reactor, fn, arg);
}

static int
daemon_create_sched(struct vu_daemon *daemon, struct vu_daemon_conf *conf)
{
	unsigned int lcore_ids[RTE_MAX_LCORE];
	unsigned int nb_lcores = 0;
	unsigned int lcore_id;
	int rc;

	RTE_LCORE_FOREACH_WORKER(lcore_id)
		lcore_ids[nb_lcores++] = lcore_id;
	daemon->sched = vu_sched_create(lcore_ids, nb_lcores);
	if (daemon->sched == NULL)
		return -rte_errno;
	rc = daemon_set_idle(daemon->sched, conf);
	if (rc != 0)
		return rc;
	daemon->sched_poller = vu_reactor_poller_add(daemon->reactor, daemon_poll_sched, daemon);
	return daemon->sched_poller != NULL ? 0 : -rte_errno;
}

static int
daemon_create_mem_guard(struct vu_daemon *daemon)
{
	int rc = vu_mem_fault_install();

	if (rc != 0)
		return rc;
	daemon->has_mem_guard = true;
	daemon->mem_fault_source = vu_reactor_fd_add(
		daemon->reactor, vu_mem_fault_eventfd(), EPOLLIN, daemon_mem_fault, daemon);
	return daemon->mem_fault_source != NULL ? 0 : -rte_errno;
}

static int
daemon_create_stats(struct vu_daemon *daemon)
{
	if (daemon->stats_seconds == 0)
		return 0;
	daemon->table = vu_telemetry_table_create(daemon->sched);
	daemon->stats_timer = vu_reactor_timer_create(daemon->reactor, daemon_print_stats, daemon);
	return daemon->table != NULL && daemon->stats_timer != NULL ? 0 : -ENOMEM;
}

static void
daemon_log_stall(void *arg)
{
	struct vu_daemon *daemon = arg;

	VU_LOG_LIMITED(&daemon->watchdog_log, DAEMON, WARNING, "a data lcore has reported no "
		"quiescent state for 100 ms: it lacks its CPU, or waits in a system call or for a "
		"page of a guest");
}

/* Thread of the watchdog. */
static void
daemon_stalled(void *arg)
{
	struct vu_daemon *daemon = arg;

	vu_reactor_post(daemon->reactor, &daemon->stall_call);
}

static int
daemon_create_ports(struct vu_daemon *daemon, struct vu_daemon_conf *conf)
{
	daemon->ports = calloc(conf->nb_ports, sizeof(*daemon->ports));
	if (daemon->ports == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < conf->nb_ports; i++) {
		daemon->ports[i] = daemon_port_create(daemon, conf, &conf->ports[i], i);
		if (daemon->ports[i] == NULL)
			return -rte_errno;
		daemon->nb_ports++;
	}
	return 0;
}

static int
daemon_create_parts(struct vu_daemon *daemon, struct vu_daemon_conf *conf)
{
	int rc = vu_device_control_claim();

	if (rc != 0) {
		snprintf(conf->errmsg, sizeof(conf->errmsg),
			"another daemon or ethdev of this process has the control lcore");
		return rc;
	}
	daemon->has_control = true;
	daemon->reactor = vu_reactor_create();
	if (daemon->reactor == NULL)
		return -rte_errno;
	rc = daemon_create_sched(daemon, conf);
	if (rc == 0)
		rc = daemon_create_mem_guard(daemon);
	if (rc == 0)
		rc = daemon_create_stats(daemon);
	if (rc == 0)
		rc = daemon_create_ports(daemon, conf);
	return rc;
}

struct vu_daemon *
vu_daemon_create(struct vu_daemon_conf *conf)
{
	struct vu_daemon *daemon;
	int rc;

	conf->errmsg[0] = '\0';
	if (rte_lcore_count() < 2) {
		snprintf(conf->errmsg, sizeof(conf->errmsg),
			"the control lcore needs at least one data lcore beside it: use -l 0-1");
		rte_errno = EINVAL;
		return NULL;
	}
	daemon = calloc(1, sizeof(*daemon));
	if (daemon == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	daemon->stats_seconds = conf->stats_seconds;
	if (conf->max_memory_total_mb != 0)
		vu_mem_set_max_bytes((uint64_t)conf->max_memory_total_mb << 20);
	vu_mem_set_max_page_table_bytes((uint64_t)conf->max_page_tables_total_mb << 20);
	rc = daemon_create_parts(daemon, conf);
	if (rc != 0) {
		vu_daemon_destroy(daemon);
		if (conf->errmsg[0] == '\0')
			snprintf(conf->errmsg, sizeof(conf->errmsg), "%s", rte_strerror(-rc));
		rte_errno = -rc;
		return NULL;
	}
	return daemon;
}

static int
daemon_start(struct vu_daemon *daemon)
{
	struct vu_telemetry_conf telemetry = {
		.call = daemon_call, .call_arg = daemon, .sched = daemon->sched,
		.commands = daemon_commands, .nb_commands = DAEMON_NB_COMMANDS,
	};
	uint64_t stats_us = daemon->stats_seconds * UINT64_C(1000000);
	int rc = vu_sched_start(daemon->sched);

	if (rc != 0)
		return rc;
	vu_reactor_call_init(&daemon->stall_call, daemon_log_stall, daemon);
	rc = vu_sched_watchdog_start(daemon->sched, daemon_stalled, daemon);
	if (rc != 0)
		return rc;
	if (vu_telemetry_start(&telemetry) != 0)
		VU_LOG(DAEMON, WARNING, "telemetry commands are not available");
	for (unsigned int i = 0; i < daemon->nb_ports && rc == 0; i++) {
		daemon->nb_open_ports++;
		rc = daemon_port_start(daemon->ports[i]);
	}
	if (rc == 0)
		rc = daemon_exits_start(daemon);
	if (daemon->stats_timer != NULL)
		vu_reactor_timer_start(daemon->stats_timer, stats_us, stats_us);
	return rc;
}

void
daemon_port_closed(struct vu_daemon *daemon)
{
	if (--daemon->nb_open_ports == 0)
		vu_reactor_stop(daemon->reactor);
}

/* Close the ports that were opened and wait for them. */
static void
daemon_close_ports(struct vu_daemon *daemon)
{
	daemon->is_stopping = true;
	for (unsigned int i = 0; i < daemon->nb_ports; i++)
		daemon_port_close(daemon->ports[i]);
	while (daemon->nb_open_ports != 0)
		vu_reactor_turn(daemon->reactor, -1);
}

int
vu_daemon_run(struct vu_daemon *daemon)
{
	int rc = daemon_start(daemon);

	if (rc == 0)
		rc = vu_reactor_run(daemon->reactor);
	daemon_close_ports(daemon);
	daemon_exits_stop(daemon);
	vu_sched_watchdog_stop(daemon->sched);
	vu_reactor_shutdown(daemon->reactor);
	vu_telemetry_stop();
	vu_sched_stop(daemon->sched);
	return rc;
}

int
vu_daemon_serve(struct vu_daemon *daemon)
{
	daemon->is_single = true;
	return vu_daemon_run(daemon);
}

int
vu_daemon_call(struct vu_daemon *daemon, vu_daemon_fn fn, void *arg)
{
	return vu_reactor_call_sync(daemon->reactor, fn, arg);
}

void
vu_daemon_stop(struct vu_daemon *daemon)
{
	vu_reactor_stop(daemon->reactor);
}

void
vu_daemon_destroy(struct vu_daemon *daemon)
{
	if (daemon == NULL)
		return;
	daemon_listeners_destroy(daemon);
	for (unsigned int i = 0; i < daemon->nb_ports; i++)
		daemon_port_destroy(daemon->ports[i]);
	free(daemon->ports);
	vu_telemetry_table_destroy(daemon->table);
	vu_reactor_timer_destroy(daemon->stats_timer);
	vu_reactor_fd_remove(daemon->mem_fault_source);
	if (daemon->has_mem_guard)
		vu_mem_fault_uninstall();
	vu_reactor_poller_remove(daemon->sched_poller);
	vu_sched_destroy(daemon->sched);
	vu_reactor_destroy(daemon->reactor);
	if (daemon->has_control)
		vu_device_control_release();
	free(daemon);
}
