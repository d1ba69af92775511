/** Mounted in a server of Node's own. */
import { toNodeHandler } from "@reins/server/node"
import { createServer } from "node:http"
import { options, runtime } from "./desk.ts"

const handle = toNodeHandler(runtime, options)

export const server = createServer((request, response) =>
  request.url?.startsWith("/ai/") ? handle(request, response) : void response.end("The shop")
)
