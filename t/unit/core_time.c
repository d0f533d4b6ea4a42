/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/time.c.
 */

#include "core/time.h"

#include <time.h>

#include "tap.h"


static void
duration(const char *s, int rc, int64_t want)
{
    int64_t  ms;

    ms = want;
    is_int(phr_duration_parse(s, strlen(s), &ms), rc, "duration \"%s\"", s);
    is_int(ms, want, "is %" PRId64 " ms", want);
}


static void
printed(int64_t ms, const char *want)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_duration_format(&b, ms);
    is_str(phr_buf_cstr(&b), want, "%" PRId64 " ms", ms);
    phr_buf_free(&b);
}


static void
rfc3339(const char *s, int rc, int64_t want, const char *back)
{
    int64_t    t_ms;
    phr_buf_t  b;

    t_ms = want;
    is_int(phr_rfc3339_parse(s, strlen(s), &t_ms), rc, "\"%s\"", s);
    is_int(t_ms, want, "is %" PRId64, want);

    if (rc == PHR_OK) {
        phr_buf_init(&b, 0);
        phr_rfc3339_format(&b, t_ms);
        is_str(phr_buf_cstr(&b), back, "printed");
        phr_buf_free(&b);
    }
}


/* every tenth day or so of 1600 years, against the C library */

static void
dates(void)
{
    int         good;
    time_t      t;
    struct tm   tm;
    phr_date_t  d;

    good = 1;

    for (t = -25000000000; t < 25000000000; t += 777777) {
        gmtime_r(&t, &tm);
        phr_date((int64_t) t * 1000 + 7, &d);

        good = good && d.year == tm.tm_year + 1900 && d.month == tm.tm_mon + 1
               && d.day == tm.tm_mday && d.hour == tm.tm_hour
               && d.minute == tm.tm_min && d.second == tm.tm_sec
               && d.ms == 7 && d.weekday == tm.tm_wday
               && d.yearday == tm.tm_yday + 1
               && phr_date_to_ms(&d) == (int64_t) t * 1000 + 7;
    }

    ok(good, "dates are those of the C library");

    good = 1;

    for (t = -67767000000000000; t < 67767000000000000; t += 77777777777777) {
        gmtime_r(&t, &tm);
        phr_date_seconds(t, &d);

        good = good && d.year == tm.tm_year + (int64_t) 1900
               && d.month == tm.tm_mon + 1 && d.day == tm.tm_mday
               && d.hour == tm.tm_hour && d.minute == tm.tm_min
               && d.second == tm.tm_sec && d.weekday == tm.tm_wday
               && d.yearday == tm.tm_yday + 1;
    }

    ok(good, "and those of seconds");

    phr_date_seconds(INT64_MIN, &d);
    ok(d.year == INT64_C(292277026596) && d.month == 12 && d.day == 4
       && d.hour == 15 && d.minute == 30 && d.second == 8 && d.weekday == 0,
       "what is before the first year comes after the last");

    phr_date(INT64_MIN, &d);
    ok(phr_date_to_ms(&d) == INT64_MIN, "the first point in time");
    phr_date(INT64_MAX, &d);
    ok(phr_date_to_ms(&d) == INT64_MAX, "the last point in time");
}


int
main(void)
{
    duration("0", PHR_OK, 0);
    duration("0s", PHR_OK, 0);
    duration("5m", PHR_OK, 300000);
    duration("1h30m", PHR_OK, 5400000);
    duration("1y2w3d4h5m6s7ms", PHR_OK,
             ((((365 + 14 + 3) * 24LL + 4) * 60 + 5) * 60 + 6) * 1000 + 7);
    duration("292y", PHR_OK, 292LL * 365 * 86400 * 1000);
    duration("293y", PHR_ELIMIT, 1);
    duration("99999999999999999999y", PHR_ELIMIT, 1);
    duration("99999999999999999999z", PHR_EPARSE, 1);
    duration("", PHR_EPARSE, 1);
    duration("1", PHR_EPARSE, 1);
    duration("00", PHR_EPARSE, 1);
    duration("m", PHR_EPARSE, 1);
    duration("-1m", PHR_EPARSE, 1);
    duration("1.5h", PHR_EPARSE, 1);
    duration("1m1m", PHR_EPARSE, 1);
    duration("1s1h", PHR_EPARSE, 1);
    duration("1d ", PHR_EPARSE, 1);
    duration("1sm", PHR_EPARSE, 1);

    printed(0, "0s");
    printed(1, "1ms");
    printed(5400000, "1h30m");
    printed(90LL * 86400000, "90d");
    printed(14LL * 86400000, "2w");
    printed(365LL * 86400000, "1y");
    printed(366LL * 86400000, "366d");
    printed(1000LL * 86400000 + 3661001, "1000d1h1m1s1ms");
    printed(-60000, "-1m");
    printed(INT64_MIN, "-106751991167d7h12m55s808ms");

    rfc3339("2015-07-01T20:10:51.781Z", PHR_OK, 1435781451781,
            "2015-07-01T20:10:51.781Z");
    rfc3339("1970-01-01T00:00:00Z", PHR_OK, 0, "1970-01-01T00:00:00Z");
    rfc3339("2015-07-01T22:10:51.78+02:00", PHR_OK, 1435781451780,
            "2015-07-01T20:10:51.78Z");
    rfc3339("2015-07-01T17:40:51.7-02:30", PHR_OK, 1435781451700,
            "2015-07-01T20:10:51.7Z");
    rfc3339("2016-02-29T00:00:00.123456789Z", PHR_OK, 1456704000123,
            "2016-02-29T00:00:00.123Z");
    rfc3339("0001-01-01T00:00:00Z", PHR_OK, -62135596800000,
            "0001-01-01T00:00:00Z");
    rfc3339("2015-02-29T00:00:00Z", PHR_EPARSE, 0, NULL);
    rfc3339("2015-13-01T00:00:00Z", PHR_EPARSE, 0, NULL);
    rfc3339("2015-01-01T24:00:00Z", PHR_EPARSE, 0, NULL);
    rfc3339("2015-01-01T00:00:60Z", PHR_EPARSE, 0, NULL);
    rfc3339("2015-01-01 00:00:00Z", PHR_EPARSE, 0, NULL);
    rfc3339("2015-01-01T00:00:00", PHR_EPARSE, 0, NULL);
    rfc3339("2015-01-01T00:00:00.Z", PHR_EPARSE, 0, NULL);
    rfc3339("2015-01-01T00:00:00+0200", PHR_EPARSE, 0, NULL);
    rfc3339("2015-01-01T00:00:00Zx", PHR_EPARSE, 0, NULL);
    rfc3339("2015-01-01", PHR_EPARSE, 0, NULL);
    rfc3339("", PHR_EPARSE, 0, NULL);

    is_int(phr_days_in_month(1900, 2), 28, "1900 was no leap year");
    is_int(phr_days_in_month(2000, 2), 29, "2000 was");
    is_int(phr_days_in_month(2000, 13), 0, "no month");

    dates();

    return done_testing();
}
