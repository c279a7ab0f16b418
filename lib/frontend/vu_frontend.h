/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The guest side of a device: reach a back-end, agree on features, share memory, run rings.
 * A front-end belongs to one control thread: all functions but those marked "owner of the queue"
 * are called there, and events arrive there. Requests wait for their answer, at most
 * vu_frontend_conf.reply_ms; requests of the back-end are served meanwhile. A lost connection is
 * made again and running queues go on where the back-end left them.
 */
#ifndef VU_FRONTEND_H
#define VU_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vu_export.h"
#include "vu_vring_guest.h"

VU_API_BEGIN

struct vu_frontend;
struct vu_reactor;

/** Bytes of the name of a shared object. */
#define VU_FRONTEND_UUID_BYTES 16

/** Who opens the socket. */
enum vu_frontend_mode {
	VU_FRONTEND_CLIENT, /**< connect to vu_frontend_conf.path, again and again */
	VU_FRONTEND_SERVER, /**< listen on vu_frontend_conf.path */
	VU_FRONTEND_FD,     /**< use the connected socket vu_frontend_conf.fd, once */
};

/** A doorbell page that the back-end offers for a queue. */
struct vu_frontend_notifier {
	uint32_t queue_idx;
	int fd;          /**< the callback's to keep or close; VU_FD_NONE: remove the doorbell */
	uint64_t offset; /**< of the page in fd */
	uint64_t bytes;
};

/** A piece of a back-end's memory to map or unmap in a shared-memory region of the device. */
struct vu_frontend_shmem {
	uint8_t shmid;
	bool is_writable;
	int fd;              /**< the callback's to keep or close; VU_FD_NONE: unmap */
	uint64_t fd_offset;
	uint64_t shm_offset;
	uint64_t bytes;
};

/**
 * What a front-end reports to its user; all on the control thread. A NULL member is ignored, or
 * refused where it returns a value (0, or -errno to refuse). Called while a request may be waiting
 * for its answer: further requests are answered -EBUSY, except from `up`, `down` and
 * `config_changed`. None of them may close the front-end.
 */
struct vu_frontend_events {
	/** Negotiated, memory shared, started queues run (again): queues may be used. */
	void (*up)(void *arg);
	/**
	 * Connection lost for the given -errno, or not usable. Once this returns nobody may touch
	 * the queues until `up`.
	 */
	void (*down)(void *arg, int reason);
	/** The device's configuration space changed. */
	void (*config_changed)(void *arg);
	/** Notifications that came as messages (in-band) instead of eventfds. */
	void (*queue_call)(void *arg, uint32_t queue_idx);
	void (*queue_error)(void *arg, uint32_t queue_idx);
	int (*host_notifier)(void *arg, const struct vu_frontend_notifier *notifier);
	int (*shared_object_add)(void *arg, const uint8_t uuid[VU_FRONTEND_UUID_BYTES]);
	int (*shared_object_remove)(void *arg, const uint8_t uuid[VU_FRONTEND_UUID_BYTES]);
	/** Returns an fd that the library sends and closes, or -errno. */
	int (*shared_object_lookup)(void *arg, const uint8_t uuid[VU_FRONTEND_UUID_BYTES]);
	int (*shmem_map)(void *arg, const struct vu_frontend_shmem *shmem);
	int (*shmem_unmap)(void *arg, const struct vu_frontend_shmem *shmem);
};

/** What a front-end is opened with; zero is a valid default except for path or fd and nb_queues. */
struct vu_frontend_conf {
	const char *driver;          /**< NULL = "user" */
	const char *name;            /**< for logs; NULL = path */
	enum vu_frontend_mode mode;
	const char *path;            /**< socket; copied */
	int fd;                      /**< VU_FRONTEND_FD: owned by vu_frontend_open() */
	struct vu_reactor *reactor;  /**< control thread's; NULL = own, see vu_frontend_turn() */
	uint64_t features;           /**< wanted; what is offered of them is negotiated */
	uint64_t features_required;  /**< without these no connection is accepted */
	uint64_t protocol_features;  /**< wanted; 0 = all that the driver knows but in-band
				       *  notifications
				       */
	uint32_t nb_queues;          /**< virtqueues, 1..256 */
	uint32_t queue_size;         /**< entries, 1..32768; 0 = 256. If not a power of two, a
				       *  wanted RING_PACKED is a required one
				       */
	uint32_t config_bytes;       /**< of the configuration space; 0 = 256 */
	uint32_t reply_ms;           /**< longest wait for an answer; 0 = 5000 */
	uint32_t retry_ms;           /**< first delay before a new attempt, doubled up to 32 times
				       *  that; 0 = 50
				       */
	bool has_calls;              /**< the device calls for each used buffer; false: queues
				       *  are polled and it is asked not to
				       */
	int numa_node;               /**< of private ring state; 0 is node 0 */
	const struct vu_frontend_events *events; /**< NULL = none; outlives the front-end */
	void *arg;                   /**< for the events */
};

/** A piece of memory shared with the back-end. */
struct vu_frontend_region {
	void *hva;            /**< where it is mapped in this process */
	uint64_t gpa;         /**< first address in buffers of it, see struct vu_guest_buf */
	uint64_t bytes;
	uint64_t mmap_offset; /**< of its first byte in fd */
	int fd;               /**< memfd or file in a shared mapping */
};

/**
 * Open a front-end and start to reach the back-end. A back-end that is not there yet is no error:
 * attempts go on, events->up reports success.
 *
 * @param conf  see struct vu_frontend_conf; conf->fd is owned on every path in mode VU_FRONTEND_FD
 * @return the front-end; NULL with rte_errno EINVAL (conf), ENOENT (no such driver), ENOMEM, or of
 *         a server as vu_listener_create()
 * @context control lcore
 */
struct vu_frontend *vu_frontend_open(const struct vu_frontend_conf *conf);

/**
 * Stop the queues, disconnect, free. Memory given by vu_frontend_mem_alloc() is unmapped.
 *
 * @param fe  may be NULL
 * @context control lcore, not from an event; nobody uses the queues
 */
void vu_frontend_close(struct vu_frontend *fe);

/**
 * Serve events for up to timeout_ms; needed often enough if the front-end has its own reactor.
 *
 * @param fe          front-end
 * @param timeout_ms  longest wait in milliseconds for something to happen; 0 = do not wait
 * @return number of callbacks made, or -errno
 * @context control lcore, not from an event
 */
int vu_frontend_turn(struct vu_frontend *fe, int timeout_ms);

/**
 * Wait until the front-end is up.
 *
 * @param fe          front-end
 * @param timeout_ms  milliseconds
 * @return 0; -ETIMEDOUT, see vu_frontend_reason(); -ENOTCONN the only connection (VU_FRONTEND_FD)
 *         is gone
 * @context control lcore, not from an event
 */
int vu_frontend_wait(struct vu_frontend *fe, unsigned int timeout_ms);

/** Check whether the front-end is between `up` and `down`. @context control lcore */
bool vu_frontend_is_up(const struct vu_frontend *fe);

/**
 * Why the front-end is not up: what ended its last attempt or its last connection.
 *
 * @return 0 it is up, or nothing went wrong yet: a server waits for the back-end; else -errno, of
 *         a client -ENOENT no such path, -ECONNREFUSED nobody listens there
 * @context control lcore
 */
int vu_frontend_reason(const struct vu_frontend *fe);

/**
 * Negotiated features, without vhost-user's own bit; 0 before the first `up`.
 * @context control lcore
 */
uint64_t vu_frontend_features(const struct vu_frontend *fe);

/** Negotiated protocol features; 0 before the first `up`. @context control lcore */
uint64_t vu_frontend_protocol_features(const struct vu_frontend *fe);

/** Answer of GET_QUEUE_NUM, 0 if that was not negotiated. @context control lcore */
uint32_t vu_frontend_queue_num(const struct vu_frontend *fe);

/**
 * Share memory.
 *
 * @param fe      front-end
 * @param region  bytes, hva and mmap_offset are multiples of the page size; fd is duplicated
 * @return 0; -EINVAL zero or unaligned; -EEXIST overlaps another region; -ENOSPC the back-end takes
 *         no more regions; -errno of the request
 * @context control lcore, not from an event; also while queues run
 */
int vu_frontend_mem_add(struct vu_frontend *fe, const struct vu_frontend_region *region);

/**
 * Stop sharing memory. No buffer in it may be out.
 *
 * @param fe   front-end
 * @param gpa  first address of the region
 * @return 0; -ENOENT; -errno of the request
 * @context control lcore, not from an event
 */
int vu_frontend_mem_remove(struct vu_frontend *fe, uint64_t gpa);

/**
 * Allocate memory that is shared from the start; its gpa is its address.
 *
 * @param fe          front-end
 * @param bytes       rounded up to pages
 * @param page_bytes  0 for normal pages, or the size of huge pages
 * @return memory, until vu_frontend_close(); NULL with rte_errno ENOMEM or as vu_frontend_mem_add()
 * @context control lcore, not from an event
 */
void *vu_frontend_mem_alloc(struct vu_frontend *fe, size_t bytes, size_t page_bytes);

/**
 * Share all memory of DPDK's heaps: mbufs can then be sent as they are. The gpa of each byte is its
 * address. Call it again after the heaps have grown or shrunk. One region per run of pages of one
 * file: with separate files per page (EAL without --single-file-segments) that may be more than the
 * back-end takes.
 *
 * @return 0; -ENOTSUP memory without files (an EAL option); -errno as vu_frontend_mem_add()
 * @context control lcore, not from an event
 */
int vu_frontend_mem_share_dpdk(struct vu_frontend *fe);

/**
 * Start the queues: now if the front-end is up, else as soon as it is; and after each reconnect,
 * until vu_frontend_stop().
 *
 * @param fe         front-end
 * @param nb_queues  queues 0..nb_queues-1 are set up and enabled; 0 = all
 * @return 0; -EALREADY; -EINVAL too many; -EREMOTEIO refused, nothing runs; -errno of a connection
 *         that was lost: the next one brings the start
 * @context control lcore, not from an event other than `up`
 */
int vu_frontend_start(struct vu_frontend *fe, uint32_t nb_queues);

/**
 * Stop the queues: when this returns the back-end does not use them any more. Buffers that are out
 * can be had by vu_frontend_collect() and then vu_frontend_reclaim(), or stay for the next start.
 *
 * @return 0, also if nothing ran; -errno of a request
 * @context control lcore, not from an event; nobody uses the queues
 */
int vu_frontend_stop(struct vu_frontend *fe);

/**
 * Enable or disable one started queue.
 *
 * @return 0; -EINVAL not started; -EOPNOTSUPP the back-end cannot; -errno of the request
 * @context control lcore, not from an event
 */
int vu_frontend_queue_enable(struct vu_frontend *fe, uint32_t queue_idx, bool is_enabled);

/**
 * The driver half of a queue, for the inlined functions of vu_vring_guest.h. Valid from `up`, stays
 * the same until vu_frontend_close(); after adding and publishing call vu_frontend_kick().
 *
 * @return ring; NULL before the first `up`
 * @context any thread, not while vu_frontend_open() runs
 */
struct vu_vring_guest *vu_frontend_ring(const struct vu_frontend *fe, uint32_t queue_idx);

/**
 * Call eventfd of a queue, which the device writes to with conf.has_calls, or as asked for by
 * vu_vring_guest_arm().
 *
 * @return fd to wait for, stays the front-end's; VU_FD_NONE no such queue
 * @context any thread
 */
int vu_frontend_call_fd(const struct vu_frontend *fe, uint32_t queue_idx);

/**
 * Give buffers to the device: add, publish, kick unless it suppresses kicks.
 *
 * @param fe           front-end
 * @param queue_idx    below conf.nb_queues
 * @param bufs         buffers of one descriptor each, in shared memory
 * @param nb           length of bufs
 * @param is_writable  true: the device fills them, false: it reads them
 * @return number taken, from the front; 0 also while the front-end is down
 * @context owner of the queue
 */
uint16_t vu_frontend_send(struct vu_frontend *fe, uint32_t queue_idx,
	const struct vu_guest_buf *bufs, uint16_t nb, bool is_writable);

/**
 * Give one chain to the device; see vu_vring_guest_add_chain().
 *
 * @return 0; -ENOSPC; -ENOTCONN down
 * @context owner of the queue
 */
int vu_frontend_send_chain(struct vu_frontend *fe, uint32_t queue_idx,
	const struct vu_guest_buf *bufs, uint16_t nb_read, uint16_t nb_write);

/**
 * Take used buffers back. With conf.has_calls, collect until nothing comes before waiting for the
 * next call.
 *
 * @param fe         front-end
 * @param queue_idx  below conf.nb_queues
 * @param done       filled
 * @param max        length of done
 * @return number of buffers; see vu_frontend_queue_is_broken() when none come any more
 * @context owner of the queue
 */
uint16_t vu_frontend_collect(struct vu_frontend *fe, uint32_t queue_idx,
	struct vu_guest_done *done, uint16_t max);

/**
 * Take back buffers that the device has not used, of a stopped queue.
 *
 * @return number of buffers, 0 when all are back
 * @context owner of the queue
 */
uint16_t vu_frontend_reclaim(struct vu_frontend *fe, uint32_t queue_idx,
	struct vu_guest_done *done, uint16_t max);

/**
 * Kick the device unless it suppresses kicks for what was published. A system call then.
 * @context owner of the queue
 */
void vu_frontend_kick(struct vu_frontend *fe, uint32_t queue_idx);

/**
 * Check whether the device returned a buffer that it did not have; the queue is of no use then
 * until the next start.
 * @context owner of the queue
 */
bool vu_frontend_queue_is_broken(const struct vu_frontend *fe, uint32_t queue_idx);

/**
 * Read the configuration space.
 *
 * @param fe      front-end
 * @param offset  bytes from its start
 * @param buf     filled
 * @param len     bytes to read, at least 1
 * @return 0; -EOPNOTSUPP not negotiated; -EINVAL outside conf.config_bytes; -EREMOTEIO refused;
 *         -ENOTCONN; -EBUSY; -errno of a connection that is lost with it
 * @context control lcore
 */
int vu_frontend_config_get(struct vu_frontend *fe, uint32_t offset, void *buf, uint32_t len);

/**
 * Write the configuration space; parameters and answers as vu_frontend_config_get().
 * @context control lcore
 */
int vu_frontend_config_set(struct vu_frontend *fe, uint32_t offset, const void *buf, uint32_t len);

/** Read the device status; answers as vu_frontend_config_get(). @context control lcore */
int vu_frontend_status_get(struct vu_frontend *fe, uint8_t *status);

/**
 * Write the device status. vu_frontend_open() and _start() write it too, as a driver does.
 *
 * @return as vu_frontend_config_get()
 * @context control lcore
 */
int vu_frontend_status_set(struct vu_frontend *fe, uint8_t status);

/**
 * Reset the device; queues must be stopped.
 *
 * @return as vu_frontend_config_get()
 * @context control lcore
 */
int vu_frontend_reset(struct vu_frontend *fe);

/** Any message that has no function of its own, by its number (driver "user": vu_wire.h). */
struct vu_frontend_call {
	uint32_t request;
	const void *data;        /**< payload */
	uint32_t data_bytes;     /**< 0..4096 */
	const int *fds;          /**< sent with it, stay the caller's */
	unsigned int nb_fds;     /**< 0..8 */
	void *reply;             /**< filled with the payload of the reply */
	uint32_t reply_max;      /**< room in bytes */
	uint32_t reply_bytes;    /**< out: size of the payload, at most reply_max is stored */
	int reply_fd;            /**< out: the caller's, VU_FD_NONE if none came */
};

/**
 * Send a message and receive its answer: MTU, RARP, log, in-flight, IOTLB, state transfer, shared
 * objects, crypto sessions, GPU socket and the like. Requests that would contradict what the
 * library keeps about features, memory and queues are refused.
 *
 * @param fe    front-end
 * @param call  filled with the answer
 * @return 0; -EPERM one of the library's own; -EOPNOTSUPP not negotiated; -EINVAL size or number of
 *         fds; otherwise as vu_frontend_config_get()
 * @context control lcore
 */
int vu_frontend_request(struct vu_frontend *fe, struct vu_frontend_call *call);

VU_API_END

#endif /* VU_FRONTEND_H */
