/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports of the net driver and their guests; see net_fixture.h.
 */
#include "net_fixture.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include "expect.h"
#include "fake_rand.h"
#include "vu_exec.h"
#include "vu_net.h"

struct vu_notify_conf port_notify;
struct vu_exec_app *port_app;

void
port_open_on(struct rig_port *port, struct vu_sched *sched, const char *args, uint32_t nb_pairs,
	const unsigned int *lcores)
{
	struct vu_device_conf conf = rig_device_conf(sched, "port", 2 * nb_pairs);
	struct vu_assign_pin pins[2 * MAX_PAIRS];
	struct vu_assign_conf assign = { .numa_node = -1, .pins = pins };

	for (unsigned int i = 0; lcores != NULL && i < 2 * nb_pairs; i++)
		pins[assign.nb_pins++] = (struct vu_assign_pin){ i, lcores[i] };
	conf.assign = &assign;
	conf.driver_args = args;
	conf.notify = port_notify;
	conf.app = sched == NULL ? port_app : NULL;
	rig_port_open(port, "net", &conf);
	/* What an application brings; the pool is counted as those of other ports are. */
	for (uint32_t i = 0; i < 2 * nb_pairs && sched == NULL; i++) {
		const struct vu_net_frames frames = {
			.pool = i % 2 != 0 ? net_pool_get(SOCKET_ID_ANY) : NULL,
			.port_id = RTE_MBUF_PORT_INVALID,
		};

		if (i % 2 != 0)
			CHECK_EQ(vu_net_set_frames(vu_device_queue(port->dev, i), &frames), 0);
		vu_exec_app_resume(vu_device_queue(port->dev, i));
	}
	/* Garbage: without offload features it means nothing. */
	memset(port->header, 0xa5, sizeof(port->header));
	for (uint32_t i = 0; i < port->nb_queues; i++) {
		struct rig_ring *ring = &port->rings[i];

		ring->chains = calloc(RING_SIZE, sizeof(*ring->chains));
		CHECK(ring->chains != NULL);
		ring->slots_gpa = fake_guest_alloc(&port->guest, i < 2 ? FAKE_HIGH : FAKE_MID,
			RING_SIZE * SLOT_BYTES, 1);
		if (i < 2)
			ring->big_gpa = fake_guest_alloc(&port->guest, FAKE_HIGH, BIG_BYTES, 1);
	}
}

void
port_open(struct rig_port *port, struct vu_sched *sched, const char *args)
{
	port_open_on(port, sched, args, 1, NULL);
}

void
port_make_packed(struct rig_port *port)
{
	static const struct fake_ring_place place = { FAKE_MID, 0, true };

	for (uint32_t i = 0; i < port->nb_queues; i++) {
		fake_ring_destroy(port->rings[i].ring);
		port->rings[i].ring = fake_ring_create(&port->guest, RING_SIZE, &place);
	}
}

void
port_connect(struct rig_port *port, uint64_t features)
{
	rig_port_connect(port);
	rig_port_negotiate(port, features);
	port->is_mergeable = (features & RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF)) != 0;
	port->header_bytes = (features & F_MERGEABLE) != 0 ? 12 : 10;
}

void
port_start(struct rig_port *port, uint64_t features)
{
	port_connect(port, features);
	rig_port_start_rings(port);
}

void
port_stop(struct rig_port *port)
{
	rig_port_disconnect(port);
	for (uint32_t i = 0; i < port->nb_queues; i++)
		fake_ring_reset(port->rings[i].ring);
}

void
port_verify_mbufs(const struct rig_port *port)
{
	const struct net_queue *nq = port_queue(port, 1);

	CHECK(rte_mempool_avail_count(nq->pool) == nq->pool->size);
}

bool
port_is_packed_offered(void)
{
	struct vu_sched *sched = rig_sched_create(2);
	struct rig_port port;
	bool is_offered;

	port_open(&port, sched, "forward=null");
	is_offered = (vu_device_features(port.dev) & F_PACKED) != 0;
	rig_port_close(&port);
	vu_sched_destroy(sched);
	return is_offered;
}

uint64_t
stats_all_drops(const struct vu_device_queue_stats *stats)
{
	uint64_t nb = 0;

	for (unsigned int i = 0; i < VU_MAX_DROPS; i++)
		nb += stats->nb_drops[i];
	return nb;
}

struct net_queue *
port_queue(const struct rig_port *port, uint32_t queue_idx)
{
	return vu_device_queue(port->dev, queue_idx)->priv;
}

struct net_snapshot *
port_snapshot(const struct rig_port *port, uint32_t queue_idx)
{
	return vu_vring_snapshot_priv(vu_device_queue(port->dev, queue_idx)->vring.snapshot);
}

struct net_forward_queue *
port_forward_queue(const struct rig_port *port, uint32_t queue_idx)
{
	return vu_device_queue(port->dev, queue_idx)->priv;
}

uint16_t
port_number(const struct rig_port *port)
{
	return port_forward_queue(port, 0)->port->port_id;
}

void
net_turn(struct vu_sched *sched)
{
	rig_turn(sched);
	rig_turn(sched);
}

/* ---- frames ---- */

void
frame_make(uint8_t *frame, uint32_t len_bytes, uint64_t seed)
{
	struct fake_rand rand = { seed * 2 + 1 };

	for (uint32_t i = 0; i < len_bytes; i++)
		frame[i] = (uint8_t)(fake_rand_u64(&rand) >> 56);
}

void
mac_set(uint8_t *mac, uint32_t n)
{
	const uint8_t bytes[] = { 0x02, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16),
		(uint8_t)(n >> 8), (uint8_t)n };

	memcpy(mac, bytes, sizeof(bytes));
}

void
frame_make_ether(uint8_t *frame, uint32_t len_bytes, uint32_t dst, uint32_t src, uint64_t seed)
{
	frame_make(frame, len_bytes, seed);
	mac_set(frame + 6, src);
	if (dst == UINT32_MAX)
		memset(frame, 0xff, 6);
	else
		mac_set(frame, dst);
}

void
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

void
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

static uint32_t
chain_bytes(const struct net_chain *chain)
{
	uint32_t nb = 0;

	for (uint16_t i = 0; i < chain->nb_bufs; i++)
		nb += chain->bufs[i].len_bytes;
	return nb;
}

int
ring_add_chain(struct rig_ring *ring, const struct net_chain *chain, uint16_t nb_direct,
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

uint64_t
ring_slot(struct rig_ring *ring, uint32_t len_bytes)
{
	if (len_bytes > SLOT_BYTES) {
		CHECK(len_bytes <= BIG_BYTES && ring->big_gpa != 0);
		return ring->big_gpa;
	}
	return ring->slots_gpa + (uint64_t)SLOT_BYTES * (ring->next_slot++ % RING_SIZE);
}

/* ---- guest sends ---- */

int
port_send_chain(struct rig_port *port, uint32_t pair, const struct net_chain *chain,
	const uint8_t *frame, uint32_t len_bytes)
{
	struct rig_ring *ring = &port->rings[2 * pair + 1];
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

int
port_send(struct rig_port *port, uint32_t pair, const uint8_t *frame, uint32_t len_bytes)
{
	struct rig_ring *ring = &port->rings[2 * pair + 1];
	uint32_t total_bytes = port->header_bytes + len_bytes;
	struct net_chain chain = { .nb_bufs = 1 };

	if (ring->ring->nb_free == 0)
		return -1;
	chain.bufs[0] = (struct fake_buf){ ring_slot(ring, total_bytes), total_bytes, false };
	return port_send_chain(port, pair, &chain, frame, len_bytes);
}

unsigned int
port_collect(struct rig_port *port, uint32_t queue_idx)
{
	struct vu_split_used_elem elems[RING_SIZE];
	uint16_t nb = fake_ring_collect(port->rings[queue_idx].ring, elems, RING_SIZE);

	for (uint16_t i = 0; i < nb; i++)
		CHECK(queue_idx % 2 == 0 || elems[i].len_bytes == 0);
	return nb;
}

/* ---- guest receives ---- */

int
port_offer_chain(struct rig_port *port, uint32_t pair, const struct net_chain *chain)
{
	struct rig_ring *ring = &port->rings[2 * pair];
	int head = ring_add_chain(ring, chain, chain->nb_bufs, 0);

	fake_ring_publish(ring->ring);
	return head;
}

unsigned int
port_offer(struct rig_port *port, uint32_t pair, unsigned int nb, uint32_t len_bytes)
{
	struct rig_ring *ring = &port->rings[2 * pair];
	unsigned int i;

	for (i = 0; i < nb && ring->ring->nb_free != 0; i++) {
		struct net_chain chain = { .nb_bufs = 1 };

		chain.bufs[0] = (struct fake_buf){ ring_slot(ring, len_bytes), len_bytes, true };
		port_offer_chain(port, pair, &chain);
	}
	return i;
}

/* Take the bytes of the next used chain. @return their number */
static uint32_t
port_take_used(struct rig_port *port, uint32_t pair, uint8_t *bytes)
{
	struct rig_ring *ring = &port->rings[2 * pair];
	struct vu_split_used_elem elem;

	CHECK(fake_ring_collect(ring->ring, &elem, 1) == 1);
	CHECK(elem.len_bytes <= chain_bytes(&ring->chains[elem.id]));
	chain_read(&port->guest, &ring->chains[elem.id], bytes, elem.len_bytes);
	return elem.len_bytes;
}

bool
port_receive(struct rig_port *port, uint32_t pair, struct net_received *received)
{
	struct rig_ring *ring = &port->rings[2 * pair];
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

struct net_received *
net_received_create(void)
{
	struct net_received *received = malloc(sizeof(*received));

	CHECK(received != NULL);
	return received;
}

bool
received_is(const struct net_received *received, const uint8_t *frame, uint32_t len_bytes)
{
	return received->len_bytes == len_bytes && memcmp(received->frame, frame, len_bytes) == 0;
}
