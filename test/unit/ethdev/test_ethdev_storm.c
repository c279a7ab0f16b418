/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Threads of an application poll the queues of a port, one each, while its front-end leaves and
 * returns and the application stops and starts queues, as the control thread of OVS does.
 */
#include "test.h"

#include <pthread.h>

#include <rte_cycles.h>

#include "eth_fixture.h"

#define NB_PAIRS 2
#define MIN_ROUNDS 60
#define MAX_BURST 32
#define FRAME_BYTES 200

struct storm {
	struct eth_fixture f;
	uint32_t is_stopped;
	uint64_t nb_frames; /* that threads carried; each adds its own at the end */
	uint64_t seed;
};

struct storm_thread {
	struct storm *storm;
	uint16_t queue_id;
	pthread_t thread;
};

/* Back to the guest whatever comes. */
static void *
storm_main(void *arg)
{
	struct storm_thread *thread = arg;
	const uint16_t port_id = thread->storm->f.port_id;
	struct rte_mbuf *frames[MAX_BURST];
	uint64_t nb_frames = 0;

	while (vu_load(&thread->storm->is_stopped) == 0) {
		uint16_t nb = rte_eth_rx_burst(port_id, thread->queue_id, frames, MAX_BURST);
		uint16_t sent = rte_eth_tx_burst(port_id, thread->queue_id, frames, nb);

		rte_pktmbuf_free_bulk(&frames[sent], nb - sent);
		nb_frames += sent;
		rte_eth_rx_queue_count(port_id, thread->queue_id);
	}
	__atomic_fetch_add(&thread->storm->nb_frames, nb_frames, __ATOMIC_RELAXED);
	return NULL;
}

static void
storm_open(struct storm *storm, struct storm_thread *threads)
{
	memset(storm, 0, sizeof(*storm));
	ethdev_open(&storm->f, NB_PAIRS, "");
	ethdev_guest_come(&storm->f, RTE_BIT64(VIRTIO_NET_F_MQ));
	for (uint16_t i = 0; i < NB_PAIRS; i++) {
		threads[i] = (struct storm_thread){ .storm = storm, .queue_id = i };
		expect_thread_start(&threads[i].thread, storm_main, &threads[i]);
	}
}

static void
storm_close(struct storm *storm, struct storm_thread *threads)
{
	vu_store(&storm->is_stopped, 1);
	for (uint16_t i = 0; i < NB_PAIRS; i++)
		expect_thread_join(threads[i].thread);
	ethdev_close(&storm->f);
}

static void
storm_traffic(struct storm *storm)
{
	uint8_t frame[ETH_FRAME_MAX] = { 0 };

	for (uint32_t pair = 0; pair < NB_PAIRS; pair++) {
		ethdev_guest_offer(&storm->f.guest, pair);
		for (unsigned int i = 0; i < 8; i++)
			ethdev_guest_send(&storm->f.guest, pair, NULL, frame, FRAME_BYTES);
		ethdev_guest_collect_sent(&storm->f.guest, pair);
		while (ethdev_guest_receive(&storm->f.guest, pair, NULL, frame) != 0)
			;
	}
}

static void
storm_queue(const struct storm *storm, uint16_t queue_id)
{
	const uint16_t port_id = storm->f.port_id;

	CHECK_EQ(rte_eth_dev_rx_queue_stop(port_id, queue_id), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(port_id, queue_id), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port_id, queue_id), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(port_id, queue_id), 0);
}

static void
storm_round(struct storm *storm)
{
	static const uint64_t features[] = {
		RTE_BIT64(VIRTIO_NET_F_MQ),
		RTE_BIT64(VIRTIO_NET_F_MQ) | RTE_BIT64(VIRTIO_F_RING_PACKED),
		RTE_BIT64(VIRTIO_NET_F_MQ) | RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF) |
			RTE_BIT64(VIRTIO_NET_F_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM),
	};
	const uint64_t seed = storm->seed++;

	storm_traffic(storm);
	switch (seed % 5) {
	case 0:
		ethdev_guest_leave(&storm->f);
		ethdev_guest_come(&storm->f, features[seed / 5 % RTE_DIM(features)]);
		break;
	case 1:
		CHECK_EQ(vu_frontend_stop(storm->f.guest.fe), 0);
		ethdev_guest_leave(&storm->f);
		ethdev_guest_come(&storm->f, features[0]);
		break;
	case 2:
		/* Two threads share a ring for a while. */
		CHECK_EQ(vu_frontend_queue_enable(storm->f.guest.fe, 2, false), 0);
		storm_traffic(storm);
		CHECK_EQ(vu_frontend_queue_enable(storm->f.guest.fe, 2, true), 0);
		break;
	default:
		storm_queue(storm, (uint16_t)(seed % NB_PAIRS));
	}
}

VU_TEST(ethdev_storm, threads_poll_while_front_ends_come_and_go)
{
	struct storm_thread threads[NB_PAIRS];
	struct storm storm;

	storm_open(&storm, threads);
	for (unsigned int i = 0; i < MIN_ROUNDS; i++)
		storm_round(&storm);
	storm_close(&storm, threads);
	CHECK(storm.nb_frames != 0);
}

VU_TEST_STRESS(ethdev_storm, threads_poll_in_a_storm)
{
	const uint64_t end = rte_get_tsc_cycles() + test_stress_seconds() * rte_get_tsc_hz();
	struct storm_thread threads[NB_PAIRS];
	struct storm storm;

	storm_open(&storm, threads);
	while (rte_get_tsc_cycles() < end)
		storm_round(&storm);
	storm_close(&storm, threads);
	printf("    %lu rounds, %lu frames\n", (unsigned long)storm.seed,
		(unsigned long)storm.nb_frames);
	CHECK(storm.nb_frames != 0);
}

/* Plugged and unplugged again and again with a front-end that knocks all the time. */
VU_TEST_STRESS(ethdev_storm, ports_are_plugged_and_unplugged)
{
	const uint64_t end = rte_get_tsc_cycles() + test_stress_seconds() * rte_get_tsc_hz();
	unsigned int nb_rounds = 0;

	for (; rte_get_tsc_cycles() < end || nb_rounds < 3; nb_rounds++) {
		struct eth_fixture f;

		ethdev_open(&f, NB_PAIRS, "");
		if (nb_rounds % 2 == 0)
			ethdev_guest_come(&f, 0);
		ethdev_close(&f);
	}
	printf("    %u times\n", nb_rounds);
}
