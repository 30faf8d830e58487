/* Refuses calls of the C library as some file systems do, for paths below the folder in SHIM_BELOW.
 *
 * SHIM_REFUSES lists what: sync (fsync of a folder: CIFS, sshfs), link (FAT, CIFS, sshfs), lock (flock: some network
 * file systems), mode (chmod: CIFS, FAT), move (rename of a folder: lower layers of overlayfs), quota (a write of
 * 64 KiB or more, with EDQUOT). Loaded with LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuses(const char *what) {
    const char *list = getenv("SHIM_REFUSES");
    return list && strstr(list, what);
}

static int is_below(int folder, const char *path) {
    const char *root = getenv("SHIM_BELOW");
    char whole[2 * PATH_MAX], base[PATH_MAX], link[64];
    ssize_t length;
    if (!root || !path) return 0;
    if (path[0] != '/') {
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            length = readlink(link, base, sizeof base - 1);
            if (length < 0) return 0;
            base[length] = 0;
        }
        snprintf(whole, sizeof whole, "%s/%s", base, path);
        path = whole;
    }
    return strncmp(path, root, strlen(root)) == 0;
}

static int is_open_below(int descriptor) { return is_below(descriptor, "."); }

static int is_file_below(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(AT_FDCWD, path);
}

static int is_folder(int folder, const char *path) {
    struct stat found;
    return fstatat(folder, path, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(found.st_mode);
}

static int no(int error) { errno = error; return -1; }

#define REAL(name, ...) ((int (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

int fsync(int descriptor) {
    struct stat found;
    if (refuses("sync") && fstat(descriptor, &found) == 0 && S_ISDIR(found.st_mode) && is_open_below(descriptor))
        return no(EINVAL);
    return REAL("fsync", int)(descriptor);
}

int link(const char *from, const char *to) {
    return refuses("link") && is_below(AT_FDCWD, to) ? no(EPERM) : REAL("link", const char *, const char *)(from, to);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
    if (refuses("link") && is_below(b, to)) return no(EPERM);
    return REAL("linkat", int, const char *, int, const char *, int)(a, from, b, to, flags);
}

int flock(int descriptor, int operation) {
    return refuses("lock") && is_file_below(descriptor) ? no(ENOLCK) : REAL("flock", int, int)(descriptor, operation);
}

int chmod(const char *path, mode_t mode) {
    return refuses("mode") && is_below(AT_FDCWD, path) ? no(EPERM) : REAL("chmod", const char *, mode_t)(path, mode);
}

int fchmod(int descriptor, mode_t mode) {
    return refuses("mode") && is_file_below(descriptor) ? no(EPERM) : REAL("fchmod", int, mode_t)(descriptor, mode);
}

int fchmodat(int folder, const char *path, mode_t mode, int flags) {
    if (refuses("mode") && is_below(folder, path)) return no(EPERM);
    return REAL("fchmodat", int, const char *, mode_t, int)(folder, path, mode, flags);
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    if (length >= 65536 && refuses("quota") && is_file_below(descriptor)) return no(EDQUOT);
    return ((ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write"))(descriptor, bytes, length);
}

static int is_lower(const char *path) { return strstr(path, "site-packages") != NULL; }

int rename(const char *from, const char *to) {
    if (refuses("move") && is_lower(from) && is_below(AT_FDCWD, from) && is_folder(AT_FDCWD, from)) return no(EXDEV);
    return REAL("rename", const char *, const char *)(from, to);
}
