/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See outlet.h. Writers hold the lock for a copy, the thread holds it while it takes a piece; it
 * writes without the lock, and only there it can be cancelled.
 */
#include "outlet.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>

#define OUTLET_BYTES (256 * 1024)
#define PIECE_BYTES 4096
#define CLOSE_MS 500

struct outlet {
	FILE *to;
	FILE *stream;           /* writers' */
	pthread_t thread;
	pthread_mutex_t lock;   /* of all below */
	pthread_cond_t changed; /* something came, all is gone, or is_closing */
	bool is_closing;
	uint64_t nb_left_out;   /* lines */
	size_t first;           /* of the bytes that wait, in text */
	size_t nb_waiting;
	char text[OUTLET_BYTES];
};

static bool
outlet_put(struct outlet *outlet, const char *text, size_t bytes)
{
	const size_t at = (outlet->first + outlet->nb_waiting) % OUTLET_BYTES;
	const size_t nb_upper = RTE_MIN(bytes, OUTLET_BYTES - at);

	if (bytes > OUTLET_BYTES - outlet->nb_waiting)
		return false;
	memcpy(outlet->text + at, text, nb_upper);
	memcpy(outlet->text, text + nb_upper, bytes - nb_upper);
	outlet->nb_waiting += bytes;
	return true;
}

static void
outlet_put_count(struct outlet *outlet)
{
	char line[80];
	int bytes;

	if (outlet->nb_left_out == 0)
		return;
	bytes = snprintf(line, sizeof(line), "vu-pmd: %llu lines left out: nobody read them\n",
		(unsigned long long)outlet->nb_left_out);
	if (outlet_put(outlet, line, (size_t)bytes))
		outlet->nb_left_out = 0;
}

/* A line, with the stream's buffering. */
static ssize_t
outlet_write(void *cookie, const char *text, size_t bytes)
{
	struct outlet *outlet = cookie;

	pthread_mutex_lock(&outlet->lock);
	if (!outlet->is_closing)
		outlet_put_count(outlet);
	if (outlet->is_closing || outlet->nb_left_out != 0 || !outlet_put(outlet, text, bytes))
		outlet->nb_left_out++;
	pthread_cond_broadcast(&outlet->changed);
	pthread_mutex_unlock(&outlet->lock);
	return (ssize_t)bytes;
}

/* Lock held; released while the reader is waited for. */
static void
outlet_write_piece(struct outlet *outlet)
{
	const size_t bytes = RTE_MIN(RTE_MIN(outlet->nb_waiting, (size_t)PIECE_BYTES),
		OUTLET_BYTES - outlet->first);

	pthread_mutex_unlock(&outlet->lock);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	fwrite(outlet->text + outlet->first, 1, bytes, outlet->to);
	fflush(outlet->to);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	clearerr(outlet->to);
	pthread_mutex_lock(&outlet->lock);
	outlet->first = (outlet->first + bytes) % OUTLET_BYTES;
	outlet->nb_waiting -= bytes;
}

static void *
outlet_run(void *arg)
{
	struct outlet *outlet = arg;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_mutex_lock(&outlet->lock);
	while (!outlet->is_closing || outlet->nb_waiting != 0) {
		if (outlet->nb_waiting == 0)
			pthread_cond_wait(&outlet->changed, &outlet->lock);
		else
			outlet_write_piece(outlet);
		if (outlet->nb_waiting == 0)
			outlet_put_count(outlet);
	}
	pthread_cond_broadcast(&outlet->changed);
	pthread_mutex_unlock(&outlet->lock);
	return NULL;
}

static int
outlet_start(struct outlet *outlet)
{
	sigset_t all, before;
	int rc;

	/* Signals are for the other threads, which do not wait. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&outlet->thread, NULL, outlet_run, outlet);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

struct outlet *
outlet_open(FILE *to)
{
	const cookie_io_functions_t functions = { .write = outlet_write };
	struct outlet *outlet = calloc(1, sizeof(*outlet));

	if (outlet == NULL)
		return NULL;
	outlet->to = to;
	pthread_mutex_init(&outlet->lock, NULL);
	pthread_cond_init(&outlet->changed, NULL);
	outlet->stream = fopencookie(outlet, "w", functions);
	if (outlet->stream == NULL || outlet_start(outlet) != 0) {
		if (outlet->stream != NULL)
			fclose(outlet->stream);
		free(outlet);
		return NULL;
	}
	setvbuf(outlet->stream, NULL, _IOLBF, BUFSIZ);
	return outlet;
}

FILE *
outlet_stream(const struct outlet *outlet)
{
	return outlet->stream;
}

bool
outlet_close(struct outlet *outlet)
{
	struct timespec end;
	bool is_empty;
	int rc = 0;

	if (outlet == NULL)
		return true;
	fflush(outlet->stream);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += CLOSE_MS * 1000000L;
	end.tv_sec += end.tv_nsec / 1000000000L;
	end.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&outlet->lock);
	outlet->is_closing = true;
	pthread_cond_broadcast(&outlet->changed);
	while (outlet->nb_waiting != 0 && rc == 0)
		rc = pthread_cond_timedwait(&outlet->changed, &outlet->lock, &end);
	is_empty = outlet->nb_waiting == 0;
	pthread_mutex_unlock(&outlet->lock);
	if (!is_empty)
		pthread_cancel(outlet->thread);
	pthread_join(outlet->thread, NULL);
	if (!is_empty) {
		__fpurge(outlet->to);
		return false;
	}
	fclose(outlet->stream);
	free(outlet);
	return true;
}
