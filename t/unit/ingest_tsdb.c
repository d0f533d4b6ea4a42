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
    tombstones();

    phr_buf_free(&file);

    return done_testing();
}
