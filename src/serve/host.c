#include "serve/host.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HOST_MOST = 256 }; /* a name in DNS has 253 characters at most */

static bool is_address(const char *text) {
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* "name", "name.", "name:port" or "[address]:port" → the name. */
static bool name_of(char name[HOST_MOST], const char *header) {
    const bool brackets = *header == '[';
    const char *begin = header + brackets;
    size_t length = strcspn(begin, brackets ? "]" : ":");
    const char *rest = begin + length + (brackets && begin[length]);
    if (brackets != (begin[length] == ']') || (*rest && (*rest != ':' || rest[1 + strspn(rest + 1, "0123456789")])))
        return false;
    if (!brackets && length > 1 && begin[length - 1] == '.') length--;
    if (length == 0 || length >= HOST_MOST) return false;
    snprintf(name, HOST_MOST, "%.*s", (int)length, begin);
    return !brackets || is_address(name);
}

static bool is_among(const char *name, const char *names) {
    for (const char *next = names; next; next = strchr(next, ',') ? strchr(next, ',') + 1 : NULL)
        if (strcspn(next, ",") == strlen(name) && strncasecmp(next, name, strlen(name)) == 0) return true;
    return false;
}

bool host_is_known(const char *header, const char *host, const char *names) {
    char name[HOST_MOST];
    if (!header) return true;
    if (!name_of(name, header)) return false;
    return is_address(name) || strcasecmp(name, "localhost") == 0 || strcasecmp(name, host) == 0 ||
           is_among(name, names);
}
