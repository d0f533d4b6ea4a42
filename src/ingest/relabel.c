/*
 * Copyright (C) The Pharos Authors
 *
 * Relabelling, one function per kind of action.  Expressions are anchored,
 * so a match is always of the whole value.
 */

#include "ingest/relabel.h"

#include <openssl/evp.h>

#include "core/bytes.h"
#include "core/utf8.h"


typedef struct {
    uint32_t  first;        /* the capitals, or the small letters */
    uint32_t  last;
    int32_t   delta;        /* to the other case; 1: they alternate */
} phr_relabel_case_t;


static int phr_relabel_one(const phr_relabel_conf_t *c,
    phr_labels_builder_t *b);
static int phr_relabel_source(const phr_relabel_conf_t *c,
    phr_labels_builder_t *b, phr_str_t *val);
static int phr_relabel_replace(const phr_relabel_conf_t *c,
    phr_labels_builder_t *b, phr_str_t val);
static int phr_relabel_hashmod(const phr_relabel_conf_t *c,
    phr_labels_builder_t *b, phr_str_t val);
static int phr_relabel_map(const phr_relabel_conf_t *c,
    phr_labels_builder_t *b);
static int phr_relabel_filter(const phr_relabel_conf_t *c,
    phr_labels_builder_t *b);
static int phr_relabel_fold(const phr_relabel_conf_t *c,
    phr_labels_builder_t *b, phr_str_t val);
static uint32_t phr_relabel_fold_char(uint32_t c, int upper);
static int phr_relabel_expand(const phr_relabel_conf_t *c,
    phr_arena_t *arena, phr_str_t val, phr_str_t template, phr_str_t *out);
static int phr_relabel_name_valid(const phr_relabel_conf_t *c, phr_str_t s);


/* the capitals of the scripts that have them and occur in label values */
static const phr_relabel_case_t  phr_relabel_cases[] = {
    { 'A',    'Z',    32 },
    { 0xc0,   0xd6,   32 },
    { 0xd8,   0xde,   32 },
    { 0x100,  0x12f,  1 },
    { 0x132,  0x137,  1 },
    { 0x139,  0x148,  1 },
    { 0x14a,  0x177,  1 },
    { 0x179,  0x17e,  1 },
    { 0x391,  0x3a1,  32 },
    { 0x3a3,  0x3ab,  32 },
    { 0x400,  0x40f,  80 },
    { 0x410,  0x42f,  32 },
    { 0x460,  0x481,  1 },
    { 0x48a,  0x4bf,  1 },
    { 0x4d0,  0x52f,  1 },
    { 0x531,  0x556,  48 },
    { 0x1e00, 0x1e95, 1 },
    { 0x1ea0, 0x1eff, 1 },
};


int
phr_relabel(const phr_relabel_confs_t *confs, phr_labels_builder_t *b,
    phr_err_t *err)
{
    int     rc;
    size_t  i;

    if (confs == NULL) {
        return PHR_OK;
    }

    for (i = 0; i < confs->n; i++) {

        rc = phr_relabel_one(confs->r[i], b);
        if (rc == PHR_DONE) {
            return rc;
        }

        if (rc == PHR_OK) {
            rc = b->failed;
        }

        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "relabelling took too much memory, "
                               "or its regular expression too long");
        }
    }

    return PHR_OK;
}


static int
phr_relabel_one(const phr_relabel_conf_t *c, phr_labels_builder_t *b)
{
    int        rc;
    phr_str_t  val;

    rc = phr_relabel_source(c, b, &val);
    if (rc != PHR_OK) {
        return rc;
    }

    switch (c->action) {

    case PHR_RELABEL_REPLACE:
        return phr_relabel_replace(c, b, val);

    case PHR_RELABEL_KEEP:
        rc = phr_regex_match(c->re, val);
        return rc < 0 ? rc : rc ? PHR_OK : PHR_DONE;

    case PHR_RELABEL_DROP:
        rc = phr_regex_match(c->re, val);
        return rc < 0 ? rc : rc ? PHR_DONE : PHR_OK;

    case PHR_RELABEL_KEEPEQUAL:
        return phr_str_eq(phr_labels_builder_get(b, c->target_label), val)
               ? PHR_OK : PHR_DONE;

    case PHR_RELABEL_DROPEQUAL:
        return phr_str_eq(phr_labels_builder_get(b, c->target_label), val)
               ? PHR_DONE : PHR_OK;

    case PHR_RELABEL_HASHMOD:
        return phr_relabel_hashmod(c, b, val);

    case PHR_RELABEL_LABELMAP:
        return phr_relabel_map(c, b);

    case PHR_RELABEL_LABELDROP:
    case PHR_RELABEL_LABELKEEP:
        return phr_relabel_filter(c, b);

    case PHR_RELABEL_LOWERCASE:
    case PHR_RELABEL_UPPERCASE:
        return phr_relabel_fold(c, b, val);
    }

    return PHR_EINVAL;
}


/* the values of the source labels with the separator between them */

static int
phr_relabel_source(const phr_relabel_conf_t *c, phr_labels_builder_t *b,
    phr_str_t *val)
{
    char       *out, *p;
    size_t      i, len;
    phr_str_t   s;

    *val = phr_str_of("");

    if (c->source_labels.n == 0) {
        return PHR_OK;
    }

    if (c->source_labels.n == 1) {
        *val = phr_labels_builder_get(b, c->source_labels.s[0]);
        return PHR_OK;
    }

    len = (c->source_labels.n - 1) * c->separator.len;

    for (i = 0; i < c->source_labels.n; i++) {
        len += phr_labels_builder_get(b, c->source_labels.s[i]).len;
    }

    out = phr_arena_alloc(b->arena, len + 1);
    if (out == NULL) {
        return phr_arena_rc(b->arena);
    }

    p = out;

    for (i = 0; i < c->source_labels.n; i++) {
        if (i != 0 && c->separator.len != 0) {
            memcpy(p, c->separator.data, c->separator.len);
            p += c->separator.len;
        }

        s = phr_labels_builder_get(b, c->source_labels.s[i]);
        if (s.len != 0) {
            memcpy(p, s.data, s.len);
            p += s.len;
        }
    }

    *val = phr_str_from(out, len);

    return PHR_OK;
}


static int
phr_relabel_replace(const phr_relabel_conf_t *c, phr_labels_builder_t *b,
    phr_str_t val)
{
    int        rc;
    phr_str_t  target, value;

    rc = phr_regex_match(c->re, val);
    if (rc <= 0) {
        return rc;
    }

    rc = phr_relabel_expand(c, b->arena, val, c->target_label, &target);
    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    if (!phr_relabel_name_valid(c, target)) {
        return PHR_OK;
    }

    rc = phr_relabel_expand(c, b->arena, val, c->replacement, &value);
    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    phr_labels_builder_set(b, target, value);

    return PHR_OK;
}


/*
 * The last eight bytes of the MD5 sum, as Prometheus takes them, so that
 * several servers agree on who scrapes what.
 */

static int
phr_relabel_hashmod(const phr_relabel_conf_t *c, phr_labels_builder_t *b,
    phr_str_t val)
{
    char      *text;
    uint8_t    md[EVP_MAX_MD_SIZE];
    unsigned   len;

    if (!EVP_Digest(val.data, val.len, md, &len, EVP_md5(), NULL)
        || len != 16)
    {
        return PHR_ENOMEM;
    }

    text = phr_arena_printf(b->arena, "%llu", (unsigned long long)
                            (phr_get_be64(md + 8) % c->modulus));
    if (text == NULL) {
        return phr_arena_rc(b->arena);
    }

    phr_labels_builder_set(b, c->target_label, phr_str_from_c(text));

    return PHR_OK;
}


static int
phr_relabel_map(const phr_relabel_conf_t *c, phr_labels_builder_t *b)
{
    int           rc;
    size_t        i, n;
    phr_str_t     name;
    phr_label_t  *l;

    /* names are taken from the set as it was before this rule */

    n = b->n;

    l = phr_arena_alloc(b->arena, (n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_arena_rc(b->arena);
    }

    memcpy(l, b->l, n * sizeof(phr_label_t));

    for (i = 0; i < n; i++) {

        rc = phr_relabel_expand(c, b->arena, l[i].name, c->replacement,
                                &name);
        if (rc < 0) {
            return rc;
        }

        if (rc == PHR_OK && name.len != 0) {
            phr_labels_builder_set(b, name, l[i].value);
        }
    }

    return PHR_OK;
}


static int
phr_relabel_filter(const phr_relabel_conf_t *c, phr_labels_builder_t *b)
{
    int         rc;
    size_t      i, n;
    phr_str_t  *names;

    names = phr_arena_alloc(b->arena, (b->n + 1) * sizeof(phr_str_t));
    if (names == NULL) {
        return phr_arena_rc(b->arena);
    }

    n = 0;

    for (i = 0; i < b->n; i++) {
        rc = phr_regex_match(c->re, b->l[i].name);
        if (rc < 0) {
            return rc;
        }

        if (rc == (c->action == PHR_RELABEL_LABELDROP)) {
            names[n++] = b->l[i].name;
        }
    }

    phr_labels_builder_drop(b, names, n);

    return PHR_OK;
}


static int
phr_relabel_fold(const phr_relabel_conf_t *c, phr_labels_builder_t *b,
    phr_str_t val)
{
    int          upper;
    char        *out, *p;
    uint32_t     ch;
    const char  *s, *end, *from;

    /* no character of the table grows by more than a byte */

    out = phr_arena_alloc(b->arena, 2 * val.len + 4);
    if (out == NULL) {
        return phr_arena_rc(b->arena);
    }

    upper = c->action == PHR_RELABEL_UPPERCASE;
    p = out;
    s = val.data;
    end = s + val.len;

    while (s < end) {
        from = s;
        ch = phr_utf8_decode(&s, end);

        if (phr_relabel_fold_char(ch, upper) == ch) {
            memcpy(p, from, (size_t) (s - from));
            p += s - from;

        } else {
            p += phr_utf8_encode(p, phr_relabel_fold_char(ch, upper));
        }
    }

    phr_labels_builder_set(b, c->target_label,
                           phr_str_from(out, (size_t) (p - out)));

    return PHR_OK;
}


static uint32_t
phr_relabel_fold_char(uint32_t c, int upper)
{
    size_t                     i;
    uint32_t                   d;
    const phr_relabel_case_t  *r;

    for (i = 0; i < phr_nelems(phr_relabel_cases); i++) {
        r = &phr_relabel_cases[i];

        if (r->delta == 1) {
            if (c >= r->first && c <= r->last) {
                d = (c - r->first) & 1;
                return upper ? c - d : c + 1 - d;
            }

            continue;
        }

        d = upper ? (uint32_t) r->delta : 0;

        if (c >= r->first + d && c <= r->last + d) {
            return upper ? c - d : c + (uint32_t) r->delta;
        }
    }

    return c;
}


/* PHR_NOTFOUND if the value does not match */

static int
phr_relabel_expand(const phr_relabel_conf_t *c, phr_arena_t *arena,
    phr_str_t val, phr_str_t template, phr_str_t *out)
{
    int        rc;
    phr_buf_t  buf;

    if (template.len == 0 || memchr(template.data, '$', template.len) == NULL)
    {
        *out = template;
        rc = phr_regex_match(c->re, val);
        return rc < 0 ? rc : rc ? PHR_OK : PHR_NOTFOUND;
    }

    phr_buf_init(&buf, 0);

    rc = phr_regex_expand(c->re, val, template, &buf);

    if (rc == PHR_OK) {
        rc = buf.failed;
    }

    if (rc == PHR_OK) {
        *out = phr_arena_str(arena, phr_buf_view(&buf));
        if (out->data == NULL) {
            rc = phr_arena_rc(arena);
        }
    }

    phr_buf_free(&buf);

    return rc;
}


static int
phr_relabel_name_valid(const phr_relabel_conf_t *c, phr_str_t s)
{
    if (c->legacy_names) {
        return phr_label_name_valid(s);
    }

    return s.len != 0 && phr_utf8_valid(s.data, s.len);
}
