/*
 * Copyright (C) The Pharos Authors
 *
 * Regex expansion: templates with references to groups.
 */

#include "core/regex_expand.h"

#include "core/regex_int.h"
#include "core/utf8.h"


/* RE2 takes no larger number for one */
#define PHR_REGEX_MAX_NUMBER  100000000


static const char *phr_regex_reference(phr_str_t rest, phr_str_t *name);
static void phr_regex_expand_group(const phr_regex_found_t *found,
    phr_str_t name, phr_buf_t *out);


void
phr_regex_expand_found(const phr_regex_found_t *found, phr_str_t template,
    phr_buf_t *out)
{
    phr_str_t    name;
    const char  *p, *dollar, *end, *next;

    p = template.data;
    end = p + template.len;

    while (p < end) {
        dollar = memchr(p, '$', (size_t) (end - p));

        if (dollar == NULL) {
            phr_buf_append(out, p, (size_t) (end - p));
            return;
        }

        phr_buf_append(out, p, (size_t) (dollar - p));
        p = dollar + 1;
        phr_yield(PHR_REGEX_UNITS);

        if (p < end && *p == '$') {
            phr_buf_putc(out, '$');
            p++;
            continue;
        }

        next = phr_regex_reference(phr_str_from(p, (size_t) (end - p)),
                                   &name);
        if (next == NULL) {
            phr_buf_putc(out, '$');
            continue;
        }

        phr_regex_expand_group(found, name, out);
        p = next;
    }
}


/* the name in "name..." or "{name}..."; NULL if it is neither */

static const char *
phr_regex_reference(phr_str_t rest, phr_str_t *name)
{
    int          brace;
    uint32_t     c;
    const char  *p, *end, *next;

    p = rest.data;
    end = p + rest.len;

    brace = p < end && *p == '{';
    p += brace;
    name->data = p;

    for (next = p; p < end; p = next) {
        c = phr_utf8_decode(&next, end);

        if (c != '_' && !phr_regex_is_alnum(c)) {
            break;
        }
    }

    name->len = (size_t) (p - name->data);

    if (name->len == 0 || (brace && (p == end || *p != '}'))) {
        return NULL;
    }

    return p + brace;
}


static void
phr_regex_expand_group(const phr_regex_found_t *found, phr_str_t name,
    phr_buf_t *out)
{
    size_t         i, k, number;
    const size_t  *at;

    number = 0;

    for (i = 0; i < name.len; i++) {
        if (name.data[i] < '0' || name.data[i] > '9'
            || number >= PHR_REGEX_MAX_NUMBER)
        {
            break;
        }

        number = number * 10 + (size_t) (name.data[i] - '0');
    }

    /* with a zero in front, it is a name */

    if (i == name.len && (name.data[0] != '0' || name.len == 1)) {

        if (number <= found->ngroups
            && found->slots[2 * number + 1] != SIZE_MAX)
        {
            at = found->slots + 2 * number;
            phr_buf_append(out, found->s.data + at[0], at[1] - at[0]);
        }

        return;
    }

    for (k = 1; k <= found->ngroups; k++) {
        at = found->slots + 2 * k;

        if (phr_str_eq(found->names[k - 1], name) && at[1] != SIZE_MAX) {
            phr_buf_append(out, found->s.data + at[0], at[1] - at[0]);
            return;
        }
    }
}
