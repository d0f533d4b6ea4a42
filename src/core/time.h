/*
 * Copyright (C) The Pharos Authors
 *
 * Time: durations and points in time as text.  Points in time are int64_t
 * milliseconds since the epoch everywhere; nothing here reads a clock.
 */

#ifndef PHR_TIME_H_INCLUDED
#define PHR_TIME_H_INCLUDED


#include "core/buf.h"


/*
 * Prometheus durations: "5m", "1h30m", "250ms", "0"; units ms s m h d w y,
 * each at most once and in falling order.  PHR_OK, PHR_EPARSE, or PHR_ELIMIT
 * if it overflows.
 */
int phr_duration_parse(const char *s, size_t len, int64_t *ms);

/* model.Duration.String(): "1h30m", "0s"; a negative one has a leading "-" */
void phr_duration_format(phr_buf_t *b, int64_t ms);

/* RFC 3339 with any offset, fractions cut to milliseconds */
int phr_rfc3339_parse(const char *s, size_t len, int64_t *t_ms);

/* "2006-01-02T15:04:05.999Z": UTC, fraction only where it is not zero */
void phr_rfc3339_format(phr_buf_t *b, int64_t t_ms);

/* civil date of a point in time, UTC, proleptic Gregorian, any int64_t */
typedef struct {
    int64_t  year;
    int      month;      /* 1 .. 12 */
    int      day;        /* 1 .. 31 */
    int      hour, minute, second, ms;
    int      weekday;    /* 0: Sunday */
    int      yearday;    /* 1 .. 366 */
} phr_date_t;

void phr_date(int64_t t_ms, phr_date_t *d);

/*
 * The same for seconds, of the whole range of int64_t: what lies before the
 * year -292277022399 wraps around to the end, as in Go.
 */
void phr_date_seconds(int64_t t_s, phr_date_t *d);
int phr_days_in_month(int64_t year, int month);

/* the point in time of a date; only year .. ms are read */
int64_t phr_date_to_ms(const phr_date_t *d);


#endif /* PHR_TIME_H_INCLUDED */
