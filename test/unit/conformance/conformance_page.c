/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writes what was seen as a document page: doc/conformance.md; see conformance.h.
 */
#include "conformance.h"

#include <string.h>

#define NO_CELL "·"

static const char *const column_names[CONF_NB_COLUMNS] = {
	[CONF_VALID] = "right",
	[CONF_MAXIMUM] = "largest",
	[CONF_SPLIT] = "in two pieces",
	[CONF_BEFORE_FEATURES] = "before features",
	[CONF_BEFORE_MEMORY] = "before memory",
	[CONF_WHILE_RUNNING] = "while running",
	[CONF_AFTER_STOP] = "after stop",
	[CONF_WITHOUT_ONE] = "feature missing",
	[CONF_WITHOUT_ALL] = "no protocol features",
	[CONF_INDEX] = "index",
	[CONF_INDEX_32] = "index, high bits",
	[CONF_VALUE] = "values",
	[CONF_SIZE_ZERO] = "zero",
	[CONF_SIZE_SMALL] = "one too small",
	[CONF_SIZE_LARGE] = "one too large",
	[CONF_SIZE_BETWEEN] = "between",
	[CONF_SIZE_MOST] = "4096",
	[CONF_SIZE_BEYOND] = "above 4096",
	[CONF_FDS_FEW] = "too few",
	[CONF_FDS_MANY] = "too many",
	[CONF_FDS_NINE] = "nine",
	[CONF_FDS_LATE] = "on the wrong byte",
	[CONF_FD_EVENT] = "eventfd",
	[CONF_FD_FILE] = "memory file",
	[CONF_FD_SOCKET] = "socket",
	[CONF_FD_PIPE] = "pipe",
	[CONF_FD_NULL] = "/dev/null",
	[CONF_VERSION_0] = "version 0",
	[CONF_VERSION_2] = "version 2, 3",
	[CONF_REPLY_FLAG] = "reply flag",
	[CONF_RESERVED_FLAG] = "reserved flags",
	[CONF_CUT_HEADER] = "header cut",
	[CONF_CUT_PAYLOAD] = "payload cut",
};

/* Consecutive columns that make one table. */
static const struct {
	const char *title;
	const char *text;
	enum conf_column first;
	enum conf_column last;
} tables[] = {
	{
		"Right frames",
		"Features negotiated and memory set. *largest*: eight regions, the whole "
		"configuration\nspace, all bytes; *in two pieces*: for every byte at which the "
		"frame can be parted.",
		CONF_VALID, CONF_SPLIT,
	},
	{
		"States",
		"The right frame of the first table in another state of the session.",
		CONF_BEFORE_FEATURES, CONF_AFTER_STOP,
	},
	{
		"Negotiation",
		"*feature missing*: each needed protocol feature that is offered was left out "
		"once.",
		CONF_WITHOUT_ONE, CONF_WITHOUT_ALL,
	},
	{
		"Values",
		"*index*: the first ring that is not there, and 255; *high bits*: right in the "
		"low 8 or 16 bits\nonly; *values*: every other field beyond its range.",
		CONF_INDEX, CONF_VALUE,
	},
	{
		"Sizes",
		"Size that the header says, in bytes; the payload has that size, at most 4096.",
		CONF_SIZE_ZERO, CONF_SIZE_BEYOND,
	},
	{
		"Fds: number",
		"*nine*: more than any message may have; *on the wrong byte*: any but the first.",
		CONF_FDS_FEW, CONF_FDS_LATE,
	},
	{
		"Fds: kind",
		"In place of the right one, or where one may come.",
		CONF_FD_EVENT, CONF_FD_NULL,
	},
	{
		"Header and cuts",
		"*cut*: the front-end hangs up behind each byte of the header, of the payload.",
		CONF_VERSION_0, CONF_CUT_PAYLOAD,
	},
};

static const struct {
	enum conf_result result;
	const char *word;
	const char *meaning;
} words[] = {
	{ CONF_QUIET, "quiet", "accepted; nothing to answer" },
	{ CONF_ACK, "ack", "acknowledgement: success" },
	{ CONF_FAIL, "fail", "acknowledgement: failure; the session goes on" },
	{ CONF_REPLY, "reply", "the request's own reply" },
	{ CONF_REFUSAL, "refusal",
		"the request's own reply, which says that it failed; the session goes on" },
	{ CONF_END, "end", "the session ends, without a reply" },
	{ CONF_BROKEN, "BROKEN", "anything else" },
};

const char *
conf_column_name(enum conf_column column)
{
	return column_names[column];
}

const char *
conf_result_words(unsigned int results, char text[CONF_WORDS_BYTES])
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < RTE_DIM(words); i++) {
		if ((results & words[i].result) == 0)
			continue;
		snprintf(text + len, CONF_WORDS_BYTES - len, "%s%s", len != 0 ? ", " : "",
			words[i].word);
		len = strlen(text);
	}
	return text;
}

void
conf_page_begin(FILE *out)
{
	fprintf(out, "# Conformance of the back-end\n\n"
		"Written by the test `conformance/conformance` from what it saw, and compared with "
		"this\npage whenever it runs; `VU_CONFORMANCE_PAGE=doc/conformance.md "
		"DPDK_TEST=conformance_autotest\nvu-test` writes it again. After each case the "
		"test also checks that no fd and no\nmapping is left, that another session "
		"carries a frame, and that the next session works.\n\n"
		"Left of a slash: with need_reply, right of it: without; one word: the same in "
		"both.\n\"%s\": there is no such case.\n\n| Word | Meaning |\n|---|---|\n",
		NO_CELL);
	for (unsigned int i = 0; words[i].result != CONF_BROKEN; i++)
		fprintf(out, "| %s | %s |\n", words[i].word, words[i].meaning);
}

static void
print_cell(FILE *out, const uint8_t seen[2])
{
	char text[CONF_WORDS_BYTES];

	fprintf(out, " %s", seen[0] != 0 ? conf_result_words(seen[0], text) : NO_CELL);
	if (seen[1] != seen[0])
		fprintf(out, " / %s", conf_result_words(seen[1], text));
	fprintf(out, " |");
}

static bool
row_is_empty(const struct conf_bench *bench, uint32_t request, unsigned int table)
{
	for (unsigned int c = tables[table].first; c <= tables[table].last; c++)
		if (bench->seen[request][c][0] != 0)
			return false;
	return true;
}

static void
print_row(FILE *out, const struct conf_bench *bench, uint32_t request, unsigned int table)
{
	const struct vu_msg_spec *spec = vu_msg_spec(request);

	if (spec == NULL)
		fprintf(out, "| no such request |");
	else
		fprintf(out, "| %u %s |", request, spec->name);
	for (unsigned int c = tables[table].first; c <= tables[table].last; c++)
		print_cell(out, bench->seen[request][c]);
	fprintf(out, "\n");
}

void
conf_page_device(FILE *out, const struct conf_bench *bench, const char *title)
{
	fprintf(out, "\n## %s\n", title);
	for (unsigned int table = 0; table < RTE_DIM(tables); table++) {
		fprintf(out, "\n### %s: %s\n\n%s\n\n| Request |", title, tables[table].title,
			tables[table].text);
		for (unsigned int c = tables[table].first; c <= tables[table].last; c++)
			fprintf(out, " %s |", column_names[c]);
		fprintf(out, "\n|---|");
		for (unsigned int c = tables[table].first; c <= tables[table].last; c++)
			fprintf(out, "---|");
		fprintf(out, "\n");
		for (uint32_t request = 1; request < CONF_NB_ROWS; request++)
			if (!row_is_empty(bench, request, table))
				print_row(out, bench, request, table);
	}
}
