/*
 * Copyright (C) The Pharos Authors
 *
 * Pushes: what they leave in the store, in the group, and over a restart;
 * what is refused; modes; the end of groups.
 */

#include "core/alloc.h"
#include "core/bytes.h"
#include "ingest/push.h"

#include "pb.h"
#include "recapp.h"
#include "tap.h"


static recapp_t            *rec;
static phr_push_t          *push;
static phr_push_options_t   opt;
static phr_push_answer_t    answer;
static phr_push_mode_e      mode;
static int64_t              ttl;
static const char          *id;
static phr_str_t            type;
static phr_err_t            err;
static int64_t              now;
static phr_buf_t            text;


static void
start(void)
{
    memset(&opt, 0, sizeof(opt));
    opt.max_groups = 100;
    opt.max_series = 100;
    opt.max_body_bytes = 10000;
    opt.max_ids = 3;
    mode = PHR_PUSH_DEFAULT;
    ttl = -1;
    id = "";
    now = 1000000;
    type = phr_str_of("text/plain");
    rec = recapp_create();
    phr_buf_init(&text, 0);

    if (phr_push_create(&opt, &rec->app, &push, &err) != PHR_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}


static void
end(void)
{
    is_int(rec->twice, 0, "no row names a series twice");
    phr_push_destroy(push);
    recapp_destroy(rec);
    phr_buf_free(&text);
}


static int
request(phr_push_method_e method, const char *path, const char *body)
{
    phr_push_request_t  r;

    memset(&r, 0, sizeof(r));
    r.method = method;
    r.path = phr_str_from_c(path);
    r.content_type = type;
    r.body = phr_str_from_c(body);
    r.id = phr_str_from_c(id);
    r.mode = mode;
    r.ttl_ms = ttl;
    r.now_ms = now;

    return phr_push_request(push, &rec->app, &r, &answer, &err);
}


/* one request a second; "want" are the samples without those of the group */

static void
sent(phr_push_method_e method, const char *path, const char *body, int status,
    const char *want)
{
    now += 1000;
    is_int(request(method, path, body), PHR_OK, "%s is answered", path);

    if (!ok(answer.status == status, "with %d", status)) {
        printf("# %d %s\n", answer.status, answer.text);
    }

    is_str(recapp_take(rec, now, "push_"), want, "samples are \"%s\"", want);
}


static const char *
exposed(void)
{
    phr_expo_writer_t  w;

    phr_buf_reset(&text);
    phr_expo_begin(&w, &text, PHR_EXPO_TEXT);
    phr_push_expose(push, &w, NULL);
    phr_expo_end(&w);

    return phr_buf_cstr(&text);
}


static void
replacing(void)
{
    start();

    sent(PHR_PUSH_PUT, "/metrics/job/j", "# TYPE a counter\n# HELP a It.\n"
         "a{x=\"1\"} 1\na{x=\"2\"} 2\nb 3", 200,
         "a{job=\"j\", x=\"1\"} 1|a{job=\"j\", x=\"2\"} 2|b{job=\"j\"} 3|");
    is_str(exposed(),
           "# HELP a It.\n# TYPE a counter\n"
           "a{instance=\"\",job=\"j\",x=\"1\"} 1\n"
           "a{instance=\"\",job=\"j\",x=\"2\"} 2\n"
           "# TYPE b untyped\nb{instance=\"\",job=\"j\"} 3\n"
           "# HELP push_failure_time_seconds Last Unix time when changing "
           "this group in the Pushgateway failed.\n"
           "# TYPE push_failure_time_seconds gauge\n"
           "push_failure_time_seconds{instance=\"\",job=\"j\"} 0\n"
           "# HELP push_time_seconds Last Unix time when changing this group "
           "in the Pushgateway succeeded.\n"
           "# TYPE push_time_seconds gauge\n"
           "push_time_seconds{instance=\"\",job=\"j\"} 1001\n", "exposed");

    sent(PHR_PUSH_POST, "/metrics/job/j", "# TYPE a counter\na{x=\"1\"} 5\n",
         200, "a{job=\"j\", x=\"1\"} 5|a{job=\"j\", x=\"2\"} stale|"
         "b{job=\"j\"} 3|");
    sent(PHR_PUSH_PUT, "/metrics/job/j", "a{x=\"1\"} 6\n", 200,
         "a{job=\"j\", x=\"1\"} 6|b{job=\"j\"} stale|");
    sent(PHR_PUSH_PUT, "/metrics/job/j/instance/i", "a{job=\"q\",instance="
         "\"q\"} 7\n", 200, "a{instance=\"i\", job=\"j\"} 7|");
    is_int(phr_push_ngroups(push), 2, "two groups");

    now += 1000;
    is_int(phr_push_tick(push, &rec->app, now, &err), PHR_OK, "a tick");
    is_str(recapp_take(rec, now, NULL),
           "a{instance=\"i\", job=\"j\"} 7|a{job=\"j\", x=\"1\"} 6|"
           "push_failure_time_seconds{instance=\"i\", job=\"j\"} 0|"
           "push_failure_time_seconds{job=\"j\"} 0|"
           "push_time_seconds{instance=\"i\", job=\"j\"} 1004|"
           "push_time_seconds{job=\"j\"} 1003|", "repeats all");

    is_int(request(PHR_PUSH_PUT, "/metrics/job/j", "a{x=\"1\"} 8\n"), PHR_OK,
           "a push in the millisecond of the row");
    is_str(recapp_take(rec, now, "push_"), "", "is not lost");
    is_str(recapp_take(rec, now + 1, "push_"), "a{job=\"j\", x=\"1\"} 8|",
           "but a millisecond later");

    sent(PHR_PUSH_DELETE, "/metrics/job/j", "", 202,
         "a{job=\"j\", x=\"1\"} stale|");
    sent(PHR_PUSH_DELETE, "/metrics/job/none", "", 202, "");
    is_int(phr_push_ngroups(push), 1, "one group is left");
    is_int(request(PHR_PUSH_PUT, "/metrics/job/j", "a{x=\"1\"} 9\n"), PHR_OK,
           "again at once");
    now += 1000;
    is_int(phr_push_wipe(push, &rec->app, now, &err), PHR_OK, "all wiped");
    is_int(rec->nkv, 0, "no record is left");
    is_int(phr_push_nseries(push), 0, "no series");
    end();
}


static void
refused(const char *path, const char *body, int status, const char *why)
{
    now += 1000;
    request(PHR_PUSH_PUT, path, body);

    if (!ok(answer.status == status && strstr(answer.text, why) != NULL,
            "refused with %d, %s", status, why))
    {
        printf("# %d %s\n", answer.status, answer.text);
    }
}


static void
refusals(void)
{
    size_t  n;

    start();

    refused("/metrics/job/j", "a 1 2\n", 400, "must not have timestamps");
    is_str(recapp_take(rec, now, "time_s_"),
           "push_failure_time_seconds{job=\"j\"} 1001|"
           "push_time_seconds{job=\"j\"} 0|", "the failure is recorded");
    refused("/metrics/job/p", "a y\n", 400, "invalid number");
    is_int(phr_push_ngroups(push), 1, "bad text makes no group");
    refused("/metrics/job/p", "a 1\na 2\n", 400, "was collected before");
    refused("/metrics/job/p", "# TYPE a gauge\n# TYPE a gauge\n", 400,
            "second TYPE line");
    refused("/metrics/job/p", "a 1\n# TYPE a gauge\n", 400,
            "second TYPE line");
    refused("/metrics/job/p", "# HELP a x\n# HELP a x\n", 400,
            "second HELP line");
    refused("/metrics/job/p", "# TYPE h histogram\nh_bucket{le=\"x\"} 1\n",
            400, "2:1: expected a number as \"le\"");
    refused("/metrics/job/p", "# TYPE s summary\ns_sum 1\n"
            "s{quantile=\"0.5s\"} 1\n", 400,
            "3:1: expected a number as \"quantile\"");
    refused("/metrics/job/", "a 1\n", 400, "job name is required");
    refused("/metrics/job/p/__x/y", "a 1\n", 400, "improper label name");

    sent(PHR_PUSH_PUT, "/metrics/job/g", "g{le=\"x\",quantile=\"y\"} 1\n",
         200, "g{job=\"g\", le=\"x\", quantile=\"y\"} 1|");
    sent(PHR_PUSH_DELETE, "/metrics/job/g", "", 202,
         "g{job=\"g\", le=\"x\", quantile=\"y\"} stale|");

    sent(PHR_PUSH_PUT, "/metrics/job/j", "# TYPE a counter\na 1\n", 200,
         "a{job=\"j\"} 1|");
    refused("/metrics/job/k", "# TYPE a gauge\na 1\n", 400, "is a counter");
    refused("/metrics/job/j/b/c", "# TYPE a counter\na{b=\"c\"} 1\n# TYPE h "
            "histogram\nh_count 1\nh_count{z=\"\"} 2\n", 400,
            "collected before");
    sent(PHR_PUSH_PUT, "/metrics/job/j", "# TYPE a gauge\na 1\n", 200,
         "a{job=\"j\"} 1|");
    refused("/metrics/job/j/instance/x", "a{q=\"1\"} 1\n", 400,
            "is a gauge");
    sent(PHR_PUSH_PUT, "/metrics/job/j", "b{instance=\"x\"} 1\n", 200,
         "a{job=\"j\"} stale|b{instance=\"x\", job=\"j\"} 1|");
    refused("/metrics/job/j/instance/x", "b 1\n", 400, "in another group");
    sent(PHR_PUSH_PUT, "/metrics/job/k", "# TYPE a gauge\na 1\n", 200,
         "a{job=\"k\"} 1|");
    sent(PHR_PUSH_PUT, "/metrics/job/l", "# TYPE a gauge\na 1\n", 200,
         "a{job=\"l\"} 1|");
    refused("/metrics/job/l", "# TYPE a counter\na 1\n", 400,
            "is a gauge in another group");
    sent(PHR_PUSH_DELETE, "/metrics/job/k", "", 202, "a{job=\"k\"} stale|");
    sent(PHR_PUSH_PUT, "/metrics/job/l", "# TYPE a counter\na 1\n", 200,
         "a{job=\"l\"} 1|");
    refused("/metrics/job/h", "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\n"
            "h_count 1\nh_sum 1\n# TYPE h_count counter\nh_count 2\n", 400,
            "collected before");
    refused("/metrics/job/h", "# TYPE h_sum gauge\nh_sum 2\n# TYPE h summary"
            "\nh_count 1\n", 400, "collides");

    n = phr_push_ngroups(push);
    refused("/metrics/job/l/e@base64/=", "c 1\n", 400,
            "push_time_seconds was collected before");
    refused("/metrics/job/l/e@base64/=", "# TYPE a counter\na 1\n", 400,
            "a was collected before");
    is_int(phr_push_ngroups(push), n, "a label of nothing makes no group");
    sent(PHR_PUSH_PUT, "/metrics/job/l", "# TYPE a counter\na 2\n", 200,
         "a{job=\"l\"} 2|");

    opt.max_series = 2;
    opt.max_groups = phr_push_ngroups(push);
    phr_push_configure(push, &opt);
    refused("/metrics/job/j", "a 1\nb 1\nc 1\n", 400, "more than 2 series");
    refused("/metrics/job/new", "a 1\n", 400, "push groups");
    opt.max_body_bytes = 3;
    phr_push_configure(push, &opt);
    refused("/metrics/job/j", "a 11\n", 413, "larger than 3 bytes");
    end();

    start();
    rec->max_series = 2;
    now += 1000;
    request(PHR_PUSH_PUT, "/metrics/job/j", "a 1\n");
    is_int(answer.status, 503, "no room in the store");
    is_int(phr_push_ngroups(push), 0, "leaves nothing");
    rec->max_series = 0;
    sent(PHR_PUSH_PUT, "/metrics/job/j", "a 1\n", 200, "a{job=\"j\"} 1|");
    rec->fail = PHR_EIO;
    is_int(request(PHR_PUSH_PUT, "/metrics/job/j", "a 2\n"), PHR_EIO,
           "a failure of the store is one of the call");
    rec->fail = 0;
    is_int(phr_push_reload(push, &rec->app, &err), PHR_OK, "reloaded");
    sent(PHR_PUSH_POST, "/metrics/job/j", "b 2\n", 200,
         "a{job=\"j\"} 1|b{job=\"j\"} 2|");
    end();
}


static void
modes(void)
{
    const char  *body;

    body = "# TYPE c counter\nc 1\n# TYPE g gauge\ng 5\nu 1\nu_total 1\n"
           "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\n"
           "# TYPE s summary\ns{quantile=\"0.5\"} 3\ns_sum 2\ns_count 1\n";

    start();
    mode = PHR_PUSH_AGGREGATE;
    request(PHR_PUSH_PUT, "/metrics/job/j", body);
    recapp_take(rec, now, NULL);
    sent(PHR_PUSH_POST, "/metrics/job/j", body, 200, "c{job=\"j\"} 2|"
         "g{job=\"j\"} 5|h_bucket{job=\"j\", le=\"+Inf\"} 2|h_count{job="
         "\"j\"} 2|h_sum{job=\"j\"} 4|s_count{job=\"j\"} 2|s_sum{job=\"j\"} "
         "4|s{job=\"j\", quantile=\"0.5\"} 3|u_total{job=\"j\"} 2|u{job="
         "\"j\"} 1|");
    sent(PHR_PUSH_PUT, "/metrics/job/j", "# TYPE c counter\nc{x=\"1\"} 1\n",
         200, "c{job=\"j\", x=\"1\"} 1|c{job=\"j\"} 2|"
         "g{job=\"j\"} 5|h_bucket{job=\"j\", le=\"+Inf\"} 2|h_count{job="
         "\"j\"} 2|h_sum{job=\"j\"} 4|s_count{job=\"j\"} 2|s_sum{job=\"j\"} "
         "4|s{job=\"j\", quantile=\"0.5\"} 3|u_total{job=\"j\"} 2|u{job="
         "\"j\"} 1|");
    refused("/metrics/job/j", "# TYPE c gauge\nc 1\n", 400, "is a counter");
    end();

    start();
    mode = PHR_PUSH_EVENT;
    sent(PHR_PUSH_PUT, "/metrics/job/j", "e 1\n", 200, "e{job=\"j\"} 1|");
    sent(PHR_PUSH_PUT, "/metrics/job/j", "e 1\n", 200, "e{job=\"j\"} 2|");
    phr_push_reload(push, &rec->app, &err);
    sent(PHR_PUSH_PUT, "/metrics/job/j", "e 1\n", 200, "e{job=\"j\"} 3|");

    id = "r1";
    sent(PHR_PUSH_PUT, "/metrics/job/j", "e 1\n", 200, "e{job=\"j\"} 4|");
    sent(PHR_PUSH_PUT, "/metrics/job/j", "e 1\n", 200, "");
    phr_push_reload(push, &rec->app, &err);
    sent(PHR_PUSH_PUT, "/metrics/job/j", "e 1\n", 200, "");
    id = "r2";
    refused("/metrics/job/j", "e y\n", 400, "invalid");
    refused("/metrics/job/j", "e 1\n", 400, "invalid");
    id = "r3";
    sent(PHR_PUSH_PUT, "/metrics/job/j", "e 1\n", 200, "e{job=\"j\"} 5|");
    id = "r4";
    sent(PHR_PUSH_PUT, "/metrics/job/j", "e 1\n", 200, "e{job=\"j\"} 6|");
    is_int(rec->nkv, 3, "the oldest id is forgotten, and its record");
    id = "r1";
    sent(PHR_PUSH_PUT, "/metrics/job/j", "e 1\n", 200, "e{job=\"j\"} 7|");
    end();
}


static void
endings(void)
{
    size_t  i;

    start();
    ttl = 5000;
    sent(PHR_PUSH_PUT, "/metrics/job/j", "a 1\n", 200, "a{job=\"j\"} 1|");
    now += 4999;
    phr_push_tick(push, &rec->app, now, &err);
    is_str(recapp_take(rec, now, "push_"), "a{job=\"j\"} 1|", "in its time");
    now++;
    phr_push_tick(push, &rec->app, now, &err);
    is_str(recapp_take(rec, now, "push_"), "a{job=\"j\"} stale|", "over");
    is_int(phr_push_ngroups(push), 0, "the group is gone");
    is_int(rec->nkv, 0, "its record, too");
    end();

    start();
    sent(PHR_PUSH_PUT, "/metrics/job/j", "a 1\n", 200, "a{job=\"j\"} 1|");
    phr_push_reload(push, &rec->app, &err);
    sent(PHR_PUSH_DELETE, "/metrics/job/j", "", 202, "a{job=\"j\"} stale|");
    sent(PHR_PUSH_PUT, "/metrics/job/j", "a 1\n", 200, "a{job=\"j\"} 1|");

    for (i = 0; i < rec->nseries; i++) {
        rec->series[i].expired = 1;
    }

    now += 1000;
    phr_push_tick(push, &rec->app, now, &err);
    is_str(recapp_take(rec, now, "push_"), "a{job=\"j\"} 1|",
           "series that expired are made again");
    end();
}


static void
formats(void)
{
    start();
    type = phr_str_of("application/openmetrics-text; version=1.0.0");
    sent(PHR_PUSH_PUT, "/metrics/job/j", "# HELP c It.\n# TYPE c counter\n"
         "c_total 1 # {t=\"1\"} 1\nc_created 5\n# TYPE i info\n"
         "i_info{v=\"1\"} 1\n# EOF\n", 200, "c_created{job=\"j\"} 5|"
         "c_total{job=\"j\"} 1|i_info{job=\"j\", v=\"1\"} 1|");
    ok(strstr(exposed(), "# HELP c_total It.\n# TYPE c_total counter\n"
              "c_total{instance=\"\",job=\"j\"} 1\n"
              "# TYPE i_info gauge\n") != NULL,
       "OpenMetrics becomes text");
    refused("/metrics/job/j", "c_total 1\n", 400, "does not end with");
    end();

    start();
    sent(PHR_PUSH_PUT, "/metrics/job/j", "# TYPE h histogram\n"
         "h_bucket{le=\"1\",x=\"y\"} 1\nh_bucket{le=\"+Inf\",x=\"y\"} 2\n"
         "h_sum{x=\"y\"} 1.5\nh_count{x=\"y\"} 2\n", 200,
         "h_bucket{job=\"j\", le=\"+Inf\", x=\"y\"} 2|"
         "h_bucket{job=\"j\", le=\"1\", x=\"y\"} 1|"
         "h_count{job=\"j\", x=\"y\"} 2|h_sum{job=\"j\", x=\"y\"} 1.5|");
    phr_buf_reset(&text);
    phr_push_json(push, &text);
    is_str(phr_buf_cstr(&text),
           "[{\"labels\":{\"job\":\"j\"},\"last_push_successful\":true,"
           "\"h\":{\"time_stamp\":\"1970-01-01T00:16:41Z\",\"type\":"
           "\"HISTOGRAM\",\"metrics\":[{\"labels\":{\"instance\":\"\","
           "\"job\":\"j\",\"x\":\"y\"},\"buckets\":{\"1\":\"1\",\"+Inf\":"
           "\"2\"},\"sum\":\"1.5\",\"count\":\"2\"}]},"
           "\"push_time_seconds\":{\"time_stamp\":\"1970-01-01T00:16:41Z\","
           "\"type\":\"GAUGE\",\"help\":\"Last Unix time when changing this "
           "group in the Pushgateway succeeded.\",\"metrics\":[{\"labels\":{"
           "\"instance\":\"\",\"job\":\"j\"},\"value\":\"1001\"}]},"
           "\"push_failure_time_seconds\":{\"time_stamp\":"
           "\"1970-01-01T00:16:41Z\",\"type\":\"GAUGE\",\"help\":\"Last Unix "
           "time when changing this group in the Pushgateway failed.\","
           "\"metrics\":[{\"labels\":{\"instance\":\"\",\"job\":\"j\"},"
           "\"value\":\"0\"}]}}]", "JSON");
    end();
}


/* what a group may have by default, in one family, in the writer's thread */

static void
json_many(void)
{
    int                 i;
    char                line[100];
    phr_buf_t           b;
    const char         *p;
    phr_push_request_t  r;

    start();
    opt.max_series = 0;
    opt.max_body_bytes = 0;
    phr_push_configure(push, &opt);

    phr_buf_init(&b, 0);
    phr_buf_puts(&b, "# TYPE h histogram\n");

    for (i = 0; i < 4000; i++) {
        snprintf(line, sizeof(line), "h_bucket{le=\"%d\",x=\"%d\"} %d\n",
                 i / 2000, i % 2000, i);
        phr_buf_puts(&b, line);
    }

    memset(&r, 0, sizeof(r));
    r.path = phr_str_of("/metrics/job/j");
    r.body = phr_buf_view(&b);
    r.ttl_ms = -1;
    r.now_ms = now;

    is_int(phr_push_request(push, &rec->app, &r, &answer, &err), PHR_OK,
           "a histogram with many label sets");

    phr_push_json(push, &text);

    ok(strstr(phr_buf_cstr(&text), "\"metrics\":[{\"labels\":{\"instance\":"
              "\"\",\"job\":\"j\",\"x\":\"0\"},\"buckets\":{\"0\":\"0\","
              "\"1\":\"2000\"}},{\"labels\":{\"instance\":\"\","
              "\"job\":\"j\",\"x\":\"1\"}") != NULL,
       "in the order in which it was pushed");

    p = phr_buf_cstr(&text);

    for (i = 0; i < 2000; i++) {
        snprintf(line, sizeof(line), "\"x\":\"%d\"},\"buckets\":{\"0\":"
                 "\"%d\",\"1\":\"%d\"}}", i, i, i + 2000);

        p = strstr(p, line);
        if (p == NULL) {
            break;
        }
    }

    is_int(i, 2000, "all of them, each with what is its own");

    phr_buf_free(&b);
    end();
}


static void
incomplete(void)
{
    start();
    sent(PHR_PUSH_PUT, "/metrics/job/j/z/y", "# TYPE h histogram\n"
         "h_bucket{a=\"b\",le=\"1\"} 3\nh_count{a=\"b\"} 5\n"
         "h_bucket{le=\"+Inf\"} 2\nh_count 4\n"
         "# TYPE h_count_count untyped\nh_count_count 1\n"
         "# TYPE s summary\ns_count 7\n", 200,
         "h_bucket{a=\"b\", job=\"j\", le=\"+Inf\", z=\"y\"} 5|"
         "h_bucket{a=\"b\", job=\"j\", le=\"1\", z=\"y\"} 3|"
         "h_bucket{job=\"j\", le=\"+Inf\", z=\"y\"} 2|"
         "h_count_count{job=\"j\", z=\"y\"} 1|"
         "h_count{a=\"b\", job=\"j\", z=\"y\"} 5|"
         "h_count{job=\"j\", z=\"y\"} 4|s_count{job=\"j\", z=\"y\"} 7|");
    sent(PHR_PUSH_PUT, "/metrics/job/j/le/y", "# TYPE k histogram\n"
         "k_count 5\n", 200, "k_count{job=\"j\", le=\"y\"} 5|");
    sent(PHR_PUSH_PUT, "/metrics/job/j", "# TYPE m histogram\n"
         "m_bucket{le=\"1\"} 5\nm_sum 3\n", 200,
         "m_bucket{job=\"j\", le=\"1\"} 5|m_sum{job=\"j\"} 3|");
    sent(PHR_PUSH_PUT, "/metrics/job/k", "# TYPE n histogram\n"
         "n_bucket{LE=\"1\"} 5\nn_count{a=\"1\",b=\"2\"} 3\n", 200,
         "n_bucket{LE=\"1\", job=\"k\"} 5|"
         "n_bucket{a=\"1\", b=\"2\", job=\"k\", le=\"+Inf\"} 3|"
         "n_count{a=\"1\", b=\"2\", job=\"k\"} 3|");
    end();
}


static int
pb_request(phr_str_t body)
{
    phr_push_request_t  r;

    memset(&r, 0, sizeof(r));
    now += 1000;
    r.path = phr_str_of("/metrics/job/j");
    r.content_type = phr_str_of("application/vnd.google.protobuf; proto="
                                "io.prometheus.client.MetricFamily; "
                                "encoding=delimited");
    r.body = body;
    r.ttl_ms = -1;
    r.now_ms = now;

    if (phr_push_request(push, &rec->app, &r, &answer, &err) != PHR_OK) {
        return -1;
    }

    return answer.status;
}


static void
protobuf(void)
{
    size_t     i, n;
    char      *exact;
    phr_buf_t  b, v, part;

    start();
    phr_buf_init(&b, 0);
    phr_buf_init(&v, 0);
    phr_buf_init(&part, 0);

    pb_double(&v, 1, 2.5);
    pb_family(&b, "c", 0, 3, &v);
    pb_family(&b, "g", 1, 2, &v);
    pb_family(&b, "u", 3, 5, &v);

    phr_buf_reset(&v);
    pb_int(&v, 1, 300);
    pb_double(&v, 2, 7);
    pb_double(&part, 1, 0.5);
    pb_double(&part, 2, 8);
    pb_bytes(&v, 3, &part);
    pb_family(&b, "s", 2, 4, &v);

    phr_buf_reset(&v);
    phr_buf_reset(&part);
    pb_int(&v, 1, 4);
    pb_double(&v, 2, 9);
    pb_int(&part, 1, 3);
    pb_double(&part, 2, 1);
    pb_bytes(&v, 3, &part);
    pb_family(&b, "h", 4, 7, &v);

    is_int(pb_request(phr_buf_view(&b)), 200, "protobuf is taken");
    is_str(recapp_take(rec, now, "push_"),
           "c{job=\"j\", x=\"1\"} 2.5|g{job=\"j\", x=\"1\"} 2.5|"
           "h_bucket{job=\"j\", le=\"+Inf\", x=\"1\"} 4|"
           "h_bucket{job=\"j\", le=\"1\", x=\"1\"} 3|"
           "h_count{job=\"j\", x=\"1\"} 4|h_sum{job=\"j\", x=\"1\"} 9|"
           "s_count{job=\"j\", x=\"1\"} 300|"
           "s_sum{job=\"j\", x=\"1\"} 7|"
           "s{job=\"j\", quantile=\"0.5\", x=\"1\"} 8|"
           "u{job=\"j\", x=\"1\"} 2.5|", "as text would be");
    ok(strstr(exposed(), "# HELP c It.\n# TYPE c counter\n") != NULL,
       "with help and type");

    /* cut short anywhere but between families it is refused */

    n = 0;

    for (i = 0; i < b.len; i++) {
        exact = malloc(i + 1);
        memcpy(exact, b.data, i);
        n += pb_request(phr_str_from(exact, i)) == 200;
        free(exact);
    }

    is_int(n, 5, "what is cut short is refused");

    /* a family whose metrics are numbers has none */

    is_int(pb_request(phr_str_of("\x07\x0a\x01" "1\x18\x00\x20\x13")), 200,
           "a family without metrics");
    is_int(phr_push_reload(push, &rec->app, &err), PHR_OK,
           "leaves a good record");

    phr_buf_reset(&b);
    pb_family(&b, "w", 1, 3, &v);
    is_int(pb_request(phr_buf_view(&b)), 400, "a value of another type");
    ok(strstr(answer.text, "is not a gauge") != NULL, "says so");

    phr_buf_free(&b);
    phr_buf_free(&v);
    phr_buf_free(&part);
    end();
}


static void
path(const char *in, const char *want)
{
    int           rc;
    size_t        i;
    phr_buf_t     b;
    phr_arena_t  *arena;
    phr_labels_t  ls;

    arena = phr_arena_create(0);
    phr_buf_init(&b, 0);

    rc = phr_push_path(arena, phr_str_from_c(in), &ls, &err);

    for (i = 0; rc == PHR_OK && i < ls.n; i++) {
        phr_buf_printf(&b, "%s%.*s=%.*s", i ? " " : "",
                       (int) ls.l[i].name.len, ls.l[i].name.data,
                       (int) ls.l[i].value.len, ls.l[i].value.data);
    }

    if (rc == PHR_OK) {
        is_str(phr_buf_cstr(&b), want, "path %s", in);
    } else {
        ok(strstr(err.text, want) != NULL, "path %s: %s", in, err.text);
    }

    phr_buf_free(&b);
    phr_arena_destroy(arena);
}


static void
paths(void)
{
    path("/metrics/job/j", "job=j");
    path("/metrics/job/j/", "job=j");
    path("/metrics/job/j/instance/i", "instance=i job=j");
    path("/metrics/job/j/z/1/a/2", "a=2 job=j z=1");
    path("/metrics/job@base64/L3Zhci90bXA=", "job=/var/tmp");
    path("/metrics/job@base64/L3Zhci90bXA/a@base64/=", "a= job=/var/tmp");
    path("/metrics/job/j/a@base64/8J-Ygg", "a=\xf0\x9f\x98\x82 job=j");
    path("/metrics/job/a%20b/c/d%C3%A4", "c=d\xc3\xa4 job=a b");
    path("/metrics/job/j/job/other", "job=j");
    path("/metrics/job/j/a/1/a/2", "a=2 job=j");
    path("/metrics/job/j/a//b/c", "a= b=c job=j");
    path("/metrics/job/j/a", "odd number of components");
    path("/metrics/job/j/a/b/", "improper label name");
    path("/metrics/job/a%2Fb", "odd number of components");
    path("/metrics/job", "job name is required");
    path("/metrics/job//a/b", "job name is required");
    path("/metrics/job@base64/=", "job name is required");
    path("/metrics/job@base64/@", "invalid base64 encoding");
    path("/metrics/job@base64/A", "invalid base64 encoding");
    path("/metrics/job/j/__a/b", "improper label name");
    path("/metrics/job/j/a-b/c", "improper label name");
    path("/metrics/jobs/j", "does not begin");
    path("/metric", "does not begin");
    path("/metrics/job/%zz", "invalid URL escape");
    path("/metrics/job/j%2", "invalid URL escape");
    path("/metrics/job/j/a/%ff", "not valid UTF-8");
}


static void
no_memory(void)
{
    int   rc;
    long  i;

    start();
    sent(PHR_PUSH_PUT, "/metrics/job/j", "a 1\n", 200, "a{job=\"j\"} 1|");

    for (i = 0; i < 400; i++) {
        now += 1000;
        phr_alloc_fail_at(i);
        rc = request(PHR_PUSH_PUT, "/metrics/job/j",
                     "# HELP b x\nb{x=\"1\"} 1\n# TYPE h histogram\n"
                     "h_count{x=\"1\"} 1\n");
        phr_alloc_fail_at(-1);

        if (rc == PHR_OK && answer.status == 200) {
            break;
        }

        if (rc != PHR_ENOMEM && answer.status != 503) {
            ok(0, "allocation %ld: %d %d %s", i, rc, answer.status,
               answer.text);
        }

        phr_push_reload(push, &rec->app, &err);
    }

    ok(i > 20 && i < 400, "no memory at %ld places is an error", i);
    recapp_take(rec, now, NULL);
    sent(PHR_PUSH_PUT, "/metrics/job/j", "b{x=\"1\"} 2\n", 200,
         "b{job=\"j\", x=\"1\"} 2|"
         "h_bucket{job=\"j\", le=\"+Inf\", x=\"1\"} stale|"
         "h_count{job=\"j\", x=\"1\"} stale|");
    end();
}


static void
damage(void)
{
    size_t  i;
    char    keep;

    start();
    sent(PHR_PUSH_PUT, "/metrics/job/j", "a 1\n", 200, "a{job=\"j\"} 1|");

    for (i = 0; i < rec->kv[0].value_len; i++) {
        keep = rec->kv[0].value[i];
        rec->kv[0].value[i] = (char) (keep ^ 0x41);
        phr_push_reload(push, &rec->app, &err);
        rec->kv[0].value[i] = keep;
        rec->kv[0].value_len--;
        phr_push_reload(push, &rec->app, &err);
        rec->kv[0].value_len++;
    }

    rec->kv[0].value_len--;
    is_int(phr_push_reload(push, &rec->app, &err), PHR_ECORRUPT,
           "a record cut short is damage");
    rec->kv[0].value_len++;
    is_int(phr_push_reload(push, &rec->app, &err), PHR_OK, "whole again");
    end();
}


int
main(void)
{
    replacing();
    refusals();
    modes();
    endings();
    formats();
    incomplete();
    json_many();
    protobuf();
    paths();
    no_memory();
    damage();

    return done_testing();
}
