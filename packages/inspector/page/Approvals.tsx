/** The inbox: open questions, each answered by a form made from its tool's schema, or of its own. */
import { Badge, Button, Group, NumberInput, Paper, Select, Stack, Text, TextInput, Title } from "@mantine/core"
import type { Approval, Decision } from "@reins/protocol"
import { useEffect, useState } from "react"
import { api, useAsked } from "./Client.ts"
import { duration, time } from "./Format.ts"
import { Json, Loaded, Problem } from "./Parts.tsx"
import { isSame } from "./Plan.ts"
import { PlanForm } from "./PlanForm.tsx"
import { changesOf, SchemaForm } from "./SchemaForm.tsx"

type Fields = { readonly [name: string]: unknown }
const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? { ...value } : {})

/** Who may answer, and how many of how many have. */
const Need = ({ request: { approvals } }: { readonly request: Approval.Request }) =>
  approvals === undefined ? null : (
    <Text size="sm">
      {approvals.roles === undefined
        ? "Approvers are named by the agent"
        : `Needs the role ${approvals.roles.join(" or ")}`}
      {`: ${approvals.given} of ${approvals.quorum ?? 1} given`}
    </Text>
  )

/** The scopes that an approval of a call can have. */
const scopes = [
  { value: "call", label: "this call only" },
  { value: "run", label: "calls of this tool in this run" },
  { value: "thread", label: "calls of this tool in this thread" },
  { value: "subtree", label: "calls of this agent and below, in this run" }
]

const titleOf = ({ kind, payload, target }: Approval.Request): string => {
  switch (kind) {
    case "question":
      return `${fieldsOf(payload)["question"]}`
    case "budget":
      return `More ${target}?`
    case "plan":
      return "May this plan be executed?"
    case "tool":
      return `May ${target} run?`
  }
}

export const Question = ({ onDone, request }: { readonly request: Approval.Request; readonly onDone: () => void }) => {
  const { id, kind, payload, target } = request
  const asked = fieldsOf(payload)
  const initial = kind === "question" ? undefined : kind === "budget" ? asked["max"] : payload
  const [value, setValue] = useState<unknown>(initial)
  const [scope, setScope] = useState("call")
  const [reason, setReason] = useState("")
  const [problem, setProblem] = useState<string>()
  const [isSending, setSending] = useState(false)
  const agents = useAsked(api.agents, [])
  const tool = agents.value?.agents.flatMap(({ tools }) => tools).find(({ name }) => name === target)
  const send = (decision: Decision) => {
    setSending(true)
    api.answer(id, decision).then(onDone, ({ message }: Error) => {
      setProblem(message)
      setSending(false)
    })
  }
  const feedback = reason.trim() === "" ? {} : { feedback: reason.trim() }
  const changes = changesOf(payload, value)
  const isChanged = kind === "tool" ? Object.keys(changes).length > 0 : kind === "plan" && !isSame(payload, value)
  const approve = () => {
    if (kind === "budget") return send({ type: "approve", raise: { [target]: Number(value) }, ...feedback })
    if (kind === "question") return send({ type: "answer", value: value as never, ...feedback })
    // Of a call what changed is enough; a planner gets the whole plan.
    if (isChanged) return send({ type: "revise", partial: (kind === "plan" ? value : changes) as never, ...feedback })
    return send({ type: "approve", ...(scope === "call" ? {} : { scope: scope as Approval.Scope }), ...feedback })
  }
  return (
    <Paper
      withBorder
      p="md"
      my="sm"
      component="article"
      aria-label={`Question about ${kind === "plan" ? "a plan" : target}`}
    >
      <Group justify="space-between">
        <Title order={3} size="h5">
          {titleOf(request)}
        </Title>
        <Group gap="xs">
          <Badge color="gray.7" tt="none">
            {kind}
          </Badge>
          {request.expiresAt === undefined ? null : (
            <Badge color="#8a4b00" tt="none">
              expires in {duration(request.expiresAt - Date.now())}
            </Badge>
          )}
        </Group>
      </Group>
      <Text size="sm" c="dimmed">
        {[...(request.agentPath ?? []), `thread ${request.threadId}`].join(" › ")}
        {request.expiresAt === undefined ? "" : `, until ${time(request.expiresAt)}`}
      </Text>
      <Need request={request} />
      {request.begunBefore === undefined || request.begunBefore === 0 ? null : (
        <Text c="var(--reins-problem)" size="sm">
          This call was started before and may have taken effect.
        </Text>
      )}
      <Stack mt="sm">
        {kind === "question" ? (
          <SchemaForm schema={asked["schema"]} value={value} onChange={setValue} />
        ) : kind === "budget" ? (
          <>
            <Json value={payload} />
            <NumberInput label={`New ${target}`} value={Number(value)} onChange={setValue} min={0} />
          </>
        ) : kind === "tool" ? (
          <SchemaForm schema={tool?.parameters} value={value} onChange={setValue} />
        ) : (
          <PlanForm plan={payload} value={value} onChange={setValue} />
        )}
        {kind === "tool" && !isChanged ? (
          <Select
            label="Approve"
            data={scopes}
            value={scope}
            onChange={(next) => setScope(next ?? "call")}
            allowDeselect={false}
          />
        ) : null}
        <TextInput
          label="Remark"
          description={`On a rejection${kind === "plan" ? " or a revision" : ""} the model reads it.`}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Problem text={problem} />
        <Group>
          <Button onClick={approve} loading={isSending} disabled={kind === "question" && value === undefined}>
            {kind === "question"
              ? "Answer"
              : kind === "budget"
                ? "Raise and go on"
                : isChanged
                  ? kind === "plan"
                    ? "Send back with these changes"
                    : "Run with these changes"
                  : "Approve"}
          </Button>
          <Button variant="default" onClick={() => send({ type: "reject", ...feedback })} disabled={isSending}>
            {kind === "question" ? "Decline" : "Reject"}
          </Button>
        </Group>
      </Stack>
    </Paper>
  )
}

export const Approvals = ({ id }: { readonly id: string | undefined }) => {
  const asked = useAsked(api.approvals, [], 2000)
  const [answered, setAnswered] = useState(0)
  useEffect(() => {
    document.getElementById(`question-${id}`)?.scrollIntoView()
  }, [id, asked.isLoading])
  return (
    <>
      <div role="status">{answered === 0 ? "" : `${answered} answered`}</div>
      <Loaded asked={asked}>
        {({ approvals }) =>
          approvals.length === 0 ? (
            <Text c="dimmed">Nobody waits for an answer.</Text>
          ) : (
            approvals.map((request) => (
              <div key={request.id} id={`question-${request.id}`}>
                <Question
                  request={request}
                  onDone={() => {
                    setAnswered(answered + 1)
                    asked.again()
                  }}
                />
              </div>
            ))
          )
        }
      </Loaded>
    </>
  )
}
