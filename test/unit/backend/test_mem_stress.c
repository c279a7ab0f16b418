/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory comes and goes as fast as a front-end can say it while the rings carry all they can: 509
 * regions, each with buffers in use as long as it is there. Every byte is checked, and memory that
 * was taken away must stay as it was left. Prints the gaps between polls of the data lcore with
 * and without the changes; how long they are is for a reader to judge.
 * Two threads: the data lcore, and this one, which is control lcore, front-end and guest in turns,
 * so that with two CPUs nothing but the system itself can get in the way of the data lcore.
 */
#include "expect.h"
#include "session_fixture.h"

#include <inttypes.h>
#include <sys/mman.h>

#include <rte_cycles.h>

#include "fake_rand.h"
#include "vu_limits.h"

#define NB_EXTRA (VU_MAX_MEM_SLOTS - 1) /* next to the region with the rings */
#define NB_KEPT 7                       /* of them, and in every SET_MEM_TABLE */
#define EXTRA_BYTES UINT64_C(0x10000)
#define EXTRA_STRIDE (2 * EXTRA_BYTES)  /* no two regions are neighbours */
#define EXTRA_GPA UINT64_C(0x100000000)
#define EXTRA_UVA UINT64_C(0x7e0000000000)
#define LEFT_BYTE 0xe7                  /* fills memory that was taken away */

#define SLOTS 256 /* ring entries */
#define SLOT_BYTES UINT64_C(4096)
#define SLOTS_PER_REGION (EXTRA_BYTES / SLOT_BYTES)
#define FRAME_WORDS 125
#define FRAME_LEN (NET_HEADER_BYTES + FRAME_WORDS * 8)
#define NO_REGION UINT32_MAX
#define GUEST_BURST 32
#define ROUND_STEPS 200

/* Instead of the number of buffers in use: the region is not shared. */
#define REGION_GONE UINT32_MAX

/* One ring from the guest's side; by head of the chain. */
struct stress_ring {
	struct fake_ring *ring;
	uint32_t region[SLOTS]; /* NO_REGION = not offered */
	uint32_t slot[SLOTS];
};

struct mem_stress {
	struct session_port fix;
	int extra_fd;
	uint8_t *extra; /* the guest's view of all extra regions, whether shared or not */
	struct fake_rand rand;
	uint64_t nb_added, nb_removed, nb_tables;
	uint32_t uses[NB_EXTRA];       /* buffers of a region that the rings hold, or REGION_GONE */
	uint32_t busy_slots[NB_EXTRA]; /* bit per slot */
	uint32_t nb_allowed;           /* the guest takes buffers from regions below */
	bool has_rings;
	bool is_over;                  /* nothing more is sent */
	struct stress_ring to_guest, from_guest;
	uint64_t nb_sent, nb_received, nb_posted;
	uint64_t nb_wrong;
};

/* ---- guest ---- */

/*
 * Describe a buffer of some region that is there; rings have halves of their own, so none starves.
 * Returns its head, or -1.
 */
static int
slot_get(struct mem_stress *stress, struct stress_ring *ring, uint32_t len_bytes, bool is_write)
{
	const uint32_t half = ring == &stress->to_guest ? 0 : SLOTS_PER_REGION / 2;
	const uint32_t region = fake_rand_in(&stress->rand, 0, stress->nb_allowed - 1);
	const uint32_t slot = fake_rand_in(&stress->rand, half,
		half + SLOTS_PER_REGION / 2 - 1);
	const struct fake_buf buf = {
		EXTRA_GPA + region * EXTRA_STRIDE + slot * SLOT_BYTES, len_bytes, is_write,
	};
	const struct fake_chain chain = { .bufs = &buf, .nb_bufs = 1, .nb_direct = 1 };
	int head;

	if (stress->uses[region] == REGION_GONE ||
			(stress->busy_slots[region] & (1u << slot)) != 0)
		return -1;
	head = fake_ring_add(ring->ring, &chain);
	if (head < 0)
		return -1;
	stress->uses[region]++;
	stress->busy_slots[region] |= 1u << slot;
	ring->region[head] = region;
	ring->slot[head] = slot;
	return head;
}

static void
slot_put(struct mem_stress *stress, struct stress_ring *ring, uint32_t i)
{
	const uint32_t region = ring->region[i];

	stress->busy_slots[region] &= ~(1u << ring->slot[i]);
	ring->region[i] = NO_REGION;
	stress->uses[region]--;
}

static uint64_t *
slot_words(const struct mem_stress *stress, const struct stress_ring *ring, uint32_t i)
{
	return (uint64_t *)(stress->extra + ring->region[i] * EXTRA_BYTES +
		ring->slot[i] * SLOT_BYTES);
}

static void
ring_offer(struct stress_ring *ring, int head)
{
	fake_ring_offer(ring->ring, (uint16_t)head);
	fake_ring_publish(ring->ring);
}

static uint64_t
frame_word(uint64_t seq, unsigned int i)
{
	return (seq + 1) * UINT64_C(0x9e3779b97f4a7c15) + i;
}

/* The net header is not a multiple of 8 bytes: words are copied. */
static void
frame_fill(uint64_t *words, uint64_t seq)
{
	uint8_t *bytes = (uint8_t *)words;

	memset(bytes, 0, NET_HEADER_BYTES);
	for (unsigned int i = 0; i < FRAME_WORDS; i++) {
		const uint64_t word = frame_word(seq, i);

		memcpy(bytes + NET_HEADER_BYTES + i * sizeof(word), &word, sizeof(word));
	}
}

static bool
frame_is_right(const uint64_t *words, uint64_t seq)
{
	const uint8_t *bytes = (const uint8_t *)words + NET_HEADER_BYTES;
	uint64_t word;

	for (unsigned int i = 0; i < FRAME_WORDS; i++) {
		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		if (word != frame_word(seq, i))
			return false;
	}
	return true;
}

static bool
guest_post(struct mem_stress *stress)
{
	struct stress_ring *ring = &stress->to_guest;
	const int head = slot_get(stress, ring, SLOT_BYTES, true);

	if (head < 0)
		return false;
	stress->nb_posted++;
	ring_offer(ring, head);
	return true;
}

/* Never more than there are buffers for: not one frame may be lost. */
static bool
guest_send(struct mem_stress *stress)
{
	struct stress_ring *ring = &stress->from_guest;
	int head;

	if (stress->nb_sent >= stress->nb_posted || stress->is_over)
		return false;
	head = slot_get(stress, ring, FRAME_LEN, false);
	if (head < 0)
		return false;
	frame_fill(slot_words(stress, ring, (uint32_t)head), stress->nb_sent++);
	ring_offer(ring, head);
	return true;
}

static bool
guest_receive(struct mem_stress *stress)
{
	struct stress_ring *ring = &stress->to_guest;
	struct vu_split_used_elem elem;

	if (fake_ring_collect(ring->ring, &elem, 1) == 0)
		return false;
	if (ring->region[elem.id] == NO_REGION) {
		stress->nb_wrong++;
		return false;
	}
	if (elem.len_bytes != FRAME_LEN ||
			!frame_is_right(slot_words(stress, ring, elem.id), stress->nb_received))
		stress->nb_wrong++;
	stress->nb_received++;
	slot_put(stress, ring, elem.id);
	return true;
}

static bool
guest_reclaim(struct mem_stress *stress)
{
	struct vu_split_used_elem elem;

	if (fake_ring_collect(stress->from_guest.ring, &elem, 1) == 0)
		return false;
	if (stress->from_guest.region[elem.id] == NO_REGION)
		stress->nb_wrong++;
	else
		slot_put(stress, &stress->from_guest, elem.id);
	return true;
}

static void
guest_turn(struct mem_stress *stress)
{
	for (unsigned int i = 0; i < GUEST_BURST; i++) {
		guest_receive(stress);
		guest_reclaim(stress);
		guest_post(stress);
		guest_send(stress);
	}
}

/* Waiting for the back-end lets it work, and the guest too. */
static void
stress_turn(void *arg)
{
	struct mem_stress *stress = arg;

	vu_reactor_turn(stress->fix.rig->reactor, 0);
	if (stress->has_rings)
		guest_turn(stress);
}

/* ---- front-end ---- */

static struct vhost_user_mem_region
extra_region(uint32_t i)
{
	return (struct vhost_user_mem_region){
		.gpa = EXTRA_GPA + i * EXTRA_STRIDE, .size = EXTRA_BYTES,
		.uva = EXTRA_UVA + i * EXTRA_STRIDE, .mmap_offset = i * EXTRA_BYTES,
	};
}

static int
extra_request(struct mem_stress *stress, uint32_t request, uint32_t i)
{
	const struct vhost_user_mem_reg reg = { .region = extra_region(i) };
	struct vu_reply frame;

	fake_frontend_begin(&stress->fix.frontend, &frame, request);
	vu_request_append(&frame, &reg, sizeof(reg));
	if (request == VHOST_USER_ADD_MEM_REG)
		vu_reply_add_fd(&frame, stress->extra_fd);
	return fake_frontend_do(&stress->fix.frontend, &frame);
}

static bool
extra_is_as_left(const struct mem_stress *stress, uint32_t i)
{
	const uint8_t *bytes = stress->extra + i * EXTRA_BYTES;

	return bytes[0] == LEFT_BYTE && memcmp(bytes, bytes + 1, EXTRA_BYTES - 1) == 0;
}

static void
extra_add(struct mem_stress *stress, uint32_t i)
{
	CHECK(extra_is_as_left(stress, i));
	CHECK_EQ(extra_request(stress, VHOST_USER_ADD_MEM_REG, i), 0);
	stress->uses[i] = 0;
	stress->nb_added++;
}

/* It is not shared any more, and may be used for something else. */
static void
extra_left(struct mem_stress *stress, uint32_t i)
{
	stress->uses[i] = REGION_GONE;
	memset(stress->extra + i * EXTRA_BYTES, LEFT_BYTE, EXTRA_BYTES);
	stress->nb_removed++;
}

static int
set_table(struct mem_stress *stress)
{
	struct vhost_user_mem_table table = {
		.nb_regions = NB_KEPT + 1, .regions[0] = session_region(0, SESSION_MEM_BYTES),
	};
	struct vu_reply frame;

	fake_frontend_begin(&stress->fix.frontend, &frame, VHOST_USER_SET_MEM_TABLE);
	for (uint32_t i = 0; i < NB_KEPT; i++)
		table.regions[i + 1] = extra_region(i);
	vu_request_append(&frame, &table, VHOST_USER_MEM_TABLE_HEADER_BYTES +
		table.nb_regions * VHOST_USER_MEM_REGION_BYTES);
	vu_reply_add_fd(&frame, stress->fix.mem_fd);
	for (uint32_t i = 0; i < NB_KEPT; i++)
		vu_reply_add_fd(&frame, stress->extra_fd);
	stress->nb_tables++;
	return fake_frontend_do(&stress->fix.frontend, &frame);
}

/* Back to the eight regions that one SET_MEM_TABLE can name, once the guest lets the others go. */
static void
storm_shrink(struct mem_stress *stress)
{
	stress->nb_allowed = NB_KEPT;
	for (uint32_t i = NB_KEPT; i < NB_EXTRA; i++)
		while (stress->uses[i] != REGION_GONE && stress->uses[i] != 0)
			stress_turn(stress);
	CHECK_EQ(set_table(stress), 0);
	for (uint32_t i = NB_KEPT; i < NB_EXTRA; i++)
		if (stress->uses[i] != REGION_GONE)
			extra_left(stress, i);
	CHECK_EQ(vu_mem_table_nb_regions(vu_device_mem(stress->fix.dev)), NB_KEPT + 1);
	stress->nb_allowed = NB_EXTRA;
}

static void
storm_grow(struct mem_stress *stress)
{
	for (uint32_t i = NB_KEPT; i < NB_EXTRA; i++)
		if (stress->uses[i] == REGION_GONE)
			extra_add(stress, i);
	CHECK_EQ(vu_mem_table_nb_regions(vu_device_mem(stress->fix.dev)), VU_MAX_MEM_SLOTS);
}

/* Add the region if it is gone, remove it if the guest does not use it. */
static void
storm_step(struct mem_stress *stress)
{
	uint32_t i = fake_rand_in(&stress->rand, NB_KEPT, NB_EXTRA - 1);

	if (stress->uses[i] == REGION_GONE) {
		extra_add(stress, i);
		return;
	}
	if (stress->uses[i] != 0)
		return;
	/* The guest must not use it any more when it asks. */
	stress->uses[i] = REGION_GONE;
	CHECK_EQ(extra_request(stress, VHOST_USER_REM_MEM_REG, i), 0);
	extra_left(stress, i);
}

static void
storm_round(struct mem_stress *stress)
{
	for (unsigned int step = 0; step < ROUND_STEPS; step++)
		storm_step(stress);
	storm_shrink(stress);
	storm_grow(stress);
}

/* As many messages as in a storm, but none that changes anything. */
static void
calm_round(struct mem_stress *stress)
{
	uint64_t features;

	for (unsigned int step = 0; step < ROUND_STEPS; step++)
		CHECK_EQ(fake_frontend_get_u64(&stress->fix.frontend, VHOST_USER_GET_FEATURES,
			&features), 0);
}

/* ---- the case ---- */

static void
ring_start(struct mem_stress *stress, struct stress_ring *ring, uint32_t q)
{
	struct rig_port *base = &stress->fix.base;
	const struct fake_ring_place place = { .gpa = base->rings[q].ring->desc_gpa };

	fake_ring_destroy(base->rings[q].ring);
	ring->ring = base->rings[q].ring = fake_ring_create(&base->guest, SLOTS, &place);
	for (uint32_t i = 0; i < SLOTS; i++)
		ring->region[i] = NO_REGION;
	CHECK_EQ(session_port_start_ring(&stress->fix, q), 0);
	fake_ring_set_no_interrupt(ring->ring, true);
}

/* The data lcore has the last CPU, this thread the others. */
static void
threads_place(struct mem_stress *stress)
{
	const long nb_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t last, others;

	if (nb_cpus < 2 || nb_cpus > CPU_SETSIZE)
		return;
	CPU_ZERO(&last);
	CPU_SET((size_t)nb_cpus - 1, &last);
	CPU_ZERO(&others);
	for (size_t cpu = 0; cpu < (size_t)nb_cpus - 1; cpu++)
		CPU_SET(cpu, &others);
	pthread_setaffinity_np(stress->fix.rig->loop.thread, sizeof(last), &last);
	pthread_setaffinity_np(pthread_self(), sizeof(others), &others);
}

static void
stress_begin(struct mem_stress *stress)
{
	fixture_create(&stress->fix, "forward=loopback");
	threads_place(stress);
	stress->fix.frontend.turn = stress_turn;
	stress->fix.frontend.arg = stress;
	stress->extra_fd = vu_fd_memfd("vu-mem-stress", NB_EXTRA * EXTRA_BYTES, 0);
	stress->extra = mmap(NULL, NB_EXTRA * EXTRA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		stress->extra_fd, 0);
	CHECK(stress->extra != MAP_FAILED);
	memset(stress->extra, LEFT_BYTE, NB_EXTRA * EXTRA_BYTES);
	memset(&stress->uses[NB_KEPT], 0xff, (NB_EXTRA - NB_KEPT) * sizeof(stress->uses[0]));
	stress->nb_allowed = NB_EXTRA;
	stress->rand.state = 1;
	CHECK_EQ(fixture_negotiate(&stress->fix), 0);
	CHECK_EQ(set_table(stress), 0);
	ring_start(stress, &stress->to_guest, 0);
	ring_start(stress, &stress->from_guest, 1);
	stress->has_rings = true;
	storm_grow(stress);
}

static void
stress_end(struct mem_stress *stress)
{
	struct vu_device_queue_stats stats;

	stress->is_over = true;
	WAIT_WHILE(stress->nb_received < stress->nb_sent)
		stress_turn(stress);
	CHECK_EQ(stress->nb_wrong, 0);
	CHECK_EQ(stress->nb_received, stress->nb_sent);
	for (uint32_t q = 0; q < 2; q++) {
		vu_device_queue_stats_get(stress->fix.dev, q, &stats);
		CHECK_EQ(stats.nb_faults, 0);
		CHECK_EQ(stats.nb_packets, stress->nb_sent);
	}
	munmap(stress->extra, NB_EXTRA * EXTRA_BYTES);
	vu_fd_close(&stress->extra_fd);
	fixture_destroy(&stress->fix);
}

/* What a stretch of time did to the data lcore. */
struct stretch {
	struct vu_sched_gaps gaps;
	uint64_t nb_frames;
	double seconds;
	double cpu_seconds; /* that the system let it run: the rest is no fault of ours */
};

static double
clock_seconds(clockid_t clock)
{
	struct timespec now = { .tv_sec = 0 };

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
stretch_run(struct mem_stress *stress, void (*round)(struct mem_stress *), struct stretch *stretch)
{
	const time_t end = time(NULL) + RTE_MAX(test_stress_seconds() / 2, 1U);
	clockid_t lcore_clock;

	CHECK_EQ(pthread_getcpuclockid(stress->fix.rig->loop.thread, &lcore_clock), 0);
	stretch->nb_frames = stress->nb_received;
	stretch->seconds = clock_seconds(CLOCK_MONOTONIC);
	stretch->cpu_seconds = clock_seconds(lcore_clock);
	vu_sched_gap_start(stress->fix.rig->sched);
	do
		round(stress);
	while (time(NULL) < end);
	vu_sched_gap_stop(stress->fix.rig->sched);
	CHECK_EQ(vu_sched_gap_get(stress->fix.rig->sched, 0, &stretch->gaps), 0);
	stretch->seconds = clock_seconds(CLOCK_MONOTONIC) - stretch->seconds;
	stretch->cpu_seconds = clock_seconds(lcore_clock) - stretch->cpu_seconds;
	stretch->nb_frames = stress->nb_received - stretch->nb_frames;
}

static double
microseconds(uint64_t cycles)
{
	return (double)cycles * 1e6 / (double)rte_get_tsc_hz();
}

static void
stretches_print(const struct stretch *calm, const struct stretch *storm)
{
	printf("\n    gap between polls        calm        storm\n");
	for (unsigned int i = 0; i < VU_NB_GAP_BUCKETS; i++)
		if (calm->gaps.nb_gaps[i] != 0 || storm->gaps.nb_gaps[i] != 0)
			printf("    from %9.2f us %11" PRIu64 " %12" PRIu64 "\n",
				microseconds(UINT64_C(1) << i), calm->gaps.nb_gaps[i],
				storm->gaps.nb_gaps[i]);
	printf("    longest, us       %11.2f %12.2f\n", microseconds(calm->gaps.longest_cycles),
		microseconds(storm->gaps.longest_cycles));
	printf("    frames            %11" PRIu64 " %12" PRIu64 "\n", calm->nb_frames,
		storm->nb_frames);
	printf("    lcore had its CPU %9.1f %% %10.1f %%\n    ",
		100 * calm->cpu_seconds / calm->seconds,
		100 * storm->cpu_seconds / storm->seconds);
}

VU_TEST_STRESS(mem_stress, regions_come_and_go_under_traffic)
{
	struct mem_stress *stress = calloc(1, sizeof(*stress));
	struct stretch calm, storm;

	CHECK(stress != NULL);
	stress_begin(stress);
	stretch_run(stress, calm_round, &calm);
	stretch_run(stress, storm_round, &storm);
	CHECK(calm.nb_frames > 0 && storm.nb_frames > 0);
	CHECK(stress->nb_removed > 0);
	stretches_print(&calm, &storm);
	printf("(%" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " tables) ", stress->nb_added,
		stress->nb_removed, stress->nb_tables);
	stress_end(stress);
	free(stress);
}
