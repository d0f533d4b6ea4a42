/*
 * Copyright (C) The Pharos Authors
 *
 * Push groups and request ids as small records of the store.
 *
 *     group   version mode ttl push_ms row_ms labels families
 *     family  name help type t_ms nseries { labels value }
 *     labels  n { name value }
 *     id      version t_ms status text
 *
 * Numbers are varints (zigzag where they may be negative), strings have
 * their length in front, a value is a double's 64 bits, lowest byte first.
 */

#include "ingest/push_impl.h"

#include "core/alloc.h"
#include "core/bytes.h"


#define PHR_PUSH_VERSION  1


typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
    int             bad;
} phr_push_reader_t;


static void phr_push_put_str(phr_buf_t *b, phr_str_t s);
static void phr_push_put_labels(phr_buf_t *b, phr_labels_t ls);
static void phr_push_put_double(phr_buf_t *b, double v);
static uint64_t phr_push_get_int(phr_push_reader_t *r);
static phr_str_t phr_push_get_str(phr_push_reader_t *r);
static int phr_push_get_labels(phr_push_reader_t *r, phr_arena_t *arena,
    phr_labels_t *ls);
static double phr_push_get_double(phr_push_reader_t *r);
static int phr_push_get_family(phr_push_reader_t *r, phr_arena_t *tmp,
    phr_push_state_t *st);


void
phr_push_record_encode(phr_buf_t *b, const phr_push_group_t *g)
{
    size_t                    n;
    const phr_push_family_t  *f;
    const phr_push_series_t  *s;

    phr_buf_putc(b, PHR_PUSH_VERSION);
    phr_buf_uvarint(b, g->mode);
    phr_buf_uvarint(b, phr_zigzag(g->ttl_ms));
    phr_buf_uvarint(b, phr_zigzag(g->push_ms));
    phr_buf_uvarint(b, phr_zigzag(g->row_ms));
    phr_push_put_labels(b, g->labels);

    n = 0;

    for (f = g->state.first; f != NULL; f = f->next) {
        n++;
    }

    phr_buf_uvarint(b, n);

    for (f = g->state.first; f != NULL; f = f->next) {
        phr_push_put_str(b, f->name);
        phr_push_put_str(b, f->help);
        phr_buf_uvarint(b, f->type);
        phr_buf_uvarint(b, phr_zigzag(f->t_ms));
        phr_buf_uvarint(b, f->nseries);

        for (s = f->first; s != NULL; s = s->next) {
            phr_push_put_labels(b, s->labels);
            phr_push_put_double(b, s->v);
        }
    }
}


int
phr_push_record_decode(phr_str_t record, phr_push_group_t **out,
    phr_err_t *err)
{
    int                  rc;
    int64_t              ttl_ms, push_ms, row_ms;
    uint64_t             n, mode;
    phr_arena_t         *tmp;
    phr_labels_t         labels;
    phr_push_group_t    *g;
    phr_push_state_t     st;
    phr_push_reader_t    r;

    g = NULL;
    memset(&st, 0, sizeof(phr_push_state_t));

    r.p = (const uint8_t *) record.data;
    r.end = r.p + record.len;
    r.bad = 0;

    tmp = phr_arena_create(0);
    if (tmp == NULL) {
        rc = PHR_ENOMEM;
        goto failed;
    }

    r.bad = phr_push_get_int(&r) != PHR_PUSH_VERSION;
    mode = phr_push_get_int(&r);
    ttl_ms = phr_unzigzag(phr_push_get_int(&r));
    push_ms = phr_unzigzag(phr_push_get_int(&r));
    row_ms = phr_unzigzag(phr_push_get_int(&r));

    rc = phr_push_get_labels(&r, tmp, &labels);
    if (rc != PHR_OK) {
        goto failed;
    }

    rc = phr_push_group_create(labels, &g);
    if (rc != PHR_OK) {
        goto failed;
    }

    rc = phr_push_state_create(&st);
    if (rc != PHR_OK) {
        goto failed;
    }

    for (n = phr_push_get_int(&r); n != 0 && !r.bad; n--) {
        rc = phr_push_get_family(&r, tmp, &st);
        if (rc != PHR_OK) {
            goto failed;
        }
    }

    if (r.bad || r.p != r.end || mode > PHR_PUSH_EVENT) {
        rc = PHR_ECORRUPT;
        goto failed;
    }

    phr_map_destroy(st.families);
    phr_map_destroy(st.series);
    st.families = NULL;
    st.series = NULL;

    g->mode = (phr_push_mode_e) mode;
    g->ttl_ms = ttl_ms;
    g->push_ms = push_ms;
    g->row_ms = row_ms;
    g->state = st;
    *out = g;

    phr_arena_destroy(tmp);

    return PHR_OK;

failed:

    phr_push_state_destroy(&st);
    phr_push_group_destroy(g);
    phr_arena_destroy(tmp);

    if (rc == PHR_EDUPLICATE) {
        rc = PHR_ECORRUPT;
    }

    return phr_err_set(err, rc, rc == PHR_ECORRUPT
                       ? "record of a push group is damaged"
                       : "no memory for a push group");
}


void
phr_push_id_encode(phr_buf_t *b, const phr_push_id_t *id)
{
    phr_buf_putc(b, PHR_PUSH_VERSION);
    phr_buf_uvarint(b, phr_zigzag(id->t_ms));
    phr_buf_uvarint(b, (uint64_t) id->answer.status);
    phr_push_put_str(b, phr_str_from_c(id->answer.text));
}


int
phr_push_id_decode(phr_str_t key, phr_str_t record, phr_push_id_t **out,
    phr_err_t *err)
{
    uint64_t            status;
    phr_str_t           text;
    phr_push_id_t      *id;
    phr_push_reader_t   r;

    id = phr_calloc(1, sizeof(phr_push_id_t));
    if (id == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for request ids");
    }

    r.p = (const uint8_t *) record.data;
    r.end = r.p + record.len;
    r.bad = 0;

    r.bad = phr_push_get_int(&r) != PHR_PUSH_VERSION;
    id->t_ms = phr_unzigzag(phr_push_get_int(&r));
    status = phr_push_get_int(&r);
    text = phr_push_get_str(&r);

    if (r.bad || r.p != r.end || status > 599
        || text.len >= sizeof(id->answer.text))
    {
        phr_free(id);
        return phr_err_set(err, PHR_ECORRUPT, "record of a request id is "
                           "damaged");
    }

    id->answer.status = (int) status;
    memcpy(id->answer.text, text.data, text.len);
    id->kept = 1;

    id->len = key.len;
    id->id = phr_strdup(key.data, key.len);

    if (id->id == NULL) {
        phr_free(id);
        return phr_err_set(err, PHR_ENOMEM, "no memory for request ids");
    }

    *out = id;

    return PHR_OK;
}


static void
phr_push_put_str(phr_buf_t *b, phr_str_t s)
{
    phr_buf_uvarint(b, s.len);
    phr_buf_str(b, s);
}


static void
phr_push_put_labels(phr_buf_t *b, phr_labels_t ls)
{
    size_t  i;

    phr_buf_uvarint(b, ls.n);

    for (i = 0; i < ls.n; i++) {
        phr_push_put_str(b, ls.l[i].name);
        phr_push_put_str(b, ls.l[i].value);
    }
}


static void
phr_push_put_double(phr_buf_t *b, double v)
{
    int       i;
    uint64_t  bits;

    bits = phr_double_bits(v);

    for (i = 0; i < 8; i++) {
        phr_buf_putc(b, (char) (bits >> 8 * i & 0xff));
    }
}


static uint64_t
phr_push_get_int(phr_push_reader_t *r)
{
    uint64_t  v;

    if (r->bad || phr_get_uvarint(&r->p, r->end, &v) != PHR_OK) {
        r->bad = 1;
        return 0;
    }

    return v;
}


static phr_str_t
phr_push_get_str(phr_push_reader_t *r)
{
    uint64_t   len;
    phr_str_t  s;

    len = phr_push_get_int(r);

    if (r->bad || len > (uint64_t) (r->end - r->p)) {
        r->bad = 1;
        return phr_str_of("");
    }

    s = phr_str_from((const char *) r->p, (size_t) len);
    r->p += len;

    return s;
}


static int
phr_push_get_labels(phr_push_reader_t *r, phr_arena_t *arena,
    phr_labels_t *ls)
{
    size_t        i;
    uint64_t      n;
    phr_label_t  *l;

    n = phr_push_get_int(r);

    /* each takes two bytes at least */

    if (r->bad || n > (uint64_t) (r->end - r->p) / 2) {
        return PHR_ECORRUPT;
    }

    l = phr_arena_alloc(arena, (size_t) (n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_arena_rc(arena);
    }

    for (i = 0; i < n; i++) {
        l[i].name = phr_push_get_str(r);
        l[i].value = phr_push_get_str(r);

        if (r->bad || (i != 0 && phr_str_cmp(l[i - 1].name, l[i].name) >= 0))
        {
            return PHR_ECORRUPT;
        }
    }

    ls->l = l;
    ls->n = (size_t) n;

    return PHR_OK;
}


static double
phr_push_get_double(phr_push_reader_t *r)
{
    int       i;
    uint64_t  bits;

    if (r->bad || r->end - r->p < 8) {
        r->bad = 1;
        return 0;
    }

    bits = 0;

    for (i = 0; i < 8; i++) {
        bits |= (uint64_t) *r->p++ << 8 * i;
    }

    return phr_double_from_bits(bits);
}


static int
phr_push_get_family(phr_push_reader_t *r, phr_arena_t *tmp,
    phr_push_state_t *st)
{
    int                 rc;
    double              v;
    uint64_t            n, type;
    phr_labels_t        ls, none;
    phr_push_family_t  *f;
    phr_push_series_t  *s;

    f = phr_push_family(st, phr_push_get_str(r));
    if (f == NULL) {
        return PHR_ENOMEM;
    }

    f->help = phr_arena_str(st->arena, phr_push_get_str(r));
    if (f->help.data == NULL) {
        return phr_arena_rc(st->arena);
    }

    type = phr_push_get_int(r);
    f->type = (phr_metric_type_e) type;
    f->t_ms = phr_unzigzag(phr_push_get_int(r));

    if (r->bad || type > PHR_METRIC_STATESET || f->nseries != 0) {
        return PHR_ECORRUPT;
    }

    none.l = NULL;
    none.n = 0;

    for (n = phr_push_get_int(r); n != 0; n--) {

        phr_arena_reset(tmp);

        rc = phr_push_get_labels(r, tmp, &ls);
        if (rc != PHR_OK) {
            return rc;
        }

        v = phr_push_get_double(r);

        rc = phr_push_series_add(st, f, ls, none, v, &s);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return f->nseries == 0 ? PHR_ECORRUPT : PHR_OK;
}
