/*
 * Copyright (C) The Pharos Authors
 *
 * Envelope: what is around every JSON answer, and the one table that turns
 * a result code into errorType and status.
 */

#include "api/call.h"

#include "core/bytes.h"
#include "core/number.h"


typedef struct {
    int          code;
    int          status;
    const char  *type;
} phr_error_type_t;


static const phr_error_type_t *phr_call_failed(phr_call_t *c,
    const phr_err_t *err);
static void phr_call_notes(phr_call_t *c, const char *key,
    const phr_str_t *list, size_t n);
static int phr_call_note(phr_call_t *c, phr_str_t **list, size_t *n,
    phr_str_t text);


static const phr_error_type_t  phr_error_types[] = {
    { PHR_EPARSE,    400, "bad_data" },
    { PHR_EINVAL,    400, "bad_data" },
    { PHR_ENOTFOUND, 404, "not_found" },
    { PHR_NOTFOUND,  404, "not_found" },
    { PHR_EEXEC,     422, "execution" },
    { PHR_ELIMIT,    422, "execution" },
    { PHR_ECANCELED, 499, "canceled" },
    { PHR_ETIMEOUT,  503, "timeout" },
    { PHR_EUNAVAIL,  503, "unavailable" },
    { PHR_AGAIN,     503, "unavailable" },
    { PHR_ENOSPC,    503, "unavailable" },
    { PHR_ENOMEM,    503, "unavailable" },
    { 0,             500, "internal" },
};


static const phr_error_type_t *
phr_error_type(int code)
{
    const phr_error_type_t  *t;

    for (t = phr_error_types; t->code != 0; t++) {
        if (t->code == code) {
            break;
        }
    }

    return t;
}


int
phr_call_status(int code)
{
    return phr_error_type(code)->status;
}


void
phr_call_begin(phr_call_t *c)
{
    c->res->status = 200;
    c->res->content_type = phr_str_of("application/json");

    phr_json_init(&c->json, &c->res->body);
    phr_json_object(&c->json);
    phr_json_pair_c(&c->json, "status", "success");
    phr_json_key(&c->json, "data");
}


void
phr_call_end(phr_call_t *c)
{
    phr_call_notes(c, "warnings", c->warnings, c->nwarnings);
    phr_call_notes(c, "infos", c->infos, c->ninfos);
    phr_json_end_object(&c->json);
}


static void
phr_call_notes(phr_call_t *c, const char *key, const phr_str_t *list,
    size_t n)
{
    size_t  i;

    if (n == 0) {
        return;
    }

    phr_json_key(&c->json, key);
    phr_json_array(&c->json);

    for (i = 0; i < n; i++) {
        phr_json_string(&c->json, list[i]);
    }

    phr_json_end_array(&c->json);
}


int
phr_call_warn(phr_call_t *c, phr_str_t text)
{
    return phr_call_note(c, &c->warnings, &c->nwarnings, text);
}


int
phr_call_info(phr_call_t *c, phr_str_t text)
{
    return phr_call_note(c, &c->infos, &c->ninfos, text);
}


static int
phr_call_note(phr_call_t *c, phr_str_t **list, size_t *n, phr_str_t text)
{
    phr_str_t  *grown;

    grown = phr_arena_grow(c->arena, *list, *n * sizeof(phr_str_t),
                           (*n + 1) * sizeof(phr_str_t));
    if (grown == NULL) {
        return PHR_ENOMEM;
    }

    grown[*n] = text;
    *list = grown;
    (*n)++;

    return PHR_OK;
}


void
phr_call_fail(phr_call_t *c, const phr_err_t *err)
{
    phr_json_writer_t        w;
    const phr_error_type_t  *type;

    type = phr_call_failed(c, err);
    c->res->content_type = phr_str_of("application/json");

    phr_json_init(&w, &c->res->body);
    phr_json_object(&w);
    phr_json_pair_c(&w, "status", "error");
    phr_json_pair_c(&w, "errorType", type->type);
    phr_json_pair_c(&w, "error", err->text);
    phr_json_end_object(&w);
}


void
phr_call_plain_fail(phr_call_t *c, const phr_err_t *err)
{
    (void) phr_call_line(c, phr_call_failed(c, err)->status, err->text);
}


/* all but the body and its type */

static const phr_error_type_t *
phr_call_failed(phr_call_t *c, const phr_err_t *err)
{
    const phr_error_type_t  *type;

    type = phr_error_type(err->code);

    c->res->status = type->status;
    c->res->nheaders = 0;

    if (type->status == 503) {
        phr_call_header(c, "Retry-After", phr_str_of("5"));
    }

    /* half an answer may be there, or too much of it */
    phr_buf_free(&c->res->body);
    phr_buf_init(&c->res->body, 0);

    return type;
}


int
phr_call_text(phr_call_t *c, int status, const char *content_type,
    phr_str_t text)
{
    c->res->status = status;
    c->res->content_type = phr_str_from_c(content_type);
    phr_buf_reset(&c->res->body);
    phr_buf_str(&c->res->body, text);

    return PHR_OK;
}


int
phr_call_line(phr_call_t *c, int status, const char *text)
{
    int  rc;

    rc = phr_call_text(c, status, "text/plain; charset=utf-8",
                       phr_str_from_c(text));

    if (text[0] != '\0') {
        phr_buf_putc(&c->res->body, '\n');
    }

    return rc;
}


void
phr_call_header(phr_call_t *c, const char *name, phr_str_t value)
{
    phr_api_header_t  *h;

    phr_assert(c->res->nheaders < PHR_API_MAX_HEADERS);

    h = &c->res->headers[c->res->nheaders++];
    h->name = phr_str_from_c(name);
    h->value = value;
}


int
phr_call_exposition(phr_call_t *c, const char *type, phr_escape_t *escape)
{
    char  *text;

    escape->scheme = PHR_ESCAPE_UNDERSCORES;
    escape->arena = c->arena;
    c->res->content_type = phr_str_from_c(type);

    if (!phr_escape_accepted(c->req->accept, &escape->scheme)) {
        return PHR_OK;
    }

    text = phr_arena_printf(c->arena, "%s; escaping=%s", type,
                            phr_escape_text(escape->scheme));
    if (text == NULL) {
        return PHR_ENOMEM;
    }

    c->res->content_type = phr_str_from_c(text);

    return PHR_OK;
}


void
phr_call_labels(phr_call_t *c, phr_labels_t ls)
{
    size_t  i;

    phr_json_object(&c->json);

    for (i = 0; i < ls.n; i++) {
        phr_json_pair_str(&c->json, ls.l[i].name, ls.l[i].value);
    }

    phr_json_end_object(&c->json);
}


int64_t
phr_call_clock_us(const phr_call_t *c)
{
    return c->api->live->clock_us ? c->api->live->clock_us(c->api->live_data)
                                  : 0;
}


int
phr_call_poll(const phr_call_t *c, const char *what, phr_err_t *err)
{
    int  rc;

    rc = c->req->stop == NULL ? PHR_OK : phr_shared_get(c->req->stop);

    return rc == PHR_OK
           ? rc : phr_err_set(err, rc, "%s took too long or was canceled",
                              what);
}


/*
 * A proxy may have made the tag a weak one, and there may be a list of them.
 */

int
phr_call_tag(phr_call_t *c, phr_err_t *err)
{
    char       *tag;
    phr_str_t   body, wanted;

    body = phr_buf_view(&c->res->body);
    wanted = c->req->if_none_match;

    tag = phr_arena_printf(c->arena, "\"%016llx\"",
                           (unsigned long long) phr_xxh64(body.data,
                                                          body.len));
    if (tag == NULL) {
        return phr_err_set(err, phr_arena_rc(c->arena), "out of memory");
    }

    phr_call_header(c, "ETag", phr_str_from_c(tag));
    phr_call_header(c, "Cache-Control", phr_str_of("no-cache"));

    if (phr_str_eq(wanted, phr_str_of("*"))
        || (wanted.len != 0
            && memmem(wanted.data, wanted.len, tag, strlen(tag)) != NULL))
    {
        c->res->status = 304;
        phr_buf_reset(&c->res->body);
    }

    return PHR_OK;
}
