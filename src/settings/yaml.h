/*
 * Copyright (C) The Pharos Authors
 *
 * YAML: text to a tree of nodes that know their line and column.  Aliases
 * and merge keys are resolved, plain scalars are typed as Go's yaml does.
 * It knows nothing of what the nodes mean.
 */

#ifndef PHR_YAML_H_INCLUDED
#define PHR_YAML_H_INCLUDED


#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"


/* nesting, and nodes counted with aliases expanded: beyond, PHR_ELIMIT */
#define PHR_YAML_MAX_DEPTH  100
#define PHR_YAML_MAX_NODES  1000000


typedef enum {
    PHR_YAML_NULL = 0,
    PHR_YAML_BOOL,
    PHR_YAML_INT,
    PHR_YAML_FLOAT,
    PHR_YAML_STRING,
    PHR_YAML_SEQUENCE,
    PHR_YAML_MAPPING,
} phr_yaml_type_e;


typedef struct phr_yaml_node_s  phr_yaml_node_t;

typedef struct {
    const phr_yaml_node_t  *key;        /* always a scalar */
    const phr_yaml_node_t  *value;
} phr_yaml_pair_t;

/* lives in the arena; an aliased node is shared by all its places */
struct phr_yaml_node_s {
    phr_yaml_type_e            type;
    unsigned                   block:1;     /* a scalar after | or > */
    unsigned                   quoted:1;    /* '...' or "..." */
    uint32_t                   line;        /* from 1 */
    uint32_t                   column;      /* from 1, in code points */
    uint32_t                   text_line;   /* where the text itself */
    uint32_t                   text_column; /* begins: after " or below | */
    uint32_t                   depth;       /* of the subtree, a leaf has 1 */
    uint32_t                   nnodes;      /* of the subtree, expanded */
    phr_str_t                  value;       /* of scalars, as written */

    const phr_yaml_node_t    **items;       /* of a sequence */
    const phr_yaml_pair_t     *pairs;       /* of a mapping, in order */
    size_t                     n;
};


/*
 * Parses the first document of a text.  *node is NULL if there is none or
 * it is empty.  name is the file's, for messages only.  PHR_EPARSE with line
 * and column (a key that occurs twice included), PHR_ELIMIT, PHR_ENOMEM.
 */
int phr_yaml_parse(phr_arena_t *a, phr_str_t text, const char *name,
    const phr_yaml_node_t **node, phr_err_t *err);

/* the value of a key, NULL if there is none or node is no mapping (or NULL) */
const phr_yaml_node_t *phr_yaml_get(const phr_yaml_node_t *node,
    const char *key);

/*
 * The value as a bool, number or text: PHR_OK, or PHR_EINVAL if the node is
 * of another type.  Text takes any scalar, as it is written; null is "".
 */
int phr_yaml_bool(const phr_yaml_node_t *node, int *v);
int phr_yaml_int(const phr_yaml_node_t *node, int64_t *v);
int phr_yaml_double(const phr_yaml_node_t *node, double *v);
int phr_yaml_text(const phr_yaml_node_t *node, phr_str_t *v);

/* the type of a plain scalar */
phr_yaml_type_e phr_yaml_resolve(phr_str_t s);

/* a scalar as YAML, quoted where it would be read as something else */
void phr_yaml_write_scalar(phr_buf_t *b, phr_str_t s);

/* in double quotes, whatever it is */
void phr_yaml_write_quoted(phr_buf_t *b, phr_str_t s);

/* "a mapping", "a string" ... */
const char *phr_yaml_type_text(phr_yaml_type_e type);


#endif /* PHR_YAML_H_INCLUDED */
