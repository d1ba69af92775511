/**
 * A form made from a JSON Schema of an object: a field for each property that is a text, a number, a truth value or one
 * of several texts, and JSON for what is none of these. What it gives is validated by the server.
 */
import { Checkbox, JsonInput, NumberInput, Select, Stack, Textarea } from "@mantine/core"

type Fields = { readonly [name: string]: unknown }

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const typeOf = (schema: unknown, value: unknown): string => {
  const told = isFields(schema) ? schema["type"] : undefined
  const types = Array.isArray(told) ? told.filter((one) => one !== "null") : [told]
  if (types.length === 1 && typeof types[0] === "string") return types[0] === "integer" ? "number" : types[0]
  return value === undefined || value === null ? "json" : Array.isArray(value) ? "json" : typeof value
}

const optionsOf = (schema: unknown): ReadonlyArray<string> | undefined => {
  const options = isFields(schema) ? schema["enum"] : undefined
  return Array.isArray(options) && options.every((one) => typeof one === "string") ? [...new Set(options)] : undefined
}

/** The properties of a schema, and those that the value has besides. */
const propertiesOf = (schema: unknown, value: Fields): ReadonlyArray<readonly [string, unknown]> => {
  const told = isFields(schema) && isFields(schema["properties"]) ? schema["properties"] : {}
  const names = new Set([...Object.keys(told), ...Object.keys(value)])
  return Array.from(names, (name) => [name, told[name]] as const)
}

const Field = ({
  name,
  onChange,
  schema,
  value
}: {
  readonly name: string
  readonly schema: unknown
  readonly value: unknown
  readonly onChange: (value: unknown) => void
}) => {
  const description = isFields(schema) && typeof schema["description"] === "string" ? schema["description"] : undefined
  const shown = { label: name, description }
  const options = optionsOf(schema)
  if (options !== undefined) {
    return (
      <Select
        {...shown}
        data={options}
        value={typeof value === "string" ? value : null}
        onChange={(chosen) => onChange(chosen ?? undefined)}
      />
    )
  }
  switch (typeOf(schema, value)) {
    case "string":
      return (
        <Textarea
          {...shown}
          autosize
          maxRows={8}
          value={typeof value === "string" ? value : ""}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      )
    case "number":
      return (
        <NumberInput
          {...shown}
          value={typeof value === "number" ? value : ""}
          onChange={(next) => onChange(next === "" ? undefined : Number(next))}
        />
      )
    case "boolean":
      return (
        <Checkbox {...shown} checked={value === true} onChange={(event) => onChange(event.currentTarget.checked)} />
      )
    default:
      return (
        <JsonInput
          {...shown}
          autosize
          maxRows={10}
          validationError="This is not JSON"
          defaultValue={value === undefined ? "" : JSON.stringify(value, null, 2)}
          onChange={(text) => {
            try {
              onChange(text.trim() === "" ? undefined : JSON.parse(text))
            } catch {
              // Not JSON yet: the field says so.
            }
          }}
        />
      )
  }
}

export const SchemaForm = ({
  onChange,
  schema,
  value
}: {
  readonly schema: unknown
  readonly value: unknown
  readonly onChange: (value: unknown) => void
}) => {
  if (!isFields(value) && !(isFields(schema) && isFields(schema["properties"]))) {
    return <Field name="Value" schema={schema} value={value} onChange={onChange} />
  }
  const fields = isFields(value) ? value : {}
  return (
    <Stack gap="xs">
      {propertiesOf(schema, fields).map(([name, one]) => (
        <Field
          key={name}
          name={name}
          schema={one}
          value={fields[name]}
          onChange={(next) => {
            const { [name]: _, ...rest } = fields
            onChange(next === undefined ? rest : { ...fields, [name]: next })
          }}
        />
      ))}
    </Stack>
  )
}

/** What of `after` differs from `before`: the partial arguments of a revision. */
export const changesOf = (before: unknown, after: unknown): Fields =>
  isFields(before) && isFields(after)
    ? Object.fromEntries(
        Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]))
      )
    : {}
