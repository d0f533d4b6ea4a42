/*
 * Copyright (C) The Pharos Authors
 *
 * Tree: see tree.h.
 *
 * What is checked is what makes a search tree: each page is its own, is used
 * once, and holds keys in order and within the bounds that the pages above
 * give; its nodes fill it without a gap; the counts are those that the meta
 * page tells; and no page in use is in the list of free ones.
 */

#include "store/tree.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "store/env.h"
#include "store/page.h"


#define PHR_TREE_MAX_DEPTH   32


/* what is in the leaves */
typedef enum {
    PHR_TREE_FREE = 0,      /* lists of free pages */
    PHR_TREE_MAIN,          /* the other trees */
    PHR_TREE_RECORDS,
    PHR_TREE_HASHES         /* records without a value */
} phr_tree_kind_e;


typedef struct {
    phr_pages_t         file;
    uint64_t            npages;         /* that may be used */
    uint64_t            txnid;
    uint8_t             values;
    uint8_t             leaves;
    volatile int       *stop;           /* may be NULL */
    uint8_t            *used;           /* a bit for each page */
    uint8_t            *page[PHR_TREE_MAX_DEPTH];
    uint8_t            *value;
    phr_page_db_t       subs[PHR_DB_MAX];
    uint8_t             found[PHR_DB_MAX];

    phr_tree_result_t   result;
    phr_err_t          *err;

    /* of the tree that is walked */
    const char         *name;
    phr_tree_kind_e     kind;
    phr_db_e            db;
    phr_page_db_t       seen;
    uint64_t            last_key;       /* of the lists of free pages */
} phr_tree_t;


/* a state of an open store is looked for so often */
#define PHR_TREE_TRIES  100


static int phr_tree_file(const char *path, uint64_t max_value_bytes,
    uint64_t max_leaf_bytes, phr_tree_result_t *result, phr_err_t *err);
static int phr_tree_all(phr_tree_t *t);
static int phr_tree_live(phr_tree_t *t, phr_env_t *env, phr_db_e db,
    uint64_t txnid);
static int phr_tree_newest(phr_tree_t *t, phr_env_t *env, uint64_t txnid);
static phr_tree_t *phr_tree_create(phr_err_t *err);
static void phr_tree_destroy(phr_tree_t *t, int rc,
    phr_tree_result_t *result);
static int phr_tree_open(phr_tree_t *t, const char *path);
static int phr_tree_meta(phr_tree_t *t, phr_page_meta_t *meta);
static int phr_tree_alloc(phr_tree_t *t);
static int phr_tree_db(phr_tree_t *t, phr_db_e db);
static int phr_tree_free(phr_tree_t *t, const phr_page_db_t *free);
static int phr_tree_walk(phr_tree_t *t, const char *name,
    phr_tree_kind_e kind, phr_db_e db, const phr_page_db_t *want);
static int phr_tree_fetch(phr_tree_t *t, uint64_t pgno, unsigned depth,
    size_t *n);
static int phr_tree_page(phr_tree_t *t, uint64_t pgno, unsigned depth,
    const phr_page_node_t *low, const phr_page_node_t *high);
static int phr_tree_leaf(phr_tree_t *t, uint64_t pgno,
    const phr_page_node_t *node);
static int phr_tree_big(phr_tree_t *t, const phr_page_node_t *node,
    const uint8_t **value);
static int phr_tree_sub(phr_tree_t *t, const phr_page_node_t *node);
static int phr_tree_free_list(phr_tree_t *t, const phr_page_node_t *node,
    const uint8_t *value);
static int phr_tree_order(const phr_tree_t *t, const phr_page_node_t *a,
    const phr_page_node_t *b);
static int phr_tree_use(phr_tree_t *t, uint64_t pgno);
static int phr_tree_named(phr_tree_t *t, int rc);
static int phr_tree_bad(phr_tree_t *t, const char *fmt, ...)
    PHR_PRINTF(2, 3);


int
phr_tree_check(const char *path, uint64_t max_value_bytes,
    phr_tree_result_t *result, phr_err_t *err)
{
    return phr_tree_file(path, max_value_bytes, UINT64_MAX, result, err);
}


int
phr_tree_check_quick(const char *path, uint64_t max_bytes,
    phr_tree_result_t *result, phr_err_t *err)
{
    return phr_tree_file(path, max_bytes, max_bytes, result, err);
}


static int
phr_tree_file(const char *path, uint64_t max_value_bytes,
    uint64_t max_leaf_bytes, phr_tree_result_t *result, phr_err_t *err)
{
    int          rc;
    phr_tree_t  *t;

    if (result != NULL) {
        memset(result, 0, sizeof(phr_tree_result_t));
        result->leaves = 1;
    }

    if (!phr_pages_known()) {
        return PHR_OK;
    }

    t = phr_tree_create(err);
    if (t == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = phr_tree_open(t, path);

    t->values = t->file.file_bytes <= max_value_bytes;
    t->leaves = t->file.file_bytes <= max_leaf_bytes;

    if (rc == PHR_OK && t->file.fd != -1 && !phr_pages_unused(&t->file)) {
        rc = phr_tree_all(t);
    }

    phr_tree_destroy(t, rc, result);

    return rc;
}


static int
phr_tree_all(phr_tree_t *t)
{
    int               rc, i;
    phr_page_meta_t   meta;

    rc = phr_tree_meta(t, &meta);
    if (rc == PHR_OK) {
        rc = phr_tree_alloc(t);
    }
    if (rc == PHR_OK) {
        rc = phr_tree_walk(t, "main", PHR_TREE_MAIN, PHR_DB_META,
                           &meta.main);
    }

    for (i = 0; rc == PHR_OK && i < PHR_DB_MAX; i++) {
        rc = phr_tree_db(t, (phr_db_e) i);
    }

    /* the last: what is free must not be what is used */

    return rc == PHR_OK ? phr_tree_free(t, &meta.free) : rc;
}


int
phr_tree_check_live(phr_env_t *env, phr_db_e db, volatile int *stop,
    phr_tree_result_t *result, phr_err_t *err)
{
    int          rc, tries;
    phr_txn_t   *txn;
    phr_tree_t  *t;

    memset(result, 0, sizeof(phr_tree_result_t));

    if (!phr_pages_known()) {
        return PHR_OK;
    }

    t = phr_tree_create(err);
    if (t == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    t->leaves = 1;
    t->stop = stop;

    rc = phr_tree_open(t, phr_env_path(env));

    /* its meta page is there until the commit after the next */

    for (tries = 0; rc == PHR_OK && tries < PHR_TREE_TRIES; tries++) {
        rc = phr_txn_begin(env, 0, &txn, err);

        if (rc == PHR_OK) {
            rc = phr_tree_live(t, env, db, phr_txn_id(txn));
            phr_txn_abort(txn);
        }

        if (rc != PHR_AGAIN) {
            break;
        }

        rc = tries + 1 < PHR_TREE_TRIES ? PHR_OK : PHR_AGAIN;
    }

    phr_tree_destroy(t, rc, result);

    return rc;
}


/* the pages of the transaction's state are not written to */
static int
phr_tree_live(phr_tree_t *t, phr_env_t *env, phr_db_e db, uint64_t txnid)
{
    int               rc;
    phr_page_meta_t   meta;

    /* the state may need more of the file than there was when it was opened */

    rc = phr_pages_size(&t->file, t->err);

    if (rc == PHR_OK) {
        rc = phr_pages_meta(&t->file, 0, &meta, t->err);
    }

    if (rc == PHR_OK && (txnid & 1)) {
        rc = phr_pages_meta(&t->file, 1, &meta, t->err);
    }

    if (rc != PHR_OK) {
        return phr_tree_named(t, rc);
    }

    if (meta.txnid != txnid) {
        return PHR_AGAIN;
    }

    rc = phr_tree_newest(t, env, txnid);
    if (rc != PHR_OK) {
        return rc;
    }

    t->txnid = txnid;
    t->npages = meta.npages;

    rc = phr_tree_alloc(t);
    if (rc == PHR_OK) {
        rc = phr_tree_walk(t, "main", PHR_TREE_MAIN, PHR_DB_META,
                           &meta.main);
    }
    if (rc == PHR_OK) {
        rc = phr_tree_db(t, db);
    }

    return rc == PHR_OK ? phr_tree_free(t, &meta.free) : rc;
}


/*
 * PHR_AGAIN if there is a newer state than this by now: the commit after it
 * may have begun to write the meta page that was read, its number last.
 */
static int
phr_tree_newest(phr_tree_t *t, phr_env_t *env, uint64_t txnid)
{
    int         rc;
    phr_txn_t  *txn;

    rc = phr_txn_begin(env, 0, &txn, t->err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_txn_id(txn) == txnid ? PHR_OK : PHR_AGAIN;
    phr_txn_abort(txn);

    return rc;
}


static phr_tree_t *
phr_tree_create(phr_err_t *err)
{
    phr_tree_t  *t;

    t = phr_calloc(1, sizeof(phr_tree_t));

    if (t != NULL) {
        t->err = err;
        t->name = "meta page";
        t->file.fd = -1;
    }

    return t;
}


static void
phr_tree_destroy(phr_tree_t *t, int rc, phr_tree_result_t *result)
{
    int  i;

    if (rc == PHR_OK && result != NULL) {
        t->result.file_bytes = t->file.file_bytes;
        t->result.values = t->values;
        t->result.leaves = t->leaves;
        *result = t->result;
    }

    for (i = 0; i < PHR_TREE_MAX_DEPTH; i++) {
        phr_free(t->page[i]);
    }

    phr_free(t->value);
    phr_free(t->used);
    phr_pages_close(&t->file);
    phr_free(t);
}


static int
phr_tree_open(phr_tree_t *t, const char *path)
{
    int   rc;
    char  name[4096];

    if ((size_t) snprintf(name, sizeof(name), "%s/data.mdb", path)
        >= sizeof(name))
    {
        return phr_err_set(t->err, PHR_EINVAL, "\"%s\" is too long", path);
    }

    rc = phr_pages_open(&t->file, name, t->err);

    return rc == PHR_NOTFOUND ? PHR_OK : rc;
}


/* the newer of the two, which are of commits that followed each other */
static int
phr_tree_meta(phr_tree_t *t, phr_page_meta_t *meta)
{
    int               rc;
    unsigned          i, newer;
    phr_page_meta_t   m[2];

    rc = PHR_OK;

    for (i = 0; i < 2 && rc == PHR_OK; i++) {
        rc = phr_pages_meta(&t->file, i, &m[i], t->err);
    }

    if (rc != PHR_OK) {
        return phr_tree_named(t, rc);
    }

    newer = m[1].txnid > m[0].txnid;
    *meta = m[newer];
    t->txnid = meta->txnid;
    t->npages = meta->npages;

    if (t->txnid - m[!newer].txnid > 1
        || (t->txnid > 1 && ((t->txnid & 1) != newer
                             || t->txnid == m[!newer].txnid)))
    {
        return phr_tree_bad(t, "the states %llu and %llu do not follow each "
                            "other", (unsigned long long) m[0].txnid,
                            (unsigned long long) m[1].txnid);
    }

    return phr_tree_named(t, phr_page_meta_check(&t->file, meta, t->err));
}


static int
phr_tree_alloc(phr_tree_t *t)
{
    phr_free(t->used);
    phr_free(t->value);
    t->used = phr_calloc(1, (size_t) (t->npages / 8 + 1));
    t->value = phr_malloc(t->file.page_size);

    if (t->used == NULL || t->value == NULL) {
        return phr_err_set(t->err, PHR_ENOMEM, "no memory to check %llu "
                           "pages", (unsigned long long) t->npages);
    }

    t->used[0] = 3;

    return PHR_OK;
}


static int
phr_tree_db(phr_tree_t *t, phr_db_e db)
{
    return t->found[db]
           ? phr_tree_walk(t, phr_db_name(db),
                           db == PHR_DB_HASH ? PHR_TREE_HASHES
                                             : PHR_TREE_RECORDS,
                           db, &t->subs[db])
           : PHR_OK;
}


/* each commit frees pages, and says so under its own number */
static int
phr_tree_free(phr_tree_t *t, const phr_page_db_t *free)
{
    int  rc;

    rc = phr_tree_walk(t, "free pages", PHR_TREE_FREE, PHR_DB_META, free);

    if (rc == PHR_OK && t->seen.nentries > 0 && t->last_key != t->txnid) {
        rc = phr_tree_bad(t, "the newest state is %llu, its last list of "
                          "free pages is of %llu",
                          (unsigned long long) t->txnid,
                          (unsigned long long) t->last_key);
    }

    return rc;
}


static int
phr_tree_walk(phr_tree_t *t, const char *name, phr_tree_kind_e kind,
    phr_db_e db, const phr_page_db_t *want)
{
    int             rc;
    phr_page_db_t  *seen;

    t->name = name;
    t->kind = kind;
    t->db = db;

    seen = &t->seen;
    memset(seen, 0, sizeof(phr_page_db_t));
    seen->root = want->root;
    seen->flags = want->flags;
    seen->depth = want->depth;

    if (want->root != PHR_PAGE_NONE) {
        if (want->depth == 0 || want->depth > PHR_TREE_MAX_DEPTH) {
            return phr_tree_bad(t, "depth %u", want->depth);
        }

        rc = phr_tree_page(t, want->root, 0, NULL, NULL);
        if (rc != PHR_OK) {
            return rc;
        }

    } else if (want->depth != 0) {
        return phr_tree_bad(t, "depth %u without a root", want->depth);
    }

    /* what is not looked at is not counted */

    if (!t->leaves && kind > PHR_TREE_MAIN && want->depth > 1) {
        seen->noverflow = want->noverflow;
        seen->nentries = want->nentries;
    }

    if (seen->nbranch != want->nbranch || seen->nleaf != want->nleaf
        || seen->noverflow != want->noverflow
        || seen->nentries != want->nentries || want->pad != 0)
    {
        return phr_tree_bad(t, "%llu, %llu and %llu pages and %llu entries, "
                            "expected %llu, %llu, %llu and %llu",
                            (unsigned long long) seen->nbranch,
                            (unsigned long long) seen->nleaf,
                            (unsigned long long) seen->noverflow,
                            (unsigned long long) seen->nentries,
                            (unsigned long long) want->nbranch,
                            (unsigned long long) want->nleaf,
                            (unsigned long long) want->noverflow,
                            (unsigned long long) want->nentries);
    }

    return PHR_OK;
}


/* reads a page into its place by depth; *n nodes */
static int
phr_tree_fetch(phr_tree_t *t, uint64_t pgno, unsigned depth, size_t *n)
{
    int       rc;
    uint8_t  *p;

    if (t->stop != NULL && phr_shared_get(t->stop)) {
        return phr_err_set(t->err, PHR_ECANCELED, "the check was stopped");
    }

    rc = phr_tree_use(t, pgno);
    if (rc != PHR_OK) {
        return rc;
    }

    if (t->page[depth] == NULL) {
        t->page[depth] = phr_malloc(t->file.page_size);
        if (t->page[depth] == NULL) {
            return phr_err_set(t->err, PHR_ENOMEM, "no memory");
        }
    }

    p = t->page[depth];
    *n = 0;

    rc = phr_pages_read(&t->file, pgno, p, t->file.page_size, t->err);
    if (rc == PHR_OK) {
        rc = phr_page_open(&t->file, pgno, p, n, t->err);
    }

    return phr_tree_named(t, rc);
}


/* keys of the page are not below "low" and below "high"; NULL: no bound */
static int
phr_tree_page(phr_tree_t *t, uint64_t pgno, unsigned depth,
    const phr_page_node_t *low, const phr_page_node_t *high)
{
    int               rc;
    size_t            i, n, bytes;
    uint8_t          *p;
    unsigned          leaf;
    phr_page_node_t   node, next;

    rc = phr_tree_fetch(t, pgno, depth, &n);
    if (rc != PHR_OK) {
        return rc;
    }

    p = t->page[depth];
    leaf = phr_page_flags(p) == PHR_PAGE_LEAF;

    if (leaf != (depth + 1u == t->seen.depth) || n < (leaf ? 1 : 2)) {
        return phr_tree_bad(t, "page %llu of %zu keys at depth %u of %u",
                            (unsigned long long) pgno, n, depth,
                            t->seen.depth);
    }

    t->result.npages++;
    t->seen.nbranch += !leaf;
    t->seen.nleaf += leaf;
    bytes = 0;

    /* all of them before any is followed */

    for (i = 0; i < n; i++) {
        rc = phr_page_node(&t->file, pgno, p, i, &next, &bytes, t->err);
        if (rc != PHR_OK) {
            return phr_tree_named(t, rc);
        }

        /* the first key of a branch has no meaning */

        if (leaf || i > 0) {
            if ((low != NULL && (i == 0 || (!leaf && i == 1))
                 && phr_tree_order(t, low, &next) > 0)
                || (high != NULL && i == n - 1
                    && phr_tree_order(t, &next, high) >= 0)
                || (i > (leaf ? 0 : 1)
                    && phr_tree_order(t, &node, &next) >= 0))
            {
                return phr_tree_bad(t, "page %llu: key %zu is not in order",
                                    (unsigned long long) pgno, i);
            }
        }

        node = next;
    }

    if (bytes != t->file.page_size - phr_page_get16(p + 14)) {
        return phr_tree_bad(t, "page %llu: nodes of %zu bytes",
                            (unsigned long long) pgno, bytes);
    }

    t->seen.nentries += leaf ? n : 0;

    for (i = 0; rc == PHR_OK && i < n; i++) {
        (void) phr_page_node(&t->file, pgno, p, i, &node, &bytes, NULL);

        if (leaf) {
            rc = phr_tree_leaf(t, pgno, &node);
            continue;
        }

        if (!t->leaves && t->kind > PHR_TREE_MAIN
            && depth + 2u == t->seen.depth)
        {
            t->seen.nleaf++;
            rc = phr_tree_use(t, node.child);
            continue;
        }

        if (i + 1 < n) {
            (void) phr_page_node(&t->file, pgno, p, i + 1, &next, &bytes,
                                 NULL);
        }

        rc = phr_tree_page(t, node.child, depth + 1, i > 0 ? &node : low,
                           i + 1 < n ? &next : high);
    }

    return rc;
}


static int
phr_tree_leaf(phr_tree_t *t, uint64_t pgno, const phr_page_node_t *node)
{
    int             rc;
    phr_str_t       body;
    const uint8_t  *value;

    value = node->data;

    if (node->flags == PHR_NODE_BIG) {
        rc = phr_tree_big(t, node, &value);
        if (rc != PHR_OK || value == NULL) {
            return rc;
        }

    } else if (node->flags
               != (t->kind == PHR_TREE_MAIN ? PHR_NODE_SUB : 0))
    {
        return phr_tree_bad(t, "page %llu: a node has the flags %x",
                            (unsigned long long) pgno, node->flags);
    }

    switch (t->kind) {

    case PHR_TREE_FREE:
        return phr_tree_free_list(t, node, value);

    case PHR_TREE_MAIN:
        return phr_tree_sub(t, node);

    case PHR_TREE_HASHES:
        return node->klen == 12 && node->size == 0 ? PHR_OK
               : phr_tree_bad(t, "a key of %zu, a value of %u bytes",
                              node->klen, node->size);

    default:
        return phr_record_check(t->db,
                                phr_str_from((const char *) node->key,
                                             node->klen),
                                phr_str_from((const char *) value,
                                             node->size), &body, t->err);
    }
}


/* a value on pages of its own; NULL if it is not to be read */
static int
phr_tree_big(phr_tree_t *t, const phr_page_node_t *node,
    const uint8_t **value)
{
    int        rc;
    size_t     whole;
    uint8_t   *grown, head[PHR_PAGE_HEADER];
    uint64_t   pgno, i, n;

    pgno = phr_page_get64(node->data);
    whole = (size_t) node->size + PHR_PAGE_HEADER;
    n = (whole + t->file.page_size - 1) / t->file.page_size;
    *value = NULL;

    for (i = 0; i < n; i++) {
        rc = phr_tree_use(t, pgno + i);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    t->seen.noverflow += n;

    /* what is overwritten or deleted is believed by LMDB: not so of these */

    if (!t->values && (t->db == PHR_DB_PACK || t->db == PHR_DB_ROW)
        && t->kind == PHR_TREE_RECORDS)
    {
        return pgno + n <= t->file.file_bytes / t->file.page_size ? PHR_OK
               : phr_tree_bad(t, "page %llu is beyond the end of the file",
                              (unsigned long long) pgno);
    }

    if (whole > t->file.page_size) {
        grown = phr_realloc(t->value, whole);
        if (grown == NULL) {
            return phr_err_set(t->err, PHR_ENOMEM, "no memory");
        }

        t->value = grown;
    }

    rc = phr_pages_read(&t->file, pgno, t->value, whole, t->err);
    if (rc != PHR_OK) {
        return phr_tree_named(t, rc);
    }

    memcpy(head, t->value, sizeof(head));

    if (phr_page_get64(head) != pgno
        || phr_page_flags(head) != PHR_PAGE_OVERFLOW
        || phr_page_get32(head + 12) != n)
    {
        return phr_tree_bad(t, "page %llu of a value: number %llu, flags "
                            "%x, %u pages", (unsigned long long) pgno,
                            (unsigned long long) phr_page_get64(head),
                            phr_page_flags(head),
                            phr_page_get32(head + 12));
    }

    t->result.nvalues++;
    *value = t->value + PHR_PAGE_HEADER;

    return PHR_OK;
}


static int
phr_tree_sub(phr_tree_t *t, const phr_page_node_t *node)
{
    int          i;
    const char  *name;

    for (i = 0; i < PHR_DB_MAX; i++) {
        name = phr_db_name((phr_db_e) i);

        if (strlen(name) == node->klen
            && memcmp(name, node->key, node->klen) == 0)
        {
            break;
        }
    }

    if (i == PHR_DB_MAX || node->size != PHR_PAGE_DB_SIZE) {
        return phr_tree_bad(t, "an unknown name of %zu bytes, a value of %u",
                            node->klen, node->size);
    }

    phr_page_db_get(node->data, &t->subs[i]);
    t->found[i] = 1;

    if (t->subs[i].flags != 0) {
        return phr_tree_bad(t, "\"%s\" has the flags %x", name,
                            t->subs[i].flags);
    }

    return PHR_OK;
}


/* count and numbers, the highest first */
static int
phr_tree_free_list(phr_tree_t *t, const phr_page_node_t *node,
    const uint8_t *value)
{
    int       rc;
    uint64_t  i, n, pgno, before;

    if (node->klen != 8 || node->size < 8 || node->size % 8 != 0) {
        return phr_tree_bad(t, "a key of %zu, a list of %u bytes",
                            node->klen, node->size);
    }

    t->last_key = phr_page_get64(node->key);
    n = phr_page_get64(value);

    /* a list may have been given more room than it took */

    if (n > node->size / 8 - 1 || t->last_key > t->txnid) {
        return phr_tree_bad(t, "list %llu has %llu pages in %u bytes",
                            (unsigned long long) t->last_key,
                            (unsigned long long) n, node->size);
    }

    before = PHR_PAGE_NONE;

    for (i = 1; i <= n; i++) {
        pgno = phr_page_get64(value + 8 * i);

        if (pgno >= before) {
            return phr_tree_bad(t, "list %llu is not in order",
                                (unsigned long long) t->last_key);
        }

        rc = phr_tree_use(t, pgno);
        if (rc != PHR_OK) {
            return rc;
        }

        before = pgno;
    }

    return PHR_OK;
}


static int
phr_tree_order(const phr_tree_t *t, const phr_page_node_t *a,
    const phr_page_node_t *b)
{
    int       rc;
    uint64_t  x, y;

    if (t->kind == PHR_TREE_FREE && a->klen == 8 && b->klen == 8) {
        x = phr_page_get64(a->key);
        y = phr_page_get64(b->key);

        return (x > y) - (x < y);
    }

    rc = memcmp(a->key, b->key, phr_min(a->klen, b->klen));

    return rc != 0 ? rc : (a->klen > b->klen) - (a->klen < b->klen);
}


static int
phr_tree_use(phr_tree_t *t, uint64_t pgno)
{
    uint8_t  *byte, bit;

    if (pgno < 2 || pgno >= t->npages) {
        return phr_tree_bad(t, "page %llu of %llu", (unsigned long long) pgno,
                            (unsigned long long) t->npages);
    }

    byte = &t->used[pgno / 8];
    bit = (uint8_t) (1 << (pgno & 7));

    if (*byte & bit) {
        return phr_tree_bad(t, "page %llu is used twice",
                            (unsigned long long) pgno);
    }

    *byte |= bit;

    return PHR_OK;
}


/* damage of a page is that of a tree */
static int
phr_tree_named(phr_tree_t *t, int rc)
{
    if (rc == PHR_ECORRUPT) {
        phr_err_prefix(t->err, "damaged tree \"%s\": ", t->name);
    }

    return rc;
}


static int
phr_tree_bad(phr_tree_t *t, const char *fmt, ...)
{
    char     text[256];
    va_list  args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    return phr_err_set(t->err, PHR_ECORRUPT, "damaged tree \"%s\": %s",
                       t->name, text);
}
