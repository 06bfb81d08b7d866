// Plain connections over the network, for what is no more than lines sent away. Every function
// returns -1 and sets errno on failure, unless it says otherwise.
#ifndef MUSTER_CNETWORK_H
#define MUSTER_CNETWORK_H

#include <stdbool.h>
#include <stddef.h>

// A connected socket, close-on-exec, on which no call waits for longer than so many milliseconds.
int muster_network_connect(const char *host, const char *port, bool stream, int milliseconds);
// Sends all of it; 0 when it is done.
int muster_network_send(int descriptor, const void *bytes, size_t count);
// Whether the other side has not closed the connection, as far as is known here.
bool muster_network_is_open(int descriptor);

#endif
