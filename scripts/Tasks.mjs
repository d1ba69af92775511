/**
 * What each task runs, once everything is installed. `package.json` gives each a script of the same name.
 *
 * The pinned Node runs every tool directly, without npx in between: a warm start costs milliseconds.
 */
import { existsSync } from "node:fs"
import { isatty } from "node:tty"
import * as Build from "./Build.mjs"
import * as Child from "./Child.mjs"
import * as Examples from "./Examples.mjs"
import * as Install from "./Install.mjs"
import * as Pack from "./Pack.mjs"
import * as Tests from "./Tests.mjs"
import * as Types from "./Types.mjs"
import { inside, root, sourcesNode } from "./Workspace.mjs"

const tools = {
  oxfmt: inside("node_modules", "oxfmt", "bin", "oxfmt"),
  oxlint: inside("node_modules", "oxlint", "bin", "oxlint")
}

const mainJob = inside("examples", "research", "main.ts")

/** Name, what it does, and how: each resolves to an exit code. */
const tasks = {
  start: ["run the main job: --path DIR --question TEXT --json --approve --deny", (args) => start(args)],
  test: ["run the tests, or those in the files named", (args) => test(args)],
  lint: ["check rules and format (--fix mends what it can)", (args) => lint(args)],
  format: ["format every file, or those named", (args) => node([tools.oxfmt, ...args])],
  types: ["check all types, and how effects are used", (args) => Types.run(sourcesNode(), inPlace(), args)],
  architecture: ["check the rules of the house", (args) => test(["test/architecture", ...args])],
  examples: ["run every example once, or those named", (args) => Examples.run(sourcesNode(), inPlace(), args)],
  bench: ["measure against the floor and the peers: --quick --only=W1,W2, or bridge", (args) => bench(args)],
  soak: ["stream to 200 readers at once, some of them slow: --seconds=60", (args) => soak(args)],
  "serve-all": ["serve one agent in every dialect: --port NUMBER --host NAME", (args) => serveAll(args)],
  recordings: ["play the recorded provider streams in a folder", (args) => recordings(args)],
  crash: [
    "kill runs at every event: memory|sqlite|postgres [NAME]",
    (args) => node([inside("test", "store", "crash", "main.ts"), ...args])
  ],
  build: ["build the packages as they are published", () => Build.run(sourcesNode(), inPlace())],
  pack: ["try the packages as a user gets them, outside of this folder", () => Pack.run(sourcesNode(), inPlace())],
  check: ["run everything that has to hold", () => Child.run("bash", [inside(".ci", "run")], { cwd: root })]
}

/** Runs the task that the arguments name, and leaves its exit code as the process's. */
export const main = async ([name = "", ...args]) => {
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined
  if (task === undefined) {
    process.stderr.write(name === "" ? usage() : `There is no task "${name}".\n${usage()}`)
    process.exitCode = 2
    return
  }
  const installed = await Install.ensure()
  process.exitCode = installed === 0 ? await task[1](args) : installed
}

const usage = () => {
  const lines = Object.entries(tasks).map(([name, [what]]) => `  ${name.padEnd(13)}${what}\n`)
  return `Usage: npm run <task> [-- arguments]\n${lines.join("")}`
}

const start = (args) => {
  if (existsSync(mainJob)) return node([mainJob, ...args], { cwd: calledFrom() })
  process.stderr.write("The main job, examples/research/main.ts, is not in this copy of the repository.\n")
  return 1
}

const test = (args) => Tests.run((all, more) => node(all, { env: { ...environment(), ...more } }), args)

const bench = ([first, ...rest]) =>
  first === "bridge"
    ? node([inside("bench", "Bridge.ts"), ...rest])
    : node([inside("bench", "main.ts"), ...(first === undefined ? [] : [first]), ...rest])

const soak = (args) => node([inside("bench", "soak", "main.ts"), ...args])

const recordings = (args) => node([inside("test", "recordings", "main.ts"), ...args], { cwd: calledFrom() })

const serveAll = (args) => node([inside("examples", "serve-all", "main.ts"), ...args])

const lint = async (args) => {
  const rules = await node([tools.oxlint, ...args])
  const format = await node([tools.oxfmt, ...(args.includes("--fix") ? [] : ["--check"])])
  return rules || format
}

const node = (args, options = {}) => Child.run(sourcesNode(), args, { ...inPlace(), ...options })

const inPlace = () => ({ cwd: root, env: environment() })

/** Compiled code is kept between starts; with a folder that cannot be written Node goes on without. */
const environment = () => ({
  NODE_COMPILE_CACHE: inside("node_modules", ".cache", "node"),
  ...plainOutsideTerminal(),
  ...process.env
})

/** Some tools colour their words in a pipe too; a log reads better without. */
const plainOutsideTerminal = () => (isatty(1) || process.env.FORCE_COLOR ? {} : { NO_COLOR: "1" })

/** npm runs us at the root and says where its caller stood: a relative path in the arguments means from there. */
const calledFrom = () =>
  process.env.npm_package_json === inside("package.json") && process.env.INIT_CWD ? process.env.INIT_CWD : process.cwd()
