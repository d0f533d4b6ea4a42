/*
 * Copyright (C) The Pharos Authors
 *
 * VM: one LuaJIT state with the modules of lua/pharos in it, and what they
 * do for the server: templates of rules and of notices.
 *
 * Threads: a VM belongs to one thread at a time; each thread that needs one
 * has its own.  Nothing is shared.
 *
 * Safety: the compiler is off, so that a count of steps stops anything; the
 * state's memory is capped; what Lua can call of the outside is three pure
 * functions and the reading of time zones.
 */

#ifndef PHR_VM_H_INCLUDED
#define PHR_VM_H_INCLUDED


#include "core/buf.h"
#include "core/err.h"
#include "notify/notice.h"
#include "rules/group.h"


#define PHR_VM_MEMORY      (64 * 1024 * 1024)
#define PHR_VM_STEPS       (20 * 1000 * 1000)
#define PHR_VM_TEXT_BYTES  (1024 * 1024)


typedef struct phr_vm_s  phr_vm_t;


/* what is 0 or NULL takes its default */
typedef struct {
    const char  *lua_path;          /* the folder that has pharos/ in it */
    const char  *zone_path;         /* "/usr/share/zoneinfo" */
    size_t       memory_bytes;      /* of the state */
    uint64_t     max_steps;         /* of one call, in VM instructions */
    size_t       max_text_bytes;    /* of one expanded text */
} phr_vm_conf_t;


typedef enum {
    PHR_VM_RULE = 0,                /* labels and annotations of rules */
    PHR_VM_NOTICE,                  /* fields of receivers */
    PHR_VM_HTML,                    /* those that are HTML documents */
} phr_vm_template_e;


/* strings of conf are copied; PHR_EIO if the modules cannot be loaded */
int phr_vm_create(const phr_vm_conf_t *conf, phr_vm_t **vm, phr_err_t *err);
void phr_vm_destroy(phr_vm_t *vm);              /* or NULL */

/*
 * The syntax of a template: PHR_OK, or PHR_EPARSE with Go's words.  rule is
 * the name of the alert, not used for notices.
 */
int phr_vm_template_check(phr_vm_t *vm, phr_vm_template_e kind,
    phr_str_t rule, phr_str_t text, phr_err_t *err);

/*
 * These append the text to out.  On failure out is as before, err->text is
 * what Go would say: PHR_EEXEC (or PHR_EPARSE), PHR_ELIMIT for a template
 * that runs or grows too long, PHR_ENOMEM.
 */
int phr_vm_expand_rule(phr_vm_t *vm, const phr_rule_expand_t *e,
    phr_buf_t *out, phr_err_t *err);

/* the same, as the function that phr_rule_env_t and its like ask for */
int phr_vm_expand_rule_cb(void *vm, const phr_rule_expand_t *e,
    phr_buf_t *out, phr_err_t *err);
int phr_vm_check_rule_cb(void *vm, phr_str_t rule, phr_str_t text,
    phr_err_t *err);


/* a file of templates, its name for messages alone */
typedef struct {
    phr_str_t  name;
    phr_str_t  text;
} phr_vm_file_t;

/*
 * Takes the files' templates in place of those taken before.  PHR_EPARSE
 * with "template: <name>:<line>: ..."; the old ones then stay.
 */
int phr_vm_load_templates(phr_vm_t *vm, const phr_vm_file_t *files,
    size_t n, phr_err_t *err);

/*
 * A field of a receiver: text is its template, which may call those loaded.
 * Templates of the route's labels are rendered where they are asked for.
 */
int phr_vm_expand_notice(phr_vm_t *vm, const phr_notice_t *n,
    phr_str_t external_url, phr_str_t text, phr_buf_t *out, phr_err_t *err);

/* the same, the text being an HTML document: what is put in is escaped */
int phr_vm_expand_notice_html(phr_vm_t *vm, const phr_notice_t *n,
    phr_str_t external_url, phr_str_t text, phr_buf_t *out, phr_err_t *err);


#endif /* PHR_VM_H_INCLUDED */
