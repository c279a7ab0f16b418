/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Loops run while this thread adds, wakes, moves, removes and re-maps tasks at random. Whatever
 * a wait gives back is unmapped or freed at once, so a late access ends the process.
 */
#include "vu_sched.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <rte_pause.h>

#include "fake_task.h"
#include "test.h"

#define NB_PLACES 150 /* more than a table holds at first */
#define PAGE_BYTES 4096

/* One heap block per life of a task: the sanitizer sees a use after it. */
struct victim {
	struct vu_task task;
	uint32_t *page;     /* published snapshot, idle word and written by poll */
	uint32_t is_inside;
	uint32_t nb_wanted; /* wakes sent */
	uint32_t nb_answered;
	uint32_t nb_faults;
	/* Control lcore. */
	uint32_t *old_page;
	struct vu_sched_wait remapped;
	struct vu_sched_wait removed;
	struct stress *stress;
	unsigned int place;
	bool is_removing;
};

/*
 * First task of each loop, polled in every turn: between the loop's quiescent state and its look at
 * the words of the others passes enough time for this thread to be wrong about what it may unmap.
 */
struct sloth {
	struct vu_task task;
	uint32_t nb_turns;
};

struct stress {
	struct vu_sched *sched;
	struct sloth sloths[2];
	struct victim *victims[NB_PLACES];
	struct rig_loop loops[2];
	bool is_running[2];
	uint32_t random;
	uint32_t nb_faults;
	uint64_t nb_lives;
	uint64_t nb_remaps;
};

static uint32_t
random_below(struct stress *stress, uint32_t limit)
{
	stress->random = stress->random * 1664525u + 1013904223u;
	return (stress->random >> 8) % limit;
}

static uint32_t
sloth_poll(struct vu_task *task)
{
	struct sloth *sloth = task->arg;

	for (uint32_t i = 0; i < (sloth->nb_turns & 1023); i++)
		rte_pause();
	sloth->nb_turns++;
	return 0;
}

static uint32_t *
page_map(void)
{
	void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);

	CHECK(page != MAP_FAILED);
	return page;
}

static uint32_t
victim_poll(struct vu_task *task)
{
	struct victim *victim = task->arg;
	/* Pairs with the release in victim_remap(). */
	uint32_t *page = vu_load_acquire(&victim->page);
	const uint32_t nb_wanted = vu_load_acquire(&victim->nb_wanted);
	const uint32_t word = vu_load(page);
	uint32_t nb_items = word - page[1];

	if (__atomic_exchange_n(&victim->is_inside, 1, __ATOMIC_RELAXED) != 0 ||
			!vu_task_is_mine(task))
		vu_counter_add(&victim->nb_faults, 1);
	page[1] = word;
	task->idle_word = (struct vu_idle_word){ .word = page, .idle = word, .mask = UINT32_MAX };
	vu_store_release(&victim->nb_answered, nb_wanted);
	vu_store(&victim->is_inside, 0);
	return nb_items;
}

static void
victim_removed(void *arg)
{
	struct victim *victim = arg;

	victim->stress->nb_faults += victim->nb_faults;
	victim->stress->victims[victim->place] = NULL;
	munmap(victim->page, PAGE_BYTES);
	if (vu_sched_wait_is_pending(&victim->remapped)) {
		vu_quiesce_cancel(victim->stress->sched, &victim->remapped);
		munmap(victim->old_page, PAGE_BYTES);
	}
	memset(victim, 0x5a, sizeof(*victim));
	free(victim);
}

static void
victim_remapped(void *arg)
{
	struct victim *victim = arg;

	munmap(victim->old_page, PAGE_BYTES);
	victim->stress->nb_remaps++;
}

static void
victim_add(struct stress *stress, unsigned int place)
{
	struct victim *victim = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*victim));

	*victim = (struct victim){ .page = page_map(), .stress = stress, .place = place };
	vu_task_init(&victim->task, victim_poll, victim);
	vu_sched_wait_init(&victim->remapped, victim_remapped, victim);
	vu_sched_wait_init(&victim->removed, victim_removed, victim);
	CHECK(vu_sched_task_add(stress->sched, &victim->task, random_below(stress, 2)) == 0);
	stress->victims[place] = victim;
	stress->nb_lives++;
}

static void
victim_remove(struct victim *victim)
{
	victim->is_removing = true;
	CHECK(vu_sched_task_remove(victim->stress->sched, &victim->task, &victim->removed) == 0);
}

/* Publish, wake, wait: what a memory hot plug does. */
static void
victim_remap(struct victim *victim)
{
	if (vu_sched_wait_is_pending(&victim->remapped))
		return;
	victim->old_page = victim->page;
	vu_store_release(&victim->page, page_map());
	vu_sched_task_wake(victim->stress->sched, &victim->task);
	vu_quiesce_start(victim->stress->sched, &victim->remapped);
}

static void
victim_kick(struct victim *victim)
{
	vu_store_release(&victim->nb_wanted, victim->nb_wanted + 1);
	vu_sched_task_wake(victim->stress->sched, &victim->task);
}

static void
loop_toggle(struct stress *stress, unsigned int worker_idx)
{
	if (stress->is_running[worker_idx])
		CHECK(rig_loop_stop(&stress->loops[worker_idx]) == 0);
	else
		rig_loop_start(&stress->loops[worker_idx], stress->sched, worker_idx);
	stress->is_running[worker_idx] = !stress->is_running[worker_idx];
}

static void
victim_disturb(struct stress *stress, struct victim *victim)
{
	switch (random_below(stress, 8)) {
	case 0:
		victim_remove(victim);
		break;
	case 1:
		CHECK(vu_sched_task_move(stress->sched, &victim->task,
			random_below(stress, 2)) == 0);
		break;
	case 2:
	case 3:
		victim_kick(victim);
		break;
	case 4:
	case 5:
		victim_remap(victim);
		break;
	default: /* the guest makes something available */
		vu_store(victim->page, vu_load(victim->page) + 1);
	}
}

static void
stress_step(struct stress *stress)
{
	const unsigned int place = random_below(stress, NB_PLACES);
	struct victim *victim = stress->victims[place];

	if (random_below(stress, 20000) == 0)
		loop_toggle(stress, random_below(stress, 2));
	if (victim == NULL)
		victim_add(stress, place);
	else if (!victim->is_removing)
		victim_disturb(stress, victim);
	if (random_below(stress, 2) == 0)
		vu_sched_poll(stress->sched);
}

/* Both loops run and nothing is pending: each wake has to be answered. */
static void
kicks_wait_for_answers(struct stress *stress)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (!stress->is_running[i])
			loop_toggle(stress, i);
	}
	rig_settle(stress->sched);
	for (unsigned int place = 0; place < NB_PLACES; place++) {
		const struct victim *victim = stress->victims[place];

		WAIT_WHILE(victim != NULL &&
				vu_load_acquire(&victim->nb_answered) != victim->nb_wanted)
			;
	}
}

static void
stress_begin(struct stress *stress)
{
	stress->sched = rig_sched_create(2);
	stress->random = 1;
	for (unsigned int i = 0; i < 2; i++) {
		struct vu_task *task = &stress->sloths[i].task;

		vu_task_init(task, sloth_poll, &stress->sloths[i]);
		CHECK(vu_sched_task_add(stress->sched, task, i) == 0);
	}
}

static void
stress_end(struct stress *stress)
{
	for (unsigned int place = 0; place < NB_PLACES; place++) {
		if (stress->victims[place] != NULL)
			victim_remove(stress->victims[place]);
	}
	rig_settle(stress->sched);
	for (unsigned int i = 0; i < 2; i++)
		loop_toggle(stress, i);
}

VU_TEST_STRESS(sched_stress, random_commands)
{
	struct stress *stress = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*stress));
	const time_t end = time(NULL) + test_stress_seconds();
	uint32_t nb_faults;

	memset(stress, 0, sizeof(*stress));
	stress_begin(stress);
	while (time(NULL) < end) {
		for (unsigned int step = 0; step < 50000; step++)
			stress_step(stress);
		kicks_wait_for_answers(stress);
	}
	stress_end(stress);
	printf("(%" PRIu64 " lives, %" PRIu64 " remaps) ", stress->nb_lives, stress->nb_remaps);
	nb_faults = stress->nb_faults;
	vu_sched_destroy(stress->sched);
	CHECK(stress->nb_lives > NB_PLACES);
	CHECK(stress->nb_remaps > 0);
	CHECK_EQ(nb_faults, 0);
	free(stress);
}
