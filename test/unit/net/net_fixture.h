/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports of the net driver with a fake guest behind each; shared by the cases of drivers/device/net.
 * Frames are numbered by their content: what a guest sent and what another one received can be
 * compared byte by byte.
 */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H

#include <rte_bitops.h>

#include "expect.h"
#include "fake_rand.h"
#include "net_port.h"
#include "rig.h"
#include "vu_fd.h"

#define RING_SIZE RIG_RING_SIZE
#define MAX_PAIRS 4
#define MAX_CHAIN_BUFS 40
#define SLOT_BYTES 4096
#define BIG_BYTES 0x20000
#define MAC_BYTES 14

#define F_LEGACY UINT64_C(0)
#define F_MODERN RTE_BIT64(VIRTIO_F_VERSION_1)
#define F_MERGEABLE (F_MODERN | RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF))
#define F_INDIRECT RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC)
#define F_EVENT_IDX RTE_BIT64(VIRTIO_RING_F_EVENT_IDX)
#define F_PACKED RTE_BIT64(VIRTIO_F_RING_PACKED)

struct net_chain {
	struct fake_buf bufs[MAX_CHAIN_BUFS];
	uint16_t nb_bufs;
};

/* When the guests of ports that are opened from now on are notified. */
extern struct vu_notify_conf port_notify;

/** Whose threads poll ports that are opened from now on without a scheduler. */
extern struct vu_exec_app *port_app;

/** A port without a front-end. `lcores`: where each queue goes, NULL for anywhere. */
void port_open_on(struct rig_port *port, struct vu_sched *sched, const char *args,
	uint32_t nb_pairs, const unsigned int *lcores);

/** One pair of queues, anywhere. */
void port_open(struct rig_port *port, struct vu_sched *sched, const char *args);

/** All rings of an unused port again, in the packed layout. */
void port_make_packed(struct rig_port *port);

/** A front-end arrives and acknowledges these features. */
void port_connect(struct rig_port *port, uint64_t features);

/** All rings running. */
void port_start(struct rig_port *port, uint64_t features);

/** The front-end leaves; the next one finds the rings empty. */
void port_stop(struct rig_port *port);

/** Every mbuf is back where it came from; for a case whose ports are all idle. */
void port_verify_mbufs(const struct rig_port *port);

/** Does the driver offer the packed layout? */
bool port_is_packed_offered(void);

/** Drops for any reason. */
uint64_t stats_all_drops(const struct vu_device_queue_stats *stats);

/** The driver's record of a queue. */
struct net_queue *port_queue(const struct rig_port *port, uint32_t queue_idx);

/** The driver's part of a running ring's snapshot, to change it behind the driver's back. */
struct net_snapshot *port_snapshot(const struct rig_port *port, uint32_t queue_idx);

/** What forwards of a queue. */
struct net_forward_queue *port_forward_queue(const struct rig_port *port, uint32_t queue_idx);

/** The port's number in the switch. */
uint16_t port_number(const struct rig_port *port);

/** Two turns of both workers: what one hands over to the other arrives, in either direction. */
void net_turn(struct vu_sched *sched);

/* ---- frames ---- */

/** Content that distinguishes frames; len_bytes of any size. */
void frame_make(uint8_t *frame, uint32_t len_bytes, uint64_t seed);

/** MAC address number n, unicast and local. */
void mac_set(uint8_t *mac, uint32_t n);

/** An Ethernet frame from MAC number src to MAC number dst; UINT32_MAX is broadcast. */
void frame_make_ether(uint8_t *frame, uint32_t len_bytes, uint32_t dst, uint32_t src,
	uint64_t seed);

/** Spread bytes over the buffers of a chain. */
void chain_write(const struct fake_guest *guest, const struct net_chain *chain,
	const uint8_t *bytes, uint32_t len_bytes);

/** Take bytes from the buffers of a chain. */
void chain_read(const struct fake_guest *guest, const struct net_chain *chain, uint8_t *bytes,
	uint32_t len_bytes);

/** Put a chain into a ring without publishing it. @return head or -1 */
int ring_add_chain(struct rig_ring *ring, const struct net_chain *chain, uint16_t nb_direct,
	uint64_t table_gpa);

/** A piece of the ring's memory that no other entry in the ring uses. */
uint64_t ring_slot(struct rig_ring *ring, uint32_t len_bytes);

/* ---- guest sends ---- */

/** Header and frame into the chain, then offer it. */
int port_send_chain(struct rig_port *port, uint32_t pair, const struct net_chain *chain,
	const uint8_t *frame, uint32_t len_bytes);

/** Send from one single buffer. @return head, or -1 if the ring is full */
int port_send(struct rig_port *port, uint32_t pair, const uint8_t *frame, uint32_t len_bytes);

/** Buffers that came back from a queue; their elements must report 0 bytes if they were sent. */
unsigned int port_collect(struct rig_port *port, uint32_t queue_idx);

/* ---- guest receives ---- */

/** Offer a receive chain, filled with a pattern. */
int port_offer_chain(struct rig_port *port, uint32_t pair, const struct net_chain *chain);

/** Offer nb single buffers. @return how many of them there was room for */
unsigned int port_offer(struct rig_port *port, uint32_t pair, unsigned int nb, uint32_t len_bytes);

/* What a guest finds in its receive ring. */
struct net_received {
	uint8_t header[12];
	uint16_t nb_buffers;  /* chains that the frame took */
	uint32_t len_bytes;   /* of the frame */
	uint8_t frame[BIG_BYTES];
};

/** Next frame, put together from its buffers as a driver does. @return false if there is none */
bool port_receive(struct rig_port *port, uint32_t pair, struct net_received *received);

/** Storage for a frame; free() it. */
struct net_received *net_received_create(void);

/** Is it this frame? */
bool received_is(const struct net_received *received, const uint8_t *frame, uint32_t len_bytes);

#endif /* NET_FIXTURE_H */
