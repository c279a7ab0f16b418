/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random numbers for tests: the same sequence for the same seed, so that a failure can be repeated.
 */
#ifndef FAKE_RAND_H
#define FAKE_RAND_H

#include <stdbool.h>
#include <stdint.h>

/** Initialise with any seed but 0. */
struct fake_rand {
	uint64_t state;
};

/** @return 64 random bits */
static inline uint64_t
fake_rand_u64(struct fake_rand *rand)
{
	uint64_t x = rand->state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	rand->state = x;
	return x * UINT64_C(0x9e3779b97f4a7c15);
}

/** @return a number of low..high, both included */
static inline uint32_t
fake_rand_in(struct fake_rand *rand, uint32_t low, uint32_t high)
{
	return low + (uint32_t)((fake_rand_u64(rand) >> 32) % ((uint64_t)high - low + 1));
}

/** @return true in one of n calls */
static inline bool
fake_rand_one_in(struct fake_rand *rand, uint32_t n)
{
	return fake_rand_in(rand, 1, n) == 1;
}

#endif /* FAKE_RAND_H */
