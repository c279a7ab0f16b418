/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Results for people and for programs.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "measure.h"
#include "options.h"

/** Heading of the table. */
void report_text_head(FILE *out, enum bench_mode mode);

/** Rows of one point. */
void report_text(FILE *out, const struct measure_result *results, unsigned int nb);

/** What holds for some of the rows and has no column. */
void report_text_end(FILE *out, const struct measure_result *results, unsigned int nb);

/**
 * Tell whether report_json() can write there. What exists is left as it is, and nothing is made.
 *
 * @return 0; -EISDIR a folder; -errno of the file or of its folder
 */
int report_json_probe(const char *path);

/**
 * Write all results as JSON to options->json_path. What that held before goes once all of it is at
 * hand.
 *
 * @param command  that made them
 * @return 0 or -errno
 */
int report_json(const struct options *options, const char *command,
	const struct measure_result *results, unsigned int nb);

#endif /* REPORT_H */
