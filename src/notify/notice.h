/*
 * Copyright (C) The Pharos Authors
 *
 * Notice: what is told to a receiver about a group of alerts, the data that
 * templates see, and the JSON that webhooks get.  It neither decides when to
 * tell nor sends.
 */

#ifndef PHR_NOTICE_H_INCLUDED
#define PHR_NOTICE_H_INCLUDED


#include "core/labels.h"
#include "settings/alertmanager_yml.h"


/*
 * One alert as it comes in.  It is resolved from ends_ms on; 0 means that
 * the caller does not know, and resolve_timeout after now_ms is taken.
 */
typedef struct {
    phr_labels_t   labels;              /* identity */
    phr_labels_t   annotations;
    int64_t        starts_ms;
    int64_t        ends_ms;
    int64_t        updated_ms;
    phr_str_t      generator_url;
} phr_notice_alert_t;


typedef enum {
    PHR_REASON_NONE = 0,
    PHR_REASON_FIRST,
    PHR_REASON_NEW_ALERTS,
    PHR_REASON_SOME_RESOLVED,
    PHR_REASON_ALL_RESOLVED,
    PHR_REASON_REPEAT,
} phr_reason_e;


/* lives as long as whoever made it says */
typedef struct {
    uint64_t                   id;              /* see dispatch.h */
    const phr_receiver_t      *receiver;
    const phr_integration_t   *integration;
    const phr_route_conf_t    *route;
    phr_reason_e               reason;
    int                        attempt;         /* from 1 */
    int64_t                    now_ms;          /* of the flush */

    phr_str_t                  group_key;
    phr_labels_t               group_labels;

    /* an alert whose ends_ms is 0 is firing, else it is resolved */
    phr_notice_alert_t        *alerts;
    size_t                     nalerts;
} phr_notice_t;


/* FNV-1a of the labels, as model.LabelSet.Fingerprint(); kept for ever */
uint64_t phr_fingerprint(phr_labels_t ls);

/* 1 if the alert is resolved at that point in time */
int phr_notice_alert_resolved(const phr_notice_alert_t *a, int64_t now_ms);

/* "first notification", "new alerts added" ... */
const char *phr_reason_text(phr_reason_e reason);

/* 1 if any alert fires: the status is "firing", else "resolved" */
int phr_notice_firing(const phr_notice_t *n);

/* what all alerts have in common, in the arena */
int phr_notice_common(const phr_notice_t *n, phr_arena_t *a,
    phr_labels_t *labels, phr_labels_t *annotations);

/* the order in which alerts are told: job, instance, then all labels */
void phr_notice_sort(phr_notice_alert_t *alerts, size_t n);

/*
 * The body of a webhook, version 4 of Alertmanager's: its members in its
 * order.  route_labels are rendered templates (n of them), max_alerts as in
 * the webhook's settings, 0: all.  Returns b->failed, or what the arena
 * failed of.
 */
int phr_notice_json(const phr_notice_t *n, phr_str_t external_url,
    const phr_pair_t *route_labels, size_t nroute_labels,
    uint64_t max_alerts, phr_arena_t *a, phr_buf_t *b);

/* {}/{severity="critical"}:{alertname="X"} */
void phr_group_key(phr_buf_t *b, const phr_route_conf_t *route,
    phr_labels_t group_labels);

/* {a="b",c=~"d"} as Alertmanager prints matchers */
void phr_matchers_format(phr_buf_t *b, const phr_matchers_t *ms);

/* a deep copy; PHR_ENOMEM or PHR_ELIMIT */
int phr_notice_alert_copy(phr_arena_t *a, const phr_notice_alert_t *from,
    phr_notice_alert_t *to);


#endif /* PHR_NOTICE_H_INCLUDED */
