/*
 * Copyright (C) The Pharos Authors
 *
 * Call: one request under way, as endpoints see it: its parameters, and the
 * envelope that every JSON answer of Prometheus's API is wrapped in.
 */

#ifndef PHR_CALL_H_INCLUDED
#define PHR_CALL_H_INCLUDED


#include "api/api.h"
#include "core/escape.h"
#include "core/matcher.h"
#include "core/packing.h"
#include "promql/promql.h"


typedef struct {
    phr_str_t  name;
    phr_str_t  value;
} phr_param_t;

/* a query that is explained, see api_explain.c */
typedef struct {
    phr_costs_t         costs;
    const phr_query_t  *query;
    const phr_node_t   *root;
} phr_explain_t;

typedef struct phr_call_s  phr_call_t;

struct phr_call_s {
    phr_api_t                *api;
    const phr_api_request_t  *req;
    phr_api_response_t       *res;
    phr_arena_t              *arena;        /* the response's */
    phr_matching_t            matching;     /* all its matchers */
    phr_str_t                 segment;      /* what "*" of the path matched */
    phr_json_writer_t         json;

    phr_param_t              *params;       /* form body first, then args */
    size_t                    nparams;
    phr_str_t                *warnings;
    size_t                    nwarnings;
    phr_str_t                *infos;
    size_t                    ninfos;
    int64_t                   eval_us;      /* that a query took */
    phr_explain_t            *explain;      /* NULL: it was not asked for */
    unsigned                  plain:1;      /* how errors are told */

    phr_packing_t            *packing;      /* of a stream; NULL: as it is */
    phr_buf_t                 packed;

    /* set by an endpoint that leaves its large answer to another thread */
    int                     (*rest)(phr_call_t *c, phr_err_t *err);
    void                     *rest_data;    /* in the arena */
};

/* PHR_OK with the response filled, or a failure described in err */
typedef int (*phr_endpoint_pt)(phr_call_t *c, phr_err_t *err);


/* param.c */

/*
 * Decodes the query string and, unless the body is data of its own, a form
 * body: curl says "form" of whatever it sends.  PHR_EINVAL, PHR_ENOMEM.
 */
int phr_call_parse_params(phr_call_t *c, int form, phr_err_t *err);

/*
 * The value of the first parameter of that name, where phr_call_parse_params()
 * would find it, and nothing else: values may be megabytes.  PHR_NOTFOUND,
 * PHR_EINVAL, PHR_ENOMEM.
 */
int phr_param_find(const phr_api_request_t *req, int form,
    phr_arena_t *arena, phr_str_t name, phr_str_t *value);

/* %XX and, where plus is set, "+"; appends to the arena.  PHR_EINVAL. */
int phr_param_decode(phr_arena_t *arena, phr_str_t in, int plus,
    phr_str_t *out);

/* the first of that name, "" if none */
phr_str_t phr_call_param(const phr_call_t *c, const char *name);

/* the next of that name from *pos on, which starts at 0; 0 at the end */
int phr_call_next_param(const phr_call_t *c, const char *name, size_t *pos,
    phr_str_t *value);

/*
 * 1 if one of its values is s, or if the parameter is absent.  With skip,
 * empty values are as good as none.
 */
int phr_call_listed(const phr_call_t *c, const char *name, phr_str_t s,
    int skip);

/*
 * Typed parameters: absent or empty gives otherwise.  The error names the
 * parameter: invalid parameter "timeout": cannot parse "x" to ...
 */
int phr_call_time(const phr_call_t *c, const char *name, int64_t otherwise,
    int64_t *t_ms, phr_err_t *err);
int phr_call_duration(const phr_call_t *c, const char *name,
    int64_t otherwise, int64_t *ms, phr_err_t *err);
int phr_call_limit(const phr_call_t *c, size_t *limit, phr_err_t *err);

/* seconds or RFC 3339; seconds or "5m".  PHR_OK or PHR_EINVAL. */
int phr_param_time(phr_str_t s, int64_t *t_ms);
int phr_param_duration(phr_str_t s, int64_t *ms);

/* the value of a digit, -1 if it is none */
int phr_param_hex(int ch);

/* 1, 0, or -1 if it is none that Go knows: "t", "True", "0" ... */
int phr_param_bool(phr_str_t s);

/*
 * All match[] parameters, parsed; free with phr_call_free_matchers().  One
 * that matches what has no labels at all is refused.  named: errors say which
 * parameter it is, which is so for some endpoints and not for others.
 */
typedef struct {
    phr_matcher_t  *m;
    size_t          n;
} phr_matcher_list_t;

int phr_call_matchers(phr_call_t *c, int named, phr_matcher_list_t **lists,
    size_t *n, phr_err_t *err);

/* the same, also of selectors that match all there is; not named */
int phr_call_selectors(phr_call_t *c, phr_matcher_list_t **lists, size_t *n,
    phr_err_t *err);

void phr_call_free_matchers(phr_matcher_list_t *lists, size_t n);


/*
 * The body as it was before the client compressed it, at most as large as
 * bodies may be; in b, which the caller frees, if it was compressed.
 */
int phr_call_body(phr_call_t *c, phr_buf_t *b, phr_str_t *body,
    phr_err_t *err);


/* envelope.c */

/* {"status":"success","data": ... the endpoint writes one value ... } */
void phr_call_begin(phr_call_t *c);
void phr_call_end(phr_call_t *c);

int phr_call_warn(phr_call_t *c, phr_str_t text);
int phr_call_info(phr_call_t *c, phr_str_t text);

/* the JSON error answer; phr_call_plain_fail() writes text alone */
void phr_call_fail(phr_call_t *c, const phr_err_t *err);
void phr_call_plain_fail(phr_call_t *c, const phr_err_t *err);
int phr_call_status(int code);

/* a short answer of another type */
int phr_call_text(phr_call_t *c, int status, const char *content_type,
    phr_str_t text);

/* the same for people: a line, unless there is no text */
int phr_call_line(phr_call_t *c, int status, const char *text);

void phr_call_header(phr_call_t *c, const char *name, phr_str_t value);

/*
 * The type of an answer of metrics, and how their names are written for this
 * client; the type says so if the client did.  PHR_ENOMEM.
 */
int phr_call_exposition(phr_call_t *c, const char *type,
    phr_escape_t *escape);

/*
 * The end of an answer that clients ask for again and again, though it
 * rarely changes: a tag of its bytes, and 304 for who has it already.
 */
int phr_call_tag(phr_call_t *c, phr_err_t *err);

/* "a":"b" members of an object */
void phr_call_labels(phr_call_t *c, phr_labels_t ls);


/* stream.c */

/*
 * Between two parts of a long answer: sends what there is, if it is enough.
 * Status, headers and type must be set by then, and after the first part is
 * sent an error breaks the answer off.
 */
int phr_call_stream(phr_call_t *c, phr_err_t *err);

/* for api.c: the end of a stream, which came to rc */
int phr_call_stream_end(phr_call_t *c, int rc, phr_err_t *err);

/* for api.c: a whole answer, if the client takes it compressed */
void phr_call_compress(phr_call_t *c);


/* csv.c */

/* whether the client would rather have CSV than JSON, by "Accept" */
int phr_csv_wanted(const phr_call_t *c);

/* the whole answer to a query, notes in a header; streams where it is long */
int phr_csv_result(phr_call_t *c, const phr_result_t *r, phr_err_t *err);


/* 0 where there is no clock */
int64_t phr_call_clock_us(const phr_call_t *c);

/*
 * PHR_OK, or why the request is to end: its client has left, or its time is
 * over.  Asked between the parts of all that may take long.
 */
int phr_call_poll(const phr_call_t *c, const char *what, phr_err_t *err);


/* endpoints, by family; the table is in api.c */

/* the parsed parameter "query", to be destroyed; api_query.c */
int phr_call_query(phr_call_t *c, int named, phr_node_t **node,
    phr_err_t *err);

/*
 * Before the evaluation: notes what it takes, if the parameter "explain"
 * asks for that; and the member "explain" of the answer's data, if so.
 * api_explain.c.
 */
int phr_explain_begin(phr_call_t *c, phr_query_t *query,
    const phr_node_t *node, phr_err_t *err);
void phr_explain_write(phr_call_t *c);

int phr_api_query(phr_call_t *c, phr_err_t *err);
int phr_api_query_range(phr_call_t *c, phr_err_t *err);
int phr_api_query_exemplars(phr_call_t *c, phr_err_t *err);
int phr_api_format_query(phr_call_t *c, phr_err_t *err);
int phr_api_parse_query(phr_call_t *c, phr_err_t *err);

int phr_api_labels(phr_call_t *c, phr_err_t *err);
int phr_api_label_values(phr_call_t *c, phr_err_t *err);
int phr_api_series(phr_call_t *c, phr_err_t *err);
int phr_api_metadata(phr_call_t *c, phr_err_t *err);
int phr_api_targets_metadata(phr_call_t *c, phr_err_t *err);
int phr_api_federate(phr_call_t *c, phr_err_t *err);
int phr_api_remote_read(phr_call_t *c, phr_err_t *err);

int phr_api_targets(phr_call_t *c, phr_err_t *err);
int phr_api_scrape_pools(phr_call_t *c, phr_err_t *err);
int phr_api_rules(phr_call_t *c, phr_err_t *err);
int phr_api_alerts(phr_call_t *c, phr_err_t *err);
int phr_api_alertmanagers(phr_call_t *c, phr_err_t *err);

int phr_api_buildinfo(phr_call_t *c, phr_err_t *err);
int phr_api_runtimeinfo(phr_call_t *c, phr_err_t *err);
int phr_api_walreplay(phr_call_t *c, phr_err_t *err);
int phr_api_flags(phr_call_t *c, phr_err_t *err);
int phr_api_config(phr_call_t *c, phr_err_t *err);
int phr_api_tsdb(phr_call_t *c, phr_err_t *err);
int phr_api_active_queries(phr_call_t *c, phr_err_t *err);
int phr_api_top_queries(phr_call_t *c, phr_err_t *err);
int phr_api_healthy(phr_call_t *c, phr_err_t *err);
int phr_api_ready(phr_call_t *c, phr_err_t *err);

int phr_api_metrics(phr_call_t *c, phr_err_t *err);
int phr_api_push(phr_call_t *c, phr_err_t *err);
int phr_api_push_groups(phr_call_t *c, phr_err_t *err);
int phr_api_remote_write(phr_call_t *c, phr_err_t *err);

int phr_api_import(phr_call_t *c, phr_err_t *err);
int phr_api_import_prometheus(phr_call_t *c, phr_err_t *err);
int phr_api_export(phr_call_t *c, phr_err_t *err);

int phr_api_backup(phr_call_t *c, phr_err_t *err);
int phr_api_snapshot(phr_call_t *c, phr_err_t *err);
int phr_api_delete_series(phr_call_t *c, phr_err_t *err);
int phr_api_clean_tombstones(phr_call_t *c, phr_err_t *err);

int phr_api_grafana_health(phr_call_t *c, phr_err_t *err);
int phr_api_json_root(phr_call_t *c, phr_err_t *err);
int phr_api_json_search(phr_call_t *c, phr_err_t *err);
int phr_api_json_metrics(phr_call_t *c, phr_err_t *err);
int phr_api_json_options(phr_call_t *c, phr_err_t *err);
int phr_api_json_query(phr_call_t *c, phr_err_t *err);
int phr_api_json_annotations(phr_call_t *c, phr_err_t *err);
int phr_api_json_variable(phr_call_t *c, phr_err_t *err);
int phr_api_json_tag_keys(phr_call_t *c, phr_err_t *err);
int phr_api_json_tag_values(phr_call_t *c, phr_err_t *err);

int phr_api_boards_search(phr_call_t *c, phr_err_t *err);
int phr_api_board(phr_call_t *c, phr_err_t *err);
int phr_api_boards_home(phr_call_t *c, phr_err_t *err);
int phr_api_datasources(phr_call_t *c, phr_err_t *err);

int phr_api_page(phr_call_t *c, phr_err_t *err);


#endif /* PHR_CALL_H_INCLUDED */
