/*
 * Copyright (C) The Pharos Authors
 *
 * Regex, the inside: what its files share.  A pattern becomes a tree
 * (regex_parse.c, regex_escape.c), in which classes are sets of characters
 * (regex_set.c, regex_unicode.c).  What a tree has in common with plain
 * strings is its shape (regex_shape.c); all else becomes a program
 * (regex_prog.h).
 */

#ifndef PHR_REGEX_INT_H_INCLUDED
#define PHR_REGEX_INT_H_INCLUDED


#include "core/arena.h"
#include "core/err.h"
#include "core/yield.h"


/* about what a character, a range or an instruction takes, see phr_yield() */
#define PHR_REGEX_UNITS     8

#define PHR_REGEX_MAX_RUNE  0x10ffff

/* what an ill-formed byte is read as */
#define PHR_REGEX_BAD_RUNE  0xfffd

/* flags of a pattern */
#define PHR_REGEX_FOLD      0x01    /* i */
#define PHR_REGEX_MULTI     0x02    /* m */
#define PHR_REGEX_DOTNL     0x04    /* s */
#define PHR_REGEX_LAZY      0x08    /* U */

/* assertions; all of them look at most one character to each side */
#define PHR_REGEX_BEGIN     0x01
#define PHR_REGEX_END       0x02
#define PHR_REGEX_BOL       0x04
#define PHR_REGEX_EOL       0x08
#define PHR_REGEX_WORD      0x10
#define PHR_REGEX_NO_WORD   0x20


typedef struct {
    uint32_t  lo;
    uint32_t  hi;       /* included */
} phr_regex_range_t;


/* of characters; once tidied, in ascending order with gaps between */
typedef struct {
    phr_regex_range_t  *r;
    size_t              n;
    size_t              nalloc;
} phr_regex_set_t;


typedef enum {
    PHR_REGEX_EMPTY = 0,
    PHR_REGEX_TEXT,         /* one or more characters */
    PHR_REGEX_CLASS,        /* one character of a set */
    PHR_REGEX_ASSERT,
    PHR_REGEX_CAT,
    PHR_REGEX_ALT,
    PHR_REGEX_REPEAT,
    PHR_REGEX_GROUP,        /* that captures */
} phr_regex_node_e;


typedef struct phr_regex_node_s  phr_regex_node_t;

struct phr_regex_node_s {
    phr_regex_node_e     kind;
    unsigned             lazy:1;
    unsigned             closed:1;  /* in parentheses: repeated as a whole */
    int                  min;       /* of REPEAT */
    int                  max;       /* -1: none */
    uint32_t             arg;       /* ASSERT: which; GROUP: its number */
    phr_str_t            text;
    phr_regex_set_t      set;
    phr_regex_node_t    *sub;       /* the first of those below */
    phr_regex_node_t    *next;      /* the next beside it */
};


/* one open parenthesis, or the whole; it stays where it is */
typedef struct phr_regex_frame_s  phr_regex_frame_t;

struct phr_regex_frame_s {
    phr_regex_frame_t  *outer;
    phr_regex_node_t   *branches;
    phr_regex_node_t  **branch_end;
    phr_regex_node_t   *atoms;      /* of the present branch */
    phr_regex_node_t  **atom;       /* where the last one is, or NULL */
    unsigned            weight;     /* product of nested repeat counts */
    unsigned            last;       /* the same of the last atom alone */
    int                 flags;      /* to restore behind it */
    uint32_t            group;      /* its number, 0: does not capture */
};


typedef struct {
    phr_arena_t        *arena;
    phr_err_t          *err;
    const char         *start;
    const char         *p;
    const char         *end;
    int                 flags;

    phr_regex_frame_t  *frame;      /* the present one */
    size_t              depth;      /* how many there are around it */
    const char         *repeat;     /* where one has just been, or NULL */

    phr_str_t          *names;      /* of groups 1 .. ngroups, or "" */
    size_t              ngroups;
    size_t              names_alloc;

    phr_regex_node_t   *root;
} phr_regex_parser_t;


/*
 * regex_parse.c: makes root, names and ngroups of the parser, in the arena;
 * they may point into the pattern.  PHR_EPARSE with RE2's words, PHR_ELIMIT,
 * PHR_ENOMEM.
 */
int phr_regex_parse(phr_regex_parser_t *ps, phr_arena_t *arena,
    phr_str_t pattern, phr_err_t *err);

int phr_regex_bad(phr_regex_parser_t *ps, const char *what,
    const char *from, const char *to);
int phr_regex_nomem(phr_arena_t *arena, phr_err_t *err);

/* a node at the end of the present branch; NULL if there is no memory */
phr_regex_node_t *phr_regex_atom(phr_regex_parser_t *ps,
    phr_regex_node_e kind);

/* one character, whatever its case if the flags say so */
int phr_regex_rune(phr_regex_parser_t *ps, uint32_t c);

/* regex_escape.c: read what begins at ps->p, a backslash or bracket */
int phr_regex_escape(phr_regex_parser_t *ps);
int phr_regex_bracket(phr_regex_parser_t *ps);

/* regex_set.c: PHR_OK, or what phr_arena_rc() says */
int phr_regex_set_add(phr_arena_t *arena, phr_regex_set_t *set, uint32_t lo,
    uint32_t hi);
int phr_regex_set_join(phr_arena_t *arena, phr_regex_set_t *set,
    const phr_regex_set_t *other);
void phr_regex_set_tidy(phr_regex_set_t *set);
int phr_regex_set_negate(phr_arena_t *arena, phr_regex_set_t *set);

/* regex_unicode.c: adds all that differs in case only; tidies */
int phr_regex_set_fold(phr_arena_t *arena, phr_regex_set_t *set);

/*
 * Adds what has a general category or is of a script; PHR_NOTFOUND if there
 * is none of that name.
 */
int phr_regex_set_property(phr_arena_t *arena, phr_regex_set_t *set,
    phr_str_t name);

/* 1 for letters and decimal digits */
int phr_regex_is_alnum(uint32_t c);


#endif /* PHR_REGEX_INT_H_INCLUDED */
