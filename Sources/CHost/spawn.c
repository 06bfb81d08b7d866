#define _GNU_SOURCE
#include "chost.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

struct failure {
    int stage;
    int error;
};

static void fail(int report, int stage) {
    struct failure failure = {stage, errno};
    ssize_t ignored = write(report, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
}

// What the kernel calls a sigaction, all zero: the default. The C library would refuse the two
// signals it keeps for itself, which an ancestor may have left ignored.
static void reset_signals(void) {
    unsigned long action[8] = {0};
    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, action, NULL, sizeof(unsigned long));
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// The three descriptors may be given in any order, and may themselves be 0, 1 or 2: they are moved
// out of the way before they are put in their places.
static int place_descriptors(const struct muster_spawn_options *options) {
    int given[3] = {options->input, options->output, options->error};
    for (int place = 0; place < 3; place++) {
        int source = given[place];
        int opened = -1;
        if (source < 0) {
            opened = open("/dev/null", (place == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
            if (opened < 0) return -1;
            source = opened;
        }
        given[place] = fcntl(source, F_DUPFD_CLOEXEC, 3);
        if (opened >= 0) close(opened);
        if (given[place] < 0) return -1;
    }
    for (int place = 0; place < 3; place++)
        if (dup2(given[place], place) < 0) return -1;
    // Everything else is closed by exec itself, the report's own pipe among it.
    return (int)syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
}

static bool begins_as_script(const struct muster_trusted *trusted) {
    char name[64];
    char start[2] = {0, 0};
    snprintf(name, sizeof name, "/proc/self/fd/%d", trusted->file);
    int file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return false;
    ssize_t count = read(file, start, 2);
    close(file);
    return count == 2 && start[0] == '#' && start[1] == '!';
}

// A program that was written a moment ago can be held open for writing by a child of another
// thread that has not come to its own exec yet. It will, so this is worth a few tries.
static bool is_busy(int attempt) {
    if (attempt == 0) return true;
    if (errno != ETXTBSY || attempt > 50) return false;
    struct timespec pause = {0, 4000000};
    nanosleep(&pause, NULL);
    errno = ETXTBSY;
    return true;
}

// A checked program is run by its name in its checked folder, so that it is called by its name in
// every listing, and only after that name has been seen to be still the same file. A script is
// run by its path, since its interpreter opens it by name and it may look for its neighbours.
static void execute(const struct muster_spawn_options *options, bool script, int report) {
    const struct muster_trusted *trusted = options->trusted;
    if (!trusted) {
        for (int attempt = 0; is_busy(attempt); attempt++)
            execve(options->path, options->arguments, options->environment);
        fail(report, MUSTER_STAGE_EXEC);
    }
    const char *name = strrchr(trusted->path, '/') + 1;
    struct stat checked, found;
    if (fstat(trusted->file, &checked) < 0
        || fstatat(trusted->folder, name, &found, AT_SYMLINK_NOFOLLOW) < 0)
        fail(report, MUSTER_STAGE_CHANGED);
    if (checked.st_dev != found.st_dev || checked.st_ino != found.st_ino) {
        errno = ESTALE;
        fail(report, MUSTER_STAGE_CHANGED);
    }
    for (int attempt = 0; is_busy(attempt); attempt++) {
        if (script)
            execve(trusted->path, options->arguments, options->environment);
        else
            syscall(SYS_execveat, trusted->folder, name, options->arguments,
                    options->environment, AT_SYMLINK_NOFOLLOW);
    }
    fail(report, MUSTER_STAGE_EXEC);
}

static void run_child(const struct muster_spawn_options *options, bool script, int report,
                      pid_t parent) {
    reset_signals();
    if (options->new_session) {
        if (setsid() < 0) fail(report, MUSTER_STAGE_SESSION);
    } else if (options->new_group) {
        if (setpgid(0, 0) < 0) fail(report, MUSTER_STAGE_SESSION);
    }
    if (options->cgroup_procs >= 0 && write(options->cgroup_procs, "0\n", 2) < 0)
        fail(report, MUSTER_STAGE_CGROUP);
    if (place_descriptors(options) < 0) fail(report, MUSTER_STAGE_DESCRIPTORS);
    for (size_t index = 0; index < options->limit_count; index++) {
        struct rlimit limit = {options->limits[index].soft, options->limits[index].hard};
        if (setrlimit(options->limits[index].resource, &limit) < 0)
            fail(report, MUSTER_STAGE_LIMITS);
    }
    if (options->set_nice && setpriority(PRIO_PROCESS, 0, options->nice) < 0)
        fail(report, MUSTER_STAGE_NICE);
    if (options->change_user) {
        if (setgroups(options->group_count, options->groups) < 0)
            fail(report, MUSTER_STAGE_GROUPS);
        if (setresgid(options->group, options->group, options->group) < 0)
            fail(report, MUSTER_STAGE_GROUPS);
        if (setresuid(options->user, options->user, options->user) < 0)
            fail(report, MUSTER_STAGE_USER);
    }
    if (options->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fail(report, MUSTER_STAGE_PRIVILEGES);
    // After the change of user, which clears it; and the parent may have died just before.
    if (options->parent_death_signal) {
        if (prctl(PR_SET_PDEATHSIG, options->parent_death_signal, 0, 0, 0) < 0)
            fail(report, MUSTER_STAGE_PARENT);
        if (getppid() != parent) {
            errno = ESRCH;
            fail(report, MUSTER_STAGE_PARENT);
        }
    }
    if (chdir(options->folder ? options->folder : "/") < 0) fail(report, MUSTER_STAGE_FOLDER);
    execute(options, script, report);
}

static int parent_failed(struct muster_spawned *out, int stage, int error) {
    out->stage = stage;
    out->error = error;
    errno = error;
    return -1;
}

int muster_spawn(const struct muster_spawn_options *options, struct muster_spawned *out) {
    out->pid = -1;
    out->pidfd = -1;
    out->stage = MUSTER_STAGE_NONE;
    out->error = 0;
    bool script = options->trusted && begins_as_script(options->trusted);
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return parent_failed(out, MUSTER_STAGE_FORK, errno);
    // The report must not be where the child puts its own three.
    for (int end = 0; end < 2; end++) {
        if (report[end] > 2) continue;
        int moved = fcntl(report[end], F_DUPFD_CLOEXEC, 3);
        int error = errno;
        close(report[end]);
        report[end] = moved;
        if (moved < 0) {
            if (report[1 - end] >= 0) close(report[1 - end]);
            return parent_failed(out, MUSTER_STAGE_FORK, error);
        }
    }

    // No handler of ours may run in the child before the dispositions are reset.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        run_child(options, script, report[1], parent);
        _exit(127);
    }
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        return parent_failed(out, MUSTER_STAGE_FORK, error);
    }

    int pidfd = muster_pidfd_open(pid);
    struct failure failure;
    ssize_t count;
    do count = read(report[0], &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count == (ssize_t)sizeof failure) {
        if (pidfd >= 0) close(pidfd);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
        return parent_failed(out, failure.stage, failure.error);
    }
    out->pid = pid;
    out->pidfd = pidfd;
    return 0;
}
