/*
 * Copyright (C) The Pharos Authors
 *
 * Query splice: see query_splice.h.
 */

#include "api/query_splice.h"

#include "core/alloc.h"
#include "promql/value.h"


/* one result in the making */
typedef struct {
    const phr_kept_t   *kept;
    const phr_query_t  *query;
    size_t              nsteps;
    size_t              at;             /* the first step in kept */
    size_t              from;           /* steps taken of it */
    int64_t            *all;            /* times of all steps */
    uint64_t            held;
    phr_result_t       *result;
    phr_err_t          *err;
} phr_splice_t;


static size_t phr_kept_round(size_t n);
static char *phr_kept_copy(char **p, phr_str_t *s);
static void phr_kept_fill(phr_kept_t *kept, const phr_query_t *q,
    const phr_result_t *r);
static int phr_kept_same_notes(const phr_kept_t *kept,
    const phr_result_t *r);
static size_t phr_kept_at(const phr_kept_t *kept, const phr_query_t *q);
static int phr_splice_notes(phr_splice_t *s);
static int phr_splice_series(phr_splice_t *s, const phr_labels_t *labels,
    const double *v, const phr_result_series_t *later);
static int phr_splice_fill(phr_splice_t *s, const double *v,
    const phr_result_series_t *later, size_t nkept,
    phr_result_series_t *out);
static int phr_splice_failed(phr_splice_t *s);


void
phr_kept_hash(phr_kept_key_t *key)
{
    size_t    i;
    uint64_t  h;

    h = 14695981039346656037ULL;

    for (i = 0; i < key->text.len; i++) {
        h = (h ^ (unsigned char) key->text.data[i]) * 1099511628211ULL;
    }

    h = (h ^ key->flags) * 1099511628211ULL;
    h = (h ^ key->span) * 1099511628211ULL;
    h = (h ^ (uint64_t) key->step_ms) * 1099511628211ULL;
    h = (h ^ (uint64_t) key->phase_ms) * 1099511628211ULL;
    h = (h ^ (uint64_t) key->lookback_ms) * 1099511628211ULL;

    key->hash = h ^ (h >> 32);
}


int
phr_kept_is(const phr_kept_t *kept, const phr_kept_key_t *key)
{
    const phr_kept_key_t  *k;

    k = &kept->key;

    return k->hash == key->hash && phr_str_eq(k->text, key->text)
           && k->flags == key->flags && k->span == key->span
           && k->step_ms == key->step_ms && k->phase_ms == key->phase_ms
           && k->lookback_ms == key->lookback_ms
           && k->subquery_step_ms == key->subquery_step_ms;
}


static size_t
phr_kept_round(size_t n)
{
    return (n + 15) & ~(size_t) 15;
}


/* values, then labels and their bytes, then notes, then texts */

size_t
phr_kept_bytes(const phr_kept_key_t *key, const phr_result_t *r,
    size_t nsteps)
{
    size_t  i, n;

    n = phr_kept_round(sizeof(phr_kept_t));
    n += phr_kept_round(r->nseries * sizeof(phr_labels_t));
    n += (r->nwarnings + r->ninfos) * sizeof(phr_str_t);

    for (i = 0; i < r->nseries; i++) {
        n += phr_kept_round(phr_labels_bytes(r->series[i].labels));
        n += nsteps * sizeof(double);
    }

    for (i = 0; i < r->nwarnings; i++) {
        n += r->warnings[i].len;
    }

    for (i = 0; i < r->ninfos; i++) {
        n += r->infos[i].len;
    }

    return n + key->text.len;
}


phr_kept_t *
phr_kept_create(const phr_kept_key_t *key, const phr_query_t *q,
    const phr_result_t *r, size_t nsteps, size_t bytes)
{
    char        *p;
    size_t       i;
    phr_kept_t  *kept;

    kept = phr_malloc(bytes);
    if (kept == NULL) {
        return NULL;
    }

    memset(kept, 0, sizeof(phr_kept_t));
    kept->key = *key;
    kept->start_ms = q->start_ms;
    kept->nsteps = nsteps;
    kept->valid = nsteps;
    kept->nseries = r->nseries;
    kept->nwarnings = r->nwarnings;
    kept->ninfos = r->ninfos;
    kept->bytes = bytes;
    kept->refs = 1;

    p = (char *) kept + phr_kept_round(sizeof(phr_kept_t));

    kept->labels = (phr_labels_t *) (void *) p;
    p += phr_kept_round(r->nseries * sizeof(phr_labels_t));

    for (i = 0; i < r->nseries; i++) {
        kept->labels[i] = phr_labels_place(p, r->series[i].labels);
        p += phr_kept_round(phr_labels_bytes(r->series[i].labels));
    }

    kept->v = (double *) (void *) p;
    p += r->nseries * nsteps * sizeof(double);

    kept->notes = (phr_str_t *) (void *) p;
    p += (r->nwarnings + r->ninfos) * sizeof(phr_str_t);

    for (i = 0; i < r->nwarnings; i++) {
        kept->notes[i] = r->warnings[i];
        phr_kept_copy(&p, &kept->notes[i]);
    }

    for (i = 0; i < r->ninfos; i++) {
        kept->notes[r->nwarnings + i] = r->infos[i];
        phr_kept_copy(&p, &kept->notes[r->nwarnings + i]);
    }

    phr_kept_copy(&p, &kept->key.text);
    phr_assert(p == (char *) kept + bytes);

    phr_kept_fill(kept, q, r);

    return kept;
}


static char *
phr_kept_copy(char **p, phr_str_t *s)
{
    if (s->len != 0) {
        memcpy(*p, s->data, s->len);
    }

    s->data = *p;
    *p += s->len;

    return *p;
}


static void
phr_kept_fill(phr_kept_t *kept, const phr_query_t *q, const phr_result_t *r)
{
    double                     *v, none;
    size_t                      i, k, step;
    const phr_result_series_t  *s;

    none = phr_no_sample();

    for (i = 0; i < r->nseries; i++) {
        s = &r->series[i];
        v = kept->v + i * kept->nsteps;

        if (s->n == kept->nsteps) {
            memcpy(v, s->v, s->n * sizeof(double));
            continue;
        }

        for (step = 0; step < kept->nsteps; step++) {
            v[step] = none;
        }

        for (k = 0; k < s->n; k++) {
            step = (size_t) ((s->t_ms[k] - q->start_ms) / q->step_ms);
            v[step] = s->v[k];
        }
    }
}


static size_t
phr_kept_at(const phr_kept_t *kept, const phr_query_t *q)
{
    return (size_t) ((q->start_ms - kept->start_ms) / q->step_ms);
}


/*
 * What is said of some steps is said of all that have them among them, once.
 * So notes of later steps that are those of the kept ones are all there are;
 * others may be of steps that the query does not ask for.
 */

int
phr_kept_joins(const phr_kept_t *kept, const phr_query_t *q, size_t nsteps,
    size_t from, const phr_result_t *later)
{
    if (later->native || later->res_ms != 0) {
        return 0;
    }

    if (from == nsteps) {
        return kept->nwarnings + kept->ninfos == 0
               || (nsteps == kept->nsteps && phr_kept_at(kept, q) == 0);
    }

    return phr_kept_same_notes(kept, later);
}


static int
phr_kept_same_notes(const phr_kept_t *kept, const phr_result_t *r)
{
    size_t  i;

    if (kept->nwarnings != r->nwarnings || kept->ninfos != r->ninfos) {
        return 0;
    }

    for (i = 0; i < r->nwarnings; i++) {
        if (!phr_str_eq(kept->notes[i], r->warnings[i])) {
            return 0;
        }
    }

    for (i = 0; i < r->ninfos; i++) {
        if (!phr_str_eq(kept->notes[r->nwarnings + i], r->infos[i])) {
            return 0;
        }
    }

    return 1;
}


/* both are sorted by labels, and so is the result */

int
phr_kept_splice(const phr_kept_t *kept, const phr_query_t *q, size_t nsteps,
    size_t from, const phr_result_t *later, phr_result_t *result,
    phr_err_t *err)
{
    int                         cmp, rc;
    size_t                      i, k;
    const double               *v;
    phr_splice_t                s;
    const phr_labels_t         *labels;
    const phr_result_series_t  *more;

    memset(&s, 0, sizeof(s));
    s.kept = kept;
    s.query = q;
    s.nsteps = nsteps;
    s.at = phr_kept_at(kept, q);
    s.from = from;
    s.result = result;
    s.err = err;

    *result = *later;
    result->t_ms = q->start_ms;
    result->step_ms = q->step_ms;
    result->nsteps = nsteps;
    result->nseries = 0;
    result->series = phr_arena_alloc(q->arena,
                                     (kept->nseries + later->nseries + 1)
                                     * sizeof(phr_result_series_t));
    s.all = phr_arena_alloc(q->arena, nsteps * sizeof(int64_t));

    if (result->series == NULL || s.all == NULL) {
        return phr_splice_failed(&s);
    }

    for (i = 0; i < nsteps; i++) {
        s.all[i] = q->start_ms + (int64_t) i * q->step_ms;
    }

    if (from == nsteps && phr_splice_notes(&s) != PHR_OK) {
        return phr_splice_failed(&s);
    }

    i = 0;
    k = 0;

    while (i < kept->nseries || k < later->nseries) {

        cmp = i == kept->nseries ? 1 : k == later->nseries ? -1
              : phr_labels_cmp(kept->labels[i], later->series[k].labels);

        labels = cmp <= 0 ? &kept->labels[i] : &later->series[k].labels;
        v = cmp <= 0 ? kept->v + i * kept->nsteps + s.at : NULL;
        more = cmp >= 0 ? &later->series[k] : NULL;

        rc = phr_splice_series(&s, labels, v, more);
        if (rc < 0) {
            return rc;
        }

        i += (cmp <= 0);
        k += (cmp >= 0);
    }

    return PHR_OK;
}


/* copies: what is kept may go */

static int
phr_splice_notes(phr_splice_t *s)
{
    size_t             i, n;
    phr_str_t         *notes;
    const phr_kept_t  *kept;

    kept = s->kept;
    n = kept->nwarnings + kept->ninfos;

    notes = phr_arena_alloc(s->query->arena, n * sizeof(phr_str_t));
    if (notes == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < n; i++) {
        notes[i] = phr_arena_str(s->query->arena, kept->notes[i]);
        if (notes[i].data == NULL) {
            return PHR_ENOMEM;
        }
    }

    s->result->warnings = notes;
    s->result->nwarnings = kept->nwarnings;
    s->result->infos = notes + kept->nwarnings;
    s->result->ninfos = kept->ninfos;

    return PHR_OK;
}


/* either may be NULL */

static int
phr_splice_series(phr_splice_t *s, const phr_labels_t *labels,
    const double *v, const phr_result_series_t *later)
{
    int                   rc;
    size_t                nkept;
    phr_result_series_t  *out;

    nkept = v == NULL ? 0 : phr_col_count(v, s->from);

    out = &s->result->series[s->result->nseries];
    memset(out, 0, sizeof(phr_result_series_t));
    out->n = nkept + (later == NULL ? 0 : later->n);

    if (out->n == 0) {
        return PHR_OK;
    }

    s->held += out->n;

    if (s->query->max_samples != 0 && s->held > s->query->max_samples) {
        return phr_err_set(s->err, PHR_ELIMIT,
                           "query processing would load too many samples "
                           "into memory in query execution");
    }

    if (nkept == 0) {
        *out = *later;
        s->result->nseries++;
        return PHR_OK;
    }

    rc = phr_labels_copy(s->query->arena, *labels, &out->labels);
    if (rc == PHR_OK) {
        rc = phr_splice_fill(s, v, later, nkept, out);
    }

    if (rc < 0) {
        return phr_splice_failed(s);
    }

    s->result->nseries++;

    return PHR_OK;
}


static int
phr_splice_fill(phr_splice_t *s, const double *v,
    const phr_result_series_t *later, size_t nkept, phr_result_series_t *out)
{
    double   *to;
    size_t    i, n;
    int64_t  *t;

    to = phr_arena_alloc(s->query->arena, out->n * sizeof(double));
    t = s->all;

    /* series without gaps share their times */

    if (out->n < s->nsteps) {
        t = phr_arena_alloc(s->query->arena, out->n * sizeof(int64_t));
    }

    if (to == NULL || t == NULL) {
        return PHR_ENOMEM;
    }

    out->v = to;
    out->t_ms = t;

    if (nkept == s->from) {
        memcpy(to, v, nkept * sizeof(double));

    } else {
        for (i = 0, n = 0; i < s->from; i++) {
            if (!phr_is_stale(v[i])) {
                to[n++] = v[i];
            }
        }
    }

    if (t != s->all) {
        for (i = 0, n = 0; i < s->from; i++) {
            if (!phr_is_stale(v[i])) {
                t[n++] = s->all[i];
            }
        }
    }

    if (later != NULL) {
        memcpy(to + nkept, later->v, later->n * sizeof(double));

        if (t != s->all) {
            memcpy(t + nkept, later->t_ms, later->n * sizeof(int64_t));
        }
    }

    return PHR_OK;
}


static int
phr_splice_failed(phr_splice_t *s)
{
    int  rc;

    rc = phr_arena_rc(s->query->arena);

    return phr_err_set(s->err, rc, rc == PHR_ELIMIT
                                   ? "query needs more memory than allowed"
                                   : "out of memory");
}
