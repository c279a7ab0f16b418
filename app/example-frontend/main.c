/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Example of the front-end library: opens a net back-end, sends frames, and checks that each comes
 * back, with its MAC addresses swapped or not. Exit status 0 if all did.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include "vu_frontend.h"
#include "vu_parse.h"
#include "vu_virtio.h"

#define QUEUE_TO_GUEST 0
#define QUEUE_FROM_GUEST 1
#define NET_HEADER_BYTES 12
#define BUFFER_BYTES 2048
#define NB_BUFFERS 128 /* per direction */
#define MAX_FRAME_BYTES 1514
#define MAX_BURST 32
#define MAC_BYTES 6
#define WAIT_MS 10000
#define MAX_FRAMES 1000000000

static const char usage[] =
"Usage: example-frontend SOCKET [FRAMES [server]]\n"
"\n"
"Connects to a vhost-user net back-end, sends it FRAMES frames (default 1000) and\n"
"checks that each comes back, with its MAC addresses swapped or not.\n"
"\n"
"  vu-pmd -l 0-1 --socket /tmp/vu.sock &\n"
"  example-frontend /tmp/vu.sock\n"
"\n"
"The back-end has to listen on SOCKET already. With the word server it is the other\n"
"way round: this program listens there, and waits 10 s for a back-end to connect.\n"
"Ends after 10 s, too, if frames do not come back. Exit status 0 if all did.\n";

struct options {
	const char *path;
	uint32_t nb_frames;
	bool is_server;
};

struct example {
	struct vu_frontend *fe;
	uint8_t *buffers;       /* those of the receive queue, then those to send */
	uint8_t *spare[NB_BUFFERS]; /* buffers to send that are at hand */
	unsigned int nb_spare;
	unsigned int nb_frames; /* to send */
	unsigned int nb_sent;
	unsigned int nb_back;
	unsigned int nb_wrong;
};

/* Length and content of each frame follow from its number. */
static uint32_t
frame_bytes(unsigned int number)
{
	return 60 + number * 37 % (MAX_FRAME_BYTES - 60 + 1);
}

static void
frame_fill(uint8_t *frame, unsigned int number)
{
	static const uint8_t addresses[2 * MAC_BYTES] = {
		0x02, 0, 0, 0, 0, 0x02, 0x02, 0, 0, 0, 0, 0x01,
	};
	uint32_t len = frame_bytes(number);

	memcpy(frame, addresses, sizeof(addresses));
	/* An EtherType for local experiments. */
	frame[12] = 0x88;
	frame[13] = 0xb5;
	memcpy(&frame[14], &number, sizeof(number));
	for (uint32_t i = 14 + sizeof(number); i < len; i++)
		frame[i] = (uint8_t)(number + i);
}

static bool
frame_is_right(const uint8_t *frame, uint32_t len, unsigned int number)
{
	uint8_t sent[MAX_FRAME_BYTES], swapped[MAX_FRAME_BYTES];

	if (len != frame_bytes(number))
		return false;
	frame_fill(sent, number);
	memcpy(swapped, sent, len);
	memcpy(swapped, &sent[MAC_BYTES], MAC_BYTES);
	memcpy(&swapped[MAC_BYTES], sent, MAC_BYTES);
	return memcmp(frame, sent, len) == 0 || memcmp(frame, swapped, len) == 0;
}

static struct vu_guest_buf
buffer_of(uint8_t *buffer, uint32_t len)
{
	return (struct vu_guest_buf){
		.gpa = (uintptr_t)buffer, .cookie = buffer, .len_bytes = len,
	};
}

/* Give the device empty buffers to fill. */
static int
example_fill(struct example *example)
{
	for (unsigned int i = 0; i < NB_BUFFERS; i++) {
		struct vu_guest_buf buf = buffer_of(example->buffers + i * BUFFER_BYTES,
			BUFFER_BYTES);

		if (vu_frontend_send(example->fe, QUEUE_TO_GUEST, &buf, 1, true) != 1)
			return -1;
		example->spare[example->nb_spare++] =
			example->buffers + (NB_BUFFERS + i) * BUFFER_BYTES;
	}
	return 0;
}

static void
example_send(struct example *example)
{
	while (example->nb_spare > 0 && example->nb_sent < example->nb_frames) {
		uint8_t *buffer = example->spare[example->nb_spare - 1];
		struct vu_guest_buf buf = buffer_of(buffer,
			NET_HEADER_BYTES + frame_bytes(example->nb_sent));

		memset(buffer, 0, NET_HEADER_BYTES);
		frame_fill(buffer + NET_HEADER_BYTES, example->nb_sent);
		if (vu_frontend_send(example->fe, QUEUE_FROM_GUEST, &buf, 1, false) == 0)
			return;
		example->nb_spare--;
		example->nb_sent++;
	}
}

static void
example_check(struct example *example, const struct vu_guest_done *done)
{
	const uint8_t *frame = (const uint8_t *)done->cookie + NET_HEADER_BYTES;

	/* Other traffic, of a switch for example, is not ours to judge. */
	if (done->len_bytes < NET_HEADER_BYTES + 60 || frame[12] != 0x88 || frame[13] != 0xb5)
		return;
	if (!frame_is_right(frame, done->len_bytes - NET_HEADER_BYTES, example->nb_back))
		example->nb_wrong++;
	example->nb_back++;
}

static void
example_collect(struct example *example)
{
	struct vu_guest_done done[MAX_BURST];
	uint16_t nb = vu_frontend_collect(example->fe, QUEUE_FROM_GUEST, done, MAX_BURST);

	for (uint16_t i = 0; i < nb; i++)
		example->spare[example->nb_spare++] = done[i].cookie;
	nb = vu_frontend_collect(example->fe, QUEUE_TO_GUEST, done, MAX_BURST);
	for (uint16_t i = 0; i < nb; i++) {
		struct vu_guest_buf buf = buffer_of(done[i].cookie, BUFFER_BYTES);

		example_check(example, &done[i]);
		vu_frontend_send(example->fe, QUEUE_TO_GUEST, &buf, 1, true);
	}
}

/* Send in step with what comes back: a full queue at the other end would drop frames. */
static void
example_run(struct example *example)
{
	time_t end = time(NULL) + WAIT_MS / 1000;
	unsigned int nb_frames = example->nb_frames;

	while (example->nb_back < nb_frames && time(NULL) <= end) {
		example->nb_frames = RTE_MIN(nb_frames, example->nb_back + MAX_BURST);
		example_send(example);
		example_collect(example);
		vu_frontend_turn(example->fe, 0);
	}
	example->nb_frames = nb_frames;
}

/*
 * The library tries for ever. Users of an example need the reason at once: the first
 * turn is the first attempt.
 */
static int
example_wait(struct vu_frontend *fe)
{
	int rc = vu_frontend_turn(fe, WAIT_MS);

	if (rc < 0)
		return rc;
	if (vu_frontend_reason(fe) != 0)
		return vu_frontend_reason(fe);
	rc = vu_frontend_wait(fe, WAIT_MS);
	return rc == -ETIMEDOUT && vu_frontend_reason(fe) != 0 ? vu_frontend_reason(fe) : rc;
}

static int
example_open(struct example *example, const char *path, bool is_server)
{
	const struct vu_frontend_conf conf = {
		.mode = is_server ? VU_FRONTEND_SERVER : VU_FRONTEND_CLIENT,
		.path = path,
		.features_required = RTE_BIT64(VIRTIO_F_VERSION_1),
		.features = RTE_BIT64(VIRTIO_RING_F_EVENT_IDX) | RTE_BIT64(VIRTIO_F_IN_ORDER),
		.nb_queues = 2,
	};
	int rc;

	example->fe = vu_frontend_open(&conf);
	if (example->fe == NULL)
		return -rte_errno;
	example->buffers = vu_frontend_mem_alloc(example->fe, 2 * NB_BUFFERS * BUFFER_BYTES, 0);
	if (example->buffers == NULL)
		return -rte_errno;
	rc = vu_frontend_start(example->fe, 0);
	return rc == 0 ? example_wait(example->fe) : rc;
}

static void
example_explain(const struct options *options, int rc)
{
	if (options->is_server && rc == -ETIMEDOUT)
		fprintf(stderr, "example-frontend: %s: no back-end connected within %d s\n",
			options->path, WAIT_MS / 1000);
	else
		fprintf(stderr, "example-frontend: %s: %s%s\n", options->path, rte_strerror(-rc),
			!options->is_server && (rc == -ENOENT || rc == -ECONNREFUSED) ?
			"; is there a back-end that listens?" : "");
}

static int
example_main(const struct options *options)
{
	struct example example = { .nb_frames = options->nb_frames };
	int rc = example_open(&example, options->path, options->is_server);

	if (rc != 0) {
		example_explain(options, rc);
		vu_frontend_close(example.fe);
		return EXIT_FAILURE;
	}
	if (example_fill(&example) == 0)
		example_run(&example);
	printf("example-frontend: %u sent, %u back, %u wrong, features 0x%" PRIx64 "\n",
		example.nb_sent, example.nb_back, example.nb_wrong,
		vu_frontend_features(example.fe));
	vu_frontend_close(example.fe);
	return example.nb_back == options->nb_frames && example.nb_wrong == 0 ? EXIT_SUCCESS :
		EXIT_FAILURE;
}

/* What the words say, or false. */
static bool
options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){ .nb_frames = 1000 };
	if (argc < 2 || argc > 4 || argv[1][0] == '-')
		return false;
	options->path = argv[1];
	if (argc > 2 && vu_parse_uint(argv[2], 1, MAX_FRAMES, &options->nb_frames) != 0)
		return false;
	options->is_server = argc > 3;
	return argc < 4 || strcmp(argv[3], "server") == 0;
}

int
main(int argc, char **argv)
{
	char eal[][32] = {
		"example-frontend", "--no-huge", "--no-shconf", "--no-pci", "-m", "64",
		"--no-telemetry", "--log-level=lib.eal:error",
	};
	char *eal_argv[RTE_DIM(eal) + 1] = { NULL };
	struct options options;
	int rc;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	}
	if (!options_parse(&options, argc, argv)) {
		fputs("example-frontend: use SOCKET [FRAMES [server]]; see --help\n", stderr);
		return EXIT_FAILURE;
	}
	for (unsigned int i = 0; i < RTE_DIM(eal); i++)
		eal_argv[i] = eal[i];
	if (rte_eal_init(RTE_DIM(eal), eal_argv) < 0)
		return EXIT_FAILURE;
	rc = example_main(&options);
	rte_eal_cleanup();
	return rc;
}
