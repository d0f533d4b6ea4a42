/*
 * Copyright (C) The Pharos Authors
 *
 * What regexes cost: each of a list of patterns on many short values, of
 * which some match, and on a value of 1 kB and one of 64 kB.  Prints
 * nanoseconds of CPU, and "limit" where a match costs more than allowed.
 *
 *     regex_cost [values]
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/alloc.h"
#include "core/regex.h"


#define VALUES  1000000
#define LONG    65536


static double
seconds(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


/* ns per match, of matches of one value until a tenth of a second is over */

static void
of_one(const phr_regex_t *re, phr_str_t s)
{
    int     rc;
    size_t  n;
    double  start;

    start = seconds();

    for (n = 1; ; n++) {
        rc = phr_regex_match(re, s);

        if (rc < 0 || seconds() - start > 0.1) {
            break;
        }
    }

    printf(" %12.0f%s", (seconds() - start) * 1e9 / (double) n,
           rc < 0 ? " limit" : rc ? " yes" : " no");
}


static void
measure(const char *name, phr_str_t pattern, const phr_str_t *values,
    size_t n, char *text)
{
    int           rc;
    size_t        i, matched, failed;
    double        start, made;
    phr_err_t     err;
    phr_regex_t  *re;

    start = seconds();

    if (phr_regex_create(pattern, &re, &err) != PHR_OK) {
        printf("%-28s %s\n", name, err.text);
        return;
    }

    made = seconds() - start;
    start = seconds();
    matched = failed = 0;

    for (i = 0; i < n; i++) {
        rc = phr_regex_match(re, values[i]);
        matched += rc > 0;
        failed += rc < 0;
    }

    printf("%-28s %9.1f %9.1f %8zu", name, made * 1e6,
           (seconds() - start) * 1e9 / (double) n, matched);

    if (failed > 0) {
        printf(" (%zu cost too much)", failed);
    }

    of_one(re, phr_str_from(text, 1024));
    of_one(re, phr_str_from(text, LONG));
    printf("\n");
    fflush(stdout);

    phr_regex_destroy(re);
}


int
main(int argc, char **argv)
{
    int          len;
    char        *p, *text;
    size_t       i, n;
    phr_buf_t    b;
    phr_str_t   *values;

    static const char  *patterns[] = {
        "instance-0001234", "instance-0001.*", ".*234:9100", ".*1234.*",
        ".+:9100", "(?i)INSTANCE-0001234:9100", "(?i).*INSTANCE-0001.*",
        "instance-000[1-3]4.*", "instance-[0-9]+:91..", ".*1[0-9]3.*",
        "[a-z]+-[0-9]+:[0-9]+", "(instance|node)-0+123.*|.*99:9100",
        ".*(12|34|56).*:9100", "(a+)+$", "([a-z0-9:-]+)+$", "(x|x|x)*y",
        "(.|x|x)*y", ".*.*.*=.*", "[0-9]{1,500}", ".{1,500}y",
        "(.{0,20}){0,40}y", "(.?){1000}y", ".*[a-i].{14}z", "\\pL+-\\pN+:\\d+",
    };

    n = argc > 1 ? (size_t) atol(argv[1]) : VALUES;
    values = phr_malloc(n * sizeof(phr_str_t));
    p = phr_malloc(n * 32);
    text = phr_malloc(LONG);

    if (values == NULL || p == NULL || text == NULL) {
        return 1;
    }

    for (i = 0; i < n; i++) {
        len = sprintf(p, "instance-%07zu:9100", i);
        values[i] = phr_str_from(p, (size_t) len);
        p += len;
    }

    /* no "y", and no "=" */

    for (i = 0; i < LONG; i++) {
        text[i] = "abcdefgh12345x"[i * i % 14];
    }

    printf("%-28s %9s %9s %8s %12s %16s\n", "", "made us", "value ns",
           "matched", "1 kB ns", "64 kB ns");

    for (i = 0; i < phr_nelems(patterns); i++) {
        measure(patterns[i], phr_str_from_c(patterns[i]), values, n, text);
    }

    phr_buf_init(&b, 0);

    for (i = 0; i < 1000; i++) {
        phr_buf_printf(&b, "%sinstance-%07zu:9100", i ? "|" : "", i * 777);
    }

    measure("a|b|c... of 1,000", phr_buf_view(&b), values, n, text);

    for (i = 0; i < 1000; i++) {
        phr_buf_printf(&b, "|.*-%07zu:.*", i * 777);
    }

    measure("the same and .*a.*|...", phr_buf_view(&b), values, n, text);
    phr_buf_free(&b);

    return 0;
}
