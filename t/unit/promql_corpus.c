/*
 * Copyright (C) The Pharos Authors
 *
 * The parser on real expressions: each line of expressions.txt in the
 * folder that PHAROS_CORPUS names (../shared/corpus if it is not set) gets
 * the verdict that the line before it says, prints to text that parses to
 * the same text, and its indented form means the same.  Skipped where there
 * is no such file.
 *
 * A comment line ends in " | variables: ..." where a dashboard's variables
 * are in the expression, and in " | " and a message where the genuine
 * parser refuses it.
 */

#include "promql/ast.h"

#include <errno.h>

#include "core/arena.h"
#include "tap.h"


/* a dashboard's variables stand for durations where they are not quoted */

static void
substitute(char *line)
{
    char    *p;
    size_t   i, len;

    static const char *const  names[] = {
        "$__rate_interval", "$__interval", "$__range",
    };

    for (i = 0; i < phr_nelems(names); i++) {
        len = strlen(names[i]);

        while ((p = strstr(line, names[i])) != NULL) {
            memcpy(p, "5m", 2);
            memmove(p + 2, p + len, strlen(p + len) + 1);
        }
    }
}


static int
is_refused(const char *comment)
{
    const char  *p;

    for (p = comment; (p = strstr(p, " | ")) != NULL; p += 3) {
        if (strncmp(p, " | variables: ", 14) != 0) {
            return 1;
        }
    }

    return 0;
}


/* parses text and prints it into b; 0 if it is refused */

static int
print(phr_arena_t *a, const char *text, int pretty, phr_buf_t *b,
    phr_err_t *err)
{
    phr_node_t  *node;

    phr_buf_reset(b);
    phr_err_init(err);

    if (phr_promql_parse(a, phr_str_from_c(text), 0, NULL, &node, err)
        != PHR_OK)
    {
        return 0;
    }

    if (pretty) {
        phr_promql_pretty(b, node);

    } else {
        phr_promql_print(b, node);
    }

    phr_promql_destroy(node);

    return 1;
}


static int
check(const char *text, int refused)
{
    int           passed;
    phr_buf_t     line, again, block;
    phr_err_t     err;
    phr_arena_t  *a;

    a = phr_arena_create(0);
    phr_buf_init(&line, 0);
    phr_buf_init(&again, 0);
    phr_buf_init(&block, 0);

    passed = print(a, text, 0, &line, &err) == !refused;

    if (!passed) {
        printf("# %s\n#   %s\n", text, err.text);

    } else if (!refused) {
        passed = print(a, phr_buf_cstr(&line), 0, &again, &err)
                 && strcmp(phr_buf_cstr(&line), phr_buf_cstr(&again)) == 0
                 && print(a, text, 1, &block, &err)
                 && print(a, phr_buf_cstr(&block), 0, &again, &err)
                 && strcmp(phr_buf_cstr(&line), phr_buf_cstr(&again)) == 0;

        if (!passed) {
            printf("# %s\n#   prints as %s\n", text, phr_buf_cstr(&line));
        }
    }

    phr_buf_free(&line);
    phr_buf_free(&again);
    phr_buf_free(&block);
    phr_arena_destroy(a);

    return passed;
}


int
main(void)
{
    int          refused, n, failed;
    char         path[1024], *line;
    FILE        *f;
    size_t       cap;
    ssize_t      len;
    const char  *folder;

    folder = getenv("PHAROS_CORPUS");

    snprintf(path, sizeof(path), "%s/expressions.txt",
             folder && *folder ? folder : "../shared/corpus");

    f = fopen(path, "r");
    if (f == NULL) {
        printf("1..0 # SKIP %s: %s\n", path, strerror(errno));
        return 0;
    }

    line = NULL;
    cap = 0;
    refused = 0;
    n = 0;
    failed = 0;

    while ((len = getline(&line, &cap, f)) > 0) {

        if (line[len - 1] == '\n') {
            line[--len] = '\0';
        }

        if (line[0] == '#') {
            refused = is_refused(line);
            continue;
        }

        if (len > 0) {
            substitute(line);
            n++;
            failed += !check(line, refused);
        }
    }

    free(line);
    fclose(f);

    ok(n > 100, "there are %d expressions", n);
    is_int(failed, 0, "all have the genuine verdict, and print as they mean");

    return done_testing();
}
