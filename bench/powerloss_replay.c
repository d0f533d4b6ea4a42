/*
 * Copyright (C) The Pharos Authors
 *
 * Powerloss, the replayer: cuts the log of powerloss_record.c at points of
 * chance, and makes of it what a disk may hold after that: all that was
 * flushed, and of what was written since a part of chance, in an order of
 * chance, some of it torn between sectors of 512 bytes.  Names that were
 * made, changed or removed since the last flush of the folder are there in
 * their order up to a place of chance.  Then the store must open as the
 * helper opens it, be sound, take more, and have every sample that was
 * acknowledged so long before the point as the durability allows.
 *
 *     powerloss_replay LOG DIRECTORY POINTS SEED BEHIND_MS SCRAPE_MS
 *
 * BEHIND_MS is 0 for "pharos_durability sync".  The samples are "power" with
 * the number of the stream as "stream", scraped ones are "scraped".
 */

#include "powerloss_disk.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/arena.h"
#include "store/aside.h"
#include "store/store.h"
#include "store/verify.h"


#define REPLAY_STREAMS  16
#define REPLAY_HANG_S   60
#define REPLAY_SHOWN    10


/* how a point ends, in the order of the table */
typedef enum {
    REPLAY_SOUND = 0,
    REPLAY_EMPTY,       /* nothing was acknowledged, and nothing is there */
    REPLAY_ASIDE,
    REPLAY_OPEN,
    REPLAY_DAMAGED,
    REPLAY_LOST,
    REPLAY_WRITE,
    REPLAY_DIED,
    REPLAY_HUNG,
    REPLAY_OUTCOMES
} replay_e;

static const char *const  replay_names[REPLAY_OUTCOMES] = {
    "sound, with all that was acknowledged", "nothing yet, and sound",
    "MOVED ASIDE AS DAMAGED", "NOT OPENED", "DAMAGED", "LOST",
    "TAKES NO MORE", "DIED", "HUNG"
};


/* what was acknowledged, and when */
typedef struct {
    size_t    record;
    uint64_t  us;
    uint64_t  stream;
    uint64_t  number;
    uint8_t   scraped;
    uint8_t   forgiven;     /* the process was ended before it was due */
} replay_ack_t;


static replay_ack_t  *acks;
static size_t         nacks;
static uint64_t       behind_us, scrape_us;
static char           dir[4096];


static void replay_acks(const power_log_t *log);
static size_t replay_point(const power_log_t *log);
static int replay_compare(const void *a, const void *b);
static replay_e replay_round(power_disk_t *disk, size_t point, uint64_t us);
static replay_e replay_child(size_t point, uint64_t us);
static replay_e replay_open(phr_store_t **st);
static replay_e replay_look(phr_store_t *st, size_t point, uint64_t us);
static replay_e replay_more(phr_store_t *st);
static int replay_select(phr_store_t *st, const char *name,
    uint8_t *have[REPLAY_STREAMS], size_t size, phr_err_t *err);
static void replay_damage(void *data, const char *text);


int
main(int argc, char **argv)
{
    int           i, n;
    long          ended[REPLAY_OUTCOMES];
    size_t       *points;
    replay_e      outcome;
    power_log_t   log;
    power_disk_t  disk;

    if (argc != 7) {
        fprintf(stderr, "usage: powerloss_replay LOG DIRECTORY POINTS SEED "
                "BEHIND_MS SCRAPE_MS\n");
        return 2;
    }

    snprintf(dir, sizeof(dir), "%s", argv[2]);
    n = atoi(argv[3]);
    srand48(atol(argv[4]));
    behind_us = strtoull(argv[5], NULL, 10) * 1000;
    scrape_us = strtoull(argv[6], NULL, 10) * 1000;

    if (power_log_open(&log, argv[1]) != 0) {
        return 1;
    }

    replay_acks(&log);
    power_disk_init(&disk, &log);
    memset(ended, 0, sizeof(ended));

    points = calloc((size_t) n + 1, sizeof(size_t));
    if (points == NULL) {
        return 1;
    }

    for (i = 0; i < n; i++) {
        points[i] = replay_point(&log);
    }

    qsort(points, (size_t) n, sizeof(size_t), replay_compare);

    for (i = 0; i < n; i++) {
        power_disk_run(&disk, points[i]);

        outcome = replay_round(&disk, points[i], log.records[points[i]]->us);
        ended[outcome]++;

        if (outcome > REPLAY_EMPTY) {
            printf("point %zu: %s\n", points[i], replay_names[outcome]);
        }

        fflush(stdout);
    }

    printf("%zu records, %zu acknowledgements, %llu bytes flushed, %llu "
           "writes after a flush, %llu of them lost, %llu torn\n",
           log.nrecords, nacks, (unsigned long long) disk.nflushed,
           (unsigned long long) disk.npending,
           (unsigned long long) disk.nlost, (unsigned long long) disk.ntorn);

    for (i = 0; i < REPLAY_OUTCOMES; i++) {
        printf("%6ld  %s\n", ended[i], replay_names[i]);
    }

    return ended[REPLAY_SOUND] + ended[REPLAY_EMPTY] != n;
}


static int
replay_compare(const void *a, const void *b)
{
    size_t  x, y;

    x = *(const size_t *) a;
    y = *(const size_t *) b;

    return x < y ? -1 : x > y;
}


/*
 * Every second point is somewhere; the others are where something has just
 * been written, flushed or acknowledged, and one in twenty in the first
 * moments of the store.
 */

static size_t
replay_point(const power_log_t *log)
{
    int     tries;
    size_t  at;

    at = (size_t) (drand48() * (double) log->nrecords);

    if (drand48() < 0.05) {
        return at % (log->nrecords < 200 ? log->nrecords : 200);
    }

    if (drand48() < 0.5) {
        return at;
    }

    for (tries = 0; tries < 1000; tries++) {
        switch (log->records[at]->kind) {

        case POWER_ACK:
        case POWER_SYNCED:
        case POWER_WROTE:
        case POWER_SYNCED_FOLDER:
            return at;
        }

        at = (at + 1) % log->nrecords;
    }

    return at;
}


static void
replay_acks(const power_log_t *log)
{
    size_t               i, k, n;
    const power_head_t  *h;

    for (n = 0, i = 0; i < log->nrecords; i++) {
        n += log->records[i]->kind == POWER_ACK
             || log->records[i]->kind == POWER_SCRAPED;
    }

    acks = calloc(n + 1, sizeof(replay_ack_t));
    if (acks == NULL) {
        exit(1);
    }

    for (i = 0; i < log->nrecords; i++) {
        h = log->records[i];

        if (h->kind == POWER_KILL) {
            /* nobody says that a process ends with what it has just read */

            for (k = nacks; k > 0 && acks[k - 1].us + scrape_us >= h->us; k--)
            {
                acks[k - 1].forgiven = acks[k - 1].scraped;
            }

        } else if (h->kind == POWER_ACK || h->kind == POWER_SCRAPED) {
            if (h->file >= REPLAY_STREAMS) {
                fprintf(stderr, "powerloss: no such stream\n");
                exit(1);
            }

            acks[nacks].record = i;
            acks[nacks].us = h->us;
            acks[nacks].stream = h->file;
            acks[nacks].number = h->at;
            acks[nacks].scraped = h->kind == POWER_SCRAPED;
            nacks++;
        }
    }
}


static replay_e
replay_round(power_disk_t *disk, size_t point, uint64_t us)
{
    int    status;
    pid_t  pid;

    if (power_disk_write(disk, dir) != 0) {
        exit(1);
    }

    pid = fork();

    if (pid == 0) {
        alarm(REPLAY_HANG_S);
        _exit((int) replay_child(point, us));
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid) {
        fprintf(stderr, "powerloss: no child\n");
        exit(1);
    }

    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGALRM ? REPLAY_HUNG : REPLAY_DIED;
    }

    return (replay_e) WEXITSTATUS(status);
}


static replay_e
replay_child(size_t point, uint64_t us)
{
    replay_e      outcome, more;
    phr_store_t  *st;

    outcome = replay_open(&st);

    if (outcome == REPLAY_SOUND) {
        outcome = replay_look(st, point, us);
    }

    /* what is not seen by a look: pages that are free, and are not */

    if (outcome == REPLAY_SOUND || outcome == REPLAY_EMPTY) {
        more = replay_more(st);
        if (more == REPLAY_SOUND) {
            more = replay_look(st, point, us);
        }

        outcome = more > REPLAY_EMPTY ? more : outcome;
        phr_store_close(st);
    }

    fflush(stdout);

    return outcome;
}


/* as the helper does at its start */

static replay_e
replay_open(phr_store_t **st)
{
    phr_err_t         err;
    phr_store_conf_t  conf;

    phr_err_init(&err);
    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.map_size_bytes = UINT64_C(8) << 30;

    if (phr_aside_check(dir, UINT64_MAX, &err) == PHR_OK
        && phr_store_open(&conf, st, &err) == PHR_OK)
    {
        return REPLAY_SOUND;
    }

    printf("    %s\n", err.text);

    return err.code == PHR_ECORRUPT ? REPLAY_ASIDE : REPLAY_OPEN;
}


static replay_e
replay_look(phr_store_t *st, size_t point, uint64_t us)
{
    size_t               i, nlost, ndue;
    uint64_t             max, due_us;
    uint8_t             *have[2][REPLAY_STREAMS];
    phr_err_t            err;
    phr_store_damage_t   damage;

    phr_err_init(&err);

    if (phr_store_verify(st, replay_damage, NULL, &damage, &err) != PHR_OK
        || damage.ndamaged)
    {
        printf("    %llu damaged: %s\n",
               (unsigned long long) damage.ndamaged, err.text);
        return REPLAY_DAMAGED;
    }

    for (max = 0, i = 0; i < nacks; i++) {
        max = acks[i].number > max ? acks[i].number : max;
    }

    for (i = 0; i < REPLAY_STREAMS; i++) {
        have[0][i] = calloc(1, (size_t) max + 1);
        have[1][i] = calloc(1, (size_t) max + 1);

        if (have[0][i] == NULL || have[1][i] == NULL) {
            return REPLAY_DIED;
        }
    }

    if (replay_select(st, "power", have[0], (size_t) max + 1, &err) != PHR_OK
        || replay_select(st, "scraped", have[1], (size_t) max + 1, &err)
           != PHR_OK)
    {
        printf("    %s\n", err.text);
        return REPLAY_DAMAGED;
    }

    for (nlost = 0, ndue = 0, i = 0; i < nacks; i++) {
        due_us = acks[i].us + (acks[i].scraped ? scrape_us : behind_us);

        if (acks[i].record > point || acks[i].forgiven || due_us > us) {
            continue;
        }

        ndue++;

        if (!have[acks[i].scraped][acks[i].stream][acks[i].number]
            && nlost++ < REPLAY_SHOWN)
        {
            printf("    %s %llu of stream %llu is not there, %llu us after "
                   "it was due\n", acks[i].scraped ? "scrape" : "push",
                   (unsigned long long) acks[i].number,
                   (unsigned long long) acks[i].stream,
                   (unsigned long long) (us - due_us));
        }
    }

    return nlost ? REPLAY_LOST : ndue ? REPLAY_SOUND : REPLAY_EMPTY;
}


static void
replay_damage(void *data, const char *text)
{
    printf("    %s\n", text);
}


/* the numbers that the series of a name have, by stream */

static int
replay_select(phr_store_t *st, const char *name,
    uint8_t *have[REPLAY_STREAMS], size_t size, phr_err_t *err)
{
    int                  rc;
    char                 text[16];
    size_t               i;
    uint64_t             stream;
    phr_str_t            value;
    phr_arena_t         *arena;
    phr_series_t         s;
    phr_matcher_t        m;
    phr_querier_t       *q;
    phr_storage_t       *storage;
    phr_series_set_t    *set;
    phr_select_hints_t   hints;

    memset(&hints, 0, sizeof(hints));
    storage = phr_store_storage(st);
    arena = phr_arena_create(0);

    rc = phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                          phr_str_from_c(name), err);
    if (rc != PHR_OK || arena == NULL) {
        return PHR_ENOMEM;
    }

    rc = storage->querier(storage, &q, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = q->ops->select(q, &m, 1, 0, INT64_C(4000000000000), &hints, arena,
                        &set, err);

    while (rc == PHR_OK && (rc = set->next(set, &s, err)) == PHR_OK) {
        value = phr_labels_get(s.labels, phr_str_of("stream"));
        snprintf(text, sizeof(text), "%.*s", (int) value.len, value.data);
        stream = value.len ? strtoull(text, NULL, 10) : REPLAY_STREAMS;

        for (i = 0; i < s.n && stream < REPLAY_STREAMS; i++) {
            if (s.v[i] >= 0 && s.v[i] < (double) size) {
                have[stream][(size_t) s.v[i]] = 1;
            }
        }
    }

    q->ops->close(q);
    phr_matcher_destroy(&m);
    phr_arena_destroy(arena);

    return rc == PHR_DONE ? PHR_OK : rc;
}


/* rows of a source of our own, packed, and all of it flushed */

static replay_e
replay_more(phr_store_t *st)
{
    int              rc, i;
    double           v;
    uint32_t         source;
    phr_err_t        err;
    phr_sid_t        sid;
    phr_label_t      l;
    phr_batch_t      b;
    phr_labels_t     ls;
    phr_appender_t  *app;

    phr_err_init(&err);
    l.name = phr_str_of("__name__");
    l.value = phr_str_of("more");
    ls.l = &l;
    ls.n = 1;
    memset(&b, 0, sizeof(b));
    b.t_ms = INT64_C(4000000000000);
    b.sid = &sid;
    b.v = &v;
    b.n = 1;

    app = phr_store_appender(st);
    rc = app->ops->source(app, phr_str_of("replay"), &source, &err);
    b.source = source;

    if (rc == PHR_OK) {
        rc = app->ops->series(app, ls, &sid, &err);
    }

    for (i = 0; i < 150 && rc >= 0; i++) {
        v = i;
        b.t_ms += 1000;
        phr_store_now(st, b.t_ms);
        rc = app->ops->append(app, &b, &err);

        if (rc == PHR_OK) {
            rc = phr_store_commit(st, b.t_ms, i % 50 == 49, &err);
        }
    }

    while (rc == PHR_OK && (rc = phr_store_seal(st, b.t_ms, &err))
                           == PHR_AGAIN)
    {
        rc = PHR_OK;
    }

    if (rc < 0) {
        printf("    %s\n", err.text);
        return REPLAY_WRITE;
    }

    return REPLAY_SOUND;
}
