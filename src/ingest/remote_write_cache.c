/*
 * Copyright (C) The Pharos Authors
 *
 * From the labels of a series, as they were sent, to its id.  The labels are
 * not kept but 96 bits of two hashes of them: 16 bytes a series instead of
 * some 200.  Two of ten million series would be taken for the same with a
 * probability of 1e-15.  An id that the store has given up is harmless: it
 * refuses it, and it is asked for again.
 */

#include "ingest/remote_write_impl.h"

#include "core/alloc.h"


#define PHR_REMOTE_CACHE_MIN     1024

/* who chooses labels that collide is not cached, and costs only himself */
#define PHR_REMOTE_CACHE_PROBES  64


static phr_remote_entry_t *phr_remote_table_find(const phr_remote_table_t *t,
    const phr_remote_print_t *print);
static int phr_remote_table_grow(phr_remote_table_t *t);
static void phr_remote_table_free(phr_remote_table_t *t);


int
phr_remote_cache_get(phr_remote_cache_t *c, const phr_remote_print_t *print,
    phr_sid_t *sid)
{
    phr_remote_entry_t  *e;

    e = phr_remote_table_find(&c->young, print);

    if (phr_likely(e != NULL && e->hash != 0)) {
        *sid = e->sid;
        return PHR_OK;
    }

    e = phr_remote_table_find(&c->old, print);

    if (e == NULL || e->hash == 0) {
        return PHR_NOTFOUND;
    }

    *sid = e->sid;
    phr_remote_cache_set(c, print, *sid);

    return PHR_OK;
}


void
phr_remote_cache_set(phr_remote_cache_t *c, const phr_remote_print_t *print,
    phr_sid_t sid)
{
    phr_remote_table_t  *t;
    phr_remote_entry_t  *e;

    t = &c->young;

    if (c->max != 0 && t->n >= c->max) {
        phr_remote_table_free(&c->old);
        c->old = *t;
        memset(t, 0, sizeof(phr_remote_table_t));
    }

    /* probes stay short below three quarters */

    if ((t->e == NULL || t->n >= t->mask - t->mask / 4)
        && phr_remote_table_grow(t) != PHR_OK)
    {
        return;
    }

    e = phr_remote_table_find(t, print);
    if (e == NULL) {
        return;
    }

    if (e->hash == 0) {
        e->hash = print->hash;
        e->check = print->check;
        t->n++;
    }

    e->sid = sid;
}


void
phr_remote_cache_clear(phr_remote_cache_t *c)
{
    phr_remote_table_free(&c->young);
    phr_remote_table_free(&c->old);
}


/* the entry, or the free one where it belongs; NULL if there is none */

static phr_remote_entry_t *
phr_remote_table_find(const phr_remote_table_t *t,
    const phr_remote_print_t *print)
{
    size_t               i, at;
    phr_remote_entry_t  *e;

    if (t->e == NULL) {
        return NULL;
    }

    at = (size_t) print->hash;

    for (i = 0; i < PHR_REMOTE_CACHE_PROBES; i++) {
        e = &t->e[(at + i) & t->mask];

        if (e->hash == 0
            || (e->hash == print->hash && e->check == print->check))
        {
            return e;
        }
    }

    return NULL;
}


static int
phr_remote_table_grow(phr_remote_table_t *t)
{
    size_t               i, size;
    phr_remote_entry_t  *e;
    phr_remote_table_t   to;
    phr_remote_print_t   print;

    size = t->e != NULL ? (t->mask + 1) * 2 : PHR_REMOTE_CACHE_MIN;

    to.e = phr_calloc(size, sizeof(phr_remote_entry_t));
    if (to.e == NULL) {
        return PHR_ENOMEM;
    }

    to.mask = size - 1;
    to.n = 0;

    for (i = 0; t->e != NULL && i <= t->mask; i++) {

        if (t->e[i].hash == 0) {
            continue;
        }

        print.hash = t->e[i].hash;
        print.check = t->e[i].check;

        e = phr_remote_table_find(&to, &print);

        if (e != NULL) {
            *e = t->e[i];
            to.n++;
        }
    }

    phr_free(t->e);
    *t = to;

    return PHR_OK;
}


static void
phr_remote_table_free(phr_remote_table_t *t)
{
    phr_free(t->e);
    memset(t, 0, sizeof(phr_remote_table_t));
}
