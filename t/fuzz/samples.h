/*
 * Copyright (C) The Pharos Authors
 *
 * Samples: half an hour of some thirty series for queries, in memory: floats
 * with gaps, resets, NaN, infinities and stale markers, classic buckets,
 * histograms with exponential and with custom buckets that count whole and
 * broken numbers, series that become histograms, start timestamps, names
 * that need quotes.  All of it is the same in each run.
 */

#ifndef FUZZ_SAMPLES_H_INCLUDED
#define FUZZ_SAMPLES_H_INCLUDED


#include "fuzz.h"

#include <math.h>

#include "../unit/memstore.h"


#define FUZZ_BEGIN  INT64_C(1700000000000)
#define FUZZ_END    (FUZZ_BEGIN + 1800000)


typedef struct {
    const char  *name;
    int          n;             /* series of this name */
    void       (*add)(phr_memstore_t *m, phr_labels_t ls, int series,
                      int64_t t_ms, int at);
} fuzz_family_t;


static inline uint32_t
fuzz_random(uint32_t of)
{
    static uint64_t  state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;

    return (uint32_t) (state >> 32) % of;
}


static inline void
fuzz_add(phr_memstore_t *m, phr_labels_t ls, int64_t t_ms, double v)
{
    fuzz_check(phr_memstore_add(m, ls, t_ms, v) == PHR_OK);
}


static inline void
fuzz_gauge(phr_memstore_t *m, phr_labels_t ls, int series, int64_t t_ms,
    int at)
{
    fuzz_add(m, ls, t_ms, (double) fuzz_random(200) - 100);
}


static inline void
fuzz_fraction(phr_memstore_t *m, phr_labels_t ls, int series, int64_t t_ms,
    int at)
{
    fuzz_add(m, ls, t_ms, ldexp((double) fuzz_random(1000000) - 3e5,
                                (int) fuzz_random(60) - 40));
}


static inline void
fuzz_odd(phr_memstore_t *m, phr_labels_t ls, int series, int64_t t_ms,
    int at)
{
    static const double  odd[] = {
        NAN, INFINITY, -INFINITY, -0.0, 0, 5e-324, 1.7976931348623157e308,
        -1e300, 1, 2
    };

    fuzz_add(m, ls, t_ms, odd[fuzz_random(phr_nelems(odd))]);
}


/* that of series 2 tells since when it counts */
static inline void
fuzz_counter(phr_memstore_t *m, phr_labels_t ls, int series, int64_t t_ms,
    int at)
{
    static double   v[8];
    static int64_t  since[8];

    if (at == 0 || fuzz_random(25) == 0) {
        v[series & 7] = 0;
        since[series & 7] = t_ms - fuzz_random(9000);
    }

    v[series & 7] += fuzz_random(50);
    fuzz_add(m, ls, t_ms, v[series & 7]);

    if (series == 2) {
        fuzz_check(phr_memstore_start(m, ls, t_ms, since[2]) == PHR_OK);
    }
}


/* the label le is as the number of the series says */
static inline void
fuzz_bucket(phr_memstore_t *m, phr_labels_t ls, int series, int64_t t_ms,
    int at)
{
    int     i;
    double  v;

    static double  counts[8];

    counts[series] = at == 0 ? 0 : counts[series] + fuzz_random(5);

    for (i = 0, v = 0; i <= series % 4; i++) {
        v += counts[series / 4 * 4 + i];
    }

    fuzz_add(m, ls, t_ms, v);
}


/* 0: counter, 1: whole numbers, 2: a gauge, 3: coarser from the middle on */
static inline void
fuzz_native(phr_memstore_t *m, phr_labels_t ls, int series, int64_t t_ms,
    int at)
{
    size_t           i;
    double           counts[6];
    phr_hist_t       h;
    phr_hist_span_t  spans[3];

    static double  total[8];

    if (at == 0 || fuzz_random(30) == 0) {
        total[series & 7] = 0;
    }

    total[series & 7] += fuzz_random(8);
    memset(&h, 0, sizeof(h));
    h.schema = series == 3 && at > 60 ? 0 : series == 3 ? 2 : series - 1;
    h.integer = series == 1;
    h.hint = series == 2 ? PHR_HIST_GAUGE : PHR_HIST_RESET_UNKNOWN;
    h.zero_threshold = series == 2 ? 0.5 : 0x1p-128;
    h.zero_count = total[series & 7];
    h.count = h.zero_count;

    for (i = 0; i < 6; i++) {
        counts[i] = total[series & 7] * (double) (i + 1)
                    + (series == 2 ? fuzz_random(9) : 0)
                    + (series == 0 ? 0.25 * (double) i : 0);
        h.count += counts[i];
    }

    spans[0].offset = -2 + at / 50;
    spans[0].length = 3;
    spans[1].offset = 2;
    spans[1].length = 1;
    spans[2].offset = 1;
    spans[2].length = 2;
    h.positive.spans = spans;
    h.positive.nspans = 2;
    h.positive.counts = counts;
    h.positive.n = 4;
    h.negative.spans = spans + 2;
    h.negative.nspans = 1;
    h.negative.counts = counts + 4;
    h.negative.n = 2;
    h.sum = h.count * 1.5;

    fuzz_check(phr_hist_validate(&h, NULL) == PHR_OK);
    fuzz_check(phr_memstore_add_hist(m, ls, t_ms, &h) == PHR_OK);
}


/* the bounds of series 2 are others later */
static inline void
fuzz_custom(phr_memstore_t *m, phr_labels_t ls, int series, int64_t t_ms,
    int at)
{
    size_t           i;
    double           counts[4], bounds[3];
    phr_hist_t       h;
    phr_hist_span_t  span;

    memset(&h, 0, sizeof(h));
    h.schema = PHR_HIST_CUSTOM;
    h.bounds = bounds;
    h.nbounds = 3;

    for (i = 0; i < 4; i++) {
        counts[i] = (double) ((size_t) at % 70 * (i + 1));
        h.count += counts[i];
    }

    for (i = 0; i < 3; i++) {
        bounds[i] = (double) i + (series == 2 && at > 60 ? 0.5 : 0);
    }

    span.offset = 0;
    span.length = 4;
    h.positive.spans = &span;
    h.positive.nspans = 1;
    h.positive.counts = counts;
    h.positive.n = 4;
    h.sum = h.count;

    fuzz_check(phr_hist_validate(&h, NULL) == PHR_OK);
    fuzz_check(phr_memstore_add_hist(m, ls, t_ms, &h) == PHR_OK);
}


static inline void
fuzz_mixed(phr_memstore_t *m, phr_labels_t ls, int series, int64_t t_ms,
    int at)
{
    if (fuzz_random(3) == 0) {
        fuzz_gauge(m, ls, series, t_ms, at);

    } else if (series == 0) {
        fuzz_native(m, ls, 4, t_ms, at);

    } else {
        fuzz_custom(m, ls, series, t_ms, at);
    }
}


static inline void
fuzz_one(phr_memstore_t *m, phr_labels_t ls, int series, int64_t t_ms,
    int at)
{
    fuzz_add(m, ls, t_ms, 1);
}


static const fuzz_family_t  fuzz_families[] = {
    { "g", 4, fuzz_gauge },
    { "c", 4, fuzz_counter },
    { "h", 4, fuzz_native },
    { "k", 3, fuzz_custom },
    { "m", 2, fuzz_mixed },
    { "f", 2, fuzz_fraction },
    { "odd", 3, fuzz_odd },
    { "b_bucket", 8, fuzz_bucket },
    { "target_info", 3, fuzz_one },
    { "u.x", 2, fuzz_gauge },
};


/* sorted by name; values are one letter in text */
static inline size_t
fuzz_name(phr_label_t *l, const char *name, int series, char *text)
{
    size_t  n;

    static const char *const  le[] = { "0.5", "1", "2.5", "+Inf" };

    n = 0;
    text[0] = (char) ('0' + series % 4);
    text[1] = (char) ('a' + series % 2);
    text[2] = (char) ('p' + series / 2);

#define FUZZ_LABEL(label, v)  l[n].name = phr_str_of(label); l[n++].value = v

    FUZZ_LABEL("__name__", phr_str_from_c(name));
    FUZZ_LABEL("instance", phr_str_from(text + 2, 1));
    FUZZ_LABEL("job", phr_str_from(text + 1, 1));

    if (name[0] == 'u') {
        FUZZ_LABEL("l.1", phr_str_of("v"));
    }

    if (name[0] == 'b') {
        FUZZ_LABEL("le", phr_str_from_c(le[series % 4]));
        l[1].value = phr_str_of("p");
        text[1] = (char) ('a' + series / 4);

    } else if (name[0] == 't') {
        FUZZ_LABEL("version", phr_str_from(text, 1));

    } else {
        FUZZ_LABEL("x", phr_str_from(text, 1));
    }

#undef FUZZ_LABEL

    return n;
}


static inline phr_memstore_t *
fuzz_samples(void)
{
    int                   at, i, gap;
    char                  text[3];
    size_t                k;
    int64_t               t_ms;
    phr_label_t           l[5];
    phr_labels_t          ls;
    phr_memstore_t       *m;
    const fuzz_family_t  *f;

    m = phr_memstore_create();
    fuzz_check(m != NULL);

    for (k = 0; k < phr_nelems(fuzz_families); k++) {
        f = &fuzz_families[k];

        for (i = 0; i < f->n; i++) {
            ls.l = l;
            ls.n = fuzz_name(l, f->name, i, text);
            gap = 0;

            for (at = 0; at < 120; at++) {
                t_ms = FUZZ_BEGIN + at * 15000 + i * 1000
                       + (i == 1 ? fuzz_random(500) : 0);

                if (gap-- > 0) {
                    continue;
                }

                f->add(m, ls, i, t_ms, at);

                if (at > 0 && fuzz_random(30) == 0) {
                    gap = (int) fuzz_random(30);

                    if (gap % 2) {
                        fuzz_add(m, ls, t_ms + 5000,
                                 phr_double_from_bits(PHR_STALE_NAN_BITS));
                    }
                }
            }
        }
    }

    return m;
}


#endif /* FUZZ_SAMPLES_H_INCLUDED */
