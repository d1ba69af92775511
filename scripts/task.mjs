/**
 * The entry point of every task of the workspace: `node scripts/task.mjs <task> [arguments]`.
 *
 * Plain JavaScript without dependencies, since it runs before anything is installed, on any Node. It only checks the
 * version of that Node, in syntax that old versions understand; everything else is in `Tasks.mjs`.
 */
const oldest = 20
const major = Number(process.versions.node.split(".")[0])

if (major < oldest) {
  console.error(`Reins needs Node ${oldest} or later to start; this is Node ${process.versions.node}.`)
  console.error("Install a current Node, then run the same command again.")
  process.exitCode = 1
} else {
  import("./Tasks.mjs").then((tasks) => tasks.main(process.argv.slice(2)))
}
