#define _GNU_SOURCE
#include "cnetwork.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void limit_waits(int descriptor, int milliseconds) {
    struct timeval limit = {milliseconds / 1000, (milliseconds % 1000) * 1000};
    // Linux keeps to the second one in connect as well.
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int muster_network_connect(const char *host, const char *port, bool stream, int milliseconds) {
    struct addrinfo wanted = {.ai_socktype = stream ? SOCK_STREAM : SOCK_DGRAM,
                              .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int problem = getaddrinfo(host, port, &wanted, &found);
    if (problem) {
        errno = problem == EAI_SYSTEM ? errno : problem == EAI_AGAIN ? EAGAIN : EHOSTUNREACH;
        return -1;
    }
    int descriptor = -1;
    errno = EHOSTUNREACH;
    for (struct addrinfo *one = found; one && descriptor < 0; one = one->ai_next) {
        descriptor = socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
        if (descriptor < 0) continue;
        limit_waits(descriptor, milliseconds);
        if (connect(descriptor, one->ai_addr, one->ai_addrlen) == 0) break;
        int error = errno == EINPROGRESS ? ETIMEDOUT : errno;
        close(descriptor);
        descriptor = -1;
        errno = error;
    }
    int error = errno;
    freeaddrinfo(found);
    errno = error;
    return descriptor;
}

int muster_network_send(int descriptor, const void *bytes, size_t count) {
    size_t sent = 0;
    while (sent < count) {
        ssize_t now = send(descriptor, (const char *)bytes + sent, count - sent, MSG_NOSIGNAL);
        if (now < 0 && errno == EINTR) continue;
        if (now < 0) return -1;
        sent += (size_t)now;
    }
    return 0;
}

bool muster_network_is_open(int descriptor) {
    char byte;
    ssize_t count = recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}
