/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of --stats: which lines it has, totals, and that it restarts at the last print.
 * The /vu commands are tested from outside, by test/system/test_telemetry.
 */
#include "expect.h"
#include "session_fixture.h"

#include <rte_cycles.h>

#include "telemetry.h"

/* Print into a new string; free() it. */
static char *
table_text(struct vu_telemetry_table *table)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	vu_telemetry_table_print(table, out);
	fclose(out);
	return text;
}

static unsigned int
count_lines(const char *text, const char *start)
{
	unsigned int nb = 0;

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		nb += strncmp(line, start, strlen(start)) == 0;
	}
	return nb;
}

/* Totals of a queue as printed: "test  1 from guest  7  rate  rate  PACKETS  DROPS  state". */
static void
parse_queue(const char *text, const char *start, unsigned long *nb_packets,
	unsigned long *nb_drops, double *rate)
{
	const char *line = strstr(text, start);
	double gbits;
	int lcore_id;

	CHECK(line != NULL);
	CHECK_EQ(sscanf(line + strlen(start), "%d %lf %lf %lu %lu", &lcore_id, rate, &gbits,
		nb_packets, nb_drops), 5);
	CHECK_EQ(lcore_id, RIG_LCORE_0);
}

VU_TEST(telemetry_table, shows_running_queues)
{
	struct session_port fix;
	struct vu_telemetry_table *table;
	char *text;

	fixture_create(&fix, "forward=loopback");
	table = vu_telemetry_table_create(fix.rig->sched);
	text = table_text(table);
	CHECK_EQ(count_lines(text, "port "), 1);
	CHECK_EQ(count_lines(text, "test "), 0);
	CHECK_EQ(count_lines(text, "lcore 4: "), 1);
	free(text);
	fixture_start(&fix);
	text = table_text(table);
	CHECK_EQ(count_lines(text, "test           0 to guest "), 1);
	CHECK_EQ(count_lines(text, "test           1 from guest "), 1);
	CHECK(strstr(text, "  split fast ") != NULL);
	CHECK_EQ(count_lines(text, "lcore 4: "), 1);
	CHECK(strstr(text, "3 queues") != NULL); /* the fixture's gate is one */
	free(text);
	vu_telemetry_table_destroy(table);
	fixture_destroy(&fix);
}

VU_TEST(telemetry_table, shows_what_an_idle_lcore_does)
{
	static const struct {
		enum vu_idle_policy policy;
		const char *text;
	} rows[] = {
		{ VU_IDLE_BUSY, "% busy\n" },
		{ VU_IDLE_PAUSE, "% busy, pause\n" },
		{ VU_IDLE_INTERRUPT, "% busy, interrupt, 0.0 % asleep, 0 sleeps\n" },
	};
	const unsigned int lcore_id = RIG_LCORE_0;
	struct vu_sched *sched = vu_sched_create(&lcore_id, 1);
	struct vu_telemetry_table *table = vu_telemetry_table_create(sched);

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		char *text;

		CHECK_EQ(vu_sched_set_idle(sched, 0, rows[i].policy, 0), 0);
		text = table_text(table);
		CHECK(strstr(text, rows[i].text) != NULL);
		free(text);
	}
	vu_telemetry_table_destroy(table);
	vu_sched_destroy(sched);
}

static uint32_t
work_poll(struct vu_task *task)
{
	rte_delay_us_block(5000);
	task->idle_word = (struct vu_idle_word)VU_IDLE_WORD_NEVER;
	return 1;
}

static void
parse_busy(const char *text, double *percent)
{
	const char *line = strstr(text, "lcore 4: ");

	CHECK(line != NULL);
	CHECK_EQ(sscanf(line, "lcore 4: node %*d, 1 queues, %lf %% busy", percent), 1);
}

/* Nearly all of the time in its loop: more than one percent in any case. */
VU_TEST(telemetry_table, shows_how_busy_an_lcore_was)
{
	const unsigned int lcore_id = RIG_LCORE_0;
	struct vu_sched *sched = vu_sched_create(&lcore_id, 1);
	struct vu_telemetry_table *table = vu_telemetry_table_create(sched);
	struct vu_task task;
	double percent;
	char *text;

	vu_task_init(&task, work_poll, NULL);
	CHECK_EQ(vu_sched_task_add(sched, &task, 0), 0);
	CHECK_EQ(vu_sched_turn(sched, 0), 1);
	text = table_text(table);
	parse_busy(text, &percent);
	CHECK(percent > 1 && percent <= 100);
	free(text);
	/* Not since then. */
	text = table_text(table);
	parse_busy(text, &percent);
	CHECK(percent == 0);
	free(text);
	vu_telemetry_table_destroy(table);
	vu_sched_destroy(sched);
}

VU_TEST(telemetry_table, counts_and_rates)
{
	struct session_port fix;
	struct vu_telemetry_table *table;
	unsigned long nb_packets, nb_drops;
	double rate;
	char *text;

	fixture_create(&fix, "forward=loopback");
	table = vu_telemetry_table_create(fix.rig->sched);
	fixture_start(&fix);
	for (uint8_t i = 0; i < 9; i++)
		session_port_echo(&fix, i);
	/* No buffer for the answer. */
	session_port_offer(&fix, 1, NET_HEADER_BYTES + FRAME_BYTES, false);
	session_port_wait_used(&fix, 1, 10);
	lcore_gate_pass(&fix);
	text = table_text(table);
	parse_queue(text, "1 from guest", &nb_packets, &nb_drops, &rate);
	CHECK_EQ(nb_packets, 10);
	CHECK_EQ(nb_drops, 0);
	parse_queue(text, "0 to guest", &nb_packets, &nb_drops, &rate);
	CHECK_EQ(nb_packets, 9);
	CHECK_EQ(nb_drops, 1);
	free(text);
	/* Nothing happened since: totals stay, rates are zero. */
	text = table_text(table);
	parse_queue(text, "1 from guest", &nb_packets, &nb_drops, &rate);
	CHECK_EQ(nb_packets, 10);
	CHECK(rate == 0);
	free(text);
	vu_telemetry_table_destroy(table);
	fixture_destroy(&fix);
}

VU_TEST(telemetry_table, states_are_shown)
{
	struct session_port fix;
	struct vu_telemetry_table *table;
	char *text;

	fixture_create(&fix, "forward=loopback");
	table = vu_telemetry_table_create(fix.rig->sched);
	fixture_start(&fix);
	CHECK_EQ(fake_frontend_do_state(&fix.frontend, VHOST_USER_SET_VRING_ENABLE, 0, 0), 0);
	vu_store_release(&fix.base.rings[1].ring->avail->idx, SESSION_RING_SIZE + 1);
	event_wait(fix.base.rings[1].err_fd);
	text = table_text(table);
	CHECK(strstr(text, "  disabled\n") != NULL);
	CHECK(strstr(text, "  bad_avail_idx\n") != NULL);
	free(text);
	vu_telemetry_table_destroy(table);
	vu_telemetry_table_destroy(NULL);
	fixture_destroy(&fix);
}

/* Parameters arrive as text from anybody who may open the telemetry socket. */
VU_TEST(telemetry_table, device_of_parameters)
{
	struct session_port fix;
	char text[32];

	fixture_create(&fix, "forward=loopback");
	snprintf(text, sizeof(text), "%u", vu_device_id(fix.dev));
	CHECK(telemetry_device(text) == fix.dev);
	strcat(text, ",1");
	CHECK(telemetry_device(text) == fix.dev);
	snprintf(text, sizeof(text), "%ux", vu_device_id(fix.dev));
	CHECK(telemetry_device(text) == NULL);
	CHECK(telemetry_device(NULL) == NULL);
	CHECK(telemetry_device("") == NULL);
	CHECK(telemetry_device("-1") == NULL);
	CHECK(telemetry_device("4294967295") == NULL);
	CHECK(telemetry_device("99999999999999999999") == NULL);
	fixture_destroy(&fix);
}
