/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Idle policies of the data lcores: "interrupt", "pause@3,interrupt@4-5", and what becomes of them.
 * Control lcore.
 */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_lcore.h>

#include "vu_parse.h"

static int
idle_add(struct vu_daemon_conf *conf, enum vu_idle_policy policy,
	const struct vu_uint_list *lcores)
{
	struct vu_idle_pin *pins = reallocarray(conf->idle_pins, conf->nb_idle_pins + lcores->nb,
		sizeof(*pins));

	if (pins == NULL)
		return -ENOMEM;
	conf->idle_pins = pins;
	for (unsigned int i = 0; i < lcores->nb; i++)
		pins[conf->nb_idle_pins++] = (struct vu_idle_pin){
			.lcore_id = lcores->item[i], .policy = policy,
		};
	return 0;
}

static int
idle_policy_parse(const char *text, size_t len, enum vu_idle_policy *policy)
{
	for (enum vu_idle_policy p = 0; p < VU_NB_IDLE_POLICIES; p++) {
		const char *name = vu_idle_policy_name(p);

		if (strlen(name) != len || strncmp(name, text, len) != 0)
			continue;
		*policy = p;
		return 0;
	}
	return -EINVAL;
}

/* One "POLICY", "POLICY@LCORES" or "POLICY@(LCORES)"; returns what follows, NULL if malformed. */
static const char *
idle_entry(struct vu_daemon_conf *conf, const char *text)
{
	const size_t len = strcspn(text, "@,");
	enum vu_idle_policy policy;
	struct vu_uint_list lcores;

	if (idle_policy_parse(text, len, &policy) != 0)
		return NULL;
	text += len;
	if (*text != '@') {
		conf->nb_idle_defaults++;
		conf->idle_policy = policy;
		return text;
	}
	text = vu_parse_list(text + 1, ",", &lcores);
	if (text != NULL && idle_add(conf, policy, &lcores) != 0)
		text = NULL;
	vu_uint_list_free(&lcores);
	return text;
}

/* Of two policies for the same lcores, which one is meant? */
static int
idle_check_once(struct vu_daemon_conf *conf, const char *text)
{
	if (conf->nb_idle_defaults > 1)
		return conf_refuse(conf, -EINVAL,
			"idle=%s: a second policy for the lcores that no entry names", text);
	for (unsigned int i = 0; i < conf->nb_idle_pins; i++)
		for (unsigned int k = 0; k < i; k++)
			if (conf->idle_pins[i].lcore_id == conf->idle_pins[k].lcore_id)
				return conf_refuse(conf, -EINVAL,
					"idle=%s: a second policy for lcore %u", text,
					conf->idle_pins[i].lcore_id);
	return 0;
}

int
conf_set_idle(void *arg, const struct vu_key *key, const char *text)
{
	struct vu_daemon_conf *conf = arg;
	const char *entry = text;

	(void)key;
	do {
		entry = idle_entry(conf, entry);
		if (entry == NULL || (*entry != ',' && *entry != '\0'))
			return -EINVAL;
	} while (*entry++ == ',');
	return idle_check_once(conf, text);
}

static int
worker_set_idle(struct vu_sched *sched, struct vu_daemon_conf *conf, unsigned int worker_idx)
{
	const unsigned int lcore_id = vu_sched_worker_lcore(sched, worker_idx);
	enum vu_idle_policy policy = conf->idle_policy;
	int rc;

	for (unsigned int i = 0; i < conf->nb_idle_pins; i++)
		if (conf->idle_pins[i].lcore_id == lcore_id)
			policy = conf->idle_pins[i].policy;
	rc = vu_sched_set_idle(sched, worker_idx, policy, conf->idle_us);
	if (rc == -ENOTSUP)
		return conf_refuse(conf, rc, "idle=monitor: this CPU cannot wait for a store; use "
			"busy, pause or interrupt");
	return rc;
}

int
daemon_set_idle(struct vu_sched *sched, struct vu_daemon_conf *conf)
{
	char text[80];
	int rc = 0;

	for (unsigned int i = 0; i < conf->nb_idle_pins; i++) {
		const unsigned int lcore_id = conf->idle_pins[i].lcore_id;

		if (!rte_lcore_is_enabled(lcore_id) || lcore_id == rte_get_main_lcore())
			return conf_refuse(conf, -EINVAL,
				"idle: lcore %u is not a data lcore; data lcores: %s", lcore_id,
				vu_sched_lcores_text(sched, text, sizeof(text)));
	}
	for (unsigned int i = 0; i < vu_sched_nb_workers(sched) && rc == 0; i++)
		rc = worker_set_idle(sched, conf, i);
	return rc;
}
