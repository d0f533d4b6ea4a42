/*
 * Copyright (C) The Pharos Authors
 *
 * The command "salvage": a new store of what can be read of a damaged one.
 */

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/salvage.h"
#include "store/verify.h"
#include "tool/tool.h"


#define PHR_SALVAGE_PATH  4096

/* a map of this size is enough for the smallest of files */
#define PHR_SALVAGE_MAP   (UINT64_C(1) << 36)


static int phr_cmd_salvage(int argc, char **argv);
static int phr_cmd_salvage_from(const char *command, const char *from,
    char *file, uint64_t *size);
static int phr_cmd_salvage_folder(const char *command, const char *out);
static int phr_cmd_salvage_run(const char *command, const char *file,
    const char *scratch, const phr_store_conf_t *conf);
static int phr_cmd_salvage_verify(const char *command, const char *out,
    phr_store_t *st);
static void phr_cmd_salvage_print(const phr_salvage_result_t *r);
static void phr_cmd_salvage_damage(void *data, const char *text);
static void phr_cmd_salvage_clean(const char *scratch);


const phr_tool_command_t  phr_tool_salvage = {
    "salvage", "DIR|FILE OUT", "makes a new store of a damaged one",

    "Reads the damaged store in DIR, or a FILE that was moved aside "
    "(nginx calls it\n"
    "data.mdb.damaged-TIME), and makes a new store in the folder OUT, which "
    "must be\n"
    "new or empty.  A record is kept if its checksum holds, whether LMDB's "
    "trees lead\n"
    "to it or not; index and statistics are made anew.  Then the new store "
    "is verified,\n"
    "and what was kept and what was lost is printed.  The damaged file is "
    "only read.\n\n"
    "Samples whose labels are lost are lost.  If the file does not tell any "
    "more which\n"
    "of its pages are free, some of what had been deleted may come back; "
    "this is said.\n\n"
    "The damaged store must not be in use: stop nginx first, or salvage a "
    "file that\n"
    "nginx moved aside.  OUT needs about as much room as what is kept.  To "
    "use the new\n"
    "store, give its folder to the user of nginx and put it in the place of "
    "the old.\n\n"
    "Exit code 1 if no store could be made.\n",

    phr_cmd_salvage
};


static int
phr_cmd_salvage(int argc, char **argv)
{
    int                rc;
    char               file[PHR_SALVAGE_PATH], scratch[PHR_SALVAGE_PATH];
    uint64_t           size;
    phr_store_conf_t   conf;

    if (argc != 3 || argv[1][0] == '-' || argv[2][0] == '-') {
        return phr_tool_usage(argv[0], "a damaged store and a folder for "
                              "the new one are needed");
    }

    size = 0;

    rc = phr_cmd_salvage_from(argv[0], argv[1], file, &size);
    if (rc == PHR_TOOL_OK) {
        rc = phr_cmd_salvage_folder(argv[0], argv[2]);
    }
    if (rc != PHR_TOOL_OK) {
        return rc;
    }

    if (snprintf(scratch, sizeof(scratch), "%s/salvage", argv[2])
        >= (int) sizeof(scratch))
    {
        return phr_tool_error(argv[0], argv[2], "the name is too long");
    }

    if (mkdir(scratch, 0700) != 0) {
        return phr_tool_error(argv[0], scratch, "%s", strerror(errno));
    }

    memset(&conf, 0, sizeof(phr_store_conf_t));
    conf.path = argv[2];
    conf.map_size_bytes = phr_max(PHR_SALVAGE_MAP, size * 2);

    rc = phr_cmd_salvage_run(argv[0], file, scratch, &conf);
    phr_cmd_salvage_clean(scratch);

    return rc;
}


/* the name of the damaged file, with the lock of a store that is in place */
static int
phr_cmd_salvage_from(const char *command, const char *from, char *file,
    uint64_t *size)
{
    int          n;
    char         lock[PHR_SALVAGE_PATH];
    struct stat  info;

    n = snprintf(file, PHR_SALVAGE_PATH, "%s", from);

    if (n < PHR_SALVAGE_PATH && stat(from, &info) == 0
        && S_ISDIR(info.st_mode))
    {
        n = snprintf(file, PHR_SALVAGE_PATH, "%s/data.mdb", from);

        /* none was made: nobody has it open */
        if (snprintf(lock, sizeof(lock), "%s/lock", from)
            < (int) sizeof(lock)
            && access(lock, F_OK) == 0
            && phr_tool_lock(command, from) != PHR_TOOL_OK)
        {
            return PHR_TOOL_FAILED;
        }
    }

    if (n >= PHR_SALVAGE_PATH) {
        return phr_tool_error(command, from, "the name is too long");
    }

    if (stat(file, &info) != 0) {
        return phr_tool_error(command, file, "%s", strerror(errno));
    }

    *size = (uint64_t) info.st_size;

    return PHR_TOOL_OK;
}


/* new, or empty */
static int
phr_cmd_salvage_folder(const char *command, const char *out)
{
    int             n;
    DIR            *dir;
    struct dirent  *e;

    if (mkdir(out, 0700) == 0) {
        return PHR_TOOL_OK;
    }

    if (errno != EEXIST) {
        return phr_tool_error(command, out, "%s", strerror(errno));
    }

    dir = opendir(out);
    if (dir == NULL) {
        return phr_tool_error(command, out, "%s", strerror(errno));
    }

    n = 0;

    while ((e = readdir(dir)) != NULL) {
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    }

    closedir(dir);

    return n == 0 ? PHR_TOOL_OK
           : phr_tool_error(command, out, "the folder is not empty");
}


static int
phr_cmd_salvage_run(const char *command, const char *file, const char *scratch,
    const phr_store_conf_t *conf)
{
    int                    rc;
    phr_err_t              err;
    phr_store_t           *st;
    phr_salvage_result_t   result;

    phr_err_init(&err);

    if (phr_tool_open_writer(command, conf, &st) != PHR_TOOL_OK) {
        return PHR_TOOL_FAILED;
    }

    if (phr_salvage(file, st, scratch, &result, &err) != PHR_OK) {
        rc = phr_tool_failed(command, file, &err);

    } else {
        phr_cmd_salvage_print(&result);
        rc = phr_cmd_salvage_verify(command, conf->path, st);
    }

    phr_store_close(st);

    return rc;
}


static int
phr_cmd_salvage_verify(const char *command, const char *out, phr_store_t *st)
{
    phr_err_t           err;
    phr_store_damage_t  damage;

    if (phr_store_verify(st, phr_cmd_salvage_damage, NULL, &damage, &err)
        != PHR_OK)
    {
        return phr_tool_failed(command, out, &err);
    }

    printf("new store: %" PRIu64 " records, %" PRIu64 " samples, %" PRIu64
           " damaged\n", damage.nrecords, damage.nsamples, damage.ndamaged);

    return damage.ndamaged == 0 ? PHR_TOOL_OK : PHR_TOOL_FAILED;
}


static void
phr_cmd_salvage_print(const phr_salvage_result_t *r)
{
    printf("read: %" PRIu64 " pages, %" PRIu64 " pages or records are "
           "damaged\n", r->npages, r->ndamaged);

    printf("series: %" PRIu64 " kept, %" PRIu64 " lost\n", r->nseries,
           r->nseries_lost);

    printf("samples: %" PRIu64 " kept, about %" PRIu64 " lost, %" PRIu64
           " of them with their labels\n", r->nsamples, r->nsamples_lost,
           r->norphans);

    printf("small records: %" PRIu64 " kept, %" PRIu64 " lost\n",
           r->nvalues, r->nvalues_lost);

    printf("start timestamps: %" PRIu64 " changes kept, %" PRIu64 " lost\n",
           r->nstarts, r->nstarts_lost);

    printf("exemplars: %" PRIu64 " kept, about %" PRIu64 " lost\n",
           r->nexemplars, r->nexemplars_lost);

    printf("records of buckets: %" PRIu64 " kept, %" PRIu64 " lost\n",
           r->nbuckets, r->nbuckets_lost);

    if (r->commit_lost) {
        printf("The newest state may be lost: what was written last.\n");
    }

    if (r->doubt) {
        printf("It is not known which pages were free: what had been "
               "deleted may be back.\n");
    }
}


static void
phr_cmd_salvage_damage(void *data, const char *text)
{
    printf("damaged: %s\n", text);
}


static void
phr_cmd_salvage_clean(const char *scratch)
{
    char    file[PHR_SALVAGE_PATH + 16];
    size_t  i;

    static const char *const  files[] = { "data.mdb", "lock.mdb" };

    for (i = 0; i < phr_nelems(files); i++) {
        snprintf(file, sizeof(file), "%s/%s", scratch, files[i]);
        (void) unlink(file);
    }

    (void) rmdir(scratch);
}
