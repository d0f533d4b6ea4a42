/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/bytes.c.
 */

#include "../../src/core/bytes.c"

#include "tap.h"


static void
varint(uint64_t v, size_t size)
{
    uint8_t         p[10];
    uint64_t        back;
    const uint8_t  *q;

    is_int(phr_put_uvarint(p, v), size, "%" PRIu64 " takes %zu bytes", v,
           size);
    q = p;
    is_int(phr_get_uvarint(&q, p + size, &back), PHR_OK, "is read");
    ok(back == v && q == p + size, "back the same");
    q = p;
    is_int(phr_get_uvarint(&q, p + size - 1, &back), PHR_ECORRUPT,
           "cut short");
    ok(q == p, "the cursor stays");
}


int
main(void)
{
    int             i, good;
    char            text[300];
    size_t          n;
    uint8_t         large[4100];
    uint32_t        w;
    uint8_t         p[16];
    uint64_t        v;
    phr_buf_t       b;
    phr_xxh64_t     x;
    const uint8_t  *q;

    phr_put_be16(p, 0x0102);
    phr_put_be32(p + 2, 0x03040506);
    phr_put_be64(p + 6, 0x0708090a0b0c0d0eULL);
    for (i = 0, good = 1; i < 14; i++) {
        good = good && p[i] == i + 1;
    }
    ok(good, "big-endian order");
    ok(phr_get_be16(p) == 0x0102 && phr_get_be32(p + 2) == 0x03040506
       && phr_get_be64(p + 6) == 0x0708090a0b0c0d0eULL, "and back");

    varint(0, 1);
    varint(127, 1);
    varint(128, 2);
    varint(UINT64_MAX, 10);

    memset(p, 0xff, sizeof(p));
    q = p;
    is_int(phr_get_uvarint(&q, p + 16, &v), PHR_ECORRUPT, "too long");
    p[9] = 2;
    is_int(phr_get_uvarint(&q, p + 16, &v), PHR_ECORRUPT, "too large");

    ok(phr_unzigzag(phr_zigzag(INT64_MIN)) == INT64_MIN, "zigzag");
    is_int(phr_zigzag(-1), 1, "zigzag of -1");

    phr_buf_init(&b, 0);
    phr_buf_uvarint(&b, 300);
    ok(b.len == 2 && memcmp(b.data, "\xac\x02", 2) == 0, "varint in a buf");
    phr_buf_free(&b);

    for (i = 0; i < (int) sizeof(text); i++) {
        text[i] = (char) (i * 7);
    }

    is_int(phr_crc32c(0, "123456789", 9), 0xe3069283, "crc32c check value");
    is_int(phr_crc32c(phr_crc32c(0, "1234", 4), "56789", 5), 0xe3069283,
           "crc32c in two pieces");
    is_int((uint32_t) ~phr_crc32c_soft(~0u, (uint8_t *) "123456789", 9),
           0xe3069283, "crc32c without the instruction");
    for (i = 0, good = 1; i < (int) sizeof(text); i++) {
        good = good
               && phr_crc32c(5, text, (size_t) i)
                  == (uint32_t) ~phr_crc32c_soft(~5u, (uint8_t *) text,
                                                 (size_t) i);
    }
    ok(good, "both ways agree for all lengths");

    for (i = 0, w = 1; i < (int) sizeof(large); i++) {
        w = w * 1103515245 + 12345;
        large[i] = (uint8_t) (w >> 16);
    }

    for (i = 0, good = 1; i < (int) sizeof(large); i++) {
        n = sizeof(large) - (size_t) i;
        good = good && phr_crc32c((uint32_t) i, large + i, n)
                       == (uint32_t) ~phr_crc32c_soft(~(uint32_t) i,
                                                      large + i, n);
    }
    ok(good, "and for what is as long as a record, in lanes");

    ok(phr_xxh64("", 0) == 0xef46db3751d8e999ULL, "xxh64 of nothing");
    ok(phr_xxh64("a", 1) == 0xd24ec4f1a98c6e5bULL, "xxh64 of a");
    ok(phr_xxh64("abc", 3) == 0x44bc2cf5ad770999ULL, "xxh64 of abc");
    ok(phr_xxh64("Nobody inspects the spammish repetition", 39)
       == 0xfbcea83c8a378bf1ULL, "xxh64 of more than a stripe");

    for (i = 0, good = 1; i < (int) sizeof(text); i++) {
        phr_xxh64_init(&x);
        phr_xxh64_update(&x, text, (size_t) i);
        phr_xxh64_update(&x, text + i, sizeof(text) - (size_t) i);
        good = good && phr_xxh64_final(&x) == phr_xxh64(text, sizeof(text));
    }
    ok(good, "xxh64 in two pieces, cut anywhere");

    return done_testing();
}
