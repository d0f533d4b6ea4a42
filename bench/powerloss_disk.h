/*
 * Copyright (C) The Pharos Authors
 *
 * Powerloss, the disk: what of a recorded log is surely on it at a point,
 * and what may be.  It knows nothing of stores, but that LMDB's file of
 * readers is written through a map and may hold anything.
 */

#ifndef POWERLOSS_DISK_H_INCLUDED
#define POWERLOSS_DISK_H_INCLUDED


#include <stddef.h>

#include "powerloss.h"


#define POWER_FILES    64       /* ever made */
#define POWER_NAMES    16       /* at once */
#define POWER_NAME     64
#define POWER_SECTOR   512


typedef struct {
    const power_head_t  **records;
    size_t                nrecords;
} power_log_t;


/* something done to a file or a name that no flush has seen yet */
typedef struct {
    const power_head_t  *record;
    size_t               file;      /* of a name: its index in files */
} power_op_t;

typedef struct {
    power_op_t  *op;
    size_t       n;
    size_t       max;
    size_t       flushing;          /* were there when a flush began */
} power_ops_t;

typedef struct {
    uint64_t     inode;
    uint8_t     *bytes;             /* as flushed */
    size_t       size;
    size_t       max;
    power_ops_t  ops;
} power_file_t;

typedef struct {
    char    name[POWER_NAMES][POWER_NAME];
    size_t  file[POWER_NAMES];
    size_t  n;
} power_names_t;

typedef struct {
    const power_log_t  *log;
    size_t              next;       /* record */
    power_file_t        files[POWER_FILES];
    size_t              nfiles;
    power_names_t       now;        /* as the kernel has them */
    power_names_t       flushed;
    power_ops_t         ops;        /* on names */

    uint64_t            nflushed;   /* bytes */
    uint64_t            npending;   /* writes after a flush, at all points */
    uint64_t            nlost;
    uint64_t            ntorn;
} power_disk_t;


/* 0, or -1 after a message */
int power_log_open(power_log_t *log, const char *name);

void power_disk_init(power_disk_t *disk, const power_log_t *log);

/* goes on to a record, which is not behind, and does that as well */
void power_disk_run(power_disk_t *disk, size_t point);

/*
 * Writes into the folder, which is emptied, what may be there if the power
 * fails now: chance is that of drand48().  0, or -1 after a message.
 */
int power_disk_write(power_disk_t *disk, const char *dir);


#endif /* POWERLOSS_DISK_H_INCLUDED */
