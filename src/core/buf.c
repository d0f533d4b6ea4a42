/*
 * Copyright (C) The Pharos Authors
 *
 * Buffer: growth by doubling, on the heap, up to a limit.
 */

#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/alloc.h"


#define PHR_BUF_MIN  64


static int phr_buf_grow(phr_buf_t *b, size_t cap);
static int phr_buf_room(phr_buf_t *b, size_t len);


void
phr_buf_init(phr_buf_t *b, size_t limit_bytes)
{
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
    b->limit = limit_bytes;
    b->failed = PHR_OK;
}


void
phr_buf_free(phr_buf_t *b)
{
    phr_free(b->data);

    b->data = NULL;
    b->len = 0;
    b->cap = 0;
}


void
phr_buf_reset(phr_buf_t *b)
{
    b->len = 0;
    b->failed = PHR_OK;
}


void
phr_buf_fit(phr_buf_t *b)
{
    char  *p;

    if (b->data == NULL || b->len == b->cap) {
        return;
    }

    p = phr_realloc(b->data, b->len);

    if (p != NULL) {
        b->data = p;
        b->cap = b->len;
    }
}


void
phr_buf_append(phr_buf_t *b, const void *data, size_t len)
{
    if (len == 0 || phr_buf_room(b, len) != PHR_OK) {
        return;
    }

    memcpy(b->data + b->len, data, len);
    b->len += len;
}


void
phr_buf_putc(phr_buf_t *b, char c)
{
    if (phr_buf_room(b, 1) == PHR_OK) {
        b->data[b->len++] = c;
    }
}


void
phr_buf_puts(phr_buf_t *b, const char *s)
{
    phr_buf_append(b, s, strlen(s));
}


void
phr_buf_str(phr_buf_t *b, phr_str_t s)
{
    phr_buf_append(b, s.data, s.len);
}


void
phr_buf_printf(phr_buf_t *b, const char *fmt, ...)
{
    int      n;
    char     small[256];
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);

    if (n < 0) {
        b->failed = PHR_ENOMEM;
        return;
    }

    if ((size_t) n < sizeof(small)) {
        phr_buf_append(b, small, (size_t) n);
        return;
    }

    /* the terminator needs a byte that does not count */

    if (phr_buf_room(b, (size_t) n) != PHR_OK
        || phr_buf_grow(b, b->len + (size_t) n + 1) != PHR_OK)
    {
        return;
    }

    va_start(args, fmt);
    vsnprintf(b->data + b->len, (size_t) n + 1, fmt, args);
    va_end(args);

    b->len += (size_t) n;
}


char *
phr_buf_reserve(phr_buf_t *b, size_t len)
{
    if (phr_buf_room(b, phr_max(len, 1)) != PHR_OK) {
        return NULL;
    }

    return b->data + b->len;
}


const char *
phr_buf_cstr(phr_buf_t *b)
{
    if (b->failed != PHR_OK || b->len == 0
        || phr_buf_grow(b, b->len + 1) != PHR_OK)
    {
        return "";
    }

    b->data[b->len] = '\0';

    return b->data;
}


static int
phr_buf_room(phr_buf_t *b, size_t len)
{
    if (phr_likely(b->failed == PHR_OK && len <= b->cap - b->len
                   && (b->limit == 0 || b->len + len <= b->limit)))
    {
        return PHR_OK;
    }

    if (b->failed != PHR_OK) {
        return b->failed;
    }

    if (b->limit != 0 && (b->len > b->limit || len > b->limit - b->len)) {
        b->failed = PHR_ELIMIT;
        return PHR_ELIMIT;
    }

    if (len > SIZE_MAX / 2 - b->len) {
        b->failed = PHR_ENOMEM;
        return PHR_ENOMEM;
    }

    return phr_buf_grow(b, b->len + len);
}


static int
phr_buf_grow(phr_buf_t *b, size_t cap)
{
    char    *p;
    size_t   n;

    if (cap <= b->cap) {
        return PHR_OK;
    }

    n = phr_max(b->cap, PHR_BUF_MIN);

    while (n < cap) {
        n *= 2;
    }

    p = phr_realloc(b->data, n);
    if (p == NULL) {
        b->failed = PHR_ENOMEM;
        return PHR_ENOMEM;
    }

    b->data = p;
    b->cap = n;

    return PHR_OK;
}
