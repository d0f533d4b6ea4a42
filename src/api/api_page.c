/*
 * Copyright (C) The Pharos Authors
 *
 * Page: the built files of html/, given out as they are.  Every path that is
 * none of the API's and has no extension is a view of the page, drawn by
 * index.html.
 */

#include "api/call.h"


/* a page that talks to its own server alone, and is in nobody's frame */
#define PHR_PAGE_CSP                                                          \
    "default-src 'none'; script-src 'self'; style-src 'self'; "               \
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; "             \
    "manifest-src 'self'; base-uri 'self'; form-action 'self'; "              \
    "frame-ancestors 'self'"


static int phr_page_is_view(phr_str_t path);


int
phr_api_page(phr_call_t *c, phr_err_t *err)
{
    int        rc;
    phr_str_t  path, content, type, etag;

    path = c->req->path;
    rc = PHR_NOTFOUND;

    if (c->api->live->page != NULL) {

        if (phr_page_is_view(path)) {
            path = phr_str_of("/index.html");
        }

        rc = c->api->live->page(c->api->live_data, path, &content, &type,
                                &etag);
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, PHR_ENOTFOUND, "no such page");
    }

    /* names of assets carry the hash of their content */
    phr_call_header(c, "Cache-Control",
                    memchr(path.data + 1, '/', path.len - 1)
                        ? phr_str_of("public, max-age=31536000, immutable")
                        : phr_str_of("no-cache"));
    phr_call_header(c, "ETag", etag);
    phr_call_header(c, "Content-Security-Policy",
                    phr_str_of(PHR_PAGE_CSP));
    phr_call_header(c, "X-Content-Type-Options", phr_str_of("nosniff"));
    phr_call_header(c, "Referrer-Policy", phr_str_of("same-origin"));

    c->res->content_type = type;

    if (phr_str_eq(c->req->if_none_match, etag)) {
        c->res->status = 304;
        return PHR_OK;
    }

    c->res->status = 200;
    phr_buf_str(&c->res->body, content);

    return PHR_OK;
}


static int
phr_page_is_view(phr_str_t path)
{
    const char  *p;

    for (p = path.data + path.len; p > path.data && p[-1] != '/'; p--) {
        if (p[-1] == '.') {
            return 0;
        }
    }

    return 1;
}
