/*
 * Copyright (C) The Pharos Authors
 *
 * Zone: how far a time zone is from UTC at a time, from what the system's
 * files say of it (TZif, RFC 8536).  Nothing here reads a file.
 */

#ifndef PHR_ZONE_H_INCLUDED
#define PHR_ZONE_H_INCLUDED


#include "core/arena.h"
#include "core/err.h"


/* the largest file that is read; real ones have at most 4 kB */
#define PHR_ZONE_MAX_BYTES  65536

typedef struct phr_zone_s  phr_zone_t;


/*
 * Reads the bytes of a file, which need not be kept, into a zone in the
 * arena.  PHR_ECORRUPT with the reason, PHR_ENOMEM, PHR_ELIMIT.
 */
int phr_zone_read(phr_str_t bytes, phr_arena_t *arena,
    const phr_zone_t **zone, phr_err_t *err);

/* seconds east of UTC at a time, which is seconds since the epoch */
int32_t phr_zone_offset(const phr_zone_t *zone, int64_t t_s);

/* where files are found by the names of their zones */
#define PHR_ZONE_FOLDER  "/usr/share/zoneinfo/"

/* "Europe/Berlin": letters, digits, "_+-" and single "/" between them */
int phr_zone_name_valid(phr_str_t name);


/*
 * Whoever finds zones by name.  Any thread may ask; a zone lives as long as
 * the finder.  PHR_ENOTFOUND if there is none of that name, or a failure.
 */
typedef struct phr_zones_s  phr_zones_t;

struct phr_zones_s {
    int  (*find)(phr_zones_t *zones, phr_str_t name, const phr_zone_t **zone,
                 phr_err_t *err);
};


#endif /* PHR_ZONE_H_INCLUDED */
