/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The dirty log by messages: as QEMU sends them on a running device, as it sends them when a device
 * starts in the middle of a migration, twice on one connection; logs that are none, and one that
 * shrinks.
 */
#include "expect.h"
#include "session_fixture.h"

#include <sys/mman.h>

#include <rte_atomic.h>

#include "vu_mem_fault.h"

#define LOG_BITS (PROTOCOL_BITS | RTE_BIT64(VHOST_USER_PROTOCOL_F_LOG_SHMFD))
#define F_LOG_ALL RTE_BIT64(VHOST_F_LOG_ALL)
#define LOG_BYTES ((SESSION_GPA + SESSION_MEM_BYTES) / 4096 / 8)
#define LOG_OFFSET UINT64_C(4103) /* nothing says that it is aligned */
#define PAGE(offset) ((SESSION_GPA + (offset)) / 4096)

/* The front-end's side of a log. */
struct log_file {
	int fd;
	uint8_t *bytes;
};

static void
log_file_open(struct log_file *file)
{
	file->fd = vu_fd_memfd("vu-test-log", LOG_OFFSET + LOG_BYTES, 0);
	CHECK(file->fd >= 0);
	file->bytes = mmap(NULL, LOG_OFFSET + LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		file->fd, 0);
	CHECK(file->bytes != MAP_FAILED);
}

static void
log_file_close(struct log_file *file)
{
	munmap(file->bytes, LOG_OFFSET + LOG_BYTES);
	close(file->fd);
}

static bool
log_has(const struct log_file *file, uint64_t page)
{
	return (vu_load(&file->bytes[LOG_OFFSET + page / 8]) >> page % 8 & 1) != 0;
}

static unsigned int
log_nb_bits(const struct log_file *file)
{
	unsigned int nb = 0;

	for (uint64_t i = 0; i < LOG_OFFSET + LOG_BYTES; i++)
		nb += (unsigned int)__builtin_popcount(vu_load(&file->bytes[i]));
	return nb;
}

static void
log_clear(struct log_file *file)
{
	memset(file->bytes, 0, LOG_OFFSET + LOG_BYTES);
}

static int
send_log(struct session_port *fix, int fd, uint64_t size, uint64_t offset)
{
	const struct vhost_user_log log = { .size = size, .offset = offset };
	struct vu_reply frame;

	fake_frontend_begin(&fix->frontend, &frame, VHOST_USER_SET_LOG_BASE);
	vu_request_append(&frame, &log, sizeof(log));
	if (fd != VU_FD_NONE)
		vu_reply_add_fd(&frame, fd);
	return fake_frontend_send(&fix->frontend, &frame);
}

/* QEMU asks for no acknowledgement and waits for a reply; rust-vmm wants its request back. */
static void
set_log(struct session_port *fix, const struct log_file *file)
{
	struct vu_msg reply;

	fix->frontend.need_reply = false;
	CHECK_EQ(send_log(fix, file->fd, LOG_BYTES, LOG_OFFSET), 0);
	fix->frontend.need_reply = true;
	CHECK_EQ(fake_frontend_receive(&fix->frontend, &reply), 0);
	CHECK_EQ(reply.request, VHOST_USER_SET_LOG_BASE);
	CHECK_EQ(reply.size, sizeof(struct vhost_user_log));
	CHECK_EQ(reply.payload.log.size, LOG_BYTES);
	CHECK_EQ(reply.payload.log.offset, LOG_OFFSET);
}

static void
set_features(struct session_port *fix, uint64_t features)
{
	CHECK_EQ(fake_frontend_do_u64(&fix->frontend, VHOST_USER_SET_FEATURES,
		FEATURE_BITS | features), 0);
}

static void
set_ring_flag(struct session_port *fix, uint32_t q, uint32_t flags)
{
	struct vhost_user_vring_addr addr = session_ring_addr(q);
	struct vu_reply frame;

	addr.flags = flags;
	addr.log = addr.used - SESSION_UVA + SESSION_GPA;
	fake_frontend_begin(&fix->frontend, &frame, VHOST_USER_SET_VRING_ADDR);
	vu_request_append(&frame, &addr, sizeof(addr));
	CHECK_EQ(fake_frontend_do(&fix->frontend, &frame), 0);
}

static void
set_logging(struct session_port *fix, bool is_on)
{
	set_features(fix, is_on ? F_LOG_ALL : 0);
	for (uint32_t q = 0; q < 2; q++)
		set_ring_flag(fix, q, is_on ? VHOST_USER_VRING_F_LOG_MASK : 0);
}

static void
start_with(struct session_port *fix, uint64_t features)
{
	CHECK_EQ(session_port_negotiate(fix, FEATURE_BITS | features, LOG_BITS), 0);
	CHECK_EQ(session_port_set_mem(fix), 0);
	for (uint32_t q = 0; q < 2; q++)
		CHECK_EQ(session_port_start_ring(fix, q), 0);
}

/* An echo writes to one buffer and to both used rings. */
static void
check_echo_marked(struct session_port *fix, const struct log_file *file, uint8_t value)
{
	const uint64_t buffer = (uint64_t)(session_port_next_buffer(fix, 0) - fix->mem);

	session_port_echo(fix, value);
	/* The marks of used rings follow them. */
	lcore_gate_pass(fix);
	CHECK(log_has(file, PAGE(buffer)));
	for (uint32_t q = 0; q < 2; q++)
		CHECK(log_has(file, PAGE(session_ring_addr(q).used - SESSION_UVA)));
	CHECK_EQ(log_nb_bits(file), 3);
}

VU_TEST(handle_log, on_and_off_and_on_again)
{
	struct session_port fix;
	struct log_file files[3];

	fixture_create(&fix, "forward=loopback");
	start_with(&fix, 0);
	for (unsigned int i = 0; i < RTE_DIM(files); i++) {
		log_file_open(&files[i]);
		set_log(&fix, &files[i]);
		session_port_echo(&fix, 1);
		lcore_gate_pass(&fix);
		CHECK_EQ(log_nb_bits(&files[i]), 0);
		set_logging(&fix, true);
		log_clear(&files[i]);
		check_echo_marked(&fix, &files[i], (uint8_t)(2 + i));
		set_logging(&fix, false);
		log_clear(&files[i]);
		session_port_echo(&fix, 9);
		lcore_gate_pass(&fix);
		CHECK_EQ(log_nb_bits(&files[i]), 0);
		/* None of it stopped a ring. */
		CHECK(fixture_is_live(&fix, 0) && fixture_is_live(&fix, 1));
	}
	CHECK_EQ(vu_device_nb_log_misses(fix.dev), 0);
	fixture_destroy(&fix);
	for (unsigned int i = 0; i < RTE_DIM(files); i++)
		log_file_close(&files[i]);
}

/* The former one is left alone once the request is answered. */
VU_TEST(handle_log, replaced)
{
	struct session_port fix;
	struct log_file files[2];

	fixture_create(&fix, "forward=loopback");
	start_with(&fix, 0);
	for (unsigned int i = 0; i < RTE_DIM(files); i++)
		log_file_open(&files[i]);
	set_log(&fix, &files[0]);
	set_logging(&fix, true);
	for (unsigned int i = 1; i < 10; i++) {
		set_log(&fix, &files[i % 2]);
		log_clear(&files[0]);
		log_clear(&files[1]);
		check_echo_marked(&fix, &files[i % 2], (uint8_t)i);
		CHECK_EQ(log_nb_bits(&files[(i + 1) % 2]), 0);
	}
	fixture_destroy(&fix);
	for (unsigned int i = 0; i < RTE_DIM(files); i++)
		log_file_close(&files[i]);
}

/* LOG_ALL and the flag are switched one by one, in any order. */
VU_TEST(handle_log, buffers_and_rings_apart)
{
	struct session_port fix;
	struct log_file file;

	fixture_create(&fix, "forward=loopback");
	start_with(&fix, 0);
	log_file_open(&file);
	set_log(&fix, &file);
	set_features(&fix, F_LOG_ALL);
	session_port_echo(&fix, 1);
	lcore_gate_pass(&fix);
	CHECK_EQ(log_nb_bits(&file), 1);
	set_ring_flag(&fix, 1, VHOST_USER_VRING_F_LOG_MASK);
	set_features(&fix, 0);
	/* The log went with LOG_ALL. */
	set_log(&fix, &file);
	log_clear(&file);
	session_port_echo(&fix, 2);
	lcore_gate_pass(&fix);
	CHECK_EQ(log_nb_bits(&file), 1);
	CHECK(log_has(&file, PAGE(session_ring_addr(1).used - SESSION_UVA)));
	fixture_destroy(&fix);
	log_file_close(&file);
}

static void
check_waiting(struct session_port *fix, const struct log_file *file)
{
	uint32_t base;

	for (uint32_t q = 0; q < 2; q++)
		set_ring_flag(fix, q, VHOST_USER_VRING_F_LOG_MASK);
	CHECK(!fixture_is_live(fix, 0) && !fixture_is_live(fix, 1));
	set_log(fix, file);
	CHECK(fixture_is_live(fix, 0) && fixture_is_live(fix, 1));
	lcore_gate_pass(fix);
	log_clear((struct log_file *)(uintptr_t)file);
	check_echo_marked(fix, file, 5);
	for (uint32_t q = 0; q < 2; q++)
		CHECK_EQ(fake_frontend_get_base(&fix->frontend, q, &base), 0);
}

/* A guest that loads its driver while it is migrated: the log comes last. */
VU_TEST(handle_log, rings_wait_for_it)
{
	struct session_port fix;
	struct log_file files[2];

	fixture_create(&fix, "forward=loopback");
	start_with(&fix, F_LOG_ALL);
	log_file_open(&files[0]);
	check_waiting(&fix, &files[0]);
	/* And loads it again: the log of before is nobody's. */
	set_features(&fix, F_LOG_ALL);
	for (uint32_t q = 0; q < 2; q++)
		CHECK_EQ(session_port_start_ring(&fix, q), 0);
	log_clear(&files[0]);
	log_file_open(&files[1]);
	check_waiting(&fix, &files[1]);
	CHECK_EQ(log_nb_bits(&files[0]), 0);
	/* The migration ends without a word about the log. */
	set_features(&fix, 0);
	for (uint32_t q = 0; q < 2; q++)
		CHECK_EQ(session_port_start_ring(&fix, q), 0);
	session_port_echo(&fix, 7);
	fixture_destroy(&fix);
	log_file_close(&files[0]);
	log_file_close(&files[1]);
}

/* LOG_ALL alone on running rings: they pause, and go on where they were. */
VU_TEST(handle_log, features_before_the_log)
{
	struct session_port fix;
	struct log_file file;

	fixture_create(&fix, "forward=loopback");
	start_with(&fix, 0);
	session_port_echo(&fix, 1);
	set_features(&fix, F_LOG_ALL);
	CHECK(!fixture_is_live(&fix, 0) && !fixture_is_live(&fix, 1));
	log_file_open(&file);
	set_log(&fix, &file);
	session_port_echo(&fix, 2);
	CHECK(log_nb_bits(&file) != 0);
	set_features(&fix, 0);
	set_features(&fix, F_LOG_ALL);
	CHECK(!fixture_is_live(&fix, 0));
	set_features(&fix, 0);
	session_port_echo(&fix, 3);
	fixture_destroy(&fix);
	log_file_close(&file);
}

/* A front-end of old names an address of its own: there is no log for us, and none to wait for. */
VU_TEST(handle_log, without_shared_memory)
{
	struct session_port fix;

	fixture_create(&fix, "forward=loopback");
	CHECK_EQ(session_port_negotiate(&fix, FEATURE_BITS | F_LOG_ALL, PROTOCOL_BITS), 0);
	CHECK_EQ(session_port_set_mem(&fix), 0);
	CHECK_EQ(fake_frontend_do_u64(&fix.frontend, VHOST_USER_SET_LOG_BASE, 0x7f0000000000), 0);
	for (uint32_t q = 0; q < 2; q++)
		CHECK_EQ(session_port_start_ring(&fix, q), 0);
	session_port_echo(&fix, 1);
	fixture_destroy(&fix);
}

static int
do_log(struct session_port *fix, int fd, uint64_t size, uint64_t offset)
{
	struct vu_msg reply;

	CHECK_EQ(send_log(fix, fd, size, offset), 0);
	CHECK_EQ(fake_frontend_receive(&fix->frontend, &reply), 0);
	CHECK_EQ(reply.request, VHOST_USER_SET_LOG_BASE);
	return reply.size == sizeof(uint64_t) && reply.payload.u64 != 0;
}

VU_TEST(handle_log, what_is_no_log)
{
	static const uint64_t sizes[][2] = { { 0, 0 }, { LOG_BYTES, LOG_OFFSET + 1 },
		{ LOG_OFFSET + LOG_BYTES + 1, 0 }, { UINT64_MAX, 1 }, { 1, UINT64_MAX },
		{ UINT64_C(1) << 63, UINT64_C(1) << 63 } };
	struct session_port fix;
	struct log_file file;
	int fds[2];

	fixture_create(&fix, "forward=loopback");
	start_with(&fix, 0);
	log_file_open(&file);
	for (unsigned int i = 0; i < RTE_DIM(sizes); i++)
		CHECK_EQ(do_log(&fix, file.fd, sizes[i][0], sizes[i][1]), 1);
	CHECK_EQ(do_log(&fix, VU_FD_NONE, LOG_BYTES, 0), 1);
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(do_log(&fix, fds[1], LOG_BYTES, 0), 1);
	CHECK_EQ(do_log(&fix, fix.base.rings[0].call_fd, LOG_BYTES, 0), 1);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	session_port_echo(&fix, 1);
	/* One that is too short takes what it has room for. */
	CHECK_EQ(do_log(&fix, file.fd, 1, LOG_OFFSET), 0);
	set_logging(&fix, true);
	session_port_echo(&fix, 2);
	lcore_gate_pass(&fix);
	CHECK_EQ(log_nb_bits(&file), 0);
	CHECK(vu_device_nb_log_misses(fix.dev) >= 3);
	/* Without an acknowledgement the connection ends. */
	fix.frontend.need_reply = false;
	CHECK_EQ(send_log(&fix, file.fd, UINT64_MAX, 0), 0);
	CHECK_EQ(fake_frontend_wait_end(&fix.frontend), 0);
	fixture_destroy(&fix);
	log_file_close(&file);
	close(fds[0]);
	close(fds[1]);
}

VU_TEST(handle_log, one_that_shrinks_ends_the_session)
{
	struct session_port fix;
	struct log_file file;

	CHECK_EQ(vu_mem_fault_install(), 0);
	fixture_create(&fix, "forward=loopback");
	start_with(&fix, 0);
	log_file_open(&file);
	set_log(&fix, &file);
	set_logging(&fix, true);
	session_port_echo(&fix, 1);
	vu_backend_session_check_mem(fix.session);
	CHECK_EQ(fake_frontend_sync(&fix.frontend), 0);
	CHECK_EQ(ftruncate(file.fd, 0), 0);
	session_port_echo(&fix, 2);
	lcore_gate_pass(&fix);
	vu_backend_session_check_mem(fix.session);
	session_port_wait_closed(&fix);
	fixture_destroy(&fix);
	log_file_close(&file);
	vu_mem_fault_uninstall();
}

/* Nobody waits for it. */
VU_TEST(handle_log, log_fd_is_closed)
{
	struct session_port fix;
	unsigned int nb_fds;
	struct vu_reply frame;

	fixture_create(&fix, "forward=loopback");
	start_with(&fix, 0);
	nb_fds = rig_count_fds();
	for (unsigned int i = 0; i < 3; i++) {
		fake_frontend_begin(&fix.frontend, &frame, VHOST_USER_SET_LOG_FD);
		vu_reply_add_fd(&frame, fix.base.rings[0].call_fd);
		CHECK_EQ(fake_frontend_do(&fix.frontend, &frame), 0);
	}
	CHECK_EQ(rig_count_fds(), nb_fds);
	fixture_destroy(&fix);
}
