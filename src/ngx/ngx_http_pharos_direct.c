/*
 * Copyright (C) The Pharos Authors
 *
 * Direct: plain HTTP GETs on the loop, over kept connections.  Nothing is
 * guessed here: an error before the end of an answer, a redirect, or a
 * header that this part does not know sends the request to libcurl, and the
 * URL goes there from the beginning for a while.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "core/bytes.h"
#include "ngx/ngx_http_pharos_direct.h"
#include "ngx/ngx_http_pharos_resolve.h"


#define NGX_HTTP_PHAROS_DIRECT_REQUEST   2048
#define NGX_HTTP_PHAROS_DIRECT_HEAD      8192
#define NGX_HTTP_PHAROS_DIRECT_READ      65536
#define NGX_HTTP_PHAROS_DIRECT_BUCKETS   256
#define NGX_HTTP_PHAROS_DIRECT_IDLE_MS   180000
#define NGX_HTTP_PHAROS_DIRECT_ODD_MS    300000

/* what is reserved because an answer says that it is so long */
#define NGX_HTTP_PHAROS_DIRECT_RESERVE   (1024 * 1024)


#define NGX_HTTP_PHAROS_DIRECT_HAS_LENGTH   0x01
#define NGX_HTTP_PHAROS_DIRECT_HAS_CHUNKS   0x02

#define ngx_http_pharos_direct_is(s, len, text)                               \
    ((len) == sizeof(text) - 1                                                \
     && ngx_strncasecmp(s, (u_char *) text, sizeof(text) - 1) == 0)


typedef enum {
    ngx_http_pharos_direct_head = 0,
    ngx_http_pharos_direct_length,      /* "left" bytes of body */
    ngx_http_pharos_direct_close,       /* all that comes */
    ngx_http_pharos_direct_size,        /* of a chunk */
    ngx_http_pharos_direct_extension,
    ngx_http_pharos_direct_chunk,       /* "left" bytes of a chunk */
    ngx_http_pharos_direct_chunk_cr,
    ngx_http_pharos_direct_chunk_lf,
    ngx_http_pharos_direct_trailer,     /* at the beginning of a line */
    ngx_http_pharos_direct_trailer_line,
    ngx_http_pharos_direct_last_lf,
    ngx_http_pharos_direct_done
} ngx_http_pharos_direct_state_e;


/* a connection lives on after its request, in the bucket of its address */
typedef struct {
    ngx_queue_t                      idle;
    ngx_queue_t                      all;
    ngx_connection_t                *connection;
    struct sockaddr_in               addr;
    struct ngx_http_pharos_direct_s *request;   /* NULL: idle */
} ngx_http_pharos_direct_conn_t;


typedef struct ngx_http_pharos_direct_s  ngx_http_pharos_direct_t;

struct ngx_http_pharos_direct_s {
    ngx_http_pharos_outbound_t      *o;
    ngx_http_pharos_direct_conn_t   *conn;
    struct sockaddr_in               addr;
    ngx_http_pharos_direct_state_e   state;
    uint64_t                         left;
    ngx_uint_t                       ndigits;   /* of a chunk's size */
    size_t                           nhead;
    size_t                           sent;
    size_t                           len;
    unsigned                         reused:1;
    unsigned                         answered:1;
    unsigned                         keep:1;
    u_char                           request[NGX_HTTP_PHAROS_DIRECT_REQUEST];
    u_char                           head[NGX_HTTP_PHAROS_DIRECT_HEAD];
};


static ngx_int_t ngx_http_pharos_direct_write(ngx_http_pharos_direct_t *r);
static ngx_int_t ngx_http_pharos_direct_host(ngx_http_pharos_direct_t *r,
    const u_char *host, size_t len, in_port_t port);
static ngx_int_t ngx_http_pharos_direct_header_ok(const char *h);
static ngx_int_t ngx_http_pharos_direct_connect(ngx_http_pharos_direct_t *r);
static ngx_http_pharos_direct_conn_t *ngx_http_pharos_direct_kept(
    struct sockaddr_in *addr);
static void ngx_http_pharos_direct_write_handler(ngx_event_t *ev);
static void ngx_http_pharos_direct_read_handler(ngx_event_t *ev);
static void ngx_http_pharos_direct_idle_handler(ngx_event_t *ev);
static void ngx_http_pharos_direct_empty_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_pharos_direct_feed(ngx_http_pharos_direct_t *r,
    u_char *p, u_char *end);
static ngx_int_t ngx_http_pharos_direct_parse(ngx_http_pharos_direct_t *r,
    u_char **p, u_char *end);
static ngx_int_t ngx_http_pharos_direct_status(ngx_http_pharos_direct_t *r,
    u_char *end);
static ngx_int_t ngx_http_pharos_direct_field(ngx_http_pharos_direct_t *r,
    u_char *line, u_char *end, unsigned *body);
static ngx_int_t ngx_http_pharos_direct_chunked(ngx_http_pharos_direct_t *r,
    u_char **p, u_char *end);
static void ngx_http_pharos_direct_gone(ngx_http_pharos_direct_t *r);
static void ngx_http_pharos_direct_leave(ngx_http_pharos_direct_t *r);
static void ngx_http_pharos_direct_end(ngx_http_pharos_direct_t *r, int rc,
    const char *text);
static void ngx_http_pharos_direct_drop(ngx_http_pharos_direct_conn_t *conn);
static ngx_uint_t ngx_http_pharos_direct_bucket(
    const struct sockaddr_in *addr);


static void      (*direct_leave)(ngx_http_pharos_outbound_t *o);
static void      (*direct_end)(ngx_http_pharos_outbound_t *o);
static ngx_log_t  *direct_log;

static ngx_queue_t  direct_all;
static ngx_queue_t  direct_idle[NGX_HTTP_PHAROS_DIRECT_BUCKETS];

/* URLs that libcurl gets at once, and until when */
static struct {
    uint64_t        hash;
    ngx_msec_t      until;
} direct_odd[NGX_HTTP_PHAROS_DIRECT_BUCKETS];

/* of the loop: what was read last */
static u_char       direct_in[NGX_HTTP_PHAROS_DIRECT_READ];


void
ngx_http_pharos_direct_start(void (*leave)(ngx_http_pharos_outbound_t *o),
    void (*end)(ngx_http_pharos_outbound_t *o), ngx_log_t *log)
{
    ngx_uint_t  i;

    direct_leave = leave;
    direct_end = end;
    direct_log = log;

    ngx_queue_init(&direct_all);

    for (i = 0; i < NGX_HTTP_PHAROS_DIRECT_BUCKETS; i++) {
        ngx_queue_init(&direct_idle[i]);
    }

    ngx_memzero(direct_odd, sizeof(direct_odd));
}


void
ngx_http_pharos_direct_stop(void)
{
    ngx_queue_t                    *q;
    ngx_http_pharos_direct_conn_t  *conn;

    if (direct_log == NULL) {
        return;
    }

    while (!ngx_queue_empty(&direct_all)) {
        q = ngx_queue_head(&direct_all);
        conn = ngx_queue_data(q, ngx_http_pharos_direct_conn_t, all);

        free(conn->request);
        ngx_http_pharos_direct_drop(conn);
    }

    direct_log = NULL;
}


ngx_int_t
ngx_http_pharos_direct_post(ngx_http_pharos_outbound_t *o)
{
    uint64_t                   hash;
    ngx_uint_t                 i;
    ngx_http_pharos_direct_t  *r;

    if (direct_log == NULL
        || o->method || o->body.data || o->username || o->password || o->proxy
        || ngx_cycle->free_connection_n < ngx_cycle->connection_n / 4)
    {
        return NGX_DECLINED;
    }

    hash = phr_xxh64(o->url, ngx_strlen(o->url));
    i = hash % NGX_HTTP_PHAROS_DIRECT_BUCKETS;

    if (direct_odd[i].hash == hash
        && (ngx_msec_int_t) (direct_odd[i].until - ngx_current_msec) > 0)
    {
        return NGX_DECLINED;
    }

    r = malloc(sizeof(ngx_http_pharos_direct_t));
    if (r == NULL) {
        return NGX_DECLINED;
    }

    ngx_memzero(r, offsetof(ngx_http_pharos_direct_t, request));
    r->o = o;

    if (ngx_http_pharos_direct_write(r) != NGX_OK
        || ngx_http_pharos_direct_connect(r) != NGX_OK)
    {
        free(r);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* the address and the request; NGX_DECLINED if a URL is not of the simplest */

static ngx_int_t
ngx_http_pharos_direct_write(ngx_http_pharos_direct_t *r)
{
    size_t                       i, len;
    u_char                      *p, *last;
    ngx_int_t                    port;
    const u_char                *url, *host, *path, *end, *s;
    ngx_http_pharos_outbound_t  *o;

    o = r->o;
    url = (const u_char *) o->url;

    if (ngx_strncmp(url, "http://", 7) != 0) {
        return NGX_DECLINED;
    }

    host = url + 7;

    for (s = host; *s; s++) {
        if (*s <= ' ' || *s >= 0x7f || ngx_strchr("#@[]\\", *s)) {
            return NGX_DECLINED;
        }
    }

    path = (const u_char *) ngx_strchr(host, '/');
    end = path ? path : s;

    if (path == NULL) {
        path = (const u_char *) "/";
    }

    if (ngx_strstr(path, "/.") || ngx_strlchr((u_char *) host,
                                              (u_char *) end, '?'))
    {
        /* libcurl makes sense of these */
        return NGX_DECLINED;
    }

    s = ngx_strlchr((u_char *) host, (u_char *) end, ':');
    port = s ? ngx_atoi((u_char *) s + 1, end - s - 1) : 80;

    if (port < 1 || port > 65535
        || ngx_http_pharos_direct_host(r, host, (s ? s : end) - host,
                                       (in_port_t) port) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    last = r->request + NGX_HTTP_PHAROS_DIRECT_REQUEST;

    p = ngx_snprintf(r->request, NGX_HTTP_PHAROS_DIRECT_REQUEST,
                     "GET %s HTTP/1.1" CRLF "Host: %*s" CRLF "%s",
                     path, (size_t) (end - host), host,
                     o->compressed ? "Accept-Encoding: gzip" CRLF : "");

    for (i = 0; i < o->nheaders; i++) {

        len = ngx_strlen(o->headers[i]);

        if ((size_t) (last - p) < len + 4
            || !ngx_http_pharos_direct_header_ok(o->headers[i]))
        {
            return NGX_DECLINED;
        }

        p = ngx_cpymem(p, o->headers[i], len);
        *p++ = CR; *p++ = LF;
    }

    if (last - p < 2) {
        return NGX_DECLINED;
    }

    *p++ = CR; *p++ = LF;
    r->len = p - r->request;

    return NGX_OK;
}


/* an address, or a name whose address is known at once */

static ngx_int_t
ngx_http_pharos_direct_host(ngx_http_pharos_direct_t *r, const u_char *host,
    size_t len, in_port_t port)
{
    char  name[256], text[NGX_HTTP_PHAROS_RESOLVE_TEXT], *comma;

    if (len == 0 || len >= sizeof(name)) {
        return NGX_DECLINED;
    }

    (void) ngx_cpystrn((u_char *) name, (u_char *) host, len + 1);

    r->addr.sin_family = AF_INET;
    r->addr.sin_port = htons(port);

    if (inet_pton(AF_INET, name, &r->addr.sin_addr) == 1) {
        return NGX_OK;
    }

    if (ngx_http_pharos_resolve(name, text, sizeof(text)) != NGX_OK) {
        return NGX_DECLINED;
    }

    comma = ngx_strchr(text, ',');

    if (comma) {
        *comma = '\0';
    }

    return inet_pton(AF_INET, text, &r->addr.sin_addr) == 1 ? NGX_OK
                                                             : NGX_DECLINED;
}


/* what libcurl would take for an order, or would end the line, is its */

static ngx_int_t
ngx_http_pharos_direct_header_ok(const char *h)
{
    size_t       i, len;
    const char  *colon, *s;

    static const char  *const mine[] = {
        "Host", "Accept-Encoding", "Connection", "Content-Length",
        "Transfer-Encoding", "Expect", "Range", "TE", "Upgrade"
    };

    colon = ngx_strchr(h, ':');

    if (colon == NULL || colon == h || colon[1] != ' ' || colon[2] == '\0') {
        return 0;
    }

    for (s = h; *s; s++) {
        if (*s == '\r' || *s == '\n') {
            return 0;
        }
    }

    len = colon - h;

    for (i = 0; i < sizeof(mine) / sizeof(mine[0]); i++) {
        if (ngx_strlen(mine[i]) == len
            && ngx_strncasecmp((u_char *) h, (u_char *) mine[i], len) == 0)
        {
            return 0;
        }
    }

    return 1;
}


/* a kept connection, or a new one; the request goes when it can */

static ngx_int_t
ngx_http_pharos_direct_connect(ngx_http_pharos_direct_t *r)
{
    u_char                          text[NGX_SOCKADDR_STRLEN];
    int64_t                         left_ms;
    ngx_int_t                       rc;
    ngx_str_t                       name;
    struct timespec                 ts;
    ngx_connection_t               *c;
    ngx_peer_connection_t           pc;
    ngx_http_pharos_direct_conn_t  *conn;

    conn = r->reused ? NULL : ngx_http_pharos_direct_kept(&r->addr);
    rc = NGX_OK;

    if (conn) {
        r->reused = 1;

    } else {
        conn = calloc(1, sizeof(ngx_http_pharos_direct_conn_t));
        if (conn == NULL) {
            return NGX_ERROR;
        }

        conn->addr = r->addr;

        name.data = text;
        name.len = ngx_sock_ntop((struct sockaddr *) &r->addr,
                                 sizeof(struct sockaddr_in), text,
                                 NGX_SOCKADDR_STRLEN, 1);

        ngx_memzero(&pc, sizeof(ngx_peer_connection_t));
        pc.sockaddr = (struct sockaddr *) &conn->addr;
        pc.socklen = sizeof(struct sockaddr_in);
        pc.name = &name;
        pc.get = ngx_event_get_peer;
        pc.log = direct_log;
        pc.log_error = NGX_ERROR_INFO;

        rc = ngx_event_connect_peer(&pc);

        if (rc != NGX_OK && rc != NGX_AGAIN) {
            if (pc.connection) {
                ngx_close_connection(pc.connection);
            }

            free(conn);
            return NGX_ERROR;
        }

        conn->connection = pc.connection;
        ngx_queue_insert_tail(&direct_all, &conn->all);
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    left_ms = r->o->timeout_ms - ((int64_t) ts.tv_sec * 1000
                                  + ts.tv_nsec / 1000000
                                  - r->o->begin_us / 1000);

    conn->request = r;
    r->conn = conn;

    c = conn->connection;
    c->data = conn;
    c->read->handler = ngx_http_pharos_direct_read_handler;
    c->write->handler = ngx_http_pharos_direct_write_handler;
    c->read->cancelable = 1;

    ngx_add_timer(c->read, (ngx_msec_t) ngx_max(left_ms, 1));

    if (rc == NGX_OK) {
        /* nobody is called back from within this call: on the next turn */
        ngx_post_event(c->write, &ngx_posted_events);
    }

    return NGX_OK;
}


static ngx_http_pharos_direct_conn_t *
ngx_http_pharos_direct_kept(struct sockaddr_in *addr)
{
    ngx_queue_t                    *q, *bucket;
    ngx_http_pharos_direct_conn_t  *conn;

    bucket = &direct_idle[ngx_http_pharos_direct_bucket(addr)];

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        conn = ngx_queue_data(q, ngx_http_pharos_direct_conn_t, idle);

        if (conn->addr.sin_addr.s_addr == addr->sin_addr.s_addr
            && conn->addr.sin_port == addr->sin_port)
        {
            ngx_queue_remove(q);
            ngx_reusable_connection(conn->connection, 0);
            conn->connection->idle = 0;
            return conn;
        }
    }

    return NULL;
}


static void
ngx_http_pharos_direct_write_handler(ngx_event_t *ev)
{
    ssize_t                         n;
    ngx_connection_t               *c;
    ngx_http_pharos_direct_t       *r;
    ngx_http_pharos_direct_conn_t  *conn;

    c = ev->data;
    conn = c->data;
    r = conn->request;

    /* a connection that was refused says so here */

    n = c->send(c, r->request + r->sent, r->len - r->sent);

    if (n == NGX_ERROR) {
        ngx_http_pharos_direct_gone(r);
        return;
    }

    if (n > 0) {
        r->sent += n;
    }

    if (r->sent < r->len) {
        if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
            ngx_http_pharos_direct_gone(r);
        }

        return;
    }

    c->write->handler = ngx_http_pharos_direct_empty_handler;
}


static void
ngx_http_pharos_direct_read_handler(ngx_event_t *ev)
{
    ssize_t                         n;
    ngx_int_t                       rc;
    ngx_connection_t               *c;
    ngx_http_pharos_direct_t       *r;
    ngx_http_pharos_direct_conn_t  *conn;

    c = ev->data;
    conn = c->data;
    r = conn->request;

    if (ev->timedout) {
        ngx_http_pharos_direct_end(r, PHR_ETIMEOUT,
                                   "context deadline exceeded");
        return;
    }

    do {
        n = c->recv(c, direct_in, NGX_HTTP_PHAROS_DIRECT_READ);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0 && r->state == ngx_http_pharos_direct_close) {
            ngx_http_pharos_direct_end(r, PHR_OK, "");
            return;
        }

        if (n <= 0) {
            ngx_http_pharos_direct_gone(r);
            return;
        }

        r->answered = 1;

        rc = ngx_http_pharos_direct_feed(r, direct_in, direct_in + n);

        if (rc == NGX_DONE) {
            ngx_http_pharos_direct_end(r, PHR_OK, "");
            return;
        }

        if (rc == NGX_ERROR) {
            ngx_http_pharos_direct_leave(r);
            return;
        }

        if (r->o->answer.failed == PHR_ELIMIT) {
            ngx_http_pharos_direct_end(r, PHR_ELIMIT,
                                       "body size limit exceeded");
            return;
        }

        if (r->o->answer.failed) {
            ngx_http_pharos_direct_end(r, PHR_ENOMEM, "no memory");
            return;
        }

    } while (ev->ready);

    if (ngx_handle_read_event(ev, 0) != NGX_OK) {
        ngx_http_pharos_direct_gone(r);
    }
}


/* what comes on an idle connection is its end */

static void
ngx_http_pharos_direct_idle_handler(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_pharos_direct_conn_t  *conn;

    c = ev->data;
    conn = c->data;

    ngx_queue_remove(&conn->idle);
    ngx_http_pharos_direct_drop(conn);
}


static void
ngx_http_pharos_direct_empty_handler(ngx_event_t *ev)
{
    /* void */
}


/* NGX_DONE: the answer is whole; NGX_AGAIN; NGX_ERROR: not for this part */

static ngx_int_t
ngx_http_pharos_direct_feed(ngx_http_pharos_direct_t *r, u_char *p,
    u_char *end)
{
    size_t     n;
    ngx_int_t  rc;

    if (r->state == ngx_http_pharos_direct_head) {
        rc = ngx_http_pharos_direct_parse(r, &p, end);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    for ( ;; ) {

        switch (r->state) {

        case ngx_http_pharos_direct_done:
            /* what follows the answer was not asked for */
            r->keep &= (p == end);
            return NGX_DONE;

        case ngx_http_pharos_direct_close:
            phr_buf_append(&r->o->answer, p, end - p);
            return NGX_AGAIN;

        case ngx_http_pharos_direct_length:
        case ngx_http_pharos_direct_chunk:
            n = ngx_min((uint64_t) (end - p), r->left);
            phr_buf_append(&r->o->answer, p, n);
            p += n;
            r->left -= n;

            if (r->left) {
                return NGX_AGAIN;
            }

            r->state = r->state == ngx_http_pharos_direct_length
                       ? ngx_http_pharos_direct_done
                       : ngx_http_pharos_direct_chunk_cr;
            break;

        default:
            rc = ngx_http_pharos_direct_chunked(r, &p, end);

            if (rc != NGX_OK) {
                return rc;
            }
        }
    }
}


/* the head, which may come in parts; *p moves behind it */

static ngx_int_t
ngx_http_pharos_direct_parse(ngx_http_pharos_direct_t *r, u_char **p,
    u_char *end)
{
    size_t     n;
    u_char    *s, *line, *lf, *last;
    unsigned   body;

    n = ngx_min((size_t) (end - *p), sizeof(r->head) - 1 - r->nhead);

    ngx_memcpy(r->head + r->nhead, *p, n);
    last = r->head + r->nhead + n;
    *last = '\0';

    s = r->head + (r->nhead > 3 ? r->nhead - 3 : 0);
    s = memmem(s, last - s, CRLF CRLF, 4);

    if (s == NULL) {
        r->nhead += n;
        return r->nhead == sizeof(r->head) - 1 ? NGX_ERROR : NGX_AGAIN;
    }

    *p += s + 4 - (r->head + r->nhead);
    last = s + 2;
    body = 0;

    line = (u_char *) memchr(r->head, LF, last - r->head);

    if (ngx_http_pharos_direct_status(r, line) != NGX_OK) {
        return NGX_ERROR;
    }

    for (line++; line < last; line = lf + 1) {

        lf = memchr(line, LF, last - line);

        if (lf == NULL || lf == line || lf[-1] != CR
            || ngx_http_pharos_direct_field(r, line, lf - 1, &body) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (body & NGX_HTTP_PHAROS_DIRECT_HAS_CHUNKS) {
        if (body & NGX_HTTP_PHAROS_DIRECT_HAS_LENGTH) {
            return NGX_ERROR;
        }

        r->state = ngx_http_pharos_direct_size;

    } else if (body & NGX_HTTP_PHAROS_DIRECT_HAS_LENGTH) {
        r->state = ngx_http_pharos_direct_length;
        (void) phr_buf_reserve(&r->o->answer, ngx_min(r->left,
                                          NGX_HTTP_PHAROS_DIRECT_RESERVE));
    } else {
        r->state = ngx_http_pharos_direct_close;
        r->keep = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_direct_status(ngx_http_pharos_direct_t *r, u_char *end)
{
    u_char     *s;
    ngx_int_t   status;

    s = r->head;

    if (end - s < 13 || ngx_strncmp(s, "HTTP/1.", 7) != 0
        || (s[7] != '0' && s[7] != '1') || s[8] != ' ')
    {
        return NGX_ERROR;
    }

    r->keep = (s[7] == '1');
    status = ngx_atoi(s + 9, 3);

    /* no body, or one more request: libcurl knows */

    if (status < 200 || status == 204 || (status >= 300 && status < 400)) {
        return NGX_ERROR;
    }

    r->o->status = status;

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_direct_field(ngx_http_pharos_direct_t *r, u_char *line,
    u_char *end, unsigned *body)
{
    off_t    length;
    size_t   len, n;
    u_char  *colon, *v;

    colon = memchr(line, ':', end - line);

    if (colon == NULL || colon == line) {
        return NGX_ERROR;
    }

    len = colon - line;

    for (v = colon + 1; v < end && (*v == ' ' || *v == '\t'); v++) {
        /* void */
    }

    while (end > v && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    n = end - v;

    if (ngx_http_pharos_direct_is(line, len, "Content-Type")) {

        if (n >= NGX_HTTP_PHAROS_OUTBOUND_TYPE) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn((u_char *) r->o->type, v, n + 1);

    } else if (ngx_http_pharos_direct_is(line, len, "Content-Length")) {

        length = ngx_atoof(v, n);

        if (length == NGX_ERROR
            || *body & NGX_HTTP_PHAROS_DIRECT_HAS_LENGTH)
        {
            return NGX_ERROR;
        }

        r->left = length;
        *body |= NGX_HTTP_PHAROS_DIRECT_HAS_LENGTH;

    } else if (ngx_http_pharos_direct_is(line, len, "Transfer-Encoding")) {

        if (!ngx_http_pharos_direct_is(v, n, "chunked")
            || *body & NGX_HTTP_PHAROS_DIRECT_HAS_CHUNKS)
        {
            return NGX_ERROR;
        }

        *body |= NGX_HTTP_PHAROS_DIRECT_HAS_CHUNKS;

    } else if (ngx_http_pharos_direct_is(line, len, "Content-Encoding")) {

        if (ngx_http_pharos_direct_is(v, n, "gzip") && r->o->compressed) {
            r->o->packed = 1;

        } else if (!ngx_http_pharos_direct_is(v, n, "identity")) {
            return NGX_ERROR;
        }

    } else if (ngx_http_pharos_direct_is(line, len, "Connection")) {
        r->keep &= (ngx_strlcasestrn(v, end, (u_char *) "close", 4) == NULL);
    }

    return NGX_OK;
}


/* what is around the data of chunks; NGX_OK: the state has changed */

static ngx_int_t
ngx_http_pharos_direct_chunked(ngx_http_pharos_direct_t *r, u_char **p,
    u_char *end)
{
    u_char     ch;
    ngx_int_t  digit;

    while (*p < end) {
        ch = *(*p)++;

        switch (r->state) {

        case ngx_http_pharos_direct_size:
            digit = ch >= '0' && ch <= '9' ? ch - '0'
                    : (ch | 0x20) >= 'a' && (ch | 0x20) <= 'f'
                      ? (ch | 0x20) - 'a' + 10 : -1;

            if (digit >= 0 && r->ndigits < 15) {
                r->left = r->left * 16 + digit;
                r->ndigits++;
                break;
            }

            if (r->ndigits == 0 || digit >= 0
                || (ch != CR && ch != ';' && ch != ' '))
            {
                return NGX_ERROR;
            }

            r->state = ngx_http_pharos_direct_extension;
            break;

        case ngx_http_pharos_direct_extension:
            if (ch != LF) {
                break;
            }

            r->ndigits = 0;
            r->state = r->left ? ngx_http_pharos_direct_chunk
                               : ngx_http_pharos_direct_trailer;
            if (r->left) {
                return NGX_OK;
            }
            break;

        case ngx_http_pharos_direct_chunk_cr:
            if (ch != CR) {
                return NGX_ERROR;
            }

            r->state = ngx_http_pharos_direct_chunk_lf;
            break;

        case ngx_http_pharos_direct_chunk_lf:
            if (ch != LF) {
                return NGX_ERROR;
            }

            r->state = ngx_http_pharos_direct_size;
            break;

        case ngx_http_pharos_direct_trailer:
            r->state = ch == CR ? ngx_http_pharos_direct_last_lf
                                : ngx_http_pharos_direct_trailer_line;
            break;

        case ngx_http_pharos_direct_trailer_line:
            if (ch == LF) {
                r->state = ngx_http_pharos_direct_trailer;
            }
            break;

        default:    /* ngx_http_pharos_direct_last_lf */
            if (ch != LF) {
                return NGX_ERROR;
            }

            r->state = ngx_http_pharos_direct_done;
            return NGX_OK;
        }
    }

    return NGX_AGAIN;
}


/* a kept connection may have been closed just when the request went */

static void
ngx_http_pharos_direct_gone(ngx_http_pharos_direct_t *r)
{
    if (r->reused && !r->answered) {
        ngx_http_pharos_direct_drop(r->conn);

        r->conn = NULL;
        r->sent = 0;

        if (ngx_http_pharos_direct_connect(r) == NGX_OK) {
            return;
        }
    }

    ngx_http_pharos_direct_leave(r);
}


static void
ngx_http_pharos_direct_leave(ngx_http_pharos_direct_t *r)
{
    uint64_t                     hash;
    ngx_uint_t                   i;
    ngx_http_pharos_outbound_t  *o;

    o = r->o;

    hash = phr_xxh64(o->url, ngx_strlen(o->url));
    i = hash % NGX_HTTP_PHAROS_DIRECT_BUCKETS;

    direct_odd[i].hash = hash;
    direct_odd[i].until = ngx_current_msec + NGX_HTTP_PHAROS_DIRECT_ODD_MS;

    if (r->conn) {
        ngx_http_pharos_direct_drop(r->conn);
    }

    free(r);

    o->status = 0;
    o->packed = 0;
    o->type[0] = '\0';
    phr_buf_free(&o->answer);
    phr_buf_init(&o->answer, o->limit_bytes);

    direct_leave(o);
}


static void
ngx_http_pharos_direct_end(ngx_http_pharos_direct_t *r, int rc,
    const char *text)
{
    ngx_connection_t               *c;
    ngx_http_pharos_outbound_t     *o;
    ngx_http_pharos_direct_conn_t  *conn;

    o = r->o;
    conn = r->conn;
    c = conn->connection;

    o->rc = rc;
    (void) ngx_cpystrn((u_char *) o->error, (u_char *) text,
                       sizeof(o->error));

    conn->request = NULL;

    if (rc != PHR_OK || !r->keep || c->read->eof || c->read->error
        || ngx_handle_read_event(c->read, 0) != NGX_OK)
    {
        ngx_http_pharos_direct_drop(conn);

    } else {
        c->read->handler = ngx_http_pharos_direct_idle_handler;
        c->write->handler = ngx_http_pharos_direct_empty_handler;
        c->idle = 1;
        ngx_add_timer(c->read, NGX_HTTP_PHAROS_DIRECT_IDLE_MS);
        ngx_reusable_connection(c, 1);
        ngx_queue_insert_head(
                &direct_idle[ngx_http_pharos_direct_bucket(&conn->addr)],
                &conn->idle);
    }

    free(r);
    direct_end(o);
}


static void
ngx_http_pharos_direct_drop(ngx_http_pharos_direct_conn_t *conn)
{
    ngx_queue_remove(&conn->all);
    ngx_close_connection(conn->connection);
    free(conn);
}


static ngx_uint_t
ngx_http_pharos_direct_bucket(const struct sockaddr_in *addr)
{
    return (ntohl(addr->sin_addr.s_addr) * 31 + ntohs(addr->sin_port))
           % NGX_HTTP_PHAROS_DIRECT_BUCKETS;
}
