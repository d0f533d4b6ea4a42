/*
 * Copyright (C) The Pharos Authors
 *
 * Env, inside: what env.c, the environment, and txn.c, what is done in it,
 * share.  Nobody else sees LMDB.
 */

#ifndef PHR_ENV_IMPL_H_INCLUDED
#define PHR_ENV_IMPL_H_INCLUDED


#include <lmdb.h>

#include "store/env.h"
#include "store/resident.h"


/*
 * ORDER DB.  LMDB hands out handles in order of opening, from 2 on (0 and 1
 * are its own), so a handle is its place plus PHR_DBI_FIRST; that is checked
 * at open.
 */
#define PHR_DBI_FIRST  2
#define PHR_DBI_FREE   0

#define phr_dbi(db)    ((MDB_dbi) (db) + PHR_DBI_FIRST)


struct phr_env_s {
    MDB_env  *mdb;
    uint64_t  map_bytes;
    char     *path;
    uint64_t  unsynced;     /* id of the newest commit, 0: it was durable */
    int       ndbs;         /* that there are, see phr_db_is_later() */

    phr_vault_t  *vault;    /* NULL: not encrypted */
    phr_resident_t  map;    /* once it was found */
};


/* rc is LMDB's, or an errno; returns its PHR_* code, with a message */
int phr_env_error(phr_err_t *err, int rc, const char *what);


#endif /* PHR_ENV_IMPL_H_INCLUDED */
