--
-- Copyright (C) The Pharos Authors
--
-- Lexer: the text of a Go template to a list of tokens.  A malformed text
-- ends in a token of type "error" whose value is the message; nothing here
-- knows grammar.
--
-- A token is { typ, val, pos, line }: pos counts bytes from 0, as Go's
-- messages do, line counts from 1.
--

local byte, find, match, sub = string.byte, string.find, string.match,
                               string.sub
local format = string.format

local M = {}

local Lexer = {}
Lexer.__index = Lexer

local KEYWORDS = {
    ["block"] = true, ["break"] = true, ["continue"] = true,
    ["define"] = true, ["else"] = true, ["end"] = true, ["if"] = true,
    ["nil"] = true, ["range"] = true, ["template"] = true, ["with"] = true,
}

M.KEYWORDS = KEYWORDS

-- what may be part of a name: ASCII words and any byte of a longer sequence
local WORD = "[%w_\128-\255]"


function Lexer:emit(typ, last)
    local val = sub(self.text, self.start, last)

    self.tokens[#self.tokens + 1] = {
        typ = typ, val = val, pos = self.start - 1, line = self.line,
    }

    self:skip_to(last + 1)
end


-- moves past what no token needs, counting its lines
function Lexer:skip_to(pos)
    local from = self.start

    while true do
        local nl = find(self.text, "\n", from, true)

        if not nl or nl >= pos then
            break
        end

        self.line = self.line + 1
        from = nl + 1
    end

    self.start = pos
end


function Lexer:fail(fmt, ...)
    self.tokens[#self.tokens + 1] = {
        typ = "error", val = format(fmt, ...), pos = self.start - 1,
        line = self.line,
    }
    self.failed = true
end


-- U+0041 'A', as Go's %#U prints the character at pos
local function char_text(text, pos)
    local c = byte(text, pos)

    if not c then
        return "U+FFFFFFFFFFFFFFFF"
    end

    local n = c < 0x80 and 1 or c < 0xe0 and 2 or c < 0xf0 and 3 or 4
    local code = n == 1 and c or c % (2 ^ (7 - n))

    for i = 1, n - 1 do
        code = code * 64 + (byte(text, pos + i) or 0x80) % 64
    end

    if code < 0x20 or code == 0x7f then
        return format("U+%04X", code)
    end

    return format("U+%04X '%s'", code, sub(text, pos, pos + n - 1))
end


local function at_right_delim(text, pos)
    if sub(text, pos, pos + 1) == "}}" then
        return true, false
    end

    if find(text, "^[ \t\r\n]%-}}", pos) then
        return true, true
    end

    return false, false
end


local function at_terminator(text, pos)
    local c = sub(text, pos, pos)

    if c == "" or find(c, "[ \t\r\n%.,|:%)%(]") then
        return true
    end

    return sub(text, pos, pos + 1) == "}}"
end


-- text up to the next action; returns false at the end
function Lexer:lex_text()
    local text = self.text
    local open = find(text, "{{", self.start, true)

    if not open then
        if self.start <= #text then
            self:emit("text", #text)
        end

        return false
    end

    local last = open - 1

    if find(text, "^%-[ \t\r\n]", open + 2) then
        while last >= self.start and find(sub(text, last, last), "[ \t\r\n]")
        do
            last = last - 1
        end
    end

    if last >= self.start then
        self:emit("text", last)
    end

    self:skip_to(open)

    return true
end


function Lexer:trim_after()
    local first = find(self.text, "[^ \t\r\n]", self.start)

    self:skip_to(first or #self.text + 1)
end


function Lexer:lex_comment(body)
    local text = self.text

    self:skip_to(body)

    local close = find(text, "*/", body, true)
    if not close then
        return self:fail("unclosed comment")
    end

    local is_delim, trim = at_right_delim(text, close + 2)
    if not is_delim then
        return self:fail("comment ends before closing delimiter")
    end

    self:skip_to(close + 2 + (trim and 4 or 2))

    if trim then
        self:trim_after()
    end
end


function Lexer:lex_left_delim()
    local text = self.text
    local after = self.start + 2

    if find(text, "^%-[ \t\r\n]", after) then
        after = after + 2
    end

    if sub(text, after, after + 1) == "/*" then
        return self:lex_comment(after)
    end

    -- the trim marker's space belongs to the delimiter
    self:emit("left", self.start + 1)
    self:skip_to(after)
    self.paren_depth = 0
    self.in_action = true
end


function Lexer:lex_right_delim(trim)
    if self.paren_depth > 0 then
        return self:fail("unclosed left paren")
    end

    if trim then
        self:skip_to(self.start + 2)
    end

    self:emit("right", self.start + 1)
    self.in_action = false

    if trim then
        self:trim_after()
    end
end


-- a quoted string or character constant, with backslash escapes
function Lexer:lex_quote(quote, typ, what)
    local text = self.text
    local pos = self.start + 1

    while true do
        local c = sub(text, pos, pos)

        if c == "\\" then
            pos = pos + 1
            c = sub(text, pos, pos)
            if c == "" or c == "\n" then
                return self:fail("unterminated %s", what)
            end

        elseif c == "" or c == "\n" then
            return self:fail("unterminated %s", what)

        elseif c == quote then
            return self:emit(typ, pos)
        end

        pos = pos + 1
    end
end


function Lexer:lex_raw_quote()
    local close = find(self.text, "`", self.start + 1, true)

    if not close then
        return self:fail("unterminated raw quoted string")
    end

    self:emit("rawstring", close)
end


local function skip(text, pos, set)
    local _, last = find(text, "^" .. set .. "+", pos)

    return last and last + 1 or pos
end


-- the end of a number as Go scans it, syntax only
local function scan_number(text, pos)
    local digits = "[0-9_]"
    local exponent = "^[eE]"

    if find(text, "^[+-]", pos) then
        pos = pos + 1
    end

    if find(text, "^0[xX]", pos) then
        digits, exponent, pos = "[0-9a-fA-F_]", "^[pP]", pos + 2
    elseif find(text, "^0[oO]", pos) then
        digits, exponent, pos = "[0-7_]", nil, pos + 2
    elseif find(text, "^0[bB]", pos) then
        digits, exponent, pos = "[01_]", nil, pos + 2
    end

    pos = skip(text, pos, digits)
    if sub(text, pos, pos) == "." then
        pos = skip(text, pos + 1, digits)
    end

    if exponent and find(text, exponent, pos) then
        pos = pos + 1
        if find(text, "^[+-]", pos) then
            pos = pos + 1
        end
        pos = skip(text, pos, "[0-9_]")
    end

    return pos
end


function Lexer:lex_number()
    local text = self.text
    local pos = scan_number(text, self.start)

    if find(text, "^" .. WORD, pos) then
        return self:fail("bad number syntax: \"%s\"",
                         sub(text, self.start, pos))
    end

    self:emit("number", pos - 1)
end


-- .name or $name, either also alone
function Lexer:lex_field_or_variable(typ)
    local text = self.text

    if at_terminator(text, self.start + 1) then
        return self:emit(typ == "variable" and typ or "dot", self.start)
    end

    local pos = skip(text, self.start + 1, WORD)

    if not at_terminator(text, pos) then
        return self:fail("bad character %s", char_text(text, pos))
    end

    self:emit(typ, pos - 1)
end


function Lexer:lex_identifier()
    local text = self.text
    local pos = skip(text, self.start, WORD)
    local word = sub(text, self.start, pos - 1)

    if not at_terminator(text, pos) then
        return self:fail("bad character %s", char_text(text, pos))
    end

    if KEYWORDS[word] then
        self:emit(word, pos - 1)
    elseif word == "true" or word == "false" then
        self:emit("bool", pos - 1)
    else
        self:emit("identifier", pos - 1)
    end
end


local SINGLE = {
    ["="] = "assign", ["|"] = "pipe",
}


function Lexer:lex_space()
    local pos = skip(self.text, self.start, "[ \t\r\n]")

    -- the last space belongs to a trim marker
    if sub(self.text, pos, pos + 2) == "-}}" then
        pos = pos - 1
    end

    if pos > self.start then
        self:emit("space", pos - 1)
    end
end


function Lexer:lex_paren(c)
    if c == "(" then
        self.paren_depth = self.paren_depth + 1
        return self:emit("leftparen", self.start)
    end

    self.paren_depth = self.paren_depth - 1
    self:emit("rightparen", self.start)
end


function Lexer:lex_punctuation(c)
    local text = self.text

    if SINGLE[c] then
        self:emit(SINGLE[c], self.start)

    elseif c == ":" then
        if sub(text, self.start + 1, self.start + 1) ~= "=" then
            return self:fail("expected :=")
        end
        self:emit("declare", self.start + 1)

    elseif find(c, "[ -~]") then
        self:emit("char", self.start)

    else
        self:fail("unrecognized character in action: %s",
                  char_text(text, self.start))
    end
end


function Lexer:lex_inside_action()
    local text = self.text
    local is_delim, trim = at_right_delim(text, self.start)

    if is_delim then
        return self:lex_right_delim(trim)
    end

    local c = sub(text, self.start, self.start)

    if c == "" then
        self:fail("unclosed action")
    elseif find(c, "[ \t\r\n]") then
        self:lex_space()
    elseif c == '"' then
        self:lex_quote('"', "string", "quoted string")
    elseif c == "'" then
        self:lex_quote("'", "charconst", "character constant")
    elseif c == "`" then
        self:lex_raw_quote()
    elseif c == "$" then
        self:lex_field_or_variable("variable")
    elseif c == "." and not find(text, "^%d", self.start + 1) then
        self:lex_field_or_variable("field")
    elseif c == "(" or c == ")" then
        self:lex_paren(c)
    elseif find(c, "[0-9+%-%.]") then
        self:lex_number()
    elseif match(c, WORD) then
        self:lex_identifier()
    else
        self:lex_punctuation(c)
    end
end


-- the tokens of a text; the last one is "eof" or "error"
function M.tokens(text)
    local lx = setmetatable({
        text = text, start = 1, line = 1, tokens = {}, paren_depth = 0,
        in_action = false, failed = false,
    }, Lexer)

    while not lx.failed do
        if lx.in_action then
            lx:lex_inside_action()
        elseif lx:lex_text() then
            lx:lex_left_delim()
        else
            break
        end
    end

    if not lx.failed then
        lx.tokens[#lx.tokens + 1] = {
            typ = "eof", val = "", pos = #text, line = lx.line,
        }
    end

    return lx.tokens
end


return M
