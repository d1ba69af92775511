/**
 * Installs what the lockfile names, with the pinned pnpm, unless it is there already.
 *
 * Standard output stays untouched, for it may belong to a program that reads it. A person sees one line, and more only
 * when it went wrong: what the installer said, and what to do about it.
 */
import * as Child from "./Child.mjs"
import { isInstalled, pnpm, root, sourcesNode, windows } from "./Workspace.mjs"

/** Resolves to 0 when everything is installed, else to the exit code to end with; the reason has been printed. */
export const ensure = async () => {
  if (!isInstalled()) {
    process.stderr.write("Installing what Reins needs; this happens once and takes about 15 seconds.\n")
    const code = await install()
    if (code !== 0) return code
  }
  if (sourcesNode() !== undefined) return 0
  process.stderr.write(
    `There is no Node 24 for this machine (${process.platform}-${process.arch}) in the packages, ` +
      `and this is Node ${process.versions.node}.\nInstall Node 24 or later, then run the same command again.\n`
  )
  return 1
}

const install = async () => {
  const said = []
  const command = windows ? "npx.cmd" : "npx"
  const environment = { ...process.env, CI: "true" }
  delete environment.NODE_ENV
  const code = await Child.run(
    command,
    ["--yes", pnpm, "install", "--frozen-lockfile"],
    { cwd: root, env: environment, shell: windows, stdio: ["ignore", "pipe", "pipe"] },
    (chunk) => said.push(chunk)
  )
  if (code === 0) return 0
  if (code === 130 || code === 143)
    process.stderr.write("Installing was interrupted; the next start takes it up again.\n")
  else process.stderr.write(complaint(Buffer.concat(said).toString()))
  return code
}

const complaint = (said) => {
  const lines = said.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("npm warn"))
  const heard = lines.slice(-lastLines).map((line) => `  ${line}\n`)
  return `Installing failed.\n${heard.join("")}${remedy(said)}\n`
}

const lastLines = 12

const remedies = [
  [
    /EROFS|EACCES|EPERM/,
    "A folder cannot be written. Copy this one to a place of yours, and see that your home is writable."
  ],
  [/ENOSPC/, "The disk is full. Make some room (about 500 MB), then run the same command again."],
  [/OUTDATED_LOCKFILE/, `package.json and pnpm-lock.yaml disagree. Run "npx ${pnpm} install" and commit the lockfile.`],
  [
    /ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ERR_SOCKET|FETCH|META_FETCH|network/i,
    "The package registry cannot be reached. Check the network and npm's proxy settings, then run the same command again."
  ]
]

const remedy = (said) =>
  remedies.find(([pattern]) => pattern.test(said))?.[1] ??
  `Run "npx ${pnpm} install" in this folder to see everything that it says.`
