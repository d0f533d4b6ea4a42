/*
 * Copyright (C) The Pharos Authors
 *
 * Regex parser: RE2's syntax, in one pass over the pattern with a frame for
 * each open parenthesis.  What RE2 refuses is refused here, with its words.
 */

#include "core/regex_int.h"

#include "core/utf8.h"


/* RE2's bound on counts; of depth it allows 1000, but stacks are small */
#define PHR_REGEX_MAX_REPEAT  1000
#define PHR_REGEX_MAX_DEPTH   250


static int phr_regex_frame(phr_regex_parser_t *ps);
static int phr_regex_step(phr_regex_parser_t *ps);
static int phr_regex_finish(phr_regex_parser_t *ps);
static int phr_regex_open(phr_regex_parser_t *ps);
static int phr_regex_open_named(phr_regex_parser_t *ps);
static int phr_regex_open_flags(phr_regex_parser_t *ps);
static int phr_regex_flags_error(phr_regex_parser_t *ps, const char *p);
static int phr_regex_group(phr_regex_parser_t *ps, phr_str_t name);
static int phr_regex_push(phr_regex_parser_t *ps, uint32_t group);
static int phr_regex_close(phr_regex_parser_t *ps);
static int phr_regex_branch(phr_regex_parser_t *ps);
static phr_regex_node_t *phr_regex_node(phr_regex_parser_t *ps,
    phr_regex_node_e kind);
static void phr_regex_link(phr_regex_parser_t *ps, phr_regex_node_t *node);
static int phr_regex_dot(phr_regex_parser_t *ps);
static int phr_regex_assert(phr_regex_parser_t *ps, uint32_t what);
static int phr_regex_text(phr_regex_parser_t *ps);
static int phr_regex_repeat(phr_regex_parser_t *ps);
static int phr_regex_repeat_node(phr_regex_parser_t *ps, int min, int max,
    int lazy);
static int phr_regex_counts(phr_regex_parser_t *ps, const char **p, int *min,
    int *max);


int
phr_regex_parse(phr_regex_parser_t *ps, phr_arena_t *arena,
    phr_str_t pattern, phr_err_t *err)
{
    int  rc;

    memset(ps, 0, sizeof(*ps));

    ps->arena = arena;
    ps->err = err;
    ps->start = pattern.data ? pattern.data : "";
    ps->p = ps->start;
    ps->end = ps->start + pattern.len;
    ps->flags = PHR_REGEX_DOTNL;

    if (!phr_utf8_valid(ps->start, pattern.len)) {
        return phr_regex_bad(ps, "invalid UTF-8", ps->start, ps->end);
    }

    rc = phr_regex_frame(ps);

    while (rc == PHR_OK && ps->p < ps->end) {
        rc = phr_regex_step(ps);
    }

    if (rc == PHR_OK) {
        rc = phr_regex_finish(ps);
    }

    return rc;
}


static int
phr_regex_frame(phr_regex_parser_t *ps)
{
    phr_regex_frame_t  *f;

    f = phr_arena_calloc(ps->arena, 1, sizeof(phr_regex_frame_t));
    if (f == NULL) {
        return phr_regex_nomem(ps->arena, ps->err);
    }

    f->outer = ps->frame;
    f->weight = 1;
    f->last = 1;

    ps->frame = f;

    return PHR_OK;
}


static int
phr_regex_step(phr_regex_parser_t *ps)
{
    int  multi;

    phr_yield(PHR_REGEX_UNITS);

    multi = ps->flags & PHR_REGEX_MULTI;

    switch (*ps->p) {

    case '(':
        return phr_regex_open(ps);

    case ')':
        return phr_regex_close(ps);

    case '|':
        ps->p++;
        return phr_regex_branch(ps);

    case '*':
    case '+':
    case '?':
    case '{':
        return phr_regex_repeat(ps);

    case '[':
        return phr_regex_bracket(ps);

    case '\\':
        switch (ps->end - ps->p > 1 ? ps->p[1] : '\0') {

        case 'A':
            ps->p++;
            return phr_regex_assert(ps, PHR_REGEX_BEGIN);

        case 'z':
            ps->p++;
            return phr_regex_assert(ps, PHR_REGEX_END);

        case 'b':
            ps->p++;
            return phr_regex_assert(ps, PHR_REGEX_WORD);

        case 'B':
            ps->p++;
            return phr_regex_assert(ps, PHR_REGEX_NO_WORD);

        default:
            return phr_regex_escape(ps);
        }

    case '.':
        return phr_regex_dot(ps);

    case '^':
        return phr_regex_assert(ps, multi ? PHR_REGEX_BOL : PHR_REGEX_BEGIN);

    case '$':
        return phr_regex_assert(ps, multi ? PHR_REGEX_EOL : PHR_REGEX_END);

    default:
        return phr_regex_text(ps);
    }
}


int
phr_regex_bad(phr_regex_parser_t *ps, const char *what, const char *from,
    const char *to)
{
    return phr_err_set(ps->err, PHR_EPARSE,
                       "error parsing regexp: %s: `%.*s`", what,
                       (int) phr_min(to - from, 300), from);
}


int
phr_regex_nomem(phr_arena_t *arena, phr_err_t *err)
{
    int  rc;

    rc = phr_arena_rc(arena);

    return phr_err_set(err, rc,
                       rc == PHR_ELIMIT
                       ? "error parsing regexp: expression too large"
                       : "no memory for a regular expression");
}


static int
phr_regex_finish(phr_regex_parser_t *ps)
{
    int  rc;

    if (ps->depth != 0) {
        return phr_regex_bad(ps, "missing closing )", ps->start, ps->end);
    }

    rc = phr_regex_branch(ps);
    if (rc != PHR_OK) {
        return rc;
    }

    ps->root = ps->frame->branches;

    if (ps->root->next != NULL) {
        ps->root = phr_regex_node(ps, PHR_REGEX_ALT);

        if (ps->root == NULL) {
            return phr_regex_nomem(ps->arena, ps->err);
        }

        ps->root->sub = ps->frame->branches;
    }

    return PHR_OK;
}


static int
phr_regex_open(phr_regex_parser_t *ps)
{
    const char  *p;

    p = ps->p;

    if (ps->end - p > 2 && p[1] == '?') {

        if ((ps->end - p > 4 && p[2] == 'P' && p[3] == '<')
            || (ps->end - p > 3 && p[2] == '<'))
        {
            return phr_regex_open_named(ps);
        }

        return phr_regex_open_flags(ps);
    }

    /* "(?" and "(?P" at the end are a group and a "?" without argument */

    ps->p++;

    return phr_regex_group(ps, phr_str_of(""));
}


/* (?P<name> or (?<name> */

static int
phr_regex_open_named(phr_regex_parser_t *ps)
{
    const char  *name, *p;

    name = ps->p + (ps->p[2] == 'P' ? 4 : 3);

    p = memchr(name, '>', (size_t) (ps->end - name));
    if (p == NULL) {
        return phr_regex_bad(ps, "invalid named capture", ps->p, ps->end);
    }

    if (p == name || strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_") != (size_t) (p - name))
    {
        return phr_regex_bad(ps, "invalid named capture", ps->p, p + 1);
    }

    ps->p = p + 1;

    return phr_regex_group(ps, phr_str_from(name, (size_t) (p - name)));
}


/* (?flags) or (?flags:; flags may be none in the latter */

static int
phr_regex_open_flags(phr_regex_parser_t *ps)
{
    int          bit, flags, minus, rc, seen;
    char         c;
    const char  *p;

    flags = ps->flags;
    minus = 0;
    seen = 0;

    for (p = ps->p + 2; p < ps->end; /* void */) {
        c = *p++;

        if (c == '-' && !minus) {
            minus = 1;
            seen = 0;
            continue;
        }

        if (c == ':' || c == ')') {
            if (minus && !seen) {
                break;
            }

            ps->p = p;
            ps->repeat = NULL;
            rc = PHR_OK;

            if (c == ':') {
                rc = phr_regex_push(ps, 0);
            }

            ps->flags = flags;

            return rc;
        }

        bit = c == 'i' ? PHR_REGEX_FOLD : c == 'm' ? PHR_REGEX_MULTI
              : c == 's' ? PHR_REGEX_DOTNL : c == 'U' ? PHR_REGEX_LAZY : 0;

        if (bit == 0) {
            break;
        }

        flags = minus ? flags & ~bit : flags | bit;
        seen = 1;
    }

    return phr_regex_flags_error(ps, p);
}


static int
phr_regex_flags_error(phr_regex_parser_t *ps, const char *p)
{
    if (p == ps->end && *(p - 1) != ')' && *(p - 1) != ':'
        && strchr("imsU-?", *(p - 1)) != NULL)
    {
        return phr_regex_bad(ps, "missing closing )", ps->start, ps->end);
    }

    while (p < ps->end && ((unsigned char) *p & 0xc0) == 0x80) {
        p++;
    }

    return phr_regex_bad(ps, "invalid or unsupported Perl syntax", ps->p, p);
}


static int
phr_regex_group(phr_regex_parser_t *ps, phr_str_t name)
{
    phr_str_t  *names;

    if (ps->ngroups == ps->names_alloc) {
        ps->names_alloc = ps->names_alloc ? ps->names_alloc * 2 : 8;

        names = phr_arena_grow(ps->arena, ps->names,
                               ps->ngroups * sizeof(phr_str_t),
                               ps->names_alloc * sizeof(phr_str_t));
        if (names == NULL) {
            return phr_regex_nomem(ps->arena, ps->err);
        }

        ps->names = names;
    }

    ps->names[ps->ngroups++] = name;

    return phr_regex_push(ps, (uint32_t) ps->ngroups);
}


static int
phr_regex_push(phr_regex_parser_t *ps, uint32_t group)
{
    int                 rc;
    phr_regex_frame_t  *f;

    if (ps->depth == PHR_REGEX_MAX_DEPTH) {
        return phr_regex_bad(ps, "expression nests too deeply", ps->start,
                             ps->end);
    }

    ps->depth++;

    rc = phr_regex_frame(ps);
    if (rc != PHR_OK) {
        return rc;
    }

    f = ps->frame;
    f->flags = ps->flags;
    f->group = group;

    ps->repeat = NULL;

    return PHR_OK;
}


static int
phr_regex_close(phr_regex_parser_t *ps)
{
    int                 rc;
    phr_regex_node_t   *node, *outer;
    phr_regex_frame_t  *f;

    if (ps->depth == 0) {
        return phr_regex_bad(ps, "unexpected )", ps->start, ps->end);
    }

    ps->p++;

    rc = phr_regex_branch(ps);
    if (rc != PHR_OK) {
        return rc;
    }

    f = ps->frame;
    ps->frame = f->outer;
    ps->depth--;

    node = f->branches;

    if (node->next != NULL) {
        node = phr_regex_node(ps, PHR_REGEX_ALT);
        if (node == NULL) {
            return phr_regex_nomem(ps->arena, ps->err);
        }

        node->sub = f->branches;
    }

    if (f->group) {
        outer = phr_regex_node(ps, PHR_REGEX_GROUP);
        if (outer == NULL) {
            return phr_regex_nomem(ps->arena, ps->err);
        }

        outer->arg = f->group;
        outer->sub = node;
        node = outer;
    }

    node->closed = 1;

    phr_regex_link(ps, node);

    ps->flags = f->flags;
    ps->frame->last = f->weight;

    return PHR_OK;
}


/* ends the present branch and begins the next */

static int
phr_regex_branch(phr_regex_parser_t *ps)
{
    phr_regex_node_t   *node;
    phr_regex_frame_t  *f;

    f = ps->frame;
    node = f->atoms;

    if (node == NULL || node->next != NULL) {
        node = phr_regex_node(ps, node == NULL ? PHR_REGEX_EMPTY
                                               : PHR_REGEX_CAT);
        if (node == NULL) {
            return phr_regex_nomem(ps->arena, ps->err);
        }

        node->sub = f->atoms;
    }

    if (f->branches == NULL) {
        f->branch_end = &f->branches;
    }

    *f->branch_end = node;
    f->branch_end = &node->next;

    f->atoms = NULL;
    f->atom = NULL;
    f->weight = phr_max(f->weight, f->last);
    f->last = 1;

    ps->repeat = NULL;

    return PHR_OK;
}


static phr_regex_node_t *
phr_regex_node(phr_regex_parser_t *ps, phr_regex_node_e kind)
{
    phr_regex_node_t  *node;

    node = phr_arena_calloc(ps->arena, 1, sizeof(phr_regex_node_t));

    if (node != NULL) {
        node->kind = kind;
    }

    return node;
}


static void
phr_regex_link(phr_regex_parser_t *ps, phr_regex_node_t *node)
{
    phr_regex_frame_t  *f;

    f = ps->frame;

    f->atom = f->atom ? &(*f->atom)->next : &f->atoms;
    *f->atom = node;

    f->weight = phr_max(f->weight, f->last);
    f->last = 1;

    ps->repeat = NULL;
}


phr_regex_node_t *
phr_regex_atom(phr_regex_parser_t *ps, phr_regex_node_e kind)
{
    phr_regex_node_t  *node;

    node = phr_regex_node(ps, kind);

    if (node == NULL) {
        (void) phr_regex_nomem(ps->arena, ps->err);
        return NULL;
    }

    phr_regex_link(ps, node);

    return node;
}


static int
phr_regex_dot(phr_regex_parser_t *ps)
{
    int                rc, nl;
    phr_regex_node_t  *node;

    nl = ps->flags & PHR_REGEX_DOTNL;
    ps->p++;

    node = phr_regex_atom(ps, PHR_REGEX_CLASS);
    if (node == NULL) {
        return phr_arena_rc(ps->arena);
    }

    rc = phr_regex_set_add(ps->arena, &node->set, 0,
                           nl ? PHR_REGEX_MAX_RUNE : '\n' - 1);

    if (rc == PHR_OK && !nl) {
        rc = phr_regex_set_add(ps->arena, &node->set, '\n' + 1,
                               PHR_REGEX_MAX_RUNE);
    }

    return rc == PHR_OK ? rc : phr_regex_nomem(ps->arena, ps->err);
}


/* one that is the last byte of what it is read from */

static int
phr_regex_assert(phr_regex_parser_t *ps, uint32_t what)
{
    phr_regex_node_t  *node;

    ps->p++;

    node = phr_regex_atom(ps, PHR_REGEX_ASSERT);
    if (node == NULL) {
        return phr_arena_rc(ps->arena);
    }

    node->arg = what;

    return PHR_OK;
}


/* characters that mean themselves */

static int
phr_regex_text(phr_regex_parser_t *ps)
{
    uint32_t           c;
    const char        *from, *next;
    phr_regex_node_t  *node;

    from = next = ps->p;
    c = phr_utf8_decode(&next, ps->end);

    if (c == PHR_REGEX_BAD_RUNE || (ps->flags & PHR_REGEX_FOLD)) {
        ps->p = next;
        return phr_regex_rune(ps, c);
    }

    do {
        ps->p = next;

    } while (next < ps->end
             && memchr("()|*+?{[\\.^$", *next, 12) == NULL
             && phr_utf8_decode(&next, ps->end) != PHR_REGEX_BAD_RUNE);

    node = phr_regex_atom(ps, PHR_REGEX_TEXT);
    if (node == NULL) {
        return phr_arena_rc(ps->arena);
    }

    node->text = phr_str_from(from, (size_t) (ps->p - from));

    return PHR_OK;
}


int
phr_regex_rune(phr_regex_parser_t *ps, uint32_t c)
{
    int                rc;
    char               text[4];
    size_t             n;
    phr_regex_node_t  *node;

    node = phr_regex_atom(ps, PHR_REGEX_CLASS);
    if (node == NULL) {
        return phr_arena_rc(ps->arena);
    }

    rc = phr_regex_set_add(ps->arena, &node->set, c, c);

    if (rc == PHR_OK && (ps->flags & PHR_REGEX_FOLD)
        && (c >= 0x80 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')))
    {
        rc = phr_regex_set_fold(ps->arena, &node->set);
    }

    n = phr_utf8_encode(text, c);

    /*
     * Two stay classes: surrogates, which match nothing as UTF-8 has none,
     * and what stands for bytes that are no UTF-8.
     */

    if (rc == PHR_OK && n > 0 && c != PHR_REGEX_BAD_RUNE
        && node->set.n == 1 && node->set.r[0].lo == node->set.r[0].hi)
    {
        node->kind = PHR_REGEX_TEXT;
        node->text = phr_arena_str(ps->arena, phr_str_from(text, n));
        rc = node->text.data ? PHR_OK : phr_arena_rc(ps->arena);
    }

    return rc == PHR_OK ? rc : phr_regex_nomem(ps->arena, ps->err);
}


static int
phr_regex_repeat(phr_regex_parser_t *ps)
{
    int                 rc, lazy, max, min;
    unsigned            m;
    const char         *from, *p;
    phr_regex_frame_t  *f;

    from = ps->p;
    p = from + 1;
    min = *from == '+';
    max = *from == '?' ? 1 : -1;

    if (*from == '{') {
        rc = phr_regex_counts(ps, &p, &min, &max);

        if (rc == PHR_NOTFOUND) {
            ps->p++;
            return phr_regex_rune(ps, '{');
        }

        if (min > PHR_REGEX_MAX_REPEAT || max > PHR_REGEX_MAX_REPEAT
            || (max >= 0 && min > max))
        {
            return phr_regex_bad(ps, "invalid repeat count", from, p);
        }
    }

    lazy = p < ps->end && *p == '?';
    p += lazy;

    if (ps->repeat != NULL) {
        return phr_regex_bad(ps, "invalid nested repetition operator",
                             ps->repeat, p);
    }

    f = ps->frame;

    if (f->atom == NULL) {
        return phr_regex_bad(ps, "missing argument to repetition operator",
                             from, p);
    }

    if (*from == '{' && (min >= 2 || max >= 2)) {
        m = (unsigned) (max < 0 ? min : max);

        if (f->last * m > PHR_REGEX_MAX_REPEAT) {
            return phr_regex_bad(ps, "invalid repeat count", from, p);
        }

        f->last *= m;
    }

    if (max == 0) {
        f->last = 1;
    }

    ps->p = p;
    ps->repeat = from;

    return phr_regex_repeat_node(ps, min, max,
                                 lazy != ((ps->flags & PHR_REGEX_LAZY) != 0));
}


/* the last atom repeated, of a text the last character */

static int
phr_regex_repeat_node(phr_regex_parser_t *ps, int min, int max, int lazy)
{
    size_t              n;
    phr_str_t          *text;
    phr_regex_node_t   *node, *last;
    phr_regex_frame_t  *f;

    f = ps->frame;
    last = *f->atom;

    node = phr_regex_node(ps, PHR_REGEX_REPEAT);
    if (node == NULL) {
        return phr_regex_nomem(ps->arena, ps->err);
    }

    node->min = min;
    node->max = max;
    node->lazy = lazy != 0;

    if (last->kind == PHR_REGEX_TEXT && !last->closed) {
        text = &last->text;

        for (n = text->len - 1; (text->data[n] & 0xc0) == 0x80; n--) {
            /* void */
        }

        if (n > 0) {
            node->sub = phr_regex_node(ps, PHR_REGEX_TEXT);
            if (node->sub == NULL) {
                return phr_regex_nomem(ps->arena, ps->err);
            }

            node->sub->text = phr_str_from(text->data + n, text->len - n);
            text->len = n;

            last->next = node;
            f->atom = &last->next;

            return PHR_OK;
        }
    }

    node->sub = last;
    *f->atom = node;

    return PHR_OK;
}


/* "{2}", "{2,}" or "{2,3}" behind the brace; anything else is a literal */

static int
phr_regex_counts(phr_regex_parser_t *ps, const char **p, int *min, int *max)
{
    int          i, n[2];
    const char  *q, *from;

    q = *p;
    n[1] = -1;

    for (i = 0; i < 2; i++) {
        from = q;
        n[i] = 0;

        for ( /* void */ ; q < ps->end && *q >= '0' && *q <= '9'; q++) {
            if (n[i] <= PHR_REGEX_MAX_REPEAT) {
                n[i] = n[i] * 10 + (*q - '0');
            }
        }

        if (q - from > 1 && *from == '0') {
            return PHR_NOTFOUND;
        }

        if (q == from) {
            if (i == 0) {
                return PHR_NOTFOUND;
            }

            n[1] = -1;
        }

        if (i == 0 && q < ps->end && *q == '}') {
            n[1] = n[0];
            break;
        }

        if (i == 0 && (q == ps->end || *q++ != ',')) {
            return PHR_NOTFOUND;
        }
    }

    if (q == ps->end || *q != '}') {
        return PHR_NOTFOUND;
    }

    *p = q + 1;
    *min = n[0];
    *max = n[1];

    return PHR_OK;
}
