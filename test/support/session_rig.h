/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sessions and data lcores on one thread: a turn of the rig is a turn of everything, so that what
 * happens depends on the input alone. Each port is a device with a session over a socket pair, a
 * scripted front-end and guest memory of its own. For the conformance test and the fuzz targets.
 */
#ifndef SESSION_RIG_H
#define SESSION_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_frontend.h"
#include "vu_backend.h"
#include "vu_device.h"
#include "vu_reactor.h"
#include "vu_sched.h"
#include "vu_vring_snapshot.h"

#define RIG_MEM_BYTES UINT64_C(0x100000)
#define RIG_GPA UINT64_C(0x40000000)
#define RIG_UVA UINT64_C(0x7f0000000000)
#define RIG_MEM_NAME "vu-rig"       /* of the memory file, in /proc/self/maps */
#define SESSION_RING_SIZE 16
#define RIG_RING_BYTES UINT64_C(0x4000) /* ring q is at this offset times q */
#define RIG_BUFFER_OFFSET UINT64_C(0x40000)
#define RIG_BUFFER_BYTES UINT64_C(2048)

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
	struct vu_sched *sched; /**< one worker, run by session_rig_turn() */
};

/** A device with its front-end. */
struct session_port {
	struct session_rig *rig;
	struct vu_device *dev;
	struct vu_backend_session *session; /**< NULL once it ended */
	struct fake_frontend frontend;
	int mem_fd;
	uint8_t *mem;
	int event_fd;                       /**< call and error fd of all rings */
};

/** Rings of a guest, inside session_port.mem. */
struct session_ring {
	struct vu_split_desc *desc;
	struct vu_split_avail *avail;
	struct vu_split_used *used;
};

/** Create reactor and scheduler; fails if there is no memory. */
void session_rig_init(struct session_rig *rig);

/** Free them; the ports must be gone. */
void session_rig_fini(struct session_rig *rig);

/** One turn: data lcore, completed waits, control lcore. */
void session_rig_turn(struct session_rig *rig);

/**
 * Create a device and its guest memory.
 *
 * @param driver  for example "net"
 * @param args    of the driver
 * @return 0, or -errno of vu_device_create()
 */
int session_port_init(struct session_port *port, struct session_rig *rig, const char *driver,
	const char *args);

/** Hang up and free everything. */
void session_port_fini(struct session_port *port);

/** Without a session: connect the device; ring faults are reported to nobody. */
void session_port_attach(struct session_port *port);

/** Without a session: publish what was set and wait until data lcores go by it. */
void session_port_commit(struct session_port *port);

/** Without a session: disconnect the device and wait until its rings have stopped. */
void session_port_detach(struct session_port *port);

/** Connect a new front-end to the device; the former session must have ended. */
void session_port_connect(struct session_port *port);

/** Hang up and wait until the session ended. @return 0, or -ETIMEDOUT */
int session_port_disconnect(struct session_port *port);

/**
 * Negotiate protocol features, then features with vhost-user's own bit 30.
 *
 * @return 0; 1 refused; -errno as fake_frontend_do()
 */
int session_port_negotiate(struct session_port *port, uint64_t features,
	uint64_t protocol_features);

/** The region that is the whole memory of a port. */
struct vhost_user_mem_region session_port_region(void);

/** Send SET_MEM_TABLE with that region. @return as fake_frontend_do() */
int session_port_set_mem(struct session_port *port);

/** Addresses of ring `q`, as SET_VRING_ADDR wants them. */
struct vhost_user_vring_addr session_ring_addr(uint32_t q);

/** Configure and start ring `q`, empty and with SESSION_RING_SIZE entries. @return as above */
int session_port_start_ring(struct session_port *port, uint32_t q);

/** Ring `q` in the port's memory. */
struct session_ring session_port_ring(const struct session_port *port, uint32_t q);

/**
 * Send a frame on ring 1 of a net device with a loopback and see it come back on ring 0.
 *
 * @param value  fills the frame
 * @return 0; -EIO if it does not come back as it was
 */
int session_port_echo(struct session_port *port, uint8_t value);

#endif /* SESSION_RIG_H */
