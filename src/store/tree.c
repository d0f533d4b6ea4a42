/*
 * Copyright (C) The Pharos Authors
 *
 * Tree: see tree.h.
 *
 * All is read with pread(): a disk that fails is an error then, where a map
 * would be a SIGBUS.  A page of a tree:
 *
 *     number:64  0:16  flags:16  lower:16  upper:16
 *     offsets of nodes:16 ...  (up to lower)   nodes (from upper on)
 *
 * and a node, in a branch the number of its child page being where size and
 * flags are in a leaf:
 *
 *     size:32  flags:16  key size:16  key  value, or the number of its page
 *
 * What is checked is what makes a search tree: each page is its own, is used
 * once, and holds keys in order and within the bounds that the pages above
 * give; its nodes fill it without a gap; the counts are those that the meta
 * page tells; and no page in use is in the list of free ones.
 */

#include "store/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "store/env.h"


#define PHR_TREE_MAX_DEPTH   32
#define PHR_TREE_MAX_PAGE    65536
#define PHR_TREE_HEADER      16         /* of a page */
#define PHR_TREE_NODE        8          /* of a node */
#define PHR_TREE_DB_SIZE     48
#define PHR_TREE_NONE        UINT64_MAX

#define PHR_TREE_MAGIC       0xbeefc0de
#define PHR_TREE_VERSION     1

/* flags of pages, nodes and trees */
#define PHR_TREE_BRANCH      0x01
#define PHR_TREE_LEAF        0x02
#define PHR_TREE_OVERFLOW    0x04
#define PHR_TREE_META        0x08
#define PHR_TREE_BIG         0x01
#define PHR_TREE_SUB         0x02
#define PHR_TREE_INTEGER     0x08

/* pages that were given out and never written may be beyond the end */
#define PHR_TREE_BEYOND      (64ULL << 20)


/* what is in the leaves */
typedef enum {
    PHR_TREE_FREE = 0,      /* lists of free pages */
    PHR_TREE_MAIN,          /* the other trees */
    PHR_TREE_RECORDS,
    PHR_TREE_HASHES         /* records without a value */
} phr_tree_kind_e;


typedef struct {
    uint32_t  pad;
    uint16_t  flags;
    uint16_t  depth;
    uint64_t  nbranch;
    uint64_t  nleaf;
    uint64_t  noverflow;
    uint64_t  nentries;
    uint64_t  root;
} phr_tree_db_t;


typedef struct {
    int                 fd;
    size_t              page_size;
    uint64_t            npages;         /* that may be used */
    uint64_t            file_bytes;
    uint64_t            txnid;
    uint8_t             values;
    uint8_t            *used;           /* a bit for each page */
    uint8_t            *page[PHR_TREE_MAX_DEPTH];
    uint8_t            *value;
    phr_tree_db_t       subs[PHR_DB_MAX];
    uint8_t             found[PHR_DB_MAX];

    phr_tree_result_t   result;
    phr_err_t          *err;

    /* of the tree that is walked */
    const char         *name;
    phr_tree_kind_e     kind;
    phr_db_e            db;
    phr_tree_db_t       seen;
    uint64_t            last_key;       /* of the lists of free pages */
} phr_tree_t;


typedef struct {
    const uint8_t  *key;
    size_t          klen;
    uint64_t        child;              /* of a branch */
    uint32_t        size;               /* of the value in a leaf */
    uint16_t        flags;
    const uint8_t  *data;
} phr_tree_node_t;


static int phr_tree_open(phr_tree_t *t, const char *path);
static int phr_tree_meta(phr_tree_t *t, phr_tree_db_t *dbs);
static int phr_tree_alloc(phr_tree_t *t);
static int phr_tree_walk(phr_tree_t *t, const char *name,
    phr_tree_kind_e kind, phr_db_e db, const phr_tree_db_t *want);
static int phr_tree_page(phr_tree_t *t, uint64_t pgno, unsigned depth,
    const phr_tree_node_t *low, const phr_tree_node_t *high);
static int phr_tree_header(phr_tree_t *t, uint64_t pgno, const uint8_t *p,
    size_t *n);
static int phr_tree_node(phr_tree_t *t, uint64_t pgno, const uint8_t *p,
    size_t i, phr_tree_node_t *node, size_t *bytes);
static int phr_tree_leaf(phr_tree_t *t, uint64_t pgno,
    const phr_tree_node_t *node);
static int phr_tree_big(phr_tree_t *t, const phr_tree_node_t *node,
    const uint8_t **value);
static int phr_tree_sub(phr_tree_t *t, const phr_tree_node_t *node);
static int phr_tree_free_list(phr_tree_t *t, const phr_tree_node_t *node,
    const uint8_t *value);
static int phr_tree_order(const phr_tree_t *t, const phr_tree_node_t *a,
    const phr_tree_node_t *b);
static int phr_tree_use(phr_tree_t *t, uint64_t pgno);
static int phr_tree_read(phr_tree_t *t, uint64_t pgno, void *buf,
    size_t size);
static int phr_tree_bad(phr_tree_t *t, const char *fmt, ...)
    PHR_PRINTF(2, 3);
static void phr_tree_db_get(const uint8_t *p, phr_tree_db_t *db);
static uint16_t phr_tree_get16(const uint8_t *p);
static uint32_t phr_tree_get32(const uint8_t *p);
static uint64_t phr_tree_get64(const uint8_t *p);


int
phr_tree_check(const char *path, uint64_t max_value_bytes,
    phr_tree_result_t *result, phr_err_t *err)
{
    int             rc, i;
    phr_tree_t     *t;
    phr_tree_db_t   dbs[2];

    if (sizeof(size_t) != 8 || phr_tree_get16((const uint8_t *) "\1") != 1) {
        return PHR_OK;
    }

    t = phr_calloc(1, sizeof(phr_tree_t));
    if (t == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    t->err = err;
    t->name = "meta page";

    rc = phr_tree_open(t, path);

    if (rc == PHR_OK && t->file_bytes > 0) {
        t->values = t->file_bytes <= max_value_bytes;

        rc = phr_tree_meta(t, dbs);
        if (rc == PHR_OK) {
            rc = phr_tree_alloc(t);
        }
        if (rc == PHR_OK) {
            rc = phr_tree_walk(t, "main", PHR_TREE_MAIN, PHR_DB_META,
                               &dbs[1]);
        }

        for (i = 0; rc == PHR_OK && i < PHR_DB_MAX; i++) {
            if (t->found[i]) {
                rc = phr_tree_walk(t, phr_db_name((phr_db_e) i),
                                   i == PHR_DB_HASH ? PHR_TREE_HASHES
                                                    : PHR_TREE_RECORDS,
                                   (phr_db_e) i, &t->subs[i]);
            }
        }

        /* the last: what is free must not be what is used */

        if (rc == PHR_OK) {
            rc = phr_tree_walk(t, "free pages", PHR_TREE_FREE, PHR_DB_META,
                               &dbs[0]);
        }

        /* each commit frees pages, and says so under its own number */

        if (rc == PHR_OK && t->seen.nentries > 0 && t->last_key != t->txnid)
        {
            rc = phr_tree_bad(t, "the newest state is %llu, its last list "
                              "of free pages is of %llu",
                              (unsigned long long) t->txnid,
                              (unsigned long long) t->last_key);
        }
    }

    if (rc == PHR_OK && result != NULL) {
        t->result.file_bytes = t->file_bytes;
        t->result.values = t->values;
        *result = t->result;
    }

    for (i = 0; i < PHR_TREE_MAX_DEPTH; i++) {
        phr_free(t->page[i]);
    }

    phr_free(t->value);
    phr_free(t->used);

    if (t->fd != -1) {
        (void) close(t->fd);
    }

    phr_free(t);

    return rc;
}


static int
phr_tree_open(phr_tree_t *t, const char *path)
{
    char         name[4096];
    struct stat  st;

    if ((size_t) snprintf(name, sizeof(name), "%s/data.mdb", path)
        >= sizeof(name))
    {
        t->fd = -1;
        return phr_err_set(t->err, PHR_EINVAL, "\"%s\" is too long", path);
    }

    t->fd = open(name, O_RDONLY|O_CLOEXEC);

    if (t->fd == -1) {
        return errno == ENOENT ? PHR_OK
               : phr_err_set(t->err, PHR_EIO, "\"%s\" cannot be opened: %s",
                             name, strerror(errno));
    }

    if (fstat(t->fd, &st) != 0) {
        return phr_err_set(t->err, PHR_EIO, "fstat(\"%s\") failed: %s", name,
                           strerror(errno));
    }

    t->file_bytes = (uint64_t) st.st_size;

    return PHR_OK;
}


/* the newer of the two, which are of commits that followed each other */
static int
phr_tree_meta(phr_tree_t *t, phr_tree_db_t *dbs)
{
    size_t          size;
    uint8_t         m[2][PHR_TREE_HEADER + 24 + 2 * PHR_TREE_DB_SIZE + 16];
    unsigned        i, newer;
    uint64_t        txnid[2], last;
    const uint8_t  *p;

    size = 0;

    for (i = 0; i < 2; i++) {
        t->page_size = size ? size : 4096;

        if (phr_tree_read(t, i, m[i], sizeof(m[i])) != PHR_OK) {
            return t->err->code;
        }

        p = m[i] + PHR_TREE_HEADER;

        /* LMDB reads the flags of the newer as its own */

        if (phr_tree_get64(m[i]) != i
            || phr_tree_get16(m[i] + 10) != PHR_TREE_META
            || phr_tree_get32(p) != PHR_TREE_MAGIC
            || phr_tree_get32(p + 4) != PHR_TREE_VERSION)
        {
            return phr_tree_bad(t, "page %u is no meta page", i);
        }

        size = phr_tree_get32(p + 24);

        if (size < 4096 || size > PHR_TREE_MAX_PAGE
            || (size & (size - 1)) != 0
            || (i == 1 && size != t->page_size))
        {
            return phr_tree_bad(t, "pages of %zu bytes", size);
        }

        txnid[i] = phr_tree_get64(p + 24 + 2 * PHR_TREE_DB_SIZE + 8);
    }

    newer = txnid[1] > txnid[0];
    t->txnid = txnid[newer];

    if (t->txnid - txnid[!newer] > 1
        || (t->txnid > 1 && (t->txnid & 1) != newer))
    {
        return phr_tree_bad(t, "the states %llu and %llu do not follow each "
                            "other", (unsigned long long) txnid[0],
                            (unsigned long long) txnid[1]);
    }

    p = m[newer] + PHR_TREE_HEADER + 24;
    phr_tree_db_get(p, &dbs[0]);
    phr_tree_db_get(p + PHR_TREE_DB_SIZE, &dbs[1]);
    last = phr_tree_get64(p + 2 * PHR_TREE_DB_SIZE);

    if (dbs[0].flags != PHR_TREE_INTEGER || dbs[1].flags != 0
        || dbs[1].pad != 0 || last < 1
        || last > (t->file_bytes + PHR_TREE_BEYOND) / t->page_size)
    {
        return phr_tree_bad(t, "flags %x and %x, last page %llu of a file "
                            "of %llu bytes", dbs[0].flags, dbs[1].flags,
                            (unsigned long long) last,
                            (unsigned long long) t->file_bytes);
    }

    dbs[0].pad = 0;
    t->npages = last + 1;

    return PHR_OK;
}


static int
phr_tree_alloc(phr_tree_t *t)
{
    t->used = phr_calloc(1, (size_t) (t->npages / 8 + 1));
    t->value = phr_malloc(t->page_size);

    if (t->used == NULL || t->value == NULL) {
        return phr_err_set(t->err, PHR_ENOMEM, "no memory to check %llu "
                           "pages", (unsigned long long) t->npages);
    }

    t->used[0] = 3;

    return PHR_OK;
}


static int
phr_tree_walk(phr_tree_t *t, const char *name, phr_tree_kind_e kind,
    phr_db_e db, const phr_tree_db_t *want)
{
    int             rc;
    phr_tree_db_t  *seen;

    t->name = name;
    t->kind = kind;
    t->db = db;

    seen = &t->seen;
    memset(seen, 0, sizeof(phr_tree_db_t));
    seen->root = want->root;
    seen->flags = want->flags;
    seen->depth = want->depth;

    if (want->root != PHR_TREE_NONE) {
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


/* keys of the page are not below "low" and below "high"; NULL: no bound */
static int
phr_tree_page(phr_tree_t *t, uint64_t pgno, unsigned depth,
    const phr_tree_node_t *low, const phr_tree_node_t *high)
{
    int               rc;
    size_t            i, n, bytes;
    uint8_t          *p;
    unsigned          leaf;
    phr_tree_node_t   node, next;

    rc = phr_tree_use(t, pgno);
    if (rc != PHR_OK) {
        return rc;
    }

    if (t->page[depth] == NULL) {
        t->page[depth] = phr_malloc(t->page_size);
        if (t->page[depth] == NULL) {
            return phr_err_set(t->err, PHR_ENOMEM, "no memory");
        }
    }

    p = t->page[depth];

    n = 0;

    rc = phr_tree_read(t, pgno, p, t->page_size);
    if (rc == PHR_OK) {
        rc = phr_tree_header(t, pgno, p, &n);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    leaf = phr_tree_get16(p + 10) == PHR_TREE_LEAF;

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
        rc = phr_tree_node(t, pgno, p, i, &next, &bytes);
        if (rc != PHR_OK) {
            return rc;
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

    if (bytes != t->page_size - phr_tree_get16(p + 14)) {
        return phr_tree_bad(t, "page %llu: nodes of %zu bytes",
                            (unsigned long long) pgno, bytes);
    }

    t->seen.nentries += leaf ? n : 0;

    for (i = 0; rc == PHR_OK && i < n; i++) {
        (void) phr_tree_node(t, pgno, p, i, &node, &bytes);

        if (leaf) {
            rc = phr_tree_leaf(t, pgno, &node);
            continue;
        }

        if (i + 1 < n) {
            (void) phr_tree_node(t, pgno, p, i + 1, &next, &bytes);
        }

        rc = phr_tree_page(t, node.child, depth + 1, i > 0 ? &node : low,
                           i + 1 < n ? &next : high);
    }

    return rc;
}


static int
phr_tree_header(phr_tree_t *t, uint64_t pgno, const uint8_t *p, size_t *n)
{
    unsigned  flags, lower, upper;

    flags = phr_tree_get16(p + 10);
    lower = phr_tree_get16(p + 12);
    upper = phr_tree_get16(p + 14);

    if (phr_tree_get64(p) != pgno
        || (flags != PHR_TREE_BRANCH && flags != PHR_TREE_LEAF)
        || lower < PHR_TREE_HEADER || lower > upper || (lower & 1)
        || upper > t->page_size)
    {
        return phr_tree_bad(t, "page %llu: number %llu, flags %x, bounds %u "
                            "and %u", (unsigned long long) pgno,
                            (unsigned long long) phr_tree_get64(p), flags,
                            lower, upper);
    }

    *n = (lower - PHR_TREE_HEADER) / 2;

    return PHR_OK;
}


static int
phr_tree_node(phr_tree_t *t, uint64_t pgno, const uint8_t *p, size_t i,
    phr_tree_node_t *node, size_t *bytes)
{
    size_t          at, len;
    unsigned        leaf, upper;
    const uint8_t  *q;

    at = phr_tree_get16(p + PHR_TREE_HEADER + 2 * i);
    upper = phr_tree_get16(p + 14);
    leaf = phr_tree_get16(p + 10) == PHR_TREE_LEAF;

    if (at < upper || (at & 1) || at + PHR_TREE_NODE > t->page_size) {
        return phr_tree_bad(t, "page %llu: node %zu at %zu",
                            (unsigned long long) pgno, i, at);
    }

    q = p + at;
    node->size = phr_tree_get32(q);
    node->flags = phr_tree_get16(q + 4);
    node->child = node->size | (uint64_t) node->flags << 32;
    node->klen = phr_tree_get16(q + 6);
    node->key = q + PHR_TREE_NODE;
    node->data = node->key + node->klen;

    len = PHR_TREE_NODE + node->klen;

    if (leaf) {
        len += node->flags & PHR_TREE_BIG ? 8 : node->size;
    }

    len += len & 1;

    if (node->klen > PHR_KEY_MAX || len > t->page_size - at
        || (leaf && node->klen == 0))
    {
        return phr_tree_bad(t, "page %llu: node %zu of %zu bytes",
                            (unsigned long long) pgno, i, len);
    }

    *bytes += len;

    return PHR_OK;
}


static int
phr_tree_leaf(phr_tree_t *t, uint64_t pgno, const phr_tree_node_t *node)
{
    int             rc;
    phr_str_t       body;
    const uint8_t  *value;

    value = node->data;

    if (node->flags == PHR_TREE_BIG) {
        rc = phr_tree_big(t, node, &value);
        if (rc != PHR_OK || value == NULL) {
            return rc;
        }

    } else if (node->flags
               != (t->kind == PHR_TREE_MAIN ? PHR_TREE_SUB : 0))
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
phr_tree_big(phr_tree_t *t, const phr_tree_node_t *node,
    const uint8_t **value)
{
    int        rc;
    size_t     whole;
    uint8_t   *grown, head[PHR_TREE_HEADER];
    uint64_t   pgno, i, n;

    pgno = phr_tree_get64(node->data);
    whole = (size_t) node->size + PHR_TREE_HEADER;
    n = (whole + t->page_size - 1) / t->page_size;
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
        return pgno + n <= t->file_bytes / t->page_size ? PHR_OK
               : phr_tree_bad(t, "page %llu is beyond the end of the file",
                              (unsigned long long) pgno);
    }

    if (whole > t->page_size) {
        grown = phr_realloc(t->value, whole);
        if (grown == NULL) {
            return phr_err_set(t->err, PHR_ENOMEM, "no memory");
        }

        t->value = grown;
    }

    rc = phr_tree_read(t, pgno, t->value, whole);
    if (rc != PHR_OK) {
        return rc;
    }

    memcpy(head, t->value, sizeof(head));

    if (phr_tree_get64(head) != pgno
        || phr_tree_get16(head + 10) != PHR_TREE_OVERFLOW
        || phr_tree_get32(head + 12) != n)
    {
        return phr_tree_bad(t, "page %llu of a value: number %llu, flags "
                            "%x, %u pages", (unsigned long long) pgno,
                            (unsigned long long) phr_tree_get64(head),
                            phr_tree_get16(head + 10),
                            phr_tree_get32(head + 12));
    }

    t->result.nvalues++;
    *value = t->value + PHR_TREE_HEADER;

    return PHR_OK;
}


static int
phr_tree_sub(phr_tree_t *t, const phr_tree_node_t *node)
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

    if (i == PHR_DB_MAX || node->size != PHR_TREE_DB_SIZE) {
        return phr_tree_bad(t, "an unknown name of %zu bytes, a value of %u",
                            node->klen, node->size);
    }

    phr_tree_db_get(node->data, &t->subs[i]);
    t->found[i] = 1;

    if (t->subs[i].flags != 0) {
        return phr_tree_bad(t, "\"%s\" has the flags %x", name,
                            t->subs[i].flags);
    }

    return PHR_OK;
}


/* count and numbers, the highest first */
static int
phr_tree_free_list(phr_tree_t *t, const phr_tree_node_t *node,
    const uint8_t *value)
{
    int       rc;
    uint64_t  i, n, pgno, before;

    if (node->klen != 8 || node->size < 8 || node->size % 8 != 0) {
        return phr_tree_bad(t, "a key of %zu, a list of %u bytes",
                            node->klen, node->size);
    }

    t->last_key = phr_tree_get64(node->key);
    n = phr_tree_get64(value);

    /* a list may have been given more room than it took */

    if (n > node->size / 8 - 1 || t->last_key > t->txnid) {
        return phr_tree_bad(t, "list %llu has %llu pages in %u bytes",
                            (unsigned long long) t->last_key,
                            (unsigned long long) n, node->size);
    }

    before = PHR_TREE_NONE;

    for (i = 1; i <= n; i++) {
        pgno = phr_tree_get64(value + 8 * i);

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
phr_tree_order(const phr_tree_t *t, const phr_tree_node_t *a,
    const phr_tree_node_t *b)
{
    int       rc;
    uint64_t  x, y;

    if (t->kind == PHR_TREE_FREE && a->klen == 8 && b->klen == 8) {
        x = phr_tree_get64(a->key);
        y = phr_tree_get64(b->key);

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


static int
phr_tree_read(phr_tree_t *t, uint64_t pgno, void *buf, size_t size)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < size; done += (size_t) n) {
        n = pread(t->fd, (uint8_t *) buf + done, size - done,
                  (off_t) (pgno * t->page_size + done));

        if (n == 0) {
            return phr_tree_bad(t, "page %llu is beyond the end of the file",
                                (unsigned long long) pgno);
        }

        if (n < 0 && errno == EINTR) {
            n = 0;

        } else if (n < 0) {
            return phr_err_set(t->err, PHR_EIO, "page %llu cannot be read: "
                               "%s", (unsigned long long) pgno,
                               strerror(errno));
        }
    }

    return PHR_OK;
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


static void
phr_tree_db_get(const uint8_t *p, phr_tree_db_t *db)
{
    db->pad = phr_tree_get32(p);
    db->flags = phr_tree_get16(p + 4);
    db->depth = phr_tree_get16(p + 6);
    db->nbranch = phr_tree_get64(p + 8);
    db->nleaf = phr_tree_get64(p + 16);
    db->noverflow = phr_tree_get64(p + 24);
    db->nentries = phr_tree_get64(p + 32);
    db->root = phr_tree_get64(p + 40);
}


/* as they are in memory, so that a machine of the other kind can tell */

static uint16_t
phr_tree_get16(const uint8_t *p)
{
    uint16_t  v;

    memcpy(&v, p, sizeof(v));

    return v;
}


static uint32_t
phr_tree_get32(const uint8_t *p)
{
    uint32_t  v;

    memcpy(&v, p, sizeof(v));

    return v;
}


static uint64_t
phr_tree_get64(const uint8_t *p)
{
    uint64_t  v;

    memcpy(&v, p, sizeof(v));

    return v;
}
