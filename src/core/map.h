/*
 * Copyright (C) The Pharos Authors
 *
 * Map: a hash table from byte strings to pointers, seeded so that keys from
 * the network cannot be chosen to collide (SipHash-1-3).  Open addressing,
 * grows by doubling.  Keys are copied.  Not thread-safe.
 */

#ifndef PHR_MAP_H_INCLUDED
#define PHR_MAP_H_INCLUDED


#include "core/base.h"


typedef struct phr_map_s  phr_map_t;


phr_map_t *phr_map_create(void);
void phr_map_destroy(phr_map_t *m);             /* values are the caller's */

/* removes all entries and gives back their memory */
void phr_map_clear(phr_map_t *m);

void *phr_map_get(const phr_map_t *m, phr_str_t key);   /* NULL: absent */

/* adds or replaces; value must not be NULL.  PHR_OK or PHR_ENOMEM. */
int phr_map_set(phr_map_t *m, phr_str_t key, void *value);

/* returns the value that was there, NULL if none */
void *phr_map_delete(phr_map_t *m, phr_str_t key);

size_t phr_map_count(const phr_map_t *m);

/*
 * Visits all entries in no particular order: start with *pos = 0; returns 0
 * at the end.  The map must not change meanwhile, but for deletion of the
 * entry just returned.
 */
int phr_map_next(const phr_map_t *m, size_t *pos, phr_str_t *key,
    void **value);

/* the process-wide seed; to be set once, before threads, from random bytes */
void phr_hash_seed(const uint8_t seed[16]);

/* seeded 64-bit hash of bytes: differs between processes, never stored */
uint64_t phr_hash(const void *data, size_t len);


#endif /* PHR_MAP_H_INCLUDED */
