// One mail or one HTTP request by libcurl, with everything that is not wanted switched off: no
// proxies of the environment, no signals, no redirects, no connection kept. Each call blocks its
// thread until the end of its time at most, and is safe from any thread.
#ifndef MUSTER_CCURL_H
#define MUSTER_CCURL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum muster_transfer_kind {
    // Done as far as the library can tell; of an HTTP request the status says the rest.
    MUSTER_TRANSFER_DONE = 0,
    MUSTER_TRANSFER_STOPPED,
    MUSTER_TRANSFER_UNREACHABLE,
    MUSTER_TRANSFER_TIMED_OUT,
    // The handshake failed, or the certificate is not believed.
    MUSTER_TRANSFER_TLS,
    // STARTTLS is wanted and the server does not offer it, or refuses it.
    MUSTER_TRANSFER_NO_STARTTLS,
    // The file of authorities cannot be read.
    MUSTER_TRANSFER_CA_FILE,
    // The server knows no way to log in that we do.
    MUSTER_TRANSFER_NO_LOGIN,
    // The connection broke, or the server said no: stage and status tell.
    MUSTER_TRANSFER_SERVER,
};

// What was said to the server last; its answer, if it gave one, is `status` and `said`.
enum muster_transfer_stage {
    MUSTER_AT_GREETING = 0,
    MUSTER_AT_HELLO,
    MUSTER_AT_STARTTLS,
    MUSTER_AT_LOGIN,
    MUSTER_AT_SENDER,
    MUSTER_AT_RECIPIENT,
    MUSTER_AT_DATA,
    MUSTER_AT_MESSAGE,
    MUSTER_AT_REQUEST,
};

enum muster_transfer_tls {
    MUSTER_MAIL_TLS_NONE = 0,
    MUSTER_MAIL_TLS_STARTTLS,
    // From the first byte; the URL is of smtps or https.
    MUSTER_MAIL_TLS_IMPLICIT,
};

struct muster_transfer_result {
    int kind;             // enum muster_transfer_kind
    int stage;            // enum muster_transfer_stage
    long status;          // the code of the last answer; 0: there was none
    char said[1024];      // the text of the last answer, terminated
    char problem[256];    // the library's words, terminated
};

// Called now and then; true: give up.
typedef bool (*muster_transfer_stop)(void *context);

struct muster_transfer {
    const char *url;
    const char *ca_file;      // null: the system's authorities
    const char *user;         // null: none
    const char *password;
    long connect_milliseconds;
    long total_milliseconds;
    muster_transfer_stop stop;
    void *context;
};

struct muster_mail {
    int tls;                  // enum muster_transfer_tls
    const char *from;         // bare addresses
    const char *to;
    const uint8_t *message;   // lines that end in CR LF
    size_t count;
};

struct muster_post {
    const char *const *headers;
    size_t header_count;
    const uint8_t *body;
    size_t count;
};

void muster_mail_send(const struct muster_transfer *transfer, const struct muster_mail *mail,
                      struct muster_transfer_result *out);
void muster_post_send(const struct muster_transfer *transfer, const struct muster_post *post,
                      struct muster_transfer_result *out);

#endif
