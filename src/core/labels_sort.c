/*
 * Copyright (C) The Pharos Authors
 *
 * Labels, sorted: the series of an answer mostly have the same names, and
 * the same metric name and job, so that few values tell their order.
 */

#include "core/labels.h"

#include <stdlib.h>

#include "core/yield.h"


/* turns are given away after so many comparisons of 16 units each */
#define PHR_LABELS_TURN    512
#define PHR_LABELS_UNITS   (16 * PHR_LABELS_TURN)

/* names that are looked at; with more, all is compared */
#define PHR_LABELS_SORTED  32


typedef struct {
    size_t  at[PHR_LABELS_SORTED];  /* whose values are not all the same */
    size_t  n;
    size_t  ncmps;
} phr_labels_varying_t;


static int phr_labels_varying(const char *elts, size_t n, size_t size,
    phr_labels_varying_t *v);
static void phr_labels_compared(phr_labels_varying_t *v);
static int phr_labels_cmp_varying(const void *one, const void *two,
    void *data);
static int phr_labels_cmp_all(const void *one, const void *two, void *data);


#define phr_labels_of(elt)  (*(const phr_labels_t *) (const void *) (elt))


void
phr_labels_sort(void *elts, size_t n, size_t size)
{
    phr_labels_varying_t  v;

    if (n < 2) {
        return;
    }

    v.ncmps = 0;

    qsort_r(elts, n, size,
            phr_labels_varying(elts, n, size, &v) ? phr_labels_cmp_varying
                                                  : phr_labels_cmp_all, &v);
}


/* 0: not all have the same names */
static int
phr_labels_varying(const char *elts, size_t n, size_t size,
    phr_labels_varying_t *v)
{
    int           varies[PHR_LABELS_SORTED];
    size_t        i, k;
    phr_labels_t  first, ls;

    first = phr_labels_of(elts);

    if (first.n > PHR_LABELS_SORTED) {
        return 0;
    }

    memset(varies, 0, sizeof(varies));

    for (i = 1; i < n; i++) {
        ls = phr_labels_of(elts + i * size);

        if (ls.n != first.n) {
            return 0;
        }

        for (k = 0; k < ls.n; k++) {

            if (!phr_str_eq(ls.l[k].name, first.l[k].name)) {
                return 0;
            }

            varies[k] = varies[k]
                        || !phr_str_eq(ls.l[k].value, first.l[k].value);
        }
    }

    v->n = 0;

    for (k = 0; k < first.n; k++) {
        if (varies[k]) {
            v->at[v->n++] = k;
        }
    }

    return 1;
}


/* not at each: phr_yield() takes a tenth of what a comparison does */
static void
phr_labels_compared(phr_labels_varying_t *v)
{
    if (++v->ncmps % PHR_LABELS_TURN == 0) {
        phr_yield(PHR_LABELS_UNITS);
    }
}


static int
phr_labels_cmp_varying(const void *one, const void *two, void *data)
{
    int                    rc;
    size_t                 i, k;
    phr_labels_t           a, b;
    phr_labels_varying_t  *v = data;

    phr_labels_compared(v);

    a = phr_labels_of(one);
    b = phr_labels_of(two);

    for (i = 0; i < v->n; i++) {
        k = v->at[i];

        rc = phr_str_cmp(a.l[k].value, b.l[k].value);
        if (rc != 0) {
            return rc;
        }
    }

    return 0;
}


static int
phr_labels_cmp_all(const void *one, const void *two, void *data)
{
    phr_labels_varying_t  *v = data;

    phr_labels_compared(v);

    return phr_labels_cmp(phr_labels_of(one), phr_labels_of(two));
}
