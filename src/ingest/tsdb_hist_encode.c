/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb, histograms: chunks of them, written.  What they look like is said in
 * tsdb_hist.c.
 */

#include "ingest/tsdb.h"

#include <math.h>

#include "core/bytes.h"
#include "ingest/tsdb_bits.h"


/* time, count and zero count: integers that are no buckets */
#define PHR_TSDB_HIST_TIME     0
#define PHR_TSDB_HIST_COUNT    1
#define PHR_TSDB_HIST_ZERO     2
#define PHR_TSDB_HIST_BUCKETS  3


typedef struct {
    uint64_t  v;
    uint64_t  step;
} phr_tsdb_step_t;

typedef struct {
    phr_tsdb_writer_t   w;
    size_t              i;          /* sample */
    phr_tsdb_step_t    *number;     /* of integers all, else the time */
    phr_tsdb_xor_t     *xor;        /* of floats, in the same places */
    phr_tsdb_xor_t      sum;
} phr_tsdb_hist_writer_t;


static void phr_tsdb_hist_put_layout(phr_tsdb_writer_t *w,
    const phr_hist_t *h);
static void phr_tsdb_hist_put_spans(phr_tsdb_writer_t *w,
    const phr_hist_side_t *side);
static void phr_tsdb_hist_put_bounds(phr_tsdb_writer_t *w,
    const phr_hist_t *h);
static void phr_tsdb_hist_put_number(phr_tsdb_hist_writer_t *e, size_t at,
    uint64_t v);
static void phr_tsdb_hist_put_float(phr_tsdb_hist_writer_t *e,
    phr_tsdb_xor_t *x, double v);
static void phr_tsdb_hist_put_count(phr_tsdb_hist_writer_t *e, size_t at,
    double v);
static size_t phr_tsdb_hist_put_side(phr_tsdb_hist_writer_t *e, size_t at,
    const phr_hist_side_t *side);


size_t
phr_tsdb_hists_run(const phr_hist_t *const *h, size_t n)
{
    size_t  i;

    for (i = 1; i < n; i++) {

        /* what is not the first of a chunk is taken for no reset */

        if (h[i] == NULL
            || h[i]->hint != (h[0]->hint == PHR_HIST_GAUGE
                              ? PHR_HIST_GAUGE : PHR_HIST_NO_RESET)
            || !phr_hist_alike(h[0], h[i]))
        {
            break;
        }
    }

    return i;
}


int
phr_tsdb_hists_encode(const int64_t *t_ms, const phr_hist_t *const *h,
    size_t n, phr_arena_t *arena, phr_buf_t *out)
{
    size_t                  at, ncolumns;
    uint8_t                 head[3];
    phr_tsdb_hist_writer_t  e;

    /* ORDER phr_hist_hint_e */
    static const uint8_t  hints[] = { 0x00, 0x80, 0x40, 0xc0 };

    phr_assert(n > 0 && n <= PHR_TSDB_MAX_SAMPLES);

    ncolumns = PHR_TSDB_HIST_BUCKETS + (size_t) h[0]->positive.n
               + h[0]->negative.n;

    memset(&e, 0, sizeof(e));
    e.number = phr_arena_calloc(arena, ncolumns, sizeof(phr_tsdb_step_t));

    if (!h[0]->integer) {
        e.xor = phr_arena_calloc(arena, ncolumns, sizeof(phr_tsdb_xor_t));
    }

    if (e.number == NULL || (!h[0]->integer && e.xor == NULL)) {
        return phr_arena_rc(arena);
    }

    phr_put_be16(head, (uint16_t) n);
    head[2] = hints[h[0]->hint];
    phr_buf_append(out, head, sizeof(head));

    e.w.out = out;
    phr_tsdb_hist_put_layout(&e.w, h[0]);

    for (e.i = 0; e.i < n; e.i++) {
        phr_tsdb_hist_put_number(&e, PHR_TSDB_HIST_TIME,
                                 (uint64_t) t_ms[e.i]);
        phr_tsdb_hist_put_count(&e, PHR_TSDB_HIST_COUNT, h[e.i]->count);
        phr_tsdb_hist_put_count(&e, PHR_TSDB_HIST_ZERO, h[e.i]->zero_count);
        phr_tsdb_hist_put_float(&e, &e.sum, h[e.i]->sum);

        at = phr_tsdb_hist_put_side(&e, PHR_TSDB_HIST_BUCKETS,
                                    &h[e.i]->positive);
        (void) phr_tsdb_hist_put_side(&e, at, &h[e.i]->negative);
    }

    return out->failed;
}


static void
phr_tsdb_hist_put_layout(phr_tsdb_writer_t *w, const phr_hist_t *h)
{
    int     exponent;
    double  fraction;

    /* a power of two takes a byte */

    fraction = frexp(h->zero_threshold, &exponent);

    if (h->zero_threshold == 0) {
        phr_tsdb_put(w, 0, 8);

    } else if (fraction == 0.5 && exponent >= -242 && exponent <= 11) {
        phr_tsdb_put(w, (uint64_t) (exponent + 243), 8);

    } else {
        phr_tsdb_put(w, 255, 8);
        phr_tsdb_put(w, phr_double_bits(h->zero_threshold), 64);
    }

    phr_tsdb_put_int(w, h->schema);
    phr_tsdb_hist_put_spans(w, &h->positive);
    phr_tsdb_hist_put_spans(w, &h->negative);

    if (phr_hist_is_custom(h)) {
        phr_tsdb_hist_put_bounds(w, h);
    }
}


static void
phr_tsdb_hist_put_spans(phr_tsdb_writer_t *w, const phr_hist_side_t *side)
{
    uint32_t  i;

    phr_tsdb_put_uint(w, side->nspans);

    for (i = 0; i < side->nspans; i++) {
        phr_tsdb_put_uint(w, side->spans[i].length);
        phr_tsdb_put_int(w, side->spans[i].offset);
    }
}


/* thousandths, or doubles */

static void
phr_tsdb_hist_put_bounds(phr_tsdb_writer_t *w, const phr_hist_t *h)
{
    double    v;
    uint32_t  i;

    phr_tsdb_put_uint(w, h->nbounds);

    for (i = 0; i < h->nbounds; i++) {
        v = h->bounds[i] * 1000;

        if (v >= 0 && v <= 33554430 && rint(v) / 1000 == h->bounds[i]) {
            phr_tsdb_put_uint(w, (uint64_t) rint(v) + 1);

        } else {
            phr_tsdb_put(w, 0, 1);
            phr_tsdb_put(w, phr_double_bits(h->bounds[i]), 64);
        }
    }
}


/* counts of the first sample are natural numbers, other than the rest */

static void
phr_tsdb_hist_put_number(phr_tsdb_hist_writer_t *e, size_t at, uint64_t v)
{
    uint64_t          step;
    phr_tsdb_step_t  *x;

    x = &e->number[at];
    step = v - x->v;

    if (e->i == 0) {
        if (at == PHR_TSDB_HIST_COUNT || at == PHR_TSDB_HIST_ZERO) {
            phr_tsdb_put_uint(&e->w, v);
        } else {
            phr_tsdb_put_int(&e->w, (int64_t) v);
        }

    } else {
        phr_tsdb_put_int(&e->w, (int64_t) (step - x->step));
        x->step = step;
    }

    x->v = v;
}


static void
phr_tsdb_hist_put_float(phr_tsdb_hist_writer_t *e, phr_tsdb_xor_t *x,
    double v)
{
    if (e->i == 0) {
        phr_tsdb_put(&e->w, phr_double_bits(v), 64);
        phr_tsdb_xor_begin(x, phr_double_bits(v));

    } else {
        phr_tsdb_put_xor(&e->w, x, phr_double_bits(v));
    }
}


static void
phr_tsdb_hist_put_count(phr_tsdb_hist_writer_t *e, size_t at, double v)
{
    if (e->xor != NULL) {
        phr_tsdb_hist_put_float(e, &e->xor[at], v);
    } else {
        phr_tsdb_hist_put_number(e, at, (uint64_t) v);
    }
}


/* buckets of integers are differences; returns the place behind them */

static size_t
phr_tsdb_hist_put_side(phr_tsdb_hist_writer_t *e, size_t at,
    const phr_hist_side_t *side)
{
    uint64_t  last, count;
    uint32_t  i;

    last = 0;

    for (i = 0; i < side->n; i++, at++) {

        if (e->xor != NULL) {
            phr_tsdb_hist_put_float(e, &e->xor[at], side->counts[i]);
            continue;
        }

        count = (uint64_t) side->counts[i];
        phr_tsdb_hist_put_number(e, at, count - last);
        last = count;
    }

    return at;
}
