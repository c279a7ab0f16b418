/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life of a front-end: connect, negotiate, lose, connect again. The order of negotiation is that of
 * deployed front-ends; what the first connection agreed on binds all later ones, because rings and
 * their users depend on it.
 */
#include "frontend.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_errno.h>

#include "vu_atomic.h"
#include "vu_fd.h"
#include "vu_virtio.h"

/* Bits that this library itself acts upon. */
#define PROTOCOL_BACKEND_REQ 5
#define PROTOCOL_INBAND_NOTIFICATIONS 14
#define PROTOCOL_REPLY_ACK 3

static void
frontend_remove_interest(struct vu_frontend *fe)
{
	for (unsigned int i = 0; i < VU_FRONTEND_MAX_FDS; i++) {
		vu_reactor_fd_remove(fe->sources[i]);
		fe->sources[i] = NULL;
	}
}

static void frontend_ready(void *arg, uint32_t epoll_events);

/* Add interest in what the driver names now: its listener, or its connection and channel. */
static int
frontend_add_interest(struct vu_frontend *fe)
{
	int fds[VU_FRONTEND_MAX_FDS];
	unsigned int nb = fe->ops->fds(fe, fds);

	frontend_remove_interest(fe);
	fe->nb_sources = nb;
	for (unsigned int i = 0; i < nb; i++) {
		fe->sources[i] = vu_reactor_fd_add(fe->reactor, fds[i], EPOLLIN, frontend_ready,
			fe);
		if (fe->sources[i] == NULL)
			return -rte_errno;
	}
	return 0;
}

/* Try again, after a delay that doubles. */
static void
frontend_retry(struct vu_frontend *fe)
{
	vu_reactor_timer_start(fe->retry, vu_backoff_next_ms(&fe->backoff) * UINT64_C(1000), 0);
}

/* The connection is of no use, or was never made. */
static void
frontend_lose(struct vu_frontend *fe, int reason)
{
	bool was_up = fe->is_up;

	frontend_remove_interest(fe);
	if (fe->is_connected)
		VU_LOG(FRONTEND, WARNING, "%s: connection lost: %s", fe->name,
			rte_strerror(-reason));
	fe->is_connected = false;
	fe->reason = reason;
	vu_store_release(&fe->is_up, false);
	fe->ops->disconnect(fe);
	if (fe->conf.mode == VU_FRONTEND_FD)
		fe->is_dead = true;
	else
		frontend_retry(fe);
	if ((was_up || fe->is_dead) && fe->conf.events->down != NULL)
		fe->conf.events->down(fe->conf.arg, reason);
}

int
frontend_result(struct vu_frontend *fe, int rc)
{
	int reason = fe->is_connected && rc != 0 ? fe->ops->error(fe) : 0;

	if (reason != 0)
		frontend_lose(fe, reason);
	return rc;
}

/* What this library can work with of what the user asks for. */
static uint64_t
frontend_wanted_features(const struct vu_frontend *fe)
{
	const uint64_t never = RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES) |
		RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM);

	return (fe->conf.features | fe->conf.features_required) & ~never;
}

/* Features that need others are of no use without them. */
static uint64_t
frontend_coherent(uint64_t protocol)
{
	const uint64_t inband_needs = RTE_BIT64(PROTOCOL_REPLY_ACK) |
		RTE_BIT64(PROTOCOL_BACKEND_REQ);

	if ((protocol & inband_needs) != inband_needs)
		protocol &= ~RTE_BIT64(PROTOCOL_INBAND_NOTIFICATIONS);
	return protocol;
}

static int
negotiate_protocol(struct vu_frontend *fe)
{
	/* Messages instead of eventfds only for those who ask for it by name. */
	uint64_t wanted = fe->conf.protocol_features != 0 ? fe->conf.protocol_features :
		~RTE_BIT64(PROTOCOL_INBAND_NOTIFICATIONS);
	uint64_t offered;
	int rc = FRONTEND_OP(fe, get_protocol_features, &offered);

	if (rc == -EOPNOTSUPP)
		offered = 0;
	else if (rc != 0)
		return rc;
	fe->protocol_features = frontend_coherent(offered & wanted & fe->ops->protocol_features);
	fe->is_inband = (fe->protocol_features & RTE_BIT64(PROTOCOL_INBAND_NOTIFICATIONS)) != 0;
	return rc == 0 ? fe->ops->set_protocol_features(fe, fe->protocol_features) : 0;
}

/* Later connections get what the first one got: rings depend on it. */
static int
choose_features(struct vu_frontend *fe, uint64_t offered)
{
	uint64_t required = fe->has_features ? fe->features : fe->conf.features_required;

	if ((required & ~offered) != 0) {
		VU_LOG(FRONTEND, ERR, "%s: back-end lacks features 0x%" PRIx64, fe->name,
			required & ~offered);
		return -ENOTSUP;
	}
	if (!fe->has_features)
		fe->features = offered & frontend_wanted_features(fe);
	return 0;
}

/* What the device reports about itself; each is optional. */
static int
negotiate_limits(struct vu_frontend *fe)
{
	int rc = FRONTEND_OP(fe, get_queue_num, &fe->queue_num);

	if (rc == -EOPNOTSUPP)
		fe->queue_num = 0;
	else if (rc != 0)
		return rc;
	if ((fe->protocol_features & RTE_BIT64(PROTOCOL_BACKEND_REQ)) == 0)
		return 0;
	rc = FRONTEND_OP(fe, open_channel);
	return rc == -EOPNOTSUPP ? 0 : rc;
}

static int
set_status(struct vu_frontend *fe, uint8_t status)
{
	int rc = FRONTEND_OP(fe, set_status, status);

	return rc == -EOPNOTSUPP ? 0 : rc;
}

static int
negotiate(struct vu_frontend *fe)
{
	uint64_t offered;
	int rc = FRONTEND_OP(fe, get_features, &offered);

	if (rc == 0)
		rc = choose_features(fe, offered);
	if (rc == 0)
		rc = negotiate_protocol(fe);
	if (rc == 0)
		rc = negotiate_limits(fe);
	if (rc == 0)
		rc = FRONTEND_OP(fe, set_owner);
	if (rc == 0)
		rc = set_status(fe, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	if (rc == 0)
		rc = fe->ops->set_features(fe, fe->features |
			(offered & RTE_BIT64(VHOST_USER_F_PROTOCOL_FEATURES)));
	if (rc == 0)
		rc = set_status(fe, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	if (rc == 0)
		rc = FRONTEND_OP(fe, get_max_regions, &fe->max_regions);
	return rc;
}

static int
bring_up(struct vu_frontend *fe)
{
	int rc = negotiate(fe);

	if (rc == 0)
		rc = frontend_rings_create(fe);
	fe->has_features |= rc == 0;
	if (rc == 0)
		rc = frontend_mem_share(fe);
	if (rc == 0 && fe->is_started)
		rc = frontend_queues_start(fe);
	if (rc == 0)
		rc = frontend_add_interest(fe);
	return rc;
}

/* A new connection that the driver made. */
static void
frontend_connected(struct vu_frontend *fe)
{
	int rc;

	fe->is_connected = true;
	rc = bring_up(fe);
	if (rc != 0) {
		frontend_lose(fe, rc);
		return;
	}
	vu_backoff_reset(&fe->backoff);
	fe->reason = 0;
	/* Rings before flag; pairs with the acquire in frontend_queue_get(). */
	vu_store_release(&fe->is_up, true);
	VU_LOG(FRONTEND, INFO, "%s: up: features 0x%" PRIx64 ", protocol features 0x%" PRIx64,
		fe->name, fe->features, fe->protocol_features);
	if (fe->conf.events->up != NULL)
		fe->conf.events->up(fe->conf.arg);
}

static void
frontend_connect(struct vu_frontend *fe)
{
	int rc = fe->ops->connect(fe);

	if (rc == 0)
		frontend_connected(fe);
	if (rc == 0 || (rc == -EAGAIN && frontend_add_interest(fe) == 0))
		return;
	fe->reason = rc;
	if (rc == -ENOTCONN)
		fe->is_dead = true;
	else
		frontend_retry(fe);
}

static void
frontend_retry_now(void *arg)
{
	frontend_connect(arg);
}

static void
frontend_ready(void *arg, uint32_t epoll_events)
{
	struct vu_frontend *fe = arg;
	int fds[VU_FRONTEND_MAX_FDS];

	(void)epoll_events;
	if (!fe->is_connected) {
		frontend_remove_interest(fe);
		frontend_connect(fe);
		return;
	}
	fe->ops->ready(fe);
	frontend_result(fe, -EIO);
	/* Interest in a channel that the back-end closed has ended. */
	if (fe->is_connected && fe->ops->fds(fe, fds) != fe->nb_sources)
		frontend_add_interest(fe);
}

static void
frontend_config_call(void *arg)
{
	struct vu_frontend *fe = arg;

	if (fe->conf.events->config_changed != NULL)
		fe->conf.events->config_changed(fe->conf.arg);
}

static int
conf_check(struct vu_frontend_conf *conf)
{
	static const struct vu_frontend_events no_events;
	const uint64_t packed = RTE_BIT64(VIRTIO_F_RING_PACKED);

	conf->queue_size = conf->queue_size != 0 ? conf->queue_size : 256;
	conf->config_bytes = conf->config_bytes != 0 ? conf->config_bytes : 256;
	conf->reply_ms = conf->reply_ms != 0 ? conf->reply_ms : 5000;
	conf->retry_ms = conf->retry_ms != 0 ? conf->retry_ms : 50;
	conf->events = conf->events != NULL ? conf->events : &no_events;
	conf->driver = conf->driver != NULL ? conf->driver : "user";
	if (conf->nb_queues == 0 || conf->nb_queues > VU_MAX_EVENTFD_QUEUES)
		return -EINVAL;
	/* There are no split rings of such a size. */
	if (!rte_is_power_of_2(conf->queue_size) && (conf->features & packed) != 0)
		conf->features_required |= packed;
	if (vu_vring_check_size(conf->queue_size, (conf->features_required & packed) != 0,
			VU_MAX_QUEUE_SIZE) != 0)
		return -EINVAL;
	return conf->mode == VU_FRONTEND_FD || conf->path != NULL ? 0 : -EINVAL;
}

static int
frontend_init_reactor(struct vu_frontend *fe)
{
	fe->reactor = fe->conf.reactor;
	if (fe->reactor == NULL) {
		fe->reactor = vu_reactor_create();
		fe->owns_reactor = true;
	}
	if (fe->reactor == NULL)
		return -rte_errno;
	fe->retry = vu_reactor_timer_create(fe->reactor, frontend_retry_now, fe);
	vu_reactor_call_init(&fe->config_call, frontend_config_call, fe);
	return fe->retry != NULL ? 0 : -ENOMEM;
}

static const char *
frontend_default_name(const struct vu_frontend_conf *conf)
{
	if (conf->name != NULL)
		return conf->name;
	return conf->mode == VU_FRONTEND_FD ? "socket" : conf->path;
}

/* Everything but the driver; what fails half-way is undone by frontend_free(). */
static int
frontend_init(struct vu_frontend *fe)
{
	int rc;

	vu_backoff_init(&fe->backoff, fe->conf.retry_ms,
		FRONTEND_MAX_RETRY_FACTOR * fe->conf.retry_ms);
	fe->name = strdup(frontend_default_name(&fe->conf));
	fe->regions = calloc(VU_MAX_MEM_SLOTS, sizeof(*fe->regions));
	if (fe->name == NULL || fe->regions == NULL)
		return -ENOMEM;
	rc = frontend_init_reactor(fe);
	return rc == 0 ? frontend_queues_create(fe) : rc;
}

static void
frontend_free(struct vu_frontend *fe)
{
	vu_reactor_timer_destroy(fe->retry);
	frontend_queues_destroy(fe);
	frontend_mem_release(fe);
	if (fe->owns_reactor)
		vu_reactor_destroy(fe->reactor);
	free(fe->regions);
	free(fe->name);
	free(fe);
}

static struct vu_frontend *
frontend_create(const struct vu_frontend_conf *conf, int *rc)
{
	struct vu_frontend *fe = calloc(1, sizeof(*fe));

	*rc = -ENOMEM;
	if (fe == NULL)
		return NULL;
	fe->conf = *conf;
	fe->conf.fd = VU_FD_NONE;
	*rc = conf_check(&fe->conf);
	if (*rc == 0)
		fe->ops = frontend_driver_find(fe->conf.driver);
	if (*rc == 0 && fe->ops == NULL)
		*rc = -ENOENT;
	if (*rc != 0) {
		free(fe);
		return NULL;
	}
	*rc = frontend_init(fe);
	if (*rc == 0)
		return fe;
	frontend_free(fe);
	return NULL;
}

struct vu_frontend *
vu_frontend_open(const struct vu_frontend_conf *conf)
{
	struct vu_frontend_conf full;
	struct vu_frontend *fe;
	int fd = conf->mode == VU_FRONTEND_FD ? conf->fd : VU_FD_NONE;
	int rc;

	fe = frontend_create(conf, &rc);
	if (fe == NULL) {
		vu_fd_close(&fd);
		rte_errno = -rc;
		return NULL;
	}
	full = fe->conf;
	full.fd = fd;
	rc = fe->ops->open(fe, &full);
	if (rc != 0) {
		frontend_free(fe);
		rte_errno = -rc;
		return NULL;
	}
	/* The first attempt is an event like all others: no callback before the caller has `fe`. */
	vu_reactor_timer_start(fe->retry, 0, 0);
	return fe;
}

void
vu_frontend_close(struct vu_frontend *fe)
{
	if (fe == NULL)
		return;
	vu_frontend_stop(fe);
	vu_reactor_timer_stop(fe->retry);
	frontend_remove_interest(fe);
	vu_reactor_call_cancel(fe->reactor, &fe->config_call);
	fe->is_connected = false;
	vu_store_release(&fe->is_up, false);
	fe->ops->disconnect(fe);
	fe->ops->close(fe);
	frontend_free(fe);
}

int
vu_frontend_turn(struct vu_frontend *fe, int timeout_ms)
{
	return vu_reactor_turn(fe->reactor, timeout_ms);
}

uint64_t
vu_frontend_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int
vu_frontend_wait(struct vu_frontend *fe, unsigned int timeout_ms)
{
	uint64_t end_ms = vu_frontend_now_ms() + timeout_ms;

	while (!fe->is_up) {
		uint64_t at_ms = vu_frontend_now_ms();
		int rc;

		if (fe->is_dead)
			return -ENOTCONN;
		if (at_ms >= end_ms)
			return -ETIMEDOUT;
		rc = vu_frontend_turn(fe, (int)RTE_MIN(end_ms - at_ms, UINT64_C(1000)));
		if (rc < 0)
			return rc;
	}
	return 0;
}

bool
vu_frontend_is_up(const struct vu_frontend *fe)
{
	return fe->is_up;
}

int
vu_frontend_reason(const struct vu_frontend *fe)
{
	return fe->reason;
}

uint64_t
vu_frontend_features(const struct vu_frontend *fe)
{
	return fe->features;
}

uint64_t
vu_frontend_protocol_features(const struct vu_frontend *fe)
{
	return fe->protocol_features;
}

uint32_t
vu_frontend_queue_num(const struct vu_frontend *fe)
{
	return fe->queue_num;
}

void *
vu_frontend_priv(const struct vu_frontend *fe)
{
	return fe->priv;
}

void
vu_frontend_set_priv(struct vu_frontend *fe, void *priv)
{
	fe->priv = priv;
}

const char *
vu_frontend_name(const struct vu_frontend *fe)
{
	return fe->name;
}

const struct vu_frontend_events *
vu_frontend_events(const struct vu_frontend *fe, void **arg)
{
	*arg = fe->conf.arg;
	return fe->conf.events;
}

void
vu_frontend_config_changed(struct vu_frontend *fe)
{
	vu_reactor_post(fe->reactor, &fe->config_call);
}
