/*
 * `load SECONDS LOOKUPS-PER-SECOND NAME`: lookups by getaddrinfo(3), each from a socket of its own, by threads of which each keeps its
 * own pace. One that waits holds up no other. At the end one line, as `key=value` words:
 *
 *   asked    lookups that came to an end
 *   failed   those that the C library gave up, after all its retries
 *   retried  those that took so long that a datagram or its answer was lost (musl asks again after 2.5 s, glibc after 5 s)
 *   slowest  ms
 *   gap      the longest time between two answers, ms
 */
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define THREADS 64
#define RETRY_MS 2400

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long asked, failed, retried;
static double slowest, gap, last, end, pace;
static const char *name;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void pause_until(double when)
{
	double left = when - now();
	struct timespec t = { .tv_sec = left / 1e3, .tv_nsec = (left - 1e3 * (long)(left / 1e3)) * 1e6 };

	if (left > 0)
		nanosleep(&t, NULL);
}

static void *ask(void *first)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	double next = *(double *)first;

	for (; next < end; next += pace) {
		struct addrinfo *found;
		double start, done;
		int code;

		pause_until(next);
		start = now();
		code = getaddrinfo(name, NULL, &hints, &found);
		done = now();
		if (code == 0)
			freeaddrinfo(found);
		pthread_mutex_lock(&lock);
		asked++;
		if (code != 0) {
			if (failed++ == 0)
				fprintf(stderr, "%s: %s\n", name, gai_strerror(code));
		} else {
			if (done - last > gap)
				gap = done - last;
			last = done;
		}
		if (done - start > slowest)
			slowest = done - start;
		if (done - start > RETRY_MS)
			retried++;
		pthread_mutex_unlock(&lock);
		/* What a wait has cost is not made up for. */
		if (next < done - pace)
			next = done - pace;
	}
	return NULL;
}

int main(int count, char **words)
{
	static pthread_t threads[THREADS];
	static double first[THREADS];
	pthread_attr_t small;
	double start = now();
	int i;

	if (count != 4)
		return 2;
	end = start + atof(words[1]) * 1e3;
	pace = THREADS * 1e3 / atof(words[2]);
	name = words[3];
	last = start;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 * 1024);
	for (i = 0; i < THREADS; i++) {
		first[i] = start + i * pace / THREADS;
		pthread_create(&threads[i], &small, ask, &first[i]);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("asked=%ld failed=%ld retried=%ld slowest=%.0f gap=%.0f\n", asked, failed, retried, slowest, gap);
	return 0;
}
