/*
 * `load LOOKUPS-PER-SECOND NAME`: lookups by getaddrinfo(3), each from a socket of its own, by threads of which each keeps its own
 * pace. One that waits holds up no other. Each # in NAME stands for a number of 0 to 255, so that each lookup has a name of its own.
 * Ends at SIGTERM, once the lookups that are under way have come to an end; then one line, as `key=value` words:
 *
 *   asked    lookups that came to an end
 *   failed   those that the C library gave up, after all its retries
 *   lost     datagrams that went out of this network namespace and brought none back in time (musl asks again after 2.5 s, glibc
 *            after 5 s)
 *   gap      the longest time between two answers, ms
 *   span     from the start to SIGTERM, ms
 */
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#define THREADS 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int is_over;
static long asked, failed;
static atomic_uint begun;
static double gap, last, pace;
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

/* Datagrams sent without one received, since this network namespace was made. */
static long unanswered(void)
{
	FILE *file = fopen("/proc/net/snmp", "r");
	char line[512];
	long in, out, difference = 0;

	if (file == NULL) {
		perror("/proc/net/snmp");
		exit(1);
	}
	/* Udp: InDatagrams NoPorts InErrors OutDatagrams; the line of their names before it does not scan. */
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Udp: %ld %*d %*d %ld", &in, &out) == 2)
			difference = out - in;
	fclose(file);
	return difference;
}

/* The name of a lookup: the octets of its number, the last one first, for each #. */
static void write_name(char *to, size_t size, unsigned number)
{
	const char *from;
	char *end = to + size;

	for (from = name; *from != '\0' && to < end - 4; from++) {
		if (*from == '#') {
			to += sprintf(to, "%u", number & 255);
			number >>= 8;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

static void *ask(void *first)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	double next = *(double *)first;
	char own[256];

	for (; !is_over; next += pace) {
		struct addrinfo *found;
		double done;
		int code;

		pause_until(next);
		write_name(own, sizeof(own), atomic_fetch_add(&begun, 1));
		code = getaddrinfo(own, NULL, &hints, &found);
		done = now();
		if (code == 0)
			freeaddrinfo(found);
		pthread_mutex_lock(&lock);
		asked++;
		if (code != 0) {
			if (failed++ == 0)
				fprintf(stderr, "%s: %s\n", own, gai_strerror(code));
		} else {
			if (done - last > gap)
				gap = done - last;
			last = done;
		}
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
	double start = now(), span;
	long before;
	int i, number;
	sigset_t term;

	if (count != 3)
		return 2;
	/* So that the names of this run are nobody else's. */
	if (getrandom((void *)&begun, sizeof(begun), 0) < 0)
		return 1;
	/* No lookup is interrupted. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	before = unanswered();
	pace = THREADS * 1e3 / atof(words[1]);
	name = words[2];
	last = start;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 * 1024);
	for (i = 0; i < THREADS; i++) {
		first[i] = start + i * pace / THREADS;
		pthread_create(&threads[i], &small, ask, &first[i]);
	}
	sigwait(&term, &number);
	span = now() - start;
	is_over = 1;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("asked=%ld failed=%ld lost=%ld gap=%.0f span=%.0f\n", asked, failed, unanswered() - before, gap, span);
	return 0;
}
