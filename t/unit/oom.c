/*
 * Copyright (C) The Pharos Authors
 *
 * Out of memory: see oom.h.  Leaks are found by the sanitizer's run.
 */

#include "oom.h"

#include <stdio.h>

#include "core/alloc.h"
#include "core/base.h"


#define PHR_OOM_MAX  100000


int
phr_oom_run(int (*fn)(void *data), void *data)
{
    int   rc;
    long  n, seen;

    for (n = 1; n < PHR_OOM_MAX; n++) {
        phr_alloc_fail_at(n);
        rc = fn(data);
        seen = phr_alloc_count();
        phr_alloc_fail_at(-1);

        if (seen < n) {
            if (rc != PHR_OK) {
                printf("# no allocation failed, but %d was returned\n", rc);
                return -1;
            }

            return (int) (n - 1);
        }

        if (rc != PHR_ENOMEM) {
            printf("# allocation %ld failed, but %d was returned\n", n, rc);
            return -1;
        }
    }

    printf("# still failing after %d runs\n", PHR_OOM_MAX);

    return -1;
}
