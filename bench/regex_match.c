/*
 * Copyright (C) The Pharos Authors
 *
 * Regexes from standard input, for bench/regex_differ.pl.  A line has, in
 * hexadecimal and apart by spaces, a pattern, a template and values; the
 * answer is a line as well: "!" and the error, or for each value "-" or "="
 * and what the template became.
 */

#include <stdio.h>
#include <stdlib.h>

#include "core/regex.h"


static phr_str_t
unhex(char *s)
{
    char      *to;
    unsigned   c;
    phr_str_t  out;

    out.data = s;

    for (to = s; sscanf(s, "%2x", &c) == 1; s += 2) {
        *to++ = (char) c;
    }

    out.len = (size_t) (to - out.data);

    return out;
}


static void
hex(phr_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        printf("%02x", (unsigned char) s.data[i]);
    }
}


static void
answer(char *line)
{
    char         *s;
    phr_str_t     pattern, template, value;
    phr_buf_t     out;
    phr_err_t     err;
    phr_regex_t  *re;

    s = strtok(line, " \n");
    pattern = unhex(s + 1);
    template = unhex(strtok(NULL, " \n") + 1);

    if (phr_regex_create(pattern, &re, &err) != PHR_OK) {
        printf("!");
        hex(phr_str_from_c(err.text));
        return;
    }

    while ((s = strtok(NULL, " \n")) != NULL) {
        value = unhex(s + 1);
        phr_buf_init(&out, 0);

        switch (phr_regex_expand(re, value, template, &out)) {

        case PHR_OK:
            printf("=");
            hex(phr_buf_view(&out));
            printf(" ");
            break;

        case PHR_NOTFOUND:
            printf("- ");
            break;

        default:
            printf("? ");
            break;
        }

        phr_buf_free(&out);
    }

    phr_regex_destroy(re);
}


int
main(void)
{
    char    *line;
    size_t   size;

    line = NULL;
    size = 0;

    while (getline(&line, &size, stdin) > 0) {
        answer(line);
        printf("\n");
        fflush(stdout);
    }

    free(line);

    return 0;
}
