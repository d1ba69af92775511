/** Serves a runtime made by `createRuntime` on Node: on a port, or within a server that exists. */
export { serveAcp, serveSidecar } from "./StdioServer.ts"
export type { SidecarOptions, StdioOptions } from "./StdioServer.ts"
export { createServer, toNodeHandler, webSockets } from "./NodeServer.ts"
export type { Listening, ListenOptions, NodeHandler, NodeServer, WebSocketOptions } from "./NodeServer.ts"
