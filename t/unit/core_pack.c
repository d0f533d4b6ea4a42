/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/pack.c and core/packing.c.
 */

#include "core/packing.h"

#include "tap.h"


#define SIZE  300000


static char  text[SIZE];


static void
format(phr_pack_format_e f, const char *name)
{
    int        good;
    size_t     i;
    phr_buf_t  packed, back;
    phr_err_t  err;

    phr_buf_init(&packed, 0);
    phr_buf_init(&back, 0);
    phr_buf_puts(&packed, "x");
    phr_buf_puts(&back, "y");

    is_int(phr_pack(f, phr_str_from(text, SIZE), &packed, &err), PHR_OK,
           "%s packs", name);
    ok(packed.len < SIZE / 2, "and makes it smaller");
    is_int(phr_unpack(f, phr_str_from(packed.data + 1, packed.len - 1), 0,
                      &back, &err), PHR_OK, "unpacks");
    ok(back.len == SIZE + 1 && memcmp(back.data + 1, text, SIZE) == 0
       && back.data[0] == 'y', "to the same, behind what was there");

    back.len = 1;
    is_int(phr_unpack(f, phr_str_from(packed.data + 1, packed.len - 1), SIZE,
                      &back, &err), PHR_OK, "up to the limit");
    back.len = 1;
    is_int(phr_unpack(f, phr_str_from(packed.data + 1, packed.len - 1),
                      SIZE - 1, &back, &err), PHR_ELIMIT, "beyond it");
    is_int(back.len, 1, "leaves nothing behind");

    for (i = 0, good = 1; i < packed.len - 1; i += 97) {
        good = good && phr_unpack(f, phr_str_from(packed.data + 1, i), 0,
                                  &back, &err) == PHR_ECORRUPT
               && back.len == 1;
    }
    ok(good, "whatever is cut short is damaged");

    is_int(phr_unpack(f, phr_str_of("\xff\xff\xff\xff\x0f no such thing"), 0,
                      &back, &err), PHR_ECORRUPT, "nonsense is refused");

    packed.len = 0;
    is_int(phr_pack(f, phr_str_of(""), &packed, &err), PHR_OK, "nothing");
    is_int(phr_unpack(f, phr_buf_view(&packed), 0, &back, &err), PHR_OK,
           "there and back");
    is_int(back.len, 1, "is nothing");

    phr_buf_free(&packed);
    phr_buf_free(&back);
}


/* piece by piece, as an answer is sent while it is made */

static void
pieces(phr_pack_format_e f, const char *name)
{
    int             rc;
    size_t          i, n, longest;
    phr_buf_t       packed, back;
    phr_err_t       err;
    phr_packing_t  *p;

    phr_buf_init(&packed, 0);
    phr_buf_init(&back, 0);

    p = phr_packing_create(f);
    longest = 0;

    for (i = 0, rc = PHR_OK; i < SIZE && rc == PHR_OK; i += n) {
        n = phr_min(1 + i % 7919, SIZE - i);
        longest = phr_max(longest, n);
        rc = phr_packing_write(p, phr_str_from(text + i, n), 0, &packed,
                               &err);
    }

    is_int(rc, PHR_OK, "%s in pieces of up to %zu bytes", name, longest);
    is_int(phr_packing_write(p, phr_str_of(""), 1, &packed, &err), PHR_OK,
           "and their end");
    phr_packing_destroy(p);

    ok(packed.len < SIZE / 2, "are smaller");
    is_int(phr_unpack(f, phr_buf_view(&packed), 0, &back, &err), PHR_OK,
           "unpack");
    ok(back.len == SIZE && memcmp(back.data, text, SIZE) == 0,
       "to the same");

    phr_buf_reset(&packed);
    phr_buf_reset(&back);

    p = phr_packing_create(f);
    is_int(phr_packing_write(p, phr_str_of(""), 1, &packed, &err), PHR_OK,
           "an end alone");
    phr_packing_destroy(p);

    is_int(phr_unpack(f, phr_buf_view(&packed), 0, &back, &err), PHR_OK,
           "unpacks");
    is_int(back.len, 0, "to nothing");

    phr_buf_free(&packed);
    phr_buf_free(&back);
}


int
main(void)
{
    int        i;
    phr_buf_t  two, back;

    for (i = 0; i < SIZE; i++) {
        text[i] = (char) ("pharos "[i % 7] + (i / 1000) % 3);
    }

    format(PHR_PACK_SNAPPY, "snappy");
    format(PHR_PACK_ZSTD, "zstd");
    format(PHR_PACK_GZIP, "gzip");
    pieces(PHR_PACK_ZSTD, "zstd");
    pieces(PHR_PACK_GZIP, "gzip");

    phr_buf_init(&two, 0);
    phr_buf_init(&back, 0);
    phr_pack(PHR_PACK_GZIP, phr_str_of("ab"), &two, NULL);
    phr_pack(PHR_PACK_GZIP, phr_str_of("cd"), &two, NULL);
    is_int(phr_unpack(PHR_PACK_GZIP, phr_buf_view(&two), 0, &back, NULL),
           PHR_OK, "two gzip members");
    is_str(phr_buf_cstr(&back), "abcd", "are one text");
    phr_buf_free(&two);
    phr_buf_free(&back);

    return done_testing();
}
