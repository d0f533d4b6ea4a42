/*
 * Copyright (C) The Pharos Authors
 *
 * Scan: how far the literals of the language reach (numbers, durations,
 * strings), and whether they have the right shape.  What they stand for is
 * read elsewhere.
 */

#ifndef PHR_SCAN_H_INCLUDED
#define PHR_SCAN_H_INCLUDED


#include "core/buf.h"


/*
 * 1 if there is a number at *pos, which moves behind it.  If there is none,
 * *pos is where the scan stopped: a duration begins as a number does, and
 * phr_scan_duration() goes on from there.
 */
int phr_scan_number(phr_str_t s, size_t *pos);
int phr_scan_duration(phr_str_t s, size_t *pos);

/*
 * A string in single, double or back quotes, which begins at *pos.  PHR_OK
 * with *pos behind it, or PHR_EPARSE with the reason appended to why.
 */
int phr_scan_string(phr_str_t s, size_t *pos, phr_buf_t *why);


#endif /* PHR_SCAN_H_INCLUDED */
