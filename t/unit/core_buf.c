/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/buf.c and core/array.c.
 */

#include "core/buf.h"

#include "core/array.h"
#include "oom.h"
#include "tap.h"


static int
fill(void *data)
{
    int        i, rc;
    phr_buf_t  b;

    phr_buf_init(&b, 0);

    for (i = 0; i < 100; i++) {
        phr_buf_puts(&b, "0123456789");
    }

    phr_buf_printf(&b, "%0600d", 1);

    rc = b.failed;
    phr_buf_free(&b);

    return rc;
}


static int
push(void *data)
{
    int          i, rc;
    phr_array_t  a;

    phr_array_init(&a, sizeof(int));
    rc = PHR_OK;

    for (i = 0; i < 100; i++) {
        if (phr_array_push(&a) == NULL) {
            rc = PHR_ENOMEM;
        }
    }

    phr_array_free(&a);

    return rc;
}


static void
arrays(void)
{
    int         *n, i, sum;
    phr_array_t  a;

    phr_array_init(&a, sizeof(int));

    for (i = 0; i < 1000; i++) {
        n = phr_array_push(&a);
        *n = i;
    }

    n = phr_array_push_n(&a, 5);
    ok(n[0] == 0 && n[4] == 0, "new elements are zero");
    is_int(a.nelts, 1005, "all are counted");

    for (i = 0, sum = 0; i < 1000; i++) {
        sum += *phr_array_get(&a, int, i);
    }

    is_int(sum, 499500, "elements keep their values");
    ok(phr_array_push_n(&a, SIZE_MAX / 2) == NULL, "a huge number fails");
    is_int(a.nelts, 1005, "and changes nothing");

    phr_array_free(&a);
    phr_array_free(&a);

    ok(phr_oom_run(push, NULL) > 2, "array: out of memory is reported");
}


int
main(void)
{
    char       *p;
    phr_buf_t   b;

    phr_buf_init(&b, 0);
    is_str(phr_buf_cstr(&b), "", "empty");
    is_int(phr_buf_view(&b).len, 0, "empty view");

    phr_buf_puts(&b, "ab");
    phr_buf_putc(&b, 'c');
    phr_buf_str(&b, phr_str_of("de"));
    phr_buf_append(&b, "fgh", 2);
    phr_buf_append(&b, NULL, 0);
    phr_buf_printf(&b, "%d", 42);
    is_str(phr_buf_cstr(&b), "abcdefg42", "appends");

    phr_buf_printf(&b, "%0300d", 1);
    is_int(b.len, 309, "a long printf()");
    is_str(phr_buf_cstr(&b) + 307, "01", "ends as it should");

    p = phr_buf_reserve(&b, 3);
    memcpy(p, "xyz", 3);
    b.len += 3;
    is_str(phr_buf_cstr(&b) + 307, "01xyz", "reserve()");

    phr_buf_reset(&b);
    is_int(b.len, 0, "reset empties");
    ok(b.cap != 0, "and keeps the memory");
    phr_buf_free(&b);
    phr_buf_free(&b);

    phr_buf_init(&b, 10);
    phr_buf_puts(&b, "0123456789");
    is_int(b.failed, PHR_OK, "up to the limit");
    is_str(phr_buf_cstr(&b), "0123456789", "a terminator does not count");
    phr_buf_putc(&b, 'x');
    is_int(b.failed, PHR_ELIMIT, "beyond the limit");
    is_int(b.len, 10, "the content stays");
    is_str(phr_buf_cstr(&b), "", "but a failed buffer shows nothing");
    phr_buf_reset(&b);
    phr_buf_puts(&b, "abc");
    ok(phr_buf_reserve(&b, 8) == NULL, "reserve() obeys the limit");
    phr_buf_putc(&b, 'x');
    is_int(b.len, 3, "after a failure nothing is added");
    phr_buf_free(&b);

    ok(phr_oom_run(fill, NULL) > 2, "buf: out of memory is reported");

    arrays();

    return done_testing();
}
