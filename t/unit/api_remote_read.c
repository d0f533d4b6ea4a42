/*
 * Copyright (C) The Pharos Authors
 *
 * Remote read: requests, and series with native histograms, byte by byte.
 * Answers to a real Prometheus are tested in t/remote_read.t.
 */

#include "api/remote_read.h"

#include <stdlib.h>

#include "core/protobuf.h"

#include "tap.h"


static const phr_hist_span_t  spans[] = { { -1, 1 }, { 1, 2 } };
static const double           counts[] = { 4, 0, 6 };


/* "\0\1" as it is written in C, in hexadecimal */
static const char *
hex(const phr_buf_t *b)
{
    size_t        i;
    static char   text[2000];

    for (i = 0; i < b->len && i < sizeof(text) / 2 - 1; i++) {
        (void) snprintf(text + 2 * i, 3, "%02x", (uint8_t) b->data[i]);
    }

    text[2 * i] = '\0';

    return text;
}


/* the fields of the histogram in a series, by number and in hexadecimal */
static const char *
histogram(const phr_hist_t *h)
{
    size_t                 n;
    int64_t                t_ms;
    double                 v;
    phr_buf_t              out, all;
    phr_series_t           s;
    phr_protobuf_t         p;
    phr_protobuf_field_t   f;
    static char            text[2000];

    t_ms = 1000;
    v = h->sum;

    memset(&s, 0, sizeof(s));
    s.t_ms = &t_ms;
    s.v = &v;
    s.h = &h;
    s.n = 1;

    phr_buf_init(&out, 0);
    phr_buf_init(&all, 0);
    phr_remote_read_samples(&out, &s);

    phr_protobuf_open(&p, phr_buf_view(&out));

    if (phr_protobuf_next(&p, &f) != PHR_OK || f.field != 1
        || p.p != p.end)
    {
        return "no series";
    }

    phr_protobuf_open(&p, f.bytes);

    if (phr_protobuf_next(&p, &f) != PHR_OK || f.field != 4
        || p.p != p.end)
    {
        return "no histogram";
    }

    phr_protobuf_open(&p, f.bytes);

    while (phr_protobuf_next(&p, &f) == PHR_OK) {
        phr_buf_printf(&all, "%u:", f.field);

        if (f.wire == PHR_PROTOBUF_FIXED64) {
            phr_buf_printf(&all, "%g ", phr_double_from_bits(f.bits));

        } else if (f.wire == PHR_PROTOBUF_VARINT) {
            phr_buf_printf(&all, "%llu ", (unsigned long long) f.bits);

        } else {
            phr_buf_putc(&all, '(');

            for (n = 0; n < f.bytes.len; n++) {
                phr_buf_printf(&all, "%02x", (uint8_t) f.bytes.data[n]);
            }

            phr_buf_puts(&all, ") ");
        }
    }

    (void) snprintf(text, sizeof(text), "%s", phr_buf_cstr(&all));

    phr_buf_free(&out);
    phr_buf_free(&all);

    return text;
}


static void
histograms(void)
{
    double      bound;
    phr_hist_t  h;

    memset(&h, 0, sizeof(h));
    h.integer = 1;
    h.count = 12;
    h.zero_count = 2;
    h.zero_threshold = 0.5;
    h.sum = -1.5;
    h.schema = -2;
    h.hint = PHR_HIST_GAUGE;
    h.positive.spans = spans;
    h.positive.nspans = 2;
    h.positive.counts = counts;
    h.positive.n = 3;

    is_str(histogram(&h),
           "1:12 6:2 3:-1.5 4:3 5:0.5 11:(0801" "1001) 11:(0802" "1002) "
           "12:(08070c) 14:3 15:1000 ", "of whole numbers");

    h.integer = 0;
    h.count = 0;
    h.zero_count = 0.5;
    h.schema = PHR_HIST_CUSTOM;
    h.hint = PHR_HIST_RESET_UNKNOWN;
    h.positive.nspans = 1;
    h.positive.n = 1;
    h.nbounds = 1;
    bound = 2;
    h.bounds = &bound;

    is_str(histogram(&h),
           "2:0 7:0.5 3:-1.5 4:105 5:0.5 11:(0801" "1001) "
           "13:(0000000000001040) 16:(0000000000000040) 15:1000 ",
           "of fractions, with bounds");
}


/* the fields of samples: numbers that are 0 are left out, -0 is not */
static void
samples(void)
{
    phr_buf_t      out;
    phr_series_t   s;

    static const int64_t  t_ms[] = { -1, 0 };
    static const double   v[] = { 0, -0.0 };

    memset(&s, 0, sizeof(s));
    s.t_ms = t_ms;
    s.v = v;
    s.n = 2;

    phr_buf_init(&out, 0);
    phr_remote_read_samples(&out, &s);
    is_str(hex(&out),
           "0aa080808000" "128b80808000" "10ffffffffffffffffff01"
           "128980808000" "090000000000000080", "samples");
    phr_buf_free(&out);
}


/* floats among histograms, of integers and not: a chunk of each kind */

static void
mixed(void)
{
    phr_buf_t                out;
    phr_arena_t             *arena;
    phr_series_t             s;

    static const phr_hist_t  integer = { .integer = 1 }, real = { .sum = 0 };
    static const int64_t     t_ms[] = { 1, 2, 3, 4 };
    static const double      v[] = { 0, 5, 6, 0 };
    const phr_hist_t        *h[] = { &integer, NULL, NULL, &real };

    memset(&s, 0, sizeof(s));
    s.t_ms = t_ms;
    s.v = v;
    s.n = 4;
    s.h = h;

    arena = phr_arena_create(0);
    phr_buf_init(&out, 0);
    is_int(phr_remote_read_chunks(&out, 0, &s, arena), PHR_OK, "chunks");

    ok(strstr(hex(&out), "08011001180222") != NULL, "of an integer");
    ok(strstr(hex(&out), "08021003180122") != NULL, "of two floats");
    ok(strstr(hex(&out), "08041004180322") != NULL, "and of a float one");

    phr_buf_free(&out);
    phr_arena_destroy(arena);
}


static void
limits(void)
{
    int                 i;
    phr_err_t           err;
    phr_buf_t           b;
    phr_arena_t        *arena;
    phr_remote_read_t   r;

    arena = phr_arena_create(0);
    phr_buf_init(&b, 0);

    for (i = 0; i < PHR_REMOTE_READ_MAX_QUERIES; i++) {
        phr_buf_append(&b, "\x0a\0", 2);
    }

    is_int(phr_remote_read_decode(phr_buf_view(&b), arena, NULL, &r, &err),
           PHR_OK, "so many queries");
    is_int(r.n, PHR_REMOTE_READ_MAX_QUERIES, "are taken");
    phr_remote_read_free(&r);

    phr_buf_append(&b, "\x0a\0", 2);
    is_int(phr_remote_read_decode(phr_buf_view(&b), arena, NULL, &r, &err),
           PHR_EINVAL, "one more is not");
    phr_remote_read_free(&r);

    phr_buf_reset(&b);

    for (i = 0; i <= PHR_REMOTE_READ_MAX_MATCHERS; i++) {
        phr_buf_append(&b, "\x0a\x0b\x1a\x09\x08\2\x12\1a\x1a\2.b", 13);
    }

    /* by then a thousand regexes are there */
    is_int(phr_remote_read_decode(phr_buf_view(&b), arena, NULL, &r, &err),
           PHR_EINVAL, "nor that many matchers");
    phr_remote_read_free(&r);

    phr_buf_free(&b);
    phr_arena_destroy(arena);
}


int
main(void)
{
    samples();
    histograms();
    mixed();
    limits();

    return done_testing();
}
