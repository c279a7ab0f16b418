/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Device driver "probe" with every op there is: counts the calls, answers as the case wants, and
 * gives chains back through the comfortable ring API. A case finds the device's record by
 * probe_of(); everything but handle_event and the queues belongs to the control lcore.
 */
#ifndef PROBE_DEVICE_H
#define PROBE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "vu_device_driver.h"

#define PROBE_MAX_QUEUE_SIZE 128
#define PROBE_MAX_QUEUES 8
#define PROBE_CONFIG_BYTES 16
#define PROBE_SHMID 3
#define PROBE_SHMEM_BYTES UINT64_C(0x200000)

struct probe {
	struct vu_device *dev;
	struct vu_vring_guard *guards[PROBE_MAX_QUEUES];

	/* What was called, and with what. */
	uint32_t nb_resets;
	uint64_t features;
	bool has_event_idx;
	uint32_t nb_memory;              /* update_memory */
	const struct vu_mem_table *mem;
	bool has_channel;
	uint32_t nb_channels;            /* set_backend_req(true) */
	bool has_gpu;
	uint8_t mac[6];
	uint32_t nb_rarps;
	uint8_t uuid[16];
	uint32_t crypto_bytes;
	uint64_t closed_session;
	enum vu_state_direction direction;
	int state_fd;                    /* taken by set_device_state_fd; closed with the device */
	uint8_t config[PROBE_CONFIG_BYTES];
	uint32_t nb_events;              /* handle_event; worker's lcore */
	struct vu_device_event event;    /* the last one */
	uint32_t nb_chains;              /* taken; worker's lcore */

	/* What the case wants. */
	int result;                      /* of every op that can fail */
	bool keeps_chains;               /* give none back */
	int64_t session_id;
	int shared_fd;                   /* for get_shared_object; VU_FD_NONE = -ENOENT */
	int channel_fd;                  /* duplicated as the reply of set_device_state_fd */
	int exit_fd;                     /* exit_event of worker 0 */
};

/** Record of a device of this driver. */
struct probe *probe_of(const struct vu_device *dev);

#endif /* PROBE_DEVICE_H */
