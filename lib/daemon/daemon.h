/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/daemon: the daemon and its ports. Control lcore only.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <sys/queue.h>

#include "vu_daemon.h"
#include "vu_log.h"
#include "vu_reactor.h"
#include "vu_sched.h"
#include "vu_telemetry.h"

struct vu_device;
struct daemon_port;

struct vu_daemon {
	struct vu_reactor *reactor;
	struct vu_sched *sched;
	struct vu_reactor_poller *sched_poller;
	struct vu_reactor_fd *mem_fault_source;
	struct vu_reactor_timer *stats_timer;
	struct vu_reactor_call stall_call;
	struct vu_log_limit watchdog_log;
	struct vu_telemetry_table *table;
	struct daemon_port **ports;
	unsigned int nb_ports;
	unsigned int nb_open_ports;
	uint32_t stats_seconds;
	bool has_control;                /* claimed all devices of the process */
	bool has_mem_guard;
	bool is_stopping;
	bool is_single;                  /* every port leaves after its first connection */
	LIST_HEAD(, vu_daemon_listener) listeners;
	LIST_HEAD(, daemon_exit) exits;
};

/** Create a port's device and endpoint. @return NULL with rte_errno; the reason in conf->errmsg */
struct daemon_port *daemon_port_create(struct vu_daemon *daemon, struct vu_daemon_conf *conf,
	struct vu_port_conf *port_conf, unsigned int idx);

/** Begin to serve or to connect. @return 0 or -errno */
int daemon_port_start(struct daemon_port *port);

/** End the session and leave; daemon_port_closed() is called when all is done. */
void daemon_port_close(struct daemon_port *port);

/** Free a port that is closed or was never started. */
void daemon_port_destroy(struct daemon_port *port);

/** The port's device. */
struct vu_device *daemon_port_device(const struct daemon_port *port);

/** Remove all listeners; no data lcore runs. */
void daemon_listeners_destroy(struct vu_daemon *daemon);

/** Add interest in the exit events of all devices. @return 0 or -errno */
int daemon_exits_start(struct vu_daemon *daemon);
void daemon_exits_stop(struct vu_daemon *daemon);

/** Telemetry commands that change something; their argument is the daemon. */
#define DAEMON_NB_COMMANDS 2
extern const struct vu_telemetry_command daemon_commands[DAEMON_NB_COMMANDS];

/** A port has finished closing. */
void daemon_port_closed(struct vu_daemon *daemon);

/** Put the reason of a refusal into conf->errmsg. @return rc */
int conf_refuse(struct vu_daemon_conf *conf, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** --idle, see struct vu_key. */
int conf_set_idle(void *arg, const struct vu_key *key, const char *text);

/** Give every data lcore its idle policy. @return 0; -errno, perhaps with conf->errmsg set */
int daemon_set_idle(struct vu_sched *sched, struct vu_daemon_conf *conf);

#endif /* DAEMON_H */
