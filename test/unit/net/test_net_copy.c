/* SPDX-License-Identifier: BSD-3-Clause
 *
 * lib/base/vu_copy.h as each variant of the net driver compiled it: every length at every
 * alignment, with memory around it that must not change or, behind guard pages, must not be
 * touched. A touch of those ends the program.
 */
#include "test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_rand.h"
#include "net_burst.h"

#define MAX_BYTES 600
#define MAX_ALIGN 64
#define AREA_BYTES (MAX_ALIGN + MAX_BYTES + MAX_ALIGN)
#define FILLER 0xee

static void
fill_random(uint8_t *bytes, uint32_t nb)
{
	struct fake_rand rand = { 99 };

	for (uint32_t i = 0; i < nb; i++)
		bytes[i] = (uint8_t)(fake_rand_u64(&rand) >> 56);
}

/* Copy between offsets of two areas; all but the bytes asked for must still be filler. */
static void
check_copy(const struct net_burst_ops *ops, uint32_t dst_offset, uint32_t src_offset, uint32_t nb)
{
	static uint8_t src[AREA_BYTES] __rte_aligned(MAX_ALIGN); /* filled once */
	static uint8_t dst[AREA_BYTES] __rte_aligned(MAX_ALIGN);
	uint8_t wanted[AREA_BYTES];

	if (src[0] == 0)
		fill_random(src, sizeof(src));
	memset(dst, FILLER, sizeof(dst));
	memset(wanted, FILLER, sizeof(wanted));
	memcpy(&wanted[dst_offset], &src[src_offset], nb);
	ops->copy(&dst[dst_offset], &src[src_offset], nb);
	if (memcmp(dst, wanted, sizeof(dst)) != 0)
		expect_fail(__FILE__, __LINE__, "%s: %u bytes from +%u to +%u", ops->name, nb,
			src_offset, dst_offset);
}

static void
check_alignments(const struct net_burst_ops *ops)
{
	for (uint32_t nb = 0; nb <= MAX_BYTES; nb++) {
		for (uint32_t i = 0; i < MAX_ALIGN; i++) {
			check_copy(ops, i, (7 * i + nb) % MAX_ALIGN, nb);
			check_copy(ops, 0, i, nb);
			check_copy(ops, i, 0, nb);
		}
	}
}

/* A page with nothing on either side of it. */
static uint8_t *
guarded_page(size_t page_bytes)
{
	uint8_t *area = mmap(NULL, 3 * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(area != MAP_FAILED);
	CHECK(mprotect(area + page_bytes, page_bytes, PROT_READ | PROT_WRITE) == 0);
	return area + page_bytes;
}

/* Source and destination at the first or last bytes of their pages. */
static void
check_borders(const struct net_burst_ops *ops, uint8_t *dst, uint8_t *src, size_t page_bytes)
{
	for (uint32_t nb = 0; nb <= MAX_BYTES; nb++) {
		for (unsigned int i = 0; i < 4; i++) {
			uint8_t *from = i % 2 == 0 ? src : src + page_bytes - nb;
			uint8_t *to = i / 2 == 0 ? dst : dst + page_bytes - nb;

			memset(dst, FILLER, page_bytes);
			ops->copy(to, from, nb);
			CHECK(memcmp(to, from, nb) == 0);
			/* On the side where there is no guard. */
			CHECK(i / 2 != 0 || to[nb] == FILLER);
			CHECK(i / 2 == 0 || to[-1] == FILLER);
		}
	}
}

VU_TEST(net_copy, every_length_and_alignment)
{
	unsigned int nb_variants;
	const struct net_variant *variants = net_variant_list(&nb_variants);

	for (unsigned int i = 0; i < nb_variants; i++)
		if (variants[i].is_runnable())
			check_alignments(variants[i].ops);
}

VU_TEST(net_copy, no_byte_more_is_touched)
{
	const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *src = guarded_page(page_bytes), *dst = guarded_page(page_bytes);
	unsigned int nb_variants;
	const struct net_variant *variants = net_variant_list(&nb_variants);

	fill_random(src, (uint32_t)page_bytes);
	for (unsigned int i = 0; i < nb_variants; i++)
		if (variants[i].is_runnable())
			check_borders(variants[i].ops, dst, src, page_bytes);
	munmap(src - page_bytes, 3 * page_bytes);
	munmap(dst - page_bytes, 3 * page_bytes);
}
