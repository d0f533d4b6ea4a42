/*
 * Copyright (C) The Pharos Authors
 *
 * Push, inside: what push*.c share.  Nobody else includes this file.
 *
 * A state is what a group holds at one time: an immutable list of families
 * in an arena of its own.  A push makes a new state beside the old one and
 * puts it in its place when nothing can fail any more.
 */

#ifndef PHR_PUSH_IMPL_H_INCLUDED
#define PHR_PUSH_IMPL_H_INCLUDED


#include "core/array.h"
#include "core/map.h"
#include "ingest/push.h"


/* first bytes of the keys in PHR_KV_PUSH */
#define PHR_PUSH_KEY_GROUP  'g'
#define PHR_PUSH_KEY_ID     'i'

/* bytes of an id */
#define PHR_PUSH_MAX_ID     128

/* so far may rows of a group be ahead of the clock */
#define PHR_PUSH_AHEAD_MS   1000

#define PHR_PUSH_TIME       "push_time_seconds"
#define PHR_PUSH_FAILURE    "push_failure_time_seconds"


typedef struct phr_push_series_s  phr_push_series_t;
typedef struct phr_push_family_s  phr_push_family_t;


struct phr_push_series_s {
    phr_push_series_t  *next;
    phr_labels_t        labels;     /* sorted, with __name__; values may be
                                       empty, as they are exposed */
    uint64_t            hash;       /* of those that are not empty */
    double              v;
    phr_sid_t           sid;
    unsigned            has_sid:1;
};


struct phr_push_family_s {
    phr_push_family_t  *next;
    phr_str_t           name;
    phr_str_t           help;
    phr_metric_type_e   type;
    unsigned            has_help:1; /* while it is parsed */
    unsigned            has_type:1;
    int64_t             t_ms;       /* of the push it is from */
    phr_push_series_t  *first;
    phr_push_series_t  *last;
    size_t              nseries;
};


typedef struct {
    phr_arena_t        *arena;
    phr_push_family_t  *first;
    phr_push_family_t  *last;
    size_t              nseries;
    phr_map_t          *families;   /* name -> family; NULL when in place */
    phr_map_t          *series;     /* hash -> series; NULL when in place */
} phr_push_state_t;


typedef struct {
    phr_arena_t        *arena;      /* labels */
    phr_labels_t        labels;     /* the grouping key; may be empty ones */
    char                key[24];    /* hash of them, hexadecimal */
    phr_push_mode_e     mode;
    int64_t             ttl_ms;
    int64_t             push_ms;    /* of the last push, good or not */
    int64_t             row_ms;     /* of the last row */
    uint32_t            source;
    uint32_t            timed_source;
    unsigned            has_source:1;
    unsigned            has_timed_source:1;
    phr_push_state_t    state;
} phr_push_group_t;


/* of a family over all groups */
typedef struct {
    phr_metric_type_e   type;
    size_t              ngroups;
    uint64_t            check;      /* the last one of a group that has it */
    char               *help;       /* of the group that came first */
    size_t              help_len;
} phr_push_type_t;


typedef struct {
    char               *id;
    size_t              len;
    int64_t             t_ms;
    unsigned            kept:1;     /* in the store, too */
    phr_push_answer_t   answer;
} phr_push_id_t;


struct phr_push_s {
    phr_push_options_t   o;

    phr_map_t           *groups;    /* key -> group */
    phr_array_t          list;      /* phr_push_group_t *, by age */
    phr_map_t           *types;     /* family -> phr_push_type_t */
    phr_map_t           *owners;    /* hash of a series -> group */
    uint64_t             nchecks;   /* calls of phr_push_check() */

    /* last row of a group that was deleted: a new one begins after it */
    int64_t              ended_ms;

    int64_t              newest_ms; /* of the row that was written last */

    phr_map_t           *ids;       /* -> phr_push_id_t */
    phr_array_t          ring;      /* phr_push_id_t *, by age, in a ring */
    size_t               ring_next;

    uint64_t             nover_groups;  /* pushes refused for a limit */
    uint64_t             nover_series;
};


/* push_state.c */

int phr_push_state_create(phr_push_state_t *st);
void phr_push_state_destroy(phr_push_state_t *st);

/* found or made; NULL if memory is gone */
phr_push_family_t *phr_push_family(phr_push_state_t *st, phr_str_t name);

/*
 * Adds a series with these labels, grouping key and "instance" put in.
 * PHR_EDUPLICATE if there is one of the same labels; *s is it, then.
 */
int phr_push_series_add(phr_push_state_t *st, phr_push_family_t *f,
    phr_labels_t ls, phr_labels_t grouping, double v, phr_push_series_t **s);

/* the key of a series in maps */
phr_str_t phr_push_hash_key(const uint64_t *hash);

/* the labels without empty values, in the arena */
int phr_push_store_labels(phr_arena_t *arena, phr_labels_t ls,
    phr_labels_t *out);

/* reads a body; PHR_EPARSE, PHR_EINVAL, PHR_ENOMEM, PHR_ELIMIT */
int phr_push_state_parse(phr_push_state_t *st, const phr_push_request_t *r,
    const phr_push_options_t *o, phr_labels_t grouping, phr_err_t *err);

/* takes over from old what a push of this kind leaves; sums up */
int phr_push_state_merge(phr_push_state_t *st, const phr_push_state_t *old,
    phr_push_method_e method, phr_push_mode_e mode, phr_labels_t grouping,
    phr_err_t *err);

/* the two series about the group itself; negative time: as it was, or 0 */
int phr_push_state_times(phr_push_state_t *st, const phr_push_state_t *old,
    phr_labels_t grouping, int64_t push_ms, int64_t failure_ms,
    int64_t now_ms);

const phr_push_family_t *phr_push_state_find(const phr_push_state_t *st,
    phr_str_t name);

/* PHR_EINVAL if the new state of a group contradicts others or itself */
int phr_push_check(phr_push_t *p, phr_push_state_t *st,
    const phr_push_group_t *g, phr_err_t *err);

/* push_text.c */

/* as phr_push_state_parse() */
int phr_push_text_parse(phr_push_state_t *st, const phr_push_request_t *r,
    const phr_push_options_t *o, phr_labels_t grouping, phr_err_t *err);

/* of the series that a histogram and, but for the last, a summary are */
#define PHR_PUSH_NSUFFIXES  3
extern const char *const  phr_push_suffixes[PHR_PUSH_NSUFFIXES];

/* 1 if the name ends so, and has more than that; it is cut off then */
int phr_push_cut(phr_str_t *name, const char *suffix);

/* push_protobuf.c */

int phr_push_is_protobuf(phr_str_t content_type);

/* as phr_push_state_parse() */
int phr_push_protobuf_parse(phr_push_state_t *st,
    const phr_push_request_t *r, const phr_push_options_t *o,
    phr_labels_t grouping, phr_err_t *err);

/* push_record.c */

void phr_push_record_encode(phr_buf_t *b, const phr_push_group_t *g);
int phr_push_record_decode(phr_str_t record, phr_push_group_t **g,
    phr_err_t *err);

/* an id with the time and the answer, as kept in the store */
void phr_push_id_encode(phr_buf_t *b, const phr_push_id_t *id);
int phr_push_id_decode(phr_str_t key, phr_str_t record, phr_push_id_t **id,
    phr_err_t *err);

/* push_id.c */

/* fills the map and the ring from the store; p->ids is an empty map */
int phr_push_id_load(phr_push_t *p, phr_appender_t *app, phr_err_t *err);
void phr_push_id_clear(phr_push_t *p);

/* the request that had the id of this one, or NULL; keeps this one's */
const phr_push_id_t *phr_push_id_find(const phr_push_t *p,
    const phr_push_request_t *r);
int phr_push_id_keep(phr_push_t *p, phr_appender_t *app,
    const phr_push_request_t *r, const phr_push_answer_t *answer,
    phr_err_t *err);

/* push_row.c */

/*
 * Puts st in the place of the group's state: a row at the time t_ms or
 * just after the last row, with markers for what st lacks; then the record.
 * PHR_ELIMIT if the store has no room: nothing has changed then.  Other
 * failures leave the group undefined.
 */
int phr_push_apply(phr_push_t *p, phr_appender_t *app, phr_push_group_t *g,
    phr_push_state_t *st, int64_t t_ms, phr_err_t *err);

/* appends the present values again */
int phr_push_repeat(phr_appender_t *app, phr_push_group_t *g, int64_t t_ms,
    phr_err_t *err);

/* enters the families and series of a group in the indexes, or removes them */
int phr_push_index(phr_push_t *p, phr_push_group_t *g);
void phr_push_unindex(phr_push_t *p, phr_push_group_t *g);

/* push.c */

/* labels are copied */
int phr_push_group_create(phr_labels_t labels, phr_push_group_t **g);
void phr_push_group_destroy(phr_push_group_t *g);


#endif /* PHR_PUSH_IMPL_H_INCLUDED */
