/*
 * Copyright (C) The Pharos Authors
 *
 * Parameters of a request: the query string and an urlencoded form, decoded
 * once, and read with the words that Prometheus's API has for mistakes.
 */

#include "api/call.h"

#include <math.h>
#include <strings.h>

#include "core/number.h"
#include "core/pack.h"
#include "core/time.h"
#include "core/yield.h"
#include "promql/promql.h"


#define PHR_PARAM_MAX    1000   /* of one request */
#define PHR_PARAM_PIECE  4096   /* bytes, see phr_yield() */


static int phr_param_is_form(const phr_api_request_t *req);
static int phr_param_split(phr_call_t *c, phr_str_t s, phr_err_t *err);
static int phr_param_next(phr_str_t *rest, phr_str_t *name,
    phr_str_t *value);
static int phr_param_search(phr_arena_t *arena, phr_str_t s, phr_str_t name,
    phr_str_t *value);
static int phr_param_matches_all(const phr_matcher_list_t *list);


int
phr_call_parse_params(phr_call_t *c, int form, phr_err_t *err)
{
    int  rc;

    c->params = phr_arena_alloc(c->arena,
                                PHR_PARAM_MAX * sizeof(phr_param_t));
    if (c->params == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    c->nparams = 0;

    /* as Go's FormValue(): the body goes before the query string */

    if (form && phr_param_is_form(c->req)) {
        rc = phr_param_split(c, c->req->body, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return phr_param_split(c, c->req->args, err);
}


/* a body of GET has no meaning */

static int
phr_param_is_form(const phr_api_request_t *req)
{
    size_t             len;
    static const char  type[] = "application/x-www-form-urlencoded";

    len = sizeof(type) - 1;

    return (phr_str_eq(req->method, phr_str_of("POST"))
            || phr_str_eq(req->method, phr_str_of("PUT")))
           && req->content_type.len >= len
           && strncasecmp(req->content_type.data, type, len) == 0
           && (req->content_type.len == len
               || memchr("; \t", req->content_type.data[len], 3) != NULL);
}


static int
phr_param_split(phr_call_t *c, phr_str_t s, phr_err_t *err)
{
    phr_str_t     name, value;
    phr_param_t  *param;

    while (phr_param_next(&s, &name, &value)) {

        if (c->nparams == PHR_PARAM_MAX) {
            return phr_err_set(err, PHR_EINVAL, "more than %d parameters",
                               PHR_PARAM_MAX);
        }

        param = &c->params[c->nparams];

        if (phr_param_decode(c->arena, name, 1, &param->name) != PHR_OK
            || phr_param_decode(c->arena, value, 1, &param->value) != PHR_OK)
        {
            return phr_err_set(err, PHR_EINVAL,
                               "error parsing form values: invalid URL "
                               "escape in \"%.*s\"",
                               (int) phr_min(s.data - name.data, 100),
                               name.data);
        }

        c->nparams++;
    }

    return PHR_OK;
}


/* as they are sent; 0: there are no more */

static int
phr_param_next(phr_str_t *rest, phr_str_t *name, phr_str_t *value)
{
    const char  *p, *end, *amp, *eq;

    p = rest->data;
    end = p + rest->len;

    while (p < end && *p == '&') {
        p++;
    }

    if (p == end) {
        return 0;
    }

    amp = memchr(p, '&', (size_t) (end - p));
    if (amp == NULL) {
        amp = end;
    }

    eq = memchr(p, '=', (size_t) (amp - p));
    if (eq == NULL) {
        eq = amp;
    }

    *name = phr_str_from(p, (size_t) (eq - p));
    *value = eq == amp ? phr_str_from("", 0)
                       : phr_str_from(eq + 1, (size_t) (amp - eq - 1));
    *rest = phr_str_from(amp, (size_t) (end - amp));

    return 1;
}


int
phr_param_find(const phr_api_request_t *req, int form, phr_arena_t *arena,
    phr_str_t name, phr_str_t *value)
{
    int  rc;

    rc = PHR_NOTFOUND;

    if (form && phr_param_is_form(req)) {
        rc = phr_param_search(arena, req->body, name, value);
    }

    return rc == PHR_NOTFOUND
           ? phr_param_search(arena, req->args, name, value) : rc;
}


static int
phr_param_search(phr_arena_t *arena, phr_str_t s, phr_str_t name,
    phr_str_t *value)
{
    int        rc;
    phr_str_t  sent, found;

    while (phr_param_next(&s, &sent, value)) {

        /* each character of a name may be escaped, by three */

        if (sent.len < name.len || sent.len > 3 * name.len) {
            continue;
        }

        rc = phr_param_decode(arena, sent, 1, &found);

        if (rc == PHR_OK && phr_str_eq(found, name)) {
            rc = phr_param_decode(arena, *value, 1, &found);
            *value = found;

            return rc;
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_NOTFOUND;
}


int
phr_param_decode(phr_arena_t *arena, phr_str_t in, int plus, phr_str_t *out)
{
    int     hi, lo;
    char   *p;
    size_t  i, n, piece;

    p = phr_arena_alloc(arena, in.len + 1);
    if (p == NULL) {
        return PHR_ENOMEM;
    }

    piece = PHR_PARAM_PIECE;

    for (i = 0, n = 0; i < in.len; i++) {

        if (i >= piece) {
            piece = i + PHR_PARAM_PIECE;
            phr_yield(PHR_PARAM_PIECE);
        }

        if (in.data[i] == '+' && plus) {
            p[n++] = ' ';
            continue;
        }

        if (in.data[i] != '%') {
            p[n++] = in.data[i];
            continue;
        }

        if (in.len - i < 3) {
            return PHR_EINVAL;
        }

        hi = phr_param_hex(in.data[i + 1]);
        lo = phr_param_hex(in.data[i + 2]);
        if (hi < 0 || lo < 0) {
            return PHR_EINVAL;
        }

        p[n++] = (char) (hi * 16 + lo);
        i += 2;
    }

    p[n] = '\0';
    *out = phr_str_from(p, n);

    return PHR_OK;
}


int
phr_param_hex(int ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch |= 0x20;

    return (ch >= 'a' && ch <= 'f') ? ch - 'a' + 10 : -1;
}


phr_str_t
phr_call_param(const phr_call_t *c, const char *name)
{
    size_t     pos;
    phr_str_t  value;

    pos = 0;

    if (phr_call_next_param(c, name, &pos, &value)) {
        return value;
    }

    return phr_str_from("", 0);
}


int
phr_call_next_param(const phr_call_t *c, const char *name, size_t *pos,
    phr_str_t *value)
{
    phr_str_t  want;

    want = phr_str_from_c(name);

    while (*pos < c->nparams) {
        if (phr_str_eq(c->params[(*pos)++].name, want)) {
            *value = c->params[*pos - 1].value;
            return 1;
        }
    }

    return 0;
}


int
phr_call_listed(const phr_call_t *c, const char *name, phr_str_t s, int skip)
{
    int        present;
    size_t     pos;
    phr_str_t  value;

    present = 0;
    pos = 0;

    while (phr_call_next_param(c, name, &pos, &value)) {
        if (phr_str_eq(value, s)) {
            return 1;
        }

        present |= value.len != 0 || !skip;
    }

    return !present;
}


int
phr_param_time(phr_str_t s, int64_t *t_ms)
{
    double  v, whole;

    if (phr_number_parse(s.data, s.len, &v) == PHR_OK) {

        if (isnan(v)) {
            return PHR_EINVAL;
        }

        /* apart, as Prometheus rounds: v * 1000 may end on a half */

        if (isfinite(v)) {
            v = modf(v, &whole);
            v = whole * 1000 + round(v * 1000);
        }

        if (v >= 9.2e18) {
            *t_ms = PHR_TIME_MAX;

        } else if (v <= -9.2e18) {
            *t_ms = PHR_TIME_MIN;

        } else {
            *t_ms = (int64_t) v;
        }

        return PHR_OK;
    }

    if (phr_rfc3339_parse(s.data, s.len, t_ms) == PHR_OK) {
        return PHR_OK;
    }

    /* what Prometheus calls its first and last moment */

    if (phr_str_eq(s, phr_str_of("-292273086-05-16T16:47:06Z"))) {
        *t_ms = PHR_TIME_MIN;
        return PHR_OK;
    }

    if (phr_str_eq(s, phr_str_of("292277025-08-18T07:12:54.999999999Z"))) {
        *t_ms = PHR_TIME_MAX;
        return PHR_OK;
    }

    return PHR_EINVAL;
}


int
phr_param_duration(phr_str_t s, int64_t *ms)
{
    double  v;

    if (phr_number_parse(s.data, s.len, &v) == PHR_OK) {

        /* nanoseconds in an int64_t, as everywhere in this API */

        if (isnan(v) || fabs(v) > 9.2e9) {
            return PHR_EINVAL;
        }

        *ms = (int64_t) (v * 1000);
        return PHR_OK;
    }

    if (phr_duration_parse(s.data, s.len, ms) != PHR_OK) {
        return PHR_EINVAL;
    }

    return PHR_OK;
}


int
phr_call_time(const phr_call_t *c, const char *name, int64_t otherwise,
    int64_t *t_ms, phr_err_t *err)
{
    phr_str_t  s;

    s = phr_call_param(c, name);
    if (s.len == 0) {
        *t_ms = otherwise;
        return PHR_OK;
    }

    if (phr_param_time(s, t_ms) != PHR_OK) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"%s\": "
                           "invalid time value for '%s': cannot parse "
                           "\"%.*s\" to a valid timestamp",
                           name, name, (int) phr_min(s.len, 100), s.data);
    }

    return PHR_OK;
}


int
phr_call_duration(const phr_call_t *c, const char *name, int64_t otherwise,
    int64_t *ms, phr_err_t *err)
{
    phr_str_t  s;

    s = phr_call_param(c, name);
    if (s.len == 0) {
        *ms = otherwise;
        return PHR_OK;
    }

    if (phr_param_duration(s, ms) != PHR_OK) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"%s\": "
                           "cannot parse \"%.*s\" to a valid duration",
                           name, (int) phr_min(s.len, 100), s.data);
    }

    return PHR_OK;
}


int
phr_call_limit(const phr_call_t *c, size_t *limit, phr_err_t *err)
{
    int64_t    n;
    phr_str_t  s;

    *limit = 0;

    s = phr_call_param(c, "limit");
    if (s.len == 0) {
        return PHR_OK;
    }

    if (phr_int_parse(s.data, s.len, &n) != PHR_OK) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"limit\": "
                           "strconv.Atoi: parsing \"%.*s\": invalid syntax",
                           (int) phr_min(s.len, 100), s.data);
    }

    if (n < 0) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"limit\": "
                           "limit must be non-negative");
    }

    *limit = (size_t) n;

    return PHR_OK;
}


int
phr_call_matchers(phr_call_t *c, int named, phr_matcher_list_t **lists,
    size_t *n, phr_err_t *err)
{
    int     rc;
    size_t  i;

    rc = phr_call_selectors(c, lists, n, err);

    for (i = 0; rc == PHR_OK && i < *n; i++) {
        if (phr_param_matches_all(&(*lists)[i])) {
            phr_call_free_matchers(*lists, *n);
            *n = 0;
            rc = phr_err_set(err, PHR_EINVAL, "match[] must contain at "
                             "least one non-empty matcher");
        }
    }

    if ((rc == PHR_EPARSE || rc == PHR_EINVAL) && named) {
        phr_err_prefix(err, "invalid parameter \"match[]\": ");
    }

    return rc;
}


int
phr_call_selectors(phr_call_t *c, phr_matcher_list_t **lists, size_t *n,
    phr_err_t *err)
{
    int                  rc;
    size_t               pos;
    phr_str_t            text;
    phr_matcher_list_t  *list;

    *n = 0;
    list = phr_arena_calloc(c->arena, c->nparams + 1, sizeof(*list));
    if (list == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    pos = 0;

    while (phr_call_next_param(c, "match[]", &pos, &text)) {

        rc = phr_promql_parse_selector(c->arena, text, &c->matching,
                                       &list[*n].m, &list[*n].n, err);
        if (rc != PHR_OK) {
            if (err != NULL && err->line != 0) {
                phr_err_prefix(err, "%u:%u: ", err->line, err->column);
            }
            phr_call_free_matchers(list, *n);
            *n = 0;
            return rc;
        }

        (*n)++;
    }

    *lists = list;

    return PHR_OK;
}


/* whether a series without any label would match, too */

static int
phr_param_matches_all(const phr_matcher_list_t *list)
{
    size_t  i;

    for (i = 0; i < list->n; i++) {
        if (phr_matcher_matches(&list->m[i], phr_str_of("")) <= 0) {
            return 0;
        }
    }

    return 1;
}


void
phr_call_free_matchers(phr_matcher_list_t *lists, size_t n)
{
    size_t  i, k;

    for (i = 0; i < n; i++) {
        for (k = 0; k < lists[i].n; k++) {
            phr_matcher_destroy(&lists[i].m[k]);
        }
    }
}


int
phr_call_body(phr_call_t *c, phr_buf_t *b, phr_str_t *body, phr_err_t *err)
{
    int                rc;
    phr_str_t          coding;
    phr_pack_format_e  format;

    coding = c->req->content_encoding;
    *body = c->req->body;

    if (coding.len == 0 || phr_str_eq(coding, phr_str_of("identity"))) {
        return PHR_OK;
    }

    if (phr_str_eq(coding, phr_str_of("gzip"))) {
        format = PHR_PACK_GZIP;

    } else if (phr_str_eq(coding, phr_str_of("snappy"))) {
        format = PHR_PACK_SNAPPY;

    } else if (phr_str_eq(coding, phr_str_of("zstd"))) {
        format = PHR_PACK_ZSTD;

    } else {
        return phr_err_set(err, PHR_EINVAL, "content encoding \"%.*s\" is "
                           "none of gzip, snappy, zstd",
                           (int) phr_min(coding.len, 50), coding.data);
    }

    rc = phr_unpack(format, c->req->body, c->api->limits.max_body_bytes, b,
                    err);

    if (rc == PHR_ECORRUPT) {
        /* it is the client's data that is damaged, not ours */
        err->code = PHR_EINVAL;
        rc = PHR_EINVAL;
    }

    if (rc == PHR_OK) {
        *body = phr_buf_view(b);
    }

    return rc;
}


int
phr_param_bool(phr_str_t s)
{
    size_t  i;

    static const char *const  names[] = {
        "0", "1", "f", "t", "F", "T", "false", "true", "False", "True",
        "FALSE", "TRUE"
    };

    for (i = 0; i < phr_nelems(names); i++) {
        if (phr_str_eq(s, phr_str_from_c(names[i]))) {
            return (int) (i & 1);
        }
    }

    return -1;
}
