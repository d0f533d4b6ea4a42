/*
 * Copyright (C) The Pharos Authors
 *
 * Internal: what the files of the store share.  Nothing outside this folder
 * includes it.
 *
 * All of phr_store_s but the environment, the configuration and what the
 * mutex guards belongs to the writer thread.  What the writer keeps in
 * memory is a cache of what is in the store: when a transaction fails,
 * phr_store_forget() throws it away and it is read again when needed.  Only
 * the counters stay, so that an id that a caller has seen is never given to
 * anything else.
 */

#ifndef PHR_INTERNAL_H_INCLUDED
#define PHR_INTERNAL_H_INCLUDED


#include <pthread.h>

#include "core/array.h"
#include "core/map.h"
#include "store/env.h"
#include "store/key.h"
#include "store/store.h"


#define PHR_STORE_FORMAT     1

/* of a store whose values are encrypted, and how */
#define PHR_STORE_FORMAT_SEALED  2
#define PHR_STORE_CIPHER         1

/* rows of a source that are sealed together */
#define PHR_SEAL_ROWS        160

/* unsealed samples become packs after so long, however few they are */
#define PHR_SEAL_AGE_MS      PHR_WINDOW_MS

/* last[] of a series that does not exist, and of one without a sample */
#define PHR_LAST_NONE        INT64_MIN
#define PHR_LAST_EMPTY       (INT64_MIN + 1)


typedef struct phr_group_starts_s  phr_group_starts_t;


/* consecutive series: last[] is the time of the newest sample of each */
typedef struct {
    int64_t    last[PHR_GROUP_SIZE];
    int64_t    loose_ms;        /* when the oldest loose sample came */
    uint32_t   nloose;          /* loose samples not sealed */
    uint32_t   nripe;           /* so many are worth a seal; 0: not known */
    uint8_t    loaded;
    uint8_t    dirty;           /* its record must be written */

    /* start timestamps, see start.h: NULL if none has been needed */
    uint8_t               bare; /* there are none in bare_window */
    int32_t               bare_window;
    phr_group_starts_t   *starts;
} phr_group_t;


/* an ordered list of series ids; sid is NULL if it was not kept in memory */
typedef struct {
    uint32_t    id;
    uint32_t    n;
    uint64_t    hash;
    uint64_t    used;           /* when, for eviction */
    uint32_t    nrows;          /* not sealed */
    int64_t     last_ms;        /* of its rows */
    int64_t     first_ms;       /* the row that the last ones refer to, */
    uint32_t    run;            /* so many with itself, 0: none does, */
    uint64_t    run_bytes;      /* of so many bytes */
    phr_sid_t  *sid;
} phr_layout_t;


typedef struct {
    uint32_t       id;
    uint32_t       nrows;       /* appended since the last seal */
    uint32_t       threshold;   /* rows that are worth a seal */
    uint8_t        hists_known; /* what is said of histograms: */
    uint64_t       hists;       /* hash of the record, 0: none */
    uint8_t        partial;     /* a seal in steps goes on, */
    int64_t        seal_to_ms;  /* of the rows up to this one */
    int64_t        arrival_ms;  /* of the oldest row, by the clock */
    uint64_t       clock;
    phr_layout_t  *current;     /* one of layouts, or NULL */
    phr_array_t    layouts;     /* of phr_layout_t * */
} phr_source_t;


/* given out, never given back */
typedef struct {
    uint32_t  sid;
    uint32_t  source;
    uint32_t  layout;
    uint32_t  seal;
    uint32_t  list;
    uint32_t  name;
    uint64_t  seq;
} phr_counters_t;


/* the hash of a label set that was asked for lately, and its sid */
typedef struct {
    uint64_t   hash;
    phr_sid_t  sid;             /* 0: free */
} phr_known_t;

#define PHR_KNOWN_MAX        16384


/* a sid that is to enter or leave the list of a label */
typedef struct {
    phr_str_t  name;
    phr_str_t  value;
    phr_sid_t  sid;
} phr_index_entry_t;


typedef struct {
    phr_appender_t   base;
    phr_store_t     *st;
} phr_store_appender_t;


/* for how long samples are kept, see keep.h */
typedef struct {
    const phr_store_conf_t  *conf;
    int64_t                  now_ms;
    int64_t                  size_ms;
    int64_t                  hold_ms;   /* see phr_keep_hold() */
    int64_t                  low_ms;    /* the lowest and */
    int64_t                  high_ms;   /* the highest floor of all series */
} phr_keep_t;


/* where a walk through the sources stands; zero at its start */
typedef struct {
    uint32_t  source;           /* next, of those in memory */
    uint8_t   key[PHR_KEY_HASH];
} phr_idle_t;


/* where retention stands; a pass drops what crossed one floor, see there */
typedef struct {
    phr_keep_t   keep;                  /* of the pass */
    int64_t      to_ms;                 /* what ended before is to go */
    int64_t      from_ms;               /* what ended before is gone */
    int64_t      done_ms[PHR_STORE_MAX_RULES + 2];  /* by pass */
    int64_t      size_ms;               /* dropped to keep the size */
    int64_t      worn_ms;               /* too old in a pack, 0: half of it */
    uint32_t     seal;                  /* packs from it on are new */
    uint32_t     group;                 /* next to look for dead series */
    uint16_t     pass;
    uint8_t      stage;
    uint8_t      level;
    uint8_t      resume;                /* key is where to go on */
    uint8_t      dropped;               /* since the last look for series */
    uint8_t      key[PHR_KEY_PACK];
    uint8_t     *member;                /* bits of groups; NULL: all */
    size_t       nmember;               /* groups */
    phr_idle_t   idle;                  /* sources, see idle.h; */
    int64_t      idle_ms;               /* when the walk began, */
    uint32_t     sid;                   /* and the next sid then */
    int64_t      check_ms;              /* of the readers */
} phr_retain_t;


/* what the writer knows of exemplars, see exemplar.h */
typedef struct phr_exemplar_ring_s  phr_exemplar_ring_t;


/* the last mark of a resolution to be made anew, see coarse_make.h */
typedef struct {
    int64_t   start_ms;                 /* PHR_TIME_MIN: none */
    uint32_t  group;
} phr_coarse_mark_t;


/* of what time the samples are that commits changed, see change.h */
#define PHR_CHANGES_MAX  512

typedef struct {
    uint64_t  id;                       /* of the transaction */
    int64_t   t_ms;
} phr_change_t;

typedef struct {
    size_t        n;
    phr_change_t  list[PHR_CHANGES_MAX];
} phr_changes_t;


struct phr_store_s {
    phr_storage_t          storage;
    phr_store_appender_t   appender;

    phr_store_conf_t       conf;
    phr_env_t             *env;

    /* the writer's */

    phr_txn_t             *txn;         /* open while something is pending */
    int                    failed;      /* why txn can only be aborted */
    int64_t                now_ms;      /* PHR_TIME_MIN: not known */
    uint8_t                warm;        /* sources were read */

    phr_counters_t         next;
    phr_counters_t         written;     /* as in the store */
    uint32_t               first_sid;   /* of those made lately */

    phr_map_t             *names;       /* of sources -> id */
    phr_array_t            sources;     /* of phr_source_t *, by id */
    phr_array_t            groups;      /* of phr_group_t *, by number */
    phr_array_t            dirty;       /* of uint32_t, groups */
    phr_known_t           *known;       /* by hash; or NULL */
    uint64_t               nseries;

    phr_arena_t           *scratch;     /* of one call */
    phr_buf_t              buf;
    phr_arena_t           *pending;     /* bytes of the entries */
    phr_array_t            entries;     /* of phr_index_entry_t */

    uint32_t               seal_source; /* where the next search begins */
    uint32_t               seal_group;
    uint8_t                unripe;      /* by number nothing is to be sealed, */
    int64_t                looked_ms;   /* nor was by age at this time */
    uint8_t                nudged;      /* after a seal in a full map */
    uint8_t                full;        /* disk or map: nothing is taken */
    uint8_t                margin;      /* more room is asked for, */
    int64_t                margin_ms;   /* since then */
    int64_t                full_ms;     /* when a commit met the end */
    int64_t                dropped_ms;  /* when the oldest last went for it */
    phr_keep_t             keep;        /* as now_ms says */
    phr_retain_t           retain;
    phr_exemplar_ring_t   *ring;        /* NULL: not read yet */
    uint64_t               max_exemplars;
    phr_coarse_mark_t      mark[PHR_STORE_COARSE];

    /* buckets that were made before, PHR_TIME_MIN: none */
    int64_t                made_ms[PHR_STORE_COARSE];

    int                    starts;      /* there may be start timestamps */
    phr_array_t            start_notes; /* of phr_loose_t, of one batch */

    uint64_t               nappended;   /* in the pending transaction */
    uint64_t               nrefused[PHR_REFUSED_REASONS];

    int64_t                overlap_from_ms; /* see phr_store_overlap() */
    int64_t                overlap_to_ms;
    int64_t                change_ms;   /* by the pending transaction, or
                                           PHR_TIME_MAX; see change.h */

    pthread_mutex_t        mutex;       /* guards what follows */
    phr_keep_t             shown;       /* keep, for queriers */
    uint64_t               shown_exemplars;
    phr_store_stats_t      stats;
    phr_changes_t          changes;
};


/* store.c */

/* the pending transaction, begun if there is none */
int phr_store_write(phr_store_t *st, phr_err_t *err);

/* reads what the writer keeps in memory; needs a transaction */
int phr_store_warm(phr_store_t *st, phr_err_t *err);

/* throws away what the writer keeps in memory; pending writes are lost */
void phr_store_forget(phr_store_t *st);

/* index, groups and counters into the transaction */
int phr_store_flush(phr_store_t *st, phr_err_t *err);

/* commits a transaction of background work */
int phr_store_end(phr_store_t *st, int rc, phr_err_t *err);

/* room.c: PHR_ENOSPC if nothing may be added; needs a transaction */
int phr_store_has_room(phr_store_t *st, phr_err_t *err);

/* a bound in bytes is set: the oldest has to go, for there is no room */
int phr_store_drops_for_room(phr_store_t *st, phr_txn_t *txn);

/* how the commit of something went that was added */
void phr_store_room_outcome(phr_store_t *st, int rc, const phr_err_t *err);

void phr_store_log(phr_store_t *st, int level, const char *fmt, ...)
    PHR_PRINTF(3, 4);

/* frees what retention keeps in memory */
void phr_retain_forget(phr_store_t *st);
void phr_retain_init(phr_store_t *st);

/* value of an allocated element of a growing array of pointers */
void **phr_slot(phr_array_t *a, size_t i);


/* an array of sids in an arena that grows by doubling */
typedef struct {
    phr_arena_t  *arena;
    phr_sid_t    *v;
    size_t        n;
    size_t        nalloc;
} phr_sids_t;

void phr_sids_init(phr_sids_t *s, phr_arena_t *arena);

/* room for n more; PHR_OK or the arena's failure */
int phr_sids_reserve(phr_sids_t *s, size_t n);


#endif /* PHR_INTERNAL_H_INCLUDED */
