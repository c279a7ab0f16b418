/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the cases of lib/backend share: a session over a socket pair in front of a real net device
 * that forwards to a loopback, a data lcore in a plain thread, a scripted front-end, and guest
 * memory with rings. Ring q lies at offset q * RING_BYTES of the memory.
 */
#ifndef SESSION_FIXTURE_H
#define SESSION_FIXTURE_H

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <rte_bitops.h>
#include <rte_lcore.h>

#include "fake_frontend.h"
#include "fake_task.h"
#include "session.h"
#include "test.h"
#include "vu_fd.h"
#include "vu_mem.h"
#include "vu_virtio.h"
#include "vu_vring_snapshot.h"

#define GUEST_BYTES UINT64_C(0x100000)
#define GUEST_GPA UINT64_C(0x40000000)
#define GUEST_UVA UINT64_C(0x7f0000000000)
#define RING_BYTES UINT64_C(0x4000)
#define RING_SIZE 16
#define BUFFER_OFFSET UINT64_C(0x40000) /* of buffer 0 */
#define BUFFER_BYTES 2048
#define NET_HEADER_BYTES 12
#define FRAME_BYTES 100

#define FEATURE_BITS (RTE_BIT64(VIRTIO_F_VERSION_1) | \
	RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES))
#define PROTOCOL_BITS (RTE_BIT64(VHOST_USER_PROTOCOL_F_MQ) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK) | RTE_BIT64(VHOST_USER_PROTOCOL_F_MTU) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIG) | RTE_BIT64(VHOST_USER_PROTOCOL_F_RESET_DEVICE) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | \
	RTE_BIT64(VHOST_USER_PROTOCOL_F_STATUS))

#define TIMEOUT_MS 20000 /* what never happens fails its case and stalls nothing */

/* Ring as the guest sees it. */
struct guest_ring {
	struct vu_split_desc *desc;
	struct vu_split_avail *avail;
	struct vu_split_used *used;
};

struct session_fixture {
	struct fake_frontend frontend;
	struct vu_reactor *reactor;
	struct vu_reactor_poller *poller;
	struct vu_sched *sched;
	struct loop_thread loop;
	struct fake_task *gate;       /* holds the data lcore inside a poll function */
	struct vu_device *dev;
	struct vu_backend_session *session; /* NULL once it ended */
	unsigned int nb_closed;
	int mem_fd;
	uint8_t *mem;
	int call_fd[2];
	int err_fd[2];
};

static inline void
fixture_turn(void *arg)
{
	struct session_fixture *fix = arg;

	vu_reactor_turn(fix->reactor, 1);
}

static inline uint64_t
fixture_poll_sched(void *arg)
{
	struct session_fixture *fix = arg;

	return vu_sched_poll(fix->sched);
}

static inline void
fixture_closed(void *arg)
{
	struct session_fixture *fix = arg;

	fix->session = NULL;
	fix->nb_closed++;
}

/* Connect a new front-end to the device. */
static inline void
fixture_connect(struct session_fixture *fix)
{
	struct vu_backend_conf conf = {
		.reactor = fix->reactor, .dev = fix->dev, .closed = fixture_closed, .arg = fix,
	};

	conf.fd = fake_frontend_open(&fix->frontend, fixture_turn, fix);
	CHECK(conf.fd >= 0);
	fix->session = vu_backend_session_open(&conf);
	CHECK(fix->session != NULL);
}

/* Wait until the session ended. */
static inline void
fixture_wait_closed(struct session_fixture *fix)
{
	WAIT_WHILE(fix->session != NULL) fixture_turn(fix);
	CHECK_EQ(vu_device_state(fix->dev), VU_DEVICE_IDLE);
	CHECK(vu_device_mem(fix->dev) == NULL);
}

static inline void
fixture_disconnect(struct session_fixture *fix)
{
	fake_frontend_close(&fix->frontend);
	fixture_wait_closed(fix);
}

static inline void
fixture_create_with_mem(struct session_fixture *fix, const char *driver, const char *driver_args,
	int numa_node, uint64_t max_mem_bytes)
{
	const unsigned int lcore_id = 7;
	struct vu_assign_conf assign = { .numa_node = -1 };
	struct vu_device_conf conf = {
		.name = "test", .nb_queues = 2, .max_queue_size = 256, .numa_node = numa_node,
		.max_mem_bytes = max_mem_bytes, .assign = &assign, .driver_args = driver_args,
	};

	*fix = (struct session_fixture){ .reactor = vu_reactor_create() };
	fix->sched = vu_sched_create(&lcore_id, 1);
	fix->poller = vu_reactor_poller_add(fix->reactor, fixture_poll_sched, fix);
	conf.sched = fix->sched;
	fix->dev = vu_device_create(driver, &conf);
	CHECK(fix->dev != NULL);
	fix->mem_fd = vu_fd_memfd("vu-session-test", GUEST_BYTES, 0);
	fix->mem = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fix->mem_fd, 0);
	CHECK(fix->mem != MAP_FAILED);
	for (unsigned int i = 0; i < RTE_DIM(fix->call_fd); i++) {
		fix->call_fd[i] = vu_fd_eventfd();
		fix->err_fd[i] = vu_fd_eventfd();
	}
	fix->gate = fake_tasks_create(1);
	vu_sched_task_add(fix->sched, &fix->gate->task, 0);
	loop_thread_start(&fix->loop, fix->sched, 0);
	fixture_connect(fix);
}

static inline void
fixture_create_driver(struct session_fixture *fix, const char *driver, const char *driver_args)
{
	fixture_create_with_mem(fix, driver, driver_args, -1, 0);
}

static inline void
fixture_create(struct session_fixture *fix, const char *driver_args)
{
	fixture_create_driver(fix, "net", driver_args);
}

/* The data lcore stays where it is: nothing that waits for it completes. */
static inline void
fixture_gate_close(struct session_fixture *fix)
{
	vu_store_release(&fix->gate->is_gated, 1);
	vu_store(&fix->gate->word, fix->gate->word + 1);
	wait_until_inside(fix->gate);
}

static inline void
fixture_gate_open(struct session_fixture *fix)
{
	vu_store_release(&fix->gate->is_gated, 0);
}

/* Whatever the data lcore was doing, counting included, is over. */
static inline void
fixture_pass_gate(struct session_fixture *fix)
{
	fixture_gate_close(fix);
	fixture_gate_open(fix);
}

static inline void
fixture_destroy(struct session_fixture *fix)
{
	fixture_disconnect(fix);
	loop_thread_stop(&fix->loop);
	vu_device_destroy(fix->dev);
	vu_sched_destroy(fix->sched);
	free(fix->gate);
	vu_reactor_poller_remove(fix->poller);
	vu_reactor_destroy(fix->reactor);
	for (unsigned int i = 0; i < RTE_DIM(fix->call_fd); i++) {
		vu_fd_close(&fix->call_fd[i]);
		vu_fd_close(&fix->err_fd[i]);
	}
	munmap(fix->mem, GUEST_BYTES);
	vu_fd_close(&fix->mem_fd);
}

/* ---- negotiation ---- */

/* Features and protocol features as a present-day front-end sets them. */
static inline int
fixture_negotiate(struct session_fixture *fix)
{
	struct fake_frontend *frontend = &fix->frontend;

	frontend->need_reply = false;
	CHECK_EQ(fake_frontend_do_u64(frontend, VHOST_USER_SET_PROTOCOL_FEATURES,
		PROTOCOL_BITS), 0);
	frontend->need_reply = true;
	return fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES, FEATURE_BITS);
}

static inline struct vhost_user_mem_region
fixture_region(uint64_t offset, uint64_t len)
{
	return (struct vhost_user_mem_region){
		.gpa = GUEST_GPA + offset, .size = len, .uva = GUEST_UVA + offset,
		.mmap_offset = offset,
	};
}

static inline int
fixture_set_mem_regions(struct session_fixture *fix, const struct vhost_user_mem_region *regions,
	uint32_t nb_regions)
{
	struct vhost_user_mem_table table = { .nb_regions = nb_regions };
	struct vu_reply frame;

	memcpy(table.regions, regions, nb_regions * sizeof(*regions));
	fake_frontend_begin(&fix->frontend, &frame, VHOST_USER_SET_MEM_TABLE);
	vu_request_append(&frame, &table, VHOST_USER_MEM_TABLE_HEADER_BYTES +
		nb_regions * sizeof(*regions));
	for (uint32_t i = 0; i < nb_regions; i++)
		vu_reply_add_fd(&frame, fix->mem_fd);
	return fake_frontend_do(&fix->frontend, &frame);
}

static inline int
fixture_set_mem(struct session_fixture *fix)
{
	const struct vhost_user_mem_region region = fixture_region(0, GUEST_BYTES);

	return fixture_set_mem_regions(fix, &region, 1);
}

static inline int
fixture_set_addr(struct session_fixture *fix, uint32_t q, uint64_t shift)
{
	const uint64_t uva = GUEST_UVA + q * RING_BYTES + shift;
	const struct vhost_user_vring_addr addr = {
		.index = q, .descriptor = uva, .available = uva + 0x1000, .used = uva + 0x2000,
	};
	struct vu_reply frame;

	fake_frontend_begin(&fix->frontend, &frame, VHOST_USER_SET_VRING_ADDR);
	vu_request_append(&frame, &addr, sizeof(addr));
	return fake_frontend_do(&fix->frontend, &frame);
}

/* Everything but the kick. */
static inline void
fixture_configure_ring(struct session_fixture *fix, uint32_t q)
{
	struct fake_frontend *frontend = &fix->frontend;

	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, q, RING_SIZE), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, q, 0), 0);
	CHECK_EQ(fixture_set_addr(fix, q, 0), 0);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_CALL, q, fix->call_fd[q]), 0);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_ERR, q, fix->err_fd[q]), 0);
}

static inline void
fixture_start_ring(struct session_fixture *fix, uint32_t q)
{
	struct fake_frontend *frontend = &fix->frontend;

	fixture_configure_ring(fix, q);
	CHECK_EQ(fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, q, VU_FD_NONE), 0);
	CHECK_EQ(fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, q, 1), 0);
}

/* From nothing to two running rings. */
static inline void
fixture_start(struct session_fixture *fix)
{
	memset(fix->mem, 0, BUFFER_OFFSET);
	CHECK_EQ(fixture_negotiate(fix), 0);
	CHECK_EQ(fixture_set_mem(fix), 0);
	fixture_start_ring(fix, 0);
	fixture_start_ring(fix, 1);
	CHECK_EQ(vu_device_state(fix->dev), VU_DEVICE_RUNNING);
}

static inline bool
fixture_is_live(const struct session_fixture *fix, uint32_t q)
{
	struct vu_device_queue_stats stats;

	vu_device_queue_stats_get(fix->dev, q, &stats);
	return stats.is_running;
}

/* ---- the guest ---- */

static inline struct guest_ring
guest_ring(const struct session_fixture *fix, uint32_t q)
{
	uint8_t *base = fix->mem + q * RING_BYTES;

	return (struct guest_ring){
		.desc = (struct vu_split_desc *)base,
		.avail = (struct vu_split_avail *)(base + 0x1000),
		.used = (struct vu_split_used *)(base + 0x2000),
	};
}

/* Buffer i of a queue; all descriptors have one of their own. */
static inline uint64_t
guest_buffer_offset(uint32_t q, uint16_t i)
{
	return BUFFER_OFFSET + (q * RING_SIZE + i) * (uint64_t)BUFFER_BYTES;
}

/* Make the next descriptor available, whatever it holds. */
static inline void
guest_offer(struct session_fixture *fix, uint32_t q, uint32_t len_bytes, uint16_t flags)
{
	struct guest_ring ring = guest_ring(fix, q);
	uint16_t idx = ring.avail->idx;
	uint16_t i = idx % RING_SIZE;

	ring.desc[i] = (struct vu_split_desc){
		.gpa = GUEST_GPA + guest_buffer_offset(q, i),
		.len_bytes = len_bytes, .flags = flags,
	};
	ring.avail->ring[i] = i;
	vu_store_release(&ring.avail->idx, (uint16_t)(idx + 1));
}

/* Wait until the device has given back everything up to index `idx`. */
static inline void
guest_wait_used(const struct session_fixture *fix, uint32_t q, uint16_t idx)
{
	const struct guest_ring ring = guest_ring(fix, q);

	WAIT_UNTIL(vu_load_acquire(&ring.used->idx) == idx);
}

/* Send a frame of one byte value and see it come back. */
static inline void
guest_round_trip(struct session_fixture *fix, uint8_t value)
{
	uint16_t sent = guest_ring(fix, 1).avail->idx;
	uint16_t posted = guest_ring(fix, 0).avail->idx;
	const uint8_t *in = fix->mem + guest_buffer_offset(0, posted % RING_SIZE);
	uint8_t *out = fix->mem + guest_buffer_offset(1, sent % RING_SIZE);

	memset(out, 0, NET_HEADER_BYTES);
	memset(out + NET_HEADER_BYTES, value, FRAME_BYTES);
	guest_offer(fix, 0, BUFFER_BYTES, VU_DESC_F_WRITE);
	guest_offer(fix, 1, NET_HEADER_BYTES + FRAME_BYTES, 0);
	guest_wait_used(fix, 1, (uint16_t)(sent + 1));
	guest_wait_used(fix, 0, (uint16_t)(posted + 1));
	CHECK_EQ(in[NET_HEADER_BYTES], value);
	CHECK_EQ(memcmp(in + NET_HEADER_BYTES, out + NET_HEADER_BYTES, FRAME_BYTES), 0);
}

/* Take all events of an eventfd. */
static inline uint64_t
event_take(int fd)
{
	uint64_t count = 0;

	if (read(fd, &count, sizeof(count)) < 0)
		return 0;
	return count;
}

static inline void
event_wait(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	CHECK_EQ(poll(&poller, 1, TIMEOUT_MS), 1);
	CHECK(event_take(fd) != 0);
}

#endif /* SESSION_FIXTURE_H */
