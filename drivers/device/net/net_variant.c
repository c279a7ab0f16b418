/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which burst functions a ring gets. Control lcore, when the ring starts.
 */
#include "net_burst.h"

#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "vu_copy.h"

static void
copy_any(void *dst, const void *src, size_t len_bytes)
{
	vu_copy(dst, src, len_bytes);
}

const struct net_burst_ops net_burst_any = {
	.name = "any",
	.take = net_take_any,
	.put = net_put_any,
	.copy = copy_any,
};

/* The best of what the processor has and the user allows (--force-max-simd-bitwidth). */
static const struct net_burst_ops *
variant_of_isa(bool is_packed)
{
#ifdef RTE_ARCH_X86
	uint16_t bits = rte_vect_get_max_simd_bitwidth();

	if (bits >= RTE_VECT_SIMD_512 && rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0)
		return is_packed ? &net_fast_packed_avx512 : &net_fast_split_avx512;
	if (bits >= RTE_VECT_SIMD_256 && rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0)
		return is_packed ? &net_fast_packed_avx2 : &net_fast_split_avx2;
#endif
	return is_packed ? &net_fast_packed_base : &net_fast_split_base;
}

const struct net_burst_ops *
net_variant_choose(const struct vu_vring_live *live)
{
	const uint64_t long_header = RTE_BIT64(NET_F_MRG_RXBUF) | RTE_BIT64(NET_F_VERSION_1);

	if ((live->features & long_header) == 0)
		return &net_burst_any;
	return variant_of_isa(live->is_packed);
}
