/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Shared by the cases of lib/sched: a task that counts its polls.
 * A gate keeps a loop inside a poll function, so that a case decides what the loop has seen.
 */
#ifndef FAKE_TASK_H
#define FAKE_TASK_H

#include <stdlib.h>

#include "expect.h"
#include "rig.h"
#include "vu_atomic.h"
#include "vu_sched.h"

/* Becomes idle when polled, ready when `word` changes; reports the change as items. */
struct fake_task {
	struct vu_task task;
	uint32_t word;
	uint32_t word_seen;
	uint32_t nb_polls;
	uint32_t nb_polls_mine; /* polls in which vu_task_is_mine() held */
	uint32_t *order;        /* shared counter that numbers polls, or NULL */
	uint32_t polled_as;     /* number of the last poll */
	uint32_t is_gated;      /* 1 = stay in poll until the case writes 0 */
	uint32_t is_inside;
};

/** Fill it in. */
void fake_task_init(struct fake_task *fake);

/** Cache-aligned array of initialised tasks; free() it. */
struct fake_task *fake_tasks_create(unsigned int nb_tasks);

/** Callback that sets a bool. */
void set_flag(void *flag);

/** Wait for so many polls. */
void wait_for_polls(const struct fake_task *fake, uint32_t nb_polls);

/** Wait until a gated task is polled. */
void wait_until_inside(const struct fake_task *fake);

#endif /* FAKE_TASK_H */
