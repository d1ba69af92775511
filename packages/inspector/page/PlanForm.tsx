/** A plan to be revised: its steps can be edited, moved and removed. A request names no tool: forms are made of values. */
import { Button, Group, Paper, Stack, Text } from "@mantine/core"
import { useState } from "react"
import { listsOf, moved, othersOf, schemaOf, without, withOthers, withSteps } from "./Plan.ts"
import { SchemaForm } from "./SchemaForm.tsx"

const Steps = ({
  name,
  onChange,
  steps
}: {
  readonly name: string
  readonly steps: ReadonlyArray<unknown>
  readonly onChange: (steps: ReadonlyArray<unknown>) => void
}) => {
  // A row moves with its step, so that its fields keep what was typed.
  const [rows, setRows] = useState(() => steps.map((step, key) => ({ key, schema: schemaOf(step) })))
  const edit = (change: <A>(list: ReadonlyArray<A>) => ReadonlyArray<A>) => {
    setRows([...change(rows)])
    onChange(change(steps))
  }
  return (
    <Stack gap="xs" role="list" aria-label={name}>
      {rows.length === 0 ? (
        <Text role="listitem" c="dimmed">
          {name} has no steps.
        </Text>
      ) : null}
      {rows.map(({ key, schema }, index) => (
        <Paper key={key} withBorder p="sm" role="listitem" aria-label={`${name} ${index + 1}`}>
          <Group justify="space-between" mb={4}>
            <Text size="sm" fw={600}>
              {name} {index + 1}
            </Text>
            <Group gap="xs">
              <Button
                size="compact-xs"
                variant="default"
                aria-label={`Move ${name} ${index + 1} up`}
                disabled={index === 0}
                onClick={() => edit((list) => moved(list, index, index - 1))}
              >
                Up
              </Button>
              <Button
                size="compact-xs"
                variant="default"
                aria-label={`Move ${name} ${index + 1} down`}
                disabled={index === rows.length - 1}
                onClick={() => edit((list) => moved(list, index, index + 1))}
              >
                Down
              </Button>
              <Button
                size="compact-xs"
                variant="default"
                aria-label={`Remove ${name} ${index + 1}`}
                onClick={() => edit((list) => without(list, index))}
              >
                Remove
              </Button>
            </Group>
          </Group>
          <SchemaForm
            schema={schema}
            value={steps[index]}
            onChange={(next) => onChange(steps.map((step, at) => (at === index ? (next ?? null) : step)))}
          />
        </Paper>
      ))}
    </Stack>
  )
}

export const PlanForm = ({
  onChange,
  plan,
  value
}: {
  /** The plan as it was proposed. */
  readonly plan: unknown
  readonly value: unknown
  readonly onChange: (value: unknown) => void
}) => {
  const others = othersOf(plan)
  return (
    <Stack gap="sm">
      {others === undefined ? null : (
        <SchemaForm
          schema={schemaOf(others)}
          value={othersOf(value)}
          onChange={(next) => onChange(withOthers(value, next))}
        />
      )}
      {listsOf(value).map(({ name, steps }) => (
        <Steps
          key={name ?? ""}
          name={name ?? "step"}
          steps={steps}
          onChange={(next) => onChange(withSteps(value, { ...(name === undefined ? {} : { name }), steps: next }))}
        />
      ))}
    </Stack>
  )
}
