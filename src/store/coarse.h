/*
 * Copyright (C) The Pharos Authors
 *
 * Coarse: what is kept of old samples when they themselves go.  For each
 * series and resolution there are buckets, one for each multiple T of the
 * resolution: what is known of the samples in (T - resolution, T].  Here is
 * what a bucket says, how buckets join, and the records of
 * PHR_DB_COARSE; who makes and who reads them is in coarse_make.h and
 * coarse_read.h.
 *
 * Histograms have no buckets: they go with the samples.
 */

#ifndef PHR_COARSE_H_INCLUDED
#define PHR_COARSE_H_INCLUDED


#include "store/chunk.h"
#include "store/internal.h"


/* buckets of a block, so few that one series always fits a record */
#define PHR_COARSE_BUCKETS   48

#define PHR_COARSE_5M        0
#define PHR_COARSE_1H        1

#define PHR_COARSE_5M_MS     INT64_C(300000)
#define PHR_COARSE_1H_MS     INT64_C(3600000)

#define phr_coarse_ms(res)                                                    \
    ((res) == PHR_COARSE_1H ? PHR_COARSE_1H_MS : PHR_COARSE_5M_MS)

/* what a block spans: 4 hours, or 2 days */
#define phr_coarse_span(res)  (PHR_COARSE_BUCKETS * phr_coarse_ms(res))

#define PHR_KEY_COARSE       9
#define PHR_KEY_COARSE_NEXT  1      /* and of PHR_COARSE_HOLES */

/* first bytes of keys that are not those of buckets, plus the resolution */
#define PHR_COARSE_MARK      0x80
#define PHR_COARSE_HOLES     0xe0
#define PHR_COARSE_NEXT      0xf0


/* the samples of some time; one sample is one, too */
typedef struct {
    uint32_t  count;            /* without stale markers */
    unsigned  stale:1;          /* a stale marker came after them */
    double    sum;
    double    min, max;         /* NaN only if there is nothing else */
    double    first, last;
    double    lost;             /* values before resets: a counter's increase
                                   is last - first + lost */
    int64_t   first_ms, last_ms;
} phr_bucket_t;

void phr_bucket_of_sample(phr_bucket_t *b, int64_t t_ms, double v);

/* adds what came later */
void phr_bucket_join(phr_bucket_t *b, const phr_bucket_t *later);


/* the buckets of one series in a block; those without a sample lack */
typedef struct {
    int64_t       start_ms;     /* of the block, itself excluded */
    int           res;
    size_t        n;
    uint8_t       place[PHR_COARSE_BUCKETS];
    phr_bucket_t  b[PHR_COARSE_BUCKETS];
} phr_coarse_t;

void phr_coarse_init(phr_coarse_t *c, int res, int64_t start_ms);

/*
 * Adds samples that are later than those added before and no earlier than
 * the block.  b->first_ms and b->last_ms lie in the same bucket.
 */
void phr_coarse_add(phr_coarse_t *c, const phr_bucket_t *b);

/* the end of bucket i of those present */
static inline int64_t
phr_coarse_end(const phr_coarse_t *c, size_t i)
{
    return c->start_ms + (c->place[i] + 1) * phr_coarse_ms(c->res);
}

/* what the encoder may write: a list of places, and nine columns */
#define PHR_COARSE_COLUMNS  9
#define PHR_COARSE_BOUND                                                      \
    (8 + PHR_COARSE_COLUMNS * (2 + PHR_CHUNK_BOUND(PHR_COARSE_BUCKETS)))

/* n is not 0; returns the length */
size_t phr_coarse_encode(const phr_coarse_t *c, uint8_t *out);

/* c is initialised; PHR_BITS_PAD bytes follow.  PHR_OK or PHR_ECORRUPT. */
int phr_coarse_decode(phr_coarse_t *c, const uint8_t *p, size_t len);


/* the key of a record of buckets, or of a mark: then sid is a group */
void phr_key_coarse(uint8_t *p, uint8_t kind, int64_t start_ms, int res,
    uint32_t sid);

/* 0 if it is another kind of key */
int phr_key_coarse_get(phr_str_t key, uint8_t kind, int res,
    int64_t *start_ms, uint32_t *sid);

/* the start of the block in which a sample of this time is */
int64_t phr_coarse_block(int res, int64_t t_ms);


/* a record while it is made: series of one group, in order */
typedef struct {
    phr_sid_t  first;
    uint16_t   n;
    uint16_t   len;
    uint16_t   sid[PHR_GROUP_SIZE];         /* less the first */
    uint16_t   at[PHR_GROUP_SIZE];
    uint8_t    data[PHR_VALUE_MAX];
} phr_coarse_page_t;

/* PHR_OK, or PHR_FULL and nothing changed; one always fits an empty page */
int phr_coarse_page_add(phr_coarse_page_t *p, phr_sid_t sid,
    const uint8_t *data, size_t len);

/* writes it, if it is not empty, and makes it empty */
int phr_coarse_page_write(phr_coarse_page_t *p, phr_txn_t *txn, int res,
    int64_t start_ms, phr_err_t *err);

/*
 * The buckets of a series in a checked record whose key has this first sid.
 * PHR_OK, PHR_NOTFOUND or PHR_ECORRUPT.  c is initialised.
 */
int phr_coarse_page_find(phr_str_t body, phr_sid_t first, phr_sid_t sid,
    phr_coarse_t *c);

/* series in a checked record, and the distance of one to the first */
size_t phr_coarse_page_n(phr_str_t body);
uint16_t phr_coarse_page_sid(phr_str_t body, size_t i);

/* whether a checked record can be one of these, of any kind */
int phr_coarse_fits(phr_str_t key, phr_str_t body);

/* whether a record is as it should be: for verify */
int phr_coarse_page_check(phr_str_t key, phr_str_t body);

/* the buckets of a series in a block, or PHR_NOTFOUND */
int phr_coarse_get(phr_cursor_t *cursor, phr_sid_t sid, phr_coarse_t *c,
    phr_err_t *err);

/* the start of the first block that there is, or PHR_NOTFOUND */
int phr_coarse_first(phr_txn_t *txn, int res, int64_t *t_ms, phr_err_t *err);

/* up to where buckets are made; PHR_NOTFOUND if none was begun */
int phr_coarse_next_get(phr_txn_t *txn, int res, int64_t *start_ms,
    phr_sid_t *sid, phr_err_t *err);
int phr_coarse_next_put(phr_txn_t *txn, int res, int64_t start_ms,
    phr_sid_t sid, phr_err_t *err);

/*
 * Of buckets of five minutes that begin before this time some may be lost, so
 * that none of an hour can be made of them: PHR_NOTFOUND if none are.
 */
int phr_coarse_holes_get(phr_txn_t *txn, int64_t *t_ms, phr_err_t *err);
int phr_coarse_holes_put(phr_txn_t *txn, int64_t t_ms, phr_err_t *err);


#endif /* PHR_COARSE_H_INCLUDED */
