/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Registers the trace points.
 */
#include <rte_trace_point_register.h>

#include "vu_trace.h"

RTE_TRACE_POINT_REGISTER(vu_trace_session_open, vu.session.open)
RTE_TRACE_POINT_REGISTER(vu_trace_session_close, vu.session.close)
RTE_TRACE_POINT_REGISTER(vu_trace_request, vu.request)
RTE_TRACE_POINT_REGISTER(vu_trace_ring_start, vu.ring.start)
RTE_TRACE_POINT_REGISTER(vu_trace_ring_stop, vu.ring.stop)
