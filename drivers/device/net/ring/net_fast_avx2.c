/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The fast burst functions for processors with AVX2. Owner lcore.
 */
#include "net_fast.h"

NET_FAST_DEFINE(split, avx2, false)
NET_FAST_DEFINE(packed, avx2, true)
