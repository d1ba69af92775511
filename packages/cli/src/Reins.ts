/** The command line: which commands there are, with which flags. The code of a command is loaded when it runs. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CliConfig from "effect/cli/CliConfig"
import * as Argument from "effect/cli/Argument"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import { createRequire } from "node:module"
import * as Flags from "./command/Flags.ts"
import { onScreen } from "./command/OnScreen.ts"
import * as Operators from "./command/Operators.ts"
import * as Storage from "./command/Storage.ts"

const stdio = () => import("./command/Stdio.ts")

const ask = Command.make(
  "ask",
  {
    question: Flags.question,
    app: Flags.app,
    model: Flags.model,
    demo: Flags.demo,
    store: Flags.store,
    path: Flags.path,
    thread: Flags.thread,
    jsonOutput: Flags.jsonOutput,
    hide: Flags.hide,
    approve: Flags.approve,
    budget: Flags.budget
  },
  (given) =>
    onScreen(
      () => import("./command/Ask.ts"),
      ({ run }) => run(given)
    )
).pipe(
  Command.withDescription(
    "Asks an agent one question, and shows its work, its answer, what it cost and how long it took"
  ),
  Command.withExamples([
    {
      command: 'reins ask "What is in this folder?" --model openai:gpt-5.2',
      description: "Ask the built-in assistant"
    },
    { command: 'reins ask "Refund order A-1" --app agent.ts --json-output', description: "Ask an agent of your own" }
  ])
)

const chat = Command.make(
  "chat",
  {
    question: Flags.opening,
    app: Flags.app,
    model: Flags.model,
    demo: Flags.demo,
    store: Flags.store,
    path: Flags.path,
    thread: Flags.chatThread,
    hide: Flags.hide,
    approve: Flags.approve,
    budget: Flags.budget
  },
  (given) =>
    onScreen(
      () => import("./command/Chat.ts"),
      ({ run }) => run(given)
    )
).pipe(
  Command.withDescription("Chats with an agent: what you type while it works is sent along, and it asks before it acts")
)

const serve = Command.make(
  "serve",
  {
    app: Flags.app,
    model: Flags.model,
    demo: Flags.demo,
    store: Flags.store,
    path: Flags.path,
    port: Flag.Int("port").pipe(
      Flag.withMetavar("NUMBER"),
      Flag.withDescription("The port; 0 for a free one (default: that of REINS_LISTEN, else 4111)"),
      Flag.optional,
      Flag.map(Option.getOrUndefined)
    ),
    host: Flags.text(
      "host",
      "NAME",
      "Where to listen (default: that of REINS_LISTEN, else 127.0.0.1); others need keys in REINS_API_KEYS"
    )
  },
  (given) =>
    onScreen(
      () => import("./command/Serve.ts"),
      ({ run }) => run(given)
    )
).pipe(Command.withDescription("Serves an agent over HTTP in every dialect, until it is stopped"))

const place = { app: Flags.app, model: Flags.model, demo: Flags.demo, store: Flags.store, path: Flags.path }

const acp = Command.make("acp", place, (given) => onScreen(stdio, (module) => module.acp(given))).pipe(
  Command.withDescription("Serves an agent to an editor, which starts this process: the Agent Client Protocol on stdio")
)

const sidecar = Command.make(
  "sidecar",
  {
    ...place,
    quietReady: Flag.Boolean("quiet-ready").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Leave out the line on standard error that says that it is ready")
    )
  },
  (given) => onScreen(stdio, (module) => module.sidecar(given))
).pipe(Command.withDescription("Serves an agent to a host that starts this process: Steerable's JSON-RPC on stdio"))

const init = Command.make(
  "init",
  {
    folder: Argument.String("folder").pipe(
      Argument.withDefault("."),
      Argument.withDescription("The new folder (default: this one, if it is empty)")
    ),
    effect: Flag.Boolean("effect").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Written with Effect; without it, with plain functions and promises")
    )
  },
  (given) =>
    onScreen(
      () => import("./command/Init.ts"),
      ({ run }) => run(given)
    )
).pipe(Command.withDescription("Makes a project with an agent, two tools, a test and a server; it runs without a key"))

const check = Command.make(
  "check",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("The captured stream: SSE, or one JSON value a line; - for standard input")
    ),
    dialect: Flags.dialect,
    continues: Flag.Boolean("continues").pipe(
      Flag.withDefault(false),
      Flag.withDescription("It continues an earlier answer: calls that it does not show may be in that")
    ),
    jsonOutput: Flag.Boolean("json-output").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Print one JSON object a violation and one at the end, and nothing else")
    )
  },
  (given) =>
    onScreen(
      () => import("./command/Check.ts"),
      ({ run }) => run(given)
    )
).pipe(
  Command.withDescription("Checks a captured stream against its protocol; exit code 1 where it breaks a rule"),
  Command.withExamples([
    { command: "reins check answer.sse --dialect ai-sdk", description: "Check the body of a response" },
    {
      command: 'reins ask "Hello" --json-output | reins check - --dialect kai',
      description: "Check what a program prints"
    }
  ])
)

const replay = Command.make(
  "replay",
  {
    what: Argument.String("run").pipe(
      Argument.withDescription("A run of the store or the server, or a file of reins archive with one or more")
    ),
    app: Flags.app,
    model: Flags.text("model", "PROVIDER:MODEL", "The model that is compared with the log's (default: that one)"),
    store: Flags.store,
    url: Flags.url,
    path: Flags.path,
    jsonOutput: Flags.jsonLines,
    fork: Flag.Int("fork").pipe(
      Flag.withMetavar("SEQ"),
      Flag.withDescription("Go on from this event in a new run of a new thread, with a real model and real tools"),
      Flag.optional,
      Flag.map(Option.getOrUndefined)
    ),
    question: Flags.text("question", "TEXT", "With --fork: what is asked there"),
    approve: Flags.approve,
    budget: Flags.budget
  },
  (given) =>
    onScreen(
      () => import("./command/Replay.ts"),
      ({ run }) => run(given)
    )
).pipe(
  Command.withDescription(
    "Runs a logged run again on the code of today, without models and tools, and shows where it would go another way"
  ),
  Command.withExamples([
    { command: "reins replay run_ope3fgq2 --app agent.ts", description: "Does the changed agent take the same way?" },
    {
      command: "reins replay run_ope3fgq2 --app agent.ts --url https://agents.example.com",
      description: "The same, with a run of a server"
    },
    {
      command: 'reins replay refund.jsonl --app agent.ts --fork 12 --model openai:gpt-5.2 --question "And now?"',
      description: "Go on from an event with another model"
    }
  ])
)

const preview = Command.make(
  "preview",
  {
    question: Flags.question,
    ...place,
    thread: Flags.thread,
    agent: Flags.text("agent", "NAME", "The agent that would be asked (default: the first)"),
    budget: Flags.budget,
    jsonOutput: Flags.jsonLines
  },
  (given) =>
    onScreen(
      () => import("./command/Preview.ts"),
      ({ run }) => run(given)
    )
).pipe(
  Command.withDescription(
    "Shows what a question would start, and starts nothing: which tools ask whom, the size of the request, the most it may use"
  )
)

/** The whole command line. */
export const reins = Command.make("reins").pipe(
  Command.withDescription("An agent in your terminal: asks before it acts, and says what it cost"),
  Command.withSubcommands([
    init,
    ask,
    chat,
    serve,
    acp,
    sidecar,
    preview,
    replay,
    check,
    ...Operators.commands,
    ...Storage.commands
  ]),
  Command.withGlobalFlags([Flags.Plain])
)

const version = (): string => {
  const manifest: { readonly version: string } = createRequire(import.meta.url)("@reins/cli/package.json")
  return manifest.version
}

/** Requested help goes to standard output; errors in the command line go to standard error, one sentence each. */
const presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
          [...event.errors.map((error) => error.message), `See ${event.commandPath.join(" ")} --help.`].join("\n")
        )
      : CliOutput.defaultPresenter.present(event)
})

const builtIns = [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel]

/** How the command line is presented, and which flags every command has. */
const layer = Layer.merge(presenter, CliConfig.layer({ builtIns }))

/** Runs a command line. */
export const runWith = (args: ReadonlyArray<string>) =>
  Effect.provide(Command.runWith(reins, { version: version() })(args), layer)

/** Runs the command line that the process was given. */
export const main = Effect.suspend(() => Effect.provide(Command.run(reins, { version: version() }), layer))
