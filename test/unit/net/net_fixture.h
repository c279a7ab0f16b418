/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports of the net driver with a fake guest behind each; shared by the cases of drivers/device/net.
 * Frames are numbered by their content: what a guest sent and what another one received can be
 * compared byte by byte.
 */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_bitops.h>
#include <rte_log.h>

#include "expect.h"
#include "fake_guest.h"
#include "fake_rand.h"
#include "net_port.h"
#include "vu_fd.h"

#define RING_SIZE 64
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

/* One ring; even ones are receive queues of the guest. */
struct net_guest_ring {
	struct fake_ring *ring;
	struct net_chain chains[RING_SIZE]; /* by head: what the guest put there */
	uint64_t slots_gpa;                 /* RING_SIZE * SLOT_BYTES */
	uint64_t big_gpa;                   /* BIG_BYTES; pairs beyond the first have none */
	uint32_t next_slot;
	int kick_fd;                        /* VU_FD_NONE: the device polls */
	uint16_t kicked_idx;                /* avail_idx at the last kick decision */
	int call_fd;                        /* duplicates, to look at */
	int err_fd;
};

struct net_port {
	struct vu_sched *sched;
	struct vu_device *dev;
	struct fake_guest guest;
	uint32_t nb_queues;
	struct net_guest_ring *rings;
	uint32_t header_bytes;
	bool is_mergeable;
	uint8_t header[12];                 /* in front of each frame that the guest sends */
	uint32_t nb_ring_faults;
	uint32_t nb_done;
};

/* ---- life of a port ---- */

static inline void
port_ring_fault(void *arg, uint32_t queue_idx)
{
	struct net_port *port = arg;

	(void)queue_idx;
	vu_counter_add(&port->nb_ring_faults, 1);
}

static inline void
port_done(void *arg)
{
	((struct net_port *)arg)->nb_done++;
}

static inline struct vu_sched *
net_sched_create(void)
{
	const unsigned int lcore_ids[] = { 4, 7 };
	struct vu_sched *sched = vu_sched_create(lcore_ids, RTE_DIM(lcore_ids));

	CHECK(sched != NULL);
	rte_log_set_level_pattern("vu.device", RTE_LOG_ERR);
	rte_log_set_level_pattern("vu.net", RTE_LOG_ERR);
	return sched;
}

static inline void
port_settle(const struct net_port *port)
{
	WAIT_UNTIL(vu_sched_poll(port->sched) == UINT64_MAX);
}

static inline void
port_commit(struct net_port *port)
{
	uint32_t nb_done = port->nb_done;
	int rc = vu_device_commit(port->dev, port_done, port);

	port_settle(port);
	CHECK(port->nb_done == nb_done + (rc == -EINPROGRESS));
}

static inline void
port_open_rings(struct net_port *port)
{
	static const struct fake_ring_place place = { FAKE_MID, 0, false };

	port->rings = calloc(port->nb_queues, sizeof(*port->rings));
	CHECK(port->rings != NULL);
	/* Nothing of ours at the border of two regions. */
	fake_guest_alloc(&port->guest, FAKE_MID, 0x20000, 1);
	for (uint32_t i = 0; i < port->nb_queues; i++) {
		struct net_guest_ring *ring = &port->rings[i];

		ring->ring = fake_ring_create(&port->guest, RING_SIZE, &place);
		ring->slots_gpa = fake_guest_alloc(&port->guest, i < 2 ? FAKE_HIGH : FAKE_MID,
			RING_SIZE * SLOT_BYTES, 1);
		if (i < 2)
			ring->big_gpa = fake_guest_alloc(&port->guest, FAKE_HIGH, BIG_BYTES, 1);
		ring->kick_fd = VU_FD_NONE;
		ring->call_fd = vu_fd_eventfd();
		ring->err_fd = vu_fd_eventfd();
	}
}

/* When the guests of ports that are opened from now on are notified. */
static struct vu_notify_conf port_notify;

/* A port without a front-end. `lcores`: where each queue goes, NULL for anywhere. */
static inline void
port_open_on(struct net_port *port, struct vu_sched *sched, const char *args, uint32_t nb_pairs,
	const unsigned int *lcores)
{
	struct vu_assign_pin pins[2 * MAX_PAIRS];
	struct vu_assign_conf assign = { .numa_node = -1, .pins = pins };
	const struct vu_device_conf conf = {
		.name = "port", .nb_queues = 2 * nb_pairs, .max_queue_size = 1024, .numa_node = -1,
		.sched = sched, .assign = &assign, .driver_args = args, .notify = port_notify,
	};

	for (unsigned int i = 0; lcores != NULL && i < 2 * nb_pairs; i++)
		pins[assign.nb_pins++] = (struct vu_assign_pin){ i, lcores[i] };
	*port = (struct net_port){ .sched = sched, .nb_queues = 2 * nb_pairs };
	/* Garbage: without offload features it means nothing. */
	memset(port->header, 0xa5, sizeof(port->header));
	port->dev = vu_device_create("net", &conf);
	CHECK(port->dev != NULL);
	fake_guest_init(&port->guest);
	port_open_rings(port);
}

static inline void
port_open(struct net_port *port, struct vu_sched *sched, const char *args)
{
	port_open_on(port, sched, args, 1, NULL);
}

/* All rings of an unused port again, in the packed layout. */
static inline void
port_make_packed(struct net_port *port)
{
	static const struct fake_ring_place place = { FAKE_MID, 0, true };

	for (uint32_t i = 0; i < port->nb_queues; i++) {
		fake_ring_destroy(port->rings[i].ring);
		port->rings[i].ring = fake_ring_create(&port->guest, RING_SIZE, &place);
	}
}

/* Configure and start one ring; becomes running with the next commit. */
static inline void
port_start_ring(struct net_port *port, uint32_t i)
{
	struct net_guest_ring *ring = &port->rings[i];
	const struct vu_vring_conf conf = fake_ring_conf(ring->ring);

	CHECK(vu_device_ring_set_size(port->dev, i, conf.size) == 0);
	CHECK(vu_device_ring_set_base(port->dev, i, conf.base) == 0);
	CHECK(vu_device_ring_set_addr(port->dev, i, &conf) == 0);
	vu_device_ring_set_call(port->dev, i, dup(ring->call_fd));
	vu_device_ring_set_err(port->dev, i, dup(ring->err_fd));
	vu_device_ring_start(port->dev, i, ring->kick_fd != VU_FD_NONE ? dup(ring->kick_fd) :
		VU_FD_NONE);
	vu_device_ring_enable(port->dev, i, true);
}

static inline uint64_t
port_events(int fd)
{
	eventfd_t nb = 0;

	return eventfd_read(fd, &nb) == 0 ? nb : 0;
}

static inline void
port_connect(struct net_port *port, uint64_t features)
{
	const struct vu_device_events events = { .arg = port, .ring_fault = port_ring_fault };

	vu_device_connect(port->dev, &events);
	CHECK(vu_device_set_features(port->dev, features) == 0);
	port->is_mergeable = (features & RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF)) != 0;
	port->header_bytes = (features & F_MERGEABLE) != 0 ? 12 : 10;
	vu_device_set_mem(port->dev, fake_guest_mem(&port->guest));
}

/* All rings running. */
static inline void
port_start(struct net_port *port, uint64_t features)
{
	port_connect(port, features);
	for (uint32_t i = 0; i < port->nb_queues; i++)
		port_start_ring(port, i);
	port_commit(port);
	/* A call fd that is new to a running ring is signalled once. */
	for (uint32_t i = 0; i < port->nb_queues; i++)
		WAIT_UNTIL(port_events(port->rings[i].call_fd) == 0);
}

static inline void
port_stop(struct net_port *port)
{
	vu_device_disconnect(port->dev, port_done, port);
	port_settle(port);
	CHECK(vu_device_state(port->dev) == VU_DEVICE_IDLE);
	for (uint32_t i = 0; i < port->nb_queues; i++)
		fake_ring_reset(port->rings[i].ring);
}

/* Every mbuf is back where it came from; for a case whose ports are all idle. */
static inline void
port_verify_mbufs(const struct net_port *port)
{
	const struct net_queue *nq = vu_device_queue(port->dev, 1)->priv;

	CHECK(rte_mempool_avail_count(nq->pool) == nq->pool->size);
}

static inline void
port_close(struct net_port *port)
{
	if (vu_device_state(port->dev) != VU_DEVICE_IDLE)
		port_stop(port);
	vu_device_detach(port->dev, port_done, port);
	port_settle(port);
	vu_device_destroy(port->dev);
	for (uint32_t i = 0; i < port->nb_queues; i++) {
		fake_ring_destroy(port->rings[i].ring);
		vu_fd_close(&port->rings[i].kick_fd);
		vu_fd_close(&port->rings[i].call_fd);
		vu_fd_close(&port->rings[i].err_fd);
	}
	free(port->rings);
	fake_guest_fini(&port->guest);
}

static inline bool
port_is_packed_offered(void)
{
	struct vu_sched *sched = net_sched_create();
	struct net_port port;
	bool is_offered;

	port_open(&port, sched, "forward=null");
	is_offered = (vu_device_features(port.dev) & F_PACKED) != 0;
	port_close(&port);
	vu_sched_destroy(sched);
	return is_offered;
}

static inline struct vu_device_queue_stats
port_stats(const struct net_port *port, uint32_t queue_idx)
{
	struct vu_device_queue_stats stats;

	vu_device_queue_stats_get(port->dev, queue_idx, &stats);
	return stats;
}

static inline uint64_t
stats_all_drops(const struct vu_device_queue_stats *stats)
{
	uint64_t nb = 0;

	for (unsigned int i = 0; i < VU_NB_DROPS; i++)
		nb += stats->nb_drops[i];
	return nb;
}

static inline struct net_queue *
port_queue(const struct net_port *port, uint32_t queue_idx)
{
	return vu_device_queue(port->dev, queue_idx)->priv;
}

static inline struct net_forward_queue *
port_forward_queue(const struct net_port *port, uint32_t queue_idx)
{
	return vu_device_queue(port->dev, queue_idx)->priv;
}

/* The port's number in the switch. */
static inline uint16_t
port_number(const struct net_port *port)
{
	return port_forward_queue(port, 0)->port->port_id;
}

/* Two turns of both workers: what one hands over to the other arrives, in either direction. */
static inline void
net_turn(struct vu_sched *sched)
{
	for (unsigned int i = 0; i < 4; i++)
		CHECK(vu_sched_turn(sched, i % 2) >= 0);
}

/* ---- frames ---- */

/* Content that tells frames apart; len_bytes of any size. */
static inline void
frame_make(uint8_t *frame, uint32_t len_bytes, uint64_t seed)
{
	struct fake_rand rand = { seed * 2 + 1 };

	for (uint32_t i = 0; i < len_bytes; i++)
		frame[i] = (uint8_t)(fake_rand_u64(&rand) >> 56);
}

/* MAC address number n, unicast and local. */
static inline void
mac_set(uint8_t *mac, uint32_t n)
{
	const uint8_t bytes[] = { 0x02, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16),
		(uint8_t)(n >> 8), (uint8_t)n };

	memcpy(mac, bytes, sizeof(bytes));
}

/* An Ethernet frame from MAC number src to MAC number dst; UINT32_MAX is broadcast. */
static inline void
frame_make_ether(uint8_t *frame, uint32_t len_bytes, uint32_t dst, uint32_t src, uint64_t seed)
{
	frame_make(frame, len_bytes, seed);
	mac_set(frame + 6, src);
	if (dst == UINT32_MAX)
		memset(frame, 0xff, 6);
	else
		mac_set(frame, dst);
}

/* Spread bytes over the buffers of a chain. */
static inline void
chain_write(const struct fake_guest *guest, const struct net_chain *chain, const uint8_t *bytes,
	uint32_t len_bytes)
{
	for (uint16_t i = 0; i < chain->nb_bufs && len_bytes != 0; i++) {
		uint32_t nb = RTE_MIN(len_bytes, chain->bufs[i].len_bytes);

		fake_guest_write(guest, chain->bufs[i].gpa, bytes, nb);
		bytes += nb;
		len_bytes -= nb;
	}
	CHECK(len_bytes == 0);
}

static inline void
chain_read(const struct fake_guest *guest, const struct net_chain *chain, uint8_t *bytes,
	uint32_t len_bytes)
{
	for (uint16_t i = 0; i < chain->nb_bufs && len_bytes != 0; i++) {
		uint32_t nb = RTE_MIN(len_bytes, chain->bufs[i].len_bytes);

		fake_guest_read(guest, chain->bufs[i].gpa, bytes, nb);
		bytes += nb;
		len_bytes -= nb;
	}
	CHECK(len_bytes == 0);
}

static inline uint32_t
chain_bytes(const struct net_chain *chain)
{
	uint32_t nb = 0;

	for (uint16_t i = 0; i < chain->nb_bufs; i++)
		nb += chain->bufs[i].len_bytes;
	return nb;
}

/* Put a chain into a ring without telling the device. @return head or -1 */
static inline int
ring_add_chain(struct net_guest_ring *ring, const struct net_chain *chain, uint16_t nb_direct,
	uint64_t table_gpa)
{
	const struct fake_chain shape = {
		.bufs = chain->bufs, .nb_bufs = chain->nb_bufs, .nb_direct = nb_direct,
		.table_gpa = table_gpa,
	};
	int head = fake_ring_add(ring->ring, &shape);

	if (head >= 0) {
		ring->chains[head] = *chain;
		fake_ring_offer(ring->ring, (uint16_t)head);
	}
	return head;
}

/* A piece of the ring's memory that no other entry in the ring uses. */
static inline uint64_t
ring_slot(struct net_guest_ring *ring, uint32_t len_bytes)
{
	if (len_bytes > SLOT_BYTES) {
		CHECK(len_bytes <= BIG_BYTES && ring->big_gpa != 0);
		return ring->big_gpa;
	}
	return ring->slots_gpa + (uint64_t)SLOT_BYTES * (ring->next_slot++ % RING_SIZE);
}

/* ---- guest sends ---- */

/* Header and frame into the chain, then offer it. */
static inline int
port_send_chain(struct net_port *port, uint32_t pair, const struct net_chain *chain,
	const uint8_t *frame, uint32_t len_bytes)
{
	struct net_guest_ring *ring = &port->rings[2 * pair + 1];
	static __thread uint8_t bytes[BIG_BYTES];
	int head;

	CHECK(len_bytes <= sizeof(bytes) - 12 && port->header_bytes <= 12);
	memcpy(bytes, port->header, sizeof(port->header));
	memcpy(bytes + port->header_bytes, frame, len_bytes);
	chain_write(&port->guest, chain, bytes, port->header_bytes + len_bytes);
	head = ring_add_chain(ring, chain, chain->nb_bufs, 0);
	fake_ring_publish(ring->ring);
	return head;
}

/* Send from one single buffer. @return head, or -1 if the ring is full */
static inline int
port_send(struct net_port *port, uint32_t pair, const uint8_t *frame, uint32_t len_bytes)
{
	struct net_guest_ring *ring = &port->rings[2 * pair + 1];
	uint32_t total_bytes = port->header_bytes + len_bytes;
	struct net_chain chain = { .nb_bufs = 1 };

	if (ring->ring->nb_free == 0)
		return -1;
	chain.bufs[0] = (struct fake_buf){ ring_slot(ring, total_bytes), total_bytes, false };
	return port_send_chain(port, pair, &chain, frame, len_bytes);
}

/* Buffers that came back from a queue; their elements must report 0 bytes if they were sent. */
static inline unsigned int
port_collect(struct net_port *port, uint32_t queue_idx)
{
	struct vu_split_used_elem elems[RING_SIZE];
	uint16_t nb = fake_ring_collect(port->rings[queue_idx].ring, elems, RING_SIZE);

	for (uint16_t i = 0; i < nb; i++)
		CHECK(queue_idx % 2 == 0 || elems[i].len_bytes == 0);
	return nb;
}

/* ---- guest receives ---- */

/* Offer a receive chain, filled with a pattern. */
static inline int
port_offer_chain(struct net_port *port, uint32_t pair, const struct net_chain *chain)
{
	struct net_guest_ring *ring = &port->rings[2 * pair];
	int head = ring_add_chain(ring, chain, chain->nb_bufs, 0);

	fake_ring_publish(ring->ring);
	return head;
}

/* Offer nb single buffers. @return how many of them there was room for */
static inline unsigned int
port_offer(struct net_port *port, uint32_t pair, unsigned int nb, uint32_t len_bytes)
{
	struct net_guest_ring *ring = &port->rings[2 * pair];
	unsigned int i;

	for (i = 0; i < nb && ring->ring->nb_free != 0; i++) {
		struct net_chain chain = { .nb_bufs = 1 };

		chain.bufs[0] = (struct fake_buf){ ring_slot(ring, len_bytes), len_bytes, true };
		port_offer_chain(port, pair, &chain);
	}
	return i;
}

/* What a guest finds in its receive ring. */
struct net_received {
	uint8_t header[12];
	uint16_t nb_buffers;  /* chains that the frame took */
	uint32_t len_bytes;   /* of the frame */
	uint8_t frame[BIG_BYTES];
};

/* Take the bytes of the next used chain. @return their number */
static inline uint32_t
port_take_used(struct net_port *port, uint32_t pair, uint8_t *bytes)
{
	struct net_guest_ring *ring = &port->rings[2 * pair];
	struct vu_split_used_elem elem;

	CHECK(fake_ring_collect(ring->ring, &elem, 1) == 1);
	CHECK(elem.len_bytes <= chain_bytes(&ring->chains[elem.id]));
	chain_read(&port->guest, &ring->chains[elem.id], bytes, elem.len_bytes);
	return elem.len_bytes;
}

/* Next frame, put together from its buffers as a driver does. @return false if there is none */
static inline bool
port_receive(struct net_port *port, uint32_t pair, struct net_received *received)
{
	struct net_guest_ring *ring = &port->rings[2 * pair];
	static __thread uint8_t bytes[BIG_BYTES + SLOT_BYTES];
	uint32_t nb;

	if (fake_ring_nb_used(ring->ring) == 0)
		return false;
	nb = port_take_used(port, pair, bytes);
	CHECK(nb >= port->header_bytes);
	memcpy(received->header, bytes, port->header_bytes);
	received->nb_buffers = 1;
	if (port->is_mergeable)
		memcpy(&received->nb_buffers, &bytes[10], 2);
	/* They all came with one update of the index. */
	CHECK(received->nb_buffers >= 1 &&
		received->nb_buffers - 1 <= fake_ring_nb_used(ring->ring));
	for (uint16_t i = 1; i < received->nb_buffers; i++)
		nb += port_take_used(port, pair, bytes + nb);
	received->len_bytes = nb - port->header_bytes;
	memcpy(received->frame, bytes + port->header_bytes, received->len_bytes);
	return true;
}

static inline struct net_received *
net_received_create(void)
{
	struct net_received *received = malloc(sizeof(*received));

	CHECK(received != NULL);
	return received;
}

static inline bool
received_is(const struct net_received *received, const uint8_t *frame, uint32_t len_bytes)
{
	return received->len_bytes == len_bytes && memcmp(received->frame, frame, len_bytes) == 0;
}

/* ---- loops in threads ---- */

struct net_loops {
	struct vu_sched *sched;
	pthread_t threads[2];
};

static inline void *
net_loop_main(void *arg)
{
	struct vu_sched *sched = arg;

	/* Whichever worker is free. */
	if (vu_sched_loop(sched, 0) == -EBUSY)
		vu_sched_loop(sched, 1);
	return NULL;
}

static inline void
net_loops_start(struct net_loops *loops, struct vu_sched *sched)
{
	loops->sched = sched;
	for (unsigned int i = 0; i < 2; i++) {
		expect_thread_start(&loops->threads[i], net_loop_main, sched);
		WAIT_UNTIL(vu_sched_worker_is_running(sched, i));
	}
}

static inline void
net_loops_stop(struct net_loops *loops)
{
	vu_sched_stop(loops->sched);
	for (unsigned int i = 0; i < 2; i++)
		expect_thread_join(loops->threads[i]);
}

#endif /* NET_FIXTURE_H */
