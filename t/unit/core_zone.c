/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/zone.c: against the C library over the zones of the system,
 * and on damaged files.
 */

#include "core/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/alloc.h"
#include "tap.h"


#define ZONEINFO  "/usr/share/zoneinfo/"

static char    bytes[PHR_ZONE_MAX_BYTES];
static size_t  nbytes;

static phr_arena_t  *arena;


static int
load(const char *name)
{
    FILE  *f;
    char   path[128];

    snprintf(path, sizeof(path), ZONEINFO "%s", name);

    f = fopen(path, "rb");
    if (f == NULL) {
        return 0;
    }

    nbytes = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);

    return 1;
}


/* every nine hours from 1890 to 2150, and around each change of a year */
static void
same_as_libc(const char *name)
{
    int                ndiffer;
    time_t             t;
    struct tm          tm;
    phr_err_t          err;
    const phr_zone_t  *z;

    phr_err_init(&err);

    if (!load(name)) {
        ok(1, "%s # SKIP not on this system", name);
        return;
    }

    if (phr_zone_read(phr_str_from(bytes, nbytes), arena, &z, &err)
        != PHR_OK)
    {
        ok(0, "%s: %s", name, err.text);
        return;
    }

    setenv("TZ", name, 1);
    tzset();

    ndiffer = 0;

    for (t = -2524521600LL; t < 5680281600LL; t += 9 * 3600 + 7) {
        localtime_r(&t, &tm);

        if (tm.tm_gmtoff != phr_zone_offset(z, t) && ndiffer++ < 5) {
            printf("# %s at %lld: %ld, and not %d\n", name, (long long) t,
                   (long) tm.tm_gmtoff, (int) phr_zone_offset(z, t));
        }
    }

    ok(ndiffer == 0, "as the C library: %s", name);

    phr_arena_reset(arena);
}


/* the second before and the second of a change */
static void
edges(void)
{
    size_t             i;
    phr_err_t          err;
    const phr_zone_t  *z;

    static const struct {
        int64_t  t_s;
        int32_t  offset_s;
    } cases[] = {
        { 1711846799, 3600 },           /* 2024-03-31 01:00 UTC */
        { 1711846800, 7200 },
        { 1729990799, 7200 },           /* 2024-10-27 01:00 UTC */
        { 1729990800, 3600 },
        { 2616627599LL, 3600 },         /* 2052-12-01 */
        { 4086547200LL, 7200 },         /* 2099-07-01, beyond all times */
        { INT64_MAX, 3600 },
        { INT64_MIN, 3208 },            /* the local mean time of Berlin */
    };

    phr_err_init(&err);

    if (!load("Europe/Berlin")
        || phr_zone_read(phr_str_from(bytes, nbytes), arena, &z, &err)
           != PHR_OK)
    {
        ok(1, "edges # SKIP no Europe/Berlin on this system");
        return;
    }

    for (i = 0; i < phr_nelems(cases); i++) {
        ok(phr_zone_offset(z, cases[i].t_s) == cases[i].offset_s,
           "Berlin at %lld: %d", (long long) cases[i].t_s,
           (int) phr_zone_offset(z, cases[i].t_s));
    }

    phr_arena_reset(arena);
}


/* a file of version 2 that has but its line */
static int
line(const char *text, const phr_zone_t **z)
{
    int               rc;
    size_t            n;
    phr_err_t         err;

    static const char  block[] =
        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1"
        "\0\0\0\0\0\0\0";

    n = sizeof(block) - 1;
    memcpy(bytes, block, n);
    memcpy(bytes + n, block, n);
    strcpy(bytes + 2 * n, text);

    rc = phr_zone_read(phr_str_from(bytes, 2 * n + strlen(text)), arena, z,
                       &err);

    return rc;
}


static void
lines(void)
{
    size_t             i;
    const phr_zone_t  *z;

    static const struct {
        const char  *text;
        int          rc;
        int32_t      july_s;            /* 2024-07-01 */
        int32_t      january_s;
    } cases[] = {
        { "\n\n", PHR_OK, 0, 0 },
        { "\nUTC0\n", PHR_OK, 0, 0 },
        { "\n<+0330>-3:30\n", PHR_OK, 12600, 12600 },
        { "\nEST5EDT,M3.2.0,M11.1.0\n", PHR_OK, -14400, -18000 },
        { "\nAEST-10AEDT,M10.1.0,M4.1.0/3\n", PHR_OK, 36000, 39600 },
        { "\nIST-1GMT0,M10.5.0,M3.5.0/1\n", PHR_OK, 3600, 0 },
        { "\n<-02>2<-01>,M3.5.0/-1,M10.5.0/0\n", PHR_OK, -3600, -7200 },
        { "\nA1B,J60,J300\n", PHR_OK, 0, -3600 },
        { "\nA1B,59/24,299\n", PHR_OK, 0, -3600 },
        { "\nXXX", PHR_ECORRUPT, 0, 0 },
        { "\nXXX\n", PHR_ECORRUPT, 0, 0 },
        { "UTC0\n", PHR_ECORRUPT, 0, 0 },
        { "\nEST5EDT\n", PHR_ECORRUPT, 0, 0 },
        { "\nEST5EDT,M13.2.0,M11.1.0\n", PHR_ECORRUPT, 0, 0 },
        { "\nEST5EDT,M3.6.0,M11.1.0\n", PHR_ECORRUPT, 0, 0 },
        { "\nEST5EDT,M3.2.7,M11.1.0\n", PHR_ECORRUPT, 0, 0 },
        { "\nEST5EDT,M3.2.0\n", PHR_ECORRUPT, 0, 0 },
        { "\nEST168\n", PHR_ECORRUPT, 0, 0 },
        { "\nEST5:60\n", PHR_ECORRUPT, 0, 0 },
        { "\n<EST5\n", PHR_ECORRUPT, 0, 0 },
        { "\nEST5 \n", PHR_ECORRUPT, 0, 0 },
        { "", PHR_ECORRUPT, 0, 0 },
    };

    for (i = 0; i < phr_nelems(cases); i++) {

        if (line(cases[i].text, &z) != PHR_OK) {
            ok(cases[i].rc != PHR_OK, "refused: line %zu", i);
            continue;
        }

        ok(cases[i].rc == PHR_OK
           && phr_zone_offset(z, 1719792000) == cases[i].july_s
           && phr_zone_offset(z, 1704067200) == cases[i].january_s,
           "line: %.*s", (int) strcspn(cases[i].text + 1, "\n"),
           cases[i].text + 1);

        phr_arena_reset(arena);
    }
}


/* every length, and every byte with each of its bits turned */
static void
damage(void)
{
    char               byte;
    size_t             i, n;
    int                bit;
    phr_err_t          err;
    const phr_zone_t  *z;

    if (!load("Europe/Berlin")) {
        ok(1, "damage # SKIP no Europe/Berlin on this system");
        return;
    }

    n = 0;

    for (i = 0; i < nbytes - 1; i++) {
        phr_err_init(&err);

        if (phr_zone_read(phr_str_from(bytes, i), arena, &z, &err)
            == PHR_OK)
        {
            n++;
        }
    }

    ok(n == 0, "no part of a file is taken for a whole one: %zu", n);

    for (i = 0; i < nbytes; i++) {
        for (bit = 0; bit < 8; bit++) {
            byte = bytes[i];
            bytes[i] ^= (char) (1 << bit);

            if (phr_zone_read(phr_str_from(bytes, nbytes), arena, &z, &err)
                == PHR_OK)
            {
                (void) phr_zone_offset(z, 1700000000);
                (void) phr_zone_offset(z, INT64_MAX);
                (void) phr_zone_offset(z, INT64_MIN);
            }

            phr_arena_reset(arena);

            bytes[i] = byte;
        }
    }

    ok(1, "single bits may do what they want");
}


static void
names(void)
{
    size_t  i;

    static const char  *good[] = {
        "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5",
        "EST5EDT"
    };

    static const char  *bad[] = {
        "", "/UTC", "UTC/", "a//b", "../UTC", "Europe/../UTC", "a b", ".",
        "zone.tab", "Europe\\Berlin", "0123456789012345678901234567890123456"
        "789012345678901234567890123456789"
    };

    for (i = 0; i < phr_nelems(good); i++) {
        ok(phr_zone_name_valid(phr_str_from_c(good[i])), "name: %s", good[i]);
    }

    for (i = 0; i < phr_nelems(bad); i++) {
        ok(!phr_zone_name_valid(phr_str_from_c(bad[i])), "no name: %s",
           bad[i]);
    }
}


int
main(void)
{
    size_t  i;

    static const char  *zones[] = {
        "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
        "Asia/Kolkata", "America/St_Johns", "Pacific/Apia", "Europe/Dublin",
        "Africa/Casablanca", "America/Nuuk", "Asia/Tehran", "Etc/GMT+12",
        "Antarctica/Troll", "America/Sao_Paulo", "Africa/Monrovia"
    };

    arena = phr_arena_create(0);
    if (arena == NULL) {
        return 1;
    }

    for (i = 0; i < phr_nelems(zones); i++) {
        same_as_libc(zones[i]);
    }

    edges();
    lines();
    damage();
    names();

    phr_arena_destroy(arena);

    return done_testing();
}
