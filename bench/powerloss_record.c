/*
 * Copyright (C) The Pharos Authors
 *
 * Powerloss, the recorder: preloaded into nginx, it writes down all that is
 * done to the files of a folder, in order, and when a request was answered
 * with success that had the header "X-Power: stream number".  An answer is
 * noted before its first byte goes out, a write and a flush before they are
 * done and after: whoever cuts the log anywhere knows what a disk could
 * have at that moment.
 *
 * PHAROS_RECORD: the log.  PHAROS_RECORD_DIR: the folder.
 */

#include "powerloss.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>


#define RECORD_FILES  4096      /* descriptors that are looked at */
#define RECORD_PARTS  1000      /* of a writev() */
#define RECORD_FD     1000      /* out of nginx's way */

#define RECORD_REAL(name)                                                     \
    static __typeof__(&name)  real;                                           \
    if (real == NULL) {                                                       \
        real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name);                   \
    }

typedef enum {
    RECORD_OTHER = 0,
    RECORD_FILE,
    RECORD_SYNC_FILE,   /* opened O_SYNC or O_DSYNC */
    RECORD_FOLDER
} record_e;


typedef struct {
    uint64_t  file;
    uint64_t  stream;
    uint64_t  number;
    uint8_t   kind;     /* record_e */
    uint8_t   asked;    /* a request with our header waits for its answer */
} record_fd_t;


static int          record_log = -1;
static char         record_dir[4096];
static record_fd_t  record_fds[RECORD_FILES];


static void
record_say(power_e kind, uint64_t file, uint64_t at, const struct iovec *v,
    int n)
{
    int              i;
    power_head_t     h;
    size_t           padding;
    struct iovec     all[RECORD_PARTS + 2];
    struct timespec  ts;

    static char      zeros[POWER_ALIGN];
    static ssize_t  (*real)(int, const struct iovec *, int);

    if (real == NULL) {
        real = (ssize_t (*)(int, const struct iovec *, int))
               dlsym(RTLD_NEXT, "writev");
    }

    if (record_log == -1) {
        return;
    }

    if (n > RECORD_PARTS) {
        abort();
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    memset(&h, 0, sizeof(h));
    h.magic = POWER_MAGIC;
    h.kind = kind;
    h.file = file;
    h.at = at;
    h.us = (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
    h.pid = (uint32_t) getpid();

    for (i = 0; i < n; i++) {
        h.len += (uint32_t) v[i].iov_len;
        all[i + 1] = v[i];
    }

    all[0].iov_base = &h;
    all[0].iov_len = sizeof(h);
    padding = power_size(h.len) - h.len;
    all[n + 1].iov_base = zeros;
    all[n + 1].iov_len = padding;

    /* one call, and the file is opened to append: whole and in order */

    if (real(record_log, all, n + 2)
        != (ssize_t) (sizeof(h) + h.len + padding))
    {
        abort();
    }
}


__attribute__((constructor)) static void
record_begin(void)
{
    int    fd;
    char  *name, *dir;

    name = getenv("PHAROS_RECORD");
    dir = getenv("PHAROS_RECORD_DIR");

    if (name == NULL || dir == NULL) {
        return;
    }

    snprintf(record_dir, sizeof(record_dir), "%s", dir);

    fd = open(name, O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC, 0666);
    if (fd != -1) {
        record_log = fcntl(fd, F_DUPFD_CLOEXEC, RECORD_FD);
        (void) close(fd);
    }
}


/* the name within the folder, "" for the folder itself, NULL: another */

static const char *
record_name(const char *path)
{
    size_t  n;

    n = strlen(record_dir);

    if (n == 0 || strncmp(path, record_dir, n) != 0) {
        return NULL;
    }

    if (path[n] == '\0' || (path[n] == '/' && path[n + 1] == '\0')) {
        return "";
    }

    return path[n] == '/' && strchr(path + n + 1, '/') == NULL
           ? path + n + 1 : NULL;
}


static record_fd_t *
record_of(int fd)
{
    return fd >= 0 && fd < RECORD_FILES ? &record_fds[fd] : NULL;
}


static int
record_is_file(const record_fd_t *f)
{
    return f && (f->kind == RECORD_FILE || f->kind == RECORD_SYNC_FILE);
}


static int
record_opened(int fd, const char *path, int flags)
{
    int           saved;
    const char   *name;
    struct stat   st;
    record_fd_t  *f;
    struct iovec  v;

    saved = errno;
    f = record_of(fd);
    name = fd == -1 ? NULL : record_name(path);

    if (f) {
        memset(f, 0, sizeof(record_fd_t));
    }

    if (f && name && fstat(fd, &st) == 0) {
        f->file = st.st_ino;
        f->kind = S_ISDIR(st.st_mode) ? RECORD_FOLDER
                  : flags & O_DSYNC ? RECORD_SYNC_FILE : RECORD_FILE;

        if (f->kind != RECORD_FOLDER) {
            v.iov_base = (void *) name;
            v.iov_len = strlen(name) + 1;
            record_say(POWER_OPEN, f->file, (uint64_t) flags, &v, 1);
        }
    }

    errno = saved;

    return fd;
}


static int
record_open(int (*real)(const char *path, int flags, ...), const char *path,
    int flags, va_list args)
{
    int  mode;

    mode = flags & O_CREAT ? va_arg(args, int) : 0;

    return record_opened(real(path, flags, mode), path, flags);
}


int
open(const char *path, int flags, ...)
{
    int      fd;
    va_list  args;

    RECORD_REAL(open);

    va_start(args, flags);
    fd = record_open(real, path, flags, args);
    va_end(args);

    return fd;
}


int
open64(const char *path, int flags, ...)
{
    int      fd;
    va_list  args;

    RECORD_REAL(open64);

    va_start(args, flags);
    fd = record_open(real, path, flags, args);
    va_end(args);

    return fd;
}


int
close(int fd)
{
    record_fd_t  *f;

    RECORD_REAL(close);

    f = record_of(fd);
    if (f) {
        memset(f, 0, sizeof(record_fd_t));
    }

    return real(fd);
}


/* before a write: what it is about to do to a file, or to say to a client */

static void
record_before(int fd, const struct iovec *v, int n, uint64_t at)
{
    record_fd_t  *f;
    const char   *p;

    f = record_of(fd);

    if (record_is_file(f)) {
        record_say(POWER_WRITE, f->file, at, v, n);

    } else if (f && f->asked && n && v[0].iov_len >= 12) {
        p = v[0].iov_base;

        if (memcmp(p, "HTTP/1.", 7) == 0) {
            f->asked = 0;

            if (p[9] == '2') {
                record_say(POWER_ACK, f->stream, f->number, NULL, 0);
            }
        }
    }
}


static ssize_t
record_after(int fd, ssize_t rc)
{
    int           saved;
    record_fd_t  *f;

    f = record_of(fd);

    if (rc > 0 && record_is_file(f)) {
        saved = errno;
        record_say(POWER_WROTE, f->file, f->kind == RECORD_SYNC_FILE, NULL,
                   0);
        errno = saved;
    }

    return rc;
}


static uint64_t
record_place(int fd)
{
    return record_is_file(record_of(fd))
           ? (uint64_t) lseek(fd, 0, SEEK_CUR) : 0;
}


ssize_t
write(int fd, const void *buf, size_t n)
{
    struct iovec  v = { (void *) buf, n };

    RECORD_REAL(write);
    record_before(fd, &v, 1, record_place(fd));

    return record_after(fd, real(fd, buf, n));
}


ssize_t
writev(int fd, const struct iovec *v, int n)
{
    RECORD_REAL(writev);
    record_before(fd, v, n, record_place(fd));

    return record_after(fd, real(fd, v, n));
}


ssize_t
pwrite(int fd, const void *buf, size_t n, off_t at)
{
    struct iovec  v = { (void *) buf, n };

    RECORD_REAL(pwrite);
    record_before(fd, &v, 1, (uint64_t) at);

    return record_after(fd, real(fd, buf, n, at));
}


ssize_t
pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
    struct iovec  v = { (void *) buf, n };

    RECORD_REAL(pwrite64);
    record_before(fd, &v, 1, (uint64_t) at);

    return record_after(fd, real(fd, buf, n, at));
}


ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    RECORD_REAL(pwritev);
    record_before(fd, v, n, (uint64_t) at);

    return record_after(fd, real(fd, v, n, at));
}


ssize_t
pwritev64(int fd, const struct iovec *v, int n, off64_t at)
{
    RECORD_REAL(pwritev64);
    record_before(fd, v, n, (uint64_t) at);

    return record_after(fd, real(fd, v, n, at));
}


static void
record_truncate(int fd, uint64_t len)
{
    record_fd_t  *f;

    f = record_of(fd);

    if (record_is_file(f)) {
        record_say(POWER_TRUNCATE, f->file, len, NULL, 0);
    }
}


int
ftruncate(int fd, off_t len)
{
    RECORD_REAL(ftruncate);
    record_truncate(fd, (uint64_t) len);

    return real(fd, len);
}


int
ftruncate64(int fd, off64_t len)
{
    RECORD_REAL(ftruncate64);
    record_truncate(fd, (uint64_t) len);

    return real(fd, len);
}


static void
record_sync(int fd, int rc, int ended)
{
    int           saved;
    record_fd_t  *f;

    f = record_of(fd);

    if (f == NULL || f->kind == RECORD_OTHER || rc != 0) {
        return;
    }

    saved = errno;

    if (f->kind == RECORD_FOLDER) {
        record_say(ended ? POWER_SYNCED_FOLDER : POWER_SYNC_FOLDER, 0, 0,
                   NULL, 0);
    } else {
        record_say(ended ? POWER_SYNCED : POWER_SYNC, f->file, 0, NULL, 0);
    }

    errno = saved;
}


int
fsync(int fd)
{
    int  rc;

    RECORD_REAL(fsync);

    record_sync(fd, 0, 0);
    rc = real(fd);
    record_sync(fd, rc, 1);

    return rc;
}


int
fdatasync(int fd)
{
    int  rc;

    RECORD_REAL(fdatasync);

    record_sync(fd, 0, 0);
    rc = real(fd);
    record_sync(fd, rc, 1);

    return rc;
}


/* nothing of a store is written through a map: that would be lost here */

int
msync(void *p, size_t n, int flags)
{
    fprintf(stderr, "powerloss: msync() is not recorded\n");
    abort();
}


int
rename(const char *from, const char *to)
{
    struct iovec  v[2];

    RECORD_REAL(rename);

    v[0].iov_base = (void *) record_name(from);
    v[1].iov_base = (void *) record_name(to);

    if (v[0].iov_base && v[1].iov_base) {
        v[0].iov_len = strlen(v[0].iov_base) + 1;
        v[1].iov_len = strlen(v[1].iov_base) + 1;
        record_say(POWER_RENAME, 0, 0, v, 2);
    }

    return real(from, to);
}


int
unlink(const char *path)
{
    struct iovec  v;

    RECORD_REAL(unlink);

    v.iov_base = (void *) record_name(path);

    if (v.iov_base) {
        v.iov_len = strlen(v.iov_base) + 1;
        record_say(POWER_UNLINK, 0, 0, &v, 1);
    }

    return real(path);
}


ssize_t
recv(int fd, void *buf, size_t size, int flags)
{
    char                head[2048], *p;
    size_t              n;
    ssize_t             rc;
    socklen_t           len;
    record_fd_t        *f;
    struct sockaddr_un  sa;

    RECORD_REAL(recv);

    rc = real(fd, buf, size, flags);
    f = record_of(fd);

    if (rc > 0 && f && !(flags & MSG_PEEK)) {
        n = (size_t) rc < sizeof(head) - 1 ? (size_t) rc : sizeof(head) - 1;
        memcpy(head, buf, n);
        head[n] = '\0';

        p = strstr(head, "\nX-Power: ");
        len = sizeof(sa);

        /* a worker only passes it on */

        if (p && getsockname(fd, (struct sockaddr *) &sa, &len) == 0
            && sa.sun_family == AF_UNIX)
        {
            f->asked = 1;
            f->stream = strtoull(p + 10, &p, 10);
            f->number = strtoull(p, NULL, 10);
        }
    }

    return rc;
}


ssize_t
send(int fd, const void *buf, size_t n, int flags)
{
    struct iovec  v = { (void *) buf, n };

    RECORD_REAL(send);
    record_before(fd, &v, 1, 0);

    return real(fd, buf, n, flags);
}
