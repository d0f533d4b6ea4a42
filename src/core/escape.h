/*
 * Copyright (C) The Pharos Authors
 *
 * Escape: names of metrics and labels for those who know no others than
 * [a-zA-Z_][a-zA-Z0-9_]*.  A client says by "escaping=" in its Accept header
 * that it reads more; to one that does not, a single name in quotes spoils
 * all that it is sent.
 */

#ifndef PHR_ESCAPE_H_INCLUDED
#define PHR_ESCAPE_H_INCLUDED


#include "core/arena.h"
#include "core/labels.h"


typedef enum {
    PHR_ESCAPE_UNDERSCORES = 0,     /* what is not allowed becomes "_" */
    PHR_ESCAPE_NOTHING,
    PHR_ESCAPE_DOTS,                /* "_dot_", "__" for anything else */
    PHR_ESCAPE_VALUES               /* "U__", and "_2e_" for a dot */
} phr_escape_e;

/* what is escaped lives in the arena */
typedef struct {
    phr_escape_e   scheme;
    phr_arena_t   *arena;
} phr_escape_t;


/* the scheme that an Accept header names; 0 if it names none that we know */
int phr_escape_accepted(phr_str_t accept, phr_escape_e *scheme);

const char *phr_escape_text(phr_escape_e scheme);

/*
 * The name of a metric, and a whole set of labels, its metric's name too:
 * *name and *ls stay as they are if there is nothing to escape.  No two
 * labels get the same name, the order is as it was.  PHR_OK or PHR_ENOMEM.
 */
int phr_escape_name(const phr_escape_t *e, phr_str_t *name);
int phr_escape_labels(const phr_escape_t *e, phr_labels_t *ls);


#endif /* PHR_ESCAPE_H_INCLUDED */
