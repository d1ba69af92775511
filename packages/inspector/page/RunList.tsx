/** The list of runs, live, with filters that are part of the address. */
import { Anchor, Button, Group, Select, TextInput } from "@mantine/core"
import type { ListedRun } from "@reins/protocol"
import { useState } from "react"
import { api, useAsked } from "./Client.ts"
import { dollars, duration, time } from "./Format.ts"
import { Loaded, Pager, Rows, RunLink, State } from "./Parts.tsx"
import { go, link } from "./Place.ts"

/** Every end of a run; the page loads no schema to know them. */
const endings = Object.keys({
  stop: true,
  length: true,
  "content-filter": true,
  budget: true,
  cancelled: true,
  "repeated-calls": true,
  other: true,
  failed: true,
  abandoned: true
} satisfies Record<ListedRun.EndReason, true>)

export const RunList = ({ query }: { readonly query: URLSearchParams }) => {
  const filter = Object.fromEntries(query)
  const asked = useAsked(() => api.runs({ limit: "50", ...filter }), [query.toString()], 2000)
  const [draft, setDraft] = useState(filter)
  const show = (change: { readonly [name: string]: string | undefined }) =>
    go(link("runs", undefined, { ...filter, after: undefined, ...change }))
  const text = (name: string, label: string) => (
    <TextInput
      label={label}
      value={draft[name] ?? ""}
      onChange={(event) => setDraft({ ...draft, [name]: event.currentTarget.value })}
      onBlur={() => draft[name] !== filter[name] && show({ [name]: draft[name] })}
    />
  )
  return (
    <>
      <form
        aria-label="Filter"
        onSubmit={(event) => {
          event.preventDefault()
          show(draft)
        }}
      >
        <Group align="end" mb="md">
          <Select
            label="State"
            clearable
            data={["running", "waiting", "open", "ended"]}
            value={filter["state"] ?? null}
            onChange={(state) => show({ state: state ?? undefined })}
          />
          <Select
            label="End"
            clearable
            data={endings}
            value={filter["endReason"] ?? null}
            onChange={(endReason) => show({ endReason: endReason ?? undefined })}
          />
          {text("agent", "Agent")}
          {text("threadId", "Thread")}
          {text("principal", "Principal")}
          {text("minCostUsd", "At least, in US dollars")}
          <Button type="submit">Filter</Button>
        </Group>
      </form>
      <Loaded asked={asked}>
        {({ next, runs }) => (
          <>
            <Rows
              caption="Runs"
              columns={["Run", "State", "Agent", "Thread", "Principal", "Started", "Length", "Cost"]}
              rows={runs.map((run) => ({
                key: run.runId,
                cells: [
                  <RunLink key="run" runId={run.runId} />,
                  <State key="state" state={run.state} endReason={run.endReason} waitsFor={run.waitsFor} />,
                  run.agent,
                  <Anchor key="thread" href={link("threads", run.threadId)} className="mono">
                    {run.threadId}
                  </Anchor>,
                  run.principal ?? "",
                  time(run.startedAt),
                  duration((run.endedAt ?? Date.now()) - run.startedAt),
                  run.state === "ended" ? `${run.unpriced === undefined ? "" : "≥ "}${dollars(run.costNanoUsd)}` : ""
                ]
              }))}
            />
            <Pager after={filter["after"]} next={next} show={(after) => show({ after })} />
          </>
        )}
      </Loaded>
    </>
  )
}
