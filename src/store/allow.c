/*
 * Copyright (C) The Pharos Authors
 *
 * Allow: whether the store takes a new series: by its labels, and by how
 * many it has.  Series that exist go on whatever the limits are now.
 */

#include "store/series.h"

#include <stdio.h>

#include "store/index.h"


/*
 * Of all series that the store may have, the last tenth is for those who
 * have less than a hundredth, so that one whose labels run wild leaves room
 * for the others.
 */
#define PHR_SERIES_RESERVE 10
#define PHR_SERIES_MANY    100

/* so much of a name is told */
#define PHR_ALLOW_SHOWN    64


static int phr_allow_labels(phr_store_t *st, phr_labels_t ls,
    phr_err_t *err);
static int phr_allow_refuse(phr_store_t *st, phr_refused_e reason,
    phr_labels_t ls, phr_str_t label, size_t n, size_t max, phr_err_t *err);
static int phr_series_room(phr_store_t *st, phr_labels_t ls, phr_err_t *err);
static size_t phr_allow_min(size_t a, size_t b);


int
phr_series_allowed(phr_store_t *st, phr_labels_t ls, phr_err_t *err)
{
    int  rc;

    rc = phr_allow_labels(st, ls, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_series_room(st, ls, err);
}


static int
phr_allow_labels(phr_store_t *st, phr_labels_t ls, phr_err_t *err)
{
    size_t       i, bytes, max_name, max_value, max_bytes;
    phr_label_t  l;

    max_name = phr_allow_min(st->conf.max_name_bytes, PHR_STORE_MAX_LABEL);
    max_value = phr_allow_min(st->conf.max_value_bytes, PHR_STORE_MAX_LABEL);
    max_bytes = phr_allow_min(st->conf.max_labels_bytes, PHR_SERIES_BYTES);

    if (st->conf.max_labels != 0 && ls.n > st->conf.max_labels) {
        return phr_allow_refuse(st, PHR_REFUSED_LABELS, ls, phr_str_of(""),
                                ls.n, st->conf.max_labels, err);
    }

    bytes = 0;

    for (i = 0; i < ls.n; i++) {
        l = ls.l[i];

        if (l.name.len > max_name) {
            return phr_allow_refuse(st, PHR_REFUSED_NAME, ls, l.name,
                                    l.name.len, max_name, err);
        }

        if (l.value.len > max_value) {
            return phr_allow_refuse(st, PHR_REFUSED_VALUE, ls, l.name,
                                    l.value.len, max_value, err);
        }

        bytes += l.name.len + l.value.len;
    }

    if (bytes > max_bytes || bytes == 0) {
        return phr_allow_refuse(st, PHR_REFUSED_LABELS_BYTES, ls,
                                phr_str_of(""), bytes, max_bytes, err);
    }

    return PHR_OK;
}


static int
phr_allow_refuse(phr_store_t *st, phr_refused_e reason, phr_labels_t ls,
    phr_str_t label, size_t n, size_t max, phr_err_t *err)
{
    char        of[PHR_ALLOW_SHOWN + 16];
    phr_str_t   metric;

    static const char *const  what[] = {
        "labels", "bytes in the name of a label",
        "bytes in the value of a label", "bytes of labels"
    };

    st->nrefused[reason]++;
    of[0] = '\0';

    if (label.len != 0) {
        snprintf(of, sizeof(of), ", label \"%.*s\"",
                 (int) phr_min(label.len, PHR_ALLOW_SHOWN), label.data);
    }

    metric = phr_labels_get(ls, phr_str_of(PHR_METRIC_NAME));

    return phr_err_set(err, PHR_ELABELS, "%zu %s, %zu are allowed (metric "
                       "\"%.*s\"%s)", n, what[reason - PHR_REFUSED_LABELS],
                       max, (int) phr_min(metric.len, PHR_ALLOW_SHOWN),
                       metric.data, of);
}


/* 0 is no bound */
static size_t
phr_allow_min(size_t a, size_t b)
{
    return a == 0 ? b : phr_min(a, b);
}


/*
 * Whose a series is says its "instance", or its "job".  What the pending
 * transaction adds is not among those that are counted.
 */
static int
phr_series_room(phr_store_t *st, phr_labels_t ls, phr_err_t *err)
{
    int         rc;
    uint64_t    max;
    phr_str_t   name, value;
    phr_name_t  id;
    phr_pair_t  pair;

    max = st->conf.max_series;

    if (max == 0 || st->nseries < max - max / PHR_SERIES_RESERVE) {
        return PHR_OK;
    }

    if (st->nseries >= max) {
        return phr_err_set(err, PHR_ELIMIT, "the store has %llu series, "
                           "as many as it may",
                           (unsigned long long) st->nseries);
    }

    name = phr_str_of("instance");
    value = phr_labels_get(ls, name);

    if (value.len == 0) {
        name = phr_str_of("job");
        value = phr_labels_get(ls, name);
    }

    rc = value.len == 0 ? PHR_NOTFOUND
                        : phr_name_find(st->txn, name, &id, err);
    if (rc == PHR_OK) {
        rc = phr_pair_find(st->txn, id.id, value, &pair, err);
    }

    if (rc == PHR_OK && pair.nseries >= phr_max(max / PHR_SERIES_MANY, 1)) {
        return phr_err_set(err, PHR_ELIMIT, "the store has %llu series, "
                           "%llu of this %s; the rest is for others",
                           (unsigned long long) st->nseries,
                           (unsigned long long) pair.nseries, name.data);
    }

    return rc < 0 ? rc : PHR_OK;
}
