/** A temporary copy of the scripts in a folder with a space in its name, with a fake `npx`. */
import { spawn } from "node:child_process"
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"

const root = join(import.meta.dirname, "..", "..")

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. `onOutput` receives standard output as it arrives and may signal the process. */
export const run = (
  args: ReadonlyArray<string>,
  options: { readonly cwd?: string; readonly path?: string } = {},
  onOutput: (printed: string, kill: (signal: NodeJS.Signals) => void) => void = () => {}
): Promise<Outcome> =>
  new Promise((resolve) => {
    const path = [options.path, dirname(process.execPath), process.env["PATH"]].filter((part) => part !== undefined)
    const child = spawn(process.execPath, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, PATH: path.join(delimiter) }
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString()
      onOutput(stdout, (signal) => child.kill(signal))
    })
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }))
  })

/** A copy that is not installed, where `npx` is the given shell script and the command line prints its arguments. */
export class Workplace implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "reins work-"))
  private readonly tools = join(this.folder, "tools")

  constructor(npx: string) {
    cpSync(join(root, "scripts"), join(this.folder, "scripts"), { recursive: true })
    this.write("pnpm-lock.yaml", "lockfileVersion: 'test'\n")
    mkdirSync(join(this.folder, "packages", "cli", "bin"), { recursive: true })
    this.write("packages/cli/bin/reins.mjs", "console.log(JSON.stringify(process.argv.slice(2)))")
    mkdirSync(this.tools)
    writeFileSync(join(this.tools, "npx"), `#!/bin/sh\n${npx}\n`)
    chmodSync(join(this.tools, "npx"), 0o755)
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text)
  }

  task(...args: ReadonlyArray<string>): Promise<Outcome> {
    return run([join(this.folder, "scripts", "task.mjs"), ...args], { cwd: this.folder, path: this.tools })
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
