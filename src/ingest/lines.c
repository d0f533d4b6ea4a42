/*
 * Copyright (C) The Pharos Authors
 *
 * Lines: see lines.h.  Here is how lines are written.
 */

#include "ingest/lines.h"

#include "core/bytes.h"
#include "core/labels.h"


/* histograms of one scrape, and lines of it */
#define PHR_LINES_HIST_BYTES  (256 * 1024 * 1024)
#define PHR_LINES_LINE_BYTES  (256 * 1024 * 1024)


static uint64_t phr_lines_hash(const phr_lines_t *k, size_t i);
static void phr_lines_quoted(phr_buf_t *b, phr_str_t s);
static void phr_lines_value(phr_lines_t *k, uint64_t bits, unsigned flags,
    int has_t, int64_t t_ms);
static void phr_lines_since(phr_lines_t *k);


int
phr_lines_init(phr_lines_t *k, const phr_lines_options_t *o)
{
    memset(k, 0, sizeof(phr_lines_t));
    k->o = *o;

    phr_err_init(&k->err);
    phr_array_init(&k->hists, sizeof(const phr_hist_t *));
    phr_array_init(&k->exemplars, sizeof(phr_str_t));
    phr_buf_init(&k->lines, PHR_LINES_LINE_BYTES);
    phr_buf_init(&k->starts, PHR_LINES_LINE_BYTES);
    phr_buf_init(&k->labels, 0);
    phr_nhcb_init(&k->nhcb);

    k->arena = phr_arena_create(PHR_LINES_HIST_BYTES);

    return k->arena != NULL ? PHR_OK : PHR_ENOMEM;
}


void
phr_lines_free(phr_lines_t *k)
{
    phr_arena_destroy(k->arena);
    phr_array_free(&k->hists);
    phr_array_free(&k->exemplars);
    phr_buf_free(&k->lines);
    phr_buf_free(&k->starts);
    phr_buf_free(&k->labels);
    phr_nhcb_free(&k->nhcb);
}


void
phr_lines_open(const phr_lines_t *k, phr_expo_t *p)
{
    phr_expo_init(p, PHR_EXPO_LINES, phr_buf_view(&k->lines));
    p->broken = k->err.code != PHR_OK ? &k->err : NULL;
}


int
phr_lines_failed(const phr_lines_t *k)
{
    return k->lines.failed ? k->lines.failed
           : k->labels.failed ? k->labels.failed : k->starts.failed;
}


int64_t
phr_lines_start(const phr_lines_t *k, size_t i)
{
    int64_t  st_ms;

    if (i >= k->starts.len / sizeof(st_ms)) {
        return 0;
    }

    memcpy(&st_ms, k->starts.data + i * sizeof(st_ms), sizeof(st_ms));

    return st_ms;
}


int
phr_lines_end(phr_lines_t *k, int rc)
{
    if (rc == PHR_OK || rc == PHR_DONE) {
        return PHR_OK;
    }

    if (rc == PHR_ENOMEM) {
        return rc;
    }

    /* a parser has said more already */

    if (k->err.code == PHR_OK) {
        phr_err_set(&k->err, rc, rc == PHR_EPARSE
                    ? "malformed protobuf message"
                    : "the exposition takes too much memory");
    }

    return PHR_OK;
}


void
phr_lines_family(phr_lines_t *k, phr_expo_event_e event, phr_str_t name,
    phr_str_t text, phr_metric_type_e type)
{
    phr_buf_putc(&k->lines, '#');
    phr_buf_putc(&k->lines, event == PHR_EXPO_TYPE ? 'T'
                            : event == PHR_EXPO_HELP ? 'H' : 'U');
    phr_lines_quoted(&k->lines, name);
    phr_buf_putc(&k->lines, '"');

    if (event == PHR_EXPO_TYPE) {
        phr_buf_putc(&k->lines, (char) ('0' + type));
    } else {
        phr_lines_quoted(&k->lines, text);
    }

    phr_buf_putc(&k->lines, '\n');
}


void
phr_lines_label(phr_lines_t *k, phr_str_t name, phr_str_t value)
{
    phr_buf_t  *b;

    b = &k->labels;

    if (b->len != 0) {
        phr_buf_putc(b, ',');
    }

    if (phr_label_name_valid(name)) {
        phr_buf_str(b, name);

    } else {
        phr_buf_putc(b, '"');
        phr_lines_quoted(b, name);
        phr_buf_putc(b, '"');
    }

    phr_buf_append(b, "=\"", 2);
    phr_lines_quoted(b, value);
    phr_buf_putc(b, '"');
}


void
phr_lines_metric(phr_lines_t *k, phr_str_t name, const char *suffix)
{
    int         plain;
    phr_buf_t  *b;

    b = &k->lines;
    plain = phr_metric_name_valid(name);

    if (plain) {
        phr_buf_str(b, name);
        phr_buf_puts(b, suffix);

        if (k->labels.len == 0) {
            return;
        }
    }

    phr_buf_putc(b, '{');

    if (!plain) {
        phr_buf_putc(b, '"');
        phr_lines_quoted(b, name);
        phr_buf_puts(b, suffix);
        phr_buf_puts(b, k->labels.len != 0 ? "\"," : "\"");
    }

    phr_buf_str(b, phr_buf_view(&k->labels));
    phr_buf_putc(b, '}');
}


void
phr_lines_float(phr_lines_t *k, double v, int has_t, int64_t t_ms)
{
    phr_lines_value(k, phr_double_bits(v), 0, has_t, t_ms);
}


int
phr_lines_hist(phr_lines_t *k, const phr_hist_t *h, int has_t, int64_t t_ms)
{
    const phr_hist_t  **p;

    p = phr_array_push(&k->hists);
    if (p == NULL) {
        return PHR_ENOMEM;
    }

    *p = h;
    phr_lines_value(k, k->hists.nelts - 1, PHR_LINES_HIST, has_t, t_ms);

    return PHR_OK;
}


int
phr_lines_exemplar(void *data, phr_str_t exemplar)
{
    phr_str_t    *s;
    phr_lines_t  *k;

    k = data;

    s = phr_array_push(&k->exemplars);
    if (s == NULL) {
        return PHR_ENOMEM;
    }

    *s = exemplar;

    return PHR_OK;
}


static uint64_t
phr_lines_hash(const phr_lines_t *k, size_t i)
{
    phr_str_t  *s;

    s = phr_array_get(&k->exemplars, phr_str_t, i);

    return phr_xxh64(s->data, s->len);
}


/* what is read again is of this machine: bytes stay in its order */

static void
phr_lines_value(phr_lines_t *k, uint64_t bits, unsigned flags, int has_t,
    int64_t t_ms)
{
    char      out[2 + 4 * sizeof(uint64_t) + 1];
    size_t    i, n;
    uint32_t  at[2];
    uint64_t  hash;

    at[0] = (uint32_t) k->nused;
    at[1] = (uint32_t) (k->exemplars.nelts - k->nused);

    out[0] = '=';
    out[1] = (char) (flags | (has_t ? PHR_LINES_TIME : 0)
                     | (at[1] != 0 ? PHR_LINES_EXEMPLARS : 0));
    memcpy(out + 2, &bits, sizeof(bits));
    n = 2 + sizeof(bits);

    if (has_t) {
        memcpy(out + n, &t_ms, sizeof(t_ms));
        n += sizeof(t_ms);
    }

    if (at[1] != 0) {
        for (i = k->nused, hash = 0; i < k->exemplars.nelts; i++) {
            hash = hash * 31 + phr_lines_hash(k, i);
        }

        memcpy(out + n, at, sizeof(at));
        memcpy(out + n + sizeof(at), &hash, sizeof(hash));
        n += sizeof(at) + sizeof(hash);
        k->nused = k->exemplars.nelts;
    }

    out[n++] = '\n';
    phr_buf_append(&k->lines, out, n);
    phr_lines_since(k);
}


/* they stand beside the lines, which differ no more often for them */

static void
phr_lines_since(phr_lines_t *k)
{
    static const int64_t  none = 0;

    if (k->st_ms != 0) {
        while (k->starts.len / sizeof(none) < k->nvalues
               && !k->starts.failed)
        {
            phr_buf_append(&k->starts, (const char *) &none, sizeof(none));
        }

        phr_buf_append(&k->starts, (const char *) &k->st_ms,
                       sizeof(k->st_ms));
    }

    k->nvalues++;
}


/* what phr_expo_unescape() undoes */

static void
phr_lines_quoted(phr_buf_t *b, phr_str_t s)
{
    size_t  i, from;

    for (i = 0, from = 0; i < s.len; i++) {

        if (s.data[i] == '"' || s.data[i] == '\\' || s.data[i] == '\n') {
            phr_buf_append(b, s.data + from, i - from);
            phr_buf_putc(b, '\\');
            phr_buf_putc(b, s.data[i] == '\n' ? 'n' : s.data[i]);
            from = i + 1;
        }
    }

    phr_buf_append(b, s.data + from, s.len - from);
}
