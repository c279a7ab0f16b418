/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases of vu_parse.h: numbers, lists, and keys by a table; what is wrong is refused as a whole.
 */
#include "vu_parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "test.h"

VU_TEST(parse, numbers)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "1x", "0x1", "4", "11", "99999999999999999999",
	};
	uint32_t number = 7;
	const char *end;

	CHECK_EQ(vu_parse_uint("5", 5, 10, &number), 0);
	CHECK_EQ(number, 5);
	CHECK_EQ(vu_parse_uint("0010", 5, 10, &number), 0);
	CHECK_EQ(number, 10);
	for (unsigned int i = 0; i < RTE_DIM(bad); i++)
		CHECK_EQ(vu_parse_uint(bad[i], 5, 10, &number), -EINVAL);
	CHECK_EQ(number, 10);
	CHECK_EQ(vu_parse_uint("4294967295", 0, UINT32_MAX, &number), 0);
	CHECK_EQ(number, UINT32_MAX);
	CHECK_EQ(vu_parse_uint("4294967296", 0, UINT32_MAX, &number), -EINVAL);
	end = vu_parse_number("32:50", 32, &number);
	CHECK(end != NULL && number == 32 && strcmp(end, ":50") == 0);
	CHECK(vu_parse_number("33:50", 32, &number) == NULL);
	CHECK(vu_parse_number(":50", 32, &number) == NULL);
}

VU_TEST(parse, ranges)
{
	uint32_t first, last;
	const char *end = vu_parse_range("7,1", &first, &last);

	CHECK(end != NULL && first == 7 && last == 7 && strcmp(end, ",1") == 0);
	end = vu_parse_range("9-65535", &first, &last);
	CHECK(end != NULL && first == 9 && last == 65535 && *end == '\0');
	/* Which order makes sense, the caller knows. */
	CHECK(vu_parse_range("9-3", &first, &last) != NULL && first == 9 && last == 3);
	CHECK(vu_parse_range("3-", &first, &last) == NULL);
	CHECK(vu_parse_range("-3", &first, &last) == NULL);
	CHECK(vu_parse_range("3-65536", &first, &last) == NULL);
}

VU_TEST(parse, lists)
{
	static const struct {
		const char *text, *ends, *rest;
		unsigned int nb, last;
	} good[] = {
		{ "3", "", "", 1, 3 },
		{ "1,2-4:9", "", "", 5, 9 },
		{ "65535", "", "", 1, 65535 },
		{ "1-4096", "", "", 4096, 4096 },
		{ "7@3", "@,", "@3", 1, 7 },
		{ "7,8@3", "@,", ",8@3", 1, 7 },
		{ "(7,8)@3", "@,", "@3", 2, 8 },
		{ "(7:8)", ":", "", 2, 8 },
	};
	static const char *const bad[] = {
		"", "x", "1,", ",1", "1,,2", "3-", "5-3", "-3", "1;2", "65536", "0-4096", "()",
		"(1", "1)", "(1,)", "((1))",
	};
	struct vu_uint_list list;

	for (unsigned int i = 0; i < RTE_DIM(good); i++) {
		const char *rest = vu_parse_list(good[i].text, good[i].ends, &list);

		CHECK(rest != NULL && strcmp(rest, good[i].rest) == 0);
		CHECK_EQ(list.nb, good[i].nb);
		CHECK_EQ(list.item[list.nb - 1], good[i].last);
		vu_uint_list_free(&list);
	}
	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		CHECK(vu_parse_list(bad[i], "", &list) == NULL);
		CHECK(list.item == NULL && list.nb == 0);
	}
}

struct parsed {
	uint32_t speed;
	bool is_on;
};

static int
set_never(void *conf, const struct vu_key *key, const char *value)
{
	(void)conf;
	(void)key;
	return strcmp(value, "full") == 0 ? -ENOSPC : -EINVAL;
}

static const struct vu_key keys[] = {
	{ .name = "speed", .help = "", .set = vu_key_set_uint,
		.offset = offsetof(struct parsed, speed), .min = 1, .max = 9 },
	{ .name = "old", .set = vu_key_set_uint, .max = 9 },
	{ .name = "on", .help = "", .use = "on or off", .set = vu_key_set_switch,
		.offset = offsetof(struct parsed, is_on) },
	{ .name = "never", .help = "", .use = "nothing", .set = set_never },
	{ .name = NULL },
};

VU_TEST(parse, keys_by_a_table)
{
	static const struct {
		const char *text, *line;
	} bad[] = {
		{ ",", "a comma without key=value behind it" },
		{ "speed=1,", "a comma without key=value behind it" },
		{ "speed=1,,on=on", "a comma without key=value behind it" },
		{ "speed", "speed: use key=value" },
		{ "speed=", "speed: use key=value" },
		{ "=1", ": use key=value" },
		{ "speed=0", "speed=0: use a number from 1 to 9" },
		{ "on=yes", "on=yes: use on or off" },
		{ "never=mind", "never=mind: use nothing" },
		{ "never=full", "never=full: No space left on device" },
		{ "speed=1,on=on,speed=2", "speed: given twice" },
		{ "sped=1", "unknown key sped: use speed, on, never" },
	};
	char line[64] = "of before";
	const struct vu_errmsg errmsg = { line, sizeof(line) };
	struct parsed parsed = { 0 };

	CHECK_EQ(vu_keys_parse(keys, NULL, &parsed, &errmsg), 0);
	CHECK_EQ(vu_keys_parse(keys, "", &parsed, &errmsg), 0);
	CHECK_EQ(vu_keys_parse(keys, "on=on,speed=3", &parsed, &errmsg), 0);
	CHECK(parsed.is_on && parsed.speed == 3);
	CHECK_EQ(vu_keys_parse(keys, "on=off,old=4", &parsed, &errmsg), 0);
	CHECK(!parsed.is_on && parsed.speed == 4);
	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		CHECK(vu_keys_parse(keys, bad[i].text, &parsed, &errmsg) < 0);
		if (strcmp(line, bad[i].line) != 0)
			printf("%s\n", line);
		CHECK(strcmp(line, bad[i].line) == 0);
	}
	CHECK_EQ(vu_keys_parse(keys, "speed=0", &parsed, &(struct vu_errmsg){ NULL, 0 }), -EINVAL);
}
