/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The options of vu-pmd.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "vu_daemon.h"

#include "args.h"

/** For args_parse(), which fills the configuration. */
struct args options_args(struct vu_daemon_conf *conf);

#endif /* OPTIONS_H */
