/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Guest memory through the Xen devices: foreign frames and grant references. Called by mem_map.c
 * for regions whose flags ask for it; compiled with the build option `xen` only. A region is mapped
 * as a whole or not at all. See doc/decision/0008.
 */
#include "mem_xen.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>

#include "vu_fd.h"
#include "vu_math.h"

#include "mem_map.h"

#define KNOWN_FLAGS (MEM_XEN_FOREIGN | MEM_XEN_GRANT | MEM_XEN_NO_ADVANCE_MAP)

static_assert(sizeof(struct mem_xen_mmap_batch) == 32, "mmap batch");
static_assert(offsetof(struct mem_xen_mmap_batch, domid) == 4, "mmap batch domid");
static_assert(offsetof(struct mem_xen_mmap_batch, addr) == 8, "mmap batch addr");
static_assert(offsetof(struct mem_xen_map_grant, index) == 8, "map grant index");
static_assert(offsetof(struct mem_xen_map_grant, refs) == 16, "map grant refs");
static_assert(sizeof(struct mem_xen_unmap_grant) == 16, "unmap grant");

/* What a mapping was made from, and what it takes to undo it. */
struct mem_xen {
	uint64_t gpa;
	uint32_t flags;
	uint32_t domid;
	uint32_t nb_pages;
	int fd;         /* grant device, VU_FD_NONE for foreign frames */
	uint64_t index; /* of the grants in that device */
};

static int
device_open(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC);
}

static int
device_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

static void *
device_mmap(int fd, size_t len, off_t offset)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static const struct mem_xen_ops kernel_ops = {
	.privcmd_path = "/dev/xen/privcmd",
	.gntdev_path = "/dev/xen/gntdev",
	.open = device_open,
	.ioctl = device_ioctl,
	.mmap = device_mmap,
};

static const struct mem_xen_ops *xen_ops = &kernel_ops;

void
mem_xen_ops_set(const struct mem_xen_ops *ops)
{
	xen_ops = ops != NULL ? ops : &kernel_ops;
}

bool
mem_xen_is_requested(const struct vu_mem_region_conf *conf)
{
	return conf->xen_mmap_flags != 0;
}

/* A region may start and end inside a page; mem_table.c has checked that it does not wrap. */
static uint64_t
region_nb_pages(const struct vu_mem_region_conf *conf)
{
	uint64_t last = (conf->gpa + conf->len - 1) / MEM_XEN_PAGE_BYTES;

	return last - conf->gpa / MEM_XEN_PAGE_BYTES + 1;
}

static uint64_t
region_first_ref(const struct vu_mem_region_conf *conf)
{
	return (conf->gpa & ~MEM_XEN_GRANT_ADDR) / MEM_XEN_PAGE_BYTES;
}

int
mem_xen_inspect(const struct vu_mem_region_conf *conf, struct mem_file *file)
{
	uint32_t kind = conf->xen_mmap_flags & (MEM_XEN_FOREIGN | MEM_XEN_GRANT);

	if ((conf->xen_mmap_flags & ~KNOWN_FLAGS) != 0 ||
			kind == (MEM_XEN_FOREIGN | MEM_XEN_GRANT) ||
			conf->xen_domid >= MEM_XEN_FIRST_RESERVED_DOMID)
		return -EINVAL;
	/* Data lcores use pointers without a system call: what is not mapped cannot be used. */
	if ((conf->xen_mmap_flags & MEM_XEN_NO_ADVANCE_MAP) != 0 ||
			sysconf(_SC_PAGESIZE) != (long)MEM_XEN_PAGE_BYTES)
		return -ENOTSUP;
	if (region_nb_pages(conf) > MEM_XEN_MAX_PAGES)
		return -ERANGE;
	if (kind == MEM_XEN_GRANT && !vu_range_inside(region_first_ref(conf),
			region_nb_pages(conf), 0, UINT64_C(1) << 32))
		return -ERANGE;
	*file = (struct mem_file) { .page_bytes = MEM_XEN_PAGE_BYTES };
	return 0;
}

static int
pages_mmap(struct mem_map *map, int fd, uint64_t offset)
{
	map->base = xen_ops->mmap(fd, map->usage.mapped_bytes, (off_t)offset);
	return map->base == MAP_FAILED ? -errno : 0;
}

/* The call succeeds although single frames failed, and names those. */
static int
frames_fill(const struct mem_map *map, int fd, uint64_t *frames, int *errors)
{
	const struct mem_xen *xen = map->xen;
	struct mem_xen_mmap_batch batch = {
		.num = xen->nb_pages, .domid = (uint16_t)xen->domid,
		.addr = (uintptr_t)map->base, .frames = frames, .errors = errors,
	};

	for (uint32_t i = 0; i < xen->nb_pages; i++)
		frames[i] = xen->gpa / MEM_XEN_PAGE_BYTES + i;
	if (xen_ops->ioctl(fd, MEM_XEN_MMAP_BATCH, &batch) < 0)
		return -errno;
	for (uint32_t i = 0; i < xen->nb_pages; i++)
		if (errors[i] != 0)
			return errors[i] < 0 ? errors[i] : -EFAULT;
	return 0;
}

static int
foreign_map(struct mem_map *map, int fd)
{
	uint64_t *frames = calloc(map->xen->nb_pages, sizeof(*frames));
	int *errors = calloc(map->xen->nb_pages, sizeof(*errors));
	int rc = -ENOMEM;

	if (frames != NULL && errors != NULL)
		rc = pages_mmap(map, fd, 0);
	if (rc == 0) {
		rc = frames_fill(map, fd, frames, errors);
		if (rc < 0)
			munmap(map->base, map->usage.mapped_bytes);
	}
	free(errors);
	free(frames);
	return rc;
}

static int
grants_take(struct mem_xen *xen, uint64_t first_ref, int fd)
{
	struct mem_xen_map_grant *request;
	int rc = 0;

	request = calloc(1, sizeof(*request) + xen->nb_pages * sizeof(request->refs[0]));
	if (request == NULL)
		return -ENOMEM;
	request->count = xen->nb_pages;
	for (uint32_t i = 0; i < xen->nb_pages; i++)
		request->refs[i] = (struct mem_xen_grant_ref) {
			.domid = xen->domid, .ref = (uint32_t)(first_ref + i),
		};
	if (xen_ops->ioctl(fd, MEM_XEN_MAP_GRANT, request) < 0)
		rc = -errno;
	xen->index = request->index;
	free(request);
	return rc;
}

static void
grants_give_back(const struct mem_xen *xen, int fd)
{
	struct mem_xen_unmap_grant request = { .index = xen->index, .count = xen->nb_pages };

	/* Nothing is left to try if it fails; closing the device gives them back as well. */
	xen_ops->ioctl(fd, MEM_XEN_UNMAP_GRANT, &request);
}

static int
grant_map(struct mem_map *map, uint64_t first_ref, int fd)
{
	int rc;

	rc = grants_take(map->xen, first_ref, fd);
	if (rc < 0)
		return rc;
	rc = pages_mmap(map, fd, map->xen->index);
	if (rc < 0)
		grants_give_back(map->xen, fd);
	return rc;
}

static int
device_map(struct mem_map *map, const struct vu_mem_region_conf *conf)
{
	bool is_grant = (conf->xen_mmap_flags & MEM_XEN_GRANT) != 0;
	int fd, rc;

	fd = xen_ops->open(is_grant ? xen_ops->gntdev_path : xen_ops->privcmd_path);
	if (fd < 0)
		return -errno;
	if (is_grant)
		rc = grant_map(map, region_first_ref(conf), fd);
	else
		rc = foreign_map(map, fd);
	/* Foreign frames stay mapped without the device; grants are given back through it. */
	if (rc == 0 && is_grant)
		map->xen->fd = vu_fd_take(&fd);
	vu_fd_close(&fd);
	return rc;
}

int
mem_xen_open(struct mem_map *map, const struct vu_mem_region_conf *conf)
{
	int rc;

	map->xen = malloc(sizeof(*map->xen));
	if (map->xen == NULL)
		return -ENOMEM;
	*map->xen = (struct mem_xen) {
		.gpa = conf->gpa, .flags = conf->xen_mmap_flags, .domid = conf->xen_domid,
		.nb_pages = (uint32_t)region_nb_pages(conf), .fd = VU_FD_NONE,
	};
	map->usage.mapped_bytes = map->xen->nb_pages * MEM_XEN_PAGE_BYTES;
	rc = device_map(map, conf);
	if (rc < 0) {
		free(map->xen);
		map->xen = NULL;
		return rc;
	}
	map->hva = RTE_PTR_ADD(map->base, conf->gpa % MEM_XEN_PAGE_BYTES);
	return 0;
}

void
mem_xen_close(struct mem_map *map)
{
	munmap(map->base, map->usage.mapped_bytes);
	if (map->xen->fd >= 0)
		grants_give_back(map->xen, map->xen->fd);
	vu_fd_close(&map->xen->fd);
	free(map->xen);
	map->xen = NULL;
}

bool
mem_xen_shows(const struct mem_xen *xen, const struct vu_mem_region_conf *conf)
{
	if (xen == NULL)
		return conf->xen_mmap_flags == 0;
	return xen->flags == conf->xen_mmap_flags && xen->domid == conf->xen_domid &&
		xen->gpa == conf->gpa;
}
