/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb, histograms: the two kinds of chunks of native histograms.
 *
 *     header    number of samples:16  hint of the first:2  0:6
 *     layout    zero threshold, schema, spans of both sides, custom bounds
 *     samples   time, count, zero count, sum, buckets of both sides
 *
 * Of integers, each number is kept as the step of its steps, and buckets as
 * differences to their neighbours before that; of floats, all but the time
 * are exclusive ors.  A stale marker ends with its sum.
 */

#include "ingest/tsdb.h"

#include <math.h>

#include "core/bytes.h"
#include "ingest/tsdb_bits.h"


#define PHR_TSDB_HIST_HEAD   3


/* an integer that changes by a step that changes */
typedef struct {
    uint64_t  v;
    uint64_t  step;
} phr_tsdb_number_t;

typedef struct {
    phr_tsdb_bits_t     b;
    phr_arena_t        *arena;
    phr_hist_t          layout;
    size_t              nbuckets;
    size_t              i;              /* sample */
    phr_tsdb_number_t   t;
    phr_tsdb_xor_t      sum;

    /* count, zero count and buckets: of integers, or of floats */
    phr_tsdb_number_t  *number;
    phr_tsdb_xor_t     *xor;
} phr_tsdb_hist_t;


static int phr_tsdb_hist_layout(phr_tsdb_hist_t *r);
static double phr_tsdb_hist_threshold(phr_tsdb_bits_t *b);
static int phr_tsdb_hist_spans(phr_tsdb_hist_t *r, phr_hist_side_t *side);
static int phr_tsdb_hist_bounds(phr_tsdb_hist_t *r);
static int phr_tsdb_hist_state(phr_tsdb_hist_t *r, int is_float);
static int phr_tsdb_hist_sample(phr_tsdb_hist_t *r, phr_hist_t **out);
static void phr_tsdb_hist_number(phr_tsdb_hist_t *r, phr_tsdb_number_t *x,
    int is_unsigned);
static void phr_tsdb_hist_xor(phr_tsdb_hist_t *r, phr_tsdb_xor_t *x);
static int phr_tsdb_hist_read(phr_tsdb_hist_t *r, size_t from, size_t n);
static void phr_tsdb_hist_counts(const phr_tsdb_hist_t *r, size_t from,
    size_t n, double *counts);
static double phr_tsdb_hist_value(const phr_tsdb_hist_t *r, size_t at);


int
phr_tsdb_hists(phr_str_t data, int is_float, phr_arena_t *arena,
    int64_t *t_ms, const phr_hist_t **h, size_t *n, phr_err_t *err)
{
    int              rc;
    size_t           count;
    uint8_t          head;
    phr_hist_t      *sample;
    phr_tsdb_hist_t  r;

    /* ORDER phr_hist_hint_e: unknown, not reset, reset, gauge in two bits */
    static const uint8_t  hints[] = {
        PHR_HIST_RESET_UNKNOWN, PHR_HIST_RESET_UNKNOWN, PHR_HIST_RESET,
        PHR_HIST_GAUGE
    };

    if (data.len < PHR_TSDB_HIST_HEAD) {
        return phr_err_set(err, PHR_ECORRUPT, "a chunk of %zu bytes",
                           data.len);
    }

    memset(&r, 0, sizeof(r));
    phr_tsdb_bits_init(&r.b, data, PHR_TSDB_HIST_HEAD);
    r.arena = arena;
    r.layout.integer = !is_float;
    sample = NULL;
    count = phr_get_be16((const uint8_t *) data.data);
    head = (uint8_t) data.data[2] >> 6;
    rc = PHR_OK;

    if (count > 0) {
        rc = phr_tsdb_hist_layout(&r);
        if (rc == PHR_OK) {
            rc = phr_tsdb_hist_state(&r, is_float);
        }
    }

    for (r.i = 0; r.i < count && rc == PHR_OK; r.i++) {
        rc = phr_tsdb_hist_sample(&r, &sample);

        if (rc == PHR_OK && sample->schema > PHR_HIST_SCHEMA_MAX) {
            sample = phr_hist_reduce(arena, sample, PHR_HIST_SCHEMA_MAX);
            rc = sample != NULL ? PHR_OK : phr_arena_rc(arena);
        }

        if (rc != PHR_OK) {
            break;
        }

        /* it says what was before the chunk, or that there are no resets */
        sample->hint = r.i == 0 || hints[head] == PHR_HIST_GAUGE
                       ? hints[head] : PHR_HIST_RESET_UNKNOWN;

        h[r.i] = sample;
        t_ms[r.i] = (int64_t) r.t.v;

        if (r.i > 0 && t_ms[r.i] <= t_ms[r.i - 1]) {
            rc = PHR_ECORRUPT;
            break;
        }
    }

    if (rc == PHR_ECORRUPT) {
        return phr_err_set(err, rc, "histogram %zu of %zu of a chunk is "
                           "damaged", r.i, count);
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for a chunk of histograms");
    }

    *n = count;

    return PHR_OK;
}


static int
phr_tsdb_hist_layout(phr_tsdb_hist_t *r)
{
    int          rc;
    int64_t      schema;
    phr_hist_t  *h;

    h = &r->layout;
    h->zero_threshold = phr_tsdb_hist_threshold(&r->b);
    schema = phr_tsdb_bits_int(&r->b);

    if (schema < PHR_HIST_CUSTOM || schema > PHR_HIST_SCHEMA_FINEST) {
        return PHR_ECORRUPT;
    }

    h->schema = (int32_t) schema;

    rc = phr_tsdb_hist_spans(r, &h->positive);
    if (rc == PHR_OK) {
        rc = phr_tsdb_hist_spans(r, &h->negative);
    }
    if (rc == PHR_OK && phr_hist_is_custom(h)) {
        rc = phr_tsdb_hist_bounds(r);
    }

    r->nbuckets = (size_t) h->positive.n + h->negative.n;

    return rc == PHR_OK && r->b.failed ? PHR_ECORRUPT : rc;
}


/* powers of two have one byte */
static double
phr_tsdb_hist_threshold(phr_tsdb_bits_t *b)
{
    uint64_t  power;

    power = phr_tsdb_bits(b, 8);

    return power == 0 ? 0
           : power == 255 ? phr_double_from_bits(phr_tsdb_bits(b, 64))
                          : ldexp(0.5, (int) power - 243);
}


static int
phr_tsdb_hist_spans(phr_tsdb_hist_t *r, phr_hist_side_t *side)
{
    int64_t           offset, index;
    uint64_t          i, n, length, total;
    phr_hist_span_t  *spans;

    n = phr_tsdb_bits_uint(&r->b);

    /* a span has two bits at least */

    if (n > PHR_HIST_MAX_BUCKETS
        || n > ((uint64_t) (r->b.end - r->b.p) * 8 + r->b.n) / 2)
    {
        return PHR_ECORRUPT;
    }

    spans = phr_arena_alloc(r->arena, (size_t) n * sizeof(phr_hist_span_t));
    if (spans == NULL) {
        return phr_arena_rc(r->arena);
    }

    total = 0;
    index = 0;

    for (i = 0; i < n; i++) {
        length = phr_tsdb_bits_uint(&r->b);
        offset = phr_tsdb_bits_int(&r->b);

        if (length > PHR_HIST_MAX_BUCKETS || offset < INT32_MIN
            || offset > INT32_MAX)
        {
            return PHR_ECORRUPT;
        }

        spans[i].offset = (int32_t) offset;
        spans[i].length = (uint32_t) length;
        total += length;
        index += offset + (int64_t) length;

        /* not validated yet, but numbers of buckets may be reckoned with */

        if (index > PHR_HIST_MAX_INDEX || index < -PHR_HIST_MAX_INDEX) {
            return PHR_ECORRUPT;
        }
    }

    if (total > PHR_HIST_MAX_BUCKETS) {
        return PHR_ECORRUPT;
    }

    side->spans = spans;
    side->nspans = (uint32_t) n;
    side->n = (uint32_t) total;

    return PHR_OK;
}


/* thousandths, or doubles */
static int
phr_tsdb_hist_bounds(phr_tsdb_hist_t *r)
{
    double    *bounds;
    uint64_t   i, n, v;

    n = phr_tsdb_bits_uint(&r->b);

    if (n > PHR_HIST_MAX_BUCKETS) {
        return PHR_ECORRUPT;
    }

    bounds = phr_arena_alloc(r->arena, (size_t) n * sizeof(double));
    if (bounds == NULL) {
        return phr_arena_rc(r->arena);
    }

    for (i = 0; i < n; i++) {
        v = phr_tsdb_bits_uint(&r->b);
        bounds[i] = v == 0 ? phr_double_from_bits(phr_tsdb_bits(&r->b, 64))
                           : (double) (v - 1) / 1000;
    }

    r->layout.bounds = bounds;
    r->layout.nbounds = (uint32_t) n;

    return PHR_OK;
}


static int
phr_tsdb_hist_state(phr_tsdb_hist_t *r, int is_float)
{
    size_t  n;

    n = r->nbuckets + 2;

    if (is_float) {
        r->xor = phr_arena_calloc(r->arena, n, sizeof(phr_tsdb_xor_t));

    } else {
        r->number = phr_arena_calloc(r->arena, n, sizeof(phr_tsdb_number_t));
    }

    return r->xor != NULL || r->number != NULL ? PHR_OK
                                               : phr_arena_rc(r->arena);
}


/* one sample, its time in r->t */
static int
phr_tsdb_hist_sample(phr_tsdb_hist_t *r, phr_hist_t **out)
{
    double      *counts;
    phr_hist_t  *h;

    h = phr_arena_alloc(r->arena, sizeof(phr_hist_t));
    if (h == NULL) {
        return phr_arena_rc(r->arena);
    }

    phr_tsdb_hist_number(r, &r->t, 0);

    if (phr_tsdb_hist_read(r, 0, 2) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    phr_tsdb_hist_xor(r, &r->sum);

    if (r->b.failed) {
        return PHR_ECORRUPT;
    }

    *out = h;
    *h = r->layout;
    h->sum = phr_double_from_bits(r->sum.value);

    if (phr_is_stale(h->sum)) {
        /* nothing but its sum is of meaning, or follows */
        memset(&h->positive, 0, sizeof(h->positive));
        memset(&h->negative, 0, sizeof(h->negative));

        return r->i > 0 ? PHR_OK : phr_tsdb_hist_read(r, 2, r->nbuckets);
    }

    if (phr_tsdb_hist_read(r, 2, r->nbuckets) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    h->count = phr_tsdb_hist_value(r, 0);
    h->zero_count = phr_tsdb_hist_value(r, 1);

    counts = phr_arena_alloc(r->arena, r->nbuckets * sizeof(double));
    if (counts == NULL) {
        return phr_arena_rc(r->arena);
    }

    h->positive.counts = counts;
    h->negative.counts = counts + h->positive.n;

    phr_tsdb_hist_counts(r, 2, h->positive.n, counts);
    phr_tsdb_hist_counts(r, 2 + (size_t) h->positive.n, h->negative.n,
                         counts + h->positive.n);

    return PHR_OK;
}


/* the step is that of the steps, but for the first sample */
static void
phr_tsdb_hist_number(phr_tsdb_hist_t *r, phr_tsdb_number_t *x,
    int is_unsigned)
{
    if (r->i == 0) {
        x->v = is_unsigned ? phr_tsdb_bits_uint(&r->b)
                           : (uint64_t) phr_tsdb_bits_int(&r->b);
        return;
    }

    x->step += (uint64_t) phr_tsdb_bits_int(&r->b);
    x->v += x->step;
}


static void
phr_tsdb_hist_xor(phr_tsdb_hist_t *r, phr_tsdb_xor_t *x)
{
    if (r->i == 0) {
        x->value = phr_tsdb_bits(&r->b, 64);

    } else {
        phr_tsdb_bits_xor(&r->b, x);
    }
}


/* n numbers of those that integers and floats have each their own way */
static int
phr_tsdb_hist_read(phr_tsdb_hist_t *r, size_t from, size_t n)
{
    size_t  i;

    for (i = from; i < from + n; i++) {

        if (r->xor != NULL) {
            phr_tsdb_hist_xor(r, &r->xor[i]);

        } else {
            phr_tsdb_hist_number(r, &r->number[i], i < 2);
        }

        if (r->b.failed) {
            return PHR_ECORRUPT;
        }
    }

    return PHR_OK;
}


/* of a side; integers are differences */
static void
phr_tsdb_hist_counts(const phr_tsdb_hist_t *r, size_t from, size_t n,
    double *counts)
{
    size_t    i;
    uint64_t  count;

    count = 0;

    for (i = 0; i < n; i++) {

        if (r->xor != NULL) {
            counts[i] = phr_tsdb_hist_value(r, from + i);
            continue;
        }

        count += r->number[from + i].v;
        counts[i] = (double) (int64_t) count;
    }
}


static double
phr_tsdb_hist_value(const phr_tsdb_hist_t *r, size_t at)
{
    return r->xor != NULL ? phr_double_from_bits(r->xor[at].value)
                          : (double) r->number[at].v;
}
