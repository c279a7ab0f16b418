/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists of numbers: "2,2,4", "3-5", "2:2:4". Control lcore.
 */
#include "daemon.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX_ITEMS 4096
#define LIST_MAX_VALUE 65535

static int
list_append(struct vu_uint_list *list, unsigned int value)
{
	unsigned int *item;

	if (list->nb == LIST_MAX_ITEMS)
		return -EINVAL;
	item = reallocarray(list->item, list->nb + 1, sizeof(*item));
	if (item == NULL)
		return -ENOMEM;
	list->item = item;
	item[list->nb++] = value;
	return 0;
}

/* One decimal number; moves the text on. */
static int
list_number(const char **text, const char *end, unsigned int *value)
{
	unsigned int number = 0;

	if (*text == end || !isdigit((unsigned char)**text))
		return -EINVAL;
	while (*text < end && isdigit((unsigned char)**text)) {
		number = number * 10 + (unsigned int)(*(*text)++ - '0');
		if (number > LIST_MAX_VALUE)
			return -EINVAL;
	}
	*value = number;
	return 0;
}

static int
list_range(struct vu_uint_list *list, const char **text, const char *end)
{
	unsigned int first, last;
	int rc = list_number(text, end, &first);

	last = first;
	if (rc == 0 && *text < end && **text == '-') {
		(*text)++;
		rc = list_number(text, end, &last);
	}
	if (rc == 0 && last < first)
		rc = -EINVAL;
	for (unsigned int value = first; rc == 0 && value <= last; value++)
		rc = list_append(list, value);
	return rc;
}

int
list_parse(struct vu_uint_list *list, const char *text, size_t len)
{
	const char *end = text + len;
	int rc;

	*list = (struct vu_uint_list){ 0 };
	do {
		rc = list_range(list, &text, end);
		if (rc == 0 && text < end && *text != ',' && *text != ':')
			rc = -EINVAL;
	} while (rc == 0 && text++ < end);
	if (rc != 0)
		list_free(list);
	return rc;
}

void
list_free(struct vu_uint_list *list)
{
	free(list->item);
	*list = (struct vu_uint_list){ 0 };
}
