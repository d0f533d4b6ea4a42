/*
 * Copyright (C) The Pharos Authors
 *
 * Clock: what the helper does when the wall clock is set.  Timers do not
 * care, they are monotonic.  The store is told of hours that come a second
 * time; retention of time that is not to be trusted yet; rules and notices
 * move what they remember with the clock, so that "for" and waiting times
 * last as long as they are meant to.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "core/clock.h"
#include "ngx/ngx_http_pharos_parts.h"


#define NGX_HTTP_PHAROS_CLOCK_KEY  phr_str_of("clock")

/* of two clocks that are read one after the other */
#define NGX_HTTP_PHAROS_CLOCK_JITTER   2

/* of the kernel, at 250 Hz */
#define NGX_HTTP_PHAROS_CLOCK_TICK_MS  4


static void ngx_http_pharos_clock_resume(phr_store_t *store,
    int64_t now_ms);
static void ngx_http_pharos_clock_keep(phr_store_t *store);
static void ngx_http_pharos_clock_tell(int64_t step_ms, ngx_log_t *log);


/* the writer thread's */
static phr_clock_t        clock_state;
static int64_t            clock_kept_ms;     /* leap_ms as it is stored */

/* the loop's: of the wall clock from the monotonic one */
static int64_t            clock_timers_ms;

/* read by any */
static uint64_t           clock_nsteps;


/* the two are read close together, also where threads have to wait */

int64_t
ngx_http_pharos_clock_offset_ms(void)
{
    int64_t     wall_ms, before_ms, after_ms;
    ngx_uint_t  i;

    for (i = 0; ; i++) {
        before_ms = ngx_http_pharos_zone_clock_ms();
        wall_ms = ngx_http_pharos_now_ms();
        after_ms = ngx_http_pharos_zone_clock_ms();

        if (after_ms - before_ms < PHR_CLOCK_STEP_MS / 10 || i == 10) {
            return wall_ms - after_ms;
        }
    }
}


int64_t
ngx_http_pharos_clock_now_ms(int64_t *offset_ms)
{
    *offset_ms = ngx_http_pharos_clock_offset_ms();

    return ngx_http_pharos_zone_clock_ms() + *offset_ms;
}


/*
 * How long a timer takes to wall_ms, or some milliseconds less: timers that
 * are for one moment shall fire in one turn of the loop, whenever each was
 * set.  nginx's own clock may be a tick of the kernel late.
 */

ngx_msec_t
ngx_http_pharos_clock_until(int64_t wall_ms)
{
    int64_t  offset_ms, wait_ms;

    offset_ms = ngx_http_pharos_now_ms() - ngx_http_pharos_zone_clock_ms();

    if (ngx_abs(offset_ms - clock_timers_ms) > NGX_HTTP_PHAROS_CLOCK_JITTER) {
        clock_timers_ms = offset_ms;
    }

    wait_ms = wall_ms - clock_timers_ms - NGX_HTTP_PHAROS_CLOCK_TICK_MS
              - (int64_t) ngx_current_msec;

    return (ngx_msec_t) ngx_max(wait_ms, 1);
}


void
ngx_http_pharos_clock_open(phr_store_t *store, ngx_log_t *log)
{
    int64_t            clock_ms, now_ms;
    phr_store_stats_t  st;

    phr_store_stats(store, &st);

    clock_ms = ngx_http_pharos_zone_clock_ms();
    now_ms = clock_ms + ngx_http_pharos_clock_offset_ms();

    phr_clock_init(&clock_state, now_ms, clock_ms,
                   st.max_ms == 0 ? PHR_TIME_MIN : st.max_ms);
    ngx_http_pharos_clock_resume(store, now_ms);

    phr_store_now(store, now_ms);

    if (phr_clock_overlaps(&clock_state)) {
        phr_store_overlap(store, clock_state.from_ms, clock_state.to_ms);

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "the newest sample is %L s ahead of the clock",
                      (st.max_ms - now_ms) / 1000);
    }

    if (clock_state.leap_ms) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "the clock is %L s ahead of what is stored, nothing "
                      "is dropped for its age for %L s",
                      clock_state.leap_ms / 1000,
                      (clock_state.until_ms - now_ms) / 1000);
    }
}


/* in the writer thread */

int64_t
ngx_http_pharos_clock_look(phr_store_t *store, ngx_log_t *log)
{
    int64_t  clock_ms, now_ms, step_ms;

    clock_ms = ngx_http_pharos_zone_clock_ms();
    now_ms = clock_ms + ngx_http_pharos_clock_offset_ms();

    step_ms = phr_clock_look(&clock_state, now_ms, clock_ms);

    if (step_ms != 0) {
        phr_shared_set(&clock_nsteps, clock_nsteps + 1);
        ngx_http_pharos_clock_tell(step_ms, log);
    }

    phr_store_overlap(store, clock_state.from_ms, clock_state.to_ms);
    phr_store_now(store, now_ms);

    return now_ms;
}


static void
ngx_http_pharos_clock_tell(int64_t step_ms, ngx_log_t *log)
{
    if (step_ms < 0) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "the clock was set back by %L s, samples of that time "
                      "are taken once more", (500 - step_ms) / 1000);

    } else if (clock_state.leap_ms) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "the clock was set ahead by %L s, nothing is dropped "
                      "for its age for %L s", (step_ms + 500) / 1000,
                      (int64_t) PHR_CLOCK_HOLD_MS / 1000);

    } else {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "the clock was set ahead by %L s",
                      (step_ms + 500) / 1000);
    }
}


/* in the writer thread, with the next commit */

int64_t
ngx_http_pharos_clock_settled(phr_store_t *store, int64_t now_ms)
{
    if (clock_state.leap_ms != clock_kept_ms) {
        ngx_http_pharos_clock_keep(store);
    }

    return phr_clock_settled(&clock_state, now_ms);
}


static void
ngx_http_pharos_clock_keep(phr_store_t *store)
{
    int              rc, n;
    char             text[64];
    phr_str_t        value;
    phr_appender_t  *app;

    app = phr_store_appender(store);

    if (clock_state.leap_ms == 0) {
        rc = app->ops->del(app, PHR_KV_COUNTERS, NGX_HTTP_PHAROS_CLOCK_KEY,
                           NULL);

    } else {
        n = snprintf(text, sizeof(text), "%lld %lld",
                     (long long) clock_state.leap_ms,
                     (long long) clock_state.until_ms);
        value = phr_str_from(text, (size_t) n);

        rc = app->ops->put(app, PHR_KV_COUNTERS, NGX_HTTP_PHAROS_CLOCK_KEY,
                           value, NULL);
    }

    /* the commit may fail as well: then a restart forgets the leap */

    if (rc >= 0
        && phr_store_commit(store, ngx_http_pharos_now_ms(), 0, NULL) >= 0)
    {
        clock_kept_ms = clock_state.leap_ms;
    }
}


static void
ngx_http_pharos_clock_resume(phr_store_t *store, int64_t now_ms)
{
    phr_buf_t  text;
    long long  leap_ms, until_ms;

    clock_kept_ms = 0;
    phr_buf_init(&text, 0);

    if (phr_store_get(store, PHR_KV_COUNTERS, NGX_HTTP_PHAROS_CLOCK_KEY,
                      &text, NULL)
        == PHR_OK
        && sscanf(phr_buf_cstr(&text), "%lld %lld", &leap_ms, &until_ms) == 2)
    {
        phr_clock_resume(&clock_state, now_ms, leap_ms, until_ms);
        clock_kept_ms = leap_ms;
    }

    phr_buf_free(&text);
}


/* any thread */

void
ngx_http_pharos_clock_metrics(phr_buf_t *out)
{
    phr_buf_printf(out, "# HELP pharos_clock_steps_total "
                   "Times that the clock was seen to be set.\n"
                   "# TYPE pharos_clock_steps_total counter\n"
                   "pharos_clock_steps_total %llu\n",
                   (unsigned long long) phr_shared_get(&clock_nsteps));
}
