/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packed rings for chain.c, of any size; bit 6 of the options starts them in the other lap.
 */
#include "chain.h"

#include "vu_virtio.h"

static uint32_t
packed_size(uint8_t byte)
{
	return 1 + byte % CHAIN_MAX_SIZE;
}

/* The driver event suppression structure. */
static uint64_t
packed_driver_bytes(uint32_t size)
{
	(void)size;
	return 4;
}

static uint32_t
packed_base(uint8_t options)
{
	return (options & 0x40) != 0 ? 0 : UINT32_C(0x80008000);
}

const struct chain_layout chain_layout = {
	.features = RTE_BIT64(VIRTIO_F_RING_PACKED),
	.size = packed_size,
	.driver_bytes = packed_driver_bytes,
	.base = packed_base,
};
