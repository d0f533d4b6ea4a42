/*
 * Copyright (C) The Pharos Authors
 *
 * Schema: single values, lists of strings and maps of strings, as the
 * programs that these files were written for take them.
 */

#include "settings/schema.h"

#include <stdlib.h>

#include "core/number.h"
#include "core/time.h"


/* a member of any of the scalar types */
typedef union {
    int          b;
    int64_t      i;
    uint64_t     u;
    double       d;
    phr_str_t    s;
    phr_strs_t   strs;
    phr_pairs_t  pairs;
} phr_schema_any_t;


/* ORDER PHR_OPT, as far as phr_schema_scalar() reads them */
static const size_t  phr_schema_sizes[] = {
    sizeof(int), sizeof(int64_t), sizeof(uint64_t), sizeof(double),
    sizeof(phr_str_t), sizeof(phr_str_t), sizeof(phr_str_t),
    sizeof(phr_str_t), sizeof(phr_str_t), sizeof(phr_str_t),
    sizeof(phr_str_t), sizeof(int64_t), sizeof(int64_t), sizeof(uint64_t),
    sizeof(phr_strs_t), sizeof(phr_strs_t), sizeof(phr_strs_t),
    sizeof(phr_pairs_t)
};


static int phr_schema_parse(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_schema_any_t *v, const phr_yaml_node_t *node);
static int phr_schema_number(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_schema_any_t *v, const phr_yaml_node_t *node);
static int phr_schema_string(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_str_t *s, const phr_yaml_node_t *node);
static int phr_schema_duration(phr_schema_ctx_t *ctx,
    const phr_option_t *opt, int64_t *ms, const phr_yaml_node_t *node);
static int phr_schema_go_time(phr_str_t s, int64_t *ms);
static int phr_schema_size(phr_str_t s, uint64_t *bytes);
static int phr_schema_pair_cmp(const void *a, const void *b);


int
phr_schema_scalar(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    int               rc;
    phr_schema_any_t  v;

    phr_assert(opt->type < phr_nelems(phr_schema_sizes));

    memset(&v, 0, sizeof(v));

    rc = PHR_OK;

    if (node->type != PHR_YAML_NULL) {
        rc = phr_schema_parse(ctx, opt, &v, node);
    }

    if (rc == PHR_OK && member != NULL) {
        memcpy(member, &v, phr_schema_sizes[opt->type]);
    }

    return rc;
}


static int
phr_schema_parse(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_schema_any_t *v, const phr_yaml_node_t *node)
{
    switch (opt->type) {
    case PHR_OPT_BOOL:
        if (phr_yaml_bool(node, &v->b) != PHR_OK) {
            return phr_schema_error(ctx, node, "\"%s\" must be true or "
                                    "false, not %s", opt->name,
                                    phr_yaml_type_text(node->type));
        }

        return PHR_OK;

    case PHR_OPT_INT:
    case PHR_OPT_UINT:
    case PHR_OPT_DOUBLE:
        return phr_schema_number(ctx, opt, v, node);

    case PHR_OPT_DURATION:
    case PHR_OPT_GO_TIME:
        return phr_schema_duration(ctx, opt, &v->i, node);

    case PHR_OPT_SIZE:
        if (phr_yaml_text(node, &v->s) != PHR_OK
            || phr_schema_size(v->s, &v->u) != PHR_OK)
        {
            return phr_schema_error(ctx, node, "\"%s\" is not a size such as "
                                    "512MB", opt->name);
        }

        return PHR_OK;

    case PHR_OPT_STRS:
    case PHR_OPT_PATHS:
    case PHR_OPT_SECRETS:
        return phr_schema_strs(ctx, opt, &v->strs, node);

    case PHR_OPT_PAIRS:
        return phr_schema_pairs(ctx, opt, &v->pairs, node);

    default:
        return phr_schema_string(ctx, opt, &v->s, node);
    }
}


static int
phr_schema_number(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_schema_any_t *v, const phr_yaml_node_t *node)
{
    int      rc;
    int64_t  i;
    double   d;

    if (opt->type == PHR_OPT_DOUBLE) {
        rc = phr_yaml_double(node, &d);

        if (rc == PHR_OK) {
            v->d = d;
        }

    } else {
        rc = phr_yaml_int(node, &i);

        if (rc == PHR_OK && opt->type == PHR_OPT_UINT && i < 0) {
            rc = PHR_EINVAL;
        }

        if (rc == PHR_OK && opt->type == PHR_OPT_UINT) {
            v->u = (uint64_t) i;

        } else if (rc == PHR_OK) {
            v->i = i;
        }
    }

    if (rc == PHR_OK) {
        return PHR_OK;
    }

    return phr_schema_error(ctx, node, "\"%s\" must be %s, not %.*s",
                            opt->name, opt->type == PHR_OPT_DOUBLE
                            ? "a number" : opt->type == PHR_OPT_UINT
                            ? "a whole number of at least 0"
                            : "a whole number",
                            (int) (node->type == PHR_YAML_INT
                                   ? node->value.len : 16),
                            node->type == PHR_YAML_INT
                            ? node->value.data
                            : phr_yaml_type_text(node->type));
}


static int
phr_schema_string(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_str_t *s, const phr_yaml_node_t *node)
{
    int                 http;
    const char         *why;
    const char *const  *word;

    if (phr_yaml_text(node, s) != PHR_OK) {
        return phr_schema_error(ctx, node, "\"%s\" must be a string, not %s",
                                opt->name, phr_yaml_type_text(node->type));
    }

    switch (opt->type) {
    case PHR_OPT_PATH:
        *s = phr_loader_path(ctx->arena, ctx->loader, ctx->file, *s);

        return s->data ? PHR_OK : phr_schema_nomem(ctx);

    case PHR_OPT_WORD:
        for (word = opt->words; *word != NULL; word++) {
            if (phr_str_eq(*s, phr_str_from_c(*word))) {
                return PHR_OK;
            }
        }

        return phr_schema_error(ctx, node, "unknown \"%s\": \"%.*s\"",
                                opt->name, (int) phr_min(s->len, 100),
                                s->data);

    case PHR_OPT_URL:
    case PHR_OPT_HTTP_URL:
    case PHR_OPT_SECRET_URL:
        if (opt->type == PHR_OPT_SECRET_URL
            && phr_str_eq(*s, phr_str_of("<secret>")))
        {
            return PHR_OK;
        }

        http = (opt->type != PHR_OPT_URL);

        if (phr_url_check(*s, http, &why) != PHR_OK) {
            return phr_schema_error(ctx, node, "\"%s\" is no URL: %s",
                                    opt->name, why);
        }

        return PHR_OK;

    default:
        return PHR_OK;
    }
}


static int
phr_schema_duration(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    int64_t *ms, const phr_yaml_node_t *node)
{
    int        rc;
    phr_str_t  s;

    if (phr_yaml_text(node, &s) != PHR_OK) {
        rc = PHR_EINVAL;
        s = phr_str_of("");

    } else if (opt->type == PHR_OPT_DURATION) {
        rc = phr_duration_parse(s.data, s.len, ms);

    } else if (node->type == PHR_YAML_INT) {
        /* nanoseconds */
        rc = phr_yaml_int(node, ms);
        *ms /= 1000000;

    } else {
        rc = phr_schema_go_time(s, ms);
    }

    if (rc == PHR_OK) {
        return PHR_OK;
    }

    return phr_schema_error(ctx, node, "\"%s\" is not a valid duration: "
                            "\"%.*s\"", opt->name,
                            (int) phr_min(s.len, 100), s.data);
}


int
phr_schema_strs(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_strs_t *strs, const phr_yaml_node_t *node)
{
    size_t                  i, n;
    phr_str_t              *s;
    const phr_yaml_node_t  *item;

    strs->s = NULL;
    strs->n = 0;

    if (node->type == PHR_YAML_NULL) {
        return PHR_OK;
    }

    /* Go's yaml takes a single string for a list of one */

    if (node->type == PHR_YAML_MAPPING) {
        return phr_schema_error(ctx, node, "\"%s\" must be a list of strings,"
                                " not a mapping", opt->name);
    }

    n = (node->type == PHR_YAML_SEQUENCE) ? node->n : 1;

    s = phr_arena_calloc(ctx->arena, n + 1, sizeof(phr_str_t));
    if (s == NULL) {
        return phr_schema_nomem(ctx);
    }

    for (i = 0; i < n; i++) {
        item = (node->type == PHR_YAML_SEQUENCE) ? node->items[i] : node;

        if (phr_yaml_text(item, &s[i]) != PHR_OK) {
            return phr_schema_error(ctx, item, "an entry of \"%s\" must be a "
                                    "string, not %s", opt->name,
                                    phr_yaml_type_text(item->type));
        }

        if (opt->type == PHR_OPT_PATHS) {
            s[i] = phr_loader_path(ctx->arena, ctx->loader, ctx->file, s[i]);

            if (s[i].data == NULL) {
                return phr_schema_nomem(ctx);
            }
        }
    }

    strs->s = s;
    strs->n = n;

    return PHR_OK;
}


int
phr_schema_pairs(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_pairs_t *pairs, const phr_yaml_node_t *node)
{
    size_t       i;
    phr_pair_t  *p;

    pairs->p = NULL;
    pairs->n = 0;

    if (node->type == PHR_YAML_NULL) {
        return PHR_OK;
    }

    if (node->type != PHR_YAML_MAPPING) {
        return phr_schema_error(ctx, node, "\"%s\" must be a mapping, not %s",
                                opt->name, phr_yaml_type_text(node->type));
    }

    p = phr_arena_calloc(ctx->arena, node->n + 1, sizeof(phr_pair_t));
    if (p == NULL) {
        return phr_schema_nomem(ctx);
    }

    for (i = 0; i < node->n; i++) {
        p[i].name = node->pairs[i].key->value;

        if (phr_yaml_text(node->pairs[i].value, &p[i].value) != PHR_OK) {
            return phr_schema_error(ctx, node->pairs[i].value, "\"%.*s\" of "
                                    "\"%s\" must be a string, not %s",
                                    (int) phr_min(p[i].name.len, 100),
                                    p[i].name.data, opt->name,
                                    phr_yaml_type_text(
                                        node->pairs[i].value->type));
        }
    }

    qsort(p, node->n, sizeof(phr_pair_t), phr_schema_pair_cmp);

    pairs->p = p;
    pairs->n = node->n;

    return PHR_OK;
}


static int
phr_schema_pair_cmp(const void *a, const void *b)
{
    const phr_pair_t  *x, *y;

    x = a;
    y = b;

    return phr_str_cmp(x->name, y->name);
}


/* the number before a unit, without sign and exponent */
static int
phr_schema_digits(const char **pos, const char *end, double *v)
{
    const char  *p;

    for (p = *pos; p < end && ((*p >= '0' && *p <= '9') || *p == '.'); p++) {
        /* void */
    }

    if (phr_number_parse(*pos, (size_t) (p - *pos), v) != PHR_OK) {
        return PHR_EPARSE;
    }

    *pos = p;

    return PHR_OK;
}


/* time.ParseDuration: [-+]?([0-9]*(\.[0-9]*)?(ns|us|ms|s|m|h))+ */
static int
phr_schema_go_time(phr_str_t s, int64_t *ms)
{
    static const struct {
        const char  *name;
        double       ns;
    } units[] = {
        { "ns", 1 }, { "us", 1e3 }, { "\xc2\xb5s", 1e3 },
        { "\xce\xbcs", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 },
        { "h", 3600e9 },
    };

    int          minus;
    size_t       i, n;
    double       v, sum;
    const char  *p, *end, *start;

    p = s.data;
    end = p + s.len;
    sum = 0;
    minus = (p < end && *p == '-');

    if (p < end && (*p == '-' || *p == '+')) {
        p++;
    }

    if (end - p == 1 && *p == '0') {
        *ms = 0;
        return PHR_OK;
    }

    if (p == end) {
        return PHR_EPARSE;
    }

    while (p < end) {
        if (phr_schema_digits(&p, end, &v) != PHR_OK) {
            return PHR_EPARSE;
        }

        start = p;

        while (p < end && *p != '.' && (*p < '0' || *p > '9')) {
            p++;
        }

        n = (size_t) (p - start);

        for (i = 0; i < phr_nelems(units); i++) {
            if (strlen(units[i].name) == n
                && memcmp(units[i].name, start, n) == 0)
            {
                break;
            }
        }

        if (i == phr_nelems(units)) {
            return PHR_EPARSE;
        }

        sum += v * units[i].ns;
    }

    if (sum > 9.2e18) {
        return PHR_ELIMIT;
    }

    *ms = (int64_t) (sum / 1e6);

    if (minus) {
        *ms = -*ms;
    }

    return PHR_OK;
}


/* numbers with units of 1024: B KB KiB MB MiB GB TB PB EB; "1GB512MB" */
static int
phr_schema_size(phr_str_t s, uint64_t *bytes)
{
    static const char  units[] = "KMGTPE";

    double       v, sum;
    const char  *p, *end, *unit;

    p = s.data;
    end = p + s.len;
    sum = 0;

    if (s.len == 1 && *p == '0') {
        *bytes = 0;
        return PHR_OK;
    }

    if (p == end) {
        return PHR_EPARSE;
    }

    while (p < end) {
        if (phr_schema_digits(&p, end, &v) != PHR_OK) {
            return PHR_EPARSE;
        }

        if (p < end && *p != 'B' && *p != '\0'
            && (unit = strchr(units, *p)) != NULL)
        {
            for ( ; unit >= units; unit--) {
                v *= 1024;
            }

            p++;

            if (p < end && *p == 'i') {
                p++;
            }
        }

        if (p == end || *p != 'B') {
            return PHR_EPARSE;
        }

        p++;
        sum += v;
    }

    if (sum >= 9.2e18) {
        return PHR_ELIMIT;
    }

    *bytes = (uint64_t) sum;

    return PHR_OK;
}
