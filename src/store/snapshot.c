/*
 * Copyright (C) The Pharos Authors
 *
 * Snapshot: a copy of the store beside it, in a folder of its own.  It is
 * made under another name and renamed when it is whole and on the disk, so
 * that no half of one is ever taken for a snapshot.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "store/internal.h"


#define PHR_SNAPSHOT_NAME  64

/* the name of a snapshot that is being made, or never will be */
#define PHR_SNAPSHOT_PART  ".part"

/* of the disk, for others */
#define PHR_SNAPSHOT_SPARE (64ULL << 20)


static int phr_snapshot_error(phr_err_t *err, const char *what,
    const char *name);
static int phr_snapshot_folder(phr_store_t *st, int *dir, phr_err_t *err);
static void phr_snapshot_sweep(int dir);
static int phr_snapshot_room(phr_store_t *st, const phr_store_copy_t *copy,
    phr_err_t *err);
static int phr_snapshot_make(int dir, const char *part, const char *name,
    phr_store_copy_t *copy, const volatile int *stop, phr_err_t *err);
static int phr_snapshot_write(int dir, const char *part,
    phr_store_copy_t *copy, const volatile int *stop, phr_err_t *err);
static int phr_snapshot_fill(int fd, phr_store_copy_t *copy, char *buf,
    const volatile int *stop, phr_err_t *err);
static int phr_snapshot_put(int fd, const char *buf, size_t n, off_t at,
    phr_err_t *err);
static int phr_snapshot_zeros(const char *buf, size_t n);


int
phr_store_snapshot(phr_store_t *st, const char *name,
    const volatile int *stop, phr_err_t *err)
{
    int                rc, dir;
    char               part[PHR_SNAPSHOT_NAME];
    phr_store_copy_t  *copy;

    if ((size_t) snprintf(part, sizeof(part), "%s" PHR_SNAPSHOT_PART, name)
        >= sizeof(part))
    {
        return phr_err_set(err, PHR_EINVAL, "the name is too long");
    }

    copy = NULL;
    dir = -1;

    rc = phr_snapshot_folder(st, &dir, err);
    if (rc == PHR_OK) {
        phr_snapshot_sweep(dir);
        rc = phr_store_copy_open(st, &copy, err);
    }
    if (rc == PHR_OK) {
        rc = phr_snapshot_room(st, copy, err);
    }
    if (rc == PHR_OK) {
        rc = phr_snapshot_make(dir, part, name, copy, stop, err);

        if (rc != PHR_OK) {
            phr_snapshot_sweep(dir);
        }
    }

    phr_store_copy_close(copy);

    if (dir != -1) {
        (void) close(dir);
    }

    return rc;
}


static int
phr_snapshot_error(phr_err_t *err, const char *what, const char *name)
{
    int  code;

    code = errno == ENOSPC || errno == EDQUOT ? PHR_ENOSPC
           : errno == EEXIST || errno == ENOTEMPTY ? PHR_EINVAL : PHR_EIO;

    return phr_err_set(err, code, "%s \"snapshots/%s\" failed: %s", what,
                       name, strerror(errno));
}


static int
phr_snapshot_folder(phr_store_t *st, int *dir, phr_err_t *err)
{
    int  fd;

    fd = open(phr_env_path(st->env), O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (fd == -1) {
        return phr_snapshot_error(err, "open()", "..");
    }

    if (mkdirat(fd, "snapshots", 0700) == -1 && errno != EEXIST) {
        (void) close(fd);
        return phr_snapshot_error(err, "mkdir()", "");
    }

    *dir = openat(fd, "snapshots", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    (void) close(fd);

    return *dir != -1 ? PHR_OK : phr_snapshot_error(err, "open()", "");
}


/* what a failure, or the death of the process, has left */
static void
phr_snapshot_sweep(int dir)
{
    int             fd;
    DIR            *d;
    char            name[PHR_SNAPSHOT_NAME + 16];
    size_t          len;
    struct dirent  *e;

    fd = openat(dir, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    d = fd != -1 ? fdopendir(fd) : NULL;

    if (d == NULL) {
        if (fd != -1) {
            (void) close(fd);
        }
        return;
    }

    while ((e = readdir(d)) != NULL) {
        len = strlen(e->d_name);

        if (len < sizeof(PHR_SNAPSHOT_PART) - 1 || len >= PHR_SNAPSHOT_NAME
            || strcmp(e->d_name + len - (sizeof(PHR_SNAPSHOT_PART) - 1),
                      PHR_SNAPSHOT_PART) != 0)
        {
            continue;
        }

        snprintf(name, sizeof(name), "%.*s/data.mdb", PHR_SNAPSHOT_NAME,
                 e->d_name);

        (void) unlinkat(dir, name, 0);
        (void) unlinkat(dir, e->d_name, AT_REMOVEDIR);
    }

    (void) closedir(d);
}


static int
phr_snapshot_room(phr_store_t *st, const phr_store_copy_t *copy,
    phr_err_t *err)
{
    int             rc;
    phr_env_disk_t  disk;

    rc = phr_env_disk(st->env, &disk, err);

    if (rc == PHR_OK
        && disk.free_bytes < phr_store_copy_used(copy) + PHR_SNAPSHOT_SPARE)
    {
        rc = phr_err_set(err, PHR_ENOSPC, "a snapshot takes %llu bytes, the "
                         "disk has %llu", (unsigned long long)
                         phr_store_copy_used(copy),
                         (unsigned long long) disk.free_bytes);
    }

    return rc;
}


static int
phr_snapshot_make(int dir, const char *part, const char *name,
    phr_store_copy_t *copy, const volatile int *stop, phr_err_t *err)
{
    int  rc;

    if (mkdirat(dir, part, 0700) == -1) {
        return phr_snapshot_error(err, "mkdir()", part);
    }

    rc = phr_snapshot_write(dir, part, copy, stop, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (renameat(dir, part, dir, name) == -1) {
        return phr_snapshot_error(err, "rename()", part);
    }

    return fsync(dir) == 0 ? PHR_OK : phr_snapshot_error(err, "fsync()", "");
}


static int
phr_snapshot_write(int dir, const char *part, phr_store_copy_t *copy,
    const volatile int *stop, phr_err_t *err)
{
    int    rc, fd, folder;
    char  *buf;

    folder = openat(dir, part, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (folder == -1) {
        return phr_snapshot_error(err, "open()", part);
    }

    buf = phr_malloc(PHR_STORE_COPY_STEP);
    fd = openat(folder, "data.mdb", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (buf == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory");

    } else if (fd == -1) {
        rc = phr_snapshot_error(err, "open()", part);

    } else {
        rc = phr_snapshot_fill(fd, copy, buf, stop, err);
    }

    if (rc == PHR_OK && (fsync(fd) == -1 || fsync(folder) == -1)) {
        rc = phr_snapshot_error(err, "fsync()", part);
    }

    if (fd != -1) {
        (void) close(fd);
    }

    (void) close(folder);
    phr_free(buf);

    return rc;
}


/* free pages become holes */
static int
phr_snapshot_fill(int fd, phr_store_copy_t *copy, char *buf,
    const volatile int *stop, phr_err_t *err)
{
    int     rc;
    off_t   at;
    size_t  n;

    if (ftruncate(fd, (off_t) phr_store_copy_bytes(copy)) == -1) {
        return phr_snapshot_error(err, "ftruncate()", "");
    }

    for (at = 0; /* void */; at += (off_t) n) {

        if (stop != NULL && phr_shared_get(stop) != 0) {
            return phr_err_set(err, phr_shared_get(stop),
                               "the snapshot took too long or was canceled");
        }

        rc = phr_store_copy_read(copy, buf, &n, err);
        if (rc != PHR_OK) {
            return rc == PHR_DONE ? PHR_OK : rc;
        }

        if (phr_snapshot_zeros(buf, n)) {
            continue;
        }

        rc = phr_snapshot_put(fd, buf, n, at, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }
}


static int
phr_snapshot_put(int fd, const char *buf, size_t n, off_t at, phr_err_t *err)
{
    size_t   done;
    ssize_t  put;

    for (done = 0; done < n; done += (size_t) put) {
        put = pwrite(fd, buf + done, n - done, at + (off_t) done);

        if (put == -1) {
            return phr_snapshot_error(err, "pwrite()", "");
        }
    }

    return PHR_OK;
}


static int
phr_snapshot_zeros(const char *buf, size_t n)
{
    return buf[0] == 0 && memcmp(buf, buf + 1, n - 1) == 0;
}
