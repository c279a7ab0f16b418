/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SIGINT and SIGTERM stop the daemon.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

struct vu_daemon;

/**
 * Keep SIGINT and SIGTERM until signals_install(): one that came while sockets and hugepage files
 * are being made would leave them behind. Threads started meanwhile keep them for good, so that
 * the main thread gets them all.
 */
void signals_hold(void);

/** From now on the first SIGINT or SIGTERM stops `daemon`; SIGPIPE is ignored. */
void signals_install(struct vu_daemon *daemon);

/** The daemon is about to go: signals do nothing any more. */
void signals_uninstall(void);

#endif /* SIGNALS_H */
