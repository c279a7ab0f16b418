/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which burst functions a ring gets. Control lcore, when the ring starts.
 */
#include "net_burst.h"

#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "net_offload.h"
#include "vu_copy.h"

static void
copy_any(void *dst, const void *src, size_t len_bytes)
{
	vu_copy(dst, src, len_bytes);
}

const struct net_burst_ops net_burst_any = {
	.name = "any",
	.dequeue = net_dequeue_any,
	.peek = net_peek_any,
	.take = net_take_any,
	.enqueue = net_enqueue_any,
	.copy = copy_any,
};

static bool
runs_everywhere(void)
{
	return true;
}

static bool
fits_every_ring(const struct vu_vring_snapshot *snap)
{
	(void)snap;
	return true;
}

/* The fast ones know the 12-byte header only, and no dirty log. */
static bool
is_plain(const struct vu_vring_snapshot *snap)
{
	return snap->log == NULL && (snap->features & (RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF) |
		RTE_BIT64(VIRTIO_F_VERSION_1))) != 0;
}

static bool
has_offloads(const struct vu_vring_snapshot *snap)
{
	return net_offload_effective(snap->features) != 0;
}

static bool
fits_split_offload(const struct vu_vring_snapshot *snap)
{
	return !snap->is_packed && is_plain(snap);
}

static bool
fits_packed_offload(const struct vu_vring_snapshot *snap)
{
	return snap->is_packed && is_plain(snap);
}

static bool
fits_split(const struct vu_vring_snapshot *snap)
{
	return fits_split_offload(snap) && !has_offloads(snap);
}

static bool
fits_packed(const struct vu_vring_snapshot *snap)
{
	return fits_packed_offload(snap) && !has_offloads(snap);
}

#ifdef RTE_ARCH_X86
static bool
runs_on_avx2(void)
{
	return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0;
}

static bool
runs_on_avx512(void)
{
	return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0 &&
		rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0 &&
		rte_cpu_get_flag_enabled(RTE_CPUFLAG_BMI2) > 0;
}
#endif

/* Those without offloads come first: where both fit they are faster. */
#define FAST_VARIANTS(isa, simd_bits, is_runnable) \
	{ &net_fast_split_##isa, simd_bits, is_runnable, fits_split }, \
	{ &net_fast_packed_##isa, simd_bits, is_runnable, fits_packed }, \
	{ &net_fast_split_offload_##isa, simd_bits, is_runnable, fits_split_offload }, \
	{ &net_fast_packed_offload_##isa, simd_bits, is_runnable, fits_packed_offload }

static const struct net_variant net_variants[] = {
#ifdef RTE_ARCH_X86
	FAST_VARIANTS(avx512, RTE_VECT_SIMD_512, runs_on_avx512),
	FAST_VARIANTS(avx2, RTE_VECT_SIMD_256, runs_on_avx2),
#endif
	FAST_VARIANTS(base, 0, runs_everywhere),
	{ &net_burst_any, 0, runs_everywhere, fits_every_ring },
};

const struct net_variant *
net_variant_list(unsigned int *nb_variants)
{
	*nb_variants = RTE_DIM(net_variants);
	return net_variants;
}

const struct net_burst_ops *
net_variant_choose(const struct vu_vring_snapshot *snap)
{
	const uint16_t max_simd_bits = rte_vect_get_max_simd_bitwidth();
	const struct net_variant *variant = net_variants;

	/* Ends at net_burst_any. */
	while (variant->simd_bits > max_simd_bits || !variant->is_fit(snap) ||
			!variant->is_runnable())
		variant++;
	return variant->ops;
}
