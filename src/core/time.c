/*
 * Copyright (C) The Pharos Authors
 *
 * Time: durations, RFC 3339 and civil dates, computed without the C library
 * so that neither time zone nor locale matters.
 */

#include "core/time.h"


#define PHR_MS_PER_S    1000LL
#define PHR_MS_PER_M    (60 * PHR_MS_PER_S)
#define PHR_MS_PER_H    (60 * PHR_MS_PER_M)
#define PHR_MS_PER_D    (24 * PHR_MS_PER_H)

/* Prometheus keeps durations as int64 nanoseconds */
#define PHR_DURATION_MAX_MS  (INT64_MAX / 1000000)

/* days from 0000-03-01 to 1970-01-01, and in 400 years */
#define PHR_DAYS_TO_EPOCH    719468
#define PHR_DAYS_PER_ERA     146097

/* from the first day of the year -292277022399 to 1970, whole days */
#define PHR_S_FROM_ZERO      UINT64_C(9223372028715321600)
#define PHR_S_PER_D          86400


typedef struct {
    char      text[3];
    int64_t   ms;
    unsigned  exact:1;      /* printed only if nothing smaller is left */
} phr_time_unit_t;


static void phr_date_days(int64_t days, int64_t ms, phr_date_t *d);
static int phr_digits(const char **p, const char *end, int n, int *v);
static int phr_rfc3339_offset(const char **p, const char *end,
    int64_t *offset_ms);


static const phr_time_unit_t  phr_time_units[] = {
    { "y", 365 * PHR_MS_PER_D, 1 },
    { "w", 7 * PHR_MS_PER_D, 1 },
    { "d", PHR_MS_PER_D, 0 },
    { "h", PHR_MS_PER_H, 0 },
    { "m", PHR_MS_PER_M, 0 },
    { "s", PHR_MS_PER_S, 0 },
    { "ms", 1, 0 },
};


int
phr_duration_parse(const char *s, size_t len, int64_t *ms)
{
    int          overflow;
    size_t       i, n, unit;
    int64_t      v, sum;
    const char  *p, *end;

    if (len == 1 && s[0] == '0') {
        *ms = 0;
        return PHR_OK;
    }

    if (len == 0) {
        return PHR_EPARSE;
    }

    p = s;
    end = s + len;
    i = 0;
    sum = 0;
    overflow = 0;

    while (p < end) {

        if (*p < '0' || *p > '9') {
            return PHR_EPARSE;
        }

        for (v = 0; p < end && *p >= '0' && *p <= '9'; p++) {
            if (v > PHR_DURATION_MAX_MS) {
                overflow = 1;
                continue;
            }

            v = v * 10 + (*p - '0');
        }

        for (n = 0; p + n < end && p[n] >= 'a' && p[n] <= 'z'; n++) {
            /* void */
        }

        for (unit = i; unit < phr_nelems(phr_time_units); unit++) {
            if (strlen(phr_time_units[unit].text) == n
                && memcmp(phr_time_units[unit].text, p, n) == 0)
            {
                break;
            }
        }

        if (unit == phr_nelems(phr_time_units)) {
            return PHR_EPARSE;
        }

        if (v > (PHR_DURATION_MAX_MS - sum) / phr_time_units[unit].ms) {
            overflow = 1;

        } else {
            sum += v * phr_time_units[unit].ms;
        }

        p += n;
        i = unit + 1;
    }

    if (overflow) {
        return PHR_ELIMIT;
    }

    *ms = sum;

    return PHR_OK;
}


void
phr_duration_format(phr_buf_t *b, int64_t ms)
{
    size_t                  i;
    uint64_t                left;
    const phr_time_unit_t  *u;

    if (ms == 0) {
        phr_buf_puts(b, "0s");
        return;
    }

    left = (uint64_t) ms;

    if (ms < 0) {
        phr_buf_putc(b, '-');
        left = 0 - left;
    }

    for (i = 0; i < phr_nelems(phr_time_units); i++) {
        u = &phr_time_units[i];

        if (u->exact && left % (uint64_t) u->ms != 0) {
            continue;
        }

        if (left >= (uint64_t) u->ms) {
            phr_buf_printf(b, "%llu%s",
                           (unsigned long long) (left / (uint64_t) u->ms),
                           u->text);
            left %= (uint64_t) u->ms;
        }
    }
}


int
phr_rfc3339_parse(const char *s, size_t len, int64_t *t_ms)
{
    int          year, scale;
    int64_t      offset_ms;
    phr_date_t   d;
    const char  *p, *end;

    p = s;
    end = s + len;

    memset(&d, 0, sizeof(d));

    if (phr_digits(&p, end, 4, &year) != PHR_OK
        || p == end || *p++ != '-'
        || phr_digits(&p, end, 2, &d.month) != PHR_OK
        || p == end || *p++ != '-'
        || phr_digits(&p, end, 2, &d.day) != PHR_OK
        || p == end || *p++ != 'T'
        || phr_digits(&p, end, 2, &d.hour) != PHR_OK
        || p == end || *p++ != ':'
        || phr_digits(&p, end, 2, &d.minute) != PHR_OK
        || p == end || *p++ != ':'
        || phr_digits(&p, end, 2, &d.second) != PHR_OK)
    {
        return PHR_EPARSE;
    }

    d.year = year;

    if (d.month < 1 || d.month > 12 || d.day < 1
        || d.day > phr_days_in_month(d.year, d.month)
        || d.hour > 23 || d.minute > 59 || d.second > 59)
    {
        return PHR_EPARSE;
    }

    if (p < end && (*p == '.' || *p == ',')) {
        p++;

        if (p == end || *p < '0' || *p > '9') {
            return PHR_EPARSE;
        }

        for (scale = 100; p < end && *p >= '0' && *p <= '9'; p++) {
            d.ms += (*p - '0') * scale;
            scale /= 10;
        }
    }

    if (phr_rfc3339_offset(&p, end, &offset_ms) != PHR_OK || p != end) {
        return PHR_EPARSE;
    }

    *t_ms = phr_date_to_ms(&d) - offset_ms;

    return PHR_OK;
}


void
phr_rfc3339_format(phr_buf_t *b, int64_t t_ms)
{
    phr_date_t  d;

    phr_date(t_ms, &d);

    phr_buf_printf(b, "%s%04lld-%02d-%02dT%02d:%02d:%02d",
                   d.year < 0 ? "-" : "",
                   (long long) (d.year < 0 ? -d.year : d.year),
                   d.month, d.day, d.hour, d.minute, d.second);

    if (d.ms % 10 != 0) {
        phr_buf_printf(b, ".%03d", d.ms);

    } else if (d.ms % 100 != 0) {
        phr_buf_printf(b, ".%02d", d.ms / 10);

    } else if (d.ms != 0) {
        phr_buf_printf(b, ".%d", d.ms / 100);
    }

    phr_buf_putc(b, 'Z');
}


/*
 * Years are counted from March, in eras of 400 years, which puts the leap
 * day at the end of a year and makes the month a linear function of the
 * day: (153 m + 2) / 5 days before month m.
 */

void
phr_date(int64_t t_ms, phr_date_t *d)
{
    int64_t  days, ms;

    days = t_ms / PHR_MS_PER_D;
    ms = t_ms % PHR_MS_PER_D;

    if (ms < 0) {
        ms += PHR_MS_PER_D;
        days--;
    }

    phr_date_days(days, ms, d);
}


void
phr_date_seconds(int64_t t_s, phr_date_t *d)
{
    uint64_t  s;

    s = (uint64_t) t_s + PHR_S_FROM_ZERO;

    phr_date_days((int64_t) (s / PHR_S_PER_D)
                  - (int64_t) (PHR_S_FROM_ZERO / PHR_S_PER_D),
                  (int64_t) (s % PHR_S_PER_D * 1000), d);
}


/* days since the epoch, milliseconds of the day */

static void
phr_date_days(int64_t days, int64_t ms, phr_date_t *d)
{
    int64_t  era, in_era, year, in_year, m;

    d->hour = (int) (ms / PHR_MS_PER_H);
    d->minute = (int) (ms / PHR_MS_PER_M % 60);
    d->second = (int) (ms / PHR_MS_PER_S % 60);
    d->ms = (int) (ms % PHR_MS_PER_S);

    /* the epoch was a Thursday */

    d->weekday = (int) (((days + 4) % 7 + 7) % 7);

    days += PHR_DAYS_TO_EPOCH;
    era = (days >= 0 ? days : days - (PHR_DAYS_PER_ERA - 1))
          / PHR_DAYS_PER_ERA;
    in_era = days - era * PHR_DAYS_PER_ERA;
    year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    in_year = in_era - (365 * year + year / 4 - year / 100);
    m = (5 * in_year + 2) / 153;

    d->day = (int) (in_year - (153 * m + 2) / 5 + 1);
    d->month = (int) (m < 10 ? m + 3 : m - 9);
    d->year = era * 400 + year + (m >= 10);

    d->yearday = (int) (m >= 10 ? in_year - 305
                                : in_year + 60
                                  + (phr_days_in_month(d->year, 2) == 29));
}


int
phr_days_in_month(int64_t year, int month)
{
    static const uint8_t  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (month < 1 || month > 12) {
        return 0;
    }

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        return 29;
    }

    return days[month - 1];
}


int64_t
phr_date_to_ms(const phr_date_t *d)
{
    int64_t  year, era, in_era, in_year, days, m;

    m = d->month;
    year = d->year - (m <= 2);
    era = (year >= 0 ? year : year - 399) / 400;
    in_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d->day - 1;
    year -= era * 400;
    in_era = year * 365 + year / 4 - year / 100 + in_year;
    days = era * PHR_DAYS_PER_ERA + in_era - PHR_DAYS_TO_EPOCH;

    /* unsigned, because the sum may pass the bound and come back */

    return (int64_t) ((uint64_t) days * (uint64_t) PHR_MS_PER_D
                      + (uint64_t) (d->hour * PHR_MS_PER_H)
                      + (uint64_t) (d->minute * PHR_MS_PER_M)
                      + (uint64_t) (d->second * PHR_MS_PER_S)
                      + (uint64_t) (int64_t) d->ms);
}


static int
phr_digits(const char **p, const char *end, int n, int *v)
{
    int  i, sum;

    if (end - *p < n) {
        return PHR_EPARSE;
    }

    for (i = 0, sum = 0; i < n; i++) {
        if ((*p)[i] < '0' || (*p)[i] > '9') {
            return PHR_EPARSE;
        }

        sum = sum * 10 + ((*p)[i] - '0');
    }

    *p += n;
    *v = sum;

    return PHR_OK;
}


/* "Z" or "+hh:mm" */

static int
phr_rfc3339_offset(const char **p, const char *end, int64_t *offset_ms)
{
    int   hours, minutes;
    char  sign;

    if (*p == end) {
        return PHR_EPARSE;
    }

    sign = *(*p)++;

    if (sign == 'Z') {
        *offset_ms = 0;
        return PHR_OK;
    }

    if ((sign != '+' && sign != '-')
        || phr_digits(p, end, 2, &hours) != PHR_OK
        || *p == end || *(*p)++ != ':'
        || phr_digits(p, end, 2, &minutes) != PHR_OK
        || hours > 23 || minutes > 59)
    {
        return PHR_EPARSE;
    }

    *offset_ms = hours * PHR_MS_PER_H + minutes * PHR_MS_PER_M;

    if (sign == '-') {
        *offset_ms = -*offset_ms;
    }

    return PHR_OK;
}
