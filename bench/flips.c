/*
 * Copyright (C) The Pharos Authors
 *
 * Flips: what a flipped bit in the file of a store does.  A store with all
 * kinds of records is made; then for each round one to eight bits of a copy
 * are turned over, and a child looks at its pages, opens it, asks for all
 * that is in it, writes to it and asks again.  What it finds is as it was,
 * or the damage was told; anything else is a failure, and so are a death
 * and a hang.
 *
 *     flips DIRECTORY ROUNDS SEED
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/bytes.h"
#include "store/store.h"
#include "store/tree.h"


#define FLIPS_SERIES   600
#define FLIPS_ROWS     300
#define FLIPS_STEP_MS  15000
#define FLIPS_START_MS INT64_C(1700000000000)
#define FLIPS_VALUES   (UINT64_C(1) << 40)
#define FLIPS_HANG_S   30

#define FLIPS_ASKED    64


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


static char           dir[4096];
static phr_store_t   *st;
static phr_sid_t      sid[FLIPS_SERIES];
static uint32_t       source;


static int flips_open(phr_err_t *err);
static int flips_rows(int64_t from_ms, int n, phr_err_t *err);
static int flips_make(phr_err_t *err);
static int flips_ask(flips_truth_t *truth, phr_err_t *err);
static int flips_select(const phr_matcher_t *m, uint32_t *crc,
    phr_err_t *err);
static flips_e flips_child(const flips_truth_t *truth);
static flips_e flips_round(const char *bytes, size_t size,
    const flips_truth_t *truth);


int
main(int argc, char **argv)
{
    int            fd, i, k, nbits;
    long           n[FLIPS_OUTCOMES];
    char          *bytes, name[5000];
    size_t         at;
    flips_e        outcome;
    phr_err_t      err;
    struct stat    sb;
    flips_truth_t  truth;
    unsigned       bits[8];
    size_t         places[8];

    if (argc != 4) {
        fprintf(stderr, "usage: flips DIRECTORY ROUNDS SEED\n");
        return 2;
    }

    snprintf(dir, sizeof(dir), "%s", argv[1]);
    (void) mkdir(dir, 0700);
    srand48(atol(argv[3]));
    phr_err_init(&err);

    if (flips_make(&err) != PHR_OK || flips_ask(&truth, &err) != PHR_OK) {
        fprintf(stderr, "flips: %s\n", err.text);
        return 1;
    }

    phr_store_close(st);

    snprintf(name, sizeof(name), "%s/data.mdb", dir);
    fd = open(name, O_RDONLY);
    bytes = NULL;

    if (fd != -1 && fstat(fd, &sb) == 0) {
        bytes = malloc((size_t) sb.st_size);
    }

    if (bytes == NULL
        || read(fd, bytes, (size_t) sb.st_size) != sb.st_size)
    {
        fprintf(stderr, "flips: \"%s\" cannot be read\n", name);
        return 1;
    }

    close(fd);
    memset(n, 0, sizeof(n));

    /* the first round has no flip: it must be as it was */

    for (i = 0; i <= atoi(argv[2]); i++) {
        nbits = i == 0 ? 0 : i % 2 ? 1 : 2 + (int) (drand48() * 7);
        at = (size_t) (drand48() * (double) sb.st_size);

        for (k = 0; k < nbits; k++) {
            /* every fourth near the others; one in ten in the meta pages */
            places[k] = i % 4 == 0 ? (at + (size_t) (drand48() * 64))
                                     % (size_t) sb.st_size
                        : i % 10 == 9 ? (size_t) (drand48() * 8192)
                        : (size_t) (drand48() * (double) sb.st_size);
            bits[k] = 1u << (unsigned) (drand48() * 8);
            bytes[places[k]] ^= (char) bits[k];
        }

        outcome = flips_round(bytes, (size_t) sb.st_size, &truth);
        n[outcome]++;

        if (outcome >= FLIPS_WRONG || (i == 0 && outcome != FLIPS_SAME)) {
            printf("round %d: %s:", i, flips_names[outcome]);
            for (k = 0; k < nbits; k++) {
                printf(" %zu.%zu:%x", places[k] / 4096, places[k] % 4096,
                       bits[k]);
            }
            printf("\n");
            fflush(stdout);
        }

        while (nbits-- > 0) {
            bytes[places[nbits]] ^= (char) bits[nbits];
        }
    }

    printf("file of %lld bytes\n", (long long) sb.st_size);

    for (i = 0; i < FLIPS_OUTCOMES; i++) {
        printf("%6ld  %s\n", n[i], flips_names[i]);
    }

    return n[FLIPS_WRONG] + n[FLIPS_DIED] + n[FLIPS_HUNG] != 0;
}


static flips_e
flips_round(const char *bytes, size_t size, const flips_truth_t *truth)
{
    int    fd, status;
    char   name[5000];
    pid_t  pid;

    snprintf(name, sizeof(name), "%s/data.mdb", dir);
    fd = open(name, O_RDWR|O_CREAT|O_TRUNC, 0600);

    if (fd == -1 || write(fd, bytes, size) != (ssize_t) size) {
        fprintf(stderr, "flips: \"%s\" cannot be written\n", name);
        exit(1);
    }

    close(fd);
    pid = fork();

    if (pid == 0) {
        alarm(FLIPS_HANG_S);
        _exit((int) flips_child(truth));
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
