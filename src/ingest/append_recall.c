/*
 * Copyright (C) The Pharos Authors
 *
 * What an earlier process left behind.  A target that is scraped for the
 * first time by this one recalls the series of its last batch, so that those
 * which vanished in between get their markers; and targets that were
 * scraped then and are none now are found by their records:
 *
 *     source:32 -> name of the source
 */

#include "ingest/append_impl.h"

#include "core/alloc.h"
#include "core/bytes.h"


typedef struct {
    int          (*known)(void *data, phr_str_t name);
    void          *data;
    phr_array_t    sources;     /* of uint32_t */
} phr_scrape_others_t;


static int phr_scrape_recalled(void *data, phr_sid_t sid);
static int phr_scrape_other(void *data, phr_str_t key, phr_str_t value);
static int phr_scrape_end_source(phr_appender_t *app, uint32_t source,
    int64_t t_ms, uint64_t *nseries, phr_err_t *err);
static phr_str_t phr_scrape_record(char *key, uint32_t source);


int
phr_scrape_recall(phr_scrape_t *s, phr_appender_t *app, int64_t t_ms,
    phr_err_t *err)
{
    int          rc;
    size_t       i;
    uint32_t     source, *tracked;
    phr_str_t    name;
    phr_array_t  found;

    if (s->recalled) {
        return PHR_OK;
    }

    phr_array_init(&found, sizeof(phr_sid_t));

    rc = phr_scrape_source(s, app, 0, &source, err);

    if (rc == PHR_OK) {
        rc = phr_recall_series(app, source, t_ms, &found, err);
    }

    if (rc != PHR_OK) {
        goto done;
    }

    tracked = phr_realloc(s->tracked, (s->ntracked + found.nelts + 1)
                                      * sizeof(uint32_t));
    if (tracked == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory for series");
        goto done;
    }

    s->tracked = tracked;

    for (i = 0; i < found.nelts; i++) {
        rc = phr_scrape_slot(s, *phr_array_get(&found, phr_sid_t, i),
                             &s->tracked[s->ntracked]);
        if (rc != PHR_OK) {
            phr_err_set(err, rc, "no memory for series");
            goto done;
        }

        s->ntracked++;
    }

    if (s->o.remember) {
        rc = phr_scrape_source_name(s->tmp, s->o.job, s->o.key, &name);

        if (rc == PHR_OK) {
            rc = phr_recall_remember(app, source, name, err);
        }
    }

    s->recalled = rc == PHR_OK;

done:

    phr_array_free(&found);

    return rc;
}


int
phr_recall_series(phr_appender_t *app, uint32_t source, int64_t t_ms,
    phr_array_t *found, phr_err_t *err)
{
    return app->ops->newest(app, source, t_ms - PHR_SCRAPE_RECALL_MS,
                            t_ms - 1, phr_scrape_recalled, found, err);
}


int
phr_recall_remember(phr_appender_t *app, uint32_t source, phr_str_t name,
    phr_err_t *err)
{
    char  key[4];

    return app->ops->put(app, PHR_KV_TARGET, phr_scrape_record(key, source),
                         name, err);
}


static int
phr_scrape_recalled(void *data, phr_sid_t sid)
{
    phr_sid_t  *p;

    p = phr_array_push(data);
    if (p == NULL) {
        return PHR_ENOMEM;
    }

    *p = sid;

    return PHR_OK;
}


int
phr_scrape_forgotten(phr_scrape_t *s, phr_appender_t *app, phr_err_t *err)
{
    char  key[4];

    if (!s->o.remember || !s->has_source) {
        return PHR_OK;
    }

    return app->ops->del(app, PHR_KV_TARGET,
                         phr_scrape_record(key, s->source), err);
}


int
phr_scrape_source_name(phr_arena_t *arena, phr_str_t job, uint64_t key,
    phr_str_t *name)
{
    char  *text;

    text = phr_arena_printf(arena, "scrape/%.*s/%016llx", (int) job.len,
                            job.data, (unsigned long long) key);
    if (text == NULL) {
        return phr_arena_rc(arena);
    }

    *name = phr_str_from_c(text);

    return PHR_OK;
}


int
phr_scrape_end_others(phr_appender_t *app, int64_t t_ms,
    int (*known)(void *data, phr_str_t name), void *data,
    uint64_t *ntargets, uint64_t *nseries, phr_err_t *err)
{
    int                   rc;
    char                  key[4];
    size_t                i;
    uint32_t              source;
    phr_scrape_others_t   o;

    *ntargets = 0;
    *nseries = 0;

    o.known = known;
    o.data = data;
    phr_array_init(&o.sources, sizeof(uint32_t));

    rc = app->ops->each(app, PHR_KV_TARGET, phr_str_of(""), phr_scrape_other,
                        &o, err);

    for (i = 0; i < o.sources.nelts && rc == PHR_OK; i++) {
        source = *phr_array_get(&o.sources, uint32_t, i);

        rc = phr_scrape_end_source(app, source, t_ms, nseries, err);

        if (rc == PHR_OK) {
            rc = app->ops->del(app, PHR_KV_TARGET,
                               phr_scrape_record(key, source), err);
        }
    }

    *ntargets = i;

    phr_array_free(&o.sources);

    return rc;
}


static int
phr_scrape_other(void *data, phr_str_t key, phr_str_t value)
{
    uint32_t             *source;
    phr_scrape_others_t  *o;

    o = data;

    if (key.len != 4 || o->known(o->data, value)) {
        return PHR_OK;
    }

    source = phr_array_push(&o->sources);
    if (source == NULL) {
        return PHR_ENOMEM;
    }

    *source = phr_get_be32((const uint8_t *) key.data);

    return PHR_OK;
}


static int
phr_scrape_end_source(phr_appender_t *app, uint32_t source, int64_t t_ms,
    uint64_t *nseries, phr_err_t *err)
{
    int          rc;
    double      *v;
    size_t       i;
    phr_array_t  found;
    phr_batch_t  b;

    v = NULL;
    phr_array_init(&found, sizeof(phr_sid_t));

    rc = phr_recall_series(app, source, t_ms, &found, err);

    /* a record of a store that was salvaged may name no source at all */

    if (rc == PHR_ENOTFOUND) {
        rc = PHR_OK;
    }

    if (rc != PHR_OK || found.nelts == 0) {
        goto done;
    }

    v = phr_malloc(found.nelts * sizeof(double));
    if (v == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory for series");
        goto done;
    }

    for (i = 0; i < found.nelts; i++) {
        v[i] = phr_double_from_bits(PHR_STALE_NAN_BITS);
    }

    memset(&b, 0, sizeof(phr_batch_t));

    b.source = source;
    b.t_ms = t_ms;
    b.sid = found.elts;
    b.v = v;
    b.n = found.nelts;

    rc = app->ops->append(app, &b, err);
    *nseries += found.nelts;

done:

    phr_free(v);
    phr_array_free(&found);

    return rc;
}


static phr_str_t
phr_scrape_record(char *key, uint32_t source)
{
    phr_put_be32((uint8_t *) key, source);

    return phr_str_from(key, 4);
}
