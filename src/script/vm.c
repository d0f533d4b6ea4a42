/*
 * Copyright (C) The Pharos Authors
 *
 * VM: the state, its limits, and the calls into lua/pharos/expand.lua.
 * Whatever may raise a Lua error runs below phr_state_call(), which is the
 * only place that catches one.
 */

#include "script/vm.h"

#include <stdlib.h>

#include <luajit.h>

#include "core/alloc.h"
#include "script/state.h"


/* the hook is called once in so many instructions */
#define PHR_VM_HOOK_STEPS   1000

/* work space of one query within a template */
#define PHR_VM_QUERY_ARENA  (64 * 1024 * 1024)


static void *phr_vm_alloc(void *data, void *p, size_t old_size,
    size_t new_size);
static void phr_vm_hook(lua_State *L, lua_Debug *ar);
static int phr_vm_open(lua_State *L);
static int phr_vm_check(lua_State *L);
static int phr_vm_expand(lua_State *L);
static int phr_vm_query(lua_State *L);
static int phr_vm_load(lua_State *L);
static int phr_vm_forget(lua_State *L);


int
phr_vm_create(const phr_vm_conf_t *conf, phr_vm_t **out, phr_err_t *err)
{
    int            rc;
    phr_vm_t      *vm;
    const char    *zone_path;
    phr_state_call_t  c;

    if (strpbrk(conf->lua_path, "?;") != NULL) {
        return phr_err_set(err, PHR_EINVAL,
                           "\"?\" and \";\" are not allowed in path \"%s\"",
                           conf->lua_path);
    }

    vm = phr_calloc(1, sizeof(phr_vm_t));
    if (vm == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a Lua state");
    }

    zone_path = conf->zone_path ? conf->zone_path : "/usr/share/zoneinfo";

    vm->max_bytes = conf->memory_bytes ? conf->memory_bytes : PHR_VM_MEMORY;
    vm->max_steps = conf->max_steps ? conf->max_steps : PHR_VM_STEPS;
    vm->zone_path = phr_strdup(zone_path, strlen(zone_path));
    phr_buf_init(&vm->scratch, 4 * PHR_VM_TEXT_BYTES);

    vm->lua = lua_newstate(phr_vm_alloc, vm);

    if (vm->lua == NULL || vm->zone_path == NULL) {
        phr_vm_destroy(vm);
        return phr_err_set(err, PHR_ENOMEM, "no memory for a Lua state");
    }

    memset(&c, 0, sizeof(c));
    c.vm = vm;
    c.conf = conf;

    rc = phr_state_call(vm, phr_vm_open, &c, err);

    if (rc != PHR_OK) {
        phr_vm_destroy(vm);
        phr_err_prefix(err, "loading \"%s/pharos\" failed: ", conf->lua_path);
        return rc == PHR_EEXEC && err ? (err->code = PHR_EIO) : rc;
    }

    *out = vm;

    return PHR_OK;
}


void
phr_vm_destroy(phr_vm_t *vm)
{
    if (vm == NULL) {
        return;
    }

    if (vm->lua != NULL) {
        lua_close(vm->lua);
    }

    phr_buf_free(&vm->scratch);
    phr_free(vm->zone_path);
    phr_free(vm);
}


int
phr_vm_template_check(phr_vm_t *vm, phr_vm_template_e kind, phr_str_t rule,
    phr_str_t text, phr_err_t *err)
{
    phr_state_call_t  c;

    memset(&c, 0, sizeof(c));
    c.vm = vm;
    c.kind = kind;
    c.rule = rule;
    c.text = text;
    c.err = err;

    return phr_state_run(&c, phr_vm_check, PHR_EPARSE);
}


int
phr_vm_expand_rule(phr_vm_t *vm, const phr_rule_expand_t *e, phr_buf_t *out,
    phr_err_t *err)
{
    int            rc;
    phr_state_call_t  c;

    memset(&c, 0, sizeof(c));
    c.vm = vm;
    c.expand = e;
    c.out = out;
    c.err = err;

    rc = phr_state_run(&c, phr_vm_expand, PHR_EEXEC);

    /* a query may have been under way when Lua jumped out */
    phr_arena_destroy(c.arena);

    return rc;
}


int
phr_vm_expand_rule_cb(void *vm, const phr_rule_expand_t *e, phr_buf_t *out,
    phr_err_t *err)
{
    return phr_vm_expand_rule(vm, e, out, err);
}


int
phr_vm_check_rule_cb(void *vm, phr_str_t rule, phr_str_t text,
    phr_err_t *err)
{
    return phr_vm_template_check(vm, PHR_VM_RULE, rule, text, err);
}


int
phr_vm_load_templates(phr_vm_t *vm, const phr_vm_file_t *files, size_t n,
    phr_err_t *err)
{
    phr_state_call_t  c;

    memset(&c, 0, sizeof(c));
    c.vm = vm;
    c.files = files;
    c.nfiles = n;
    c.err = err;

    return phr_state_run(&c, phr_vm_load, PHR_EPARSE);
}


/*
 * A failure leaves the compiled templates behind, which may be what took
 * the memory: they go, and the garbage with them.
 */

int
phr_state_call(phr_vm_t *vm, lua_CFunction fn, void *arg, phr_err_t *err)
{
    int          rc;
    const char  *text;

    vm->steps = 0;
    vm->over = 0;
    vm->full = 0;

    /* compiled templates and garbage of earlier calls leave it room */

    if (vm->expander != 0 && vm->used_bytes > vm->max_bytes / 2
        && lua_cpcall(vm->lua, phr_vm_forget, vm) != 0)
    {
        lua_settop(vm->lua, 0);
    }

    lua_sethook(vm->lua, phr_vm_hook, LUA_MASKCOUNT, PHR_VM_HOOK_STEPS);
    rc = lua_cpcall(vm->lua, fn, arg);

    if (rc == 0) {
        return PHR_OK;
    }

    if (vm->over) {
        phr_err_set(err, PHR_ELIMIT, "template took more than %llu steps",
                    (unsigned long long) vm->max_steps);
        rc = PHR_ELIMIT;

    } else if (rc == LUA_ERRMEM || vm->full) {
        phr_err_set(err, PHR_ELIMIT, "template needs more than %zu bytes",
                    vm->max_bytes);
        rc = PHR_ELIMIT;

    } else {
        text = lua_type(vm->lua, -1) == LUA_TSTRING
               ? lua_tostring(vm->lua, -1) : "error without a text";
        phr_err_set(err, PHR_EEXEC, "%s", text);
        rc = PHR_EEXEC;
    }

    lua_settop(vm->lua, 0);

    if (vm->expander != 0 && rc == PHR_ELIMIT) {
        vm->steps = 0;
        vm->over = 0;

        if (lua_cpcall(vm->lua, phr_vm_forget, vm) != 0) {
            lua_settop(vm->lua, 0);
        }
    }

    return rc;
}


static void *
phr_vm_alloc(void *data, void *p, size_t old_size, size_t new_size)
{
    void      *q;
    phr_vm_t  *vm;

    vm = data;

    /* LuaJIT gives no size with a new block */
    if (p == NULL) {
        old_size = 0;
    }

    if (new_size == 0) {
        vm->used_bytes -= old_size;
        phr_free(p);
        return NULL;
    }

    if (new_size > old_size
        && vm->used_bytes + (new_size - old_size) > vm->max_bytes)
    {
        vm->full = 1;
        return NULL;
    }

    q = phr_realloc(p, new_size);

    if (q != NULL) {
        vm->used_bytes += new_size;
        vm->used_bytes -= old_size;
    }

    return q;
}


static void
phr_vm_hook(lua_State *L, lua_Debug *ar)
{
    void      *data;
    phr_vm_t  *vm;

    (void) ar;
    (void) lua_getallocf(L, &data);

    vm = data;
    vm->steps += PHR_VM_HOOK_STEPS;

    if (vm->steps > vm->max_steps) {
        vm->over = 1;
        luaL_error(L, "too many steps");
    }
}


/* libraries that touch nothing outside, then the expander */

static int
phr_vm_open(lua_State *L)
{
    size_t          i;
    phr_state_call_t  *c;

    static const luaL_Reg  libs[] = {
        { "", luaopen_base },
        { LUA_LOADLIBNAME, luaopen_package },
        { LUA_TABLIBNAME, luaopen_table },
        { LUA_STRLIBNAME, luaopen_string },
        { LUA_MATHLIBNAME, luaopen_math },
    };

    c = lua_touserdata(L, 1);

    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);

    for (i = 0; i < phr_nelems(libs); i++) {
        lua_pushcfunction(L, libs[i].func);
        lua_pushstring(L, libs[i].name);
        lua_call(L, 1, 0);
    }

    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/?.lua", c->conf->lua_path);
    lua_setfield(L, -2, "path");
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);

    lua_getglobal(L, "require");
    lua_pushliteral(L, "pharos.expand");
    lua_call(L, 1, 1);

    lua_getfield(L, -1, "new");
    phr_outside_push(L, c->vm);
    phr_convert_field_number(L, "max_bytes",
                             (double) (c->conf->max_text_bytes
                                       ? c->conf->max_text_bytes
                                       : PHR_VM_TEXT_BYTES));
    lua_call(L, 1, 1);

    c->vm->expander = luaL_ref(L, LUA_REGISTRYINDEX);

    return 0;
}


void
phr_state_method(lua_State *L, phr_vm_t *vm, const char *name)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->expander);
    lua_getfield(L, -1, name);
    lua_insert(L, -2);
}


void
phr_state_result(lua_State *L, phr_state_call_t *c)
{
    phr_str_t    s;
    const char  *message;

    c->ok = lua_toboolean(L, -2);

    if (!c->ok) {
        message = lua_tostring(L, -1);
        phr_err_set(c->err, PHR_EEXEC, "%s", message ? message : "");
        return;
    }

    if (c->out != NULL) {
        s.data = lua_tolstring(L, -2, &s.len);
        phr_buf_str(c->out, s);
    }
}


static int
phr_vm_check(lua_State *L)
{
    int             nargs;
    phr_state_call_t  *c;

    c = lua_touserdata(L, 1);
    nargs = 2;

    if (c->kind == PHR_VM_RULE) {
        phr_state_method(L, c->vm, "check_rule");
        phr_convert_str(L, c->rule);
        nargs = 3;

    } else {
        phr_state_method(L, c->vm, c->kind == PHR_VM_HTML ? "check_html"
                                                          : "check_notice");
    }

    phr_convert_str(L, c->text);
    lua_call(L, nargs, 2);
    phr_state_result(L, c);

    return 0;
}


static int
phr_vm_expand(lua_State *L)
{
    phr_state_call_t            *c;
    const phr_rule_expand_t  *e;

    c = lua_touserdata(L, 1);
    e = c->expand;

    phr_state_method(L, c->vm, "expand_rule");

    lua_createtable(L, 0, 8);
    phr_convert_field_str(L, "rule", e->name);
    phr_convert_field_str(L, "text", e->text);
    phr_convert_field_labels(L, "labels", e->labels);
    phr_convert_field_number(L, "value", e->value);
    phr_convert_field_labels(L, "external_labels", e->external_labels);
    phr_convert_field_str(L, "external_url", e->external_url);
    phr_convert_field_number(L, "now_ms", (double) e->now_ms);

    lua_pushlightuserdata(L, c);
    lua_pushcclosure(L, phr_vm_query, 1);
    lua_setfield(L, -2, "query");

    lua_call(L, 2, 2);
    phr_state_result(L, c);

    return 0;
}


/* query(expr): a list of { labels, value }, or nil and a message */

static int
phr_vm_query(lua_State *L)
{
    size_t                      i, n;
    phr_str_t                   expr;
    phr_err_t                   err;
    phr_state_call_t              *c;
    const phr_rule_expand_t    *e;
    const phr_result_sample_t  *samples;

    c = lua_touserdata(L, lua_upvalueindex(1));
    e = c->expand;
    expr.data = luaL_checklstring(L, 1, &expr.len);

    if (e->query == NULL) {
        lua_pushnil(L);
        lua_pushliteral(L, "queries are not possible here");
        return 2;
    }

    if (c->arena == NULL) {
        c->arena = phr_arena_create(PHR_VM_QUERY_ARENA);
        if (c->arena == NULL) {
            return luaL_error(L, "not enough memory");
        }
    }

    phr_arena_reset(c->arena);
    phr_err_init(&err);

    if (e->query(e->query_data, expr, c->arena, &samples, &n, &err)
        != PHR_OK)
    {
        lua_pushnil(L);
        lua_pushstring(L, err.text);
        return 2;
    }

    lua_createtable(L, (int) n, 0);

    for (i = 0; i < n; i++) {
        lua_createtable(L, 0, 2);
        phr_convert_field_labels(L, "labels", samples[i].labels);
        phr_convert_field_number(L, "value", samples[i].v);
        lua_rawseti(L, -2, (int) i + 1);
    }

    return 1;
}


static int
phr_vm_load(lua_State *L)
{
    size_t          i;
    phr_state_call_t  *c;

    c = lua_touserdata(L, 1);

    phr_state_method(L, c->vm, "load");
    lua_createtable(L, (int) c->nfiles, 0);

    for (i = 0; i < c->nfiles; i++) {
        lua_createtable(L, 0, 2);
        phr_convert_field_str(L, "name", c->files[i].name);
        phr_convert_field_str(L, "text", c->files[i].text);
        lua_rawseti(L, -2, (int) i + 1);
    }

    lua_call(L, 2, 2);
    phr_state_result(L, c);

    return 0;
}


static int
phr_vm_forget(lua_State *L)
{
    phr_vm_t  *vm;

    vm = lua_touserdata(L, 1);

    phr_state_method(L, vm, "forget");
    lua_call(L, 1, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);

    return 0;
}


int
phr_state_run(phr_state_call_t *c, lua_CFunction fn, int code)
{
    int     rc;
    size_t  len;

    len = c->out ? c->out->len : 0;

    rc = phr_state_call(c->vm, fn, c, c->err);

    if (rc == PHR_OK && !c->ok) {
        rc = code;

        if (c->err != NULL) {
            c->err->code = code;
        }
    }

    if (rc == PHR_OK && c->out != NULL && c->out->failed) {
        rc = phr_err_set(c->err, c->out->failed, "no room for the text of"
                         " a template");
    }

    if (rc != PHR_OK && c->out != NULL && c->out->len > len) {
        c->out->len = len;
    }

    return rc;
}
