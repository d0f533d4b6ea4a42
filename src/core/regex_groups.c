/*
 * Copyright (C) The Pharos Authors
 *
 * Regex groups: a search through the program, the preferred branch first,
 * that never comes to the same instruction at the same place twice.
 */

#include "core/regex_prog.h"

#include "core/alloc.h"


/* bytes of marks, a bit per instruction and place; branches not yet tried */
#define PHR_REGEX_MAX_MARKS    (32 * 1024 * 1024)
#define PHR_REGEX_MAX_PENDING  (1024 * 1024)


/* to go on at an instruction; or, with slot, to restore what it was */
typedef struct {
    uint32_t  pc;
    uint32_t  slot;         /* and one */
    size_t    at;
} phr_regex_pending_t;


typedef struct {
    const phr_regex_prog_t  *prog;
    phr_str_t                s;
    size_t                  *slots;
    uint64_t                *marks;
    phr_regex_pending_t     *pending;
    size_t                   npending;
    size_t                   nalloc;
    size_t                   steps;
    int                      rc;
} phr_regex_search_t;


static int phr_regex_search(phr_regex_search_t *se);
static int phr_regex_search_from(phr_regex_search_t *se, uint32_t pc,
    size_t at);
static void phr_regex_later(phr_regex_search_t *se, uint32_t pc,
    uint32_t slot, size_t at);
static uint32_t phr_regex_holds(phr_str_t s, size_t at);


int
phr_regex_groups(const phr_regex_prog_t *prog, phr_str_t s, size_t *slots)
{
    int                  rc;
    size_t               i, words;
    phr_regex_search_t   se;

    if (s.len >= PHR_REGEX_MAX_MARKS / 8 * 64 / prog->n) {
        return PHR_ELIMIT;
    }

    words = (prog->n * (s.len + 1) + 63) / 64;

    memset(&se, 0, sizeof(se));
    se.prog = prog;
    se.s = s;
    se.slots = slots;

    se.marks = phr_calloc(words, sizeof(uint64_t));
    if (se.marks == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < prog->nslots; i++) {
        slots[i] = SIZE_MAX;
    }

    rc = phr_regex_search(&se);

    slots[0] = 0;
    slots[1] = s.len;

    phr_free(se.pending);
    phr_free(se.marks);

    return rc;
}


static int
phr_regex_search(phr_regex_search_t *se)
{
    int                  matched;
    phr_regex_pending_t  next;

    matched = phr_regex_search_from(se, 0, 0);

    while (!matched && se->rc == PHR_OK && se->npending > 0) {
        next = se->pending[--se->npending];

        if (next.slot) {
            se->slots[next.slot - 1] = next.at;
            continue;
        }

        matched = phr_regex_search_from(se, next.pc, next.at);
    }

    return se->rc == PHR_OK ? matched : se->rc;
}


/* goes on until it can go no further; 1 if that is a match */

static int
phr_regex_search_from(phr_regex_search_t *se, uint32_t pc, size_t at)
{
    size_t                   bit;
    unsigned                 cls;
    const char              *p, *end;
    const phr_regex_inst_t  *inst;
    const phr_regex_prog_t  *prog;

    prog = se->prog;
    end = se->s.data + se->s.len;

    while (se->rc == PHR_OK) {
        bit = at * prog->n + pc;

        if ((se->marks[bit / 64] >> (bit % 64)) & 1) {
            return 0;
        }

        se->marks[bit / 64] |= 1ULL << (bit % 64);

        if (++se->steps > PHR_REGEX_MAX_STEPS) {
            se->rc = PHR_ELIMIT;
            return 0;
        }

        inst = &prog->inst[pc];
        pc = inst->out;

        switch (inst->op) {

        case PHR_REGEX_OP_ONE:
        case PHR_REGEX_OP_SET:
            if (at == se->s.len) {
                return 0;
            }

            p = se->s.data + at;
            cls = phr_regex_next_class(prog, &p, end);

            if (!phr_regex_takes(prog, inst, cls)) {
                return 0;
            }

            at = (size_t) (p - se->s.data);
            break;

        case PHR_REGEX_OP_SPLIT:
            phr_regex_later(se, inst->arg, 0, at);
            break;

        case PHR_REGEX_OP_SAVE:
            phr_regex_later(se, 0, inst->arg + 1, se->slots[inst->arg]);
            se->slots[inst->arg] = at;
            break;

        case PHR_REGEX_OP_ASSERT:
            if (!(inst->arg & phr_regex_holds(se->s, at))) {
                return 0;
            }

            break;

        case PHR_REGEX_OP_JUMP:
            break;

        case PHR_REGEX_OP_MATCH:
            if (at < se->s.len) {
                return 0;
            }

            return 1;

        default:
            return 0;
        }
    }

    return 0;
}


static void
phr_regex_later(phr_regex_search_t *se, uint32_t pc, uint32_t slot,
    size_t at)
{
    size_t                nalloc;
    phr_regex_pending_t  *p;

    if (se->npending == se->nalloc) {
        nalloc = se->nalloc ? 2 * se->nalloc : 64;

        if (nalloc > PHR_REGEX_MAX_PENDING) {
            se->rc = PHR_ELIMIT;
            return;
        }

        p = phr_realloc(se->pending, nalloc * sizeof(phr_regex_pending_t));
        if (p == NULL) {
            se->rc = PHR_ENOMEM;
            return;
        }

        se->pending = p;
        se->nalloc = nalloc;
    }

    p = &se->pending[se->npending++];
    p->pc = pc;
    p->slot = slot;
    p->at = at;
}


/* the assertions that are true at a place */

static uint32_t
phr_regex_holds(phr_str_t s, size_t at)
{
    uint32_t  before, after;

    /* what is not ASCII is neither a word nor a new line: a byte will do */

    before = at > 0 ? (unsigned char) s.data[at - 1] : UINT32_MAX;
    after = at < s.len ? (unsigned char) s.data[at] : UINT32_MAX;

    return phr_regex_between(before, after);
}
