/*
 * Copyright (C) The Pharos Authors
 *
 * Key: the keys of all records, bytes that sort as what they stand for.
 * Integers are big-endian, points in time biased so that negative ones sort
 * first.  FORMAT.md has the pictures.
 */

#ifndef PHR_KEY_H_INCLUDED
#define PHR_KEY_H_INCLUDED


#include "core/bytes.h"


/*
 * Points in time that the store takes: 48 bits of milliseconds, some 4,400
 * years around 1970.  What lies outside is refused, never cut.
 */
#define PHR_KEY_TIME_MAX   ((INT64_C(1) << 47) - 2)
#define PHR_KEY_TIME_MIN   (-PHR_KEY_TIME_MAX)

/* series are kept together in groups of this many consecutive ids */
#define PHR_GROUP_SIZE     512
#define PHR_GROUP_SHIFT    9
#define phr_group_of(sid)  ((sid) >> PHR_GROUP_SHIFT)

/*
 * Windows: a pack belongs to the window of its earliest sample, on the
 * level whose windows are at least as long as it spans.  So what begins in
 * a window ends before the end of the next one.
 */
#define PHR_WINDOW_MS      INT64_C(7200000)
#define PHR_NLEVELS        5

/*
 * On one more level are the packs of start timestamps: its windows are as
 * long as those of level 1, and nothing in it reaches beyond its window.
 */
#define PHR_LEVEL_STARTS   5
#define PHR_NLEVELS_ALL    6

#define phr_window_ms(level)                                                  \
    (PHR_WINDOW_MS << (5 * ((level) == PHR_LEVEL_STARTS ? 1 : (level))))

#define PHR_KEY_ROW        18
#define PHR_KEY_HEAD       8
#define PHR_KEY_LAYOUT     10
#define PHR_KEY_LOOSE      12
#define PHR_KEY_PACK       19
#define PHR_KEY_WINDOW     5
#define PHR_KEY_SERIES     6
#define PHR_KEY_HASH       12
#define PHR_KEY_POST       8


static inline void
phr_key_put_time(uint8_t *p, int64_t t_ms)
{
    phr_put_be64(p, (uint64_t) t_ms ^ (UINT64_C(1) << 63));
}


static inline int64_t
phr_key_get_time(const uint8_t *p)
{
    return (int64_t) (phr_get_be64(p) ^ (UINT64_C(1) << 63));
}


typedef struct {
    uint32_t  source;
    int64_t   t_ms;
    uint32_t  layout;
    uint16_t  piece;
} phr_row_key_t;

void phr_key_row(uint8_t *p, const phr_row_key_t *k);

/* 0 if the key has another length */
int phr_key_row_get(phr_str_t key, phr_row_key_t *k);


typedef struct {
    uint8_t   level;
    int32_t   window;       /* floor(first time / length of a window) */
    uint32_t  first;        /* lowest sid */
    uint16_t  span;         /* highest sid - lowest */
    uint16_t  from, to;     /* times of all samples, see phr_pack_key_min() */
    uint32_t  seal;         /* which seal wrote it: makes keys unique */
} phr_pack_key_t;

void phr_key_pack(uint8_t *p, const phr_pack_key_t *k);
int phr_key_pack_get(phr_str_t key, phr_pack_key_t *k);

/* bounds of the times in a pack: not later, not earlier than the samples' */
int64_t phr_pack_key_min(const phr_pack_key_t *k);
int64_t phr_pack_key_max(const phr_pack_key_t *k);

/* sets level and window from the earliest time and the longest span */
void phr_pack_key_place(phr_pack_key_t *k, int64_t min_ms, int64_t max_ms);

/* sets from and to for a window that is set; max_ms may be beyond it */
void phr_pack_key_range(phr_pack_key_t *k, int64_t min_ms, int64_t max_ms);

/* of the level's windows, the one that t_ms lies in */
int32_t phr_window_of(int level, int64_t t_ms);
int64_t phr_window_start(int level, int32_t window);

void phr_key_window(uint8_t *p, int level, int32_t window);
int phr_key_window_get(phr_str_t key, int *level, int32_t *window);


/*
 * Strings in keys: 00 becomes 00 FF, the end is 00 01.  A string that would
 * take more than PHR_KEY_STR bytes keeps as much of its beginning as leaves
 * room for the end 00 02 and eight bytes of its hash, and the record holds
 * the whole string.
 */
#define PHR_KEY_STR        440
#define PHR_KEY_STR_MAX    (PHR_KEY_STR + 2 + 8)

/*
 * Appends the string at p, PHR_KEY_STR_MAX bytes at most; returns how many.
 * *is_long tells that the hash is in it; "probe" is added to the hash to
 * part strings whose keys are the same.
 */
size_t phr_key_str(uint8_t *p, phr_str_t s, uint32_t probe, int *is_long);

/* as above without the end: what all strings that begin so begin with */
size_t phr_key_prefix(uint8_t *p, phr_str_t s);

/*
 * Reads a string back into out[PHR_KEY_STR], its length into *len and the
 * bytes taken into *used.  PHR_OK, PHR_FULL if it is a long one (then the
 * beginning is in out), PHR_ECORRUPT.
 */
int phr_key_str_get(const uint8_t *p, size_t size, char *out, size_t *len,
    size_t *used);


#endif /* PHR_KEY_H_INCLUDED */
