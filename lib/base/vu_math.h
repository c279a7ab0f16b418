/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Arithmetic on values that a peer chose: nothing here wraps silently.
 */
#ifndef VU_MATH_H
#define VU_MATH_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

/**
 * Add.
 *
 * @return true if a + b fits 64 bits; the sum is stored in *sum then
 * @context any thread
 */
static inline bool
vu_add_fits(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

/**
 * Multiply.
 *
 * @return true if a * b fits 64 bits; the product is stored in *product then
 * @context any thread
 */
static inline bool
vu_mul_fits(uint64_t a, uint64_t b, uint64_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

/**
 * Round up to a multiple of a power of two.
 *
 * @return true if the result fits 64 bits; it is stored in *result then
 * @context any thread
 */
static inline bool
vu_align_up_fits(uint64_t value, uint64_t power_of_two, uint64_t *result)
{
	uint64_t sum;

	if (!vu_add_fits(value, power_of_two - 1, &sum))
		return false;
	*result = sum & ~(power_of_two - 1);
	return true;
}

/**
 * Ask whether a range lies inside another; no sum can wrap.
 *
 * @return true if [start, start + len) lies inside [outer, outer + outer_len)
 * @context any thread
 */
static inline bool
vu_range_inside(uint64_t start, uint64_t len, uint64_t outer, uint64_t outer_len)
{
	uint64_t offset = start - outer;

	return start >= outer && offset <= outer_len && len <= outer_len - offset;
}

/**
 * Ask whether two ranges overlap; neither may wrap around 64 bits.
 *
 * @return true if they share a byte
 * @context any thread
 */
static inline bool
vu_ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a_len != 0 && b_len != 0 && (a < b ? b - a < a_len : a - b < b_len);
}

VU_API_END

#endif /* VU_MATH_H */
