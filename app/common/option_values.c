/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values of options; see option_values.h.
 */
#include "option_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

void
value_describe(FILE *out, const struct value_rule *rule)
{
	for (const char *const *name = rule->names; *name != NULL; name++)
		fprintf(out, "%s%s", *name, name[1] != NULL || rule->max != 0 ? ", " : "");
	if (rule->max != 0)
		fprintf(out, "%s from %u to %u", rule->is_power_of_2 ? "a power of two" :
			"a number", rule->min, rule->max);
}

const char *
value_name(const struct value_rule *rule, uint32_t value)
{
	return rule->max != 0 && value >= rule->min ? NULL : rule->names[value];
}

/* A refusal says what would have been right. */
static int
value_parse(const struct value_rule *rule, const char *text, uint32_t *value,
	const struct vu_errmsg *errmsg)
{
	FILE *out;

	for (*value = 0; rule->names[*value] != NULL; ++*value)
		if (strcmp(rule->names[*value], text) == 0)
			return 0;
	if (vu_parse_uint(text, rule->min, rule->max, value) == 0 &&
			(!rule->is_power_of_2 || rte_is_power_of_2(*value)))
		return 0;
	out = fmemopen(errmsg->text, errmsg->bytes, "w");
	if (out == NULL)
		return -ENOMEM;
	fprintf(out, "'%.30s' is not ", text);
	value_describe(out, rule);
	fclose(out);
	return -EINVAL;
}

int
value_list_parse(const struct value_rule *rule, const char *text, struct value_list *list,
	const struct vu_errmsg *errmsg)
{
	const unsigned int max = rule->is_single ? 1 : VALUES_MAX;
	char *copy = strdup(text), *rest = copy;
	int rc = copy != NULL ? 0 : -ENOMEM;

	list->nb = 0;
	for (char *word; rc == 0 && (word = strsep(&rest, ",")) != NULL;)
		rc = list->nb == max ?
			vu_refuse(errmsg, -E2BIG, "more than %u value%s", max,
				max == 1 ? "" : "s") :
			value_parse(rule, word, &list->item[list->nb++], errmsg);
	free(copy);
	return rc;
}
