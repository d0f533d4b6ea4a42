/*
 * Copyright (C) The Pharos Authors
 *
 * Regex: decides how a pattern is matched, and matches.  Simple patterns
 * are compared or looked up; all others are programs.
 */

#include "core/regex.h"

#include "core/alloc.h"
#include "core/map.h"
#include "core/regex_expand.h"
#include "core/regex_prog.h"
#include "core/regex_shape.h"


/* sets up to this size are searched from end to end */
#define PHR_REGEX_SCAN     8

/* bytes of memory that parsing one pattern may take, and what is kept */
#define PHR_REGEX_SCRATCH  (64 * 1024 * 1024)
#define PHR_REGEX_ARENA    (32 * 1024 * 1024)


typedef enum {
    PHR_REGEX_IS_SET = 0,
    PHR_REGEX_IS_AFFIX,     /* .* and .+ around or beside a literal, alone */
    PHR_REGEX_IS_PROG,
} phr_regex_kind_e;


struct phr_regex_s {
    phr_regex_kind_e   kind;

    phr_str_t         *set;         /* of SET, without duplicates */
    size_t             nset;
    phr_map_t         *map;         /* of a large set, else NULL */

    phr_str_t          literal;     /* of AFFIX; may be empty */
    unsigned           front:1;     /* something may come before it */
    unsigned           back:1;      /* and behind it */
    uint8_t            min_front;   /* 1 for .+ */
    uint8_t            min_back;

    phr_str_t          prefix;
    phr_str_t          required;    /* of PROG: is somewhere in a match */

    phr_str_t         *names;       /* of groups 1 .. ngroups */
    size_t             ngroups;
    unsigned           whole:1;     /* group 1 is the whole match */

    phr_regex_prog_t  *prog;        /* NULL if it is not needed */
    phr_arena_t       *arena;
    size_t             memory;

    phr_regex_dfa_t   *spare;       /* changed by any thread, atomically */
};


static int phr_regex_init(phr_regex_t *re, phr_str_t pattern,
    phr_arena_t *scratch, phr_err_t *err);
static int phr_regex_init_names(phr_regex_t *re,
    const phr_regex_parser_t *ps);
static void phr_regex_classify(phr_regex_t *re, const phr_regex_shape_t *sh);
static int phr_regex_init_set(phr_regex_t *re, const phr_regex_item_t *item);
static int phr_regex_init_prog(phr_regex_t *re, const phr_regex_node_t *root,
    phr_arena_t *scratch);
static int phr_regex_keep(phr_regex_t *re, phr_str_t *s);
static int phr_regex_in_set(const phr_regex_t *re, phr_str_t s);
static int phr_regex_affix(const phr_regex_t *re, phr_str_t s);
static int phr_regex_run(const phr_regex_t *re, phr_str_t s);


int
phr_regex_create(phr_str_t pattern, phr_regex_t **out, phr_err_t *err)
{
    int           rc;
    phr_arena_t  *scratch;
    phr_regex_t  *re;

    scratch = phr_arena_create(PHR_REGEX_SCRATCH);
    re = phr_calloc(1, sizeof(phr_regex_t));

    if (re != NULL) {
        re->arena = phr_arena_create(PHR_REGEX_ARENA);
    }

    if (scratch == NULL || re == NULL || re->arena == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM,
                         "no memory for a regular expression");

    } else {
        rc = phr_regex_init(re, pattern, scratch, err);
    }

    phr_arena_destroy(scratch);

    if (rc != PHR_OK) {
        phr_regex_destroy(re);
        return rc;
    }

    *out = re;

    return PHR_OK;
}


void
phr_regex_destroy(phr_regex_t *re)
{
    if (re == NULL) {
        return;
    }

    phr_regex_dfa_destroy(re->spare);
    phr_map_destroy(re->map);
    phr_arena_destroy(re->arena);
    phr_free(re);
}


size_t
phr_regex_memory(const phr_regex_t *re)
{
    return re->memory;
}


int
phr_regex_match(const phr_regex_t *re, phr_str_t s)
{
    if (re->kind == PHR_REGEX_IS_SET) {
        return phr_regex_in_set(re, s);
    }

    if (re->kind == PHR_REGEX_IS_AFFIX) {
        return phr_regex_affix(re, s);
    }

    return phr_regex_run(re, s);
}


int
phr_regex_expand(const phr_regex_t *re, phr_str_t s, phr_str_t template,
    phr_buf_t *out)
{
    int                 rc;
    size_t              few[8], *slots;
    phr_regex_found_t   found;

    if (s.data == NULL) {
        s.data = "";
    }

    rc = phr_regex_match(re, s);
    if (rc <= 0) {
        return rc < 0 ? rc : PHR_NOTFOUND;
    }

    found.s = s;
    found.names = re->names;
    found.ngroups = re->ngroups;

    slots = few;
    few[0] = few[2] = 0;
    few[1] = few[3] = s.len;

    if (re->ngroups > 0 && !re->whole) {

        if (re->prog->nslots > phr_nelems(few)) {
            slots = phr_calloc(re->prog->nslots, sizeof(size_t));
            if (slots == NULL) {
                return PHR_ENOMEM;
            }
        }

        rc = phr_regex_groups(re->prog, s, slots);
    }

    if (rc > 0) {
        found.slots = slots;
        phr_regex_expand_found(&found, template, out);
    }

    if (slots != few) {
        phr_free(slots);
    }

    return rc > 0 ? PHR_OK : rc < 0 ? rc : PHR_NOTFOUND;
}


size_t
phr_regex_literals(const phr_regex_t *re, const phr_str_t **set)
{
    if (re->kind != PHR_REGEX_IS_SET) {
        return 0;
    }

    *set = re->set;

    return re->nset;
}


phr_str_t
phr_regex_prefix(const phr_regex_t *re)
{
    return re->prefix;
}


static int
phr_regex_init(phr_regex_t *re, phr_str_t pattern, phr_arena_t *scratch,
    phr_err_t *err)
{
    int                  rc;
    phr_regex_shape_t    shape;
    phr_regex_parser_t   ps;

    rc = phr_regex_parse(&ps, scratch, pattern, err);
    if (rc != PHR_OK) {
        return rc;
    }

    ps.root = phr_regex_unanchor(ps.root);

    rc = phr_regex_init_names(re, &ps);

    if (rc == PHR_OK) {
        rc = phr_regex_shape(scratch, ps.root, pattern.len, &shape);
    }

    if (rc == PHR_OK) {
        rc = phr_regex_prefix_of(re->arena, ps.root, &re->prefix);
    }

    if (rc == PHR_OK) {
        re->required = phr_regex_required(ps.root);
        phr_regex_classify(re, &shape);
        rc = phr_regex_keep(re, &re->literal);
    }

    if (rc == PHR_OK) {
        rc = phr_regex_keep(re, &re->required);
    }

    if (rc == PHR_OK && re->kind == PHR_REGEX_IS_SET) {
        rc = phr_regex_init_set(re, shape.n ? &shape.items[0] : NULL);
    }

    /* groups are needed only to expand; "(...)" needs no help for that */

    if (rc == PHR_OK
        && (re->kind == PHR_REGEX_IS_PROG || (re->ngroups && !re->whole)))
    {
        rc = phr_regex_init_prog(re, ps.root, scratch);
    }

    re->memory += sizeof(phr_regex_t) + phr_arena_used(re->arena);

    if (rc == PHR_ELIMIT) {
        return phr_err_set(err, rc,
                           "error parsing regexp: expression too large");
    }

    return rc == PHR_OK
           ? rc : phr_err_set(err, rc, "no memory for a regular expression");
}


static int
phr_regex_init_names(phr_regex_t *re, const phr_regex_parser_t *ps)
{
    int     rc;
    size_t  i;

    re->ngroups = ps->ngroups;
    re->whole = ps->root->kind == PHR_REGEX_GROUP && ps->ngroups == 1;

    re->names = phr_arena_alloc(re->arena, ps->ngroups * sizeof(phr_str_t));
    if (re->names == NULL) {
        return phr_arena_rc(re->arena);
    }

    for (i = 0; i < ps->ngroups; i++) {
        re->names[i] = ps->names[i];

        rc = phr_regex_keep(re, &re->names[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* what belongs to the pattern, or to what is made of it, is copied */

static int
phr_regex_keep(phr_regex_t *re, phr_str_t *s)
{
    if (s->len == 0) {
        *s = phr_str_of("");
        return PHR_OK;
    }

    *s = phr_arena_str(re->arena, *s);

    return s->data ? PHR_OK : phr_arena_rc(re->arena);
}


static void
phr_regex_classify(phr_regex_t *re, const phr_regex_shape_t *sh)
{
    size_t                   i;
    const phr_regex_item_t  *item;

    re->kind = PHR_REGEX_IS_SET;
    re->literal = phr_str_of("");

    if (sh->n == 0 || (sh->n == 1 && sh->items[0].kind == PHR_REGEX_SET)) {
        return;
    }

    re->kind = PHR_REGEX_IS_AFFIX;

    for (i = 0; i < sh->n; i++) {
        item = &sh->items[i];

        if (item->kind == PHR_REGEX_SET && item->n == 1
            && re->literal.len == 0 && !re->back)
        {
            re->literal = item->s[0];
            continue;
        }

        if (item->kind != PHR_REGEX_STAR && item->kind != PHR_REGEX_PLUS) {
            re->kind = PHR_REGEX_IS_PROG;
            return;
        }

        if (re->literal.len == 0 && !re->front) {
            re->front = 1;
            re->min_front = item->kind == PHR_REGEX_PLUS;

        } else if (!re->back && re->literal.len != 0) {
            re->back = 1;
            re->min_back = item->kind == PHR_REGEX_PLUS;

        } else {
            re->kind = PHR_REGEX_IS_PROG;
            return;
        }
    }
}


static int
phr_regex_init_set(phr_regex_t *re, const phr_regex_item_t *item)
{
    int                 rc;
    size_t              i, n;
    phr_regex_item_t    nothing;

    static phr_str_t    empty[1] = { { "", 0 } };

    if (item == NULL) {
        memset(&nothing, 0, sizeof(nothing));
        nothing.s = empty;
        nothing.n = 1;
        item = &nothing;
    }

    if (item->n > 1) {
        re->map = phr_map_create();
        if (re->map == NULL) {
            return PHR_ENOMEM;
        }
    }

    re->set = phr_arena_alloc(re->arena, item->n * sizeof(phr_str_t));
    if (re->set == NULL) {
        return phr_arena_rc(re->arena);
    }

    for (i = 0, n = 0; i < item->n; i++) {

        if (re->map != NULL) {
            if (phr_map_get(re->map, item->s[i]) != NULL) {
                continue;
            }

            if (phr_map_set(re->map, item->s[i], re) != PHR_OK) {
                return PHR_ENOMEM;
            }
        }

        re->set[n] = item->s[i];

        rc = phr_regex_keep(re, &re->set[n++]);
        if (rc != PHR_OK) {
            return rc;
        }

        /* the map has a copy, and an entry */

        re->memory += item->s[i].len + 4 * sizeof(phr_str_t);
    }

    re->nset = n;

    if (n <= PHR_REGEX_SCAN) {
        phr_map_destroy(re->map);
        re->map = NULL;
    }

    return PHR_OK;
}


static int
phr_regex_init_prog(phr_regex_t *re, const phr_regex_node_t *root,
    phr_arena_t *scratch)
{
    int  rc;

    re->prog = phr_arena_alloc(re->arena, sizeof(phr_regex_prog_t));
    if (re->prog == NULL) {
        return phr_arena_rc(re->arena);
    }

    rc = phr_regex_prog_make(re->prog, root, re->whole ? 0 : re->ngroups,
                             scratch, re->arena);

    if (rc == PHR_OK && re->kind == PHR_REGEX_IS_PROG) {
        re->memory += phr_regex_dfa_memory(re->prog);
    }

    return rc;
}


static int
phr_regex_in_set(const phr_regex_t *re, phr_str_t s)
{
    size_t  i;

    if (re->map != NULL) {
        return phr_map_get(re->map, s) != NULL;
    }

    for (i = 0; i < re->nset; i++) {
        if (phr_str_eq(re->set[i], s)) {
            return 1;
        }
    }

    return 0;
}


static int
phr_regex_affix(const phr_regex_t *re, phr_str_t s)
{
    size_t     min;
    phr_str_t  lit;

    lit = re->literal;
    min = lit.len + re->min_front + re->min_back;

    if (s.len < min) {
        return 0;
    }

    if (lit.len == 0) {
        return 1;
    }

    if (!re->front) {
        return memcmp(s.data, lit.data, lit.len) == 0;
    }

    if (!re->back) {
        return memcmp(s.data + s.len - lit.len, lit.data, lit.len) == 0;
    }

    return memmem(s.data + re->min_front,
                  s.len - re->min_front - re->min_back, lit.data, lit.len)
           != NULL;
}


static int
phr_regex_run(const phr_regex_t *re, phr_str_t s)
{
    int               rc;
    phr_regex_dfa_t  *dfa, **spare;

    if (s.data == NULL) {
        s.data = "";
    }

    if (s.len < re->prefix.len
        || memcmp(s.data, re->prefix.data, re->prefix.len) != 0)
    {
        return 0;
    }

    if (re->required.len > re->prefix.len
        && memmem(s.data, s.len, re->required.data, re->required.len) == NULL)
    {
        return 0;
    }

    /* one automaton is kept for whoever comes next, in whatever thread */

    spare = &((phr_regex_t *) re)->spare;

    dfa = __atomic_exchange_n(spare, NULL, __ATOMIC_ACQUIRE);

    if (dfa == NULL) {
        dfa = phr_regex_dfa_create(re->prog);
        if (dfa == NULL) {
            return PHR_ENOMEM;
        }
    }

    rc = phr_regex_dfa_match(dfa, s);

    dfa = __atomic_exchange_n(spare, dfa, __ATOMIC_ACQ_REL);
    phr_regex_dfa_destroy(dfa);

    return rc;
}
