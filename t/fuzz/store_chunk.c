/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as what the store reads from disk, the checksum being right by
 * chance: the first byte chooses what.  Damage is told, never read past.
 * And any doubles and integers come back from a chunk bit for bit.
 */

#include "fuzz.h"

#include "store/bits.h"
#include "store/block.h"
#include "store/coarse.h"
#include "store/exemplar.h"
#include "store/hist_chunk.h"
#include "store/loose.h"
#include "store/postings.h"
#include "store/row.h"
#include "store/series.h"
#include "store/source.h"


/* bytes followed by what decoders of chunks may look at */
static uint8_t *
padded(phr_str_t in)
{
    uint8_t  *p;

    p = malloc(in.len + PHR_BITS_PAD);
    fuzz_check(p != NULL);

    if (in.len != 0) {
        memcpy(p, in.data, in.len);
    }

    memset(p + in.len, 0xa5, PHR_BITS_PAD);

    return p;
}


static void
chunk(phr_str_t in, size_t n)
{
    double    v[PHR_CHUNK_MAX_SAMPLES];
    int64_t   first, x[PHR_CHUNK_MAX_SAMPLES];
    uint8_t  *p;

    p = padded(in);

    phr_chunk_decode(p, in.len, v, n);
    phr_ints_decode(p, in.len, x, n);
    phr_ints_first(p, in.len, &first);

    free(p);
}


/* a chunk of histograms that decodes comes back as it was */
static void
hists(phr_str_t in, size_t n)
{
    size_t             i, len, taken;
    uint8_t           *p, out[PHR_PACK_MAX + PHR_BITS_PAD];
    phr_arena_t       *arena;
    const phr_hist_t  *h[PHR_CHUNK_MAX_SAMPLES], *w[PHR_CHUNK_MAX_SAMPLES];

    arena = phr_arena_create(0);
    fuzz_check(arena != NULL);
    p = padded(in);

    if (phr_hist_chunk_decode(p, in.len, n, arena, h) == PHR_OK) {

        phr_hist_chunk_fits(h[0]);
        len = phr_hist_chunk_encode(h, n, out, PHR_PACK_MAX, &taken);

        if (len != 0) {
            fuzz_check(taken >= 1 && taken <= n && len <= PHR_PACK_MAX);
            memset(out + len, 0xa5, PHR_BITS_PAD);
            fuzz_check(phr_hist_chunk_decode(out, len, taken, arena, w)
                       == PHR_OK);

            for (i = 0; i < taken; i++) {
                fuzz_check(phr_hist_eq(h[i], w[i])
                           && h[i]->hint == w[i]->hint);
            }
        }
    }

    free(p);
    phr_arena_destroy(arena);
}


static void
again(phr_str_t in)
{
    size_t    i, n, len;
    double    v[PHR_CHUNK_MAX_SAMPLES], w[PHR_CHUNK_MAX_SAMPLES];
    int64_t   x[PHR_CHUNK_MAX_SAMPLES], y[PHR_CHUNK_MAX_SAMPLES];
    uint8_t  *p, out[PHR_CHUNK_BOUND(PHR_CHUNK_MAX_SAMPLES)];

    n = phr_min(in.len / 8, PHR_CHUNK_MAX_SAMPLES);
    if (n == 0) {
        return;
    }

    memcpy(v, in.data, n * 8);
    memcpy(x, in.data, n * 8);

    len = phr_chunk_encode(v, n, out);
    fuzz_check(len <= sizeof(out));

    p = padded(phr_str_from((char *) out, len));
    fuzz_check(phr_chunk_decode(p, len, w, n) == PHR_OK);
    fuzz_check(memcmp(v, w, n * 8) == 0);
    free(p);

    for (i = 0; i < n; i++) {
        x[i] >>= 4;
    }

    len = phr_ints_encode(x, n, out);
    fuzz_check(len <= sizeof(out));

    p = padded(phr_str_from((char *) out, len));
    fuzz_check(phr_ints_decode(p, len, y, n) == PHR_OK);
    fuzz_check(memcmp(x, y, n * 8) == 0);
    free(p);
}


static void
pack(phr_str_t in)
{
    size_t           i;
    double           v[PHR_CHUNK_MAX_SAMPLES];
    int64_t          t_ms[PHR_CHUNK_MAX_SAMPLES];
    phr_pack_t       p;
    phr_arena_t     *arena;
    phr_pack_key_t   key;
    phr_chunk_ref_t  ref;

    const phr_hist_t  *h[PHR_CHUNK_MAX_SAMPLES];

    if (in.len < PHR_KEY_PACK
        || !phr_key_pack_get(phr_str_from(in.data, PHR_KEY_PACK), &key))
    {
        return;
    }

    in = fuzz_copy(in.data + PHR_KEY_PACK, in.len - PHR_KEY_PACK);
    phr_pack_key_min(&key);
    phr_pack_key_max(&key);
    arena = phr_arena_create(0);
    fuzz_check(arena != NULL);

    if (phr_pack_open(&key, in, &p) == PHR_OK) {

        phr_pack_find(&p, key.first + 7);

        for (i = 0; i < p.nchunks; i++) {
            if (phr_pack_chunk(&p, i, &ref) == PHR_OK) {
                fuzz_check(ref.n <= PHR_CHUNK_MAX_SAMPLES);
                phr_chunk_ref_times(&ref, t_ms);
                phr_chunk_ref_values(&ref, v);

                if (ref.hists) {
                    phr_arena_reset(arena);
                    phr_chunk_ref_hists(&ref, arena, h);
                }
            }
        }
    }

    phr_arena_destroy(arena);
    fuzz_free(in);
}


static void
key(phr_str_t in)
{
    char           s[PHR_KEY_STR];
    int            level, is_long;
    size_t         len, used, n;
    int32_t        window;
    uint8_t        k[PHR_KEY_STR_MAX];
    phr_str_t      back;
    phr_head_t     head;
    phr_row_key_t  row;

    phr_key_row_get(in, &row);
    phr_key_window_get(in, &level, &window);
    phr_key_str_get((const uint8_t *) in.data, in.len, s, &len, &used);

    n = phr_key_str(k, in, 0, &is_long);
    fuzz_check(n <= sizeof(k));

    if (!is_long) {
        back = fuzz_copy(k, n);
        fuzz_check(phr_key_str_get((const uint8_t *) back.data, n, s, &len,
                                   &used) == PHR_OK);
        fuzz_check(used == n
                   && phr_str_eq(phr_str_from(s, len), in));
        fuzz_free(back);
    }

    if (in.len >= PHR_KEY_HEAD) {
        phr_head_decode(phr_str_from(in.data, PHR_KEY_HEAD),
                        phr_str_from(in.data + PHR_KEY_HEAD,
                                     in.len - PHR_KEY_HEAD), &head);
    }
}


/* a few columns, if they can be read, are as if all were */
static void
picked(const phr_row_t *row, const phr_terse_t *all)
{
    int                 rc;
    double              v[PHR_TERSE_MAX], whole[PHR_TERSE_MAX];
    size_t              i, ncols, every;
    uint16_t            col[PHR_TERSE_MAX];

    static phr_terse_t  few;

    every = 1 + row->len % 23;
    ncols = 0;

    for (i = row->len % every; i < row->n; i += every) {
        col[ncols++] = (uint16_t) i;
    }

    rc = phr_terse_open_pick(row->p, row->len, row->n, col, ncols, &few);
    fuzz_check(rc == PHR_OK || rc == PHR_ECORRUPT);

    if (rc != PHR_OK) {
        return;
    }

    for (i = 0; i < ncols; i++) {
        fuzz_check(phr_double_bits(few.v[i])
                   == phr_double_bits(all->v[col[i]]));
        fuzz_check(few.x[i] == all->x[col[i]]);
        fuzz_check(few.e[i] == all->e[col[i]]);
    }

    if (phr_terse_decode(row->p, row->len, all, whole, row->n) == PHR_OK
        && phr_terse_pick(row->p, row->len, row->n, col, ncols, &few, v)
           == PHR_OK)
    {
        for (i = 0; i < ncols; i++) {
            fuzz_check(phr_double_bits(v[i])
                       == phr_double_bits(whole[col[i]]));
        }
    }
}


static void
record(phr_str_t in)
{
    size_t             n;
    int64_t            last[PHR_GROUP_SIZE];
    phr_sids_t         ids;
    phr_arena_t       *arena;
    phr_loose_t        loose[PHR_LOOSE_MAX];
    phr_window_t       w;
    phr_row_t          row;
    phr_terse_t        terse;
    phr_loose_head_t   head;

    phr_window_decode(in, &w);
    phr_group_decode(in, last);

    if (phr_row_check(in, &row) == PHR_OK) {
        fuzz_check((const char *) row.p + row.len == in.data + in.len);

        if (row.terse) {
            fuzz_check(phr_terse_open(row.p, row.len, &terse, row.n)
                       == PHR_OK);
            picked(&row, &terse);
            fuzz_check(phr_terse_decode(row.p, row.len, &terse, terse.v,
                                        row.n) == PHR_OK);
        }
    }

    arena = phr_arena_create(0);
    fuzz_check(arena != NULL);

    if (phr_loose_head(in, &head) == PHR_OK
        && phr_loose_decode(3, in, NULL, loose, &n) == PHR_OK
        && phr_loose_decode(3, in, arena, loose, &n) == PHR_OK)
    {
        fuzz_check(n == head.n && n <= PHR_LOOSE_MAX);
        phr_loose_sort(loose, n);
    }

    phr_arena_destroy(arena);

    memset(&ids, 0, sizeof(ids));
    ids.nalloc = 64;
    ids.v = malloc(ids.nalloc * sizeof(phr_sid_t));
    fuzz_check(ids.v != NULL);

    if (phr_post_decode(17, in, &ids) == PHR_OK) {
        fuzz_check(ids.n > 0 && ids.n <= ids.nalloc && ids.v[0] == 17);
        phr_sids_sort(&ids);
    }

    free(ids.v);
}


/* what decodes as buckets comes back as it was */
static void
buckets(phr_str_t in)
{
    size_t        i, len;
    uint8_t      *p, *out;
    phr_str_t     key;
    phr_coarse_t  c, d;

    p = padded(in);
    phr_coarse_init(&c, in.len & 1, 0);

    if (phr_coarse_decode(&c, p, in.len) == PHR_OK) {
        out = malloc(PHR_COARSE_BOUND + PHR_BITS_PAD);
        fuzz_check(out != NULL);

        len = phr_coarse_encode(&c, out);
        fuzz_check(len <= PHR_COARSE_BOUND);
        memset(out + len, 0xa5, PHR_BITS_PAD);

        phr_coarse_init(&d, c.res, 0);
        fuzz_check(phr_coarse_decode(&d, out, len) == PHR_OK && d.n == c.n);

        for (i = 0; i < c.n; i++) {
            fuzz_check(c.place[i] == d.place[i]
                       && c.b[i].count == d.b[i].count
                       && c.b[i].first_ms == d.b[i].first_ms
                       && c.b[i].last_ms == d.b[i].last_ms
                       && memcmp(&c.b[i].last, &d.b[i].last, 8) == 0);
        }

        free(out);
    }

    free(p);

    if (in.len > PHR_KEY_COARSE) {
        key = phr_str_from(in.data, PHR_KEY_COARSE);
        in = fuzz_copy(in.data + PHR_KEY_COARSE, in.len - PHR_KEY_COARSE);
        phr_coarse_page_check(key, in);
        fuzz_free(in);
    }
}


/* exemplars that are read come back from a record that is written of them */
static void
exemplars(phr_str_t in)
{
    size_t                n, len;
    uint8_t              *out;
    phr_str_t             key, body;
    phr_exemplar_at_t     last;
    phr_exemplar_walk_t   w, again;

    key = phr_str_from("\0\0\0\0\0\0\0\1", PHR_KEY_EXEMPLAR);

    if (!phr_exemplar_fits(key, in)
        || phr_exemplar_open(&w, in) != PHR_OK)
    {
        return;
    }

    out = malloc(PHR_EXEMPLAR_HEAD + w.n * (size_t) PHR_EXEMPLAR_BOUND);
    fuzz_check(out != NULL);
    memset(&last, 0, sizeof(last));
    len = PHR_EXEMPLAR_HEAD;

    for (n = 0; phr_exemplar_next(&w) == PHR_OK; n++) {
        len += phr_exemplar_encode(out + len, &last, &w.at);
        last = w.at;
    }

    fuzz_check(n == w.n && len <= in.len);
    phr_exemplar_head_put(out, n, w.min_ms, w.max_ms);

    body = phr_str_from((char *) out, len);
    fuzz_check(phr_exemplar_fits(key, body));
    fuzz_check(phr_exemplar_open(&w, in) == PHR_OK
               && phr_exemplar_open(&again, body) == PHR_OK);

    while (phr_exemplar_next(&w) == PHR_OK) {
        fuzz_check(phr_exemplar_next(&again) == PHR_OK
                   && again.at.sid == w.at.sid
                   && again.at.t_ms == w.at.t_ms
                   && again.at.flags == w.at.flags
                   && phr_double_bits(again.at.v) == phr_double_bits(w.at.v)
                   && again.at.len == w.at.len
                   && memcmp(again.at.labels, w.at.labels, w.at.len) == 0);
    }

    free(out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    phr_str_t  in;

    if (size < 2) {
        return 0;
    }

    in = fuzz_copy(data + 2, size - 2);

    switch (data[0] % 8) {

    case 0:
        chunk(in, data[1] + 1u);
        break;

    case 1:
        again(in);
        break;

    case 2:
        pack(in);
        break;

    case 3:
        key(in);
        break;

    case 4:
        hists(in, data[1] + 1u);
        break;

    case 5:
        buckets(in);
        break;

    case 6:
        exemplars(in);
        break;

    default:
        record(in);
    }

    fuzz_free(in);

    return 0;
}
