/*
 * Copyright (C) The Pharos Authors
 *
 * Base: the types, result codes and constants that every file may use.
 * No function with a body of more than a few lines lives here.
 */

#ifndef PHR_BASE_H_INCLUDED
#define PHR_BASE_H_INCLUDED


#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>


/*
 * Result codes.  The sign says who must care: positive codes are outcomes
 * that the caller branches on, negative codes are failures (rc < 0).
 */

#define PHR_OK             0

#define PHR_DONE           1    /* an iteration has ended */
#define PHR_FULL           2    /* no room, start another */
#define PHR_NOTFOUND       3
#define PHR_AGAIN          4    /* not now, try later */

#define PHR_ERROR         -1    /* anything without a code of its own */
#define PHR_ENOMEM        -2
#define PHR_EPARSE        -3    /* malformed text: query, file, body */
#define PHR_EINVAL        -4    /* well-formed, but not allowed */
#define PHR_ELIMIT        -5    /* a limit was hit */
#define PHR_ETIMEOUT      -6    /* the deadline has passed */
#define PHR_ECANCELED     -7    /* the client has gone */
#define PHR_ECORRUPT      -8    /* data on disk is damaged */
#define PHR_EORDER        -9    /* sample is out of order */
#define PHR_EDUPLICATE   -10    /* same timestamp, another value */
#define PHR_EIO          -11    /* disk, file or network failed */
#define PHR_ENOSPC       -12    /* disk or map is full */
#define PHR_EEXEC        -13    /* a valid query failed while evaluated */
#define PHR_ENOTFOUND    -14    /* the named thing does not exist */
#define PHR_EUNAVAIL     -15    /* not ready, or shutting down */
#define PHR_EOLD         -16    /* sample is too late even for out of order */
#define PHR_ELABELS      -17    /* labels are more, or longer, than allowed */


/* a run of bytes, not terminated, not owned */
typedef struct {
    const char  *data;
    size_t       len;
} phr_str_t;

#define phr_str(literal)       { (literal), sizeof(literal) - 1 }
#define phr_str_of(literal)    ((phr_str_t) { (literal), sizeof(literal) - 1 })
#define phr_str_from(d, n)     ((phr_str_t) { (d), (n) })

#define phr_nelems(a)          (sizeof(a) / sizeof((a)[0]))
#define phr_min(a, b)          ((a) < (b) ? (a) : (b))
#define phr_max(a, b)          ((a) > (b) ? (a) : (b))

#define phr_assert(cond)       assert(cond)

#if defined(__GNUC__)
#define PHR_PRINTF(fmt, args)  __attribute__((format(printf, fmt, args)))
#define PHR_UNUSED             __attribute__((unused))
#define phr_likely(x)          __builtin_expect(!!(x), 1)
#define phr_unlikely(x)        __builtin_expect(!!(x), 0)
#define phr_prefetch(p)        __builtin_prefetch(p)

/*
 * A number that one thread sets and another looks at, who sees the old or
 * the new one.  Nothing else that was written before is seen by that.
 */
#define phr_shared_get(p)      __atomic_load_n((p), __ATOMIC_RELAXED)
#define phr_shared_set(p, v)   __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#else
#define PHR_PRINTF(fmt, args)
#define PHR_UNUSED
#define phr_likely(x)          (x)
#define phr_unlikely(x)        (x)
#define phr_prefetch(p)        ((void) (p))
#define phr_shared_get(p)      (*(p))
#define phr_shared_set(p, v)   (*(p) = (v))
#endif


/* lower and upper bound of a sample's time, open on both sides of any range */
#define PHR_TIME_MIN           INT64_MIN
#define PHR_TIME_MAX           INT64_MAX

/* Prometheus's value/value.go: two NaNs told apart by their payload */
#define PHR_STALE_NAN_BITS     0x7ff0000000000002ULL
#define PHR_NORMAL_NAN_BITS    0x7ff8000000000001ULL


static inline uint64_t
phr_double_bits(double v)
{
    uint64_t  bits;

    memcpy(&bits, &v, sizeof(bits));

    return bits;
}


static inline double
phr_double_from_bits(uint64_t bits)
{
    double  v;

    memcpy(&v, &bits, sizeof(v));

    return v;
}


/* the marker that ends a series, not any other NaN */
static inline int
phr_is_stale(double v)
{
    return phr_double_bits(v) == PHR_STALE_NAN_BITS;
}


static inline int
phr_str_eq(phr_str_t a, phr_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


/* orders by bytes, a prefix before what it begins; negative, 0 or positive */
static inline int
phr_str_cmp(phr_str_t a, phr_str_t b)
{
    int  rc;

    rc = memcmp(a.data ? a.data : "", b.data ? b.data : "",
                phr_min(a.len, b.len));
    if (rc != 0) {
        return rc;
    }

    return (a.len > b.len) - (a.len < b.len);
}


static inline phr_str_t
phr_str_from_c(const char *s)
{
    return phr_str_from(s, strlen(s));
}


#endif /* PHR_BASE_H_INCLUDED */
