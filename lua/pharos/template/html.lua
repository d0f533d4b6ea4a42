--
-- Copyright (C) The Pharos Authors
--
-- HTML: finds out where in an HTML document each action of a template puts
-- its value, and has the value escaped for that place, as Go's html/template
-- does.  Comments of the document are left out.
--
-- A place (state) is a table that never changes:
--
--   at       "text", "tag" (within <...>), "value" (of an attribute),
--            "equals" (behind an attribute's name), "comment", "raw" (body
--            of an element whose content is no HTML)
--   element  the tag's name, or that of the raw body
--   closing  the tag is a closing one
--   attr     "plain", "url", "css" or "js"
--   delim    what ends the value: '"', "'" or "" for white space
--   part     of a URL: "start", "path" or "query"
--
-- Scripts can hold no actions: escaping for them is refused, not guessed.
--

local escape = require "pharos.escape"
local parse = require "pharos.template.parse"
local types = require "pharos.template.types"

local getmetatable, ipairs, pairs, setmetatable = getmetatable, ipairs,
                                                  pairs, setmetatable
local error, type = error, type
local byte, find, format, gsub = string.byte, string.find, string.format,
                                 string.gsub
local lower, match, sub, concat = string.lower, string.match, string.sub,
                                  table.concat

local M = {}

local TEXT = { at = "text" }

local RAW = { script = true, style = true, textarea = true, title = true }

local URL_ATTRS = {}

for name in ([[action archive background cite classid codebase data
               formaction href icon longdesc manifest poster profile src
               usemap xmlns]]):gmatch("%a+") do
    URL_ATTRS[name] = true
end


--
-- Reading the document.
--

local function with(state, changes)
    local out = {}

    for k, v in pairs(state) do
        out[k] = v
    end

    for k, v in pairs(changes) do
        out[k] = v
    end

    return out
end


local function key_of(state)
    return concat({ state.at, state.element or "", state.attr or "",
                    state.delim or "", state.part or "",
                    state.closing and "/" or "" }, ",")
end


local function attr_type(name)
    name = gsub(lower(name), "^data%-", "")
    name = match(name, "^xmlns:") and "xmlns" or gsub(name, "^[^:]*:", "")

    if URL_ATTRS[name] or find(name, "src", 1, true)
       or find(name, "uri", 1, true) or find(name, "url", 1, true)
    then
        return "url"
    elseif name == "style" then
        return "css"
    elseif find(name, "^on") then
        return "js"
    end

    return "plain"
end


local step = {}


function step.text(state, text, pos)
    local open = find(text, "<", pos, true)

    if not open then
        return state, sub(text, pos), #text + 1
    end

    if sub(text, open, open + 3) == "<!--" then
        return { at = "comment" }, sub(text, pos, open - 1), open + 4
    end

    local slash, name = match(text, "^<(/?)(%a[%w:-]*)", open)

    if not name then
        -- "<" alone is text, but for that of <!DOCTYPE
        local sign = find(text, "^![dD]", open + 1) and "<" or "&lt;"

        return state, sub(text, pos, open - 1) .. sign, open + 1
    end

    local after = open + 1 + #slash + #name

    return { at = "tag", element = lower(name), closing = slash ~= "" },
           sub(text, pos, after - 1), after
end


function step.comment(state, text, pos)
    local _, last = find(text, "-->", pos, true)

    if not last then
        return state, "", #text + 1
    end

    return TEXT, "", last + 1
end


function step.tag(state, text, pos)
    local at = find(text, "[^%s/]", pos)

    if not at then
        return state, sub(text, pos), #text + 1
    end

    if sub(text, at, at) == ">" then
        local raw = RAW[state.element] and not state.closing

        return raw and { at = "raw", element = state.element } or TEXT,
               sub(text, pos, at), at + 1
    end

    local name = match(text, "^[^%s=>/\"']+", at) or sub(text, at, at)
    local after = at + #name

    return with(state, { at = "equals", attr = attr_type(name) }),
           sub(text, pos, after - 1), after
end


function step.equals(state, text, pos)
    local after = match(text, "^%s*=%s*()", pos)

    if not after then
        -- an attribute without a value
        return with(state, { at = "tag" }), "", pos
    end

    local delim = match(text, "^[\"']", after) or ""

    after = after + #delim

    return with(state, { at = "value", delim = delim, part = "start" }),
           sub(text, pos, after - 1), after
end


local function part_after(state, value)
    if state.part == "query" or find(value, "[?#]") then
        return "query"
    elseif value ~= "" and find(value, "%S") then
        return "path"
    end

    return state.part
end


function step.value(state, text, pos)
    local stop

    if state.delim == "" then
        stop = find(text, "[%s>]", pos)
    else
        stop = find(text, state.delim, pos, true)
    end

    if not stop then
        return with(state, { part = part_after(state, sub(text, pos)) }),
               sub(text, pos), #text + 1
    end

    local tag = { at = "tag", element = state.element,
                  closing = state.closing }

    return tag, sub(text, pos, stop - 1 + #state.delim), stop + #state.delim
end


function step.raw(state, text, pos)
    local open = find(lower(text), "</" .. state.element, pos, true)

    if not open then
        return state, sub(text, pos), #text + 1
    end

    local after = open + 2 + #state.element

    return { at = "tag", element = state.element, closing = true },
           sub(text, pos, after - 1), after
end


-- the state behind a text, and the text without comments
local function advance(state, text)
    local out, pos = {}, 1

    while pos <= #text do
        local piece

        state, piece, pos = step[state.at](state, text, pos)
        out[#out + 1] = piece
    end

    return state, concat(out)
end


M.advance = advance


--
-- Escaping.
--

local function as_html(s)
    return (gsub(escape.html(s), "+", "&#43;"))
end


-- in a value without quotes white space and more would end it
local function as_bare_value(s)
    if s == "" then
        return "ZgotmplZ"
    end

    return (gsub(as_html(s), "[%s=`]", function(c)
        return format("&#%d;", byte(c))
    end))
end


local function is_of(v, class)
    return type(v) == "table" and getmetatable(v) == class
end


local function text_of(v, printed)
    return v == types.NIL and "" or printed(v)
end


local function escape_text(v, printed)
    if is_of(v, types.HTML) then
        return v.s
    end

    return as_html(text_of(v, printed))
end


-- of a title or a textarea, where tags mean nothing
local function escape_plain(v, printed)
    return as_html(text_of(v, printed))
end


-- what no value of a property needs could end it and begin another
local function escape_css(v, printed)
    local s = text_of(v, printed)

    if find(s, "[%z\"'()/;@%[\\%]`{}<>]") or find(s, "--", 1, true)
       or find(lower(s), "expression", 1, true)
       or find(lower(s), "mozbinding", 1, true)
    then
        return "ZgotmplZ"
    end

    return as_html(s)
end


local function url_escaper(part)
    return function(v, printed)
        local s = text_of(v, printed)

        if part == "query" then
            return escape.url_part(s)
        elseif part == "start" and not is_of(v, types.URL)
               and not escape.is_safe_url(s)
        then
            return "#ZgotmplZ"
        end

        return escape.normalize_url(s)
    end
end


-- names of tags and attributes, and whatever stands between them
local function escape_name(v, printed)
    local s = lower(text_of(v, printed))

    if find(s, "^[%w-]+$") and attr_type(s) == "plain" then
        return s
    end

    return "ZgotmplZ"
end


local function value_escaper(state)
    local quote = state.delim == "" and as_bare_value or as_html

    if state.attr == "url" then
        local url = url_escaper(state.part)

        return function(v, printed)
            return quote(url(v, printed))
        end
    elseif state.attr == "css" then
        return escape_css
    end

    return function(v, printed)
        return quote(text_of(v, printed))
    end
end


--
-- Walking the tree.  An escaper is of one set of templates; it makes a copy
-- of a template for each state in which it is called.
--

local Escaper = {}
Escaper.__index = Escaper


function Escaper:fail(fmt, ...)
    error({ template = format("html/template:%s: %s", self.name,
                              format(fmt, ...)) }, 0)
end


-- the escaper of an action in a state, and the state behind it
function Escaper:action(state, node)
    if #node.pipe.decl > 0 then
        return nil, state
    end

    local at = state.at

    if at == "comment" then
        return function() return "" end, state
    elseif at == "text" then
        return escape_text, state
    elseif at == "raw" and state.element == "style" then
        return escape_css, state
    elseif at == "raw" and state.element == "script" or state.attr == "js"
    then
        self:fail("%s appears in a script", parse.text_of(node))
    elseif at == "raw" then
        return escape_plain, state
    elseif at == "value" then
        local part = state.part == "start" and "path" or state.part

        return value_escaper(state), with(state, { part = part })
    end

    return escape_name, with(state, { at = "tag" })
end


function Escaper:branches(state, node)
    local copy = with(node, {})
    local after, other

    copy.list, after = self:list(state, node.list)
    copy.else_list, other = self:list(state, node.else_list or {})

    if node.type == "range" and key_of(after) ~= key_of(state) then
        -- the second round begins where the first one ended
        copy.list, other = self:list(after, node.list)
    end

    if key_of(after) ~= key_of(other) then
        -- a path and the start of a URL may meet
        if after.at == "value" and other.at == "value"
           and after.part ~= "query" and other.part ~= "query"
        then
            return copy, with(after, { part = "path" })
        end

        self:fail("{{%s}} branches end in different contexts", node.type)
    end

    return copy, after
end


-- the copy of a template for calls in a state: its name, the state behind
function Escaper:derive(state, name)
    local derived = name .. "$html$" .. key_of(state)
    local known = self.after[derived]

    if known then
        return derived, known
    end

    local tmpl = self.set:lookup(name)

    if not tmpl then
        return name, state
    end

    -- a template that calls itself is taken to end where it began
    self.after[derived] = state

    local copy = with(tmpl, {})
    local outer = self.name

    self.name = name
    copy.closure = nil
    copy.nodes, self.after[derived] = self:list(state, tmpl.nodes)
    self.name = outer
    self.set.templates[derived] = copy

    return derived, self.after[derived]
end


function Escaper:node(state, node)
    local t = node.type
    local copy

    if t == "text" then
        copy = with(node, {})
        state, copy.text = advance(state, node.text)
        return copy, state
    elseif t == "action" then
        copy = with(node, {})
        copy.escape, state = self:action(state, node)
        return copy, state
    elseif t == "if" or t == "with" or t == "range" then
        return self:branches(state, node)
    elseif t == "template" then
        copy = with(node, {})
        copy.name, state = self:derive(state, node.name)
        return copy, state
    end

    return node, state
end


function Escaper:list(state, nodes)
    local out = {}

    for i, node in ipairs(nodes) do
        out[i], state = self:node(state, node)
    end

    return out, state
end


--
-- Prepares a template of the set for use as a whole document.  Its name for
-- execution, or nil and a message.
--
function M.prepare(set, name)
    local e = setmetatable({ set = set, after = {}, name = name }, Escaper)
    local ok, derived, after = pcall(e.derive, e, TEXT, name)

    if not ok then
        if type(derived) == "table" and derived.template then
            return nil, derived.template
        end
        error(derived, 0)
    end

    if after.at ~= "text" then
        return nil, format("html/template: %s: ends in a non-text context",
                           name)
    end

    return derived
end


return M
