/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ops table is all that stands between the library and a way to reach a device: a driver that
 * knows no socket and no message negotiates, takes memory as a whole and starts rings, as one for
 * the kernel's vhost or for vDPA has to.
 */
#include <errno.h>
#include <string.h>

#include <rte_errno.h>

#include "test.h"
#include "vu_fd.h"
#include "vu_frontend_driver.h"
#include "vu_virtio.h"

#define PAGE 4096
#define FEATURE_VERSION_1 RTE_BIT64(VIRTIO_F_VERSION_1)

/* What the library asked for since the driver was opened. */
static struct {
	uint64_t features;
	uint32_t nb_regions;
	uint32_t nb_started, nb_stopped;
	struct vu_frontend_ring_addr addr;
	uint32_t num, nb_closed;
} seen;

static int
bare_open(struct vu_frontend *fe, const struct vu_frontend_conf *conf)
{
	(void)conf;
	memset(&seen, 0, sizeof(seen));
	vu_frontend_set_priv(fe, &seen);
	return 0;
}

static void
bare_close(struct vu_frontend *fe)
{
	(void)fe;
	seen.nb_closed++;
}

static int
bare_connect(struct vu_frontend *fe)
{
	return vu_frontend_priv(fe) == &seen ? 0 : -ENOTCONN;
}

static void
bare_disconnect(struct vu_frontend *fe)
{
	(void)fe;
}

static int
bare_error(const struct vu_frontend *fe)
{
	(void)fe;
	return 0;
}

/* A kernel's device has nothing to listen to. */
static unsigned int
bare_fds(const struct vu_frontend *fe, int fds[VU_FRONTEND_MAX_FDS])
{
	(void)fe;
	(void)fds;
	return 0;
}

static int
bare_get_features(struct vu_frontend *fe, uint64_t *features)
{
	(void)fe;
	*features = FEATURE_VERSION_1;
	return 0;
}

static int
bare_set_features(struct vu_frontend *fe, uint64_t features)
{
	(void)fe;
	seen.features = features;
	return 0;
}

static int
bare_set_owner(struct vu_frontend *fe)
{
	(void)fe;
	return 0;
}

static int
bare_get_max_regions(struct vu_frontend *fe, uint32_t *nb)
{
	(void)fe;
	*nb = 64;
	return 0;
}

static int
bare_set_mem(struct vu_frontend *fe, const struct vu_frontend_region *regions, uint32_t nb_regions)
{
	(void)fe;
	(void)regions;
	seen.nb_regions = nb_regions;
	return 0;
}

static int
bare_set_vring_num(struct vu_frontend *fe, uint32_t idx, uint32_t num)
{
	(void)fe;
	(void)idx;
	seen.num = num;
	return 0;
}

static int
bare_set_vring_base(struct vu_frontend *fe, uint32_t idx, uint32_t base)
{
	(void)fe;
	(void)idx;
	return base == 0 ? 0 : -EINVAL;
}

static int
bare_set_vring_addr(struct vu_frontend *fe, uint32_t idx, const struct vu_frontend_ring_addr *addr)
{
	(void)fe;
	(void)idx;
	seen.addr = *addr;
	return 0;
}

static int
bare_set_vring_call(struct vu_frontend *fe, uint32_t idx, int fd)
{
	(void)fe;
	(void)idx;
	(void)fd;
	return 0;
}

static int
bare_set_vring_kick(struct vu_frontend *fe, uint32_t idx, int fd)
{
	(void)fe;
	(void)idx;
	(void)fd;
	seen.nb_started++;
	return 0;
}

static int
bare_get_vring_base(struct vu_frontend *fe, uint32_t idx, uint32_t *base)
{
	(void)fe;
	(void)idx;
	*base = 0;
	seen.nb_stopped++;
	return 0;
}

static const struct vu_frontend_ops bare_ops = {
	.name = "bare",
	.open = bare_open,
	.close = bare_close,
	.connect = bare_connect,
	.disconnect = bare_disconnect,
	.error = bare_error,
	.fds = bare_fds,
	.get_features = bare_get_features,
	.set_features = bare_set_features,
	.set_owner = bare_set_owner,
	.get_max_regions = bare_get_max_regions,
	.set_mem = bare_set_mem,
	.set_vring_num = bare_set_vring_num,
	.set_vring_base = bare_set_vring_base,
	.set_vring_addr = bare_set_vring_addr,
	.set_vring_call = bare_set_vring_call,
	.set_vring_kick = bare_set_vring_kick,
	.get_vring_base = bare_get_vring_base,
};

VU_FRONTEND_DRIVER(bare_ops)

static const struct vu_frontend_conf bare_conf = {
	.driver = "bare", .path = "bare", .nb_queues = 2, .queue_size = 64,
	.features = FEATURE_VERSION_1, .numa_node = 0,
};

VU_TEST(frontend_driver, runs_on_an_ops_table_alone)
{
	struct vu_frontend *fe = vu_frontend_open(&bare_conf);
	uint8_t status;

	CHECK(fe != NULL);
	CHECK_EQ(vu_frontend_wait(fe, 5000), 0);
	CHECK_EQ(seen.features, FEATURE_VERSION_1);
	CHECK_EQ(vu_frontend_features(fe), FEATURE_VERSION_1);
	CHECK(vu_frontend_mem_alloc(fe, PAGE, 0) != NULL);
	/* With the memory of the rings. */
	CHECK_EQ(seen.nb_regions, 2);
	CHECK_EQ(vu_frontend_start(fe, 0), 0);
	CHECK_EQ(seen.nb_started, 2);
	CHECK_EQ(seen.num, 64);
	CHECK(seen.addr.desc != 0 && seen.addr.avail != 0 && seen.addr.used != 0);
	CHECK_EQ(vu_frontend_stop(fe), 0);
	CHECK_EQ(seen.nb_stopped, 2);
	/* An op that the driver lacks. */
	CHECK_EQ(vu_frontend_status_get(fe, &status), -EOPNOTSUPP);
	vu_frontend_close(fe);
	CHECK_EQ(seen.nb_closed, 1);
}

VU_TEST(frontend_driver, is_found_by_its_name)
{
	struct vu_frontend_conf conf = bare_conf;

	conf.driver = "vdpa";
	CHECK(vu_frontend_open(&conf) == NULL);
	CHECK_EQ(rte_errno, ENOENT);
}
