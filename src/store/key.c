/*
 * Copyright (C) The Pharos Authors
 *
 * Key: see key.h.
 */

#include "store/key.h"


static int64_t phr_floor_div(int64_t a, int64_t b);
static int phr_window_valid(int level, int32_t window);


void
phr_key_row(uint8_t *p, const phr_row_key_t *k)
{
    phr_put_be32(p, k->source);
    phr_key_put_time(p + 4, k->t_ms);
    phr_put_be32(p + 12, k->layout);
    phr_put_be16(p + 16, k->piece);
}


int
phr_key_row_get(phr_str_t key, phr_row_key_t *k)
{
    const uint8_t  *p;

    if (key.len != PHR_KEY_ROW) {
        return 0;
    }

    p = (const uint8_t *) key.data;

    k->source = phr_get_be32(p);
    k->t_ms = phr_key_get_time(p + 4);
    k->layout = phr_get_be32(p + 12);
    k->piece = phr_get_be16(p + 16);

    return 1;
}


void
phr_key_pack(uint8_t *p, const phr_pack_key_t *k)
{
    phr_key_window(p, k->level, k->window);
    phr_put_be32(p + 5, k->first);
    phr_put_be16(p + 9, k->span);
    phr_put_be16(p + 11, k->from);
    phr_put_be16(p + 13, k->to);
    phr_put_be32(p + 15, k->seal);
}


int
phr_key_pack_get(phr_str_t key, phr_pack_key_t *k)
{
    const uint8_t  *p;

    if (key.len != PHR_KEY_PACK) {
        return 0;
    }

    p = (const uint8_t *) key.data;

    k->level = p[0];
    k->window = (int32_t) (phr_get_be32(p + 1) ^ 0x80000000U);
    k->first = phr_get_be32(p + 5);
    k->span = phr_get_be16(p + 9);
    k->from = phr_get_be16(p + 11);
    k->to = phr_get_be16(p + 13);
    k->seal = phr_get_be32(p + 15);

    return phr_window_valid(k->level, k->window);
}


/*
 * A pack lies within two windows; 15 bits count the parts of one, 16 those
 * of both.
 */

int64_t
phr_pack_key_min(const phr_pack_key_t *k)
{
    return phr_window_start(k->level, k->window)
           + phr_floor_div((int64_t) k->from * phr_window_ms(k->level),
                           32768);
}


int64_t
phr_pack_key_max(const phr_pack_key_t *k)
{
    return phr_window_start(k->level, k->window)
           + phr_floor_div(((int64_t) k->to + 1) * phr_window_ms(k->level),
                           32768);
}


void
phr_pack_key_place(phr_pack_key_t *k, int64_t min_ms, int64_t max_ms)
{
    int  level;

    for (level = 0; level < PHR_NLEVELS - 1; level++) {
        if (max_ms - min_ms <= phr_window_ms(level)) {
            break;
        }
    }

    k->level = (uint8_t) level;
    k->window = phr_window_of(level, min_ms);
}


void
phr_pack_key_range(phr_pack_key_t *k, int64_t min_ms, int64_t max_ms)
{
    int64_t  start, length, from, to;

    start = phr_window_start(k->level, k->window);
    length = phr_window_ms(k->level);

    from = phr_floor_div((min_ms - start) * 32768, length);
    to = phr_floor_div((max_ms - start) * 32768, length);

    k->from = (uint16_t) phr_max(0, phr_min(from, 65535));
    k->to = (uint16_t) phr_max(0, phr_min(to, 65535));
}


int32_t
phr_window_of(int level, int64_t t_ms)
{
    return (int32_t) phr_floor_div(t_ms, phr_window_ms(level));
}


int64_t
phr_window_start(int level, int32_t window)
{
    return window * phr_window_ms(level);
}


void
phr_key_window(uint8_t *p, int level, int32_t window)
{
    p[0] = (uint8_t) level;
    phr_put_be32(p + 1, (uint32_t) window ^ 0x80000000U);
}


int
phr_key_window_get(phr_str_t key, int *level, int32_t *window)
{
    const uint8_t  *p;

    if (key.len != PHR_KEY_WINDOW) {
        return 0;
    }

    p = (const uint8_t *) key.data;

    *level = p[0];
    *window = (int32_t) (phr_get_be32(p + 1) ^ 0x80000000U);

    return phr_window_valid(*level, *window);
}


/* 0: a damaged key; no arithmetic with such a window may be done */

static int
phr_window_valid(int level, int32_t window)
{
    return level < PHR_NLEVELS_ALL
           && window >= phr_window_of(level, PHR_KEY_TIME_MIN)
           && window <= phr_window_of(level, PHR_KEY_TIME_MAX);
}


size_t
phr_key_str(uint8_t *p, phr_str_t s, uint32_t probe, int *is_long)
{
    size_t    n;
    uint64_t  hash;

    n = phr_key_prefix(p, s);

    *is_long = (n > PHR_KEY_STR);

    if (!*is_long) {
        p[n] = 0;
        p[n + 1] = 1;
        return n + 2;
    }

    n = PHR_KEY_STR;
    hash = phr_xxh64(s.data, s.len) + probe;

    p[n] = 0;
    p[n + 1] = 2;
    phr_put_be64(p + n + 2, hash);

    return n + 10;
}


size_t
phr_key_prefix(uint8_t *p, phr_str_t s)
{
    size_t  i, n;

    n = 0;

    /*
     * Stops beyond the limit by a byte or two, which tells the caller; a
     * long string's beginning may so end within 00 FF.
     */
    for (i = 0; i < s.len && n <= PHR_KEY_STR; i++) {
        p[n++] = (uint8_t) s.data[i];
        if (s.data[i] == '\0') {
            p[n++] = 0xff;
        }
    }

    return n;
}


int
phr_key_str_get(const uint8_t *p, size_t size, char *out, size_t *len,
    size_t *used)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < size; i++) {

        if (i >= PHR_KEY_STR && i + 10 <= size && p[i] == 0
            && p[i + 1] == 2)
        {
            *len = n;
            *used = i + 10;
            return PHR_FULL;
        }

        if (p[i] != 0) {
            if (n == PHR_KEY_STR) {
                return PHR_ECORRUPT;
            }

            out[n++] = (char) p[i];
            continue;
        }

        if (i + 1 >= size) {
            return PHR_ECORRUPT;
        }

        if (p[i + 1] == 1) {
            *len = n;
            *used = i + 2;
            return PHR_OK;
        }

        if (i + 1 == PHR_KEY_STR && p[i + 1] == 0) {
            /* the pair 00 FF of a long string was cut in the middle */
            continue;
        }

        if (p[i + 1] != 0xff || n == PHR_KEY_STR) {
            return PHR_ECORRUPT;
        }

        out[n++] = '\0';
        i++;
    }

    return PHR_ECORRUPT;
}


static int64_t
phr_floor_div(int64_t a, int64_t b)
{
    int64_t  q;

    q = a / b;

    return q * b > a ? q - 1 : q;
}
