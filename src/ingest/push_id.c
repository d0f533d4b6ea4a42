/*
 * Copyright (C) The Pharos Authors
 *
 * Ids of push requests: a request that comes again with the id of one before
 * gets the answer of that one and changes nothing.  So many are known, the
 * oldest give way; those that changed something are in the store, too.
 */

#include "ingest/push.h"

#include "ingest/push_impl.h"

#include <stdlib.h>

#include "core/alloc.h"


/* what loading collects */
typedef struct {
    phr_array_t  ids;           /* phr_push_id_t * */
    phr_err_t   *err;
} phr_push_id_load_t;


static int phr_push_id_collect(void *data, phr_str_t key, phr_str_t value);
static int phr_push_id_cmp(const void *a, const void *b);
static int phr_push_id_add(phr_push_t *p, phr_appender_t *app,
    phr_push_id_t *id, phr_err_t *err);
static int phr_push_id_key(char *key, phr_str_t id);
static void phr_push_id_destroy(phr_push_id_t *id);


int
phr_push_id_load(phr_push_t *p, phr_appender_t *app, phr_err_t *err)
{
    int                  rc;
    char                 first;
    size_t               i;
    phr_push_id_t      **ids;
    phr_push_id_load_t   load;

    first = PHR_PUSH_KEY_ID;
    load.err = err;
    phr_array_init(&load.ids, sizeof(phr_push_id_t *));

    rc = app->ops->each(app, PHR_KV_PUSH, phr_str_from(&first, 1),
                        phr_push_id_collect, &load, err);

    ids = load.ids.elts;

    if (load.ids.nelts != 0) {
        qsort(ids, load.ids.nelts, sizeof(phr_push_id_t *), phr_push_id_cmp);
    }

    for (i = 0; i < load.ids.nelts; i++) {

        if (rc == PHR_OK) {
            rc = phr_push_id_add(p, app, ids[i], err);
        } else {
            phr_push_id_destroy(ids[i]);
        }
    }

    phr_array_free(&load.ids);

    return rc;
}


static int
phr_push_id_collect(void *data, phr_str_t key, phr_str_t value)
{
    int                  rc;
    phr_push_id_t       *id, **slot;
    phr_push_id_load_t  *load;

    load = data;

    key.data++;
    key.len--;

    rc = phr_push_id_decode(key, value, &id, load->err);
    if (rc != PHR_OK) {
        return rc;
    }

    slot = phr_array_push(&load->ids);
    if (slot == NULL) {
        phr_push_id_destroy(id);
        return phr_err_set(load->err, PHR_ENOMEM, "no memory for request "
                           "ids");
    }

    *slot = id;

    return PHR_OK;
}


static int
phr_push_id_cmp(const void *a, const void *b)
{
    const phr_push_id_t  *x, *y;

    x = *(phr_push_id_t *const *) a;
    y = *(phr_push_id_t *const *) b;

    return (x->t_ms > y->t_ms) - (x->t_ms < y->t_ms);
}


void
phr_push_id_clear(phr_push_t *p)
{
    size_t           i;
    phr_push_id_t  **ids;

    ids = p->ring.elts;

    for (i = 0; i < p->ring.nelts; i++) {
        phr_push_id_destroy(ids[i]);
    }

    phr_map_destroy(p->ids);
    phr_array_free(&p->ring);
    phr_array_init(&p->ring, sizeof(phr_push_id_t *));

    p->ring_next = 0;
    p->ids = NULL;
}


const phr_push_id_t *
phr_push_id_find(const phr_push_t *p, const phr_push_request_t *r)
{
    return r->id.len ? phr_map_get(p->ids, r->id) : NULL;
}


/* only what changed something need be known after a restart */

int
phr_push_id_keep(phr_push_t *p, phr_appender_t *app,
    const phr_push_request_t *r, const phr_push_answer_t *answer,
    phr_err_t *err)
{
    int             rc;
    char            key[PHR_PUSH_MAX_ID + 1];
    phr_buf_t       b;
    phr_push_id_t  *id;

    if (r->id.len == 0 || r->id.len > PHR_PUSH_MAX_ID || p->o.max_ids == 0) {
        return PHR_OK;
    }

    id = phr_calloc(1, sizeof(phr_push_id_t));
    if (id == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for request ids");
    }

    id->answer = *answer;
    id->t_ms = r->now_ms;
    id->kept = answer->status < 300;
    id->len = r->id.len;
    id->id = phr_strdup(r->id.data, r->id.len);

    if (id->id == NULL) {
        phr_push_id_destroy(id);
        return phr_err_set(err, PHR_ENOMEM, "no memory for request ids");
    }

    if (id->kept) {
        phr_buf_init(&b, 0);
        phr_push_id_encode(&b, id);

        rc = b.failed;

        if (rc == PHR_OK) {
            rc = app->ops->put(app, PHR_KV_PUSH,
                               phr_str_from(key, (size_t)
                                            phr_push_id_key(key, r->id)),
                               phr_buf_view(&b), err);
        } else {
            phr_err_set(err, rc, "no memory for request ids");
        }

        phr_buf_free(&b);

        if (rc != PHR_OK) {
            phr_push_id_destroy(id);
            return rc;
        }
    }

    return phr_push_id_add(p, app, id, err);
}


/* takes over the id; the oldest gives way */

static int
phr_push_id_add(phr_push_t *p, phr_appender_t *app, phr_push_id_t *id,
    phr_err_t *err)
{
    int              rc;
    char             key[PHR_PUSH_MAX_ID + 1];
    phr_str_t        name;
    phr_push_id_t  **slot, *old;

    rc = PHR_OK;
    name = phr_str_from(id->id, id->len);

    if (p->o.max_ids == 0 || id->len > PHR_PUSH_MAX_ID) {
        phr_push_id_destroy(id);
        return PHR_OK;
    }

    if (phr_map_set(p->ids, name, id) != PHR_OK) {
        phr_push_id_destroy(id);
        return phr_err_set(err, PHR_ENOMEM, "no memory for request ids");
    }

    if (p->ring.nelts < p->o.max_ids) {
        slot = phr_array_push(&p->ring);

        if (slot == NULL) {
            phr_map_delete(p->ids, name);
            phr_push_id_destroy(id);
            return phr_err_set(err, PHR_ENOMEM, "no memory for request ids");
        }

    } else {
        p->ring_next %= p->ring.nelts;
        slot = phr_array_get(&p->ring, phr_push_id_t *, p->ring_next);
        p->ring_next++;

        old = *slot;
        phr_map_delete(p->ids, phr_str_from(old->id, old->len));

        if (old->kept) {
            name = phr_str_from(old->id, old->len);
            rc = app->ops->del(app, PHR_KV_PUSH,
                               phr_str_from(key, (size_t)
                                            phr_push_id_key(key, name)),
                               err);
        }

        phr_push_id_destroy(old);
    }

    *slot = id;

    return rc;
}


static int
phr_push_id_key(char *key, phr_str_t id)
{
    key[0] = PHR_PUSH_KEY_ID;
    memcpy(key + 1, id.data, id.len);

    return (int) id.len + 1;
}


static void
phr_push_id_destroy(phr_push_id_t *id)
{
    phr_free(id->id);
    phr_free(id);
}
