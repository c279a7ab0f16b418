/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Name tables of feature bits and one printer for both kinds of set.
 * Transport bits 24-49 mean the same for every device; the others depend on the device type.
 */
#include "vu_feature.h"

#include <stdio.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "vu_virtio.h"
#include "vu_wire.h"

#define NB_BITS 64

typedef const char *(*feature_name_fn)(uint32_t virtio_id, unsigned int bit);

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

#define PROTOCOL(bit) [VHOST_USER_PROTOCOL_F_##bit] = #bit
static const char *const protocol_names[NB_BITS] = {
	PROTOCOL(MQ), PROTOCOL(LOG_SHMFD), PROTOCOL(RARP), PROTOCOL(REPLY_ACK), PROTOCOL(MTU),
	PROTOCOL(BACKEND_REQ), PROTOCOL(CROSS_ENDIAN), PROTOCOL(CRYPTO_SESSION),
	PROTOCOL(PAGEFAULT), PROTOCOL(CONFIG), PROTOCOL(BACKEND_SEND_FD), PROTOCOL(HOST_NOTIFIER),
	PROTOCOL(INFLIGHT_SHMFD), PROTOCOL(RESET_DEVICE), PROTOCOL(INBAND_NOTIFICATIONS),
	PROTOCOL(CONFIGURE_MEM_SLOTS), PROTOCOL(STATUS), PROTOCOL(XEN_MMAP),
	PROTOCOL(SHARED_OBJECT), PROTOCOL(DEVICE_STATE), PROTOCOL(GET_VRING_BASE_INFLIGHT),
	PROTOCOL(GPA_ADDRESSES), PROTOCOL(SHMEM), PROTOCOL(GET_VRING_BASE_SKIP_DRAIN),
};

const char *
vu_feature_name(uint32_t virtio_id, unsigned int bit)
{
	if (bit >= NB_BITS)
		return NULL;
	if (transport_names[bit] != NULL)
		return transport_names[bit];
	if (virtio_id == VIRTIO_ID_NET)
		return net_names[bit];
	return virtio_id == VIRTIO_ID_BLOCK ? blk_names[bit] : NULL;
}

const char *
vu_protocol_feature_name(unsigned int bit)
{
	return bit < NB_BITS ? protocol_names[bit] : NULL;
}

static const char *
protocol_name(uint32_t virtio_id, unsigned int bit)
{
	RTE_SET_USED(virtio_id);
	return vu_protocol_feature_name(bit);
}

/* Appends one name, or BIT_N, and returns the new length, which may be beyond the end. */
static size_t
bit_print(char *string, size_t len_bytes, size_t at, const char *name, unsigned int bit)
{
	char number[sizeof("BIT_63")];
	char *end = at < len_bytes ? string + at : NULL;

	if (name == NULL) {
		snprintf(number, sizeof(number), "BIT_%u", bit % NB_BITS);
		name = number;
	}
	return at + (size_t)snprintf(end, end != NULL ? len_bytes - at : 0, "%s%s",
		at != 0 ? "," : "", name);
}

static size_t
set_print(uint64_t set, feature_name_fn name, uint32_t virtio_id, char *string, size_t len_bytes)
{
	size_t at = 0;
	unsigned int bit;

	for (bit = 0; bit < NB_BITS; bit++)
		if ((set & RTE_BIT64(bit)) != 0)
			at = bit_print(string, len_bytes, at, name(virtio_id, bit), bit);
	return at != 0 ? at : bit_print(string, len_bytes, 0, "none", 0);
}

size_t
vu_feature_to_string(uint32_t virtio_id, uint64_t features, char *string, size_t len_bytes)
{
	return set_print(features, vu_feature_name, virtio_id, string, len_bytes);
}

size_t
vu_protocol_feature_to_string(uint64_t features, char *string, size_t len_bytes)
{
	return set_print(features, protocol_name, 0, string, len_bytes);
}
