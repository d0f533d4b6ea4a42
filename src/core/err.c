/*
 * Copyright (C) The Pharos Authors
 *
 * Error: filling, prefixing and printing phr_err_t.  Nothing here
 * allocates, so that errors can be told when memory is gone.
 */

#include "core/err.h"

#include <stdio.h>


static int phr_err_fill(phr_err_t *err, int code, const char *fmt,
    va_list args);
static void phr_err_cut(char *text, size_t size, int would_be);


void
phr_err_init(phr_err_t *err)
{
    if (err == NULL) {
        return;
    }

    err->code = PHR_OK;
    err->line = 0;
    err->column = 0;
    err->start = -1;
    err->end = -1;
    err->file[0] = '\0';
    err->text[0] = '\0';
}


int
phr_err_set(phr_err_t *err, int code, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) phr_err_fill(err, code, fmt, args);
    va_end(args);

    return code;
}


int
phr_err_at(phr_err_t *err, int code, int32_t start, int32_t end,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);

    if (phr_err_fill(err, code, fmt, args) == PHR_OK) {
        err->start = start;
        err->end = end;
    }

    va_end(args);

    return code;
}


int
phr_err_in_file(phr_err_t *err, int code, const char *file, uint32_t line,
    uint32_t column, const char *fmt, ...)
{
    int      n;
    va_list  args;

    va_start(args, fmt);

    if (phr_err_fill(err, code, fmt, args) == PHR_OK) {
        err->line = line;
        err->column = column;

        if (file != NULL) {
            n = snprintf(err->file, sizeof(err->file), "%s", file);
            phr_err_cut(err->file, sizeof(err->file), n);
        }
    }

    va_end(args);

    return code;
}


void
phr_err_prefix(phr_err_t *err, const char *fmt, ...)
{
    int      n;
    char     old[PHR_ERR_TEXT];
    size_t   len;
    va_list  args;

    if (err == NULL) {
        return;
    }

    memcpy(old, err->text, sizeof(old));

    va_start(args, fmt);
    n = vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);

    phr_err_cut(err->text, sizeof(err->text), n);

    len = strlen(err->text);
    n = snprintf(err->text + len, sizeof(err->text) - len, "%s", old);
    phr_err_cut(err->text + len, sizeof(err->text) - len, n);
}


const char *
phr_err_format(const phr_err_t *err, char *buf, size_t size)
{
    if (size == 0) {
        return buf;
    }

    if (err == NULL) {
        buf[0] = '\0';

    } else if (err->file[0] != '\0' && err->line != 0 && err->column != 0) {
        snprintf(buf, size, "%s:%u:%u: %s", err->file, err->line,
                 err->column, err->text);

    } else if (err->file[0] != '\0' && err->line != 0) {
        snprintf(buf, size, "%s:%u: %s", err->file, err->line, err->text);

    } else if (err->file[0] != '\0') {
        snprintf(buf, size, "%s: %s", err->file, err->text);

    } else if (err->line != 0 && err->column != 0) {
        snprintf(buf, size, "%u:%u: %s", err->line, err->column, err->text);

    } else if (err->line != 0) {
        snprintf(buf, size, "%u: %s", err->line, err->text);

    } else {
        snprintf(buf, size, "%s", err->text);
    }

    return buf;
}


static int
phr_err_fill(phr_err_t *err, int code, const char *fmt, va_list args)
{
    int  n;

    if (err == NULL) {
        return PHR_NOTFOUND;
    }

    phr_err_init(err);

    err->code = code;

    n = vsnprintf(err->text, sizeof(err->text), fmt, args);
    phr_err_cut(err->text, sizeof(err->text), n);

    return PHR_OK;
}


/* a text that did not fit ends in "..." and never within a UTF-8 sequence */

static void
phr_err_cut(char *text, size_t size, int would_be)
{
    size_t  n;

    if (would_be < 0) {
        text[0] = '\0';
        return;
    }

    if ((size_t) would_be < size || size < 4) {
        return;
    }

    n = size - 4;

    while (n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80) {
        n--;
    }

    memcpy(text + n, "...", 4);
}
