/*
 * Copyright (C) The Pharos Authors
 *
 * info(): adds to series the labels of info metrics that have the same
 * "instance" and "job".
 */

#include "promql/func.h"

#include "core/regex.h"


#define PHR_INFO_NIDENTIFYING  2

static const phr_str_t  phr_info_identifying[PHR_INFO_NIDENTIFYING] = {
    phr_str("instance"), phr_str("job")
};


/* an info series; the newest sample's time tells which of two is valid */
typedef struct {
    phr_labels_t  labels;
    int64_t      *t_ms;             /* per step, PHR_TIME_MIN: none */
} phr_info_series_t;


typedef struct {
    phr_eval_t           *ev;
    const phr_grid_t     *g;

    /* the second argument: what the name must match, and the labels */
    const phr_matcher_t  *matchers;
    size_t                nmatchers;
    phr_matcher_t        *names;
    size_t                nnames;

    uint8_t               has_at;
    int64_t               at_ms;
    int64_t               offset_ms;

    phr_info_series_t    *series;
    size_t                n;
    size_t                nalloc;
    phr_slots_t           index;    /* by the identifying labels */
    uint32_t             *lists;    /* room for three, one column at a time */

    phr_matcher_t         own[4];   /* matchers whose regexes are ours */
    size_t                nown;
    phr_collect_t         collect;
} phr_info_t;


static int phr_info_names(phr_info_t *info, const phr_node_t *call);
static int phr_info_when(phr_info_t *info, const phr_node_t *node,
    int64_t offset_ms, uint8_t has_at, int64_t at_ms);
static int phr_info_select(phr_info_t *info, const phr_value_t *in,
    const uint8_t *ignored);
static int phr_info_add(phr_info_t *info, const phr_series_t *s);
static int phr_info_identities(phr_info_t *info, const phr_value_t *in,
    const uint8_t *ignored, phr_str_t name, phr_buf_t *pattern);
static int phr_info_series(phr_info_t *info, const phr_column_t *c);
static int phr_info_step(phr_info_t *info, const phr_column_t *c,
    const uint32_t *found, size_t nfound, size_t step, uint32_t *chosen,
    size_t *nchosen);
static int phr_info_labels(phr_info_t *info, const phr_column_t *c,
    const uint32_t *chosen, size_t nchosen, phr_labels_t *out);
static int phr_info_wanted(const phr_info_t *info, phr_str_t name);
static int phr_info_optional(const phr_info_t *info);


int
phr_fn_info(PHR_FN_PARAMS)
{
    int           rc;
    size_t        i;
    uint8_t      *ignored;
    phr_info_t    info;
    phr_value_t   in;

    memset(&info, 0, sizeof(info));
    info.ev = ev;
    info.g = g;

    phr_info_when(&info, phr_fn_arg(call, 0), 0, 0, 0);

    rc = phr_info_names(&info, call);
    if (rc == PHR_OK) {
        rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, &in);
    }

    if (rc < 0) {
        goto done;
    }

    ignored = phr_arena_calloc(ev->arena, in.n + 1, 1);
    if (ignored == NULL) {
        rc = phr_eval_nomem(ev);
        goto done;
    }

    /* info metrics themselves are left as they are */

    for (i = 0; i < in.n; i++) {
        rc = phr_matchers_match(info.names, info.nnames, in.cols[i].labels);
        if (rc < 0) {
            rc = phr_matcher_fail(&info.names[0], rc, ev->err);
            goto done;
        }

        ignored[i] = (uint8_t) rc;
    }

    rc = phr_slots_init(&info.index, ev->arena, 64);
    if (rc == PHR_OK) {
        rc = phr_info_select(&info, &in, ignored);
    }

    if (rc == PHR_OK) {
        info.lists = phr_arena_alloc(ev->arena,
                                     3 * (info.n + 1) * sizeof(uint32_t));
        rc = info.lists == NULL ? phr_eval_nomem(ev) : PHR_OK;
    }

    if (rc == PHR_OK) {
        rc = phr_collect_init(&info.collect, out, ev->arena, g->n, in.n);
    }

    for (i = 0; rc == PHR_OK && i < in.n; i++) {
        if (ignored[i]) {
            rc = phr_collect_add(&info.collect, in.cols[i].labels,
                                 in.cols[i].v, in.cols[i].drop_name, ev->err);

        } else {
            rc = phr_info_series(&info, &in.cols[i]);
        }
    }

done:

    for (i = 0; i < info.nown; i++) {
        phr_matcher_destroy(&info.own[i]);
    }

    return rc;
}


/*
 * The matchers of __name__ that choose the info metrics: those given if one
 * of them is positive, else also ".+_info"; "target_info" if there are none.
 */
static int
phr_info_names(phr_info_t *info, const phr_node_t *call)
{
    int                rc, positive;
    size_t             i;
    phr_matcher_t     *m;
    const phr_node_t  *arg;

    arg = phr_fn_arg(call, 1);

    if (arg != NULL) {
        info->matchers = arg->u.selector.matchers;
        info->nmatchers = arg->u.selector.nmatchers;
    }

    info->names = phr_arena_alloc(info->ev->arena, (info->nmatchers + 1)
                                                   * sizeof(phr_matcher_t));
    if (info->names == NULL) {
        return phr_eval_nomem(info->ev);
    }

    positive = 0;

    for (i = 0; i < info->nmatchers; i++) {
        if (phr_str_eq(info->matchers[i].name,
                       phr_str_of(PHR_METRIC_NAME)))
        {
            info->names[info->nnames++] = info->matchers[i];
            positive |= info->matchers[i].op == PHR_MATCH_EQ
                        || info->matchers[i].op == PHR_MATCH_RE;
        }
    }

    if (positive) {
        return PHR_OK;
    }

    m = &info->own[info->nown];

    if (info->nnames == 0) {
        rc = phr_matcher_init(m, PHR_MATCH_EQ, phr_str_of(PHR_METRIC_NAME),
                              phr_str_of("target_info"), info->ev->err);

    } else {
        rc = phr_matcher_init(m, PHR_MATCH_RE, phr_str_of(PHR_METRIC_NAME),
                              phr_str_of(".+_info"), info->ev->err);
    }

    if (rc < 0) {
        return rc;
    }

    info->nown++;
    info->names[info->nnames++] = *m;

    return PHR_OK;
}


/*
 * The times of the first selector of the argument are those of the info
 * series, too; offsets add up until an "@" on the way out.  1 if found.
 */
static int
phr_info_when(phr_info_t *info, const phr_node_t *node, int64_t offset_ms,
    uint8_t has_at, int64_t at_ms)
{
    size_t             i;
    phr_node_t        *child;
    const phr_plan_t  *p;

    p = phr_plan_of(info->ev, node);

    if (node->kind == PHR_NODE_SELECTOR) {
        info->has_at = p->has_at || has_at;
        info->at_ms = p->has_at ? p->at_ms : at_ms;
        info->offset_ms = p->has_at ? p->offset_ms : p->offset_ms + offset_ms;
        return 1;
    }

    if (node->kind == PHR_NODE_SUBQUERY) {
        if (p->has_at) {
            offset_ms = 0;
            has_at = 1;
            at_ms = p->at_ms;
        }

        offset_ms = phr_time_add(offset_ms, p->offset_ms);
    }

    for (i = 0; (child = phr_ast_child(node, i)) != NULL; i++) {
        if (phr_info_when(info, child, offset_ms, has_at, at_ms)) {
            return 1;
        }
    }

    return 0;
}


static int64_t
phr_info_time(const phr_info_t *info, size_t step)
{
    return phr_time_sub(info->has_at ? info->at_ms
                                     : phr_grid_time(info->g, step),
                        info->offset_ms);
}


/* reads the info series that can belong to any of the columns */
static int
phr_info_select(phr_info_t *info, const phr_value_t *in,
    const uint8_t *ignored)
{
    int                 rc;
    size_t              i, n;
    int64_t             min;
    phr_buf_t           pattern[PHR_INFO_NIDENTIFYING];
    phr_series_t        s;
    phr_matcher_t      *m;
    phr_series_set_t   *set;
    phr_select_hints_t  hints;

    m = phr_arena_alloc(info->ev->arena,
                        (info->nmatchers + info->nnames
                         + PHR_INFO_NIDENTIFYING) * sizeof(phr_matcher_t));
    if (m == NULL) {
        return phr_eval_nomem(info->ev);
    }

    n = 0;
    rc = PHR_OK;

    for (i = 0; i < PHR_INFO_NIDENTIFYING; i++) {
        phr_buf_init(&pattern[i], 0);
    }

    for (i = 0; rc == PHR_OK && i < PHR_INFO_NIDENTIFYING; i++) {
        rc = phr_info_identities(info, in, ignored, phr_info_identifying[i],
                                 &pattern[i]);
        if (rc < 0 || pattern[i].len == 0) {
            continue;
        }

        rc = phr_matcher_init(&info->own[info->nown], PHR_MATCH_RE,
                              phr_info_identifying[i],
                              phr_buf_view(&pattern[i]), info->ev->err);
        if (rc == PHR_OK) {
            m[n++] = info->own[info->nown++];
        }
    }

    if (rc < 0 || n == 0) {
        goto done;
    }

    for (i = 0; i < info->nnames; i++) {
        m[n++] = info->names[i];
    }

    for (i = 0; i < info->nmatchers; i++) {
        if (!phr_str_eq(info->matchers[i].name,
                        phr_str_of(PHR_METRIC_NAME)))
        {
            m[n++] = info->matchers[i];
        }
    }

    memset(&hints, 0, sizeof(hints));
    hints.step_ms = info->g->n > 1 ? info->g->step_ms : 0;
    hints.func = phr_str_of("info");

    min = phr_time_sub(phr_info_time(info, 0), info->ev->query->lookback_ms);

    rc = phr_eval_select(info->ev, m, n, phr_time_add(min, 1),
                         phr_info_time(info, info->g->n - 1), &hints, &set);

    while (rc == PHR_OK) {
        rc = set->next(set, &s, info->ev->err);
        if (rc == PHR_OK) {
            rc = phr_info_add(info, &s);
        }

        if (rc == PHR_OK) {
            rc = phr_eval_poll(info->ev);
        }
    }

    rc = rc < 0 ? rc : PHR_OK;

done:

    /* the patterns are not needed once the matchers are compiled and used */

    for (i = 0; i < PHR_INFO_NIDENTIFYING; i++) {
        phr_buf_free(&pattern[i]);
    }

    return rc;
}


/* an alternation of all values that the columns have for a label */
static int
phr_info_identities(phr_info_t *info, const phr_value_t *in,
    const uint8_t *ignored, phr_str_t name, phr_buf_t *pattern)
{
    int           rc;
    size_t        i, k, pos;
    uint32_t      id;
    uint64_t      hash;
    phr_str_t     value;
    phr_slots_t   seen;

    rc = phr_slots_init(&seen, info->ev->arena, 64);

    for (i = 0; rc == PHR_OK && i < in->n; i++) {
        value = phr_labels_get(in->cols[i].labels, name);

        if (ignored[i] || value.len == 0) {
            continue;
        }

        hash = phr_labels_hash_on(in->cols[i].labels, &name, 1);
        pos = SIZE_MAX;

        do {
            id = phr_slots_next(&seen, hash, &pos);
        } while (id != PHR_INDEX_NONE
                 && !phr_str_eq(value, phr_labels_get(in->cols[id].labels,
                                                      name)));

        if (id != PHR_INDEX_NONE) {
            continue;
        }

        rc = phr_slots_add(&seen, hash, i);

        if (pattern->len != 0) {
            phr_buf_putc(pattern, '|');
        }

        for (k = 0; k < value.len; k++) {
            if (strchr("\\.+*?()|[]{}^$", value.data[k]) != NULL) {
                phr_buf_putc(pattern, '\\');
            }

            phr_buf_putc(pattern, value.data[k]);
        }
    }

    return rc < 0 ? rc : pattern->failed;
}


static int
phr_info_add(phr_info_t *info, const phr_series_t *s)
{
    size_t              i, j, nalloc;
    int64_t             ref, *t;
    phr_info_series_t  *series;

    t = phr_arena_alloc(info->ev->arena, info->g->n * sizeof(int64_t));
    if (t == NULL) {
        return phr_eval_nomem(info->ev);
    }

    j = 0;

    for (i = 0; i < info->g->n; i++) {
        ref = phr_info_time(info, i);

        while (j < s->n && s->t_ms[j] <= ref) {
            j++;
        }

        t[i] = PHR_TIME_MIN;

        if (j > 0 && !phr_is_stale(s->v[j - 1])
            && s->t_ms[j - 1] > phr_time_sub(ref,
                                             info->ev->query->lookback_ms))
        {
            if (s->h != NULL && s->h[j - 1] != NULL) {
                return phr_err_set(info->ev->err, PHR_EEXEC,
                                   "info sample should be float");
            }

            t[i] = s->t_ms[j - 1];
        }
    }

    if (info->n == info->nalloc) {
        nalloc = info->nalloc * 2 + 16;
        series = phr_arena_grow(info->ev->arena, info->series,
                                info->nalloc * sizeof(phr_info_series_t),
                                nalloc * sizeof(phr_info_series_t));
        if (series == NULL) {
            return phr_eval_nomem(info->ev);
        }

        info->series = series;
        info->nalloc = nalloc;
    }

    info->series[info->n].labels = s->labels;
    info->series[info->n].t_ms = t;

    return phr_slots_add(&info->index,
                         phr_labels_hash_on(s->labels, phr_info_identifying,
                                            PHR_INFO_NIDENTIFYING),
                         info->n++);
}


/* one column becomes as many as there are different sets of info labels */
static int
phr_info_series(phr_info_t *info, const phr_column_t *c)
{
    int            rc;
    double        *v;
    size_t         step, n, nchosen, nlast, pos;
    uint32_t       id, *found, *chosen, *last, *swap;
    uint64_t       hash;
    phr_labels_t   labels;

    hash = phr_labels_hash_on(c->labels, phr_info_identifying,
                              PHR_INFO_NIDENTIFYING);

    found = info->lists;
    chosen = found + info->n + 1;
    last = chosen + info->n + 1;
    nlast = SIZE_MAX;
    nchosen = 0;
    n = 0;
    pos = SIZE_MAX;

    while ((id = phr_slots_next(&info->index, hash, &pos)) != PHR_INDEX_NONE)
    {
        if (phr_labels_eq_on(info->series[id].labels, c->labels,
                             phr_info_identifying, PHR_INFO_NIDENTIFYING))
        {
            found[n++] = id;
        }
    }

    v = NULL;

    for (step = 0; step < info->g->n; step++) {

        if (!phr_col_has(c, step)) {
            continue;
        }

        rc = phr_info_step(info, c, found, n, step, chosen, &nchosen);
        if (rc < 0) {
            return rc;
        }

        if (nchosen == 0 && !phr_info_optional(info)) {
            continue;
        }

        if (nchosen != nlast
            || memcmp(chosen, last, nchosen * sizeof(uint32_t)) != 0)
        {
            if (v != NULL) {
                rc = phr_collect_add(&info->collect, labels, v, c->drop_name,
                                     info->ev->err);
                if (rc < 0) {
                    return rc;
                }
            }

            rc = phr_info_labels(info, c, chosen, nchosen, &labels);
            if (rc < 0) {
                return rc;
            }

            v = phr_col_create(info->ev->arena, info->g->n);
            if (v == NULL) {
                return phr_eval_nomem(info->ev);
            }

            swap = last;
            last = chosen;
            chosen = swap;
            nlast = nchosen;
        }

        v[step] = c->v[step];
    }

    if (v != NULL) {
        rc = phr_collect_add(&info->collect, labels, v, c->drop_name,
                             info->ev->err);
        if (rc < 0) {
            return rc;
        }
    }

    return phr_eval_poll(info->ev);
}


/* of each info metric the series with the newest sample */
static int
phr_info_step(phr_info_t *info, const phr_column_t *c, const uint32_t *found,
    size_t nfound, size_t step, uint32_t *chosen, size_t *nchosen)
{
    int                 rc;
    size_t              i, k, n;
    phr_buf_t           one, two;
    phr_str_t           name;
    phr_info_series_t  *s, *other;

    n = 0;

    for (i = 0; i < nfound; i++) {
        s = &info->series[found[i]];

        if (s->t_ms[step] == PHR_TIME_MIN) {
            continue;
        }

        name = phr_labels_get(s->labels, phr_str_of(PHR_METRIC_NAME));

        for (k = 0; k < n; k++) {
            other = &info->series[chosen[k]];

            if (phr_str_eq(name, phr_labels_get(other->labels,
                                       phr_str_of(PHR_METRIC_NAME))))
            {
                break;
            }
        }

        if (k == n) {
            chosen[n++] = found[i];
            continue;
        }

        if (other->t_ms[step] > s->t_ms[step]) {
            continue;
        }

        if (other->t_ms[step] < s->t_ms[step]) {
            chosen[k] = found[i];
            continue;
        }

        phr_buf_init(&one, 0);
        phr_buf_init(&two, 0);
        phr_labels_print(&one, other->labels);
        phr_labels_print(&two, s->labels);

        rc = phr_err_set(info->ev->err, PHR_EEXEC,
                         "found duplicate series for info metric: existing "
                         "%s @ %lld, new %s @ %lld", phr_buf_cstr(&one),
                         (long long) other->t_ms[step], phr_buf_cstr(&two),
                         (long long) s->t_ms[step]);

        phr_buf_free(&one);
        phr_buf_free(&two);

        return rc;
    }

    *nchosen = n;

    return PHR_OK;
}


static int
phr_info_labels(phr_info_t *info, const phr_column_t *c,
    const uint32_t *chosen, size_t nchosen, phr_labels_t *out)
{
    size_t                i, k;
    phr_str_t             present;
    phr_labels_t          ls;
    const phr_label_t    *l;
    phr_labels_builder_t  b;

    phr_labels_builder_init(&b, info->ev->arena, c->labels);

    for (i = 0; i < nchosen; i++) {
        ls = info->series[chosen[i]].labels;

        for (k = 0; k < ls.n; k++) {
            l = &ls.l[k];

            if (phr_str_eq(l->name, phr_str_of(PHR_METRIC_NAME))
                || phr_labels_has(c->labels, l->name)
                || !phr_info_wanted(info, l->name))
            {
                continue;
            }

            present = phr_labels_builder_get(&b, l->name);

            if (present.len != 0 && !phr_str_eq(present, l->value)) {
                return phr_err_set(info->ev->err, PHR_EEXEC,
                                   "conflicting label: %.*s",
                                   (int) l->name.len, l->name.data);
            }

            phr_labels_builder_set(&b, l->name, l->value);
        }
    }

    return phr_labels_build(&b, out);
}


/* all labels, unless the second argument names some */
static int
phr_info_wanted(const phr_info_t *info, phr_str_t name)
{
    int     any;
    size_t  i;

    any = 0;

    for (i = 0; i < info->nmatchers; i++) {

        if (phr_str_eq(info->matchers[i].name, phr_str_of(PHR_METRIC_NAME))) {
            continue;
        }

        if (phr_str_eq(info->matchers[i].name, name)) {
            return 1;
        }

        any = 1;
    }

    return !any;
}


/* whether a series stays if no info series belongs to it */
static int
phr_info_optional(const phr_info_t *info)
{
    size_t  i;

    for (i = 0; i < info->nmatchers; i++) {
        if (!phr_str_eq(info->matchers[i].name, phr_str_of(PHR_METRIC_NAME))
            && phr_matcher_matches(&info->matchers[i], phr_str_of("")) <= 0)
        {
            return 0;
        }
    }

    return 1;
}
