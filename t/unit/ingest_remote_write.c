/*
 * Copyright (C) The Pharos Authors
 *
 * Remote write: what becomes of good, bad and damaged requests of both
 * versions, and of series that the store has expired; metadata.
 */

#include "rw.h"


static void
one(const char *name, double v, int64_t t_ms)
{
    labels(name);
    sample(v, t_ms);
    series(1);
}


static void
version_1(void)
{
    phr_remote_write_stats_t  st;

    start();

    labels("__name__=a,x=1");
    sample(1, 1000);
    sample(0, 2000);
    series(1);
    one("__name__=b", 3, 1000);
    sent(V1, 204, "two series");
    is_str(answer.text, "", "nothing is refused");
    is_str(recapp_take(rec, 1000, NULL), "a{x=\"1\"} 1|b 3|", "at 1000");
    is_str(recapp_take(rec, 2000, NULL), "a{x=\"1\"} 0|", "zero is a value");

    one("__name__=a,x=1", 4, 3000);
    sent("", 204, "no content type");
    is_int(rec->series_calls, 2, "a series is looked up once");
    is_str(recapp_take(rec, 3000, NULL), "a{x=\"1\"} 4|", "and known then");

    one("x=1,__name__=a", 5, 4000);
    sent("application/x-protobuf; proto=prometheus.WriteRequest", 204,
         "labels out of order");
    is_str(recapp_take(rec, 4000, NULL), "a{x=\"1\"} 5|", "are sorted");

    one("__name__=a,x=1,y=", 6, 5000);
    sent(V1, 204, "an empty value");
    is_str(recapp_take(rec, 5000, NULL), "a{x=\"1\"} 6|", "is no label");

    labels("__name__=a");
    sample(7, 6000);
    labels("x=1");
    series(1);
    sent(V1, 204, "labels that do not stand together");
    is_str(recapp_take(rec, 6000, NULL), "a{x=\"1\"} 7|", "are one set");

    labels("__name__=s");
    sample_bits(PHR_STALE_NAN_BITS, 1000);
    sample_bits(PHR_NORMAL_NAN_BITS, 2000);
    series(1);
    sent(V1, 204, "NaNs");
    ok(phr_is_stale(rec->samples[0].v), "the marker is kept");
    ok(phr_double_bits(rec->samples[1].v) == PHR_NORMAL_NAN_BITS,
       "and so is the other");

    labels("__name__=neg");
    sample(1, -5);
    series(1);
    sent(V1, 204, "before 1970");
    is_str(recapp_take(rec, -5, NULL), "neg 1|", "is a time");

    labels("__name__=only");
    bytes(&part, 3, "", 0);
    series(1);
    sent(V1, 204, "a series with an exemplar alone");
    phr_remote_write_stats(rw, &st);
    is_int(st.ndropped, 1, "which is counted");

    sent(V1, 204, "an empty request");

    bytes(&body, 9, "later", 5);
    one("__name__=a,x=1", 8, 7000);
    sent(V1, 204, "unknown fields are passed over");

    end();
}


static void
refused(void)
{
    size_t  i;

    static const struct {
        const char  *labels;
        const char  *why;
    } bad[] = {
        { "", "no metric name" },
        { "a=b", "no metric name" },
        { "__name__=", "no metric name" },
        { "__name__=a,=b", "without a name" },
        { "__name__=a,b=1,b=2", "\"b\" occurs twice" },
        { "__name__=a,b=1,b=", "\"b\" occurs twice" },
        { "__name__=a\xff", "not UTF-8" },
        { "__name__=a,\xc3=b", "not UTF-8" },
        { "__name__=a,long_name=b", "more than 8 or 9" },
        { "__name__=a,b=long_value", "more than 8 or 9" },
        { "__name__=a,b=1,c=2,d=3,e=4", "more than 4 labels" },
    };

    opt.max_labels = 4;
    opt.max_name_bytes = 8;
    opt.max_value_bytes = 9;
    start();

    for (i = 0; i < phr_nelems(bad); i++) {
        one("__name__=good", (double) i, 1000 + (int64_t) i);
        one(bad[i].labels, 1, 1000);
        sent(V1, 400, bad[i].labels);
        says("1 refused, 1 written: 1 invalid labels");
        says(bad[i].why);
        is_int(answer.nsamples, 1, "the good one is written");
    }

    one("__name__=o", 1, 2000);
    sent(V1, 204, "a sample");
    one("__name__=o", 1, 2000);
    sent(V1, 204, "the same again is no error");
    one("__name__=o", 2, 2000);
    one("__name__=o", 2, 1000);
    one("__name__=p", 2, 1000);
    sent(V1, 400, "another value, and an old one");
    says("2 refused, 1 written: 1 out of order sample, 1 duplicate sample "
         "for timestamp; the first: duplicate sample for timestamp, series "
         "o, timestamp 2000");
    is_str(recapp_take(rec, 1000, NULL), "good 0|p 2|", "p is written");

    rec->max_series = rec->nseries;
    one("__name__=new", 1, 1000);
    one("__name__=p", 3, 2000);
    sent(V1, 400, "a series too many");
    says("1 refused, 1 written: 1 no room for new series; the first: no room "
         "for new series, series new");
    rec->max_series = 0;
    end();

    opt.max_samples = 2;
    start();
    one("__name__=a", 1, 1000);
    one("__name__=b", 1, 1000);
    sent(V1, 204, "as many samples as may be");
    labels("__name__=a");
    sample(1, 2000);
    sample(1, 3000);
    sample(1, 4000);
    series(1);
    sent(V1, 413, "one too many");
    is_str(recapp_take(rec, 2000, NULL), "", "none of which is taken");
    end();
}


/* count, sum and one bucket of all; the sum is 2.5 */
static void
histogram(unsigned field, uint64_t count, uint64_t bucket, int64_t t_ms)
{
    phr_buf_t  h;

    phr_buf_init(&h, 0);
    pb_int(&h, 1, count);
    phr_buf_append(&h, "\x19\0\0\0\0\0\0\x04\x40", 9);
    bytes(&h, 11, "\x08\x02\x10\x01", 4);
    pb_int(&h, 12, bucket * 2);
    pb_int(&h, 15, (uint64_t) t_ms);
    bytes(&part, field, h.data, h.len);
    phr_buf_free(&h);
}


static void
histograms(void)
{
    size_t                    i, n;
    phr_remote_write_stats_t  st;

    start();

    labels("__name__=h");
    sample(1, 1000);
    histogram(4, 3, 3, 2000);
    histogram(4, 4, 4, 3000);
    series(1);
    one("__name__=f", 7, 2000);
    sent(V1, 204, "histograms among floats");
    is_int(answer.nsamples, 2, "two floats");
    is_int(answer.nhistograms, 2, "two histograms");
    for (i = 0, n = 0; i < rec->nsamples; i++) {
        n += rec->samples[i].hist;
    }

    is_int(n, 2, "as what they are");
    is_str(recapp_take(rec, 2000, NULL), "f 7|h 2.5|", "in one series");
    phr_remote_write_stats(rw, &st);
    is_int(st.nsamples, 4, "all are counted");

    labels("__name__=h");
    histogram(4, 3, 4, 4000);
    histogram(4, 5, 5, 5000);
    series(1);
    sent(V1, 400, "an invalid histogram");
    says("1 refused, 1 written: 1 invalid native histogram; the first: 4 "
         "observations found in buckets, but the Count field is 3: "
         "histogram's observation count should equal");
    is_int(answer.nhistograms, 1, "the next one is written");

    labels("__name__=g");
    bytes(&part, 4, "", 0);
    series(1);
    sent(V1, 204, "an empty one is one");

    labels("__name__=g");
    bytes(&part, 4, "\x08", 1);
    series(1);
    sent(V1, 400, "one cut short");
    says("malformed");

    bytes(&body, 4, "", 0);
    bytes(&body, 4, "__name__", 8);
    bytes(&body, 4, "v2", 2);
    bytes(&part, 1, "\x01\x02", 2);
    histogram(3, 3, 3, 2000);
    series(2);
    sent(V2, 204, "version 2");
    is_int(answer.nsamples, 0, "no floats");
    is_int(answer.nhistograms, 1, "one histogram");

    bytes(&body, 4, "", 0);
    bytes(&body, 4, "__name__", 8);
    bytes(&body, 4, "v2", 2);
    bytes(&part, 1, "\x01\x02", 2);
    histogram(3, 3, 1, 2000);
    series(2);
    sent(V2, 400, "nothing but an invalid one");
    says("1 refused, 0 written: 1 invalid native histogram");

    end();
}


static void
malformed(void)
{
    size_t     i, len;
    phr_buf_t  packed, whole;

    static const struct {
        const char  *type;
        const char  *encoding;
        int          status;
    } kinds[] = {
        { V1, "", 204 },
        { V1, "Snappy", 204 },
        { "Application/X-Protobuf ; proto=\"prometheus.WriteRequest\"",
          "snappy", 204 },
        { V1, "gzip", 415 },
        { V1, "zstd", 415 },
        { "application/json", "snappy", 415 },
        { "text/plain", "", 415 },
        { "application/x-protobuf2", "snappy", 415 },
        { V1 ";proto=prometheus.Other", "snappy", 415 },
    };

    start();
    phr_buf_init(&packed, 0);
    phr_buf_init(&whole, 0);
    (void) phr_pack(PHR_PACK_SNAPPY, phr_str_of(""), &packed, NULL);

    for (i = 0; i < phr_nelems(kinds); i++) {
        is_int(send_as(kinds[i].type, kinds[i].encoding,
                       phr_buf_view(&packed)), PHR_OK, "%s", kinds[i].type);
        is_int(answer.status, kinds[i].status, "is %d", kinds[i].status);
    }

    send_as(V1, "snappy", phr_str_of("no snappy at all"));
    is_int(answer.status, 400, "what is not packed is refused");
    send_as(V1, "snappy", phr_str_of(""));
    is_int(answer.status, 400, "nothing is not packed, either");

    /* every beginning of a request: taken whole, or not at all */

    labels("__name__=a,x=1");
    sample(1, 1000);
    bytes(&part, 3, "\x11\0\0\0\0\0\0\0\0", 9);
    series(1);
    phr_buf_str(&whole, phr_buf_view(&body));
    phr_buf_reset(&body);

    for (len = 1; len < whole.len; len++) {
        phr_buf_append(&body, whole.data, len);
        sent(V1, 400, "cut short");
    }

    is_int(rec->nsamples, 0, "nothing was taken of them");
    is_int(rec->series_calls, 0, "nor any series made");

    static const struct {
        const char  *data;
        size_t       len;
        const char  *what;
    } damaged[] = {
        { "\x08\x01", 2, "a series that is a number" },
        { "\x0a\x02\x10\x01", 4, "a sample that is a number" },
        { "\x0a\x04\x12\x02\x08\x01", 6, "a value that is a varint" },
        { "\x0a\x03\x12\x01\x12", 5, "a time that is bytes" },
        { "\x18\x01", 2, "metadata that is a number" },
        { "\x0b", 1, "a group" },
        { "\x02\x00", 2, "field 0" },
        { "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11,
          "a length beyond all" },
    };

    for (i = 0; i < phr_nelems(damaged); i++) {
        phr_buf_append(&body, damaged[i].data, damaged[i].len);
        sent(V1, 400, damaged[i].what);
        says("malformed");
    }

    phr_buf_free(&packed);
    phr_buf_free(&whole);
    end();

    opt.max_body_bytes = 100;
    start();
    phr_buf_append(&body, memset(phr_buf_reserve(&body, 200), 0, 200), 200);
    sent(V1, 413, "large when unpacked");
    end();
}


static void
version_2(void)
{
    size_t                    pos;
    phr_metadata_t            md;
    phr_remote_write_stats_t  st;

    start();

    symbols();
    bytes(&part, 1, "\1\2\3\4", 4);
    sample(1, 1000);
    bytes(&part, 5, "\10\1\30\5\40\6", 6);
    series(2);
    sent(V2, 204, "a series");
    ok(answer.v2, "it is of version 2");
    is_int(answer.nsamples, 1, "one written");
    is_str(recapp_take(rec, 1000, NULL), "a{x=\"1\"} 1|", "which");
    pos = 0;
    ok(phr_remote_write_metadata(rw, &pos, &md), "its metadata");
    ok(phr_str_eq(md.metric, phr_str_of("a"))
       && phr_str_eq(md.help, phr_str_of("help"))
       && phr_str_eq(md.unit, phr_str_of("unit"))
       && md.type == PHR_METRIC_COUNTER, "is kept");

    /* other numbers, unpacked, symbols behind: the same series */

    pb_int(&part, 1, 0);
    pb_int(&part, 1, 2);
    pb_int(&part, 1, 3);
    pb_int(&part, 1, 1);
    sample(2, 2000);
    bytes(&part, 3, "", 0);
    bytes(&part, 4, "", 0);
    series(2);
    pb_text(&body, 4, "__name__");
    pb_text(&body, 4, "1");
    pb_text(&body, 4, "a");
    pb_text(&body, 4, "x");
    sent(V2, 400, "the same series, a histogram and an exemplar beside");
    is_int(rec->series_calls, 1, "the series is known");
    is_int(answer.nsamples, 1, "the sample is written");
    is_int(answer.nhistograms, 0, "the histogram is not");
    phr_remote_write_stats(rw, &st);
    is_int(st.ndropped, 1, "the exemplar is counted");

    symbols();
    bytes(&part, 1, "\1\2\3\4", 4);
    bytes(&part, 2, "\11\0\0\0\0\0\0\10\100\20\270\27\30\1", 14);
    series(2);
    sent(V2, 204, "with a start time");
    is_str(recapp_take(rec, 3000, NULL), "a{x=\"1\"} 3 since 1|",
           "is a sample");

    symbols();
    bytes(&part, 1, "\1\2\3\4", 4);
    bytes(&part, 2, "\11\0\0\0\0\0\0\10\100\20\240\37", 12);
    bytes(&part, 2, "\11\0\0\0\0\0\0\10\100\20\241\37\30\240\37", 15);
    bytes(&part, 2, "\11\0\0\0\0\0\0\10\100\20\242\37", 12);
    bytes(&part, 3, "\170\243\37\210\1\5", 6);
    bytes(&part, 3, "\170\244\37", 3);
    series(2);
    sent(V2, 204, "of some, histograms among them");
    is_str(recapp_take(rec, 4000, NULL), "a{x=\"1\"} 3|", "not before");
    is_str(recapp_take(rec, 4001, NULL), "a{x=\"1\"} 3 since 4000|", "this");
    is_str(recapp_take(rec, 4002, NULL), "a{x=\"1\"} 3|", "nor later");
    is_str(recapp_take(rec, 4003, NULL), "a{x=\"1\"} 0 since 5|",
           "a histogram");
    is_str(recapp_take(rec, 4004, NULL), "a{x=\"1\"} 0|", "and one without");

    symbols();
    bytes(&part, 1, "\1\2\3\4", 4);
    bytes(&part, 2, "\20\245\37\32\0", 5);
    series(2);
    sent(V2, 400, "of another wire type it is malformed");

    symbols();
    bytes(&part, 1, "\1\2\3\4", 4);
    bytes(&part, 3, "\170\245\37\212\1\0", 6);
    series(2);
    sent(V2, 400, "of a histogram, too");

    labels("__name__=one");
    bytes(&part, 2, "\11\0\0\0\0\0\0\10\100\20\270\27\30\1", 14);
    series(1);
    sent(V1, 204, "version 1 has none");
    is_str(recapp_take(rec, 3000, NULL), "one 3|", "so it is passed over");

    symbols();
    bytes(&part, 1, "\1\10", 2);
    sample(1, 1000);
    bytes(&part, 5, "\10\3\30\5", 4);
    series(2);
    sent(V2, 204, "a bucket of a histogram");
    pos = 0;
    while (phr_remote_write_metadata(rw, &pos, &md)
           && !phr_str_eq(md.metric, phr_str_of("h")))
    {
        /* void */
    }
    ok(md.type == PHR_METRIC_HISTOGRAM, "is of its family");

    static const struct {
        const char  *refs;
        size_t       len;
        const char  *why;
    } bad[] = {
        { "\1\2\3", 3, "symbols that are not there" },
        { "\1\2\3\11", 4, "symbols that are not there" },
        { "\1\2\3\377\377\377\377\377\1", 9, "symbols that are not there" },
        { "\1\7", 2, "not UTF-8" },
        { "\1\0", 2, "no metric name" },
        { "\1\2\0\4", 4, "without a name" },
        { "\1\2\1\4", 4, "occurs twice" },
        { "", 0, "no metric name" },
    };

    for (pos = 0; pos < phr_nelems(bad); pos++) {
        symbols();
        bytes(&part, 1, "\1\2\3\4", 4);
        sample(1, 10000 + (int64_t) pos);
        series(2);
        bytes(&part, 1, bad[pos].refs, bad[pos].len);
        sample(1, 1000);
        sample(1, 2000);
        series(2);
        sent(V2, 400, bad[pos].why);
        says("2 refused, 1 written");
        says(bad[pos].why);
    }

    symbols();
    bytes(&part, 1, "\1\2", 2);
    series(2);
    sent(V2, 400, "a series without a sample");
    says("without a sample");

    one("__name__=a", 1, 1000);
    sent(V2, 204, "a request of version 1 has nothing for version 2");
    is_int(answer.nsamples, 0, "nothing is written");

    end();
}


static void
expired(void)
{
    start();

    one("__name__=a", 1, 1000);
    one("__name__=b", 1, 1000);
    sent(V1, 204, "two series");
    rec->series[0].expired = 1;

    labels("__name__=a");
    sample(2, 2000);
    sample(3, 3000);
    series(1);
    one("__name__=b", 2, 2000);
    sent(V1, 204, "one of which expired");
    is_int(rec->series_calls, 3, "it is asked for again, once");
    is_str(recapp_take(rec, 2000, NULL), "a 2|b 2|", "all are written");
    is_str(recapp_take(rec, 3000, NULL), "a 3|", "all of them");

    one("__name__=a", 4, 4000);
    sent(V1, 204, "and once more");
    is_int(rec->series_calls, 3, "it is known");

    rec->fail = PHR_EIO;
    one("__name__=c", 4, 4000);
    phr_buf_reset(&part);
    {
        phr_buf_t  packed;

        phr_buf_init(&packed, 0);
        (void) phr_pack(PHR_PACK_SNAPPY, phr_buf_view(&body), &packed, NULL);
        is_int(send_as(V1, "snappy", phr_buf_view(&packed)), PHR_EIO,
               "what fails is not answered");
        rec->fail = 0;
        is_int(phr_remote_write_reload(rw, &rec->app, &err), PHR_OK,
               "after which it begins anew");
        is_int(send_as(V1, "snappy", phr_buf_view(&packed)), PHR_OK,
               "and goes on");
        is_int(answer.status, 204, "with 204");
        phr_buf_free(&packed);
    }

    end();
}


static void
metadata(void)
{
    size_t          pos;
    phr_buf_t       m;
    phr_metadata_t  md;

    opt.max_metadata = 1;
    start();
    phr_buf_init(&m, 0);

    pb_int(&m, 1, PHR_METRIC_GAUGE);
    pb_text(&m, 2, "metric");
    pb_text(&m, 4, "what it is");
    pb_text(&m, 5, "bytes");
    bytes(&body, 3, m.data, m.len);
    sent(V1, 204, "metadata");
    is_int(rec->nkv, 1, "is stored");

    bytes(&body, 3, m.data, m.len);
    sent(V1, 204, "again");
    rec->kv[0].value[1] ^= 1;
    bytes(&body, 3, m.data, m.len);
    sent(V1, 204, "and again");
    rec->kv[0].value[1] ^= 1;

    phr_buf_reset(&m);
    pb_text(&m, 2, "other");
    bytes(&body, 3, m.data, m.len);
    sent(V1, 204, "of one metric too many");
    is_int(rec->nkv, 1, "is not stored");

    phr_remote_write_destroy(rw);
    phr_remote_write_create(&opt, &rec->app, &rw, &err);
    pos = 0;
    ok(phr_remote_write_metadata(rw, &pos, &md), "it is there when it is "
       "read again");
    ok(phr_str_eq(md.metric, phr_str_of("metric"))
       && phr_str_eq(md.help, phr_str_of("what it is"))
       && phr_str_eq(md.unit, phr_str_of("bytes"))
       && md.type == PHR_METRIC_GAUGE, "as it was");
    ok(!phr_remote_write_metadata(rw, &pos, &md), "and alone");

    phr_buf_reset(&m);
    pb_text(&m, 2, "metric");
    pb_text(&m, 4, "is another");
    bytes(&body, 3, m.data, m.len);
    sent(V1, 204, "of the same metric");
    pos = 0;
    phr_remote_write_metadata(rw, &pos, &md);
    ok(phr_str_eq(md.help, phr_str_of("is another")), "is replaced");

    phr_buf_free(&m);
    end();
}


/* more series than the cache keeps, over and over */
static void
many(void)
{
    int   round, i;
    char  name[40];

    opt.max_cached = 500;
    start();

    for (round = 1; round <= 3; round++) {
        for (i = 0; i < 3000; i++) {
            snprintf(name, sizeof(name), "__name__=m,i=%d", i);
            one(name, i * round, round * 1000);
        }
        sent(V1, 204, "3,000 series");
        is_int(answer.nsamples, 3000, "all are written");
    }

    is_int(rec->nseries, 3000, "no two are taken for one");

    for (i = 0; i < 9000; i++) {
        if (rec->samples[i].v != (i % 3000) * (i / 3000 + 1)
            || rec->samples[i].sid != (phr_sid_t) (i % 3000))
        {
            break;
        }
    }

    is_int(i, 9000, "nor is a sample of another");
    end();
}


static void
no_memory(void)
{
    int        rc;
    long       n;
    phr_buf_t  packed, m;

    start();
    phr_buf_init(&packed, 0);
    phr_buf_init(&m, 0);
    pb_text(&m, 2, "metric");
    symbols();
    bytes(&part, 1, "\1\2\3\4", 4);
    sample(1, 1000);
    bytes(&part, 5, "\10\1\30\5\40\6", 6);
    series(2);
    (void) phr_pack(PHR_PACK_SNAPPY, phr_buf_view(&body), &packed, NULL);

    rc = PHR_ENOMEM;

    for (n = 1; n < 100 && rc != PHR_OK; n++) {
        phr_remote_write_destroy(rw);
        rw = NULL;
        phr_alloc_fail_at(n);

        rc = phr_remote_write_create(&opt, &rec->app, &rw, &err);

        if (rc == PHR_OK) {
            rc = send_as(V2, "snappy", phr_buf_view(&packed));
        }

        phr_alloc_fail_at(-1);

        if (rc != PHR_OK && rc != PHR_ENOMEM) {
            break;
        }
    }

    is_int(rc, PHR_OK, "without memory it fails %ld times, and well", n - 2);
    is_int(answer.nsamples, 1, "and then works");

    phr_buf_free(&packed);
    phr_buf_free(&m);
    end();
}


int
main(void)
{
    version_1();
    refused();
    histograms();
    malformed();
    version_2();
    expired();
    metadata();
    many();
    no_memory();

    return done_testing();
}
