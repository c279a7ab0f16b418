/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is measured: one back-end with its generator, connected, and what the application above the
 * back-end does. A back-end is an ops table; all of them take frames from queues and give frames to
 * queues of one and the same generator, and are called in the same way.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include <rte_branch_prediction.h>
#include <rte_debug.h>
#include <rte_ip.h>

#include "generator.h"

struct vu_frontend_conf;

/** What a back-end and its generator are opened with. */
struct backend_conf {
	enum bench_backend backend;
	const struct bench_case *point;
	const struct gen_memory *memory;
	struct rte_mempool *pool; /* for frames from the guest, and those of the application */
	unsigned int lcore_id;    /* that will call the back-end */
	const char *folder;       /* for sockets */
	bool has_vhost_stats;     /* rte_vhost counts packets by size and kind */
};

/** Frames of each back-end have addresses of their own; a port for each device of a guest. */
static inline uint32_t
backend_first_port(const struct backend_conf *conf)
{
	return conf->backend * GEN_MAX_DEVICES_PER_GUEST;
}

/** One back-end. The main lcore calls all but the bursts. */
struct backend_ops {
	/** @return 0 or -errno; closed in any case, unless *backend is still NULL */
	int (*open)(const struct backend_conf *conf, void **backend);
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
 * Open a back-end, connect the generator to all its devices, start their queues, post receive
 * buffers.
 *
 * @return 0; -EOPNOTSUPP it does not offer what the point asks for; -errno. To be closed in any
 *         case
 */
int subject_open(struct subject *subject, const struct backend_ops *ops,
	const struct backend_conf *conf);
void subject_close(struct subject *subject);

/**
 * Let what is in the rings come out, and compare what went in with what came out.
 *
 * @return frames that are missing, and buffers and frames that came back wrong
 */
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
