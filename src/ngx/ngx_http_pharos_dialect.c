/*
 * Copyright (C) The Pharos Authors
 *
 * Dialect: which query language is read, and the time zones that queries
 * may name.  A zone is read from the system's files when it is first asked
 * for, in the thread of the query, and kept until the process ends.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <pthread.h>

#include "core/alloc.h"
#include "core/zone.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "promql/promql.h"


/* there are about six hundred */
#define NGX_HTTP_PHAROS_MAX_ZONES  1024


typedef struct {
    phr_str_t          name;
    const phr_zone_t  *zone;
} ngx_http_pharos_timezone_t;


static int ngx_http_pharos_zones_find(phr_zones_t *zones, phr_str_t name,
    const phr_zone_t **zone, phr_err_t *err);
static int ngx_http_pharos_zones_add(phr_str_t name,
    const phr_zone_t **zone, phr_err_t *err);
static int ngx_http_pharos_zones_read(const char *path,
    const phr_zone_t **zone, phr_err_t *err);


/* the arena and what is in it live until the process ends */

static phr_arena_t                *zones_arena;
static pthread_mutex_t             zones_mutex = PTHREAD_MUTEX_INITIALIZER;
static ngx_http_pharos_timezone_t  zones_list[NGX_HTTP_PHAROS_MAX_ZONES];
static size_t                      nzones;

static phr_zones_t  ngx_http_pharos_zones_found = {
    .find = ngx_http_pharos_zones_find
};


/* pharos_dialect promql|metricsql [rules] */

char *
ngx_http_pharos_conf_dialect(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_pharos_main_conf_t  *pmcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   metricsql;

    if (pmcf->dialect.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    metricsql = ngx_strcmp(value[1].data, "metricsql") == 0;

    if (!metricsql && ngx_strcmp(value[1].data, "promql") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid dialect \"%V\", it must be \"promql\" "
                           "or \"metricsql\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {
        if (ngx_strcmp(value[2].data, "rules") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        pmcf->metricsql_rules = metricsql;
    }

    pmcf->dialect = value[1];
    pmcf->metricsql = metricsql;

    return NGX_CONF_OK;
}


unsigned
ngx_http_pharos_promql_flags(const ngx_http_pharos_main_conf_t *pmcf,
    ngx_uint_t rules)
{
    unsigned  flags;

    flags = pmcf->query_experimental ? PHR_PROMQL_EXPERIMENTAL : 0;

    if (rules ? pmcf->metricsql_rules : pmcf->metricsql) {
        flags |= PHR_PROMQL_METRICSQL;
    }

    return flags;
}


phr_zones_t *
ngx_http_pharos_zones(void)
{
    return &ngx_http_pharos_zones_found;
}


static int
ngx_http_pharos_zones_find(phr_zones_t *zones, phr_str_t name,
    const phr_zone_t **zone, phr_err_t *err)
{
    int     rc;
    size_t  i;

    (void) pthread_mutex_lock(&zones_mutex);

    for (i = 0; i < nzones; i++) {
        if (phr_str_eq(name, zones_list[i].name)) {
            break;
        }
    }

    if (i < nzones) {
        *zone = zones_list[i].zone;
        rc = PHR_OK;

    } else {
        rc = ngx_http_pharos_zones_add(name, zone, err);
    }

    (void) pthread_mutex_unlock(&zones_mutex);

    return rc;
}


static int
ngx_http_pharos_zones_add(phr_str_t name, const phr_zone_t **zone,
    phr_err_t *err)
{
    int                          rc;
    char                        *copy;
    phr_buf_t                    path;
    phr_arena_mark_t             mark;
    ngx_http_pharos_timezone_t  *z;

    if (nzones == NGX_HTTP_PHAROS_MAX_ZONES) {
        return phr_err_set(err, PHR_ELIMIT, "more than %d time zones",
                           NGX_HTTP_PHAROS_MAX_ZONES);
    }

    if (zones_arena == NULL) {
        zones_arena = phr_arena_create(0);

        if (zones_arena == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "out of memory");
        }
    }

    z = &zones_list[nzones];
    mark = phr_arena_mark(zones_arena);
    copy = phr_arena_strdup(zones_arena, name.data, name.len);

    phr_buf_init(&path, 0);
    phr_buf_puts(&path, PHR_ZONE_FOLDER);
    phr_buf_str(&path, name);

    rc = copy != NULL && path.failed == PHR_OK
         ? ngx_http_pharos_zones_read(phr_buf_cstr(&path), &z->zone, err)
         : phr_err_set(err, PHR_ENOMEM, "out of memory");

    phr_buf_free(&path);

    if (rc != PHR_OK) {
        phr_arena_release(zones_arena, mark);
        return rc;
    }

    z->name = phr_str_from(copy, name.len);
    *zone = z->zone;
    nzones++;

    return PHR_OK;
}


static int
ngx_http_pharos_zones_read(const char *path, const phr_zone_t **zone,
    phr_err_t *err)
{
    int           rc;
    char         *bytes;
    ssize_t       n;
    ngx_fd_t      fd;
    struct stat   st;

    bytes = NULL;
    n = 0;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);
    if (fd == NGX_INVALID_FILE) {
        return PHR_ENOTFOUND;
    }

    rc = PHR_ENOTFOUND;

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)
        || st.st_size > PHR_ZONE_MAX_BYTES)
    {
        goto done;
    }

    bytes = phr_malloc(PHR_ZONE_MAX_BYTES);
    if (bytes == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "out of memory");
        goto done;
    }

    /* a regular file is read at once, or it is damaged */

    n = read(fd, bytes, PHR_ZONE_MAX_BYTES);

    if (n < 4 || memcmp(bytes, "TZif", 4) != 0) {
        goto done;
    }

    rc = phr_zone_read(phr_str_from(bytes, (size_t) n), zones_arena, zone,
                       err);

done:

    phr_free(bytes);
    (void) close(fd);

    return rc;
}
