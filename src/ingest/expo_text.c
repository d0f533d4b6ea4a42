/*
 * Copyright (C) The Pharos Authors
 *
 * The Prometheus text format, version 0.0.4.  Blanks may stand between all
 * tokens; a comment that is neither HELP nor TYPE says nothing; the last
 * line need not end.
 */

#include "ingest/exposition.h"

#include "core/number.h"
#include "core/utf8.h"


static int phr_expo_text_comment(phr_expo_t *p, phr_err_t *err);
static int phr_expo_text_meta(phr_expo_t *p, phr_expo_event_e event,
    phr_err_t *err);
static int phr_expo_text_word(phr_expo_t *p, const char *word);
static const char *phr_expo_text_blanks(phr_expo_t *p);


int
phr_expo_text_next(phr_expo_t *p, phr_err_t *err)
{
    int  rc;

    for ( ;; ) {
        p->start = phr_expo_text_blanks(p);

        /* a NUL where a line could begin ends the text */

        if (p->pos == p->end || *p->pos == '\0') {
            return PHR_DONE;
        }

        if (*p->pos != '\n') {
            break;
        }

        p->pos++;
    }

    if (*p->pos == '#') {
        return phr_expo_text_comment(p, err);
    }

    p->event = PHR_EXPO_SAMPLE;

    rc = phr_expo_text_metric(p, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_expo_text_rest(p, err);
}


int
phr_expo_text_metric(phr_expo_t *p, phr_err_t *err)
{
    int          rc;
    const char  *last;

    p->pairs.nelts = 0;

    p->name = phr_expo_name(p, 1);
    if (p->name.len == 0) {
        p->name.data = NULL;
    }

    last = p->pos;

    if (phr_expo_text_blanks(p) < p->end && *p->pos == '{') {
        p->pos++;

        rc = phr_expo_pairs(p, &p->pairs, 0, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (p->name.data == NULL) {
            return phr_expo_error(p, err, "metric name not set");
        }

        last = p->pos;

    } else if (p->name.data == NULL) {
        return phr_expo_error(p, err, "expected a valid start token");
    }

    p->pos = last;
    p->metric_len = (size_t) (last - p->start);

    return PHR_OK;
}


int
phr_expo_text_rest(phr_expo_t *p, phr_err_t *err)
{
    int          rc;
    int64_t      t_ms;
    const char  *s;

    phr_expo_text_blanks(p);

    rc = phr_expo_value(p, &p->value, err);
    if (rc != PHR_OK) {
        return rc;
    }

    p->has_t = 0;
    p->has_exemplar = 0;

    s = p->pos;

    if (s < p->end && *s == '\n') {
        p->pos++;
        return PHR_OK;
    }

    s = phr_expo_text_blanks(p);

    while (p->pos < p->end && *p->pos >= '0' && *p->pos <= '9') {
        p->pos++;
    }

    if (p->pos != s) {
        if (phr_int_parse(s, (size_t) (p->pos - s), &t_ms) != PHR_OK) {
            p->pos = s;
            return phr_expo_error(p, err, "invalid timestamp");
        }

        p->has_t = 1;
        p->t_ms = t_ms;
        phr_expo_text_blanks(p);
    }

    if (p->pos == p->end) {
        return PHR_OK;
    }

    if (*p->pos != '\n') {
        return phr_expo_error(p, err, p->has_t
                              ? "expected next entry after timestamp"
                              : "expected timestamp or new record");
    }

    p->pos++;

    return PHR_OK;
}


static int
phr_expo_text_comment(phr_expo_t *p, phr_err_t *err)
{
    const char  *s;

    s = ++p->pos;

    if (phr_expo_text_blanks(p) != s) {
        if (phr_expo_text_word(p, "HELP")) {
            return phr_expo_text_meta(p, PHR_EXPO_HELP, err);
        }

        if (phr_expo_text_word(p, "TYPE")) {
            return phr_expo_text_meta(p, PHR_EXPO_TYPE, err);
        }
    }

    s = memchr(p->pos, '\n', (size_t) (p->end - p->pos));

    p->pos = s ? s + 1 : p->end;
    p->event = PHR_EXPO_COMMENT;

    return PHR_OK;
}


static int
phr_expo_text_meta(phr_expo_t *p, phr_expo_event_e event, phr_err_t *err)
{
    const char  *s, *eol;

    p->event = event;

    if (phr_expo_quoted(p, 1, &p->name) != PHR_OK) {
        p->name = phr_expo_name(p, 1);
        if (p->name.len == 0) {
            return phr_expo_error(p, err, event == PHR_EXPO_HELP
                                  ? "expected metric name after HELP"
                                  : "expected metric name after TYPE");
        }
    }

    s = p->pos;
    eol = memchr(s, '\n', (size_t) (p->end - s));
    if (eol == NULL) {
        eol = p->end;
    }

    /* one character parts the name from the text; blanks alone are no text */

    p->text = phr_str_from(s, 0);

    if (phr_expo_text_blanks(p) < eol) {
        p->text = phr_str_from(s + 1, (size_t) (eol - s - 1));
    }

    if (event == PHR_EXPO_HELP) {
        if (!phr_utf8_valid(p->text.data, p->text.len)) {
            p->pos = s;
            return phr_expo_error(p, err, "help is not valid UTF-8");
        }

    } else if (phr_str_eq(p->text, phr_str_of("untyped"))) {
        p->type = PHR_METRIC_UNKNOWN;

    } else if (phr_metric_type_parse(p->text, &p->type) != PHR_OK
               || p->type == PHR_METRIC_UNKNOWN
               || p->type == PHR_METRIC_GAUGEHISTOGRAM
               || p->type == PHR_METRIC_INFO
               || p->type == PHR_METRIC_STATESET)
    {
        p->pos = s;
        return phr_expo_error(p, err, "invalid metric type");
    }

    p->pos = eol < p->end ? eol + 1 : eol;

    return PHR_OK;
}


/* the word and at least one blank, which are skipped */

static int
phr_expo_text_word(phr_expo_t *p, const char *word)
{
    const char  *s;

    s = p->pos;

    if (p->end - s < 5 || memcmp(s, word, 4) != 0
        || (s[4] != ' ' && s[4] != '\t'))
    {
        return 0;
    }

    p->pos += 4;
    phr_expo_text_blanks(p);

    return 1;
}


static const char *
phr_expo_text_blanks(phr_expo_t *p)
{
    while (p->pos < p->end && (*p->pos == ' ' || *p->pos == '\t')) {
        p->pos++;
    }

    return p->pos;
}
