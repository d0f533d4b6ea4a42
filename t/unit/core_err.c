/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/err.c.
 */

#include "core/err.h"

#include "tap.h"


static void
format(const char *name, const phr_err_t *err, const char *want)
{
    char  buf[PHR_ERR_TEXT + PHR_ERR_FILE + 32];

    is_str(phr_err_format(err, buf, sizeof(buf)), want, "%s", name);
}


int
main(void)
{
    char       big[2000], buf[8];
    phr_err_t  err;

    is_int(phr_err_set(&err, PHR_EINVAL, "no \"%s\"", "x"), PHR_EINVAL,
           "the code is returned");
    is_int(err.code, PHR_EINVAL, "and kept");
    is_int(err.start, -1, "no place in a query");
    format("text alone", &err, "no \"x\"");

    phr_err_prefix(&err, "group %d: ", 7);
    format("prefixed", &err, "group 7: no \"x\"");

    phr_err_at(&err, PHR_EPARSE, 3, 9, "unexpected");
    is_int(err.start, 3, "start in a query");
    is_int(err.end, 9, "end in a query");

    phr_err_in_file(&err, PHR_EPARSE, "a.yml", 4, 2, "bad");
    format("file, line and column", &err, "a.yml:4:2: bad");
    phr_err_in_file(&err, PHR_EPARSE, "a.yml", 4, 0, "bad");
    format("file and line", &err, "a.yml:4: bad");
    phr_err_in_file(&err, PHR_EPARSE, NULL, 4, 2, "bad");
    format("line and column", &err, "4:2: bad");
    phr_err_in_file(&err, PHR_EPARSE, "a.yml", 0, 0, "bad");
    format("file alone", &err, "a.yml: bad");

    is_int(phr_err_set(NULL, PHR_EIO, "x"), PHR_EIO, "err may be NULL");
    phr_err_prefix(NULL, "x");
    phr_err_init(NULL);

    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    phr_err_set(&err, PHR_EIO, "%s", big);
    is_int(strlen(err.text), PHR_ERR_TEXT - 1, "a long text is cut");
    is_str(err.text + PHR_ERR_TEXT - 4, "...", "and says so");

    memcpy(big + PHR_ERR_TEXT - 5, "\xc3\xa9", 2);
    phr_err_set(&err, PHR_EIO, "%s", big);
    is_str(err.text + PHR_ERR_TEXT - 6, "x...", "not within a character");

    phr_err_set(&err, PHR_EIO, "0123456789");
    is_str(phr_err_format(&err, buf, sizeof(buf)), "0123456",
           "a small buffer is terminated");

    return done_testing();
}
