/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two guests of a switch on one lcore, each with any features, layout and memory that the input
 * says: frames go straight from one to the other or by way of mbufs, with what they ask of
 * checksums and segmentation. Every mbuf must be back in the end.
 *
 * Input, for each guest: features (16 bit), width of vectors (2 bit) and bytes of the memory image
 * (14 bit), the image, which begins with the rings; then changes of the memory, four and a turn of
 * the lcore at a time.
 */
#include <string.h>

#include <rte_bitops.h>
#include <rte_vect.h>

#include "expect.h"
#include "fuzz.h"
#include "session_rig.h"
#include "switch.h"
#include "vu_fd.h"
#include "vu_virtio.h"

#define NB_GUESTS 2
#define UVA_OFFSET UINT64_C(0x7f0000000000)
#define RING_SIZE 8
#define RING_BYTES 0x100 /* of what the guest writes */
#define IMAGE_BYTES 0x1000
#define MEM_BYTES 0x8000
#define USED_GPA 0x7000  /* behind what an input changes */
#define CHANGES_PER_TURN 4
#define MAX_TURNS 32

/* Bit i leaves out feature i; those behind the last one mean something else. */
static const uint8_t feature_bits[] = {
	32, /* VERSION_1 */
	15, /* MRG_RXBUF */
	28, /* INDIRECT_DESC */
	29, /* EVENT_IDX */
	35, /* IN_ORDER */
	0,  /* CSUM */
	11, 12, 13, /* HOST_TSO4, HOST_TSO6, HOST_ECN */
	1,  /* GUEST_CSUM */
	7, 8, 9,    /* GUEST_TSO4, GUEST_TSO6, GUEST_ECN */
};
#define OPTION_PACKED 0x2000
#define OPTION_OTHER_LAP 0x4000 /* of a packed ring */
#define OPTION_DISABLED 0x8000  /* ring 1 */

static const uint16_t simd_bits[] = {
	RTE_VECT_SIMD_512, RTE_VECT_SIMD_256, RTE_VECT_SIMD_128, RTE_VECT_SIMD_DISABLED,
};

static struct session_rig rig;
static struct rig_port guests[NB_GUESTS];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_start_eal();
	session_rig_init(&rig);
	for (unsigned int i = 0; i < NB_GUESTS; i++) {
		const struct vu_device_conf conf = session_device_conf(&rig, "forward=switch");

		rig_device_open(&guests[i], "net", &conf);
		fake_guest_init_flat(&guests[i].guest, 0, UVA_OFFSET, MEM_BYTES);
	}
	return 0;
}

static void
guest_start_ring(const struct rig_port *guest, uint32_t q, uint16_t options)
{
	const uint64_t uva = UVA_OFFSET + q * RING_BYTES;
	const struct vu_vring_conf conf = {
		.desc_uva = uva,
		.avail_uva = uva + RING_SIZE * sizeof(struct vu_split_desc),
		.used_uva = UVA_OFFSET + USED_GPA + q * RING_BYTES,
	};
	const bool is_fresh_packed = (options & OPTION_PACKED) != 0 &&
		(options & OPTION_OTHER_LAP) == 0;
	struct vu_device *dev = guest->dev;

	CHECK(vu_device_ring_set_size(dev, q, RING_SIZE) == 0);
	CHECK(vu_device_ring_set_addr(dev, q, &conf) == 0);
	CHECK(vu_device_ring_set_base(dev, q, is_fresh_packed ? VU_PACKED_FRESH_BASE : 0) == 0);
	vu_device_ring_start(dev, q, VU_FD_NONE);
	vu_device_ring_enable(dev, q, q == 0 || (options & OPTION_DISABLED) == 0);
}

static void
guest_start(struct rig_port *guest, struct fuzz_input *input)
{
	uint16_t options = fuzz_take_u16(input), image = fuzz_take_u16(input);
	size_t image_bytes = image % IMAGE_BYTES;
	uint64_t features = 0;

	/* What the processor cannot do is not chosen. */
	rte_vect_set_max_simd_bitwidth(simd_bits[image >> 14]);
	memset(guest->guest.base, 0, MEM_BYTES);
	fuzz_take(input, guest->guest.base, RTE_MIN(image_bytes, input->len));
	for (unsigned int bit = 0; bit < RTE_DIM(feature_bits); bit++)
		if ((options & (1u << bit)) == 0)
			features |= RTE_BIT64(feature_bits[bit]);
	if ((options & OPTION_PACKED) != 0)
		features |= RTE_BIT64(VIRTIO_F_RING_PACKED);
	rig_port_connect(guest);
	CHECK(vu_device_set_features(guest->dev, features) == 0);
	vu_device_set_mem(guest->dev, fake_guest_mem(&guest->guest));
	for (uint32_t q = 0; q < 2; q++)
		guest_start_ring(guest, q, options);
	rig_port_commit(guest);
}

/* The lowest bit of an offset says whose memory it is. */
static void
change_memory(struct fuzz_input *input)
{
	uint16_t offset = fuzz_take_u16(input);
	uint16_t value = fuzz_take_u16(input);

	memcpy(guests[offset & 1].guest.base + (offset % USED_GPA & ~1), &value, sizeof(value));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct fuzz_input input = { bytes, len };

	/* Whatever earlier inputs said. */
	for (unsigned int i = 0; i < NB_GUESTS; i++)
		switch_reset(guests[i].dev, (uint8_t)(i + 1));
	for (unsigned int i = 0; i < NB_GUESTS; i++)
		guest_start(&guests[i], &input);
	session_rig_turn(&rig);
	for (unsigned int turn = 0; turn < MAX_TURNS && input.len != 0; turn++) {
		for (unsigned int i = 0; i < CHANGES_PER_TURN; i++)
			change_memory(&input);
		session_rig_turn(&rig);
	}
	for (unsigned int i = 0; i < NB_GUESTS; i++)
		rig_port_disconnect(&guests[i]);
	CHECK(switch_has_all_mbufs(guests[0].dev));
	return 0;
}
