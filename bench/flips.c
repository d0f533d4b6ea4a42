/*
 * Copyright (C) The Pharos Authors
 *
 * Flips: what a flipped bit in the file of a store does.  A store with all
 * kinds of records is made; then for each round one to eight bits of a copy
 * are turned over, or some of its pages destroyed, and a child looks at its
 * pages, opens it, asks for all that is in it, writes to it and asks again.
 * What it finds is as it was, or the damage was told; anything else is a
 * failure, and so are a death and a hang.  If it was told, another child
 * salvages the store: what it keeps must be true, and the new store sound
 * and good to write to.
 *
 *     flips DIRECTORY ROUNDS SEED [FIRST]
 *
 * To see one round again, its number is FIRST and ROUNDS: what is before is
 * drawn and not run.
 */

#include "flips.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/bytes.h"
#include "store/salvage.h"
#include "store/tree.h"
#include "store/verify.h"


#define FLIPS_VALUES_MAX  (UINT64_C(1) << 40)
#define FLIPS_HANG_S      30
#define FLIPS_ASKED       64

/* places for what is true, three times as many as there are */
#define FLIPS_FACTS       (1u << 20)


/* how a round ends, in the order of the table */
typedef enum {
    FLIPS_SAME = 0,
    FLIPS_TREE,
    FLIPS_OPEN,
    FLIPS_QUERY,
    FLIPS_WRITE,
    FLIPS_WRONG,
    FLIPS_DIED,
    FLIPS_HUNG,
    FLIPS_OUTCOMES
} flips_e;

static const char *const  flips_names[FLIPS_OUTCOMES] = {
    "as it was", "damage found in the tree", "damage found at open",
    "damage found by a query", "damage found while writing",
    "WRONG", "DIED", "HUNG"
};

/* ORDER FLIPS_KIND */
static const char *const  flips_kinds[FLIPS_KINDS] = {
    "samples", "histograms", "start timestamps", "buckets",
    "buckets of counters", "exemplars", "values", "values of before"
};


/* what a store said, in order */
typedef struct {
    uint64_t  n[FLIPS_KINDS];
    uint32_t  crc[FLIPS_KINDS];
} flips_truth_t;


/* what was salvaged; shared with the children */
typedef struct {
    flips_truth_t  told;        /* of one round */
    int            again;       /* it is asked for the second time */
    int            before;      /* what was before may be told */
    char           why[PHR_ERR_TEXT];
} flips_kept_t;

/* of all rounds; those of bits, and of pages */
typedef struct {
    long    n[FLIPS_OUTCOMES];
    long    nsalvaged[2];
    long    nbad;
    double  share[2][FLIPS_KINDS];
    double  least[FLIPS_KINDS];
} flips_sums_t;


static char             dir[4000];
static char             salvaged[4090];
static flips_store_t    store;

static uint64_t        *facts;
static uint64_t         nfacts[FLIPS_KINDS];
static flips_truth_t    truth;
static flips_kept_t    *kept;


static int flips_make(phr_err_t *err);
static int flips_learn(void *data, flips_kind_e kind, phr_str_t id,
    int64_t t_ms, uint64_t hash, phr_err_t *err);
static int flips_hear(void *data, flips_kind_e kind, phr_str_t id,
    int64_t t_ms, uint64_t hash, phr_err_t *err);
static int flips_judge(void *data, flips_kind_e kind, phr_str_t id,
    int64_t t_ms, uint64_t hash, phr_err_t *err);
static int flips_known(uint64_t hash, int add);
static int flips_ask(flips_truth_t *told, phr_err_t *err);
static int flips_differs(const flips_truth_t *told);
static flips_e flips_child(void);
static char *flips_read(size_t *size);
static void flips_damage(int round, char *bytes, size_t size);
static void flips_pages(char *bytes, size_t size);
static void flips_tell(int round, const char *what, const char *bytes,
    const char *damaged, size_t size);
static void flips_count(flips_sums_t *sums, flips_e outcome, int pages);
static void flips_print(const flips_sums_t *sums);
static void flips_write(const char *bytes, size_t size);
static flips_e flips_fork(flips_e (*child)(void));
static flips_e flips_salvage(void);
static int flips_compare(phr_err_t *err);
static int flips_folder(void);
static flips_e flips_false(const char *what);


int
main(int argc, char **argv)
{
    int            i, first;
    char          *bytes, *damaged;
    size_t         size;
    flips_e        outcome;
    phr_err_t      err;
    flips_sums_t   sums;

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: flips DIRECTORY ROUNDS SEED [FIRST]\n");
        return 2;
    }

    first = argc == 5 ? atoi(argv[4]) : 0;

    snprintf(dir, sizeof(dir), "%s", argv[1]);
    snprintf(salvaged, sizeof(salvaged), "%s/salvaged", dir);
    (void) mkdir(dir, 0700);

    facts = calloc(FLIPS_FACTS, sizeof(uint64_t));
    kept = mmap(NULL, sizeof(flips_kept_t), PROT_READ|PROT_WRITE,
                MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (facts == NULL || kept == MAP_FAILED) {
        fprintf(stderr, "flips: no memory\n");
        return 1;
    }

    srand48(atol(argv[3]));
    phr_err_init(&err);

    if (flips_make(&err) != PHR_OK) {
        fprintf(stderr, "flips: %s\n", err.text);
        return 1;
    }

    bytes = flips_read(&size);
    damaged = bytes == NULL ? NULL : malloc(size);

    if (damaged == NULL) {
        fprintf(stderr, "flips: the store cannot be read\n");
        return 1;
    }

    memset(&sums, 0, sizeof(sums));

    for (i = 0; i < FLIPS_KINDS; i++) {
        sums.least[i] = 1;
    }

    /* the first round has no damage: it must be as it was */

    for (i = 0; i <= atoi(argv[2]); i++) {
        memcpy(damaged, bytes, size);
        flips_damage(i, damaged, size);

        if (i < first) {
            continue;
        }

        flips_write(damaged, size);
        outcome = flips_fork(flips_child);
        sums.n[outcome]++;

        if (outcome >= FLIPS_WRONG || (i == 0 && outcome != FLIPS_SAME)) {
            printf("%s\n", kept->why);
            flips_tell(i, flips_names[outcome], bytes, damaged, size);
        }

        if (outcome == FLIPS_SAME || outcome >= FLIPS_WRONG) {
            continue;
        }

        flips_write(damaged, size);
        outcome = flips_fork(flips_salvage);
        flips_count(&sums, outcome, i % 8 == 7);

        if (outcome != FLIPS_SAME) {
            printf("salvage kept %llu samples: %s\n",
                   (unsigned long long) kept->told.n[FLIPS_SAMPLE],
                   kept->why);
            flips_tell(i, flips_names[outcome], bytes, damaged, size);
        }
    }

    printf("file of %zu bytes\n", size);
    flips_print(&sums);

    return sums.n[FLIPS_WRONG] + sums.n[FLIPS_DIED] + sums.n[FLIPS_HUNG]
           + sums.nbad != 0;
}


/* what it is asked when nothing was damaged must be what was written */
static int
flips_make(phr_err_t *err)
{
    int            rc, i;
    flips_ear_t    ear;
    flips_truth_t  told;

    ear.say = flips_learn;
    ear.data = NULL;

    rc = flips_store_make(&store, dir, &ear, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_store_close(store.st);

    rc = flips_store_open(&store, dir, 0, err);
    if (rc == PHR_OK) {
        rc = flips_ask(&truth, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    ear.say = flips_judge;
    ear.data = &told;
    memset(&told, 0, sizeof(told));
    kept->before = -1;

    rc = flips_look(store.st, &ear, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (i = 0; i < FLIPS_KINDS; i++) {
        /* old samples and the buckets of some of them are not to be told */

        if (i > FLIPS_SAMPLE && i != FLIPS_BUCKET && i != FLIPS_EDGE
            && i < FLIPS_BEFORE && told.n[i] != nfacts[i])
        {
            return phr_err_set(err, PHR_ERROR, "%llu of %llu %s are told",
                               (unsigned long long) told.n[i],
                               (unsigned long long) nfacts[i],
                               flips_kinds[i]);
        }

        nfacts[i] = told.n[i];
    }

    phr_store_close(store.st);

    return PHR_OK;
}


static int
flips_learn(void *data, flips_kind_e kind, phr_str_t id, int64_t t_ms,
    uint64_t hash, phr_err_t *err)
{
    nfacts[kind] += !flips_known(hash, 1);

    return PHR_OK;
}


static int
flips_hear(void *data, flips_kind_e kind, phr_str_t id, int64_t t_ms,
    uint64_t hash, phr_err_t *err)
{
    flips_truth_t  *told;

    told = data;
    told->n[kind]++;
    told->crc[kind] = phr_crc32c(told->crc[kind], &hash, sizeof(hash));

    return PHR_OK;
}


/* each must be one that was written */
static int
flips_judge(void *data, flips_kind_e kind, phr_str_t id, int64_t t_ms,
    uint64_t hash, phr_err_t *err)
{
    flips_truth_t  *told;

    told = data;
    told->n[kind]++;

    if (kind == FLIPS_EDGE && kept->before == -1) {
        return flips_learn(data, kind, id, t_ms, hash, err);
    }

    if (!flips_known(hash, 0) || (kind == FLIPS_BEFORE && kept->before != 1))
    {
        return phr_err_set(err, PHR_ERROR, "false %s of \"%.*s\" at %lld",
                           flips_kinds[kind], (int) id.len, id.data,
                           (long long) t_ms);
    }

    return PHR_OK;
}


static int
flips_known(uint64_t hash, int add)
{
    size_t  i;

    for (i = hash % FLIPS_FACTS; facts[i] != 0; i = (i + 1) % FLIPS_FACTS) {
        if (facts[i] == hash) {
            return 1;
        }
    }

    if (add) {
        facts[i] = hash;
    }

    return 0;
}


static int
flips_ask(flips_truth_t *told, phr_err_t *err)
{
    int          rc;
    flips_ear_t  ear;

    memset(told, 0, sizeof(flips_truth_t));
    ear.say = flips_hear;
    ear.data = told;

    rc = flips_look(store.st, &ear, err);

    return rc == PHR_OK ? flips_look_each(store.st, FLIPS_ASKED, &ear, err)
                        : rc;
}


static int
flips_differs(const flips_truth_t *told)
{
    int  i;

    for (i = 0; i < FLIPS_KINDS; i++) {
        if (told->n[i] != truth.n[i] || told->crc[i] != truth.crc[i]) {
            snprintf(kept->why, sizeof(kept->why), "%llu %s, not %llu",
                     (unsigned long long) told->n[i], flips_kinds[i],
                     (unsigned long long) truth.n[i]);
            return 1;
        }
    }

    return 0;
}


static char *
flips_read(size_t *size)
{
    int          fd;
    char        *bytes, name[5000];
    ssize_t      n;
    struct stat  sb;

    snprintf(name, sizeof(name), "%s/data.mdb", dir);
    fd = open(name, O_RDONLY);

    if (fd == -1 || fstat(fd, &sb) != 0) {
        return NULL;
    }

    *size = (size_t) sb.st_size;
    bytes = malloc(*size);
    n = bytes == NULL ? -1 : read(fd, bytes, *size);
    close(fd);

    return n == sb.st_size ? bytes : NULL;
}


/*
 * One bit, or two to eight of them; every fourth near the others; one in
 * ten in the meta pages; one round in eight whole pages.
 */
static void
flips_damage(int round, char *bytes, size_t size)
{
    int     k, nbits;
    size_t  at, place;

    if (round % 8 == 7) {
        flips_pages(bytes, size);
        return;
    }

    nbits = round == 0 ? 0 : round % 2 ? 1 : 2 + (int) (drand48() * 7);
    at = (size_t) (drand48() * (double) size);

    for (k = 0; k < nbits; k++) {
        place = round % 4 == 0 ? (at + (size_t) (drand48() * 64)) % size
                : round % 10 == 9 ? (size_t) (drand48() * 8192)
                : (size_t) (drand48() * (double) size);
        bytes[place] ^= (char) (1u << (unsigned) (drand48() * 8));
    }
}


/* up to sixteen: without a byte, of chance, or written to a wrong place */
static void
flips_pages(char *bytes, size_t size)
{
    int     k, n;
    char   *page;
    size_t  i, npages;

    npages = size / 4096;
    n = 1 + (int) (drand48() * 16);

    while (n-- > 0) {
        page = bytes + (size_t) (drand48() * (double) npages) * 4096;
        k = (int) (drand48() * 3);

        for (i = 0; i < 4096 && k == 1; i++) {
            page[i] = (char) (drand48() * 256);
        }

        if (k == 0) {
            memset(page, 0, 4096);

        } else if (k == 2) {
            memmove(page, bytes + (size_t) (drand48() * (double) npages)
                                  * 4096, 4096);
        }
    }
}


/* where the bytes differ */
static void
flips_tell(int round, const char *what, const char *bytes,
    const char *damaged, size_t size)
{
    size_t  i, n;

    printf("round %d: %s:", round, what);

    for (i = 0, n = 0; i < size && n < 24; i++) {
        if (bytes[i] != damaged[i]) {
            printf(" %zu.%zu:%02x", i / 4096, i % 4096,
                   (unsigned) (bytes[i] ^ damaged[i]) & 0xff);
            n++;
        }
    }

    printf("\n");
    fflush(stdout);
}


static void
flips_count(flips_sums_t *sums, flips_e outcome, int pages)
{
    int     i;
    double  share;

    sums->nbad += outcome != FLIPS_SAME;
    sums->nsalvaged[pages]++;

    for (i = 0; i < FLIPS_BEFORE; i++) {
        share = (double) kept->told.n[i] / (double) nfacts[i];
        sums->share[pages][i] += share;

        if (!pages) {
            sums->least[i] = phr_min(sums->least[i], share);
        }
    }
}


static void
flips_print(const flips_sums_t *sums)
{
    int  i;

    for (i = 0; i < FLIPS_OUTCOMES; i++) {
        printf("%6ld  %s\n", sums->n[i], flips_names[i]);
    }

    printf("%6ld  salvaged, of these %ld with a wrong value, a death or a "
           "hang\n", sums->nsalvaged[0] + sums->nsalvaged[1], sums->nbad);

    if (sums->nsalvaged[0] == 0 || sums->nsalvaged[1] == 0) {
        return;
    }

    printf("        kept after flipped bits, at least, after damaged pages\n");

    for (i = 0; i < FLIPS_BEFORE; i++) {
        printf("%16.4f %%%11.2f %%%16.4f %%  %s\n",
               sums->share[0][i] / (double) sums->nsalvaged[0] * 100,
               sums->least[i] * 100,
               sums->share[1][i] / (double) sums->nsalvaged[1] * 100,
               flips_kinds[i]);
    }
}


static void
flips_write(const char *bytes, size_t size)
{
    int   fd;
    char  name[5000];

    snprintf(name, sizeof(name), "%s/data.mdb", dir);
    fd = open(name, O_RDWR|O_CREAT|O_TRUNC, 0600);

    if (fd == -1 || write(fd, bytes, size) != (ssize_t) size) {
        fprintf(stderr, "flips: \"%s\" cannot be written\n", name);
        exit(1);
    }

    close(fd);
}


static flips_e
flips_fork(flips_e (*child)(void))
{
    int    status;
    pid_t  pid;

    memset(kept, 0, sizeof(flips_kept_t));
    pid = fork();

    if (pid == 0) {
        alarm(FLIPS_HANG_S);
        _exit((int) child());
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid) {
        fprintf(stderr, "flips: no child\n");
        exit(1);
    }

    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGALRM ? FLIPS_HUNG : FLIPS_DIED;
    }

    return (flips_e) WEXITSTATUS(status);
}


static flips_e
flips_child(void)
{
    phr_err_t      err;
    flips_truth_t  told;

    phr_err_init(&err);

    if (phr_tree_check(dir, FLIPS_VALUES_MAX, NULL, &err) != PHR_OK) {
        return FLIPS_TREE;
    }

    if (flips_store_open(&store, dir, 0, &err) != PHR_OK) {
        return FLIPS_OPEN;
    }

    if (flips_ask(&told, &err) != PHR_OK) {
        return FLIPS_QUERY;
    }

    if (flips_differs(&told)) {
        return FLIPS_WRONG;
    }

    if (flips_store_more(&store, &err) != PHR_OK
        || flips_store_coarsen(&store, &err) != PHR_OK)
    {
        return FLIPS_WRITE;
    }

    if (flips_ask(&told, &err) != PHR_OK) {
        return FLIPS_QUERY;
    }

    return flips_differs(&told) ? FLIPS_WRONG : FLIPS_SAME;
}


/* of the file as it is, into a folder of its own */
static flips_e
flips_salvage(void)
{
    char                   file[5000], scratch[5000];
    phr_err_t              err;
    phr_store_conf_t       conf;
    phr_store_damage_t     damage;
    phr_salvage_result_t   result;

    phr_err_init(&err);

    if (flips_folder() != 0) {
        return flips_false("no folder");
    }

    snprintf(file, sizeof(file), "%s/data.mdb", dir);
    snprintf(scratch, sizeof(scratch), "%s/scratch", salvaged);
    memset(&conf, 0, sizeof(conf));
    conf.path = salvaged;
    conf.map_size_bytes = UINT64_C(1) << 30;

    if (phr_store_open(&conf, &store.st, &err) != PHR_OK
        || phr_salvage(file, store.st, scratch, &result, &err) != PHR_OK)
    {
        return flips_false(err.text);
    }

    phr_store_close(store.st);

    /* it goes on as any other */

    snprintf(dir, sizeof(dir), "%.3990s", salvaged);
    kept->before = result.commit_lost || result.doubt;

    if (flips_store_open(&store, dir, 0, &err) != PHR_OK
        || flips_compare(&err) != PHR_OK
        || flips_store_more(&store, &err) != PHR_OK
        || flips_store_coarsen(&store, &err) != PHR_OK
        || flips_compare(&err) != PHR_OK)
    {
        return flips_false(err.text);
    }

    if (phr_store_verify(store.st, NULL, NULL, &damage, &err) != PHR_OK
        || damage.ndamaged != 0)
    {
        return flips_false("the new store is damaged");
    }

    return FLIPS_SAME;
}


static flips_e
flips_false(const char *what)
{
    snprintf(kept->why, sizeof(kept->why), "%s", what);

    return FLIPS_WRONG;
}


static int
flips_folder(void)
{
    char    name[5000];
    size_t  i;

    static const char *const  files[] = {
        "scratch/data.mdb", "scratch/lock.mdb", "data.mdb", "lock.mdb"
    };

    for (i = 0; i < phr_nelems(files); i++) {
        snprintf(name, sizeof(name), "%s/%s", salvaged, files[i]);
        (void) unlink(name);
    }

    (void) mkdir(salvaged, 0700);
    snprintf(name, sizeof(name), "%s/scratch", salvaged);
    (void) mkdir(name, 0700);

    return access(name, F_OK);
}


/* all that is told must be true */
static int
flips_compare(phr_err_t *err)
{
    flips_ear_t  ear;

    ear.say = flips_judge;
    ear.data = &kept->told;
    memset(&kept->told, 0, sizeof(kept->told));

    return flips_look(store.st, &ear, err);
}
