/*
 * Copyright (C) The Pharos Authors
 *
 * Targets: what is scraped, and how it went.
 */

#include "api/call.h"

#include <stdlib.h>

#include "core/time.h"


typedef struct {
    phr_call_t  *c;
    phr_str_t    pool;          /* only this one, "" for all */
    int          dropped;       /* which kind this walk shows */
} phr_targets_walk_t;

typedef struct {
    phr_str_t  name;
    size_t     ndropped;
} phr_targets_pool_t;

typedef struct {
    phr_call_t          *c;
    phr_targets_pool_t  *pool;
    size_t               n;
} phr_targets_pools_t;


static int phr_targets_visit(void *arg, const phr_api_target_t *t);
static void phr_targets_active(phr_call_t *c, const phr_api_target_t *t);
static int phr_targets_pools(phr_call_t *c, phr_targets_pools_t *pools,
    phr_err_t *err);
static int phr_targets_pool(void *arg, phr_str_t name, size_t ndropped);
static int phr_targets_cmp(const void *a, const void *b);
static void phr_targets_duration(phr_call_t *c, const char *key, int64_t ms);
static int phr_param_is(phr_str_t s, const char *word);


int
phr_api_targets(phr_call_t *c, phr_err_t *err)
{
    int                   rc, active, dropped;
    size_t                i;
    phr_str_t             state;
    phr_json_writer_t    *w;
    phr_targets_walk_t    walk;
    phr_targets_pools_t   pools;

    rc = phr_targets_pools(c, &pools, err);
    if (rc != PHR_OK) {
        return rc;
    }

    state = phr_call_param(c, "state");
    active = state.len == 0 || phr_param_is(state, "any")
             || phr_param_is(state, "active");
    dropped = state.len == 0 || phr_param_is(state, "any")
              || phr_param_is(state, "dropped");

    memset(&walk, 0, sizeof(walk));
    walk.c = c;
    walk.pool = phr_call_param(c, "scrapePool");

    phr_call_begin(c);
    w = &c->json;
    phr_json_object(w);

    phr_json_key(w, "activeTargets");
    phr_json_array(w);
    if (active) {
        c->api->live->targets(c->api->live_data, phr_targets_visit, &walk);
    }
    phr_json_end_array(w);

    phr_json_key(w, "droppedTargets");
    phr_json_array(w);
    if (dropped) {
        walk.dropped = 1;
        c->api->live->targets(c->api->live_data, phr_targets_visit, &walk);
    }
    phr_json_end_array(w);

    /* of all pools, whichever is asked for */

    phr_json_key(w, "droppedTargetCounts");

    if (dropped) {
        phr_json_object(w);
        for (i = 0; i < pools.n; i++) {
            phr_json_key_str(w, pools.pool[i].name);
            phr_json_int(w, (int64_t) pools.pool[i].ndropped);
        }
        phr_json_end_object(w);

    } else {
        phr_json_null(w);
    }

    phr_json_end_object(w);
    phr_call_end(c);

    return PHR_OK;
}


static int
phr_targets_visit(void *arg, const phr_api_target_t *t)
{
    phr_call_t          *c;
    phr_targets_walk_t  *walk;

    walk = arg;
    c = walk->c;

    if ((int) t->dropped != walk->dropped
        || (walk->pool.len != 0 && !phr_str_eq(walk->pool, t->pool)))
    {
        return PHR_OK;
    }

    phr_json_object(&c->json);
    phr_json_key(&c->json, "discoveredLabels");
    phr_call_labels(c, t->discovered);

    if (t->dropped) {
        phr_json_pair(&c->json, "scrapePool", t->pool);
    } else {
        phr_targets_active(c, t);
    }

    phr_json_end_object(&c->json);

    return c->res->body.failed;
}


static void
phr_targets_active(phr_call_t *c, const phr_api_target_t *t)
{
    phr_buf_t           text;
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_key(w, "labels");
    phr_call_labels(c, t->labels);
    phr_json_pair(w, "scrapePool", t->pool);
    phr_json_pair(w, "scrapeUrl", t->url);
    phr_json_pair(w, "globalUrl", t->url);
    phr_json_pair(w, "lastError", t->error);

    phr_buf_init(&text, 0);

    if (t->last_scrape_ms == 0) {
        phr_buf_puts(&text, "0001-01-01T00:00:00Z");
    } else {
        phr_rfc3339_format(&text, t->last_scrape_ms);
    }

    phr_json_pair(w, "lastScrape", phr_buf_view(&text));
    phr_buf_free(&text);

    phr_json_key(w, "lastScrapeDuration");
    phr_json_double(w, t->last_duration_s);
    phr_json_pair_c(w, "health", t->health);
    phr_targets_duration(c, "scrapeInterval", t->interval_ms);
    phr_targets_duration(c, "scrapeTimeout", t->timeout_ms);
}


static void
phr_targets_duration(phr_call_t *c, const char *key, int64_t ms)
{
    phr_buf_t  text;

    phr_buf_init(&text, 0);
    phr_duration_format(&text, ms);
    phr_json_pair(&c->json, key, phr_buf_view(&text));
    phr_buf_free(&text);
}


int
phr_api_scrape_pools(phr_call_t *c, phr_err_t *err)
{
    int                   rc;
    size_t                i;
    phr_targets_pools_t   pools;

    rc = phr_targets_pools(c, &pools, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_call_begin(c);
    phr_json_object(&c->json);
    phr_json_key(&c->json, "scrapePools");
    phr_json_array(&c->json);

    for (i = 0; i < pools.n; i++) {
        phr_json_string(&c->json, pools.pool[i].name);
    }

    phr_json_end_array(&c->json);
    phr_json_end_object(&c->json);
    phr_call_end(c);

    return PHR_OK;
}


/* all of them, by name */

static int
phr_targets_pools(phr_call_t *c, phr_targets_pools_t *pools, phr_err_t *err)
{
    int  rc;

    memset(pools, 0, sizeof(phr_targets_pools_t));
    pools->c = c;

    if (c->api->live->pools != NULL) {
        rc = c->api->live->pools(c->api->live_data, phr_targets_pool, pools);
        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "out of memory");
        }
    }

    if (pools->n > 1) {
        qsort(pools->pool, pools->n, sizeof(phr_targets_pool_t),
              phr_targets_cmp);
    }

    return PHR_OK;
}


static int
phr_targets_pool(void *arg, phr_str_t name, size_t ndropped)
{
    phr_arena_t          *arena;
    phr_targets_pool_t   *grown;
    phr_targets_pools_t  *pools;

    pools = arg;
    arena = pools->c->arena;

    grown = phr_arena_grow(arena, pools->pool,
                           pools->n * sizeof(phr_targets_pool_t),
                           (pools->n + 1) * sizeof(phr_targets_pool_t));
    if (grown == NULL) {
        return phr_arena_rc(arena);
    }

    pools->pool = grown;
    grown[pools->n].name = phr_arena_str(arena, name);
    grown[pools->n].ndropped = ndropped;

    if (grown[pools->n].name.data == NULL) {
        return phr_arena_rc(arena);
    }

    pools->n++;

    return PHR_OK;
}


static int
phr_targets_cmp(const void *a, const void *b)
{
    const phr_targets_pool_t  *x, *y;

    x = a;
    y = b;

    return phr_str_cmp(x->name, y->name);
}


/* letter case does not matter */

static int
phr_param_is(phr_str_t s, const char *word)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (word[i] == '\0' || (s.data[i] | 0x20) != word[i]) {
            return 0;
        }
    }

    return word[i] == '\0';
}
