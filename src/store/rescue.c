/*
 * Copyright (C) The Pharos Authors
 *
 * Rescue: see rescue.h.
 *
 * The new store is made in a folder of its own, renamed to PHR_RESCUE_MADE
 * when it is whole and on the disk, and to "data.mdb" when the old one has
 * left.  So a process that is stopped in between leaves the old one where it
 * was, for the next one to try again, or the new one to be put in place.
 */

#include "store/rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/place.h"
#include "store/verify.h"


#define PHR_RESCUE_PATH    4096
#define PHR_RESCUE_FOLDER  "salvaged"
#define PHR_RESCUE_MADE    "data.mdb.salvaged"
#define PHR_RESCUE_MARK    "salvaging"

/* of a process that dies of it the next ones must not die for ever */
#define PHR_RESCUE_TRIES   3

/* of the disk, for others */
#define PHR_RESCUE_SPARE   (64ULL << 20)


static int phr_rescue_begin(const char *path, phr_err_t *err);
static void phr_rescue_end(const char *path);
static int phr_rescue_failed(const char *what, const char *name,
    phr_err_t *err);
static int phr_rescue_path(char *out, const char *path, const char *file,
    phr_err_t *err);
static int phr_rescue_room(const char *path, const char *file,
    phr_err_t *err);
static int phr_rescue_make(const phr_store_conf_t *conf, const char *folder,
    const char *file, phr_salvage_result_t *result, phr_err_t *err);
static int phr_rescue_fill(phr_store_t *st, const char *folder,
    const char *file, phr_salvage_result_t *result, phr_err_t *err);
static void phr_rescue_clean(const char *folder);


int
phr_rescue(const phr_store_conf_t *conf, phr_salvage_result_t *result,
    phr_err_t *err)
{
    int   rc;
    char  file[PHR_RESCUE_PATH], folder[PHR_RESCUE_PATH];
    char  from[PHR_RESCUE_PATH], to[PHR_RESCUE_PATH];

    memset(result, 0, sizeof(phr_salvage_result_t));

    rc = phr_rescue_path(file, conf->path, "data.mdb", err);
    if (rc == PHR_OK) {
        rc = phr_rescue_path(folder, conf->path, PHR_RESCUE_FOLDER, err);
    }
    if (rc == PHR_OK) {
        rc = phr_rescue_path(from, folder, "data.mdb", err);
    }
    if (rc == PHR_OK) {
        rc = phr_rescue_path(to, conf->path, PHR_RESCUE_MADE, err);
    }
    if (rc == PHR_OK) {
        rc = phr_rescue_room(conf->path, file, err);
    }
    if (rc == PHR_OK) {
        rc = phr_rescue_begin(conf->path, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    phr_rescue_clean(folder);

    rc = mkdir(folder, 0700) != 0 ? phr_rescue_failed("mkdir()", folder, err)
         : phr_rescue_make(conf, folder, file, result, err);

    if (rc == PHR_OK && rename(from, to) != 0) {
        rc = phr_rescue_failed("rename()", from, err);
    }

    phr_rescue_clean(folder);
    phr_rescue_end(conf->path);

    return rc == PHR_OK ? phr_place_sync(conf->path, err) : rc;
}


int
phr_rescue_place(const char *path, phr_err_t *err)
{
    int   rc;
    char  from[PHR_RESCUE_PATH], to[PHR_RESCUE_PATH];

    rc = phr_rescue_path(from, path, PHR_RESCUE_MADE, err);
    if (rc == PHR_OK) {
        rc = phr_rescue_path(to, path, "data.mdb", err);
    }

    if (rc != PHR_OK || access(from, F_OK) != 0) {
        return rc;
    }

    /* the old one did not leave yet: it is looked at again */

    if (access(to, F_OK) == 0) {
        return unlink(from) == 0 ? PHR_OK
               : phr_rescue_failed("unlink()", from, err);
    }

    return rename(from, to) == 0 ? phr_place_sync(path, err)
           : phr_rescue_failed("rename()", from, err);
}


/* a byte for each try that was begun and not ended */
static int
phr_rescue_begin(const char *path, phr_err_t *err)
{
    int          fd, rc;
    char         mark[PHR_RESCUE_PATH];
    struct stat  info;

    rc = phr_rescue_path(mark, path, PHR_RESCUE_MARK, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (stat(mark, &info) == 0 && info.st_size >= PHR_RESCUE_TRIES) {
        phr_rescue_end(path);
        return phr_err_set(err, PHR_ELIMIT, "it was tried %d times, and not "
                           "ended", PHR_RESCUE_TRIES);
    }

    fd = open(mark, O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC, 0600);
    if (fd == -1) {
        return phr_rescue_failed("open()", mark, err);
    }

    rc = write(fd, "x", 1) == 1 ? PHR_OK
         : phr_rescue_failed("write()", mark, err);
    (void) close(fd);

    return rc;
}


static void
phr_rescue_end(const char *path)
{
    char  mark[PHR_RESCUE_PATH];

    if (phr_rescue_path(mark, path, PHR_RESCUE_MARK, NULL) == PHR_OK) {
        (void) unlink(mark);
    }
}


static int
phr_rescue_failed(const char *what, const char *name, phr_err_t *err)
{
    return phr_err_set(err, errno == ENOSPC ? PHR_ENOSPC : PHR_EIO,
                       "%s \"%s\" failed: %s", what, name, strerror(errno));
}


static int
phr_rescue_path(char *out, const char *path, const char *file,
    phr_err_t *err)
{
    if ((size_t) snprintf(out, PHR_RESCUE_PATH, "%s/%s", path, file)
        >= PHR_RESCUE_PATH)
    {
        return phr_err_set(err, PHR_EINVAL, "\"%s\" is too long", path);
    }

    return PHR_OK;
}


static int
phr_rescue_room(const char *path, const char *file, phr_err_t *err)
{
    uint64_t        bytes, free_bytes;
    struct stat     info;
    struct statvfs  fs;

    if (stat(file, &info) != 0 || statvfs(path, &fs) != 0) {
        return phr_err_set(err, errno == ENOENT ? PHR_NOTFOUND : PHR_EIO,
                           "\"%s\": %s", file, strerror(errno));
    }

    bytes = (uint64_t) info.st_blocks * 512;
    free_bytes = (uint64_t) fs.f_bavail * fs.f_frsize;

    if (bytes > PHR_RESCUE_BYTES) {
        return phr_err_set(err, PHR_ELIMIT, "it has %llu bytes, which would "
                           "take long", (unsigned long long) bytes);
    }

    if (free_bytes < bytes + PHR_RESCUE_SPARE) {
        return phr_err_set(err, PHR_ENOSPC, "it takes up to %llu bytes, the "
                           "disk has %llu", (unsigned long long) bytes,
                           (unsigned long long) free_bytes);
    }

    return PHR_OK;
}


static int
phr_rescue_make(const phr_store_conf_t *conf, const char *folder,
    const char *file, phr_salvage_result_t *result, phr_err_t *err)
{
    int                rc;
    phr_store_t       *st;
    phr_store_conf_t   own;

    own = *conf;
    own.path = folder;

    rc = phr_store_open(&own, &st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_rescue_fill(st, folder, file, result, err);
    phr_store_close(st);

    return rc;
}


static int
phr_rescue_fill(phr_store_t *st, const char *folder, const char *file,
    phr_salvage_result_t *result, phr_err_t *err)
{
    int                 rc;
    char                scratch[PHR_RESCUE_PATH];
    phr_store_damage_t  damage;

    rc = phr_rescue_path(scratch, folder, "scratch", err);

    if (rc == PHR_OK && mkdir(scratch, 0700) != 0) {
        rc = phr_rescue_failed("mkdir()", scratch, err);
    }
    if (rc == PHR_OK) {
        rc = phr_salvage(file, st, scratch, result, err);
    }
    if (rc == PHR_OK && result->nseries == 0 && result->nvalues == 0) {
        rc = phr_err_set(err, PHR_NOTFOUND, "nothing in it can be read");
    }
    if (rc == PHR_OK) {
        rc = phr_store_verify(st, NULL, NULL, &damage, err);
    }
    if (rc == PHR_OK && damage.ndamaged != 0) {
        rc = phr_err_set(err, PHR_ECORRUPT, "%llu records would be damaged",
                         (unsigned long long) damage.ndamaged);
    }

    return rc == PHR_OK ? phr_store_sync(st, err) : rc;
}


/* what is left, of an earlier process as well */
static void
phr_rescue_clean(const char *folder)
{
    char    file[PHR_RESCUE_PATH + 32];
    size_t  i;

    static const char *const  files[] = {
        "scratch/data.mdb", "scratch/lock.mdb", "data.mdb", "lock.mdb"
    };

    for (i = 0; i < phr_nelems(files); i++) {
        snprintf(file, sizeof(file), "%s/%s", folder, files[i]);
        (void) unlink(file);
    }

    snprintf(file, sizeof(file), "%s/scratch", folder);
    (void) rmdir(file);
    (void) rmdir(folder);
}
