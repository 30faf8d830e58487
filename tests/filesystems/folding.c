/* Lets names below the folder in SHIM_BELOW be found in any case of their letters, as on macOS and Windows.
 *
 * The case of a new name is kept. What a rename replaces takes the new name (macOS, Windows), or keeps the old one if
 * SHIM_KEEPS is set (Linux). A rename to a path with the text in SHIM_FAILS is refused, and one in
 * SHIM_KILLS ends the process. Letters are those of ASCII; the targets of links are as they are. Loaded with LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(result, name, ...) ((result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

typedef char Path[2 * PATH_MAX];

static int is_there(const char *path) {
    struct stat found;
    return syscall(SYS_newfstatat, AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Replace the name that begins at `name` in `path` by the one that the folder has for it. */
static void fold_name(char *path, char *name, size_t length) {
    char folder[sizeof(Path)];
    size_t above = name - path;
    memcpy(folder, path, above);
    folder[above] = 0;
    DIR *listing = REAL(DIR *, "opendir", const char *)(folder);
    struct dirent *entry;
    while (listing && (entry = readdir(listing)))
        if (strlen(entry->d_name) == length && strncasecmp(entry->d_name, name, length) == 0) {
            memcpy(name, entry->d_name, length);
            break;
        }
    if (listing) closedir(listing);
}

/* Return `path` as it is on the disk; what is not there is as it was given. */
static const char *fold(int folder, const char *path, Path whole) {
    const char *root = getenv("SHIM_BELOW");
    int error = errno;
    if (!root || !path || !*path) return path;
    if (path[0] == '/') {
        if (strlen(path) >= sizeof(Path)) return path;
        strcpy(whole, path);
    } else {
        char base[PATH_MAX], link[64];
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
        if (length < 0 || length + strlen(path) + 2 > sizeof(Path)) return errno = error, path;
        base[length] = 0;
        snprintf(whole, sizeof(Path), "%s/%s", base, path);
    }
    size_t above = strlen(root);
    if (strncmp(whole, root, above) || whole[above] != '/' || is_there(whole)) return errno = error, path;
    for (char *name = whole + above; *name;) {
        char *end = name + strspn(name, "/");
        name = end;
        end += strcspn(end, "/");
        if (end == name) break;
        char kept = *end;
        *end = 0;
        if (!is_there(whole)) fold_name(whole, name, end - name);
        int stop = !is_there(whole);
        *end = kept;
        if (stop) break;
        name = end;
    }
    errno = error;
    return whole;
}

#define FOLD(path) Path whole_##path; path = fold(AT_FDCWD, path, whole_##path)
#define FOLD_AT(folder, path) Path whole_##path; path = fold(folder, path, whole_##path)

#define ONE(result, name) \
    result name(const char *path) { FOLD(path); return REAL(result, #name, const char *)(path); }
#define TWO(result, name, type) \
    result name(const char *path, type a) { FOLD(path); return REAL(result, #name, const char *, type)(path, a); }
#define THREE(result, name, type, other) \
    result name(const char *path, type a, other b) { \
        FOLD(path); return REAL(result, #name, const char *, type, other)(path, a, b); }
#define AT_ONE(result, name, type) \
    result name(int folder, const char *path, type a) { \
        FOLD_AT(folder, path); return REAL(result, #name, int, const char *, type)(folder, path, a); }
#define AT_TWO(result, name, type, other) \
    result name(int folder, const char *path, type a, other b) { \
        FOLD_AT(folder, path); return REAL(result, #name, int, const char *, type, other)(folder, path, a, b); }

ONE(int, unlink) ONE(int, rmdir) ONE(int, chdir) ONE(DIR *, opendir)
TWO(int, access, int) TWO(int, chmod, mode_t) TWO(int, mkdir, mode_t) TWO(int, truncate, off_t)
TWO(int, stat, struct stat *) TWO(int, lstat, struct stat *) TWO(int, stat64, struct stat64 *)
TWO(int, lstat64, struct stat64 *) TWO(int, utimes, const struct timeval *)
TWO(FILE *, fopen, const char *) TWO(FILE *, fopen64, const char *) TWO(int, mkfifo, mode_t)
THREE(ssize_t, readlink, char *, size_t) THREE(ssize_t, listxattr, char *, size_t)
THREE(ssize_t, llistxattr, char *, size_t) TWO(int, execv, char *const *) THREE(int, execve, char *const *, char *const *)
THREE(int, chown, uid_t, gid_t) THREE(int, lchown, uid_t, gid_t)
AT_ONE(int, unlinkat, int) AT_ONE(int, mkdirat, mode_t)
AT_TWO(int, faccessat, int, int) AT_TWO(int, fchmodat, mode_t, int) AT_TWO(int, fstatat, struct stat *, int)
AT_TWO(int, fstatat64, struct stat64 *, int) AT_TWO(ssize_t, readlinkat, char *, size_t)
AT_TWO(int, utimensat, const struct timespec *, int)

int statx(int folder, const char *path, int flags, unsigned mask, struct statx *found) {
    FOLD_AT(folder, path);
    return REAL(int, "statx", int, const char *, int, unsigned, struct statx *)(folder, path, flags, mask, found);
}

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = mode_of(flags, rest); va_end(rest); \
        FOLD(path); return REAL(int, #name, const char *, int, mode_t)(path, flags, mode); }
#define OPEN_AT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = mode_of(flags, rest); va_end(rest); \
        FOLD_AT(folder, path); return REAL(int, #name, int, const char *, int, mode_t)(folder, path, flags, mode); }

OPEN(open) OPEN(open64) OPEN_AT(openat) OPEN_AT(openat64)

int symlink(const char *target, const char *path) {
    FOLD(path);
    return REAL(int, "symlink", const char *, const char *)(target, path);
}

int symlinkat(const char *target, int folder, const char *path) {
    FOLD_AT(folder, path);
    return REAL(int, "symlinkat", const char *, int, const char *)(target, folder, path);
}

int link(const char *from, const char *to) {
    FOLD(from);
    FOLD(to);
    return REAL(int, "link", const char *, const char *)(from, to);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
    FOLD_AT(a, from);
    FOLD_AT(b, to);
    return REAL(int, "linkat", int, const char *, int, const char *, int)(a, from, b, to, flags);
}

/* Give what lies at `there` the last name of `asked`. */
static void name_as_asked(const char *asked, const char *there) {
    const char *name = strrchr(asked, '/'), *last = strrchr(there, '/');
    Path wanted;
    name = name ? name + 1 : asked;
    snprintf(wanted, sizeof wanted, "%.*s%s", (int)(last ? last + 1 - there : 0), there, name);
    if (strcmp(wanted, there)) REAL(int, "rename", const char *, const char *)(there, wanted);
}

int rename(const char *from, const char *to) {
    const char *asked = to;
    FOLD(from);
    FOLD(to);
    const char *fails = getenv("SHIM_FAILS");
    if (fails && strstr(to, fails) && !strstr(to, "/stage/")) return errno = EIO, -1;
    const char *kills = getenv("SHIM_KILLS");
    if (kills && strstr(to, kills) && !strstr(to, "/stage/")) _exit(137);
    int is_itself = strcasecmp(from, to) == 0;
    if (is_itself || !is_there(to)) {
        if (is_itself) return name_as_asked(asked, to), 0;
        return REAL(int, "rename", const char *, const char *)(from, to);
    }
    int done = REAL(int, "rename", const char *, const char *)(from, to);
    if (done == 0 && !getenv("SHIM_KEEPS")) name_as_asked(asked, to);
    return done;
}

int renameat(int a, const char *from, int b, const char *to) {
    FOLD_AT(a, from);
    FOLD_AT(b, to);
    return a == AT_FDCWD && b == AT_FDCWD ? rename(from, to)
                                          : REAL(int, "renameat", int, const char *, int, const char *)(a, from, b, to);
}
