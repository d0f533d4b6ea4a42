/*
 * Copyright (C) The Pharos Authors
 *
 * Regex program: a pattern as instructions, and two ways to run them over a
 * whole string.  Both take time in proportion to instructions times
 * characters, at most, and stop at a bound to that.
 *
 * Characters that no instruction tells apart are one class: instructions
 * and tables know classes only.
 */

#ifndef PHR_REGEX_PROG_H_INCLUDED
#define PHR_REGEX_PROG_H_INCLUDED


#include "core/array.h"
#include "core/regex_int.h"
#include "core/utf8.h"


/*
 * What one match may cost: instructions looked at.  Even the largest program
 * gets through some hundred characters of the worst kind.
 */
#define PHR_REGEX_MAX_STEPS  40000000


typedef enum {
    PHR_REGEX_OP_ONE = 0,   /* a character of class arg, then out */
    PHR_REGEX_OP_SET,       /* one of set arg, then out */
    PHR_REGEX_OP_SPLIT,     /* out; or else arg */
    PHR_REGEX_OP_JUMP,      /* out */
    PHR_REGEX_OP_SAVE,      /* the place is slot arg, then out */
    PHR_REGEX_OP_ASSERT,    /* if it is true here, out */
    PHR_REGEX_OP_FAIL,
    PHR_REGEX_OP_MATCH,
} phr_regex_op_e;


typedef struct {
    uint32_t  op;
    uint32_t  out;
    uint32_t  arg;
} phr_regex_inst_t;


/* in the arena that it was made in */
typedef struct {
    phr_regex_inst_t  *inst;
    size_t             n;

    /* the class of characters from starts[i] to starts[i + 1] - 1 */
    uint32_t          *starts;
    uint16_t          *classes;
    size_t             nstarts;
    uint16_t           ascii[128];
    size_t             nclasses;

    uint64_t          *bits;        /* of each set, words of them */
    size_t             words;
    uint32_t          *samples;     /* a character of each class */

    uint32_t           asserts;     /* all there are */
    size_t             nslots;      /* two per group, and two */
} phr_regex_prog_t;


/*
 * Groups are saved only if ngroups is not 0.  PHR_OK, PHR_ENOMEM, PHR_ELIMIT
 * if the program would be too large.
 */
int phr_regex_prog_make(phr_regex_prog_t *prog, const phr_regex_node_t *root,
    size_t ngroups, phr_arena_t *scratch, phr_arena_t *arena);


/*
 * regex_class.c: divides characters into classes, by what the instructions
 * and the sets (of phr_regex_set_t) say, and rewrites both in terms of them.
 * PHR_OK, PHR_ENOMEM, PHR_ELIMIT.
 */
int phr_regex_divide(phr_regex_prog_t *prog, const phr_array_t *sets,
    phr_arena_t *scratch, phr_arena_t *arena);

/* the class of a character from 0x80 on */
unsigned phr_regex_class_of(const phr_regex_prog_t *prog, uint32_t c);

/* reads a character at p, not the end, and returns its class */
static inline unsigned
phr_regex_next_class(const phr_regex_prog_t *prog, const char **p,
    const char *end)
{
    unsigned char  c;

    c = (unsigned char) **p;

    if (c < 0x80) {
        (*p)++;
        return prog->ascii[c];
    }

    return phr_regex_class_of(prog, phr_utf8_decode(p, end));
}

/* 1 if the instruction, ONE or SET, takes a character of the class */
static inline int
phr_regex_takes(const phr_regex_prog_t *prog, const phr_regex_inst_t *inst,
    unsigned cls)
{
    if (inst->op == PHR_REGEX_OP_ONE) {
        return inst->arg == cls;
    }

    return (prog->bits[inst->arg * prog->words + cls / 64] >> (cls % 64)) & 1;
}

/* the assertions that hold between two characters, UINT32_MAX: an end */
uint32_t phr_regex_between(uint32_t before, uint32_t after);


/*
 * regex_dfa.c: whether a string matches.  The automaton is made as far as
 * strings need it, kept for the next one, and made anew when it has become
 * too large.  One thread at a time.
 */
typedef struct phr_regex_dfa_s  phr_regex_dfa_t;

phr_regex_dfa_t *phr_regex_dfa_create(const phr_regex_prog_t *prog);
void phr_regex_dfa_destroy(phr_regex_dfa_t *dfa);
size_t phr_regex_dfa_memory(const phr_regex_prog_t *prog);  /* at most */

/* 1, 0, PHR_ENOMEM or PHR_ELIMIT */
int phr_regex_dfa_match(phr_regex_dfa_t *dfa, phr_str_t s);


/*
 * regex_groups.c: what the groups of a match hold, as the pattern prefers
 * it: slots gets nslots offsets, SIZE_MAX where a group took no part.
 * 1, 0, PHR_ENOMEM or PHR_ELIMIT.
 */
int phr_regex_groups(const phr_regex_prog_t *prog, phr_str_t s,
    size_t *slots);


#endif /* PHR_REGEX_PROG_H_INCLUDED */
