/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames that need several mbufs; see load.h.
 */
#include "load.h"

void
load_set_long(struct rte_mempool *pool, struct rte_mbuf *frame, uint32_t len_bytes)
{
	struct rte_mbuf *tail = frame;

	frame->pkt_len = len_bytes;
	for (;;) {
		uint32_t nb = RTE_MIN(len_bytes, (uint32_t)rte_pktmbuf_tailroom(tail));

		tail->data_len = (uint16_t)nb;
		len_bytes -= nb;
		if (len_bytes == 0)
			return;
		tail->next = rte_pktmbuf_alloc(pool);
		RTE_VERIFY(tail->next != NULL);
		tail = tail->next;
		frame->nb_segs++;
	}
}
