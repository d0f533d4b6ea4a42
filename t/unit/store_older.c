/*
 * Copyright (C) The Pharos Authors
 *
 * Stores that older versions wrote, in t/store: they open, all samples are
 * there, are packed, and what is written now stands beside them.
 *
 *     plain.mdb.gz    rows and loose samples as doubles, not packed, of 30
 *                     and of 10 series; what older_value() gives
 */

#include <zlib.h>

#include "onestore.h"


#define ROWS      40
#define STEP_MS   15000
#define FROM_MS   (INT64_C(1774000000) * 1000)


static double
older_value(int i, int row)
{
    return i < 30 ? (double) (i * 7 + row * row) / 4
                  : -(double) i - (double) row / 8;
}


static void
unpack(const char *name)
{
    int     n;
    char    path[96], bytes[4096];
    FILE   *out;
    gzFile  in;

    snprintf(path, sizeof(path), "t/store/%s", name);
    in = gzopen(path, "rb");

    phr_store_close(st);
    st = NULL;
    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    out = fopen(path, "wb");

    if (in == NULL || out == NULL) {
        printf("Bail out! t/store/%s\n", name);
        exit(1);
    }

    while ((n = gzread(in, bytes, sizeof(bytes))) > 0) {
        fwrite(bytes, 1, (size_t) n, out);
    }

    gzclose(in);
    fclose(out);
    reopen();
}


/* samples that are as they should be; or a failure */
static int
right(int nrows)
{
    int                rc, i, row, n;
    size_t             k;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_querier_t     *q;
    phr_storage_t     *storage;
    phr_series_set_t  *set;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    n = 0;

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("job"), phr_str_of("test"),
                     &err);
    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->select(q, &m, 1, FROM_MS,
                            FROM_MS + (nrows - 1) * STEP_MS, NULL, arena,
                            &set, &err);

        while (rc == PHR_OK && (rc = set->next(set, &s, &err)) == PHR_OK) {
            i = atoi(phr_labels_get(s.labels, phr_str_of("__name__")).data
                     + 1);

            for (k = 0; k < s.n; k++) {
                row = (int) ((s.t_ms[k] - FROM_MS) / STEP_MS);
                n += s.t_ms[k] == FROM_MS + row * STEP_MS
                     && s.v[k] == older_value(i, row);
            }
        }

        q->ops->close(q);
    }

    phr_matcher_destroy(&m);
    phr_arena_destroy(arena);

    return rc == PHR_DONE ? n : rc;
}


static int
write_row(int row)
{
    int              i, rc, loose;
    double           v[30];
    int64_t          t_ms[30];
    phr_sid_t        sid[30];
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    rc = PHR_OK;

    for (loose = 0; loose < 2 && rc == PHR_OK; loose++) {
        memset(&b, 0, sizeof(b));
        rc = app->ops->source(app, phr_str_from_c(loose ? "loose" : "rows"),
                              &b.source, &err);

        b.n = loose ? 10 : 30;

        for (i = 0; i < (int) b.n && rc == PHR_OK; i++) {
            rc = series(30 * loose + i, &sid[i]);
            v[i] = older_value(30 * loose + i, row);
            t_ms[i] = FROM_MS + row * STEP_MS;
        }

        b.t_ms = t_ms[0];
        b.t_each = loose ? t_ms : NULL;
        b.sid = sid;
        b.v = v;

        if (rc == PHR_OK) {
            rc = app->ops->append(app, &b, &err);
        }
    }

    return rc == PHR_OK ? phr_store_commit(st, t_ms[0], 0, &err) : rc;
}


int
main(int argc, char **argv)
{
    int  i, rc;

    if (mkdtemp(dir) == NULL) {
        printf("Bail out! mkdtemp()\n");
        return 1;
    }

    fresh();

    if (argc > 1) {
        /* how the file was made, by the version before: it is kept */

        for (i = 0; i < ROWS; i++) {
            write_row(i);
        }

        phr_store_close(st);
        printf("%s/data.mdb\n", dir);

        return 0;
    }

    unpack("plain.mdb.gz");
    ok(right(ROWS) == 40 * ROWS, "rows and loose samples as doubles");
    ok(damaged() == 0, "are whole");

    rc = PHR_OK;

    for (i = ROWS; i < 2 * ROWS && rc == PHR_OK; i++) {
        rc = write_row(i);
    }

    ok(rc == PHR_OK && right(2 * ROWS) == 80 * ROWS, "and those of now");

    reopen();
    ok(right(2 * ROWS) == 80 * ROWS && damaged() == 0, "opened again");

    /* they are packed so long after the store was opened */

    rc = seal_all(FROM_MS);
    ok(rc == PHR_OK && seal_all(FROM_MS + INT64_C(7200000)) > 0
       && right(2 * ROWS) == 80 * ROWS, "packed");
    ok(damaged() == 0, "whole then");

    leave();

    return done_testing();
}
