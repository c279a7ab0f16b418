/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver SDK: copies of frames, inlined for the instruction set that the including file is compiled
 * for. Exactly the bytes asked for are read and written: the memory next to them is the guest's.
 * A copy is a run of whole vectors and one last vector that may overlap them, so its cost has few
 * steps and no loop over odd bytes.
 */
#ifndef VU_COPY_H
#define VU_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "vu_export.h"

#if defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__BMI2__)
#include <immintrin.h>
#define VU_COPY_VECTOR_BYTES 64
#define VU_COPY_HAS_MASKS 1
#elif defined(__AVX2__)
#define VU_COPY_VECTOR_BYTES 32
#else
#define VU_COPY_VECTOR_BYTES 16
#endif

VU_API_BEGIN

/** 16 bytes at any address: one move, however the compiler expands memcpy. */
typedef uint8_t vu_copy_16 __attribute__((vector_size(16), aligned(1), may_alias));
/** 32 bytes at any address. */
typedef uint8_t vu_copy_32 __attribute__((vector_size(32), aligned(1), may_alias));
/** The widest vector there is. */
typedef uint8_t vu_copy_vector __attribute__((vector_size(VU_COPY_VECTOR_BYTES), aligned(1),
	may_alias));

/** Copy one vector. @context any thread */
static __rte_always_inline void
vu_copy_one_vector(uint8_t *dst, const uint8_t *src)
{
	*(vu_copy_vector *)dst = *(const vu_copy_vector *)src;
}

#ifdef VU_COPY_HAS_MASKS
/** Mask of the first bytes of a vector. @context any thread */
static __rte_always_inline __mmask64
vu_copy_mask(size_t nb)
{
	return _bzhi_u64(UINT64_MAX, (unsigned int)nb);
}
#endif

/* Two moves of the same constant size that meet or overlap; both are read before one is written. */
#define VU_COPY_TWO(type, dst, src, len_bytes) do { \
	type first_, last_; \
	memcpy(&first_, (src), sizeof(type)); \
	memcpy(&last_, (src) + (len_bytes) - sizeof(type), sizeof(type)); \
	memcpy((dst), &first_, sizeof(type)); \
	memcpy((dst) + (len_bytes) - sizeof(type), &last_, sizeof(type)); \
} while (0)

/** Less than one vector. @context any thread */
static __rte_always_inline void
vu_copy_short(uint8_t *dst, const uint8_t *src, size_t len_bytes)
{
	if (VU_COPY_VECTOR_BYTES > 32 && len_bytes >= 32)
		VU_COPY_TWO(vu_copy_32, dst, src, len_bytes);
	else if (VU_COPY_VECTOR_BYTES > 16 && len_bytes >= 16)
		VU_COPY_TWO(vu_copy_16, dst, src, len_bytes);
	else if (len_bytes >= 8)
		VU_COPY_TWO(uint64_t, dst, src, len_bytes);
	else if (len_bytes >= 4)
		VU_COPY_TWO(uint32_t, dst, src, len_bytes);
	else if (len_bytes >= 2)
		VU_COPY_TWO(uint16_t, dst, src, len_bytes);
	else if (len_bytes == 1)
		*dst = *src;
}

/**
 * Copy with whole vectors only: the last one ends where the bytes end and may begin before `src`
 * and `dst`, whose bytes there are read and written, too.
 *
 * @param dst        any alignment; VU_COPY_VECTOR_BYTES in front of it are the caller's to spoil
 * @param src        any alignment; VU_COPY_VECTOR_BYTES in front of it are readable
 * @param len_bytes  0 and more
 * @context any thread
 */
static __rte_always_inline void
vu_copy_vectors(uint8_t *dst, const uint8_t *src, size_t len_bytes)
{
	for (; len_bytes > 4 * VU_COPY_VECTOR_BYTES; len_bytes -= 4 * VU_COPY_VECTOR_BYTES) {
		vu_copy_one_vector(dst, src);
		vu_copy_one_vector(dst + VU_COPY_VECTOR_BYTES, src + VU_COPY_VECTOR_BYTES);
		vu_copy_one_vector(dst + 2 * VU_COPY_VECTOR_BYTES, src + 2 * VU_COPY_VECTOR_BYTES);
		vu_copy_one_vector(dst + 3 * VU_COPY_VECTOR_BYTES, src + 3 * VU_COPY_VECTOR_BYTES);
		dst += 4 * VU_COPY_VECTOR_BYTES;
		src += 4 * VU_COPY_VECTOR_BYTES;
	}
	for (; len_bytes > VU_COPY_VECTOR_BYTES; len_bytes -= VU_COPY_VECTOR_BYTES) {
		vu_copy_one_vector(dst, src);
		dst += VU_COPY_VECTOR_BYTES;
		src += VU_COPY_VECTOR_BYTES;
	}
	vu_copy_one_vector(dst + len_bytes - VU_COPY_VECTOR_BYTES,
		src + len_bytes - VU_COPY_VECTOR_BYTES);
}

/**
 * Copy bytes between areas that do not overlap.
 *
 * @param dst        any alignment
 * @param src        any alignment; may be changed by others meanwhile, each byte is then old or new
 * @param len_bytes  0 and more
 * @context any thread
 */
static __rte_always_inline void
vu_copy(void *dst, const void *src, size_t len_bytes)
{
#ifdef VU_COPY_HAS_MASKS
	if (likely(len_bytes <= VU_COPY_VECTOR_BYTES)) {
		__mmask64 mask = vu_copy_mask(len_bytes);

		_mm512_mask_storeu_epi8(dst, mask, _mm512_maskz_loadu_epi8(mask, src));
		return;
	}
#endif
	if (likely(len_bytes >= VU_COPY_VECTOR_BYTES))
		vu_copy_vectors((uint8_t *)dst, (const uint8_t *)src, len_bytes);
	else
		vu_copy_short((uint8_t *)dst, (const uint8_t *)src, len_bytes);
}

VU_API_END

#endif /* VU_COPY_H */
