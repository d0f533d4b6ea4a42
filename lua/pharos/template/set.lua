--
-- Copyright (C) The Pharos Authors
--
-- Sets of templates that can call each other.
--

local action = require "pharos.template.action"
local funcs = require "pharos.template.funcs"
local literal = require "pharos.template.literal"
local parse = require "pharos.template.parse"

local error, pairs, pcall, setmetatable, type = error, pairs, pcall,
                                                setmetatable, type
local format, concat = string.format, table.concat

local M = {}

local MAX_BYTES = 1024 * 1024

local Set = {}
Set.__index = Set


-- dialect: "rule" or "notice"; parent: a set whose templates are known, too
function M.new(dialect, parent)
    return setmetatable({ funcs = funcs.sets[dialect], templates = {},
                          parent = parent }, Set)
end


function Set:lookup(name)
    return self.templates[name] or (self.parent and self.parent:lookup(name))
end


--
-- Adds the templates of a text, and the text itself under the name.  Later
-- ones replace earlier ones, unless they are blank.  true, or nil and a
-- message.
--
function Set:parse(name, text)
    local defines, err = parse.parse(name, text, self.funcs)

    if not defines then
        return nil, err
    end

    for key, nodes in pairs(defines) do
        if not (parse.is_blank(nodes) and self:lookup(key)) then
            self.templates[key] = {
                name = key, file = name, text = text, nodes = nodes,
                funcs = self.funcs,
            }
        end
    end

    return true
end


--
-- Executes a template with data as its dot.  The text, or nil and a
-- message; what was wrong with the program itself is raised.
--
function Set:execute(name, data, env)
    local tmpl = self:lookup(name)

    if not tmpl then
        return nil, format("template: no template %s associated with this"
                           .. " template", literal.quote(name))
    end

    local ctx = { set = self, env = env, out = {}, n = 0, bytes = 0,
                  max_bytes = env.max_bytes or MAX_BYTES, depth = 0 }

    local ok, err = pcall(action.run, ctx, tmpl, data)

    if ok then
        return concat(ctx.out, "", 1, ctx.n)
    elseif type(err) == "table" and err.template then
        return nil, err.template
    end

    error(err, 0)
end


return M
