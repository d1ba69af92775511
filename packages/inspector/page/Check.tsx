/** Checks a pasted stream of any dialect for violations of its order and shape; nothing leaves the browser. */
import { Alert, Button, Group, Select, Stack, Text, Textarea } from "@mantine/core"
import { checkText, names, type Report } from "@reins/wire/check"
import { useState } from "react"
import { Rows } from "./Parts.tsx"

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
        <Select label="Dialect" placeholder="detect it" clearable data={[...names]} value={dialect} onChange={setDialect} />
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
          {report.violations.length === 0 ? (
            <Alert color="teal" title="No violation">
              {report.frames} frames of {report.dialect}.
            </Alert>
          ) : (
            <Rows
              caption="Violations"
              columns={["Line", "What is wrong"]}
              rows={report.violations.map(({ line, message }, index) => ({
                key: `${line} ${index}`,
                cells: [`${line}`, <Text key="message">{message}</Text>]
              }))}
            />
          )}
        </div>
      )}
    </Stack>
  )
}

export default Check
