/*
 * Copyright (C) The Pharos Authors
 *
 * From a metric part as a target wrote it to a series of the store: the
 * labels of the target, honor_labels, metric_relabel_configs and the limits
 * on labels.  All of it happens once per series, not once per sample.
 */

#include "ingest/append_impl.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "core/utf8.h"
#include "ingest/relabel.h"


#define PHR_SCRAPE_SID_MIN  64


static int phr_scrape_labels(phr_scrape_t *s, phr_expo_t *p,
    phr_labels_t *out, phr_err_t *err);
static int phr_scrape_merge(phr_scrape_t *s, phr_expo_t *p,
    phr_labels_t exposed, phr_labels_builder_t *b);
static int phr_scrape_exposes(phr_expo_t *p, phr_str_t name);
static int phr_scrape_export(phr_labels_builder_t *b, phr_label_t *l);
static int phr_scrape_by_length(const void *a, const void *b);
static int phr_scrape_check(phr_scrape_t *s, phr_labels_t ls,
    phr_err_t *err);
static int phr_scrape_report_labels(phr_scrape_t *s, unsigned i,
    phr_labels_t *out);
static int phr_scrape_sid_index(phr_scrape_t *s);
static void phr_scrape_sid_fill(phr_scrape_t *s);
static void phr_scrape_sid_put(phr_scrape_t *s, uint32_t slot);
static size_t phr_scrape_sid_hash(phr_scrape_t *s, phr_sid_t sid);
static uint32_t phr_scrape_renumber(phr_scrape_t *s, const phr_map_t *map,
    phr_scrape_text_t *text, uint32_t *to);
static void phr_scrape_keep(uint32_t *to, uint32_t *nslots,
    uint32_t *slot);


static const phr_str_t  phr_scrape_name = phr_str(PHR_METRIC_NAME);

static const phr_str_t  phr_scrape_reports[PHR_SCRAPE_NREPORT] = {
    phr_str("up"),
    phr_str("scrape_duration_seconds"),
    phr_str("scrape_samples_scraped"),
    phr_str("scrape_samples_post_metric_relabeling"),
    phr_str("scrape_series_added"),
    phr_str("scrape_timeout_seconds"),
    phr_str("scrape_sample_limit"),
    phr_str("scrape_body_size_bytes"),
};


uint32_t
phr_scrape_text_find(phr_scrape_t *s, phr_str_t metric)
{
    uintptr_t  i;

    i = (uintptr_t) phr_map_get(s->text_map, metric);

    return i == 0 ? PHR_SCRAPE_NONE : (uint32_t) (i - 1);
}


int
phr_scrape_text_add(phr_scrape_t *s, phr_appender_t *app, phr_expo_t *p,
    int full, uint32_t *text, int *fatal, phr_err_t *err)
{
    int                 rc;
    uint32_t            slot;
    phr_sid_t           sid;
    phr_labels_t        ls;
    phr_scrape_text_t  *t;

    *text = PHR_SCRAPE_NONE;
    *fatal = 0;

    rc = phr_scrape_labels(s, p, &ls, err);

    if (rc == PHR_DONE) {
        slot = PHR_SCRAPE_DROPPED;

    } else if (rc == PHR_OK) {

        if (full) {
            return PHR_OK;
        }

        rc = app->ops->series(app, ls, &sid, err);

        if (rc == PHR_ELIMIT || rc == PHR_ELABELS) {
            return PHR_OK;
        }

        if (rc == PHR_OK) {
            rc = phr_scrape_slot(s, sid, &slot);
        }

        *fatal = rc != PHR_OK;
    }

    if (rc < 0) {
        *fatal |= rc == PHR_ENOMEM;
        return rc;
    }

    t = phr_array_push(&s->texts);

    if (t == NULL
        || phr_map_set(s->text_map, phr_str_from(p->start, p->metric_len),
                       (void *) (uintptr_t) s->texts.nelts) != PHR_OK)
    {
        *fatal = 1;
        return phr_err_set(err, PHR_ENOMEM, "no memory for series");
    }

    t->slot = slot;
    t->line = PHR_SCRAPE_NONE;

    *text = (uint32_t) s->texts.nelts - 1;

    return PHR_OK;
}


int
phr_scrape_text_again(phr_scrape_t *s, phr_appender_t *app,
    phr_str_t metric, phr_metric_type_e type, uint32_t slot, phr_err_t *err)
{
    int           rc;
    phr_sid_t     sid;
    phr_labels_t  ls;

    rc = phr_expo_metric(&s->again, s->format, metric, err);

    if (rc == PHR_OK) {
        s->again.type = type;
        s->again.normalize = s->o.normalize;
        rc = phr_scrape_labels(s, &s->again, &ls, err);
    }

    if (rc == PHR_OK) {
        rc = app->ops->series(app, ls, &sid, err);
    }

    if (rc == PHR_OK) {
        phr_array_get(&s->slots, phr_scrape_slot_t, slot)->sid = sid;
        s->sid_stale = 1;
    }

    return rc;
}


int
phr_scrape_report_slot(phr_scrape_t *s, phr_appender_t *app, unsigned i,
    uint32_t *slot, phr_err_t *err)
{
    int           rc;
    phr_sid_t     sid;
    phr_labels_t  ls;

    if (s->report[i] != PHR_SCRAPE_NONE) {
        *slot = s->report[i];
        return PHR_OK;
    }

    rc = phr_scrape_report_labels(s, i, &ls);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for series");
    }

    rc = app->ops->series(app, ls, &sid, err);

    if (rc == PHR_ELIMIT || rc == PHR_ELABELS) {
        return PHR_NOTFOUND;
    }

    if (rc == PHR_OK) {
        rc = phr_scrape_slot(s, sid, slot);
    }

    if (rc == PHR_OK) {
        s->report[i] = *slot;
    }

    return rc;
}


int
phr_scrape_report_again(phr_scrape_t *s, phr_appender_t *app, unsigned i,
    phr_err_t *err)
{
    s->report[i] = PHR_SCRAPE_NONE;

    return phr_scrape_report_slot(s, app, i, &s->report[i], err);
}


int
phr_scrape_slot(phr_scrape_t *s, phr_sid_t sid, uint32_t *slot)
{
    int                 rc;
    size_t              i;
    uint32_t            n;
    phr_scrape_slot_t  *new;

    rc = phr_scrape_sid_index(s);
    if (rc != PHR_OK) {
        return rc;
    }

    for (i = phr_scrape_sid_hash(s, sid);
         s->sid_map[i] != PHR_SCRAPE_NONE;
         i = (i + 1) & (s->sid_size - 1))
    {
        n = s->sid_map[i];

        if (phr_array_get(&s->slots, phr_scrape_slot_t, n)->sid == sid) {
            *slot = n;
            return PHR_OK;
        }
    }

    new = phr_array_push(&s->slots);
    if (new == NULL) {
        return PHR_ENOMEM;
    }

    new->sid = sid;
    new->seen = s->iter - 1;

    *slot = (uint32_t) s->slots.nelts - 1;
    s->sid_map[i] = *slot;

    return PHR_OK;
}


void
phr_scrape_clear(phr_scrape_t *s)
{
    unsigned  i;

    phr_map_destroy(s->text_map);
    phr_free(s->sid_map);
    phr_free(s->tracked);
    phr_scrape_answer_free(s);
    phr_scrape_rest_free(s);

    phr_array_free(&s->texts);
    phr_array_free(&s->slots);
    phr_array_init(&s->texts, sizeof(phr_scrape_text_t));
    phr_array_init(&s->slots, sizeof(phr_scrape_slot_t));

    s->text_map = NULL;
    s->sid_map = NULL;
    s->sid_size = 0;
    s->tracked = NULL;
    s->ntracked = 0;
    s->recalled = 0;
    s->has_source = 0;
    s->has_timed_source = 0;
    s->nquiet = 0;
    s->quiet = 1;

    for (i = 0; i < PHR_SCRAPE_NREPORT; i++) {
        s->report[i] = PHR_SCRAPE_NONE;
    }
}


/*
 * Everything is built anew from the lines of the last good answer, the
 * slots still to be marked, and those of the report.
 */

int
phr_scrape_purge(phr_scrape_t *s)
{
    size_t              i, n;
    uint32_t           *to, nslots;
    phr_map_t          *map;
    phr_str_t           metric;
    phr_array_t         texts, slots;
    phr_scrape_slot_t  *kept;
    phr_scrape_text_t  *text;
    phr_scrape_line_t  *line;

    phr_array_init(&texts, sizeof(phr_scrape_text_t));
    phr_array_init(&slots, sizeof(phr_scrape_slot_t));

    n = s->slots.nelts;

    to = phr_malloc((n + 1) * sizeof(uint32_t));
    kept = phr_array_push_n(&slots, n + 1);
    text = phr_array_push_n(&texts, s->nlines + 1);
    map = phr_map_create();

    if (to == NULL || kept == NULL || text == NULL || map == NULL) {
        goto failed;
    }

    texts.nelts = 0;

    for (i = 0; i < s->nlines; i++) {
        line = &s->lines[i];

        if (line->kind != PHR_LINE_SAMPLE || line->text == PHR_SCRAPE_NONE) {
            continue;
        }

        metric = phr_str_from(s->body + line->off, line->metric_len);

        if (phr_map_get(map, metric) != NULL) {
            continue;
        }

        text[texts.nelts++].line = (uint32_t) i;

        if (phr_map_set(map, metric, (void *) (uintptr_t) texts.nelts)
            != PHR_OK)
        {
            goto failed;
        }
    }

    /* nothing fails from here on */

    nslots = phr_scrape_renumber(s, map, text, to);

    for (i = 0; i < n; i++) {
        if (to[i] != PHR_SCRAPE_NONE) {
            kept[to[i]] = *phr_array_get(&s->slots, phr_scrape_slot_t, i);
        }
    }

    slots.nelts = nslots;

    phr_map_destroy(s->text_map);
    phr_array_free(&s->texts);
    phr_array_free(&s->slots);
    phr_free(to);

    s->text_map = map;
    s->texts = texts;
    s->slots = slots;

    phr_scrape_sid_fill(s);

    return PHR_OK;

failed:

    phr_map_destroy(map);
    phr_array_free(&texts);
    phr_array_free(&slots);
    phr_free(to);

    return PHR_ENOMEM;
}


/* lets everything refer to the new slots; returns how many there are */

static uint32_t
phr_scrape_renumber(phr_scrape_t *s, const phr_map_t *map,
    phr_scrape_text_t *text, uint32_t *to)
{
    size_t              i;
    uint32_t            nslots;
    phr_str_t           metric;
    phr_scrape_line_t  *line;

    nslots = 0;
    memset(to, 0xff, (s->slots.nelts + 1) * sizeof(uint32_t));

    for (i = 0; i < s->nlines; i++) {
        line = &s->lines[i];

        if (line->kind != PHR_LINE_SAMPLE || line->text == PHR_SCRAPE_NONE) {
            continue;
        }

        phr_scrape_keep(to, &nslots, &line->slot);

        metric = phr_str_from(s->body + line->off, line->metric_len);
        line->text = (uint32_t) ((uintptr_t) phr_map_get(map, metric) - 1);
        text[line->text].slot = line->slot;
    }

    for (i = 0; i < s->ntracked; i++) {
        phr_scrape_keep(to, &nslots, &s->tracked[i]);
    }

    for (i = 0; i < PHR_SCRAPE_NREPORT; i++) {
        phr_scrape_keep(to, &nslots, &s->report[i]);
    }

    return nslots;
}


/*
 * What the series is called in the store, in s->tmp.  PHR_DONE if the rules
 * drop it.
 */

static int
phr_scrape_labels(phr_scrape_t *s, phr_expo_t *p, phr_labels_t *out,
    phr_err_t *err)
{
    int                   rc;
    phr_labels_t          exposed;
    phr_labels_builder_t  b;

    phr_arena_reset(s->tmp);

    rc = phr_expo_labels(p, s->tmp, &exposed, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_scrape_merge(s, p, exposed, &b);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "labels take too much memory");
    }

    rc = phr_relabel(s->o.metric_relabel, &b, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_labels_build(&b, out);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "labels take too much memory");
    }

    if (out->n == 0) {
        return PHR_DONE;
    }

    return phr_scrape_check(s, *out, err);
}


/* the target's labels win, unless they are to be honoured */

static int
phr_scrape_merge(phr_scrape_t *s, phr_expo_t *p, phr_labels_t exposed,
    phr_labels_builder_t *b)
{
    int           rc;
    size_t        i, n;
    phr_str_t     had;
    phr_label_t  *conflicts;

    phr_labels_builder_init(b, s->tmp, exposed);

    conflicts = phr_arena_alloc(s->tmp, (s->o.labels.n + 1)
                                        * sizeof(phr_label_t));
    if (conflicts == NULL) {
        return phr_arena_rc(s->tmp);
    }

    n = 0;

    for (i = 0; i < s->o.labels.n; i++) {

        if (s->o.honor_labels && phr_scrape_exposes(p, s->o.labels.l[i].name))
        {
            continue;
        }

        had = phr_labels_get(exposed, s->o.labels.l[i].name);

        if (had.len != 0) {
            conflicts[n].name = s->o.labels.l[i].name;
            conflicts[n].value = had;
            n++;
        }

        phr_labels_builder_set(b, s->o.labels.l[i].name,
                               s->o.labels.l[i].value);
    }

    /* shorter names first: "x" gets exported_x before "exported_x" moves */

    qsort(conflicts, n, sizeof(phr_label_t), phr_scrape_by_length);

    for (i = 0; i < n; i++) {
        rc = phr_scrape_export(b, &conflicts[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return b->failed;
}


/* an empty label counts: it is how a target says that it wants none */

static int
phr_scrape_exposes(phr_expo_t *p, phr_str_t name)
{
    size_t            i;
    phr_expo_pair_t  *pair;

    for (i = 0; i < p->pairs.nelts; i++) {
        pair = phr_array_get(&p->pairs, phr_expo_pair_t, i);

        if (phr_str_eq(pair->name, name)) {
            return 1;
        }
    }

    return 0;
}


static int
phr_scrape_export(phr_labels_builder_t *b, phr_label_t *l)
{
    char       *text;
    phr_str_t   name;

    name = l->name;

    do {
        text = phr_arena_printf(b->arena, "exported_%.*s", (int) name.len,
                                name.data);
        if (text == NULL) {
            return phr_arena_rc(b->arena);
        }

        name = phr_str_from_c(text);

    } while (phr_labels_builder_get(b, name).len != 0);

    phr_labels_builder_set(b, name, l->value);

    return PHR_OK;
}


static int
phr_scrape_by_length(const void *a, const void *b)
{
    const phr_label_t  *x, *y;

    x = a;
    y = b;

    if (x->name.len != y->name.len) {
        return x->name.len < y->name.len ? -1 : 1;
    }

    return phr_str_cmp(x->name, y->name);
}


static int
phr_scrape_check(phr_scrape_t *s, phr_labels_t ls, phr_err_t *err)
{
    int           len;
    size_t        i;
    phr_str_t     metric;
    phr_label_t   l;

    metric = phr_labels_get(ls, phr_scrape_name);

    if (metric.len == 0) {
        return phr_err_set(err, PHR_EINVAL, "missing metric name "
                           "(__name__ label)");
    }

    len = (int) phr_min(metric.len, 50);

    if (s->o.limit.labels != 0 && ls.n > s->o.limit.labels) {
        return phr_err_set(err, PHR_ELIMIT, "label_limit exceeded (metric: "
                           "%.*s, number of labels: %zu, limit: %llu)", len,
                           metric.data, ls.n,
                           (unsigned long long) s->o.limit.labels);
    }

    for (i = 0; i < ls.n; i++) {
        l = ls.l[i];

        if (!phr_utf8_valid(l.name.data, l.name.len)
            || (s->o.legacy_names && !phr_label_name_valid(l.name))
            || (phr_str_eq(l.name, phr_scrape_name)
                && (!phr_utf8_valid(l.value.data, l.value.len)
                    || (s->o.legacy_names
                        && !phr_metric_name_valid(l.value)))))
        {
            return phr_err_set(err, PHR_EINVAL, "invalid metric name or "
                               "label names (metric: %.*s, label name: "
                               "%.*s)", len, metric.data,
                               (int) phr_min(l.name.len, 50), l.name.data);
        }

        if (s->o.limit.label_name_bytes != 0
            && l.name.len > s->o.limit.label_name_bytes)
        {
            return phr_err_set(err, PHR_ELIMIT, "label_name_length_limit "
                               "exceeded (metric: %.*s, label name: %.*s, "
                               "length: %zu, limit: %llu)", len, metric.data,
                               (int) phr_min(l.name.len, 50), l.name.data,
                               l.name.len, (unsigned long long)
                               s->o.limit.label_name_bytes);
        }

        if (s->o.limit.label_value_bytes != 0
            && l.value.len > s->o.limit.label_value_bytes)
        {
            return phr_err_set(err, PHR_ELIMIT, "label_value_length_limit "
                               "exceeded (metric: %.*s, label name: %.*s, "
                               "value: \"%.*s\", length: %zu, limit: %llu)",
                               len, metric.data,
                               (int) phr_min(l.name.len, 50), l.name.data,
                               (int) phr_min(l.value.len, 50), l.value.data,
                               l.value.len, (unsigned long long)
                               s->o.limit.label_value_bytes);
        }
    }

    return PHR_OK;
}


static int
phr_scrape_report_labels(phr_scrape_t *s, unsigned i, phr_labels_t *out)
{
    phr_labels_builder_t  b;

    phr_arena_reset(s->tmp);
    phr_labels_builder_init(&b, s->tmp, s->o.labels);
    phr_labels_builder_set(&b, phr_scrape_name, phr_scrape_reports[i]);

    return phr_labels_build(&b, out);
}


/* makes room for two more; at most half of the table is used */

static int
phr_scrape_sid_index(phr_scrape_t *s)
{
    size_t     size;
    uint32_t  *map;

    size = s->sid_size ? s->sid_size : PHR_SCRAPE_SID_MIN;

    while (size < 2 * (s->slots.nelts + 2)) {
        size *= 2;
    }

    if (size == s->sid_size && !s->sid_stale) {
        return PHR_OK;
    }

    if (size != s->sid_size) {
        map = phr_realloc(s->sid_map, size * sizeof(uint32_t));
        if (map == NULL) {
            return PHR_ENOMEM;
        }

        s->sid_map = map;
        s->sid_size = size;
    }

    phr_scrape_sid_fill(s);

    return PHR_OK;
}


static void
phr_scrape_sid_fill(phr_scrape_t *s)
{
    size_t  i;

    if (s->sid_size == 0) {
        return;
    }

    memset(s->sid_map, 0xff, s->sid_size * sizeof(uint32_t));
    s->sid_stale = 0;

    for (i = 0; i < s->slots.nelts; i++) {
        phr_scrape_sid_put(s, (uint32_t) i);
    }
}


static void
phr_scrape_sid_put(phr_scrape_t *s, uint32_t slot)
{
    size_t  i;

    i = phr_scrape_sid_hash(s, phr_array_get(&s->slots, phr_scrape_slot_t,
                                             slot)->sid);

    while (s->sid_map[i] != PHR_SCRAPE_NONE) {
        i = (i + 1) & (s->sid_size - 1);
    }

    s->sid_map[i] = slot;
}


static size_t
phr_scrape_sid_hash(phr_scrape_t *s, phr_sid_t sid)
{
    return (size_t) ((sid * 0x9e3779b97f4a7c15ULL) >> 32) & (s->sid_size - 1);
}


/* numbers the slots in the order in which they are referred to */

static void
phr_scrape_keep(uint32_t *to, uint32_t *nslots, uint32_t *slot)
{
    if (*slot == PHR_SCRAPE_NONE || *slot == PHR_SCRAPE_DROPPED) {
        return;
    }

    if (to[*slot] == PHR_SCRAPE_NONE) {
        to[*slot] = (*nslots)++;
    }

    *slot = to[*slot];
}
