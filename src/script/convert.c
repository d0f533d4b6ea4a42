/*
 * Copyright (C) The Pharos Authors
 *
 * Convert: values of C to values of Lua.  What they mean to templates is
 * known to lua/pharos/expand.lua alone.
 */

#include "script/state.h"


void
phr_convert_str(lua_State *L, phr_str_t s)
{
    lua_pushlstring(L, s.data ? s.data : "", s.len);
}


void
phr_convert_labels(lua_State *L, phr_labels_t ls)
{
    size_t  i;

    lua_createtable(L, 0, (int) ls.n);

    for (i = 0; i < ls.n; i++) {
        phr_convert_str(L, ls.l[i].name);
        phr_convert_str(L, ls.l[i].value);
        lua_rawset(L, -3);
    }
}


void
phr_convert_field_str(lua_State *L, const char *name, phr_str_t s)
{
    phr_convert_str(L, s);
    lua_setfield(L, -2, name);
}


void
phr_convert_field_labels(lua_State *L, const char *name, phr_labels_t ls)
{
    phr_convert_labels(L, ls);
    lua_setfield(L, -2, name);
}


void
phr_convert_field_number(lua_State *L, const char *name, double v)
{
    lua_pushnumber(L, v);
    lua_setfield(L, -2, name);
}
