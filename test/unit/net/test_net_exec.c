/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A port whose queues threads of the application poll by vu_net_from_guest_burst() and
 * vu_net_to_guest_burst(), while its front-end does to it what front-ends do: leaves and returns,
 * replaces memory, stops and starts rings, changes features.
 */
#include "test.h"

#include <pthread.h>

#include <rte_cycles.h>

#include "net_fixture.h"
#include "vu_exec.h"
#include "vu_net.h"

#define NB_PAIRS 2
#define FRAME_BYTES 200
#define MIN_ROUNDS 200
#define V1 RTE_BIT64(VIRTIO_F_VERSION_1)

struct exec_fixture {
	struct rig_port port;
	struct vu_exec_app *app;
	uint32_t is_stopped;
	uint64_t nb_frames;  /* that threads carried; each adds its own at the end */
	uint64_t seed;
};

struct exec_thread {
	struct exec_fixture *f;
	uint32_t pair;
	pthread_t thread;
};

/* What an application does with a pair: back to the guest whatever comes. */
static void *
exec_main(void *arg)
{
	struct exec_thread *thread = arg;
	struct vu_device *dev = thread->f->port.dev;
	struct vu_device_queue *to_guest = vu_device_queue(dev, 2 * thread->pair);
	struct vu_device_queue *from_guest = vu_device_queue(dev, 2 * thread->pair + 1);
	struct rte_mbuf *frames[NET_MAX_BURST];
	uint64_t nb_frames = 0;

	while (vu_load(&thread->f->is_stopped) == 0) {
		uint16_t nb = vu_net_from_guest_burst(from_guest, frames, NET_MAX_BURST);

		nb_frames += vu_net_to_guest_burst(to_guest, frames, nb);
		rte_pktmbuf_free_bulk(frames, nb);
	}
	__atomic_fetch_add(&thread->f->nb_frames, nb_frames, __ATOMIC_RELAXED);
	return NULL;
}

static void
exec_open(struct exec_fixture *f, struct exec_thread *threads)
{
	rte_log_set_level_pattern("vu.device", RTE_LOG_ERR);
	rte_log_set_level_pattern("vu.net", RTE_LOG_ERR);
	*f = (struct exec_fixture){ .app = vu_exec_app_create() };
	port_app = f->app;
	port_open_on(&f->port, NULL, "forward=null", NB_PAIRS, NULL);
	port_app = NULL;
	port_start(&f->port, F_MERGEABLE);
	for (uint32_t i = 0; i < NB_PAIRS; i++) {
		threads[i] = (struct exec_thread){ .f = f, .pair = i };
		expect_thread_start(&threads[i].thread, exec_main, &threads[i]);
	}
}

static void
exec_close(struct exec_fixture *f, struct exec_thread *threads)
{
	vu_store(&f->is_stopped, 1);
	for (uint32_t i = 0; i < NB_PAIRS; i++)
		expect_thread_join(threads[i].thread);
	port_verify_mbufs(&f->port);
	rig_port_close(&f->port);
	vu_exec_app_destroy(f->app);
}

/* The guest: some buffers to receive into, some frames to send, and what came back. */
static void
exec_guest(struct exec_fixture *f)
{
	uint8_t frame[FRAME_BYTES];

	frame_make(frame, sizeof(frame), 1);
	for (uint32_t pair = 0; pair < NB_PAIRS; pair++) {
		port_offer(&f->port, pair, 8, 512);
		for (unsigned int i = 0; i < 8; i++)
			port_send(&f->port, pair, frame, sizeof(frame));
		port_collect(&f->port, 2 * pair);
		port_collect(&f->port, 2 * pair + 1);
	}
}

static void
exec_replace_memory(struct exec_fixture *f)
{
	vu_device_set_mem(f->port.dev, fake_guest_mem(&f->port.guest));
	rig_port_commit(&f->port);
}

static void
exec_restart_ring(struct exec_fixture *f, uint32_t queue_idx)
{
	vu_device_ring_stop(f->port.dev, queue_idx);
	rig_port_commit(&f->port);
	vu_device_ring_start(f->port.dev, queue_idx, VU_FD_NONE);
	rig_port_commit(&f->port);
}

static void
exec_change_features(struct exec_fixture *f)
{
	const uint64_t features = vu_device_acked_features(f->port.dev);

	vu_device_set_features(f->port.dev, features ^ RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM));
	rig_port_commit(&f->port);
}

static void
exec_reconnect(struct exec_fixture *f, uint64_t seed)
{
	port_stop(&f->port);
	port_start(&f->port, (seed & 1) != 0 ? F_MERGEABLE : V1 | F_EVENT_IDX);
}

static void
exec_round(struct exec_fixture *f)
{
	const uint64_t seed = f->seed++;

	exec_guest(f);
	switch (seed % 8) {
	case 0:
		exec_reconnect(f, seed / 8);
		break;
	case 1:
	case 5:
		exec_replace_memory(f);
		break;
	case 2:
	case 6:
		exec_restart_ring(f, (uint32_t)(seed / 8 % (2 * NB_PAIRS)));
		break;
	default:
		exec_change_features(f);
	}
}

VU_TEST(net_exec, threads_poll_while_control_changes_everything)
{
	struct exec_thread threads[NB_PAIRS];
	struct exec_fixture f;

	exec_open(&f, threads);
	for (unsigned int i = 0; i < MIN_ROUNDS; i++)
		exec_round(&f);
	exec_close(&f, threads);
	CHECK(f.nb_frames != 0);
	CHECK_EQ(f.port.nb_ring_faults, 0);
}

VU_TEST_STRESS(net_exec, threads_poll_in_a_control_storm)
{
	const uint64_t end = rte_get_tsc_cycles() + test_stress_seconds() * rte_get_tsc_hz();
	struct exec_thread threads[NB_PAIRS];
	struct exec_fixture f;

	exec_open(&f, threads);
	while (rte_get_tsc_cycles() < end)
		exec_round(&f);
	exec_close(&f, threads);
	printf("    %lu rounds, %lu frames\n", (unsigned long)f.seed, (unsigned long)f.nb_frames);
	CHECK(f.nb_frames != 0);
	CHECK_EQ(f.port.nb_ring_faults, 0);
}

/* On a running ring: what was unfinished for one guest is finished for it from now on. */
VU_TEST(net_exec, offloads_change_while_a_ring_runs)
{
	const uint64_t csum = RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM);
	const struct vu_vring_snapshot *former;
	struct exec_fixture f = { .app = vu_exec_app_create() };

	port_app = f.app;
	port_open_on(&f.port, NULL, "forward=null", 1, NULL);
	port_app = NULL;
	port_start(&f.port, F_MERGEABLE | csum);
	former = vu_device_queue(f.port.dev, 0)->vring.snapshot;
	CHECK_EQ(port_snapshot(&f.port, 0)->offloads, csum);
	CHECK_EQ(vu_device_set_features(f.port.dev, F_MERGEABLE), 0);
	CHECK(vu_device_queue(f.port.dev, 0)->vring.snapshot == former);
	rig_port_commit(&f.port);
	CHECK_EQ(port_snapshot(&f.port, 0)->offloads, 0);
	/* What the guest's driver lays out by may not change. */
	CHECK_EQ(vu_device_set_features(f.port.dev, V1), -EBUSY);
	CHECK_EQ(vu_device_acked_features(f.port.dev), F_MERGEABLE);
	rig_port_close(&f.port);
	vu_exec_app_destroy(f.app);
}
