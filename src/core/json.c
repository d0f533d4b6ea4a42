/*
 * Copyright (C) The Pharos Authors
 *
 * JSON: the writer, and reading through jansson, which is seen nowhere
 * else.  A phr_json_node_t is a json_t under another name.
 */

#include "core/json.h"

#include <math.h>

#include <jansson.h>

#include "core/alloc.h"
#include "core/number.h"
#include "core/utf8.h"


#define PHR_JSON_READ_DEPTH  128

/* bytes of a time at most, and of [TIME,"VALUE"] */
#define PHR_JSON_TIME        24
#define PHR_JSON_POINT       (PHR_JSON_TIME + PHR_NUMBER_LEN + 6)

/* points that are written without asking whether there is room */
#define PHR_JSON_POINTS      64

/* times a byte: eight of them */
#define PHR_JSON_BYTES       UINT64_C(0x0101010101010101)


struct phr_json_doc_s {
    json_t  *root;
};


static void phr_json_open(phr_json_writer_t *w, char c);
static void phr_json_close(phr_json_writer_t *w, char c);
static void phr_json_comma(phr_json_writer_t *w);
static char *phr_json_put(char *out, phr_str_t s);
static int phr_json_is_plain(phr_str_t s);
static void phr_json_text(phr_buf_t *b, phr_str_t s);
static size_t phr_json_time_text(char *out, int64_t t_ms);
static int phr_json_depth(phr_str_t text, phr_err_t *err);
static const json_t *phr_json_node(const phr_json_node_t *n);


/* what cannot stand for itself in a string */
static const uint8_t  phr_json_special[256] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['"'] = 1, ['\\'] = 1,
};


void
phr_json_init(phr_json_writer_t *w, phr_buf_t *buf)
{
    w->buf = buf;
    w->depth = 0;
    w->first[0] = 1;
    w->after_key = 0;
}


void
phr_json_object(phr_json_writer_t *w)
{
    phr_json_open(w, '{');
}


void
phr_json_end_object(phr_json_writer_t *w)
{
    phr_json_close(w, '}');
}


void
phr_json_array(phr_json_writer_t *w)
{
    phr_json_open(w, '[');
}


void
phr_json_end_array(phr_json_writer_t *w)
{
    phr_json_close(w, ']');
}


void
phr_json_key(phr_json_writer_t *w, const char *key)
{
    phr_json_key_str(w, phr_str_from_c(key));
}


void
phr_json_key_str(phr_json_writer_t *w, phr_str_t key)
{
    phr_assert(!w->after_key);

    phr_json_comma(w);
    phr_json_text(w->buf, key);
    phr_buf_putc(w->buf, ':');

    w->after_key = 1;
}


void
phr_json_string(phr_json_writer_t *w, phr_str_t s)
{
    phr_json_comma(w);
    phr_json_text(w->buf, s);
}


void
phr_json_cstring(phr_json_writer_t *w, const char *s)
{
    phr_json_string(w, phr_str_from_c(s));
}


void
phr_json_int(phr_json_writer_t *w, int64_t v)
{
    if (v < 0) {
        phr_json_comma(w);
        phr_buf_printf(w->buf, "%lld", (long long) v);
        return;
    }

    phr_json_uint(w, (uint64_t) v);
}


void
phr_json_uint(phr_json_writer_t *w, uint64_t v)
{
    phr_json_comma(w);
    phr_buf_printf(w->buf, "%llu", (unsigned long long) v);
}


void
phr_json_bool(phr_json_writer_t *w, int v)
{
    phr_json_comma(w);
    phr_buf_puts(w->buf, v ? "true" : "false");
}


void
phr_json_null(phr_json_writer_t *w)
{
    phr_json_comma(w);
    phr_buf_puts(w->buf, "null");
}


void
phr_json_double(phr_json_writer_t *w, double v)
{
    if (!isfinite(v)) {
        phr_json_null(w);
        return;
    }

    phr_json_comma(w);

    /* as Go writes JSON: other bounds than of format 'g' */

    if (v == 0 || (fabs(v) >= 1e-6 && fabs(v) < 1e21)) {
        phr_number_format(w->buf, v);

    } else {
        phr_number_format_g(w->buf, v);
    }
}


void
phr_json_value(phr_json_writer_t *w, double v)
{
    char  *p, *out;

    phr_json_comma(w);

    out = phr_buf_reserve(w->buf, PHR_NUMBER_LEN + 2);
    if (out == NULL) {
        return;
    }

    p = out;
    *p++ = '"';
    p += phr_number_write_value(p, v);
    *p++ = '"';

    w->buf->len += (size_t) (p - out);
}


void
phr_json_time(phr_json_writer_t *w, int64_t t_ms)
{
    char  *out;

    phr_json_comma(w);

    out = phr_buf_reserve(w->buf, PHR_JSON_TIME);
    if (out != NULL) {
        w->buf->len += phr_json_time_text(out, t_ms);
    }
}


void
phr_json_points(phr_json_writer_t *w, const int64_t *t_ms, const double *v,
    size_t n)
{
    char    *out, *p;
    size_t   i, end;

    for (i = 0; i < n; /* void */ ) {
        end = phr_min(n, i + PHR_JSON_POINTS);

        phr_json_comma(w);

        out = phr_buf_reserve(w->buf, (end - i) * PHR_JSON_POINT);
        if (out == NULL) {
            return;
        }

        for (p = out; i < end; i++) {
            *p++ = '[';
            p += phr_json_time_text(p, t_ms[i]);
            *p++ = ',';
            *p++ = '"';
            p += phr_number_write_value(p, v[i]);
            *p++ = '"';
            *p++ = ']';
            *p++ = ',';
        }

        /* the last comma is that of the next */

        w->buf->len += (size_t) (p - out) - 1;
    }
}


/* seconds, and thousandths as far as they are not zero */

static size_t
phr_json_time_text(char *out, int64_t t_ms)
{
    int       ms, width;
    char     *p;
    uint64_t  abs;

    p = out;
    abs = (uint64_t) t_ms;

    if (t_ms < 0) {
        *p++ = '-';
        abs = 0 - abs;
    }

    p += phr_number_write_uint(p, abs / 1000);
    ms = (int) (abs % 1000);

    if (ms == 0) {
        return (size_t) (p - out);
    }

    *p++ = '.';

    for (width = 100; ms != 0; width /= 10) {
        *p++ = (char) ('0' + ms / width);
        ms %= width;
    }

    return (size_t) (p - out);
}


void
phr_json_raw(phr_json_writer_t *w, phr_str_t json)
{
    phr_json_comma(w);
    phr_buf_str(w->buf, json);
}


void
phr_json_pair(phr_json_writer_t *w, const char *key, phr_str_t s)
{
    phr_json_pair_str(w, phr_str_from_c(key), s);
}


/* labels are written like this, most bytes of an answer of many series */

void
phr_json_pair_str(phr_json_writer_t *w, phr_str_t key, phr_str_t s)
{
    char  *out, *p;

    if (!phr_json_is_plain(key) || !phr_json_is_plain(s)) {
        phr_json_key_str(w, key);
        phr_json_string(w, s);
        return;
    }

    phr_json_comma(w);

    out = phr_buf_reserve(w->buf, key.len + s.len + 5);
    if (out == NULL) {
        return;
    }

    p = phr_json_put(out, key);
    *p++ = ':';
    p = phr_json_put(p, s);

    w->buf->len += (size_t) (p - out);
}


void
phr_json_pair_c(phr_json_writer_t *w, const char *key, const char *s)
{
    phr_json_key(w, key);
    phr_json_cstring(w, s);
}


void
phr_json_pair_int(phr_json_writer_t *w, const char *key, int64_t v)
{
    phr_json_key(w, key);
    phr_json_int(w, v);
}


void
phr_json_pair_bool(phr_json_writer_t *w, const char *key, int v)
{
    phr_json_key(w, key);
    phr_json_bool(w, v);
}


int
phr_json_parse(phr_str_t text, phr_json_doc_t **out, phr_err_t *err)
{
    int              rc;
    json_t          *root;
    json_error_t     error;
    phr_json_doc_t  *doc;

    rc = phr_json_depth(text, err);
    if (rc != PHR_OK) {
        return rc;
    }

    doc = phr_malloc(sizeof(phr_json_doc_t));
    if (doc == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for JSON");
    }

    root = json_loadb(text.data ? text.data : "", text.len,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (root == NULL) {
        phr_free(doc);

        if (json_error_code(&error) == json_error_out_of_memory) {
            return phr_err_set(err, PHR_ENOMEM, "no memory for JSON");
        }

        return phr_err_in_file(err, PHR_EPARSE, NULL,
                               (uint32_t) phr_max(error.line, 1),
                               (uint32_t) phr_max(error.column, 1),
                               "%s", error.text);
    }

    doc->root = root;
    *out = doc;

    return PHR_OK;
}


void
phr_json_destroy(phr_json_doc_t *doc)
{
    if (doc == NULL) {
        return;
    }

    json_decref(doc->root);
    phr_free(doc);
}


const phr_json_node_t *
phr_json_root(const phr_json_doc_t *doc)
{
    return (const phr_json_node_t *) doc->root;
}


phr_json_type_e
phr_json_type(const phr_json_node_t *n)
{
    if (n == NULL) {
        return PHR_JSON_NULL;
    }

    switch (json_typeof(phr_json_node(n))) {

    case JSON_TRUE:
    case JSON_FALSE:
        return PHR_JSON_BOOL;

    case JSON_INTEGER:
        return PHR_JSON_INT;

    case JSON_REAL:
        return PHR_JSON_DOUBLE;

    case JSON_STRING:
        return PHR_JSON_STRING;

    case JSON_ARRAY:
        return PHR_JSON_ARRAY;

    case JSON_OBJECT:
        return PHR_JSON_OBJECT;

    default:
        return PHR_JSON_NULL;
    }
}


int64_t
phr_json_get_int(const phr_json_node_t *n, int64_t otherwise)
{
    double  v;

    if (phr_json_type(n) == PHR_JSON_INT) {
        return json_integer_value(phr_json_node(n));
    }

    /* 1e3 and 5.0 are integers, too */

    if (phr_json_type(n) == PHR_JSON_DOUBLE) {
        v = json_real_value(phr_json_node(n));

        if (v >= -9e15 && v <= 9e15 && v == (double) (int64_t) v) {
            return (int64_t) v;
        }
    }

    return otherwise;
}


double
phr_json_get_double(const phr_json_node_t *n, double otherwise)
{
    if (phr_json_type(n) == PHR_JSON_INT
        || phr_json_type(n) == PHR_JSON_DOUBLE)
    {
        return json_number_value(phr_json_node(n));
    }

    return otherwise;
}


int
phr_json_get_bool(const phr_json_node_t *n, int otherwise)
{
    if (phr_json_type(n) != PHR_JSON_BOOL) {
        return otherwise;
    }

    return json_is_true(phr_json_node(n));
}


phr_str_t
phr_json_get_str(const phr_json_node_t *n, const char *otherwise)
{
    const json_t  *s;

    if (phr_json_type(n) != PHR_JSON_STRING) {
        return otherwise ? phr_str_from_c(otherwise) : phr_str_from(NULL, 0);
    }

    s = phr_json_node(n);

    return phr_str_from(json_string_value(s), json_string_length(s));
}


size_t
phr_json_size(const phr_json_node_t *n)
{
    switch (phr_json_type(n)) {

    case PHR_JSON_ARRAY:
        return json_array_size(phr_json_node(n));

    case PHR_JSON_OBJECT:
        return json_object_size(phr_json_node(n));

    default:
        return 0;
    }
}


const phr_json_node_t *
phr_json_at(const phr_json_node_t *n, size_t i)
{
    if (phr_json_type(n) != PHR_JSON_ARRAY) {
        return NULL;
    }

    return (const phr_json_node_t *) json_array_get(phr_json_node(n), i);
}


const phr_json_node_t *
phr_json_get(const phr_json_node_t *n, const char *key)
{
    if (phr_json_type(n) != PHR_JSON_OBJECT) {
        return NULL;
    }

    return (const phr_json_node_t *) json_object_get(phr_json_node(n), key);
}


const phr_json_node_t *
phr_json_next(const phr_json_node_t *object, void **iter, phr_str_t *key)
{
    json_t  *o;

    if (phr_json_type(object) != PHR_JSON_OBJECT) {
        return NULL;
    }

    o = (json_t *) phr_json_node(object);

    *iter = *iter ? json_object_iter_next(o, *iter) : json_object_iter(o);

    if (*iter == NULL) {
        return NULL;
    }

    if (key != NULL) {
        *key = phr_str_from_c(json_object_iter_key(*iter));
    }

    return (const phr_json_node_t *) json_object_iter_value(*iter);
}


static void
phr_json_open(phr_json_writer_t *w, char c)
{
    phr_json_comma(w);
    phr_buf_putc(w->buf, c);

    phr_assert(w->depth + 1 < PHR_JSON_MAX_DEPTH);

    w->first[++w->depth] = 1;
}


static void
phr_json_close(phr_json_writer_t *w, char c)
{
    phr_assert(w->depth > 0 && !w->after_key);

    w->depth--;
    phr_buf_putc(w->buf, c);
}


static void
phr_json_comma(phr_json_writer_t *w)
{
    if (w->after_key) {
        w->after_key = 0;
        return;
    }

    if (!w->first[w->depth]) {
        phr_buf_putc(w->buf, ',');
    }

    w->first[w->depth] = 0;
}


/* what stands for itself, with its quotes; returns the end */

static char *
phr_json_put(char *out, phr_str_t s)
{
    *out++ = '"';

    if (s.len != 0) {
        memcpy(out, s.data, s.len);
    }

    out[s.len] = '"';

    return out + s.len + 1;
}


/* ASCII without a special character; eight bytes at once */

static int
phr_json_is_plain(phr_str_t s)
{
    size_t    i;
    uint64_t  w, quote, escape, odd;

    odd = 0;

    for (i = 0; s.len - i >= 8; i += 8) {
        memcpy(&w, s.data + i, 8);

        quote = w ^ '"' * PHR_JSON_BYTES;
        escape = w ^ '\\' * PHR_JSON_BYTES;

        /* below 32, or 0 after ^: that borrows from the highest bit */

        odd |= w | ((w - 32 * PHR_JSON_BYTES) & ~w)
               | ((quote - PHR_JSON_BYTES) & ~quote)
               | ((escape - PHR_JSON_BYTES) & ~escape);
    }

    odd &= 0x80 * PHR_JSON_BYTES;

    for ( /* void */ ; i < s.len; i++) {
        odd |= phr_json_special[(uint8_t) s.data[i]] | (s.data[i] & 0x80);
    }

    return odd == 0;
}


static void
phr_json_text(phr_buf_t *b, phr_str_t s)
{
    char        *out, text[4];
    size_t       n;
    uint32_t     c;
    const char  *p, *at, *from, *end, *name;

    static const char  names[] = "\bb\ff\nn\rr\tt\\\\\"\"";

    if (phr_json_is_plain(s)) {
        out = phr_buf_reserve(b, s.len + 2);

        if (out != NULL) {
            b->len += (size_t) (phr_json_put(out, s) - out);
        }

        return;
    }

    phr_buf_putc(b, '"');

    n = 0;

    if (!phr_utf8_valid(s.data ? s.data : "", s.len)) {
        n = 1;
    }

    p = s.data;
    from = p;
    end = p + s.len;

    while (p < end) {

        /* what is well-formed and not special is copied in long runs */

        if (!phr_json_special[(uint8_t) *p] && (n == 0 || !(*p & 0x80))) {
            p++;
            continue;
        }

        phr_buf_append(b, from, (size_t) (p - from));

        at = p;
        c = phr_utf8_decode(&p, end);
        from = p;

        for (name = names; *name != '\0' && (uint32_t) *name != c; name += 2) {
            /* void */
        }

        if (*name != '\0') {
            phr_buf_putc(b, '\\');
            phr_buf_putc(b, name[1]);

        } else if (c < 0x80) {
            phr_buf_printf(b, "\\u%04x", c);

        } else if (p - at == 1) {
            phr_buf_append(b, text, phr_utf8_encode(text, c));

        } else {
            phr_buf_append(b, at, (size_t) (p - at));
        }
    }

    phr_buf_append(b, from, (size_t) (end - from));
    phr_buf_putc(b, '"');
}


/* jansson takes 2,048 levels, and recursion over them is up to its users */

static int
phr_json_depth(phr_str_t text, phr_err_t *err)
{
    int       quoted;
    char      c;
    size_t    i, depth;
    uint32_t  line;

    depth = 0;
    quoted = 0;
    line = 1;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];
        line += c == '\n';

        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
            continue;
        }

        quoted = c == '"';

        if (c == '{' || c == '[') {
            if (++depth > PHR_JSON_READ_DEPTH) {
                return phr_err_in_file(err, PHR_EPARSE, NULL, line, 0,
                                       "JSON is nested too deeply");
            }

        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }

    return PHR_OK;
}


static const json_t *
phr_json_node(const phr_json_node_t *n)
{
    return (const json_t *) n;
}
