/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every request with every case against every device below, and the page that lists it; see
 * conformance.h.
 */
#include "conformance.h"

#include <stdlib.h>
#include <string.h>

#include "probe_device.h"
#include "test.h"
#include "vu_fd.h"

#define PAGE_PATH VU_DOC_FOLDER "/conformance.md"
#define LOG_PATTERN "vu.*"
#define MAX_FAILURES 1000

/* What the device shares, and a state channel, as it keeps the last one that it got. */
static void
prepare_probe(struct conf_bench *bench)
{
	struct vu_device *dev = bench->subject.dev;
	int reply_fd;

	probe_of(dev)->shared_fd = bench->fds[CONF_KIND_EVENT];
	vu_device_set_state_fd(dev, VU_STATE_SAVE, vu_fd_eventfd(), &reply_fd);
}

static const struct conf_device devices[] = {
	{
		.title = "Network device", .driver = "net", .can_echo = true,
		.args = "forward=loopback,mtu=1500,mac=52:54:00:00:00:01",
	},
	{ .title = "Device with every operation", .driver = "probe", .has_inband = true,
		.prepare = prepare_probe },
};

/* Text of a file; empty if there is none. free() it. */
static char *
file_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t len = 0;

	if (file == NULL || getdelim(&text, &len, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	if (file != NULL)
		fclose(file);
	return text;
}

static void
page_write(const char *path, const char *page)
{
	FILE *file = fopen(path, "we");

	CHECK(file != NULL);
	CHECK(fputs(page, file) >= 0);
	CHECK_EQ(fclose(file), 0);
}

/* The committed page has to say what was seen just now. */
static void
page_compare(const char *page)
{
	char *committed = file_read(PAGE_PATH);
	size_t line = 1, i = 0;

	while (page[i] != '\0' && page[i] == committed[i])
		line += page[i++] == '\n';
	if (page[i] != committed[i])
		expect_fail(__FILE__, __LINE__, PAGE_PATH ":%zu differs from what was seen; "
			"VU_CONFORMANCE_PAGE=path writes it", line);
	free(committed);
}

static void
run_device(const struct conf_device *device, FILE *page)
{
	struct conf_bench *bench = malloc(sizeof(*bench));

	conf_bench_init(bench, device);
	/* What is broken through and through need not be counted to the end. */
	for (uint32_t request = 1; request < CONF_NB_ROWS && bench->nb_failures < MAX_FAILURES;
			request++)
		conf_cases_run(bench, request);
	if (device->can_echo)
		conf_bench_check_echo(bench);
	conf_page_device(page, bench, device->title);
	conf_bench_fini(bench);
	printf("%s: %u frames, %u failures ... ", device->driver, bench->nb_cases,
		bench->nb_failures);
	CHECK_EQ(bench->nb_failures, 0);
	free(bench);
}

VU_TEST(conformance, every_request_in_every_case)
{
	const char *path = getenv("VU_CONFORMANCE_PAGE");
	char *text = NULL;
	size_t len;
	FILE *page = open_memstream(&text, &len);

	/* A line for each of thousands of refusals helps nobody. */
	rte_log_set_level_pattern(LOG_PATTERN, RTE_LOG_CRIT);
	conf_page_begin(page);
	for (unsigned int i = 0; i < RTE_DIM(devices); i++)
		run_device(&devices[i], page);
	rte_log_set_level_pattern(LOG_PATTERN, RTE_LOG_INFO);
	fclose(page);
	if (path != NULL)
		page_write(path, text);
	else
		page_compare(text);
	free(text);
}
