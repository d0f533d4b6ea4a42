/*
 * Copyright (C) The Pharos Authors
 *
 * Page: see page.h.
 */

#include "store/page.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/env.h"


#define PHR_PAGE_MAX         65536
#define PHR_PAGE_MAGIC       0xbeefc0de
#define PHR_PAGE_VERSION     1

/* pages that were given out and never written may be beyond the end */
#define PHR_PAGE_BEYOND      (64ULL << 20)


int
phr_pages_known(void)
{
    return sizeof(size_t) == 8 && phr_page_get16((const uint8_t *) "\1") == 1;
}


int
phr_pages_open(phr_pages_t *f, const char *name, phr_err_t *err)
{
    f->page_size = 4096;
    f->file_bytes = 0;
    f->fd = open(name, O_RDONLY|O_CLOEXEC);

    if (f->fd == -1) {
        (void) phr_err_set(err, PHR_EIO, "\"%s\" cannot be opened: %s", name,
                           strerror(errno));
        return errno == ENOENT ? PHR_NOTFOUND : PHR_EIO;
    }

    return phr_pages_size(f, err);
}


/* not by lseek(): the offset may be the writer's, who seeks before it writes */

int
phr_pages_size(phr_pages_t *f, phr_err_t *err)
{
    struct stat  st;

    if (fstat(f->fd, &st) != 0) {
        return phr_err_set(err, PHR_EIO, "fstat() of the store's file failed: "
                           "%s", strerror(errno));
    }

    f->file_bytes = (uint64_t) st.st_size;

    return PHR_OK;
}


void
phr_pages_close(phr_pages_t *f)
{
    if (f->fd != -1) {
        (void) close(f->fd);
        f->fd = -1;
    }
}


int
phr_pages_read(phr_pages_t *f, uint64_t pgno, void *buf, size_t size,
    phr_err_t *err)
{
    size_t   done;
    ssize_t  n;

    done = pgno < (uint64_t) INT64_MAX / f->page_size - 1 ? 0 : size + 1;

    while (done < size) {
        n = pread(f->fd, (uint8_t *) buf + done, size - done,
                  (off_t) (pgno * f->page_size + done));

        if (n == 0) {
            break;
        }

        if (n > 0) {
            done += (size_t) n;

        } else if (errno != EINTR) {
            return phr_err_set(err, PHR_EIO, "page %llu cannot be read: %s",
                               (unsigned long long) pgno, strerror(errno));
        }
    }

    return done == size ? PHR_OK
           : phr_err_set(err, PHR_ECORRUPT, "page %llu is beyond the end of "
                         "the file", (unsigned long long) pgno);
}


int
phr_pages_meta(phr_pages_t *f, unsigned i, phr_page_meta_t *meta,
    phr_err_t *err)
{
    int             rc;
    size_t          size;
    uint8_t         m[PHR_PAGE_HEADER + 24 + 2 * PHR_PAGE_DB_SIZE + 16];
    const uint8_t  *p;

    rc = phr_pages_read(f, i, m, sizeof(m), err);
    if (rc != PHR_OK) {
        return rc;
    }

    p = m + PHR_PAGE_HEADER;

    /* LMDB reads the flags of the newer as its own */

    if (phr_page_get64(m) != i || phr_page_flags(m) != PHR_PAGE_META
        || phr_page_get32(p) != PHR_PAGE_MAGIC
        || phr_page_get32(p + 4) != PHR_PAGE_VERSION)
    {
        return phr_err_set(err, PHR_ECORRUPT, "page %u is no meta page", i);
    }

    size = phr_page_get32(p + 24);

    if (size < 4096 || size > PHR_PAGE_MAX || (size & (size - 1)) != 0
        || (i == 1 && size != f->page_size))
    {
        return phr_err_set(err, PHR_ECORRUPT, "pages of %zu bytes", size);
    }

    f->page_size = size;
    p += 24;

    phr_page_db_get(p, &meta->free);
    phr_page_db_get(p + PHR_PAGE_DB_SIZE, &meta->main);
    meta->npages = phr_page_get64(p + 2 * PHR_PAGE_DB_SIZE) + 1;
    meta->txnid = phr_page_get64(p + 2 * PHR_PAGE_DB_SIZE + 8);

    /* where others have their padding this has the size of a page */
    meta->free.pad = 0;

    return PHR_OK;
}


int
phr_pages_unused(phr_pages_t *f)
{
    unsigned          i;
    phr_err_t         err;
    phr_page_meta_t   meta;

    if (f->file_bytes > 2 * (uint64_t) sysconf(_SC_PAGESIZE)) {
        return 0;
    }

    phr_err_init(&err);

    for (i = 0; i < 2; i++) {
        if (phr_pages_meta(f, i, &meta, &err) == PHR_OK && meta.txnid > 0) {
            return 0;
        }
    }

    return 1;
}


int
phr_page_meta_check(const phr_pages_t *f, const phr_page_meta_t *meta,
    phr_err_t *err)
{
    uint64_t  last;

    last = meta->npages - 1;

    if (meta->free.flags != PHR_PAGE_INTEGER || meta->main.flags != 0
        || meta->main.pad != 0 || last < 1
        || last > (f->file_bytes + PHR_PAGE_BEYOND) / f->page_size)
    {
        return phr_err_set(err, PHR_ECORRUPT, "flags %x and %x, last page "
                           "%llu of a file of %llu bytes", meta->free.flags,
                           meta->main.flags, (unsigned long long) last,
                           (unsigned long long) f->file_bytes);
    }

    return PHR_OK;
}


int
phr_page_open(const phr_pages_t *f, uint64_t pgno, const uint8_t *page,
    size_t *n, phr_err_t *err)
{
    unsigned  flags, lower, upper;

    flags = phr_page_flags(page);
    lower = phr_page_get16(page + 12);
    upper = phr_page_get16(page + 14);

    if (phr_page_get64(page) != pgno
        || (flags != PHR_PAGE_BRANCH && flags != PHR_PAGE_LEAF)
        || lower < PHR_PAGE_HEADER || lower > upper || (lower & 1)
        || upper > f->page_size)
    {
        return phr_err_set(err, PHR_ECORRUPT, "page %llu: number %llu, flags "
                           "%x, bounds %u and %u", (unsigned long long) pgno,
                           (unsigned long long) phr_page_get64(page), flags,
                           lower, upper);
    }

    *n = (lower - PHR_PAGE_HEADER) / 2;

    return PHR_OK;
}


int
phr_page_node(const phr_pages_t *f, uint64_t pgno, const uint8_t *page,
    size_t i, phr_page_node_t *node, size_t *bytes, phr_err_t *err)
{
    size_t          at, len;
    unsigned        leaf, upper;
    const uint8_t  *q;

    at = phr_page_get16(page + PHR_PAGE_HEADER + 2 * i);
    upper = phr_page_get16(page + 14);
    leaf = phr_page_flags(page) == PHR_PAGE_LEAF;

    if (at < upper || (at & 1) || at + PHR_PAGE_NODE > f->page_size) {
        return phr_err_set(err, PHR_ECORRUPT, "page %llu: node %zu at %zu",
                           (unsigned long long) pgno, i, at);
    }

    q = page + at;
    node->size = phr_page_get32(q);
    node->flags = phr_page_get16(q + 4);
    node->child = node->size | (uint64_t) node->flags << 32;
    node->klen = phr_page_get16(q + 6);
    node->key = q + PHR_PAGE_NODE;
    node->data = node->key + node->klen;

    len = PHR_PAGE_NODE + node->klen;

    if (leaf) {
        len += node->flags & PHR_NODE_BIG ? 8 : node->size;
    }

    len += len & 1;

    if (node->klen > PHR_KEY_MAX || len > f->page_size - at
        || (leaf && node->klen == 0))
    {
        return phr_err_set(err, PHR_ECORRUPT, "page %llu: node %zu of %zu "
                           "bytes", (unsigned long long) pgno, i, len);
    }

    *bytes += len;

    return PHR_OK;
}


void
phr_page_db_get(const uint8_t *p, phr_page_db_t *db)
{
    db->pad = phr_page_get32(p);
    db->flags = phr_page_get16(p + 4);
    db->depth = phr_page_get16(p + 6);
    db->nbranch = phr_page_get64(p + 8);
    db->nleaf = phr_page_get64(p + 16);
    db->noverflow = phr_page_get64(p + 24);
    db->nentries = phr_page_get64(p + 32);
    db->root = phr_page_get64(p + 40);
}
