/*
 * Copyright (C) The Pharos Authors
 *
 * Remote write: exemplars of both versions, of series that are known, and of
 * those that are not.
 */

#include "rw.h"


/* into the part: "a=b" or "", of version 1 */
static void
exemplar(const char *label, double v, int64_t t_ms)
{
    int          i;
    phr_buf_t    e, l;
    const char  *eq;

    phr_buf_init(&e, 0);
    phr_buf_init(&l, 0);

    eq = strchr(label, '=');

    if (eq != NULL) {
        bytes(&l, 1, label, (size_t) (eq - label));
        bytes(&l, 2, eq + 1, strlen(eq + 1));
        bytes(&e, 1, l.data, l.len);
    }

    phr_buf_putc(&e, 2 << 3 | 1);
    for (i = 0; i < 64; i += 8) {
        phr_buf_putc(&e, (char) (phr_double_bits(v) >> i));
    }

    pb_int(&e, 3, (uint64_t) t_ms);
    bytes(&part, 3, e.data, e.len);

    phr_buf_free(&e);
    phr_buf_free(&l);
}


static void
offered(const char *want, uint64_t n, const char *name)
{
    is_str(phr_buf_cstr(&rec->exemplars), want, "%s", name);
    is_int(answer.nexemplars, n, "as many are written");
    phr_buf_reset(&rec->exemplars);
}


/* of version 2, with the symbols "t", "u" and "v" behind those of symbols() */
static void
exemplar_2(const char *refs, unsigned t_ms)
{
    phr_buf_t  e;

    phr_buf_init(&e, 0);
    bytes(&e, 1, refs, strlen(refs));
    phr_buf_append(&e, "\21\0\0\0\0\0\0\10\100", 9);
    pb_int(&e, 3, t_ms);
    bytes(&part, 4, e.data, e.len);
    phr_buf_free(&e);
}


static void
exemplars(void)
{
    int                       i;
    phr_remote_write_stats_t  st;

    start();
    rec->app.exemplars = 1;

    labels("__name__=a");
    sample(1, 1000);
    exemplar("t=x", 2, 900);
    exemplar("t=y", 3, 950);
    series(1);
    labels("__name__=b");
    exemplar("t=z", 4, 960);
    series(1);
    sent(V1, 204, "beside a sample, and of a series not known");
    offered("a {t=\"x\"} 2@own900|a {t=\"y\"} 3@own950|", 2,
            "those of the former");

    labels("__name__=b");
    sample(1, 1000);
    series(1);
    labels("__name__=b");
    exemplar("t=z", 4, 960);
    series(1);
    labels("__name__=a");
    exemplar("", 4, 0);
    exemplar("t=late", 4, 1);
    series(1);
    sent(V1, 204, "of series that are known, one of them late");
    offered("b {t=\"z\"} 4@own960|a {} 4@0|", 2, "but for that");

    phr_remote_write_stats(rw, &st);
    is_int(st.nexemplars, 4, "written");
    is_int(st.ndropped, 2, "and not");

    labels("__name__=a");
    sample(1, 2000);
    for (i = 0; i < 200; i++) {
        exemplar("t=m", i, 900 + i);
    }
    series(1);
    sent(V1, 204, "many");
    is_int(answer.nexemplars, 200, "all are written");
    phr_buf_reset(&rec->exemplars);

    /* another process: the id is not at hand, but the store has it */

    phr_remote_write_destroy(rw);
    phr_remote_write_create(&opt, &rec->app, &rw, &err);
    labels("__name__=b");
    exemplar("t=z", 4, 960);
    series(1);
    sent(V1, 204, "after a start");
    offered("b {t=\"z\"} 4@own960|", 1, "of a series of the store");

    symbols();
    pb_text(&body, 4, "t");
    pb_text(&body, 4, "u");
    bytes(&part, 1, "\1\2\3\4", 4);
    sample(1, 1000);
    exemplar_2("\11\12", 900);
    exemplar_2("\11\12", 1);
    exemplar_2("\11\77", 900);
    exemplar_2("\11", 900);
    series(2);
    sent(V2, 400, "in version 2");
    is_int(answer.nexemplars, 1, "the good one is written");
    says("3 out of order exemplar");
    phr_buf_reset(&rec->exemplars);

    symbols();
    bytes(&part, 1, "\1\2", 2);
    exemplar_2("\1\2", 900);
    series(2);
    sent(V2, 204, "of a series alone");
    is_int(answer.nexemplars, 1, "is taken, if it is known");

    symbols();
    bytes(&part, 1, "\1\4", 2);
    exemplar_2("\1\2", 900);
    series(2);
    sent(V2, 400, "else it is refused");
    says("a series without a sample");

    end();
}


int
main(void)
{
    exemplars();

    return done_testing();
}
