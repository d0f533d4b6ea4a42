/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb: XOR chunks, written.  The first sample stands as it is, the second
 * has the distance of its time, all later ones the change of that distance;
 * values are what changed in them, bit by bit.
 */

#include "ingest/tsdb.h"

#include "core/bytes.h"
#include "ingest/tsdb_bits.h"


static void phr_tsdb_put_time(phr_tsdb_writer_t *w, int64_t dod);


void
phr_tsdb_xor_encode(const int64_t *t_ms, const double *v, size_t n,
    phr_buf_t *out)
{
    size_t              i;
    uint8_t             head[2 + 10 + 8], step[10], *p;
    uint64_t            delta, last;
    phr_tsdb_writer_t   w;
    phr_tsdb_xor_t      x;

    phr_assert(n > 0 && n <= PHR_TSDB_MAX_SAMPLES);

    phr_put_be16(head, (uint16_t) n);
    p = head + 2;
    p += phr_put_uvarint(p, phr_zigzag(t_ms[0]));
    phr_put_be64(p, phr_double_bits(v[0]));
    phr_buf_append(out, head, (size_t) (p + 8 - head));

    w.out = out;
    w.free = 0;
    phr_tsdb_xor_begin(&x, phr_double_bits(v[0]));
    last = 0;

    for (i = 1; i < n; i++) {
        delta = (uint64_t) t_ms[i] - (uint64_t) t_ms[i - 1];

        if (i == 1) {
            phr_buf_append(out, step, phr_put_uvarint(step, delta));

        } else {
            phr_tsdb_put_time(&w, (int64_t) (delta - last));
        }

        phr_tsdb_put_xor(&w, &x, phr_double_bits(v[i]));
        last = delta;
    }
}


/* the fewest bits of four sizes, or all of them */
static void
phr_tsdb_put_time(phr_tsdb_writer_t *w, int64_t dod)
{
    size_t  i;

    static const struct {
        unsigned  nbits;
        unsigned  prefix;
        unsigned  prefix_bits;
    } forms[] = {
        { 14, 0x02, 2 }, { 17, 0x06, 3 }, { 20, 0x0e, 4 },
    };

    if (dod == 0) {
        phr_tsdb_put(w, 0, 1);
        return;
    }

    for (i = 0; i < phr_nelems(forms); i++) {
        if (dod > -(INT64_C(1) << (forms[i].nbits - 1))
            && dod <= INT64_C(1) << (forms[i].nbits - 1))
        {
            phr_tsdb_put(w, forms[i].prefix, forms[i].prefix_bits);
            phr_tsdb_put(w, (uint64_t) dod, forms[i].nbits);
            return;
        }
    }

    phr_tsdb_put(w, 0x0f, 4);
    phr_tsdb_put(w, (uint64_t) dod, 64);
}
