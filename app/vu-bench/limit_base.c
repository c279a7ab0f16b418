/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Loops of the `limit` for what the whole program is compiled for.
 */
#define LIMIT_WITH_LOOPS
#include "limit_loop.h"

LIMIT_LOOPS(limit_loops_base);
