/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports with a dirty log under traffic. The case is QEMU: it copies guest memory while data lcores
 * write to it, then again what the log names, until the rings stop, and then its copy must be the
 * guest's memory byte by byte. What the guest writes itself the case knows.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net_ports.h"
#include "vu_device_control.h"
#include "vu_mem_log.h"

#define F_LOG_ALL RTE_BIT64(VHOST_F_LOG_ALL)
#define PAGE UINT64_C(4096)
#define NB_PAGES ((FAKE_HIGH_GPA + FAKE_HIGH_BYTES) / PAGE)
#define LOG_OFFSET UINT64_C(13) /* bytes into its file */
#define LOG_BYTES (NB_PAGES / 8)
#define NB_MIGRATIONS 12
#define NB_ROUNDS 12
#define BATCH 16

/* One log; `words` is the front-end's view of it, which starts where it does. */
struct log_file {
	int fd;
	uint8_t *file;
	uint8_t *bytes;
};

struct migration {
	struct net_ports net;
	struct rig_loops loops;
	struct log_file logs[2];
	unsigned int nb_logs;      /* used so far, one after the other */
	uint8_t *copy;             /* of the guest's whole file */
	uint8_t *is_guest_dirty;   /* by page of the file */
	struct fake_rand rand;
	uint64_t seed;             /* of the next frame */
	uint64_t nb_copied;        /* pages, by the log */
};

static void
log_file_open(struct log_file *log)
{
	log->fd = vu_fd_memfd("vu-test-log", LOG_OFFSET + LOG_BYTES, 0);
	log->file = mmap(NULL, LOG_OFFSET + LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, log->fd,
		0);
	CHECK(log->file != MAP_FAILED);
	log->bytes = log->file + LOG_OFFSET;
}

static void
log_file_close(struct log_file *log)
{
	munmap(log->file, LOG_OFFSET + LOG_BYTES);
	close(log->fd);
}

static struct rig_port *
moving(struct migration *m)
{
	return &m->net.ports[0];
}

/* ---- what the guest does ---- */

static void
guest_wrote(struct migration *m, uint64_t gpa, uint64_t len_bytes)
{
	const uint8_t *base = moving(m)->guest.base;

	for (uint64_t at = gpa & ~(PAGE - 1); at < gpa + len_bytes; at += PAGE)
		m->is_guest_dirty[((uint8_t *)fake_guest_ptr(&moving(m)->guest, at) - base) /
			PAGE] = 1;
}

/* Its rings may have a page in common with what the device writes: only its own parts. */
static void
guest_wrote_ring(struct migration *m, uint32_t q)
{
	const struct fake_ring *ring = moving(m)->rings[q].ring;

	guest_wrote(m, ring->desc_gpa, UINT64_C(16) * ring->size);
	guest_wrote(m, ring->avail_gpa, UINT64_C(2) * ring->size + 6);
}

static void
guest_offer(struct migration *m, unsigned int nb)
{
	struct rig_ring *ring = &moving(m)->rings[0];
	uint32_t first = ring->next_slot;
	unsigned int done = port_offer(moving(m), 0, nb, 256);

	for (unsigned int i = 0; i < done; i++)
		guest_wrote(m, ring->slots_gpa + (first + i) % RING_SIZE * SLOT_BYTES, SLOT_BYTES);
	guest_wrote_ring(m, 0);
}

/* ---- what QEMU does ---- */

static void
copy_page(struct migration *m, uint64_t file_page)
{
	m->is_guest_dirty[file_page] = 0;
	memcpy(m->copy + file_page * PAGE, moving(m)->guest.base + file_page * PAGE, PAGE);
}

static bool
log_take(const struct log_file *log, uint64_t page)
{
	uint8_t bit = (uint8_t)(1u << page % 8);

	if ((vu_load(&log->bytes[page / 8]) & bit) == 0)
		return false;
	return (__atomic_fetch_and(&log->bytes[page / 8], (uint8_t)~bit, __ATOMIC_SEQ_CST) & bit) !=
		0;
}

/* Both logs: a former one has what was marked before it was replaced. */
static void
sync_log(struct migration *m)
{
	const struct fake_guest *guest = &moving(m)->guest;

	for (unsigned int i = 0; i < guest->nb_regions; i++) {
		const struct fake_memory *region = &guest->regions[i];

		for (uint64_t at = 0; at < region->len_bytes; at += PAGE) {
			bool is_dirty = m->is_guest_dirty[(region->offset + at) / PAGE] != 0;

			for (unsigned int l = 0; l < RTE_DIM(m->logs); l++) {
				bool is_marked = log_take(&m->logs[l], (region->gpa + at) / PAGE);

				m->nb_copied += is_marked;
				is_dirty |= is_marked;
			}
			if (is_dirty)
				copy_page(m, (region->offset + at) / PAGE);
		}
	}
}

static void
set_new_log(struct migration *m)
{
	const struct log_file *log = &m->logs[m->nb_logs++ % RTE_DIM(m->logs)];
	struct vu_mem_log *ours = vu_mem_log_create(dup(log->fd), LOG_BYTES, LOG_OFFSET);

	CHECK(ours != NULL);
	vu_device_set_log(moving(m)->dev, ours);
	rig_port_commit(moving(m));
}

static void
set_logging(struct migration *m, bool is_on)
{
	struct vu_device *dev = moving(m)->dev;
	uint64_t features = vu_device_acked_features(dev);

	CHECK_EQ(vu_device_set_features(dev, is_on ? features | F_LOG_ALL : features & ~F_LOG_ALL),
		0);
	rig_port_commit(moving(m));
	for (uint32_t q = 0; q < 2; q++) {
		struct vu_vring_conf conf = fake_ring_conf(moving(m)->rings[q].ring);

		conf.flags = is_on ? VU_VRING_F_LOG : 0;
		conf.log_gpa = moving(m)->rings[q].ring->used_gpa;
		CHECK_EQ(vu_device_ring_set_addr(dev, q, &conf), 0);
		rig_port_commit(moving(m));
	}
	CHECK(rig_port_stats(moving(m), 0).is_running);
}

static void
copy_all(struct migration *m)
{
	for (uint64_t page = 0; page < moving(m)->guest.file_bytes / PAGE; page++)
		copy_page(m, page);
}

static void
check_copy(struct migration *m)
{
	for (uint64_t page = 0; page < moving(m)->guest.file_bytes / PAGE; page++)
		if (memcmp(m->copy + page * PAGE, moving(m)->guest.base + page * PAGE, PAGE) != 0)
			expect_fail(__FILE__, __LINE__, "page %u of the file was not copied again",
				(unsigned int)page);
}

/* ---- all of it ---- */

static struct migration *
migration_open(uint64_t features)
{
	static const unsigned int places[][2 * MAX_PAIRS] = { { 4, 7 }, { 4, 4 } };
	struct migration *m = calloc(1, sizeof(*m));

	CHECK(m != NULL);
	m->rand.state = 77;
	ports_init(&m->net, 2);
	for (unsigned int i = 0; i < 2; i++) {
		port_open_on(&m->net.ports[i], m->net.sched, "forward=switch", 1, places[i]);
		if ((features & F_PACKED) != 0)
			port_make_packed(&m->net.ports[i]);
		port_start(&m->net.ports[i], features);
	}
	ports_learn(&m->net);
	for (unsigned int i = 0; i < RTE_DIM(m->logs); i++)
		log_file_open(&m->logs[i]);
	m->copy = malloc(moving(m)->guest.file_bytes);
	m->is_guest_dirty = calloc(1, moving(m)->guest.file_bytes / PAGE);
	CHECK(m->copy != NULL && m->is_guest_dirty != NULL);
	rig_loops_start(&m->loops, m->net.sched);
	return m;
}

static void
migration_close(struct migration *m)
{
	rig_loops_stop(&m->loops);
	ports_close(&m->net);
	for (unsigned int i = 0; i < RTE_DIM(m->logs); i++)
		log_file_close(&m->logs[i]);
	free(m->copy);
	free(m->is_guest_dirty);
	free(m);
}

/* Frames from the other guest arrive in the order they were sent, whatever becomes of the log. */
static void
receive(struct migration *m, unsigned int nb)
{
	for (unsigned int i = 0; i < nb; i++) {
		uint8_t frame[FRAME_BYTES];

		frame_make_ether(frame, sizeof(frame), 0, 1, m->seed++);
		WAIT_UNTIL(port_receive(moving(m), 0, m->net.received));
		CHECK(received_is(m->net.received, frame, sizeof(frame)));
	}
}

/* Things happen between the frames of a batch, which may have arrived by then or not. */
static void
round_run(struct migration *m, bool is_last)
{
	guest_offer(m, RING_SIZE);
	for (uint64_t i = 0; i < BATCH; i++)
		send_frame(&m->net, 1, 0, 1, m->seed + i);
	if (fake_rand_one_in(&m->rand, 3))
		set_new_log(m);
	if (fake_rand_one_in(&m->rand, 2))
		sync_log(m);
	receive(m, BATCH);
	port_collect(&m->net.ports[1], 1);
	/* Its own frames, of which the used ring alone is written. */
	send_frame(&m->net, 0, 99, 0, 1);
	guest_wrote_ring(m, 1);
	guest_wrote(m, moving(m)->rings[1].slots_gpa, RING_SIZE * SLOT_BYTES);
	WAIT_UNTIL(port_collect(moving(m), 1) != 0);
	if (!is_last)
		sync_log(m);
}

/* Stop the rings as GET_VRING_BASE does, look, and go on: a migration that failed. */
static void
blackout(struct migration *m)
{
	struct vu_device *dev = moving(m)->dev;

	for (uint32_t q = 0; q < 2; q++)
		vu_device_ring_stop(dev, q);
	rig_port_commit(moving(m));
	sync_log(m);
	check_copy(m);
	for (uint32_t q = 0; q < 2; q++)
		vu_device_ring_start(dev, q, VU_FD_NONE);
	rig_port_commit(moving(m));
}

static void
check_migrations(uint64_t features)
{
	struct migration *m = migration_open(features);

	for (unsigned int i = 0; i < NB_MIGRATIONS; i++) {
		bool was_fast = strcmp(rig_port_stats(moving(m), 0).variant, "any") != 0;

		CHECK(was_fast);
		set_new_log(m);
		set_logging(m, true);
		CHECK(strcmp(rig_port_stats(moving(m), 0).variant, "any") == 0);
		copy_all(m);
		for (unsigned int r = 0; r < NB_ROUNDS; r++)
			round_run(m, r + 1 == NB_ROUNDS);
		blackout(m);
		set_logging(m, false);
	}
	CHECK(m->nb_copied > NB_MIGRATIONS * NB_ROUNDS);
	CHECK_EQ(vu_device_nb_log_misses(moving(m)->dev), 0);
	migration_close(m);
}

VU_TEST(net_log, split_under_traffic)
{
	check_migrations(F_MERGEABLE);
}

VU_TEST(net_log, packed_under_traffic)
{
	check_migrations(F_MERGEABLE | F_PACKED);
}

/* Guest to guest without an mbuf: the receiver's log is marked, and the sender's used ring. */
static void
check_direct(uint64_t features)
{
	static const unsigned int places[2 * MAX_PAIRS] = { 4, 4 };
	struct log_file log;
	struct net_ports n;

	ports_init(&n, 2);
	log_file_open(&log);
	for (unsigned int i = 0; i < 2; i++) {
		port_open_on(&n.ports[i], n.sched, "forward=switch", 1, places);
		if ((features & F_PACKED) != 0)
			port_make_packed(&n.ports[i]);
		port_start(&n.ports[i], features);
	}
	ports_learn(&n);
	for (unsigned int i = 0; i < 2; i++) {
		struct vu_device *dev = n.ports[i].dev;
		struct vu_vring_conf conf = fake_ring_conf(n.ports[i].rings[i].ring);

		vu_device_set_log(dev, vu_mem_log_create(dup(log.fd), LOG_BYTES, LOG_OFFSET));
		CHECK_EQ(vu_device_set_features(dev, vu_device_acked_features(dev) | F_LOG_ALL), 0);
		conf.flags = VU_VRING_F_LOG;
		conf.log_gpa = (FAKE_MID_GPA & ~(PAGE - 1)) + (5 + i) * PAGE;
		CHECK_EQ(vu_device_ring_set_addr(dev, i, &conf), 0);
		rig_port_commit(&n.ports[i]);
	}
	memset(log.bytes, 0, LOG_BYTES);
	port_offer(&n.ports[0], 0, RING_SIZE, 256);
	for (uint64_t i = 0; i < 20; i++)
		send_frame(&n, 1, 0, 1, i);
	net_turn(n.sched);
	for (uint64_t i = 0; i < 20; i++)
		check_frame(&n, 0, 0, 1, i);
	for (uint64_t i = 0; i < 20; i++)
		CHECK(log_take(&log, n.ports[0].rings[0].slots_gpa / PAGE + i));
	if ((features & F_PACKED) == 0)
		CHECK(log_take(&log, FAKE_MID_GPA / PAGE + 5) &&
			log_take(&log, FAKE_MID_GPA / PAGE + 6));
	else
		CHECK(log_take(&log, n.ports[1].rings[1].ring->desc_gpa / PAGE));
	CHECK(rig_port_stats(&n.ports[1], 1).nb_direct != 0);
	ports_close(&n);
	log_file_close(&log);
}

VU_TEST(net_log, from_guest_to_guest)
{
	check_direct(F_MERGEABLE);
	check_direct(F_MERGEABLE | F_PACKED);
}
