/**
 * A small MCP server on standard input and output, written against the protocol alone: tools with and without hints, one that
 * tells its progress, one that fails, one that shows a picture.
 */
import { createInterface } from "node:readline"

const schema = { type: "object", properties: { words: { type: "string" } } }
const tools = [
  { name: "echo", description: "Says it again", inputSchema: schema, annotations: { readOnlyHint: true } },
  { name: "count", description: "Counts to three", inputSchema: schema, annotations: { readOnlyHint: true } },
  { name: "measure", description: "Goes by fractions", inputSchema: schema, annotations: { readOnlyHint: true } },
  { name: "fail", inputSchema: schema, annotations: { readOnlyHint: true } },
  { name: "picture", inputSchema: schema, annotations: { readOnlyHint: true } },
  { name: "append", inputSchema: schema, annotations: { destructiveHint: false } },
  { name: "wipe", inputSchema: schema, annotations: { destructiveHint: true } },
  { name: "unsaid", inputSchema: schema }
]

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)
const said = (text) => ({ content: [{ type: "text", text }] })

const call = ({ _meta, arguments: given, name }) => {
  const progress = (params) => {
    if (_meta?.progressToken === undefined) return
    send({ method: "notifications/progress", params: { progressToken: _meta.progressToken, ...params } })
  }
  switch (name) {
    case "count":
      for (const step of [1, 2, 3]) progress({ progress: step, total: 3, message: `step ${step}` })
      return said("counted")
    case "measure":
      progress({ progress: 0.25, total: 1 })
      progress({ progress: 0.5, total: 1 })
      return said("measured")
    case "fail":
      return { ...said("the disk is full"), isError: true }
    case "picture":
      return {
        content: [
          { type: "text", text: "a dot" },
          { type: "image", mimeType: "image/png", data: "AQID" }
        ]
      }
    default:
      return said(`${name}: ${given?.words ?? ""}`)
  }
}

const results = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "small", version: "1.0.0" }
  }),
  "tools/list": () => ({ tools }),
  "tools/call": call,
  ping: () => ({})
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  const result = results[method]
  if (result === undefined) send({ id, error: { code: -32601, message: "no such method" } })
  else send({ id, result: result(params ?? {}) })
})
