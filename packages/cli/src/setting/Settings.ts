/**
 * The settings of `reins serve` in the environment: one definition each, from which they are read, checked and listed.
 * The table in `docs/deploying.md` is `table` of these.
 */
import { Webhook } from "@reins/runtime/journal"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import * as Moment from "./Moment.ts"

/** A setting. `meaning` and `absent` are what the table says; `parse` fails with one sentence that names the cure. */
interface Setting<A> {
  readonly name: string
  readonly meaning: string
  readonly absent: string
  readonly parse: (text: string) => Result.Result<A, string>
}

const define = <A>(setting: Setting<A>): Setting<A> => setting

const parts = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")

/** A setting that is text, or is parsed where it is used. */
const text = (name: string, meaning: string, absent: string) =>
  define({ name, meaning, absent, parse: Result.succeed<string> })

const wholeNumber = (name: string, meaning: string, absent: string) =>
  define({
    name,
    meaning,
    absent,
    parse: (value) =>
      /^[1-9]\d{0,14}$/.test(value)
        ? Result.succeed(Number(value))
        : Result.fail(`${name}: ${JSON.stringify(value)} is no whole number above 0.`)
  })

/** How long something is kept, in milliseconds. */
const age = (name: string, meaning: string, absent: string) =>
  define({
    name,
    meaning,
    absent,
    parse: (value) => {
      const ms = Moment.span(value)
      return ms === undefined
        ? Result.fail(`${name}: ${JSON.stringify(value)} is no length of time. Write it as 30d, 12h or 4w.`)
        : Result.succeed(ms)
    }
  })

/** `host:port`, with brackets around an address that has colons. */
const listen = define({
  name: "REINS_LISTEN",
  meaning: "where to listen, `host:port`: `0.0.0.0:4111`; `--host` and `--port` take its place",
  absent: "`127.0.0.1:4111`",
  parse: (value) => {
    const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(value) ?? []
    return host !== "" && Number(port) <= 65_535
      ? Result.succeed({ host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) })
      : Result.fail(`REINS_LISTEN: ${JSON.stringify(value)} is no host and port. Write them as 0.0.0.0:4111.`)
  }
})

const apiKeys = define({
  name: "REINS_API_KEYS",
  meaning: "who may send requests: `key=tenant` or `key=tenant:role`, separated by commas",
  absent: "only this machine can send requests, and other hosts are refused",
  // Every entry is a key and its tenant: one that is not would silently open nothing.
  parse: (value) =>
    value.split(",").every((entry) => /^\s*[^=\s].*=[^=\s]+\s*$/.test(entry))
      ? Result.succeed(Redacted.make(value))
      : Result.fail("REINS_API_KEYS has an entry that is not KEY=TENANT. Write KEY=TENANT, separated by commas.")
})

const origins = define({
  name: "REINS_ORIGINS",
  meaning: "origins of pages that may send requests, separated by commas: `https://agents.example`",
  absent: "pages of this machine",
  parse: (value) => {
    const listed = value.split(",").map((origin) => origin.trim())
    const wrong = listed.find((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin)
    return wrong === undefined
      ? Result.succeed(listed)
      : Result.fail(`REINS_ORIGINS: ${wrong} is not an origin. Write scheme, host and port: https://app.example.`)
  }
})

const webhookUrls = define({
  name: "REINS_WEBHOOK_URLS",
  meaning:
    "addresses to which open questions and ended runs of every tenant are reported, separated by commas; they are not checked",
  absent: "those that operators add by the native interface",
  parse: (value) => {
    const urls = parts(value)
    const wrong = urls.findIndex((url) => !/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    // Which of them, and not what it says: a path may be a secret.
    return wrong < 0
      ? Result.succeed(urls)
      : Result.fail(`REINS_WEBHOOK_URLS: number ${wrong + 1} is no URL of http or https. Separate them by commas.`)
  }
})

const webhookSecret = define({
  name: "REINS_WEBHOOK_SECRET",
  meaning:
    "signs what they are sent: `whsec_` and 24 to 64 bytes as Base64; two, separated by a comma, while one replaces the other",
  absent: "`REINS_WEBHOOK_URLS` is refused",
  parse: (value) => {
    const secrets = parts(value)
    return secrets.length <= 2 && secrets.every((secret) => /^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/.test(secret))
      ? Result.succeed(secrets.map((secret) => Redacted.make(secret)))
      : Result.fail(
          "REINS_WEBHOOK_SECRET is not one or two of whsec_ and 24 to 64 bytes as Base64, separated by a comma."
        )
  }
})

const webhookEvents = define({
  name: "REINS_WEBHOOK_EVENTS",
  meaning: `which events they get: ${Webhook.events.map((event) => `\`${event}\``).join(", ")}, separated by commas`,
  absent: "both",
  parse: (value) => {
    const known = Webhook.events.filter((event) => parts(value).includes(event))
    return known.length === parts(value).length
      ? Result.succeed(known)
      : Result.fail(
          `REINS_WEBHOOK_EVENTS has an unknown event. Write ${Webhook.events.join(" or ")}, or both with a comma.`
        )
  }
})

const flag = (name: string, meaning: string, absent: string) =>
  define({
    name,
    meaning,
    absent,
    parse: (value) =>
      value === "true" || value === "false"
        ? Result.succeed(value === "true")
        : Result.fail(`${name}: ${JSON.stringify(value)} is neither true nor false.`)
  })

const webhookContent = flag(
  "REINS_WEBHOOK_CONTENT",
  "`true`: they also get questions and answers",
  "ids, names, times and money alone"
)

const reconcile = flag(
  "REINS_RECONCILE",
  "`true`: OpenAI is asked what a response has used whose answer was cut, and the cost ledger is corrected",
  "such costs stay estimates until an operator corrects them"
)

/** All of them. */
export const all = {
  listen,
  apiKeys,
  origins,
  app: text("REINS_APP", "the file of the app; `--app` takes its place", "the built-in assistant"),
  model: text(
    "REINS_MODEL",
    "the model of agents that have none of their own: `openai:gpt-5.2`; `--model` takes its place",
    "the program says what to set"
  ),
  store: text(
    "REINS_STORE",
    "where runs are kept: `memory`, `sqlite:FILE`, `postgres://…`; `--store` takes its place",
    "`.reins/runs.db` in the folder"
  ),
  keepRuns: age("REINS_KEEP_RUNS", "how long the events of ended runs are kept: `30d`", "they are not deleted"),
  keepCosts: age("REINS_KEEP_COSTS", "how long lines of the cost ledger are kept: `104w`", "they are not deleted"),
  keepAudit: age("REINS_KEEP_AUDIT", "how long the audit record of approvals is kept: `52w`", "it is not deleted"),
  maxBodyBytes: wholeNumber("REINS_MAX_BODY_BYTES", "the largest body of a request", "4194304 (4 MiB)"),
  maxRuns: wholeNumber(
    "REINS_MAX_RUNS",
    "how many runs of a tenant that this process started may be active at once",
    "no limit"
  ),
  reconcile,
  webhookUrls,
  webhookSecret,
  webhookEvents,
  webhookContent
} as const

/** Reads one; an empty one is absent. Fails with its sentence. */
const readOne = <A>({ name, parse }: Setting<A>): Effect.Effect<A | undefined, CommandFailed> =>
  Effect.mapError(Config.option(Config.Redacted(name)), () => failed(`${name} cannot be read.`)).pipe(
    Effect.flatMap((found) => {
      const value = Option.isNone(found) ? "" : Redacted.value(found.value)
      if (value.trim() === "") return Effect.undefined
      return Result.match(parse(value), {
        onFailure: (sentence) => Effect.fail(failed(sentence)),
        onSuccess: (parsed) => Effect.succeed<A | undefined>(parsed)
      })
    })
  )

/** What the environment says, but for what is read where it is used: the model and the store. */
export const read = Effect.gen(function* () {
  const own = {
    urls: yield* readOne(all.webhookUrls),
    secret: yield* readOne(all.webhookSecret),
    events: yield* readOne(all.webhookEvents),
    content: yield* readOne(all.webhookContent)
  }
  const { content, events, secret = [], urls } = own
  if (urls !== undefined && urls.length > 0 && secret.length === 0) {
    return yield* failed("REINS_WEBHOOK_URLS needs REINS_WEBHOOK_SECRET, with which what is sent is signed.")
  }
  return {
    listen: yield* readOne(all.listen),
    apiKeys: yield* readOne(all.apiKeys),
    origins: yield* readOne(all.origins),
    app: yield* readOne(all.app),
    kept: {
      runs: yield* readOne(all.keepRuns),
      costs: yield* readOne(all.keepCosts),
      audit: yield* readOne(all.keepAudit)
    },
    maxBodyBytes: yield* readOne(all.maxBodyBytes),
    maxRuns: yield* readOne(all.maxRuns),
    reconcile: yield* readOne(all.reconcile),
    webhooks: urls?.map((url) => ({ url, secret, events, content }))
  }
})

/** The table of the documentation. */
export const table = (): string =>
  [
    "| variable | meaning | absent |",
    "| --- | --- | --- |",
    ...Object.values(all).map(({ absent, meaning, name }) => `| \`${name}\` | ${meaning} | ${absent} |`)
  ].join("\n")

/** Variables of other commands, and of this project's own checks. */
const others = /^REINS_(API_KEY|COMMAND|TALLY|SEED|SCREENSHOTS|DATABASE|TEST_\w+|BENCH_\w+|CRASH_\w+)$/

/** What Kubernetes sets for services whose name begins with `reins`. */
const serviceLinks = /_(SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_(TCP|UDP)\w*)$/

/** How many letters differ, at most about. */
const distance = (left: string, right: string): number => {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...left].entries()) {
    const next = [index + 1]
    for (let at = 1; at <= right.length; at++) {
      const change = (row[at - 1] ?? 0) + (right[at - 1] === letter ? 0 : 1)
      next.push(Math.min(change, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

/** A sentence for each variable that looks like a setting and is none. Values are not looked at. */
export const unknown = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const known = Object.values(all).map(({ name }) => name)
  return names
    .filter(
      (name) => name.startsWith("REINS_") && !known.includes(name) && !others.test(name) && !serviceLinks.test(name)
    )
    .toSorted()
    .map((name) => {
      const [nearest = ""] = known.toSorted((a, b) => distance(a, name) - distance(b, name))
      const hint = distance(nearest, name) <= 3 ? ` Did you mean ${nearest}?` : ""
      return `${name} is no setting of reins serve and has no effect.${hint}`
    })
}
