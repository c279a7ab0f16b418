/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What differs between releases of DPDK, from 22.11 on, and what the sources say instead. Each
 * group names the release that made the change.
 */
#ifndef VU_COMPAT_H
#define VU_COMPAT_H

#include <rte_version.h>

/** Is this DPDK of that release, or a later one? Release candidates count. */
#define VU_DPDK_SINCE(year, month) (RTE_VERSION >= RTE_VERSION_NUM(year, month, 0, 0))

/* 23.11: control threads are rte_thread_t and return a number. Errors have either sign. */
#if VU_DPDK_SINCE(23, 11)
#include <stdlib.h>
#include <rte_thread.h>
#define vu_ctrl_thread rte_thread_t
#define vu_ctrl_thread_return uint32_t
#define vu_ctrl_thread_create(thread, name, fn, arg) \
	(-abs(rte_thread_create_control(thread, name, fn, arg)))
#define vu_ctrl_thread_join(thread) rte_thread_join(thread, NULL)
#else
#include <pthread.h>
#include <rte_lcore.h>
#define vu_ctrl_thread pthread_t
#define vu_ctrl_thread_return void *
#define vu_ctrl_thread_create(thread, name, fn, arg) \
	rte_ctrl_thread_create(thread, name, NULL, fn, arg)
#define vu_ctrl_thread_join(thread) pthread_join(thread, NULL)
#endif

/* 25.11: a driver counts queues in a structure of its own, NULL = not asked for. */
#if VU_DPDK_SINCE(25, 11)
#define vu_eth_queue_stats eth_queue_stats
#define VU_ETH_STATS_PARAMS(dev, stats, queue_stats) struct rte_eth_dev *dev, \
	struct rte_eth_stats *stats, struct eth_queue_stats *queue_stats
#define VU_ETH_QUEUE_STATS(stats, queue_stats) (queue_stats)
#else
#define vu_eth_queue_stats rte_eth_stats
#define VU_ETH_STATS_PARAMS(dev, stats, queue_stats) struct rte_eth_dev *dev, \
	struct rte_eth_stats *stats
#define VU_ETH_QUEUE_STATS(stats, queue_stats) (stats)
#endif

/* 25.11: the number of waiting descriptors may be a negative error. */
#if VU_DPDK_SINCE(25, 11)
#define vu_eth_queue_count int
#else
#define vu_eth_queue_count uint32_t
#endif

#endif /* VU_COMPAT_H */
