/**
 * The tests of the runtime once more, over a journal in place of the memory of the process: each run that one of them
 * starts is replayed from its log when its runtime closes, and goes the same way. So the tests hold on the journal, too,
 * and a test that is added is a scenario of this file by itself.
 *
 * `apart` and `changing` say which are left out, and why.
 */
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, vi } from "@effect/vitest"
import { Deployment, describeReplay, Runtime } from "@reins/runtime"
import { Replays } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** Where tests start runs. */
const folders = ["agent", "approval", "budget", "call", "loop", "model", "promise", "run", "runtime", "step", "thread"]

/** Tests that are not held over another deployment, by file or title. */
const apart: ReadonlyMap<string, string> = new Map([
  ["step/Literals", "counts the code of the engine in memory"],
  ["model/ReceivedPart", "draws its cases, on a journal as well"],
  ["runtime/Composition", "is about runtimes in memory"],
  ["lets no call through when it never ends", "its hook is waited for on the clock of the machine"],
  ["lets nothing through when it fails: beforeStep", "its hook is waited for on the clock of the machine"],
  [
    "that the agent's time limit cuts ends the agent as the limit does: beforeCall",
    "its hook is waited for on the clock of the machine"
  ],
  [
    "that the agent's time limit cuts ends the agent as the limit does: beforeStep",
    "its hook is waited for on the clock of the machine"
  ],
  [
    "is asked for as the hooks before the agent's steps leave the request, and what they spend is charged",
    "counts calls, and a replay is one more"
  ],
  ["that cannot be looked up make a retryable failure, and cost nothing", "a journal looks for news while it waits"],
  ["runs once for a call, although its process dies while a person is asked", "counts calls, and a replay is one more"],
  ["does not change an answer that its model has paused within", "counts calls, and a replay is one more"],
  [
    "is taken again by the next owner of a killed run, without another call of its function",
    "counts calls, and a replay is one more"
  ],
  ["step/Answer", "draws its cases"],
  ["budget/BudgetTree", "draws its cases"],
  ["leaves no run behind, at whatever moment it is interrupted", "a run on a journal ends some turns after its cancel"],
  ["emits nothing for an ended attempt, even if its function continues", "waits for five seconds"],
  [
    "are never exceeded by a thread's runs together, with all their parallel specialists, for 60 threads",
    "draws its runs, as a-run-replays-from-its-log does"
  ],
  ["loop/Capture", "its model fails whoever looks at it, from a moment on"],
  ["pending forever, when questions never expire", "a journal looks for news of it all the years"]
])

/** Tests whose runs are replayed by another program than the one that ran: by file or title. */
const changing: ReadonlyMap<string, string> = new Map([
  ["call/DefinitionChanged", "a tool is defined anew while its question is open"],
  [
    "that abandons a request is charged for it, and leaves nothing reserved",
    "its strategy counts how often it is called"
  ],
  ["loop/RunFailure", "its prices are broken from a moment on"],
  ["loop/Unread", "its prices are broken from a moment on"],
  ["counts a run that failed with a defect", "its prices are broken from a moment on"],
  ["denies even if a grant covers the call and the query asks about each call", "its policy changes"],
  ["asks once about a predicate that changes its result", "its policy changes"],
  ["is extended or replaced by a query's history, once it is free", "its thread is rewritten after the run"],
  [
    "erases its messages in a fork of a thread of others, and theirs stay in forks of its own",
    "its thread is rewritten after the run"
  ],
  [
    "cancels its runs where that is asked for, waits for those of others, and then erases",
    "its thread is rewritten after the run"
  ]
])

/** The tests of which nothing is left of some runs. */
const erasing = "runtime/Erasures"

let findings: Array<Replays.Finding> = []
const found = (finding: Replays.Finding): void => void findings.push(finding)
/** How many runs went the same way, and which entries of the lists were met. */
let count = 0
const met = new Set<string>()

const memory = Effect.runSync(Deployment.Deployment)
const { make } = Replays.factory(found)
const { layer } = Runtime

const isSource = (store: unknown): store is Parameters<typeof Replays.over>[1] =>
  typeof store === "object" && store !== null && "exportRun" in store

/** A deployment of a test's own, over a journal in memory. */
const watched = Layer.effect(
  Deployment.Deployment,
  Effect.map(Deployment.Deployment, (given) =>
    "store" in given && isSource(given.store) ? Replays.over(given, given.store, found) : given
  )
)

const begin = () => {
  vi.spyOn(memory, "make").mockImplementation(make)
  vi.spyOn(Runtime, "layer").mockImplementation((options) => Layer.provide(layer.call(Runtime, options), watched))
}
const end = () => vi.restoreAllMocks()

for (const folder of folders) {
  const path = fileURLToPath(new URL(`../runtime/${folder}/`, import.meta.url))
  for (const name of readdirSync(path)) {
    const text = name.endsWith(".test.ts") ? readFileSync(`${path}${name}`, "utf8") : ""
    const file = `${folder}/${name.replace(".test.ts", "")}`
    if (apart.has(file)) met.add(file)
    if (apart.has(file) || !/Runtime\b|support\//.test(text)) continue
    describe(`${file}`, async () => {
      // Some tests make their layers when they are loaded.
      begin()
      await import(`${path}${name}?replayed`)
      end()
    })
  }
}

beforeAll(begin)
afterAll(() => {
  end()
  // A few less than there are: a test may go, and no folder of tests may.
  assert.isAbove(count, 1140)
  const unknown = [...apart.keys(), ...changing.keys(), "erased"].filter((name) => !met.has(name))
  assert.deepStrictEqual(unknown, [], `No test is called ${unknown.join(" or ")}`)
})

beforeEach(({ skip, task }) => {
  findings = []
  const { name } = task
  const file = fileOf(task)
  for (const known of [name, file]) if (apart.has(known) || changing.has(known)) met.add(known)
  const reason = apart.get(name)
  if (reason !== undefined) skip(reason)
  // The same test is there on a journal.
  if (isInMemory(task)) skip("is about runs in memory")
})

afterEach(({ task }) => {
  const all = findings
  findings = []
  const isChanging = changing.has(task.name) || changing.has(fileOf(task))
  for (const { replayed, runId } of all) {
    if (replayed._tag === "Erased") {
      assert.strictEqual(fileOf(task), erasing, `${runId}: nothing is left of it`)
      met.add("erased")
    } else if (replayed._tag === "NotReplayed") {
      // A run that its test leaves open has no end to compare.
      assert.strictEqual(replayed.reason, "StillOpen", `${runId}: ${replayed.message}`)
    } else if (replayed._tag === "Diverged") {
      if (!isChanging) assert.fail(describeReplay(replayed))
    } else count++
  }
})

const isInMemory = ({ name, suite }: Named): boolean =>
  /\bin memory\b|\(memory\)/.test(name) || (suite !== undefined && isInMemory(suite))

/** The title of the outermost suite. */
const fileOf = ({ name, suite }: Named): string => (suite === undefined ? name : fileOf(suite))

interface Named {
  readonly name: string
  readonly suite?: Named | undefined
}
