/*
 * Copyright (C) The Pharos Authors
 *
 * Alerting: the life of alerts, from pending over firing to resolved, and
 * which of them are to be told.
 */

#include "rules/alerting.h"

#include "core/alloc.h"
#include "rules/rule.h"


static int phr_alerting_table(phr_alert_t **list, size_t n, size_t extra,
    phr_alert_t ***table, size_t *mask);
static phr_alert_t **phr_alerting_slot(phr_alert_t **table, size_t mask,
    uint64_t hash, phr_labels_t ls);
static int phr_alerting_unique(const phr_alert_input_t *in, size_t n,
    phr_err_t *err);
static int phr_alerting_merge(phr_alerting_t *a,
    const phr_alert_input_t *in, size_t n, int64_t t_ms);
static int phr_alerting_take(phr_alerting_t *a, phr_alert_t **slot,
    const phr_alert_input_t *in, int64_t t_ms);
static int phr_alerting_keep(phr_alerting_t *a, phr_alert_t *alert,
    int64_t t_ms);
static void phr_alerting_rise(phr_alerting_t *a, phr_alert_t *alert,
    int64_t t_ms);
static void phr_alert_free(phr_alert_t *alert);


void
phr_alerting_init(phr_alerting_t *a, int64_t for_ms,
    int64_t keep_firing_for_ms)
{
    memset(a, 0, sizeof(phr_alerting_t));

    a->for_ms = for_ms;
    a->keep_firing_for_ms = keep_firing_for_ms;
}


void
phr_alerting_free(phr_alerting_t *a)
{
    size_t  i;

    for (i = 0; i < a->nalerts; i++) {
        phr_alert_free(a->alerts[i]);
    }

    phr_free(a->alerts);

    a->alerts = NULL;
    a->nalerts = 0;
    a->nalloc = 0;
}


int
phr_alerting_update(phr_alerting_t *a, const phr_alert_input_t *in, size_t n,
    int64_t t_ms, uint64_t limit, phr_err_t *err)
{
    int           rc;
    size_t        i, k, nactive;
    phr_alert_t  *alert;

    rc = phr_alerting_unique(in, n, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (phr_alerting_merge(a, in, n, t_ms) != PHR_OK) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for alerts");
    }

    nactive = 0;

    for (i = 0, k = 0; i < a->nalerts; i++) {
        alert = a->alerts[i];

        if (!alert->seen && !phr_alerting_keep(a, alert, t_ms)) {
            a->changed = 1;
            phr_alert_free(alert);
            continue;
        }

        a->alerts[k++] = alert;

        if (alert->state == PHR_ALERT_INACTIVE) {
            continue;
        }

        nactive++;

        /* a pending alert without input does not rise by time alone */

        if (alert->seen || alert->state == PHR_ALERT_FIRING) {
            phr_alerting_rise(a, alert, t_ms);
        }
    }

    a->nalerts = k;

    if (limit > 0 && nactive > limit) {
        phr_alerting_free(a);
        a->changed = 1;

        return phr_err_set(err, PHR_ELIMIT,
                           "exceeded limit of %llu with %zu alerts",
                           (unsigned long long) limit, nactive);
    }

    return PHR_OK;
}


void
phr_alerting_shift(phr_alerting_t *a, int64_t by_ms, int64_t until_ms)
{
    size_t        i, k;
    phr_alert_t  *alert;

    for (i = 0; i < a->nalerts; i++) {
        alert = a->alerts[i];

        int64_t  *const  times[] = {
            &alert->active_ms, &alert->fired_ms, &alert->resolved_ms,
            &alert->sent_ms, &alert->valid_until_ms, &alert->keep_since_ms
        };

        for (k = 0; k < phr_nelems(times); k++) {
            *times[k] += *times[k] ? by_ms : 0;
        }

        a->changed = 1;
    }

    a->settle_until_ms += a->settle_until_ms ? by_ms : 0;
    a->settle_until_ms = phr_max(a->settle_until_ms, until_ms);
}


phr_alert_state_e
phr_alerting_state(const phr_alerting_t *a)
{
    size_t             i;
    phr_alert_state_e  state;

    state = PHR_ALERT_INACTIVE;

    for (i = 0; i < a->nalerts; i++) {
        state = phr_max(state, a->alerts[i]->state);
    }

    return state;
}


const char *
phr_alert_state_text(phr_alert_state_e state)
{
    switch (state) {

    case PHR_ALERT_PENDING:
        return "pending";

    case PHR_ALERT_FIRING:
        return "firing";

    default:
        return "inactive";
    }
}


int
phr_alert_tell(phr_alert_t *alert, int64_t t_ms, int64_t interval_ms,
    int64_t resend_ms, phr_alert_msg_t *msg)
{
    if (alert->state == PHR_ALERT_PENDING) {
        return 0;
    }

    /* what was resolved since is told at once */

    if (alert->sent_ms != 0
        && alert->resolved_ms <= alert->sent_ms
        && alert->sent_ms + resend_ms >= t_ms)
    {
        return 0;
    }

    /* room for two failed evaluations or deliveries */

    alert->sent_ms = t_ms;
    alert->valid_until_ms = t_ms + 4 * phr_max(interval_ms, resend_ms);

    msg->labels = alert->labels;
    msg->annotations = alert->annotations;
    msg->starts_ms = alert->fired_ms;
    msg->ends_ms = alert->resolved_ms ? alert->resolved_ms
                                      : alert->valid_until_ms;
    msg->generator_url = phr_str_of("");

    return 1;
}


int
phr_rule_labels_dup(phr_labels_t ls, phr_labels_t *out)
{
    void  *bytes;

    out->l = NULL;
    out->n = 0;

    if (ls.n == 0) {
        return PHR_OK;
    }

    bytes = phr_malloc(phr_labels_bytes(ls));
    if (bytes == NULL) {
        return PHR_ENOMEM;
    }

    *out = phr_labels_place(bytes, ls);

    return PHR_OK;
}


void
phr_rule_labels_free(phr_labels_t *ls)
{
    phr_free((void *) ls->l);

    ls->l = NULL;
    ls->n = 0;
}


/*
 * Open addressing by the labels' hash: the table has room for "extra" more
 * than the list.
 */

static int
phr_alerting_table(phr_alert_t **list, size_t n, size_t extra,
    phr_alert_t ***table, size_t *mask)
{
    size_t  i, size;

    for (size = 16; size < 2 * (n + extra); size *= 2) { /* void */ }

    *mask = size - 1;
    *table = phr_calloc(size, sizeof(phr_alert_t *));

    if (*table == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < n; i++) {
        *phr_alerting_slot(*table, *mask, list[i]->hash, list[i]->labels)
            = list[i];
    }

    return PHR_OK;
}


/* where the alert of these labels is, or would be */

static phr_alert_t **
phr_alerting_slot(phr_alert_t **table, size_t mask, uint64_t hash,
    phr_labels_t ls)
{
    size_t  i;

    for (i = (size_t) hash & mask; table[i] != NULL; i = (i + 1) & mask) {

        if (table[i]->hash == hash
            && phr_labels_cmp(table[i]->labels, ls) == 0)
        {
            break;
        }
    }

    return &table[i];
}


static int
phr_alerting_unique(const phr_alert_input_t *in, size_t n, phr_err_t *err)
{
    int            rc;
    size_t         i, mask;
    phr_alert_t   *alerts, **table, **slot;

    if (n < 2) {
        return PHR_OK;
    }

    alerts = phr_calloc(n, sizeof(phr_alert_t));

    if (alerts == NULL
        || phr_alerting_table(NULL, 0, n, &table, &mask) != PHR_OK)
    {
        phr_free(alerts);
        return phr_err_set(err, PHR_ENOMEM, "no memory for alerts");
    }

    rc = PHR_OK;

    for (i = 0; i < n; i++) {
        alerts[i].labels = in[i].labels;
        alerts[i].hash = phr_labels_hash(in[i].labels);

        slot = phr_alerting_slot(table, mask, alerts[i].hash, in[i].labels);

        if (*slot != NULL) {
            rc = phr_err_set(err, PHR_EEXEC, "vector contains metrics with "
                             "the same labelset after applying alert labels");
            break;
        }

        *slot = &alerts[i];
    }

    phr_free(table);
    phr_free(alerts);

    return rc;
}


static int
phr_alerting_merge(phr_alerting_t *a, const phr_alert_input_t *in, size_t n,
    int64_t t_ms)
{
    int            rc;
    size_t         i, mask;
    phr_alert_t  **table;

    for (i = 0; i < a->nalerts; i++) {
        a->alerts[i]->seen = 0;
    }

    if (n == 0) {
        return PHR_OK;
    }

    if (phr_alerting_table(a->alerts, a->nalerts, n, &table, &mask)
        != PHR_OK)
    {
        return PHR_ENOMEM;
    }

    rc = PHR_OK;

    for (i = 0; i < n && rc == PHR_OK; i++) {
        rc = phr_alerting_take(a, phr_alerting_slot(table, mask,
                                                    phr_labels_hash(
                                                        in[i].labels),
                                                    in[i].labels),
                               &in[i], t_ms);
    }

    phr_free(table);

    return rc;
}


/* an alert that goes on gets its value, any other begins anew */

static int
phr_alerting_take(phr_alerting_t *a, phr_alert_t **slot,
    const phr_alert_input_t *in, int64_t t_ms)
{
    size_t         nalloc;
    phr_alert_t   *alert, **alerts;
    phr_labels_t   annotations, labels;

    if (phr_rule_labels_dup(in->annotations, &annotations) != PHR_OK) {
        return PHR_ENOMEM;
    }

    alert = *slot;

    if (alert == NULL) {

        if (a->nalerts == a->nalloc) {
            nalloc = phr_max(8, 2 * a->nalloc);

            alerts = phr_realloc(a->alerts, nalloc * sizeof(phr_alert_t *));
            if (alerts == NULL) {
                goto failed;
            }

            a->alerts = alerts;
            a->nalloc = nalloc;
        }

        if (phr_rule_labels_dup(in->labels, &labels) != PHR_OK) {
            goto failed;
        }

        alert = phr_calloc(1, sizeof(phr_alert_t));

        if (alert == NULL) {
            phr_rule_labels_free(&labels);
            goto failed;
        }

        alert->labels = labels;
        alert->hash = phr_labels_hash(labels);

        a->alerts[a->nalerts++] = alert;
        *slot = alert;
    }

    if (alert->state == PHR_ALERT_INACTIVE) {
        alert->state = PHR_ALERT_PENDING;
        alert->active_ms = t_ms;
        alert->fired_ms = 0;
        alert->resolved_ms = 0;
        alert->sent_ms = 0;
        alert->valid_until_ms = 0;
        alert->keep_since_ms = 0;
        a->changed = 1;
    }

    phr_rule_labels_free(&alert->annotations);

    alert->annotations = annotations;
    alert->value = in->value;
    alert->seen = 1;

    return PHR_OK;

failed:

    phr_rule_labels_free(&annotations);

    return PHR_ENOMEM;
}


/* an alert without input: 0 if it is to be forgotten */

static int
phr_alerting_keep(phr_alerting_t *a, phr_alert_t *alert, int64_t t_ms)
{
    if (alert->state != PHR_ALERT_INACTIVE && t_ms < a->settle_until_ms) {
        return 1;
    }

    if (alert->state == PHR_ALERT_FIRING && a->keep_firing_for_ms > 0) {

        if (alert->keep_since_ms == 0) {
            alert->keep_since_ms = t_ms;
            a->changed = 1;
        }

        if (t_ms - alert->keep_since_ms < a->keep_firing_for_ms) {
            return 1;
        }
    }

    if (alert->state == PHR_ALERT_PENDING
        || (alert->resolved_ms != 0
            && t_ms - alert->resolved_ms > PHR_ALERT_RETENTION_MS))
    {
        return 0;
    }

    if (alert->state != PHR_ALERT_INACTIVE) {
        alert->state = PHR_ALERT_INACTIVE;
        alert->resolved_ms = t_ms;
        a->changed = 1;
    }

    return 1;
}


/* pending to firing, and back if "for" became longer by a reload */

static void
phr_alerting_rise(phr_alerting_t *a, phr_alert_t *alert, int64_t t_ms)
{
    if (alert->seen && alert->keep_since_ms != 0) {
        alert->keep_since_ms = 0;
        a->changed = 1;
    }

    if (alert->state == PHR_ALERT_PENDING
        && t_ms - alert->active_ms >= a->for_ms)
    {
        alert->state = PHR_ALERT_FIRING;
        alert->fired_ms = t_ms;
        a->changed = 1;
    }

    if (alert->state == PHR_ALERT_FIRING
        && t_ms - alert->active_ms < a->for_ms)
    {
        alert->state = PHR_ALERT_PENDING;
        alert->fired_ms = 0;
        alert->sent_ms = 0;
        alert->keep_since_ms = 0;
        a->changed = 1;
    }
}


static void
phr_alert_free(phr_alert_t *alert)
{
    phr_rule_labels_free(&alert->labels);
    phr_rule_labels_free(&alert->annotations);
    phr_free(alert);
}
