#include "serve/host.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

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

#define BLANKS " \t"

/* The next of names that commas separate, without blanks around it, from *at on, which is then behind it; false: there is none. */
static bool next_name(const char **at, const char **name, int *length) {
    if (!*at) return false;
    const size_t all = strcspn(*at, ",");
    const size_t lead = strspn(*at, BLANKS);
    size_t n = all;
    while (n > lead && strchr(BLANKS, (*at)[n - 1])) n--;
    *name = *at + lead;
    *length = n > lead ? (int)(n - lead) : 0;
    *at = (*at)[all] ? *at + all + 1 : NULL;
    return true;
}

static bool is_among(const char *name, const char *names) {
    const char *next;
    int length;
    while (next_name(&names, &next, &length))
        if ((size_t)length == strlen(name) && strncasecmp(next, name, strlen(name)) == 0) return true;
    return false;
}

ltm_status host_names_check(const char *names, struct ltm_error *error) {
    const char *next;
    int length;
    while (next_name(&names, &next, &length)) {
        char header[HOST_MOST];
        char name[HOST_MOST];
        snprintf(header, sizeof header, "%.*s", length, next);
        const bool brackets = length > 2 && next[0] == '[' && next[length - 1] == ']';
        const bool named = length < HOST_MOST && name_of(name, header);
        if (length == 0 || (named && (brackets || strlen(name) == (size_t)length) && !strpbrk(name, BLANKS))) continue;
        return fail(error, LTM_INVALID,
                    "--allow-host: \"%.*s\" cannot be a name in Host; give names without port, final dot or "
                    "http://, separated by commas",
                    length, next);
    }
    return LTM_OK;
}

bool host_is_known(const char *header, const char *host, const char *names) {
    char name[HOST_MOST];
    if (!header) return true;
    if (!name_of(name, header)) return false;
    return is_address(name) || strcasecmp(name, "localhost") == 0 || strcasecmp(name, host) == 0 ||
           is_among(name, names);
}
