/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Regions that a Xen device maps instead of mmap() of their file. Used by mem_map.c on the control
 * lcore. Without the build option `xen` no region asks for it and nothing of this is compiled.
 */
#ifndef MEM_XEN_H
#define MEM_XEN_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include "vu_mem.h"

struct mem_file;
struct mem_map;
struct mem_xen;

#ifdef VU_XEN

#define MEM_XEN_FOREIGN 0x1u          /* by guest frame, through the privileged-command device */
#define MEM_XEN_GRANT 0x2u            /* by grant reference, through the grant device */
#define MEM_XEN_NO_ADVANCE_MAP 0x100u /* map what is needed when it is needed: refused */

#define MEM_XEN_PAGE_BYTES UINT64_C(4096)
#define MEM_XEN_MAX_PAGES (UINT64_C(1) << 26)   /* 256 GiB; we hold 12 bytes per page meanwhile */
#define MEM_XEN_GRANT_ADDR (UINT64_C(1) << 63)  /* marks an address made of grant references */
#define MEM_XEN_FIRST_RESERVED_DOMID 0x7ff0u    /* from here on not a guest, but "self" and such */

/* The kernel's interface, spelled our way; its own headers are rarely installed. */

struct mem_xen_mmap_batch {
	uint32_t num;
	uint16_t domid;
	uint64_t addr;
	const uint64_t *frames;
	int *errors;
};

struct mem_xen_grant_ref {
	uint32_t domid;
	uint32_t ref;
};

struct mem_xen_map_grant {
	uint32_t count;
	uint32_t padding;
	uint64_t index; /* the kernel's answer: offset for mmap() */
	struct mem_xen_grant_ref refs[];
};

struct mem_xen_unmap_grant {
	uint64_t index;
	uint32_t count;
	uint32_t padding;
};

/* Numbers count the first reference in, which an array of unknown length leaves out. */
#define MEM_XEN_MMAP_BATCH _IOC(_IOC_NONE, 'P', 4, sizeof(struct mem_xen_mmap_batch))
#define MEM_XEN_MAP_GRANT _IOC(_IOC_NONE, 'G', 0, \
	sizeof(struct mem_xen_map_grant) + sizeof(struct mem_xen_grant_ref))
#define MEM_XEN_UNMAP_GRANT _IOC(_IOC_NONE, 'G', 1, sizeof(struct mem_xen_unmap_grant))

/** The devices, so that a test can put a stand-in in their place. */
struct mem_xen_ops {
	const char *privcmd_path;
	const char *gntdev_path;
	int (*open)(const char *path);                          /**< fd, or -1 and errno */
	int (*ioctl)(int fd, unsigned long request, void *arg); /**< 0, or -1 and errno */
	void *(*mmap)(int fd, size_t len, off_t offset);        /**< shared, read and write */
};

/**
 * Replace the devices.
 *
 * @param ops  stand-in that outlives its use, or NULL for the kernel's
 * @context control lcore, while no Xen mapping exists
 */
void mem_xen_ops_set(const struct mem_xen_ops *ops);

/** @return true if the region is to be mapped by a Xen device */
bool mem_xen_is_requested(const struct vu_mem_region_conf *conf);

/**
 * Look at what a region asks for, in place of mem_file_inspect(): its fd means nothing.
 *
 * @param conf  region that asks for a Xen device, hostile
 * @param file  receives a file without identity
 * @return 0; -EINVAL flags unknown or exclude each other, or not a guest's domid; -ENOTSUP
 *         no-advance mapping, or pages of this host are not Xen's; -ERANGE too long, or no such
 *         grant reference
 * @context control lcore
 */
int mem_xen_inspect(const struct vu_mem_region_conf *conf, struct mem_file *file);

/**
 * Map a region that mem_xen_inspect() accepted: fills in base, mapped_bytes, hva and xen.
 *
 * @param map   mapping to be
 * @param conf  region
 * @return 0, -ENOMEM, or the device's error of the whole or of one page
 * @context control lcore
 */
int mem_xen_open(struct mem_map *map, const struct vu_mem_region_conf *conf);

/**
 * Unmap and give the grants back.
 *
 * @param map  mapping that mem_xen_open() filled in
 * @context control lcore
 */
void mem_xen_close(struct mem_map *map);

/** @return true if the mapping, NULL for one of a file, is what conf asks a Xen device for */
bool mem_xen_shows(const struct mem_xen *xen, const struct vu_mem_region_conf *conf);

#else /* VU_XEN */

static inline bool
mem_xen_is_requested(const struct vu_mem_region_conf *conf)
{
	(void)conf;
	return false;
}

static inline int
mem_xen_inspect(const struct vu_mem_region_conf *conf, struct mem_file *file)
{
	(void)conf;
	(void)file;
	return -ENOTSUP;
}

static inline int
mem_xen_open(struct mem_map *map, const struct vu_mem_region_conf *conf)
{
	(void)map;
	(void)conf;
	return -ENOTSUP;
}

static inline void
mem_xen_close(struct mem_map *map)
{
	(void)map;
}

static inline bool
mem_xen_shows(const struct mem_xen *xen, const struct vu_mem_region_conf *conf)
{
	(void)conf;
	return xen == NULL;
}

#endif /* VU_XEN */

#endif /* MEM_XEN_H */
