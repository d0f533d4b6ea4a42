/*
 * Copyright (C) The Pharos Authors
 *
 * Buckets and what may go wrong around them: samples that come while nobody
 * makes buckets, a retention that is shortened before they are made, and a
 * bound on the size.  What they answer is in api_coarse.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "store/coarse.h"
#include "store/salvage.h"

#include "onestore.h"


#define MINUTE   INT64_C(60000)
#define DAY      (1440 * MINUTE)

/* midnight of some day in 2026 */
#define START    (INT64_C(20530) * DAY)
#define NDAYS    8
#define NOW      (START + NDAYS * DAY)

#define NSERIES  3


/* a sample each ten minutes, packed */
static void
load(int nseries)
{
    int64_t  t_ms;

    phr_store_now(st, START);

    for (t_ms = START + 10 * MINUTE; t_ms <= NOW; t_ms += 10 * MINUTE) {

        if (append("a", 0, nseries, t_ms, (double) (t_ms / MINUTE % 1000))
            != PHR_OK)
        {
            printf("Bail out! append: %s\n", err.text);
            exit(1);
        }

        (void) phr_store_commit(st, t_ms, 0, &err);
        (void) seal_all(t_ms);
    }

    (void) seal_all(NOW + DAY);
}


/* one sample between the others, by whoever imports */
static void
import(int64_t t_ms)
{
    double           v;
    phr_sid_t        sid;
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    phr_store_now(st, NOW);
    memset(&b, 0, sizeof(b));
    v = 7;

    (void) app->ops->source(app, phr_str_of("import"), &b.source, &err);
    (void) series(1, &sid);

    b.sid = &sid;
    b.v = &v;
    b.t_each = &t_ms;
    b.n = 1;
    b.backfill = 1;

    is_int(app->ops->append(app, &b, &err), PHR_OK, "a sample is imported");
    is_int(phr_store_commit(st, NOW, 1, &err), PHR_OK, "and stored");
}


static int
coarsen_all(int64_t now_ms)
{
    int  rc;

    while ((rc = phr_store_coarsen(st, now_ms, &err)) == PHR_AGAIN) {
        /* void */
    }

    if (rc != PHR_OK) {
        printf("# %s\n", err.text);
    }

    return rc;
}


/* samples of which all that is shown tells */
static int
told(int64_t min_ms, int64_t max_ms)
{
    int                  rc;
    size_t               i;
    double               n;
    phr_arena_t         *arena;
    phr_series_t         s;
    phr_matcher_t        m;
    phr_querier_t       *q;
    phr_storage_t       *storage;
    phr_series_set_t    *set;
    phr_select_hints_t   hints;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    n = 0;

    memset(&hints, 0, sizeof(hints));
    hints.func = phr_str_of("count_over_time");
    hints.range_ms = DAY;

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("job"), phr_str_of("test"),
                     &err);
    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->select(q, &m, 1, min_ms, max_ms, &hints, arena, &set,
                            &err);

        while (rc == PHR_OK
               && (rc = set->next(set, &s, &err)) == PHR_OK)
        {
            for (i = 0; i < s.n; i++) {
                n += s.t_ms[i] < min_ms || s.t_ms[i] > max_ms
                     ? 0 : s.w != NULL ? s.w[i] : 1;
            }
        }

        q->ops->close(q);
    }

    phr_arena_destroy(arena);

    return rc == PHR_DONE ? (int) n : rc;
}


static void
downsample(void)
{
    conf.coarse[0].after_ms = DAY;
    conf.coarse[1].after_ms = 2 * DAY;
}


/* a process without the directives, as the command is */
static void
test_import(void)
{
    fresh();
    downsample();
    reopen();
    load(NSERIES);
    is_int(coarsen_all(NOW), PHR_OK, "buckets are made");

    memset(conf.coarse, 0, sizeof(conf.coarse));
    reopen();
    import(START + DAY + 33 * MINUTE);

    downsample();
    reopen();
    (void) seal_all(NOW + DAY);
    is_int(coarsen_all(NOW + 60 * MINUTE), PHR_OK, "made anew");
    is_int(coarsen_all(NOW + 120 * MINUTE), PHR_OK, "by the hour, too");

    conf.retention_ms = 3 * DAY;
    reopen();
    (void) retain_all(NOW + 120 * MINUTE);
    is_int(told(START, NOW), NSERIES * NDAYS * 144 + 1,
           "buckets tell of the sample that was imported");

    conf.coarse[0].keep_ms = DAY;
    reopen();
    is_int(coarsen_all(NOW + 120 * MINUTE), PHR_OK, "those of five minutes "
           "are dropped");
    is_int(told(START, NOW), NSERIES * NDAYS * 144 + 1,
           "and those of an hour tell of it");
    is_int(damaged(), 0, "nothing is damaged");
}


static void
test_shortened(void)
{
    int  hours;

    for (hours = 0; hours < 2; hours++) {
        fresh();
        load(NSERIES);

        conf.retention_ms = 4 * DAY;
        conf.coarse[hours].after_ms = DAY;
        reopen();

        (void) retain_all(NOW);
        is_int(told(START, NOW), NSERIES * 4 * 144 + NSERIES,
               "nothing is shown that is beyond the retention");
        is_int(coarsen_all(NOW), PHR_OK, "buckets are made after that");
        is_int(told(START, NOW), NSERIES * NDAYS * 144, "of all there was");
        (void) retain_all(NOW);
        (void) coarsen_all(NOW);
        is_int(told(START, NOW), NSERIES * NDAYS * 144,
               "and the samples go then");
        conf.retention_ms = 0;
        memset(conf.coarse, 0, sizeof(conf.coarse));
        reopen();
        ok(told(START, NOW) < NSERIES * 7 * 144, "they are gone");

        /* of what is gone nothing is made again */

        conf.coarse[1 - hours].after_ms = DAY;
        reopen();
        is_int(coarsen_all(NOW), PHR_OK, "another resolution is begun");
        is_int(told(NOW - 3 * DAY, NOW), NSERIES * (3 * 144 + 1),
               "of the samples that are left");
        is_int(damaged(), 0, "nothing is damaged");
    }
}


static void
test_size(void)
{
    int              i;
    int64_t          first_ms, hour_ms;
    phr_txn_t       *txn;
    phr_db_stat_t    db;

    fresh();
    load(400);
    downsample();
    conf.retention_bytes = 3 << 19;
    reopen();

    for (i = 0; i < 20; i++) {
        (void) retain_all(NOW + i * 5000);
        is_int(coarsen_all(NOW + i * 5000), PHR_OK, "buckets are made");
    }

    is_int(phr_txn_begin(st->env, 0, &txn, &err), PHR_OK, "a look");
    is_int(phr_txn_stat(txn, PHR_DB_COARSE, &db, &err), PHR_OK, "at them");
    ok(db.npages * 4096 <= conf.retention_bytes / 2,
       "they take half of the bound at most");
    ok(db.npages * 4096 > conf.retention_bytes / 4, "and not much less");
    is_int(phr_coarse_first(txn, PHR_COARSE_5M, &first_ms, &err), PHR_OK,
           "some of five minutes are left");
    is_int(phr_coarse_first(txn, PHR_COARSE_1H, &hour_ms, &err), PHR_OK,
           "and of an hour");
    ok(hour_ms < first_ms, "of which none had to go");
    phr_txn_abort(txn);
    is_int(damaged(), 0, "nothing is damaged");
}


/* what is left of a store whose trees are gone, encrypted or not */
static void
test_salvage(const uint8_t *key, int trees)
{
    int                    fd;
    char                   file[64], out[64], scratch[64], command[200];
    const char            *name;
    phr_store_t           *old;
    phr_salvage_result_t   result;

    name = key != NULL ? "encrypted" : "in the clear";

    fresh();
    phr_store_close(st);
    st = NULL;
    unlink_files();
    conf.key = key;
    downsample();
    reopen();
    load(NSERIES);
    (void) coarsen_all(NOW);
    conf.retention_ms = 3 * DAY;
    reopen();
    (void) retain_all(NOW);
    is_int(told(START, NOW), NSERIES * NDAYS * 144, "%s: it is whole", name);
    phr_store_close(st);
    st = NULL;

    snprintf(file, sizeof(file), "%s/data.mdb", dir);
    snprintf(out, sizeof(out), "%s/out", dir);
    snprintf(scratch, sizeof(scratch), "%s/scratch", dir);
    mkdir(out, 0700);
    mkdir(scratch, 0700);

    fd = open(file, O_WRONLY);

    if (!trees) {
        is_int(pwrite(fd, "\0\0\0\0", 4, 16), 4, "%s: no trees", name);
        is_int(pwrite(fd, "\0\0\0\0", 4, 4096 + 16), 4, "at all");
    }

    close(fd);

    old = NULL;
    conf.path = out;
    is_int(phr_store_open(&conf, &old, &err), PHR_OK, "a new store");
    is_int(phr_salvage(file, old, scratch, &result, &err), PHR_OK,
           "%s: it is salvaged", name);
    phr_store_close(old);

    reopen();
    phr_store_now(st, NOW);
    is_int(told(START, NOW), NSERIES * NDAYS * 144, "%s: as a whole", name);
    is_int(damaged(), 0, "%s: nothing is damaged", name);
    is_int(coarsen_all(NOW + DAY), PHR_OK, "%s: and it goes on", name);

    phr_store_close(st);
    st = NULL;
    snprintf(command, sizeof(command), "rm -r %s %s", out, scratch);
    is_int(system(command), 0, "cleaned");
}


int
main(void)
{
    static const uint8_t  key[PHR_VAULT_KEY] = "not chosen at random, for once";

    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    test_import();
    test_shortened();
    test_size();
    test_salvage(NULL, 1);
    test_salvage(key, 1);
    test_salvage(NULL, 0);
    test_salvage(key, 0);

    leave();

    return done_testing();
}
