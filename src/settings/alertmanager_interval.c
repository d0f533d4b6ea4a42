/*
 * Copyright (C) The Pharos Authors
 *
 * alertmanager.yml: time intervals, read, checked and asked whether they
 * contain a point in time.  Time zones come from the system's database.
 */

#include "settings/alertmanager_schema.h"

#include <stdlib.h>
#include <strings.h>

#include "core/number.h"
#include "core/time.h"
#include "core/zone.h"


#define PHR_INTERVAL_LOCAL  "/etc/localtime"


typedef struct {
    phr_str_t       start_time;
    phr_str_t       end_time;
} phr_time_range_file_t;


/* what the members of a kind of range may be */
typedef struct {
    const char  *const *names;      /* NULL: numbers only */
    int                 first;      /* the number of the first name */
    int                 numbers;    /* numbers may stand for names, too */
    int                 min;
    int                 max;
} phr_range_kind_t;


static int phr_interval_times_set(phr_schema_ctx_t *ctx,
    const phr_option_t *opt, void *member, const phr_yaml_node_t *node);
static int phr_interval_ranges_set(phr_schema_ctx_t *ctx,
    const phr_option_t *opt, void *member, const phr_yaml_node_t *node);
static int phr_interval_range(const phr_range_kind_t *kind, phr_str_t s,
    phr_interval_range_t *r);
static int phr_interval_member(const phr_range_kind_t *kind, phr_str_t s,
    int *v);
static int phr_interval_days_valid(const phr_interval_range_t *r);
static int phr_interval_minute(phr_str_t s, int *minute);
static int phr_interval_location_set(phr_schema_ctx_t *ctx,
    const phr_option_t *opt, void *member, const phr_yaml_node_t *node);
static int phr_interval_contains(const phr_interval_t *iv, int64_t t_ms);
static int phr_interval_has(const phr_interval_ranges_t *ranges, int v);
static int phr_interval_has_day(const phr_interval_ranges_t *ranges,
    const phr_date_t *d);


static const char *const  phr_weekday_names[] =
    { "sunday", "monday", "tuesday", "wednesday", "thursday", "friday",
      "saturday", NULL };
static const char *const  phr_month_names[] =
    { "january", "february", "march", "april", "may", "june", "july",
      "august", "september", "october", "november", "december", NULL };

static const phr_range_kind_t  phr_weekdays_kind =
    { phr_weekday_names, 0, 0, 0, 6 };
static const phr_range_kind_t  phr_days_kind = { NULL, 0, 1, -31, 31 };
static const phr_range_kind_t  phr_months_kind =
    { phr_month_names, 1, 1, INT32_MIN, INT32_MAX };
static const phr_range_kind_t  phr_years_kind =
    { NULL, 0, 1, INT32_MIN, INT32_MAX };


static const phr_option_t  phr_time_range_options[] = {
    PHR_OPTION(phr_time_range_file_t, start_time, "start_time", PHR_OPT_STR,
               PHR_OPT_REQUIRED),
    PHR_OPTION(phr_time_range_file_t, end_time, "end_time", PHR_OPT_STR,
               PHR_OPT_REQUIRED),
};

static const phr_schema_t  phr_time_range_schema = {
    .name = "times",
    .size = sizeof(phr_time_range_file_t),
    .options = phr_time_range_options,
    .noptions = phr_nelems(phr_time_range_options)
};

#define PHR_INTERVAL_OPTION(member_, name_, set_)                             \
    { .name = name_, .type = PHR_OPT_CUSTOM,                                  \
      .offset = offsetof(phr_interval_t, member_), .set = set_ }

static const phr_option_t  phr_interval_options[] = {
    { .name = "times", .type = PHR_OPT_CUSTOM,
      .offset = offsetof(phr_interval_t, times),
      .schema = &phr_time_range_schema, .set = phr_interval_times_set },
    PHR_INTERVAL_OPTION(weekdays, "weekdays", phr_interval_ranges_set),
    PHR_INTERVAL_OPTION(days_of_month, "days_of_month",
                        phr_interval_ranges_set),
    PHR_INTERVAL_OPTION(months, "months", phr_interval_ranges_set),
    PHR_INTERVAL_OPTION(years, "years", phr_interval_ranges_set),
    PHR_INTERVAL_OPTION(zone, "location", phr_interval_location_set),
};

static const phr_schema_t  phr_interval_schema = {
    .name = "time_intervals",
    .size = sizeof(phr_interval_t),
    .options = phr_interval_options,
    .noptions = phr_nelems(phr_interval_options)
};

static const phr_option_t  phr_named_interval_options[] = {
    PHR_OPTION(phr_named_interval_t, name, "name", PHR_OPT_STR,
               PHR_OPT_REQUIRED),
    PHR_OPTION_OF(phr_named_interval_t, intervals, "time_intervals",
                  PHR_OPT_LIST, PHR_OPT_NULLS, &phr_interval_schema),
};

const phr_schema_t  phr_named_interval_schema = {
    .name = "a time interval",
    .size = sizeof(phr_named_interval_t),
    .options = phr_named_interval_options,
    .noptions = phr_nelems(phr_named_interval_options)
};


int
phr_named_interval_contains(const phr_named_interval_t *ni, int64_t t_ms)
{
    size_t  i;

    for (i = 0; i < ni->nintervals; i++) {
        if (phr_interval_contains(ni->intervals[i], t_ms)) {
            return 1;
        }
    }

    return 0;
}


static int
phr_interval_times_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    int                      rc;
    void                   **list;
    size_t                   i, n;
    phr_interval_range_t    *r;
    phr_time_range_file_t   *f;
    phr_interval_ranges_t   *ranges;

    ranges = member;

    rc = phr_schema_list(ctx, opt, node, &list, &n);
    if (rc != PHR_OK) {
        return rc;
    }

    r = phr_arena_calloc(ctx->arena, n + 1, sizeof(phr_interval_range_t));
    if (r == NULL) {
        return phr_schema_nomem(ctx);
    }

    for (i = 0; i < n; i++) {
        f = list[i];

        if (phr_interval_minute(f->start_time, &r[i].begin) != PHR_OK
            || phr_interval_minute(f->end_time, &r[i].end) != PHR_OK)
        {
            return phr_schema_error(ctx, node->items[i], "couldn't parse "
                                    "timestamp, the format is HH:MM");
        }

        if (r[i].begin >= r[i].end) {
            return phr_schema_error(ctx, node->items[i], "start time cannot "
                                    "be equal or greater than end time");
        }
    }

    ranges->r = r;
    ranges->n = n;

    return PHR_OK;
}


static int
phr_interval_ranges_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    int                      rc, days;
    size_t                   i;
    phr_strs_t               strs;
    phr_interval_range_t    *r;
    phr_interval_ranges_t   *ranges;
    const phr_range_kind_t  *kind;

    ranges = member;
    days = (opt->name[0] == 'd');
    kind = days ? &phr_days_kind
           : opt->name[0] == 'w' ? &phr_weekdays_kind
           : opt->name[0] == 'm' ? &phr_months_kind : &phr_years_kind;

    rc = phr_schema_strs(ctx, opt, &strs, node);
    if (rc != PHR_OK) {
        return rc;
    }

    r = phr_arena_calloc(ctx->arena, strs.n + 1,
                         sizeof(phr_interval_range_t));
    if (r == NULL) {
        return phr_schema_nomem(ctx);
    }

    for (i = 0; i < strs.n; i++) {
        if (phr_interval_range(kind, strs.s[i], &r[i]) != PHR_OK
            || (days ? !phr_interval_days_valid(&r[i])
                     : r[i].begin > r[i].end))
        {
            return phr_schema_error(ctx, node, "\"%.*s\" is not a valid range "
                                    "of %s", (int) phr_min(strs.s[i].len, 100),
                                    strs.s[i].data, opt->name);
        }
    }

    ranges->r = r;
    ranges->n = strs.n;

    return PHR_OK;
}


static int
phr_interval_range(const phr_range_kind_t *kind, phr_str_t s,
    phr_interval_range_t *r)
{
    size_t       n;
    const char  *colon;

    colon = memchr(s.data, ':', s.len);

    if (colon == NULL) {
        if (phr_interval_member(kind, s, &r->begin) != PHR_OK) {
            return PHR_EINVAL;
        }

        r->end = r->begin;
        return PHR_OK;
    }

    n = (size_t) (colon - s.data);

    if (phr_interval_member(kind, phr_str_from(s.data, n), &r->begin)
        != PHR_OK)
    {
        return PHR_EINVAL;
    }

    return phr_interval_member(kind, phr_str_from(colon + 1, s.len - n - 1),
                               &r->end);
}


static int
phr_interval_member(const phr_range_kind_t *kind, phr_str_t s, int *v)
{
    int      i;
    int64_t  n;

    for (i = 0; kind->names != NULL && kind->names[i] != NULL; i++) {
        if (strlen(kind->names[i]) == s.len
            && strncasecmp(kind->names[i], s.data, s.len) == 0)
        {
            *v = kind->first + i;
            return PHR_OK;
        }
    }

    if (!kind->numbers || phr_int_parse(s.data, s.len, &n) != PHR_OK
        || n < kind->min || n > kind->max)
    {
        return PHR_EINVAL;
    }

    *v = (int) n;

    return PHR_OK;
}


/* negative days count from the month's end, the shortest month has 28 */
static int
phr_interval_days_valid(const phr_interval_range_t *r)
{
    int  begin, end;

    if (r->begin == 0 || r->end == 0 || (r->begin < 0 && r->end > 0)) {
        return 0;
    }

    begin = r->begin < 0 ? 28 + r->begin : r->begin;
    end = r->end < 0 ? 28 + r->end : r->end;

    return begin <= end;
}


/* 00:00 to 24:00 */
static int
phr_interval_minute(phr_str_t s, int *minute)
{
    int  h, m;

    if (s.len != 5 || s.data[2] != ':' || s.data[0] < '0' || s.data[0] > '9'
        || s.data[1] < '0' || s.data[1] > '9' || s.data[3] < '0'
        || s.data[3] > '5' || s.data[4] < '0' || s.data[4] > '9')
    {
        return PHR_EPARSE;
    }

    h = (s.data[0] - '0') * 10 + s.data[1] - '0';
    m = (s.data[3] - '0') * 10 + s.data[4] - '0';

    if (h * 60 + m > 24 * 60) {
        return PHR_EPARSE;
    }

    *minute = h * 60 + m;

    return PHR_OK;
}


static int
phr_interval_location_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    int                 rc;
    size_t              i;
    phr_str_t           name, bytes;
    const char         *path;
    const phr_zone_t  **zone;

    zone = member;

    if (phr_yaml_text(node, &name) != PHR_OK) {
        return phr_schema_error(ctx, node, "\"location\" must be a string");
    }

    *zone = NULL;

    if (name.len == 0 || phr_str_eq(name, phr_str_of("UTC"))) {
        return PHR_OK;
    }

    path = PHR_INTERVAL_LOCAL;

    if (!phr_str_eq(name, phr_str_of("Local"))) {
        for (i = 0; i + 1 < name.len; i++) {
            if (name.data[i] == '.' && name.data[i + 1] == '.') {
                break;
            }
        }

        if (i + 1 < name.len || name.data[0] == '/'
            || memchr(name.data, '\\', name.len) != NULL)
        {
            return phr_schema_error(ctx, node, "invalid location name");
        }

        path = phr_arena_printf(ctx->arena, "%s%.*s", PHR_ZONE_FOLDER,
                                (int) name.len, name.data);
        if (path == NULL) {
            return phr_schema_nomem(ctx);
        }
    }

    rc = phr_loader_read(ctx->arena, path, &bytes, ctx->err);

    if (rc == PHR_OK) {
        rc = phr_zone_read(bytes, ctx->arena, zone, ctx->err);
    }

    if (rc != PHR_OK && rc != PHR_ENOMEM && rc != PHR_ELIMIT) {
        return phr_schema_error(ctx, node, "unknown time zone %.*s",
                                (int) phr_min(name.len, 100), name.data);
    }

    return rc;
}


static int
phr_interval_contains(const phr_interval_t *iv, int64_t t_ms)
{
    int         minute;
    size_t      i;
    phr_date_t  d;

    if (iv->zone != NULL) {
        t_ms += (int64_t) phr_zone_offset(iv->zone, t_ms / 1000) * 1000;
    }

    phr_date(t_ms, &d);

    minute = d.hour * 60 + d.minute;

    for (i = 0; i < iv->times.n; i++) {
        if (minute >= iv->times.r[i].begin && minute < iv->times.r[i].end) {
            break;
        }
    }

    if (iv->times.n > 0 && i == iv->times.n) {
        return 0;
    }

    return phr_interval_has_day(&iv->days_of_month, &d)
           && phr_interval_has(&iv->months, d.month)
           && phr_interval_has(&iv->weekdays, d.weekday)
           && phr_interval_has(&iv->years, (int) d.year);
}


static int
phr_interval_has(const phr_interval_ranges_t *ranges, int v)
{
    size_t  i;

    for (i = 0; i < ranges->n; i++) {
        if (v >= ranges->r[i].begin && v <= ranges->r[i].end) {
            return 1;
        }
    }

    return ranges->n == 0;
}


static int
phr_interval_has_day(const phr_interval_ranges_t *ranges,
    const phr_date_t *d)
{
    int     begin, end, days;
    size_t  i;

    days = phr_days_in_month(d->year, d->month);

    for (i = 0; i < ranges->n; i++) {
        begin = ranges->r[i].begin;
        end = ranges->r[i].end;

        if (begin < 0) {
            begin = days + begin + 1;
        }

        if (end < 0) {
            end = days + end + 1;
        }

        if (begin <= days && d->day >= begin && d->day <= end) {
            return 1;
        }
    }

    return ranges->n == 0;
}
