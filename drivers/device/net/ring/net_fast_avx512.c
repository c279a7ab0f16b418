/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The fast burst functions for processors with AVX-512BW and VL. Owner lcore.
 */
#include "net_fast.h"

NET_FAST_DEFINE(split, avx512, false)
NET_FAST_DEFINE(packed, avx512, true)
