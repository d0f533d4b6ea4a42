/*
 * Copyright (C) The Pharos Authors
 *
 * State: what the files of this folder know of a VM.  Not for others.
 */

#ifndef PHR_STATE_H_INCLUDED
#define PHR_STATE_H_INCLUDED


#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>

#include "script/vm.h"


struct phr_vm_s {
    lua_State  *lua;
    int         expander;       /* reference in the registry */
    char       *zone_path;

    size_t      used_bytes;
    size_t      max_bytes;

    uint64_t    steps;          /* of the call under way */
    uint64_t    max_steps;
    unsigned    over:1;         /* it was stopped */
    unsigned    full:1;         /* it was refused memory */

    /*
     * Results on their way to Lua: what is here need not be freed when Lua
     * jumps out of the function that made it.
     */
    phr_buf_t   scratch;
};


/*
 * Runs fn(L) with arg as its only argument, a light userdata, under the
 * limits.  PHR_OK, PHR_ELIMIT, PHR_ENOMEM, or PHR_EEXEC for what Lua
 * itself raised, which is a bug of ours.
 */
int phr_state_call(phr_vm_t *vm, lua_CFunction fn, void *arg,
    phr_err_t *err);

/* arguments and result of a call into the expander */
typedef struct {
    phr_vm_t                 *vm;
    phr_vm_template_e         kind;
    phr_str_t                 rule;
    phr_str_t                 text;
    const phr_rule_expand_t  *expand;
    const phr_vm_file_t      *files;
    size_t                    nfiles;
    const phr_vm_conf_t      *conf;

    const phr_notice_t       *notice;
    phr_str_t                 external_url;
    phr_labels_t              common_labels;
    phr_labels_t              common_annotations;

    phr_arena_t              *arena;
    phr_buf_t                *out;
    int                       ok;
    phr_err_t                *err;
} phr_state_call_t;

/*
 * Runs a function that calls a method and takes its result; code is what
 * the failure of a template is to the caller.
 */
int phr_state_run(phr_state_call_t *c, lua_CFunction fn, int code);

/* puts the method and its object on the stack */
void phr_state_method(lua_State *L, phr_vm_t *vm, const char *name);

/* "value" or "nil, message" as every method of the expander returns it */
void phr_state_result(lua_State *L, phr_state_call_t *c);

/* outside.c: pushes the table of functions that templates may call */
void phr_outside_push(lua_State *L, phr_vm_t *vm);

/* convert.c: C to Lua; they may raise, so only under phr_state_call() */
void phr_convert_str(lua_State *L, phr_str_t s);
void phr_convert_labels(lua_State *L, phr_labels_t ls);
void phr_convert_field_str(lua_State *L, const char *name, phr_str_t s);
void phr_convert_field_labels(lua_State *L, const char *name,
    phr_labels_t ls);
void phr_convert_field_number(lua_State *L, const char *name, double v);


#endif /* PHR_STATE_H_INCLUDED */
