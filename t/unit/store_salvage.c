/*
 * Copyright (C) The Pharos Authors
 *
 * Salvage of what is kept beside samples: of a store in which one record is
 * damaged, or nothing leads to any record, what is kept is right, what may
 * not be is not told, and both are counted.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "store/coarse_make.h"
#include "store/salvage.h"

#include "beside.h"


#define HOUR  INT64_C(3600000)


#define SPOILED  64


static phr_salvage_result_t  result;

static struct {
    size_t  len;
    char    bytes[PHR_VALUE_MAX];
} spoiled[SPOILED];

static int  nspoiled;


/* 1: this record is to be damaged */
typedef int (*wanted_pt)(phr_str_t key);


static void
path_of(char *path, const char *name)
{
    snprintf(path, 64, "%s/%s", dir, name);
}


/* turns a bit over, of the value wherever it stands in the file */
static int
patch(const char *value, size_t len)
{
    int           fd, n;
    char          path[64], *bytes, *p;
    struct stat   info;

    path_of(path, "data.mdb");
    fd = open(path, O_RDWR);
    n = 0;

    if (fd == -1 || fstat(fd, &info) != 0
        || (bytes = malloc((size_t) info.st_size)) == NULL
        || read(fd, bytes, (size_t) info.st_size) != info.st_size)
    {
        printf("Bail out! %s cannot be read\n", path);
        exit(1);
    }

    for (p = bytes; (p = memmem(p, (size_t) (bytes + info.st_size - p), value,
                                len)) != NULL; n++)
    {
        p[len - 1] ^= 1;

        if (pwrite(fd, p + len - 1, 1, p + len - 1 - bytes) != 1) {
            n = -1;
            break;
        }
    }

    free(bytes);
    close(fd);

    return n;
}


/* notes records that are to be damaged; how many there are */
static int
spoil(phr_db_e db, wanted_pt wanted)
{
    int             rc, n;
    phr_str_t       k, v;
    phr_txn_t      *txn;
    phr_cursor_t   *cursor;

    n = 0;
    phr_txn_begin(st->env, 0, &txn, &err);
    phr_cursor_open(txn, db, &cursor, &err);

    for (rc = phr_cursor_first(cursor, &k, &v, &err); rc == PHR_OK;
         rc = phr_cursor_next(cursor, &k, &v, &err))
    {
        if (nspoiled < SPOILED && wanted(k)) {
            memcpy(spoiled[nspoiled].bytes, v.data, v.len);
            spoiled[nspoiled++].len = v.len;
            n++;
        }
    }

    phr_cursor_close(cursor);
    phr_txn_abort(txn);

    return n;
}


/* the store is closed, and becomes what could be read of it */
static void
salvage(const char *name)
{
    char          file[64], out[64], scratch[64], made[64];
    phr_store_t  *to;
    const char   *path;

    if (st != NULL) {
        phr_store_close(st);
        st = NULL;
    }

    while (nspoiled > 0) {
        nspoiled--;
        ok(patch(spoiled[nspoiled].bytes, spoiled[nspoiled].len) > 0,
           "%s: a bit is turned over", name);
    }

    path_of(file, "data.mdb");
    path_of(out, "out");
    path_of(scratch, "scratch");
    mkdir(out, 0700);
    mkdir(scratch, 0700);

    to = NULL;
    path = conf.path;
    conf.path = out;
    is_int(phr_store_open(&conf, &to, &err), PHR_OK, "%s: a new store", name);
    is_int(phr_salvage(file, to, scratch, &result, &err), PHR_OK,
           "%s: it is salvaged", name);
    phr_store_close(to);
    conf.path = path;

    unlink_files();
    path_of(made, "out/data.mdb");
    is_int(rename(made, file), 0, "%s: in place", name);
    path_of(made, "out/lock.mdb");
    unlink(made);
    path_of(made, "scratch/data.mdb");
    unlink(made);
    path_of(made, "scratch/lock.mdb");
    unlink(made);
    rmdir(out);
    rmdir(scratch);

    reopen();
    is_int(damaged(), 0, "%s: nothing is damaged", name);
}


/* nothing leads to the trees, nor to the list of free pages */
static void
lose_trees(void)
{
    int   fd;
    char  path[64];

    phr_store_close(st);
    st = NULL;
    path_of(path, "data.mdb");
    fd = open(path, O_WRONLY);
    is_int(pwrite(fd, "\0\0\0\0", 4, 16), 4, "no trees");
    is_int(pwrite(fd, "\0\0\0\0", 4, 4096 + 16), 4, "at all");
    close(fd);
}


/*
 * Series 0, started at 500 and again at 2500, is packed; a window later it
 * started anew; there it is packed and then loose.
 */
static void
starts_made(void)
{
    int64_t  window;

    window = phr_window_ms(PHR_LEVEL_STARTS);

    fresh();
    conf.out_of_order_ms = 1000 * HOUR;
    reopen();
    phr_store_now(st, 3 * window);

    ok(one(1000, 1, 500) == PHR_OK && one(2000, 2, 500) == PHR_OK
       && one(3000, 3, 2500) == PHR_OK && one(window, 4, 4000) == PHR_OK
       && one(window + 1, 5, 4000) == PHR_OK
       && phr_store_commit(st, 3 * window, 1, &err) == PHR_OK
       && seal_all(6 * window) > 0, "packed in two windows");
    ok(one(window + 2, 5, window + 1) == PHR_OK
       && one(window + 3, 6, window + 1) == PHR_OK
       && phr_store_commit(st, 3 * window, 1, &err) == PHR_OK, "and loose");
    is_str(starts(0), "500 500 2500 4000 4000 230400001 230400001",
           "each has its own");
}


static int
start_pack(phr_str_t key)
{
    phr_pack_key_t  pk;

    return phr_key_pack_get(key, &pk) && pk.level == PHR_LEVEL_STARTS
           && pk.window == 0;
}


static int
other_pack(phr_str_t key)
{
    phr_pack_key_t  pk;

    return phr_key_pack_get(key, &pk) && pk.level != PHR_LEVEL_STARTS
           && pk.window == 0;
}


static int
any_record(phr_str_t key)
{
    return 1;
}


static void
test_starts(void)
{
    starts_made();
    salvage("sound");
    is_str(starts(0), "500 500 2500 4000 4000 230400001 230400001",
           "sound: starts are as they were");
    is_int(result.nstarts, 4, "sound: counted");
    is_int(result.nstarts_lost, 0, "sound: none is lost");

    starts_made();
    is_int(spoil(PHR_DB_PACK, start_pack), 1, "a pack of them is damaged");
    salvage("a pack");
    is_str(starts(0), "0 0 0 4000 4000 230400001 230400001",
           "a pack: nothing is known of its window");
    is_int(result.nstarts, 2, "a pack: the others are kept");
    is_int(result.nstarts_lost, 2, "a pack: its own are lost");
    is_int(result.nsamples, 7, "a pack: all samples are kept");
    is_int(result.nsamples_lost, 0, "a pack: none is lost");

    starts_made();
    is_int(spoil(PHR_DB_PACK, other_pack), 1, "one of samples is damaged");
    salvage("samples");
    is_str(starts(0), "230400001 230400001", "samples: those of "
           "others are known");
    is_int(result.nstarts_lost, 0, "samples: no start is lost");
    is_int(result.nsamples_lost, 5, "samples: but samples are");

    /* samples that follow might seem to have the start of those before */

    starts_made();
    is_int(spoil(PHR_DB_LOOSE, any_record) > 0, 1, "what is loose is damaged");
    salvage("loose");
    is_str(starts(0), "- - - - - - -", "loose: nobody knows any start");
    is_int(result.nstarts, 0, "loose: none is kept");
    is_int(result.nstarts_lost > 0, 1, "loose: it is said");

    starts_made();
    lose_trees();
    salvage("no trees");
    is_str(starts(0), "- - - - - - -", "no trees: nobody knows any start");
    is_int(result.nsamples, 7, "no trees: all samples are kept");
    is_int(result.doubt, 1, "no trees: in doubt");
}


static int
first_exemplars(phr_str_t key)
{
    return phr_get_be64((const uint8_t *) key.data) == 0;
}


static int
nshown(void)
{
    int          n;
    const char  *s;

    for (n = 0, s = found("s.*", INT64_MIN, INT64_MAX);
         (s = strchr(s, '@')) != NULL; s++, n++)
    {
        /* void */
    }

    return n;
}


static void
test_exemplars(void)
{
    int   i;
    char  labels[64];

    fresh();
    conf.max_exemplars = 1000;
    reopen();

    for (i = 0; i < 400; i++) {
        snprintf(labels, sizeof(labels), "trace_id=%08x%08x", i * 2654435761U,
                 i * 40503U);
        offer(i % 2, labels, 1000 + i, i, own);
        commit();
    }

    is_int(nshown(), 400, "exemplars are shown");
    is_int(append("a", 0, 2, 1000, 1), PHR_OK, "series, too");
    commit();
    is_int(spoil(PHR_DB_EXEMPLAR, first_exemplars), 1, "a record is damaged");
    salvage("exemplars");

    i = nshown();
    ok(i > 200 && i < 400, "exemplars: %d of others are shown", i);
    is_int(result.nexemplars, i, "exemplars: and counted");
    ok(result.nexemplars_lost > 0 && result.nexemplars_lost < 200,
       "exemplars: about so many are lost");

    conf.max_exemplars = 1000;
    reopen();
    is_int(offer(0, "t=b", 9000, 1, own), PHR_OK, "one more is taken");
    commit();
    is_int(nshown(), i + 1, "exemplars: it goes on");
}


/* buckets of all, samples of the retention */
static void
make_buckets(int64_t retention_ms)
{
    fresh();
    downsample();
    reopen();
    load(NSERIES);
    (void) coarsen_all(NOW);
    conf.retention_ms = retention_ms;
    reopen();
    (void) retain_all(NOW);
    is_int(told(START, NOW), NSERIES * NDAYS * 144, "all is told of");
}


static int
young_buckets(phr_str_t key)
{
    int64_t   start_ms;
    uint32_t  sid;

    return phr_key_coarse_get(key, 0, PHR_COARSE_5M, &start_ms, &sid)
           && start_ms == NOW - 2 * DAY;
}


static int
progress(phr_str_t key)
{
    return key.len == PHR_KEY_COARSE_NEXT;
}


static int
dropped(phr_str_t key)
{
    return key.data[0] == PHR_KV_DROPPED;
}


static int
packs_of_today(phr_str_t key)
{
    phr_pack_key_t  pk;

    return phr_key_pack_get(key, &pk)
           && phr_window_start(pk.level, pk.window) > NOW - 50 * HOUR
           && phr_window_start(pk.level, pk.window) < NOW - 30 * HOUR;
}


static void
test_buckets(void)
{
    make_buckets(3 * DAY);
    salvage("sound");
    phr_store_now(st, NOW);
    is_int(told(START, NOW), NSERIES * NDAYS * 144, "sound: buckets tell");
    ok(result.nbuckets > 0, "sound: they are counted");
    is_int(result.nbuckets_lost, 0, "sound: none is lost");

    make_buckets(3 * DAY);
    is_int(spoil(PHR_DB_COARSE, young_buckets), 1, "buckets are damaged");
    salvage("buckets");
    is_int(result.nbuckets_lost, 1, "buckets: it is said");
    is_int(result.nsamples_lost, 0, "buckets: no sample is lost");
    phr_store_now(st, NOW);
    is_int(coarsen_all(NOW), PHR_OK, "buckets: they are made again");
    conf.retention_ms = DAY;
    reopen();
    phr_store_now(st, NOW);
    is_int(told(START, NOW), NSERIES * NDAYS * 144, "buckets: of all");

    /* they are not made of what is left of the samples */

    make_buckets(3 * DAY);
    is_int(spoil(PHR_DB_COARSE, progress), 2, "progress is damaged");
    ok(spoil(PHR_DB_PACK, packs_of_today) > 0, "and samples");
    salvage("progress");
    ok(result.nsamples_lost > 0, "progress: samples are lost");
    phr_store_now(st, NOW);
    is_int(coarsen_all(NOW), PHR_OK, "progress: it goes on");
    conf.retention_ms = DAY;
    reopen();
    phr_store_now(st, NOW);
    is_int(told(START, NOW), NSERIES * NDAYS * 144,
           "progress: buckets tell of all samples");

    make_buckets(3 * DAY);
    is_int(spoil(PHR_DB_KV, dropped), 1, "what was dropped is not known");
    salvage("dropped");
    conf.retention_ms = 0;
    reopen();
    import(START + DAY + 33 * MINUTE);
    (void) seal_all(NOW + DAY);
    is_int(coarsen_all(NOW + 60 * MINUTE), PHR_OK, "dropped: made anew");
    is_int(coarsen_all(NOW + 120 * MINUTE), PHR_OK, "dropped: by the hour");
    conf.retention_ms = 3 * DAY;
    reopen();
    phr_store_now(st, NOW);
    ok(told(START, NOW) >= NSERIES * NDAYS * 144,
       "dropped: buckets tell of no less");
}


/* the last samples that were dropped, and the first that were not */
static int
buckets_between(phr_str_t key)
{
    int64_t   start_ms;
    uint32_t  sid;

    return phr_key_coarse_get(key, 0, PHR_COARSE_5M, &start_ms, &sid)
           && start_ms == phr_coarse_block(PHR_COARSE_5M,
                                           NOW - 3 * DAY + 25 * MINUTE);
}


/* an hour of which a part can be made again, and another cannot */
static void
test_hours(void)
{
    make_buckets(3 * DAY - 25 * MINUTE);
    is_int(spoil(PHR_DB_COARSE, buckets_between), 1, "buckets are damaged");
    salvage("hours");
    is_int(result.nsamples_lost, 0, "hours: no sample is lost");
    phr_store_now(st, NOW);
    is_int(coarsen_all(NOW), PHR_OK, "hours: they are made again");
    conf.retention_ms = DAY;
    reopen();
    phr_store_now(st, NOW);
    is_int(told_by(HOUR, START, NOW), NSERIES * NDAYS * 144,
           "hours: none is made of a part");
    is_int(told_by(5 * MINUTE, START, NOW), NSERIES * (NDAYS * 144 - 2),
           "hours: which is all that there is in smaller steps");
    is_int(damaged(), 0, "hours: nothing is damaged");
}


/* a value of four pieces, letters of one case */
static void
put_letters(char first)
{
    size_t           n;
    phr_buf_t        b;
    phr_appender_t  *app;

    phr_buf_init(&b, 0);

    for (n = 0; n < 16000; n++) {
        phr_buf_putc(&b, (char) (first + n / 4000));
    }

    app = phr_store_appender(st);
    app->ops->put(app, PHR_KV_TARGET, phr_str_of("letters"),
                  phr_buf_view(&b), &err);
    commit();
    phr_buf_free(&b);
}


/* the second piece as it was before, written where the new one is */
static void
test_misplaced(void)
{
    int        fd;
    char       path[64], page[4096], old[4096];
    off_t      at, to;
    size_t     n, nold;
    phr_buf_t  b;

    fresh();
    put_letters('a');
    put_letters('A');
    phr_store_close(st);
    st = NULL;

    path_of(path, "data.mdb");
    fd = open(path, O_RDWR);

    for (at = to = 0, nold = 0; pread(fd, page, 4096, at) == 4096; at += 4096)
    {
        to = page[100] == 'B' ? at : to;

        if (page[100] == 'b') {
            memcpy(old, page, 4096);
            nold++;
        }
    }

    ok(to > 0 && nold == 1, "misplaced: both are there");
    is_int(pwrite(fd, old, 4096, to), 4096, "misplaced: written over");
    close(fd);

    salvage("misplaced");
    phr_buf_init(&b, 0);
    is_int(phr_store_get(st, PHR_KV_TARGET, phr_str_of("letters"), &b, &err),
           PHR_NOTFOUND, "misplaced: no value of both");
    is_int(result.nvalues_lost, 1, "misplaced: which is counted");

    for (n = 0; n < b.len && b.data[n] < 'a'; n++) { /* void */ }

    is_int(n, b.len, "misplaced: nor one with old letters");
    phr_buf_free(&b);
}


/* a pack that was written anew with the key that it had, without a series */
static void
test_rewritten(void)
{
    int                  i, rc;
    int64_t              t_ms;
    phr_matcher_t        m;
    phr_store_delete_t  *del;

    fresh();

    for (i = 0; i < 60; i++) {
        t_ms = INT64_C(250000) * 2 * HOUR + i * 60000;
        phr_store_now(st, t_ms);
        append("a", 0, 3, t_ms, i);
        phr_store_commit(st, t_ms, 0, &err);
    }

    is_int(seal_all(t_ms + 9 * HOUR) > 0, 1, "rewritten: a pack");
    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_of("s1"), &err);
    phr_store_delete_open(st, PHR_TIME_MIN, PHR_TIME_MAX, &del, &err);
    rc = phr_store_delete_add(del, &m, 1, &err);

    while (rc == PHR_OK
           && (rc = phr_store_delete_step(del, &err)) == PHR_AGAIN)
    {
        rc = phr_store_commit(st, t_ms, 0, &err);
    }

    phr_store_delete_close(del);
    is_int(rc, PHR_OK, "rewritten: without one of its series");
    phr_store_commit(st, t_ms, 0, &err);

    lose_trees();
    salvage("rewritten");
    is_int(count(t_ms - HOUR, t_ms, NULL), 120,
           "rewritten: the others are there, and it is not");
}


/* of values in pieces, each written several times, no mixture is told */
static void
test_values(void)
{
    int              i, k, nmixed, nwhole;
    char             key[32];
    size_t           n;
    phr_buf_t        b;
    phr_appender_t  *app;

    fresh();
    phr_buf_init(&b, 0);

    for (k = 0; k < 40; k++) {
        for (i = 0; i < 8; i++) {
            phr_buf_reset(&b);
            snprintf(key, sizeof(key), "key of %d", i);

            for (n = 0; n < 16000; n++) {
                phr_buf_putc(&b, (char) ('a' + k % 26));
            }

            app = phr_store_appender(st);
            app->ops->put(app, PHR_KV_TARGET, phr_str_from_c(key),
                          phr_buf_view(&b), &err);

            if ((i + k) % 3 == 0) {
                commit();
            }
        }
    }

    commit();
    lose_trees();
    salvage("values");

    for (i = 0, nmixed = nwhole = 0; i < 8; i++) {
        snprintf(key, sizeof(key), "key of %d", i);
        phr_buf_reset(&b);

        if (phr_store_get(st, PHR_KV_TARGET, phr_str_from_c(key), &b, &err)
            == PHR_OK)
        {
            for (n = 1; n < b.len && b.data[n] == b.data[0]; n++) {
                /* void */
            }

            nwhole += n == b.len;
            nmixed += n < b.len;
        }
    }

    phr_buf_free(&b);
    is_int(nmixed, 0, "values: none is of two");
    ok(result.nvalues_lost + (uint64_t) nwhole >= 8,
       "values: those that lack are counted");
}


/* a store whose trees are gone, or not, encrypted or not */
static void
test_all_buckets(const uint8_t *key, int trees)
{
    const char  *name;

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

    if (!trees) {
        lose_trees();
    }

    salvage(name);
    phr_store_now(st, NOW);
    is_int(told(START, NOW), NSERIES * NDAYS * 144, "%s: as a whole", name);
    is_int(coarsen_all(NOW + DAY), PHR_OK, "%s: and it goes on", name);
}


int
main(void)
{
    static const uint8_t  key[PHR_VAULT_KEY] = "not chosen at random, for once";

    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    test_starts();
    test_exemplars();
    test_buckets();
    test_hours();
    test_values();
    test_misplaced();
    test_rewritten();
    test_all_buckets(NULL, 1);
    test_all_buckets(key, 1);
    test_all_buckets(NULL, 0);
    test_all_buckets(key, 0);
    leave();

    return done_testing();
}
