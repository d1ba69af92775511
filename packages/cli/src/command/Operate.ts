/**
 * The commands of an operator, over the runs of a local store or of a server: each asks the desk and prints what it
 * says.
 */
import type { Approval, Grant } from "@reins/protocol"
import { Audit, Decision, Envelope } from "@reins/protocol"
import type { Runtime } from "@reins/runtime"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type { Desk } from "../desk/Desk.ts"
import * as LocalDesk from "../desk/LocalDesk.ts"
import * as RemoteDesk from "../desk/RemoteDesk.ts"
import * as StoreArchive from "../desk/StoreArchive.ts"
import { type CommandFailed, ended, failed, misused } from "../setting/CommandFailed.ts"
import * as Limits from "../setting/Limits.ts"
import * as Workplace from "../setting/Workplace.ts"
import { type OutputFailed, type ReaderLeft, Screen } from "../terminal/Screen.ts"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"
import * as PersonQuestion from "../view/PersonQuestion.ts"
import * as Question from "../view/Question.ts"
import * as Tables from "../view/Tables.ts"
import { View } from "../view/View.ts"

/** Whose runs are meant, and how they are printed. */
export interface Given {
  readonly app: string | undefined
  readonly store: string | undefined
  readonly path: string | undefined
  readonly url: string | undefined
  readonly tenant: string
  readonly jsonOutput: boolean
}

export type Printed = Effect.Effect<void, CommandFailed | ReaderLeft | OutputFailed, Screen>

/** Runs a body with the desk that is meant. */
export const at = <R>(
  given: Given,
  body: (desk: Desk, root: string) => Effect.Effect<void, CommandFailed | ReaderLeft | OutputFailed, R>
): Effect.Effect<void, CommandFailed | ReaderLeft | OutputFailed, R | Screen> => {
  if (given.url !== undefined) {
    const { url } = given
    return Effect.flatMap(RemoteDesk.make(url), (desk) => body(desk, "agent")).pipe(
      Effect.provide(FetchHttpClient.layer)
    )
  }
  return Effect.gen(function* () {
    // No request is sent: a script takes the place of the model.
    const workplace = yield* Workplace.make({
      ...given,
      model: given.app === undefined ? undefined : "scripted",
      isWatched: false,
      demo: true,
      carries: false
    })
    const { place, root } = workplace
    if (place === undefined) {
      yield* workplace.close
      return yield* misused(
        `${given.app} makes its own runtime, whose store is its own. Serve it, and name the server: --url.`
      )
    }
    // Where there is no store, the command reports it and creates none.
    yield* StoreArchive.isThere(place)
    const desk: Effect.Effect<Desk, CommandFailed, Runtime | Scope.Scope> = LocalDesk.make(place, given.tenant)
    yield* Effect.scoped(Effect.flatMap(desk, (made) => body(made, root))).pipe(Effect.provide(workplace.layer))
  })
}

/** Prints lines, if there are any. */
export const print = (lines: ReadonlyArray<string>): Effect.Effect<void, ReaderLeft | OutputFailed, Screen> =>
  lines.length === 0 ? Effect.void : Effect.flatMap(Screen, (screen) => screen.print(`${lines.join("\n")}\n`))

/** Prints a table for people, or a line of JSON an item. */
export const table = <A>(
  given: Given,
  items: ReadonlyArray<A>,
  columns: ReadonlyArray<Style.Column>,
  row: (item: A) => ReadonlyArray<string>,
  none: string
) =>
  Effect.flatMap(Screen, (screen) =>
    given.jsonOutput
      ? print(items.map((item) => JSON.stringify(item)))
      : print(
          items.length === 0
            ? [none]
            : Style.table(
                columns,
                items.map((item) => row(item).map((cell) => Text.harmless(cell).replaceAll("\n", " "))),
                screen.look()
              )
        )
  )

/** A time as tables have it. */
export const when = (at: number): string => DateTime.formatIso(DateTime.makeUnsafe(at)).slice(0, 19).replace("T", " ")

export const events = (
  given: Given & { readonly runId: string; readonly after: number; readonly follow: boolean }
): Printed =>
  at(given, (desk, root) =>
    Effect.flatMap(Screen, (screen) => {
      const view = new View(root, screen.look)
      const lines = (envelope: Envelope.Envelope) =>
        given.jsonOutput ? [JSON.stringify(Envelope.toJson(envelope))] : view.take(envelope)
      return Stream.runForEach(desk.events(given.runId, given), (envelope) => print(lines(envelope))).pipe(
        Effect.andThen(Effect.suspend(() => print(view.rest())))
      )
    })
  )

export const approvals = (given: Given): Printed =>
  at(given, (desk, root) =>
    Effect.flatMap(desk.approvals, (open) =>
      given.jsonOutput
        ? print(
            open.map(({ request, runId }) => JSON.stringify({ ...request, ...(runId === undefined ? {} : { runId }) }))
          )
        : print(open.length === 0 ? ["No approval is open."] : open.flatMap(({ request }) => asked(request, root)))
    )
  )

const asked = (request: Approval.Request, root: string): ReadonlyArray<string> => [
  `${Text.harmless(request.id)}  ${Question.sentence(request, request.agentPath?.at(-1)?.split("#")[0] ?? root)}`,
  ...Question.briefly(request).map((line) => `    ${line.replace(": [v]iew", "")}`)
]

const answered = (given: Given, id: string, decision: Decision, word: string): Printed =>
  at(given, (desk) => Effect.andThen(desk.answer(id, decision), print([`${word} ${id}.`])))

export const approve = (
  given: Given & { readonly id: string; readonly scope: Approval.Scope; readonly by: string | undefined }
): Printed =>
  answered(
    given,
    given.id,
    Decision.approve({ by: given.by, ...(given.scope === "call" ? {} : { scope: given.scope }) }),
    given.scope === "call" ? "Approved" : `Approved for this ${given.scope}:`
  )

export const reject = (
  given: Given & { readonly id: string; readonly reason: string | undefined; readonly by: string | undefined }
): Printed => answered(given, given.id, Decision.reject({ by: given.by, feedback: given.reason }), "Rejected")

export const revise = (
  given: Given & { readonly id: string; readonly edit: string; readonly by: string | undefined }
): Printed =>
  at(given, (desk) =>
    Effect.gen(function* () {
      const { by, id } = given
      const open = (yield* desk.approvals).find(({ request }) => request.id === id)
      if (open === undefined)
        return yield* failed(`No approval ${JSON.stringify(id)} is open. reins approvals lists them.`)
      const answer = Question.edited(open.request, given.edit)
      if (answer._tag !== "Decided")
        return yield* misused(`${answer._tag === "Unclear" ? answer.why : "An edit is name=value"}.`)
      yield* desk.answer(id, by === undefined ? answer.decision : { ...answer.decision, by })
      yield* print([open.request.kind === "plan" ? `Sent ${id} back.` : `Approved ${id} with changes.`])
    })
  )

export const answer = (
  given: Given & {
    readonly id: string
    readonly value: Option.Option<string>
    readonly json: string | undefined
    readonly by: string | undefined
  }
): Printed => {
  const { by, id, json } = given
  const value = Option.getOrUndefined(given.value)
  const typed = json ?? value
  if (typed === undefined || (json !== undefined && value !== undefined)) {
    return Effect.fail(misused("Name one answer: reins answer APPROVAL VALUE, or --json JSON."))
  }
  return at(given, (desk) =>
    Effect.gen(function* () {
      const open = (yield* desk.approvals).find(({ request }) => request.id === id)
      if (open === undefined)
        return yield* failed(`No approval ${JSON.stringify(id)} is open. reins approvals lists them.`)
      const { request } = open
      if (request.kind !== "question") {
        return yield* misused(`${id} is not a question. Answer it with reins approve, reject, revise or raise.`)
      }
      const decision = json === undefined ? PersonQuestion.read(request, typed) : decidedBy(request, json)
      if (typeof decision === "string") return yield* misused(`${decision}.`)
      yield* desk.answer(id, by === undefined ? decision : { ...decision, by })
      yield* print([`${decision.type === "reject" ? "Declined" : "Answered"} ${id}.`])
    })
  )
}

export const deliver = (
  given: Given & {
    readonly id: string
    readonly value: string
    readonly failure: boolean
    readonly cost: number | undefined
  }
): Printed => {
  const { cost, failure, id, value } = given
  const json = Option.getOrUndefined(parseJson(value))
  if (json === undefined) {
    return Effect.fail(misused(`${JSON.stringify(value)} is not JSON. Quote a text: '"text"'.`))
  }
  const result = failure ? { failure: json } : { value: json }
  return at(given, (desk) => Effect.andThen(desk.deliver(id, result, cost), print([`Delivered to ${id}.`])))
}

const parseJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

const decidedBy = (request: Approval.Request, json: string): Decision | string =>
  Option.match(parseJson(json), {
    onNone: () => `${JSON.stringify(json)} is not JSON. Quote a text: --json '"text"'`,
    onSome: (value) => PersonQuestion.decide(request, value)
  })

export const cancel = (given: Given & { readonly runId: string }): Printed =>
  at(given, (desk) =>
    Effect.flatMap(desk.cancel(given.runId), (running) =>
      print([running ? `Run ${given.runId} was asked to end.` : `Run ${given.runId} has ended.`])
    )
  )

export const raise = (given: Given & { readonly runId: string; readonly limits: string }): Printed => {
  const limits = Limits.parseRaise(given.limits)
  if (Result.isFailure(limits)) return Effect.fail(misused(ended(limits.failure)))
  return at(given, (desk) =>
    Effect.andThen(desk.raise(given.runId, limits.success), print([`Run ${given.runId} goes on with ${given.limits}.`]))
  )
}

export const cost = (given: Given & { readonly runId: string }): Printed =>
  at(given, (desk, root) =>
    Effect.gen(function* () {
      const screen = yield* Screen
      const envelopes = yield* Stream.runCollect(desk.events(given.runId, { after: 0, follow: false }))
      const lines = envelopes.flatMap(({ event }) => {
        if (event.type === "data-cost-summary") {
          return given.jsonOutput ? [JSON.stringify(event.data)] : [...Tables.cost(event.data, root, screen.look()), ""]
        }
        return event.type === "data-latency-summary" && !given.jsonOutput
          ? Tables.latency(event.data, root, screen.look())
          : []
      })
      const last = envelopes.at(-1)?.event
      if (lines.length === 0 && last?.type === "error") return yield* failed(ended(last.error.message))
      if (lines.length === 0) return yield* failed(`Run ${given.runId} has not ended. Its cost is known at its end.`)
      yield* print(lines)
    })
  )

export const grants = (given: Given & { readonly revoke: string | undefined }): Printed =>
  at(given, (desk) =>
    Effect.gen(function* () {
      const { revoke } = given
      if (revoke !== undefined) {
        if (!(yield* desk.revoke(revoke)))
          return yield* failed(`There is no grant ${JSON.stringify(revoke)}. reins grants lists them.`)
        return yield* print([`Revoked ${revoke}: calls ask again.`])
      }
      yield* table<Grant.Grant>(
        given,
        yield* desk.grants,
        [
          { title: "grant" },
          { title: "tool" },
          { title: "scope" },
          { title: "given (UTC)", expendable: 2 },
          { title: "by", expendable: 1 },
          { title: "thread", expendable: 3 }
        ],
        ({ by = "", grantedAt, id, scope, threadId, toolName }) => [id, toolName, scope, when(grantedAt), by, threadId],
        "Nothing is granted: every call that asks is asked about."
      )
    })
  )

export const audit = (given: Given & { readonly run: string | undefined; readonly limit: number }): Printed =>
  at(given, (desk) =>
    Effect.gen(function* () {
      const acts = yield* desk.audit({ runId: given.run, limit: given.limit })
      if (given.jsonOutput) return yield* print(acts.map(Audit.toLine))
      yield* table(
        given,
        acts,
        [
          { title: "when (UTC)" },
          { title: "what" },
          { title: "about" },
          { title: "by" },
          { title: "run", expendable: 1 }
        ],
        ({ at: time, by = "", kind, outcome, reason, runId, target = "" }) => [
          when(time),
          [kind, outcome ?? reason ?? ""].filter((word) => word !== "").join(" "),
          target,
          by,
          runId
        ],
        "Nothing was asked yet."
      )
    })
  )
