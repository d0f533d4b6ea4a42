/*
 * Copyright (C) The Pharos Authors
 *
 * Seal, loose samples: all records of a group, sorted by series and time,
 * become the chunks of its series.
 */

#include "store/seal.h"

#include "store/loose.h"
#include "store/series.h"
#include "store/start.h"


/* loose samples that one step packs at most, and bytes of histograms */
#define PHR_SEAL_LOOSE        131072
#define PHR_SEAL_LOOSE_BYTES  (32 << 20)


/* the samples of one series, each time once */
typedef struct {
    int64_t            *t_ms;
    double             *v;
    const phr_hist_t  **h;
    size_t              n;
} phr_seal_columns_t;


static int phr_seal_loose_read(phr_store_t *st, uint32_t number,
    phr_array_t *samples, phr_array_t *starts, uint64_t *last,
    phr_err_t *err);
static int phr_seal_loose_delete(phr_store_t *st, uint32_t number,
    uint64_t last, phr_err_t *err);
static int phr_seal_loose_pack(phr_store_t *st, phr_group_t *g,
    phr_loose_t *s, size_t n, phr_err_t *err);
static size_t phr_seal_loose_take(phr_seal_columns_t *c,
    const phr_loose_t *s, size_t n);
static int phr_seal_loose_series(phr_store_t *st, phr_packer_t *packer,
    phr_sid_t sid, const phr_seal_columns_t *c, phr_err_t *err);


int
phr_seal_loose(phr_store_t *st, uint32_t number, phr_group_t *g,
    phr_err_t *err)
{
    int           rc;
    size_t        n;
    uint64_t      last;
    phr_array_t   samples, starts;

    if (g == NULL) {
        return phr_err_set(err, PHR_ECORRUPT, "samples of group %u, which "
                           "does not exist", number);
    }

    phr_array_init(&samples, sizeof(phr_loose_t));
    phr_array_init(&starts, sizeof(phr_loose_t));
    phr_arena_reset(st->scratch);

    rc = phr_seal_loose_read(st, number, &samples, &starts, &last, err);
    n = samples.nelts + starts.nelts;

    if (rc == PHR_OK && n > 0) {
        rc = phr_seal_loose_delete(st, number, last, err);

        if (rc == PHR_OK && samples.nelts > 0) {
            rc = phr_seal_loose_pack(st, g, samples.elts, samples.nelts, err);
        }

        if (rc == PHR_OK && starts.nelts > 0) {
            rc = phr_start_seal(st, g, starts.elts, starts.nelts, err);
        }

        if (rc == PHR_OK) {
            rc = phr_group_touch(st, number, err);
        }
    }

    if (rc == PHR_OK) {
        g->nloose -= phr_min(g->nloose, (uint32_t) n);

        if (n == 0) {
            g->nloose = 0;
        }

        if (g->nloose == 0) {
            st->seal_group = number + 1;
        }
    }

    phr_array_free(&samples);
    phr_array_free(&starts);

    return rc;
}


/* the oldest records of a group; *last is the number of the last one read */
static int
phr_seal_loose_read(phr_store_t *st, uint32_t number, phr_array_t *samples,
    phr_array_t *starts, uint64_t *last, phr_err_t *err)
{
    int                rc;
    size_t             i, n;
    uint8_t            key[PHR_KEY_LOOSE];
    phr_str_t          k, v, body;
    phr_array_t       *to;
    phr_loose_t        s[PHR_LOOSE_MAX], *out;
    phr_cursor_t      *cursor;
    phr_loose_head_t   head;

    rc = phr_cursor_open(st->txn, PHR_DB_LOOSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(key, number);
    phr_put_be64(key + 4, 0);
    *last = 0;

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && k.len == PHR_KEY_LOOSE
           && memcmp(k.data, key, 4) == 0
           && samples->nelts + starts->nelts < PHR_SEAL_LOOSE
           && phr_arena_used(st->scratch) < PHR_SEAL_LOOSE_BYTES)
    {
        rc = phr_record_check(PHR_DB_LOOSE, k, v, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_loose_decode(number, body, st->scratch, s, &n);
        if (rc != PHR_OK) {
            rc = phr_err_set(err, rc, rc == PHR_ECORRUPT
                             ? "damaged samples of group %u"
                             : "no memory for samples of group %u", number);
            break;
        }

        to = phr_loose_head(body, &head) == PHR_OK && head.starts ? starts
                                                                   : samples;

        out = phr_array_push_n(to, n);
        if (out == NULL) {
            rc = phr_err_set(err, PHR_ENOMEM, "no memory");
            break;
        }

        for (i = 0; i < n; i++) {
            out[i] = s[i];
            out[i].at = (uint32_t) (to->nelts - n + i);
        }

        *last = phr_get_be64((const uint8_t *) k.data + 4);

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_seal_loose_delete(phr_store_t *st, uint32_t number, uint64_t last,
    phr_err_t *err)
{
    int            rc;
    uint8_t        key[PHR_KEY_LOOSE];
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(st->txn, PHR_DB_LOOSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(key, number);
    phr_put_be64(key + 4, 0);

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && k.len == PHR_KEY_LOOSE
           && memcmp(k.data, key, 4) == 0
           && phr_get_be64((const uint8_t *) k.data + 4) <= last)
    {
        rc = phr_cursor_del(cursor, err);

        if (rc == PHR_OK) {
            rc = phr_cursor_next(cursor, &k, &v, err);
        }
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_seal_loose_pack(phr_store_t *st, phr_group_t *g, phr_loose_t *s,
    size_t n, phr_err_t *err)
{
    int                  rc;
    size_t               i, k;
    phr_packer_t        *packer;
    phr_seal_columns_t   c;

    c.t_ms = phr_arena_alloc(st->scratch, n * sizeof(int64_t));
    c.v = phr_arena_alloc(st->scratch, n * sizeof(double));
    c.h = phr_arena_alloc(st->scratch, n * sizeof(phr_hist_t *));
    packer = phr_packer_create(st->txn, st->next.seal++);

    if (c.t_ms == NULL || c.v == NULL || c.h == NULL || packer == NULL) {
        phr_packer_destroy(packer);
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    phr_loose_sort(s, n);
    rc = PHR_OK;

    for (i = 0; i < n && rc == PHR_OK; i += k) {
        k = phr_seal_loose_take(&c, s + i, n - i);

        if (g->last[s[i].sid % PHR_GROUP_SIZE] != PHR_LAST_NONE) {
            rc = phr_seal_loose_series(st, packer, s[i].sid, &c, err);
        }
    }

    if (rc == PHR_OK) {
        rc = phr_packer_finish(packer, err);
    }

    phr_packer_destroy(packer);

    return rc;
}


/* of equal times the last holds; how many samples the first series has */
static size_t
phr_seal_loose_take(phr_seal_columns_t *c, const phr_loose_t *s, size_t n)
{
    size_t  k, m;

    m = 0;

    for (k = 0; k < n && s[k].sid == s[0].sid; k++) {
        m -= (m > 0 && c->t_ms[m - 1] == s[k].t_ms);

        c->t_ms[m] = s[k].t_ms;
        c->v[m] = s[k].v;
        c->h[m] = s[k].h;
        m++;
    }

    c->n = m;

    return k;
}


/* floats and histograms go to chunks of their own */
static int
phr_seal_loose_series(phr_store_t *st, phr_packer_t *packer, phr_sid_t sid,
    const phr_seal_columns_t *c, phr_err_t *err)
{
    int     rc;
    size_t  i, k;

    for (i = 0; i < c->n; i = k) {

        for (k = i + 1; k < c->n && (c->h[k] == NULL) == (c->h[i] == NULL);
             k++)
        {
            /* void */
        }

        rc = phr_seal_add(st, packer, sid, c->t_ms + i, c->v + i,
                          c->h[i] != NULL ? c->h + i : NULL, k - i, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}
