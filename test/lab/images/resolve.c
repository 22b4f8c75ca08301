/*
 * What an application gets from its C library: `resolve NAME...` prints "NAME: ADDRESS..." by getaddrinfo(3), and
 * `resolve -x ADDRESS...` prints "ADDRESS: NAME" by getnameinfo(3). In place of an address or name "error N: MEANING".
 * Ends with 1 if there was an error.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int forward(const char *name)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found, *one;
	char host[NI_MAXHOST];
	int code = getaddrinfo(name, NULL, &hints, &found);

	printf("%s:", name);
	if (code != 0) {
		printf(" error %d: %s\n", code, gai_strerror(code));
		return 1;
	}
	for (one = found; one != NULL; one = one->ai_next)
		if (getnameinfo(one->ai_addr, one->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST) == 0)
			printf(" %s", host);
	printf("\n");
	freeaddrinfo(found);
	return 0;
}

static int reverse(const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char host[NI_MAXHOST];
	int code;

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
		printf("%s: error 0: no IPv4 address\n", text);
		return 1;
	}
	code = getnameinfo((struct sockaddr *)&address, sizeof(address), host, sizeof(host), NULL, 0, NI_NAMEREQD);
	if (code != 0) {
		printf("%s: error %d: %s\n", text, code, gai_strerror(code));
		return 1;
	}
	printf("%s: %s\n", text, host);
	return 0;
}

int main(int count, char **words)
{
	int is_reverse = count > 1 && strcmp(words[1], "-x") == 0;
	int failed = 0;
	int i;

	for (i = is_reverse ? 2 : 1; i < count; i++)
		failed |= is_reverse ? reverse(words[i]) : forward(words[i]);
	return failed;
}
