/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See eth_fixture.h.
 */
#include "eth_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_errno.h>

#include "expect.h"

#define POOL_MBUFS 1023
#define WAIT_TURN_MS 1

void
ethdev_plug(struct eth_fixture *f, uint32_t nb_pairs, const char *args)
{
	char text[256];

	rte_log_set_level_pattern("vu.*", RTE_LOG_CRIT);
	memset(f, 0, sizeof(*f));
	f->nb_pairs = nb_pairs;
	snprintf(f->path, sizeof(f->path), "/tmp/vu-ethdev-test-%d.sock", getpid());
	snprintf(text, sizeof(text), "iface=%s,queues=%u%s", f->path, nb_pairs, args);
	f->pool = rte_pktmbuf_pool_create("ethdev_test", POOL_MBUFS, 0, 0,
		RTE_PKTMBUF_HEADROOM + ETH_BUFFER_BYTES, SOCKET_ID_ANY);
	CHECK(f->pool != NULL);
	CHECK_EQ(rte_vdev_init(ETH_NAME, text), 0);
	CHECK_EQ(rte_eth_dev_get_port_by_name(ETH_NAME, &f->port_id), 0);
}

void
ethdev_start(struct eth_fixture *f)
{
	CHECK_EQ(rte_eth_dev_configure(f->port_id, f->nb_pairs, f->nb_pairs, &f->conf), 0);
	for (uint16_t i = 0; i < f->nb_pairs; i++) {
		CHECK_EQ(rte_eth_rx_queue_setup(f->port_id, i, 256, 0, NULL, f->pool), 0);
		CHECK_EQ(rte_eth_tx_queue_setup(f->port_id, i, 256, 0, NULL), 0);
	}
	CHECK_EQ(rte_eth_dev_start(f->port_id), 0);
}

void
ethdev_open(struct eth_fixture *f, uint32_t nb_pairs, const char *args)
{
	ethdev_plug(f, nb_pairs, args);
	ethdev_start(f);
}

void
ethdev_close(struct eth_fixture *f)
{
	CHECK_EQ(rte_vdev_uninit(ETH_NAME), 0);
	if (f->guest.fe != NULL)
		ethdev_guest_leave(f);
	CHECK_EQ(rte_mempool_avail_count(f->pool), POOL_MBUFS);
	rte_mempool_free(f->pool);
	CHECK(access(f->path, F_OK) != 0);
}

void
ethdev_guest_come(struct eth_fixture *f, uint64_t features)
{
	const struct vu_frontend_conf conf = {
		.path = f->path, .nb_queues = 2 * f->nb_pairs, .retry_ms = 1,
		.features_required = RTE_BIT64(VIRTIO_F_VERSION_1), .features = features,
	};
	struct eth_guest *guest = &f->guest;

	guest->nb_pairs = f->nb_pairs;
	guest->fe = vu_frontend_open(&conf);
	CHECK(guest->fe != NULL);
	guest->buffers = vu_frontend_mem_alloc(guest->fe,
		(size_t)2 * f->nb_pairs * ETH_BUFFERS * ETH_BUFFER_BYTES, 0);
	CHECK(guest->buffers != NULL);
	for (uint32_t i = 0; i < 2 * f->nb_pairs; i++) {
		for (uint32_t k = 0; k < ETH_BUFFERS; k++)
			guest->spare[i][k] = guest->buffers +
				(size_t)(i * ETH_BUFFERS + k) * ETH_BUFFER_BYTES;
		guest->nb_spare[i] = ETH_BUFFERS;
	}
	CHECK_EQ(vu_frontend_start(guest->fe, 0), 0);
	CHECK_EQ(vu_frontend_wait(guest->fe, EXPECT_WAIT_MS), 0);
}

void
ethdev_guest_leave(struct eth_fixture *f)
{
	vu_frontend_close(f->guest.fe);
	f->guest.fe = NULL;
}

void
ethdev_wait_link(const struct eth_fixture *f, bool is_up)
{
	struct rte_eth_link link;

	WAIT_UNTIL(rte_eth_link_get_nowait(f->port_id, &link) == 0 &&
		(link.link_status == RTE_ETH_LINK_UP) == is_up);
}

static struct vu_guest_buf
buffer_of(uint8_t *buffer, uint32_t len_bytes)
{
	return (struct vu_guest_buf){
		.gpa = (uintptr_t)buffer, .cookie = buffer, .len_bytes = len_bytes,
	};
}

uint16_t
ethdev_guest_offer(struct eth_guest *guest, uint32_t pair)
{
	const uint32_t queue = 2 * pair;
	uint16_t nb = 0;

	while (guest->nb_spare[queue] != 0) {
		struct vu_guest_buf buf = buffer_of(
			guest->spare[queue][guest->nb_spare[queue] - 1], ETH_BUFFER_BYTES);

		if (vu_frontend_send(guest->fe, queue, &buf, 1, true) == 0)
			break;
		guest->nb_spare[queue]--;
		nb++;
	}
	return nb;
}

bool
ethdev_guest_send(struct eth_guest *guest, uint32_t pair, const void *header, const void *frame,
	uint32_t frame_bytes)
{
	const uint32_t queue = 2 * pair + 1;
	struct vu_guest_buf buf;
	uint8_t *buffer;

	if (guest->nb_spare[queue] == 0)
		return false;
	buffer = guest->spare[queue][guest->nb_spare[queue] - 1];
	memset(buffer, 0, ETH_HEADER_BYTES);
	if (header != NULL)
		memcpy(buffer, header, ETH_HEADER_BYTES);
	memcpy(buffer + ETH_HEADER_BYTES, frame, frame_bytes);
	buf = buffer_of(buffer, ETH_HEADER_BYTES + frame_bytes);
	if (vu_frontend_send(guest->fe, queue, &buf, 1, false) == 0)
		return false;
	guest->nb_spare[queue]--;
	return true;
}

void
ethdev_guest_collect_sent(struct eth_guest *guest, uint32_t pair)
{
	const uint32_t queue = 2 * pair + 1;
	struct vu_guest_done done;

	while (vu_frontend_collect(guest->fe, queue, &done, 1) == 1)
		guest->spare[queue][guest->nb_spare[queue]++] = done.cookie;
}

uint32_t
ethdev_guest_receive(struct eth_guest *guest, uint32_t pair, void *header, void *frame)
{
	const uint32_t queue = 2 * pair;
	struct vu_guest_done done;

	if (vu_frontend_collect(guest->fe, queue, &done, 1) == 0)
		return 0;
	guest->spare[queue][guest->nb_spare[queue]++] = done.cookie;
	CHECK(done.len_bytes > ETH_HEADER_BYTES && done.len_bytes <= ETH_BUFFER_BYTES);
	if (header != NULL)
		memcpy(header, done.cookie, ETH_HEADER_BYTES);
	memcpy(frame, (const uint8_t *)done.cookie + ETH_HEADER_BYTES,
		done.len_bytes - ETH_HEADER_BYTES);
	return done.len_bytes - ETH_HEADER_BYTES;
}

struct rte_mbuf *
ethdev_frame(const struct eth_fixture *f, const void *bytes, uint32_t frame_bytes)
{
	struct rte_mbuf *frame = rte_pktmbuf_alloc(f->pool);

	CHECK(frame != NULL);
	memcpy(rte_pktmbuf_append(frame, (uint16_t)frame_bytes), bytes, frame_bytes);
	return frame;
}
