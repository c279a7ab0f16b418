/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An application that links the driver librte_net_vu for what the ethdev API lacks.
 */
#include <errno.h>
#include <stdio.h>

#include <vu_ethdev.h>

int
main(void)
{
	struct vu_ethdev_queue_event event;
	int rc = vu_ethdev_queue_event_get(0, &event);

	printf("port: queue events of no port: %d\n", rc);
	return rc == -ENODEV ? 0 : 1;
}
