/** Serves a runtime made by `createRuntime`, wherever requests and responses are the platform's own. */
export { toWebHandler } from "./PlainServer.ts"
export type { Access, Options, Sender, Served } from "./PlainServer.ts"
