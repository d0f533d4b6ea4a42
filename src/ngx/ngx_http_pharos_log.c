/*
 * Copyright (C) The Pharos Authors
 *
 * Log: errors of the parts below as lines of nginx's error log.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <syslog.h>

#include "ngx/ngx_http_pharos.h"


/* a thread has no request and no time of its own to log with */

void
ngx_http_pharos_log_callback(void *data, int level, const char *text)
{
    ngx_uint_t  ngx_level;

    /* syslog(3) and nginx agree in order, nginx counts from one */

    ngx_level = (level < LOG_EMERG) ? NGX_LOG_EMERG
                : (level > LOG_DEBUG) ? NGX_LOG_DEBUG
                : (ngx_uint_t) level + 1;

    ngx_log_error(ngx_level, (ngx_log_t *) data, 0, "pharos: %s", text);
}


void
ngx_http_pharos_log_err(ngx_uint_t level, ngx_log_t *log,
    const phr_err_t *err, const char *action)
{
    char  text[PHR_ERR_TEXT + PHR_ERR_FILE + 64];

    ngx_log_error(level, log, 0, "%s failed: %s", action,
                  phr_err_format(err, text, sizeof(text)));
}
