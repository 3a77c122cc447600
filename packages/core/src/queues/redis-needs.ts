/**
 * Every command that BullMQ's scripts, BullMQ itself and the rate limits give, with arguments that do no harm to the
 * two keys of the check, whatever these hold. `test/queues/check-redis.test.ts` compares them with BullMQ's sources.
 */
export function neededCommands(key: string, other: string): readonly (readonly [string, ...string[]])[] {
  const alone =
    "exists get hgetall hlen incr llen lpop persist pttl rpop scard smembers type xlen zcard zpopmin";
  const withValue = "hdel hexists hget hmget incrby lpos lpush rpush sadd sismember srem zrem zscore expire";
  const withRange = "lrange ltrim zcount zrange zrangebyscore zremrangebyrank zremrangebyscore zrevrange";
  return [
    ["set", key, "1", "PX", "10000"],
    ...alone.split(" ").map((name) => [name, key] as const),
    ...withValue.split(" ").map((name) => [name, key, "1"] as const),
    ...withRange.split(" ").map((name) => [name, key, "0", "1"] as const),
    ["hincrby", key, "field", "1"],
    ["hmset", key, "field", "1"],
    ["hset", key, "field", "1"],
    ["lindex", key, "0"],
    ["lrem", key, "0", "1"],
    ["lset", key, "0", "1"],
    ["pexpire", key, "10000"],
    ["pexpireat", key, "1"],
    ["rename", key, other],
    ["rpoplpush", key, other],
    ["time"],
    ["info"],
    ["xadd", key, "*", "field", "1"],
    ["xdel", key, "0-1"],
    ["xrange", key, "-", "+"],
    ["xread", "STREAMS", key, "0"],
    ["xtrim", key, "MAXLEN", "0"],
    ["zadd", key, "1", "1"],
    ["zlexcount", key, "-", "+"],
    ["zrangebylex", key, "-", "+"],
    ["zrevrangebyscore", key, "1", "0"],
    ["bzpopmin", key, "0.01"],
    ["eval", "return 1", "1", key],
    ["evalsha", "0".repeat(40), "1", key],
    ["multi"],
    ["exec"],
    ["unlink", key, other],
    ["del", key, other],
  ];
}
