/*
 * Copyright (C) The Pharos Authors
 *
 * What the formats share: names, quoted strings, label lists, numbers, and
 * the labels made of them.  The formats themselves are in expo_text.c,
 * expo_openmetrics.c and expo_lines.c.
 */

#include "ingest/exposition.h"

#include <stdlib.h>
#include <strings.h>

#include "core/number.h"
#include "core/utf8.h"


/* powers of ten that a double holds exactly */
#define PHR_EXPO_EXACT_POW10  22

#define PHR_EXPO_EXACT_INT    (1ULL << 53)

#define PHR_EXPO_MAX_NUMBER   1024


static const char *phr_expo_exponent(const char *s, const char *end,
    int *exp10);
static int phr_expo_value_slow(phr_expo_t *p, double *v, phr_err_t *err);
static int phr_expo_pair(phr_expo_t *p, phr_array_t *pairs, phr_str_t name,
    phr_err_t *err);
static void phr_expo_blanks(phr_expo_t *p);
static int phr_expo_set(phr_expo_t *p, phr_arena_t *arena,
    const phr_str_t *metric, const phr_array_t *pairs, phr_labels_t *out);
static phr_str_t phr_expo_bound(phr_expo_t *p, phr_arena_t *arena,
    phr_str_t name, phr_str_t value);
static int phr_expo_label_cmp(const void *a, const void *b);


static const double  phr_expo_pow10[] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
    1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};


/* ORDER METRIC_TYPE */
static const char  *phr_metric_types[] = {
    "unknown",
    "counter",
    "gauge",
    "histogram",
    "gaugehistogram",
    "summary",
    "info",
    "stateset",
};


void
phr_expo_init(phr_expo_t *p, phr_expo_format_e format, phr_str_t body)
{
    memset(p, 0, sizeof(phr_expo_t));

    if (body.data == NULL) {
        body = phr_str_of("");
    }

    p->body = body.data;
    p->pos = body.data;
    p->start = body.data;
    p->end = body.data + body.len;
    p->format = format;
    p->normalize = 1;

    phr_array_init(&p->pairs, sizeof(phr_expo_pair_t));
    phr_array_init(&p->exemplar_pairs, sizeof(phr_expo_pair_t));
}


void
phr_expo_free(phr_expo_t *p)
{
    phr_array_free(&p->pairs);
    phr_array_free(&p->exemplar_pairs);
}


int
phr_expo_next(phr_expo_t *p, phr_err_t *err)
{
    p->same = 0;

    switch (p->format) {

    case PHR_EXPO_OPENMETRICS:
        return phr_expo_openmetrics_next(p, err);

    case PHR_EXPO_LINES:
        return phr_expo_lines_next(p, err);

    default:
        return phr_expo_text_next(p, err);
    }
}


int
phr_expo_next_like(phr_expo_t *p, const char *metric, size_t len,
    phr_err_t *err)
{
    int  rc;

    rc = PHR_NOTFOUND;

    if ((size_t) (p->end - p->pos) > len
        && memcmp(p->pos, metric, len) == 0)
    {
        rc = phr_expo_next_known(p, len, err);
    }

    return rc == PHR_NOTFOUND ? phr_expo_next(p, err) : rc;
}


int
phr_expo_next_known(phr_expo_t *p, size_t len, phr_err_t *err)
{
    const char  *s;

    /*
     * A name without braces may go on, and in the text format a blank may
     * stand between name and brace: then the line is another series.
     */

    s = p->pos + len;

    if (p->format == PHR_EXPO_OPENMETRICS) {
        if (*s != ' ') {
            return PHR_NOTFOUND;
        }

    } else if (p->format == PHR_EXPO_LINES) {
        if (*s != '=') {
            return PHR_NOTFOUND;
        }

    } else if (s[-1] != '}') {

        if (*s != ' ' && *s != '\t') {
            return PHR_NOTFOUND;
        }

        while (s < p->end && (*s == ' ' || *s == '\t')) {
            s++;
        }

        if (s < p->end && *s == '{') {
            return PHR_NOTFOUND;
        }
    }

    p->start = p->pos;
    p->pos += len;
    p->metric_len = len;
    p->event = PHR_EXPO_SAMPLE;
    p->same = 1;

    switch (p->format) {

    case PHR_EXPO_OPENMETRICS:
        return phr_expo_openmetrics_rest(p, err);

    case PHR_EXPO_LINES:
        return phr_expo_lines_rest(p, err);

    default:
        return phr_expo_text_rest(p, err);
    }
}


int
phr_expo_metric(phr_expo_t *p, phr_expo_format_e format, phr_str_t metric,
    phr_err_t *err)
{
    p->body = metric.data;
    p->pos = metric.data;
    p->start = metric.data;
    p->end = metric.data + metric.len;
    p->format = format;
    p->same = 0;

    if (format == PHR_EXPO_OPENMETRICS) {
        return phr_expo_openmetrics_metric(p, err);
    }

    return phr_expo_text_metric(p, err);
}


int
phr_expo_labels(phr_expo_t *p, phr_arena_t *arena, phr_labels_t *out,
    phr_err_t *err)
{
    int  rc;

    phr_assert(!p->same);

    rc = phr_expo_set(p, arena, &p->name, &p->pairs, out);

    switch (rc) {

    case PHR_OK:
        return PHR_OK;

    case PHR_EINVAL:
        p->pos = p->start;
        return phr_expo_error(p, err, "name is not valid UTF-8");

    case PHR_EDUPLICATE:
        p->pos = p->start;
        return phr_expo_error(p, err, "label name is not unique");

    default:
        return phr_err_set(err, rc, "no memory for labels");
    }
}


int
phr_expo_exemplar(phr_expo_t *p, phr_arena_t *arena, phr_exemplar_t *e)
{
    int  rc;

    e->t_ms = p->exemplar_t_ms;
    e->v = p->exemplar_value;
    e->has_t = p->has_exemplar_t;

    rc = phr_expo_set(p, arena, NULL, &p->exemplar_pairs, &e->labels);

    return rc == PHR_EINVAL || rc == PHR_EDUPLICATE ? PHR_EPARSE : rc;
}


/*
 * The set of labels of pairs, with that of a metric's name if there is one.
 * PHR_EINVAL, PHR_EDUPLICATE, or the arena's failure.
 */

static int
phr_expo_set(phr_expo_t *p, phr_arena_t *arena, const phr_str_t *metric,
    const phr_array_t *pairs, phr_labels_t *out)
{
    size_t            i, n;
    phr_str_t         name, value;
    phr_label_t      *l;
    phr_expo_pair_t  *pair;

    l = phr_arena_alloc(arena, (pairs->nelts + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_arena_rc(arena);
    }

    n = 0;

    for (i = metric != NULL ? 0 : 1; i <= pairs->nelts; i++) {

        if (i == 0) {
            name = phr_str_of(PHR_METRIC_NAME);
            value = phr_expo_unescape(p, arena, *metric);

        } else {
            pair = phr_array_get(pairs, phr_expo_pair_t, i - 1);
            name = phr_expo_unescape(p, arena, pair->name);
            value = phr_expo_unescape(p, arena, pair->value);

            if (value.data != NULL && name.data != NULL && metric != NULL) {
                value = phr_expo_bound(p, arena, name, value);
            }
        }

        if (name.data == NULL || value.data == NULL) {
            return phr_arena_rc(arena);
        }

        if (!phr_utf8_valid(name.data, name.len)
            || (i == 0 && !phr_utf8_valid(value.data, value.len)))
        {
            return PHR_EINVAL;
        }

        l[n].name = name;
        l[n].value = value;
        n++;
    }

    qsort(l, n, sizeof(phr_label_t), phr_expo_label_cmp);

    for (i = 1; i < n; i++) {
        if (phr_str_eq(l[i].name, l[i - 1].name)) {
            return PHR_EDUPLICATE;
        }
    }

    out->n = 0;
    out->l = l;

    for (i = 0; i < n; i++) {
        if (l[i].value.len != 0) {
            l[out->n++] = l[i];
        }
    }

    return PHR_OK;
}


/*
 * Label values know \" \\ and \n; HELP of the text format knows only the
 * last two.  Any other backslash stands for itself.
 */

phr_str_t
phr_expo_unescape(phr_expo_t *p, phr_arena_t *arena, phr_str_t s)
{
    int          quotes;
    char        *out, *d;
    size_t       i;

    if (s.len == 0 || memchr(s.data, '\\', s.len) == NULL) {
        return s.data ? s : phr_str_of("");
    }

    quotes = !(p->format == PHR_EXPO_TEXT && p->event == PHR_EXPO_HELP);

    out = phr_arena_alloc(arena, s.len);
    if (out == NULL) {
        return phr_str_from(NULL, 0);
    }

    d = out;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] == '\\' && i + 1 < s.len) {
            switch (s.data[i + 1]) {

            case '\\':
                *d++ = '\\';
                i++;
                continue;

            case 'n':
                *d++ = '\n';
                i++;
                continue;

            case '"':
                if (quotes) {
                    *d++ = '"';
                    i++;
                    continue;
                }
                break;
            }
        }

        *d++ = s.data[i];
    }

    return phr_str_from(out, (size_t) (d - out));
}


phr_expo_format_e
phr_expo_content_type(phr_str_t content_type)
{
    phr_str_t               s;
    static const phr_str_t  om = phr_str("application/openmetrics-text");

    s = content_type;

    while (s.len != 0 && (*s.data == ' ' || *s.data == '\t')) {
        s.data++;
        s.len--;
    }

    if (s.len >= om.len
        && strncasecmp(s.data, om.data, om.len) == 0
        && (s.len == om.len || strchr("; \t", s.data[om.len]) != NULL))
    {
        return PHR_EXPO_OPENMETRICS;
    }

    return PHR_EXPO_TEXT;
}


const char *
phr_metric_type_text(phr_metric_type_e type)
{
    return phr_metric_types[type];
}


int
phr_metric_type_parse(phr_str_t s, phr_metric_type_e *type)
{
    size_t  i;

    for (i = 0; i < phr_nelems(phr_metric_types); i++) {
        if (phr_str_eq(s, phr_str_from_c(phr_metric_types[i]))) {
            *type = (phr_metric_type_e) i;
            return PHR_OK;
        }
    }

    return PHR_NOTFOUND;
}


phr_str_t
phr_expo_name(phr_expo_t *p, int colons)
{
    char         c;
    const char  *s;

    for (s = p->pos; s < p->end; s++) {
        c = *s;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
            || (c == ':' && colons)
            || (c >= '0' && c <= '9' && s != p->pos))
        {
            continue;
        }

        break;
    }

    colons = (int) (s - p->pos);
    p->pos = s;

    return phr_str_from(s - colons, (size_t) colons);
}


int
phr_expo_quoted(phr_expo_t *p, int newlines, phr_str_t *s)
{
    const char  *c;

    if (p->pos == p->end || *p->pos != '"') {
        return PHR_NOTFOUND;
    }

    for (c = p->pos + 1; c < p->end; c++) {

        if (*c == '"') {
            *s = phr_str_from(p->pos + 1, (size_t) (c - p->pos - 1));
            p->pos = c + 1;
            return PHR_OK;
        }

        if (*c == '\\') {
            c++;
            if (c == p->end || *c == '\n') {
                break;
            }

        } else if (*c == '\n' && !newlines) {
            break;
        }
    }

    return PHR_NOTFOUND;
}


/*
 * Nearly all values have few digits: a mantissa below 2^53 and a power of
 * ten that is exact, so one multiplication or division rounds once and
 * the result is the nearest double.
 */

int
phr_expo_value(phr_expo_t *p, double *v, phr_err_t *err)
{
    int          neg, exp10, digits;
    char         c;
    uint64_t     m;
    const char  *s, *point;

    s = p->pos;
    neg = 0;
    m = 0;
    digits = 0;
    point = NULL;

    if (s < p->end && *s == '-') {
        neg = 1;
        s++;
    }

    for ( /* void */ ; s < p->end; s++) {
        c = *s;

        if (c >= '0' && c <= '9') {
            m = m * 10 + (uint64_t) (c - '0');
            digits++;

        } else if (c == '.' && point == NULL) {
            point = s;

        } else {
            break;
        }
    }

    exp10 = point ? (int) (point + 1 - s) : 0;

    if (s < p->end && *s == 'e') {
        s = phr_expo_exponent(s + 1, p->end, &exp10);
    }

    if (s == NULL || digits == 0 || digits > 18 || m > PHR_EXPO_EXACT_INT
        || exp10 > PHR_EXPO_EXACT_POW10 || exp10 < -PHR_EXPO_EXACT_POW10
        || (s < p->end && *s != ' ' && *s != '\n' && *s != '\t'))
    {
        return phr_expo_value_slow(p, v, err);
    }

    *v = (double) m;

    if (exp10 > 0) {
        *v *= phr_expo_pow10[exp10];

    } else if (exp10 < 0) {
        *v /= phr_expo_pow10[-exp10];
    }

    if (neg) {
        *v = -*v;
    }

    p->pos = s;

    return PHR_OK;
}


/* as Go prints all from a million on; NULL if it takes a closer look */

static const char *
phr_expo_exponent(const char *s, const char *end, int *exp10)
{
    int          neg, n;
    const char  *first;

    neg = 0;

    if (s < end && (*s == '+' || *s == '-')) {
        neg = (*s == '-');
        s++;
    }

    n = 0;

    for (first = s; s < end && *s >= '0' && *s <= '9'; s++) {
        n = n * 10 + (*s - '0');

        if (s - first == 3) {
            return NULL;
        }
    }

    *exp10 += neg ? -n : n;

    return s == first ? NULL : s;
}


static int
phr_expo_value_slow(phr_expo_t *p, double *v, phr_err_t *err)
{
    int          sp;
    double       value;
    const char  *s;

    sp = p->format == PHR_EXPO_OPENMETRICS;

    for (s = p->pos; s < p->end; s++) {
        if (*s == ' ' || *s == '\n') {
            break;
        }

        if (!sp && (*s == '\t' || *s == '{')) {
            break;
        }

        /* Go's parser takes these, the formats do not */
        if (*s == 'p' || *s == 'P' || *s == '_' || *s == 'x' || *s == 'X') {
            return phr_expo_error(p, err, "unsupported character in float");
        }
    }

    if (s == p->pos) {
        return phr_expo_error(p, err, "expected value after metric");
    }

    if (s - p->pos > PHR_EXPO_MAX_NUMBER
        || phr_number_parse(p->pos, (size_t) (s - p->pos), &value) != PHR_OK)
    {
        return phr_expo_error(p, err, "invalid number");
    }

    /* the one NaN that Prometheus stores for all but the stale marker */
    *v = value != value ? phr_double_from_bits(PHR_NORMAL_NAN_BITS) : value;

    p->pos = s;

    return PHR_OK;
}


int
phr_expo_pairs(phr_expo_t *p, phr_array_t *pairs, int exemplar,
    phr_err_t *err)
{
    int        rc, text;
    phr_str_t  name;

    text = p->format != PHR_EXPO_OPENMETRICS;

    for ( ;; ) {
        phr_expo_blanks(p);

        if (p->pos < p->end && *p->pos == '}') {
            p->pos++;
            return PHR_OK;
        }

        if (phr_expo_quoted(p, text || !exemplar, &name) == PHR_OK) {
            phr_expo_blanks(p);

            if (p->pos < p->end && (*p->pos == ',' || *p->pos == '}')) {

                /* a quoted string alone is the metric name */

                if (exemplar) {
                    return phr_expo_error(p, err, "expected equal");
                }

                if (p->name.data != NULL) {
                    return phr_expo_error(p, err, "metric name already set");
                }

                p->name = name;

                if (*p->pos == ',') {
                    p->pos++;
                }

                continue;
            }

        } else {
            name = phr_expo_name(p, 0);
            if (name.len == 0) {
                return phr_expo_error(p, err, "expected label name");
            }
        }

        rc = phr_expo_pair(p, pairs, name, err);
        if (rc != PHR_OK) {
            return rc;
        }

        phr_expo_blanks(p);

        if (p->pos < p->end && *p->pos == ',') {
            p->pos++;

        } else if (!text && (p->pos == p->end || *p->pos != '}')) {
            return phr_expo_error(p, err, "expected comma or brace close");
        }
    }
}


static int
phr_expo_pair(phr_expo_t *p, phr_array_t *pairs, phr_str_t name,
    phr_err_t *err)
{
    phr_str_t         value;
    const char       *at;
    phr_expo_pair_t  *pair;

    phr_expo_blanks(p);

    if (p->pos == p->end || *p->pos != '=') {
        return phr_expo_error(p, err, "expected equal");
    }

    p->pos++;
    phr_expo_blanks(p);

    at = p->pos;

    if (phr_expo_quoted(p, p->format != PHR_EXPO_OPENMETRICS, &value)
        != PHR_OK)
    {
        return phr_expo_error(p, err, "expected label value");
    }

    if (!phr_utf8_valid(value.data, value.len)) {
        p->pos = at;
        return phr_expo_error(p, err, "invalid UTF-8 label value");
    }

    pair = phr_array_push(pairs);
    if (pair == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for labels");
    }

    pair->name = name;
    pair->value = value;

    return PHR_OK;
}


/* OpenMetrics has no optional blanks */

static void
phr_expo_blanks(phr_expo_t *p)
{
    if (p->format == PHR_EXPO_OPENMETRICS) {
        return;
    }

    while (p->pos < p->end && (*p->pos == ' ' || *p->pos == '\t')) {
        p->pos++;
    }
}


int
phr_expo_error(phr_expo_t *p, phr_err_t *err, const char *what)
{
    int          len;
    uint32_t     line;
    const char  *s, *bol;

    line = 1;
    bol = p->body;

    for (s = p->body; s < p->pos; s++) {
        if (*s == '\n') {
            line++;
            bol = s + 1;
        }
    }

    for (s = p->pos; s < p->end && *s != '\n' && s - p->pos < 40; s++) {
        /* void */
    }

    len = (int) (s - p->pos);

    if (p->format == PHR_EXPO_LINES) {

        /* nobody has seen these lines */

        return phr_err_set(err, PHR_EPARSE, "%s, got \"%.*s\"", what, len,
                           p->pos);
    }

    return phr_err_in_file(err, PHR_EPARSE, NULL, line,
                           (uint32_t) (p->pos - bol) + 1,
                           "%s, got \"%.*s\"", what, len, p->pos);
}


static phr_str_t
phr_expo_bound(phr_expo_t *p, phr_arena_t *arena, phr_str_t name,
    phr_str_t value)
{
    char    out[PHR_EXPO_BOUND];
    size_t  len;
    double  v;

    if (!p->normalize
        || !((p->type == PHR_METRIC_HISTOGRAM
              && phr_str_eq(name, phr_str_of("le")))
             || (p->type == PHR_METRIC_SUMMARY
                 && phr_str_eq(name, phr_str_of("quantile")))))
    {
        return value;
    }

    if (phr_number_parse(value.data, value.len, &v) != PHR_OK) {
        return value;
    }

    len = phr_expo_bound_write(out, v);

    if (len == value.len && memcmp(out, value.data, len) == 0) {
        return value;
    }

    return phr_arena_str(arena, phr_str_from(out, len));
}


size_t
phr_expo_bound_write(char *out, double v)
{
    size_t  len;

    len = phr_number_write(out, v);

    if (v - v == 0 && memchr(out, '.', len) == NULL
        && memchr(out, 'e', len) == NULL)
    {
        out[len++] = '.';
        out[len++] = '0';
    }

    return len;
}


static int
phr_expo_label_cmp(const void *a, const void *b)
{
    return phr_str_cmp(((const phr_label_t *) a)->name,
                       ((const phr_label_t *) b)->name);
}
