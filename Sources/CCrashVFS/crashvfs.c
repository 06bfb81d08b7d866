#include "crashvfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOLDERS_MAX = 64 };

struct crash_folder {
    char *path;
    struct crash_record *records;
    int64_t count;
    int64_t capacity;
    enum crash_fault fault;
    int64_t skip;
    int sticky;
    int64_t hit;
    int64_t references;     // the watcher and each open file
};

struct crash_file {
    sqlite3_file base;
    struct crash_folder *folder;
    char *name;
    sqlite3_file *real;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct crash_folder *folders[FOLDERS_MAX];
static sqlite3_vfs *system_vfs;
static sqlite3_vfs crash_vfs;

// The watched folder that a file is in; to be released.
static struct crash_folder *folder_of(const char *path) {
    struct crash_folder *found = NULL;
    pthread_mutex_lock(&mutex);
    for (int i = 0; path && i < FOLDERS_MAX; i++) {
        if (!folders[i]) continue;
        size_t length = strlen(folders[i]->path);
        if (strncmp(path, folders[i]->path, length) == 0 && path[length] == '/') found = folders[i];
    }
    if (found) found->references++;
    pthread_mutex_unlock(&mutex);
    return found;
}

static void release(struct crash_folder *folder) {
    pthread_mutex_lock(&mutex);
    int64_t left = --folder->references;
    pthread_mutex_unlock(&mutex);
    if (left > 0) return;
    for (int64_t i = 0; i < folder->count; i++) {
        free((void *)folder->records[i].name);
        free((void *)folder->records[i].bytes);
    }
    free(folder->records);
    free(folder->path);
    free(folder);
}

static void append(struct crash_folder *folder, struct crash_record record, const void *bytes) {
    record.name = strdup(record.name);
    if (bytes) {
        uint8_t *copy = malloc((size_t)record.count + 1);
        if (!copy) abort();
        memcpy(copy, bytes, (size_t)record.count);
        record.bytes = copy;
    }
    pthread_mutex_lock(&mutex);
    if (folder->count == folder->capacity) {
        folder->capacity = folder->capacity ? 2 * folder->capacity : 256;
        folder->records =
            realloc(folder->records, (size_t)folder->capacity * sizeof *folder->records);
        if (!folder->records) abort();
    }
    folder->records[folder->count++] = record;
    pthread_mutex_unlock(&mutex);
}

static int is_faulty(struct crash_folder *folder, enum crash_fault fault) {
    int result = 0;
    pthread_mutex_lock(&mutex);
    if (folder->fault == fault) {
        if (folder->skip > 0) {
            folder->skip--;
        } else {
            folder->hit++;
            result = 1;
            if (!folder->sticky) folder->fault = CRASH_FAULT_NONE;
        }
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

// ---- Files ----

#define REAL(file) (((struct crash_file *)(file))->real)
#define FORWARD(file, method, ...) REAL(file)->pMethods->method(REAL(file), ##__VA_ARGS__)

static int crash_close(sqlite3_file *file) {
    int outcome = FORWARD(file, xClose);
    free(((struct crash_file *)file)->name);
    release(((struct crash_file *)file)->folder);
    return outcome;
}

static int crash_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    return FORWARD(file, xRead, bytes, count, offset);
}

static int crash_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    struct crash_file *ours = (struct crash_file *)file;
    if (is_faulty(ours->folder, CRASH_FAULT_WRITE_FULL)) return SQLITE_FULL;
    if (is_faulty(ours->folder, CRASH_FAULT_WRITE_ERROR)) return SQLITE_IOERR_WRITE;
    struct crash_record record = {
        .operation = CRASH_WRITE, .name = ours->name, .offset = offset, .count = count};
    append(ours->folder, record, bytes);
    return FORWARD(file, xWrite, bytes, count, offset);
}

static int crash_truncate(sqlite3_file *file, sqlite3_int64 size) {
    struct crash_file *ours = (struct crash_file *)file;
    struct crash_record record = {.operation = CRASH_TRUNCATE, .name = ours->name, .offset = size};
    append(ours->folder, record, NULL);
    return FORWARD(file, xTruncate, size);
}

static int crash_sync(sqlite3_file *file, int flags) {
    struct crash_file *ours = (struct crash_file *)file;
    if (is_faulty(ours->folder, CRASH_FAULT_SYNC_ERROR)) return SQLITE_IOERR_FSYNC;
    struct crash_record record = {.operation = CRASH_SYNC, .name = ours->name};
    int outcome = FORWARD(file, xSync, flags);
    append(ours->folder, record, NULL);
    return outcome;
}

static int crash_size(sqlite3_file *file, sqlite3_int64 *size) {
    return FORWARD(file, xFileSize, size);
}

static int crash_lock(sqlite3_file *file, int level) { return FORWARD(file, xLock, level); }

static int crash_unlock(sqlite3_file *file, int level) { return FORWARD(file, xUnlock, level); }

static int crash_check_lock(sqlite3_file *file, int *result) {
    return FORWARD(file, xCheckReservedLock, result);
}

static int crash_control(sqlite3_file *file, int operation, void *argument) {
    return FORWARD(file, xFileControl, operation, argument);
}

static int crash_sector(sqlite3_file *file) { return FORWARD(file, xSectorSize); }

static int crash_device(sqlite3_file *file) { return FORWARD(file, xDeviceCharacteristics); }

static int crash_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out) {
    return FORWARD(file, xShmMap, page, size, extend, out);
}

static int crash_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return FORWARD(file, xShmLock, offset, count, flags);
}

static void crash_shm_barrier(sqlite3_file *file) { FORWARD(file, xShmBarrier); }

static int crash_shm_unmap(sqlite3_file *file, int delete) {
    return FORWARD(file, xShmUnmap, delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = crash_close,
    .xRead = crash_read,
    .xWrite = crash_write,
    .xTruncate = crash_truncate,
    .xSync = crash_sync,
    .xFileSize = crash_size,
    .xLock = crash_lock,
    .xUnlock = crash_unlock,
    .xCheckReservedLock = crash_check_lock,
    .xFileControl = crash_control,
    .xSectorSize = crash_sector,
    .xDeviceCharacteristics = crash_device,
    .xShmMap = crash_shm_map,
    .xShmLock = crash_shm_lock,
    .xShmBarrier = crash_shm_barrier,
    .xShmUnmap = crash_shm_unmap,
};

// ---- The VFS ----

static int crash_open(
    sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags) {
    (void)vfs;
    struct crash_folder *folder = folder_of(path);
    if (!folder) return system_vfs->xOpen(system_vfs, path, file, flags, out_flags);
    struct crash_file *ours = (struct crash_file *)file;
    ours->base.pMethods = NULL;
    ours->real = (sqlite3_file *)(ours + 1);
    int was_there = 0;
    system_vfs->xAccess(system_vfs, path, SQLITE_ACCESS_EXISTS, &was_there);
    int outcome = system_vfs->xOpen(system_vfs, path, ours->real, flags, out_flags);
    if (outcome != SQLITE_OK) {
        release(folder);
        return outcome;
    }
    ours->folder = folder;
    ours->name = strdup(path + strlen(folder->path) + 1);
    ours->base.pMethods = &methods;
    if (!was_there) {
        struct crash_record record = {.operation = CRASH_CREATE, .name = ours->name};
        append(folder, record, NULL);
    }
    return SQLITE_OK;
}

static int crash_delete(sqlite3_vfs *vfs, const char *path, int sync) {
    (void)vfs;
    struct crash_folder *folder = folder_of(path);
    if (folder) {
        struct crash_record record = {
            .operation = CRASH_DELETE, .name = path + strlen(folder->path) + 1};
        append(folder, record, NULL);
        release(folder);
    }
    return system_vfs->xDelete(system_vfs, path, sync);
}

static void install(void) {
    system_vfs = sqlite3_vfs_find(NULL);
    crash_vfs = *system_vfs;
    crash_vfs.pNext = NULL;
    crash_vfs.zName = "muster-crash";
    crash_vfs.szOsFile = system_vfs->szOsFile + (int)sizeof(struct crash_file);
    crash_vfs.xOpen = crash_open;
    crash_vfs.xDelete = crash_delete;
    sqlite3_vfs_register(&crash_vfs, 1);
}

struct crash_folder *crash_watch(const char *path) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    struct crash_folder *folder = calloc(1, sizeof *folder);
    if (!folder) return NULL;
    folder->path = strdup(path);
    folder->references = 1;
    pthread_mutex_lock(&mutex);
    int at = 0;
    while (at < FOLDERS_MAX && folders[at]) at++;
    if (at < FOLDERS_MAX) folders[at] = folder;
    pthread_mutex_unlock(&mutex);
    if (at < FOLDERS_MAX) return folder;
    free(folder->path);
    free(folder);
    return NULL;
}

void crash_unwatch(struct crash_folder *folder) {
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < FOLDERS_MAX; i++) {
        if (folders[i] == folder) folders[i] = NULL;
    }
    pthread_mutex_unlock(&mutex);
    release(folder);
}

int64_t crash_count(struct crash_folder *folder) {
    pthread_mutex_lock(&mutex);
    int64_t count = folder->count;
    pthread_mutex_unlock(&mutex);
    return count;
}

struct crash_record crash_get(struct crash_folder *folder, int64_t index) {
    pthread_mutex_lock(&mutex);
    if (index < 0 || index >= folder->count) abort();
    struct crash_record record = folder->records[index];
    pthread_mutex_unlock(&mutex);
    return record;
}

void crash_set_fault(
    struct crash_folder *folder, enum crash_fault fault, int64_t skip, int sticky) {
    pthread_mutex_lock(&mutex);
    folder->fault = fault;
    folder->skip = skip;
    folder->sticky = sticky;
    folder->hit = 0;
    pthread_mutex_unlock(&mutex);
}

int64_t crash_faults_hit(struct crash_folder *folder) {
    pthread_mutex_lock(&mutex);
    int64_t hit = folder->hit;
    pthread_mutex_unlock(&mutex);
    return hit;
}
