/**
 * Installs what the lockfile names, with the pinned pnpm, unless it is installed already.
 *
 * Writes nothing to standard output, which may belong to a program that parses it. A person sees one line, and on
 * failure the installer's output and the cure.
 */
import { accessSync, constants } from "node:fs"
import * as Child from "./Child.mjs"
import { isInstalled, markInstalled, pnpm, root, sourcesNode, windows } from "./Workspace.mjs"

/** Resolves to 0 when everything is installed, else to the exit code; the reason has been printed. */
export const ensure = async () => {
  if (!isInstalled()) {
    process.stderr.write("Installing what Reins needs. This happens once and takes about half a minute.\n")
    const code = await install()
    if (code !== 0) return code
  }
  if (sourcesNode() !== undefined) return 0
  process.stderr.write(
    `The package registry has no Node 24 for this machine (${process.platform}-${process.arch}), ` +
      `and this is Node ${process.versions.node}.\nInstall Node 24 or later, then run the same command again.\n`
  )
  return 1
}

const install = async () => {
  if (!isWritable(root)) {
    process.stderr.write(`Installing failed: ${root} is not writable.\n${useYourOwn}\n`)
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
  if (code === 130 || code === 143) process.stderr.write("Installing was interrupted. The next start continues it.\n")
  else process.stderr.write(complaint(Buffer.concat(said).toString()))
  return code
}

/**
 * Asks no questions, installs development tools whatever `NODE_ENV` says, shows errors under `npm --silent`, and gives
 * up on an unresponsive registry within seconds instead of a minute. The age of each version was checked when the
 * lockfile was made; checking again takes as long as installing.
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

/** npm prints the cause first, pnpm last. */
const fewLines = 6
const noise = /^(npm (warn|notice|error\s+at )|\s*\[WARN\]|Downloading |Progress:|[?✓] )/

const useYourOwn = "Copy the repository to a folder that you own, and make sure that your home directory is writable."

const remedies = [
  [/EROFS|EACCES|EPERM|permission denied|read-only/i, useYourOwn],
  [/ENOSPC|no space left/i, "The disk is full. Free about 500 MB, then run the same command again."],
  [/OUTDATED_LOCKFILE/, `package.json and pnpm-lock.yaml disagree. Run "npx ${pnpm} install" and commit the lockfile.`],
  [
    /ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ERR_SOCKET|FETCH|META_FETCH|network/i,
    "The package registry cannot be reached. Check the network and npm's proxy settings, then run the same command again."
  ]
]

const remedy = (said) =>
  remedies.find(([pattern]) => pattern.test(said))?.[1] ??
  `Run "npx ${pnpm} install" in this folder to see its full output.`
