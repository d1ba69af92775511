/** Checks a pasted stream of any dialect for violations of its order and shape; nothing leaves the browser. */
import { Alert, Button, Group, Select, Stack, Text, Textarea } from "@mantine/core"
import { checkText, names, type Report } from "@reins/wire/check"
import { useState } from "react"
import { Rows } from "./Parts.tsx"

const troubles: { readonly [trouble: string]: string } = {
  "unknown-dialect": "Nothing in it tells its dialect. Choose it above."
}

const Check = () => {
  const [text, setText] = useState("")
  const [dialect, setDialect] = useState<string | null>(null)
  const [report, setReport] = useState<Report>()
  const check = () => {
    const name = names.find((one) => one === dialect)
    setReport(checkText(text, name === undefined ? {} : { dialect: name }))
  }
  return (
    <Stack>
      <Group align="end">
        <Select
          label="Dialect"
          placeholder="detect it"
          clearable
          data={[...names]}
          value={dialect}
          onChange={setDialect}
        />
        <Button onClick={check} disabled={text.trim() === ""}>
          Check
        </Button>
      </Group>
      <Textarea
        label="Stream"
        description="Server-sent events or JSON lines, as captured"
        autosize
        minRows={8}
        maxRows={16}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        classNames={{ input: "mono" }}
      />
      {report === undefined ? null : (
        <div role="status">
          {report.trouble === undefined ? null : (
            <Alert color="red" title="The text cannot be checked">
              {troubles[report.trouble] ?? report.trouble}
            </Alert>
          )}
          {report.trouble === undefined && report.violations.length === 0 ? (
            <Alert color="teal" title="No violation">
              {report.frames} frames of {report.dialect}.
            </Alert>
          ) : null}
          {report.violations.length === 0 ? null : (
            <Rows
              caption="Violations"
              columns={["Line", "What is wrong", "What the protocol says"]}
              rows={report.violations.map(({ found, line, rule, says }, index) => ({
                key: `${line} ${rule} ${index}`,
                cells: [`${line}`, <Text key="found">{found}</Text>, says]
              }))}
            />
          )}
        </div>
      )}
    </Stack>
  )
}

export default Check
