/*
 * Copyright (C) The Pharos Authors
 *
 * Dispatch: its state, for the dispatch_*.c of this folder.
 */

#ifndef PHR_DISPATCH_STATE_H_INCLUDED
#define PHR_DISPATCH_STATE_H_INCLUDED


#include "core/map.h"
#include "notify/dispatch.h"


/* what a firing alert is kept again for, if nothing of it has changed */
#define PHR_DISPATCH_SAVE_MS   60000

/* letter and hash */
#define PHR_DISPATCH_KEY_LEN   9


typedef struct phr_group_s  phr_group_t;


/* an alert; members of groups point to it */
typedef struct {
    phr_notice_alert_t   pub;
    phr_arena_t         *arena;         /* of pub's bytes */
    uint64_t             fingerprint;
    int64_t              saved_ms;      /* pub.updated_ms when last kept */
    uint32_t             ngroups;
    unsigned             dirty:1;
} phr_known_t;


/* what one integration of a receiver was last told about one group */
typedef struct {
    char                *key;           /* see phr_log_find() */
    size_t               key_len;
    uint64_t             hash;
    int64_t              sent_ms;       /* 0: never */
    int64_t              pending_ms;    /* being sent since, 0: not */
    int64_t              expires_ms;
    uint64_t            *firing;        /* sorted fingerprints */
    size_t               nfiring;
    uint64_t            *resolved;
    size_t               nresolved;
    unsigned             in_flight:1;
    unsigned             dirty:1;
} phr_log_t;


/* a member that was resolved when the group was flushed */
typedef struct {
    uint64_t             fingerprint;
    int64_t              ends_ms;
} phr_group_end_t;

struct phr_group_s {
    const phr_route_conf_t  *route;
    phr_arena_t             *arena;     /* of key and labels */
    phr_str_t                map_key;
    phr_str_t                key;
    phr_labels_t             labels;
    phr_array_t              members;   /* phr_known_t * */
    phr_array_t              ended;     /* phr_group_end_t, of the flush */
    int64_t                  next_ms;
    uint32_t                 nflights;
    unsigned                 failed:1;  /* a notification of the flush */
};


typedef struct {
    phr_notice_t             notice;
    phr_arena_t             *arena;     /* holds this struct, too */
    phr_group_t             *group;     /* NULL: gone meanwhile */
    phr_log_t               *log;
    uint64_t                *firing;
    size_t                   nfiring;
    uint64_t                *resolved;
    size_t                   nresolved;
    int64_t                  repeat_ms;
    int64_t                  deadline_ms;
    int64_t                  retry_ms;  /* 0: being sent */
} phr_flight_t;


struct phr_dispatch_s {
    const phr_alertmanager_yml_t  *conf;
    phr_map_t                     *alerts;      /* phr_known_t */
    phr_map_t                     *groups;      /* phr_group_t */
    phr_map_t                     *log;         /* phr_log_t */
    phr_array_t                    flights;     /* phr_flight_t * */
    phr_array_t                    gone;        /* record keys */
    uint64_t                       last_id;
    int64_t                        clean_ms;    /* of the log, next */
};


phr_str_t phr_known_key(const phr_known_t *k);
void phr_known_free(phr_known_t *k);

/* forgets an alert that no group has and that is resolved */
int phr_known_release(phr_dispatch_t *d, phr_known_t *k, int64_t now_ms);

/* remembers that a record must go */
int phr_dispatch_gone(phr_dispatch_t *d, char letter, uint64_t hash);

/*
 * The entry of group key, receiver and integration; made if there is none
 * and create is set.  NULL if memory is gone, or there is none.
 */
phr_log_t *phr_log_find(phr_dispatch_t *d, phr_str_t group_key,
    const phr_receiver_t *receiver, const phr_integration_t *in, int create);
phr_log_t *phr_log_new(phr_dispatch_t *d, phr_str_t key);
void phr_log_free(phr_log_t *log);

/* what was told; the lists are copied.  PHR_OK or PHR_ENOMEM. */
int phr_log_set(phr_log_t *log, const uint64_t *firing, size_t nfiring,
    const uint64_t *resolved, size_t nresolved, int64_t sent_ms,
    int64_t expires_ms);

/* removes resolved members after a flush, and the group if it is empty */
void phr_group_finish(phr_dispatch_t *d, phr_group_t *g, int64_t now_ms);
void phr_group_remove(phr_dispatch_t *d, phr_group_t *g);

void phr_flight_free(phr_flight_t *f);


#endif /* PHR_DISPATCH_STATE_H_INCLUDED */
