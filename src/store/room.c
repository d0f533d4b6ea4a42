/*
 * Copyright (C) The Pharos Authors
 *
 * Room: whether map and disk have room for more samples.  A store that has
 * too little takes nothing new, but goes on packing and dropping, which
 * make room and need some to work with.
 *
 * What is left is counted, not tried: a write that meets the end of the
 * disk is safe, but throws away a whole batch.  A quota is not seen in
 * advance; such a write is tried once a second.
 */

#include <syslog.h>

#include "store/internal.h"


/*
 * What ingest leaves to others of the map, and of the disk: a step of
 * packing may need 2 MB before it gives back as much.
 */
#define PHR_ROOM_RESERVE    (16ULL << 20)

#define PHR_ROOM_RETRY_MS   1000

/*
 * A commit that met the end nevertheless was larger than that: for a while
 * more is asked for, up to so many times as much, or small writes would be
 * taken and large ones refused in turn.
 */
#define PHR_ROOM_MARGIN     3
#define PHR_ROOM_MARGIN_MS  60000


static int phr_room_left(phr_store_t *st, phr_txn_t *txn, phr_err_t *err);
static void phr_room_state(phr_store_t *st, int full, const phr_err_t *err);
static int phr_room_recent(const phr_store_t *st, int64_t t_ms);
static uint64_t phr_room_reserve(const phr_store_t *st, uint64_t whole);


int
phr_store_has_room(phr_store_t *st, phr_err_t *err)
{
    int        rc;
    phr_err_t  e;

    rc = phr_room_left(st, st->txn, &e);

    if (rc == PHR_ENOSPC) {
        phr_room_state(st, 1, &e);

    } else if (rc == PHR_OK && phr_room_recent(st, st->full_ms)) {
        rc = phr_err_set(&e, PHR_ENOSPC, "the disk is full");
    }

    return rc == PHR_OK ? rc : phr_err_set(err, rc, "%s", e.text);
}


int
phr_store_drops_for_room(phr_store_t *st, phr_txn_t *txn)
{
    int  rc;

    if (!st->full || phr_room_recent(st, st->dropped_ms)) {
        return 0;
    }

    rc = phr_room_left(st, txn, NULL);

    /* or a write found what cannot be counted, after the last drop */

    if (rc == PHR_ENOSPC || st->full_ms > st->dropped_ms) {
        st->dropped_ms = st->now_ms;
        return 1;
    }

    return 0;
}


static int
phr_room_left(phr_store_t *st, phr_txn_t *txn, phr_err_t *err)
{
    int             rc;
    uint64_t        reserve, unused;
    phr_env_disk_t  disk;
    phr_env_stat_t  stat;

    rc = phr_env_stat(st->env, txn, &stat, err);
    if (rc == PHR_OK) {
        rc = phr_env_disk(st->env, &disk, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    reserve = phr_room_reserve(st, stat.map_bytes);

    if (stat.used_bytes + reserve > stat.map_bytes) {
        return phr_err_set(err, PHR_ENOSPC, "the store is full: %llu of %llu "
                           "bytes of its map are used",
                           (unsigned long long) stat.used_bytes,
                           (unsigned long long) stat.map_bytes);
    }

    reserve = phr_room_reserve(st, disk.bytes);

    /* free pages in the file need no room on the disk */

    unused = stat.file_bytes - phr_min(stat.used_bytes, stat.file_bytes);

    if (disk.free_bytes + unused < reserve) {
        return phr_err_set(err, PHR_ENOSPC, "the disk is full: %llu bytes "
                           "are left on it, and %llu in the store",
                           (unsigned long long) disk.free_bytes,
                           (unsigned long long) unused);
    }

    return PHR_OK;
}


void
phr_store_room_outcome(phr_store_t *st, int rc, const phr_err_t *err)
{
    if (rc == PHR_ENOSPC) {
        st->full_ms = st->now_ms;
        st->margin_ms = st->now_ms;
        st->margin += st->margin < PHR_ROOM_MARGIN;
        phr_room_state(st, 1, err);

    } else if (rc == PHR_OK) {
        st->full_ms = PHR_TIME_MIN;

        if (st->margin > 0 && (st->now_ms < st->margin_ms
                               || st->now_ms - st->margin_ms
                                  > PHR_ROOM_MARGIN_MS))
        {
            st->margin = 0;
        }

        phr_room_state(st, 0, NULL);
    }
}


int
phr_store_full(phr_store_t *st)
{
    return st->full;
}


static void
phr_room_state(phr_store_t *st, int full, const phr_err_t *err)
{
    if (full != st->full) {
        st->full = (uint8_t) full;

        pthread_mutex_lock(&st->mutex);
        st->stats.full = full;
        pthread_mutex_unlock(&st->mutex);

        if (full) {
            phr_store_log(st, LOG_CRIT, "%s; samples are refused, reading "
                          "goes on", err ? err->text : "the disk is full");

        } else {
            phr_store_log(st, LOG_NOTICE, "there is room again, samples are "
                          "taken");
        }
    }
}


static int
phr_room_recent(const phr_store_t *st, int64_t t_ms)
{
    return t_ms != PHR_TIME_MIN && st->now_ms >= t_ms
           && st->now_ms - t_ms < PHR_ROOM_RETRY_MS;
}


static uint64_t
phr_room_reserve(const phr_store_t *st, uint64_t whole)
{
    uint64_t  reserve;

    reserve = phr_min(whole / 8, PHR_ROOM_RESERVE);

    /* a little more is asked for once it is full: no state of a moment */

    return reserve + (st->full ? reserve / 4 : 0) + st->margin * reserve;
}
