/*
 * Copyright (C) The Pharos Authors
 *
 * What the writer of the text formats writes; and that our own parsers
 * read it.
 */

#include <math.h>

#include "ingest/expo_write.h"

#include "tap.h"


static void
write_all(phr_buf_t *out, phr_expo_format_e format)
{
    phr_labels_t        ls;
    phr_expo_writer_t   w;

    static const double     bounds[] = { 0.1, 1 };
    static const uint64_t   counts[] = { 2, 3, 4 };
    static const phr_label_t  l[] = {
        { phr_str("a.b"), phr_str("x\"\\\ny") },
        { phr_str("c"), phr_str("") },
    };
    static const phr_label_t  odd[] = {
        { phr_str("__name__"), phr_str("o d\"d") },
        { phr_str("z"), phr_str("1") },
    };

    phr_expo_begin(&w, out, format);

    phr_expo_family(&w, phr_str_of("p_total"), PHR_METRIC_COUNTER,
                    phr_str_of("Of \"it\".\\\nMore."));
    phr_expo_sample(&w, NULL, 0, 1e21);
    phr_expo_sample(&w, l, 2, -0.5);

    phr_expo_family(&w, phr_str_of("h"), PHR_METRIC_HISTOGRAM,
                    phr_str_of(""));
    phr_expo_histogram(&w, odd + 1, 1, bounds, counts, 2, 7.5);

    phr_expo_family(&w, phr_str_of("o d\"d"), PHR_METRIC_UNKNOWN,
                    phr_str_of(""));
    ls.l = odd;
    ls.n = 2;
    phr_expo_series(&w, ls, NAN, 1, 1500);
    phr_expo_end(&w);
}


static void
reads(phr_buf_t *out, phr_expo_format_e format)
{
    int         rc, n;
    phr_err_t   err;
    phr_expo_t  p;

    phr_err_init(&err);
    phr_expo_init(&p, format, phr_buf_view(out));

    for (n = 0; (rc = phr_expo_next(&p, &err)) == PHR_OK; /* void */) {
        n += p.event == PHR_EXPO_SAMPLE;
    }

    ok(rc == PHR_DONE && n == 8, "our parser reads it: %d %s", n, err.text);
    phr_expo_free(&p);
}


int
main(void)
{
    phr_buf_t  out;

    phr_buf_init(&out, 0);
    write_all(&out, PHR_EXPO_TEXT);
    is_str(phr_buf_cstr(&out),
           "# HELP p_total Of \"it\".\\\\\\nMore.\n"
           "# TYPE p_total counter\n"
           "p_total 1e+21\n"
           "p_total{\"a.b\"=\"x\\\"\\\\\\ny\",c=\"\"} -0.5\n"
           "# TYPE h histogram\n"
           "h_bucket{z=\"1\",le=\"0.1\"} 2\n"
           "h_bucket{z=\"1\",le=\"1\"} 5\n"
           "h_bucket{z=\"1\",le=\"+Inf\"} 9\n"
           "h_sum{z=\"1\"} 7.5\n"
           "h_count{z=\"1\"} 9\n"
           "# TYPE \"o d\\\"d\" untyped\n"
           "{\"o d\\\"d\",z=\"1\"} NaN 1500\n", "text");
    reads(&out, PHR_EXPO_TEXT);

    phr_buf_reset(&out);
    write_all(&out, PHR_EXPO_OPENMETRICS);
    is_str(phr_buf_cstr(&out),
           "# HELP p Of \\\"it\\\".\\\\\\nMore.\n"
           "# TYPE p counter\n"
           "p_total 1e+21\n"
           "p_total{\"a.b\"=\"x\\\"\\\\\\ny\",c=\"\"} -0.5\n"
           "# TYPE h histogram\n"
           "h_bucket{z=\"1\",le=\"0.1\"} 2\n"
           "h_bucket{z=\"1\",le=\"1.0\"} 5\n"
           "h_bucket{z=\"1\",le=\"+Inf\"} 9\n"
           "h_sum{z=\"1\"} 7.5\n"
           "h_count{z=\"1\"} 9\n"
           "# TYPE \"o d\\\"d\" unknown\n"
           "{\"o d\\\"d\",z=\"1\"} NaN 1.5\n"
           "# EOF\n", "OpenMetrics");
    reads(&out, PHR_EXPO_OPENMETRICS);
    phr_buf_free(&out);

    return done_testing();
}
