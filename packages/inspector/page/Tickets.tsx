/** Late results that a run waits for: each can be delivered here, where whoever had to does not. */
import { Button, Group, JsonInput, Paper, Stack, Text, Title } from "@mantine/core"
import { useState } from "react"
import { api } from "./Client.ts"
import { time } from "./Format.ts"
import { Problem } from "./Parts.tsx"
import type { OpenTicket } from "./Timeline.ts"

const Ticket = ({ ticket: { expiresAt, ticketId, toolName } }: { readonly ticket: OpenTicket }) => {
  const [text, setText] = useState("")
  const [problem, setProblem] = useState<string>()
  const [isSent, setSent] = useState(false)
  const send = (field: "value" | "failure") => {
    try {
      const value: unknown = JSON.parse(text)
      api.deliver(ticketId, field === "value" ? { value } : { failure: value }).then(
        () => setSent(true),
        ({ message }: Error) => setProblem(message)
      )
    } catch {
      setProblem("This is not JSON. Write a text in quotation marks, a number, or an object")
    }
  }
  return (
    <Paper withBorder p="md" my="sm" component="article" aria-label={`Late result of ${toolName}`}>
      <Title order={3} size="h5">
        Waits for the late result of {toolName}
      </Title>
      <Text size="sm">
        Ticket <span className="mono">{ticketId}</span>
        {expiresAt === undefined ? "" : `, until ${time(expiresAt)}`}
      </Text>
      <Stack mt="sm">
        <JsonInput
          label="Result"
          description="JSON. It is validated by the tool."
          autosize
          minRows={2}
          value={text}
          onChange={setText}
        />
        <Problem text={problem} />
        <Group>
          <Button onClick={() => send("value")} disabled={isSent || text.trim() === ""}>
            Deliver
          </Button>
          <Button variant="default" onClick={() => send("failure")} disabled={isSent || text.trim() === ""}>
            Deliver as a failure
          </Button>
          <div role="status">{isSent ? "It was accepted. The agent reads it in its next step." : ""}</div>
        </Group>
      </Stack>
    </Paper>
  )
}

export const Tickets = ({ tickets }: { readonly tickets: ReadonlyArray<OpenTicket> }) => (
  <>
    {tickets.map((ticket) => (
      <Ticket key={ticket.ticketId} ticket={ticket} />
    ))}
  </>
)
