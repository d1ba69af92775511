/** Programs that a check runs: to their end, or until they serve at an address. What they said is shown where one fails. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { windows } from "./Workspace.mjs"

/** Runs a program to its end; resolves to what it wrote, and rejects with it where it failed. */
export const done = async (program, args, cwd, env = process.env) => {
  const child = spawn(program, args, { cwd, env, shell: windows, stdio: ["ignore", "pipe", "pipe"] })
  const said = collect(child)
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${said()}`)
  return said()
}

/** Starts a program that serves; resolves when it has said at which address. `ended` resolves when it has ended. */
export const serving = async (program, args, cwd, env) => {
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] })
  const said = collect(child)
  const ended = once(child, "close")
  while (true) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said())?.[0]
    if (url !== undefined) return { child, ended, url }
    const more = await Promise.race([once(child.stdout, "data").then(() => true), ended.then(() => false)])
    if (!more) throw new Error(`${args.join(" ")} does not serve:\n${said()}`)
  }
}

const collect = (child) => {
  const said = []
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => said.push(chunk))
  return () => Buffer.concat(said).toString()
}

/** Fails with what was said where it does not match. */
export const expect = (what, said, pattern) => {
  if (!pattern.test(said)) throw new Error(`${what} did not match ${pattern}:\n${said}`)
}
