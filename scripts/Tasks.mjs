/**
 * What each task runs, once everything is installed. `package.json` has a script of the same name for each.
 *
 * The pinned Node runs every tool directly, without npx: a warm start costs milliseconds.
 */
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

const commandLine = inside("packages", "cli", "bin", "reins.mjs")

/** What `npm start` asks when nobody says what: about this repository, and about another folder. */
const questions = {
  repository: "How do budgets stop parallel specialists from overspending?",
  folder: "What is in this folder, and what is it about?"
}

/** Name, description, and function; each resolves to an exit code. */
const tasks = {
  start: ["an agent on this folder, or any command of reins: --path DIR --question TEXT", (args) => start(args)],
  test: ["run the tests, or those in the files named", (args) => test(args)],
  lint: ["check rules and format (--fix fixes what it can)", (args) => lint(args)],
  format: ["format every file, or those named", (args) => node([tools.oxfmt, ...args])],
  types: ["check all types, and Effect's diagnostics", (args) => Types.run(sourcesNode(), inPlace(), args)],
  architecture: ["check the architecture rules", (args) => test(["test/architecture", ...args])],
  examples: ["run every example once, or those named", (args) => Examples.run(sourcesNode(), inPlace(), args)],
  bench: ["measure against a bare loop and other frameworks: --quick --only=W1,W2, or bridge", (args) => bench(args)],
  soak: [
    "streams, idle watchers, starts a second with a killed runner: --seconds=60 --starts=60 --rows=…",
    (args) => soak(args)
  ],
  "serve-all": ["serve one agent in every dialect: --port NUMBER --host NAME", (args) => serveAll(args)],
  recordings: ["replay the recorded provider streams in a folder", (args) => recordings(args)],
  crash: [
    "kill runs at every event: memory|sqlite|postgres [NAME]",
    (args) => node([inside("test", "store", "crash", "main.ts"), ...args])
  ],
  reference: [
    "write the API reference from the docstrings: --check only compares",
    (args) => node([inside("scripts", "reference", "main.mjs"), ...args])
  ],
  build: ["build the packages as they are published", () => Build.run(sourcesNode(), inPlace())],
  pack: [
    "test the packages as published, outside of this folder: --only=WORDS,WORDS for some of the rows",
    (args) => Pack.run(sourcesNode(), inPlace(), args)
  ],
  check: ["run all checks", () => Child.run("bash", [inside(".ci", "run")], { cwd: root })]
}

/** Runs the task that the arguments name, and sets the process's exit code. */
export const main = async ([name = "", ...args]) => {
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined
  if (task === undefined) {
    process.stderr.write(name === "" ? usage() : `Unknown task "${name}".\n${usage()}`)
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

const start = async (args) => {
  const input = asksItself(args) ? await piped() : undefined
  return node([commandLine, ...startArguments(args, input)], { cwd: calledFrom(), input })
}

/** Whether there is neither a command nor a question among the arguments. */
const asksItself = (args) =>
  (args.length === 0 || args[0].startsWith("-")) && !args.some((arg) => /^(--question|-q|--help|-h)(=|$)/.test(arg))

/** How long a pipe may be silent before it counts as one in which nobody says anything, in milliseconds. */
const silence = 300

/** What is piped in, if anything is. */
const piped = () =>
  new Promise((resolve) => {
    const { stdin } = process
    if (stdin.isTTY) return resolve(undefined)
    let text = ""
    const done = () => {
      clearTimeout(timer)
      // An open pipe would keep the process alive.
      stdin.destroy()
      resolve(text.trim() === "" ? undefined : text)
    }
    const timer = setTimeout(done, silence)
    stdin.setEncoding("utf8").on("data", (piece) => {
      clearTimeout(timer)
      text += piece
    })
    stdin.once("end", done).once("error", done)
  })

/**
 * A command of `reins` as it is; without one, a chat with the built-in assistant, on the scripted demo where no model is set. It begins
 * with what is piped in, or else with a question of its own.
 */
const startArguments = (args, input) => {
  if (args.length > 0 && !args[0].startsWith("-")) return args
  if (args.includes("--help") || args.includes("-h")) return ["chat", "--help"]
  const rest = []
  let question
  for (let index = 0; index < args.length; index++) {
    if (args[index] === "--question" || args[index] === "-q") question = args[++index]
    else rest.push(args[index])
  }
  const isElsewhere = rest.some((arg) => arg === "--path" || arg.startsWith("--path="))
  const place = isElsewhere ? [] : ["--path", root]
  const command = rest.includes("--json-output") ? "ask" : "chat"
  if (input !== undefined) return [command, "--demo", ...place, ...rest]
  question ??= isElsewhere ? questions.folder : questions.repository
  return rest.includes("--json-output")
    ? ["ask", "--demo", ...place, ...rest, "--", question]
    : ["chat", "--demo", ...place, ...rest, "--question", question]
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

/** Compiled code is cached between starts; if the folder is not writable, Node works without it. */
const environment = () => ({
  NODE_COMPILE_CACHE: inside("node_modules", ".cache", "node"),
  ...plainOutsideTerminal(),
  ...process.env
})

/** Some tools colour their output even in a pipe; a log reads better without. */
const plainOutsideTerminal = () => (isatty(1) || process.env.FORCE_COLOR ? {} : { NO_COLOR: "1" })

/** npm runs us at the root and tells us the caller's directory: relative paths in the arguments refer to it. */
const calledFrom = () =>
  process.env.npm_package_json === inside("package.json") && process.env.INIT_CWD ? process.env.INIT_CWD : process.cwd()
