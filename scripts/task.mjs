/**
 * The door to every task of the workspace: `node scripts/task.mjs <task> [arguments]`.
 *
 * Plain JavaScript without dependencies, for it runs before anything is installed, on whatever Node is there. Only the
 * age of that Node is looked at here, in words that an old one still understands; everything else is in `Tasks.mjs`.
 */
const oldest = 20
const major = Number(process.versions.node.split(".")[0])

if (major < oldest) {
  console.error(`Reins needs Node ${oldest} or later to start; this is Node ${process.versions.node}.`)
  console.error("Install a current one, then run the same command again.")
  process.exitCode = 1
} else {
  import("./Tasks.mjs").then((tasks) => tasks.main(process.argv.slice(2)))
}
