/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of feature bits. Bits 24-49 mean the same for every device; the others depend on its type.
 */
#include "vu_virtio.h"

#include <stddef.h>

#define NB_BITS 64

/* The name of a bit is what its constant has behind "_F_". */
#define NAME(prefix, bit) [prefix##_F_##bit] = #bit

static const char *const transport_names[NB_BITS] = {
	NAME(VIRTIO, NOTIFY_ON_EMPTY), NAME(VHOST, LOG_ALL), NAME(VIRTIO, ANY_LAYOUT),
	NAME(VIRTIO_RING, INDIRECT_DESC), NAME(VIRTIO_RING, EVENT_IDX),
	NAME(VHOST_USER, PROTOCOL_FEATURES), NAME(VIRTIO, VERSION_1),
	NAME(VIRTIO, ACCESS_PLATFORM), NAME(VIRTIO, RING_PACKED), NAME(VIRTIO, IN_ORDER),
	NAME(VIRTIO, ORDER_PLATFORM), NAME(VIRTIO, SR_IOV), NAME(VIRTIO, NOTIFICATION_DATA),
	NAME(VIRTIO, NOTIF_CONFIG_DATA), NAME(VIRTIO, RING_RESET), NAME(VIRTIO, ADMIN_VQ),
	NAME(VIRTIO, SUSPEND),
};

#define NET(bit) [VIRTIO_NET_F_##bit] = #bit
static const char *const net_names[NB_BITS] = {
	NET(CSUM), NET(GUEST_CSUM), NET(CTRL_GUEST_OFFLOADS), NET(MTU), NET(MAC), NET(GSO),
	NET(GUEST_TSO4), NET(GUEST_TSO6), NET(GUEST_ECN), NET(GUEST_UFO), NET(HOST_TSO4),
	NET(HOST_TSO6), NET(HOST_ECN), NET(HOST_UFO), NET(MRG_RXBUF), NET(STATUS), NET(CTRL_VQ),
	NET(CTRL_RX), NET(CTRL_VLAN), NET(CTRL_RX_EXTRA), NET(GUEST_ANNOUNCE), NET(MQ),
	NET(CTRL_MAC_ADDR), NET(DEVICE_STATS), NET(HASH_TUNNEL), NET(VQ_NOTF_COAL), NET(NOTF_COAL),
	NET(GUEST_USO4), NET(GUEST_USO6), NET(HOST_USO), NET(HASH_REPORT), NET(GUEST_HDRLEN),
	NET(RSS), NET(RSC_EXT), NET(STANDBY), NET(SPEED_DUPLEX),
};

#define BLK(bit) [VIRTIO_BLK_F_##bit] = #bit
static const char *const blk_names[NB_BITS] = {
	BLK(BARRIER), BLK(SIZE_MAX), BLK(SEG_MAX), BLK(GEOMETRY), BLK(RO), BLK(BLK_SIZE), BLK(SCSI),
	BLK(FLUSH), BLK(TOPOLOGY), BLK(CONFIG_WCE), BLK(MQ), BLK(DISCARD), BLK(WRITE_ZEROES),
	BLK(LIFETIME), BLK(SECURE_ERASE), BLK(ZONED),
};

const char *
vu_virtio_feature_name(uint32_t virtio_id, unsigned int bit)
{
	if (bit >= NB_BITS)
		return NULL;
	if (transport_names[bit] != NULL)
		return transport_names[bit];
	if (virtio_id == VIRTIO_ID_NET)
		return net_names[bit];
	return virtio_id == VIRTIO_ID_BLOCK ? blk_names[bit] : NULL;
}
