//! The cases of the transcript test about commands that wait. `transcript` explains the lines.

/// Name and lines of every case.
pub(crate) const CASES: &[(&str, &str)] = &[
    (
        "blocking commands that need not wait",
        r##"
        RPUSH l a b c d e
        BLPOP l 0
        BRPOP l 0
        BLPOP missing l 0
        BLMOVE l other LEFT RIGHT 0
        BRPOPLPUSH l other 0
        LRANGE other 0 -1
        BLPOP l 1
        EXISTS l
        ZADD z 1 a 2 b 3 c 4 d
        BZPOPMIN z 0
        BZPOPMAX z 0
        BZPOPMIN missing z 0
        BZMPOP 0 1 z MIN
        EXISTS z
        RPUSH l 1 2 3 4 5 6
        LMPOP 1 l LEFT
        LMPOP 2 missing l RIGHT COUNT 2
        BLMPOP 0 2 missing l LEFT COUNT 10
        LMPOP 1 l LEFT
        ZADD z 1 a 2 b 3 c 4 d 5.5 e
        ZMPOP 1 z MIN
        ZMPOP 1 z MAX COUNT 2
        BZMPOP 0 2 missing z MIN COUNT 10
        ZMPOP 1 z MIN
        SET s x
        LMPOP 1 s LEFT
        ZMPOP 1 s MIN
        BLPOP s 0
        BLPOP missing s 0
        BZPOPMIN s 0
        BLMOVE s b LEFT RIGHT 0
        BLMPOP 0 1 s LEFT
        BZMPOP 0 1 s MIN
        RPUSH l 1
        BLMOVE l s LEFT RIGHT 0
        BRPOPLPUSH l s 0
        LLEN l
        BLMOVE l l LEFT RIGHT 0
        "##,
    ),
    (
        "blocking arguments",
        r##"
        BLPOP l -1
        BLPOP l abc
        BLPOP l 1e18
        BLPOP l nan
        BLPOP l inf
        BLPOP l " 1"
        BLPOP l ""
        BLPOP l 0x1p-7
        BLPOP l
        BLPOP
        BLMOVE a b LEFT RIGHT
        BLMOVE a b LEFT FOO 1
        BLMOVE a b LEFT RIGHT x
        BRPOPLPUSH a b x
        BLMPOP 0 0 a LEFT
        BLMPOP 0 x a LEFT
        BLMPOP x 1 a LEFT
        BLMPOP 0 1 a FOO
        BLMPOP 0 1 a LEFT COUNT
        BLMPOP 0 1 a LEFT COUNT 0
        BLMPOP 0 1 a LEFT COUNT x
        BLMPOP 0 1 a LEFT COUNT 2 COUNT 3
        BLMPOP 0 2 a LEFT
        BLMPOP 0 1 a
        LMPOP 0 l LEFT
        LMPOP 1 l MIN
        LMPOP 2 l LEFT
        LMPOP 9223372036854775807 l LEFT
        ZMPOP 1 z LEFT
        BZMPOP 0 1 a MIN COUNT -1
        WAIT x 0
        WAIT 0 0
        WAIT 0 x
        WAIT 1 -1
        WAIT -1 0
        WAIT 1 10
        BLPOP l 0.01
        BRPOP l 0.01
        BLMOVE a b LEFT RIGHT 0.01
        BRPOPLPUSH a b 0.01
        BLMPOP 0.01 1 a LEFT
        BZPOPMIN a 0.01
        BZPOPMAX a b 0.01
        BZMPOP 0.01 1 a MIN
        COMMAND GETKEYS BLPOP a b 0
        COMMAND GETKEYS BLMPOP 0 2 a b LEFT
        COMMAND GETKEYS LMPOP 2 a b LEFT
        COMMAND GETKEYS BLMOVE a b LEFT LEFT 0
        [command] COMMAND INFO blpop brpop blmove brpoplpush blmpop bzpopmin bzpopmax bzmpop wait lmpop zmpop client|pause client|unpause client|unblock
        "##,
    ),
    (
        "blocking and being served",
        r##"
        @b PING
        @c PING
        !send BLPOP l 0
        !sleep 30
        @b !send BLPOP l 0
        !sleep 30
        @c !send BRPOP m l 0
        !sleep 30
        @w RPUSH l 1 2
        @a <
        @b <
        @w LPUSH l 3 4
        @c <
        @w LRANGE l 0 -1
        @w DEL l
        !send BLMOVE src dst LEFT RIGHT 0
        @b !send BLPOP dst 0
        !sleep 30
        @w RPUSH src x
        @a <
        @b <
        @w SET str s
        !send BLMOVE src str LEFT RIGHT 0
        !sleep 30
        @w RPUSH src x
        @a <
        @w LRANGE src 0 -1
        @w DEL src
        !send BLPOP k 0
        !sleep 30
        @w SET k string
        @w DEL k
        @w ZADD k 1 m
        @w DEL k
        @w MULTI
        @w RPUSH k gone
        @w DEL k
        @w EXEC
        @w MULTI
        @w RPUSH k a
        @w LPUSH k b
        @w EXEC
        @a <
        @w DEL k
        !send BLPOP k 0
        !sleep 30
        @w EVAL "redis.call('rpush', KEYS[1], 'one') redis.call('lpush', KEYS[1], 'zero') return redis.call('llen', KEYS[1])" 1 k
        @a <
        @w DEL k
        !send BLPOP k 0
        !sleep 30
        @w RPUSH elsewhere v
        @w RENAME elsewhere k
        @a <
        !send BLPOP k 0
        !sleep 30
        @w RPUSH tosort 2 1
        @w SORT tosort STORE k
        @a <
        @w DEL k
        !send BLPOP k 0
        !sleep 30
        @w SELECT 1
        @w RPUSH k from1
        @w SWAPDB 0 1
        @a <
        @w SELECT 0
        !send BZPOPMIN z1 z2 0
        !sleep 30
        @b !send BZMPOP 0 2 z3 z2 MAX COUNT 5
        !sleep 30
        @w ZADD z2 1 a 2 b 3 c
        @a <
        @b <
        !send BLMPOP 0 1 q LEFT COUNT 2
        !sleep 30
        @w RPUSH q 1 2 3
        @a <
        @w LRANGE q 0 -1
        @w DEL q
        !send BLPOP q q q 0
        !sleep 30
        @w RPUSH q 1
        @a <
        "##,
    ),
    (
        "blocking, pipelines and transactions",
        r##"
        MULTI
        BLPOP x 0
        BLMOVE a b LEFT RIGHT 0
        BZPOPMIN x 0
        BLMPOP 0 1 x LEFT
        WAIT 1 0
        EXEC
        EVAL "return redis.call('blmpop', 0, 1, 'x', 'left')" 0
        EVAL "return redis.call('blpop', 'x', 0)" 0
        !send BLPOP l 0
        !send SET after 1
        !send GET after
        !sleep 30
        @b GET after
        @b RPUSH l x
        @a <
        @a <
        @a <
        !raw "BLPOP l 0.05\r\nSET q \"a\\x41b\"\r\nGET q\r\n"
        @a <
        @a <
        !send BLPOP l 0
        !send BLPOP m 0
        !send PING
        !sleep 30
        @b RPUSH l 1
        @b RPUSH m 2
        @a <
        @a <
        @a <
        !send CLIENT REPLY OFF
        !send BLPOP r 0
        !sleep 30
        @b RPUSH r 1
        !sleep 30
        CLIENT REPLY ON
        @b LLEN r
        !send CLIENT REPLY SKIP
        !send BLPOP r 0
        !sleep 30
        @b RPUSH r 1
        !sleep 30
        PING
        @b CLIENT UNBLOCK 999999
        @b CLIENT UNBLOCK x
        @b CLIENT UNBLOCK 1 FOO
        @b CLIENT UNBLOCK
        "##,
    ),
    (
        "client pause",
        r##"
        CLIENT PAUSE x
        CLIENT PAUSE -1
        CLIENT PAUSE 1 FOO
        CLIENT PAUSE
        CLIENT PAUSE 1 WRITE 3
        CLIENT UNPAUSE
        CLIENT PAUSE 100000 WRITE
        @b PING
        @b GET x
        @b !send SET x 1
        @b !send GET x
        @c MULTI
        @c !send SET y 1
        @d !send PUBLISH news hi
        @e !send EVAL "return 1" 0
        @f EVAL_RO "return 1" 0
        @g MULTI
        @g GET x
        @g EXEC
        !sleep 30
        GET x
        CLIENT UNPAUSE
        @b <
        @b <
        @d <
        @e <
        @c <
        @c DISCARD
        CLIENT PAUSE 50 ALL
        @b GET x
        @b CLIENT PAUSE 30
        @b PING
        "##,
    ),
    (
        "numbers as strtod reads them",
        r##"
        ZADD z 5e17 a 1e20 b 1.5 c 3 d 0.1 e -5e17 f 9007199254740993 g 1e16 h 123456789.123 i
        [pairs] ZSCAN z 0
        ZRANGE z 0 -1 WITHSCORES WITHSCORES
        ZRANGE z 0 -1 REV REV
        ZRANGE z 0 -1 BYSCORE BYLEX
        ZRANGE z 0 5 BYSCORE BYSCORE
        ZRANGE z 0 5 BYSCORE LIMIT 0 1 LIMIT 0 2
        ZRANGE z - + BYLEX BYLEX
        ZREVRANGE z 0 -1 REV
        ZRANGEBYSCORE z 0 5 BYSCORE
        ZCOUNT z "" 5
        ZCOUNT z ( 5
        ZCOUNT z " 1" 5
        ZCOUNT z "1 " 5
        ZCOUNT z 0x1 0x10
        ZCOUNT z nan 5
        ZCOUNT z -inf +inf
        ZCOUNT z (inf 5
        ZCOUNT z 1e400 5
        ZCOUNT z abc 5
        ZCOUNT z "1\x00abc" 5
        ZADD z 0x10 hex
        ZINCRBY z 0x1 hex
        ZADD z " 1" x
        ZADD z infinity x
        ZADD z nan x
        ZADD z 1e400 x
        ZADD z 0x x
        INCRBYFLOAT f 0x10
        INCRBYFLOAT f 0x1.8p1
        INCRBYFLOAT f 0x
        INCRBYFLOAT f " 1"
        INCRBYFLOAT f inf
        INCRBYFLOAT f 0x1p-3
        INCRBYFLOAT f -0xff.8
        INCRBYFLOAT f 0x123456789abcdef01234
        INCRBYFLOAT f 1e5000
        SET s 0x1A
        INCRBYFLOAT s 1
        SET s x
        HINCRBYFLOAT h f 0x10
        HINCRBYFLOAT s f abc
        HINCRBYFLOAT s f inf
        HINCRBY s f abc
        HINCRBYFLOAT s f 1
        HSET h g 0x10
        HINCRBYFLOAT h g 1
        HINCRBYFLOAT h g inf
        RPUSH l 0x10 5 1 "" " 7"
        SORT l
        RPUSH l inf -inf
        SORT l
        RPUSH l "3 "
        SORT l
        DEL l
        RPUSH l nan
        SORT l
        DEL l
        RPUSH l 1e400
        SORT l
        SET k v
        PEXPIREAT k 9223372036854775807
        [near 1000] PTTL k
        PEXPIRETIME k
        EXPIRETIME k
        PERSIST k
        TTL k
        SET k v PXAT 9223372036854775807
        PEXPIRETIME k
        GET k
        GETEX k PERSIST PERSIST
        TTL k
        GETEX k EX 10 PERSIST
        GETEX k PERSIST EX 10
        GETEX k EX 10 EX 20
        GETEX k EX 10 PX 20
        GETEX k EX 10 EX
        TTL k
        CLIENT KILL TYPE foo
        CLIENT KILL ID abc
        CLIENT KILL ID 0
        CLIENT KILL 1.2.3.4:5
        CLIENT KILL USER foo
        CLIENT KILL USER default ID 999999
        CLIENT KILL MAXAGE 5
        CLIENT KILL ID 99999
        CLIENT KILL SKIPME maybe
        CLIENT KILL ADDR 1:2 LADDR
        CLIENT KILL ID 5 ADDR
        CLIENT KILL
        CLIENT KILL TYPE master
        CLIENT KILL TYPE pubsub
        !send CLIENT REPLY OFF
        @a SUBSCRIBE news
        @b PUBLISH news hello
        @a <
        "##,
    ),
    (
        "ranges by name and what is done with ranges",
        r##"
        ZADD n 0 a 0 b 0 c 0 d 0 e 0 f
        ZRANGEBYLEX n - +
        ZRANGEBYLEX n [b (e
        ZRANGEBYLEX n - + LIMIT 1 2
        ZRANGEBYLEX n - + LIMIT -1 2
        ZRANGEBYLEX n - + WITHSCORES
        ZRANGEBYLEX n + -
        ZRANGEBYLEX n a b
        ZRANGEBYLEX n - + REV
        ZREVRANGEBYLEX n + -
        ZREVRANGEBYLEX n (e [b LIMIT 0 2
        ZREVRANGEBYLEX none + -
        ZLEXCOUNT n - +
        ZLEXCOUNT n (a [c
        ZLEXCOUNT n x y
        ZLEXCOUNT none - +
        ZADD z 1 one 2 two 3 three 4 four 5 five
        ZRANGESTORE t z 1 2
        ZRANGE t 0 -1 WITHSCORES
        ZRANGESTORE t z 0 -1 REV
        ZRANGESTORE t z 0 1 REV
        ZRANGE t 0 -1 WITHSCORES
        ZRANGESTORE t z (1 4 BYSCORE LIMIT 1 5
        ZRANGE t 0 -1 WITHSCORES
        ZRANGESTORE t z 5 (1 BYSCORE REV LIMIT 1 2
        ZRANGE t 0 -1 WITHSCORES
        ZRANGESTORE t n [b [d BYLEX
        ZRANGE t 0 -1 WITHSCORES
        ZRANGESTORE z z 0 3
        ZRANGE z 0 -1
        ZRANGESTORE t z 0 1 WITHSCORES
        ZRANGESTORE t z 0 1 LIMIT 0 1
        ZRANGESTORE t z a 1
        ZRANGESTORE t z 9 10
        EXISTS t
        ZRANGESTORE t none 0 -1
        SET s x
        ZRANGESTORE t s 0 -1
        ZRANGESTORE s z 0 -1
        TYPE s
        SET s x
        ZREMRANGEBYRANK z 0 0
        ZREMRANGEBYRANK z -1 -1
        ZREMRANGEBYRANK z 5 9
        ZREMRANGEBYRANK z a 1
        ZRANGE z 0 -1
        ZREMRANGEBYSCORE z (2 +inf
        ZREMRANGEBYSCORE z x 1
        ZRANGE z 0 -1
        ZREMRANGEBYSCORE z -inf +inf
        EXISTS z
        ZREMRANGEBYLEX n [b (d
        ZREMRANGEBYLEX n b d
        ZREMRANGEBYLEX s - +
        ZREMRANGEBYLEX none - +
        ZRANGE n 0 -1
        ZREMRANGEBYLEX n - +
        EXISTS n
        @b !send BZPOPMIN wanted 0
        !sleep 50
        ZADD z 7 seven
        ZRANGESTORE wanted z 0 -1
        @b <
        "##,
    ),
];
