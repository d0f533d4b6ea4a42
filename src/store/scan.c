/*
 * Copyright (C) The Pharos Authors
 *
 * Scan: see scan.h.
 *
 * Which records are of the newest state.  Pages have no number of the state
 * that wrote them, but a page is either in use by the newest state, or one
 * of the two meta pages, or in the list of free pages.  So where that list
 * can be read, each page that is not in it is current, whether a tree leads
 * there or not.  Where it cannot, the pages that the newest trees do not
 * lead to may be of any age: then those of the state before come first, and
 * the rest is in doubt.
 *
 * A link between pages has no checksum.  It is believed if what it leads to
 * is a page of records of that tree, in the range that the pages above tell,
 * and not a free one.  If all links lead somewhere, no other page is looked
 * at.
 */

#include "store/scan.h"

#include <stdio.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "store/internal.h"
#include "store/key.h"
#include "store/kind.h"
#include "store/scan_impl.h"


/* of a list of free pages */
#define PHR_SCAN_MAX_LIST   (64u << 20)


static int phr_scan_open(phr_scan_t *s, const char *file);
static int phr_scan_metas(phr_scan_t *s, phr_page_meta_t *m);
static int phr_scan_order(phr_scan_t *s, phr_page_meta_t *m, int n);
static int phr_scan_pages(phr_scan_t *s, phr_page_meta_t *m, int n);
static int phr_scan_state(phr_scan_t *s, const phr_page_meta_t *m);
static int phr_scan_free(phr_scan_t *s, const phr_page_db_t *db);
static int phr_scan_contradicts(const phr_scan_t *s);
static int phr_scan_tree(phr_scan_t *s, const phr_page_db_t *db);
static int phr_scan_page(phr_scan_t *s, uint64_t pgno, unsigned depth,
    phr_str_t low, phr_str_t high);
static int phr_scan_branch(phr_scan_t *s, uint64_t pgno, unsigned depth,
    phr_str_t low, phr_str_t high);
static int phr_scan_leaf(phr_scan_t *s, uint64_t pgno, uint8_t *p,
    phr_str_t low, phr_str_t high);
static int phr_scan_meant(phr_scan_t *s, uint64_t pgno, const uint8_t *p,
    size_t n, phr_str_t low, phr_str_t high);
static int phr_scan_record(phr_scan_t *s, phr_db_e db,
    const phr_page_node_t *node);
static size_t phr_scan_forgive(const phr_scan_t *s, uint64_t pgno,
    uint8_t *p);
static int phr_scan_list(phr_scan_t *s, const phr_page_node_t *node);
static int phr_scan_sub(phr_scan_t *s, const phr_page_node_t *node);
static int phr_scan_strays(phr_scan_t *s);
static void phr_scan_lost(phr_scan_t *s);
static int phr_scan_within(phr_str_t key, phr_str_t low, phr_str_t high);

#define phr_scan_bit(map, pgno)  ((map)[(pgno) / 8] >> ((pgno) & 7) & 1)
#define phr_scan_set(map, pgno)                                               \
    ((map)[(pgno) / 8] |= (uint8_t) (1 << ((pgno) & 7)))


int
phr_scan(const char *file, phr_vault_t *vault, phr_scan_pt visit,
    void *data, phr_scan_result_t *result, phr_err_t *err)
{
    int               rc, i, n;
    phr_scan_t       *s;
    phr_page_meta_t   m[2];

    memset(result, 0, sizeof(phr_scan_result_t));

    if (!phr_pages_known()) {
        return phr_err_set(err, PHR_EINVAL, "pages of this kind of machine "
                           "are not known");
    }

    s = phr_calloc(1, sizeof(phr_scan_t));
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    s->visit = visit;
    s->data = data;
    s->result = result;
    s->err = err;
    n = 0;

    rc = phr_pages_open(&s->file, file, err);

    if (rc == PHR_OK) {
        n = phr_scan_metas(s, m);
        rc = phr_scan_open(s, file);
    }

    if (rc == PHR_OK && vault != NULL) {
        s->vault = vault;
        rc = phr_vault_worker_create(vault, &s->worker, err);
    }
    if (rc == PHR_OK) {
        rc = phr_scan_pages(s, m, n);
    }

    for (i = 0; i < PHR_SCAN_MAX_DEPTH; i++) {
        phr_free(s->page[i]);
    }

    phr_vault_worker_destroy(s->worker);
    phr_free(s->stray);
    phr_free(s->value);
    phr_free(s->seen);
    phr_free(s->free);
    phr_pages_close(&s->file);
    phr_free(s);

    return rc == PHR_NOTFOUND ? PHR_EIO : rc;
}


static int
phr_scan_open(phr_scan_t *s, const char *file)
{
    s->npages = s->file.file_bytes / s->file.page_size;
    s->result->npages = s->npages;

    if (s->npages < 3) {
        return phr_err_set(s->err, PHR_ECORRUPT, "\"%s\" is no store, or "
                           "an empty one", file);
    }

    s->seen = phr_calloc(1, (size_t) (s->npages / 8 + 1));
    s->free = phr_calloc(1, (size_t) (s->npages / 8 + 1));
    s->stray = phr_malloc(s->file.page_size);

    if (s->seen == NULL || s->free == NULL || s->stray == NULL) {
        return phr_err_set(s->err, PHR_ENOMEM, "no memory for %llu pages",
                           (unsigned long long) s->npages);
    }

    return PHR_OK;
}


/* those that can be read; returns how many */
static int
phr_scan_metas(phr_scan_t *s, phr_page_meta_t *m)
{
    int               n, i, ok[2];
    size_t            size;
    phr_page_meta_t   both[2];

    ok[0] = phr_pages_meta(&s->file, 0, &both[0], NULL) == PHR_OK;
    ok[1] = 0;

    /* the second tells the size of pages if the first cannot */

    for (size = ok[0] ? s->file.page_size : 4096;
         !ok[1] && size <= (ok[0] ? s->file.page_size : 65536); size *= 2)
    {
        s->file.page_size = size;
        ok[1] = phr_pages_meta(&s->file, 1, &both[1], NULL) == PHR_OK;
    }

    if (!ok[0] && !ok[1]) {
        s->file.page_size = 4096;
    }

    for (i = 0, n = 0; i < 2; i++) {
        if (ok[i] && phr_page_meta_check(&s->file, &both[i], NULL) == PHR_OK)
        {
            m[n++] = both[i];
        }
    }

    return n;
}


/*
 * The newest first.  The number of a state is also that of its last list of
 * free pages, which tells if one of the numbers is damaged.
 */
static int
phr_scan_order(phr_scan_t *s, phr_page_meta_t *m, int n)
{
    int               rc, i;
    phr_page_meta_t   swap;

    if (n == 2 && (m[0].txnid & 1 || !(m[1].txnid & 1)
                   || m[0].txnid - m[1].txnid + 1 > 2))
    {
        for (i = 0; i < n; i++) {
            rc = phr_scan_free(s, &m[i].free);
            if (rc < 0) {
                return rc;
            }

            m[i].txnid = s->last_list;
            memset(s->free, 0, (size_t) (s->npages / 8 + 1));
            memset(s->seen, 0, (size_t) (s->npages / 8 + 1));
        }
    }

    if (n == 2 && m[1].txnid > m[0].txnid) {
        swap = m[0];
        m[0] = m[1];
        m[1] = swap;
    }

    return PHR_OK;
}


static int
phr_scan_pages(phr_scan_t *s, phr_page_meta_t *m, int n)
{
    int  rc, sound;

    s->result->commit_lost = n < 2;
    sound = 0;

    rc = phr_scan_order(s, m, n);
    if (rc != PHR_OK) {
        return rc;
    }

    if (n > 0) {
        rc = phr_scan_free(s, &m[0].free);
        if (rc < 0) {
            return rc;
        }

        sound = rc == PHR_OK && n == 2;
        s->rank = PHR_SCAN_CURRENT;

        rc = phr_scan_state(s, &m[0]);
        if (rc != PHR_OK || s->nlost == 0) {
            return rc;
        }

        sound = sound && !phr_scan_contradicts(s);
    }

    if (sound) {
        s->npages = phr_min(s->npages, m[0].npages);
        return phr_scan_strays(s);
    }

    s->result->doubt = 1;

    if (n < 2) {
        /* free in the state before, but not in the newest */
        memset(s->free, 0, (size_t) (s->npages / 8 + 1));

    } else {
        s->rank = PHR_SCAN_BEFORE;

        rc = phr_scan_state(s, &m[1]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    s->rank = PHR_SCAN_DOUBT;

    return phr_scan_strays(s);
}


static int
phr_scan_state(phr_scan_t *s, const phr_page_meta_t *m)
{
    int  rc, i;

    memset(s->found, 0, sizeof(s->found));
    s->kind = PHR_SCAN_MAIN;

    rc = phr_scan_tree(s, &m->main);

    s->kind = PHR_SCAN_RECORDS;

    for (i = 0; i < PHR_DB_MAX && rc == PHR_OK; i++) {

        if (!s->found[i]) {
            /* nothing is missing of an older store, if all of it was read */
            if (phr_db_is_later(i) && s->result->ndamaged == 0) {
                s->result->known[i] = 1;

            } else {
                s->nlost++;
            }

            continue;
        }

        s->db = (phr_db_e) i;

        if (s->rank == PHR_SCAN_CURRENT) {
            s->result->nentries[i] = s->subs[i].nentries;
            s->result->known[i] = 1;
        }

        rc = phr_scan_tree(s, &s->subs[i]);
    }

    return rc;
}


/* PHR_OK, or PHR_AGAIN if something of the list was not read */
static int
phr_scan_free(phr_scan_t *s, const phr_page_db_t *db)
{
    int       rc;
    uint64_t  nlost, ndamaged;

    s->kind = PHR_SCAN_FREE;
    s->last_list = 0;
    nlost = s->nlost;
    ndamaged = s->result->ndamaged;

    rc = phr_scan_tree(s, db);

    if (rc == PHR_OK && (s->nlost != nlost
                         || s->result->ndamaged != ndamaged
                         || s->nentries != db->nentries))
    {
        rc = PHR_AGAIN;
    }

    /* no record is lost with them */
    s->nlost = nlost;

    return rc;
}


/* a page that is free cannot be in use */
static int
phr_scan_contradicts(const phr_scan_t *s)
{
    size_t  i;

    for (i = 0; i <= s->npages / 8; i++) {
        if (s->seen[i] & s->free[i]) {
            return 1;
        }
    }

    return 0;
}


static int
phr_scan_tree(phr_scan_t *s, const phr_page_db_t *db)
{
    s->nentries = 0;

    if (db->root == PHR_PAGE_NONE && db->nentries == 0) {
        return PHR_OK;
    }

    if (db->depth == 0 || db->depth > PHR_SCAN_MAX_DEPTH) {
        phr_scan_lost(s);
        return PHR_OK;
    }

    s->depth = db->depth;

    return phr_scan_page(s, db->root, 0, phr_str_of(""), phr_str_of(""));
}


/* an empty "high" is no bound */
static int
phr_scan_page(phr_scan_t *s, uint64_t pgno, unsigned depth, phr_str_t low,
    phr_str_t high)
{
    int       rc;
    uint8_t  *p;

    if (pgno < 2 || pgno >= s->npages || phr_scan_bit(s->seen, pgno)
        || (s->rank == PHR_SCAN_CURRENT && phr_scan_bit(s->free, pgno)))
    {
        /* the state before shares most of its pages with the newest */

        if (s->rank == PHR_SCAN_CURRENT) {
            phr_scan_lost(s);
        }

        return PHR_OK;
    }

    p = s->page[depth];

    if (p == NULL) {
        p = phr_malloc(s->file.page_size);
        if (p == NULL) {
            return phr_err_set(s->err, PHR_ENOMEM, "no memory");
        }

        s->page[depth] = p;
    }

    rc = phr_pages_read(&s->file, pgno, p, s->file.page_size, NULL);

    if (rc != PHR_OK) {
        phr_scan_lost(s);
        return PHR_OK;
    }

    return depth + 1 < s->depth ? phr_scan_branch(s, pgno, depth, low, high)
                                : phr_scan_leaf(s, pgno, p, low, high);
}


static int
phr_scan_branch(phr_scan_t *s, uint64_t pgno, unsigned depth, phr_str_t low,
    phr_str_t high)
{
    int               rc;
    size_t            i, n, bytes;
    uint8_t          *p;
    phr_str_t         from, to;
    phr_page_node_t   node, next;

    p = s->page[depth];
    n = 0;

    if (phr_page_open(&s->file, pgno, p, &n, NULL) != PHR_OK
        || phr_page_flags(p) != PHR_PAGE_BRANCH)
    {
        phr_scan_lost(s);
        return PHR_OK;
    }

    phr_scan_set(s->seen, pgno);
    rc = PHR_OK;

    for (i = 0; i < n && rc == PHR_OK; i++) {

        if (phr_page_node(&s->file, pgno, p, i, &node, &bytes, NULL)
            != PHR_OK)
        {
            phr_scan_lost(s);
            continue;
        }

        from = i == 0 ? low : phr_scan_key(&node);
        to = high;

        if (i + 1 < n && phr_page_node(&s->file, pgno, p, i + 1, &next,
                                       &bytes, NULL) == PHR_OK)
        {
            to = phr_scan_key(&next);
        }

        rc = phr_scan_page(s, node.child, depth + 1, from, to);
    }

    return rc;
}


static int
phr_scan_leaf(phr_scan_t *s, uint64_t pgno, uint8_t *p, phr_str_t low,
    phr_str_t high)
{
    int               rc;
    size_t            i, n, bytes, ngood;
    phr_page_node_t   node;

    if (phr_scan_misplaced(s, pgno, p, s->file.page_size)) {
        phr_scan_lost(s);
        return PHR_OK;
    }

    n = phr_scan_forgive(s, pgno, p);
    ngood = 0;

    if (s->kind == PHR_SCAN_RECORDS) {
        rc = phr_scan_meant(s, pgno, p, n, low, high);

        if (rc != PHR_OK) {
            n = 0;
        }
        if (rc < 0) {
            return rc;
        }
    }

    for (i = 0; i < n; i++) {
        rc = phr_page_node(&s->file, pgno, p, i, &node, &bytes, NULL);

        if (rc == PHR_OK) {
            rc = s->kind == PHR_SCAN_MAIN ? phr_scan_sub(s, &node)
                 : s->kind == PHR_SCAN_FREE ? phr_scan_list(s, &node)
                 : phr_scan_record(s, s->db, &node);
        }

        if (rc != PHR_OK && rc != PHR_ECORRUPT) {
            return rc;
        }

        ngood += rc == PHR_OK;
        s->result->ndamaged += rc != PHR_OK;
    }

    if (ngood == 0) {
        phr_scan_lost(s);
        return PHR_OK;
    }

    phr_scan_set(s->seen, pgno);
    s->nentries += ngood;

    return PHR_OK;
}


/*
 * A record of another tree, or out of its place, shows that the page is not
 * the one that was meant: PHR_NOTFOUND.
 */
static int
phr_scan_meant(phr_scan_t *s, uint64_t pgno, const uint8_t *p, size_t n,
    phr_str_t low, phr_str_t high)
{
    int               rc;
    size_t            i, bytes;
    phr_db_e          db;
    phr_str_t         value;
    phr_page_node_t   node;

    for (i = 0; i < n; i++) {
        rc = phr_page_node(&s->file, pgno, p, i, &node, &bytes, NULL);

        if (rc == PHR_OK) {
            db = s->db;
            rc = phr_scan_read(s, &node, &db, &value);
        }

        if (rc == PHR_OK) {
            return phr_scan_within(phr_scan_key(&node), low, high)
                   ? PHR_OK : PHR_NOTFOUND;
        }

        if (rc != PHR_ECORRUPT) {
            return rc;
        }
    }

    return PHR_NOTFOUND;
}


/* hands a record over, if it is one */
static int
phr_scan_record(phr_scan_t *s, phr_db_e db, const phr_page_node_t *node)
{
    int        rc;
    phr_str_t  value;

    rc = phr_scan_read(s, node, &db, &value);

    return rc != PHR_OK ? rc : s->visit(s->data, s->rank, db,
                                        phr_scan_key(node), value, s->err);
}


/*
 * The header of a leaf has no checksum, its records have: it is set so that
 * all nodes can be looked at.  Returns how many there may be.
 */
static size_t
phr_scan_forgive(const phr_scan_t *s, uint64_t pgno, uint8_t *p)
{
    size_t    i, n, at, end;
    uint16_t  upper;

    if (phr_page_open(&s->file, pgno, p, &n, NULL) == PHR_OK
        && phr_page_flags(p) == PHR_PAGE_LEAF)
    {
        return n;
    }

    end = s->file.page_size;

    for (i = 0; PHR_PAGE_HEADER + 2 * i + 2 <= end; i++) {
        at = phr_page_get16(p + PHR_PAGE_HEADER + 2 * i);

        /* one may be damaged; the nodes begin where the offsets end */

        if (at > PHR_PAGE_HEADER + 2 * i && at < s->file.page_size) {
            end = phr_min(end, at);
        }
    }

    n = PHR_PAGE_LEAF;
    memset(p + 10, 0, 6);
    p[10] = (uint8_t) n;
    upper = PHR_PAGE_HEADER;
    memcpy(p + 14, &upper, sizeof(upper));

    return i;
}


/* count and numbers, the highest first */
static int
phr_scan_list(phr_scan_t *s, const phr_page_node_t *node)
{
    int             rc;
    uint64_t        i, n, pgno, before;
    phr_str_t       value;
    const uint8_t  *p;

    rc = phr_scan_value(s, node, PHR_SCAN_MAX_LIST, &value);
    if (rc != PHR_OK) {
        return rc;
    }

    if (node->klen != 8 || value.len < 8 || value.len % 8 != 0) {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) value.data;
    n = phr_page_get64(p);
    before = PHR_PAGE_NONE;

    if (n > value.len / 8 - 1) {
        return PHR_ECORRUPT;
    }

    for (i = 1; i <= n; i++) {
        pgno = phr_page_get64(p + 8 * i);

        if (pgno >= before || pgno < 2) {
            return PHR_ECORRUPT;
        }

        if (pgno < s->npages) {

            if (phr_scan_bit(s->free, pgno)) {
                return PHR_ECORRUPT;
            }

            phr_scan_set(s->free, pgno);
        }

        before = pgno;
    }

    s->last_list = phr_page_get64(node->key);

    return PHR_OK;
}


static int
phr_scan_sub(phr_scan_t *s, const phr_page_node_t *node)
{
    int          i;
    const char  *name;

    for (i = 0; i < PHR_DB_MAX; i++) {
        name = phr_db_name((phr_db_e) i);

        if (node->flags == PHR_NODE_SUB && node->size == PHR_PAGE_DB_SIZE
            && strlen(name) == node->klen
            && memcmp(name, node->key, node->klen) == 0)
        {
            phr_page_db_get(node->data, &s->subs[i]);
            s->found[i] = 1;

            return PHR_OK;
        }
    }

    return PHR_ECORRUPT;
}


/* all pages that no tree led to */
static int
phr_scan_strays(phr_scan_t *s)
{
    int               rc;
    size_t            i, n, bytes;
    uint64_t          pgno;
    phr_page_node_t   node;

    for (pgno = 2; pgno < s->npages; pgno++) {

        if (phr_scan_bit(s->seen, pgno) || phr_scan_bit(s->free, pgno)
            || phr_pages_read(&s->file, pgno, s->stray, s->file.page_size,
                              NULL)
               != PHR_OK
            || phr_scan_misplaced(s, pgno, s->stray, s->file.page_size))
        {
            continue;
        }

        /* of other kinds: there are no records, or no keys */

        if (phr_page_get64(s->stray) == pgno
            && (phr_page_flags(s->stray) == PHR_PAGE_BRANCH
                || phr_page_flags(s->stray) == PHR_PAGE_OVERFLOW))
        {
            continue;
        }

        n = phr_scan_forgive(s, pgno, s->stray);

        for (i = 0; i < n; i++) {
            rc = phr_page_node(&s->file, pgno, s->stray, i, &node, &bytes,
                               NULL);
            if (rc == PHR_OK) {
                rc = phr_scan_record(s, PHR_KIND_NONE, &node);
            }

            if (rc != PHR_OK && rc != PHR_ECORRUPT) {
                return rc;
            }
        }
    }

    return PHR_OK;
}


/* a link that leads nowhere */
static void
phr_scan_lost(phr_scan_t *s)
{
    s->nlost++;
    s->result->ndamaged++;
}


static int
phr_scan_within(phr_str_t key, phr_str_t low, phr_str_t high)
{
    return phr_str_cmp(key, low) >= 0
           && (high.len == 0 || phr_str_cmp(key, high) < 0);
}
