/*
 * Copyright (C) The Pharos Authors
 *
 * Pushed metrics as others see them: one exposition over all groups, and
 * the Pushgateway's JSON of groups.
 */

#include "ingest/push_impl.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "core/json.h"
#include "core/number.h"
#include "core/time.h"


static int phr_push_family_cmp(const void *a, const void *b);
static void phr_push_json_group(phr_json_writer_t *w,
    const phr_push_group_t *g);
static void phr_push_json_family(phr_json_writer_t *w,
    const phr_push_family_t *f);
static void phr_push_json_labels(phr_json_writer_t *w, phr_labels_t ls,
    const char *without);
static void phr_push_json_value(phr_json_writer_t *w, const char *key,
    double v);
static void phr_push_json_parts(phr_json_writer_t *w,
    const phr_push_family_t *f);
static void phr_push_json_metric(phr_json_writer_t *w,
    const phr_push_family_t *f, const phr_push_series_t *first,
    const char *bound);
static int phr_push_same_metric(const phr_push_series_t *a,
    const phr_push_series_t *b, const char *bound);
static size_t phr_push_skip(phr_labels_t ls, size_t i, const char *bound);
static const char *phr_push_part(const phr_push_family_t *f,
    const phr_push_series_t *s);
static int64_t phr_push_time_of(const phr_push_group_t *g, const char *name);


typedef struct {
    const phr_push_family_t  *f;
    size_t                    group;
} phr_push_exposed_t;


int
phr_push_expose(phr_push_t *p, phr_expo_writer_t *w)
{
    size_t                     i, n, nalloc;
    phr_push_group_t         **list;
    phr_push_exposed_t        *all;
    const phr_push_family_t   *f;
    const phr_push_series_t   *s;

    list = p->list.elts;
    nalloc = 0;

    for (i = 0; i < p->list.nelts; i++) {
        for (f = list[i]->state.first; f != NULL; f = f->next) {
            nalloc++;
        }
    }

    if (nalloc == 0) {
        return PHR_OK;
    }

    all = phr_malloc(nalloc * sizeof(phr_push_exposed_t));
    if (all == NULL) {
        return PHR_ENOMEM;
    }

    n = 0;

    for (i = 0; i < p->list.nelts; i++) {
        for (f = list[i]->state.first; f != NULL; f = f->next) {
            all[n].f = f;
            all[n].group = i;
            n++;
        }
    }

    qsort(all, n, sizeof(phr_push_exposed_t), phr_push_family_cmp);

    for (i = 0; i < n; i++) {
        f = all[i].f;

        if (i == 0 || !phr_str_eq(f->name, all[i - 1].f->name)) {
            phr_expo_family(w, f->name, f->type, f->help);
        }

        for (s = f->first; s != NULL; s = s->next) {
            phr_expo_series(w, s->labels, s->v, 0, 0);
        }
    }

    phr_free(all);

    return PHR_OK;
}


void
phr_push_json(phr_push_t *p, phr_buf_t *out)
{
    size_t              i;
    phr_push_group_t  **list;
    phr_json_writer_t   w;

    list = p->list.elts;

    phr_json_init(&w, out);
    phr_json_array(&w);

    for (i = 0; i < p->list.nelts; i++) {
        phr_push_json_group(&w, list[i]);
    }

    phr_json_end_array(&w);
}


int
phr_push_metadata_of(phr_push_t *p, phr_str_t metric, phr_metric_type_e *type,
    phr_str_t *help)
{
    phr_push_type_t  *t;

    t = phr_map_get(p->types, metric);
    if (t == NULL) {
        return PHR_NOTFOUND;
    }

    *type = t->type;
    *help = phr_str_from(t->help, t->help_len);

    return PHR_OK;
}


int
phr_push_metadata(phr_push_t *p, size_t *pos, phr_str_t *metric,
    phr_metric_type_e *type, phr_str_t *help)
{
    void             *value;
    phr_push_type_t  *t;

    if (!phr_map_next(p->types, pos, metric, &value)) {
        return 0;
    }

    t = value;
    *type = t->type;
    *help = phr_str_from(t->help, t->help_len);

    return 1;
}


static int
phr_push_family_cmp(const void *a, const void *b)
{
    int                        rc;
    const phr_push_exposed_t  *x, *y;

    x = a;
    y = b;

    rc = phr_str_cmp(x->f->name, y->f->name);

    return rc ? rc : (x->group > y->group) - (x->group < y->group);
}


static void
phr_push_json_group(phr_json_writer_t *w, const phr_push_group_t *g)
{
    const phr_push_family_t  *f;

    phr_json_object(w);

    phr_json_key(w, "labels");
    phr_push_json_labels(w, g->labels, NULL);

    phr_json_pair_bool(w, "last_push_successful",
                       phr_push_time_of(g, PHR_PUSH_TIME)
                       > phr_push_time_of(g, PHR_PUSH_FAILURE));

    for (f = g->state.first; f != NULL; f = f->next) {
        phr_json_key_str(w, f->name);
        phr_push_json_family(w, f);
    }

    phr_json_end_object(w);
}


static void
phr_push_json_family(phr_json_writer_t *w, const phr_push_family_t *f)
{
    char                      type[32];
    size_t                    i;
    phr_buf_t                 time;
    const char               *text;
    const phr_push_series_t  *s;

    /* the names of the protobuf format, which knows no others */

    text = f->type == PHR_METRIC_UNKNOWN ? "untyped"
           : f->type > PHR_METRIC_HISTOGRAM && f->type != PHR_METRIC_SUMMARY
           ? "gauge" : phr_metric_type_text(f->type);

    for (i = 0; text[i] != '\0'; i++) {
        type[i] = (char) (text[i] & ~0x20);
    }

    type[i] = '\0';

    phr_buf_init(&time, 0);
    phr_rfc3339_format(&time, f->t_ms);

    phr_json_object(w);
    phr_json_pair(w, "time_stamp", phr_buf_view(&time));
    phr_json_pair_c(w, "type", type);

    if (f->help.len != 0) {
        phr_json_pair(w, "help", f->help);
    }

    phr_buf_free(&time);

    phr_json_key(w, "metrics");
    phr_json_array(w);

    if (f->type == PHR_METRIC_HISTOGRAM || f->type == PHR_METRIC_SUMMARY) {
        phr_push_json_parts(w, f);

    } else {
        for (s = f->first; s != NULL; s = s->next) {
            phr_json_object(w);
            phr_json_key(w, "labels");
            phr_push_json_labels(w, s->labels, NULL);
            phr_push_json_value(w, "value", s->v);
            phr_json_end_object(w);
        }
    }

    phr_json_end_array(w);
    phr_json_end_object(w);
}


static void
phr_push_json_labels(phr_json_writer_t *w, phr_labels_t ls,
    const char *without)
{
    size_t  i;

    phr_json_object(w);

    for (i = phr_push_skip(ls, 0, without); i < ls.n;
         i = phr_push_skip(ls, i + 1, without))
    {
        phr_json_key_str(w, ls.l[i].name);
        phr_json_string(w, ls.l[i].value);
    }

    phr_json_end_object(w);
}


static void
phr_push_json_value(phr_json_writer_t *w, const char *key, double v)
{
    char  text[PHR_NUMBER_LEN];

    phr_json_pair(w, key, phr_str_from(text, phr_number_write(text, v)));
}


/* the series of a histogram or summary, one object for each label set */

static void
phr_push_json_parts(phr_json_writer_t *w, const phr_push_family_t *f)
{
    const char               *bound;
    const phr_push_series_t  *s, *before;

    bound = f->type == PHR_METRIC_HISTOGRAM ? "le" : "quantile";

    for (s = f->first; s != NULL; s = s->next) {

        for (before = f->first; before != s; before = before->next) {
            if (phr_push_same_metric(before, s, bound)) {
                break;
            }
        }

        if (before == s) {
            phr_push_json_metric(w, f, s, bound);
        }
    }
}


static void
phr_push_json_metric(phr_json_writer_t *w, const phr_push_family_t *f,
    const phr_push_series_t *first, const char *bound)
{
    const char               *part;
    phr_str_t                 value;
    const phr_push_series_t  *s;
    char                      text[PHR_NUMBER_LEN];

    phr_json_object(w);
    phr_json_key(w, "labels");
    phr_push_json_labels(w, first->labels, bound);

    phr_json_key(w, f->type == PHR_METRIC_HISTOGRAM ? "buckets"
                                                    : "quantiles");
    phr_json_object(w);

    for (s = first; s != NULL; s = s->next) {
        value = phr_labels_get(s->labels, phr_str_from_c(bound));

        if (value.len != 0 && phr_push_part(f, s) == NULL
            && phr_push_same_metric(first, s, bound))
        {
            phr_json_key_str(w, value);
            phr_json_string(w, phr_str_from(text,
                                            phr_number_write(text, s->v)));
        }
    }

    phr_json_end_object(w);

    for (s = first; s != NULL; s = s->next) {
        part = phr_push_part(f, s);

        if (part != NULL && phr_push_same_metric(first, s, bound)) {
            phr_push_json_value(w, part, s->v);
        }
    }

    phr_json_end_object(w);
}


/* the same labels but for the bound and the metric name */

static int
phr_push_same_metric(const phr_push_series_t *a, const phr_push_series_t *b,
    const char *bound)
{
    size_t  i, j;

    i = 0;
    j = 0;

    for ( ;; ) {
        i = phr_push_skip(a->labels, i, bound);
        j = phr_push_skip(b->labels, j, bound);

        if (i == a->labels.n || j == b->labels.n) {
            return i == a->labels.n && j == b->labels.n;
        }

        if (!phr_str_eq(a->labels.l[i].name, b->labels.l[j].name)
            || !phr_str_eq(a->labels.l[i].value, b->labels.l[j].value))
        {
            return 0;
        }

        i++;
        j++;
    }
}


static size_t
phr_push_skip(phr_labels_t ls, size_t i, const char *bound)
{
    while (i < ls.n
           && (phr_str_eq(ls.l[i].name, phr_str_of(PHR_METRIC_NAME))
               || (bound != NULL
                   && phr_str_eq(ls.l[i].name, phr_str_from_c(bound)))))
    {
        i++;
    }

    return i;
}


/* "sum" or "count" of a histogram or summary; NULL for its bounds */

static const char *
phr_push_part(const phr_push_family_t *f, const phr_push_series_t *s)
{
    phr_str_t  name;

    name = phr_labels_get(s->labels, phr_str_of(PHR_METRIC_NAME));

    if (name.len == f->name.len + 4
        && memcmp(name.data + f->name.len, "_sum", 4) == 0)
    {
        return "sum";
    }

    if (name.len == f->name.len + 6
        && memcmp(name.data + f->name.len, "_count", 6) == 0)
    {
        return "count";
    }

    return NULL;
}


static int64_t
phr_push_time_of(const phr_push_group_t *g, const char *name)
{
    const phr_push_family_t  *f;

    f = phr_push_state_find(&g->state, phr_str_from_c(name));

    return f != NULL ? (int64_t) (f->first->v * 1000) : 0;
}
