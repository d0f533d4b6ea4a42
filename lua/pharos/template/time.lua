--
-- Copyright (C) The Pharos Authors
--
-- Time: Go's time.Time, time.Duration, time.Month and time.Weekday as
-- templates see them: methods, layouts, time zones.  Nothing here reads a
-- clock; a zone's file is read by a function given by the caller.
--

local types = require "pharos.template.types"

local setmetatable, tonumber, type = setmetatable, tonumber, type
local byte, find, format, match = string.byte, string.find, string.format,
                                  string.match
local gsub, rep, sub = string.gsub, string.rep, string.sub
local floor, abs, concat = math.floor, math.abs, table.concat

local M = {}

local int = types.int

local DAY = 86400

-- 1 January of the year 1, the zero time
local ZERO_S = -62135596800

local MONTHS = { "January", "February", "March", "April", "May", "June",
                 "July", "August", "September", "October", "November",
                 "December" }
local WEEKDAYS = { [0] = "Sunday", "Monday", "Tuesday", "Wednesday",
                   "Thursday", "Friday", "Saturday" }

M.Month = types.class {
    name = "time.Month", kind = "int",
    tostring = function(v)
        return MONTHS[tonumber(v.i)] or "%!Month(" .. types.int_text(v.i)
                                        .. ")"
    end,
}

M.Weekday = types.class {
    name = "time.Weekday", kind = "int",
    tostring = function(v)
        return WEEKDAYS[tonumber(v.i)]
    end,
}


--
-- The calendar: days since the epoch to a civil date and back, proleptic
-- Gregorian, in eras of 400 years that begin on 1 March.
--

local function civil(days)
    local z = days + 719468
    local era = floor(z / 146097)
    local doe = z - era * 146097
    local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524)
                       - floor(doe / 146096)) / 365)
    local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
    local mp = floor((5 * doy + 2) / 153)
    local month = mp < 10 and mp + 3 or mp - 9

    return yoe + era * 400 + (month <= 2 and 1 or 0), month,
           doy - floor((153 * mp + 2) / 5) + 1
end


local function days_of(year, month, day)
    local y = month <= 2 and year - 1 or year
    local era = floor(y / 400)
    local yoe = y - era * 400
    local doy = floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5)
                + day - 1

    return era * 146097 + yoe * 365 + floor(yoe / 4) - floor(yoe / 100) + doy
           - 719468
end


M.days_of = days_of


-- everything a layout may ask for, in the zone of the time
local function date_of(t)
    local s = t.s + t.offset
    local days = floor(s / DAY)
    local rest = s - days * DAY
    local year, month, day = civil(days)

    return {
        year = year, month = month, day = day,
        yearday = days - days_of(year, 1, 1) + 1,
        weekday = (days + 4) % 7,
        hour = floor(rest / 3600), minute = floor(rest / 60) % 60,
        second = rest % 60, ns = t.ns,
    }
end


--
-- Durations.
--

-- a fraction without trailing zeros: 1500, 3 -> "1.5"
local function fraction(v, digits)
    local base = 10LL

    for _ = 2, digits do
        base = base * 10
    end

    local whole = types.int_text(v / base)
    local rest = types.int_text(v % base)

    rest = gsub(rep("0", digits - #rest) .. rest, "0+$", "")

    return rest == "" and whole or whole .. "." .. rest
end


local function duration_text(d)
    local v = d.i
    local sign = ""

    if v == 0LL then
        return "0s"
    elseif v < 0LL then
        v, sign = -v, "-"
    end

    if v < 1000LL then
        return sign .. types.int_text(v) .. "ns"
    elseif v < 1000000LL then
        return sign .. fraction(v, 3) .. "µs"
    elseif v < 1000000000LL then
        return sign .. fraction(v, 6) .. "ms"
    end

    local minutes = v / 60000000000LL
    local out = fraction(v % 60000000000LL, 9) .. "s"

    if minutes > 0LL then
        out = types.int_text(minutes % 60) .. "m" .. out
        if minutes >= 60LL then
            out = types.int_text(minutes / 60) .. "h" .. out
        end
    end

    return sign .. out
end


local function in_units(ns_per_unit)
    return { params = {}, call = function(d)
        local whole = tonumber(d.i / ns_per_unit)

        return whole + tonumber(d.i % ns_per_unit) / tonumber(ns_per_unit)
    end }
end


-- toward zero, or to the nearest, halves away from zero
local function rounded(nearest)
    return { params = { "duration" }, call = function(d, unit)
        local m = unit.i

        if m <= 0LL then
            return d
        end

        local r = d.i % m
        local v = d.i - r

        if nearest and (r < 0LL and -r or r) * 2 >= m then
            v = v + (d.i < 0LL and -m or m)
        end

        return M.duration(v)
    end }
end


M.Duration = types.class {
    name = "time.Duration", kind = "int", tostring = duration_text,
    methods = {
        String = { params = {}, call = duration_text },
        Hours = in_units(3600000000000LL),
        Minutes = in_units(60000000000LL),
        Seconds = in_units(1000000000LL),
        Milliseconds = { params = {}, call = function(d)
            return d.i / 1000000LL
        end },
        Microseconds = { params = {}, call = function(d)
            return d.i / 1000LL
        end },
        Nanoseconds = { params = {}, call = function(d)
            return d.i
        end },
        Abs = { params = {}, call = function(d)
            return d.i < 0LL and M.duration(-d.i) or d
        end },
        Truncate = rounded(false),
        Round = rounded(true),
    },
}


-- of nanoseconds as int64_t
function M.duration(ns)
    return setmetatable({ i = ns }, M.Duration)
end


--
-- Layouts: the reference time is Mon Jan 2 15:04:05 MST 2006.
--

local function zone_text(t, sep, with_seconds, z)
    if z and t.offset == 0 then
        return "Z"
    end

    local o = abs(t.offset)
    local s = format("%s%02d", t.offset < 0 and "-" or "+", floor(o / 3600))

    if sep then
        s = s .. format("%s%02d", sep, floor(o / 60) % 60)
    end

    return with_seconds and s .. format("%s%02d", sep, o % 60) or s
end


local function zone_name(t)
    return t.zone ~= "" and t.zone
           or zone_text(t, t.offset % 3600 ~= 0 and "" or nil)
end


local function hour12(d)
    local h = d.hour % 12

    return h == 0 and 12 or h
end


-- in the order in which they are tried at each place of a layout
local CHUNKS = {
    { "January", function(d) return MONTHS[d.month] end },
    { "Jan", function(d) return sub(MONTHS[d.month], 1, 3) end, "%l" },
    { "Monday", function(d) return WEEKDAYS[d.weekday] end },
    { "Mon", function(d) return sub(WEEKDAYS[d.weekday], 1, 3) end, "%l" },
    { "MST", function(_, t) return zone_name(t) end },
    { "2006", function(d) return format("%04d", d.year) end },
    { "Z070000", function(_, t) return zone_text(t, "", true, true) end },
    { "Z07:00:00", function(_, t) return zone_text(t, ":", true, true) end },
    { "Z0700", function(_, t) return zone_text(t, "", false, true) end },
    { "Z07:00", function(_, t) return zone_text(t, ":", false, true) end },
    { "Z07", function(_, t) return zone_text(t, nil, false, true) end },
    { "-070000", function(_, t) return zone_text(t, "", true) end },
    { "-07:00:00", function(_, t) return zone_text(t, ":", true) end },
    { "-0700", function(_, t) return zone_text(t, "") end },
    { "-07:00", function(_, t) return zone_text(t, ":") end },
    { "-07", function(_, t) return zone_text(t) end },
    { "002", function(d) return format("%03d", d.yearday) end },
    { "__2", function(d) return format("%3d", d.yearday) end },
    { "01", function(d) return format("%02d", d.month) end },
    { "02", function(d) return format("%02d", d.day) end },
    { "03", function(d) return format("%02d", hour12(d)) end },
    { "04", function(d) return format("%02d", d.minute) end },
    { "05", function(d) return format("%02d", d.second) end },
    { "06", function(d) return format("%02d", d.year % 100) end },
    { "15", function(d) return format("%02d", d.hour) end },
    { "PM", function(d) return d.hour >= 12 and "PM" or "AM" end },
    { "pm", function(d) return d.hour >= 12 and "pm" or "am" end },
    { "_2006", function(d) return "_" .. format("%04d", d.year) end },
    { "_2", function(d) return format("%2d", d.day) end },
    { "1", function(d) return format("%d", d.month) end },
    { "2", function(d) return format("%d", d.day) end },
    { "3", function(d) return format("%d", hour12(d)) end },
    { "4", function(d) return format("%d", d.minute) end },
    { "5", function(d) return format("%d", d.second) end },
}


-- .000 or ,999 after seconds, not followed by a digit
local function fraction_chunk(layout, pos, d)
    local sep, digits = match(layout, "^([.,])(0+)%f[%D]", pos)

    if digits then
        return sep .. sub(format("%09d", d.ns), 1, #digits), 1 + #digits
    end

    sep, digits = match(layout, "^([.,])(9+)%f[%D]", pos)
    if not digits then
        return nil
    end

    local s = gsub(sub(format("%09d", d.ns), 1, #digits), "0+$", "")

    return s == "" and "" or sep .. s, 1 + #digits
end


local function chunk_at(layout, pos, d, t)
    local s, len = fraction_chunk(layout, pos, d)

    if s then
        return s, len
    end

    for i = 1, #CHUNKS do
        local c = CHUNKS[i]
        local text = c[1]
        local after = pos + #text

        if sub(layout, pos, after - 1) == text
           and not (c[3] and find(layout, "^" .. c[3], after))
        then
            return c[2](d, t), #text
        end
    end

    return nil
end


function M.format(t, layout)
    local d = date_of(t)
    local out, pos = {}, 1

    while pos <= #layout do
        local s, len = chunk_at(layout, pos, d, t)

        out[#out + 1] = s or sub(layout, pos, pos)
        pos = pos + (len or 1)
    end

    return concat(out)
end


function M.rfc3339(t)
    return M.format(t, "2006-01-02T15:04:05.999999999Z07:00")
end


local function time_text(t)
    return M.format(t, "2006-01-02 15:04:05.999999999 -0700 MST")
end


--
-- Times: { s, ns, offset, zone }.
--

-- s may have a fraction; ns, if given, is in 0 .. 999999999
function M.time(s, ns, offset, zone)
    return setmetatable({ s = s, ns = ns or 0, offset = offset or 0,
                          zone = zone or "UTC" }, M.Time)
end


-- of milliseconds since the epoch
function M.of_ms(ms)
    local s = floor(ms / 1000)

    return M.time(s, (ms - s * 1000) * 1000000)
end


function M.zero()
    return M.time(ZERO_S)
end


local function sub_times(a, b)
    return M.duration(int(a.s - b.s) * 1000000000LL + int(a.ns - b.ns))
end


M.sub = sub_times


local function add(t, d)
    local ns = int(t.ns) + d.i % 1000000000LL
    local s = t.s + tonumber(d.i / 1000000000LL)

    ns = tonumber(ns)

    return M.time(s + floor(ns / 1e9), ns % 1e9, t.offset, t.zone)
end


local function compare(a, b)
    if a.s ~= b.s then
        return a.s < b.s and -1 or 1
    end

    return a.ns == b.ns and 0 or (a.ns < b.ns and -1 or 1)
end


local function part(name)
    return { params = {}, call = function(t)
        return int(date_of(t)[name])
    end }
end


local function add_date(t, years, months, days)
    local d = date_of(t)
    local month = d.month - 1 + tonumber(months)
    local year = d.year + tonumber(years) + floor(month / 12)
    local day = days_of(year, month % 12 + 1, 1) + d.day - 1 + tonumber(days)

    return M.time(day * DAY + d.hour * 3600 + d.minute * 60 + d.second
                  - t.offset, t.ns, t.offset, t.zone)
end


local function truncated(nearest)
    return { params = { "duration" }, call = function(t, unit)
        if unit.i <= 0LL then
            return t
        end

        local since = int(t.s - ZERO_S)
        local r = ((since % unit.i) * (1000000000LL % unit.i) + int(t.ns))
                  % unit.i

        -- units of whole seconds, and parts of one, come out exact
        if unit.i % 1000000000LL == 0LL then
            r = (since % (unit.i / 1000000000LL)) * 1000000000LL + int(t.ns)
        end

        if nearest and r * 2 >= unit.i then
            return add(t, M.duration(unit.i - r))
        end

        return add(t, M.duration(-r))
    end }
end


local methods = {
    Format = { params = { "string" }, call = M.format },
    String = { params = {}, call = time_text },
    Unix = { params = {}, call = function(t) return int(t.s) end },
    UnixMilli = { params = {}, call = function(t)
        return int(t.s) * 1000LL + int(floor(t.ns / 1e6))
    end },
    UnixNano = { params = {}, call = function(t)
        return int(t.s) * 1000000000LL + int(t.ns)
    end },
    Year = part("year"), Day = part("day"), Hour = part("hour"),
    Minute = part("minute"), Second = part("second"),
    Nanosecond = part("ns"), YearDay = part("yearday"),
    Month = { params = {}, call = function(t)
        return setmetatable({ i = int(date_of(t).month) }, M.Month)
    end },
    Weekday = { params = {}, call = function(t)
        return setmetatable({ i = int(date_of(t).weekday) }, M.Weekday)
    end },
    UTC = { params = {}, call = function(t) return M.time(t.s, t.ns) end },
    Local = { params = {}, call = function(t) return M.time(t.s, t.ns) end },
    IsZero = { params = {}, call = function(t)
        return t.s == ZERO_S and t.ns == 0
    end },
    Add = { params = { "duration" }, call = add },
    AddDate = { params = { "int", "int", "int" }, call = add_date },
    Sub = { params = { "time" }, call = sub_times },
    After = { params = { "time" }, call = function(a, b)
        return compare(a, b) > 0
    end },
    Before = { params = { "time" }, call = function(a, b)
        return compare(a, b) < 0
    end },
    Equal = { params = { "time" }, call = function(a, b)
        return compare(a, b) == 0
    end },
    Compare = { params = { "time" }, call = function(a, b)
        return int(compare(a, b))
    end },
    Truncate = truncated(false), Round = truncated(true),
}

M.Time = types.class {
    name = "time.Time", kind = "struct", tostring = time_text,
    methods = methods, fields = {},
}


--
-- Time zones: TZif files of RFC 8536, the 64-bit part of version 2 and
-- later; times after the last transition take its rule as it stands then.
--

local function be32(s, pos)
    local a, b, c, d = byte(s, pos, pos + 3)

    if not d then
        return nil
    end

    return ((a * 256 + b) * 256 + c) * 256 + d
end


local function signed(hi, lo)
    return (hi >= 0x80000000 and hi - 0x100000000 or hi) * 0x100000000 + lo
end


local function header(s, pos)
    if sub(s, pos, pos + 3) ~= "TZif" then
        return nil
    end

    local h = { pos = pos + 44 }

    for i, name in ipairs { "isut", "isstd", "leap", "time", "type", "char" }
    do
        h[name] = be32(s, pos + 16 + i * 4)
        if not h[name] then
            return nil
        end
    end

    return h
end


-- the type in force at t_s: index from 0
local function type_at(s, h, t_s)
    local lo, hi = 0, h.time

    while lo < hi do
        local mid = floor((lo + hi) / 2)
        local p = h.pos + mid * 8
        local at = signed(be32(s, p), be32(s, p + 4))

        if at <= t_s then
            lo = mid + 1
        else
            hi = mid
        end
    end

    return lo == 0 and 0 or byte(s, h.pos + h.time * 8 + lo - 1)
end


--
-- The POSIX rule at the end of the file, for times after the last
-- transition: "CET-1CEST,M3.5.0,M10.5.0/3".
--

local function rule_offset(text)
    local sign, h, m = match(text, "^([+-]?)(%d+):?(%d*)")

    if not h then
        return nil
    end

    local s = tonumber(h) * 3600 + (tonumber(m) or 0) * 60

    return sign == "-" and -s or s
end


-- seconds since the epoch, local standard or summer time, of Mm.w.d/time
local function rule_moment(rule, year)
    local m, w, d, at = match(rule, "^M(%d+)%.(%d)%.(%d)/?(.*)$")

    if not m then
        return nil
    end

    m, w, d = tonumber(m), tonumber(w), tonumber(d)

    local first = days_of(year, m, 1)
    local day = first + (d - (first + 4) % 7) % 7 + (w - 1) * 7
    local next_month = m == 12 and days_of(year + 1, 1, 1)
                       or days_of(year, m + 1, 1)

    while day >= next_month do
        day = day - 7
    end

    return day * DAY + (at ~= "" and rule_offset(at) or 7200)
end


local NAME = "^(%a+)"
local QUOTED = "^<([^>]+)>"


local function rule_name(text)
    local name = match(text, NAME)

    if name then
        return name, sub(text, #name + 1)
    end

    name = match(text, QUOTED)
    if name then
        return name, sub(text, #name + 3)
    end

    return nil
end


-- offset and name at t_s by a POSIX rule, nil if it is not understood
local function rule_at(rule, t_s)
    local std, rest = rule_name(rule)
    local off = std and match(rest, "^[+-]?[%d:]+")

    if not off then
        return nil
    end

    local std_offset = -rule_offset(off)
    local dst, tail = rule_name(sub(rest, #off + 1))

    if not dst then
        return std_offset, std
    end

    local dst_off, first, last = match(tail, "^([+-]?[%d:]*),([^,]+),(.+)$")

    if not first then
        return nil
    end

    local dst_offset = dst_off ~= "" and -rule_offset(dst_off)
                       or std_offset + 3600
    local year = civil(floor((t_s + std_offset) / DAY))
    local on, over = rule_moment(first, year), rule_moment(last, year)

    if not on or not over then
        return nil
    end

    on, over = on - std_offset, over - dst_offset

    local summer

    if on < over then
        summer = t_s >= on and t_s < over
    else
        summer = t_s >= on or t_s < over
    end

    if summer then
        return dst_offset, dst
    end

    return std_offset, std
end


local function zone_at(s, t_s)
    local h = header(s, 1)

    if not h then
        return nil
    end

    h = header(s, h.pos + h.time * 5 + h.type * 6 + h.char + h.leap * 8
                  + h.isstd + h.isut)
    if not h then
        return nil
    end

    local types_at = h.pos + h.time * 9
    local names_at = types_at + h.type * 6
    local last = h.time > 0 and h.pos + (h.time - 1) * 8
    local footer = names_at + h.char + h.leap * 12 + h.isstd + h.isut

    if not last or t_s >= signed(be32(s, last), be32(s, last + 4)) then
        local offset, name = rule_at(match(s, "^\n([^\n]*)", footer) or "",
                                     t_s)

        if offset then
            return offset, name
        end
    end

    local at = types_at + type_at(s, h, t_s) * 6
    local offset = be32(s, at)

    if offset >= 0x80000000 then
        offset = offset - 0x100000000
    end

    local name_at = names_at + byte(s, at + 5)

    return offset, match(s, "^[^%z]*", name_at)
end


--
-- The same time in the zone of that name.  read(name) gives the bytes of
-- the zone's file, or nil.
--
function M.in_zone(t, name, read)
    if name == "" or name == "UTC" then
        return M.time(t.s, t.ns)
    elseif name == "Local" then
        return M.time(t.s, t.ns, t.offset, t.zone)
    end

    local s

    if find(name, "^[%w_+-][%w_+/-]*$") and read then
        s = read(name)
    end

    local offset, zone

    if type(s) == "string" then
        offset, zone = zone_at(s, t.s)
    end

    if not offset then
        return nil, "unknown time zone " .. name
    end

    return M.time(t.s, t.ns, offset, zone)
end


return M
