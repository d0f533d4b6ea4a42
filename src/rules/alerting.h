/*
 * Copyright (C) The Pharos Authors
 *
 * Alerting: the alerts of one alerting rule: which there are, since when,
 * in which state, and what of that is to be told.  Pure in (state, result
 * of the expression, now): nothing here evaluates, stores or sends.
 *
 * Threads: none of its own; whoever owns the rule holds its group's lock.
 */

#ifndef PHR_ALERTING_H_INCLUDED
#define PHR_ALERTING_H_INCLUDED


#include "core/buf.h"
#include "core/err.h"
#include "core/labels.h"


/* a resolved alert is kept, and told again, for so long */
#define PHR_ALERT_RETENTION_MS     (15 * 60 * 1000)

/* a firing alert is told again after so long */
#define PHR_ALERT_RESEND_MS        (60 * 1000)

/* alerts are not taken up again after an outage longer than this */
#define PHR_ALERT_OUTAGE_MS        (60 * 60 * 1000)


/* in order: the state of a rule is the highest of its alerts */
typedef enum {
    PHR_ALERT_INACTIVE = 0,
    PHR_ALERT_PENDING,
    PHR_ALERT_FIRING,
} phr_alert_state_e;


/* points in time are 0 where nothing has happened yet */
typedef struct phr_alert_s  phr_alert_t;

struct phr_alert_s {
    phr_labels_t        labels;         /* identity; alertname among them */
    phr_labels_t        annotations;
    phr_alert_state_e   state;
    double              value;

    int64_t             active_ms;      /* since when the condition holds */
    int64_t             fired_ms;
    int64_t             resolved_ms;
    int64_t             sent_ms;        /* last told */
    int64_t             valid_until_ms; /* of what was last told */
    int64_t             keep_since_ms;  /* condition gone, kept firing */

    uint64_t            hash;           /* phr_labels_hash(labels) */
    unsigned            seen:1;         /* in the current evaluation */
};


/* what the notifier is told of one alert; valid during the call */
typedef struct {
    phr_labels_t  labels;               /* external labels are not in it */
    phr_labels_t  annotations;
    int64_t       starts_ms;
    int64_t       ends_ms;              /* in the past: resolved */
    phr_str_t     generator_url;
} phr_alert_msg_t;


/* the alerts of a rule, and what of the rule decides over them */
typedef struct {
    phr_alert_t  **alerts;
    size_t         nalerts;
    size_t         nalloc;

    int64_t        for_ms;
    int64_t        keep_firing_for_ms;

    /* until then a restored alert is not dropped for lack of data */
    int64_t        settle_until_ms;

    /* a record written now would differ from the last one */
    unsigned       changed:1;
} phr_alerting_t;


/* one element of the expression's result, its templates expanded */
typedef struct {
    phr_labels_t  labels;
    phr_labels_t  annotations;
    double        value;
} phr_alert_input_t;


void phr_alerting_init(phr_alerting_t *a, int64_t for_ms,
    int64_t keep_firing_for_ms);
void phr_alerting_free(phr_alerting_t *a);

/*
 * One evaluation at t_ms: new alerts become pending or firing, those without
 * input become inactive, old inactive ones are dropped.  Inputs are copied.
 *
 * PHR_EEXEC    two inputs have the same labels; the state is unchanged
 * PHR_ELIMIT   more than limit alerts (0: any number); all are dropped
 * PHR_ENOMEM   the state is that of before, as far as it was reached
 */
int phr_alerting_update(phr_alerting_t *a, const phr_alert_input_t *in,
    size_t n, int64_t t_ms, uint64_t limit, phr_err_t *err);

/*
 * The clock was set: all that is remembered moves with it.  Until then (0:
 * no such time) no alert is dropped for lack of data.
 */
void phr_alerting_shift(phr_alerting_t *a, int64_t by_ms, int64_t until_ms);

/* the highest state of its alerts */
phr_alert_state_e phr_alerting_state(const phr_alerting_t *a);

/* "inactive", "pending", "firing" */
const char *phr_alert_state_text(phr_alert_state_e state);

/*
 * 1 if the alert is to be told at t_ms; the alert is then marked as told,
 * and msg filled but for its generator_url.
 */
int phr_alert_tell(phr_alert_t *alert, int64_t t_ms, int64_t interval_ms,
    int64_t resend_ms, phr_alert_msg_t *msg);

/*
 * The alerts as a record for PHR_KV_RULES, and back.  identity says whose
 * they are; PHR_NOTFOUND if the record is of another, PHR_ECORRUPT if it
 * is damaged.  On anything but PHR_OK the alerts are unchanged.
 *
 * stamp_ms is the last evaluation before the restart, now_ms the time of
 * loading: what lies between them does not count as pending, but for one
 * interval; alerts of before an outage of PHR_ALERT_OUTAGE_MS are dropped.
 */
void phr_alerting_save(const phr_alerting_t *a, phr_str_t identity,
    phr_buf_t *out);
int phr_alerting_load(phr_alerting_t *a, phr_str_t identity,
    phr_str_t record, int64_t stamp_ms, int64_t now_ms, int64_t interval_ms,
    phr_err_t *err);


#endif /* PHR_ALERTING_H_INCLUDED */
