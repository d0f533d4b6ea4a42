/*
 * Copyright (C) The Pharos Authors
 *
 * Regex program: making it.  Instructions are written in the order of the
 * pattern, each going on to the one behind it; loops and branches jump.
 */

#include "core/regex_prog.h"

#include "core/alloc.h"
#include "core/array.h"
#include "core/map.h"


/* what a pattern may become: instructions, and visits to the tree */
#define PHR_REGEX_MAX_INSTS   100000
#define PHR_REGEX_MAX_VISITS  (4 * PHR_REGEX_MAX_INSTS)


typedef struct {
    phr_regex_prog_t  *prog;
    phr_arena_t       *scratch;
    phr_arena_t       *arena;
    phr_array_t        insts;       /* of phr_regex_inst_t */
    phr_array_t        sets;        /* of phr_regex_set_t, all different */
    phr_map_t         *index;       /* of sets, by their bytes */
    size_t             visits;
    int                groups;      /* are saved */
} phr_regex_maker_t;


static int phr_regex_emit_all(phr_regex_maker_t *mk,
    const phr_regex_node_t *root);
static int phr_regex_emit(phr_regex_maker_t *mk, const phr_regex_node_t *node,
    int *nullable);
static int phr_regex_emit_text(phr_regex_maker_t *mk, phr_str_t text);
static int phr_regex_emit_class(phr_regex_maker_t *mk,
    const phr_regex_set_t *set);
static int phr_regex_emit_group(phr_regex_maker_t *mk,
    const phr_regex_node_t *node, int *nullable);
static int phr_regex_emit_alt(phr_regex_maker_t *mk,
    const phr_regex_node_t *node, int *nullable);
static int phr_regex_emit_repeat(phr_regex_maker_t *mk,
    const phr_regex_node_t *node, int *nullable);
static int phr_regex_emit_loop(phr_regex_maker_t *mk,
    const phr_regex_node_t *node, int star, int *nullable);
static int phr_regex_emit_inst(phr_regex_maker_t *mk, phr_regex_op_e op,
    uint32_t arg);
static void phr_regex_emit_split(phr_regex_maker_t *mk, size_t at,
    uint32_t first, uint32_t second, int lazy);
static void phr_regex_thread(phr_regex_inst_t *inst, size_t n);

#define phr_regex_inst(mk, i)                                                 \
    phr_array_get(&(mk)->insts, phr_regex_inst_t, i)


int
phr_regex_prog_make(phr_regex_prog_t *prog, const phr_regex_node_t *root,
    size_t ngroups, phr_arena_t *scratch, phr_arena_t *arena)
{
    int                 rc;
    phr_regex_maker_t   mk;

    memset(prog, 0, sizeof(*prog));
    memset(&mk, 0, sizeof(mk));

    mk.prog = prog;
    mk.scratch = scratch;
    mk.arena = arena;
    mk.groups = ngroups > 0;
    phr_array_init(&mk.insts, sizeof(phr_regex_inst_t));
    phr_array_init(&mk.sets, sizeof(phr_regex_set_t));

    prog->nslots = 2 * (ngroups + 1);

    mk.index = phr_map_create();
    rc = mk.index ? phr_regex_emit_all(&mk, root) : PHR_ENOMEM;

    if (rc == PHR_OK) {
        rc = phr_regex_divide(prog, &mk.sets, scratch, arena);
    }

    phr_map_destroy(mk.index);
    phr_array_free(&mk.insts);
    phr_array_free(&mk.sets);

    return rc;
}


static int
phr_regex_emit_all(phr_regex_maker_t *mk, const phr_regex_node_t *root)
{
    int     nullable, rc;
    size_t  size;

    rc = phr_regex_emit(mk, root, &nullable);

    if (rc == PHR_OK) {
        rc = phr_regex_emit_inst(mk, PHR_REGEX_OP_MATCH, 0);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    phr_regex_thread(mk->insts.elts, mk->insts.nelts);

    mk->prog->n = mk->insts.nelts;
    size = mk->prog->n * sizeof(phr_regex_inst_t);

    mk->prog->inst = phr_arena_alloc(mk->arena, size);
    if (mk->prog->inst == NULL) {
        return phr_arena_rc(mk->arena);
    }

    memcpy(mk->prog->inst, mk->insts.elts, size);

    return PHR_OK;
}


/* *nullable: it may match nothing */

static int
phr_regex_emit(phr_regex_maker_t *mk, const phr_regex_node_t *node,
    int *nullable)
{
    int                      one, rc;
    const phr_regex_node_t  *sub;

    if (++mk->visits > PHR_REGEX_MAX_VISITS) {
        return PHR_ELIMIT;
    }

    *nullable = 0;

    switch (node->kind) {

    case PHR_REGEX_TEXT:
        return phr_regex_emit_text(mk, node->text);

    case PHR_REGEX_CLASS:
        return phr_regex_emit_class(mk, &node->set);

    case PHR_REGEX_ASSERT:
        *nullable = 1;
        mk->prog->asserts |= node->arg;
        return phr_regex_emit_inst(mk, PHR_REGEX_OP_ASSERT, node->arg);

    case PHR_REGEX_GROUP:
        return phr_regex_emit_group(mk, node, nullable);

    case PHR_REGEX_ALT:
        return phr_regex_emit_alt(mk, node, nullable);

    case PHR_REGEX_REPEAT:
        return phr_regex_emit_repeat(mk, node, nullable);

    case PHR_REGEX_CAT:
    case PHR_REGEX_EMPTY:
        break;
    }

    *nullable = 1;

    for (sub = node->sub; sub != NULL; sub = sub->next) {
        rc = phr_regex_emit(mk, sub, &one);
        if (rc != PHR_OK) {
            return rc;
        }

        *nullable &= one;
    }

    return PHR_OK;
}


static int
phr_regex_emit_text(phr_regex_maker_t *mk, phr_str_t text)
{
    int          rc;
    const char  *p, *end;

    p = text.data;
    end = p + text.len;
    rc = PHR_OK;

    while (rc == PHR_OK && p < end) {
        rc = phr_regex_emit_inst(mk, PHR_REGEX_OP_ONE,
                                 phr_utf8_decode(&p, end));
    }

    return rc;
}


static int
phr_regex_emit_class(phr_regex_maker_t *mk, const phr_regex_set_t *set)
{
    void              *found;
    phr_str_t          key;
    phr_regex_set_t   *copy;

    if (set->n == 0) {
        return phr_regex_emit_inst(mk, PHR_REGEX_OP_FAIL, 0);
    }

    if (set->n == 1 && set->r[0].lo == set->r[0].hi) {
        return phr_regex_emit_inst(mk, PHR_REGEX_OP_ONE, set->r[0].lo);
    }

    key = phr_str_from((const char *) set->r,
                       set->n * sizeof(phr_regex_range_t));

    mk->visits += set->n / 16;
    found = phr_map_get(mk->index, key);

    if (found == NULL) {
        copy = phr_array_push(&mk->sets);
        if (copy == NULL) {
            return PHR_ENOMEM;
        }

        *copy = *set;
        found = (void *) (uintptr_t) mk->sets.nelts;

        if (phr_map_set(mk->index, key, found) != PHR_OK) {
            return PHR_ENOMEM;
        }
    }

    return phr_regex_emit_inst(mk, PHR_REGEX_OP_SET,
                               (uint32_t) (uintptr_t) found - 1);
}


static int
phr_regex_emit_group(phr_regex_maker_t *mk, const phr_regex_node_t *node,
    int *nullable)
{
    int  rc;

    if (!mk->groups) {
        return phr_regex_emit(mk, node->sub, nullable);
    }

    rc = phr_regex_emit_inst(mk, PHR_REGEX_OP_SAVE, 2 * node->arg);

    if (rc == PHR_OK) {
        rc = phr_regex_emit(mk, node->sub, nullable);
    }

    return rc == PHR_OK ? phr_regex_emit_inst(mk, PHR_REGEX_OP_SAVE,
                                              2 * node->arg + 1)
                        : rc;
}


/* jumps to the end are chained by their arg until the end is known */

static int
phr_regex_emit_alt(phr_regex_maker_t *mk, const phr_regex_node_t *node,
    int *nullable)
{
    int                      one, rc;
    size_t                   split;
    uint32_t                 jumps, next;
    const phr_regex_node_t  *sub;

    jumps = 0;

    for (sub = node->sub; sub->next != NULL; sub = sub->next) {
        split = mk->insts.nelts;

        rc = phr_regex_emit_inst(mk, PHR_REGEX_OP_SPLIT, 0);

        if (rc == PHR_OK) {
            rc = phr_regex_emit(mk, sub, &one);
        }

        if (rc == PHR_OK) {
            *nullable |= one;
            rc = phr_regex_emit_inst(mk, PHR_REGEX_OP_JUMP, jumps);
        }

        if (rc != PHR_OK) {
            return rc;
        }

        jumps = (uint32_t) mk->insts.nelts;

        phr_regex_emit_split(mk, split, (uint32_t) split + 1, jumps, 0);
    }

    rc = phr_regex_emit(mk, sub, &one);
    *nullable |= one;

    for ( /* void */ ; jumps > 0; jumps = next) {
        next = phr_regex_inst(mk, jumps - 1)->arg;
        phr_regex_inst(mk, jumps - 1)->out = (uint32_t) mk->insts.nelts;
    }

    return rc;
}


/* x{2,4} is xx(x(x)?)?, x{2,} is xx+ */

static int
phr_regex_emit_repeat(phr_regex_maker_t *mk, const phr_regex_node_t *node,
    int *nullable)
{
    int     i, one, rc;
    size_t  from, split;

    *nullable = 1;

    if (node->max < 0 && node->min == 0) {
        return phr_regex_emit_loop(mk, node, 1, nullable);
    }

    for (i = 0; i < node->min - (node->max < 0); i++) {
        rc = phr_regex_emit(mk, node->sub, &one);
        if (rc != PHR_OK) {
            return rc;
        }

        *nullable = one;
    }

    if (node->max < 0) {
        return phr_regex_emit_loop(mk, node, 0, nullable);
    }

    from = mk->insts.nelts;

    for ( /* void */ ; i < node->max; i++) {
        split = mk->insts.nelts;

        rc = phr_regex_emit_inst(mk, PHR_REGEX_OP_SPLIT, (uint32_t) split);

        if (rc == PHR_OK) {
            rc = phr_regex_emit(mk, node->sub, &one);
        }

        if (rc != PHR_OK) {
            return rc;
        }

        /* for now it names the one before it, whose end is the same */

        phr_regex_inst(mk, split)->arg = (uint32_t) from;
        from = split;
    }

    if (node->max > node->min) {
        for ( ;; ) {
            split = phr_regex_inst(mk, from)->arg;

            phr_regex_emit_split(mk, from, (uint32_t) from + 1,
                                 (uint32_t) mk->insts.nelts, node->lazy);
            if (split == from) {
                break;
            }

            from = split;
        }
    }

    return PHR_OK;
}


/*
 * "x*" of an x that may match nothing is "(x+)?": otherwise what comes first
 * would not be what the pattern prefers.
 */

static int
phr_regex_emit_loop(phr_regex_maker_t *mk, const phr_regex_node_t *node,
    int star, int *nullable)
{
    int     one, rc;
    size_t  end, head, body;

    head = mk->insts.nelts;
    rc = star ? phr_regex_emit_inst(mk, PHR_REGEX_OP_SPLIT, 0) : PHR_OK;
    body = mk->insts.nelts;

    if (rc == PHR_OK) {
        rc = phr_regex_emit(mk, node->sub, &one);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    *nullable = star || one;
    end = mk->insts.nelts;

    if (star && !one) {
        rc = phr_regex_emit_inst(mk, PHR_REGEX_OP_JUMP, 0);

        if (rc == PHR_OK) {
            phr_regex_inst(mk, end)->out = (uint32_t) head;
        }

    } else {
        rc = phr_regex_emit_inst(mk, PHR_REGEX_OP_SPLIT, 0);

        if (rc == PHR_OK) {
            phr_regex_emit_split(mk, end, (uint32_t) body,
                                 (uint32_t) end + 1, node->lazy);
        }
    }

    if (rc == PHR_OK && star) {
        phr_regex_emit_split(mk, head, (uint32_t) body, (uint32_t) end + 1,
                             node->lazy);
    }

    return rc;
}


/* out is the instruction behind it */

static int
phr_regex_emit_inst(phr_regex_maker_t *mk, phr_regex_op_e op, uint32_t arg)
{
    phr_regex_inst_t  *inst;

    if (mk->insts.nelts == PHR_REGEX_MAX_INSTS) {
        return PHR_ELIMIT;
    }

    phr_yield(PHR_REGEX_UNITS);

    inst = phr_array_push(&mk->insts);
    if (inst == NULL) {
        return PHR_ENOMEM;
    }

    inst->op = op;
    inst->out = (uint32_t) mk->insts.nelts;
    inst->arg = arg;

    return PHR_OK;
}


static void
phr_regex_emit_split(phr_regex_maker_t *mk, size_t at, uint32_t first,
    uint32_t second, int lazy)
{
    phr_regex_inst_t  *inst;

    inst = phr_regex_inst(mk, at);
    inst->out = lazy ? second : first;
    inst->arg = lazy ? first : second;
}


/* leaves jumps aside; from the end, since most of them go there */

static void
phr_regex_thread(phr_regex_inst_t *inst, size_t n)
{
    size_t  i;

    for (i = n; i-- > 0; /* void */) {
        if (inst[i].op == PHR_REGEX_OP_MATCH) {
            continue;
        }

        if (inst[inst[i].out].op == PHR_REGEX_OP_JUMP) {
            inst[i].out = inst[inst[i].out].out;
        }

        if (inst[i].op == PHR_REGEX_OP_SPLIT
            && inst[inst[i].arg].op == PHR_REGEX_OP_JUMP)
        {
            inst[i].arg = inst[inst[i].arg].out;
        }
    }
}
