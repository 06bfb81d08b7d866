// System calls that Swift cannot make by itself: what forks, what is variadic, and what needs a
// structure Swift does not import well. Every function returns -1 and sets errno on failure,
// unless it says otherwise.
#ifndef MUSTER_CHOST_H
#define MUSTER_CHOST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// ---- Trusted files (trust.c) ----

// What was wrong with a path, and at which component.
enum muster_distrust {
    MUSTER_TRUSTED = 0,
    MUSTER_DISTRUST_NOT_ABSOLUTE,
    MUSTER_DISTRUST_DOTS,
    MUSTER_DISTRUST_SYSTEM,
    MUSTER_DISTRUST_SYMLINK,
    MUSTER_DISTRUST_OWNER,
    MUSTER_DISTRUST_WRITABLE,
    MUSTER_DISTRUST_NOT_FOLDER,
    MUSTER_DISTRUST_NOT_FILE,
    MUSTER_DISTRUST_TOO_LONG,
};

// Symbolic links are followed when the link itself is trusted by the same rules.
#define MUSTER_TRUST_LINKS 1u
// A world-writable folder is passed when it is sticky and what is named in it is trusted: nobody
// else can replace that name. For installations below /tmp only.
#define MUSTER_TRUST_STICKY 2u

struct muster_trusted {
    int file;               // O_PATH descriptor of the file, close-on-exec
    int folder;             // O_PATH descriptor of the folder the file is in, close-on-exec
    char path[PATH_MAX];    // the path after all links: no component of it is a link
    int why;                // enum muster_distrust
    int error;              // errno when why is MUSTER_DISTRUST_SYSTEM
    char where[PATH_MAX];   // the component that was refused
};

// Walks an absolute path from the root, one component at a time and without ever following a link
// by itself. Each component must belong to root or to the caller, and be writable by its owner
// only. Returns 0, or -1 with `why`, `error` and `where` told.
int muster_open_trusted(const char *path, unsigned flags, struct muster_trusted *out);

// ---- Spawning (spawn.c) ----

enum muster_spawn_stage {
    MUSTER_STAGE_NONE = 0,
    MUSTER_STAGE_FORK,
    MUSTER_STAGE_SESSION,
    MUSTER_STAGE_CGROUP,
    MUSTER_STAGE_DESCRIPTORS,
    MUSTER_STAGE_LIMITS,
    MUSTER_STAGE_NICE,
    MUSTER_STAGE_GROUPS,
    MUSTER_STAGE_USER,
    MUSTER_STAGE_PRIVILEGES,
    MUSTER_STAGE_PARENT,
    MUSTER_STAGE_FOLDER,
    MUSTER_STAGE_CHANGED,
    MUSTER_STAGE_EXEC,
};

struct muster_limit {
    int resource;
    uint64_t soft;
    uint64_t hard;
};

struct muster_spawn_options {
    // Executed as given when `trusted` is null; else only used for messages.
    const char *path;
    // When set, the program is exactly the file that was checked.
    const struct muster_trusted *trusted;
    char *const *arguments;      // argv, null-terminated
    char *const *environment;    // the whole environment, null-terminated
    const char *folder;          // working directory; null: "/"
    int input, output, error;    // -1: /dev/null
    bool new_session;            // setsid
    bool new_group;              // setpgid(0, 0); implied by new_session
    bool change_user;
    uid_t user;
    gid_t group;
    const gid_t *groups;         // supplementary groups, all of them
    size_t group_count;
    bool no_new_privileges;
    int parent_death_signal;     // 0: none
    bool set_nice;
    int nice;
    const struct muster_limit *limits;
    size_t limit_count;
    int cgroup_procs;            // descriptor of cgroup.procs, entered before anything else; -1: none
};

struct muster_spawned {
    pid_t pid;
    int pidfd;
    int stage;                   // enum muster_spawn_stage of the failure
    int error;                   // errno of the failure
};

// Starts a program. Every descriptor but the three is closed in it, every signal is at its default
// and none is blocked. Returns 0 once exec has succeeded; -1 with stage and error told.
int muster_spawn(const struct muster_spawn_options *options, struct muster_spawned *out);

// ---- Processes (calls.c) ----

int muster_pidfd_open(pid_t pid);
int muster_pidfd_send_signal(int pidfd, int signal);
int muster_become_subreaper(void);
int muster_set_dumpable(bool dumpable);
int muster_set_no_new_privileges(void);
// Closes every descriptor from `first` on.
int muster_close_from(unsigned first);
// Reaps one child that has ended, of any kind. Returns its pid, 0 when children live but none has
// ended, -1 with ECHILD when there is not one child.
pid_t muster_reap(int *status);
bool muster_status_exited(int status, int *code);
bool muster_status_signaled(int status, int *signal);
// What the children that were waited for have used, and theirs: processor time, and the largest
// resident memory of a single one.
void muster_children_usage(int64_t *processor_microseconds, int64_t *memory_bytes);

// ---- Clocks, timers and signals (calls.c) ----

int64_t muster_boot_nanoseconds(void);
int64_t muster_wall_milliseconds(void);
// 1 when a time service keeps the wall clock, 0 when the kernel knows of none.
int muster_clock_synchronised(void);
int muster_timer_create(void);
// Arms the timer for an absolute time of the boot clock; 0 or less disarms it.
int muster_timer_arm(int timer, int64_t boot_nanoseconds);
// Blocks the signals in the calling thread and returns a descriptor that tells of them.
int muster_signal_descriptor(const int *signals, size_t count);
// Reads one signal; 0 when there is none.
int muster_signal_read(int descriptor);
int muster_signals_block(const int *signals, size_t count);
// Waits for one of the signals, for as long as it takes.
int muster_signals_wait(const int *signals, size_t count);
int muster_signal_ignore(int signal);

// ---- Files (calls.c) ----

// One call of getrandom: how many bytes were filled.
ssize_t muster_random(void *bytes, size_t count);
// Both ends close-on-exec.
int muster_pipe(int ends[2]);
// Fills `text`, always terminated.
void muster_error_text(int error, char *text, size_t size);
int muster_open(const char *path, int flags, mode_t mode);
int muster_open_at(int folder, const char *name, int flags, mode_t mode);
// A lock of the open file description, which ends with the process and not with any other close.
// EAGAIN or EACCES: someone else holds it.
int muster_lock_exclusive(int descriptor);
int64_t muster_filesystem_magic(int descriptor);
// A file in memory, close-on-exec; the name is for people who look at the process.
int muster_memory_file(const char *name);
int muster_set_nonblocking(int descriptor);
int muster_set_blocking(int descriptor);

// The calling thread gives way to every other, for the processor and for disks. What a system does
// not know of is left out: being in no hurry is no promise.
void muster_thread_give_way(void);

// Fills `text` with the addresses of every interface but the loopback, one on a line.
int muster_interface_addresses(char *text, size_t size);

// ---- SHA-256 (sha256.c) ----

#define MUSTER_SHA256_BYTES 32

struct muster_sha256 {
    uint32_t state[8];
    uint64_t length;       // bytes so far
    uint8_t block[64];     // what does not fill a block yet
};

void muster_sha256_begin(struct muster_sha256 *hash);
void muster_sha256_add(struct muster_sha256 *hash, const void *bytes, size_t count);
void muster_sha256_end(struct muster_sha256 *hash, uint8_t digest[MUSTER_SHA256_BYTES]);

// ---- Readiness (calls.c) ----

int muster_epoll_create(void);
// Watches a descriptor under a tag, level-triggered: for input, or for room to write.
int muster_epoll_add(int epoll, int descriptor, uint64_t tag, bool for_output);
int muster_epoll_remove(int epoll, int descriptor);
// Fills the tags of what is ready, and returns how many; -1 milliseconds: for as long as it takes.
int muster_epoll_wait(int epoll, uint64_t *tags, size_t count, int milliseconds);

// ---- Unix sockets (calls.c) ----

// Paths longer than sun_path are reached through a descriptor of their folder. A path that begins
// with '@' is in the abstract namespace. All sockets are close-on-exec.
int muster_unix_listen(const char *path, mode_t mode, int backlog);
int muster_unix_connect(const char *path);
int muster_unix_accept(int listener);
int muster_unix_datagram(const char *path, const void *bytes, size_t count);
int muster_peer_credentials(int descriptor, pid_t *pid, uid_t *user, gid_t *group);
// Listens at a numeric IPv4 or IPv6 address; an IPv6 one takes no IPv4. EINVAL: it is none.
int muster_tcp_listen(const char *host, uint16_t port, int backlog);
// send with MSG_NOSIGNAL | MSG_DONTWAIT.
ssize_t muster_send(int descriptor, const void *bytes, size_t count);

#endif
