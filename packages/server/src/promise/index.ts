/** Serves a runtime made by `createRuntime` on platforms with the standard `Request` and `Response`. */
export { toWebHandler } from "./PlainServer.ts"
export type { Access, Options, Sender, Served } from "./PlainServer.ts"
