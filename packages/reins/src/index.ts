/** Everything for a service without Effect, from one package: a runtime, its model and store by name, and a server. */
export * from "@reins/runtime/promise"
export { createServer, toNodeHandler } from "@reins/server/node"
export type { Listening, ListenOptions, NodeHandler, NodeServer } from "@reins/server/node"
export { toWebHandler } from "@reins/server/promise"
export type { Access, Options as ServerOptions, Sender } from "@reins/server/promise"
export { createRuntime } from "./NamedServices.ts"
export type { McpServer, NamedAgent, NamedModel, Options, StoreName, Telemetry } from "./NamedServices.ts"
