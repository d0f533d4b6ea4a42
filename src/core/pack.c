/*
 * Copyright (C) The Pharos Authors
 *
 * Pack: the three libraries, each behind a pair of functions.  The size of
 * the output is known beforehand (snappy, packing) or watched while it is
 * produced (zstd and gzip, unpacking).
 */

#include "core/pack.h"

#include <limits.h>

#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "core/alloc.h"


/* bytes made at a time when the size is not known */
#define PHR_PACK_STEP      (64 * 1024)

/* windows beyond 8 MB are not asked of any reader by RFC 8878 */
#define PHR_PACK_ZSTD_LOG  23

#define PHR_PACK_ZSTD_LEVEL  3

/* added to the window bits: gzip on writing, zlib or gzip on reading */
#define PHR_PACK_GZIP      16
#define PHR_PACK_DETECT    32


static int phr_pack_snappy(phr_str_t in, phr_buf_t *out);
static int phr_pack_zstd(phr_str_t in, phr_buf_t *out);
static int phr_pack_gzip(phr_str_t in, phr_buf_t *out);
static int phr_unpack_snappy(phr_str_t in, size_t limit, phr_buf_t *out);
static int phr_unpack_zstd(phr_str_t in, size_t limit, phr_buf_t *out);
static int phr_unpack_gzip(phr_str_t in, size_t limit, phr_buf_t *out);
static char *phr_pack_step(phr_buf_t *out, size_t start, size_t limit,
    size_t *room);
static voidpf phr_pack_zalloc(voidpf data, uInt n, uInt size);
static void phr_pack_zfree(voidpf data, voidpf p);
static int phr_pack_done(const char *what, size_t start, int rc,
    phr_buf_t *out, phr_err_t *err);


/* ORDER phr_pack_format_e */
static const struct {
    const char  *name;
    int        (*pack)(phr_str_t in, phr_buf_t *out);
    int        (*unpack)(phr_str_t in, size_t limit, phr_buf_t *out);
} phr_pack_formats[] = {
    { "snappy", phr_pack_snappy, phr_unpack_snappy },
    { "zstd", phr_pack_zstd, phr_unpack_zstd },
    { "gzip", phr_pack_gzip, phr_unpack_gzip },
};


int
phr_pack(phr_pack_format_e format, phr_str_t in, phr_buf_t *out,
    phr_err_t *err)
{
    size_t  start;

    start = out->len;

    return phr_pack_done(phr_pack_formats[format].name, start,
                         phr_pack_formats[format].pack(in, out), out, err);
}


int
phr_unpack(phr_pack_format_e format, phr_str_t in, size_t limit_bytes,
    phr_buf_t *out, phr_err_t *err)
{
    int     rc;
    size_t  start;

    start = out->len;

    rc = phr_pack_formats[format].unpack(in, limit_bytes ? limit_bytes
                                                         : SIZE_MAX, out);

    return phr_pack_done(phr_pack_formats[format].name, start, rc, out, err);
}


static int
phr_pack_snappy(phr_str_t in, phr_buf_t *out)
{
    char    *p;
    size_t   n;

    n = snappy_max_compressed_length(in.len);

    p = phr_buf_reserve(out, n);
    if (p == NULL) {
        return out->failed;
    }

    if (snappy_compress(in.data, in.len, p, &n) != SNAPPY_OK) {
        return PHR_ERROR;
    }

    out->len += n;

    return PHR_OK;
}


static int
phr_pack_zstd(phr_str_t in, phr_buf_t *out)
{
    char    *p;
    size_t   n;

    n = ZSTD_compressBound(in.len);

    p = phr_buf_reserve(out, n);
    if (p == NULL) {
        return out->failed;
    }

    n = ZSTD_compress(p, n, in.data, in.len, PHR_PACK_ZSTD_LEVEL);
    if (ZSTD_isError(n)) {
        return PHR_ENOMEM;
    }

    out->len += n;

    return PHR_OK;
}


static int
phr_pack_gzip(phr_str_t in, phr_buf_t *out)
{
    int        rc;
    char      *p;
    size_t     n;
    z_stream   z;

    if (in.len > UINT_MAX / 2) {
        return PHR_ELIMIT;
    }

    memset(&z, 0, sizeof(z));
    z.zalloc = phr_pack_zalloc;
    z.zfree = phr_pack_zfree;

    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                     MAX_WBITS + PHR_PACK_GZIP, 8, Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        return PHR_ENOMEM;
    }

    n = deflateBound(&z, in.len);

    p = phr_buf_reserve(out, n);
    if (p == NULL) {
        deflateEnd(&z);
        return out->failed;
    }

    z.next_in = (Bytef *) in.data;
    z.avail_in = (uInt) in.len;
    z.next_out = (Bytef *) p;
    z.avail_out = (uInt) n;

    rc = deflate(&z, Z_FINISH);
    out->len += rc == Z_STREAM_END ? z.total_out : 0;

    deflateEnd(&z);

    return rc == Z_STREAM_END ? PHR_OK : PHR_ERROR;
}


static int
phr_unpack_snappy(phr_str_t in, size_t limit, phr_buf_t *out)
{
    char    *p;
    size_t   n;

    if (snappy_uncompressed_length(in.data, in.len, &n) != SNAPPY_OK) {
        return PHR_ECORRUPT;
    }

    if (n > limit) {
        return PHR_ELIMIT;
    }

    /* the length is a claim: nothing grows by more than 64 in this format */

    if (n / 64 > in.len) {
        return PHR_ECORRUPT;
    }

    p = phr_buf_reserve(out, n);
    if (p == NULL) {
        return out->failed;
    }

    if (snappy_uncompress(in.data, in.len, p, &n) != SNAPPY_OK) {
        return PHR_ECORRUPT;
    }

    out->len += n;

    return PHR_OK;
}


static int
phr_unpack_zstd(phr_str_t in, size_t limit, phr_buf_t *out)
{
    int              rc;
    size_t           n, room, start;
    ZSTD_DCtx       *z;
    ZSTD_inBuffer    src;
    ZSTD_outBuffer   dst;

    z = ZSTD_createDCtx();
    if (z == NULL) {
        return PHR_ENOMEM;
    }

    (void) ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, PHR_PACK_ZSTD_LOG);

    src.src = in.data;
    src.size = in.len;
    src.pos = 0;

    start = out->len;
    n = 1;
    rc = PHR_OK;

    while (rc == PHR_OK && (src.pos < src.size || n != 0)) {
        dst.dst = phr_pack_step(out, start, limit, &room);
        dst.size = room;
        dst.pos = 0;

        if (dst.dst == NULL) {
            rc = out->failed;
            break;
        }

        n = ZSTD_decompressStream(z, &dst, &src);

        if (ZSTD_isError(n)) {
            rc = PHR_ECORRUPT;
            break;
        }

        out->len += dst.pos;

        if (out->len - start > limit) {
            rc = PHR_ELIMIT;

        } else if (src.pos == src.size && n != 0 && dst.pos < dst.size) {
            rc = PHR_ECORRUPT;
        }
    }

    ZSTD_freeDCtx(z);

    return rc;
}


static int
phr_unpack_gzip(phr_str_t in, size_t limit, phr_buf_t *out)
{
    int        rc, zrc;
    size_t     room, start;
    z_stream   z;

    if (in.len > UINT_MAX) {
        return PHR_ELIMIT;
    }

    memset(&z, 0, sizeof(z));
    z.zalloc = phr_pack_zalloc;
    z.zfree = phr_pack_zfree;
    z.next_in = (Bytef *) in.data;
    z.avail_in = (uInt) in.len;

    if (inflateInit2(&z, MAX_WBITS + PHR_PACK_DETECT) != Z_OK) {
        return PHR_ENOMEM;
    }

    start = out->len;
    zrc = Z_OK;
    rc = PHR_OK;

    while (rc == PHR_OK) {
        z.next_out = (Bytef *) phr_pack_step(out, start, limit, &room);
        z.avail_out = (uInt) room;

        if (z.next_out == NULL) {
            rc = out->failed;
            break;
        }

        zrc = inflate(&z, Z_NO_FLUSH);
        out->len += room - z.avail_out;

        if (out->len - start > limit) {
            rc = PHR_ELIMIT;

        } else if (zrc == Z_STREAM_END && z.avail_in == 0) {
            break;

        } else if (zrc == Z_STREAM_END) {

            /* RFC 1952: several members make one file */

            rc = inflateReset(&z) == Z_OK ? PHR_OK : PHR_ECORRUPT;

        } else if (zrc != Z_OK) {
            rc = zrc == Z_MEM_ERROR ? PHR_ENOMEM : PHR_ECORRUPT;
        }
    }

    inflateEnd(&z);

    return rc;
}


/* room for the next piece; one byte beyond the limit shows that it is hit */

static char *
phr_pack_step(phr_buf_t *out, size_t start, size_t limit, size_t *room)
{
    size_t  left;

    left = limit - (out->len - start);
    *room = left < PHR_PACK_STEP ? left + 1 : PHR_PACK_STEP;

    return phr_buf_reserve(out, *room);
}


static voidpf
phr_pack_zalloc(voidpf data, uInt n, uInt size)
{
    return phr_calloc(n, size);
}


static void
phr_pack_zfree(voidpf data, voidpf p)
{
    phr_free(p);
}


static int
phr_pack_done(const char *what, size_t start, int rc, phr_buf_t *out,
    phr_err_t *err)
{
    if (rc == PHR_OK) {
        return PHR_OK;
    }

    out->len = start;

    return phr_err_set(err, rc, "%s: %s", what,
                       rc == PHR_ELIMIT ? "data is too large"
                       : rc == PHR_ENOMEM ? "no memory"
                       : rc == PHR_ECORRUPT ? "data is damaged"
                       : "data was not packed");
}
