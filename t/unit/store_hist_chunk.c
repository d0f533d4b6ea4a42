/*
 * Copyright (C) The Pharos Authors
 *
 * Chunks of histograms: what they look like, byte by byte; what comes back,
 * how many go into one, and that damage is told.
 */

#include <math.h>

#include "store/bits.h"
#include "store/block.h"
#include "store/hist_chunk.h"
#include "tap.h"


#define MAX      PHR_CHUNK_MAX_SAMPLES
#define BUCKETS  3000


typedef struct {
    phr_hist_t        h;
    phr_hist_span_t   spans[4];
    double           *counts;
    double           *bounds;
} sample_t;


static phr_arena_t       *arena;
static sample_t           sample[MAX];
static const phr_hist_t  *list[MAX];


/* n histograms of a counter with so many buckets */
static void
fill(size_t n, uint32_t buckets, int custom, double fraction)
{
    size_t       i;
    double      *counts;
    uint32_t     k;
    phr_hist_t  *h;

    phr_arena_reset(arena);

    for (i = 0; i < n; i++) {
        memset(&sample[i], 0, sizeof(sample_t));
        counts = phr_arena_calloc(arena, buckets + 1, sizeof(double));
        sample[i].counts = counts;
        sample[i].bounds = phr_arena_calloc(arena, buckets + 1,
                                            sizeof(double));
        h = &sample[i].h;
        list[i] = h;

        for (k = 0; k < buckets; k++) {
            counts[k] = (double) (k % 7 + i * (k % 3)) + fraction;
            sample[i].bounds[k] = k / 4.0;
            h->count += counts[k];
        }

        h->integer = (fraction == 0);
        h->sum = (double) i * 1.5;
        sample[i].spans[0].offset = custom ? 0 : -3;
        sample[i].spans[0].length = buckets;
        h->positive.spans = sample[i].spans;
        h->positive.nspans = 1;
        h->positive.counts = counts;
        h->positive.n = buckets;

        if (custom) {
            h->schema = PHR_HIST_CUSTOM;
            h->bounds = sample[i].bounds;
            h->nbounds = buckets - 1;

        } else {
            h->schema = 3;
            h->zero_threshold = 0.25;
            h->zero_count = 2;
            h->count += 2;
        }
    }
}


/* encodes n and compares what comes back; returns how many went in */
static size_t
again(size_t n, size_t size, size_t *len)
{
    size_t             i, taken;
    uint8_t            out[PHR_PACK_MAX + PHR_BITS_PAD];
    const phr_hist_t  *back[MAX];

    memset(out, 0xee, sizeof(out));
    *len = phr_hist_chunk_encode(list, n, out, size, &taken);

    if (*len == 0) {
        return 0;
    }

    if (*len > size || out[size] != 0xee
        || phr_hist_chunk_decode(out, *len, taken, arena, back) != PHR_OK)
    {
        return SIZE_MAX;
    }

    for (i = 0; i < taken; i++) {
        if (!phr_hist_eq(list[i], back[i]) || list[i]->hint != back[i]->hint
            || list[i]->integer != back[i]->integer)
        {
            return SIZE_MAX;
        }
    }

    return taken;
}


static void
test_bytes(void)
{
    char     hex[256];
    size_t   i, len, taken;
    uint8_t  out[256];

    fill(2, 3, 0, 0);
    sample[0].spans[2].offset = 1;
    sample[0].spans[2].length = 1;
    sample[0].h.negative.spans = sample[0].spans + 2;
    sample[0].h.negative.nspans = 1;
    sample[0].h.negative.n = 1;
    sample[0].h.negative.counts = sample[0].counts + 2;
    sample[0].h.positive.n = 2;
    sample[0].spans[0].length = 2;
    sample[0].h.hint = PHR_HIST_GAUGE;
    sample[1].h.negative = sample[0].h.negative;
    sample[1].h.negative.counts = sample[1].counts + 2;
    sample[1].h.positive.n = 2;
    sample[1].spans[0].length = 2;
    sample[1].h.hint = PHR_HIST_GAUGE;

    len = phr_hist_chunk_encode(list, 2, out, sizeof(out), &taken);
    is_int(taken, 2, "two in a chunk");

    for (i = 0; i < len; i++) {
        snprintf(hex + 2 * i, 3, "%02x", out[i]);
    }

    is_str(hex,
           "07" "06" "01" "01" "00" "000000000000d03f"  /* layout */
           "0502" "0201"                                /* spans */
           "0430020a0c" "04310400f0" "022004"           /* 5 8, 0 1.5, 2 2 */
           "022000" "0430010202" "0430020408",          /* 0 0, 1 2, 2 4 */
           "as FORMAT.md says");
}


static void
test_sizes(void)
{
    size_t    i, n, len, bad;
    uint32_t  most;

    bad = 0;

    for (n = 1; n <= MAX; n++) {
        fill(n, 20, n % 2, n % 3 == 0 ? 0.125 : 0);
        i = again(n, 4000, &len);
        bad += (i == SIZE_MAX || i == 0);
    }

    is_int(bad, 0, "any number comes back");

    fill(120, 160, 0, 0);
    n = again(120, 4000, &len);
    ok(n >= 60 && n <= 120, "%zu of 120 with 160 buckets in %zu bytes", n,
       len);

    for (bad = 0, i = 1; i < 4000; i += 37) {
        n = again(120, i, &len);
        bad += (n == SIZE_MAX);
    }

    is_int(bad, 0, "as many as fit into any size");

    fill(120, 8, 0, 0);
    is_int(again(120, 4000, &len), 120, "small ones all in one");
    ok(len < 400, "%zu bytes for 120 of 8 buckets", len);

    sample[50].h.hint = PHR_HIST_RESET;
    is_int(again(120, 4000, &len), 50, "but not with another hint");
    sample[30].spans[0].offset = 7;
    is_int(again(120, 4000, &len), 30, "nor with other buckets");
    sample[20].h.zero_threshold = 1;
    is_int(again(120, 4000, &len), 20, "nor another zero bucket");
    sample[10].h.integer = 0;
    is_int(again(120, 4000, &len), 10, "nor floats among integers");

    /* the largest that fits is found, and both sides agree on it */

    for (most = 1; most < BUCKETS; most++) {
        fill(1, most, 0, 1 / 3.0);
        if (!phr_hist_chunk_fits(list[0])) {
            break;
        }
    }

    ok(most > 350 && most < 450, "%u buckets of floats are too many", most);
    is_int(again(1, PHR_HIST_CHUNK_ONE, &len), 0, "and not encoded");

    for (most = 1; most < BUCKETS; most++) {
        fill(1, most, 0, 0);
        if (!phr_hist_chunk_fits(list[0])) {
            break;
        }
    }

    ok(most > 1000 && most < 1500, "%u buckets of integers are too many",
       most);

    fill(1, 600, 1, 0);
    is_int(phr_hist_chunk_fits(list[0]), 0, "600 custom bounds, too");
}


static void
test_damage(void)
{
    int                rc;
    size_t             i, k, len, taken, wrong;
    uint8_t            out[1024], bad[1024];
    const phr_hist_t  *back[MAX];

    fill(40, 12, 0, 0);
    memset(out, 0, sizeof(out));
    len = phr_hist_chunk_encode(list, 40, out, 1000, &taken);
    wrong = 0;

    for (i = 0; i < len; i++) {
        memcpy(bad, out, sizeof(bad));
        wrong += phr_hist_chunk_decode(bad, i, taken, arena, back)
                 != PHR_ECORRUPT;

        for (k = 0; k < 8; k++) {
            bad[i] = out[i] ^ (uint8_t) (1 << k);
            rc = phr_hist_chunk_decode(bad, len, taken, arena, back);

            wrong += rc != PHR_OK && rc != PHR_ECORRUPT;
            wrong += rc == PHR_OK
                     && phr_hist_validate(back[0], NULL) != PHR_OK;
        }
    }

    is_int(wrong, 0, "a chunk cut short or flipped is told or harmless");
    is_int(phr_hist_chunk_decode(out, len, 0, arena, back), PHR_ECORRUPT,
           "no samples");
    is_int(phr_hist_chunk_decode(out, len, MAX + 1, arena, back),
           PHR_ECORRUPT, "too many");
}


int
main(void)
{
    arena = phr_arena_create(0);

    test_bytes();
    test_sizes();
    test_damage();

    phr_arena_destroy(arena);

    return done_testing();
}
