/*
 * Copyright (C) The Pharos Authors
 *
 * The scrape itself: lines against the lines of the last answer, then one
 * row for the store (append_write.c).  Nothing reaches the store before the
 * whole body is read, so a body that turns out bad leaves only stale
 * markers.
 */

#include "ingest/append.h"

#include "ingest/append_impl.h"

#include "core/alloc.h"


/* labels of one series while they are put together */
#define PHR_SCRAPE_TMP_BYTES   (16 * 1024 * 1024)

#define PHR_SCRAPE_CONF_BYTES  (4 * 1024 * 1024)

/* texts that a target may leave behind before they are cleaned up */
#define PHR_SCRAPE_SLACK       1000

/* scrapes between two looks for outdated metadata */
#define PHR_SCRAPE_META_EACH   16


static int phr_scrape_adopt(const phr_scrape_options_t *o,
    phr_scrape_options_t *to, phr_arena_t **arena, phr_err_t *err);
static int phr_scrape_pass(phr_scrape_pass_t *pass, phr_str_t body,
    phr_str_t content_type, int *fatal, phr_err_t *err);
static int phr_scrape_begin(phr_scrape_pass_t *pass, phr_str_t body,
    phr_str_t content_type);
static int phr_scrape_read(phr_scrape_pass_t *pass, int *fatal,
    phr_err_t *err);
static int phr_scrape_line(phr_scrape_pass_t *pass, size_t *next,
    phr_scrape_line_t *line, int *fatal, phr_err_t *err);
static int phr_scrape_parsed(phr_scrape_pass_t *pass, size_t *next,
    phr_scrape_line_t *line, int *fatal, phr_err_t *err);
static int phr_scrape_returned(phr_scrape_pass_t *pass, uint32_t text);
static int phr_scrape_over(const phr_scrape_pass_t *pass);
static int phr_scrape_more_lines(phr_scrape_pass_t *pass);
static void phr_scrape_keep_answer(phr_scrape_pass_t *pass);


void
phr_scrape_options(phr_scrape_options_t *o, const phr_target_t *t)
{
    const phr_scrape_conf_t  *conf;

    conf = t->conf;

    memset(o, 0, sizeof(phr_scrape_options_t));

    o->job = t->pool;
    o->key = t->key;
    o->labels = t->labels;
    o->metric_relabel = &conf->metric_relabel;
    o->limit = conf->limit;
    o->timeout_ms = t->timeout_ms;
    o->honor_labels = conf->honor_labels != 0;
    o->honor_timestamps = conf->honor_timestamps != 0;
    o->track_timestamps_staleness = conf->track_timestamps_staleness != 0;
    o->extra_metrics = conf->extra_scrape_metrics != 0;
    o->legacy_names = phr_str_eq(conf->metric_name_validation_scheme,
                                 phr_str_of("legacy"));
    o->normalize = 1;
    o->remember = 1;
    o->histograms = t->histograms;
    o->max_buckets = conf->native_histogram_bucket_limit;
    o->min_bucket_factor = conf->native_histogram_min_bucket_factor;
    o->fallback = conf->fallback_scrape_protocol;
}


int
phr_scrape_create(const phr_scrape_options_t *o, phr_scrape_t **out,
    phr_err_t *err)
{
    int            rc;
    phr_scrape_t  *s;

    s = phr_calloc(1, sizeof(phr_scrape_t));
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a target");
    }

    phr_expo_init(&s->again, PHR_EXPO_TEXT, phr_str_of(""));
    phr_scrape_clear(s);

    s->iter = 1;
    s->tmp = phr_arena_create(PHR_SCRAPE_TMP_BYTES);
    s->text_map = phr_map_create();
    s->meta_map = phr_map_create();

    if (s->tmp == NULL || s->text_map == NULL || s->meta_map == NULL) {
        phr_scrape_destroy(s);
        return phr_err_set(err, PHR_ENOMEM, "no memory for a target");
    }

    rc = phr_scrape_adopt(o, &s->o, &s->conf, err);
    if (rc != PHR_OK) {
        phr_scrape_destroy(s);
        return rc;
    }

    *out = s;

    return PHR_OK;
}


void
phr_scrape_destroy(phr_scrape_t *s)
{
    if (s == NULL) {
        return;
    }

    phr_scrape_clear(s);
    phr_scrape_meta_clear(s);
    phr_map_destroy(s->meta_map);
    phr_array_free(&s->texts);
    phr_array_free(&s->slots);
    phr_expo_free(&s->again);
    phr_arena_destroy(s->tmp);
    phr_arena_destroy(s->conf);
    phr_free(s);
}


int
phr_scrape_configure(phr_scrape_t *s, const phr_scrape_options_t *o,
    phr_err_t *err)
{
    int                    rc;
    unsigned               i;
    uint32_t              *tracked;
    phr_map_t             *map;
    phr_arena_t           *arena;
    phr_scrape_options_t   to;

    rc = phr_scrape_wake(s);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for a target");
    }

    map = phr_map_create();
    tracked = phr_malloc((s->ntracked + PHR_SCRAPE_NREPORT)
                         * sizeof(uint32_t));

    if (map == NULL || tracked == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory for a target");
        goto failed;
    }

    rc = phr_scrape_adopt(o, &to, &arena, err);
    if (rc != PHR_OK) {
        goto failed;
    }

    /* what texts mean is open again; what is in the store is not */

    if (s->ntracked != 0) {
        memcpy(tracked, s->tracked, s->ntracked * sizeof(uint32_t));
    }

    phr_free(s->tracked);
    s->tracked = tracked;

    for (i = 0; i < PHR_SCRAPE_NREPORT; i++) {
        if (s->report[i] != PHR_SCRAPE_NONE) {
            s->tracked[s->ntracked++] = s->report[i];
            s->report[i] = PHR_SCRAPE_NONE;
        }
    }

    phr_map_destroy(s->text_map);
    phr_arena_destroy(s->conf);

    s->o = to;
    s->conf = arena;
    s->text_map = map;
    s->nquiet = 0;
    s->quiet = 1;
    s->texts.nelts = 0;
    s->nlines = 0;
    s->has_source = 0;
    s->has_timed_source = 0;

    return PHR_OK;

failed:

    phr_map_destroy(map);
    phr_free(tracked);

    return rc;
}


void
phr_scrape_forget(phr_scrape_t *s)
{
    phr_map_t  *map;

    map = s->text_map;
    s->text_map = NULL;

    phr_scrape_clear(s);
    phr_map_clear(map);

    s->text_map = map;
}


int
phr_scrape_body(phr_scrape_t *s, phr_appender_t *app, int64_t t_ms,
    double duration_s, phr_str_t body, phr_str_t content_type,
    phr_scrape_report_t *report, phr_err_t *err)
{
    int                rc, fatal;
    size_t             len;
    phr_scrape_pass_t  pass;

    if ((s->o.limit.body_size_bytes != 0
         && body.len >= s->o.limit.body_size_bytes)
        || body.len >= UINT32_MAX / 2)
    {
        rc = phr_scrape_failed(s, app, t_ms, duration_s, 1, report, err);
        if (rc == PHR_OK) {
            report->code = phr_err_set(err, PHR_ELIMIT,
                                       "body size limit exceeded");
        }

        return rc;
    }

    memset(report, 0, sizeof(phr_scrape_report_t));
    memset(&pass, 0, sizeof(phr_scrape_pass_t));

    report->duration_s = duration_s;

    pass.s = s;
    pass.app = app;
    pass.t_ms = t_ms;
    pass.report = report;
    pass.max_samples = s->o.limit.samples;

    rc = phr_scrape_make(&pass, body, content_type);

    if (rc == PHR_OK) {
        rc = phr_scrape_pass(&pass, body, content_type, &fatal, err);

    } else {
        fatal = 1;
        phr_err_set(err, rc, "no memory for a scrape");
    }

    if (rc == PHR_OK && !s->asleep) {
        len = (size_t) (pass.p.end - pass.p.body);
        pass.body = phr_malloc(len + 1);
        pass.tracked = phr_malloc((pass.nsamples + 1) * sizeof(uint32_t));

        if (pass.body == NULL || pass.tracked == NULL) {
            fatal = 1;
            rc = phr_err_set(err, PHR_ENOMEM, "no memory for a scrape");
        }
    }

    if (!fatal) {
        report->up = rc == PHR_OK;
        report->code = rc;

        rc = phr_scrape_write(&pass, report->up, (double) body.len, err);

        if (rc == PHR_OK && report->up) {
            if (s->asleep) {
                s->ntracked = s->rest.ntracked;
            } else {
                phr_scrape_keep_answer(&pass);
            }
        }

        if (s->texts.nelts > 2 * s->nlines + PHR_SCRAPE_SLACK) {

            /* without memory for it, it is tried again next time */
            (void) phr_scrape_purge(s);
        }
    }

    phr_free(pass.body);
    phr_free(pass.tracked);
    phr_free(pass.lines);
    phr_scrape_exemplars_free(&pass);
    phr_expo_free(&pass.p);
    phr_scrape_made_free(&pass);

    return rc;
}


int
phr_scrape_failed(phr_scrape_t *s, phr_appender_t *app, int64_t t_ms,
    double duration_s, int over, phr_scrape_report_t *report,
    phr_err_t *err)
{
    phr_scrape_pass_t  pass;

    memset(report, 0, sizeof(phr_scrape_report_t));
    memset(&pass, 0, sizeof(phr_scrape_pass_t));

    report->duration_s = duration_s;
    report->code = PHR_EIO;

    pass.s = s;
    pass.app = app;
    pass.t_ms = t_ms;
    pass.report = report;

    s->iter++;

    return phr_scrape_write(&pass, 0, over ? -1 : 0, err);
}


size_t
phr_scrape_nseries(const phr_scrape_t *s)
{
    return s->ntracked;
}


static int
phr_scrape_adopt(const phr_scrape_options_t *o, phr_scrape_options_t *to,
    phr_arena_t **arena, phr_err_t *err)
{
    int           rc;
    phr_arena_t  *a;

    a = phr_arena_create(PHR_SCRAPE_CONF_BYTES);
    if (a == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a target");
    }

    *to = *o;

    rc = phr_labels_copy(a, o->labels, &to->labels);

    if (rc == PHR_OK) {
        to->job = phr_arena_str(a, o->job);
        to->fallback = phr_arena_str(a, o->fallback);

        if (to->job.data == NULL || to->fallback.data == NULL) {
            rc = phr_arena_rc(a);
        }
    }

    if (rc != PHR_OK) {
        phr_arena_destroy(a);
        return phr_err_set(err, rc, "labels of a target take too much "
                           "memory");
    }

    *arena = a;

    return PHR_OK;
}


/* reads the body; a target at rest is woken if it has to be */

static int
phr_scrape_pass(phr_scrape_pass_t *pass, phr_str_t body,
    phr_str_t content_type, int *fatal, phr_err_t *err)
{
    int            rc;
    phr_scrape_t  *s;

    s = pass->s;

    rc = phr_scrape_begin(pass, body, content_type);

    if (rc == PHR_OK && s->asleep) {
        *fatal = 0;

        rc = phr_scrape_rest_read(pass, err);
        if (rc == PHR_OK) {
            return PHR_OK;
        }

        phr_free(pass->lines);
        pass->lines = NULL;
        pass->nlines = 0;

        if (rc == PHR_NOTFOUND) {
            rc = phr_scrape_wake(s);
        }

        if (rc == PHR_OK) {
            phr_expo_free(&pass->p);
            rc = phr_scrape_begin(pass, body, content_type);
        }
    }

    if (rc != PHR_OK) {
        *fatal = 1;
        return phr_err_set(err, rc, "no memory for a scrape");
    }

    return phr_scrape_read(pass, fatal, err);
}


static int
phr_scrape_begin(phr_scrape_pass_t *pass, phr_str_t body,
    phr_str_t content_type)
{
    int                   rc;
    phr_scrape_t         *s;
    phr_scrape_report_t  *r;

    s = pass->s;
    r = pass->report;

    s->iter++;
    r->nscraped = 0;
    r->npost_relabel = 0;
    r->nduplicates = 0;
    pass->nsamples = 0;
    pass->full = 0;
    phr_scrape_exemplars_reset(pass);
    pass->hist_rc = PHR_OK;

    phr_scrape_open(pass, body, content_type);

    if (pass->p.format != s->format) {
        rc = phr_scrape_wake(s);
        if (rc != PHR_OK) {
            return rc;
        }

        s->nlines = 0;
        s->format = pass->p.format;
    }

    return PHR_OK;
}


/*
 * "next" is the line of the last answer that the present one should equal.
 * After a line that was moved it goes on behind the place it had, so one
 * inserted or missing line costs one lookup.
 */

static int
phr_scrape_read(phr_scrape_pass_t *pass, int *fatal, phr_err_t *err)
{
    int                 rc;
    size_t              next;
    phr_expo_t         *p;
    phr_scrape_t       *s;
    phr_scrape_line_t  *line, *old;

    s = pass->s;
    p = &pass->p;
    next = 0;

    for ( ;; ) {

        if (pass->nlines == pass->nalloc) {
            rc = phr_scrape_more_lines(pass);
            if (rc != PHR_OK) {
                *fatal = 1;
                return phr_err_set(err, rc, "no memory for a scrape");
            }
        }

        line = &pass->lines[pass->nlines];

        if (next < s->nlines) {
            old = &s->lines[next];

            if ((size_t) (p->end - p->pos) >= old->line_len && old->whole
                && memcmp(p->pos, s->body + old->off, old->line_len) == 0)
            {
                *line = *old;
                line->off = (uint32_t) (p->pos - p->body);
                p->pos += old->line_len;
                p->type = (phr_metric_type_e) old->type;
                next++;

                if (line->kind == PHR_LINE_SAMPLE) {
                    phr_scrape_stage(pass, line);

                } else if (line->meta != NULL) {
                    line->meta->iter = s->iter;
                }

                pass->nlines++;
                continue;
            }
        }

        rc = phr_scrape_line(pass, &next, line, fatal, err);

        if (rc == PHR_DONE) {
            break;
        }

        if (rc != PHR_OK) {
            return rc;
        }

        pass->nlines++;
    }

    *fatal = 0;

    if (pass->full) {
        return phr_err_set(err, PHR_ELIMIT, "sample limit exceeded");
    }

    if (pass->hist_rc != PHR_OK) {
        *fatal = pass->hist_rc == PHR_ENOMEM;
        return phr_err_set(err, pass->hist_rc, *fatal
                           ? "no memory for a histogram"
                           : "histogram bucket limit exceeded");
    }

    if (next != s->nlines || pass->nlines != s->nlines) {
        pass->moved = 1;
    }

    return PHR_OK;
}


/* a line that is not, as a whole, the one expected */

static int
phr_scrape_line(phr_scrape_pass_t *pass, size_t *next,
    phr_scrape_line_t *line, int *fatal, phr_err_t *err)
{
    int                 rc;
    phr_expo_t         *p;
    phr_scrape_t       *s;
    phr_scrape_line_t  *old;

    s = pass->s;
    p = &pass->p;
    old = *next < s->nlines ? &s->lines[*next] : NULL;

    *fatal = 0;

    if (old != NULL && old->kind == PHR_LINE_SAMPLE
        && old->slot != PHR_SCRAPE_NONE)
    {
        rc = phr_expo_next_like(p, s->body + old->off, old->metric_len, err);
    } else {
        rc = phr_expo_next(p, err);
    }

    if (rc != PHR_OK) {
        *fatal = rc == PHR_ENOMEM;
        return rc;
    }

    line->off = (uint32_t) (p->start - p->body);
    line->line_len = (uint32_t) (p->pos - p->start);
    line->whole = p->pos[-1] == '\n';
    line->type = (uint8_t) p->type;
    line->meta = NULL;

    if (p->event != PHR_EXPO_SAMPLE) {
        line->kind = PHR_LINE_META;
        line->metric_len = line->line_len;
        line->stage = PHR_STAGE_NONE;
        pass->moved = 1;

        /* a text that changed is in the place of the old one */

        if (old != NULL && old->kind == PHR_LINE_META) {
            (*next)++;
        }

        rc = phr_scrape_meta_set(s, p, &line->meta);
        if (rc != PHR_OK) {
            *fatal = 1;
            return phr_err_set(err, rc, "no memory for metadata");
        }

        return PHR_OK;
    }

    line->kind = PHR_LINE_SAMPLE;
    line->metric_len = (uint32_t) p->metric_len;
    line->v = p->value;
    line->has_t = p->has_t;
    line->is_hist = p->is_hist;
    line->t_ms = p->t_ms;

    if (p->same) {
        line->text = old->text;
        line->slot = old->slot;
        (*next)++;

    } else {
        rc = phr_scrape_parsed(pass, next, line, fatal, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    phr_scrape_stage(pass, line);

    if (p->has_exemplar && pass->app->exemplars
        && phr_scrape_line_exemplars(pass) != PHR_OK)
    {
        *fatal = 1;
        return phr_err_set(err, PHR_ENOMEM, "no memory for exemplars");
    }

    return PHR_OK;
}


static int
phr_scrape_parsed(phr_scrape_pass_t *pass, size_t *next,
    phr_scrape_line_t *line, int *fatal, phr_err_t *err)
{
    int                 rc, full;
    uint32_t            text;
    phr_scrape_t       *s;
    phr_scrape_text_t  *t;

    s = pass->s;

    pass->moved = 1;
    pass->report->nparsed++;

    line->text = PHR_SCRAPE_NONE;
    line->slot = PHR_SCRAPE_NONE;

    text = phr_scrape_text_find(s, phr_str_from(pass->p.start,
                                                pass->p.metric_len));

    /* beyond the limit samples are counted, no series are made */

    full = (pass->max_samples != 0 && pass->nsamples == pass->max_samples)
           || phr_scrape_over(pass);

    if (text == PHR_SCRAPE_NONE) {
        rc = phr_scrape_text_add(s, pass->app, &pass->p, full, &text, fatal,
                                 err);
        if (rc != PHR_OK) {
            pass->report->nscraped++;
            return rc;
        }

        if (text == PHR_SCRAPE_NONE) {

            /* the next scrape asks again */

            pass->report->nover_series += !full;
            line->whole = 0;
            return PHR_OK;
        }

        t = phr_array_get(&s->texts, phr_scrape_text_t, text);
        pass->report->nadded += t->slot != PHR_SCRAPE_DROPPED;

    } else {
        t = phr_array_get(&s->texts, phr_scrape_text_t, text);

        if (t->line != PHR_SCRAPE_NONE && t->line < s->nlines) {
            *next = t->line + 1;
        }

        pass->report->nadded += !full && phr_scrape_returned(pass, text);
    }

    line->text = text;
    line->slot = t->slot;

    return PHR_OK;
}


void
phr_scrape_stage(phr_scrape_pass_t *pass, phr_scrape_line_t *line)
{
    int                 timed;
    phr_scrape_t       *s;
    phr_scrape_slot_t  *slot;

    s = pass->s;

    line->stage = PHR_STAGE_NONE;
    pass->report->nscraped++;

    if (line->slot == PHR_SCRAPE_DROPPED) {
        return;
    }

    pass->report->npost_relabel++;

    timed = line->has_t && s->o.honor_timestamps;

    if (phr_scrape_over(pass)) {
        pass->report->nover_target++;

        if (pass->max_samples != 0 && pass->nsamples == pass->max_samples) {
            pass->full = 1;
        }

        return;
    }

    if (line->slot != PHR_SCRAPE_NONE) {
        slot = phr_array_get(&s->slots, phr_scrape_slot_t, line->slot);

        if (slot->seen == s->iter && !timed) {
            pass->report->nduplicates++;
            return;
        }

        slot->seen = s->iter;
    }

    if (pass->max_samples != 0 && pass->nsamples == pass->max_samples) {
        pass->full = 1;
        return;
    }

    if (line->slot == PHR_SCRAPE_NONE) {
        return;
    }

    pass->nsamples++;
    line->stage = timed ? PHR_STAGE_TIMED : PHR_STAGE_ROW;

    if (line->is_hist) {
        phr_scrape_stage_hist(pass, line);
    }
}


/*
 * A series that was scraped before, but not by the last good scrape, is as
 * good as new; the text of it is only kept for a while.
 */

static int
phr_scrape_returned(phr_scrape_pass_t *pass, uint32_t text)
{
    phr_scrape_t       *s;
    phr_scrape_text_t  *t;

    s = pass->s;
    t = phr_array_get(&s->texts, phr_scrape_text_t, text);

    if (t->slot == PHR_SCRAPE_DROPPED || t->line == PHR_SCRAPE_NONE
        || s->nlines == 0
        || (t->line < s->nlines
            && s->lines[t->line].kind == PHR_LINE_SAMPLE
            && s->lines[t->line].text == text))
    {
        return 0;
    }

    return phr_array_get(&s->slots, phr_scrape_slot_t, t->slot)->seen
           != s->iter;
}


/* what follows is more than one target may have: it is left out */

static int
phr_scrape_over(const phr_scrape_pass_t *pass)
{
    return pass->s->o.max_series != 0
           && pass->nsamples >= pass->s->o.max_series;
}


static int
phr_scrape_more_lines(phr_scrape_pass_t *pass)
{
    size_t              n;
    phr_scrape_line_t  *lines;

    n = pass->nalloc ? 2 * pass->nalloc : pass->s->nlines + 64;

    lines = phr_realloc(pass->lines, n * sizeof(phr_scrape_line_t));
    if (lines == NULL) {
        return PHR_ENOMEM;
    }

    pass->lines = lines;
    pass->nalloc = n;

    return PHR_OK;
}


/* the answer was good: the next one is compared with it */

static void
phr_scrape_keep_answer(phr_scrape_pass_t *pass)
{
    size_t              i, n;
    phr_scrape_t       *s;
    phr_scrape_line_t  *line;

    s = pass->s;
    n = 0;

    for (i = 0; i < pass->nlines; i++) {
        line = &pass->lines[i];

        if (pass->moved && line->kind == PHR_LINE_SAMPLE
            && line->text != PHR_SCRAPE_NONE)
        {
            phr_array_get(&s->texts, phr_scrape_text_t, line->text)->line =
                                                               (uint32_t) i;
        }

        if (line->stage == PHR_STAGE_ROW
            || (line->stage == PHR_STAGE_TIMED
                && s->o.track_timestamps_staleness))
        {
            pass->tracked[n++] = line->slot;
        }
    }

    memcpy(pass->body, pass->p.body, (size_t) (pass->p.end - pass->p.body));

    phr_free(s->tracked);
    phr_scrape_answer_free(s);

    s->body = pass->body;
    s->lines = pass->lines;
    s->nlines = pass->nlines;
    s->tracked = pass->tracked;
    s->ntracked = n;

    pass->body = NULL;
    pass->lines = NULL;
    pass->tracked = NULL;

    if (s->iter % PHR_SCRAPE_META_EACH == 0) {
        phr_scrape_meta_purge(s);
    }

    if (pass->moved) {
        s->nquiet = 0;

    } else if (++s->nquiet >= s->quiet) {
        phr_scrape_sleep(s);
    }
}


void
phr_scrape_answer_free(phr_scrape_t *s)
{
    phr_free(s->body);
    phr_free(s->lines);

    s->body = NULL;
    s->lines = NULL;
    s->nlines = 0;
}
