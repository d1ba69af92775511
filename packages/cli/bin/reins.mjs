#!/usr/bin/env node
// Plain JavaScript in syntax that old versions understand: it only checks the version of Node, and caches compiled code.
import * as module from "node:module"

const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 13)) {
  console.error(`reins needs Node 22.13 or later; this is Node ${process.versions.node}. Install a current Node.`)
  process.exitCode = 1
} else {
  if (process.env.NODE_COMPILE_CACHE === undefined) module.enableCompileCache?.()
  import("@reins/cli/main").then((main) => main.run())
}
