/*
 * Copyright (C) The Pharos Authors
 *
 * Page: the built files of the page, read into memory when the store is
 * opened: they are few, and small.  A folder that is not there is a portal
 * without a page.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <sys/stat.h>

#include "core/alloc.h"
#include "core/arena.h"
#include "core/array.h"
#include "core/bytes.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "settings/loader.h"


#define NGX_HTTP_PHAROS_PAGE_BYTES  (16 * 1024 * 1024)
#define NGX_HTTP_PHAROS_PAGE_DEPTH  3


typedef struct {
    phr_str_t   path;           /* "/assets/index.js" */
    phr_str_t   content;
    phr_str_t   type;
    phr_str_t   etag;
} ngx_http_pharos_page_file_t;

/* a folder below that of the page */
typedef struct {
    const char  *folder;
    const char  *prefix;        /* of paths */
    int          depth;         /* of folders that may be looked at */
} ngx_http_pharos_page_place_t;


static int ngx_http_pharos_page_folder(const char *folder,
    const char *prefix, int depth, phr_err_t *err);
static int ngx_http_pharos_page_entry(void *data, const char *name,
    phr_err_t *err);
static int ngx_http_pharos_page_file(const char *file, const char *path,
    phr_err_t *err);
static phr_str_t ngx_http_pharos_page_type(const char *path);


static phr_arena_t  *page_arena;
static phr_array_t   page_files;


/* before requests are taken */

int
ngx_http_pharos_page_load(const char *folder, phr_err_t *err)
{
    phr_array_init(&page_files, sizeof(ngx_http_pharos_page_file_t));

    page_arena = phr_arena_create(NGX_HTTP_PHAROS_PAGE_BYTES);
    if (page_arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    return ngx_http_pharos_page_folder(folder, "",
                                       NGX_HTTP_PHAROS_PAGE_DEPTH, err);
}


void
ngx_http_pharos_page_free(void)
{
    phr_array_free(&page_files);
    phr_arena_destroy(page_arena);
    page_arena = NULL;
}


static int
ngx_http_pharos_page_folder(const char *folder, const char *prefix,
    int depth, phr_err_t *err)
{
    ngx_http_pharos_page_place_t  place;

    place.folder = folder;
    place.prefix = prefix;
    place.depth = depth;

    return ngx_http_pharos_folder_each(folder, ngx_http_pharos_page_entry,
                                       &place, err);
}


static int
ngx_http_pharos_page_entry(void *data, const char *name, phr_err_t *err)
{
    char                                *file, *path;
    struct stat                          st;
    const ngx_http_pharos_page_place_t  *place;

    place = data;
    file = phr_arena_printf(page_arena, "%s/%s", place->folder, name);
    path = phr_arena_printf(page_arena, "%s/%s", place->prefix, name);

    if (file == NULL || path == NULL) {
        return phr_err_set(err, phr_arena_rc(page_arena),
                           "the page is too large");
    }

    if (stat(file, &st) != 0) {
        return PHR_OK;
    }

    if (S_ISDIR(st.st_mode)) {
        return place->depth > 1
               ? ngx_http_pharos_page_folder(file, path, place->depth - 1,
                                             err)
               : PHR_OK;
    }

    return ngx_http_pharos_page_file(file, path, err);
}


static int
ngx_http_pharos_page_file(const char *file, const char *path,
    phr_err_t *err)
{
    int                           rc;
    ngx_http_pharos_page_file_t  *f;

    f = phr_array_push(&page_files);
    if (f == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    rc = phr_loader_read(page_arena, file, &f->content, err);
    if (rc != PHR_OK) {
        return rc;
    }

    f->path = phr_str_from_c(path);
    f->type = ngx_http_pharos_page_type(path);
    f->etag.data = phr_arena_printf(page_arena, "\"%016llx\"",
                        (unsigned long long) phr_xxh64(f->content.data,
                                                       f->content.len));
    if (f->etag.data == NULL) {
        return phr_err_set(err, phr_arena_rc(page_arena),
                           "the page is too large");
    }

    f->etag.len = strlen(f->etag.data);

    return PHR_OK;
}


static phr_str_t
ngx_http_pharos_page_type(const char *path)
{
    size_t       i;
    const char  *dot;

    static const struct {
        const char  *extension;
        const char  *type;
    } types[] = {
        { ".html", "text/html; charset=utf-8" },
        { ".js", "text/javascript; charset=utf-8" },
        { ".css", "text/css; charset=utf-8" },
        { ".svg", "image/svg+xml" },
        { ".png", "image/png" },
        { ".woff2", "font/woff2" },
        { ".json", "application/json" },
        { ".webmanifest", "application/manifest+json" },
        { ".txt", "text/plain; charset=utf-8" },
    };

    dot = strrchr(path, '.');

    for (i = 0; dot && i < phr_nelems(types); i++) {
        if (strcmp(dot, types[i].extension) == 0) {
            return phr_str_from_c(types[i].type);
        }
    }

    return phr_str_of("application/octet-stream");
}


/* any thread */

int
ngx_http_pharos_page_find(void *data, phr_str_t path, phr_str_t *content,
    phr_str_t *type, phr_str_t *etag)
{
    size_t                        i;
    ngx_http_pharos_page_file_t  *f;

    for (i = 0; i < page_files.nelts; i++) {

        f = phr_array_get(&page_files, ngx_http_pharos_page_file_t, i);

        if (phr_str_eq(f->path, path)) {
            *content = f->content;
            *type = f->type;
            *etag = f->etag;
            return PHR_OK;
        }
    }

    return PHR_NOTFOUND;
}
