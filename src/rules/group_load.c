/*
 * Copyright (C) The Pharos Authors
 *
 * Groups from rule files: expressions and templates checked, places of
 * errors found.
 */

#include "rules/group.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "rules/rule.h"


/* trees of expressions and names: far more than any rule file needs */
#define PHR_GROUP_ARENA        (512 * 1024 * 1024)

/* bytes of a file's and a group's name in that of a source */
#define PHR_GROUP_SOURCE_PART  100


static int phr_group_build(phr_rule_groups_t *gs,
    const phr_rule_groups_conf_t *conf, phr_err_t *err);
static int phr_group_init(phr_rule_groups_t *gs, phr_rule_group_t *g,
    const phr_rule_group_conf_t *gc, const phr_rule_groups_conf_t *conf,
    phr_err_t *err);
static char *phr_group_source(phr_arena_t *arena, const phr_rule_group_t *g);
static int phr_group_init_rule(phr_rule_group_t *g, size_t n,
    const phr_rule_groups_conf_t *conf, phr_err_t *err);
static int phr_group_parse(phr_rule_group_t *g, size_t n, unsigned flags,
    phr_err_t *err);
static int phr_group_check(phr_rule_group_t *g, size_t n, const char *what,
    const phr_rule_pair_t *pairs, size_t npairs,
    const phr_rule_groups_conf_t *conf, phr_err_t *err);
static int phr_group_error(phr_rule_group_t *g, size_t n,
    const phr_rule_text_t *text, size_t at, phr_err_t *err);
static int phr_group_pairs(phr_arena_t *arena, const phr_rule_pair_t *pairs,
    size_t n, phr_labels_t *out);
static int phr_group_generator(phr_rule_groups_t *gs, phr_rule_t *r);
static int phr_group_identify(phr_rule_group_t *g, size_t n);
static void phr_group_free(phr_rule_group_t *g);


int
phr_rule_groups_create(phr_rules_yml_t **files, size_t nfiles,
    const phr_rule_groups_conf_t *conf, phr_rule_groups_t *prev,
    phr_rule_groups_t **out, phr_err_t *err)
{
    int                 rc;
    phr_rule_groups_t  *gs;

    gs = phr_calloc(1, sizeof(phr_rule_groups_t));
    if (gs == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for rule groups");
    }

    gs->arena = phr_arena_create(PHR_GROUP_ARENA);
    gs->files = phr_calloc(nfiles + 1, sizeof(phr_rules_yml_t *));

    if (gs->arena == NULL || gs->files == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory for rule groups");
        goto failed;
    }

    if (nfiles > 0) {
        memcpy(gs->files, files, nfiles * sizeof(phr_rules_yml_t *));
    }

    gs->nfiles = nfiles;

    rc = phr_group_build(gs, conf, err);
    if (rc != PHR_OK) {
        goto failed;
    }

    if (prev != NULL && phr_rule_groups_carry(gs, prev) != PHR_OK) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory for rule groups");
        goto failed;
    }

    *out = gs;

    return PHR_OK;

failed:

    /* the files stay the caller's */
    gs->nfiles = 0;
    phr_rule_groups_destroy(gs);

    return rc;
}


void
phr_rule_groups_destroy(phr_rule_groups_t *gs)
{
    size_t  i;

    if (gs == NULL) {
        return;
    }

    for (i = 0; i < gs->ngroups; i++) {
        phr_group_free(&gs->groups[i]);
    }

    gs->ngroups = 0;

    for (i = 0; i < gs->norphans; i++) {
        phr_rule_series_free(gs->orphans[i].series, gs->orphans[i].nseries);
        phr_free((void *) gs->orphans[i].source.data);
    }

    phr_rule_groups_restored(gs, 0, NULL, NULL);

    for (i = 0; i < gs->nfiles; i++) {
        phr_rules_yml_destroy(gs->files[i]);
    }

    phr_free(gs->orphans);
    phr_free(gs->groups);
    phr_free(gs->files);
    phr_arena_destroy(gs->arena);
    phr_free(gs);
}


void
phr_rule_series_free(phr_labels_t *series, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        phr_rule_labels_free(&series[i]);
    }

    phr_free(series);
}


static int
phr_group_build(phr_rule_groups_t *gs, const phr_rule_groups_conf_t *conf,
    phr_err_t *err)
{
    int                     rc;
    size_t                  i, k, n;
    const phr_rules_yml_t  *file;

    for (i = 0, n = 0; i < gs->nfiles; i++) {
        n += gs->files[i]->ngroups;
    }

    gs->groups = phr_calloc(n + 1, sizeof(phr_rule_group_t));
    gs->external_url = phr_arena_str(gs->arena, conf->external_url);
    gs->promql_flags = conf->promql_flags;
    gs->interval_ms = conf->interval_ms;

    if (gs->groups == NULL || gs->external_url.data == NULL
        || phr_labels_copy(gs->arena, conf->external_labels,
                           &gs->external_labels)
           != PHR_OK)
    {
        return phr_err_set(err, PHR_ENOMEM, "no memory for rule groups");
    }

    for (i = 0; i < gs->nfiles; i++) {
        file = gs->files[i];

        for (k = 0; k < file->ngroups; k++) {

            /* counted first: a group that fails is freed, too */

            rc = phr_group_init(gs, &gs->groups[gs->ngroups++],
                                &file->groups[k], conf, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    qsort(gs->groups, gs->ngroups, sizeof(phr_rule_group_t),
          phr_rule_group_order);

    return PHR_OK;
}


static int
phr_group_init(phr_rule_groups_t *gs, phr_rule_group_t *g,
    const phr_rule_group_conf_t *gc, const phr_rule_groups_conf_t *conf,
    phr_err_t *err)
{
    int     rc;
    size_t  i;

    g->conf = gc;
    g->groups = gs;
    g->name = gc->name;
    g->file = gc->file;
    g->interval_ms = gc->interval_ms ? gc->interval_ms : conf->interval_ms;
    g->query_offset_ms = gc->query_offset_ms >= 0 ? gc->query_offset_ms
                                                  : conf->query_offset_ms;

    g->source.data = phr_group_source(gs->arena, g);
    g->rules = phr_calloc(gc->nrules + 1, sizeof(phr_rule_t));
    g->lock = phr_calloc(1, sizeof(struct phr_rule_lock_s));

    if (g->source.data == NULL || g->rules == NULL || g->lock == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for rule groups");
    }

    g->source.len = strlen(g->source.data);
    (void) pthread_mutex_init(&g->lock->mutex, NULL);

    for (i = 0; i < gc->nrules; i++) {
        g->nrules++;

        rc = phr_group_init_rule(g, i, conf, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/*
 * A name for people, of bounded length, and a hash for what was cut: storage
 * takes no name of any length.
 */

static char *
phr_group_source(phr_arena_t *arena, const phr_rule_group_t *g)
{
    size_t     file, group;
    uint64_t   hash;
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_buf_uvarint(&b, g->file.len);
    phr_buf_str(&b, g->file);
    phr_buf_str(&b, g->name);

    if (b.failed) {
        phr_buf_free(&b);
        return NULL;
    }

    hash = phr_xxh64(b.data, b.len);
    phr_buf_free(&b);

    file = phr_min(g->file.len, PHR_GROUP_SOURCE_PART);
    group = phr_min(g->name.len, PHR_GROUP_SOURCE_PART);

    return phr_arena_printf(arena, "rules;%.*s;%.*s;%016llx", (int) file,
                            g->file.data + g->file.len - file, (int) group,
                            g->name.data, (unsigned long long) hash);
}


static int
phr_group_init_rule(phr_rule_group_t *g, size_t n,
    const phr_rule_groups_conf_t *conf, phr_err_t *err)
{
    int                     rc;
    phr_buf_t               text;
    phr_rule_t             *r;
    phr_arena_t            *arena;
    const phr_rule_conf_t  *rc_conf;

    r = &g->rules[n];
    r->conf = &g->conf->rules[n];
    rc_conf = r->conf;
    arena = g->groups->arena;

    phr_alerting_init(&r->alerting, rc_conf->for_ms,
                      rc_conf->keep_firing_for_ms);

    rc = phr_group_parse(g, n, conf->promql_flags, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (rc_conf->alerting) {
        rc = phr_group_check(g, n, "label", rc_conf->labels,
                             rc_conf->nlabels, conf, err);
        if (rc == PHR_OK) {
            rc = phr_group_check(g, n, "annotation", rc_conf->annotations,
                                 rc_conf->nannotations, conf, err);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    phr_buf_init(&text, 0);
    phr_promql_print(&text, r->node);
    r->query = phr_arena_str(arena, phr_buf_view(&text));
    rc = text.failed;
    phr_buf_free(&text);

    if (rc != PHR_OK || r->query.data == NULL
        || phr_group_pairs(arena, rc_conf->labels, rc_conf->nlabels,
                           &r->labels) != PHR_OK
        || phr_group_pairs(arena, rc_conf->annotations,
                           rc_conf->nannotations, &r->annotations) != PHR_OK
        || phr_group_generator(g->groups, r) != PHR_OK
        || phr_group_identify(g, n) != PHR_OK)
    {
        return phr_err_set(err, PHR_ENOMEM, "no memory for rules");
    }

    return PHR_OK;
}


static int
phr_group_parse(phr_rule_group_t *g, size_t n, unsigned flags,
    phr_err_t *err)
{
    int                     rc;
    phr_err_t               e;
    const phr_rule_conf_t  *conf;

    conf = &g->conf->rules[n];
    phr_err_init(&e);

    rc = phr_promql_parse(g->groups->arena, conf->expr.text, flags, NULL,
                          &g->rules[n].node, &e);
    if (rc == PHR_OK) {
        return PHR_OK;
    }

    if (e.line > 0) {
        phr_err_prefix(&e, "%u:%u: ", e.line, e.column);
    }

    phr_err_prefix(&e, "could not parse expression: ");
    (void) phr_group_error(g, n, &conf->expr,
                           e.start > 0 ? (size_t) e.start : 0, &e);

    if (err != NULL) {
        *err = e;
    }

    return rc;
}


static int
phr_group_check(phr_rule_group_t *g, size_t n, const char *what,
    const phr_rule_pair_t *pairs, size_t npairs,
    const phr_rule_groups_conf_t *conf, phr_err_t *err)
{
    int        rc;
    size_t     i;
    phr_err_t  e;

    if (conf->check == NULL) {
        return PHR_OK;
    }

    for (i = 0; i < npairs; i++) {
        phr_err_init(&e);

        rc = conf->check(conf->check_data, g->conf->rules[n].name,
                         pairs[i].value.text, &e);
        if (rc == PHR_OK) {
            continue;
        }

        phr_err_prefix(&e, "%s \"%.*s\": ", what, (int) pairs[i].name.len,
                       pairs[i].name.data);
        (void) phr_group_error(g, n, &pairs[i].value, 0, &e);

        if (err != NULL) {
            *err = e;
        }

        return rc;
    }

    return PHR_OK;
}


/* names file, place, group and rule, as promtool does */

static int
phr_group_error(phr_rule_group_t *g, size_t n, const phr_rule_text_t *text,
    size_t at, phr_err_t *err)
{
    const phr_rule_conf_t  *conf;

    conf = &g->conf->rules[n];

    phr_err_prefix(err, "group \"%.*s\", rule %zu, \"%.*s\": ",
                   (int) g->name.len, g->name.data, n + 1,
                   (int) conf->name.len, conf->name.data);

    phr_rule_text_place(text, at, &err->line, &err->column);
    (void) snprintf(err->file, sizeof(err->file), "%.*s", (int) g->file.len,
                    g->file.data);
    err->start = -1;
    err->end = -1;

    return err->code;
}


static int
phr_group_pairs(phr_arena_t *arena, const phr_rule_pair_t *pairs, size_t n,
    phr_labels_t *out)
{
    size_t        i;
    phr_label_t  *l;

    l = phr_arena_calloc(arena, n + 1, sizeof(phr_label_t));
    if (l == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < n; i++) {
        l[i].name = pairs[i].name;
        l[i].value = pairs[i].value.text;
    }

    out->l = l;
    out->n = n;

    return PHR_OK;
}


/* the page of the expression, below the external URL */

static int
phr_group_generator(phr_rule_groups_t *gs, phr_rule_t *r)
{
    int            rc;
    size_t         i;
    phr_buf_t      b;
    unsigned char  c;

    phr_buf_init(&b, 0);
    phr_buf_str(&b, gs->external_url);
    phr_buf_puts(&b, "/graph?g0.expr=");

    for (i = 0; i < r->query.len; i++) {
        c = (unsigned char) r->query.data[i];

        if (c == ' ') {
            phr_buf_putc(&b, '+');

        } else if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                   || (c >= 'A' && c <= 'Z')
                   || (c != '\0' && strchr("-_.~", c) != NULL))
        {
            phr_buf_putc(&b, (char) c);

        } else {
            phr_buf_printf(&b, "%%%02X", c);
        }
    }

    phr_buf_puts(&b, "&g0.tab=1");

    r->generator_url = phr_arena_str(gs->arena, phr_buf_view(&b));
    rc = b.failed;

    phr_buf_free(&b);

    return rc != PHR_OK || r->generator_url.data == NULL ? PHR_ENOMEM
                                                         : PHR_OK;
}


/*
 * What a rule's record belongs to: file, group, name, labels, and how many
 * rules before it in the group have the same.
 */

static int
phr_group_identify(phr_rule_group_t *g, size_t n)
{
    int          rc;
    size_t       i, same;
    phr_buf_t    b;
    phr_rule_t  *r;

    r = &g->rules[n];

    for (i = 0, same = 0; i < n; i++) {
        same += phr_rule_same(&g->rules[i], r);
    }

    phr_buf_init(&b, 0);
    phr_buf_uvarint(&b, g->file.len);
    phr_buf_str(&b, g->file);
    phr_buf_uvarint(&b, g->name.len);
    phr_buf_str(&b, g->name);
    phr_buf_uvarint(&b, r->conf->name.len);
    phr_buf_str(&b, r->conf->name);
    phr_labels_encode(&b, r->labels);
    phr_buf_uvarint(&b, same);

    r->identity = phr_arena_str(g->groups->arena, phr_buf_view(&b));
    rc = b.failed;

    (void) snprintf(r->key, sizeof(r->key), "%016llxa",
                    (unsigned long long) phr_xxh64(b.data ? b.data : "",
                                                   b.len));
    phr_buf_free(&b);

    r->source.data = phr_arena_printf(g->groups->arena, "%s;%.16s",
                                      g->source.data, r->key);

    if (rc != PHR_OK || r->identity.data == NULL || r->source.data == NULL) {
        return PHR_ENOMEM;
    }

    r->source.len = strlen(r->source.data);

    return PHR_OK;
}


int
phr_rule_same(const phr_rule_t *a, const phr_rule_t *b)
{
    return a->conf->alerting == b->conf->alerting
           && phr_str_eq(a->conf->name, b->conf->name)
           && phr_labels_cmp(a->labels, b->labels) == 0;
}


int
phr_rule_group_order(const void *a, const void *b)
{
    int                      rc;
    const phr_rule_group_t  *x, *y;

    x = a;
    y = b;

    rc = phr_str_cmp(x->file, y->file);

    return rc != 0 ? rc : phr_str_cmp(x->name, y->name);
}


static void
phr_group_free(phr_rule_group_t *g)
{
    size_t  i;

    for (i = 0; i < g->nrules; i++) {
        phr_promql_destroy(g->rules[i].node);
        phr_alerting_free(&g->rules[i].alerting);
        phr_rule_series_free(g->rules[i].series, g->rules[i].nseries);
    }

    phr_rule_series_free(g->stale, g->nstale);
    phr_free(g->rules);

    if (g->lock != NULL) {
        (void) pthread_mutex_destroy(&g->lock->mutex);
    }

    phr_free(g->lock);
}
