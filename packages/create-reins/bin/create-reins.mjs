#!/usr/bin/env node
// Plain JavaScript in syntax that old versions understand: it only checks the version of Node.
const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `create-reins needs Node 22.18 or later; this is Node ${process.versions.node}. Install a current Node.`
  )
  process.exitCode = 1
} else {
  import("create-reins").then(({ run }) => {
    const { code, text } = run(process.argv.slice(2), process.cwd())
    ;(code === 0 ? process.stdout : process.stderr).write(text)
    process.exitCode = code
  })
}
