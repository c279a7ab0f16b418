/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sessions and data lcores on one thread; see session_rig.h.
 */
#include "session_rig.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <rte_bitops.h>

#include "expect.h"
#include "leak_check.h"
#include "vu_fd.h"
#include "vu_virtio.h"

#define NB_QUEUES 2
#define MAX_QUEUE_SIZE 256
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
		nb += strstr(line, "/memfd:" FAKE_GUEST_NAME) != NULL;
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
	*rig = (struct session_rig){
		.reactor = vu_reactor_create(), .sched = rig_sched_create(1),
	};
	CHECK(rig->reactor != NULL);
}

static uint64_t
rig_poll_sched(void *arg)
{
	return vu_sched_poll(((struct session_rig *)arg)->sched);
}

void
session_rig_start(struct session_rig *rig)
{
	rig->poller = vu_reactor_poller_add(rig->reactor, rig_poll_sched, rig);
	rig_loop_start(&rig->loop, rig->sched, 0);
}

void
session_rig_fini(struct session_rig *rig)
{
	if (rig->poller != NULL) {
		rig_loop_stop(&rig->loop);
		vu_reactor_poller_remove(rig->poller);
	}
	vu_sched_destroy(rig->sched);
	vu_reactor_destroy(rig->reactor);
}

void
session_rig_turn(struct session_rig *rig)
{
	if (rig->poller == NULL) {
		vu_sched_turn(rig->sched, 0);
		vu_sched_poll(rig->sched);
	}
	vu_reactor_turn(rig->reactor, rig->poller == NULL ? 0 : 1);
}

void
session_port_turn(void *arg)
{
	session_rig_turn(((struct session_port *)arg)->rig);
}

struct vu_device_conf
session_device_conf(const struct session_rig *rig, const char *driver_args)
{
	struct vu_device_conf conf = rig_device_conf(rig->sched, "test", NB_QUEUES);

	conf.max_queue_size = MAX_QUEUE_SIZE;
	conf.driver_args = driver_args;
	return conf;
}

void
session_port_init(struct session_port *port, struct session_rig *rig, const char *driver,
	const struct vu_device_conf *conf)
{
	struct fake_guest *guest = &port->base.guest;

	*port = (struct session_port){ .rig = rig, .frontend.sock = VU_FD_NONE };
	rig_device_open(&port->base, driver, conf);
	fake_guest_init_flat(guest, SESSION_GPA, SESSION_UVA, SESSION_MEM_BYTES);
	for (uint32_t q = 0; q < NB_QUEUES; q++) {
		const struct fake_ring_place place = {
			.gpa = SESSION_GPA + q * SESSION_RING_BYTES,
		};

		rig_ring_open(&port->base, q, SESSION_RING_SIZE, &place);
	}
	port->dev = port->base.dev;
	port->mem = guest->base;
	port->mem_fd = guest->memfd;
}

void
session_port_fini(struct session_port *port)
{
	session_port_disconnect(port);
	rig_port_close(&port->base);
}

void
session_port_closed(void *arg)
{
	struct session_port *port = arg;

	port->session = NULL;
	port->nb_closed++;
}

void
session_port_connect(struct session_port *port)
{
	struct vu_backend_conf conf = {
		.reactor = port->rig->reactor, .dev = port->dev, .closed = session_port_closed,
		.arg = port,
	};

	CHECK(port->session == NULL);
	conf.fd = fake_frontend_open(&port->frontend, session_port_turn, port);
	CHECK(conf.fd >= 0);
	conf.is_threadless = true;
	port->session = vu_backend_session_open(&conf);
	CHECK(port->session != NULL);
}

void
session_port_wait_closed(struct session_port *port)
{
	WAIT_WHILE(port->session != NULL)
		session_rig_turn(port->rig);
	/* What is left of the door, if it has no thread. */
	session_rig_turn(port->rig);
	CHECK_EQ(vu_device_state(port->dev), VU_DEVICE_IDLE);
	CHECK(vu_device_mem(port->dev) == NULL);
}

void
session_port_disconnect(struct session_port *port)
{
	fake_frontend_close(&port->frontend);
	session_port_wait_closed(port);
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
session_region(uint64_t offset, uint64_t len_bytes)
{
	return (struct vhost_user_mem_region){
		.gpa = SESSION_GPA + offset, .size = len_bytes, .uva = SESSION_UVA + offset,
		.mmap_offset = offset,
	};
}

int
session_port_set_regions(struct session_port *port, const struct vhost_user_mem_region *regions,
	uint32_t nb_regions)
{
	struct vhost_user_mem_table table = { .nb_regions = nb_regions };
	struct vu_reply frame;

	memcpy(table.regions, regions, nb_regions * sizeof(*regions));
	fake_frontend_begin(&port->frontend, &frame, VHOST_USER_SET_MEM_TABLE);
	vu_request_append(&frame, &table,
		VHOST_USER_MEM_TABLE_HEADER_BYTES + nb_regions * sizeof(*regions));
	for (uint32_t i = 0; i < nb_regions; i++)
		vu_reply_add_fd(&frame, port->mem_fd);
	return fake_frontend_do(&port->frontend, &frame);
}

int
session_port_set_mem(struct session_port *port)
{
	const struct vhost_user_mem_region whole = session_region(0, SESSION_MEM_BYTES);

	return session_port_set_regions(port, &whole, 1);
}

struct vhost_user_vring_addr
session_ring_addr(uint32_t q)
{
	const uint64_t uva = SESSION_UVA + q * SESSION_RING_BYTES;

	return (struct vhost_user_vring_addr){
		.index = q, .descriptor = uva, .available = uva + FAKE_PART_BYTES,
		.used = uva + 2 * FAKE_PART_BYTES,
	};
}

int
session_port_set_addr(struct session_port *port, uint32_t q, uint64_t shift)
{
	struct vhost_user_vring_addr addr = session_ring_addr(q);
	struct vu_reply frame;

	addr.descriptor += shift;
	addr.available += shift;
	addr.used += shift;
	fake_frontend_begin(&port->frontend, &frame, VHOST_USER_SET_VRING_ADDR);
	vu_request_append(&frame, &addr, sizeof(addr));
	return fake_frontend_do(&port->frontend, &frame);
}

int
session_port_configure_ring(struct session_port *port, uint32_t q)
{
	struct fake_frontend *frontend = &port->frontend;
	const struct rig_ring *ring = &port->base.rings[q];
	int rc;

	fake_ring_reset(ring->ring);
	rc = fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_NUM, q, ring->ring->size);
	if (rc == 0)
		rc = fake_frontend_do_state(frontend, VHOST_USER_SET_VRING_BASE, q, 0);
	if (rc == 0)
		rc = session_port_set_addr(port, q, 0);
	if (rc == 0)
		rc = fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_CALL, q, ring->call_fd);
	if (rc == 0)
		rc = fake_frontend_do_fd(frontend, VHOST_USER_SET_VRING_ERR, q, ring->err_fd);
	return rc;
}

int
session_port_start_ring(struct session_port *port, uint32_t q)
{
	int rc = session_port_configure_ring(port, q);

	if (rc == 0)
		rc = fake_frontend_do_fd(&port->frontend, VHOST_USER_SET_VRING_KICK, q, VU_FD_NONE);
	if (rc == 0)
		rc = fake_frontend_do_state(&port->frontend, VHOST_USER_SET_VRING_ENABLE, q, 1);
	return rc;
}

static uint64_t
next_offset(const struct session_port *port, uint32_t q)
{
	const struct fake_ring *ring = port->base.rings[q].ring;

	return SESSION_BUFFER_OFFSET +
		(q * ring->size + ring->avail_idx % ring->size) * SESSION_BUFFER_BYTES;
}

uint8_t *
session_port_next_buffer(const struct session_port *port, uint32_t q)
{
	return port->mem + next_offset(port, q);
}

uint8_t *
session_port_offer(struct session_port *port, uint32_t q, uint32_t len_bytes, bool is_write)
{
	struct fake_ring *ring = port->base.rings[q].ring;
	const uint64_t offset = next_offset(port, q);
	const struct fake_buf buf = { SESSION_GPA + offset, len_bytes, is_write };
	struct vu_split_used_elem elems[SESSION_RING_SIZE];

	fake_ring_collect(ring, elems, RTE_DIM(elems));
	CHECK(fake_ring_put(ring, &buf, 1) >= 0);
	return port->mem + offset;
}

void
session_port_wait_used(struct session_port *port, uint32_t q, uint16_t idx)
{
	const struct fake_ring *ring = port->base.rings[q].ring;

	WAIT_WHILE(vu_load_acquire(&ring->used->idx) != idx)
		if (port->rig->poller == NULL)
			session_rig_turn(port->rig);
}

void
session_port_echo(struct session_port *port, uint8_t value)
{
	uint8_t *out = session_port_next_buffer(port, 1);
	uint8_t *in = session_port_next_buffer(port, 0);

	memset(out, 0, NET_HEADER_BYTES);
	memset(out + NET_HEADER_BYTES, value, FRAME_BYTES);
	memset(in, ~value, NET_HEADER_BYTES + FRAME_BYTES);
	session_port_offer(port, 0, SESSION_BUFFER_BYTES, true);
	session_port_offer(port, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	for (uint32_t q = 0; q < NB_QUEUES; q++)
		session_port_wait_used(port, q, port->base.rings[q].ring->avail_idx);
	CHECK_EQ(memcmp(in + NET_HEADER_BYTES, out + NET_HEADER_BYTES, FRAME_BYTES), 0);
}
