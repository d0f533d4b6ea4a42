/*
 * Copyright (C) The Pharos Authors
 *
 * Rules: the groups with their rules, and the alerts that are active.
 */

#include "api/call.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/bytes.h"
#include "core/number.h"
#include "core/time.h"
#include "rules/group.h"


#define PHR_TIME_NEVER   "0001-01-01T00:00:00Z"

#define PHR_RULES_TOKEN  17     /* 64 bits in hexadecimal, terminated */


typedef struct {
    int                  alerting;          /* types that are wanted */
    int                  recording;
    int                  alerts;            /* with the alerts of each */
    phr_matcher_list_t  *lists;
    size_t               nlists;
    int64_t              max_groups;        /* of this page, 0: all */
    phr_str_t            token;             /* of the first one, or "" */
} phr_rules_filter_t;

/* all groups, by file and name: their order must not change with pages */
typedef struct {
    phr_rule_group_t   **g;
    size_t               n;
} phr_rules_list_t;


typedef struct {
    phr_call_t          *c;
    int                  dropped;
} phr_alertmanagers_t;


static int phr_rules_filter(phr_call_t *c, phr_rules_filter_t *f,
    phr_err_t *err);
static int phr_rules_paging(phr_call_t *c, phr_rules_filter_t *f,
    phr_err_t *err);
static phr_str_t phr_rules_lower(phr_call_t *c, const char *name);
static int phr_rules_hold(phr_call_t *c, phr_rules_list_t *list,
    phr_err_t *err);
static int phr_rules_cmp(const void *a, const void *b);
static int phr_rules_page(phr_call_t *c, const phr_rules_filter_t *f,
    const phr_rules_list_t *list, phr_err_t *err);
static void phr_rules_token(const phr_rule_group_t *g, char *out);
static int phr_rules_group_wanted(phr_call_t *c, const phr_rules_filter_t *f,
    const phr_rule_group_t *g);
static void phr_rules_group(phr_call_t *c, const phr_rules_filter_t *f,
    phr_rule_group_t *g);
static int phr_rules_wanted(phr_call_t *c, const phr_rules_filter_t *f,
    const phr_rule_t *r);
static void phr_rules_rule(phr_call_t *c, const phr_rules_filter_t *f,
    phr_rule_t *r);
static void phr_rules_alerts(phr_call_t *c, const phr_alerting_t *a);
static void phr_rules_alert(phr_call_t *c, const phr_alert_t *a);
static void phr_rules_time(phr_call_t *c, const char *key, int64_t t_ms);
static void phr_rules_seconds(phr_call_t *c, const char *key, double s);
static int phr_alertmanager_visit(void *arg, phr_str_t url, int dropped);


int
phr_api_rules(phr_call_t *c, phr_err_t *err)
{
    int                 rc;
    phr_rules_list_t    list;
    phr_rules_filter_t  filter;

    rc = phr_rules_filter(c, &filter, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_rules_hold(c, &list, err);

    if (rc == PHR_OK) {
        rc = phr_rules_page(c, &filter, &list, err);
    }

    c->api->live->rules_done(c->api->live_data);
    phr_call_free_matchers(filter.lists, filter.nlists);

    return rc;
}


static int
phr_rules_filter(phr_call_t *c, phr_rules_filter_t *f, phr_err_t *err)
{
    int        rc, excluded;
    phr_str_t  type, exclude;

    type = phr_rules_lower(c, "type");
    exclude = phr_rules_lower(c, "exclude_alerts");

    if (type.data == NULL || exclude.data == NULL) {
        return phr_err_set(err, phr_arena_rc(c->arena), "out of memory");
    }

    f->alerting = type.len == 0 || phr_str_eq(type, phr_str_of("alert"));
    f->recording = type.len == 0 || phr_str_eq(type, phr_str_of("record"));

    if (!f->alerting && !f->recording) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"type\": "
                           "not supported value \"%.*s\"",
                           (int) phr_min(type.len, 100), type.data);
    }

    excluded = exclude.len == 0 ? 0 : phr_param_bool(exclude);

    if (excluded < 0) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter "
                           "\"exclude_alerts\": error converting "
                           "exclude_alerts: strconv.ParseBool: parsing "
                           "\"%.*s\": invalid syntax",
                           (int) phr_min(exclude.len, 100), exclude.data);
    }

    f->alerts = !excluded;

    rc = phr_rules_paging(c, f, err);

    return rc == PHR_OK ? phr_call_matchers(c, 0, &f->lists, &f->nlists, err)
                        : rc;
}


static int
phr_rules_paging(phr_call_t *c, phr_rules_filter_t *f, phr_err_t *err)
{
    phr_str_t    s;
    const char  *why;

    static const char  whose[] = "invalid parameter \"group_limit\": "
                                 "group_limit needs to be";

    f->max_groups = 0;
    f->token = phr_call_param(c, "group_next_token");
    s = phr_call_param(c, "group_limit");

    if (s.len == 0) {
        return f->token.len == 0
               ? PHR_OK
               : phr_err_set(err, PHR_EINVAL, "invalid parameter "
                             "\"group_next_token\": group_limit needs to be "
                             "present in order to paginate over the groups");
    }

    why = NULL;

    if (phr_int_parse(s.data, s.len, &f->max_groups) != PHR_OK) {
        why = "invalid syntax";

    } else if (f->max_groups > INT32_MAX || f->max_groups < INT32_MIN) {
        why = "value out of range";
    }

    if (why != NULL) {
        return phr_err_set(err, PHR_EINVAL, "%s a valid number: "
                           "strconv.ParseInt: parsing \"%.*s\": %s", whose,
                           (int) phr_min(s.len, 100), s.data, why);
    }

    return f->max_groups > 0
           ? PHR_OK : phr_err_set(err, PHR_EINVAL, "%s greater than 0", whose);
}


/* letter case does not matter; without data if there is no memory */

static phr_str_t
phr_rules_lower(phr_call_t *c, const char *name)
{
    char       *p;
    size_t      i;
    phr_str_t   s;

    s = phr_arena_str(c->arena, phr_call_param(c, name));
    p = (char *) s.data;

    for (i = 0; i < s.len; i++) {
        p[i] = (p[i] >= 'A' && p[i] <= 'Z') ? p[i] | 0x20 : p[i];
    }

    return s;
}


/* they are held until rules_done(), which is due in any case */

static int
phr_rules_hold(phr_call_t *c, phr_rules_list_t *list, phr_err_t *err)
{
    size_t              i;
    phr_rule_groups_t  *groups;

    groups = c->api->live->rules(c->api->live_data);
    list->n = groups != NULL ? phr_rule_groups_count(groups) : 0;

    list->g = phr_arena_alloc(c->arena,
                              (list->n + 1) * sizeof(phr_rule_group_t *));
    if (list->g == NULL) {
        return phr_err_set(err, phr_arena_rc(c->arena), "too many groups");
    }

    for (i = 0; i < list->n; i++) {
        list->g[i] = phr_rule_groups_at(groups, i);
    }

    qsort(list->g, list->n, sizeof(phr_rule_group_t *), phr_rules_cmp);

    return PHR_OK;
}


static int
phr_rules_cmp(const void *a, const void *b)
{
    int                      rc;
    const phr_rule_group_t  *x, *y;

    x = *(phr_rule_group_t *const *) a;
    y = *(phr_rule_group_t *const *) b;

    rc = phr_str_cmp(x->file, y->file);

    return rc ? rc : phr_str_cmp(x->name, y->name);
}


static int
phr_rules_page(phr_call_t *c, const phr_rules_filter_t *f,
    const phr_rules_list_t *list, phr_err_t *err)
{
    char               token[PHR_RULES_TOKEN];
    size_t             i;
    int64_t            n;
    phr_rule_group_t  *g;

    for (i = 0; f->token.len != 0 && i < list->n; i++) {
        phr_rules_token(list->g[i], token);

        if (phr_str_eq(f->token, phr_str_from_c(token))) {
            break;
        }
    }

    if (f->token.len != 0 && i == list->n) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter "
                           "\"group_next_token\": invalid group_next_token "
                           "'%.*s'. were rule groups changed?",
                           (int) phr_min(f->token.len, 100), f->token.data);
    }

    phr_call_begin(c);
    phr_json_object(&c->json);
    phr_json_key(&c->json, "groups");
    phr_json_array(&c->json);

    for (n = 0; i < list->n; i++) {
        g = list->g[i];

        if (!phr_rules_group_wanted(c, f, g)) {
            continue;
        }

        if (f->max_groups != 0 && n == f->max_groups) {
            break;
        }

        phr_rule_group_lock(g);
        phr_rules_group(c, f, g);
        phr_rule_group_unlock(g);
        n++;
    }

    phr_json_end_array(&c->json);

    if (i < list->n) {
        phr_rules_token(list->g[i], token);
        phr_json_pair_c(&c->json, "groupNextToken", token);
    }

    phr_json_end_object(&c->json);
    phr_call_end(c);

    return PHR_OK;
}


/* the same as long as the group has its file and its name */

static void
phr_rules_token(const phr_rule_group_t *g, char *out)
{
    phr_xxh64_t  x;

    phr_xxh64_init(&x);
    phr_xxh64_update(&x, g->file.data, g->file.len);
    phr_xxh64_update(&x, ";", 1);
    phr_xxh64_update(&x, g->name.data, g->name.len);

    (void) snprintf(out, PHR_RULES_TOKEN, "%016llx",
                    (unsigned long long) phr_xxh64_final(&x));
}


/* one of which the filter leaves nothing is left out itself */

static int
phr_rules_group_wanted(phr_call_t *c, const phr_rules_filter_t *f,
    const phr_rule_group_t *g)
{
    size_t  i;

    if (!phr_call_listed(c, "rule_group[]", g->name, 0)
        || !phr_call_listed(c, "file[]", g->file, 0))
    {
        return 0;
    }

    for (i = 0; i < g->nrules; i++) {
        if (phr_rules_wanted(c, f, &g->rules[i])) {
            return 1;
        }
    }

    return 0;
}


static void
phr_rules_group(phr_call_t *c, const phr_rules_filter_t *f,
    phr_rule_group_t *g)
{
    size_t              i;
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_object(w);
    phr_json_pair(w, "name", g->name);
    phr_json_pair(w, "file", g->file);
    phr_json_key(w, "rules");
    phr_json_array(w);

    for (i = 0; i < g->nrules; i++) {
        if (phr_rules_wanted(c, f, &g->rules[i])) {
            phr_rules_rule(c, f, &g->rules[i]);
        }
    }

    phr_json_end_array(w);
    phr_rules_seconds(c, "interval", (double) g->interval_ms / 1000);
    phr_json_pair_int(w, "limit", (int64_t) g->conf->limit);
    phr_rules_seconds(c, "evaluationTime", (double) g->eval_us / 1e6);
    phr_rules_time(c, "lastEvaluation", g->eval_ms);
    phr_json_end_object(w);
}


static int
phr_rules_wanted(phr_call_t *c, const phr_rules_filter_t *f,
    const phr_rule_t *r)
{
    size_t     i;
    phr_str_t  name;

    if (r->conf->alerting ? !f->alerting : !f->recording) {
        return 0;
    }

    name = r->conf->name;

    if (!phr_call_listed(c, "rule_name[]", name, 0)) {
        return 0;
    }

    for (i = 0; i < f->nlists; i++) {
        if (phr_matchers_match(f->lists[i].m, f->lists[i].n, r->labels) > 0) {
            return 1;
        }
    }

    return f->nlists == 0;
}


static void
phr_rules_rule(phr_call_t *c, const phr_rules_filter_t *f, phr_rule_t *r)
{
    phr_json_writer_t   *w;
    static const char   *health[] = { "unknown", "ok", "err" };

    w = &c->json;

    phr_json_object(w);

    if (r->conf->alerting) {
        phr_json_pair_c(w, "state",
                        phr_alert_state_text(phr_rule_state(r)));
    }

    phr_json_pair(w, "name", r->conf->name);
    phr_json_pair(w, "query", r->query);

    if (r->conf->alerting) {
        phr_rules_seconds(c, "duration", (double) r->conf->for_ms / 1000);
        phr_rules_seconds(c, "keepFiringFor",
                          (double) r->conf->keep_firing_for_ms / 1000);
    }

    phr_json_key(w, "labels");
    phr_call_labels(c, r->labels);

    if (r->conf->alerting) {
        phr_json_key(w, "annotations");
        phr_call_labels(c, r->annotations);
        phr_json_key(w, "alerts");
        phr_json_array(w);
        if (f->alerts) {
            phr_rules_alerts(c, &r->alerting);
        }
        phr_json_end_array(w);
    }

    phr_json_pair_c(w, "health", health[r->health]);

    if (r->health == PHR_RULE_ERR) {
        phr_json_pair_c(w, "lastError", r->error.text);
    }

    phr_rules_seconds(c, "evaluationTime", (double) r->eval_us / 1e6);
    phr_rules_time(c, "lastEvaluation", r->eval_ms);
    phr_json_pair_c(w, "type",
                    r->conf->alerting ? "alerting" : "recording");
    phr_json_end_object(w);
}


static void
phr_rules_alerts(phr_call_t *c, const phr_alerting_t *a)
{
    size_t  i;

    for (i = 0; i < a->nalerts; i++) {
        if (a->alerts[i]->resolved_ms == 0) {
            phr_rules_alert(c, a->alerts[i]);
        }
    }
}


static void
phr_rules_alert(phr_call_t *c, const phr_alert_t *a)
{
    char                value[PHR_NUMBER_LEN];
    size_t              len;
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_object(w);
    phr_json_key(w, "labels");
    phr_call_labels(c, a->labels);
    phr_json_key(w, "annotations");
    phr_call_labels(c, a->annotations);
    phr_json_pair_c(w, "state", phr_alert_state_text(a->state));
    phr_rules_time(c, "activeAt", a->active_ms);

    if (a->keep_since_ms != 0) {
        phr_rules_time(c, "keepFiringSince", a->keep_since_ms);
    }

    /* here, unlike elsewhere in the API, numbers have an exponent */
    len = phr_number_write_e(value, a->value);
    phr_json_pair(w, "value", phr_str_from(value, len));
    phr_json_end_object(w);
}


static void
phr_rules_time(phr_call_t *c, const char *key, int64_t t_ms)
{
    phr_buf_t  text;

    if (t_ms == 0) {
        phr_json_pair_c(&c->json, key, PHR_TIME_NEVER);
        return;
    }

    phr_buf_init(&text, 0);
    phr_rfc3339_format(&text, t_ms);
    phr_json_pair(&c->json, key, phr_buf_view(&text));
    phr_buf_free(&text);
}


static void
phr_rules_seconds(phr_call_t *c, const char *key, double s)
{
    phr_json_key(&c->json, key);
    phr_json_double(&c->json, s);
}


int
phr_api_alerts(phr_call_t *c, phr_err_t *err)
{
    int                rc;
    size_t             i, k;
    phr_rule_group_t  *g;
    phr_rules_list_t   list;

    rc = phr_rules_hold(c, &list, err);
    if (rc != PHR_OK) {
        c->api->live->rules_done(c->api->live_data);
        return rc;
    }

    phr_call_begin(c);
    phr_json_object(&c->json);
    phr_json_key(&c->json, "alerts");
    phr_json_array(&c->json);

    for (i = 0; i < list.n; i++) {

        g = list.g[i];
        phr_rule_group_lock(g);

        for (k = 0; k < g->nrules; k++) {
            phr_rules_alerts(c, &g->rules[k].alerting);
        }

        phr_rule_group_unlock(g);
    }

    phr_json_end_array(&c->json);
    phr_json_end_object(&c->json);
    phr_call_end(c);

    c->api->live->rules_done(c->api->live_data);

    return PHR_OK;
}


/* those of "alerting"; the notifier of this same process is none of them */

int
phr_api_alertmanagers(phr_call_t *c, phr_err_t *err)
{
    int                  rc;
    phr_alertmanagers_t  list;

    phr_call_begin(c);
    phr_json_object(&c->json);
    rc = PHR_OK;
    list.c = c;

    for (list.dropped = 0; list.dropped < 2 && rc == PHR_OK; list.dropped++) {
        phr_json_key(&c->json, list.dropped ? "droppedAlertmanagers"
                                            : "activeAlertmanagers");
        phr_json_array(&c->json);

        if (c->api->live->alertmanagers != NULL) {
            rc = c->api->live->alertmanagers(c->api->live_data,
                                             phr_alertmanager_visit, &list);
        }

        phr_json_end_array(&c->json);
    }

    phr_json_end_object(&c->json);
    phr_call_end(c);

    return rc == PHR_OK ? rc : phr_err_set(err, rc, "out of memory");
}


static int
phr_alertmanager_visit(void *arg, phr_str_t url, int dropped)
{
    phr_alertmanagers_t  *list = arg;

    if (dropped == list->dropped) {
        phr_json_object(&list->c->json);
        phr_json_pair(&list->c->json, "url", url);
        phr_json_end_object(&list->c->json);
    }

    return PHR_OK;
}
