/** One run, live: its facts, a timeline, its events, its money, what it asks, and what can be done to it. */
import { Alert, Anchor, Stack, Tabs, Text } from "@mantine/core"
import type { CostSummary, Envelope } from "@reins/protocol"
import { useEffect, useMemo, useRef, useState } from "react"
import { Actions } from "./Actions.tsx"
import { answer } from "./Answer.ts"
import { Question } from "./Approvals.tsx"
import { api, useAsked, watch } from "./Client.ts"
import { Estimates } from "./Estimates.tsx"
import { EventList } from "./EventList.tsx"
import { Fork } from "./Fork.tsx"
import { dollars, duration, time } from "./Format.ts"
import { Facts, Loaded, Rows, State } from "./Parts.tsx"
import { go, link } from "./Place.ts"
import { Replay } from "./Replay.tsx"
import { Tickets } from "./Tickets.tsx"
import { stateAt, Timeline, type Span } from "./Timeline.ts"

/** The events of a run so far; new ones are drawn together, once a frame. */
const useEvents = (runId: string) => {
  const envelopes = useRef<Array<Envelope.Envelope>>([])
  const timeline = useRef(new Timeline())
  const [count, setCount] = useState(0)
  const [error, setError] = useState<Error>()
  useEffect(() => {
    const left = new AbortController()
    envelopes.current = []
    timeline.current = new Timeline()
    let isDue = false
    const add = (news: ReadonlyArray<Envelope.Envelope>) => {
      for (const envelope of news) {
        envelopes.current.push(envelope)
        timeline.current.step(envelope)
      }
      if (isDue) return
      isDue = true
      requestAnimationFrame(() => {
        isDue = false
        if (!left.signal.aborted) setCount(envelopes.current.length)
      })
    }
    watch(runId, add, left.signal).catch(setError)
    return () => left.abort()
  }, [runId])
  // A new array for each count, so that lists notice.
  return useMemo(
    () => ({ envelopes: envelopes.current.slice(0, count), timeline: timeline.current, error }),
    [count, error]
  )
}

const most = 500

const Bars = ({ onChoose, timeline }: { readonly timeline: Timeline; readonly onChoose: (seq: number) => void }) => {
  const { spans, startedAt = 0, until } = timeline
  const length = Math.max(1, until - startedAt)
  // The run is asked for every other second while it goes on, so this is the time by then.
  const now = Date.now()
  const row = (span: Span) => {
    const { asleep, from, kind, label, problem, seq } = span
    const { asleepUntil, to } = stateAt(span, now)
    const isSleepingCall = asleepUntil !== undefined && kind === "call"
    // A call's bar ends where it fell asleep: the rest is its wait's.
    const drawnTo = Math.min(to ?? (isSleepingCall ? asleep?.from : undefined) ?? until, until)
    const sleep = asleepUntil === undefined ? "" : `${isSleepingCall ? ", sleeps" : ","} until ${time(asleepUntil)}`
    return (
      <div
        key={span.key}
        role="listitem"
        className={asleepUntil === undefined ? "timeline-row" : "timeline-row asleep"}
      >
        <span style={{ paddingInlineStart: `${span.depth}rem` }}>
          <Anchor component="button" type="button" onClick={() => onChoose(seq)}>
            {kind === "wait" ? "waits: " : ""}
            {label}
          </Anchor>
          {sleep}
          {problem === undefined ? "" : ` (${problem})`}
        </span>
        <div className="track">
          <div
            className={`bar ${kind}${problem === undefined ? "" : " bad"}`}
            style={{ left: `${((from - startedAt) / length) * 100}%`, width: `${((drawnTo - from) / length) * 100}%` }}
          />
        </div>
        <span>{to !== undefined ? duration(to - from) : isSleepingCall ? "asleep" : "…"}</span>
      </div>
    )
  }
  return (
    <Stack gap={2} role="list" aria-label="Timeline">
      {spans.slice(0, most).map(row)}
      {spans.length > most ? (
        <Text c="dimmed">
          The first {most} of {spans.length}. The events have the rest.
        </Text>
      ) : null}
    </Stack>
  )
}

/** The rows of a cost summary's tree. */
const costRows = (
  { agentPath, children, costNanoUsd, rows }: CostSummary.CostNode,
  depth = 0
): ReadonlyArray<{ readonly key: string; readonly cells: ReadonlyArray<string> }> => {
  const indent = "\u00a0\u00a0".repeat(depth)
  const key = agentPath.join("/")
  return [
    { key: `a${key}`, cells: [`${indent}${agentPath.at(-1) ?? "the run"}`, "", dollars(costNanoUsd)] },
    ...rows.map((row, index) => ({
      key: `r${key} ${index}`,
      cells: [
        `${indent}\u00a0\u00a0${row.kind} ${row.name}`,
        `${row.calls}`,
        row.unpriced > 0 && row.costNanoUsd === 0 ? "unknown" : dollars(row.costNanoUsd)
      ]
    })),
    ...children.flatMap((child) => costRows(child, depth + 1))
  ]
}

export const Run = ({
  runId,
  seq: asked,
  tab: named
}: {
  readonly runId: string
  readonly seq: string | null
  readonly tab: string | null
}) => {
  const self = useAsked(api.self, [])
  const [isOver, setOver] = useState(false)
  // The server reads the whole log to answer: not again and again for a run that changes no more.
  const found = useAsked(() => api.run(runId), [runId], isOver ? undefined : 2000)
  const state = found.value?.state
  useEffect(() => setOver(state === "ended"), [state])
  const hidesContent = self.value?.sees === "order"
  const { envelopes, error, timeline } = useEvents(runId)
  const tab = named ?? (asked === null ? "timeline" : "events")
  const seq = asked === null ? undefined : Number(asked)
  const choose = (chosen: number) => go(link("runs", runId, { seq: `${chosen}`, tab: "events" }))
  const show = (chosen: string | null) => go(link("runs", runId, { seq: asked ?? undefined, tab: chosen ?? undefined }))
  const cost = envelopes.map(({ event }) => event).find((event) => event.type === "data-cost-summary")
  return (
    <Loaded asked={found}>
      {(run) => (
        <>
          <Facts
            facts={[
              [
                "Run",
                <span key="run" className="mono">
                  {run.runId}
                </span>
              ],
              ["State", <State key="state" state={run.state} endReason={run.endReason} waitsFor={run.waitsFor} />],
              ["Agent", run.agent],
              [
                "Thread",
                <Anchor key="thread" href={link("threads", run.threadId)}>
                  {run.threadId}
                </Anchor>
              ],
              ["Started by", run.principal ?? "not named"],
              ["Started", time(run.startedAt)],
              ["Length", duration((run.endedAt ?? Date.now()) - run.startedAt)],
              ["Cost", run.state === "ended" ? dollars(run.costNanoUsd) : "when it ends"],
              [
                "Tokens",
                run.promptTokens === undefined
                  ? "when it ends"
                  : `${run.promptTokens} in, ${run.completionTokens ?? 0} out`
              ]
            ]}
          />
          {run.error === undefined ? null : (
            <Alert color="red" title={run.error.code} my="sm">
              {run.error.message}
            </Alert>
          )}
          {hidesContent ? null : <Actions run={run} again={found.again} />}
          {(run.approvals ?? []).map((request) => (
            <Question key={request.id} request={request} onDone={found.again} />
          ))}
          {hidesContent ? null : <Tickets tickets={timeline.tickets} />}
          {hidesContent ? <Alert my="sm">This key sees order and money, and no content.</Alert> : null}
          {error === undefined ? null : (
            <Alert color="red" title="The events cannot be read" role="alert">
              {error.message}
            </Alert>
          )}
          <Tabs value={tab} onChange={show} keepMounted={false}>
            <Tabs.List>
              <Tabs.Tab value="timeline">Timeline</Tabs.Tab>
              <Tabs.Tab value="events">Events ({envelopes.length})</Tabs.Tab>
              <Tabs.Tab value="cost">Cost</Tabs.Tab>
              <Tabs.Tab value="text">Answer</Tabs.Tab>
              <Tabs.Tab value="replay">Replay and fork</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="timeline" pt="sm">
              <Bars timeline={timeline} onChoose={choose} />
            </Tabs.Panel>
            <Tabs.Panel value="events" pt="sm">
              <EventList envelopes={envelopes} startedAt={run.startedAt} seq={seq} onChoose={choose} />
              {hidesContent || seq === undefined ? null : (
                <Fork key={seq} run={run} seq={seq} label={`Fork after event ${seq}`} />
              )}
            </Tabs.Panel>
            <Tabs.Panel value="cost" pt="sm">
              {cost?.type === "data-cost-summary" ? (
                <Rows caption="Cost" columns={["Who", "Calls", "Cost"]} rows={costRows(cost.data.root)} />
              ) : (
                <Text c="dimmed">A run tells its costs when it ends.</Text>
              )}
              <Estimates run={run} hidesContent={hidesContent} />
            </Tabs.Panel>
            <Tabs.Panel value="replay" pt="sm">
              <Replay run={run} hidesContent={hidesContent} />
            </Tabs.Panel>
            <Tabs.Panel value="text" pt="sm">
              <Text style={{ whiteSpace: "pre-wrap" }}>
                {run.text === undefined ? "" : answer(envelopes) || run.text}
              </Text>
            </Tabs.Panel>
          </Tabs>
        </>
      )}
    </Loaded>
  )
}
