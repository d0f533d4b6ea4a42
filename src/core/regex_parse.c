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
#include "core/utf8.h"


/* RE2's bound on counts; the nesting that PCRE2 takes by default is 250 */
#define PHR_REGEX_MAX_REPEAT  1000
#define PHR_REGEX_MAX_DEPTH   200

/* a set may be that large; beyond it is left to the library */
#define PHR_REGEX_MAX_SET     20000
#define PHR_REGEX_MAX_BYTES   (4 * 1024 * 1024)

/* and a character class that large to count as a set */
#define PHR_REGEX_MAX_CLASS   16

#define PHR_REGEX_MAX_RUNE    0x10ffff

#define PHR_REGEX_FOLD        0x01    /* i */
#define PHR_REGEX_MULTI       0x02    /* m */
#define PHR_REGEX_DOTNL       0x04    /* s */
#define PHR_REGEX_LAZY        0x08    /* U */


typedef struct {
    phr_regex_shape_t  branch;      /* the present one */
    phr_regex_shape_t  first;       /* what the branches before it are */
    size_t             nbranches;   /* before the present one */
    size_t             natoms;      /* in all branches */
    unsigned           weight;      /* product of nested repeat counts */
    int                flags;       /* to restore behind it */
    int                capture;
} phr_regex_frame_t;


typedef struct {
    phr_arena_t         *arena;
    phr_err_t           *err;
    const char          *start;
    const char          *p;
    const char          *end;
    int                (*known)(phr_str_t script);
    phr_regex_parsed_t  *out;
    size_t               names_alloc;
    size_t               set_bytes;

    phr_regex_frame_t   *frames;
    size_t               nframes;
    size_t               depth;     /* index of the present frame */
    int                  flags;

    /* the last atom, not yet in the branch: a repetition may follow */
    phr_regex_shape_t    atom;
    int                  has_atom;
    int                  is_capture;
    int                  is_group;
    size_t               atom_at;   /* where it begins in the output */
    size_t               token_at;  /* the same of the present token */
    unsigned             weight;

    const char          *repeat;    /* where one has just been, or NULL */
} phr_regex_parser_t;


typedef struct {
    uint32_t  c[PHR_REGEX_MAX_CLASS];
    size_t    n;
    int       simple;
} phr_regex_class_t;


static int phr_regex_frame(phr_regex_parser_t *ps);
static int phr_regex_step(phr_regex_parser_t *ps);
static int phr_regex_error(phr_regex_parser_t *ps, const char *what,
    const char *from, const char *to);
static int phr_regex_nomem(phr_regex_parser_t *ps);
static int phr_regex_finish(phr_regex_parser_t *ps);
static int phr_regex_open(phr_regex_parser_t *ps);
static int phr_regex_open_named(phr_regex_parser_t *ps);
static int phr_regex_open_flags(phr_regex_parser_t *ps);
static int phr_regex_push(phr_regex_parser_t *ps, int capture,
    phr_str_t name);
static int phr_regex_close(phr_regex_parser_t *ps);
static int phr_regex_branch(phr_regex_parser_t *ps);
static int phr_regex_flush(phr_regex_parser_t *ps);
static int phr_regex_atom(phr_regex_parser_t *ps, phr_regex_item_e kind);
static int phr_regex_atom_text(phr_regex_parser_t *ps, const char *s,
    size_t len);
static int phr_regex_literals_run(phr_regex_parser_t *ps);
static int phr_regex_rune(phr_regex_parser_t *ps, uint32_t c);
static void phr_regex_put(phr_regex_parser_t *ps, uint32_t c);
static int phr_regex_assert(phr_regex_parser_t *ps, const char *text,
    int empty);
static int phr_regex_repeat(phr_regex_parser_t *ps);
static void phr_regex_put_repeat(phr_regex_parser_t *ps, phr_str_t op,
    int min, int max);
static int phr_regex_counts(phr_regex_parser_t *ps, const char **p, int *min,
    int *max);
static int phr_regex_escape(phr_regex_parser_t *ps);
static int phr_regex_quoted(phr_regex_parser_t *ps);
static int phr_regex_char(phr_regex_parser_t *ps, uint32_t *c);
static int phr_regex_octal(phr_regex_parser_t *ps, uint32_t *c);
static int phr_regex_hex(phr_regex_parser_t *ps, uint32_t *c);
static int phr_regex_perl(phr_regex_parser_t *ps, int in_class);
static int phr_regex_property(phr_regex_parser_t *ps);
static int phr_regex_class(phr_regex_parser_t *ps);
static int phr_regex_class_part(phr_regex_parser_t *ps, const char *open,
    phr_regex_class_t *cl);
static int phr_regex_class_char(phr_regex_parser_t *ps, const char *open,
    uint32_t *c);
static int phr_regex_posix(phr_regex_parser_t *ps);
static int phr_regex_append(phr_regex_parser_t *ps, phr_regex_shape_t *to,
    const phr_regex_item_t *item);
static int phr_regex_product(phr_regex_parser_t *ps, phr_regex_item_t *a,
    const phr_regex_item_t *b);
static int phr_regex_add(phr_regex_parser_t *ps, phr_regex_item_t *set,
    phr_str_t s);
static int phr_regex_union(phr_regex_parser_t *ps, phr_regex_shape_t *to,
    const phr_regex_shape_t *from);


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


static int
phr_regex_error(phr_regex_parser_t *ps, const char *what, const char *from,
    const char *to)
{
    return phr_err_set(ps->err, PHR_EPARSE,
                       "error parsing regexp: %s: `%.*s`", what,
                       (int) phr_min(to - from, 300), from);
}


static int
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


static int
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


static int
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

static int
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

static int
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


static int
phr_regex_escape(phr_regex_parser_t *ps)
{
    int       rc;
    uint32_t  c;

    if (ps->end - ps->p < 2) {
        return phr_regex_error(ps, "trailing backslash at end of expression",
                               ps->end, ps->end);
    }

    switch (ps->p[1]) {

    case 'A':
        ps->p += 2;
        return phr_regex_assert(ps, "(?:\\A)", 0);

    case 'z':
        ps->p += 2;
        return phr_regex_assert(ps, "(?:\\z)", 0);

    case 'b':
        ps->p += 2;
        return phr_regex_assert(ps, "(?:\\b)", 0);

    case 'B':
        ps->p += 2;
        return phr_regex_assert(ps, "(?:\\B)", 0);

    case 'Q':
        return phr_regex_quoted(ps);

    case 'p':
    case 'P':
        rc = phr_regex_property(ps);
        return rc == PHR_OK ? phr_regex_atom(ps, PHR_REGEX_OTHER) : rc;

    case 'd':
    case 'D':
    case 's':
    case 'S':
    case 'w':
    case 'W':
        rc = phr_regex_perl(ps, 0);
        return rc == PHR_OK ? phr_regex_atom(ps, PHR_REGEX_OTHER) : rc;

    default:
        rc = phr_regex_char(ps, &c);
        return rc == PHR_OK ? phr_regex_rune(ps, c) : rc;
    }
}


/* \Q...\E, or to the end */

static int
phr_regex_quoted(phr_regex_parser_t *ps)
{
    int          rc;
    const char  *p, *end;

    p = ps->p + 2;

    end = memmem(p, (size_t) (ps->end - p), "\\E", 2);

    ps->p = end ? end + 2 : ps->end;
    end = end ? end : ps->end;

    while (p < end) {
        ps->token_at = ps->out->out.len;

        rc = phr_regex_rune(ps, phr_utf8_decode(&p, end));
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* an escape that means one character */

static int
phr_regex_char(phr_regex_parser_t *ps, uint32_t *c)
{
    char         e;
    const char  *from, *name;

    static const char  names[] = "a\af\fn\nr\rt\tv\v";

    from = ps->p;

    if (ps->end - from < 2) {
        return phr_regex_error(ps, "trailing backslash at end of expression",
                               ps->end, ps->end);
    }

    e = from[1];
    ps->p += 2;

    if (e >= '0' && e <= '7') {
        return phr_regex_octal(ps, c);
    }

    if (e == 'x') {
        return phr_regex_hex(ps, c);
    }

    for (name = names; *name != '\0'; name += 2) {
        if (*name == e) {
            *c = (uint32_t) name[1];
            return PHR_OK;
        }
    }

    if ((e & 0x80) || (e >= '0' && e <= '9')
        || ((e | 0x20) >= 'a' && (e | 0x20) <= 'z'))
    {
        ps->p = from + 1;
        (void) phr_utf8_decode(&ps->p, ps->end);

        return phr_regex_error(ps, "invalid escape sequence", from, ps->p);
    }

    *c = (uint32_t) e;

    return PHR_OK;
}


/* \0, \012; a single digit but zero would be a backreference */

static int
phr_regex_octal(phr_regex_parser_t *ps, uint32_t *c)
{
    int  i;

    *c = (uint32_t) (ps->p[-1] - '0');

    if (*c != 0 && (ps->p == ps->end || *ps->p < '0' || *ps->p > '7')) {
        return phr_regex_error(ps, "invalid escape sequence", ps->p - 2,
                               ps->p);
    }

    for (i = 0; i < 2; i++) {
        if (ps->p == ps->end || *ps->p < '0' || *ps->p > '7') {
            break;
        }

        *c = *c * 8 + (uint32_t) (*ps->p++ - '0');
    }

    return PHR_OK;
}


/* \x7f or \x{10ffff} */

static int
phr_regex_hex(phr_regex_parser_t *ps, uint32_t *c)
{
    int          braces, n;
    char         d;
    const char  *from;

    from = ps->p - 2;
    braces = ps->p < ps->end && *ps->p == '{';
    ps->p += braces;
    *c = 0;

    for (n = 0; ps->p < ps->end && (braces || n < 2); n++) {
        d = *ps->p;

        if (d >= '0' && d <= '9') {
            *c = *c * 16 + (uint32_t) (d - '0');

        } else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f') {
            *c = *c * 16 + (uint32_t) ((d | 0x20) - 'a' + 10);

        } else {
            break;
        }

        ps->p++;

        if (*c > PHR_REGEX_MAX_RUNE) {
            return phr_regex_error(ps, "invalid escape sequence", from,
                                   ps->p);
        }
    }

    if (n == 0 || (!braces && n < 2)
        || (braces && (ps->p == ps->end || *ps->p++ != '}')))
    {
        return phr_regex_error(ps, "invalid escape sequence", from, ps->p);
    }

    return PHR_OK;
}


/* \s is without \v in RE2, so it is written out */

static int
phr_regex_perl(phr_regex_parser_t *ps, int in_class)
{
    char        c;
    phr_buf_t  *b;

    b = &ps->out->out;
    c = ps->p[1];
    ps->p += 2;

    if (c == 's') {
        phr_buf_puts(b, in_class ? "\\t\\n\\f\\r\\x{20}"
                                 : "[\\t\\n\\f\\r\\x{20}]");

    } else if (c == 'S') {
        phr_buf_puts(b, in_class
                        ? "\\x{0}-\\x{8}\\x{b}\\x{e}-\\x{1f}"
                          "\\x{21}-\\x{10ffff}"
                        : "[^\\t\\n\\f\\r\\x{20}]");

    } else {
        phr_buf_putc(b, '\\');
        phr_buf_putc(b, c);
    }

    return PHR_OK;
}


/* \pN, \p{Lu}, \p{^Greek}: general categories and scripts */

static int
phr_regex_property(phr_regex_parser_t *ps)
{
    int          is_category, negate;
    phr_str_t    name;
    const char  *from, *p;

    static const char  categories[] =
        " C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe"
        " Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs Any ";
    char               padded[8];

    from = ps->p;
    negate = from[1] == 'P';
    p = from + 2;

    if (p == ps->end) {
        return phr_regex_error(ps, "invalid character class range", from,
                               ps->end);
    }

    if (*p != '{') {
        name.data = p;
        (void) phr_utf8_decode(&p, ps->end);
        name.len = (size_t) (p - name.data);

    } else {
        name.data = p + 1;
        p = memchr(p, '}', (size_t) (ps->end - p));

        if (p == NULL) {
            return phr_regex_error(ps, "invalid character class range", from,
                                   ps->end);
        }

        name.len = (size_t) (p - name.data);
        p++;
    }

    ps->p = p;

    if (name.len != 0 && name.data[0] == '^') {
        negate = !negate;
        name.data++;
        name.len--;
    }

    is_category = 0;

    if (name.len >= 1 && name.len <= 3) {
        padded[0] = ' ';
        memcpy(padded + 1, name.data, name.len);
        memcpy(padded + 1 + name.len, " ", 2);
        is_category = strstr(categories, padded) != NULL;
    }

    if (!is_category && !ps->known(name)) {
        return phr_regex_error(ps, "invalid character class range", from, p);
    }

    phr_buf_printf(&ps->out->out, "\\%c{%s%.*s}", negate ? 'P' : 'p',
                   is_category ? "" : "sc:", (int) name.len, name.data);

    return PHR_OK;
}


static int
phr_regex_class(phr_regex_parser_t *ps)
{
    int                rc;
    char               text[4];
    size_t             i;
    phr_str_t          s;
    const char        *open;
    phr_regex_class_t  cl;

    open = ps->p++;
    cl.n = 0;
    cl.simple = !(ps->flags & PHR_REGEX_FOLD);

    phr_buf_putc(&ps->out->out, '[');

    if (ps->p < ps->end && *ps->p == '^') {
        ps->p++;
        phr_buf_putc(&ps->out->out, '^');
        cl.simple = 0;
    }

    /* a "]" that comes first is a member */

    do {
        rc = phr_regex_class_part(ps, open, &cl);
        if (rc != PHR_OK) {
            return rc;
        }

    } while (ps->p == ps->end || *ps->p != ']');

    ps->p++;
    phr_buf_putc(&ps->out->out, ']');

    rc = phr_regex_atom(ps, cl.simple ? PHR_REGEX_SET : PHR_REGEX_OTHER);

    for (i = 0; rc == PHR_OK && cl.simple && i < cl.n; i++) {
        s = phr_arena_str(ps->arena,
                          phr_str_from(text, phr_utf8_encode(text, cl.c[i])));
        if (s.data == NULL) {
            return phr_regex_nomem(ps);
        }

        rc = phr_regex_add(ps, &ps->atom.items[0], s);
    }

    return rc;
}


/* one member: a named class, an escape for a class, a character, a range */

static int
phr_regex_class_part(phr_regex_parser_t *ps, const char *open,
    phr_regex_class_t *cl)
{
    int          rc;
    uint32_t     lo, hi;
    const char  *from;

    from = ps->p;

    if (ps->end - from > 2 && from[0] == '[' && from[1] == ':') {
        rc = phr_regex_posix(ps);

        if (rc != PHR_NOTFOUND) {
            cl->simple = 0;
            return rc;
        }
    }

    if (ps->end - from >= 2 && from[0] == '\\'
        && memchr("pPdDsSwW", from[1], 8) != NULL)
    {
        cl->simple = 0;

        return (from[1] | 0x20) == 'p' ? phr_regex_property(ps)
                                       : phr_regex_perl(ps, 1);
    }

    rc = phr_regex_class_char(ps, open, &lo);
    if (rc != PHR_OK) {
        return rc;
    }

    hi = lo;

    if (ps->end - ps->p >= 2 && ps->p[0] == '-' && ps->p[1] != ']') {
        ps->p++;

        rc = phr_regex_class_char(ps, open, &hi);
        if (rc != PHR_OK) {
            return rc;
        }

        if (hi < lo) {
            return phr_regex_error(ps, "invalid character class range", from,
                                   ps->p);
        }
    }

    phr_buf_printf(&ps->out->out, "\\x{%x}", lo);

    if (hi != lo) {
        phr_buf_printf(&ps->out->out, "-\\x{%x}", hi);
    }

    if (hi - lo >= PHR_REGEX_MAX_CLASS - cl->n
        || (lo <= 0xdfff && hi >= 0xd800))
    {
        cl->simple = 0;
    }

    for ( /* void */ ; cl->simple && lo <= hi; lo++) {
        cl->c[cl->n++] = lo;
    }

    return PHR_OK;
}


static int
phr_regex_class_char(phr_regex_parser_t *ps, const char *open, uint32_t *c)
{
    if (ps->p == ps->end) {
        return phr_regex_error(ps, "missing closing ]", open, ps->end);
    }

    if (*ps->p == '\\') {
        return phr_regex_char(ps, c);
    }

    *c = phr_utf8_decode(&ps->p, ps->end);

    return PHR_OK;
}


/* [:alpha:] or [:^alpha:]; PHR_NOTFOUND if it is none of that form */

static int
phr_regex_posix(phr_regex_parser_t *ps)
{
    size_t       i, len;
    const char  *from, *name, *end;

    static const char  *names[] = {
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph",
        "lower", "print", "punct", "space", "upper", "word", "xdigit"
    };

    from = ps->p;
    name = from + 2;

    end = memmem(name, (size_t) (ps->end - name), ":]", 2);
    if (end == NULL) {
        return PHR_NOTFOUND;
    }

    ps->p = end + 2;
    name += *name == '^';
    len = (size_t) (end - name);

    for (i = 0; i < phr_nelems(names); i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            phr_buf_append(&ps->out->out, from, (size_t) (ps->p - from));
            return PHR_OK;
        }
    }

    return phr_regex_error(ps, "invalid character class range", from, ps->p);
}


static int
phr_regex_append(phr_regex_parser_t *ps, phr_regex_shape_t *to,
    const phr_regex_item_t *item)
{
    phr_regex_item_t  *last;

    if (item->kind == PHR_REGEX_SET && item->n == 1 && item->s[0].len == 0) {
        return PHR_OK;
    }

    last = to->n ? &to->items[to->n - 1] : NULL;

    if (last != NULL && last->kind == PHR_REGEX_SET
        && item->kind == PHR_REGEX_SET)
    {
        return phr_regex_product(ps, last, item);
    }

    if (last != NULL && last->kind == PHR_REGEX_OTHER
        && item->kind == PHR_REGEX_OTHER)
    {
        return PHR_OK;
    }

    if (to->n == PHR_REGEX_ITEMS) {
        last->kind = PHR_REGEX_OTHER;
        return PHR_OK;
    }

    to->items[to->n++] = *item;

    return PHR_OK;
}


/* a becomes all strings of a followed by one of b */

static int
phr_regex_product(phr_regex_parser_t *ps, phr_regex_item_t *a,
    const phr_regex_item_t *b)
{
    char              *p;
    size_t             i, j, bytes;
    phr_regex_item_t   set;

    bytes = 0;

    for (i = 0; i < a->n; i++) {
        bytes += a->s[i].len * b->n;
    }

    for (j = 0; j < b->n; j++) {
        bytes += b->s[j].len * a->n;
    }

    ps->set_bytes += bytes;

    if (a->n * b->n > PHR_REGEX_MAX_SET
        || ps->set_bytes > PHR_REGEX_MAX_BYTES)
    {
        a->kind = PHR_REGEX_OTHER;
        return PHR_OK;
    }

    set.kind = PHR_REGEX_SET;
    set.n = a->n * b->n;
    set.nalloc = set.n;
    set.s = phr_arena_alloc(ps->arena, set.n * sizeof(phr_str_t));
    p = phr_arena_alloc(ps->arena, bytes);

    if (set.s == NULL || p == NULL) {
        return phr_regex_nomem(ps);
    }

    for (i = 0; i < a->n; i++) {
        for (j = 0; j < b->n; j++) {
            set.s[i * b->n + j] = phr_str_from(p, a->s[i].len + b->s[j].len);
            memcpy(p, a->s[i].data, a->s[i].len);
            memcpy(p + a->s[i].len, b->s[j].data, b->s[j].len);
            p += a->s[i].len + b->s[j].len;
        }
    }

    *a = set;

    return PHR_OK;
}


static int
phr_regex_add(phr_regex_parser_t *ps, phr_regex_item_t *set, phr_str_t s)
{
    size_t      nalloc;
    phr_str_t  *bigger;

    if (set->n == set->nalloc) {
        nalloc = set->nalloc ? set->nalloc * 2 : 1;

        bigger = phr_arena_grow(ps->arena, set->s,
                                set->n * sizeof(phr_str_t),
                                nalloc * sizeof(phr_str_t));
        if (bigger == NULL) {
            return phr_regex_nomem(ps);
        }

        set->s = bigger;
        set->nalloc = nalloc;
    }

    set->s[set->n++] = s;

    return PHR_OK;
}


static int
phr_regex_union(phr_regex_parser_t *ps, phr_regex_shape_t *to,
    const phr_regex_shape_t *from)
{
    int                rc;
    size_t             i;
    phr_regex_item_t  *set;

    set = &to->items[0];

    if (to->n == 0) {
        memset(set, 0, sizeof(*set));
        to->n = 1;

        rc = phr_regex_add(ps, set, phr_str_of(""));
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (to->n > 1 || set->kind != PHR_REGEX_SET || from->n > 1
        || (from->n == 1 && from->items[0].kind != PHR_REGEX_SET)
        || set->n + (from->n ? from->items[0].n : 1) > PHR_REGEX_MAX_SET)
    {
        memset(set, 0, sizeof(*set));
        set->kind = PHR_REGEX_OTHER;
        to->n = 1;
        return PHR_OK;
    }

    if (from->n == 0) {
        return phr_regex_add(ps, set, phr_str_of(""));
    }

    for (i = 0; i < from->items[0].n; i++) {
        rc = phr_regex_add(ps, set, from->items[0].s[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}
