/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A net_vu port as an application plugs it, and a front-end in the same process behind its socket.
 * The case is the application and the guest in turn, or leaves one of them to a thread.
 */
#ifndef ETH_FIXTURE_H
#define ETH_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "vu_frontend.h"
#include "vu_virtio.h"

#define ETH_NAME "net_vu7"
#define ETH_BUFFERS 64       /* of each queue of the guest */
#define ETH_BUFFER_BYTES 2048
#define ETH_HEADER_BYTES 12
#define ETH_FRAME_MAX (ETH_BUFFER_BYTES - ETH_HEADER_BYTES)

struct eth_guest {
	struct vu_frontend *fe;
	uint32_t nb_pairs;
	uint8_t *buffers;        /* by queue, ETH_BUFFERS each */
	uint8_t *spare[16][ETH_BUFFERS]; /* by virtqueue: buffers that are the guest's */
	uint32_t nb_spare[16];
};

struct eth_fixture {
	char path[64];
	uint16_t port_id;
	uint32_t nb_pairs;
	struct rte_mempool *pool;
	struct rte_eth_conf conf;
	struct eth_guest guest;
};

/** Plug a port with further arguments (",queues=2" or "") and start it. */
void ethdev_open(struct eth_fixture *f, uint32_t nb_pairs, const char *args);
/** The same in steps: plug; configure with f->conf, set up queues and start. */
void ethdev_plug(struct eth_fixture *f, uint32_t nb_pairs, const char *args);
void ethdev_start(struct eth_fixture *f);
/** Unplug, and let the front-end go if it is still there. */
void ethdev_close(struct eth_fixture *f);

/** A front-end comes, and goes. */
void ethdev_guest_come(struct eth_fixture *f, uint64_t features);
void ethdev_guest_leave(struct eth_fixture *f);
/** Wait until the port's link is up or down. */
void ethdev_wait_link(const struct eth_fixture *f, bool is_up);

/** Give the device empty buffers of a pair, as many as the guest has. @return their number */
uint16_t ethdev_guest_offer(struct eth_guest *guest, uint32_t pair);
/** Send a frame; `header` may be NULL: all zero. @return false: no buffer at hand */
bool ethdev_guest_send(struct eth_guest *guest, uint32_t pair, const void *header,
	const void *frame, uint32_t frame_bytes);
/** Take back what was sent. */
void ethdev_guest_collect_sent(struct eth_guest *guest, uint32_t pair);
/** Next frame received: its header and bytes. @return length, 0: none */
uint32_t ethdev_guest_receive(struct eth_guest *guest, uint32_t pair, void *header, void *frame);

/** A frame of the pool with this content. */
struct rte_mbuf *ethdev_frame(const struct eth_fixture *f, const void *bytes, uint32_t frame_bytes);

#endif /* ETH_FIXTURE_H */
