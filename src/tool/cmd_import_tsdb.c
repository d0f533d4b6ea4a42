/*
 * Copyright (C) The Pharos Authors
 *
 * The command "import-tsdb": the blocks of a Prometheus into a store that
 * no nginx uses.  Samples go the way of all others, through the appender, in
 * large transactions, and are packed in between; so what is there already is
 * no error, and an import that was cut short is made again.
 */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "core/number.h"
#include "core/time.h"
#include "ingest/import.h"
#include "ingest/tsdb.h"
#include "tool/tool.h"
#include "tool/tsdb_files.h"


/* samples handed to the store at once, and those of a transaction */
#define PHR_TSDB_BATCH   65536
#define PHR_TSDB_COMMIT  (1 << 20)

/* histograms of a batch, and what those of one chunk may take */
#define PHR_TSDB_HIST_BYTES  (64 << 20)
#define PHR_TSDB_HIST_LIMIT  (1 << 30)


typedef struct {
    const char         *command;
    phr_store_t        *st;
    phr_appender_t     *app;
    phr_arena_t        *arena;      /* of a series */
    int64_t             min_ms, max_ms;
    int64_t             now_ms;

    /* a batch, and how much is not committed */
    uint32_t            source;
    phr_sid_t          *sid;
    int64_t            *t_ms;
    double             *v;
    const phr_hist_t  **h;          /* in hists */
    int8_t             *status;
    size_t              n;
    size_t              npending;
    phr_arena_t        *hists;

    /* a chunk, of floats or histograms */
    int64_t            *chunk_t_ms;
    double             *chunk_v;
    const phr_hist_t  **chunk_h;

    uint64_t            nseries;
    uint64_t            nsamples;
    uint64_t            nrefused;
    uint64_t            nskipped;   /* chunks of unknown kinds */
    uint64_t            ndamaged;
} phr_tsdb_import_t;


static int phr_cmd_import_tsdb(int argc, char **argv);
static int phr_tsdb_time(const char *s, int64_t *t_ms);
static int phr_tsdb_import(phr_tsdb_import_t *im, const char *store,
    const char *from);
static int phr_tsdb_init(phr_tsdb_import_t *im, const char *store);
static void phr_tsdb_free(phr_tsdb_import_t *im);
static int phr_tsdb_block(phr_tsdb_import_t *im, const char *path);
static int phr_tsdb_series(phr_tsdb_import_t *im, phr_block_files_t *b,
    const phr_tsdb_series_t *s);
static int phr_tsdb_samples(phr_tsdb_import_t *im, phr_block_files_t *b,
    const phr_tsdb_series_t *s, const phr_tsdb_chunk_t *c, phr_sid_t sid);
static int phr_tsdb_make_room(phr_tsdb_import_t *im, phr_str_t chunk);
static int phr_tsdb_deleted(const phr_block_files_t *b, uint64_t ref,
    int64_t t_ms);
static int phr_tsdb_flush(phr_tsdb_import_t *im, int commit);
static void phr_tsdb_bad(phr_tsdb_import_t *im, const char *path,
    const phr_err_t *err);


const phr_tool_command_t  phr_tool_import_tsdb = {
    "import-tsdb", "--store DIR --from DATA [--min-time T --max-time T]",
    "copies the blocks of a Prometheus into a store",

    "Reads the blocks in DATA, the data folder of a Prometheus or a "
    "snapshot,\n"
    "or in one block, and writes their samples into the store in DIR, "
    "which is\n"
    "made if it is new.  T is in seconds or as 2024-01-31T12:00:00Z, both "
    "ends are\n"
    "taken.  What is in the store already is no error, and deleted samples "
    "stay\n"
    "deleted.\n\n"
    "The store must not be in use: stop nginx first.  DATA is only read, "
    "and may\n"
    "belong to a Prometheus that runs.  Its newest hours are in no block "
    "yet: take a\n"
    "snapshot (POST /api/v1/admin/tsdb/snapshot) and import that.\n\n"
    "Set pharos_retention as long as the history is, or nginx will drop "
    "it.\n\n"
    "Exit code 1 if something was damaged or refused; the rest is "
    "imported.\n",

    phr_cmd_import_tsdb
};


static int
phr_cmd_import_tsdb(int argc, char **argv)
{
    int                 c;
    const char         *store, *from;
    phr_tsdb_import_t   im;

    static const struct option  options[] = {
        { "store", required_argument, NULL, 's' },
        { "from", required_argument, NULL, 'f' },
        { "min-time", required_argument, NULL, 'm' },
        { "max-time", required_argument, NULL, 'M' },
        { NULL, 0, NULL, 0 }
    };

    memset(&im, 0, sizeof(phr_tsdb_import_t));
    im.command = argv[0];
    im.min_ms = PHR_TIME_MIN;
    im.max_ms = PHR_TIME_MAX;
    im.now_ms = (int64_t) time(NULL) * 1000;

    store = NULL;
    from = NULL;
    opterr = 0;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {

        switch (c) {
        case 's':
            store = optarg;
            break;

        case 'f':
            from = optarg;
            break;

        case 'm':
        case 'M':
            if (phr_tsdb_time(optarg, c == 'm' ? &im.min_ms : &im.max_ms)
                != PHR_OK)
            {
                return phr_tool_usage(argv[0], "\"%s\" is no time", optarg);
            }
            break;

        default:
            return phr_tool_usage(argv[0], "what is \"%s\"",
                                  argv[optind - 1]);
        }
    }

    if (store == NULL || from == NULL || optind != argc) {
        return phr_tool_usage(argv[0], "--store and --from are needed");
    }

    c = phr_tsdb_import(&im, store, from);
    phr_tsdb_free(&im);

    return c;
}


static int
phr_tsdb_time(const char *s, int64_t *t_ms)
{
    double  v;

    if (phr_number_parse(s, strlen(s), &v) == PHR_OK) {

        if (!(v > -9e12 && v < 9e12)) {
            return PHR_EINVAL;
        }

        *t_ms = (int64_t) (v * 1000 + (v < 0 ? -0.5 : 0.5));

        return PHR_OK;
    }

    return phr_rfc3339_parse(s, strlen(s), t_ms);
}


static int
phr_tsdb_import(phr_tsdb_import_t *im, const char *store, const char *from)
{
    int                 rc;
    size_t              i;
    phr_err_t           err;
    phr_block_list_t    blocks;

    rc = phr_block_list(from, &blocks, &err);

    if (rc != PHR_OK) {
        return phr_tool_failed(im->command, from, &err);
    }

    if (blocks.n == 0) {
        phr_block_list_free(&blocks);
        return phr_tool_error(im->command, from, "there are no blocks");
    }

    rc = phr_tsdb_init(im, store);

    for (i = 0; i < blocks.n && rc == PHR_TOOL_OK; i++) {

        if (blocks.b[i].max_ms >= im->min_ms
            && blocks.b[i].min_ms <= im->max_ms)
        {
            rc = phr_tsdb_block(im, blocks.b[i].path);
        }
    }

    if (rc == PHR_TOOL_OK) {
        rc = phr_tsdb_flush(im, 1);
    }

    if (rc == PHR_TOOL_OK && phr_store_sync(im->st, &err) != PHR_OK) {
        rc = phr_tool_failed(im->command, store, &err);
    }

    if (im->st != NULL) {
        printf("%zu blocks, %" PRIu64 " series in them, %" PRIu64 " samples, "
               "%" PRIu64 " refused; %" PRIu64 " chunks of other kinds were "
               "left out, %" PRIu64 " were damaged\n", blocks.n, im->nseries,
               im->nsamples, im->nrefused, im->nskipped, im->ndamaged);
    }

    if (blocks.wal && rc == PHR_TOOL_OK) {
        fprintf(stderr, PHR_TOOL_PROGRAM ": %s: %s: the newest hours are in "
                "\"wal\", which is not read: take a snapshot for them\n",
                im->command, from);
    }

    phr_block_list_free(&blocks);

    return rc != PHR_TOOL_OK || im->ndamaged != 0 || im->nrefused != 0
           ? PHR_TOOL_FAILED : PHR_TOOL_OK;
}


static int
phr_tsdb_init(phr_tsdb_import_t *im, const char *store)
{
    phr_err_t         err;
    phr_store_conf_t  conf;

    im->arena = phr_arena_create(0);
    im->sid = phr_malloc(PHR_TSDB_BATCH * sizeof(phr_sid_t));
    im->t_ms = phr_malloc(PHR_TSDB_BATCH * sizeof(int64_t));
    im->v = phr_malloc(PHR_TSDB_BATCH * sizeof(double));
    im->h = phr_malloc(PHR_TSDB_BATCH * sizeof(phr_hist_t *));
    im->hists = phr_arena_create(PHR_TSDB_HIST_LIMIT);
    im->status = phr_malloc(PHR_TSDB_BATCH);
    im->chunk_t_ms = phr_malloc(PHR_TSDB_MAX_SAMPLES * sizeof(int64_t));
    im->chunk_v = phr_malloc(PHR_TSDB_MAX_SAMPLES * sizeof(double));
    im->chunk_h = phr_malloc(PHR_TSDB_MAX_SAMPLES * sizeof(phr_hist_t *));

    if (im->arena == NULL || im->sid == NULL || im->t_ms == NULL
        || im->v == NULL || im->h == NULL || im->hists == NULL
        || im->status == NULL || im->chunk_t_ms == NULL
        || im->chunk_v == NULL || im->chunk_h == NULL)
    {
        return phr_tool_error(im->command, NULL, "no memory");
    }

    memset(&conf, 0, sizeof(phr_store_conf_t));
    conf.path = store;

    if (phr_tool_open_writer(im->command, &conf, &im->st) != PHR_TOOL_OK) {
        return PHR_TOOL_FAILED;
    }

    phr_store_now(im->st, im->now_ms);
    im->app = phr_store_appender(im->st);

    if (im->app->ops->source(im->app, phr_str_of("import"), &im->source,
                             &err)
        != PHR_OK)
    {
        return phr_tool_failed(im->command, store, &err);
    }

    return PHR_TOOL_OK;
}


static void
phr_tsdb_free(phr_tsdb_import_t *im)
{
    phr_store_close(im->st);
    phr_arena_destroy(im->arena);
    phr_free(im->sid);
    phr_free(im->t_ms);
    phr_free(im->v);
    phr_free((void *) im->h);
    phr_arena_destroy(im->hists);
    phr_free(im->status);
    phr_free(im->chunk_t_ms);
    phr_free(im->chunk_v);
    phr_free((void *) im->chunk_h);
}


/* a damaged block is said and counted, the others go on */

static int
phr_tsdb_block(phr_tsdb_import_t *im, const char *path)
{
    int                 rc;
    phr_err_t           err;
    phr_block_files_t   b;
    phr_tsdb_series_t   s;

    if (phr_block_open(path, &b, &err) != PHR_OK) {
        phr_tsdb_bad(im, path, &err);
        phr_block_close(&b);
        return PHR_TOOL_OK;
    }

    rc = PHR_TOOL_OK;

    while (rc == PHR_TOOL_OK) {
        phr_arena_reset(im->arena);

        rc = phr_tsdb_index_next(&b.index, im->arena, &s, &err);

        if (rc == PHR_DONE) {
            rc = PHR_TOOL_OK;
            break;
        }

        if (rc == PHR_OK) {
            rc = phr_tsdb_series(im, &b, &s);
            continue;
        }

        phr_tsdb_bad(im, path, &err);
        rc = rc == PHR_ECORRUPT ? PHR_TOOL_OK : PHR_TOOL_FAILED;
    }

    phr_block_close(&b);

    return rc;
}


static int
phr_tsdb_series(phr_tsdb_import_t *im, phr_block_files_t *b,
    const phr_tsdb_series_t *s)
{
    int        rc;
    size_t     i;
    phr_err_t  err;
    phr_sid_t  sid;

    for (i = 0; i < s->nchunks; i++) {
        if (s->chunks[i].max_ms >= im->min_ms
            && s->chunks[i].min_ms <= im->max_ms)
        {
            break;
        }
    }

    if (i == s->nchunks) {
        return PHR_TOOL_OK;
    }

    if (phr_import_labels_check(s->labels, &err) != PHR_OK) {
        phr_tsdb_bad(im, b->path, &err);
        return PHR_TOOL_OK;
    }

    rc = im->app->ops->series(im->app, s->labels, &sid, &err);

    if (rc == PHR_ELABELS) {
        phr_tsdb_bad(im, b->path, &err);
        return PHR_TOOL_OK;
    }

    if (rc != PHR_OK) {
        return phr_tool_failed(im->command, NULL, &err);
    }

    im->nseries++;
    rc = PHR_TOOL_OK;

    for ( /* void */ ; i < s->nchunks && rc == PHR_TOOL_OK; i++) {

        if (s->chunks[i].max_ms >= im->min_ms
            && s->chunks[i].min_ms <= im->max_ms)
        {
            rc = phr_tsdb_samples(im, b, s, &s->chunks[i], sid);
        }
    }

    return rc;
}


static int
phr_tsdb_samples(phr_tsdb_import_t *im, phr_block_files_t *b,
    const phr_tsdb_series_t *s, const phr_tsdb_chunk_t *c, phr_sid_t sid)
{
    int         rc, encoding;
    size_t      i, n;
    int64_t     t_ms;
    phr_err_t   err;
    phr_str_t   data;

    if (c->segment >= b->nsegments) {
        phr_err_set(&err, PHR_ECORRUPT, "there is no file %u of chunks",
                    c->segment + 1);
        phr_tsdb_bad(im, b->path, &err);
        return PHR_TOOL_OK;
    }

    rc = phr_tsdb_chunk(b->segments[c->segment], c->offset, &encoding, &data,
                        &err);

    if (rc == PHR_OK && encoding > PHR_TSDB_FLOAT_HISTOGRAM) {
        im->nskipped++;
        return PHR_TOOL_OK;
    }

    if (rc == PHR_OK && encoding != PHR_TSDB_XOR) {
        rc = phr_tsdb_make_room(im, data);
        if (rc != PHR_TOOL_OK) {
            return rc;
        }

        rc = phr_tsdb_hists(data, encoding == PHR_TSDB_FLOAT_HISTOGRAM,
                            im->hists, im->chunk_t_ms, im->chunk_h, &n, &err);

    } else if (rc == PHR_OK) {
        rc = phr_tsdb_xor(data, im->chunk_t_ms, im->chunk_v, &n, &err);
    }

    if (rc != PHR_OK) {
        phr_err_prefix(&err, "chunks/%06u: ", c->segment + 1);
        phr_tsdb_bad(im, b->path, &err);
        return PHR_TOOL_OK;
    }

    for (i = 0; i < n; i++) {
        t_ms = im->chunk_t_ms[i];

        if (t_ms < im->min_ms || t_ms > im->max_ms
            || phr_tsdb_deleted(b, s->ref, t_ms))
        {
            continue;
        }

        if (im->n == PHR_TSDB_BATCH) {
            rc = phr_tsdb_flush(im, 0);
            if (rc != PHR_TOOL_OK) {
                return rc;
            }
        }

        im->sid[im->n] = sid;
        im->t_ms[im->n] = t_ms;
        im->h[im->n] = encoding != PHR_TSDB_XOR ? im->chunk_h[i] : NULL;
        im->v[im->n] = encoding != PHR_TSDB_XOR ? 0 : im->chunk_v[i];
        im->n++;
    }

    return PHR_TOOL_OK;
}


/* a batch is not handed over while a chunk of histograms is copied to it */

static int
phr_tsdb_make_room(phr_tsdb_import_t *im, phr_str_t chunk)
{
    int     rc;
    size_t  n;

    n = chunk.len < 2 ? 0 : phr_get_be16((const uint8_t *) chunk.data);

    if (im->n + n > PHR_TSDB_BATCH
        || phr_arena_used(im->hists) > PHR_TSDB_HIST_BYTES)
    {
        rc = phr_tsdb_flush(im, 0);
        if (rc != PHR_TOOL_OK) {
            return rc;
        }
    }

    if (im->n == 0) {
        phr_arena_reset(im->hists);
    }

    return PHR_TOOL_OK;
}


/* tombstones are few, and sorted by series */

static int
phr_tsdb_deleted(const phr_block_files_t *b, uint64_t ref, int64_t t_ms)
{
    size_t                       low, high, middle;
    const phr_tsdb_tombstone_t  *t;

    t = b->tombstones.elts;
    low = 0;
    high = b->tombstones.nelts;

    while (low < high) {
        middle = (low + high) / 2;

        if (t[middle].ref < ref) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    for ( /* void */ ; low < b->tombstones.nelts && t[low].ref == ref; low++)
    {
        if (t_ms >= t[low].min_ms && t_ms <= t[low].max_ms) {
            return 1;
        }
    }

    return 0;
}


static int
phr_tsdb_flush(phr_tsdb_import_t *im, int commit)
{
    int          rc;
    size_t       i;
    phr_err_t    err;
    phr_batch_t  b;

    memset(&b, 0, sizeof(phr_batch_t));

    b.source = im->source;
    b.sid = im->sid;
    b.v = im->v;
    b.h = im->h;
    b.t_each = im->t_ms;
    b.n = im->n;
    b.status = im->status;
    b.backfill = 1;

    rc = im->app->ops->append(im->app, &b, &err);

    for (i = 0; i < im->n && rc == PHR_OK; i++) {
        im->nsamples += im->status[i] == PHR_OK;
        im->nrefused += im->status[i] != PHR_OK;
    }

    im->npending += im->n;
    im->n = 0;

    if (rc == PHR_OK && (commit || im->npending >= PHR_TSDB_COMMIT)) {
        rc = phr_store_commit(im->st, im->now_ms, 0, &err);
        im->npending = 0;

        while (rc == PHR_OK
               && (rc = phr_store_seal(im->st, im->now_ms, &err))
                  == PHR_AGAIN)
        {
            rc = PHR_OK;
        }
    }

    return rc == PHR_OK ? PHR_TOOL_OK
                        : phr_tool_failed(im->command, NULL, &err);
}


static void
phr_tsdb_bad(phr_tsdb_import_t *im, const char *path, const phr_err_t *err)
{
    im->ndamaged++;
    phr_tool_failed(im->command, path, err);
}
