/*
 * Copyright (C) The Pharos Authors
 *
 * Administration: what takes the whole store away or changes what is in it.
 * /backup, and what Prometheus has below /api/v1/admin/tsdb.  All of it is
 * refused unless the location says "pharos_admin on".
 */

#include "api/call.h"

#include <stdio.h>
#include <sys/random.h>

#include "core/time.h"


/* a deletion, step by step */
typedef struct {
    phr_store_delete_t  *del;
    int                  more;
} phr_delete_t;


static int phr_admin_allowed(phr_call_t *c, phr_err_t *err);
static int phr_admin_copy_begin(phr_call_t *c, phr_err_t *err);
static void phr_admin_copy_end(phr_call_t *c);
static int phr_backup_send(phr_call_t *c, phr_err_t *err);
static int phr_admin_name(phr_call_t *c, char *name, size_t size,
    phr_err_t *err);
static int phr_delete_run(phr_call_t *c, phr_delete_t *d, phr_err_t *err);
static int phr_delete_sync(void *arg, phr_appender_t *app, phr_err_t *err);
static int phr_delete_step(void *arg, phr_appender_t *app, phr_err_t *err);


/* as Prometheus says it */
static int
phr_admin_allowed(phr_call_t *c, phr_err_t *err)
{
    return c->req->admin.len != 0
           ? PHR_OK : phr_err_set(err, PHR_EUNAVAIL, "admin APIs disabled");
}


/* one copy at a time: each keeps free space from being used again */
static int
phr_admin_copy_begin(phr_call_t *c, phr_err_t *err)
{
    if (__atomic_exchange_n(&c->api->copying, 1, __ATOMIC_ACQUIRE) != 0) {
        return phr_err_set(err, PHR_EUNAVAIL, "another backup or snapshot is "
                           "under way");
    }

    return PHR_OK;
}


static void
phr_admin_copy_end(phr_call_t *c)
{
    __atomic_store_n(&c->api->copying, 0, __ATOMIC_RELEASE);
}


int
phr_api_backup(phr_call_t *c, phr_err_t *err)
{
    int  rc;

    if (c->req->admin.len == 0) {
        return phr_call_text(c, 403, "text/plain; charset=utf-8",
                             phr_str_of("backups need \"pharos_admin on\" "
                                        "in this location\n"));
    }

    c->res->status = 200;
    c->res->content_type = phr_str_of("application/octet-stream");
    phr_call_header(c, "Content-Disposition",
                    phr_str_of("attachment; filename=\"data.mdb\""));
    phr_call_header(c, "Cache-Control", phr_str_of("no-store"));

    /* HEAD */

    if (c->req->send == NULL) {
        return PHR_OK;
    }

    rc = phr_admin_copy_begin(c, err);

    if (rc == PHR_OK) {
        rc = phr_backup_send(c, err);
        phr_admin_copy_end(c);
    }

    return rc;
}


static int
phr_backup_send(phr_call_t *c, phr_err_t *err)
{
    int                rc;
    char              *p;
    size_t             n;
    int64_t            left;
    phr_store_copy_t  *copy;

    rc = phr_store_copy_open(c->api->store, &copy, err);
    if (rc != PHR_OK) {
        return rc;
    }

    c->res->length = (int64_t) phr_store_copy_bytes(copy);

    for (left = c->res->length; left > 0; left -= (int64_t) n) {

        rc = phr_call_poll(c, "the backup", err);
        if (rc < 0) {
            break;
        }

        /* the last piece is sent when another backup may begin already */

        rc = phr_call_stream(c, err);
        if (rc != PHR_OK) {
            break;
        }

        p = phr_buf_reserve(&c->res->body, PHR_STORE_COPY_STEP);
        if (p == NULL) {
            rc = phr_err_set(err, c->res->body.failed, "no memory");
            break;
        }

        rc = phr_store_copy_read(copy, p, &n, err);
        if (rc != PHR_OK) {
            break;
        }

        c->res->body.len += n;
    }

    phr_store_copy_close(copy);

    return rc;
}


int
phr_api_snapshot(phr_call_t *c, phr_err_t *err)
{
    int         rc;
    char        name[64];
    phr_str_t   skip;

    rc = phr_admin_allowed(c, err);
    if (rc != PHR_OK) {
        return rc;
    }

    /* there is no head: all that is committed is in it, whatever this says */

    skip = phr_call_param(c, "skip_head");

    if (skip.len != 0 && phr_param_bool(skip) < 0) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter "
                           "\"skip_head\": unable to parse boolean: "
                           "strconv.ParseBool: parsing \"%.*s\": invalid "
                           "syntax", (int) phr_min(skip.len, 100), skip.data);
    }

    rc = phr_admin_name(c, name, sizeof(name), err);
    if (rc == PHR_OK) {
        rc = phr_admin_copy_begin(c, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_store_snapshot(c->api->store, name, c->req->stop, err);
    phr_admin_copy_end(c);

    if (rc != PHR_OK) {
        phr_err_prefix(err, "create snapshot: ");
        return rc;
    }

    phr_call_begin(c);
    phr_json_object(&c->json);
    phr_json_pair_c(&c->json, "name", name);
    phr_json_end_object(&c->json);
    phr_call_end(c);

    return PHR_OK;
}


/* 20171210T211224Z-2be650b6d019eb54 */
static int
phr_admin_name(phr_call_t *c, char *name, size_t size, phr_err_t *err)
{
    uint64_t    r;
    phr_date_t  d;

    if (getrandom(&r, sizeof(r), 0) != (ssize_t) sizeof(r)) {
        return phr_err_set(err, PHR_ERROR, "getrandom() failed");
    }

    phr_date(c->req->now_ms, &d);

    snprintf(name, size, "%04lld%02d%02dT%02d%02d%02dZ-%016llx",
             (long long) d.year, d.month, d.day, d.hour, d.minute, d.second,
             (unsigned long long) (r >> 1));

    return PHR_OK;
}


int
phr_api_delete_series(phr_call_t *c, phr_err_t *err)
{
    int                  rc;
    size_t               i, n;
    int64_t              start_ms, end_ms;
    phr_delete_t         d;
    phr_matcher_list_t  *lists;

    rc = phr_admin_allowed(c, err);
    if (rc == PHR_OK) {
        rc = phr_call_time(c, "start", PHR_TIME_MIN, &start_ms, err);
    }
    if (rc == PHR_OK) {
        rc = phr_call_time(c, "end", PHR_TIME_MAX, &end_ms, err);
    }
    if (rc == PHR_OK) {
        rc = phr_call_matchers(c, 1, &lists, &n, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    if (n == 0) {
        return phr_err_set(err, PHR_EINVAL, "no match[] parameter provided");
    }

    memset(&d, 0, sizeof(d));

    /* what comes while this goes on stays */

    rc = phr_store_delete_open(c->api->store, start_ms,
                               phr_min(end_ms, c->req->now_ms), &d.del, err);

    for (i = 0; i < n && rc == PHR_OK; i++) {
        rc = phr_store_delete_add(d.del, lists[i].m, lists[i].n, err);
    }

    if (rc == PHR_OK) {
        rc = phr_delete_run(c, &d, err);
    }

    phr_store_delete_close(d.del);
    phr_call_free_matchers(lists, n);

    return rc == PHR_OK ? phr_call_text(c, 204, "text/plain; charset=utf-8",
                                        phr_str_of(""))
                        : rc;
}


static int
phr_delete_run(phr_call_t *c, phr_delete_t *d, phr_err_t *err)
{
    int                    rc;
    const phr_api_live_t  *live;

    live = c->api->live;

    if (live->write == NULL) {
        return phr_err_set(err, PHR_EUNAVAIL, "nothing is written here");
    }

    do {
        rc = live->write(c->api->live_data, phr_delete_step, d, 0, err);

    } while (rc == PHR_OK && d->more);

    return rc == PHR_OK ? live->write(c->api->live_data, phr_delete_sync,
                                      c->api->store, 0, err)
                        : rc;
}


/* in the writer thread: the steps were committed, now they are on the disk */
static int
phr_delete_sync(void *arg, phr_appender_t *app, phr_err_t *err)
{
    return phr_store_sync(arg, err);
}


/* in the writer thread */
static int
phr_delete_step(void *arg, phr_appender_t *app, phr_err_t *err)
{
    int            rc;
    phr_delete_t  *d = arg;

    rc = phr_store_delete_step(d->del, err);
    d->more = (rc == PHR_AGAIN);

    return rc < 0 ? rc : PHR_OK;
}


/* what is deleted leaves nothing behind that would have to be cleaned */
int
phr_api_clean_tombstones(phr_call_t *c, phr_err_t *err)
{
    int  rc;

    rc = phr_admin_allowed(c, err);

    return rc == PHR_OK ? phr_call_text(c, 204, "text/plain; charset=utf-8",
                                        phr_str_of(""))
                        : rc;
}
