/** Messages of a conversation: text, reasoning, calls and results. */
import { Badge, Group, Paper, Stack, Text } from "@mantine/core"
import type { ReactNode } from "react"
import type { Said } from "./Client.ts"
import { Json } from "./Parts.tsx"

type Part = Said["content"][number]

const SaidPart = ({ part }: { readonly part: Part }) => {
  switch (part.type) {
    case "text":
      return <Text style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{`${part["text"]}`}</Text>
    case "reasoning":
      return (
        <details>
          <summary>Reasoning</summary>
          <Text size="sm" style={{ whiteSpace: "pre-wrap" }}>{`${part["text"]}`}</Text>
        </details>
      )
    case "tool-call":
      return (
        <details>
          <summary>Call of {`${part["name"]}`}</summary>
          <Json value={part["args"]} />
        </details>
      )
    case "tool-result":
      return (
        <details>
          <summary>
            Result of {`${part["name"]}`} {part["status"] === undefined ? "" : `(${part["status"]})`}
          </summary>
          <Json value={part["result"]} />
        </details>
      )
    default:
      return <Json value={part} />
  }
}

/** `actions`: what can be done at a user's message, by its index. */
export const Conversation = ({
  actions,
  label = "Conversation",
  messages
}: {
  readonly actions?: (index: number) => ReactNode
  readonly label?: string
  readonly messages: ReadonlyArray<Said>
}) => (
  <Stack gap="sm" aria-label={label} role="region">
    {messages.map((message, index) => (
      // Messages are only added at the end.
      <Paper key={index} withBorder p="sm">
        <Group justify="space-between" mb={4}>
          <Badge color={message.role === "user" ? "indigo.8" : "gray.7"} tt="none">
            {message.role}
          </Badge>
          {message.role === "user" ? <Group gap="xs">{actions?.(index)}</Group> : null}
        </Group>
        {message.content.map((part, at) => (
          <SaidPart key={at} part={part} />
        ))}
      </Paper>
    ))}
    {messages.length === 0 ? <Text c="dimmed">Nothing was said.</Text> : null}
  </Stack>
)
