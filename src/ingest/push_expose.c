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


typedef struct {
    const phr_push_family_t  *f;
    size_t                    group;
} phr_push_exposed_t;


/* a series of a histogram or summary, and where the first of its set was */
typedef struct {
    const phr_push_series_t  *s;
    uint64_t                  hash;
    size_t                    first;
    size_t                    at;
} phr_push_part_t;


static int phr_push_expose_family(phr_expo_writer_t *w,
    const phr_push_family_t *f, int first, const phr_escape_t *escape);
static int phr_push_family_cmp(const void *a, const void *b);
static void phr_push_json_group(phr_json_writer_t *w,
    const phr_push_group_t *g);
static void phr_push_json_family(phr_json_writer_t *w,
    const phr_push_family_t *f);
static void phr_push_json_labels(phr_json_writer_t *w, phr_labels_t ls,
    phr_str_t without);
static void phr_push_json_value(phr_json_writer_t *w, const char *key,
    double v);
static void phr_push_json_parts(phr_json_writer_t *w,
    const phr_push_family_t *f);
static void phr_push_part_first(phr_push_part_t *parts, size_t n,
    const phr_str_t *bound);
static size_t phr_push_part_n(const phr_push_part_t *parts, size_t n);
static int phr_push_part_by_hash(const void *a, const void *b);
static int phr_push_part_by_first(const void *a, const void *b);
static void phr_push_json_metric(phr_json_writer_t *w,
    const phr_push_family_t *f, const phr_push_part_t *parts, size_t n,
    phr_str_t bound);
static const char *phr_push_part(const phr_push_family_t *f,
    const phr_push_series_t *s);
static int64_t phr_push_time_of(const phr_push_group_t *g, const char *name);


int
phr_push_expose(phr_push_t *p, phr_expo_writer_t *w,
    const phr_escape_t *escape)
{
    int                        rc;
    size_t                     i, n, nalloc;
    phr_push_group_t         **list;
    phr_push_exposed_t        *all;
    const phr_push_family_t   *f;

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

    for (i = 0, rc = PHR_OK; i < n && rc == PHR_OK; i++) {
        f = all[i].f;

        rc = phr_push_expose_family(w, f, i == 0
                                    || !phr_str_eq(f->name,
                                                   all[i - 1].f->name),
                                    escape);
    }

    phr_free(all);

    return rc;
}


static int
phr_push_expose_family(phr_expo_writer_t *w, const phr_push_family_t *f,
    int first, const phr_escape_t *escape)
{
    phr_str_t                 name;
    phr_labels_t              ls;
    const phr_push_series_t  *s;

    name = f->name;

    if (escape != NULL && phr_escape_name(escape, &name) != PHR_OK) {
        return PHR_ENOMEM;
    }

    if (first) {
        phr_expo_family(w, name, f->type, f->help);
    }

    for (s = f->first; s != NULL; s = s->next) {
        ls = s->labels;

        if (escape != NULL && phr_escape_labels(escape, &ls) != PHR_OK) {
            return PHR_ENOMEM;
        }

        phr_expo_series(w, ls, s->v, 0, 0);
    }

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
    phr_push_json_labels(w, g->labels, phr_str_of(""));

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
            phr_push_json_labels(w, s->labels, phr_str_of(""));
            phr_push_json_value(w, "value", s->v);
            phr_json_end_object(w);
        }
    }

    phr_json_end_array(w);
    phr_json_end_object(w);
}


/* all but the name and, of a histogram or summary, the bound */

static void
phr_push_json_labels(phr_json_writer_t *w, phr_labels_t ls,
    phr_str_t without)
{
    size_t  i;

    phr_json_object(w);

    for (i = 0; i < ls.n; i++) {
        if (!phr_str_eq(ls.l[i].name, phr_str_of(PHR_METRIC_NAME))
            && !phr_str_eq(ls.l[i].name, without))
        {
            phr_json_pair_str(w, ls.l[i].name, ls.l[i].value);
        }
    }

    phr_json_end_object(w);
}


static void
phr_push_json_value(phr_json_writer_t *w, const char *key, double v)
{
    char  text[PHR_NUMBER_LEN];

    phr_json_pair(w, key, phr_str_from(text, phr_number_write(text, v)));
}


/*
 * The series of a histogram or summary, one object for each label set, in
 * the order in which their first series came.  A group may have thousands
 * of either, so those of a set are brought together by sorting.
 */

static void
phr_push_json_parts(phr_json_writer_t *w, const phr_push_family_t *f)
{
    size_t                    i, n;
    phr_str_t                 bound;
    phr_push_part_t          *parts;
    const phr_push_series_t  *s;

    parts = phr_malloc((f->nseries + 1) * sizeof(phr_push_part_t));
    if (parts == NULL) {
        w->buf->failed = PHR_ENOMEM;
        return;
    }

    bound = phr_str_from_c(f->type == PHR_METRIC_HISTOGRAM ? "le"
                                                           : "quantile");

    for (s = f->first, n = 0; s != NULL; s = s->next, n++) {
        parts[n].s = s;
        parts[n].hash = phr_labels_hash_ignoring(s->labels, &bound, 1);
        parts[n].first = n;
        parts[n].at = n;
    }

    qsort(parts, n, sizeof(phr_push_part_t), phr_push_part_by_hash);
    phr_push_part_first(parts, n, &bound);
    qsort(parts, n, sizeof(phr_push_part_t), phr_push_part_by_first);

    for (i = 0; i < n; i += phr_push_part_n(parts + i, n - i)) {
        phr_push_json_metric(w, f, parts + i,
                             phr_push_part_n(parts + i, n - i), bound);
    }

    phr_free(parts);
}


/* names the first of its label set to each; hashes may be equal by chance */

static void
phr_push_part_first(phr_push_part_t *parts, size_t n, const phr_str_t *bound)
{
    size_t  i, j, run;

    for (i = 0, run = 0; i < n; i++) {

        if (parts[i].hash != parts[run].hash) {
            run = i;
        }

        for (j = run; j < i; j++) {
            if (phr_labels_eq_ignoring(parts[j].s->labels,
                                       parts[i].s->labels, bound, 1))
            {
                parts[i].first = parts[j].first;
                break;
            }
        }
    }
}


/* how many belong to the same label set as the first of them */

static size_t
phr_push_part_n(const phr_push_part_t *parts, size_t n)
{
    size_t  i;

    for (i = 1; i < n && parts[i].first == parts[0].first; i++) {
        /* void */
    }

    return i;
}


static int
phr_push_part_by_hash(const void *a, const void *b)
{
    const phr_push_part_t  *x, *y;

    x = a;
    y = b;

    if (x->hash != y->hash) {
        return x->hash < y->hash ? -1 : 1;
    }

    return (x->at > y->at) - (x->at < y->at);
}


static int
phr_push_part_by_first(const void *a, const void *b)
{
    const phr_push_part_t  *x, *y;

    x = a;
    y = b;

    if (x->first != y->first) {
        return x->first < y->first ? -1 : 1;
    }

    return (x->at > y->at) - (x->at < y->at);
}


static void
phr_push_json_metric(phr_json_writer_t *w, const phr_push_family_t *f,
    const phr_push_part_t *parts, size_t n, phr_str_t bound)
{
    size_t       i;
    const char  *part;
    phr_str_t    value;
    char         text[PHR_NUMBER_LEN];

    phr_json_object(w);
    phr_json_key(w, "labels");
    phr_push_json_labels(w, parts[0].s->labels, bound);

    phr_json_key(w, f->type == PHR_METRIC_HISTOGRAM ? "buckets"
                                                    : "quantiles");
    phr_json_object(w);

    for (i = 0; i < n; i++) {
        value = phr_labels_get(parts[i].s->labels, bound);

        if (value.len != 0 && phr_push_part(f, parts[i].s) == NULL) {
            phr_json_key_str(w, value);
            phr_json_string(w, phr_str_from(text,
                                      phr_number_write(text, parts[i].s->v)));
        }
    }

    phr_json_end_object(w);

    for (i = 0; i < n; i++) {
        part = phr_push_part(f, parts[i].s);

        if (part != NULL) {
            phr_push_json_value(w, part, parts[i].s->v);
        }
    }

    phr_json_end_object(w);
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
