/**
 * The golden runs, and how each came to be as it is in the golden database: by which processes, which ended in peace or
 * were killed. What becomes of those that are open is in the tests.
 */
import { Budget, type Message } from "@reins/protocol"
import { Decision, type QueryOptions } from "@reins/runtime"
import * as Acts from "./Acts.ts"
import { no, submit, yes } from "./Acts.ts"

/** One process at work on a scene. */
export interface Life {
  readonly acts: ReadonlyArray<Acts.Act>
  /** It is killed once nothing more happens; else it ends in peace. */
  readonly killed: boolean
  /** It is a client: it carries nothing. */
  readonly client: boolean
  /** What never ends in it; see `World.hangs`. */
  readonly hangs: ReadonlyArray<string>
}

/** A run and what was done for it. */
export interface Scene {
  readonly runId: string
  readonly lives: ReadonlyArray<Life>
  /** How many events lie between two snapshots. Absent: as usual. */
  readonly snapshotEvery?: number | undefined
  /** How long its questions wait, in milliseconds. Absent: for ever. */
  readonly approvalExpiresIn?: number | undefined
}

type Work = Acts.Act | ReadonlyArray<Acts.Act>

const life = (work: Work, options: Partial<Life> = {}): Life => ({
  acts: typeof work === "function" ? [work] : work,
  killed: false,
  client: false,
  hangs: [],
  ...options
})

/** A process that is killed when it has done all it could; `hangs` never end in it. */
const killed = (work: Work, ...hangs: ReadonlyArray<string>): Life => life(work, { killed: true, hangs })
const client = (work: Work): Life => life(work, { client: true })
/** A process that takes the run up. */
const again = (...hangs: ReadonlyArray<string>): Life => killed([], ...hangs)

/** A run that one process carries to its end, doing `acts` one after the other. */
const whole = (runId: string, script: string, options: QueryOptions = {}, ...acts: ReadonlyArray<Acts.Act>): Scene => ({
  runId,
  lives: [life([Acts.start(runId, script, options), ...acts])]
})

/** A run whose process was killed when nothing more happened. */
const open = (runId: string, script: string, options: QueryOptions = {}, ...rest: ReadonlyArray<Life>): Scene => ({
  runId,
  lives: [killed(Acts.start(runId, script, options)), ...rest]
})

const user = (said: string): Message.Message => ({ role: "user", content: [{ type: "text", text: said }] })
const assistant = (said: string): Message.Message => ({
  role: "assistant",
  content: [{ type: "text", text: said }]
})

/** A history that another system kept, with a call whose result got lost. */
const history: ReadonlyArray<Message.Message> = [
  user("What is in the tank?"),
  { role: "assistant", content: [{ type: "tool-call", id: "x", name: "gauge", args: { tank: 1 } }] },
  user("Never mind."),
  assistant("As you like.")
]

/** Threads that several of the runs below share. */
export const threads = {
  grants: "granted",
  matched: "granted for one",
  limited: "limited",
  limitedOpen: "limited and open",
  kept: "kept in mind",
  imported: "imported",
  forked: "forked"
}

const on = (threadId: string): QueryOptions => ({ threadId })

/** Runs that have ended. */
export const ended: ReadonlyArray<Scene> = [
  whole("plain", "plain"),
  whole("plain-again", "plain", on(Acts.threadOf("plain"))),
  whole("errands", "errands", {}, Acts.decide("errands", yes), Acts.decide("errands", yes)),
  whole(
    "faults",
    "faults",
    {},
    Acts.answer("faults", ({ toolInvocationId }) =>
      toolInvocationId === "f4" ? no : Decision.revise({ n: 9 }, { by: "mia", feedback: "less" })
    )
  ),
  whole("plan", "plan", {}, Acts.decide("plan", yes)),
  whole("plan-refused", "plan", {}, Acts.decide("plan-refused", no)),
  whole("retried", "retried"),
  whole("rich", "rich"),
  whole("failed", "failed"),
  whole("cut", "cut"),
  whole("cancelled-asking", "pay", {}, Acts.cancel("cancelled-asking")),
  {
    runId: "cancelled-working",
    lives: [life([Acts.start("cancelled-working", "dig"), Acts.cancel("cancelled-working")], { hangs: ["dig 1"] })]
  },
  whole("located", "locate", {}, submit("located", "c1", { place: "Kiel" })),
  whole("stopped", "stop", { agent: "stopper" }),
  whole("wrapped", "wrap", { agent: "wrapper" }),
  whole("raised", "save", { agent: "saver" }, Acts.raise("raised", { maxSteps: 9 })),
  whole("robot", "robot", { agent: "robot" }),
  whole("odd", "odd", {}, Acts.decide("odd", yes)),
  whole("typed", "typed"),
  { runId: "surveyed", lives: [life([Acts.survey("surveyed", "typed")])] },
  {
    runId: "three-lives",
    lives: [
      killed(Acts.start("three-lives", "errands"), "model reader 1", "dig 1"),
      killed([Acts.decide("three-lives", yes), Acts.decide("three-lives", yes)], "model desk 3"),
      life([])
    ]
  },
  {
    runId: "sent-twice",
    lives: [killed(Acts.start("sent-twice", "send"), "send 1"), life(Acts.decide("sent-twice", yes))]
  },
  { runId: "steps", snapshotEvery: 10, lives: [...open("steps", "steps").lives, life(Acts.decide("steps", yes))] },
  whole(
    "granted",
    "pay-twice",
    on(threads.grants),
    Acts.decide("granted", Decision.approve({ by: "mia", scope: "thread", uses: 2 }))
  ),
  whole(
    "granted-for-one",
    "pay-twice",
    on(threads.matched),
    Acts.decide("granted-for-one", Decision.approve({ by: "mia", scope: "thread", matcher: { n: 2 }, maxCostUsd: 1 }))
  ),
  whole("limited", "look", on(threads.limited)),
  whole("kept", "keep", { ...on(threads.kept), agent: "keeper" }),
  whole("acme", "errands", { resourceId: "acme" }, Acts.decide("acme", yes, "acme"), Acts.decide("acme", yes, "acme")),
  {
    runId: "imported",
    lives: [
      life([
        Acts.begin(threads.imported, history),
        Acts.start("imported", "plain", on(threads.imported)),
        Acts.rest("imported"),
        Acts.fork(threads.imported, threads.forked, 3),
        Acts.limit(threads.limited, Budget.make({ maxSteps: 5 }))
      ])
    ]
  }
]

const brought: QueryOptions = {
  tools: {
    without: ["dig"],
    ask: ["look"],
    client: [{ name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } }]
  }
}

/** Runs that have not ended. */
export const unfinished: ReadonlyArray<Scene> = [
  open("ask-root", "pay"),
  open("ask-below", "below"),
  open("ask-plan", "plan"),
  open("ask-budget", "save", { agent: "saver" }),
  open("ask-client", "locate"),
  open("ask-several", "several"),
  open("ask-odd", "odd"),
  open("ask-odd-below", "odd-below"),
  open("ask-acme", "pay", { resourceId: "acme" }),
  open("ask-brought", "brought", brought),
  { runId: "ask-surveyor", lives: [killed(Acts.survey("ask-surveyor", "typed-pay"))] },
  { ...open("ask-steps", "steps"), snapshotEvery: 10 },
  { ...open("ask-expiring", "pay"), approvalExpiresIn: 3_600_000 },
  open("ask-kept", "keep-pay", { agent: "keeper" }),
  {
    runId: "ask-limited",
    lives: [
      killed([
        Acts.limit(threads.limitedOpen, Budget.make({ maxSteps: 2 })),
        Acts.start("ask-limited", "pay-twice", on(threads.limitedOpen))
      ])
    ]
  },
  open("approved", "pay", {}, client(Acts.decide("approved", yes))),
  open("approved-below", "below", {}, client(Acts.decide("approved-below", yes))),
  open("refused", "pay", {}, client(Acts.decide("refused", no))),
  open("revised", "pay", {}, client(Acts.decide("revised", Decision.revise({ n: 8 }, { by: "mia" })))),
  open("submitted", "locate", {}, client(submit("submitted", "c1", { place: "Kiel" }))),
  open("submitted-odd", "odd-locate", {}, client(submit("submitted-odd", "c_again_2", { place: "Kiel" }))),
  open("raised-alone", "save", { agent: "saver" }, client(Acts.raise("raised-alone", { maxSteps: 9 }))),
  open("cancelled-alone", "pay", {}, client(Acts.cancel("cancelled-alone"))),
  { runId: "cut-in-text", lives: [killed(Acts.start("cut-in-text", "plain"), "model desk 1")] },
  { runId: "cut-in-silence", lives: [killed(Acts.start("cut-in-silence", "look"), "model desk 2 silent")] },
  { runId: "cut-below", lives: [killed(Acts.start("cut-below", "below"), "model clerk 1", "dig 1")] },
  { runId: "cut-in-dig", lives: [killed(Acts.start("cut-in-dig", "dig"), "dig 1")] },
  { runId: "cut-in-look", lives: [killed(Acts.start("cut-in-look", "dig"), "look 2")] },
  { runId: "cut-in-send", lives: [killed(Acts.start("cut-in-send", "send"), "send 1")] },
  {
    runId: "cut-in-odd",
    lives: [killed(Acts.start("cut-in-odd", "odd-send"), "send 1", "send 2", "send 3", "send 4")]
  },
  {
    runId: "cut-in-pay",
    lives: [killed([Acts.start("cut-in-pay", "pay"), Acts.rest("cut-in-pay"), Acts.decide("cut-in-pay", yes)], "pay 1")]
  },
  {
    runId: "cut-in-trip",
    lives: [
      killed([Acts.start("cut-in-trip", "plan"), Acts.rest("cut-in-trip"), Acts.decide("cut-in-trip", yes)], "trip 2")
    ]
  },
  { runId: "closed-in-text", lives: [life(Acts.start("closed-in-text", "plain"), { hangs: ["model desk 1"] })] },
  { runId: "closed-in-send", lives: [life(Acts.start("closed-in-send", "send"), { hangs: ["send 1"] })] },
  { runId: "asked-again", lives: [killed(Acts.start("asked-again", "send"), "send 1"), again()] },
  {
    runId: "cut-again",
    lives: [killed(Acts.start("cut-again", "send"), "send 1"), killed(Acts.decide("cut-again", yes), "send 1")]
  },
  {
    runId: "granted-in-run",
    lives: [
      killed([
        Acts.start("granted-in-run", "pay-locate-pay"),
        Acts.rest("granted-in-run"),
        Acts.decide("granted-in-run", Decision.approve({ by: "mia", scope: "run" }))
      ])
    ]
  }
]
