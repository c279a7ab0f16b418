/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SIGBUS guard. A front-end can shrink a file that we have mapped; the next access then raises
 * SIGBUS on whatever lcore makes it. With the guard installed the whole mapping is replaced by
 * anonymous memory that reads as zero, the access is repeated, and the control lcore is notified:
 * it costs that session, not the process. Faults elsewhere reach the handler that was there before.
 * See doc/decision/0005.
 */
#ifndef VU_MEM_FAULT_H
#define VU_MEM_FAULT_H

/**
 * Install the guard for the whole process. Calls are counted.
 *
 * @return 0, or -errno of eventfd(2) or sigaction(2)
 * @context control lcore
 */
int vu_mem_fault_install(void);

/**
 * Undo one vu_mem_fault_install(). The last one restores the handler that was there before, unless
 * somebody has put another one on top of ours, which then stays and keeps working.
 *
 * @context control lcore; no lcore may be using guest memory
 */
void vu_mem_fault_uninstall(void);

/**
 * Fd that becomes readable when a mapping has failed. The reader drains it (eight bytes)
 * and then asks vu_mem_table_has_failed() for each of its tables.
 *
 * @return non-blocking eventfd that stays ours, or -1 if the guard is not installed
 * @context control lcore
 */
int vu_mem_fault_eventfd(void);

#endif /* VU_MEM_FAULT_H */
