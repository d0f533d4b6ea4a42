/*
 * Copyright (C) The Pharos Authors
 *
 * Remote fill: what a remote-written sample costs.  Requests as Prometheus
 * sends them, a sample a series, are made beforehand and then received by
 * the code of the module, committed and packed, in this process:
 *
 *     remote_fill DIRECTORY VERSION NSERIES NTIMES REQUEST [durable]
 *
 * or sent to a server, over so many connections; the processes whose time
 * counts are named by their ids:
 *
 *     remote_fill HOST:PORT VERSION NSERIES NTIMES REQUEST CONNECTIONS PID...
 *
 * VERSION is 1 or 2, REQUEST the samples of a request.  Series are those of
 * targets with 1,000 each; a time is 15 s, the last one is now.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/pack.h"
#include "ingest/remote_write.h"
#include "store/store.h"


#define STEP_MS    15000
#define TARGET     1000
#define AHEAD      256          /* requests made at a time */
#define MAX_CONNS  64


typedef struct {
    int        version;
    size_t     first;           /* of the series */
    size_t     nseries;
    size_t     ntimes;
    size_t     request;
    double    *v;               /* of each series, now */
    uint64_t   seed;
    size_t     pos;             /* samples made */
    int64_t    first_ms;
    phr_buf_t  plain;
    phr_buf_t  symbols;
    phr_buf_t  part;
    phr_buf_t  made[AHEAD];     /* packed */
    size_t     nmade;
} gen_t;


typedef struct {
    gen_t          g;           /* series of its own, as senders do it */
    int            fd;
    const char    *host;
    unsigned       port;
    uint64_t       nbad;
} conn_t;


static uint32_t
rnd(gen_t *g, uint32_t n)
{
    g->seed ^= g->seed << 13;
    g->seed ^= g->seed >> 7;
    g->seed ^= g->seed << 17;

    return (uint32_t) (g->seed >> 11) % n;
}


/* 60 % constant, 25 % counters, 15 % gauges, half of them decimals */
static double
next_value(gen_t *g, size_t i, double v)
{
    switch (i % 20) {
    case 0: case 1: case 2: case 3: case 4:
        return v + rnd(g, 500);
    case 5:
        return rnd(g, 10000) / 100.0;
    case 6:
        return (double) rnd(g, 1u << 30) / 1e7;
    case 7:
        return (double) rnd(g, 1u << 30) / 777.0;
    default:
        return v;
    }
}


/* labels of a node exporter's series: name and value, six of them */
static void
labels(size_t i, char text[12][80])
{
    snprintf(text[0], 80, "__name__");
    snprintf(text[1], 80, "node_metric_of_subsystem_%zu_total",
             i % TARGET / 8);
    snprintf(text[2], 80, "cpu");
    snprintf(text[3], 80, "%zu", i % 8);
    snprintf(text[4], 80, "instance");
    snprintf(text[5], 80, "host-%zu.example.org:9100", i / TARGET);
    snprintf(text[6], 80, "job");
    snprintf(text[7], 80, "node");
    snprintf(text[8], 80, "mode");
    snprintf(text[9], 80, "%s", i % 2 ? "idle" : "iowait");
    snprintf(text[10], 80, "zone");
    snprintf(text[11], 80, "europe-west-%zu", i / TARGET % 3);
}


static void
field_bytes(phr_buf_t *b, unsigned field, const void *data, size_t len)
{
    phr_buf_uvarint(b, field << 3 | 2);
    phr_buf_uvarint(b, len);
    phr_buf_append(b, data, len);
}


static void
sample(phr_buf_t *b, double v, int64_t t_ms)
{
    phr_buf_t  s;

    phr_buf_init(&s, 0);

    if (v != 0) {
        phr_buf_putc(&s, 1 << 3 | 1);
        phr_buf_append(&s, &v, 8);
    }

    phr_buf_putc(&s, 2 << 3);
    phr_buf_uvarint(&s, (uint64_t) t_ms);
    field_bytes(b, 2, s.data, s.len);
    phr_buf_free(&s);
}


/* 0 if all is made */
static int
make(gen_t *g, phr_buf_t *out)
{
    char       text[12][80];
    size_t     n, i, k, nsymbols;
    uint32_t   j;
    int64_t    t_ms;
    phr_buf_t  label, refs;

    phr_buf_reset(&g->plain);
    phr_buf_reset(&g->symbols);
    phr_buf_init(&label, 0);
    phr_buf_init(&refs, 0);
    nsymbols = 1;
    field_bytes(&g->symbols, 4, "", 0);

    for (n = 0; n < g->request && g->pos < g->nseries * g->ntimes; n++) {
        i = g->pos % g->nseries;
        t_ms = g->first_ms + (int64_t) (g->pos / g->nseries) * STEP_MS
               + (int64_t) (i / TARGET * 37 % STEP_MS);
        g->pos++;

        labels(g->first + i, text);
        phr_buf_reset(&g->part);
        phr_buf_reset(&refs);

        for (k = 0; k < 12; k += 2) {
            if (g->version == 1) {
                phr_buf_reset(&label);
                field_bytes(&label, 1, text[k], strlen(text[k]));
                field_bytes(&label, 2, text[k + 1], strlen(text[k + 1]));
                field_bytes(&g->part, 1, label.data, label.len);
                continue;
            }

            /* a symbol a value: a sender that does not look for equal ones */
            for (j = 0; j < 2; j++) {
                phr_buf_uvarint(&refs, nsymbols);
                if (n == 0 || j == 1) {
                    field_bytes(&g->symbols, 4, text[k + j],
                                strlen(text[k + j]));
                    nsymbols++;
                } else {
                    refs.len -= phr_put_uvarint((uint8_t[10]) { 0 },
                                                nsymbols);
                    phr_buf_uvarint(&refs, k + 1);
                }
            }
        }

        if (g->version == 2) {
            field_bytes(&g->part, 1, refs.data, refs.len);
        }

        g->v[i] = next_value(g, i, g->v[i]);
        sample(&g->part, g->v[i], t_ms);
        field_bytes(&g->plain, g->version == 1 ? 1 : 5, g->part.data,
                    g->part.len);
    }

    phr_buf_reset(out);

    if (g->version == 2) {
        phr_buf_str(&g->symbols, phr_buf_view(&g->plain));
    }

    (void) phr_pack(PHR_PACK_SNAPPY,
                    phr_buf_view(g->version == 2 ? &g->symbols : &g->plain),
                    out, NULL);

    phr_buf_free(&label);
    phr_buf_free(&refs);

    return n != 0;
}


static void
make_all(gen_t *g)
{
    for (g->nmade = 0; g->nmade < AHEAD; g->nmade++) {
        if (!make(g, &g->made[g->nmade])) {
            break;
        }
    }
}


static double
clock_s(clockid_t clock)
{
    struct timespec  ts;

    clock_gettime(clock, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static const char *
type_of(const gen_t *g)
{
    return g->version == 1
           ? "application/x-protobuf"
           : "application/x-protobuf;proto=io.prometheus.write.v2.Request";
}


static int
receive(gen_t *g, const char *path, int durable)
{
    int                          rc;
    size_t                       i;
    double                       cpu, wall, spent, took;
    int64_t                      now_ms;
    phr_err_t                    err;
    phr_store_t                 *st;
    phr_store_conf_t             conf;
    phr_store_stats_t            stats;
    phr_remote_write_t          *rw;
    phr_remote_write_answer_t    answer;
    phr_remote_write_request_t   r;
    phr_remote_write_options_t   o;

    memset(&conf, 0, sizeof(conf));
    memset(&o, 0, sizeof(o));
    conf.path = path;
    now_ms = (int64_t) time(NULL) * 1000;

    (void) mkdir(path, 0755);

    if (phr_store_open(&conf, &st, &err) != PHR_OK
        || phr_remote_write_create(&o, phr_store_appender(st), &rw, &err)
           != PHR_OK)
    {
        fprintf(stderr, "remote_fill: %s\n", err.text);
        return 1;
    }

    phr_store_now(st, now_ms);
    memset(&r, 0, sizeof(r));
    r.content_type = phr_str_from_c(type_of(g));
    r.content_encoding = phr_str_of("snappy");
    r.now_ms = now_ms;
    spent = 0;
    took = 0;

    for (make_all(g); g->nmade != 0; make_all(g)) {
        cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
        wall = clock_s(CLOCK_MONOTONIC);

        for (i = 0; i < g->nmade; i++) {
            r.body = phr_buf_view(&g->made[i]);
            rc = phr_remote_write_request(rw, phr_store_appender(st), &r,
                                          &answer, &err);

            if (rc == PHR_OK && answer.status == 204) {
                rc = phr_store_commit(st, now_ms, durable, &err);
            }

            if (rc != PHR_OK || answer.status != 204) {
                fprintf(stderr, "remote_fill: %s\n",
                        rc ? err.text : answer.text);
                return 1;
            }

            if (i % 16 == 15) {
                while (phr_store_seal(st, now_ms, &err) == PHR_AGAIN) {
                    /* void */
                }
            }
        }

        spent += clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        took += clock_s(CLOCK_MONOTONIC) - wall;
    }

    phr_store_stats(st, &stats);
    printf("%zu samples: %.3f CPU s per million, %.0f samples/s, %.2f bytes "
           "a sample\n", g->pos, spent * 1e6 / (double) g->pos,
           (double) g->pos / took,
           (double) stats.used_bytes / (double) g->pos);

    phr_remote_write_destroy(rw);
    phr_store_close(st);

    return 0;
}


static int
dial(conn_t *c)
{
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) c->port);
    inet_pton(AF_INET, c->host, &sin.sin_addr);

    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    return connect(c->fd, (struct sockaddr *) &sin, sizeof(sin));
}


static int
write_all(int fd, const char *p, size_t n)
{
    ssize_t  k;

    for ( /* void */ ; n != 0; p += k, n -= (size_t) k) {
        k = write(fd, p, n);

        if (k <= 0) {
            return -1;
        }
    }

    return 0;
}


/* a thread: its share of the requests, one after the other */
static void *
post(void *data)
{
    char     head[512], answer[4096];
    conn_t  *c = data;
    size_t   i;
    ssize_t  n;

    for (i = 0; i < c->g.nmade; i++) {
        snprintf(head, sizeof(head), "POST /api/v1/write HTTP/1.1\r\n"
                 "Host: x\r\nContent-Type: %s\r\n"
                 "Content-Encoding: snappy\r\nContent-Length: %zu\r\n\r\n",
                 type_of(&c->g), c->g.made[i].len);

        if (write_all(c->fd, head, strlen(head)) != 0
            || write_all(c->fd, c->g.made[i].data, c->g.made[i].len) != 0
            || (n = read(c->fd, answer, sizeof(answer) - 1)) <= 0)
        {
            fprintf(stderr, "remote_fill: %s\n", strerror(errno));
            exit(1);
        }

        answer[n] = '\0';

        if (strncmp(answer, "HTTP/1.1 20", 11) != 0 && c->nbad++ == 0) {
            fprintf(stderr, "remote_fill: %s\n", answer);
        }
    }

    return NULL;
}


/* user and system time of processes, in seconds */
static double
time_of(int n, char **pids)
{
    int            i;
    char           name[64], line[1024], *p;
    double         sum;
    FILE          *f;
    unsigned long  user, sys;

    sum = 0;

    for (i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "/proc/%s/stat", pids[i]);

        f = fopen(name, "r");
        if (f == NULL) {
            continue;
        }

        if (fgets(line, sizeof(line), f) && (p = strrchr(line, ')')) != NULL
            && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                             "%lu %lu", &user, &sys) == 2)
        {
            sum += (double) (user + sys) / (double) sysconf(_SC_CLK_TCK);
        }

        fclose(f);
    }

    return sum;
}


static int
send_to(gen_t *g, char *where, size_t nconns, int npids, char **pids)
{
    char       *colon;
    size_t      i, n;
    double      cpu, wall, took;
    pthread_t   tid[MAX_CONNS];

    static conn_t  c[MAX_CONNS];

    colon = strchr(where, ':');
    *colon = '\0';

    for (i = 0; i < nconns; i++) {
        c[i].g = *g;
        c[i].g.nseries = g->nseries / nconns;
        c[i].g.first = i * c[i].g.nseries;
        c[i].g.v = g->v + c[i].g.first;
        c[i].host = where;
        c[i].port = (unsigned) atoi(colon + 1);

        if (dial(&c[i]) != 0) {
            fprintf(stderr, "remote_fill: %s\n", strerror(errno));
            return 1;
        }
    }

    cpu = time_of(npids, pids);
    took = 0;

    for ( ;; ) {
        n = 0;

        for (i = 0; i < nconns; i++) {
            make_all(&c[i].g);
            n += c[i].g.nmade;
        }

        if (n == 0) {
            break;
        }

        wall = clock_s(CLOCK_MONOTONIC);

        for (i = 0; i < nconns; i++) {
            pthread_create(&tid[i], NULL, post, &c[i]);
        }

        for (i = 0; i < nconns; i++) {
            pthread_join(tid[i], NULL);
        }

        took += clock_s(CLOCK_MONOTONIC) - wall;
    }

    for (i = 0; i < nconns; i++) {
        g->pos += c[i].g.pos;
    }

    printf("%zu samples: %.3f CPU s per million, %.0f samples/s\n", g->pos,
           (time_of(npids, pids) - cpu) * 1e6 / (double) g->pos,
           (double) g->pos / took);

    return 0;
}


int
main(int argc, char **argv)
{
    static gen_t  g;

    if (argc < 6) {
        fprintf(stderr, "usage: see bench/remote_fill.c\n");
        return 2;
    }

    g.version = atoi(argv[2]);
    g.nseries = strtoul(argv[3], NULL, 10);
    g.ntimes = strtoul(argv[4], NULL, 10);
    g.request = strtoul(argv[5], NULL, 10);
    g.seed = 88172645463325252ULL;
    g.v = calloc(g.nseries + 1, sizeof(double));
    g.first_ms = (int64_t) time(NULL) * 1000
                 - (int64_t) g.ntimes * STEP_MS;

    if (g.v == NULL) {
        return 1;
    }

    if (strchr(argv[1], ':') != NULL) {
        return argc < 7 || atoi(argv[6]) < 1 || atoi(argv[6]) > MAX_CONNS
               ? 2 : send_to(&g, argv[1], (size_t) atoi(argv[6]), argc - 7,
                             argv + 7);
    }

    return receive(&g, argv[1], argc > 6);
}
