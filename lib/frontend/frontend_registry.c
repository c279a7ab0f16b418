/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Drivers by name. They register themselves before main; the list does not change afterwards.
 */
#include "frontend.h"

#include <string.h>

#include <rte_debug.h>

#define MAX_DRIVERS 8

static const struct vu_frontend_ops *drivers[MAX_DRIVERS];
static unsigned int nb_drivers;

void
vu_frontend_driver_register(const struct vu_frontend_ops *ops)
{
	RTE_VERIFY(nb_drivers < MAX_DRIVERS);
	drivers[nb_drivers++] = ops;
}

const struct vu_frontend_ops *
frontend_driver_find(const char *name)
{
	for (unsigned int i = 0; i < nb_drivers; i++)
		if (strcmp(drivers[i]->name, name) == 0)
			return drivers[i];
	return NULL;
}
