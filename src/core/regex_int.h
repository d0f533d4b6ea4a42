/*
 * Copyright (C) The Pharos Authors
 *
 * Regex parser, the inside: what its three files share.  regex_parse.c has
 * the grammar, regex_escape.c escapes and classes, regex_shape.c the sets of
 * strings that a pattern stands for.
 */

#ifndef PHR_REGEX_INT_H_INCLUDED
#define PHR_REGEX_INT_H_INCLUDED


#include "core/regex_parse.h"


#define PHR_REGEX_FOLD        0x01    /* i */
#define PHR_REGEX_MULTI       0x02    /* m */
#define PHR_REGEX_DOTNL       0x04    /* s */
#define PHR_REGEX_LAZY        0x08    /* U */


typedef struct {
    phr_regex_shape_t  branch;      /* the present one */
    phr_regex_shape_t  first;       /* what the branches before it are */
    size_t             nbranches;   /* before the present one */
    size_t             natoms;      /* in all branches */
    unsigned           weight;      /* product of nested repeat counts */
    int                flags;       /* to restore behind it */
    int                capture;
} phr_regex_frame_t;


typedef struct {
    phr_arena_t         *arena;
    phr_err_t           *err;
    const char          *start;
    const char          *p;
    const char          *end;
    int                (*known)(phr_str_t script);
    phr_regex_parsed_t  *out;
    size_t               names_alloc;
    size_t               set_bytes;

    phr_regex_frame_t   *frames;
    size_t               nframes;
    size_t               depth;     /* index of the present frame */
    int                  flags;

    /* the last atom, not yet in the branch: a repetition may follow */
    phr_regex_shape_t    atom;
    int                  has_atom;
    int                  is_capture;
    int                  is_group;
    size_t               atom_at;   /* where it begins in the output */
    size_t               token_at;  /* the same of the present token */
    unsigned             weight;

    const char          *repeat;    /* where one has just been, or NULL */
} phr_regex_parser_t;


/* regex_parse.c: errors, and atoms, which a repetition may follow */
int phr_regex_error(phr_regex_parser_t *ps, const char *what,
    const char *from, const char *to);
int phr_regex_nomem(phr_regex_parser_t *ps);
int phr_regex_atom(phr_regex_parser_t *ps, phr_regex_item_e kind);
int phr_regex_atom_text(phr_regex_parser_t *ps, const char *s,
    size_t len);
int phr_regex_rune(phr_regex_parser_t *ps, uint32_t c);
int phr_regex_assert(phr_regex_parser_t *ps, const char *text,
    int empty);

/* regex_escape.c: read what begins at ps->p, a backslash or bracket */
int phr_regex_escape(phr_regex_parser_t *ps);
int phr_regex_class(phr_regex_parser_t *ps);

/* regex_shape.c */
int phr_regex_append(phr_regex_parser_t *ps, phr_regex_shape_t *to,
    const phr_regex_item_t *item);
int phr_regex_add(phr_regex_parser_t *ps, phr_regex_item_t *set,
    phr_str_t s);
int phr_regex_union(phr_regex_parser_t *ps, phr_regex_shape_t *to,
    const phr_regex_shape_t *from);


#endif /* PHR_REGEX_INT_H_INCLUDED */
