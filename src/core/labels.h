/*
 * Copyright (C) The Pharos Authors
 *
 * Labels: the sorted set of name/value pairs that names a series, the
 * metric name among them as __name__.  A set is immutable: it is built with
 * a builder into an arena.
 */

#ifndef PHR_LABELS_H_INCLUDED
#define PHR_LABELS_H_INCLUDED


#include "core/arena.h"
#include "core/buf.h"


#define PHR_METRIC_NAME  "__name__"


typedef struct {
    phr_str_t  name;
    phr_str_t  value;       /* never empty in a set */
} phr_label_t;


/* sorted by name, names unique; passed by value, does not own its bytes */
typedef struct {
    const phr_label_t  *l;
    size_t              n;
} phr_labels_t;


/* the value, or { "", 0 } if there is no such label */
phr_str_t phr_labels_get(phr_labels_t ls, phr_str_t name);
int phr_labels_has(phr_labels_t ls, phr_str_t name);

/* orders as Prometheus's labels.Compare does; 0 if equal */
int phr_labels_cmp(phr_labels_t a, phr_labels_t b);

/*
 * Sorts n elements of so many bytes, each of which begins with its
 * phr_labels_t, in the order of phr_labels_cmp().
 */
void phr_labels_sort(void *elts, size_t n, size_t size);

/* a deep copy; l is NULL only if memory is gone (n is 0 then, too) */
int phr_labels_copy(phr_arena_t *a, phr_labels_t ls, phr_labels_t *out);

/* the same into bytes of the caller's, as many as phr_labels_bytes() says */
size_t phr_labels_bytes(phr_labels_t ls);
phr_labels_t phr_labels_place(void *bytes, phr_labels_t ls);

/* xxHash64 of the canonical encoding: stable for ever, kept in the store */
uint64_t phr_labels_hash(phr_labels_t ls);

/*
 * The hash of only the named labels ("on"), or of all but these and
 * __name__ ("ignoring").  names must be sorted.  Not stored anywhere.
 */
uint64_t phr_labels_hash_on(phr_labels_t ls, const phr_str_t *names,
    size_t n);
uint64_t phr_labels_hash_ignoring(phr_labels_t ls, const phr_str_t *names,
    size_t n);

/* equality of the same parts of two sets */
int phr_labels_eq_on(phr_labels_t a, phr_labels_t b, const phr_str_t *names,
    size_t n);
int phr_labels_eq_ignoring(phr_labels_t a, phr_labels_t b,
    const phr_str_t *names, size_t n);

/*
 * The canonical encoding: for each label uvarint(length) name
 * uvarint(length) value, in order.  Decoding makes labels that point into
 * the bytes; PHR_ECORRUPT if they are malformed or unsorted.
 */
void phr_labels_encode(phr_buf_t *b, phr_labels_t ls);
int phr_labels_decode(phr_arena_t *a, const uint8_t *p, size_t len,
    phr_labels_t *out);

/* {a="b", c="d"} with __name__ in front of the braces, as Go prints it */
void phr_labels_format(phr_buf_t *b, phr_labels_t ls);

/* [a-zA-Z_:][a-zA-Z0-9_:]* and [a-zA-Z_][a-zA-Z0-9_]* */
int phr_metric_name_valid(phr_str_t s);
int phr_label_name_valid(phr_str_t s);


/*
 * Builder: start from a set (or an empty one), set and delete, then build.
 * Values are not copied until build, names and values must live so long.
 */
typedef struct {
    phr_arena_t   *arena;
    phr_label_t   *l;
    size_t         n;
    size_t         nalloc;
    int            failed;      /* PHR_OK, PHR_ENOMEM or PHR_ELIMIT */
} phr_labels_builder_t;

void phr_labels_builder_init(phr_labels_builder_t *b, phr_arena_t *arena,
    phr_labels_t from);

/* an empty value deletes */
void phr_labels_builder_set(phr_labels_builder_t *b, phr_str_t name,
    phr_str_t value);
void phr_labels_builder_del(phr_labels_builder_t *b, phr_str_t name);
phr_str_t phr_labels_builder_get(const phr_labels_builder_t *b,
    phr_str_t name);

/* keeps only, or removes, the names in the list (any order) */
void phr_labels_builder_keep(phr_labels_builder_t *b,
    const phr_str_t *names, size_t n);
void phr_labels_builder_drop(phr_labels_builder_t *b,
    const phr_str_t *names, size_t n);

/*
 * A sorted set in the arena; the bytes of names and values are NOT copied
 * (phr_labels_copy() does that).  Returns b->failed.
 */
int phr_labels_build(phr_labels_builder_t *b, phr_labels_t *out);


#endif /* PHR_LABELS_H_INCLUDED */
