/*
 * Copyright (C) The Pharos Authors
 *
 * Silence: the silences of a process.
 */

#include "notify/silence.h"

#include <stdio.h>

#include "core/alloc.h"
#include "core/array.h"
#include "core/bytes.h"


#define PHR_SILENCE_VERSION  1


/* one silence with all its bytes; an arena of its own holds it */
typedef struct {
    phr_silence_t    pub;
    phr_arena_t     *arena;
    unsigned         dirty:1;
} phr_silence_node_t;

struct phr_silences_s {
    phr_array_t      nodes;     /* phr_silence_node_t * */
    phr_array_t      gone;      /* char[PHR_SILENCE_ID_LEN + 1] */
};


static int phr_silence_check(const phr_silence_t *s, int64_t now_ms,
    phr_err_t *err);
static void phr_silence_uuid(char *id, const uint8_t random[16]);
static int phr_silence_replace(phr_silences_t *ss, phr_silence_node_t *old,
    phr_silence_node_t *node);
static phr_silence_node_t *phr_silence_find(const phr_silences_t *ss,
    const char *id);
static int phr_silence_add(phr_silences_t *ss, const phr_silence_t *s,
    phr_silence_node_t **added, phr_err_t *err);
static int phr_silence_copy(phr_silence_node_t *node, const phr_silence_t *s,
    phr_err_t *err);
static void phr_silence_free(phr_silence_node_t *node);
static int phr_silence_same_matchers(const phr_matchers_t *a,
    const phr_matchers_t *b);
static void phr_silence_encode(phr_buf_t *b, const phr_silence_t *s);
static int phr_silence_decode(phr_arena_t *a, phr_str_t value,
    phr_silence_t *s, phr_err_t *err);


phr_silences_t *
phr_silences_create(void)
{
    phr_silences_t  *ss;

    ss = phr_calloc(1, sizeof(phr_silences_t));

    if (ss != NULL) {
        phr_array_init(&ss->nodes, sizeof(phr_silence_node_t *));
        phr_array_init(&ss->gone, PHR_SILENCE_ID_LEN + 1);
    }

    return ss;
}


void
phr_silences_destroy(phr_silences_t *ss)
{
    size_t  i;

    if (ss == NULL) {
        return;
    }

    for (i = 0; i < ss->nodes.nelts; i++) {
        phr_silence_free(*phr_array_get(&ss->nodes, phr_silence_node_t *, i));
    }

    phr_array_free(&ss->nodes);
    phr_array_free(&ss->gone);
    phr_free(ss);
}


int
phr_silences_set(phr_silences_t *ss, const phr_silence_t *s,
    const uint8_t random[16], int64_t now_ms, const char **id,
    phr_err_t *err)
{
    int                  rc;
    phr_silence_t        made;
    phr_silence_node_t  *old, *node;

    old = NULL;

    if (s->id[0] != '\0') {
        old = phr_silence_find(ss, s->id);

        if (old == NULL) {
            return phr_err_set(err, PHR_ENOTFOUND, "silence not found");
        }
    }

    rc = phr_silence_check(s, now_ms, err);
    if (rc != PHR_OK) {
        return rc;
    }

    made = *s;
    made.updated_ms = now_ms;

    if (old != NULL
        && phr_silence_state(&old->pub, now_ms) != PHR_SILENCE_EXPIRED
        && phr_silence_same_matchers(&old->pub.matchers, &s->matchers))
    {
        /* what has begun keeps its beginning */

        if (phr_silence_state(&old->pub, now_ms) == PHR_SILENCE_ACTIVE) {
            made.starts_ms = old->pub.starts_ms;
        }

        rc = phr_silence_add(ss, &made, &node, err);

        if (rc == PHR_OK) {
            /* the new one stands last: it takes the old one's place */

            ss->nodes.nelts--;
            rc = phr_silence_replace(ss, old, node);
            *id = node->pub.id;
        }

        return rc;
    }

    if (made.starts_ms < now_ms) {
        made.starts_ms = now_ms;
    }

    phr_silence_uuid(made.id, random);

    rc = phr_silence_add(ss, &made, &node, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (old != NULL
        && phr_silence_state(&old->pub, now_ms) != PHR_SILENCE_EXPIRED)
    {
        (void) phr_silences_expire(ss, s->id, now_ms, NULL);
    }

    *id = node->pub.id;

    return PHR_OK;
}


int
phr_silences_expire(phr_silences_t *ss, const char *id, int64_t now_ms,
    phr_err_t *err)
{
    phr_silence_node_t  *node;

    node = phr_silence_find(ss, id);

    if (node == NULL) {
        return phr_err_set(err, PHR_ENOTFOUND, "silence not found");
    }

    switch (phr_silence_state(&node->pub, now_ms)) {
    case PHR_SILENCE_EXPIRED:
        return phr_err_set(err, PHR_EINVAL, "silence %s already expired", id);

    case PHR_SILENCE_PENDING:
        node->pub.starts_ms = now_ms;
        break;

    default:
        break;
    }

    node->pub.ends_ms = now_ms;
    node->pub.updated_ms = now_ms;
    node->dirty = 1;

    return PHR_OK;
}


const phr_silence_t *
phr_silences_get(const phr_silences_t *ss, const char *id)
{
    phr_silence_node_t  *node;

    node = phr_silence_find(ss, id);

    return node ? &node->pub : NULL;
}


size_t
phr_silences_count(const phr_silences_t *ss)
{
    return ss->nodes.nelts;
}


const phr_silence_t *
phr_silences_at(const phr_silences_t *ss, size_t i)
{
    return &(*phr_array_get(&ss->nodes, phr_silence_node_t *, i))->pub;
}


phr_silence_state_e
phr_silence_state(const phr_silence_t *s, int64_t now_ms)
{
    if (now_ms < s->starts_ms) {
        return PHR_SILENCE_PENDING;
    }

    return now_ms < s->ends_ms ? PHR_SILENCE_ACTIVE : PHR_SILENCE_EXPIRED;
}


size_t
phr_silences_match(const phr_silences_t *ss, phr_labels_t labels,
    int64_t now_ms, const phr_silence_t **list, size_t max)
{
    size_t                i, n;
    const phr_silence_t  *s;

    n = 0;

    for (i = 0; i < ss->nodes.nelts; i++) {
        s = phr_silences_at(ss, i);

        if (phr_silence_state(s, now_ms) != PHR_SILENCE_ACTIVE
            || phr_matchers_match(s->matchers.m, s->matchers.n, labels) <= 0)
        {
            continue;
        }

        if (n < max) {
            list[n] = s;
        }

        n++;
    }

    return n;
}


void
phr_silences_clean(phr_silences_t *ss, int64_t now_ms)
{
    char                 *gone;
    size_t                i;
    phr_silence_node_t  **nodes;

    nodes = ss->nodes.elts;

    for (i = ss->nodes.nelts; i > 0; i--) {
        if (nodes[i - 1]->pub.ends_ms + PHR_SILENCE_KEEP_MS > now_ms) {
            continue;
        }

        gone = phr_array_push(&ss->gone);

        if (gone == NULL) {
            return;     /* next time */
        }

        memcpy(gone, nodes[i - 1]->pub.id, PHR_SILENCE_ID_LEN + 1);
        phr_silence_free(nodes[i - 1]);
        nodes[i - 1] = nodes[--ss->nodes.nelts];
    }
}


int
phr_silences_changes(phr_silences_t *ss,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data)
{
    int                   rc;
    char                 *id;
    size_t                i;
    phr_buf_t             b;
    phr_silence_node_t   *node;

    while (ss->gone.nelts > 0) {
        id = (char *) ss->gone.elts
             + (ss->gone.nelts - 1) * (PHR_SILENCE_ID_LEN + 1);

        rc = visit(data, phr_str_from_c(id), phr_str_from(NULL, 0));
        if (rc != PHR_OK) {
            return rc;
        }

        ss->gone.nelts--;
    }

    phr_buf_init(&b, 0);
    rc = PHR_OK;

    for (i = 0; rc == PHR_OK && i < ss->nodes.nelts; i++) {
        node = *phr_array_get(&ss->nodes, phr_silence_node_t *, i);

        if (!node->dirty) {
            continue;
        }

        phr_buf_reset(&b);
        phr_silence_encode(&b, &node->pub);

        rc = b.failed;

        if (rc == PHR_OK) {
            rc = visit(data, phr_str_from_c(node->pub.id), phr_buf_view(&b));
        }

        if (rc == PHR_OK) {
            node->dirty = 0;
        }
    }

    phr_buf_free(&b);

    return rc;
}


void
phr_silences_keep_again(phr_silences_t *ss)
{
    size_t  i;

    for (i = 0; i < ss->nodes.nelts; i++) {
        (*phr_array_get(&ss->nodes, phr_silence_node_t *, i))->dirty = 1;
    }
}


int
phr_silences_restore(phr_silences_t *ss, phr_str_t key, phr_str_t value,
    phr_err_t *err)
{
    int                  rc;
    phr_arena_t         *a;
    phr_silence_t        s;
    phr_silence_node_t  *node;

    if (key.len != PHR_SILENCE_ID_LEN) {
        return phr_err_set(err, PHR_ECORRUPT, "silence: bad key");
    }

    a = phr_arena_create(0);
    if (a == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    memset(&s, 0, sizeof(s));
    memcpy(s.id, key.data, key.len);

    rc = phr_silence_decode(a, value, &s, err);

    if (rc == PHR_OK) {
        rc = phr_silence_add(ss, &s, &node, err);
    }

    if (rc == PHR_OK) {
        node->dirty = 0;
    }

    phr_arena_destroy(a);

    return rc;
}


static int
phr_silence_check(const phr_silence_t *s, int64_t now_ms, phr_err_t *err)
{
    size_t  i;

    if (s->matchers.n == 0) {
        return phr_err_set(err, PHR_EINVAL, "at least one matcher required");
    }

    for (i = 0; i < s->matchers.n; i++) {
        if (phr_matcher_matches(&s->matchers.m[i], phr_str_of("")) <= 0) {
            break;
        }
    }

    if (i == s->matchers.n) {
        return phr_err_set(err, PHR_EINVAL, "at least one matcher must not "
                           "match the empty string");
    }

    if (s->ends_ms < s->starts_ms) {
        return phr_err_set(err, PHR_EINVAL,
                           "end time must not be before start time");
    }

    if (s->ends_ms <= now_ms) {
        return phr_err_set(err, PHR_EINVAL,
                           "end time must not be in the past");
    }

    return PHR_OK;
}


static phr_silence_node_t *
phr_silence_find(const phr_silences_t *ss, const char *id)
{
    size_t               i;
    phr_silence_node_t  *node;

    for (i = 0; i < ss->nodes.nelts; i++) {
        node = *phr_array_get(&ss->nodes, phr_silence_node_t *, i);

        if (strcmp(node->pub.id, id) == 0) {
            return node;
        }
    }

    return NULL;
}


static void
phr_silence_uuid(char *id, const uint8_t random[16])
{
    uint8_t  r[16];

    memcpy(r, random, sizeof(r));
    r[6] = (uint8_t) ((r[6] & 0x0f) | 0x40);
    r[8] = (uint8_t) ((r[8] & 0x3f) | 0x80);

    (void) snprintf(id, PHR_SILENCE_ID_LEN + 1,
                    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                    "%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2], r[3], r[4],
                    r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13],
                    r[14], r[15]);
}


static int
phr_silence_add(phr_silences_t *ss, const phr_silence_t *s,
    phr_silence_node_t **added, phr_err_t *err)
{
    int                   rc;
    phr_arena_t          *a;
    phr_silence_node_t   *node, **slot;

    if (ss->nodes.nelts >= PHR_SILENCE_MAX) {
        return phr_err_set(err, PHR_ELIMIT, "more than %d silences",
                           PHR_SILENCE_MAX);
    }

    a = phr_arena_create(0);
    node = a ? phr_arena_calloc(a, 1, sizeof(phr_silence_node_t)) : NULL;

    if (node == NULL) {
        phr_arena_destroy(a);
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    node->arena = a;
    node->dirty = 1;

    rc = phr_silence_copy(node, s, err);

    if (rc == PHR_OK) {
        slot = phr_array_push(&ss->nodes);

        if (slot != NULL) {
            *slot = node;
            *added = node;
            return PHR_OK;
        }

        rc = phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_silence_free(node);

    return rc;
}


static int
phr_silence_replace(phr_silences_t *ss, phr_silence_node_t *old,
    phr_silence_node_t *node)
{
    size_t                i;
    phr_silence_node_t  **nodes;

    nodes = ss->nodes.elts;

    for (i = 0; i < ss->nodes.nelts; i++) {
        if (nodes[i] == old) {
            nodes[i] = node;
            phr_silence_free(old);
            return PHR_OK;
        }
    }

    return PHR_ERROR;
}


static int
phr_silence_copy(phr_silence_node_t *node, const phr_silence_t *s,
    phr_err_t *err)
{
    int             rc;
    size_t          i;
    phr_str_t       name, value;
    phr_arena_t    *a;
    phr_silence_t  *to;

    a = node->arena;
    to = &node->pub;
    *to = *s;
    to->matchers.n = 0;
    to->matchers.m = phr_arena_calloc(a, s->matchers.n + 1,
                                      sizeof(phr_matcher_t));
    to->created_by = phr_arena_str(a, s->created_by);
    to->comment = phr_arena_str(a, s->comment);

    if (to->matchers.m == NULL || to->created_by.data == NULL
        || to->comment.data == NULL)
    {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    for (i = 0; i < s->matchers.n; i++) {
        name = phr_arena_str(a, s->matchers.m[i].name);
        value = phr_arena_str(a, s->matchers.m[i].value);

        if (name.data == NULL || value.data == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "out of memory");
        }

        rc = phr_matcher_init(&to->matchers.m[i], s->matchers.m[i].op, name,
                              value, err);
        if (rc != PHR_OK) {
            return rc;
        }

        to->matchers.n++;
    }

    return PHR_OK;
}


static void
phr_silence_free(phr_silence_node_t *node)
{
    size_t  i;

    for (i = 0; i < node->pub.matchers.n; i++) {
        phr_matcher_destroy(&node->pub.matchers.m[i]);
    }

    phr_arena_destroy(node->arena);
}


static int
phr_silence_same_matchers(const phr_matchers_t *a, const phr_matchers_t *b)
{
    size_t  i, j;

    if (a->n != b->n) {
        return 0;
    }

    for (i = 0; i < a->n; i++) {
        for (j = 0; j < b->n; j++) {
            if (a->m[i].op == b->m[j].op
                && phr_str_eq(a->m[i].name, b->m[j].name)
                && phr_str_eq(a->m[i].value, b->m[j].value))
            {
                break;
            }
        }

        if (j == b->n) {
            return 0;
        }
    }

    return 1;
}


/* version, three times, two texts, then op, name and value of matchers */
static void
phr_silence_encode(phr_buf_t *b, const phr_silence_t *s)
{
    size_t  i;

    phr_buf_putc(b, PHR_SILENCE_VERSION);
    phr_buf_uvarint(b, phr_zigzag(s->starts_ms));
    phr_buf_uvarint(b, phr_zigzag(s->ends_ms));
    phr_buf_uvarint(b, phr_zigzag(s->updated_ms));
    phr_buf_put_str(b, s->created_by);
    phr_buf_put_str(b, s->comment);
    phr_buf_uvarint(b, s->matchers.n);

    for (i = 0; i < s->matchers.n; i++) {
        phr_buf_uvarint(b, s->matchers.m[i].op);
        phr_buf_put_str(b, s->matchers.m[i].name);
        phr_buf_put_str(b, s->matchers.m[i].value);
    }
}


/* the texts point into value; regexes are not compiled */
static int
phr_silence_decode(phr_arena_t *a, phr_str_t value, phr_silence_t *s,
    phr_err_t *err)
{
    size_t          i;
    uint64_t        v[3], n, op;
    const uint8_t  *p, *end;

    p = (const uint8_t *) value.data;
    end = p + value.len;

    if (value.len == 0 || *p++ != PHR_SILENCE_VERSION
        || phr_get_uvarint(&p, end, &v[0]) != PHR_OK
        || phr_get_uvarint(&p, end, &v[1]) != PHR_OK
        || phr_get_uvarint(&p, end, &v[2]) != PHR_OK
        || phr_get_str(&p, end, &s->created_by) != PHR_OK
        || phr_get_str(&p, end, &s->comment) != PHR_OK
        || phr_get_uvarint(&p, end, &n) != PHR_OK || n > value.len)
    {
        return phr_err_set(err, PHR_ECORRUPT, "silence %s: malformed", s->id);
    }

    s->starts_ms = phr_unzigzag(v[0]);
    s->ends_ms = phr_unzigzag(v[1]);
    s->updated_ms = phr_unzigzag(v[2]);

    s->matchers.n = (size_t) n;
    s->matchers.m = phr_arena_calloc(a, (size_t) n + 1,
                                     sizeof(phr_matcher_t));
    if (s->matchers.m == NULL) {
        return phr_err_set(err, phr_arena_rc(a), "out of memory");
    }

    for (i = 0; i < n; i++) {
        if (phr_get_uvarint(&p, end, &op) != PHR_OK || op > PHR_MATCH_NRE
            || phr_get_str(&p, end, &s->matchers.m[i].name) != PHR_OK
            || phr_get_str(&p, end, &s->matchers.m[i].value)
               != PHR_OK)
        {
            return phr_err_set(err, PHR_ECORRUPT, "silence %s: malformed",
                               s->id);
        }

        s->matchers.m[i].op = (phr_match_e) op;
    }

    return PHR_OK;
}
