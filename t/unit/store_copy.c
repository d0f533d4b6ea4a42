/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of src/store/copy.c: copies that are taken one after another while
 * samples are committed are stores of their moments, and neither disturbs
 * the other.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "onestore.h"


#define NCOMMITS  600
#define NSERIES   60


static char          other[] = "/tmp/phr-copy-XXXXXX";
static volatile int  stop;
static int           ncopies, nfailed;


/* many that are begun, which is when they look at the file of the writer */
static int
begin_many(void)
{
    int                i, rc;
    phr_err_t          e;
    phr_store_copy_t  *copy;

    rc = PHR_OK;

    for (i = 0; i < 100 && rc == PHR_OK && !stop; i++) {
        copy = NULL;
        rc = phr_store_copy_open(st, &copy, &e);
        phr_store_copy_close(copy);
    }

    return rc;
}


/* takes copies, over and over; the last one is kept in a file */
static void *
copier(void *data)
{
    int                rc;
    char               path[64], *buf;
    FILE              *f;
    size_t             n;
    uint64_t           nbytes;
    phr_err_t          e;
    phr_store_copy_t  *copy;

    snprintf(path, sizeof(path), "%s/data.mdb", other);
    buf = malloc(PHR_STORE_COPY_STEP);

    do {
        f = fopen(path, "w");
        copy = NULL;
        nbytes = 0;

        rc = f == NULL ? PHR_EIO : phr_store_copy_open(st, &copy, &e);

        while (rc == PHR_OK
               && (rc = phr_store_copy_read(copy, buf, &n, &e)) == PHR_OK)
        {
            nbytes += n;
            rc = fwrite(buf, 1, n, f) == n ? PHR_OK : PHR_EIO;
        }

        if (rc != PHR_DONE || nbytes != phr_store_copy_bytes(copy)) {
            printf("# %d: %s\n", rc, e.text);
            nfailed++;
        }

        phr_store_copy_close(copy);

        if (f != NULL) {
            fclose(f);
        }

        nfailed += begin_many() != PHR_OK;
        ncopies++;
    } while (!stop);

    free(buf);

    return NULL;
}


static void
test_beside_commits(void)
{
    int        i, rc, n;
    pthread_t  thread;

    fresh();
    n = 0;
    rc = append("s", 0, NSERIES, 1000, 0);

    if (rc != PHR_OK || phr_store_commit(st, 1000, 1, &err) != PHR_OK
        || pthread_create(&thread, NULL, copier, NULL) != 0)
    {
        ok(0, "it begins");
        return;
    }

    for (i = 1; i < NCOMMITS; i++) {
        /* new series, too: trees of many pages grow in each commit */
        rc = append("s", 10 * i, NSERIES, 1000 + i, i);
        n += rc == PHR_OK && phr_store_commit(st, 1000 + i, i & 1, &err)
                             == PHR_OK;
    }

    stop = 1;
    pthread_join(thread, NULL);

    is_int(n, NCOMMITS - 1, "all was committed");
    is_int(nfailed, 0, "all of %d copies were made", ncopies);
    ok(ncopies > 5, "some of them");

    reopen();
    is_int(damaged(), 0, "the store is whole");
    is_int(count(0, 10000, NULL), NCOMMITS * NSERIES, "with all samples");

    conf.path = other;
    reopen();
    is_int(damaged(), 0, "and so is a copy");
    is_int(count(0, 10000, NULL) % NSERIES, 0, "of whole commits");
    ok(count(0, 10000, NULL) > 0, "with samples");
    conf.path = dir;
}


int
main(void)
{
    char  command[64];

    if (mkdtemp(dir) == NULL || mkdtemp(other) == NULL) {
        return 1;
    }

    test_beside_commits();

    snprintf(command, sizeof(command), "rm -r %s", other);
    ok(system(command) == 0, "cleaned");
    leave();

    return done_testing();
}
