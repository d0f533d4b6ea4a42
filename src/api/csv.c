/*
 * Copyright (C) The Pharos Authors
 *
 * CSV: results of queries as rows for a spreadsheet, for who asks for
 * text/csv: RFC 4180, one row a sample, with a column for each label that a
 * series has.
 */

#include "api/call.h"

#include <strings.h>

#include "core/number.h"


/* text of warnings in a header */
#define PHR_CSV_WARNING  1024


typedef struct {
    phr_str_t  *names;          /* of labels, sorted, no two the same */
    size_t      n;
    size_t      max;
} phr_csv_columns_t;


static int phr_csv_quality(phr_str_t range, const char *type);
static int phr_csv_begin(phr_call_t *c, phr_err_t *err);
static void phr_csv_warning(phr_str_t text, phr_buf_t *b);
static int phr_csv_add(phr_call_t *c, phr_csv_columns_t *columns,
    phr_labels_t ls, phr_err_t *err);
static size_t phr_csv_find(const phr_csv_columns_t *columns, phr_str_t name);
static void phr_csv_head(phr_buf_t *b, const phr_csv_columns_t *columns);
static int phr_csv_vector(phr_call_t *c, const phr_result_t *r,
    const phr_csv_columns_t *columns, phr_err_t *err);
static int phr_csv_matrix(phr_call_t *c, const phr_result_t *r,
    const phr_csv_columns_t *columns, phr_err_t *err);
static void phr_csv_labels(phr_buf_t *b, const phr_csv_columns_t *columns,
    phr_labels_t ls);
static void phr_csv_row(phr_call_t *c, int64_t t_ms, double v,
    const phr_hist_t *h, phr_str_t labels);
static void phr_csv_time(phr_buf_t *b, int64_t t_ms);
static void phr_csv_value(phr_buf_t *b, double v);
static void phr_csv_histogram(phr_call_t *c, const phr_hist_t *h);
static void phr_csv_text(phr_buf_t *b, phr_str_t s);


/* RFC 9110, 12.5.1; of two that are liked as much, the one that is named */

int
phr_csv_wanted(const phr_call_t *c)
{
    int          q, csv, json, any;
    phr_str_t    range, rest;
    const char  *comma;

    csv = 0;
    json = -1;
    any = 0;
    rest = c->req->accept;

    while (rest.len != 0) {
        comma = memchr(rest.data, ',', rest.len);

        range = rest;
        range.len = comma != NULL ? (size_t) (comma - rest.data) : rest.len;

        rest.data += range.len;
        rest.len -= range.len;

        if (comma != NULL) {
            rest.data++;
            rest.len--;
        }

        q = phr_csv_quality(range, "text/csv");
        csv = phr_max(csv, q);

        q = phr_csv_quality(range, "application/json");
        json = phr_max(json, q);

        q = phr_csv_quality(range, "application/*");
        any = phr_max(any, q);

        q = phr_csv_quality(range, "*/*");
        any = phr_max(any, q);
    }

    return csv > 0 && csv >= (json >= 0 ? json : any);
}


/* in thousandths, -1 if the range is another one */

static int
phr_csv_quality(phr_str_t range, const char *type)
{
    int          q, unit;
    size_t       len;
    const char  *p, *end;

    p = range.data;
    end = p + range.len;
    len = strlen(type);

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if ((size_t) (end - p) < len || strncasecmp(p, type, len) != 0) {
        return -1;
    }

    p += len;

    if (p < end && *p != ';' && *p != ' ' && *p != '\t') {
        return -1;
    }

    for ( /* void */ ; p + 2 < end; p++) {
        if ((*p == ';' || *p == ' ') && (p[1] == 'q' || p[1] == 'Q')
            && p[2] == '=')
        {
            break;
        }
    }

    if (p + 2 >= end) {
        return 1000;
    }

    q = 0;
    unit = 1000;

    for (p += 3; p < end && unit > 0; p++) {

        if (*p >= '0' && *p <= '9') {
            q += (*p - '0') * unit;
            unit /= 10;

        } else if (*p != '.') {
            break;
        }
    }

    return phr_min(q, 1000);
}


int
phr_csv_result(phr_call_t *c, const phr_result_t *r, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    phr_buf_t          *b;
    phr_csv_columns_t   columns;

    memset(&columns, 0, sizeof(columns));
    b = &c->res->body;

    rc = phr_csv_begin(c, err);

    for (i = 0; rc == PHR_OK && i < r->nsamples; i++) {
        rc = phr_csv_add(c, &columns, r->samples[i].labels, err);
    }

    for (i = 0; rc == PHR_OK && i < r->nseries; i++) {
        rc = phr_csv_add(c, &columns, r->series[i].labels, err);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    phr_csv_head(b, &columns);

    switch (r->type) {

    case PHR_TYPE_SCALAR:
        phr_csv_row(c, r->t_ms, r->scalar, NULL, phr_str_of("\r\n"));
        return PHR_OK;

    case PHR_TYPE_STRING:
        phr_csv_time(b, r->t_ms);
        phr_buf_putc(b, ',');
        phr_csv_text(b, r->string);
        phr_buf_puts(b, "\r\n");
        return PHR_OK;

    case PHR_TYPE_VECTOR:
        return phr_csv_vector(c, r, &columns, err);

    default:
        return phr_csv_matrix(c, r, &columns, err);
    }
}


/* there is no place for warnings in the rows */

static int
phr_csv_begin(phr_call_t *c, phr_err_t *err)
{
    int         rc;
    char       *text;
    size_t      i;
    phr_buf_t   b;

    c->res->status = 200;
    c->res->content_type = phr_str_of("text/csv; charset=utf-8; "
                                      "header=present");
    phr_call_header(c, "Vary", phr_str_of("Accept"));

    phr_buf_init(&b, 0);

    for (i = 0; i < c->nwarnings; i++) {
        phr_csv_warning(c->warnings[i], &b);
    }

    for (i = 0; i < c->ninfos; i++) {
        phr_csv_warning(c->infos[i], &b);
    }

    rc = b.failed;

    if (rc == PHR_OK && b.len != 0) {
        text = phr_arena_strdup(c->arena, b.data, b.len);

        if (text != NULL) {
            phr_call_header(c, "Warning", phr_str_from(text, b.len));

        } else {
            rc = phr_arena_rc(c->arena);
        }
    }

    phr_buf_free(&b);

    return rc == PHR_OK ? rc : phr_err_set(err, rc, "out of memory");
}


/* RFC 7234, 5.5: 299 is one that is not of a cache */

static void
phr_csv_warning(phr_str_t text, phr_buf_t *b)
{
    char    ch;
    size_t  i;

    if (b->len > PHR_CSV_WARNING) {
        return;
    }

    phr_buf_puts(b, b->len != 0 ? ", 299 - \"" : "299 - \"");

    for (i = 0; i < phr_min(text.len, PHR_CSV_WARNING); i++) {
        ch = text.data[i];

        if (ch == '"' || ch == '\\') {
            phr_buf_putc(b, '\\');
        }

        phr_buf_putc(b, ch < ' ' || ch > '~' ? '?' : ch);
    }

    phr_buf_putc(b, '"');
}


static int
phr_csv_add(phr_call_t *c, phr_csv_columns_t *columns, phr_labels_t ls,
    phr_err_t *err)
{
    size_t      i, at, max;
    phr_str_t  *grown;

    for (i = 0; i < ls.n; i++) {
        at = phr_csv_find(columns, ls.l[i].name);

        if (at < columns->n && phr_str_eq(columns->names[at], ls.l[i].name)) {
            continue;
        }

        if (columns->n == columns->max) {
            max = columns->max * 2 + 16;

            grown = phr_arena_grow(c->arena, columns->names,
                                   columns->max * sizeof(phr_str_t),
                                   max * sizeof(phr_str_t));
            if (grown == NULL) {
                return phr_err_set(err, phr_arena_rc(c->arena),
                                   "out of memory");
            }

            columns->names = grown;
            columns->max = max;
        }

        memmove(&columns->names[at + 1], &columns->names[at],
                (columns->n - at) * sizeof(phr_str_t));
        columns->names[at] = ls.l[i].name;
        columns->n++;
    }

    return PHR_OK;
}


/* where the name is, or would be */

static size_t
phr_csv_find(const phr_csv_columns_t *columns, phr_str_t name)
{
    size_t  low, high, mid;

    low = 0;
    high = columns->n;

    while (low < high) {
        mid = (low + high) / 2;

        if (phr_str_cmp(columns->names[mid], name) < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return low;
}


/* a label may be called "value": the two that are no labels come first */

static void
phr_csv_head(phr_buf_t *b, const phr_csv_columns_t *columns)
{
    size_t  i;

    phr_buf_puts(b, "timestamp,value");

    for (i = 0; i < columns->n; i++) {
        phr_buf_putc(b, ',');
        phr_csv_text(b, columns->names[i]);
    }

    phr_buf_puts(b, "\r\n");
}


static int
phr_csv_vector(phr_call_t *c, const phr_result_t *r,
    const phr_csv_columns_t *columns, phr_err_t *err)
{
    int                         rc;
    size_t                      i;
    phr_buf_t                   labels;
    const phr_result_sample_t  *s;

    rc = PHR_OK;
    phr_buf_init(&labels, 0);

    for (i = 0; i < r->nsamples && rc == PHR_OK; i++) {
        s = &r->samples[i];

        phr_csv_labels(&labels, columns, s->labels);
        phr_csv_row(c, s->t_ms, s->v, s->h, phr_buf_view(&labels));

        rc = labels.failed == PHR_OK
             ? phr_call_stream(c, err)
             : phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_buf_free(&labels);

    return rc;
}


static int
phr_csv_matrix(phr_call_t *c, const phr_result_t *r,
    const phr_csv_columns_t *columns, phr_err_t *err)
{
    int                         rc;
    size_t                      i, k;
    phr_buf_t                   labels;
    const phr_result_series_t  *s;

    rc = PHR_OK;
    phr_buf_init(&labels, 0);

    for (i = 0; i < r->nseries && rc == PHR_OK; i++) {
        s = &r->series[i];

        phr_csv_labels(&labels, columns, s->labels);

        for (k = 0; k < s->n; k++) {
            phr_csv_row(c, s->t_ms[k], s->v[k], s->h ? s->h[k] : NULL,
                        phr_buf_view(&labels));
        }

        rc = labels.failed == PHR_OK
             ? phr_call_stream(c, err)
             : phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_buf_free(&labels);

    return rc;
}


/* the end of all rows of a series; both lists are sorted */

static void
phr_csv_labels(phr_buf_t *b, const phr_csv_columns_t *columns,
    phr_labels_t ls)
{
    size_t  i, k;

    phr_buf_reset(b);

    for (i = 0, k = 0; i < columns->n; i++) {
        phr_buf_putc(b, ',');

        if (k < ls.n && phr_str_eq(ls.l[k].name, columns->names[i])) {
            phr_csv_text(b, ls.l[k].value);
            k++;
        }
    }

    phr_buf_puts(b, "\r\n");
}


static void
phr_csv_row(phr_call_t *c, int64_t t_ms, double v, const phr_hist_t *h,
    phr_str_t labels)
{
    phr_csv_time(&c->res->body, t_ms);
    phr_buf_putc(&c->res->body, ',');

    if (h != NULL) {
        phr_csv_histogram(c, h);

    } else {
        phr_csv_value(&c->res->body, v);
    }

    phr_buf_str(&c->res->body, labels);
}


/* as in the answers in JSON */

static void
phr_csv_time(phr_buf_t *b, int64_t t_ms)
{
    phr_json_writer_t  w;

    phr_json_init(&w, b);
    phr_json_time(&w, t_ms);
}


static void
phr_csv_value(phr_buf_t *b, double v)
{
    char  *out;

    out = phr_buf_reserve(b, PHR_NUMBER_LEN);
    if (out != NULL) {
        b->len += phr_number_write_value(out, v);
    }
}


/* "{count:3, sum:2.5, (1,2]:3}", with what is not empty */

static void
phr_csv_histogram(phr_call_t *c, const phr_hist_t *h)
{
    size_t              i, n;
    phr_buf_t          *b;
    phr_arena_mark_t    mark;
    phr_hist_bucket_t  *list;

    b = &c->res->body;
    mark = phr_arena_mark(c->arena);

    list = phr_arena_alloc(c->arena,
                           phr_hist_nbuckets(h) * sizeof(phr_hist_bucket_t));
    if (list == NULL) {
        b->failed = phr_arena_rc(c->arena);
        return;
    }

    n = phr_hist_list(h, list, 1);

    phr_buf_puts(b, "\"{count:");
    phr_csv_value(b, h->count);
    phr_buf_puts(b, ", sum:");
    phr_csv_value(b, h->sum);

    for (i = 0; i < n; i++) {

        if (list[i].count == 0) {
            continue;
        }

        phr_buf_puts(b, list[i].lower_inclusive ? ", [" : ", (");
        phr_csv_value(b, list[i].lower);
        phr_buf_putc(b, ',');
        phr_csv_value(b, list[i].upper);
        phr_buf_puts(b, list[i].upper_inclusive ? "]:" : "):");
        phr_csv_value(b, list[i].count);
    }

    phr_buf_puts(b, "}\"");

    phr_arena_release(c->arena, mark);
}


static void
phr_csv_text(phr_buf_t *b, phr_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] == '"' || s.data[i] == ',' || s.data[i] == '\r'
            || s.data[i] == '\n')
        {
            break;
        }
    }

    if (i == s.len) {
        phr_buf_str(b, s);
        return;
    }

    phr_buf_putc(b, '"');

    for (i = 0; i < s.len; i++) {
        if (s.data[i] == '"') {
            phr_buf_putc(b, '"');
        }

        phr_buf_putc(b, s.data[i]);
    }

    phr_buf_putc(b, '"');
}
