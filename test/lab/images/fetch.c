/*
 * `fetch HOST PORT PATH...`: gets each path by HTTP/1.0, from the first address that getaddrinfo(3) knows of the host, and prints
 * what follows the header. Ends with 1 where a connection fails or 5 s bring nothing.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int fetch(const struct addrinfo *address, const char *host, const char *path)
{
	struct timeval wait = { .tv_sec = 5 };
	char request[512], reply[65536];
	size_t length = 0;
	ssize_t count = -1;
	char *body;
	int fd = socket(address->ai_family, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host);
	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0 && write(fd, request, strlen(request)) > 0)
		while (length < sizeof(reply) - 1 && (count = read(fd, reply + length, sizeof(reply) - 1 - length)) > 0)
			length += count;
	close(fd);
	reply[length] = 0;
	body = strstr(reply, "\r\n\r\n");
	if (count != 0 || body == NULL) {
		perror(host);
		return 1;
	}
	printf("%s", body + 4);
	return 0;
}

int main(int count, char **words)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int failed = 0, code, i;

	if (count < 4)
		return 2;
	code = getaddrinfo(words[1], words[2], &hints, &found);
	if (code != 0) {
		fprintf(stderr, "%s: %s\n", words[1], gai_strerror(code));
		return 1;
	}
	for (i = 3; i < count; i++)
		failed |= fetch(found, words[1], words[i]);
	return failed;
}
