/** Flags that several commands share. */
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"

/** A flag of text; absent where it is not given. */
export const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )

export const app = text(
  "app",
  "FILE",
  "The file of an app: an agent, a runtime or a layer (default: the built-in assistant)"
)

export const model = text(
  "model",
  "PROVIDER:MODEL",
  'The model, such as openai:gpt-5.2, or "demo" (default: REINS_MODEL)'
)

export const store = text(
  "store",
  "STORE",
  "Where runs are kept: memory, sqlite:FILE, postgres://… (default: REINS_STORE, else .reins/runs.db)"
)

export const path = text("path", "DIR", "The folder to work on (default: this one)")

/** An id that is given is not blank. What the second function says follows the flag's name and "Expected: ". */
const named = Flag.filter(
  (id: string | undefined) => id === undefined || id.trim() !== "",
  () => "an id that is not empty, or no such flag"
)

export const thread = text("thread", "ID", "The thread to go on with (default: a new one)").pipe(named)

export const chatThread = text(
  "thread",
  "ID",
  "The thread to go on with (default: that of a run which has not ended, else a new one)"
).pipe(named)

export const budget = text("budget", "LIMITS", "Limits of a run: steps=12,usd=0.25,time=2m,tokens=…,calls=…,agents=…")

export const url = text(
  "url",
  "URL",
  "The address of a server in place of a local store, such as http://127.0.0.1:4111"
)

export const dialect = text(
  "dialect",
  "NAME",
  "The protocol, such as native, ai-sdk, kai (default: what the frames tell)"
)

export const demo = Flag.Boolean("demo").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Use the scripted demo where no model is set")
)

export const approve = Flag.Literals("approve", ["prompt", "deny", "once", "session"]).pipe(
  Flag.withDefault("prompt"),
  Flag.withDescription("How approvals are answered: ask, reject, approve each, approve a tool for the thread")
)

export const hide = text("hide", "EVENTS", "Events that are not shown, by name, separated by commas").pipe(
  Flag.map(
    (names) =>
      new Set(
        (names ?? "")
          .split(",")
          .map((name) => name.trim())
          .filter((name) => name !== "")
      )
  )
)

export const jsonOutput = Flag.Boolean("json-output").pipe(
  Flag.withDefault(false),
  Flag.withDescription('Print {"event","data"} lines to standard output, and nothing else')
)

export const question = Argument.String("question").pipe(
  Argument.withDescription("What is asked (default: standard input)"),
  Argument.optional,
  Argument.map(Option.getOrUndefined)
)

export const opening = Flag.String("question").pipe(
  Flag.withAlias("q"),
  Flag.withMetavar("TEXT"),
  Flag.withDescription("The first question; without a terminal the chat ends when it is answered"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)

export const tenant = Flag.String("tenant").pipe(
  Flag.withDefault("default"),
  Flag.withMetavar("NAME"),
  Flag.withDescription("Whose runs of a local store (default: default); a server knows it by the key"),
  Flag.filter(
    (name) => name.trim() !== "",
    () => "a name that is not empty, or no such flag"
  )
)

/** Of commands that look at every tenant of a local store unless one is named. */
export const anyTenant = text(
  "tenant",
  "NAME",
  "Whose runs of a local store (default: default, and with --by tenant all); a server knows it by the key"
)

/** Of commands that list or count. */
export const jsonLines = Flag.Boolean("json-output").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Print one JSON object a line, and nothing else")
)

/** For screen readers: no colours, no signs, nothing is redrawn. */
export const Plain = GlobalFlag.Setting("plain")({
  flag: Flag.Boolean("plain").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Plain lines for screen readers: no colours, no signs, nothing is redrawn")
  )
})
