/*
 * Copyright (C) The Pharos Authors
 *
 * Bodies of pushes in the text formats: their families and series, into the
 * new state of a group.
 */

#include "ingest/push_impl.h"

#include "core/number.h"


/* what one line needs; a body is limited before */
#define PHR_PUSH_TEXT_BYTES  (256 * 1024 * 1024)


static int phr_push_text_sample(phr_push_state_t *st, phr_expo_t *p,
    phr_arena_t *tmp, phr_labels_t grouping, const phr_push_request_t *r,
    phr_err_t *err);
static int phr_push_text_bound(const phr_push_family_t *f, phr_expo_t *p,
    phr_labels_t ls, phr_err_t *err);
static int phr_push_text_complete(phr_push_state_t *st, phr_arena_t *tmp,
    phr_err_t *err);
static int phr_push_text_all(phr_push_state_t *st, phr_push_family_t *f,
    const phr_push_series_t *count, phr_arena_t *tmp);
static int phr_push_text_meta(phr_push_state_t *st, phr_expo_t *p,
    phr_err_t *err);
static phr_push_family_t *phr_push_family_of(phr_push_state_t *st,
    phr_str_t name);
static phr_str_t phr_push_family_name(phr_push_state_t *st, phr_expo_t *p);


const char *const  phr_push_suffixes[PHR_PUSH_NSUFFIXES] = {
    "_count", "_sum", "_bucket"
};


int
phr_push_text_parse(phr_push_state_t *st, const phr_push_request_t *r,
    const phr_push_options_t *o, phr_labels_t grouping, phr_err_t *err)
{
    int           rc;
    phr_expo_t    p;
    phr_arena_t  *tmp;

    tmp = phr_arena_create(PHR_PUSH_TEXT_BYTES);
    if (tmp == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
    }

    phr_expo_init(&p, r->body.len ? phr_expo_content_type(r->content_type)
                                  : PHR_EXPO_TEXT, r->body);
    p.normalize = o->normalize;

    while ((rc = phr_expo_next(&p, err)) == PHR_OK) {

        if (p.event == PHR_EXPO_SAMPLE) {
            phr_arena_reset(tmp);
            rc = phr_push_text_sample(st, &p, tmp, grouping, r, err);

        } else if (p.event != PHR_EXPO_COMMENT) {
            rc = phr_push_text_meta(st, &p, err);
        }

        if (rc == PHR_OK && o->max_series != 0
            && st->nseries > o->max_series)
        {
            rc = phr_err_set(err, PHR_ELIMIT, "more than %zu series in a "
                             "group", o->max_series);
        }

        if (rc != PHR_OK) {
            break;
        }
    }

    if (rc == PHR_DONE) {
        rc = phr_push_text_complete(st, tmp, err);
    }

    phr_expo_free(&p);
    phr_arena_destroy(tmp);

    return rc;
}


static int
phr_push_text_sample(phr_push_state_t *st, phr_expo_t *p, phr_arena_t *tmp,
    phr_labels_t grouping, const phr_push_request_t *r, phr_err_t *err)
{
    int                 rc;
    phr_str_t           name;
    phr_labels_t        ls;
    phr_push_family_t  *f;
    phr_push_series_t  *s;

    if (p->has_t) {
        return phr_err_set(err, PHR_EINVAL, "pushed metrics must not have "
                           "timestamps");
    }

    rc = phr_expo_labels(p, tmp, &ls, err);
    if (rc != PHR_OK) {
        return rc;
    }

    name = phr_labels_get(ls, phr_str_of(PHR_METRIC_NAME));

    if (name.len == 0) {
        return phr_err_set(err, PHR_EPARSE, "metric without a name");
    }

    /* they are ours to set */

    if (phr_str_eq(name, phr_str_of(PHR_PUSH_TIME))
        || phr_str_eq(name, phr_str_of(PHR_PUSH_FAILURE)))
    {
        return PHR_OK;
    }

    f = phr_push_family_of(st, name);
    if (f == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
    }

    f->has_type = 1;
    f->t_ms = r->now_ms;

    rc = phr_push_text_bound(f, p, ls, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_push_series_add(st, f, ls, grouping, p->value, &s);

    if (rc == PHR_EDUPLICATE) {
        return phr_err_set(err, PHR_EINVAL, "collected metric %.*s was "
                           "collected before with the same name and label "
                           "values", (int) name.len, name.data);
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for a push");
    }

    return PHR_OK;
}


/*
 * A bound has to be a number, as for the Pushgateway: who scrapes takes any
 * text, and no quantile is ever found there.
 */

static int
phr_push_text_bound(const phr_push_family_t *f, phr_expo_t *p,
    phr_labels_t ls, phr_err_t *err)
{
    double     v;
    phr_str_t  bound;

    if (f->type != PHR_METRIC_HISTOGRAM && f->type != PHR_METRIC_SUMMARY) {
        return PHR_OK;
    }

    bound = phr_labels_get(ls, f->type == PHR_METRIC_HISTOGRAM
                               ? phr_str_of("le") : phr_str_of("quantile"));

    if (bound.len == 0
        || phr_number_parse(bound.data, bound.len, &v) == PHR_OK)
    {
        return PHR_OK;
    }

    p->pos = p->start;

    return phr_expo_error(p, err, f->type == PHR_METRIC_HISTOGRAM
                          ? "expected a number as \"le\""
                          : "expected a number as \"quantile\"");
}


/*
 * A histogram without its last bucket gets it, as from the Pushgateway: it is
 * the count, and without it there is no quantile.  A sum or a count that is
 * missing is not made up.
 */

static int
phr_push_text_complete(phr_push_state_t *st, phr_arena_t *tmp, phr_err_t *err)
{
    int                       rc;
    phr_str_t                 name;
    phr_push_family_t        *f;
    const phr_push_series_t  *s;

    for (f = st->first; f != NULL; f = f->next) {

        if (f->type != PHR_METRIC_HISTOGRAM) {
            continue;
        }

        for (s = f->first; s != NULL; s = s->next) {
            name = phr_labels_get(s->labels, phr_str_of(PHR_METRIC_NAME));

            if (!phr_push_cut(&name, "_count") || !phr_str_eq(name, f->name)
                || phr_labels_get(s->labels, phr_str_of("le")).len != 0)
            {
                continue;
            }

            phr_arena_reset(tmp);

            rc = phr_push_text_all(st, f, s, tmp);

            if (rc != PHR_OK && rc != PHR_EDUPLICATE) {
                return phr_err_set(err, rc, "no memory for a push");
            }
        }
    }

    return PHR_OK;
}


/* the bucket of all observations; PHR_EDUPLICATE if it was pushed */

static int
phr_push_text_all(phr_push_state_t *st, phr_push_family_t *f,
    const phr_push_series_t *count, phr_arena_t *tmp)
{
    size_t              i, n;
    phr_label_t        *l, le;
    phr_labels_t        ls, none;
    phr_push_series_t  *s;

    le.name = phr_str_of("le");
    le.value = phr_str_of("+Inf");
    memset(&none, 0, sizeof(none));

    l = phr_arena_alloc(tmp, (count->labels.n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_arena_rc(tmp);
    }

    for (i = 0, n = 0; i < count->labels.n; i++) {

        if (n == i && phr_str_cmp(count->labels.l[i].name, le.name) > 0) {
            l[n++] = le;
        }

        l[n] = count->labels.l[i];

        if (phr_str_eq(l[n].name, phr_str_of(PHR_METRIC_NAME))) {
            l[n].value.data = phr_arena_printf(tmp, "%.*s_bucket",
                                               (int) f->name.len,
                                               f->name.data);
            if (l[n].value.data == NULL) {
                return phr_arena_rc(tmp);
            }

            l[n].value.len = f->name.len + 7;
        }

        n++;
    }

    if (n == i) {
        l[n++] = le;
    }

    ls.l = l;
    ls.n = n;

    return phr_push_series_add(st, f, ls, none, count->v, &s);
}


static int
phr_push_text_meta(phr_push_state_t *st, phr_expo_t *p, phr_err_t *err)
{
    phr_str_t           name, help;
    phr_push_family_t  *f;

    name = phr_push_family_name(st, p);
    if (name.data == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
    }

    if (p->event == PHR_EXPO_UNIT
        || phr_str_eq(name, phr_str_of(PHR_PUSH_TIME))
        || phr_str_eq(name, phr_str_of(PHR_PUSH_FAILURE)))
    {
        return PHR_OK;
    }

    f = phr_push_family(st, name);
    if (f == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
    }

    if (p->event == PHR_EXPO_TYPE) {

        if (f->has_type) {
            return phr_err_set(err, PHR_EPARSE, "second TYPE line for metric "
                               "name \"%.*s\", or TYPE reported after samples",
                               (int) name.len, name.data);
        }

        f->has_type = 1;
        f->type = p->type;

        return PHR_OK;
    }

    if (f->has_help) {
        return phr_err_set(err, PHR_EPARSE, "second HELP line for metric "
                           "name \"%.*s\"", (int) name.len, name.data);
    }

    help = phr_expo_unescape(p, st->arena, p->text);

    if (help.data != NULL) {
        help = phr_arena_str(st->arena, help);
    }

    if (help.data == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
    }

    f->has_help = 1;
    f->help = help;

    return PHR_OK;
}


/* the family of a sample: of its name, or of what it is a part of */

static phr_push_family_t *
phr_push_family_of(phr_push_state_t *st, phr_str_t name)
{
    size_t              i;
    phr_str_t           base;
    phr_push_family_t  *f;

    f = phr_map_get(st->families, name);
    if (f != NULL) {
        return f;
    }

    for (i = 0; i < PHR_PUSH_NSUFFIXES; i++) {
        base = name;

        if (!phr_push_cut(&base, phr_push_suffixes[i])) {
            continue;
        }

        f = phr_map_get(st->families, base);

        if (f != NULL
            && (f->type == PHR_METRIC_HISTOGRAM
                || (f->type == PHR_METRIC_SUMMARY && i != 2)))
        {
            return f;
        }
    }

    return phr_push_family(st, name);
}


int
phr_push_cut(phr_str_t *name, const char *suffix)
{
    size_t  len;

    len = strlen(suffix);

    if (name->len <= len
        || memcmp(name->data + name->len - len, suffix, len) != 0)
    {
        return 0;
    }

    name->len -= len;

    return 1;
}


/*
 * OpenMetrics names the family without the suffix that its samples have;
 * families are kept under the name that the text format gives them.
 */

static phr_str_t
phr_push_family_name(phr_push_state_t *st, phr_expo_t *p)
{
    phr_str_t           name, longer;
    const char         *text;
    phr_push_family_t  *f;

    name = phr_expo_unescape(p, st->arena, p->name);

    if (name.data == NULL || p->format != PHR_EXPO_OPENMETRICS) {
        return name;
    }

    text = NULL;

    if (p->event == PHR_EXPO_TYPE) {
        text = p->type == PHR_METRIC_COUNTER ? "_total"
               : p->type == PHR_METRIC_INFO ? "_info" : NULL;
    }

    longer = name;

    if (text == NULL || phr_push_cut(&longer, text)) {

        /* HELP may come before or after TYPE */

        if (p->event == PHR_EXPO_HELP) {
            longer.data = phr_arena_printf(st->arena, "%.*s_total",
                                           (int) name.len, name.data);
            if (longer.data == NULL) {
                return phr_str_from(NULL, 0);
            }

            longer.len = name.len + 6;
            f = phr_map_get(st->families, longer);

            if (f != NULL && f->type == PHR_METRIC_COUNTER) {
                return longer;
            }
        }

        return name;
    }

    longer.data = phr_arena_printf(st->arena, "%.*s%s", (int) name.len,
                                   name.data, text);
    if (longer.data == NULL) {
        return phr_str_from(NULL, 0);
    }

    longer.len = strlen(longer.data);

    /* a HELP that came first moves along */

    f = phr_map_get(st->families, name);

    if (f != NULL && f->nseries == 0 && !f->has_type) {
        phr_map_delete(st->families, name);
        f->name = longer;

        if (phr_map_set(st->families, longer, f) != PHR_OK) {
            return phr_str_from(NULL, 0);
        }
    }

    return longer;
}
