/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of feature and protocol-feature bits, for logs, telemetry and tests.
 */
#ifndef VU_FEATURE_H
#define VU_FEATURE_H

#include <stddef.h>
#include <stdint.h>

/** Enough for every set that vu_feature_to_string() or vu_protocol_feature_to_string() prints. */
#define VU_FEATURE_STRING_BYTES 1024

/**
 * Name a bit of the feature word.
 *
 * @param virtio_id  device type (VIRTIO_ID_NET 1, VIRTIO_ID_BLOCK 2, ...); 0 = not known
 * @param bit        0..63
 * @return name without prefix, for example "MRG_RXBUF", or NULL if the bit has none
 * @context any thread
 */
const char *vu_feature_name(uint32_t virtio_id, unsigned int bit);

/**
 * Name a protocol-feature bit.
 *
 * @param bit  0..63
 * @return name without prefix, for example "REPLY_ACK", or NULL if the bit has none
 * @context any thread
 */
const char *vu_protocol_feature_name(unsigned int bit);

/**
 * Print a set of features as "CSUM,MRG_RXBUF,VERSION_1"; a nameless bit N prints as "BIT_N", the
 * empty set as "none".
 *
 * @param virtio_id  device type, 0 = not known
 * @param features   set
 * @param string     output, always terminated
 * @param len_bytes  space in string, at least 1; VU_FEATURE_STRING_BYTES is enough
 * @return length of the whole text; not all of it is in string if that is >= len_bytes
 * @context any thread
 */
size_t vu_feature_to_string(uint32_t virtio_id, uint64_t features, char *string, size_t len_bytes);

/**
 * Print a set of protocol features as "MQ,REPLY_ACK", with the rules of vu_feature_to_string().
 *
 * @param features   set
 * @param string     output, always terminated
 * @param len_bytes  space in string, at least 1; VU_FEATURE_STRING_BYTES is enough
 * @return length of the whole text; not all of it is in string if that is >= len_bytes
 * @context any thread
 */
size_t vu_protocol_feature_to_string(uint64_t features, char *string, size_t len_bytes);

#endif /* VU_FEATURE_H */
