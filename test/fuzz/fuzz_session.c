/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A whole session: the input is a script for the front-end, the guest and the lcores. Afterwards
 * the front-end hangs up, and no fd and no mapping may be left.
 *
 * Input: device, then steps of one byte and their arguments; see steps[].
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bitops.h>

#include "expect.h"
#include "fuzz.h"
#include "probe_device.h"
#include "session_rig.h"
#include "vu_device_channel.h"
#include "vu_device_control.h"
#include "vu_fd.h"
#include "vu_mem_fault.h"
#include "vu_virtio.h"

#define MAX_STEPS 200
#define MAX_FDS 9 /* more than a message may have */
#define VICTIM_BYTES 0x4000
#define PIPE_ENDS 2

/* Fds that a script can send. */
enum fuzz_fd {
	FD_MEM,    /* memory of the guest */
	FD_EVENT,
	FD_SOCKET, /* a new pair for each input; the script has the other end */
	FD_PIPE,
	FD_NULL,   /* /dev/null */
	FD_VICTIM, /* memory that shrinks */
	FD_TINY,   /* file of a few bytes */
	FD_FOLDER,
	FD_NB
};

static struct session_rig rig;
static struct session_port ports[3];
static struct session_port *port; /* of this input */
static uint64_t offers[RTE_DIM(ports)]; /* protocol features */
static int fds[FD_NB];
static int pipe_reader;
static int far_end;           /* of FD_SOCKET */
static struct rig_held held;

static void
ports_create(void)
{
	int reply_fd;
	const struct vu_device_conf net = session_device_conf(&rig,
		"forward=loopback,mtu=1500,mac=52:54:00:00:00:01");
	const struct vu_device_conf iommu = session_device_conf(&rig,
		"forward=loopback,iommu=on");
	struct vu_device_conf probe = session_device_conf(&rig, NULL);

	probe.has_inband = true;
	session_port_init(&ports[0], &rig, "net", &net);
	session_port_init(&ports[1], &rig, "probe", &probe);
	session_port_init(&ports[2], &rig, "net", &iommu);
	/* The probe keeps the last one that it got: have one there from the start. */
	CHECK(vu_device_set_state_fd(ports[1].dev, VU_STATE_SAVE, vu_fd_eventfd(), &reply_fd) == 0);
	for (unsigned int i = 0; i < RTE_DIM(ports); i++) {
		session_port_connect(&ports[i]);
		CHECK(fake_frontend_get_u64(&ports[i].frontend,
			VHOST_USER_GET_PROTOCOL_FEATURES, &offers[i]) == 0);
		session_port_disconnect(&ports[i]);
	}
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int ends[PIPE_ENDS];

	(void)argc;
	(void)argv;
	fuzz_start_eal();
	CHECK(vu_mem_fault_install() == 0);
	session_rig_init(&rig);
	ports_create();
	CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	pipe_reader = ends[0];
	fds[FD_PIPE] = ends[1];
	fds[FD_EVENT] = vu_fd_eventfd();
	fds[FD_NULL] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[FD_VICTIM] = vu_fd_memfd(FAKE_GUEST_NAME "-victim", VICTIM_BYTES, 0);
	fds[FD_TINY] = vu_fd_memfd(FAKE_GUEST_NAME "-tiny", 100, 0);
	fds[FD_FOLDER] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	probe_of(ports[1].dev)->shared_fd = fds[FD_EVENT];
	rig_held_take(&held);
	return 0;
}

/* ---- frames ---- */

/* Send bytes with the fds that `choice` and more of the input name. */
static void
send_bytes(struct fuzz_input *input, const void *bytes, size_t len, uint8_t choice)
{
	unsigned int nb = RTE_MIN(choice & 0xfU, (unsigned int)MAX_FDS);
	int chosen[MAX_FDS];

	/* A choice of one kind is one byte; a mix is spelled out. */
	for (unsigned int i = 0; i < nb; i++)
		chosen[i] = fds[(choice & 0x80) != 0 ? fuzz_take_u8(input) % FD_NB :
			(choice >> 4) % FD_NB];
	/* A full socket or one without a peer is no finding. */
	if (port->frontend.sock != VU_FD_NONE && len != 0)
		fake_frontend_send_bytes(&port->frontend, bytes, len, chosen, nb);
}

/* A frame whose header fits: request, flags, fds, size, payload. */
static void
step_frame(struct fuzz_input *input)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[VU_MAX_MSG_BYTES];
	} frame;
	uint8_t choice;

	frame.header.request = fuzz_take_u8(input) % (VHOST_USER_NB_REQUESTS + 1);
	frame.header.flags = VHOST_USER_VERSION |
		(fuzz_take_u8(input) & VHOST_USER_NEED_REPLY_MASK);
	choice = fuzz_take_u8(input);
	frame.header.size = fuzz_take_u16(input) % (VU_MAX_MSG_BYTES + 1);
	fuzz_take(input, frame.payload, frame.header.size);
	send_bytes(input, &frame, sizeof(frame.header) + frame.header.size, choice);
}

/* Any bytes at all. */
static void
step_bytes(struct fuzz_input *input)
{
	uint8_t bytes[256];
	uint8_t choice = fuzz_take_u8(input);
	uint8_t len = fuzz_take_u8(input);

	fuzz_take(input, bytes, len);
	send_bytes(input, bytes, len, choice);
}

static void
send_state(uint32_t request, uint32_t idx, uint32_t num)
{
	struct vu_reply frame;

	vu_request_begin(&frame, request, false);
	vu_request_append_state(&frame, idx, num);
	fake_frontend_send(&port->frontend, &frame);
}

static void
send_u64(uint32_t request, uint64_t value, int fd)
{
	struct vu_reply frame;

	vu_request_begin(&frame, request, false);
	vu_request_append_u64(&frame, value);
	vu_reply_add_fd(&frame, fd);
	fake_frontend_send(&port->frontend, &frame);
}

/* The memory that rings are in, or a region behind it that can shrink. */
static void
send_region(const struct vhost_user_mem_region *region, int fd)
{
	const struct vhost_user_mem_reg reg = { .region = *region };
	struct vu_reply frame;

	vu_request_begin(&frame, VHOST_USER_ADD_MEM_REG, false);
	vu_request_append(&frame, &reg, sizeof(reg));
	vu_reply_add_fd(&frame, fd);
	fake_frontend_send(&port->frontend, &frame);
}

static void
send_ring(uint32_t q)
{
	const struct vhost_user_vring_addr addr = session_ring_addr(q);
	struct vu_reply frame;

	send_state(VHOST_USER_SET_VRING_NUM, q, SESSION_RING_SIZE);
	send_state(VHOST_USER_SET_VRING_BASE, q, 0);
	vu_request_begin(&frame, VHOST_USER_SET_VRING_ADDR, false);
	vu_request_append(&frame, &addr, sizeof(addr));
	fake_frontend_send(&port->frontend, &frame);
	send_u64(VHOST_USER_SET_VRING_CALL, q, fds[FD_EVENT]);
	send_u64(VHOST_USER_SET_VRING_KICK, q | VHOST_USER_VRING_NOFD_MASK, VU_FD_NONE);
	send_state(VHOST_USER_SET_VRING_ENABLE, q, 1);
}

/* What a front-end usually does, so that the script need not find out by itself. */
static void
step_common(struct fuzz_input *input)
{
	const struct vhost_user_mem_region victim = {
		.gpa = SESSION_GPA + SESSION_MEM_BYTES,
		.uva = SESSION_UVA + SESSION_MEM_BYTES,
		.size = VICTIM_BYTES,
	};
	const struct vhost_user_mem_region whole = session_region(0, SESSION_MEM_BYTES);
	uint8_t what = fuzz_take_u8(input);
	struct vu_reply frame;

	if (port->frontend.sock == VU_FD_NONE)
		return;
	switch (what % 8) {
	case 0:
		send_u64(VHOST_USER_SET_PROTOCOL_FEATURES, offers[port - ports] &
			~RTE_BIT64(VHOST_USER_PROTOCOL_F_GPA_ADDRESSES), VU_FD_NONE);
		break;
	case 1:
		send_u64(VHOST_USER_SET_FEATURES,
			RTE_BIT64(VIRTIO_F_VERSION_1) |
			RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES), VU_FD_NONE);
		break;
	case 2:
		send_region(&whole, port->mem_fd);
		break;
	case 3:
		send_region(&victim, fds[FD_VICTIM]);
		break;
	case 4:
	case 5:
		send_ring(what % 8 - 4U);
		break;
	case 7:
		send_u64(VHOST_USER_SET_FEATURES, RTE_BIT64(VIRTIO_F_VERSION_1) |
			RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM) |
			RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES), VU_FD_NONE);
		break;
	default:
		vu_request_begin(&frame, VHOST_USER_SET_BACKEND_REQ_FD, false);
		vu_reply_add_fd(&frame, fds[FD_SOCKET]);
		fake_frontend_send(&port->frontend, &frame);
		break;
	}
}

/*
 * An update or invalidation in pages: of rings or buffers, by iovas that look like uvas or gpas, to
 * the same place or another one.
 */
static void
step_iotlb(struct fuzz_input *input)
{
	const uint8_t what = fuzz_take_u8(input);
	const uint64_t first = fuzz_take_u8(input), nb = fuzz_take_u8(input);
	const uint64_t target = (what & 8) != 0 ? fuzz_take_u8(input) : first;
	const struct vhost_user_iotlb iotlb = {
		.iova = ((what & 1) != 0 ? SESSION_UVA : SESSION_GPA) + first * 0x1000,
		.size = nb * 0x1000, .uva = SESSION_UVA + target * 0x1000, .perm = what >> 4,
		.type = (what & 2) != 0 ? VHOST_USER_IOTLB_INVALIDATE : VHOST_USER_IOTLB_UPDATE,
	};
	struct vu_reply frame;

	if (port->frontend.sock == VU_FD_NONE)
		return;
	vu_request_begin(&frame, VHOST_USER_IOTLB_MSG, (what & 4) != 0);
	vu_request_append(&frame, &iotlb, sizeof(iotlb));
	fake_frontend_send(&port->frontend, &frame);
}

/* ---- everybody else ---- */

static void
step_turn(struct fuzz_input *input)
{
	uint8_t who = fuzz_take_u8(input);

	if ((who & 1) == 0)
		vu_sched_turn(rig.sched, 0);
	if ((who & 2) == 0)
		vu_sched_poll(rig.sched);
	if ((who & 4) == 0)
		vu_reactor_turn(rig.reactor, 0);
}

/* The guest writes to its memory: rings and first buffers. */
static void
step_scribble(struct fuzz_input *input)
{
	uint16_t offset = fuzz_take_u16(input);
	uint8_t len = fuzz_take_u8(input);

	fuzz_take(input, port->mem + offset, len);
}

/* A whole descriptor, made available. */
static void
step_offer(struct fuzz_input *input)
{
	uint8_t what = fuzz_take_u8(input);
	const struct fake_ring *ring = port->base.rings[what & 1].ring;
	uint16_t idx = ring->avail->idx;
	uint16_t flags = (what >> 1) & 7;
	uint16_t offset = fuzz_take_u16(input), len = fuzz_take_u16(input);

	/* Bit 4: at the border of the memory and of what may shrink behind it. */
	ring->desc[idx % SESSION_RING_SIZE] = (struct vu_split_desc){
		.gpa = SESSION_GPA + offset + ((what & 0x10) != 0 ? SESSION_MEM_BYTES - 0x2000 :
			SESSION_BUFFER_OFFSET),
		.len_bytes = len, .flags = flags, .next = (uint16_t)((idx + 1) % SESSION_RING_SIZE),
	};
	ring->avail->ring[idx % SESSION_RING_SIZE] = idx % SESSION_RING_SIZE;
	vu_store_release(&ring->avail->idx, (uint16_t)(idx + 1));
}

static void
drain(int sock)
{
	uint8_t bytes[4096];

	/* Without a control buffer the kernel closes fds that come along. */
	while (sock != VU_FD_NONE && recv(sock, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

static void
step_drain(struct fuzz_input *input)
{
	(void)input;
	drain(port->frontend.sock);
	drain(far_end);
}

/* Whatever the front-end says on the back-end channel or the GPU socket. */
static void
step_channel(struct fuzz_input *input)
{
	uint8_t bytes[256];
	uint8_t len = fuzz_take_u8(input);

	fuzz_take(input, bytes, len);
	send(far_end, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* An answer that fits: request and value. */
static void
step_channel_reply(struct fuzz_input *input)
{
	struct vu_reply reply;

	vu_reply_u64(&reply, fuzz_take_u8(input) % VHOST_USER_BACKEND_NB_REQUESTS,
		fuzz_take_u8(input));
	send(far_end, reply.bytes, reply.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
channel_done(void *arg, int rc, int fd)
{
	(void)arg;
	(void)rc;
	vu_fd_close(&fd);
}

/* The device asks for something. */
static void
step_device(struct fuzz_input *input)
{
	const uint8_t uuid[VU_CHANNEL_UUID_BYTES] = { 1 };
	const struct vu_channel_reply reply = { .done = channel_done };
	const struct vu_channel_shmem map = {
		.shmid = PROBE_SHMID, .len_bytes = 0x1000, .fd = fcntl(fds[FD_TINY],
			F_DUPFD_CLOEXEC, 0),
	};
	int spare = map.fd;

	switch (fuzz_take_u8(input) % 6) {
	case 0:
		vu_device_channel_config_change(port->dev, &reply);
		break;
	case 1:
		vu_device_channel_host_notifier(port->dev, 0, NULL, &reply);
		break;
	case 2:
		vu_device_channel_object_add(port->dev, uuid, NULL);
		break;
	case 3:
		vu_device_channel_object_lookup(port->dev, uuid, &reply);
		break;
	case 4:
		vu_device_channel_shmem_map(port->dev, &map, &reply);
		spare = VU_FD_NONE;
		break;
	default:
		vu_device_channel_object_remove(port->dev, uuid, NULL);
		break;
	}
	vu_fd_close(&spare);
}

/* The front-end takes memory away under our mapping. */
static void
step_shrink(struct fuzz_input *input)
{
	CHECK(ftruncate(fds[FD_VICTIM], fuzz_take_u8(input) % 4 * 0x1000) == 0);
}

static void
step_check_mem(struct fuzz_input *input)
{
	(void)input;
	if (port->session != NULL)
		vu_backend_session_check_mem(port->session);
}

static void
step_hang_up(struct fuzz_input *input)
{
	if (fuzz_take_u8(input) % 2 == 0)
		fake_frontend_close(&port->frontend);
	else
		vu_fd_close(&far_end);
}

typedef void (*step_fn)(struct fuzz_input *input);

static const step_fn steps[] = {
	step_frame, step_turn, step_common, step_scribble, step_offer, step_bytes, step_drain,
	step_channel, step_channel_reply, step_device, step_shrink, step_check_mem, step_hang_up,
	step_iotlb,
};

static void
session_begin(struct fuzz_input *input)
{
	int socks[2];

	/* libFuzzer opens and closes files of its own between two inputs. */
	rig_held_excuse(&held);
	port = &ports[fuzz_take_u8(input) % RTE_DIM(ports)];
	memset(port->mem, 0, SESSION_BUFFER_OFFSET);
	CHECK(ftruncate(fds[FD_VICTIM], VICTIM_BYTES) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, socks) == 0);
	fds[FD_SOCKET] = socks[0];
	far_end = socks[1];
	session_port_connect(port);
	/* Never wait for a back-end that does not read. */
	fcntl(port->frontend.sock, F_SETFL, O_NONBLOCK);
}

static void
session_end(void)
{
	session_port_disconnect(port);
	vu_fd_close(&fds[FD_SOCKET]);
	vu_fd_close(&far_end);
	if (rig_held_renew(&held))
		return;
	rte_panic("after the session: %u fds, %u mappings\n", held.nb_fds, held.nb_maps);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct fuzz_input input = { bytes, len };

	session_begin(&input);
	for (unsigned int i = 0; i < MAX_STEPS && input.len != 0; i++)
		steps[fuzz_take_u8(&input) % RTE_DIM(steps)](&input);
	session_rig_turn(&rig);
	session_end();
	return 0;
}
