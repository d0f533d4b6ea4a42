/*
 * Copyright (C) The Pharos Authors
 *
 * Type, help and unit of the metrics of one target.  They are kept in
 * memory only: the next scrape brings them again.
 */

#include "ingest/append_impl.h"

#include "core/alloc.h"


/* scrapes after which the metadata of a metric that vanished is forgotten */
#define PHR_SCRAPE_META_KEEP  10


static phr_scrape_meta_t *phr_scrape_meta_create(phr_str_t name);
static void phr_scrape_meta_destroy(phr_scrape_meta_t *m);
static int phr_scrape_meta_copy(phr_str_t *to, phr_str_t s);


int
phr_scrape_meta_set(phr_scrape_t *s, phr_expo_t *p, phr_scrape_meta_t **out)
{
    int                 rc;
    phr_str_t           name, text;
    phr_scrape_meta_t  *m;

    *out = NULL;

    if (p->event == PHR_EXPO_COMMENT) {
        return PHR_OK;
    }

    phr_arena_reset(s->tmp);

    name = phr_expo_unescape(p, s->tmp, p->name);
    text = phr_expo_unescape(p, s->tmp, p->text);

    if (name.data == NULL || text.data == NULL) {
        return phr_arena_rc(s->tmp);
    }

    m = phr_map_get(s->meta_map, name);

    if (m == NULL) {
        if (phr_map_count(s->meta_map) >= PHR_SCRAPE_MAX_METADATA) {
            return PHR_OK;
        }

        m = phr_scrape_meta_create(name);
        if (m == NULL) {
            return PHR_ENOMEM;
        }

        if (phr_map_set(s->meta_map, name, m) != PHR_OK) {
            phr_scrape_meta_destroy(m);
            return PHR_ENOMEM;
        }
    }

    rc = PHR_OK;

    if (p->event == PHR_EXPO_TYPE) {
        m->md.type = p->type;

    } else if (p->event == PHR_EXPO_HELP) {
        text.len = phr_min(text.len, PHR_SCRAPE_MAX_HELP);
        rc = phr_scrape_meta_copy(&m->md.help, text);

    } else {
        rc = phr_scrape_meta_copy(&m->md.unit, text);
    }

    m->iter = s->iter;
    *out = m;

    return rc;
}


void
phr_scrape_meta_purge(phr_scrape_t *s)
{
    void               *value;
    size_t              pos;
    phr_str_t           key;
    phr_scrape_meta_t  *m;

    pos = 0;

    while (phr_map_next(s->meta_map, &pos, &key, &value)) {
        m = value;

        if (s->iter - m->iter > PHR_SCRAPE_META_KEEP) {
            phr_map_delete(s->meta_map, key);
            phr_scrape_meta_destroy(m);
        }
    }
}


void
phr_scrape_meta_clear(phr_scrape_t *s)
{
    void       *value;
    size_t      pos;
    phr_str_t   key;

    if (s->meta_map == NULL) {
        return;
    }

    pos = 0;

    while (phr_map_next(s->meta_map, &pos, &key, &value)) {
        phr_map_delete(s->meta_map, key);
        phr_scrape_meta_destroy(value);
    }
}


int
phr_scrape_metadata(const phr_scrape_t *s, size_t *pos, phr_metadata_t *md)
{
    void       *value;
    phr_str_t   key;

    if (!phr_map_next(s->meta_map, pos, &key, &value)) {
        return 0;
    }

    *md = ((phr_scrape_meta_t *) value)->md;

    return 1;
}


int
phr_scrape_metadata_of(const phr_scrape_t *s, phr_str_t metric,
    phr_metadata_t *md)
{
    phr_scrape_meta_t  *m;

    m = phr_map_get(s->meta_map, metric);
    if (m == NULL) {
        return PHR_NOTFOUND;
    }

    *md = m->md;

    return PHR_OK;
}


static phr_scrape_meta_t *
phr_scrape_meta_create(phr_str_t name)
{
    phr_scrape_meta_t  *m;

    m = phr_calloc(1, sizeof(phr_scrape_meta_t));
    if (m == NULL) {
        return NULL;
    }

    if (phr_scrape_meta_copy(&m->md.metric, name) != PHR_OK
        || phr_scrape_meta_copy(&m->md.help, phr_str_of("")) != PHR_OK
        || phr_scrape_meta_copy(&m->md.unit, phr_str_of("")) != PHR_OK)
    {
        phr_scrape_meta_destroy(m);
        return NULL;
    }

    return m;
}


static void
phr_scrape_meta_destroy(phr_scrape_meta_t *m)
{
    phr_free((char *) m->md.metric.data);
    phr_free((char *) m->md.help.data);
    phr_free((char *) m->md.unit.data);
    phr_free(m);
}


static int
phr_scrape_meta_copy(phr_str_t *to, phr_str_t s)
{
    char  *copy;

    if (to->data != NULL && phr_str_eq(*to, s)) {
        return PHR_OK;
    }

    copy = phr_strdup(s.data, s.len);
    if (copy == NULL) {
        return PHR_ENOMEM;
    }

    phr_free((char *) to->data);

    *to = phr_str_from(copy, s.len);

    return PHR_OK;
}
