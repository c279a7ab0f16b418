/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of feature bits.
 */
#include "vu_virtio.h"

#include <string.h>

#include "test.h"

VU_TEST(virtio, names_depend_on_the_device)
{
	CHECK(strcmp(vu_virtio_feature_name(VIRTIO_ID_NET, 15), "MRG_RXBUF") == 0);
	CHECK(strcmp(vu_virtio_feature_name(VIRTIO_ID_NET, 12), "HOST_TSO6") == 0);
	CHECK(strcmp(vu_virtio_feature_name(VIRTIO_ID_BLOCK, 12), "MQ") == 0);
	CHECK(vu_virtio_feature_name(0, 12) == NULL);
	CHECK(vu_virtio_feature_name(VIRTIO_ID_NET, 4) == NULL);
}

VU_TEST(virtio, transport_names_do_not)
{
	for (uint32_t id = 0; id < 4; id++) {
		CHECK(strcmp(vu_virtio_feature_name(id, 26), "LOG_ALL") == 0);
		CHECK(strcmp(vu_virtio_feature_name(id, 29), "EVENT_IDX") == 0);
		CHECK(strcmp(vu_virtio_feature_name(id, 30), "PROTOCOL_FEATURES") == 0);
		CHECK(strcmp(vu_virtio_feature_name(id, 34), "RING_PACKED") == 0);
	}
}

/* Bits that the kernel's headers lack. */
VU_TEST(virtio, own_numbers_are_those_of_the_specification)
{
	static const struct {
		uint32_t virtio_id;
		unsigned int bit;
		const char *name;
	} bits[] = {
		{ 0, 38, "NOTIFICATION_DATA" }, { 0, 39, "NOTIF_CONFIG_DATA" },
		{ 0, 41, "ADMIN_VQ" }, { 0, 43, "SUSPEND" }, { VIRTIO_ID_NET, 50, "DEVICE_STATS" },
		{ VIRTIO_ID_NET, 51, "HASH_TUNNEL" }, { VIRTIO_ID_NET, 52, "VQ_NOTF_COAL" },
		{ VIRTIO_ID_NET, 54, "GUEST_USO4" }, { VIRTIO_ID_NET, 55, "GUEST_USO6" },
		{ VIRTIO_ID_NET, 56, "HOST_USO" }, { VIRTIO_ID_NET, 59, "GUEST_HDRLEN" },
		{ VIRTIO_ID_BLOCK, 15, "LIFETIME" }, { VIRTIO_ID_BLOCK, 17, "ZONED" },
	};

	for (unsigned int i = 0; i < RTE_DIM(bits); i++) {
		const char *name = vu_virtio_feature_name(bits[i].virtio_id, bits[i].bit);

		CHECK(name != NULL && strcmp(name, bits[i].name) == 0);
	}
}

VU_TEST(virtio, bits_beyond_the_word_have_no_name)
{
	CHECK(vu_virtio_feature_name(VIRTIO_ID_NET, 64) == NULL);
	CHECK(vu_virtio_feature_name(VIRTIO_ID_NET, ~0u) == NULL);
}
