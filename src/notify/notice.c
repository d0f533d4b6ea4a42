/*
 * Copyright (C) The Pharos Authors
 *
 * Notice: the data of a notification and its JSON.
 */

#include "notify/notice.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"
#include "core/time.h"


static int phr_notice_alert_cmp(const void *a, const void *b);
static int phr_notice_override_cmp(phr_labels_t a, phr_labels_t b,
    phr_str_t name);
static int phr_notice_labels_cmp(phr_labels_t a, phr_labels_t b);
static int phr_notice_common_of(const phr_notice_t *n, phr_arena_t *a,
    int annotations, phr_labels_t *out);
static void phr_notice_json_labels(phr_json_writer_t *w, const char *key,
    phr_labels_t ls);
static void phr_notice_json_alert(phr_json_writer_t *w,
    const phr_notice_alert_t *alert);
static void phr_notice_json_time(phr_json_writer_t *w, const char *key,
    int64_t t_ms);
static void phr_notice_quote(phr_buf_t *b, phr_str_t s);
static void phr_notice_escape(phr_buf_t *b, phr_str_t s);


uint64_t
phr_fingerprint(phr_labels_t ls)
{
    size_t     i, j, k;
    uint64_t   h;
    phr_str_t  s[2];

    h = 14695981039346656037ULL;

    for (i = 0; i < ls.n; i++) {
        s[0] = ls.l[i].name;
        s[1] = ls.l[i].value;

        for (j = 0; j < 2; j++) {
            for (k = 0; k < s[j].len; k++) {
                h ^= (unsigned char) s[j].data[k];
                h *= 1099511628211ULL;
            }

            h ^= 255;
            h *= 1099511628211ULL;
        }
    }

    return h;
}


int
phr_notice_alert_resolved(const phr_notice_alert_t *a, int64_t now_ms)
{
    return a->ends_ms != 0 && a->ends_ms <= now_ms;
}


const char *
phr_reason_text(phr_reason_e reason)
{
    /* ORDER PHR_REASON */
    static const char *const  texts[] = {
        "none", "first notification", "new alerts added",
        "some alerts resolved", "all alerts resolved",
        "repeat interval elapsed"
    };

    phr_assert(reason < phr_nelems(texts));

    return texts[reason];
}


int
phr_notice_firing(const phr_notice_t *n)
{
    size_t  i;

    for (i = 0; i < n->nalerts; i++) {
        if (n->alerts[i].ends_ms == 0) {
            return 1;
        }
    }

    return 0;
}


int
phr_notice_common(const phr_notice_t *n, phr_arena_t *a,
    phr_labels_t *labels, phr_labels_t *annotations)
{
    int  rc;

    rc = phr_notice_common_of(n, a, 0, labels);

    return rc == PHR_OK ? phr_notice_common_of(n, a, 1, annotations) : rc;
}


void
phr_notice_sort(phr_notice_alert_t *alerts, size_t n)
{
    if (n > 1) {
        qsort(alerts, n, sizeof(phr_notice_alert_t), phr_notice_alert_cmp);
    }
}


int
phr_notice_json(const phr_notice_t *n, phr_str_t external_url,
    const phr_pair_t *route_labels, size_t nroute_labels,
    uint64_t max_alerts, phr_arena_t *a, phr_buf_t *b)
{
    int                 rc;
    size_t              i, told;
    phr_buf_t           name;
    phr_labels_t        labels, annotations;
    phr_notice_t        cut;
    phr_json_writer_t   w;

    /* status and common labels are those of the alerts that are told */

    cut = *n;

    if (max_alerts != 0 && cut.nalerts > max_alerts) {
        cut.nalerts = (size_t) max_alerts;
    }

    told = cut.nalerts;

    rc = phr_notice_common(&cut, a, &labels, &annotations);
    if (rc != PHR_OK) {
        return rc;
    }

    /* templates use the name as part of a regex, so its form is quoted */

    phr_buf_init(&name, 0);
    phr_notice_quote(&name, n->receiver->name);

    phr_json_init(&w, b);
    phr_json_object(&w);
    phr_json_pair(&w, "receiver", phr_buf_view(&name));
    phr_json_pair_c(&w, "status",
                    phr_notice_firing(&cut) ? "firing" : "resolved");

    phr_json_key(&w, "alerts");
    phr_json_array(&w);

    for (i = 0; i < told; i++) {
        phr_notice_json_alert(&w, &n->alerts[i]);
    }

    phr_json_end_array(&w);

    phr_json_pair_c(&w, "notification_reason", phr_reason_text(n->reason));
    phr_notice_json_labels(&w, "groupLabels", n->group_labels);
    phr_notice_json_labels(&w, "commonLabels", labels);
    phr_notice_json_labels(&w, "commonAnnotations", annotations);

    phr_json_key(&w, "routeLabels");
    phr_json_object(&w);

    for (i = 0; i < nroute_labels; i++) {
        phr_json_pair_str(&w, route_labels[i].name, route_labels[i].value);
    }

    phr_json_end_object(&w);

    phr_json_pair(&w, "externalURL", external_url);
    phr_json_pair_c(&w, "version", "4");
    phr_json_pair(&w, "groupKey", n->group_key);
    phr_json_key(&w, "truncatedAlerts");
    phr_json_uint(&w, n->nalerts - told);
    phr_json_end_object(&w);
    phr_buf_putc(b, '\n');

    rc = name.failed;
    phr_buf_free(&name);

    return rc != PHR_OK ? rc : b->failed;
}


void
phr_group_key(phr_buf_t *b, const phr_route_conf_t *route,
    phr_labels_t group_labels)
{
    size_t                   i, depth;
    const phr_route_conf_t  *r, *path[PHR_YAML_MAX_DEPTH];

    /* the file's nesting bounds that of its routes */

    depth = 0;

    for (r = route; r != NULL && depth < phr_nelems(path); r = r->parent) {
        path[depth++] = r;
    }

    while (depth > 0) {
        phr_matchers_format(b, &path[--depth]->matchers);

        if (depth > 0) {
            phr_buf_putc(b, '/');
        }
    }

    phr_buf_puts(b, ":{");

    for (i = 0; i < group_labels.n; i++) {
        if (i > 0) {
            phr_buf_puts(b, ", ");
        }

        phr_buf_str(b, group_labels.l[i].name);
        phr_buf_puts(b, "=\"");

        /* as Go's %q, but that it also escapes what cannot be printed */

        phr_notice_escape(b, group_labels.l[i].value);
        phr_buf_putc(b, '"');
    }

    phr_buf_putc(b, '}');
}


void
phr_matchers_format(phr_buf_t *b, const phr_matchers_t *ms)
{
    int        quoted;
    size_t     i, j;
    phr_str_t  name;

    phr_buf_putc(b, '{');

    for (i = 0; i < ms->n; i++) {
        if (i > 0) {
            phr_buf_putc(b, ',');
        }

        name = ms->m[i].name;
        quoted = 0;

        for (j = 0; j < name.len; j++) {
            if (strchr("{}!=~,\\\"'` \t\n\v\f\r", name.data[j]) != NULL) {
                quoted = 1;
            }
        }

        if (quoted) {
            phr_buf_putc(b, '"');
            phr_notice_escape(b, name);
            phr_buf_putc(b, '"');

        } else {
            phr_buf_str(b, name);
        }

        phr_buf_puts(b, phr_match_op_text(ms->m[i].op));
        phr_buf_putc(b, '"');
        phr_notice_escape(b, ms->m[i].value);
        phr_buf_putc(b, '"');
    }

    phr_buf_putc(b, '}');
}


int
phr_notice_alert_copy(phr_arena_t *a, const phr_notice_alert_t *from,
    phr_notice_alert_t *to)
{
    *to = *from;

    if (phr_labels_copy(a, from->labels, &to->labels) != PHR_OK
        || phr_labels_copy(a, from->annotations, &to->annotations) != PHR_OK)
    {
        return phr_arena_rc(a);
    }

    to->generator_url = phr_arena_str(a, from->generator_url);

    return to->generator_url.data ? PHR_OK : phr_arena_rc(a);
}


static int
phr_notice_alert_cmp(const void *a, const void *b)
{
    int                        rc;
    const phr_notice_alert_t  *x, *y;

    x = a;
    y = b;

    rc = phr_notice_override_cmp(x->labels, y->labels, phr_str_of("job"));

    if (rc == 0) {
        rc = phr_notice_override_cmp(x->labels, y->labels,
                                     phr_str_of("instance"));
    }

    return rc ? rc : phr_notice_labels_cmp(x->labels, y->labels);
}


static int
phr_notice_override_cmp(phr_labels_t a, phr_labels_t b, phr_str_t name)
{
    phr_str_t  x, y;

    x = phr_labels_get(a, name);
    y = phr_labels_get(b, name);

    /* those without the label come last */

    if ((x.len == 0) != (y.len == 0)) {
        return x.len == 0 ? 1 : -1;
    }

    return phr_str_cmp(x, y);
}


/* as model.LabelSet.Before(): fewer labels first, then the first difference */
static int
phr_notice_labels_cmp(phr_labels_t a, phr_labels_t b)
{
    int     rc;
    size_t  i;

    if (a.n != b.n) {
        return a.n < b.n ? -1 : 1;
    }

    for (i = 0; i < a.n; i++) {
        rc = phr_str_cmp(a.l[i].name, b.l[i].name);

        /* the set that lacks the smaller name comes first */

        if (rc != 0) {
            return rc < 0 ? 1 : -1;
        }

        rc = phr_str_cmp(a.l[i].value, b.l[i].value);
        if (rc != 0) {
            return rc;
        }
    }

    return 0;
}


static int
phr_notice_common_of(const phr_notice_t *n, phr_arena_t *a, int annotations,
    phr_labels_t *out)
{
    size_t        i, j;
    phr_label_t  *l;
    phr_labels_t  first, other;

    out->l = NULL;
    out->n = 0;

    if (n->nalerts == 0) {
        return PHR_OK;
    }

    first = annotations ? n->alerts[0].annotations : n->alerts[0].labels;

    l = phr_arena_alloc(a, (first.n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_arena_rc(a);
    }

    for (i = 0; i < first.n; i++) {
        for (j = 1; j < n->nalerts; j++) {
            other = annotations ? n->alerts[j].annotations
                                : n->alerts[j].labels;

            if (!phr_str_eq(phr_labels_get(other, first.l[i].name),
                            first.l[i].value))
            {
                break;
            }
        }

        if (j == n->nalerts) {
            l[out->n++] = first.l[i];
        }
    }

    out->l = l;

    return PHR_OK;
}


static void
phr_notice_json_labels(phr_json_writer_t *w, const char *key,
    phr_labels_t ls)
{
    size_t  i;

    phr_json_key(w, key);
    phr_json_object(w);

    for (i = 0; i < ls.n; i++) {
        phr_json_pair_str(w, ls.l[i].name, ls.l[i].value);
    }

    phr_json_end_object(w);
}


static void
phr_notice_json_alert(phr_json_writer_t *w, const phr_notice_alert_t *alert)
{
    char  text[24];

    phr_json_object(w);
    phr_json_pair_c(w, "status", alert->ends_ms == 0 ? "firing" : "resolved");
    phr_notice_json_labels(w, "labels", alert->labels);
    phr_notice_json_labels(w, "annotations", alert->annotations);
    phr_notice_json_time(w, "startsAt", alert->starts_ms);
    phr_notice_json_time(w, "endsAt", alert->ends_ms);
    phr_json_pair(w, "generatorURL", alert->generator_url);

    (void) snprintf(text, sizeof(text), "%016llx",
                    (unsigned long long) phr_fingerprint(alert->labels));
    phr_json_pair_c(w, "fingerprint", text);
    phr_json_end_object(w);
}


/* no point in time is the first day of the first year, as in Go */
static void
phr_notice_json_time(phr_json_writer_t *w, const char *key, int64_t t_ms)
{
    phr_buf_t  text;

    if (t_ms == 0) {
        phr_json_pair_c(w, key, "0001-01-01T00:00:00Z");
        return;
    }

    phr_buf_init(&text, 0);
    phr_rfc3339_format(&text, t_ms);
    phr_json_pair(w, key, phr_buf_view(&text));

    if (text.failed) {
        w->buf->failed = text.failed;
    }

    phr_buf_free(&text);
}


/* as Go's regexp.QuoteMeta() */
static void
phr_notice_quote(phr_buf_t *b, phr_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] != '\0' && strchr("\\.+*?()|[]{}^$", s.data[i])) {
            phr_buf_putc(b, '\\');
        }

        phr_buf_putc(b, s.data[i]);
    }
}


static void
phr_notice_escape(phr_buf_t *b, phr_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        switch (s.data[i]) {
        case '\n':
            phr_buf_puts(b, "\\n");
            break;

        case '"':
        case '\\':
            phr_buf_putc(b, '\\');
            phr_buf_putc(b, s.data[i]);
            break;

        default:
            phr_buf_putc(b, s.data[i]);
        }
    }
}
