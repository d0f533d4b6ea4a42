/*
 * Copyright (C) The Pharos Authors
 *
 * Inhibit: muting of alerts by other alerts that fire.
 */

#ifndef PHR_INHIBIT_H_INCLUDED
#define PHR_INHIBIT_H_INCLUDED


#include "notify/notice.h"


/*
 * The alerts that are a source of some rule, found by what the rule wants
 * equal.  Built for one point in time from all alerts there are, used, and
 * given up with its arena.
 */
typedef struct phr_inhibitor_s  phr_inhibitor_t;


/* alerts must live as long as the inhibitor; resolved ones are skipped */
int phr_inhibitor_create(phr_arena_t *a, const phr_alertmanager_yml_t *conf,
    const phr_notice_alert_t *const *alerts, size_t n, int64_t now_ms,
    phr_inhibitor_t **ih);

/*
 * The alert that inhibits one with these labels, NULL if there is none.  An
 * alert that is source and target of a rule at once is not inhibited by
 * others of that kind, itself among them.
 */
const phr_notice_alert_t *phr_inhibitor_find(const phr_inhibitor_t *ih,
    phr_labels_t labels);


#endif /* PHR_INHIBIT_H_INCLUDED */
