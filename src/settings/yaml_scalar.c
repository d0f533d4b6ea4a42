/*
 * Copyright (C) The Pharos Authors
 *
 * YAML: the types of plain scalars, reading their values, writing them.
 */

#include "settings/yaml.h"

#include <stdlib.h>

#include "core/number.h"
#include "core/utf8.h"


typedef struct {
    phr_yaml_type_e   type;
    const char       *text;
} phr_yaml_word_t;


static int phr_yaml_is_int(phr_str_t s, int64_t *v);
static int phr_yaml_is_float(phr_str_t s);
static int phr_yaml_escaped(phr_str_t s, size_t i, uint32_t *code,
    size_t *len);


/* as Go's yaml resolves them: YAML 1.1 */
static const phr_yaml_word_t  phr_yaml_words[] = {
    { PHR_YAML_NULL, "" }, { PHR_YAML_NULL, "~" }, { PHR_YAML_NULL, "null" },
    { PHR_YAML_NULL, "Null" }, { PHR_YAML_NULL, "NULL" },
    { PHR_YAML_BOOL, "y" }, { PHR_YAML_BOOL, "Y" }, { PHR_YAML_BOOL, "yes" },
    { PHR_YAML_BOOL, "Yes" }, { PHR_YAML_BOOL, "YES" },
    { PHR_YAML_BOOL, "true" }, { PHR_YAML_BOOL, "True" },
    { PHR_YAML_BOOL, "TRUE" }, { PHR_YAML_BOOL, "on" },
    { PHR_YAML_BOOL, "On" }, { PHR_YAML_BOOL, "ON" },
    { PHR_YAML_BOOL, "n" }, { PHR_YAML_BOOL, "N" }, { PHR_YAML_BOOL, "no" },
    { PHR_YAML_BOOL, "No" }, { PHR_YAML_BOOL, "NO" },
    { PHR_YAML_BOOL, "false" }, { PHR_YAML_BOOL, "False" },
    { PHR_YAML_BOOL, "FALSE" }, { PHR_YAML_BOOL, "off" },
    { PHR_YAML_BOOL, "Off" }, { PHR_YAML_BOOL, "OFF" },
    { PHR_YAML_FLOAT, ".nan" }, { PHR_YAML_FLOAT, ".NaN" },
    { PHR_YAML_FLOAT, ".NAN" }, { PHR_YAML_FLOAT, ".inf" },
    { PHR_YAML_FLOAT, ".Inf" }, { PHR_YAML_FLOAT, ".INF" },
    { PHR_YAML_FLOAT, "+.inf" }, { PHR_YAML_FLOAT, "+.Inf" },
    { PHR_YAML_FLOAT, "+.INF" }, { PHR_YAML_FLOAT, "-.inf" },
    { PHR_YAML_FLOAT, "-.Inf" }, { PHR_YAML_FLOAT, "-.INF" },
};


int
phr_yaml_bool(const phr_yaml_node_t *node, int *v)
{
    if (node == NULL || node->type != PHR_YAML_BOOL) {
        return PHR_EINVAL;
    }

    switch (node->value.data[0] | 0x20) {
    case 'y':
    case 't':
        *v = 1;
        break;

    case 'o':
        *v = (node->value.len == 2);     /* on, off */
        break;

    default:
        *v = 0;
    }

    return PHR_OK;
}


int
phr_yaml_int(const phr_yaml_node_t *node, int64_t *v)
{
    double  d;

    if (node == NULL) {
        return PHR_EINVAL;
    }

    if (node->type == PHR_YAML_INT) {
        return phr_yaml_is_int(node->value, v) ? PHR_OK : PHR_EINVAL;
    }

    /* Go's yaml cuts a float that stands where an integer is due */

    if (node->type == PHR_YAML_FLOAT && phr_yaml_double(node, &d) == PHR_OK
        && d > -9.2e18 && d < 9.2e18)
    {
        *v = (int64_t) d;
        return PHR_OK;
    }

    return PHR_EINVAL;
}


int
phr_yaml_double(const phr_yaml_node_t *node, double *v)
{
    int64_t    i;
    phr_str_t  s;

    if (node == NULL) {
        return PHR_EINVAL;
    }

    if (node->type == PHR_YAML_INT) {
        if (!phr_yaml_is_int(node->value, &i)) {
            return PHR_EINVAL;
        }

        *v = (double) i;
        return PHR_OK;
    }

    if (node->type != PHR_YAML_FLOAT) {
        return PHR_EINVAL;
    }

    s = node->value;

    if (s.len >= 4 && s.data[s.len - 4] == '.'
        && (s.data[s.len - 1] | 0x20) >= 'a')
    {
        /* .inf, -.inf, .nan */

        if ((s.data[s.len - 1] | 0x20) == 'n') {
            *v = phr_double_from_bits(PHR_NORMAL_NAN_BITS);

        } else {
            *v = phr_double_from_bits(s.data[0] == '-'
                                      ? 0xfff0000000000000ULL
                                      : 0x7ff0000000000000ULL);
        }

        return PHR_OK;
    }

    return phr_number_parse(s.data, s.len, v) == PHR_OK ? PHR_OK : PHR_EINVAL;
}


int
phr_yaml_text(const phr_yaml_node_t *node, phr_str_t *v)
{
    if (node == NULL || node->type >= PHR_YAML_SEQUENCE) {
        return PHR_EINVAL;
    }

    *v = (node->type == PHR_YAML_NULL) ? phr_str_of("") : node->value;

    return PHR_OK;
}


const char *
phr_yaml_type_text(phr_yaml_type_e type)
{
    /* ORDER PHR_YAML_TYPE */
    static const char *const  names[] = {
        "null", "a boolean", "an integer", "a number", "a string",
        "a list", "a mapping"
    };

    phr_assert(type < phr_nelems(names));

    return names[type];
}


void
phr_yaml_write_scalar(phr_buf_t *b, phr_str_t s)
{
    size_t         i, len;
    int            plain, printable;
    uint32_t       code;
    unsigned char  c;

    plain = (phr_yaml_resolve(s) == PHR_YAML_STRING);
    printable = 1;

    for (i = 0; i < s.len; i++) {
        c = (unsigned char) s.data[i];

        if (phr_yaml_escaped(s, i, &code, &len)) {
            printable = 0;
        }

        if ((c == ':' && (i + 1 == s.len || s.data[i + 1] == ' '))
            || (c == '#' && i > 0 && s.data[i - 1] == ' ')
            || (i == 0 && strchr("-?:,[]{}#&*!|>'\"%@` =", c) != NULL))
        {
            plain = 0;
        }
    }

    if (s.len > 0 && s.data[s.len - 1] == ' ') {
        plain = 0;
    }

    /* at the start of a line it would end the document */
    if (s.len >= 3 && memcmp(s.data, "...", 3) == 0) {
        plain = 0;
    }

    if (printable && plain) {
        phr_buf_str(b, s);

    } else {
        phr_yaml_write_quoted(b, s);
    }
}


void
phr_yaml_write_quoted(phr_buf_t *b, phr_str_t s)
{
    size_t         i, len;
    uint32_t       code;
    unsigned char  c;

    phr_buf_putc(b, '"');

    for (i = 0; i < s.len; i += len) {
        len = 1;
        c = (unsigned char) s.data[i];

        switch (c) {
        case '"':
        case '\\':
            phr_buf_putc(b, '\\');
            phr_buf_putc(b, (char) c);
            break;

        case '\n':
            phr_buf_puts(b, "\\n");
            break;

        case '\t':
            phr_buf_puts(b, "\\t");
            break;

        default:
            if (phr_yaml_escaped(s, i, &code, &len)) {
                phr_buf_printf(b, code < 0x100 ? "\\x%02x" : "\\u%04x",
                               code);

            } else {
                phr_buf_append(b, s.data + i, len);
            }
        }
    }

    phr_buf_putc(b, '"');
}


/*
 * 1 if the code point at i cannot stand for itself: control characters, what
 * YAML 1.1 takes for the end of a line, byte order marks.
 */

static int
phr_yaml_escaped(phr_str_t s, size_t i, uint32_t *code, size_t *len)
{
    const char  *p;

    p = s.data + i;
    *code = phr_utf8_decode(&p, s.data + s.len);
    *len = (size_t) (p - s.data) - i;

    return *code < 0x20 || (*code >= 0x7f && *code < 0xa0)
           || *code == 0x2028 || *code == 0x2029 || *code == 0xfeff
           || *code == 0xfffe || *code == 0xffff;
}


phr_yaml_type_e
phr_yaml_resolve(phr_str_t s)
{
    size_t   i;
    int64_t  v;

    if (s.len < 6) {
        for (i = 0; i < phr_nelems(phr_yaml_words); i++) {
            if (phr_str_eq(phr_str_from_c(phr_yaml_words[i].text), s)) {
                return phr_yaml_words[i].type;
            }
        }
    }

    if (phr_yaml_is_int(s, &v)) {
        return PHR_YAML_INT;
    }

    return phr_yaml_is_float(s) ? PHR_YAML_FLOAT : PHR_YAML_STRING;
}


/* decimal, 0x, 0b, 0o and 0 as the prefix of octal; underscores are skipped */
static int
phr_yaml_is_int(phr_str_t s, int64_t *v)
{
    char        buf[72], *end;
    int         base, minus;
    size_t      i, n;
    const char *p;
    uint64_t    u;

    if (s.len == 0 || s.len >= sizeof(buf)) {
        return 0;
    }

    i = (s.data[0] == '-' || s.data[0] == '+');
    minus = (s.data[0] == '-');

    if (i == s.len || s.data[i] < '0' || s.data[i] > '9') {
        return 0;
    }

    for (n = 0; i < s.len; i++) {
        if (s.data[i] != '_') {
            buf[n++] = s.data[i];
        }
    }

    buf[n] = '\0';
    p = buf;
    base = 10;

    if (buf[0] == '0' && n > 1) {
        switch (buf[1]) {
        case 'x':
        case 'X':
            base = 16;
            p = buf + 2;
            break;

        case 'b':
        case 'B':
            base = 2;
            p = buf + 2;
            break;

        case 'o':
        case 'O':
            base = 8;
            p = buf + 2;
            break;

        default:
            base = 8;
            p = buf + 1;
        }
    }

    if (strchr("0123456789abcdefABCDEF", *p) == NULL || *p == '\0') {
        return 0;
    }

    u = strtoull(p, &end, base);

    if (*end != '\0' || n > 66 || u > (uint64_t) INT64_MAX
        || (base == 10 && n > 19))
    {
        return 0;
    }

    *v = minus ? -(int64_t) u : (int64_t) u;

    return 1;
}


/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static int
phr_yaml_is_float(phr_str_t s)
{
    size_t       digits;
    const char  *p, *end;

    p = s.data;
    end = p + s.len;
    digits = 0;

    if (p < end && (*p == '-' || *p == '+')) {
        p++;
    }

    for ( ; p < end && *p >= '0' && *p <= '9'; p++) {
        digits++;
    }

    if (p < end && *p == '.') {
        for (p++; p < end && *p >= '0' && *p <= '9'; p++) {
            digits++;
        }
    }

    if (digits == 0) {
        return 0;
    }

    if (p < end && (*p | 0x20) == 'e') {
        p++;

        if (p < end && (*p == '-' || *p == '+')) {
            p++;
        }

        if (p == end) {
            return 0;
        }

        while (p < end && *p >= '0' && *p <= '9') {
            p++;
        }
    }

    return p == end;
}
