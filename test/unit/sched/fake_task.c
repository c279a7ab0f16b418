/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A task that counts its polls; see fake_task.h.
 */
#include "fake_task.h"

static uint32_t
fake_task_poll(struct vu_task *task)
{
	struct fake_task *fake = task->arg;
	const uint32_t word = vu_load(&fake->word);
	const uint32_t nb_items = word - fake->word_seen;

	vu_store_release(&fake->is_inside, 1);
	WAIT_UNTIL(vu_load_acquire(&fake->is_gated) == 0);
	vu_store_release(&fake->is_inside, 0);
	vu_store(&fake->word_seen, word);
	if (vu_task_is_mine(task))
		vu_counter_add(&fake->nb_polls_mine, 1);
	if (fake->order != NULL)
		fake->polled_as = ++*fake->order;
	task->idle_word =
		(struct vu_idle_word){.word = &fake->word, .idle = word, .mask = UINT32_MAX};
	vu_store_release(&fake->nb_polls, fake->nb_polls + 1);
	return nb_items;
}

void
fake_task_init(struct fake_task *fake)
{
	*fake = (struct fake_task){ .word = 0 };
	vu_task_init(&fake->task, fake_task_poll, fake);
}

struct fake_task *
fake_tasks_create(unsigned int nb_tasks)
{
	struct fake_task *fakes = aligned_alloc(RTE_CACHE_LINE_SIZE, nb_tasks * sizeof(*fakes));

	for (unsigned int i = 0; i < nb_tasks; i++)
		fake_task_init(&fakes[i]);
	return fakes;
}

void
set_flag(void *flag)
{
	*(bool *)flag = true;
}

void
wait_for_polls(const struct fake_task *fake, uint32_t nb_polls)
{
	WAIT_UNTIL(vu_load_acquire(&fake->nb_polls) >= nb_polls);
}

void
wait_until_inside(const struct fake_task *fake)
{
	WAIT_UNTIL(vu_load_acquire(&fake->is_inside) != 0);
}
