/*
 * Copyright (C) The Pharos Authors
 *
 * Outside: what templates may call that Lua cannot do by itself: regular
 * expressions with the meaning of RE2, and the files of time zones.
 *
 * The regexes of core match whole strings.  Searching is made of that: the
 * pattern P becomes (head)(P)(tail) with a lazy head, so that the leftmost
 * match is found, and its groups count from 3.
 */

#include "script/state.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/regex.h"
#include "core/utf8.h"


#define PHR_OUTSIDE_ZONE_BYTES    (256 * 1024)
#define PHR_OUTSIDE_SUBJECT       (1024 * 1024)
#define PHR_OUTSIDE_REPLACEMENTS  10000

/* RE2 allows no larger repetition */
#define PHR_OUTSIDE_REPEAT        1000


static int phr_outside_match(lua_State *L);
static int phr_outside_replace(lua_State *L);
static int phr_outside_zone(lua_State *L);
static phr_str_t phr_outside_arg(lua_State *L, int n);
static int phr_outside_fail(lua_State *L, const char *text);
static int phr_outside_check(phr_str_t pattern, phr_err_t *err);
static int phr_outside_replace_all(phr_str_t pattern, phr_str_t template,
    phr_str_t s, phr_buf_t *out, phr_err_t *err);
static int phr_outside_compile(phr_str_t pattern, size_t skip,
    phr_regex_t **re, phr_err_t *err);
static int phr_outside_needs_context(phr_str_t pattern);
static size_t phr_outside_count(const char *s, const char *end);
static void phr_outside_shift(phr_str_t template, phr_buf_t *out);
static int phr_outside_group(const phr_regex_t *re, phr_str_t s,
    const char *template, size_t *len);


void
phr_outside_push(lua_State *L, phr_vm_t *vm)
{
    lua_createtable(L, 0, 4);

    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, phr_outside_match, 1);
    lua_setfield(L, -2, "re_match");

    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, phr_outside_replace, 1);
    lua_setfield(L, -2, "re_replace");

    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, phr_outside_zone, 1);
    lua_setfield(L, -2, "zone");
}


/* re_match(pattern, s): true or false, or nil and what is malformed */

static int
phr_outside_match(lua_State *L)
{
    int           matches;
    phr_vm_t     *vm;
    phr_str_t     pattern, s;
    phr_err_t     err;
    phr_regex_t  *re;

    vm = lua_touserdata(L, lua_upvalueindex(1));
    pattern = phr_outside_arg(L, 1);
    s = phr_outside_arg(L, 2);

    if (phr_outside_check(pattern, &err) != PHR_OK) {
        return phr_outside_fail(L, err.text);
    }

    phr_buf_reset(&vm->scratch);
    phr_buf_puts(&vm->scratch, "(?s:.*)(?-s:");
    phr_buf_str(&vm->scratch, pattern);
    phr_buf_puts(&vm->scratch, ")(?s:.*)");

    if (vm->scratch.failed) {
        return luaL_error(L, "not enough memory");
    }

    if (phr_regex_create(phr_buf_view(&vm->scratch), &re, &err) != PHR_OK) {
        return phr_outside_fail(L, err.text);
    }

    matches = phr_regex_match(re, s);
    phr_regex_destroy(re);

    if (matches < 0) {
        return phr_outside_fail(L, "regexp takes too long to match");
    }

    lua_pushboolean(L, matches);

    return 1;
}


/* re_replace(pattern, template, s): as Go's ReplaceAllString */

static int
phr_outside_replace(lua_State *L)
{
    int         rc;
    phr_vm_t   *vm;
    phr_str_t   pattern, template, s;
    phr_err_t   err;
    phr_buf_t   shifted;

    vm = lua_touserdata(L, lua_upvalueindex(1));
    pattern = phr_outside_arg(L, 1);
    template = phr_outside_arg(L, 2);
    s = phr_outside_arg(L, 3);

    if (phr_outside_check(pattern, &err) != PHR_OK) {
        phr_err_prefix(&err, "regexp: Compile(`%.*s`): ",
                       (int) phr_min(pattern.len, 100), pattern.data);
        return phr_outside_fail(L, err.text);
    }

    if (s.len > PHR_OUTSIDE_SUBJECT) {
        return phr_outside_fail(L, "text is too long for a regexp");
    }

    phr_buf_init(&shifted, 0);
    phr_outside_shift(template, &shifted);

    phr_buf_reset(&vm->scratch);

    rc = shifted.failed;

    if (rc == PHR_OK) {
        rc = phr_outside_replace_all(pattern, phr_buf_view(&shifted), s,
                                     &vm->scratch, &err);
    }

    phr_buf_free(&shifted);

    if (rc == PHR_ENOMEM || vm->scratch.failed == PHR_ENOMEM) {
        return luaL_error(L, "not enough memory");
    }

    if (rc != PHR_OK) {
        return phr_outside_fail(L, err.text);
    }

    phr_convert_str(L, phr_buf_view(&vm->scratch));

    return 1;
}


/*
 * zone(name): the bytes of the zone's file, or nil.  The name was checked
 * by the caller; that it leads nowhere else is checked here again.
 */

static int
phr_outside_zone(lua_State *L)
{
    char       *p;
    FILE       *f;
    size_t      n;
    phr_vm_t   *vm;
    phr_str_t   name;

    vm = lua_touserdata(L, lua_upvalueindex(1));
    name = phr_outside_arg(L, 1);

    if (name.len == 0 || name.data[0] == '/'
        || memchr(name.data, '\0', name.len) != NULL
        || memchr(name.data, '.', name.len) != NULL)
    {
        return 0;
    }

    phr_buf_reset(&vm->scratch);
    phr_buf_printf(&vm->scratch, "%s/%.*s", vm->zone_path, (int) name.len,
                   name.data);

    f = fopen(phr_buf_cstr(&vm->scratch), "rb");
    if (f == NULL) {
        return 0;
    }

    phr_buf_reset(&vm->scratch);

    p = phr_buf_reserve(&vm->scratch, PHR_OUTSIDE_ZONE_BYTES);
    n = p != NULL ? fread(p, 1, PHR_OUTSIDE_ZONE_BYTES, f) : 0;
    vm->scratch.len = n;

    fclose(f);

    phr_convert_str(L, phr_buf_view(&vm->scratch));

    return 1;
}


static phr_str_t
phr_outside_arg(lua_State *L, int n)
{
    size_t       len;
    const char  *s;

    s = luaL_checklstring(L, n, &len);

    return phr_str_from(s, len);
}


static int
phr_outside_fail(lua_State *L, const char *text)
{
    lua_pushnil(L);
    lua_pushstring(L, text);

    return 2;
}


/* the pattern alone, for a message that speaks of it and nothing else */

static int
phr_outside_check(phr_str_t pattern, phr_err_t *err)
{
    int           rc;
    phr_regex_t  *re;

    phr_err_init(err);

    rc = phr_regex_create(pattern, &re, err);
    if (rc == PHR_OK) {
        phr_regex_destroy(re);
    }

    return rc;
}


/*
 * Most patterns can be searched for in what is left of the text.  Those
 * with "^" or "\b" see the text before it, too: it is then skipped within
 * the pattern, which is compiled for each match anew.
 */

static int
phr_outside_replace_all(phr_str_t pattern, phr_str_t template, phr_str_t s,
    phr_buf_t *out, phr_err_t *err)
{
    int           rc, context;
    size_t        n, head, tail, search, last, start, end, from;
    phr_str_t     rest;
    phr_regex_t  *re;

    re = NULL;
    last = 0;
    search = 0;
    context = phr_outside_needs_context(pattern);

    for (n = 0; search <= s.len; n++) {

        if (n == PHR_OUTSIDE_REPLACEMENTS) {
            rc = phr_err_set(err, PHR_ELIMIT, "too many matches of a regexp");
            goto done;
        }

        if (re == NULL || context) {
            phr_regex_destroy(re);
            re = NULL;

            rc = phr_outside_compile(pattern, context
                                     ? phr_outside_count(s.data,
                                                         s.data + search)
                                     : 0, &re, err);
            if (rc != PHR_OK) {
                goto done;
            }
        }

        from = context ? 0 : search;
        rest = phr_str_from(s.data + from, s.len - from);

        rc = phr_outside_group(re, rest, "${1}", &head);
        if (rc == PHR_NOTFOUND) {
            break;
        }

        if (rc == PHR_OK) {
            rc = phr_outside_group(re, rest, "${phr_tail}", &tail);
        }

        if (rc != PHR_OK) {
            rc = phr_err_set(err, rc, "regexp takes too long to match");
            goto done;
        }

        start = from + head;
        end = s.len - tail;

        phr_buf_append(out, s.data + last, start - last);

        /* no replacement of nothing right behind another match */

        if (end > last || start == 0) {
            rc = phr_regex_expand(re, rest, template, out);
            if (rc != PHR_OK) {
                rc = phr_err_set(err, rc, "regexp takes too long to match");
                goto done;
            }
        }

        last = end;

        if (end > search) {
            search = end;
            continue;
        }

        do {
            search++;
        } while (search < s.len && (s.data[search] & 0xc0) == 0x80);
    }

    phr_buf_append(out, s.data + last, s.len - last);
    rc = out->failed;

done:

    phr_regex_destroy(re);

    return rc;
}


/* (head)(P)(tail), where the head is at least skip characters long */

static int
phr_outside_compile(phr_str_t pattern, size_t skip, phr_regex_t **re,
    phr_err_t *err)
{
    int        rc;
    phr_buf_t  text;

    phr_buf_init(&text, 0);
    phr_buf_puts(&text, "(");

    while (skip > 0) {
        rc = (int) phr_min(skip, PHR_OUTSIDE_REPEAT);
        phr_buf_printf(&text, ".{%d}", rc);
        skip -= (size_t) rc;
    }

    phr_buf_puts(&text, ".*?)(?-s:(");
    phr_buf_str(&text, pattern);
    phr_buf_puts(&text, "))(?P<phr_tail>.*)");

    rc = text.failed;

    if (rc == PHR_OK) {
        rc = phr_regex_create(phr_buf_view(&text), re, err);
    }

    phr_buf_free(&text);

    return rc;
}


static int
phr_outside_needs_context(phr_str_t pattern)
{
    size_t  i;

    for (i = 0; i < pattern.len; i++) {

        if (pattern.data[i] == '^') {
            return 1;
        }

        if (pattern.data[i] == '\\' && i + 1 < pattern.len) {
            i++;

            if (strchr("bBA", pattern.data[i]) != NULL) {
                return 1;
            }
        }
    }

    return 0;
}


static size_t
phr_outside_count(const char *s, const char *end)
{
    size_t  n;

    for (n = 0; s < end; n++) {
        (void) phr_utf8_decode(&s, end);
    }

    return n;
}


/* $1 -> ${3}: head and the whole match are the first two groups */

static void
phr_outside_shift(phr_str_t template, phr_buf_t *out)
{
    int          braced;
    size_t       i, n, start;
    const char  *s;

    s = template.data;

    for (i = 0; i < template.len; i++) {

        phr_buf_putc(out, s[i]);

        if (s[i] != '$' || i + 1 == template.len) {
            continue;
        }

        if (s[i + 1] == '$') {
            phr_buf_putc(out, s[++i]);
            continue;
        }

        braced = s[i + 1] == '{';
        start = i + 1 + (size_t) braced;

        for (n = start; n < template.len && s[n] >= '0' && s[n] <= '9'
             && n - start < 4; n++)
        {
            /* void */
        }

        /* a name may begin with digits; it is no number then */

        if (n == start
            || (n < template.len && (braced ? s[n] != '}'
                : (s[n] == '_' || (s[n] >= '0' && s[n] <= '9')
                   || (s[n] >= 'a' && s[n] <= 'z')
                   || (s[n] >= 'A' && s[n] <= 'Z'))))
            || (n == template.len && braced))
        {
            continue;
        }

        phr_buf_printf(out, "{%d}", atoi(s + start) + 2);
        i = braced ? n : n - 1;
    }
}


static int
phr_outside_group(const phr_regex_t *re, phr_str_t s, const char *template,
    size_t *len)
{
    int        rc;
    phr_buf_t  out;

    phr_buf_init(&out, 0);

    rc = phr_regex_expand(re, s, phr_str_from_c(template), &out);
    *len = out.len;

    if (rc == PHR_OK) {
        rc = out.failed;
    }

    phr_buf_free(&out);

    return rc;
}
