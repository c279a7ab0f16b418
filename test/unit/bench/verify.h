/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every byte of every frame that a back-end of vu-bench carries, compared: numbers, lengths,
 * contents, in bursts of random length.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "subject.h"

/** What to carry through which back-end. */
struct verify_conf {
	enum bench_backend backend;
	const struct backend_ops *ops;
	struct bench_case point;
	const char *folder;  /* for sockets */
	uint64_t nb_frames;  /* at least */
};

/** What came out. */
struct verify_result {
	int rc;              /* 0; -EOPNOTSUPP not offered; -ETIMEDOUT it stood still; -errno */
	uint64_t nb_frames;  /* carried */
	uint64_t nb_wrong;   /* missing, damaged, or out of order */
};

/** Open a back-end, carry frames through it on this lcore, compare what comes out, close it. */
struct verify_result verify_run(const struct verify_conf *conf);

/** Write a frame whose every byte behind the headers depends on its number. */
void verify_fill(uint8_t *frame, uint32_t len_bytes, uint32_t port, uint64_t number);

/** Check whether a frame is what verify_fill() wrote. */
bool verify_is_filled(const uint8_t *frame, uint32_t len_bytes, uint32_t port, uint64_t number);

#endif /* VERIFY_H */
