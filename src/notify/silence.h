/*
 * Copyright (C) The Pharos Authors
 *
 * Silence: muting of alerts by matchers for a time.  All silences of a
 * process, in memory; what changes is told to the owner for keeping.
 *
 * Not thread-safe: the owner locks.
 */

#ifndef PHR_SILENCE_H_INCLUDED
#define PHR_SILENCE_H_INCLUDED


#include "core/labels.h"
#include "settings/alertmanager_yml.h"


#define PHR_SILENCE_ID_LEN    36    /* a UUID as text */

/* an expired silence is kept for so long, as Alertmanager's default is */
#define PHR_SILENCE_KEEP_MS   (120LL * 3600 * 1000)

/* more silences are refused */
#define PHR_SILENCE_MAX       100000


typedef enum {
    PHR_SILENCE_PENDING = 0,
    PHR_SILENCE_ACTIVE,
    PHR_SILENCE_EXPIRED,
} phr_silence_state_e;


typedef struct {
    char             id[PHR_SILENCE_ID_LEN + 1];
    phr_matchers_t   matchers;
    int64_t          starts_ms;
    int64_t          ends_ms;
    int64_t          updated_ms;
    phr_str_t        created_by;
    phr_str_t        comment;
} phr_silence_t;


typedef struct phr_silences_s  phr_silences_t;


phr_silences_t *phr_silences_create(void);      /* NULL: no memory */
void phr_silences_destroy(phr_silences_t *ss);

/*
 * Adds a silence, or changes the one that s->id names; random makes the id
 * of a new one, which *id points to afterwards.  As in Alertmanager a change
 * of the matchers, or of a silence that has expired, expires the old one and
 * makes a new one.  Everything is copied.
 *
 * PHR_EINVAL     no matcher, none that refuses the empty text, a bad time
 * PHR_ENOTFOUND  there is no silence of that id
 * PHR_ELIMIT     too many
 */
int phr_silences_set(phr_silences_t *ss, const phr_silence_t *s,
    const uint8_t random[16], int64_t now_ms, const char **id,
    phr_err_t *err);

/* ends one now; PHR_ENOTFOUND, PHR_EINVAL if it has ended already */
int phr_silences_expire(phr_silences_t *ss, const char *id, int64_t now_ms,
    phr_err_t *err);

const phr_silence_t *phr_silences_get(const phr_silences_t *ss,
    const char *id);

/* in no particular order; i below phr_silences_count() */
size_t phr_silences_count(const phr_silences_t *ss);
const phr_silence_t *phr_silences_at(const phr_silences_t *ss, size_t i);

phr_silence_state_e phr_silence_state(const phr_silence_t *s,
    int64_t now_ms);

/*
 * The active silences that match, at most max of them into list (which may
 * be NULL if max is 0); returns how many there are.
 */
size_t phr_silences_match(const phr_silences_t *ss, phr_labels_t labels,
    int64_t now_ms, const phr_silence_t **list, size_t max);

/* forgets what has expired long ago */
void phr_silences_clean(phr_silences_t *ss, int64_t now_ms);

/*
 * What has changed since the last call: visit gets id and bytes, or no
 * bytes (data NULL) for a silence that is gone.  If it fails, that one and
 * those after it are told again next time.
 */
int phr_silences_changes(phr_silences_t *ss,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data);

/* what was told by changes() could not be kept: all is told again */
void phr_silences_keep_again(phr_silences_t *ss);

/* takes a record back; PHR_ECORRUPT */
int phr_silences_restore(phr_silences_t *ss, phr_str_t key, phr_str_t value,
    phr_err_t *err);


#endif /* PHR_SILENCE_H_INCLUDED */
