#define _GNU_SOURCE
#include "chost.h"

#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// ---- Processes ----

int muster_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int muster_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int muster_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int muster_set_dumpable(bool dumpable) { return prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0, 0, 0, 0); }

int muster_set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int muster_close_from(unsigned first) { return (int)syscall(SYS_close_range, first, ~0u, 0u); }

pid_t muster_reap(int *status) {
    pid_t pid;
    do pid = waitpid(-1, status, WNOHANG | __WALL);
    while (pid < 0 && errno == EINTR);
    return pid;
}

bool muster_status_exited(int status, int *code) {
    if (!WIFEXITED(status)) return false;
    *code = WEXITSTATUS(status);
    return true;
}

bool muster_status_signaled(int status, int *signal) {
    if (!WIFSIGNALED(status)) return false;
    *signal = WTERMSIG(status);
    return true;
}

void muster_children_usage(int64_t *processor_microseconds, int64_t *memory_bytes) {
    struct rusage usage = {0};
    getrusage(RUSAGE_CHILDREN, &usage);
    *processor_microseconds = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                              usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    *memory_bytes = (int64_t)usage.ru_maxrss * 1024;
}

// ---- Clocks, timers and signals ----

int64_t muster_boot_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t muster_wall_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int muster_clock_synchronised(void) {
    struct timex state = {.modes = 0};
    int result = adjtimex(&state);
    return result < 0 ? -1 : result != TIME_ERROR && !(state.status & STA_UNSYNC);
}

int muster_timer_create(void) {
    return timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
}

int muster_timer_arm(int timer, int64_t boot_nanoseconds) {
    struct itimerspec when = {0};
    if (boot_nanoseconds > 0) {
        when.it_value.tv_sec = boot_nanoseconds / 1000000000;
        when.it_value.tv_nsec = boot_nanoseconds % 1000000000;
    }
    return timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void fill(sigset_t *set, const int *signals, size_t count) {
    sigemptyset(set);
    for (size_t index = 0; index < count; index++) sigaddset(set, signals[index]);
}

int muster_signals_block(const int *signals, size_t count) {
    sigset_t set;
    fill(&set, signals, count);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (!error) return 0;
    errno = error;
    return -1;
}

int muster_signal_descriptor(const int *signals, size_t count) {
    if (muster_signals_block(signals, count) < 0) return -1;
    sigset_t set;
    fill(&set, signals, count);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int muster_signal_read(int descriptor) {
    struct signalfd_siginfo information;
    ssize_t count;
    do count = read(descriptor, &information, sizeof information);
    while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof information ? (int)information.ssi_signo : 0;
}

int muster_signals_wait(const int *signals, size_t count) {
    sigset_t set;
    fill(&set, signals, count);
    int number;
    do number = sigwaitinfo(&set, NULL);
    while (number < 0 && errno == EINTR);
    return number;
}

int muster_signal_ignore(int number) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    return sigaction(number, &action, NULL);
}

// ---- Files ----

ssize_t muster_random(void *bytes, size_t count) { return getrandom(bytes, count, 0); }

int muster_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

void muster_error_text(int error, char *text, size_t size) {
    char buffer[128];
    snprintf(text, size, "%s", strerror_r(error, buffer, sizeof buffer));
}

int muster_open(const char *path, int flags, mode_t mode) {
    return open(path, flags | O_CLOEXEC, mode);
}

int muster_open_at(int folder, const char *name, int flags, mode_t mode) {
    return openat(folder, name, flags | O_CLOEXEC, mode);
}

int muster_lock_exclusive(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, F_OFD_SETLK, &lock);
}

int64_t muster_filesystem_magic(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) < 0) return -1;
    return (int64_t)(uint32_t)status.f_type;
}

int muster_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int muster_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -1;
    return fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

int muster_set_blocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -1;
    return fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK);
}

// ---- Readiness ----

int muster_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int muster_epoll_add(int epoll, int descriptor, uint64_t tag, bool for_output) {
    struct epoll_event event = {.events = for_output ? EPOLLOUT : EPOLLIN, .data = {.u64 = tag}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int muster_epoll_remove(int epoll, int descriptor) {
    struct epoll_event event = {0};
    return epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &event);
}

int muster_epoll_wait(int epoll, uint64_t *tags, size_t count, int milliseconds) {
    struct epoll_event events[64];
    size_t most = sizeof events / sizeof events[0];
    int ready = epoll_wait(epoll, events, (int)(count < most ? count : most), milliseconds);
    for (int index = 0; index < ready; index++) tags[index] = events[index].data.u64;
    return ready;
}

// ---- Unix sockets ----

// Fills an address. A long path is reached as /proc/self/fd/N/name; `folder` must then be closed.
static int fill_address(const char *path, struct sockaddr_un *address, socklen_t *length,
                        int *folder) {
    *folder = -1;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    size_t count = strlen(path);
    if (path[0] == '@') {
        if (count > sizeof address->sun_path) goto too_long;
        memcpy(address->sun_path + 1, path + 1, count - 1);
        *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count);
        return 0;
    }
    *length = sizeof *address;
    if (count < sizeof address->sun_path) {
        memcpy(address->sun_path, path, count + 1);
        return 0;
    }
    const char *slash = strrchr(path, '/');
    if (!slash || count >= PATH_MAX) goto too_long;
    char parent[PATH_MAX];
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = 0;
    *folder = open(*parent ? parent : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0) return -1;
    int written = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s",
                           *folder, slash + 1);
    if (written < 0 || (size_t)written >= sizeof address->sun_path) {
        close(*folder);
        *folder = -1;
        goto too_long;
    }
    return 0;
too_long:
    errno = ENAMETOOLONG;
    return -1;
}

static int finish(int result, int descriptor, int folder) {
    int error = errno;
    if (folder >= 0) close(folder);
    if (result < 0) {
        if (descriptor >= 0) close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}

int muster_unix_listen(const char *path, mode_t mode, int backlog) {
    struct sockaddr_un address;
    socklen_t length;
    int folder;
    if (fill_address(path, &address, &length, &folder) < 0) return -1;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return finish(-1, -1, folder);
    // The mode is the socket's from its first moment: fchmod before bind sets what bind creates.
    if (path[0] != '@' && fchmod(descriptor, mode) < 0) return finish(-1, descriptor, folder);
    if (bind(descriptor, (struct sockaddr *)&address, length) < 0)
        return finish(-1, descriptor, folder);
    return finish(listen(descriptor, backlog), descriptor, folder);
}

int muster_unix_connect(const char *path) {
    struct sockaddr_un address;
    socklen_t length;
    int folder;
    if (fill_address(path, &address, &length, &folder) < 0) return -1;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return finish(-1, -1, folder);
    return finish(connect(descriptor, (struct sockaddr *)&address, length), descriptor, folder);
}

int muster_tcp_listen(const char *host, uint16_t port, int backlog) {
    struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        errno = EINVAL;
        return -1;
    }
    int descriptor =
        socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    int yes = 1;
    bool is_done =
        descriptor >= 0 &&
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        (found->ai_family != AF_INET6 ||
         setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) == 0) &&
        bind(descriptor, found->ai_addr, found->ai_addrlen) == 0 &&
        listen(descriptor, backlog) == 0;
    int error = errno;
    freeaddrinfo(found);
    if (!is_done && descriptor >= 0) close(descriptor);
    errno = error;
    return is_done ? descriptor : -1;
}

int muster_unix_accept(int listener) {
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int muster_unix_datagram(const char *path, const void *bytes, size_t count) {
    struct sockaddr_un address;
    socklen_t length;
    int folder;
    if (fill_address(path, &address, &length, &folder) < 0) return -1;
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return finish(-1, -1, folder);
    ssize_t sent = sendto(descriptor, bytes, count, MSG_NOSIGNAL, (struct sockaddr *)&address,
                          length);
    if (finish(sent < 0 ? -1 : 0, descriptor, folder) < 0) return -1;
    close(descriptor);
    return 0;
}

int muster_peer_credentials(int descriptor, pid_t *pid, uid_t *user, gid_t *group) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -1;
    *pid = peer.pid;
    *user = peer.uid;
    *group = peer.gid;
    return 0;
}

ssize_t muster_send(int descriptor, const void *bytes, size_t count) {
    return send(descriptor, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// ---- Giving way ----

void muster_thread_give_way(void)
{
    // Of the calling thread alone: Linux keeps a nice value and an I/O priority for each.
    pid_t thread = (pid_t)syscall(SYS_gettid);
    setpriority(PRIO_PROCESS, (id_t)thread, 19);
    const int by_thread = 1, idle_class = 3, class_shift = 13;
    syscall(SYS_ioprio_set, by_thread, thread, idle_class << class_shift);
}

// ---- Interfaces ----

int muster_interface_addresses(char *text, size_t size)
{
    struct ifaddrs *first;
    if (getifaddrs(&first) != 0) {
        return -1;
    }
    size_t used = 0;
    text[0] = 0;
    for (struct ifaddrs *one = first; one; one = one->ifa_next) {
        char address[INET6_ADDRSTRLEN];
        if (!one->ifa_addr || one->ifa_flags & IFF_LOOPBACK) {
            continue;
        }
        const void *bytes = NULL;
        if (one->ifa_addr->sa_family == AF_INET) {
            bytes = &((struct sockaddr_in *)(void *)one->ifa_addr)->sin_addr;
        } else if (one->ifa_addr->sa_family == AF_INET6) {
            bytes = &((struct sockaddr_in6 *)(void *)one->ifa_addr)->sin6_addr;
        }
        if (!bytes || !inet_ntop(one->ifa_addr->sa_family, bytes, address, sizeof address)) {
            continue;
        }
        size_t length = strlen(address);
        if (used + length + 2 > size) {
            break;
        }
        memcpy(text + used, address, length);
        text[used + length] = '\n';
        used += length + 1;
        text[used] = 0;
    }
    freeifaddrs(first);
    return 0;
}
