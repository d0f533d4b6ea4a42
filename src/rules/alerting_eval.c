/*
 * Copyright (C) The Pharos Authors
 *
 * Evaluation of an alerting rule: the expression's result with templates
 * expanded to alerts, and alerts to samples, records and messages.
 */

#include "rules/rule.h"

#include "core/alloc.h"
#include "core/bytes.h"


/* of one expanded label or annotation */
#define PHR_ALERTING_TEXT  (1024 * 1024)

#define PHR_ALERTING_NAME  "alertname"
#define PHR_ALERTING_STATE "alertstate"


static int phr_alerting_input(phr_rule_eval_t *e, phr_result_sample_t *s,
    phr_alert_input_t *in);
static int phr_alerting_expand(phr_rule_eval_t *e, phr_result_sample_t *s,
    phr_str_t text, phr_str_t *out);
static int phr_alerting_query(void *data, phr_str_t expr, phr_arena_t *arena,
    const phr_result_sample_t **samples, size_t *n, phr_err_t *err);
static int phr_alerting_samples(phr_rule_eval_t *e);
static int phr_alerting_sample(phr_rule_eval_t *e, const phr_alert_t *alert,
    const char *name, phr_str_t state, phr_labels_t *out);
static int phr_alerting_messages(phr_rule_eval_t *e);
static int phr_alerting_records(phr_rule_eval_t *e);


int
phr_alerting_eval(phr_rule_eval_t *e, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    phr_alert_input_t  *in;

    in = phr_arena_calloc(e->arena, e->nin + 1, sizeof(phr_alert_input_t));
    if (in == NULL) {
        goto failed;
    }

    for (i = 0; i < e->nin; i++) {
        if (phr_alerting_input(e, &e->in[i], &in[i]) != PHR_OK) {
            goto failed;
        }
    }

    /* others see the change when it is written: a kill takes nothing back */

    phr_rule_group_lock(e->group);
    e->locked = 1;

    rc = phr_alerting_update(&e->rule->alerting, in, e->nin, e->t_ms,
                             e->group->conf->limit, err);

    if (rc != PHR_OK) {

        /* what fell away with the limit is not to come back by a restart */

        if (e->rule->alerting.changed) {
            (void) phr_alerting_records(e);
        }

        return rc;
    }

    if (phr_alerting_samples(e) != PHR_OK
        || phr_alerting_messages(e) != PHR_OK
        || phr_alerting_records(e) != PHR_OK)
    {
        goto failed;
    }

    return PHR_OK;

failed:

    return phr_err_set(err, phr_arena_rc(e->arena), "no memory for alerts");
}


static int
phr_alerting_input(phr_rule_eval_t *e, phr_result_sample_t *s,
    phr_alert_input_t *in)
{
    size_t                  i;
    phr_str_t               value;
    phr_label_t            *annotations;
    const phr_rule_conf_t  *conf;
    phr_labels_builder_t    b;

    conf = e->rule->conf;

    phr_labels_builder_init(&b, e->arena, s->labels);
    phr_labels_builder_del(&b, phr_str_of(PHR_METRIC_NAME));

    for (i = 0; i < conf->nlabels; i++) {
        if (phr_alerting_expand(e, s, conf->labels[i].value.text, &value)
            != PHR_OK)
        {
            return PHR_ENOMEM;
        }

        phr_labels_builder_set(&b, conf->labels[i].name, value);
    }

    phr_labels_builder_set(&b, phr_str_of(PHR_ALERTING_NAME), conf->name);

    if (phr_labels_build(&b, &in->labels) != PHR_OK) {
        return PHR_ENOMEM;
    }

    annotations = phr_arena_calloc(e->arena, conf->nannotations + 1,
                                   sizeof(phr_label_t));
    if (annotations == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < conf->nannotations; i++) {
        annotations[i].name = conf->annotations[i].name;

        if (phr_alerting_expand(e, s, conf->annotations[i].value.text,
                                &annotations[i].value)
            != PHR_OK)
        {
            return PHR_ENOMEM;
        }
    }

    in->annotations.l = annotations;
    in->annotations.n = conf->nannotations;
    in->value = s->v;

    return PHR_OK;
}


/* a template that fails says so in its text, and stops nothing */

static int
phr_alerting_expand(phr_rule_eval_t *e, phr_result_sample_t *s,
    phr_str_t text, phr_str_t *out)
{
    int                rc;
    phr_buf_t          buf;
    phr_err_t          err;
    phr_rule_expand_t  x;

    if (e->env->expand == NULL || text.len < 4
        || memmem(text.data, text.len, "{{", 2) == NULL)
    {
        *out = text;
        return PHR_OK;
    }

    memset(&x, 0, sizeof(phr_rule_expand_t));
    x.name = e->rule->conf->name;
    x.text = text;
    x.labels = s->labels;
    x.value = s->v;
    x.external_labels = e->group->groups->external_labels;
    x.external_url = e->group->groups->external_url;
    x.now_ms = e->t_ms;
    x.query = phr_alerting_query;
    x.query_data = e;

    phr_buf_init(&buf, PHR_ALERTING_TEXT);
    phr_err_init(&err);

    rc = e->env->expand(e->env->data, &x, &buf, &err);

    if (rc != PHR_OK) {
        phr_buf_reset(&buf);
        phr_buf_printf(&buf, "<error expanding template: %s>", err.text);
    }

    *out = phr_arena_str(e->arena, phr_buf_view(&buf));
    rc = buf.failed;

    phr_buf_free(&buf);

    return rc != PHR_OK || out->data == NULL ? PHR_ENOMEM : PHR_OK;
}


static int
phr_alerting_query(void *data, phr_str_t expr, phr_arena_t *arena,
    const phr_result_sample_t **samples, size_t *n, phr_err_t *err)
{
    phr_rule_eval_t  *e;

    e = data;

    return phr_rule_query_text(e->group, e->env, expr, e->t_ms, arena,
                               samples, n, err);
}


/* ALERTS and ALERTS_FOR_STATE of what is pending or firing */

static int
phr_alerting_samples(phr_rule_eval_t *e)
{
    size_t                 i, n;
    phr_alert_t           *alert;
    const phr_alerting_t  *a;

    a = &e->rule->alerting;

    e->labels = phr_arena_calloc(e->arena, 2 * a->nalerts + 1,
                                 sizeof(phr_labels_t));
    e->v = phr_arena_calloc(e->arena, 2 * a->nalerts + 1, sizeof(double));

    if (e->labels == NULL || e->v == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0, n = 0; i < a->nalerts; i++) {
        alert = a->alerts[i];

        if (alert->state == PHR_ALERT_INACTIVE) {
            continue;
        }

        if (phr_alerting_sample(e, alert, "ALERTS", phr_str_from_c(
                                phr_alert_state_text(alert->state)),
                                &e->labels[n])
            != PHR_OK
            || phr_alerting_sample(e, alert, "ALERTS_FOR_STATE",
                                   phr_str_of(""), &e->labels[n + 1])
               != PHR_OK)
        {
            return PHR_ENOMEM;
        }

        e->v[n++] = 1;
        e->v[n++] = (double) (alert->active_ms / 1000);
    }

    e->n = n;

    return PHR_OK;
}


static int
phr_alerting_sample(phr_rule_eval_t *e, const phr_alert_t *alert,
    const char *name, phr_str_t state, phr_labels_t *out)
{
    size_t                i;
    phr_labels_t          empty;
    phr_labels_builder_t  b;

    memset(&empty, 0, sizeof(phr_labels_t));
    phr_labels_builder_init(&b, e->arena, empty);

    for (i = 0; i < e->rule->labels.n; i++) {
        phr_labels_builder_set(&b, e->rule->labels.l[i].name,
                               e->rule->labels.l[i].value);
    }

    for (i = 0; i < alert->labels.n; i++) {
        phr_labels_builder_set(&b, alert->labels.l[i].name,
                               alert->labels.l[i].value);
    }

    phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME),
                           phr_str_from_c(name));
    phr_labels_builder_set(&b, phr_str_of(PHR_ALERTING_NAME),
                           e->rule->conf->name);
    if (state.len > 0) {
        phr_labels_builder_set(&b, phr_str_of(PHR_ALERTING_STATE), state);
    }

    return phr_labels_build(&b, out);
}


/* a process that has just read its alerts back ends their series, too */

int
phr_alerting_series(phr_rule_t *r)
{
    int              rc;
    size_t           i;
    phr_labels_t    *series;
    phr_rule_eval_t  e;

    memset(&e, 0, sizeof(phr_rule_eval_t));

    e.rule = r;
    e.arena = phr_arena_create(0);

    if (e.arena == NULL) {
        return PHR_ENOMEM;
    }

    rc = phr_alerting_samples(&e);

    if (rc != PHR_OK || e.n == 0 || r->nseries > 0) {
        goto done;
    }

    series = phr_calloc(e.n, sizeof(phr_labels_t));
    if (series == NULL) {
        rc = PHR_ENOMEM;
        goto done;
    }

    for (i = 0; i < e.n; i++) {
        rc = phr_rule_labels_dup(e.labels[i], &series[i]);
        if (rc != PHR_OK) {
            phr_rule_series_free(series, i);
            goto done;
        }
    }

    phr_rule_series_free(r->series, r->nseries);
    r->series = series;
    r->nseries = e.n;

done:

    phr_arena_destroy(e.arena);

    return rc;
}


static int
phr_alerting_messages(phr_rule_eval_t *e)
{
    size_t           i;
    int64_t          resend_ms;
    phr_alerting_t  *a;

    a = &e->rule->alerting;
    resend_ms = e->env->resend_ms ? e->env->resend_ms : PHR_ALERT_RESEND_MS;

    e->msgs = phr_arena_calloc(e->arena, a->nalerts + 1,
                               sizeof(phr_alert_msg_t));
    if (e->msgs == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < a->nalerts; i++) {
        if (phr_alert_tell(a->alerts[i], e->t_ms, e->group->interval_ms,
                           resend_ms, &e->msgs[e->nmsgs]))
        {
            e->msgs[e->nmsgs++].generator_url = e->rule->generator_url;
        }
    }

    return PHR_OK;
}


/*
 * The alerts when they changed, and while there are any the time of the
 * evaluation, which says after a restart how long nobody looked.
 */

static int
phr_alerting_records(phr_rule_eval_t *e)
{
    char            *key;
    uint8_t         *stamp;
    phr_buf_t        buf;
    phr_alerting_t  *a;

    a = &e->rule->alerting;

    if (!a->changed && a->nalerts == 0) {
        return PHR_OK;
    }

    key = phr_arena_strdup(e->arena, e->rule->key, 17);
    stamp = phr_arena_alloc(e->arena, 8);

    if (key == NULL || stamp == NULL) {
        return PHR_ENOMEM;
    }

    key[16] = 't';
    phr_put_be64(stamp, (uint64_t) e->t_ms);

    e->records[0].key = phr_str_from(key, 17);
    e->records[0].value = phr_str_from((const char *) stamp,
                                       a->nalerts ? 8 : 0);
    e->nrecords = 1;

    if (!a->changed) {
        return PHR_OK;
    }

    e->records[1].key = phr_str_from(e->rule->key, 17);
    e->records[1].value = phr_str_of("");

    if (a->nalerts > 0) {
        phr_buf_init(&buf, 0);
        phr_alerting_save(a, e->rule->identity, &buf);

        e->records[1].value = phr_arena_str(e->arena, phr_buf_view(&buf));

        if (buf.failed || e->records[1].value.data == NULL) {
            phr_buf_free(&buf);
            e->nrecords = 0;
            return PHR_ENOMEM;
        }

        phr_buf_free(&buf);
    }

    e->nrecords = 2;

    return PHR_OK;
}
