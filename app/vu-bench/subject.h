/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is measured: one back-end with its generator, connected, and what the application above the
 * back-end does. A back-end is an ops table; all of them take frames from queues and give frames to
 * queues of one and the same generator, and are called in the same way.
 *
 * The generator is guest memory, frames, and a lean driver that polls. Of each frame it touches
 * what any driver touches, its header and its first cache line. Buffers are used in turn and must
 * come back in turn, as every back-end here returns them. For a back-end without rings (`copy`)
 * two counters stand for the ring.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_debug.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "vu_vring_guest.h"

#include "bench.h"

struct vu_frontend_conf;

#define GEN_MAX_PAIRS_PER_DEVICE 128
#define GEN_MAX_DEVICES_PER_GUEST (BENCH_MAX_PAIRS / GEN_MAX_PAIRS_PER_DEVICE)
#define GEN_MAX_DEVICES (2 * GEN_MAX_DEVICES_PER_GUEST)
#define GEN_NB_BUFFERS_OFFSET 10 /* in the header (VIRTIO 1.2, 5.1.6) */

/* Where the number of a frame is: behind its headers, in its first cache line. */
#define FRAME_NUMBER_OFFSET 42
#define FRAME_NB_SIZES 256

/* ---- frames ---- */

/** Sizes of consecutive frames, repeated without end. */
struct frame_sizes {
	uint16_t bytes[FRAME_NB_SIZES];
	uint16_t max_bytes;
};

static inline uint16_t
frame_size(const struct frame_sizes *sizes, uint64_t number)
{
	return sizes->bytes[number % FRAME_NB_SIZES];
}

/** Fill in the sizes of struct bench_case.size_bytes: the same in every run. */
void frame_sizes_init(struct frame_sizes *sizes, uint32_t size_bytes);

/** Fill in destination and source of a frame; a switch learns the ports 0..65535 by them. */
void frame_addresses(struct rte_ether_addr addresses[2], uint32_t port);

/** Write a frame of a port: Ethernet with UDP in IPv4, of len_bytes by its headers. */
void frame_fill(uint8_t *frame, uint32_t len_bytes, uint32_t port);

/** Set the length of a new frame and give it as many mbufs as that needs. */
void frame_set_len(struct rte_mempool *pool, struct rte_mbuf *frame, uint32_t len_bytes);

/* ---- generator ---- */

/** Guest memory: all buffers of a point, seen by the generator and by all back-ends. */
struct gen_memory {
	struct frame_sizes sizes; /* that it has room for */
	uint8_t *hva;
	uint64_t bytes;
	int fd;
	bool has_hugepages;
	uint32_t nb_buffers;      /* of each queue; a power of two */
	uint32_t room_bytes[2];   /* of a buffer, header included; [0] to guest, [1] from guest */
	uint32_t stride_bytes[2]; /* from one buffer to the next */
	uint64_t pair_bytes;      /* of a pair of queues */
};

/** @return 0 or -errno */
int gen_memory_create(struct gen_memory *memory, const struct bench_case *point);
void gen_memory_destroy(struct gen_memory *memory);

/** One virtqueue as its driver sees it. Owned by one lcore. */
struct gen_queue {
	/* Fixed while a measurement lasts. */
	struct vu_vring_guest *ring; /* NULL: the three fields at the end instead */
	const struct frame_sizes *sizes;
	uint8_t *buffers;
	uint32_t stride_bytes;
	uint32_t room_bytes;
	uint32_t nb_buffers;
	uint32_t idx;                /* of all queues; even: to guest, odd: from guest */
	uint32_t device_idx;
	uint32_t queue_idx;          /* in its device; even and odd as idx */
	uint32_t port;               /* for the addresses of frames */
	uint32_t max_frames;         /* that the buffers have room for, however long they are */
	bool is_mergeable;
	bool is_lean;                /* buffers hold their frames already */
	uint32_t step;               /* odd: from one buffer in use to the next */
	struct {
		uint8_t header[BENCH_HEADER_BYTES];
		struct rte_ether_addr addresses[2];
	} prefix;                    /* of every frame from the guest */

	/* Owner. */
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t nb_given; /* buffers made available */
	uint64_t nb_back;            /* buffers that came back */
	uint64_t nb_frames;          /* sent, or received whole */
	uint64_t nb_faults;          /* buffers or frames that came back wrong */
	uint32_t frame_bytes;        /* received so far of a frame in several buffers */
	uint32_t nb_left;            /* buffers of it still to come */

	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t given; /* buffers; generator writes */
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t used;  /* back-end writes */
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t *lens; /* bytes in each buffer, header included */
};

/** Devices of one guest: as many as its queue pairs need. */
static inline uint32_t
gen_nb_devices_per_guest(const struct bench_case *point)
{
	return (point->nb_pairs + GEN_MAX_PAIRS_PER_DEVICE - 1) / GEN_MAX_PAIRS_PER_DEVICE;
}

/** Devices of all guests; from guest to guest those of the sender come first. */
static inline uint32_t
gen_nb_devices(const struct bench_case *point)
{
	return gen_nb_devices_per_guest(point) *
		(point->direction == BENCH_GUEST_TO_GUEST ? 2 : 1);
}

/** Queue pairs of a device; the last one of a guest has the rest. */
static inline uint32_t
gen_nb_pairs(const struct bench_case *point, uint32_t device_idx)
{
	uint32_t first = device_idx % gen_nb_devices_per_guest(point) * GEN_MAX_PAIRS_PER_DEVICE;

	return RTE_MIN(point->nb_pairs - first, (uint32_t)GEN_MAX_PAIRS_PER_DEVICE);
}

static inline uint8_t *
gen_buffer(const struct gen_queue *gq, uint64_t number)
{
	return gq->buffers + (number * gq->step & (gq->nb_buffers - 1)) * gq->stride_bytes;
}

/** Buffers that a frame takes. */
static inline uint32_t
gen_nb_buffers(const struct gen_queue *gq, uint32_t len_bytes)
{
	return (BENCH_HEADER_BYTES + len_bytes + gq->room_bytes - 1) / gq->room_bytes;
}

/**
 * Frames of a burst to send with a pair of queues, the one to the guest first: no more than find
 * room where they come out, because a switch drops the others.
 */
static inline uint16_t
gen_nb_fitting(const struct bench_case *point, const struct gen_queue *pair)
{
	uint64_t nb_out = pair[1].nb_frames - pair[0].nb_frames;

	if (!bench_is_through(point))
		return (uint16_t)point->burst;
	return (uint16_t)RTE_MIN((uint64_t)point->burst, pair[0].max_frames - nb_out);
}

/** Send up to nb frames. @return frames sent; less than nb if buffers are still out */
uint16_t gen_send(struct gen_queue *gq, uint16_t nb);

/** Take buffers back after sending, without sending more. */
void gen_take_back(struct gen_queue *gq);

/** Receive and make the buffers available again. @return frames, at most about BENCH_MAX_BURST */
uint16_t gen_receive(struct gen_queue *gq);

/** Make all buffers of a queue to the guest available for the first time. */
void gen_post(struct gen_queue *gq);

/* ---- back-ends ---- */

/** What a back-end and its generator are opened with. */
struct backend_conf {
	enum bench_backend backend;
	const struct bench_case *point;
	const struct gen_memory *memory;
	struct rte_mempool *pool; /* for frames from the guest, and those of the application */
	unsigned int lcore_id;    /* that will call the back-end */
	const char *folder;       /* for sockets */
};

/** Frames of each back-end have addresses of their own; a port for each device of a guest. */
static inline uint32_t
backend_first_port(const struct backend_conf *conf)
{
	return conf->backend * GEN_MAX_DEVICES_PER_GUEST;
}

/** One back-end. The main lcore calls all but the bursts. */
struct backend_ops {
	size_t bytes; /* of a back-end, all 0 when it is opened */
	/** @return 0 or -errno; closed in any case */
	int (*open)(void *backend, const struct backend_conf *conf);
	/** Where the front-end of a device connects to. NULL: no rings. */
	int (*endpoint)(void *backend, unsigned int device_idx, struct vu_frontend_conf *conf);
	/** The front-ends are started: wait until the queues can be used. NULL: they can. */
	int (*ready)(void *backend);
	/** Handle of a queue for the bursts. */
	void *(*queue)(void *backend, struct gen_queue *gq);
	/** The front-ends are closed. */
	void (*close)(void *backend);
	/** Take up to nb frames from a queue. @return frames */
	uint16_t (*from_guest)(void *queue, struct rte_mbuf **frames, uint16_t nb);
	/** Copy frames, which stay the caller's, to a queue. @return frames that found room */
	uint16_t (*to_guest)(void *queue, struct rte_mbuf **frames, uint16_t nb);
	/**
	 * Move up to nb frames from a queue of one guest to a queue of another, or more: what the
	 * scheduler finds on the lcore. NULL: the two above. @return frames
	 */
	uint32_t (*forward)(void *backend, void *from, void *to, uint16_t nb);
};

/** Ops of a back-end; of the copy baseline those for the widest vectors that EAL allows. */
const struct backend_ops *backend_find(enum bench_backend backend);

extern const struct backend_ops backend_vu; /* vu_mbuf and eventfd, too */
extern const struct backend_ops backend_rte_vhost;
extern const struct backend_ops backend_copy_base;
extern const struct backend_ops backend_copy_avx2;
extern const struct backend_ops backend_copy_avx512;
extern const struct backend_ops backend_none;

/** Remove the sockets that backend_rte_vhost keeps from one use to the next. */
void backend_rte_vhost_end(void);

/* ---- subject ---- */

struct subject {
	struct backend_conf conf;
	const struct backend_ops *ops;
	void *backend;
	struct vu_frontend *devices[GEN_MAX_DEVICES];
	unsigned int nb_devices;
	struct gen_queue *queues; /* 2 per pair: to guest, from guest */
	void **handles;           /* of the back-end, for queues */

	/* The lcore of the back-end. */
	uint64_t *numbers;        /* of the next frame to each pair */
	uint64_t nb_taken;        /* frames from the guest */
	uint64_t nb_put;          /* frames to the guest */
	uint32_t next_pair;
};

/**
 * Open a back-end, connect the generator to all its devices, start their queues, post buffers.
 *
 * @return 0; -EOPNOTSUPP not offered; -errno. To be closed in any case
 */
int subject_open(struct subject *subject, const struct backend_ops *ops,
	const struct backend_conf *conf);
void subject_close(struct subject *subject);

/** Empty the rings. @return frames missing, and buffers and frames that came back wrong, so far */
uint64_t subject_nb_lost(struct subject *subject);

/** Frames of the application: content is what the mbufs held before, the lengths are set. */
static __rte_always_inline void
subject_make(const struct subject *subject, uint32_t pair, struct rte_mbuf **frames, uint16_t nb)
{
	const struct backend_conf *conf = &subject->conf;
	const struct frame_sizes *sizes = &conf->memory->sizes;

	/* The pool is far larger than what is in use at a time. */
	RTE_VERIFY(rte_pktmbuf_alloc_bulk(conf->pool, frames, nb) == 0);
	for (uint16_t i = 0; i < nb; i++) {
		uint32_t len_bytes = frame_size(sizes, subject->numbers[pair] + i);

		if (unlikely(len_bytes > rte_pktmbuf_tailroom(frames[i]))) {
			frame_set_len(conf->pool, frames[i], len_bytes);
			continue;
		}
		frames[i]->data_len = (uint16_t)len_bytes;
		frames[i]->pkt_len = len_bytes;
	}
	/* Leave the checksum of UDP in IPv4 to the guest. */
	for (uint16_t i = 0; i < nb && conf->point->has_offload; i++) {
		frames[i]->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
		frames[i]->tx_offload = 0;
		frames[i]->l2_len = sizeof(struct rte_ether_hdr);
		frames[i]->l3_len = sizeof(struct rte_ipv4_hdr);
	}
}

/** Take a burst. @return frames */
static __rte_always_inline uint16_t
subject_take(struct subject *subject, uint32_t pair, struct rte_mbuf **frames, uint16_t nb)
{
	nb = subject->ops->from_guest(subject->handles[2 * pair + 1], frames, nb);
	subject->nb_taken += nb;
	return nb;
}

/** Give a burst to a guest; the frames stay the caller's. @return frames that found room */
static __rte_always_inline uint16_t
subject_put(struct subject *subject, uint32_t pair, struct rte_mbuf **frames, uint16_t nb)
{
	nb = subject->ops->to_guest(subject->handles[2 * pair], frames, nb);
	subject->numbers[pair] += nb;
	subject->nb_put += nb;
	return nb;
}

/** One turn on a pair of queues. @return frames that got where they are to go */
static __rte_always_inline uint32_t
subject_turn(struct subject *subject, uint32_t pair)
{
	const enum bench_direction direction = subject->conf.point->direction;
	uint16_t nb = (uint16_t)subject->conf.point->burst, nb_put;
	struct rte_mbuf *frames[BENCH_MAX_BURST];

	if (direction == BENCH_GUEST_TO_GUEST && subject->ops->forward != NULL) {
		uint32_t nb_moved = subject->ops->forward(subject->backend,
			subject->handles[2 * pair + 1], subject->handles[2 * pair], nb);

		subject->nb_taken += nb_moved;
		subject->nb_put += nb_moved;
		return nb_moved;
	}
	if (direction == BENCH_TO_GUEST)
		subject_make(subject, pair, frames, nb);
	else
		nb = subject_take(subject, pair, frames, nb);
	nb_put = direction == BENCH_FROM_GUEST ? nb : subject_put(subject, pair, frames, nb);
	rte_pktmbuf_free_bulk(frames, nb);
	return nb_put;
}

#endif /* SUBJECT_H */
