//! The cases of the transcript test, by subject. `transcript` explains the lines.

/// Name and lines of every case.
pub(crate) const CASES: &[(&str, &str)] = &[
    (
        "strings",
        r#"
        SET k v
        GET k
        GET missing
        SET k v2 GET
        SET n v GET
        SET k v NX
        SET n2 v NX
        SET n3 v XX
        SET n3 v XX GET
        SET k v3 NX GET
        SET k v NX XX
        SET k v XX NX
        SET k v EX
        SET k v EX abc
        SET k v EX 0
        SET k v EX -1
        SET k v PX 0
        SET k v EX 9223372036854775807
        SET k v PX 9223372036854775807
        SET k v EX 10 PX 10
        SET k v EX 10 KEEPTTL
        SET k v KEEPTTL EX 10
        SET k v EX 10 EX 20
        TTL k
        SET k w KEEPTTL
        TTL k
        SET k w
        TTL k
        SET k v EXAT 99999999999
        TTL nothing
        EXPIRETIME k
        SET k v PXAT 99999999999999
        PEXPIRETIME k
        SET k v EXAT 1
        GET k
        SET k v BOGUS
        SET k
        SET
        SETNX a 1
        SETNX a 2
        SETEX a 100 x
        TTL a
        SETEX a 0 x
        SETEX a -5 x
        SETEX a abc x
        PSETEX a 100000 x
        [near 100] PTTL a
        PSETEX a 0 x
        PSETEX a 9223372036854775807 x
        GETSET a y
        TTL a
        GETSET fresh y
        GETDEL fresh
        GETDEL fresh
        SET "" empty
        GET ""
        SET bin "\x00\x01\xff\r\n"
        GET bin
        STRLEN bin
        STRLEN missing
        MSET a 1 b 2 c 3
        MGET a b missing c
        MSET a
        MSET a 1 b
        MSETNX d 1 a 2
        EXISTS d
        MSETNX d 1 e 2
        MSETNX d
        MSETNX d 1 e
        MGET
        GET a b
        "#,
    ),
    (
        "string encodings",
        r#"
        SET i 123
        OBJECT ENCODING i
        SET i -9223372036854775808
        OBJECT ENCODING i
        SET i 9223372036854775808
        OBJECT ENCODING i
        SET i 0012
        OBJECT ENCODING i
        SET i " 12"
        OBJECT ENCODING i
        SET s abc
        OBJECT ENCODING s
        SET s 01234567890123456789012345678901234567890123
        OBJECT ENCODING s
        SET s 012345678901234567890123456789012345678901234
        OBJECT ENCODING s
        SET n 10
        APPEND n 1
        OBJECT ENCODING n
        INCR n
        OBJECT ENCODING n
        APPEND fresh 12
        OBJECT ENCODING fresh
        SETRANGE r 3 abc
        OBJECT ENCODING r
        GET r
        INCRBYFLOAT f 3
        OBJECT ENCODING f
        SET m 5
        OBJECT REFCOUNT m
        SET m 10000
        OBJECT REFCOUNT m
        SET m abc
        OBJECT REFCOUNT m
        MSET p 1 q abc
        OBJECT ENCODING p
        OBJECT ENCODING q
        GETSET p xyz
        OBJECT ENCODING p
        "#,
    ),
    (
        "string ranges",
        r#"
        SET k "Hello World"
        GETRANGE k 0 4
        GETRANGE k -5 -1
        GETRANGE k 0 -1
        GETRANGE k 5 3
        GETRANGE k -1 -5
        GETRANGE k -100 2
        GETRANGE k -100 -50
        GETRANGE k 0 -100
        GETRANGE k 100 200
        GETRANGE k a 1
        GETRANGE k 0 b
        GETRANGE missing 0 1
        SUBSTR k 0 4
        SETRANGE k 6 Redis
        GET k
        SETRANGE k -1 x
        SETRANGE k abc x
        SETRANGE k 3 ""
        SETRANGE missing 3 ""
        EXISTS missing
        SETRANGE k 536870911 ab
        SETRANGE k 15 pad
        GET k
        SET num 12345
        GETRANGE num 1 2
        STRLEN num
        SETRANGE num 1 x
        GET num
        APPEND k !
        APPEND fresh ""
        EXISTS fresh
        LPUSH l x
        GETRANGE l 0 1
        SETRANGE l 0 x
        APPEND l x
        STRLEN l
        GET l
        GETSET l x
        GETDEL l
        GETEX l
        SET l x GET
        MGET l k
        INCR l
        INCRBYFLOAT l 1
        SET l x
        "#,
    ),
    (
        "getex",
        r#"
        SET k v
        GETEX k
        TTL k
        GETEX k EX 100
        TTL k
        GETEX k PX 100000
        [near 100] PTTL k
        GETEX k EXAT 99999999999
        EXPIRETIME k
        GETEX k PXAT 99999999999999
        PEXPIRETIME k
        GETEX k PERSIST
        TTL k
        GETEX k EX 0
        GETEX k EX abc
        GETEX k EX
        GETEX k BOGUS
        GETEX k PERSIST EX 10
        GETEX k EX 10 PERSIST
        GETEX k NX
        GETEX k KEEPTTL
        GETEX missing EX 0
        GETEX missing
        GETEX k EXAT 1
        EXISTS k
        GETEX
        "#,
    ),
    (
        "numbers",
        r#"
        INCR n
        INCR n
        DECR n
        INCRBY n 10
        DECRBY n 3
        INCRBY n abc
        INCRBY n 1.5
        INCRBY n " 1"
        INCRBY n 01
        INCRBY n +1
        SET big 9223372036854775807
        INCR big
        INCRBY big 1
        DECRBY big -1
        SET small -9223372036854775808
        DECR small
        DECRBY n -9223372036854775808
        SET s abc
        INCR s
        SET s " 1"
        INCR s
        SET s "1 "
        INCR s
        SET s 1.5
        INCR s
        SET t 10
        EXPIRE t 100
        INCR t
        TTL t
        INCRBYFLOAT f 10.50
        INCRBYFLOAT f 0.1
        INCRBYFLOAT f -5
        INCRBYFLOAT f 5.0e3
        INCRBYFLOAT f abc
        INCRBYFLOAT f ""
        INCRBYFLOAT f " 1"
        INCRBYFLOAT f 1x
        INCRBYFLOAT f inf
        INCRBYFLOAT f -inf
        INCRBYFLOAT f nan
        INCRBYFLOAT f 1e5000
        SET g 1e4932
        INCRBYFLOAT g 1e4932
        SET g 3.0e3
        INCRBYFLOAT g -0.000001
        SET g 0.1
        INCRBYFLOAT g 0.2
        SET g 1
        INCRBYFLOAT g 1e-17
        SET g 123456789012345678901234567890
        INCRBYFLOAT g 1
        SET g 1
        INCRBYFLOAT g -1
        INCRBYFLOAT g 1.7976931348623157
        INCRBYFLOAT g -0.3333333333333333333333
        INCRBYFLOAT g 1e17
        SET g abc
        INCRBYFLOAT g 1
        INCR
        INCR a b
        INCRBYFLOAT a
        "#,
    ),
    (
        "lcs",
        r#"
        MSET a ohmytext b mynewtext
        LCS a b
        LCS a b LEN
        LCS a b IDX
        LCS a b IDX MINMATCHLEN 4
        LCS a b IDX WITHMATCHLEN
        LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
        LCS a b IDX MINMATCHLEN -1
        LCS a b IDX LEN
        LCS a b BOGUS
        LCS a b MINMATCHLEN
        LCS a b MINMATCHLEN x
        LCS a missing
        LCS missing missing IDX
        LPUSH l 1
        LCS a l
        MSET c abcabcabcabbaabacabcab d bcbabcbabcbabcbacbacbacba
        LCS c d
        LCS c d LEN
        LCS c d IDX WITHMATCHLEN
        LCS a
        "#,
    ),
    (
        "keys",
        r#"
        MSET a 1 b 2 c 3
        DEL a b missing
        UNLINK c missing
        EXISTS a b c
        MSET a 1 b 2
        EXISTS a b a missing
        TOUCH a b missing
        TYPE a
        TYPE missing
        LPUSH l x
        TYPE l
        SADD s x
        TYPE s
        HSET h f v
        TYPE h
        ZADD z 1 m
        TYPE z
        RENAME missing x
        RENAME a x
        GET x
        RENAME x x
        RENAME missing missing
        RENAMENX x b
        RENAMENX x fresh
        RENAMENX missing fresh
        RENAMENX fresh fresh
        EXPIRE fresh 100
        RENAME fresh b
        TTL b
        SET plain 1
        RENAME plain b
        TTL b
        COPY b copied
        COPY b copied
        COPY b copied REPLACE
        COPY b b
        COPY b b DB 1
        COPY missing x
        COPY b copied DB 99
        COPY b copied DB abc
        COPY b copied BOGUS
        COPY l l2
        LRANGE l2 0 -1
        COPY z z2
        ZRANGE z2 0 -1 WITHSCORES
        COPY h h2
        HGETALL h2
        COPY s s2
        SMEMBERS s2
        MOVE b 1
        MOVE missing 1
        MOVE copied 0
        MOVE copied 99
        MOVE copied abc
        SELECT 1
        EXISTS b
        GET b
        SELECT 0
        [kind] RANDOMKEY
        FLUSHALL
        RANDOMKEY
        SET only 1
        RANDOMKEY
        DBSIZE
        DEL
        EXISTS
        TYPE
        RENAME a
        "#,
    ),
    (
        "keys and scan",
        r#"
        MSET one 1 two 2 three 3 four 4 "a[b" 5 "back\\slash" 6
        [unordered] KEYS *
        [unordered] KEYS *o*
        [unordered] KEYS t*
        [unordered] KEYS t??
        [unordered] KEYS [ot]*
        [unordered] KEYS [^o]*
        [unordered] KEYS [a-o]*
        [unordered] KEYS "a\\[b"
        [unordered] KEYS "back\\\\slash"
        KEYS nothing*
        KEYS one
        KEYS ""
        [unordered] SCAN 0 COUNT 1000
        [unordered] SCAN 0 MATCH *o* COUNT 1000
        [unordered] SCAN 0 TYPE string COUNT 1000
        LPUSH l x
        SCAN 0 TYPE list COUNT 1000
        SCAN 0 TYPE LIST COUNT 1000
        SCAN 0 TYPE bogus COUNT 1000
        SCAN abc
        SCAN -
        SCAN 18446744073709551616
        SCAN 0 COUNT 0
        SCAN 0 COUNT -1
        SCAN 0 COUNT abc
        SCAN 0 COUNT
        SCAN 0 BOGUS 1
        SCAN 0 MATCH
        SCAN
        KEYS
        SET gone x PX 1
        !sleep 20
        KEYS gone
        [unordered] SCAN 0 MATCH g* COUNT 1000
        FLUSHALL
        SCAN 0
        KEYS *
        "#,
    ),
    (
        "expiry",
        r#"
        SET k v
        TTL k
        PTTL k
        TTL missing
        PTTL missing
        EXPIRE k 100
        TTL k
        [near 100] PTTL k
        [near 1] EXPIRETIME k
        [near 1000] PEXPIRETIME k
        EXPIRETIME missing
        PERSIST k
        PERSIST k
        PERSIST missing
        EXPIRETIME k
        EXPIRE k 100 XX
        EXPIRE k 100 GT
        EXPIRE k 100 LT
        EXPIRE k 200 NX
        EXPIRE k 200 GT
        EXPIRE k 100 GT
        EXPIRE k 100 LT
        EXPIRE k 300 XX
        TTL k
        EXPIRE k 10 NX XX
        EXPIRE k 10 NX GT
        EXPIRE k 10 GT LT
        EXPIRE k 10 XX GT
        EXPIRE k 10 BOGUS
        EXPIRE k abc
        EXPIRE k 1.5
        EXPIRE k 9223372036854775807
        EXPIRE k -9223372036854775808
        PEXPIRE k 9223372036854775807
        EXPIREAT k 9223372036854775807
        PEXPIREAT k 9223372036854775807
        PEXPIRE k 100000
        [near 100] PTTL k
        EXPIREAT k 99999999999
        EXPIRETIME k
        PEXPIREAT k 99999999999999
        PEXPIRETIME k
        EXPIRE missing 10
        EXPIRE k 0
        EXISTS k
        SET k v
        EXPIRE k -1
        EXISTS k
        SET k v
        EXPIREAT k 1
        EXISTS k
        SET k v PX 200
        GET k
        !sleep 260
        GET k
        TTL k
        EXISTS k
        TYPE k
        SET k v PX 200
        !sleep 260
        SET k v KEEPTTL
        TTL k
        SET k v PX 200
        !sleep 260
        INCR k
        SET m 1 PX 200
        !sleep 260
        RENAME m n
        DEL m
        SETNX m 1
        EXPIRE
        TTL
        EXPIRE k
        "#,
    ),
    (
        "object and memory",
        r#"
        SET k v
        OBJECT ENCODING k
        OBJECT ENCODING missing
        OBJECT REFCOUNT k
        OBJECT REFCOUNT missing
        OBJECT IDLETIME k
        OBJECT IDLETIME missing
        OBJECT FREQ k
        OBJECT FREQ missing
        OBJECT
        OBJECT BOGUS
        OBJECT ENCODING
        OBJECT ENCODING k x
        OBJECT HELP
        [kind] MEMORY USAGE k
        MEMORY USAGE missing
        [kind] MEMORY USAGE k SAMPLES 0
        MEMORY USAGE k SAMPLES -1
        MEMORY USAGE k SAMPLES abc
        MEMORY USAGE k SAMPLES
        MEMORY USAGE k BOGUS 1
        MEMORY BOGUS
        MEMORY
        CONFIG SET maxmemory-policy allkeys-lfu
        SET f v
        OBJECT FREQ f
        OBJECT IDLETIME f
        CONFIG SET maxmemory-policy noeviction
        "#,
    ),
    (
        "lists",
        r#"
        LPUSH l a b c
        RPUSH l x y
        LRANGE l 0 -1
        LLEN l
        LLEN missing
        LPUSHX missing a
        RPUSHX missing a
        EXISTS missing
        LPUSHX l h
        RPUSHX l t
        LRANGE l 1 2
        LRANGE l -2 -1
        LRANGE l 5 2
        LRANGE l 100 200
        LRANGE l -100 100
        LRANGE l a 1
        LRANGE missing 0 -1
        LINDEX l 0
        LINDEX l -1
        LINDEX l 100
        LINDEX l abc
        LINDEX missing abc
        LINDEX missing 0
        LSET l 0 first
        LSET l -1 last
        LSET l 100 x
        LSET l abc x
        LSET missing 0 x
        LRANGE l 0 -1
        LINSERT l BEFORE x before
        LINSERT l after x after
        LINSERT l BEFORE nothing x
        LINSERT missing BEFORE a x
        LINSERT l MIDDLE a x
        LRANGE l 0 -1
        LPOP l
        RPOP l
        LPOP l 2
        RPOP l 2
        LPOP l 0
        LPOP missing
        LPOP missing 2
        LPOP missing 0
        LPOP l -1
        LPOP l abc
        LPOP l 1 2
        RPOP l 100
        EXISTS l
        RPUSH r a b a c a d a
        LREM r 1 a
        LREM r -1 a
        LREM r 0 a
        LREM r 0 nothing
        LREM missing 0 a
        LREM r abc a
        LRANGE r 0 -1
        LTRIM r 1 -1
        LRANGE r 0 -1
        LTRIM r 5 10
        EXISTS r
        LTRIM missing 0 1
        LTRIM r a 1
        OBJECT ENCODING r
        RPUSH q 1
        OBJECT ENCODING q
        SET str x
        LPUSH str a
        LPUSHX str a
        LPOP str
        LPOP str 1
        LLEN str
        LRANGE str 0 1
        LINDEX str 0
        LSET str 0 a
        LTRIM str 0 1
        LREM str 0 a
        LINSERT str BEFORE a b
        LPUSH l
        LPUSH
        LRANGE l 0
        "#,
    ),
    (
        "long lists",
        r#"
        !times 700 RPUSH l item:{i}
        LLEN l
        LRANGE l 0 5
        LRANGE l 250 262
        LRANGE l 500 -1
        LINDEX l 255
        LINDEX l 256
        LINDEX l -300
        LINSERT l BEFORE item:300 new
        LINDEX l 300
        LREM l 1 item:400
        LTRIM l 100 -100
        LLEN l
        LRANGE l 0 3
        LRANGE l -3 -1
        RPOP l 10
        LPOP l 300
        LLEN l
        "#,
    ),
    (
        "sets",
        r#"
        SADD s 3 1 2
        SADD s 1
        SMEMBERS s
        OBJECT ENCODING s
        SCARD s
        SCARD missing
        SISMEMBER s 1
        SISMEMBER s 9
        SISMEMBER missing 1
        SMISMEMBER s 1 9 2
        SMISMEMBER missing 1 2
        SREM s 1 9
        SREM missing 1
        SADD s abc
        OBJECT ENCODING s
        [unordered] SMEMBERS s
        SMEMBERS missing
        [unordered] SSCAN s 0 COUNT 100
        [unordered] SSCAN s 0 MATCH a* COUNT 100
        SADD i 5 -1 10 9223372036854775807
        SSCAN i 0
        SSCAN missing 0
        SSCAN missing abc
        SSCAN s abc
        SSCAN s 0 COUNT 0
        SSCAN s 0 TYPE string
        SSCAN s 0 BOGUS
        [kind] SPOP s
        SPOP missing
        SPOP missing 2
        SPOP s 0
        SPOP s -1
        SPOP s abc
        SPOP s 1 2
        [kind] SPOP s 100
        EXISTS s
        SADD one x
        SRANDMEMBER one
        SRANDMEMBER one 5
        SRANDMEMBER one -3
        SRANDMEMBER one 0
        SRANDMEMBER missing
        SRANDMEMBER missing 2
        SRANDMEMBER one abc
        SRANDMEMBER one 1 2
        SRANDMEMBER one -9223372036854775808
        [kind] SRANDMEMBER i 2
        [kind] SRANDMEMBER i -7
        SPOP one
        EXISTS one
        SREM i 5 -1 10 9223372036854775807
        EXISTS i
        SADD f 01 1.5
        OBJECT ENCODING f
        SET str x
        SADD str a
        SREM str a
        SCARD str
        SISMEMBER str a
        SMISMEMBER str a
        SMEMBERS str
        SSCAN str 0
        SPOP str
        SPOP str 1
        SRANDMEMBER str
        SRANDMEMBER str 1
        SADD s
        SISMEMBER s
        "#,
    ),
    (
        "set encodings",
        r#"
        !times 512 SADD s {i}
        OBJECT ENCODING s
        SADD s 512
        OBJECT ENCODING s
        SCARD s
        [unordered] SMEMBERS s
        !times 513 SREM s {i}
        EXISTS s
        !times 300 SADD t member:{i}
        [unordered] SMEMBERS t
        SCARD t
        "#,
    ),
    (
        "hashes",
        r#"
        HSET h a 1 b 2
        HSET h a 3 c 4
        HGET h a
        HGET h missing
        HGET missing a
        HGETALL h
        HGETALL missing
        HKEYS h
        HVALS h
        HKEYS missing
        HVALS missing
        HLEN h
        HLEN missing
        HMGET h a missing c
        HMGET missing a b
        HMSET h d 5 e 6
        HMSET h d
        HMSET h d 5 e
        HSET h d
        HSET h d 5 e
        HSETNX h a 9
        HSETNX h z 9
        HEXISTS h a
        HEXISTS h missing
        HEXISTS missing a
        HSTRLEN h a
        HSTRLEN h missing
        HSTRLEN missing a
        HDEL h a missing z
        HDEL missing a
        HINCRBY h n 5
        HINCRBY h n -7
        HINCRBY h n abc
        HSET h s abc
        HINCRBY h s 1
        HSET h big 9223372036854775807
        HINCRBY h big 1
        HINCRBYFLOAT h f 10.5
        HINCRBYFLOAT h f 0.1
        HINCRBYFLOAT h f abc
        HINCRBYFLOAT h f inf
        HINCRBYFLOAT h s 1
        HGETALL h
        HSCAN h 0
        HSCAN h 0 MATCH b*
        HSCAN h 0 COUNT 1
        HSCAN missing 0
        HSCAN h abc
        HSCAN h 0 COUNT abc
        OBJECT ENCODING h
        HDEL h b c d e n s big f
        EXISTS h
        SET str x
        HSET str a 1
        HSETNX str a 1
        HGET str a
        HMGET str a
        HGETALL str
        HKEYS str
        HVALS str
        HLEN str
        HEXISTS str a
        HSTRLEN str a
        HDEL str a
        HINCRBY str a 1
        HINCRBYFLOAT str a 1
        HSCAN str 0
        HGET h
        HSET h a
        "#,
    ),
    (
        "hash encodings",
        r#"
        !times 512 HSET h field:{i} {i}
        OBJECT ENCODING h
        HSET h one-more x
        OBJECT ENCODING h
        HLEN h
        [pairs] HGETALL h
        [unordered] HKEYS h
        [unordered] HVALS h
        HGET h field:77
        HSET v f 0123456789012345678901234567890123456789012345678901234567890123
        OBJECT ENCODING v
        HSET v f 01234567890123456789012345678901234567890123456789012345678901234
        OBJECT ENCODING v
        HSET w 01234567890123456789012345678901234567890123456789012345678901234 x
        OBJECT ENCODING w
        HSET x f short
        HSETNX x f 01234567890123456789012345678901234567890123456789012345678901234
        OBJECT ENCODING x
        CONFIG SET hash-max-listpack-entries 2
        HSET small a 1 b 2
        OBJECT ENCODING small
        HSET small c 3
        OBJECT ENCODING small
        CONFIG SET hash-max-listpack-entries 512
        "#,
    ),
    (
        "sorted sets",
        r#"
        ZADD z 1 a 2 b 3 c
        ZADD z 5 a
        ZADD z NX 9 a 4 d
        ZADD z XX 6 a 7 nothing
        ZADD z CH 8 a 4 d 1 e
        ZADD z GT 1 a
        ZADD z GT CH 10 a
        ZADD z LT CH 3 a
        ZADD z INCR 2 a
        ZADD z NX INCR 2 a
        ZADD z XX INCR 2 nothing
        ZADD missing XX INCR 2 nothing
        ZADD missing XX 2 nothing
        EXISTS missing
        ZADD z NX XX 1 a
        ZADD z GT LT 1 a
        ZADD z GT NX 1 a
        ZADD z INCR 1 a 2 b
        ZADD z abc a
        ZADD z 1
        ZADD z 1 a 2
        ZADD z NX
        ZADD z nan a
        ZADD z inf top
        ZADD z -inf bottom
        ZADD z 1e400 a
        ZADD z 1.1 float
        ZADD z 3.0000000000000004 precise
        ZADD z 1e20 large 1e-7 tiny 100000000000000000 sevenzeros
        ZRANGE z 0 -1 WITHSCORES
        ZSCORE z float
        ZSCORE z top
        ZSCORE z missing
        ZSCORE missing a
        ZMSCORE z a missing b
        ZMSCORE missing a
        ZINCRBY z 1.5 a
        ZINCRBY z -inf top
        ZINCRBY z abc a
        ZINCRBY fresh 3 m
        ZCARD z
        ZCARD missing
        ZRANK z a
        ZRANK z missing
        ZRANK missing a
        ZREVRANK z a
        ZREVRANK z missing
        ZRANGE z 0 2
        ZRANGE z -3 -1
        ZRANGE z 5 2
        ZRANGE z 0 -1 REV
        ZRANGE z 1 2 REV WITHSCORES
        ZRANGE z 1 3 BYSCORE
        ZRANGE z (1 3 BYSCORE WITHSCORES
        ZRANGE z 3 1 BYSCORE REV
        ZRANGE z -inf +inf BYSCORE LIMIT 1 2
        ZRANGE z +inf -inf BYSCORE REV LIMIT 1 2
        ZRANGE z 0 -1 LIMIT 1 2
        ZRANGE z a b BYSCORE
        ZRANGE z a 1
        ZRANGE z 0 -1 BOGUS
        ZRANGE missing 0 -1
        ZREVRANGE z 0 1 WITHSCORES
        ZREVRANGE z 0 -1
        ZRANGEBYSCORE z 1 3
        ZRANGEBYSCORE z (1 (3 WITHSCORES
        ZRANGEBYSCORE z -inf +inf LIMIT 0 2
        ZRANGEBYSCORE z -inf +inf LIMIT -1 2
        ZRANGEBYSCORE z -inf +inf LIMIT 2 -1
        ZRANGEBYSCORE z a b
        ZRANGEBYSCORE z 1 2 LIMIT a b
        ZRANGEBYSCORE missing 1 2
        ZREVRANGEBYSCORE z 3 1
        ZREVRANGEBYSCORE z +inf -inf WITHSCORES LIMIT 1 2
        ZCOUNT z 1 3
        ZCOUNT z -inf +inf
        ZCOUNT z (1 (3
        ZCOUNT z a b
        ZCOUNT missing 1 2
        ZREM z a missing
        ZREM missing a
        ZPOPMIN z
        ZPOPMAX z
        ZPOPMIN z 2
        ZPOPMAX z 2
        ZPOPMIN z 0
        ZPOPMIN z -1
        ZPOPMIN z abc
        ZPOPMIN z 1 2
        ZPOPMIN missing
        ZPOPMIN missing 2
        ZSCAN z 0
        ZSCAN z 0 MATCH p*
        ZSCAN missing 0
        ZPOPMAX z 100
        EXISTS z
        ZADD same 0 b 0 a 0 c
        ZRANGE same 0 -1
        ZRANGE same [a [b BYLEX
        ZRANGE same (a + BYLEX
        ZRANGE same - + BYLEX REV
        ZRANGE same + - BYLEX REV
        ZRANGE same [a [b BYLEX WITHSCORES
        ZRANGE same a b BYLEX
        OBJECT ENCODING same
        SET str x
        ZADD str 1 a
        ZINCRBY str 1 a
        ZSCORE str a
        ZCARD str
        ZREM str a
        ZRANK str a
        ZRANGE str 0 -1
        ZRANGEBYSCORE str 1 2
        ZCOUNT str 1 2
        ZPOPMIN str
        ZSCAN str 0
        ZADD z
        ZADD z 1
        "#,
    ),
    (
        "sorted set encodings",
        r#"
        !times 128 ZADD z {i} member:{i}
        OBJECT ENCODING z
        ZADD z 128 member:128
        OBJECT ENCODING z
        ZCARD z
        ZRANGE z 0 -1 WITHSCORES
        ZRANGE z 60 70 REV
        ZRANK z member:100
        ZREVRANK z member:100
        !times 60 ZINCRBY z 1000 member:{i}
        ZRANGE z 0 -1
        ZPOPMIN z 5
        ZPOPMAX z 5
        [pairs] ZSCAN z 0 COUNT 1000
        ZADD long 1 01234567890123456789012345678901234567890123456789012345678901234
        OBJECT ENCODING long
        "#,
    ),
    (
        "wrong type everywhere",
        r#"
        SET str x
        LPUSH list x
        SADD set x
        HSET hash f v
        ZADD zset 1 m
        GET list
        GET set
        GET hash
        GET zset
        LLEN hash
        SCARD zset
        HLEN set
        ZCARD list
        INCR zset
        APPEND hash x
        LPUSH set x
        SADD hash x
        HSET zset f v
        ZADD str 1 m
        SETRANGE list 0 x
        GETRANGE set 0 1
        MGET str list set
        "#,
    ),
    (
        "connection",
        r#"
        PING
        PING hello
        PING a b
        ECHO hello
        ECHO
        ECHO a b
        SELECT 1
        SELECT 0
        SELECT 16
        SELECT -1
        SELECT abc
        SELECT
        CLIENT GETNAME
        CLIENT SETNAME tester
        CLIENT GETNAME
        CLIENT SETNAME "two words"
        CLIENT SETNAME ""
        CLIENT GETNAME
        [kind] CLIENT ID
        CLIENT
        CLIENT BOGUS
        CLIENT ID x
        CLIENT REPLY BOGUS
        CLIENT REPLY ON
        CLIENT NO-EVICT on
        CLIENT NO-EVICT off
        CLIENT NO-EVICT maybe
        [fields] CLIENT INFO
        [kind] CLIENT LIST
        CLIENT LIST TYPE bogus
        CLIENT LIST BOGUS
        CLIENT LIST ID abc
        CLIENT LIST ID
        CLIENT KILL 1.2.3.4:5
        CLIENT KILL ID abc
        CLIENT KILL ID 999999999
        CLIENT KILL TYPE bogus
        CLIENT KILL BOGUS x
        CLIENT KILL
        HELLO 2 SETNAME x y
        HELLO 4
        HELLO abc
        [kind] HELLO 3 AUTH default wrong
        HELLO 3 BOGUS
        AUTH x
        AUTH default x
        AUTH nobody x
        AUTH
        AUTH a b c
        RESET
        NOSUCHCOMMAND
        NOSUCHCOMMAND a b c
        NOSUCHCOMMAND 01234567890123456789012345678901234567890123456789 01234567890123456789012345678901234567890123456789 01234567890123456789012345678901234567890123456789
        "bad\r\ncommand" x
        "" x
        QUIT
        !close
        "#,
    ),
    (
        "client reply off and skip",
        r#"
        !send CLIENT REPLY SKIP
        !send PING skipped
        PING answered
        !send CLIENT REPLY OFF
        !send PING unheard
        CLIENT REPLY ON
        "#,
    ),
    (
        "transactions",
        r#"
        MULTI
        SET a 1
        INCR a
        GET a
        EXEC
        EXEC
        DISCARD
        MULTI
        MULTI
        SET a 2
        DISCARD
        GET a
        MULTI
        NOSUCH
        SET a 3
        EXEC
        GET a
        MULTI
        SET a
        EXEC
        MULTI
        LPUSH a x
        SET b 2
        EXEC
        GET b
        WATCH a
        SET a 5
        MULTI
        SET a 6
        EXEC
        GET a
        WATCH a
        @b SET a other
        MULTI
        SET a 7
        EXEC
        GET a
        WATCH a
        UNWATCH
        @b SET a other2
        MULTI
        SET a 8
        EXEC
        WATCH missing
        @b SET missing x
        MULTI
        EXEC
        WATCH missing
        @b DEL missing
        MULTI
        PING
        EXEC
        WATCH a
        @b FLUSHALL
        MULTI
        PING
        EXEC
        SET t x PX 200
        WATCH t
        !sleep 260
        MULTI
        PING
        EXEC
        WATCH a
        @b EXPIRE a 100
        MULTI
        PING
        EXEC
        MULTI
        WATCH a
        EXEC
        MULTI
        EXEC
        WATCH
        MULTI x
        EXEC x
        MULTI
        PING
        ECHO x
        SELECT 1
        SET in-one x
        EXEC
        SELECT 0
        EXISTS in-one
        "#,
    ),
    (
        "publish and subscribe",
        r#"
        PUBLISH nobody hello
        SUBSCRIBE a b
        <
        @b PUBLISH a hello
        <
        @b PUBLISH c hello
        SUBSCRIBE a
        PING
        PING text
        PSUBSCRIBE n*
        @b PUBLISH news x
        <
        @b PUBLISH a x
        <
        @b [unordered] PUBSUB CHANNELS
        @b PUBSUB CHANNELS a*
        @b PUBSUB NUMSUB a b c
        @b PUBSUB NUMPAT
        @b PUBSUB BOGUS
        @b PUBSUB
        UNSUBSCRIBE a
        UNSUBSCRIBE nothing
        UNSUBSCRIBE
        PUNSUBSCRIBE
        UNSUBSCRIBE
        PUNSUBSCRIBE
        PING
        GET x
        SUBSCRIBE
        PUBLISH a
        "#,
    ),
    (
        "commands while subscribed",
        r#"
        SUBSCRIBE a
        GET x
        SET x 1
        PING
        RESET
        PING
        SUBSCRIBE a
        QUIT
        "#,
    ),
    (
        "server",
        r#"
        DBSIZE
        SET a 1
        DBSIZE
        [kind] TIME
        TIME x
        FLUSHDB
        FLUSHDB ASYNC
        FLUSHDB SYNC
        FLUSHDB BOGUS
        FLUSHALL ASYNC
        FLUSHALL BOGUS
        FLUSHALL SYNC x
        DBSIZE x
        CONFIG GET maxclients
        [pairs] CONFIG GET hz timeout
        CONFIG GET nothing-like-this
        CONFIG GET
        CONFIG SET timeout abc
        CONFIG SET nothing-like-this 1
        CONFIG SET timeout 0
        CONFIG SET hz 10 timeout 0
        CONFIG SET timeout
        CONFIG SET timeout 0 timeout 0
        CONFIG RESETSTAT
        CONFIG BOGUS
        CONFIG
        SLOWLOG GET
        SLOWLOG LEN
        SLOWLOG RESET
        SLOWLOG GET -2
        SLOWLOG GET abc
        SLOWLOG BOGUS
        SLOWLOG
        COMMAND COUNT x
        [kind] COMMAND COUNT
        COMMAND INFO nosuch
        [command] COMMAND INFO get
        [command] COMMAND INFO set
        [command] COMMAND INFO mset
        [command] COMMAND INFO del
        [command] COMMAND INFO incr lpush rpop lrange sadd smembers spop hset hgetall zadd zpopmin zrange
        [command] COMMAND INFO keys scan rename expire ttl persist object type exists unlink touch randomkey lcs getex
        [command] COMMAND INFO ping subscribe
        COMMAND BOGUS
        COMMAND DOCS nosuch
        DEBUG SLEEP 0
        DEBUG SLEEP abc
        DEBUG BOGUS
        DEBUG
        DEBUG POPULATE 10
        DBSIZE
        GET key:3
        DEBUG POPULATE 5 k 10
        GET k:4
        DEBUG POPULATE abc
        SWAPDB 0 1
        DBSIZE
        SWAPDB 0 1
        SWAPDB 0 99
        SWAPDB a 1
        SHUTDOWN BOGUS
        SHUTDOWN NOSAVE SAVE
        INFO nosuchsection
        "#,
    ),
    (
        "slow log",
        r#"
        CONFIG SET slowlog-log-slower-than 0
        SLOWLOG RESET
        SET slow value
        CONFIG SET slowlog-log-slower-than -1
        [kind] SLOWLOG GET 1
        SLOWLOG RESET
        SLOWLOG LEN
        CONFIG SET slowlog-log-slower-than 10000
        "#,
    ),
    (
        "inline commands",
        r#"
        !raw "PING\r\n"
        !raw "ping\n"
        !raw "SET k \"a b\\x41\"\r\n"
        !raw "GET k\r\n"
        !raw "SET k 'single \\' quote'\r\n"
        !raw "GET k\r\n"
        !raw "\r\n\r\nPING\r\n"
        !raw "   PING   \r\n"
        !raw "ECHO \"unbalanced\r\n"
        !close
        "#,
    ),
    (
        "protocol errors",
        r#"
        @a !raw "*abc\r\n"
        @a !close
        @b !raw "*1\r\nPING\r\n"
        @b !close
        @c !raw "*1\r\n$abc\r\n"
        @c !close
        @d !raw "*1\r\n$-5\r\n"
        @d !close
        @e !raw "*3000000000\r\n"
        @e !close
        @f !raw "*1\r\n$1073741824\r\n"
        @f !close
        @g !raw "*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n"
        @h !raw "*2\r\n$3\r\nGET\r\n:1\r\n"
        @h !close
        @i !raw "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n"
        "#,
    ),
    (
        "sort",
        r#"
        SORT missing
        SORT missing STORE out
        RPUSH l 3 1 2 10 -5 2
        SORT l
        SORT l DESC
        SORT l ASC
        SORT l ALPHA
        SORT l ALPHA DESC
        SORT l LIMIT 1 2
        SORT l LIMIT 0 0
        SORT l LIMIT 4 100
        SORT l LIMIT 100 2
        SORT l LIMIT -3 2
        SORT l LIMIT 1 -1
        SORT l LIMIT 2 -7 DESC
        SORT l LIMIT a 2
        SORT l LIMIT 1
        SORT l BOGUS
        SORT l BY
        SORT l BY nosort
        SORT l BY nosort LIMIT 1 2
        SORT l BY nosort DESC
        SORT l GET
        SORT l GET # GET # LIMIT 0 2
        MSET w_1 30 w_2 20 w_3 10 w_10 5 w_-5 100
        MSET d_1 one d_2 two d_3 three
        SORT l BY w_*
        SORT l BY w_* DESC
        SORT l BY w_* GET d_*
        SORT l BY w_* GET # GET d_* LIMIT 1 3
        SORT l BY missing_*
        SORT l BY missing_* DESC
        SORT l BY missing_* ALPHA
        SORT l BY d_* ALPHA
        SORT l BY d_* ALPHA DESC
        SORT l BY d_*
        SORT l GET nostar
        HSET h_1 f z n 3
        HSET h_2 f y n 2
        HSET h_3 f x n 1
        SORT l BY h_*->n
        SORT l BY h_*->f ALPHA
        SORT l BY h_*->n GET h_*->f GET h_*->missing GET h_* GET d_*->f
        SORT l GET h_*->
        SORT l STORE out
        LRANGE out 0 -1
        OBJECT ENCODING out
        SORT l BY w_* GET # GET d_* STORE out
        LRANGE out 0 -1
        SET out string
        EXPIRE out 100
        SORT l STORE out
        TTL out
        SORT l LIMIT 0 0 STORE out
        EXISTS out
        SORT l STORE l
        LRANGE l 0 -1
        RPUSH words banana apple cherry
        SORT words
        SORT words ALPHA
        SORT words ALPHA DESC LIMIT 0 2
        RPUSH floats 1.5 1e3 -inf "" " 7"
        SORT floats
        RPUSH floats2 1.5 1e3 -inf inf -2.25
        SORT floats2
        RPUSH floats3 "1 "
        SORT floats3
        RPUSH floats4 nan
        SORT floats4
        SADD s 5 3 9 1
        SORT s
        SORT s DESC LIMIT 0 2
        SORT s BY nosort STORE out
        LRANGE out 0 -1
        SADD st delta alpha charlie
        SORT st ALPHA
        SORT st BY nosort STORE out
        LRANGE out 0 -1
        SORT st BY nosort GET # STORE out
        LRANGE out 0 -1
        ZADD z 1 3 2 1 3 2
        SORT z
        SORT z BY nosort
        SORT z BY nosort DESC
        SORT z BY nosort LIMIT 0 2
        SORT z BY nosort DESC LIMIT 0 2
        SORT z BY nosort DESC LIMIT 1 1
        SORT_RO l
        SORT_RO l DESC LIMIT 0 2
        SORT_RO l STORE out
        SORT d_1
        HSET hash f v
        SORT hash
        SORT
        [command] COMMAND INFO sort sort_ro
        "#,
    ),
    (
        "set algebra",
        r#"
        SADD a 1 2 3 4 x y
        SADD b 2 4 6 x
        SADD c 4 x z
        SADD i 1 2 3 4
        SADD j 3 4 5
        SET str v
        [unordered] SINTER a b c
        SINTER i j
        SINTER j i
        SINTER a missing
        SINTER missing
        SINTER a str
        SINTER missing str
        SINTER str missing
        [unordered] SINTER a
        [unordered] SUNION a b c
        SUNION i j
        [unordered] SUNION a missing
        SUNION missing missing2
        SUNION a str
        [unordered] SDIFF a b
        [unordered] SDIFF a b c
        SDIFF i j
        SDIFF missing a
        SDIFF a str
        SDIFF a a
        SINTERSTORE out a b c
        [unordered] SMEMBERS out
        SINTERSTORE out i j
        SMEMBERS out
        OBJECT ENCODING out
        SINTERSTORE out a missing
        EXISTS out
        SUNIONSTORE out a b
        SCARD out
        SET out string
        SUNIONSTORE out i j
        SMEMBERS out
        SDIFFSTORE out i j
        SMEMBERS out
        SDIFFSTORE out i i
        EXISTS out
        SDIFFSTORE out str i
        SUNIONSTORE i i j
        SMEMBERS i
        SINTERCARD 2 a b
        SINTERCARD 2 a b LIMIT 1
        SINTERCARD 2 a b LIMIT 0
        SINTERCARD 2 a b LIMIT -1
        SINTERCARD 2 a b LIMIT x
        SINTERCARD 2 a b LIMIT
        SINTERCARD 2 a b BOGUS 1
        SINTERCARD 0 a
        SINTERCARD x a
        SINTERCARD 3 a b
        SINTERCARD 2 a str
        SINTERCARD 2 a missing
        SMOVE a b 1
        SMOVE a b 1
        SMOVE a b 2
        SMOVE missing b 1
        SMOVE a str x
        SMOVE str a x
        SMOVE missing str x
        SMOVE a a x
        SMOVE a a nope
        SADD one only
        SMOVE one fresh only
        EXISTS one
        SMEMBERS fresh
        SINTER
        SINTERSTORE out
        [command] COMMAND INFO sinter sunion sdiff sinterstore sunionstore sdiffstore sintercard smove
        "#,
    ),
    (
        "bits",
        r#"
        GETBIT b 0
        SETBIT b 7 1
        GET b
        SETBIT b 7 0
        SETBIT b 100 1
        STRLEN b
        GETBIT b 100
        GETBIT b 101
        GETBIT b 100000
        SETBIT b -1 1
        SETBIT b x 1
        SETBIT b 1 2
        SETBIT b 1 x
        SETBIT b 4294967296 1
        GETBIT b 4294967295
        GETBIT b 4294967296
        GETBIT b -1
        SET n 12
        GETBIT n 2
        SETBIT n 6 1
        GET n
        OBJECT ENCODING n
        LPUSH l x
        GETBIT l 0
        SETBIT l 0 1
        BITCOUNT l
        BITPOS l 1
        BITCOUNT missing
        BITCOUNT missing 0 1
        SET s foobar
        BITCOUNT s
        BITCOUNT s 0 0
        BITCOUNT s 1 1
        BITCOUNT s 1 -2
        BITCOUNT s -2 -1
        BITCOUNT s 5 1
        BITCOUNT s 0 100
        BITCOUNT s 5 30 BIT
        BITCOUNT s 5 30 BYTE
        BITCOUNT s 0 5 BIT
        BITCOUNT s -10 -3 BIT
        BITCOUNT s 5 30 BOGUS
        BITCOUNT s 0
        BITCOUNT s 0 x
        BITCOUNT s x 0
        SET p "\xff\xf0\x00"
        BITPOS p 0
        BITPOS p 1
        BITPOS p 1 2
        BITPOS p 0 1
        BITPOS p 0 0 0
        BITPOS p 1 2 2
        BITPOS p 0 2 -1
        BITPOS p 1 5
        BITPOS p 1 7 15 BIT
        BITPOS p 0 7 15 BIT
        BITPOS p 0 0 7 BIT
        BITPOS p 1 -4 -1 BIT
        BITPOS p 1 7 15 BYTE
        BITPOS p 1 7 15 BOGUS
        BITPOS p 2
        BITPOS p x
        BITPOS p 1 x
        BITPOS p 1 0 x
        SET ones "\xff\xff"
        BITPOS ones 0
        BITPOS ones 0 0
        BITPOS ones 0 0 -1
        BITPOS ones 1 1
        BITPOS missing 0
        BITPOS missing 1
        BITPOS missing 1 0 1
        [command] COMMAND INFO getbit setbit bitcount bitpos
        "#,
    ),
    (
        "list moves",
        r#"
        RPUSH l a b c
        LMOVE l m LEFT RIGHT
        LMOVE l m RIGHT LEFT
        LRANGE m 0 -1
        LMOVE l l LEFT RIGHT
        LMOVE l m LEFT LEFT
        EXISTS l
        LMOVE l m LEFT LEFT
        LMOVE m m left right
        LRANGE m 0 -1
        LMOVE m m UP RIGHT
        LMOVE m m LEFT DOWN
        SET str v
        LMOVE str m LEFT LEFT
        LMOVE m str LEFT LEFT
        LMOVE missing str LEFT LEFT
        RPOPLPUSH m n
        RPOPLPUSH m m
        RPOPLPUSH missing n
        RPOPLPUSH str n
        RPOPLPUSH m str
        LRANGE m 0 -1
        LRANGE n 0 -1
        RPUSH p a b c d 1 2 3 4 3 3 3
        LPOS p 3
        LPOS p 3 RANK 2
        LPOS p 3 RANK -1
        LPOS p 3 RANK -1 COUNT 2
        LPOS p 3 COUNT 0
        LPOS p 3 COUNT 2
        LPOS p 3 COUNT 0 RANK 3
        LPOS p 3 COUNT 0 MAXLEN 8
        LPOS p 3 COUNT 0 MAXLEN 3 RANK -1
        LPOS p 3 MAXLEN 2
        LPOS p x
        LPOS p x COUNT 1
        LPOS missing x
        LPOS missing x COUNT 1
        LPOS str x
        LPOS p 3 RANK 0
        LPOS p 3 RANK x
        LPOS p 3 RANK -9223372036854775808
        LPOS p 3 COUNT -1
        LPOS p 3 COUNT x
        LPOS p 3 MAXLEN -1
        LPOS p 3 BOGUS 1
        LPOS p 3 RANK
        [command] COMMAND INFO lmove rpoplpush lpos
        "#,
    ),
    (
        "hrandfield",
        r#"
        HSET h a 1
        HRANDFIELD h
        HRANDFIELD h 1
        HRANDFIELD h 5
        HRANDFIELD h -3
        HRANDFIELD h 5 WITHVALUES
        HRANDFIELD h -2 WITHVALUES
        HRANDFIELD h 0
        HRANDFIELD h 0 WITHVALUES
        HRANDFIELD missing
        HRANDFIELD missing 2
        HRANDFIELD missing -2 WITHVALUES
        HRANDFIELD h x
        HRANDFIELD h 1 BOGUS
        HRANDFIELD h 1 WITHVALUES more
        HRANDFIELD h -9223372036854775808
        HRANDFIELD h -9223372036854775807 WITHVALUES
        HSET h b 2 c 3
        [kind] HRANDFIELD h 2
        [unordered] HRANDFIELD h 3
        [kind] HRANDFIELD h -7
        SET str v
        HRANDFIELD str
        HRANDFIELD str 1
        [command] COMMAND INFO hrandfield
        "#,
    ),
    (
        "sorted set algebra",
        r#"
        ZADD a 1 x 2 y 3 z
        ZADD b 10 y 20 z 30 w
        SADD s y z q
        SET str v
        ZUNIONSTORE out 2 a b
        ZRANGE out 0 -1 WITHSCORES
        ZUNIONSTORE out 2 a b WEIGHTS 2 0.5
        ZRANGE out 0 -1 WITHSCORES
        ZUNIONSTORE out 2 a b AGGREGATE MIN
        ZRANGE out 0 -1 WITHSCORES
        ZUNIONSTORE out 2 a b WEIGHTS 1 -1 AGGREGATE max
        ZRANGE out 0 -1 WITHSCORES
        ZUNIONSTORE out 2 a s
        ZRANGE out 0 -1 WITHSCORES
        ZINTERSTORE out 2 a b
        ZRANGE out 0 -1 WITHSCORES
        ZINTERSTORE out 3 a b s WEIGHTS 1 2 3 AGGREGATE MAX
        ZRANGE out 0 -1 WITHSCORES
        ZINTERSTORE out 2 a missing
        EXISTS out
        ZDIFFSTORE out 2 a b
        ZRANGE out 0 -1 WITHSCORES
        ZDIFFSTORE out 2 a a
        ZUNION 2 a b
        ZUNION 2 a b WITHSCORES
        ZINTER 2 a b WITHSCORES
        ZINTER 2 a b
        ZDIFF 2 a b WITHSCORES
        ZDIFF 1 missing
        ZDIFF 2 a b WEIGHTS 1 2
        ZUNION 2 a b AGGREGATE avg
        ZUNION 2 a b WEIGHTS 1
        ZUNION 2 a b WEIGHTS 1 x
        ZUNION 2 a b BOGUS
        ZUNION 0 a
        ZUNION x a
        ZUNION 3 a b
        ZUNIONSTORE out 0 a
        ZUNIONSTORE out 2 a b WITHSCORES
        ZUNIONSTORE out 2 a str
        ZINTERSTORE out 2 missing str
        ZUNION 2 a str
        ZADD inf inf x
        ZADD ninf -inf x
        ZUNION 2 inf ninf WITHSCORES
        ZUNION 1 inf WEIGHTS 0 WITHSCORES
        ZINTERCARD 2 a b
        ZINTERCARD 2 a b LIMIT 1
        ZINTERCARD 2 a b LIMIT -1
        ZINTERCARD 2 a b BOGUS
        ZINTERCARD 2 a s
        ZINTERCARD 0 a
        ZINTERCARD 3 a b
        ZINTERCARD 2 a str
        [command] COMMAND INFO zunionstore zinterstore zdiffstore zunion zinter zdiff zintercard
        "#,
    ),
    (
        "latency, memory and monitor",
        r#"
        LATENCY LATEST
        LATENCY HISTORY command
        LATENCY RESET
        LATENCY RESET command
        LATENCY GRAPH command
        LATENCY GRAPH
        LATENCY HISTOGRAM nosuch
        LATENCY BOGUS
        LATENCY
        LATENCY HELP
        [kind] LATENCY DOCTOR
        CONFIG SET latency-monitor-threshold 20
        DEBUG SLEEP 0.03
        [kind] LATENCY LATEST
        [kind] LATENCY HISTORY command
        LATENCY RESET command fork
        CONFIG SET latency-monitor-threshold 0
        MEMORY HELP
        MEMORY PURGE
        [kind] MEMORY DOCTOR
        MEMORY BOGUS
        MEMORY STATS extra
        SET k v
        [kind] MEMORY STATS
        @m MONITOR
        @a CLIENT GETNAME
        [kind] @m RESET
        [command] COMMAND INFO latency memory monitor
        "#,
    ),
    (
        "out of memory",
        r#"
        SET k v
        CONFIG SET maxmemory 1
        SET k w
        GET k
        APPEND k x
        MULTI
        SET k w
        EXEC
        MULTI
        DISCARD
        DEL k
        CONFIG SET maxmemory 0
        SET k w
        CONFIG SET maxmemory-policy bogus
        CONFIG SET maxmemory-samples 0
        CONFIG SET maxmemory-eviction-tenacity 101
        CONFIG SET maxmemory-clients 101%
        CONFIG SET maxmemory-clients 5%
        CONFIG GET maxmemory-clients
        CONFIG SET maxmemory-clients 0
        "#,
    ),
    (
        "keys of commands",
        r#"
        COMMAND GETKEYS sort l by w_* get d_* store out
        COMMAND GETKEYS sort l
        COMMAND GETKEYS sintercard 2 a b limit 1
        COMMAND GETKEYS sintercard 9 a
        COMMAND GETKEYS zunionstore o 2 a b
        COMMAND GETKEYS zunionstore o x a
        COMMAND GETKEYS zunion 2 a b
        COMMAND GETKEYS mset a 1 b 2
        COMMAND GETKEYS get
        COMMAND GETKEYS ping x
        COMMAND GETKEYS nosuch x
        COMMAND GETKEYS object encoding x
        COMMAND GETKEYSANDFLAGS set k v
        COMMAND GETKEYSANDFLAGS set k v get
        COMMAND GETKEYSANDFLAGS get k
        COMMAND GETKEYSANDFLAGS ping
        COMMAND GETKEYSANDFLAGS lmove a b left left
        COMMAND GETKEYSANDFLAGS zunionstore o 2 a b
        COMMAND GETKEYSANDFLAGS sinterstore o a b
        COMMAND GETKEYSANDFLAGS sort l store x
        COMMAND GETKEYSANDFLAGS nosuch x
        COMMAND GETKEYSANDFLAGS del a b
        COMMAND GETKEYSANDFLAGS rename a b
        COMMAND GETKEYSANDFLAGS object encoding x
        COMMAND GETKEYSANDFLAGS expire k 1
        COMMAND GETKEYSANDFLAGS type a
        COMMAND GETKEYSANDFLAGS zadd k 1 a
        "#,
    ),
    (
        "bitop",
        r#"
        SET a "abc\xff"
        SET b "\x0f\xf0"
        SET n 1234
        BITOP AND d a b
        GET d
        BITOP or d a b missing
        GET d
        BITOP XOR d a b n
        GET d
        BITOP NOT d a
        GET d
        BITOP AND d a missing
        GET d
        BITOP AND d missing a
        GET d
        BITOP AND d n n
        GET d
        OBJECT ENCODING d
        EXPIRE d 100
        BITOP OR d a
        TTL d
        BITOP OR d missing
        EXISTS d
        BITOP NOT d missing
        BITOP NOT d a b
        BITOP NAND d a b
        BITOP AND d
        LPUSH l x
        BITOP AND d a l
        BITOP AND l a b
        TYPE l
        [command] COMMAND INFO bitop
        COMMAND GETKEYS BITOP and d a b
        COMMAND GETKEYSANDFLAGS BITOP and d a b
        "#,
    ),
    (
        "bitfield",
        r#"
        BITFIELD k
        BITFIELD k GET u8 0
        EXISTS k
        BITFIELD k SET u8 0 255 GET u8 0 GET i8 0 GET u4 2 GET i63 0 GET i64 0 GET u63 1
        GET k
        BITFIELD k INCRBY u8 0 1 INCRBY u8 0 -1
        BITFIELD k OVERFLOW SAT INCRBY u8 0 10 INCRBY u8 0 -300 OVERFLOW FAIL INCRBY u8 0 -1 INCRBY u8 0 256
        BITFIELD k OVERFLOW sat SET u8 0 -1 SET u8 0 300 SET i8 #1 200 SET i8 #1 -200 GET i8 8
        BITFIELD k OVERFLOW wrap SET u8 0 -1 SET u8 0 300 SET i8 #1 200 SET i8 #1 -200 GET i8 8
        BITFIELD k OVERFLOW fail SET u8 0 -1 SET u8 0 300 SET i8 #1 200 SET i8 #1 -200 GET i8 8
        BITFIELD k SET i64 3 -9223372036854775808 INCRBY i64 3 -1 INCRBY i64 3 1 GET i64 3
        BITFIELD k OVERFLOW SAT INCRBY i64 3 -9223372036854775808 INCRBY i64 3 9223372036854775807 INCRBY i64 3 9223372036854775807
        BITFIELD k OVERFLOW FAIL INCRBY i64 3 9223372036854775807
        BITFIELD k SET u63 5 9223372036854775807 INCRBY u63 5 1 GET u63 5
        BITFIELD k OVERFLOW SAT SET u63 5 -1 INCRBY u63 5 9223372036854775807
        GET k
        BITFIELD k SET i1 77 1 GET u1 77 INCRBY i1 77 1 GET u5 75
        BITFIELD k SET i5 #3 -3 GET i5 #3 GET u5 15
        STRLEN k
        BITFIELD k INCRBY i5 1000 1
        STRLEN k
        BITFIELD fresh OVERFLOW FAIL INCRBY u2 100 10
        STRLEN fresh
        SET n 1234
        BITFIELD n GET u8 0 SET u8 8 65
        GET n
        BITFIELD n GET u8 100
        BITFIELD k GET u64 0
        BITFIELD k GET i65 0
        BITFIELD k GET u0 0
        BITFIELD k GET x8 0
        BITFIELD k GET U8 0
        BITFIELD k GET u 0
        BITFIELD k GET u8 -1
        BITFIELD k GET u8 #-1
        BITFIELD k GET u8 x
        BITFIELD k GET u8 4294967295
        BITFIELD k GET u8 4294967296
        BITFIELD k GET u8 #536870911
        BITFIELD k GET u8 #536870912
        BITFIELD k SET u8 0
        BITFIELD k SET u8 0 x
        BITFIELD k GET u8
        BITFIELD k OVERFLOW
        BITFIELD k OVERFLOW never
        BITFIELD k OVERFLOW FAIL
        BITFIELD k BOGUS u8 0
        LPUSH l x
        BITFIELD l GET u8 0
        BITFIELD l SET u8 0 1
        BITFIELD_RO k GET u8 0 GET i5 #3
        BITFIELD_RO k SET u8 0 1
        BITFIELD_RO missing GET u8 0
        BITFIELD_RO missing
        BITFIELD_RO l GET u8 0
        BITFIELD_RO
        [command] COMMAND INFO bitfield bitfield_ro
        COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0
        COMMAND GETKEYSANDFLAGS BITFIELD k SET u8 0 1
        "#,
    ),
    (
        "zrandmember",
        r#"
        ZADD z 1.5 a
        ZRANDMEMBER z
        ZRANDMEMBER z 1
        ZRANDMEMBER z 5
        ZRANDMEMBER z -3
        ZRANDMEMBER z 5 WITHSCORES
        ZRANDMEMBER z -2 WITHSCORES
        ZRANDMEMBER z 0
        ZRANDMEMBER z 0 WITHSCORES
        ZRANDMEMBER missing
        ZRANDMEMBER missing 2
        ZRANDMEMBER missing -2 WITHSCORES
        ZRANDMEMBER z x
        ZRANDMEMBER z 1 BOGUS
        ZRANDMEMBER z 1 WITHSCORES more
        ZRANDMEMBER z -9223372036854775808
        ZRANDMEMBER z -9223372036854775807 WITHSCORES
        ZADD z 2 b 3 c
        [kind] ZRANDMEMBER z 2
        [unordered] ZRANDMEMBER z 3
        [kind] ZRANDMEMBER z -7
        [nothing] !times 300 ZADD big {i} member:{i}
        [kind] ZRANDMEMBER big 17
        [kind] ZRANDMEMBER big -400 WITHSCORES
        [unordered] ZRANDMEMBER big 300
        SET str v
        ZRANDMEMBER str
        ZRANDMEMBER str 1
        [command] COMMAND INFO zrandmember
        "#,
    ),
    (
        "saving, lolwut, key specifications",
        r#"
        BGSAVE foo
        EVAL "return redis.call('save')" 0
        EVAL "return redis.call('bgsave')" 0
        [command] COMMAND INFO save bgsave bgrewriteaof lolwut
        LOLWUT
        LOLWUT VERSION 7
        LOLWUT VERSION x
        LOLWUT 3
        [unordered] COMMAND INFO bitop
        [unordered] COMMAND INFO zrangestore
        [unordered] COMMAND INFO rename
        [unordered] COMMAND INFO mset
        [unordered] COMMAND INFO zrandmember
        COMMAND GETKEYSANDFLAGS zrangestore d s 0 1
        [unordered] COMMAND LIST FILTERBY PATTERN config|*
        "#,
    ),
    (
        "found by random commands",
        r#"
        SADD s a
        SET k ab
        BITCOUNT nothing x
        BITCOUNT nothing 1 2 X
        BITCOUNT s 1
        BITCOUNT s 1 x
        BITCOUNT k 1
        BITCOUNT k -121 -3
        BITCOUNT k -3 -121
        BITCOUNT k -121 -20 BIT
        BITPOS nothing 1 x
        BITPOS nothing 0 1 2 3 4
        BITPOS s 1 x
        BITPOS k 1 -644 -9223372036854775808 BYTE
        BITPOS k 0 0 1 X
        SETBIT bits 9 1
        WATCH bits
        SETBIT bits 9 1
        SETBIT bits 1 0
        MULTI
        EXEC
        WATCH bits
        SETBIT bits 20 0
        MULTI
        EXEC
        ZADD z -0 a -0.0 b 1 c
        ZRANGE z 0 -1 WITHSCORES
        ZINCRBY z -0 d
        ZSCORE z d
        CONFIG SET zset-max-listpack-entries 4
        ZADD z -0 e
        ZSCORE z a
        ZSCORE z e
        CONFIG SET zset-max-listpack-entries 128
        HINCRBY h 0123456789012345678901234567890123456789012345678901234567890123456789 1
        OBJECT ENCODING h
        HINCRBYFLOAT h2 0123456789012345678901234567890123456789012345678901234567890123456789 1
        OBJECT ENCODING h2
        RPUSH l a
        LMPOP 1 l LEFT COUNT NX 0
        LMPOP 1 l LEFT COUNT 1 0
        LMPOP 1 l LEFT COUNT
        LMPOP 1 l LEFT NX 0
        COPY k k2 DB 2147483648
        COPY k k2 DB -2147483649
        MOVE k 2147483648
        MOVE k 2147483647
        COMMAND GETKEYS OBJECT nosuch k
        COMMAND GETKEYS OBJECT
        COMMAND GETKEYSANDFLAGS ZREMRANGEBYRANK z 0 1
        COMMAND GETKEYSANDFLAGS EVAL x 1 k
        COMMAND GETKEYSANDFLAGS SET k v GET
        [unordered] COMMAND INFO zremrangebyscore
        [unordered] COMMAND INFO blmpop
        [unordered] COMMAND INFO lmpop
        [unordered] COMMAND INFO sintercard
        [unordered] COMMAND INFO evalsha
        [unordered] COMMAND INFO evalsha_ro
        [unordered] COMMAND INFO zunionstore
        [unordered] COMMAND INFO zdiff
        [unordered] COMMAND INFO memory|stats
        BITCOUNT k -1 -642 X
        RPUSH zeros 5 "\x00" "3\x00x" 4
        SORT zeros
        RPUSH zeros "x\x00"
        SORT zeros
        EXPIRE k 1 "NO\x00SUCH"
        "#,
    ),
    (
        "channels of shards",
        r#"
        SSUBSCRIBE a b
        <
        SUBSCRIBE a
        @b SPUBLISH a hello
        <
        @b PUBLISH a plain
        <
        PING
        GET x
        @b SPUBLISH nobody x
        @b [unordered] PUBSUB SHARDCHANNELS
        @b PUBSUB SHARDCHANNELS b*
        @b PUBSUB SHARDCHANNELS b* x
        @b PUBSUB SHARDNUMSUB a b c
        @b PUBSUB SHARDNUMSUB
        @b PUBSUB NUMSUB a b
        @b PUBSUB HELP
        @b [fields] INFO stats
        UNSUBSCRIBE
        SUNSUBSCRIBE a
        SUNSUBSCRIBE x
        SUNSUBSCRIBE
        SUNSUBSCRIBE
        PUBSUB SHARDCHANNELS
        @r SSUBSCRIBE c
        @r RESET
        PUBSUB SHARDNUMSUB c
        MULTI
        SSUBSCRIBE a
        SPUBLISH a x
        EXEC
        EVAL "return redis.call('ssubscribe', 'a')" 0
        EVAL "return redis.call('spublish', 'a', 'b')" 0
        COMMAND GETKEYS SPUBLISH a b
        COMMAND GETKEYSANDFLAGS SSUBSCRIBE a b
        [unordered] COMMAND INFO spublish
        [unordered] COMMAND INFO ssubscribe
        [unordered] COMMAND INFO sunsubscribe
        [unordered] COMMAND INFO pubsub|shardnumsub
        "#,
    ),
    (
        "standing alone",
        r#"
        CLUSTER INFO
        CLUSTER
        READONLY
        READWRITE
        ASKING
        READONLY x
        MODULE LIST
        MODULE
        MODULE NOSUCH
        REPLICAOF NO ONE
        SLAVEOF no one
        REPLICAOF x
        ACL WHOAMI
        ACL USERS
        ACL NOSUCH
        ACL
        [command] COMMAND INFO readonly readwrite asking replicaof slaveof acl|whoami acl|users module|list
        "#,
    ),
];
