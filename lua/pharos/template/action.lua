--
-- Copyright (C) The Pharos Authors
--
-- Actions of a Go template, {{if}} to {{template}}, as closures over those
-- of their pipelines, and the execution of a whole template.
--
-- A closure of a list takes (ctx, dot), see compile.lua, and returns
-- nothing, "break" or "continue".
--

local fmt = require "pharos.format"
local check = require "pharos.template.check"
local Compiler = require "pharos.template.compile"
local literal = require "pharos.template.literal"
local types = require "pharos.template.types"

local getmetatable, ipairs, type = getmetatable, ipairs, type

local M = {}

local NIL = types.NIL
local int, is_true, kind = types.int, types.is_true, types.kind
local fail = check.fail

local MAX_DEPTH = 200


local function put(ctx, s)
    local n, bytes = ctx.n + 1, ctx.bytes + #s

    if bytes > ctx.max_bytes then
        fail(ctx, "output is longer than %d bytes", ctx.max_bytes)
    end

    ctx.n = n
    ctx.bytes = bytes
    ctx.out[n] = s
end


-- a nil prints as Go prints a value that is not there
local function printed(v)
    if v == NIL then
        return "<no value>"
    end

    local s = fmt.text(v)

    -- what a pointer points to is printed
    if type(v) == "table" and getmetatable(v).pointer then
        s = s:gsub("^&", "")
    end

    return s
end


function Compiler:action(node)
    local pipe = self:pipe(node.pipe)

    if #node.pipe.decl > 0 then
        return function(ctx, dot)
            pipe(ctx, dot)
        end
    end

    local escape = node.escape

    return function(ctx, dot)
        local v = pipe(ctx, dot)

        put(ctx, escape and escape(v, printed) or printed(v))
    end
end


local function compile_text(node)
    local text = node.text

    return function(ctx)
        put(ctx, text)
    end
end


function Compiler:conditional(node, is_with)
    local nscope = #self.scope
    local pipe = self:pipe(node.pipe)
    local list = self:list(node.list)
    local else_list = node.else_list and self:list(node.else_list)

    self:pop(nscope)

    return function(ctx, dot)
        local v = pipe(ctx, dot)

        if is_true(v) then
            return list(ctx, is_with and v or dot)
        elseif else_list then
            return else_list(ctx, dot)
        end
    end
end


-- calls visit(index, element) for each; false if there is none
local function each(ctx, node, v, visit)
    local k = kind(v)

    if k == "slice" then
        for i = 1, #v do
            if visit(int(i - 1), v[i]) then
                break
            end
        end
        return #v > 0
    elseif k == "map" then
        local keys = types.sorted_keys(v.m)

        for i = 1, #keys do
            if visit(keys[i], v.m[keys[i]]) then
                break
            end
        end
        return #keys > 0
    elseif k == "int" then
        local n = types.int_of(v)
        local i = 0LL

        while i < n and not visit(i, i) do
            i = i + 1
        end
        return n > 0LL
    elseif v == NIL then
        return false
    end

    ctx.node = node.pipe
    fail(ctx, "range can't iterate over %s", printed(v))
end


function Compiler:range(node)
    local nscope = #self.scope
    local pipe, places = self:pipe(node.pipe, true)
    local value_at = places[#places]
    local key_at = #places > 1 and places[1] or nil
    local list = self:list(node.list)
    local else_list = node.else_list and self:list(node.else_list)

    self:pop(nscope)

    return function(ctx, dot)
        local v = pipe(ctx, dot)
        local vars = ctx.vars

        local any = each(ctx, node, v, function(key, item)
            if value_at then
                vars[value_at] = item
            end
            if key_at then
                vars[key_at] = key
            end

            return list(ctx, item) == "break"
        end)

        if not any and else_list then
            return else_list(ctx, dot)
        end
    end
end


-- compiled when it is first run
local function closure_of(tmpl)
    if not tmpl.closure then
        tmpl.closure = Compiler.new(tmpl.funcs):list(tmpl.nodes)
    end

    return tmpl.closure
end


-- runs a template with variables of its own
function M.run(ctx, tmpl, dot)
    local outer_tmpl, outer_vars = ctx.tmpl, ctx.vars

    ctx.tmpl = tmpl
    ctx.vars = { dot }
    ctx.depth = ctx.depth + 1

    if ctx.depth > MAX_DEPTH then
        fail(ctx, "exceeded maximum template depth (%d)", MAX_DEPTH)
    end

    closure_of(tmpl)(ctx, dot)

    ctx.tmpl = outer_tmpl
    ctx.vars = outer_vars
    ctx.depth = ctx.depth - 1
end


function Compiler:template(node)
    local pipe = node.pipe and self:pipe(node.pipe)

    return function(ctx, dot)
        ctx.node = node

        local tmpl = ctx.set:lookup(node.name)

        if not tmpl then
            fail(ctx, "template %s not defined", literal.quote(node.name))
        end

        M.run(ctx, tmpl, pipe and pipe(ctx, dot) or NIL)
    end
end


local function signal(name)
    return function()
        return name
    end
end


function Compiler:node(node)
    local t = node.type

    if t == "text" then
        return compile_text(node)
    elseif t == "action" then
        return self:action(node)
    elseif t == "if" or t == "with" then
        return self:conditional(node, t == "with")
    elseif t == "range" then
        return self:range(node)
    elseif t == "template" then
        return self:template(node)
    end

    return signal(t)
end


function Compiler:list(nodes)
    local nscope = #self.scope
    local fns = {}

    for i, node in ipairs(nodes) do
        fns[i] = self:node(node)
    end

    local n = #fns

    self:pop(nscope)

    return function(ctx, dot)
        for i = 1, n do
            local stop = fns[i](ctx, dot)

            if stop then
                return stop
            end
        end
    end
end


return M
