/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A process that is stepped through; see store_steps.h.
 */
#include "store_steps.h"

#include <signal.h>
#include <unistd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "expect.h"

#define MAX_STEPS 400000

static pid_t
child_start(void (*work)(void *arg), void *arg)
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0);
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		work(arg);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	if (!WIFSTOPPED(status))
		expect_skip();
	return child;
}

unsigned int
store_steps_run(void (*work)(void *arg), void (*look)(void *arg), void *arg)
{
	pid_t child = child_start(work, arg);
	unsigned int nb_steps = 0;
	int status = 0;

	while (nb_steps++ < MAX_STEPS && ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0 &&
			waitpid(child, &status, 0) == child && WIFSTOPPED(status))
		look(arg);
	CHECK(WIFEXITED(status));
	return nb_steps;
}
