/*
 * Copyright (C) The Pharos Authors
 *
 * Map: linear probing in a table of a power of two, at most three quarters
 * full.  A deleted entry leaves a grave (key NULL, value set) behind, so
 * that deletion moves nothing and an iteration may delete what it visits.
 *
 *     free    key NULL   value NULL
 *     grave   key NULL   value PHR_MAP_GRAVE
 *     entry   key        value
 */

#include "core/map.h"

#include "core/alloc.h"


#define PHR_MAP_MIN    16
#define PHR_MAP_GRAVE  ((void *) phr_map_grave)


typedef struct {
    uint64_t   hash;
    char      *key;
    size_t     len;
    void      *value;
} phr_map_entry_t;


struct phr_map_s {
    phr_map_entry_t  *table;    /* NULL until the first entry */
    size_t            size;     /* 0 or a power of two */
    size_t            nused;    /* entries and graves */
    size_t            count;    /* entries */
};


static phr_map_entry_t *phr_map_find(const phr_map_t *m, phr_str_t key,
    uint64_t hash);
static int phr_map_resize(phr_map_t *m);


static const char  phr_map_grave[1] = "";

/* half of the state of a SipHash key; set once, before threads */
static uint64_t    phr_hash_key[2] = {
    0x5068617230733030ULL, 0x6b65794e6f745365ULL
};


phr_map_t *
phr_map_create(void)
{
    return phr_calloc(1, sizeof(phr_map_t));
}


void
phr_map_destroy(phr_map_t *m)
{
    if (m == NULL) {
        return;
    }

    phr_map_clear(m);
    phr_free(m);
}


void
phr_map_clear(phr_map_t *m)
{
    size_t  i;

    for (i = 0; i < m->size; i++) {
        phr_free(m->table[i].key);
    }

    phr_free(m->table);
    memset(m, 0, sizeof(phr_map_t));
}


void *
phr_map_get(const phr_map_t *m, phr_str_t key)
{
    phr_map_entry_t  *e;

    e = phr_map_find(m, key, phr_hash(key.data, key.len));

    return e ? e->value : NULL;
}


int
phr_map_set(phr_map_t *m, phr_str_t key, void *value)
{
    char             *copy;
    size_t            i;
    uint64_t          hash;
    phr_map_entry_t  *e;

    phr_assert(value != NULL);

    hash = phr_hash(key.data, key.len);

    e = phr_map_find(m, key, hash);
    if (e != NULL) {
        e->value = value;
        return PHR_OK;
    }

    if (m->nused + 1 > m->size - m->size / 4
        && phr_map_resize(m) != PHR_OK)
    {
        return PHR_ENOMEM;
    }

    copy = phr_strdup(key.data, key.len);
    if (copy == NULL) {
        return PHR_ENOMEM;
    }

    i = hash & (m->size - 1);

    while (m->table[i].value != NULL) {
        i = (i + 1) & (m->size - 1);
    }

    e = &m->table[i];
    e->hash = hash;
    e->key = copy;
    e->len = key.len;
    e->value = value;

    m->nused++;
    m->count++;

    return PHR_OK;
}


void *
phr_map_delete(phr_map_t *m, phr_str_t key)
{
    void             *value;
    phr_map_entry_t  *e;

    e = phr_map_find(m, key, phr_hash(key.data, key.len));
    if (e == NULL) {
        return NULL;
    }

    value = e->value;

    phr_free(e->key);

    e->key = NULL;
    e->value = PHR_MAP_GRAVE;

    m->count--;

    return value;
}


size_t
phr_map_count(const phr_map_t *m)
{
    return m->count;
}


int
phr_map_next(const phr_map_t *m, size_t *pos, phr_str_t *key, void **value)
{
    const phr_map_entry_t  *e;

    while (*pos < m->size) {
        e = &m->table[(*pos)++];

        if (e->key == NULL) {
            continue;
        }

        if (key != NULL) {
            *key = phr_str_from(e->key, e->len);
        }

        if (value != NULL) {
            *value = e->value;
        }

        return 1;
    }

    return 0;
}


static phr_map_entry_t *
phr_map_find(const phr_map_t *m, phr_str_t key, uint64_t hash)
{
    size_t            i;
    phr_map_entry_t  *e;

    if (m->count == 0) {
        return NULL;
    }

    /* ends, because at least a quarter of the table is free */

    for (i = hash & (m->size - 1); ; i = (i + 1) & (m->size - 1)) {
        e = &m->table[i];

        if (e->value == NULL) {
            return NULL;
        }

        if (e->key != NULL && e->hash == hash && e->len == key.len
            && (key.len == 0 || memcmp(e->key, key.data, key.len) == 0))
        {
            return e;
        }
    }
}


/* a new table without graves: twice as large, or less if most were graves */

static int
phr_map_resize(phr_map_t *m)
{
    size_t            i, j, size;
    phr_map_entry_t  *table;

    size = PHR_MAP_MIN;

    while (size < m->count * 2 + 2) {
        size *= 2;
    }

    table = phr_calloc(size, sizeof(phr_map_entry_t));
    if (table == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < m->size; i++) {
        if (m->table[i].key == NULL) {
            continue;
        }

        j = m->table[i].hash & (size - 1);

        while (table[j].value != NULL) {
            j = (j + 1) & (size - 1);
        }

        table[j] = m->table[i];
    }

    phr_free(m->table);

    m->table = table;
    m->size = size;
    m->nused = m->count;

    return PHR_OK;
}


/*
 * SipHash-1-3: one round per word, three at the end; see "SipHash: a fast
 * short-input PRF" by Aumasson and Bernstein.
 */

#define phr_sip_rotl(x, b)  (((x) << (b)) | ((x) >> (64 - (b))))


static inline void
phr_sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = phr_sip_rotl(v[1], 13) ^ v[0];
    v[3] = phr_sip_rotl(v[3], 16) ^ v[2];
    v[0] = phr_sip_rotl(v[0], 32);

    v[2] += v[1];
    v[0] += v[3];
    v[1] = phr_sip_rotl(v[1], 17) ^ v[2];
    v[3] = phr_sip_rotl(v[3], 21) ^ v[0];
    v[2] = phr_sip_rotl(v[2], 32);
}


static inline uint64_t
phr_sip_word(const uint8_t *p, size_t n)
{
    size_t    i;
    uint64_t  w;

    w = 0;

    for (i = 0; i < n; i++) {
        w |= (uint64_t) p[i] << (8 * i);
    }

    return w;
}


void
phr_hash_seed(const uint8_t seed[16])
{
    phr_hash_key[0] = phr_sip_word(seed, 8);
    phr_hash_key[1] = phr_sip_word(seed + 8, 8);
}


uint64_t
phr_hash(const void *data, size_t len)
{
    size_t          n;
    uint64_t        v[4], w;
    const uint8_t  *p;

    v[0] = phr_hash_key[0] ^ 0x736f6d6570736575ULL;
    v[1] = phr_hash_key[1] ^ 0x646f72616e646f6dULL;
    v[2] = phr_hash_key[0] ^ 0x6c7967656e657261ULL;
    v[3] = phr_hash_key[1] ^ 0x7465646279746573ULL;

    p = data;

    for (n = len; n >= 8; n -= 8, p += 8) {
        w = phr_sip_word(p, 8);
        v[3] ^= w;
        phr_sip_round(v);
        v[0] ^= w;
    }

    w = phr_sip_word(p, n) | (uint64_t) len << 56;
    v[3] ^= w;
    phr_sip_round(v);
    v[0] ^= w;

    v[2] ^= 0xff;
    phr_sip_round(v);
    phr_sip_round(v);
    phr_sip_round(v);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
