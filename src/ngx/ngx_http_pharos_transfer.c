/*
 * Copyright (C) The Pharos Authors
 *
 * Transfer: requests as handles of libcurl.  To make a handle, its headers
 * and its URL costs more than to carry a small scrape; so those of requests
 * without a body are kept, found again by all that such a request says, and
 * only times, addresses and the owner are set anew.
 */

#include "core/bytes.h"
#include "core/pack.h"
#include "ngx/ngx_http_pharos_transfer.h"


#define NGX_HTTP_PHAROS_TRANSFER_BUCKETS    1024
#define NGX_HTTP_PHAROS_TRANSFER_KEEP       2048
#define NGX_HTTP_PHAROS_TRANSFER_IDLE_US    (300 * (int64_t) 1000000)
#define NGX_HTTP_PHAROS_TRANSFER_REDIRECTS  10L
#define NGX_HTTP_PHAROS_TRANSFER_CA_SEC     5L

/*
 * libcurl looks through all addresses that it remembers at the end of each
 * transfer, unless it is to remember for ever: one transfer of so many does
 */
#define NGX_HTTP_PHAROS_TRANSFER_PRUNE      256
#define NGX_HTTP_PHAROS_TRANSFER_DNS_SEC    60L

/* how long libcurl waits for a connection if it is told nothing */
#define NGX_HTTP_PHAROS_TRANSFER_CONNECT    300000

/* a usual scrape is read at once */
#define NGX_HTTP_PHAROS_TRANSFER_READ       (256 * 1024L)

/* what is reserved because an answer says that it is so long, or was */
#define NGX_HTTP_PHAROS_TRANSFER_RESERVE    (1024 * 1024)


static void ngx_http_pharos_transfer_sign(phr_buf_t *b,
    const ngx_http_pharos_outbound_t *o);
static void ngx_http_pharos_transfer_say(phr_buf_t *b, const char *s);
static ngx_http_pharos_transfer_t *ngx_http_pharos_transfer_kept(
    const phr_buf_t *sign, uint64_t hash);
static CURLUcode ngx_http_pharos_transfer_parse(ngx_http_pharos_transfer_t *t,
    const char *url);
static CURLcode ngx_http_pharos_transfer_headers(
    ngx_http_pharos_transfer_t *t, const ngx_http_pharos_outbound_t *o);
static CURLcode ngx_http_pharos_transfer_options(
    ngx_http_pharos_transfer_t *t, const ngx_http_pharos_outbound_t *o);
static CURLcode ngx_http_pharos_transfer_request(
    ngx_http_pharos_transfer_t *t, const ngx_http_pharos_outbound_t *o);
static CURLcode ngx_http_pharos_transfer_tls(CURL *e,
    const ngx_http_pharos_outbound_tls_t *tls);
static CURLcode ngx_http_pharos_transfer_pem(CURL *e, CURLoption option,
    const char *pem);
static long ngx_http_pharos_transfer_version(const char *name, long max);
static ngx_int_t ngx_http_pharos_transfer_server_name(
    ngx_http_pharos_transfer_t *t, const char *name);
static size_t ngx_http_pharos_transfer_write(char *data, size_t size,
    size_t n, void *arg);
static void ngx_http_pharos_transfer_reserve(ngx_http_pharos_outbound_t *o,
    size_t len);
static void ngx_http_pharos_transfer_free(ngx_http_pharos_transfer_t *t);


/* those that nobody uses; the oldest of them is the first by age */
static ngx_queue_t  transfer_buckets[NGX_HTTP_PHAROS_TRANSFER_BUCKETS];
static ngx_queue_t  transfer_idle;
static ngx_uint_t   transfer_nidle;
static ngx_uint_t   transfer_nbegun;


void
ngx_http_pharos_transfer_init(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_PHAROS_TRANSFER_BUCKETS; i++) {
        ngx_queue_init(&transfer_buckets[i]);
    }

    ngx_queue_init(&transfer_idle);
    transfer_nidle = 0;
}


ngx_http_pharos_transfer_t *
ngx_http_pharos_transfer_get(const ngx_http_pharos_outbound_t *o, int *rc,
    const char **why)
{
    uint64_t                     hash;
    phr_buf_t                    sign;
    CURLUcode                    code;
    ngx_http_pharos_transfer_t  *t;

    *rc = PHR_ENOMEM;
    *why = "no memory";

    phr_buf_init(&sign, 0);
    hash = 0;

    if (o->body.data == NULL) {
        ngx_http_pharos_transfer_sign(&sign, o);

        if (sign.failed) {
            phr_buf_free(&sign);
            return NULL;
        }

        hash = phr_xxh64(sign.data, sign.len);
        t = ngx_http_pharos_transfer_kept(&sign, hash);

        if (t) {
            phr_buf_free(&sign);
            return t;
        }
    }

    t = calloc(1, sizeof(ngx_http_pharos_transfer_t));
    if (t == NULL) {
        phr_buf_free(&sign);
        return NULL;
    }

    t->sign = sign;
    t->hash = hash;
    t->easy = curl_easy_init();
    t->url = curl_url();

    if (t->easy == NULL || t->url == NULL) {
        ngx_http_pharos_transfer_free(t);
        return NULL;
    }

    code = ngx_http_pharos_transfer_parse(t, o->url);

    if (code != CURLUE_OK) {
        *rc = PHR_EINVAL;
        *why = curl_url_strerror(code);
        ngx_http_pharos_transfer_free(t);
        return NULL;
    }

    return t;
}


/* all that is set but once, each text with its end */

static void
ngx_http_pharos_transfer_sign(phr_buf_t *b,
    const ngx_http_pharos_outbound_t *o)
{
    size_t                                 i;
    const ngx_http_pharos_outbound_tls_t  *tls;

    tls = &o->tls;

    phr_buf_putc(b, (char) ('0' + o->compressed + 2 * o->follow
                            + 4 * o->http2 + 8 * tls->insecure));

    ngx_http_pharos_transfer_say(b, o->url);
    ngx_http_pharos_transfer_say(b, o->method);
    ngx_http_pharos_transfer_say(b, o->username);
    ngx_http_pharos_transfer_say(b, o->password);
    ngx_http_pharos_transfer_say(b, o->proxy);
    ngx_http_pharos_transfer_say(b, o->no_proxy);
    ngx_http_pharos_transfer_say(b, tls->ca);
    ngx_http_pharos_transfer_say(b, tls->ca_file);
    ngx_http_pharos_transfer_say(b, tls->cert);
    ngx_http_pharos_transfer_say(b, tls->cert_file);
    ngx_http_pharos_transfer_say(b, tls->key);
    ngx_http_pharos_transfer_say(b, tls->key_file);
    ngx_http_pharos_transfer_say(b, tls->server_name);
    ngx_http_pharos_transfer_say(b, tls->min_version);
    ngx_http_pharos_transfer_say(b, tls->max_version);

    for (i = 0; i < o->nheaders; i++) {
        ngx_http_pharos_transfer_say(b, o->headers[i]);
    }
}


static void
ngx_http_pharos_transfer_say(phr_buf_t *b, const char *s)
{
    if (s) {
        phr_buf_putc(b, '+');
        phr_buf_append(b, s, ngx_strlen(s) + 1);

    } else {
        phr_buf_putc(b, '-');
    }
}


static ngx_http_pharos_transfer_t *
ngx_http_pharos_transfer_kept(const phr_buf_t *sign, uint64_t hash)
{
    ngx_queue_t                 *q, *bucket;
    ngx_http_pharos_transfer_t  *t;

    bucket = &transfer_buckets[hash % NGX_HTTP_PHAROS_TRANSFER_BUCKETS];

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_http_pharos_transfer_t, bucket);

        if (t->hash == hash && t->sign.len == sign->len
            && ngx_memcmp(t->sign.data, sign->data, sign->len) == 0)
        {
            ngx_queue_remove(&t->bucket);
            ngx_queue_remove(&t->age);
            transfer_nidle--;
            return t;
        }
    }

    return NULL;
}


static CURLUcode
ngx_http_pharos_transfer_parse(ngx_http_pharos_transfer_t *t, const char *url)
{
    CURLUcode  code;

    code = curl_url_set(t->url, CURLUPART_URL, url, 0);

    if (code == CURLUE_OK) {
        code = curl_url_get(t->url, CURLUPART_HOST, &t->host, 0);
    }

    if (code == CURLUE_OK) {
        code = curl_url_get(t->url, CURLUPART_PORT, &t->port,
                            CURLU_DEFAULT_PORT);
    }

    return code;
}


int
ngx_http_pharos_transfer_addresses(ngx_http_pharos_transfer_t *t,
    const char *addresses)
{
    int                 rc;
    phr_buf_t           entry;
    struct curl_slist  *list;

    if (ngx_strlen(t->host) > 255) {
        return PHR_EINVAL;
    }

    /* "+": not for ever, the next request brings what is true then */

    phr_buf_init(&entry, 0);
    phr_buf_printf(&entry, "+%s:%s:%s", t->host, t->port, addresses);

    rc = entry.failed;

    if (rc == PHR_OK
        && (t->resolve == NULL
            || ngx_strcmp(t->resolve->data, phr_buf_cstr(&entry)) != 0))
    {
        list = curl_slist_append(NULL, phr_buf_cstr(&entry));

        if (list) {
            curl_slist_free_all(t->resolve);
            t->resolve = list;

        } else {
            rc = PHR_ENOMEM;
        }
    }

    phr_buf_free(&entry);

    return rc;
}


/* the first option that is refused decides */
#define ngx_http_pharos_setopt(option, value)                                 \
    if (code == CURLE_OK) {                                                   \
        code = curl_easy_setopt(e, option, value);                            \
    }


CURLcode
ngx_http_pharos_transfer_begin(ngx_http_pharos_transfer_t *t,
    ngx_http_pharos_outbound_t *o, int64_t left_ms)
{
    CURL        *e;
    CURLcode     code;
    ngx_uint_t   prune;

    e = t->easy;
    code = CURLE_OK;

    t->over = 0;
    t->error[0] = '\0';

    if (!t->ready) {
        code = ngx_http_pharos_transfer_headers(t, o);

        if (code == CURLE_OK) {
            code = ngx_http_pharos_transfer_options(t, o);
        }

        if (code == CURLE_OK) {
            code = ngx_http_pharos_transfer_request(t, o);
        }

        if (code == CURLE_OK) {
            code = ngx_http_pharos_transfer_tls(e, &o->tls);
        }

        t->ready = (code == CURLE_OK);
    }

    left_ms = ngx_max(left_ms, 1);

    /* of a proxy libcurl asks the name itself, and again in time */
    prune = (o->proxy
             || transfer_nbegun++ % NGX_HTTP_PHAROS_TRANSFER_PRUNE == 0);

    ngx_http_pharos_setopt(CURLOPT_PRIVATE, o);
    ngx_http_pharos_setopt(CURLOPT_WRITEDATA, o);
    ngx_http_pharos_setopt(CURLOPT_TIMEOUT_MS, (long) left_ms);
    ngx_http_pharos_setopt(CURLOPT_CONNECTTIMEOUT_MS,
                           left_ms > NGX_HTTP_PHAROS_TRANSFER_CONNECT
                           ? (long) left_ms : 0L);
    ngx_http_pharos_setopt(CURLOPT_DNS_CACHE_TIMEOUT,
                           prune ? NGX_HTTP_PHAROS_TRANSFER_DNS_SEC : -1L);

    if (t->resolve) {
        /* libcurl takes the list up once for each time it is set */
        ngx_http_pharos_setopt(CURLOPT_RESOLVE, t->resolve);
    }

    return code;
}


static CURLcode
ngx_http_pharos_transfer_headers(ngx_http_pharos_transfer_t *t,
    const ngx_http_pharos_outbound_t *o)
{
    size_t              i;
    struct curl_slist  *list;

    /* no waiting for a "100 Continue" that few servers send */

    t->headers = curl_slist_append(NULL, "Expect:");

    /* said here, so that libcurl does not unpack, see _unpack() */

    if (t->headers && o->compressed) {
        list = curl_slist_append(t->headers, "Accept-Encoding: gzip");

        if (list == NULL) {
            curl_slist_free_all(t->headers);
        }

        t->headers = list;
    }

    for (i = 0; t->headers && i < o->nheaders; i++) {
        list = curl_slist_append(t->headers, o->headers[i]);

        if (list == NULL) {
            curl_slist_free_all(t->headers);
        }

        t->headers = list;
    }

    if (t->headers == NULL
        || (o->tls.server_name
            && ngx_http_pharos_transfer_server_name(t, o->tls.server_name)
               != NGX_OK))
    {
        return CURLE_OUT_OF_MEMORY;
    }

    return CURLE_OK;
}


static CURLcode
ngx_http_pharos_transfer_options(ngx_http_pharos_transfer_t *t,
    const ngx_http_pharos_outbound_t *o)
{
    CURL      *e;
    CURLcode   code;

    e = t->easy;
    code = CURLE_OK;

    ngx_http_pharos_setopt(CURLOPT_CURLU, t->url);
    ngx_http_pharos_setopt(CURLOPT_NOSIGNAL, 1L);
    ngx_http_pharos_setopt(CURLOPT_ERRORBUFFER, t->error);
    ngx_http_pharos_setopt(CURLOPT_PROTOCOLS_STR, "http,https");
    ngx_http_pharos_setopt(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    ngx_http_pharos_setopt(CURLOPT_BUFFERSIZE,
                           NGX_HTTP_PHAROS_TRANSFER_READ);
    ngx_http_pharos_setopt(CURLOPT_WRITEFUNCTION,
                           ngx_http_pharos_transfer_write);
    ngx_http_pharos_setopt(CURLOPT_HTTPHEADER, t->headers);
    ngx_http_pharos_setopt(CURLOPT_CONNECT_TO, t->connect_to);
    ngx_http_pharos_setopt(CURLOPT_USERAGENT,
                           "Pharos/" NGX_HTTP_PHAROS_VERSION);
    ngx_http_pharos_setopt(CURLOPT_HTTP_VERSION,
                           o->http2 ? (long) CURL_HTTP_VERSION_2TLS
                                    : (long) CURL_HTTP_VERSION_1_1);
    ngx_http_pharos_setopt(CURLOPT_FOLLOWLOCATION, (long) o->follow);
    ngx_http_pharos_setopt(CURLOPT_MAXREDIRS,
                           NGX_HTTP_PHAROS_TRANSFER_REDIRECTS);

    /* "" keeps libcurl from reading the environment */
    ngx_http_pharos_setopt(CURLOPT_PROXY, o->proxy ? o->proxy : "");
    ngx_http_pharos_setopt(CURLOPT_NOPROXY, o->no_proxy);

    return code;
}


static CURLcode
ngx_http_pharos_transfer_request(ngx_http_pharos_transfer_t *t,
    const ngx_http_pharos_outbound_t *o)
{
    CURL      *e;
    CURLcode   code;

    e = t->easy;
    code = CURLE_OK;

    if (o->username || o->password) {
        ngx_http_pharos_setopt(CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
        ngx_http_pharos_setopt(CURLOPT_USERNAME,
                               o->username ? o->username : "");
        ngx_http_pharos_setopt(CURLOPT_PASSWORD,
                               o->password ? o->password : "");
    }

    if (o->body.data) {
        ngx_http_pharos_setopt(CURLOPT_POST, 1L);
        ngx_http_pharos_setopt(CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t) o->body.len);
        ngx_http_pharos_setopt(CURLOPT_POSTFIELDS, o->body.data);
    }

    if (o->method) {
        ngx_http_pharos_setopt(CURLOPT_CUSTOMREQUEST, o->method);
    }

    return code;
}


static CURLcode
ngx_http_pharos_transfer_tls(CURL *e,
    const ngx_http_pharos_outbound_tls_t *tls)
{
    long      versions;
    CURLcode  code;

    code = CURLE_OK;

    ngx_http_pharos_setopt(CURLOPT_SSL_VERIFYPEER, tls->insecure ? 0L : 1L);
    ngx_http_pharos_setopt(CURLOPT_SSL_VERIFYHOST, tls->insecure ? 0L : 2L);

    if (tls->ca_file) {
        ngx_http_pharos_setopt(CURLOPT_CAINFO, tls->ca_file);
    }

#if (LIBCURL_VERSION_NUM >= 0x075700)
    /* a CA that is replaced shall not be trusted for a day, the default */
    ngx_http_pharos_setopt(CURLOPT_CA_CACHE_TIMEOUT,
                           NGX_HTTP_PHAROS_TRANSFER_CA_SEC);
#endif

    /* a session that is resumed would not look at certificates again */
    ngx_http_pharos_setopt(CURLOPT_SSL_SESSIONID_CACHE, 0L);

    if (tls->cert_file) {
        ngx_http_pharos_setopt(CURLOPT_SSLCERT, tls->cert_file);
    }

    if (tls->key_file) {
        ngx_http_pharos_setopt(CURLOPT_SSLKEY, tls->key_file);
    }

    if (code == CURLE_OK && tls->ca) {
        code = ngx_http_pharos_transfer_pem(e, CURLOPT_CAINFO_BLOB, tls->ca);
    }

    if (code == CURLE_OK && tls->cert) {
        code = ngx_http_pharos_transfer_pem(e, CURLOPT_SSLCERT_BLOB,
                                            tls->cert);
    }

    if (code == CURLE_OK && tls->key) {
        code = ngx_http_pharos_transfer_pem(e, CURLOPT_SSLKEY_BLOB, tls->key);
    }

    versions = ngx_http_pharos_transfer_version(tls->min_version, 0)
               | ngx_http_pharos_transfer_version(tls->max_version, 1);

    ngx_http_pharos_setopt(CURLOPT_SSLVERSION, versions);

    return code;
}


static CURLcode
ngx_http_pharos_transfer_pem(CURL *e, CURLoption option, const char *pem)
{
    struct curl_blob  blob;

    blob.data = (void *) pem;
    blob.len = ngx_strlen(pem);
    blob.flags = CURL_BLOB_COPY;

    return curl_easy_setopt(e, option, &blob);
}


static long
ngx_http_pharos_transfer_version(const char *name, long max)
{
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        long         min;
        long         max;
    } versions[] = {
        { "TLS10", CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0 },
        { "TLS11", CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_1 },
        { "TLS12", CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2 },
        { "TLS13", CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3 },
    };

    for (i = 0; name && i < phr_nelems(versions); i++) {
        if (ngx_strcmp(name, versions[i].name) == 0) {
            return max ? versions[i].max : versions[i].min;
        }
    }

    return max ? 0 : CURL_SSLVERSION_TLSv1_2;
}


/*
 * libcurl takes the name of a certificate from the URL.  So the URL gets
 * the name that is asked for, and the connection and the Host header what
 * the URL had.
 */

static ngx_int_t
ngx_http_pharos_transfer_server_name(ngx_http_pharos_transfer_t *t,
    const char *name)
{
    size_t              len;
    u_char             *text;
    struct curl_slist  *list;

    len = sizeof("Host: ") + 2 * ngx_strlen(t->port) + ngx_strlen(t->host)
          + ngx_strlen(name) + 4;

    text = malloc(len);
    if (text == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(text, "%s:%s:%s:%s%Z", name, t->port, t->host, t->port);

    t->connect_to = curl_slist_append(NULL, (char *) text);

    ngx_sprintf(text, "Host: %s:%s%Z", t->host, t->port);

    list = curl_slist_append(t->headers, (char *) text);

    free(text);

    if (list == NULL || t->connect_to == NULL) {
        return NGX_ERROR;
    }

    t->headers = list;

    return curl_url_set(t->url, CURLUPART_HOST, name, 0) == CURLUE_OK
           ? NGX_OK : NGX_ERROR;
}


static size_t
ngx_http_pharos_transfer_write(char *data, size_t size, size_t n, void *arg)
{
    ngx_http_pharos_outbound_t  *o = arg;

    if (o->answer.data == NULL) {
        ngx_http_pharos_transfer_reserve(o, size * n);
    }

    phr_buf_append(&o->answer, data, size * n);

    if (o->answer.failed) {
        o->transfer->over = (o->answer.failed == PHR_ELIMIT);
        return 0;
    }

    return size * n;
}


/*
 * An answer is about as large as the one before, or has the size that it
 * tells; neither is believed beyond a limit, nor needed.
 */

static void
ngx_http_pharos_transfer_reserve(ngx_http_pharos_outbound_t *o, size_t len)
{
    size_t      want;
    curl_off_t  length;

    want = o->transfer->last + o->transfer->last / 16;

    if (curl_easy_getinfo(o->transfer->easy,
                          CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length)
        == CURLE_OK
        && length > 0)
    {
        length = ngx_min(length, NGX_HTTP_PHAROS_TRANSFER_RESERVE);
        want = ngx_max(want, (size_t) length);
    }

    want = ngx_min(want, NGX_HTTP_PHAROS_TRANSFER_RESERVE);

    if (o->limit_bytes) {
        want = ngx_min(want, o->limit_bytes);
    }

    if (want > len) {
        (void) phr_buf_reserve(&o->answer, want);
    }
}


/*
 * libcurl takes an answer whose compression is cut short for a whole one, and
 * of one that consists of several members only the first.
 */

int
ngx_http_pharos_transfer_unpack(ngx_http_pharos_outbound_t *o,
    phr_err_t *err)
{
    int                  rc;
    phr_buf_t            b;
    struct curl_header  *h;

    if (!o->compressed
        || curl_easy_header(o->transfer->easy, "Content-Encoding", 0,
                            CURLH_HEADER, -1, &h)
           != CURLHE_OK
        || ngx_strcasecmp((u_char *) h->value, (u_char *) "gzip") != 0)
    {
        return PHR_OK;
    }

    phr_buf_init(&b, 0);

    rc = phr_unpack(PHR_PACK_GZIP, phr_buf_view(&o->answer), o->limit_bytes,
                    &b, err);

    if (rc != PHR_OK) {
        phr_buf_free(&b);
        return rc;
    }

    phr_buf_free(&o->answer);
    o->answer = b;

    return PHR_OK;
}


/*
 * Of a connection that failed libcurl says how many milliseconds it took, and
 * not why.  A reason that differs each time is news each time, so the time is
 * left out; the system's reason takes the place of libcurl's.
 */

const char *
ngx_http_pharos_transfer_why(ngx_http_pharos_transfer_t *t, CURLcode code)
{
    char   *after;
    long    err;
    u_char  reason[128], *last;

    if (t->error[0] == '\0') {
        return curl_easy_strerror(code);
    }

    if (code != CURLE_COULDNT_CONNECT
        || curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &err) != CURLE_OK
        || err == 0)
    {
        return t->error;
    }

    after = strstr(t->error, " after ");

    if (after) {
        last = ngx_strerror((ngx_err_t) err, reason, sizeof(reason) - 1);
        *last = '\0';

        last = ngx_snprintf((u_char *) after,
                            t->error + sizeof(t->error) - 1 - after, ": %s",
                            reason);
        *last = '\0';
    }

    return t->error;
}


void
ngx_http_pharos_transfer_put(ngx_http_pharos_transfer_t *t, int64_t now_us)
{
    ngx_http_pharos_transfer_t  *old;

    /* what nobody has asked for in a while makes room */

    while (!ngx_queue_empty(&transfer_idle)) {
        old = ngx_queue_data(ngx_queue_head(&transfer_idle),
                             ngx_http_pharos_transfer_t, age);

        if (now_us - old->idle_us < NGX_HTTP_PHAROS_TRANSFER_IDLE_US) {
            break;
        }

        ngx_queue_remove(&old->bucket);
        ngx_queue_remove(&old->age);
        transfer_nidle--;
        ngx_http_pharos_transfer_free(old);
    }

    if (t->sign.len == 0 || !t->ready
        || transfer_nidle == NGX_HTTP_PHAROS_TRANSFER_KEEP)
    {
        ngx_http_pharos_transfer_free(t);
        return;
    }

    t->idle_us = now_us;

    ngx_queue_insert_head(
              &transfer_buckets[t->hash % NGX_HTTP_PHAROS_TRANSFER_BUCKETS],
              &t->bucket);
    ngx_queue_insert_tail(&transfer_idle, &t->age);
    transfer_nidle++;
}


static void
ngx_http_pharos_transfer_free(ngx_http_pharos_transfer_t *t)
{
    if (t->easy) {
        curl_easy_cleanup(t->easy);
    }

    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->resolve);
    curl_slist_free_all(t->connect_to);
    curl_url_cleanup(t->url);
    curl_free(t->host);
    curl_free(t->port);
    phr_buf_free(&t->sign);
    free(t);
}
