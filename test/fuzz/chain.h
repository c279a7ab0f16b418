/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the targets fuzz_split_chain and fuzz_packed_chain have in common, and what each of them
 * says about its layout.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include <stdint.h>

#define CHAIN_MAX_SIZE 32

struct chain_layout {
	uint64_t features;                    /* always negotiated */
	uint32_t (*size)(uint8_t byte);       /* entries, up to CHAIN_MAX_SIZE */
	uint64_t (*driver_bytes)(uint32_t size); /* what the guest writes behind the descriptors */
	uint32_t (*base)(uint8_t options);    /* where the rings start */
};

/* The target's. */
extern const struct chain_layout chain_layout;

#endif /* CHAIN_H */
