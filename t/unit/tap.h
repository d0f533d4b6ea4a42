/*
 * Copyright (C) The Pharos Authors
 *
 * TAP: the few lines that a unit test needs to speak the Test Anything
 * Protocol.  The plan comes last: "return done_testing();" ends main().
 */

#ifndef TAP_H_INCLUDED
#define TAP_H_INCLUDED


#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static int  tap_count;
static int  tap_failed;


static inline int
tap_ok(int passed, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), unused));

static inline int
tap_ok(int passed, const char *file, int line, const char *fmt, ...)
{
    va_list  args;

    tap_count++;
    printf("%sok %d - ", passed ? "" : "not ", tap_count);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");

    if (!passed) {
        tap_failed++;
        printf("#   at %s line %d\n", file, line);
    }

    fflush(stdout);

    return passed;
}

#define ok(cond, ...)  tap_ok((cond) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, want, ...)                                                \
    do {                                                                      \
        int64_t  got_ = (int64_t) (got), want_ = (int64_t) (want);            \
        if (!ok(got_ == want_, __VA_ARGS__)) {                                \
            printf("#   got %" PRId64 ", expected %" PRId64 "\n",             \
                   got_, want_);                                              \
        }                                                                     \
    } while (0)

#define is_str(got, want, ...)                                                \
    do {                                                                      \
        const char  *got_ = (got), *want_ = (want);                           \
        if (!ok(strcmp(got_, want_) == 0, __VA_ARGS__)) {                     \
            printf("#   got      \"%s\"\n#   expected \"%s\"\n",              \
                   got_, want_);                                              \
        }                                                                     \
    } while (0)

static inline int
done_testing(void)
{
    printf("1..%d\n", tap_count);

    return tap_failed != 0;
}


#endif /* TAP_H_INCLUDED */
