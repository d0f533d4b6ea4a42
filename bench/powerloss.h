/*
 * Copyright (C) The Pharos Authors
 *
 * Powerloss: the log that powerloss_record.c writes, powerloss.pl adds to
 * and powerloss_replay.c reads.  A record is a head and then len bytes, and
 * zeros up to POWER_ALIGN; the numbers are those of the machine.
 */

#ifndef POWERLOSS_H_INCLUDED
#define POWERLOSS_H_INCLUDED


#include <stdint.h>


#define POWER_MAGIC  0x52574f50
#define POWER_ALIGN  8

#define power_size(len)                                                       \
    (((size_t) (len) + POWER_ALIGN - 1) & ~(size_t) (POWER_ALIGN - 1))

/* ORDER POWER: powerloss.pl has the numbers as well */
typedef enum {
    POWER_OPEN = 1,     /* file, flags of open(2) in "at"; the name */
    POWER_WRITE,        /* file, at; the bytes: told before it is done */
    POWER_WROTE,        /* file: it is done; at is 1 if it is on the disk */
    POWER_TRUNCATE,     /* file, length in "at" */
    POWER_SYNC,         /* file: a flush begins */
    POWER_SYNCED,       /* file: it ended well */
    POWER_SYNC_FOLDER,  /* a flush of the folder itself begins */
    POWER_SYNCED_FOLDER,
    POWER_RENAME,       /* two names, both with their ends */
    POWER_UNLINK,       /* the name */
    POWER_ACK,          /* stream in "file", number in "at" */
    POWER_SCRAPED,      /* the same: a target was asked, and has answered */
    POWER_KILL,         /* a process is about to be ended */
    POWER_KINDS
} power_e;


typedef struct {
    uint32_t  magic;
    uint32_t  kind;
    uint64_t  file;     /* number of its inode */
    uint64_t  at;
    uint64_t  us;       /* of the monotonic clock */
    uint32_t  pid;
    uint32_t  len;
} power_head_t;


#endif /* POWERLOSS_H_INCLUDED */
