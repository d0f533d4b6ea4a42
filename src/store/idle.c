/*
 * Copyright (C) The Pharos Authors
 *
 * Idle: see idle.h.
 *
 * First the sources in memory, which are all that have layouts; then the
 * names of those that are not in memory.
 */

#include "store/idle.h"

#include "store/hist_list.h"
#include "store/source.h"


#define PHR_IDLE_MS       INT64_C(86400000)

/* in a step: sources that are forgotten, names that are looked at */
#define PHR_IDLE_SOURCES  64
#define PHR_IDLE_NAMES    512


static int phr_idle_names(phr_store_t *st, phr_idle_t *idle, int *changed,
    phr_err_t *err);
static int phr_idle_is(const phr_store_t *st, const phr_source_t *src);


int
phr_idle_step(phr_store_t *st, phr_idle_t *idle, int *changed,
    phr_err_t *err)
{
    int             rc;
    size_t          n;
    void          **slot;
    phr_source_t   *src;

    for (n = 0; idle->source < st->sources.nelts; idle->source++) {
        slot = phr_slot(&st->sources, idle->source);
        src = *slot;

        if (src == NULL || !phr_idle_is(st, src)) {
            continue;
        }

        if (n++ == PHR_IDLE_SOURCES) {
            return PHR_AGAIN;
        }

        *changed |= (src->layouts.nelts > 0);

        rc = phr_layouts_drop(st, src, err);
        if (rc == PHR_OK) {
            rc = phr_hist_list_drop(st, src->id, err);
        }

        if (rc != PHR_OK) {
            return rc;
        }

        phr_source_destroy(src);
        *slot = NULL;
    }

    return phr_idle_names(st, idle, changed, err);
}


static int
phr_idle_names(phr_store_t *st, phr_idle_t *idle, int *changed,
    phr_err_t *err)
{
    int            rc;
    size_t         n;
    void         **slot;
    uint32_t       id;
    phr_str_t      k, v, body;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(st->txn, PHR_DB_SOURCE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_seek(cursor, idle->key, sizeof(idle->key), &k, &v, err);

    for (n = 0; rc == PHR_OK; n++) {

        if (k.len != sizeof(idle->key)) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in "
                             "\"source\"", k.len);
            break;
        }

        if (n == PHR_IDLE_NAMES) {
            memcpy(idle->key, k.data, sizeof(idle->key));
            phr_cursor_close(cursor);
            return PHR_AGAIN;
        }

        id = phr_get_be32((const uint8_t *) k.data + 8);
        slot = id < st->sources.nelts ? phr_slot(&st->sources, id) : NULL;

        if (slot == NULL || *slot == NULL) {
            if (phr_record_check(PHR_DB_SOURCE, k, v, &body, NULL) == PHR_OK)
            {
                phr_map_delete(st->names, body);
            }

            *changed = 1;
            rc = phr_hist_list_drop(st, id, err);
            if (rc == PHR_OK) {
                rc = phr_cursor_del(cursor, err);
            }

            if (rc != PHR_OK) {
                break;
            }
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_idle_is(const phr_store_t *st, const phr_source_t *src)
{
    return src->nrows == 0 && !src->partial
           && st->now_ms - PHR_IDLE_MS >= src->arrival_ms;
}
