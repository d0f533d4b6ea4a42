/*
 * Copyright (C) The Pharos Authors
 *
 * Targets at rest: whatever a target answers, one that goes to rest appends
 * what one appends that never does.
 */

#include "core/alloc.h"
#include "ingest/append.h"
#include "ingest/append_impl.h"

#include "recapp.h"
#include "tap.h"


#define TEXT   phr_str_of("text/plain; version=0.0.4")
#define OM     phr_str_of("application/openmetrics-text")

#define LINES  14
#define STEPS  4000


typedef struct {
    recapp_t             *rec;
    phr_scrape_t         *s;
    phr_scrape_report_t   report;
    phr_err_t             err;
    phr_buf_t             said;
} side_t;

typedef struct {
    const char  *metric;
    int          on;
    int          has_t;
    int          value;
} line_t;


static uint64_t               seed = 88172645463325252ULL;
static phr_scrape_options_t   opt;
static int64_t                now;
static line_t                 lines[LINES];
static int                    help;

static const char  *metrics[LINES] = {
    "a", "a_b", "a_b{x=\"1\"}", "a_b{x=\"10\"}", "a_b{x=\"11\",y=\"2\"}",
    "a_b{x=\"11\",y=\"2 }\"}", "a{x=\"1\"}", "c", "c_d_total",
    "c_d_total{q=\"\\\"\"}", "z{x=\"1\"}", "z{x=\"1\" }", "zz", "{\"zzz\"}"
};


static int
rnd(int n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (int) ((uint32_t) (seed >> 11) % (uint32_t) n);
}


static void
side_create(side_t *side)
{
    memset(side, 0, sizeof(side_t));
    phr_buf_init(&side->said, 0);
    phr_err_init(&side->err);
    side->rec = recapp_create();

    if (phr_scrape_create(&opt, &side->s, &side->err) != PHR_OK) {
        printf("Bail out! %s\n", side->err.text);
        exit(1);
    }
}


static void
side_destroy(side_t *side)
{
    phr_scrape_destroy(side->s);
    recapp_destroy(side->rec);
    phr_buf_free(&side->said);
}


static void
options(int honor, int track)
{
    static const phr_label_t  labels[] = {
        { phr_str("instance"), phr_str("h:1") },
        { phr_str("job"), phr_str("j") },
    };

    memset(&opt, 0, sizeof(opt));
    opt.job = phr_str_of("j");
    opt.key = 0xabc;
    opt.labels.l = labels;
    opt.labels.n = 2;
    opt.honor_timestamps = (unsigned) honor;
    opt.track_timestamps_staleness = (unsigned) track;
    opt.normalize = 1;
    opt.timeout_ms = 10000;
}


/* what the target says now; mostly, only values have changed */

static void
change(void)
{
    int     i, k;
    line_t  line;

    for (i = 0; i < LINES; i++) {
        lines[i].value = rnd(4) ? lines[i].value : rnd(100000);
    }

    if (rnd(6) != 0) {
        return;
    }

    i = rnd(LINES);
    k = rnd(LINES);

    switch (rnd(4)) {

    case 0:
        lines[i].on = !lines[i].on;
        break;

    case 1:
        line = lines[i];
        lines[i] = lines[k];
        lines[k] = line;
        break;

    case 2:
        lines[i].has_t = !lines[i].has_t;
        break;

    default:
        help = rnd(3);
    }
}


static void
say(phr_buf_t *b, int om)
{
    int  i;

    phr_buf_reset(b);

    for (i = 0; i < LINES; i++) {

        if (i == 2) {
            phr_buf_printf(b, "# HELP a_b help %d\n# TYPE a_b gauge\n", help);
        }

        if (!lines[i].on) {
            continue;
        }

        phr_buf_printf(b, "%s %d", lines[i].metric, lines[i].value);

        if (lines[i].has_t && om) {
            phr_buf_printf(b, " %lld.5", (long long) now / 1000 - 1);

        } else if (lines[i].has_t) {
            phr_buf_printf(b, " %lld", (long long) now - 500);
        }

        phr_buf_puts(b, "\n");
    }

    if (om) {
        phr_buf_puts(b, "# EOF\n");

    } else if (rnd(40) == 0) {
        phr_buf_puts(b, "broken\n");
    }
}


/* the series of that name is not known to the store any more */

static void
expire(side_t *side, const char *name)
{
    size_t  i;

    for (i = 0; i < side->rec->nseries; i++) {
        if (strncmp(side->rec->series[i].name, name, strlen(name)) == 0) {
            side->rec->series[i].expired = 1;
        }
    }
}


static void
scrape(side_t *side, int what, phr_str_t body, phr_str_t type)
{
    int          rc;
    int64_t      t_ms;
    const char  *text;

    rc = PHR_OK;

    if (what == 0) {
        rc = phr_scrape_failed(side->s, &side->rec->app, now, 1, 0,
                               &side->report, &side->err);
    } else {
        if (what == 1) {
            phr_scrape_forget(side->s);

        } else if (what == 2) {
            rc = phr_scrape_configure(side->s, &opt, &side->err);

        } else if (what == 3) {
            expire(side, "a_b");
        }

        if (rc == PHR_OK) {
            rc = phr_scrape_body(side->s, &side->rec->app, now, 1, body,
                                 type, &side->report, &side->err);
        }
    }

    phr_buf_reset(&side->said);
    phr_buf_printf(&side->said, "%d %d %d %d: ", rc, side->report.up,
                   (int) side->report.nscraped,
                   (int) side->report.npost_relabel);

    for (t_ms = now; t_ms >= now - 1000; t_ms -= 500) {
        text = recapp_take(side->rec, t_ms, "scrape_");
        phr_buf_puts(&side->said, text);
        phr_buf_puts(&side->said, "/");
    }
}


static void
metadata(side_t *rests, side_t *never, int step)
{
    phr_metadata_t  a, b;

    if (!never->report.up) {
        return;
    }

    if (phr_scrape_metadata_of(never->s, phr_str_of("a_b"), &a) != PHR_OK
        || phr_scrape_metadata_of(rests->s, phr_str_of("a_b"), &b) != PHR_OK
        || a.type != b.type || !phr_str_eq(a.help, b.help)
        || !phr_str_eq(a.unit, b.unit))
    {
        ok(0, "metadata of step %d", step);
    }
}


static void
alike(int honor, int track)
{
    int        i, what, om, nasleep, bad;
    side_t     rests, never;
    phr_buf_t  body;

    options(honor, track);
    side_create(&rests);
    side_create(&never);
    phr_buf_init(&body, 0);

    for (i = 0; i < LINES; i++) {
        memset(&lines[i], 0, sizeof(line_t));
        lines[i].metric = metrics[i];
        lines[i].on = 1;
    }

    nasleep = 0;
    bad = 0;
    now = 0;

    for (i = 0; i < STEPS && bad == 0; i++) {
        now += 15000;
        change();
        om = i / 500 % 2;
        say(&body, om);
        what = rnd(60);

        never.s->quiet = UINT32_MAX;
        rests.s->quiet = phr_min(rests.s->quiet, 2);

        scrape(&rests, what, phr_buf_view(&body), om ? OM : TEXT);
        scrape(&never, what, phr_buf_view(&body), om ? OM : TEXT);
        nasleep += rests.s->asleep;

        if (strcmp(phr_buf_cstr(&rests.said), phr_buf_cstr(&never.said))) {
            is_str(phr_buf_cstr(&rests.said), phr_buf_cstr(&never.said),
                   "step %d", i);
            printf("# %s\n", phr_buf_cstr(&body));
            bad = 1;
        }

        metadata(&rests, &never, i);
    }

    ok(!bad, "%d answers, honor %d, track %d", STEPS, honor, track);
    ok(nasleep > STEPS / 8, "%d of them at rest", nasleep);
    ok(phr_scrape_nseries(rests.s) == phr_scrape_nseries(never.s),
       "as many series in the end");

    phr_buf_free(&body);
    side_destroy(&rests);
    side_destroy(&never);
}


/* each allocation of a scrape that wakes the target fails once */

static void
memory(void)
{
    int          i, n, slept;
    side_t       side;
    const char  *quiet, *moved;

    quiet = "# HELP b x\n# TYPE b gauge\nb 1\nb{x=\"1\"} 2\nc 3\n";
    moved = "# HELP b x\n# TYPE b gauge\nb 1\nc 3\nb{x=\"1\"} 2\nd 4\n";
    options(1, 0);
    n = 0;

    for (slept = 1, i = 1; i < 200; i++) {
        now = 0;
        side_create(&side);

        while (now < 60000) {
            now += 15000;
            scrape(&side, 99, phr_str_from_c(quiet), TEXT);
        }

        slept &= side.s->asleep;
        now += 15000;

        phr_alloc_fail_at(i);
        scrape(&side, 99, phr_str_from_c(moved), TEXT);
        phr_alloc_fail_at(-1);

        if (strncmp(phr_buf_cstr(&side.said), "0 1", 3) == 0) {
            side_destroy(&side);
            break;
        }

        n++;
        now += 15000;
        scrape(&side, 99, phr_str_from_c(moved), TEXT);

        if (strstr(phr_buf_cstr(&side.said),
                   "b{instance=\"h:1\", job=\"j\", x=\"1\"} 2|") == NULL)
        {
            is_str(phr_buf_cstr(&side.said), "", "after failure %d", i);
        }

        side_destroy(&side);
    }

    ok(slept, "went to rest each time");
    ok(n > 10 && i < 200, "%d failures while it was woken", n);
}


int
main(void)
{
    alike(1, 0);
    alike(1, 1);
    alike(0, 0);
    memory();

    return done_testing();
}
