/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of sched_assign.c: pins before counts before groups, loads, NUMA nodes, bad requests.
 */
#include "vu_sched.h"

#include <errno.h>
#include <string.h>

#include "vu_parse.h"

#include "fake_task.h"
#include "sched_worker.h"
#include "test.h"

#define NB_WORKERS 4

/* Workers 0..3 = lcores 2, 3, 4, 5; the nodes are those of the case. */
static struct vu_sched *
assign_sched_create(const int *nodes)
{
	const unsigned int lcore_ids[NB_WORKERS] = { 2, 3, 4, 5 };
	struct vu_sched *sched = vu_sched_create(lcore_ids, NB_WORKERS);

	for (unsigned int i = 0; i < NB_WORKERS; i++)
		sched->workers[i]->numa_node = nodes == NULL ? 0 : nodes[i];
	return sched;
}

/* Compares with a string of worker indices, one digit per queue. */
static bool
assign_gives(struct vu_sched *sched, const struct vu_assign_conf *conf, const char *wanted)
{
	unsigned int worker_of_queue[32];
	const unsigned int nb_queues = (unsigned int)strlen(wanted);
	bool is_equal = true;
	int rc = vu_sched_assign(sched, conf, nb_queues, worker_of_queue);

	if (rc != 0) {
		printf("rc %d\n", rc);
		return false;
	}
	for (unsigned int i = 0; i < nb_queues; i++)
		is_equal = is_equal && worker_of_queue[i] == (unsigned int)(wanted[i] - '0');
	for (unsigned int i = 0; i < nb_queues && !is_equal; i++)
		printf("%u%s", worker_of_queue[i], i + 1 == nb_queues ? "\n" : "");
	return is_equal;
}

static int
assign_error(struct vu_sched *sched, const struct vu_assign_conf *conf)
{
	unsigned int worker_of_queue[8];

	return vu_sched_assign(sched, conf, 8, worker_of_queue);
}

VU_TEST(sched_assign, round_robin_by_group)
{
	struct vu_sched *sched = assign_sched_create(NULL);

	CHECK(assign_gives(sched, &(struct vu_assign_conf){ .numa_node = -1 }, "012301"));
	/* The next device goes on where the last one ended, though no task runs yet. */
	CHECK(assign_gives(sched, &(struct vu_assign_conf){ .group = 2, .numa_node = -1 },
		"2233001122"));
	CHECK(assign_gives(sched, &(struct vu_assign_conf){ .group = 2 }, "330"));
	CHECK(assign_gives(sched, &(struct vu_assign_conf){ .group = 8 }, ""));
	vu_sched_destroy(sched);
}

VU_TEST(sched_assign, counts_then_round_robin)
{
	const unsigned int counts[] = { 2, 2, 4 };
	struct vu_sched *sched = assign_sched_create(NULL);
	struct vu_assign_conf conf = {
		.queues_per_worker = counts, .nb_queues_per_worker = 3, .numa_node = -1,
	};

	CHECK(assign_gives(sched, &conf, "00112222"));
	CHECK(assign_gives(sched, &conf, "001"));
	CHECK(assign_gives(sched, &conf, "001122223301"));
	vu_sched_destroy(sched);
}

VU_TEST(sched_assign, counts_follow_allowed_order)
{
	const unsigned int counts[] = { 1, 0, 2 };
	const unsigned int lcores[] = { 5, 2, 3 };
	struct vu_sched *sched = assign_sched_create(NULL);
	struct vu_assign_conf conf = {
		.queues_per_worker = counts, .nb_queues_per_worker = 3,
		.lcores = lcores, .nb_lcores = 3, .numa_node = -1,
	};

	/* Then to lcore 2, which has none, and to lcore 5: as loaded as 2, but first in turn. */
	CHECK(assign_gives(sched, &conf, "31103"));
	vu_sched_destroy(sched);
}

VU_TEST(sched_assign, pins_win)
{
	const unsigned int counts[] = { 2, 2 };
	const struct vu_assign_pin pins[] = { { 1, 5 }, { 6, 2 }, { 7, 5 } };
	struct vu_sched *sched = assign_sched_create(NULL);
	struct vu_assign_conf conf = {
		.queues_per_worker = counts, .nb_queues_per_worker = 2,
		.pins = pins, .nb_pins = 3, .numa_node = -1, .group = 2,
	};

	/* Queues 8 and 9: each worker has two; the last choice was worker 2, so 3 comes next. */
	CHECK(assign_gives(sched, &conf, "0311220333"));
	vu_sched_destroy(sched);
}

VU_TEST(sched_assign, group_stays_together)
{
	const unsigned int counts[] = { 3 };
	const struct vu_assign_pin pins[] = { { 5, 4 } };
	struct vu_sched *sched = assign_sched_create(NULL);
	struct vu_assign_conf conf = {
		.queues_per_worker = counts, .nb_queues_per_worker = 1,
		.pins = pins, .nb_pins = 1, .numa_node = -1, .group = 2,
	};

	CHECK(assign_gives(sched, &conf, "00002211"));
	vu_sched_destroy(sched);
}

VU_TEST(sched_assign, pin_beyond_allowed)
{
	const unsigned int lcores[] = { 3 };
	const struct vu_assign_pin pins[] = { { 2, 5 } };
	struct vu_sched *sched = assign_sched_create(NULL);
	struct vu_assign_conf conf = {
		.lcores = lcores, .nb_lcores = 1, .pins = pins, .nb_pins = 1, .numa_node = -1,
	};

	CHECK(assign_gives(sched, &conf, "1131"));
	vu_sched_destroy(sched);
}

VU_TEST(sched_assign, near_node_first)
{
	const int nodes[NB_WORKERS] = { 0, 1, 0, 1 };
	const unsigned int far_lcores[] = { 2, 4 };
	struct vu_sched *sched = assign_sched_create(nodes);
	struct vu_assign_conf conf = { .numa_node = 1 };

	CHECK(assign_gives(sched, &conf, "1313"));
	conf.numa_node = 0;
	CHECK(assign_gives(sched, &conf, "0202"));
	conf.numa_node = 3; /* nobody is there */
	CHECK(assign_gives(sched, &conf, "3012"));
	conf.numa_node = 1;
	conf.lcores = far_lcores;
	conf.nb_lcores = 2;
	CHECK(assign_gives(sched, &conf, "202"));
	vu_sched_destroy(sched);
}

VU_TEST(sched_assign, least_loaded_first)
{
	struct vu_sched *sched = assign_sched_create(NULL);
	struct fake_task *fakes = fake_tasks_create(6);
	const unsigned int workers[] = { 0, 0, 0, 1, 2, 2 };

	for (unsigned int i = 0; i < 6; i++)
		CHECK_EQ(vu_sched_task_add(sched, &fakes[i].task, workers[i]), 0);
	/* Loads 3, 1, 2, 0. */
	CHECK(assign_gives(sched, &(struct vu_assign_conf){ .numa_node = -1 }, "313123"));
	vu_sched_destroy(sched);
	free(fakes);
}

VU_TEST(sched_assign, bad_requests)
{
	const unsigned int counts[5] = { 1, 1, 1, 1, 1 };
	const unsigned int unknown[] = { 3, 9 }, repeated[] = { 3, 3 };
	const struct vu_assign_pin twice[] = { { 1, 2 }, { 1, 4 } };
	const struct vu_assign_pin nowhere[] = { { 0, 6 } };
	const struct vu_assign_pin beyond[] = { { 8, 2 } };
	const struct {
		struct vu_assign_conf conf;
		int rc;
		const char *line;
	} bad[] = {
		{ { .queues_per_worker = counts, .nb_queues_per_worker = 5 }, -ERANGE,
			"queues-per-thread: counts for 5 lcores, the port may use 4; data lcores: "
			"2-5" },
		{ { .queues_per_worker = counts, .nb_queues_per_worker = 2, .lcores = unknown,
			.nb_lcores = 1 }, -ERANGE,
			"queues-per-thread: counts for 2 lcores, the port may use 1; data lcores: "
			"2-5" },
		{ { .lcores = unknown, .nb_lcores = 2 }, -EINVAL,
			"lcores=9: not a data lcore; data lcores: 2-5" },
		{ { .lcores = repeated, .nb_lcores = 2 }, -EINVAL, "lcores=3: given twice" },
		{ { .pins = twice, .nb_pins = 2 }, -EINVAL,
			"queue-map=1@4: queue 1 is mapped to lcore 2, too" },
		{ { .pins = nowhere, .nb_pins = 1 }, -EINVAL,
			"queue-map=0@6: not a data lcore; data lcores: 2-5" },
		{ { .pins = beyond, .nb_pins = 1 }, -EINVAL,
			"queue-map=8@2: the port has queues 0 to 7" },
	};
	struct vu_sched *sched = assign_sched_create(NULL);
	char line[128];
	const struct vu_errmsg errmsg = { line, sizeof(line) };

	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		struct vu_assign_conf conf = bad[i].conf;

		CHECK_EQ(assign_error(sched, &conf), bad[i].rc);
		conf.errmsg = &errmsg;
		CHECK_EQ(assign_error(sched, &conf), bad[i].rc);
		CHECK(strcmp(line, bad[i].line) == 0);
	}
	CHECK_EQ(assign_error(sched, &(struct vu_assign_conf){ .numa_node = 0 }), 0);
	vu_sched_destroy(sched);
}

VU_TEST(sched_assign, text_of_lcores)
{
	const unsigned int lcore_ids[] = { 1, 2, 3, 7, 10, 11 };
	struct vu_sched *sched = vu_sched_create(lcore_ids, RTE_DIM(lcore_ids));
	char text[16];

	CHECK(strcmp(vu_sched_lcores_text(sched, text, sizeof(text)), "1-3,7,10-11") == 0);
	CHECK(strcmp(vu_sched_lcores_text(sched, text, 15), "1-3,7,10-11") == 0);
	/* Never half a number. */
	CHECK(strcmp(vu_sched_lcores_text(sched, text, 14), "1-3,7...") == 0);
	CHECK(strcmp(vu_sched_lcores_text(sched, text, 8), "1-3...") == 0);
	vu_sched_destroy(sched);
}
