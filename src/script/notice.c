/*
 * Copyright (C) The Pharos Authors
 *
 * Notice: a notice to Lua, and the fields of receivers expanded over it.
 */

#include "script/vm.h"

#include <stdio.h>

#include "script/state.h"


/* what alerts have in common, while a field is expanded */
#define PHR_NOTICE_ARENA  (16 * 1024 * 1024)


static int phr_vm_expand_field(phr_vm_t *vm, phr_vm_template_e kind,
    const phr_notice_t *n, phr_str_t external_url, phr_str_t text,
    phr_buf_t *out, phr_err_t *err);
static int phr_vm_notice(lua_State *L);
static void phr_convert_notice(lua_State *L, const phr_state_call_t *c);
static void phr_convert_alert(lua_State *L, const phr_notice_alert_t *a);
static void phr_convert_pairs(lua_State *L, const phr_pairs_t *pairs);


int
phr_vm_expand_notice(phr_vm_t *vm, const phr_notice_t *n,
    phr_str_t external_url, phr_str_t text, phr_buf_t *out, phr_err_t *err)
{
    return phr_vm_expand_field(vm, PHR_VM_NOTICE, n, external_url, text, out,
                               err);
}


int
phr_vm_expand_notice_html(phr_vm_t *vm, const phr_notice_t *n,
    phr_str_t external_url, phr_str_t text, phr_buf_t *out, phr_err_t *err)
{
    return phr_vm_expand_field(vm, PHR_VM_HTML, n, external_url, text, out,
                               err);
}


static int
phr_vm_expand_field(phr_vm_t *vm, phr_vm_template_e kind,
    const phr_notice_t *n, phr_str_t external_url, phr_str_t text,
    phr_buf_t *out, phr_err_t *err)
{
    int               rc;
    phr_state_call_t  c;

    /* most fields are plain */

    if (text.len < 4 || memmem(text.data, text.len, "{{", 2) == NULL) {
        phr_buf_str(out, text);
        return out->failed ? phr_err_set(err, out->failed, "no room for the"
                                         " text of a template")
                           : PHR_OK;
    }

    memset(&c, 0, sizeof(phr_state_call_t));
    c.vm = vm;
    c.kind = kind;
    c.notice = n;
    c.external_url = external_url;
    c.text = text;
    c.out = out;
    c.err = err;

    c.arena = phr_arena_create(PHR_NOTICE_ARENA);

    if (c.arena == NULL
        || phr_notice_common(n, c.arena, &c.common_labels,
                             &c.common_annotations)
           != PHR_OK)
    {
        phr_arena_destroy(c.arena);
        return phr_err_set(err, PHR_ENOMEM, "no memory for a notice");
    }

    rc = phr_state_run(&c, phr_vm_notice, PHR_EEXEC);

    phr_arena_destroy(c.arena);

    return rc;
}


static int
phr_vm_notice(lua_State *L)
{
    phr_state_call_t  *c;

    c = lua_touserdata(L, 1);

    phr_state_method(L, c->vm, "expand_plain");
    phr_convert_str(L, c->text);
    phr_convert_notice(L, c);
    lua_pushnumber(L, (double) c->notice->now_ms);
    lua_pushboolean(L, c->kind == PHR_VM_HTML);

    lua_call(L, 5, 2);
    phr_state_result(L, c);

    return 0;
}


static void
phr_convert_notice(lua_State *L, const phr_state_call_t *c)
{
    size_t               i;
    const phr_notice_t  *n;

    n = c->notice;

    lua_createtable(L, 0, 10);

    phr_convert_field_str(L, "receiver", n->receiver->name);
    phr_convert_field_str(L, "status",
                          phr_str_from_c(phr_notice_firing(n) ? "firing"
                                                              : "resolved"));
    phr_convert_field_str(L, "reason",
                          phr_str_from_c(phr_reason_text(n->reason)));
    phr_convert_field_str(L, "external_url", c->external_url);
    phr_convert_field_labels(L, "group_labels", n->group_labels);
    phr_convert_field_labels(L, "common_labels", c->common_labels);
    phr_convert_field_labels(L, "common_annotations", c->common_annotations);

    if (n->route != NULL) {
        phr_convert_pairs(L, &n->route->labels);
        lua_setfield(L, -2, "route_labels");
    }

    lua_createtable(L, (int) n->nalerts, 0);

    for (i = 0; i < n->nalerts; i++) {
        phr_convert_alert(L, &n->alerts[i]);
        lua_rawseti(L, -2, (int) i + 1);
    }

    lua_setfield(L, -2, "alerts");
}


static void
phr_convert_alert(lua_State *L, const phr_notice_alert_t *a)
{
    char  fingerprint[17];

    (void) snprintf(fingerprint, sizeof(fingerprint), "%016llx",
                    (unsigned long long) phr_fingerprint(a->labels));

    lua_createtable(L, 0, 8);

    phr_convert_field_str(L, "status", phr_str_from_c(a->ends_ms
                                                      ? "resolved"
                                                      : "firing"));
    phr_convert_field_labels(L, "labels", a->labels);
    phr_convert_field_labels(L, "annotations", a->annotations);
    phr_convert_field_str(L, "generator_url", a->generator_url);
    phr_convert_field_str(L, "fingerprint", phr_str_from_c(fingerprint));
    phr_convert_field_number(L, "starts_ms", (double) a->starts_ms);

    if (a->ends_ms) {
        phr_convert_field_number(L, "ends_ms", (double) a->ends_ms);
    }
}


static void
phr_convert_pairs(lua_State *L, const phr_pairs_t *pairs)
{
    size_t  i;

    lua_createtable(L, 0, (int) pairs->n);

    for (i = 0; i < pairs->n; i++) {
        phr_convert_str(L, pairs->p[i].name);
        phr_convert_str(L, pairs->p[i].value);
        lua_rawset(L, -3);
    }
}
