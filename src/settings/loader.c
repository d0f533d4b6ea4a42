/*
 * Copyright (C) The Pharos Authors
 *
 * Loader: reading files, local places of paths, patterns.
 */

#include "settings/loader.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>


static phr_str_t phr_loader_map(phr_arena_t *a, const phr_loader_t *ld,
    phr_str_t path);
static phr_str_t phr_loader_clean(phr_arena_t *a, phr_str_t path);


int
phr_loader_open(const char *path, phr_arena_t **arena, phr_str_t *text,
    phr_err_t *err)
{
    int           rc;
    phr_arena_t  *a;

    a = phr_arena_create(PHR_LOADER_MAX_BYTES + 1024 * 1024);
    if (a == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    rc = phr_loader_read(a, path, text, err);
    if (rc != PHR_OK) {
        phr_arena_destroy(a);
        return rc;
    }

    *arena = a;

    return PHR_OK;
}


int
phr_loader_read(phr_arena_t *a, const char *path, phr_str_t *text,
    phr_err_t *err)
{
    int          rc;
    char        *buf;
    FILE        *f;
    size_t       size;
    struct stat  st;

    f = fopen(path, "rb");
    if (f == NULL) {
        return phr_err_in_file(err, PHR_EIO, path, 0, 0, "open failed: %s",
                               strerror(errno));
    }

    rc = PHR_OK;

    if (fstat(fileno(f), &st) == -1 || !S_ISREG(st.st_mode)) {
        rc = phr_err_in_file(err, PHR_EIO, path, 0, 0, "not a regular file");
        goto done;
    }

    if (st.st_size > PHR_LOADER_MAX_BYTES) {
        rc = phr_err_in_file(err, PHR_ELIMIT, path, 0, 0,
                             "larger than %d bytes", PHR_LOADER_MAX_BYTES);
        goto done;
    }

    size = (size_t) st.st_size;

    buf = phr_arena_alloc(a, size + 1);
    if (buf == NULL) {
        rc = phr_err_set(err, phr_arena_rc(a), "no memory for \"%s\"", path);
        goto done;
    }

    /* the file may have become shorter meanwhile */

    size = fread(buf, 1, size, f);

    if (ferror(f)) {
        rc = phr_err_in_file(err, PHR_EIO, path, 0, 0, "read failed: %s",
                             strerror(errno));
        goto done;
    }

    buf[size] = '\0';
    *text = phr_str_from(buf, size);

done:

    fclose(f);

    return rc;
}


phr_str_t
phr_loader_path(phr_arena_t *a, const phr_loader_t *ld, const char *file,
    phr_str_t path)
{
    char        *p;
    size_t       folder;
    const char  *slash;

    if (path.len == 0) {
        return phr_str_of("");
    }

    slash = file ? strrchr(file, '/') : NULL;

    if (path.data[0] != '/' && slash != NULL) {
        folder = (size_t) (slash - file) + 1;

        p = phr_arena_alloc(a, folder + path.len + 1);
        if (p == NULL) {
            return phr_str_from(NULL, 0);
        }

        memcpy(p, file, folder);
        memcpy(p + folder, path.data, path.len);
        p[folder + path.len] = '\0';

        path = phr_str_from(p, folder + path.len);
    }

    path = phr_loader_clean(a, path);

    if (path.data == NULL || ld == NULL || path.data[0] != '/') {
        return path;
    }

    return phr_loader_map(a, ld, path);
}


int
phr_loader_glob(phr_arena_t *a, phr_str_t pattern, phr_strs_t *files,
    phr_err_t *err)
{
    int         rc;
    char       *p;
    glob_t      g;
    size_t      i;
    phr_str_t  *s;

    p = phr_arena_strdup(a, pattern.data, pattern.len);
    if (p == NULL) {
        return phr_err_set(err, phr_arena_rc(a), "out of memory");
    }

    files->s = NULL;
    files->n = 0;

    rc = glob(p, GLOB_PERIOD, NULL, &g);

    switch (rc) {
    case 0:
        break;

    case GLOB_NOSPACE:
        return phr_err_set(err, PHR_ENOMEM, "glob(\"%s\") failed", p);

    default:
        return PHR_OK;
    }

    s = phr_arena_calloc(a, g.gl_pathc + 1, sizeof(phr_str_t));
    rc = (s == NULL) ? PHR_ENOMEM : PHR_OK;

    for (i = 0; s != NULL && i < g.gl_pathc; i++) {
        s[i] = phr_arena_str(a, phr_str_from_c(g.gl_pathv[i]));

        if (s[i].data == NULL) {
            rc = PHR_ENOMEM;
            break;
        }
    }

    if (rc == PHR_OK) {
        files->s = s;
        files->n = g.gl_pathc;

    } else {
        rc = phr_err_set(err, phr_arena_rc(a), "out of memory");
    }

    globfree(&g);

    return rc;
}


static phr_str_t
phr_loader_map(phr_arena_t *a, const phr_loader_t *ld, phr_str_t path)
{
    char                  *p;
    size_t                 i, n, len;
    phr_str_t              folder;
    const phr_path_map_t  *best;

    best = NULL;
    len = 0;

    for (i = 0; i < ld->nmaps; i++) {
        n = ld->maps[i].prefix.len;

        while (n > 0 && ld->maps[i].prefix.data[n - 1] == '/') {
            n--;
        }

        if (n <= path.len && memcmp(path.data, ld->maps[i].prefix.data, n) == 0
            && (n == path.len || path.data[n] == '/')
            && (best == NULL || n > len))
        {
            best = &ld->maps[i];
            len = n;
        }
    }

    if (best == NULL) {
        return path;
    }

    folder = best->folder;

    while (folder.len > 1 && folder.data[folder.len - 1] == '/') {
        folder.len--;
    }

    n = folder.len + path.len - len;

    p = phr_arena_alloc(a, n + 1);
    if (p == NULL) {
        return phr_str_from(NULL, 0);
    }

    memcpy(p, folder.data, folder.len);
    memcpy(p + folder.len, path.data + len, path.len - len);
    p[n] = '\0';

    return phr_str_from(p, n);
}


/* as Go's filepath.Clean(): "a/./b//c/.." is "a/b" */
static phr_str_t
phr_loader_clean(phr_arena_t *a, phr_str_t path)
{
    char    *out;
    size_t   i, j, n, keep, len;

    out = phr_arena_alloc(a, path.len + 2);
    if (out == NULL) {
        return phr_str_from(NULL, 0);
    }

    n = 0;

    if (path.data[0] == '/') {
        out[n++] = '/';
    }

    keep = n;           /* ".." does not take away what is before */

    for (i = 0; i < path.len; i = j + 1) {
        for (j = i; j < path.len && path.data[j] != '/'; j++) {
            /* void */
        }

        len = j - i;

        if (len == 0 || (len == 1 && path.data[i] == '.')) {
            continue;
        }

        if (len == 2 && path.data[i] == '.' && path.data[i + 1] == '.') {
            if (n > keep) {
                while (n > keep && out[n - 1] != '/') {
                    n--;
                }

                if (n > keep) {
                    n--;
                }

                continue;
            }

            if (path.data[0] == '/') {
                continue;
            }
        }

        if (n > 0 && out[n - 1] != '/') {
            out[n++] = '/';
        }

        memcpy(out + n, path.data + i, len);
        n += len;

        if (len == 2 && path.data[i] == '.' && path.data[i + 1] == '.') {
            keep = n;
        }
    }

    if (n == 0) {
        out[n++] = '.';
    }

    out[n] = '\0';

    return phr_str_from(out, n);
}
