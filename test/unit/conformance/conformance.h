/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conformance test of the back-end, table-driven: every request of the specification with every
 * case that applies to it, against a session with a real device. conformance_cases.c makes the
 * cases, conformance_rule.c says what the specification wants, conformance_bench.c does it and
 * looks, conformance_page.c writes down what was seen.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "session_rig.h"

#define CONF_NB_ROWS (VHOST_USER_NB_REQUESTS + 1) /* the last one: a request that does not exist */
#define CONF_UNKNOWN_REQUEST VHOST_USER_NB_REQUESTS
#define CONF_MAX_FDS 16

/* What a back-end may do with a frame. Bits: a cell of the page may have seen several. */
enum conf_result {
	CONF_QUIET = 1 << 0,   /* accepted, nothing to say */
	CONF_ACK = 1 << 1,     /* acknowledged: done */
	CONF_FAIL = 1 << 2,    /* acknowledged: failed */
	CONF_REPLY = 1 << 3,   /* reply of its own */
	CONF_REFUSAL = 1 << 4, /* reply of its own that says it failed */
	CONF_END = 1 << 5,     /* end of the session, without any reply */
	CONF_BROKEN = 1 << 6,  /* none of these: the case has failed */
};

/* Column of the page; names and tables are in conformance_page.c. */
enum conf_column {
	CONF_VALID,
	CONF_MAXIMUM,
	CONF_SPLIT,
	CONF_BEFORE_FEATURES,
	CONF_BEFORE_MEMORY,
	CONF_WHILE_RUNNING,
	CONF_AFTER_STOP,
	CONF_WITHOUT_ONE,
	CONF_WITHOUT_ALL,
	CONF_INDEX,
	CONF_INDEX_32,
	CONF_VALUE,
	CONF_SIZE_ZERO,
	CONF_SIZE_SMALL,
	CONF_SIZE_LARGE,
	CONF_SIZE_BETWEEN,
	CONF_SIZE_MOST,
	CONF_SIZE_BEYOND,
	CONF_FDS_FEW,
	CONF_FDS_MANY,
	CONF_FDS_NINE,
	CONF_FDS_LATE,
	CONF_FD_EVENT,
	CONF_FD_FILE,
	CONF_FD_SOCKET,
	CONF_FD_PIPE,
	CONF_FD_NULL,
	CONF_VERSION_0,
	CONF_VERSION_2,
	CONF_REPLY_FLAG,
	CONF_RESERVED_FLAG,
	CONF_CUT_HEADER,
	CONF_CUT_PAYLOAD,
	CONF_NB_COLUMNS
};

/* What is wrong with a frame, whatever the state of the session. */
enum conf_flaw {
	CONF_SOUND,
	CONF_MALFORMED, /* framing cannot be trusted */
	CONF_ILLEGAL,   /* well-formed, but asks for what cannot be */
	CONF_CUT,       /* the front-end hangs up before the end */
};

/* How far the front-end has come. */
enum conf_state {
	CONF_STATE_FRESH,      /* nothing negotiated */
	CONF_STATE_NEGOTIATED,
	CONF_STATE_MEMORY,     /* memory shared, no ring configured */
	CONF_STATE_RUNNING,    /* ring 0 started and enabled */
	CONF_STATE_STOPPED,    /* it was, GET_VRING_BASE stopped it */
};

enum conf_fd_kind {
	CONF_KIND_EVENT,
	CONF_KIND_FILE,   /* memory file of the guest */
	CONF_KIND_SOCKET,
	CONF_KIND_PIPE,
	CONF_KIND_NULL,   /* /dev/null */
	CONF_NB_KINDS
};

/* A frame as it goes over the wire. */
struct conf_frame {
	struct vhost_user_header header; /* flags without need_reply, which the bench adds */
	unsigned int nb_fds;
	int fds[CONF_MAX_FDS];
	size_t fds_at;                   /* byte that the fds travel with */
	size_t pause_at;                 /* bytes after which the back-end gets a turn; 0 = none */
	bool is_cut;                     /* hang up at pause_at */
	union vu_payload payload;
};

struct conf_case {
	enum conf_column column;
	enum conf_flaw flaw;
	enum conf_state state;
	uint64_t without; /* protocol features that are offered, but not acknowledged */
	struct conf_frame frame;
};

/* What the device under test is, as the front-end sees it. */
struct conf_facts {
	uint64_t features;          /* offered */
	uint64_t protocol_features; /* offered */
	uint32_t config_bytes;      /* of the configuration space that can be read at once */
	bool has_gpu;
};

struct conf_bench;

/* A device to be tested. */
struct conf_device {
	const char *title;
	const char *driver;
	const char *args;
	void (*prepare)(struct conf_bench *bench); /* once, without a session; may be NULL */
	bool has_inband;
	bool can_echo; /* sends frames of ring 1 back on ring 0 */
};

/* Everything a run needs. */
struct conf_bench {
	struct session_rig rig;
	struct session_port subject;
	struct session_port bystander;      /* another front-end: must not notice anything */
	struct conf_facts facts;
	int fds[CONF_NB_KINDS];
	int far_ends[2];                /* of the socket and of the pipe */
	bool is_open;                   /* subject is connected and in this state: */
	enum conf_state state;
	uint64_t without;
	struct rig_held held;           /* without a session */
	unsigned int nb_cases;
	unsigned int nb_failures;
	/* Bits of what was seen: [0] with need_reply, [1] without. */
	uint8_t seen[CONF_NB_ROWS][CONF_NB_COLUMNS][2];
};

/** Create a bench around a device. */
void conf_bench_init(struct conf_bench *bench, const struct conf_device *device);

/** Free it. */
void conf_bench_fini(struct conf_bench *bench);

/** Run one case, with and without need_reply, and compare it with the rule. */
void conf_bench_run(struct conf_bench *bench, const struct conf_case *test);

/** After all cases: the device still carries a frame from one ring to the other. */
void conf_bench_check_echo(struct conf_bench *bench);

/** Run every case of one request. */
void conf_cases_run(struct conf_bench *bench, uint32_t request);

/** Make a frame that is right in every way in CONF_STATE_MEMORY. */
void conf_frame_fill(const struct conf_bench *bench, uint32_t request, struct conf_frame *frame);

/** Run every illegal value of one request. */
void conf_values_run(struct conf_bench *bench, uint32_t request);

/** Protocol features that cannot stay without those in `without`, and these. */
uint64_t conf_rule_without(uint64_t without);

/** Protocol features acknowledged in a case. */
uint64_t conf_rule_acked(const struct conf_facts *facts, const struct conf_case *test);

/** Protocol features acknowledged by all sessions but those without some. */
uint64_t conf_rule_protocol_features(const struct conf_facts *facts);

/** Features acknowledged by all sessions. */
uint64_t conf_rule_features(const struct conf_facts *facts);

/** Which kinds of fds a request takes: bits of enum conf_fd_kind. */
unsigned int conf_rule_fd_kinds(uint32_t request);

/** What has to happen. */
enum conf_result conf_rule(const struct conf_facts *facts, const struct conf_case *test,
	bool need_reply);

/** What a reply of its own says: CONF_REPLY or CONF_REFUSAL. */
enum conf_result conf_rule_reply_kind(const struct vu_msg *reply);

/** Name of a column. */
const char *conf_column_name(enum conf_column column);

#define CONF_WORDS_BYTES 64

/** Results as words, for example "ack" or "fail, end". @return words */
const char *conf_result_words(unsigned int results, char words[CONF_WORDS_BYTES]);

/** Write the head of the page. */
void conf_page_begin(FILE *out);

/** Write the tables of one device. */
void conf_page_device(FILE *out, const struct conf_bench *bench, const char *title);

#endif /* CONFORMANCE_H */
