/*
 * Copyright (C) The Pharos Authors
 *
 * Regex shape: sequences of sets of strings.  Sets that grow beyond a bound
 * become "anything else", never an error.
 */

#include "core/regex_shape.h"

#include "core/buf.h"
#include "core/utf8.h"


/* a character class may be that large to count as a set of strings */
#define PHR_REGEX_MAX_CLASS   16

/* sets that are multiplied out, "(a|b)(c|d)", have that many strings */
#define PHR_REGEX_MAX_SET     4096

/* what all sets may take: at least this, and so much per byte of pattern */
#define PHR_REGEX_SET_BYTES   65536
#define PHR_REGEX_SET_FACTOR  32

#define PHR_REGEX_MAX_PREFIX  256


typedef struct {
    phr_arena_t  *arena;
    size_t        bytes;        /* left for sets */
} phr_regex_shaper_t;


static void phr_regex_unanchor_end(phr_regex_node_t *node, int begin,
    int *empty);
static int phr_regex_shape_of(phr_regex_shaper_t *sr,
    const phr_regex_node_t *node, phr_regex_shape_t *out);
static int phr_regex_shape_class(phr_regex_shaper_t *sr,
    const phr_regex_set_t *set, phr_regex_shape_t *out);
static int phr_regex_shape_repeat(phr_regex_shaper_t *sr,
    const phr_regex_node_t *node, phr_regex_shape_t *out);
static int phr_regex_concat(phr_regex_shaper_t *sr, phr_regex_shape_t *to,
    const phr_regex_shape_t *from);
static int phr_regex_append(phr_regex_shaper_t *sr, phr_regex_shape_t *to,
    const phr_regex_item_t *item);
static int phr_regex_product(phr_regex_shaper_t *sr, phr_regex_item_t *a,
    const phr_regex_item_t *b);
static int phr_regex_union(phr_regex_shaper_t *sr, phr_regex_shape_t *to,
    const phr_regex_shape_t *from);
static int phr_regex_add(phr_regex_shaper_t *sr, phr_regex_item_t *set,
    phr_str_t s);
static void phr_regex_other(phr_regex_shape_t *out);
static int phr_regex_prefix_add(const phr_regex_node_t *node, phr_buf_t *b);
static int phr_regex_prefix_alt(const phr_regex_node_t *node, phr_buf_t *b);


phr_regex_node_t *
phr_regex_unanchor(phr_regex_node_t *root)
{
    int                empty;
    phr_regex_node_t  *only, *sub;

    phr_regex_unanchor_end(root, 1, &empty);
    phr_regex_unanchor_end(root, 0, &empty);

    if (root->kind != PHR_REGEX_CAT) {
        return root;
    }

    /* what is left between them, if it is one */

    only = NULL;

    for (sub = root->sub; sub != NULL; sub = sub->next) {
        if (sub->kind == PHR_REGEX_EMPTY) {
            continue;
        }

        if (only != NULL) {
            return root;
        }

        only = sub;
    }

    return only ? only : root;
}


/* at one end; *empty: nothing is left of the node */

static void
phr_regex_unanchor_end(phr_regex_node_t *node, int begin, int *empty)
{
    int                 all, one;
    uint32_t            what;
    phr_regex_node_t   *sub, *last;

    *empty = 0;

    switch (node->kind) {

    case PHR_REGEX_EMPTY:
        *empty = 1;
        return;

    case PHR_REGEX_ASSERT:
        what = begin ? PHR_REGEX_BEGIN | PHR_REGEX_BOL
                     : PHR_REGEX_END | PHR_REGEX_EOL;

        if (node->arg & what) {
            node->kind = PHR_REGEX_EMPTY;
            *empty = 1;
        }

        return;

    case PHR_REGEX_CAT:
        sub = node->sub;

        if (begin) {
            for ( /* void */ ; sub != NULL; sub = sub->next) {
                phr_regex_unanchor_end(sub, begin, &one);
                if (!one) {
                    return;
                }
            }

            *empty = 1;
            return;
        }

        for (last = sub; sub->next != NULL; sub = sub->next) {
            if (sub->next->kind != PHR_REGEX_EMPTY) {
                last = sub->next;
            }
        }

        phr_regex_unanchor_end(last, begin, &one);
        return;

    case PHR_REGEX_ALT:
        all = 1;

        for (sub = node->sub; sub != NULL; sub = sub->next) {
            phr_regex_unanchor_end(sub, begin, &one);
            all &= one;
        }

        *empty = all;
        return;

    case PHR_REGEX_GROUP:
        phr_regex_unanchor_end(node->sub, begin, empty);
        return;

    default:
        return;
    }
}


int
phr_regex_shape(phr_arena_t *arena, const phr_regex_node_t *root,
    size_t pattern_len, phr_regex_shape_t *shape)
{
    phr_regex_shaper_t  sr;

    sr.arena = arena;
    sr.bytes = PHR_REGEX_SET_BYTES + pattern_len * PHR_REGEX_SET_FACTOR;

    return phr_regex_shape_of(&sr, root, shape);
}


static int
phr_regex_shape_of(phr_regex_shaper_t *sr, const phr_regex_node_t *node,
    phr_regex_shape_t *out)
{
    int                      rc;
    phr_regex_shape_t        part;
    const phr_regex_node_t  *sub;

    memset(out, 0, sizeof(*out));

    switch (node->kind) {

    case PHR_REGEX_EMPTY:
        return PHR_OK;

    case PHR_REGEX_TEXT:
        out->n = 1;
        return phr_regex_add(sr, &out->items[0], node->text);

    case PHR_REGEX_CLASS:
        return phr_regex_shape_class(sr, &node->set, out);

    case PHR_REGEX_GROUP:
        return phr_regex_shape_of(sr, node->sub, out);

    case PHR_REGEX_REPEAT:
        return phr_regex_shape_repeat(sr, node, out);

    case PHR_REGEX_ASSERT:
        phr_regex_other(out);
        return PHR_OK;

    case PHR_REGEX_CAT:
    case PHR_REGEX_ALT:
        break;
    }

    for (sub = node->sub; sub != NULL; sub = sub->next) {
        rc = phr_regex_shape_of(sr, sub,
                                sub == node->sub
                                && node->kind == PHR_REGEX_ALT ? out : &part);

        if (rc == PHR_OK && node->kind == PHR_REGEX_CAT) {
            rc = phr_regex_concat(sr, out, &part);

        } else if (rc == PHR_OK && sub != node->sub) {
            rc = phr_regex_union(sr, out, &part);
        }

        if (rc != PHR_OK) {
            return rc;
        }

        /* nothing can change that any more */

        if (node->kind == PHR_REGEX_ALT && out->n == 1
            && out->items[0].kind == PHR_REGEX_OTHER)
        {
            break;
        }
    }

    return PHR_OK;
}


static int
phr_regex_shape_class(phr_regex_shaper_t *sr, const phr_regex_set_t *set,
    phr_regex_shape_t *out)
{
    int        rc;
    char       text[4];
    size_t     i, n;
    uint32_t   c;
    phr_str_t  s;

    if (set->n == 1 && set->r[0].lo == 0
        && set->r[0].hi == PHR_REGEX_MAX_RUNE)
    {
        out->n = 1;
        out->items[0].kind = PHR_REGEX_DOT;
        return PHR_OK;
    }

    for (i = 0, n = 0; i < set->n && n <= PHR_REGEX_MAX_CLASS; i++) {
        n += set->r[i].hi - set->r[i].lo + 1;
    }

    if (n == 0 || n > PHR_REGEX_MAX_CLASS) {
        phr_regex_other(out);
        return PHR_OK;
    }

    out->n = 1;

    for (i = 0; i < set->n; i++) {
        for (c = set->r[i].lo; c <= set->r[i].hi; c++) {
            n = phr_utf8_encode(text, c);

            if (n == 0 || c == PHR_REGEX_BAD_RUNE) {
                memset(out, 0, sizeof(*out));
                phr_regex_other(out);
                return PHR_OK;
            }

            s = phr_arena_str(sr->arena, phr_str_from(text, n));
            if (s.data == NULL) {
                return phr_arena_rc(sr->arena);
            }

            rc = phr_regex_add(sr, &out->items[0], s);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    return PHR_OK;
}


static int
phr_regex_shape_repeat(phr_regex_shaper_t *sr, const phr_regex_node_t *node,
    phr_regex_shape_t *out)
{
    int                rc;
    phr_regex_item_t  *item;

    item = &out->items[0];

    if (node->min == 0 && node->max == 0) {
        return PHR_OK;
    }

    if (node->min > 1 || (node->max > 1) || node->sub->kind == PHR_REGEX_CAT)
    {
        phr_regex_other(out);
        return PHR_OK;
    }

    rc = phr_regex_shape_of(sr, node->sub, out);
    if (rc != PHR_OK) {
        return rc;
    }

    if (node->min == 1 && node->max == 1) {
        return PHR_OK;
    }

    if (out->n == 1 && item->kind == PHR_REGEX_DOT && node->max < 0) {
        item->kind = node->min ? PHR_REGEX_PLUS : PHR_REGEX_STAR;
        return PHR_OK;
    }

    if (out->n == 1 && item->kind == PHR_REGEX_SET && node->max == 1) {
        return phr_regex_add(sr, item, phr_str_of(""));
    }

    if (out->n > 0) {
        phr_regex_other(out);
    }

    return PHR_OK;
}


static void
phr_regex_other(phr_regex_shape_t *out)
{
    memset(&out->items[0], 0, sizeof(out->items[0]));
    out->items[0].kind = PHR_REGEX_OTHER;
    out->n = 1;
}


static int
phr_regex_concat(phr_regex_shaper_t *sr, phr_regex_shape_t *to,
    const phr_regex_shape_t *from)
{
    int     rc;
    size_t  i;

    rc = PHR_OK;

    for (i = 0; rc == PHR_OK && i < from->n; i++) {
        rc = phr_regex_append(sr, to, &from->items[i]);
    }

    return rc;
}


static int
phr_regex_append(phr_regex_shaper_t *sr, phr_regex_shape_t *to,
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
        return phr_regex_product(sr, last, item);
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
phr_regex_product(phr_regex_shaper_t *sr, phr_regex_item_t *a,
    const phr_regex_item_t *b)
{
    char              *p;
    size_t             i, j, bytes, n;
    phr_regex_item_t   set;

    n = a->n * b->n;
    bytes = n * sizeof(phr_str_t);

    for (i = 0; i < a->n; i++) {
        bytes += a->s[i].len * b->n;
    }

    for (j = 0; j < b->n; j++) {
        bytes += b->s[j].len * a->n;
    }

    if ((n > PHR_REGEX_MAX_SET && a->n > 1 && b->n > 1) || bytes > sr->bytes)
    {
        a->kind = PHR_REGEX_OTHER;
        return PHR_OK;
    }

    sr->bytes -= bytes;

    memset(&set, 0, sizeof(set));
    set.n = n;
    set.nalloc = n;
    set.s = phr_arena_alloc(sr->arena, n * sizeof(phr_str_t));
    p = phr_arena_alloc(sr->arena, bytes);

    if (set.s == NULL || p == NULL) {
        return phr_arena_rc(sr->arena);
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


static int
phr_regex_add(phr_regex_shaper_t *sr, phr_regex_item_t *set, phr_str_t s)
{
    size_t      nalloc;
    phr_str_t  *bigger;

    phr_yield(PHR_REGEX_UNITS);

    if (set->n == set->nalloc) {
        nalloc = set->nalloc ? set->nalloc * 2 : 1;

        bigger = phr_arena_grow(sr->arena, set->s,
                                set->n * sizeof(phr_str_t),
                                nalloc * sizeof(phr_str_t));
        if (bigger == NULL) {
            return phr_arena_rc(sr->arena);
        }

        set->s = bigger;
        set->nalloc = nalloc;
    }

    set->s[set->n++] = s;

    return PHR_OK;
}


static int
phr_regex_union(phr_regex_shaper_t *sr, phr_regex_shape_t *to,
    const phr_regex_shape_t *from)
{
    int                rc;
    size_t             i;
    phr_regex_item_t  *set;

    set = &to->items[0];

    if (to->n == 0) {
        memset(set, 0, sizeof(*set));
        to->n = 1;

        rc = phr_regex_add(sr, set, phr_str_of(""));
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (to->n > 1 || set->kind != PHR_REGEX_SET || from->n > 1
        || (from->n == 1 && from->items[0].kind != PHR_REGEX_SET))
    {
        phr_regex_other(to);
        return PHR_OK;
    }

    if (from->n == 0) {
        return phr_regex_add(sr, set, phr_str_of(""));
    }

    for (i = 0; i < from->items[0].n; i++) {
        rc = phr_regex_add(sr, set, from->items[0].s[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


int
phr_regex_prefix_of(phr_arena_t *arena, const phr_regex_node_t *root,
    phr_str_t *prefix)
{
    int        rc;
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    (void) phr_regex_prefix_add(root, &b);

    rc = b.failed;

    if (rc == PHR_OK) {
        *prefix = phr_arena_str(arena, phr_buf_view(&b));
        rc = prefix->data ? PHR_OK : phr_arena_rc(arena);
    }

    phr_buf_free(&b);

    return rc;
}


/* appends what all matches of the node begin with; 1 if that is all of it */

static int
phr_regex_prefix_add(const phr_regex_node_t *node, phr_buf_t *b)
{
    const phr_regex_node_t  *sub;

    if (b->len > PHR_REGEX_MAX_PREFIX) {
        return 0;
    }

    switch (node->kind) {

    case PHR_REGEX_EMPTY:
        return 1;

    case PHR_REGEX_TEXT:
        phr_buf_str(b, node->text);
        return 1;

    case PHR_REGEX_GROUP:
        return phr_regex_prefix_add(node->sub, b);

    case PHR_REGEX_REPEAT:
        return node->min > 0 && phr_regex_prefix_add(node->sub, b)
               && node->min == 1 && node->max == 1;

    case PHR_REGEX_CAT:
        for (sub = node->sub; sub != NULL; sub = sub->next) {
            if (!phr_regex_prefix_add(sub, b)) {
                return 0;
            }
        }

        return 1;

    case PHR_REGEX_ALT:
        return phr_regex_prefix_alt(node, b);

    default:
        return 0;
    }
}


/* what the branches have in common */

static int
phr_regex_prefix_alt(const phr_regex_node_t *node, phr_buf_t *b)
{
    size_t                   k, len, start;
    const phr_regex_node_t  *sub;

    start = b->len;
    (void) phr_regex_prefix_add(node->sub, b);

    for (sub = node->sub->next; sub != NULL; sub = sub->next) {
        len = b->len;
        (void) phr_regex_prefix_add(sub, b);

        for (k = 0; start + k < len && len + k < b->len; k++) {
            if (b->data[start + k] != b->data[len + k]) {
                break;
            }
        }

        b->len = start + k;
    }

    return 0;
}


phr_str_t
phr_regex_required(const phr_regex_node_t *root)
{
    phr_str_t                one, longest;
    const phr_regex_node_t  *sub;

    switch (root->kind) {

    case PHR_REGEX_TEXT:
        return root->text;

    case PHR_REGEX_GROUP:
        return phr_regex_required(root->sub);

    case PHR_REGEX_REPEAT:
        return root->min > 0 ? phr_regex_required(root->sub)
                             : phr_str_of("");

    case PHR_REGEX_CAT:
        longest = phr_str_of("");

        for (sub = root->sub; sub != NULL; sub = sub->next) {
            one = phr_regex_required(sub);

            if (one.len > longest.len) {
                longest = one;
            }
        }

        return longest;

    default:
        return phr_str_of("");
    }
}
