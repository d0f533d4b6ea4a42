/*
 * Copyright (C) The Pharos Authors
 *
 * Buffer: bytes that grow at the end.  It remembers failure: after a failed
 * append all further ones do nothing, and the owner checks "failed" once,
 * at the end.  Nobody estimates the size of an output in advance.
 */

#ifndef PHR_BUF_H_INCLUDED
#define PHR_BUF_H_INCLUDED


#include "core/base.h"


typedef struct {
    char     *data;     /* NULL until the first append */
    size_t    len;
    size_t    cap;
    size_t    limit;    /* bytes, 0: none */
    int       failed;   /* PHR_OK, PHR_ENOMEM or PHR_ELIMIT */
} phr_buf_t;


void phr_buf_init(phr_buf_t *b, size_t limit_bytes);
void phr_buf_free(phr_buf_t *b);        /* safe to call twice */
void phr_buf_reset(phr_buf_t *b);       /* empties, keeps the memory */
void phr_buf_fit(phr_buf_t *b);         /* gives back what is not used */

void phr_buf_append(phr_buf_t *b, const void *data, size_t len);
void phr_buf_putc(phr_buf_t *b, char c);
void phr_buf_puts(phr_buf_t *b, const char *s);
void phr_buf_str(phr_buf_t *b, phr_str_t s);
void phr_buf_printf(phr_buf_t *b, const char *fmt, ...) PHR_PRINTF(2, 3);

/*
 * Room for len more bytes; returns where they go, NULL on failure.  The
 * caller writes them and adds what it wrote to b->len.
 */
char *phr_buf_reserve(phr_buf_t *b, size_t len);

/* a terminated view of the content; "" if empty or failed */
const char *phr_buf_cstr(phr_buf_t *b);

static inline phr_str_t
phr_buf_view(const phr_buf_t *b)
{
    return phr_str_from(b->data ? b->data : "", b->len);
}


#endif /* PHR_BUF_H_INCLUDED */
