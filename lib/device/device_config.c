/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Configuration space and MTU: hands over to the driver, with the defaults of absent operations.
 */
#include "device.h"

#include <errno.h>

int
vu_device_config_get(const struct vu_device *dev, uint32_t offset, void *buf, uint32_t len)
{
	return dev->ops->get_config != NULL ? dev->ops->get_config(dev, offset, buf, len) :
		-EOPNOTSUPP;
}

int
vu_device_config_set(struct vu_device *dev, uint32_t offset, const void *buf, uint32_t len,
	bool is_migration)
{
	return dev->ops->set_config != NULL ?
		dev->ops->set_config(dev, offset, buf, len, is_migration) : -EOPNOTSUPP;
}

int
vu_device_set_mtu(struct vu_device *dev, uint64_t mtu_bytes)
{
	return dev->ops->set_mtu != NULL ? dev->ops->set_mtu(dev, mtu_bytes) : -EOPNOTSUPP;
}
