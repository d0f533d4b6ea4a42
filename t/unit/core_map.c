/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/map.c.
 */

#include "core/map.h"

#include "oom.h"
#include "tap.h"


#define N  5000


static phr_str_t
key(int i)
{
    static char  text[32];

    snprintf(text, sizeof(text), "key-%d", i);

    return phr_str_from_c(text);
}


static int
fill(void *data)
{
    int         i, rc;
    phr_map_t  *m;

    m = phr_map_create();
    if (m == NULL) {
        return PHR_ENOMEM;
    }

    rc = PHR_OK;

    for (i = 0; i < 40 && rc == PHR_OK; i++) {
        rc = phr_map_set(m, key(i), &rc);
    }

    phr_map_destroy(m);

    return rc;
}


/* the reference implementation's key 00 01 .. 0f and message 00 01 .. */

static void
siphash(void)
{
    int       i;
    uint8_t   seed[16], text[15];
    uint64_t  a, b;

    for (i = 0; i < 16; i++) {
        seed[i] = (uint8_t) i;
    }

    for (i = 0; i < 15; i++) {
        text[i] = (uint8_t) i;
    }

    phr_hash_seed(seed);

    a = phr_hash("", 0);
    ok(a == 0xabac0158050fc4dcULL, "SipHash-1-3 of nothing");
    b = phr_hash(text, 15);
    ok(b == 0xd320d86d2a519956ULL, "SipHash-1-3 of 15 bytes");

    if (a != 0xabac0158050fc4dcULL || b != 0xd320d86d2a519956ULL) {
        printf("# %016" PRIx64 " %016" PRIx64 "\n", a, b);
    }
}


int
main(void)
{
    int         i, good, n, values[N];
    void       *v;
    size_t      pos;
    phr_str_t   k;
    phr_map_t  *m;

    siphash();

    m = phr_map_create();
    ok(phr_map_get(m, phr_str_of("x")) == NULL, "nothing in an empty map");

    for (i = 0, good = 1; i < N; i++) {
        values[i] = i;
        good = good && phr_map_set(m, key(i), &values[i]) == PHR_OK;
    }
    ok(good, "all are set");
    is_int(phr_map_count(m), N, "and counted");

    for (i = 0, good = 1; i < N; i++) {
        good = good && phr_map_get(m, key(i)) == &values[i];
    }
    ok(good, "all are found");

    phr_map_set(m, key(1), &values[2]);
    ok(phr_map_get(m, key(1)) == &values[2], "a value is replaced");
    is_int(phr_map_count(m), N, "without a new entry");

    phr_map_set(m, phr_str_from("a\0b", 3), &values[0]);
    ok(phr_map_get(m, phr_str_of("a")) == NULL, "keys may hold any byte");
    phr_map_set(m, phr_str_of(""), &values[0]);
    ok(phr_map_get(m, phr_str_of("")) == &values[0], "or none");
    phr_map_delete(m, phr_str_of(""));
    phr_map_delete(m, phr_str_from("a\0b", 3));

    ok(phr_map_delete(m, key(3)) == &values[3], "delete returns the value");
    ok(phr_map_delete(m, key(3)) == NULL, "once");
    ok(phr_map_get(m, key(3)) == NULL, "and it is gone");

    pos = 0;
    n = 0;
    while (phr_map_next(m, &pos, &k, &v)) {
        n++;
        phr_map_delete(m, k);
    }
    is_int(n, N - 1, "each is visited once, even if deleted meanwhile");
    is_int(phr_map_count(m), 0, "nothing is left");

    for (i = 0, good = 1; i < 20 * N; i++) {
        good = good && phr_map_set(m, key(i), &values[0]) == PHR_OK
               && phr_map_delete(m, key(i)) == &values[0];
    }
    ok(good, "graves do not fill the table");
    phr_map_destroy(m);
    phr_map_destroy(NULL);

    ok(phr_oom_run(fill, NULL) > 5, "out of memory is reported");

    return done_testing();
}
