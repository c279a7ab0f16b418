/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers, lists and keys; see vu_parse.h.
 */
#include "vu_parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_kvargs.h>

#define LIST_MAX_ITEMS 4096
#define LIST_MAX_VALUE 65535
#define NAMES_BYTES 256

int
vu_refuse(const struct vu_errmsg *errmsg, int rc, const char *format, ...)
{
	va_list args;

	if (errmsg == NULL)
		return rc;
	va_start(args, format);
	vsnprintf(errmsg->text, errmsg->bytes, format, args);
	va_end(args);
	return rc;
}

const char *
vu_parse_number(const char *text, uint32_t max, uint32_t *number)
{
	uint64_t value = 0;

	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > max)
			return NULL;
	}
	*number = (uint32_t)value;
	return text;
}

int
vu_parse_uint(const char *text, uint32_t min, uint32_t max, uint32_t *number)
{
	uint32_t value;
	const char *end = vu_parse_number(text, max, &value);

	if (end == NULL || *end != '\0' || value < min)
		return -EINVAL;
	*number = value;
	return 0;
}

const char *
vu_parse_range(const char *text, uint32_t *first, uint32_t *last)
{
	text = vu_parse_number(text, LIST_MAX_VALUE, first);
	if (text == NULL)
		return NULL;
	*last = *first;
	return *text == '-' ? vu_parse_number(text + 1, LIST_MAX_VALUE, last) : text;
}

static bool
list_append(struct vu_uint_list *list, unsigned int value)
{
	unsigned int *item = list->nb == LIST_MAX_ITEMS ? NULL :
		reallocarray(list->item, list->nb + 1, sizeof(*item));

	if (item == NULL)
		return false;
	list->item = item;
	item[list->nb++] = value;
	return true;
}

static const char *
list_range(const char *text, struct vu_uint_list *list)
{
	uint32_t first, last;

	text = vu_parse_range(text, &first, &last);
	if (text == NULL || last < first)
		return NULL;
	for (uint32_t value = first; value <= last; value++)
		if (!list_append(list, value))
			return NULL;
	return text;
}

const char *
vu_parse_list(const char *text, const char *ends, struct vu_uint_list *list)
{
	const bool is_group = *text == '(';

	*list = (struct vu_uint_list){ 0 };
	text += is_group;
	if (is_group)
		ends = ")";
	for (;;) {
		text = list_range(text, list);
		/* The end of the text is one of any `ends`. */
		if (text == NULL || strchr(ends, *text) != NULL)
			break;
		text = *text == ',' || *text == ':' ? text + 1 : "";
	}
	if (text != NULL && (!is_group || *text == ')'))
		return text + is_group;
	vu_uint_list_free(list);
	return NULL;
}

void
vu_uint_list_free(struct vu_uint_list *list)
{
	free(list->item);
	*list = (struct vu_uint_list){ 0 };
}

int
vu_key_set_uint(void *conf, const struct vu_key *key, const char *value)
{
	return vu_parse_uint(value, key->min, key->max, RTE_PTR_ADD(conf, key->offset));
}

int
vu_key_set_switch(void *conf, const struct vu_key *key, const char *value)
{
	const bool is_on = strcmp(value, "on") == 0;

	if (!is_on && strcmp(value, "off") != 0)
		return -EINVAL;
	*(bool *)RTE_PTR_ADD(conf, key->offset) = is_on;
	return 0;
}

static int
key_refuse_unknown(const struct vu_key *keys, const char *name, const struct vu_errmsg *errmsg)
{
	char names[NAMES_BYTES] = "";
	size_t len = 0;

	for (const struct vu_key *key = keys; key->name != NULL && len < sizeof(names); key++)
		if (key->help != NULL)
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
				len != 0 ? ", " : "", key->name);
	return vu_refuse(errmsg, -EINVAL, "unknown key %s: use %s", name, names);
}

int
vu_key_set(const struct vu_key *key, const char *value, void *conf, const struct vu_errmsg *errmsg)
{
	int rc;

	if (errmsg->bytes != 0)
		errmsg->text[0] = '\0';
	rc = key->set(conf, key, value);
	if (rc == 0 || errmsg->bytes == 0 || errmsg->text[0] != '\0')
		return rc;
	if (rc != -EINVAL)
		return vu_refuse(errmsg, rc, "%s=%s: %s", key->name, value, strerror(-rc));
	if (key->use != NULL)
		return vu_refuse(errmsg, rc, "%s=%s: use %s", key->name, value, key->use);
	return vu_refuse(errmsg, rc, "%s=%s: use a number from %u to %u", key->name, value,
		key->min, key->max);
}

static int
key_take(const struct vu_key *keys, const struct rte_kvargs_pair *pair, void *conf,
	const struct vu_errmsg *errmsg)
{
	const struct vu_key *key = keys;

	if (pair->value == NULL || pair->value[0] == '\0' || pair->key[0] == '\0')
		return vu_refuse(errmsg, -EINVAL, "%s: use key=value", pair->key);
	while (key->name != NULL && strcmp(key->name, pair->key) != 0)
		key++;
	if (key->name == NULL)
		return key_refuse_unknown(keys, pair->key, errmsg);
	return vu_key_set(key, pair->value, conf, errmsg);
}

int
vu_keys_parse(const struct vu_key *keys, const char *text, void *conf,
	const struct vu_errmsg *errmsg)
{
	struct rte_kvargs *kvargs;
	int rc = 0;

	if (text == NULL || *text == '\0')
		return 0;
	if (*text == ',' || strstr(text, ",,") != NULL || text[strlen(text) - 1] == ',')
		return vu_refuse(errmsg, -EINVAL, "a comma without key=value behind it");
	kvargs = rte_kvargs_parse(text, NULL);
	if (kvargs == NULL)
		return vu_refuse(errmsg, -EINVAL, "%s: use key=value,...", text);
	for (unsigned int i = 0; i < kvargs->count && rc == 0; i++) {
		const char *name = kvargs->pairs[i].key;

		rc = rte_kvargs_count(kvargs, name) > 1 ?
			vu_refuse(errmsg, -EINVAL, "%s: given twice", name) :
			key_take(keys, &kvargs->pairs[i], conf, errmsg);
	}
	rte_kvargs_free(kvargs);
	return rc;
}
