/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb files: see tsdb_files.h.
 */

#include "tool/tsdb_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/json.h"


#define PHR_TSDB_PATH  4096


static int phr_block_add(phr_block_list_t *list, const char *path,
    phr_err_t *err);
static int phr_block_meta(const char *path, phr_block_entry_t *b,
    phr_err_t *err);
static int phr_block_cmp(const void *a, const void *b);
static int phr_block_segments(const char *path, phr_block_files_t *b,
    phr_err_t *err);
static int phr_block_tombstones(const char *path, phr_block_files_t *b,
    phr_err_t *err);
static int phr_tombstone_cmp(const void *a, const void *b);
static int phr_file_map(const char *dir, const char *name, phr_str_t *bytes,
    phr_err_t *err);
static void phr_file_unmap(phr_str_t bytes);
static int phr_file_exists(const char *dir, const char *name);


int
phr_block_list(const char *path, phr_block_list_t *list, phr_err_t *err)
{
    int             rc, n;
    DIR            *dir;
    char            name[PHR_TSDB_PATH];
    struct dirent  *e;

    memset(list, 0, sizeof(phr_block_list_t));

    if (phr_file_exists(path, "meta.json")) {
        return phr_block_add(list, path, err);
    }

    dir = opendir(path);
    if (dir == NULL) {
        return phr_err_set(err, PHR_EIO, "%s", strerror(errno));
    }

    rc = PHR_OK;

    while (rc == PHR_OK && (e = readdir(dir)) != NULL) {
        n = snprintf(name, sizeof(name), "%s/%s", path, e->d_name);

        /* a block's name is an ULID; others are being made or deleted */

        if (n < (int) sizeof(name) && strlen(e->d_name) == 26
            && strchr(e->d_name, '.') == NULL
            && phr_file_exists(name, "meta.json"))
        {
            rc = phr_block_add(list, name, err);
        }
    }

    closedir(dir);

    if (rc != PHR_OK) {
        phr_block_list_free(list);
        return rc;
    }

    list->wal = phr_file_exists(path, "wal");

    if (list->n > 1) {
        qsort(list->b, list->n, sizeof(phr_block_entry_t), phr_block_cmp);
    }

    return PHR_OK;
}


void
phr_block_list_free(phr_block_list_t *list)
{
    size_t  i;

    for (i = 0; i < list->n; i++) {
        phr_free(list->b[i].path);
    }

    phr_free(list->b);
    list->b = NULL;
    list->n = 0;
}


static int
phr_block_add(phr_block_list_t *list, const char *path, phr_err_t *err)
{
    int                 rc;
    phr_block_entry_t  *grown, *b;

    grown = phr_realloc(list->b, (list->n + 1) * sizeof(phr_block_entry_t));
    if (grown == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    list->b = grown;
    b = &grown[list->n];

    rc = phr_block_meta(path, b, err);
    if (rc != PHR_OK) {
        phr_err_prefix(err, "%s: ", path);
        return rc;
    }

    b->path = phr_strdup(path, strlen(path));
    if (b->path == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    list->n++;

    return PHR_OK;
}


static int
phr_block_meta(const char *path, phr_block_entry_t *b, phr_err_t *err)
{
    int                     rc;
    phr_str_t               text;
    phr_json_doc_t         *doc;
    const phr_json_node_t  *root;

    rc = phr_file_map(path, "meta.json", &text, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_json_parse(text, &doc, err);
    phr_file_unmap(text);

    if (rc != PHR_OK) {
        phr_err_prefix(err, "meta.json: ");
        return rc;
    }

    root = phr_json_root(doc);

    if (phr_json_get_int(phr_json_get(root, "version"), 0) != 1
        || phr_json_type(phr_json_get(root, "minTime")) != PHR_JSON_INT
        || phr_json_type(phr_json_get(root, "maxTime")) != PHR_JSON_INT)
    {
        rc = phr_err_set(err, PHR_ECORRUPT, "meta.json: not that of a block "
                         "of version 1");
    }

    b->min_ms = phr_json_get_int(phr_json_get(root, "minTime"), 0);
    b->max_ms = phr_json_get_int(phr_json_get(root, "maxTime"), 0);

    phr_json_destroy(doc);

    return rc;
}


static int
phr_block_cmp(const void *a, const void *b)
{
    const phr_block_entry_t  *x, *y;

    x = a;
    y = b;

    if (x->min_ms != y->min_ms) {
        return x->min_ms < y->min_ms ? -1 : 1;
    }

    return strcmp(x->path, y->path);
}


int
phr_block_open(const char *path, phr_block_files_t *b, phr_err_t *err)
{
    int  rc;

    memset(b, 0, sizeof(phr_block_files_t));
    b->path = path;
    phr_array_init(&b->tombstones, sizeof(phr_tsdb_tombstone_t));

    rc = phr_file_map(path, "index", &b->bytes, err);

    if (rc == PHR_OK) {
        rc = phr_tsdb_index_open(&b->index, b->bytes, err);

        if (rc != PHR_OK) {
            phr_err_prefix(err, "index: ");
        }
    }

    if (rc == PHR_OK) {
        rc = phr_block_segments(path, b, err);
    }

    if (rc == PHR_OK && phr_file_exists(path, "tombstones")) {
        rc = phr_block_tombstones(path, b, err);
    }

    return rc;
}


void
phr_block_close(phr_block_files_t *b)
{
    size_t  i;

    phr_tsdb_index_close(&b->index);
    phr_file_unmap(b->bytes);

    for (i = 0; i < b->nsegments; i++) {
        phr_file_unmap(b->segments[i]);
    }

    phr_free(b->segments);
    b->segments = NULL;
    b->nsegments = 0;

    phr_array_free(&b->tombstones);
}


/* chunks/000001 and so on; an index counts them from 0 */
static int
phr_block_segments(const char *path, phr_block_files_t *b, phr_err_t *err)
{
    int         rc;
    char        name[32];
    phr_str_t  *grown;

    for ( ;; ) {
        snprintf(name, sizeof(name), "chunks/%06zu", b->nsegments + 1);

        if (!phr_file_exists(path, name)) {
            return PHR_OK;
        }

        grown = phr_realloc(b->segments,
                            (b->nsegments + 1) * sizeof(phr_str_t));
        if (grown == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        b->segments = grown;

        rc = phr_file_map(path, name, &grown[b->nsegments], err);
        if (rc != PHR_OK) {
            return rc;
        }

        b->nsegments++;

        rc = phr_tsdb_segment_check(grown[b->nsegments - 1], err);
        if (rc != PHR_OK) {
            phr_err_prefix(err, "%s: ", name);
            return rc;
        }
    }
}


static int
phr_block_tombstones(const char *path, phr_block_files_t *b, phr_err_t *err)
{
    int        rc;
    phr_str_t  bytes;

    rc = phr_file_map(path, "tombstones", &bytes, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_tsdb_tombstones(bytes, &b->tombstones, err);
    phr_file_unmap(bytes);

    if (rc != PHR_OK) {
        phr_err_prefix(err, "tombstones: ");
        return rc;
    }

    if (b->tombstones.nelts > 1) {
        qsort(b->tombstones.elts, b->tombstones.nelts,
              sizeof(phr_tsdb_tombstone_t), phr_tombstone_cmp);
    }

    return PHR_OK;
}


static int
phr_tombstone_cmp(const void *a, const void *b)
{
    const phr_tsdb_tombstone_t  *x, *y;

    x = a;
    y = b;

    return (x->ref > y->ref) - (x->ref < y->ref);
}


/* an empty file is no bytes at "" */
static int
phr_file_map(const char *dir, const char *name, phr_str_t *bytes,
    phr_err_t *err)
{
    int          fd, rc;
    char         path[PHR_TSDB_PATH];
    void        *p;
    struct stat  info;

    *bytes = phr_str_from("", 0);

    if (snprintf(path, sizeof(path), "%s/%s", dir, name)
        >= (int) sizeof(path))
    {
        return phr_err_set(err, PHR_EIO, "%s: the name is too long", name);
    }

    fd = open(path, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return phr_err_set(err, PHR_EIO, "%s: %s", name, strerror(errno));
    }

    rc = PHR_OK;

    if (fstat(fd, &info) != 0) {
        rc = phr_err_set(err, PHR_EIO, "%s: %s", name, strerror(errno));

    } else if (!S_ISREG(info.st_mode)) {
        rc = phr_err_set(err, PHR_EIO, "%s: not a file", name);

    } else if (info.st_size > 0) {
        p = mmap(NULL, (size_t) info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (p == MAP_FAILED) {
            rc = phr_err_set(err, PHR_EIO, "%s: mmap(): %s", name,
                             strerror(errno));

        } else {
            *bytes = phr_str_from(p, (size_t) info.st_size);
        }
    }

    close(fd);

    return rc;
}


static void
phr_file_unmap(phr_str_t bytes)
{
    if (bytes.len != 0) {
        munmap((void *) bytes.data, bytes.len);
    }
}


static int
phr_file_exists(const char *dir, const char *name)
{
    char         path[PHR_TSDB_PATH];
    struct stat  info;

    return snprintf(path, sizeof(path), "%s/%s", dir, name)
           < (int) sizeof(path)
           && stat(path, &info) == 0;
}
