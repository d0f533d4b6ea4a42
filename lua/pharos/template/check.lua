--
-- Copyright (C) The Pharos Authors
--
-- Check: how the execution of a template fails, in the words of Go's
-- text/template, and what parameters of functions take.
--

local literal = require "pharos.template.literal"
local parse = require "pharos.template.parse"
local types = require "pharos.template.types"

local error, getmetatable, ipairs, type = error, getmetatable, ipairs, type
local format = string.format

local M = {}

local NIL = types.NIL
local name_of = types.name


-- "name:line:column": columns count bytes from 0
local function place_of(tmpl, pos)
    local text = tmpl.text
    local line, start = 1, 0

    while true do
        local nl = text:find("\n", start + 1, true)

        if not nl or nl > pos then
            break
        end

        line = line + 1
        start = nl
    end

    return format("%s:%d:%d", tmpl.file, line, pos - start)
end


local function fail(ctx, ...)
    local node, message = ctx.node, format(...)

    if node then
        message = format("template: %s: executing %s at <%s>: %s",
                         place_of(ctx.tmpl, node.pos),
                         literal.quote(ctx.tmpl.name), parse.text_of(node),
                         message)
    else
        message = format("template: %s: %s", ctx.tmpl.name, message)
    end

    error({ template = message }, 0)
end


--
-- Types of parameters: what each takes, and its name in messages.
--

local function is_class(...)
    local set = {}

    for _, class in ipairs { ... } do
        set[class] = true
    end

    return function(v)
        return type(v) == "table" and set[getmetatable(v)] == true
    end
end


local function is_named(name)
    return function(v)
        return type(v) == "table" and getmetatable(v).name == name
    end
end


local PARAMS = {
    string = { "string", function(v) return type(v) == "string" end },
    int = { "int", function(v) return type(v) == "cdata" end },
    strings = { "[]string", is_class(types.StringSlice, types.Strings) },
    slice = { "[]interface {}", is_class(types.AnySlice) },
    sample = { "*template.sample", is_class(types.Sample) },
    result = { "template.queryResult", is_class(types.QueryResult) },
    time = { "time.Time", is_named("time.Time") },
    duration = { "time.Duration", is_named("time.Duration") },
}

-- nil may be given for these
local NILABLE = { strings = true, slice = true, sample = true,
                  result = true }


local function check_value(ctx, v, param)
    if param == "any" or not param then
        return v
    end

    local want = PARAMS[param]

    if v == NIL then
        if not NILABLE[param] then
            fail(ctx, "invalid value; expected %s", want[1])
        end
        fail(ctx, "nil pointer evaluating %s", want[1])
    elseif not want[2](v) then
        fail(ctx, "wrong type for value; expected %s; got %s", want[1],
             name_of(v))
    end

    return v
end


M.fail = fail
M.value = check_value

-- what a parameter is called in messages
function M.name(param)
    return PARAMS[param][1]
end


-- whether a parameter takes nil
function M.takes_nil(param)
    return param == "any" or NILABLE[param] == true
end


return M
