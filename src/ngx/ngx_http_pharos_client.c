/*
 * Copyright (C) The Pharos Authors
 *
 * Client: settings of an HTTP client become an outbound request.  Secrets in
 * files are read for each request, in a reader thread, so that a rotated
 * one is taken up without a reload.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "core/alloc.h"
#include "ngx/ngx_http_pharos_client.h"


#define NGX_HTTP_PHAROS_CLIENT_ARENA  (1024 * 1024)
#define NGX_HTTP_PHAROS_USER_AGENT                                            \
    "User-Agent: Pharos/" NGX_HTTP_PHAROS_VERSION


static ngx_int_t ngx_http_pharos_client_has_files(
    const phr_http_client_t *conf);
static void ngx_http_pharos_client_run(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_client_ready(ngx_http_pharos_task_t *t);
static int ngx_http_pharos_client_fill(ngx_http_pharos_client_t *c);
static int ngx_http_pharos_client_auth(ngx_http_pharos_client_t *c,
    const phr_http_client_t *conf);
static int ngx_http_pharos_client_headers(ngx_http_pharos_client_t *c,
    const phr_http_client_t *conf);
static void ngx_http_pharos_client_tls(ngx_http_pharos_client_t *c,
    const phr_tls_conf_t *tls);
static int ngx_http_pharos_client_secret(ngx_http_pharos_client_t *c,
    phr_str_t text, phr_str_t file, const char **out);
static const char *ngx_http_pharos_client_text(ngx_http_pharos_client_t *c,
    phr_str_t s);
static void ngx_http_pharos_client_answer(ngx_http_pharos_outbound_t *o);


ngx_http_pharos_client_t *
ngx_http_pharos_client_create(const phr_http_client_t *conf, phr_str_t url)
{
    ngx_http_pharos_client_t  *c;

    c = phr_calloc(1, sizeof(ngx_http_pharos_client_t));
    if (c == NULL) {
        return NULL;
    }

    c->arena = phr_arena_create(NGX_HTTP_PHAROS_CLIENT_ARENA);
    if (c->arena == NULL) {
        phr_free(c);
        return NULL;
    }

    c->out.url = phr_arena_strdup(c->arena, url.data, url.len);
    if (c->out.url == NULL) {
        ngx_http_pharos_client_free(c);
        return NULL;
    }

    c->conf = conf;
    phr_err_init(&c->err);

    c->task.run = ngx_http_pharos_client_run;
    c->task.done = ngx_http_pharos_client_ready;
    c->task.data = c;

    ngx_http_pharos_client_header(c, NGX_HTTP_PHAROS_USER_AGENT);

    return c;
}


void
ngx_http_pharos_client_free(ngx_http_pharos_client_t *c)
{
    if (c == NULL) {
        return;
    }

    phr_buf_free(&c->out.answer);
    phr_arena_destroy(c->arena);
    phr_free(c);
}


void
ngx_http_pharos_client_header(ngx_http_pharos_client_t *c, const char *fmt,
    ...)
{
    char     text[4096];
    int      n;
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (n < 0 || (size_t) n >= sizeof(text)
        || c->nheaders == NGX_HTTP_PHAROS_CLIENT_HEADERS)
    {
        phr_err_set(&c->err, PHR_ELIMIT, "the headers are too large");
        return;
    }

    c->headers[c->nheaders] = phr_arena_strdup(c->arena, text, n);

    if (c->headers[c->nheaders] == NULL) {
        phr_err_set(&c->err, PHR_ENOMEM, "out of memory");
        return;
    }

    c->nheaders++;
}


ngx_int_t
ngx_http_pharos_client_send(ngx_http_pharos_client_t *c)
{
    if (c->err.code != PHR_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_pharos_client_has_files(c->conf)) {
        return ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_READ, &c->task)
               == NGX_OK ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_pharos_client_fill(c) != PHR_OK) {
        return NGX_ERROR;
    }

    return ngx_http_pharos_outbound_post(&c->out) == NGX_OK ? NGX_OK
                                                            : NGX_ERROR;
}


static ngx_int_t
ngx_http_pharos_client_has_files(const phr_http_client_t *conf)
{
    size_t  i;

    if (conf == NULL) {
        return 0;
    }

    if (conf->basic_auth
        && (conf->basic_auth->username_file.len
            || conf->basic_auth->password_file.len))
    {
        return 1;
    }

    if (conf->authorization && conf->authorization->credentials_file.len) {
        return 1;
    }

    for (i = 0; i < conf->nheaders; i++) {
        if (conf->headers[i]->files.n) {
            return 1;
        }
    }

    return 0;
}


/* in a reader thread */

static void
ngx_http_pharos_client_run(ngx_http_pharos_task_t *t)
{
    ngx_http_pharos_client_t  *c;

    c = t->data;

    (void) ngx_http_pharos_client_fill(c);
}


static void
ngx_http_pharos_client_ready(ngx_http_pharos_task_t *t)
{
    ngx_http_pharos_client_t  *c;

    c = t->data;

    if (t->rc < 0 && c->err.code == PHR_OK) {
        phr_err_set(&c->err, t->rc, "shutting down");
    }

    if (c->err.code == PHR_OK
        && ngx_http_pharos_outbound_post(&c->out) != NGX_OK)
    {
        phr_err_set(&c->err, PHR_EUNAVAIL, "too many requests under way");
    }

    if (c->err.code != PHR_OK) {
        c->done(c);
    }
}


static int
ngx_http_pharos_client_fill(ngx_http_pharos_client_t *c)
{
    int                       rc;
    const phr_http_client_t  *conf;

    conf = c->conf;

    c->out.method = c->method;
    c->out.body = c->body;
    c->out.timeout_ms = c->timeout_ms;
    c->out.limit_bytes = c->limit_bytes;
    c->out.compressed = c->compressed;
    c->out.done = ngx_http_pharos_client_answer;
    c->out.data = c;

    if (conf != NULL) {

        if (conf->oauth2) {
            return phr_err_set(&c->err, PHR_EINVAL,
                               "requests with oauth2 are not made");
        }

        rc = ngx_http_pharos_client_auth(c, conf);

        if (rc == PHR_OK) {
            rc = ngx_http_pharos_client_headers(c, conf);
        }

        if (rc != PHR_OK) {
            return rc;
        }

        ngx_http_pharos_client_tls(c, &conf->tls);

        c->out.follow = conf->follow_redirects;
        c->out.http2 = conf->enable_http2;
        c->out.proxy = ngx_http_pharos_client_text(c, conf->proxy.proxy_url);
        c->out.no_proxy = ngx_http_pharos_client_text(c,
                                                      conf->proxy.no_proxy);
    }

    c->out.headers = c->headers;
    c->out.nheaders = c->nheaders;

    return c->err.code;
}


static int
ngx_http_pharos_client_auth(ngx_http_pharos_client_t *c,
    const phr_http_client_t *conf)
{
    int          rc;
    const char  *credentials, *type;

    if (conf->basic_auth) {

        rc = ngx_http_pharos_client_secret(c, conf->basic_auth->username,
                                           conf->basic_auth->username_file,
                                           &c->out.username);
        if (rc != PHR_OK) {
            return rc;
        }

        return ngx_http_pharos_client_secret(c, conf->basic_auth->password,
                                             conf->basic_auth->password_file,
                                             &c->out.password);
    }

    if (conf->authorization) {

        rc = ngx_http_pharos_client_secret(c,
                                       conf->authorization->credentials,
                                       conf->authorization->credentials_file,
                                       &credentials);
        if (rc != PHR_OK) {
            return rc;
        }

        type = ngx_http_pharos_client_text(c, conf->authorization->type);

        if (credentials != NULL) {
            ngx_http_pharos_client_header(c, "Authorization: %s %s",
                                          type ? type : "Bearer",
                                          credentials);
        }
    }

    return c->err.code;
}


static int
ngx_http_pharos_client_headers(ngx_http_pharos_client_t *c,
    const phr_http_client_t *conf)
{
    int                  rc;
    size_t               i, k;
    const char          *value;
    phr_http_header_t   *h;

    for (i = 0; i < conf->nheaders; i++) {

        h = conf->headers[i];

        for (k = 0; k < h->values.n; k++) {
            ngx_http_pharos_client_header(c, "%.*s: %.*s",
                                (int) h->name.len, h->name.data,
                                (int) h->values.s[k].len,
                                h->values.s[k].data);
        }

        for (k = 0; k < h->secrets.n; k++) {
            ngx_http_pharos_client_header(c, "%.*s: %.*s",
                                (int) h->name.len, h->name.data,
                                (int) h->secrets.s[k].len,
                                h->secrets.s[k].data);
        }

        for (k = 0; k < h->files.n; k++) {
            rc = ngx_http_pharos_client_secret(c, phr_str_from(NULL, 0),
                                               h->files.s[k], &value);
            if (rc != PHR_OK) {
                return rc;
            }
            ngx_http_pharos_client_header(c, "%.*s: %s", (int) h->name.len,
                                          h->name.data, value);
        }
    }

    return c->err.code;
}


static void
ngx_http_pharos_client_tls(ngx_http_pharos_client_t *c,
    const phr_tls_conf_t *tls)
{
    ngx_http_pharos_outbound_tls_t  *o;

    o = &c->out.tls;

    o->ca = ngx_http_pharos_client_text(c, tls->ca);
    o->ca_file = ngx_http_pharos_client_text(c, tls->ca_file);
    o->cert = ngx_http_pharos_client_text(c, tls->cert);
    o->cert_file = ngx_http_pharos_client_text(c, tls->cert_file);
    o->key = ngx_http_pharos_client_text(c, tls->key);
    o->key_file = ngx_http_pharos_client_text(c, tls->key_file);
    o->server_name = ngx_http_pharos_client_text(c, tls->server_name);
    o->min_version = ngx_http_pharos_client_text(c, tls->min_version);
    o->max_version = ngx_http_pharos_client_text(c, tls->max_version);
    o->insecure = tls->insecure_skip_verify;
}


/* a secret in a file ends before the white space at its end */

static int
ngx_http_pharos_client_secret(ngx_http_pharos_client_t *c, phr_str_t text,
    phr_str_t file, const char **out)
{
    int          rc;
    const char  *path;
    phr_str_t    s;

    *out = NULL;

    if (file.len != 0) {

        path = ngx_http_pharos_client_text(c, file);
        if (path == NULL) {
            return c->err.code;
        }

        rc = phr_loader_read(c->arena, path, &s, &c->err);
        if (rc != PHR_OK) {
            return rc;
        }

        while (s.len && (s.data[s.len - 1] == '\n'
                         || s.data[s.len - 1] == '\r'
                         || s.data[s.len - 1] == ' '
                         || s.data[s.len - 1] == '\t'))
        {
            s.len--;
        }

        text = s;
    }

    *out = ngx_http_pharos_client_text(c, text);

    return c->err.code;
}


/* terminated; NULL if there is none */

static const char *
ngx_http_pharos_client_text(ngx_http_pharos_client_t *c, phr_str_t s)
{
    const char  *text;

    if (s.len == 0) {
        return NULL;
    }

    text = phr_arena_strdup(c->arena, s.data, s.len);

    if (text == NULL) {
        phr_err_set(&c->err, PHR_ENOMEM, "out of memory");
    }

    return text;
}


static void
ngx_http_pharos_client_answer(ngx_http_pharos_outbound_t *o)
{
    ngx_http_pharos_client_t  *c;

    c = o->data;

    if (o->rc != PHR_OK) {
        phr_err_set(&c->err, o->rc, "%s", o->error);
    }

    c->done(c);
}
