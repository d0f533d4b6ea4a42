/*
 * Copyright (C) The Pharos Authors
 *
 * Scan, what its files share: the state of a scan, and how a record is read
 * (scan_read.c).  The walk is in scan.c.
 */

#ifndef PHR_SCAN_IMPL_H_INCLUDED
#define PHR_SCAN_IMPL_H_INCLUDED


#include "store/page.h"
#include "store/scan.h"


#define PHR_SCAN_MAX_DEPTH  32


/* what is in the tree that is walked */
typedef enum {
    PHR_SCAN_FREE = 0,
    PHR_SCAN_MAIN,
    PHR_SCAN_RECORDS
} phr_scan_kind_e;


typedef struct {
    phr_pages_t         file;
    uint64_t            npages;
    uint8_t            *seen;       /* pages whose records were told */
    uint8_t            *free;       /* pages in the list of free ones */
    uint8_t            *page[PHR_SCAN_MAX_DEPTH];
    uint8_t            *stray;
    uint8_t            *value;
    size_t              nvalue;
    uint64_t            nlost;      /* links that lead nowhere */
    phr_page_db_t       subs[PHR_DB_MAX];
    uint8_t             found[PHR_DB_MAX];

    phr_vault_t         *vault;     /* NULL: not encrypted */
    phr_vault_worker_t  *worker;
    uint8_t              plain[PHR_VALUE_MAX];

    phr_scan_pt         visit;
    void               *data;
    phr_scan_result_t  *result;
    phr_err_t          *err;

    /* of the walk */
    phr_scan_rank_e     rank;
    phr_scan_kind_e     kind;
    phr_db_e            db;
    unsigned            depth;      /* of the tree */
    uint64_t            nentries;
    uint64_t            last_list;  /* key of the last list of free pages */
} phr_scan_t;


#define phr_scan_key(node)                                                    \
    phr_str_from((const char *) (node)->key, (node)->klen)


/*
 * The value of a record, which is right by its checksum; *db may be
 * PHR_KIND_NONE, and is found then.  PHR_OK, PHR_ECORRUPT or a failure.
 */
int phr_scan_read(phr_scan_t *s, const phr_page_node_t *node, phr_db_e *db,
    phr_str_t *value);

/* a value as it is, of at most so many bytes if it has pages of its own */
int phr_scan_value(phr_scan_t *s, const phr_page_node_t *node, size_t max,
    phr_str_t *value);

/*
 * Whether a page, of which these are the first bytes, was written to another's
 * place, so that its records may be of any earlier state.  Its number says so,
 * unless it is the number that is damaged: one bit of it, and the page of that
 * number is another one.
 */
int phr_scan_misplaced(phr_scan_t *s, uint64_t pgno, const uint8_t *page,
    size_t len);


#endif /* PHR_SCAN_IMPL_H_INCLUDED */
