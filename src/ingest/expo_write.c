/*
 * Copyright (C) The Pharos Authors
 *
 * Writing the text formats.  Names outside [a-zA-Z0-9_:] are quoted, as
 * both formats allow since names may be UTF-8.
 */

#include "ingest/expo_write.h"

#include "core/number.h"


static void phr_expo_put_name(phr_buf_t *b, phr_str_t name);
static void phr_expo_put_line(phr_expo_writer_t *w, phr_str_t name,
    const char *suffix, const phr_label_t *labels, size_t n,
    const double *le, double v);
static void phr_expo_put_time(phr_expo_writer_t *w, int64_t t_ms);
static void phr_expo_put_label(phr_buf_t *b, phr_str_t name,
    phr_str_t value, int *first);
static void phr_expo_put_escaped(phr_buf_t *b, phr_str_t s, int quotes);
static void phr_expo_put_bound(phr_expo_writer_t *w, double le);
static int phr_expo_has_total(phr_str_t name);


void
phr_expo_begin(phr_expo_writer_t *w, phr_buf_t *out, phr_expo_format_e format)
{
    w->out = out;
    w->format = format;
    w->name = phr_str_of("");
    w->type = PHR_METRIC_UNKNOWN;
}


void
phr_expo_end(phr_expo_writer_t *w)
{
    if (w->format == PHR_EXPO_OPENMETRICS) {
        phr_buf_puts(w->out, "# EOF\n");
    }
}


void
phr_expo_family(phr_expo_writer_t *w, phr_str_t name, phr_metric_type_e type,
    phr_str_t help)
{
    phr_str_t    family;
    const char  *text;

    w->name = name;
    w->type = type;

    family = name;
    text = phr_metric_type_text(type);

    if (w->format == PHR_EXPO_OPENMETRICS) {

        /* the family of a counter is named without the suffix */

        if (type == PHR_METRIC_COUNTER && phr_expo_has_total(name)) {
            family.len -= 6;
        }

    } else {

        switch (type) {

        case PHR_METRIC_UNKNOWN:
            text = "untyped";
            break;

        case PHR_METRIC_GAUGEHISTOGRAM:
            text = "histogram";
            break;

        case PHR_METRIC_INFO:
        case PHR_METRIC_STATESET:
            text = "gauge";
            break;

        default:
            break;
        }
    }

    if (help.len != 0) {
        phr_buf_puts(w->out, "# HELP ");
        phr_expo_put_name(w->out, family);
        phr_buf_putc(w->out, ' ');
        phr_expo_put_escaped(w->out, help,
                             w->format == PHR_EXPO_OPENMETRICS);
        phr_buf_putc(w->out, '\n');
    }

    phr_buf_puts(w->out, "# TYPE ");
    phr_expo_put_name(w->out, family);
    phr_buf_putc(w->out, ' ');
    phr_buf_puts(w->out, text);
    phr_buf_putc(w->out, '\n');
}


void
phr_expo_sample(phr_expo_writer_t *w, const phr_label_t *labels, size_t n,
    double v)
{
    const char  *suffix;

    suffix = "";

    if (w->format == PHR_EXPO_OPENMETRICS && w->type == PHR_METRIC_COUNTER
        && !phr_expo_has_total(w->name))
    {
        suffix = "_total";
    }

    phr_expo_put_line(w, w->name, suffix, labels, n, NULL, v);
    phr_buf_putc(w->out, '\n');
}


void
phr_expo_histogram(phr_expo_writer_t *w, const phr_label_t *labels, size_t n,
    const double *bounds, const uint64_t *counts, size_t nbounds, double sum)
{
    double    le;
    size_t    i;
    uint64_t  total;

    total = 0;

    for (i = 0; i <= nbounds; i++) {
        total += counts[i];
        le = i < nbounds ? bounds[i]
                         : phr_double_from_bits(0x7ff0000000000000ULL);

        phr_expo_put_line(w, w->name, "_bucket", labels, n, &le,
                          (double) total);
        phr_buf_putc(w->out, '\n');
    }

    phr_expo_put_line(w, w->name, "_sum", labels, n, NULL, sum);
    phr_buf_putc(w->out, '\n');
    phr_expo_put_line(w, w->name, "_count", labels, n, NULL, (double) total);
    phr_buf_putc(w->out, '\n');
}


void
phr_expo_series(phr_expo_writer_t *w, phr_labels_t ls, double v, int has_t,
    int64_t t_ms)
{
    phr_expo_put_line(w, phr_labels_get(ls, phr_str_of(PHR_METRIC_NAME)), "",
                      ls.l, ls.n, NULL, v);

    if (has_t) {
        phr_expo_put_time(w, t_ms);
    }

    phr_buf_putc(w->out, '\n');
}


void
phr_expo_series_hist(phr_expo_writer_t *w, phr_labels_t ls,
    const phr_hist_t *h, int64_t t_ms)
{
    phr_hist_classic_t  c;

    phr_hist_classic_init(&c, h);

    while (phr_hist_classic_next(&c)) {
        phr_expo_put_line(w, w->name, "_bucket", ls.l, ls.n, &c.le, c.count);
        phr_expo_put_time(w, t_ms);
        phr_buf_putc(w->out, '\n');
    }

    phr_expo_put_line(w, w->name, "_sum", ls.l, ls.n, NULL, h->sum);
    phr_expo_put_time(w, t_ms);
    phr_buf_putc(w->out, '\n');

    phr_expo_put_line(w, w->name, "_count", ls.l, ls.n, NULL, h->count);
    phr_expo_put_time(w, t_ms);
    phr_buf_putc(w->out, '\n');
}


const char *
phr_expo_media_type(phr_expo_format_e format)
{
    return format == PHR_EXPO_OPENMETRICS
           ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
           : "text/plain; version=0.0.4; charset=utf-8";
}


static void
phr_expo_put_name(phr_buf_t *b, phr_str_t name)
{
    if (phr_metric_name_valid(name)) {
        phr_buf_str(b, name);
        return;
    }

    phr_buf_putc(b, '"');
    phr_expo_put_escaped(b, name, 1);
    phr_buf_putc(b, '"');
}


/* all but the end of the line; __name__ among the labels is left out */

static void
phr_expo_put_line(phr_expo_writer_t *w, phr_str_t name, const char *suffix,
    const phr_label_t *labels, size_t n, const double *le, double v)
{
    int         first, plain;
    size_t      i;
    phr_buf_t  *b;

    b = w->out;
    plain = phr_metric_name_valid(name);
    first = 1;

    if (plain) {
        phr_buf_str(b, name);
        phr_buf_puts(b, suffix);

    } else {
        phr_buf_puts(b, "{\"");
        phr_expo_put_escaped(b, name, 1);
        phr_buf_puts(b, suffix);
        phr_buf_putc(b, '"');
        first = 0;
    }

    for (i = 0; i < n; i++) {
        if (!phr_str_eq(labels[i].name, phr_str_of(PHR_METRIC_NAME))) {
            phr_expo_put_label(b, labels[i].name, labels[i].value, &first);
        }
    }

    if (le != NULL) {
        phr_buf_puts(b, first ? "{le=\"" : ",le=\"");
        phr_expo_put_bound(w, *le);
        phr_buf_putc(b, '"');
        first = 0;
    }

    if (!first) {
        phr_buf_putc(b, '}');
    }

    phr_buf_putc(b, ' ');
    phr_number_format_g(b, v);
}


static void
phr_expo_put_time(phr_expo_writer_t *w, int64_t t_ms)
{
    if (w->format == PHR_EXPO_OPENMETRICS) {
        phr_buf_putc(w->out, ' ');
        phr_number_format(w->out, (double) t_ms / 1000);

    } else {
        phr_buf_printf(w->out, " %lld", (long long) t_ms);
    }
}


static void
phr_expo_put_label(phr_buf_t *b, phr_str_t name, phr_str_t value, int *first)
{
    phr_buf_putc(b, *first ? '{' : ',');
    *first = 0;

    if (phr_label_name_valid(name)) {
        phr_buf_str(b, name);

    } else {
        phr_buf_putc(b, '"');
        phr_expo_put_escaped(b, name, 1);
        phr_buf_putc(b, '"');
    }

    phr_buf_puts(b, "=\"");
    phr_expo_put_escaped(b, value, 1);
    phr_buf_putc(b, '"');
}


static void
phr_expo_put_escaped(phr_buf_t *b, phr_str_t s, int quotes)
{
    size_t  i, from;

    from = 0;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] != '\\' && s.data[i] != '\n'
            && !(quotes && s.data[i] == '"'))
        {
            continue;
        }

        phr_buf_append(b, s.data + from, i - from);
        phr_buf_putc(b, '\\');
        phr_buf_putc(b, s.data[i] == '\n' ? 'n' : s.data[i]);
        from = i + 1;
    }

    phr_buf_append(b, s.data + from, s.len - from);
}


/* OpenMetrics writes whole bounds as "1.0" */

static void
phr_expo_put_bound(phr_expo_writer_t *w, double le)
{
    char    text[PHR_NUMBER_LEN];
    size_t  len;

    len = phr_number_write(text, le);
    phr_buf_append(w->out, text, len);

    if (w->format == PHR_EXPO_OPENMETRICS && le - le == 0
        && memchr(text, '.', len) == NULL && memchr(text, 'e', len) == NULL)
    {
        phr_buf_puts(w->out, ".0");
    }
}


static int
phr_expo_has_total(phr_str_t name)
{
    return name.len > 6 && memcmp(name.data + name.len - 6, "_total", 6) == 0;
}
