/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Texts of the command line to a typed configuration, and that every refusal says why in one line.
 */
#include "daemon.h"

#include <string.h>

#include "vu_fd.h"
#include "vu_limits.h"

#include "test.h"

/* The text is refused with one line that contains `hint`. */
static void
check_refused(const char *option, const char *text, const char *hint)
{
	struct vu_daemon_conf conf;
	int rc;

	vu_daemon_conf_init(&conf);
	rc = vu_daemon_conf_set(&conf, option, text);
	if (rc >= 0 || strstr(conf.errmsg, hint) == NULL || strchr(conf.errmsg, '\n') != NULL)
		expect_fail(__FILE__, __LINE__, "%s: result %d: %s", text, rc, conf.errmsg);
	vu_daemon_conf_fini(&conf);
}

VU_TEST(daemon_config, defaults)
{
	struct vu_daemon_conf conf;
	const struct vu_port_conf *port;

	vu_daemon_conf_init(&conf);
	CHECK_EQ(vu_daemon_conf_set(&conf, "socket", "/tmp/a.sock"), 0);
	CHECK_EQ(conf.nb_ports, 1);
	port = &conf.ports[0];
	CHECK_EQ(strcmp(port->path, "/tmp/a.sock"), 0);
	CHECK_EQ(strcmp(port->device, "net"), 0);
	CHECK_EQ(port->endpoint, VU_ENDPOINT_SERVER);
	CHECK_EQ(port->fd, VU_FD_NONE);
	CHECK_EQ(port->nb_units, 1);
	CHECK_EQ(port->max_queue_size, 32768);
	CHECK_EQ(port->reconnect_ms, 1000);
	CHECK(!port->has_inband);
	CHECK_EQ(port->numa_node, -1);
	CHECK_EQ(port->notify.max_buffers, 0);
	CHECK_EQ(port->queues_per_thread.nb, 0);
	CHECK_EQ(port->lcores.nb, 0);
	CHECK(port->driver_args == NULL);
	CHECK_EQ(conf.stats_seconds, 0);
	vu_daemon_conf_fini(&conf);
	CHECK_EQ(conf.nb_ports, 0);
}

VU_TEST(daemon_config, keys_of_a_port)
{
	struct vu_daemon_conf conf;
	const struct vu_port_conf *port;

	vu_daemon_conf_init(&conf);
	CHECK_EQ(vu_daemon_conf_set(&conf, "socket",
		"/tmp/a.sock,forward=null,mode=client,queues=4,"
		"queue-size=512,lcores=3-5:9,queues-per-thread=2:2:4,numa=1,reconnect-ms=50,"
		"max-memory=2048,max-page-tables=7,memory=files,populate=off,inband=on,weight=200,"
		"notify-coalesce=32:50,"
		"device=net,mac=52:54:00:00:00:01"), 0);
	port = &conf.ports[0];
	CHECK_EQ(strcmp(port->path, "/tmp/a.sock"), 0);
	CHECK_EQ(port->endpoint, VU_ENDPOINT_CLIENT);
	CHECK_EQ(port->nb_units, 4);
	CHECK_EQ(port->max_queue_size, 512);
	CHECK_EQ(port->lcores.nb, 4);
	CHECK_EQ(port->lcores.item[2], 5);
	CHECK_EQ(port->lcores.item[3], 9);
	CHECK_EQ(port->queues_per_thread.nb, 3);
	CHECK_EQ(port->queues_per_thread.item[2], 4);
	CHECK_EQ(port->numa_node, 1);
	CHECK_EQ(port->max_memory_mb, 2048);
	CHECK_EQ(port->max_page_tables_mb, 7);
	CHECK(port->has_files);
	CHECK_EQ(port->populate, VU_MEM_POPULATE_NONE);
	CHECK(port->has_inband);
	CHECK_EQ(port->weight, 200);
	CHECK_EQ(port->reconnect_ms, 50);
	CHECK_EQ(port->notify.max_buffers, 32);
	CHECK_EQ(port->notify.max_us, 50);
	CHECK_EQ(strcmp(port->driver_args, "forward=null,mac=52:54:00:00:00:01"), 0);
	vu_daemon_conf_fini(&conf);
}

VU_TEST(daemon_config, documents_have_all_of_a_key)
{
	const struct vu_key *const tables[] = { vu_daemon_keys(NULL), vu_daemon_keys("net") };

	for (unsigned int i = 0; i < RTE_DIM(tables); i++) {
		CHECK(tables[i] != NULL);
		for (const struct vu_key *key = tables[i]; key->name != NULL; key++)
			CHECK(key->set != NULL && (key->help == NULL || (key->form != NULL &&
				key->initial != NULL)));
	}
	CHECK(vu_daemon_keys("toaster") == NULL);
}

VU_TEST(daemon_config, several_ports)
{
	struct vu_daemon_conf conf;

	vu_daemon_conf_init(&conf);
	CHECK_EQ(vu_daemon_conf_set(&conf, "socket", "a.sock"), 0);
	CHECK_EQ(vu_daemon_conf_set(&conf, "socket", "b.sock,queues=2"), 0);
	CHECK_EQ(vu_daemon_conf_set(&conf, "socket", "c.sock,mode=client"), 0);
	CHECK_EQ(conf.nb_ports, 3);
	CHECK_EQ(conf.ports[1].nb_units, 2);
	CHECK_EQ(conf.ports[2].endpoint, VU_ENDPOINT_CLIENT);
	CHECK(vu_daemon_conf_set(&conf, "socket", "b.sock") < 0);
	CHECK(strstr(conf.errmsg, "b.sock: given twice") != NULL);
	vu_daemon_conf_fini(&conf);
}

VU_TEST(daemon_config, inherited_fd)
{
	struct vu_daemon_conf conf;
	int fd = vu_fd_eventfd();
	char text[32];

	vu_daemon_conf_init(&conf);
	snprintf(text, sizeof(text), "%d,forward=loopback", fd);
	CHECK_EQ(vu_daemon_conf_set(&conf, "fd", text), 0);
	CHECK_EQ(conf.ports[0].endpoint, VU_ENDPOINT_FD);
	CHECK_EQ(conf.ports[0].fd, fd);
	CHECK(conf.ports[0].path == NULL);
	CHECK(vu_daemon_conf_set(&conf, "fd", text) < 0);
	CHECK(strstr(conf.errmsg, "given twice") != NULL);
	/* Owned by the configuration: the leak check sees it closed. */
	vu_daemon_conf_fini(&conf);
	check_refused("fd", "2", "3 to");
	check_refused("fd", "x", "fd=x");
	check_refused("fd", "", "fd=");
	check_refused("fd", "7,mode=server", "mode");
}

VU_TEST(daemon_config, refuses_sockets)
{
	static const struct {
		const char *text;
		const char *hint;
	} bad[] = {
		{ "", "empty socket path" },
		{ ",queues=2", "empty socket path" },
		{ "a.sock,queues", "queues: use key=value" },
		{ "a.sock,queues=", "use key=value" },
		{ "a.sock,=2", "use key=value" },
		{ "a.sock,queues=0", "queues=0: use a number from 1 to 128" },
		{ "a.sock,queues=129", "1 to 128" },
		{ "a.sock,queues=-1", "queues=-1" },
		{ "a.sock,queues=2x", "queues=2x" },
		{ "a.sock,queues=99999999999999999999", "1 to 128" },
		{ "a.sock,queue-size=100", "power of two" },
		{ "a.sock,queue-size=65536", "2 to 32768" },
		{ "a.sock,mode=listen", "use server or client" },
		{ "a.sock,lcores=3-", "lcores=3-" },
		{ "a.sock,lcores=5-3", "lcores=5-3: use lcores such as 3-5" },
		{ "a.sock,queues-per-thread=2::2", "per-thread=2::2: use counts such as 2:2:4" },
		{ "a.sock,queues-per-thread=1-2", "per-thread=1-2: use counts such as 2:2:4" },
		{ "a.sock,", "a comma without key=value" },
		{ "a.sock,,queues=2", "a comma without key=value" },
		{ "a.sock,queues=2,", "a comma without key=value" },
		{ "a.sock,reconnect-ms=50", "reconnect-ms=50: only a port with mode=client" },
		{ "a.sock,reconnect-ms=50,mode=server", "only a port with mode=client" },
		{ "a.sock,reconnect-ms=0", "1 to 60000" },
		{ "a.sock,numa=-1", "numa=-1" },
		{ "a.sock,notify-coalesce=32", "BUFFERS:MICROSECONDS" },
		{ "a.sock,notify-coalesce=0:50", "notify-coalesce=0:50" },
		{ "a.sock,notify-coalesce=32:0", "notify-coalesce=32:0" },
		{ "a.sock,notify-coalesce=32:50us", "32:50us" },
		{ "a.sock,notify-coalesce=-1:50", "notify-coalesce=-1:50" },
		{ "a.sock,notify-coalesce=32769:1", "up to 32768:100000" },
		{ "a.sock,notify-coalesce=1:100001", "up to 32768:100000" },
		{ "a.sock,device=tape", "device=tape: no such driver" },
		{ "a.sock,speed=10", "unknown key speed" },
		{ "a.sock,speed=10", "forward, mac, mtu" },
		{ "a.sock,queues=1,forward=null,queues=2", "queues: given twice" },
		{ "a.sock,forward=null,forward=loopback", "forward: given twice" },
		{ "a.sock,device=net,device=net", "device: given twice" },
	};

	for (unsigned int i = 0; i < RTE_DIM(bad); i++)
		check_refused("socket", bad[i].text, bad[i].hint);
}

VU_TEST(daemon_config, path_lengths)
{
	struct vu_daemon_conf conf;
	char path[109];

	memset(path, 'a', sizeof(path) - 1);
	path[108] = '\0';
	check_refused("socket", path, "longer than 107 bytes");
	path[107] = '\0';
	vu_daemon_conf_init(&conf);
	CHECK_EQ(vu_daemon_conf_set(&conf, "socket", path), 0);
	vu_daemon_conf_fini(&conf);
}

VU_TEST(daemon_config, number_of_ports)
{
	struct vu_daemon_conf conf;
	char path[32];

	vu_daemon_conf_init(&conf);
	for (unsigned int i = 0; i < VU_MAX_PORTS; i++) {
		snprintf(path, sizeof(path), "%u.sock", i);
		CHECK_EQ(vu_daemon_conf_set(&conf, "socket", path), 0);
	}
	CHECK(vu_daemon_conf_set(&conf, "socket", "more.sock") < 0);
	CHECK(strstr(conf.errmsg, "1024 ports") != NULL);
	vu_daemon_conf_fini(&conf);
}

VU_TEST(daemon_config, queues_per_thread)
{
	struct vu_daemon_conf conf;

	vu_daemon_conf_init(&conf);
	CHECK_EQ(vu_daemon_conf_set(&conf, "queues-per-thread", "2,2,4"), 0);
	CHECK_EQ(conf.queues_per_thread.nb, 3);
	CHECK_EQ(conf.queues_per_thread.item[0], 2);
	CHECK_EQ(conf.queues_per_thread.item[2], 4);
	/* The last one counts. */
	CHECK_EQ(vu_daemon_conf_set(&conf, "queues-per-thread", "8"), 0);
	CHECK_EQ(conf.queues_per_thread.nb, 1);
	vu_daemon_conf_fini(&conf);
	check_refused("queues-per-thread", "", "queues-per-thread=");
	check_refused("queues-per-thread", "2,", "2,");
	check_refused("queues-per-thread", "1,x", "such as 2,2,4");
	check_refused("queues-per-thread", "1-2", "such as 2,2,4");
	check_refused("queues-per-thread", "70000", "70000");
	check_refused("queues-per-thread", "0-65535", "0-65535");
}

VU_TEST(daemon_config, queue_map)
{
	static const struct vu_assign_pin wanted[] = {
		{ 0, 3 }, { 1, 3 }, { 2, 4 }, { 3, 4 }, { 6, 5 }, { 7, 1 }, { 8, 1 },
	};
	static const char *const bad[] = {
		"", "0", "@3", "0@", "(0,1@3", "(0,1)3", "0@3,", ",0@3", "()@3", "0@x", "0@3x",
		"(0)@99999", "0,1@3",
	};
	struct vu_daemon_conf conf;
	char first_bad_lcore[16];

	vu_daemon_conf_init(&conf);
	CHECK_EQ(vu_daemon_conf_set(&conf, "queue-map", "(0,1)@3,(2-3)@4,6@5,7-8@1"), 0);
	CHECK_EQ(conf.pins.nb, RTE_DIM(wanted));
	for (unsigned int i = 0; i < RTE_DIM(wanted); i++) {
		CHECK_EQ(conf.pins.item[i].queue, wanted[i].queue);
		CHECK_EQ(conf.pins.item[i].lcore_id, wanted[i].lcore_id);
	}
	vu_daemon_conf_fini(&conf);
	for (unsigned int i = 0; i < RTE_DIM(bad); i++)
		check_refused("queue-map", bad[i], "QUEUES@LCORE");
	snprintf(first_bad_lcore, sizeof(first_bad_lcore), "0@%d", RTE_MAX_LCORE);
	check_refused("queue-map", first_bad_lcore, "QUEUES@LCORE");
	/* Of one port, with colons instead of commas. */
	CHECK_EQ(vu_daemon_conf_set(&conf, "socket",
		"/tmp/a,queue-map=(0:1)@3:(2-3)@4:6@5:7-8@1"), 0);
	CHECK_EQ(vu_daemon_conf_set(&conf, "socket", "/tmp/b"), 0);
	CHECK_EQ(conf.ports[0].pins.nb, RTE_DIM(wanted));
	for (unsigned int i = 0; i < RTE_DIM(wanted); i++) {
		CHECK_EQ(conf.ports[0].pins.item[i].queue, wanted[i].queue);
		CHECK_EQ(conf.ports[0].pins.item[i].lcore_id, wanted[i].lcore_id);
	}
	CHECK(conf.ports[1].pins.nb == 0 && conf.pins.nb == 0);
	vu_daemon_conf_fini(&conf);
	check_refused("socket", "/tmp/a,queue-map=0", "QUEUES@LCORE");
	check_refused("socket", "/tmp/a,queue-map=0@1:", "@1:");
}

VU_TEST(daemon_config, idle)
{
	static const struct vu_idle_pin wanted[] = {
		{ 3, VU_IDLE_PAUSE }, { 4, VU_IDLE_INTERRUPT }, { 5, VU_IDLE_INTERRUPT },
		{ 7, VU_IDLE_BUSY }, { 9, VU_IDLE_BUSY }, { 2, VU_IDLE_MONITOR },
	};
	static const char *const bad[] = {
		"", "sleep", "busybusy", "pause@", "pause@x", "@3", "pause@3)",
		"pause@(3\0,busy", /* what stands behind the end is not ours */
		"pause,", "pause@(3)x", ",pause", "interrupt@3-2", "interrupt 3",
	};
	struct vu_daemon_conf conf;

	vu_daemon_conf_init(&conf);
	CHECK(conf.idle_policy == VU_IDLE_BUSY && conf.nb_idle_pins == 0);
	CHECK_EQ(conf.idle_us, VU_IDLE_US);
	CHECK_EQ(vu_daemon_conf_set(&conf, "idle",
		"pause@3,interrupt@4-5,busy@(7,9),interrupt"), 0);
	CHECK(conf.idle_policy == VU_IDLE_INTERRUPT);
	CHECK_EQ(vu_daemon_conf_set(&conf, "idle", "monitor@2"), 0);
	CHECK_EQ(conf.nb_idle_pins, RTE_DIM(wanted));
	for (unsigned int i = 0; i < RTE_DIM(wanted); i++) {
		CHECK_EQ(conf.idle_pins[i].lcore_id, wanted[i].lcore_id);
		CHECK(conf.idle_pins[i].policy == wanted[i].policy);
	}
	CHECK_EQ(vu_daemon_conf_set(&conf, "idle-us", "0"), 0);
	CHECK_EQ(conf.idle_us, 0);
	vu_daemon_conf_fini(&conf);
	for (unsigned int i = 0; i < RTE_DIM(bad); i++)
		check_refused("idle", bad[i], "monitor or interrupt");
	check_refused("idle", "busy,pause", "no entry names");
	check_refused("idle", "busy@2-4,pause@3", "for lcore 3");
	CHECK_EQ(vu_daemon_conf_set(&conf, "idle", "busy"), 0);
	CHECK(vu_daemon_conf_set(&conf, "idle", "pause") < 0);
	vu_daemon_conf_fini(&conf);
	check_refused("idle-us", "1000001", "0 to 1000000");
}

VU_TEST(daemon_config, stats)
{
	struct vu_daemon_conf conf;

	check_refused("statistics", "5", "statistics: unknown option");
	vu_daemon_conf_init(&conf);
	CHECK_EQ(vu_daemon_conf_set(&conf, "stats", "5"), 0);
	CHECK_EQ(conf.stats_seconds, 5);
	check_refused("stats", "0", "1 to 3600");
	check_refused("stats", "3601", "1 to 3600");
	check_refused("stats", "1s", "stats=1s");
	vu_daemon_conf_fini(&conf);
}
