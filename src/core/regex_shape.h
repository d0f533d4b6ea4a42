/*
 * Copyright (C) The Pharos Authors
 *
 * Regex shape: what a tree has in common with plain strings, found before
 * it is made a program, and mostly instead of it.
 */

#ifndef PHR_REGEX_SHAPE_H_INCLUDED
#define PHR_REGEX_SHAPE_H_INCLUDED


#include "core/regex_int.h"


#define PHR_REGEX_ITEMS  4


typedef enum {
    PHR_REGEX_SET = 0,      /* exactly one of some strings */
    PHR_REGEX_DOT,          /* one character, any */
    PHR_REGEX_STAR,         /* .* */
    PHR_REGEX_PLUS,         /* .+ */
    PHR_REGEX_OTHER,        /* anything else */
} phr_regex_item_e;


typedef struct {
    phr_regex_item_e  kind;
    phr_str_t        *s;    /* of SET, in order of appearance */
    size_t            n;
    size_t            nalloc;
} phr_regex_item_t;


/* a sequence; when there are too many items, the last one is OTHER */
typedef struct {
    phr_regex_item_t  items[PHR_REGEX_ITEMS];
    size_t            n;
} phr_regex_shape_t;


/*
 * Takes assertions away that are true wherever they stand, since matching is
 * anchored: the "^" and "$" that people write around their patterns.  The
 * root is what is left.
 */
phr_regex_node_t *phr_regex_unanchor(phr_regex_node_t *root);

/*
 * The shape of a tree, in the arena.  What sets take is bounded by the
 * length of the pattern: beyond it they become OTHER.  PHR_OK, or what
 * phr_arena_rc() says.
 */
int phr_regex_shape(phr_arena_t *arena, const phr_regex_node_t *root,
    size_t pattern_len, phr_regex_shape_t *shape);

/* what every match begins with, and the longest text that every one has */
int phr_regex_prefix_of(phr_arena_t *arena, const phr_regex_node_t *root,
    phr_str_t *prefix);
phr_str_t phr_regex_required(const phr_regex_node_t *root);


#endif /* PHR_REGEX_SHAPE_H_INCLUDED */
