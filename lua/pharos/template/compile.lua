--
-- Copyright (C) The Pharos Authors
--
-- Compiler: pipelines of a Go template to Lua closures, with the meaning of
-- Go's text/template: literals, variables, fields, calls.  Variables get
-- their places here, once; what is left at run time is calls.  The actions
-- around them are in action.lua.
--
-- A closure of a pipeline takes (ctx, dot) and returns a value.  ctx holds
-- what one execution needs:
--
--   set     the templates that can be called
--   env     what functions may ask for, see funcs.lua
--   out     pieces of output; n, bytes: how many, how long
--   vars    variables by place, of the template under execution
--   node    what is being evaluated, for messages
--

local check = require "pharos.template.check"
local parse = require "pharos.template.parse"
local types = require "pharos.template.types"

local ipairs, setmetatable, type, unpack = ipairs, setmetatable, type, unpack

local NIL = types.NIL
local is_true, name_of = types.is_true, types.name
local fail, check_value = check.fail, check.value

-- no value is piped into the command
local MISSING = {}


local Compiler = {}
Compiler.__index = Compiler


-- a compiler of one template; "$" is its first variable
function Compiler.new(functions)
    return setmetatable({ funcs = functions, scope = { { "$", 1 } },
                          nvars = 1 }, Compiler)
end


-- variables in scope are { name, place }; the innermost is last
function Compiler:place(name)
    for i = #self.scope, 1, -1 do
        if self.scope[i][1] == name then
            return self.scope[i][2]
        end
    end

    return nil
end


function Compiler:declare(name)
    self.nvars = self.nvars + 1
    self.scope[#self.scope + 1] = { name, self.nvars }

    return self.nvars
end


function Compiler:pop(n)
    for i = #self.scope, n + 1, -1 do
        self.scope[i] = nil
    end
end


--
-- Literals.  A number is an int or a float64 by the way it is written,
-- unless the parameter it is given to says otherwise.
--

local function number_value(ctx, n)
    if n.is_float then
        return n.float
    elseif n.int then
        return n.int
    end

    ctx.node = n
    fail(ctx, "%s overflows int", n.text)
end


local EXPECTED = { string = "string", int = "integer" }


-- a literal as an argument
local function literal_arg(n, param)
    local found = n.type

    return function(ctx)
        ctx.node = n

        if found == "nil" then
            if check.takes_nil(param) then
                return NIL
            end
            fail(ctx, "cannot assign nil to %s", check.name(param))
        elseif param == "any" then
            return found == "number" and number_value(ctx, n) or n.value
        elseif param == "int" and n.int then
            return n.int
        elseif param == found then
            return n.value
        elseif EXPECTED[param] then
            fail(ctx, "expected %s; found %s", EXPECTED[param],
                 parse.text_of(n))
        end

        fail(ctx, "can't handle %s for arg of type %s", parse.text_of(n),
             check.name(param))
    end
end


local LITERALS = { bool = true, number = true, string = true,
                   ["nil"] = true }


--
-- Calls.
--

local function call_entry(ctx, entry, name, node, args)
    local v, err

    -- functions of the outside may move it
    ctx.node = node

    if entry.ctx then
        v, err = entry.call(ctx, unpack(args, 1, args.n))
    else
        v, err = entry.call(unpack(args, 1, args.n))
    end

    ctx.node = node

    if err then
        fail(ctx, "error calling %s: %s", name, err)
    end

    return v
end


local function check_count(ctx, entry, name, node, n)
    local want = #entry.params

    if entry.variadic then
        if n < want - 1 then
            ctx.node = node
            fail(ctx, "wrong number of args for %s: want at least %d got %d",
                 name, want - 1, n)
        end
    elseif n ~= want then
        ctx.node = node
        fail(ctx, "wrong number of args for %s: want %d got %d", name, want,
             n)
    end
end


local function param_of(entry, i)
    return entry.params[i] or entry.params[#entry.params]
end


-- arguments that are computed, then what is piped in
local function eval_args(ctx, dot, entry, arg_fns, final)
    local n = #arg_fns
    local args = { n = n }

    for i = 1, n do
        args[i] = arg_fns[i](ctx, dot)
    end

    if final ~= MISSING then
        n = n + 1
        args.n = n
        args[n] = check_value(ctx, final, param_of(entry, n))
    end

    return args
end


-- "and" and "or" stop at the argument that decides
local function eval_logic(ctx, dot, entry, arg_fns, final)
    local stop_at = entry.logic == "or"
    local v

    for i = 1, #arg_fns do
        v = arg_fns[i](ctx, dot)

        if is_true(v) == stop_at then
            return v
        end
    end

    return final ~= MISSING and final or v
end


function Compiler:arg_functions(entry, args)
    local fns = {}

    for i = 2, #args do
        fns[i - 1] = self:arg(args[i], param_of(entry, i - 1))
    end

    return fns
end


-- whole is what messages of the function itself quote: the command
function Compiler:call(node, args, whole)
    local name = node.text
    local entry = self.funcs[name]
    local fns = self:arg_functions(entry, args)
    local nargs = #fns

    return function(ctx, dot, final)
        ctx.node = node
        check_count(ctx, entry, name, node,
                    nargs + (final ~= MISSING and 1 or 0))

        if entry.logic then
            return eval_logic(ctx, dot, entry, fns, final)
        end

        return call_entry(ctx, entry, name, whole,
                          eval_args(ctx, dot, entry, fns, final))
    end
end


--
-- Fields: methods first, then fields of structs and keys of maps.
--

local function call_method(ctx, dot, receiver, method, name, node, args,
                           final, compiled)
    local fns = compiled[method]

    if not fns then
        fns = compiled.compiler:arg_functions(method, args)
        compiled[method] = fns
    end

    ctx.node = node
    check_count(ctx, method, name, node, #fns + (final ~= MISSING and 1 or 0))

    local values = eval_args(ctx, dot, method, fns, final)

    for i = values.n, 1, -1 do
        values[i + 1] = values[i]
    end

    values[1] = receiver
    values.n = values.n + 1

    return call_entry(ctx, method, name, node, values)
end


local function no_field(ctx, node, name, v)
    ctx.node = node
    fail(ctx, "can't evaluate field %s in type %s", name, name_of(v))
end


-- args is nil but for the last field of a chain
local function field_of(ctx, dot, v, name, node, args, final, compiled)
    if type(v) ~= "table" then
        return no_field(ctx, node, name, v)
    elseif v == NIL then
        -- of nothing comes nothing, as of a missing key of a map
        return NIL
    end

    local class = getmetatable(v)
    local method = class.methods[name]

    if method then
        return call_method(ctx, dot, v, method, name, node, args or {},
                           final, compiled)
    end

    local has_args = final ~= MISSING or (args and #args > 1)

    if class.field[name] then
        if has_args then
            ctx.node = node
            fail(ctx, "%s has arguments but cannot be invoked as function",
                 name)
        end

        return v[name]
    elseif class.kind == "map" then
        if has_args then
            ctx.node = node
            fail(ctx, "%s is not a method but has arguments", name)
        end

        local item = v.m[name]

        return item == nil and class.elem or item
    end

    return no_field(ctx, node, name, v)
end


-- the fields from the place "first" of a chain of names, on what base gives
function Compiler:chain(node, base, names, first, args)
    local compiled = setmetatable({ compiler = self:frozen() },
                                  { __mode = "k" })
    local last = #names

    return function(ctx, dot, final)
        local v = base(ctx, dot)

        ctx.node = node

        for i = first, last - 1 do
            v = field_of(ctx, dot, v, names[i], node, nil, MISSING, compiled)
        end

        return field_of(ctx, dot, v, names[last], node, args, final,
                        compiled)
    end
end


--
-- Arguments of methods are compiled when the method is known, that is, at
-- run time: with the scope as it is here.
--
function Compiler:frozen()
    local scope = {}

    for i, var in ipairs(self.scope) do
        scope[i] = var
    end

    return setmetatable({ funcs = self.funcs, scope = scope,
                          nvars = self.nvars }, Compiler)
end


local function dot_of(_, dot)
    return dot
end


function Compiler:variable_value(node)
    local at = self:place(node.ident[1])

    return function(ctx)
        ctx.node = node

        if not at then
            fail(ctx, "undefined variable: %s", node.ident[1])
        end

        return ctx.vars[at]
    end
end


-- what is no function cannot be given arguments
local function no_args(node, args, value)
    return function(ctx, dot, final)
        if #args > 1 or final ~= MISSING then
            ctx.node = node
            fail(ctx, "can't give argument to non-function %s",
                 parse.text_of(args[1]))
        end

        return value(ctx, dot)
    end
end


function Compiler:field(node, args)
    return self:chain(node, dot_of, node.ident, 1, args)
end


function Compiler:variable(node, args)
    local value = self:variable_value(node)

    if #node.ident == 1 then
        return no_args(node, args, value)
    end

    return self:chain(node, value, node.ident, 2, args)
end


function Compiler:chain_node(node, args)
    if node.node.type == "nil" then
        return function(ctx)
            ctx.node = node
            fail(ctx, "indirection through explicit nil in %s",
                 parse.text_of(node))
        end
    end

    return self:chain(node, self:arg(node.node, "any"), node.fields, 1, args)
end


-- an argument of a function, of the type of its parameter
function Compiler:arg(node, param)
    if LITERALS[node.type] then
        return literal_arg(node, param)
    end

    local fn

    if node.type == "dot" then
        fn = dot_of
    elseif node.type == "pipe" then
        fn = self:pipe(node)
    elseif node.type == "identifier" then
        fn = self:call(node, { node }, node)
    elseif node.type == "field" then
        fn = self:field(node, { node })
    elseif node.type == "variable" then
        fn = self:variable(node, { node })
    else
        fn = self:chain_node(node, { node })
    end

    return function(ctx, dot)
        ctx.node = node

        local v = fn(ctx, dot, MISSING)

        return param == "any" and v or check_value(ctx, v, param)
    end
end


local function literal_command(node)
    if node.type == "nil" then
        return function(ctx)
            ctx.node = node
            fail(ctx, "nil is not a command")
        end
    end

    return literal_arg(node, "any")
end


function Compiler:command(cmd)
    local args = cmd.args
    local word = args[1]
    local t = word.type

    if t == "identifier" then
        return self:call(word, args, cmd)
    elseif t == "field" then
        return self:field(word, args)
    elseif t == "chain" then
        return self:chain_node(word, args)
    elseif t == "variable" then
        return self:variable(word, args)
    elseif t == "pipe" then
        return no_args(word, args, self:pipe(word))
    elseif t == "dot" then
        return no_args(word, args, dot_of)
    end

    return no_args(word, args, literal_command(word))
end


-- the places its value goes to; declared ones are in scope from here on
function Compiler:targets(pipe)
    local places = {}

    for i, var in ipairs(pipe.decl) do
        local name = var.ident[1]

        places[i] = pipe.is_assign and (self:place(name) or false)
                    or self:declare(name)
    end

    return places
end


local function store(ctx, pipe, at, v)
    if not at then
        ctx.node = pipe
        fail(ctx, "undefined variable: %s", pipe.decl[1].ident[1])
    end

    ctx.vars[at] = v
end


local function run_commands(cmds, ncmds, ctx, dot)
    local v = cmds[1](ctx, dot, MISSING)

    for i = 2, ncmds do
        v = cmds[i](ctx, dot, v)
    end

    return v
end


-- in a range the loop itself sets the variables
function Compiler:pipe(pipe, in_range)
    local cmds = {}

    for i, cmd in ipairs(pipe.cmds) do
        cmds[i] = self:command(cmd)
    end

    local ncmds = #cmds
    local places = self:targets(pipe)

    if in_range or #places == 0 then
        return function(ctx, dot)
            ctx.node = pipe
            return run_commands(cmds, ncmds, ctx, dot)
        end, places
    end

    return function(ctx, dot)
        ctx.node = pipe

        local v = run_commands(cmds, ncmds, ctx, dot)

        store(ctx, pipe, places[1], v)

        return v
    end, places
end


return Compiler
