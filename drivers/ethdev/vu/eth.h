/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the ethdev driver net_vu: a port and its queues. Each file says which threads run it:
 * "application" is one thread at a time that calls the ethdev API for the port, "polling" the
 * thread that calls a queue's bursts, "control" the control thread (vu_control.h).
 */
#ifndef ETH_H
#define ETH_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include <ethdev_driver.h>
#include <rte_mbuf.h>
#include <rte_power_intrinsics.h>
#include <rte_ticketlock.h>

#include "vu_compat.h"
#include "vu_device.h"
#include "vu_limits.h"
#include "vu_net.h"

#define ETH_MAX_PAIRS (VU_MAX_EVENTFD_QUEUES / 2)
#define ETH_TX_RETRIES 8 /* attempts on a full ring before the application gets frames back */

struct vu_endpoint;
struct vu_errmsg;

/* Device arguments. */
struct eth_conf {
	char path[108];
	uint32_t nb_pairs;
	uint32_t reconnect_ms;
	bool is_client;
	bool has_tso;
	bool has_iommu;        /* offers ACCESS_PLATFORM */
	bool is_linear;        /* linear-buffer */
	bool has_big;          /* ext-buffer */
	bool has_partial;      /* partial-csum */
	bool has_sizes;        /* size-xstats */
	bool has_tx_flags;     /* legacy-ol-flags */
	char *driver_args;     /* those of the net device */
	const struct vu_errmsg *errmsg;
};

struct eth_port;

/* Work of a burst in addition to the net device's; most ports have none. */
enum eth_work {
	ETH_WORK_VLAN = 1,    /* strip on receive, insert on transmit */
	ETH_WORK_SIZES = 2,   /* count frames by length and address */
	ETH_WORK_MONITOR = 4, /* rx: a monitored sleep asked for kicks: end that */
};

/* Frames by length and address, with size-xstats. */
enum eth_size {
	ETH_SIZE_MULTICAST, ETH_SIZE_BROADCAST, ETH_SIZE_UNDER, ETH_SIZE_64, ETH_SIZE_65,
	ETH_SIZE_128, ETH_SIZE_256, ETH_SIZE_512, ETH_SIZE_1024, ETH_SIZE_1519,
	ETH_NB_SIZES
};

/* Counters of a queue; see eth_stats.c. */
struct eth_counters {
	uint64_t nb_packets;
	uint64_t nb_bytes;
	uint64_t nb_notifications;
	uint64_t nb_faults;
	uint64_t nb_full;
	uint64_t nb_vlan_drops;
	uint64_t nb_drops[VU_MAX_DROPS];
	uint64_t nb_sizes[ETH_NB_SIZES];
};

/* Receive queue i is virtqueue 2i + 1, transmit queue i is virtqueue 2i; see eth_burst.c. */
struct eth_queue {
	struct vu_device_queue *queue; /* fixed */
	struct eth_port *port;         /* fixed */
	uint32_t work;                 /* enum eth_work */
	bool is_fast_free;             /* changes only while the queue is stopped */
	bool is_started;               /* application */
	bool is_deferred;              /* application: not started with its port */
	struct rte_mempool *pool;      /* application: of a receive queue */
	uint64_t nb_full;              /* polling: frames for which the ring had no room */
	uint64_t nb_vlan_drops;        /* polling: frames without room for a tag */
	uint64_t nb_sizes[ETH_NB_SIZES]; /* polling, or the holder of a shared lock */
	/* eth_remap.c; with the port's lock */
	struct eth_queue *to;          /* atomic: tx: whose ring takes frames; NULL: own */
	bool is_shared;                /* tx: several send to it */
	rte_ticketlock_t lock;         /* tx: of those, while it is shared */
	/* eth_intr.c */
	int intr_fd;                   /* rx: the driver's eventfd, or VU_FD_NONE */
	uint32_t is_armed;             /* atomic: rx: kicks are written to intr_fd */
	uint64_t wake_word;            /* atomic: rx: monitored; each kick changes it */
	int kick_fd;                   /* control: rx: the front-end's kick fd */
	struct vu_reactor_fd *kick_source; /* control */
	struct eth_counters base;      /* application: values at the last reset */
} __rte_cache_aligned;

/* A port: rte_eth_dev_data.dev_private, in memory that secondary processes see. */
struct eth_port {
	struct rte_eth_dev *dev;       /* of the primary process */
	struct vu_device *device;
	struct vu_endpoint *endpoint;
	struct eth_conf conf;
	struct rte_mempool *big_pool;  /* with conf.has_big */
	struct eth_queue *queues;      /* 2 * conf.nb_pairs, by virtqueue */
	bool is_open;                  /* application: the endpoint serves */
	uint32_t has_kicks;            /* atomic: a thread may sleep: wait for kicks */
	sem_t closed;
	pthread_mutex_t remap_lock;       /* is_started, is_enabled, and all of eth_remap.c */
	uint32_t events;               /* atomic: bits of enum eth_event to report */
	/* control: the state that was reported last */
	uint64_t features;
	bool is_link_up;               /* polling threads read it */
	bool is_enabled[2 * ETH_MAX_PAIRS];
	uint32_t is_changed[2 * ETH_MAX_PAIRS]; /* atomic: for vu_ethdev_queue_event_get() */
};

static inline struct eth_port *
eth_port(const struct rte_eth_dev *dev)
{
	return dev->data->dev_private;
}

static inline struct eth_queue *
eth_rx_queue(const struct rte_eth_dev *dev, uint16_t queue_id)
{
	return &eth_port(dev)->queues[2 * queue_id + 1];
}

static inline struct eth_queue *
eth_tx_queue(const struct rte_eth_dev *dev, uint16_t queue_id)
{
	return &eth_port(dev)->queues[2 * queue_id];
}

/* eth_driver.c: release the control thread. Application. */
void eth_control_release(void);

/* eth_devargs.c. Application. */
int eth_conf_parse(struct eth_conf *conf, const char *args, const struct vu_errmsg *errmsg);
void eth_conf_fini(struct eth_conf *conf);

/* eth_ops.c: the ethdev operations in a primary process, and in others. */
extern const struct eth_dev_ops eth_primary_ops, eth_secondary_ops;
/* Close a port as dev_close does. Application. */
int eth_close(struct rte_eth_dev *dev);

/* eth_burst.c. Polling. */
uint16_t eth_rx_burst(void *rxq, struct rte_mbuf **frames, uint16_t nb_frames);
uint16_t eth_tx_burst(void *txq, struct rte_mbuf **frames, uint16_t nb_frames);
uint16_t eth_tx_prepare(void *txq, struct rte_mbuf **frames, uint16_t nb_frames);
vu_eth_queue_count eth_rx_queue_count(void *rxq);
int eth_rx_descriptor_status(void *rxq, uint16_t offset);
int eth_tx_descriptor_status(void *txq, uint16_t offset);

/* eth_stats.c. Application; get and names in secondary processes, too. */
int eth_stats_get(VU_ETH_STATS_PARAMS(dev, stats, queue_stats));
int eth_stats_reset(struct rte_eth_dev *dev);
int eth_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int max);
int eth_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names,
	unsigned int max);

/* eth_remap.c. Start or stop a queue. Application. */
void eth_queue_start(struct eth_queue *eq);
void eth_queue_stop(struct eth_queue *eq);
/* Note for each virtqueue whether its ring takes frames. Control. @return true: a change */
bool eth_set_enabled(struct eth_port *port, bool *is_any);

/* eth_intr.c. Application; the last two: control. */
int eth_intr_start(struct rte_eth_dev *dev);
void eth_intr_fini(struct rte_eth_dev *dev);
int eth_rx_intr_enable(struct rte_eth_dev *dev, uint16_t queue_id);
int eth_rx_intr_disable(struct rte_eth_dev *dev, uint16_t queue_id);
int eth_monitor_addr_get(void *rxq, struct rte_power_monitor_cond *condition);
void eth_monitor_end(struct eth_queue *eq); /* polling: the thread is awake */
void eth_kick_changed(void *arg, uint32_t queue_idx, int kick_fd);
void eth_intr_wake(struct eth_queue *eq);

/* eth_event.c. Compare the device with what was reported last, report changes. Control. */
void eth_changed(void *arg);
/* Wait for a report in progress; none follows. Application. */
void eth_events_stop(struct eth_port *port);

#endif /* ETH_H */
