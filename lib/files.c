#include "lib/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/xalloc.h"

static int fail(const char *path, int why, struct err *err)
{
    enum err_code code = ERR_UNAVAILABLE;
    if (why == ENOENT || why == ENOTDIR) code = ERR_NOT_FOUND;
    if (why == EACCES || why == EPERM) code = ERR_DENIED;
    if (why == EISDIR || why == ELOOP || why == ENAMETOOLONG) code = ERR_INVALID;
    return err_set(err, code, "%s: %s", path, strerror(why));
}

static int open_file(const char *path, struct stat *st, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return fail(path, errno, err);
    int why = fstat(fd, st) < 0 ? errno : S_ISDIR(st->st_mode) ? EISDIR : 0;
    if (!why) return fd;
    close(fd);
    return fail(path, why, err);
}

/* realloc that leaves no copy of a secret behind. */
static char *grow(char *old, size_t used, size_t cap)
{
    char *new = xmalloc(cap);
    if (used) memcpy(new, old, used);
    if (old) explicit_bzero(old, used);
    free(old);
    return new;
}

static void forget(char *text, size_t used)
{
    if (text) explicit_bzero(text, used);
    free(text);
}

int file_read(const char *path, size_t max, char **text, size_t *len, struct err *err)
{
    struct stat st;
    int fd = open_file(path, &st, err);
    if (fd < 0) return -1;
    /* The size is a hint: pipes and /proc have none, and a file may grow under us. One byte more
     * than allowed is asked for, to see that there is more; one is for the '\0'. */
    size_t cap = st.st_size > 0 && (size_t)st.st_size <= max ? (size_t)st.st_size + 2 : 4096;
    size_t used = 0;
    char *buffer = grow(NULL, 0, cap);
    for (;;) {
        if (used + 1 == cap) buffer = grow(buffer, used, cap *= 2);
        ssize_t n = read(fd, buffer + used, cap - 1 - used);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail(path, errno, err);
        if (n > 0) used += (size_t)n;
        if (used > max) err_set(err, ERR_TOO_BIG, "%s: over %zu bytes", path, max);
        if (n < 0 || used > max) {
            close(fd);
            forget(buffer, used);
            return -1;
        }
        if (n == 0) break;
    }
    close(fd);
    buffer[used] = '\0';
    *text = buffer;
    if (len) *len = used;
    return 0;
}

int file_check(const char *path, struct err *err)
{
    struct stat st;
    int fd = open_file(path, &st, err);
    if (fd < 0) return -1;
    close(fd);
    return 0;
}

int file_identify(const char *path, struct file_identity *out, struct err *err)
{
    struct stat st;
    if (stat(path, &st) < 0) return fail(path, errno, err);
    *out = (struct file_identity){
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = st.st_size,
        .changed_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
    };
    return 0;
}

bool file_identity_same(const struct file_identity *a, const struct file_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed_ns == b->changed_ns;
}
