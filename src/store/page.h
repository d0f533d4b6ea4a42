/*
 * Copyright (C) The Pharos Authors
 *
 * Page: the pages of the file of a store, as LMDB 0.9 lays them out on
 * 64-bit machines with little end first: read with pread(), so that a disk
 * that fails is an error and no SIGBUS, and taken apart without believing
 * anything.  What the pages make together is not known here.
 *
 * A page of a tree:
 *
 *     number:64  0:16  flags:16  lower:16  upper:16
 *     offsets of nodes:16 ...  (up to lower)   nodes (from upper on)
 *
 * and a node, in a branch the number of its child page being where size and
 * flags are in a leaf:
 *
 *     size:32  flags:16  key size:16  key  value, or the number of its page
 */

#ifndef PHR_PAGE_H_INCLUDED
#define PHR_PAGE_H_INCLUDED


#include "core/err.h"


#define PHR_PAGE_HEADER      16
#define PHR_PAGE_NODE        8          /* of a node, before the key */
#define PHR_PAGE_DB_SIZE     48
#define PHR_PAGE_NONE        UINT64_MAX

/* flags of pages */
#define PHR_PAGE_BRANCH      0x01
#define PHR_PAGE_LEAF        0x02
#define PHR_PAGE_OVERFLOW    0x04
#define PHR_PAGE_META        0x08

/* of nodes: the value has pages of its own; it is a tree */
#define PHR_NODE_BIG         0x01
#define PHR_NODE_SUB         0x02

/* of trees: keys are integers */
#define PHR_PAGE_INTEGER     0x08


/* what is said of a tree */
typedef struct {
    uint32_t  pad;
    uint16_t  flags;
    uint16_t  depth;
    uint64_t  nbranch;
    uint64_t  nleaf;
    uint64_t  noverflow;
    uint64_t  nentries;
    uint64_t  root;
} phr_page_db_t;

/* a state of the file */
typedef struct {
    uint64_t       txnid;
    uint64_t       npages;      /* that may be used */
    phr_page_db_t  free;        /* lists of free pages */
    phr_page_db_t  main;        /* the other trees */
} phr_page_meta_t;

typedef struct {
    const uint8_t  *key;
    size_t          klen;
    uint64_t        child;      /* of a branch */
    uint32_t        size;       /* of the value in a leaf */
    uint16_t        flags;
    const uint8_t  *data;
} phr_page_node_t;

typedef struct {
    int        fd;
    size_t     page_size;
    uint64_t   file_bytes;
} phr_pages_t;


/* 0 on a machine whose files are laid out otherwise */
int phr_pages_known(void);

/* PHR_OK, PHR_NOTFOUND or PHR_EIO; close() in any case */
int phr_pages_open(phr_pages_t *f, const char *name, phr_err_t *err);

/* looks how long the file is by now, as an open store's grows; or PHR_EIO */
int phr_pages_size(phr_pages_t *f, phr_err_t *err);
void phr_pages_close(phr_pages_t *f);

/* size bytes from the start of a page on.  PHR_EIO; PHR_ECORRUPT: the end */
int phr_pages_read(phr_pages_t *f, uint64_t pgno, void *buf, size_t size,
    phr_err_t *err);

/*
 * The meta page 0 or 1; reading 0 sets the size of a page, which 1 must
 * have as well.  PHR_ECORRUPT or PHR_EIO.
 */
int phr_pages_meta(phr_pages_t *f, unsigned i, phr_page_meta_t *meta,
    phr_err_t *err);

/*
 * Whether nothing was ever committed to the file: it is not longer than the
 * meta pages, and none of those that can be read says so.
 */
int phr_pages_unused(phr_pages_t *f);

/* what it says can be true.  PHR_OK or PHR_ECORRUPT. */
int phr_page_meta_check(const phr_pages_t *f, const phr_page_meta_t *meta,
    phr_err_t *err);

/* a page of a tree; *n nodes.  PHR_OK or PHR_ECORRUPT. */
int phr_page_open(const phr_pages_t *f, uint64_t pgno, const uint8_t *page,
    size_t *n, phr_err_t *err);

/*
 * Node i of an open page; *bytes grows by what it takes.  PHR_OK or
 * PHR_ECORRUPT.
 */
int phr_page_node(const phr_pages_t *f, uint64_t pgno, const uint8_t *page,
    size_t i, phr_page_node_t *node, size_t *bytes, phr_err_t *err);

/* of PHR_PAGE_DB_SIZE bytes */
void phr_page_db_get(const uint8_t *p, phr_page_db_t *db);


/* as they are in memory, so that a machine of the other kind can tell */

static inline uint16_t
phr_page_get16(const uint8_t *p)
{
    uint16_t  v;

    memcpy(&v, p, sizeof(v));

    return v;
}


static inline uint32_t
phr_page_get32(const uint8_t *p)
{
    uint32_t  v;

    memcpy(&v, p, sizeof(v));

    return v;
}


static inline uint64_t
phr_page_get64(const uint8_t *p)
{
    uint64_t  v;

    memcpy(&v, p, sizeof(v));

    return v;
}


static inline unsigned
phr_page_flags(const uint8_t *page)
{
    return phr_page_get16(page + 10);
}


#endif /* PHR_PAGE_H_INCLUDED */
