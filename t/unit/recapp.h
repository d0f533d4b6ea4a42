/*
 * Copyright (C) The Pharos Authors
 *
 * A recording appender: what is appended can be read back as text.  It keeps
 * the rules of the store that writers must know: order within a series, ids
 * that expire, rows that name a series once.
 */

#ifndef RECAPP_H_INCLUDED
#define RECAPP_H_INCLUDED


#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/storage.h"


#define RECAPP_MAX_SERIES   4096
#define RECAPP_MAX_SAMPLES  65536
#define RECAPP_MAX_KV       256


typedef struct {
    uint32_t   source;
    phr_sid_t  sid;
    int64_t    t_ms;
    int64_t    st_ms;           /* start timestamp, 0: none */
    double     v;
    int        timed;
    int        hist;            /* v is its sum */
} recapp_sample_t;

typedef struct {
    char    *name;              /* as phr_labels_format() writes it */
    int64_t  last_ms;
    double   last;
    uint32_t source;            /* of the last sample */
    int      expired;
} recapp_series_t;

typedef struct {
    char   space;
    char  *key;
    size_t key_len;
    char  *value;
    size_t value_len;
} recapp_kv_t;

typedef struct {
    phr_appender_t    app;
    recapp_series_t   series[RECAPP_MAX_SERIES];
    size_t            nseries;
    size_t            max_series;       /* 0: RECAPP_MAX_SERIES */
    size_t            series_calls;
    char             *sources[64];
    size_t            nsources;
    recapp_sample_t  *samples;
    size_t            nsamples;
    size_t            twice;            /* series that occur twice in a row */
    recapp_kv_t       kv[RECAPP_MAX_KV];
    size_t            nkv;
    phr_buf_t         text;
    phr_buf_t         exemplars;        /* see recapp_exemplars() */
    int               fail;             /* code that every call returns */
    int               quiet;            /* record nothing: for timing */
} recapp_t;


static inline int
recapp_source(phr_appender_t *app, phr_str_t name, uint32_t *id,
    phr_err_t *err)
{
    size_t     i;
    recapp_t  *r = (recapp_t *) app;

    if (r->fail) {
        return phr_err_set(err, r->fail, "made to fail");
    }

    for (i = 0; i < r->nsources; i++) {
        if (phr_str_eq(phr_str_from_c(r->sources[i]), name)) {
            *id = (uint32_t) i;
            return PHR_OK;
        }
    }

    r->sources[r->nsources] = strndup(name.data, name.len);
    *id = (uint32_t) r->nsources++;

    return PHR_OK;
}


static inline int
recapp_series(phr_appender_t *app, phr_labels_t ls, phr_sid_t *sid,
    phr_err_t *err)
{
    size_t      i;
    recapp_t   *r = (recapp_t *) app;
    phr_buf_t   b;

    if (r->fail) {
        return phr_err_set(err, r->fail, "made to fail");
    }

    r->series_calls++;
    phr_buf_init(&b, 0);
    phr_labels_format(&b, ls);

    for (i = 0; i < r->nseries; i++) {
        if (!r->series[i].expired
            && strcmp(r->series[i].name, phr_buf_cstr(&b)) == 0)
        {
            *sid = (phr_sid_t) i;
            phr_buf_free(&b);
            return PHR_OK;
        }
    }

    if (r->nseries == (r->max_series ? r->max_series : RECAPP_MAX_SERIES)) {
        phr_buf_free(&b);
        return phr_err_set(err, PHR_ELIMIT, "too many series");
    }

    r->series[r->nseries].name = strdup(phr_buf_cstr(&b));
    r->series[r->nseries].last_ms = INT64_MIN;
    *sid = (phr_sid_t) r->nseries++;
    phr_buf_free(&b);

    return PHR_OK;
}


static inline int
recapp_append(phr_appender_t *app, const phr_batch_t *b, phr_err_t *err)
{
    int               rc;
    double            v;
    size_t            i, j;
    int64_t           t_ms;
    recapp_t         *r = (recapp_t *) app;
    recapp_series_t  *s;

    if (r->fail) {
        return phr_err_set(err, r->fail, "made to fail");
    }

    if (r->quiet) {
        return PHR_OK;
    }

    for (i = 0; i < b->n; i++) {
        s = &r->series[b->sid[i]];
        t_ms = b->t_each ? b->t_each[i] : b->t_ms;
        v = b->h != NULL && b->h[i] != NULL ? b->h[i]->sum : b->v[i];
        rc = PHR_OK;

        for (j = 0; b->t_each == NULL && j < i; j++) {
            r->twice += b->sid[j] == b->sid[i];
        }

        if (s->expired) {
            rc = PHR_ENOTFOUND;

        } else if (t_ms < s->last_ms && !b->backfill) {
            rc = PHR_EORDER;

        } else if (t_ms == s->last_ms) {
            rc = phr_double_bits(s->last) == phr_double_bits(v)
                 ? PHR_OK : PHR_EDUPLICATE;
        }

        if (b->status) {
            b->status[i] = (int8_t) rc;
        }

        if (rc != PHR_OK || r->nsamples == RECAPP_MAX_SAMPLES) {
            continue;
        }

        s->last_ms = t_ms;
        s->last = v;
        s->source = b->source;

        r->samples[r->nsamples].source = b->source;
        r->samples[r->nsamples].sid = b->sid[i];
        r->samples[r->nsamples].t_ms = t_ms;
        r->samples[r->nsamples].st_ms = b->st_ms != NULL ? b->st_ms[i] : 0;
        r->samples[r->nsamples].v = v;
        r->samples[r->nsamples].timed = b->t_each != NULL;
        r->samples[r->nsamples].hist = b->h != NULL && b->h[i] != NULL;
        r->nsamples++;
    }

    return PHR_OK;
}


static inline recapp_kv_t *
recapp_find(recapp_t *r, char space, phr_str_t key)
{
    size_t  i;

    for (i = 0; i < r->nkv; i++) {
        if (r->kv[i].space == space
            && phr_str_eq(phr_str_from(r->kv[i].key, r->kv[i].key_len), key))
        {
            return &r->kv[i];
        }
    }

    return NULL;
}


static inline int
recapp_del(phr_appender_t *app, char space, phr_str_t key, phr_err_t *err)
{
    recapp_t     *r = (recapp_t *) app;
    recapp_kv_t  *kv;

    if (r->fail) {
        return phr_err_set(err, r->fail, "made to fail");
    }

    kv = recapp_find(r, space, key);

    if (kv != NULL) {
        free(kv->key);
        free(kv->value);
        *kv = r->kv[--r->nkv];
    }

    return PHR_OK;
}


static inline int
recapp_put(phr_appender_t *app, char space, phr_str_t key, phr_str_t value,
    phr_err_t *err)
{
    recapp_t     *r = (recapp_t *) app;
    recapp_kv_t  *kv;

    if (recapp_del(app, space, key, err) != PHR_OK) {
        return r->fail;
    }

    if (r->nkv == RECAPP_MAX_KV) {
        return phr_err_set(err, PHR_ENOSPC, "too many records");
    }

    kv = &r->kv[r->nkv++];
    kv->space = space;
    kv->key = malloc(key.len + 1);
    kv->key_len = key.len;
    kv->value = malloc(value.len + 1);
    kv->value_len = value.len;
    memcpy(kv->key, key.data, key.len);
    memcpy(kv->value, value.data, value.len);

    return PHR_OK;
}


static inline int
recapp_each(phr_appender_t *app, char space, phr_str_t prefix,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data,
    phr_err_t *err)
{
    int        rc;
    size_t     i;
    recapp_t  *r = (recapp_t *) app;

    for (i = 0; i < r->nkv; i++) {
        if (r->kv[i].space != space || r->kv[i].key_len < prefix.len
            || memcmp(r->kv[i].key, prefix.data, prefix.len) != 0)
        {
            continue;
        }

        rc = visit(data, phr_str_from(r->kv[i].key, r->kv[i].key_len),
                   phr_str_from(r->kv[i].value, r->kv[i].value_len));
        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "visitor failed");
        }
    }

    return PHR_OK;
}


static inline int
recapp_newest(phr_appender_t *app, uint32_t source, int64_t min_ms,
    int64_t max_ms, int (*visit)(void *data, phr_sid_t sid), void *data,
    phr_err_t *err)
{
    int               rc;
    size_t            i;
    int64_t           t_ms;
    recapp_t         *r = (recapp_t *) app;
    recapp_series_t  *s;

    if (r->fail) {
        return phr_err_set(err, r->fail, "made to fail");
    }

    t_ms = INT64_MIN;

    for (i = 0; i < r->nseries; i++) {
        if (r->series[i].source == source) {
            t_ms = phr_max(t_ms, r->series[i].last_ms);
        }
    }

    for (i = 0; i < r->nseries && t_ms >= min_ms && t_ms <= max_ms; i++) {
        s = &r->series[i];

        if (s->expired || s->source != source || s->last_ms != t_ms
            || phr_is_stale(s->last))
        {
            continue;
        }

        rc = visit(data, (phr_sid_t) i);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


static inline int
recapp_known(phr_appender_t *app, phr_labels_t ls, phr_sid_t *sid,
    phr_err_t *err)
{
    size_t     i;
    recapp_t  *r = (recapp_t *) app;
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_labels_format(&b, ls);

    for (i = 0; i < r->nseries; i++) {
        if (!r->series[i].expired
            && strcmp(r->series[i].name, phr_buf_cstr(&b)) == 0)
        {
            break;
        }
    }

    phr_buf_free(&b);
    *sid = (phr_sid_t) i;

    return i < r->nseries ? PHR_OK : PHR_NOTFOUND;
}


/* "series {labels} value@time|", with "own" before a time of its own */
static inline int
recapp_exemplars(phr_appender_t *app, const phr_sid_t *sid,
    const phr_exemplar_t *e, size_t n, int8_t *status, phr_err_t *err)
{
    size_t     i;
    recapp_t  *r = (recapp_t *) app;

    if (r->fail) {
        return phr_err_set(err, r->fail, "made to fail");
    }

    for (i = 0; i < n; i++) {

        /* those that claim to be of the time 1 are late */

        status[i] = e[i].t_ms == 1 ? PHR_EORDER : PHR_OK;

        if (status[i] != PHR_OK) {
            continue;
        }

        phr_buf_printf(&r->exemplars, "%s ", r->series[sid[i]].name);
        phr_labels_format(&r->exemplars, e[i].labels);
        phr_buf_printf(&r->exemplars, " %.15g@%s%lld|", e[i].v,
                       e[i].has_t ? "own" : "", (long long) e[i].t_ms);
    }

    return PHR_OK;
}


static inline recapp_t *
recapp_create(void)
{
    recapp_t  *r;

    static const phr_appender_ops_t  ops = {
        recapp_source, recapp_series, recapp_append, recapp_put, recapp_del,
        recapp_each, recapp_newest, recapp_known, recapp_exemplars
    };

    r = calloc(1, sizeof(recapp_t));
    r->samples = calloc(RECAPP_MAX_SAMPLES, sizeof(recapp_sample_t));
    r->app.ops = &ops;
    phr_buf_init(&r->text, 0);
    phr_buf_init(&r->exemplars, 0);

    return r;
}


static inline void
recapp_destroy(recapp_t *r)
{
    size_t  i;

    for (i = 0; i < r->nseries; i++) {
        free(r->series[i].name);
    }

    for (i = 0; i < r->nsources; i++) {
        free(r->sources[i]);
    }

    for (i = 0; i < r->nkv; i++) {
        free(r->kv[i].key);
        free(r->kv[i].value);
    }

    phr_buf_free(&r->text);
    phr_buf_free(&r->exemplars);
    free(r->samples);
    free(r);
}


static inline int
recapp_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


/*
 * The samples appended at t_ms as "series value|...", ordered by series,
 * those whose series contains "skip" left out; "stale" is the marker.  They
 * are forgotten then, so that the next call shows what is new.
 */
static inline const char *
recapp_take(recapp_t *r, int64_t t_ms, const char *skip)
{
    char       **lines;
    size_t       i, n, left;
    phr_buf_t    b;

    lines = calloc(r->nsamples + 1, sizeof(char *));
    n = 0;
    left = 0;

    for (i = 0; i < r->nsamples; i++) {

        if (r->samples[i].t_ms != t_ms) {
            r->samples[left++] = r->samples[i];
            continue;
        }

        if (skip && strstr(r->series[r->samples[i].sid].name, skip)) {
            continue;
        }

        phr_buf_init(&b, 0);
        phr_buf_printf(&b, "%s ", r->series[r->samples[i].sid].name);

        if (phr_is_stale(r->samples[i].v)) {
            phr_buf_puts(&b, "stale|");
        } else {
            phr_buf_printf(&b, "%.15g", r->samples[i].v);

            if (r->samples[i].st_ms != 0) {
                phr_buf_printf(&b, " since %lld",
                               (long long) r->samples[i].st_ms);
            }

            phr_buf_putc(&b, '|');
        }

        lines[n++] = strdup(phr_buf_cstr(&b));
        phr_buf_free(&b);
    }

    r->nsamples = left;

    qsort(lines, n, sizeof(char *), recapp_by_name);
    phr_buf_reset(&r->text);

    for (i = 0; i < n; i++) {
        phr_buf_puts(&r->text, lines[i]);
        free(lines[i]);
    }

    free(lines);

    return phr_buf_cstr(&r->text);
}


#endif /* RECAPP_H_INCLUDED */
