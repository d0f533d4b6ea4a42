/*
 * Copyright (C) The Pharos Authors
 *
 * alertmanager.yml: the checked and completed content of the file.  Routes
 * have inherited what they leave out, old spellings are gone, and every path
 * is local (loader.h).  Nothing is routed or sent from here.
 *
 * A loaded file is one immutable struct that may be read by many threads;
 * everything it points to lives as long as it does.
 */

#ifndef PHR_ALERTMANAGER_YML_H_INCLUDED
#define PHR_ALERTMANAGER_YML_H_INCLUDED


#include "core/matcher.h"
#include "core/zone.h"
#include "settings/http_client.h"
#include "settings/loader.h"
#include "settings/yaml.h"


/* sorted by name, value, operator */
typedef struct {
    phr_matcher_t  *m;
    size_t          n;
} phr_matchers_t;


typedef struct phr_route_conf_s  phr_route_conf_t;

struct phr_route_conf_s {
    phr_str_t            receiver;
    phr_strs_t           group_by;              /* sorted */
    int                  group_by_all;          /* group_by: ['...'] */
    phr_matchers_t       matchers;              /* match, match_re, too */
    phr_strs_t           mute_time_intervals;
    phr_strs_t           active_time_intervals;
    int                  continue_;
    int64_t              group_wait_ms;
    int64_t              group_interval_ms;
    int64_t              repeat_interval_ms;
    phr_pairs_t          labels;                /* templates */

    phr_route_conf_t   **routes;
    size_t               nroutes;
    phr_route_conf_t    *parent;                /* NULL: the root */
    uint32_t             index;                 /* among all, depth first */
    uint32_t             line;
};


typedef struct {
    phr_str_t        name;                      /* may be empty */
    phr_matchers_t   source;
    phr_matchers_t   target;
    phr_strs_t       equal;
} phr_inhibit_conf_t;


/* both ends belong to the range, but for end_minute */
typedef struct {
    int   begin;
    int   end;
} phr_interval_range_t;

typedef struct {
    phr_interval_range_t  *r;
    size_t                 n;                   /* 0: any */
} phr_interval_ranges_t;

typedef struct {
    phr_interval_ranges_t  times;               /* minutes of the day */
    phr_interval_ranges_t  weekdays;            /* 0: Sunday */
    phr_interval_ranges_t  days_of_month;       /* negative: from the end */
    phr_interval_ranges_t  months;
    phr_interval_ranges_t  years;
    const phr_zone_t      *zone;                /* NULL: UTC */
} phr_interval_t;

typedef struct {
    phr_str_t         name;
    phr_interval_t  **intervals;
    size_t            nintervals;
} phr_named_interval_t;


typedef enum {
#define PHR_RECEIVER(kind_, name_, resolved_, check_, exclusive_)             \
    PHR_RECEIVER_ ## kind_,
#include "settings/receiver_list.h"
    PHR_NRECEIVERS,
} phr_receiver_kind_e;


typedef struct {
    phr_str_t               url;                /* may be a template */
    phr_str_t               url_file;
    uint64_t                max_alerts;         /* 0: all */
    int64_t                 timeout_ms;         /* 0: none */
    const phr_yaml_node_t  *payload;            /* NULL: the usual one */
} phr_webhook_t;


/* one entry of webhook_configs, slack_configs ... */
typedef struct {
    phr_receiver_kind_e       kind;
    phr_str_t                 kind_name;        /* "webhook" */
    uint32_t                  index;            /* within its kind, from 0 */
    int                       send_resolved;
    const phr_http_client_t  *http;             /* global one if none */
    const phr_webhook_t      *webhook;          /* of WEBHOOK */
    const phr_yaml_node_t    *node;             /* as written */
    uint32_t                  line;
} phr_integration_t;


typedef struct {
    phr_str_t            name;
    phr_pairs_t          labels;
    phr_integration_t   *integrations;
    size_t               nintegrations;
    uint32_t             line;
} phr_receiver_t;


typedef struct phr_alertmanager_yml_s  phr_alertmanager_yml_t;

struct phr_alertmanager_yml_s {
    int64_t                   resolve_timeout_ms;
    phr_http_client_t        *http;             /* never NULL */
    const phr_yaml_node_t    *global;           /* as written; or NULL */
    phr_route_conf_t         *route;
    uint32_t                  nroutes;          /* the root included */
    phr_receiver_t          **receivers;
    size_t                    nreceivers;
    phr_inhibit_conf_t      **inhibits;
    size_t                    ninhibits;
    phr_named_interval_t    **intervals;        /* both spellings */
    size_t                    nintervals;
    phr_strs_t                templates;        /* patterns */

    phr_settings_warning_t   *warnings;
    size_t                    nwarnings;

    phr_str_t                 path;
    phr_str_t                 text;             /* as it was read */

    void                     *own;              /* of the loader */
};


/* as phr_prometheus_yml_load() and its siblings */
int phr_alertmanager_yml_load(const char *path, const phr_loader_t *ld,
    phr_alertmanager_yml_t **conf, phr_err_t *err);
int phr_alertmanager_yml_parse(phr_str_t text, const char *path,
    const phr_loader_t *ld, phr_alertmanager_yml_t **conf, phr_err_t *err);
void phr_alertmanager_yml_destroy(phr_alertmanager_yml_t *conf);

/* NULL if there is none of that name */
const phr_receiver_t *phr_alertmanager_yml_receiver(
    const phr_alertmanager_yml_t *conf, phr_str_t name);
const phr_named_interval_t *phr_alertmanager_yml_interval(
    const phr_alertmanager_yml_t *conf, phr_str_t name);

/* the template files that exist now; those that match nothing are left out */
int phr_alertmanager_yml_templates(const phr_alertmanager_yml_t *conf,
    phr_arena_t *a, phr_strs_t *files, phr_err_t *err);

/* 1 if the point in time is within one of the intervals */
int phr_named_interval_contains(const phr_named_interval_t *ni, int64_t t_ms);

/* the file as YAML: every secret is "<secret>" */
void phr_alertmanager_yml_dump(const phr_alertmanager_yml_t *conf,
    phr_buf_t *b);

/*
 * A matcher list as routes, silences and API filters write it: a="b",
 * {a="b", c=~"d.*"}, with names and values quoted or not (UTF-8 and classic
 * form).  The bytes and the compiled regexes belong to the caller: the
 * strings are in the arena, the regexes are freed by
 * phr_matcher_destroy() of each.  PHR_EPARSE on failure.
 */
int phr_matchers_parse(phr_arena_t *a, phr_str_t text, phr_matchers_t *ms,
    phr_err_t *err);


#endif /* PHR_ALERTMANAGER_YML_H_INCLUDED */
