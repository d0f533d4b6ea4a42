/*
 * Copyright (C) The Pharos Authors
 *
 * From scrape configuration and target group to targets: which labels there
 * are before relabelling, what relabelling must leave for a target to be
 * one, and how its URL is put together.
 */

#include "ingest/target.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "core/buf.h"
#include "core/bytes.h"
#include "core/map.h"
#include "core/time.h"
#include "core/utf8.h"
#include "ingest/relabel.h"


/* labels and URL of one target; beyond, the target is refused */
#define PHR_TARGET_ARENA  (1024 * 1024)


typedef struct {
    phr_str_t         name;
    const phr_strs_t *values;       /* of the configuration, or NULL */
    phr_str_t         first;        /* replaces the first of them */
} phr_target_param_t;


static int phr_target_discover(phr_target_t *t, phr_str_t address,
    phr_labels_t group, phr_labels_builder_t *b);
static void phr_target_default(phr_labels_builder_t *b, phr_str_t name,
    phr_str_t value);
static void phr_target_duration(phr_labels_builder_t *b, phr_str_t name,
    int64_t ms);
static int phr_target_check(phr_target_t *t, phr_labels_builder_t *b,
    phr_err_t *err);
static int phr_target_time(phr_labels_builder_t *b, phr_str_t name,
    const char *what, int64_t *ms, phr_err_t *err);
static int phr_target_histograms(phr_target_t *t, phr_labels_builder_t *b,
    phr_err_t *err);
static int phr_target_flag(phr_labels_builder_t *b, const char *name,
    const char *what, int *flag, phr_err_t *err);
static int phr_target_finish(phr_target_t *t, phr_labels_builder_t *b,
    phr_err_t *err);
static int phr_target_url(phr_target_t *t, phr_buf_t *out);
static void phr_target_params(phr_target_t *t, phr_target_param_t *params,
    size_t *nparams);
static int phr_target_param_cmp(const void *a, const void *b);
static void phr_target_escape(phr_buf_t *out, phr_str_t s, int query);
static int phr_target_key(phr_target_t *t);
static int phr_target_add(phr_array_t *targets, phr_map_t *seen,
    phr_target_t *t);
static phr_str_t phr_target_map_key(const phr_target_t *t);
static int phr_target_prefixed(phr_str_t name, const char *prefix);


static const phr_str_t  phr_target_address = phr_str("__address__");
static const phr_str_t  phr_target_scheme = phr_str("__scheme__");
static const phr_str_t  phr_target_path = phr_str("__metrics_path__");
static const phr_str_t  phr_target_interval = phr_str("__scrape_interval__");
static const phr_str_t  phr_target_timeout = phr_str("__scrape_timeout__");


int
phr_target_create(const phr_scrape_conf_t *conf, phr_str_t address,
    phr_labels_t group, phr_target_t **out, phr_err_t *err)
{
    int                    rc;
    phr_arena_t           *arena;
    phr_target_t          *t;
    phr_labels_builder_t   b;

    arena = phr_arena_create(PHR_TARGET_ARENA);
    if (arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a target");
    }

    rc = PHR_ENOMEM;

    t = phr_arena_calloc(arena, 1, sizeof(phr_target_t));
    if (t == NULL) {
        phr_err_set(err, rc, "no memory for a target");
        goto failed;
    }

    t->arena = arena;
    t->conf = conf;

    rc = phr_target_discover(t, address, group, &b);
    if (rc != PHR_OK) {
        phr_err_set(err, rc, "labels of a target take too much memory");
        goto failed;
    }

    rc = phr_relabel(&conf->relabel, &b, err);

    if (rc == PHR_DONE) {
        t->dropped = 1;
        *out = t;
        return PHR_OK;
    }

    if (rc == PHR_OK) {
        rc = phr_target_check(t, &b, err);
    }

    if (rc == PHR_OK) {
        rc = phr_target_finish(t, &b, err);
    }

    if (rc != PHR_OK) {
        goto failed;
    }

    *out = t;

    return PHR_OK;

failed:

    phr_arena_destroy(arena);

    return rc;
}


void
phr_target_destroy(phr_target_t *t)
{
    if (t != NULL) {
        phr_arena_destroy(t->arena);
    }
}


int
phr_targets_create(const phr_scrape_conf_t *conf,
    const phr_target_groups_t *groups, phr_array_t *targets,
    void (*on_error)(void *data, const phr_err_t *err), void *data,
    phr_err_t *err)
{
    int                  rc;
    size_t               i, j, n;
    phr_map_t           *seen;
    phr_err_t            e;
    phr_target_t        *t, **list;
    phr_target_group_t  *g;

    seen = phr_map_create();
    if (seen == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for targets");
    }

    rc = PHR_OK;
    list = targets->elts;

    for (i = 0; i < targets->nelts; i++) {
        if (list[i]->conf != conf || list[i]->dropped) {
            continue;
        }

        rc = phr_map_set(seen, phr_target_map_key(list[i]), list[i]);
        if (rc != PHR_OK) {
            phr_err_set(err, rc, "no memory for targets");
            goto done;
        }
    }

    for (i = 0; i < groups->n; i++) {
        g = groups->g[i];

        for (j = 0; j < g->targets.n; j++) {

            rc = phr_target_create(conf, g->targets.s[j], g->labels, &t, &e);

            if (rc == PHR_OK) {
                rc = phr_target_add(targets, seen, t);
            }

            if (rc == PHR_EINVAL) {
                if (on_error != NULL) {
                    phr_err_prefix(&e, "instance %zu in group %.*s: ", j,
                                   (int) g->source.len, g->source.data);
                    on_error(data, &e);
                }

                continue;
            }

            if (rc != PHR_OK) {
                phr_err_set(err, rc, "no memory for targets");
                goto done;
            }
        }
    }

    rc = PHR_OK;
    list = targets->elts;
    n = 0;

    for (i = 0; i < targets->nelts; i++) {
        n += list[i]->conf == conf && !list[i]->dropped;
    }

    if (conf->limit.targets != 0 && n > conf->limit.targets) {
        rc = phr_err_set(err, PHR_ELIMIT, "target_limit exceeded "
                         "(number of targets: %zu, limit: %llu)", n,
                         (unsigned long long) conf->limit.targets);
    }

done:

    phr_map_destroy(seen);

    return rc;
}


void
phr_targets_destroy(phr_array_t *targets)
{
    size_t         i;
    phr_target_t **list;

    list = targets->elts;

    for (i = 0; i < targets->nelts; i++) {
        phr_target_destroy(list[i]);
    }

    phr_array_free(targets);
}


int64_t
phr_target_next(uint64_t key, int64_t interval_ms, int64_t now_ms)
{
    int64_t  grid, offset, phase;

    grid = phr_max(1, phr_min(interval_ms / 2, PHR_TARGET_GRID_MS));

    offset = (int64_t) (key % (uint64_t) interval_ms);
    offset -= offset % grid;

    phase = (now_ms - offset) % interval_ms;
    if (phase < 0) {
        phase += interval_ms;
    }

    return now_ms + interval_ms - phase;
}


int64_t
phr_target_align(uint64_t key, int64_t interval_ms, int64_t now_ms)
{
    int64_t  due, tolerance;

    due = phr_target_next(key, interval_ms, now_ms) - interval_ms;
    tolerance = phr_min(interval_ms / 100, PHR_TARGET_TOLERANCE_MS);

    return now_ms - due <= tolerance ? due : now_ms;
}


void
phr_target_report(phr_target_t *t, int64_t t_ms, double duration_s,
    const phr_err_t *error)
{
    t->scraped_ms = t_ms;
    t->duration_s = duration_s;
    t->health = error ? PHR_TARGET_DOWN : PHR_TARGET_UP;
    t->error[0] = '\0';

    if (error != NULL) {
        phr_err_format(error, t->error, sizeof(t->error));
    }
}


void
phr_target_inherit(phr_target_t *t, const phr_target_t *old)
{
    t->health = old->health;
    t->scraped_ms = old->scraped_ms;
    t->duration_s = old->duration_s;
    memcpy(t->error, old->error, sizeof(t->error));
}


void
phr_target_accept(phr_buf_t *b, const phr_scrape_conf_t *conf)
{
    size_t    i;
    unsigned  weight;

    /* ORDER PHR_PROTO; newer text formats may have names escaped */
    static const struct {
        const char  *type;
        int          escapes;
    } protocols[] = {
        { "application/vnd.google.protobuf;proto=io.prometheus.client."
          "MetricFamily;encoding=delimited", 0 },
        { "application/openmetrics-text;version=1.0.0", 1 },
        { "application/openmetrics-text;version=0.0.1", 0 },
        { "text/plain;version=1.0.0", 1 },
        { "text/plain;version=0.0.4", 0 }
    };

    weight = (unsigned) phr_nelems(protocols) + 1;

    for (i = 0; i < conf->nprotocols; i++) {
        phr_buf_puts(b, protocols[conf->protocols[i]].type);

        if (protocols[conf->protocols[i]].escapes) {
            phr_buf_printf(b, ";escaping=%.*s",
                           (int) conf->metric_name_escaping_scheme.len,
                           conf->metric_name_escaping_scheme.data);
        }

        phr_buf_printf(b, ";q=0.%u,", weight--);
    }

    phr_buf_printf(b, "*/*;q=0.%u", weight);
}


const char *
phr_target_health_text(phr_target_health_e health)
{
    static const char  *text[] = { "unknown", "up", "down" };

    return text[health];
}


/* a target's own labels win over the group's, both over the defaults */

static int
phr_target_discover(phr_target_t *t, phr_str_t address, phr_labels_t group,
    phr_labels_builder_t *b)
{
    int                       rc;
    char                     *name;
    size_t                    i;
    phr_labels_t              ls;
    phr_http_header_t        *param;
    const phr_scrape_conf_t  *conf;

    conf = t->conf;

    phr_labels_builder_init(b, t->arena, group);
    phr_labels_builder_set(b, phr_target_address, address);

    phr_target_default(b, phr_str_of("job"), conf->job_name);
    phr_target_duration(b, phr_target_interval, conf->scrape_interval_ms);
    phr_target_duration(b, phr_target_timeout, conf->scrape_timeout_ms);
    phr_target_default(b, phr_target_path, conf->metrics_path);
    phr_target_default(b, phr_target_scheme, conf->scheme);

    for (i = 0; i < conf->nparams; i++) {
        param = conf->params[i];

        if (param->values.n == 0) {
            continue;
        }

        name = phr_arena_printf(t->arena, "__param_%.*s",
                                (int) param->name.len, param->name.data);
        if (name == NULL) {
            return phr_arena_rc(t->arena);
        }

        phr_target_default(b, phr_str_from_c(name), param->values.s[0]);
    }

    rc = phr_labels_build(b, &ls);
    if (rc == PHR_OK) {
        rc = phr_labels_copy(t->arena, ls, &t->discovered);
    }

    if (rc == PHR_OK) {
        t->pool = phr_arena_str(t->arena, conf->job_name);
        if (t->pool.data == NULL) {
            rc = phr_arena_rc(t->arena);
        }
    }

    /* the copy outlives the groups, so relabelling starts from it */

    phr_labels_builder_init(b, t->arena, t->discovered);

    return rc == PHR_OK ? b->failed : rc;
}


static void
phr_target_default(phr_labels_builder_t *b, phr_str_t name, phr_str_t value)
{
    if (phr_labels_builder_get(b, name).len == 0) {
        phr_labels_builder_set(b, name, value);
    }
}


static void
phr_target_duration(phr_labels_builder_t *b, phr_str_t name, int64_t ms)
{
    phr_buf_t  buf;
    phr_str_t  s;

    phr_buf_init(&buf, 0);
    phr_duration_format(&buf, ms);

    s = phr_arena_str(b->arena, phr_buf_view(&buf));

    if (buf.failed || s.data == NULL) {
        b->failed = PHR_ENOMEM;

    } else {
        phr_target_default(b, name, s);
    }

    phr_buf_free(&buf);
}


static int
phr_target_check(phr_target_t *t, phr_labels_builder_t *b, phr_err_t *err)
{
    int        rc;
    phr_str_t  addr;

    addr = phr_labels_builder_get(b, phr_target_address);

    if (addr.len == 0) {
        return phr_err_set(err, PHR_EINVAL, "no address");
    }

    if (memchr(addr.data, '/', addr.len) != NULL) {
        return phr_err_set(err, PHR_EINVAL, "\"%.*s\" is not a valid "
                           "hostname", (int) addr.len, addr.data);
    }

    rc = phr_target_time(b, phr_target_interval, "interval",
                         &t->interval_ms, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_target_time(b, phr_target_timeout, "timeout", &t->timeout_ms,
                         err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (t->timeout_ms > t->interval_ms) {
        return phr_err_set(err, PHR_EINVAL, "scrape timeout cannot be "
                           "greater than scrape interval (%lld ms > %lld ms)",
                           (long long) t->timeout_ms,
                           (long long) t->interval_ms);
    }

    return phr_target_histograms(t, b, err);
}


/* rules may have set for a target what else is that of its configuration */

static int
phr_target_histograms(phr_target_t *t, phr_labels_builder_t *b,
    phr_err_t *err)
{
    int  rc, native, classic, convert;

    native = t->conf->scrape_native_histograms > 0;
    classic = t->conf->always_scrape_classic_histograms > 0;
    convert = t->conf->convert_classic_histograms_to_nhcb > 0;

    rc = phr_target_flag(b, "__scrape_native_histograms__",
                         "scrape native histograms", &native, err);
    if (rc == PHR_OK) {
        rc = phr_target_flag(b, "__always_scrape_classic_histograms__",
                             "always scrape classic histograms", &classic,
                             err);
    }

    if (rc == PHR_OK) {
        rc = phr_target_flag(b, "__convert_classic_histograms_to_nhcb__",
                             "convert classic histograms to nhcb", &convert,
                             err);
    }

    t->histograms.native = native & 1;
    t->histograms.classic = classic & 1;
    t->histograms.convert = convert & 1;

    return rc;
}


static int
phr_target_flag(phr_labels_builder_t *b, const char *name, const char *what,
    int *flag, phr_err_t *err)
{
    size_t     i;
    phr_str_t  s;

    static const char  *words[] = {
        "0", "f", "F", "false", "FALSE", "False",
        "1", "t", "T", "true", "TRUE", "True"
    };

    s = phr_labels_builder_get(b, phr_str_from_c(name));

    for (i = 0; i < phr_nelems(words) && s.len != 0; i++) {
        if (phr_str_eq(s, phr_str_from_c(words[i]))) {
            *flag = i >= phr_nelems(words) / 2;
            break;
        }
    }

    if (i == phr_nelems(words)) {
        return phr_err_set(err, PHR_EINVAL, "error parsing %s: invalid "
                           "syntax: \"%.*s\"", what, (int) s.len, s.data);
    }

    return PHR_OK;
}


static int
phr_target_time(phr_labels_builder_t *b, phr_str_t name, const char *what,
    int64_t *ms, phr_err_t *err)
{
    phr_str_t  s;

    s = phr_labels_builder_get(b, name);

    if (s.len == 0 || phr_duration_parse(s.data, s.len, ms) != PHR_OK) {
        return phr_err_set(err, PHR_EINVAL, "error parsing scrape %s: not a "
                           "valid duration string: \"%.*s\"", what,
                           (int) s.len, s.data ? s.data : "");
    }

    if (*ms <= 0) {
        return phr_err_set(err, PHR_EINVAL, "scrape %s cannot be 0", what);
    }

    return PHR_OK;
}


static int
phr_target_finish(phr_target_t *t, phr_labels_builder_t *b, phr_err_t *err)
{
    int                   rc;
    size_t                i;
    phr_buf_t             url;
    phr_labels_t          ls;
    phr_label_t          *l;
    phr_labels_builder_t  public;

    phr_target_default(b, phr_str_of("instance"),
                       phr_labels_builder_get(b, phr_target_address));

    rc = phr_labels_build(b, &ls);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "labels of a target take too much "
                           "memory");
    }

    phr_labels_builder_init(b, t->arena, ls);
    phr_labels_builder_init(&public, t->arena, ls);

    for (i = 0; i < ls.n; i++) {
        l = (phr_label_t *) &ls.l[i];

        if (!phr_utf8_valid(l->value.data, l->value.len)) {
            return phr_err_set(err, PHR_EINVAL, "invalid label value for "
                               "\"%.*s\"", (int) l->name.len, l->name.data);
        }

        if (phr_target_prefixed(l->name, "__meta_")) {
            phr_labels_builder_del(b, l->name);
        }

        if (phr_target_prefixed(l->name, "__")) {
            phr_labels_builder_del(&public, l->name);
        }
    }

    phr_buf_init(&url, PHR_TARGET_ARENA);

    rc = phr_labels_build(b, &t->all);

    if (rc == PHR_OK) {
        rc = phr_labels_build(&public, &t->labels);
    }

    if (rc == PHR_OK) {
        rc = phr_target_url(t, &url);
    }

    if (rc == PHR_OK) {
        t->url.len = url.len;
        t->url.data = phr_arena_strdup(t->arena, url.data, url.len);
        rc = t->url.data ? phr_target_key(t) : phr_arena_rc(t->arena);
    }

    phr_buf_free(&url);

    if (rc != PHR_OK) {
        phr_err_set(err, rc, "labels of a target take too much memory");
    }

    return rc;
}


static int
phr_target_url(phr_target_t *t, phr_buf_t *out)
{
    size_t               i, j, n;
    phr_str_t            path;
    phr_target_param_t  *params;

    phr_buf_str(out, phr_labels_get(t->all, phr_target_scheme));
    phr_buf_puts(out, "://");
    phr_buf_str(out, phr_labels_get(t->all, phr_target_address));

    path = phr_labels_get(t->all, phr_target_path);

    if (path.len != 0 && path.data[0] != '/') {
        phr_buf_putc(out, '/');
    }

    phr_target_escape(out, path, 0);

    params = phr_arena_alloc(t->arena, (t->all.n + t->conf->nparams + 1)
                                       * sizeof(phr_target_param_t));
    if (params == NULL) {
        return phr_arena_rc(t->arena);
    }

    phr_target_params(t, params, &n);

    for (i = 0; i < n; i++) {
        phr_buf_putc(out, i == 0 ? '?' : '&');
        phr_target_escape(out, params[i].name, 1);
        phr_buf_putc(out, '=');
        phr_target_escape(out, params[i].first, 1);

        for (j = 1; params[i].values && j < params[i].values->n; j++) {
            phr_buf_putc(out, '&');
            phr_target_escape(out, params[i].name, 1);
            phr_buf_putc(out, '=');
            phr_target_escape(out, params[i].values->s[j], 1);
        }
    }

    return out->failed;
}


/* the configuration's parameters, the first value of each by its label */

static void
phr_target_params(phr_target_t *t, phr_target_param_t *params,
    size_t *nparams)
{
    size_t              i, j, n;
    phr_str_t           name;
    phr_http_header_t  *h;

    n = 0;

    for (i = 0; i < t->conf->nparams; i++) {
        h = t->conf->params[i];

        if (h->values.n != 0) {
            params[n].name = h->name;
            params[n].values = &h->values;
            params[n].first = h->values.s[0];
            n++;
        }
    }

    for (i = 0; i < t->all.n; i++) {

        if (!phr_target_prefixed(t->all.l[i].name, "__param_")) {
            continue;
        }

        name.data = t->all.l[i].name.data + 8;
        name.len = t->all.l[i].name.len - 8;

        for (j = 0; j < n && !phr_str_eq(params[j].name, name); j++) {
            /* void */
        }

        if (j == n) {
            params[n].name = name;
            params[n].values = NULL;
            n++;
        }

        params[j].first = t->all.l[i].value;
    }

    qsort(params, n, sizeof(phr_target_param_t), phr_target_param_cmp);

    *nparams = n;
}


static int
phr_target_param_cmp(const void *a, const void *b)
{
    return phr_str_cmp(((const phr_target_param_t *) a)->name,
                       ((const phr_target_param_t *) b)->name);
}


static void
phr_target_escape(phr_buf_t *out, phr_str_t s, int query)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < s.len; i++) {
        c = (uint8_t) s.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || (c != 0 && strchr(query ? "-_.~" : "-_.~$&+,/:;=@", c)))
        {
            phr_buf_putc(out, (char) c);

        } else if (query && c == ' ') {
            phr_buf_putc(out, '+');

        } else {
            phr_buf_printf(out, "%%%02X", c);
        }
    }
}


static int
phr_target_key(phr_target_t *t)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_labels_encode(&b, t->labels);
    phr_buf_putc(&b, '\0');
    phr_buf_str(&b, t->pool);
    phr_buf_putc(&b, '\0');
    phr_buf_str(&b, t->url);

    if (!b.failed) {
        t->key = phr_xxh64(b.data, b.len);
    }

    phr_buf_free(&b);

    return b.failed;
}


/* takes over the target */

static int
phr_target_add(phr_array_t *targets, phr_map_t *seen, phr_target_t *t)
{
    phr_target_t  **p;

    if (!t->dropped) {

        if (phr_map_get(seen, phr_target_map_key(t)) != NULL) {
            phr_target_destroy(t);
            return PHR_OK;
        }

        if (phr_map_set(seen, phr_target_map_key(t), t) != PHR_OK) {
            phr_target_destroy(t);
            return PHR_ENOMEM;
        }
    }

    p = phr_array_push(targets);
    if (p == NULL) {
        phr_target_destroy(t);
        return PHR_ENOMEM;
    }

    *p = t;

    return PHR_OK;
}


static phr_str_t
phr_target_map_key(const phr_target_t *t)
{
    return phr_str_from((const char *) &t->key, sizeof(t->key));
}


static int
phr_target_prefixed(phr_str_t name, const char *prefix)
{
    size_t  len;

    len = strlen(prefix);

    return name.len >= len && memcmp(name.data, prefix, len) == 0;
}
