/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Registers the trace points, unless another copy of this library in the process has: EAL does not
 * start with two of one name, and it loads the ethdev driver from its plug-in folder into vu-pmd.
 * The trace points of the second copy stay off.
 */
#include <rte_trace_point_register.h>

#include "vu_trace.h"

static int
trace_register_once(rte_trace_point_t *handle, const char *name, void (*emit)(void))
{
	return rte_trace_point_lookup(name) != NULL ? 0 :
		__rte_trace_point_register(handle, name, emit);
}

/* Used by the macros below. */
#define __rte_trace_point_register trace_register_once

RTE_TRACE_POINT_REGISTER(vu_trace_session_open, vu.session.open)
RTE_TRACE_POINT_REGISTER(vu_trace_session_close, vu.session.close)
RTE_TRACE_POINT_REGISTER(vu_trace_request, vu.request)
RTE_TRACE_POINT_REGISTER(vu_trace_ring_start, vu.ring.start)
RTE_TRACE_POINT_REGISTER(vu_trace_ring_stop, vu.ring.stop)
