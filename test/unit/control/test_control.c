/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control thread of applications: counted, named by DPDK, one per process.
 */
#include "vu_control.h"

#include <errno.h>
#include <pthread.h>

#include "test.h"
#include "vu_device.h"
#include "vu_reactor.h"

struct control_call {
	pthread_t thread;
	unsigned int nb_calls;
};

static void
control_note(void *arg)
{
	struct control_call *call = arg;

	call->thread = pthread_self();
	call->nb_calls++;
}

static void
control_nest(void *arg)
{
	vu_control_call(control_note, arg);
}

VU_TEST(control, calls_run_on_its_thread)
{
	struct control_call call = { .nb_calls = 0 };
	char name[16];

	CHECK_EQ(vu_control_acquire(), 0);
	vu_control_call(control_note, &call);
	CHECK_EQ(call.nb_calls, 1);
	CHECK(!pthread_equal(call.thread, pthread_self()));
	CHECK_EQ(pthread_getname_np(call.thread, name, sizeof(name)), 0);
	CHECK(strcmp(name, "vu-control") == 0);
	/* On the thread itself a call does not wait for itself. */
	vu_control_call(control_nest, &call);
	CHECK_EQ(call.nb_calls, 2);
	CHECK(vu_control_reactor() != NULL);
	CHECK(vu_control_exec() != NULL);
	vu_control_release();
}

VU_TEST(control, the_last_user_ends_it)
{
	struct control_call call = { .nb_calls = 0 };

	CHECK_EQ(vu_control_acquire(), 0);
	CHECK_EQ(vu_control_acquire(), 0);
	vu_control_release();
	vu_control_call(control_note, &call);
	CHECK_EQ(call.nb_calls, 1);
	vu_control_release();
	CHECK(vu_control_reactor() == NULL);
	/* And another one can begin. */
	CHECK_EQ(vu_control_acquire(), 0);
	vu_control_call(control_note, &call);
	CHECK_EQ(call.nb_calls, 2);
	vu_control_release();
}

/* A daemon and an ethdev would both take all devices for theirs. */
VU_TEST(control, devices_have_one_control)
{
	CHECK_EQ(vu_device_control_claim(), 0);
	CHECK_EQ(vu_control_acquire(), -EBUSY);
	vu_device_control_release();
	CHECK_EQ(vu_control_acquire(), 0);
	CHECK_EQ(vu_device_control_claim(), -EBUSY);
	vu_control_release();
}
