/*
 * Copyright (C) The Pharos Authors
 *
 * Conf: setters that need more than a stock slot, and what follows once all
 * is read.  The helper's socket is made by generating the text of a server
 * and an upstream and giving it to nginx's own parser: so the core opens
 * the socket, keeps it over reload and binary upgrade, and removes it.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx/ngx_http_pharos_files.h"
#include "store/place.h"
#include "store/store.h"
#include "store/vault.h"


/* no worker has this number: all of them leave the socket alone */
#define NGX_HTTP_PHAROS_NO_WORKER  ((ngx_uint_t) -2)

#define NGX_HTTP_PHAROS_MAX_BEHIND_MS  (60 * 60 * 1000)

#define NGX_HTTP_PHAROS_ZONE_SIZE  (4 * 1024 * 1024)

/* bodies up to this stay in memory, in the worker and in the helper */
#define NGX_HTTP_PHAROS_BODY_BUFFER  (1024 * 1024)
#define NGX_HTTP_PHAROS_BODY_MEMORY  (8 * 1024 * 1024)


static char *ngx_http_pharos_conf_generate(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf);
static ngx_int_t ngx_http_pharos_conf_text(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf, ngx_str_t *text);
static ngx_uint_t ngx_http_pharos_conf_has(ngx_conf_t *cf, char *module);
static void ngx_http_pharos_conf_prefix(ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_pharos_location_t *loc);
static void ngx_http_pharos_conf_body(ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_pharos_location_t *loc);
static ngx_int_t ngx_http_pharos_conf_stale_socket(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf);
static void ngx_http_pharos_conf_close(void *data);


char *
ngx_http_pharos_conf_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_pharos_main_conf_t  *pmcf = conf;

    off_t        size;
    size_t       zone_size;
    ngx_str_t   *value, s, name;
    phr_err_t    err;
    ngx_uint_t   i;

    if (pmcf->path) {
        return "is duplicate";
    }

    value = cf->args->elts;

    pmcf->path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (pmcf->path == NULL) {
        return NGX_CONF_ERROR;
    }

    pmcf->path->name = value[1];

    while (pmcf->path->name.len > 1
           && pmcf->path->name.data[pmcf->path->name.len - 1] == '/')
    {
        pmcf->path->name.data[--pmcf->path->name.len] = '\0';
    }

    if (ngx_conf_full_name(cf->cycle, &pmcf->path->name, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    phr_err_init(&err);

    if (phr_place_check((char *) pmcf->path->name.data, &err) != PHR_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", err.text);
        return NGX_CONF_ERROR;
    }

    pmcf->path->manager = ngx_http_pharos_helper_manager;
    pmcf->path->data = pmcf;
    pmcf->path->conf_file = cf->conf_file->file.name.data;
    pmcf->path->line = cf->conf_file->line;

    zone_size = NGX_HTTP_PHAROS_ZONE_SIZE;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "map=", 4) == 0) {
            s.data = value[i].data + 4;
            s.len = value[i].len - 4;

            size = ngx_parse_offset(&s);

            if (size == NGX_ERROR || size < 16 * 1024 * 1024) {
                goto invalid;
            }

            pmcf->map_size = (size_t) size;
            continue;
        }

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {
            s.data = value[i].data + 5;
            s.len = value[i].len - 5;

            size = ngx_parse_offset(&s);

            if (size == NGX_ERROR || size < (off_t) (64 * ngx_pagesize)) {
                goto invalid;
            }

            zone_size = (size_t) size;
            continue;
        }

        goto invalid;
    }

    if (ngx_add_path(cf, &pmcf->path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&name, "pharos");

    pmcf->zone = ngx_shared_memory_add(cf, &name, zone_size,
                                       &ngx_http_pharos_module);
    if (pmcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    pmcf->zone->init = ngx_http_pharos_zone_init;

    return ngx_http_pharos_conf_generate(cf, pmcf);

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\"", &value[i]);
    return NGX_CONF_ERROR;
}


char *
ngx_http_pharos_conf_relay(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_pharos_loc_conf_t  *plcf = conf;

    ngx_str_t                    *value;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_pharos_location_t   *loc;
    ngx_http_pharos_main_conf_t  *pmcf;

    if (plcf->relay) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (ngx_strncmp(value[1].data, "prefix=/", 8) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }

        plcf->prefix.data = value[1].data + 7;
        plcf->prefix.len = value[1].len - 7;
        plcf->prefix_set = 1;

        while (plcf->prefix.len
               && plcf->prefix.data[plcf->prefix.len - 1] == '/')
        {
            plcf->prefix.len--;
        }
    }

    plcf->relay = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_pharos_relay_handler;

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        clcf->auto_redirect = 1;
    }

    pmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_pharos_module);

    loc = ngx_array_push(&pmcf->locations);
    if (loc == NULL) {
        return NGX_CONF_ERROR;
    }

    loc->ctx = cf->ctx;
    loc->file = cf->conf_file->file.name;
    loc->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


/* marks what is our own within the generated text */

char *
ngx_http_pharos_conf_internal(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_pharos_srv_conf_t    *pscf;
    ngx_http_pharos_main_conf_t   *pmcf;
    ngx_http_upstream_srv_conf_t  *uscf;

    pmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_pharos_module);

    if (!pmcf->generating) {
        return "is for the text that \"pharos_store\" generates";
    }

    if (cf->cmd_type == NGX_HTTP_UPS_CONF) {
        uscf = ngx_http_conf_get_module_srv_conf(cf,
                                                 ngx_http_upstream_module);
        uscf->peer.init_upstream = ngx_http_pharos_relay_init_upstream;

        if (ngx_http_pharos_relay_conf(cf, pmcf, uscf) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (cf->cmd_type == NGX_HTTP_LOC_CONF) {
        clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
        clcf->handler = ngx_http_pharos_serve_handler;

        return NGX_CONF_OK;
    }

    pscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_pharos_module);
    pscf->internal = 1;

    return NGX_CONF_OK;
}


/* "sync", or how far what is acknowledged may be behind the disk */

char *
ngx_http_pharos_conf_durability(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_pharos_main_conf_t  *pmcf = conf;

    ngx_int_t   ms;
    ngx_str_t  *value;

    if (pmcf->durability != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 4 && ngx_strncmp(value[1].data, "sync", 4) == 0) {
        pmcf->durability = 0;
        return NGX_CONF_OK;
    }

    ms = ngx_parse_time(&value[1], 0);

    if (ms == NGX_ERROR || ms == 0 || ms > NGX_HTTP_PHAROS_MAX_BEHIND_MS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is neither \"sync\" nor a time of at "
                           "most an hour", &value[1]);
        return NGX_CONF_ERROR;
    }

    pmcf->durability = (ngx_msec_t) ms;

    return NGX_CONF_OK;
}


/* a number of things, with "k", "m" and "g" for thousands and so on */

/*
 * Read here, as root and before the workers are there: the helper need not
 * be able to read the file.
 */

char *
ngx_http_pharos_conf_encryption_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_pharos_main_conf_t  *pmcf = conf;

    phr_err_t   err;
    ngx_str_t  *value;

    if (pmcf->encryption_key) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    pmcf->encryption_key = ngx_palloc(cf->pool, PHR_VAULT_KEY);
    if (pmcf->encryption_key == NULL) {
        return NGX_CONF_ERROR;
    }

    /* nginx terminates the arguments of directives */

    if (phr_vault_key_read((char *) value[1].data, pmcf->encryption_key,
                           &err)
        != PHR_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", err.text);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_pharos_conf_label(ngx_conf_t *cf, void *post, void *data)
{
    off_t  *size = data;

    if (*size > PHR_STORE_MAX_LABEL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a label has %d bytes at most",
                           PHR_STORE_MAX_LABEL);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_pharos_conf_count(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   scale, *np;

    np = (ngx_uint_t *) (p + cmd->offset);

    if (*np != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    s = value[1];
    scale = 1;

    switch (s.len ? s.data[s.len - 1] : '\0') {
    case 'k': case 'K':
        scale = 1000;
        s.len--;
        break;
    case 'm': case 'M':
        scale = 1000000;
        s.len--;
        break;
    case 'g': case 'G':
        scale = 1000000000;
        s.len--;
        break;
    }

    n = ngx_atoi(s.data, s.len);

    if (n == NGX_ERROR || (ngx_uint_t) n > NGX_MAX_INT_T_VALUE / scale) {
        return "invalid number";
    }

    *np = n * scale;

    return NGX_CONF_OK;
}


static char *
ngx_http_pharos_conf_generate(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf)
{
    char             *rv;
    ngx_str_t         text;
    ngx_buf_t         buf;
    ngx_conf_t        save;
    ngx_conf_file_t  *file;

    pmcf->socket.len = pmcf->path->name.len + sizeof("/pharos.sock") - 1;
    pmcf->socket.data = ngx_pnalloc(cf->pool, pmcf->socket.len + 1);
    if (pmcf->socket.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(pmcf->socket.data, "%V/pharos.sock%Z", &pmcf->path->name);

    if (pmcf->socket.len >= sizeof(((struct sockaddr_un *) 0)->sun_path)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name of the socket \"%V\" is too long, "
                           "use a shorter path", &pmcf->socket);
        return NGX_CONF_ERROR;
    }

    /* it may be read again as long as the cycle lives: error messages */

    file = ngx_pcalloc(cf->pool, sizeof(ngx_conf_file_t));
    if (file == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_pharos_conf_text(cf, pmcf, &text) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /*
     * A block in memory that has been read to its end: the parser takes the
     * buffer and never looks for more in the file.
     */

    ngx_memzero(&buf, sizeof(ngx_buf_t));

    buf.start = text.data;
    buf.pos = text.data;
    buf.last = text.data + text.len;
    buf.end = buf.last;
    buf.temporary = 1;

    file->file.fd = cf->conf_file->file.fd;
    file->file.offset = text.len;
    file->file.info.st_size = text.len;
    file->file.log = cf->log;
    ngx_str_set(&file->file.name, "text generated by pharos_store");
    file->buffer = &buf;
    file->line = 1;

    save = *cf;

    cf->conf_file = file;
    cf->args = ngx_array_create(cf->pool, 10, sizeof(ngx_str_t));
    if (cf->args == NULL) {
        *cf = save;
        return NGX_CONF_ERROR;
    }

    pmcf->generating = 1;
    rv = ngx_conf_parse(cf, NULL);
    pmcf->generating = 0;

    *cf = save;

    return rv;
}


/*
 * The server answers workers only: no limits but our own, no log, and
 * nothing inherited from the http block that would change an answer.
 */

static ngx_int_t
ngx_http_pharos_conf_text(ngx_conf_t *cf, ngx_http_pharos_main_conf_t *pmcf,
    ngx_str_t *text)
{
    u_char     *p, *path;
    size_t      len;
    ngx_uint_t  i;

    static const char  format[] =
        "upstream pharos_helper {\n"
        "    server \"unix:%s\";\n"
        "    pharos_internal on;\n"
        "    %s\n"
        "}\n"
        "server {\n"
        "    listen \"unix:%s\" backlog=4096;\n"
        "    pharos_internal on;\n"
        "    client_max_body_size 0;\n"
        "    client_body_buffer_size %d;\n"
        "    client_body_in_single_buffer on;\n"
        "    client_body_in_file_only off;\n"
        "    client_header_buffer_size 4k;\n"
        "    large_client_header_buffers 8 64k;\n"
        "    client_header_timeout 60s;\n"
        "    client_body_timeout 60s;\n"
        "    send_timeout 60s;\n"
        "    keepalive_timeout 75s;\n"
        "    keepalive_requests 1000000;\n"
        "    lingering_close off;\n"
        "    merge_slashes off;\n"
        "    ignore_invalid_headers off;\n"
        "    underscores_in_headers on;\n"
        "    limit_rate 0;\n"
        "    max_ranges 0;\n"
        "    sendfile off;\n"
        "    etag off;\n"
        "    chunked_transfer_encoding on;\n"
        "    %s\n"
        "    access_log off;\n"
        "    add_header X-Pharos-Helper on;\n"
        "    location / { pharos_internal on; }\n"
        "}\n"
        "}";

    /* quoted, as the path is a person's */

    path = ngx_pnalloc(cf->pool, 2 * pmcf->socket.len + 1);
    if (path == NULL) {
        return NGX_ERROR;
    }

    p = path;

    for (i = 0; i < pmcf->socket.len; i++) {
        if (pmcf->socket.data[i] == '"' || pmcf->socket.data[i] == '\\') {
            *p++ = '\\';
        }

        *p++ = pmcf->socket.data[i];
    }

    *p = '\0';

    len = sizeof(format) + 2 * (p - path) + 3 * NGX_INT_T_LEN;

    text->data = ngx_pnalloc(cf->pool, len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_snprintf(text->data, len, format, path,
                     ngx_http_pharos_conf_has(cf,
                                     "ngx_http_upstream_keepalive_module")
                     ? "keepalive 16;" : "",
                     path, (int) NGX_HTTP_PHAROS_BODY_MEMORY,
                     ngx_http_pharos_conf_has(cf,
                                              "ngx_http_gzip_filter_module")
                     ? "gzip off;" : "");

    text->len = p - text->data;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_pharos_conf_has(ngx_conf_t *cf, char *module)
{
    ngx_uint_t  i;

    for (i = 0; cf->cycle->modules[i]; i++) {
        if (ngx_strcmp(cf->cycle->modules[i]->name, module) == 0) {
            return 1;
        }
    }

    return 0;
}


/* all is read and merged */

ngx_int_t
ngx_http_pharos_conf_finish(ngx_conf_t *cf)
{
    ngx_uint_t                    i;
    ngx_http_pharos_location_t   *loc;
    ngx_http_pharos_main_conf_t  *pmcf;

    pmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_pharos_module);
    loc = pmcf->locations.elts;

    if (pmcf->path == NULL) {

        if (pmcf->locations.nelts) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"pharos\" needs \"pharos_store\" in the http "
                          "block in %V:%ui", &loc[0].file, loc[0].line);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    /*
     * The helper must have given up before the worker does, and the worker
     * must not give up a query that may still be answered.
     */

    pmcf->upstream.read_timeout = pmcf->query_timeout + 10000;

    pmcf->upstream_long = pmcf->upstream;
    pmcf->upstream_long.read_timeout = ngx_max(pmcf->query_timeout,
                                               pmcf->stream_timeout)
                                       + 10000;

    for (i = 0; i < pmcf->locations.nelts; i++) {
        ngx_http_pharos_conf_prefix(pmcf, &loc[i]);
        ngx_http_pharos_conf_body(pmcf, &loc[i]);
    }

    if (ngx_http_pharos_guard_locations(cf, pmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_pharos_files_check(cf, pmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_pharos_conf_stale_socket(cf, pmcf);
}


/*
 * What is cut off a path: the name of the outermost "pharos" location of
 * the server that contains this one, so that "/pharos/metrics/job/" may
 * have other permissions than "/pharos/" and still be the same place.
 */

static void
ngx_http_pharos_conf_prefix(ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_pharos_location_t *loc)
{
    ngx_str_t                    prefix;
    ngx_uint_t                   i;
    ngx_http_core_loc_conf_t    *clcf, *other;
    ngx_http_pharos_location_t  *l;
    ngx_http_pharos_loc_conf_t  *plcf;

    plcf = loc->ctx->loc_conf[ngx_http_pharos_module.ctx_index];

    if (plcf->prefix_set) {
        return;
    }

    ngx_str_null(&prefix);

    clcf = loc->ctx->loc_conf[ngx_http_core_module.ctx_index];

#if (NGX_PCRE)
    if (clcf->regex) {
        return;
    }
#endif

    if (clcf->named || clcf->noname) {
        return;
    }

    l = pmcf->locations.elts;

    for (i = 0; i < pmcf->locations.nelts; i++) {

        if (l[i].ctx->srv_conf != loc->ctx->srv_conf) {
            continue;
        }

        other = l[i].ctx->loc_conf[ngx_http_core_module.ctx_index];

        if (other->exact_match || other->named || other->noname
#if (NGX_PCRE)
            || other->regex
#endif
            || other->name.len > clcf->name.len
            || ngx_memcmp(other->name.data, clcf->name.data, other->name.len)
               != 0)
        {
            continue;
        }

        if (prefix.data == NULL || other->name.len < prefix.len) {
            prefix = other->name;
        }
    }

    while (prefix.len && prefix.data[prefix.len - 1] == '/') {
        prefix.len--;
    }

    plcf->prefix = prefix;
}


/* nginx's defaults are for forms; pushes and remote writes are larger */

static void
ngx_http_pharos_conf_body(ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_pharos_location_t *loc)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = loc->ctx->loc_conf[ngx_http_core_module.ctx_index];

    if (clcf->client_max_body_size == 1024 * 1024) {
        clcf->client_max_body_size = pmcf->max_body;
    }

    if (clcf->client_body_buffer_size == (size_t) 2 * ngx_pagesize) {
        clcf->client_body_buffer_size = NGX_HTTP_PHAROS_BODY_BUFFER;
    }
}


/*
 * A master that was killed leaves its socket behind, and the core would
 * refuse to start upon it.  Only at a cold start: otherwise the socket is
 * inherited.
 */

static ngx_int_t
ngx_http_pharos_conf_stale_socket(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf)
{
    int                 fd, rc;
    ngx_err_t           err;
    struct sockaddr_un  sun;

    if (!ngx_is_init_cycle(cf->cycle->old_cycle)
        || ngx_test_config
        || ngx_process == NGX_PROCESS_SIGNALLER
        || getenv("NGINX"))
    {
        return NGX_OK;
    }

    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd == -1) {
        return NGX_OK;
    }

    ngx_memzero(&sun, sizeof(struct sockaddr_un));
    sun.sun_family = AF_UNIX;
    ngx_memcpy(sun.sun_path, pmcf->socket.data, pmcf->socket.len);

    rc = connect(fd, (struct sockaddr *) &sun, sizeof(struct sockaddr_un));
    err = ngx_errno;

    (void) close(fd);

    if (rc == 0 || err != NGX_ECONNREFUSED) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_NOTICE, cf->log, 0,
                  "removing the socket \"%V\" that nobody listens on",
                  &pmcf->socket);

    if (ngx_delete_file(pmcf->socket.data) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      ngx_delete_file_n " \"%V\" failed", &pmcf->socket);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The sockets are open.  Ours is marked as one that only worker -2 accepts
 * on.  It must not be marked earlier, for the core would then set
 * SO_REUSEPORT, which a unix socket refuses.
 */

ngx_int_t
ngx_http_pharos_conf_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_str_t                    *name;
    ngx_core_conf_t              *ccf;
    ngx_listening_t              *ls;
    ngx_slab_pool_t              *shpool;
    ngx_pool_cleanup_t           *cln;
    struct sockaddr_un           *sun;
    ngx_http_core_srv_conf_t    **cscf;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_pharos_srv_conf_t   *pscf;
    ngx_http_pharos_main_conf_t  *pmcf;

    pmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_pharos_module);

    if (pmcf == NULL || pmcf->path == NULL || ngx_test_config) {
        return NGX_OK;
    }

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    shpool = (ngx_slab_pool_t *) pmcf->zone->shm.addr;
    cscf = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        pscf = cscf[i]->ctx->srv_conf[ngx_http_pharos_module.ctx_index];
        name = &cscf[i]->server_name;

        if (!pscf->internal
            && ngx_http_pharos_traffic_server(pmcf->zone->data, shpool, name,
                                              &pscf->server)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (!ccf->master) {
        /* the one process accepts on it like on any other */
        return NGX_OK;
    }

    ls = cycle->listening.elts;

    for (i = 0; i < cycle->listening.nelts; i++) {

        if (ls[i].sockaddr->sa_family != AF_UNIX) {
            continue;
        }

        sun = (struct sockaddr_un *) ls[i].sockaddr;

        if (ngx_strcmp(sun->sun_path, pmcf->socket.data) == 0) {
            break;
        }
    }

    if (i == cycle->listening.nelts) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "no listening socket \"%V\"", &pmcf->socket);
        return NGX_ERROR;
    }

    ls[i].reuseport = 1;
    ls[i].worker = NGX_HTTP_PHAROS_NO_WORKER;

    pmcf->listening = &ls[i];

    /* the core closes all of cycle->listening in a helper process */

    pmcf->fd = fcntl(ls[i].fd, F_DUPFD_CLOEXEC, 0);

    if (pmcf->fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "fcntl(F_DUPFD_CLOEXEC) failed");
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        (void) close(pmcf->fd);
        return NGX_ERROR;
    }

    cln->handler = ngx_http_pharos_conf_close;
    cln->data = pmcf;

    return NGX_OK;
}


static void
ngx_http_pharos_conf_close(void *data)
{
    ngx_http_pharos_main_conf_t  *pmcf = data;

    if (pmcf->fd != NGX_INVALID_FILE) {
        (void) close(pmcf->fd);
        pmcf->fd = NGX_INVALID_FILE;
    }
}
