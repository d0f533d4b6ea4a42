/*
 * Copyright (C) The Pharos Authors
 *
 * Remote read: see remote_read.h.  Numbers of fields are those of
 * prompb/remote.proto and prompb/types.proto.
 */

#include "api/remote_read.h"

#include "core/protobuf.h"
#include "ingest/hist_protobuf.h"
#include "ingest/tsdb.h"


/* samples of a chunk, as in Prometheus's own blocks */
#define PHR_REMOTE_CHUNK  120

/* chunks are sent on when they have so many bytes together */
#define PHR_REMOTE_FRAME_BYTES  (1024 * 1024)


static int phr_remote_query(phr_remote_read_t *r, phr_str_t message,
    phr_arena_t *arena, phr_err_t *err);
static int phr_remote_matcher(phr_remote_read_t *r, phr_remote_query_t *q,
    phr_str_t message, phr_arena_t *arena, phr_err_t *err);
static int phr_remote_forms(phr_remote_read_t *r,
    const phr_protobuf_field_t *f);
static void phr_remote_form(phr_remote_read_t *r, uint64_t form);
static int phr_remote_malformed(phr_err_t *err);
static void *phr_remote_one_more(phr_arena_t *arena, void *list, size_t n,
    size_t size);
static void phr_remote_labels(phr_buf_t *out, phr_labels_t ls);
static void phr_remote_hist(phr_buf_t *out, int64_t t_ms,
    const phr_hist_t *h);
static int phr_remote_chunk(phr_buf_t *message, const phr_series_t *s,
    size_t *i, phr_arena_t *arena);
static size_t phr_remote_floats(const phr_hist_t *const *h, size_t n);
static void phr_remote_frame(phr_buf_t *out, const phr_buf_t *message);


int
phr_remote_read_decode(phr_str_t message, phr_arena_t *arena,
    phr_matching_t *matching, phr_remote_read_t *r, phr_err_t *err)
{
    int                    rc;
    phr_protobuf_t         p;
    phr_protobuf_field_t   f;

    memset(r, 0, sizeof(phr_remote_read_t));
    r->matching = matching;

    phr_protobuf_open(&p, message);

    while ((rc = phr_protobuf_next(&p, &f)) == PHR_OK) {

        if (f.field == 1 && f.wire == PHR_PROTOBUF_BYTES) {
            rc = phr_remote_query(r, f.bytes, arena, err);

        } else if (f.field == 2) {
            rc = phr_remote_forms(r, &f);
        }

        if (rc != PHR_OK) {
            break;
        }
    }

    if (rc == PHR_EPARSE) {
        return phr_remote_malformed(err);
    }

    if (rc != PHR_DONE) {
        return rc;
    }

    if (r->asked && !r->known) {
        return phr_err_set(err, PHR_EINVAL, "server does not support any of "
                           "the requested response types, only SAMPLES and "
                           "STREAMED_XOR_CHUNKS");
    }

    return PHR_OK;
}


static int
phr_remote_malformed(phr_err_t *err)
{
    return phr_err_set(err, PHR_EINVAL, "malformed read request");
}


static int
phr_remote_query(phr_remote_read_t *r, phr_str_t message,
    phr_arena_t *arena, phr_err_t *err)
{
    int                    rc;
    phr_protobuf_t         p;
    phr_remote_query_t    *q;
    phr_protobuf_field_t   f;

    if (r->n == PHR_REMOTE_READ_MAX_QUERIES) {
        return phr_err_set(err, PHR_EINVAL, "more than %d queries in a read "
                           "request", PHR_REMOTE_READ_MAX_QUERIES);
    }

    q = phr_remote_one_more(arena, r->queries, r->n,
                            sizeof(phr_remote_query_t));
    if (q == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "out of memory");
    }

    r->queries = q;
    q += r->n++;
    memset(q, 0, sizeof(phr_remote_query_t));

    phr_protobuf_open(&p, message);

    while ((rc = phr_protobuf_next(&p, &f)) == PHR_OK) {

        if (f.field == 1 && f.wire == PHR_PROTOBUF_VARINT) {
            q->start_ms = (int64_t) f.bits;

        } else if (f.field == 2 && f.wire == PHR_PROTOBUF_VARINT) {
            q->end_ms = (int64_t) f.bits;

        } else if (f.field == 3 && f.wire == PHR_PROTOBUF_BYTES) {
            rc = phr_remote_matcher(r, q, f.bytes, arena, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_remote_matcher(phr_remote_read_t *r, phr_remote_query_t *q,
    phr_str_t message, phr_arena_t *arena, phr_err_t *err)
{
    int                    rc;
    uint64_t               op;
    phr_str_t              name, value;
    phr_matcher_t         *m;
    phr_protobuf_t         p;
    phr_protobuf_field_t   f;

    /* ORDER phr_match_e is that of the protocol */

    op = PHR_MATCH_EQ;
    name = phr_str_of("");
    value = phr_str_of("");

    phr_protobuf_open(&p, message);

    while ((rc = phr_protobuf_next(&p, &f)) == PHR_OK) {

        if (f.field == 1 && f.wire == PHR_PROTOBUF_VARINT) {
            op = f.bits;

        } else if (f.field == 2 && f.wire == PHR_PROTOBUF_BYTES) {
            name = f.bytes;

        } else if (f.field == 3 && f.wire == PHR_PROTOBUF_BYTES) {
            value = f.bytes;
        }
    }

    if (rc != PHR_DONE) {
        return rc;
    }

    if (op > PHR_MATCH_NRE) {
        return phr_err_set(err, PHR_EINVAL, "invalid matcher type");
    }

    if (r->nmatchers == PHR_REMOTE_READ_MAX_MATCHERS) {
        return phr_err_set(err, PHR_EINVAL, "more than %d matchers in a "
                           "read request", PHR_REMOTE_READ_MAX_MATCHERS);
    }

    m = phr_remote_one_more(arena, q->m, q->n, sizeof(phr_matcher_t));
    if (m == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "out of memory");
    }

    q->m = m;

    rc = phr_matcher_init_within(&m[q->n], (phr_match_e) op, name, value,
                                 r->matching, err);
    if (rc == PHR_EPARSE) {
        phr_err_prefix(err, "invalid matcher: ");
        err->code = PHR_EINVAL;
        rc = PHR_EINVAL;
    }

    if (rc != PHR_OK) {
        return rc;
    }

    q->n++;
    r->nmatchers++;

    return PHR_OK;
}


/* a list of numbers, packed or not */
static int
phr_remote_forms(phr_remote_read_t *r, const phr_protobuf_field_t *f)
{
    uint64_t        v;
    phr_protobuf_t  p;

    if (f->wire == PHR_PROTOBUF_VARINT) {
        phr_remote_form(r, f->bits);
        return PHR_OK;
    }

    phr_protobuf_open(&p, f->bytes);

    while (p.p < p.end) {
        if (phr_protobuf_varint(&p, &v) != PHR_OK) {
            return PHR_EPARSE;
        }

        phr_remote_form(r, v);
    }

    return PHR_OK;
}


/* the first that is known is taken */
static void
phr_remote_form(phr_remote_read_t *r, uint64_t form)
{
    r->asked = 1;

    if (form <= PHR_REMOTE_CHUNKS && !r->known) {
        r->known = 1;
        r->form = (phr_remote_form_e) form;
    }
}


/* room for one element more, which doubles now and then */
static void *
phr_remote_one_more(phr_arena_t *arena, void *list, size_t n, size_t size)
{
    if ((n & (n - 1)) != 0) {
        return list;
    }

    return phr_arena_grow(arena, list, n * size, (n == 0 ? 1 : n * 2) * size);
}


void
phr_remote_read_free(phr_remote_read_t *r)
{
    size_t  i, k;

    for (i = 0; i < r->n; i++) {
        for (k = 0; k < r->queries[i].n; k++) {
            phr_matcher_destroy(&r->queries[i].m[k]);
        }
    }

    r->n = 0;
}


void
phr_remote_read_samples(phr_buf_t *out, const phr_series_t *s)
{
    size_t  i, series, sample;

    series = phr_protobuf_begin(out, 1);
    phr_remote_labels(out, s->labels);

    for (i = 0; i < s->n; i++) {

        if (s->h != NULL && s->h[i] != NULL) {
            phr_remote_hist(out, s->t_ms[i], s->h[i]);
            continue;
        }

        sample = phr_protobuf_begin(out, 2);
        phr_protobuf_put_double(out, 1, s->v[i]);
        phr_protobuf_put_varint(out, 2, (uint64_t) s->t_ms[i]);
        phr_protobuf_end(out, sample);
    }

    phr_protobuf_end(out, series);
}


static void
phr_remote_labels(phr_buf_t *out, phr_labels_t ls)
{
    size_t  i, label;

    for (i = 0; i < ls.n; i++) {
        label = phr_protobuf_begin(out, 1);
        phr_protobuf_put_bytes(out, 1, ls.l[i].name);
        phr_protobuf_put_bytes(out, 2, ls.l[i].value);
        phr_protobuf_end(out, label);
    }
}


static void
phr_remote_hist(phr_buf_t *out, int64_t t_ms, const phr_hist_t *h)
{
    size_t  hist;

    hist = phr_protobuf_begin(out, 4);
    phr_hist_pb_write(out, h, PHR_HIST_PB_REMOTE);

    /* ORDER phr_hist_hint_e is that of the protocol */
    phr_protobuf_put_varint(out, 14, h->hint);
    phr_protobuf_put_varint(out, 15, (uint64_t) t_ms);
    phr_protobuf_end(out, hist);
}


int
phr_remote_read_chunks(phr_buf_t *out, size_t query, const phr_series_t *s,
    phr_arena_t *arena)
{
    int        rc;
    size_t     i, series;
    phr_buf_t  message;

    rc = PHR_OK;
    phr_buf_init(&message, out->limit);

    for (i = 0; i < s->n && rc == PHR_OK; /* void */) {
        phr_buf_reset(&message);
        series = phr_protobuf_begin(&message, 1);
        phr_remote_labels(&message, s->labels);

        do {
            rc = phr_remote_chunk(&message, s, &i, arena);
        } while (rc == PHR_OK && i < s->n
                 && message.len < PHR_REMOTE_FRAME_BYTES);

        phr_protobuf_end(&message, series);
        phr_protobuf_put_varint(&message, 2, query);
        phr_remote_frame(out, &message);
    }

    phr_buf_free(&message);

    return rc;
}


/* a chunk from sample *i on, which is moved behind it */
static int
phr_remote_chunk(phr_buf_t *message, const phr_series_t *s, size_t *i,
    phr_arena_t *arena)
{
    int               rc, is_hist;
    size_t            n, begun, data;
    phr_arena_mark_t  mark;

    rc = PHR_OK;
    n = phr_min(s->n - *i, PHR_REMOTE_CHUNK);
    is_hist = s->h != NULL && s->h[*i] != NULL;

    if (is_hist) {
        n = phr_tsdb_hists_run(&s->h[*i], n);
    } else if (s->h != NULL) {
        n = phr_remote_floats(&s->h[*i], n);
    }

    begun = phr_protobuf_begin(message, 2);
    phr_protobuf_put_varint(message, 1, (uint64_t) s->t_ms[*i]);
    phr_protobuf_put_varint(message, 2, (uint64_t) s->t_ms[*i + n - 1]);
    phr_protobuf_put_varint(message, 3,
                            !is_hist ? PHR_TSDB_XOR
                            : s->h[*i]->integer ? PHR_TSDB_HISTOGRAM
                            : PHR_TSDB_FLOAT_HISTOGRAM);
    data = phr_protobuf_begin(message, 4);

    if (is_hist) {
        mark = phr_arena_mark(arena);
        rc = phr_tsdb_hists_encode(&s->t_ms[*i], &s->h[*i], n, arena,
                                   message);
        phr_arena_release(arena, mark);

    } else {
        phr_tsdb_xor_encode(&s->t_ms[*i], &s->v[*i], n, message);
    }

    phr_protobuf_end(message, data);
    phr_protobuf_end(message, begun);
    *i += n;

    return rc;
}


/* how many of n samples, from the first, are no histograms */
static size_t
phr_remote_floats(const phr_hist_t *const *h, size_t n)
{
    size_t  i;

    for (i = 1; i < n && h[i] == NULL; i++) {
        /* void */
    }

    return i;
}


/* the length, a checksum, the message */
static void
phr_remote_frame(phr_buf_t *out, const phr_buf_t *message)
{
    uint8_t  crc[4];

    if (message->failed) {
        out->failed = message->failed;
        return;
    }

    phr_put_be32(crc, phr_crc32c(0, message->data, message->len));
    phr_buf_uvarint(out, message->len);
    phr_buf_append(out, crc, sizeof(crc));
    phr_buf_append(out, message->data, message->len);
}
