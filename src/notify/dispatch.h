/*
 * Copyright (C) The Pharos Authors
 *
 * Dispatch: which notification is due when: groups of alerts, group_wait,
 * group_interval, repeat_interval, and the log of what was told to whom.
 * Pure in (state, now): it reads no clock and sends nothing.
 *
 * How it is used: restore all records, configure, then put alerts and run;
 * after each run keep the changes durably, and only then send what is due;
 * tell each result, and keep the changes again.  A process that dies between
 * sending and keeping the result is found out by the record kept before: the
 * receiver is then left alone until group_interval has passed, and told
 * again.  So nothing is lost, and nothing told twice within that time.
 *
 * Not thread-safe: the owner locks.
 */

#ifndef PHR_DISPATCH_H_INCLUDED
#define PHR_DISPATCH_H_INCLUDED


#include "core/array.h"
#include "notify/notice.h"
#include "notify/silence.h"


/* limits: alerts and groups beyond are refused */
#define PHR_DISPATCH_MAX_ALERTS  200000
#define PHR_DISPATCH_MAX_GROUPS  50000


typedef struct phr_dispatch_s  phr_dispatch_t;


phr_dispatch_t *phr_dispatch_create(void);          /* NULL: no memory */
void phr_dispatch_destroy(phr_dispatch_t *d);       /* or NULL */

/*
 * Takes a new configuration: all alerts are grouped anew.  conf must live
 * until the next call, and as long as notices of its time are being sent.
 */
int phr_dispatch_configure(phr_dispatch_t *d,
    const phr_alertmanager_yml_t *conf, int64_t now_ms, phr_err_t *err);

/*
 * The clock was set: alerts, what was sent and what is due move with it, so
 * that nothing is due at once or only after the old time has come again.
 */
void phr_dispatch_shift(phr_dispatch_t *d, int64_t by_ms);

/*
 * An alert that fires, still fires or has ended.  Everything is copied.
 * PHR_ELIMIT: there are too many.
 */
int phr_dispatch_put(phr_dispatch_t *d, const phr_notice_alert_t *alert,
    int64_t now_ms, phr_err_t *err);

/*
 * Adds what is to be sent now to due, an array of const phr_notice_t *.
 * Each notice lives until its result is told.  silences may be NULL.
 */
int phr_dispatch_run(phr_dispatch_t *d, const phr_silences_t *silences,
    int64_t now_ms, phr_array_t *due, phr_err_t *err);

/* when phr_dispatch_run() has something to do; PHR_TIME_MAX: never */
int64_t phr_dispatch_next(const phr_dispatch_t *d);

/*
 * How sending went: PHR_OK; PHR_AGAIN: it may work later, the notice comes
 * up again; anything else: it will never work, the group is tried again
 * after group_interval.  An unknown id is ignored.
 */
void phr_dispatch_result(phr_dispatch_t *d, uint64_t id, int rc,
    int64_t now_ms);

/*
 * What has changed since the last call, for the records of PHR_KV_NOTIFY;
 * value.data is NULL for what is gone.  If visit fails, that one and those
 * after it are told again next time.
 */
int phr_dispatch_changes(phr_dispatch_t *d,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data);

/* what was told by changes() could not be kept: all is told again */
void phr_dispatch_keep_again(phr_dispatch_t *d);

/* takes a record back, before the first configure; PHR_ECORRUPT */
int phr_dispatch_restore(phr_dispatch_t *d, phr_str_t key, phr_str_t value,
    int64_t now_ms, phr_err_t *err);


/*
 * Visits all alerts, in no particular order: *pos starts at 0; NULL at the
 * end.  Nothing may change meanwhile.
 */
const phr_notice_alert_t *phr_dispatch_alert_next(const phr_dispatch_t *d,
    size_t *pos);

typedef struct {
    const phr_route_conf_t            *route;
    phr_str_t                          key;
    phr_labels_t                       labels;
    int64_t                            next_ms;     /* flush */
    const phr_notice_alert_t   *const *alerts;
    size_t                             nalerts;
} phr_dispatch_group_t;

/* the same of groups; the list of alerts is in the arena */
int phr_dispatch_group_next(const phr_dispatch_t *d, size_t *pos,
    phr_arena_t *a, phr_dispatch_group_t *group);

/* all alerts as a list in the arena, for phr_inhibitor_create() */
int phr_dispatch_alerts(const phr_dispatch_t *d, phr_arena_t *a,
    const phr_notice_alert_t *const **alerts, size_t *n);


#endif /* PHR_DISPATCH_H_INCLUDED */
