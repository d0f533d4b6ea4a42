/*
 * Copyright (C) The Pharos Authors
 *
 * Remote write requests: what they are, their series' ids, and their
 * samples to the appender.
 */

#include "ingest/remote_write.h"

#include "ingest/remote_write_impl.h"

#include <stdio.h>
#include <strings.h>

#include "core/alloc.h"
#include "core/pack.h"


#define PHR_REMOTE_SOURCE      "remote_write"

/* labels of one series while they are looked at */
#define PHR_REMOTE_TMP_BYTES   (16 * 1024 * 1024)

/* arrays that are longer are given back after the request */
#define PHR_REMOTE_KEEP        65536
#define PHR_REMOTE_KEEP_BYTES  (4 * 1024 * 1024)


static int phr_remote_type(phr_str_t type, int *v2);
static int phr_remote_is(phr_str_t s, const char *what);
static phr_str_t phr_remote_trim(phr_str_t s);
static int phr_remote_unpack(phr_remote_write_t *rw,
    const phr_remote_write_request_t *r, phr_remote_write_answer_t *answer,
    phr_err_t *err);
static void phr_remote_begin(phr_remote_write_t *rw, int64_t now_ms, int v2);
static void phr_remote_end(phr_remote_write_t *rw);
static int phr_remote_write(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err);
static int phr_remote_resolve(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err);
static int phr_remote_id(phr_remote_write_t *rw, phr_appender_t *app,
    phr_remote_series_t *s, phr_err_t *err);
static void phr_remote_gather(phr_remote_write_t *rw);
static int phr_remote_append(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err);
static int phr_remote_renew(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err);
static void phr_remote_outcome(phr_remote_write_t *rw, size_t i);
static int phr_remote_answer_text(phr_remote_write_answer_t *answer,
    int status, const char *text);


int
phr_remote_write_create(const phr_remote_write_options_t *o,
    phr_appender_t *app, phr_remote_write_t **out, phr_err_t *err)
{
    int                  rc;
    phr_remote_write_t  *rw;

    rw = phr_calloc(1, sizeof(phr_remote_write_t));
    if (rw == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for remote write");
    }

    rw->o = *o;
    rw->cache.max = o->max_cached / 2;

    phr_buf_init(&rw->body, 0);
    phr_array_init(&rw->series, sizeof(phr_remote_series_t));
    phr_array_init(&rw->symbols, sizeof(phr_remote_symbol_t));
    phr_array_init(&rw->staged, sizeof(phr_remote_staged_t));
    phr_array_init(&rw->exemplars, sizeof(phr_remote_exemplar_t));

    rw->tmp = phr_arena_create(PHR_REMOTE_TMP_BYTES);

    rc = rw->tmp != NULL ? phr_remote_metadata_load(rw, app, err)
         : phr_err_set(err, PHR_ENOMEM, "no memory for remote write");

    if (rc != PHR_OK) {
        phr_remote_write_destroy(rw);
        return rc;
    }

    *out = rw;

    return PHR_OK;
}


void
phr_remote_write_destroy(phr_remote_write_t *rw)
{
    if (rw == NULL) {
        return;
    }

    phr_remote_free_samples(rw);
    phr_remote_cache_clear(&rw->cache);
    phr_remote_metadata_clear(rw);
    phr_array_free(&rw->series);
    phr_array_free(&rw->symbols);
    phr_array_free(&rw->staged);
    phr_array_free(&rw->exemplars);
    phr_buf_free(&rw->body);
    phr_arena_destroy(rw->tmp);
    phr_arena_destroy(rw->hists);
    phr_free(rw->refs);
    phr_free(rw->prints);
    phr_free(rw);
}


/* ids of series stay good, or the store says that they are not */

int
phr_remote_write_reload(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err)
{
    rw->has_source = 0;
    phr_remote_metadata_clear(rw);

    return phr_remote_metadata_load(rw, app, err);
}


int
phr_remote_write_request(phr_remote_write_t *rw, phr_appender_t *app,
    const phr_remote_write_request_t *r, phr_remote_write_answer_t *answer,
    phr_err_t *err)
{
    int        rc, v2;
    phr_err_t  why;

    memset(answer, 0, sizeof(phr_remote_write_answer_t));
    rw->stats.nrequests++;
    phr_err_init(&why);

    if (phr_remote_type(r->content_type, &v2) != PHR_OK) {
        return phr_remote_answer_text(answer, 415, "the content type is "
            "neither application/x-protobuf;proto=prometheus.WriteRequest "
            "nor application/x-protobuf;proto=io.prometheus.write.v2.Request");
    }

    answer->v2 = v2 != 0;

    /* without a header, version 1.0 means snappy */

    if (r->content_encoding.len != 0
        && !phr_remote_is(r->content_encoding, "snappy"))
    {
        return phr_remote_answer_text(answer, 415, "the content encoding is "
                                      "not snappy");
    }

    phr_remote_begin(rw, r->now_ms, v2);

    if (rw->metadata == NULL) {
        rc = phr_remote_metadata_load(rw, app, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    rc = phr_remote_unpack(rw, r, answer, err);

    if (rc == PHR_OK && answer->status == 0) {
        rc = phr_remote_parse(rw, phr_buf_view(&rw->body), &why);

        if (rc == PHR_OK) {
            rc = phr_remote_write(rw, app, err);

            if (rc == PHR_OK) {
                phr_remote_answer(rw, answer);
            }

        } else if (rc == PHR_ENOMEM) {
            rc = phr_err_set(err, rc, "%s", why.text);

        } else {
            rw->stats.nmalformed++;
            rc = phr_remote_answer_text(answer, rc == PHR_ELIMIT ? 413 : 400,
                                        why.text);
        }
    }

    phr_remote_end(rw);

    return rc;
}


void
phr_remote_write_stats(const phr_remote_write_t *rw,
    phr_remote_write_stats_t *stats)
{
    *stats = rw->stats;
}


/* a media type and its parameters, of which "proto" is the only one */

static int
phr_remote_type(phr_str_t type, int *v2)
{
    phr_str_t    part;
    const char  *p, *end, *next;

    *v2 = 0;

    if (type.len == 0) {
        return PHR_OK;
    }

    end = type.data + type.len;

    for (p = type.data; p <= end; p = next + 1) {

        next = p < end ? memchr(p, ';', (size_t) (end - p)) : NULL;
        next = next != NULL ? next : end;

        part = phr_remote_trim(phr_str_from(p, (size_t) (next - p)));

        if (p == type.data) {
            if (!phr_remote_is(part, "application/x-protobuf")) {
                return PHR_EINVAL;
            }
            continue;
        }

        if (part.len < 6 || strncasecmp(part.data, "proto=", 6) != 0) {
            continue;
        }

        part = phr_str_from(part.data + 6, part.len - 6);

        if (part.len >= 2 && part.data[0] == '"'
            && part.data[part.len - 1] == '"')
        {
            part = phr_str_from(part.data + 1, part.len - 2);
        }

        if (phr_str_eq(part, phr_str_of("io.prometheus.write.v2.Request"))) {
            *v2 = 1;

        } else if (!phr_str_eq(part, phr_str_of("prometheus.WriteRequest"))) {
            return PHR_EINVAL;
        }
    }

    return PHR_OK;
}


static int
phr_remote_is(phr_str_t s, const char *what)
{
    s = phr_remote_trim(s);

    return s.len == strlen(what) && strncasecmp(s.data, what, s.len) == 0;
}


static phr_str_t
phr_remote_trim(phr_str_t s)
{
    while (s.len > 0 && (*s.data == ' ' || *s.data == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len > 0
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
    {
        s.len--;
    }

    return s;
}


/* refused: PHR_OK, with the answer */

static int
phr_remote_unpack(phr_remote_write_t *rw,
    const phr_remote_write_request_t *r, phr_remote_write_answer_t *answer,
    phr_err_t *err)
{
    int        rc;
    phr_err_t  why;

    phr_err_init(&why);

    if (rw->o.max_body_bytes != 0 && r->body.len > rw->o.max_body_bytes) {
        rc = phr_err_set(&why, PHR_ELIMIT, "the body is too large");

    } else {
        rc = phr_unpack(PHR_PACK_SNAPPY, r->body, rw->o.max_body_bytes,
                        &rw->body, &why);
    }

    if (rc == PHR_OK) {
        return PHR_OK;
    }

    if (rc == PHR_ENOMEM) {
        return phr_err_set(err, rc, "%s", why.text);
    }

    rw->stats.nmalformed++;

    return phr_remote_answer_text(answer, rc == PHR_ELIMIT ? 413 : 400,
                                  why.text);
}


static void
phr_remote_begin(phr_remote_write_t *rw, int64_t now_ms, int v2)
{
    rw->v2 = v2 != 0;
    rw->now_ms = now_ms;
    rw->n = 0;
    rw->nwritten = 0;
    rw->nhists = 0;
    rw->has_hists = 0;
    rw->has_starts = 0;
    rw->nexemplars = 0;
    rw->example[0] = '\0';
    memset(rw->nrefused, 0, sizeof(rw->nrefused));

    phr_buf_reset(&rw->body);
    rw->series.nelts = 0;
    rw->symbols.nelts = 0;
    rw->staged.nelts = 0;
    rw->exemplars.nelts = 0;
}


/* what one request in a thousand needs is not kept for the others */

static void
phr_remote_end(phr_remote_write_t *rw)
{
    size_t  i;

    rw->stats.nsamples += rw->nwritten;
    rw->stats.nexemplars += rw->nexemplars;
    rw->stats.ndropped += rw->exemplars.nelts - rw->nexemplars;

    for (i = 0; i < PHR_REMOTE_WRITE_REASONS; i++) {
        rw->stats.nrefused[i] += rw->nrefused[i];
    }

    if (rw->nalloc > PHR_REMOTE_KEEP) {
        phr_remote_free_samples(rw);
    }

    if (rw->series.nalloc > PHR_REMOTE_KEEP) {
        phr_array_free(&rw->series);
    }

    if (rw->symbols.nalloc > PHR_REMOTE_KEEP) {
        phr_array_free(&rw->symbols);
    }

    if (rw->staged.nalloc > PHR_REMOTE_KEEP) {
        phr_array_free(&rw->staged);
    }

    if (rw->exemplars.nalloc > PHR_REMOTE_KEEP) {
        phr_array_free(&rw->exemplars);
    }

    if (rw->body.cap > PHR_REMOTE_KEEP_BYTES) {
        phr_buf_free(&rw->body);
    }

    phr_arena_reset(rw->tmp);

    if (rw->hists != NULL) {
        phr_arena_reset(rw->hists);
    }
}


static int
phr_remote_write(phr_remote_write_t *rw, phr_appender_t *app, phr_err_t *err)
{
    int  rc;

    rc = phr_remote_resolve(rw, app, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_remote_gather(rw);

    rc = phr_remote_append(rw, app, err);

    if (rc == PHR_OK) {
        rc = phr_remote_renew(rw, app, err);
    }

    if (rc == PHR_OK) {
        rc = phr_remote_exemplars_store(rw, app, err);
    }

    if (rc == PHR_OK) {
        rc = phr_remote_metadata_store(rw, app, err);
    }

    return rc;
}


/* ids of all series of the request that are good for anything */

static int
phr_remote_resolve(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err)
{
    int                   rc;
    size_t                i;
    phr_remote_series_t  *s;

    for (i = 0; i < rw->series.nelts; i++) {
        s = phr_array_get(&rw->series, phr_remote_series_t, i);

        if (s->state == PHR_REMOTE_REFUSED) {
            continue;
        }

        if (phr_likely(s->nsamples != 0
                       && phr_remote_cache_get(&rw->cache, &s->print, &s->sid)
                          == PHR_OK))
        {
            s->state = PHR_REMOTE_KNOWN;

        } else {
            rc = phr_remote_id(rw, app, s, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    return PHR_OK;
}


/* by its labels; a series that cannot be has no samples from then on */

static int
phr_remote_id(phr_remote_write_t *rw, phr_appender_t *app,
    phr_remote_series_t *s, phr_err_t *err)
{
    int           rc;
    phr_err_t     why;
    phr_labels_t  ls;

    phr_err_init(&why);

    rc = phr_remote_labels(rw, s, &ls, &why);

    if (rc == PHR_EINVAL) {
        s->state = PHR_REMOTE_REFUSED;
        phr_remote_refuse(rw, PHR_REMOTE_WRITE_BAD_SERIES, s->nsamples, NULL,
                          PHR_TIME_MIN, why.text);
        return PHR_OK;
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "%s", why.text);
    }

    if (s->nsamples == 0) {

        /* there may be series for their exemplars alone */

        if (rw->v2 && s->ninvalid == 0 && s->nexemplars == 0) {
            s->state = PHR_REMOTE_REFUSED;
            phr_remote_refuse(rw, PHR_REMOTE_WRITE_BAD_SERIES, 1, s,
                              PHR_TIME_MIN, "a series without a sample");
        }

        return PHR_OK;
    }

    rc = app->ops->series(app, ls, &s->sid, err);

    if (rc == PHR_ELABELS) {
        s->state = PHR_REMOTE_REFUSED;
        phr_remote_refuse(rw, PHR_REMOTE_WRITE_BAD_SERIES, s->nsamples, NULL,
                          PHR_TIME_MIN, err->text);
        return PHR_OK;
    }

    if (rc == PHR_ELIMIT) {
        s->state = PHR_REMOTE_REFUSED;
        phr_remote_refuse(rw, PHR_REMOTE_WRITE_NO_ROOM, s->nsamples, s,
                          PHR_TIME_MIN, NULL);
        return PHR_OK;
    }

    if (rc == PHR_OK) {
        s->state = PHR_REMOTE_KNOWN;
        phr_remote_cache_set(&rw->cache, &s->print, s->sid);
    }

    return rc;
}


static inline void
phr_remote_move(phr_remote_write_t *rw, size_t to, size_t from)
{
    rw->at[to] = rw->at[from];
    rw->t_ms[to] = rw->t_ms[from];
    rw->v[to] = rw->v[from];

    if (rw->has_hists) {
        rw->h[to] = rw->h[from];
    }

    if (rw->has_starts) {
        rw->st_ms[to] = rw->st_ms[from];
    }
}


/* samples of series that are known move together */

static void
phr_remote_gather(phr_remote_write_t *rw)
{
    size_t                i, k;
    phr_remote_series_t  *series;

    series = rw->series.elts;
    k = 0;

    for (i = 0; i < rw->n; i++) {

        if (phr_unlikely(series[rw->at[i]].state != PHR_REMOTE_KNOWN)) {
            continue;
        }

        rw->sid[k] = series[rw->at[i]].sid;

        if (phr_unlikely(k != i)) {
            phr_remote_move(rw, k, i);
        }

        k++;
    }

    rw->n = k;
}


static int
phr_remote_append(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err)
{
    int          rc;
    phr_batch_t  b;

    if (rw->n == 0) {
        return PHR_OK;
    }

    if (!rw->has_source) {
        rc = app->ops->source(app, phr_str_of(PHR_REMOTE_SOURCE),
                              &rw->source, err);
        if (rc != PHR_OK) {
            return rc;
        }

        rw->has_source = 1;
    }

    memset(&b, 0, sizeof(phr_batch_t));
    memset(rw->status, PHR_OK, rw->n);

    b.source = rw->source;
    b.sid = rw->sid;
    b.v = rw->v;
    b.h = rw->has_hists ? rw->h : NULL;
    b.st_ms = rw->has_starts ? rw->st_ms : NULL;
    b.t_each = rw->t_ms;
    b.n = rw->n;
    b.status = rw->status;

    return app->ops->append(app, &b, err);
}


/* series that the store has given up meanwhile are asked for again */

static int
phr_remote_renew(phr_remote_write_t *rw, phr_appender_t *app, phr_err_t *err)
{
    int                   rc;
    size_t                i, k, n;
    phr_remote_series_t  *series, *s;

    series = rw->series.elts;

    for (n = 0; n < 2; n++) {
        k = 0;

        for (i = 0; i < rw->n; i++) {

            if (phr_likely(rw->status[i] == PHR_OK)) {
                rw->nwritten++;
                rw->nhists += rw->has_hists && rw->h[i] != NULL;
                continue;
            }

            if (rw->status[i] != PHR_ENOTFOUND || n == 1) {
                phr_remote_outcome(rw, i);
                continue;
            }

            s = &series[rw->at[i]];

            if (s->state == PHR_REMOTE_KNOWN && s->sid == rw->sid[i]) {
                rc = phr_remote_id(rw, app, s, err);
                if (rc != PHR_OK) {
                    return rc;
                }
            }

            if (s->state != PHR_REMOTE_KNOWN) {
                continue;
            }

            rw->sid[k] = s->sid;
            phr_remote_move(rw, k++, i);
        }

        rw->n = k;

        if (k == 0) {
            break;
        }

        rc = phr_remote_append(rw, app, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


static void
phr_remote_outcome(phr_remote_write_t *rw, size_t i)
{
    const char                *detail;
    phr_remote_write_reason_e  reason;

    detail = NULL;

    switch (rw->status[i]) {

    case PHR_EDUPLICATE:
        reason = PHR_REMOTE_WRITE_DUPLICATE;
        break;

    case PHR_EOLD:
        reason = PHR_REMOTE_WRITE_TOO_OLD;
        break;

    case PHR_ELIMIT:
        reason = rw->t_ms[i] > rw->now_ms ? PHR_REMOTE_WRITE_TOO_NEW
                                          : PHR_REMOTE_WRITE_TOO_OLD;
        break;

    case PHR_ENOTFOUND:
        reason = PHR_REMOTE_WRITE_NO_ROOM;
        break;

    case PHR_EINVAL:
        reason = PHR_REMOTE_WRITE_HISTOGRAM;
        detail = "native histogram with too many buckets";
        break;

    default:
        reason = PHR_REMOTE_WRITE_OUT_OF_ORDER;
    }

    phr_remote_refuse(rw, reason, 1,
                      phr_array_get(&rw->series, phr_remote_series_t,
                                    rw->at[i]),
                      rw->t_ms[i], detail);
}


static int
phr_remote_answer_text(phr_remote_write_answer_t *answer, int status,
    const char *text)
{
    answer->status = status;
    snprintf(answer->text, sizeof(answer->text), "%s", text);

    return PHR_OK;
}
