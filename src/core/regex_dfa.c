/*
 * Copyright (C) The Pharos Authors
 *
 * Regex automaton: deterministic, and made while it runs.  A state is a set
 * of instructions of the program, those that the next character is shown to,
 * before any jump or split of theirs is followed; where the program has
 * assertions, also what the last character was.  What it becomes with a
 * class of characters is computed once and then looked up:
 *
 *     next[state + class]     a state, as the place where its row begins
 *     next[state + nclasses]  ACCEPT or DEAD: with the string at its end
 *
 * The rows of two states are not used, so that 0 can stand for what is not
 * yet known, and one row length for a dead end.
 */

#include "core/regex_prog.h"

#include "core/alloc.h"


/* what states may take before they are all dropped, bytes; at least 16 */
#define PHR_REGEX_DFA_BYTES   (256 * 1024)
#define PHR_REGEX_DFA_STATES  16

#define PHR_REGEX_UNKNOWN     0
#define PHR_REGEX_DEAD        (dfa->row)
#define PHR_REGEX_ACCEPT      (2 * dfa->row)


/* what the last character was, as far as assertions ask */
typedef enum {
    PHR_REGEX_AT_BEGIN = 0,
    PHR_REGEX_AFTER_WORD,
    PHR_REGEX_AFTER_NEWLINE,
    PHR_REGEX_AFTER_OTHER,
} phr_regex_after_e;


typedef struct {
    size_t    from;         /* in members */
    uint32_t  n;
    uint32_t  after;
    uint64_t  hash;
} phr_regex_state_t;


struct phr_regex_dfa_s {
    const phr_regex_prog_t  *prog;
    uint32_t                 row;       /* nclasses + 1 */
    size_t                   steps;     /* of the present match */

    phr_regex_state_t       *states;
    size_t                   nstates;   /* the first two are not used */
    size_t                   states_alloc;
    uint32_t                *next;
    uint32_t                *members;
    size_t                   nmembers;
    size_t                   members_alloc;

    uint32_t                *slots;     /* hash table of states */
    size_t                   nslots;    /* power of two */

    /* of one step */
    uint64_t                *seen;      /* instructions followed */
    uint64_t                *taken;     /* where the character leads */
    uint32_t                *stack;
    uint32_t                *list;      /* taken, in ascending order */
    size_t                   words;
};


static int phr_regex_dfa_start(phr_regex_dfa_t *dfa, uint32_t *state);
static int phr_regex_dfa_step(phr_regex_dfa_t *dfa, uint32_t *state,
    unsigned cls, uint32_t *to);
static int phr_regex_dfa_follow(phr_regex_dfa_t *dfa, size_t state,
    unsigned cls);
static uint32_t phr_regex_dfa_between(const phr_regex_dfa_t *dfa,
    uint32_t after, unsigned cls);
static uint32_t phr_regex_dfa_after(const phr_regex_dfa_t *dfa,
    unsigned cls);
static size_t phr_regex_dfa_list(phr_regex_dfa_t *dfa);
static int phr_regex_dfa_state(phr_regex_dfa_t *dfa, size_t n,
    uint32_t after, size_t *state);
static int phr_regex_dfa_room(phr_regex_dfa_t *dfa, size_t n);
static int phr_regex_dfa_full(const phr_regex_dfa_t *dfa, size_t n);
static void phr_regex_dfa_drop(phr_regex_dfa_t *dfa);
static uint64_t phr_regex_dfa_hash(const uint32_t *list, size_t n,
    uint32_t after);
static int phr_regex_dfa_rehash(phr_regex_dfa_t *dfa);
static int phr_regex_grow(void *array, size_t size, size_t *nalloc,
    size_t n);


phr_regex_dfa_t *
phr_regex_dfa_create(const phr_regex_prog_t *prog)
{
    phr_regex_dfa_t  *dfa;

    dfa = phr_calloc(1, sizeof(phr_regex_dfa_t));
    if (dfa == NULL) {
        return NULL;
    }

    dfa->prog = prog;
    dfa->row = (uint32_t) prog->nclasses + 1;
    dfa->words = (prog->n + 63) / 64;
    dfa->nstates = 2;

    /* each instruction is followed once, and may put two on the stack */

    dfa->seen = phr_calloc(dfa->words, sizeof(uint64_t));
    dfa->taken = phr_calloc(dfa->words, sizeof(uint64_t));
    dfa->stack = phr_calloc(2 * prog->n + 1, sizeof(uint32_t));
    dfa->list = phr_calloc(prog->n, sizeof(uint32_t));

    if (dfa->seen == NULL || dfa->taken == NULL || dfa->stack == NULL
        || dfa->list == NULL)
    {
        phr_regex_dfa_destroy(dfa);
        return NULL;
    }

    return dfa;
}


void
phr_regex_dfa_destroy(phr_regex_dfa_t *dfa)
{
    if (dfa == NULL) {
        return;
    }

    phr_free(dfa->states);
    phr_free(dfa->next);
    phr_free(dfa->members);
    phr_free(dfa->slots);
    phr_free(dfa->seen);
    phr_free(dfa->taken);
    phr_free(dfa->stack);
    phr_free(dfa->list);
    phr_free(dfa);
}


size_t
phr_regex_dfa_memory(const phr_regex_prog_t *prog)
{
    size_t  few;

    few = PHR_REGEX_DFA_STATES * (prog->nclasses + 1) * sizeof(uint32_t);

    return prog->n * 20 + 2 * phr_max(PHR_REGEX_DFA_BYTES, few);
}


int
phr_regex_dfa_match(phr_regex_dfa_t *dfa, phr_str_t s)
{
    int                      rc;
    unsigned                 cls;
    uint32_t                 state, to, dead;
    const char              *p, *end;
    const uint32_t          *next;
    const phr_regex_prog_t  *prog;

    prog = dfa->prog;
    dfa->steps = 0;

    rc = phr_regex_dfa_start(dfa, &state);
    if (rc != PHR_OK) {
        return rc;
    }

    next = dfa->next;
    dead = PHR_REGEX_DEAD;
    p = s.data;
    end = p + s.len;

    while (p < end) {
        cls = phr_regex_next_class(prog, &p, end);
        to = next[state + cls];

        if (phr_unlikely(to <= dead)) {

            if (to == dead) {
                return 0;
            }

            rc = phr_regex_dfa_step(dfa, &state, cls, &to);
            if (rc != PHR_OK) {
                return rc;
            }

            next = dfa->next;

            if (to == dead) {
                return 0;
            }
        }

        state = to;
    }

    to = next[state + prog->nclasses];

    if (to == PHR_REGEX_UNKNOWN) {
        rc = phr_regex_dfa_step(dfa, &state, (unsigned) prog->nclasses, &to);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return to == PHR_REGEX_ACCEPT;
}


static int
phr_regex_dfa_start(phr_regex_dfa_t *dfa, uint32_t *state)
{
    int     rc;
    size_t  i;

    /* it is always the first that is made */

    i = 2;

    if (dfa->nstates == 2) {
        dfa->list[0] = 0;

        rc = phr_regex_dfa_state(dfa, 1, PHR_REGEX_AT_BEGIN, &i);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    *state = (uint32_t) i * dfa->row;

    return PHR_OK;
}


/* where a state leads; the state may get another place by that */

static int
phr_regex_dfa_step(phr_regex_dfa_t *dfa, uint32_t *state, unsigned cls,
    uint32_t *to)
{
    int       rc, matched;
    size_t    i, n;
    uint32_t  after, first;

    matched = phr_regex_dfa_follow(dfa, *state / dfa->row, cls);

    if (dfa->steps > PHR_REGEX_MAX_STEPS) {
        memset(dfa->taken, 0, dfa->words * sizeof(uint64_t));
        return PHR_ELIMIT;
    }

    if (cls == dfa->prog->nclasses) {
        *to = matched ? PHR_REGEX_ACCEPT : PHR_REGEX_DEAD;
        dfa->next[*state + cls] = *to;
        return PHR_OK;
    }

    n = phr_regex_dfa_list(dfa);

    if (n == 0) {
        *to = PHR_REGEX_DEAD;
        dfa->next[*state + cls] = *to;
        return PHR_OK;
    }

    after = phr_regex_dfa_after(dfa, cls);

    if (phr_regex_dfa_full(dfa, n)) {

        /* all begins anew with the start; the old state need not be known */

        phr_regex_dfa_drop(dfa);

        first = dfa->list[0];
        dfa->list[0] = 0;
        rc = phr_regex_dfa_state(dfa, 1, PHR_REGEX_AT_BEGIN, &i);
        dfa->list[0] = first;

        if (rc == PHR_OK) {
            rc = phr_regex_dfa_state(dfa, n, after, &i);
        }

        *to = (uint32_t) i * dfa->row;

        return rc;
    }

    rc = phr_regex_dfa_state(dfa, n, after, &i);
    if (rc != PHR_OK) {
        return rc;
    }

    *to = (uint32_t) i * dfa->row;
    dfa->next[*state + cls] = *to;

    return PHR_OK;
}


/*
 * Follows the members of a state with a character, or the end, ahead.  Marks
 * in taken where the character leads; 1 if the end makes it a match.
 */

static int
phr_regex_dfa_follow(phr_regex_dfa_t *dfa, size_t state, unsigned cls)
{
    int                      matched;
    size_t                   n;
    uint32_t                 pc, holds;
    const phr_regex_inst_t  *inst;
    const phr_regex_prog_t  *prog;
    const phr_regex_state_t *st;

    prog = dfa->prog;
    st = &dfa->states[state];
    matched = 0;

    holds = prog->asserts ? phr_regex_dfa_between(dfa, st->after, cls) : 0;

    /* the first member on top; all have room, as each is followed once */

    for (n = 0; n < st->n; n++) {
        dfa->stack[n] = dfa->members[st->from + n];
    }

    memset(dfa->seen, 0, dfa->words * sizeof(uint64_t));
    dfa->steps += dfa->words / 8 + 1;

    while (n > 0) {
        pc = dfa->stack[--n];

        if ((dfa->seen[pc / 64] >> (pc % 64)) & 1) {
            continue;
        }

        dfa->seen[pc / 64] |= 1ULL << (pc % 64);
        dfa->steps++;

        inst = &prog->inst[pc];

        switch (inst->op) {

        case PHR_REGEX_OP_ONE:
        case PHR_REGEX_OP_SET:
            if (cls < prog->nclasses && phr_regex_takes(prog, inst, cls)) {
                dfa->taken[inst->out / 64] |= 1ULL << (inst->out % 64);
            }

            break;

        case PHR_REGEX_OP_SPLIT:
            dfa->stack[n++] = inst->arg;
            dfa->stack[n++] = inst->out;
            break;

        case PHR_REGEX_OP_ASSERT:
            if (inst->arg & holds) {
                dfa->stack[n++] = inst->out;
            }

            break;

        case PHR_REGEX_OP_JUMP:
        case PHR_REGEX_OP_SAVE:
            dfa->stack[n++] = inst->out;
            break;

        case PHR_REGEX_OP_MATCH:
            matched = cls == prog->nclasses;
            break;

        default:
            break;
        }
    }

    return matched;
}


static uint32_t
phr_regex_dfa_between(const phr_regex_dfa_t *dfa, uint32_t after,
    unsigned cls)
{
    uint32_t  before;

    before = after == PHR_REGEX_AT_BEGIN ? UINT32_MAX
             : after == PHR_REGEX_AFTER_WORD ? 'a'
             : after == PHR_REGEX_AFTER_NEWLINE ? '\n' : ' ';

    return phr_regex_between(before, cls == dfa->prog->nclasses
                                     ? UINT32_MAX : dfa->prog->samples[cls]);
}


static uint32_t
phr_regex_dfa_after(const phr_regex_dfa_t *dfa, unsigned cls)
{
    uint32_t  c;

    if (dfa->prog->asserts == 0) {
        return PHR_REGEX_AT_BEGIN;
    }

    c = dfa->prog->samples[cls];

    if (c == '\n') {
        return PHR_REGEX_AFTER_NEWLINE;
    }

    return phr_regex_between(' ', c) & PHR_REGEX_WORD
           ? PHR_REGEX_AFTER_WORD : PHR_REGEX_AFTER_OTHER;
}


/* makes a list of what was taken, and clears that */

static size_t
phr_regex_dfa_list(phr_regex_dfa_t *dfa)
{
    size_t    i, n;
    uint64_t  bits;

    n = 0;

    for (i = 0; i < dfa->words; i++) {
        for (bits = dfa->taken[i]; bits != 0; bits &= bits - 1) {
            dfa->list[n++] = (uint32_t) (i * 64)
                             + (uint32_t) __builtin_ctzll(bits);
        }

        dfa->taken[i] = 0;
    }

    return n;
}


/* the state with the n members in list, made if it is new */

static int
phr_regex_dfa_state(phr_regex_dfa_t *dfa, size_t n, uint32_t after,
    size_t *state)
{
    int                 rc;
    size_t              i, slot;
    uint64_t            hash;
    phr_regex_state_t  *st;

    hash = phr_regex_dfa_hash(dfa->list, n, after);

    if (dfa->nslots > 0) {
        slot = hash & (dfa->nslots - 1);

        for ( /* void */ ; dfa->slots[slot] != 0;
              slot = (slot + 1) & (dfa->nslots - 1))
        {
            i = dfa->slots[slot];
            st = &dfa->states[i];

            if (st->hash == hash && st->n == n && st->after == after
                && memcmp(dfa->members + st->from, dfa->list,
                          n * sizeof(uint32_t)) == 0)
            {
                *state = i;
                return PHR_OK;
            }
        }
    }

    rc = phr_regex_dfa_room(dfa, n);
    if (rc != PHR_OK) {
        return rc;
    }

    i = dfa->nstates++;
    st = &dfa->states[i];
    st->from = dfa->nmembers;
    st->n = (uint32_t) n;
    st->after = after;
    st->hash = hash;

    memcpy(dfa->members + st->from, dfa->list, n * sizeof(uint32_t));
    dfa->nmembers += n;

    memset(dfa->next + i * dfa->row, 0, dfa->row * sizeof(uint32_t));

    slot = hash & (dfa->nslots - 1);

    while (dfa->slots[slot] != 0) {
        slot = (slot + 1) & (dfa->nslots - 1);
    }

    dfa->slots[slot] = (uint32_t) i;
    *state = i;

    return PHR_OK;
}


/* for one more state of n members */

static int
phr_regex_dfa_room(phr_regex_dfa_t *dfa, size_t n)
{
    size_t     nalloc;
    uint32_t  *next;

    if (phr_regex_grow(&dfa->members, sizeof(uint32_t), &dfa->members_alloc,
                       dfa->nmembers + n)
        != PHR_OK)
    {
        return PHR_ENOMEM;
    }

    if (dfa->nstates < dfa->states_alloc) {
        return PHR_OK;
    }

    nalloc = dfa->states_alloc;

    if (phr_regex_grow(&dfa->states, sizeof(phr_regex_state_t), &nalloc,
                       dfa->nstates + 1)
        != PHR_OK)
    {
        return PHR_ENOMEM;
    }

    next = phr_realloc(dfa->next, nalloc * dfa->row * sizeof(uint32_t));
    if (next == NULL) {
        return PHR_ENOMEM;
    }

    dfa->next = next;
    dfa->states_alloc = nalloc;

    return phr_regex_dfa_rehash(dfa);
}


/* the table, twice as large as there may be states */

static int
phr_regex_dfa_rehash(phr_regex_dfa_t *dfa)
{
    size_t     i, nslots, slot;
    uint32_t  *slots;

    for (nslots = 16; nslots < 2 * dfa->states_alloc; nslots *= 2) {
        /* void */
    }

    slots = phr_calloc(nslots, sizeof(uint32_t));
    if (slots == NULL) {
        dfa->states_alloc = dfa->nstates;
        return PHR_ENOMEM;
    }

    phr_free(dfa->slots);
    dfa->slots = slots;
    dfa->nslots = nslots;

    for (i = 2; i < dfa->nstates; i++) {
        slot = dfa->states[i].hash & (nslots - 1);

        while (slots[slot] != 0) {
            slot = (slot + 1) & (nslots - 1);
        }

        slots[slot] = (uint32_t) i;
    }

    return PHR_OK;
}


static int
phr_regex_grow(void *array, size_t size, size_t *nalloc, size_t n)
{
    void    *p, *old;
    size_t   more;

    if (n <= *nalloc) {
        return PHR_OK;
    }

    more = phr_max(n, *nalloc ? 2 * *nalloc : 8);

    memcpy(&old, array, sizeof(void *));

    p = phr_realloc(old, more * size);
    if (p == NULL) {
        return PHR_ENOMEM;
    }

    memcpy(array, &p, sizeof(void *));
    *nalloc = more;

    return PHR_OK;
}


/* one more state of n members would be too much */

static int
phr_regex_dfa_full(const phr_regex_dfa_t *dfa, size_t n)
{
    size_t  one;

    if (dfa->nstates < PHR_REGEX_DFA_STATES) {
        return 0;
    }

    one = dfa->row * sizeof(uint32_t) + sizeof(phr_regex_state_t);

    return (dfa->nstates + 1) * one + (dfa->nmembers + n) * sizeof(uint32_t)
           > PHR_REGEX_DFA_BYTES;
}


static void
phr_regex_dfa_drop(phr_regex_dfa_t *dfa)
{
    dfa->nstates = 2;
    dfa->nmembers = 0;

    memset(dfa->slots, 0, dfa->nslots * sizeof(uint32_t));
}


static uint64_t
phr_regex_dfa_hash(const uint32_t *list, size_t n, uint32_t after)
{
    size_t    i;
    uint64_t  hash;

    hash = after + 1;

    for (i = 0; i < n; i++) {
        hash = (hash ^ list[i]) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 32;
    }

    return hash;
}
