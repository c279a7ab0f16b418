/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The fast burst functions for every processor. Owner lcore.
 */
#include "net_fast.h"

NET_FAST_DEFINE(split, base, false)
NET_FAST_DEFINE(packed, base, true)
