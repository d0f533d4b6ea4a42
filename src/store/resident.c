/*
 * Copyright (C) The Pharos Authors
 *
 * Resident: see resident.h.
 *
 * MADV_DONTNEED takes pages out of the map of a process.  Those of a file
 * that is mapped shared stay in the cache of the kernel, so the next one who
 * reads there has them back without the disk.
 */

#include "store/resident.h"

#include <stdio.h>
#include <sys/mman.h>


#define PHR_RESIDENT_LINE  512


int
phr_resident_find(phr_resident_t *r, const void *p)
{
    char                 line[PHR_RESIDENT_LINE], mode[8];
    FILE                *f;
    unsigned long long   from, to;

    f = fopen("/proc/self/maps", "re");
    if (f == NULL) {
        return PHR_NOTFOUND;
    }

    while (fgets(line, sizeof(line), f) != NULL) {

        /* the rest of a long line, too, is no range */

        if (sscanf(line, "%llx-%llx %7s", &from, &to, mode) != 3
            || (uintptr_t) p < from || (uintptr_t) p >= to)
        {
            continue;
        }

        if (strncmp(mode, "r--s", 4) != 0) {
            break;
        }

        r->addr = (void *) (uintptr_t) from;
        r->len = (size_t) (to - from);
        (void) fclose(f);

        return PHR_OK;
    }

    (void) fclose(f);

    return PHR_NOTFOUND;
}


void
phr_resident_drop(const phr_resident_t *r)
{
    (void) madvise(r->addr, r->len, MADV_DONTNEED);
}
