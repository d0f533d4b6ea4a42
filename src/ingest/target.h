/*
 * Copyright (C) The Pharos Authors
 *
 * Target: what is scraped.  A scrape configuration and a target group
 * become targets with labels, a URL and a place in time; relabelling may
 * drop one.  Nothing is scraped from here; the outcome of scrapes is told to
 * phr_target_report().
 */

#ifndef PHR_TARGET_H_INCLUDED
#define PHR_TARGET_H_INCLUDED


#include "core/array.h"
#include "core/err.h"
#include "core/labels.h"
#include "ingest/lines.h"
#include "settings/prometheus_yml.h"


/* scrapes this late still get the timestamp of their schedule */
#define PHR_TARGET_TOLERANCE_MS  2

/*
 * Targets are spread over the ticks of half of their interval, of so long
 * at most: those of one tick share what it takes to wake threads up, which
 * would be more than half of the cost of a small scrape.
 */
#define PHR_TARGET_GRID_MS       1000


typedef enum {
    PHR_TARGET_UNKNOWN = 0,
    PHR_TARGET_UP,
    PHR_TARGET_DOWN,
} phr_target_health_e;


/* owns all it points to, but for conf */
typedef struct {
    phr_arena_t              *arena;
    const phr_scrape_conf_t  *conf;         /* outlives the target */

    phr_labels_t              discovered;   /* before relabelling */
    phr_labels_t              all;          /* after it, __address__ too */
    phr_labels_t              labels;       /* of the series scraped */
    phr_str_t                 url;          /* terminated */
    phr_str_t                 pool;         /* the configuration's job name */
    int64_t                   interval_ms;
    int64_t                   timeout_ms;
    phr_lines_options_t        histograms;   /* what is taken of them */
    unsigned                  dropped:1;    /* only "discovered" is set */

    /*
     * Hash of labels and URL, the same after a restart and under another
     * interval: who has the same key is the same target.
     */
    uint64_t                  key;

    /* of the last scrape */
    phr_target_health_e       health;
    int64_t                   scraped_ms;   /* 0: never */
    double                    duration_s;
    char                      error[256];   /* "" if it was good */
} phr_target_t;


/*
 * One target of a group.  PHR_OK, PHR_EINVAL if its labels make no target
 * (no address, a timeout longer than the interval ...), PHR_ENOMEM.
 */
int phr_target_create(const phr_scrape_conf_t *conf, phr_str_t address,
    phr_labels_t group, phr_target_t **t, phr_err_t *err);
void phr_target_destroy(phr_target_t *t);

/*
 * All targets of groups, appended to an array of phr_target_t *; a target
 * that occurs twice, or is in the array already, is made once.  A faulty
 * target is left out and told to on_error (may be NULL).  PHR_ELIMIT if
 * there are more than the configuration's target_limit: they are in the
 * array, and the caller lets their scrapes fail, as Prometheus does.
 */
int phr_targets_create(const phr_scrape_conf_t *conf,
    const phr_target_groups_t *groups, phr_array_t *targets,
    void (*on_error)(void *data, const phr_err_t *err), void *data,
    phr_err_t *err);
void phr_targets_destroy(phr_array_t *targets);

/*
 * The first time after now_ms at which a target of this key is to be
 * scraped.  Times depend on nothing but the key and the interval, so that
 * targets are spread and keep their places over restarts.
 */
int64_t phr_target_next(uint64_t key, int64_t interval_ms, int64_t now_ms);

/*
 * The timestamp for a scrape that begins at now_ms: that of the schedule if
 * it is hardly late (regular timestamps compress better), else now_ms.
 */
int64_t phr_target_align(uint64_t key, int64_t interval_ms, int64_t now_ms);

/* remembers how a scrape ended; error is NULL if it was good */
void phr_target_report(phr_target_t *t, int64_t t_ms, double duration_s,
    const phr_err_t *error);

/* the same target, made anew after a reload, goes on from what was known */
void phr_target_inherit(phr_target_t *t, const phr_target_t *old);

/*
 * Appends what the targets of a configuration are asked for: the value of an
 * Accept header, its protocols by falling preference.
 */
void phr_target_accept(phr_buf_t *b, const phr_scrape_conf_t *conf);

/* "unknown", "up", "down" */
const char *phr_target_health_text(phr_target_health_e health);


#endif /* PHR_TARGET_H_INCLUDED */
