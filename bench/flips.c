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
 *     flips DIRECTORY ROUNDS SEED
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/bytes.h"
#include "store/salvage.h"
#include "store/store.h"
#include "store/tree.h"
#include "store/verify.h"


#define FLIPS_SERIES   600
#define FLIPS_ROWS     300
#define FLIPS_STEP_MS  15000
#define FLIPS_START_MS INT64_C(1700000000000)
#define FLIPS_VALUES   (UINT64_C(1) << 40)
#define FLIPS_HANG_S   30

#define FLIPS_ASKED    64


/* samples of a series: a row has one, or every 50th one of its own */
#define FLIPS_SAMPLES  FLIPS_ROWS


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


typedef struct {
    uint32_t  all;              /* checksum of every series and sample */
    uint32_t  one[FLIPS_ASKED]; /* of queries of one series */
    uint32_t  values;
} flips_truth_t;


/* a sample of each row, for each series; what it has is the value's bits */
typedef struct {
    int64_t   t_ms[FLIPS_SERIES][FLIPS_SAMPLES];
    uint64_t  v[FLIPS_SERIES][FLIPS_SAMPLES];
} flips_samples_t;

/* what was salvaged; shared with the children */
typedef struct {
    uint64_t  nkept;            /* of one round */
    uint64_t  nseries;
    char      why[PHR_ERR_TEXT];
} flips_kept_t;

/* of all rounds; those of bits, and of pages */
typedef struct {
    long    n[FLIPS_OUTCOMES];
    long    nsalvaged[2];
    long    nbad;
    double  share[2];
    double  least;
} flips_sums_t;


static char           dir[4000];
static char           salvaged[4090];
static phr_store_t   *st;
static phr_sid_t      sid[FLIPS_SERIES];
static uint32_t       source;

static flips_samples_t   *made;
static flips_kept_t      *kept;


static int flips_open(phr_err_t *err);
static int flips_rows(int64_t from_ms, int n, phr_err_t *err);
static int flips_make(phr_err_t *err);
static int flips_ask(flips_truth_t *truth, phr_err_t *err);
static int flips_select(const phr_matcher_t *m, uint32_t *crc,
    phr_err_t *err);
static flips_e flips_child(const flips_truth_t *truth);
static char *flips_read(size_t *size);
static void flips_damage(int round, char *bytes, size_t size);
static void flips_pages(char *bytes, size_t size);
static void flips_tell(int round, const char *what, const char *bytes,
    const char *damaged, size_t size);
static void flips_count(flips_sums_t *sums, flips_e outcome, int pages);
static void flips_print(const flips_sums_t *sums);
static void flips_write(const char *bytes, size_t size);
static flips_e flips_fork(flips_e (*child)(const flips_truth_t *truth),
    const flips_truth_t *truth);
static flips_e flips_salvage(const flips_truth_t *truth);
static int flips_compare(phr_err_t *err);
static int flips_compare_series(const phr_series_t *s, phr_err_t *err);
static int flips_folder(void);
static void flips_remember(int i, int k, int64_t t_ms, double v);
static flips_e flips_false(const char *what);


int
main(int argc, char **argv)
{
    int             i;
    char           *bytes, *damaged;
    size_t          size;
    flips_e         outcome;
    phr_err_t       err;
    flips_truth_t   truth;
    flips_sums_t    sums;

    if (argc != 4) {
        fprintf(stderr, "usage: flips DIRECTORY ROUNDS SEED\n");
        return 2;
    }

    snprintf(dir, sizeof(dir), "%s", argv[1]);
    snprintf(salvaged, sizeof(salvaged), "%s/salvaged", dir);
    (void) mkdir(dir, 0700);

    made = calloc(1, sizeof(flips_samples_t));
    kept = mmap(NULL, sizeof(flips_kept_t), PROT_READ|PROT_WRITE,
                MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (made == NULL || kept == MAP_FAILED) {
        fprintf(stderr, "flips: no memory\n");
        return 1;
    }

    srand48(atol(argv[3]));
    phr_err_init(&err);

    if (flips_make(&err) != PHR_OK || flips_ask(&truth, &err) != PHR_OK) {
        fprintf(stderr, "flips: %s\n", err.text);
        return 1;
    }

    phr_store_close(st);

    bytes = flips_read(&size);
    damaged = bytes == NULL ? NULL : malloc(size);

    if (damaged == NULL) {
        fprintf(stderr, "flips: the store cannot be read\n");
        return 1;
    }

    memset(&sums, 0, sizeof(sums));
    sums.least = 1;

    /* the first round has no damage: it must be as it was */

    for (i = 0; i <= atoi(argv[2]); i++) {
        memcpy(damaged, bytes, size);
        flips_damage(i, damaged, size);

        flips_write(damaged, size);
        outcome = flips_fork(flips_child, &truth);
        sums.n[outcome]++;

        if (outcome >= FLIPS_WRONG || (i == 0 && outcome != FLIPS_SAME)) {
            flips_tell(i, flips_names[outcome], bytes, damaged, size);
        }

        if (outcome == FLIPS_SAME || outcome >= FLIPS_WRONG) {
            continue;
        }

        flips_write(damaged, size);
        outcome = flips_fork(flips_salvage, &truth);
        flips_count(&sums, outcome, i % 8 == 7);

        if (outcome != FLIPS_SAME) {
            printf("salvage kept %llu samples: %s\n",
                   (unsigned long long) kept->nkept, kept->why);
            flips_tell(i, flips_names[outcome], bytes, damaged, size);
        }
    }

    printf("file of %zu bytes\n", size);
    flips_print(&sums);

    return sums.n[FLIPS_WRONG] + sums.n[FLIPS_DIED] + sums.n[FLIPS_HUNG]
           + sums.nbad != 0;
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
    double  share;

    share = (double) kept->nkept / (FLIPS_SERIES * FLIPS_SAMPLES);

    sums->nbad += outcome != FLIPS_SAME;
    sums->nsalvaged[pages]++;
    sums->share[pages] += share;

    if (!pages) {
        sums->least = share < sums->least ? share : sums->least;
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

    if (sums->nsalvaged[0] > 0 && sums->nsalvaged[1] > 0) {
        printf("        after flipped bits %.4f %% of the samples were kept, "
               "at least %.2f %%\n",
               sums->share[0] / (double) sums->nsalvaged[0] * 100,
               sums->least * 100);
        printf("        after damaged pages %.4f %%\n",
               sums->share[1] / (double) sums->nsalvaged[1] * 100);
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
flips_fork(flips_e (*child)(const flips_truth_t *truth),
    const flips_truth_t *truth)
{
    int    status;
    pid_t  pid;

    memset(kept, 0, sizeof(flips_kept_t));
    pid = fork();

    if (pid == 0) {
        alarm(FLIPS_HANG_S);
        _exit((int) child(truth));
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
flips_child(const flips_truth_t *truth)
{
    phr_err_t      err;
    flips_truth_t  found;

    phr_err_init(&err);

    if (phr_tree_check(dir, FLIPS_VALUES, NULL, &err) != PHR_OK) {
        return FLIPS_TREE;
    }

    if (flips_open(&err) != PHR_OK) {
        return FLIPS_OPEN;
    }

    if (flips_ask(&found, &err) != PHR_OK) {
        return FLIPS_QUERY;
    }

    if (memcmp(&found, truth, sizeof(found)) != 0) {
        return FLIPS_WRONG;
    }

    if (flips_rows(FLIPS_START_MS + (int64_t) 2 * FLIPS_ROWS * FLIPS_STEP_MS,
                   150, &err)
        != PHR_OK)
    {
        return FLIPS_WRITE;
    }

    if (flips_ask(&found, &err) != PHR_OK) {
        return FLIPS_QUERY;
    }

    return memcmp(&found, truth, sizeof(found)) == 0 ? FLIPS_SAME
                                                     : FLIPS_WRONG;
}


/* of the file as it is, into a folder of its own */
static flips_e
flips_salvage(const flips_truth_t *truth)
{
    char                   file[5000], scratch[5000];
    phr_err_t              err;
    phr_buf_t              value;
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

    if (phr_store_open(&conf, &st, &err) != PHR_OK
        || phr_salvage(file, st, scratch, &result, &err) != PHR_OK)
    {
        return flips_false(err.text);
    }

    phr_store_close(st);

    /* it goes on as any other */

    snprintf(dir, sizeof(dir), "%.3990s", salvaged);

    if (flips_open(&err) != PHR_OK || flips_compare(&err) != PHR_OK) {
        return flips_false(err.text);
    }

    phr_buf_init(&value, 0);

    if (!result.commit_lost && !result.doubt
        && phr_store_get(st, PHR_KV_RULES, phr_str_of("one"), &value, &err)
           == PHR_OK
        && !phr_str_eq(phr_buf_view(&value), phr_str_of("value of one")))
    {
        return flips_false("an old value of \"one\"");
    }

    if (flips_rows(FLIPS_START_MS + (int64_t) 2 * FLIPS_ROWS * FLIPS_STEP_MS,
                   150, &err)
        != PHR_OK
        || flips_compare(&err) != PHR_OK)
    {
        return flips_false(err.text);
    }

    if (phr_store_verify(st, NULL, NULL, &damage, &err) != PHR_OK
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


/* each sample that is there must be one that was made */
static int
flips_compare(phr_err_t *err)
{
    int                 rc;
    int64_t             end_ms;
    phr_arena_t        *arena;
    phr_series_t        s;
    phr_matcher_t       m;
    phr_querier_t      *q;
    phr_storage_t      *storage;
    phr_series_set_t   *set;
    phr_select_hints_t  hints;

    memset(&hints, 0, sizeof(hints));
    kept->nkept = 0;
    kept->nseries = 0;
    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    end_ms = FLIPS_START_MS + (int64_t) (FLIPS_ROWS + 1) * FLIPS_STEP_MS;

    rc = phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                          phr_str_of("flips"), err);
    if (rc == PHR_OK) {
        rc = storage->querier(storage, &q, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    rc = q->ops->select(q, &m, 1, 0, end_ms, &hints, arena, &set, err);

    while (rc == PHR_OK && (rc = set->next(set, &s, err)) == PHR_OK) {
        rc = flips_compare_series(&s, err);
    }

    q->ops->close(q);
    phr_arena_destroy(arena);
    phr_matcher_destroy(&m);

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
flips_compare_series(const phr_series_t *s, phr_err_t *err)
{
    int        i, k;
    size_t     n;
    phr_str_t  id;

    id = phr_labels_get(s->labels, phr_str_of("id"));
    i = id.len > 2 ? 0 : -1;

    for (n = 2; n < id.len && i < FLIPS_SERIES; n++) {
        i = i * 10 + id.data[n] - '0';
    }

    if (i < 0 || i >= FLIPS_SERIES) {
        return phr_err_set(err, PHR_ERROR, "a series that there never was");
    }

    kept->nseries++;
    k = 0;

    for (n = 0; n < s->n; n++) {

        while (k < FLIPS_SAMPLES && made->t_ms[i][k] < s->t_ms[n]) {
            k++;
        }

        if (k == FLIPS_SAMPLES || made->t_ms[i][k] != s->t_ms[n]
            || made->v[i][k] != phr_double_bits(s->v[n]))
        {
            return phr_err_set(err, PHR_ERROR, "series %d has %g at %lld",
                               i, s->v[n], (long long) s->t_ms[n]);
        }

        kept->nkept++;
    }

    return PHR_OK;
}


static void
flips_remember(int i, int k, int64_t t_ms, double v)
{
    if (t_ms < FLIPS_START_MS + (int64_t) (FLIPS_ROWS + 1) * FLIPS_STEP_MS) {
        made->t_ms[k][i] = t_ms;
        made->v[k][i] = phr_double_bits(v);
    }
}


static int
flips_open(phr_err_t *err)
{
    int               rc, i;
    char              id[32], group[32];
    phr_label_t       l[3];
    phr_labels_t      ls;
    phr_appender_t   *app;
    phr_store_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.map_size_bytes = UINT64_C(1) << 30;

    rc = phr_store_open(&conf, &st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_store_now(st, FLIPS_START_MS);
    app = phr_store_appender(st);
    rc = app->ops->source(app, phr_str_of("flips"), &source, err);

    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_of("flips");
    l[1].name = phr_str_of("group");
    l[2].name = phr_str_of("id");
    ls.l = l;
    ls.n = 3;

    for (i = 0; i < FLIPS_SERIES && rc == PHR_OK; i++) {
        snprintf(id, sizeof(id), "id%d", i);
        snprintf(group, sizeof(group), "group%d", i / 10);
        l[1].value = phr_str_from_c(group);
        l[2].value = phr_str_from_c(id);
        rc = app->ops->series(app, ls, &sid[i], err);
    }

    return rc == PHR_OK ? phr_store_commit(st, FLIPS_START_MS, 0, err) : rc;
}


static int
flips_rows(int64_t from_ms, int n, phr_err_t *err)
{
    int              rc, i, k;
    double           v[FLIPS_SERIES];
    int64_t          each[FLIPS_SERIES];
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));
    b.source = source;
    b.sid = sid;
    b.v = v;
    b.n = FLIPS_SERIES;
    rc = PHR_OK;

    for (i = 0; i < n && rc >= 0; i++) {
        b.t_ms = from_ms + (int64_t) i * FLIPS_STEP_MS;
        phr_store_now(st, b.t_ms);

        for (k = 0; k < FLIPS_SERIES; k++) {
            v[k] = k % 3 == 0 ? i * k : k % 3 == 1 ? drand48() : 7;
            each[k] = b.t_ms + k;
        }

        b.t_each = i % 50 == 49 ? each : NULL;

        for (k = 0; k < FLIPS_SERIES; k++) {
            flips_remember(i, k, b.t_each ? each[k] : b.t_ms, v[k]);
        }

        rc = app->ops->append(app, &b, err);
        if (rc == PHR_OK) {
            rc = phr_store_commit(st, b.t_ms, 0, err);
        }

        while (rc == PHR_OK && i % 16 == 0
               && (rc = phr_store_seal(st, b.t_ms, err)) == PHR_AGAIN)
        {
            rc = PHR_OK;
        }
    }

    return rc;
}


static int
flips_make(phr_err_t *err)
{
    int              rc;
    phr_appender_t  *app;

    rc = flips_open(err);
    if (rc == PHR_OK) {
        rc = flips_rows(FLIPS_START_MS, FLIPS_ROWS, err);
    }

    app = phr_store_appender(st);

    /* the older of two values is still somewhere in the file */

    if (rc == PHR_OK) {
        rc = app->ops->put(app, PHR_KV_RULES, phr_str_of("one"),
                           phr_str_of("what was before"), err);
    }

    if (rc == PHR_OK) {
        rc = phr_store_commit(st, FLIPS_START_MS, 1, err);
    }

    if (rc == PHR_OK) {
        rc = app->ops->put(app, PHR_KV_RULES, phr_str_of("one"),
                           phr_str_of("value of one"), err);
    }

    return rc == PHR_OK ? phr_store_commit(st, FLIPS_START_MS, 1, err) : rc;
}


static int
flips_ask(flips_truth_t *truth, phr_err_t *err)
{
    int             rc, i;
    char            id[32];
    phr_buf_t       value;
    phr_matcher_t   m;

    memset(truth, 0, sizeof(flips_truth_t));

    rc = phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                          phr_str_of("flips"), err);
    if (rc == PHR_OK) {
        rc = flips_select(&m, &truth->all, err);
        phr_matcher_destroy(&m);
    }

    for (i = 0; i < FLIPS_ASKED && rc == PHR_OK; i++) {
        snprintf(id, sizeof(id), "id%d", i * 9);
        rc = phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("id"),
                              phr_str_from_c(id), err);
        if (rc == PHR_OK) {
            rc = flips_select(&m, &truth->one[i], err);
            phr_matcher_destroy(&m);
        }
    }

    if (rc == PHR_OK) {
        phr_buf_init(&value, 0);
        rc = phr_store_get(st, PHR_KV_RULES, phr_str_of("one"), &value, err);
        truth->values = phr_crc32c((uint32_t) rc, value.data, value.len);
        phr_buf_free(&value);
        rc = rc < 0 ? rc : PHR_OK;
    }

    return rc;
}


static int
flips_select(const phr_matcher_t *m, uint32_t *crc, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    int64_t             end_ms;
    phr_arena_t        *arena;
    phr_series_t        s;
    phr_querier_t      *q;
    phr_storage_t      *storage;
    phr_series_set_t   *set;
    phr_select_hints_t  hints;

    memset(&hints, 0, sizeof(hints));
    hints.sorted = 1;
    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    end_ms = FLIPS_START_MS + (int64_t) (FLIPS_ROWS + 1) * FLIPS_STEP_MS;

    rc = storage->querier(storage, &q, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = q->ops->select(q, m, 1, 0, end_ms, &hints, arena, &set, err);

    while (rc == PHR_OK && (rc = set->next(set, &s, err)) == PHR_OK) {
        for (i = 0; i < s.labels.n; i++) {
            *crc = phr_crc32c(*crc, s.labels.l[i].value.data,
                              s.labels.l[i].value.len);
        }

        *crc = phr_crc32c(*crc, s.t_ms, s.n * sizeof(s.t_ms[0]));
        *crc = phr_crc32c(*crc, s.v, s.n * sizeof(s.v[0]));
    }

    q->ops->close(q);
    phr_arena_destroy(arena);

    return rc == PHR_DONE ? PHR_OK : rc;
}
