/*
 * Copyright (C) The Pharos Authors
 *
 * Packing: see packing.h.
 */

#include "core/packing.h"

#include <limits.h>

#include <zlib.h>
#include <zstd.h>

#include "core/alloc.h"


/* bytes made at a time */
#define PHR_PACKING_STEP        (16 * 1024)

/* somebody waits for the next piece: fast rather than small */
#define PHR_PACKING_ZSTD_LEVEL  1
#define PHR_PACKING_GZIP_LEVEL  1

/* added to the window bits: the header and trailer of gzip */
#define PHR_PACKING_GZIP_BITS   (MAX_WBITS + 16)


struct phr_packing_s {
    phr_pack_format_e   format;
    z_stream            gzip;
    ZSTD_CCtx          *zstd;
};


static int phr_packing_gzip(phr_packing_t *p, phr_str_t in, int end,
    phr_buf_t *out);
static int phr_packing_zstd(phr_packing_t *p, phr_str_t in, int end,
    phr_buf_t *out);


phr_packing_t *
phr_packing_create(phr_pack_format_e format)
{
    phr_packing_t  *p;

    phr_assert(format == PHR_PACK_GZIP || format == PHR_PACK_ZSTD);

    p = phr_calloc(1, sizeof(phr_packing_t));
    if (p == NULL) {
        return NULL;
    }

    p->format = format;

    if (format == PHR_PACK_GZIP) {
        if (deflateInit2(&p->gzip, PHR_PACKING_GZIP_LEVEL, Z_DEFLATED,
                         PHR_PACKING_GZIP_BITS, 8, Z_DEFAULT_STRATEGY)
            == Z_OK)
        {
            return p;
        }

    } else {
        p->zstd = ZSTD_createCCtx();

        if (p->zstd != NULL
            && !ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd,
                                                    ZSTD_c_compressionLevel,
                                                    PHR_PACKING_ZSTD_LEVEL))
            && !ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd,
                                                    ZSTD_c_checksumFlag, 1)))
        {
            return p;
        }

        ZSTD_freeCCtx(p->zstd);
    }

    phr_free(p);

    return NULL;
}


void
phr_packing_destroy(phr_packing_t *p)
{
    if (p == NULL) {
        return;
    }

    if (p->format == PHR_PACK_GZIP) {
        (void) deflateEnd(&p->gzip);

    } else {
        ZSTD_freeCCtx(p->zstd);
    }

    phr_free(p);
}


int
phr_packing_write(phr_packing_t *p, phr_str_t in, int end, phr_buf_t *out,
    phr_err_t *err)
{
    int  rc;

    rc = p->format == PHR_PACK_GZIP ? phr_packing_gzip(p, in, end, out)
                                    : phr_packing_zstd(p, in, end, out);

    return rc == PHR_OK ? PHR_OK
                        : phr_err_set(err, rc, "data was not packed");
}


static int
phr_packing_gzip(phr_packing_t *p, phr_str_t in, int end, phr_buf_t *out)
{
    int   rc;
    char *to;

    if (in.len > UINT_MAX) {
        return PHR_ELIMIT;
    }

    p->gzip.next_in = (Bytef *) in.data;
    p->gzip.avail_in = (uInt) in.len;

    do {
        to = phr_buf_reserve(out, PHR_PACKING_STEP);
        if (to == NULL) {
            return out->failed;
        }

        p->gzip.next_out = (Bytef *) to;
        p->gzip.avail_out = PHR_PACKING_STEP;

        rc = deflate(&p->gzip, end ? Z_FINISH : Z_NO_FLUSH);

        /* without progress it says so, which is no failure */

        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            return PHR_ERROR;
        }

        out->len += PHR_PACKING_STEP - p->gzip.avail_out;

    } while (p->gzip.avail_out == 0 || (end && rc == Z_OK));

    return !end || rc == Z_STREAM_END ? PHR_OK : PHR_ERROR;
}


static int
phr_packing_zstd(phr_packing_t *p, phr_str_t in, int end, phr_buf_t *out)
{
    size_t          left;
    ZSTD_inBuffer   src;
    ZSTD_outBuffer  dst;

    src.src = in.data;
    src.size = in.len;
    src.pos = 0;

    do {
        dst.dst = phr_buf_reserve(out, PHR_PACKING_STEP);
        dst.size = PHR_PACKING_STEP;
        dst.pos = 0;

        if (dst.dst == NULL) {
            return out->failed;
        }

        left = ZSTD_compressStream2(p->zstd, &dst, &src,
                                    end ? ZSTD_e_end : ZSTD_e_continue);

        if (ZSTD_isError(left)) {
            return PHR_ENOMEM;
        }

        out->len += dst.pos;

    } while (end ? left != 0 : src.pos < src.size);

    return PHR_OK;
}
