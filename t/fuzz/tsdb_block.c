/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as files of a block of Prometheus, their checksums made right so
 * that what is behind them is reached: the first byte chooses the file.
 */

#include "fuzz.h"

#include "core/bytes.h"
#include "ingest/tsdb.h"


static int64_t  t_ms[PHR_TSDB_MAX_SAMPLES];
static double   v[PHR_TSDB_MAX_SAMPLES];


/* the checksum behind len bytes, if it is within the file */
static void
mend(char *p, size_t size, uint64_t at, uint64_t len)
{
    if (at <= size && len <= size - at && size - at - len >= 4) {
        phr_put_be32((uint8_t *) p + at + len,
                     phr_crc32c(0, p + at, (size_t) len));
    }
}


/*
 * magic, version, symbols, series and the table of contents: the fuzzer
 * gives what is between, its length of symbols in one byte
 */
static void
index_file(phr_str_t in, unsigned version)
{
    char               *p;
    size_t              i, size, nsymbols;
    uint64_t            len;
    phr_err_t           err;
    phr_arena_t        *arena;
    const uint8_t      *q;
    phr_tsdb_index_t    ix;
    phr_tsdb_series_t   s;

    if (in.len < 5) {
        return;
    }

    size = 5 + 4 + in.len + 4 + 52;
    nsymbols = phr_min((size_t) (uint8_t) in.data[0], in.len - 5) + 4;

    p = calloc(1, size);
    fuzz_check(p != NULL);

    phr_put_be32((uint8_t *) p, 0xbaaad700);
    p[4] = (char) version;
    phr_put_be32((uint8_t *) p + 5, (uint32_t) nsymbols);
    memcpy(p + 9, in.data + 1, nsymbols);
    mend(p, size, 9, nsymbols);

    i = 9 + nsymbols + 4;
    memcpy(p + i, in.data + 1 + nsymbols, in.len - 1 - nsymbols);

    phr_put_be64((uint8_t *) p + size - 52, 5);
    phr_put_be64((uint8_t *) p + size - 44, i);
    mend(p, size, size - 52, 48);

    /* each series, as the reader will find them */

    while (i < size - 52) {

        if (p[i] == 0) {
            i++;
            continue;
        }

        q = (uint8_t *) p + i;

        if (phr_get_uvarint(&q, (uint8_t *) p + size - 52, &len) != PHR_OK
            || len > size)
        {
            break;
        }

        i = (size_t) (q - (uint8_t *) p);
        mend(p, size - 52, i, len);
        i += len + 4;
    }

    arena = phr_arena_create(1 << 20);
    phr_err_init(&err);

    if (phr_tsdb_index_open(&ix, phr_str_from(p, size), &err) == PHR_OK) {

        while (phr_tsdb_index_next(&ix, arena, &s, &err) == PHR_OK) {
            for (i = 0; i < s.nchunks; i++) {
                fuzz_check(s.chunks[i].min_ms <= s.chunks[i].max_ms);
            }

            for (i = 1; i < s.labels.n; i++) {
                fuzz_check(phr_str_cmp(s.labels.l[i - 1].name,
                                       s.labels.l[i].name) < 0);
            }

            phr_arena_reset(arena);
        }
    }

    phr_tsdb_index_close(&ix);
    phr_arena_destroy(arena);
    free(p);
}


static void
xor(phr_str_t in)
{
    size_t     i, n;
    phr_err_t  err;

    in = fuzz_copy(in.data, in.len);

    if (phr_tsdb_xor(in, t_ms, v, &n, &err) == PHR_OK) {
        for (i = 1; i < n; i++) {
            fuzz_check(t_ms[i - 1] < t_ms[i]);
        }
    }

    fuzz_free(in);
}


static void
hists(phr_str_t in, int is_float)
{
    size_t        i, n;
    phr_err_t     err;
    phr_arena_t  *arena;

    static const phr_hist_t  *h[PHR_TSDB_MAX_SAMPLES];

    in = fuzz_copy(in.data, in.len);
    arena = phr_arena_create(16 << 20);
    fuzz_check(arena != NULL);

    if (phr_tsdb_hists(in, is_float, arena, t_ms, h, &n, &err) == PHR_OK) {
        for (i = 0; i < n; i++) {
            fuzz_check(i == 0 || t_ms[i - 1] < t_ms[i]);
            phr_hist_validate(h[i], NULL);
        }
    }

    phr_arena_destroy(arena);
    fuzz_free(in);
}


static void
plain(phr_str_t in)
{
    int                encoding;
    phr_err_t          err;
    phr_str_t          data;
    phr_array_t        stones;
    phr_tsdb_index_t   ix;

    in = fuzz_copy(in.data, in.len);

    if (in.len > 12) {
        mend((char *) in.data, in.len, 5, in.len - 9);
    }

    phr_array_init(&stones, sizeof(phr_tsdb_tombstone_t));
    phr_tsdb_tombstones(in, &stones, &err);
    fuzz_check(stones.nelts <= in.len / 3);
    phr_array_free(&stones);

    if (in.len > 14) {
        mend((char *) in.data, in.len, 9, in.len - 13);
    }

    if (phr_tsdb_segment_check(in, &err) == PHR_OK
        && phr_tsdb_chunk(in, 8, &encoding, &data, &err) == PHR_OK)
    {
        fuzz_check(data.len < in.len);
    }

    phr_tsdb_chunk(in, in.len ? (uint8_t) in.data[0] : 0, &encoding, &data,
                   &err);

    phr_tsdb_index_open(&ix, in, &err);
    phr_tsdb_index_close(&ix);

    fuzz_free(in);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    phr_str_t  in;

    if (size == 0) {
        return 0;
    }

    in = phr_str_from((const char *) data + 1, size - 1);

    switch (data[0] % 6) {
    case 0:
        index_file(in, 1);
        break;
    case 1:
        index_file(in, 2);
        break;
    case 2:
        xor(in);
        break;
    case 3:
    case 4:
        hists(in, data[0] % 6 == 4);
        break;
    default:
        plain(in);
    }

    return 0;
}
