/*
 * Copyright (C) The Pharos Authors
 *
 * Env: see env.h.
 *
 * What survives what.  LMDB never overwrites a page that the two newest
 * committed states use, and a commit is the writing of one of two meta
 * pages.  Data pages are always flushed (fdatasync) before the meta page is
 * written.  With "durable" the meta page is written synchronously too, and
 * the commit survives a power failure.  Without it (MDB_NOMETASYNC) the meta
 * page reaches the disk when the kernel writes it or at the next flush:
 * after a power failure the newest state may be missing, the one before it
 * never is, and the file is consistent either way.  The death of the process
 * loses nothing in either case.  MDB_NOSYNC, which drops the order between
 * data and meta pages and so can destroy the file, is never used; neither is
 * MDB_WRITEMAP, where a full disk is a SIGBUS.
 */

#include "store/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "store/env_impl.h"
#include "store/page.h"
#include "store/place.h"
#include "store/resident.h"


#define PHR_ENV_MAX_READERS   512
#define PHR_ENV_DEFAULT_MAP   (64ULL << 30)

/* more than the readers need, see phr_env_reserve_lock() */
#define PHR_ENV_LOCK_BYTES    65536


static void phr_env_find_map(phr_env_t *env);
static int phr_env_make(const char *path, phr_err_t *err);
static int phr_env_reserve_lock(phr_env_t *env, phr_err_t *err);
static int phr_env_open_dbs(phr_env_t *env, int read_only, phr_err_t *err);


/* ORDER DB */
static const char *const  phr_db_names[PHR_DB_MAX] = {
    "meta", "kv", "source", "head", "layout", "row", "loose", "pack",
    "window", "last", "series", "hash", "name", "pair", "post", "coarse",
    "exemplar"
};


int
phr_env_open(const char *path, uint64_t map_bytes, int read_only,
    phr_env_t **out, phr_err_t *err)
{
    int         rc;
    unsigned    flags;
    phr_env_t  *env;

    env = phr_calloc(1, sizeof(phr_env_t));
    if (env == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    env->path = phr_strdup(path, strlen(path));
    if (env->path == NULL) {
        phr_free(env);
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    env->map_bytes = map_bytes ? map_bytes : PHR_ENV_DEFAULT_MAP;

    rc = read_only ? PHR_OK : phr_env_reserve_lock(env, err);
    if (rc == PHR_OK && !read_only) {
        rc = phr_env_make(path, err);
    }
    if (rc != PHR_OK) {
        goto failed;
    }

    rc = mdb_env_create(&env->mdb);
    if (rc != 0) {
        rc = phr_env_error(err, rc, "mdb_env_create()");
        goto failed;
    }

    flags = MDB_NOTLS | MDB_NORDAHEAD | (read_only ? MDB_RDONLY : 0);

    rc = mdb_env_set_mapsize(env->mdb, env->map_bytes);
    if (rc == 0) {
        rc = mdb_env_set_maxreaders(env->mdb, PHR_ENV_MAX_READERS);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(env->mdb, PHR_DB_MAX);
    }
    if (rc == 0) {
        rc = mdb_env_open(env->mdb, path, flags, 0600);
    }
    if (rc != 0) {
        rc = phr_env_error(err, rc, "mdb_env_open()");
        phr_err_prefix(err, "\"%s\": ", path);
        goto failed;
    }

    phr_env_check_readers(env);

    rc = phr_env_open_dbs(env, read_only, err);
    if (rc == PHR_OK && !read_only) {
        /* whoever wrote last may have died before it was flushed */
        env->unsynced = UINT64_MAX;
        rc = phr_place_sync(path, err);
    }
    if (rc != PHR_OK) {
        goto failed;
    }

    *out = env;

    return PHR_OK;

failed:

    phr_env_close(env);

    return rc;
}


/*
 * A new file is on the disk with its first two pages before anything else is
 * written: if the power failed before that, one of them may be missing, and
 * so may the second in a file of before.
 */
static int
phr_env_make(const char *path, phr_err_t *err)
{
    int           rc, unused;
    char          name[4096];
    MDB_env      *mdb;
    phr_pages_t   file;

    if ((size_t) snprintf(name, sizeof(name), "%s/data.mdb", path)
        >= sizeof(name))
    {
        return phr_err_set(err, PHR_EINVAL, "\"%s\" is too long", path);
    }

    if (!phr_pages_known()) {
        return PHR_OK;
    }

    rc = phr_pages_open(&file, name, err);
    unused = rc == PHR_OK && phr_pages_unused(&file);
    phr_pages_close(&file);

    if (rc != PHR_NOTFOUND && !unused) {
        /* LMDB has a word for what is wrong with it */
        return PHR_OK;
    }

    if (unused && unlink(name) != 0) {
        rc = phr_env_error(err, errno, "unlink()");
        phr_err_prefix(err, "\"%s\": ", name);
        return rc;
    }

    rc = mdb_env_create(&mdb);
    if (rc != 0) {
        return phr_env_error(err, rc, "mdb_env_create()");
    }

    rc = mdb_env_open(mdb, path, MDB_NOLOCK, 0600);
    if (rc == 0) {
        rc = mdb_env_sync(mdb, 1);
    }

    mdb_env_close(mdb);

    if (rc != 0) {
        rc = phr_env_error(err, rc, "mdb_env_open()");
        phr_err_prefix(err, "\"%s\": ", path);
    }

    return rc;
}


/*
 * LMDB maps the file of its readers and makes it a sparse one: the first
 * use of a slot on a full disk would be a SIGBUS.  Not while this process
 * has the environment open: closing the file drops its locks.
 */
static int
phr_env_reserve_lock(phr_env_t *env, phr_err_t *err)
{
    int   fd, rc;
    char  name[4096];

    if ((size_t) snprintf(name, sizeof(name), "%s/lock.mdb", env->path)
        >= sizeof(name))
    {
        return phr_err_set(err, PHR_EINVAL, "\"%s\" is too long",
                           env->path);
    }

    fd = open(name, O_RDWR|O_CREAT|O_CLOEXEC, 0600);
    if (fd == -1) {
        rc = phr_env_error(err, errno, "open()");
        phr_err_prefix(err, "\"%s\": ", name);
        return rc;
    }

    rc = posix_fallocate(fd, 0, PHR_ENV_LOCK_BYTES);
    (void) close(fd);

    /* not every filesystem can */
    if (rc == 0 || rc == EOPNOTSUPP || rc == EINVAL) {
        return PHR_OK;
    }

    rc = phr_env_error(err, rc, "posix_fallocate()");
    phr_err_prefix(err, "\"%s\": ", name);

    return rc;
}


static int
phr_env_open_dbs(phr_env_t *env, int read_only, phr_err_t *err)
{
    int       i, rc;
    MDB_dbi   dbi;
    MDB_txn  *txn;

    rc = mdb_txn_begin(env->mdb, NULL, read_only ? MDB_RDONLY : 0, &txn);
    if (rc != 0) {
        return phr_env_error(err, rc, "mdb_txn_begin()");
    }

    for (i = 0; i < PHR_DB_MAX; i++) {
        rc = mdb_dbi_open(txn, phr_db_names[i], read_only ? 0 : MDB_CREATE,
                          &dbi);

        if (rc == MDB_NOTFOUND && phr_db_is_later(i)) {
            /* those that are later still lack, too */
            break;
        }

        if (rc != 0) {
            mdb_txn_abort(txn);

            if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE) {
                return phr_err_set(err, PHR_ECORRUPT, "\"%s\" is not a "
                                   "store: it has no \"%s\"", env->path,
                                   phr_db_names[i]);
            }

            return phr_env_error(err, rc, "mdb_dbi_open()");
        }

        phr_assert(dbi == phr_dbi(i));
    }

    env->ndbs = i;

    rc = mdb_txn_commit(txn);
    if (rc != 0) {
        return phr_env_error(err, rc, "mdb_txn_commit()");
    }

    return PHR_OK;
}


void
phr_env_close(phr_env_t *env)
{
    if (env == NULL) {
        return;
    }

    if (env->mdb != NULL) {
        mdb_env_close(env->mdb);
    }

    phr_vault_destroy(env->vault);
    phr_free(env->path);
    phr_free(env);
}


const char *
phr_env_path(const phr_env_t *env)
{
    return env->path;
}


int
phr_env_encrypt(phr_env_t *env, const uint8_t key[PHR_VAULT_KEY],
    phr_err_t *err)
{
    phr_assert(env->vault == NULL);

    return phr_vault_create(key, &env->vault, err);
}


int
phr_env_encrypt_as(phr_env_t *env, const phr_env_t *other, phr_err_t *err)
{
    return other->vault == NULL ? PHR_OK
           : phr_vault_copy(other->vault, &env->vault, err);
}


phr_vault_t *
phr_env_vault(const phr_env_t *env)
{
    return env->vault;
}


uint64_t
phr_env_unsynced(const phr_env_t *env)
{
    return env->unsynced;
}


int
phr_env_sync(phr_env_t *env, phr_err_t *err)
{
    int  rc;

    if (!env->unsynced) {
        return PHR_OK;
    }

    rc = mdb_env_sync(env->mdb, 1);
    if (rc != 0) {
        return phr_env_error(err, rc, "mdb_env_sync()");
    }

    env->unsynced = 0;

    return PHR_OK;
}


void
phr_env_relax(phr_env_t *env)
{
    if (env->map.addr == NULL) {
        phr_env_find_map(env);
    }

    if (env->map.addr != NULL) {
        phr_resident_drop(&env->map);
    }
}


/* where the map is, and stays, LMDB tells by what it finds there alone */

static void
phr_env_find_map(phr_env_t *env)
{
    MDB_val      k, v;
    MDB_txn     *txn;
    MDB_cursor  *cursor;

    if (mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn) != 0) {
        return;
    }

    if (mdb_cursor_open(txn, phr_dbi(PHR_DB_META), &cursor) == 0) {

        if (mdb_cursor_get(cursor, &k, &v, MDB_FIRST) == 0) {
            (void) phr_resident_find(&env->map, k.mv_data);
        }

        mdb_cursor_close(cursor);
    }

    mdb_txn_abort(txn);
}


int
phr_env_disk(phr_env_t *env, phr_env_disk_t *disk, phr_err_t *err)
{
    struct statvfs  fs;

    if (statvfs(env->path, &fs) != 0) {
        return phr_env_error(err, errno, "statvfs()");
    }

    disk->bytes = (uint64_t) fs.f_blocks * fs.f_frsize;
    disk->free_bytes = (uint64_t) fs.f_bavail * fs.f_frsize;

    return PHR_OK;
}


void
phr_env_check_readers(phr_env_t *env)
{
    int  dead;

    /* a failure leaves a slot taken, no more */
    (void) mdb_reader_check(env->mdb, &dead);
}


int
phr_env_stat(phr_env_t *env, phr_txn_t *txn, phr_env_stat_t *stat,
    phr_err_t *err)
{
    int            i, rc;
    uint64_t       npages;
    MDB_stat       st;
    MDB_envinfo    info;
    phr_db_stat_t  s;

    rc = mdb_env_info(env->mdb, &info);
    if (rc == 0) {
        rc = mdb_env_stat(env->mdb, &st);
    }
    if (rc != 0) {
        return phr_env_error(err, rc, "mdb_env_info()");
    }

    npages = 3;     /* two meta pages and the root */
    s.npages = 0;

    for (i = 0; i < PHR_DB_MAX; i++) {
        rc = phr_txn_stat(txn, (phr_db_e) i, &s, err);
        if (rc != PHR_OK) {
            return rc;
        }

        npages += s.npages;
    }

    stat->page_bytes = st.ms_psize;
    stat->file_bytes = ((uint64_t) info.me_last_pgno + 1) * st.ms_psize;
    stat->used_bytes = npages * st.ms_psize;
    stat->map_bytes = info.me_mapsize;

    return PHR_OK;
}


int
phr_env_fd(phr_env_t *env, int *fd, phr_err_t *err)
{
    int  rc;

    rc = mdb_env_get_fd(env->mdb, fd);

    return rc == 0 ? PHR_OK : phr_env_error(err, rc, "mdb_env_get_fd()");
}


const char *
phr_db_name(phr_db_e db)
{
    return phr_db_names[db];
}


int
phr_env_error(phr_err_t *err, int rc, const char *what)
{
    int  code;

    switch (rc) {

    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        code = PHR_ENOSPC;
        break;

    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_CURSOR_FULL:
        code = PHR_ECORRUPT;
        break;

    case MDB_READERS_FULL:
        code = PHR_ELIMIT;
        break;

    case ENOMEM:
        code = PHR_ENOMEM;
        break;

    case EINVAL:
        code = PHR_EINVAL;
        break;

    case MDB_BAD_TXN:
        code = PHR_ERROR;
        break;

    default:
        code = PHR_EIO;
        break;
    }

    return phr_err_set(err, code, "%s failed: %s", what, mdb_strerror(rc));
}
