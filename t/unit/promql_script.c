/*
 * Copyright (C) The Pharos Authors
 *
 * Scripts: runs those of t/promql, in the form of Prometheus's promqltest,
 * against the evaluator.  Each instant query also runs with all selectors
 * pinned by "@" at other times, and as the middle of a range query.
 *
 * PHAROS_PROMQLTEST names another directory of scripts.
 */

#include <dirent.h>

#include "core/alloc.h"
#include "promql/ast.h"
#include "script_check.h"
#include "tap.h"


/* PHR_OK and a result, PHR_DONE for an error as expected, or PHR_ERROR */
static int
script_query(script_t *s, phr_arena_t *a, phr_str_t expr, int64_t start_ms,
    int64_t end_ms, int64_t step_ms, phr_result_t *r)
{
    int             rc;
    phr_err_t       err;
    phr_node_t     *node;
    phr_query_t     q;
    phr_querier_t  *querier;
    phr_storage_t  *storage;

    phr_err_init(&err);
    node = NULL;

    rc = phr_promql_parse(a, expr, PHR_PROMQL_EXPERIMENTAL, NULL, &node, &err);
    if (rc < 0) {
        return script_check_error(s, &err);
    }

    memset(&q, 0, sizeof(q));
    q.node = node;
    q.text = expr;
    q.start_ms = start_ms;
    q.end_ms = end_ms;
    q.step_ms = step_ms;
    q.lookback_ms = 300000;
    q.subquery_step_ms = 60000;
    q.max_samples = 10000;
    q.delayed_names = !s->names_at_once;
    q.start_times = 1;
    q.arena = a;

    storage = phr_memstore_storage(s->store);

    rc = storage->querier(storage, &querier, &err);
    if (rc < 0) {
        return script_fail(s, "%s", err.text);
    }

    rc = phr_promql_eval(&q, querier, r, &err);

    querier->ops->close(querier);
    phr_promql_destroy(node);

    if (rc < 0) {
        return script_check_error(s, &err);
    }

    return PHR_OK;
}


/* the sample in the middle of a range query is that of the instant query */
static int
script_check_middle(script_t *s, phr_arena_t *a, phr_str_t expr, int64_t t,
    phr_type_e type)
{
    int                   rc;
    size_t                i, j, n;
    phr_result_t          r;
    phr_result_sample_t  *samples;

    rc = script_query(s, a, expr, t - 60000, t + 60000, 60000, &r);
    if (rc != PHR_OK) {
        return rc == PHR_DONE ? PHR_OK : rc;
    }

    if (s->eval.has[EXPECT_ORDERED]) {
        return PHR_OK;
    }

    samples = phr_arena_alloc(a, (r.nseries + 1) * sizeof(*samples));
    n = 0;

    for (i = 0; i < r.nseries; i++) {
        for (j = 0; j < r.series[i].n; j++) {
            if (r.series[i].t_ms[j] == t) {
                samples[n].labels = r.series[i].labels;
                samples[n].h = r.series[i].h ? r.series[i].h[j] : NULL;
                samples[n++].v = r.series[i].v[j];
            }
        }
    }

    if (type == PHR_TYPE_SCALAR) {
        return n == 1 ? script_check_scalar(s, samples[0].v)
                      : script_fail(s, "no scalar in the middle");
    }

    return script_check_vector(s, samples, n, 0);
}


static int
script_instant(script_t *s, phr_str_t expr, int64_t t)
{
    int           rc;
    phr_arena_t  *a;
    phr_result_t  r;

    a = phr_arena_create(64 * 1024 * 1024);

    rc = script_query(s, a, expr, t, t, 0, &r);
    if (rc != PHR_OK) {
        rc = rc == PHR_DONE ? PHR_OK : rc;
        goto done;
    }

    if (s->eval.has[EXPECT_FAIL]) {
        rc = script_fail(s, "no error");
        goto done;
    }

    rc = script_check_notes(s, EXPECT_WARN, EXPECT_NO_WARN, r.warnings,
                            r.nwarnings);
    if (rc == PHR_OK) {
        rc = script_check_notes(s, EXPECT_INFO, EXPECT_NO_INFO, r.infos,
                                r.ninfos);
    }

    if (rc != PHR_OK) {
        goto done;
    }

    switch (r.type) {

    case PHR_TYPE_SCALAR:
        rc = script_check_scalar(s, r.scalar);
        break;

    case PHR_TYPE_STRING:
        rc = s->eval.is_string && phr_str_eq(s->eval.string, r.string)
             ? PHR_OK : script_fail(s, "string \"%.*s\"",
                                    (int) r.string.len, r.string.data);
        break;

    case PHR_TYPE_MATRIX:
        rc = script_check_matrix(s, &r);
        break;

    default:
        rc = script_check_vector(s, r.samples, r.nsamples,
                                 s->eval.has[EXPECT_ORDERED]);
        break;
    }

    if (rc == PHR_OK && !s->eval.is_string && !s->eval.is_matrix
        && strstr(s->eval.expr, "start()") == NULL
        && strstr(s->eval.expr, "end()") == NULL
        && strstr(s->eval.expr, "range()") == NULL
        && strstr(s->eval.expr, "step()") == NULL)
    {
        rc = script_check_middle(s, a, expr, t, r.type);

        if (rc < 0) {
            memmove(s->why + 13, s->why, sizeof(s->why) - 13);
            memcpy(s->why, "in a range:  ", 13);
        }
    }

done:

    phr_arena_destroy(a);

    return rc;
}


/* pins every selector that is not; 0 if the value depends on the time */
static int
script_pin(phr_node_t *node, int64_t t, int pinned)
{
    int           ok;
    size_t        i;
    phr_node_t   *child;
    phr_when_t   *when;

    static const char *const  unsafe[] = {
        "days_in_month", "day_of_month", "day_of_week", "day_of_year",
        "end", "hour", "minute", "month", "year", "predict_linear", "range",
        "start", "start_timestamp", "step", "time", "timestamp"
    };

    when = NULL;
    ok = 1;

    if (node->kind == PHR_NODE_SELECTOR) {
        when = &node->u.selector.when;

    } else if (node->kind == PHR_NODE_SUBQUERY) {
        when = &node->u.subquery.when;

    } else if (node->kind == PHR_NODE_CALL) {
        for (i = 0; i < phr_nelems(unsafe); i++) {
            if (strcmp(node->u.call.func->name, unsafe[i]) == 0) {
                ok = 0;
            }
        }
    }

    if (when != NULL && !pinned) {
        if (when->at != PHR_AT_TIME) {
            when->at = PHR_AT_TIME;
            when->at_ms = t;
        }

        pinned = node->kind == PHR_NODE_SUBQUERY;
    }

    for (i = 0; (child = phr_ast_child(node, i)) != NULL; i++) {
        if (!script_pin(child, t, pinned)) {
            ok = 0;
        }
    }

    return ok;
}


static int
script_pinned(script_t *s, int64_t t)
{
    int           rc;
    size_t        i;
    int64_t       times[5] = { -10 * t, 0, t / 5, t, 10 * t };
    phr_buf_t     b;
    phr_err_t     err;
    phr_node_t   *node;
    phr_arena_t  *a;

    if (t == 0) {
        times[0] = -1000;
        times[1] = 0;
        times[2] = 1000;
        times[3] = 0;
        times[4] = 0;
    }

    a = phr_arena_create(0);
    phr_buf_init(&b, 0);
    rc = phr_promql_parse(a, phr_str_from_c(s->eval.expr),
                          PHR_PROMQL_EXPERIMENTAL, NULL, &node, &err);

    if (rc == PHR_OK) {
        if (script_pin(node, t, 0)) {
            phr_promql_print(&b, node);
        }

        phr_promql_destroy(node);
    }

    for (i = 0, rc = PHR_OK; b.len != 0 && rc == PHR_OK && i < 5; i++) {
        rc = script_instant(s, phr_buf_view(&b), times[i]);

        if (rc < 0) {
            size_t  n = strlen(s->why);

            snprintf(s->why + n, sizeof(s->why) - n, " [at %lld: %s]",
                     (long long) times[i], phr_buf_cstr(&b));
        }
    }

    phr_buf_free(&b);
    phr_arena_destroy(a);

    return rc;
}


static int
script_range(script_t *s)
{
    int           rc;
    phr_arena_t  *a;
    phr_result_t  r;

    a = phr_arena_create(64 * 1024 * 1024);

    rc = script_query(s, a, phr_str_from_c(s->eval.expr), s->eval.start_ms,
                      s->eval.end_ms, s->eval.step_ms, &r);

    if (rc == PHR_OK && s->eval.has[EXPECT_FAIL]) {
        rc = script_fail(s, "no error");
    }

    if (rc == PHR_OK) {
        rc = script_check_notes(s, EXPECT_WARN, EXPECT_NO_WARN, r.warnings,
                                r.nwarnings);
    }

    if (rc == PHR_OK) {
        rc = script_check_notes(s, EXPECT_INFO, EXPECT_NO_INFO, r.infos,
                                r.ninfos);
    }

    if (rc == PHR_OK) {
        rc = script_check_matrix(s, &r);
    }

    phr_arena_destroy(a);

    return rc == PHR_DONE ? PHR_OK : rc;
}


static void
script_run_eval(script_t *s)
{
    int             rc;
    script_eval_t  *ev;

    ev = &s->eval;
    s->why[0] = '\0';

    if (ev->is_range) {
        rc = script_range(s);

    } else {
        rc = script_instant(s, phr_str_from_c(ev->expr), ev->start_ms);
        if (rc == PHR_OK) {
            rc = script_pinned(s, ev->start_ms);
        }
    }

    if (!ok(rc == PHR_OK, "%s:%d: %s", s->file, ev->line, ev->expr)) {
        printf("#   %s\n", s->why);
        s->failed++;

    } else {
        s->passed++;
    }
}


static int
script_load_value(script_t *s, phr_labels_t ls, int64_t t_ms,
    const script_value_t *v)
{
    if (v->omitted) {
        return PHR_OK;
    }

    if (v->h != NULL) {
        return phr_memstore_add_hist(s->store, ls, t_ms, v->h);
    }

    return phr_memstore_add(s->store, ls, t_ms, v->v);
}


static int
script_load(script_t *s, size_t *i)
{
    int              nhcb, has[SCRIPT_MAX_STARTS];
    size_t           k, nstarts;
    int64_t          gap;
    const char      *p;
    nhist_points_t   classic;
    int64_t          starts[SCRIPT_MAX_STARTS], t;
    script_series_t  series;

    nstarts = 0;
    p = s->lines[*i] + 4;

    memset(&classic, 0, sizeof(classic));
    nhcb = strncmp(p, "_with_nhcb", 10) == 0;

    if (nhcb) {
        p += 10;
    }

    if (script_duration(&p, &gap) != PHR_OK) {
        return script_fail(s, "bad step");
    }

    while (*i + 1 < s->nlines && s->lines[*i + 1][0] != '\0') {
        p = s->lines[++*i];

        k = strcspn(p, " \t");

        if (k >= 3 && strncmp(p + k - 3, "@st", 3) == 0) {
            nstarts = script_starts(p + k, starts, has, SCRIPT_MAX_STARTS);
            if (nstarts == 0) {
                return script_fail(s, "bad start timestamps: %s", p);
            }

            continue;
        }

        if (script_series(s->arena, p, &series) != PHR_OK) {
            return script_fail(s, "bad series: %s", p);
        }

        if (nstarts != 0 && nstarts != series.n) {
            return script_fail(s, "other start timestamps than samples");
        }

        for (k = 0; k < series.n; k++) {
            if (script_load_value(s, series.labels, (int64_t) k * gap,
                                  &series.values[k]) != PHR_OK)
            {
                return script_fail(s, "out of memory");
            }

            t = (int64_t) k * gap;

            if (nstarts != 0 && has[k]
                && phr_memstore_start(s->store, series.labels, t,
                                      t + starts[k]) != PHR_OK)
            {
                return script_fail(s, "a start timestamp without sample");
            }

            if (nhcb && !series.values[k].omitted
                && series.values[k].h == NULL)
            {
                nhist_add_point(s->arena, &classic, series.labels,
                                (int64_t) k * gap, series.values[k].v);
            }
        }

        nstarts = 0;
    }

    return nhist_convert_all(s->arena, s->store, &classic) == PHR_OK
           ? PHR_OK : script_fail(s, "bad classic histogram");
}


static void
script_run(script_t *s, char *text)
{
    int         rc;
    size_t      i;
    const char *line;

    s->passed = s->failed = 0;
    s->names_at_once = 0;
    phr_memstore_clear(s->store);

    rc = script_split(s, text);

    for (i = 0; rc == PHR_OK && i < s->nlines; i++) {
        line = s->lines[i];

        if (line[0] == '\0') {
            continue;
        }

        if (strcmp(line, "names immediate") == 0) {
            s->names_at_once = 1;

        } else if (strcmp(line, "clear") == 0) {
            phr_memstore_clear(s->store);

        } else if (strncmp(line, "load", 4) == 0) {
            rc = script_load(s, &i);

        } else if (strncmp(line, "eval", 4) == 0) {
            rc = script_parse_eval(s, &i);
            if (rc == PHR_OK) {
                script_run_eval(s);
            }

        } else {
            rc = script_fail(s, "bad command");
        }

        phr_arena_reset(s->arena);
    }

    if (rc != PHR_OK) {
        ok(0, "%s:%d: %s", s->file, (int) i, s->why);
    }

    printf("# %s: %d passed, %d failed\n", s->file, s->passed, s->failed);
}


static char *
script_read(const char *dir, const char *name)
{
    char    path[4096], *text;
    FILE   *f;
    size_t  n;

    snprintf(path, sizeof(path), "%s/%s", dir, name);

    f = fopen(path, "r");
    if (f == NULL) {
        return NULL;
    }

    text = calloc(1, 1024 * 1024);
    n = fread(text, 1, 1024 * 1024 - 1, f);
    text[n] = '\0';
    fclose(f);

    return text;
}


static int
script_filter(const struct dirent *e)
{
    size_t       n;
    const char  *only;

    n = strlen(e->d_name);
    only = getenv("PHAROS_PROMQLTEST_ONLY");

    return n > 5 && strcmp(e->d_name + n - 5, ".test") == 0
           && (only == NULL || strstr(e->d_name, only) != NULL);
}


int
main(void)
{
    int              i, n;
    char            *text;
    script_t        *s;
    const char      *dir;
    struct dirent  **list;

    dir = getenv("PHAROS_PROMQLTEST");
    if (dir == NULL) {
        dir = "t/promql";
    }

    s = calloc(1, sizeof(script_t));
    s->store = phr_memstore_create();
    s->arena = phr_arena_create(0);

    n = scandir(dir, &list, script_filter, alphasort);
    ok(n > 0, "there are scripts in %s", dir);

    for (i = 0; i < n; i++) {
        text = script_read(dir, list[i]->d_name);

        if (text != NULL) {
            s->file = list[i]->d_name;
            script_run(s, text);
        }

        free(text);
        free(list[i]);
    }

    if (n >= 0) {
        free(list);
    }

    phr_memstore_destroy(s->store);
    phr_arena_destroy(s->arena);
    free(s);

    return done_testing();
}
