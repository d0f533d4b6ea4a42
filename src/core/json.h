/*
 * Copyright (C) The Pharos Authors
 *
 * JSON: a streaming writer into a buffer, and reading through jansson into a
 * tree.  The writer puts commas by itself; misuse (a value without a key in
 * an object) is a bug of the caller and asserted.
 */

#ifndef PHR_JSON_H_INCLUDED
#define PHR_JSON_H_INCLUDED


#include "core/buf.h"
#include "core/err.h"


/* what the tree of a query needs */
#define PHR_JSON_MAX_DEPTH  2048


typedef struct {
    phr_buf_t  *buf;
    uint32_t    depth;
    uint8_t     first[PHR_JSON_MAX_DEPTH];   /* no comma needed yet */
    uint8_t     after_key;
} phr_json_writer_t;


void phr_json_init(phr_json_writer_t *w, phr_buf_t *buf);

void phr_json_object(phr_json_writer_t *w);
void phr_json_end_object(phr_json_writer_t *w);
void phr_json_array(phr_json_writer_t *w);
void phr_json_end_array(phr_json_writer_t *w);

void phr_json_key(phr_json_writer_t *w, const char *key);
void phr_json_key_str(phr_json_writer_t *w, phr_str_t key);

/* strings are escaped; ill-formed UTF-8 becomes U+FFFD */
void phr_json_string(phr_json_writer_t *w, phr_str_t s);
void phr_json_cstring(phr_json_writer_t *w, const char *s);
void phr_json_int(phr_json_writer_t *w, int64_t v);
void phr_json_uint(phr_json_writer_t *w, uint64_t v);
void phr_json_bool(phr_json_writer_t *w, int v);
void phr_json_null(phr_json_writer_t *w);

/* a JSON number; NaN and infinities, which JSON lacks, become null */
void phr_json_double(phr_json_writer_t *w, double v);

/*
 * A sample value as Prometheus writes it: a string, "NaN" and "+Inf" too,
 * with an exponent below 1e-6 and from 1e21.
 */
void phr_json_value(phr_json_writer_t *w, double v);

/* milliseconds as seconds with up to three decimals: 1435781430.781 */
void phr_json_time(phr_json_writer_t *w, int64_t t_ms);

/* n arrays of a time and a value: [1435781430.781,"1"] */
void phr_json_points(phr_json_writer_t *w, const int64_t *t_ms,
    const double *v, size_t n);

/* text that is JSON already */
void phr_json_raw(phr_json_writer_t *w, phr_str_t json);

/* key and value in one call */
void phr_json_pair(phr_json_writer_t *w, const char *key, phr_str_t s);
void phr_json_pair_str(phr_json_writer_t *w, phr_str_t key, phr_str_t s);
void phr_json_pair_c(phr_json_writer_t *w, const char *key, const char *s);
void phr_json_pair_int(phr_json_writer_t *w, const char *key, int64_t v);
void phr_json_pair_bool(phr_json_writer_t *w, const char *key, int v);


/*
 * Reading.  A document owns all its nodes; strings are terminated UTF-8 and
 * live as long as the document.  Depth is limited to 128.
 */

typedef struct phr_json_doc_s   phr_json_doc_t;
typedef struct phr_json_node_s  phr_json_node_t;    /* opaque */

typedef enum {
    PHR_JSON_NULL = 0,
    PHR_JSON_BOOL,
    PHR_JSON_INT,
    PHR_JSON_DOUBLE,
    PHR_JSON_STRING,
    PHR_JSON_ARRAY,
    PHR_JSON_OBJECT,
} phr_json_type_e;

/* err gets line and column; PHR_EPARSE or PHR_ENOMEM */
int phr_json_parse(phr_str_t text, phr_json_doc_t **doc, phr_err_t *err);
void phr_json_destroy(phr_json_doc_t *doc);

const phr_json_node_t *phr_json_root(const phr_json_doc_t *doc);

/* all of these take NULL as a node and answer as for null */
phr_json_type_e phr_json_type(const phr_json_node_t *n);
int64_t phr_json_get_int(const phr_json_node_t *n, int64_t otherwise);
double phr_json_get_double(const phr_json_node_t *n, double otherwise);
int phr_json_get_bool(const phr_json_node_t *n, int otherwise);
phr_str_t phr_json_get_str(const phr_json_node_t *n, const char *otherwise);

size_t phr_json_size(const phr_json_node_t *n);     /* array or object */
const phr_json_node_t *phr_json_at(const phr_json_node_t *n, size_t i);
const phr_json_node_t *phr_json_get(const phr_json_node_t *n,
    const char *key);

/* visits an object's members in order: start with *iter = NULL */
const phr_json_node_t *phr_json_next(const phr_json_node_t *object,
    void **iter, phr_str_t *key);


#endif /* PHR_JSON_H_INCLUDED */
