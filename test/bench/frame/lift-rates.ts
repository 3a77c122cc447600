/**
 * A worker keeps to AWS's rates, 2 launches a second, however fast it is. With `--import` of this file they are 10,000 times as
 * large, in whichever checkout, so that it is the worker that is measured.
 */
import { register, type LoadHook } from "node:module";
import { isMainThread } from "node:worker_threads";

if (isMainThread) register(import.meta.url);

export const load: LoadHook = async (url, context, next) => {
  const loaded = await next(url, context);
  if (!/\/compute\/ec2\/actions\.[jt]s/.test(url)) return loaded;
  const source = Buffer.from(loaded.source as Uint8Array).toString("utf8");
  const lifted = source.replaceAll(/(size|perSecond):\s*(\d+)/g, "$1:1e4*$2");
  if (lifted === source) throw new Error(`${url} has no rates to lift`);
  return { ...loaded, source: lifted };
};
