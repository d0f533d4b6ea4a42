/*
 * Copyright (C) The Pharos Authors
 *
 * alertmanager.yml: matchers, in the classic form (a label name, an
 * operator, a text that may be in quotes) and in the UTF-8 form (both may be
 * in quotes).  A text that is valid in both means what the classic form
 * says, as in Alertmanager.
 */

#include "settings/alertmanager_schema.h"

#include <stdlib.h>

#include "core/utf8.h"


typedef struct {
    phr_arena_t  *arena;
    phr_array_t   list;         /* phr_matcher_t */
    phr_err_t    *err;
} phr_matcher_ctx_t;


static int phr_matcher_classic(phr_matcher_ctx_t *mc, phr_str_t text);
static int phr_matcher_classic_one(phr_matcher_ctx_t *mc, phr_str_t s);
static int phr_matcher_unescape(phr_matcher_ctx_t *mc, phr_str_t raw,
    phr_str_t *value);
static int phr_matcher_utf8(phr_matcher_ctx_t *mc, phr_str_t text);
static int phr_matcher_utf8_one(phr_matcher_ctx_t *mc, const char **p,
    const char *end);
static int phr_matcher_word(phr_matcher_ctx_t *mc, const char **p,
    const char *end, phr_str_t *word);
static int phr_matcher_unquote(phr_matcher_ctx_t *mc, const char *p,
    const char *end, phr_str_t *word);
static size_t phr_matcher_escape(const char *p, const char *end, char *out,
    size_t *used);
static size_t phr_matcher_operator(const char *p, const char *end,
    phr_match_e *op);
static int phr_matcher_add(phr_matcher_ctx_t *mc, phr_match_e op,
    phr_str_t name, phr_str_t value);
static void phr_matcher_drop(phr_matcher_ctx_t *mc);
static phr_str_t phr_matcher_trim(phr_str_t s);
static int phr_matcher_space(char c);
static int phr_matcher_cmp(const void *a, const void *b);
static int phr_matcher_append(phr_schema_ctx_t *ctx, phr_matchers_t *ms,
    const phr_matchers_t *more);


int
phr_matchers_parse(phr_arena_t *a, phr_str_t text, phr_matchers_t *ms,
    phr_err_t *err)
{
    int                rc;
    size_t             size;
    phr_matcher_ctx_t  mc;

    mc.arena = a;
    mc.err = err;
    phr_array_init(&mc.list, sizeof(phr_matcher_t));

    rc = phr_matcher_classic(&mc, text);

    if (rc == PHR_EPARSE) {
        phr_matcher_drop(&mc);

        /* the classic form's complaint is the one that is shown */

        mc.err = NULL;
        rc = phr_matcher_utf8(&mc, text);
    }

    if (rc == PHR_OK) {
        size = mc.list.nelts * sizeof(phr_matcher_t);
        ms->m = phr_arena_alloc(a, size + 1);
        ms->n = mc.list.nelts;

        if (ms->m == NULL) {
            rc = phr_err_set(err, phr_arena_rc(a), "out of memory");

        } else if (size > 0) {
            memcpy(ms->m, mc.list.elts, size);
            phr_matchers_sort(ms);
        }
    }

    if (rc != PHR_OK) {
        phr_matcher_drop(&mc);
    }

    phr_array_free(&mc.list);

    return rc;
}


void
phr_matchers_sort(phr_matchers_t *ms)
{
    if (ms->n > 1) {
        qsort(ms->m, ms->n, sizeof(phr_matcher_t), phr_matcher_cmp);
    }
}


int
phr_match_set(phr_schema_ctx_t *ctx, const phr_option_t *opt, void *member,
    const phr_yaml_node_t *node)
{
    int             rc;
    size_t          i;
    phr_pairs_t     pairs;
    phr_matcher_t   m;
    phr_matchers_t  one;

    rc = phr_schema_pairs(ctx, opt, &pairs, node);

    for (i = 0; rc == PHR_OK && i < pairs.n; i++) {
        if (!phr_label_name_valid(pairs.p[i].name)) {
            return phr_schema_error(ctx, node, "invalid label name \"%.*s\"",
                                    (int) phr_min(pairs.p[i].name.len, 100),
                                    pairs.p[i].name.data);
        }

        rc = phr_matcher_init(&m, PHR_MATCH_EQ, pairs.p[i].name,
                              pairs.p[i].value, ctx->err);

        if (rc == PHR_OK) {
            one.m = &m;
            one.n = 1;
            rc = phr_matcher_append(ctx, member, &one);
        }
    }

    return rc;
}


int
phr_match_re_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    int                     rc;
    char                   *anchored;
    size_t                  i;
    phr_str_t               name, value;
    phr_err_t               err;
    phr_matcher_t           m;
    phr_matchers_t          one;
    const phr_yaml_node_t  *re;

    if (node->type == PHR_YAML_NULL) {
        return PHR_OK;
    }

    if (node->type != PHR_YAML_MAPPING) {
        return phr_schema_error(ctx, node, "\"%s\" must be a mapping",
                                opt->name);
    }

    for (i = 0; i < node->n; i++) {
        name = node->pairs[i].key->value;
        re = node->pairs[i].value;

        if (!phr_label_name_valid(name)) {
            return phr_schema_error(ctx, node->pairs[i].key,
                                    "invalid label name \"%.*s\"",
                                    (int) phr_min(name.len, 100), name.data);
        }

        if (re->type == PHR_YAML_NULL || phr_yaml_text(re, &value) != PHR_OK)
        {
            return phr_schema_error(ctx, re, "invalid regexp value for "
                                    "\"%.*s\"", (int) name.len, name.data);
        }

        /* as the genuine program keeps and prints it */

        anchored = phr_arena_printf(ctx->arena, "^(?:%.*s)$",
                                    (int) value.len, value.data);
        if (anchored == NULL) {
            return phr_schema_nomem(ctx);
        }

        phr_err_init(&err);

        rc = phr_matcher_init(&m, PHR_MATCH_RE, name,
                              phr_str_from_c(anchored), &err);
        if (rc == PHR_ENOMEM) {
            return phr_schema_nomem(ctx);
        }

        if (rc != PHR_OK) {
            return phr_schema_error(ctx, re, "%s", err.text);
        }

        one.m = &m;
        one.n = 1;

        rc = phr_matcher_append(ctx, member, &one);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


int
phr_matchers_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    int             rc;
    size_t          i;
    phr_err_t       err;
    phr_strs_t      lines;
    phr_matchers_t  ms;

    rc = phr_schema_strs(ctx, opt, &lines, node);

    for (i = 0; rc == PHR_OK && i < lines.n; i++) {
        phr_err_init(&err);

        rc = phr_matchers_parse(ctx->arena, lines.s[i], &ms, &err);

        if (rc == PHR_ENOMEM) {
            return phr_schema_nomem(ctx);
        }

        if (rc != PHR_OK) {
            return phr_schema_error(ctx, node->type == PHR_YAML_SEQUENCE
                                         ? node->items[i] : node,
                                    "%s", err.text);
        }

        rc = phr_matcher_append(ctx, member, &ms);
    }

    return rc;
}


/* the regexes become the file's */
static int
phr_matcher_append(phr_schema_ctx_t *ctx, phr_matchers_t *ms,
    const phr_matchers_t *more)
{
    size_t          i;
    phr_regex_t   **slot;
    phr_matcher_t  *m;

    for (i = 0; i < more->n; i++) {
        if (more->m[i].re == NULL) {
            continue;
        }

        slot = phr_array_push(&ctx->regexes);

        if (slot == NULL) {
            for ( ; i < more->n; i++) {
                phr_matcher_destroy(&more->m[i]);
            }

            return phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
        }

        *slot = more->m[i].re;
    }

    m = phr_arena_alloc(ctx->arena,
                        (ms->n + more->n + 1) * sizeof(phr_matcher_t));
    if (m == NULL) {
        return phr_schema_nomem(ctx);
    }

    if (ms->n > 0) {
        memcpy(m, ms->m, ms->n * sizeof(phr_matcher_t));
    }

    if (more->n > 0) {
        memcpy(m + ms->n, more->m, more->n * sizeof(phr_matcher_t));
    }

    ms->m = m;
    ms->n += more->n;

    return PHR_OK;
}


/* commas separate outside of quotes; braces around are optional */
static int
phr_matcher_classic(phr_matcher_ctx_t *mc, phr_str_t s)
{
    int     rc, quoted, escaped;
    size_t  i, start;

    if (s.len > 0 && s.data[0] == '{') {
        s.data++;
        s.len--;
    }

    if (s.len > 0 && s.data[s.len - 1] == '}') {
        s.len--;
    }

    quoted = 0;
    escaped = 0;
    start = 0;

    for (i = 0; i < s.len; i++) {
        switch (s.data[i]) {
        case ',':
            if (!quoted) {
                rc = phr_matcher_classic_one(mc,
                         phr_str_from(s.data + start, i - start));

                if (rc != PHR_OK) {
                    return rc;
                }

                start = i + 1;
            }

            break;

        case '"':
            if (!escaped) {
                quoted = !quoted;
            }

            escaped = 0;
            break;

        case '\\':
            escaped = !escaped;
            break;

        default:
            escaped = 0;
        }
    }

    s = phr_matcher_trim(phr_str_from(s.data + start, s.len - start));

    return s.len > 0 ? phr_matcher_classic_one(mc, s) : PHR_OK;
}


static int
phr_matcher_classic_one(phr_matcher_ctx_t *mc, phr_str_t s)
{
    int          rc;
    size_t       n;
    phr_str_t    name, raw, value;
    phr_match_e  op;
    const char  *p, *end;

    s = phr_matcher_trim(s);
    p = s.data;
    end = s.data + s.len;

    while (p < end && (*p == '_' || *p == ':' || (*p >= '0' && *p <= '9')
                       || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')))
    {
        p++;
    }

    name = phr_str_from(s.data, (size_t) (p - s.data));

    while (p < end && phr_matcher_space(*p)) {
        p++;
    }

    n = phr_matcher_operator(p, end, &op);

    if (n == 0 || !phr_metric_name_valid(name)) {
        return phr_err_set(mc->err, PHR_EPARSE, "bad matcher format: %.*s",
                           (int) phr_min(s.len, 200), s.data);
    }

    p += n;
    raw = phr_matcher_trim(phr_str_from(p, (size_t) (end - p)));

    rc = phr_matcher_unescape(mc, raw, &value);

    return rc == PHR_OK ? phr_matcher_add(mc, op, name, value) : rc;
}


static int
phr_matcher_unescape(phr_matcher_ctx_t *mc, phr_str_t raw, phr_str_t *value)
{
    int     quoted;
    char   *out;
    size_t  i, n;

    out = phr_arena_alloc(mc->arena, raw.len + 1);
    if (out == NULL) {
        return phr_err_set(mc->err, phr_arena_rc(mc->arena),
                           "out of memory");
    }

    quoted = (raw.len > 0 && raw.data[0] == '"');
    n = 0;

    for (i = (size_t) quoted; i < raw.len; i++) {
        if (raw.data[i] == '\\' && i + 1 < raw.len) {
            i++;

            if (raw.data[i] == 'n') {
                out[n++] = '\n';
                continue;
            }

            /* any other character keeps its backslash */

            if (raw.data[i] != '"' && raw.data[i] != '\\') {
                out[n++] = '\\';
            }

        } else if (raw.data[i] == '"') {
            if (!quoted || i + 1 < raw.len) {
                break;
            }

            quoted = 0;
            continue;
        }

        out[n++] = raw.data[i];
    }

    if (i < raw.len || quoted) {
        return phr_err_set(mc->err, PHR_EPARSE, "matcher value contains "
                           "unescaped double quote: %.*s",
                           (int) phr_min(raw.len, 200), raw.data);
    }

    if (!phr_utf8_valid(out, n)) {
        return phr_err_set(mc->err, PHR_EPARSE,
                           "matcher value is not valid UTF-8");
    }

    out[n] = '\0';
    *value = phr_str_from(out, n);

    return PHR_OK;
}


static int
phr_matcher_utf8(phr_matcher_ctx_t *mc, phr_str_t text)
{
    int          rc, brace;
    const char  *p, *end;

    text = phr_matcher_trim(text);
    p = text.data;
    end = p + text.len;
    brace = (p < end && *p == '{');
    p += brace;

    for ( ;; ) {
        while (p < end && phr_matcher_space(*p)) {
            p++;
        }

        if (p == end || *p == '}') {
            break;
        }

        rc = phr_matcher_utf8_one(mc, &p, end);
        if (rc != PHR_OK) {
            return rc;
        }

        while (p < end && phr_matcher_space(*p)) {
            p++;
        }

        if (p == end || *p == '}') {
            break;
        }

        if (*p != ',') {
            return phr_err_set(mc->err, PHR_EPARSE,
                               "expected a comma or close brace");
        }

        p++;
    }

    if (brace != (p < end) || (p < end && p + 1 != end)) {
        return phr_err_set(mc->err, PHR_EPARSE, "expected %s brace",
                           brace ? "close" : "open");
    }

    return PHR_OK;
}


static int
phr_matcher_utf8_one(phr_matcher_ctx_t *mc, const char **p, const char *end)
{
    int          rc;
    size_t       n;
    phr_str_t    name, value;
    phr_match_e  op;

    rc = phr_matcher_word(mc, p, end, &name);
    if (rc != PHR_OK) {
        return rc;
    }

    n = phr_matcher_operator(*p, end, &op);

    if (n == 0) {
        return phr_err_set(mc->err, PHR_EPARSE, "expected an operator such "
                           "as '=', '!=', '=~' or '!~'");
    }

    *p += n;

    rc = phr_matcher_word(mc, p, end, &value);

    return rc == PHR_OK ? phr_matcher_add(mc, op, name, value) : rc;
}


/* in quotes, or up to a reserved character; spaces around are skipped */
static int
phr_matcher_word(phr_matcher_ctx_t *mc, const char **p, const char *end,
    phr_str_t *word)
{
    int          rc;
    const char  *q, *start;

    q = *p;

    while (q < end && phr_matcher_space(*q)) {
        q++;
    }

    start = q;

    if (q < end && *q == '"') {
        for (q++; q < end && *q != '"'; q++) {
            if (*q == '\\') {
                q++;
            }
        }

        if (q >= end) {
            return phr_err_set(mc->err, PHR_EPARSE, "missing end \"");
        }

        rc = phr_matcher_unquote(mc, start + 1, q, word);
        if (rc != PHR_OK) {
            return rc;
        }

        q++;

    } else {
        while (q < end && !phr_matcher_space(*q)
               && strchr("{}!=~,\\\"'`", *q) == NULL)
        {
            q++;
        }

        if (q == start) {
            return phr_err_set(mc->err, PHR_EPARSE,
                               "expected label name or value");
        }

        *word = phr_arena_str(mc->arena,
                              phr_str_from(start, (size_t) (q - start)));
        if (word->data == NULL) {
            return phr_err_set(mc->err, phr_arena_rc(mc->arena),
                               "out of memory");
        }
    }

    while (q < end && phr_matcher_space(*q)) {
        q++;
    }

    *p = q;

    return PHR_OK;
}


/* as Go's strconv.Unquote() of what is within double quotes */
static int
phr_matcher_unquote(phr_matcher_ctx_t *mc, const char *p, const char *end,
    phr_str_t *word)
{
    char    *out;
    size_t   n, used, len;

    out = phr_arena_alloc(mc->arena, (size_t) (end - p) + 5);
    if (out == NULL) {
        return phr_err_set(mc->err, phr_arena_rc(mc->arena),
                           "out of memory");
    }

    for (n = 0; p < end; n += len) {
        if (*p == '\n') {
            return phr_err_set(mc->err, PHR_EPARSE, "invalid input");
        }

        if (*p != '\\') {
            out[n] = *p++;
            len = 1;
            continue;
        }

        len = phr_matcher_escape(p + 1, end, out + n, &used);

        if (len == 0) {
            return phr_err_set(mc->err, PHR_EPARSE, "invalid input");
        }

        p += 1 + used;
    }

    out[n] = '\0';
    *word = phr_str_from(out, n);

    if (!phr_utf8_valid(out, n)) {
        return phr_err_set(mc->err, PHR_EPARSE, "invalid UTF-8");
    }

    return PHR_OK;
}


/* what follows a backslash; returns the bytes written, 0 if it is invalid */
static size_t
phr_matcher_escape(const char *p, const char *end, char *out, size_t *used)
{
    int          base;
    size_t       i, n;
    uint32_t     v;
    const char  *at;

    static const char  from[] = "abfnrtv\\\"";
    static const char  to[] = "\a\b\f\n\r\t\v\\\"";
    static const char  digits[] = "0123456789abcdef";

    if (p == end) {
        return 0;
    }

    at = strchr(from, *p);

    if (at != NULL && *p != '\0') {
        *out = to[at - from];
        *used = 1;
        return 1;
    }

    base = 16;
    i = 1;

    switch (*p) {
    case 'x':
        n = 2;
        break;

    case 'u':
        n = 4;
        break;

    case 'U':
        n = 8;
        break;

    default:
        base = 8;
        i = 0;
        n = 3;
    }

    if ((size_t) (end - p) < i + n) {
        return 0;
    }

    *used = i + n;

    for (v = 0; i < *used; i++) {
        at = strchr(digits, p[i] >= 'A' && p[i] <= 'F' ? p[i] | 0x20 : p[i]);

        if (at == NULL || p[i] == '\0' || at - digits >= base) {
            return 0;
        }

        v = v * (uint32_t) base + (uint32_t) (at - digits);
    }

    if (n < 4) {
        *out = (char) v;
        return v < 256;
    }

    return phr_utf8_encode(out, v);
}


static size_t
phr_matcher_operator(const char *p, const char *end, phr_match_e *op)
{
    if (end - p >= 2 && p[1] == '~' && (*p == '=' || *p == '!')) {
        *op = (*p == '=') ? PHR_MATCH_RE : PHR_MATCH_NRE;
        return 2;
    }

    if (end - p >= 2 && p[0] == '!' && p[1] == '=') {
        *op = PHR_MATCH_NE;
        return 2;
    }

    if (p < end && *p == '=') {
        *op = PHR_MATCH_EQ;
        return 1;
    }

    return 0;
}


static int
phr_matcher_add(phr_matcher_ctx_t *mc, phr_match_e op, phr_str_t name,
    phr_str_t value)
{
    int             rc;
    phr_matcher_t  *m;

    name = phr_arena_str(mc->arena, name);
    m = phr_array_push(&mc->list);

    if (name.data == NULL || m == NULL) {
        return phr_err_set(mc->err, PHR_ENOMEM, "out of memory");
    }

    rc = phr_matcher_init(m, op, name, value, mc->err);

    if (rc != PHR_OK) {
        mc->list.nelts--;
    }

    return rc;
}


static void
phr_matcher_drop(phr_matcher_ctx_t *mc)
{
    size_t  i;

    for (i = 0; i < mc->list.nelts; i++) {
        phr_matcher_destroy(phr_array_get(&mc->list, phr_matcher_t, i));
    }

    mc->list.nelts = 0;
}


static phr_str_t
phr_matcher_trim(phr_str_t s)
{
    while (s.len > 0 && phr_matcher_space(s.data[0])) {
        s.data++;
        s.len--;
    }

    while (s.len > 0 && phr_matcher_space(s.data[s.len - 1])) {
        s.len--;
    }

    return s;
}


static int
phr_matcher_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}


static int
phr_matcher_cmp(const void *a, const void *b)
{
    int                   rc;
    const phr_matcher_t  *x, *y;

    x = a;
    y = b;

    rc = phr_str_cmp(x->name, y->name);

    if (rc == 0) {
        rc = phr_str_cmp(x->value, y->value);
    }

    return rc ? rc : (int) x->op - (int) y->op;
}
