/*
 * Copyright (C) The Pharos Authors
 *
 * Pages given back: they do not count as memory any more, and hold what they
 * held.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/resident.h"

#include "tap.h"


#define LEN  (4 << 20)


/* kB of the mapping at p that are in memory of this process */

static long
resident_kb(const void *p)
{
    int                  in;
    long                 kb;
    FILE                *f;
    char                 line[512];
    unsigned long long   from, to;

    f = fopen("/proc/self/smaps", "r");
    in = 0;
    kb = -1;

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "%llx-%llx ", &from, &to) == 2) {
            in = (uintptr_t) p >= from && (uintptr_t) p < to;
        }

        if (in && sscanf(line, "Rss: %ld", &kb) == 1) {
            break;
        }
    }

    if (f != NULL) {
        fclose(f);
    }

    return kb;
}


static long
sum(const uint8_t *p)
{
    long    n;
    size_t  i;

    for (n = 0, i = 0; i < LEN; i += 512) {
        n += p[i];
    }

    return n;
}


int
main(void)
{
    int              fd;
    char             path[] = "/tmp/phr-resident-XXXXXX";
    long             before;
    size_t           i;
    uint8_t         *p, *w;
    phr_resident_t   r;

    fd = mkstemp(path);
    w = malloc(LEN);

    for (i = 0; i < LEN; i++) {
        w[i] = (uint8_t) (i / 512);
    }

    if (fd < 0 || write(fd, w, LEN) != LEN) {
        printf("Bail out! no file\n");
        return 1;
    }

    p = mmap(NULL, LEN, PROT_READ, MAP_SHARED, fd, 0);
    before = sum(p);

    ok(resident_kb(p) * 1024 == LEN, "all of it was read");
    is_int(phr_resident_find(&r, p + LEN / 2), PHR_OK, "is found");
    ok(r.addr == p && r.len == LEN, "by any place in it");

    phr_resident_drop(&r);
    is_int(resident_kb(p), 0, "nothing is resident");
    is_int(sum(p), before, "and reads as before");

    is_int(phr_resident_find(&r, w), PHR_NOTFOUND, "memory is no file");
    is_int(phr_resident_find(&r, NULL), PHR_NOTFOUND, "nor is nothing");

    munmap(p, LEN);
    p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    is_int(phr_resident_find(&r, p), PHR_NOTFOUND,
           "what would be lost is left alone");

    munmap(p, LEN);
    free(w);
    close(fd);
    unlink(path);

    return done_testing();
}
