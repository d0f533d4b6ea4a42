/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of api/param.c: the one parameter that is looked for while a request
 * still waits, and a body so large that decoding it steps aside.
 */

#include "../../src/api/param.c"

#include "tap.h"


/* what the request may take, of 60 s */
static void
takes(int64_t ms, const char *method, const char *type, const char *body,
    const char *args)
{
    phr_api_request_t  req;

    memset(&req, 0, sizeof(req));
    req.method = phr_str_from_c(method);
    req.path = phr_str_of("/api/v1/query");
    req.content_type = phr_str_from_c(type);
    req.body = phr_str_from_c(body);
    req.args = phr_str_from_c(args);

    is_int(phr_api_timeout_ms(&req, 60000, 900000), ms, "%s %s?%s", method,
           body, args);
}


static void
large(size_t n)
{
    size_t        i;
    char         *text;
    phr_str_t     out;
    phr_arena_t  *arena;

    text = malloc(3 * n + 1);
    arena = phr_arena_create(0);

    for (i = 0; i < n; i++) {
        memcpy(text + 3 * i, "%2B", 4);
    }

    ok(phr_param_decode(arena, phr_str_from(text, 3 * n), 1, &out) == PHR_OK
       && out.len == n && memchr(out.data, '%', n) == NULL
       && out.data[0] == '+' && out.data[n - 1] == '+', "%zu characters", n);

    ok(phr_param_decode(arena, phr_str_from(text, 3 * n - 1), 1, &out)
       == PHR_EINVAL, "the last one cut off");

    phr_arena_destroy(arena);
    free(text);
}


int
main(void)
{
    const char  *form = "application/x-www-form-urlencoded";

    takes(60000, "GET", "", "", "");
    takes(60000, "GET", "", "", "query=up");
    takes(5000, "GET", "", "", "query=up&timeout=5s");
    takes(1500, "GET", "", "", "timeout=1.5");
    takes(60000, "GET", "", "", "timeout=2m");
    takes(60000, "GET", "", "", "timeout=");
    takes(60000, "GET", "", "", "timeout");
    takes(60000, "GET", "", "", "timeout=soon");
    takes(60000, "GET", "", "", "timeout=-1s");
    takes(0, "GET", "", "", "timeout=-1");

    /* the first one counts, as it is sent */
    takes(1000, "GET", "", "", "&&timeout=1s&timeout=2s");
    takes(2000, "GET", "", "", "timeouts=1s&time=3&timeout=2s");
    takes(3000, "GET", "", "", "%74imeout=%33s");
    takes(3000, "GET", "", "", "%74%69%6d%65%6f%75%74=3s");
    takes(60000, "GET", "", "", "query=timeout=3s");

    /* a form goes before the query string */
    takes(1000, "POST", form, "query=up&timeout=1s", "timeout=2s");
    takes(2000, "POST", form, "query=up", "timeout=2s");
    takes(60000, "POST", "text/plain", "timeout=1s", "");
    takes(60000, "GET", form, "timeout=1s", "");

    /* what is wrong is said by who decodes all of it */
    takes(60000, "GET", "", "", "%zzimeout=1s&timeout=2s");
    takes(60000, "GET", "", "", "timeout=%zz");

    large(1);
    large(PHR_PARAM_PIECE / 3);
    large(3 * PHR_PARAM_PIECE);

    return done_testing();
}
