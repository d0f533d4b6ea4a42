/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of src/store/room.c: a full map refuses what is new and keeps what
 * it has; with a bound in bytes the oldest makes room, and no more of it
 * than is needed; and of src/store/place.c.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/arena.h"
#include "store/place.h"
#include "store/store.h"
#include "store/verify.h"
#include "tap.h"


#define MAP        (16u << 20)
#define NSERIES    400
#define STEP_MS    60000
#define START_MS   1700000000000LL


static char         dir[] = "/tmp/phr-room-XXXXXX";
static phr_store_t *st;
static phr_sid_t    sid[NSERIES];
static uint32_t     source;
static int          nfull, nroom;


static void
log_line(void *data, int level, const char *text)
{
    nfull += strstr(text, "samples are refused") != NULL;
    nroom += strstr(text, "there is room again") != NULL;
}


static int
open_store(uint64_t retention_bytes, phr_err_t *err)
{
    int               rc, i;
    char              id[16];
    phr_label_t       l;
    phr_labels_t      ls;
    phr_appender_t   *app;
    phr_store_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.map_size_bytes = MAP;
    conf.retention_bytes = retention_bytes;
    conf.log = log_line;

    rc = phr_store_open(&conf, &st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_store_now(st, START_MS);
    app = phr_store_appender(st);
    rc = app->ops->source(app, phr_str_of("s"), &source, err);

    for (i = 0; i < NSERIES && rc == PHR_OK; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        l.name = phr_str_of("__name__");
        l.value = phr_str_from_c(id);
        ls.l = &l;
        ls.n = 1;
        rc = app->ops->series(app, ls, &sid[i], err);
    }

    return rc;
}


/* one row, and what is to be done in the background */
static int
step(int64_t t_ms, phr_err_t *err)
{
    int              rc, i;
    double           v[NSERIES];
    phr_err_t        e;
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));

    for (i = 0; i < NSERIES; i++) {
        v[i] = drand48();
    }

    b.source = source;
    b.t_ms = t_ms;
    b.sid = sid;
    b.v = v;
    b.n = NSERIES;

    phr_store_now(st, t_ms);
    rc = app->ops->append(app, &b, err);

    if (rc == PHR_OK) {
        rc = phr_store_commit(st, t_ms, 0, err);

    } else {
        (void) phr_store_commit(st, t_ms, 0, &e);
    }

    while (phr_store_seal(st, t_ms, &e) == PHR_AGAIN) { /* void */ }
    while (phr_store_retain(st, t_ms, &e) == PHR_AGAIN) { /* void */ }

    return rc;
}


static void
sound(const char *name)
{
    phr_err_t           err;
    phr_store_damage_t  d;

    phr_err_init(&err);
    is_int(phr_store_verify(st, NULL, NULL, &d, &err), PHR_OK, name);
    is_int(d.ndamaged, 0, "without damage");
}


int
main(void)
{
    int                rc, i, refused;
    int64_t            t, first_ms, full_ms;
    phr_err_t          err;
    phr_store_stats_t  stats;

    srand48(1);
    ok(mkdtemp(dir) != NULL, "directory");
    phr_err_init(&err);

    is_int(open_store(0, &err), PHR_OK, "opened");

    for (t = START_MS, rc = PHR_OK; rc == PHR_OK; t += STEP_MS) {
        rc = step(t, &err);
    }

    is_int(rc, PHR_ENOSPC, "ends when the map is full");
    is_int(phr_store_full(st), 1, "and says so");
    phr_store_stats(st, &stats);
    is_int(stats.full, 1, "also to others");
    is_int(stats.max_ms, t - 2 * STEP_MS, "what was taken is there");
    first_ms = stats.min_ms;
    full_ms = t;
    sound("the store is read");

    for (i = 0; i < 100; i++, t += STEP_MS) {
        rc = step(t, &err);
    }

    is_int(rc, PHR_ENOSPC, "and so it stays");
    is_int(nfull, 1, "said once");
    phr_store_close(st);

    rc = open_store(1u << 30, &err);
    ok(rc == PHR_OK || rc == PHR_ENOSPC, "opened when full");
    (void) phr_store_commit(st, t, 0, &err);

    for (i = refused = 0; i < 2000; i++, t += STEP_MS) {
        refused += step(t, &err) != PHR_OK;
    }

    ok(refused < 200, "the oldest makes room (%d refused)", refused);
    phr_store_stats(st, &stats);
    ok(stats.min_ms > first_ms, "it is gone");
    ok(stats.min_ms < full_ms, "but not all of it");
    is_int(nroom > 0, 1, "said, too");
    sound("the store is read");
    phr_store_close(st);

    is_int(phr_place_check(dir, &err), PHR_OK, "a disk of this machine");
    is_int(phr_place_check("/nowhere/at/all", &err), PHR_OK, "none yet");
    is_int(phr_place_check_type(0x6969, "/x", &err), PHR_EINVAL, "NFS");
    ok(strstr(err.text, "NFS") != NULL, "by name: %s", err.text);
    is_int(phr_place_check_type(0xff534d42, "/x", &err), PHR_EINVAL, "CIFS");
    is_int(phr_place_check_type(0x65735546, "/x", &err), PHR_EINVAL, "FUSE");
    is_int(phr_place_check_type(0xef53, "/x", &err), PHR_OK, "ext4");
    is_int(phr_place_check_type(0x01021994, "/x", &err), PHR_OK, "tmpfs");

    if (chdir(dir) != 0) {
        return 1;
    }

    unlink("data.mdb");
    unlink("lock.mdb");
    rmdir(dir);

    return done_testing();
}
