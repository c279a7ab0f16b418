/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sessions and data lcores on one thread; see session_rig.h.
 */
#include "session_rig.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_bitops.h>
#include <rte_errno.h>

#include "expect.h"
#include "leak_check.h"
#include "vu_fd.h"
#include "vu_virtio.h"

#define NB_QUEUES 2
#define MAX_QUEUE_SIZE 256
#define MAX_TURNS 1000 /* to finish what needs two or three */
#define NET_HEADER_BYTES 12
#define FRAME_BYTES 100
#define MAX_FDS 256 /* no test has as many */

/* One system call, and far cheaper than a look at /proc. */
unsigned int
rig_count_fds(void)
{
	struct pollfd fds[MAX_FDS];
	unsigned int nb = 0;

	leak_check_settle();
	for (int i = 0; i < MAX_FDS; i++)
		fds[i] = (struct pollfd){ .fd = i };
	CHECK(poll(fds, MAX_FDS, 0) >= 0);
	for (int i = 0; i < MAX_FDS; i++)
		nb += (fds[i].revents & POLLNVAL) == 0;
	return nb;
}

static unsigned int
count_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned int nb = 0;

	CHECK(maps != NULL);
	while (fgets(line, sizeof(line), maps) != NULL)
		nb += strstr(line, "/memfd:" RIG_MEM_NAME) != NULL;
	fclose(maps);
	return nb;
}

static uint64_t
count_pages(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	uint64_t nb_pages = 0;

	CHECK(statm != NULL && fscanf(statm, "%" SCNu64, &nb_pages) == 1);
	fclose(statm);
	return nb_pages;
}

void
rig_held_take(struct rig_held *held)
{
	*held = (struct rig_held){
		.nb_fds = rig_count_fds(), .nb_maps = count_maps(), .nb_pages = count_pages(),
	};
}

void
rig_held_excuse(struct rig_held *held)
{
	held->nb_fds = rig_count_fds();
	held->nb_pages = count_pages();
}

bool
rig_held_renew(struct rig_held *held)
{
	const struct rig_held before = *held;

	held->nb_fds = rig_count_fds();
	held->nb_pages = count_pages();
	if (held->nb_pages != before.nb_pages)
		held->nb_maps = count_maps();
	return held->nb_fds == before.nb_fds && held->nb_maps == before.nb_maps;
}

void
session_rig_init(struct session_rig *rig)
{
	/* The name of an lcore that EAL need not have: its loop runs on this thread. */
	const unsigned int lcore_id = 7;

	rig->reactor = vu_reactor_create();
	rig->sched = vu_sched_create(&lcore_id, 1);
	CHECK(rig->reactor != NULL && rig->sched != NULL);
}

void
session_rig_fini(struct session_rig *rig)
{
	vu_sched_destroy(rig->sched);
	vu_reactor_destroy(rig->reactor);
}

void
session_rig_turn(struct session_rig *rig)
{
	vu_sched_turn(rig->sched, 0);
	vu_sched_poll(rig->sched);
	vu_reactor_turn(rig->reactor, 0);
}

static void
port_turn(void *arg)
{
	struct session_port *port = arg;

	session_rig_turn(port->rig);
}

int
session_port_init(struct session_port *port, struct session_rig *rig, const char *driver,
	const char *args)
{
	struct vu_assign_conf assign = { .numa_node = -1 };
	struct vu_device_conf conf = {
		.name = "rig", .nb_queues = NB_QUEUES, .max_queue_size = MAX_QUEUE_SIZE,
		.numa_node = -1, .sched = rig->sched, .assign = &assign, .driver_args = args,
	};

	*port = (struct session_port){ .rig = rig, .frontend.sock = VU_FD_NONE };
	port->dev = vu_device_create(driver, &conf);
	if (port->dev == NULL)
		return -rte_errno;
	port->mem_fd = vu_fd_memfd(RIG_MEM_NAME, RIG_MEM_BYTES, 0);
	CHECK(port->mem_fd >= 0);
	port->mem = mmap(NULL, RIG_MEM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, port->mem_fd, 0);
	CHECK(port->mem != MAP_FAILED);
	port->event_fd = vu_fd_eventfd();
	CHECK(port->event_fd >= 0);
	return 0;
}

void
session_port_fini(struct session_port *port)
{
	CHECK(session_port_disconnect(port) == 0);
	vu_device_destroy(port->dev);
	munmap(port->mem, RIG_MEM_BYTES);
	vu_fd_close(&port->mem_fd);
	vu_fd_close(&port->event_fd);
}

static void
port_ring_fault(void *arg, uint32_t queue_idx)
{
	(void)arg;
	(void)queue_idx;
}

static void
port_done(void *arg)
{
	*(bool *)arg = true;
}

void
session_port_attach(struct session_port *port)
{
	const struct vu_device_events events = { .ring_fault = port_ring_fault };

	vu_device_connect(port->dev, &events);
}

void
session_port_commit(struct session_port *port)
{
	bool is_done = false;

	if (vu_device_commit(port->dev, port_done, &is_done) == 0)
		return;
	WAIT_WHILE(!is_done)
		session_rig_turn(port->rig);
}

void
session_port_detach(struct session_port *port)
{
	bool is_done = false;

	vu_device_disconnect(port->dev, port_done, &is_done);
	WAIT_WHILE(!is_done)
		session_rig_turn(port->rig);
}

static void
port_closed(void *arg)
{
	struct session_port *port = arg;

	port->session = NULL;
}

void
session_port_connect(struct session_port *port)
{
	struct vu_backend_conf conf = {
		.reactor = port->rig->reactor, .dev = port->dev, .closed = port_closed, .arg = port,
	};

	CHECK(port->session == NULL);
	conf.fd = fake_frontend_open(&port->frontend, port_turn, port);
	CHECK(conf.fd >= 0);
	port->session = vu_backend_session_open(&conf);
	CHECK(port->session != NULL);
}

int
session_port_disconnect(struct session_port *port)
{
	fake_frontend_close(&port->frontend);
	for (unsigned int i = 0; i < MAX_TURNS && port->session != NULL; i++)
		session_rig_turn(port->rig);
	return port->session == NULL ? 0 : -ETIMEDOUT;
}

int
session_port_negotiate(struct session_port *port, uint64_t features, uint64_t protocol_features)
{
	struct fake_frontend *frontend = &port->frontend;
	int rc;

	frontend->need_reply = false;
	rc = fake_frontend_do_u64(frontend, VHOST_USER_SET_PROTOCOL_FEATURES, protocol_features);
	frontend->need_reply =
		(protocol_features & RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;
	if (rc != 0)
		return rc;
	return fake_frontend_do_u64(frontend, VHOST_USER_SET_FEATURES,
		features | RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES));
}

struct vhost_user_mem_region
session_port_region(void)
{
	return (struct vhost_user_mem_region){
		.gpa = RIG_GPA, .size = RIG_MEM_BYTES, .uva = RIG_UVA,
	};
}

int
session_port_set_mem(struct session_port *port)
{
	const struct vhost_user_mem_table table = {
		.nb_regions = 1, .regions[0] = session_port_region(),
	};
	struct vu_reply frame;

	fake_frontend_begin(&port->frontend, &frame, VHOST_USER_SET_MEM_TABLE);
	vu_request_append(&frame, &table,
		VHOST_USER_MEM_TABLE_HEADER_BYTES + VHOST_USER_MEM_REGION_BYTES);
	vu_reply_add_fd(&frame, port->mem_fd);
	return fake_frontend_do(&port->frontend, &frame);
}

struct vhost_user_vring_addr
session_ring_addr(uint32_t q)
{
	const uint64_t uva = RIG_UVA + q * RIG_RING_BYTES;

	return (struct vhost_user_vring_addr){
		.index = q, .descriptor = uva, .available = uva + 0x1000, .used = uva + 0x2000,
	};
}

int
session_port_start_ring(struct session_port *port, uint32_t q)
{
	struct fake_frontend *frontend = &port->frontend;
	const struct vhost_user_vring_addr addr = session_ring_addr(q);
	struct vu_reply frame;
	int rc;

	memset(port->mem + q * RIG_RING_BYTES, 0, RIG_RING_BYTES);
	rc = fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, q, SESSION_RING_SIZE);
	if (rc == 0)
		rc = fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, q, 0);
	fake_frontend_begin(frontend, &frame, VHOST_USER_SET_VRING_ADDR);
	vu_request_append(&frame, &addr, sizeof(addr));
	if (rc == 0)
		rc = fake_frontend_do(frontend, &frame);
	if (rc == 0)
		rc = fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_CALL, q, port->event_fd);
	if (rc == 0)
		rc = fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_ERR, q, port->event_fd);
	if (rc == 0)
		rc = fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_KICK, q, VU_FD_NONE);
	if (rc == 0)
		rc = fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_ENABLE, q, 1);
	return rc;
}

struct session_ring
session_port_ring(const struct session_port *port, uint32_t q)
{
	uint8_t *base = port->mem + q * RIG_RING_BYTES;

	return (struct session_ring){
		.desc = (struct vu_split_desc *)base,
		.avail = (struct vu_split_avail *)(base + 0x1000),
		.used = (struct vu_split_used *)(base + 0x2000),
	};
}

/* Make the next descriptor of a ring available. @return its buffer */
static uint8_t *
ring_offer(struct session_port *port, uint32_t q, uint32_t len_bytes, uint16_t flags)
{
	struct session_ring ring = session_port_ring(port, q);
	uint16_t idx = ring.avail->idx;
	uint16_t i = idx % SESSION_RING_SIZE;
	uint64_t offset = RIG_BUFFER_OFFSET + (q * SESSION_RING_SIZE + i) * RIG_BUFFER_BYTES;

	ring.desc[i] = (struct vu_split_desc){
		.gpa = RIG_GPA + offset, .len_bytes = len_bytes, .flags = flags,
	};
	ring.avail->ring[i] = i;
	vu_store_release(&ring.avail->idx, (uint16_t)(idx + 1));
	return port->mem + offset;
}

int
session_port_echo(struct session_port *port, uint8_t value)
{
	const struct session_ring from = session_port_ring(port, 1);
	const struct session_ring to = session_port_ring(port, 0);
	uint8_t *in = ring_offer(port, 0, RIG_BUFFER_BYTES, VU_DESC_F_WRITE);
	/* No turn in between: the frame is written before anybody looks. */
	uint8_t *out = ring_offer(port, 1, NET_HEADER_BYTES + FRAME_BYTES, 0);

	memset(out, 0, NET_HEADER_BYTES);
	memset(out + NET_HEADER_BYTES, value, FRAME_BYTES);
	memset(in, ~value, NET_HEADER_BYTES + FRAME_BYTES);
	for (unsigned int i = 0; i < MAX_TURNS; i++) {
		session_rig_turn(port->rig);
		if (from.used->idx == from.avail->idx && to.used->idx == to.avail->idx)
			break;
	}
	if (from.used->idx != from.avail->idx || to.used->idx != to.avail->idx)
		return -EIO;
	return memcmp(in + NET_HEADER_BYTES, out + NET_HEADER_BYTES, FRAME_BYTES) == 0 ? 0 : -EIO;
}
