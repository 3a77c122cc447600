import { useEffect, useRef, useState, type ReactNode } from "react";
import { isLoggedOut, streams, wordsOf } from "../../api/berth.js";

/** Lines that are kept in the page. */
const MAX_LINES = 2_000;
const SHOW_EVERY_MS = 200;

/** What it writes, as it is written. The view stays at the end unless somebody scrolls up. */
export function Logs({ id }: { id: string }): ReactNode {
  const [lines, setLines] = useState<readonly string[]>([]);
  const [word, setWord] = useState("Reading…");
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);

  useEffect(() => {
    const leaving = new AbortController();
    let arrived: string[] = [];
    const showing = setInterval(() => {
      if (arrived.length === 0) return;
      const more = arrived;
      arrived = [];
      setLines((before) => [...before, ...more].slice(-MAX_LINES));
    }, SHOW_EVERY_MS);
    const read = async (): Promise<void> => {
      for await (const message of streams.logs(id, { follow: true, tail: 200, signal: leaving.signal })) {
        if (message.type === "line") arrived.push(message.text);
        else if (message.type === "gap") arrived.push("… lines are missing here …");
        else if (message.type === "started") {
          setWord("following");
          arrived.push(`— incarnation ${message.generation} —`);
        } else setWord(`${message.detail}; it is asked again`);
      }
      setWord("ended");
    };
    read().catch((error: unknown) => {
      if (leaving.signal.aborted) return;
      setWord(isLoggedOut(error) ? "you are logged out" : wordsOf(error));
    });
    return () => {
      leaving.abort();
      clearInterval(showing);
    };
  }, [id]);

  useEffect(() => {
    if (atEnd.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);

  const scrolled = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
  };
  return (
    <section aria-labelledby="logs">
      <h2 id="logs">
        What it writes <span className="quiet">{word}</span>
      </h2>
      <pre ref={box} className="logs" tabIndex={0} aria-labelledby="logs" onScroll={scrolled}>
        {lines.length === 0 ? "Nothing yet." : lines.join("\n")}
      </pre>
    </section>
  );
}
