/*
 * Copyright (C) The Pharos Authors
 *
 * Buckets and what may go wrong around them: samples that come while nobody
 * makes buckets, a retention that is shortened before they are made, and a
 * bound on the size.  What they answer is in api_coarse.
 */

#include "store/coarse.h"

#include "beside.h"


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


/* what was imported counts, though its samples are too old at once */
static void
test_imported(void)
{
    fresh();
    downsample();
    reopen();
    load(NSERIES);
    is_int(coarsen_all(NOW), PHR_OK, "buckets are made");
    import(START + DAY + 33 * MINUTE);

    conf.retention_ms = 3 * DAY;
    reopen();
    (void) retain_all(NOW);
    is_int(coarsen_all(NOW + 60 * MINUTE), PHR_OK, "made anew");
    is_int(coarsen_all(NOW + 120 * MINUTE), PHR_OK, "by the hour, too");
    ok(retain_all(NOW + 120 * MINUTE) > 0, "samples go then");
    is_int(told(START, NOW), NSERIES * NDAYS * 144 + 1,
           "and buckets tell of what was imported");
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


int
main(void)
{
    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    test_import();
    test_shortened();
    test_imported();
    test_size();
    leave();

    return done_testing();
}
