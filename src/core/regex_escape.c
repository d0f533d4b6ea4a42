/*
 * Copyright (C) The Pharos Authors
 *
 * Regex parser: escapes and character classes.
 */

#include "core/regex_int.h"

#include "core/utf8.h"


/* a character class may be that large to count as a set */
#define PHR_REGEX_MAX_CLASS   16

#define PHR_REGEX_MAX_RUNE    0x10ffff


typedef struct {
    uint32_t  c[PHR_REGEX_MAX_CLASS];
    size_t    n;
    int       simple;
} phr_regex_class_t;


static int phr_regex_quoted(phr_regex_parser_t *ps);
static int phr_regex_char(phr_regex_parser_t *ps, uint32_t *c);
static int phr_regex_octal(phr_regex_parser_t *ps, uint32_t *c);
static int phr_regex_hex(phr_regex_parser_t *ps, uint32_t *c);
static int phr_regex_perl(phr_regex_parser_t *ps, int in_class);
static int phr_regex_property(phr_regex_parser_t *ps);
static int phr_regex_class_part(phr_regex_parser_t *ps, const char *open,
    phr_regex_class_t *cl);
static int phr_regex_class_char(phr_regex_parser_t *ps, const char *open,
    uint32_t *c);
static int phr_regex_posix(phr_regex_parser_t *ps);


int
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


int
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
