/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A vhost-user device on an installed libvu: fills each buffer of its guest with 0, 1, 2, ...
 * usage: device [EAL options] -- SOCKET
 */
#include <stdio.h>

#include <rte_eal.h>

#include <vu_daemon.h>
#include <vu_virtio.h>
#include <vu/vu_device_driver.h>

/* Data lcore. */
static uint32_t
pattern_serve(struct vu_device_queue *queue, const struct vu_chain *chain)
{
	struct vu_seg_cursor cursor;
	uint32_t nb_bytes;
	uint8_t *dst, next = 0;

	(void)queue;
	vu_seg_cursor_init(&cursor, &chain->seg[chain->nb_read], chain->nb_write);
	while ((dst = vu_seg_cursor_next(&cursor, 1, &nb_bytes)) != NULL)
		*dst = next++;
	return chain->write_bytes;
}

static struct vu_device_ops pattern_ops;

RTE_INIT(pattern_register)
{
	pattern_ops.name = "pattern";
	pattern_ops.virtio_id = VIRTIO_ID_RNG;
	pattern_ops.serve_chain = pattern_serve;
	vu_device_driver_register(&pattern_ops);
}

int
main(int argc, char **argv)
{
	struct vu_daemon_conf conf;
	char socket[128];
	int status = 1, rc = rte_eal_init(argc, argv);

	if (rc < 0 || rc + 1 >= argc)
		return 1;
	snprintf(socket, sizeof(socket), "%s,device=pattern", argv[rc + 1]);
	vu_daemon_conf_init(&conf);
	if (vu_daemon_conf_set(&conf, "socket", socket) == 0)
		status = vu_daemon_main(&conf, "device");
	else
		fprintf(stderr, "device: %s\n", conf.errmsg);
	vu_daemon_conf_fini(&conf);
	rte_eal_cleanup();
	return status;
}
