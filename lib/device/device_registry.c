/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Drivers register in constructors, before main(); the list is read-only afterwards.
 */
#include "device.h"

#include <errno.h>
#include <string.h>

#include "vu_parse.h"

#define DEVICE_MAX_DRIVERS 32

static const struct vu_device_ops *registry_drivers[DEVICE_MAX_DRIVERS];
static unsigned int registry_nb_drivers;
static uint32_t registry_has_control;

int
vu_device_control_claim(void)
{
	return __atomic_exchange_n(&registry_has_control, 1, __ATOMIC_ACQUIRE) == 0 ? 0 : -EBUSY;
}

void
vu_device_control_release(void)
{
	vu_store_release(&registry_has_control, 0); /* pairs with the acquire above */
}

void
vu_device_driver_register(const struct vu_device_ops *ops)
{
	RTE_VERIFY(registry_nb_drivers < DEVICE_MAX_DRIVERS);
	registry_drivers[registry_nb_drivers++] = ops;
}

const struct vu_device_ops *
device_driver_find(const char *name)
{
	for (unsigned int i = 0; i < registry_nb_drivers; i++)
		if (strcmp(registry_drivers[i]->name, name) == 0)
			return registry_drivers[i];
	return NULL;
}

const struct vu_key *
vu_device_driver_keys(const char *driver)
{
	static const struct vu_key no_keys[] = { { .name = NULL } };
	const struct vu_device_ops *ops = device_driver_find(driver);

	if (ops == NULL)
		return NULL;
	return ops->keys != NULL ? ops->keys : no_keys;
}

uint32_t
vu_device_driver_queue_group(const char *driver)
{
	const struct vu_device_ops *ops = device_driver_find(driver);

	return ops != NULL ? RTE_MAX(ops->queue_group, 1U) : 0;
}
