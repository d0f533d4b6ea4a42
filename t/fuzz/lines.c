/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as an exposition that lines are made of: in protobuf, or classic
 * histograms of the text formats.  What is made can be read, and is the same
 * when it is made again; histograms are valid.  The first byte has options.
 */

#include "fuzz.h"

#include "ingest/lines.h"


static int
make(phr_lines_t *k, unsigned how, phr_str_t body)
{
    phr_lines_options_t  o;

    o.native = how & 1;
    o.classic = how >> 1 & 1;
    o.convert = how >> 2 & 1;

    fuzz_check(phr_lines_init(k, &o) == PHR_OK);

    return how & 8 ? phr_lines_classic(k, how & 16 ? PHR_EXPO_TEXT
                                                   : PHR_EXPO_OPENMETRICS,
                                       body)
                   : phr_lines_protobuf(k, body);
}


static void
look(phr_lines_t *k)
{
    int                 rc;
    size_t              n;
    phr_err_t           err;
    phr_expo_t          p;
    phr_arena_t        *arena;
    phr_labels_t        ls;
    const phr_hist_t   *h;

    arena = phr_arena_create(0);
    n = 0;
    phr_lines_open(k, &p);

    while ((rc = phr_expo_next(&p, &err)) == PHR_OK) {
        phr_arena_reset(arena);

        if (p.event != PHR_EXPO_SAMPLE) {
            phr_expo_unescape(&p, arena, p.text);
            continue;
        }

        /* a label may be there twice: this is the end, then */

        if (phr_expo_labels(&p, arena, &ls, &err) != PHR_OK) {
            goto done;
        }

        if (p.is_hist) {
            fuzz_check(p.value == (double) n);
            h = *phr_array_get(&k->hists, const phr_hist_t *, n++);
            fuzz_check(phr_hist_validate(h, &err) == PHR_OK);
        }
    }

    fuzz_check(n == k->hists.nelts);
    fuzz_check(rc == (k->err.code != PHR_OK ? k->err.code : PHR_DONE));

done:

    phr_expo_free(&p);
    phr_arena_destroy(arena);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    phr_str_t    body;
    phr_lines_t  k, again;

    if (size == 0) {
        return 0;
    }

    body = fuzz_copy(data + 1, size - 1);

    fuzz_check(make(&k, data[0], body) == PHR_OK);
    look(&k);

    fuzz_check(make(&again, data[0], body) == PHR_OK);
    fuzz_check(phr_str_eq(phr_buf_view(&k.lines),
                          phr_buf_view(&again.lines)));

    phr_lines_free(&k);
    phr_lines_free(&again);
    fuzz_free(body);

    return 0;
}
