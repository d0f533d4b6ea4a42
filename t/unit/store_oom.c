/*
 * Copyright (C) The Pharos Authors
 *
 * The same work with each allocation failing in turn: it fails cleanly, and
 * afterwards the store holds what was committed, no more and no less.  And
 * with bits of the file turned: whatever happens, no wrong value is given.
 */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "store/store.h"
#include "store/verify.h"
#include "tap.h"


#define NSERIES  40
#define STEP_MS  15000


static char              dir[] = "/tmp/phr-oom-XXXXXX";
static phr_store_conf_t  conf;


static double
expected(int series, int64_t t_ms)
{
    return series + (double) (t_ms / STEP_MS * 7 % 100) / 4;
}


/* one row, all series found by their labels; PHR_OK if it is committed */
static int
append(phr_store_t *st, int64_t t_ms, int loose)
{
    int              i, rc, last;
    char             name[32];
    double           v[NSERIES];
    int64_t          t[NSERIES];
    phr_sid_t        sid[NSERIES];
    phr_err_t        err;
    phr_label_t      l[2];
    phr_batch_t      b;
    phr_labels_t     ls;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));

    rc = app->ops->source(app, phr_str_of("oom"), &b.source, &err);

    for (i = 0; i < NSERIES && rc == PHR_OK; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        l[0].name = phr_str_of("__name__");
        l[0].value = phr_str_from_c(name);
        l[1].name = phr_str_of("job");
        l[1].value = phr_str_of("oom");
        ls.l = l;
        ls.n = 2;
        rc = app->ops->series(app, ls, &sid[i], &err);
        v[i] = expected(i, t_ms);
        t[i] = t_ms;
    }

    b.t_ms = t_ms;
    b.t_each = loose ? t : NULL;
    b.sid = sid;
    b.v = v;
    b.n = NSERIES;

    if (rc == PHR_OK) {
        rc = app->ops->append(app, &b, &err);
    }

    if (rc == PHR_OK) {
        rc = app->ops->put(app, 'x', phr_str_of("key"), phr_str_of("value"),
                           &err);
    }

    /* also after a failure, which it must report */
    last = phr_store_commit(st, t_ms, 0, &err);

    return rc != PHR_OK ? rc : last;
}


/* samples found; a wrong one counts a million */
static long
read_all(phr_store_t *st, int *rcp)
{
    int                  rc, k;
    long                 n;
    size_t               i;
    phr_err_t            err;
    phr_str_t            name;
    phr_arena_t         *arena;
    phr_series_t         s;
    phr_matcher_t        m;
    phr_querier_t       *q;
    phr_storage_t       *storage;
    phr_series_set_t    *set;
    phr_select_hints_t   hints;

    n = 0;
    memset(&hints, 0, sizeof(hints));
    hints.sorted = 1;
    storage = phr_store_storage(st);
    arena = phr_arena_create(0);

    if (arena == NULL) {
        *rcp = PHR_ENOMEM;
        return 0;
    }

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("job"), phr_str_of("oom"),
                     NULL);
    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->select(q, &m, 1, 0, INT64_MAX, &hints, arena, &set,
                            &err);

        while (rc == PHR_OK
               && (rc = set->next(set, &s, &err)) == PHR_OK)
        {
            name = phr_labels_get(s.labels, phr_str_of("__name__"));

            for (k = 0, i = 1; i < name.len; i++) {
                k = k * 10 + name.data[i] - '0';
            }

            for (i = 0; i < s.n; i++) {
                n += s.v[i] == expected(k, s.t_ms[i])
                     && s.t_ms[i] % STEP_MS == 0 ? 1 : 1000000;
            }
        }

        q->ops->close(q);
    }

    phr_arena_destroy(arena);
    *rcp = rc == PHR_DONE ? PHR_OK : rc;

    return n;
}


static void
remove_store(void)
{
    char  path[64];

    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", dir);
    unlink(path);
}


static void
test_oom(void)
{
    int                  rc, i, wrong;
    long                 nth, rows, nfailed;
    phr_err_t            err;
    phr_store_t         *st;
    phr_store_damage_t   d;

    remove_store();
    wrong = 0;
    rows = 0;
    nfailed = 0;

    if (phr_store_open(&conf, &st, &err) != PHR_OK) {
        ok(0, "open: %s", err.text);
        return;
    }

    for (nth = 0; nth < 400; nth++) {

        if (nth % 8 == 0) {
            /* from time to time nothing is in memory */
            phr_store_close(st);
            phr_alloc_fail_at(nth / 8);
            rc = phr_store_open(&conf, &st, &err);
            phr_alloc_fail_at(-1);

            if (rc != PHR_OK) {
                nfailed++;
                rc = phr_store_open(&conf, &st, &err);
            }

            if (rc != PHR_OK) {
                ok(0, "open: %s", err.text);
                return;
            }
        }

        phr_alloc_fail_at(nth % 60);
        rc = append(st, rows * STEP_MS, nth % 3 == 0);
        phr_alloc_fail_at(-1);

        nfailed += (rc != PHR_OK);
        rows += (rc == PHR_OK);

        phr_alloc_fail_at(nth % 50);
        (void) read_all(st, &rc);
        phr_alloc_fail_at(nth % 17);
        (void) phr_store_seal(st, rows * STEP_MS + nth % 5 * 7200000, &err);
        phr_alloc_fail_at(-1);

        for (i = 0; i < 1; i++) {
            if (read_all(st, &rc) != rows * NSERIES || rc != PHR_OK) {
                wrong++;
            }
        }
    }

    is_int(wrong, 0, "after each failure all is as committed");
    ok(rows > 20 && nfailed > 50, "%ld rows, %ld failures", rows, nfailed);
    rc = phr_store_verify(st, NULL, NULL, &d, &err);
    ok(rc == PHR_OK && d.ndamaged == 0, "nothing is damaged");
    phr_store_close(st);
}


/*
 * Bits are turned in overflow pages, which hold packs and rows: the pages of
 * trees are LMDB's, and it keeps no checksums.
 */
static void
test_flips(void)
{
    int                  i, rc, fd, opened, refused, wrong;
    char                 path[64], *copy;
    long                 n;
    off_t                at;
    uint8_t              byte;
    uint64_t             rand;
    ssize_t              len;
    phr_err_t            err;
    struct stat          sb;
    phr_store_t         *st;
    phr_store_damage_t   d;

    remove_store();

    if (phr_store_open(&conf, &st, &err) != PHR_OK) {
        ok(0, "open: %s", err.text);
        return;
    }

    for (i = 0; i < 300; i++) {
        append(st, i * STEP_MS, i > 280 && i % 2);
    }

    for (i = 0; i < 2; i++) {
        (void) phr_store_seal(st, 300 * STEP_MS, &err);
    }

    phr_store_close(st);

    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    fd = open(path, O_RDWR);
    fstat(fd, &sb);
    copy = malloc((size_t) sb.st_size);
    len = pread(fd, copy, (size_t) sb.st_size, 0);
    opened = 0;
    refused = 0;
    wrong = 0;
    rand = 88172645463325252ULL;

    for (i = 0; i < 400 && len == sb.st_size; i++) {
        rand ^= rand << 13;
        rand ^= rand >> 7;
        rand ^= rand << 17;

        /* the flags of a page are its bytes 10 and 11, 4: overflow */
        at = 8192 + (off_t) (rand % (uint64_t) (sb.st_size - 8192));

        if (copy[at / 4096 * 4096 + 10] != 4 || at % 4096 < 16) {
            i--;
            continue;
        }

        byte = (uint8_t) (copy[at] ^ 1 << (rand >> 60) % 8);

        if (pwrite(fd, &byte, 1, at) != 1) {
            break;
        }

        rc = phr_store_open(&conf, &st, &err);

        if (rc == PHR_OK) {
            opened++;
            n = read_all(st, &rc);
            wrong += n >= 1000000 || (rc == PHR_OK && n > 300 * NSERIES);
            refused += (rc != PHR_OK);
            (void) phr_store_verify(st, NULL, NULL, &d, &err);
            phr_store_close(st);
        }

        if (pwrite(fd, copy, (size_t) len, 0) != len) {
            break;
        }
    }

    close(fd);
    free(copy);

    ok(i == 400 && opened == 400, "%d of %d damaged stores open", opened, i);
    ok(refused > 0, "%d reads tell of damage", refused);
    is_int(wrong, 0, "none gives a wrong value");
}


int
main(void)
{
    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    conf.path = dir;
    conf.map_size_bytes = 32 << 20;

    test_oom();
    test_flips();
    remove_store();
    rmdir(dir);

    return done_testing();
}
