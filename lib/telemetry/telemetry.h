/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to lib/telemetry: one function per view, run on the control lcore.
 */
#ifndef TELEMETRY_H
#define TELEMETRY_H

#include <inttypes.h>

#include <rte_telemetry.h>
#include <rte_version.h>

#include "vu_device.h"
#include "vu_telemetry.h"

/** Fill the answer. @return 0, or -errno for an error answer */
typedef int (*telemetry_view_fn)(struct vu_sched *sched, const char *params,
	struct rte_tel_data *data);

/**
 * Add a part to an answer under a name made by printf; it is freed if there is no room for it.
 * @return 0 or -ENOSPC
 */
int telemetry_add_part(struct rte_tel_data *data, struct rte_tel_data *part, const char *format,
	...) __attribute__((format(printf, 3, 4)));

/** Device that the parameter names, or NULL. */
struct vu_device *telemetry_device(const char *params);

int telemetry_list(struct vu_sched *sched, const char *params, struct rte_tel_data *data);
int telemetry_info(struct vu_sched *sched, const char *params, struct rte_tel_data *data);
int telemetry_features(struct vu_sched *sched, const char *params, struct rte_tel_data *data);
int telemetry_queue_stats(struct vu_sched *sched, const char *params, struct rte_tel_data *data);
int telemetry_mem(struct vu_sched *sched, const char *params, struct rte_tel_data *data);
int telemetry_lcore(struct vu_sched *sched, const char *params, struct rte_tel_data *data);

/* The type of numbers in telemetry answers changed its name between releases. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define telemetry_add_uint rte_tel_data_add_dict_uint
#else
#define telemetry_add_uint rte_tel_data_add_dict_u64
#endif

#endif /* TELEMETRY_H */
