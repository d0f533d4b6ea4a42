/*
 * Copyright (C) The Pharos Authors
 *
 * Exemplars of a remote write.  They come with a sample, or with a series of
 * their own that has none: so Prometheus sends them, whatever the version.
 * That series must be known then.  Who breaks the order is told in version
 * 2; an exemplar that cannot be kept is never an error.
 */

#include "ingest/remote_write_impl.h"


/* offered at once */
#define PHR_REMOTE_EXEMPLARS  64


static int phr_remote_exemplar_sid(phr_remote_write_t *rw,
    phr_appender_t *app, phr_remote_series_t *s, phr_err_t *err);
static int phr_remote_exemplar_batch(phr_remote_write_t *rw,
    phr_appender_t *app, size_t from, size_t to, phr_err_t *err);
static int phr_remote_exemplar_read(phr_remote_write_t *rw,
    phr_str_t message, phr_exemplar_t *e);
static int phr_remote_exemplar_labels(phr_remote_write_t *rw,
    phr_str_t message, phr_labels_builder_t *b);


int
phr_remote_exemplar(phr_remote_write_t *rw, phr_str_t message, uint32_t at)
{
    int                     rc;
    phr_protobuf_t          r;
    phr_protobuf_field_t    f;
    phr_remote_exemplar_t  *e;

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {
        /* void */
    }

    if (rc != PHR_DONE) {
        return rc;
    }

    if (rw->o.max_samples != 0 && rw->exemplars.nelts >= rw->o.max_samples) {
        return PHR_ELIMIT;
    }

    e = phr_array_push(&rw->exemplars);
    if (e == NULL) {
        return PHR_ENOMEM;
    }

    e->message = message;
    e->at = at;

    return PHR_OK;
}


int
phr_remote_exemplars_store(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err)
{
    int                     rc;
    size_t                  i, n;
    phr_remote_exemplar_t  *e;

    if (!app->exemplars) {
        return PHR_OK;
    }

    for (i = 0; i < rw->exemplars.nelts; i++) {
        e = phr_array_get(&rw->exemplars, phr_remote_exemplar_t, i);

        rc = phr_remote_exemplar_sid(rw, app,
                                     phr_array_get(&rw->series,
                                                   phr_remote_series_t,
                                                   e->at),
                                     err);
        if (rc < 0) {
            return rc;
        }
    }

    for (i = 0; i < rw->exemplars.nelts; i += n) {
        n = phr_min(rw->exemplars.nelts - i, PHR_REMOTE_EXEMPLARS);

        rc = phr_remote_exemplar_batch(rw, app, i, i + n, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* the series may have come without a sample; PHR_NOTFOUND if there is none */

static int
phr_remote_exemplar_sid(phr_remote_write_t *rw, phr_appender_t *app,
    phr_remote_series_t *s, phr_err_t *err)
{
    int           rc;
    phr_labels_t  ls;

    if (s->state != PHR_REMOTE_UNKNOWN) {
        return PHR_OK;
    }

    if (phr_remote_cache_get(&rw->cache, &s->print, &s->sid) == PHR_OK) {
        s->state = PHR_REMOTE_KNOWN;
        return PHR_OK;
    }

    rc = phr_remote_labels(rw, s, &ls, err);

    if (rc == PHR_OK) {
        rc = app->ops->find(app, ls, &s->sid, err);
    }

    if (rc == PHR_OK) {
        s->state = PHR_REMOTE_KNOWN;
        phr_remote_cache_set(&rw->cache, &s->print, s->sid);
        return PHR_OK;
    }

    if (rc < 0 && rc != PHR_EINVAL) {
        return rc;
    }

    s->state = PHR_REMOTE_REFUSED;

    if (rw->v2) {
        phr_remote_refuse(rw, PHR_REMOTE_WRITE_BAD_SERIES, 1, s,
                          PHR_TIME_MIN, "a series without a sample");
    }

    return PHR_NOTFOUND;
}


static int
phr_remote_exemplar_batch(phr_remote_write_t *rw, phr_appender_t *app,
    size_t from, size_t to, phr_err_t *err)
{
    int                     rc;
    size_t                  i, n;
    int8_t                  status[PHR_REMOTE_EXEMPLARS];
    uint32_t                at[PHR_REMOTE_EXEMPLARS];
    phr_sid_t               sid[PHR_REMOTE_EXEMPLARS];
    phr_exemplar_t          e[PHR_REMOTE_EXEMPLARS];
    phr_remote_series_t    *series;
    phr_remote_exemplar_t  *x;

    series = rw->series.elts;
    n = 0;
    phr_arena_reset(rw->tmp);

    for (i = from; i < to; i++) {
        x = phr_array_get(&rw->exemplars, phr_remote_exemplar_t, i);

        if (series[x->at].state != PHR_REMOTE_KNOWN) {
            continue;
        }

        rc = phr_remote_exemplar_read(rw, x->message, &e[n]);

        if (rc == PHR_EINVAL) {
            phr_remote_refuse(rw, PHR_REMOTE_WRITE_EXEMPLAR, 1, NULL,
                              PHR_TIME_MIN, "an exemplar with references to "
                              "symbols that are not there");
            continue;
        }

        if (rc == PHR_ENOMEM) {
            return phr_err_set(err, rc, "no memory for exemplars");
        }

        if (rc == PHR_OK) {
            at[n] = x->at;
            sid[n++] = series[x->at].sid;
        }
    }

    rc = app->ops->exemplars(app, sid, e, n, status, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (i = 0; i < n; i++) {
        rw->nexemplars += status[i] == PHR_OK;

        if (rw->v2 && status[i] == PHR_EORDER) {
            phr_remote_refuse(rw, PHR_REMOTE_WRITE_EXEMPLAR, 1,
                              &series[at[i]], e[i].t_ms, NULL);
        }
    }

    return PHR_OK;
}


/*
 * PHR_EINVAL: references that lead nowhere; PHR_EPARSE, PHR_ELIMIT: it is
 * left out.
 */

static int
phr_remote_exemplar_read(phr_remote_write_t *rw, phr_str_t message,
    phr_exemplar_t *e)
{
    int                    rc;
    size_t                 i;
    phr_protobuf_t         r;
    phr_labels_t           none;
    phr_labels_builder_t   b;
    phr_protobuf_field_t   f;

    memset(e, 0, sizeof(phr_exemplar_t));
    none.l = NULL;
    none.n = 0;
    phr_labels_builder_init(&b, rw->tmp, none);

    rw->nrefs = 0;
    rw->bad_refs = 0;
    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1 && rw->v2) {
            rc = phr_remote_refs(rw, &f);

        } else if (f.field == 1) {
            rc = f.wire == PHR_PROTOBUF_BYTES
                 ? phr_remote_exemplar_labels(rw, f.bytes, &b) : PHR_EPARSE;

        } else if (f.field == 2) {
            e->v = phr_double_from_bits(f.bits);
            rc = f.wire == PHR_PROTOBUF_FIXED64 ? PHR_OK : PHR_EPARSE;

        } else if (f.field == 3) {
            e->t_ms = (int64_t) f.bits;
            rc = f.wire == PHR_PROTOBUF_VARINT ? PHR_OK : PHR_EPARSE;
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (rw->v2) {
        if (rw->bad_refs || rw->nrefs % 2 != 0) {
            return PHR_EINVAL;
        }

        for (i = 0; i < rw->nrefs; i += 2) {
            phr_labels_builder_set(&b, phr_remote_symbol(rw, rw->refs[i]),
                                   phr_remote_symbol(rw, rw->refs[i + 1]));
        }
    }

    /* as Prometheus has it, though it is zero that is not sent */
    e->has_t = e->t_ms != 0;

    return phr_labels_build(&b, &e->labels);
}


static int
phr_remote_exemplar_labels(phr_remote_write_t *rw, phr_str_t message,
    phr_labels_builder_t *b)
{
    int          rc;
    phr_label_t  l;

    rc = phr_remote_label(message, &l);

    if (rc == PHR_OK) {
        phr_labels_builder_set(b, l.name, l.value);
    }

    return rc;
}
