/*
 * Copyright (C) The Pharos Authors
 *
 * Metrics: what the module says of itself at /metrics, put together.  What
 * is counted is counted elsewhere.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "api/query_cache.h"
#include "core/number.h"
#include "ngx/ngx_http_pharos_check.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "ngx/ngx_http_pharos_task.h"


/* a metric without labels */
typedef struct {
    const char                   *name;
    const char                   *type;
    const char                   *help;
    double                        value;
} ngx_http_pharos_metric_t;


static void ngx_http_pharos_metrics_plain(phr_buf_t *out,
    const ngx_http_pharos_metric_t *metrics, ngx_uint_t n);
static void ngx_http_pharos_metrics_pools(phr_buf_t *out);
static void ngx_http_pharos_metrics_cache(phr_buf_t *out,
    phr_query_cache_t *cache);
static void ngx_http_pharos_metrics_store(phr_buf_t *out,
    phr_store_t *store);


void
ngx_http_pharos_metrics(phr_buf_t *out, ngx_http_pharos_shared_t *sh,
    const phr_api_t *api, phr_store_t *store,
    const ngx_http_pharos_commits_t *commits)
{
    ngx_http_pharos_check_state_t  check;

    ngx_http_pharos_check_state(&check);

    phr_buf_printf(out,
        "# HELP pharos_build_info Versions of the module and of nginx.\n"
        "# TYPE pharos_build_info gauge\n"
        "pharos_build_info{version=\"%s\",nginx_version=\"%s\"} 1\n",
        NGX_HTTP_PHAROS_VERSION, NGINX_VERSION);

    const ngx_http_pharos_metric_t  metrics[] = {
        { "pharos_helper_starts_total", "counter",
          "Helper processes that were started.",
          (double) sh->nstarts },
        { "pharos_helper_crashes_total", "counter",
          "Helper processes that ended out of turn.",
          (double) sh->ncrashes },
        { "pharos_store_damaged_total", "counter",
          "Damaged stores that were moved aside.",
          (double) sh->ndamaged },
        { "pharos_store_check_running", "gauge",
          "Whether pages of the store are checked in the background.",
          (double) check.running },
        { "pharos_store_check_pages", "gauge",
          "Pages that the check in the background has read.",
          (double) check.npages },
        { "pharos_store_check_seconds", "gauge",
          "Time that the check in the background took, or takes so far.",
          (double) check.run_ms / 1000 },
        { "pharos_helper_start_time_seconds", "gauge",
          "When the helper process started, as unix time.",
          (double) api->start_ms / 1000 },
        { "pharos_commits_total", "counter",
          "Transactions committed to the store, or tried to.",
          (double) commits->n },
        { "pharos_commits_failed_total", "counter",
          "Transactions that the store did not take.",
          (double) commits->nfailed },
        { "pharos_commit_seconds_total", "counter",
          "Time spent on transactions.",
          (double) commits->us / 1000000 },
    };

    ngx_http_pharos_metrics_plain(out, metrics, phr_nelems(metrics));

    ngx_http_pharos_metrics_pools(out);
    ngx_http_pharos_metrics_cache(out, api->cache);
    ngx_http_pharos_metrics_store(out, store);
    ngx_http_pharos_self_metrics(out);
    ngx_http_pharos_alertmanagers_metrics(out);

    ngx_http_pharos_traffic_write(sh, out);
}


static void
ngx_http_pharos_metrics_plain(phr_buf_t *out,
    const ngx_http_pharos_metric_t *metrics, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        phr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s ",
                       metrics[i].name, metrics[i].help, metrics[i].name,
                       metrics[i].type, metrics[i].name);
        phr_number_format_g(out, metrics[i].value);
        phr_buf_putc(out, '\n');
    }
}


static void
ngx_http_pharos_metrics_pools(phr_buf_t *out)
{
    ngx_uint_t                    i, m;
    ngx_http_pharos_task_stats_t  st[NGX_HTTP_PHAROS_POOLS];

    /* ORDER ngx_http_pharos_pool_e */
    static const char  *pools[NGX_HTTP_PHAROS_POOLS] = {
        "query", "read", "write", "rules", "import", "stream"
    };

    static const struct {
        const char  *name;
        const char  *type;
        const char  *help;
    } metrics[] = {
        { "pharos_tasks_queued", "gauge",
          "Tasks that wait for a thread." },
        { "pharos_tasks_running", "gauge",
          "Tasks under way." },
        { "pharos_tasks_refused_total", "counter",
          "Tasks that found the queue full." },
        { "pharos_tasks_total", "counter",
          "Tasks that have ended." },
        { "pharos_task_wait_seconds_total", "counter",
          "Time that tasks waited for a thread." },
        { "pharos_task_run_seconds_total", "counter",
          "Time that threads spent on tasks." },
    };

    for (i = 0; i < NGX_HTTP_PHAROS_POOLS; i++) {
        ngx_http_pharos_task_stats(i, &st[i]);
    }

    for (m = 0; m < phr_nelems(metrics); m++) {

        phr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n",
                       metrics[m].name, metrics[m].help, metrics[m].name,
                       metrics[m].type);

        for (i = 0; i < NGX_HTTP_PHAROS_POOLS; i++) {

            double  values[phr_nelems(metrics)] = {
                (double) st[i].nqueued,
                (double) st[i].nrunning,
                (double) st[i].nrefused,
                (double) st[i].ndone,
                (double) st[i].wait_us / 1000000,
                (double) st[i].run_us / 1000000
            };

            phr_buf_printf(out, "%s{pool=\"%s\"} ", metrics[m].name,
                           pools[i]);
            phr_number_format_g(out, values[m]);
            phr_buf_putc(out, '\n');
        }
    }
}


static void
ngx_http_pharos_metrics_cache(phr_buf_t *out, phr_query_cache_t *cache)
{
    phr_query_cache_stats_t  st;

    if (cache == NULL) {
        return;
    }

    phr_query_cache_stats(cache, &st);

    const ngx_http_pharos_metric_t  metrics[] = {
        { "pharos_query_cache_hits_total", "counter",
          "Range queries of whose steps some were remembered.",
          (double) st.nhits },
        { "pharos_query_cache_misses_total", "counter",
          "Range queries of whose steps none were remembered.",
          (double) st.nmisses },
        { "pharos_query_cache_passed_total", "counter",
          "Range queries whose steps cannot be remembered.",
          (double) st.nothers },
        { "pharos_query_cache_evicted_total", "counter",
          "Results that went for want of room.", (double) st.nevicted },
        { "pharos_query_cache_entries", "gauge",
          "Results that are remembered.", (double) st.nentries },
        { "pharos_query_cache_bytes", "gauge",
          "Memory of these results.", (double) st.bytes },
    };

    ngx_http_pharos_metrics_plain(out, metrics, phr_nelems(metrics));
}


static void
ngx_http_pharos_metrics_store(phr_buf_t *out, phr_store_t *store)
{
    phr_store_stats_t  st;

    if (store == NULL) {
        return;
    }

    phr_store_stats(store, &st);

    const ngx_http_pharos_metric_t  metrics[] = {
        { "pharos_store_series", "gauge",
          "Series in the store.", (double) st.nseries },
        { "pharos_store_samples_appended_total", "counter",
          "Samples written.", (double) st.nsamples_appended },
        { "pharos_store_rows", "gauge",
          "Rows that wait to be packed.", (double) st.nrows },
        { "pharos_store_packs", "gauge",
          "Packs of samples.", (double) st.npacks },
        { "pharos_store_file_bytes", "gauge",
          "Size of the file of the store.", (double) st.file_bytes },
        { "pharos_store_used_bytes", "gauge",
          "What of the file is in use.", (double) st.used_bytes },
        { "pharos_store_map_bytes", "gauge",
          "Size that the file may grow to.", (double) st.map_bytes },
        { "pharos_store_disk_free_bytes", "gauge",
          "What is free of the disk.", (double) st.disk_free_bytes },
        { "pharos_store_full", "gauge",
          "Whether samples are refused for want of room.",
          (double) st.full },
    };

    ngx_http_pharos_metrics_plain(out, metrics, phr_nelems(metrics));
    ngx_http_pharos_refused_metrics(&st, out);
    ngx_http_pharos_clock_metrics(out);
}
