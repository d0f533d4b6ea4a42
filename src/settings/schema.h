/*
 * Copyright (C) The Pharos Authors
 *
 * Schema: what a mapping of a settings file may hold, as a table of options.
 * One table reads a mapping into a struct, refuses what does not belong
 * there, and writes the struct back as YAML without its secrets.
 *
 * A schema of size 0 has no struct: the mapping is checked only, and the
 * caller keeps the node.
 */

#ifndef PHR_SCHEMA_H_INCLUDED
#define PHR_SCHEMA_H_INCLUDED


#include <stddef.h>

#include "core/array.h"
#include "core/regex.h"
#include "settings/loader.h"
#include "settings/yaml.h"


typedef struct phr_schema_s      phr_schema_t;
typedef struct phr_option_s      phr_option_t;
typedef struct phr_schema_ctx_s  phr_schema_ctx_t;


/* the type of the member at the option's offset */
typedef enum {
    PHR_OPT_BOOL = 0,   /* int */
    PHR_OPT_INT,        /* int64_t */
    PHR_OPT_UINT,       /* uint64_t */
    PHR_OPT_DOUBLE,     /* double */
    PHR_OPT_STR,        /* phr_str_t */
    PHR_OPT_PATH,       /* phr_str_t, made local */
    PHR_OPT_SECRET,     /* phr_str_t, never written */
    PHR_OPT_WORD,       /* phr_str_t, one of words */
    PHR_OPT_URL,        /* phr_str_t, any URL */
    PHR_OPT_HTTP_URL,   /* phr_str_t, http:// or https:// and a host */
    PHR_OPT_SECRET_URL, /* the same, never written */
    PHR_OPT_DURATION,   /* int64_t, ms, as Prometheus writes them */
    PHR_OPT_GO_TIME,    /* int64_t, ms, as Go writes them: 1m30.5s */
    PHR_OPT_SIZE,       /* uint64_t, bytes: 512MB */
    PHR_OPT_STRS,       /* phr_strs_t */
    PHR_OPT_PATHS,      /* phr_strs_t, each made local */
    PHR_OPT_SECRETS,    /* phr_strs_t, never written */
    PHR_OPT_PAIRS,      /* phr_pairs_t */
    PHR_OPT_NODE,       /* const phr_yaml_node_t *: anything, or what schema
                           (MANY: a list of it) takes */
    PHR_OPT_STRUCT,     /* struct of schema, in place */
    PHR_OPT_INLINE,     /* the same, its options stand among the others */
    PHR_OPT_POINTER,    /* pointer to a struct, NULL if absent */
    PHR_OPT_LIST,       /* struct ** and directly after it size_t */
    PHR_OPT_MAP,        /* the same of a mapping; the struct begins with
                           its name, a phr_str_t */
    PHR_OPT_CUSTOM,     /* set() reads it; without set(), no key names it */
} phr_option_type_e;


/* refused if absent or empty */
#define PHR_OPT_REQUIRED  0x01

/* written even if it has the zero value */
#define PHR_OPT_KEEP      0x02

/* lists: an empty entry counts as {}, else it is refused */
#define PHR_OPT_NULLS     0x04

/* lists: written as [a, b] */
#define PHR_OPT_FLOW      0x08

/* read, but never written: moved elsewhere by the check */
#define PHR_OPT_MOVED     0x10

/* NODE: a list of mappings */
#define PHR_OPT_MANY      0x20

/* CUSTOM: the value is a secret */
#define PHR_OPT_HIDDEN    0x40

/* the value is checked, but kept nowhere */
#define PHR_OPT_NOWHERE   ((size_t) -1)


struct phr_option_s {
    const char           *name;
    phr_option_type_e     type;
    unsigned              flags;
    size_t                offset;
    const phr_schema_t   *schema;
    const char *const    *words;        /* of WORD, ends with NULL */
    int                 (*set)(phr_schema_ctx_t *ctx,
                               const phr_option_t *opt, void *member,
                               const phr_yaml_node_t *node);

    /* CUSTOM: writes key and value; NULL: not written */
    void                (*write)(phr_buf_t *b, const phr_option_t *opt,
                                 const void *member, unsigned indent);
};


struct phr_schema_s {
    const char           *name;         /* for messages: "scrape_configs" */
    size_t                size;         /* of the struct, 0: none */
    const phr_option_t   *options;
    size_t                noptions;

    /* fills in defaults of a zeroed struct; may be NULL */
    void                (*init)(void *object);

    /*
     * After all options were read; may be NULL.  object is NULL if there is
     * no struct; node may be NULL if an absent mapping is completed.
     */
    int                 (*check)(phr_schema_ctx_t *ctx, void *object,
                                 const phr_yaml_node_t *node);

    /* sets of options of which one may be given; ends with a NULL set */
    const char *const    *const *exclusive;
};


/* of one file that is loaded; files that it names change "file" meanwhile */
struct phr_schema_ctx_s {
    phr_arena_t          *arena;
    const phr_loader_t   *loader;       /* may be NULL */
    const char           *file;
    phr_err_t            *err;
    phr_array_t           regexes;      /* phr_regex_t *, the file's */
    phr_array_t           warnings;     /* phr_settings_warning_t */
    void                 *data;         /* of the loader of that file */
};


/* shorthands for tables */
#define PHR_OPTION(struct_, member_, name_, type_, flags_)                    \
    { .name = name_, .type = type_, .flags = flags_,                          \
      .offset = offsetof(struct_, member_) }

#define PHR_OPTION_OF(struct_, member_, name_, type_, flags_, schema_)        \
    { .name = name_, .type = type_, .flags = flags_,                          \
      .offset = offsetof(struct_, member_), .schema = schema_ }

#define PHR_OPTION_WORD(struct_, member_, name_, flags_, words_)              \
    { .name = name_, .type = PHR_OPT_WORD, .flags = flags_,                   \
      .offset = offsetof(struct_, member_), .words = words_ }

/* options whose values are checked only */
#define PHR_CHECK(name_, type_, flags_)                                       \
    { .name = name_, .type = type_, .flags = flags_,                          \
      .offset = PHR_OPT_NOWHERE }

#define PHR_CHECK_OF(name_, type_, flags_, schema_)                           \
    { .name = name_, .type = type_, .flags = flags_,                          \
      .offset = PHR_OPT_NOWHERE, .schema = schema_ }

#define PHR_CHECK_WORD(name_, flags_, words_)                                 \
    { .name = name_, .type = PHR_OPT_WORD, .flags = flags_,                   \
      .offset = PHR_OPT_NOWHERE, .words = words_ }


void phr_schema_ctx_init(phr_schema_ctx_t *ctx, phr_arena_t *arena,
    const phr_loader_t *loader, const char *file, phr_err_t *err);

/* frees the regexes and lists; the regexes of a success are moved away */
void phr_schema_ctx_free(phr_schema_ctx_t *ctx);

/*
 * Reads a mapping into object (schema->size bytes, NULL if that is 0):
 * zeroed, defaults, options, check.  node NULL: an empty mapping.
 */
int phr_schema_read(phr_schema_ctx_t *ctx, const phr_schema_t *schema,
    void *object, const phr_yaml_node_t *node);

/* a new object in the arena */
int phr_schema_new(phr_schema_ctx_t *ctx, const phr_schema_t *schema,
    const phr_yaml_node_t *node, void **object);

/* a list of objects: what PHR_OPT_LIST does */
int phr_schema_list(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    const phr_yaml_node_t *node, void ***list, size_t *n);

/* "file:line:column: text" at a node (NULL: the file), PHR_EINVAL */
int phr_schema_error(phr_schema_ctx_t *ctx, const phr_yaml_node_t *node,
    const char *fmt, ...) PHR_PRINTF(3, 4);

/* PHR_ENOMEM or PHR_ELIMIT, whatever the arena failed of */
int phr_schema_nomem(phr_schema_ctx_t *ctx);

/* something accepted that the user should hear of */
int phr_schema_warn(phr_schema_ctx_t *ctx, const phr_yaml_node_t *node,
    const char *fmt, ...) PHR_PRINTF(3, 4);

/* a regex that lives as long as the file's struct */
int phr_schema_regex(phr_schema_ctx_t *ctx, const phr_yaml_node_t *node,
    phr_str_t pattern, const phr_regex_t **re);

/* what both forms of the file keep: arrays copied to the arena */
int phr_schema_warnings(phr_schema_ctx_t *ctx,
    phr_settings_warning_t **warnings, size_t *n);

/* single values, with messages that name opt */
int phr_schema_scalar(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node);
int phr_schema_strs(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_strs_t *strs, const phr_yaml_node_t *node);
int phr_schema_pairs(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_pairs_t *pairs, const phr_yaml_node_t *node);

/*
 * Writes the options of an object as lines of YAML, indented by so many
 * spaces; the first line's indentation is left out if "inside" is set, for
 * the entry of a list.  object NULL: the node is written, as it stands.
 */
void phr_schema_write(phr_buf_t *b, const phr_schema_t *schema,
    const void *object, const phr_yaml_node_t *node, unsigned indent,
    int inside);

/* "key:" and a list of objects, as phr_schema_write() would */
void phr_schema_write_list(phr_buf_t *b, const phr_option_t *opt,
    void *const *list, size_t n, unsigned indent);

/* "key:" and a node, without what opt and its schema call secret */
void phr_schema_write_member(phr_buf_t *b, const phr_option_t *opt,
    const phr_yaml_node_t *node, unsigned indent);

/* PHR_OK if s is what the option types URL and HTTP_URL take */
int phr_url_check(phr_str_t s, int http, const char **why);


#endif /* PHR_SCHEMA_H_INCLUDED */
