/*
 * Copyright (C) The Pharos Authors
 *
 * Type, help and unit of the metrics of one target.  They are kept in
 * memory only: the next scrape brings them again.  Of a target at rest they
 * are one piece:
 *
 *     +------+----------+----------+----------+------+------+------+
 *     | type | varint n | varint h | varint u | name | help | unit |  ...
 *     +------+----------+----------+----------+------+------+------+
 */

#include "ingest/append_impl.h"

#include "core/alloc.h"
#include "core/bytes.h"


/* scrapes after which the metadata of a metric that vanished is forgotten */
#define PHR_SCRAPE_META_KEEP  10


static phr_scrape_meta_t *phr_scrape_meta_create(phr_str_t name);
static void phr_scrape_meta_destroy(phr_scrape_meta_t *m);
static int phr_scrape_meta_copy(phr_str_t *to, phr_str_t s);
static int phr_scrape_meta_packed(const phr_buf_t *b, size_t *pos,
    phr_metadata_t *md);


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
        phr_scrape_meta_destroy(value);
    }

    phr_map_clear(s->meta_map);
}


int
phr_scrape_meta_pack(phr_scrape_t *s, phr_buf_t *b)
{
    void               *value;
    size_t              pos;
    phr_metadata_t     *md;
    phr_scrape_meta_t  *m;

    pos = 0;

    while (phr_map_next(s->meta_map, &pos, NULL, &value)) {
        m = value;
        md = &m->md;

        if (m->iter != s->iter) {
            return PHR_NOTFOUND;
        }

        phr_buf_putc(b, (char) md->type);
        phr_buf_uvarint(b, md->metric.len);
        phr_buf_uvarint(b, md->help.len);
        phr_buf_uvarint(b, md->unit.len);
        phr_buf_str(b, md->metric);
        phr_buf_str(b, md->help);
        phr_buf_str(b, md->unit);
    }

    return b->failed;
}


int
phr_scrape_meta_unpack(phr_scrape_t *s, const phr_buf_t *b)
{
    size_t              pos;
    phr_metadata_t      md;
    phr_scrape_meta_t  *m;

    pos = 0;

    while (phr_scrape_meta_packed(b, &pos, &md)) {

        m = phr_scrape_meta_create(md.metric);
        if (m == NULL) {
            return PHR_ENOMEM;
        }

        if (phr_scrape_meta_copy(&m->md.help, md.help) != PHR_OK
            || phr_scrape_meta_copy(&m->md.unit, md.unit) != PHR_OK
            || phr_map_set(s->meta_map, md.metric, m) != PHR_OK)
        {
            phr_scrape_meta_destroy(m);
            return PHR_ENOMEM;
        }

        m->md.type = md.type;
        m->iter = s->iter;
    }

    return PHR_OK;
}


static int
phr_scrape_meta_packed(const phr_buf_t *b, size_t *pos, phr_metadata_t *md)
{
    uint64_t        name, help, unit;
    const char     *text;
    const uint8_t  *p, *end;

    if (*pos >= b->len) {
        return 0;
    }

    p = (const uint8_t *) b->data + *pos;
    end = (const uint8_t *) b->data + b->len;
    md->type = (phr_metric_type_e) *p++;

    if (phr_get_uvarint(&p, end, &name) != PHR_OK
        || phr_get_uvarint(&p, end, &help) != PHR_OK
        || phr_get_uvarint(&p, end, &unit) != PHR_OK)
    {
        return 0;
    }

    text = (const char *) p;
    md->metric = phr_str_from(text, name);
    md->help = phr_str_from(text + name, help);
    md->unit = phr_str_from(text + name + help, unit);

    *pos = (size_t) (text - b->data) + name + help + unit;

    return 1;
}


int
phr_scrape_metadata(const phr_scrape_t *s, size_t *pos, phr_metadata_t *md)
{
    void       *value;
    phr_str_t   key;

    if (s->asleep) {
        return phr_scrape_meta_packed(&s->rest.meta, pos, md);
    }

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
    size_t              pos;
    phr_metadata_t      found;
    phr_scrape_meta_t  *m;

    pos = 0;

    while (s->asleep && phr_scrape_meta_packed(&s->rest.meta, &pos, &found)) {
        if (phr_str_eq(found.metric, metric)) {
            *md = found;
            return PHR_OK;
        }
    }

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
