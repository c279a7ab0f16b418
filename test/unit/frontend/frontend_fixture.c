/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A front-end of our library before a session of our back-end; see frontend_fixture.h.
 */
#include "frontend_fixture.h"

static void
backend_closed(void *arg)
{
	struct frontend_fixture *fix = arg;

	fix->session = NULL;
}

static void
backend_serve(struct frontend_fixture *fix, int fd)
{
	const struct vu_backend_conf conf = {
		.reactor = fix->rig.reactor, .dev = fix->dev, .fd = fd,
		.is_threadless = true, .closed = backend_closed, .arg = fix,
	};

	fix->session = vu_backend_session_open(&conf);
	fix->nb_sessions++;
}

/* One front-end at a time; others wait in the socket. */
static void
backend_accept(void *arg, uint32_t events)
{
	struct frontend_fixture *fix = arg;
	int fd = fix->session == NULL ? vu_listener_accept(fix->listener) : -EAGAIN;

	(void)events;
	if (fd >= 0)
		backend_serve(fix, fd);
}

static void *
backend_thread(void *arg)
{
	struct frontend_fixture *fix = arg;

	vu_reactor_run(fix->rig.reactor);
	return NULL;
}

void
backend_listen(void *arg)
{
	struct frontend_fixture *fix = arg;

	fix->listener = vu_listener_create(fix->path);
	fix->source = vu_reactor_fd_add(fix->rig.reactor, vu_listener_fd(fix->listener), EPOLLIN,
		backend_accept, fix);
}

void
backend_connect(void *arg)
{
	struct frontend_fixture *fix = arg;
	int fd = vu_connect(fix->path);

	if (fd >= 0)
		backend_serve(fix, fd);
}

void
backend_hang_up(void *arg)
{
	struct frontend_fixture *fix = arg;

	if (fix->session != NULL)
		vu_backend_session_close(fix->session, "the case wants it");
}

void
backend_do(struct frontend_fixture *fix, vu_reactor_call_fn fn)
{
	CHECK_EQ(vu_reactor_call_sync(fix->rig.reactor, fn, fix), 0);
}

void
front_create(struct frontend_fixture *fix)
{
	struct vu_device_conf conf;

	*fix = (struct frontend_fixture){ 0 };
	session_rig_init(&fix->rig);
	conf = session_device_conf(&fix->rig, "forward=loopback");
	strcpy(fix->dir, "/tmp/vu-fe-XXXXXX");
	CHECK(mkdtemp(fix->dir) != NULL);
	snprintf(fix->path, sizeof(fix->path), "%s/sock", fix->dir);
	fix->dev = vu_device_create("net", &conf);
	CHECK(fix->dev != NULL);
	session_rig_start(&fix->rig);
	expect_thread_start(&fix->thread, backend_thread, fix);
}

static void
backend_finish(void *arg)
{
	struct frontend_fixture *fix = arg;

	vu_reactor_fd_remove(fix->source);
	vu_listener_destroy(fix->listener);
	backend_hang_up(fix);
}

static void
backend_is_idle(void *arg)
{
	struct frontend_fixture *fix = arg;

	if (fix->session == NULL)
		vu_reactor_stop(fix->rig.reactor);
}

void
front_destroy(struct frontend_fixture *fix)
{
	vu_frontend_close(fix->fe);
	backend_do(fix, backend_finish);
	WAIT_WHILE(vu_reactor_call_sync(fix->rig.reactor, backend_is_idle, fix) == 0 &&
			fix->session != NULL)
		;
	expect_thread_join(fix->thread);
	vu_device_destroy(fix->dev);
	session_rig_fini(&fix->rig);
	rmdir(fix->dir);
}

static void
front_up(void *arg)
{
	((struct frontend_fixture *)arg)->nb_up++;
}

static void
front_down(void *arg, int reason)
{
	struct frontend_fixture *fix = arg;

	fix->nb_down++;
	fix->down_reason = reason;
}

static void
front_config_changed(void *arg)
{
	((struct frontend_fixture *)arg)->nb_config_changes++;
}

static const struct vu_frontend_events front_events = {
	.up = front_up, .down = front_down, .config_changed = front_config_changed,
};

struct vu_frontend_conf
front_conf(struct frontend_fixture *fix)
{
	return (struct vu_frontend_conf){
		.path = fix->path, .nb_queues = 2, .queue_size = 64,
		.features_required = FEATURE_VERSION_1, .reply_ms = EXPECT_WAIT_MS,
		.retry_ms = 2, .events = &front_events, .arg = fix,
	};
}

void
front_open(struct frontend_fixture *fix, const struct vu_frontend_conf *conf)
{
	fix->fe = vu_frontend_open(conf);
	CHECK(fix->fe != NULL);
	fix->mem = vu_frontend_mem_alloc(fix->fe, 256 * BUFFER_BYTES, 0);
	CHECK(fix->mem != NULL);
	CHECK_EQ(vu_frontend_start(fix->fe, 0), 0);
}

void
front_create_open(struct frontend_fixture *fix, uint64_t features)
{
	struct vu_frontend_conf conf;

	front_create(fix);
	backend_do(fix, backend_listen);
	conf = front_conf(fix);
	conf.features_required |= features;
	front_open(fix, &conf);
}

struct vu_guest_buf
front_buf(void *start, uint32_t len)
{
	return (struct vu_guest_buf){ .gpa = (uintptr_t)start, .cookie = start, .len_bytes = len };
}

void
front_collect_one(struct frontend_fixture *fix, uint32_t queue_idx, struct vu_guest_done *done)
{
	WAIT_WHILE(vu_frontend_collect(fix->fe, queue_idx, done, 1) == 0)
		vu_frontend_turn(fix->fe, 0);
}

void
front_round_trip_at(struct frontend_fixture *fix, uint8_t value, uint8_t *out, uint8_t *in)
{
	struct vu_guest_buf buf = front_buf(in, BUFFER_BYTES);
	struct vu_guest_done done;

	CHECK_EQ(vu_frontend_send(fix->fe, TO_GUEST, &buf, 1, true), 1);
	memset(in, 0xee, BUFFER_BYTES);
	memset(out, 0, NET_HEADER_BYTES);
	memset(out + NET_HEADER_BYTES, value, FRAME_BYTES);
	buf = front_buf(out, NET_HEADER_BYTES + FRAME_BYTES);
	CHECK_EQ(vu_frontend_send(fix->fe, FROM_GUEST, &buf, 1, false), 1);
	front_collect_one(fix, FROM_GUEST, &done);
	CHECK(done.cookie == out);
	front_collect_one(fix, TO_GUEST, &done);
	CHECK_EQ(done.len_bytes, NET_HEADER_BYTES + FRAME_BYTES);
	CHECK_EQ(memcmp(out + NET_HEADER_BYTES, (uint8_t *)done.cookie + NET_HEADER_BYTES,
		FRAME_BYTES), 0);
}

void
front_round_trip(struct frontend_fixture *fix, uint8_t value)
{
	front_round_trip_at(fix, value, fix->mem, fix->mem + BUFFER_BYTES);
}
