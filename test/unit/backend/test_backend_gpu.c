/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The GPU socket: every message as the specification lays it out, replies in order, a display that
 * does not keep up, and one that answers rubbish.
 */
#include "channel_fixture.h"
#include "expect.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "vu_device_gpu.h"

#define GPU_TURNS 6   /* to the session and back */
#define BIG_EDGE 2048 /* pixels: 16 MiB, more than any socket takes at once */

struct gpu_fixture {
	struct channel_fixture f;
	int sock;                /* the front-end's end */
	unsigned int nb_done;
	int rc;
	uint32_t len_bytes;
	uint8_t first_byte;
};

static void
gpu_done(void *arg, int rc, const void *payload, uint32_t len_bytes)
{
	struct gpu_fixture *g = arg;

	g->nb_done++;
	g->rc = rc;
	g->len_bytes = len_bytes;
	g->first_byte = len_bytes != 0 ? *(const uint8_t *)payload : 0;
}

static void
gpu_create(struct gpu_fixture *g)
{
	*g = (struct gpu_fixture){ .sock = VU_FD_NONE };
	CHECK_EQ(channel_create(&g->f, RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)), 0);
	CHECK_EQ(vu_device_gpu_get_display_info(g->f.fix.dev, NULL), -ENOTCONN);
	CHECK_EQ(channel_send_socket(&g->f.fix, VHOST_USER_GPU_SET_SOCKET, &g->sock), 0);
	CHECK(g->f.probe->has_gpu);
}

static void
gpu_destroy(struct gpu_fixture *g)
{
	vu_fd_close(&g->sock);
	channel_destroy(&g->f);
}

/* Read exactly len bytes, while the session works; *fd is what came with them. */
static int
gpu_read(struct gpu_fixture *g, void *buf, size_t len, int *fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	uint8_t *dst = buf;

	*fd = VU_FD_NONE;
	for (unsigned int i = 0; i < 100000 && len != 0; i++) {
		struct iovec iov = { .iov_base = dst, .iov_len = len };
		struct msghdr header = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t nb = recvmsg(g->sock, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		const struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

		if (nb <= 0) {
			session_rig_turn(g->f.fix.rig);
			continue;
		}
		if (header.msg_controllen != 0 && cmsg != NULL)
			memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
		dst += nb;
		len -= (size_t)nb;
	}
	return len == 0 ? 0 : -ETIMEDOUT;
}

/* Read one message without an fd and compare it. */
static void
gpu_expect(struct gpu_fixture *g, uint32_t request, const void *payload, uint32_t len)
{
	static uint8_t buf[32768];
	struct vhost_user_header header;
	int fd;

	CHECK_EQ(gpu_read(g, &header, sizeof(header), &fd), 0);
	CHECK_EQ(header.request, request);
	CHECK_EQ(header.flags, 0);
	CHECK_EQ(header.size, len);
	CHECK_EQ(fd, VU_FD_NONE);
	CHECK_EQ(gpu_read(g, buf, len, &fd), 0);
	CHECK(len == 0 || memcmp(buf, payload, len) == 0);
}

static void
gpu_reply(struct gpu_fixture *g, uint32_t request, uint32_t flags, uint32_t len)
{
	static uint8_t buf[4096];
	const struct vhost_user_header header = {
		.request = request, .flags = flags, .size = len,
	};

	memcpy(buf, &header, sizeof(header));
	memset(buf + sizeof(header), 0x5a, len);
	CHECK_EQ(write(g->sock, buf, sizeof(header) + len), sizeof(header) + len);
	for (unsigned int i = 0; i < GPU_TURNS; i++)
		session_rig_turn(g->f.fix.rig);
}

VU_TEST(backend_gpu, the_front_ends_own_end_is_no_display)
{
	struct channel_fixture f;
	struct vu_reply frame;

	CHECK_EQ(channel_create(&f, RTE_BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)), 0);
	fake_frontend_begin(&f.fix.frontend, &frame, VHOST_USER_GPU_SET_SOCKET);
	vu_reply_add_fd(&frame, f.fix.frontend.sock);
	CHECK_EQ(fake_frontend_do(&f.fix.frontend, &frame), 1);
	CHECK(!f.probe->has_gpu);
	channel_destroy(&f);
}

VU_TEST(backend_gpu, messages_without_reply)
{
	static struct vhost_user_gpu_cursor_update cursor = { .hot_x = 3, .pixels = { 7 } };
	const struct vhost_user_gpu_cursor_pos pos = { 1, 2, 3 };
	const struct vhost_user_gpu_scanout scanout = { 1, 640, 480 };
	const struct vhost_user_gpu_update update = { 1, 10, 20, 2, 2 };
	const uint32_t whole[] = { 1, 10, 20, 2, 2, 11, 12, 13, 14 };
	const uint64_t features = 3;
	struct gpu_fixture g;
	struct vu_device *dev;

	gpu_create(&g);
	dev = g.f.fix.dev;
	CHECK_EQ(vu_device_gpu_set_protocol_features(dev, features), 0);
	gpu_expect(&g, 2, &features, 8);
	CHECK_EQ(vu_device_gpu_cursor_pos(dev, &pos), 0);
	gpu_expect(&g, 4, &pos, 12);
	CHECK_EQ(vu_device_gpu_cursor_hide(dev, &pos), 0);
	gpu_expect(&g, 5, &pos, 12);
	CHECK_EQ(vu_device_gpu_cursor_update(dev, &cursor), 0);
	gpu_expect(&g, 6, &cursor, 16404);
	CHECK_EQ(vu_device_gpu_scanout(dev, &scanout), 0);
	gpu_expect(&g, 7, &scanout, 12);
	CHECK_EQ(vu_device_gpu_update(dev, &update, &whole[5]), 0);
	gpu_expect(&g, 8, whole, sizeof(whole));
	gpu_destroy(&g);
}

VU_TEST(backend_gpu, dma_bufs)
{
	const struct vhost_user_gpu_dmabuf_scanout2 scanout = {
		.scanout = { .fd_width = 640 }, .modifier = 5,
	};
	struct gpu_fixture g;
	struct vhost_user_header header;
	uint8_t payload[48];
	int fd;

	gpu_create(&g);
	CHECK_EQ(vu_device_gpu_dmabuf_scanout(g.f.fix.dev, &scanout.scanout,
		dup(g.f.fix.mem_fd)), 0);
	CHECK_EQ(gpu_read(&g, &header, sizeof(header), &fd), 0);
	CHECK(fd != VU_FD_NONE);
	vu_fd_close(&fd);
	CHECK_EQ(header.request, 9);
	CHECK_EQ(header.size, 40);
	CHECK_EQ(gpu_read(&g, payload, 40, &fd), 0);
	CHECK_EQ(vu_device_gpu_dmabuf_scanout(g.f.fix.dev, &scanout.scanout, VU_FD_NONE), 0);
	gpu_expect(&g, 9, &scanout.scanout, 40);
	CHECK_EQ(vu_device_gpu_dmabuf_scanout2(g.f.fix.dev, &scanout, dup(g.f.fix.mem_fd)), 0);
	CHECK_EQ(gpu_read(&g, &header, sizeof(header), &fd), 0);
	CHECK(fd != VU_FD_NONE);
	vu_fd_close(&fd);
	CHECK_EQ(header.request, 12);
	CHECK_EQ(gpu_read(&g, payload, 48, &fd), 0);
	CHECK_EQ(memcmp(payload, &scanout, sizeof(scanout)), 0);
	gpu_destroy(&g);
}

VU_TEST(backend_gpu, replies_in_order)
{
	const struct vhost_user_gpu_update update = { 0 };
	const uint32_t scanout_id = 2;
	struct gpu_fixture g;
	struct vu_gpu_reply reply = { .done = gpu_done, .arg = &g };
	struct vu_device *dev;

	gpu_create(&g);
	dev = g.f.fix.dev;
	CHECK_EQ(vu_device_gpu_get_protocol_features(dev, &reply), 0);
	CHECK_EQ(vu_device_gpu_get_display_info(dev, NULL), 0);
	CHECK_EQ(vu_device_gpu_dmabuf_update(dev, &update, &reply), 0);
	CHECK_EQ(vu_device_gpu_get_edid(dev, scanout_id, &reply), 0);
	gpu_expect(&g, 1, NULL, 0);
	gpu_expect(&g, 3, NULL, 0);
	gpu_expect(&g, 10, &update, 20);
	gpu_expect(&g, 11, &scanout_id, 4);
	gpu_reply(&g, 1, 4, 8);
	CHECK_EQ(g.nb_done, 1);
	CHECK_EQ(g.len_bytes, 8);
	CHECK_EQ(g.first_byte, 0x5a);
	gpu_reply(&g, 3, 4, 408);
	gpu_reply(&g, 10, 4, 0);
	CHECK_EQ(g.nb_done, 2);
	CHECK_EQ(g.len_bytes, 0);
	gpu_reply(&g, 11, 4, 1056);
	CHECK_EQ(g.nb_done, 3);
	CHECK_EQ(g.len_bytes, 1056);
	CHECK(g.f.probe->has_gpu);
	gpu_destroy(&g);
}

/* Pictures larger than the socket's buffer: what does not fit goes on later, then is refused. */
VU_TEST(backend_gpu, display_that_does_not_keep_up)
{
	const struct vhost_user_gpu_update update = { 0, 0, 0, BIG_EDGE, BIG_EDGE };
	const struct vhost_user_gpu_update huge = { 0, 0, 0, UINT32_MAX, UINT32_MAX };
	const struct vhost_user_gpu_dmabuf_scanout scanout = { 0 };
	const size_t pixels_bytes = (size_t)BIG_EDGE * BIG_EDGE * 4;
	uint32_t *pixels = calloc(1, pixels_bytes);
	uint32_t *copy = malloc(pixels_bytes);
	struct vhost_user_header header;
	struct vhost_user_gpu_update got;
	struct gpu_fixture g;
	unsigned int nb = 0;
	int fd;

	gpu_create(&g);
	for (unsigned int i = 0; i < BIG_EDGE * BIG_EDGE; i++)
		pixels[i] = i;
	CHECK_EQ(vu_device_gpu_update(g.f.fix.dev, &huge, pixels), -EINVAL);
	while (vu_device_gpu_update(g.f.fix.dev, &update, pixels) == 0)
		nb++;
	CHECK_EQ(nb, 3);
	fd = dup(g.f.fix.mem_fd);
	CHECK_EQ(vu_device_gpu_dmabuf_scanout(g.f.fix.dev, &scanout, fd), 0);
	CHECK_EQ(fake_frontend_sync(&g.f.fix.frontend), 0);
	for (unsigned int i = 0; i < nb; i++) {
		CHECK_EQ(gpu_read(&g, &header, sizeof(header), &fd), 0);
		CHECK_EQ(header.size, sizeof(got) + pixels_bytes);
		CHECK_EQ(gpu_read(&g, &got, sizeof(got), &fd), 0);
		CHECK_EQ(gpu_read(&g, copy, pixels_bytes, &fd), 0);
		CHECK_EQ(memcmp(copy, pixels, pixels_bytes), 0);
	}
	CHECK_EQ(gpu_read(&g, &header, sizeof(header), &fd), 0);
	CHECK_EQ(header.request, VHOST_USER_GPU_DMABUF_SCANOUT);
	CHECK(fd != VU_FD_NONE);
	vu_fd_close(&fd);
	free(pixels);
	free(copy);
	gpu_destroy(&g);
}

static void
check_dropped(struct gpu_fixture *g)
{
	for (unsigned int i = 0; i < 100 && g->f.probe->has_gpu; i++)
		session_rig_turn(g->f.fix.rig);
	CHECK(!g->f.probe->has_gpu);
	CHECK_EQ(vu_device_gpu_get_display_info(g->f.fix.dev, NULL), -ENOTCONN);
	CHECK_EQ(fake_frontend_sync(&g->f.fix.frontend), 0);
	vu_fd_close(&g->sock);
	CHECK_EQ(channel_send_socket(&g->f.fix, VHOST_USER_GPU_SET_SOCKET, &g->sock), 0);
	CHECK(g->f.probe->has_gpu);
}

VU_TEST(backend_gpu, rubbish_costs_the_socket)
{
	struct gpu_fixture g;
	struct vu_gpu_reply reply = { .done = gpu_done, .arg = &g };
	struct vu_device *dev;

	gpu_create(&g);
	dev = g.f.fix.dev;
	gpu_reply(&g, 1, 4, 8);
	check_dropped(&g);
	CHECK_EQ(vu_device_gpu_get_protocol_features(dev, &reply), 0);
	gpu_reply(&g, 1, 4, 16);
	check_dropped(&g);
	CHECK_EQ(g.nb_done, 1);
	CHECK_EQ(g.rc, -ECONNRESET);
	CHECK_EQ(vu_device_gpu_get_protocol_features(dev, &reply), 0);
	gpu_reply(&g, 3, 4, 408);
	check_dropped(&g);
	CHECK_EQ(vu_device_gpu_get_protocol_features(dev, &reply), 0);
	gpu_reply(&g, 1, 5, 8);
	check_dropped(&g);
	vu_fd_close(&g.sock);
	check_dropped(&g);
	for (unsigned int i = 0; i < 16; i++)
		CHECK_EQ(vu_device_gpu_get_protocol_features(dev, &reply), 0);
	CHECK_EQ(vu_device_gpu_get_protocol_features(dev, &reply), -EAGAIN);
	gpu_destroy(&g);
}

VU_TEST(backend_gpu, refused)
{
	struct gpu_fixture g;
	struct vu_reply frame;
	struct session_port fix;
	int sock;

	gpu_create(&g);
	/* No socket; then a device that does not want it. */
	fake_frontend_begin(&g.f.fix.frontend, &frame, VHOST_USER_GPU_SET_SOCKET);
	vu_reply_add_fd(&frame, g.f.fix.mem_fd);
	CHECK_EQ(fake_frontend_do(&g.f.fix.frontend, &frame), 1);
	CHECK(g.f.probe->has_gpu);
	g.f.probe->result = -EIO;
	CHECK_EQ(channel_send_socket(&g.f.fix, VHOST_USER_GPU_SET_SOCKET, &sock), 1);
	vu_fd_close(&sock);
	CHECK_EQ(vu_device_gpu_get_display_info(g.f.fix.dev, NULL), -ENOTCONN);
	gpu_destroy(&g);
	/* A network device has no display. */
	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(fixture_negotiate(&fix), 0);
	CHECK_EQ(channel_send_socket(&fix, VHOST_USER_GPU_SET_SOCKET, &sock), 1);
	vu_fd_close(&sock);
	fixture_destroy(&fix);
}
