/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A guest behind an IOMMU, by messages: rings and buffers that nobody has translated yet, misses on
 * the back-end channel and updates on the main socket, invalidations under traffic, and front-ends
 * that send what is wrong, too much, or nothing.
 */
#include "channel_fixture.h"
#include "expect.h"

#include "vu_device_control.h"
#include "vu_limits.h"

#define F_IOMMU RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM)
#define IOMMU_BITS (PROTOCOL_BITS | RTE_BIT64(VHOST_USER_PROTOCOL_F_BACKEND_REQ))
#define PAGE UINT64_C(4096)
#define RW VHOST_USER_IOTLB_PERM_MASK
#define READ VHOST_USER_IOTLB_PERM_READ

/* A front-end that is an IOMMU. Rings are at iovas that look like uvas, buffers like gpas. */
struct iommu {
	struct session_port fix;
	struct vu_conn *peer; /* front-end's end of the channel */
	uint64_t features;
	unsigned int nb_misses;
	struct vhost_user_iotlb last_miss;
};

static int
send_iotlb(struct iommu *f, uint8_t type, uint64_t iova, uint64_t size, uint64_t uva, uint8_t perm)
{
	const struct vhost_user_iotlb iotlb = {
		.iova = iova, .size = size, .uva = uva, .perm = perm, .type = type,
	};
	struct vu_reply frame;

	fake_frontend_begin(&f->fix.frontend, &frame, VHOST_USER_IOTLB_MSG);
	vu_request_append(&frame, &iotlb, sizeof(iotlb));
	return fake_frontend_do(&f->fix.frontend, &frame);
}

static int
update(struct iommu *f, uint64_t iova, uint64_t size, uint64_t offset, uint8_t perm)
{
	return send_iotlb(f, VHOST_USER_IOTLB_UPDATE, iova, size, SESSION_UVA + offset, perm);
}

static int
invalidate(struct iommu *f, uint64_t iova, uint64_t size)
{
	return send_iotlb(f, VHOST_USER_IOTLB_INVALIDATE, iova, size, 0, 0);
}

static bool
take_miss(struct iommu *f)
{
	const struct vu_msg_limits limits = {
		.stream = VU_STREAM_BACKEND_REQUESTS, .nb_queues = 2,
	};
	struct vu_msg msg;
	int rc = vu_conn_receive(f->peer, &msg, &limits);

	CHECK(rc >= 0);
	if (rc == 0)
		return false;
	CHECK_EQ(msg.request, VHOST_USER_BACKEND_IOTLB_MSG);
	CHECK(!msg.need_reply);
	CHECK_EQ(msg.payload.iotlb.type, VHOST_USER_IOTLB_MISS);
	CHECK(msg.payload.iotlb.perm != 0);
	f->last_miss = msg.payload.iotlb;
	f->nb_misses++;
	return true;
}

static void
wait_miss(struct iommu *f)
{
	WAIT_WHILE(!(take_miss(f)))
		session_rig_turn(f->fix.rig);
}

/* Page of memory that an iova means, as this IOMMU has it. */
static uint64_t
iova_offset(uint64_t iova)
{
	iova &= ~(PAGE - 1);
	return iova >= SESSION_UVA ? iova - SESSION_UVA : iova - SESSION_GPA;
}

static void
answer_miss(struct iommu *f, uint8_t perm)
{
	CHECK_EQ(update(f, f->last_miss.iova & ~(PAGE - 1), PAGE, iova_offset(f->last_miss.iova),
		perm), 0);
}

static void
answer_all(struct iommu *f)
{
	while (take_miss(f))
		answer_miss(f, RW);
	session_rig_turn(f->fix.rig);
}

static void
iommu_create(struct iommu *f, uint64_t features)
{
	int fd;

	*f = (struct iommu){ .features = FEATURE_BITS | F_IOMMU | features };
	fixture_create(&f->fix, "forward=loopback,iommu=on");
	CHECK_EQ(session_port_negotiate(&f->fix, f->features, IOMMU_BITS), 0);
	CHECK_EQ(channel_send_socket(&f->fix, VHOST_USER_SET_BACKEND_REQ_FD, &fd), 0);
	f->peer = vu_conn_create(fd, NULL);
	CHECK(f->peer != NULL);
	CHECK_EQ(session_port_set_mem(&f->fix), 0);
}

static void
iommu_destroy(struct iommu *f)
{
	vu_conn_destroy(f->peer);
	fixture_destroy(&f->fix);
}

static void
start_rings(struct iommu *f)
{
	for (uint32_t q = 0; q < 2; q++)
		CHECK_EQ(session_port_start_ring(&f->fix, q), 0);
}

/* Running, and not paused. */
static bool
ring_works(const struct iommu *f, uint32_t q)
{
	return vu_load(&vu_device_queue(f->fix.dev, q)->vring.snapshot) != NULL;
}

static bool
rings_run(const struct iommu *f)
{
	return ring_works(f, 0) && ring_works(f, 1);
}

static void
start_all(struct iommu *f)
{
	start_rings(f);
	WAIT_WHILE(!(rings_run(f)))
		answer_all(f);
}

/* session_port_echo(), with a front-end that answers meanwhile. */
static void
echo(struct iommu *f, uint8_t value)
{
	struct session_port *fix = &f->fix;
	uint8_t *out = session_port_next_buffer(fix, 1);
	uint8_t *in = session_port_next_buffer(fix, 0);
	const struct fake_ring *ring = fix->base.rings[0].ring;

	memset(out, 0, NET_HEADER_BYTES);
	memset(out + NET_HEADER_BYTES, value, FRAME_BYTES);
	memset(in, ~value, NET_HEADER_BYTES + FRAME_BYTES);
	session_port_offer(fix, 0, SESSION_BUFFER_BYTES, true);
	session_port_offer(fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	WAIT_WHILE(!(vu_load_acquire(&ring->used->idx) == ring->avail_idx))
		answer_all(f);
	CHECK_EQ(memcmp(in + NET_HEADER_BYTES, out + NET_HEADER_BYTES, FRAME_BYTES), 0);
}

static uint64_t
nb_lost(const struct iommu *f)
{
	uint64_t nb = 0;

	for (uint32_t q = 0; q < 2; q++) {
		struct vu_device_queue_stats stats;

		vu_device_queue_stats_get(f->fix.dev, q, &stats);
		for (unsigned int i = 0; i < VU_MAX_DROPS; i++)
			nb += stats.nb_drops[i];
		CHECK_EQ(stats.nb_faults, 0);
	}
	return nb;
}

VU_TEST(handle_iotlb, offered_if_wanted)
{
	struct session_port fix;
	uint64_t features = 0;

	fixture_create(&fix, NULL);
	CHECK_EQ(fake_frontend_get_u64(&fix.frontend, VHOST_USER_GET_FEATURES, &features), 0);
	CHECK_EQ(features & F_IOMMU, 0);
	fixture_destroy(&fix);
	fixture_create(&fix, "iommu=on");
	CHECK_EQ(fake_frontend_get_u64(&fix.frontend, VHOST_USER_GET_FEATURES, &features), 0);
	CHECK_EQ(features & F_IOMMU, F_IOMMU);
	fixture_destroy(&fix);
}

/* Parts that lie in one page are asked for once, and not again while nobody answers. */
VU_TEST(handle_iotlb, rings_wait_for_their_parts)
{
	struct iommu f;
	uint64_t asked[8];
	unsigned int nb = 0;

	iommu_create(&f, 0);
	start_rings(&f);
	CHECK(!ring_works(&f, 0) && !ring_works(&f, 1));
	for (unsigned int i = 0; i < 2; i++) {
		wait_miss(&f);
		for (unsigned int k = 0; k < nb; k++)
			CHECK(asked[k] != f.last_miss.iova);
		asked[nb++] = f.last_miss.iova & ~(PAGE - 1);
	}
	for (unsigned int i = 0; i < 100; i++)
		session_rig_turn(f.fix.rig);
	while (take_miss(&f))
		CHECK(nb < RTE_DIM(asked));
	for (unsigned int i = 0; i < 1000 && !rings_run(&f); i++) {
		for (uint32_t q = 0; q < 2; q++)
			CHECK_EQ(update(&f, SESSION_UVA + q * SESSION_RING_BYTES,
				SESSION_RING_BYTES, q * SESSION_RING_BYTES, RW), 0);
		answer_all(&f);
	}
	CHECK(rings_run(&f));
	echo(&f, 7);
	CHECK_EQ(nb_lost(&f), 0);
	iommu_destroy(&f);
}

/* No frame is lost while translations are on their way, and no buffer is passed over. */
VU_TEST(handle_iotlb, buffers_wait)
{
	struct iommu f;

	iommu_create(&f, 0);
	start_all(&f);
	for (unsigned int i = 0; i < 100; i++) {
		echo(&f, (uint8_t)i);
		if (i % 3 == 0)
			CHECK_EQ(invalidate(&f, SESSION_GPA, SESSION_MEM_BYTES), 0);
	}
	CHECK(f.nb_misses > 30);
	CHECK_EQ(nb_lost(&f), 0);
	CHECK(rings_run(&f));
	iommu_destroy(&f);
}

/* Two iovas of one page, and an iova that means another page after a while. */
VU_TEST(handle_iotlb, goes_where_the_iommu_says)
{
	struct iommu f;
	struct session_port *fix = &f.fix;
	const uint64_t far = SESSION_MEM_BYTES - PAGE;

	iommu_create(&f, 0);
	start_all(&f);
	for (unsigned int i = 0; i < 4; i++) {
		const uint64_t to = far - i % 2 * PAGE;
		uint8_t *in = session_port_next_buffer(fix, 0);
		const uint64_t in_offset = (uint64_t)(in - fix->mem);
		uint8_t *out = session_port_next_buffer(fix, 1);
		const struct fake_ring *ring = fix->base.rings[0].ring;

		memset(out, 0, NET_HEADER_BYTES);
		memset(out + NET_HEADER_BYTES, (int)i + 1, FRAME_BYTES);
		memset(in, 0, PAGE - in_offset % PAGE);
		CHECK_EQ(update(&f, SESSION_GPA + (in_offset & ~(PAGE - 1)), PAGE, to, RW), 0);
		session_port_offer(fix, 0, SESSION_BUFFER_BYTES, true);
		session_port_offer(fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
		WAIT_WHILE(!(vu_load_acquire(&ring->used->idx) == ring->avail_idx))
			answer_all(&f);
		CHECK_EQ(in[NET_HEADER_BYTES], 0);
		CHECK_EQ(fix->mem[to + in_offset % PAGE + NET_HEADER_BYTES], i + 1);
		CHECK_EQ(invalidate(&f, SESSION_GPA + (in_offset & ~(PAGE - 1)), PAGE), 0);
	}
	iommu_destroy(&f);
}

VU_TEST(handle_iotlb, permission_that_is_missing)
{
	struct iommu f;
	struct session_port *fix = &f.fix;
	const struct fake_ring *ring;

	iommu_create(&f, 0);
	ring = fix->base.rings[0].ring;
	start_all(&f);
	/* All may be read, and nothing written but the rings. */
	CHECK_EQ(update(&f, SESSION_GPA, SESSION_MEM_BYTES, 0, READ), 0);
	session_port_offer(fix, 0, SESSION_BUFFER_BYTES, true);
	memset(session_port_next_buffer(fix, 1), 0, NET_HEADER_BYTES + FRAME_BYTES);
	session_port_offer(fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	wait_miss(&f);
	CHECK_EQ(f.last_miss.perm, VHOST_USER_IOTLB_PERM_WRITE);
	/* The same again does not help, and is not asked for again at once. */
	answer_miss(&f, READ);
	for (unsigned int i = 0; i < 50; i++)
		session_rig_turn(fix->rig);
	CHECK_EQ(vu_load_acquire(&ring->used->idx), 0);
	CHECK(!take_miss(&f) || f.last_miss.perm != VHOST_USER_IOTLB_PERM_WRITE);
	answer_miss(&f, RW);
	WAIT_WHILE(!(vu_load_acquire(&ring->used->idx) == 1))
		session_rig_turn(fix->rig);
	CHECK_EQ(nb_lost(&f), 0);
	iommu_destroy(&f);
}

/* A ring whose own parts are unmapped stops, and goes on where it was. */
VU_TEST(handle_iotlb, parts_go_and_come)
{
	struct iommu f;

	iommu_create(&f, 0);
	start_all(&f);
	for (unsigned int i = 0; i < 10; i++) {
		echo(&f, (uint8_t)i);
		CHECK_EQ(invalidate(&f, SESSION_UVA + i % 2 * SESSION_RING_BYTES, PAGE), 0);
		CHECK(!ring_works(&f, i % 2));
		CHECK(ring_works(&f, 1 - i % 2));
		WAIT_WHILE(!(rings_run(&f)))
			answer_all(&f);
	}
	/* All at once, as a guest does whose IOMMU is switched off. */
	CHECK_EQ(invalidate(&f, 0, 0), 0);
	CHECK(!ring_works(&f, 0) && !ring_works(&f, 1));
	WAIT_WHILE(!(rings_run(&f)))
		answer_all(&f);
	echo(&f, 99);
	CHECK_EQ(nb_lost(&f), 0);
	iommu_destroy(&f);
}

/* Frames for a ring that is paused wait, up to what a handoff ring holds. */
VU_TEST(handle_iotlb, frames_for_a_paused_ring_wait)
{
	struct iommu f;
	struct session_port *fix = &f.fix;
	const struct fake_ring *ring;
	uint32_t base = 0;

	iommu_create(&f, 0);
	ring = fix->base.rings[0].ring;
	start_all(&f);
	echo(&f, 1);
	CHECK_EQ(update(&f, SESSION_GPA, SESSION_MEM_BYTES, 0, RW), 0);
	CHECK_EQ(invalidate(&f, SESSION_UVA, PAGE), 0);
	CHECK(!ring_works(&f, 0) && fixture_is_live(fix, 0));
	for (unsigned int i = 0; i < 8; i++) {
		session_port_offer(fix, 0, SESSION_BUFFER_BYTES, true);
		memset(session_port_next_buffer(fix, 1), (int)i, NET_HEADER_BYTES + FRAME_BYTES);
		memset(session_port_next_buffer(fix, 1), 0, NET_HEADER_BYTES);
		session_port_offer(fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	}
	session_port_wait_used(fix, 1, fix->base.rings[1].ring->avail_idx);
	CHECK_EQ(vu_load_acquire(&ring->used->idx), 1);
	WAIT_WHILE(vu_load_acquire(&ring->used->idx) != ring->avail_idx)
		answer_all(&f);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(fix->mem[SESSION_BUFFER_OFFSET + (i + 1) * SESSION_BUFFER_BYTES +
			NET_HEADER_BYTES], i);
	CHECK_EQ(nb_lost(&f), 0);
	/* Stopped while paused, it knows where it was. */
	CHECK_EQ(invalidate(&f, SESSION_UVA, PAGE), 0);
	CHECK_EQ(fake_frontend_get_base(&fix->frontend, 0, &base), 0);
	CHECK_EQ(base, 9);
	CHECK(!fixture_is_live(fix, 0));
	iommu_destroy(&f);
}

/* What comes back after a stop was not followed meanwhile. */
VU_TEST(handle_iotlb, forgotten_with_the_rings)
{
	struct iommu f;
	uint32_t base;

	iommu_create(&f, 0);
	start_all(&f);
	echo(&f, 1);
	CHECK(vu_device_iotlb_nb_entries(f.fix.dev) != 0);
	CHECK_EQ(fake_frontend_get_base(&f.fix.frontend, 0, &base), 0);
	CHECK(vu_device_iotlb_nb_entries(f.fix.dev) != 0);
	CHECK_EQ(fake_frontend_get_base(&f.fix.frontend, 1, &base), 0);
	CHECK_EQ(vu_device_iotlb_nb_entries(f.fix.dev), 0);
	start_all(&f);
	echo(&f, 2);
	/* Without the feature addresses are the guest's again. */
	for (uint32_t q = 0; q < 2; q++)
		CHECK_EQ(fake_frontend_get_base(&f.fix.frontend, q, &base), 0);
	CHECK_EQ(fake_frontend_do_u64(&f.fix.frontend, VHOST_USER_SET_FEATURES, FEATURE_BITS), 0);
	f.nb_misses = 0;
	start_rings(&f);
	CHECK(rings_run(&f));
	session_port_echo(&f.fix, 3);
	CHECK(!take_miss(&f));
	iommu_destroy(&f);
}

/* By target, whatever the iova. */
VU_TEST(handle_iotlb, memory_is_replaced)
{
	struct iommu f;

	iommu_create(&f, 0);
	start_all(&f);
	echo(&f, 1);
	CHECK_EQ(session_port_set_mem(&f.fix), 0);
	CHECK(rings_run(&f));
	echo(&f, 2);
	CHECK_EQ(nb_lost(&f), 0);
	iommu_destroy(&f);
}

VU_TEST(handle_iotlb, hostile_updates)
{
	struct iommu f;

	iommu_create(&f, 0);
	start_all(&f);
	CHECK_EQ(update(&f, SESSION_GPA, PAGE, SESSION_MEM_BYTES, RW), 1);     /* no memory */
	CHECK_EQ(update(&f, SESSION_GPA, SESSION_MEM_BYTES + 1, 0, RW), 1);    /* not all of it */
	CHECK_EQ(update(&f, SESSION_GPA, PAGE, 0, 0), 1);                      /* no permission */
	CHECK_EQ(update(&f, UINT64_MAX - PAGE + 1, PAGE, 0, RW), 1);           /* last byte */
	CHECK_EQ(send_iotlb(&f, VHOST_USER_IOTLB_UPDATE, 1, UINT64_MAX, 1, RW), 1);
	CHECK_EQ(send_iotlb(&f, VHOST_USER_IOTLB_UPDATE, 0, 0, SESSION_UVA, RW), 1);
	CHECK_EQ(send_iotlb(&f, VHOST_USER_IOTLB_MISS, 0, PAGE, SESSION_UVA, RW), 1);
	/* As many as it likes: the cache stays as small as it is. */
	for (uint64_t i = 0; i < VU_MAX_IOTLB_ENTRIES + 100; i++)
		CHECK_EQ(update(&f, 2 * i * PAGE, PAGE, 0, READ), 0);
	CHECK(vu_device_iotlb_nb_entries(f.fix.dev) <= VU_MAX_IOTLB_ENTRIES);
	for (unsigned int i = 0; i < 100; i++)
		CHECK_EQ(send_iotlb(&f, VHOST_USER_IOTLB_INVALIDATE, i * PAGE, UINT64_MAX,
			UINT64_MAX, 0xff), 0);
	WAIT_WHILE(!(rings_run(&f)))
		answer_all(&f);
	echo(&f, 1);
	iommu_destroy(&f);
}

/* Messages belong to the feature. */
VU_TEST(handle_iotlb, not_negotiated)
{
	struct iommu f = { 0 };

	fixture_create(&f.fix, "forward=loopback,iommu=on");
	CHECK_EQ(session_port_negotiate(&f.fix, FEATURE_BITS, PROTOCOL_BITS), 0);
	CHECK_EQ(session_port_set_mem(&f.fix), 0);
	CHECK_EQ(update(&f, SESSION_GPA, PAGE, 0, RW), -ECONNRESET);
	fixture_destroy(&f.fix);
}

/* Nobody reads the channel, or there is none: what is asked for is bounded, all else goes on. */
VU_TEST(handle_iotlb, front_end_that_does_not_answer)
{
	struct iommu f;

	iommu_create(&f, 0);
	start_rings(&f);
	for (unsigned int i = 0; i < 3000; i++)
		CHECK_EQ(invalidate(&f, SESSION_GPA, PAGE), 0);
	CHECK_EQ(fake_frontend_sync(&f.fix.frontend), 0);
	WAIT_WHILE(!(rings_run(&f)))
		answer_all(&f);
	echo(&f, 1);
	vu_conn_destroy(f.peer);
	f.peer = NULL;
	CHECK_EQ(invalidate(&f, 0, 0), 0);
	CHECK_EQ(fake_frontend_sync(&f.fix.frontend), 0);
	CHECK(!ring_works(&f, 0));
	/* Unasked updates serve as well. */
	CHECK_EQ(update(&f, SESSION_UVA, SESSION_MEM_BYTES, 0, RW), 0);
	CHECK_EQ(update(&f, SESSION_GPA, SESSION_MEM_BYTES, 0, RW), 0);
	CHECK(rings_run(&f));
	session_port_echo(&f.fix, 2);
	CHECK_EQ(nb_lost(&f), 0);
	iommu_destroy(&f);
}
