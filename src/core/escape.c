/*
 * Copyright (C) The Pharos Authors
 *
 * Escape: see escape.h.
 */

#include "core/escape.h"

#include "core/buf.h"
#include "core/utf8.h"


static int phr_escape(const phr_escape_t *e, phr_escape_e scheme, int colon,
    phr_str_t *name);
static void phr_escape_point(phr_buf_t *b, phr_escape_e scheme, uint32_t c);
static int phr_escape_plain(uint32_t c, int colon, int first);
static int phr_escape_label(const phr_escape_t *e, phr_label_t *l, size_t n,
    size_t at);


/* ORDER phr_escape_e */
static const char *const  phr_escape_texts[] = {
    "underscores", "allow-utf-8", "dots", "values"
};


int
phr_escape_accepted(phr_str_t accept, phr_escape_e *scheme)
{
    size_t       i, n;
    const char  *p, *end;

    static const char  key[] = "escaping=";

    end = accept.data + accept.len;

    for (p = accept.data; p < end; /* void */) {

        p = memmem(p, end - p, key, sizeof(key) - 1);
        if (p == NULL) {
            break;
        }

        p += sizeof(key) - 1;

        for (n = 0; p + n < end && memchr(";, ", p[n], 3) == NULL; n++) {
            /* void */
        }

        for (i = 0; i < phr_nelems(phr_escape_texts); i++) {
            if (phr_str_eq(phr_str_from(p, n),
                           phr_str_from_c(phr_escape_texts[i])))
            {
                *scheme = (phr_escape_e) i;
                return 1;
            }
        }
    }

    return 0;
}


const char *
phr_escape_text(phr_escape_e scheme)
{
    return phr_escape_texts[scheme];
}


int
phr_escape_name(const phr_escape_t *e, phr_str_t *name)
{
    if (e->scheme == PHR_ESCAPE_NOTHING || phr_metric_name_valid(*name)) {
        return PHR_OK;
    }

    return phr_escape(e, e->scheme, 1, name);
}


int
phr_escape_labels(const phr_escape_t *e, phr_labels_t *ls)
{
    int           rc;
    size_t        i;
    phr_label_t  *l;

    for (i = 0; i < ls->n; i++) {
        if (!phr_label_name_valid(ls->l[i].name)
            || (phr_str_eq(ls->l[i].name, phr_str_of(PHR_METRIC_NAME))
                && !phr_metric_name_valid(ls->l[i].value)))
        {
            break;
        }
    }

    if (i == ls->n || e->scheme == PHR_ESCAPE_NOTHING) {
        return PHR_OK;
    }

    l = phr_arena_alloc(e->arena, ls->n * sizeof(phr_label_t));
    if (l == NULL) {
        return PHR_ENOMEM;
    }

    memcpy(l, ls->l, ls->n * sizeof(phr_label_t));

    for (rc = PHR_OK, i = 0; i < ls->n && rc == PHR_OK; i++) {

        if (phr_str_eq(l[i].name, phr_str_of(PHR_METRIC_NAME))) {
            rc = phr_escape_name(e, &l[i].value);

        } else if (!phr_label_name_valid(l[i].name)) {
            rc = phr_escape_label(e, l, ls->n, i);
        }
    }

    if (rc == PHR_OK) {
        ls->l = l;
    }

    return rc;
}


/* "a.b" and "a-b" of one series must not both become "a_b" */

static int
phr_escape_label(const phr_escape_t *e, phr_label_t *l, size_t n, size_t at)
{
    int        rc;
    size_t     i;
    phr_str_t  name;

    name = l[at].name;

    rc = phr_escape(e, e->scheme, 0, &name);

    for (i = 0; i < n && rc == PHR_OK; i++) {
        if (phr_str_eq(l[i].name, name)) {
            name = l[at].name;
            rc = phr_escape(e, PHR_ESCAPE_VALUES, 0, &name);
            break;
        }
    }

    if (rc == PHR_OK) {
        l[at].name = name;
    }

    return rc;
}


static int
phr_escape(const phr_escape_t *e, phr_escape_e scheme, int colon,
    phr_str_t *name)
{
    int          first;
    uint32_t     c;
    phr_buf_t    b;
    phr_str_t    escaped;
    const char  *p, *end;

    p = name->data;
    end = p + name->len;

    phr_buf_init(&b, 0);

    if (scheme == PHR_ESCAPE_VALUES) {
        phr_buf_puts(&b, "U__");
    }

    for (first = 1; p < end; first = 0) {
        c = phr_utf8_decode(&p, end);

        if (phr_escape_plain(c, colon, first)
            && (c != '_' || scheme == PHR_ESCAPE_UNDERSCORES))
        {
            phr_buf_putc(&b, (char) c);

        } else {
            phr_escape_point(&b, scheme, c);
        }
    }

    escaped = phr_arena_str(e->arena, phr_buf_view(&b));

    if (b.failed || escaped.data == NULL) {
        phr_buf_free(&b);
        return PHR_ENOMEM;
    }

    phr_buf_free(&b);
    *name = escaped;

    return PHR_OK;
}


static void
phr_escape_point(phr_buf_t *b, phr_escape_e scheme, uint32_t c)
{
    if (scheme == PHR_ESCAPE_UNDERSCORES) {
        phr_buf_putc(b, '_');

    } else if (scheme == PHR_ESCAPE_DOTS && c == '.') {
        phr_buf_puts(b, "_dot_");

    } else if (scheme == PHR_ESCAPE_DOTS || c == '_') {
        phr_buf_puts(b, "__");

    } else {
        phr_buf_printf(b, "_%x_", (unsigned) c);
    }
}


static int
phr_escape_plain(uint32_t c, int colon, int first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
           || (c == ':' && colon) || (c >= '0' && c <= '9' && !first);
}
