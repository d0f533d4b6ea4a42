/*
 * Copyright (C) The Pharos Authors
 *
 * Memory store: core/storage.h for tests, complete but slow.  What is
 * appended is committed at once.
 */

#ifndef MEMSTORE_H_INCLUDED
#define MEMSTORE_H_INCLUDED


#include "core/storage.h"


typedef struct phr_memstore_s  phr_memstore_t;


phr_memstore_t *phr_memstore_create(void);
void phr_memstore_destroy(phr_memstore_t *m);

/* forgets all samples and records */
int phr_memstore_clear(phr_memstore_t *m);

/*
 * One sample; the series is made if it is new, the labels are copied.
 * Samples may come in any order; one of a time that is there is replaced.
 */
int phr_memstore_add(phr_memstore_t *m, phr_labels_t ls, int64_t t_ms,
    double v);

/* the same with a copy of a histogram */
int phr_memstore_add_hist(phr_memstore_t *m, phr_labels_t ls, int64_t t_ms,
    const phr_hist_t *h);

/* the start timestamp of a sample that is there; PHR_NOTFOUND: it is not */
int phr_memstore_start(phr_memstore_t *m, phr_labels_t ls, int64_t t_ms,
    int64_t st_ms);

phr_storage_t *phr_memstore_storage(phr_memstore_t *m);
phr_appender_t *phr_memstore_appender(phr_memstore_t *m);

size_t phr_memstore_nseries(const phr_memstore_t *m);


#endif /* MEMSTORE_H_INCLUDED */
