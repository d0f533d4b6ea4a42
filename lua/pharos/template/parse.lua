--
-- Copyright (C) The Pharos Authors
--
-- Parser: tokens of a Go template to a tree, with the messages of Go's
-- text/template/parse.  Recursive descent; the rules:
--
--   list     = { text | action }
--   action   = if | range | with | template | block | define | break
--            | continue | pipeline
--   pipeline = [ variable { "," variable } ( ":=" | "=" ) ]
--              command { "|" command }
--   command  = operand { space operand }
--   operand  = term { field }
--   term     = literal | function | "." | field | variable
--            | "(" pipeline ")"
--
-- A node is a table with "type", "pos" (byte from 0) and "line".
--

local lex = require "pharos.template.lex"
local literal = require "pharos.template.literal"

local error, ipairs, setmetatable = error, ipairs, setmetatable
local format, sub, concat = string.format, string.sub, table.concat

local M = {}

local Parser = {}
Parser.__index = Parser


-- texts in angle brackets name keywords: unexpected <end> in command
local function token_text(token)
    if token.typ == "eof" then
        return "EOF"
    elseif token.typ == "error" then
        return token.val
    elseif lex.KEYWORDS[token.typ] or token.typ == "dot" then
        return "<" .. token.val .. ">"
    elseif #token.val > 10 then
        return literal.quote(sub(token.val, 1, 10)) .. "..."
    end

    return literal.quote(token.val)
end


--
-- The text of a node, as Go's messages quote it.
--

local text_of


local function texts_of(nodes, sep)
    local out = {}

    for i, n in ipairs(nodes) do
        out[i] = text_of(n)
        if n.type == "pipe" and sep == " " then
            out[i] = "(" .. out[i] .. ")"
        end
    end

    return concat(out, sep)
end


local function pipe_text(n)
    local head = ""

    if #n.decl > 0 then
        head = texts_of(n.decl, ", ") .. (n.is_assign and " = " or " := ")
    end

    return head .. texts_of(n.cmds, " | ")
end


local function chain_text(n)
    local head = text_of(n.node)

    if n.node.type == "pipe" then
        head = "(" .. head .. ")"
    end

    return head .. "." .. concat(n.fields, ".")
end


function text_of(n)
    local t = n.type

    if t == "pipe" then
        return pipe_text(n)
    elseif t == "command" then
        return texts_of(n.args, " ")
    elseif t == "chain" then
        return chain_text(n)
    elseif t == "field" then
        return "." .. concat(n.ident, ".")
    elseif t == "variable" then
        return concat(n.ident, ".")
    elseif t == "template" then
        return "{{template " .. literal.quote(n.name)
               .. (n.pipe and " " .. text_of(n.pipe) or "") .. "}}"
    elseif t == "action" then
        return "{{" .. text_of(n.pipe) .. "}}"
    end

    return n.text
end


M.text_of = text_of


--
-- Tokens.
--

function Parser:peek()
    return self.tokens[self.i]
end


function Parser:next()
    local token = self.tokens[self.i]

    -- the last token, end or error, is never passed
    if self.i < #self.tokens then
        self.i = self.i + 1
    end

    self.last_line = token.line

    return token
end


function Parser:skip_space()
    while self.tokens[self.i].typ == "space" do
        self.i = self.i + 1
    end
end


function Parser:next_non_space()
    self:skip_space()

    return self:next()
end


function Parser:peek_non_space()
    self:skip_space()

    return self:peek()
end


function Parser:fail(fmt, ...)
    error({ template = format("template: %s:%d: %s", self.file,
                              self.last_line or 1, format(fmt, ...)) }, 0)
end


function Parser:unexpected(token, context)
    self.last_line = token.line

    if token.typ ~= "error" then
        self:fail("unexpected %s in %s", token_text(token), context)
    end

    local extra = ""

    if self.action_line and self.action_line ~= token.line then
        extra = format(" in action started at %s:%d", self.file,
                       self.action_line)
        if token.val:find(" action$") then
            extra = sub(extra, #" in action" + 1)
        end
    end

    self:fail("%s%s", token.val, extra)
end


function Parser:expect(typ, context)
    local token = self:next_non_space()

    if token.typ ~= typ then
        self:unexpected(token, context)
    end

    return token
end


--
-- Lists and control structures.
--

local function is_blank(list)
    for _, n in ipairs(list) do
        if n.type ~= "text" or n.text:find("[^ \t\r\n]") then
            return false
        end
    end

    return true
end


M.is_blank = is_blank


function Parser:add(name, list)
    local old = self.defines[name]

    if old and not is_blank(old) then
        if not is_blank(list) then
            self:fail("template: multiple definition of template %s",
                      literal.quote(name))
        end

        return
    end

    self.defines[name] = list
end


function Parser:text_or_action()
    local token = self:next_non_space()

    if token.typ == "text" then
        return { type = "text", pos = token.pos, text = token.val }
    elseif token.typ ~= "left" then
        self:unexpected(token, "input")
    end

    self.action_line = token.line

    local n = self:action()

    self.action_line = nil

    return n
end


-- nodes up to {{end}} or {{else}}, which is returned, too
function Parser:item_list()
    local list = {}

    while self:peek_non_space().typ ~= "eof" do
        local n = self:text_or_action()

        if n.type == "end" or n.type == "else" then
            return list, n
        end

        list[#list + 1] = n
    end

    self.last_line = self:peek().line
    self:fail("unexpected EOF")
end


-- a body with variables and range depth of its own
function Parser:definition_body(context)
    local vars, depth = self.vars, self.range_depth

    self.vars = { "$" }
    self.range_depth = 0

    local list, stop = self:item_list()

    if stop.type ~= "end" then
        self:fail("unexpected %s in %s", stop.text, context)
    end

    self.vars = vars
    self.range_depth = depth

    return list
end


function Parser:template_name(context)
    local token = self:next_non_space()

    if token.typ == "string" or token.typ == "rawstring" then
        return self:unquote(token.val)
    end

    self:unexpected(token, context)
end


function Parser:definition()
    local name = self:template_name("define clause")

    self:expect("right", "define clause")
    self:add(name, self:definition_body("define clause"))
end


function Parser:pop_vars(n)
    for i = #self.vars, n + 1, -1 do
        self.vars[i] = nil
    end
end


function Parser:else_list(context, stop)
    -- {{else if}} is {{else}}{{if}} that shares its {{end}}
    local token = self:peek()

    if stop.nested and (token.typ == "if" or token.typ == "with")
       and token.typ == context
    then
        self:next()
        return { self:control(token.typ, token) }
    end

    local list, last = self:item_list()

    if last.type ~= "end" then
        self:fail("expected end; found %s", last.text)
    end

    return list
end


function Parser:control(context, token)
    local nvars = #self.vars
    local n = { type = context, pos = token.pos, line = token.line }
    local stop

    n.pipe = self:pipeline(context, "right")

    if context == "range" then
        self.range_depth = self.range_depth + 1
    end

    n.list, stop = self:item_list()

    if context == "range" then
        self.range_depth = self.range_depth - 1
    end

    if stop.type == "else" then
        n.else_list = self:else_list(context, stop)
    end

    self:pop_vars(nvars)

    return n
end


function Parser:else_control(token)
    local following = self:peek_non_space()

    if following.typ == "if" or following.typ == "with" then
        return { type = "else", text = "{{else}}", nested = true,
                 pos = token.pos }
    end

    self:expect("right", "else")

    return { type = "else", text = "{{else}}", pos = token.pos }
end


function Parser:loop_control(token)
    local following = self:next_non_space()
    local text = "{{" .. token.typ .. "}}"

    if following.typ ~= "right" then
        self:unexpected(following, text)
    end

    if self.range_depth == 0 then
        self:fail("%s outside {{range}}", text)
    end

    return { type = token.typ, text = text, pos = token.pos }
end


function Parser:template_control(token)
    local n = { type = "template", pos = self:peek_non_space().pos,
                line = token.line }

    n.name = self:template_name("template clause")

    if self:peek_non_space().typ == "right" then
        self:next()
    else
        n.pipe = self:pipeline("template clause", "right")
    end

    return n
end


function Parser:block_control(token)
    local n = { type = "template", pos = self:peek_non_space().pos,
                line = token.line }

    n.name = self:template_name("block clause")
    n.pipe = self:pipeline("block clause", "right")
    self:add(n.name, self:definition_body("block clause"))

    return n
end


function Parser:action()
    local token = self:next_non_space()
    local t = token.typ

    if t == "if" or t == "range" or t == "with" then
        return self:control(t, token)
    elseif t == "block" then
        return self:block_control(token)
    elseif t == "template" then
        return self:template_control(token)
    elseif t == "else" then
        return self:else_control(token)
    elseif t == "break" or t == "continue" then
        return self:loop_control(token)
    elseif t == "end" then
        self:expect("right", "end")
        return { type = "end", text = "{{end}}", pos = token.pos }
    end

    self.i = self.i - (token == self.tokens[#self.tokens] and 0 or 1)

    return { type = "action", pos = token.pos, line = token.line,
             pipe = self:pipeline("command", "right") }
end


--
-- Pipelines.
--

local NOT_EXECUTABLE = {
    bool = true, dot = true, ["nil"] = true, number = true, string = true,
}

local STARTS_OPERAND = {
    bool = true, charconst = true, dot = true, field = true,
    identifier = true, number = true, ["nil"] = true, rawstring = true,
    string = true, variable = true, leftparen = true,
}


function Parser:declare(pipe, token)
    pipe.decl[#pipe.decl + 1] = {
        type = "variable", pos = token.pos, ident = { token.val },
    }
    self.vars[#self.vars + 1] = token.val
end


-- the variables before := or =, if there are any
function Parser:declarations(pipe, context)
    while self:peek_non_space().typ == "variable" do
        local back = self.i
        local variable = self:next()
        local following = self:peek_non_space()

        if following.typ == "assign" or following.typ == "declare" then
            pipe.is_assign = following.typ == "assign"
            self:next()
            self:declare(pipe, variable)
            return
        end

        if following.typ ~= "char" or following.val ~= "," then
            self.i = back
            return
        end

        self:next()
        self:declare(pipe, variable)

        if context ~= "range" or #pipe.decl >= 2 then
            self:fail("too many declarations in %s", context)
        end

        local t = self:peek_non_space().typ

        if t ~= "variable" and t ~= "right" and t ~= "rightparen" then
            self:fail("range can only initialize variables")
        end
    end
end


function Parser:check_pipeline(pipe, context)
    if #pipe.cmds == 0 then
        self:fail("missing value for %s", context)
    end

    for i = 2, #pipe.cmds do
        if NOT_EXECUTABLE[pipe.cmds[i].args[1].type] then
            self:fail("non executable command in pipeline stage %d", i)
        end
    end
end


function Parser:pipeline(context, stop)
    local first = self:peek_non_space()
    local pipe = { type = "pipe", pos = first.pos, line = first.line,
                   decl = {}, cmds = {} }

    self:declarations(pipe, context)

    while true do
        local token = self:peek_non_space()

        if token.typ == stop then
            self:next()
            self:check_pipeline(pipe, context)
            return pipe
        elseif not STARTS_OPERAND[token.typ] then
            self:unexpected(token, context)
        end

        pipe.cmds[#pipe.cmds + 1] = self:command()
    end
end


function Parser:command()
    local cmd = { type = "command", pos = self:peek_non_space().pos,
                  args = {} }

    while true do
        self:skip_space()

        local operand = self:operand()

        if operand then
            cmd.args[#cmd.args + 1] = operand
        end

        local token = self:peek()

        if token.typ == "right" or token.typ == "rightparen" then
            break
        end

        self:next()

        if token.typ == "pipe" then
            break
        elseif token.typ ~= "space" then
            self:unexpected(token, "operand")
        end
    end

    if #cmd.args == 0 then
        self:fail("empty command")
    end

    return cmd
end


function Parser:operand()
    local n = self:term()

    if not n or self:peek().typ ~= "field" then
        return n
    end

    local pos, fields = self:peek().pos, {}

    while self:peek().typ == "field" do
        fields[#fields + 1] = sub(self:next().val, 2)
    end

    if n.type == "field" or n.type == "variable" then
        for _, name in ipairs(fields) do
            n.ident[#n.ident + 1] = name
        end

        n.pos = pos
        return n
    end

    if NOT_EXECUTABLE[n.type] then
        self:fail("unexpected . after term %s", literal.quote(text_of(n)))
    end

    return { type = "chain", pos = pos, node = n, fields = fields }
end


function Parser:unquote(text)
    local s = literal.unquote(text)

    if not s then
        self:fail("invalid syntax")
    end

    return s
end


function Parser:number(token)
    local n, err = literal.number(token.val)

    if err then
        self:fail("%s", err)
    end

    n.type, n.pos, n.text = "number", token.pos, token.val

    return n
end


function Parser:variable(token)
    for _, name in ipairs(self.vars) do
        if name == token.val then
            return { type = "variable", pos = token.pos,
                     ident = { token.val } }
        end
    end

    self:fail("undefined variable %s", literal.quote(token.val))
end


function Parser:term()
    local token = self:peek()
    local t, pos, val = token.typ, token.pos, token.val

    if not STARTS_OPERAND[t] then
        return nil
    end

    self:next()

    if t == "identifier" then
        if not self.funcs[val] then
            self:fail("function %s not defined", literal.quote(val))
        end
        return { type = "identifier", pos = pos, text = val }
    elseif t == "dot" then
        return { type = "dot", pos = pos, text = "." }
    elseif t == "nil" then
        return { type = "nil", pos = pos, text = "nil" }
    elseif t == "variable" then
        return self:variable(token)
    elseif t == "field" then
        return { type = "field", pos = pos, ident = { sub(val, 2) } }
    elseif t == "bool" then
        return { type = "bool", pos = pos, text = val,
                 value = val == "true" }
    elseif t == "charconst" or t == "number" then
        return self:number(token)
    elseif t == "leftparen" then
        return self:pipeline("parenthesized pipeline", "rightparen")
    end

    return { type = "string", pos = pos, text = val,
             value = self:unquote(val) }
end


function Parser:top()
    local list = {}

    while self:peek().typ ~= "eof" do
        local back = self.i

        if self:peek().typ == "left" then
            self:next()

            if self:peek_non_space().typ == "define" then
                self.action_line = self:next().line
                self:definition()
                self.action_line = nil
                back = nil
            else
                self.i = back
            end
        end

        if back then
            local n = self:text_or_action()

            if n.type == "end" or n.type == "else" then
                self:fail("unexpected %s", n.text)
            end

            list[#list + 1] = n
        end
    end

    self:add(self.name, list)
end


--
-- Parses a text into { name -> list of nodes }, the text itself under its
-- own name.  funcs has the names of the functions that exist.  Returns nil
-- and a message for a malformed text.
--
function M.parse(name, text, funcs)
    local p = setmetatable({
        name = name, file = name, funcs = funcs, tokens = lex.tokens(text),
        i = 1, vars = { "$" }, range_depth = 0, defines = {},
    }, Parser)

    local ok, err = pcall(p.top, p)

    if ok then
        return p.defines
    elseif type(err) == "table" and err.template then
        return nil, err.template
    end

    error(err, 0)
end


return M
