/*
 * Copyright (C) The Pharos Authors
 *
 * The grouping key in the path of a push.  The path is decoded before it is
 * split, as the Pushgateway does: a slash in a value needs @base64.
 */

#include "ingest/push.h"

#include <stdlib.h>

#include "core/utf8.h"


static int phr_push_pair(phr_arena_t *arena, phr_str_t *rest, phr_label_t *l,
    phr_err_t *err);
static int phr_push_percent(phr_arena_t *arena, phr_str_t path,
    phr_str_t *out, phr_err_t *err);
static int phr_push_hex(char c);
static int phr_push_part(phr_str_t *rest, phr_str_t *part);
static int phr_push_name(phr_str_t part, phr_str_t *name, int *base64);
static int phr_push_base64(phr_arena_t *arena, phr_str_t in, phr_str_t *out);
static int phr_push_base64_digit(char c);
static void phr_push_label_set(phr_label_t *l, size_t *n, phr_str_t name,
    phr_str_t value);
static int phr_push_label_cmp(const void *a, const void *b);


static const phr_str_t  phr_push_prefix = phr_str("/metrics/");
static const phr_str_t  phr_push_job = phr_str("job");


int
phr_push_path(phr_arena_t *arena, phr_str_t path, phr_labels_t *labels,
    phr_err_t *err)
{
    int           rc;
    size_t        i, n;
    phr_str_t     rest;
    phr_label_t  *l, job;

    rest = phr_str_of("");

    rc = phr_push_percent(arena, path, &rest, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (rest.len < phr_push_prefix.len
        || memcmp(rest.data, phr_push_prefix.data, phr_push_prefix.len) != 0)
    {
        return phr_err_set(err, PHR_EINVAL, "path does not begin with "
                           "/metrics/job");
    }

    rest.data += phr_push_prefix.len;
    rest.len -= phr_push_prefix.len;

    n = 2;

    for (i = 0; i < rest.len; i++) {
        n += rest.data[i] == '/';
    }

    l = phr_arena_alloc(arena, n * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory for a path");
    }

    rc = phr_push_pair(arena, &rest, &job, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (!phr_str_eq(job.name, phr_push_job)) {
        return phr_err_set(err, PHR_EINVAL, "path does not begin with "
                           "/metrics/job");
    }

    if (job.value.len == 0) {
        return phr_err_set(err, PHR_EINVAL, "job name is required");
    }

    /* a slash may stand at the very end behind the job */

    if (rest.len == 0) {
        rest.data = NULL;
    }

    n = 0;

    while (rest.data != NULL) {
        rc = phr_push_pair(arena, &rest, &l[n], err);
        if (rc != PHR_OK) {
            return rc;
        }

        phr_push_label_set(l, &n, l[n].name, l[n].value);
    }

    phr_push_label_set(l, &n, phr_push_job, job.value);

    qsort(l, n, sizeof(phr_label_t), phr_push_label_cmp);

    labels->l = l;
    labels->n = n;

    return PHR_OK;
}


/* a name and a value, decoded; only the job may lack its value */

static int
phr_push_pair(phr_arena_t *arena, phr_str_t *rest, phr_label_t *l,
    phr_err_t *err)
{
    int        rc, base64;
    phr_str_t  part;

    if (!phr_push_part(rest, &part)
        || phr_push_name(part, &l->name, &base64) != PHR_OK)
    {
        return phr_err_set(err, PHR_EINVAL, "improper label name \"%.*s\"",
                           (int) part.len, part.data);
    }

    if (!phr_push_part(rest, &l->value)) {

        if (!phr_str_eq(l->name, phr_push_job)) {
            return phr_err_set(err, PHR_EINVAL, "odd number of components "
                               "in label string");
        }

        l->value = phr_str_of("");
    }

    if (base64) {
        rc = phr_push_base64(arena, l->value, &l->value);

        if (rc == PHR_EPARSE) {
            return phr_err_set(err, PHR_EINVAL, "invalid base64 encoding "
                               "for label %.*s", (int) l->name.len,
                               l->name.data);
        }

        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "no memory for a path");
        }
    }

    if (!phr_utf8_valid(l->value.data, l->value.len)) {
        return phr_err_set(err, PHR_EINVAL, "value of label %.*s is not "
                           "valid UTF-8", (int) l->name.len, l->name.data);
    }

    return PHR_OK;
}


static int
phr_push_percent(phr_arena_t *arena, phr_str_t path, phr_str_t *out,
    phr_err_t *err)
{
    int     hi, lo;
    char   *p;
    size_t  i, n;

    p = phr_arena_alloc(arena, path.len + 1);
    if (p == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory for a path");
    }

    n = 0;

    for (i = 0; i < path.len; i++) {

        if (path.data[i] != '%') {
            p[n++] = path.data[i];
            continue;
        }

        if (i + 2 >= path.len) {
            return phr_err_set(err, PHR_EINVAL, "invalid URL escape");
        }

        hi = phr_push_hex(path.data[i + 1]);
        lo = phr_push_hex(path.data[i + 2]);

        if (hi < 0 || lo < 0) {
            return phr_err_set(err, PHR_EINVAL, "invalid URL escape \"%.3s\"",
                               path.data + i);
        }

        p[n++] = (char) (hi * 16 + lo);
        i += 2;
    }

    *out = phr_str_from(p, n);

    return PHR_OK;
}


static int
phr_push_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = (char) (c | 0x20);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* up to the next slash; rest.data is NULL behind the last part */

static int
phr_push_part(phr_str_t *rest, phr_str_t *part)
{
    const char  *slash;

    if (rest->data == NULL) {
        return 0;
    }

    slash = rest->len ? memchr(rest->data, '/', rest->len) : NULL;

    if (slash == NULL) {
        *part = *rest;
        *rest = phr_str_from(NULL, 0);
        return 1;
    }

    part->data = rest->data;
    part->len = (size_t) (slash - rest->data);

    rest->data += part->len + 1;
    rest->len -= part->len + 1;

    return 1;
}


static int
phr_push_name(phr_str_t part, phr_str_t *name, int *base64)
{
    static const phr_str_t  suffix = phr_str("@base64");

    *base64 = part.len >= suffix.len
              && memcmp(part.data + part.len - suffix.len, suffix.data,
                        suffix.len) == 0;

    if (*base64) {
        part.len -= suffix.len;
    }

    *name = part;

    if (!phr_label_name_valid(part)
        || (part.len >= 2 && part.data[0] == '_' && part.data[1] == '_'))
    {
        return PHR_EINVAL;
    }

    return PHR_OK;
}


/* the alphabet for URLs of RFC 4648; padding may be there, or not */

static int
phr_push_base64(phr_arena_t *arena, phr_str_t in, phr_str_t *out)
{
    int        d;
    char      *p;
    size_t     i, n;
    uint32_t   bits;
    unsigned   nbits;

    while (in.len != 0 && in.data[in.len - 1] == '=') {
        in.len--;
    }

    if (in.len % 4 == 1) {
        return PHR_EPARSE;
    }

    p = phr_arena_alloc(arena, in.len + 1);
    if (p == NULL) {
        return phr_arena_rc(arena);
    }

    n = 0;
    bits = 0;
    nbits = 0;

    for (i = 0; i < in.len; i++) {
        d = phr_push_base64_digit(in.data[i]);
        if (d < 0) {
            return PHR_EPARSE;
        }

        bits = (bits << 6 | (uint32_t) d) & 0xffff;
        nbits += 6;

        if (nbits >= 8) {
            nbits -= 8;
            p[n++] = (char) (bits >> nbits & 0xff);
        }
    }

    *out = phr_str_from(p, n);

    return PHR_OK;
}


static int
phr_push_base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' ? 62 : c == '_' ? 63 : -1;
}


/* of a label given twice the last value counts */

static void
phr_push_label_set(phr_label_t *l, size_t *n, phr_str_t name,
    phr_str_t value)
{
    size_t  i;


    for (i = 0; i < *n && !phr_str_eq(l[i].name, name); i++) {
        /* void */
    }

    l[i].name = name;
    l[i].value = value;

    *n += i == *n;
}


static int
phr_push_label_cmp(const void *a, const void *b)
{
    return phr_str_cmp(((const phr_label_t *) a)->name,
                       ((const phr_label_t *) b)->name);
}
