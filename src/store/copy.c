/*
 * Copyright (C) The Pharos Authors
 *
 * Copy: the file of the store as one transaction sees it, page after page.
 *
 * While a reader sees state N, LMDB writes only to pages that were free in
 * N already, but for those that commit N freed: state N - 1 uses them.  So
 * the pages of both states can be read at leisure, and the two meta pages
 * are those of N - 1 and N, if no commit was faster than the look at them.
 * Pages that are free are not read: what is in them changes, and zeros take
 * no room when they are compressed or written as holes.
 */

#include <time.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/yield.h"
#include "store/internal.h"
#include "store/page.h"


/*
 * Looks at the meta pages.  While a commit waits for the disk the file has a
 * newer one already than readers see.
 */
#define PHR_COPY_TRIES  5000
#define PHR_COPY_NS     1000000

/* about what a step takes, see phr_yield() */
#define PHR_COPY_UNITS  1024


struct phr_store_copy_s {
    phr_txn_t    *txn;
    phr_pages_t   file;         /* not ours to be closed */
    char         *meta;         /* both pages */
    uint64_t      npages;
    uint64_t      nfree;
    uint64_t      next;         /* to be read */
    uint8_t      *free;         /* bits */
};


static int phr_copy_begin(phr_store_copy_t *c, phr_store_t *st,
    phr_err_t *err);
static int phr_copy_metas(phr_store_copy_t *c, phr_page_meta_t *meta,
    phr_err_t *err);
static int phr_copy_pread(phr_store_copy_t *c, uint64_t page, char *buf,
    size_t len, phr_err_t *err);
static int phr_copy_free(void *data, uint64_t id, const char *pages,
    size_t n);


#define phr_copy_is_free(c, page)                                             \
    ((c)->free[(page) / 8] >> ((page) & 7) & 1)


int
phr_store_copy_open(phr_store_t *st, phr_store_copy_t **copy, phr_err_t *err)
{
    int                rc;
    unsigned           i;
    phr_store_copy_t  *c;

    static const struct timespec  pause = { 0, PHR_COPY_NS };

    if (!phr_pages_known()) {
        return phr_err_set(err, PHR_EUNAVAIL, "copies are not made on this "
                           "machine");
    }

    c = phr_calloc(1, sizeof(phr_store_copy_t));
    if (c == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    c->file.page_size = 4096;       /* until a meta page says more */

    rc = phr_env_fd(st->env, &c->file.fd, err);

    for (i = 0; rc == PHR_OK; i++) {
        rc = phr_copy_begin(c, st, err);

        if (rc != PHR_AGAIN) {
            break;
        }

        /* a commit came between */
        phr_txn_abort(c->txn);
        c->txn = NULL;

        (void) nanosleep(&pause, NULL);

        rc = i < PHR_COPY_TRIES
             ? PHR_OK : phr_err_set(err, PHR_EUNAVAIL, "the store does not "
                                    "stand still");
    }

    if (rc == PHR_OK) {
        c->free = phr_calloc(c->npages / 8 + 1, 1);

        rc = c->free == NULL
             ? phr_err_set(err, PHR_ENOMEM, "no memory")
             : phr_txn_free_pages(c->txn, phr_copy_free, c, err);
    }

    if (rc != PHR_OK) {
        phr_store_copy_close(c);
        return rc;
    }

    *copy = c;

    return PHR_OK;
}


/* PHR_AGAIN: the meta pages are not those of this state any more */
static int
phr_copy_begin(phr_store_copy_t *c, phr_store_t *st, phr_err_t *err)
{
    int              rc;
    uint64_t         id;
    phr_page_meta_t  before[2], after[2];

    rc = phr_txn_begin(st->env, 0, &c->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_copy_metas(c, before, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (c->meta == NULL) {
        c->meta = phr_malloc(2 * c->file.page_size);
        if (c->meta == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }
    }

    rc = phr_copy_pread(c, 0, c->meta, 2 * c->file.page_size, err);
    if (rc == PHR_OK) {
        rc = phr_copy_metas(c, after, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    id = phr_txn_id(c->txn);

    if (before[0].txnid != after[0].txnid || before[1].txnid != after[1].txnid
        || phr_max(after[0].txnid, after[1].txnid) != id)
    {
        return PHR_AGAIN;
    }

    c->npages = after[after[1].txnid == id].npages;

    return PHR_OK;
}


static int
phr_copy_metas(phr_store_copy_t *c, phr_page_meta_t *meta, phr_err_t *err)
{
    int  rc;

    rc = phr_pages_meta(&c->file, 0, &meta[0], err);
    if (rc == PHR_OK) {
        rc = phr_pages_meta(&c->file, 1, &meta[1], err);
    }

    return rc;
}


/* what is beyond the end was never written, and is free */
static int
phr_copy_pread(phr_store_copy_t *c, uint64_t page, char *buf, size_t len,
    phr_err_t *err)
{
    ssize_t  n;
    size_t   done;

    for (done = 0; done < len; done += (size_t) n) {
        n = pread(c->file.fd, buf + done, len - done,
                  (off_t) (page * c->file.page_size + done));

        if (n == -1) {
            return phr_err_set(err, PHR_EIO, "pread() failed");
        }

        if (n == 0) {
            memset(buf + done, 0, len - done);
            break;
        }
    }

    return PHR_OK;
}


/* the state before this one uses what this one freed */
static int
phr_copy_free(void *data, uint64_t id, const char *pages, size_t n)
{
    size_t             i;
    uint64_t           page;
    phr_store_copy_t  *c = data;

    if (id >= phr_txn_id(c->txn)) {
        return PHR_OK;
    }

    for (i = 0; i < n; i++) {
        memcpy(&page, pages + i * sizeof(page), sizeof(page));

        if (page > 1 && page < c->npages && !phr_copy_is_free(c, page)) {
            c->free[page / 8] |= (uint8_t) (1 << (page & 7));
            c->nfree++;
        }
    }

    return PHR_OK;
}


void
phr_store_copy_close(phr_store_copy_t *copy)
{
    if (copy == NULL) {
        return;
    }

    phr_txn_abort(copy->txn);
    phr_free(copy->meta);
    phr_free(copy->free);
    phr_free(copy);
}


uint64_t
phr_store_copy_bytes(const phr_store_copy_t *copy)
{
    return copy->npages * copy->file.page_size;
}


uint64_t
phr_store_copy_used(const phr_store_copy_t *copy)
{
    return (copy->npages - copy->nfree) * copy->file.page_size;
}


int
phr_store_copy_read(phr_store_copy_t *copy, char *buf, size_t *n,
    phr_err_t *err)
{
    int       rc;
    size_t    i, size, npages, nfree;
    uint64_t  page;

    size = copy->file.page_size;
    page = copy->next;

    npages = PHR_STORE_COPY_STEP / size;
    npages = (size_t) phr_min(npages, copy->npages - page);

    if (npages == 0) {
        return PHR_DONE;
    }

    phr_yield(PHR_COPY_UNITS);

    for (i = 0, nfree = 0; i < npages; i++) {
        nfree += phr_copy_is_free(copy, page + i);
    }

    if (nfree < npages) {
        rc = phr_copy_pread(copy, page, buf, npages * size, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    for (i = 0; i < npages; i++) {
        if (phr_copy_is_free(copy, page + i)) {
            memset(buf + i * size, 0, size);

        } else if (page + i < 2) {
            memcpy(buf + i * size, copy->meta + (page + i) * size, size);
        }
    }

    copy->next += npages;
    *n = npages * size;

    return PHR_OK;
}
