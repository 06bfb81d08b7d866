#define _GNU_SOURCE
#include "ccurl.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// A server that goes on talking is not listened to.
#define ANSWER_BYTES_MAX 65536

struct exchange {
    struct muster_transfer_result *result;
    const struct muster_transfer *transfer;
    const uint8_t *message;
    size_t count;
    size_t sent;
    size_t answered;
    bool leaving;   // QUIT was said: what follows tells nothing of the mail
};

static void begin_library(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

// ---- What the server says ----

static void append(struct muster_transfer_result *result, const char *text, size_t count) {
    size_t used = strlen(result->said);
    size_t room = sizeof result->said - 1 - used;
    if (count > room) count = room;
    for (size_t index = 0; index < count; index++)
        result->said[used + index] = text[index] ? text[index] : ' ';
    result->said[used + count] = 0;
}

static bool begins(const char *text, size_t count, const char *word) {
    size_t length = strlen(word);
    return count >= length && !memcmp(text, word, length);
}

static void command_sent(struct exchange *exchange, const char *text, size_t count) {
    static const struct { const char *word; int stage; } stages[] = {
        {"EHLO ", MUSTER_AT_HELLO},        {"HELO ", MUSTER_AT_HELLO},
        {"STARTTLS\r\n", MUSTER_AT_STARTTLS}, {"AUTH ", MUSTER_AT_LOGIN},
        {"MAIL FROM:", MUSTER_AT_SENDER},  {"RCPT TO:", MUSTER_AT_RECIPIENT},
        {"DATA\r\n", MUSTER_AT_DATA},
    };
    if (begins(text, count, "QUIT\r\n")) exchange->leaving = true;
    for (size_t index = 0; index < sizeof stages / sizeof *stages; index++) {
        if (!begins(text, count, stages[index].word)) continue;
        exchange->result->stage = stages[index].stage;
        exchange->result->status = 0;
        exchange->result->said[0] = 0;
        return;
    }
}

static void line_received(struct exchange *exchange, const char *text, size_t count) {
    struct muster_transfer_result *result = exchange->result;
    if (count < 3) return;
    long code = 0;
    for (size_t index = 0; index < 3; index++) {
        if (text[index] < '0' || text[index] > '9') return;
        code = code * 10 + (text[index] - '0');
    }
    // A step of the login, whose content is nobody's business.
    if (code == 334) return;
    result->status = code;
    append(result, count > 4 ? text + 4 : "", count > 4 ? count - 4 : 0);
}

static int overheard(CURL *handle, curl_infotype type, char *text, size_t count, void *context) {
    (void)handle;
    struct exchange *exchange = context;
    if (exchange->leaving) return 0;
    switch (type) {
    case CURLINFO_HEADER_OUT: command_sent(exchange, text, count); break;
    case CURLINFO_HEADER_IN: line_received(exchange, text, count); break;
    case CURLINFO_DATA_OUT:
        if (exchange->result->stage == MUSTER_AT_DATA) {
            exchange->result->stage = MUSTER_AT_MESSAGE;
            exchange->result->status = 0;
            exchange->result->said[0] = 0;
        }
        break;
    default: break;
    }
    return 0;
}

static size_t give_message(char *buffer, size_t size, size_t items, void *context) {
    struct exchange *exchange = context;
    size_t left = exchange->count - exchange->sent;
    size_t count = size * items < left ? size * items : left;
    memcpy(buffer, exchange->message + exchange->sent, count);
    exchange->sent += count;
    return count;
}

static size_t take_answer(char *text, size_t size, size_t items, void *context) {
    struct exchange *exchange = context;
    size_t count = size * items;
    exchange->answered += count;
    if (exchange->answered > ANSWER_BYTES_MAX) return 0;
    append(exchange->result, text, count);
    return count;
}

static size_t drop_answer(char *text, size_t size, size_t items, void *context) {
    (void)text;
    (void)context;
    return size * items;
}

static int look_whether_to_stop(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                                curl_off_t up_now) {
    (void)total, (void)now, (void)up_total, (void)up_now;
    const struct muster_transfer *transfer = ((struct exchange *)context)->transfer;
    return transfer->stop && transfer->stop(transfer->context);
}

// ---- The transfer ----

static void set_protocols(CURL *handle, const char *names, long numbers) {
#if LIBCURL_VERSION_NUM >= 0x075500
    (void)numbers;
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, names);
#else
    (void)names;
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS, numbers);
#endif
}

static CURL *begin(const struct muster_transfer *transfer, struct exchange *exchange) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin_library);
    memset(exchange->result, 0, sizeof *exchange->result);
    CURL *handle = curl_easy_init();
    if (!handle) {
        exchange->result->kind = MUSTER_TRANSFER_SERVER;
        snprintf(exchange->result->problem, sizeof exchange->result->problem, "out of memory");
        return NULL;
    }
    curl_easy_setopt(handle, CURLOPT_URL, transfer->url);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, exchange->result->problem);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    // Empty is not unset: it keeps the environment's out.
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    if (transfer->ca_file) {
        curl_easy_setopt(handle, CURLOPT_CAINFO, transfer->ca_file);
        curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
    }
    if (transfer->user) {
        curl_easy_setopt(handle, CURLOPT_USERNAME, transfer->user);
        curl_easy_setopt(handle, CURLOPT_PASSWORD, transfer->password);
    }
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, transfer->connect_milliseconds);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, transfer->total_milliseconds);
    curl_easy_setopt(handle, CURLOPT_FTP_RESPONSE_TIMEOUT, transfer->total_milliseconds / 1000 + 1);
#if LIBCURL_VERSION_NUM >= 0x075700
    // A name that is not resolved in time holds nobody back.
    curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#endif
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, look_whether_to_stop);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, exchange);
    return handle;
}

static int kind_of(CURLcode code) {
    switch (code) {
    case CURLE_OK: return MUSTER_TRANSFER_DONE;
    case CURLE_ABORTED_BY_CALLBACK: return MUSTER_TRANSFER_STOPPED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: return MUSTER_TRANSFER_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT: return MUSTER_TRANSFER_TIMED_OUT;
    case CURLE_USE_SSL_FAILED: return MUSTER_TRANSFER_NO_STARTTLS;
    case CURLE_SSL_CACERT_BADFILE: return MUSTER_TRANSFER_CA_FILE;
    case CURLE_LOGIN_DENIED: return MUSTER_TRANSFER_NO_LOGIN;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS: return MUSTER_TRANSFER_TLS;
    default: return MUSTER_TRANSFER_SERVER;
    }
}

// A peer that is gone must not end the program: the signal is kept from this thread for the time.
static CURLcode perform(CURL *handle) {
    sigset_t pipe_only, before;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    CURLcode code = curl_easy_perform(handle);
    const struct timespec at_once = {0, 0};
    while (sigtimedwait(&pipe_only, NULL, &at_once) > 0) {}
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

// What the library says of a certificate speaks of SSH as well, which nobody here uses.
static const char *words_of(CURLcode code) {
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return "its certificate is of no authority that is believed here, is for another name, or has ended";
    return curl_easy_strerror(code);
}

static void end(CURL *handle, CURLcode code, struct exchange *exchange) {
    struct muster_transfer_result *result = exchange->result;
    result->kind = kind_of(code);
    long number = 0;
    if (code == CURLE_COULDNT_CONNECT)
        curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &number);
    char words[100];
    // "Connection refused" says more than that a connection could not be made, and after how long.
    if (number > 0)
        snprintf(result->problem, sizeof result->problem, "%s",
                 strerror_r((int)number, words, sizeof words));
    else if (code != CURLE_OK && !result->problem[0])
        snprintf(result->problem, sizeof result->problem, "%s", words_of(code));
    // The library writes into this buffer until the handle is gone.
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_cleanup(handle);
}

void muster_mail_send(const struct muster_transfer *transfer, const struct muster_mail *mail,
                      struct muster_transfer_result *out) {
    struct exchange exchange = {
        .result = out, .transfer = transfer, .message = mail->message, .count = mail->count};
    CURL *handle = begin(transfer, &exchange);
    if (!handle) return;
    bool implicit = mail->tls == MUSTER_MAIL_TLS_IMPLICIT;
    set_protocols(handle, implicit ? "smtps" : "smtp", implicit ? CURLPROTO_SMTPS : CURLPROTO_SMTP);
    curl_easy_setopt(handle, CURLOPT_USE_SSL,
                     (long)(mail->tls == MUSTER_MAIL_TLS_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(handle, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN");
    curl_easy_setopt(handle, CURLOPT_MAIL_FROM, mail->from);
    struct curl_slist *recipients = curl_slist_append(NULL, mail->to);
    curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, give_message);
    curl_easy_setopt(handle, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, drop_answer);
    curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, overheard);
    curl_easy_setopt(handle, CURLOPT_DEBUGDATA, &exchange);
    curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);
    end(handle, perform(handle), &exchange);
    curl_slist_free_all(recipients);
}

void muster_post_send(const struct muster_transfer *transfer, const struct muster_post *post,
                      struct muster_transfer_result *out) {
    struct exchange exchange = {.result = out, .transfer = transfer};
    CURL *handle = begin(transfer, &exchange);
    if (!handle) return;
    out->stage = MUSTER_AT_REQUEST;
    set_protocols(handle, "http,https", CURLPROTO_HTTP | CURLPROTO_HTTPS);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (transfer->user) curl_easy_setopt(handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    // No `Expect: 100-continue`: the body is short.
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    for (size_t index = 0; index < post->header_count; index++)
        headers = curl_slist_append(headers, post->headers[index]);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->count);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, (const char *)post->body);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
    CURLcode code = perform(handle);
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &out->status);
    // The status stands, whatever else the server still wanted to say.
    if (code == CURLE_WRITE_ERROR && exchange.answered > ANSWER_BYTES_MAX) code = CURLE_OK;
    end(handle, code, &exchange);
    curl_slist_free_all(headers);
}
