/*
 * Copyright (C) The Pharos Authors
 *
 * Relabel: relabel_configs, metric_relabel_configs and alert_relabel_configs
 * applied to one set of labels.  The rules come checked and with compiled
 * expressions from settings/prometheus_yml.h.
 */

#ifndef PHR_RELABEL_H_INCLUDED
#define PHR_RELABEL_H_INCLUDED


#include "core/err.h"
#include "core/labels.h"
#include "settings/prometheus_yml.h"


/*
 * Applies the rules in order to the set in the builder; what they make is
 * taken from the builder's arena.  confs may be NULL.
 *
 * PHR_OK    the set is kept
 * PHR_DONE  a rule drops it; the builder holds what it held at that rule
 * PHR_ENOMEM, PHR_ELIMIT
 */
int phr_relabel(const phr_relabel_confs_t *confs, phr_labels_builder_t *b,
    phr_err_t *err);


#endif /* PHR_RELABEL_H_INCLUDED */
