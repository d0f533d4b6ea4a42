/*
 * Copyright (C) The Pharos Authors
 *
 * Requests of remote write, made series by series, to a receiver that writes
 * into a recording appender; what is answered.
 */

#ifndef RW_H_INCLUDED
#define RW_H_INCLUDED


#include "core/alloc.h"
#include "core/bytes.h"
#include "core/pack.h"
#include "ingest/remote_write.h"

#include "pb.h"
#include "recapp.h"
#include "tap.h"


#define V1  "application/x-protobuf"
#define V2  "application/x-protobuf;proto=io.prometheus.write.v2.Request"
#define NOW  1000000


static recapp_t                    *rec;
static phr_remote_write_t          *rw;
static phr_remote_write_options_t   opt;
static phr_remote_write_answer_t    answer;
static phr_err_t                    err;
static phr_buf_t                    body;       /* of a request */
static phr_buf_t                    part;       /* of a series */


static inline void
start(void)
{
    rec = recapp_create();
    phr_buf_init(&body, 0);
    phr_buf_init(&part, 0);

    if (phr_remote_write_create(&opt, &rec->app, &rw, &err) != PHR_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}


static inline void
end(void)
{
    phr_remote_write_destroy(rw);
    recapp_destroy(rec);
    phr_buf_free(&body);
    phr_buf_free(&part);
    memset(&opt, 0, sizeof(opt));
}


static inline void
bytes(phr_buf_t *b, unsigned field, const void *data, size_t len)
{
    phr_buf_uvarint(b, field << 3 | 2);
    phr_buf_uvarint(b, len);
    phr_buf_append(b, data, len);
}


/* "a=b,c=d" into the part */
static inline void
labels(const char *s)
{
    const char  *eq, *comma;
    phr_buf_t    l;

    phr_buf_init(&l, 0);

    while (*s != '\0') {
        eq = strchr(s, '=');
        comma = strchr(eq, ',');
        comma = comma ? comma : eq + strlen(eq);

        phr_buf_reset(&l);
        bytes(&l, 1, s, (size_t) (eq - s));
        bytes(&l, 2, eq + 1, (size_t) (comma - eq - 1));
        bytes(&part, 1, l.data, l.len);
        s = *comma ? comma + 1 : comma;
    }

    phr_buf_free(&l);
}


static inline void
sample_bits(uint64_t bits, int64_t t_ms)
{
    int        i;
    phr_buf_t  s;

    phr_buf_init(&s, 0);

    if (bits != 0) {
        phr_buf_putc(&s, 1 << 3 | 1);
        for (i = 0; i < 64; i += 8) {
            phr_buf_putc(&s, (char) (bits >> i));
        }
    }

    if (t_ms != 0) {
        pb_int(&s, 2, (uint64_t) t_ms);
    }

    bytes(&part, 2, s.data, s.len);
    phr_buf_free(&s);
}


static inline void
sample(double v, int64_t t_ms)
{
    sample_bits(phr_double_bits(v), t_ms);
}


/* the part is a series of version 1 or 2 */
static inline void
series(int version)
{
    bytes(&body, version == 1 ? 1 : 5, part.data ? part.data : "", part.len);
    phr_buf_reset(&part);
}


static inline int
send_as(const char *type, const char *encoding, phr_str_t packed)
{
    phr_remote_write_request_t  r;

    r.content_type = phr_str_from_c(type);
    r.content_encoding = phr_str_from_c(encoding);
    r.body = packed;
    r.now_ms = NOW;

    return phr_remote_write_request(rw, &rec->app, &r, &answer, &err);
}


/* what was built, of which "want" must reach the appender at time t_ms */
static inline void
sent(const char *type, int status, const char *what)
{
    phr_buf_t  packed;

    phr_buf_init(&packed, 0);
    (void) phr_pack(PHR_PACK_SNAPPY, phr_buf_view(&body), &packed, NULL);

    is_int(send_as(type, "snappy", phr_buf_view(&packed)), PHR_OK,
           "%s: answered", what);

    if (!ok(answer.status == status, "%s: with %d", what, status)) {
        printf("# %d %s\n", answer.status, answer.text);
    }

    phr_buf_free(&packed);
    phr_buf_reset(&body);
}


static inline void
says(const char *s)
{
    if (!ok(strstr(answer.text, s) != NULL, "says \"%s\"", s)) {
        printf("# %s\n", answer.text);
    }
}


/* symbols: 0 "", 1 __name__, 2 a, 3 x, 4 1, 5 help, 6 unit, 7 \xff */
static inline void
symbols(void)
{
    size_t  i;

    static const char *const  s[] = {
        "", "__name__", "a", "x", "1", "help", "unit", "\xff", "h_bucket"
    };

    for (i = 0; i < phr_nelems(s); i++) {
        pb_text(&body, 4, s[i]);
    }
}


#endif /* RW_H_INCLUDED */
