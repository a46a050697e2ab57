"""What programs made of edited functions are given to do: a Lua script, SQL, and a driver for it.

Rule kept: what they print is the same in each run. No address, time, random number or order
of a hash table is printed, and nothing is read or written but the standard streams. Each part
goes on after the error of another.

Knows nothing of how the programs are made and compared.
"""

from __future__ import annotations

LUA = r"""
local function part(name, run)
  print("== " .. name)
  local ok, message = pcall(run)
  print(name, ok, ok and "" or tostring(message))
end
part("strings", function()
  local s = "The quick brown fox jumps over the lazy dog"
  print(#s, s:upper(), s:lower(), s:reverse(), s:sub(5, 9), s:sub(-3), s:rep(2, "|"))
  print(s:find("brown"), s:find("o%w", 14), s:find("fox", 1, true), s:match("(%a+) (%a+)$"))
  print(s:gsub("%w+", function(w) return #w > 4 and "<" .. w .. ">" or nil end))
  print(s:gsub("o", { o = "0" }), ("%d+"):gsub("%%", "%%%%"), ("a,b,,c"):gsub(",", ";", 2))
  for k, v in ("a=1, bb=22, ccc=333"):gmatch("(%w+)=(%w+)") do io.write(k, ":", v, " ") end
  print(("f(a(b)c)d"):match("%b()"), ("THE (quick) fox"):find("%((%a+)%)"))
  print(("hello"):byte(1, -1), string.char(72, 105), ("x"):rep(0) == "")
  print(("THE END"):gsub("%f[%a]%a", "*"), ("  trim  "):match("^%s*(.-)%s*$") .. "!")
  print(string.pack("<i4 z s1", 100, "abc", "xyz"):byte(1, -1))
  print(string.unpack("<i4 z s1", string.pack("<i4 z s1", -7, "abc", "xyz")))
  print(string.packsize("i4 i8 d"), utf8.char(228, 8364, 128512), utf8.len("äö€"))
  for p, c in utf8.codes("aä€") do io.write(p, "=", c, " ") end
  print(tostring(12), tostring(1.5), tostring(nil), tonumber("0x1p4"), tonumber("z", 36),
    tonumber("10", 2), tonumber("1e1"), tonumber("bad"), "10" + 5, "3" * "4")
  local long = {}
  for i = 1, 300 do long[i] = "item" .. i end
  local joined = table.concat(long, ",")
  print(#joined, joined:sub(-20), joined < "j", joined == table.concat(long, ","))
end)
part("format", function()
  print(string.format("%5d|%-5d|%05d|%+d|%x|%X|%o|%c", 42, 42, 42, 42, 255, 255, 8, 65))
  print(string.format("%.3f|%10.2f|%e|%g|%g|%a", 1 / 3, 2.5, 12345.678, 1e20, 0.1, 1.0))
  print(string.format("%s|%10s|%-10s|%.2s|%q|%%", "a", "b", "c", "def", 'q"\n\0z'))
  print(string.format("%q %q %q", 1 / 3, 7, math.mininteger), string.format("%i", 3.0))
  print(pcall(string.format, "%d", 3.5), pcall(string.format, "%y", 1))
  print(1e15, 1e100, -0.0, 1 / 0, -1 / 0, 2 ^ 53, 100 // 1e-1, 123456789012)
end)
part("numbers", function()
  print(7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3, 7.5 // 2, -7.5 % 2, 7 / 2, 3 | 4, 6 & 3, 5 ~ 1)
  print(~0, 1 << 62, 1 << 63, 1 << 64, -1 >> 60, 3 == 3.0, math.type(3), math.type(3.0))
  print(math.maxinteger + 1 == math.mininteger, math.maxinteger * 2, 5 // 0.0, -5 % math.huge)
  print(pcall(function() return 1 // 0 end), pcall(function() return 1 % 0 end))
  print(pcall(function() return 1.5 | 1 end), pcall(function() return "a" | 1 end))
  print(math.floor(-3.5), math.ceil(3.2), math.max(3, 9, 2), math.fmod(-7, 3), math.tointeger(4.0))
  print(math.sqrt(2), math.abs(-3), math.ult(1, -1), math.modf(3.7), math.exp(1), math.log(8, 2))
  for i = 3, 1, -1 do io.write(i, " ") end
  for x = 0.0, 1.0, 0.25 do io.write(x, " ") end
  print(pcall(function() for i = 1, 10, 0 do end end), 1 < 1.5, 2 ^ 53 == 2 ^ 53 + 1)
end)
part("closures", function()
  local function counter(n) return function(d) n = n + (d or 1); return n end end
  local a, b = counter(1), counter(10)
  print(a(), a(5), b(), a(), b(-3))
  local made = {}
  for i = 1, 4 do local j = i * i; made[i] = function() j = j + i; return j end end
  for i = 1, 4 do io.write(made[i](), " ", made[i](), " ") end
  local function va(...) return select("#", ...), (select(2, ...)), ... end
  print(va(1, nil, 3), (va(4, 5)), table.unpack({ 1, 2, 3, 4 }, 2, 3))
  local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
  local function loop(n, s) if n == 0 then return s end return loop(n - 1, s + n) end
  print(fib(18), loop(50000, 0), table.pack(1, nil, 2).n)
  do local c <close> = setmetatable({}, { __close = function() print("closed") end }) end
  local k <const> = 7; print(k)
  local dumped = load(string.dump(function(x) return x * 2 + 1 end)); print(dumped(20))
end)
part("goto", function()
  local i = 1
  ::top::
  if i > 10 then goto done end
  if i % 3 == 0 then i = i + 1 goto top end
  io.write(i, " ")
  i = i + 1
  goto top
  ::done::
  for a = 1, 3 do for b = 1, 3 do if b == 2 then goto continue end io.write(a * b, ",")
    ::continue:: end end
  print()
  while true do i = i - 1; if i < 4 then break end end
  repeat local z = i; i = i + 2 until z > 9
  print(i, load("goto nowhere"), load("break"), load("x = = 1"), load("local x <const> = 1; x = 2"))
  print(load("for"), load("return '\\400'"), load("a.b:c = 1"), load("x = }"), load("--[[ open"))
end)
part("coroutines", function()
  local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i, i * i)
    end end) end
  for i, q in gen(5) do io.write(i, ":", q, " ") end
  local co = coroutine.create(function(a, b)
    local c = coroutine.yield(a + b); local d, e = coroutine.yield(c * 2); error({ code = d + e })
  end)
  print(coroutine.resume(co, 3, 4)); print(coroutine.resume(co, 10))
  local ok, e = coroutine.resume(co, 5, 6)
  print(ok, type(e), e.code, coroutine.status(co), coroutine.resume(co))
  print(coroutine.isyieldable(), select(2, coroutine.running()), pcall(coroutine.yield, 1))
  local inner = coroutine.wrap(function() print(pcall(function() coroutine.yield("in pcall");
    error("late", 0) end)) return "end" end)
  print(inner(), inner())
  print(table.unpack({ coroutine.close(coroutine.create(print)) }))
end)
part("tables", function()
  local t = { 5, 2, 8, 1, 9, 3, 7 }
  table.sort(t); print(table.concat(t, " "))
  table.sort(t, function(a, b) return a > b end); print(table.concat(t, " "))
  local big, x = {}, 12345
  for i = 1, 500 do x = (x * 1103515245 + 12345) % 2147483648; big[i] = x % 1000 end
  table.sort(big)
  local sorted = true
  for i = 2, #big do sorted = sorted and big[i - 1] <= big[i] end
  print(sorted, big[1], big[250], big[500], pcall(table.sort, { 3, "a", 1 }))
  table.insert(t, 1, 0); table.insert(t, 100); print(table.remove(t), table.remove(t, 2), #t)
  print(table.concat(table.move({ 1, 2, 3 }, 1, 3, 2), ","), pcall(table.insert, t, 99, 1))
  local h, n, sum = {}, 0, 0
  for i = 1, 200 do h["k" .. i] = i; h[i * 1.5] = i end
  for i = 1, 200, 2 do h["k" .. i] = nil end
  for _, v in pairs(h) do n = n + 1; sum = sum + v end
  print(n, sum, next({}), rawlen({ 1, 2 }), rawequal(t, t), rawget(h, "k2"))
  for i, v in ipairs({ 1, 2, nil, 4 }) do io.write(i, "=", v, " ") end
  print(#"abc", pcall(next, {}, "none"), pcall(function() h[nil] = 1 end))
  print(pcall(function() h[0 / 0] = 1 end))
end)
part("metatables", function()
  local V = {}; V.__index = V
  local function new(a, b) return setmetatable({ a = a, b = b }, V) end
  V.__add = function(p, q) return new(p.a + q.a, p.b + q.b) end
  V.__eq = function(p, q) return p.a == q.a end
  V.__lt = function(p, q) return p.a < q.a end
  V.__le = function(p, q) return p.a <= q.a end
  V.__tostring = function(p) return "V(" .. p.a .. "," .. p.b .. ")" end
  V.__len = function() return 2 end
  V.__call = function(p, k) return p.a * k end
  V.__concat = function(p, q) return tostring(p) .. "&" .. tostring(q) end
  V.__unm = function(p) return new(-p.a, -p.b) end
  V.__idiv = function() return "idiv" end
  V.__band = function() return "band" end
  V.__name = "Vector"
  function V:norm() return self.a * self.a + self.b * self.b end
  local p, q = new(3, 4), new(1, 2)
  print(tostring(p + q), p == q, p < q, p <= q, #p, p(7), p .. q, "x" .. p, tostring(-p), p:norm())
  print(p // 1, p & 1, pcall(function() return p * 2 end), pcall(function() return p < 1 end))
  local log = setmetatable({}, { __index = function(_, k) return k .. "!" end,
    __newindex = function(t, k, v) rawset(t, k, v * 2) end, __pairs = function() return next, { z
      = 1 } end })
  log.x = 21; print(log.x, log.y, rawget(log, "y"))
  for k, v in pairs(log) do print(k, v) end
  print(getmetatable(setmetatable({}, { __metatable = "locked" })), getmetatable("").__index ==
    string)
  local weak, gone = setmetatable({}, { __mode = "k" }), 0
  for i = 1, 50 do weak[{}] = i; setmetatable({}, { __gc = function() gone = gone + 1 end }) end
  collectgarbage(); collectgarbage()
  print(next(weak), gone, collectgarbage("count") > 0, collectgarbage("isrunning"))
end)
part("errors", function()
  print(pcall(error, "plain"), pcall(error, nil), pcall(function() error("at", 1) end))
  print(pcall(function() local n; n.x = 1 end), pcall(function() undefinedfunction() end))
  print(pcall(function() return {} .. "x" end), pcall(function() return #5 end))
  print(pcall(function() return 1 < "2" end), pcall(function() return nil + 1 end))
  print(pcall(string.rep), pcall(setmetatable, 1, 2), pcall(("x").bad), pcall(string.rep, "x", -1))
  print(xpcall(function() error("deep") end, function(m) return "handled: " .. m end))
  print(select(2, xpcall(function() local a = nil; a() end, debug.traceback)))
  print(pcall(function() local function f() return f() + 1 end return f() end) == false)
  print(debug.getinfo(1, "l").currentline, debug.getinfo(print, "S").what, assert(1, "no"))
  print(pcall(assert, false, "asserted"), pcall(assert, nil), pcall(load, nil))
  local up = 5; local f = function() return up end
  print(debug.getupvalue(f, 1), debug.setupvalue(f, 1, 6), f(), debug.getlocal(1, 1))
  local steps = 0
  debug.sethook(function() steps = steps + 1 end, "l"); local a = 1
  a = a + 1
  debug.sethook(); print(steps > 0)
end)
part("garbage", function()
  for _, mode in ipairs({ "generational", "incremental" }) do
    collectgarbage(mode)
    local list
    for i = 1, 20000 do list = { next = i % 100 ~= 0 and list or nil, name = "n" .. i % 50 } end
    local n = 0
    while list do n = n + 1; list = list.next end
    print(n)
  end
  collectgarbage("step"); print(collectgarbage("count") < 20000)
end)
io.stderr:write("to stderr\n")
part("load", function()
  local env = { print = print, x = 5 }
  load("x = x * 2; local a <const>, b = 3, 4; print(x, a + b, a .. b, not a, -b, ~b, #'abc')", "c",
    "t", env)()
  print(env.x, load(function() return nil end)(), load("return ...", "chunk")(1, 2))
  local parts, at = { "return ", "1 +", " 41" }, 0
  print(load(function() at = at + 1; return parts[at] end)(), #arg)
  local code = { "local t = {}" }
  for i = 1, 260 do code[#code + 1] = "t[" .. i .. "] = 'c" .. i .. "' .. " .. i .. " + " .. i / 2
    end
  code[#code + 1] = "return #t, t[260], t[1]"
  print(load(table.concat(code, "\n"))())
  local x <const> = 5; local y = x > 3 and x < 9 or not x; local z = (y and 1 or 2) + x * 2 ^ 2
  print(y, z, x == 5 and "five" or "other", ({ 1, 2, 3, [10] = 4, n = 5, print and 6 })[4])
end)
"""

SQL = """
CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, born INT CHECK(born > 1000))

CREATE TABLE book(id INTEGER PRIMARY KEY AUTOINCREMENT, author INT REFERENCES author(id),
  title TEXT COLLATE NOCASE, price REAL DEFAULT 9.5, sold INT GENERATED ALWAYS AS (length(title)*3))

INSERT INTO author VALUES(1,'Austen',1775),(2,'Borges',1899),(3,'Calvino',1923),(4,'Dante',1265)

INSERT INTO book(author,title,price) VALUES(1,'Emma',5.25),(1,'Persuasion',7),(2,'Ficciones',11.75),
  (3,'Invisible Cities',8.125),(3,'Cosmicomics',NULL),(4,'Inferno',3),(NULL,'Anonymous',1)

CREATE INDEX by_price ON book(price DESC, title)

CREATE UNIQUE INDEX by_title ON book(lower(title)) WHERE price > 2

SELECT * FROM book ORDER BY title

SELECT a.name, b.title, b.price FROM author a JOIN book b ON b.author=a.id WHERE b.price>4 ORDER
  BY 3

SELECT a.name, b.title FROM book b LEFT JOIN author a ON a.id=b.author ORDER BY b.id DESC LIMIT 4
  OFFSET 1

SELECT a.name, count(*), sum(price), avg(price), min(title), group_concat(title,'/') FROM book b
  FULL JOIN author a ON a.id=b.author GROUP BY a.name HAVING count(*)>0 ORDER BY count(*) DESC, 1

EXPLAIN QUERY PLAN SELECT * FROM book WHERE price>5 AND title LIKE 'e%'

INSERT INTO author VALUES(5,'Austen',1800)

INSERT INTO author VALUES(6,'Early',3)

INSERT INTO author VALUES(1,'Eco',1932) ON CONFLICT(id) DO UPDATE SET born=born+1 RETURNING *

INSERT OR REPLACE INTO author VALUES(4,'Dante A.',1265)

UPDATE book SET price=price*1.1 WHERE author IN (SELECT id FROM author WHERE born>1800) RETURNING
  id, price

DELETE FROM book WHERE title='anonymous'; SELECT changes(), total_changes(), last_insert_rowid()

CREATE TABLE log(at INTEGER PRIMARY KEY, what TEXT)

CREATE TRIGGER on_price AFTER UPDATE OF price ON book WHEN new.price>10 BEGIN
  INSERT INTO log(what) VALUES(printf('%s: %.2f -> %.2f', new.title, old.price, new.price));
  UPDATE author SET born=born WHERE id=new.author; END

CREATE TRIGGER no_delete BEFORE DELETE ON author BEGIN SELECT RAISE(ABORT,'authors stay'); END

UPDATE book SET price=price+5; SELECT * FROM log

DELETE FROM author WHERE id=1

CREATE VIEW dear AS SELECT title, price, CASE WHEN price>15 THEN 'dear' WHEN price>10 THEN 'fair'
  ELSE 'cheap' END AS class FROM book WHERE price IS NOT NULL

SELECT class, count(*) FROM dear GROUP BY class ORDER BY class; SELECT * FROM dear ORDER BY price
  LIMIT 2

BEGIN; INSERT INTO log(what) VALUES('one'); SAVEPOINT s; INSERT INTO log(what) VALUES('two');
  ROLLBACK TO s; INSERT INTO log(what) VALUES('three'); COMMIT; SELECT what FROM log

BEGIN IMMEDIATE; DELETE FROM log; SELECT count(*) FROM log; ROLLBACK; SELECT count(*) FROM log

COMMIT

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000)
  INSERT INTO log(what) SELECT hex(i*7919%997)||'-'||i FROM n

SELECT count(*), min(what), max(what), count(DISTINCT substr(what,1,2)) FROM log

CREATE INDEX log_what ON log(what); SELECT at FROM log WHERE what BETWEEN '31' AND '3130' ORDER BY
  what LIMIT 5

DELETE FROM log WHERE at%3=0; SELECT count(*), sum(at) FROM log; PRAGMA integrity_check

WITH RECURSIVE f(a,b) AS (VALUES(0,1) UNION ALL SELECT b,a+b FROM f WHERE b<500)
  SELECT group_concat(a,' ') FROM f

WITH RECURSIVE tree(id,up) AS (VALUES(1,NULL),(2,1),(3,1),(4,2)), w(id,d) AS (SELECT 1,0 UNION
  SELECT t.id,d+1 FROM tree t JOIN w ON t.up=w.id) SELECT printf('%*s%d',d*2,'',id) FROM w ORDER
    BY id

SELECT title, price, rank() OVER (ORDER BY price), sum(price) OVER (PARTITION BY author ORDER BY id
  ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), lag(title) OVER (ORDER BY id), ntile(3) OVER () FROM
    book

SELECT printf('%d|%5d|%-5d|%05d|%x|%o|%s|%10.3s|%q|%Q|%w|%c|%,d|%e|%g|%.3f|%%',1,2,3,4,255,8,'s',
  'abcdef',
  'it''s','it''s','a"b','z',1234567,12345.678,0.0001,2.0/3)

SELECT 7/2, -7/2, 7%3, 7.0/2, 1/0, 9223372036854775807+1, 5&3, 5|3, ~5, 1<<40, 'a'||'b'||1,
  '12abc'+1

SELECT typeof(1),typeof(1.0),typeof('x'),typeof(NULL),typeof(x'00ff'),quote(x'00ff'),cast('3.7x'
  AS INT)

SELECT substr('hello',2,3),instr('hello','l'),replace('aXbX','X','--'),trim('  t '),upper('abc'),
  round(2.567,2),abs(-4),coalesce(NULL,3),nullif(1,1),iif(1>2,'y','n'),unicode('A'),char(72,105),
    hex('az')

SELECT date('2024-02-29','+1 year'), strftime('%Y-%j %W','2024-12-31'), julianday('2000-01-01'),
  datetime(86400*365,'unixepoch'), time('12:34:56','-1 hour'), date('bad')

SELECT 'abc' LIKE 'A_C', 'abc' GLOB 'a*', 'a%c' LIKE 'a\\%c' ESCAPE '\\', NULL IS NULL, 3 BETWEEN
  1 AND 2, 2 IN (1,2)

SELECT json_extract('{"a":[1,2,{"b":"c"}],"d":1.5}','$.a[2].b'), json('{"x": [1 , 2]}'),
  json_array(1,'two',NULL,3.5), json_object('k',json('[1]')), json_type('[1,null]','$[1]'),
  json_set('{"a":1}','$.b',2), json_remove('[1,2,3]','$[1]'), '{"q":{"r":5}}'->'q'->>'r'

SELECT key, value, type, fullkey FROM json_tree('{"a":[true,{"b":null}],"c":"\\u00e4"}')

SELECT json('{bad'), json_valid('{}')

SELECT json_group_array(name), json_group_object(id,born) FROM author

SELECT 1 UNION SELECT 2 UNION ALL SELECT 2 EXCEPT SELECT 1 INTERSECT SELECT 2

SELECT * FROM (VALUES(3,'c'),(1,'a'),(2,'b')) ORDER BY 1 DESC

SELECT name FROM author WHERE EXISTS(SELECT 1 FROM book WHERE author=author.id AND price>12) ORDER
  BY name

CREATE TABLE pair(a,b,PRIMARY KEY(a,b)) WITHOUT ROWID; INSERT INTO pair SELECT at%10, at%7 FROM log
  WHERE at<40 GROUP BY 1,2; SELECT group_concat(a||b,' ') FROM pair

ALTER TABLE pair ADD COLUMN c DEFAULT 'new'; ALTER TABLE pair RENAME COLUMN a TO first; SELECT *
  FROM pair LIMIT 2

SELECT name, sql FROM sqlite_schema WHERE type IN('table','trigger') ORDER BY name

PRAGMA foreign_keys=ON; INSERT INTO book(author,title) VALUES(99,'Nobody''s')

PRAGMA table_info(book); PRAGMA index_list(book); ANALYZE; SELECT tbl, idx, stat FROM sqlite_stat1
  ORDER BY 1,2

SELECT missing FROM nowhere

SELEC 1

SELECT 'unclosed

SELECT abs(1,2)

DROP VIEW dear; DROP TABLE log; VACUUM; SELECT count(*) FROM sqlite_schema; REINDEX

SELECT length(randomblob(8)), length(zeroblob(70000)), sum(length(x)) FROM (SELECT zeroblob(5000) x
  UNION ALL SELECT 'abc')
"""

DRIVER = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sqlite3.h"

static int show(void *unused, int count, char **values, char **names)
{
  for (int i = 0; i < count; i++)
    printf("%s%s=%s", i ? " | " : "", names[i], values[i] ? values[i] : "NULL");
  puts("");
  return 0;
}

int main(int argc, char **argv)
{
  static char text[65536];
  sqlite3 *db;
  FILE *file = fopen(argv[argc - 1], "rb");
  if (!file || sqlite3_open(":memory:", &db) != SQLITE_OK)
    return 2;
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  int number = 0;
  for (char *begin = text, *next; begin; begin = next) { /* pieces between empty lines */
    char *message = NULL;
    next = strstr(begin, "\n\n");
    if (next) {
      *next = 0;
      next += 2;
    }
    printf("-- %d\n", ++number);
    fflush(stdout);
    int status = sqlite3_exec(db, begin, show, NULL, &message);
    if (status != SQLITE_OK)
      fprintf(stderr, "%d: %d %s\n", number, status, message ? message : "");
    sqlite3_free(message);
  }
  return sqlite3_close(db) != SQLITE_OK;
}
"""
