/**
 * Installs what the lockfile names, with the pinned pnpm, unless it is there already.
 *
 * Standard output stays untouched, for it may belong to a program that reads it. A person sees one line, and more only
 * when it went wrong: what the installer said, and what to do about it.
 */
import { accessSync, constants } from "node:fs"
import * as Child from "./Child.mjs"
import { isInstalled, markInstalled, pnpm, root, sourcesNode, windows } from "./Workspace.mjs"

/** Resolves to 0 when everything is installed, else to the exit code to end with; the reason has been printed. */
export const ensure = async () => {
  if (!isInstalled()) {
    process.stderr.write("Installing what Reins needs. This happens once and takes about half a minute.\n")
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
  if (!isWritable(root)) {
    process.stderr.write(`Installing failed: ${root} cannot be written.\n${useYourOwn}\n`)
    return 1
  }
  const said = []
  const code = await Child.run(
    windows ? "npx.cmd" : "npx",
    ["--yes", pnpm, "install", "--frozen-lockfile", "--config.minimum-release-age=0"],
    { cwd: root, env: environment(), shell: windows, stdio: ["ignore", "pipe", "pipe"] },
    (chunk) => said.push(chunk)
  )
  if (code === 0) {
    markInstalled()
    return 0
  }
  if (code === 130 || code === 143)
    process.stderr.write("Installing was interrupted; the next start takes it up again.\n")
  else process.stderr.write(complaint(Buffer.concat(said).toString()))
  return code
}

/**
 * Asks no questions, installs the tools too whatever `NODE_ENV` says, lets errors be heard under `npm --silent`, and
 * gives up on a registry that does not answer within seconds rather than a minute.
 * How old each version must be was looked at when the lockfile was made; doing it again takes as long as installing.
 */
const environment = () => {
  const { NODE_ENV: _, ...rest } = process.env
  const retries = { npm_config_fetch_retry_factor: "2", npm_config_fetch_retry_mintimeout: "1000" }
  return { ...rest, ...retries, CI: "true", npm_config_loglevel: "error" }
}

const isWritable = (folder) => {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const complaint = (said) => {
  const lines = said.split(/[\r\n]+/).filter((line) => line.trim() !== "" && !noise.test(line))
  const byNpm = lines.filter((line) => line.startsWith("npm error"))
  const heard = byNpm.length > 0 ? byNpm.slice(0, fewLines) : lines.slice(-fewLines)
  return `Installing failed.\n${heard.map((line) => `  ${line}\n`).join("")}${remedy(said)}\n`
}

/** npm says first what is wrong, pnpm last. */
const fewLines = 6
const noise = /^(npm (warn|notice|error\s+at )|\s*\[WARN\]|Downloading |Progress:|[?✓] )/

const useYourOwn = "Copy the repository to a folder of yours, and see that your home can be written, too."

const remedies = [
  [/EROFS|EACCES|EPERM|permission denied|read-only/i, useYourOwn],
  [/ENOSPC|no space left/i, "The disk is full. Make some room (about 500 MB), then run the same command again."],
  [/OUTDATED_LOCKFILE/, `package.json and pnpm-lock.yaml disagree. Run "npx ${pnpm} install" and commit the lockfile.`],
  [
    /ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ERR_SOCKET|FETCH|META_FETCH|network/i,
    "The package registry cannot be reached. Check the network and npm's proxy settings, then run the same command again."
  ]
]

const remedy = (said) =>
  remedies.find(([pattern]) => pattern.test(said))?.[1] ??
  `Run "npx ${pnpm} install" in this folder to see everything that it says.`
