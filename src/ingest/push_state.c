/*
 * Copyright (C) The Pharos Authors
 *
 * States of push groups: how they are made, merged with the state before,
 * and checked against the other groups.
 */

#include "ingest/push_impl.h"

#include <stdio.h>


/* one state; a body is limited before */
#define PHR_PUSH_STATE_BYTES  (256 * 1024 * 1024)


static int phr_push_adds(const phr_push_family_t *f,
    const phr_push_series_t *s, phr_push_mode_e mode);
static int phr_push_state_keep(phr_push_state_t *st,
    const phr_push_family_t *f, phr_push_series_t *from);
static int phr_push_state_time(phr_push_state_t *st,
    const phr_push_state_t *old, phr_labels_t grouping, const char *name,
    const char *help, int64_t t_ms, int64_t now_ms);
static void phr_push_state_prune(phr_push_state_t *st);
static void phr_push_check_begin(phr_push_t *p, const phr_push_group_t *g);
static int phr_push_check_suffixes(phr_push_t *p, phr_push_state_t *st,
    const phr_push_family_t *f, phr_err_t *err);
static int phr_push_type_elsewhere(phr_push_t *p, phr_str_t name,
    phr_metric_type_e *type);


int
phr_push_state_create(phr_push_state_t *st)
{
    memset(st, 0, sizeof(phr_push_state_t));

    st->arena = phr_arena_create(PHR_PUSH_STATE_BYTES);
    st->families = phr_map_create();
    st->series = phr_map_create();

    if (st->arena == NULL || st->families == NULL || st->series == NULL) {
        phr_push_state_destroy(st);
        return PHR_ENOMEM;
    }

    return PHR_OK;
}


void
phr_push_state_destroy(phr_push_state_t *st)
{
    phr_map_destroy(st->families);
    phr_map_destroy(st->series);
    phr_arena_destroy(st->arena);
    memset(st, 0, sizeof(phr_push_state_t));
}


phr_push_family_t *
phr_push_family(phr_push_state_t *st, phr_str_t name)
{
    phr_push_family_t  *f;

    f = phr_map_get(st->families, name);
    if (f != NULL) {
        return f;
    }

    f = phr_arena_calloc(st->arena, 1, sizeof(phr_push_family_t));
    if (f == NULL) {
        return NULL;
    }

    f->name = phr_arena_str(st->arena, name);
    f->help = phr_str_of("");

    if (f->name.data == NULL || phr_map_set(st->families, name, f) != PHR_OK)
    {
        return NULL;
    }

    if (st->last != NULL) {
        st->last->next = f;
    } else {
        st->first = f;
    }

    st->last = f;

    return f;
}


int
phr_push_series_add(phr_push_state_t *st, phr_push_family_t *f,
    phr_labels_t ls, phr_labels_t grouping, double v, phr_push_series_t **out)
{
    int                 rc, cmp;
    size_t              i, j, n;
    phr_label_t        *l;
    phr_labels_t        merged, stored;
    phr_push_series_t  *s;

    static const phr_label_t  instance = { phr_str("instance"), phr_str("") };

    /* both are sorted; the grouping key wins */

    l = phr_arena_alloc(st->arena, (ls.n + grouping.n + 1)
                                   * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_arena_rc(st->arena);
    }

    i = 0;
    j = 0;
    n = 0;

    while (i < ls.n || j < grouping.n) {
        cmp = i == ls.n ? 1 : j == grouping.n ? -1
              : phr_str_cmp(ls.l[i].name, grouping.l[j].name);

        if (cmp < 0) {
            l[n++] = ls.l[i++];

        } else {
            l[n++] = grouping.l[j++];
            i += cmp == 0;
        }
    }

    for (i = 0; i < n; i++) {
        cmp = phr_str_cmp(l[i].name, instance.name);
        if (cmp >= 0) {
            break;
        }
    }

    if (i == n || cmp != 0) {
        memmove(&l[i + 1], &l[i], (n - i) * sizeof(phr_label_t));
        l[i] = instance;
        n++;
    }

    merged.l = l;
    merged.n = n;

    s = phr_arena_calloc(st->arena, 1, sizeof(phr_push_series_t));
    if (s == NULL) {
        return phr_arena_rc(st->arena);
    }

    rc = phr_labels_copy(st->arena, merged, &s->labels);

    if (rc == PHR_OK) {
        rc = phr_push_store_labels(st->arena, s->labels, &stored);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    s->hash = phr_labels_hash(stored);
    s->v = v;

    *out = phr_map_get(st->series, phr_push_hash_key(&s->hash));
    if (*out != NULL) {
        return PHR_EDUPLICATE;
    }

    if (phr_map_set(st->series, phr_push_hash_key(&s->hash), s) != PHR_OK) {
        return PHR_ENOMEM;
    }

    if (f->last != NULL) {
        f->last->next = s;
    } else {
        f->first = s;
    }

    f->last = s;
    f->nseries++;
    st->nseries++;
    *out = s;

    return PHR_OK;
}


phr_str_t
phr_push_hash_key(const uint64_t *hash)
{
    return phr_str_from((const char *) hash, sizeof(uint64_t));
}


int
phr_push_store_labels(phr_arena_t *arena, phr_labels_t ls, phr_labels_t *out)
{
    size_t        i;
    phr_label_t  *l;

    l = phr_arena_alloc(arena, (ls.n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_arena_rc(arena);
    }

    out->l = l;
    out->n = 0;

    for (i = 0; i < ls.n; i++) {
        if (ls.l[i].value.len != 0) {
            l[out->n++] = ls.l[i];
        }
    }

    return PHR_OK;
}


int
phr_push_state_parse(phr_push_state_t *st, const phr_push_request_t *r,
    const phr_push_options_t *o, phr_labels_t grouping, phr_err_t *err)
{
    int  rc;

    if (phr_push_is_protobuf(r->content_type)) {
        return phr_push_protobuf_parse(st, r, o, grouping, err);
    }

    rc = phr_push_text_parse(st, r, o, grouping, err);

    if (rc == PHR_OK) {
        phr_push_state_prune(st);
    }

    return rc;
}


int
phr_push_state_merge(phr_push_state_t *st, const phr_push_state_t *old,
    phr_push_method_e method, phr_push_mode_e mode, phr_labels_t grouping,
    phr_err_t *err)
{
    int                       rc;
    phr_push_family_t        *f;
    phr_push_series_t        *s, *was;
    const phr_push_family_t  *of;

    for (of = old->first; of != NULL; of = of->next) {

        if (phr_str_eq(of->name, phr_str_of(PHR_PUSH_TIME))
            || phr_str_eq(of->name, phr_str_of(PHR_PUSH_FAILURE)))
        {
            continue;
        }

        if (mode == PHR_PUSH_REPLACE) {
            f = phr_map_get(st->families, of->name);

            if (method == PHR_PUSH_PUT || f != NULL) {
                continue;
            }
        }

        f = phr_map_get(st->families, of->name);

        if (f != NULL && f->type != of->type) {
            return phr_err_set(err, PHR_EINVAL, "metric family %.*s is a %s, "
                               "not a %s", (int) f->name.len, f->name.data,
                               phr_metric_type_text(of->type),
                               phr_metric_type_text(f->type));
        }

        for (was = of->first; was != NULL; was = was->next) {

            s = phr_map_get(st->series, phr_push_hash_key(&was->hash));

            if (s == NULL) {
                rc = phr_push_state_keep(st, of, was);
                if (rc != PHR_OK) {
                    return phr_err_set(err, rc, "no memory for a push");
                }

            } else if (f != NULL && phr_push_adds(f, s, mode)) {
                s->v += was->v;
            }
        }
    }

    return PHR_OK;
}


int
phr_push_state_times(phr_push_state_t *st, const phr_push_state_t *old,
    phr_labels_t grouping, int64_t push_ms, int64_t failure_ms,
    int64_t now_ms)
{
    int  rc;

    rc = phr_push_state_time(st, old, grouping, PHR_PUSH_TIME,
                             "Last Unix time when changing this group in the "
                             "Pushgateway succeeded.", push_ms, now_ms);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_push_state_time(st, old, grouping, PHR_PUSH_FAILURE,
                               "Last Unix time when changing this group in "
                               "the Pushgateway failed.", failure_ms, now_ms);
}


const phr_push_family_t *
phr_push_state_find(const phr_push_state_t *st, phr_str_t name)
{
    const phr_push_family_t  *f;

    for (f = st->first; f != NULL; f = f->next) {
        if (phr_str_eq(f->name, name)) {
            return f;
        }
    }

    return NULL;
}


int
phr_push_check(phr_push_t *p, phr_push_state_t *st, const phr_push_group_t *g,
    phr_err_t *err)
{
    int                       rc;
    phr_metric_type_e         type;
    phr_push_group_t         *owner;
    const phr_push_family_t  *f;
    const phr_push_series_t  *s;

    phr_push_check_begin(p, g);

    for (f = st->first; f != NULL; f = f->next) {

        if (phr_push_type_elsewhere(p, f->name, &type) && type != f->type)
        {
            return phr_err_set(err, PHR_EINVAL, "metric family %.*s is a %s "
                               "in another group, not a %s",
                               (int) f->name.len, f->name.data,
                               phr_metric_type_text(type),
                               phr_metric_type_text(f->type));
        }

        rc = phr_push_check_suffixes(p, st, f, err);
        if (rc != PHR_OK) {
            return rc;
        }

        for (s = f->first; s != NULL; s = s->next) {
            owner = phr_map_get(p->owners, phr_push_hash_key(&s->hash));

            if (owner != NULL && owner != g) {
                return phr_err_set(err, PHR_EINVAL, "collected metric %.*s "
                                   "was collected before with the same name "
                                   "and label values, in another group",
                                   (int) f->name.len, f->name.data);
            }
        }
    }

    return PHR_OK;
}


static int
phr_push_adds(const phr_push_family_t *f, const phr_push_series_t *s,
    phr_push_mode_e mode)
{
    phr_str_t  name;

    if (mode == PHR_PUSH_REPLACE) {
        return 0;
    }

    name = phr_labels_get(s->labels, phr_str_of(PHR_METRIC_NAME));

    switch (f->type) {

    case PHR_METRIC_COUNTER:
    case PHR_METRIC_HISTOGRAM:
        return 1;

    case PHR_METRIC_SUMMARY:
        return phr_push_cut(&name, "_sum") || phr_push_cut(&name, "_count");

    case PHR_METRIC_UNKNOWN:
        return mode == PHR_PUSH_EVENT || phr_push_cut(&name, "_total");

    default:
        return 0;
    }
}


/* copies a series of the state before */

static int
phr_push_state_keep(phr_push_state_t *st, const phr_push_family_t *from,
    phr_push_series_t *was)
{
    int                 rc;
    phr_labels_t        none;
    phr_push_family_t  *f;
    phr_push_series_t  *s;

    f = phr_push_family(st, from->name);
    if (f == NULL) {
        return PHR_ENOMEM;
    }

    if (f->nseries == 0) {
        f->type = from->type;
        f->t_ms = from->t_ms;
    }

    if (f->help.len == 0 && from->help.len != 0) {
        f->help = phr_arena_str(st->arena, from->help);
        if (f->help.data == NULL) {
            return phr_arena_rc(st->arena);
        }
    }

    none.l = NULL;
    none.n = 0;

    rc = phr_push_series_add(st, f, was->labels, none, was->v, &s);
    if (rc != PHR_OK) {
        return rc;
    }

    s->sid = was->sid;
    s->has_sid = was->has_sid;

    return PHR_OK;
}


static int
phr_push_state_time(phr_push_state_t *st, const phr_push_state_t *old,
    phr_labels_t grouping, const char *name, const char *help, int64_t t_ms,
    int64_t now_ms)
{
    double                    v;
    phr_label_t               l;
    phr_labels_t              ls;
    phr_push_family_t        *f;
    phr_push_series_t        *s;
    const phr_push_family_t  *was;

    l.name = phr_str_of(PHR_METRIC_NAME);
    l.value = phr_str_from_c(name);
    ls.l = &l;
    ls.n = 1;

    was = phr_push_state_find(old, l.value);

    f = phr_push_family(st, l.value);
    if (f == NULL) {
        return PHR_ENOMEM;
    }

    f->type = PHR_METRIC_GAUGE;
    f->help = phr_str_from_c(help);
    f->t_ms = now_ms;
    v = (double) t_ms / 1000;

    if (t_ms < 0) {
        v = was ? was->first->v : 0;
        f->t_ms = was ? was->t_ms : now_ms;
    }

    return phr_push_series_add(st, f, ls, grouping, v, &s);
}


/* families that were only announced */

static void
phr_push_state_prune(phr_push_state_t *st)
{
    phr_push_family_t  *f, **link;

    link = &st->first;
    st->last = NULL;

    while ((f = *link) != NULL) {

        if (f->nseries == 0) {
            phr_map_delete(st->families, f->name);
            *link = f->next;
            continue;
        }

        st->last = f;
        link = &f->next;
    }
}


/* marks the families that the group has now */

static void
phr_push_check_begin(phr_push_t *p, const phr_push_group_t *g)
{
    phr_push_type_t          *t;
    const phr_push_family_t  *f;

    p->nchecks++;

    for (f = g->state.first; f != NULL; f = f->next) {
        t = phr_map_get(p->types, f->name);

        if (t != NULL) {
            t->check = p->nchecks;
        }
    }
}


/* a histogram h and a metric h_count would be the same series */

static int
phr_push_check_suffixes(phr_push_t *p, phr_push_state_t *st,
    const phr_push_family_t *f, phr_err_t *err)
{
    char                buf[512];
    size_t              i;
    phr_str_t           name;
    phr_metric_type_e   type;
    phr_push_family_t  *own;

    for (i = 0; i < PHR_PUSH_NSUFFIXES; i++) {

        name = f->name;

        if (phr_push_cut(&name, phr_push_suffixes[i])) {
            own = phr_map_get(st->families, name);

            if (own != NULL) {
                type = own->type;

            } else if (!phr_push_type_elsewhere(p, name, &type)) {
                continue;
            }

            if (type == PHR_METRIC_HISTOGRAM
                || (type == PHR_METRIC_SUMMARY && i != 2))
            {
                goto collision;
            }
        }

        if (f->type != PHR_METRIC_HISTOGRAM
            && (f->type != PHR_METRIC_SUMMARY || i == 2))
        {
            continue;
        }

        name.len = (size_t) snprintf(buf, sizeof(buf), "%.*s%s",
                                     (int) f->name.len, f->name.data,
                                     phr_push_suffixes[i]);
        name.data = buf;

        if (name.len < sizeof(buf)
            && (phr_map_get(st->families, name) != NULL
                || phr_push_type_elsewhere(p, name, &type)))
        {
            goto collision;
        }
    }

    return PHR_OK;

collision:

    return phr_err_set(err, PHR_EINVAL, "metric family %.*s collides with a "
                       "histogram or summary", (int) f->name.len,
                       f->name.data);
}


/* 1 if a group other than the one that is checked has the family */

static int
phr_push_type_elsewhere(phr_push_t *p, phr_str_t name,
    phr_metric_type_e *type)
{
    phr_push_type_t  *t;

    t = phr_map_get(p->types, name);
    if (t == NULL) {
        return 0;
    }

    *type = t->type;

    return t->ngroups > (t->check == p->nchecks);
}
