/*
 * Copyright (C) The Pharos Authors
 *
 * Exemplar: the bytes of a record, see FORMAT.md.  Each exemplar is told by
 * what it has that the one before has not: of the labels that is mostly the
 * value of the last.
 */

#include "store/exemplar.h"

#include "store/bits.h"


#define PHR_EXEMPLAR_FORMAT  1


size_t
phr_exemplar_encode(uint8_t *p, const phr_exemplar_at_t *from,
    const phr_exemplar_at_t *to)
{
    size_t    same;
    uint8_t  *start;

    start = p;
    same = 0;

    while (same < from->len && same < to->len
           && from->labels[same] == to->labels[same])
    {
        same++;
    }

    *p++ = to->flags;
    p += phr_put_uvarint(p, phr_zigzag((int64_t) to->sid
                                       - (int64_t) from->sid));
    p += phr_put_uvarint(p, phr_zigzag(to->t_ms - from->t_ms));
    phr_store64(p, phr_double_bits(to->v));
    p += 8;
    p += phr_put_uvarint(p, same);
    p += phr_put_uvarint(p, to->len - same);
    memcpy(p, to->labels + same, to->len - same);
    p += to->len - same;

    return (size_t) (p - start);
}


void
phr_exemplar_head_put(uint8_t *p, size_t n, int64_t min_ms, int64_t max_ms)
{
    p[0] = PHR_EXEMPLAR_FORMAT;
    phr_put_be16(p + 1, (uint16_t) n);
    phr_key_put_time(p + 3, min_ms);
    phr_key_put_time(p + 11, max_ms);
}


int
phr_exemplar_open(phr_exemplar_walk_t *w, phr_str_t body)
{
    const uint8_t  *p;

    p = (const uint8_t *) body.data;

    if (body.len < PHR_EXEMPLAR_HEAD || p[0] != PHR_EXEMPLAR_FORMAT) {
        return PHR_ECORRUPT;
    }

    w->n = phr_get_be16(p + 1);
    w->i = 0;
    w->min_ms = phr_key_get_time(p + 3);
    w->max_ms = phr_key_get_time(p + 11);
    w->body = p;
    w->p = p + PHR_EXEMPLAR_HEAD;
    w->end = p + body.len;

    w->at.sid = 0;
    w->at.t_ms = 0;
    w->at.len = 0;

    return w->n == 0 ? PHR_ECORRUPT : PHR_OK;
}


int
phr_exemplar_next(phr_exemplar_walk_t *w)
{
    int64_t             sid;
    uint64_t            dsid, dt, same, more;
    phr_exemplar_at_t  *at;

    at = &w->at;

    if (w->i == w->n) {
        return w->p == w->end ? PHR_DONE : PHR_ECORRUPT;
    }

    if (w->p == w->end) {
        return PHR_ECORRUPT;
    }

    at->flags = *w->p++;

    if (phr_get_uvarint(&w->p, w->end, &dsid) != PHR_OK
        || phr_get_uvarint(&w->p, w->end, &dt) != PHR_OK
        || w->end - w->p < 8)
    {
        return PHR_ECORRUPT;
    }

    at->v = phr_double_from_bits(phr_load64(w->p));
    w->p += 8;

    if (phr_get_uvarint(&w->p, w->end, &same) != PHR_OK
        || phr_get_uvarint(&w->p, w->end, &more) != PHR_OK
        || same > at->len || more > PHR_EXEMPLAR_LABELS - same
        || more > (uint64_t) (w->end - w->p))
    {
        return PHR_ECORRUPT;
    }

    /* unsigned: damage may say anything */

    sid = (int64_t) ((uint64_t) at->sid + (uint64_t) phr_unzigzag(dsid));
    at->t_ms = (int64_t) ((uint64_t) at->t_ms + (uint64_t) phr_unzigzag(dt));

    if (sid <= 0 || sid > UINT32_MAX || at->t_ms < w->min_ms
        || at->t_ms > w->max_ms)
    {
        return PHR_ECORRUPT;
    }

    memcpy(at->labels + same, w->p, (size_t) more);
    at->sid = (phr_sid_t) sid;
    at->len = (uint16_t) (same + more);
    w->p += more;
    w->i++;

    return PHR_OK;
}


int
phr_exemplar_fits(phr_str_t key, phr_str_t body)
{
    int                   rc;
    phr_str_t             s;
    const uint8_t        *p;
    phr_exemplar_walk_t   w;

    if (key.len != PHR_KEY_EXEMPLAR || phr_exemplar_open(&w, body) != PHR_OK)
    {
        return 0;
    }

    while ((rc = phr_exemplar_next(&w)) == PHR_OK) {

        for (p = w.at.labels; p < w.at.labels + w.at.len; ) {

            if (phr_get_str(&p, w.at.labels + w.at.len, &s) != PHR_OK
                || phr_get_str(&p, w.at.labels + w.at.len, &s) != PHR_OK)
            {
                return 0;
            }
        }
    }

    return rc == PHR_DONE;
}


int
phr_exemplar_read(phr_str_t key, phr_str_t value, uint64_t *first,
    phr_exemplar_walk_t *w, phr_err_t *err)
{
    int        rc;
    phr_str_t  body;

    rc = phr_record_check(PHR_DB_EXEMPLAR, key, value, &body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (key.len != PHR_KEY_EXEMPLAR || phr_exemplar_open(w, body) != PHR_OK) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged exemplars, key of %zu, "
                           "record of %zu bytes", key.len, body.len);
    }

    *first = phr_get_be64((const uint8_t *) key.data);

    return PHR_OK;
}
