/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the fuzz targets share: DPDK started once, the input as a stream that never runs dry, and
 * the entry points by which libFuzzer or replay.c calls them. A target is one file that defines
 * LLVMFuzzerInitialize() and LLVMFuzzerTestOneInput().
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Called once, before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/** Runs one input; ends the process if something is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/** Start EAL, quiet, without hugepages, with a file prefix of our own; ends the process if not. */
void fuzz_start_eal(void);

/** An input, read from front to back. Behind its end everything is zero. */
struct fuzz_input {
	const uint8_t *bytes;
	size_t len; /* bytes left */
};

/** Next `len` bytes. */
void fuzz_take(struct fuzz_input *input, void *to, size_t len);

/** Next byte. */
uint8_t fuzz_take_u8(struct fuzz_input *input);

/** Next two bytes. */
uint16_t fuzz_take_u16(struct fuzz_input *input);

#endif /* FUZZ_H */
