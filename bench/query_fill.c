/*
 * Copyright (C) The Pharos Authors
 *
 * Query fill: the same made-up node exporter data twice, into a store and,
 * as OpenMetrics text, for promtool.  Nothing may have the store open.
 *
 *     query_fill DIRECTORY TEXT TARGETS CPUS HOURS END_S
 *
 * A target has CPUS x 8 counters of time by mode, and some thirty other
 * series: gauges, counters of a network, a histogram, an info metric.
 * Values are of a fixed seed, a sample each 15 s.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/arena.h"
#include "store/store.h"


#define STEP_S      15
#define MAX_LABELS  5


typedef enum {
    COUNTER_SECONDS = 0,
    COUNTER_BYTES,
    GAUGE_BYTES,
    GAUGE_LOAD,
    CONSTANT,
    BUCKET,
} shape_e;


typedef struct {
    char      text[256];                /* labels as in the text */
    phr_sid_t sid;
    shape_e   shape;
    int       le;                       /* of a bucket: its place */
    double   *v;
} series_t;


typedef struct {
    const char  *name;                  /* of the family */
    const char  *suffix;
    const char  *type;
    shape_e      shape;
    const char  *label;                 /* the one that varies */
    const char  *values[16];
} family_t;


static const family_t  families[] = {
    { "node_load1", "", "gauge", GAUGE_LOAD, NULL, { "" } },
    { "node_memory_MemAvailable_bytes", "", "gauge", GAUGE_BYTES, NULL,
      { "" } },
    { "node_memory_MemTotal_bytes", "", "gauge", CONSTANT, NULL, { "" } },
    { "node_uname", "_info", "info", CONSTANT, "release",
      { "6.1.0-31-amd64" } },
    { "node_filesystem_avail_bytes", "", "gauge", GAUGE_BYTES, "mountpoint",
      { "/", "/boot", "/home", "/var" } },
    { "node_network_receive_bytes", "_total", "counter", COUNTER_BYTES,
      "device", { "eth0", "eth1", "lo" } },
    { "node_network_transmit_bytes", "_total", "counter", COUNTER_BYTES,
      "device", { "eth0", "eth1", "lo" } },
    { "http_request_duration_seconds", "_bucket", "histogram", BUCKET, "le",
      { "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5",
        "5.0", "10.0", "+Inf" } },
};

static const char  *modes[8] = {
    "idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"
};


static uint64_t  seed = 88172645463325252ULL;


static uint32_t
rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (uint32_t) (seed >> 11) % n;
}


static void
die(const char *what, const phr_err_t *err)
{
    fprintf(stderr, "query_fill: %s %s\n", what, err == NULL ? ""
                                                             : err->text);
    exit(1);
}


static double
step(const series_t *s, double v)
{
    switch (s->shape) {
    case COUNTER_SECONDS:
        return (double) ((int64_t) (v * 100 + 0.5) + rnd(1500)) / 100;
    case COUNTER_BYTES:
        return v + rnd(1500000);
    case GAUGE_BYTES:
        return (v > 0 ? v : 8e9) + 4096.0 * ((double) rnd(2000) - 1000);
    case GAUGE_LOAD:
        return rnd(1600) / 100.0;
    case BUCKET:
        return v + (s->le + 1) * 3 + rnd(3);
    default:
        return s->le == 1 ? 1 : 16e9;
    }
}


static void
make(series_t *s, shape_e shape, int nrows, phr_appender_t *app,
    phr_label_t *l, size_t n)
{
    int           i;
    size_t        k, len;
    phr_err_t     err;
    phr_labels_t  ls;

    ls.l = l;
    ls.n = n;

    if (app->ops->series(app, ls, &s->sid, &err) != PHR_OK) {
        die("series:", &err);
    }

    len = 0;

    for (k = 1; k < n; k++) {
        len += (size_t) snprintf(s->text + len, sizeof(s->text) - len,
                                 "%s%s=\"%.*s\"", k == 1 ? "" : ",",
                                 l[k].name.data, (int) l[k].value.len,
                                 l[k].value.data);
    }

    s->shape = shape;
    s->v = malloc((size_t) nrows * sizeof(double));

    if (s->v == NULL) {
        die("no memory", NULL);
    }

    for (i = 0; i < nrows; i++) {
        s->v[i] = step(s, i == 0 ? 0 : s->v[i - 1]);
    }
}


/* one family of all targets, as text; first[i] is that of target i */
static void
family_text(FILE *f, const char *name, const char *suffix, const char *type,
    series_t *all, size_t ntargets, size_t per_target, size_t first,
    size_t n, int nrows, int64_t start_s)
{
    int        i;
    size_t     t, k;
    series_t  *s;

    fprintf(f, "# TYPE %s %s\n", name, type);

    for (t = 0; t < ntargets; t++) {
        for (k = first; k < first + n; k++) {
            s = &all[t * per_target + k];

            for (i = 0; i < nrows; i++) {
                fprintf(f, "%s%s{%s} %.12g %lld\n", name, suffix, s->text,
                        s->v[i], (long long) (start_s + i * STEP_S));
            }
        }
    }
}


static size_t
make_target(series_t *s, size_t target, int ncpus, int nrows,
    phr_appender_t *app)
{
    int               i, m;
    char              name[64], cpu[12], instance[32];
    size_t            n, f;
    series_t         *first;
    phr_label_t       l[MAX_LABELS];
    const family_t   *fam;

    first = s;
    snprintf(instance, sizeof(instance), "host-%03zu:9100", target);

    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_of("node_cpu_seconds_total");

    for (i = 0; i < ncpus; i++) {
        snprintf(cpu, sizeof(cpu), "%d", i);

        for (m = 0; m < 8; m++) {
            l[1].name = phr_str_of("cpu");
            l[1].value = phr_str_from_c(cpu);
            l[2].name = phr_str_of("instance");
            l[2].value = phr_str_from_c(instance);
            l[3].name = phr_str_of("job");
            l[3].value = phr_str_of("node");
            l[4].name = phr_str_of("mode");
            l[4].value = phr_str_from_c(modes[m]);

            make(s++, COUNTER_SECONDS, nrows, app, l, 5);
        }
    }

    for (f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        fam = &families[f];
        snprintf(name, sizeof(name), "%s%s", fam->name, fam->suffix);

        for (i = 0; i < 16 && fam->values[i] != NULL; i++) {
            l[0].value = phr_str_from_c(name);
            n = 1;

            if (fam->label != NULL && strcmp(fam->label, "device") == 0) {
                l[n].name = phr_str_from_c(fam->label);
                l[n++].value = phr_str_from_c(fam->values[i]);
            }

            l[n].name = phr_str_of("instance");
            l[n++].value = phr_str_from_c(instance);
            l[n].name = phr_str_of("job");
            l[n++].value = phr_str_of("node");

            if (fam->label != NULL && strcmp(fam->label, "device") != 0) {
                l[n].name = phr_str_from_c(fam->label);
                l[n++].value = phr_str_from_c(fam->values[i]);
            }

            s->le = strcmp(fam->type, "info") == 0 ? 1 : i;
            make(s++, fam->shape, nrows, app, l, n);
        }
    }

    return (size_t) (s - first);
}


static void
text(const char *path, series_t *all, size_t ntargets, size_t per_target,
    int ncpus, int nrows, int64_t start_s)
{
    FILE    *f;
    size_t   i, n, at;

    f = fopen(path, "w");
    if (f == NULL) {
        die("cannot write the text", NULL);
    }

    at = (size_t) ncpus * 8;
    family_text(f, "node_cpu_seconds", "_total", "counter", all, ntargets,
                per_target, 0, at, nrows, start_s);

    for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        for (n = 0; n < 16 && families[i].values[n] != NULL; n++) {
            /* void */
        }

        family_text(f, families[i].name, families[i].suffix,
                    families[i].type, all, ntargets, per_target, at, n,
                    nrows, start_s);
        at += n;
    }

    fprintf(f, "# EOF\n");

    if (fclose(f) != 0) {
        die("cannot write the text", NULL);
    }
}


static void
rows(phr_store_t *st, series_t *all, const uint32_t *source, size_t ntargets,
    size_t per_target, int nrows, int64_t start_s)
{
    int              i, rc;
    size_t           t, k;
    int64_t          now_ms;
    double          *v;
    phr_sid_t       *sid;
    phr_err_t        err;
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    v = malloc(per_target * sizeof(double));
    sid = malloc(per_target * sizeof(phr_sid_t));

    if (v == NULL || sid == NULL) {
        die("no memory", NULL);
    }

    memset(&b, 0, sizeof(b));
    b.sid = sid;
    b.v = v;
    b.n = per_target;

    for (i = 0; i < nrows; i++) {
        now_ms = (start_s + i * STEP_S) * 1000;
        phr_store_now(st, now_ms);

        for (t = 0; t < ntargets; t++) {
            for (k = 0; k < per_target; k++) {
                sid[k] = all[t * per_target + k].sid;
                v[k] = all[t * per_target + k].v[i];
            }

            b.source = source[t];
            b.t_ms = now_ms;

            if (app->ops->append(app, &b, &err) != PHR_OK) {
                die("append:", &err);
            }
        }

        if (phr_store_commit(st, now_ms, i == nrows - 1, &err) != PHR_OK) {
            die("commit:", &err);
        }

        do {
            rc = phr_store_seal(st, now_ms, &err);
        } while (rc == PHR_AGAIN);

        if (rc != PHR_OK) {
            die("seal:", &err);
        }
    }

    free(v);
    free(sid);
}


int
main(int argc, char **argv)
{
    int                ncpus, nrows;
    char               name[32];
    size_t             t, ntargets, per_target;
    int64_t            start_s;
    uint32_t          *source;
    series_t          *all;
    phr_err_t          err;
    phr_store_t       *st;
    phr_appender_t    *app;
    phr_store_conf_t   conf;

    if (argc != 7) {
        fprintf(stderr, "usage: query_fill DIRECTORY TEXT TARGETS CPUS "
                        "HOURS END_S\n");
        return 2;
    }

    ntargets = strtoul(argv[3], NULL, 10);
    ncpus = atoi(argv[4]);
    nrows = atoi(argv[5]) * 3600 / STEP_S;
    start_s = strtoll(argv[6], NULL, 10) - (int64_t) (nrows - 1) * STEP_S;
    per_target = 0;

    memset(&conf, 0, sizeof(conf));
    conf.path = argv[1];
    (void) mkdir(argv[1], 0755);

    if (phr_store_open(&conf, &st, &err) != PHR_OK) {
        die("open:", &err);
    }

    app = phr_store_appender(st);
    all = calloc(ntargets * ((size_t) ncpus * 8 + 64), sizeof(series_t));
    source = calloc(ntargets, sizeof(uint32_t));

    if (all == NULL || source == NULL) {
        die("no memory", NULL);
    }

    for (t = 0; t < ntargets; t++) {
        snprintf(name, sizeof(name), "bench/host-%03zu", t);

        if (app->ops->source(app, phr_str_from_c(name), &source[t], &err)
            != PHR_OK)
        {
            die("source:", &err);
        }

        per_target = make_target(all + t * per_target, t, ncpus, nrows, app);

        if (phr_store_commit(st, start_s * 1000, 0, &err) != PHR_OK) {
            die("commit:", &err);
        }
    }

    rows(st, all, source, ntargets, per_target, nrows, start_s);
    phr_store_close(st);

    if (argv[2][0] != '\0') {
        text(argv[2], all, ntargets, per_target, ncpus, nrows, start_s);
    }

    printf("%zu series, %zu samples\n", ntargets * per_target,
           ntargets * per_target * (size_t) nrows);

    return 0;
}
