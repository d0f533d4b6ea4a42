/*
 * Copyright (C) The Pharos Authors
 *
 * Regex parser: escapes and character classes.
 */

#include "core/regex_int.h"

#include "core/utf8.h"


static int phr_regex_quoted(phr_regex_parser_t *ps);
static int phr_regex_char(phr_regex_parser_t *ps, uint32_t *c);
static int phr_regex_octal(phr_regex_parser_t *ps, uint32_t *c);
static int phr_regex_hex(phr_regex_parser_t *ps, uint32_t *c);
static int phr_regex_member(phr_regex_parser_t *ps, const char *open,
    phr_regex_set_t *set);
static int phr_regex_member_char(phr_regex_parser_t *ps, const char *open,
    uint32_t *c);
static int phr_regex_named(phr_regex_parser_t *ps, phr_regex_set_t *set);
static int phr_regex_perl(phr_regex_parser_t *ps, phr_regex_set_t *set);
static int phr_regex_property(phr_regex_parser_t *ps, phr_regex_set_t *set);
static int phr_regex_posix(phr_regex_parser_t *ps, phr_regex_set_t *set);
static int phr_regex_posix_find(phr_str_t name);
static int phr_regex_posix_add(phr_regex_parser_t *ps, int i, int negate,
    phr_regex_set_t *set);
static int phr_regex_add_all(phr_regex_parser_t *ps, phr_regex_set_t *set,
    phr_regex_set_t *part, int negate);


/* a name, and its ranges: "AZaz" is A-Z and a-z */

static const char *const  phr_regex_posix_names[][2] = {
    { "alnum", "09AZaz" },
    { "alpha", "AZaz" },
    { "ascii", "\001\177" },
    { "blank", "\t\t  " },
    { "cntrl", "\001\037\177\177" },
    { "digit", "09" },
    { "graph", "!~" },
    { "lower", "az" },
    { "print", " ~" },
    { "punct", "!/:@[`{~" },
    { "space", "\t\r  " },
    { "upper", "AZ" },
    { "word", "09AZaz__" },
    { "xdigit", "09AFaf" },
    { "s", "\t\n\f\r  " },
};


int
phr_regex_escape(phr_regex_parser_t *ps)
{
    int                rc;
    uint32_t           c;
    phr_regex_node_t  *node;

    if (ps->end - ps->p > 1 && ps->p[1] == 'Q') {
        return phr_regex_quoted(ps);
    }

    if (ps->end - ps->p > 1 && memchr("pPdDsSwW", ps->p[1], 8) != NULL) {
        node = phr_regex_atom(ps, PHR_REGEX_CLASS);
        if (node == NULL) {
            return phr_arena_rc(ps->arena);
        }

        rc = phr_regex_named(ps, &node->set);
        phr_regex_set_tidy(&node->set);

        return rc;
    }

    rc = phr_regex_char(ps, &c);

    return rc == PHR_OK ? phr_regex_rune(ps, c) : rc;
}


/*
 * \Q...\E.  RE2 quotes to the end if there is no \E, which in Prometheus's
 * "^(?s:pattern)$" is the parenthesis as well.
 */

static int
phr_regex_quoted(phr_regex_parser_t *ps)
{
    int          rc;
    const char  *p, *end;

    p = ps->p + 2;

    end = memmem(p, (size_t) (ps->end - p), "\\E", 2);

    if (end == NULL) {
        return phr_regex_bad(ps, "missing closing )", ps->start, ps->end);
    }

    ps->p = end + 2;

    while (p < end) {
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
        return phr_regex_bad(ps, "trailing backslash at end of expression",
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

        return phr_regex_bad(ps, "invalid escape sequence", from, ps->p);
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
        return phr_regex_bad(ps, "invalid escape sequence", ps->p - 2,
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
            return phr_regex_bad(ps, "invalid escape sequence", from,
                                   ps->p);
        }
    }

    if (n == 0 || (!braces && n < 2)
        || (braces && (ps->p == ps->end || *ps->p++ != '}')))
    {
        return phr_regex_bad(ps, "invalid escape sequence", from, ps->p);
    }

    return PHR_OK;
}


int
phr_regex_bracket(phr_regex_parser_t *ps)
{
    int                rc, negate;
    const char        *open;
    phr_regex_set_t    set;
    phr_regex_node_t  *node;

    open = ps->p++;
    memset(&set, 0, sizeof(set));

    negate = ps->p < ps->end && *ps->p == '^';
    ps->p += negate;

    /* a "]" that comes first is a member */

    do {
        rc = phr_regex_member(ps, open, &set);
        if (rc != PHR_OK) {
            return rc;
        }

    } while (ps->p == ps->end || *ps->p != ']');

    ps->p++;

    if (negate) {
        rc = phr_regex_set_negate(ps->arena, &set);

    } else {
        phr_regex_set_tidy(&set);
    }

    if (rc != PHR_OK) {
        return phr_regex_nomem(ps->arena, ps->err);
    }

    node = phr_regex_atom(ps, PHR_REGEX_CLASS);
    if (node == NULL) {
        return phr_arena_rc(ps->arena);
    }

    node->set = set;

    return PHR_OK;
}


/* one member: a named class, an escape for a class, a character, a range */

static int
phr_regex_member(phr_regex_parser_t *ps, const char *open,
    phr_regex_set_t *set)
{
    int               rc;
    uint32_t          lo, hi;
    const char       *from;
    phr_regex_set_t   part;

    from = ps->p;

    if (ps->end - from > 2 && from[0] == '[' && from[1] == ':') {
        rc = phr_regex_posix(ps, set);

        if (rc != PHR_NOTFOUND) {
            return rc;
        }
    }

    if (ps->end - from >= 2 && from[0] == '\\'
        && memchr("pPdDsSwW", from[1], 8) != NULL)
    {
        return phr_regex_named(ps, set);
    }

    rc = phr_regex_member_char(ps, open, &lo);
    if (rc != PHR_OK) {
        return rc;
    }

    hi = lo;

    if (ps->end - ps->p >= 2 && ps->p[0] == '-' && ps->p[1] != ']') {
        ps->p++;

        rc = phr_regex_member_char(ps, open, &hi);
        if (rc != PHR_OK) {
            return rc;
        }

        if (hi < lo) {
            return phr_regex_bad(ps, "invalid character class range", from,
                                 ps->p);
        }
    }

    memset(&part, 0, sizeof(part));

    rc = phr_regex_set_add(ps->arena, &part, lo, hi);

    return rc == PHR_OK ? phr_regex_add_all(ps, set, &part, 0)
                        : phr_regex_nomem(ps->arena, ps->err);
}


/* moves a part into a set: folded if the flags say so, then negated */

static int
phr_regex_add_all(phr_regex_parser_t *ps, phr_regex_set_t *set,
    phr_regex_set_t *part, int negate)
{
    int  rc;

    rc = PHR_OK;

    if (ps->flags & PHR_REGEX_FOLD) {
        rc = phr_regex_set_fold(ps->arena, part);
    }

    if (rc == PHR_OK && negate) {
        rc = phr_regex_set_negate(ps->arena, part);
    }

    if (rc == PHR_OK) {
        rc = phr_regex_set_join(ps->arena, set, part);
    }

    return rc == PHR_OK ? rc : phr_regex_nomem(ps->arena, ps->err);
}


static int
phr_regex_member_char(phr_regex_parser_t *ps, const char *open, uint32_t *c)
{
    if (ps->p == ps->end) {
        return phr_regex_bad(ps, "missing closing ]", open, ps->end);
    }

    if (*ps->p == '\\') {
        return phr_regex_char(ps, c);
    }

    *c = phr_utf8_decode(&ps->p, ps->end);

    return PHR_OK;
}


/* an escape that stands for a class */

static int
phr_regex_named(phr_regex_parser_t *ps, phr_regex_set_t *set)
{
    return (ps->p[1] | 0x20) == 'p' ? phr_regex_property(ps, set)
                                    : phr_regex_perl(ps, set);
}


static int
phr_regex_perl(phr_regex_parser_t *ps, phr_regex_set_t *set)
{
    char  c;

    c = ps->p[1];
    ps->p += 2;

    return phr_regex_posix_add(ps,
                               phr_regex_posix_find(
                                   (c | 0x20) == 'd' ? phr_str_of("digit")
                                   : (c | 0x20) == 'w' ? phr_str_of("word")
                                   : phr_str_of("s")),
                               !(c & 0x20), set);
}


/* \pN, \p{Lu}, \p{^Greek}: general categories and scripts */

static int
phr_regex_property(phr_regex_parser_t *ps, phr_regex_set_t *set)
{
    int               negate, rc;
    phr_str_t         name;
    const char       *from, *p;
    phr_regex_set_t   part;

    from = ps->p;
    negate = from[1] == 'P';
    p = from + 2;

    if (p == ps->end) {
        return phr_regex_bad(ps, "invalid character class range", from,
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
            return phr_regex_bad(ps, "invalid character class range", from,
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

    memset(&part, 0, sizeof(part));

    rc = phr_regex_set_property(ps->arena, &part, name);

    if (rc == PHR_NOTFOUND) {
        return phr_regex_bad(ps, "invalid character class range", from, p);
    }

    return rc == PHR_OK ? phr_regex_add_all(ps, set, &part, negate)
                        : phr_regex_nomem(ps->arena, ps->err);
}


/* [:alpha:] or [:^alpha:]; PHR_NOTFOUND if it is none of that form */

static int
phr_regex_posix(phr_regex_parser_t *ps, phr_regex_set_t *set)
{
    int          i, negate;
    const char  *from, *name, *end;

    from = ps->p;
    name = from + 2;

    end = memmem(name, (size_t) (ps->end - name), ":]", 2);
    if (end == NULL) {
        return PHR_NOTFOUND;
    }

    ps->p = end + 2;
    negate = *name == '^';
    name += negate;

    i = phr_regex_posix_find(phr_str_from(name, (size_t) (end - name)));

    if (i < 0 || end - name == 1) {
        return phr_regex_bad(ps, "invalid character class range", from,
                             ps->p);
    }

    return phr_regex_posix_add(ps, i, negate, set);
}


static int
phr_regex_posix_find(phr_str_t name)
{
    int  i;

    for (i = 0; i < (int) phr_nelems(phr_regex_posix_names); i++) {
        if (phr_str_eq(name, phr_str_from_c(phr_regex_posix_names[i][0]))) {
            return i;
        }
    }

    return -1;
}


static int
phr_regex_posix_add(phr_regex_parser_t *ps, int i, int negate,
    phr_regex_set_t *set)
{
    int               rc;
    const char       *p;
    phr_regex_set_t   part;

    memset(&part, 0, sizeof(part));
    rc = PHR_OK;

    for (p = phr_regex_posix_names[i][1]; rc == PHR_OK && *p; p += 2) {

        /* zero cannot stand in a string: one stands for both */

        rc = phr_regex_set_add(ps->arena, &part,
                               (uint32_t) (p[0] == 1 ? 0 : p[0]),
                               (uint32_t) p[1]);
    }

    return rc == PHR_OK ? phr_regex_add_all(ps, set, &part, negate)
                        : phr_regex_nomem(ps->arena, ps->err);
}
