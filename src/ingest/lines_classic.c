/*
 * Copyright (C) The Pharos Authors
 *
 * Lines, classic histograms of the text formats: series of one histogram,
 * which follow each other and differ in nothing but "le", are gathered; what
 * they make stands where the next line begins.  Lines that are no part of a
 * histogram are passed on as they are.
 */

#include "ingest/lines.h"

#include "core/number.h"


typedef enum {
    PHR_CLASSIC_NONE = 0,
    PHR_CLASSIC_BUCKET,
    PHR_CLASSIC_COUNT,
    PHR_CLASSIC_SUM,
} phr_classic_part_e;


typedef struct {
    phr_lines_t    *k;
    phr_expo_t     p;
    phr_arena_t   *tmp;         /* labels of one line, family */
    phr_str_t      family;      /* the last that TYPE named, unescaped */
    phr_arena_t   *gathered;    /* labels of the histogram under way */
    phr_labels_t   labels;      /* those without the name and "le" */
    phr_array_t    exemplars;   /* phr_str_t, of all its lines */
    int64_t        t_ms;
    unsigned       has_t:1;
    unsigned       open:1;      /* one is under way */
} phr_classic_t;


static int phr_classic_lines(phr_classic_t *c);
static int phr_classic_meta(phr_classic_t *c);
static int phr_classic_sample(phr_classic_t *c);
static phr_classic_part_e phr_classic_part(const phr_classic_t *c,
    phr_labels_t ls);
static int phr_classic_gather(phr_classic_t *c, phr_classic_part_e part,
    phr_labels_t ls);
static int phr_classic_begin(phr_classic_t *c, phr_labels_t ls);
static phr_labels_t phr_classic_rest(phr_arena_t *arena, phr_labels_t ls);
static int phr_classic_flush(phr_classic_t *c);


static const phr_str_t  phr_classic_le = phr_str("le");


int
phr_lines_classic(phr_lines_t *k, phr_expo_format_e format, phr_str_t body)
{
    int            rc;
    phr_classic_t  c;

    memset(&c, 0, sizeof(c));
    c.k = k;
    c.family = phr_str_of("");
    k->text = 1;
    phr_array_init(&c.exemplars, sizeof(phr_str_t));
    phr_expo_init(&c.p, format, body);
    c.p.normalize = 0;
    c.tmp = phr_arena_create(0);
    c.gathered = phr_arena_create(0);

    rc = c.tmp != NULL && c.gathered != NULL ? phr_classic_lines(&c)
                                             : PHR_ENOMEM;

    phr_arena_destroy(c.tmp);
    phr_arena_destroy(c.gathered);
    phr_array_free(&c.exemplars);
    phr_expo_free(&c.p);

    return phr_lines_end(k, rc);
}


static int
phr_classic_lines(phr_classic_t *c)
{
    int  rc;

    for ( ;; ) {
        rc = phr_expo_next(&c->p, &c->k->err);

        if (rc == PHR_DONE) {
            return phr_classic_flush(c);
        }

        if (rc != PHR_OK) {
            return rc;
        }

        rc = c->p.event == PHR_EXPO_SAMPLE ? phr_classic_sample(c)
                                           : phr_classic_meta(c);
        if (rc == PHR_OK) {
            rc = phr_lines_failed(c->k);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }
}


static int
phr_classic_meta(phr_classic_t *c)
{
    int         rc;
    phr_str_t   name, text;

    rc = phr_classic_flush(c);

    if (rc != PHR_OK || c->p.event == PHR_EXPO_COMMENT) {
        return rc;
    }

    phr_arena_reset(c->tmp);

    name = phr_expo_unescape(&c->p, c->tmp, c->p.name);
    text = phr_expo_unescape(&c->p, c->tmp, c->p.text);

    if (name.data == NULL || text.data == NULL) {
        return PHR_ENOMEM;
    }

    phr_lines_family(c->k, c->p.event, name, text, c->p.type);

    if (c->p.event == PHR_EXPO_TYPE) {

        /* what was flushed needs no labels any more */

        phr_arena_reset(c->gathered);
        c->family = phr_arena_str(c->gathered, name);

        return c->family.data ? PHR_OK : PHR_ENOMEM;
    }

    return PHR_OK;
}


static int
phr_classic_sample(phr_classic_t *c)
{
    int                  rc;
    phr_expo_t          *p;
    phr_labels_t         ls;
    phr_classic_part_e   part;

    p = &c->p;
    part = PHR_CLASSIC_NONE;

    if (p->type == PHR_METRIC_HISTOGRAM) {
        phr_arena_reset(c->tmp);

        rc = phr_expo_labels(p, c->tmp, &ls, &c->k->err);
        if (rc != PHR_OK) {
            return rc;
        }

        part = phr_classic_part(c, ls);
    }

    rc = part == PHR_CLASSIC_NONE ? phr_classic_flush(c)
                                  : phr_classic_gather(c, part, ls);

    if (rc != PHR_OK || (part != PHR_CLASSIC_NONE && !c->k->o.classic)) {
        return rc;
    }

    /* those of a part are its histogram's, and not the part's, too */

    if (part == PHR_CLASSIC_NONE && p->has_exemplar) {
        rc = phr_lines_exemplar(c->k, p->exemplar);
    }

    phr_buf_append(&c->k->lines, p->start, p->metric_len);
    phr_lines_float(c->k, p->value, p->has_t, p->t_ms);

    return rc;
}


static phr_classic_part_e
phr_classic_part(const phr_classic_t *c, phr_labels_t ls)
{
    double     le;
    size_t     i;
    phr_str_t  name, bound;

    static const struct {
        phr_str_t            suffix;
        phr_classic_part_e   part;
    } parts[] = {
        { phr_str("_bucket"), PHR_CLASSIC_BUCKET },
        { phr_str("_count"),  PHR_CLASSIC_COUNT },
        { phr_str("_sum"),    PHR_CLASSIC_SUM }
    };

    name = phr_labels_get(ls, phr_str_of(PHR_METRIC_NAME));

    if (name.len <= c->family.len
        || memcmp(name.data, c->family.data, c->family.len) != 0)
    {
        return PHR_CLASSIC_NONE;
    }

    name.data += c->family.len;
    name.len -= c->family.len;

    for (i = 0; i < phr_nelems(parts); i++) {

        if (!phr_str_eq(name, parts[i].suffix)) {
            continue;
        }

        if (parts[i].part == PHR_CLASSIC_BUCKET) {
            bound = phr_labels_get(ls, phr_classic_le);

            if (phr_number_parse(bound.data, bound.len, &le) != PHR_OK
                || le != le)
            {
                break;
            }
        }

        return parts[i].part;
    }

    return PHR_CLASSIC_NONE;
}


static int
phr_classic_gather(phr_classic_t *c, phr_classic_part_e part,
    phr_labels_t ls)
{
    int         rc;
    double      le;
    phr_str_t   bound, *exemplar;

    rc = phr_classic_begin(c, ls);
    if (rc != PHR_OK) {
        return rc;
    }

    if (c->p.has_exemplar) {
        exemplar = phr_array_push(&c->exemplars);
        if (exemplar == NULL) {
            return PHR_ENOMEM;
        }

        *exemplar = c->p.exemplar;
    }

    switch (part) {

    case PHR_CLASSIC_BUCKET:
        bound = phr_labels_get(ls, phr_classic_le);

        if (phr_number_parse(bound.data, bound.len, &le) != PHR_OK) {
            return PHR_OK;
        }

        return phr_nhcb_bucket(&c->k->nhcb, le, c->p.value);

    case PHR_CLASSIC_COUNT:
        phr_nhcb_count(&c->k->nhcb, c->p.value);
        return PHR_OK;

    default:
        phr_nhcb_sum(&c->k->nhcb, c->p.value);
        return PHR_OK;
    }
}


/* goes on with the histogram under way, or begins another one */

static int
phr_classic_begin(phr_classic_t *c, phr_labels_t ls)
{
    int           rc;
    phr_str_t     family;
    phr_labels_t  rest;

    rest = phr_classic_rest(c->tmp, ls);
    if (rest.l == NULL) {
        return PHR_ENOMEM;
    }

    if (c->open && phr_labels_cmp(c->labels, rest) == 0) {
        return PHR_OK;
    }

    rc = phr_classic_flush(c);
    if (rc != PHR_OK) {
        return rc;
    }

    family = phr_arena_str(c->tmp, c->family);
    phr_arena_reset(c->gathered);
    c->family = phr_arena_str(c->gathered, family);

    if (family.data == NULL || c->family.data == NULL
        || phr_labels_copy(c->gathered, rest, &c->labels) != PHR_OK)
    {
        return PHR_ENOMEM;
    }

    phr_nhcb_reset(&c->k->nhcb);
    c->exemplars.nelts = 0;
    c->t_ms = c->p.t_ms;
    c->has_t = c->p.has_t;
    c->open = 1;

    return PHR_OK;
}


static phr_labels_t
phr_classic_rest(phr_arena_t *arena, phr_labels_t ls)
{
    size_t        i;
    phr_label_t  *l;
    phr_labels_t  rest;

    l = phr_arena_alloc(arena, (ls.n + 1) * sizeof(phr_label_t));
    rest.l = l;
    rest.n = 0;

    for (i = 0; l != NULL && i < ls.n; i++) {
        if (!phr_str_eq(ls.l[i].name, phr_classic_le)
            && !phr_str_eq(ls.l[i].name, phr_str_of(PHR_METRIC_NAME)))
        {
            l[rest.n++] = ls.l[i];
        }
    }

    return rest;
}


/* writes the histogram under way; one that contradicts itself is left out */

static int
phr_classic_flush(phr_classic_t *c)
{
    int          rc;
    size_t       i;
    phr_hist_t  *h;

    if (!c->open) {
        return PHR_OK;
    }

    c->open = 0;

    rc = phr_nhcb_convert(&c->k->nhcb, c->k->arena, &h, NULL);
    if (rc != PHR_OK) {
        return rc == PHR_EINVAL ? PHR_OK : rc;
    }

    phr_buf_reset(&c->k->labels);

    for (i = 0; i < c->labels.n; i++) {
        phr_lines_label(c->k, c->labels.l[i].name, c->labels.l[i].value);
    }

    for (i = 0; i < c->exemplars.nelts; i++) {
        rc = phr_lines_exemplar(c->k, *phr_array_get(&c->exemplars,
                                                     phr_str_t, i));
        if (rc != PHR_OK) {
            return rc;
        }
    }

    phr_lines_metric(c->k, c->family, "");

    return phr_lines_hist(c->k, h, c->has_t, c->t_ms);
}
