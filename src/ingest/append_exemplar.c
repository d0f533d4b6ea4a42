/*
 * Copyright (C) The Pharos Authors
 *
 * Exemplars of a scrape: noted while its lines are read, and offered to the
 * store once their samples are appended.  A line that is the same as at the
 * scrape before has nothing new and is not looked at.  One that cannot be
 * kept is no reason to refuse anything.
 */

#include "ingest/append_impl.h"

#include <stdlib.h>

#include "core/alloc.h"


/* labels of all that one scrape has; what is beyond is left out */
#define PHR_SCRAPE_EXEMPLAR_BYTES  (16 * 1024 * 1024)

/* offered at once */
#define PHR_SCRAPE_EXEMPLARS       64


typedef struct {
    uint32_t        line;
    phr_exemplar_t  e;
} phr_scrape_exemplar_t;

struct phr_scrape_exemplars_s {
    phr_arena_t  *arena;        /* labels */
    phr_array_t   noted;        /* of phr_scrape_exemplar_t */
};


static phr_scrape_exemplars_t *phr_scrape_exemplars(phr_scrape_pass_t *pass);
static int phr_scrape_exemplar_add(phr_scrape_exemplars_t *x, uint32_t line,
    const phr_exemplar_t *e);
static int phr_scrape_exemplar_cmp(const void *a, const void *b);


int
phr_scrape_exemplar_line(phr_scrape_pass_t *pass)
{
    int                      rc;
    phr_exemplar_t           e;
    phr_scrape_exemplars_t  *x;

    x = phr_scrape_exemplars(pass);
    if (x == NULL) {
        return PHR_ENOMEM;
    }

    rc = phr_expo_exemplar(&pass->p, x->arena, &e);

    if (rc == PHR_OK) {
        rc = phr_scrape_exemplar_add(x, (uint32_t) pass->nlines, &e);
    }

    return rc == PHR_ENOMEM ? rc : PHR_OK;
}


int
phr_scrape_exemplar(phr_scrape_pass_t *pass, const phr_exemplar_t *e)
{
    int                      rc;
    phr_exemplar_t           copy;
    phr_scrape_exemplars_t  *x;

    x = phr_scrape_exemplars(pass);
    if (x == NULL) {
        return PHR_ENOMEM;
    }

    copy = *e;
    rc = phr_labels_copy(x->arena, e->labels, &copy.labels);

    if (rc == PHR_OK) {
        rc = phr_scrape_exemplar_add(x, (uint32_t) pass->nlines, &copy);
    }

    return rc == PHR_ENOMEM ? rc : PHR_OK;
}


void
phr_scrape_exemplars_reset(phr_scrape_pass_t *pass)
{
    if (pass->exemplars != NULL) {
        phr_arena_reset(pass->exemplars->arena);
        pass->exemplars->noted.nelts = 0;
    }
}


void
phr_scrape_exemplars_free(phr_scrape_pass_t *pass)
{
    if (pass->exemplars != NULL) {
        phr_arena_destroy(pass->exemplars->arena);
        phr_array_free(&pass->exemplars->noted);
        phr_free(pass->exemplars);
        pass->exemplars = NULL;
    }
}


int
phr_scrape_exemplars_write(phr_scrape_pass_t *pass, phr_err_t *err)
{
    int                      rc;
    size_t                   i, n;
    int8_t                   status[PHR_SCRAPE_EXEMPLARS];
    phr_sid_t                sid[PHR_SCRAPE_EXEMPLARS];
    phr_exemplar_t           e[PHR_SCRAPE_EXEMPLARS];
    const phr_scrape_line_t *line;
    phr_scrape_exemplars_t  *x;
    phr_scrape_exemplar_t   *noted;

    x = pass->exemplars;

    if (x == NULL || x->noted.nelts == 0) {
        return PHR_OK;
    }

    /* several of one series are stored in order of time */

    noted = x->noted.elts;
    qsort(noted, x->noted.nelts, sizeof(phr_scrape_exemplar_t),
          phr_scrape_exemplar_cmp);

    n = 0;
    rc = PHR_OK;

    for (i = 0; i < x->noted.nelts && rc == PHR_OK; i++) {
        line = &pass->lines[noted[i].line];

        if (line->stage == PHR_STAGE_NONE) {
            continue;
        }

        sid[n] = phr_array_get(&pass->s->slots, phr_scrape_slot_t,
                               line->slot)->sid;
        e[n] = noted[i].e;

        if (!e[n].has_t) {
            e[n].t_ms = line->stage == PHR_STAGE_TIMED ? line->t_ms
                                                       : pass->t_ms;
        }

        if (++n == PHR_SCRAPE_EXEMPLARS) {
            rc = pass->app->ops->exemplars(pass->app, sid, e, n, status, err);
            n = 0;
        }
    }

    if (rc == PHR_OK && n > 0) {
        rc = pass->app->ops->exemplars(pass->app, sid, e, n, status, err);
    }

    return rc;
}


static phr_scrape_exemplars_t *
phr_scrape_exemplars(phr_scrape_pass_t *pass)
{
    phr_scrape_exemplars_t  *x;

    if (pass->exemplars != NULL) {
        return pass->exemplars;
    }

    x = phr_malloc(sizeof(phr_scrape_exemplars_t));
    if (x == NULL) {
        return NULL;
    }

    phr_array_init(&x->noted, sizeof(phr_scrape_exemplar_t));
    x->arena = phr_arena_create(PHR_SCRAPE_EXEMPLAR_BYTES);

    if (x->arena == NULL) {
        phr_free(x);
        return NULL;
    }

    pass->exemplars = x;

    return x;
}


static int
phr_scrape_exemplar_add(phr_scrape_exemplars_t *x, uint32_t line,
    const phr_exemplar_t *e)
{
    phr_scrape_exemplar_t  *noted;

    noted = phr_array_push(&x->noted);
    if (noted == NULL) {
        return PHR_ENOMEM;
    }

    noted->line = line;
    noted->e = *e;

    return PHR_OK;
}


static int
phr_scrape_exemplar_cmp(const void *a, const void *b)
{
    const phr_scrape_exemplar_t  *x, *y;

    x = a;
    y = b;

    if (x->line != y->line) {
        return x->line < y->line ? -1 : 1;
    }

    if (x->e.t_ms != y->e.t_ms) {
        return x->e.t_ms < y->e.t_ms ? -1 : 1;
    }

    if (x->e.v != y->e.v) {
        return x->e.v < y->e.v ? -1 : 1;
    }

    return phr_labels_cmp(x->e.labels, y->e.labels);
}
