/*
 * Copyright (C) The Pharos Authors
 *
 * Value: columns, the index that finds them by their labels, and the ways
 * to put columns together.  Nothing here knows the language.
 */

#include "promql/value.h"

#include "core/matcher.h"
#include "core/yield.h"


#define PHR_SAME_LABELS                                                       \
    "vector cannot contain metrics with the same labelset"

/* about what the labels of a series take, see phr_yield() */
#define PHR_VALUE_UNITS  256


static phr_column_t *phr_collect_find(phr_collect_t *c, phr_labels_t labels,
    uint64_t hash);
static int phr_collect_new(phr_collect_t *c, phr_labels_t labels,
    uint64_t hash, double *v, int drop_name);
static size_t phr_col_first(const double *v, size_t n);
static int phr_col_join(double *to, const double *from, size_t n,
    phr_err_t *err);


size_t
phr_col_count(const double *v, size_t n)
{
    size_t  i, count;

    count = 0;

    for (i = 0; i < n; i++) {
        count += !phr_is_stale(v[i]);
    }

    return count;
}


double *
phr_col_create(phr_arena_t *a, size_t n)
{
    double  *v, none;
    size_t   i;

    if (n > SIZE_MAX / sizeof(double)) {
        return NULL;
    }

    v = phr_arena_alloc(a, phr_max(n, 1) * sizeof(double));
    if (v == NULL) {
        return NULL;
    }

    none = phr_no_sample();

    for (i = 0; i < n; i++) {
        v[i] = none;
    }

    return v;
}


void
phr_value_init(phr_value_t *value)
{
    memset(value, 0, sizeof(*value));
    value->type = PHR_TYPE_VECTOR;
}


phr_column_t *
phr_value_push(phr_value_t *value, phr_arena_t *a, phr_labels_t labels,
    double *v, int drop_name)
{
    size_t         nalloc;
    phr_column_t  *c;

    if (value->n == value->nalloc) {
        nalloc = value->nalloc ? value->nalloc * 2 : 8;

        c = phr_arena_grow(a, value->cols, value->nalloc * sizeof(*c),
                           nalloc * sizeof(*c));
        if (c == NULL) {
            return NULL;
        }

        value->cols = c;
        value->nalloc = nalloc;
    }

    c = &value->cols[value->n++];
    c->labels = labels;
    c->v = v;
    c->drop_name = drop_name ? 1 : 0;

    return c;
}


double *
phr_value_push_new(phr_value_t *value, phr_arena_t *a, phr_labels_t labels,
    size_t nsteps, int drop_name)
{
    double  *v;

    v = phr_col_create(a, nsteps);
    if (v == NULL
        || phr_value_push(value, a, labels, v, drop_name) == NULL)
    {
        return NULL;
    }

    return v;
}


uint64_t
phr_value_count(const phr_value_t *value, size_t nsteps)
{
    size_t    i;
    uint64_t  count;

    count = 0;

    for (i = 0; i < value->n; i++) {
        count += phr_col_count(value->cols[i].v, nsteps);
        phr_yield(nsteps);
    }

    return count;
}


void
phr_value_sort(phr_value_t *value)
{
    phr_labels_sort(value->cols, value->n, sizeof(phr_column_t));
}


void
phr_value_compact(phr_value_t *value, size_t nsteps)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < value->n; i++) {
        if (phr_col_count(value->cols[i].v, nsteps) != 0) {
            value->cols[n++] = value->cols[i];
        }
    }

    value->n = n;
}


int
phr_slots_init(phr_slots_t *x, phr_arena_t *a, size_t expected)
{
    size_t  n;

    n = 16;
    while (n < expected * 2) {
        n *= 2;
    }

    x->arena = a;
    x->n = 0;
    x->mask = n - 1;
    x->slots = phr_arena_calloc(a, n, sizeof(phr_slots_slot_t));

    return x->slots == NULL ? phr_arena_rc(a) : PHR_OK;
}


int
phr_slots_add(phr_slots_t *x, uint64_t hash, uint32_t id)
{
    int          rc;
    size_t       i;
    phr_slots_t  bigger;

    if (x->n * 2 > x->mask) {
        rc = phr_slots_init(&bigger, x->arena, x->mask + 1);
        if (rc < 0) {
            return rc;
        }

        /*
         * Starting behind a free slot keeps the order among entries of one
         * hash, whose chain may wrap around the end of the table.
         */
        for (i = 0; x->slots[i].id != 0; i++) { /* void */ }

        do {
            i = (i + 1) & x->mask;
            if (x->slots[i].id == 0) {
                continue;
            }

            rc = phr_slots_add(&bigger, x->slots[i].hash,
                               x->slots[i].id - 1);
            if (rc < 0) {
                return rc;
            }
        } while (bigger.n < x->n);

        *x = bigger;
    }

    i = hash & x->mask;
    while (x->slots[i].id != 0) {
        i = (i + 1) & x->mask;
    }

    x->slots[i].hash = hash;
    x->slots[i].id = id + 1;
    x->n++;

    return PHR_OK;
}


uint32_t
phr_slots_next(const phr_slots_t *x, uint64_t hash, size_t *pos)
{
    size_t  i;

    i = *pos == SIZE_MAX ? (hash & x->mask) : ((*pos + 1) & x->mask);

    while (x->slots[i].id != 0) {
        if (x->slots[i].hash == hash) {
            *pos = i;
            return x->slots[i].id - 1;
        }

        i = (i + 1) & x->mask;
    }

    return PHR_INDEX_NONE;
}


int
phr_labels_drop_metadata(phr_arena_t *a, phr_labels_t in, phr_labels_t *out)
{
    size_t        i, n;
    phr_str_t     name;
    phr_label_t  *l;

    static const phr_str_t  metadata[] = {
        phr_str(PHR_METRIC_NAME), phr_str("__type__"), phr_str("__unit__")
    };

    /* most sets have only the name, and it comes first */

    if (in.n > 0 && phr_str_eq(in.l[0].name, metadata[0])
        && (in.n == 1 || in.l[1].name.len < 2 || in.l[1].name.data[1] != '_'))
    {
        out->l = in.l + 1;
        out->n = in.n - 1;

        return PHR_OK;
    }

    l = NULL;
    n = 0;

    for (i = 0; i < in.n; i++) {
        name = in.l[i].name;

        if (name.len > 2 && name.data[0] == '_' && name.data[1] == '_'
            && (phr_str_eq(name, metadata[0]) || phr_str_eq(name, metadata[1])
                || phr_str_eq(name, metadata[2])))
        {
            if (l == NULL) {
                l = phr_arena_alloc(a, in.n * sizeof(phr_label_t));
                if (l == NULL) {
                    return phr_arena_rc(a);
                }

                memcpy(l, in.l, i * sizeof(phr_label_t));
                n = i;
            }

            continue;
        }

        if (l != NULL) {
            l[n++] = in.l[i];
        }
    }

    if (l == NULL) {
        *out = in;

    } else {
        out->l = l;
        out->n = n;
    }

    return PHR_OK;
}


void
phr_labels_print(phr_buf_t *b, phr_labels_t ls)
{
    size_t         i;
    phr_matcher_t  m;

    memset(&m, 0, sizeof(m));
    m.op = PHR_MATCH_EQ;

    phr_buf_putc(b, '{');

    for (i = 0; i < ls.n; i++) {
        if (i > 0) {
            phr_buf_puts(b, ", ");
        }

        m.name = ls.l[i].name;
        m.value = ls.l[i].value;
        phr_matcher_format(b, &m);
    }

    phr_buf_putc(b, '}');
}


int
phr_value_merge(phr_value_t *value, phr_arena_t *a, size_t nsteps,
    phr_err_t *err)
{
    int            rc;
    size_t         i, n, pos;
    uint32_t       id;
    uint64_t       hash;
    phr_slots_t    index;
    phr_column_t  *c;

    if (value->n < 2) {
        return PHR_OK;
    }

    rc = phr_slots_init(&index, a, value->n);
    if (rc < 0) {
        return rc;
    }

    n = 0;

    for (i = 0; i < value->n; i++) {
        phr_yield(PHR_VALUE_UNITS);

        c = &value->cols[i];
        hash = phr_labels_hash(c->labels);
        pos = SIZE_MAX;

        do {
            id = phr_slots_next(&index, hash, &pos);
        } while (id != PHR_INDEX_NONE
                 && phr_labels_cmp(value->cols[id].labels, c->labels) != 0);

        if (id != PHR_INDEX_NONE) {
            rc = phr_col_join(value->cols[id].v, c->v, nsteps, err);

        } else {
            rc = phr_slots_add(&index, hash, n);
            value->cols[n++] = *c;
        }

        if (rc < 0) {
            return rc;
        }
    }

    value->n = n;

    return PHR_OK;
}


int
phr_value_drop_names(phr_value_t *value, phr_arena_t *a, size_t nsteps,
    int strict, phr_err_t *err)
{
    int            rc, one_name;
    size_t         i, n, nlabels;
    phr_str_t      name;
    phr_column_t  *c;

    /* what differed with one and the same name differs without it */

    one_name = 1;
    name = phr_str_of("");

    for (i = 0, n = 0; i < value->n; i++) {
        c = &value->cols[i];

        if (!c->drop_name) {
            one_name = 0;
            continue;
        }

        if (n++ == 0) {
            name = phr_labels_get(c->labels, phr_str_of(PHR_METRIC_NAME));
        }

        one_name = one_name
                   && phr_str_eq(name, phr_labels_get(c->labels,
                                            phr_str_of(PHR_METRIC_NAME)));

        nlabels = c->labels.n;

        rc = phr_labels_drop_metadata(a, c->labels, &c->labels);
        if (rc < 0) {
            return rc;
        }

        one_name = one_name && nlabels - c->labels.n <= 1;
        c->drop_name = 0;
        phr_yield(PHR_VALUE_UNITS);
    }

    if (n == 0 || one_name) {
        return PHR_OK;
    }

    n = value->n;

    rc = phr_value_merge(value, a, nsteps, err);

    if (rc == PHR_OK && strict && value->n < n) {
        rc = phr_err_set(err, PHR_EEXEC, PHR_SAME_LABELS);
    }

    return rc;
}


static size_t
phr_col_first(const double *v, size_t n)
{
    size_t  i;

    for (i = 0; i < n && phr_is_stale(v[i]); i++) { /* void */ }

    return i;
}


static int
phr_col_join(double *to, const double *from, size_t n, phr_err_t *err)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (phr_is_stale(from[i])) {
            continue;
        }

        if (!phr_is_stale(to[i])) {
            return phr_err_set(err, PHR_EEXEC, PHR_SAME_LABELS);
        }

        to[i] = from[i];
    }

    return PHR_OK;
}


int
phr_collect_init(phr_collect_t *c, phr_value_t *out, phr_arena_t *a,
    size_t nsteps, size_t expected)
{
    phr_value_init(out);

    c->out = out;
    c->arena = a;
    c->nsteps = nsteps;

    return phr_slots_init(&c->index, a, expected);
}


static phr_column_t *
phr_collect_find(phr_collect_t *c, phr_labels_t labels, uint64_t hash)
{
    size_t    pos;
    uint32_t  id;

    pos = SIZE_MAX;

    for ( ;; ) {
        id = phr_slots_next(&c->index, hash, &pos);

        if (id == PHR_INDEX_NONE) {
            return NULL;
        }

        if (phr_labels_cmp(c->out->cols[id].labels, labels) == 0) {
            return &c->out->cols[id];
        }
    }
}


static int
phr_collect_new(phr_collect_t *c, phr_labels_t labels, uint64_t hash,
    double *v, int drop_name)
{
    if (phr_value_push(c->out, c->arena, labels, v, drop_name) == NULL) {
        return phr_arena_rc(c->arena);
    }

    return phr_slots_add(&c->index, hash, c->out->n - 1);
}


int
phr_collect_add(phr_collect_t *c, phr_labels_t labels, double *v,
    int drop_name, phr_err_t *err)
{
    uint64_t       hash;
    phr_column_t  *col;

    hash = phr_labels_hash(labels);

    if (c->nsteps > 1) {
        col = phr_collect_find(c, labels, hash);
        if (col != NULL) {

            /* its first sample says whether a series loses its name */

            if (phr_col_first(v, c->nsteps)
                < phr_col_first(col->v, c->nsteps))
            {
                col->drop_name = drop_name ? 1 : 0;
            }

            return phr_col_join(col->v, v, c->nsteps, err);
        }
    }

    return phr_collect_new(c, labels, hash, v, drop_name);
}


int
phr_collect_sample(phr_collect_t *c, phr_labels_t labels, size_t step,
    double v, int drop_name, phr_err_t *err)
{
    int            rc;
    double        *col_v;
    uint64_t       hash;
    phr_column_t  *col;

    hash = phr_labels_hash(labels);
    col = c->nsteps > 1 ? phr_collect_find(c, labels, hash) : NULL;

    if (col == NULL) {
        col_v = phr_col_create(c->arena, c->nsteps);
        if (col_v == NULL) {
            return phr_arena_rc(c->arena);
        }

        rc = phr_collect_new(c, labels, hash, col_v, drop_name);
        if (rc < 0) {
            return rc;
        }

    } else {
        col_v = col->v;
    }

    if (!phr_is_stale(col_v[step])) {
        return phr_err_set(err, PHR_EEXEC, PHR_SAME_LABELS);
    }

    col_v[step] = v;

    return PHR_OK;
}
