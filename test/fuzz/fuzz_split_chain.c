/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Split rings for chain.c; the size byte is the logarithm.
 */
#include "chain.h"

static uint32_t
split_size(uint8_t byte)
{
	return 1u << (byte % 6);
}

/* Available ring with the event index behind it. */
static uint64_t
split_driver_bytes(uint32_t size)
{
	return size * sizeof(uint16_t) + 6;
}

static uint32_t
split_base(uint8_t options)
{
	(void)options;
	return 0;
}

const struct chain_layout chain_layout = {
	.size = split_size,
	.driver_bytes = split_driver_bytes,
	.base = split_base,
};
