/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of vu-bench share: the axes of a measurement and one point of them, the command
 * line, results and their reports.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "args.h"
#include "option_values.h"
#include "stats.h"

struct rte_mempool;

#define BENCH_MAX_BURST 256
#define BENCH_MAX_PAIRS 1024
#define BENCH_MAX_FRAME_BYTES 9216
#define BENCH_MIN_FRAME_BYTES 60
#define BENCH_HEADER_BYTES 12u /* virtio_net_hdr of a modern device (VIRTIO 1.2, 5.1.6) */

enum bench_mode {
	BENCH_COST,    /* cycles per packet */
	BENCH_LATENCY, /* round trips of single frames */
	BENCH_NB_MODES
};

enum bench_backend {
	BENCH_VU,
	BENCH_VU_MBUF, /* guest to guest only: what BENCH_VU does without mbufs */
	BENCH_RTE_VHOST,
	BENCH_COPY,
	BENCH_NONE,    /* cost only */
	BENCH_EVENTFD, /* latency only */
	BENCH_NB_BACKENDS
};

enum bench_ring { BENCH_SPLIT, BENCH_PACKED };

enum bench_direction {
	BENCH_FROM_GUEST,
	BENCH_TO_GUEST,
	BENCH_BOTH, /* what comes from the guest goes back to it */
	BENCH_GUEST_TO_GUEST,
};

/* Frame sizes that are no single number. */
#define BENCH_SIZE_IMIX 0   /* 7 * 64, 4 * 594, 1 * 1518 bytes */
#define BENCH_SIZE_RANDOM 1 /* 60 to 1518 bytes */

/** Options that have values. */
enum option {
	/* Axes; the one that is named last changes most slowly from row to row. */
	OPTION_DIRECTION,
	OPTION_SIZE,
	OPTION_BURST,
	OPTION_QUEUES,
	OPTION_CALLS,
	OPTION_OFFLOAD,
	OPTION_MERGEABLE,
	OPTION_IN_ORDER,
	OPTION_LEAN,
	OPTION_SCATTERED,
	OPTION_RING,
	OPTION_CORES,
	OPTION_RING_SIZE, /* one value only, as all that follow except OPTION_BACKEND */
	OPTION_NB_AXES,

	OPTION_BACKEND = OPTION_NB_AXES,
	OPTION_SECONDS,   /* of the whole run; 0: as many as it takes */
	OPTION_ROUNDS,
	OPTION_ROUND_US,
	OPTION_TURNS,     /* of a round; 0: as many as OPTION_ROUND_US takes */
	OPTION_NB
};

/** One point of the axes, in their order. */
struct bench_case {
	union {
		struct {
			uint32_t direction;    /* enum bench_direction */
			uint32_t size_bytes;   /* of a frame, or BENCH_SIZE_* */
			uint32_t burst;        /* frames per call */
			uint32_t nb_pairs;     /* queue pairs of a guest, polled in turn */
			uint32_t has_calls;    /* the generator asks for notifications */
			uint32_t has_offload;
			uint32_t is_mergeable;
			uint32_t is_in_order;
			uint32_t is_lean;      /* the generator writes no frames */
			uint32_t is_scattered; /* buffers do not lie in the order of use */
			uint32_t ring;         /* enum bench_ring */
			uint32_t nb_cores;     /* 1: generator and back-end on one lcore */
			uint32_t ring_size;    /* entries */
		};
		uint32_t axis[OPTION_NB_AXES];
	};
};

/* Does every frame that a guest sent come out at a guest? */
static inline bool
bench_is_through(const struct bench_case *point)
{
	return point->direction == BENCH_BOTH || point->direction == BENCH_GUEST_TO_GUEST;
}

/* ---- command line ---- */

struct options {
	struct value_list lists[OPTION_NB];
	enum bench_mode mode;
	const char *json_path; /* NULL: none */
	char *command;         /* as one string, by the program's own name; to be freed */
	char **eal_argv;       /* NULL-terminated; to be freed */
	int eal_argc;
};

/** Take our options out of the command line. @return see args_parse() */
int options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

/** First value of an option. */
static inline uint32_t
options_value(const struct options *options, enum option option)
{
	return options->lists[option].item[0];
}

bool options_has(const struct options *options, enum option option, uint32_t value);

/** The product of all axes: number of points, and one of them. */
unsigned int options_nb_points(const struct options *options);
struct bench_case options_point(const struct options *options, unsigned int i);

/** Names as on the command line: of an option, without dashes; of a value, NULL of a number. */
const char *options_name(enum option option);
const char *options_value_name(enum option option, uint32_t value);

/* ---- measurement ---- */

#define MEASURE_MIN_ROUNDS 15 /* fewer have no median and no spread to speak of */

/** What came out for one back-end. */
struct measure_result {
	enum bench_mode mode;
	enum bench_backend backend;
	struct bench_case point;
	int rc;                      /* 0; -EOPNOTSUPP not offered; -errno of the set-up */
	uint64_t nb_frames;
	uint64_t nb_lost;            /* that is missing, or came out wrong */
	unsigned int nb_rounds;      /* that count */
	unsigned int nb_interrupted; /* of those: another thread had a CPU of ours meanwhile */
	bool has_hugepages;          /* the guest's memory */
	double line_ns;              /* two lcores: round trip of a cache line during those */
	double ratio_to_rte_vhost;   /* > 1: faster; 0: no such back-end in the run */

	/* BENCH_COST */
	struct stats_summary cycles; /* TSC per packet, of the back-end */
	struct stats_summary gen_cycles; /* one lcore */
	double packets_per_second;
	double ratio_to_copy;

	/* BENCH_LATENCY, nanoseconds */
	double p50_ns;
	double p99_ns;
	double p999_ns;
};

/** How to measure. */
struct measure_conf {
	enum bench_mode mode;
	bool has_backend[BENCH_NB_BACKENDS];
	unsigned int nb_rounds;  /* of each back-end, 1 or more */
	uint64_t end_tsc;        /* of the whole run, about; 0: no end */
	unsigned int nb_points_left; /* that share the time until then, this one included */
	double round_us;
	uint32_t nb_turns;       /* bursts of a round on one lcore; 0: by time */
	struct rte_mempool *pool;
	const char *folder;      /* for sockets */
};

/** Measure a point. @return number of results, at most one for each back-end */
unsigned int measure_run(const struct measure_conf *conf, const struct bench_case *point,
	struct measure_result results[BENCH_NB_BACKENDS]);

/** Did the figures suffer from something else on the same CPU? By rounds cut short, or spread. */
bool measure_is_disturbed(const struct measure_result *result);

/** Is a round trip of a cache line, 0 if it changed, of the same state as another one? */
bool measure_is_alike(double line_ns, double usual_ns);

/* ---- reports ---- */

/** Heading of the table, rows of one point, and what holds for some rows and has no column. */
void report_text_head(FILE *out, enum bench_mode mode);
void report_text(FILE *out, const struct measure_result *results, unsigned int nb);
void report_text_end(FILE *out, const struct measure_result *results, unsigned int nb);

/** Can report_json() write there? Leaves all as it is. @return 0, -EISDIR or other -errno */
int report_json_probe(const char *path);

/** Write all results to options->json_path, in place of what that held. @return 0 or -errno */
int report_json(const struct options *options, const struct measure_result *results,
	unsigned int nb);

#endif /* BENCH_H */
