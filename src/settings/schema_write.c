/*
 * Copyright (C) The Pharos Authors
 *
 * Schema: writes objects back as YAML, in the order of their tables, zero
 * values left out.  What is secret becomes "<secret>".
 */

#include "settings/schema.h"

#include "core/number.h"
#include "core/time.h"


#define PHR_SCHEMA_SECRET  "<secret>"


typedef struct {
    phr_buf_t  *buf;
    unsigned    indent;
    int         inside;     /* the next line continues "- " */
} phr_schema_writer_t;


static void phr_schema_write_object(phr_schema_writer_t *w,
    const phr_schema_t *schema, const char *object);
static void phr_schema_write_option(phr_schema_writer_t *w,
    const phr_option_t *opt, const char *member);
static void phr_schema_write_node(phr_schema_writer_t *w,
    const phr_schema_t *schema, const phr_yaml_node_t *node);
static void phr_schema_write_value(phr_schema_writer_t *w,
    const phr_option_t *opt, const phr_yaml_node_t *node);
static void phr_schema_write_scalar(phr_schema_writer_t *w,
    const phr_option_t *opt, const char *member);
static void phr_schema_write_strs(phr_schema_writer_t *w,
    const phr_option_t *opt, const phr_strs_t *strs);
static int phr_schema_flow_plain(phr_str_t s);
static void phr_schema_write_pairs(phr_schema_writer_t *w,
    const phr_option_t *opt, const phr_pairs_t *pairs);
static void phr_schema_write_items(phr_schema_writer_t *w,
    const phr_option_t *opt, void *const *list, size_t n);
static void phr_schema_line(phr_schema_writer_t *w);
static void phr_schema_key(phr_schema_writer_t *w, phr_str_t name);
static const phr_option_t *phr_schema_find(const phr_schema_t *schema,
    phr_str_t name);
static int phr_schema_zero_member(const phr_option_t *opt,
    const char *member);
static int phr_schema_zero_bytes(const char *p, size_t n);
static void phr_schema_write_url(phr_buf_t *b, phr_str_t url);


void
phr_schema_write(phr_buf_t *b, const phr_schema_t *schema,
    const void *object, const phr_yaml_node_t *node, unsigned indent,
    int inside)
{
    phr_schema_writer_t  w;

    w.buf = b;
    w.indent = indent;
    w.inside = inside;

    if (object != NULL) {
        phr_schema_write_object(&w, schema, object);

    } else {
        phr_schema_write_node(&w, schema, node);
    }
}


void
phr_schema_write_list(phr_buf_t *b, const phr_option_t *opt,
    void *const *list, size_t n, unsigned indent)
{
    phr_schema_writer_t  w;

    w.buf = b;
    w.indent = indent;
    w.inside = 0;

    phr_schema_write_items(&w, opt, list, n);
}


void
phr_schema_write_member(phr_buf_t *b, const phr_option_t *opt,
    const phr_yaml_node_t *node, unsigned indent)
{
    phr_schema_writer_t  w;

    w.buf = b;
    w.indent = indent;
    w.inside = 0;

    phr_schema_key(&w, phr_str_from_c(opt->name));
    phr_schema_write_value(&w, opt, node);
}


static void
phr_schema_write_object(phr_schema_writer_t *w, const phr_schema_t *schema,
    const char *object)
{
    size_t               i;
    const phr_option_t  *opt;

    for (i = 0; i < schema->noptions; i++) {
        opt = &schema->options[i];

        if ((opt->flags & PHR_OPT_MOVED) || opt->offset == PHR_OPT_NOWHERE) {
            continue;
        }

        if (opt->type == PHR_OPT_INLINE) {
            if (opt->schema->size > 0) {
                phr_schema_write_object(w, opt->schema,
                                        object + opt->offset);
            }

            continue;
        }

        phr_schema_write_option(w, opt, object + opt->offset);
    }
}


static void
phr_schema_write_option(phr_schema_writer_t *w, const phr_option_t *opt,
    const char *member)
{
    size_t                   n;
    void                   **list, *object;
    phr_buf_t                body;
    phr_schema_writer_t      inner;
    const phr_yaml_node_t   *node;

    if (opt->type == PHR_OPT_CUSTOM) {
        if (opt->write != NULL) {
            opt->write(w->buf, opt, member, w->indent);
        }

        return;
    }

    if (opt->type != PHR_OPT_NODE && opt->schema != NULL
        && opt->schema->size == 0)
    {
        return;
    }

    if (!(opt->flags & PHR_OPT_KEEP) && phr_schema_zero_member(opt, member)) {
        return;
    }

    switch (opt->type) {
    case PHR_OPT_STRUCT:
    case PHR_OPT_POINTER:
        object = (void *) member;

        if (opt->type == PHR_OPT_POINTER) {
            memcpy(&object, member, sizeof(object));

            if (object == NULL) {
                return;
            }
        }

        /* a struct with nothing but defaults is left out */

        phr_buf_init(&body, 0);

        inner.buf = &body;
        inner.indent = w->indent + 2;
        inner.inside = 0;

        phr_schema_write_object(&inner, opt->schema, object);

        if (body.len > 0 || opt->type == PHR_OPT_POINTER) {
            phr_schema_key(w, phr_str_from_c(opt->name));
            phr_buf_puts(w->buf, body.len > 0 ? "\n" : " {}\n");
            phr_buf_str(w->buf, phr_buf_view(&body));
        }

        if (body.failed) {
            w->buf->failed = body.failed;
        }

        phr_buf_free(&body);
        break;

    case PHR_OPT_LIST:
    case PHR_OPT_MAP:
        memcpy(&list, member, sizeof(list));
        memcpy(&n, member + sizeof(list), sizeof(n));
        phr_schema_write_items(w, opt, list, n);
        break;

    case PHR_OPT_NODE:
        memcpy(&node, member, sizeof(node));
        phr_schema_key(w, phr_str_from_c(opt->name));
        phr_schema_write_value(w, opt, node);
        break;

    case PHR_OPT_STRS:
    case PHR_OPT_PATHS:
    case PHR_OPT_SECRETS:
        phr_schema_write_strs(w, opt, (const phr_strs_t *) member);
        break;

    case PHR_OPT_PAIRS:
        phr_schema_write_pairs(w, opt, (const phr_pairs_t *) member);
        break;

    default:
        phr_schema_key(w, phr_str_from_c(opt->name));
        phr_schema_write_scalar(w, opt, member);
        phr_buf_putc(w->buf, '\n');
    }
}


static void
phr_schema_write_scalar(phr_schema_writer_t *w, const phr_option_t *opt,
    const char *member)
{
    int        b;
    double     d;
    int64_t    i;
    uint64_t   u;
    unsigned   unit;
    phr_str_t  s;

    static const char  units[] = "KMGTPE";

    phr_buf_putc(w->buf, ' ');

    switch (opt->type) {
    case PHR_OPT_BOOL:
        memcpy(&b, member, sizeof(b));
        phr_buf_puts(w->buf, b ? "true" : "false");
        break;

    case PHR_OPT_INT:
        memcpy(&i, member, sizeof(i));
        phr_buf_printf(w->buf, "%lld", (long long) i);
        break;

    case PHR_OPT_UINT:
        memcpy(&u, member, sizeof(u));
        phr_buf_printf(w->buf, "%llu", (unsigned long long) u);
        break;

    case PHR_OPT_DOUBLE:
        memcpy(&d, member, sizeof(d));
        phr_number_format_g(w->buf, d);
        break;

    case PHR_OPT_DURATION:
    case PHR_OPT_GO_TIME:
        memcpy(&i, member, sizeof(i));
        phr_duration_format(w->buf, i);
        break;

    case PHR_OPT_SIZE:
        memcpy(&u, member, sizeof(u));

        for (unit = 0; unit < 6 && u >= 1024 && u % 1024 == 0; unit++) {
            u /= 1024;
        }

        phr_buf_printf(w->buf, "%llu", (unsigned long long) u);

        if (unit > 0) {
            phr_buf_printf(w->buf, "%ciB", units[unit - 1]);

        } else {
            phr_buf_putc(w->buf, 'B');
        }

        break;

    case PHR_OPT_SECRET:
    case PHR_OPT_SECRET_URL:
        phr_buf_puts(w->buf, PHR_SCHEMA_SECRET);
        break;

    case PHR_OPT_URL:
    case PHR_OPT_HTTP_URL:
        memcpy(&s, member, sizeof(s));
        phr_schema_write_url(w->buf, s);
        break;

    default:
        memcpy(&s, member, sizeof(s));
        phr_yaml_write_scalar(w->buf, s);
    }
}


static void
phr_schema_write_strs(phr_schema_writer_t *w, const phr_option_t *opt,
    const phr_strs_t *strs)
{
    size_t     i;
    phr_str_t  s;

    phr_schema_key(w, phr_str_from_c(opt->name));

    if ((opt->flags & PHR_OPT_FLOW) || strs->n == 0) {
        phr_buf_puts(w->buf, " [");

        for (i = 0; i < strs->n; i++) {
            phr_buf_puts(w->buf, i ? ", " : "");

            if (phr_schema_flow_plain(strs->s[i])) {
                phr_yaml_write_scalar(w->buf, strs->s[i]);

            } else {
                phr_yaml_write_quoted(w->buf, strs->s[i]);
            }
        }

        phr_buf_puts(w->buf, "]\n");
        return;
    }

    phr_buf_putc(w->buf, '\n');

    for (i = 0; i < strs->n; i++) {
        s = strs->s[i];

        if (opt->type == PHR_OPT_SECRETS) {
            s = phr_str_of(PHR_SCHEMA_SECRET);
        }

        phr_schema_line(w);
        phr_buf_puts(w->buf, "- ");
        phr_yaml_write_scalar(w->buf, s);
        phr_buf_putc(w->buf, '\n');
    }
}


/* within [ and ] these characters end an entry */
static int
phr_schema_flow_plain(phr_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (strchr(",[]{}", s.data[i]) != NULL) {
            return 0;
        }
    }

    return 1;
}


static void
phr_schema_write_pairs(phr_schema_writer_t *w, const phr_option_t *opt,
    const phr_pairs_t *pairs)
{
    size_t  i;

    phr_schema_key(w, phr_str_from_c(opt->name));

    if (pairs->n == 0) {
        phr_buf_puts(w->buf, " {}\n");
        return;
    }

    phr_buf_putc(w->buf, '\n');
    w->indent += 2;

    for (i = 0; i < pairs->n; i++) {
        phr_schema_key(w, pairs->p[i].name);
        phr_buf_putc(w->buf, ' ');
        phr_yaml_write_scalar(w->buf, pairs->p[i].value);
        phr_buf_putc(w->buf, '\n');
    }

    w->indent -= 2;
}


static void
phr_schema_write_items(phr_schema_writer_t *w, const phr_option_t *opt,
    void *const *list, size_t n)
{
    size_t     i, before;
    phr_str_t  name;

    phr_schema_key(w, phr_str_from_c(opt->name));

    if (n == 0) {
        phr_buf_puts(w->buf, opt->type == PHR_OPT_MAP ? " {}\n" : " []\n");
        return;
    }

    phr_buf_putc(w->buf, '\n');

    for (i = 0; i < n; i++) {
        w->indent += 2;

        if (opt->type == PHR_OPT_MAP) {
            memcpy(&name, list[i], sizeof(name));
            phr_schema_key(w, name);
            phr_buf_putc(w->buf, '\n');
            w->indent += 2;

        } else {
            w->indent -= 2;
            phr_schema_line(w);
            phr_buf_puts(w->buf, "- ");
            w->inside = 1;
            w->indent += 2;
        }

        before = w->buf->len;
        phr_schema_write_object(w, opt->schema, list[i]);

        if (w->buf->len == before) {
            phr_buf_puts(w->buf, "{}\n");
        }

        w->inside = 0;
        w->indent -= (opt->type == PHR_OPT_MAP) ? 4 : 2;
    }
}


/* a mapping that has no struct, in the order in which it was written */
static void
phr_schema_write_node(phr_schema_writer_t *w, const phr_schema_t *schema,
    const phr_yaml_node_t *node)
{
    size_t               i;
    phr_str_t            key;
    const phr_option_t  *opt;

    if (node == NULL || node->type != PHR_YAML_MAPPING || node->n == 0) {
        phr_schema_line(w);
        phr_buf_puts(w->buf, "{}\n");
        return;
    }

    for (i = 0; i < node->n; i++) {
        key = node->pairs[i].key->value;
        opt = schema ? phr_schema_find(schema, key) : NULL;

        phr_schema_key(w, key);
        phr_schema_write_value(w, opt, node->pairs[i].value);
    }
}


/* opt may be NULL: the value is no secret and has no schema */
static void
phr_schema_write_value(phr_schema_writer_t *w, const phr_option_t *opt,
    const phr_yaml_node_t *node)
{
    int                  secret;
    size_t               i;
    phr_str_t            s;
    const phr_schema_t  *schema;

    schema = opt ? opt->schema : NULL;
    secret = (opt != NULL && (opt->type == PHR_OPT_SECRET
                              || opt->type == PHR_OPT_SECRETS
                              || opt->type == PHR_OPT_SECRET_URL
                              || (opt->flags & PHR_OPT_HIDDEN)));

    switch (node->type) {
    case PHR_YAML_MAPPING:
        if (node->n == 0) {
            phr_buf_puts(w->buf, " {}\n");
            return;
        }

        phr_buf_putc(w->buf, '\n');
        w->indent += 2;

        if (opt != NULL && opt->type == PHR_OPT_MAP) {
            for (i = 0; i < node->n; i++) {
                phr_schema_key(w, node->pairs[i].key->value);
                phr_buf_putc(w->buf, '\n');
                w->indent += 2;
                phr_schema_write_node(w, schema, node->pairs[i].value);
                w->indent -= 2;
            }

        } else {
            phr_schema_write_node(w, schema, node);
        }

        w->indent -= 2;
        return;

    case PHR_YAML_SEQUENCE:
        if (node->n == 0) {
            phr_buf_puts(w->buf, " []\n");
            return;
        }

        phr_buf_putc(w->buf, '\n');

        for (i = 0; i < node->n; i++) {
            phr_schema_line(w);
            phr_buf_putc(w->buf, '-');

            if (node->items[i]->type == PHR_YAML_MAPPING) {
                phr_buf_putc(w->buf, ' ');
                w->inside = 1;
                w->indent += 2;
                phr_schema_write_node(w, schema, node->items[i]);
                w->indent -= 2;
                w->inside = 0;

            } else {
                w->indent += 2;
                phr_schema_write_value(w, opt, node->items[i]);
                w->indent -= 2;
            }
        }

        return;

    default:
        s = node->value;

        if (node->type == PHR_YAML_NULL) {
            phr_buf_puts(w->buf, " null\n");
            return;
        }

        phr_buf_putc(w->buf, ' ');

        if (secret) {
            phr_buf_puts(w->buf, s.len > 0 ? PHR_SCHEMA_SECRET : "\"\"");

        } else if (opt != NULL && (opt->type == PHR_OPT_URL
                                   || opt->type == PHR_OPT_HTTP_URL))
        {
            phr_schema_write_url(w->buf, s);

        } else if (node->type == PHR_YAML_STRING) {
            phr_yaml_write_scalar(w->buf, s);

        } else {
            phr_buf_str(w->buf, s);
        }

        phr_buf_putc(w->buf, '\n');
    }
}


static void
phr_schema_line(phr_schema_writer_t *w)
{
    unsigned  i;

    if (w->inside) {
        w->inside = 0;
        return;
    }

    for (i = 0; i < w->indent; i++) {
        phr_buf_putc(w->buf, ' ');
    }
}


static void
phr_schema_key(phr_schema_writer_t *w, phr_str_t name)
{
    phr_schema_line(w);
    phr_yaml_write_scalar(w->buf, name);
    phr_buf_putc(w->buf, ':');
}


static const phr_option_t *
phr_schema_find(const phr_schema_t *schema, phr_str_t name)
{
    size_t               i;
    const phr_option_t  *opt, *found;

    for (i = 0; i < schema->noptions; i++) {
        opt = &schema->options[i];

        if (opt->type == PHR_OPT_INLINE) {
            found = phr_schema_find(opt->schema, name);
            if (found != NULL) {
                return found;
            }

            continue;
        }

        if (phr_str_eq(phr_str_from_c(opt->name), name)) {
            return opt;
        }
    }

    return NULL;
}


/* what Go's "omitempty" leaves out */
static int
phr_schema_zero_member(const phr_option_t *opt, const char *member)
{
    size_t     n;
    phr_str_t  s;

    switch (opt->type) {
    case PHR_OPT_BOOL:
        return phr_schema_zero_bytes(member, sizeof(int));

    case PHR_OPT_INT:
    case PHR_OPT_UINT:
    case PHR_OPT_DOUBLE:
    case PHR_OPT_DURATION:
    case PHR_OPT_GO_TIME:
    case PHR_OPT_SIZE:
        return phr_schema_zero_bytes(member, sizeof(int64_t));

    case PHR_OPT_STRS:
    case PHR_OPT_PATHS:
    case PHR_OPT_SECRETS:
        return ((const phr_strs_t *) member)->n == 0;

    case PHR_OPT_PAIRS:
        return ((const phr_pairs_t *) member)->n == 0;

    case PHR_OPT_LIST:
    case PHR_OPT_MAP:
        memcpy(&n, member + sizeof(void *), sizeof(n));
        return n == 0;

    case PHR_OPT_NODE:
    case PHR_OPT_POINTER:
        return phr_schema_zero_bytes(member, sizeof(void *));

    case PHR_OPT_STRUCT:
        return phr_schema_zero_bytes(member, opt->schema->size);

    default:
        memcpy(&s, member, sizeof(s));
        return s.len == 0;
    }
}


static int
phr_schema_zero_bytes(const char *p, size_t n)
{
    while (n > 0) {
        if (p[--n] != 0) {
            return 0;
        }
    }

    return 1;
}


/* user:password@ becomes user:xxxxx@ */
static void
phr_schema_write_url(phr_buf_t *b, phr_str_t url)
{
    phr_buf_t    out;
    const char  *p, *end, *at, *colon, *q;

    end = url.data + url.len;
    at = NULL;
    colon = NULL;

    for (p = url.data; p + 2 < end; p++) {
        if (p[0] == ':' && p[1] == '/' && p[2] == '/') {
            break;
        }
    }

    if (p + 2 < end) {
        for (q = p + 3; q < end && strchr("/?#", *q) == NULL; q++) {
            if (*q == '@') {
                at = q;
            }
        }

        for (q = p + 3; at != NULL && q < at; q++) {
            if (*q == ':') {
                colon = q;
                break;
            }
        }
    }

    if (colon == NULL) {
        phr_yaml_write_scalar(b, url);
        return;
    }

    phr_buf_init(&out, 0);
    phr_buf_append(&out, url.data, (size_t) (colon + 1 - url.data));
    phr_buf_puts(&out, "xxxxx");
    phr_buf_append(&out, at, (size_t) (end - at));
    phr_yaml_write_scalar(b, phr_buf_view(&out));

    if (out.failed) {
        b->failed = out.failed;
    }

    phr_buf_free(&out);
}
