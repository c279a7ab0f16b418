/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sleep until a guest sends: receive interrupts of a net_vu port, and the word to monitor.
 */
#include "test.h"

#include <errno.h>
#include <sys/epoll.h>

#include <rte_epoll.h>
#include <rte_power_intrinsics.h>

#include "eth_fixture.h"
#include "vu_ethdev.h"
#include "vu_fd.h"

#define NOT_YET_MS 20 /* for what must not come */

static int epoll_fd;

static void
open_with_interrupts(struct eth_fixture *f)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(epoll_fd >= 0);
	ethdev_plug(f, 1, "");
	f->conf.intr_conf.rxq = 1;
	ethdev_start(f);
	CHECK_EQ(rte_eth_dev_rx_intr_ctl_q(f->port_id, 0, epoll_fd,
		RTE_INTR_EVENT_ADD, NULL), 0);
}

static void
close_with_interrupts(struct eth_fixture *f)
{
	rte_eth_dev_rx_intr_ctl_q(f->port_id, 0, epoll_fd, RTE_INTR_EVENT_DEL, NULL);
	ethdev_close(f);
	vu_fd_close(&epoll_fd);
}

static int
sleep_ms(int timeout_ms)
{
	struct rte_epoll_event event;

	return rte_epoll_wait(epoll_fd, &event, 1, timeout_ms);
}

static void
guest_sends(struct eth_fixture *f)
{
	const uint8_t frame[60] = { 0 };

	CHECK(ethdev_guest_send(&f->guest, 0, NULL, frame, sizeof(frame)));
}

static void
take_one(const struct eth_fixture *f)
{
	struct rte_mbuf *frame;

	CHECK_EQ(rte_eth_rx_burst(f->port_id, 0, &frame, 1), 1);
	rte_pktmbuf_free(frame);
	CHECK_EQ(rte_eth_rx_burst(f->port_id, 0, &frame, 1), 0);
}

/* A change of a ring ends the sleep as well: let those of a new front-end pass. */
static void
wait_rings(const struct eth_fixture *f)
{
	struct vu_ethdev_queue_event event;
	unsigned int nb_enabled = 0;

	WAIT_WHILE(nb_enabled < 2)
		if (vu_ethdev_queue_event_get(f->port_id, &event) == 0)
			nb_enabled += event.is_enabled;
}

static void
check_interrupts(struct eth_fixture *f, uint64_t features)
{
	ethdev_guest_come(f, features);
	wait_rings(f);
	for (unsigned int i = 0; i < 3; i++) {
		/* Drain what came with the ring. */
		while (sleep_ms(0) > 0)
			;
		CHECK_EQ(rte_eth_dev_rx_intr_enable(f->port_id, 0), 0);
		CHECK_EQ(sleep_ms(NOT_YET_MS), 0);
		guest_sends(f);
		CHECK_EQ(sleep_ms(EXPECT_WAIT_MS), 1);
		CHECK_EQ(rte_eth_dev_rx_intr_disable(f->port_id, 0), 0);
		take_one(f);
		ethdev_guest_collect_sent(&f->guest, 0);
	}
	/* What is there already ends the sleep too. */
	guest_sends(f);
	CHECK_EQ(rte_eth_dev_rx_intr_enable(f->port_id, 0), 0);
	CHECK_EQ(sleep_ms(EXPECT_WAIT_MS), 1);
	CHECK_EQ(rte_eth_dev_rx_intr_disable(f->port_id, 0), 0);
	take_one(f);
	ethdev_guest_leave(f);
}

VU_TEST(ethdev_intr, a_frame_ends_the_sleep)
{
	struct eth_fixture f;

	open_with_interrupts(&f);
	check_interrupts(&f, 0);
	check_interrupts(&f, RTE_BIT64(VIRTIO_RING_F_EVENT_IDX));
	check_interrupts(&f, RTE_BIT64(VIRTIO_F_RING_PACKED));
	check_interrupts(&f, RTE_BIT64(VIRTIO_F_RING_PACKED) | RTE_BIT64(VIRTIO_RING_F_EVENT_IDX));
	close_with_interrupts(&f);
}

/* The ring that the application asked for kicks is gone; the new one knows nothing of it. */
VU_TEST(ethdev_intr, a_new_front_end_ends_the_sleep)
{
	struct eth_fixture f;

	open_with_interrupts(&f);
	while (sleep_ms(0) > 0)
		;
	CHECK_EQ(rte_eth_dev_rx_intr_enable(f.port_id, 0), 0);
	CHECK_EQ(sleep_ms(NOT_YET_MS), 0);
	ethdev_guest_come(&f, 0);
	CHECK_EQ(sleep_ms(EXPECT_WAIT_MS), 1);
	close_with_interrupts(&f);
}

VU_TEST(ethdev_intr, without_configuration_there_is_none)
{
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	CHECK_EQ(rte_eth_dev_rx_intr_enable(f.port_id, 0), -ENOTSUP);
	ethdev_close(&f);
}

VU_TEST(ethdev_intr, a_frame_changes_the_monitored_word)
{
	struct rte_power_monitor_cond condition;
	const volatile uint64_t *word;
	struct eth_fixture f;

	ethdev_open(&f, 1, "");
	ethdev_guest_come(&f, 0);
	wait_rings(&f);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(rte_eth_get_monitor_addr(f.port_id, 0, &condition), 0);
		CHECK_EQ(condition.size, sizeof(*word));
		word = condition.addr;
		CHECK_EQ(condition.fn(vu_load(word), condition.opaque), 0);
		guest_sends(&f);
		WAIT_UNTIL(condition.fn(vu_load(word), condition.opaque) != 0);
		take_one(&f);
		ethdev_guest_collect_sent(&f.guest, 0);
	}
	/* Frames that are there: do not sleep at all. */
	guest_sends(&f);
	CHECK_EQ(rte_eth_get_monitor_addr(f.port_id, 0, &condition), 0);
	word = condition.addr;
	CHECK(condition.fn(vu_load(word), condition.opaque) != 0);
	take_one(&f);
	ethdev_close(&f);
}
