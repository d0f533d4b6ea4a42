/*
 * Copyright (C) The Pharos Authors
 *
 * URL: what Go's url.Parse() refuses of the URLs that people write.  It
 * splits nothing for use and fetches nothing.
 */

#include "settings/schema.h"

#include <strings.h>


static size_t phr_url_scheme(phr_str_t s);
static int phr_url_host(const char *host, const char *end, const char **why);
static int phr_url_escapes(const char *p, const char *end, const char **why);


int
phr_url_check(phr_str_t s, int http, const char **why)
{
    size_t       scheme;
    const char  *p, *end, *host, *slash;

    end = s.data + s.len;
    host = NULL;

    for (p = s.data; p < end; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            *why = "invalid control character in URL";
            return PHR_EINVAL;
        }
    }

    p = s.data;
    scheme = phr_url_scheme(s);

    if (scheme > 0) {
        p += scheme + 1;

    } else if (s.len > 0 && *p == ':') {
        *why = "missing protocol scheme";
        return PHR_EINVAL;

    } else {
        slash = memchr(p, '/', s.len);

        if (memchr(p, ':', slash ? (size_t) (slash - p) : s.len) != NULL) {
            *why = "first path segment in URL cannot contain colon";
            return PHR_EINVAL;
        }
    }

    if (http && !(scheme == 4 && strncasecmp(s.data, "http", 4) == 0)
        && !(scheme == 5 && strncasecmp(s.data, "https", 5) == 0))
    {
        *why = "the scheme must be http or https";
        return PHR_EINVAL;
    }

    if (end - p >= 2 && p[0] == '/' && p[1] == '/') {
        host = p + 2;

        for (p = host; p < end && strchr("/?#", *p) == NULL; p++) {
            /* void */
        }

        if (phr_url_host(host, p, why) != PHR_OK) {
            return PHR_EINVAL;
        }
    }

    if (http && (host == NULL || host == p)) {
        *why = "missing host";
        return PHR_EINVAL;
    }

    return phr_url_escapes(p, end, why);
}


/* the length of the scheme before a colon, 0 if there is none */
static size_t
phr_url_scheme(phr_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if ((s.data[i] | 0x20) >= 'a' && (s.data[i] | 0x20) <= 'z') {
            continue;
        }

        if (i > 0 && ((s.data[i] >= '0' && s.data[i] <= '9')
                      || strchr("+-.", s.data[i]) != NULL))
        {
            continue;
        }

        break;
    }

    return (i < s.len && s.data[i] == ':') ? i : 0;
}


/* user:password@host:port */
static int
phr_url_host(const char *host, const char *end, const char **why)
{
    const char  *p, *port;

    for (p = host; p < end; p++) {
        if (*p == '@') {
            host = p + 1;
        }
    }

    port = NULL;

    for (p = host; p < end; p++) {
        if (*p == ' ' || *p == '<' || *p == '>' || *p == '"') {
            *why = "invalid character in host name";
            return PHR_EINVAL;
        }

        if (*p == ':') {
            port = p + 1;

        } else if (*p == ']') {
            port = NULL;
        }
    }

    for (p = port; p != NULL && p < end; p++) {
        if (*p < '0' || *p > '9') {
            *why = "invalid port after host";
            return PHR_EINVAL;
        }
    }

    return PHR_OK;
}


static int
phr_url_escapes(const char *p, const char *end, const char **why)
{
    static const char  hex[] = "0123456789abcdefABCDEF";

    for ( ; p < end && *p != '?'; p++) {
        if (*p == '%' && (end - p < 3 || strchr(hex, p[1]) == NULL
                          || strchr(hex, p[2]) == NULL))
        {
            *why = "invalid URL escape";
            return PHR_EINVAL;
        }
    }

    return PHR_OK;
}
