/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an option of an application may be set to: names and numbers, one or a list of them.
 */
#ifndef OPTION_VALUES_H
#define OPTION_VALUES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vu_parse.h"

#define VALUES_MAX 32

/** Values of one option, in the order given. */
struct value_list {
	uint32_t item[VALUES_MAX];
	unsigned int nb;
};

/** What is allowed. */
struct value_rule {
	const char *const *names; /* of 0, 1 and so on; NULL-terminated */
	uint32_t min, max;        /* of numbers; max 0: names only */
	bool is_single;           /* one value, no list */
	bool is_power_of_2;
};

/** Print what is allowed, in words. */
void value_describe(FILE *out, const struct value_rule *rule);

/** Name of a value; NULL of a number. */
const char *value_name(const struct value_rule *rule, uint32_t value);

/**
 * Take values separated by commas.
 *
 * @param errmsg  filled after a failure
 * @return 0; -EINVAL, -E2BIG, -ENOMEM
 */
int value_list_parse(const struct value_rule *rule, const char *text, struct value_list *list,
	const struct vu_errmsg *errmsg);

#endif /* OPTION_VALUES_H */
