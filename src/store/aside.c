/*
 * Copyright (C) The Pharos Authors
 *
 * Aside: see aside.h.
 */

#include "store/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store/place.h"
#include "store/tree.h"


#define PHR_ASIDE_PATH  4096

/* an empty file in the folder: the store is condemned */
#define PHR_ASIDE_MARK  "damaged"

/* moves within one second */
#define PHR_ASIDE_TRIES 1000


static int phr_aside_condemned(const char *path, phr_err_t *err);
static int phr_aside_path(char *out, const char *path, const char *file,
    phr_err_t *err);
static int phr_aside_failed(const char *what, const char *name,
    phr_err_t *err);


int
phr_aside_condemn(const char *path, phr_err_t *err)
{
    int   fd, rc;
    char  mark[PHR_ASIDE_PATH];

    rc = phr_aside_path(mark, path, PHR_ASIDE_MARK, err);
    if (rc != PHR_OK) {
        return rc;
    }

    fd = open(mark, O_WRONLY|O_CREAT|O_CLOEXEC, 0600);
    if (fd == -1) {
        return phr_aside_failed("open()", mark, err);
    }

    (void) close(fd);

    return phr_place_sync(path, err);
}


int
phr_aside_check(const char *path, uint64_t max_value_bytes, phr_err_t *err)
{
    int  rc;

    rc = phr_aside_condemned(path, err);

    return rc == PHR_OK ? phr_tree_check(path, max_value_bytes, NULL, err)
                        : rc;
}


int
phr_aside_check_quick(const char *path, uint64_t max_bytes, int *whole,
    phr_err_t *err)
{
    int                rc;
    phr_tree_result_t  result;

    rc = phr_aside_condemned(path, err);
    if (rc == PHR_OK) {
        rc = phr_tree_check_quick(path, max_bytes, &result, err);
    }

    *whole = rc == PHR_OK && result.leaves;

    return rc;
}


static int
phr_aside_condemned(const char *path, phr_err_t *err)
{
    int   rc;
    char  mark[PHR_ASIDE_PATH];

    rc = phr_aside_path(mark, path, PHR_ASIDE_MARK, err);

    return rc != PHR_OK || access(mark, F_OK) != 0 ? rc
           : phr_err_set(err, PHR_ECORRUPT, "the store was found damaged "
                         "while it was written to");
}


int
phr_aside_move(const char *path, int64_t now_s, char name[PHR_ASIDE_NAME],
    phr_err_t *err)
{
    int   rc, i;
    char  from[PHR_ASIDE_PATH], to[PHR_ASIDE_PATH];

    rc = phr_aside_path(from, path, "data.mdb", err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (i = 0; i < PHR_ASIDE_TRIES; i++) {
        snprintf(name, PHR_ASIDE_NAME, "data.mdb.damaged-%lld",
                 (long long) now_s + i);

        rc = phr_aside_path(to, path, name, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (access(to, F_OK) != 0) {
            break;
        }
    }

    if (rename(from, to) != 0 && errno != ENOENT) {
        return phr_aside_failed("rename()", from, err);
    }

    /* a mark that is gone before its file would be no mark */

    rc = phr_place_sync(path, err);
    if (rc != PHR_OK) {
        return rc;
    }

    /* the readers of what is no more */

    rc = phr_aside_path(from, path, "lock.mdb", err);
    if (rc == PHR_OK) {
        (void) unlink(from);
        rc = phr_aside_path(from, path, PHR_ASIDE_MARK, err);
    }

    if (rc == PHR_OK && unlink(from) != 0 && errno != ENOENT) {
        return phr_aside_failed("unlink()", from, err);
    }

    /* and one that comes back would condemn the next store */

    return rc == PHR_OK ? phr_place_sync(path, err) : rc;
}


static int
phr_aside_path(char *out, const char *path, const char *file,
    phr_err_t *err)
{
    if ((size_t) snprintf(out, PHR_ASIDE_PATH, "%s/%s", path, file)
        >= PHR_ASIDE_PATH)
    {
        return phr_err_set(err, PHR_EINVAL, "\"%s\" is too long", path);
    }

    return PHR_OK;
}


static int
phr_aside_failed(const char *what, const char *name, phr_err_t *err)
{
    return phr_err_set(err, PHR_EIO, "%s \"%s\" failed: %s", what, name,
                       strerror(errno));
}
