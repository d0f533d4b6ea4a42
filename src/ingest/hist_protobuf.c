/*
 * Copyright (C) The Pharos Authors
 *
 * Native histograms in protobuf: see hist_protobuf.h.  A message is read
 * twice: how long its lists are, and then what is in them.
 *
 * Lists of numbers are packed, or each number is a field of its own; both
 * are allowed, mixed too.
 */

#include "ingest/hist_protobuf.h"

#include "core/protobuf.h"


/* what a field is; of a pair, the first is of the positive side */
typedef enum {
    PHR_HIST_PB_NOTHING = 0,
    PHR_HIST_PB_COUNT_INT,
    PHR_HIST_PB_COUNT_FLOAT,
    PHR_HIST_PB_SUM,
    PHR_HIST_PB_SCHEMA,
    PHR_HIST_PB_ZERO_THRESHOLD,
    PHR_HIST_PB_ZERO_INT,
    PHR_HIST_PB_ZERO_FLOAT,
    PHR_HIST_PB_HINT,
    PHR_HIST_PB_TIME,
    PHR_HIST_PB_BOUNDS,
    PHR_HIST_PB_SPANS,
    PHR_HIST_PB_DELTAS,
    PHR_HIST_PB_COUNTS,
    PHR_HIST_PB_NEGATIVE_SPANS,
    PHR_HIST_PB_NEGATIVE_DELTAS,
    PHR_HIST_PB_NEGATIVE_COUNTS,
} phr_hist_pb_field_e;

#define PHR_HIST_PB_FIELDS  17


/* the lists of one side */
typedef struct {
    phr_hist_span_t  *spans;
    int64_t          *deltas;
    double           *counts;
    size_t            nspans;
    size_t            ndeltas;
    size_t            ncounts;
} phr_hist_pb_side_t;

typedef struct {
    phr_arena_t         *arena;
    phr_hist_t          *h;
    phr_hist_pb_side_t   positive;
    phr_hist_pb_side_t   negative;
    double              *bounds;
    size_t               nbounds;
    int64_t              t_ms;
    double               count;         /* as they came: of the two kinds */
    double               zero_count;    /* the one of the histogram holds */
    double               count_float;
    double               zero_float;
    unsigned             is_float:1;
} phr_hist_pb_t;


static int phr_hist_pb_pass(phr_hist_pb_t *pb, phr_str_t message,
    const uint8_t *fields, int fill);
static int phr_hist_pb_scalar(phr_hist_pb_t *pb, phr_hist_pb_field_e what,
    const phr_protobuf_field_t *f);
static int phr_hist_pb_list(phr_hist_pb_t *pb, phr_hist_pb_field_e what,
    const phr_protobuf_field_t *f, int fill);
static int phr_hist_pb_span(phr_hist_pb_side_t *side, phr_str_t message,
    int fill);
static int phr_hist_pb_integers(const phr_protobuf_field_t *f, int64_t *v,
    size_t *n, int fill);
static int phr_hist_pb_doubles(const phr_protobuf_field_t *f, double *v,
    size_t *n, int fill);
static int phr_hist_pb_room(phr_hist_pb_t *pb, phr_err_t *err);
static int phr_hist_pb_side_room(phr_hist_pb_t *pb, phr_hist_pb_side_t *side);
static int phr_hist_pb_finish(phr_hist_pb_t *pb, phr_err_t *err);
static int phr_hist_pb_side(phr_hist_pb_t *pb, phr_hist_pb_side_t *side,
    phr_hist_side_t *out, phr_err_t *err);

static unsigned phr_hist_pb_number(phr_hist_pb_form_e form,
    phr_hist_pb_field_e what);
static void phr_hist_pb_put_side(phr_buf_t *out, const phr_hist_side_t *side,
    int integer, unsigned spans);


/* ORDER HIST_PB_FORM */
static const uint8_t  phr_hist_pb_fields[2][PHR_HIST_PB_FIELDS] = {
    {
        0, PHR_HIST_PB_COUNT_INT, PHR_HIST_PB_COUNT_FLOAT, PHR_HIST_PB_SUM,
        PHR_HIST_PB_SCHEMA, PHR_HIST_PB_ZERO_THRESHOLD, PHR_HIST_PB_ZERO_INT,
        PHR_HIST_PB_ZERO_FLOAT, PHR_HIST_PB_NEGATIVE_SPANS,
        PHR_HIST_PB_NEGATIVE_DELTAS, PHR_HIST_PB_NEGATIVE_COUNTS,
        PHR_HIST_PB_SPANS, PHR_HIST_PB_DELTAS, PHR_HIST_PB_COUNTS,
        PHR_HIST_PB_HINT, PHR_HIST_PB_TIME, PHR_HIST_PB_BOUNDS
    },
    {
        0, PHR_HIST_PB_COUNT_INT, PHR_HIST_PB_SUM, 0,
        PHR_HIST_PB_COUNT_FLOAT, PHR_HIST_PB_SCHEMA,
        PHR_HIST_PB_ZERO_THRESHOLD, PHR_HIST_PB_ZERO_INT,
        PHR_HIST_PB_ZERO_FLOAT, PHR_HIST_PB_NEGATIVE_SPANS,
        PHR_HIST_PB_NEGATIVE_DELTAS, PHR_HIST_PB_NEGATIVE_COUNTS,
        PHR_HIST_PB_SPANS, PHR_HIST_PB_DELTAS, PHR_HIST_PB_COUNTS, 0, 0
    }
};


int
phr_hist_pb_read(phr_arena_t *arena, phr_str_t message,
    phr_hist_pb_form_e form, phr_hist_t **h, int64_t *t_ms, phr_err_t *err)
{
    int            rc;
    phr_hist_pb_t  pb;

    memset(&pb, 0, sizeof(pb));
    pb.arena = arena;

    pb.h = phr_arena_calloc(arena, 1, sizeof(phr_hist_t));
    if (pb.h == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory for a "
                           "histogram");
    }

    rc = phr_hist_pb_pass(&pb, message, phr_hist_pb_fields[form], 0);

    if (rc == PHR_OK && form == PHR_HIST_PB_EXPOSITION
        && pb.positive.nspans == 0 && pb.negative.nspans == 0
        && !(pb.h->zero_threshold > 0) && pb.zero_count == 0)
    {
        return PHR_DONE;
    }

    if (rc == PHR_OK) {
        rc = phr_hist_pb_room(&pb, err);
        if (rc != PHR_OK) {
            return rc;
        }

        rc = phr_hist_pb_pass(&pb, message, phr_hist_pb_fields[form], 1);
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "a histogram is malformed");
    }

    if (form == PHR_HIST_PB_EXPOSITION) {
        pb.is_float = (pb.count_float > 0 || pb.zero_float > 0);
    }

    rc = phr_hist_pb_finish(&pb, err);

    if (rc == PHR_OK) {
        *h = pb.h;
        *t_ms = pb.t_ms;
    }

    return rc;
}


/* counts the elements of lists, or fills the lists */

static int
phr_hist_pb_pass(phr_hist_pb_t *pb, phr_str_t message, const uint8_t *fields,
    int fill)
{
    int                   rc;
    phr_protobuf_t        r;
    phr_hist_pb_field_e   what;
    phr_protobuf_field_t  f;

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        what = f.field < PHR_HIST_PB_FIELDS
               ? (phr_hist_pb_field_e) fields[f.field] : PHR_HIST_PB_NOTHING;

        if (what == PHR_HIST_PB_NOTHING) {
            continue;
        }

        rc = what < PHR_HIST_PB_BOUNDS ? phr_hist_pb_scalar(pb, what, &f)
                                       : phr_hist_pb_list(pb, what, &f, fill);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_hist_pb_scalar(phr_hist_pb_t *pb, phr_hist_pb_field_e what,
    const phr_protobuf_field_t *f)
{
    double    v;
    unsigned  wire;

    wire = what == PHR_HIST_PB_COUNT_FLOAT || what == PHR_HIST_PB_SUM
           || what == PHR_HIST_PB_ZERO_THRESHOLD
           || what == PHR_HIST_PB_ZERO_FLOAT
           ? PHR_PROTOBUF_FIXED64 : PHR_PROTOBUF_VARINT;

    if (f->wire != wire) {
        return PHR_EPARSE;
    }

    v = wire == PHR_PROTOBUF_FIXED64 ? phr_double_from_bits(f->bits)
                                     : (double) f->bits;

    switch (what) {

    case PHR_HIST_PB_COUNT_INT:
        pb->count = v;
        pb->is_float = 0;
        break;

    case PHR_HIST_PB_COUNT_FLOAT:
        pb->count_float = v;
        pb->is_float = 1;
        break;

    case PHR_HIST_PB_SUM:
        pb->h->sum = v;
        break;

    case PHR_HIST_PB_SCHEMA:
        pb->h->schema = (int32_t) phr_unzigzag(f->bits & UINT32_MAX);
        break;

    case PHR_HIST_PB_ZERO_THRESHOLD:
        pb->h->zero_threshold = v;
        break;

    case PHR_HIST_PB_ZERO_INT:
        pb->zero_count = v;
        break;

    case PHR_HIST_PB_ZERO_FLOAT:
        pb->zero_float = v;
        break;

    case PHR_HIST_PB_HINT:
        pb->h->hint = (uint8_t) phr_min(f->bits, UINT8_MAX);
        break;

    default:    /* PHR_HIST_PB_TIME */
        pb->t_ms = (int64_t) f->bits;
        break;
    }

    return PHR_OK;
}


static int
phr_hist_pb_list(phr_hist_pb_t *pb, phr_hist_pb_field_e what,
    const phr_protobuf_field_t *f, int fill)
{
    phr_hist_pb_side_t  *side;

    side = what >= PHR_HIST_PB_NEGATIVE_SPANS ? &pb->negative : &pb->positive;

    switch (what) {

    case PHR_HIST_PB_BOUNDS:
        return phr_hist_pb_doubles(f, pb->bounds, &pb->nbounds, fill);

    case PHR_HIST_PB_SPANS:
    case PHR_HIST_PB_NEGATIVE_SPANS:
        return f->wire == PHR_PROTOBUF_BYTES
               ? phr_hist_pb_span(side, f->bytes, fill) : PHR_EPARSE;

    case PHR_HIST_PB_DELTAS:
    case PHR_HIST_PB_NEGATIVE_DELTAS:
        return phr_hist_pb_integers(f, side->deltas, &side->ndeltas, fill);

    default:
        return phr_hist_pb_doubles(f, side->counts, &side->ncounts, fill);
    }
}


static int
phr_hist_pb_span(phr_hist_pb_side_t *side, phr_str_t message, int fill)
{
    int                   rc;
    uint64_t              offset, length;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    offset = 0;
    length = 0;
    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field > 2) {
            continue;
        }

        if (f.wire != PHR_PROTOBUF_VARINT) {
            return PHR_EPARSE;
        }

        if (f.field == 1) {
            offset = f.bits & UINT32_MAX;

        } else {
            length = f.bits & UINT32_MAX;
        }
    }

    if (rc != PHR_DONE) {
        return rc;
    }

    if (fill) {
        side->spans[side->nspans].offset = (int32_t) phr_unzigzag(offset);
        side->spans[side->nspans].length = (uint32_t) length;
    }

    side->nspans++;

    return PHR_OK;
}


static int
phr_hist_pb_integers(const phr_protobuf_field_t *f, int64_t *v, size_t *n,
    int fill)
{
    uint64_t        x;
    phr_protobuf_t  r;

    if (f->wire == PHR_PROTOBUF_VARINT) {
        if (fill) {
            v[*n] = phr_unzigzag(f->bits);
        }

        ++*n;
        return PHR_OK;
    }

    if (f->wire != PHR_PROTOBUF_BYTES) {
        return PHR_EPARSE;
    }

    phr_protobuf_open(&r, f->bytes);

    while (r.p < r.end) {
        if (phr_protobuf_varint(&r, &x) != PHR_OK) {
            return PHR_EPARSE;
        }

        if (fill) {
            v[*n] = phr_unzigzag(x);
        }

        ++*n;
    }

    return PHR_OK;
}


static int
phr_hist_pb_doubles(const phr_protobuf_field_t *f, double *v, size_t *n,
    int fill)
{
    size_t          i;
    const uint8_t  *p;

    if (f->wire == PHR_PROTOBUF_FIXED64) {
        if (fill) {
            v[*n] = phr_double_from_bits(f->bits);
        }

        ++*n;
        return PHR_OK;
    }

    if (f->wire != PHR_PROTOBUF_BYTES || f->bytes.len % 8 != 0) {
        return PHR_EPARSE;
    }

    p = (const uint8_t *) f->bytes.data;

    for (i = 0; fill && i < f->bytes.len / 8; i++) {
        v[*n + i] = phr_double_from_bits(phr_protobuf_load64(p + 8 * i));
    }

    *n += f->bytes.len / 8;

    return PHR_OK;
}


/* memory for the lists, which are empty again then */

static int
phr_hist_pb_room(phr_hist_pb_t *pb, phr_err_t *err)
{
    if (pb->nbounds > PHR_HIST_MAX_BUCKETS
        || pb->positive.nspans > PHR_HIST_MAX_BUCKETS
        || pb->negative.nspans > PHR_HIST_MAX_BUCKETS
        || pb->positive.ndeltas > PHR_HIST_MAX_BUCKETS
        || pb->negative.ndeltas > PHR_HIST_MAX_BUCKETS
        || pb->positive.ncounts > PHR_HIST_MAX_BUCKETS
        || pb->negative.ncounts > PHR_HIST_MAX_BUCKETS)
    {
        return phr_err_set(err, PHR_EINVAL, "a histogram has more than %d "
                           "buckets", PHR_HIST_MAX_BUCKETS);
    }

    pb->bounds = phr_arena_alloc(pb->arena, pb->nbounds * sizeof(double));
    pb->nbounds = 0;

    if (pb->bounds == NULL
        || phr_hist_pb_side_room(pb, &pb->positive) != PHR_OK
        || phr_hist_pb_side_room(pb, &pb->negative) != PHR_OK)
    {
        return phr_err_set(err, phr_arena_rc(pb->arena), "no memory for a "
                           "histogram");
    }

    return PHR_OK;
}


static int
phr_hist_pb_side_room(phr_hist_pb_t *pb, phr_hist_pb_side_t *side)
{
    side->spans = phr_arena_alloc(pb->arena,
                                  side->nspans * sizeof(phr_hist_span_t));
    side->deltas = phr_arena_alloc(pb->arena,
                                   side->ndeltas * sizeof(int64_t));
    side->counts = phr_arena_alloc(pb->arena,
                                   phr_max(side->ncounts, side->ndeltas)
                                   * sizeof(double));

    side->nspans = 0;
    side->ndeltas = 0;
    side->ncounts = 0;

    return side->spans == NULL || side->deltas == NULL
           || side->counts == NULL ? PHR_ENOMEM : PHR_OK;
}


static int
phr_hist_pb_finish(phr_hist_pb_t *pb, phr_err_t *err)
{
    int          rc;
    int32_t      schema;
    phr_hist_t  *h;

    h = pb->h;
    h->integer = !pb->is_float;
    h->count = pb->is_float ? pb->count_float : pb->count;
    h->zero_count = pb->is_float ? pb->zero_float : pb->zero_count;
    h->bounds = pb->bounds;
    h->nbounds = (uint32_t) pb->nbounds;

    rc = phr_hist_pb_side(pb, &pb->positive, &h->positive, err);
    if (rc == PHR_OK) {
        rc = phr_hist_pb_side(pb, &pb->negative, &h->negative, err);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    /* what is finer than we keep must be right, too, before it is reduced */

    schema = h->schema;

    if (schema > PHR_HIST_SCHEMA_MAX && schema <= PHR_HIST_SCHEMA_FINEST) {
        h->schema = PHR_HIST_SCHEMA_MAX;
    }

    rc = phr_hist_validate(h, err);

    if (rc != PHR_OK || h->schema == schema) {
        return rc;
    }

    h->schema = schema;
    pb->h = phr_hist_reduce(pb->arena, h, PHR_HIST_SCHEMA_MAX);

    return pb->h ? PHR_OK
                 : phr_err_set(err, phr_arena_rc(pb->arena), "no memory for "
                               "a histogram");
}


static int
phr_hist_pb_side(phr_hist_pb_t *pb, phr_hist_pb_side_t *side,
    phr_hist_side_t *out, phr_err_t *err)
{
    int  rc;

    out->spans = side->spans;
    out->nspans = (uint32_t) side->nspans;
    out->counts = side->counts;
    out->n = (uint32_t) side->ncounts;

    if (pb->is_float) {
        return PHR_OK;
    }

    rc = phr_hist_from_deltas(side->deltas, side->ndeltas, side->counts, err);
    out->n = (uint32_t) side->ndeltas;

    return rc;
}


void
phr_hist_pb_write(phr_buf_t *out, const phr_hist_t *h,
    phr_hist_pb_form_e form)
{
    size_t    begun;
    uint32_t  i;
    unsigned  positive;

    positive = phr_hist_pb_number(form, PHR_HIST_PB_SPANS);

    /* which count is there tells the kind: it is never left out */

    if (h->integer) {
        phr_buf_uvarint(out, phr_protobuf_tag(1, PHR_PROTOBUF_VARINT));
        phr_buf_uvarint(out, (uint64_t) h->count);
        phr_protobuf_put_varint(out, phr_hist_pb_number(form,
                                                     PHR_HIST_PB_ZERO_INT),
                                (uint64_t) h->zero_count);

    } else {
        phr_buf_uvarint(out, phr_protobuf_tag(
                        phr_hist_pb_number(form, PHR_HIST_PB_COUNT_FLOAT),
                        PHR_PROTOBUF_FIXED64));
        phr_protobuf_put64(out, phr_double_bits(h->count));
        phr_protobuf_put_double(out, phr_hist_pb_number(form,
                                                    PHR_HIST_PB_ZERO_FLOAT),
                                h->zero_count);
    }

    phr_protobuf_put_double(out, phr_hist_pb_number(form, PHR_HIST_PB_SUM),
                            h->sum);
    phr_protobuf_put_sint(out, phr_hist_pb_number(form, PHR_HIST_PB_SCHEMA),
                          h->schema);
    phr_protobuf_put_double(out, phr_hist_pb_number(form,
                                                PHR_HIST_PB_ZERO_THRESHOLD),
                            h->zero_threshold);
    phr_hist_pb_put_side(out, &h->negative, h->integer,
                         phr_hist_pb_number(form,
                                            PHR_HIST_PB_NEGATIVE_SPANS));
    phr_hist_pb_put_side(out, &h->positive, h->integer, positive);

    if (form == PHR_HIST_PB_EXPOSITION) {

        /* an empty span says that there is nothing but a native histogram */

        if (h->positive.nspans == 0 && h->negative.nspans == 0) {
            phr_protobuf_end(out, phr_protobuf_begin(out, positive));
        }

    } else if (h->nbounds != 0) {
        begun = phr_protobuf_begin(out, phr_hist_pb_number(form,
                                                     PHR_HIST_PB_BOUNDS));

        for (i = 0; i < h->nbounds; i++) {
            phr_protobuf_put64(out, phr_double_bits(h->bounds[i]));
        }

        phr_protobuf_end(out, begun);
    }
}


static unsigned
phr_hist_pb_number(phr_hist_pb_form_e form, phr_hist_pb_field_e what)
{
    unsigned  i;

    for (i = 1; i < PHR_HIST_PB_FIELDS - 1; i++) {
        if (phr_hist_pb_fields[form][i] == what) {
            break;
        }
    }

    return i;
}


/* fields spans, spans + 1: deltas, and spans + 2: counts */

static void
phr_hist_pb_put_side(phr_buf_t *out, const phr_hist_side_t *side, int integer,
    unsigned spans)
{
    size_t    begun;
    int64_t   count, last;
    uint32_t  i;

    for (i = 0; i < side->nspans; i++) {
        begun = phr_protobuf_begin(out, spans);
        phr_protobuf_put_sint(out, 1, side->spans[i].offset);
        phr_protobuf_put_varint(out, 2, side->spans[i].length);
        phr_protobuf_end(out, begun);
    }

    if (side->n == 0) {
        return;
    }

    begun = phr_protobuf_begin(out, integer ? spans + 1 : spans + 2);
    last = 0;

    for (i = 0; i < side->n; i++) {

        if (integer) {
            count = (int64_t) side->counts[i];
            phr_buf_uvarint(out, phr_zigzag(count - last));
            last = count;

        } else {
            phr_protobuf_put64(out, phr_double_bits(side->counts[i]));
        }
    }

    phr_protobuf_end(out, begun);
}
