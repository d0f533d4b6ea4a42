/*
 * Copyright (C) The Pharos Authors
 *
 * The index: whatever the matchers, the series found are those that a look
 * at all labels finds; label names and values; labels of any length.
 */

#include <unistd.h>

#include "store/store.h"
#include "tap.h"


#define NSERIES  3000


static char              dir[] = "/tmp/phr-select-XXXXXX";
static phr_store_t      *st;
static phr_arena_t      *keep;
static phr_labels_t      labels[NSERIES + 4];
static size_t            nlabels;


static phr_str_t
text(const char *fmt, int i)
{
    char  *p;

    p = phr_arena_printf(keep, fmt, i);

    return phr_str_from_c(p);
}


static void
add_series(phr_labels_t ls)
{
    double           v;
    uint32_t         source;
    phr_err_t        err;
    phr_sid_t        sid;
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    labels[nlabels++] = ls;

    if (app->ops->source(app, phr_str_of("test"), &source, &err) != PHR_OK
        || app->ops->series(app, ls, &sid, &err) != PHR_OK)
    {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }

    v = (double) nlabels;
    memset(&b, 0, sizeof(b));
    b.source = source;
    b.t_ms = 1000;
    b.sid = &sid;
    b.v = &v;
    b.n = 1;

    if (app->ops->append(app, &b, &err) != PHR_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}


static void
fill(void)
{
    int            i;
    char          *p;
    phr_err_t      err;
    phr_label_t   *l;
    phr_labels_t   ls;

    for (i = 0; i < NSERIES; i++) {
        l = phr_arena_alloc(keep, 4 * sizeof(phr_label_t));
        ls.l = l;
        ls.n = 0;

        l[ls.n].name = phr_str_of("__name__");
        l[ls.n++].value = text("m%d", i % 7);

        if (i % 3) {
            l[ls.n].name = phr_str_of("code");
            l[ls.n++].value = text("%d", 200 + i % 11 * 50);
        }

        l[ls.n].name = phr_str_of("id");
        l[ls.n++].value = text("id-%d", i);

        if (i % 5 == 0) {
            l[ls.n].name = phr_str_of("zone");
            l[ls.n++].value = text(i % 2 ? "eu-%d" : "us-%d", i % 4);
        }

        add_series(ls);

        if (i % 1000 == 999 && phr_store_commit(st, 0, 0, &err) != PHR_OK) {
            printf("Bail out! %s\n", err.text);
            exit(1);
        }
    }

    /* two long values with one beginning, and a set longer than a page */

    for (i = 0; i < 3; i++) {
        l = phr_arena_alloc(keep, 4 * sizeof(phr_label_t));
        ls.l = l;
        ls.n = 2;
        p = phr_arena_alloc(keep, 3000);
        memset(p, 'x', 3000);
        p[2990] = (char) ('a' + i);
        p[100] = '\0';

        l[0].name = phr_str_of("long");
        l[0].value = phr_str_from(p, i == 2 ? 700 : 3000);
        l[1].name = phr_str_of("longer");
        l[1].value = phr_str_from(p, 2995);
        add_series(ls);
    }

    if (phr_store_commit(st, 0, 1, &err) != PHR_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}


/* series found, and those that should not or were not, by brute force */
static void
check(const char *name, const phr_matcher_t *m, size_t n)
{
    int                rc;
    size_t             i, want, found, wrong, count;
    phr_err_t          err;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_querier_t     *q;
    phr_storage_t     *storage;
    phr_series_set_t  *set;
    phr_select_hints_t hints;
    phr_labels_t       last;

    phr_err_init(&err);
    memset(&hints, 0, sizeof(hints));
    hints.sorted = 1;
    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    want = 0;
    count = 0;

    for (i = 0; i < nlabels; i++) {
        want += (size_t) phr_matchers_match(m, n, labels[i]);
    }

    found = 0;
    wrong = 0;
    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->select(q, m, n, 0, 2000, &hints, arena, &set, &err);

        while (rc == PHR_OK
               && (rc = set->next(set, &s, &err)) == PHR_OK)
        {
            found++;
            wrong += !phr_matchers_match(m, n, s.labels) || s.n != 1
                     || s.t_ms[0] != 1000;
            wrong += count++ > 0 && phr_labels_cmp(last, s.labels) >= 0;
            last = s.labels;
        }

        q->ops->close(q);
    }

    if (!ok(rc == PHR_DONE && found == want && wrong == 0,
            "%s: %zu series", name, want))
    {
        printf("#   found %zu, %zu of them wrong, %s\n", found, wrong,
               err.text);
    }

    phr_arena_destroy(arena);
}


typedef struct {
    phr_match_e  op;
    const char  *name;
    const char  *value;
} term_t;


static void
check_terms(const term_t *t, size_t n)
{
    char            name[256];
    size_t          i;
    phr_err_t       err;
    phr_matcher_t   m[4];

    name[0] = '\0';
    memset(m, 0, sizeof(m));

    for (i = 0; i < n; i++) {
        if (phr_matcher_init(&m[i], t[i].op, phr_str_from_c(t[i].name),
                             phr_str_from_c(t[i].value), &err) != PHR_OK)
        {
            ok(0, "%s", err.text);
            return;
        }

        snprintf(name + strlen(name), sizeof(name) - strlen(name),
                 "%s%s%s\"%s\"", i ? ", " : "", t[i].name,
                 phr_match_op_text(t[i].op), t[i].value);
    }

    check(name, m, n);

    for (i = 0; i < n; i++) {
        phr_matcher_destroy(&m[i]);
    }
}


static void
check_matchers(void)
{
    size_t  i, k;
    term_t  pair[2];

    static const term_t  terms[] = {
        { PHR_MATCH_EQ, "__name__", "m3" },
        { PHR_MATCH_EQ, "__name__", "none" },
        { PHR_MATCH_EQ, "none", "x" },
        { PHR_MATCH_EQ, "zone", "" },
        { PHR_MATCH_NE, "zone", "" },
        { PHR_MATCH_NE, "zone", "eu-1" },
        { PHR_MATCH_NE, "none", "x" },
        { PHR_MATCH_EQ, "none", "" },
        { PHR_MATCH_RE, "code", "200|250|999" },
        { PHR_MATCH_RE, "code", "2.." },
        { PHR_MATCH_RE, "code", "2..|" },
        { PHR_MATCH_RE, "zone", "eu-1|" },
        { PHR_MATCH_RE, "zone", ".*" },
        { PHR_MATCH_RE, "zone", ".+" },
        { PHR_MATCH_RE, "zone", "" },
        { PHR_MATCH_NRE, "zone", "" },
        { PHR_MATCH_NRE, "zone", ".*" },
        { PHR_MATCH_NRE, "zone", ".+" },
        { PHR_MATCH_NRE, "zone", "eu-.*" },
        { PHR_MATCH_NRE, "zone", "eu-1|us-2" },
        { PHR_MATCH_NRE, "zone", "eu-1|" },
        { PHR_MATCH_NRE, "code", "[0-9]5." },
        { PHR_MATCH_RE, "id", "id-1.*7" },
        { PHR_MATCH_EQ, "id", "id-35" },
        { PHR_MATCH_NRE, "none", "a.*" },
        { PHR_MATCH_RE, "none", "a?" },
    };

    for (i = 0; i < phr_nelems(terms); i++) {
        check_terms(&terms[i], 1);

        for (k = 0; k < phr_nelems(terms); k += 3) {
            pair[0] = terms[i];
            pair[1] = terms[(i + k) % phr_nelems(terms)];
            check_terms(pair, 2);
        }
    }
}


static void
check_names(void)
{
    int              rc, cut;
    size_t           n, i;
    phr_err_t        err;
    phr_str_t       *v;
    phr_arena_t     *arena;
    phr_matcher_t    m;
    phr_querier_t   *q;
    phr_storage_t   *storage;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    phr_err_init(&err);
    storage->querier(storage, &q, &err);

    rc = q->ops->label_names(q, NULL, 0, 0, 2000, 0, arena, &v, &n, &cut, &err);
    is_int(rc, PHR_OK, "label names are found");
    is_int(n, 6, "six of them");
    is_str(v[0].data, "__name__", "in order");
    is_str(v[5].data, "zone", "to the last");

    rc = q->ops->label_names(q, NULL, 0, 0, 2000, 2, arena, &v, &n, &cut, &err);
    ok(rc == PHR_OK && n == 2 && cut, "a limit cuts names");

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("id"), phr_str_of("id-2"),
                     &err);
    rc = q->ops->label_names(q, &m, 1, 0, 2000, 0, arena, &v, &n, &cut, &err);
    ok(rc == PHR_OK && n == 3 && !cut, "names of the series that match");

    rc = q->ops->label_values(q, phr_str_of("code"), NULL, 0, 0, 2000, 0, arena,
                              &v, &n, &cut, &err);
    ok(rc == PHR_OK && n == 11 && !cut, "values of a label");

    for (i = 1; i < n && phr_str_cmp(v[i - 1], v[i]) < 0; i++) {
        /* void */
    }

    is_int(i, n, "in order, each once");

    rc = q->ops->label_values(q, phr_str_of("code"), NULL, 0, 0, 2000, 5, arena,
                              &v, &n, &cut, &err);
    ok(rc == PHR_OK && n == 5 && cut, "a limit cuts values");

    rc = q->ops->label_values(q, phr_str_of("code"), &m, 1, 0, 2000, 0, arena,
                              &v, &n, &cut, &err);
    ok(rc == PHR_OK && n == 1, "values of the series that match");
    phr_matcher_destroy(&m);

    rc = q->ops->label_values(q, phr_str_of("none"), NULL, 0, 0, 2000, 0, arena,
                              &v, &n, &cut, &err);
    ok(rc == PHR_OK && n == 0, "a label that nobody has");

    rc = q->ops->label_values(q, phr_str_of("long"), NULL, 0, 0, 2000, 0, arena,
                              &v, &n, &cut, &err);
    ok(rc == PHR_OK && n == 3 && v[0].len == 700 && v[2].len == 3000,
       "values too long for a key");

    q->ops->close(q);
    phr_arena_destroy(arena);
}


int
main(void)
{
    size_t             i, n;
    phr_err_t          err;
    phr_sid_t          a, b;
    phr_matcher_t      m;
    phr_store_top_t    top[3];
    phr_appender_t    *app;
    phr_store_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    phr_err_init(&err);
    conf.path = mkdtemp(dir);
    conf.map_size_bytes = 64 << 20;
    keep = phr_arena_create(0);

    is_int(phr_store_open(&conf, &st, &err), PHR_OK, "opened %s", err.text);
    fill();
    check_matchers();
    check_names();

    for (i = NSERIES; i < nlabels; i++) {
        phr_matcher_init(&m, PHR_MATCH_EQ, labels[i].l[0].name,
                         labels[i].l[0].value, &err);
        check("a long value", &m, 1);
        phr_matcher_destroy(&m);
    }

    app = phr_store_appender(st);
    app->ops->series(app, labels[17], &a, &err);
    app->ops->series(app, labels[NSERIES + 1], &b, &err);
    phr_store_commit(st, 0, 0, &err);
    phr_store_close(st);

    is_int(phr_store_open(&conf, &st, &err), PHR_OK, "opened again");
    app = phr_store_appender(st);
    app->ops->series(app, labels[17], &a, &err);
    is_int(a, 18, "a series keeps its id");
    app->ops->series(app, labels[NSERIES + 1], &b, &err);
    is_int(b, NSERIES + 2, "one with long labels, too");
    phr_store_commit(st, 0, 0, &err);

    n = 3;
    is_int(phr_store_top(st, PHR_TOP_SERIES_BY_METRIC, keep, top, &n, &err),
           PHR_OK, "the largest metrics");
    ok(n == 3 && top[0].value == 429 && top[0].name.data[0] == 'm', "429");
    n = 3;
    phr_store_top(st, PHR_TOP_VALUES_BY_LABEL, keep, top, &n, &err);
    ok(top[0].value == NSERIES && strcmp(top[0].name.data, "id") == 0,
       "the label with most values");
    n = 1;
    phr_store_top(st, PHR_TOP_SERIES_BY_PAIR, keep, top, &n, &err);
    ok(n == 1 && strncmp(top[0].name.data, "__name__=m", 10) == 0,
       "the pair with most series");

    phr_store_close(st);
    phr_arena_destroy(keep);

    if (chdir(dir) != 0) {
        return 1;
    }

    unlink("data.mdb");
    unlink("lock.mdb");
    rmdir(dir);

    return done_testing();
}
