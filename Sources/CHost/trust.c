#define _GNU_SOURCE
#include "chost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40

static int refuse(struct muster_trusted *out, int why, const char *where) {
    out->error = why == MUSTER_DISTRUST_SYSTEM ? errno : 0;
    out->why = why;
    if (where != out->where)
        snprintf(out->where, sizeof out->where, "%s", where);
    if (out->file >= 0) close(out->file);
    if (out->folder >= 0) close(out->folder);
    out->file = out->folder = -1;
    errno = out->error ? out->error : EPERM;
    return -1;
}

static bool owner_is_trusted(const struct stat *status) {
    return status->st_uid == 0 || status->st_uid == geteuid();
}

// A folder that others may write is a place where a name can be replaced under our feet.
static int judge(const struct stat *status, unsigned flags) {
    if (!owner_is_trusted(status)) return MUSTER_DISTRUST_OWNER;
    if (S_ISLNK(status->st_mode)) return MUSTER_TRUSTED;
    if (status->st_mode & (S_IWGRP | S_IWOTH)) {
        bool passes = S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX)
            && (flags & MUSTER_TRUST_STICKY);
        if (!passes) return MUSTER_DISTRUST_WRITABLE;
    }
    return MUSTER_TRUSTED;
}

// Puts the text of a link before what is still to be walked.
static int follow(int link, const char *rest, char *pending, size_t size) {
    char text[PATH_MAX];
    ssize_t count = readlinkat(link, "", text, sizeof text - 1);
    if (count < 0) return MUSTER_DISTRUST_SYSTEM;
    text[count] = 0;
    char joined[PATH_MAX * 2];
    int length = snprintf(joined, sizeof joined, "%s/%s", text, rest);
    if (length < 0 || (size_t)length >= size) return MUSTER_DISTRUST_TOO_LONG;
    memcpy(pending, joined, (size_t)length + 1);
    return MUSTER_TRUSTED;
}

static int open_root(struct muster_trusted *out, unsigned flags) {
    struct stat status;
    if (out->folder >= 0) close(out->folder);
    out->path[0] = 0;
    out->folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (out->folder < 0 || fstat(out->folder, &status) < 0) return MUSTER_DISTRUST_SYSTEM;
    return judge(&status, flags);
}

int muster_open_trusted(const char *path, unsigned flags, struct muster_trusted *out) {
    memset(out, 0, sizeof *out);
    out->file = out->folder = -1;
    if (path[0] != '/') return refuse(out, MUSTER_DISTRUST_NOT_ABSOLUTE, path);
    char pending[PATH_MAX];
    if (strlen(path) >= sizeof pending) return refuse(out, MUSTER_DISTRUST_TOO_LONG, path);
    strcpy(pending, path);
    int why = open_root(out, flags);
    if (why) return refuse(out, why, "/");

    int links = 0;
    for (;;) {
        char *name = pending + strspn(pending, "/");
        if (!*name) return refuse(out, MUSTER_DISTRUST_NOT_FILE, path);
        size_t length = strcspn(name, "/");
        char component[NAME_MAX + 1];
        if (length > NAME_MAX) return refuse(out, MUSTER_DISTRUST_TOO_LONG, path);
        memcpy(component, name, length);
        component[length] = 0;
        char rest[PATH_MAX];
        strcpy(rest, name + length);
        if (!strcmp(component, ".")) {
            strcpy(pending, rest);
            continue;
        }
        size_t walked = strlen(out->path);
        if (walked + length + 2 > sizeof out->path)
            return refuse(out, MUSTER_DISTRUST_TOO_LONG, path);
        snprintf(out->where, sizeof out->where, "%s", out->path);
        strncat(out->where, "/", sizeof out->where - strlen(out->where) - 1);
        strncat(out->where, component, sizeof out->where - strlen(out->where) - 1);
        // A path that climbs is refused as written; a trusted link may climb.
        bool climbs = !strcmp(component, "..");
        if (climbs && links == 0) return refuse(out, MUSTER_DISTRUST_DOTS, out->where);

        int next = openat(out->folder, component, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat status;
        if (next < 0) return refuse(out, MUSTER_DISTRUST_SYSTEM, out->where);
        out->file = next;
        if (fstat(next, &status) < 0) return refuse(out, MUSTER_DISTRUST_SYSTEM, out->where);
        why = judge(&status, flags);
        if (why) return refuse(out, why, out->where);

        if (S_ISLNK(status.st_mode)) {
            if (!(flags & MUSTER_TRUST_LINKS) || ++links > LINKS_MAX)
                return refuse(out, MUSTER_DISTRUST_SYMLINK, out->where);
            why = follow(next, rest, pending, sizeof pending);
            if (why) return refuse(out, why, out->where);
            close(next);
            out->file = -1;
            if (pending[0] == '/') {
                why = open_root(out, flags);
                if (why) return refuse(out, why, "/");
            }
            continue;
        }
        if (S_ISDIR(status.st_mode)) {
            close(out->folder);
            out->folder = next;
            out->file = -1;
            if (climbs) {
                char *slash = strrchr(out->path, '/');
                if (slash) *slash = 0;
            } else {
                memcpy(out->path + walked, out->where + walked, length + 2);
            }
            strcpy(pending, rest);
            continue;
        }
        if (rest[strspn(rest, "/")]) return refuse(out, MUSTER_DISTRUST_NOT_FOLDER, out->where);
        if (!S_ISREG(status.st_mode)) return refuse(out, MUSTER_DISTRUST_NOT_FILE, out->where);
        memcpy(out->path + walked, out->where + walked, length + 2);
        out->where[0] = 0;
        return 0;
    }
}
