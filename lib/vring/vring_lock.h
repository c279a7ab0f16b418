/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lock policies as compile-time constants: with VU_LOCK_NONE nothing of a lock is left in the code.
 */
#ifndef VRING_LOCK_H
#define VRING_LOCK_H

#include <rte_rwlock.h>
#include <rte_spinlock.h>

#include "vu_vring_poll.h"

union vring_lock {
	rte_spinlock_t spin;
	rte_rwlock_t rw;
};

static inline void
vring_lock_init(union vring_lock *lock, enum vu_lock_model model)
{
	if (model == VU_LOCK_SPIN)
		rte_spinlock_init(&lock->spin);
	else
		rte_rwlock_init(&lock->rw);
}

static __rte_always_inline void
vring_lock_write(union vring_lock *lock, const enum vu_lock_model model)
{
	if (model == VU_LOCK_SPIN)
		rte_spinlock_lock(&lock->spin);
	else if (model == VU_LOCK_RW)
		rte_rwlock_write_lock(&lock->rw);
}

static __rte_always_inline void
vring_unlock_write(union vring_lock *lock, const enum vu_lock_model model)
{
	if (model == VU_LOCK_SPIN)
		rte_spinlock_unlock(&lock->spin);
	else if (model == VU_LOCK_RW)
		rte_rwlock_write_unlock(&lock->rw);
}

static __rte_always_inline void
vring_lock_read(union vring_lock *lock, const enum vu_lock_model model)
{
	if (model == VU_LOCK_SPIN)
		rte_spinlock_lock(&lock->spin);
	else if (model == VU_LOCK_RW)
		rte_rwlock_read_lock(&lock->rw);
}

static __rte_always_inline void
vring_unlock_read(union vring_lock *lock, const enum vu_lock_model model)
{
	if (model == VU_LOCK_SPIN)
		rte_spinlock_unlock(&lock->spin);
	else if (model == VU_LOCK_RW)
		rte_rwlock_read_unlock(&lock->rw);
}

#endif /* VRING_LOCK_H */
