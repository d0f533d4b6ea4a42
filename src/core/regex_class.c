/*
 * Copyright (C) The Pharos Authors
 *
 * Regex classes: characters that a program does not tell apart.  First they
 * are cut where any range begins or ends, then pieces that all sets hold alike
 * are put together, by cutting one class in two for each set that holds but a
 * part of it (partition refinement).
 */

#include "core/regex_prog.h"

#include <stdlib.h>

#include "core/array.h"


/* pieces that ranges cut characters into, and work to sort them */
#define PHR_REGEX_MAX_PIECES  60000
#define PHR_REGEX_MAX_WORK    (20 * 1000 * 1000)

/* bytes of the sets of classes */
#define PHR_REGEX_MAX_BITS    (8 * 1024 * 1024)


typedef struct {
    phr_regex_prog_t   *prog;
    const phr_array_t  *sets;       /* of phr_regex_set_t */
    phr_arena_t        *scratch;
    phr_arena_t        *arena;
} phr_regex_divider_t;


static int phr_regex_pieces(phr_regex_divider_t *dv,
    const phr_regex_set_t *more, size_t nmore);
static int phr_regex_piece(phr_array_t *cuts, uint32_t from, uint32_t to);
static int phr_regex_uint32_cmp(const void *a, const void *b);
static int phr_regex_classes(phr_regex_divider_t *dv,
    const phr_regex_set_t *more, size_t nmore);
static void phr_regex_refine(phr_regex_prog_t *prog,
    const phr_regex_set_t *set, uint32_t *counts, uint32_t *inside,
    uint32_t *renamed);
static size_t phr_regex_piece_of(const phr_regex_prog_t *prog, uint32_t c);
static int phr_regex_bits(phr_regex_divider_t *dv);


/* what assertions ask of characters divides them as well */

int
phr_regex_divide(phr_regex_prog_t *prog, const phr_array_t *sets,
    phr_arena_t *scratch, phr_arena_t *arena)
{
    int                   rc;
    size_t                nmore;
    phr_regex_set_t       more[2];
    phr_regex_divider_t   dv;

    static phr_regex_range_t  word[] = {
        { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' }
    };
    static phr_regex_range_t  newline[] = { { '\n', '\n' } };

    dv.prog = prog;
    dv.sets = sets;
    dv.scratch = scratch;
    dv.arena = arena;

    nmore = 0;
    memset(more, 0, sizeof(more));

    if (prog->asserts & (PHR_REGEX_WORD | PHR_REGEX_NO_WORD)) {
        more[nmore].r = word;
        more[nmore++].n = phr_nelems(word);
    }

    if (prog->asserts & (PHR_REGEX_BOL | PHR_REGEX_EOL)) {
        more[nmore].r = newline;
        more[nmore++].n = phr_nelems(newline);
    }

    rc = phr_regex_pieces(&dv, more, nmore);

    if (rc == PHR_OK) {
        rc = phr_regex_classes(&dv, more, nmore);
    }

    return rc == PHR_OK ? phr_regex_bits(&dv) : rc;
}


static int
phr_regex_pieces(phr_regex_divider_t *dv, const phr_regex_set_t *more,
    size_t nmore)
{
    int                     rc;
    char                    seen[128];
    size_t                  i, k, n;
    uint32_t               *cut;
    phr_array_t             cuts;
    phr_regex_prog_t       *prog;
    const phr_regex_set_t  *set;

    prog = dv->prog;
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

    for (i = 0; rc == PHR_OK && i < dv->sets->nelts + nmore; i++) {
        set = i < nmore ? &more[i]
                        : phr_array_get(dv->sets, phr_regex_set_t,
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
        prog->starts = phr_arena_alloc(dv->arena, n * sizeof(uint32_t));
        prog->classes = phr_arena_calloc(dv->arena, n, sizeof(uint16_t));

        if (n > PHR_REGEX_MAX_PIECES) {
            rc = PHR_ELIMIT;

        } else if (prog->starts == NULL || prog->classes == NULL) {
            rc = phr_arena_rc(dv->arena);

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

    phr_yield(PHR_REGEX_UNITS);

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

    phr_yield(PHR_REGEX_UNITS);

    return (x > y) - (x < y);
}


static int
phr_regex_classes(phr_regex_divider_t *dv, const phr_regex_set_t *more,
    size_t nmore)
{
    size_t                  i, k, n, work;
    uint32_t               *counts;
    phr_regex_prog_t       *prog;
    const phr_regex_set_t  *set;

    prog = dv->prog;
    n = prog->nstarts;

    /* pieces of each class, those inside of a set, and its new name */

    counts = phr_arena_calloc(dv->scratch, 3 * n, sizeof(uint32_t));
    if (counts == NULL) {
        return phr_arena_rc(dv->scratch);
    }

    counts[0] = (uint32_t) n;
    prog->nclasses = 1;
    work = 0;

    for (i = 0; i < dv->sets->nelts + nmore; i++) {
        set = i < nmore ? &more[i]
                        : phr_array_get(dv->sets, phr_regex_set_t,
                                        i - nmore);

        work += phr_regex_piece_of(prog, set->r[set->n - 1].hi)
                - phr_regex_piece_of(prog, set->r[0].lo) + prog->nclasses;

        if (work > PHR_REGEX_MAX_WORK) {
            return PHR_ELIMIT;
        }

        phr_regex_refine(prog, set, counts, counts + n, counts + 2 * n);
        phr_yield(n);
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

    prog->samples = phr_arena_alloc(dv->arena,
                                    prog->nclasses * sizeof(uint32_t));
    if (prog->samples == NULL) {
        return phr_arena_rc(dv->arena);
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
phr_regex_bits(phr_regex_divider_t *dv)
{
    size_t             i, k, piece;
    unsigned           cls;
    phr_regex_set_t   *set;
    phr_regex_prog_t  *prog;

    prog = dv->prog;
    prog->words = (prog->nclasses + 63) / 64;

    if (dv->sets->nelts * prog->words * sizeof(uint64_t) > PHR_REGEX_MAX_BITS)
    {
        return PHR_ELIMIT;
    }

    prog->bits = phr_arena_calloc(dv->arena, dv->sets->nelts * prog->words + 1,
                                  sizeof(uint64_t));
    if (prog->bits == NULL) {
        return phr_arena_rc(dv->arena);
    }

    for (i = 0; i < dv->sets->nelts; i++) {
        set = phr_array_get(dv->sets, phr_regex_set_t, i);

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
