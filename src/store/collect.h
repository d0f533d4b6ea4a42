/*
 * Copyright (C) The Pharos Authors
 *
 * Collect: what the reader knows of a batch of series, and the passes over
 * packs, rows and loose samples that find it out.  Included by reader.c and
 * collect.c alone.
 */

#ifndef PHR_COLLECT_H_INCLUDED
#define PHR_COLLECT_H_INCLUDED


#include "store/block.h"
#include "store/loose.h"
#include "store/reader.h"


/* the end of a list */
#define PHR_NOWHERE             UINT32_MAX


/* a chunk of a series, in a list of them */
typedef struct {
    phr_chunk_ref_t  ref;
    int64_t          t_ms;      /* of its first sample */
    uint32_t         seal;      /* of its pack: the later is the higher */
    uint32_t         next;
} phr_reader_ref_t;


/* the wanted columns of one piece of a layout */
typedef struct {
    uint32_t         layout;
    uint16_t         piece;
    uint16_t         ncols;
    uint8_t          few;       /* of those that the row has */
    uint16_t        *col;
    uint32_t        *slot;
    size_t           nrows;
    size_t           nalloc;
    int64_t         *t_ms;
    phr_str_t       *row;       /* the records' bodies, in the map */
    size_t           at;        /* in values: ncols columns of nrows */
} phr_reader_unit_t;

/* a column of a unit, in a list of a series' */
typedef struct {
    const phr_reader_unit_t  *unit;
    uint32_t                  col;
    uint32_t                  next;
} phr_reader_column_t;


/* samples of one place end at "end"; of equal times the highest rank holds */
typedef struct {
    size_t    end;
    uint64_t  rank;
} phr_reader_run_t;

#define PHR_RANK_CHUNK(seal)    ((uint64_t) (seal))
#define PHR_RANK_ROW(layout)    ((UINT64_C(1) << 32) + (layout))
#define PHR_RANK_LOOSE          (UINT64_C(2) << 32)

typedef struct {
    int64_t            t_ms;
    double             v;
    const phr_hist_t  *h;
    uint64_t           rank;
} phr_reader_sample_t;


/* a column of times that stands decoded in the output already */
typedef struct {
    const uint8_t  *t;
    uint16_t        t_len;
    uint16_t        n;
} phr_reader_times_t;


struct phr_reader_s {
    phr_txn_t             *txn;
    const phr_sid_t       *order;
    size_t                 n;
    size_t                 pos;         /* of the batch, in order */
    size_t                 batch;       /* its size; 0: none yet */
    size_t                 batch_max;
    size_t                 at;          /* next in the batch */
    int64_t                min_ms, max_ms;

    /* of the batch, in mem but for the first two, which are kept */
    phr_sid_t             *sid;         /* sorted */
    uint32_t              *slot;        /* place in order -> in sid */
    phr_arena_t           *mem;
    uint32_t              *chunks;      /* by slot: list in refs */
    uint32_t              *columns;     /* by slot: list in cols */
    uint32_t              *start_chunks;    /* by slot: list in refs */
    phr_array_t            refs;        /* of phr_reader_ref_t */
    phr_array_t            cols;        /* of phr_reader_column_t */
    phr_array_t            loose;       /* of phr_loose_t */
    phr_array_t            start_loose; /* of phr_loose_t */
    phr_array_t            units;       /* of phr_reader_unit_t *, a source */

    /* columns of all units; kept from batch to batch, it is large */
    double                *values;
    size_t                 nvalues;
    size_t                 values_nalloc;

    /* start timestamps, if they are wanted, of the series in this slot */
    int                    starts;
    uint32_t               start_slot;
    int64_t               *st_ms;
    size_t                 st_nalloc;

    /* of the series returned last */
    int64_t               *t_ms;
    double                *v;
    const phr_hist_t     **h;           /* NULL until there is one */
    size_t                 nalloc;
    size_t                 h_nalloc;
    size_t                 nhists;      /* of h that is set */
    size_t                 nsamples;
    int                    unsorted;
    int                    hists;       /* there are some */
    phr_arena_t           *hmem;        /* they are here; NULL: none yet */
    phr_array_t            times;       /* of phr_reader_times_t */
    phr_array_t            chain;       /* of phr_reader_ref_t * */
    phr_array_t            merge;       /* of phr_reader_sample_t */
    phr_array_t            runs;        /* of phr_reader_run_t */
    int64_t               *merged_t;
    double                *merged_v;
    const phr_hist_t     **merged_h;
    size_t                 merged_h_nalloc;
    size_t                 merged_nalloc;

    phr_arena_t           *count;       /* or NULL: where memory counts */
    size_t                 counted;     /* there */
};


/* counts the memory that there is, and "more" that is needed at once */
int phr_reader_memory(phr_reader_t *r, size_t more, phr_err_t *err);


/* notes where the chunks of the batch are */
int phr_reader_packs(phr_reader_t *r, phr_err_t *err);

/* copies the wanted columns out of the rows */
int phr_reader_heads(phr_reader_t *r, phr_err_t *err);

/* copies the loose samples, sorted by series and time */
int phr_reader_loose(phr_reader_t *r, phr_err_t *err);


/* of phr_reader_sample_t, by time and rank, for qsort() */
int phr_reader_sample_cmp(const void *a, const void *b);


/* reader_hist.c: histograms of the series that is read */

static inline void
phr_reader_no_hists(phr_reader_t *r)
{
    if (r->hists) {
        phr_arena_reset(r->hmem);
        r->hists = 0;
    }
}

/*
 * The histograms of n samples that are to be added next, or with none that
 * all samples since were floats.
 */
int phr_reader_hists(phr_reader_t *r, const phr_hist_t *const *h, size_t n,
    phr_err_t *err);

/* those of a chunk, and their sums as values; PHR_ECORRUPT is not described */
int phr_reader_hist_chunk(phr_reader_t *r, const phr_chunk_ref_t *ref,
    phr_err_t *err);

/* room for as many merged ones as there are samples; PHR_ENOMEM */
int phr_reader_merge_hists(phr_reader_t *r);

/* each gets what is known of a reset before it */
int phr_reader_hints(phr_reader_t *r, phr_columns_t *c, phr_err_t *err);


#endif /* PHR_COLLECT_H_INCLUDED */
