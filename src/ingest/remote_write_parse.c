/*
 * Copyright (C) The Pharos Authors
 *
 * Requests in protobuf: prometheus.WriteRequest (version 1) and
 * io.prometheus.write.v2.Request, field by field.
 *
 *     version 1                          version 2
 *
 *     1 series                           4 symbol, a string
 *         1 label: 1 name, 2 value       5 series
 *         2 sample: 1 value, 2 time          1 references to symbols: name,
 *         3 exemplar                           value, name, value ...
 *         4 histogram                        2 sample: 1, 2, 3 start time
 *     3 metadata: 1 type,                    3 histogram
 *         2 metric family,                   4 exemplar
 *         4 help, 5 unit                     5 metadata: 1 type, 3 and 4
 *                                              references to help and unit
 *
 * Unknown fields are passed over, as protobuf wants it; a known field of
 * another wire type is malformed.
 */

#include "ingest/remote_write_impl.h"

#include "core/alloc.h"
#include "ingest/hist_protobuf.h"


#define PHR_REMOTE_MIN_SAMPLES  4096

/* a name and a value each; more is more labels than a series may have */
#define PHR_REMOTE_MAX_REFS     4096


/* the histograms of a request in memory */
#define PHR_REMOTE_HIST_BYTES   (256 * 1024 * 1024)

/* the field of a histogram of version 2 that says since when it counts */
#define PHR_REMOTE_HIST_START   17

/* fields of a series are numbered below this */
#define PHR_REMOTE_FIELDS       6


typedef enum {
    PHR_REMOTE_UNNAMED = 0,
    PHR_REMOTE_LABEL,
    PHR_REMOTE_REFS,
    PHR_REMOTE_SAMPLE,
    PHR_REMOTE_HISTOGRAM,
    PHR_REMOTE_EXEMPLAR,
    PHR_REMOTE_METADATA,
} phr_remote_field_e;


static int phr_remote_top(phr_remote_write_t *rw, phr_str_t body);
static int phr_remote_symbols(phr_remote_write_t *rw, phr_str_t body);
static int phr_remote_series(phr_remote_write_t *rw, phr_str_t message);
static int phr_remote_fields(phr_remote_write_t *rw, phr_protobuf_t *r,
    phr_remote_series_t *s, phr_str_t *metadata);
static int phr_remote_scattered(phr_remote_series_t *s);
static int phr_remote_ref(phr_remote_write_t *rw, uint64_t ref);
static int phr_remote_sample(phr_remote_write_t *rw, phr_str_t message,
    uint32_t at);
static int phr_remote_histogram(phr_remote_write_t *rw, phr_str_t message,
    uint32_t at, phr_remote_series_t *s);
static int phr_remote_hist_column(phr_remote_write_t *rw);
static int phr_remote_hist_start(phr_str_t message, int64_t *st_ms);
static int phr_remote_start(phr_remote_write_t *rw, int64_t st_ms);


/* of a series, by version and number */
static const uint8_t  phr_remote_known[2][PHR_REMOTE_FIELDS] = {
    { 0, PHR_REMOTE_LABEL, PHR_REMOTE_SAMPLE, PHR_REMOTE_EXEMPLAR,
      PHR_REMOTE_HISTOGRAM, 0 },
    { 0, PHR_REMOTE_REFS, PHR_REMOTE_SAMPLE, PHR_REMOTE_HISTOGRAM,
      PHR_REMOTE_EXEMPLAR, PHR_REMOTE_METADATA },
};


int
phr_remote_parse(phr_remote_write_t *rw, phr_str_t body, phr_err_t *err)
{
    int  rc;

    rc = PHR_OK;

    if (rw->v2) {
        rc = phr_remote_symbols(rw, body);
    }

    if (rc == PHR_OK) {
        rc = phr_remote_top(rw, body);
    }

    switch (rc) {

    case PHR_OK:
        return PHR_OK;

    case PHR_ELIMIT:
        return phr_err_set(err, rc, "more than %zu samples or series in one "
                           "request", rw->o.max_samples);

    case PHR_ENOMEM:
        return phr_err_set(err, rc, "no memory for a request");

    default:
        return phr_err_set(err, rc, "the message is malformed");
    }
}


static int
phr_remote_top(phr_remote_write_t *rw, phr_str_t body)
{
    int                   rc;
    unsigned              series;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    series = rw->v2 ? 5 : 1;
    phr_protobuf_open(&r, body);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (phr_likely(f.field == series)) {

            if (f.wire != PHR_PROTOBUF_BYTES) {
                return PHR_EPARSE;
            }

            rc = phr_remote_series(rw, f.bytes);

        } else if (f.field == 3 && !rw->v2) {

            if (f.wire != PHR_PROTOBUF_BYTES) {
                return PHR_EPARSE;
            }

            rc = phr_remote_metadata_v1(rw, f.bytes);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


/* they come first as a rule, but need not */

static int
phr_remote_symbols(phr_remote_write_t *rw, phr_str_t body)
{
    int                   rc;
    phr_protobuf_t        r;
    phr_remote_symbol_t  *symbol;
    phr_protobuf_field_t  f;

    phr_protobuf_open(&r, body);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field != 4) {
            continue;
        }

        if (f.wire != PHR_PROTOBUF_BYTES) {
            return PHR_EPARSE;
        }

        if (rw->o.max_samples != 0
            && rw->symbols.nelts >= rw->o.max_samples)
        {
            return PHR_ELIMIT;
        }

        symbol = phr_array_push(&rw->symbols);
        if (symbol == NULL) {
            return PHR_ENOMEM;
        }

        symbol->s = f.bytes;
        phr_remote_print(&symbol->print, f.bytes.data, f.bytes.len);
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_remote_series(phr_remote_write_t *rw, phr_str_t message)
{
    int                   rc;
    size_t                before;
    phr_str_t             label, metadata;
    phr_protobuf_t        r;
    phr_remote_series_t  *s;

    if (rw->o.max_samples != 0 && rw->series.nelts >= rw->o.max_samples) {
        return PHR_ELIMIT;
    }

    s = phr_array_push(&rw->series);
    if (s == NULL) {
        return PHR_ENOMEM;
    }

    s->message = message;
    before = rw->n;
    metadata = phr_str_of("");
    phr_protobuf_open(&r, message);

    if (!rw->v2) {
        /* labels stand together and first, as every sender writes them */

        while (r.p < r.end
               && *r.p == phr_protobuf_tag(1, PHR_PROTOBUF_BYTES))
        {
            r.p++;

            if (phr_protobuf_bytes(&r, &label) != PHR_OK) {
                return PHR_EPARSE;
            }
        }

        phr_remote_print(&s->print, message.data,
                         (size_t) ((const char *) r.p - message.data));
    }

    rw->nrefs = 0;
    rw->bad_refs = 0;

    rc = phr_remote_fields(rw, &r, s, &metadata);
    if (rc != PHR_OK) {
        return rc;
    }

    s->nsamples = (uint32_t) (rw->n - before);

    if (!rw->v2) {
        phr_remote_cache_touch(&rw->cache, &s->print);
        return PHR_OK;
    }

    if (rw->bad_refs || rw->nrefs % 2 != 0) {
        rw->n = before;
        s->state = PHR_REMOTE_REFUSED;
        phr_remote_refuse(rw, PHR_REMOTE_WRITE_BAD_SERIES,
                          s->nsamples, NULL, PHR_TIME_MIN,
                          "references to symbols that are not there");
        return PHR_OK;
    }

    phr_remote_print(&s->print, rw->prints,
                     rw->nrefs * sizeof(phr_remote_print_t));
    phr_remote_cache_touch(&rw->cache, &s->print);

    return metadata.len != 0 ? phr_remote_metadata_v2(rw, metadata) : PHR_OK;
}


/* samples and what is beside them */

static int
phr_remote_fields(phr_remote_write_t *rw, phr_protobuf_t *r,
    phr_remote_series_t *s, phr_str_t *metadata)
{
    int                   rc;
    uint32_t              at;
    phr_remote_field_e    what;
    phr_protobuf_field_t  f;

    at = (uint32_t) (rw->series.nelts - 1);

    while ((rc = phr_protobuf_next(r, &f)) == PHR_OK) {

        what = f.field < PHR_REMOTE_FIELDS
               ? phr_remote_known[rw->v2][f.field] : PHR_REMOTE_UNNAMED;

        if (what == PHR_REMOTE_UNNAMED) {
            continue;
        }

        if (what == PHR_REMOTE_REFS) {
            rc = phr_remote_refs(rw, &f);

        } else if (f.wire != PHR_PROTOBUF_BYTES) {
            return PHR_EPARSE;

        } else if (phr_likely(what == PHR_REMOTE_SAMPLE)) {
            rc = phr_remote_sample(rw, f.bytes, at);

        } else if (what == PHR_REMOTE_LABEL) {
            rc = phr_remote_scattered(s);

        } else if (what == PHR_REMOTE_METADATA) {
            *metadata = f.bytes;

        } else if (what == PHR_REMOTE_HISTOGRAM) {
            rc = phr_remote_histogram(rw, f.bytes, at, s);

        } else {
            rc = phr_remote_exemplar(rw, f.bytes, at);
            s->nexemplars++;
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


/* labels after what is none: no labels that stand together look so */

static int
phr_remote_scattered(phr_remote_series_t *s)
{
    int                   rc;
    uint32_t              check;
    phr_xxh64_t           hash;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    phr_xxh64_init(&hash);
    check = 1;
    phr_protobuf_open(&r, s->message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field != 1) {
            continue;
        }

        if (f.wire != PHR_PROTOBUF_BYTES) {
            return PHR_EPARSE;
        }

        phr_xxh64_update(&hash, &f.bytes.len, sizeof(f.bytes.len));
        phr_xxh64_update(&hash, f.bytes.data, f.bytes.len);
        check = phr_crc32c(check, f.bytes.data, f.bytes.len);
    }

    s->print.hash = phr_xxh64_final(&hash);
    s->print.hash += s->print.hash == 0;
    s->print.check = check;

    return rc == PHR_DONE ? PHR_OK : rc;
}


int
phr_remote_refs(phr_remote_write_t *rw, const phr_protobuf_field_t *f)
{
    int             rc;
    uint64_t        ref;
    phr_protobuf_t  r;

    if (f->wire == PHR_PROTOBUF_VARINT) {
        return phr_remote_ref(rw, f->bits);
    }

    if (f->wire != PHR_PROTOBUF_BYTES) {
        return PHR_EPARSE;
    }

    phr_protobuf_open(&r, f->bytes);

    while (r.p < r.end) {

        if (phr_protobuf_varint(&r, &ref) != PHR_OK) {
            return PHR_EPARSE;
        }

        rc = phr_remote_ref(rw, ref);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* a symbol has another number in each request: its hash is remembered */

static int
phr_remote_ref(phr_remote_write_t *rw, uint64_t ref)
{
    size_t               n;
    uint32_t            *refs;
    phr_remote_print_t  *prints;

    if (phr_unlikely(ref >= rw->symbols.nelts
                     || rw->nrefs == PHR_REMOTE_MAX_REFS))
    {
        rw->bad_refs = 1;
        return PHR_OK;
    }

    if (phr_unlikely(rw->nrefs == rw->refs_nalloc)) {
        n = phr_max(rw->refs_nalloc * 2, 64);

        refs = phr_realloc(rw->refs, n * sizeof(uint32_t));
        rw->refs = refs != NULL ? refs : rw->refs;

        prints = phr_realloc(rw->prints, n * sizeof(phr_remote_print_t));
        rw->prints = prints != NULL ? prints : rw->prints;

        if (refs == NULL || prints == NULL) {
            return PHR_ENOMEM;
        }

        rw->refs_nalloc = n;
    }

    rw->refs[rw->nrefs] = (uint32_t) ref;
    rw->prints[rw->nrefs] = phr_array_get(&rw->symbols, phr_remote_symbol_t,
                                          (size_t) ref)->print;
    rw->nrefs++;

    return PHR_OK;
}


static int
phr_remote_sample(phr_remote_write_t *rw, phr_str_t message, uint32_t at)
{
    int                   rc;
    double                v;
    uint64_t              t, st;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    if (phr_unlikely(rw->n == rw->nalloc)) {
        rc = phr_remote_more_samples(rw);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    v = 0;
    t = 0;
    st = 0;
    rc = PHR_OK;

    phr_protobuf_open(&r, message);

    /* what is zero is left out; fields come in order, or not */

    if (r.end - r.p >= 9
        && *r.p == phr_protobuf_tag(1, PHR_PROTOBUF_FIXED64))
    {
        v = phr_double_from_bits(phr_protobuf_load64(r.p + 1));
        r.p += 9;
    }

    if (r.p < r.end && *r.p == phr_protobuf_tag(2, PHR_PROTOBUF_VARINT)) {
        r.p++;
        rc = phr_protobuf_varint(&r, &t);
    }

    while (rc == PHR_OK && phr_unlikely(r.p != r.end)) {
        rc = phr_protobuf_next(&r, &f);

        if (rc != PHR_OK) {
            break;
        }

        if (f.field == 1) {
            v = phr_double_from_bits(f.bits);
            rc = f.wire == PHR_PROTOBUF_FIXED64 ? PHR_OK : PHR_EPARSE;

        } else if (f.field == 2) {
            t = f.bits;
            rc = f.wire == PHR_PROTOBUF_VARINT ? PHR_OK : PHR_EPARSE;

        } else if (f.field == 3 && rw->v2) {
            st = f.bits;
            rc = f.wire == PHR_PROTOBUF_VARINT ? PHR_OK : PHR_EPARSE;
        }
    }

    if (rc != PHR_OK) {
        return rc;
    }

    if (phr_unlikely(rw->has_hists)) {
        rw->h[rw->n] = NULL;
    }

    if (phr_unlikely(st != 0 || rw->has_starts)
        && phr_remote_start(rw, (int64_t) st) != PHR_OK)
    {
        return PHR_ENOMEM;
    }

    rw->at[rw->n] = at;
    rw->t_ms[rw->n] = (int64_t) t;
    rw->v[rw->n] = v;
    rw->n++;

    return PHR_OK;
}


/* an invalid one is counted, and the rest of the request is read */

static int
phr_remote_histogram(phr_remote_write_t *rw, phr_str_t message, uint32_t at,
    phr_remote_series_t *s)
{
    int          rc;
    int64_t      t_ms, st_ms;
    phr_err_t    why;
    phr_hist_t  *h;

    if (rw->n == rw->nalloc) {
        rc = phr_remote_more_samples(rw);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (!rw->has_hists && phr_remote_hist_column(rw) != PHR_OK) {
        return PHR_ENOMEM;
    }

    phr_err_init(&why);

    rc = phr_hist_pb_read(rw->hists, message, PHR_HIST_PB_REMOTE, &h, &t_ms,
                          &why);

    if (rc == PHR_EINVAL) {
        s->ninvalid++;
        phr_remote_refuse(rw, PHR_REMOTE_WRITE_HISTOGRAM, 1, NULL,
                          PHR_TIME_MIN, why.text);
        return PHR_OK;
    }

    if (rc != PHR_OK) {
        return rc;
    }

    st_ms = 0;

    if (rw->v2 && phr_remote_hist_start(message, &st_ms) != PHR_OK) {
        return PHR_EPARSE;
    }

    if ((st_ms != 0 || rw->has_starts)
        && phr_remote_start(rw, st_ms) != PHR_OK)
    {
        return PHR_ENOMEM;
    }

    rw->at[rw->n] = at;
    rw->t_ms[rw->n] = t_ms;
    rw->v[rw->n] = h->sum;
    rw->h[rw->n] = h;
    rw->n++;

    return PHR_OK;
}


static int
phr_remote_hist_start(phr_str_t message, int64_t *st_ms)
{
    int                   rc;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field != PHR_REMOTE_HIST_START) {
            continue;
        }

        if (f.wire != PHR_PROTOBUF_VARINT) {
            return PHR_EPARSE;
        }

        *st_ms = (int64_t) f.bits;
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


/* of the sample that comes next; made for the first one that has any */

static int
phr_remote_start(phr_remote_write_t *rw, int64_t st_ms)
{
    void  *column;

    if (!rw->has_starts) {
        column = phr_realloc(rw->st_ms, rw->nalloc * sizeof(int64_t));
        if (column == NULL) {
            return PHR_ENOMEM;
        }

        rw->st_ms = column;
        memset(rw->st_ms, 0, rw->n * sizeof(int64_t));
        rw->has_starts = 1;
    }

    rw->st_ms[rw->n] = st_ms;

    return PHR_OK;
}


/* most requests have none: their column is made for the first */

static int
phr_remote_hist_column(phr_remote_write_t *rw)
{
    size_t  i;
    void   *h;

    h = phr_realloc((void *) rw->h, rw->nalloc * sizeof(phr_hist_t *));
    if (h == NULL) {
        return PHR_ENOMEM;
    }

    rw->h = h;

    if (rw->hists == NULL) {
        rw->hists = phr_arena_create(PHR_REMOTE_HIST_BYTES);
        if (rw->hists == NULL) {
            return PHR_ENOMEM;
        }
    }

    for (i = 0; i < rw->n; i++) {
        rw->h[i] = NULL;
    }

    rw->has_hists = 1;

    return PHR_OK;
}


void
phr_remote_print(phr_remote_print_t *print, const void *data, size_t len)
{
    print->hash = phr_xxh64(data, len);
    print->hash += print->hash == 0;
    print->check = phr_crc32c(0, data, len);
    print->len = (uint32_t) len;
}


int
phr_remote_more_samples(phr_remote_write_t *rw)
{
    void       *h;
    size_t      n;
    double     *v;
    int8_t     *status;
    int64_t    *t_ms, *st_ms;
    uint32_t   *at;
    phr_sid_t  *sid;

    n = phr_max(rw->nalloc * 2, PHR_REMOTE_MIN_SAMPLES);

    if (rw->o.max_samples != 0) {
        n = phr_min(n, rw->o.max_samples);
    }

    if (n <= rw->nalloc) {
        return PHR_ELIMIT;
    }

    /* each stays what it is, and as long as nalloc, if another fails */

    if ((at = phr_realloc(rw->at, n * sizeof(uint32_t))) != NULL) {
        rw->at = at;
    }

    if ((sid = phr_realloc(rw->sid, n * sizeof(phr_sid_t))) != NULL) {
        rw->sid = sid;
    }

    if ((t_ms = phr_realloc(rw->t_ms, n * sizeof(int64_t))) != NULL) {
        rw->t_ms = t_ms;
    }

    if ((v = phr_realloc(rw->v, n * sizeof(double))) != NULL) {
        rw->v = v;
    }

    if ((status = phr_realloc(rw->status, n)) != NULL) {
        rw->status = status;
    }

    st_ms = rw->st_ms;

    if (rw->has_starts
        && (st_ms = phr_realloc(rw->st_ms, n * sizeof(int64_t))) != NULL)
    {
        rw->st_ms = st_ms;
    }

    h = rw->h;

    if (rw->has_hists
        && (h = phr_realloc((void *) rw->h, n * sizeof(phr_hist_t *))) != NULL)
    {
        rw->h = h;
    }

    if (at == NULL || sid == NULL || t_ms == NULL || v == NULL
        || status == NULL || (rw->has_hists && h == NULL)
        || (rw->has_starts && st_ms == NULL))
    {
        return PHR_ENOMEM;
    }

    rw->nalloc = n;

    return PHR_OK;
}


void
phr_remote_free_samples(phr_remote_write_t *rw)
{
    phr_free(rw->at);
    phr_free(rw->sid);
    phr_free(rw->t_ms);
    phr_free(rw->v);
    phr_free((void *) rw->h);
    phr_free(rw->st_ms);
    phr_free(rw->status);

    rw->h = NULL;
    rw->st_ms = NULL;
    rw->at = NULL;
    rw->sid = NULL;
    rw->t_ms = NULL;
    rw->v = NULL;
    rw->status = NULL;
    rw->n = 0;
    rw->nalloc = 0;
}
