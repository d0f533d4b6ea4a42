/*
 * Copyright (C) The Pharos Authors
 *
 * Traffic: what nginx itself serves, counted in the log phase.  Each process
 * adds to a slot of its own, so there is neither a lock nor an atomic
 * operation; readers sum the slots.  A slot whose process has died is taken
 * over by the next, sums and all, so that totals never fall.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx/ngx_http_pharos.h"


/* status codes with a counter of their own; others count as their class */
static const ngx_uint_t  ngx_http_pharos_traffic_codes[] = {
    200, 201, 202, 204, 206, 207, 301, 302, 303, 304, 307, 308,
    400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415,
    416, 418, 421, 422, 423, 425, 426, 429, 431, 444, 451, 494, 495, 496,
    497, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511
};

#define NGX_HTTP_PHAROS_CODES                                                 \
    (phr_nelems(ngx_http_pharos_traffic_codes) + 6)

/* upper bounds in milliseconds; one more without */
static const ngx_msec_t  ngx_http_pharos_traffic_bounds[] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000
};

#define NGX_HTTP_PHAROS_BUCKETS                                               \
    (phr_nelems(ngx_http_pharos_traffic_bounds) + 1)

static const char  *ngx_http_pharos_traffic_methods[] = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "other"
};

#define NGX_HTTP_PHAROS_METHODS  phr_nelems(ngx_http_pharos_traffic_methods)


typedef struct {
    uint64_t                    buckets[NGX_HTTP_PHAROS_BUCKETS];
    uint64_t                    sum_ms;
} ngx_http_pharos_histogram_t;


/* of one server in one process; all fields count up, or are sums */
typedef struct {
    uint64_t                    codes[NGX_HTTP_PHAROS_CODES];
    uint64_t                    methods[NGX_HTTP_PHAROS_METHODS];
    uint64_t                    received_bytes;
    uint64_t                    sent_bytes;
    ngx_http_pharos_histogram_t  request;
    ngx_http_pharos_histogram_t  upstream;
} ngx_http_pharos_counters_t;


struct ngx_http_pharos_slot_s {
    ngx_http_pharos_slot_t      *next;
    ngx_pid_t                    pid;
    ngx_http_pharos_counters_t  *servers[NGX_HTTP_PHAROS_MAX_SERVERS];
};


static ngx_http_pharos_slot_t *ngx_http_pharos_traffic_slot(
    ngx_http_pharos_shared_t *sh, ngx_slab_pool_t *shpool);
static ngx_uint_t ngx_http_pharos_traffic_code(ngx_http_request_t *r);
static ngx_uint_t ngx_http_pharos_traffic_method(ngx_http_request_t *r);
static ngx_msec_t ngx_http_pharos_traffic_time(ngx_http_request_t *r);
static void ngx_http_pharos_traffic_observe(ngx_http_pharos_histogram_t *h,
    ngx_msec_t ms);
static void ngx_http_pharos_traffic_sum(ngx_http_pharos_shared_t *sh,
    ngx_uint_t server, ngx_http_pharos_counters_t *sum);
static void ngx_http_pharos_traffic_connections(phr_buf_t *out);
static void ngx_http_pharos_traffic_label(phr_buf_t *out, const char *s);


/* of this process; NULL in one that does not count */
static ngx_http_pharos_slot_t  *ngx_http_pharos_traffic_own;


/* in the master; the first index, 0, collects what found no room */

ngx_int_t
ngx_http_pharos_traffic_server(ngx_http_pharos_shared_t *sh,
    ngx_slab_pool_t *shpool, ngx_str_t *name, ngx_uint_t *index)
{
    u_char      text[NGX_HTTP_PHAROS_SERVER_NAME];
    ngx_uint_t  i;

    if (name->len) {
        (void) ngx_cpystrn(text, name->data,
                           ngx_min(name->len + 1, sizeof(text)));
    } else {
        (void) ngx_cpystrn(text, (u_char *) "_", sizeof(text));
    }

    ngx_shmtx_lock(&shpool->mutex);

    if (sh->nservers == 0) {
        (void) ngx_cpystrn(sh->servers[0], (u_char *) "other",
                           NGX_HTTP_PHAROS_SERVER_NAME);
        sh->nservers = 1;
    }

    for (i = 1; i < sh->nservers; i++) {
        if (ngx_strcmp(sh->servers[i], text) == 0) {
            break;
        }
    }

    if (i == NGX_HTTP_PHAROS_MAX_SERVERS) {
        i = 0;

    } else if (i == sh->nservers) {
        (void) ngx_cpystrn(sh->servers[i], text, NGX_HTTP_PHAROS_SERVER_NAME);
        sh->nservers++;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    *index = i;

    return NGX_OK;
}


/* in a worker: takes a slot, with counters for the servers there are */

ngx_int_t
ngx_http_pharos_traffic_init(ngx_cycle_t *cycle,
    ngx_http_pharos_main_conf_t *pmcf)
{
    ngx_uint_t                    i, n;
    ngx_slab_pool_t              *shpool;
    ngx_http_pharos_slot_t       *slot;
    ngx_http_core_srv_conf_t    **cscf;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_pharos_srv_conf_t   *pscf;

    shpool = (ngx_slab_pool_t *) pmcf->zone->shm.addr;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    cscf = cmcf->servers.elts;

    ngx_shmtx_lock(&shpool->mutex);

    slot = ngx_http_pharos_traffic_slot(pmcf->zone->data, shpool);

    for (i = 0; slot && i < cmcf->servers.nelts; i++) {
        pscf = cscf[i]->ctx->srv_conf[ngx_http_pharos_module.ctx_index];
        n = pscf->server;

        if (!pscf->internal && slot->servers[n] == NULL) {
            slot->servers[n] = ngx_slab_calloc_locked(shpool,
                                          sizeof(ngx_http_pharos_counters_t));
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);

    if (slot == NULL) {
        /* traffic goes on uncounted */
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "no room for the counters of this process, "
                      "make the zone of \"pharos_store\" larger");
    }

    ngx_http_pharos_traffic_own = slot;

    return NGX_OK;
}


static ngx_http_pharos_slot_t *
ngx_http_pharos_traffic_slot(ngx_http_pharos_shared_t *sh,
    ngx_slab_pool_t *shpool)
{
    ngx_http_pharos_slot_t  *slot;

    for (slot = sh->slots; slot; slot = slot->next) {

        /* a process that cannot be asked for is alive */

        if (slot->pid == ngx_pid
            || (kill(slot->pid, 0) == -1 && ngx_errno == NGX_ESRCH))
        {
            slot->pid = ngx_pid;
            return slot;
        }
    }

    slot = ngx_slab_calloc_locked(shpool, sizeof(ngx_http_pharos_slot_t));

    if (slot) {
        slot->pid = ngx_pid;
        slot->next = sh->slots;
        sh->slots = slot;
    }

    return slot;
}


ngx_int_t
ngx_http_pharos_traffic_handler(ngx_http_request_t *r)
{
    ngx_http_pharos_counters_t  *n;
    ngx_http_pharos_srv_conf_t  *pscf;

    if (ngx_http_pharos_traffic_own == NULL || r != r->main) {
        return NGX_OK;
    }

    pscf = ngx_http_get_module_srv_conf(r, ngx_http_pharos_module);

    if (pscf->internal) {
        return NGX_OK;
    }

    n = ngx_http_pharos_traffic_own->servers[pscf->server];

    if (n == NULL) {
        return NGX_OK;
    }

    n->codes[ngx_http_pharos_traffic_code(r)]++;
    n->methods[ngx_http_pharos_traffic_method(r)]++;
    n->received_bytes += r->request_length;
    n->sent_bytes += r->connection->sent;

    ngx_http_pharos_traffic_observe(&n->request,
                                    ngx_http_pharos_traffic_time(r));

    if (r->upstream_states && r->upstream_states->nelts) {
        ngx_msec_t                  ms;
        ngx_uint_t                  i;
        ngx_http_upstream_state_t  *state;

        ms = 0;
        state = r->upstream_states->elts;

        for (i = 0; i < r->upstream_states->nelts; i++) {
            if (state[i].response_time != (ngx_msec_t) -1) {
                ms += state[i].response_time;
            }
        }

        ngx_http_pharos_traffic_observe(&n->upstream, ms);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_pharos_traffic_code(ngx_http_request_t *r)
{
    ngx_uint_t  status, low, high, mid;

    status = r->err_status ? r->err_status : r->headers_out.status;

    low = 0;
    high = phr_nelems(ngx_http_pharos_traffic_codes);

    while (low < high) {
        mid = (low + high) / 2;

        if (ngx_http_pharos_traffic_codes[mid] < status) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }

    if (low < phr_nelems(ngx_http_pharos_traffic_codes)
        && ngx_http_pharos_traffic_codes[low] == status)
    {
        return low;
    }

    /* the classes, and 0 for a request that got no answer */

    return phr_nelems(ngx_http_pharos_traffic_codes)
           + (status < 600 ? status / 100 : 0);
}


static ngx_uint_t
ngx_http_pharos_traffic_method(ngx_http_request_t *r)
{
    /* ORDER ngx_http_pharos_traffic_methods */

    switch (r->method) {
    case NGX_HTTP_GET:
        return 0;
    case NGX_HTTP_HEAD:
        return 1;
    case NGX_HTTP_POST:
        return 2;
    case NGX_HTTP_PUT:
        return 3;
    case NGX_HTTP_DELETE:
        return 4;
    case NGX_HTTP_OPTIONS:
        return 5;
    case NGX_HTTP_PATCH:
        return 6;
    default:
        return 7;
    }
}


/* as $request_time is */

static ngx_msec_t
ngx_http_pharos_traffic_time(ngx_http_request_t *r)
{
    ngx_time_t      *tp;
    ngx_msec_int_t   ms;

    tp = ngx_timeofday();

    ms = (ngx_msec_int_t)
             ((tp->sec - r->start_sec) * 1000 + (tp->msec - r->start_msec));

    return ngx_max(ms, 0);
}


static void
ngx_http_pharos_traffic_observe(ngx_http_pharos_histogram_t *h,
    ngx_msec_t ms)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_PHAROS_BUCKETS - 1; i++) {
        if (ms <= ngx_http_pharos_traffic_bounds[i]) {
            break;
        }
    }

    h->buckets[i]++;
    h->sum_ms += ms;
}


/*
 * Reading runs beside the writers.  Slots and servers are only added, and
 * each is complete before it can be found; a 64-bit counter is read whole.
 */

static void
ngx_http_pharos_traffic_sum(ngx_http_pharos_shared_t *sh, ngx_uint_t server,
    ngx_http_pharos_counters_t *sum)
{
    uint64_t                *to;
    ngx_uint_t               i;
    volatile uint64_t       *from;
    ngx_http_pharos_slot_t  *slot;

    ngx_memzero(sum, sizeof(ngx_http_pharos_counters_t));

    to = (uint64_t *) sum;

    for (slot = sh->slots; slot; slot = slot->next) {

        from = (volatile uint64_t *) slot->servers[server];

        if (from == NULL) {
            continue;
        }

        for (i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++) {
            to[i] += from[i];
        }
    }
}


/* a value per label of one counter, of all servers */

typedef struct {
    const char  *name;
    const char  *help;
    const char  *label;
    size_t       offset;
    ngx_uint_t   n;
} ngx_http_pharos_traffic_metric_t;

static const ngx_http_pharos_traffic_metric_t
    ngx_http_pharos_traffic_metrics[] = {
    { "nginx_http_requests_total", "Requests, by status.", "code",
      offsetof(ngx_http_pharos_counters_t, codes), NGX_HTTP_PHAROS_CODES },
    { "nginx_http_request_methods_total", "Requests, by method.", "method",
      offsetof(ngx_http_pharos_counters_t, methods),
      NGX_HTTP_PHAROS_METHODS },
    { "nginx_http_received_bytes_total",
      "Bytes of requests, with their headers.", NULL,
      offsetof(ngx_http_pharos_counters_t, received_bytes), 1 },
    { "nginx_http_sent_bytes_total",
      "Bytes of responses, with their headers.", NULL,
      offsetof(ngx_http_pharos_counters_t, sent_bytes), 1 },
};

static const struct {
    const char  *name;
    const char  *help;
    size_t       offset;
} ngx_http_pharos_traffic_histograms[] = {
    { "nginx_http_request_duration_seconds",
      "From the first byte of a request to the last of its response.",
      offsetof(ngx_http_pharos_counters_t, request) },
    { "nginx_http_upstream_duration_seconds",
      "What of it was spent on upstream servers.",
      offsetof(ngx_http_pharos_counters_t, upstream) },
};


static void
ngx_http_pharos_traffic_value(phr_buf_t *out,
    const ngx_http_pharos_traffic_metric_t *m, const char *server,
    ngx_uint_t i, uint64_t value)
{
    ngx_uint_t  n;

    /* what never happened has no series, or each server had seventy */

    if (value == 0 && m->n > 1 && i != 0) {
        return;
    }

    phr_buf_printf(out, "%s{server=\"", m->name);
    ngx_http_pharos_traffic_label(out, server);
    phr_buf_putc(out, '"');

    if (m->label) {
        n = phr_nelems(ngx_http_pharos_traffic_codes);

        if (m->n == NGX_HTTP_PHAROS_METHODS) {
            phr_buf_printf(out, ",%s=\"%s\"", m->label,
                           ngx_http_pharos_traffic_methods[i]);

        } else if (i < n) {
            phr_buf_printf(out, ",%s=\"%u\"", m->label,
                           (unsigned) ngx_http_pharos_traffic_codes[i]);

        } else if (i == n) {
            phr_buf_printf(out, ",%s=\"none\"", m->label);

        } else {
            phr_buf_printf(out, ",%s=\"%uxx\"", m->label,
                           (unsigned) (i - n));
        }
    }

    phr_buf_printf(out, "} %llu\n", (unsigned long long) value);
}


static void
ngx_http_pharos_traffic_histogram(phr_buf_t *out, const char *name,
    const char *server, const ngx_http_pharos_histogram_t *h)
{
    uint64_t    count;
    ngx_uint_t  i;

    count = 0;

    for (i = 0; i < NGX_HTTP_PHAROS_BUCKETS; i++) {
        count += h->buckets[i];

        phr_buf_printf(out, "%s_bucket{server=\"", name);
        ngx_http_pharos_traffic_label(out, server);

        if (i < NGX_HTTP_PHAROS_BUCKETS - 1) {
            phr_buf_printf(out, "\",le=\"%g\"} %llu\n",
                           (double) ngx_http_pharos_traffic_bounds[i] / 1000,
                           (unsigned long long) count);
        } else {
            phr_buf_printf(out, "\",le=\"+Inf\"} %llu\n",
                           (unsigned long long) count);
        }
    }

    phr_buf_printf(out, "%s_sum{server=\"", name);
    ngx_http_pharos_traffic_label(out, server);
    phr_buf_printf(out, "\"} %.3f\n", (double) h->sum_ms / 1000);

    phr_buf_printf(out, "%s_count{server=\"", name);
    ngx_http_pharos_traffic_label(out, server);
    phr_buf_printf(out, "\"} %llu\n", (unsigned long long) count);
}


void
ngx_http_pharos_traffic_write(ngx_http_pharos_shared_t *sh, phr_buf_t *out)
{
    char                                    *base, *server;
    ngx_uint_t                               i, k, s, nservers;
    ngx_http_pharos_counters_t               sum;
    const ngx_http_pharos_traffic_metric_t  *m;

    ngx_http_pharos_traffic_connections(out);

    nservers = sh->nservers;
    base = (char *) &sum;

    for (k = 0; k < phr_nelems(ngx_http_pharos_traffic_metrics); k++) {
        m = &ngx_http_pharos_traffic_metrics[k];

        phr_buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n", m->name,
                       m->help, m->name);

        /* "other" is there only once it is needed */

        for (s = (nservers < NGX_HTTP_PHAROS_MAX_SERVERS); s < nservers; s++)
        {
            server = (char *) sh->servers[s];
            ngx_http_pharos_traffic_sum(sh, s, &sum);

            for (i = 0; i < m->n; i++) {
                ngx_http_pharos_traffic_value(out, m, server, i,
                                  ((uint64_t *) (base + m->offset))[i]);
            }
        }
    }

    for (k = 0; k < phr_nelems(ngx_http_pharos_traffic_histograms); k++) {

        phr_buf_printf(out, "# HELP %s %s\n# TYPE %s histogram\n",
                       ngx_http_pharos_traffic_histograms[k].name,
                       ngx_http_pharos_traffic_histograms[k].help,
                       ngx_http_pharos_traffic_histograms[k].name);

        for (s = (nservers < NGX_HTTP_PHAROS_MAX_SERVERS); s < nservers; s++)
        {
            ngx_http_pharos_traffic_sum(sh, s, &sum);

            ngx_http_pharos_traffic_histogram(out,
                ngx_http_pharos_traffic_histograms[k].name,
                (char *) sh->servers[s],
                (ngx_http_pharos_histogram_t *)
                    (base + ngx_http_pharos_traffic_histograms[k].offset));
        }
    }
}


/* nginx's own, as stub_status shows them */

static void
ngx_http_pharos_traffic_connections(phr_buf_t *out)
{
    ngx_uint_t  i;

    const struct {
        const char    *name;
        const char    *type;
        const char    *help;
        ngx_atomic_t  *value;
    } stats[] = {
        { "nginx_connections_accepted_total", "counter",
          "Client connections accepted.", ngx_http_pharos_stat_accepted },
        { "nginx_connections_handled_total", "counter",
          "Client connections handled: all but those beyond a limit.",
          ngx_http_pharos_stat_handled },
        { "nginx_requests_total", "counter",
          "Client requests.", ngx_http_pharos_stat_requests },
        { "nginx_connections_active", "gauge",
          "Client connections, with those that wait.",
          ngx_http_pharos_stat_active },
        { "nginx_connections_reading", "gauge",
          "Connections on which a request is read.",
          ngx_http_pharos_stat_reading },
        { "nginx_connections_writing", "gauge",
          "Connections on which a response is written.",
          ngx_http_pharos_stat_writing },
        { "nginx_connections_waiting", "gauge",
          "Idle connections that wait for a request.",
          ngx_http_pharos_stat_waiting },
    };

    for (i = 0; i < phr_nelems(stats); i++) {

        if (stats[i].value == NULL) {
            continue;
        }

        phr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lu\n",
                       stats[i].name, stats[i].help, stats[i].name,
                       stats[i].type, stats[i].name,
                       (unsigned long) *stats[i].value);
    }
}


static void
ngx_http_pharos_traffic_label(phr_buf_t *out, const char *s)
{
    for ( /* void */ ; *s; s++) {

        if (*s == '"' || *s == '\\') {
            phr_buf_putc(out, '\\');
        }

        phr_buf_putc(out, *s);
    }
}
