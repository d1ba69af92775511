/** Replays a run on the agents of this server, and shows where it goes another way; and forks it from there. */
import { Alert, Anchor, Button, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core"
import { useState } from "react"
import { api, useAsked, type ReplayResult, type RunDetail } from "./Client.ts"
import { Fork } from "./Fork.tsx"
import { AgentSelect, Json, Problem } from "./Parts.tsx"
import { link } from "./Place.ts"

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

const Side = ({ title, value }: { readonly title: string; readonly value: unknown }) => (
  <div>
    <Text fw={600} size="sm">
      {title}
    </Text>
    {value === undefined ? <Text size="sm">nothing</Text> : <Json value={value} />}
  </div>
)

const Result = ({
  hidesContent,
  result,
  run
}: {
  readonly result: ReplayResult
  readonly run: RunDetail
  readonly hidesContent: boolean
}) => {
  const { agent, divergence, events, others = 0, undigested = 0 } = result
  if (divergence === undefined) {
    return (
      <Alert color="teal.9" title={`The run goes the same way with ${agent}: ${counted(events, "event")}`}>
        {undigested === 0
          ? null
          : `The prompts of ${counted(undigested, "request")} were not compared: the log has no digest of them.`}
      </Alert>
    )
  }
  const { agentPath, field, recorded, replayed, seq, type } = divergence
  return (
    <Stack gap="xs">
      <Alert
        color="#8a4b00"
        title={`The run goes another way with ${agent} ${type === undefined ? `behind its last event, ${events}` : `at event ${seq} of ${events}`}`}
      >
        {type === undefined ? null : (
          <>
            <Anchor inherit href={link("runs", run.runId, { seq: `${seq}`, tab: "events" })}>
              {type}
            </Anchor>{" "}
          </>
        )}
        {agentPath.length === 0 ? "" : `of ${agentPath.join(" › ")} `}
        differs in <strong>{field}</strong>
        {others === 0 ? "." : `, and ${counted(others, "more difference")} after it.`}
      </Alert>
      {hidesContent ? (
        <Text c="dimmed">This key sees where the run differs, and not what both sides say.</Text>
      ) : (
        <>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <Side title="In the log" value={recorded} />
            <Side title="In the replay" value={replayed} />
          </SimpleGrid>
          <div>
            <Fork run={run} seq={Math.max(0, seq - 1)} label={`Fork before event ${seq}`} />
          </div>
        </>
      )}
    </Stack>
  )
}

export const Replay = ({ hidesContent, run }: { readonly run: RunDetail; readonly hidesContent: boolean }) => {
  // An auditor may not list agents.
  const agents = useAsked(() => (hidesContent ? Promise.resolve({ agents: [] }) : api.agents()), [hidesContent])
  const [agent, setAgent] = useState<string>(run.agent)
  const [result, setResult] = useState<ReplayResult>()
  const [problem, setProblem] = useState<string>()
  const [isSending, setSending] = useState(false)
  const send = () => {
    setSending(true)
    setProblem(undefined)
    api
      .replay(run.runId, agent === run.agent ? undefined : agent)
      .then(setResult, ({ message }: Error) => setProblem(message))
      .finally(() => setSending(false))
  }
  return (
    <Stack>
      <Text size="sm">
        A replay runs the log again on the agents that this server has now, and shows the first difference. No model and
        no tool is called, and nothing is stored.
      </Text>
      <Group align="end">
        <AgentSelect agents={agents.value?.agents ?? []} chosen={agent} onChoose={setAgent} />
        <Button onClick={send} loading={isSending} disabled={run.state !== "ended"}>
          Replay
        </Button>
        {run.state === "ended" ? null : <Text c="dimmed">A run can be replayed when it has ended.</Text>}
      </Group>
      <Problem text={problem} />
      <div role="status">
        {result === undefined || isSending ? null : <Result result={result} run={run} hidesContent={hidesContent} />}
      </div>
      {hidesContent ? null : (
        <div>
          <Title order={3} size="h5">
            Fork
          </Title>
          <Text size="sm">Choose an event among the events to go on from there, or go on from the end of the run.</Text>
          <Fork run={run} label="Fork after the last event" />
        </div>
      )}
    </Stack>
  )
}
