/*
 * Copyright (C) The Pharos Authors
 *
 * Flags: the directives in force, as /api/v1/status/flags and the page show
 * them.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "core/time.h"
#include "ngx/ngx_http_pharos_parts.h"


typedef enum {
    NGX_HTTP_PHAROS_FLAG_NAME = 0,
    NGX_HTTP_PHAROS_FLAG_SEC,
    NGX_HTTP_PHAROS_FLAG_MSEC,
    NGX_HTTP_PHAROS_FLAG_NUM,
    NGX_HTTP_PHAROS_FLAG_OFF,
} ngx_http_pharos_flag_e;


static void ngx_http_pharos_flag_value(phr_buf_t *out,
    ngx_http_pharos_flag_e kind, const void *field);


#define ngx_http_pharos_flag(name, kind, field)                               \
    { name, NGX_HTTP_PHAROS_FLAG_##kind,                                      \
      offsetof(ngx_http_pharos_main_conf_t, field) }

static const struct {
    const char              *name;
    ngx_http_pharos_flag_e   kind;
    size_t                   offset;
} ngx_http_pharos_flag_list[] = {
    ngx_http_pharos_flag("pharos_alertmanager", NAME, alertmanager),
    ngx_http_pharos_flag("pharos_dashboards", NAME, dashboards),
    ngx_http_pharos_flag("pharos_dialect", NAME, dialect),
    ngx_http_pharos_flag("pharos_downsample", NAME, downsample),
    ngx_http_pharos_flag("pharos_durability", MSEC, durability),
    ngx_http_pharos_flag("pharos_exemplars", NUM, exemplars),
    ngx_http_pharos_flag("pharos_external_url", NAME, external_url),
    ngx_http_pharos_flag("pharos_lua", NAME, lua),
    ngx_http_pharos_flag("pharos_max_body", OFF, max_body),
    ngx_http_pharos_flag("pharos_max_label_name", OFF, max_label_name),
    ngx_http_pharos_flag("pharos_max_label_value", OFF, max_label_value),
    ngx_http_pharos_flag("pharos_max_labels", NUM, max_labels),
    ngx_http_pharos_flag("pharos_max_labels_size", OFF, max_labels_size),
    ngx_http_pharos_flag("pharos_max_push_groups", NUM, max_push_groups),
    ngx_http_pharos_flag("pharos_max_push_series", NUM, max_push_series),
    ngx_http_pharos_flag("pharos_max_series", NUM, max_series),
    ngx_http_pharos_flag("pharos_max_target_series", NUM,
                         max_target_series),
    ngx_http_pharos_flag("pharos_memory", OFF, memory),
    ngx_http_pharos_flag("pharos_nice", NUM, nice),
    ngx_http_pharos_flag("pharos_out_of_order", MSEC, out_of_order),
    ngx_http_pharos_flag("pharos_page", NAME, page),
    ngx_http_pharos_flag("pharos_prometheus", NAME, prometheus),
    ngx_http_pharos_flag("pharos_query_concurrency", NUM, query_concurrency),
    ngx_http_pharos_flag("pharos_query_experimental", NUM,
                         query_experimental),
    ngx_http_pharos_flag("pharos_query_max_samples", NUM, query_max_samples),
    ngx_http_pharos_flag("pharos_query_memory", OFF, query_memory),
    ngx_http_pharos_flag("pharos_query_cache", OFF, query_cache),
    ngx_http_pharos_flag("pharos_query_queue", NUM, query_queue),
    ngx_http_pharos_flag("pharos_query_resolution", SEC, query_resolution),
    ngx_http_pharos_flag("pharos_query_timeout", MSEC, query_timeout),
    ngx_http_pharos_flag("pharos_retention", SEC, retention),
    ngx_http_pharos_flag("pharos_retention_for", NAME, retention_for),
    ngx_http_pharos_flag("pharos_retention_size", OFF, retention_size),
    ngx_http_pharos_flag("pharos_stream_timeout", MSEC, stream_timeout),
    ngx_http_pharos_flag("pharos_write_queue", NUM, write_queue),
};


int
ngx_http_pharos_flags(void *data,
    int (*visit)(void *arg, const phr_api_flag_t *f), void *arg)
{
    int                           rc;
    size_t                        i;
    phr_buf_t                     value;
    phr_api_flag_t                flag;
    ngx_http_pharos_main_conf_t  *pmcf;

    pmcf = ngx_http_pharos_helper_conf();
    rc = PHR_OK;

    phr_buf_init(&value, 0);

    for (i = 0;
         rc == PHR_OK && i < phr_nelems(ngx_http_pharos_flag_list);
         i++)
    {
        phr_buf_reset(&value);
        ngx_http_pharos_flag_value(&value,
                               ngx_http_pharos_flag_list[i].kind,
                               (const char *) pmcf
                               + ngx_http_pharos_flag_list[i].offset);

        flag.name = phr_str_from_c(ngx_http_pharos_flag_list[i].name);
        flag.value = phr_buf_view(&value);

        rc = visit(arg, &flag);
    }

    phr_buf_free(&value);

    return rc;
}


static void
ngx_http_pharos_flag_value(phr_buf_t *out, ngx_http_pharos_flag_e kind,
    const void *field)
{
    const ngx_str_t  *s;

    switch (kind) {

    case NGX_HTTP_PHAROS_FLAG_NAME:
        s = field;
        phr_buf_append(out, s->data, s->len);
        break;

    case NGX_HTTP_PHAROS_FLAG_SEC:
        phr_duration_format(out, (int64_t) *(const time_t *) field * 1000);
        break;

    case NGX_HTTP_PHAROS_FLAG_MSEC:
        phr_duration_format(out, (int64_t) *(const ngx_msec_t *) field);
        break;

    case NGX_HTTP_PHAROS_FLAG_NUM:
        phr_buf_printf(out, "%ld", (long) *(const ngx_int_t *) field);
        break;

    case NGX_HTTP_PHAROS_FLAG_OFF:
        phr_buf_printf(out, "%lld",
                       (long long) *(const off_t *) field);
        break;
    }
}
