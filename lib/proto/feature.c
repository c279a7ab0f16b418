/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Name tables of feature bits and one printer for both kinds of set.
 * Transport bits 24-49 mean the same for every device; the others depend on the device type.
 */
#include "vu_feature.h"

#include <stdio.h>

#include <linux/virtio_ids.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "vu_wire.h"

#define NB_BITS 64

typedef const char *(*feature_name_fn)(uint32_t virtio_id, unsigned int bit);

static const char *const transport_names[NB_BITS] = {
	[24] = "NOTIFY_ON_EMPTY", [VHOST_F_LOG_ALL] = "LOG_ALL", [27] = "ANY_LAYOUT",
	[28] = "INDIRECT_DESC", [29] = "EVENT_IDX",
	[VHOST_USER_F_PROTOCOL_FEATURES] = "PROTOCOL_FEATURES",
	[32] = "VERSION_1", [33] = "ACCESS_PLATFORM", [34] = "RING_PACKED", [35] = "IN_ORDER",
	[36] = "ORDER_PLATFORM", [37] = "SR_IOV", [38] = "NOTIFICATION_DATA",
	[39] = "NOTIF_CONFIG_DATA", [40] = "RING_RESET", [41] = "ADMIN_VQ", [43] = "SUSPEND",
};

static const char *const net_names[NB_BITS] = {
	[0] = "CSUM", [1] = "GUEST_CSUM", [2] = "CTRL_GUEST_OFFLOADS", [3] = "MTU", [5] = "MAC",
	[6] = "GSO", [7] = "GUEST_TSO4", [8] = "GUEST_TSO6", [9] = "GUEST_ECN", [10] = "GUEST_UFO",
	[11] = "HOST_TSO4", [12] = "HOST_TSO6", [13] = "HOST_ECN", [14] = "HOST_UFO",
	[15] = "MRG_RXBUF", [16] = "STATUS", [17] = "CTRL_VQ", [18] = "CTRL_RX", [19] = "CTRL_VLAN",
	[20] = "CTRL_RX_EXTRA", [21] = "GUEST_ANNOUNCE", [22] = "MQ", [23] = "CTRL_MAC_ADDR",
	[50] = "DEVICE_STATS", [51] = "HASH_TUNNEL", [52] = "VQ_NOTF_COAL", [53] = "NOTF_COAL",
	[54] = "GUEST_USO4", [55] = "GUEST_USO6", [56] = "HOST_USO", [57] = "HASH_REPORT",
	[59] = "GUEST_HDRLEN", [60] = "RSS", [61] = "RSC_EXT", [62] = "STANDBY",
	[63] = "SPEED_DUPLEX",
};

static const char *const blk_names[NB_BITS] = {
	[0] = "BARRIER", [1] = "SIZE_MAX", [2] = "SEG_MAX", [4] = "GEOMETRY", [5] = "RO",
	[6] = "BLK_SIZE", [7] = "SCSI", [9] = "FLUSH", [10] = "TOPOLOGY", [11] = "CONFIG_WCE",
	[12] = "MQ", [13] = "DISCARD", [14] = "WRITE_ZEROES", [15] = "LIFETIME",
	[16] = "SECURE_ERASE", [17] = "ZONED",
};

static const char *const protocol_names[NB_BITS] = {
#define NAME(bit) [VHOST_USER_PROTOCOL_F_##bit] = #bit
	NAME(MQ), NAME(LOG_SHMFD), NAME(RARP), NAME(REPLY_ACK), NAME(MTU), NAME(BACKEND_REQ),
	NAME(CROSS_ENDIAN), NAME(CRYPTO_SESSION), NAME(PAGEFAULT), NAME(CONFIG),
	NAME(BACKEND_SEND_FD), NAME(HOST_NOTIFIER), NAME(INFLIGHT_SHMFD), NAME(RESET_DEVICE),
	NAME(INBAND_NOTIFICATIONS), NAME(CONFIGURE_MEM_SLOTS), NAME(STATUS), NAME(XEN_MMAP),
	NAME(SHARED_OBJECT), NAME(DEVICE_STATE), NAME(GET_VRING_BASE_INFLIGHT),
	NAME(GPA_ADDRESSES), NAME(SHMEM), NAME(GET_VRING_BASE_SKIP_DRAIN),
#undef NAME
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
