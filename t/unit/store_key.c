/*
 * Copyright (C) The Pharos Authors
 *
 * Keys: what is written is read back; a key whose window lies outside of
 * all time is damage.
 */

#include "store/key.h"

#include "tap.h"


static void
windows(void)
{
    int        i, level, got;
    int32_t    window, first, last;
    uint8_t    k[PHR_KEY_WINDOW];
    phr_str_t  key;

    key = phr_str_from((char *) k, sizeof(k));

    for (i = 0; i < PHR_NLEVELS_ALL; i++) {
        first = phr_window_of(i, PHR_KEY_TIME_MIN);
        last = phr_window_of(i, PHR_KEY_TIME_MAX);

        phr_key_window(k, i, first);
        got = phr_key_window_get(key, &level, &window);
        ok(got && level == i && window == first, "level %d: the first", i);

        phr_key_window(k, i, last);
        got = phr_key_window_get(key, &level, &window);
        ok(got && level == i && window == last, "level %d: the last", i);

        phr_key_window(k, i, first - 1);
        ok(!phr_key_window_get(key, &level, &window), "none before");

        phr_key_window(k, i, last + 1);
        ok(!phr_key_window_get(key, &level, &window), "none after");
    }

    phr_key_window(k, PHR_NLEVELS_ALL, 0);
    ok(!phr_key_window_get(key, &level, &window), "no level beyond the last");
}


static void
packs(void)
{
    uint8_t         k[PHR_KEY_PACK];
    phr_str_t       key;
    phr_pack_key_t  p, q;

    memset(&p, 0, sizeof(p));
    memset(&q, 0, sizeof(q));
    key = phr_str_from((char *) k, sizeof(k));

    p.first = 7;
    p.span = 500;
    p.seal = 3;
    phr_pack_key_place(&p, PHR_KEY_TIME_MAX - 1000, PHR_KEY_TIME_MAX);
    phr_pack_key_range(&p, PHR_KEY_TIME_MAX - 1000, PHR_KEY_TIME_MAX);

    phr_key_pack(k, &p);
    ok(phr_key_pack_get(key, &q), "the last pack there can be");
    ok(q.window == p.window && q.first == 7 && q.span == 500 && q.seal == 3
       && q.from == p.from && q.to == p.to, "is read back");
    ok(phr_pack_key_min(&q) <= PHR_KEY_TIME_MAX - 1000, "its least time");
    ok(phr_pack_key_max(&q) >= PHR_KEY_TIME_MAX, "its greatest");

    /* the middle of a 32-bit range of windows of 7 years and more */

    p.level = PHR_NLEVELS_ALL - 1;
    p.window = -2139070208;
    phr_key_pack(k, &p);
    ok(!phr_key_pack_get(key, &q), "a window beyond all time");
}


int
main(void)
{
    windows();
    packs();

    return done_testing();
}
