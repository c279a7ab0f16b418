/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Peer of test_frontend_blk: our front-end library against a vhost-user-blk back-end. Reads the
 * configuration, reads the whole disk and compares it with the image file, overwrites it with a
 * pattern in requests of many sizes, reads that back. The image file is left for the test to check.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include "vu_frontend.h"
#include "vu_virtio.h"

#define SECTOR_BYTES 512
#define DEPTH 16           /* requests at a time */
#define MAX_SECTORS 64     /* of one request */
#define PARTS 3            /* data segments of a request */
#define WAIT_SECONDS 20

/* One request in shared memory. */
struct request {
	struct virtio_blk_outhdr header;
	uint8_t status;
	uint32_t data_bytes;
	uint64_t sector;
	bool is_free;
	uint8_t data[MAX_SECTORS * SECTOR_BYTES];
};

struct disk {
	struct vu_frontend *fe;
	struct request *requests;
	uint64_t nb_sectors;
	unsigned int nb_out;
	unsigned int nb_done;
	const uint8_t *expected; /* content of the disk */
	bool is_wrong;
};

static struct vu_guest_buf
part_of(struct request *request, void *start, uint32_t len)
{
	return (struct vu_guest_buf){
		.gpa = (uintptr_t)start, .cookie = request, .len_bytes = len,
	};
}

/* Header, up to PARTS pieces of data, status. */
static int
request_send(struct disk *disk, struct request *request, uint32_t type)
{
	struct vu_guest_buf bufs[PARTS + 2];
	uint32_t piece = request->data_bytes / PARTS / SECTOR_BYTES * SECTOR_BYTES;
	uint16_t nb = 0, nb_data;
	uint32_t at = 0;

	request->header = (struct virtio_blk_outhdr){ .type = type, .sector = request->sector };
	request->status = 0xff;
	bufs[nb++] = part_of(request, &request->header, sizeof(request->header));
	for (unsigned int i = 0; i < PARTS - 1 && piece != 0; i++, at += piece)
		bufs[nb++] = part_of(request, request->data + at, piece);
	if (at < request->data_bytes)
		bufs[nb++] = part_of(request, request->data + at, request->data_bytes - at);
	nb_data = (uint16_t)(nb - 1);
	bufs[nb++] = part_of(request, &request->status, 1);
	request->is_free = false;
	disk->nb_out++;
	return type == VIRTIO_BLK_T_IN ?
		vu_frontend_send_chain(disk->fe, 0, bufs, 1, (uint16_t)(nb_data + 1)) :
		vu_frontend_send_chain(disk->fe, 0, bufs, (uint16_t)(nb_data + 1), 1);
}

static void
request_finish(struct disk *disk, struct request *request)
{
	bool is_read = request->header.type == VIRTIO_BLK_T_IN;

	request->is_free = true;
	disk->nb_out--;
	disk->nb_done++;
	if (request->status != VIRTIO_BLK_S_OK)
		disk->is_wrong = true;
	if (is_read && memcmp(request->data, disk->expected + request->sector * SECTOR_BYTES,
			request->data_bytes) != 0)
		disk->is_wrong = true;
}

static void
disk_collect(struct disk *disk)
{
	struct vu_guest_done done[DEPTH];
	uint16_t nb = vu_frontend_collect(disk->fe, 0, done, DEPTH);

	for (uint16_t i = 0; i < nb; i++)
		request_finish(disk, done[i].cookie);
	vu_frontend_turn(disk->fe, 0);
}

static struct request *
disk_request(struct disk *disk)
{
	for (unsigned int i = 0; i < DEPTH; i++)
		if (disk->requests[i].is_free)
			return &disk->requests[i];
	return NULL;
}

static int
disk_drain(struct disk *disk, time_t end)
{
	while (disk->nb_out > 0) {
		if (time(NULL) > end || vu_frontend_queue_is_broken(disk->fe, 0))
			return -ETIMEDOUT;
		disk_collect(disk);
	}
	return disk->is_wrong ? -EIO : 0;
}

/* Go over the whole disk with requests of all sizes. */
static int
disk_pass(struct disk *disk, uint32_t type)
{
	time_t end = time(NULL) + WAIT_SECONDS;
	uint64_t sector = 0;
	uint32_t nb_sectors = 0;

	while (sector < disk->nb_sectors && time(NULL) <= end) {
		struct request *request = disk_request(disk);
		int rc;

		if (request == NULL) {
			disk_collect(disk);
			continue;
		}
		nb_sectors = nb_sectors % MAX_SECTORS + 1;
		request->sector = sector;
		request->data_bytes = SECTOR_BYTES *
			(uint32_t)RTE_MIN(nb_sectors, disk->nb_sectors - sector);
		memcpy(request->data, disk->expected + sector * SECTOR_BYTES,
			type == VIRTIO_BLK_T_OUT ? request->data_bytes : 0);
		rc = request_send(disk, request, type);
		if (rc != 0)
			return rc;
		sector += request->data_bytes / SECTOR_BYTES;
	}
	return disk_drain(disk, end);
}

static int
disk_flush(struct disk *disk)
{
	struct request *request = disk_request(disk);
	int rc;

	request->sector = 0;
	request->data_bytes = 0;
	rc = request_send(disk, request, VIRTIO_BLK_T_FLUSH);
	return rc == 0 ? disk_drain(disk, time(NULL) + WAIT_SECONDS) : rc;
}

static int
disk_open(struct disk *disk, const char *path)
{
	const struct vu_frontend_conf conf = {
		.path = path,
		.features_required = RTE_BIT64(VIRTIO_F_VERSION_1),
		.features = RTE_BIT64(VIRTIO_RING_F_EVENT_IDX) | (1u << VIRTIO_BLK_F_FLUSH) |
			(1u << VIRTIO_BLK_F_SEG_MAX) | (1u << VIRTIO_BLK_F_BLK_SIZE),
		.nb_queues = 1,
		.queue_size = 128,
	};
	struct virtio_blk_config config;
	int rc;

	disk->fe = vu_frontend_open(&conf);
	if (disk->fe == NULL)
		return -rte_errno;
	disk->requests = vu_frontend_mem_alloc(disk->fe, DEPTH * sizeof(*disk->requests), 0);
	if (disk->requests == NULL)
		return -rte_errno;
	for (unsigned int i = 0; i < DEPTH; i++)
		disk->requests[i].is_free = true;
	vu_frontend_start(disk->fe, 0);
	rc = vu_frontend_wait(disk->fe, WAIT_SECONDS * 1000);
	if (rc == 0)
		rc = vu_frontend_config_get(disk->fe, 0, &config,
			offsetof(struct virtio_blk_config, physical_block_exp));
	if (rc != 0)
		return rc;
	disk->nb_sectors = config.capacity;
	printf("capacity %llu sectors, block size %u\n", (unsigned long long)config.capacity,
		config.blk_size);
	return 0;
}

/* Content of the image file; NULL if it is not as large as the disk. */
static uint8_t *
image_read(const char *path, size_t bytes)
{
	uint8_t *image = malloc(bytes);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t nb = fd >= 0 && image != NULL ? read(fd, image, bytes) : -1;

	if (fd >= 0)
		close(fd);
	if (nb == (ssize_t)bytes)
		return image;
	free(image);
	return NULL;
}

static int
disk_test(struct disk *disk, const char *image_path)
{
	size_t bytes = disk->nb_sectors * SECTOR_BYTES;
	uint8_t *image = image_read(image_path, bytes);
	int rc;

	if (image == NULL)
		return -ERANGE;
	disk->expected = image;
	rc = disk_pass(disk, VIRTIO_BLK_T_IN);
	for (size_t i = 0; i < bytes; i++)
		image[i] = (uint8_t)(i / SECTOR_BYTES * 7 + i);
	if (rc == 0)
		rc = disk_pass(disk, VIRTIO_BLK_T_OUT);
	if (rc == 0)
		rc = disk_flush(disk);
	/* Rings stop and start between: positions carry over. */
	if (rc == 0)
		rc = vu_frontend_stop(disk->fe);
	if (rc == 0)
		rc = vu_frontend_start(disk->fe, 0);
	if (rc == 0)
		rc = disk_pass(disk, VIRTIO_BLK_T_IN);
	free(image);
	return rc;
}

int
main(int argc, char **argv)
{
	char eal[][32] = { "frontend-blk", "--no-huge", "--no-shconf", "--no-pci", "-m", "64",
		"--no-telemetry", "--log-level=lib.eal:error" };
	char *eal_argv[RTE_DIM(eal) + 1] = { NULL };
	struct disk disk = { 0 };
	int rc;

	for (unsigned int i = 0; i < RTE_DIM(eal); i++)
		eal_argv[i] = eal[i];
	if (argc != 3 || rte_eal_init(RTE_DIM(eal), eal_argv) < 0)
		return EXIT_FAILURE;
	rc = disk_open(&disk, argv[1]);
	if (rc == 0)
		rc = disk_test(&disk, argv[2]);
	printf("frontend-blk: %u requests: %s\n", disk.nb_done, rc == 0 ? "ok" : strerror(-rc));
	vu_frontend_close(disk.fe);
	rte_eal_cleanup();
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
