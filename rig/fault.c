/* A disk that fails on demand, for one process: preload it, and touch a flag file.
 *
 * While the file that RIG_FAULT_SYNC names exists, fsync and fdatasync of regular files answer
 * EIO; while the one that RIG_FAULT_WRITE names exists, writes to regular files answer ENOSPC.
 * Nothing else is changed: sockets, pipes and directories work on. What was written before a
 * failed sync stays in the page cache, which a real disk would not promise; so this shows what a
 * program answers when its disk says no, and not what the disk keeps.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(const char *variable, int file) {
    struct stat status;
    const char *flag = getenv(variable);
    if (flag == NULL || access(flag, F_OK) != 0)
        return 0;
    return fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define SYNC(name)                                                                                 \
    int name(int file) {                                                                           \
        if (fails("RIG_FAULT_SYNC", file)) {                                                       \
            errno = EIO;                                                                           \
            return -1;                                                                             \
        }                                                                                          \
        return NEXT(name)(file);                                                                   \
    }

SYNC(fsync)
SYNC(fdatasync)

#define WRITE_AT(name, offset_t)                                                                   \
    ssize_t name(int file, const void *bytes, size_t size, offset_t offset) {                      \
        if (fails("RIG_FAULT_WRITE", file)) {                                                      \
            errno = ENOSPC;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        return NEXT(name)(file, bytes, size, offset);                                              \
    }

WRITE_AT(pwrite, off_t)
WRITE_AT(pwrite64, off64_t)
