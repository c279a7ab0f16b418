/* SPDX-License-Identifier: BSD-3-Clause
 *
 * forward=switch: a learning switch that all such ports share. A single port echoes like
 * forward=macswap. Owner lcore of the source queue.
 */
#include "net_forward.h"

/* The next port that a flood goes to, from number *id on; NULL: no other. */
static const struct net_forward_port *
flood_next(const struct net_forward_queue *from, uint16_t *id)
{
	const uint16_t end_port = vu_load(&net_switch_end_port);

	while (*id < end_port) {
		const struct net_forward_port *port = net_switch_port((*id)++);
		const struct vu_vring_snapshot *snap;

		/* A port without a guest takes no part; its share of a flood is no drop. */
		if (port != NULL && port != from->port &&
				net_receive_queue(port, from->pair, &snap) != NULL)
			return port;
	}
	return NULL;
}

/* Copies share the frames' memory: nobody writes to a frame once it is in the switch. */
static void
switch_flood(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames)
{
	const struct net_forward_port *port;
	struct rte_mbuf *copies[NET_MAX_BURST];
	uint16_t nb_ports = 0;

	for (uint16_t id = 0; flood_next(from, &id) != NULL;)
		nb_ports++;
	if (nb_ports == 0) {
		net_drop(from, NET_DROP_NO_PORT, frames, nb_frames);
		return;
	}
	if (!net_storm_allows(from->port, (uint32_t)nb_ports * nb_frames)) {
		net_drop(from, NET_DROP_STORM, frames, nb_frames);
		return;
	}
	for (uint16_t id = 0; (port = flood_next(from, &id)) != NULL;) {
		for (uint16_t i = 0; i < nb_frames; i++) {
			rte_pktmbuf_refcnt_update(frames[i], 1);
			copies[i] = frames[i];
		}
		net_deliver(from, port, copies, nb_frames);
	}
	rte_pktmbuf_free_bulk(frames, nb_frames);
}

/* Send frames that all go to one port. */
static void
switch_send_run(struct net_forward_queue *from, uint16_t port_id, struct rte_mbuf **frames,
	uint16_t nb_frames)
{
	const struct net_forward_port *port;

	if (nb_frames == 0)
		return;
	if (port_id == NET_FDB_UNKNOWN) {
		switch_flood(from, frames, nb_frames);
		return;
	}
	port = net_switch_port(port_id);
	/* Nothing goes back where it came from: its receiver is behind the same port and has it. */
	if (likely(port != NULL && port != from->port))
		net_deliver(from, port, frames, nb_frames);
	else
		net_drop(from, NET_DROP_NO_PORT, frames, nb_frames);
}

static void
switch_send(struct net_forward_queue *from, struct rte_mbuf **frames, uint16_t nb_frames,
	const struct net_look *look)
{
	uint16_t run_port = NET_FDB_UNKNOWN, run_start = 0;
	struct net_fdb_walk walk;
	uint16_t nb_whole;

	if (net_switch_is_alone()) {
		net_echo_swapped(from, frames, nb_frames);
		return;
	}
	walk = look->has_walk ? look->walk : net_fdb_walk_start(from->port->port_id);
	nb_whole = net_keep_whole(from, frames, nb_frames);
	for (uint16_t i = 0; i < nb_whole; i++) {
		/* Without a frame between them the places are no longer those in the ring. */
		uint16_t port_id = i < look->nb_ports && likely(nb_whole == nb_frames) ?
			look->ports[i] : net_fdb_walk_next(&walk,
			rte_pktmbuf_mtod(frames[i], const struct rte_ether_hdr *));

		if (port_id == run_port)
			continue;
		switch_send_run(from, run_port, &frames[run_start], i - run_start);
		run_start = i;
		run_port = port_id;
	}
	switch_send_run(from, run_port, &frames[run_start], nb_whole - run_start);
}

/* The control lcore owns no queue: the frame waits for those that do. */
static bool
switch_announce(struct net_forward_port *from, struct rte_mbuf *frame)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *);

	if (!net_fdb_learn(&eth->src_addr, from->port_id, net_fdb_age_now())) {
		rte_pktmbuf_free(frame);
		return false;
	}
	for (uint16_t id = 0; id < net_switch_end_port; id++) {
		const struct net_forward_port *port = net_switch_port(id);
		const struct vu_vring_snapshot *snap;
		struct net_forward_queue *to;

		if (port == NULL || port == from)
			continue;
		to = net_receive_queue(port, 0, &snap);
		if (to == NULL)
			continue;
		rte_pktmbuf_refcnt_update(frame, 1);
		if (!net_handoff_enqueue_own(to, frame)) {
			to->ring.queue->nb_control_drops++;
			rte_pktmbuf_free(frame);
		}
	}
	rte_pktmbuf_free(frame);
	return true;
}

const struct net_forward_ops net_forward_switch = {
	.name = "switch",
	.send = switch_send,
	.dequeue = net_direct_dequeue,
	.join = net_switch_join,
	.leave = net_switch_leave,
	.announce = switch_announce,
};
