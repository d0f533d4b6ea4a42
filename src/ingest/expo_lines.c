/*
 * Copyright (C) The Pharos Authors
 *
 * Lines of expositions, the other way: see lines.h for what they are.  They
 * come from this very process; nothing else reads them, and nobody sends
 * them.
 */

#include "ingest/exposition.h"

#include "ingest/lines.h"


static int phr_expo_lines_meta(phr_expo_t *p, phr_err_t *err);


int
phr_expo_lines_next(phr_expo_t *p, phr_err_t *err)
{
    int  rc;

    p->start = p->pos;

    if (p->pos == p->end) {

        if (p->broken != NULL) {
            if (err != NULL) {
                *err = *p->broken;
            }

            return p->broken->code;
        }

        return PHR_DONE;
    }

    if (*p->pos == '#') {
        return phr_expo_lines_meta(p, err);
    }

    p->event = PHR_EXPO_SAMPLE;

    rc = phr_expo_text_metric(p, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_expo_lines_rest(p, err);
}


int
phr_expo_lines_rest(phr_expo_t *p, phr_err_t *err)
{
    size_t    n;
    uint64_t  bits;
    unsigned  flags;

    n = 2 + sizeof(bits);

    if ((size_t) (p->end - p->pos) <= n || *p->pos != '=') {
        return phr_expo_error(p, err, "expected a value");
    }

    flags = (unsigned char) p->pos[1];
    memcpy(&bits, p->pos + 2, sizeof(bits));

    p->has_exemplar = 0;
    p->has_t = (flags & PHR_LINES_TIME) != 0;
    p->is_hist = (flags & PHR_LINES_HIST) != 0;
    p->value = p->is_hist ? (double) bits : phr_double_from_bits(bits);

    if (p->has_t) {
        if ((size_t) (p->end - p->pos) <= n + sizeof(p->t_ms)) {
            return phr_expo_error(p, err, "expected a time");
        }

        memcpy(&p->t_ms, p->pos + n, sizeof(p->t_ms));
        n += sizeof(p->t_ms);
    }

    if (flags & PHR_LINES_EXEMPLARS) {
        if ((size_t) (p->end - p->pos) <= n + 2 * sizeof(uint64_t)) {
            return phr_expo_error(p, err, "expected exemplars");
        }

        memcpy(&p->first_exemplar, p->pos + n, sizeof(uint32_t));
        memcpy(&p->nexemplars, p->pos + n + sizeof(uint32_t),
               sizeof(uint32_t));
        n += 2 * sizeof(uint64_t);
        p->has_exemplar = 1;
    }

    p->pos += n + 1;

    return PHR_OK;
}


static int
phr_expo_lines_meta(phr_expo_t *p, phr_err_t *err)
{
    char         kind;
    const char  *eol;

    eol = memchr(p->pos, '\n', (size_t) (p->end - p->pos));

    if (eol == NULL || eol - p->pos < 3) {
        return phr_expo_error(p, err, "expected what is said of a metric");
    }

    kind = p->pos[1];
    p->event = kind == 'T' ? PHR_EXPO_TYPE
               : kind == 'H' ? PHR_EXPO_HELP : PHR_EXPO_UNIT;

    /* as if there were a quote in front of the name */

    p->pos++;
    p->name = phr_str_of("");

    for (p->name.data = ++p->pos; p->pos < eol && *p->pos != '"'; p->pos++) {
        p->pos += *p->pos == '\\';
    }

    if (p->pos >= eol) {
        return phr_expo_error(p, err, "expected a name");
    }

    p->name.len = (size_t) (p->pos - p->name.data);
    p->text = phr_str_from(p->pos + 1, (size_t) (eol - p->pos - 1));

    if (p->event == PHR_EXPO_TYPE && p->text.len != 0) {
        p->type = (phr_metric_type_e) (p->text.data[0] - '0');
    }

    p->pos = eol + 1;

    return PHR_OK;
}
