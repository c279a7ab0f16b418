/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life cycle of a ring: what its configuration must be for it to start, and where it starts.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/time.h>

#include <rte_errno.h>

#include "vring_fixture.h"
#include "vu_vring_notify.h"

static bool
starts(struct vring_fixture *f, uint64_t features)
{
	struct vu_vring_snapshot *snap = vu_vring_snapshot_create(&f->vring, f->mem, features);
	bool is_ok = snap != NULL;

	vu_vring_snapshot_destroy(snap);
	return is_ok;
}

/* 0, or the errno of a refusal. */
static int
refusal(struct vring_fixture *f, const struct vu_mem_table *mem, uint64_t features)
{
	struct vu_vring_snapshot *snap = vu_vring_snapshot_create(&f->vring, mem, features);

	if (snap == NULL)
		return rte_errno;
	vu_vring_snapshot_destroy(snap);
	return 0;
}

VU_TEST(vring, size_must_fit_layout_and_device)
{
	CHECK_EQ(vu_vring_check_size(0, false, 1024), -EINVAL);
	CHECK_EQ(vu_vring_check_size(1, false, 1024), 0);
	CHECK_EQ(vu_vring_check_size(256, false, 1024), 0);
	CHECK_EQ(vu_vring_check_size(255, false, 1024), -EINVAL);
	CHECK_EQ(vu_vring_check_size(255, true, 1024), 0);
	CHECK_EQ(vu_vring_check_size(1024, false, 1024), 0);
	CHECK_EQ(vu_vring_check_size(2048, false, 1024), -EINVAL);
	CHECK_EQ(vu_vring_check_size(32768, false, 32768), 0);
	CHECK_EQ(vu_vring_check_size(65536, false, UINT32_MAX), -EINVAL);
	CHECK_EQ(vu_vring_check_size(32769, true, UINT32_MAX), -EINVAL);
	CHECK_EQ(vu_vring_check_size(UINT32_MAX, true, UINT32_MAX), -EINVAL);
}

VU_TEST(vring, init_owns_nothing)
{
	struct vu_vring vring;

	memset(&vring, 0xaa, sizeof(vring));
	vu_vring_init(&vring, 7);
	CHECK_EQ(vring.idx, 7);
	CHECK(vring.kick_fd == VU_FD_NONE && vring.call_fd == VU_FD_NONE &&
		vring.err_fd == VU_FD_NONE);
	CHECK(!vring.started && !vring.enabled && vring.snapshot == NULL && !vring.conf.has_addr);
	CHECK_EQ(vring.conf.size, 0);
}

VU_TEST(vring, reset_closes_and_keeps_counters)
{
	struct vu_vring vring;
	int kick, call, err;

	vu_vring_init(&vring, 3);
	kick = vring.kick_fd = vu_fd_eventfd();
	call = vring.call_fd = vu_fd_eventfd();
	err = vring.err_fd = vu_fd_eventfd();
	vring.started = vring.enabled = true;
	vring.conf = (struct vu_vring_conf){ .size = 256, .has_addr = true };
	vring.pos.last_avail_idx = 99;
	vring.pos.fault = VU_VRING_BAD_NEXT;
	vring.pos.counters.nb_chains = 5;
	vu_vring_reset(&vring);
	CHECK(fcntl(kick, F_GETFD) < 0 && fcntl(call, F_GETFD) < 0 && fcntl(err, F_GETFD) < 0);
	CHECK(vring.kick_fd == VU_FD_NONE && vring.call_fd == VU_FD_NONE);
	CHECK(!vring.started && !vring.enabled && !vring.conf.has_addr && vring.conf.size == 0);
	CHECK_EQ(vring.pos.last_avail_idx, 0);
	CHECK_EQ(vring.pos.fault, VU_VRING_OK);
	CHECK_EQ(vring.pos.counters.nb_chains, 5);
	CHECK_EQ(vring.idx, 3);
}

VU_TEST(vring, live_holds_what_was_configured)
{
	struct vring_fixture f;

	vring_start(&f, 64, F_EVENT_IDX);
	CHECK_EQ(f.snapshot->size, 64);
	CHECK_EQ(f.snapshot->mask, 63);
	CHECK(f.snapshot->has_event_idx && !f.snapshot->has_indirect && f.snapshot->is_enabled);
	CHECK_EQ(f.snapshot->call_fd, VU_FD_NONE);
	CHECK(f.snapshot->mem == f.mem && vu_vring_snapshot_load(&f.vring) == f.snapshot);
	/* The same memory by two mappings. */
	f.ring->desc[63].gpa = 0x1234;
	f.ring->avail->ring[63] = 0x77;
	f.ring->used->ring[63].id = 0x55;
	CHECK_EQ(f.snapshot->desc[63].gpa, 0x1234);
	CHECK_EQ(f.snapshot->avail->ring[63], 0x77);
	CHECK_EQ(f.snapshot->used->ring[63].id, 0x55);
	f.vring.enabled = false;
	vring_restart(&f, F_INDIRECT);
	CHECK(!f.snapshot->has_event_idx && f.snapshot->has_indirect && !f.snapshot->is_enabled);
	vring_stop(&f);
}

VU_TEST(vring, incomplete_configuration_does_not_start)
{
	static const struct fake_ring_place place = { FAKE_LOW, 64 };
	struct vring_fixture f;

	vring_configure(&f, 256, &place);
	CHECK_EQ(refusal(&f, NULL, 0), EINVAL);
	f.vring.conf.size = 0;
	CHECK_EQ(refusal(&f, f.mem, 0), EINVAL);
	f.vring.conf.size = 100;
	CHECK_EQ(refusal(&f, f.mem, 0), EINVAL);
	f.vring.conf.size = 256;
	f.vring.conf.has_addr = false;
	CHECK_EQ(refusal(&f, f.mem, 0), EINVAL);
	f.vring.conf.has_addr = true;
	CHECK_EQ(refusal(&f, f.mem, 0), 0);
	vring_stop(&f);
}

VU_TEST(vring, misaligned_parts_are_refused)
{
	static const struct fake_ring_place place = { FAKE_MID, 64 };
	struct vring_fixture f;

	vring_configure(&f, 16, &place);
	for (uint64_t shift = 1; shift < 16; shift++) {
		f.vring.conf.desc_uva += shift;
		CHECK_EQ(refusal(&f, f.mem, 0), EFAULT);
		f.vring.conf.desc_uva -= shift;
	}
	f.vring.conf.avail_uva += 1;
	CHECK_EQ(refusal(&f, f.mem, 0), EFAULT);
	f.vring.conf.avail_uva += 1;
	CHECK(starts(&f, 0));
	f.vring.conf.used_uva += 2;
	CHECK_EQ(refusal(&f, f.mem, 0), EFAULT);
	f.vring.conf.used_uva += 2;
	CHECK(starts(&f, 0));
	vring_stop(&f);
}

/* Move one part so that its last byte is the region's last, then one alignment step further. */
static void
check_region_end(struct vring_fixture *f, uint64_t *uva, uint64_t part_bytes, uint64_t align)
{
	const uint64_t end = FAKE_HIGH_GPA + FAKE_HIGH_BYTES + FAKE_UVA_OFFSET;
	const uint64_t saved = *uva;

	*uva = (end - part_bytes) & ~(align - 1);
	CHECK(starts(f, F_EVENT_IDX));
	*uva += align;
	CHECK_EQ(refusal(f, f->mem, F_EVENT_IDX), EFAULT);
	*uva = FAKE_NOWHERE_GPA + FAKE_UVA_OFFSET;
	CHECK_EQ(refusal(f, f->mem, F_EVENT_IDX), EFAULT);
	*uva = -align;
	CHECK_EQ(refusal(f, f->mem, F_EVENT_IDX), EFAULT);
	*uva = saved;
}

VU_TEST(vring, parts_lie_whole_in_memory)
{
	static const struct fake_ring_place place = { FAKE_MID, 64 };
	struct vring_fixture f;

	vring_configure(&f, 256, &place);
	check_region_end(&f, &f.vring.conf.desc_uva, 256 * 16, 16);
	check_region_end(&f, &f.vring.conf.avail_uva, 6 + 256 * 2, 2);
	check_region_end(&f, &f.vring.conf.used_uva, 6 + 256 * 8, 4);
	/* Neighbours in the guest's memory, but not in ours. */
	f.vring.conf.desc_uva = FAKE_MID_GPA + FAKE_UVA_OFFSET - 16;
	CHECK_EQ(refusal(&f, f.mem, 0), EFAULT);
	vring_stop(&f);
}

VU_TEST(vring, event_fields_need_memory_only_when_negotiated)
{
	static const struct fake_ring_place place = { FAKE_MID, 64 };
	const uint64_t end = FAKE_HIGH_GPA + FAKE_HIGH_BYTES + FAKE_UVA_OFFSET;
	struct vring_fixture f;

	vring_configure(&f, 256, &place);
	f.vring.conf.avail_uva = end - (4 + 256 * 2);
	CHECK(starts(&f, 0));
	CHECK_EQ(refusal(&f, f.mem, F_EVENT_IDX), EFAULT);
	f.vring.conf = fake_ring_conf(f.ring);
	f.vring.conf.used_uva = end - (4 + 256 * 8);
	CHECK(starts(&f, 0));
	CHECK_EQ(refusal(&f, f.mem, F_EVENT_IDX), EFAULT);
	vring_stop(&f);
}

VU_TEST(vring, largest_and_smallest_ring)
{
	struct vring_fixture f;

	vring_start(&f, 32768, F_EVENT_IDX);
	CHECK_EQ(f.snapshot->size, 32768);
	CHECK_EQ(f.snapshot->mask, 32767);
	vring_stop(&f);
	vring_start(&f, 1, F_EVENT_IDX);
	CHECK_EQ(f.snapshot->mask, 0);
	vring_stop(&f);
}

static bool
seek(struct vring_fixture *f, uint32_t base, uint16_t used_idx)
{
	f->vring.conf.base = base;
	f->ring->used->idx = used_idx;
	return vu_vring_seek(&f->vring, f->snapshot);
}

VU_TEST(vring, seek_takes_base_and_used_index)
{
	struct vring_fixture f;

	vring_start(&f, 16, 0);
	f.vring.pos.fault = VU_VRING_BAD_HEAD;
	f.vring.pos.signalled_used_valid = true;
	CHECK(!seek(&f, 100, 100));
	CHECK(f.vring.pos.last_avail_idx == 100 && f.vring.pos.last_used_idx == 100 &&
		f.vring.pos.signalled_used == 100);
	CHECK(!f.vring.pos.signalled_used_valid && f.vring.pos.fault == VU_VRING_OK);
	CHECK_EQ(vu_vring_base(&f.vring), 100);
	/* Up to a whole ring may be in flight. */
	CHECK(!seek(&f, 116, 100));
	CHECK(f.vring.pos.last_avail_idx == 116 && f.vring.pos.last_used_idx == 100);
	CHECK(!seek(&f, 5, 65530));
	CHECK(f.vring.pos.last_avail_idx == 5 && f.vring.pos.last_used_idx == 65530);
	vring_stop(&f);
}

VU_TEST(vring, contradictory_base_yields_to_used_index)
{
	struct vring_fixture f;

	vring_start(&f, 16, 0);
	CHECK(seek(&f, 117, 100));
	CHECK(f.vring.pos.last_avail_idx == 100 && f.vring.pos.last_used_idx == 100);
	CHECK(seek(&f, 99, 100));
	CHECK(f.vring.pos.last_avail_idx == 100 && f.vring.pos.last_used_idx == 100);
	CHECK(seek(&f, 0, 32768));
	CHECK(f.vring.pos.last_avail_idx == 32768 && f.vring.pos.last_used_idx == 32768);
	vring_stop(&f);
}

VU_TEST(vring, packed_live_holds_what_was_configured)
{
	struct vring_fixture f;

	vring_start(&f, 100, F_PACKED | F_EVENT_IDX);
	CHECK_EQ(f.snapshot->size, 100);
	CHECK(f.snapshot->is_packed && f.snapshot->has_event_idx && !f.snapshot->has_indirect);
	f.ring->packed_desc[99].gpa = 0x1234;
	f.ring->driver_event->position = 0x77;
	CHECK_EQ(f.snapshot->packed_desc[99].gpa, 0x1234);
	CHECK_EQ(f.snapshot->driver_event->position, 0x77);
	CHECK_EQ(f.ring->device_event->flags, VU_PACKED_EVENT_DISABLE);
	CHECK_EQ(f.snapshot->device_event->flags, VU_PACKED_EVENT_DISABLE);
	vring_stop(&f);
}

VU_TEST(vring, packed_rings_have_any_size)
{
	static const uint32_t sizes[] = { 1, 2, 3, 100, 255, 32767, 32768 };
	struct vring_fixture f;

	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		vring_start(&f, (uint16_t)sizes[i], F_PACKED);
		CHECK_EQ(f.snapshot->size, sizes[i]);
		f.vring.conf.size = 32769;
		CHECK_EQ(refusal(&f, f.mem, F_PACKED), EINVAL);
		f.vring.conf.size = 0;
		CHECK_EQ(refusal(&f, f.mem, F_PACKED), EINVAL);
		vring_stop(&f);
	}
}

/* One part of a packed ring at every place that is too low or too high by a little. */
static void
check_packed_part(struct vring_fixture *f, uint64_t *uva, uint64_t part_bytes, uint64_t align)
{
	const uint64_t end = FAKE_HIGH_GPA + FAKE_HIGH_BYTES + FAKE_UVA_OFFSET;
	const uint64_t saved = *uva;

	for (uint64_t shift = 1; shift < align; shift++) {
		*uva = saved + shift;
		CHECK_EQ(refusal(f, f->mem, F_PACKED), EFAULT);
	}
	*uva = (end - part_bytes) & ~(align - 1);
	CHECK(starts(f, F_PACKED));
	*uva += align;
	CHECK_EQ(refusal(f, f->mem, F_PACKED), EFAULT);
	*uva = saved;
}

VU_TEST(vring, packed_parts_lie_whole_and_aligned_in_memory)
{
	static const struct fake_ring_place place = { FAKE_MID, 64, true };
	struct vring_fixture f;

	vring_configure(&f, 100, &place);
	check_packed_part(&f, &f.vring.conf.desc_uva, 100 * 16, 16);
	check_packed_part(&f, &f.vring.conf.avail_uva, 4, 4);
	check_packed_part(&f, &f.vring.conf.used_uva, 4, 4);
	vring_stop(&f);
}

VU_TEST(vring, base_of_each_layout_is_checked)
{
	static const struct { uint32_t base; bool is_good; } packed[] = {
		{ 0x80008000, true }, { 0x00000000, true }, { 0x80638063, true },
		{ 0x00630063, true },
		/* Up to a whole ring in flight. */
		{ 0x80000000, true }, { 0x80058063, true }, { 0x80050005, true },
		{ 0x80050006, false }, { 0x80638062, false }, { 0x00050004, false },
		/* Only half of it, as from DPDK. */
		{ 0x00008000, true }, { 0x00008063, true }, { 0x00000063, true },
		/* Off the ring. */
		{ 0x80008064, false }, { 0x80648000, false }, { 0x00000064, false },
		{ 0xffffffff, false }, { 0x7fff7fff, false }, { 0x8000ffff, false },
	};

	for (unsigned int i = 0; i < RTE_DIM(packed); i++)
		CHECK_EQ(vu_vring_check_base(packed[i].base, true, 100),
			packed[i].is_good ? 0 : -EINVAL);
	CHECK_EQ(vu_vring_check_base(0xffffffff, true, 32768), 0);
	CHECK_EQ(vu_vring_check_base(0x7fffffff, true, 32768), 0);
	CHECK_EQ(vu_vring_check_base(0xffff, false, 16), 0);
	CHECK_EQ(vu_vring_check_base(0x10000, false, 16), -EINVAL);
}

static uint32_t
packed_base_after(struct vring_fixture *f, uint32_t base)
{
	f->vring.conf.base = base;
	vu_vring_seek(&f->vring, f->snapshot);
	return vu_vring_base(&f->vring);
}

VU_TEST(vring, packed_base_survives_start_and_stop)
{
	static const uint32_t bases[] = {
		0x80008000, 0, 0x00630063, 0x80638063, 0x80058063, 0x80050005, 0x80000000,
	};
	struct vring_fixture f;

	vring_start(&f, 100, F_PACKED);
	for (unsigned int i = 0; i < RTE_DIM(bases); i++)
		CHECK_EQ(packed_base_after(&f, bases[i]), bases[i]);
	CHECK_EQ(packed_base_after(&f, 0x00008000), 0x80008000);
	CHECK_EQ(packed_base_after(&f, 0x00000007), 0x00070007);
	/* Nobody said where to start: as a fresh ring does. */
	f.vring.conf.has_base = false;
	CHECK_EQ(packed_base_after(&f, 0), 0x80008000);
	CHECK(!f.vring.pos.signalled_used_valid);
	/* A base that was set before the layout was known. */
	f.vring.conf.has_base = true;
	f.vring.conf.base = 100;
	CHECK_EQ(refusal(&f, f.mem, F_PACKED), EINVAL);
	f.vring.conf.base = 0x80008000;
	f.vring.conf.size = 64;
	CHECK_EQ(refusal(&f, f.mem, 0), EINVAL);
	vring_stop(&f);
}

VU_TEST(vring, start_suppresses_kicks)
{
	struct vring_fixture f;

	vring_start(&f, 16, 0);
	CHECK_EQ(f.ring->used->flags, VU_USED_F_NO_NOTIFY);
	f.ring->used->flags = 0;
	/* With EVENT_IDX the flags must stay 0. */
	vring_restart(&f, F_EVENT_IDX);
	CHECK_EQ(f.ring->used->flags, 0);
	vring_stop(&f);
}

VU_TEST(vring, publish_returns_the_former_set_up)
{
	struct vring_fixture f;
	struct vu_vring_snapshot *second;

	vring_start(&f, 16, 0);
	second = vu_vring_snapshot_create(&f.vring, f.mem, 0);
	CHECK(second != NULL);
	CHECK(vu_vring_publish(&f.vring, second) == f.snapshot);
	CHECK(vu_vring_snapshot_load(&f.vring) == second);
	vu_vring_snapshot_destroy(f.snapshot);
	vu_vring_snapshot_destroy(NULL);
	vring_stop(&f);
	CHECK(vu_vring_snapshot_load(&f.vring) == NULL);
}

VU_TEST(vring, notify_writes_call_descriptor_and_counts)
{
	struct vring_fixture f;
	int pipe_fds[2];

	vring_start(&f, 16, 0);
	/* Without an fd the front-end polls: nothing happened, nothing is counted. */
	vu_vring_notify(f.snapshot, &f.vring.pos);
	CHECK_EQ(f.vring.pos.counters.nb_notifications, 0);
	f.vring.call_fd = vu_fd_eventfd();
	vring_restart(&f, 0);
	vu_vring_notify(f.snapshot, &f.vring.pos);
	vu_vring_notify(f.snapshot, &f.vring.pos);
	CHECK_EQ(rig_events(f.vring.call_fd), 2);
	CHECK_EQ(f.vring.pos.counters.nb_notifications, 2);
	/* A full eventfd will wake its reader all the same. */
	CHECK(eventfd_write(f.vring.call_fd, UINT64_MAX - 1) == 0);
	vu_vring_notify(f.snapshot, &f.vring.pos);
	CHECK_EQ(f.vring.pos.counters.nb_notifications, 3);
	CHECK_EQ(f.vring.pos.counters.nb_notification_errors, 0);
	/* The reading end of a pipe cannot be written. */
	CHECK(pipe(pipe_fds) == 0);
	vu_fd_close(&f.vring.call_fd);
	f.vring.call_fd = pipe_fds[0];
	vring_restart(&f, 0);
	vu_vring_notify(f.snapshot, &f.vring.pos);
	CHECK_EQ(f.vring.pos.counters.nb_notifications, 3);
	CHECK_EQ(f.vring.pos.counters.nb_notification_errors, 1);
	close(pipe_fds[1]);
	vring_stop(&f);
}

static void
ignore_signal(int number)
{
	(void)number;
}

VU_TEST(vring, notification_that_blocks_and_is_interrupted_gives_the_ring_up)
{
	const struct itimerval interval = { { 0, 1000 }, { 0, 1000 } };
	const struct itimerval off = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = ignore_signal }, before;
	struct vring_fixture f;

	vring_start(&f, 16, 0);
	/* A front-end's own fd may be made blocking again behind our back. */
	f.vring.call_fd = eventfd(0, EFD_CLOEXEC);
	CHECK(eventfd_write(f.vring.call_fd, UINT64_MAX - 1) == 0);
	vring_restart(&f, 0);
	CHECK(sigaction(SIGALRM, &action, &before) == 0);
	CHECK(setitimer(ITIMER_REAL, &interval, NULL) == 0);
	vu_vring_notify(f.snapshot, &f.vring.pos);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	CHECK(sigaction(SIGALRM, &before, NULL) == 0);
	CHECK_EQ(f.vring.pos.fault, VU_VRING_BAD_CALL);
	CHECK_EQ(f.vring.pos.counters.nb_notification_errors, 1);
	CHECK_EQ(f.vring.pos.counters.nb_notifications, 0);
	vring_stop(&f);
}

VU_TEST(vring, every_fault_has_a_name_of_its_own)
{
	for (unsigned int i = 0; i < VU_VRING_NB_FAULTS; i++) {
		const char *name = vu_vring_fault_name((enum vu_vring_fault)i);

		CHECK(name != NULL && name[0] != '\0' && strcmp(name, "unknown") != 0);
		for (unsigned int j = 0; j < i; j++)
			CHECK(strcmp(name, vu_vring_fault_name((enum vu_vring_fault)j)) != 0);
	}
	CHECK(strcmp(vu_vring_fault_name(VU_VRING_NB_FAULTS), "unknown") == 0);
}
