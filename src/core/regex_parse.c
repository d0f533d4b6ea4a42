/*
 * Copyright (C) The Pharos Authors
 *
 * Regex parser: one pass over the pattern, with a frame for each open
 * parenthesis.  Whatever RE2 understands differently from PCRE2 is written
 * out: "." and "$" by their flags, \s without the vertical tab, all literals
 * escaped.  What RE2 refuses is refused here, so PCRE2 never sees it.
 *
 * Beside the text the parser keeps the shape: a concatenation of finite sets
 * of strings and of ".*", as far as the pattern is nothing else.
 */

#include "core/regex_parse.h"

#include "core/alloc.h"
#include "core/regex_int.h"
#include "core/utf8.h"


/* RE2's bound on counts; the nesting that PCRE2 takes by default is 250 */
#define PHR_REGEX_MAX_REPEAT  1000
#define PHR_REGEX_MAX_DEPTH   200


static int phr_regex_frame(phr_regex_parser_t *ps);
static int phr_regex_step(phr_regex_parser_t *ps);
static int phr_regex_finish(phr_regex_parser_t *ps);
static int phr_regex_open(phr_regex_parser_t *ps);
static int phr_regex_open_named(phr_regex_parser_t *ps);
static int phr_regex_open_flags(phr_regex_parser_t *ps);
static int phr_regex_push(phr_regex_parser_t *ps, int capture,
    phr_str_t name);
static int phr_regex_close(phr_regex_parser_t *ps);
static int phr_regex_branch(phr_regex_parser_t *ps);
static int phr_regex_flush(phr_regex_parser_t *ps);
static int phr_regex_literals_run(phr_regex_parser_t *ps);
static void phr_regex_put(phr_regex_parser_t *ps, uint32_t c);
static int phr_regex_repeat(phr_regex_parser_t *ps);
static void phr_regex_put_repeat(phr_regex_parser_t *ps, phr_str_t op,
    int min, int max);
static int phr_regex_counts(phr_regex_parser_t *ps, const char **p, int *min,
    int *max);


int
phr_regex_parse(phr_arena_t *arena, phr_str_t pattern,
    int (*known)(phr_str_t script), phr_regex_parsed_t *out, phr_err_t *err)
{
    int                 rc;
    phr_regex_parser_t  ps;

    memset(&ps, 0, sizeof(ps));
    memset(out, 0, sizeof(*out));
    phr_buf_init(&out->out, 0);

    ps.arena = arena;
    ps.err = err;
    ps.start = pattern.data ? pattern.data : "";
    ps.p = ps.start;
    ps.end = ps.start + pattern.len;
    ps.known = known;
    ps.out = out;
    ps.flags = PHR_REGEX_DOTNL;

    if (!phr_utf8_valid(ps.start, pattern.len)) {
        return phr_regex_error(&ps, "invalid UTF-8", ps.start, ps.end);
    }

    rc = phr_regex_frame(&ps);

    while (rc == PHR_OK && ps.p < ps.end) {
        rc = phr_regex_step(&ps);
    }

    if (rc == PHR_OK) {
        rc = phr_regex_finish(&ps);
    }

    phr_free(ps.frames);

    return rc;
}


/* clears the present frame, making room for it */

static int
phr_regex_frame(phr_regex_parser_t *ps)
{
    size_t              n;
    phr_regex_frame_t  *f;

    if (ps->depth == ps->nframes) {
        n = ps->nframes ? ps->nframes * 2 : 4;

        f = phr_realloc(ps->frames, n * sizeof(phr_regex_frame_t));
        if (f == NULL) {
            return phr_err_set(ps->err, PHR_ENOMEM,
                               "no memory for a regular expression");
        }

        ps->frames = f;
        ps->nframes = n;
    }

    f = &ps->frames[ps->depth];
    memset(f, 0, sizeof(*f));
    f->weight = 1;

    return PHR_OK;
}


static int
phr_regex_step(phr_regex_parser_t *ps)
{
    ps->token_at = ps->out->out.len;

    switch (*ps->p) {

    case '(':
        return phr_regex_open(ps);

    case ')':
        return phr_regex_close(ps);

    case '|':
        ps->p++;
        phr_buf_putc(&ps->out->out, '|');
        return phr_regex_branch(ps);

    case '*':
    case '+':
    case '?':
    case '{':
        return phr_regex_repeat(ps);

    case '[':
        return phr_regex_class(ps);

    case '\\':
        return phr_regex_escape(ps);

    case '.':
        ps->p++;
        phr_buf_puts(&ps->out->out,
                     ps->flags & PHR_REGEX_DOTNL ? "." : "[^\\n]");
        return phr_regex_atom(ps, ps->flags & PHR_REGEX_DOTNL
                                  ? PHR_REGEX_DOT : PHR_REGEX_OTHER);

    case '^':
        ps->p++;

        if (ps->flags & PHR_REGEX_MULTI) {
            return phr_regex_assert(ps, "(?m:^)", 0);
        }

        return phr_regex_assert(ps, "(?:\\A)",
                                ps->depth == 0 && !ps->has_atom
                                && ps->frames[0].branch.n == 0);

    case '$':
        ps->p++;

        if (ps->flags & PHR_REGEX_MULTI) {
            return phr_regex_assert(ps, "(?m:$)", 0);
        }

        return phr_regex_assert(ps, "(?:\\z)",
                                ps->depth == 0
                                && (ps->p == ps->end || *ps->p == '|'));

    default:
        return phr_regex_literals_run(ps);
    }
}


int
phr_regex_error(phr_regex_parser_t *ps, const char *what, const char *from,
    const char *to)
{
    return phr_err_set(ps->err, PHR_EPARSE,
                       "error parsing regexp: %s: `%.*s`", what,
                       (int) phr_min(to - from, 300), from);
}


int
phr_regex_nomem(phr_regex_parser_t *ps)
{
    int  rc;

    rc = phr_arena_rc(ps->arena);

    return phr_err_set(ps->err, rc,
                       rc == PHR_ELIMIT
                       ? "error parsing regexp: expression too large"
                       : "no memory for a regular expression");
}


static int
phr_regex_finish(phr_regex_parser_t *ps)
{
    int                 rc;
    phr_regex_frame_t  *f;

    if (ps->depth != 0) {
        return phr_regex_error(ps, "missing closing )", ps->start, ps->end);
    }

    ps->out->whole = ps->has_atom && ps->is_capture;

    rc = phr_regex_branch(ps);
    if (rc != PHR_OK) {
        return rc;
    }

    f = &ps->frames[0];

    ps->out->shape = f->first;
    ps->out->whole = ps->out->whole && f->natoms == 1 && f->nbranches == 1
                     && ps->out->ngroups == 1;

    if (ps->out->out.failed != PHR_OK) {
        return phr_err_set(ps->err, PHR_ENOMEM,
                           "no memory for a regular expression");
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
    phr_buf_putc(&ps->out->out, '(');

    return phr_regex_push(ps, 1, phr_str_of(""));
}


/* (?P<name> or (?<name> */

static int
phr_regex_open_named(phr_regex_parser_t *ps)
{
    const char  *name, *p;

    name = ps->p + (ps->p[2] == 'P' ? 4 : 3);

    p = memchr(name, '>', (size_t) (ps->end - name));
    if (p == NULL) {
        return phr_regex_error(ps, "invalid named capture", ps->p, ps->end);
    }

    if (p == name || strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_") != (size_t) (p - name))
    {
        return phr_regex_error(ps, "invalid named capture", ps->p, p + 1);
    }

    ps->p = p + 1;
    phr_buf_putc(&ps->out->out, '(');

    return phr_regex_push(ps, 1, phr_str_from(name, (size_t) (p - name)));
}


/* (?flags) or (?flags:; flags may be none in the latter */

static int
phr_regex_open_flags(phr_regex_parser_t *ps)
{
    int          bit, flags, minus, seen;
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

            phr_buf_puts(&ps->out->out,
                         flags & PHR_REGEX_FOLD ? "(?i" : "(?-i");
            phr_buf_putc(&ps->out->out, c);

            if (c == ')') {
                ps->flags = flags;
                ps->repeat = NULL;
                return phr_regex_flush(ps);
            }

            bit = phr_regex_push(ps, 0, phr_str_of(""));
            ps->flags = flags;
            return bit;
        }

        bit = c == 'i' ? PHR_REGEX_FOLD : c == 'm' ? PHR_REGEX_MULTI
              : c == 's' ? PHR_REGEX_DOTNL : c == 'U' ? PHR_REGEX_LAZY : 0;

        if (bit == 0) {
            break;
        }

        flags = minus ? flags & ~bit : flags | bit;
        seen = 1;
    }

    if (p == ps->end && *(p - 1) != ')' && *(p - 1) != ':'
        && strchr("imsU-?", *(p - 1)) != NULL)
    {
        return phr_regex_error(ps, "missing closing )", ps->start, ps->end);
    }

    while (p < ps->end && ((unsigned char) *p & 0xc0) == 0x80) {
        p++;
    }

    return phr_regex_error(ps, "invalid or unsupported Perl syntax", ps->p,
                           p);
}


static int
phr_regex_push(phr_regex_parser_t *ps, int capture, phr_str_t name)
{
    int                  rc;
    phr_str_t           *names;
    phr_regex_frame_t   *f;
    phr_regex_parsed_t  *out;

    rc = phr_regex_flush(ps);
    if (rc != PHR_OK) {
        return rc;
    }

    if (ps->depth == PHR_REGEX_MAX_DEPTH) {
        return phr_regex_error(ps, "expression nests too deeply", ps->start,
                               ps->end);
    }

    out = ps->out;

    if (capture) {
        if (out->ngroups == ps->names_alloc) {
            ps->names_alloc = ps->names_alloc ? ps->names_alloc * 2 : 8;
            names = phr_arena_grow(ps->arena, out->names,
                                   out->ngroups * sizeof(phr_str_t),
                                   ps->names_alloc * sizeof(phr_str_t));
            if (names == NULL) {
                return phr_regex_nomem(ps);
            }

            out->names = names;
        }

        out->names[out->ngroups++] = name;
    }

    ps->depth++;

    rc = phr_regex_frame(ps);
    if (rc != PHR_OK) {
        return rc;
    }

    f = &ps->frames[ps->depth];
    f->flags = ps->flags;
    f->capture = capture;

    ps->repeat = NULL;

    return PHR_OK;
}


static int
phr_regex_close(phr_regex_parser_t *ps)
{
    int                 rc;
    phr_regex_frame_t  *f;

    if (ps->depth == 0) {
        return phr_regex_error(ps, "unexpected )", ps->start, ps->end);
    }

    ps->p++;
    phr_buf_putc(&ps->out->out, ')');

    rc = phr_regex_branch(ps);
    if (rc != PHR_OK) {
        return rc;
    }

    f = &ps->frames[ps->depth--];

    ps->flags = f->flags;
    ps->atom = f->first;
    ps->has_atom = 1;
    ps->is_capture = f->capture;
    ps->is_group = 1;
    ps->weight = f->weight;
    ps->repeat = NULL;

    return PHR_OK;
}


/* ends the present branch and begins the next */

static int
phr_regex_branch(phr_regex_parser_t *ps)
{
    int                 rc;
    phr_regex_frame_t  *f;

    rc = phr_regex_flush(ps);
    if (rc != PHR_OK) {
        return rc;
    }

    f = &ps->frames[ps->depth];

    if (f->nbranches == 0) {
        f->first = f->branch;

    } else {
        rc = phr_regex_union(ps, &f->first, &f->branch);
    }

    f->nbranches++;
    memset(&f->branch, 0, sizeof(f->branch));

    ps->repeat = NULL;

    return rc;
}


/* puts the last atom, if any, into the branch */

static int
phr_regex_flush(phr_regex_parser_t *ps)
{
    int                 rc;
    size_t              i;
    phr_regex_frame_t  *f;

    if (!ps->has_atom) {
        return PHR_OK;
    }

    f = &ps->frames[ps->depth];

    for (i = 0; i < ps->atom.n; i++) {
        if (ps->atom.items[i].kind == PHR_REGEX_DOT) {
            ps->atom.items[i].kind = PHR_REGEX_OTHER;
        }

        rc = phr_regex_append(ps, &f->branch, &ps->atom.items[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    f->natoms++;
    f->weight = phr_max(f->weight, ps->weight);

    ps->has_atom = 0;
    ps->atom.n = 0;

    return PHR_OK;
}


int
phr_regex_atom(phr_regex_parser_t *ps, phr_regex_item_e kind)
{
    int  rc;

    rc = phr_regex_flush(ps);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(&ps->atom.items[0], 0, sizeof(phr_regex_item_t));
    ps->atom.items[0].kind = kind;
    ps->atom.n = 1;

    ps->has_atom = 1;
    ps->is_capture = 0;
    ps->is_group = 0;
    ps->atom_at = ps->token_at;
    ps->weight = 1;
    ps->repeat = NULL;

    return PHR_OK;
}


int
phr_regex_atom_text(phr_regex_parser_t *ps, const char *s, size_t len)
{
    int        rc;
    size_t     i;
    phr_str_t  copy;

    for (i = 0; i < len && (ps->flags & PHR_REGEX_FOLD); i++) {
        if ((s[i] | 0x20) >= 'a' || (s[i] & 0x80)) {
            return phr_regex_atom(ps, PHR_REGEX_OTHER);
        }
    }

    rc = phr_regex_atom(ps, PHR_REGEX_SET);
    if (rc != PHR_OK) {
        return rc;
    }

    copy = phr_arena_str(ps->arena, phr_str_from(s, len));
    if (copy.data == NULL) {
        return phr_regex_nomem(ps);
    }

    return phr_regex_add(ps, &ps->atom.items[0], copy);
}


/* characters that mean themselves; the last one alone if it is repeated */

static int
phr_regex_literals_run(phr_regex_parser_t *ps)
{
    const char  *p, *q, *last;

    last = ps->p;

    for (p = ps->p; p < ps->end; p = q) {
        if (memchr("()|*+?{[\\.^$", *p, 12) != NULL) {
            break;
        }

        last = p;
        q = p;
        (void) phr_utf8_decode(&q, ps->end);
        phr_assert(q > p);
    }

    if (p < ps->end && memchr("*+?{", *p, 4) != NULL && last > ps->p) {
        p = last;
    }

    q = ps->p;
    ps->p = p;

    for (last = q; last < p; /* void */) {
        phr_regex_put(ps, phr_utf8_decode(&last, p));
    }

    return phr_regex_atom_text(ps, q, (size_t) (p - q));
}


/* one literal character */

int
phr_regex_rune(phr_regex_parser_t *ps, uint32_t c)
{
    char    text[4];
    size_t  n;

    phr_regex_put(ps, c);

    n = phr_utf8_encode(text, c);

    /* a surrogate matches nothing, there is none in UTF-8 */

    return n ? phr_regex_atom_text(ps, text, n)
             : phr_regex_atom(ps, PHR_REGEX_OTHER);
}


/* a code point as PCRE2 reads it literally, in a class and outside */

static void
phr_regex_put(phr_regex_parser_t *ps, uint32_t c)
{
    char  text[4];

    if (c >= 0xd800 && c <= 0xdfff) {
        phr_buf_puts(&ps->out->out, "(?:(*FAIL))");

    } else if (c < 0x20 || c == 0x7f) {
        phr_buf_printf(&ps->out->out, "\\x{%x}", c);

    } else {
        if (c < 0x80 && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            && !(c >= '0' && c <= '9') && c != '_')
        {
            phr_buf_putc(&ps->out->out, '\\');
        }

        phr_buf_append(&ps->out->out, text, phr_utf8_encode(text, c));
    }
}


/* text matches nothing but a place; empty: it is true wherever it stands */

int
phr_regex_assert(phr_regex_parser_t *ps, const char *text, int empty)
{
    phr_buf_puts(&ps->out->out, text);

    return empty ? phr_regex_atom_text(ps, "", 0)
                 : phr_regex_atom(ps, PHR_REGEX_OTHER);
}


static int
phr_regex_repeat(phr_regex_parser_t *ps)
{
    int                rc, lazy, max, min;
    unsigned           m;
    const char        *from, *p;
    phr_regex_item_t  *item;

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
            return phr_regex_error(ps, "invalid repeat count", from, p);
        }
    }

    lazy = p < ps->end && *p == '?';
    p += lazy;

    if (ps->repeat != NULL) {
        return phr_regex_error(ps, "invalid nested repetition operator",
                               ps->repeat, p);
    }

    if (!ps->has_atom) {
        return phr_regex_error(ps, "missing argument to repetition operator",
                               from, p);
    }

    if (*from == '{' && (min >= 2 || max >= 2)) {
        m = (unsigned) (max < 0 ? min : max);

        if (ps->weight * m > PHR_REGEX_MAX_REPEAT) {
            return phr_regex_error(ps, "invalid repeat count", from, p);
        }

        ps->weight *= m;
    }

    ps->p = p;
    ps->repeat = from;
    ps->is_capture = 0;

    phr_regex_put_repeat(ps, phr_str_from(from, (size_t) (p - from - lazy)),
                         min, max);

    if (lazy != ((ps->flags & PHR_REGEX_LAZY) != 0)) {
        phr_buf_putc(&ps->out->out, '?');
    }

    item = &ps->atom.items[0];

    if (ps->atom.n == 1 && item->kind == PHR_REGEX_DOT && max < 0
        && min <= 1)
    {
        item->kind = min ? PHR_REGEX_PLUS : PHR_REGEX_STAR;
        return PHR_OK;
    }

    if (ps->atom.n == 1 && item->kind == PHR_REGEX_SET && min == 0
        && max == 1)
    {
        return phr_regex_add(ps, item, phr_str_of(""));
    }

    memset(item, 0, sizeof(*item));
    item->kind = PHR_REGEX_OTHER;
    ps->atom.n = 1;

    return PHR_OK;
}


/*
 * PCRE2's DFA matcher counts the rounds of "x+" and so has a state for each
 * byte of the subject, which makes it cubic; of "xx*" it has two.
 */

static void
phr_regex_put_repeat(phr_regex_parser_t *ps, phr_str_t op, int min, int max)
{
    char       *p;
    size_t      n;
    phr_buf_t  *b;

    b = &ps->out->out;

    if (ps->is_group || min == 0 || max >= 0) {
        phr_buf_str(b, op);
        return;
    }

    n = b->len - ps->atom_at;

    if (min > 1) {
        phr_buf_printf(b, "{%d}", min);
    }

    p = phr_buf_reserve(b, n + 1);

    if (p != NULL) {
        memcpy(p, b->data + ps->atom_at, n);
        p[n] = '*';
        b->len += n + 1;
    }
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
