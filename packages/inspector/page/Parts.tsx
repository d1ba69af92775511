/** Parts that several views show. */
import { Alert, Anchor, Badge, Button, Code, Group, Loader, Select, Table, Text } from "@mantine/core"
import { ListedRun } from "@reins/protocol"
import type { ReactNode } from "react"
import type { Asked } from "./Client.ts"
import { pretty } from "./Format.ts"
import { link } from "./Place.ts"

/** What was asked, once it is there; before, that it is loading, or why it failed. */
export const Loaded = <A,>({
  asked,
  children
}: {
  readonly asked: Asked<A>
  readonly children: (value: A) => ReactNode
}) => (
  <>
    {asked.error === undefined ? null : (
      <Alert color="red" title="The request failed" role="alert" mb="md">
        {asked.error.message}
      </Alert>
    )}
    {asked.value === undefined ? (
      asked.error === undefined ? (
        <div role="status" aria-label="Loading">
          <Loader />
        </div>
      ) : null
    ) : (
      children(asked.value)
    )}
  </>
)

const colours: { readonly [state: string]: string } = {
  running: "blue.9",
  waiting: "#8a4b00",
  stop: "teal.9",
  failed: "red.9",
  cancelled: "gray.7",
  budget: "grape.9"
}

/** A run's state and what it waits for, or how it ended. */
export const State = ({
  endReason,
  state,
  waitsFor
}: {
  readonly state: string
  readonly endReason?: string | undefined
  readonly waitsFor?: ReadonlyArray<ListedRun.WaitsFor> | undefined
}) => {
  const word = state === "ended" ? (endReason ?? "ended") : state
  const what = ListedRun.inWords(waitsFor)
  return (
    <Badge color={colours[word] ?? "gray.7"} variant="filled" tt="none">
      {what === "" ? word : `${word}: ${what}`}
    </Badge>
  )
}

export const RunLink = ({ runId }: { readonly runId: string }) => (
  <Anchor href={link("runs", runId)} className="mono">
    {runId}
  </Anchor>
)

export const Json = ({ value }: { readonly value: unknown }) => (
  <Code block className="mono" tabIndex={0} style={{ maxHeight: "20rem", overflow: "auto", whiteSpace: "pre-wrap" }}>
    {pretty(value)}
  </Code>
)

/** Why something was refused. */
export const Problem = ({ text }: { readonly text: string | undefined }) =>
  text === undefined ? null : (
    <Text c="var(--reins-problem)" size="sm" role="alert">
      {text}
    </Text>
  )

/** Facts, each as a name and a value. */
export const Facts = ({ facts }: { readonly facts: ReadonlyArray<readonly [string, ReactNode]> }) => (
  <Group gap="xl" my="sm">
    {facts.map(([name, value]) => (
      <div key={name}>
        <Text size="xs" c="dimmed">
          {name}
        </Text>
        <Text size="sm" component="div">
          {value}
        </Text>
      </div>
    ))}
  </Group>
)

/** A table that scrolls sideways on a narrow screen. */
export const Rows = ({
  caption,
  columns,
  none = "There are none.",
  rows
}: {
  readonly caption: string
  readonly columns: ReadonlyArray<string>
  /** Stands below a table without rows. */
  readonly none?: string
  readonly rows: ReadonlyArray<{ readonly key: string; readonly cells: ReadonlyArray<ReactNode> }>
}) => (
  <>
    <Table.ScrollContainer minWidth={560} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table striped highlightOnHover captionSide="top" aria-label={caption}>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ cells, key }) => (
            <Table.Tr key={key}>
              {cells.map((cell, index) => (
                <Table.Td key={columns[index]}>{cell}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
    {rows.length === 0 ? (
      <Text c="dimmed" my="md">
        {none}
      </Text>
    ) : null}
  </>
)

/** Leads through a list of pages. `after`: where this page begins; absent: it is the latest. `next`: where the next begins. */
export const Pager = ({
  after,
  next,
  show
}: {
  readonly after: string | undefined
  readonly next: string | undefined
  readonly show: (after: string | undefined) => void
}) => (
  <Group mt="sm">
    {after === undefined ? null : (
      <Button variant="default" onClick={() => show(undefined)}>
        Latest
      </Button>
    )}
    {next === undefined ? null : (
      <Button variant="default" onClick={() => show(next)}>
        Earlier
      </Button>
    )}
  </Group>
)

/** Chooses among the agents of the server, and the one that is chosen, which it may not have any more. */
export const AgentSelect = ({
  agents,
  chosen,
  onChoose
}: {
  readonly agents: ReadonlyArray<{ readonly name: string }>
  readonly chosen: string
  readonly onChoose: (name: string) => void
}) => (
  <Select
    label="Agent"
    data={[...new Set([chosen, ...agents.map(({ name }) => name)])]}
    value={chosen}
    onChange={(name) => onChoose(name ?? chosen)}
    allowDeselect={false}
  />
)
