/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: eight descriptors of the packed layout at once, for code that is compiled for
 * AVX-512; empty for any other. Included by vu_vring_packed.h, whose loops go on where these end.
 */
#ifndef VU_VRING_PACKED_AVX512_H
#define VU_VRING_PACKED_AVX512_H

#if defined(__AVX512F__) && defined(__AVX512VL__)
/** The functions below are there. */
#define VU_PACKED_HAS_EIGHTS 1

#include <immintrin.h>

#include <rte_atomic.h>

#include "vu_export.h"
#include "vu_mem_translate.h"
#include "vu_vring_burst.h"
#include "vu_vring_snapshot.h"

VU_API_BEGIN

/** Descriptors handled at once: two cache lines. */
#define VU_PACKED_LANES 8

/*
 * One 64-bit half of each of eight descriptors that follow each other: 0 = address,
 * 1 = length, id and flags.
 */
static __rte_always_inline __m512i
vu_packed_load_halves(const struct vu_packed_desc *descs, const int half)
{
	const __m512i pick = _mm512_add_epi64(_mm512_set1_epi64(half),
		_mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14));

	return _mm512_permutex2var_epi64(_mm512_loadu_si512(&descs[0]), pick,
		_mm512_loadu_si512(&descs[4]));
}

/**
 * Worker of vu_packed_peek_single(): the entries at the head of the burst, in eights, as long as
 * all eight are single and lie in one region.
 *
 * @param descs   first slot
 * @param region  region to check against
 * @param burst   filled
 * @param nb      slots to look at
 * @param mask    bits of a descriptor's flags that matter
 * @param single   their value in a single, available descriptor
 * @return entries filled, a multiple of eight
 * @context owner lcore
 */
static __rte_always_inline uint16_t
vu_packed_peek_eights(const struct vu_packed_desc *descs, const struct vu_mem_region *region,
	struct vu_burst *burst, uint16_t nb, uint64_t mask, uint64_t single)
{
	const __m512i masks = _mm512_set1_epi64((long long)(mask << 48));
	const __m512i singles = _mm512_set1_epi64((long long)(single << 48));
	const __m512i ends = _mm512_set1_epi64((long long)region->gpa_end);
	const __m512i sizes = _mm512_set1_epi64((long long)region->len);
	const __m512i deltas = _mm512_set1_epi64((long long)region->hva_minus_gpa);
	uint16_t i;

	for (i = 0; i + VU_PACKED_LANES <= nb; i += VU_PACKED_LANES) {
		/*
		 * The addresses are taken from a second load, behind that of the flags: what order
		 * the parts of one load come in is nowhere promised.
		 */
		__m512i words = vu_packed_load_halves(&descs[i], 1);
		__m512i gpas, lefts, lens;
		__mmask8 good;

		rte_smp_rmb();
		gpas = vu_packed_load_halves(&descs[i], 0);
		lefts = _mm512_sub_epi64(ends, gpas);
		lens = _mm512_and_si512(words, _mm512_set1_epi64(UINT32_MAX));
		good = _mm512_cmpeq_epi64_mask(_mm512_and_si512(words, masks), singles);
		good = _mm512_mask_cmple_epu64_mask(good, lefts, sizes);
		good = _mm512_mask_cmple_epu64_mask(good, lens, lefts);
		if (good != 0xff)
			break;
		_mm512_storeu_si512(&burst->hva[i], _mm512_add_epi64(gpas, deltas));
		_mm256_storeu_si256((__m256i *)(void *)&burst->len_bytes[i],
			_mm512_cvtepi64_epi32(words));
		_mm_storeu_si128((__m128i *)(void *)&burst->head[i],
			_mm512_cvtepi64_epi16(_mm512_srli_epi64(words, 32)));
	}
	return i;
}

/**
 * Worker of vu_packed_commit_single(): write used descriptors, in eights, except the first one's
 * second half.
 *
 * @param descs      slot of entry 0
 * @param burst      entries
 * @param nb         entries, in slots that follow each other
 * @param flags      ownership flags of a used descriptor
 * @param has_bytes  false: nothing was written to any buffer
 * @return entries written, a multiple of eight; entry 0 is left to the caller
 * @context owner lcore
 */
static __rte_always_inline uint16_t
vu_packed_commit_eights(struct vu_packed_desc *descs, const struct vu_burst *burst, uint16_t nb,
	uint16_t flags, const bool has_bytes)
{
	const __m512i own = _mm512_set1_epi64((long long)((uint64_t)flags << 48));
	const __m512i write = _mm512_set1_epi64((long long)((uint64_t)VU_DESC_F_WRITE << 48));
	const __m512i low = _mm512_setr_epi64(0, 0, 0, 1, 0, 2, 0, 3);
	const __m512i high = _mm512_setr_epi64(0, 4, 0, 5, 0, 6, 0, 7);
	__mmask8 odd = 0xa8; /* without the very first */
	uint16_t i;

	for (i = 0; i + VU_PACKED_LANES <= nb; i += VU_PACKED_LANES) {
		__m512i words = _mm512_or_si512(own, _mm512_slli_epi64(_mm512_cvtepu16_epi64(
			_mm_loadu_si128((const __m128i *)(const void *)&burst->head[i])), 32));

		if (has_bytes) {
			__m512i bytes = _mm512_cvtepu32_epi64(_mm256_loadu_si256(
				(const __m256i *)(const void *)&burst->used_bytes[i]));
			__mmask8 is_written = _mm512_test_epi64_mask(bytes, bytes);

			words = _mm512_or_si512(words, bytes);
			words = _mm512_mask_or_epi64(words, is_written, words, write);
		}
		_mm512_mask_storeu_epi64(&descs[i], odd, _mm512_permutexvar_epi64(low, words));
		_mm512_mask_storeu_epi64(&descs[i + 4], 0xaa,
			_mm512_permutexvar_epi64(high, words));
		odd = 0xaa;
	}
	return i;
}

VU_API_END

#else
#define VU_PACKED_HAS_EIGHTS 0
#endif

#endif /* VU_VRING_PACKED_AVX512_H */
