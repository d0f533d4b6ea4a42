/*
 * Copyright (C) The Pharos Authors
 *
 * Regex parser: the shape of a pattern, sequences of sets of strings.  Sets
 * that grow beyond a bound become "anything else", never an error.
 */

#include "core/regex_int.h"


/* a set may be that large; beyond it is left to the library */
#define PHR_REGEX_MAX_SET     20000
#define PHR_REGEX_MAX_BYTES   (4 * 1024 * 1024)


static int phr_regex_product(phr_regex_parser_t *ps, phr_regex_item_t *a,
    const phr_regex_item_t *b);


int
phr_regex_append(phr_regex_parser_t *ps, phr_regex_shape_t *to,
    const phr_regex_item_t *item)
{
    phr_regex_item_t  *last;

    if (item->kind == PHR_REGEX_SET && item->n == 1 && item->s[0].len == 0) {
        return PHR_OK;
    }

    last = to->n ? &to->items[to->n - 1] : NULL;

    if (last != NULL && last->kind == PHR_REGEX_SET
        && item->kind == PHR_REGEX_SET)
    {
        return phr_regex_product(ps, last, item);
    }

    if (last != NULL && last->kind == PHR_REGEX_OTHER
        && item->kind == PHR_REGEX_OTHER)
    {
        return PHR_OK;
    }

    if (to->n == PHR_REGEX_ITEMS) {
        last->kind = PHR_REGEX_OTHER;
        return PHR_OK;
    }

    to->items[to->n++] = *item;

    return PHR_OK;
}


/* a becomes all strings of a followed by one of b */

static int
phr_regex_product(phr_regex_parser_t *ps, phr_regex_item_t *a,
    const phr_regex_item_t *b)
{
    char              *p;
    size_t             i, j, bytes;
    phr_regex_item_t   set;

    bytes = 0;

    for (i = 0; i < a->n; i++) {
        bytes += a->s[i].len * b->n;
    }

    for (j = 0; j < b->n; j++) {
        bytes += b->s[j].len * a->n;
    }

    ps->set_bytes += bytes;

    if (a->n * b->n > PHR_REGEX_MAX_SET
        || ps->set_bytes > PHR_REGEX_MAX_BYTES)
    {
        a->kind = PHR_REGEX_OTHER;
        return PHR_OK;
    }

    set.kind = PHR_REGEX_SET;
    set.n = a->n * b->n;
    set.nalloc = set.n;
    set.s = phr_arena_alloc(ps->arena, set.n * sizeof(phr_str_t));
    p = phr_arena_alloc(ps->arena, bytes);

    if (set.s == NULL || p == NULL) {
        return phr_regex_nomem(ps);
    }

    for (i = 0; i < a->n; i++) {
        for (j = 0; j < b->n; j++) {
            set.s[i * b->n + j] = phr_str_from(p, a->s[i].len + b->s[j].len);
            memcpy(p, a->s[i].data, a->s[i].len);
            memcpy(p + a->s[i].len, b->s[j].data, b->s[j].len);
            p += a->s[i].len + b->s[j].len;
        }
    }

    *a = set;

    return PHR_OK;
}


int
phr_regex_add(phr_regex_parser_t *ps, phr_regex_item_t *set, phr_str_t s)
{
    size_t      nalloc;
    phr_str_t  *bigger;

    if (set->n == set->nalloc) {
        nalloc = set->nalloc ? set->nalloc * 2 : 1;

        bigger = phr_arena_grow(ps->arena, set->s,
                                set->n * sizeof(phr_str_t),
                                nalloc * sizeof(phr_str_t));
        if (bigger == NULL) {
            return phr_regex_nomem(ps);
        }

        set->s = bigger;
        set->nalloc = nalloc;
    }

    set->s[set->n++] = s;

    return PHR_OK;
}


int
phr_regex_union(phr_regex_parser_t *ps, phr_regex_shape_t *to,
    const phr_regex_shape_t *from)
{
    int                rc;
    size_t             i;
    phr_regex_item_t  *set;

    set = &to->items[0];

    if (to->n == 0) {
        memset(set, 0, sizeof(*set));
        to->n = 1;

        rc = phr_regex_add(ps, set, phr_str_of(""));
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (to->n > 1 || set->kind != PHR_REGEX_SET || from->n > 1
        || (from->n == 1 && from->items[0].kind != PHR_REGEX_SET)
        || set->n + (from->n ? from->items[0].n : 1) > PHR_REGEX_MAX_SET)
    {
        memset(set, 0, sizeof(*set));
        set->kind = PHR_REGEX_OTHER;
        to->n = 1;
        return PHR_OK;
    }

    if (from->n == 0) {
        return phr_regex_add(ps, set, phr_str_of(""));
    }

    for (i = 0; i < from->items[0].n; i++) {
        rc = phr_regex_add(ps, set, from->items[0].s[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}
