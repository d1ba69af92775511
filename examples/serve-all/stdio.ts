/**
 * The same agents behind standard input and output, for clients that start a process: `node stdio.ts acp` speaks the
 * Agent Client Protocol to an editor, `node stdio.ts sidecar` is Steerable's sidecar.
 */
import { serveAcp, serveSidecar } from "@reins/server/node"
import { Assistant, Researcher } from "./Agents.ts"
import { RuntimeLive } from "./Everything.ts"

const runtime = { agents: [Assistant, Researcher], layer: RuntimeLive }
const [protocol, ...flags] = process.argv.slice(2)

if (protocol === "acp") await serveAcp(runtime)
else if (protocol === "sidecar") await serveSidecar(runtime, { quietReady: flags.includes("--quiet-ready") })
else {
  console.error("Usage: node stdio.ts acp | sidecar [--quiet-ready]")
  process.exitCode = 2
}
