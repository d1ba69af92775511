/** Serves a runtime made by `createRuntime` on Node: on a port, or within a server that exists. */
export { serveAcp, serveSidecar } from "./StdioServer.ts"
export type { SidecarOptions, StdioOptions } from "./StdioServer.ts"
export { layerPort, webSockets } from "./HttpPort.ts"
export type { PortOptions, WebSocketOptions } from "./HttpPort.ts"
export { createServer, toNodeHandler } from "./NodeServer.ts"
export type { Listening, ListenOptions, NodeHandler, NodeServer } from "./NodeServer.ts"
