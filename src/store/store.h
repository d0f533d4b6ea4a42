/*
 * Copyright (C) The Pharos Authors
 *
 * Store: samples, series and small records in one LMDB environment.  The
 * layout on disk is described in FORMAT.md.
 *
 * Threads: one writer thread opens, appends, commits, seals, applies
 * retention and closes; queriers are opened and used in any thread.
 */

#ifndef PHR_STORE_H_INCLUDED
#define PHR_STORE_H_INCLUDED


#include "core/storage.h"


typedef struct phr_store_s  phr_store_t;


/* bytes of the name or value of a label: it must fit a record */
#define PHR_STORE_MAX_LABEL  3900


/* series that match all n matchers are kept for so long, 0: for ever */
typedef struct {
    int64_t               keep_ms;
    const phr_matcher_t  *m;
    size_t                n;
} phr_store_rule_t;

#define PHR_STORE_MAX_RULES  32


/* coarser resolutions than that of the samples: 5 minutes, 1 hour */
#define PHR_STORE_COARSE  2

/* of what is so old, buckets are made, which are kept for their own time */
typedef struct {
    int64_t  after_ms;          /* 0: none of this resolution */
    int64_t  keep_ms;           /* 0: for ever */
} phr_store_coarse_t;


typedef struct {
    const char  *path;                  /* an existing directory */
    uint64_t     map_size_bytes;        /* 0: 64 GB */
    int64_t      retention_ms;          /* 0: keep everything */
    uint64_t     retention_bytes;       /* of the file, 0: no bound */

    /* the first that matches holds in place of retention_ms; not copied */
    const phr_store_rule_t  *rules;
    size_t       nrules;                /* PHR_STORE_MAX_RULES at most */

    /* those of an hour are made of those of 5 minutes if there are such */
    phr_store_coarse_t  coarse[PHR_STORE_COARSE];

    int64_t      out_of_order_ms;       /* late samples taken, 0: none */
    int64_t      future_ms;             /* ahead of now, beyond: refused */
    uint64_t     max_series;            /* 0: no bound */
    uint64_t     max_exemplars;         /* 0: none are kept, nor shown */

    /* of a new series, 0: what a record holds */
    size_t       max_labels;
    size_t       max_name_bytes;        /* of one label */
    size_t       max_value_bytes;
    size_t       max_labels_bytes;      /* names and values together */

    const uint8_t  *key;                /* of 32 bytes; NULL: in the clear */
    unsigned     read_only:1;

    /* life-cycle events and damage; level is of syslog(3) */
    void       (*log)(void *data, int level, const char *text);
    void        *log_data;
} phr_store_conf_t;


/* why samples were refused */
typedef enum {
    PHR_REFUSED_ORDER = 0,      /* PHR_EORDER */
    PHR_REFUSED_OLD,            /* PHR_EOLD */
    PHR_REFUSED_BOUNDS,         /* PHR_ELIMIT: older than the retention */
    PHR_REFUSED_FUTURE,         /* PHR_ELIMIT: too far ahead of the clock */
    PHR_REFUSED_DUPLICATE,      /* PHR_EDUPLICATE */
    PHR_REFUSED_SERIES,         /* PHR_ELIMIT of series(): no room for it */
    PHR_REFUSED_LABELS,         /* PHR_ELABELS of series(): too many, */
    PHR_REFUSED_NAME,           /* a name too long, */
    PHR_REFUSED_VALUE,          /* a value, */
    PHR_REFUSED_LABELS_BYTES,   /* or all of them */
    PHR_REFUSED_REASONS
} phr_refused_e;


typedef struct {
    uint64_t  nseries;                  /* in the index */
    uint64_t  nlabel_pairs;             /* names with one of their values */
    uint64_t  nsamples_appended;        /* since open */
    uint64_t  nsamples_refused;         /* for any reason */
    uint64_t  nrefused[PHR_REFUSED_REASONS];
    uint64_t  ncommits;
    uint64_t  nseals;
    uint64_t  nrows;                    /* not sealed yet */
    uint64_t  npacks;
    uint64_t  file_bytes;
    uint64_t  used_bytes;               /* without free pages */
    uint64_t  map_bytes;
    uint64_t  disk_free_bytes;
    int       full;                     /* disk or map: ingest refused */
    int64_t   min_ms, max_ms;           /* of all samples; 0, 0 if empty */
} phr_store_stats_t;


/*
 * Opens or creates the store.  No replay: it answers at once whatever its
 * size.  The caller holds the lock of the directory.  PHR_ECORRUPT if the
 * file is damaged, PHR_EINVAL if its version is newer than this code.
 */
int phr_store_open(const phr_store_conf_t *conf, phr_store_t **st,
    phr_err_t *err);

/* commits nothing by itself; all queriers must be closed */
void phr_store_close(phr_store_t *st);

/* for readers, any thread */
phr_storage_t *phr_store_storage(phr_store_t *st);

/* for the writer thread */
phr_appender_t *phr_store_appender(phr_store_t *st);

/*
 * Writes everything appended since the last commit.  With durable set it
 * returns after the data is on disk, else after it would survive the death
 * of the process.  now_ms is the wall clock, for bounds on timestamps.
 * On failure nothing of it is stored and the pending writes are forgotten.
 */
int phr_store_commit(phr_store_t *st, int64_t now_ms, int durable,
    phr_err_t *err);

/*
 * What is pending should be committed before more is appended.  Each new
 * series changes pages all over the index, and LMDB keeps as much memory for
 * ever as the largest transaction took.
 */
int phr_store_heavy(const phr_store_t *st);

/* grows with each series that is made; the writer thread */
uint64_t phr_store_made(const phr_store_t *st);

/* whether something was written since the last commit */
int phr_store_writing(const phr_store_t *st);

/*
 * 0, or if the newest commit may not survive a power failure another number
 * than after the one before.  What changes nothing is no commit.
 */
uint64_t phr_store_unsynced(const phr_store_t *st);

/*
 * Makes everything committed durable; called as often as samples may be
 * behind the disk.
 */
int phr_store_sync(phr_store_t *st, phr_err_t *err);

/*
 * Reads all pages of all trees, in any thread, as phr_tree_check_live() does;
 * *npages counts them meanwhile.
 */
int phr_store_check(phr_store_t *st, volatile int *stop,
    volatile uint64_t *npages, phr_err_t *err);

/*
 * Sets the clock for the bounds on timestamps of following appends, and for
 * what is too old to be shown (keep.h).
 */
void phr_store_now(phr_store_t *st, int64_t now_ms);

/*
 * The clock was set back: what lies between from_ms and to_ms may have been
 * written before, by the wrong clock.  Samples of that time are taken whatever
 * their series have, and replace what is there at the same time, until a
 * to_ms below from_ms ends it.
 */
void phr_store_overlap(phr_store_t *st, int64_t from_ms, int64_t to_ms);

/* as many exemplars as are kept from now on; the writer thread */
void phr_store_max_exemplars(phr_store_t *st, uint64_t max);

/* "out_of_order" and the like, as a label of metrics has it */
const char *phr_refused_text(phr_refused_e reason);

/*
 * One bounded step of background work, a few milliseconds each: packs rows,
 * or drops what is beyond retention.  PHR_AGAIN: there is more to do now;
 * PHR_OK: done for now.  Nothing may be pending.
 */
int phr_store_seal(phr_store_t *st, int64_t now_ms, phr_err_t *err);
int phr_store_retain(phr_store_t *st, int64_t now_ms, phr_err_t *err);

/*
 * Gives back pages of the file that were read and count as memory of this
 * process.  It costs some microseconds, and as much for each of those that
 * is read again; to be called every few seconds.
 */
void phr_store_relax(phr_store_t *st);

/* the same for the coarse resolutions: makes buckets and drops old ones */
int phr_store_coarsen(phr_store_t *st, int64_t now_ms, phr_err_t *err);

/* the writer thread: disk or map are full, ingest is refused */
int phr_store_full(phr_store_t *st);

/* any thread */
void phr_store_stats(phr_store_t *st, phr_store_stats_t *stats);

/* the counters of refused samples alone, for a look each second */
void phr_store_refused(phr_store_t *st,
    uint64_t nrefused[PHR_REFUSED_REASONS]);

/* what /api/v1/status/tsdb reports: the largest of each kind first */
typedef enum {
    PHR_TOP_SERIES_BY_METRIC = 0,
    PHR_TOP_VALUES_BY_LABEL,
    PHR_TOP_BYTES_BY_LABEL,
    PHR_TOP_SERIES_BY_PAIR,
} phr_store_top_e;

typedef struct {
    phr_str_t  name;            /* "label=value" for pairs */
    uint64_t   value;
} phr_store_top_t;

/* any thread; at most *n entries into top, in the arena */
int phr_store_top(phr_store_t *st, phr_store_top_e kind, phr_arena_t *arena,
    phr_store_top_t *top, size_t *n, phr_err_t *err);

/*
 * A copy of the store as it is when it is opened, whatever is written
 * meanwhile: the bytes of a "data.mdb" which, alone in a folder, is the
 * store.  Pages that hold nothing are zeros.  Until it is closed no space is
 * used again, so the file grows.  Used in one thread, any.
 */
typedef struct phr_store_copy_s  phr_store_copy_t;

#define PHR_STORE_COPY_STEP  65536

int phr_store_copy_open(phr_store_t *st, phr_store_copy_t **copy,
    phr_err_t *err);
void phr_store_copy_close(phr_store_copy_t *copy);      /* may be NULL */

/* how many bytes there will be, and how many of them are not free pages */
uint64_t phr_store_copy_bytes(const phr_store_copy_t *copy);
uint64_t phr_store_copy_used(const phr_store_copy_t *copy);

/*
 * The next bytes: *n of them, at most PHR_STORE_COPY_STEP.  PHR_OK, PHR_DONE
 * at the end, PHR_EIO.
 */
int phr_store_copy_read(phr_store_copy_t *copy, char *buf, size_t *n,
    phr_err_t *err);

/*
 * Makes such a copy in the folder of the store, as snapshots/<name>/data.mdb,
 * whole and on the disk or not at all.  stop: see phr_query_t.  PHR_ENOSPC,
 * PHR_EIO, PHR_EINVAL if there is one of that name, *stop.
 */
int phr_store_snapshot(phr_store_t *st, const char *name,
    const volatile int *stop, phr_err_t *err);

/*
 * Deletes the samples of some series from min_ms to max_ms, both included,
 * for good.  open(), add() (the series that match now; again for more) and
 * close() in any thread; step() in the writer thread, in the pending
 * transaction, until it gives PHR_OK: PHR_AGAIN after some milliseconds of
 * work.  The last step that is committed has deleted everything that was
 * there when the first began; after a failure a part of it may be gone.
 */
typedef struct phr_store_delete_s phr_store_delete_t;

int phr_store_delete_open(phr_store_t *st, int64_t min_ms, int64_t max_ms,
    phr_store_delete_t **del, phr_err_t *err);
int phr_store_delete_add(phr_store_delete_t *del, const phr_matcher_t *m,
    size_t n, phr_err_t *err);
int phr_store_delete_step(phr_store_delete_t *del, phr_err_t *err);
void phr_store_delete_close(phr_store_delete_t *del);   /* may be NULL */

/* reads one small record; any thread.  PHR_NOTFOUND if there is none. */
int phr_store_get(phr_store_t *st, char space, phr_str_t key, phr_buf_t *out,
    phr_err_t *err);


#endif /* PHR_STORE_H_INCLUDED */
