/*
 * Copyright (C) The Pharos Authors
 *
 * Targets: an HTTP server for as many node exporters as wanted, in one
 * thread.  A body is put together from prepared lines, so that it costs
 * little beside what scrapes it.
 */

#include "store_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>


#define TARGETS_HEAD   256      /* room before a body */
#define TARGETS_IN     8192


typedef struct {
    int       fd;
    int       listens;
    size_t    target;
    size_t    n;
    char      in[];
} targets_conn_t;


typedef struct {
    data_t              *d;
    int                  epoll;
    char                *out;
    unsigned long long   nscrapes;
    unsigned long long   nbytes;
} targets_t;


static int targets_listen(targets_t *t, unsigned port, size_t target);
static void targets_watch(targets_t *t, int fd, int listens, size_t target);
static int targets_read(targets_t *t, targets_conn_t *c);
static int targets_answer(targets_t *t, targets_conn_t *c);
static size_t targets_body(targets_t *t, size_t target, char *text);
static int targets_send(int fd, const char *data, size_t len);


int
load_targets(data_t *d, unsigned port)
{
    int                  i, n, fd;
    size_t               k, len;
    targets_t            t;
    struct rlimit        files;
    targets_conn_t      *c;
    struct epoll_event   events[64];

    memset(&t, 0, sizeof(targets_t));
    t.d = d;
    t.epoll = epoll_create1(EPOLL_CLOEXEC);

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }

    for (len = TARGETS_HEAD, k = 0; k < d->nseries; k++) {
        len += d->line[k].len + DATA_VALUE_LEN + 1;
    }

    t.out = data_alloc(len);

    for (k = 0; k < d->ntargets; k++) {
        if (targets_listen(&t, port, k) != 0) {
            return 1;
        }
    }

    for ( ;; ) {
        n = epoll_wait(t.epoll, events, 64, -1);

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            if (c->listens) {
                fd = accept(c->fd, NULL, NULL);

                if (fd != -1) {
                    targets_watch(&t, fd, 0, c->target);
                }

            } else if (targets_read(&t, c) != 0) {
                close(c->fd);
                free(c);
            }
        }
    }
}


static int
targets_listen(targets_t *t, unsigned port, size_t target)
{
    int                 fd, one;
    char                address[32];
    struct sockaddr_in  sin;

    data_address(target, address, sizeof(address));

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    inet_pton(AF_INET, address, &sin.sin_addr);

    one = 1;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));

    if (bind(fd, (struct sockaddr *) &sin, sizeof(sin)) != 0
        || listen(fd, 64) != 0)
    {
        fprintf(stderr, "%s:%u: %s\n", address, port, strerror(errno));
        return -1;
    }

    targets_watch(t, fd, 1, target);

    return 0;
}


static void
targets_watch(targets_t *t, int fd, int listens, size_t target)
{
    int                  size;
    targets_conn_t      *c;
    struct epoll_event   event;

    c = data_alloc(sizeof(targets_conn_t) + (listens ? 0 : TARGETS_IN));
    c->fd = fd;
    c->listens = listens;
    c->target = target;

    /* a whole body fits, so that no reader holds up the others */

    size = 1 << 20;

    if (!listens) {
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        size = 1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &size, sizeof(size));
    }

    event.events = EPOLLIN;
    event.data.ptr = c;
    (void) epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event);
}


static int
targets_read(targets_t *t, targets_conn_t *c)
{
    ssize_t  n;

    n = recv(c->fd, c->in + c->n, TARGETS_IN - 1 - c->n, 0);

    if (n <= 0) {
        return -1;
    }

    c->n += (size_t) n;
    c->in[c->n] = '\0';

    if (strstr(c->in, "\r\n\r\n") == NULL) {
        return c->n == TARGETS_IN - 1 ? -1 : 0;
    }

    c->n = 0;

    return targets_answer(t, c);
}


static int
targets_answer(targets_t *t, targets_conn_t *c)
{
    int      n;
    char     head[TARGETS_HEAD];
    size_t   len;

    if (strncmp(c->in, "GET /stats ", 11) == 0) {
        len = (size_t) sprintf(t->out + TARGETS_HEAD, "%llu %llu\n",
                               t->nscrapes, t->nbytes);
    } else {
        len = targets_body(t, c->target, t->out + TARGETS_HEAD);
        t->nscrapes++;
        t->nbytes += len;
    }

    n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Type: "
                 "text/plain; version=0.0.4; charset=utf-8\r\n"
                 "Content-Length: %zu\r\n\r\n", len);

    memcpy(t->out + TARGETS_HEAD - n, head, (size_t) n);

    return targets_send(c->fd, t->out + TARGETS_HEAD - n, len + (size_t) n);
}


static size_t
targets_body(targets_t *t, size_t target, char *text)
{
    char         *s;
    size_t        k;
    data_cell_t  *cell;
    data_line_t  *line;

    data_step(t->d, target);

    cell = &t->d->cell[target * t->d->nseries];
    line = t->d->line;
    s = text;

    for (k = 0; k < t->d->nseries; k++, cell++, line++) {
        memcpy(s, line->text, line->len);
        s += line->len;
        s += data_format(cell, s);
        *s++ = '\n';
    }

    return (size_t) (s - text);
}


static int
targets_send(int fd, const char *data, size_t len)
{
    ssize_t        n;
    struct pollfd  p;

    while (len != 0) {
        n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            data += n;
            len -= (size_t) n;
            continue;
        }

        p.fd = fd;
        p.events = POLLOUT;

        if (errno != EAGAIN || poll(&p, 1, 1000) <= 0) {
            return -1;
        }
    }

    return 0;
}
