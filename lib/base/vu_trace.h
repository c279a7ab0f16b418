/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Trace points, for EAL's --trace=vu.*: what front-ends and rings do, none on the data path. Off
 * they cost one load each.
 */
#ifndef VU_TRACE_H
#define VU_TRACE_H

#include <stdint.h>

#include <rte_trace_point.h>

/** A front-end connected to a device, or its session ended for a reason. */
RTE_TRACE_POINT(vu_trace_session_open,
	RTE_TRACE_POINT_ARGS(const char *device),
	rte_trace_point_emit_string(device);
)
RTE_TRACE_POINT(vu_trace_session_close,
	RTE_TRACE_POINT_ARGS(const char *device, const char *reason),
	rte_trace_point_emit_string(device);
	rte_trace_point_emit_string(reason);
)

/** A request was handled; result is 0 or -errno. */
RTE_TRACE_POINT(vu_trace_request,
	RTE_TRACE_POINT_ARGS(const char *device, uint32_t request, int result),
	rte_trace_point_emit_string(device);
	rte_trace_point_emit_u32(request);
	rte_trace_point_emit_int(result);
)

/** A ring was published or taken away. */
RTE_TRACE_POINT(vu_trace_ring_start,
	RTE_TRACE_POINT_ARGS(const char *device, uint32_t queue_idx, uint32_t size),
	rte_trace_point_emit_string(device);
	rte_trace_point_emit_u32(queue_idx);
	rte_trace_point_emit_u32(size);
)
RTE_TRACE_POINT(vu_trace_ring_stop,
	RTE_TRACE_POINT_ARGS(const char *device, uint32_t queue_idx),
	rte_trace_point_emit_string(device);
	rte_trace_point_emit_u32(queue_idx);
)

#endif /* VU_TRACE_H */
