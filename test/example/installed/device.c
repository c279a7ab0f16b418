/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A vhost-user device on an installed libvu: fills each buffer of its guest with 0, 1, 2, ...
 * usage: device [EAL options] -- SOCKET
 */
#include <signal.h>
#include <stdio.h>

#include <rte_bitops.h>
#include <rte_eal.h>

#include <vu_daemon.h>
#include <vu_virtio.h>
#include <vu/vu_device_driver.h>

static struct vu_daemon *daemon_of_all;

/* Data lcore. */
static uint32_t
pattern_poll(struct vu_device_queue *queue, const struct vu_vring_snapshot *snap)
{
	struct vu_vring_guard *guard = (struct vu_vring_guard *)queue->priv;
	struct vu_vring_item item;
	struct vu_seg_cursor cursor;
	uint32_t nb_bytes;
	uint8_t *dst;
	uint8_t next = 0;

	if (!snap->is_enabled || vu_vring_pop(guard, &item, 1) == 0) {
		vu_device_queue_set_idle_word(queue, snap);
		return 0;
	}
	vu_seg_cursor_init(&cursor, &item.chain.seg[item.chain.nb_read], item.chain.nb_write);
	while ((dst = vu_seg_cursor_next(&cursor, 1, &nb_bytes)) != NULL)
		*dst = next++;
	item.used_bytes = item.chain.write_bytes;
	vu_device_queue_count(queue, 1, item.used_bytes);
	vu_vring_push(guard, &item, 1);
	if (vu_vring_needs_notification(guard) == 1)
		vu_vring_signal_used(guard);
	return 1;
}

static int
pattern_create(struct vu_device *dev, const struct vu_device_conf *conf)
{
	struct vu_device_queue *queue = vu_device_queue(dev, 0);

	(void)conf;
	queue->priv = vu_vring_guard_attach(&queue->vring, VU_LOCK_NONE);
	queue->poll = pattern_poll;
	queue->direction = VU_DEVICE_QUEUE_TO_GUEST;
	return queue->priv != NULL ? 0 : -ENOMEM;
}

static void
pattern_destroy(struct vu_device *dev)
{
	vu_vring_guard_destroy((struct vu_vring_guard *)vu_device_queue(dev, 0)->priv);
}

static uint32_t
pattern_num_queues(const struct vu_device_conf *conf)
{
	(void)conf;
	return 1;
}

static uint64_t
pattern_features(const struct vu_device *dev)
{
	(void)dev;
	return RTE_BIT64(VIRTIO_F_VERSION_1) | RTE_BIT64(VIRTIO_RING_F_EVENT_IDX);
}

static struct vu_device_ops pattern_ops;

RTE_INIT(pattern_register)
{
	pattern_ops.name = "pattern";
	pattern_ops.virtio_id = VIRTIO_ID_RNG;
	pattern_ops.num_queues = pattern_num_queues;
	pattern_ops.create = pattern_create;
	pattern_ops.destroy = pattern_destroy;
	pattern_ops.features = pattern_features;
	vu_device_driver_register(&pattern_ops);
}

static void
stop(int signum)
{
	(void)signum;
	vu_daemon_stop(daemon_of_all);
}

int
main(int argc, char **argv)
{
	struct vu_daemon_conf conf;
	char socket[128];
	int rc = rte_eal_init(argc, argv);

	if (rc < 0 || rc + 1 >= argc)
		return 1;
	snprintf(socket, sizeof(socket), "%s,device=pattern", argv[rc + 1]);
	vu_daemon_conf_init(&conf);
	rc = vu_daemon_conf_set(&conf, "socket", socket);
	if (rc == 0)
		daemon_of_all = vu_daemon_create(&conf);
	if (daemon_of_all == NULL) {
		fprintf(stderr, "device: %s\n", conf.errmsg);
		return 1;
	}
	signal(SIGTERM, stop);
	rc = vu_daemon_run(daemon_of_all);
	vu_daemon_destroy(daemon_of_all);
	vu_daemon_conf_fini(&conf);
	rte_eal_cleanup();
	return rc == 0 ? 0 : 1;
}
