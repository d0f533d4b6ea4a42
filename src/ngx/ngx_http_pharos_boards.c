/*
 * Copyright (C) The Pharos Authors
 *
 * Boards: the files of a folder with dashboards are looked at by a task in
 * a reader thread every few seconds; only what has changed is read.  A
 * file that is broken keeps the dashboard that it had, and spoils no other.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "core/arena.h"
#include "core/bytes.h"
#include "core/map.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "settings/loader.h"


#define NGX_HTTP_PHAROS_BOARDS_MS     2000
#define NGX_HTTP_PHAROS_BOARDS_DEPTH  8
#define NGX_HTTP_PHAROS_BOARDS_MAX    5000


typedef struct {
    char          *path;            /* allocated */
    uint64_t       signature;
    phr_board_t   *board;           /* of when it was last good, or NULL */
    unsigned       seen:1;
    unsigned       broken:1;
    unsigned       clashes:1;       /* with another file's uid */
    unsigned       clashed:1;       /* so it was in the list before */
} ngx_http_pharos_board_file_t;

typedef struct {
    const char  *folder;
    int          depth;         /* of folders that may be looked at */
} ngx_http_pharos_boards_place_t;


static void ngx_http_pharos_boards_timer(ngx_event_t *ev);
static void ngx_http_pharos_boards_run(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_boards_outcome(int rc, const phr_err_t *err);
static int ngx_http_pharos_boards_folder(const char *folder, int depth,
    phr_err_t *err);
static int ngx_http_pharos_boards_entry(void *data, const char *name,
    phr_err_t *err);
static int ngx_http_pharos_boards_file(const char *path,
    const struct stat *st, phr_err_t *err);
static ngx_http_pharos_board_file_t *ngx_http_pharos_boards_add(
    const char *path, phr_err_t *err);
static void ngx_http_pharos_boards_read(ngx_http_pharos_board_file_t *f);
static uint64_t ngx_http_pharos_boards_signature(const struct stat *st);
static void ngx_http_pharos_boards_gone(void);
static void ngx_http_pharos_boards_list(void);
static void ngx_http_pharos_boards_clash(void *data,
    const phr_board_t *left_out, const phr_board_t *taken);
static void ngx_http_pharos_boards_forget(ngx_http_pharos_board_file_t *f);
static phr_str_t ngx_http_pharos_boards_name(const char *path);
static void ngx_http_pharos_boards_done(ngx_http_pharos_task_t *t);


static ngx_event_t              boards_timer;
static ngx_http_pharos_task_t   boards_task;
static ngx_log_t               *boards_log;

/*
 * A reader thread's while the task is under way.  Boards are shared by
 * files and lists; the task makes lists and its done() destroys them, so
 * that counts are never touched by two.
 */
static char                    *boards_root;    /* no slash at the end */
static phr_map_t               *boards_files;   /* by name below the root */
static phr_boards_t            *boards_made;    /* for done(), or NULL */
static ngx_uint_t               boards_changed;
static ngx_uint_t               boards_failing;
static ngx_uint_t               boards_said;    /* how many there are */

static phr_boards_t            *boards;         /* what requests see */
static pthread_rwlock_t         boards_lock = PTHREAD_RWLOCK_INITIALIZER;


ngx_int_t
ngx_http_pharos_boards_start(ngx_http_pharos_main_conf_t *pmcf,
    ngx_log_t *log)
{
    size_t  len;

    len = pmcf->dashboards.len;

    if (len == 0) {
        return NGX_OK;
    }

    while (len > 1 && pmcf->dashboards.data[len - 1] == '/') {
        len--;
    }

    boards_log = log;
    boards_made = NULL;
    boards_changed = 1;
    boards_failing = 0;
    boards_said = 0;

    boards_root = phr_strdup((char *) pmcf->dashboards.data, len);
    boards_files = phr_map_create();

    if (boards_root == NULL || boards_files == NULL) {
        ngx_http_pharos_boards_free();
        return NGX_ERROR;
    }

    ngx_memzero(&boards_timer, sizeof(ngx_event_t));
    ngx_memzero(&boards_task, sizeof(ngx_http_pharos_task_t));

    boards_timer.handler = ngx_http_pharos_boards_timer;
    boards_timer.log = log;
    boards_timer.cancelable = 1;

    boards_task.run = ngx_http_pharos_boards_run;
    boards_task.done = ngx_http_pharos_boards_done;

    ngx_http_pharos_boards_timer(&boards_timer);

    return NGX_OK;
}


void
ngx_http_pharos_boards_stop(void)
{
    if (boards_timer.timer_set) {
        ngx_del_timer(&boards_timer);
    }
}


void
ngx_http_pharos_boards_free(void)
{
    void       *value;
    size_t      pos;
    phr_str_t   name;

    if (boards_timer.timer_set) {
        ngx_del_timer(&boards_timer);
    }

    phr_boards_destroy(boards);
    phr_boards_destroy(boards_made);

    pos = 0;

    while (boards_files && phr_map_next(boards_files, &pos, &name, &value)) {
        ngx_http_pharos_boards_forget(value);
    }

    phr_map_destroy(boards_files);
    phr_free(boards_root);

    boards = NULL;
    boards_made = NULL;
    boards_files = NULL;
    boards_root = NULL;
}


static void
ngx_http_pharos_boards_timer(ngx_event_t *ev)
{
    if (ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_READ, &boards_task)
        != NGX_OK
        && !ngx_http_pharos_helper_draining())
    {
        ngx_add_timer(&boards_timer, NGX_HTTP_PHAROS_BOARDS_MS);
    }
}


/* in a reader thread, as all up to done() */

static void
ngx_http_pharos_boards_run(ngx_http_pharos_task_t *t)
{
    int         rc;
    void       *value;
    size_t      pos;
    phr_err_t   err;
    phr_str_t   name;

    pos = 0;

    while (phr_map_next(boards_files, &pos, &name, &value)) {
        ((ngx_http_pharos_board_file_t *) value)->seen = 0;
    }

    phr_err_init(&err);

    rc = ngx_http_pharos_boards_folder(boards_root,
                                       NGX_HTTP_PHAROS_BOARDS_DEPTH, &err);

    ngx_http_pharos_boards_outcome(rc, &err);

    /* of a folder that cannot be looked at nobody knows what has gone */

    if (rc == PHR_OK) {
        ngx_http_pharos_boards_gone();
    }

    if (boards_changed) {
        ngx_http_pharos_boards_list();
    }
}


static void
ngx_http_pharos_boards_outcome(int rc, const phr_err_t *err)
{
    if (rc != PHR_OK && !boards_failing) {
        boards_failing = 1;
        ngx_http_pharos_log_err(NGX_LOG_ERR, boards_log, err,
                                "looking for dashboards");

    } else if (rc == PHR_OK && boards_failing) {
        boards_failing = 0;
        ngx_log_error(NGX_LOG_NOTICE, boards_log, 0,
                      "looking for dashboards in \"%s\" succeeds again",
                      boards_root);
    }
}


static int
ngx_http_pharos_boards_folder(const char *folder, int depth, phr_err_t *err)
{
    ngx_http_pharos_boards_place_t  place;

    place.folder = folder;
    place.depth = depth;

    return ngx_http_pharos_folder_each(folder, ngx_http_pharos_boards_entry,
                                       &place, err);
}


static int
ngx_http_pharos_boards_entry(void *data, const char *name, phr_err_t *err)
{
    int                                    rc;
    size_t                                 len;
    phr_buf_t                              path;
    struct stat                            st;
    const ngx_http_pharos_boards_place_t  *place;

    place = data;
    phr_buf_init(&path, 0);
    phr_buf_printf(&path, "%s/%s", place->folder, name);

    if (path.failed) {
        phr_buf_free(&path);
        return phr_err_set(err, path.failed, "out of memory");
    }

    rc = PHR_OK;
    len = ngx_strlen(name);

    if (stat(phr_buf_cstr(&path), &st) != 0) {
        /* gone meanwhile, or a link to nothing */

    } else if (S_ISDIR(st.st_mode)) {

        if (place->depth > 1) {
            rc = ngx_http_pharos_boards_folder(phr_buf_cstr(&path),
                                               place->depth - 1, err);
        }

        if (rc == PHR_EIO) {
            /* as a file that cannot be read: said once, others go on */
            rc = ngx_http_pharos_boards_file(phr_buf_cstr(&path), &st, err);
        }

    } else if (S_ISREG(st.st_mode) && len > 5
               && ngx_strcmp(name + len - 5, ".json") == 0)
    {
        rc = ngx_http_pharos_boards_file(phr_buf_cstr(&path), &st, err);
    }

    phr_buf_free(&path);

    return rc;
}


static int
ngx_http_pharos_boards_file(const char *path, const struct stat *st,
    phr_err_t *err)
{
    uint64_t                       signature;
    ngx_http_pharos_board_file_t  *f;

    f = phr_map_get(boards_files, ngx_http_pharos_boards_name(path));

    if (f == NULL) {
        f = ngx_http_pharos_boards_add(path, err);
        if (f == NULL) {
            return err->code;
        }
    }

    f->seen = 1;
    signature = ngx_http_pharos_boards_signature(st);

    if (signature != f->signature) {
        f->signature = signature;
        ngx_http_pharos_boards_read(f);
    }

    return PHR_OK;
}


static ngx_http_pharos_board_file_t *
ngx_http_pharos_boards_add(const char *path, phr_err_t *err)
{
    ngx_http_pharos_board_file_t  *f;

    if (phr_map_count(boards_files) >= NGX_HTTP_PHAROS_BOARDS_MAX) {
        (void) phr_err_set(err, PHR_ELIMIT, "more than %d files in \"%s\"",
                           NGX_HTTP_PHAROS_BOARDS_MAX, boards_root);
        return NULL;
    }

    f = phr_calloc(1, sizeof(ngx_http_pharos_board_file_t));

    if (f != NULL) {
        f->path = phr_strdup(path, ngx_strlen(path));
    }

    if (f == NULL || f->path == NULL
        || phr_map_set(boards_files, ngx_http_pharos_boards_name(path), f)
           != PHR_OK)
    {
        if (f != NULL) {
            ngx_http_pharos_boards_forget(f);
        }

        (void) phr_err_set(err, PHR_ENOMEM, "out of memory");
        return NULL;
    }

    return f;
}


static void
ngx_http_pharos_boards_read(ngx_http_pharos_board_file_t *f)
{
    int           rc;
    phr_err_t     err;
    phr_str_t     text;
    phr_arena_t  *arena;
    phr_board_t  *board;

    phr_err_init(&err);

    arena = phr_arena_create(0);

    if (arena == NULL) {
        rc = phr_err_set(&err, PHR_ENOMEM, "no memory for \"%s\"", f->path);

    } else {
        rc = phr_loader_read(arena, f->path, &text, &err);
    }

    if (rc == PHR_OK) {
        rc = phr_board_create(text, f->path,
                              ngx_http_pharos_boards_name(f->path), &board,
                              &err);
    }

    phr_arena_destroy(arena);

    if (rc != PHR_OK) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, boards_log, &err,
                                f->board ? "reading a dashboard, the old "
                                           "one stays,"
                                         : "reading a dashboard");
        f->broken = 1;

        if (rc == PHR_ENOMEM) {
            f->signature = 0;           /* better luck next time */
        }

        return;
    }

    if (f->broken) {
        f->broken = 0;
        ngx_log_error(NGX_LOG_NOTICE, boards_log, 0,
                      "the dashboard in \"%s\" can be read again", f->path);
    }

    phr_board_drop(f->board);
    f->board = board;
    boards_changed = 1;
}


/* never 0, which is that of a file not read yet; ctime tells of chmod, too */

static uint64_t
ngx_http_pharos_boards_signature(const struct stat *st)
{
    uint64_t  parts[7];

    parts[0] = st->st_ino;
    parts[1] = st->st_size;
    parts[2] = st->st_mtim.tv_sec;
    parts[3] = st->st_mtim.tv_nsec;
    parts[4] = st->st_ctim.tv_sec;
    parts[5] = st->st_ctim.tv_nsec;
    parts[6] = st->st_dev;

    return phr_xxh64(parts, sizeof(parts)) | 1;
}


static void
ngx_http_pharos_boards_gone(void)
{
    void                          *value;
    size_t                         pos;
    phr_str_t                      name;
    ngx_http_pharos_board_file_t  *f;

    pos = 0;

    while (phr_map_next(boards_files, &pos, &name, &value)) {

        f = value;

        if (!f->seen) {
            boards_changed |= f->board != NULL;
            (void) phr_map_delete(boards_files, name);
            ngx_http_pharos_boards_forget(f);
        }
    }
}


static void
ngx_http_pharos_boards_list(void)
{
    int                             rc;
    void                           *value;
    size_t                          pos, n;
    phr_str_t                       name;
    phr_board_t                   **all;
    ngx_http_pharos_board_file_t   *f;

    all = phr_calloc(phr_map_count(boards_files) + 1, sizeof(phr_board_t *));
    if (all == NULL) {
        return;
    }

    pos = 0;
    n = 0;

    while (phr_map_next(boards_files, &pos, &name, &value)) {

        f = value;
        f->clashed = f->clashes;
        f->clashes = 0;

        if (f->board) {
            all[n++] = f->board;
        }
    }

    /* what has changed stays so if memory is gone: the next look tries again */

    rc = phr_boards_create(all, n, ngx_http_pharos_boards_clash, NULL,
                           &boards_made);

    phr_free(all);

    if (rc != PHR_OK) {
        boards_made = NULL;
        return;
    }

    boards_changed = 0;

    if (!boards_said) {
        boards_said = 1;
        ngx_log_error(NGX_LOG_NOTICE, boards_log, 0,
                      "%uz dashboards in \"%s\"", boards_made->nboards,
                      boards_root);
    }
}


static void
ngx_http_pharos_boards_clash(void *data, const phr_board_t *left_out,
    const phr_board_t *taken)
{
    ngx_http_pharos_board_file_t  *f;

    f = phr_map_get(boards_files, left_out->path);

    if (!f->clashed) {
        ngx_log_error(NGX_LOG_WARN, boards_log, 0,
                      "the dashboard in \"%s\" is not used: its uid \"%*s\" "
                      "is that of \"%*s\", too", f->path, taken->uid.len,
                      taken->uid.data, taken->path.len, taken->path.data);
    }

    f->clashes = 1;
}


static void
ngx_http_pharos_boards_forget(ngx_http_pharos_board_file_t *f)
{
    phr_board_drop(f->board);
    phr_free(f->path);
    phr_free(f);
}


/* below the root */

static phr_str_t
ngx_http_pharos_boards_name(const char *path)
{
    return phr_str_from_c(path + ngx_strlen(boards_root) + 1);
}


/* on the loop */

static void
ngx_http_pharos_boards_done(ngx_http_pharos_task_t *t)
{
    phr_boards_t  *old;

    if (boards_made) {
        old = boards;

        (void) pthread_rwlock_wrlock(&boards_lock);
        boards = boards_made;
        (void) pthread_rwlock_unlock(&boards_lock);

        boards_made = NULL;
        phr_boards_destroy(old);
    }

    if (boards_root && !ngx_http_pharos_helper_draining()) {
        ngx_add_timer(&boards_timer, NGX_HTTP_PHAROS_BOARDS_MS);
    }
}


/* any thread */

const phr_boards_t *
ngx_http_pharos_boards_hold(void *data)
{
    (void) pthread_rwlock_rdlock(&boards_lock);

    return boards;
}


void
ngx_http_pharos_boards_release(void *data)
{
    (void) pthread_rwlock_unlock(&boards_lock);
}
