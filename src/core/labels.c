/*
 * Copyright (C) The Pharos Authors
 *
 * Labels: lookup, order, hashes, the canonical encoding, and the builder.
 * Sets are small (ten labels are usual), so everything is a linear scan
 * over a sorted array.
 */

#include "core/labels.h"

#include "core/bytes.h"
#include "core/map.h"
#include "core/utf8.h"


/* of a builder's array at its start */
#define PHR_LABELS_MIN       8

/* labels that a decoder holds before it knows how many there are */
#define PHR_LABELS_DECODE    32

/* bytes hashed at once by the hashes of parts of a set */
#define PHR_LABELS_HASH_BUF  512


typedef struct {
    size_t   n;
    uint8_t  data[PHR_LABELS_HASH_BUF];
} phr_labels_hasher_t;


static phr_str_t phr_labels_place_str(char **p, phr_str_t s);
static void phr_labels_hash_bytes(phr_labels_hasher_t *h, phr_str_t s);
static void phr_labels_hash_label(phr_labels_hasher_t *h,
    const phr_label_t *l);
static int phr_labels_listed(const phr_str_t *names, size_t n, phr_str_t s);
static size_t phr_labels_next_ignoring(phr_labels_t ls, size_t i,
    const phr_str_t *names, size_t n);
static phr_label_t *phr_labels_array(phr_arena_t *a, const phr_label_t *l,
    size_t n, size_t nalloc);
static void phr_labels_format_one(phr_buf_t *b, const phr_label_t *l);
static int phr_name_valid(phr_str_t s, int colon);
static phr_label_t *phr_labels_builder_find(const phr_labels_builder_t *b,
    phr_str_t name);
static void phr_labels_builder_filter(phr_labels_builder_t *b,
    const phr_str_t *names, size_t n, int keep);


static const phr_label_t  phr_labels_none[1];
static const phr_str_t    phr_labels_metric_name = phr_str(PHR_METRIC_NAME);


phr_str_t
phr_labels_get(phr_labels_t ls, phr_str_t name)
{
    size_t  i;

    for (i = 0; i < ls.n; i++) {
        if (phr_str_eq(ls.l[i].name, name)) {
            return ls.l[i].value;
        }
    }

    return phr_str_of("");
}


int
phr_labels_has(phr_labels_t ls, phr_str_t name)
{
    return phr_labels_get(ls, name).len != 0;
}


int
phr_labels_cmp(phr_labels_t a, phr_labels_t b)
{
    int     rc;
    size_t  i;

    for (i = 0; i < a.n && i < b.n; i++) {
        rc = phr_str_cmp(a.l[i].name, b.l[i].name);
        if (rc != 0) {
            return rc;
        }

        rc = phr_str_cmp(a.l[i].value, b.l[i].value);
        if (rc != 0) {
            return rc;
        }
    }

    return (a.n > b.n) - (a.n < b.n);
}


int
phr_labels_copy(phr_arena_t *a, phr_labels_t ls, phr_labels_t *out)
{
    void  *bytes;

    out->l = phr_labels_none;
    out->n = 0;

    if (ls.n == 0) {
        return PHR_OK;
    }

    bytes = phr_arena_alloc(a, phr_labels_bytes(ls));
    if (bytes == NULL) {
        out->l = NULL;
        return phr_arena_rc(a);
    }

    *out = phr_labels_place(bytes, ls);

    return PHR_OK;
}


size_t
phr_labels_bytes(phr_labels_t ls)
{
    size_t  i, size;

    size = ls.n * sizeof(phr_label_t);

    for (i = 0; i < ls.n; i++) {
        size += ls.l[i].name.len + ls.l[i].value.len;
    }

    return size;
}


/* the array, then the bytes of all */
phr_labels_t
phr_labels_place(void *bytes, phr_labels_t ls)
{
    char          *p;
    size_t         i;
    phr_label_t   *l;
    phr_labels_t   out;

    l = bytes;
    p = (char *) &l[ls.n];

    for (i = 0; i < ls.n; i++) {
        l[i].name = phr_labels_place_str(&p, ls.l[i].name);
        l[i].value = phr_labels_place_str(&p, ls.l[i].value);
    }

    out.l = l;
    out.n = ls.n;

    return out;
}


static phr_str_t
phr_labels_place_str(char **p, phr_str_t s)
{
    phr_str_t  out;

    out = phr_str_from(*p, s.len);

    if (s.len != 0) {
        memcpy(*p, s.data, s.len);
        *p += s.len;
    }

    return out;
}


uint64_t
phr_labels_hash(phr_labels_t ls)
{
    size_t       i, n;
    uint8_t      len[20];
    phr_xxh64_t  x;

    phr_xxh64_init(&x);

    for (i = 0; i < ls.n; i++) {
        n = phr_put_uvarint(len, ls.l[i].name.len);
        phr_xxh64_update(&x, len, n);
        phr_xxh64_update(&x, ls.l[i].name.data, ls.l[i].name.len);

        n = phr_put_uvarint(len, ls.l[i].value.len);
        phr_xxh64_update(&x, len, n);
        phr_xxh64_update(&x, ls.l[i].value.data, ls.l[i].value.len);
    }

    return phr_xxh64_final(&x);
}


uint64_t
phr_labels_hash_on(phr_labels_t ls, const phr_str_t *names, size_t n)
{
    int                  rc;
    size_t               i, j;
    phr_labels_hasher_t  h;

    h.n = 0;
    i = 0;
    j = 0;

    while (i < ls.n && j < n) {
        rc = phr_str_cmp(ls.l[i].name, names[j]);

        if (rc < 0) {
            i++;

        } else if (rc > 0) {
            j++;

        } else {
            phr_labels_hash_label(&h, &ls.l[i]);
            i++;
            j++;
        }
    }

    return phr_hash(h.data, h.n);
}


uint64_t
phr_labels_hash_ignoring(phr_labels_t ls, const phr_str_t *names, size_t n)
{
    size_t               i;
    phr_labels_hasher_t  h;

    h.n = 0;

    for (i = phr_labels_next_ignoring(ls, 0, names, n);
         i < ls.n;
         i = phr_labels_next_ignoring(ls, i + 1, names, n))
    {
        phr_labels_hash_label(&h, &ls.l[i]);
    }

    return phr_hash(h.data, h.n);
}


int
phr_labels_eq_on(phr_labels_t a, phr_labels_t b, const phr_str_t *names,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!phr_str_eq(phr_labels_get(a, names[i]),
                        phr_labels_get(b, names[i])))
        {
            return 0;
        }
    }

    return 1;
}


int
phr_labels_eq_ignoring(phr_labels_t a, phr_labels_t b,
    const phr_str_t *names, size_t n)
{
    size_t  i, j;

    i = 0;
    j = 0;

    for ( ;; ) {
        i = phr_labels_next_ignoring(a, i, names, n);
        j = phr_labels_next_ignoring(b, j, names, n);

        if (i == a.n || j == b.n) {
            return i == a.n && j == b.n;
        }

        if (!phr_str_eq(a.l[i].name, b.l[j].name)
            || !phr_str_eq(a.l[i].value, b.l[j].value))
        {
            return 0;
        }

        i++;
        j++;
    }
}


void
phr_labels_encode(phr_buf_t *b, phr_labels_t ls)
{
    size_t  i;

    for (i = 0; i < ls.n; i++) {
        phr_buf_uvarint(b, ls.l[i].name.len);
        phr_buf_str(b, ls.l[i].name);
        phr_buf_uvarint(b, ls.l[i].value.len);
        phr_buf_str(b, ls.l[i].value);
    }
}


int
phr_labels_decode(phr_arena_t *a, const uint8_t *p, size_t len,
    phr_labels_t *out)
{
    size_t          n, nalloc;
    phr_label_t    *l, *bigger, few[PHR_LABELS_DECODE];
    const uint8_t  *end;

    out->l = phr_labels_none;
    out->n = 0;

    if (len == 0) {
        return PHR_OK;
    }

    end = p + len;
    n = 0;
    l = few;
    nalloc = PHR_LABELS_DECODE;

    while (p < end) {

        if (n == nalloc) {
            bigger = phr_labels_array(a, l, n, 2 * nalloc);
            if (bigger == NULL) {
                return phr_arena_rc(a);
            }

            l = bigger;
            nalloc *= 2;
        }

        if (phr_get_str(&p, end, &l[n].name) != PHR_OK
            || phr_get_str(&p, end, &l[n].value) != PHR_OK
            || l[n].value.len == 0
            || (n > 0 && phr_str_cmp(l[n - 1].name, l[n].name) >= 0))
        {
            return PHR_ECORRUPT;
        }

        n++;
    }

    if (l == few) {
        l = phr_labels_array(a, few, n, n);
        if (l == NULL) {
            return phr_arena_rc(a);
        }
    }

    out->l = l;
    out->n = n;

    return PHR_OK;
}


/* a copy of n labels with room for nalloc */
static phr_label_t *
phr_labels_array(phr_arena_t *a, const phr_label_t *l, size_t n,
    size_t nalloc)
{
    phr_label_t  *copy;

    copy = phr_arena_alloc(a, nalloc * sizeof(phr_label_t));
    if (copy != NULL) {
        memcpy(copy, l, n * sizeof(phr_label_t));
    }

    return copy;
}


void
phr_labels_format(phr_buf_t *b, phr_labels_t ls)
{
    int        first;
    size_t     i;
    phr_str_t  name;

    name = phr_labels_get(ls, phr_labels_metric_name);
    first = 1;

    if (name.len != 0 && phr_metric_name_valid(name)) {
        phr_buf_str(b, name);

        if (ls.n == 1) {
            return;
        }

        phr_buf_putc(b, '{');

    } else {
        phr_buf_putc(b, '{');

        if (name.len != 0) {
            phr_utf8_quote(b, name);
            first = 0;
        }
    }

    for (i = 0; i < ls.n; i++) {
        if (phr_str_eq(ls.l[i].name, phr_labels_metric_name)) {
            continue;
        }

        if (!first) {
            phr_buf_puts(b, ", ");
        }

        phr_labels_format_one(b, &ls.l[i]);
        first = 0;
    }

    phr_buf_putc(b, '}');
}


int
phr_metric_name_valid(phr_str_t s)
{
    return phr_name_valid(s, 1);
}


int
phr_label_name_valid(phr_str_t s)
{
    return phr_name_valid(s, 0);
}


void
phr_labels_builder_init(phr_labels_builder_t *b, phr_arena_t *arena,
    phr_labels_t from)
{
    b->arena = arena;
    b->n = 0;
    b->nalloc = from.n + PHR_LABELS_MIN;
    b->failed = PHR_OK;

    b->l = phr_arena_alloc(arena, b->nalloc * sizeof(phr_label_t));
    if (b->l == NULL) {
        b->nalloc = 0;
        b->failed = phr_arena_rc(arena);
        return;
    }

    if (from.n != 0) {
        memcpy(b->l, from.l, from.n * sizeof(phr_label_t));
        b->n = from.n;
    }
}


void
phr_labels_builder_set(phr_labels_builder_t *b, phr_str_t name,
    phr_str_t value)
{
    phr_label_t  *l;

    if (value.len == 0) {
        phr_labels_builder_del(b, name);
        return;
    }

    l = phr_labels_builder_find(b, name);
    if (l != NULL) {
        l->value = value;
        return;
    }

    if (b->failed != PHR_OK) {
        return;
    }

    if (b->n == b->nalloc) {
        l = phr_arena_grow(b->arena, b->l, b->nalloc * sizeof(phr_label_t),
                           2 * b->nalloc * sizeof(phr_label_t));
        if (l == NULL) {
            b->failed = phr_arena_rc(b->arena);
            return;
        }

        b->l = l;
        b->nalloc *= 2;
    }

    b->l[b->n].name = name;
    b->l[b->n].value = value;
    b->n++;
}


void
phr_labels_builder_del(phr_labels_builder_t *b, phr_str_t name)
{
    phr_label_t  *l, *last;

    l = phr_labels_builder_find(b, name);
    if (l == NULL) {
        return;
    }

    last = &b->l[b->n - 1];
    memmove(l, l + 1, (size_t) (last - l) * sizeof(phr_label_t));
    b->n--;
}


phr_str_t
phr_labels_builder_get(const phr_labels_builder_t *b, phr_str_t name)
{
    phr_label_t  *l;

    l = phr_labels_builder_find(b, name);

    return l ? l->value : phr_str_of("");
}


void
phr_labels_builder_keep(phr_labels_builder_t *b, const phr_str_t *names,
    size_t n)
{
    phr_labels_builder_filter(b, names, n, 1);
}


void
phr_labels_builder_drop(phr_labels_builder_t *b, const phr_str_t *names,
    size_t n)
{
    phr_labels_builder_filter(b, names, n, 0);
}


int
phr_labels_build(phr_labels_builder_t *b, phr_labels_t *out)
{
    size_t        i, j;
    phr_label_t  *l, key;

    out->l = phr_labels_none;
    out->n = 0;

    if (b->failed != PHR_OK || b->n == 0) {
        return b->failed;
    }

    l = phr_arena_alloc(b->arena, b->n * sizeof(phr_label_t));
    if (l == NULL) {
        b->failed = phr_arena_rc(b->arena);
        return b->failed;
    }

    /* by insertion: the labels are few, and sorted but for the last ones */

    for (i = 0; i < b->n; i++) {
        key = b->l[i];

        for (j = i; j > 0 && phr_str_cmp(l[j - 1].name, key.name) > 0; j--) {
            l[j] = l[j - 1];
        }

        l[j] = key;
    }

    out->l = l;
    out->n = b->n;

    return PHR_OK;
}


/*
 * Bytes are collected; when the buffer is full, its hash takes its place.
 * Equal input is cut at equal places, hence equal hashes.
 */

static void
phr_labels_hash_bytes(phr_labels_hasher_t *h, phr_str_t s)
{
    size_t    n;
    uint64_t  fold;

    while (s.len != 0) {

        if (h->n == sizeof(h->data)) {
            fold = phr_hash(h->data, h->n);
            memcpy(h->data, &fold, sizeof(fold));
            h->n = sizeof(fold);
        }

        n = phr_min(s.len, sizeof(h->data) - h->n);
        memcpy(h->data + h->n, s.data, n);

        h->n += n;
        s.data += n;
        s.len -= n;
    }
}


/* 0xff is in no UTF-8 text and so ends each part */

static void
phr_labels_hash_label(phr_labels_hasher_t *h, const phr_label_t *l)
{
    phr_labels_hash_bytes(h, l->name);
    phr_labels_hash_bytes(h, phr_str_of("\xff"));
    phr_labels_hash_bytes(h, l->value);
    phr_labels_hash_bytes(h, phr_str_of("\xff"));
}


static int
phr_labels_listed(const phr_str_t *names, size_t n, phr_str_t s)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (phr_str_eq(names[i], s)) {
            return 1;
        }
    }

    return 0;
}


/* the first label from i on that is neither listed nor the metric name */

static size_t
phr_labels_next_ignoring(phr_labels_t ls, size_t i, const phr_str_t *names,
    size_t n)
{
    while (i < ls.n
           && (phr_str_eq(ls.l[i].name, phr_labels_metric_name)
               || phr_labels_listed(names, n, ls.l[i].name)))
    {
        i++;
    }

    return i;
}


static void
phr_labels_format_one(phr_buf_t *b, const phr_label_t *l)
{
    if (phr_label_name_valid(l->name)) {
        phr_buf_str(b, l->name);

    } else {
        phr_utf8_quote(b, l->name);
    }

    phr_buf_putc(b, '=');
    phr_utf8_quote(b, l->value);
}


static int
phr_name_valid(phr_str_t s, int colon)
{
    char    c;
    size_t  i;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
            || (c == ':' && colon) || (c >= '0' && c <= '9' && i > 0))
        {
            continue;
        }

        return 0;
    }

    return s.len != 0;
}


static phr_label_t *
phr_labels_builder_find(const phr_labels_builder_t *b, phr_str_t name)
{
    size_t  i;

    for (i = 0; i < b->n; i++) {
        if (phr_str_eq(b->l[i].name, name)) {
            return &b->l[i];
        }
    }

    return NULL;
}


static void
phr_labels_builder_filter(phr_labels_builder_t *b, const phr_str_t *names,
    size_t n, int keep)
{
    size_t  i, j;

    for (i = 0, j = 0; i < b->n; i++) {
        if (phr_labels_listed(names, n, b->l[i].name) == keep) {
            b->l[j++] = b->l[i];
        }
    }

    b->n = j;
}
