/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of src/store/tree.c and aside.c: a sound store passes at every
 * stage of its life, and each kind of damage to its pages is found.  With
 * arguments it checks the stores in these folders.
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "store/aside.h"
#include "store/store.h"
#include "store/tree.h"
#include "tap.h"


#define NSERIES   700
#define START_MS  INT64_C(1700000000000)


static char          dir[] = "/tmp/phr-tree-XXXXXX";
static char          file[64];
static phr_store_t  *st;


static int
check(uint64_t max)
{
    int        rc;
    phr_err_t  err;

    phr_err_init(&err);
    rc = phr_tree_check(dir, max, NULL, &err);

    if (rc != PHR_OK) {
        printf("# %s\n", err.text);
    }

    return rc;
}


/*
 * Many look at the pages of the open store, over and over: each waits for its
 * turn at any place, while the file grows.
 */
#define NWATCHERS  24

static volatile int  stop;
static int           nchecks, nfailed;

static void *
watch(void *data)
{
    int                rc;
    phr_err_t          err;
    volatile int       never;
    volatile uint64_t  npages;

    never = 0;

    while (!stop) {
        rc = phr_store_check(st, &never, &npages, &err);
        __sync_fetch_and_add(&nchecks, 1);

        if (rc != PHR_OK) {
            printf("# %d: %s\n", rc, err.text);
            __sync_fetch_and_add(&nfailed, 1);
        }
    }

    return NULL;
}


/* opens, adds rows of ever other series, packs, drops, closes */
static int
life(int round, phr_err_t *err)
{
    int               rc, i, k;
    char              id[32];
    double            v[NSERIES];
    uint32_t          source;
    phr_sid_t         sid[NSERIES];
    phr_label_t       l[2];
    phr_batch_t       b;
    phr_labels_t      ls;
    phr_appender_t   *app;
    pthread_t         watcher[NWATCHERS];
    phr_store_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.map_size_bytes = 256u << 20;
    conf.retention_ms = 6 * 3600 * 1000;

    rc = phr_store_open(&conf, &st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    stop = 0;

    for (i = 0; i < NWATCHERS; i++) {
        if (pthread_create(&watcher[i], NULL, watch, NULL) != 0) {
            return PHR_ERROR;
        }
    }

    memset(&b, 0, sizeof(b));
    b.t_ms = START_MS + (int64_t) round * 3600 * 1000;
    phr_store_now(st, b.t_ms);
    app = phr_store_appender(st);
    rc = app->ops->source(app, phr_str_of("s"), &source, err);

    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_of("m");
    l[1].name = phr_str_of("id");
    ls.l = l;
    ls.n = 2;

    for (i = 0; i < NSERIES && rc == PHR_OK; i++) {
        snprintf(id, sizeof(id), "%d-%d", round / 2, i);
        l[1].value = phr_str_from_c(id);
        rc = app->ops->series(app, ls, &sid[i], err);
    }

    b.source = source;
    b.sid = sid;
    b.v = v;
    b.n = NSERIES;

    for (k = 0; k < 130 && rc == PHR_OK; k++) {
        for (i = 0; i < NSERIES; i++) {
            v[i] = drand48();
        }

        rc = app->ops->append(app, &b, err);
        if (rc == PHR_OK) {
            rc = phr_store_commit(st, b.t_ms, k & 1, err);
        }

        b.t_ms += 20000;
    }

    while (rc == PHR_OK && phr_store_seal(st, b.t_ms, err) == PHR_AGAIN) {
        /* void */
    }

    while (rc == PHR_OK && phr_store_retain(st, b.t_ms, err) == PHR_AGAIN) {
        /* void */
    }

    stop = 1;

    for (i = 0; i < NWATCHERS; i++) {
        pthread_join(watcher[i], NULL);
    }

    phr_store_close(st);

    return rc;
}


static void
flip(off_t at, uint8_t bits)
{
    int      fd;
    uint8_t  byte;

    fd = open(file, O_RDWR);

    if (fd == -1 || pread(fd, &byte, 1, at) != 1) {
        return;
    }

    byte ^= bits;

    if (pwrite(fd, &byte, 1, at) != 1) {
        printf("# no write\n");
    }

    close(fd);
}


/* of a state, of which each of the first two pages has one */
#define NUMBER  (16 + 24 + 96 + 8)

static uint64_t
number(off_t at)
{
    int       fd;
    uint64_t  n;

    fd = open(file, O_RDONLY);

    if (fd == -1 || pread(fd, &n, sizeof(n), at) != sizeof(n)) {
        n = 0;
    }

    close(fd);

    return n;
}


static void
damaged(const char *what, off_t at, uint8_t bits)
{
    flip(at, bits);
    is_int(check(UINT64_MAX), PHR_ECORRUPT, "%s", what);
    flip(at, bits);
}


/*
 * Flips: what a look at the upper pages alone passes, and all pages do not,
 * is found in the open store.
 */
static void
later(size_t size)
{
    int                i, nlater, nfound, never;
    off_t              at;
    uint8_t            bits;
    phr_err_t          err;
    phr_store_conf_t   conf;
    volatile uint64_t  npages;
    phr_tree_result_t  result;

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.read_only = 1;
    nlater = 0;
    nfound = 0;
    never = 0;
    srand48(1);

    for (i = 0; i < 300; i++) {
        at = (off_t) (drand48() * (double) size);
        bits = (uint8_t) (1 << (int) (drand48() * 8));
        flip(at, bits);

        if (phr_tree_check(dir, 0, NULL, &err) == PHR_ECORRUPT
            && phr_tree_check_quick(dir, 0, &result, &err) == PHR_OK)
        {
            nlater++;

            if (phr_store_open(&conf, &st, &err) == PHR_ECORRUPT) {
                nfound++;

            } else {
                nfound += phr_store_check(st, &never, &npages, &err)
                          == PHR_ECORRUPT;
                phr_store_close(st);
            }
        }

        flip(at, bits);
    }

    ok(nlater > 5, "%d flips pass a quick look", nlater);
    is_int(nfound, nlater, "and are found later");

    is_int(phr_tree_check_quick(dir, 0, &result, &err), PHR_OK, "sound");
    is_int(result.leaves, 0, "as far as it was looked at");
    is_int(phr_tree_check_quick(dir, UINT64_MAX, &result, &err), PHR_OK,
           "sound");
    is_int(result.leaves, 1, "as a whole");
}


int
main(int argc, char **argv)
{
    int          i, rc;
    off_t        at;
    char         name[PHR_ASIDE_NAME];
    phr_err_t    err;
    struct stat  sb;
    phr_tree_result_t  result;

    phr_err_init(&err);

    for (i = 1; i < argc; i++) {
        rc = phr_tree_check(argv[i], UINT64_MAX, &result, &err);
        printf("%s: %s, %llu pages, %llu values\n", argv[i],
               rc == PHR_OK ? "sound" : err.text,
               (unsigned long long) result.npages,
               (unsigned long long) result.nvalues);
    }

    if (argc > 1) {
        return 0;
    }

    ok(mkdtemp(dir) != NULL, "directory");
    snprintf(file, sizeof(file), "%s/data.mdb", dir);
    is_int(check(0), PHR_OK, "there is no store");

    for (i = 0; i < 16; i++) {
        is_int(life(i, &err), PHR_OK, "round %d", i);
        is_int(check(0), PHR_OK, "trees are sound");
        is_int(check(UINT64_MAX), PHR_OK, "so are values");
    }

    ok(nchecks > 16, "%d checks beside the writer", nchecks);
    is_int(nfailed, 0, "found nothing");

    damaged("magic", 16, 1);
    damaged("magic of the other", 4096 + 16, 1);
    damaged("page size", 4096 + 16 + 24 + 1, 0x20);

    ok(stat(file, &sb) == 0, "size");
    later((size_t) sb.st_size);

    /* the number of the newest state, by which one commit is undone */

    at = NUMBER + (number(NUMBER) > number(4096 + NUMBER) ? 0 : 4096);

    for (i = 0, rc = 0; i < 8; i++) {
        flip(at, (uint8_t) (1 << i));
        rc += check(0) != PHR_OK;
        flip(at, (uint8_t) (1 << i));
    }

    ok(rc >= 7, "number of a state (%d of 8)", rc);

    is_int(truncate(file, sb.st_size / 2), 0, "cut");
    is_int(check(0), PHR_ECORRUPT, "half a file");
    is_int(phr_aside_check(dir, 0, &err), PHR_ECORRUPT, "to be moved");
    is_int(phr_aside_move(dir, 1700000000, name, &err), PHR_OK, "moved");
    is_str(name, "data.mdb.damaged-1700000000", "its name");
    ok(access(file, F_OK) != 0, "it is gone");
    is_int(phr_aside_check(dir, 0, &err), PHR_OK, "none is none");
    is_int(phr_aside_condemn(dir, &err), PHR_OK, "condemned");
    is_int(phr_aside_check(dir, 0, &err), PHR_ECORRUPT, "which is known");
    is_int(life(0, &err), PHR_OK, "another");
    is_int(phr_aside_move(dir, 1700000000, name, &err), PHR_OK, "moved");
    is_str(name, "data.mdb.damaged-1700000001", "to a name of its own");
    is_int(phr_aside_check(dir, 0, &err), PHR_OK, "and forgotten");

    snprintf(file, sizeof(file), "rm -r %s", dir);
    ok(system(file) == 0, "cleaned");

    return done_testing();
}
