/*
 * Copyright (C) The Pharos Authors
 *
 * Number: doubles to the shortest text that reads back to the same bits, and
 * back, as Go's strconv does, which is what the formats require.
 */

#ifndef PHR_NUMBER_H_INCLUDED
#define PHR_NUMBER_H_INCLUDED


#include "core/buf.h"


#define PHR_NUMBER_LEN  32      /* enough for any output of format 'g' */


/*
 * As strconv.FormatFloat(v, 'f', -1, 64), which Prometheus's API uses:
 * "1", "0.1", "NaN", "+Inf", "-Inf", never an exponent.
 */
void phr_number_format(phr_buf_t *b, double v);

/* As 'g' with the shortest precision: exponent below 1e-4 and from 1e6. */
void phr_number_format_g(phr_buf_t *b, double v);

/*
 * The same as phr_number_format_g() into out[PHR_NUMBER_LEN]; returns the
 * length, not terminated.
 */
size_t phr_number_write(char *out, double v);

/* the same of format 'e', always with an exponent: "1e+00" */
size_t phr_number_write_e(char *out, double v);

/* the same as values of samples are in JSON: 'e' below 1e-6 and from 1e21 */
size_t phr_number_write_value(char *out, double v);

/* at most 20 digits; returns how many */
size_t phr_number_write_uint(char *out, uint64_t v);

/*
 * Reads a whole text as Go's strconv.ParseFloat() does, underscores left out:
 * "+Inf", "nan", "1e5", ".5", "0x1p-2"; and "0x1f", which Go refuses.  Exactly
 * rounded.  PHR_OK or PHR_EPARSE; that too for what is beyond any double.
 */
int phr_number_parse(const char *s, size_t len, double *v);

/* decimal, optional sign, whole text, range checked */
int phr_int_parse(const char *s, size_t len, int64_t *v);


#endif /* PHR_NUMBER_H_INCLUDED */
