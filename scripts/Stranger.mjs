/**
 * The path of somebody who has never seen this repository, over the packages as packed: a new project, one question, a changed tool, its
 * test, a server, an approval over HTTP. Between the question and its answer the server is killed, and another one goes on.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import * as Program from "./Program.mjs"
import { windows } from "./Workspace.mjs"

const command = (name) => (windows ? `${name}.cmd` : name)

const json = async (url, body) => {
  const response = await fetch(url, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return response.status === 202 ? undefined : response.json()
}

/** Reads an answer's stream until it has said this. */
const readUntil = async (response, words) => {
  let said = ""
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    said += chunk
    if (said.includes(words)) return said
  }
  throw new Error(`The stream ended without ${words}:\n${said}`)
}

/** The first change that anybody makes: the tool finds something else, and its test expects it. */
const changeTool = (folder, files) => {
  for (const file of files) {
    const path = join(folder, file)
    const text = readFileSync(path, "utf8")
    if (!text.includes('"shipped"')) throw new Error(`${file} has no order that is shipped`)
    writeFileSync(path, text.replaceAll('"shipped"', '"delivered"'))
  }
}

const sources = {
  promise: ["src/tools.ts", "test/agent.test.ts"],
  effect: ["src/Orders.ts", "test/Desk.test.ts"]
}

/**
 * Walks the path in a new folder below `outside`. `archives`: paths of the packed packages by name; `create` is that of `create-reins`.
 * Rejects with the first step that does not hold.
 */
export const walk = async (node, outside, front, archives) => {
  const folder = join(outside, `stranger-${front}`)
  const create = archives["create-reins"]
  // A project's scripts run the `node` that is first in the path, which here may be older than the packages need.
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ""}` }
  const npm = (args, where = folder) => Program.done(command("npm"), args, where, env)
  const flags = front === "effect" ? ["--effect"] : []
  await npm(["exec", "--yes", `--package=${create}`, "--", "create-reins", folder, ...flags], outside)
  // A registry would have the other packages; here each is its archive.
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const ours = Object.keys(manifest.dependencies).filter((name) => name in archives)
  for (const name of ours) manifest.dependencies[name] = `file:${archives[name]}`
  const overrides = Object.fromEntries(Object.entries(archives).map(([name, path]) => [name, `file:${path}`]))
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...manifest, overrides }, undefined, 2))
  await npm(["install", "--no-audit", "--no-fund", "--loglevel=error"])

  Program.expect("npm start", await npm(["start", "--silent"]), /The tool find_order is done: .*"shipped"/)
  changeTool(folder, sources[front])
  Program.expect("npm test", await npm(["test", "--silent"]), /pass 2\n/)
  await npm(["run", "types", "--silent"])
  Program.expect("npm start", await npm(["start", "--silent"]), /"delivered"/)

  const serve = () => Program.serving(node, ["src/serve.ts"], folder, { ...env, PORT: "0" })
  const first = await serve()
  const asked = await fetch(`${first.url}/native/query`, {
    method: "POST",
    body: JSON.stringify({ prompt: "Refund 80 dollars for order A-1", threadId: "t" })
  })
  const runId = asked.headers.get("x-run-id")
  await readUntil(asked, "approval-required")
  first.child.kill("SIGKILL")
  await first.ended

  const second = await serve()
  try {
    const { approvals } = await json(`${second.url}/native/approvals`)
    if (approvals.length !== 1) throw new Error(`${approvals.length} open approvals after the restart`)
    await json(`${second.url}/native/approvals/${approvals[0].id}`, { type: "approve" })
    const rest = await fetch(`${second.url}/native/runs/${runId}/events`)
    Program.expect("the run that went on", await rest.text(), /"refunded":80[\s\S]*"finishReason":"stop"/)
  } finally {
    second.child.kill("SIGTERM")
    await second.ended
  }
}
