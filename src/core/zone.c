/*
 * Copyright (C) The Pharos Authors
 *
 * Zone: reads TZif files.  A file is a header and a block of 32-bit times,
 * then, from version 2 on, the same with 64 bits and a line that says what
 * is so after the last time:
 *
 *   header   "TZif" version(1) reserved(15) isut isstd leap time type char
 *            (each a 32-bit number, big-endian)
 *   block    time * t, time * index of a type, type * (offset(4) dst(1)
 *            name(1)), names, leap * (t, 4 bytes), isstd, isut
 *   line     "\n" "CET-1CEST,M3.5.0,M10.5.0/3" "\n"
 */

#include "core/zone.h"

#include "core/bytes.h"
#include "core/time.h"


#define PHR_ZONE_HEADER  44
#define PHR_ZONE_DAY_S   86400

/* at either end of all times there are no seasons */
#define PHR_ZONE_EDGE_S  (400LL * PHR_ZONE_DAY_S)

/* what a rule of the line may say of a time of day, in hours */
#define PHR_ZONE_MAX_HOURS  167


/* a day of the year at which the time changes */
typedef struct {
    char     kind;              /* M month, J without February 29, 0 with */
    int32_t  month;
    int32_t  week;
    int32_t  day;
    int32_t  time_s;            /* of the day, local */
} phr_zone_rule_t;


struct phr_zone_s {
    int64_t         *times_s;
    int32_t         *offsets_s; /* from that time on */
    size_t           n;
    int32_t          first_s;   /* before all times */

    /* after all times */
    int              has_line;
    int              has_dst;
    int32_t          std_s;
    int32_t          dst_s;
    phr_zone_rule_t  begin;     /* of daylight saving time */
    phr_zone_rule_t  end;
};


typedef struct {
    uint32_t  isut;
    uint32_t  isstd;
    uint32_t  leap;
    uint32_t  time;
    uint32_t  type;
    uint32_t  chars;
} phr_zone_header_t;


static int phr_zone_header(phr_str_t s, size_t pos, phr_zone_header_t *h,
    size_t width, size_t *end);
static int phr_zone_block(phr_zone_t *z, const uint8_t *p,
    const phr_zone_header_t *h, size_t width, phr_arena_t *arena);
static int phr_zone_offset_valid(int32_t offset_s);
static int phr_zone_line(phr_zone_t *z, const char *p, const char *end);
static int phr_zone_name(const char **p, const char *end);
static int phr_zone_number(const char **p, const char *end, int32_t max,
    int32_t *n);
static int phr_zone_time(const char **p, const char *end, int32_t *s);
static int phr_zone_rule(const char **p, const char *end,
    phr_zone_rule_t *r);
static int64_t phr_zone_rule_s(const phr_zone_rule_t *r, int64_t year);


int
phr_zone_read(phr_str_t bytes, phr_arena_t *arena, const phr_zone_t **zone,
    phr_err_t *err)
{
    int                 rc;
    size_t              pos, end, width;
    phr_zone_t         *z;
    phr_zone_header_t   h;

    width = 4;
    pos = 0;
    rc = bytes.len <= PHR_ZONE_MAX_BYTES
         ? phr_zone_header(bytes, pos, &h, width, &end) : PHR_ECORRUPT;

    if (rc == PHR_OK && bytes.data[4] >= '2') {
        width = 8;
        pos = end;
        rc = phr_zone_header(bytes, pos, &h, width, &end);
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, PHR_ECORRUPT, "time zone file is damaged");
    }

    z = phr_arena_calloc(arena, 1, sizeof(phr_zone_t));
    if (z == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "out of memory");
    }

    rc = phr_zone_block(z, (const uint8_t *) bytes.data + pos
                           + PHR_ZONE_HEADER, &h, width, arena);

    if (rc == PHR_OK && width == 8) {
        rc = phr_zone_line(z, bytes.data + end, bytes.data + bytes.len);
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, rc == PHR_ECORRUPT
                           ? "time zone file is damaged" : "out of memory");
    }

    *zone = z;

    return PHR_OK;
}


/* *end is where the block that follows the header ends */

static int
phr_zone_header(phr_str_t s, size_t pos, phr_zone_header_t *h, size_t width,
    size_t *end)
{
    size_t          i, size;
    const uint8_t  *p;
    uint32_t       *counts[6];

    if (pos > s.len || s.len - pos < PHR_ZONE_HEADER
        || memcmp(s.data + pos, "TZif", 4) != 0)
    {
        return PHR_ECORRUPT;
    }

    counts[0] = &h->isut;
    counts[1] = &h->isstd;
    counts[2] = &h->leap;
    counts[3] = &h->time;
    counts[4] = &h->type;
    counts[5] = &h->chars;

    p = (const uint8_t *) s.data + pos + 20;

    for (i = 0; i < 6; i++) {
        *counts[i] = phr_get_be32(p + i * 4);

        if (*counts[i] > PHR_ZONE_MAX_BYTES) {
            return PHR_ECORRUPT;
        }
    }

    size = h->time * (width + 1) + h->type * 6 + h->chars
           + h->leap * (width + 4) + h->isstd + h->isut;

    if (h->type == 0 || size > s.len - pos - PHR_ZONE_HEADER) {
        return PHR_ECORRUPT;
    }

    *end = pos + PHR_ZONE_HEADER + size;

    return PHR_OK;
}


static int
phr_zone_block(phr_zone_t *z, const uint8_t *p, const phr_zone_header_t *h,
    size_t width, phr_arena_t *arena)
{
    size_t          i;
    const uint8_t  *index, *types;

    index = p + h->time * width;
    types = index + h->time;

    z->first_s = (int32_t) phr_get_be32(types);

    /* what was before the first change is the first standard time */

    for (i = 0; i < h->type; i++) {
        if (types[i * 6 + 4] == 0) {
            z->first_s = (int32_t) phr_get_be32(types + i * 6);
            break;
        }
    }

    z->times_s = phr_arena_alloc(arena, (h->time + 1) * sizeof(int64_t));
    z->offsets_s = phr_arena_alloc(arena, (h->time + 1) * sizeof(int32_t));

    if (z->times_s == NULL || z->offsets_s == NULL) {
        return phr_arena_rc(arena);
    }

    for (i = 0; i < h->time; i++) {
        z->times_s[i] = width == 8 ? (int64_t) phr_get_be64(p + i * 8)
                                   : (int32_t) phr_get_be32(p + i * 4);

        if (index[i] >= h->type
            || (i > 0 && z->times_s[i] <= z->times_s[i - 1]))
        {
            return PHR_ECORRUPT;
        }

        z->offsets_s[i] = (int32_t) phr_get_be32(types + index[i] * 6);

        if (!phr_zone_offset_valid(z->offsets_s[i])) {
            return PHR_ECORRUPT;
        }
    }

    z->n = h->time;

    return phr_zone_offset_valid(z->first_s) ? PHR_OK : PHR_ECORRUPT;
}


static int
phr_zone_offset_valid(int32_t offset_s)
{
    return offset_s > -2 * PHR_ZONE_DAY_S && offset_s < 2 * PHR_ZONE_DAY_S;
}


/* "\n" [ std offset [ dst [ offset ] "," rule "," rule ] ] "\n" */

static int
phr_zone_line(phr_zone_t *z, const char *p, const char *end)
{
    const char  *last;

    if (p == end || *p != '\n') {
        return PHR_ECORRUPT;
    }

    p++;
    last = memchr(p, '\n', (size_t) (end - p));

    if (last == NULL) {
        return PHR_ECORRUPT;
    }

    if (p == last) {
        return PHR_OK;
    }

    if (!phr_zone_name(&p, last) || !phr_zone_time(&p, last, &z->std_s)) {
        return PHR_ECORRUPT;
    }

    z->std_s = -z->std_s;
    z->has_line = 1;

    if (p == last) {
        return PHR_OK;
    }

    if (!phr_zone_name(&p, last)) {
        return PHR_ECORRUPT;
    }

    z->has_dst = 1;
    z->dst_s = z->std_s + 3600;

    if (p < last && *p != ',') {
        if (!phr_zone_time(&p, last, &z->dst_s)) {
            return PHR_ECORRUPT;
        }

        z->dst_s = -z->dst_s;
    }

    if (!phr_zone_rule(&p, last, &z->begin)
        || !phr_zone_rule(&p, last, &z->end) || p != last)
    {
        return PHR_ECORRUPT;
    }

    return PHR_OK;
}


/* CET, or <+03> */

static int
phr_zone_name(const char **p, const char *end)
{
    const char  *s;

    s = *p;

    if (s < end && *s == '<') {
        while (s < end && *s != '>') {
            s++;
        }

        *p = s + 1;

        return s < end;
    }

    while (s < end && (*s | 0x20) >= 'a' && (*s | 0x20) <= 'z') {
        s++;
    }

    if (s == *p) {
        return 0;
    }

    *p = s;

    return 1;
}


static int
phr_zone_number(const char **p, const char *end, int32_t max, int32_t *n)
{
    const char  *s;

    *n = 0;

    for (s = *p; s < end && *s >= '0' && *s <= '9'; s++) {
        *n = *n * 10 + (*s - '0');

        if (*n > max) {
            return 0;
        }
    }

    if (s == *p) {
        return 0;
    }

    *p = s;

    return 1;
}


/* [sign] hours [ ":" minutes [ ":" seconds ] ] */

static int
phr_zone_time(const char **p, const char *end, int32_t *s)
{
    int      negative, i;
    int32_t  n;

    negative = *p < end && **p == '-';

    if (*p < end && (**p == '-' || **p == '+')) {
        ++*p;
    }

    if (!phr_zone_number(p, end, PHR_ZONE_MAX_HOURS, &n)) {
        return 0;
    }

    *s = n * 3600;

    for (i = 60; i > 0 && *p < end && **p == ':'; i /= 60) {
        ++*p;

        if (!phr_zone_number(p, end, 59, &n)) {
            return 0;
        }

        *s += n * i;
    }

    *s = negative ? -*s : *s;

    return 1;
}


/* "," ("M" month "." week "." day | "J" day | day) [ "/" time ] */

static int
phr_zone_rule(const char **p, const char *end, phr_zone_rule_t *r)
{
    if (*p == end || **p != ',') {
        return 0;
    }

    ++*p;
    r->kind = '0';

    if (*p < end && (**p == 'M' || **p == 'J')) {
        r->kind = **p;
        ++*p;
    }

    if (r->kind != 'M') {
        if (!phr_zone_number(p, end, 365, &r->day)) {
            return 0;
        }

    } else if (!phr_zone_number(p, end, 12, &r->month) || r->month == 0
               || *p == end || *(*p)++ != '.'
               || !phr_zone_number(p, end, 5, &r->week) || r->week == 0
               || *p == end || *(*p)++ != '.'
               || !phr_zone_number(p, end, 6, &r->day))
    {
        return 0;
    }

    r->time_s = 7200;

    if (*p < end && **p == '/') {
        ++*p;
        return phr_zone_time(p, end, &r->time_s);
    }

    return 1;
}


/* the rule's moment in a year, as if local time were UTC */

static int64_t
phr_zone_rule_s(const phr_zone_rule_t *r, int64_t year)
{
    int         day;
    int64_t     t_s;
    phr_date_t  d;

    memset(&d, 0, sizeof(d));
    d.year = year;
    d.month = r->kind == 'M' ? r->month : 1;
    d.day = 1;

    t_s = phr_date_to_ms(&d) / 1000;

    if (r->kind == 'M') {
        phr_date_seconds(t_s, &d);

        /* the first such weekday of the month, then weeks, if it has them */

        day = 1 + (r->day - d.weekday + 7) % 7 + (r->week - 1) * 7;

        while (day > phr_days_in_month(year, r->month)) {
            day -= 7;
        }

        t_s += (int64_t) (day - 1) * PHR_ZONE_DAY_S;

    } else if (r->kind == 'J') {
        day = r->day - 1;

        if (r->day >= 60 && phr_days_in_month(year, 2) == 29) {
            day++;
        }

        t_s += (int64_t) day * PHR_ZONE_DAY_S;

    } else {
        t_s += (int64_t) r->day * PHR_ZONE_DAY_S;
    }

    return t_s + r->time_s;
}


int32_t
phr_zone_offset(const phr_zone_t *z, int64_t t_s)
{
    size_t      lo, hi, mid;
    int64_t     begin_s, end_s;
    phr_date_t  d;

    if (z->n == 0 || t_s < z->times_s[0]) {
        if (z->n != 0 || !z->has_line) {
            return z->first_s;
        }
    }

    if (z->n != 0 && (t_s < z->times_s[z->n - 1] || !z->has_line)) {
        lo = 0;
        hi = z->n;

        while (hi - lo > 1) {
            mid = lo + (hi - lo) / 2;

            if (z->times_s[mid] <= t_s) {
                lo = mid;

            } else {
                hi = mid;
            }
        }

        return z->offsets_s[lo];
    }

    if (!z->has_dst || t_s > INT64_MAX / 1000 - PHR_ZONE_EDGE_S
        || t_s < INT64_MIN / 1000 + PHR_ZONE_EDGE_S)
    {
        return z->std_s;
    }

    phr_date_seconds(t_s + z->std_s, &d);

    begin_s = phr_zone_rule_s(&z->begin, d.year) - z->std_s;
    end_s = phr_zone_rule_s(&z->end, d.year) - z->dst_s;

    if (begin_s < end_s) {
        return t_s >= begin_s && t_s < end_s ? z->dst_s : z->std_s;
    }

    return t_s >= end_s && t_s < begin_s ? z->std_s : z->dst_s;
}


int
phr_zone_name_valid(phr_str_t name)
{
    char    c, before;
    size_t  i;

    before = '/';

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (c == '/') {
            if (before == '/') {
                return 0;
            }

        } else if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
                   && !(c >= '0' && c <= '9') && c != '_' && c != '+'
                   && c != '-')
        {
            return 0;
        }

        before = c;
    }

    return name.len != 0 && name.len <= 64 && before != '/';
}
