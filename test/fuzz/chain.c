/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rings whose every byte is the input's: peek, chain walk, and the poll functions of the net device
 * with a loopback. All that they find must lie in guest memory.
 *
 * Input: options (bit 7: vectors of 256 bits, not 512), ring size (how, the layout says), bytes of
 * the memory image (16 bit), the image, which begins with the rings; then changes of the memory,
 * four and a turn of the lcore at a time.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_bitops.h>
#include <rte_vect.h>

#include "chain.h"
#include "expect.h"
#include "fuzz.h"
#include "session_rig.h"
#include "vu_device_driver.h"
#include "vu_fd.h"
#include "vu_mem_translate.h"
#include "vu_virtio.h"
#include "vu_vring_layout.h"

#define UVA_OFFSET UINT64_C(0x7f0000000000)
#define CHANGES_PER_TURN 4
#define MAX_TURNS 64

/* Bit i of the options leaves out feature i: VERSION_1, MRG_RXBUF, INDIRECT_DESC, EVENT_IDX. */
static const uint64_t feature_bits[] = {
	RTE_BIT64(VIRTIO_F_VERSION_1), RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF),
	RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC), RTE_BIT64(VIRTIO_RING_F_EVENT_IDX),
};

/* Small addresses are good ones; the first two regions are neighbours for the guest only. */
static const struct vu_mem_region_conf regions[] = {
	{ .gpa = 0x0, .len = 0x3000, .mmap_offset = 0x6000 },
	{ .gpa = 0x3000, .len = 0x2000, .mmap_offset = 0x0 },
	{ .gpa = 0x10000, .len = 0x1000, .mmap_offset = 0x4000 },
};
#define FILE_BYTES 0x9000
#define IMAGE_OFFSET 0x6000 /* in the file: guest address 0 */
#define MAX_IMAGE_BYTES 0x1000
#define USED_GPA 0x2c00     /* of ring 0 */
#define USED_BYTES 0x200    /* enough for one used ring */

static struct session_rig rig;
static struct rig_port port; /* for its device only */
static int guest_fd;
static uint8_t *guest;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct vu_device_conf conf;

	(void)argc;
	(void)argv;
	fuzz_start_eal();
	session_rig_init(&rig);
	conf = session_device_conf(&rig, "forward=loopback");
	rig_device_open(&port, "net", &conf);
	guest_fd = vu_fd_memfd(FAKE_GUEST_NAME, FILE_BYTES, 0);
	guest = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, guest_fd, 0);
	CHECK(guest != MAP_FAILED);
	return 0;
}

/* ---- what the walkers find lies in guest memory ---- */

static bool
is_guest_memory(const struct vu_mem_table *mem, const uint8_t *hva, uint64_t len_bytes)
{
	for (uint32_t i = 0; i < mem->nb_regions; i++) {
		const struct vu_mem_region *region = &mem->regions[i];
		const uint8_t *start = vu_mem_region_hva(region, region->gpa_end - region->len);

		if (hva >= start && len_bytes <= region->len &&
				hva - start <= (int64_t)(region->len - len_bytes))
			return true;
	}
	return false;
}

static void
check_chain(const struct vu_vring_snapshot *snap, struct vu_vring_pos *pos,
	const struct vu_burst *burst, uint16_t i)
{
	uint64_t sums[2] = { 0 };
	struct vu_chain chain;

	memset(&chain, 0xa5, sizeof(chain));
	if (vu_ring_chain(snap, pos, burst, i, &chain) != VU_VRING_OK)
		return;
	CHECK(chain.nb_read + chain.nb_write <= VU_MAX_CHAIN_SEGS);
	for (unsigned int s = 0; s < (unsigned int)chain.nb_read + chain.nb_write; s++) {
		CHECK(is_guest_memory(snap->mem, chain.seg[s].hva, chain.seg[s].len_bytes));
		sums[s < chain.nb_read ? 0 : 1] += chain.seg[s].len_bytes;
	}
	CHECK(sums[0] == chain.read_bytes && sums[1] == chain.write_bytes);
}

static void
check_entries(const struct vu_vring_snapshot *snap, struct vu_vring_pos pos, uint16_t direction)
{
	struct vu_burst burst;
	uint32_t nb_descs = 0;

	vu_ring_peek(snap, &pos, &burst, VU_VRING_BURST, direction, snap->is_packed);
	CHECK(burst.nb <= VU_VRING_BURST && burst.nb <= snap->size);
	for (uint16_t i = 0; i < burst.nb; i++) {
		CHECK(snap->is_packed || burst.head[i] < snap->size);
		if (burst.hva[i] != NULL)
			CHECK(is_guest_memory(snap->mem, burst.hva[i], burst.len_bytes[i]));
		check_chain(snap, &pos, &burst, i);
		nb_descs += burst.nb_descs[i];
	}
	CHECK(!snap->is_packed || nb_descs <= snap->size);
}

/* The short way stops at what is not single, so that every entry must be good. */
static void
check_single_entries(
	const struct vu_vring_snapshot *snap, struct vu_vring_pos pos, uint16_t direction)
{
	struct vu_burst burst;

	vu_ring_peek_single(snap, &pos, &burst, VU_VRING_BURST, direction, snap->is_packed);
	CHECK(burst.nb <= VU_VRING_BURST && burst.nb <= snap->size);
	for (uint16_t i = 0; i < burst.nb; i++)
		CHECK(is_guest_memory(snap->mem, burst.hva[i], burst.len_bytes[i]));
}

static void
check_rings(void)
{
	for (uint32_t q = 0; q < 2; q++) {
		const struct vu_vring *vring = &vu_device_queue(port.dev, q)->vring;

		if (vring->snapshot == NULL)
			continue;
		check_entries(vring->snapshot, vring->pos, 0);
		check_entries(vring->snapshot, vring->pos, VU_DESC_F_WRITE);
		check_single_entries(vring->snapshot, vring->pos, 0);
		check_single_entries(vring->snapshot, vring->pos, VU_DESC_F_WRITE);
	}
}

/* ---- the device ---- */

static struct vu_mem_table *
mem_create(void)
{
	struct vu_mem_region_conf confs[RTE_DIM(regions)];
	struct vu_mem_table *mem;

	for (unsigned int i = 0; i < RTE_DIM(regions); i++) {
		confs[i] = regions[i];
		confs[i].uva = regions[i].gpa + UVA_OFFSET;
		confs[i].numa_node = VU_MEM_NODE_ANY;
		confs[i].fd = fcntl(guest_fd, F_DUPFD_CLOEXEC, 0);
	}
	mem = vu_mem_table_create(confs, RTE_DIM(confs), "fuzz");
	CHECK(mem != NULL);
	return mem;
}

/*
 * What the guest writes of both rings lies at the start of the memory, without gaps except
 * alignment: short inputs reach everything.
 */
static struct vu_vring_conf
ring_conf(uint32_t q, uint32_t size)
{
	const uint64_t desc_bytes = size * sizeof(struct vu_split_desc);
	const uint64_t ring_bytes =
		RTE_ALIGN_CEIL(desc_bytes + chain_layout.driver_bytes(size), 16);
	const uint64_t uva = UVA_OFFSET + q * ring_bytes;

	return (struct vu_vring_conf){
		.desc_uva = uva,
		.avail_uva = uva + desc_bytes,
		.used_uva = UVA_OFFSET + USED_GPA + q * USED_BYTES,
	};
}

static void
device_start(uint8_t options, uint32_t size)
{
	const uint16_t simd_bits = (options & 0x80) != 0 ? RTE_VECT_SIMD_256 : RTE_VECT_SIMD_512;
	uint64_t features = chain_layout.features;

	for (unsigned int bit = 0; bit < RTE_DIM(feature_bits); bit++)
		if ((options & (1u << bit)) == 0)
			features |= feature_bits[bit];
	/* What the processor cannot do is not chosen. */
	rte_vect_set_max_simd_bitwidth(simd_bits);
	rig_port_connect(&port);
	CHECK(vu_device_set_features(port.dev, features) == 0);
	vu_device_set_mem(port.dev, mem_create());
	for (uint32_t q = 0; q < 2; q++) {
		const struct vu_vring_conf conf = ring_conf(q, size);

		CHECK(vu_device_ring_set_size(port.dev, q, size) == 0);
		CHECK(vu_device_ring_set_addr(port.dev, q, &conf) == 0);
		CHECK(vu_device_ring_set_base(port.dev, q, chain_layout.base(options)) == 0);
		vu_device_ring_start(port.dev, q, VU_FD_NONE);
		vu_device_ring_enable(port.dev, q, (options & (0x10u << q)) == 0);
	}
	rig_port_commit(&port);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const unsigned int nb_fds_before = rig_count_fds();
	struct fuzz_input input = { bytes, len };
	uint8_t options = fuzz_take_u8(&input);
	uint32_t size = chain_layout.size(fuzz_take_u8(&input));
	size_t image_bytes = fuzz_take_u16(&input) % (MAX_IMAGE_BYTES + 1);

	memset(guest, 0, FILE_BYTES);
	fuzz_take(&input, guest + IMAGE_OFFSET, RTE_MIN(image_bytes, input.len));
	device_start(options, size);
	check_rings();
	session_rig_turn(&rig);
	for (unsigned int turn = 0; turn < MAX_TURNS && input.len != 0; turn++) {
		for (unsigned int i = 0; i < CHANGES_PER_TURN; i++) {
			uint16_t offset = fuzz_take_u16(&input) % (FILE_BYTES - IMAGE_OFFSET - 1);
			uint16_t value = fuzz_take_u16(&input);

			memcpy(guest + IMAGE_OFFSET + offset, &value, sizeof(value));
		}
		check_rings();
		session_rig_turn(&rig);
	}
	rig_port_disconnect(&port);
	CHECK(rig_count_fds() == nb_fds_before);
	return 0;
}
