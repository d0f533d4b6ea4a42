/*
 * Copyright (C) The Pharos Authors
 *
 * Push requests: which group, what becomes of it, and the answer.  A
 * request changes the group entirely or not at all; refused for what it
 * contains, it leaves the time of its failure, as with the Pushgateway.
 */

#include "ingest/push.h"

#include "ingest/push_impl.h"

#include "core/alloc.h"
#include "core/bytes.h"


#define PHR_PUSH_PATH_BYTES  (1024 * 1024)


/* what loading collects */
typedef struct {
    phr_push_t  *p;
    phr_err_t   *err;
} phr_push_load_t;


static int phr_push_load(phr_push_t *p, phr_appender_t *app, phr_err_t *err);
static int phr_push_load_group(void *data, phr_str_t key, phr_str_t value);
static void phr_push_clear(phr_push_t *p);
static int phr_push_do(phr_push_t *p, phr_appender_t *app,
    const phr_push_request_t *r, phr_arena_t *arena,
    phr_push_answer_t *answer, phr_err_t *err);
static int phr_push_change(phr_push_t *p, phr_appender_t *app,
    const phr_push_request_t *r, phr_push_group_t *g,
    phr_push_answer_t *answer, phr_err_t *err);
static int phr_push_delete(phr_push_t *p, phr_appender_t *app,
    phr_push_group_t *g, int64_t now_ms, phr_err_t *err);
static int phr_push_write(phr_push_t *p, phr_appender_t *app,
    const phr_push_request_t *r, phr_push_group_t *g, phr_err_t *err);
static int phr_push_record_failure(phr_push_t *p, phr_appender_t *app,
    phr_push_group_t *g, int64_t now_ms, phr_err_t *err);
static void phr_push_key(phr_labels_t labels, char *key);
static int phr_push_add(phr_push_t *p, phr_push_group_t *g);
static int phr_push_end(phr_push_t *p, phr_appender_t *app, size_t i,
    int64_t now_ms, phr_err_t *err);
static int phr_push_refuse(phr_push_answer_t *answer, int status,
    const phr_err_t *err);


int
phr_push_create(const phr_push_options_t *o, phr_appender_t *app,
    phr_push_t **out, phr_err_t *err)
{
    int          rc;
    phr_push_t  *p;

    p = phr_calloc(1, sizeof(phr_push_t));
    if (p == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for push groups");
    }

    phr_array_init(&p->list, sizeof(phr_push_group_t *));
    phr_array_init(&p->ring, sizeof(phr_push_id_t *));
    phr_push_configure(p, o);

    rc = phr_push_load(p, app, err);
    if (rc != PHR_OK) {
        phr_push_destroy(p);
        return rc;
    }

    *out = p;

    return PHR_OK;
}


void
phr_push_destroy(phr_push_t *p)
{
    if (p != NULL) {
        phr_push_clear(p);
        phr_free(p);
    }
}


void
phr_push_configure(phr_push_t *p, const phr_push_options_t *o)
{
    p->o = *o;

    if (p->o.mode == PHR_PUSH_DEFAULT) {
        p->o.mode = PHR_PUSH_REPLACE;
    }
}


int
phr_push_reload(phr_push_t *p, phr_appender_t *app, phr_err_t *err)
{
    phr_push_clear(p);

    return phr_push_load(p, app, err);
}


int
phr_push_request(phr_push_t *p, phr_appender_t *app,
    const phr_push_request_t *r, phr_push_answer_t *answer, phr_err_t *err)
{
    int                   rc;
    phr_arena_t          *arena;
    const phr_push_id_t  *known;

    known = phr_push_id_find(p, r);

    if (known != NULL) {
        *answer = known->answer;
        return PHR_OK;
    }

    arena = phr_arena_create(PHR_PUSH_PATH_BYTES);
    if (arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
    }

    memset(answer, 0, sizeof(phr_push_answer_t));

    rc = phr_push_do(p, app, r, arena, answer, err);

    if (rc == PHR_OK) {
        rc = phr_push_id_keep(p, app, r, answer, err);
    }

    phr_arena_destroy(arena);

    return rc;
}


int
phr_push_tick(phr_push_t *p, phr_appender_t *app, int64_t now_ms,
    phr_err_t *err)
{
    int                rc;
    size_t             i;
    phr_push_group_t  *g;

    i = 0;

    while (i < p->list.nelts) {
        g = *phr_array_get(&p->list, phr_push_group_t *, i);

        if (g->ttl_ms > 0 && now_ms - g->push_ms >= g->ttl_ms) {
            rc = phr_push_end(p, app, i, now_ms, err);

        } else {
            rc = phr_push_repeat(app, g, now_ms, err);
            i++;
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


int
phr_push_wipe(phr_push_t *p, phr_appender_t *app, int64_t now_ms,
    phr_err_t *err)
{
    int  rc;

    while (p->list.nelts != 0) {
        rc = phr_push_end(p, app, p->list.nelts - 1, now_ms, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


int64_t
phr_push_newest_ms(const phr_push_t *p)
{
    return p->newest_ms;
}


void
phr_push_refusals(const phr_push_t *p, uint64_t *ngroups, uint64_t *nseries)
{
    *ngroups = p->nover_groups;
    *nseries = p->nover_series;
}


size_t
phr_push_ngroups(const phr_push_t *p)
{
    return p->list.nelts;
}


size_t
phr_push_nseries(const phr_push_t *p)
{
    return phr_map_count(p->owners);
}


int
phr_push_group_create(phr_labels_t labels, phr_push_group_t **out)
{
    int                rc;
    phr_arena_t       *arena;
    phr_push_group_t  *g;

    arena = phr_arena_create(0);
    if (arena == NULL) {
        return PHR_ENOMEM;
    }

    g = phr_arena_calloc(arena, 1, sizeof(phr_push_group_t));
    rc = g ? phr_labels_copy(arena, labels, &g->labels) : PHR_ENOMEM;

    if (rc != PHR_OK) {
        phr_arena_destroy(arena);
        return rc;
    }

    g->arena = arena;
    phr_push_key(g->labels, g->key);

    *out = g;

    return PHR_OK;
}


void
phr_push_group_destroy(phr_push_group_t *g)
{
    if (g != NULL) {
        phr_push_state_destroy(&g->state);
        phr_arena_destroy(g->arena);
    }
}


static int
phr_push_load(phr_push_t *p, phr_appender_t *app, phr_err_t *err)
{
    int              rc;
    char             group;
    phr_push_load_t  load;

    p->groups = phr_map_create();
    p->types = phr_map_create();
    p->owners = phr_map_create();
    p->ids = phr_map_create();

    if (p->groups == NULL || p->types == NULL || p->owners == NULL
        || p->ids == NULL)
    {
        return phr_err_set(err, PHR_ENOMEM, "no memory for push groups");
    }

    group = PHR_PUSH_KEY_GROUP;
    load.p = p;
    load.err = err;

    rc = app->ops->each(app, PHR_KV_PUSH, phr_str_from(&group, 1),
                        phr_push_load_group, &load, err);

    return rc == PHR_OK ? phr_push_id_load(p, app, err) : rc;
}


static int
phr_push_load_group(void *data, phr_str_t key, phr_str_t value)
{
    int                rc;
    phr_push_load_t   *load;
    phr_push_group_t  *g;

    load = data;

    rc = phr_push_record_decode(value, &g, load->err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_push_add(load->p, g);
    if (rc != PHR_OK) {
        phr_push_group_destroy(g);
        return phr_err_set(load->err, rc, "no memory for push groups");
    }

    rc = phr_push_index(load->p, g);
    if (rc != PHR_OK) {
        return phr_err_set(load->err, rc, "no memory for push groups");
    }

    return PHR_OK;
}


static void
phr_push_clear(phr_push_t *p)
{
    size_t              i, pos;
    void               *value;
    phr_str_t           key;
    phr_push_type_t    *t;
    phr_push_group_t  **list;

    list = p->list.elts;

    for (i = 0; i < p->list.nelts; i++) {
        phr_push_group_destroy(list[i]);
    }

    pos = 0;

    while (p->types != NULL && phr_map_next(p->types, &pos, &key, &value)) {
        t = value;
        phr_free(t->help);
        phr_free(t);
    }

    phr_map_destroy(p->groups);
    phr_map_destroy(p->types);
    phr_map_destroy(p->owners);

    phr_array_free(&p->list);
    phr_array_init(&p->list, sizeof(phr_push_group_t *));

    p->groups = NULL;
    p->types = NULL;
    p->owners = NULL;

    phr_push_id_clear(p);
}


static int
phr_push_do(phr_push_t *p, phr_appender_t *app, const phr_push_request_t *r,
    phr_arena_t *arena, phr_push_answer_t *answer, phr_err_t *err)
{
    int                rc;
    char               key[24];
    phr_err_t          e;
    phr_labels_t       labels;
    phr_push_group_t  *g;

    if (r->id.len > PHR_PUSH_MAX_ID) {
        phr_err_set(&e, PHR_EINVAL, "request id is too long");
        return phr_push_refuse(answer, 400, &e);
    }

    if (p->o.max_body_bytes != 0 && r->body.len > p->o.max_body_bytes) {
        phr_err_set(&e, PHR_ELIMIT, "body is larger than %zu bytes",
                    p->o.max_body_bytes);
        return phr_push_refuse(answer, 413, &e);
    }

    rc = phr_push_path(arena, r->path, &labels, &e);
    if (rc != PHR_OK) {
        return phr_push_refuse(answer, rc == PHR_ENOMEM ? 503 : 400, &e);
    }

    phr_push_key(labels, key);
    g = phr_map_get(p->groups, phr_str_from_c(key));

    if (r->method == PHR_PUSH_DELETE) {
        answer->status = 202;

        if (g == NULL || phr_labels_cmp(g->labels, labels) != 0) {
            return PHR_OK;
        }

        return phr_push_delete(p, app, g, r->now_ms, err);
    }

    if (g != NULL) {

        /* the same hash, which is to be expected of nobody but an attacker */

        if (phr_labels_cmp(g->labels, labels) != 0) {
            phr_err_set(&e, PHR_EINVAL, "grouping key collides with another");
            return phr_push_refuse(answer, 400, &e);
        }

        return phr_push_change(p, app, r, g, answer, err);
    }

    if (p->o.max_groups != 0 && p->list.nelts >= p->o.max_groups) {
        p->nover_groups++;
        phr_err_set(&e, PHR_ELIMIT, "more than %zu push groups",
                    p->o.max_groups);
        return phr_push_refuse(answer, 400, &e);
    }

    rc = phr_push_group_create(labels, &g);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for a push");
    }

    g->row_ms = p->ended_ms;

    rc = phr_push_change(p, app, r, g, answer, err);

    if (rc == PHR_OK && g->state.nseries != 0) {
        rc = phr_push_add(p, g);
        if (rc == PHR_OK) {
            return PHR_OK;
        }

        phr_err_set(err, rc, "no memory for a push");
    }

    /* refused, or failed, so that all is read again */

    phr_push_unindex(p, g);
    phr_push_group_destroy(g);

    return rc;
}


/* PHR_OK with an answer: a group whose state is empty is to be forgotten */

static int
phr_push_change(phr_push_t *p, phr_appender_t *app,
    const phr_push_request_t *r, phr_push_group_t *g,
    phr_push_answer_t *answer, phr_err_t *err)
{
    int        rc;
    phr_err_t  e;

    phr_err_init(&e);
    answer->status = 200;

    rc = phr_push_write(p, app, r, g, &e);

    if (rc == PHR_EINVAL) {
        phr_err_prefix(&e, "pushed metrics are invalid or inconsistent with "
                       "existing metrics: ");
        phr_push_refuse(answer, 400, &e);

        rc = phr_push_record_failure(p, app, g, r->now_ms, &e);

        if (rc == PHR_ELIMIT || rc == PHR_ELABELS) {
            return PHR_OK;
        }

    } else if (rc == PHR_EPARSE || rc == PHR_ELIMIT) {
        return phr_push_refuse(answer, e.code == PHR_EUNAVAIL ? 503 : 400,
                               &e);
    }

    if (rc != PHR_OK && err != NULL) {
        *err = e;
    }

    return rc;
}


static int
phr_push_delete(phr_push_t *p, phr_appender_t *app, phr_push_group_t *g,
    int64_t now_ms, phr_err_t *err)
{
    size_t             i;
    phr_push_group_t **list;

    list = p->list.elts;

    for (i = 0; list[i] != g; i++) {
        /* void */
    }

    return phr_push_end(p, app, i, now_ms, err);
}


/*
 * PHR_EPARSE, PHR_ELIMIT: refused, nothing has changed; PHR_EINVAL:
 * refused, and the failure is to be recorded.
 */

static int
phr_push_write(phr_push_t *p, phr_appender_t *app,
    const phr_push_request_t *r, phr_push_group_t *g, phr_err_t *err)
{
    int                rc;
    phr_push_mode_e    mode;
    phr_push_group_t   was;
    phr_push_state_t   st;

    rc = phr_push_state_create(&st);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for a push");
    }

    mode = r->mode == PHR_PUSH_DEFAULT ? p->o.mode : r->mode;

    rc = phr_push_state_parse(&st, r, &p->o, g->labels, err);

    if (rc == PHR_OK) {
        rc = phr_push_state_merge(&st, &g->state, r->method, mode,
                                  g->labels, err);
    }

    if (rc == PHR_OK && p->o.max_series != 0 && st.nseries > p->o.max_series)
    {
        rc = phr_err_set(err, PHR_ELIMIT, "more than %zu series in a group",
                         p->o.max_series);
    }

    p->nover_series += rc == PHR_ELIMIT;

    if (rc == PHR_OK) {
        rc = phr_push_state_times(&st, &g->state, g->labels, r->now_ms, -1,
                                  r->now_ms);
        if (rc != PHR_OK) {
            phr_err_set(err, rc, "no memory for a push");
        }
    }

    if (rc == PHR_OK) {
        rc = phr_push_check(p, &st, g, err);
    }

    if (rc == PHR_OK) {
        was = *g;

        g->mode = mode;
        g->ttl_ms = r->ttl_ms < 0 ? p->o.ttl_ms : r->ttl_ms;
        g->push_ms = r->now_ms;

        rc = phr_push_apply(p, app, g, &st, r->now_ms, err);

        if (rc == PHR_ELIMIT) {
            *g = was;
            err->code = PHR_EUNAVAIL;

        } else if (rc == PHR_ELABELS) {
            *g = was;
            rc = PHR_ELIMIT;

        } else if (rc == PHR_EINVAL || rc == PHR_EPARSE) {

            /* of the appender, not of the body */
            rc = PHR_ERROR;
        }
    }

    phr_push_state_destroy(&st);

    return rc;
}


static int
phr_push_record_failure(phr_push_t *p, phr_appender_t *app,
    phr_push_group_t *g, int64_t now_ms, phr_err_t *err)
{
    int               rc;
    phr_push_state_t  st;

    rc = phr_push_state_create(&st);

    if (rc == PHR_OK) {
        rc = phr_push_state_merge(&st, &g->state, PHR_PUSH_POST,
                                  PHR_PUSH_REPLACE, g->labels, err);
    }

    if (rc == PHR_OK) {
        rc = phr_push_state_times(&st, &g->state, g->labels, -1, now_ms,
                                  now_ms);
    }

    if (rc != PHR_OK) {
        phr_err_set(err, rc, "no memory for a push");

    } else if (phr_push_check(p, &st, g, err) == PHR_OK) {

        /*
         * Groups that differ in nothing but empty labels have the same
         * series, of which the second one must not even have the time of
         * its failure: nothing is recorded then.
         */

        if (g->push_ms == 0) {
            g->mode = p->o.mode;
            g->ttl_ms = p->o.ttl_ms;
        }

        g->push_ms = now_ms;

        rc = phr_push_apply(p, app, g, &st, now_ms, err);
    }

    phr_push_state_destroy(&st);

    return rc;
}


static void
phr_push_key(phr_labels_t labels, char *key)
{
    int       i;
    uint64_t  hash;

    hash = phr_labels_hash(labels);

    for (i = 15; i >= 0; i--) {
        key[i] = "0123456789abcdef"[hash & 0xf];
        hash >>= 4;
    }

    key[16] = '\0';
}


static int
phr_push_add(phr_push_t *p, phr_push_group_t *g)
{
    phr_push_group_t  **slot;

    slot = phr_array_push(&p->list);
    if (slot == NULL) {
        return PHR_ENOMEM;
    }

    if (phr_map_set(p->groups, phr_str_from_c(g->key), g) != PHR_OK) {
        p->list.nelts--;
        return PHR_ENOMEM;
    }

    *slot = g;

    return PHR_OK;
}


/* markers for all of a group, then nothing is left of it */

static int
phr_push_end(phr_push_t *p, phr_appender_t *app, size_t i, int64_t now_ms,
    phr_err_t *err)
{
    int                 rc;
    char                key[32];
    phr_push_group_t   *g, **list;
    phr_push_state_t    st;

    list = p->list.elts;
    g = list[i];

    rc = phr_push_state_create(&st);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for a push");
    }

    rc = phr_push_apply(p, app, g, &st, now_ms, err);

    phr_push_state_destroy(&st);

    if (rc != PHR_OK) {
        return rc;
    }

    key[0] = PHR_PUSH_KEY_GROUP;
    memcpy(key + 1, g->key, 16);

    rc = app->ops->del(app, PHR_KV_PUSH, phr_str_from(key, 17), err);
    if (rc != PHR_OK) {
        return rc;
    }

    p->ended_ms = phr_max(p->ended_ms, g->row_ms);

    phr_map_delete(p->groups, phr_str_from_c(g->key));
    phr_push_group_destroy(g);

    memmove(&list[i], &list[i + 1], (p->list.nelts - i - 1)
                                    * sizeof(phr_push_group_t *));
    p->list.nelts--;

    return PHR_OK;
}


static int
phr_push_refuse(phr_push_answer_t *answer, int status, const phr_err_t *err)
{
    answer->status = status;
    phr_err_format(err, answer->text, sizeof(answer->text));

    return PHR_OK;
}
