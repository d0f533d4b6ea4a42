/*
 * Copyright (C) The Pharos Authors
 *
 * Import: one line of JSON.  A parser of its own, for a tree of nodes would
 * take ten times the time and memory of the numbers, and because a number
 * must come back as the very double that was written, "-0" too.
 */

#include "ingest/import.h"

#include <math.h>

#include "core/number.h"
#include "core/utf8.h"


#define PHR_IMPORT_DEPTH  64


typedef struct {
    const char         *start;
    const char         *p;
    const char         *end;
    phr_import_line_t  *line;
    unsigned            seen;       /* bits of members */
    phr_err_t          *err;
} phr_line_t;


static int phr_line_members(phr_line_t *l);
static int phr_line_member(phr_line_t *l, phr_str_t key);
static int phr_line_metric(phr_line_t *l);
static int phr_line_array(phr_line_t *l, int (*element)(phr_line_t *l));
static int phr_line_value(phr_line_t *l);
static int phr_line_infinity(phr_line_t *l, double *v);
static int phr_line_special(phr_line_t *l, double *v);
static int phr_line_time(phr_line_t *l);
static int phr_line_number(phr_line_t *l, phr_str_t *text);
static int phr_line_skip(phr_line_t *l);
static int phr_line_string(phr_line_t *l, phr_str_t *out);
static int phr_line_escape(phr_line_t *l, char **out);
static int phr_line_hex(phr_line_t *l, uint32_t *unit);
static int phr_line_peek(phr_line_t *l);
static int phr_line_take(phr_line_t *l, char c);
static int phr_line_error(phr_line_t *l, const char *what);
static int phr_line_no_memory(phr_line_t *l);


static const struct {
    const char  *name;
    double       v;
} phr_line_specials[] = {
    { "NaN", NAN },
    { "Infinity", INFINITY },
    { "-Infinity", -INFINITY },
};


void
phr_import_line_init(phr_import_line_t *l, phr_arena_t *arena)
{
    l->arena = arena;
    l->labels.l = NULL;
    l->labels.n = 0;

    phr_array_init(&l->t_ms, sizeof(int64_t));
    phr_array_init(&l->v, sizeof(double));
}


void
phr_import_line_free(phr_import_line_t *l)
{
    phr_array_free(&l->t_ms);
    phr_array_free(&l->v);
}


int
phr_import_json(phr_import_line_t *line, phr_str_t text, phr_err_t *err)
{
    int         rc;
    phr_line_t  l;

    l.start = text.data;
    l.p = text.data;
    l.end = text.data + text.len;
    l.line = line;
    l.seen = 0;
    l.err = err;

    line->labels.n = 0;
    line->t_ms.nelts = 0;
    line->v.nelts = 0;

    rc = phr_line_members(&l);
    if (rc != PHR_OK) {
        return rc;
    }

    if (phr_line_peek(&l) != -1) {
        return phr_line_error(&l, "something follows the object");
    }

    if (line->t_ms.nelts != line->v.nelts) {
        return phr_err_in_file(err, PHR_EPARSE, NULL, 0, 0, "%zu values and "
                               "%zu timestamps", line->v.nelts,
                               line->t_ms.nelts);
    }

    if (line->v.nelts == 0) {
        return phr_err_in_file(err, PHR_EPARSE, NULL, 0, 0,
                               "no values and timestamps");
    }

    if (phr_import_labels_check(line->labels, err) != PHR_OK) {
        return err != NULL ? (err->code = PHR_EPARSE) : PHR_EPARSE;
    }

    return PHR_OK;
}


static int
phr_line_members(phr_line_t *l)
{
    int        rc;
    phr_str_t  key;

    if (!phr_line_take(l, '{')) {
        return phr_line_error(l, "an object was expected");
    }

    if (phr_line_take(l, '}')) {
        return PHR_OK;
    }

    do {
        rc = phr_line_string(l, &key);
        if (rc != PHR_OK) {
            return rc;
        }

        if (!phr_line_take(l, ':')) {
            return phr_line_error(l, "\":\" was expected");
        }

        rc = phr_line_member(l, key);
        if (rc != PHR_OK) {
            return rc;
        }

    } while (phr_line_take(l, ','));

    return phr_line_take(l, '}')
           ? PHR_OK : phr_line_error(l, "\",\" or \"}\" was expected");
}


static int
phr_line_member(phr_line_t *l, phr_str_t key)
{
    unsigned  bit;

    if (phr_str_eq(key, phr_str_of("metric"))) {
        bit = 1;

    } else if (phr_str_eq(key, phr_str_of("values"))) {
        bit = 2;

    } else if (phr_str_eq(key, phr_str_of("timestamps"))) {
        bit = 4;

    } else {
        return phr_line_skip(l);
    }

    if (l->seen & bit) {
        return phr_line_error(l, "a member is there twice");
    }

    l->seen |= bit;

    switch (bit) {
    case 1:
        return phr_line_metric(l);
    case 2:
        return phr_line_array(l, phr_line_value);
    default:
        return phr_line_array(l, phr_line_time);
    }
}


static int
phr_line_metric(phr_line_t *l)
{
    int                   rc;
    size_t                n;
    phr_str_t             name, value;
    phr_labels_t          none;
    phr_labels_builder_t  b;

    if (!phr_line_take(l, '{')) {
        return phr_line_error(l, "an object was expected");
    }

    none.l = NULL;
    none.n = 0;
    n = 0;
    phr_labels_builder_init(&b, l->line->arena, none);

    if (!phr_line_take(l, '}')) {

        do {
            rc = phr_line_string(l, &name);
            if (rc != PHR_OK) {
                return rc;
            }

            if (!phr_line_take(l, ':')) {
                return phr_line_error(l, "\":\" was expected");
            }

            rc = phr_line_string(l, &value);
            if (rc != PHR_OK) {
                return rc;
            }

            if (++n > PHR_IMPORT_MAX_LABELS) {
                return phr_line_error(l, "too many labels");
            }

            if (phr_labels_builder_get(&b, name).len != 0) {
                return phr_line_error(l, "a label is there twice");
            }

            phr_labels_builder_set(&b, name, value);

        } while (phr_line_take(l, ','));

        if (!phr_line_take(l, '}')) {
            return phr_line_error(l, "\",\" or \"}\" was expected");
        }
    }

    rc = phr_labels_build(&b, &l->line->labels);

    return rc == PHR_OK ? PHR_OK : phr_line_no_memory(l);
}


static int
phr_line_array(phr_line_t *l, int (*element)(phr_line_t *l))
{
    int  rc;

    if (!phr_line_take(l, '[')) {
        return phr_line_error(l, "an array was expected");
    }

    if (phr_line_take(l, ']')) {
        return PHR_OK;
    }

    do {
        rc = element(l);
        if (rc != PHR_OK) {
            return rc;
        }

    } while (phr_line_take(l, ','));

    return phr_line_take(l, ']')
           ? PHR_OK : phr_line_error(l, "\",\" or \"]\" was expected");
}


static int
phr_line_value(phr_line_t *l)
{
    int        rc, c;
    double     v, *slot;
    phr_str_t  text;

    c = phr_line_peek(l);

    if (c == '"' || c == 'n') {
        rc = phr_line_special(l, &v);
        if (rc != PHR_OK) {
            return rc;
        }

    } else if (!phr_line_infinity(l, &v)) {
        rc = phr_line_number(l, &text);
        if (rc != PHR_OK) {
            return rc;
        }

        if (phr_number_parse(text.data, text.len, &v) != PHR_OK) {
            l->p = text.data;
            return phr_line_error(l, "a number is out of range");
        }
    }

    slot = phr_array_push(&l->line->v);
    if (slot == NULL) {
        return phr_line_no_memory(l);
    }

    *slot = v;

    return PHR_OK;
}


/* VictoriaMetrics wrote them so until 1.82, which is no JSON */
static int
phr_line_infinity(phr_line_t *l, double *v)
{
    if (l->end - l->p < 4 || (*l->p != '+' && *l->p != '-')
        || memcmp(l->p + 1, "Inf", 3) != 0)
    {
        return 0;
    }

    *v = *l->p == '-' ? -INFINITY : INFINITY;
    l->p += 4;

    return 1;
}


/* null, which is how NaN is written, or one of the names */
static int
phr_line_special(phr_line_t *l, double *v)
{
    int         rc;
    size_t      i;
    phr_str_t   s;
    const char  *at;

    at = l->p;

    if (*at == 'n') {
        if (l->end - at < 4 || memcmp(at, "null", 4) != 0) {
            return phr_line_error(l, "a value was expected");
        }

        l->p += 4;
        *v = phr_double_from_bits(PHR_NORMAL_NAN_BITS);

        return PHR_OK;
    }

    rc = phr_line_string(l, &s);
    if (rc != PHR_OK) {
        return rc;
    }

    if (phr_str_eq(s, phr_str_of("StaleNaN"))) {
        *v = phr_double_from_bits(PHR_STALE_NAN_BITS);
        return PHR_OK;
    }

    for (i = 0; i < phr_nelems(phr_line_specials); i++) {
        if (phr_str_eq(s, phr_str_from_c(phr_line_specials[i].name))) {
            *v = isnan(phr_line_specials[i].v)
                 ? phr_double_from_bits(PHR_NORMAL_NAN_BITS)
                 : phr_line_specials[i].v;
            return PHR_OK;
        }
    }

    l->p = at;

    return phr_line_error(l, "this text is no value");
}


static int
phr_line_time(phr_line_t *l)
{
    int         rc;
    int64_t    *slot, t_ms;
    phr_str_t   text;

    rc = phr_line_number(l, &text);
    if (rc != PHR_OK) {
        return rc;
    }

    if (phr_int_parse(text.data, text.len, &t_ms) != PHR_OK) {
        l->p = text.data;
        return phr_line_error(l, "a timestamp is no whole number of "
                              "milliseconds");
    }

    slot = phr_array_push(&l->line->t_ms);
    if (slot == NULL) {
        return phr_line_no_memory(l);
    }

    *slot = t_ms;

    return PHR_OK;
}


/* the text of a number as the grammar of JSON has it */
static int
phr_line_number(phr_line_t *l, phr_str_t *text)
{
    const char  *p, *end, *digits;

    (void) phr_line_peek(l);

    p = l->p;
    end = l->end;

#define phr_line_digit()  (p < end && *p >= '0' && *p <= '9')

    if (p < end && *p == '-') {
        p++;
    }

    digits = p;

    while (phr_line_digit()) {
        p++;
    }

    if (p == digits || (*digits == '0' && p - digits > 1)) {
        return phr_line_error(l, "a number was expected");
    }

    if (p < end && *p == '.') {
        digits = ++p;

        while (phr_line_digit()) {
            p++;
        }

        if (p == digits) {
            return phr_line_error(l, "a number was expected");
        }
    }

    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }

        digits = p;

        while (phr_line_digit()) {
            p++;
        }

        if (p == digits) {
            return phr_line_error(l, "a number was expected");
        }
    }

#undef phr_line_digit

    *text = phr_str_from(l->p, (size_t) (p - l->p));
    l->p = p;

    return PHR_OK;
}


/*
 * A value of a member that nobody asked for.  Strings and brackets are
 * matched, what stands between them is not looked at.
 */
static int
phr_line_skip(phr_line_t *l)
{
    int          c, rc;
    char         open[PHR_IMPORT_DEPTH];
    size_t       depth;
    phr_str_t    s;
    const char  *at;

    depth = 0;

    for ( ;; ) {
        c = phr_line_peek(l);

        if (c == -1
            || (depth == 0 && (c == ',' || c == ']' || c == '}')))
        {
            return phr_line_error(l, "a value was expected");
        }

        if (c == '"') {
            rc = phr_line_string(l, &s);
            if (rc != PHR_OK) {
                return rc;
            }

        } else if (c == '{' || c == '[') {
            if (depth == PHR_IMPORT_DEPTH) {
                return phr_line_error(l, "nested too deeply");
            }

            open[depth++] = c == '{' ? '}' : ']';
            l->p++;
            continue;

        } else if (depth > 0 && c == open[depth - 1]) {
            depth--;
            l->p++;

        } else {
            at = l->p;

            while (l->p < l->end && strchr(" \t\r\",:[]{}", *l->p) == NULL) {
                l->p++;
            }

            if (l->p == at) {
                return phr_line_error(l, "a value was expected");
            }
        }

        if (depth == 0) {
            return PHR_OK;
        }

        while (phr_line_take(l, ',') || phr_line_take(l, ':')) {
            /* void */
        }
    }
}


/* in the line if it has no escapes, else in the arena */
static int
phr_line_string(phr_line_t *l, phr_str_t *out)
{
    int          rc;
    char        *text, *to;
    const char  *p;

    if (!phr_line_take(l, '"')) {
        return phr_line_error(l, "a string was expected");
    }

    for (p = l->p; p < l->end && *p != '"' && *p != '\\'; p++) {
        if ((unsigned char) *p < 0x20) {
            l->p = p;
            return phr_line_error(l, "a control character in a string");
        }
    }

    if (p < l->end && *p == '"') {
        *out = phr_str_from(l->p, (size_t) (p - l->p));
        l->p = p + 1;
        return PHR_OK;
    }

    /* what is unescaped is never longer */

    for ( /* void */ ; p < l->end && *p != '"'; p++) {
        p += (*p == '\\');
    }

    if (p >= l->end) {
        return phr_line_error(l, "a string does not end");
    }

    text = phr_arena_alloc(l->line->arena, (size_t) (p - l->p) + 1);
    if (text == NULL) {
        return phr_line_no_memory(l);
    }

    to = text;

    while (*l->p != '"') {

        if ((unsigned char) *l->p < 0x20) {
            return phr_line_error(l, "a control character in a string");
        }

        if (*l->p != '\\') {
            *to++ = *l->p++;
            continue;
        }

        rc = phr_line_escape(l, &to);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    l->p++;
    *out = phr_str_from(text, (size_t) (to - text));

    return PHR_OK;
}


/* the string ends, so there is a character behind each backslash */
static int
phr_line_escape(phr_line_t *l, char **out)
{
    uint32_t     unit, low;
    const char  *at, *found;

    static const char  from[] = "\"\\/bfnrt";
    static const char  to[] = "\"\\/\b\f\n\r\t";

    at = l->p;
    l->p += 2;

    if (at[1] != 'u') {
        found = at[1] != '\0' ? strchr(from, at[1]) : NULL;

        if (found == NULL) {
            l->p = at;
            return phr_line_error(l, "an unknown escape");
        }

        *(*out)++ = to[found - from];

        return PHR_OK;
    }

    if (phr_line_hex(l, &unit) != PHR_OK) {
        return phr_line_error(l, "an unknown escape");
    }

    if (unit >= 0xd800 && unit < 0xdc00 && l->end - l->p >= 6
        && l->p[0] == '\\' && l->p[1] == 'u')
    {
        at = l->p;
        l->p += 2;

        if (phr_line_hex(l, &low) == PHR_OK && low >= 0xdc00
            && low < 0xe000)
        {
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);

        } else {
            l->p = at;
        }
    }

    if (unit >= 0xd800 && unit < 0xe000) {
        /* half of a pair, alone */
        unit = 0xfffd;
    }

    *out += phr_utf8_encode(*out, unit);

    return PHR_OK;
}


static int
phr_line_hex(phr_line_t *l, uint32_t *unit)
{
    int          i;
    const char  *found;

    /* twice sixteen: digits are found in the first half */
    static const char  hex[] = "0123456789abcdef0123456789ABCDEF";

    *unit = 0;

    for (i = 0; i < 4; i++, l->p++) {
        found = l->p < l->end && *l->p != '\0' ? strchr(hex, *l->p) : NULL;

        if (found == NULL) {
            return PHR_EPARSE;
        }

        *unit = *unit << 4 | (uint32_t) ((found - hex) & 15);
    }

    return PHR_OK;
}


/* the next character that is no blank, -1 at the end */
static int
phr_line_peek(phr_line_t *l)
{
    while (l->p < l->end
           && (*l->p == ' ' || *l->p == '\t' || *l->p == '\r'
               || *l->p == '\n'))
    {
        l->p++;
    }

    return l->p < l->end ? (unsigned char) *l->p : -1;
}


static int
phr_line_take(phr_line_t *l, char c)
{
    if (phr_line_peek(l) != (unsigned char) c) {
        return 0;
    }

    l->p++;

    return 1;
}


static int
phr_line_error(phr_line_t *l, const char *what)
{
    uint32_t  column;

    column = (uint32_t) phr_min((size_t) (l->p - l->start) + 1, UINT32_MAX);

    return phr_err_in_file(l->err, PHR_EPARSE, NULL, 0, column, "%s", what);
}


static int
phr_line_no_memory(phr_line_t *l)
{
    return phr_err_set(l->err, PHR_ENOMEM, "no memory for a line");
}
