/*
 * Copyright (C) The Pharos Authors
 *
 * Dispatch: the log of what was told, and its form and that of alerts as
 * records.
 *
 * A record's key is a letter and eight bytes: "a" and an alert's
 * fingerprint, "l" and the hash of a log entry's name.
 */

#include "notify/dispatch.h"

#include "core/alloc.h"
#include "core/bytes.h"
#include "notify/dispatch_state.h"


#define PHR_RECORD_VERSION  1

/* what a firing alert is given after a restart, until it is told again */
#define PHR_RESTORE_MS      (5 * 60 * 1000)


static int phr_record_visit(phr_buf_t *b, char letter, uint64_t hash,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data);
static void phr_record_put_alert(phr_buf_t *b, const phr_notice_alert_t *a);
static void phr_record_put_labels(phr_buf_t *b, phr_labels_t ls);
static void phr_record_put_log(phr_buf_t *b, const phr_log_t *log);
static int phr_record_get_alert(phr_dispatch_t *d, phr_str_t value,
    int64_t now_ms);
static int phr_record_read_alert(phr_arena_t *a, phr_str_t value,
    phr_notice_alert_t *alert);
static int phr_record_get_log(phr_dispatch_t *d, phr_str_t value,
    int64_t now_ms);
static int phr_record_get_list(const uint8_t **p, const uint8_t *end,
    uint64_t **list, size_t *n);
static int phr_log_copy(uint64_t **to, const uint64_t *from, size_t n);


int
phr_dispatch_changes(phr_dispatch_t *d,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data)
{
    int           rc;
    void         *value;
    size_t        pos;
    phr_buf_t     b;
    phr_log_t    *log;
    phr_str_t     key;
    phr_known_t  *k;

    while (d->gone.nelts > 0) {
        key = phr_str_from((char *) d->gone.elts + (d->gone.nelts - 1)
                                                   * PHR_DISPATCH_KEY_LEN,
                           PHR_DISPATCH_KEY_LEN);

        rc = visit(data, key, phr_str_from(NULL, 0));
        if (rc != PHR_OK) {
            return rc;
        }

        d->gone.nelts--;
    }

    phr_buf_init(&b, 0);
    rc = PHR_OK;

    for (pos = 0; rc == PHR_OK
                  && phr_map_next(d->alerts, &pos, &key, &value); )
    {
        k = value;

        if (!k->dirty) {
            continue;
        }

        phr_buf_reset(&b);
        phr_record_put_alert(&b, &k->pub);
        rc = phr_record_visit(&b, 'a', k->fingerprint, visit, data);

        if (rc == PHR_OK) {
            k->dirty = 0;
            k->saved_ms = k->pub.updated_ms;
        }
    }

    for (pos = 0; rc == PHR_OK && phr_map_next(d->log, &pos, &key, &value); )
    {
        log = value;

        if (!log->dirty) {
            continue;
        }

        phr_buf_reset(&b);
        phr_record_put_log(&b, log);
        rc = phr_record_visit(&b, 'l', log->hash, visit, data);

        if (rc == PHR_OK) {
            log->dirty = 0;
        }
    }

    phr_buf_free(&b);

    return rc;
}


void
phr_dispatch_keep_again(phr_dispatch_t *d)
{
    void       *value;
    size_t      pos;
    phr_str_t   key;

    for (pos = 0; phr_map_next(d->alerts, &pos, &key, &value); ) {
        ((phr_known_t *) value)->dirty = 1;
    }

    for (pos = 0; phr_map_next(d->log, &pos, &key, &value); ) {
        ((phr_log_t *) value)->dirty = 1;
    }
}


int
phr_dispatch_restore(phr_dispatch_t *d, phr_str_t key, phr_str_t value,
    int64_t now_ms, phr_err_t *err)
{
    int  rc;

    rc = PHR_ECORRUPT;

    if (key.len == PHR_DISPATCH_KEY_LEN && value.len > 0
        && value.data[0] == PHR_RECORD_VERSION)
    {
        if (key.data[0] == 'a') {
            rc = phr_record_get_alert(d, value, now_ms);

        } else if (key.data[0] == 'l') {
            rc = phr_record_get_log(d, value, now_ms);
        }
    }

    switch (rc) {
    case PHR_OK:
        return PHR_OK;

    case PHR_ECORRUPT:
        return phr_err_set(err, rc, "a record of notifications is malformed");

    default:
        return phr_err_set(err, rc, "no memory for notifications");
    }
}


/* the name: group key, receiver, kind and index, each ended by a zero */
phr_log_t *
phr_log_find(phr_dispatch_t *d, phr_str_t group_key,
    const phr_receiver_t *receiver, const phr_integration_t *in, int create)
{
    phr_buf_t   b;
    phr_log_t  *log;

    phr_buf_init(&b, 0);
    phr_buf_str(&b, group_key);
    phr_buf_putc(&b, '\0');
    phr_buf_str(&b, receiver->name);
    phr_buf_putc(&b, '\0');
    phr_buf_str(&b, in->kind_name);
    phr_buf_putc(&b, '\0');
    phr_buf_printf(&b, "%u", in->index);

    log = NULL;

    if (!b.failed) {
        log = phr_map_get(d->log, phr_buf_view(&b));

        if (log == NULL && create) {
            log = phr_log_new(d, phr_buf_view(&b));
        }
    }

    phr_buf_free(&b);

    return log;
}


phr_log_t *
phr_log_new(phr_dispatch_t *d, phr_str_t key)
{
    phr_log_t  *log;

    log = phr_calloc(1, sizeof(phr_log_t));
    if (log == NULL) {
        return NULL;
    }

    log->key = phr_strdup(key.data, key.len);
    log->key_len = key.len;
    log->hash = phr_xxh64(key.data, key.len);

    if (log->key == NULL || phr_map_set(d->log, key, log) != PHR_OK) {
        phr_log_free(log);
        return NULL;
    }

    return log;
}


void
phr_log_free(phr_log_t *log)
{
    phr_free(log->key);
    phr_free(log->firing);
    phr_free(log->resolved);
    phr_free(log);
}


int
phr_log_set(phr_log_t *log, const uint64_t *firing, size_t nfiring,
    const uint64_t *resolved, size_t nresolved, int64_t sent_ms,
    int64_t expires_ms)
{
    uint64_t  *f, *r;

    if (phr_log_copy(&f, firing, nfiring) != PHR_OK) {
        return PHR_ENOMEM;
    }

    if (phr_log_copy(&r, resolved, nresolved) != PHR_OK) {
        phr_free(f);
        return PHR_ENOMEM;
    }

    phr_free(log->firing);
    phr_free(log->resolved);

    log->firing = f;
    log->nfiring = nfiring;
    log->resolved = r;
    log->nresolved = nresolved;
    log->sent_ms = sent_ms;
    log->pending_ms = 0;
    log->expires_ms = expires_ms;
    log->dirty = 1;

    return PHR_OK;
}


static int
phr_record_visit(phr_buf_t *b, char letter, uint64_t hash,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data)
{
    uint8_t  key[PHR_DISPATCH_KEY_LEN];

    if (b->failed) {
        return b->failed;
    }

    key[0] = (uint8_t) letter;
    phr_put_be64(key + 1, hash);

    return visit(data, phr_str_from((char *) key, sizeof(key)),
                 phr_buf_view(b));
}


/* version, times, then URL, labels and annotations with their lengths */
static void
phr_record_put_alert(phr_buf_t *b, const phr_notice_alert_t *a)
{
    phr_buf_putc(b, PHR_RECORD_VERSION);
    phr_buf_uvarint(b, phr_zigzag(a->starts_ms));
    phr_buf_uvarint(b, phr_zigzag(a->ends_ms));
    phr_buf_uvarint(b, phr_zigzag(a->updated_ms));
    phr_buf_uvarint(b, a->generator_url.len);
    phr_buf_str(b, a->generator_url);
    phr_record_put_labels(b, a->labels);
    phr_record_put_labels(b, a->annotations);
}


static void
phr_record_put_labels(phr_buf_t *b, phr_labels_t ls)
{
    phr_buf_t  one;

    phr_buf_init(&one, 0);
    phr_labels_encode(&one, ls);
    phr_buf_uvarint(b, one.len);
    phr_buf_str(b, phr_buf_view(&one));

    if (one.failed) {
        b->failed = one.failed;
    }

    phr_buf_free(&one);
}


/* version, name, times, and the fingerprints as they are sorted */
static void
phr_record_put_log(phr_buf_t *b, const phr_log_t *log)
{
    size_t   i;
    uint8_t  be[8];

    phr_buf_putc(b, PHR_RECORD_VERSION);
    phr_buf_uvarint(b, log->key_len);
    phr_buf_append(b, log->key, log->key_len);
    phr_buf_uvarint(b, phr_zigzag(log->sent_ms));
    phr_buf_uvarint(b, phr_zigzag(log->pending_ms));
    phr_buf_uvarint(b, phr_zigzag(log->expires_ms));
    phr_buf_uvarint(b, log->nfiring);
    phr_buf_uvarint(b, log->nresolved);

    for (i = 0; i < log->nfiring + log->nresolved; i++) {
        phr_put_be64(be, i < log->nfiring ? log->firing[i]
                                          : log->resolved[i - log->nfiring]);
        phr_buf_append(b, be, sizeof(be));
    }
}


static int
phr_record_get_alert(phr_dispatch_t *d, phr_str_t value, int64_t now_ms)
{
    int           rc;
    phr_known_t  *k;

    k = phr_calloc(1, sizeof(phr_known_t));
    if (k == NULL) {
        return PHR_ENOMEM;
    }

    k->arena = phr_arena_create(0);
    rc = PHR_ENOMEM;

    if (k->arena != NULL) {
        rc = phr_record_read_alert(k->arena, value, &k->pub);
    }

    if (rc != PHR_OK) {
        phr_known_free(k);
        return rc;
    }

    /* what fired goes on until whoever evaluates it has had a chance */

    if (k->pub.updated_ms > now_ms) {
        /* the clock was set back meanwhile */
        k->pub.starts_ms += now_ms - k->pub.updated_ms;
        k->pub.ends_ms += now_ms - k->pub.updated_ms;
        k->pub.updated_ms = now_ms;
    }

    if (k->pub.ends_ms > k->pub.updated_ms) {
        k->pub.ends_ms = phr_max(k->pub.ends_ms, now_ms + PHR_RESTORE_MS);
    }

    k->fingerprint = phr_fingerprint(k->pub.labels);
    k->saved_ms = k->pub.updated_ms;

    if (phr_map_get(d->alerts, phr_known_key(k)) != NULL
        || phr_map_set(d->alerts, phr_known_key(k), k) != PHR_OK)
    {
        phr_known_free(k);
        return PHR_ENOMEM;
    }

    return PHR_OK;
}


static int
phr_record_read_alert(phr_arena_t *a, phr_str_t value,
    phr_notice_alert_t *alert)
{
    int                  rc;
    uint64_t             v[3];
    phr_str_t            labels, annotations;
    const uint8_t       *p, *end;

    /* labels point into the bytes they are decoded from */

    value = phr_arena_str(a, value);
    if (value.data == NULL) {
        return phr_arena_rc(a);
    }

    p = (const uint8_t *) value.data + 1;
    end = (const uint8_t *) value.data + value.len;

    if (phr_get_uvarint(&p, end, &v[0]) != PHR_OK
        || phr_get_uvarint(&p, end, &v[1]) != PHR_OK
        || phr_get_uvarint(&p, end, &v[2]) != PHR_OK
        || phr_get_str(&p, end, &alert->generator_url) != PHR_OK
        || phr_get_str(&p, end, &labels) != PHR_OK
        || phr_get_str(&p, end, &annotations) != PHR_OK)
    {
        return PHR_ECORRUPT;
    }

    alert->starts_ms = phr_unzigzag(v[0]);
    alert->ends_ms = phr_unzigzag(v[1]);
    alert->updated_ms = phr_unzigzag(v[2]);

    rc = phr_labels_decode(a, (const uint8_t *) labels.data, labels.len,
                           &alert->labels);

    if (rc == PHR_OK) {
        rc = phr_labels_decode(a, (const uint8_t *) annotations.data,
                               annotations.len, &alert->annotations);
    }

    return rc;
}


static int
phr_record_get_log(phr_dispatch_t *d, phr_str_t value, int64_t now_ms)
{
    int             rc;
    size_t          nf, nr;
    uint64_t        v[5], *firing, *resolved;
    phr_log_t      *log;
    phr_str_t       key;
    const uint8_t  *p, *end;

    p = (const uint8_t *) value.data + 1;
    end = (const uint8_t *) value.data + value.len;
    firing = NULL;
    resolved = NULL;

    if (phr_get_str(&p, end, &key) != PHR_OK
        || phr_get_uvarint(&p, end, &v[0]) != PHR_OK
        || phr_get_uvarint(&p, end, &v[1]) != PHR_OK
        || phr_get_uvarint(&p, end, &v[2]) != PHR_OK
        || phr_get_uvarint(&p, end, &v[3]) != PHR_OK
        || phr_get_uvarint(&p, end, &v[4]) != PHR_OK
        || v[3] > value.len || v[4] > value.len)
    {
        return PHR_ECORRUPT;
    }

    nf = (size_t) v[3];
    nr = (size_t) v[4];

    rc = phr_record_get_list(&p, end, &firing, &nf);

    if (rc == PHR_OK) {
        rc = phr_record_get_list(&p, end, &resolved, &nr);
    }

    log = NULL;

    if (rc == PHR_OK) {
        log = phr_map_get(d->log, key);

        if (log == NULL) {
            log = phr_log_new(d, key);
        }

        rc = (log == NULL) ? PHR_ENOMEM
             : phr_log_set(log, firing, nf, resolved, nr, phr_unzigzag(v[0]),
                           phr_unzigzag(v[2]));
    }

    if (rc == PHR_OK) {
        /* not in the future, though the clock may have been set back */
        log->sent_ms = phr_min(log->sent_ms, now_ms);
        log->pending_ms = phr_min(phr_unzigzag(v[1]), now_ms);
        log->dirty = 0;
    }

    phr_free(firing);
    phr_free(resolved);

    return rc;
}


static int
phr_record_get_list(const uint8_t **p, const uint8_t *end, uint64_t **list,
    size_t *n)
{
    size_t  i;

    if (*n > (size_t) (end - *p) / 8) {
        return PHR_ECORRUPT;
    }

    *list = phr_malloc((*n + 1) * sizeof(uint64_t));
    if (*list == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < *n; i++) {
        (*list)[i] = phr_get_be64(*p);
        *p += 8;
    }

    return PHR_OK;
}


static int
phr_log_copy(uint64_t **to, const uint64_t *from, size_t n)
{
    *to = phr_malloc((n + 1) * sizeof(uint64_t));

    if (*to == NULL) {
        return PHR_ENOMEM;
    }

    if (n > 0) {
        memcpy(*to, from, n * sizeof(uint64_t));
    }

    return PHR_OK;
}
