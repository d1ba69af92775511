/**
 * The image without Docker: runs each instruction of `deploy/Dockerfile` in a temporary folder, then starts the processes of
 * `deploy/compose.yaml` with their settings, as a user who is not root, over the Postgres server of the tests.
 *
 * `deploy/smoke.sh` uses it where there is no Docker. It prints one line, the port and process id of each process, and
 * runs until its standard input ends; then it stops the processes as Docker does, and fails if one does not end well.
 * What it does not show: the base image, and that nothing but the image is needed.
 */
import { Effect, Redacted } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { parse } from "yaml"
import * as Server from "./Server.ts"

const root = join(import.meta.dirname, "..", "..")
const isRoot = process.getuid?.() === 0
/** The user `node` of the image has this id. */
const nodeUser = 1000

/** The root of the image. Its user must be able to read it. */
const image = mkdtempSync(join(tmpdir(), "reins-image-"))
chmodSync(image, 0o755)

/** Paths of the image, in this folder. */
const placed = (text: string): string => text.replaceAll(/(?<![\w./-])\/(?=(image|app|work)\b)/g, `${image}/`)

interface Stage {
  cwd: string
  user: "root" | "node"
  readonly env: Record<string, string>
  readonly commands: Record<string, ReadonlyArray<string>>
}

const home = join(image, "home")
const path = [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter)

/** The environment of the build: this machine's, with its registry. `npm cache clean` must not empty its cache. */
const building = { ...process.env, PATH: path, npm_config_cache: join(image, "cache") }

const asUser = ({ user }: Stage) => (isRoot && user === "node" ? { uid: nodeUser, gid: nodeUser } : {})

/** Does what an instruction says. An instruction that is not known here is an error, so that none is left out. */
const follow = (stage: Stage, instruction: string, text: string): Stage => {
  switch (instruction) {
    case "FROM":
      return { cwd: image, user: "root", env: {}, commands: {} }
    case "ENV":
      for (const [, name = "", value = ""] of text.matchAll(/(\w+)=(\S+)/g)) stage.env[name] = value
      return stage
    case "WORKDIR":
      // The sources are read where they are.
      if (text === "/src") return { ...stage, cwd: root }
      mkdirSync(placed(text), { recursive: true })
      return { ...stage, cwd: placed(text) }
    case "COPY": {
      const [, from = ""] = /^--from=\w+ (\S+) \.\/$/.exec(text) ?? []
      if (from !== "") cpSync(placed(from), stage.cwd, { recursive: true })
      else if (text !== ". .") throw new Error(`COPY ${text} is not known here`)
      return stage
    }
    case "RUN": {
      const owner = isRoot ? `chown ${nodeUser}:${nodeUser}` : "true"
      const command = placed(text).replaceAll("chown node:node", owner)
      const env = { ...building, ...stage.env }
      execFileSync("sh", ["-c", command], { cwd: stage.cwd, env, stdio: ["ignore", 2, 2], ...asUser(stage) })
      return stage
    }
    case "USER":
      if (text !== "node") throw new Error(`USER ${text}: the image must not run as another user than node`)
      return { ...stage, user: "node" }
    case "EXPOSE":
      return stage
    case "HEALTHCHECK":
    case "ENTRYPOINT":
    case "CMD":
      stage.commands[instruction] = JSON.parse(placed(text.slice(text.indexOf("["))))
      return stage
    default:
      throw new Error(`${instruction} is not known here`)
  }
}

const built = (): Stage =>
  readFileSync(join(root, "deploy", "Dockerfile"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .reduce<Stage>(
      (stage, line) => {
        process.stderr.write(`${line}\n`)
        const [, instruction = "", text = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? []
        return follow(stage, instruction, text)
      },
      { cwd: image, user: "root", env: {}, commands: {} }
    )

/** The settings of the services that are built, by name: `${NAME:-default}` is the default. */
const services = (database: string): ReadonlyArray<readonly [string, Record<string, string>]> => {
  const compose = parse(readFileSync(join(root, "deploy", "compose.yaml"), "utf8"), { merge: true })
  return Object.entries<{ readonly build?: unknown; readonly environment: Record<string, string> }>(compose.services)
    .filter(([, service]) => service.build !== undefined)
    .map(([name, { environment }]) => {
      const settings = Object.entries(environment).map(([key, value]) => {
        const text = String(value).replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1")
        return [key, /^postgres:\/\/.*@postgres\/reins$/.test(text) ? database : text]
      })
      return [name, { ...Object.fromEntries(settings), REINS_LISTEN: "127.0.0.1:0" }]
    })
}

interface Served {
  readonly name: string
  readonly child: ChildProcess
  readonly port: string
}

/** Starts a process of the image; resolves once it serves. */
const started = (stage: Stage, name: string, settings: Record<string, string>): Promise<Served> =>
  new Promise((resolve, reject) => {
    const [file = "", ...args] = [...(stage.commands["ENTRYPOINT"] ?? []), ...(stage.commands["CMD"] ?? [])]
    const env = { PATH: path, HOME: home, ...stage.env, ...settings }
    const child = spawn(file, args, { cwd: stage.cwd, env, stdio: ["ignore", "pipe", "pipe"], ...asUser(stage) })
    const take = (chunk: Buffer) => {
      process.stderr.write(`${name}: ${chunk.toString().trimEnd()}\n`)
      const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(chunk.toString())?.[1]
      if (port !== undefined) resolve({ name, child, port })
    }
    child.stdout.on("data", take)
    child.stderr.on("data", take)
    child.on("exit", (code) => reject(new Error(`The process "${name}" ended with ${code} before it served`)))
  })

/** Runs the image's own check of a process that serves. */
const isHealthy = (stage: Stage, { port }: Served) => {
  const [file = "", ...args] = stage.commands["HEALTHCHECK"] ?? []
  const env = { PATH: path }
  execFileSync(
    file,
    args.map((one) => one.replace(":4111/", `:${port}/`)),
    { env, stdio: ["ignore", 2, 2], ...asUser(stage) }
  )
}

/** Ends a process as `docker stop` does; false if it does not end by itself. One that was killed has ended. */
const stopped = async ({ child, name }: Served): Promise<boolean> => {
  if (child.exitCode !== null || child.signalCode !== null) return child.signalCode === "SIGKILL"
  const gone = once(child, "exit")
  child.kill("SIGTERM")
  const late = setTimeout(() => child.kill("SIGKILL"), 30_000)
  const [code] = await gone
  clearTimeout(late)
  // 143 is the code of a program that has handled SIGTERM; Docker and Kubernetes count it as a stop.
  const isStopped = code === 0 || code === 143
  if (!isStopped) process.stderr.write(`The process "${name}" ended with ${code} after SIGTERM\n`)
  return isStopped
}

const rehearsal = Effect.gen(function* () {
  const address = yield* Server.server
  const database = Redacted.value(yield* Server.database(address))
  mkdirSync(home)
  if (isRoot) chownSync(home, nodeUser, nodeUser)
  const stage = built()
  if (stage.user !== "node") throw new Error("The image runs as root. Add USER node to the Dockerfile")
  const running: Array<Served> = []
  yield* Effect.addFinalizer(() => Effect.sync(() => running.forEach(({ child }) => child.kill("SIGKILL"))))
  for (const [name, settings] of services(database)) {
    running.push(yield* Effect.promise(() => started(stage, name, settings)))
  }
  for (const one of running) isHealthy(stage, one)
  process.stdout.write(`${running.map(({ child, port }) => `${port} ${child.pid}`).join(" ")}\n`)
  process.stdin.resume()
  yield* Effect.promise(() => once(process.stdin, "end"))
  const ends = yield* Effect.promise(() => Promise.all(running.map(stopped)))
  return ends.every((one) => one)
})

let isGood = false
try {
  isGood = await Effect.runPromise(Effect.scoped(rehearsal))
} finally {
  rmSync(image, { recursive: true, force: true })
}
// Explicitly, since the package of the server exits with 0 by itself.
process.exit(isGood ? 0 : 1)
