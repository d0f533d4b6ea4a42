/*
 * Copyright (C) The Pharos Authors
 *
 * A push group and the store: rows, markers for what is gone, the record,
 * and the indexes over all groups.
 */

#include "ingest/push_impl.h"

#include "core/alloc.h"


typedef struct {
    phr_sid_t           *sid;
    double              *v;
    int64_t             *t_ms;
    phr_push_series_t  **series;    /* NULL for markers */
    int8_t              *status;
    size_t               n;
    void                *mem;
} phr_push_row_t;


static int phr_push_row_create(phr_push_row_t *row, size_t n);
static int phr_push_resolve(phr_appender_t *app, phr_arena_t *tmp,
    phr_push_series_t *s, phr_err_t *err);
static void phr_push_row_add(phr_push_row_t *row, phr_push_series_t *s);
static int phr_push_row_append(phr_appender_t *app, phr_push_group_t *g,
    phr_push_row_t *row, int64_t t_ms, phr_err_t *err);
static int phr_push_row_again(phr_appender_t *app, phr_push_group_t *g,
    phr_push_row_t *row, int64_t t_ms, phr_err_t *err);
static int phr_push_source(phr_appender_t *app, phr_push_group_t *g,
    int timed, uint32_t *id, phr_err_t *err);
static int phr_push_row_all(phr_appender_t *app, phr_push_row_t *row,
    const phr_push_state_t *st, phr_err_t *err);
static int phr_push_put(phr_appender_t *app, phr_push_group_t *g,
    phr_err_t *err);
static int phr_push_ahead(const phr_push_group_t *g, int64_t t_ms);


/*
 * The last row is not older: many pushes came at once.  One that is further
 * ahead was written before the clock was set back.
 */

static int
phr_push_ahead(const phr_push_group_t *g, int64_t t_ms)
{
    return t_ms <= g->row_ms && g->row_ms - t_ms < PHR_PUSH_AHEAD_MS;
}


int
phr_push_apply(phr_push_t *p, phr_appender_t *app, phr_push_group_t *g,
    phr_push_state_t *st, int64_t t_ms, phr_err_t *err)
{
    int                  rc;
    size_t               n;
    phr_push_row_t       row;
    phr_push_family_t   *f;
    phr_push_series_t   *s, *now;

    rc = phr_push_row_create(&row, st->nseries + g->state.nseries);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for a push");
    }

    /* ids that are known go over to the new state; the rest has ended */

    for (f = g->state.first; f != NULL; f = f->next) {
        for (s = f->first; s != NULL; s = s->next) {
            now = phr_map_get(st->series, phr_push_hash_key(&s->hash));

            if (now != NULL) {
                now->sid = s->sid;
                now->has_sid = s->has_sid;
            }
        }
    }

    rc = phr_push_row_all(app, &row, st, err);

    for (f = g->state.first; f != NULL && rc == PHR_OK; f = f->next) {
        for (s = f->first; s != NULL && rc == PHR_OK; s = s->next) {

            if (phr_map_get(st->series, phr_push_hash_key(&s->hash)) != NULL)
            {
                continue;
            }

            /* after a restart the id of what ends is not known */

            rc = phr_push_resolve(app, st->arena, s, err);

            if (rc == PHR_OK) {
                n = row.n;
                phr_push_row_add(&row, s);
                row.v[n] = phr_double_from_bits(PHR_STALE_NAN_BITS);
                row.series[n] = NULL;

            } else if (rc == PHR_ELIMIT || rc == PHR_ELABELS) {
                rc = PHR_OK;
            }
        }
    }

    if (rc != PHR_OK) {
        goto done;
    }

    /* pushes of one millisecond follow each other */

    if (phr_push_ahead(g, t_ms)) {
        t_ms = g->row_ms + 1;
    }

    rc = phr_push_row_append(app, g, &row, t_ms, err);
    if (rc != PHR_OK) {
        goto done;
    }

    p->newest_ms = t_ms;

    phr_push_unindex(p, g);
    phr_push_state_destroy(&g->state);

    phr_map_destroy(st->families);
    phr_map_destroy(st->series);
    st->families = NULL;
    st->series = NULL;

    g->state = *st;
    g->row_ms = t_ms;
    memset(st, 0, sizeof(phr_push_state_t));

    if (g->state.nseries == 0) {
        goto done;
    }

    rc = phr_push_index(p, g);

    if (rc == PHR_OK) {
        rc = phr_push_put(app, g, err);

    } else {
        phr_err_set(err, rc, "no memory for a push");
    }

done:

    phr_free(row.mem);

    return rc;
}


int
phr_push_repeat(phr_appender_t *app, phr_push_group_t *g, int64_t t_ms,
    phr_err_t *err)
{
    int             rc;
    phr_push_row_t  row;

    if (phr_push_ahead(g, t_ms)) {
        return PHR_OK;
    }

    rc = phr_push_row_create(&row, g->state.nseries);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for a push group");
    }

    rc = phr_push_row_all(app, &row, &g->state, err);

    if (rc == PHR_ELIMIT || rc == PHR_ELABELS) {

        /* the store takes no more: what has an id goes on */
        rc = PHR_OK;
    }

    if (rc == PHR_OK) {
        rc = phr_push_row_append(app, g, &row, t_ms, err);
    }

    if (rc == PHR_OK) {
        g->row_ms = t_ms;
    }

    phr_free(row.mem);

    return rc;
}


int
phr_push_index(phr_push_t *p, phr_push_group_t *g)
{
    phr_push_type_t    *t;
    phr_push_family_t  *f;
    phr_push_series_t  *s;

    for (f = g->state.first; f != NULL; f = f->next) {

        t = phr_map_get(p->types, f->name);

        if (t == NULL) {
            t = phr_calloc(1, sizeof(phr_push_type_t));
            if (t == NULL) {
                return PHR_ENOMEM;
            }

            t->type = f->type;
            t->help_len = f->help.len;
            t->help = phr_strdup(f->help.data, f->help.len);

            if (t->help == NULL || phr_map_set(p->types, f->name, t)) {
                phr_free(t->help);
                phr_free(t);
                return PHR_ENOMEM;
            }
        }

        t->ngroups++;

        for (s = f->first; s != NULL; s = s->next) {
            if (phr_map_set(p->owners, phr_push_hash_key(&s->hash), g)
                != PHR_OK)
            {
                return PHR_ENOMEM;
            }
        }
    }

    return PHR_OK;
}


void
phr_push_unindex(phr_push_t *p, phr_push_group_t *g)
{
    phr_push_type_t    *t;
    phr_push_family_t  *f;
    phr_push_series_t  *s;

    for (f = g->state.first; f != NULL; f = f->next) {

        t = phr_map_get(p->types, f->name);

        if (t != NULL && --t->ngroups == 0) {
            phr_map_delete(p->types, f->name);
            phr_free(t->help);
            phr_free(t);
        }

        for (s = f->first; s != NULL; s = s->next) {
            if (phr_map_get(p->owners, phr_push_hash_key(&s->hash)) == g) {
                phr_map_delete(p->owners, phr_push_hash_key(&s->hash));
            }
        }
    }
}


static int
phr_push_row_create(phr_push_row_t *row, size_t n)
{
    char  *mem;

    n++;

    mem = phr_malloc(n * (sizeof(double) + sizeof(int64_t)
                          + sizeof(phr_push_series_t *) + sizeof(phr_sid_t)
                          + sizeof(int8_t)));
    if (mem == NULL) {
        return PHR_ENOMEM;
    }

    row->mem = mem;
    row->n = 0;
    row->v = (double *) mem;
    row->t_ms = (int64_t *) (row->v + n);
    row->series = (phr_push_series_t **) (row->t_ms + n);
    row->sid = (phr_sid_t *) (row->series + n);
    row->status = (int8_t *) (row->sid + n);

    return PHR_OK;
}


/* all series of a state, those without an id asked for */

static int
phr_push_row_all(phr_appender_t *app, phr_push_row_t *row,
    const phr_push_state_t *st, phr_err_t *err)
{
    int                 rc, limit;
    phr_arena_t        *tmp;
    phr_push_family_t  *f;
    phr_push_series_t  *s;

    tmp = phr_arena_create(0);
    if (tmp == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
    }

    rc = PHR_OK;
    limit = PHR_OK;

    for (f = st->first; f != NULL; f = f->next) {
        for (s = f->first; s != NULL; s = s->next) {

            phr_arena_reset(tmp);

            rc = phr_push_resolve(app, tmp, s, err);

            if (rc == PHR_OK) {
                phr_push_row_add(row, s);

            } else if (rc == PHR_ELIMIT || rc == PHR_ELABELS) {
                limit = rc;

            } else {
                goto done;
            }
        }
    }

    rc = limit;

done:

    phr_arena_destroy(tmp);

    return rc;
}


static int
phr_push_resolve(phr_appender_t *app, phr_arena_t *tmp, phr_push_series_t *s,
    phr_err_t *err)
{
    int           rc;
    phr_labels_t  ls;

    if (s->has_sid) {
        return PHR_OK;
    }

    rc = phr_push_store_labels(tmp, s->labels, &ls);
    if (rc != PHR_OK) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
    }

    rc = app->ops->series(app, ls, &s->sid, err);

    s->has_sid = rc == PHR_OK;

    return rc;
}


static void
phr_push_row_add(phr_push_row_t *row, phr_push_series_t *s)
{
    row->sid[row->n] = s->sid;
    row->v[row->n] = s->v;
    row->series[row->n] = s;
    row->n++;
}


static int
phr_push_row_append(phr_appender_t *app, phr_push_group_t *g,
    phr_push_row_t *row, int64_t t_ms, phr_err_t *err)
{
    int          rc;
    phr_batch_t  b;

    if (row->n == 0) {
        return PHR_OK;
    }

    memset(&b, 0, sizeof(phr_batch_t));

    rc = phr_push_source(app, g, 0, &b.source, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(row->status, PHR_OK, row->n);

    b.t_ms = t_ms;
    b.sid = row->sid;
    b.v = row->v;
    b.h = NULL;
    b.t_each = NULL;
    b.n = row->n;
    b.status = row->status;

    rc = app->ops->append(app, &b, err);
    if (rc < 0) {
        return rc;
    }

    return phr_push_row_again(app, g, row, t_ms, err);
}


/* series that the store has expired meanwhile are asked for again */

static int
phr_push_row_again(phr_appender_t *app, phr_push_group_t *g,
    phr_push_row_t *row, int64_t t_ms, phr_err_t *err)
{
    int                 rc;
    size_t              i, n;
    phr_batch_t         b;
    phr_arena_t        *tmp;
    phr_push_series_t  *s;

    tmp = NULL;
    rc = PHR_OK;
    n = 0;

    for (i = 0; i < row->n; i++) {

        if (row->status[i] != PHR_ENOTFOUND || row->series[i] == NULL) {
            continue;
        }

        if (tmp == NULL) {
            tmp = phr_arena_create(0);
            if (tmp == NULL) {
                return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
            }
        }

        s = row->series[i];
        s->has_sid = 0;

        rc = phr_push_resolve(app, tmp, s, err);

        if (rc == PHR_ELIMIT || rc == PHR_ELABELS) {
            rc = PHR_OK;
            continue;
        }

        if (rc != PHR_OK) {
            goto done;
        }

        row->sid[n] = s->sid;
        row->v[n] = s->v;
        row->t_ms[n] = t_ms;
        n++;
    }

    if (n == 0) {
        goto done;
    }

    memset(&b, 0, sizeof(phr_batch_t));

    rc = phr_push_source(app, g, 1, &b.source, err);
    if (rc != PHR_OK) {
        goto done;
    }

    b.t_ms = t_ms;
    b.sid = row->sid;
    b.v = row->v;
    b.h = NULL;
    b.t_each = row->t_ms;
    b.n = n;
    b.status = row->status;

    rc = app->ops->append(app, &b, err);

done:

    phr_arena_destroy(tmp);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_push_source(phr_appender_t *app, phr_push_group_t *g, int timed,
    uint32_t *id, phr_err_t *err)
{
    int        rc;
    phr_buf_t  name;

    if (timed ? g->has_timed_source : g->has_source) {
        *id = timed ? g->timed_source : g->source;
        return PHR_OK;
    }

    phr_buf_init(&name, 0);
    phr_buf_printf(&name, "push/%s%s", g->key, timed ? "/timed" : "");

    rc = name.failed;

    if (rc == PHR_OK) {
        rc = app->ops->source(app, phr_buf_view(&name), id, err);
    } else {
        phr_err_set(err, rc, "no memory for a push");
    }

    phr_buf_free(&name);

    if (rc != PHR_OK) {
        return rc;
    }

    if (timed) {
        g->timed_source = *id;
        g->has_timed_source = 1;

    } else {
        g->source = *id;
        g->has_source = 1;
    }

    return PHR_OK;
}


static int
phr_push_put(phr_appender_t *app, phr_push_group_t *g, phr_err_t *err)
{
    int        rc;
    char       key[32];
    phr_buf_t  b;

    key[0] = PHR_PUSH_KEY_GROUP;
    memcpy(key + 1, g->key, strlen(g->key));

    phr_buf_init(&b, 0);
    phr_push_record_encode(&b, g);

    rc = b.failed;

    if (rc == PHR_OK) {
        rc = app->ops->put(app, PHR_KV_PUSH,
                           phr_str_from(key, strlen(g->key) + 1),
                           phr_buf_view(&b), err);
    } else {
        phr_err_set(err, rc, "no memory for a push");
    }

    phr_buf_free(&b);

    return rc;
}
