/*
 * Copyright (C) The Pharos Authors
 *
 * Resident: pages of a file that is mapped, as far as they count as memory
 * of this process.  That is all that was ever read through the map, until
 * memory runs short or somebody gives it back.  What the file holds, and who
 * maps it, is not known here.
 */

#ifndef PHR_RESIDENT_H_INCLUDED
#define PHR_RESIDENT_H_INCLUDED


#include "core/base.h"


typedef struct {
    void    *addr;
    size_t   len;
} phr_resident_t;


/*
 * The mapping that p points into.  PHR_NOTFOUND if the system does not tell,
 * or if pages of it can be written to.
 */
int phr_resident_find(phr_resident_t *r, const void *p);

/* gives the pages back; any thread, whoever reads them meanwhile */
void phr_resident_drop(const phr_resident_t *r);


#endif /* PHR_RESIDENT_H_INCLUDED */
