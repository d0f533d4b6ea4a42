/*
 * Copyright (C) The Pharos Authors
 *
 * Native histograms in protobuf: both messages, integers and floats, lists
 * packed or not, and what is refused with which words.
 */

#include <math.h>

#include "core/buf.h"
#include "core/bytes.h"
#include "ingest/hist_protobuf.h"
#include "tap.h"


static phr_arena_t  *arena;


/*
 * A message from words: "3f=2.5" is field 3, a double; "1=5" a number; "4z=-2"
 * zigzag; "11s=2:3" a span; "12p=1,-2" packed zigzag; "13d=1,2" packed doubles
 */
static void
message(phr_buf_t *b, const char *text)
{
    char        kind, *end;
    double      d;
    int64_t     v;
    unsigned    field;
    uint64_t    bits;
    phr_buf_t   part;

    phr_buf_init(&part, 0);

    while (*text != '\0') {
        field = (unsigned) strtol(text, &end, 10);
        kind = *end != '=' ? *end++ : 0;
        text = end + 1;
        phr_buf_reset(&part);

        switch (kind) {

        case 0:
        case 'z':
            v = strtoll(text, &end, 10);
            phr_buf_uvarint(b, field << 3);
            phr_buf_uvarint(b, kind == 'z' ? phr_zigzag(v) : (uint64_t) v);
            break;

        case 'f':
            d = strtod(text, &end);
            bits = phr_double_bits(d);
            phr_buf_uvarint(b, field << 3 | 1);
            phr_buf_append(b, &bits, 8);
            break;

        case 's':
            phr_buf_putc(&part, 8);
            phr_buf_uvarint(&part, phr_zigzag(strtol(text, &end, 10)));
            phr_buf_putc(&part, 16);
            phr_buf_uvarint(&part, (uint64_t) strtol(end + 1, &end, 10));
            break;

        default:
            end = (char *) text - 1;

            do {
                if (kind == 'p') {
                    v = strtoll(end + 1, &end, 10);
                    phr_buf_uvarint(&part, phr_zigzag(v));

                } else {
                    d = strtod(end + 1, &end);
                    bits = phr_double_bits(d);
                    phr_buf_append(&part, &bits, 8);
                }
            } while (*end == ',');
        }

        if (kind == 's' || kind == 'p' || kind == 'd') {
            phr_buf_uvarint(b, field << 3 | 2);
            phr_buf_uvarint(b, part.len);
            phr_buf_append(b, part.data ? part.data : "", part.len);
        }

        text = end + (*end == ' ');
    }

    phr_buf_free(&part);
}


static void
side(phr_buf_t *b, const char *name, const phr_hist_side_t *s)
{
    size_t  i;

    if (s->nspans == 0) {
        return;
    }

    phr_buf_printf(b, " %s", name);

    for (i = 0; i < s->nspans; i++) {
        phr_buf_printf(b, "%s%d:%u", i ? "," : "", s->spans[i].offset,
                       s->spans[i].length);
    }

    phr_buf_putc(b, '=');

    for (i = 0; i < s->n; i++) {
        phr_buf_printf(b, "%s%g", i ? "," : "", s->counts[i]);
    }
}


/* what is read, as text */
static const char *
text(const phr_hist_t *h, int64_t t_ms)
{
    size_t            i;
    static phr_buf_t  b;

    phr_buf_reset(&b);
    phr_buf_printf(&b, "%s %d count=%g sum=%g zero=%g@%g",
                   h->integer ? "int" : "float", h->schema, h->count, h->sum,
                   h->zero_count, h->zero_threshold);
    side(&b, "+", &h->positive);
    side(&b, "-", &h->negative);

    for (i = 0; i < h->nbounds; i++) {
        phr_buf_printf(&b, "%s%g", i ? "," : " bounds=", h->bounds[i]);
    }

    if (h->hint != 0) {
        phr_buf_printf(&b, " hint=%d", h->hint);
    }

    if (t_ms != 0) {
        phr_buf_printf(&b, " t=%lld", (long long) t_ms);
    }

    return phr_buf_cstr(&b);
}


int
main(void)
{
    static const struct {
        const char          *message;
        phr_hist_pb_form_e   form;
        int                  rc;
        const char          *want;
    } cases[] = {
        { "", PHR_HIST_PB_REMOTE, PHR_OK, "int 0 count=0 sum=0 zero=0@0" },
        { "1=12 3f=18.5 4z=1 5f=0.25 6=2 11s=-2:2 11s=1:1 12p=3,-2,4 "
          "8s=3:1 9p=1 14=2 15=1000", PHR_HIST_PB_REMOTE, PHR_OK,
          "int 1 count=12 sum=18.5 zero=2@0.25 +-2:2,1:1=3,1,5 -3:1=1 hint=2 "
          "t=1000" },
        { "1=4 11s=0:2 12z=3 12z=-2 15=-5", PHR_HIST_PB_REMOTE, PHR_OK,
          "int 0 count=4 sum=0 zero=0@0 +0:2=3,1 t=-5" },
        { "2f=4.5 7f=0.5 5f=1 11s=0:2 13d=1.5,2.5 14=3", PHR_HIST_PB_REMOTE,
          PHR_OK, "float 0 count=4.5 sum=0 zero=0.5@1 +0:2=1.5,2.5 hint=3" },
        { "2f=4 8s=0:2 10f=1 10f=3", PHR_HIST_PB_REMOTE, PHR_OK,
          "float 0 count=4 sum=0 zero=0@0 -0:2=1,3" },
        { "1=6 4z=-53 16d=1,2.5 11s=0:3 12p=1,1,1", PHR_HIST_PB_REMOTE,
          PHR_OK,
          "int -53 count=6 sum=0 zero=0@0 +0:3=1,2,3 bounds=1,2.5" },
        { "2f=1 1=3 11s=0:1 12z=3", PHR_HIST_PB_REMOTE, PHR_OK,
          "int 0 count=3 sum=0 zero=0@0 +0:1=3" },
        { "1=3 99=7 11s=0:1 12z=3", PHR_HIST_PB_REMOTE, PHR_OK,
          "int 0 count=3 sum=0 zero=0@0 +0:1=3" },

        { "1=3 2f=1.5 3s=0:1", PHR_HIST_PB_EXPOSITION, PHR_DONE, "" },
        { "1=3 2f=1.5 5z=3 6f=0.5 7=3", PHR_HIST_PB_EXPOSITION, PHR_OK,
          "int 3 count=3 sum=1.5 zero=3@0.5" },
        { "1=3 2f=1.5 5z=3 12s=0:0 6f=0 7=3", PHR_HIST_PB_EXPOSITION, PHR_OK,
          "int 3 count=3 sum=1.5 zero=3@0 +0:0=" },
        { "4f=2.5 2f=1.5 5z=3 12s=7:1 14d=1.5 9s=1:1 11d=1",
          PHR_HIST_PB_EXPOSITION, PHR_OK,
          "float 3 count=2.5 sum=1.5 zero=0@0 +7:1=1.5 -1:1=1" },

        /* finer than what is kept */

        { "1=15 4z=10 11s=1:5 12p=1,1,1,1,1", PHR_HIST_PB_REMOTE, PHR_OK,
          "int 8 count=15 sum=0 zero=0@0 +1:2=10,5" },
        { "2f=7.5 4z=9 8s=-3:2 8s=3:2 10d=1,2,4,0.5", PHR_HIST_PB_REMOTE,
          PHR_OK, "float 8 count=7.5 sum=0 zero=0@0 --1:1,1:2=3,4,0.5" },
        { "1=1 4z=52 11s=5:1 12p=1", PHR_HIST_PB_REMOTE, PHR_OK,
          "int 8 count=1 sum=0 zero=0@0 +1:1=1" },
        { "1=2 4z=10 11s=1:1 12p=1", PHR_HIST_PB_REMOTE, PHR_EINVAL,
          "but the Count field is 2" },

        { "1f=1", PHR_HIST_PB_REMOTE, PHR_EPARSE, "malformed" },
        { "3=1", PHR_HIST_PB_REMOTE, PHR_EPARSE, "malformed" },
        { "11=1", PHR_HIST_PB_REMOTE, PHR_EPARSE, "malformed" },
        { "13s=0:1", PHR_HIST_PB_REMOTE, PHR_EPARSE, "malformed" },
        { "1=1 11s=0:1 12p=1 4z=53", PHR_HIST_PB_REMOTE, PHR_EINVAL,
          "histogram has an invalid schema, which must be between -4 and 8 "
          "for exponential buckets, or -53 for custom buckets, got schema 53"
        },
        { "1=2 11s=0:1 12p=1", PHR_HIST_PB_REMOTE, PHR_EINVAL,
          "1 observations found in buckets, but the Count field is 2" },
        { "1=1 11s=0:2 12p=1", PHR_HIST_PB_REMOTE, PHR_EINVAL,
          "spans need 2 buckets, have 1 buckets" },
        { "1=1 11s=0:1 11s=-1:1 12p=1,0", PHR_HIST_PB_REMOTE, PHR_EINVAL,
          "span number 2 with offset -1" },
        { "1=1 11s=0:2 12p=1,-2", PHR_HIST_PB_REMOTE, PHR_EINVAL,
          "observation count is negative" },
        { "2f=1 11s=0:1 13d=-1", PHR_HIST_PB_REMOTE, PHR_EINVAL,
          "observation count of -1" },
        { "1=1 4z=-53 16d=2,1 11s=0:1 12p=1", PHR_HIST_PB_REMOTE, PHR_EINVAL,
          "must be finite and in strictly increasing order" },
        { "1=1 4z=-53 16d=2 11s=0:3 12p=1,-1,0", PHR_HIST_PB_REMOTE,
          PHR_EINVAL, "only 1 custom bounds defined which is insufficient to "
          "cover total span length of 3" },
        { "1=1 16d=2 11s=0:1 12p=1", PHR_HIST_PB_REMOTE, PHR_EINVAL,
          "must not have custom bounds" },
        { "14=9", PHR_HIST_PB_REMOTE, PHR_EINVAL, "counter reset hint" },
        { "11s=0:4000000000", PHR_HIST_PB_REMOTE, PHR_EINVAL,
          "out of range" }
    };

    int          rc;
    size_t       i, len;
    int64_t      t_ms;
    phr_buf_t    b;
    phr_err_t    err;
    phr_hist_t  *h;

    arena = phr_arena_create(0);
    phr_buf_init(&b, 0);

    for (i = 0; i < phr_nelems(cases); i++) {
        phr_buf_reset(&b);
        phr_err_init(&err);
        message(&b, cases[i].message);

        rc = phr_hist_pb_read(arena, phr_buf_view(&b), cases[i].form, &h,
                              &t_ms, &err);
        is_int(rc, cases[i].rc, "\"%s\"", cases[i].message);

        if (rc == PHR_OK) {
            is_str(text(h, t_ms), cases[i].want, "is that");

        } else if (rc != PHR_DONE) {
            ok(strstr(err.text, cases[i].want) != NULL, "says %s: %s",
               cases[i].want, err.text);
        }
    }

    phr_buf_reset(&b);
    message(&b, cases[1].message);

    for (len = 0, i = 0; len < b.len; len++) {
        rc = phr_hist_pb_read(arena, phr_str_from(b.data, len),
                              PHR_HIST_PB_REMOTE, &h, &t_ms, &err);
        i += rc != PHR_OK && rc != PHR_EPARSE && rc != PHR_EINVAL;
    }

    is_int(i, 0, "any beginning of it is read or refused");

    phr_buf_free(&b);
    phr_arena_destroy(arena);

    return done_testing();
}
