// A SQLite VFS for tests. It passes everything on to the system's own, and for files below a
// watched folder it keeps a trace of every write, truncation, sync and deletion, from which a test
// builds what a power cut could have left at any point; and it makes the calls fail that a test
// wants to fail. Files elsewhere are not touched.
#ifndef MUSTER_CRASHVFS_H
#define MUSTER_CRASHVFS_H

#include <stdint.h>

enum crash_operation {
    CRASH_WRITE = 1,
    CRASH_TRUNCATE = 2,
    CRASH_SYNC = 3,
    CRASH_DELETE = 4,
    CRASH_CREATE = 5,
};

struct crash_record {
    enum crash_operation operation;
    const char *name;       // of the file, without the folder
    int64_t offset;         // of a write; the new size of a truncation
    int64_t count;          // bytes of a write
    const uint8_t *bytes;   // of a write
};

enum crash_fault {
    CRASH_FAULT_NONE = 0,
    CRASH_FAULT_SYNC_ERROR = 1,     // a sync fails with EIO
    CRASH_FAULT_WRITE_FULL = 2,     // a write fails with ENOSPC
    CRASH_FAULT_WRITE_ERROR = 3,    // a write fails with EIO
};

struct crash_folder;

// Watches a folder, given as an absolute path without links. NULL when too many are watched.
// Registers the VFS as the default one at the first call.
struct crash_folder *crash_watch(const char *path);
// Ends the watching. The trace is freed once the last file in the folder is closed.
void crash_unwatch(struct crash_folder *folder);

int64_t crash_count(struct crash_folder *folder);
struct crash_record crash_get(struct crash_folder *folder, int64_t index);

// Lets the `skip`-th call from now fail that is of the kind; and all later ones, if sticky.
void crash_set_fault(struct crash_folder *folder, enum crash_fault fault, int64_t skip, int sticky);
// How many calls have failed since the fault was set.
int64_t crash_faults_hit(struct crash_folder *folder);

#endif
