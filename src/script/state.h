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

#include "core/buf.h"
#include "core/err.h"
#include "core/labels.h"


typedef struct phr_vm_s  phr_vm_t;

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
