/*
 * Copyright (C) The Pharos Authors
 *
 * Write: a client of remote write 1.0 over as many connections as wanted,
 * each of which has targets of its own and sends their rows in order.
 */

#include "store_load.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


/* samples that are made before they are sent */
#define WRITE_SLAB        4000000

#define WRITE_ANSWER      4096
#define WRITE_MAX_SERIES  1024          /* bytes of one, encoded */


typedef struct {
    char    *data;              /* head and body */
    size_t   len;
    long     nsamples;
} write_request_t;


typedef struct {
    const load_write_t  *w;
    int                  fd;
    write_request_t     *requests;
    size_t               n;
    size_t               nalloc;
    long                 nacked;
    int                  failed;
    char                 answer[WRITE_ANSWER];
} write_connection_t;


typedef struct {
    data_t              *d;
    const load_write_t  *w;
    char                *plain;
    char                *packed;
    size_t               n;     /* bytes in plain */
    long                 nsamples;
} write_maker_t;


static void write_make(write_maker_t *m, write_connection_t *c,
    size_t target, int64_t t_ms);
static size_t write_series(data_t *d, size_t target, size_t k, int64_t t_ms,
    char *out);
static size_t write_label(char *out, const char *name, const char *value);
static size_t write_varint(char *out, uint64_t v);
static void write_request(write_maker_t *m, write_connection_t *c);
static void *write_send(void *data);
static int write_one(write_connection_t *c, write_request_t *r);
static int write_connect(unsigned port);
static double write_now_s(void);


int
load_write(data_t *d, const load_write_t *w)
{
    long                 row, slab, to, nacked;
    double               begin, seconds;
    size_t               i, r;
    int                  failed;
    unsigned             k;
    pthread_t           *threads;
    write_maker_t        m;
    write_connection_t  *c;

    m.d = d;
    m.w = w;
    m.n = 0;
    m.nsamples = 0;
    m.plain = data_alloc((size_t) (w->batch + 1) * WRITE_MAX_SERIES);
    m.packed = data_alloc(snappy_max_compressed_length(
                              (size_t) (w->batch + 1) * WRITE_MAX_SERIES));

    c = data_alloc(w->nconnections * sizeof(write_connection_t));
    threads = data_alloc(w->nconnections * sizeof(pthread_t));

    for (k = 0; k < w->nconnections; k++) {
        c[k].w = w;
        c[k].fd = -1;
    }

    slab = WRITE_SLAB / (long) (d->ntargets * d->nseries) + 1;
    seconds = 0;
    failed = 0;

    for (row = 0; row < w->nrows && !failed; row = to) {
        to = row + slab < w->nrows ? row + slab : w->nrows;

        for ( /* void */ ; row < to; row++) {
            for (i = 0; i < d->ntargets; i++) {
                data_step(d, i);
                write_make(&m, &c[i % w->nconnections], i,
                           w->end_ms - (w->nrows - 1 - row) * w->step_ms);
            }
        }

        begin = write_now_s();

        for (k = 0; k < w->nconnections; k++) {
            pthread_create(&threads[k], NULL, write_send, &c[k]);
        }

        for (k = 0; k < w->nconnections; k++) {
            pthread_join(threads[k], NULL);
            failed |= c[k].failed;
        }

        seconds += write_now_s() - begin;

        for (k = 0; k < w->nconnections; k++) {
            for (r = 0; r < c[k].n; r++) {
                free(c[k].requests[r].data);
            }

            c[k].n = 0;
        }
    }

    for (nacked = 0, k = 0; k < w->nconnections; k++) {
        nacked += c[k].nacked;
    }

    printf("%ld %.3f\n", nacked, seconds);

    return failed;
}


/* a row of a target, in requests of at most a batch */

static void
write_make(write_maker_t *m, write_connection_t *c, size_t target,
    int64_t t_ms)
{
    size_t  k, n;
    char    one[WRITE_MAX_SERIES];

    for (k = 0; k < m->d->nseries; k++) {

        n = write_series(m->d, target, k, t_ms, one);

        m->plain[m->n++] = 0x0a;
        m->n += write_varint(m->plain + m->n, n);
        memcpy(m->plain + m->n, one, n);
        m->n += n;

        if (++m->nsamples == m->w->batch) {
            write_request(m, c);
        }
    }

    if (m->nsamples != 0) {
        write_request(m, c);
    }
}


/* labels are sorted: instance and job are among those of the line */

static size_t
write_series(data_t *d, size_t target, size_t k, int64_t t_ms, char *out)
{
    char          instance[48];
    size_t        i, j, n, len;
    double        v;
    data_line_t  *line;
    const char   *names[DATA_MAX_LABELS + 2], *values[DATA_MAX_LABELS + 2];
    const char   *name, *value;

    line = &d->line[k];
    data_address(target, instance, sizeof(instance) - 5);
    strcat(instance, ":9100");

    names[0] = "instance";
    values[0] = instance;
    names[1] = "job";
    values[1] = "node";
    n = 2;

    for (i = 0; i < line->nlabels; i++) {
        name = line->label[i];
        value = line->value[i];

        for (j = n; j > 0 && strcmp(names[j - 1], name) > 0; j--) {
            names[j] = names[j - 1];
            values[j] = values[j - 1];
        }

        names[j] = name;
        values[j] = value;
        n++;
    }

    len = write_label(out, "__name__", line->name);

    for (i = 0; i < n; i++) {
        len += write_label(out + len, names[i], values[i]);
    }

    v = data_value(&d->cell[target * d->nseries + k]);

    out[len++] = 0x12;
    out[len++] = (char) (9 + 1 + write_varint(instance, (uint64_t) t_ms));
    out[len++] = 0x09;
    memcpy(out + len, &v, sizeof(double));
    len += sizeof(double);
    out[len++] = 0x10;
    len += write_varint(out + len, (uint64_t) t_ms);

    return len;
}


static size_t
write_label(char *out, const char *name, const char *value)
{
    size_t  n, nlen, vlen;

    nlen = strlen(name);
    vlen = strlen(value);

    /* all lengths are below 128: one byte each */

    n = 0;
    out[n++] = 0x0a;
    out[n++] = (char) (4 + nlen + vlen);
    out[n++] = 0x0a;
    out[n++] = (char) nlen;
    memcpy(out + n, name, nlen);
    n += nlen;
    out[n++] = 0x12;
    out[n++] = (char) vlen;
    memcpy(out + n, value, vlen);

    return n + vlen;
}


static size_t
write_varint(char *out, uint64_t v)
{
    size_t  n;

    for (n = 0; v >= 0x80; v >>= 7) {
        out[n++] = (char) (v | 0x80);
    }

    out[n++] = (char) v;

    return n;
}


static void
write_request(write_maker_t *m, write_connection_t *c)
{
    int               head;
    char              text[512];
    size_t            len;
    write_request_t  *r;

    len = snappy_max_compressed_length(m->n);

    if (snappy_compress(m->plain, m->n, m->packed, &len) != SNAPPY_OK) {
        fprintf(stderr, "snappy_compress() failed\n");
        exit(1);
    }

    head = snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\n"
                    "Host: 127.0.0.1\r\nContent-Encoding: snappy\r\n"
                    "Content-Type: application/x-protobuf\r\n"
                    "X-Prometheus-Remote-Write-Version: 0.1.0\r\n"
                    "Content-Length: %zu\r\n\r\n", m->w->path, len);

    if (c->n == c->nalloc) {
        c->nalloc = c->nalloc ? 2 * c->nalloc : 64;
        c->requests = realloc(c->requests,
                              c->nalloc * sizeof(write_request_t));
        if (c->requests == NULL) {
            exit(1);
        }
    }

    r = &c->requests[c->n++];
    r->len = (size_t) head + len;
    r->data = data_alloc(r->len);
    r->nsamples = m->nsamples;
    memcpy(r->data, text, (size_t) head);
    memcpy(r->data + head, m->packed, len);

    m->n = 0;
    m->nsamples = 0;
}


static void *
write_send(void *data)
{
    size_t               i;
    write_connection_t  *c;

    c = data;

    for (i = 0; i < c->n && !c->failed; i++) {
        if (c->fd == -1) {
            c->fd = write_connect(c->w->port);
        }

        if (c->fd == -1 || write_one(c, &c->requests[i]) != 0) {
            c->failed = 1;
        }
    }

    return NULL;
}


/* 0 if it was acknowledged; anything else ends the run */

static int
write_one(write_connection_t *c, write_request_t *r)
{
    char        *body, *field;
    size_t       sent, n, want;
    ssize_t      rc;
    int          closes;

    for (sent = 0; sent < r->len; sent += (size_t) rc) {
        rc = send(c->fd, r->data + sent, r->len - sent, MSG_NOSIGNAL);
        if (rc <= 0) {
            return -1;
        }
    }

    for (n = 0, want = 0; n == 0 || n < want; n += (size_t) rc) {

        rc = recv(c->fd, c->answer + n, WRITE_ANSWER - 1 - n, 0);
        if (rc <= 0) {
            return -1;
        }

        c->answer[n + (size_t) rc] = '\0';
        body = strstr(c->answer, "\r\n\r\n");

        if (body == NULL) {
            want = WRITE_ANSWER;
            continue;
        }

        field = strcasestr(c->answer, "\r\nContent-Length:");
        want = (size_t) (body + 4 - c->answer)
               + (field && field < body ? (size_t) atol(field + 17) : 0);
    }

    if (strncmp(c->answer, "HTTP/1.1 2", 10) != 0) {
        fprintf(stderr, "%.300s\n", c->answer);
        return -1;
    }

    c->nacked += r->nsamples;

    closes = strcasestr(c->answer, "\r\nConnection: close") != NULL;

    if (closes) {
        close(c->fd);
        c->fd = -1;
    }

    return 0;
}


static int
write_connect(unsigned port)
{
    int                 fd;
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd != -1
        && connect(fd, (struct sockaddr *) &sin, sizeof(sin)) != 0)
    {
        close(fd);
        fd = -1;
    }

    return fd;
}


static double
write_now_s(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}
