/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SIGINT and SIGTERM stop the daemon.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

struct vu_daemon;

/** From now on the first SIGINT or SIGTERM stops `daemon`; SIGPIPE is ignored. */
void signals_install(struct vu_daemon *daemon);

/** The daemon is about to go: signals do nothing any more. */
void signals_uninstall(void);

#endif /* SIGNALS_H */
