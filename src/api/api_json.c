/*
 * Copyright (C) The Pharos Authors
 *
 * Grafana's JSON data sources, the part that finds names: the editor's
 * lists of metrics, variables, and the keys and values of ad-hoc filters.
 */

#include "api/json_source.h"


#define PHR_JSON_MAX_NAMES  5000    /* of one list: an editor shows no more */


typedef struct {
    phr_str_t  *s;
    size_t      n;
} phr_json_names_t;


static int phr_json_values(phr_call_t *c, phr_str_t label,
    const phr_matcher_t *m, size_t nm, phr_json_names_t *out,
    phr_err_t *err);
static int phr_json_label_names(phr_call_t *c, phr_json_names_t *out,
    phr_err_t *err);
static int phr_json_lookup(phr_call_t *c, const phr_str_t *label,
    const phr_matcher_t *m, size_t nm, phr_str_t part, phr_json_names_t *out,
    phr_err_t *err);
static int phr_json_keep(phr_call_t *c, phr_json_names_t *out,
    phr_err_t *err);
static int phr_json_body(phr_call_t *c, phr_json_doc_t **doc,
    phr_err_t *err);
static int phr_json_variable(phr_call_t *c, phr_str_t text,
    phr_json_names_t *out, phr_err_t *err);
static int phr_json_function(phr_str_t text, const char *name,
    phr_str_t *args);
static int phr_json_metrics(phr_call_t *c, phr_str_t text,
    phr_json_names_t *out, phr_err_t *err);
static int phr_json_matching(phr_call_t *c, phr_str_t regex,
    phr_json_names_t *out, phr_err_t *err);
static phr_str_t phr_json_trim(phr_str_t s);
static int phr_json_contains(phr_str_t s, phr_str_t part);
static void phr_json_text_list(phr_call_t *c, const phr_json_names_t *names,
    const char *key);


int
phr_api_grafana_health(phr_call_t *c, phr_err_t *err)
{
    phr_json_source_begin(c);
    phr_json_object(&c->json);
    phr_json_pair_c(&c->json, "database", "ok");
    phr_json_pair_c(&c->json, "version", c->api->version);
    phr_json_end_object(&c->json);

    return PHR_OK;
}


void
phr_json_source_begin(phr_call_t *c)
{
    c->res->status = 200;
    c->res->content_type = phr_str_of("application/json");
    phr_json_init(&c->json, &c->res->body);
}


/* the data source's "Save and test" */

int
phr_api_json_root(phr_call_t *c, phr_err_t *err)
{
    phr_json_source_begin(c);
    phr_json_object(&c->json);
    phr_json_pair_c(&c->json, "status", "ok");
    phr_json_end_object(&c->json);

    return PHR_OK;
}


/*
 * Names of metrics that contain the text, or what a variable's query gives:
 * in the older dialect variables come through here.
 */

int
phr_api_json_search(phr_call_t *c, phr_err_t *err)
{
    int               rc;
    size_t            i;
    phr_str_t         text;
    phr_json_doc_t   *doc;
    phr_json_names_t  names;

    rc = phr_json_body(c, &doc, err);
    if (rc != PHR_OK) {
        return rc;
    }

    text = phr_json_get_str(phr_json_get(phr_json_root(doc), "target"), "");

    rc = phr_json_variable(c, text, &names, err);

    if (rc == PHR_OK) {
        phr_json_source_begin(c);
        phr_json_array(&c->json);

        for (i = 0; i < names.n; i++) {
            phr_json_string(&c->json, names.s[i]);
        }

        phr_json_end_array(&c->json);
    }

    phr_json_destroy(doc);

    return rc;
}


/* the editor's metrics, each with one free field for an expression */

int
phr_api_json_metrics(phr_call_t *c, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    phr_str_t           text;
    phr_json_doc_t     *doc;
    phr_json_names_t    names;
    phr_json_writer_t  *w;

    rc = phr_json_body(c, &doc, err);
    if (rc != PHR_OK) {
        return rc;
    }

    text = phr_json_get_str(phr_json_get(phr_json_root(doc), "metric"), "");

    rc = phr_json_metrics(c, text, &names, err);

    if (rc == PHR_OK) {
        phr_json_source_begin(c);
        w = &c->json;
        phr_json_array(w);

        for (i = 0; i < names.n; i++) {
            phr_json_object(w);
            phr_json_pair(w, "label", names.s[i]);
            phr_json_pair(w, "value", names.s[i]);
            phr_json_key(w, "payloads");
            phr_json_array(w);
            phr_json_object(w);
            phr_json_pair_c(w, "label", "Expression");
            phr_json_pair_c(w, "name", "expr");
            phr_json_pair_c(w, "type", "textarea");
            phr_json_pair(w, "placeholder", names.s[i]);
            phr_json_end_object(w);
            phr_json_end_array(w);
            phr_json_end_object(w);
        }

        phr_json_end_array(w);
    }

    phr_json_destroy(doc);

    return rc;
}


/* a free field has no options to choose from */

int
phr_api_json_options(phr_call_t *c, phr_err_t *err)
{
    phr_json_source_begin(c);
    phr_json_array(&c->json);
    phr_json_end_array(&c->json);

    return PHR_OK;
}


int
phr_api_json_variable(phr_call_t *c, phr_err_t *err)
{
    int                     rc;
    size_t                  i;
    phr_str_t               text;
    phr_json_doc_t         *doc;
    phr_json_names_t        names;
    phr_json_writer_t      *w;
    const phr_json_node_t  *payload;

    rc = phr_json_body(c, &doc, err);
    if (rc != PHR_OK) {
        return rc;
    }

    payload = phr_json_get(phr_json_root(doc), "payload");
    text = phr_json_get_str(phr_json_get(payload, "target"), "");

    rc = phr_json_variable(c, text, &names, err);

    if (rc == PHR_OK) {
        phr_json_source_begin(c);
        w = &c->json;
        phr_json_array(w);

        for (i = 0; i < names.n; i++) {
            phr_json_object(w);
            phr_json_pair(w, "__text", names.s[i]);
            phr_json_pair(w, "__value", names.s[i]);
            phr_json_end_object(w);
        }

        phr_json_end_array(w);
    }

    phr_json_destroy(doc);

    return rc;
}


int
phr_api_json_tag_keys(phr_call_t *c, phr_err_t *err)
{
    int                rc;
    size_t             i;
    phr_json_names_t   names;

    rc = phr_json_label_names(c, &names, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_json_source_begin(c);
    phr_json_array(&c->json);

    for (i = 0; i < names.n; i++) {
        phr_json_object(&c->json);
        phr_json_pair_c(&c->json, "type", "string");
        phr_json_pair(&c->json, "text", names.s[i]);
        phr_json_end_object(&c->json);
    }

    phr_json_end_array(&c->json);

    return PHR_OK;
}


int
phr_api_json_tag_values(phr_call_t *c, phr_err_t *err)
{
    int               rc;
    phr_str_t         key;
    phr_json_doc_t   *doc;
    phr_json_names_t  names;

    rc = phr_json_body(c, &doc, err);
    if (rc != PHR_OK) {
        return rc;
    }

    key = phr_json_get_str(phr_json_get(phr_json_root(doc), "key"), "");

    rc = phr_json_values(c, key, NULL, 0, &names, err);

    if (rc == PHR_OK) {
        phr_json_source_begin(c);
        phr_json_text_list(c, &names, "text");
    }

    phr_json_destroy(doc);

    return rc;
}


static void
phr_json_text_list(phr_call_t *c, const phr_json_names_t *names,
    const char *key)
{
    size_t  i;

    phr_json_array(&c->json);

    for (i = 0; i < names->n; i++) {
        phr_json_object(&c->json);
        phr_json_pair(&c->json, key, names->s[i]);
        phr_json_end_object(&c->json);
    }

    phr_json_end_array(&c->json);
}


/* an empty body is an empty object: GET is allowed for some */

static int
phr_json_body(phr_call_t *c, phr_json_doc_t **doc, phr_err_t *err)
{
    phr_str_t  body;

    body = c->req->body;

    if (body.len == 0) {
        body = phr_str_of("{}");
    }

    return phr_json_parse(body, doc, err);
}


/*
 * label_names(), label_values(name), label_values(selector, name),
 * metrics(regex), or a part of a metric's name.
 */

static int
phr_json_variable(phr_call_t *c, phr_str_t text, phr_json_names_t *out,
    phr_err_t *err)
{
    int             rc;
    size_t          i, n;
    phr_str_t       args, label;
    phr_matcher_t  *m;

    text = phr_json_trim(text);

    if (phr_json_function(text, "label_names", &args)) {
        return phr_json_label_names(c, out, err);
    }

    if (phr_json_function(text, "metrics", &args)) {
        return phr_json_matching(c, args, out, err);
    }

    if (phr_json_function(text, "label_values", &args)) {

        /* the label is what stands behind the last comma */

        for (i = args.len; i > 0 && args.data[i - 1] != ','; i--) { }

        label = phr_json_trim(phr_str_from(args.data + i, args.len - i));

        if (i == 0) {
            return phr_json_values(c, label, NULL, 0, out, err);
        }

        rc = phr_promql_parse_selector(c->arena,
                                       phr_str_from(args.data, i - 1),
                                       &c->matching, &m, &n, err);
        if (rc != PHR_OK) {
            return rc;
        }

        rc = phr_json_values(c, label, m, n, out, err);

        for (i = 0; i < n; i++) {
            phr_matcher_destroy(&m[i]);
        }

        return rc;
    }

    return phr_json_metrics(c, text, out, err);
}


/* names of metrics that contain the text */

static int
phr_json_metrics(phr_call_t *c, phr_str_t text, phr_json_names_t *out,
    phr_err_t *err)
{
    phr_str_t  label;

    label = phr_str_of(PHR_METRIC_NAME);

    return phr_json_lookup(c, &label, NULL, 0, text, out, err);
}


/* names of metrics that match */

static int
phr_json_matching(phr_call_t *c, phr_str_t regex, phr_json_names_t *out,
    phr_err_t *err)
{
    int            rc;
    phr_matcher_t  m;

    rc = phr_matcher_init(&m, PHR_MATCH_RE, phr_str_of(PHR_METRIC_NAME),
                          regex, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_json_values(c, phr_str_of(PHR_METRIC_NAME), &m, 1, out, err);

    phr_matcher_destroy(&m);

    return rc;
}


static int
phr_json_values(phr_call_t *c, phr_str_t label, const phr_matcher_t *m,
    size_t nm, phr_json_names_t *out, phr_err_t *err)
{
    return phr_json_lookup(c, &label, m, nm, phr_str_of(""), out, err);
}


static int
phr_json_label_names(phr_call_t *c, phr_json_names_t *out, phr_err_t *err)
{
    return phr_json_lookup(c, NULL, NULL, 0, phr_str_of(""), out, err);
}


/*
 * Names of labels, or the values of one, that contain the part: of all there
 * are, so that only what is found is bounded.
 */

static int
phr_json_lookup(phr_call_t *c, const phr_str_t *label,
    const phr_matcher_t *m, size_t nm, phr_str_t part, phr_json_names_t *out,
    phr_err_t *err)
{
    int             rc, truncated;
    size_t          i, n, limit;
    phr_querier_t  *q;

    limit = part.len == 0 ? PHR_JSON_MAX_NAMES : 0;

    rc = c->api->storage->querier(c->api->storage, &q, err);
    if (rc != PHR_OK) {
        return rc;
    }

    q->stop = c->req->stop;

    if (label != NULL) {
        rc = q->ops->label_values(q, *label, m, nm, PHR_TIME_MIN,
                                  PHR_TIME_MAX, limit, c->arena, &out->s,
                                  &out->n, &truncated, err);

    } else {
        rc = q->ops->label_names(q, m, nm, PHR_TIME_MIN, PHR_TIME_MAX, limit,
                                 c->arena, &out->s, &out->n, &truncated,
                                 err);
    }

    if (phr_querier_poll(q) < 0) {
        rc = phr_call_poll(c, "looking for names", err);
    }

    if (rc == PHR_OK) {

        for (i = 0, n = 0; i < out->n && n < PHR_JSON_MAX_NAMES; i++) {
            if (phr_json_contains(out->s[i], part)) {
                out->s[n++] = out->s[i];
            }
        }

        out->n = n;
        rc = phr_json_keep(c, out, err);
    }

    q->ops->close(q);

    return rc;
}


/* the strings must outlive the snapshot */

static int
phr_json_keep(phr_call_t *c, phr_json_names_t *out, phr_err_t *err)
{
    size_t  i;

    for (i = 0; i < out->n; i++) {
        out->s[i] = phr_arena_str(c->arena, out->s[i]);
        if (out->s[i].data == NULL) {
            return phr_err_set(err, phr_arena_rc(c->arena),
                               "too many names");
        }
    }

    return PHR_OK;
}


/* name(args): gives the trimmed arguments */

static int
phr_json_function(phr_str_t text, const char *name, phr_str_t *args)
{
    size_t  len;

    len = strlen(name);

    if (text.len < len + 2 || memcmp(text.data, name, len) != 0
        || text.data[len] != '(' || text.data[text.len - 1] != ')')
    {
        return 0;
    }

    *args = phr_json_trim(phr_str_from(text.data + len + 1,
                                       text.len - len - 2));

    return 1;
}


static phr_str_t
phr_json_trim(phr_str_t s)
{
    while (s.len && (s.data[0] == ' ' || s.data[0] == '\n')) {
        s.data++;
        s.len--;
    }

    while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\n')) {
        s.len--;
    }

    return s;
}


static int
phr_json_contains(phr_str_t s, phr_str_t part)
{
    return part.len == 0 || memmem(s.data, s.len, part.data, part.len);
}
