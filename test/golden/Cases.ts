/**
 * Every open run of the golden databases, and all the ways in which it is carried on.
 */
import { Decision } from "@reins/runtime"
import * as Acts from "./Acts.ts"
import { no, submit, yes } from "./Acts.ts"
import type { Case } from "./Case.ts"
import { oddIds } from "./Script.ts"

const plain = { requests: ["desk 2"], finish: "stop", says: "All of it is done." }
const asked = (runId: string, decision: Decision, resourceId?: string) => [Acts.decide(runId, decision, resourceId)]
const agreed = (runId: string) => ({
  runId,
  when: "when it is approved",
  acts: asked(runId, yes),
  decided: ["approve"]
})
const refused = (runId: string) => ({
  runId,
  when: "when it is rejected",
  acts: asked(runId, no),
  decided: ["reject"],
  calls: []
})
const alone = (runId: string) => ({ runId, when: "by itself", acts: [] })
const times = (count: number, what: string): ReadonlyArray<string> => Array.from({ length: count }, () => what)

const below = { requests: ["clerk 2", "reader 2", "desk 2"], finish: "stop", says: "All of it is done." }
const maySend = { again: ["send 1"], calls: ["send 1"], ...plain }
const mayHaveRun = { ...plain, tells: ['"error":"MayHaveRun"', "a person rejected repeating it: not today"] }
const tides = "Tides come twice a day, and the moon, which pulls, takes its time about it – 潮."
const retracted = '"type":"step-retracted","reason":"the process that executed this step crashed"'
const oddCalls = [...oddIds.map((_, index) => `pay ${101 + index}`), "pay 150"]

/** Questions to a person, open since then. */
const questions: ReadonlyArray<Case> = [
  { ...agreed("ask-root"), calls: ["pay 1"], ...plain },
  { ...refused("ask-root"), ...plain, tells: ["not today", '"status":"denied"'] },
  {
    runId: "ask-root",
    when: "when it is revised",
    acts: asked("ask-root", Decision.revise({ n: 6 }, { by: "mia" })),
    decided: ["revise"],
    calls: ["pay 6"],
    ...plain
  },
  {
    runId: "ask-root",
    when: "when it is cancelled",
    acts: [Acts.cancel("ask-root")],
    decided: ["cancelled"],
    calls: [],
    requests: [],
    finish: "cancelled",
    says: "Let me see. "
  },
  { ...agreed("ask-below"), calls: ["pay 13"], ...below },
  { ...refused("ask-below"), ...below, tells: ["not today"] },
  { ...agreed("ask-plan"), calls: ["trip 2"], ...plain, tells: ['"from":"executing","to":"executed"'] },
  { ...refused("ask-plan"), ...plain, tells: ['"from":"pending_approval","to":"failed"'] },
  {
    runId: "ask-budget",
    when: "when it is raised",
    acts: [Acts.raise("ask-budget", { maxSteps: 9 })],
    decided: ["approve"],
    calls: ["look 4"],
    requests: ["saver 4", "saver 5"],
    finish: "stop",
    says: "Saved."
  },
  {
    runId: "ask-budget",
    when: "when it is raised by one, and by one again",
    acts: [Acts.raise("ask-budget", { maxSteps: 3 }), Acts.raise("ask-budget", { maxSteps: 4 })],
    decided: ["approve", "approve"],
    calls: ["look 4"],
    requests: ["saver 4", "saver 6"],
    finish: "stop",
    says: "Done."
  },
  { ...refused("ask-budget"), requests: [], finish: "budget", says: "" },
  {
    runId: "ask-client",
    when: "with its result",
    acts: [submit("ask-client", "c1", { place: "Kiel" })],
    calls: [],
    ...plain
  },
  {
    runId: "ask-several",
    when: "with all its answers",
    acts: [...asked("ask-several", yes), submit("ask-several", "c2", { place: "Kiel" })],
    decided: ["approve", "approve", "approve"],
    calls: ["pay 1", "pay 13", "trip 1"],
    requests: ["clerk 2", "reader 2", "desk 2"],
    finish: "stop",
    says: "All of them at once."
  },
  {
    runId: "ask-several",
    when: "with one answer after the other",
    acts: [
      submit("ask-several", "c2", { place: "Kiel" }),
      Acts.answer("ask-several", ({ kind }) => (kind === "plan" ? no : undefined)),
      Acts.answer("ask-several", ({ toolInvocationId }) => (toolInvocationId === "p" ? yes : undefined)),
      Acts.answer("ask-several", ({ toolInvocationId }) => (toolInvocationId === "c1" ? no : undefined))
    ],
    decided: ["reject", "approve", "reject"],
    calls: ["pay 13"],
    requests: ["clerk 2", "reader 2", "desk 2"],
    finish: "stop",
    says: "All of them at once."
  },
  {
    ...agreed("ask-odd"),
    decided: times(oddIds.length + 1, "approve"),
    calls: oddCalls,
    requests: ["desk 3"],
    finish: "stop",
    says: "However they are called."
  },
  {
    runId: "ask-odd",
    when: "when one is rejected",
    acts: [Acts.answer("ask-odd", ({ toolInvocationId }) => (toolInvocationId?.startsWith("again") ? no : yes))],
    decided: oddIds.map((id) => (id === "again" ? "reject" : "approve")).concat("approve"),
    calls: oddCalls.filter((call) => call !== "pay 102"),
    requests: ["desk 3"],
    finish: "stop",
    says: "However they are called."
  },
  {
    ...agreed("ask-odd-below"),
    decided: times(4, "approve"),
    calls: times(4, "pay 201"),
    requests: [...times(4, "clerk 2"), "desk 2"],
    finish: "stop",
    says: "They all came back."
  },
  { ...agreed("ask-acme"), acts: asked("ask-acme", yes, "acme"), calls: ["pay 1"], ...plain },
  {
    ...agreed("ask-brought"),
    acts: [...asked("ask-brought", yes), submit("ask-brought", "c1", { sky: "grey" })],
    calls: ["look 2"],
    ...plain,
    tells: ['{"sky":"grey"}']
  },
  { ...agreed("ask-surveyor"), calls: ["pay 1"], requests: ["surveyor 2"], finish: "stop", says: '{"metres":3}' },
  { ...agreed("ask-steps"), calls: ["pay 13"], requests: ["desk 14"], finish: "stop", says: "Thirteen steps." },
  { ...agreed("ask-kept"), calls: ["pay 5"], requests: ["keeper 6"], finish: "stop", says: "Kept and paid." },
  {
    runId: "ask-limited",
    when: "up to its thread's limit",
    acts: [Acts.decide("ask-limited", yes), Acts.decide("ask-limited", yes)],
    decided: ["approve", "approve"],
    calls: ["pay 1", "pay 2"],
    requests: ["desk 2"],
    finish: "budget",
    says: "",
    tells: ['"limit":"thread.maxSteps","max":2,"used":2']
  },
  { ...alone("ask-expiring"), decided: ["expired"], calls: [], ...plain },
  {
    runId: "granted-in-run",
    when: "on its grant, with its caller's result",
    acts: [submit("granted-in-run", "c2", { place: "Kiel" })],
    calls: ["pay 2"],
    requests: ["desk 3", "desk 4"],
    finish: "stop",
    says: "Paid at both ends.",
    tells: ['"event_type":"approval_granted"']
  }
]

/** Answers that were stored while no process carried the run. */
const answers: ReadonlyArray<Case> = [
  { ...alone("approved"), decided: ["approve"], calls: ["pay 1"], ...plain },
  { ...alone("approved-below"), decided: ["approve"], calls: ["pay 13"], ...below },
  { ...alone("refused"), decided: ["reject"], calls: [], ...plain },
  { ...alone("revised"), decided: ["revise"], calls: ["pay 8"], ...plain },
  { ...alone("submitted"), calls: [], ...plain },
  { ...agreed("submitted-odd"), calls: ["pay 2"], ...plain },
  {
    ...alone("raised-alone"),
    decided: ["approve"],
    calls: ["look 4"],
    requests: ["saver 4", "saver 5"],
    finish: "stop",
    says: "Saved."
  },
  {
    ...alone("cancelled-alone"),
    decided: ["cancelled"],
    calls: [],
    requests: [],
    finish: "cancelled",
    says: "Let me see. "
  }
]

/** Work in the middle of which the process was killed, or ended. */
const work: ReadonlyArray<Case> = [
  { ...alone("cut-in-text"), calls: [], requests: ["desk 1"], finish: "stop", says: tides, tells: [retracted] },
  { ...alone("closed-in-text"), calls: [], requests: ["desk 1"], finish: "stop", says: tides, tells: [retracted] },
  { ...alone("cut-in-silence"), calls: [], ...plain, tells: [retracted] },
  {
    ...agreed("cut-below"),
    calls: ["dig 1", "look 14", "pay 13"],
    again: ["dig 1"],
    requests: ["clerk 1", "clerk 2", "reader 2", "desk 2"],
    finish: "stop",
    says: "All of it is done.",
    tells: [retracted]
  },
  { ...alone("cut-in-dig"), calls: ["dig 1"], again: ["dig 1"], ...plain },
  { ...alone("cut-in-look"), calls: ["look 2"], again: ["look 2"], ...plain },
  { ...agreed("cut-in-send"), ...maySend, tells: ['"begunBefore":1'] },
  { ...refused("cut-in-send"), ...mayHaveRun },
  { ...agreed("closed-in-send"), ...maySend, tells: ['"begunBefore":1'] },
  { ...refused("closed-in-send"), ...mayHaveRun },
  { ...agreed("asked-again"), ...maySend },
  { ...refused("asked-again"), ...mayHaveRun },
  { ...agreed("cut-again"), ...maySend, tells: ['"begunBefore":2'] },
  { ...refused("cut-again"), ...mayHaveRun },
  {
    ...agreed("cut-in-odd"),
    decided: times(4, "approve"),
    calls: ["send 1", "send 2", "send 3", "send 4"],
    again: ["send 1", "send 2", "send 3", "send 4"],
    ...plain,
    tells: ['"begunBefore":1']
  },
  { ...refused("cut-in-odd"), ...mayHaveRun, decided: times(4, "reject") },
  { ...agreed("cut-in-pay"), calls: ["pay 1"], again: ["pay 1"], ...plain, tells: ['"begunBefore":1'] },
  { ...refused("cut-in-pay"), ...mayHaveRun },
  { ...agreed("cut-in-trip"), calls: ["trip 2"], again: ["trip 2"], ...plain, tells: ['"begunBefore":1'] },
  { ...refused("cut-in-trip"), ...mayHaveRun }
]

export const cases: ReadonlyArray<Case> = [...questions, ...answers, ...work]
