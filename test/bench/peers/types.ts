/** As little of each peer's interface as the benchmark calls. */
export interface BullMq {
  Queue: new (
    name: string,
    options: object,
  ) => { add(name: string, data: object, options: object): Promise<unknown>; close(): Promise<void> };
  Worker: new (
    name: string,
    work: (job: { data: Job }) => Promise<void>,
    options: object,
  ) => Emitter<{ data: Job }>;
}
export interface GroupMq {
  Queue: new (options: object) => { add(job: object): Promise<unknown> };
  Worker: new (options: object) => Emitter<{ data: Job }> & { run(): Promise<void> };
}
export interface IoRedis {
  Redis: new (url: string, options?: object) => { disconnect(): void };
}
export interface Graphile {
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<void>;
    addJob(name: string, payload: Job, options: object): Promise<unknown>;
    release(): Promise<void>;
  }>;
  run(options: object): Promise<{ events: Emitter<{ job: { payload: Job } }> }>;
  Logger: new (factory: () => () => void) => object;
}
export interface PgBoss {
  PgBoss: new (options: object) => {
    on(event: "error", listener: (error: Error) => void): void;
    start(): Promise<unknown>;
    createQueue(name: string, options: object): Promise<void>;
    send(name: string, data: Job, options: object): Promise<unknown>;
    fetch(name: string, options: object): Promise<{ id: string; data: Job }[]>;
    complete(name: string, ids: string[]): Promise<unknown>;
    stop(options: object): Promise<void>;
  };
}
export interface Dbos {
  DBOS: {
    setConfig(config: object): void;
    registerWorkflow(work: (key: string, seq: number) => Promise<void>, options: object): unknown;
    launch(): Promise<void>;
    registerQueue(name: string, options: object): Promise<unknown>;
  };
  DBOSClient: {
    create(options: object): Promise<{
      enqueue(options: object, key: string, seq: number): Promise<unknown>;
      destroy(): Promise<void>;
    }>;
  };
}

/** What each is given: the `seq`-th of its run, for a key of which no two may run at once. */
export interface Job {
  key: string;
  seq: number;
}
interface Emitter<T> {
  on(event: string, listener: (value: T) => void): void;
}
