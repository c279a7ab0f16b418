/* SPDX-License-Identifier: BSD-3-Clause
 *
 * External buffers, for applications that take frames in one piece only. Each holds the longest
 * frame and lies in a mempool, which it returns to with its mbuf. Owner lcore.
 */
#include "net_burst.h"

#include <rte_mempool.h>

#include "vu_net.h"

/* The buffer, whose length has 16 bits, then what rte_pktmbuf_attach_extbuf() wants. */
struct big_buffer {
	uint8_t data[UINT16_MAX + 1];
	struct rte_mbuf_ext_shared_info shared;
	struct rte_mempool *pool;
};

struct rte_mempool *
vu_net_big_pool_create(const char *name, unsigned int nb, int numa_node)
{
	return rte_mempool_create(name, nb, sizeof(struct big_buffer), 0, 0, NULL, NULL, NULL, NULL,
		numa_node, 0);
}

static void
big_free(void *addr, void *opaque)
{
	struct big_buffer *big = opaque;

	(void)addr;
	rte_mempool_put(big->pool, big);
}

bool
net_big_attach(const struct net_queue *nq, struct rte_mbuf *frame, uint32_t frame_bytes)
{
	struct big_buffer *big;

	if (frame_bytes <= nq->room_bytes)
		return true;
	if (rte_mempool_get(nq->big_pool, (void **)&big) != 0)
		return false;
	big->pool = nq->big_pool;
	big->shared.free_cb = big_free;
	big->shared.fcb_opaque = big;
	rte_mbuf_ext_refcnt_set(&big->shared, 1);
	rte_pktmbuf_attach_extbuf(frame, big->data, rte_mempool_virt2iova(big), UINT16_MAX,
		&big->shared);
	/* The room in front of the data is part of the buffer. */
	frame->data_off = (uint16_t)RTE_MIN((uint32_t)RTE_PKTMBUF_HEADROOM,
		UINT16_MAX - frame_bytes);
	return true;
}
