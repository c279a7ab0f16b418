/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A whole back-end process behind one handle: reactor, data lcores, ports. The owner of everything.
 * A configuration is filled by vu_daemon_conf_*(), a daemon is created from it, run, and destroyed.
 */
#ifndef VU_DAEMON_H
#define VU_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vu_endpoint.h"
#include "vu_export.h"
#include "vu_mem.h"
#include "vu_parse.h"
#include "vu_sched.h"
#include "vu_vring.h"

VU_API_BEGIN

struct vu_daemon;

/** Queues tied to lcores. */
struct vu_pin_list {
	struct vu_assign_pin *item;
	unsigned int nb;
};

/** One port: where it is reached, what it is, where its queues run. */
struct vu_port_conf {
	enum vu_endpoint_kind endpoint;
	char *path;                     /**< socket; NULL with an inherited fd */
	int fd;                         /**< inherited fd or VU_FD_NONE */
	char *device;                   /**< driver, "net" */
	uint32_t nb_units;              /**< queues=: pairs of a network device, at least 1 */
	uint32_t max_queue_size;        /**< largest ring accepted, entries */
	uint32_t reconnect_ms;          /**< longest pause between attempts of a client */
	uint32_t max_memory_mb;         /**< of guest memory, 0 any */
	uint32_t max_page_tables_mb;    /**< for it; 0: see struct vu_mem_policy */
	enum vu_mem_populate populate;  /**< pages of it that are missing */
	bool has_files;                 /**< maps files of local disks, too */
	bool has_inband;                /**< offers notifications as messages */
	uint32_t weight;                /**< share of a data lcore, 0: 100 */
	int numa_node;                  /**< preferred node of the lcores, -1 any */
	struct vu_notify_conf notify;   /**< when guests are notified */
	struct vu_uint_list queues_per_thread; /**< empty: the daemon's */
	struct vu_uint_list lcores;     /**< empty: all data lcores */
	struct vu_pin_list pins;        /**< empty: the daemon's */
	char *driver_args;              /**< arguments that belong to the driver */
};

/** An lcore with an idle policy of its own. */
struct vu_idle_pin {
	unsigned int lcore_id;
	enum vu_idle_policy policy;
};

/** What a daemon is created from. */
struct vu_daemon_conf {
	struct vu_port_conf *ports;
	unsigned int nb_ports;
	/** queues of each port on the 1st, 2nd, ... data lcore */
	struct vu_uint_list queues_per_thread;
	struct vu_pin_list pins;        /**< from --queue-map, of ports that have none */
	enum vu_idle_policy idle_policy; /**< of all data lcores but those in idle_pins */
	unsigned int nb_idle_defaults;  /**< times that idle_policy was given, at most 1 */
	struct vu_idle_pin *idle_pins;  /**< one of an lcore */
	unsigned int nb_idle_pins;
	uint32_t idle_us;               /**< without work, before an lcore sleeps */
	uint32_t max_memory_total_mb;   /**< address space for guest memory; 0 = VU_MEM_MAX_BYTES */
	uint32_t max_page_tables_total_mb; /**< for it; 0: see vu_mem_set_max_page_table_bytes() */
	uint32_t stats_seconds;         /**< print the table every so often; 0 = never */
	char errmsg[256];               /**< what was wrong, after a failure */
};

/**
 * Keys of a port, for documents.
 *
 * @param device  its driver; NULL: those of every port
 * @return table that ends in a row without a name; NULL if there is no such driver
 * @context any thread
 */
const struct vu_key *vu_daemon_keys(const char *device);

/** Empty configuration. @context control lcore */
void vu_daemon_conf_init(struct vu_daemon_conf *conf);

/** Free what a configuration holds; inherited fds included. @context control lcore */
void vu_daemon_conf_fini(struct vu_daemon_conf *conf);

/**
 * Set an option of vu-pmd, see vu-pmd(8): "socket" and "fd" add a port, "queues-per-thread",
 * "idle-us" and "stats" replace what was set; "queue-map" and "idle" add to it.
 *
 * @param conf    configuration
 * @param option  its name
 * @param text    as on the command line
 * @return 0; -EINVAL or -ENOMEM with conf->errmsg set
 * @context control lcore
 */
int vu_daemon_conf_set(struct vu_daemon_conf *conf, const char *option, const char *text);

/**
 * Create devices and endpoints for all worker lcores of EAL; listening sockets exist afterwards,
 * nothing is served.
 *
 * @param conf  copied except inherited fds, which are taken; conf->errmsg describes what failed
 * @return daemon; NULL with rte_errno
 * @context control lcore, after rte_eal_init()
 */
struct vu_daemon *vu_daemon_create(struct vu_daemon_conf *conf);

/**
 * Launch the data lcores and serve until vu_daemon_stop(); then close all ports and wait for the
 * lcores.
 *
 * @return 0 after a stop; -errno if the lcores could not be launched
 * @context control lcore
 */
int vu_daemon_run(struct vu_daemon *daemon);

/**
 * The same for one connection per port: a port leaves when its first front-end does, and the daemon
 * stops when the last port left.
 *
 * @return as vu_daemon_run()
 * @context control lcore
 */
int vu_daemon_serve(struct vu_daemon *daemon);

/**
 * All that a program does with a daemon: create it, run it until SIGINT or SIGTERM, destroy it, and
 * report what failed on standard error. Ignores SIGPIPE.
 *
 * @param conf     as for vu_daemon_create()
 * @param program  name for error texts
 * @return exit status
 * @context control lcore, after rte_eal_init()
 */
int vu_daemon_main(struct vu_daemon_conf *conf, const char *program);

/** Called on the control lcore. */
typedef void (*vu_daemon_fn)(void *arg);

/**
 * Run a function on the control lcore of a daemon that runs, and wait until it has returned.
 *
 * @return 0; -ESHUTDOWN the daemon is stopping; -EDEADLK called on the control lcore
 * @context any thread but the control lcore; sleeps, so no data lcore
 */
int vu_daemon_call(struct vu_daemon *daemon, vu_daemon_fn fn, void *arg);

/** An fd that the application registered. */
struct vu_daemon_listener;

/** What a listener is added with. */
struct vu_daemon_listener_conf {
	unsigned int port_idx;   /**< port whose device handles the events, in order of addition */
	unsigned int worker_idx; /**< data lcore on which it does, 0 = the first */
	int fd;                  /**< stays the caller's; open until the listener is removed */
	uint32_t epoll_events;   /**< EPOLLIN and the like; not edge-triggered */
	uint64_t data;           /**< handed to the device; above its number of queues */
};

/**
 * Add interest in an fd: while it is ready, the device's handle_event op is called on a data lcore,
 * one call at a time. May be called before the daemon runs.
 *
 * @param daemon  daemon
 * @param conf    see struct vu_daemon_listener_conf
 * @return listener; NULL with rte_errno: EINVAL no such port or worker, no events, or data is
 *         reserved (0 to the number of queues); EOPNOTSUPP the device handles no events; EEXIST
 *         interest in the fd exists already; EPERM it cannot be waited for; ENOMEM
 * @context control lcore
 */
struct vu_daemon_listener *vu_daemon_listener_add(struct vu_daemon *daemon,
	const struct vu_daemon_listener_conf *conf);

/**
 * Remove interest in an fd, which may be closed afterwards. A handle_event may still be under
 * way.
 *
 * @param listener  to be removed once, before the daemon is destroyed or by that
 * @param done      called when no handle_event will run any more; may be NULL
 * @param arg       for done
 * @context control lcore
 */
void vu_daemon_listener_remove(struct vu_daemon_listener *listener, vu_daemon_fn done, void *arg);

/** Make vu_daemon_run() end. @context any thread, signal-safe, repeatable */
void vu_daemon_stop(struct vu_daemon *daemon);

/** Free a daemon that does not run; NULL is allowed. @context control lcore */
void vu_daemon_destroy(struct vu_daemon *daemon);

VU_API_END

#endif /* VU_DAEMON_H */
