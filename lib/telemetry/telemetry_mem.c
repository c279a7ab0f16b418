/* SPDX-License-Identifier: BSD-3-Clause
 *
 * View of a device's memory table. Control lcore. Our own addresses are left out.
 */
#include "telemetry.h"

#include <errno.h>
#include <stdio.h>

#include "vu_mem.h"

static void
mem_add_region(struct rte_tel_data *region, const struct vu_mem_table *mem, unsigned int idx)
{
	struct vu_mem_region_info info;

	vu_mem_region_info_get(mem, idx, &info);
	rte_tel_data_start_dict(region);
	telemetry_add_uint(region, "gpa", info.gpa);
	telemetry_add_uint(region, "uva", info.uva);
	telemetry_add_uint(region, "len_bytes", info.len);
	telemetry_add_uint(region, "page_bytes", info.page_bytes);
	rte_tel_data_add_dict_int(region, "numa_node", vu_mem_region_node(mem, idx));
	telemetry_add_uint(region, "failed", info.has_failed);
}

int
telemetry_mem(struct vu_sched *sched, const char *params, struct rte_tel_data *data)
{
	const struct vu_device *dev = telemetry_device(params);
	const struct vu_mem_table *mem;

	(void)sched;
	if (dev == NULL)
		return -EINVAL;
	mem = vu_device_mem(dev);
	rte_tel_data_start_dict(data);
	for (unsigned int i = 0; mem != NULL && i < vu_mem_table_nb_regions(mem); i++) {
		struct rte_tel_data *region = rte_tel_data_alloc();

		if (region == NULL)
			return -ENOMEM;
		mem_add_region(region, mem, i);
		if (telemetry_add_part(data, region, "region%u", i) != 0)
			break;
	}
	return 0;
}
