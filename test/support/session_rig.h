/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sessions before devices of the rig: each port has a session over a socket pair, a scripted
 * front-end, and guest memory and rings of its own. Reactor and data lcore are on one thread, and a
 * turn is a turn of everything, so that what happens depends on the input alone; or the data lcore
 * has a thread. For the cases of lib/backend, the conformance test and the fuzz targets.
 */
#ifndef SESSION_RIG_H
#define SESSION_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_frontend.h"
#include "rig.h"
#include "vu_backend.h"
#include "vu_device.h"
#include "vu_reactor.h"
#include "vu_sched.h"
#include "vu_vring_snapshot.h"

#define SESSION_MEM_BYTES UINT64_C(0x100000)
#define SESSION_GPA UINT64_C(0x40000000)
#define SESSION_UVA UINT64_C(0x7f0000000000)
#define SESSION_RING_SIZE 16
#define SESSION_RING_BYTES UINT64_C(0x4000) /* ring q is at this offset times q */
#define SESSION_BUFFER_OFFSET UINT64_C(0x40000)
#define SESSION_BUFFER_BYTES UINT64_C(2048)
#define NET_HEADER_BYTES 12
#define FRAME_BYTES 100 /* of session_port_echo() */

/** What a session must give back: fds, and mappings of the memory of ports. */
struct rig_held {
	unsigned int nb_fds;
	unsigned int nb_maps;
	uint64_t nb_pages; /**< of address space: as long as it is the same, so is nb_maps */
};

/** Count what the process holds. */
void rig_held_take(struct rig_held *held);

/** Count again. @return true if it is as much as before */
bool rig_held_renew(struct rig_held *held);

/** Others opened or closed fds and took memory since, but mapped none of a port's. */
void rig_held_excuse(struct rig_held *held);

/** Open fds below 256, cheaply. */
unsigned int rig_count_fds(void);

/** What all ports share. */
struct session_rig {
	struct vu_reactor *reactor;
	struct vu_sched *sched;           /**< one worker */
	struct vu_reactor_poller *poller; /**< NULL: session_rig_turn() is the data lcore's too */
	struct rig_loop loop;
	struct fake_task *gate;           /**< of session_fixture.h */
};

/** A device with its front-end. */
struct session_port {
	struct session_rig *rig;
	struct rig_port base;
	struct vu_device *dev;              /**< base.dev */
	uint8_t *mem;                       /**< base.guest.base */
	int mem_fd;                         /**< base.guest.memfd */
	struct vu_backend_session *session; /**< NULL once it ended */
	unsigned int nb_closed;
	struct fake_frontend frontend;
};

/** Create reactor and scheduler; fails if there is no memory. */
void session_rig_init(struct session_rig *rig);

/** Give the data lcore a thread. */
void session_rig_start(struct session_rig *rig);

/** Free everything; the ports must be gone. */
void session_rig_fini(struct session_rig *rig);

/** One turn: data lcore if it has no thread, completed waits, control lcore. */
void session_rig_turn(struct session_rig *rig);

/** Configuration of a device with two queues. */
struct vu_device_conf session_device_conf(const struct session_rig *rig, const char *driver_args);

/** Create a device, its guest memory and two rings. */
void session_port_init(struct session_port *port, struct session_rig *rig, const char *driver,
	const struct vu_device_conf *conf);

/** Hang up and free everything. */
void session_port_fini(struct session_port *port);

/** For fake_frontend.turn. */
void session_port_turn(void *port);

/** Connect a new front-end to the device; the former session must have ended. */
void session_port_connect(struct session_port *port);

/** For vu_backend_conf.closed. */
void session_port_closed(void *port);

/** Wait until the session ended and the device is idle. */
void session_port_wait_closed(struct session_port *port);

/** Hang up and wait for that. */
void session_port_disconnect(struct session_port *port);

/**
 * Negotiate protocol features, then features with vhost-user's own bit 30.
 *
 * @return 0; 1 refused; -errno as fake_frontend_do()
 */
int session_port_negotiate(struct session_port *port, uint64_t features,
	uint64_t protocol_features);

/** A region that is a part of the memory of a port. */
struct vhost_user_mem_region session_region(uint64_t offset, uint64_t len_bytes);

/** Send SET_MEM_TABLE; all regions are of the memory file. @return as fake_frontend_do() */
int session_port_set_regions(struct session_port *port,
	const struct vhost_user_mem_region *regions, uint32_t nb_regions);

/** The same with one region that is the whole memory. */
int session_port_set_mem(struct session_port *port);

/** Addresses of ring `q`, as SET_VRING_ADDR wants them. */
struct vhost_user_vring_addr session_ring_addr(uint32_t q);

/** Send them, `shift` bytes higher. */
int session_port_set_addr(struct session_port *port, uint32_t q, uint64_t shift);

/** Ring `q`, empty, with everything but the kick. */
int session_port_configure_ring(struct session_port *port, uint32_t q);

/** The same and start it. */
int session_port_start_ring(struct session_port *port, uint32_t q);

/**
 * Offer the buffer that comes next to ring `q`.
 *
 * @param is_write  the device writes
 * @return our view of the buffer
 */
uint8_t *session_port_offer(struct session_port *port, uint32_t q, uint32_t len_bytes,
	bool is_write);

/** Our view of the buffer that comes next. */
uint8_t *session_port_next_buffer(const struct session_port *port, uint32_t q);

/** Wait until the device has given back everything up to index `idx`. */
void session_port_wait_used(struct session_port *port, uint32_t q, uint16_t idx);

/** Send a frame of one value on ring 1 of a loopback and see it come back on ring 0. */
void session_port_echo(struct session_port *port, uint8_t value);

#endif /* SESSION_RIG_H */
