/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tells in words which of the options that place a port's queues is wrong; vu_sched_assign() only
 * says that one is. Control lcore.
 */
#include "daemon.h"

#include <errno.h>
#include <inttypes.h>

#include <rte_common.h>

#include "vu_device.h"

#define LCORES_BYTES 80

struct placement {
	struct vu_daemon_conf *conf;
	const struct vu_port_conf *port_conf;
	const struct vu_sched *sched;
	const struct vu_assign_conf *assign;
};

static bool
is_data_lcore(const struct placement *p, unsigned int lcore_id)
{
	return vu_sched_lcore_worker(p->sched, lcore_id) >= 0;
}

static int
lcores_check(const struct placement *p)
{
	const unsigned int *lcores = p->assign->lcores;
	char text[LCORES_BYTES];

	for (unsigned int i = 0; i < p->assign->nb_lcores; i++) {
		if (!is_data_lcore(p, lcores[i]))
			return conf_refuse(p->conf, -EINVAL,
				"lcores=%u: not a data lcore; data lcores: %s", lcores[i],
				vu_sched_lcores_text(p->sched, text, sizeof(text)));
		for (unsigned int k = 0; k < i; k++)
			if (lcores[k] == lcores[i])
				return conf_refuse(
					p->conf, -EINVAL, "lcores=%u: given twice", lcores[i]);
	}
	return 0;
}

static int
pin_check(const struct placement *p, const struct vu_assign_pin *pin)
{
	const uint32_t nb_queues = daemon_port_nb_queues(p->port_conf);
	char text[LCORES_BYTES];

	if (!is_data_lcore(p, pin->lcore_id))
		return conf_refuse(p->conf, -EINVAL,
			"queue-map=%u@%u: not a data lcore; data lcores: %s", pin->queue,
			pin->lcore_id, vu_sched_lcores_text(p->sched, text, sizeof(text)));
	if (pin->queue >= nb_queues)
		return conf_refuse(p->conf, -EINVAL, "queue-map=%u@%u: the port has queues 0 to %u",
			pin->queue, pin->lcore_id, nb_queues - 1);
	for (const struct vu_assign_pin *other = p->assign->pins; other < pin; other++)
		if (other->queue == pin->queue)
			return conf_refuse(p->conf, -EINVAL, "queue-map=%u@%u: queue %u is mapped "
				"to lcore %u, too", pin->queue, pin->lcore_id, pin->queue,
				other->lcore_id);
	return 0;
}

/* Counts for all ports may be more than a small one of them needs. */
static uint32_t
counts_max(const struct placement *p)
{
	uint32_t nb_max = daemon_port_nb_queues(p->port_conf);

	if (p->port_conf->queues_per_thread.nb != 0)
		return nb_max;
	for (unsigned int i = 0; i < p->conf->nb_ports; i++)
		nb_max = RTE_MAX(nb_max, daemon_port_nb_queues(&p->conf->ports[i]));
	return nb_max;
}

static int
counts_check(const struct placement *p)
{
	const struct vu_assign_conf *assign = p->assign;
	const unsigned int nb_lcores = assign->nb_lcores != 0 ? assign->nb_lcores :
		vu_sched_nb_workers(p->sched);
	const uint32_t nb_max = counts_max(p);
	uint64_t nb_queues = 0;
	char text[LCORES_BYTES];

	if (assign->nb_queues_per_worker > nb_lcores)
		return conf_refuse(p->conf, -ERANGE, "queues-per-thread: counts for %u lcores, the "
			"port may use %u; data lcores: %s", assign->nb_queues_per_worker, nb_lcores,
			vu_sched_lcores_text(p->sched, text, sizeof(text)));
	for (unsigned int i = 0; i < assign->nb_queues_per_worker; i++)
		nb_queues += assign->queues_per_worker[i];
	if (nb_queues > nb_max)
		return conf_refuse(p->conf, -ERANGE, "queues-per-thread: places %" PRIu64
			" queues, the port has queues 0 to %u", nb_queues, nb_max - 1);
	return 0;
}

int
placement_check(struct vu_daemon_conf *conf, const struct vu_port_conf *port_conf,
	const struct vu_sched *sched, const struct vu_assign_conf *assign)
{
	const struct placement p = {
		.conf = conf, .port_conf = port_conf, .sched = sched, .assign = assign,
	};
	int rc = lcores_check(&p);

	for (unsigned int i = 0; i < assign->nb_pins && rc == 0; i++)
		rc = pin_check(&p, &assign->pins[i]);
	return rc != 0 ? rc : counts_check(&p);
}
