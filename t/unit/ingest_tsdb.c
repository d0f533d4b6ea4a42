/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb: small files of blocks, byte by byte; and the same with each of their
 * bits changed, which is always found.
 */

#include "ingest/tsdb.h"

#include "core/bytes.h"

#include "tap.h"


static phr_buf_t  file;
static size_t     series_at;        /* in the index made last */


static void
be(uint64_t v, int n)
{
    while (n-- > 0) {
        phr_buf_putc(&file, (char) (v >> (8 * n)));
    }
}


/* the checksum of what was written since */
static void
crc(size_t since)
{
    be(phr_crc32c(0, file.data + since, file.len - since), 4);
}


static void
series(const char *bytes, size_t len)
{
    size_t  at;

    phr_buf_putc(&file, (char) len);
    at = file.len;
    phr_buf_append(&file, bytes, len);
    crc(at);
}


/* {a="b"} with two chunks, {a="b",c=""} with one */
static void
make_index(unsigned version)
{
    char    text[32];
    size_t  at, from;

    /* by number; or by offset, where "a" is at 13, "b" at 15 ... */
    static const char  refs[][4] = { { 0, 1, 2, 3 }, { 13, 15, 17, 19 } };
    const char        *r = refs[version == 1];

    phr_buf_reset(&file);
    be(0xbaaad700, 4);
    be(version, 1);

    be(4 + 7, 4);
    at = file.len;
    be(4, 4);
    phr_buf_append(&file, "\1a\1b\1c\0", 7);
    crc(at);

    while (version != 1 && file.len % 16 != 0) {
        phr_buf_putc(&file, 0);
    }

    from = file.len;
    series_at = from;

    text[0] = 1;
    text[1] = r[0];
    text[2] = r[1];
    memcpy(text + 3, "\2\x09\6\x08\1\4\x0a", 7);  /* -5 to 1, 2 to 6 */
    series(text, 10);

    while (version != 1 && file.len % 16 != 0) {
        phr_buf_putc(&file, 0);
    }

    text[0] = 2;
    text[3] = r[2];
    text[4] = r[3];
    memcpy(text + 5, "\1\x0a\0\x80\x80\x80\x80\x10", 8);   /* 5 at 1:0 */
    series(text, 13);

    at = file.len;
    be(5, 8);
    be(from, 8);
    be(0, 8);
    be(0, 8);
    be(0, 8);
    be(0, 8);
    crc(at);
}


/* what an index says: {labels} min-max@segment:offset ...; or an error */
static const char *
read_index(phr_str_t bytes)
{
    int                 rc;
    size_t              i;
    phr_err_t           err;
    phr_arena_t        *arena;
    phr_tsdb_index_t    ix;
    phr_tsdb_series_t   s;
    static phr_buf_t    out;

    phr_buf_reset(&out);
    phr_err_init(&err);
    arena = phr_arena_create(0);

    rc = phr_tsdb_index_open(&ix, bytes, &err);

    while (rc == PHR_OK
           && (rc = phr_tsdb_index_next(&ix, arena, &s, &err)) == PHR_OK)
    {
        phr_labels_format(&out, s.labels);

        for (i = 0; i < s.nchunks; i++) {
            phr_buf_printf(&out, " %lld-%lld@%u:%u",
                           (long long) s.chunks[i].min_ms,
                           (long long) s.chunks[i].max_ms,
                           s.chunks[i].segment, s.chunks[i].offset);
        }

        phr_buf_puts(&out, "|");
    }

    if (rc != PHR_DONE) {
        phr_buf_puts(&out, err.text);
    }

    phr_tsdb_index_close(&ix);
    phr_arena_destroy(arena);

    return phr_buf_cstr(&out);
}


static void
indexes(void)
{
    char        *copy;
    size_t       i, missed;
    unsigned     version;

    static const char  want[] =
        "{a=\"b\"} -5-1@0:8 2-6@0:13|{a=\"b\"} 5-5@1:0|";

    for (version = 1; version <= 3; version++) {
        make_index(version);
        is_str(read_index(phr_buf_view(&file)), want, "index of format %u",
               version);

        missed = 0;
        copy = malloc(file.len);

        for (i = 0; i < file.len * 8; i++) {
            memcpy(copy, file.data, file.len);
            copy[i / 8] ^= (char) (1 << i % 8);

            /* format 2 may become 3, the same here; nobody reads zeros */
            missed += i / 8 != 4 && (i / 8 < 24 || i / 8 >= series_at)
                      && strcmp(read_index(phr_str_from(copy, file.len)),
                                want) == 0;
        }

        is_int(missed, 0, "format %u: no changed bit goes unnoticed",
               version);
        missed = 0;

        for (i = 0; i < file.len; i++) {
            free(copy);
            copy = malloc(i + 1);
            memcpy(copy, file.data, i);
            missed += strcmp(read_index(phr_str_from(copy, i)), want) == 0;
        }

        is_int(missed, 0, "format %u: nor that it was cut", version);
        free(copy);
    }

    make_index(4);
    is_str(read_index(phr_buf_view(&file)),
           "an index of format 4, 1 to 3 are known", "format 4");
}


static void
chunks(void)
{
    int         encoding;
    size_t      at, i, missed;
    phr_err_t   err;
    phr_str_t   data;

    phr_buf_reset(&file);
    be(0x85bd40dd, 4);
    be(1, 1);
    be(0, 3);
    phr_buf_putc(&file, 3);
    at = file.len;
    phr_buf_append(&file, "\1abc", 4);
    crc(at);

    is_int(phr_tsdb_segment_check(phr_buf_view(&file), &err), PHR_OK,
           "a file of chunks");
    is_int(phr_tsdb_chunk(phr_buf_view(&file), 8, &encoding, &data, &err),
           PHR_OK, "a chunk");
    is_int(encoding, PHR_TSDB_XOR, "its encoding");
    ok(phr_str_eq(data, phr_str_of("abc")), "its data");

    for (i = 0; i < 64; i++) {
        if (i != 8 && phr_tsdb_chunk(phr_buf_view(&file), (uint32_t) i,
                                     &encoding, &data, &err)
                      != PHR_ECORRUPT)
        {
            break;
        }
    }

    is_int(i, 64, "nowhere else is one");

    missed = 0;

    for (i = 8 * 8; i < file.len * 8; i++) {
        file.data[i / 8] ^= (char) (1 << i % 8);
        missed += phr_tsdb_chunk(phr_buf_view(&file), 8, &encoding, &data,
                                 &err)
                  == PHR_OK;
        file.data[i / 8] ^= (char) (1 << i % 8);
    }

    is_int(missed, 0, "no changed bit goes unnoticed");
}


static void
xors(void)
{
    int         rc;
    double     *v;
    size_t      i, k, n;
    int64_t    *t;
    phr_err_t   err;
    phr_buf_t   b;

    /* after count and varint of the first time */
    static const struct {
        const char  *bytes;
        size_t       len;
        const char  *want;
    } cases[] = {
        { "\0\0", 2, "" },
        { "\0\1\5\x3f\xf8\0\0\0\0\0\0", 11, "-3=1.5 " },
        /* +15, same; +15, same (bits 0 0) */
        { "\0\3\5\x3f\xf8\0\0\0\0\0\0\x0f\0", 13, "-3=1.5 12=1.5 27=1.5 " },
        /* 11, one zero, one bit: 1 */
        { "\0\2\0\0\0\0\0\0\0\0\0\1\xc2\x0c", 14,
          "0=0 1=2 " },
        /* 14 bits of -1: 10 11111111111111, then same */
        { "\0\3\0\0\0\0\0\0\0\0\0\5\x5f\xff\x80", 15, "0=0 5=0 9=0 " },
        /* 14 bits of 8192, the highest alone, are positive */
        { "\0\3\0\0\0\0\0\0\0\0\0\5\x50\0\0", 15, "0=0 5=0 8202=0 " },
        /* 1111 and 64 bits */
        { "\0\3\0\0\0\0\0\0\0\0\0\5\x78\0\0\0\0\0\0\0\x08", 21,
          "0=0 5=0 11=0 " },
        { "", 0, "!" }, { "\0", 1, "!" }, { "\0\1", 2, "!" },
        { "\0\1\5\x3f\xf8\0\0\0\0\0", 10, "!" },
        { "\0\2\5\x3f\xf8\0\0\0\0\0\0", 11, "!" },
        { "\0\2\5\x3f\xf8\0\0\0\0\0\0\x0f", 12, "!" },
        { "\0\2\5\x3f\xf8\0\0\0\0\0\0\0\0", 13, "!" },
        { "\0\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 13, "!" },
        /* leading 31 and 34 bits are more than 64 */
        { "\0\2\0\0\0\0\0\0\0\0\0\1\xff\x17\xff\xff\xff\xff", 18, "!" },
        { "\xff\xff\5\x3f\xf8\0\0\0\0\0\0\x0f\0", 13, "!" },
    };

    t = malloc(PHR_TSDB_MAX_SAMPLES * sizeof(int64_t));
    v = malloc(PHR_TSDB_MAX_SAMPLES * sizeof(double));
    phr_buf_init(&b, 0);

    for (i = 0; i < phr_nelems(cases); i++) {
        phr_buf_reset(&b);
        rc = phr_tsdb_xor(phr_str_from(cases[i].bytes, cases[i].len), t, v,
                          &n, &err);

        for (k = 0; rc == PHR_OK && k < n; k++) {
            phr_buf_printf(&b, "%lld=%g ", (long long) t[k], v[k]);
        }

        is_str(rc == PHR_OK ? phr_buf_cstr(&b) : "!", cases[i].want,
               "chunk %zu", i);
    }

    phr_buf_free(&b);
    free(t);
    free(v);
}


/* chunks that are written are read again, bit by bit */
static void
encodes(void)
{
    size_t      i, n, same;
    double      in[1000], *v;
    int64_t     at[1000], *t;
    uint64_t    seed;
    phr_err_t   err;
    phr_buf_t   b;

    static const char  known[] = "\0\3\0\0\0\0\0\0\0\0\0\5"
                                 "\x50\0\0";
    static const char  two[] = "\0\2\0\0\0\0\0\0\0\0\0\1\xc2\x0c";

    t = malloc(PHR_TSDB_MAX_SAMPLES * sizeof(int64_t));
    v = malloc(PHR_TSDB_MAX_SAMPLES * sizeof(double));
    phr_buf_init(&b, 0);

    at[0] = 0;
    at[1] = 5;
    at[2] = 8202;
    in[0] = in[1] = in[2] = 0;
    phr_tsdb_xor_encode(at, in, 3, &b);
    ok(b.len == sizeof(known) - 1 && memcmp(b.data, known, b.len) == 0,
       "times, as Prometheus writes them");

    phr_buf_reset(&b);
    at[1] = 1;
    in[1] = 2;
    phr_tsdb_xor_encode(at, in, 2, &b);
    ok(b.len == sizeof(two) - 1 && memcmp(b.data, two, b.len) == 0,
       "values, as Prometheus writes them");

    /* steps and values of all sizes; and NaN with what they carry */

    seed = 1;

    for (i = 0; i < phr_nelems(at); i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        at[i] = (i == 0 ? -50 : at[i - 1]) + 1
                + (int64_t) (seed >> (20 + seed % 44));
        in[i] = i % 7 == 0 ? phr_double_from_bits(seed)
                : i % 5 == 0 && i > 0 ? in[i - 1]
                : i % 3 == 0 ? (double) (int64_t) i : i * 0.1;
    }

    in[3] = phr_double_from_bits(PHR_STALE_NAN_BITS);
    in[4] = -0.0;

    phr_buf_reset(&b);
    phr_tsdb_xor_encode(at, in, phr_nelems(at), &b);
    is_int(phr_tsdb_xor(phr_buf_view(&b), t, v, &n, &err), PHR_OK,
           "a long one is read");
    is_int(n, phr_nelems(at), "all of it");

    for (i = 0, same = 0; i < n; i++) {
        same += t[i] == at[i]
                && phr_double_bits(v[i]) == phr_double_bits(in[i]);
    }

    is_int(same, phr_nelems(at), "bit by bit");

    phr_buf_free(&b);
    free(t);
    free(v);
}


static void
tombstones(void)
{
    size_t                 i, missed;
    phr_err_t              err;
    phr_array_t            out;
    phr_tsdb_tombstone_t  *s;

    phr_buf_reset(&file);
    be(0x0130ba30, 4);
    be(1, 1);
    phr_buf_append(&file, "\5\1\x10\x80\1\2\2", 7);
    crc(5);

    phr_array_init(&out, sizeof(phr_tsdb_tombstone_t));

    is_int(phr_tsdb_tombstones(phr_buf_view(&file), &out, &err), PHR_OK,
           "tombstones");
    is_int(out.nelts, 2, "two of them");

    s = out.elts;
    ok(s[0].ref == 5 && s[0].min_ms == -1 && s[0].max_ms == 8, "the first");
    ok(s[1].ref == 128 && s[1].min_ms == 1 && s[1].max_ms == 1,
       "the second");

    missed = 0;

    for (i = 0; i < file.len * 8; i++) {
        file.data[i / 8] ^= (char) (1 << i % 8);
        missed += phr_tsdb_tombstones(phr_buf_view(&file), &out, &err)
                  == PHR_OK;
        file.data[i / 8] ^= (char) (1 << i % 8);
    }

    is_int(missed, 0, "no changed bit goes unnoticed");
    phr_array_free(&out);
}


int
main(void)
{
    phr_buf_init(&file, 0);

    indexes();
    chunks();
    xors();
    encodes();
    tombstones();

    phr_buf_free(&file);

    return done_testing();
}
