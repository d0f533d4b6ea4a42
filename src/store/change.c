/*
 * Copyright (C) The Pharos Authors
 *
 * Change: see change.h.
 *
 * A change is of no more interest once a later one was as old: the list has
 * later changes of later times only, the oldest first, and the answer is the
 * first that comes after a transaction.  Usually each commit adds one, so
 * when the list is full, pairs of the older half become one, which says less
 * of long ago.
 */

#include "store/change.h"


static void phr_change_thin(phr_changes_t *c);


void
phr_change_init(phr_changes_t *c)
{
    c->n = 0;
}


void
phr_change_publish(phr_store_t *st)
{
    uint64_t        id;
    phr_changes_t  *c;

    if (st->change_ms == PHR_TIME_MAX) {
        return;
    }

    c = &st->changes;
    id = phr_txn_id(st->txn);

    pthread_mutex_lock(&st->mutex);

    while (c->n > 0 && c->list[c->n - 1].t_ms >= st->change_ms) {
        c->n--;
    }

    if (c->n == PHR_CHANGES_MAX) {
        phr_change_thin(c);
    }

    c->list[c->n].id = id;
    c->list[c->n].t_ms = st->change_ms;
    c->n++;

    pthread_mutex_unlock(&st->mutex);

    st->change_ms = PHR_TIME_MAX;
}


/* who knows the first of a pair does not know the second */

static void
phr_change_thin(phr_changes_t *c)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < PHR_CHANGES_MAX / 2; i += 2) {
        c->list[n].id = c->list[i + 1].id;
        c->list[n].t_ms = c->list[i].t_ms;
        n++;
    }

    for ( /* void */ ; i < c->n; i++) {
        c->list[n++] = c->list[i];
    }

    c->n = n;
}


int64_t
phr_change_since(phr_store_t *st, uint64_t id)
{
    size_t          low, high, mid;
    int64_t         t_ms;
    phr_changes_t  *c;

    c = &st->changes;

    pthread_mutex_lock(&st->mutex);

    for (low = 0, high = c->n; low < high; /* void */) {
        mid = (low + high) / 2;

        if (c->list[mid].id > id) {
            high = mid;

        } else {
            low = mid + 1;
        }
    }

    t_ms = low < c->n ? c->list[low].t_ms : PHR_TIME_MAX;

    pthread_mutex_unlock(&st->mutex);

    return t_ms;
}
