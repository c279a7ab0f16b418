/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Feature bits of virtio devices and their names. Each bit is defined once: by the kernel's headers
 * where they have it, otherwise here. All are bit numbers, spelled as in the specification;
 * RTE_BIT64() makes masks of them. Newer kernel headers may define some of those below, with the
 * same number.
 */
#ifndef VU_VIRTIO_H
#define VU_VIRTIO_H

#include <stdint.h>

/* Linux has a field named class, and inlines that are no C++. */
#ifdef __cplusplus
#define class virtio_class
#define VIRTIO_RING_NO_LEGACY
#endif
#include <linux/vhost_types.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#undef class

#include <rte_bitops.h>

#include "vu_export.h"

VU_API_BEGIN

/* Every device (VIRTIO 1.3, 6; VIRTIO_F_SUSPEND: 1.4, 6). */
#define VIRTIO_F_NOTIFICATION_DATA 38
#define VIRTIO_F_NOTIF_CONFIG_DATA 39
#define VIRTIO_F_ADMIN_VQ 41
#define VIRTIO_F_SUSPEND 43

/* Network device (VIRTIO 1.3, 5.1.3). */
#define VIRTIO_NET_F_DEVICE_STATS 50
#define VIRTIO_NET_F_HASH_TUNNEL 51
#define VIRTIO_NET_F_VQ_NOTF_COAL 52
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_HOST_USO 56
#define VIRTIO_NET_F_GUEST_HDRLEN 59

/* Block device (VIRTIO 1.3, 5.2.3). */
#define VIRTIO_BLK_F_LIFETIME 15
#define VIRTIO_BLK_F_ZONED 17

/* vhost-user, "Protocol features": a bit of the message, which a driver never sees. */
#define VHOST_USER_F_PROTOCOL_FEATURES 30

/**
 * Name a feature bit, for those who read answers and logs.
 *
 * @param virtio_id  device type, VIRTIO_ID_NET for example; 0 = not known
 * @param bit        any number
 * @return name without prefix, for example "MRG_RXBUF", or NULL if the bit has none
 * @context any thread
 */
const char *vu_virtio_feature_name(uint32_t virtio_id, unsigned int bit);

VU_API_END

#endif /* VU_VIRTIO_H */
