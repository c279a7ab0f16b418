/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Single, un-torn accesses to memory that another thread or the guest writes at the same time.
 * Guest memory is plain C objects to us, so the compiler builtins are used, not _Atomic.
 * Every acquire or release in the code names its partner.
 */
#ifndef VU_ATOMIC_H
#define VU_ATOMIC_H

/** One relaxed load: the value is read exactly once. */
#define vu_load(ptr) __atomic_load_n(ptr, __ATOMIC_RELAXED)
/** One load; later accesses stay behind it. */
#define vu_load_acquire(ptr) __atomic_load_n(ptr, __ATOMIC_ACQUIRE)
/** One relaxed store. */
#define vu_store(ptr, value) __atomic_store_n(ptr, value, __ATOMIC_RELAXED)
/** One store; earlier accesses stay before it. */
#define vu_store_release(ptr, value) __atomic_store_n(ptr, value, __ATOMIC_RELEASE)
/**
 * Counter with one writer: readers on other threads see whole values, the writer pays a plain add.
 */
#define vu_counter_add(ptr, value) vu_store(ptr, *(ptr) + (value))

#endif /* VU_ATOMIC_H */
