//! The cases of the transcript test about scripts. `transcript` explains the lines.

/// Name and lines of every case.
pub(crate) const CASES: &[(&str, &str)] = &[
    (
        "script calls and errors",
        r##"
        SET s abc
        EVAL "return redis.call('nosuch')" 0
        EVAL "return redis.call('incr','x','y')" 0
        EVAL "return redis.call('incr','s')" 0
        EVAL "return redis.pcall('incr','s')" 0
        EVAL "local a,b = pcall(redis.call,'incr','s') return {tostring(a), type(b), b}" 0
        EVAL "local a,b = pcall(error,{err='x'}) return {tostring(a), type(b), b}" 0
        EVAL "local a,b = pcall(redis.call,'nosuch') return {tostring(a), type(b), b}" 0
        EVAL "local b = redis.pcall('nosuch') return {type(b), b.err, tostring(b.source), tostring(b.line)}" 0
        EVAL "local a,b = pcall(function() error('foo') end) return {type(b), b}" 0
        EVAL "local a,b = xpcall(function() redis.call('incr','s') end, function(e) return e.err .. '!' end) return {tostring(a), b}" 0
        EVAL "return pcall(redis.call)" 0
        EVAL "return pcall(function() return 1,2,3 end)" 0
        EVAL "error()" 0
        EVAL "error(1)" 0
        EVAL "error(true)" 0
        EVAL "error('foo')" 0
        EVAL "error('lvl2', 2)" 0
        EVAL "error('lvl0', 0)" 0
        EVAL "error({err='MY thing'})" 0
        EVAL "\n\nlocal function f() error('deep') end\n\nf()" 0
        EVAL "local f = function() return redis.call('incr','s') end\nreturn f()" 0
        EVAL "local x = nil; x.y = 1" 0
        EVAL "local t = {} t[nil] = 1" 0
        EVAL "return {err='foo'}" 0
        EVAL "return {err='FOO bar baz'}" 0
        EVAL "return {err='a\\nb'}" 0
        EVAL "return {ok='x',err='y'}" 0
        EVAL "return {ok=5}" 0
        EVAL "return {err=5}" 0
        EVAL "return redis.error_reply('foo')" 0
        EVAL "return redis.error_reply('foo bar')" 0
        EVAL "return redis.error_reply('-foo bar')" 0
        EVAL "return redis.error_reply()" 0
        EVAL "return redis.error_reply('').err" 0
        EVAL "return redis.error_reply('foo').err" 0
        EVAL "return redis.status_reply('foo bar')" 0
        EVAL "return redis.status_reply(1,2)" 0
        EVAL "return redis.status_reply(1)" 0
        EVAL "syntax error here" 0
        EVAL "return 'unfinished" 0
        EVAL "return redis.call()" 0
        EVAL "return redis.call({})" 0
        EVAL "return redis.call('get', true)" 0
        EVAL "return redis.pcall('get', nil)" 0
        EVAL "return redis.call('select',3)" 0
        EVAL "redis.call('select',3) return redis.call('set','x','db3')" 0
        GET x
        SELECT 3
        GET x
        SELECT 0
        EVAL "return redis.call('eval','return 1',0)" 0
        EVAL "return redis.call('multi')" 0
        EVAL "return redis.call('subscribe','x')" 0
        EVAL "return redis.call('config','get','x')" 0
        EVAL "return redis.call('auth','x')" 0
        EVAL "return redis.call('client','id')" 0
        EVAL "return redis.call('debug','sleep','0')" 0
        EVAL "return redis.call('shutdown')" 0
        EVAL "return redis.call('object','foo','x')" 0
        EVAL "return redis.call('monitor')" 0
        EVAL "return redis.call('watch','x')" 0
        EVAL "return redis.call('script','flush')" 0
        EVAL "return redis.call('spop','x')" 0
        [kind] EVAL "return redis.call('time')" 0
        EVAL "return redis.call('PING')" 0
        EVAL "return redis.call('echo','a b')" 0
        EVAL "return redis.call('set','n',1.5)" 0
        GET n
        EVAL "return redis.call('set','n',1e20)" 0
        GET n
        EVAL "return redis.call('set','n',3)" 0
        GET n
        EVAL "return redis.call('set','n',-0.1)" 0
        GET n
        EVAL "return redis.call('set','n',2^53)" 0
        GET n
        EVAL "return redis.call('set','n',0/0)" 0
        GET n
        EVAL "return redis.call('incrby','fresh',2) + redis.call('incrby','fresh',3)" 0
        "##,
    ),
    (
        "script arguments",
        r##"
        EVAL "return {KEYS[1],KEYS[2],ARGV[1],ARGV[2]}" 2 a b c d
        EVAL "return {#KEYS,#ARGV}" 0
        EVAL "return {#KEYS,#ARGV}" 0 x
        EVAL "return {#KEYS,#ARGV}" 1 x
        EVAL "return 1" a
        EVAL "return 1" 2 a
        EVAL "return 1" -1
        EVAL "return 1" 99999999999999999999
        EVAL "return 1"
        EVAL
        EVALSHA 1234 0
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
        SCRIPT LOAD "return 1"
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
        EVALSHA E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db x
        EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
        EVALSHA
        SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db abc E0E1F9FABFC9D4800C877A703B823AC0578FF8DB
        SCRIPT EXISTS
        SCRIPT FLUSH
        SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
        SCRIPT FLUSH ASYNC
        SCRIPT FLUSH SYNC
        SCRIPT FLUSH BLA
        SCRIPT FLUSH SYNC SYNC
        SCRIPT LOAD
        SCRIPT LOAD "bad syntax"
        SCRIPT KILL
        SCRIPT FOO
        SCRIPT
        COMMAND GETKEYS EVAL x 2 a b c
        COMMAND GETKEYS EVAL x 0 a b c
        COMMAND GETKEYS EVAL x 5 a b c
        EVAL "#!foo\nreturn 1" 0
        EVAL "#!lua\nreturn 1" 0
        EVAL "#!lua flags=no-writes\nreturn redis.call('set','a','b')" 0
        EVAL "#!lua flags=no-writes,allow-oom,allow-stale,no-cluster\nreturn 5" 0
        EVAL "#!lua flags=bad\nreturn 1" 0
        EVAL "#!lua bad=x\nreturn 1" 0
        EVAL "#!lua" 0
        EVAL_RO "#!lua\nreturn 1" 0
        EVAL_RO "#!lua flags=no-writes\nreturn 1" 0
        EVAL_RO "return redis.call('set','a','b')" 0
        EVAL_RO "return redis.pcall('set','a','b').err" 0
        EVAL_RO "return redis.call('get','a')" 0
        EVAL_RO "return redis.call('getdel','a')" 0
        EVAL "KEYS[1]='x' return KEYS" 0
        EVAL "KEYS={} return KEYS" 0
        EVAL "return _G.KEYS" 1 x
        EVAL "return #ARGV[1]" 0 "a\x00b"
        "##,
    ),
    (
        "script conversions",
        r##"
        EVAL "local t={} t.x=1 return t" 0
        EVAL "return {1,2,nil,3}" 0
        EVAL "return {true,false,1.9,-1.9,'x',{1,{2}}}" 0
        EVAL "return 1e100" 0
        EVAL "return 0/0" 0
        EVAL "return -1/0" 0
        EVAL "return 3.99" 0
        EVAL "return nil" 0
        EVAL "return" 0
        EVAL "" 0
        EVAL "return print == nil" 0
        EVAL "return function() end" 0
        EVAL "return 'a','b'" 0
        EVAL "return {double=3.5}" 0
        EVAL "return {double='x'}" 0
        EVAL "return {map={a=1}}" 0
        EVAL "return {set={a=1}}" 0
        EVAL "return {big_number='123'}" 0
        EVAL "return {big_number='1\\r\\n2'}" 0
        EVAL "return {verbatim_string={string='a',format='txt'}}" 0
        EVAL "return {verbatim_string={string='a'}}" 0
        EVAL "redis.setresp(3) return {true,false}" 0
        EVAL "redis.setresp(2) return {true,false}" 0
        HSET h f v
        SADD set m
        ZADD z 1.5 m
        EVAL "return redis.call('hgetall','h')" 0
        EVAL "redis.setresp(3) return redis.call('hgetall','h')" 0
        EVAL "redis.setresp(3) return redis.call('hgetall','h').map.f" 0
        EVAL "redis.setresp(3) return redis.call('smembers','set')" 0
        EVAL "redis.setresp(3) return redis.call('zscore','z','m')" 0
        EVAL "redis.setresp(3) return tostring(redis.call('zscore','z','m').double)" 0
        EVAL "return redis.call('zscore','z','m')" 0
        EVAL "redis.setresp(3) return type(redis.call('get','missing'))" 0
        EVAL "return type(redis.call('get','missing'))" 0
        EVAL "return type(redis.call('blah','missing'))" 0
        EVAL "return redis.call('set','k','v').ok" 0
        EVAL "return redis.call('set','k','v')" 0
        EVAL "return redis.call('lrange','nolist',0,-1)" 0
        EVAL "return redis.call('mget','k','nokey')" 0
        EVAL "return type(redis.call('mget','k','nokey')[2])" 0
        EVAL "return redis.call('zrange','z',0,-1,'withscores')" 0
        EVAL "redis.setresp(3) return redis.call('zrange','z',0,-1,'withscores')" 0
        EVAL "redis.setresp(3) return redis.call('get','k')" 0
        EVAL "return redis.setresp(4)" 0
        EVAL "return redis.setresp()" 0
        EVAL "return redis.setresp(3)" 0
        EVAL "local t = {} for i = 1, 1000 do t[i] = i end return #t" 0
        EVAL "local t = {} for i = 1, 7000 do t[i] = 'k'..i end return redis.call('del', unpack(t))" 0
        EVAL "return string.rep('x', 100000)" 0
        "##,
    ),
    (
        "script sandbox",
        r##"
        EVAL "x = 1" 0
        EVAL "return x" 0
        EVAL "return _G.foo" 0
        EVAL "redis.call = 1" 0
        EVAL "redis = nil" 0
        EVAL "string.foo = 1" 0
        EVAL "math.random = 1" 0
        EVAL "_G.x = 1" 0
        EVAL "function f() end" 0
        EVAL "rawset(_G,'x',1)" 0
        EVAL "setmetatable(_G,{})" 0
        EVAL "setmetatable(redis,{})" 0
        EVAL "getmetatable(_G).__index = 1" 0
        EVAL "getmetatable('').__index = 1" 0
        EVAL "return type(getmetatable('').__index)" 0
        EVAL "return ('abc'):upper()" 0
        EVAL "return print" 0
        EVAL "return dofile" 0
        EVAL "return loadfile" 0
        EVAL "return require" 0
        EVAL "return package" 0
        EVAL "return io" 0
        EVAL "return debug" 0
        EVAL "return module" 0
        EVAL "return getfenv" 0
        EVAL "return setfenv" 0
        EVAL "return newproxy" 0
        EVAL "return loadstring('return 5')()" 0
        EVAL "return loadstring('return redis.call(\"ping\")')()" 0
        EVAL "return tostring(loadstring('x=1')())" 0
        EVAL "return loadstring('return x')()" 0
        EVAL "local f,e = loadstring('a b') return {tostring(f),e}" 0
        EVAL "local a,b = loadstring(string.dump(function() end)) return {tostring(a),b}" 0
        EVAL "local p = {'return ', '7'} local i = 0 return load(function() i = i + 1 return p[i] end)()" 0
        EVAL "local n = 0 for k,v in pairs(redis) do n = n + 1 end return n > 10" 0
        EVAL "local f = false for k,v in pairs(_G) do if k == 'redis' then f = true end end return tostring(f)" 0
        EVAL "return type(next(string))" 0
        EVAL "local co = coroutine.create(function(a) local b = coroutine.yield(a+1) return b*2 end) local r = {} for _,v in ipairs({1,10}) do local ok,x = coroutine.resume(co,v) r[#r+1] = x end return r" 0
        EVAL "local co = coroutine.create(function() redis.call('nosuch') end) local ok, e = coroutine.resume(co) return {tostring(ok), type(e)}" 0
        EVAL "local f = coroutine.wrap(function() return redis.call('ping') end) return f()" 0
        EVAL "math.randomseed(7) local a = math.random(100) math.randomseed(7) return a == math.random(100)" 0
        EVAL "return math.random(0)" 0
        EVAL "return math.random(1,2,3)" 0
        EVAL "return math.random(5,5)" 0
        EVAL "return redis.x" 0
        EVAL "return redis.REDIS_VERSION_NUM" 0
        EVAL "return redis.REDIS_VERSION" 0
        EVAL "return {redis.LOG_DEBUG, redis.LOG_VERBOSE,redis.LOG_NOTICE,redis.LOG_WARNING,redis.REPL_ALL,redis.REPL_AOF,redis.REPL_NONE,redis.REPL_REPLICA,redis.REPL_SLAVE}" 0
        EVAL "redis.log(5,'x')" 0
        EVAL "redis.log('x')" 0
        EVAL "redis.log('x','y')" 0
        EVAL "return redis.log(redis.LOG_DEBUG,'y')" 0
        EVAL "return redis.set_repl(99)" 0
        EVAL "return redis.set_repl()" 0
        EVAL "return redis.set_repl(redis.REPL_ALL)" 0
        EVAL "return redis.replicate_commands()" 0
        EVAL "return redis.breakpoint()" 0
        EVAL "return redis.debug('x')" 0
        EVAL "return redis.acl_check_cmd('x')" 0
        EVAL "return redis.acl_check_cmd('get','x')" 0
        EVAL "return redis.acl_check_cmd()" 0
        EVAL "return redis.sha1hex()" 0
        EVAL "return redis.sha1hex('a','b')" 0
        EVAL "return redis.sha1hex(1)" 0
        EVAL "return redis.sha1hex('')" 0
        EVAL "return redis.sha1hex({})" 0
        EVAL "return table.concat({1,2,3},',')" 0
        EVAL "local t = {3,1,2} table.sort(t) return t" 0
        EVAL "return string.format('%5.2f|%s|%d', 3.14159, 'x', 42)" 0
        EVAL "return tostring(1/3)" 0
        EVAL "return tonumber('0x10')" 0
        EVAL "return select('#', 1, 2, nil)" 0
        EVAL "return _VERSION" 0
        "##,
    ),
    (
        "script cjson",
        r##"
        EVAL "return cjson.encode({})" 0
        EVAL "return cjson.encode({1,2,3,'a/b\"\\n\\1\xc3\xa9'})" 0
        EVAL "return cjson.encode({a=1.5})" 0
        EVAL "return cjson.encode({1,nil,3})" 0
        EVAL "return cjson.encode({[1]=1,[100]=2})" 0
        EVAL "return cjson.encode({[1]=1,[5]=2})" 0
        EVAL "return cjson.encode({[1.5]=1})" 0
        EVAL "return cjson.encode({[true]=1})" 0
        EVAL "return cjson.encode(function() end)" 0
        EVAL "return cjson.encode(0/0)" 0
        EVAL "return cjson.encode(1/0)" 0
        EVAL "return cjson.encode({1e15,1e14,123456789012345,0.1,-0.00001,1e300,12345678})" 0
        EVAL "return cjson.encode(cjson.null)" 0
        EVAL "return cjson.encode({cjson.null,true,false})" 0
        EVAL "return cjson.encode(nil)" 0
        EVAL "return cjson.encode()" 0
        EVAL "return cjson.encode(1,2)" 0
        EVAL "return cjson.encode('\\127\\8\\12\\13\\9\\\\')" 0
        EVAL "local t={} t.t=t return cjson.encode(t)" 0
        EVAL "return cjson.encode({[0]=1})" 0
        EVAL "return cjson.encode({[-1]=1})" 0
        EVAL "return cjson.encode({['1']=1})" 0
        EVAL "return cjson.encode({a={b={c={}}}})" 0
        EVAL "return cjson.decode('')" 0
        EVAL "return cjson.decode('{}')" 0
        EVAL "return cjson.decode('[1,2,3.5,null,true,\"x\"]')" 0
        EVAL "return tostring(cjson.decode('[null]')[1] == cjson.null)" 0
        EVAL "return cjson.decode('{\"a\":1}').a" 0
        EVAL "return cjson.decode('{\"a\":{\"b\":[1,{\"c\":\"d\"}]}}').a.b[2].c" 0
        EVAL "return cjson.decode('{\"a\":1').a" 0
        EVAL "return cjson.decode('{a:1}').a" 0
        EVAL "return cjson.decode('[1,]')" 0
        EVAL "return cjson.decode('[1 2]')" 0
        EVAL "return cjson.decode('1 2')" 0
        EVAL "return cjson.decode('nul')" 0
        EVAL "return cjson.decode('\"abc')" 0
        EVAL "return cjson.decode(ARGV[1])" 0 "\"\\u00e9\\ud83d\\ude00\\n\""
        EVAL "return cjson.decode(ARGV[1])" 0 "\"\\ud83d\""
        EVAL "return cjson.decode(ARGV[1])" 0 "\"\\ude00\""
        EVAL "return cjson.decode(ARGV[1])" 0 "\"\\u00g0\""
        EVAL "return cjson.decode(ARGV[1])" 0 "\"abc\\x\""
        EVAL "return cjson.decode(ARGV[1])" 0 "\"abc\\"
        EVAL "return cjson.decode(ARGV[1])" 0 "\x00a"
        EVAL "return cjson.decode(ARGV[1])" 0 "[1]\x00a"
        EVAL "return tostring(cjson.decode('0x10'))" 0
        EVAL "return tostring(cjson.decode('010'))" 0
        EVAL "return tostring(cjson.decode('nan'))" 0
        EVAL "return tostring(cjson.decode('-inf'))" 0
        EVAL "return tostring(cjson.decode('Infinity'))" 0
        EVAL "return tostring(cjson.decode('1e5'))" 0
        EVAL "return tostring(cjson.decode('-'))" 0
        EVAL "return tostring(cjson.decode('+1'))" 0
        EVAL "return cjson.decode('{\"a\" 1}')" 0
        EVAL "return cjson.decode('{\"a\":1 \"b\"}')" 0
        EVAL "return cjson.decode('{\"a\":1,}')" 0
        EVAL "return cjson.decode('@')" 0
        EVAL "return cjson.decode()" 0
        EVAL "return cjson.decode({})" 0
        EVAL "return cjson.decode(5)" 0
        EVAL "return cjson.decode(string.rep('[',1001))" 0
        EVAL "return cjson.decode('  [ 1 , 2 ]  ')" 0
        EVAL "return {cjson._NAME, cjson._VERSION}" 0
        EVAL "return {bit.tobit(0xffffffff), bit.bnot(0), bit.band(0xff,0x0f,3), bit.bor(1,2,4), bit.bxor(1,3), bit.lshift(1,31), bit.rshift(-1,1), bit.arshift(-8,1), bit.rol(0x12345678,12), bit.ror(0x12345678,12), bit.bswap(0x12345678)}" 0
        EVAL "return {bit.tohex(255), bit.tohex(255,4), bit.tohex(255,-4), bit.tohex(-1), bit.tobit(2^40+1.5), bit.lshift(1,33)}" 0
        EVAL "return bit.band()" 0
        EVAL "return bit.band('x')" 0
        EVAL "return bit.band('5', 7)" 0
        EVAL "return bit.lshift(1)" 0
        "##,
    ),
    (
        "script in transactions and to subscribers",
        r##"
        MULTI
        EVAL "return redis.call('incr','n')" 0
        EVAL "return redis.call('nosuch')" 0
        EVALSHA 1234 0
        EXEC
        WATCH w
        @b EVAL "return redis.call('set','w',1)" 0
        MULTI
        PING
        EXEC
        @c SUBSCRIBE news
        EVAL "return redis.call('publish','news','hi')" 0
        @c <
        EVAL "redis.call('set','e','v') redis.call('pexpire','e',1) local n = 0 for i = 1, 3000000 do n = n + 1 end return redis.call('exists','e')" 0
        CONFIG SET maxmemory 1
        EVAL "return redis.call('set','k','v')" 0
        EVAL "return redis.call('get','k')" 0
        EVAL "#!lua\nreturn 1" 0
        EVAL "#!lua flags=allow-oom\nreturn redis.call('set','k','v')" 0
        EVAL "#!lua flags=no-writes\nreturn redis.call('get','k')" 0
        CONFIG SET maxmemory 0
        [command] COMMAND INFO eval evalsha eval_ro evalsha_ro script|load script|kill script|exists script|flush script|help
        "##,
    ),
    (
        "script that takes too long",
        r##"
        CONFIG SET busy-reply-threshold 10
        SET x 1
        !send EVAL "while true do end" 0
        !sleep 100
        @b PING
        @b GET x
        @b SHUTDOWN
        @b MULTI
        @b GET x
        @b EXEC
        @c SCRIPT KILL
        @a <
        @b PING
        @b EXEC
        @a PING
        !send EVAL "while true do pcall(function() while true do end end) end" 0
        !sleep 100
        @d SCRIPT KILL
        @a <
        !send EVAL "redis.call('set','y',1) local n = 0 for i = 1, 60000000 do n = n + 1 end return n" 0
        !sleep 100
        @d SCRIPT KILL
        @a <
        @d SCRIPT KILL
        !send EVAL "local co = coroutine.create(function() while true do end end) coroutine.resume(co) return 1" 0
        !sleep 100
        @d SCRIPT KILL
        @a [nothing] <
        @d GET y
        CONFIG SET busy-reply-threshold 5000
        "##,
    ),
];
