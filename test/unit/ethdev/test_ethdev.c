/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A net_vu port through the ethdev API: frames both ways, stop and start of the port and of
 * queues, events, counters, arguments.
 */
#include "test.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>

#include "eth_fixture.h"
#include "vu_ethdev.h"
#include "vu_virtio.h"
#include "vu_wire.h"

#define FRAME_BYTES 100

static uint16_t
receive(const struct eth_fixture *f, uint16_t queue_id, struct rte_mbuf **frames, uint16_t nb)
{
	uint16_t done = 0;

	for (unsigned int i = 0; i < 4 && done < nb; i++)
		done += rte_eth_rx_burst(f->port_id, queue_id, &frames[done], nb - done);
	return done;
}

static void
check_frame(const struct rte_mbuf *frame, uint8_t byte)
{
	CHECK_EQ(frame->pkt_len, FRAME_BYTES);
	CHECK_EQ(frame->nb_segs, 1);
	for (uint32_t i = 0; i < FRAME_BYTES; i++)
		CHECK_EQ(*rte_pktmbuf_mtod_offset(frame, uint8_t *, i), byte);
}

static void
send_bytes(struct eth_fixture *f, uint32_t pair, uint8_t byte)
{
	uint8_t frame[FRAME_BYTES];

	memset(frame, byte, sizeof(frame));
	CHECK(ethdev_guest_send(&f->guest, pair, NULL, frame, sizeof(frame)));
}

VU_TEST(ethdev, frames_pass_both_ways)
{
	struct rte_mbuf *frames[8];
	struct eth_fixture f;
	uint8_t received[ETH_FRAME_MAX];

	ethdev_open(&f, 2, "");
	ethdev_guest_come(&f, RTE_BIT64(VIRTIO_NET_F_MQ));
	for (uint16_t pair = 0; pair < 2; pair++) {
		for (uint8_t i = 0; i < 8; i++)
			send_bytes(&f, pair, (uint8_t)(10 * pair + i));
		CHECK_EQ(rte_eth_rx_queue_count(f.port_id, pair), 8);
		CHECK_EQ(rte_eth_rx_descriptor_status(f.port_id, pair, 7), RTE_ETH_RX_DESC_DONE);
		CHECK_EQ(rte_eth_rx_descriptor_status(f.port_id, pair, 8), RTE_ETH_RX_DESC_AVAIL);
		CHECK_EQ(receive(&f, pair, frames, 8), 8);
		for (uint8_t i = 0; i < 8; i++) {
			check_frame(frames[i], (uint8_t)(10 * pair + i));
			CHECK_EQ(frames[i]->port, f.port_id);
			CHECK(frames[i]->pool == f.pool);
		}
		CHECK_EQ(ethdev_guest_offer(&f.guest, pair), ETH_BUFFERS);
		CHECK_EQ(rte_eth_tx_burst(f.port_id, pair, frames, 8), 8);
		for (uint8_t i = 0; i < 8; i++) {
			CHECK_EQ(ethdev_guest_receive(&f.guest, pair, NULL, received), FRAME_BYTES);
			CHECK_EQ(received[0], 10 * pair + i);
		}
		CHECK_EQ(ethdev_guest_receive(&f.guest, pair, NULL, received), 0);
	}
	ethdev_close(&f);
}

VU_TEST(ethdev, a_stopped_queue_leaves_frames_with_the_guest)
{
	struct rte_mbuf *frames[8];
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	ethdev_guest_come(&f, 0);
	send_bytes(&f, 0, 1);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(f.port_id, 0), 0);
	CHECK_EQ(receive(&f, 0, frames, 8), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(f.port_id, 0), 0);
	CHECK_EQ(receive(&f, 0, frames, 8), 1);
	/* And the other way. */
	ethdev_guest_offer(&f.guest, 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(f.port_id, 0), 0);
	CHECK_EQ(rte_eth_tx_burst(f.port_id, 0, frames, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(f.port_id, 0), 0);
	CHECK_EQ(rte_eth_tx_burst(f.port_id, 0, frames, 1), 1);
	ethdev_close(&f);
}

VU_TEST(ethdev, a_port_stops_and_starts_under_its_front_end)
{
	struct rte_mbuf *frames[8];
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	ethdev_guest_come(&f, 0);
	for (uint8_t i = 0; i < 3; i++) {
		CHECK_EQ(rte_eth_dev_stop(f.port_id), 0);
		send_bytes(&f, 0, i);
		ethdev_start(&f);
		CHECK_EQ(receive(&f, 0, frames, 8), 1);
		check_frame(frames[0], i);
		rte_pktmbuf_free(frames[0]);
	}
	ethdev_close(&f);
}

/* No pool, no handoff ring, no switch. */
VU_TEST(ethdev, mbufs_are_the_application_s)
{
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	CHECK(rte_mempool_lookup("vu_net_0") == NULL);
	CHECK(rte_mempool_lookup("vu_net_32") == NULL);
	ethdev_close(&f);
}

struct events {
	uint32_t nb_lsc;
	uint32_t nb_queue;
	uint32_t nb_reset;
};

static int
event_count(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct events *events = arg;
	uint32_t *nb = type == RTE_ETH_EVENT_INTR_LSC ? &events->nb_lsc :
		type == RTE_ETH_EVENT_QUEUE_STATE ? &events->nb_queue : &events->nb_reset;

	(void)port_id;
	(void)ret;
	__atomic_fetch_add(nb, 1, __ATOMIC_RELEASE);
	return 0;
}

static const enum rte_eth_event_type event_types[] = {
	RTE_ETH_EVENT_INTR_LSC, RTE_ETH_EVENT_QUEUE_STATE, RTE_ETH_EVENT_INTR_RESET,
};

static void
check_queue_events(const struct eth_fixture *f, uint32_t nb_queues, bool is_enabled)
{
	struct vu_ethdev_queue_event event;

	for (uint32_t i = 0; i < nb_queues; i++) {
		CHECK_EQ(vu_ethdev_queue_event_get(f->port_id, &event), 0);
		CHECK_EQ(event.queue_id, i / 2);
		CHECK_EQ(event.is_rx, i % 2);
		CHECK_EQ(event.is_enabled, is_enabled);
	}
	CHECK_EQ(vu_ethdev_queue_event_get(f->port_id, &event), -ENOENT);
}

VU_TEST(ethdev, events_report_front_ends_and_queues)
{
	struct vu_ethdev_queue_event event;
	struct events events = { 0 };
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	for (unsigned int i = 0; i < RTE_DIM(event_types); i++)
		CHECK_EQ(rte_eth_dev_callback_register(f.port_id, event_types[i], event_count,
			&events), 0);
	ethdev_wait_link(&f, false);
	ethdev_guest_come(&f, 0);
	ethdev_wait_link(&f, true);
	WAIT_UNTIL(vu_load(&events.nb_lsc) == 1 && vu_load(&events.nb_queue) != 0);
	check_queue_events(&f, 2, true);
	CHECK_EQ(vu_load(&events.nb_reset), 0);
	ethdev_guest_leave(&f);
	ethdev_wait_link(&f, false);
	WAIT_UNTIL(vu_load(&events.nb_lsc) == 2);
	check_queue_events(&f, 2, false);
	/* Another one that wants something else of the port. */
	ethdev_guest_come(&f, RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF));
	WAIT_UNTIL(vu_load(&events.nb_lsc) == 3 && vu_load(&events.nb_reset) == 1);
	CHECK_EQ(vu_ethdev_queue_event_get(RTE_MAX_ETHPORTS, &event), -ENODEV);
	for (unsigned int i = 0; i < RTE_DIM(event_types); i++)
		rte_eth_dev_callback_unregister(f.port_id, event_types[i], event_count, &events);
	ethdev_close(&f);
}

static uint64_t
xstat(const struct eth_fixture *f, const char *name)
{
	uint64_t id, value;

	CHECK_EQ(rte_eth_xstats_get_id_by_name(f->port_id, name, &id), 0);
	CHECK_EQ(rte_eth_xstats_get_by_id(f->port_id, &id, &value, 1), 1);
	return value;
}

VU_TEST(ethdev, counters_count_and_can_be_reset)
{
	struct rte_mbuf *frames[8];
	struct rte_eth_stats stats;
	struct eth_fixture f;
	uint8_t tiny = 0;

	ethdev_open(&f, 1, "");
	ethdev_guest_come(&f, 0);
	for (uint8_t i = 0; i < 4; i++)
		send_bytes(&f, 0, i);
	CHECK(ethdev_guest_send(&f.guest, 0, NULL, &tiny, 0));
	CHECK_EQ(receive(&f, 0, frames, 4), 4);
	CHECK_EQ(receive(&f, 0, &frames[4], 1), 0);
	CHECK_EQ(ethdev_guest_offer(&f.guest, 0), ETH_BUFFERS);
	CHECK_EQ(rte_eth_tx_burst(f.port_id, 0, frames, 4), 4);
	CHECK_EQ(rte_eth_stats_get(f.port_id, &stats), 0);
	CHECK_EQ(stats.ipackets, 4);
	CHECK_EQ(stats.ibytes, 4 * FRAME_BYTES);
	CHECK_EQ(stats.ierrors, 1);
	CHECK_EQ(stats.opackets, 4);
	CHECK_EQ(stats.obytes, 4 * FRAME_BYTES);
	CHECK_EQ(xstat(&f, "rx_q0_packets"), 4);
	CHECK_EQ(xstat(&f, "rx_q0_good_packets"), 4);
	CHECK_EQ(xstat(&f, "rx_q0_drop_too_short"), 1);
	CHECK_EQ(xstat(&f, "tx_q0_good_bytes"), 4 * FRAME_BYTES);
	CHECK_EQ(rte_eth_stats_reset(f.port_id), 0);
	CHECK_EQ(rte_eth_stats_get(f.port_id, &stats), 0);
	CHECK_EQ(stats.ipackets + stats.ierrors + stats.opackets, 0);
	CHECK_EQ(xstat(&f, "rx_q0_drop_too_short"), 0);
	send_bytes(&f, 0, 9);
	CHECK_EQ(receive(&f, 0, frames, 1), 1);
	rte_pktmbuf_free(frames[0]);
	CHECK_EQ(rte_eth_stats_get(f.port_id, &stats), 0);
	CHECK_EQ(stats.ipackets, 1);
	ethdev_close(&f);
}

/* What found no room is the application's, once the ring was looked at a few times. */
VU_TEST(ethdev, a_full_ring_gives_frames_back)
{
	struct rte_mbuf *frames[ETH_BUFFERS + 1];
	const uint8_t bytes[FRAME_BYTES] = { 0 };
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	ethdev_guest_come(&f, 0);
	CHECK_EQ(ethdev_guest_offer(&f.guest, 0), ETH_BUFFERS);
	for (unsigned int i = 0; i < RTE_DIM(frames); i++)
		frames[i] = ethdev_frame(&f, bytes, sizeof(bytes));
	CHECK_EQ(rte_eth_tx_burst(f.port_id, 0, frames, RTE_DIM(frames)), ETH_BUFFERS);
	CHECK_EQ(xstat(&f, "tx_q0_full"), 1);
	rte_pktmbuf_free(frames[ETH_BUFFERS]);
	ethdev_close(&f);
}

/* Neither promised nor forbidden in words: chains with RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE alone. */
VU_TEST(ethdev, fast_free_leaks_no_chain)
{
	const uint8_t bytes[FRAME_BYTES] = { 0 };
	struct rte_mbuf *frames[2];
	struct eth_fixture f;

	ethdev_plug(&f, 1, "");
	f.conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	ethdev_start(&f);
	ethdev_guest_come(&f, 0);
	ethdev_guest_offer(&f.guest, 0);
	for (unsigned int i = 0; i < 2; i++)
		frames[i] = ethdev_frame(&f, bytes, sizeof(bytes));
	CHECK_EQ(rte_eth_tx_burst(f.port_id, 0, frames, 2), 2);
	for (unsigned int i = 0; i < 2; i++)
		frames[i] = ethdev_frame(&f, bytes, sizeof(bytes));
	CHECK_EQ(rte_pktmbuf_chain(frames[0], ethdev_frame(&f, bytes, sizeof(bytes))), 0);
	CHECK_EQ(rte_eth_tx_burst(f.port_id, 0, frames, 2), 2);
	/* Which counts the pool. */
	ethdev_close(&f);
}

VU_TEST(ethdev, wrong_arguments_are_refused)
{
	static const char *const wrong[] = {
		"", "queues=1", "iface=/tmp/x,queues=0", "iface=/tmp/x,queues=129",
		"iface=/tmp/x,client=yes", "iface=/tmp/x,forward=null", "iface=/tmp/x,nonsense=1",
		"iface=/tmp/x,iommu-support=2", "iface=/tmp/x,postcopy-support=1",
		"iface=/tmp/x,mtu=1", "iface=/nowhere/x",
		"iface=/tmp/0123456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567890123456789",
	};

	rte_log_set_level_pattern("vu.*", RTE_LOG_EMERG);
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		const int rc = rte_vdev_init(ETH_NAME, wrong[i]);

		if (rc >= 0)
			printf("%s: ", wrong[i]);
		CHECK(rc < 0);
	}
	CHECK_EQ(rte_eth_dev_count_avail(), 0);
}

/* net_vhost's arguments mean the same. */
VU_TEST(ethdev, arguments_of_net_vhost_are_taken)
{
	struct rte_eth_dev_info info;
	struct eth_fixture f;

	ethdev_open(&f, 2, ",client=0,iommu-support=0,postcopy-support=0,tso=1,linear-buffer=1,"
		"ext-buffer=0,legacy-ol-flags=0");
	CHECK_EQ(rte_eth_dev_info_get(f.port_id, &info), 0);
	CHECK_EQ(info.max_rx_queues, 2);
	CHECK((info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0);
	ethdev_close(&f);
	ethdev_open(&f, 1, "");
	CHECK_EQ(rte_eth_dev_info_get(f.port_id, &info), 0);
	CHECK((info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO) == 0);
	ethdev_close(&f);
}

/* Features that a port offers to its front-end. */
static uint64_t
offered(const struct eth_fixture *f)
{
	struct { struct vhost_user_header header; uint64_t features; } __rte_packed answer = { 0 };
	const struct vhost_user_header request = {
		.request = VHOST_USER_GET_FEATURES, .flags = VHOST_USER_VERSION,
	};
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, f->path, sizeof(f->path));
	CHECK_EQ(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	CHECK_EQ(send(fd, &request, VHOST_USER_HEADER_BYTES, 0), VHOST_USER_HEADER_BYTES);
	CHECK_EQ(recv(fd, &answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
	close(fd);
	return answer.features;
}

VU_TEST(ethdev, iommu_is_offered_if_wanted)
{
	struct eth_fixture f;

	for (unsigned int i = 0; i < 2; i++) {
		ethdev_open(&f, 1, i == 0 ? "" : ",iommu-support=1");
		CHECK_EQ(offered(&f) >> VIRTIO_F_ACCESS_PLATFORM & 1, i);
		ethdev_close(&f);
	}
}

VU_TEST(ethdev, the_burst_mode_names_the_variant)
{
	struct rte_eth_burst_mode mode;
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	CHECK_EQ(rte_eth_rx_burst_mode_get(f.port_id, 0, &mode), 0);
	CHECK(strcmp(mode.info, "no front-end yet") == 0);
	ethdev_guest_come(&f, RTE_BIT64(VIRTIO_F_RING_PACKED));
	CHECK_EQ(rte_eth_rx_burst_mode_get(f.port_id, 0, &mode), 0);
	CHECK(strstr(mode.info, "packed") != NULL);
	ethdev_close(&f);
}

VU_TEST(ethdev, fewer_queues_are_offered_than_the_port_has)
{
	struct eth_fixture f;

	ethdev_plug(&f, 4, "");
	f.nb_pairs = 2;
	ethdev_start(&f);
	ethdev_guest_come(&f, RTE_BIT64(VIRTIO_NET_F_MQ));
	CHECK_EQ(vu_frontend_queue_num(f.guest.fe), 2);
	ethdev_close(&f);
}

/* ---- fewer rings than transmit queues ---- */

static uint32_t
send_on(const struct eth_fixture *f, uint16_t queue_id, uint32_t nb)
{
	const uint8_t bytes[FRAME_BYTES] = { 0 };
	uint32_t sent = 0;

	for (uint32_t i = 0; i < nb; i++) {
		struct rte_mbuf *frame = ethdev_frame(f, bytes, sizeof(bytes));

		if (rte_eth_tx_burst(f->port_id, queue_id, &frame, 1) == 1)
			sent++;
		else
			rte_pktmbuf_free(frame);
	}
	return sent;
}

static uint32_t
received_on(struct eth_fixture *f, uint32_t pair)
{
	uint8_t frame[ETH_FRAME_MAX];
	uint32_t nb = 0;

	while (ethdev_guest_receive(&f->guest, pair, NULL, frame) != 0)
		nb++;
	return nb;
}

VU_TEST(ethdev, queues_without_a_ring_send_to_another_one)
{
	struct vu_ethdev_queue_event event;
	struct eth_fixture f;

	ethdev_open(&f, 2, "");
	ethdev_guest_come(&f, RTE_BIT64(VIRTIO_NET_F_MQ));
	ethdev_guest_offer(&f.guest, 0);
	ethdev_guest_offer(&f.guest, 1);
	CHECK_EQ(send_on(&f, 0, 3) + send_on(&f, 1, 4), 7);
	CHECK_EQ(received_on(&f, 0), 3);
	CHECK_EQ(received_on(&f, 1), 4);
	/* The guest gives one of them up. */
	while (vu_ethdev_queue_event_get(f.port_id, &event) == 0)
		;
	CHECK_EQ(vu_frontend_queue_enable(f.guest.fe, 2, false), 0);
	WAIT_UNTIL(vu_ethdev_queue_event_get(f.port_id, &event) == 0);
	CHECK_EQ(event.queue_id, 1);
	CHECK(!event.is_rx && !event.is_enabled);
	ethdev_guest_offer(&f.guest, 0);
	CHECK_EQ(send_on(&f, 0, 3) + send_on(&f, 1, 4), 7);
	CHECK_EQ(received_on(&f, 0), 7);
	/* The application stops the one that is left, and starts it. */
	ethdev_guest_offer(&f.guest, 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(f.port_id, 0), 0);
	CHECK_EQ(send_on(&f, 1, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(f.port_id, 0), 0);
	CHECK_EQ(send_on(&f, 1, 1), 1);
	/* The guest takes both again. */
	CHECK_EQ(received_on(&f, 0), 1);
	CHECK_EQ(vu_frontend_queue_enable(f.guest.fe, 2, true), 0);
	WAIT_UNTIL(vu_ethdev_queue_event_get(f.port_id, &event) == 0);
	CHECK_EQ(send_on(&f, 0, 3) + send_on(&f, 1, 4), 7);
	CHECK_EQ(received_on(&f, 0), 3);
	CHECK_EQ(received_on(&f, 1), 4);
	ethdev_close(&f);
}

VU_TEST(ethdev, sizes_are_counted_on_request)
{
	static const struct {
		uint32_t bytes;
		const char *name;
	} sizes[] = {
		{ 60, "rx_q0_undersize_packets" }, { 64, "rx_q0_size_64_packets" },
		{ 65, "rx_q0_size_65_127_packets" }, { 127, "rx_q0_size_65_127_packets" },
		{ 128, "rx_q0_size_128_255_packets" }, { 511, "rx_q0_size_256_511_packets" },
		{ 512, "rx_q0_size_512_1023_packets" }, { 1024, "rx_q0_size_1024_1518_packets" },
		{ 1518, "rx_q0_size_1024_1518_packets" }, { 1519, "rx_q0_size_1519_max_packets" },
	};
	uint8_t frame[ETH_FRAME_MAX] = { 0x33, 0x33 };
	struct rte_mbuf *received[RTE_DIM(sizes)];
	struct eth_fixture f;
	uint64_t id;

	ethdev_open(&f, 1, ",size-xstats=1");
	ethdev_guest_come(&f, 0);
	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		const uint64_t before = xstat(&f, sizes[i].name);

		memset(frame, i == 0 ? 0xff : 0x33, RTE_ETHER_ADDR_LEN);
		CHECK(ethdev_guest_send(&f.guest, 0, NULL, frame, sizes[i].bytes));
		CHECK_EQ(receive(&f, 0, &received[i], 1), 1);
		CHECK_EQ(xstat(&f, sizes[i].name), before + 1);
	}
	CHECK_EQ(xstat(&f, "rx_q0_broadcast_packets"), 1);
	CHECK_EQ(xstat(&f, "rx_q0_multicast_packets"), RTE_DIM(sizes) - 1);
	ethdev_guest_offer(&f.guest, 0);
	CHECK_EQ(rte_eth_tx_burst(f.port_id, 0, received, RTE_DIM(sizes)), RTE_DIM(sizes));
	CHECK_EQ(xstat(&f, "tx_q0_size_65_127_packets"), 2);
	ethdev_close(&f);
	ethdev_open(&f, 1, "");
	CHECK(rte_eth_xstats_get_id_by_name(f.port_id, sizes[0].name, &id) < 0);
	ethdev_close(&f);
}

/* Of the best of many rounds: others have the CPU in some of them. */
static double
empty_poll_cycles(uint16_t port_id)
{
	const unsigned int nb = 10000;
	struct rte_mbuf *frames[32];
	uint64_t best = UINT64_MAX;

	for (unsigned int round = 0; round < 500; round++) {
		const uint64_t start = rte_rdtsc_precise();

		for (unsigned int i = 0; i < nb; i++)
			rte_eth_rx_burst(port_id, 0, frames, RTE_DIM(frames));
		best = RTE_MIN(best, rte_rdtsc_precise() - start);
	}
	return (double)best / nb;
}

/* An application such as Open vSwitch polls every queue, whether somebody is there or not. */
VU_TEST_PERF(ethdev, empty_poll)
{
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	printf("    no front-end: %.1f cycles\n", empty_poll_cycles(f.port_id));
	ethdev_guest_come(&f, 0);
	printf("    a front-end: %.1f cycles\n", empty_poll_cycles(f.port_id));
	ethdev_close(&f);
}
