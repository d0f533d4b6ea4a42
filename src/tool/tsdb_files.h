/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb files: those of Prometheus's blocks on disk: which there are, and one
 * of them, mapped.  What the bytes mean is the business of ingest/tsdb.h.
 */

#ifndef PHR_TSDB_FILES_H_INCLUDED
#define PHR_TSDB_FILES_H_INCLUDED


#include "ingest/tsdb.h"


typedef struct {
    char     *path;
    int64_t   min_ms, max_ms;       /* as its meta.json says */
} phr_block_entry_t;

typedef struct {
    phr_block_entry_t  *b;          /* the oldest first */
    size_t              n;
    int                 wal;        /* there is a write-ahead log, too */
} phr_block_list_t;

/* the blocks in a folder, or the folder itself; PHR_EIO, PHR_ENOMEM */
int phr_block_list(const char *path, phr_block_list_t *list, phr_err_t *err);
void phr_block_list_free(phr_block_list_t *list);


typedef struct {
    const char        *path;
    phr_str_t          bytes;       /* of the index */
    phr_tsdb_index_t   index;
    phr_str_t         *segments;
    size_t             nsegments;
    phr_array_t        tombstones;  /* phr_tsdb_tombstone_t, by ref */
} phr_block_files_t;

/* PHR_OK or a failure that names the file; close() in any case */
int phr_block_open(const char *path, phr_block_files_t *b, phr_err_t *err);
void phr_block_close(phr_block_files_t *b);


#endif /* PHR_TSDB_FILES_H_INCLUDED */
