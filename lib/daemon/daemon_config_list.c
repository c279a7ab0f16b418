/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists of numbers: "2,2,4", "3-5", "2:2:4"; of queues on lcores: "(0,1)@3,4@5". Control lcore.
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

static int
pins_add(struct vu_pin_list *pins, const struct vu_uint_list *queues, unsigned int lcore_id)
{
	struct vu_assign_pin *item = reallocarray(pins->item, pins->nb + queues->nb,
		sizeof(*item));

	if (item == NULL)
		return -ENOMEM;
	pins->item = item;
	for (unsigned int i = 0; i < queues->nb; i++)
		item[pins->nb++] = (struct vu_assign_pin){
			.queue = queues->item[i], .lcore_id = lcore_id,
		};
	return 0;
}

/* One "QUEUES@LCORE" or "(QUEUES)@LCORE"; returns what follows it, NULL if it is malformed. */
static const char *
pins_entry(struct vu_pin_list *pins, const char *text, char separator)
{
	const char ends[] = { '@', separator, '\0' };
	bool is_group = *text == '(';
	const char *queues = text + (is_group ? 1 : 0);
	size_t len = strcspn(queues, is_group ? ")" : ends);
	const char *at = queues + len + (is_group ? 1 : 0);
	struct vu_uint_list list;
	unsigned long lcore_id;
	char *end;
	int rc;

	if (strlen(queues) <= len || *at != '@' || !isdigit((unsigned char)at[1]))
		return NULL;
	lcore_id = strtoul(at + 1, &end, 10);
	if (lcore_id >= RTE_MAX_LCORE || (*end != separator && *end != '\0'))
		return NULL;
	if (list_parse(&list, queues, len) != 0)
		return NULL;
	rc = pins_add(pins, &list, (unsigned int)lcore_id);
	list_free(&list);
	return rc == 0 ? end : NULL;
}

int
pins_parse(struct vu_pin_list *pins, const char *text, char separator)
{
	do {
		text = pins_entry(pins, text, separator);
		if (text == NULL)
			return -EINVAL;
	} while (*text++ == separator);
	return 0;
}
