/*
 * Copyright (C) The Pharos Authors
 *
 * Live: what a running process knows and endpoints tell, here some of each
 * kind, always the same.
 */

#ifndef FUZZ_LIVE_H_INCLUDED
#define FUZZ_LIVE_H_INCLUDED


#include "fuzz.h"

#include "api/api.h"
#include "boards/board.h"
#include "rules/group.h"


#define FUZZ_NOW  INT64_C(1700000000000)


typedef struct {
    phr_rule_groups_t  *groups;
    phr_boards_t       *boards;
    int64_t             now_us;
} fuzz_live_data_t;


static inline int
fuzz_live_targets(void *data, int (*visit)(void *arg,
    const phr_api_target_t *t), void *arg)
{
    int               i, rc;
    phr_api_target_t  t;

    static const phr_label_t  labels[] = {
        { phr_str("instance"), phr_str("host:9100") },
        { phr_str("job"), phr_str("node") },
    };

    for (i = 0; i < 3; i++) {
        memset(&t, 0, sizeof(t));
        t.pool = phr_str_of("node");
        t.discovered.l = labels;
        t.discovered.n = 2;
        t.labels = t.discovered;
        t.url = phr_str_of("http://host:9100/metrics");
        t.error = i ? phr_str_of("") : phr_str_of("refused");
        t.health = i ? "up" : "down";
        t.dropped = i == 2;

        rc = visit(arg, &t);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* what both hold until done() is in fuzz_live_data_t */
static inline phr_rule_groups_t *
fuzz_live_rules(void *data)
{
    return ((fuzz_live_data_t *) data)->groups;
}


static inline const phr_boards_t *
fuzz_live_boards(void *data)
{
    return ((fuzz_live_data_t *) data)->boards;
}


static inline void
fuzz_live_done(void *data)
{
    /* void */
}


static inline int
fuzz_live_external_labels(void *data, phr_arena_t *arena, phr_labels_t *ls)
{
    static const phr_label_t  label = { phr_str("region"), phr_str("eu") };

    ls->l = &label;
    ls->n = 1;

    return PHR_OK;
}


static inline int
fuzz_live_alertmanagers(void *data, int (*visit)(void *arg, phr_str_t url,
    int dropped), void *arg)
{
    int  rc;

    rc = visit(arg, phr_str_of("http://am:9093/api/v2/alerts"), 0);

    return rc == PHR_OK ? visit(arg, phr_str_of("http://am:9094"), 1) : rc;
}


static inline void
fuzz_live_config(void *data, phr_buf_t *out)
{
    phr_buf_puts(out, "global:\n  scrape_interval: 15s\n");
}


static inline void
fuzz_live_reload_state(void *data, int *ok, int64_t *at_ms)
{
    *ok = 1;
    *at_ms = FUZZ_NOW - 1;
}


static inline int64_t
fuzz_live_clock_us(void *data)
{
    return ((fuzz_live_data_t *) data)->now_us++;
}


static inline int
fuzz_live_flags(void *data, int (*visit)(void *arg, const phr_api_flag_t *f),
    void *arg)
{
    phr_api_flag_t  f;

    f.name = phr_str_of("pharos_store");
    f.value = phr_str_of("s");

    return visit(arg, &f);
}


static inline int
fuzz_live_metadata(void *data, phr_str_t metric,
    int (*visit)(void *arg, const phr_api_metadata_t *m), void *arg)
{
    phr_api_metadata_t  m;

    static const phr_label_t  labels[] = {
        { phr_str("job"), phr_str("node") },
    };

    memset(&m, 0, sizeof(m));
    m.metric = phr_str_of("a");
    m.type = phr_str_of("gauge");
    m.help = phr_str_of("It.");
    m.unit = phr_str_of("");
    m.target.l = labels;
    m.target.n = 1;

    return visit(arg, &m);
}


static inline int
fuzz_live_pools(void *data, int (*visit)(void *arg, phr_str_t name,
    size_t ndropped), void *arg)
{
    int  rc;

    rc = visit(arg, phr_str_of("node"), 1);

    return rc == PHR_OK ? visit(arg, phr_str_of("a"), 1) : rc;
}


static inline int
fuzz_live_page(void *data, phr_str_t path, phr_str_t *content,
    phr_str_t *content_type, phr_str_t *etag)
{
    if (!phr_str_eq(path, phr_str_of("/index.html"))) {
        return PHR_NOTFOUND;
    }

    *content = phr_str_of("<!doctype html>");
    *content_type = phr_str_of("text/html");
    *etag = phr_str_of("\"1\"");

    return PHR_OK;
}


static const phr_api_live_t  fuzz_live = {
    .targets = fuzz_live_targets,
    .pools = fuzz_live_pools,
    .config = fuzz_live_config,
    .external_labels = fuzz_live_external_labels,
    .flags = fuzz_live_flags,
    .alertmanagers = fuzz_live_alertmanagers,
    .rules = fuzz_live_rules,
    .rules_done = fuzz_live_done,
    .boards = fuzz_live_boards,
    .boards_done = fuzz_live_done,
    .metadata = fuzz_live_metadata,
    .reload_state = fuzz_live_reload_state,
    .clock_us = fuzz_live_clock_us,
    .page = fuzz_live_page,
};


#endif /* FUZZ_LIVE_H_INCLUDED */
