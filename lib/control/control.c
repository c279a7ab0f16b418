/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control thread: its reactor, the executor whose changes it completes, the memory guard and
 * telemetry. Users come and go on any thread, one at a time; the rest runs on the control thread.
 */
#include "vu_control.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_debug.h>
#include <rte_errno.h>

#include "vu_compat.h"
#include "vu_device.h"
#include "vu_endpoint.h"
#include "vu_exec.h"
#include "vu_log.h"
#include "vu_mem_fault.h"
#include "vu_reactor.h"
#include "vu_telemetry.h"

#define THREAD_NAME "vu-control"

static struct {
	unsigned int nb_users;
	struct vu_reactor *reactor;
	struct vu_exec_app *exec;
	struct vu_reactor_poller *exec_poller;
	struct vu_reactor_fd *mem_fault_source;
	vu_ctrl_thread thread;
} control;

static uint64_t
control_poll_exec(void *arg)
{
	uint64_t delay_us = vu_exec_app_poll(control.exec);

	(void)arg;
	return delay_us == UINT64_MAX ? VU_REACTOR_POLLER_IDLE : delay_us;
}

static void
control_mem_fault(void *arg, uint32_t events)
{
	uint64_t count;

	(void)arg;
	(void)events;
	if (read(vu_mem_fault_eventfd(), &count, sizeof(count)) == sizeof(count))
		vu_endpoint_check_mem();
}

static int
control_telemetry_call(void *call_arg, vu_telemetry_fn fn, void *arg)
{
	(void)call_arg;
	return vu_reactor_call_sync(control.reactor, fn, arg);
}

/* Free all that exists; the thread does not run. */
static void
control_fini(void)
{
	vu_telemetry_stop();
	vu_reactor_fd_remove(control.mem_fault_source);
	vu_reactor_poller_remove(control.exec_poller);
	vu_exec_app_destroy(control.exec);
	vu_reactor_destroy(control.reactor);
	memset(&control, 0, sizeof(control));
}

/* Create all that the thread works with. @return 0; -errno: call control_fini() */
static int
control_init(void)
{
	const struct vu_telemetry_conf telemetry = { .call = control_telemetry_call };

	control.reactor = vu_reactor_create();
	if (control.reactor == NULL)
		return -rte_errno;
	control.exec = vu_exec_app_create();
	if (control.exec == NULL)
		return -rte_errno;
	control.exec_poller = vu_reactor_poller_add(control.reactor, control_poll_exec, NULL);
	control.mem_fault_source = vu_reactor_fd_add(control.reactor, vu_mem_fault_eventfd(),
		EPOLLIN, control_mem_fault, NULL);
	if (control.exec_poller == NULL || control.mem_fault_source == NULL)
		return -ENOMEM;
	if (vu_telemetry_start(&telemetry) != 0)
		VU_LOG(CONTROL, WARNING, "telemetry commands are not available");
	return 0;
}

static vu_ctrl_thread_return
control_main(void *arg)
{
	(void)arg;
	vu_reactor_run(control.reactor);
	return 0;
}

/* A control thread of DPDK, which names it and chooses its CPUs. */
static int
control_start(void)
{
	return vu_ctrl_thread_create(&control.thread, THREAD_NAME, control_main, NULL);
}

static int
control_open(void)
{
	int rc = vu_device_control_claim();

	if (rc != 0)
		return rc;
	rc = vu_mem_fault_install();
	if (rc != 0) {
		vu_device_control_release();
		return rc;
	}
	rc = control_init();
	if (rc == 0)
		rc = control_start();
	if (rc == 0)
		return 0;
	control_fini();
	vu_mem_fault_uninstall();
	vu_device_control_release();
	return rc;
}

int
vu_control_acquire(void)
{
	int rc = control.nb_users == 0 ? control_open() : 0;

	if (rc == 0)
		control.nb_users++;
	return rc;
}

void
vu_control_release(void)
{
	RTE_VERIFY(control.nb_users != 0);
	if (--control.nb_users != 0)
		return;
	vu_reactor_stop(control.reactor);
	vu_ctrl_thread_join(control.thread);
	/* Telemetry requests that still wait for the thread fail now. */
	vu_reactor_shutdown(control.reactor);
	control_fini();
	vu_mem_fault_uninstall();
	vu_device_control_release();
}

void
vu_control_call(vu_control_fn fn, void *arg)
{
	if (vu_reactor_call_sync(control.reactor, fn, arg) == -EDEADLK)
		fn(arg);
}

struct vu_reactor *
vu_control_reactor(void)
{
	return control.reactor;
}

struct vu_exec_app *
vu_control_exec(void)
{
	return control.exec;
}
