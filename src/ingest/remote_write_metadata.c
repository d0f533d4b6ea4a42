/*
 * Copyright (C) The Pharos Authors
 *
 * Type, help and unit of metrics that were written remotely.  A sender says
 * them once a minute (version 1) or with every sample (version 2): what was
 * seen before is known by a hash and costs no more.
 *
 * They are records of PHR_KV_METADATA: the key is the name of the metric
 * family, the value is
 *
 *     type:8, varint length, help, varint length, unit
 */

#include "ingest/remote_write_impl.h"

#include "core/alloc.h"
#include "core/utf8.h"


#define PHR_REMOTE_MAX_NAME  400
#define PHR_REMOTE_MAX_UNIT  100

/* keys kept: a power of two, half of it in use at most */
#define PHR_REMOTE_SEEN      32768


static int phr_remote_metadata_stage(phr_remote_write_t *rw, uint64_t key,
    const phr_metadata_t *md);
static int phr_remote_metadata_put(phr_remote_write_t *rw,
    phr_appender_t *app, const phr_metadata_t *md, phr_err_t *err);
static int phr_remote_metadata_keep(phr_remote_write_t *rw,
    const phr_metadata_t *md);
static int phr_remote_metadata_visit(void *data, phr_str_t key,
    phr_str_t value);
static uint64_t *phr_remote_seen(const phr_remote_write_t *rw, uint64_t key);
static void phr_remote_cut(phr_str_t *s, size_t max);


int
phr_remote_metadata_v1(phr_remote_write_t *rw, phr_str_t message)
{
    int                   rc;
    uint64_t              type;
    phr_str_t            *to;
    phr_metadata_t        md;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    type = 0;
    md.metric = phr_str_of("");
    md.help = phr_str_of("");
    md.unit = phr_str_of("");

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1) {
            type = f.bits;

            if (f.wire != PHR_PROTOBUF_VARINT) {
                return PHR_EPARSE;
            }

            continue;
        }

        to = f.field == 2 ? &md.metric : f.field == 4 ? &md.help
             : f.field == 5 ? &md.unit : NULL;

        if (to == NULL) {
            continue;
        }

        if (f.wire != PHR_PROTOBUF_BYTES) {
            return PHR_EPARSE;
        }

        *to = f.bytes;
    }

    if (rc != PHR_DONE) {
        return rc;
    }

    /* ORDER METRIC_TYPE is that of the protocol */

    md.type = type <= PHR_METRIC_STATESET ? (phr_metric_type_e) type
                                          : PHR_METRIC_UNKNOWN;

    return phr_remote_metadata_stage(rw,
                                     phr_xxh64(message.data, message.len),
                                     &md);
}


int
phr_remote_metadata_v2(phr_remote_write_t *rw, phr_str_t message)
{
    int                   rc;
    size_t                i;
    uint64_t              key[4], type, ref[2];
    phr_str_t             suffix;
    phr_metadata_t        md;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    static const phr_str_t  suffixes[] = {
        phr_str("_bucket"), phr_str("_count"), phr_str("_sum")
    };

    type = 0;
    memset(ref, 0, sizeof(ref));
    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1 || f.field == 3 || f.field == 4) {

            if (f.wire != PHR_PROTOBUF_VARINT) {
                return PHR_EPARSE;
            }

            *(f.field == 1 ? &type : &ref[f.field - 3]) = f.bits;
        }
    }

    if (rc != PHR_DONE) {
        return rc;
    }

    if (type == 0 && ref[0] == 0 && ref[1] == 0) {
        return PHR_OK;
    }

    for (i = 0; i < rw->nrefs; i += 2) {
        if (phr_str_eq(phr_remote_symbol(rw, rw->refs[i]),
                       phr_str_of(PHR_METRIC_NAME)))
        {
            break;
        }
    }

    if (i == rw->nrefs) {
        return PHR_OK;
    }

    md.metric = phr_remote_symbol(rw, rw->refs[i + 1]);
    md.help = phr_remote_symbol(rw, ref[0]);
    md.unit = phr_remote_symbol(rw, ref[1]);
    md.type = type <= PHR_METRIC_STATESET ? (phr_metric_type_e) type
                                          : PHR_METRIC_UNKNOWN;

    key[0] = rw->prints[i + 1].hash;
    key[1] = phr_remote_symbol_hash(rw, ref[0]);
    key[2] = phr_remote_symbol_hash(rw, ref[1]);
    key[3] = md.type;

    /* the parts of a histogram or summary say what the whole is */

    for (i = 0; i < phr_nelems(suffixes); i++) {
        suffix = suffixes[i];

        if ((md.type == PHR_METRIC_HISTOGRAM
             || md.type == PHR_METRIC_SUMMARY)
            && md.metric.len > suffix.len
            && memcmp(md.metric.data + md.metric.len - suffix.len,
                      suffix.data, suffix.len) == 0)
        {
            md.metric.len -= suffix.len;
            break;
        }
    }

    return phr_remote_metadata_stage(rw, phr_xxh64(key, sizeof(key)), &md);
}


static int
phr_remote_metadata_stage(phr_remote_write_t *rw, uint64_t key,
    const phr_metadata_t *md)
{
    phr_remote_staged_t  *staged;

    key += key == 0;

    if (*phr_remote_seen(rw, key) == key) {
        return PHR_OK;
    }

    staged = phr_array_push(&rw->staged);
    if (staged == NULL) {
        return PHR_ENOMEM;
    }

    staged->key = key;
    staged->md = *md;

    return PHR_OK;
}


int
phr_remote_metadata_store(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err)
{
    int                   rc;
    size_t                i;
    uint64_t             *seen;
    phr_remote_staged_t  *staged;

    for (i = 0; i < rw->staged.nelts; i++) {
        staged = phr_array_get(&rw->staged, phr_remote_staged_t, i);
        seen = phr_remote_seen(rw, staged->key);

        if (*seen == staged->key) {
            continue;
        }

        rc = phr_remote_metadata_put(rw, app, &staged->md, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (rw->nseen == PHR_REMOTE_SEEN / 2) {
            memset(rw->seen, 0, PHR_REMOTE_SEEN * sizeof(uint64_t));
            rw->nseen = 0;
            seen = phr_remote_seen(rw, staged->key);
        }

        *seen = staged->key;
        rw->nseen++;
    }

    return PHR_OK;
}


/* what is malformed, or one too many, is not kept: samples matter more */

static int
phr_remote_metadata_put(phr_remote_write_t *rw, phr_appender_t *app,
    const phr_metadata_t *from, phr_err_t *err)
{
    int              rc;
    phr_buf_t        value;
    phr_metadata_t   md, *known;

    md = *from;

    if (md.metric.len == 0 || md.metric.len > PHR_REMOTE_MAX_NAME
        || !phr_utf8_valid(md.metric.data, md.metric.len)
        || !phr_utf8_valid(md.help.data, md.help.len)
        || !phr_utf8_valid(md.unit.data, md.unit.len))
    {
        return PHR_OK;
    }

    phr_remote_cut(&md.help, PHR_SCRAPE_MAX_HELP);
    phr_remote_cut(&md.unit, PHR_REMOTE_MAX_UNIT);

    known = phr_map_get(rw->metadata, md.metric);

    if (known == NULL && rw->o.max_metadata != 0
        && phr_map_count(rw->metadata) >= rw->o.max_metadata)
    {
        return PHR_OK;
    }

    if (known != NULL && known->type == md.type
        && phr_str_eq(known->help, md.help)
        && phr_str_eq(known->unit, md.unit))
    {
        return PHR_OK;
    }

    phr_buf_init(&value, 0);
    phr_buf_putc(&value, (char) md.type);
    phr_buf_uvarint(&value, md.help.len);
    phr_buf_str(&value, md.help);
    phr_buf_uvarint(&value, md.unit.len);
    phr_buf_str(&value, md.unit);

    rc = value.failed;

    if (rc == PHR_OK) {
        rc = phr_remote_metadata_keep(rw, &md);
    }

    if (rc != PHR_OK) {
        phr_err_set(err, rc, "no memory for metadata");

    } else {
        rc = app->ops->put(app, PHR_KV_METADATA, md.metric,
                           phr_buf_view(&value), err);
    }

    phr_buf_free(&value);

    return rc;
}


/* one block of memory holds it, strings and all */

static int
phr_remote_metadata_keep(phr_remote_write_t *rw, const phr_metadata_t *md)
{
    char            *p;
    phr_metadata_t  *copy, *known;

    copy = phr_malloc(sizeof(phr_metadata_t) + md->metric.len + md->help.len
                      + md->unit.len + 1);
    if (copy == NULL) {
        return PHR_ENOMEM;
    }

    *copy = *md;
    p = (char *) (copy + 1);

    memcpy(p, md->metric.data, md->metric.len);
    copy->metric.data = p;
    p += md->metric.len;

    memcpy(p, md->help.data, md->help.len);
    copy->help.data = p;
    p += md->help.len;

    memcpy(p, md->unit.data, md->unit.len);
    copy->unit.data = p;

    known = phr_map_get(rw->metadata, md->metric);

    if (phr_map_set(rw->metadata, md->metric, copy) != PHR_OK) {
        phr_free(copy);
        return PHR_ENOMEM;
    }

    phr_free(known);

    return PHR_OK;
}


int
phr_remote_metadata_load(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err)
{
    int  rc;

    rw->metadata = phr_map_create();
    rw->seen = phr_calloc(PHR_REMOTE_SEEN, sizeof(uint64_t));
    rw->nseen = 0;

    if (rw->metadata == NULL || rw->seen == NULL) {
        phr_remote_metadata_clear(rw);
        return phr_err_set(err, PHR_ENOMEM, "no memory for metadata");
    }

    rc = app->ops->each(app, PHR_KV_METADATA, phr_str_of(""),
                        phr_remote_metadata_visit, rw, err);

    if (rc == PHR_ECORRUPT) {
        /* samples go on without; senders will say it all again */
        return PHR_OK;
    }

    if (rc != PHR_OK) {
        phr_remote_metadata_clear(rw);
    }

    return rc;
}


static int
phr_remote_metadata_visit(void *data, phr_str_t key, phr_str_t value)
{
    phr_protobuf_t  r;
    phr_metadata_t  md;

    phr_protobuf_open(&r, value);

    md.metric = key;
    md.type = r.p < r.end ? (phr_metric_type_e) *r.p++
                          : PHR_METRIC_STATESET + 1;

    /* strings are written as protobuf writes them */

    if (md.type > PHR_METRIC_STATESET
        || phr_protobuf_bytes(&r, &md.help) != PHR_OK
        || phr_protobuf_bytes(&r, &md.unit) != PHR_OK)
    {
        /* of another program: not ours to show */
        return PHR_OK;
    }

    return phr_remote_metadata_keep(data, &md);
}


void
phr_remote_metadata_clear(phr_remote_write_t *rw)
{
    void       *value;
    size_t      pos;
    phr_str_t   key;

    pos = 0;

    while (rw->metadata != NULL
           && phr_map_next(rw->metadata, &pos, &key, &value))
    {
        phr_free(value);
    }

    phr_map_destroy(rw->metadata);
    phr_free(rw->seen);

    rw->metadata = NULL;
    rw->seen = NULL;
}


int
phr_remote_write_metadata(const phr_remote_write_t *rw, size_t *pos,
    phr_metadata_t *md)
{
    void       *value;
    phr_str_t   key;

    if (rw->metadata == NULL
        || !phr_map_next(rw->metadata, pos, &key, &value))
    {
        return 0;
    }

    *md = *(phr_metadata_t *) value;

    return 1;
}


/* where the key is, or would be */

static uint64_t *
phr_remote_seen(const phr_remote_write_t *rw, uint64_t key)
{
    size_t  i;

    i = (size_t) key & (PHR_REMOTE_SEEN - 1);

    while (rw->seen[i] != 0 && rw->seen[i] != key) {
        i = (i + 1) & (PHR_REMOTE_SEEN - 1);
    }

    return &rw->seen[i];
}


/* not within a character */

static void
phr_remote_cut(phr_str_t *s, size_t max)
{
    if (s->len <= max) {
        return;
    }

    s->len = max;

    while (s->len > 0 && ((unsigned char) s->data[s->len] & 0xc0) == 0x80) {
        s->len--;
    }
}
