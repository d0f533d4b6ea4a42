--
-- Copyright (C) The Pharos Authors
--
-- Format: Go's fmt: Sprintf, Sprint, Sprintln and the text of any value, to
-- the letter, for the types that templates can hold (template/types.lua).
--

local literal = require "pharos.template.literal"
local types = require "pharos.template.types"

local getmetatable, tonumber, tostring = getmetatable, tonumber, tostring
local type, ipairs, select = type, ipairs, select
local byte, find, fmt, gsub = string.byte, string.find, string.format,
                              string.gsub
local lower, match, rep, sub, upper = string.lower, string.match, string.rep,
                                      string.sub, string.upper
local abs, concat, huge = math.abs, table.concat, math.huge

local M = {}

local NIL = types.NIL

-- more is refused, as Go refuses more than a million
local MAX_WIDTH = 10000


--
-- Floats.
--

-- digits without a point and the exponent of the first: 1.5e3 -> "15", 3
local function shortest(v)
    local s

    for precision = 14, 16 do
        s = fmt("%." .. precision .. "e", v)
        if tonumber(s) == v then
            break
        end
    end

    -- numbers below the normal range have fewer digits than 15
    if abs(v) < 2.3e-308 then
        for precision = 0, 16 do
            s = fmt("%." .. precision .. "e", v)
            if tonumber(s) == v then
                break
            end
        end
    end

    local first, rest, exponent = match(s, "^-?(%d)%.?(%d*)e([+-]%d+)$")
    local digits = gsub(first .. rest, "0+$", "")

    return digits == "" and "0" or digits, tonumber(exponent)
end


local function special(v)
    if v ~= v then
        return "NaN"
    elseif v == huge then
        return "+Inf"
    elseif v == -huge then
        return "-Inf"
    end

    return nil
end


local function exponent_text(e)
    return fmt("e%s%02d", e < 0 and "-" or "+", abs(e))
end


local function is_negative(v)
    return v < 0 or (v == 0 and 1 / v < 0)
end


-- strconv.FormatFloat(v, 'e' | 'f' | 'g', -1, 64)
local function format_shortest(v, verb)
    local digits, e = shortest(abs(v))
    local sign = is_negative(v) and "-" or ""

    if verb == "e" or (verb == "g" and (e < -4 or e >= 6)) then
        return sign .. sub(digits, 1, 1)
               .. (#digits > 1 and "." .. sub(digits, 2) or "")
               .. exponent_text(e)
    elseif e < 0 then
        return sign .. "0." .. rep("0", -e - 1) .. digits
    elseif #digits <= e + 1 then
        return sign .. digits .. rep("0", e + 1 - #digits)
    end

    return sign .. sub(digits, 1, e + 1) .. "." .. sub(digits, e + 2)
end


--
-- LuaJIT formats up to 99 digits exactly, but rounds halves up, where Go
-- rounds them to even: an odd last digit of a half goes down by one.
--
local function format_exact(v, verb, precision)
    local s = fmt("%." .. precision .. verb, v)
    local long = match(fmt("%.99" .. verb, v), "^[^e]*")
    local after = #long - 99 + precision + 1

    -- 9.5e1 goes up to 1e2, whose digit is odd and right
    if not find(long, "^50*$", after)
       or (verb == "e" and precision == 0 and find(long, "^-?9"))
    then
        return s
    end

    local digits, tail = match(s, "^([^e]*)(.*)$")

    return (gsub(digits, "[13579]$", function(digit)
        return digit - 1
    end)) .. tail
end


-- %.<precision>g from the digits of %e
local function format_general(v, precision, keep_zeros)
    precision = precision == 0 and 1 or precision

    local s = format_exact(v, "e", precision - 1)
    local mantissa, e = match(s, "^([^e]*)e(.*)$")
    local exponent = tonumber(e)

    if exponent < -4 or exponent >= precision then
        if find(mantissa, ".", 1, true) and not keep_zeros then
            mantissa = gsub(mantissa, "%.?0+$", "")
        end
        return mantissa .. exponent_text(exponent)
    end

    s = format_exact(v, "f", precision - 1 - exponent)
    if find(s, ".", 1, true) and not keep_zeros then
        s = gsub(s, "%.?0+$", "")
    end

    return s
end


-- "+Inf" and all; precision nil: as many digits as tell v from others
function M.float(v, verb, precision, keep_zeros)
    local text = special(v)

    if text then
        return text
    elseif not precision then
        return format_shortest(v, verb)
    end

    -- more digits than 74 would be beyond what format_exact() can judge
    if precision > 74 then
        return fmt("%." .. (precision > 99 and 99 or precision) .. verb, v)
    elseif verb == "g" then
        return format_general(v, precision, keep_zeros)
    end

    return format_exact(v, verb, precision)
end


-- %v of a float64
local function float_text(v)
    return M.float(v, "g")
end


--
-- Verbs.  An item is { verb, minus, plus, sharp, space, zero, width,
-- precision }.
--

local function utf8_length(s)
    local _, n = gsub(s, "[^\128-\191]", "")

    return n
end


local function pad(item, s)
    local missing = (item.width or 0) - utf8_length(s)

    if missing <= 0 then
        return s
    elseif item.minus then
        return s .. rep(" ", missing)
    end

    return rep(" ", missing) .. s
end


-- zeros go between the sign and the digits
local function pad_number(item, s)
    local missing = (item.width or 0) - #s

    if not item.zero or item.minus or missing <= 0 then
        return pad(item, s)
    end

    local sign, digits = match(s, "^([+ -]?)(.*)$")

    return sign .. rep("0", missing) .. digits
end


local function with_sign(item, s)
    if find(s, "^[+-]") then
        return s
    elseif item.plus then
        return "+" .. s
    elseif item.space then
        return " " .. s
    end

    return s
end


local FLOAT_PRECISION = { e = 6, E = 6, f = 6, F = 6 }


local function format_float(item, v)
    local verb = item.verb == "v" and "g" or lower(item.verb)
    local precision = item.precision or FLOAT_PRECISION[item.verb]

    if item.sharp and verb == "g" and not precision then
        precision = 6
    end

    local s = M.float(v, verb, precision, item.sharp)

    if special(v) then
        local item_without = { width = item.width, minus = item.minus }

        return pad(item_without, with_sign(item, s))
    end

    if item.verb == "E" or item.verb == "G" then
        s = upper(s)
    end

    if item.sharp and not find(s, ".", 1, true) then
        s = gsub(s, "^([+-]?%d+)", "%1.", 1)
    end

    return pad_number(item, with_sign(item, s))
end


local BASE = { b = 2, o = 8, O = 8, d = 10, v = 10, x = 16, X = 16 }
local PREFIX = { b = "0b", o = "0", O = "0o", x = "0x", X = "0X" }


local function digits_of(v, base)
    local out = {}

    -- negative remainders keep the smallest int64_t representable
    repeat
        local d = tonumber(v % base)

        out[#out + 1] = sub("0123456789abcdef", abs(d) + 1, abs(d) + 1)
        v = v / base
    until v == 0LL

    return concat(out):reverse()
end


local function format_int(item, v)
    local verb = item.verb
    local s = digits_of(v, BASE[verb])

    if verb == "X" then
        s = upper(s)
    end

    if item.precision then
        s = rep("0", item.precision - #s) .. s
        if item.precision == 0 and v == 0LL then
            return pad(item, "")
        end
    end

    if verb == "O" or (item.sharp and PREFIX[verb]) then
        s = PREFIX[verb] .. s
    end

    s = with_sign(item, (v < 0LL and "-" or "") .. s)

    if item.precision then
        return pad(item, s)
    end

    return pad_number(item, s)
end


local function format_char(item, v)
    local code = tonumber(v)

    if code < 0 or code > 0x10ffff or (code >= 0xd800 and code <= 0xdfff) then
        code = 0xfffd
    end

    local c = literal.utf8_char(code)

    if item.verb == "c" then
        return pad(item, c)
    elseif item.verb == "q" then
        return pad(item, literal.quote(c, item.plus, "'"))
    end

    local s = fmt("U+%04X", code)

    return pad(item, item.sharp and s .. " '" .. c .. "'" or s)
end


local function truncate(s, n)
    local pos = 1

    while n > 0 and pos <= #s do
        local _, len = literal.utf8_decode(s, pos)

        pos = pos + len
        n = n - 1
    end

    return sub(s, 1, pos - 1)
end


local function hex(item, s)
    if item.precision then
        s = sub(s, 1, item.precision)
    end

    local code = item.verb == "x" and "%02x" or "%02X"
    local prefix = item.sharp and "0" .. item.verb or ""

    if item.space then
        local out = gsub(s, ".", function(c)
            return " " .. prefix .. fmt(code, byte(c))
        end)

        return sub(out, 2)
    end

    return (s == "" and "" or prefix) .. gsub(s, ".", function(c)
        return fmt(code, byte(c))
    end)
end


local function format_string(item, s)
    if item.verb == "x" or item.verb == "X" then
        return pad(item, hex(item, s))
    end

    if item.precision then
        s = truncate(s, item.precision)
    end

    if item.verb == "q" then
        if item.sharp and not find(s, "[`%c]") then
            s = "`" .. s .. "`"
        else
            s = literal.quote(s, item.plus)
        end
    end

    return pad_number(item, s)
end


local format_value


local function bad_verb(item, v)
    if v == NIL then
        return "%!" .. item.verb .. "(<nil>)"
    end

    -- the flags stay in force
    local plain = setmetatable({ verb = "v" }, { __index = item })

    return "%!" .. item.verb .. "(" .. types.name(v) .. "="
           .. format_value(plain, v) .. ")"
end


--
-- Composite values: their parts are formatted with the same verb and flags.
--

local function format_map(item, v)
    local out = {}

    for i, k in ipairs(types.sorted_keys(v.m)) do
        out[i] = format_value(item, k) .. ":" .. format_value(item, v.m[k])
    end

    return "map[" .. concat(out, " ") .. "]"
end


local function format_slice(item, v)
    local out = {}

    for i, e in ipairs(v) do
        out[i] = format_value(item, e)
    end

    return "[" .. concat(out, " ") .. "]"
end


local function format_struct(item, v, class)
    local out = {}

    for i, name in ipairs(class.fields) do
        local s = format_value(item, v[name])

        out[i] = item.plus and item.verb == "v" and name .. ":" .. s or s
    end

    return (class.pointer and "&" or "") .. "{" .. concat(out, " ") .. "}"
end


local STRING_VERBS = { v = true, s = true, q = true, x = true, X = true }
local FLOAT_VERBS = { v = true, e = true, E = true, f = true, F = true,
                      g = true, G = true }
local CHAR_VERBS = { c = true, q = true, U = true }


local function format_table(item, v)
    local class = getmetatable(v)

    if v == NIL then
        if item.verb == "v" then
            return pad(item, "<nil>")
        end

        return bad_verb(item, v)
    end

    if class.tostring and STRING_VERBS[item.verb]
       and not (item.sharp and item.verb == "v")
    then
        return format_string(item, class.tostring(v))
    end

    if class.kind == "string" then
        return format_value(item, v.s)
    elseif class.kind == "int" then
        return format_value(item, v.i)
    elseif class.kind == "map" then
        return format_map(item, v)
    elseif class.kind == "slice" then
        return format_slice(item, v)
    end

    return format_struct(item, v, class)
end


function format_value(item, v)
    local t = type(v)
    local verb = item.verb

    if verb == "T" then
        return pad(item, types.name(v))
    elseif t == "string" then
        return STRING_VERBS[verb] and format_string(item, v)
               or bad_verb(item, v)
    elseif t == "number" then
        return FLOAT_VERBS[verb] and format_float(item, v)
               or bad_verb(item, v)
    elseif t == "cdata" then
        return BASE[verb] and format_int(item, v)
               or CHAR_VERBS[verb] and format_char(item, v)
               or bad_verb(item, v)
    elseif t == "boolean" then
        return (verb == "v" or verb == "t") and pad(item, tostring(v))
               or bad_verb(item, v)
    end

    return format_table(item, v)
end


--
-- Format strings.
--

local FLAGS = {
    ["-"] = "minus", ["+"] = "plus", ["#"] = "sharp", [" "] = "space",
    ["0"] = "zero",
}

local State = {}
State.__index = State


function State:next_arg()
    self.used = self.used + 1

    return self.args[self.used], self.used <= self.n
end


-- "*" or digits at pos; nil if neither, false if "*" finds no int
function State:number(pos)
    if sub(self.text, pos, pos) == "*" then
        local v, ok = self:next_arg()
        local i = ok and types.int_of(v)

        if not i or i > MAX_WIDTH or i < -MAX_WIDTH then
            return false, pos + 1
        end

        return tonumber(i), pos + 1
    end

    local digits = match(self.text, "^%d+", pos)

    if not digits then
        return nil, pos
    end

    return tonumber(digits), pos + #digits
end


-- [3] before a verb or "*": the argument to take
function State:index(pos)
    local digits, after = match(self.text, "^%[(%d+)%]()", pos)

    if digits then
        local i = tonumber(digits)

        self.reordered = true
        self.bad_index = i < 1 or i > self.n
        if not self.bad_index then
            self.used = i - 1
        end

        return after
    end

    return pos
end


function State:flags(pos, item)
    local flag = FLAGS[sub(self.text, pos, pos)]

    while flag do
        item[flag] = true
        pos = pos + 1
        flag = FLAGS[sub(self.text, pos, pos)]
    end

    return pos
end


function State:width_and_precision(pos, item)
    item.width, pos = self:number(self:index(pos))

    if item.width == false then
        self:put("%!(BADWIDTH)")
        item.width = nil
    elseif item.width and item.width < 0 then
        item.minus, item.zero = true, nil
        item.width = -item.width
    end

    if sub(self.text, pos, pos) == "." then
        item.precision, pos = self:number(self:index(pos + 1))

        if item.precision == false
           or (item.precision and item.precision < 0)
        then
            self:put("%!(BADPREC)")
            item.precision = nil
        elseif not item.precision then
            item.precision = 0
        end
    end

    return pos
end


function State:put(s)
    self.out[#self.out + 1] = s
end


-- one verb, pos after its "%"; returns where the text goes on
function State:verb(pos)
    local item = {}

    self.bad_index = false
    pos = self:flags(pos, item)
    pos = self:width_and_precision(pos, item)
    pos = self:index(pos)

    if (item.width or 0) > MAX_WIDTH or (item.precision or 0) > MAX_WIDTH then
        self:put("%!(BADWIDTH)")
        item.width, item.precision = nil, nil
    end

    if pos > #self.text then
        self:put("%!(NOVERB)")
        return pos
    end

    local _, len = literal.utf8_decode(self.text, pos)

    item.verb = sub(self.text, pos, pos + len - 1)

    if item.verb == "%" then
        self:put("%")
    elseif self.bad_index then
        self:put("%!" .. item.verb .. "(BADINDEX)")
    else
        local v, ok = self:next_arg()

        self:put(ok and format_value(item, v)
                 or "%!" .. item.verb .. "(MISSING)")
    end

    return pos + len
end


local function extra_args(args, used, n)
    local out = {}

    for i = used + 1, n do
        local v = args[i]

        out[#out + 1] = v == NIL and "<nil>"
                        or types.name(v) .. "=" .. M.text(v)
    end

    return "%!(EXTRA " .. concat(out, ", ") .. ")"
end


function M.sprintf(text, ...)
    local st = setmetatable({ text = text, args = { ... },
                              n = select("#", ...), used = 0, out = {} },
                            State)
    local pos = 1

    while true do
        local percent = find(text, "%", pos, true)

        if not percent then
            break
        end

        st:put(sub(text, pos, percent - 1))
        pos = st:verb(percent + 1)
    end

    st:put(sub(text, pos))

    if not st.reordered and st.used < st.n then
        st:put(extra_args(st.args, st.used, st.n))
    end

    return concat(st.out)
end


-- what {{ v }} prints: %v, but of a pointer what it points to
function M.text(v)
    local t = type(v)

    if t == "string" then
        return v
    elseif t == "number" then
        return float_text(v)
    end

    return format_value({ verb = "v" }, v)
end


-- fmt.Sprint(): a space between two operands when neither is a string
function M.sprint(...)
    local out = {}
    local was_string = true

    for i = 1, select("#", ...) do
        local v = select(i, ...)
        local is_string = types.string_of(v) ~= nil

        if i > 1 and not is_string and not was_string then
            out[#out + 1] = " "
        end

        out[#out + 1] = M.text(v)
        was_string = is_string
    end

    return concat(out)
end


function M.sprintln(...)
    local out = {}

    for i = 1, select("#", ...) do
        out[i] = M.text((select(i, ...)))
    end

    return concat(out, " ") .. "\n"
end


return M
