/*
 * Copyright (C) The Pharos Authors
 *
 * Regex program: making it.  Instructions are written in the order of the
 * pattern, each going on to the one behind it; loops and branches jump.
 * Then characters are divided into classes: first where any range begins or
 * ends, then pieces that all sets hold alike are put together.
 */

#include "core/regex_prog.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "core/array.h"
#include "core/map.h"


/* what a pattern may become: instructions, and visits to the tree */
#define PHR_REGEX_MAX_INSTS   100000
#define PHR_REGEX_MAX_VISITS  (4 * PHR_REGEX_MAX_INSTS)

/* pieces that ranges cut characters into, and work to sort them */
#define PHR_REGEX_MAX_PIECES  60000
#define PHR_REGEX_MAX_WORK    (20 * 1000 * 1000)

/* bytes of the sets of classes */
#define PHR_REGEX_MAX_BITS    (8 * 1024 * 1024)


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
static int phr_regex_divide(phr_regex_maker_t *mk);
static int phr_regex_pieces(phr_regex_maker_t *mk,
    const phr_regex_set_t *more, size_t nmore);
static int phr_regex_piece(phr_array_t *cuts, uint32_t from, uint32_t to);
static int phr_regex_uint32_cmp(const void *a, const void *b);
static int phr_regex_classes(phr_regex_maker_t *mk,
    const phr_regex_set_t *more, size_t nmore);
static void phr_regex_refine(phr_regex_prog_t *prog,
    const phr_regex_set_t *set, uint32_t *counts, uint32_t *inside,
    uint32_t *renamed);
static size_t phr_regex_piece_of(const phr_regex_prog_t *prog, uint32_t c);
static int phr_regex_bits(phr_regex_maker_t *mk);

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
        rc = phr_regex_divide(&mk);
    }

    if (rc == PHR_OK) {
        rc = phr_regex_bits(&mk);
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


/* what assertions ask of characters divides them as well */

static int
phr_regex_divide(phr_regex_maker_t *mk)
{
    int              rc;
    size_t           nmore;
    phr_regex_set_t  more[2];

    static phr_regex_range_t  word[] = {
        { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' }
    };
    static phr_regex_range_t  newline[] = { { '\n', '\n' } };

    nmore = 0;
    memset(more, 0, sizeof(more));

    if (mk->prog->asserts & (PHR_REGEX_WORD | PHR_REGEX_NO_WORD)) {
        more[nmore].r = word;
        more[nmore++].n = phr_nelems(word);
    }

    if (mk->prog->asserts & (PHR_REGEX_BOL | PHR_REGEX_EOL)) {
        more[nmore].r = newline;
        more[nmore++].n = phr_nelems(newline);
    }

    rc = phr_regex_pieces(mk, more, nmore);

    return rc == PHR_OK ? phr_regex_classes(mk, more, nmore) : rc;
}


static int
phr_regex_pieces(phr_regex_maker_t *mk, const phr_regex_set_t *more,
    size_t nmore)
{
    int                     rc;
    char                    seen[128];
    size_t                  i, k, n;
    uint32_t               *cut;
    phr_array_t             cuts;
    phr_regex_prog_t       *prog;
    const phr_regex_set_t  *set;

    prog = mk->prog;
    memset(seen, 0, sizeof(seen));
    phr_array_init(&cuts, sizeof(uint32_t));

    rc = phr_regex_piece(&cuts, 0, PHR_REGEX_MAX_RUNE);

    for (i = 0; rc == PHR_OK && i < prog->n; i++) {
        if (prog->inst[i].op != PHR_REGEX_OP_ONE) {
            continue;
        }

        if (prog->inst[i].arg < 128 && seen[prog->inst[i].arg]++) {
            seen[prog->inst[i].arg] = 1;
            continue;
        }

        rc = phr_regex_piece(&cuts, prog->inst[i].arg, prog->inst[i].arg);
    }

    for (i = 0; rc == PHR_OK && i < mk->sets.nelts + nmore; i++) {
        set = i < nmore ? &more[i]
                        : phr_array_get(&mk->sets, phr_regex_set_t,
                                        i - nmore);

        for (k = 0; rc == PHR_OK && k < set->n; k++) {
            rc = phr_regex_piece(&cuts, set->r[k].lo, set->r[k].hi);
        }

        rc = cuts.nelts > PHR_REGEX_MAX_WORK / 16 ? PHR_ELIMIT : rc;
    }

    if (rc == PHR_OK) {
        cut = cuts.elts;
        qsort(cut, cuts.nelts, sizeof(uint32_t), phr_regex_uint32_cmp);

        for (i = 1, n = 1; i < cuts.nelts; i++) {
            if (cut[i] != cut[n - 1] && cut[i] <= PHR_REGEX_MAX_RUNE) {
                cut[n++] = cut[i];
            }
        }

        prog->nstarts = n;
        prog->starts = phr_arena_alloc(mk->arena, n * sizeof(uint32_t));
        prog->classes = phr_arena_calloc(mk->arena, n, sizeof(uint16_t));

        if (n > PHR_REGEX_MAX_PIECES) {
            rc = PHR_ELIMIT;

        } else if (prog->starts == NULL || prog->classes == NULL) {
            rc = phr_arena_rc(mk->arena);

        } else {
            memcpy(prog->starts, cut, n * sizeof(uint32_t));
        }
    }

    phr_array_free(&cuts);

    return rc;
}


static int
phr_regex_piece(phr_array_t *cuts, uint32_t from, uint32_t to)
{
    uint32_t  *cut;

    cut = phr_array_push_n(cuts, 2);
    if (cut == NULL) {
        return PHR_ENOMEM;
    }

    cut[0] = from;
    cut[1] = to + 1;

    return PHR_OK;
}


static int
phr_regex_uint32_cmp(const void *a, const void *b)
{
    uint32_t  x, y;

    x = *(const uint32_t *) a;
    y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


static int
phr_regex_classes(phr_regex_maker_t *mk, const phr_regex_set_t *more,
    size_t nmore)
{
    size_t                  i, k, n, work;
    uint32_t               *counts;
    phr_regex_prog_t       *prog;
    const phr_regex_set_t  *set;

    prog = mk->prog;
    n = prog->nstarts;

    /* pieces of each class, those inside of a set, and its new name */

    counts = phr_arena_calloc(mk->scratch, 3 * n, sizeof(uint32_t));
    if (counts == NULL) {
        return phr_arena_rc(mk->scratch);
    }

    counts[0] = (uint32_t) n;
    prog->nclasses = 1;
    work = 0;

    for (i = 0; i < mk->sets.nelts + nmore; i++) {
        set = i < nmore ? &more[i]
                        : phr_array_get(&mk->sets, phr_regex_set_t,
                                        i - nmore);

        work += phr_regex_piece_of(prog, set->r[set->n - 1].hi)
                - phr_regex_piece_of(prog, set->r[0].lo) + prog->nclasses;

        if (work > PHR_REGEX_MAX_WORK) {
            return PHR_ELIMIT;
        }

        phr_regex_refine(prog, set, counts, counts + n, counts + 2 * n);
    }

    for (i = 0; i < prog->n; i++) {
        if (prog->inst[i].op != PHR_REGEX_OP_ONE) {
            continue;
        }

        k = phr_regex_piece_of(prog, prog->inst[i].arg);

        if (counts[prog->classes[k]] > 1) {
            counts[prog->classes[k]]--;
            prog->classes[k] = (uint16_t) prog->nclasses;
            counts[prog->nclasses++] = 1;
        }
    }

    prog->samples = phr_arena_alloc(mk->arena,
                                    prog->nclasses * sizeof(uint32_t));
    if (prog->samples == NULL) {
        return phr_arena_rc(mk->arena);
    }

    for (i = 0; i < n; i++) {
        prog->samples[prog->classes[i]] = prog->starts[i];
    }

    for (i = 0; i < phr_nelems(prog->ascii); i++) {
        prog->ascii[i] = (uint16_t) phr_regex_class_of(prog, (uint32_t) i);
    }

    return PHR_OK;
}


/* classes that a set holds only a part of are cut in two */

static void
phr_regex_refine(phr_regex_prog_t *prog, const phr_regex_set_t *set,
    uint32_t *counts, uint32_t *inside, uint32_t *renamed)
{
    int        pass;
    size_t     i, k;
    uint16_t  *cls;

    for (pass = 0; pass < 3; pass++) {
        for (k = 0; k < set->n; k++) {
            i = phr_regex_piece_of(prog, set->r[k].lo);

            for ( /* void */ ; i < prog->nstarts
                               && prog->starts[i] <= set->r[k].hi; i++)
            {
                cls = &prog->classes[i];

                if (pass == 0) {
                    inside[*cls]++;
                    continue;
                }

                if (pass == 1) {
                    if (inside[*cls] == counts[*cls]) {
                        continue;
                    }

                    if (renamed[*cls] == 0) {
                        renamed[*cls] = (uint32_t) prog->nclasses;
                        counts[prog->nclasses++] = inside[*cls];
                    }

                    continue;
                }

                if (renamed[*cls] != 0) {
                    *cls = (uint16_t) renamed[*cls];
                }
            }
        }
    }

    /* tables are left as they were found, empty but for the counts */

    for (i = 0; i < prog->nclasses; i++) {
        if (renamed[i] != 0) {
            counts[i] -= inside[i];
        }

        inside[i] = 0;
        renamed[i] = 0;
    }
}


unsigned
phr_regex_class_of(const phr_regex_prog_t *prog, uint32_t c)
{
    return prog->classes[phr_regex_piece_of(prog, c)];
}


static size_t
phr_regex_piece_of(const phr_regex_prog_t *prog, uint32_t c)
{
    size_t  lo, hi, mid;

    lo = 0;
    hi = prog->nstarts;

    while (hi - lo > 1) {
        mid = lo + (hi - lo) / 2;

        if (prog->starts[mid] <= c) {
            lo = mid;

        } else {
            hi = mid;
        }
    }

    return lo;
}


/* the sets and characters of instructions in terms of classes */

static int
phr_regex_bits(phr_regex_maker_t *mk)
{
    size_t             i, k, piece;
    unsigned           cls;
    phr_regex_set_t   *set;
    phr_regex_prog_t  *prog;

    prog = mk->prog;
    prog->words = (prog->nclasses + 63) / 64;

    if (mk->sets.nelts * prog->words * sizeof(uint64_t) > PHR_REGEX_MAX_BITS)
    {
        return PHR_ELIMIT;
    }

    prog->bits = phr_arena_calloc(mk->arena, mk->sets.nelts * prog->words + 1,
                                  sizeof(uint64_t));
    if (prog->bits == NULL) {
        return phr_arena_rc(mk->arena);
    }

    for (i = 0; i < mk->sets.nelts; i++) {
        set = phr_array_get(&mk->sets, phr_regex_set_t, i);

        for (k = 0; k < set->n; k++) {
            piece = phr_regex_piece_of(prog, set->r[k].lo);

            for ( /* void */ ; piece < prog->nstarts
                               && prog->starts[piece] <= set->r[k].hi;
                  piece++)
            {
                cls = prog->classes[piece];
                prog->bits[i * prog->words + cls / 64] |= 1ULL << (cls % 64);
            }
        }
    }

    for (i = 0; i < prog->n; i++) {
        if (prog->inst[i].op == PHR_REGEX_OP_ONE) {
            prog->inst[i].arg = phr_regex_class_of(prog, prog->inst[i].arg);
        }
    }

    return PHR_OK;
}


uint32_t
phr_regex_between(uint32_t before, uint32_t after)
{
    int       i, word[2];
    uint32_t  c, holds;

    holds = 0;

    for (i = 0; i < 2; i++) {
        c = i ? after : before;
        word[i] = (c >= '0' && c <= '9') || c == '_'
                  || (c < 0x80 && (c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    }

    holds |= word[0] != word[1] ? PHR_REGEX_WORD : PHR_REGEX_NO_WORD;

    if (before == UINT32_MAX) {
        holds |= PHR_REGEX_BEGIN | PHR_REGEX_BOL;
    }

    if (after == UINT32_MAX) {
        holds |= PHR_REGEX_END | PHR_REGEX_EOL;
    }

    if (before == '\n') {
        holds |= PHR_REGEX_BOL;
    }

    if (after == '\n') {
        holds |= PHR_REGEX_EOL;
    }

    return holds;
}
