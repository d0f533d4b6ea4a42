/*
 * Copyright (C) The Pharos Authors
 *
 * Board: a Grafana dashboard as its JSON file says it, and the list of all
 * that there are.  What the panels mean is not known here: the text is kept
 * as it is, and given out as it is.
 */

#ifndef PHR_BOARD_H_INCLUDED
#define PHR_BOARD_H_INCLUDED


#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"


/* Grafana's own limit, it takes letters, digits, "-" and "_" */
#define PHR_BOARD_MAX_UID  40


/*
 * Immutable and counted: a list that is made anew shares the boards whose
 * files have not changed.  The count is touched by one thread at a time.
 */
typedef struct {
    phr_str_t     text;         /* the dashboard's object, as in the file */
    phr_str_t     path;         /* of the file, below the folder of all */
    phr_str_t     uid;
    phr_str_t     title;
    phr_str_t     slug;         /* of the title, for addresses; never empty */
    phr_str_t     folder;       /* the folder that the file is in, "": none */
    phr_str_t     folder_uid;   /* "" without a folder */
    phr_str_t     folder_slug;
    phr_str_t    *tags;
    size_t        ntags;
    int64_t       id;           /* phr_board_id() of uid */
    int64_t       schema_version;
    int64_t       version;

    /* the bytes of text that phr_board_write() puts the uid in place of */
    size_t        uid_start;
    size_t        uid_end;
    const char   *uid_before;   /* what else goes there; NULL: nothing does */
    const char   *uid_after;

    phr_arena_t  *arena;
    size_t        refs;
} phr_board_t;


/*
 * Copies what it needs of text; {"dashboard": {...}}, as Grafana's API gives
 * and takes it, is unwrapped.  file is the name in errors, path that below
 * the folder of all dashboards: the uid is made of it if the text has none.
 *
 * PHR_EPARSE  not JSON, or no dashboard
 * PHR_EINVAL  a dashboard that Grafana would not take: no title, a bad uid
 * PHR_ENOMEM
 *
 * err has file, and line and column in the file.
 */
int phr_board_create(phr_str_t text, const char *file, phr_str_t path,
    phr_board_t **board, phr_err_t *err);

phr_board_t *phr_board_hold(phr_board_t *b);
void phr_board_drop(phr_board_t *b);            /* b may be NULL */

/* the text, with the uid in it if the file has none */
void phr_board_write(const phr_board_t *b, phr_buf_t *out);


typedef struct {
    phr_str_t  uid;
    phr_str_t  title;
    phr_str_t  slug;
    int64_t    id;
} phr_board_folder_t;

typedef struct phr_boards_s {
    phr_board_t         **boards;       /* by title */
    size_t                nboards;
    phr_board_folder_t   *folders;      /* by title; point into the boards */
    size_t                nfolders;
} phr_boards_t;

/* all that are set must hold; tags: the board has each */
typedef struct {
    phr_str_t         query;            /* a part of the title, in any case */
    const phr_str_t  *tags;
    size_t            ntags;
} phr_board_filter_t;


/*
 * A list of boards, each of which it holds.  Of two with one uid that with
 * the lower path is taken; clash() is told of the other.  PHR_OK or
 * PHR_ENOMEM.
 */
int phr_boards_create(phr_board_t *const *boards, size_t n,
    void (*clash)(void *data, const phr_board_t *left_out,
                  const phr_board_t *taken),
    void *data, phr_boards_t **list);
void phr_boards_destroy(phr_boards_t *list);    /* list may be NULL */

/* NULL if there is none */
const phr_board_t *phr_boards_find(const phr_boards_t *list, phr_str_t uid);

/* the next that passes; *pos starts at 0, NULL at the end */
const phr_board_t *phr_boards_search(const phr_boards_t *list,
    const phr_board_filter_t *filter, size_t *pos);

/* a number from 1 on for those who ask by number, the same for ever */
int64_t phr_board_id(phr_str_t uid);

/* 1 if part is in s; letters of ASCII are the same in both cases */
int phr_board_contains(phr_str_t s, phr_str_t part);


#endif /* PHR_BOARD_H_INCLUDED */
