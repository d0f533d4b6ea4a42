/*
 * Copyright (C) The Pharos Authors
 *
 * Stream: answers that are sent while they are being made, and how answers
 * are compressed.  An answer that stays small, or whose carrier takes none
 * in pieces, is sent whole, with its length.
 */

#include "api/call.h"

#include "core/pack.h"
#include "core/yield.h"


/* answers shorter than this are sent as they are */
#define PHR_GZIP_MIN      1024

/* so much is collected before it is sent */
#define PHR_STREAM_PIECE  (64 * 1024)

/* about what a series takes, without its points; see phr_yield() */
#define PHR_STREAM_UNITS  512


static int phr_call_stream_begin(phr_call_t *c, phr_err_t *err);
static int phr_call_stream_send(phr_call_t *c, int end, phr_err_t *err);
static int phr_call_accepts(phr_str_t accept_encoding, phr_str_t coding);
static int phr_call_is_coded(const phr_call_t *c);
static void phr_call_coding(phr_call_t *c, phr_str_t coding);


int
phr_call_stream(phr_call_t *c, phr_err_t *err)
{
    int  rc;

    phr_yield(PHR_STREAM_UNITS);

    if (c->req->send == NULL || c->res->body.failed
        || c->res->body.len < PHR_STREAM_PIECE)
    {
        return PHR_OK;
    }

    if (!c->res->streamed) {
        rc = phr_call_stream_begin(c, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return phr_call_stream_send(c, 0, err);
}


static int
phr_call_stream_begin(phr_call_t *c, phr_err_t *err)
{
    phr_pack_format_e  format;

    c->res->streamed = 1;

    if (phr_call_accepts(c->req->accept_encoding, phr_str_of("zstd"))) {
        format = PHR_PACK_ZSTD;
        phr_call_coding(c, phr_str_of("zstd"));

    } else if (phr_call_accepts(c->req->accept_encoding,
                                phr_str_of("gzip")))
    {
        format = PHR_PACK_GZIP;
        phr_call_coding(c, phr_str_of("gzip"));

    } else {
        return PHR_OK;
    }

    c->res->length = -1;
    c->packing = phr_packing_create(format);

    return c->packing != NULL ? PHR_OK
                              : phr_err_set(err, PHR_ENOMEM, "no memory");
}


static int
phr_call_stream_send(phr_call_t *c, int end, phr_err_t *err)
{
    int         rc;
    phr_str_t   piece;

    piece = phr_buf_view(&c->res->body);

    if (c->packing != NULL) {
        rc = phr_packing_write(c->packing, piece, end, &c->packed, err);
        if (rc != PHR_OK) {
            return rc;
        }

        piece = phr_buf_view(&c->packed);
    }

    rc = piece.len > 0 ? c->req->send(c->req->send_data, c->res, piece)
                       : PHR_OK;

    phr_buf_reset(&c->res->body);
    phr_buf_reset(&c->packed);

    return rc == PHR_OK ? PHR_OK
                        : phr_err_set(err, rc, rc == PHR_ETIMEOUT
                                      ? "the client was too slow"
                                      : "the client has left");
}


int
phr_call_stream_end(phr_call_t *c, int rc, phr_err_t *err)
{
    if (rc == PHR_OK && c->res->body.failed) {
        rc = phr_err_set(err, c->res->body.failed, "a part of the answer is "
                         "larger than the memory of a query");
    }

    if (rc == PHR_OK) {
        rc = phr_call_stream_send(c, 1, err);
    }

    phr_packing_destroy(c->packing);
    c->packing = NULL;
    phr_buf_free(&c->packed);

    return rc;
}


void
phr_call_compress(phr_call_t *c)
{
    phr_buf_t  packed;

    if (c->res->body.len < PHR_GZIP_MIN || phr_call_is_coded(c)
        || !phr_call_accepts(c->req->accept_encoding, phr_str_of("gzip")))
    {
        return;
    }

    phr_buf_init(&packed, 0);

    if (phr_pack(PHR_PACK_GZIP, phr_buf_view(&c->res->body), &packed, NULL)
        != PHR_OK)
    {
        phr_buf_free(&packed);
        return;
    }

    phr_buf_free(&c->res->body);
    c->res->body = packed;

    phr_call_coding(c, phr_str_of("gzip"));
}


/* whether the endpoint has compressed it already */

static int
phr_call_is_coded(const phr_call_t *c)
{
    size_t  i;

    for (i = 0; i < c->res->nheaders; i++) {
        if (phr_str_eq(c->res->headers[i].name,
                       phr_str_of("Content-Encoding")))
        {
            return 1;
        }
    }

    return 0;
}


static void
phr_call_coding(phr_call_t *c, phr_str_t coding)
{
    phr_call_header(c, "Content-Encoding", coding);
    phr_call_header(c, "Vary", phr_str_of("Accept-Encoding"));
}


/* a list of codings, each perhaps with ";q=0" */

static int
phr_call_accepts(phr_str_t s, phr_str_t coding)
{
    const char  *p, *end, *comma, *q;

    end = s.data + s.len;

    for (p = s.data; p < end; p = comma + 1) {

        comma = memchr(p, ',', end - p);
        if (comma == NULL) {
            comma = end;
        }

        while (p < comma && *p == ' ') {
            p++;
        }

        if ((size_t) (comma - p) < coding.len
            || memcmp(p, coding.data, coding.len) != 0)
        {
            continue;
        }

        q = memchr(p, '=', comma - p);
        if (q == NULL) {
            return 1;
        }

        for (q++; q < comma; q++) {
            if (*q >= '1' && *q <= '9') {
                return 1;
            }
        }

        return 0;
    }

    return 0;
}
