/*
 * Copyright (C) The Pharos Authors
 *
 * What a scrape writes: the row of its samples with the markers of what
 * vanished and the series of the outcome, a batch of the samples that have
 * a time of their own, and a second try for series that have expired.
 */

#include "ingest/append_impl.h"

#include "core/alloc.h"


/* what is appended at once; line is PHR_SCRAPE_NONE where there is none */
typedef struct {
    phr_sid_t          *sid;
    double             *v;          /* of a histogram its sum */
    const phr_hist_t  **h;          /* NULL: all are floats */
    int64_t            *t_ms;
    int64_t            *st_ms;      /* NULL: no start timestamps */
    uint32_t           *line;
    uint32_t           *slot;
    int8_t             *status;
    size_t              n;
    void               *mem;
} phr_scrape_out_t;


static int phr_scrape_out_create(phr_scrape_out_t *out, size_t n, int hists,
    int starts);
static void phr_scrape_out_add(phr_scrape_out_t *out, phr_scrape_t *s,
    uint32_t slot, double v, int64_t t_ms, uint32_t line);
static void phr_scrape_out_hist(phr_scrape_out_t *out, const phr_hist_t *h);
static void phr_scrape_add_samples(phr_scrape_pass_t *pass,
    phr_scrape_out_t *row, phr_scrape_out_t *timed);
static void phr_scrape_add_stale(phr_scrape_pass_t *pass,
    phr_scrape_out_t *row);
static void phr_scrape_add_timed(phr_scrape_pass_t *pass,
    const phr_scrape_out_t *row, phr_scrape_out_t *timed);
static int phr_scrape_add_report(phr_scrape_pass_t *pass,
    phr_scrape_out_t *row, double body_bytes, int stale, phr_err_t *err);
static int phr_scrape_append(phr_scrape_pass_t *pass, phr_scrape_out_t *row,
    phr_scrape_out_t *timed, phr_err_t *err);
static int phr_scrape_batch(phr_scrape_pass_t *pass, phr_scrape_out_t *out,
    int timed, phr_err_t *err);
static int phr_scrape_renew(phr_scrape_pass_t *pass, phr_scrape_out_t *out,
    phr_scrape_out_t *timed, phr_err_t *err);


int
phr_scrape_write(phr_scrape_pass_t *pass, int good, double body_bytes,
    phr_err_t *err)
{
    int                rc, hists, starts;
    phr_scrape_t      *s;
    phr_scrape_out_t   row, timed;

    s = pass->s;

    rc = phr_scrape_recall(s, pass->app, pass->t_ms, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(&timed, 0, sizeof(phr_scrape_out_t));
    hists = good && pass->made != NULL && pass->made->hists.nelts != 0;
    starts = good && pass->made != NULL && pass->made->starts.len != 0;

    rc = phr_scrape_out_create(&row, (good ? pass->nsamples : 0)
                                     + s->ntracked + PHR_SCRAPE_NREPORT,
                               hists, starts);

    if (rc == PHR_OK) {
        rc = phr_scrape_out_create(&timed, (good ? pass->nsamples : 0)
                                           + s->ntracked
                                           + PHR_SCRAPE_NREPORT, hists,
                                   starts);
    }

    if (rc != PHR_OK) {
        phr_err_set(err, rc, "no memory for a scrape");
        goto done;
    }

    if (good) {
        phr_scrape_add_samples(pass, &row, &timed);

    } else {

        /* nothing was seen: all that was there before gets its marker */
        s->iter++;
    }

    /* before what vanished: after a change of options "up" was tracked, too */

    rc = phr_scrape_add_report(pass, &row, body_bytes, 0, err);

    if (rc == PHR_OK) {

        /* of a target at rest nothing has vanished, or it were awake */

        if (!good || !s->asleep) {
            phr_scrape_add_stale(pass, &row);
        }

        if (timed.n != 0 && !s->o.track_timestamps_staleness) {
            phr_scrape_add_timed(pass, &row, &timed);
        }

        rc = phr_scrape_append(pass, &row, &timed, err);
    }

    if (rc == PHR_OK && good) {
        rc = phr_scrape_exemplars_write(pass, err);
    }

    if (rc == PHR_OK && !good) {
        s->ntracked = 0;
    }

done:

    phr_free(row.mem);
    phr_free(timed.mem);

    return rc;
}


int
phr_scrape_ended(phr_scrape_t *s, phr_appender_t *app, int64_t t_ms,
    phr_err_t *err)
{
    int                  rc;
    phr_scrape_out_t     row;
    phr_scrape_pass_t    pass;
    phr_scrape_report_t  report;

    memset(&report, 0, sizeof(phr_scrape_report_t));
    memset(&pass, 0, sizeof(phr_scrape_pass_t));

    pass.s = s;
    pass.app = app;
    pass.t_ms = t_ms;
    pass.report = &report;

    s->iter++;

    rc = phr_scrape_recall(s, app, t_ms, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_scrape_out_create(&row, s->ntracked + PHR_SCRAPE_NREPORT, 0, 0);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for series");
    }

    phr_scrape_add_stale(&pass, &row);

    rc = phr_scrape_add_report(&pass, &row, 0, 1, err);
    if (rc == PHR_OK) {
        rc = phr_scrape_batch(&pass, &row, 0, err);
    }

    if (rc == PHR_OK) {
        rc = phr_scrape_forgotten(s, app, err);
    }

    if (rc == PHR_OK) {
        s->ntracked = 0;
    }

    phr_free(row.mem);

    return rc;
}


int
phr_scrape_source(phr_scrape_t *s, phr_appender_t *app, int timed,
    uint32_t *id, phr_err_t *err)
{
    int         rc;
    phr_str_t   name;

    if (timed ? s->has_timed_source : s->has_source) {
        *id = timed ? s->timed_source : s->source;
        return PHR_OK;
    }

    phr_arena_reset(s->tmp);

    rc = phr_scrape_source_name(s->tmp, s->o.job, s->o.key, &name);

    if (rc == PHR_OK && timed) {
        name.data = phr_arena_printf(s->tmp, "%s/timed", name.data);
        rc = name.data ? PHR_OK : phr_arena_rc(s->tmp);
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for a source");
    }

    name.len = strlen(name.data);

    rc = app->ops->source(app, name, id, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (timed) {
        s->timed_source = *id;
        s->has_timed_source = 1;

    } else {
        s->source = *id;
        s->has_source = 1;
    }

    return PHR_OK;
}


static int
phr_scrape_out_create(phr_scrape_out_t *out, size_t n, int hists, int starts)
{
    char    *mem;
    size_t   each;

    n++;
    each = sizeof(double) + sizeof(int64_t) + 3 * sizeof(uint32_t)
           + sizeof(int8_t) + (hists ? sizeof(const phr_hist_t *) : 0)
           + (starts ? sizeof(int64_t) : 0);

    /* in falling order of alignment */

    mem = phr_malloc(n * each);
    out->mem = mem;
    out->n = 0;
    out->h = NULL;
    out->st_ms = NULL;

    if (mem == NULL) {
        return PHR_ENOMEM;
    }

    if (hists) {
        out->h = (const phr_hist_t **) mem;
        mem = (char *) (out->h + n);
    }

    if (starts) {
        out->st_ms = (int64_t *) mem;
        mem = (char *) (out->st_ms + n);
    }

    out->v = (double *) mem;
    out->t_ms = (int64_t *) (out->v + n);
    out->sid = (phr_sid_t *) (out->t_ms + n);
    out->line = (uint32_t *) (out->sid + n);
    out->slot = out->line + n;
    out->status = (int8_t *) (out->slot + n);

    return PHR_OK;
}


static void
phr_scrape_out_add(phr_scrape_out_t *out, phr_scrape_t *s, uint32_t slot,
    double v, int64_t t_ms, uint32_t line)
{
    size_t  n;

    n = out->n++;

    out->sid[n] = phr_array_get(&s->slots, phr_scrape_slot_t, slot)->sid;
    out->v[n] = v;
    out->t_ms[n] = t_ms;
    out->line[n] = line;
    out->slot[n] = slot;

    if (out->h != NULL) {
        out->h[n] = NULL;
    }

    if (out->st_ms != NULL) {
        out->st_ms[n] = 0;
    }
}


/* what was added last is this histogram, unless it is NULL */

static void
phr_scrape_out_hist(phr_scrape_out_t *out, const phr_hist_t *h)
{
    if (h != NULL) {
        out->h[out->n - 1] = h;
        out->v[out->n - 1] = h->sum;
    }
}


static void
phr_scrape_add_samples(phr_scrape_pass_t *pass, phr_scrape_out_t *row,
    phr_scrape_out_t *timed)
{
    size_t              i, nsamples;
    phr_scrape_out_t   *out;
    phr_scrape_line_t  *line;

    nsamples = 0;

    for (i = 0; i < pass->nlines; i++) {
        line = &pass->lines[i];
        nsamples += line->kind == PHR_LINE_SAMPLE;

        if (line->stage == PHR_STAGE_ROW) {
            out = row;
            phr_scrape_out_add(row, pass->s, line->slot, line->v, pass->t_ms,
                               (uint32_t) i);

        } else if (line->stage == PHR_STAGE_TIMED) {
            out = timed;
            phr_scrape_out_add(timed, pass->s, line->slot, line->v,
                               line->t_ms, (uint32_t) i);

        } else {
            continue;
        }

        if (line->is_hist) {
            phr_scrape_out_hist(out, phr_scrape_hist(pass, line));
        }

        if (out->st_ms != NULL) {
            out->st_ms[out->n - 1] = phr_lines_start(pass->made,
                                                     nsamples - 1);
        }
    }
}


static void
phr_scrape_add_stale(phr_scrape_pass_t *pass, phr_scrape_out_t *row)
{
    double              stale;
    size_t              i;
    uint32_t            at;
    phr_scrape_t       *s;
    phr_scrape_slot_t  *slot;

    s = pass->s;
    stale = phr_double_from_bits(PHR_STALE_NAN_BITS);

    for (i = 0; i < s->ntracked; i++) {
        at = s->tracked != NULL ? s->tracked[i] : (uint32_t) i;
        slot = phr_array_get(&s->slots, phr_scrape_slot_t, at);

        if (slot->seen != s->iter) {
            slot->seen = s->iter;
            phr_scrape_out_add(row, s, at, stale, pass->t_ms,
                               PHR_SCRAPE_NONE);
            pass->report->nstale++;
        }
    }
}


/*
 * Of samples with a time of their own nobody knows when the next is due, so
 * their series are not tracked.  One that had none before has ended as if it
 * had vanished; its marker goes behind what it has told.
 */

static void
phr_scrape_add_timed(phr_scrape_pass_t *pass, const phr_scrape_out_t *row,
    phr_scrape_out_t *timed)
{
    size_t              i, n;
    uint32_t            at;
    phr_scrape_t       *s;
    phr_scrape_slot_t  *slots;

    s = pass->s;
    n = timed->n;
    slots = s->slots.elts;

    /* for a moment, what is in no row has the number of the next scrape */

    for (i = 0; i < n; i++) {
        slots[timed->slot[i]].seen = s->iter + 1;
    }

    for (i = 0; i < row->n; i++) {
        slots[row->slot[i]].seen = s->iter;
    }

    for (i = 0; i < s->ntracked; i++) {
        at = s->tracked != NULL ? s->tracked[i] : (uint32_t) i;

        if (slots[at].seen == s->iter + 1) {
            slots[at].seen = s->iter;
            phr_scrape_out_add(timed, s, at,
                               phr_double_from_bits(PHR_STALE_NAN_BITS),
                               pass->t_ms, PHR_SCRAPE_NONE);
            pass->report->nstale++;
        }
    }

    for (i = 0; i < n; i++) {
        slots[timed->slot[i]].seen = s->iter;
    }
}


static int
phr_scrape_add_report(phr_scrape_pass_t *pass, phr_scrape_out_t *row,
    double body_bytes, int stale, phr_err_t *err)
{
    int                   rc;
    double                v[PHR_SCRAPE_NREPORT];
    unsigned              i, n;
    uint32_t              slot;
    phr_scrape_t         *s;
    phr_scrape_slot_t    *e;
    phr_scrape_report_t  *r;

    s = pass->s;
    r = pass->report;

    v[0] = r->up;
    v[1] = r->duration_s;
    v[2] = (double) r->nscraped;
    v[3] = (double) r->npost_relabel;
    v[4] = (double) r->nadded;
    v[5] = (double) s->o.timeout_ms / 1000;
    v[6] = (double) s->o.limit.samples;
    v[7] = body_bytes;

    n = s->o.unreported ? 0 : s->o.extra_metrics ? 8 : 5;

    for (i = 0; i < n; i++) {

        rc = phr_scrape_report_slot(s, pass->app, i, &slot, err);

        if (rc == PHR_NOTFOUND) {
            r->nover_series++;
            continue;
        }

        if (rc != PHR_OK) {
            return rc;
        }

        e = phr_array_get(&s->slots, phr_scrape_slot_t, slot);

        /* a target may expose a series of that very name and labels */

        if (e->seen == s->iter) {
            continue;
        }

        e->seen = s->iter;

        if (stale) {
            v[i] = phr_double_from_bits(PHR_STALE_NAN_BITS);
        }

        phr_scrape_out_add(row, s, slot, v[i], pass->t_ms,
                           PHR_SCRAPE_NONE - 1 - i);
    }

    return PHR_OK;
}


static int
phr_scrape_append(phr_scrape_pass_t *pass, phr_scrape_out_t *row,
    phr_scrape_out_t *timed, phr_err_t *err)
{
    int     rc;
    size_t  n;

    rc = phr_scrape_batch(pass, row, 0, err);
    if (rc != PHR_OK) {
        return rc;
    }

    n = timed->n;

    rc = phr_scrape_renew(pass, row, timed, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (timed->n == 0) {
        return PHR_OK;
    }

    rc = phr_scrape_batch(pass, timed, 1, err);
    if (rc != PHR_OK) {
        return rc;
    }

    /* those of the row were renewed a moment ago: once is enough */

    timed->n = n;
    row->n = 0;

    rc = phr_scrape_renew(pass, timed, row, err);

    if (rc == PHR_OK && row->n != 0) {
        rc = phr_scrape_batch(pass, row, 1, err);
    }

    return rc;
}


static int
phr_scrape_batch(phr_scrape_pass_t *pass, phr_scrape_out_t *out, int timed,
    phr_err_t *err)
{
    int                   rc;
    size_t                i;
    phr_batch_t           b;
    phr_scrape_report_t  *r;

    r = pass->report;

    memset(&b, 0, sizeof(phr_batch_t));

    rc = phr_scrape_source(pass->s, pass->app, timed, &b.source, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(out->status, PHR_OK, out->n);

    b.t_ms = pass->t_ms;
    b.sid = out->sid;
    b.v = out->v;
    b.h = out->h;
    b.st_ms = out->st_ms;
    b.t_each = timed ? out->t_ms : NULL;
    b.n = out->n;
    b.status = out->status;

    rc = pass->app->ops->append(pass->app, &b, err);
    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < out->n; i++) {
        if (phr_likely(out->status[i] == PHR_OK) || phr_is_stale(out->v[i])) {
            continue;
        }

        r->nout_of_order += out->status[i] == PHR_EORDER
                            || out->status[i] == PHR_EOLD;
        r->nduplicates += out->status[i] == PHR_EDUPLICATE;
        r->nout_of_bounds += out->status[i] == PHR_ELIMIT
                             || out->status[i] == PHR_EINVAL;
    }

    return PHR_OK;
}


/*
 * Series that the store has expired meanwhile are asked for again, and
 * their samples go with those that have a time of their own.
 */

static int
phr_scrape_renew(phr_scrape_pass_t *pass, phr_scrape_out_t *out,
    phr_scrape_out_t *timed, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    uint32_t            line, slot;
    phr_str_t           metric;
    phr_scrape_t       *s;
    phr_scrape_line_t  *l;

    s = pass->s;

    for (i = 0; i < out->n; i++) {
        line = out->line[i];
        slot = out->slot[i];

        if (phr_likely(out->status[i] != PHR_ENOTFOUND)
            || line == PHR_SCRAPE_NONE)
        {
            continue;
        }

        if (line >= PHR_SCRAPE_NONE - PHR_SCRAPE_NREPORT) {
            line = PHR_SCRAPE_NONE - 1 - line;

            rc = phr_scrape_report_again(s, pass->app, line, err);
            slot = s->report[line];

        } else {
            l = &pass->lines[line];
            metric = phr_str_from(pass->p.body + l->off, l->metric_len);

            rc = phr_scrape_text_again(s, pass->app, metric,
                                       (phr_metric_type_e) l->type, slot,
                                       err);
        }

        if (rc == PHR_ELIMIT || rc == PHR_ELABELS || rc == PHR_NOTFOUND) {
            pass->report->nover_series++;
            continue;
        }

        if (rc != PHR_OK) {
            return rc < 0 ? rc : PHR_ERROR;
        }

        phr_scrape_out_add(timed, s, slot, out->v[i], out->t_ms[i],
                           PHR_SCRAPE_NONE);

        if (out->h != NULL) {
            phr_scrape_out_hist(timed, out->h[i]);
        }

        if (out->st_ms != NULL) {
            timed->st_ms[timed->n - 1] = out->st_ms[i];
        }
    }

    return PHR_OK;
}
