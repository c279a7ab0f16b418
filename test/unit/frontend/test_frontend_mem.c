/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sharing memory before and while queues run.
 */
#include "expect.h"
#include "frontend_fixture.h"

#define REGION_BYTES 0x10000

struct piece {
	int fd;
	uint8_t *hva;
};

static void
piece_create(struct piece *piece)
{
	piece->fd = vu_fd_memfd("piece", REGION_BYTES, 0);
	CHECK(piece->fd >= 0);
	piece->hva = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, piece->fd, 0);
	CHECK(piece->hva != MAP_FAILED);
}

static void
piece_destroy(struct piece *piece)
{
	munmap(piece->hva, REGION_BYTES);
	vu_fd_close(&piece->fd);
}

static struct vu_frontend_region
piece_region(const struct piece *piece)
{
	return (struct vu_frontend_region){
		.hva = piece->hva, .gpa = (uintptr_t)piece->hva, .bytes = REGION_BYTES,
		.fd = piece->fd,
	};
}

static void
check_changes(uint64_t protocol_features)
{
	struct frontend_fixture fix;
	struct vu_frontend_conf conf;
	struct piece pieces[4];
	unsigned int i;

	front_create(&fix);
	backend_do(&fix, backend_listen);
	conf = front_conf(&fix);
	conf.protocol_features = protocol_features;
	front_open(&fix, &conf);
	CHECK_EQ(vu_frontend_wait(fix.fe, EXPECT_WAIT_MS), 0);
	for (i = 0; i < RTE_DIM(pieces); i++) {
		struct vu_frontend_region region;

		piece_create(&pieces[i]);
		region = piece_region(&pieces[i]);
		CHECK_EQ(vu_frontend_mem_add(fix.fe, &region), 0);
		front_round_trip_at(&fix, (uint8_t)i, pieces[i].hva, fix.mem);
		front_round_trip_at(&fix, (uint8_t)i, pieces[0].hva,
			pieces[i].hva + 2 * BUFFER_BYTES);
	}
	for (i = 0; i < RTE_DIM(pieces); i++) {
		uint64_t gpa = (uintptr_t)pieces[i].hva;

		CHECK_EQ(vu_frontend_mem_remove(fix.fe, gpa), 0);
		CHECK_EQ(vu_frontend_mem_remove(fix.fe, gpa), -ENOENT);
		front_round_trip(&fix, (uint8_t)i);
		piece_destroy(&pieces[i]);
	}
	CHECK(vu_frontend_is_up(fix.fe));
	front_destroy(&fix);
}

VU_TEST(frontend_mem, changes_while_queues_run_by_slots)
{
	check_changes(0);
}

VU_TEST(frontend_mem, changes_while_queues_run_by_table)
{
	check_changes(RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK));
}

VU_TEST(frontend_mem, wrong_regions_are_refused)
{
	struct frontend_fixture fix;
	struct vu_frontend_conf conf;
	struct vu_frontend_region good, bad;
	struct piece piece;

	front_create(&fix);
	piece_create(&piece);
	conf = front_conf(&fix);
	front_open(&fix, &conf);
	good = piece_region(&piece);
	bad = good;
	bad.bytes = 0;
	CHECK_EQ(vu_frontend_mem_add(fix.fe, &bad), -EINVAL);
	bad.bytes = 100;
	CHECK_EQ(vu_frontend_mem_add(fix.fe, &bad), -EINVAL);
	bad = good;
	bad.mmap_offset = 1;
	CHECK_EQ(vu_frontend_mem_add(fix.fe, &bad), -EINVAL);
	bad = good;
	bad.gpa = UINT64_MAX - 100;
	CHECK_EQ(vu_frontend_mem_add(fix.fe, &bad), -EINVAL);
	bad = good;
	bad.fd = VU_FD_NONE;
	CHECK_EQ(vu_frontend_mem_add(fix.fe, &bad), -EBADF);
	CHECK_EQ(vu_frontend_mem_add(fix.fe, &good), 0);
	CHECK_EQ(vu_frontend_mem_add(fix.fe, &good), -EEXIST);
	bad = good;
	bad.gpa = 0x1000;
	CHECK_EQ(vu_frontend_mem_add(fix.fe, &bad), -EEXIST);
	CHECK(vu_frontend_mem_alloc(fix.fe, 0, 0) == NULL);
	CHECK_EQ(rte_errno, EINVAL);
	CHECK(vu_frontend_mem_alloc(fix.fe, SIZE_MAX, 0) == NULL);
	front_destroy(&fix);
	piece_destroy(&piece);
}

VU_TEST(frontend_mem, more_regions_than_a_table_holds)
{
	struct frontend_fixture fix;
	struct vu_frontend_conf conf;
	unsigned int nb = 2; /* rings and buffers */

	front_create(&fix);
	backend_do(&fix, backend_listen);
	conf = front_conf(&fix);
	conf.protocol_features = RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK);
	front_open(&fix, &conf);
	CHECK_EQ(vu_frontend_wait(fix.fe, EXPECT_WAIT_MS), 0);
	while (vu_frontend_mem_alloc(fix.fe, 1, 0) != NULL)
		nb++;
	CHECK_EQ(rte_errno, ENOSPC);
	CHECK_EQ(nb, VHOST_USER_MAX_REGIONS);
	front_round_trip(&fix, 3);
	front_destroy(&fix);
}

VU_TEST(frontend_mem, all_slots_survive_a_reconnect)
{
	struct frontend_fixture fix;
	unsigned int nb = 2;

	front_create_open(&fix, 0);
	CHECK_EQ(vu_frontend_wait(fix.fe, EXPECT_WAIT_MS), 0);
	while (vu_frontend_mem_alloc(fix.fe, 1, 0) != NULL)
		nb++;
	CHECK_EQ(nb, 509);
	front_round_trip(&fix, 3);
	backend_do(&fix, backend_hang_up);
	WAIT_WHILE(fix.nb_down == 0)
		vu_frontend_turn(fix.fe, 10);
	CHECK_EQ(vu_frontend_wait(fix.fe, EXPECT_WAIT_MS), 0);
	front_round_trip(&fix, 4);
	front_destroy(&fix);
}

VU_TEST(frontend_mem, memory_of_dpdk_is_shared_as_it_is)
{
	struct frontend_fixture fix;
	uint8_t *heap;
	int rc;

	front_create_open(&fix, 0);
	heap = rte_malloc("test", 4 * BUFFER_BYTES, 0);
	rc = vu_frontend_mem_share_dpdk(fix.fe);
	if (rc == -ENOTSUP) {
		rte_free(heap);
		front_destroy(&fix);
		expect_skip();
	}
	CHECK_EQ(rc, 0);
	CHECK_EQ(vu_frontend_wait(fix.fe, EXPECT_WAIT_MS), 0);
	/* Again, while connected: nothing new. */
	CHECK_EQ(vu_frontend_mem_share_dpdk(fix.fe), 0);
	front_round_trip_at(&fix, 9, heap, heap + 2 * BUFFER_BYTES);
	rte_free(heap);
	front_destroy(&fix);
}
