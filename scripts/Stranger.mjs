/**
 * The path of somebody who has never seen this repository, over the packages as packed: a new project, one question, a changed tool, its
 * test, a server, an approval over HTTP. Between the question and its answer the server is killed, and another one goes on.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { windows } from "./Workspace.mjs"

const command = (name) => (windows ? `${name}.cmd` : name)

/** Runs a program to its end; resolves to what it wrote, and throws with it where it failed. */
const done = async (program, args, cwd) => {
  const child = spawn(program, args, { cwd, shell: windows, stdio: ["ignore", "pipe", "pipe"] })
  const said = collect(child)
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${said()}`)
  return said()
}

const collect = (child) => {
  const said = []
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => said.push(chunk))
  return () => Buffer.concat(said).toString()
}

/** Fails with what was said where it does not match. */
const expect = (what, said, pattern) => {
  if (!pattern.test(said)) throw new Error(`${what} did not match ${pattern}:\n${said}`)
}

/** Starts the project's server; resolves to its address and its process. */
const serve = async (node, folder) => {
  const child = spawn(node, ["src/serve.ts"], {
    cwd: folder,
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const said = collect(child)
  const ended = once(child, "close")
  while (true) {
    const url = /Serving on (http:\/\/[\d.:]+)/.exec(said())?.[1]
    if (url !== undefined) return { child, ended, url }
    const more = await Promise.race([once(child.stdout, "data").then(() => true), ended.then(() => false)])
    if (!more) throw new Error(`The server did not start:\n${said()}`)
  }
}

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
  const flags = front === "effect" ? ["--effect"] : []
  await done(command("npm"), ["exec", "--yes", `--package=${create}`, "--", "create-reins", folder, ...flags], outside)
  // A registry would have the other packages; here each is its archive.
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const ours = Object.keys(manifest.dependencies).filter((name) => name in archives)
  for (const name of ours) manifest.dependencies[name] = `file:${archives[name]}`
  const overrides = Object.fromEntries(Object.entries(archives).map(([name, path]) => [name, `file:${path}`]))
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...manifest, overrides }, undefined, 2))
  await done(command("npm"), ["install", "--no-audit", "--no-fund", "--loglevel=error"], folder)

  expect(
    "npm start",
    await done(command("npm"), ["start", "--silent"], folder),
    /The tool find_order is done: .*"shipped"/
  )
  changeTool(folder, sources[front])
  expect("npm test", await done(command("npm"), ["test", "--silent"], folder), /pass 2\n/)
  await done(command("npm"), ["run", "types", "--silent"], folder)
  expect("npm start", await done(command("npm"), ["start", "--silent"], folder), /"delivered"/)

  const first = await serve(node, folder)
  const asked = await fetch(`${first.url}/native/query`, {
    method: "POST",
    body: JSON.stringify({ prompt: "Refund 80 dollars for order A-1", threadId: "t" })
  })
  const runId = asked.headers.get("x-run-id")
  await readUntil(asked, "approval-required")
  first.child.kill("SIGKILL")
  await first.ended

  const second = await serve(node, folder)
  try {
    const { approvals } = await json(`${second.url}/native/approvals`)
    if (approvals.length !== 1) throw new Error(`${approvals.length} open approvals after the restart`)
    await json(`${second.url}/native/approvals/${approvals[0].id}`, { type: "approve" })
    const rest = await fetch(`${second.url}/native/runs/${runId}/events`)
    expect("the run that went on", await rest.text(), /"refunded":80[\s\S]*"finishReason":"stop"/)
  } finally {
    second.child.kill("SIGTERM")
    await second.ended
  }
}
