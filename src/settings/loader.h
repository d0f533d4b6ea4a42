/*
 * Copyright (C) The Pharos Authors
 *
 * Loader: what loading any settings file needs from its caller, how a file
 * is read, and how the paths inside it are understood.
 */

#ifndef PHR_LOADER_H_INCLUDED
#define PHR_LOADER_H_INCLUDED


#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"


/* larger settings files are refused */
#define PHR_LOADER_MAX_BYTES  (16 * 1024 * 1024)

/* an arena of one loaded file, with all that it names */
#define PHR_LOADER_ARENA      (256 * 1024 * 1024)


/*
 * A path below prefix, as files written for containers name it, is taken
 * from folder: "/etc/prometheus" -> "/srv/monitoring".  The longest prefix
 * wins; it matches whole path components.
 */
typedef struct {
    phr_str_t  prefix;
    phr_str_t  folder;
} phr_path_map_t;


typedef struct {
    const phr_path_map_t  *maps;
    size_t                 nmaps;

    /*
     * The value of an environment variable, NULL if it is not set.  Without
     * this function ${NAME} in external_labels stays as it is written.
     */
    const char          *(*env)(void *data, const char *name);
    void                  *env_data;
} phr_loader_t;


typedef struct {
    phr_str_t  name;
    phr_str_t  value;
} phr_pair_t;

/* a map of strings, sorted by name; values may be empty */
typedef struct {
    phr_pair_t  *p;
    size_t       n;
} phr_pairs_t;

typedef struct {
    phr_str_t  *s;
    size_t      n;
} phr_strs_t;

/* something accepted that will not do what its author expects */
typedef struct {
    uint32_t   line;
    phr_str_t  file;
    phr_str_t  text;
} phr_settings_warning_t;


/* the whole file; the text is terminated.  PHR_EIO names path and errno. */
int phr_loader_read(phr_arena_t *a, const char *path, phr_str_t *text,
    phr_err_t *err);

/* the same into a new arena, which is the caller's on success */
int phr_loader_open(const char *path, phr_arena_t **arena, phr_str_t *text,
    phr_err_t *err);

/*
 * The local place of a path that stands in file: relative ones start from
 * the file's folder, then the maps of ld (may be NULL) are applied.  An
 * empty path stays empty.  data is NULL if memory is gone.
 */
phr_str_t phr_loader_path(phr_arena_t *a, const phr_loader_t *ld,
    const char *file, phr_str_t path);

/*
 * The files that a pattern names, sorted.  A pattern that matches nothing
 * gives none, which is no error.
 */
int phr_loader_glob(phr_arena_t *a, phr_str_t pattern, phr_strs_t *files,
    phr_err_t *err);


#endif /* PHR_LOADER_H_INCLUDED */
