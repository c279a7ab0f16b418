/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What users write: numbers, lists of numbers, and "key=value,..." by a table of keys. A text is
 * right as a whole or refused; no sign, no space, no other base than ten.
 */
#ifndef VU_PARSE_H
#define VU_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "vu_export.h"

VU_API_BEGIN

/** A list of numbers. */
struct vu_uint_list {
	unsigned int *item;
	unsigned int nb;
};

/** Where a refusal is explained, in one line. */
struct vu_errmsg {
	char *text;   /**< may be NULL if bytes is 0 */
	size_t bytes;
};

/**
 * One key of "key=value,...": what it does and all that a document says about it. A table ends in a
 * row without a name.
 */
struct vu_key {
	const char *name;    /**< "queues" */
	const char *form;    /**< of the value, for documents: "N", "on|off" */
	const char *initial; /**< the default, for documents; NULL: help says it */
	const char *help;    /**< for documents; NULL: an old name that they leave out */
	const char *use;     /**< what a refusal asks for; NULL: a number from min to max */
	/** Take a value that is not empty. @return 0; -EINVAL: see use; -errno */
	int (*set)(void *conf, const struct vu_key *key, const char *value);
	size_t offset;       /**< of the member of conf that the set functions below write */
	uint32_t min;        /**< of a number */
	uint32_t max;        /**< of a number */
};

/**
 * Explain a refusal.
 *
 * @param errmsg  filled, cut off where it is full; NULL: nobody asks
 * @param rc      what to return
 * @param format  of the line
 * @return rc
 * @context any thread
 */
int vu_refuse(const struct vu_errmsg *errmsg, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Take the number that a text begins with.
 *
 * @param text    decimal digits, then anything
 * @param max     greatest number allowed
 * @param number  out
 * @return what follows the digits; NULL: there are none, or too many
 * @context any thread
 */
const char *vu_parse_number(const char *text, uint32_t max, uint32_t *number);

/**
 * Take a text that is one number.
 *
 * @param text    decimal digits
 * @param min     least number allowed
 * @param max     greatest number allowed
 * @param number  out
 * @return 0; -EINVAL, *number is as it was
 * @context any thread
 */
int vu_parse_uint(const char *text, uint32_t min, uint32_t max, uint32_t *number);

/**
 * Take the range that a text begins with: "3" or "3-5", up to 65535.
 *
 * @param text   one number or two, then anything
 * @param first  out
 * @param last   out, may be less than *first
 * @return what follows the range; NULL: malformed
 * @context any thread
 */
const char *vu_parse_range(const char *text, uint32_t *first, uint32_t *last);

/**
 * Take the list that a text begins with: numbers and ranges such as "1,2-4" or "1:2-4".
 *
 * @param text  a list up to one of ends, or a list in parentheses
 * @param ends  characters that end a list without parentheses; the end of the text always does
 * @param list  out, to be freed
 * @return what follows the list; NULL: malformed, or -ENOMEM
 * @context any thread
 */
const char *vu_parse_list(const char *text, const char *ends, struct vu_uint_list *list);

/** Free a list, which is empty afterwards. @context any thread */
void vu_uint_list_free(struct vu_uint_list *list);

/** Set a uint32_t of conf, see struct vu_key. @context any thread */
int vu_key_set_uint(void *conf, const struct vu_key *key, const char *value);

/** Set a bool of conf to "on" or "off", see struct vu_key. @context any thread */
int vu_key_set_switch(void *conf, const struct vu_key *key, const char *value);

/**
 * Take the value of one key.
 *
 * @param key     row of a table
 * @param value   not empty
 * @param conf    for key->set
 * @param errmsg  filled after a failure, unless key->set did that
 * @return what key->set returned
 * @context any thread
 */
int vu_key_set(const struct vu_key *key, const char *value, void *conf,
	const struct vu_errmsg *errmsg);

/**
 * Take "key=value,...", each key at most once.
 *
 * @param keys    table
 * @param text    NULL or empty: nothing is set
 * @param conf    for the set functions
 * @param errmsg  filled after a failure
 * @return 0; -EINVAL, -ENOMEM, or what a set function returned
 * @context control lcore
 */
int vu_keys_parse(const struct vu_key *keys, const char *text, void *conf,
	const struct vu_errmsg *errmsg);

VU_API_END

#endif /* VU_PARSE_H */
