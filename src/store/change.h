/*
 * Copyright (C) The Pharos Authors
 *
 * Change: of what time the samples are that commits wrote or deleted, so
 * that whoever remembers something of an older state can tell what of it
 * still holds.  Kept in memory: what a process wrote is known to it alone.
 *
 * What retention drops is no change: that is known by its floors.
 */

#ifndef PHR_CHANGE_H_INCLUDED
#define PHR_CHANGE_H_INCLUDED


#include "store/internal.h"


void phr_change_init(phr_changes_t *c);

/* the writer: the pending transaction changes something at t_ms */
static inline void
phr_change_note(phr_store_t *st, int64_t t_ms)
{
    st->change_ms = phr_min(st->change_ms, t_ms);
}

/*
 * The writer, before the commit: readers that see it must find it here.  The
 * transaction may still fail, which does no harm.
 */
void phr_change_publish(phr_store_t *st);

/*
 * Any thread: the time of the oldest change by transactions after the one of
 * this number, PHR_TIME_MAX if there was none; too old rather than too new.
 */
int64_t phr_change_since(phr_store_t *st, uint64_t id);


#endif /* PHR_CHANGE_H_INCLUDED */
