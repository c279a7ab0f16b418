/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hostile guests and hostile front-ends at once: rings of either layout are written to at random,
 * frames ask for offloads that make no sense, and meanwhile regions come and go, files shrink,
 * rings stop, start at any position, overlap and move between lcores, ports connect again with
 * other features. Frames go straight from guest to guest all the time. No crash, no stall, no lost
 * mbuf, and two sane guests are served.
 */
#include "test.h"

#include <unistd.h>

#include <rte_cycles.h>

#include "net_fixture.h"
#include "offload_fixture.h"
#include "vu_limits.h"
#include "vu_mem_fault.h"

#define NB_PORTS 5
#define NB_HOSTILE 3 /* the first ones; the others are sane */
#define NB_LAYOUTS 2
#define ADDRESSES_BYTES 12 /* of a frame, and as many as a header has */
#define GRID_BYTES 0x8000
#define FRAMES_GPA (FAKE_HIGH_GPA + 0x40000)
#define FRAMES_STEP 0x1000
#define NB_FRAMES 16
#define SINK_GPA (FAKE_HIGH_GPA + 0x80000)
#define SINK_BYTES 0x40000

struct chaos_port {
	struct rig_port port;
	struct fake_ring *rings[2][NB_LAYOUTS]; /* by queue; the port's own is one of them */
	uint32_t is_packed;                     /* the scribblers look at it */
	uint32_t frame_bytes[NB_FRAMES];        /* header included */
};

/* Sane often enough that frames get through before the ring is given up. */
struct scribe {
	struct fake_rand rand;
	uint32_t sane_writes; /* on average, to one that is not */
	bool is_wild;         /* the next one */
};

struct chaos {
	struct vu_sched *sched;
	struct chaos_port ports[NB_PORTS];
	struct net_received *received;
	struct fake_rand rand;
	struct scribe scribe;
	uint64_t nb_faults;
	uint64_t nb_losses; /* sessions that ended with their memory */
};

static const unsigned int lcores[] = { 4, 7 };
static struct offload_frame frame; /* too large for a stack */

/* ---- memory of a hostile guest ---- */

/* Any address is the start of a header and a frame to somebody who is there. */
static void
fill_grid(const struct chaos_port *cp, uint64_t gpa, uint64_t len_bytes, uint32_t i)
{
	uint8_t macs[ADDRESSES_BYTES];

	mac_set(macs, (i + 1) % NB_HOSTILE);
	mac_set(macs + 6, i);
	for (uint64_t at = 0; at + sizeof(macs) <= len_bytes; at += sizeof(macs))
		fake_guest_write(&cp->port.guest, gpa + at, macs, sizeof(macs));
}

static void
fill_frame(struct chaos_port *cp, uint32_t n, uint32_t i, struct fake_rand *rand)
{
	const struct offload_shape shape = {
		.nb_tags = fake_rand_in(rand, 0, 2), .is_ipv6 = fake_rand_one_in(rand, 2),
		.nb_extensions = fake_rand_in(rand, 0, 3),
		.proto = fake_rand_one_in(rand, 4) ? PROTO_UDP : PROTO_TCP,
		.tcp_flags = (uint8_t)fake_rand_u64(rand),
		.payload_bytes = fake_rand_in(rand, 0, 3000),
	};
	uint16_t gso_bytes = shape.proto == PROTO_TCP && fake_rand_one_in(rand, 2) ?
		fake_rand_in(rand, 1, 1460) : 0;
	uint64_t gpa = FRAMES_GPA + (uint64_t)n * FRAMES_STEP;
	struct net_header header;

	offload_frame_make(&frame, &shape);
	mac_set(frame.bytes, fake_rand_one_in(rand, 8) ? 99 : (i + 1) % NB_HOSTILE);
	mac_set(frame.bytes + 6, i);
	header = offload_header(&frame, gso_bytes);
	fake_guest_write(&cp->port.guest, gpa, &header, sizeof(header));
	fake_guest_write(&cp->port.guest, gpa + 12, frame.bytes, frame.len_bytes);
	cp->frame_bytes[n] = 12 + frame.len_bytes;
}

static void
fill_memory(struct chaos_port *cp, uint32_t i, struct fake_rand *rand)
{
	fill_grid(cp, FAKE_LOW_GPA, FAKE_LOW_BYTES, i);
	fill_grid(cp, FAKE_HIGH_GPA, GRID_BYTES, i);
	for (uint32_t n = 0; n < NB_FRAMES; n++)
		fill_frame(cp, n, i, rand);
}

/* ---- what a hostile guest writes ---- */

static void
random_buffer(const struct chaos_port *cp, struct fake_rand *rand, struct vu_split_desc *desc)
{
	uint32_t n = fake_rand_in(rand, 0, NB_FRAMES - 1);

	desc->len_bytes = ADDRESSES_BYTES * fake_rand_in(rand, 1, 30) + fake_rand_in(rand, 0, 1);
	switch (fake_rand_in(rand, 0, 2)) {
	case 0:
		desc->gpa = FAKE_LOW_GPA + ADDRESSES_BYTES * fake_rand_in(rand, 0, 10000);
		break;
	case 1:
		desc->gpa = FAKE_HIGH_GPA + ADDRESSES_BYTES * fake_rand_in(rand, 0, 2000);
		break;
	default:
		desc->gpa = FRAMES_GPA + (uint64_t)n * FRAMES_STEP;
		desc->len_bytes = cp->frame_bytes[n];
	}
}

/* Room to receive. */
static void
random_room(struct fake_rand *rand, struct vu_split_desc *desc)
{
	desc->gpa = SINK_GPA + fake_rand_in(rand, 0, SINK_BYTES - 1);
	desc->len_bytes = fake_rand_one_in(rand, 4) ? fake_rand_in(rand, ADDRESSES_BYTES, 64) :
		fake_rand_in(rand, 64, 4096);
}

static void
make_wild(struct fake_rand *rand, struct vu_split_desc *desc)
{
	switch (fake_rand_in(rand, 0, 5)) {
	case 0:
		desc->gpa = fake_rand_u64(rand);
		break;
	case 1:
		desc->gpa = FAKE_HIGH_GPA + FAKE_HIGH_BYTES - fake_rand_in(rand, 0, 4096);
		break;
	case 2: /* the rings themselves */
		desc->gpa = FAKE_MID_GPA + fake_rand_in(rand, 0, FAKE_MID_BYTES - 1);
		break;
	case 3:
		desc->len_bytes = (uint32_t)fake_rand_u64(rand);
		break;
	case 4:
		desc->next = (uint16_t)fake_rand_in(rand, 0, RING_SIZE);
		break;
	default:
		desc->flags = (uint16_t)fake_rand_in(rand, 0, 7);
	}
}

static void
scribble_split(struct fake_ring *ring, struct scribe *scribe, const struct vu_split_desc *what)
{
	struct fake_rand *rand = &scribe->rand;
	uint16_t i = fake_rand_in(rand, 0, RING_SIZE - 1);

	vu_store(&ring->desc[i].gpa, what->gpa);
	vu_store(&ring->desc[i].len_bytes, what->len_bytes);
	vu_store(&ring->desc[i].flags, what->flags);
	vu_store(&ring->desc[i].next, scribe->is_wild ? what->next : (i + 1) % RING_SIZE);
	/* The last one is the event index. */
	vu_store(&ring->avail->ring[fake_rand_in(rand, 0, RING_SIZE)],
		fake_rand_in(rand, 0, RING_SIZE - 1 + scribe->is_wild));
	vu_store(&ring->avail->idx, (uint16_t)(vu_load(&ring->used->idx) +
		fake_rand_in(rand, 0, RING_SIZE / 2 + (scribe->is_wild ? RING_SIZE : 0))));
}

static void
scribble_packed(struct fake_ring *ring, struct scribe *scribe, const struct vu_split_desc *what)
{
	struct fake_rand *rand = &scribe->rand;
	struct vu_packed_desc *desc = &ring->packed_desc[fake_rand_in(rand, 0, RING_SIZE - 1)];
	uint16_t owner = vu_load(&desc->flags) & VU_PACKED_F_AVAIL ?
		VU_PACKED_F_USED : VU_PACKED_F_AVAIL;

	if (scribe->is_wild)
		owner = (uint16_t)fake_rand_u64(rand) & (VU_PACKED_F_AVAIL | VU_PACKED_F_USED);
	vu_store(&desc->gpa, what->gpa);
	vu_store(&desc->len_bytes, what->len_bytes);
	vu_store(&desc->id, (uint16_t)fake_rand_u64(rand));
	vu_store(&desc->flags, what->flags | owner);
	vu_store((uint32_t *)(void *)ring->driver_event, (uint32_t)fake_rand_u64(rand));
}

/* Change a byte of a frame or of the header in front of it. */
static void
scribble_frame(const struct chaos_port *cp, struct fake_rand *rand)
{
	uint64_t gpa = FRAMES_GPA + (uint64_t)fake_rand_in(rand, 0, NB_FRAMES - 1) * FRAMES_STEP;
	uint32_t at = fake_rand_one_in(rand, 2) ? fake_rand_in(rand, 0, 9) :
		fake_rand_in(rand, 24, 100);

	vu_store((uint8_t *)fake_guest_ptr(&cp->port.guest, gpa + at),
		(uint8_t)fake_rand_u64(rand));
}

static void
scribble(struct chaos *c, struct scribe *scribe)
{
	struct fake_rand *rand = &scribe->rand;
	const struct chaos_port *cp = &c->ports[fake_rand_in(rand, 0, NB_HOSTILE - 1)];
	uint32_t q = fake_rand_in(rand, 0, 1);
	struct vu_split_desc desc = {
		.flags = (q == 0 ? VU_DESC_F_WRITE : 0) |
			(fake_rand_one_in(rand, 6) ? VU_DESC_F_NEXT : 0),
	};

	scribe->is_wild = fake_rand_one_in(rand, scribe->sane_writes);
	if (fake_rand_one_in(rand, 1000))
		scribble_frame(cp, rand);
	if (q == 0)
		random_room(rand, &desc);
	else
		random_buffer(cp, rand, &desc);
	if (scribe->is_wild)
		make_wild(rand, &desc);
	if (vu_load(&cp->is_packed) != 0)
		scribble_packed(cp->rings[q][1], scribe, &desc);
	else
		scribble_split(cp->rings[q][0], scribe, &desc);
}

/* ---- what a hostile front-end does ---- */

static uint64_t
random_features(const struct vu_device *dev, struct fake_rand *rand)
{
	uint64_t features = vu_device_features(dev) & fake_rand_u64(rand);

	/* Mostly a driver of today: that is where the fast ways are. */
	if (!fake_rand_one_in(rand, 4))
		features |= F_MERGEABLE | F_INDIRECT;
	return features & vu_device_features(dev);
}

/* Where the parts of a ring are: now and then on top of each other, or where they cannot be. */
static struct vu_vring_conf
random_conf(const struct fake_ring *ring, struct fake_rand *rand)
{
	struct vu_vring_conf conf = fake_ring_conf(ring);

	if (!fake_rand_one_in(rand, 6))
		return conf;
	conf.avail_uva = conf.desc_uva + 4 * (uint64_t)fake_rand_in(rand, 0, 300);
	conf.used_uva = conf.desc_uva + 4 * (uint64_t)fake_rand_in(rand, 0, 300);
	if (fake_rand_one_in(rand, 3))
		conf.used_uva = FAKE_LOW_GPA + FAKE_LOW_BYTES + FAKE_UVA_OFFSET -
			4 * (uint64_t)fake_rand_in(rand, 0, 200);
	if (fake_rand_one_in(rand, 3))
		conf.desc_uva = fake_rand_u64(rand);
	return conf;
}

/* An empty ring, every descriptor of which is sane and, if packed, available. */
static void
ring_reset(struct chaos_port *cp, uint32_t q, struct fake_rand *rand)
{
	struct fake_ring *ring = cp->rings[q][cp->is_packed];

	fake_ring_reset(ring);
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		struct vu_split_desc desc = { .flags = q == 0 ? VU_DESC_F_WRITE : 0 };

		if (q == 0)
			random_room(rand, &desc);
		else
			random_buffer(cp, rand, &desc);
		if (!ring->is_packed) {
			ring->desc[i] = desc;
			ring->avail->ring[i] = i;
			continue;
		}
		ring->packed_desc[i] = (struct vu_packed_desc){
			.gpa = desc.gpa, .len_bytes = desc.len_bytes, .id = i,
			.flags = desc.flags | VU_PACKED_F_AVAIL,
		};
	}
}

/* What is refused leaves the ring as it was: nobody asks. */
static void
ring_start(struct chaos_port *cp, uint32_t q, struct fake_rand *rand)
{
	const struct fake_ring *ring = cp->rings[q][cp->is_packed];
	const struct vu_vring_conf conf = random_conf(ring, rand);
	struct vu_device *dev = cp->port.dev;
	uint32_t base = (uint32_t)fake_rand_u64(rand);

	vu_device_ring_set_size(dev, q, fake_rand_one_in(rand, 4) ?
		fake_rand_in(rand, 0, RING_SIZE + 1) : RING_SIZE);
	if (!fake_rand_one_in(rand, 4))
		base = conf.base;
	else if (fake_rand_one_in(rand, 2))
		base &= 0x803f803f;
	vu_device_ring_set_base(dev, q, base);
	vu_device_ring_set_addr(dev, q, &conf);
	vu_device_ring_set_call(dev, q, dup(cp->port.rings[q].call_fd));
	vu_device_ring_start(dev, q, VU_FD_NONE);
	vu_device_ring_enable(dev, q, !fake_rand_one_in(rand, 8));
}

static void
chaos_connect(struct chaos_port *cp, struct fake_rand *rand)
{
	uint64_t features = random_features(cp->port.dev, rand);

	vu_store(&cp->is_packed, (uint32_t)((features & F_PACKED) != 0));
	for (uint32_t q = 0; q < 2; q++)
		ring_reset(cp, q, rand);
	port_connect(&cp->port, features);
	for (uint32_t q = 0; q < 2; q++)
		ring_start(cp, q, rand);
	rig_port_commit(&cp->port);
}

static void
chaos_disconnect(struct chaos_port *cp)
{
	vu_device_disconnect(cp->port.dev, rig_port_done, &cp->port);
	rig_settle(cp->port.sched);
}

/* The file loses its last region under everybody's hands; the session ends, as it would. */
static void
lose_memory(struct chaos *c, struct chaos_port *cp)
{
	const int memfd = cp->port.guest.memfd;
	off_t whole_bytes = lseek(memfd, 0, SEEK_END);

	CHECK(ftruncate(memfd, whole_bytes - (off_t)FAKE_LOW_BYTES) == 0);
	/* If no loops run, these are the turns; if they do, they are refused. */
	for (unsigned int i = 0; i < 8; i++) {
		scribble(c, &c->scribe);
		vu_sched_turn(c->sched, i % 2);
		sched_yield();
	}
	c->nb_losses += vu_mem_table_has_failed(vu_device_mem(cp->port.dev));
	chaos_disconnect(cp);
	CHECK(ftruncate(memfd, whole_bytes) == 0);
	fill_grid(cp, FAKE_LOW_GPA, FAKE_LOW_BYTES, (uint32_t)(cp - c->ports));
	chaos_connect(cp, &c->rand);
}

/* Rings that were given up begin again, and so do others if `is_all`. */
static void
restart(struct chaos *c, struct chaos_port *cp, bool is_all)
{
	for (uint32_t q = 0; q < 2; q++) {
		bool is_bad = rig_port_stats(&cp->port, q).fault != VU_VRING_OK;

		c->nb_faults += is_bad;
		if (!is_bad && !is_all)
			continue;
		vu_device_ring_stop(cp->port.dev, q);
		rig_port_commit(&cp->port);
		ring_reset(cp, q, &c->rand);
		ring_start(cp, q, &c->rand);
		rig_port_commit(&cp->port);
	}
}

static void
interfere(struct chaos *c)
{
	struct chaos_port *cp = &c->ports[fake_rand_in(&c->rand, 0, NB_HOSTILE - 1)];
	struct vu_device *dev = cp->port.dev;
	uint32_t q = fake_rand_in(&c->rand, 0, 1);

	switch (fake_rand_in(&c->rand, 0, 15)) {
	case 0:
		vu_device_set_mem(dev, fake_guest_mem_part(&cp->port.guest,
			fake_rand_in(&c->rand, 1, 7)));
		rig_port_commit(&cp->port);
		vu_sched_turn(c->sched, q);
		vu_device_set_mem(dev, fake_guest_mem(&cp->port.guest));
		break;
	case 1 ... 3:
		vu_device_set_mem(dev, fake_guest_mem(&cp->port.guest));
		break;
	case 4 ... 6:
		CHECK(vu_device_queue_move(dev, q, lcores[fake_rand_in(&c->rand, 0, 1)]) == 0);
		return;
	case 7:
		vu_device_ring_enable(dev, q, false);
		break;
	case 8:
		vu_device_ring_enable(dev, q, true);
		break;
	case 9:
		chaos_disconnect(cp);
		chaos_connect(cp, &c->rand);
		return;
	case 10:
		lose_memory(c, cp);
		return;
	case 11:
		vu_device_ring_set_call(dev, q, dup(cp->port.rings[q].call_fd));
		break;
	default:
		restart(c, cp, fake_rand_one_in(&c->rand, 4));
		return;
	}
	rig_port_commit(&cp->port);
}

/* ---- all of it ---- */

static void
chaos_port_open(struct chaos *c, uint32_t i)
{
	static const struct fake_ring_place packed = { FAKE_MID, 0, true };
	const unsigned int places[2 * MAX_PAIRS] = { lcores[i % 2], lcores[i / 2 % 2] };
	struct chaos_port *cp = &c->ports[i];

	port_open_on(&cp->port, c->sched, "forward=switch", 1, places);
	if (i >= NB_HOSTILE) {
		port_start(&cp->port, F_MERGEABLE | F_INDIRECT);
		return;
	}
	for (uint32_t q = 0; q < 2; q++) {
		cp->rings[q][0] = cp->port.rings[q].ring;
		cp->rings[q][1] = fake_ring_create(&cp->port.guest, RING_SIZE, &packed);
	}
	fill_memory(cp, i, &c->rand);
	chaos_connect(cp, &c->rand);
}

static void
learn_macs(struct chaos *c)
{
	for (uint32_t i = 0; i < NB_PORTS; i++) {
		struct rte_ether_addr mac;

		mac_set(mac.addr_bytes, i);
		net_fdb_learn(&mac, port_number(&c->ports[i].port), net_fdb_age_now());
	}
}

static struct chaos *
chaos_open(uint64_t seed)
{
	struct chaos *c = calloc(1, sizeof(*c));

	CHECK(c != NULL && vu_mem_fault_install() == 0);
	c->rand.state = seed;
	c->scribe = (struct scribe){ .rand = { seed }, .sane_writes = 200 };
	c->sched = rig_sched_create(2);
	c->received = net_received_create();
	for (uint32_t i = 0; i < NB_PORTS; i++)
		chaos_port_open(c, i);
	learn_macs(c);
	return c;
}

/* The hostile ones leave; what is under way is delivered or dropped. */
static void
chaos_calm_down(struct chaos *c)
{
	for (uint32_t i = 0; i < NB_HOSTILE; i++)
		chaos_disconnect(&c->ports[i]);
	for (unsigned int i = 0; i < NET_HANDOFF_FRAMES / NET_MAX_BURST; i++)
		net_turn(c->sched);
}

/* A frame from one sane guest to the other. */
static void
check_sane(struct chaos *c, uint64_t seed)
{
	struct rig_port *from = &c->ports[NB_HOSTILE].port, *to = &c->ports[NB_HOSTILE + 1].port;
	uint8_t bytes[100];

	port_collect(from, 1);
	while (port_receive(to, 0, c->received))
		;
	port_offer(to, 0, RING_SIZE, 1024);
	frame_make_ether(bytes, sizeof(bytes), NB_HOSTILE + 1, NB_HOSTILE, seed);
	CHECK(port_send(from, 0, bytes, sizeof(bytes)) >= 0);
	net_turn(c->sched);
	CHECK(port_receive(to, 0, c->received));
	CHECK(received_is(c->received, bytes, sizeof(bytes)));
	CHECK_EQ(from->nb_ring_faults + to->nb_ring_faults, 0);
}

/* Everything that was to happen did. */
static void
check_counts(const struct chaos *c)
{
	uint64_t nb_direct = 0, nb_packets = 0, nb_bad_headers = 0;

	for (uint32_t i = 0; i < NB_HOSTILE; i++) {
		struct vu_device_queue_stats stats = rig_port_stats(&c->ports[i].port, 1);

		nb_direct += stats.nb_direct;
		nb_bad_headers += stats.nb_drops[NET_DROP_BAD_HEADER];
		nb_packets += rig_port_stats(&c->ports[i].port, 0).nb_packets;
	}
	CHECK(nb_direct > 1000 && nb_packets > nb_direct / 4 && nb_bad_headers > 100);
	CHECK(c->nb_faults > 100 && c->nb_losses > 10);
}

static void
check_end(struct chaos *c)
{
	chaos_calm_down(c);
	learn_macs(c);
	check_sane(c, 1);
	check_sane(c, 2);
}

static void
chaos_close(struct chaos *c)
{
	for (uint32_t i = NB_HOSTILE; i < NB_PORTS; i++)
		port_stop(&c->ports[i].port);
	port_verify_mbufs(&c->ports[0].port);
	for (uint32_t i = 0; i < NB_PORTS; i++) {
		for (uint32_t q = 0; q < 2 && i < NB_HOSTILE; q++) {
			c->ports[i].port.rings[q].ring = c->ports[i].rings[q][0];
			fake_ring_destroy(c->ports[i].rings[q][1]);
		}
		rig_port_close(&c->ports[i].port);
	}
	for (uint16_t id = 0; id < VU_MAX_PORTS; id++)
		net_fdb_forget_port(id);
	free(c->received);
	vu_sched_destroy(c->sched);
	vu_mem_fault_uninstall();
	free(c);
}

VU_TEST(net_chaos, everything_at_once_in_turns)
{
	struct chaos *c = chaos_open(20);

	for (unsigned int i = 0; i < 6000; i++) {
		for (unsigned int n = fake_rand_in(&c->rand, 1, 64); n != 0; n--)
			scribble(c, &c->scribe);
		net_turn(c->sched);
		if (i % 2 == 0)
			interfere(c);
		if (i % 64 == 0)
			learn_macs(c);
	}
	check_counts(c);
	check_end(c);
	chaos_close(c);
}

struct scribbler {
	struct chaos *chaos;
	uint32_t is_stopped;
};

static void *
scribbler_main(void *arg)
{
	struct scribbler *scribbler = arg;
	struct scribe scribe = { .rand = { 4711 }, .sane_writes = 20000 };

	while (vu_load_acquire(&scribbler->is_stopped) == 0 && !expect_has_failed()) {
		scribble(scribbler->chaos, &scribe);
		if (fake_rand_one_in(&scribe.rand, 32))
			sched_yield();
	}
	return NULL;
}

static void
check_threads(enum vu_idle_policy policy)
{
	const uint64_t end = rte_get_tsc_cycles() + test_stress_seconds() * rte_get_tsc_hz();
	struct scribbler scribbler = { .chaos = chaos_open(21) };
	struct chaos *c = scribbler.chaos;
	struct rig_loops loops;
	pthread_t thread;

	for (unsigned int i = 0; i < 2; i++)
		CHECK(vu_sched_set_idle(c->sched, i, policy, 10) == 0);
	rig_loops_start(&loops, c->sched);
	expect_thread_start(&thread, scribbler_main, &scribbler);
	while (rte_get_tsc_cycles() < end) {
		interfere(c);
		learn_macs(c);
		for (uint32_t i = 0; i < NB_HOSTILE; i++)
			restart(c, &c->ports[i], false);
	}
	vu_store_release(&scribbler.is_stopped, 1);
	expect_thread_join(thread);
	rig_loops_stop(&loops);
	check_end(c);
	chaos_close(c);
}

VU_TEST_STRESS(net_chaos, everything_at_once_in_threads)
{
	check_threads(VU_IDLE_BUSY);
}

VU_TEST_STRESS(net_chaos, everything_at_once_while_lcores_sleep)
{
	check_threads(VU_IDLE_INTERRUPT);
}
