/*
 * Copyright (C) The Pharos Authors
 *
 * A store of an earlier version lacks the sub-databases that came since:
 * who reads it finds them empty, and who writes makes them.
 */

#include <lmdb.h>
#include <sys/stat.h>

#include "store/env.h"
#include "store/salvage.h"
#include "store/tree.h"

#include "onestore.h"


/* as the version before wrote it; those of all versions stay */
static void
older(int from)
{
    int       db;
    MDB_dbi   dbi;
    MDB_env  *env;
    MDB_txn  *txn;

    phr_store_close(st);
    st = NULL;

    mdb_env_create(&env);
    mdb_env_set_maxdbs(env, PHR_DB_MAX);
    mdb_env_open(env, dir, 0, 0600);
    mdb_txn_begin(env, NULL, 0, &txn);

    for (db = from; db < PHR_DB_MAX; db++) {
        if (mdb_dbi_open(txn, phr_db_name((phr_db_e) db), 0, &dbi) != 0
            || mdb_drop(txn, dbi, 1) != 0)
        {
            printf("Bail out! no \"%s\"\n", phr_db_name((phr_db_e) db));
            exit(1);
        }
    }

    mdb_txn_commit(txn);
    mdb_env_close(env);
}


static void
test_older(int from)
{
    char                  *name, file[200], out[64], scratch[64];
    phr_store_t           *saved;
    phr_store_conf_t       c;
    phr_salvage_result_t   result;

    name = from < PHR_DB_MAX ? (char *) phr_db_name((phr_db_e) from) : "all";

    fresh();
    append("a", 0, 100, 1000, 1);
    append("a", 0, 100, 2000, 2);
    is_int(phr_store_commit(st, 2000, 1, &err), PHR_OK, "written");
    older(from);

    is_int(phr_tree_check(dir, UINT64_MAX, NULL, &err), PHR_OK,
           "without \"%s\": its pages are sound", name);

    conf.read_only = 1;
    reopen();
    is_int(damaged(), 0, "without \"%s\": so are its records", name);
    is_int(count(0, 3000, NULL), 200, "all of them");
    phr_store_close(st);
    st = NULL;

    snprintf(file, sizeof(file), "%s/data.mdb", dir);
    snprintf(out, sizeof(out), "%s/out", dir);
    snprintf(scratch, sizeof(scratch), "%s/scratch", dir);
    mkdir(out, 0700);
    mkdir(scratch, 0700);

    memset(&c, 0, sizeof(c));
    c.path = out;
    c.map_size_bytes = 64 << 20;
    phr_store_open(&c, &saved, &err);
    is_int(phr_salvage(file, saved, scratch, &result, &err), PHR_OK,
           "it is salvaged");
    is_int(result.nsamples, 200, "as a whole");
    is_int(result.ndamaged + result.nsamples_lost + result.doubt, 0,
           "and without doubt");
    phr_store_close(saved);

    snprintf(file, sizeof(file), "rm -r %s %s", out, scratch);
    is_int(system(file), 0, "cleaned");

    conf.read_only = 0;
    reopen();
    append("a", 0, 100, 3000, 3);
    is_int(phr_store_commit(st, 3000, 1, &err), PHR_OK, "written to again");
    is_int(count(0, 3000, NULL), 300, "it has both");
    is_int(damaged(), 0, "and is sound");
}


int
main(void)
{
    int  db;

    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    for (db = PHR_DB_MAX; phr_db_is_later(db - 1); db--) {
        test_older(db - 1);
    }

    leave();

    return done_testing();
}
